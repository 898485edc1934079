"""Plug-ins: what is loaded and what is refused, and that a kernel which crashes or hangs costs its own line."""

import json
import os
import pathlib
import shlex
import signal
import time

import pytest
from command import GUARD_S, kernel_source, wait_for

GOOD = "scalar_ref_dense"  # a kernel of the program, checked beside the plug-in's
HANG = "for (;;) pause();"
SEGFAULT = "raise(SIGSEGV);"


def check(eie, path, *arguments, code=1, **further):
    """Checks the plug-in's kernels and a good one on one case; {kernel: line}. The good one is always ok."""
    done = eie.run(
        "check", "--plugin", path, "--kernel", f"test_*,{GOOD}", "--case", "3", "--threads", "1", *arguments, **further
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert len(lines) == len(done.stdout.splitlines())
    assert lines[GOOD].split()[1] == "ok"
    return lines


# ---- what is loaded ----------------------------------------------------------------------------


def test_plugin_is_listed_with_its_path(eie, plugin):
    path = plugin("good")
    kernels = {one["name"]: one for one in json.loads(eie("list", "kernels", "--plugin", path, "--json").stdout)}
    assert kernels["test_good"]["status"] == "ok" and kernels["test_good"]["plugin"] == str(path)
    assert kernels[GOOD]["plugin"] is None
    head, *lines = eie("list", "kernels", "--plugin", path).stdout.splitlines()
    assert "plugin" in head.split()
    (line,) = (line for line in lines if line.startswith("test_good "))
    assert str(path) in line


def test_without_a_plugin_nothing_of_it_is_listed(eie):
    done = eie("list", "kernels")
    assert "plugin" not in done.stdout.splitlines()[0].split() and "test_" not in done.stdout


def test_correct_plugin_is_checked(eie, plugin):
    line = check(eie, plugin("good"), code=0)["test_good"]
    assert line.split()[1:4] == ["ok", "2", "runs"] and "bit for bit" in line


def test_bare_name_means_this_folder(eie, plugin):
    plugin("good")
    check(eie, "good.so", code=0)


def test_bench_gives_its_row_a_number(eie, plugin, tiny):
    results = eie.bench(
        "--plugin", plugin("good"), "--suite", tiny, "--layer", "odd", "--kernel", f"test_*,{GOOD}", "--threads", "1"
    )
    (row,) = (row for row in results["benchmarks"] if row["eie_kernel"] == "test_good")
    assert row["eie_status"] == "ok" and row["eie_median_ns"] > 0


def test_bench_takes_it_without_being_told(eie, plugin, tiny):
    results = eie.bench("--plugin", plugin("good"), "--suite", tiny, "--layer", "odd", "--threads", "1")
    assert "test_good" in {row["eie_kernel"] for row in results["benchmarks"]}


def test_several_plugins_are_sorted_by_name(eie, plugin):
    later, sooner = plugin("b"), plugin("a")
    kernels = json.loads(eie("list", "kernels", "--plugin", later, "--plugin", sooner, "--json").stdout)
    assert [one["name"] for one in kernels][-2:] == ["test_a", "test_b"]
    assert [one["plugin"] for one in kernels][-2:] == [str(sooner), str(later)]


def test_one_plugin_with_two_kernels(eie, plugin):
    path = plugin(
        "two",
        PLUGIN="""static struct eie_kernel second;
        __attribute__((constructor)) static void copy(void) { second = kernel; second.name = "test_second"; }
        EIE_PLUGIN(&kernel, &second)""",
    )
    lines = check(eie, path, code=0)
    assert lines["test_two"].split()[1] == lines["test_second"].split()[1] == "ok"


def test_wrong_plugin_is_a_mismatch_that_its_command_reproduces(eie, plugin, tmp_path):
    (tmp_path / "it's a folder").mkdir()
    path = plugin("wrong", AFTER_RUN="plan->outputs[0] ^= 1").rename(tmp_path / "it's a folder" / "wrong.so")
    line = check(eie, path.relative_to(tmp_path))["test_wrong"]
    again = shlex.split(line.split("again: ")[1])
    assert "MISMATCH" in line and again[again.index("--plugin") + 1] == "it's a folder/wrong.so"
    repeated = eie.run(*again[1:])
    assert repeated.returncode == 1 and "MISMATCH" in repeated.stdout


def test_plugin_does_not_know_how_large_a_design_is(eie, plugin):
    """What a device description says can grow without refusing a plug-in: the headers know of it by pointers only."""
    grown = "struct eie_design { char grown[4096]; };\nstruct eie_published { char grown[4096]; };\n"
    path = plugin("good", grown + kernel_source(NAME='"test_good"'))
    check(eie, path, code=0)


# ---- what is refused ---------------------------------------------------------------------------

REFUSED = {
    "another ABI": ("built for interface 77, this program has 4: build it again", {"EIE_KERNEL_ABI": "77u"}),
    "a struct of another size": ("struct eie_kernel has", {"EIE_PLUGIN_SIZE(name)": "sizeof(struct name) + 8,"}),
    "another number of structs": ("sizes of 1 structs", {"EIE_PLUGIN_STRUCTS(DO)": "DO(eie_kernel)"}),
    "another magic": ("kernels/plugin.h", {"EIE_PLUGIN_MAGIC": '"nothing"'}),
    "no symbol": ("has no symbol eie_plugin", {"PLUGIN": "const void *plugin = &kernel;"}),
    "no kernels": ("it holds 0 kernels", {"PLUGIN": "EIE_PLUGIN()"}),
    "kernel NULL": ("kernel 1 is NULL", {"PLUGIN": "EIE_PLUGIN(&kernel, NULL)"}),
    "name of a kernel of the program": ("scalar_ are the program's own", {"NAME": '"scalar_ref_dense"'}),
    "folder of the program": ("avx512_ are the program's own", {"NAME": '"avx512_mine"'}),
    "two of a name": ("there are two of that name", {"PLUGIN": "EIE_PLUGIN(&kernel, &kernel)"}),
    "illegal name": ("kernel my kernel: is no name", {"NAME": '"my kernel"'}),
    "glob as a name": ("kernel test_*: is no name", {"NAME": '"test_*"'}),
    "no run": ("kernel test_refused: function run is missing", {"MEMBERS": ".run = NULL"}),
    "baseline": ("EIE_KERNEL_BASELINE", {"MEMBERS": ".flags = EIE_KERNEL_EXACT | EIE_KERNEL_BASELINE"}),
    "crash in a constructor": ("crashed while it was loaded: SIGSEGV", {"ON_LOADING": SEGFAULT}),
    "abort in a constructor": ("crashed while it was loaded: SIGABRT", {"ON_LOADING": "abort()"}),
    "exit in a constructor": ("crashed while it was loaded: ended the process with exit code 0", {"ON_LOADING": "exit(0)"}),
    "unresolved symbol": (
        "undefined symbol: frobnicate: link the plug-in with",
        {"ON_LOADING": "extern void frobnicate(void); frobnicate()"},
    ),
    "function that no installed header declares": (
        "undefined symbol: eie_file_read",
        {"ON_LOADING": "extern void eie_file_read(void); eie_file_read()"},
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(eie, plugin, what):
    culprit, macros = REFUSED[what]
    path = plugin("refused", **macros)
    assert str(path) in eie.fails(2, culprit, "list", "kernels", "--plugin", path).stderr


@pytest.mark.parametrize("verb", ["check", "bench", "list kernels"])
def test_every_verb_refuses_it(eie, verb):
    eie.fails(2, "nowhere.so: ", *verb.split(), "--plugin", "nowhere.so")
    eie.fails(2, "option --plugin needs a value", *verb.split(), "--plugin")


def test_hang_in_a_constructor(eie, plugin):
    eie.fails(
        2, "hung while it was loaded: still busy after 10 s", "list", "kernels", "--plugin", plugin("stuck", ON_LOADING=HANG)
    )


def test_no_shared_object(eie, tmp_path):
    (tmp_path / "text.so").write_text("no plug-in\n")
    (tmp_path / "cut.so").write_bytes(b"\x7fELF")
    (tmp_path / "empty.so").touch()
    (tmp_path / "folder.so").mkdir()
    eie.fails(2, "text.so: is no shared object: build one with cc -shared", "check", "--plugin", "text.so")
    eie.fails(2, "empty.so: is no shared object", "check", "--plugin", "empty.so")
    os.mkfifo(tmp_path / "pipe.so")
    eie.fails(2, "pipe.so: is no regular file", "check", "--plugin", "pipe.so")
    eie.fails(2, "cut.so: cannot be loaded: ", "check", "--plugin", "cut.so")
    eie.fails(2, "folder.so: ", "check", "--plugin", "folder.so")
    eie.fails(2, "", "check", "--plugin", "")


def test_plugin_given_twice(eie, plugin):
    path = plugin("good")
    eie.fails(2, "kernel test_good: there is one of that name", "list", "kernels", "--plugin", path, "--plugin", path)


def test_kernel_of_a_plugin_that_is_not_there(eie, plugin):
    eie.fails(2, "'test_other'", "check", "--plugin", plugin("good"), "--kernel", "test_other")


# ---- kernels that crash or hang ----------------------------------------------------------------

CRASHES = {
    **{
        f"SIGSEGV in {macro[3:].lower()}": ("SIGSEGV (Segmentation fault)", {macro: SEGFAULT})
        for macro in ("ON_PROBE", "ON_SUPPORTS", "ON_PREPARE", "ON_LOAD", "ON_RUN", "ON_WAIT", "ON_READ", "ON_DESTROY")
    },
    "SIGSEGV in cost": ("SIGSEGV (Segmentation fault)", {"AFTER_COST": SEGFAULT}),
    "write to nowhere": ("SIGSEGV", {"ON_RUN": "*(volatile int *)8 = 1"}),
    "abort": ("SIGABRT (Aborted)", {"ON_RUN": "abort()"}),
    "exit(0)": ("ended the process with exit code 0", {"ON_RUN": "exit(0)"}),
    "exit(0) in probe": ("ended the process with exit code 0", {"ON_PROBE": "exit(0)"}),
    "_exit(3)": ("ended the process with exit code 3", {"ON_RUN": "_exit(3)"}),
    "division by 0": ("SIGFPE", {"ON_RUN": "volatile int zero = 0; zero = 7 / zero"}),
    "a double free": ("SIGABRT", {"AFTER_RUN": "void *volatile p = malloc(64); free(p); free(p)"}),
    "killed, as for want of memory": ("SIGKILL", {"ON_PREPARE": "raise(SIGKILL)"}),
}


@pytest.mark.parametrize("what", CRASHES)
def test_crash_costs_its_own_line(eie, plugin, what):
    words, macros = CRASHES[what]
    path = plugin("crash", **macros)
    line = check(eie, path)["test_crash"]
    assert line.split()[1] == "CRASHED" and words in line
    again = shlex.split(line.split("again: ")[1])
    assert again[:6] == ["eie", "check", "--kernel", "test_crash", "--plugin", str(path)]
    assert ("--case" in again) == ("probe" not in what)
    repeated = eie.run(*again[1:])
    assert repeated.returncode == 1 and "CRASHED" in repeated.stdout


def test_crash_names_the_case_that_crashed(eie, plugin):
    path = plugin("late", ON_RUN="if (layer->outputs == 200) abort()")  # case 49 is the first of that size
    done = eie.run("check", "--plugin", path, "--kernel", "test_late", "--cases", "0", "--threads", "1")
    assert done.returncode == 1 and "--case 49 " in done.stdout


def test_all_that_is_wrong_is_seen(eie, plugin):
    done = eie.run(
        "check",
        "--case",
        "3",
        "--kernel",
        f"test_*,{GOOD}",
        "--plugin",
        plugin("a", ON_RUN=SEGFAULT),
        "--plugin",
        plugin("b"),
        "--plugin",
        plugin("c", AFTER_RUN="plan->outputs[0] ^= 1"),
    )
    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[:4]] == [
        [GOOD, "ok"],
        ["test_a", "CRASHED"],
        ["test_b", "ok"],
        ["test_c", "MISMATCH"],
    ]


def test_hang_is_ended(eie, plugin):
    line = check(eie, plugin("stuck", ON_RUN=HANG), "--timeout", "3")["test_stuck"]
    assert line.split()[1] == "HUNG" and "still busy after 3 s; again: eie check --kernel test_stuck" in line


def test_busy_loop_in_all_threads_is_ended(eie, plugin):
    path = plugin(
        "busy",
        PLUGIN="""static void spin(void *context, uint32_t worker)
        { (void)context, (void)worker; for (;;) __asm__ volatile(""); }
        static enum eie_status spin_all(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
        { (void)copy, (void)error; eie_pool_run(((struct eie_cpu_plan *)plan)->setup.pool, spin, NULL); return EIE_OK; }
        static struct eie_kernel busy;
        __attribute__((constructor)) static void copy(void) { busy = kernel; busy.run = spin_all; }
        EIE_PLUGIN(&busy)""",
    )
    done = eie.run("check", "--plugin", path, "--kernel", "test_busy", "--threads", "2", "--timeout", "0.5")
    assert done.returncode == 1
    line = done.stdout.splitlines()[0]
    assert line.split()[:2] == ["test_busy", "HUNG"] and line.endswith("--threads 2")


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_timeout_that_makes_no_sense(eie, value):
    eie.fails(2, f"--timeout {value}", "check", "--timeout", value)


def test_crash_of_a_probe_does_not_end_the_listing(eie, plugin):
    path = plugin("crash", ON_PROBE=SEGFAULT)
    kernels = {one["name"]: one for one in json.loads(eie("list", "kernels", "--plugin", path, "--json").stdout)}
    assert kernels["test_crash"]["status"] == "crashed" and "SIGSEGV" in kernels["test_crash"]["reason"]
    assert kernels[GOOD]["status"] == "ok"


def test_probe_that_says_no(eie, plugin):
    path = plugin("choosy", ON_PROBE='return eie_fail(error, EIE_UNSUPPORTED, "wants a %s", "bus");')
    done = eie.fails(
        3,
        "asked for by name, but cannot run: test_choosy: wants a bus",
        "check",
        "--plugin",
        path,
        "--kernel",
        "test_choosy",
    )
    assert "unsupported" in done.stdout
    assert "wants a bus" in eie("list", "kernels", "--plugin", path).stdout


def test_ignored_sigchld_is_no_obstacle(eie, plugin):
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    assert check(eie, plugin("good"), code=0, **ignore)["test_good"].split()[1] == "ok"


def has_ended(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_the_command_and_the_kernel(eie, plugin, tmp_path, number):
    note = tmp_path / "pid"
    path = plugin(
        "stuck", ON_RUN=f'FILE *note = fopen("{note}", "w"); fprintf(note, "%d\\n", (int)getpid()); fclose(note); {HANG}'
    )
    process = eie.popen("check", "--plugin", path, "--kernel", "test_stuck")
    child = None
    try:
        wait_for(process, lambda: note.is_file() and note.read_text().endswith("\n"))
        child = int(note.read_text())
        assert child != process.pid and not has_ended(child)
        os.kill(process.pid, number)
        process.communicate(timeout=GUARD_S)  # to the end of what the child holds open too
        assert process.returncode == -number
        end = time.monotonic() + GUARD_S
        while not has_ended(child):  # its descriptors are closed a little before
            assert time.monotonic() < end, "the kernel's process goes on"
            time.sleep(0.01)
    finally:
        process.kill()
        if child and not has_ended(child):
            os.kill(child, signal.SIGKILL)
        process.communicate()
