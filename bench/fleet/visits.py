"""The matrix as ReFrame's regression tests: one for each layer, batch and place of the plan that EIE_FLEET_PLAN names.

Sanity is eie's own check: it ended well, no row of the visit failed it, and there is a number. Performance values are the
medians of the rows in microseconds, with the references that the plan's results file has for the same layer (by its hash),
kernel and place; a row without a reference is told and judged by nothing. `./run fleet` calls it.
"""

import os
import shlex
import shutil

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import parameter, run_before, sanity_function
from reframe.core.exceptions import ReframeFatalError
from reframe.core.runtime import runtime

from bench.fleet import matrix, rows
from bench.fleet.missing import RESULTS

PLAN = matrix.read(os.environ["EIE_FLEET_PLAN"])
if runtime().system.name == "generic":  # what ReFrame falls back to: this machine, where a cluster was meant
    raise ReframeFatalError("no system of the site's file has a hostname of this machine; --system NAME names one")


def _values(name):
    return list(dict.fromkeys(visit[name] for visit in PLAN["visits"]))


@rfm.simple_test
class Matrix(rfm.RunOnlyRegressionTest):
    suite = parameter(_values("suite"), loggable=True)
    layer = parameter(_values("layer"), loggable=True)
    batch = parameter(_values("batch"), loggable=True)
    place = parameter(_values("place"), loggable=True)

    descr = "kernels of eiebench on one layer"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    sourcesdir = None
    time_limit = "1h"
    keep_files = [RESULTS]

    @run_before("run")
    def set_command(self):
        visit = {"suite": self.suite, "layer": self.layer, "batch": self.batch, "place": self.place}
        self.executable = shlex.quote(PLAN["program"])
        self.executable_opts = [shlex.quote(word) for word in matrix.words(PLAN, visit)] + ["--out", RESULTS]
        self.postrun_cmds = ['echo "eie ended with $?"']

    def _path(self):
        return os.path.join(self.stagedir, RESULTS)

    @run_before("sanity")
    def keep_results(self):
        """A copy for the table, whatever is found of it."""
        if os.path.isfile(self._path()):
            visit = matrix.name_of(self.suite, self.layer, self.batch, self.place)
            where = "-".join((visit, self.hashcode, self.current_partition.fullname.replace(":", "-")))
            os.makedirs(PLAN["results"], exist_ok=True)
            shutil.copyfile(self._path(), os.path.join(PLAN["results"], f"{where}.json"))

    @sanity_function
    def is_checked(self):
        return sn.all([self.rows_are_good(), sn.assert_found(r"^eie ended with 0$", self.stdout)])

    @sn.deferrable
    def rows_are_good(self):
        if not os.path.isfile(self._path()):
            return True  # the exit code says why there is none
        _, numbers, missing = rows.read(self._path())
        faults = rows.faults(missing)
        sn.evaluate(sn.assert_false(faults, f"eie's check: {'; '.join(faults)}"))
        return sn.evaluate(sn.assert_true(numbers, f"no row has a number: {_reasons(missing)}"))

    @run_before("performance")
    def set_performance(self):
        found = rows.times_us(rows.read(self._path())[1])
        self.perf_variables = {name: _value(time) for name, (time, _) in found.items()}
        known = rows.references_us(PLAN["references"]) if PLAN["references"] else {}
        reference = {
            name: (known[place], None, PLAN["tolerance"], "us") for name, (_, place) in found.items() if place in known
        }
        self.reference = {"*": reference}


def _value(time):
    return sn.make_performance_function(sn.defer(time), "us")


def _reasons(missing):
    return "; ".join(sorted({f"{row['eie_kernel']}: {row.get('eie_reason', '')}" for row in missing})) or "no row at all"
