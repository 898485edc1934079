"""python -m bench.fleet OPTIONS, in the folder of the repository: called by `./run fleet`. Exit codes: 0 good, 1 a check failed
or a row was slower than its reference allows, 2 usage or bad input, 3 a visit is missing, or the machine failed."""

import argparse
import os
import subprocess
import sys

from bench.fleet import array, matrix, rows
from plots.options import fleet

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
SITE = os.path.join(FOLDER, "sites", "local.py")


def main():
    parser = argparse.ArgumentParser(prog="./run fleet", allow_abbrev=False)
    fleet.add(parser)
    own, further = fleet.split(sys.argv[1:])
    options = parser.parse_args(own)
    if not options.bundle or not options.out:
        parser.error("--bundle and --out are needed here; ./run fleet has both")
    try:
        plan = matrix.make(options)
        _check_references(plan)
        os.makedirs(options.out, exist_ok=True)
        path = os.path.join(os.path.abspath(options.out), matrix.PLAN)
        matrix.write(path, plan)
        if options.by == "array":
            return array.run(plan, os.path.abspath(options.out), further, options.wait)
    except matrix.MatrixError as error:
        return _failed(error, 2)
    except array.Failed as error:
        return _failed(error, 3)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}", 3)
    return _reframe(path, options, further)


def _check_references(plan):
    if plan["references"]:
        try:
            rows.references_us(plan["references"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise matrix.MatrixError(f"--reference {plan['references']}: no results file of eie bench: {error}") from None


def _failed(words, code):
    print(f"run: fleet: {' '.join(str(words).split())}", file=sys.stderr)
    return code


def _reframe(plan, options, further):
    out = os.path.abspath(options.out)
    program = os.path.join(os.path.dirname(sys.executable), "reframe")
    words = [program, "-C", options.site or SITE, "-c", os.path.join(FOLDER, "visits.py"), "-r", "--performance-report"]
    words += ["--prefix", os.path.join(out, "reframe"), "--report-file", os.path.join(out, "report.json")]
    words += ["--system", options.system] if options.system else []
    environment = dict(os.environ, EIE_FLEET_PLAN=plan, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE="1")
    try:
        code = subprocess.run(words + further, env=environment).returncode
    except OSError as error:
        return _failed(f"{program}: {error.strerror}", 3)
    except KeyboardInterrupt:
        return 130
    print(
        f"results: {os.path.join(out, 'results')}; a table of them: ./run report {os.path.join(options.out, 'results')}/*.json"
    )
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
