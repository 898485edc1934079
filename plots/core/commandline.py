"""What the programs of this folder share: every mistake is one line, and exit code 1 means what a program says it means."""

import argparse
import errno
import io
import os
import sys
import traceback

UNWRITTEN = 3  # the output could not be written; also a fault of the program itself


PROGRAM = "python3 -m plots "


class Parser(argparse.ArgumentParser):
    """Parser("report", ...): a mistake has the verb's name before it, the usage the whole call."""

    def __init__(self, verb="", prog="", **further):  # argparse itself makes those of verbs below a verb, with `prog`
        super().__init__(prog=prog or PROGRAM + verb, **further)

    def error(self, message):
        self.exit(2, f"{self.prog[len(PROGRAM) :]}: {message}; try --help\n")


class _Closed(io.TextIOBase):
    """Stands for a standard output that was closed before the program began."""

    def write(self, _):
        raise OSError(errno.EBADF, "standard output is closed")


def leave(main):
    """Runs the program and ends the process with its exit code."""
    name = os.path.basename(sys.argv[0])
    try:
        if sys.stdout is None:
            sys.stdout = _Closed()
        else:
            sys.stdout.reconfigure(errors="replace")
        code = main()
        sys.stdout.flush()
    except OSError as error:
        code = _said(f"{name}: the output cannot be written: {error.strerror or error}")
    except Exception as error:  # Python's own exit code would be 1, that of a slowdown
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(str(error).split())
        code = _said(
            f"{name}: a fault of this program, {os.path.basename(place.filename)}:{place.lineno}: "
            f"{type(error).__name__}: {words}"
        )
    except KeyboardInterrupt:
        code = 130
    _drop_output()
    sys.exit(code)


def _said(line):
    if sys.stderr is not None:
        print(line.encode("ascii", "replace").decode(), file=sys.stderr)
    return UNWRITTEN


def _drop_output():
    """Python flushes once more at its end and would complain again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass
