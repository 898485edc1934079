"""Output that cannot be written: exit code 3 (2 where the name is the mistake), nothing half-written, and
what was there survives."""

import json
import os
import pathlib
import resource
import shutil
import stat
import subprocess
import tempfile

import pytest
from command import BINARY, DATA, wait_for

WRITERS = {
    "layer gen": lambda suite, out: ["layer", "gen", suite, "-o", out],
    "bench": lambda suite, out: ["bench", "--quiet", "--suite", suite, "--kernel", "model_*", "--out", out],
}
GOOD = b"a good file of old\n"


@pytest.fixture(params=WRITERS)
def writer(request):
    return request.param


def test_folder_that_does_not_exist(eie, tiny, writer):
    eie.fails(3, "nowhere/out", *WRITERS[writer](tiny, "nowhere/out"))


def test_folder_that_is_a_file(eie, tiny, tmp_path, writer):
    (tmp_path / "good").write_bytes(GOOD)
    eie.fails(3, "good/out", *WRITERS[writer](tiny, "good/out"))


def test_path_that_is_a_folder(eie, tiny, tmp_path, writer):
    (tmp_path / "folder").mkdir()
    eie.fails(2, "folder", *WRITERS[writer](tiny, "folder"))


def test_path_that_ends_in_a_slash(eie, tiny, writer):
    eie.fails(2, "new/", *WRITERS[writer](tiny, "new/"))


def test_empty_path(eie, tiny, writer):
    eie.fails(2, "empty", *WRITERS[writer](tiny, ""))


def test_name_that_is_too_long(eie, tiny, writer):
    eie.fails(3, "xxx", *WRITERS[writer](tiny, "x" * 300))


def test_full_device(eie, tiny, writer):
    eie.fails(3, "/dev/full", *WRITERS[writer](tiny, "/dev/full"))
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("limit", [0, 100, 4096])
def test_limit_on_the_size_of_files(eie, tiny, tmp_path, writer, limit):
    (tmp_path / "out").write_bytes(GOOD)
    eie.fails(
        3, "out", *WRITERS[writer](tiny, "out"), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert (tmp_path / "out").read_bytes() == GOOD


def test_limit_on_the_size_of_a_new_file(eie, tiny, writer):
    eie.fails(
        3,
        "ulimit -f",
        *WRITERS[writer](tiny, "out"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )


FULL_DISK = """
mount -t tmpfs -o size=64k tmpfs disk && printf 'a good file of old\n' >disk/out || exit 99
head -c 1000000 /dev/zero >disk/filler 2>/dev/null
"$@"
code=$?
ls -A disk >listing
cp disk/out after
exit $code
"""


def test_full_disk(eie, tiny, tmp_path, writer):
    (tmp_path / "disk").mkdir()
    inside = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", FULL_DISK, "sh", BINARY]
    try:
        done = subprocess.run(
            [*inside, *map(str, WRITERS[writer](tiny, "disk/out"))],
            cwd=tmp_path,
            env=eie.environment,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        pytest.skip("full disk: there is no unshare")
    if done.returncode in (1, 99) and not (tmp_path / "listing").exists():
        pytest.skip("full disk: a small tmpfs cannot be mounted here")
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "disk/out" in done.stderr and "No space left" in done.stderr
    assert (tmp_path / "listing").read_text().split() == ["filler", "out"]
    assert (tmp_path / "after").read_bytes() == GOOD


@pytest.fixture
def unprivileged(eie, tiny):
    """Runs the command as a user who owns nothing, in a folder that everybody may enter."""
    folder = pathlib.Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    try:
        folder.chmod(0o755)
        for part in folder.parents:
            if root and not part.stat().st_mode & stat.S_IXOTH:
                pytest.skip(f"no permission: others may not enter {part}")
        shutil.copy(BINARY, folder / "eie")
        shutil.copytree(DATA, folder / "data")
        shutil.copy(tiny, folder / "tiny.json")
        for name, mode in (("locked", 0o555), ("open", 0o777)):
            (folder / name).mkdir()
            (folder / name / "good").write_bytes(GOOD)
            (folder / name / "good").chmod(0o444)
            (folder / name).chmod(mode)

        def run(*arguments):
            return subprocess.run(
                ["./eie", *map(str, arguments)],
                cwd=folder,
                capture_output=True,
                text=True,
                env=eie.environment | {"EIE_DATA_DIR": str(folder / "data")},
                **({"user": 65534, "group": 65534, "extra_groups": []} if root else {}),
            )

        run.folder = folder
        yield run
    finally:
        (folder / "locked").exists() and (folder / "locked").chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("out", ["locked/new", "locked/good", "open/good"])
def test_no_permission(unprivileged, writer, out):
    done = unprivileged(*WRITERS[writer]("tiny.json", out))
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1 and out in done.stderr and "Permission denied" in done.stderr
    for folder in ("locked", "open"):
        assert [path.name for path in (unprivileged.folder / folder).iterdir()] == ["good"]
        assert (unprivileged.folder / folder / "good").read_bytes() == GOOD


def test_input_without_permission_to_read(unprivileged, writer):
    path = unprivileged.folder / "tiny.json"
    path.chmod(0)
    done = unprivileged(*WRITERS[writer]("tiny.json", "open/new"))
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "tiny.json" in done.stderr and "Permission" in done.stderr
    assert [path.name for path in (unprivileged.folder / "open").iterdir()] == ["good"]


def test_good_file_survives_a_bad_suite(eie, make_suite, tmp_path, writer):
    (tmp_path / "out").write_bytes(GOOD)
    eie.fails(2, "pe_count", *WRITERS[writer](make_suite(pe_count=0), "out"))
    assert (tmp_path / "out").read_bytes() == GOOD


def test_old_file_is_replaced_and_a_link_to_it_stays(eie, tiny, tmp_path, writer):
    (tmp_path / "out").write_bytes(GOOD)
    (tmp_path / "link").symlink_to("out")
    eie(*WRITERS[writer](tiny, "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() != GOOD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out", "tiny.json"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "kernels"],
        ["list", "layers", "--json"],
        ["layer", "dump", "tiny.json/even"],
        ["layer", "info", "tiny.json"],
        ["check", "--case", "3", "--kernel", "model_*"],
        ["bench", "--help"],
    ],
    ids=" ".join,
)
def test_standard_output_is_full(eie, tiny, arguments):
    with open("/dev/full", "wb") as full:
        eie.fails(3, "standard output", *arguments, stdout=full)


# ---- standard output ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["list", "kernels"], ["layer", "info", "tiny.json"], ["bench", "--help"]], ids=" ".join
)
def test_standard_output_is_closed(eie, tiny, arguments):
    eie.fails(3, "closed", *arguments, preexec_fn=lambda: os.close(1))


DOCUMENTS = {
    "bench": ["bench", "--quiet", "--suite", "tiny.json", "--kernel", "model_*", "--out"],
    "explore": ["explore", "--suite", "tiny.json", "--out"],
    "layer gen": ["layer", "gen", "tiny.json", "-o"],
}
JSON = ("bench", "explore")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_on_standard_output_is_alone_there(eie, tiny, name):
    """Through a pipe, and where standard output is the file of that name."""
    piped = eie.popen(*DOCUMENTS[name], "/dev/stdout")
    out, err = piped.communicate()
    with open(eie.folder / "caught", "wb") as file:
        to_file = eie(*DOCUMENTS[name], "caught", stdout=file)
    assert piped.returncode == 0 and err and to_file.stderr  # what is printed beside the document
    (eie.folder / "piped").write_bytes(out)
    for path in ("piped", "caught"):
        if name in JSON:
            json.loads((eie.folder / path).read_bytes())
        else:
            eie("layer", "verify", path)


def test_standard_output_takes_one_document(eie):
    (eie.folder / "w.mtx").write_text("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n")
    for arguments in (["--ledger", "/dev/stdout"], ["--json"]):
        eie.fails(2, "only one document", "compress", "w.mtx", "-o", "/dev/stdout", *arguments)


# ---- two writers -------------------------------------------------------------------------------


def test_the_second_writer_of_a_results_file_is_told_who_has_it(eie, tiny, tmp_path, halting):
    (tmp_path / "halt").write_text("2")
    arguments = ["bench", "--quiet", "--suite", tiny, "--threads", "1", "--cache", "hot", "--budget", "least"]
    first = eie.popen(*arguments, "--plugin", halting, "--kernel", "test_*", "--out", "out.json")
    try:
        wait_for(first, (tmp_path / "halted").exists)
        (tmp_path / "link.json").symlink_to("out.json")
        for name in ("out.json", "link.json", "../" + tmp_path.name + "/out.json"):
            for options in ([], ["--resume"]):
                done = eie.run(*arguments, "--kernel", "scalar_eie_stream", "--out", name, *options)
                assert done.returncode == 3 and f"process {first.pid}" in done.stderr, done.stderr
                assert len(done.stderr.splitlines()) == 1  # what the first writes may change meanwhile
        eie(*arguments, "--kernel", "scalar_eie_stream", "--out", "other.json")
    finally:
        first.kill()
        first.communicate()
    (tmp_path / "halt").unlink()
    eie(*arguments, "--kernel", "scalar_eie_stream", "--out", "out.json")  # a killed process holds nothing
    assert not list(tmp_path.glob(".*"))


def test_an_old_lock_of_nobody_is_no_lock(eie, tiny, tmp_path):
    (tmp_path / ".out.json.lock").write_text("1\n")
    eie(*DOCUMENTS["explore"], "out.json")
    assert not (tmp_path / ".out.json.lock").exists()


# ---- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, option",
    [
        (["bench", "--suite", "tiny.json", "--suite", "tiny.json"], "--suite"),
        (["bench", "--kernel", "a", "--kernel", "b"], "--kernel"),
        (["check", "--seed", "1", "--seed", "1"], "--seed"),
        (["compress", "w.npy", "-o", "a", "-o", "b"], "--out"),
        (["expand", "a", "--layer", "x", "--layer", "y"], "--layer"),
        (["explore", "--queue", "8", "--queue", "16"], "--queue"),
        (["estimate", "--inputs", "8", "--inputs", "16"], "--inputs"),
        (["layer", "info", "a", "--pes", "4", "--pes", "8"], "--pes"),
        (["bench", "--also", "--layer", "x", "--layer", "y"], "--layer"),
    ],
)
def test_an_option_given_twice_is_refused(eie, tiny, arguments, option):
    eie.fails(2, f"option {option} was given twice", *arguments)


def test_options_start_over_after_also(eie, tiny):
    eie("bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--also", "--suite", tiny, "--kernel", "model_eie_cycle")
