"""What the verbs say, all of it on stderr."""

import sys

MOST = 600  # characters of a message: words of a command line may be long


def tell(line):
    if sys.stderr is not None:
        shown = "".join(" " if each == "\n" else each if each.isprintable() else "?" for each in line)
        print("run: " + (shown if len(shown) <= MOST else shown[:MOST] + "..."), file=sys.stderr, flush=True)


def die(line, code=3):
    """Ends the process with one line. Code 2: usage or bad input; 3: the machine."""
    tell(line)
    sys.exit(code)


def say(line):
    """What is being done now."""
    if sys.stderr is not None:
        print(f"\n== {line}", file=sys.stderr, flush=True)
