"""TEMPORARY. The kernels that a verb measures, as lists of globs. Delete this file once `eie bench` knows `--kernel default`
and hand that word on in its callers' stead: default_kernels() in reproduce.py, for batch 1 and batch 64, and in
compress.py."""

import fnmatch
import re

from bench.door.programs import output
from bench.door.project import EIE

BATCH_1 = (
    "cpu_*,scalar_eie_*,avx*_eie_*,avx*_lookup,avx*_column*,avx*_dense_columns,neon_*,peers_[!c]*gemv,peers_onednn_sgemm,"
    "peers_mkl_csr_mv,model_*"
)
BATCH_64 = "peers_[!c]*gemm,peers_mkl_csr_mm,peers_onednn_int8,avx*_batch_*,neon_*,cpu_*"
BATCH_64_FULL = "peers_[!c]*,scalar_eie_*,avx*_batch_*,neon_*,cpu_*,*_float_*"


def default_kernels(batch, full=False):
    """For --kernel. `full`: with the libraries' and the stream's slow ones, and float32 of all widths."""
    lines = output(EIE, "list", "kernels")[0].splitlines()[1:]
    if full:
        return _known(BATCH_64_FULL, lines)
    return _known((BATCH_1 if batch == 1 else BATCH_64) + "," + _float_kernels(lines), lines)


def compress_kernels():
    return _known(BATCH_1 + ",*_float_*", output(EIE, "list", "kernels")[0].splitlines()[1:])


def _float_kernels(lines):
    """Kernels of our own in float32: by the widest vectors of this machine."""
    for folder in ("avx512", "avx2", "neon"):
        for line in lines:
            if line.startswith(f"{folder}_float_") and not re.search(" (unsupported|skipped)", line):
                return f"{folder}_float_*"
    return "scalar_float_*"


def _known(globs, lines):
    """Those that name a kernel of this build: it has no folder of another processor."""
    names = [line.split(" ")[0] for line in lines]
    return ",".join(glob for glob in globs.split(",") if fnmatch.filter(names, glob)) or globs
