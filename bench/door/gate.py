"""What `./run ab` measures as a gate, and how many pairs of runs it takes until a verdict is clear."""

import math
import platform

# One layer that fits into a second-level cache, one thread, one copy: what scatters least. Of each family of kernels the rows
# that differ most in how they work, and no more: each further row costs pairs, and so what can be seen (results/NOTES.md, "The
# gate and the history, mended"); what they do not run, `./run count` counts. cpu_auto, which chooses by timing, is none of
# them. A library's dense row, whose code is the same on both sides, tells what is around all kernels, or the machine, from
# the kernels' own code.
ROWS = ("--suite", "paper", "--layer", "NT-We", "--threads", "1", "--cache", "hot")
X86 = ("avx2_window_lookup", "avx2_column_table", "avx512_byte_lookup", "avx512_word_lookup")
OWN = {"x86_64": X86, "aarch64": ("neon_window_lookup",)}.get(platform.machine(), ())
BENCH = (*ROWS, "--kernel", ",".join(("scalar_eie_stream", *OWN, "peers_scipy_openblas_sgemv")))
SECONDS = 45.0
POWER_PERCENT = 10.0

FAMILY_PERCENT = 1.0  # over all looks together
LOOKS = 3  # a verdict that is clear at the first or second ends the runs
MOST = 3  # times the pairs of the first look
FEWEST_PAIRS = 5  # even where the budget is used up


def looks(rows):
    """The numbers of pairs after which all rows are looked at; the last is more than the budget has time for on most machines,
    so that all of it is used. At the first one signed ranks can call a row, one pair of which
    disagrees: with n pairs their least chance is 2^-n, and Holm's first limit is the error through tests and looks."""
    tests = 2 * (rows + 1)  # slower and faster, and the mean
    first = max(FEWEST_PAIRS, 1 + math.ceil(math.log2(tests * LOOKS * 100 / FAMILY_PERCENT)))
    return [math.ceil(first * factor) for factor in (1, 1.5, MOST)][:LOOKS]
