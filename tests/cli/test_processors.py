"""What other processors do with the program: emulated ones that lack what this one has, and valgrind's."""

import shutil
import subprocess

import pytest
from command import BINARY, GUARD_S

KERNELS = "scalar_*,cpu_*,avx*"
ILLEGAL = """
int main(void)
{
    __asm__ volatile("%s" ::: "xmm0");
    return 0;
}
"""


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


def emulated(eie, processor, *arguments):
    need("qemu-x86_64")
    return subprocess.run(
        ["qemu-x86_64", "-cpu", processor, *arguments],
        cwd=eie.folder,
        env=eie.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
    )


@pytest.mark.parametrize(
    "processor, instruction", [("Nehalem", "vpaddd %%ymm0, %%ymm0, %%ymm0"), ("Haswell", "vpaddd %%zmm0, %%zmm0, %%zmm0")]
)
def test_emulator_notices_an_illegal_instruction(eie, tmp_path, processor, instruction):
    """Without this the tests below would show nothing."""
    source = tmp_path / "illegal.c"
    source.write_text(ILLEGAL % instruction)
    subprocess.run(["cc", "-o", tmp_path / "illegal", source], check=True)
    assert "llegal instruction" in emulated(eie, processor, tmp_path / "illegal").stderr


@pytest.mark.parametrize("processor, runs", [("core2duo", False), ("Nehalem", False), ("Haswell", True)])
def test_list_of_an_older_processor(eie, processor, runs):
    done = emulated(eie, processor, BINARY, "list", "kernels")
    assert done.returncode == 0, done.stderr
    status = {line.split()[0]: line.rstrip() for line in done.stdout.splitlines()[1:]}
    for name, line in status.items():
        if name.startswith("avx512_"):
            assert " unsupported " in line and "lacks avx512" in line
        elif name == "avx2_vnni_lookup":
            assert " unsupported " in line and line.endswith("lacks avxvnni" if runs else "lacks avx2,avxvnni")
        elif name.startswith("avx2_"):
            assert " ok " in line if runs else " unsupported " in line and line.endswith("lacks avx2")
    assert " ok " in status["scalar_eie_stream"] and " ok " in status["cpu_auto"]


@pytest.mark.slow
@pytest.mark.parametrize("processor, runs", [("Nehalem", {"scalar", "cpu"}), ("Haswell", {"scalar", "cpu", "avx2"})])
def test_kernels_on_an_older_processor(eie, processor, runs):
    done = emulated(eie, processor, BINARY, "check", "--kernel", KERNELS, "--cases", "0", "--threads", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    kernels = [line.split()[:2] for line in done.stdout.splitlines()[:-1]]
    assert {name.split("_")[0] for name, status in kernels if status == "ok"} == runs
    assert {status for _, status in kernels} == {"ok", "unsupported"}


@pytest.mark.parametrize(
    "case", ["3", pytest.param("12", marks=pytest.mark.slow), pytest.param("30", marks=pytest.mark.slow)]
)
def test_memory_is_clean(eie, case):
    """valgrind knows no AVX-512."""
    need("valgrind")
    done = subprocess.run(
        [
            "valgrind",
            "--error-exitcode=99",
            "--leak-check=no",
            BINARY,
            "check",
            "--kernel",
            "scalar_*,avx2_*",
            "--case",
            case,
            "--threads",
            "1",
        ],
        cwd=eie.folder,
        env=eie.environment | {"EIE_ISA_MASK": "avx512"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summaries = [line for line in done.stderr.splitlines() if "ERROR SUMMARY" in line]  # one for each process
    assert summaries and all("ERROR SUMMARY: 0 errors" in line for line in summaries)
    assert [line for line in done.stdout.splitlines() if line.startswith("scalar_eie_stream ")][0].split()[1] == "ok"
