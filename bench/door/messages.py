"""What the verbs say, all of it on stderr."""

import sys


def tell(line):
    if sys.stderr is not None:
        print("run: " + " ".join(line.split("\n")), file=sys.stderr, flush=True)


def die(line, code=3):
    """Ends the process with one line. Code 2: usage or bad input; 3: the machine."""
    tell(line)
    sys.exit(code)


def say(line):
    """What is being done now."""
    if sys.stderr is not None:
        print(f"\n== {line}", file=sys.stderr, flush=True)
