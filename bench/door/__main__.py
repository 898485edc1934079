"""python3 -B -m bench.door VERB [ARGUMENTS], in the folder of the repository: called by `run`, which knows that the verb is
one of verbs/. Exit codes: 0 good, 1 a mismatch, a failed test or a slowdown, 2 usage or bad input, 3 the machine, 4 what was
asked for could not have been seen, 130 and 143 interrupted."""

import importlib
import os
import sys
import traceback

from bench.door import programs
from bench.door.messages import die


def main():
    programs.begin()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # a verb leaves nothing behind that was not asked for
    try:
        importlib.import_module("bench.door.verbs." + sys.argv[1]).main(sys.argv[2:])
    except OSError as error:
        die(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:  # Python's own exit code would be 1, that of a failed test
        place = traceback.extract_tb(error.__traceback__)[-1]
        die(f"a fault of {os.path.basename(place.filename)}:{place.lineno}: {type(error).__name__}: {error}")
    finally:
        flush()
    programs.stop_if_asked()


def flush():
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes once more at its end
        die(f"the output cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
