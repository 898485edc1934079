"""python -m bench.fleet OPTIONS, in the folder of the repository: called by `./run fleet`. Exit codes: 0 good, 1 a check failed
or a row was slower than its reference allows, 2 usage or bad input, 3 a visit is missing, or the machine failed."""

import argparse
import importlib.util
import os
import subprocess
import sys

from bench.fleet import array, matrix, missing, rows
from plots.options import fleet

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
SITE = os.path.join(FOLDER, "sites", "local.py")
START = "import sys; from reframe.frontend.cli import main; sys.argv[0] = 'reframe'; sys.exit(main())"  # its script names the folder that it was installed in


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
        _check_way(options)
        os.makedirs(options.out, exist_ok=True)
        path = os.path.join(os.path.abspath(options.out), matrix.PLAN)
        if options.by == "array":
            matrix.check_folder(options.out, plan)
        matrix.write(path, plan)
        if options.by == "array":
            return array.run(plan, os.path.abspath(options.out), further, options.wait)
    except matrix.MatrixError as error:
        return _failed(error, 2)
    except array.Failed as error:
        return _failed(error, 3)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}", 3)
    return _reframe(path, plan, options, further)


def _check_references(plan):
    if plan["references"]:
        try:
            rows.references_us(plan["references"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise matrix.MatrixError(f"--reference {plan['references']}: no results file of eie bench: {error}") from None


def _check_way(options):
    """Options that only ReFrame knows; the site's file, whose mistake ReFrame would show as a trace."""
    if options.by == "array":
        for name in ("site", "system", "reference"):
            if getattr(options, name):
                raise matrix.MatrixError(f"--{name} is for ReFrame, not for --by array")
        return
    if importlib.util.find_spec("reframe") is None:
        raise array.Failed("ReFrame is not installed: bench/fleet/requirements.txt")
    if options.site and options.site.endswith(".py"):
        try:
            with open(options.site, "rb") as file:
                compile(file.read(), options.site, "exec")
        except (OSError, SyntaxError, ValueError) as error:
            words = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else error
            raise matrix.MatrixError(f"--site {options.site}: {words}") from None


def _failed(words, code):
    print(f"run: fleet: {' '.join(str(words).split())}", file=sys.stderr)
    return code


def _reframe(path, plan, options, further):
    out, site = os.path.abspath(options.out), options.site or SITE
    report = os.path.join(out, "report.json")
    if os.path.exists(report):
        os.unlink(report)  # of an earlier call
    words = [sys.executable, "-c", START, "-C", site, "-c", os.path.join(FOLDER, "visits.py"), "-r", "--performance-report"]
    words += ["--prefix", os.path.join(out, "reframe"), "--report-file", report]
    words += ["--system", options.system] if options.system else []
    environment = dict(os.environ, EIE_FLEET_PLAN=path, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE="1")
    try:
        code = subprocess.run(words + further, env=environment).returncode
    except KeyboardInterrupt:
        return 130
    if not os.path.exists(report):
        return _failed("ReFrame ran no visit: see its message above", 2)
    lost = missing.of_report(report)
    missing.write(plan, lost, out)
    for visit in lost:
        print(f"missing: {visit['name']}: {visit['reason']}", file=sys.stderr)
    results = os.path.join(options.out, "results")
    print(f"results: {os.path.abspath(results)}; a table of them: ./run report {results}/*.json")
    return 0 if not code else 3 if lost and len(lost) == missing.failures(report) else 1


if __name__ == "__main__":
    sys.exit(main())
