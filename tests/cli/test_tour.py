"""docs/tour.md: what takes no more than some seconds is run as it stands there, and compared with what stands below it by
the page's own rule; of all else the options are looked up in the verb's help."""

import os
import re
import shlex
import subprocess

import pytest
from command import BINARY, DATA, GUARD_S, REPOSITORY, planted_machine

PAGE = REPOSITORY / "docs/tour.md"
TASKS = [
    "Judge a machine",
    "Add a kernel",
    "Add a device",
    "Check the paper",
    "Guard a branch",
    "Compress my layer",
    "Choose a kernel",
]
LINKED = ("kernels", "host", "data")  # of the repository, for commands that name files there
NUMBER = r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?"
NUMBER_HERE = re.compile(rf"(?<![\w.]){NUMBER}|\.\.\.|\s+")  # x86 and avx2 are words


def pattern_of(line):
    """A number stands for any number, ... for anything, white space for any other white space."""
    parts, end = [], 0
    for found in NUMBER_HERE.finditer(line):
        parts.append(re.escape(line[end : found.start()]))
        text = found.group()
        parts.append(".*" if text == "..." else r"\s+" if text.isspace() else NUMBER)
        end = found.end()
    return re.compile("".join([*parts, re.escape(line[end:])]))


def matches(expected, printed):
    """Both lists of lines; a line of ... alone stands for any lines, and for none."""
    if not expected:
        return not printed
    first, rest = expected[0].strip(), expected[1:]
    if first == "...":
        return any(matches(rest, printed[skip:]) for skip in range(len(printed) + 1))
    if not printed or not pattern_of(first).fullmatch(printed[0].strip()):
        return False
    return matches(rest, printed[1:])


class Step:
    """A command of the page: its words, what may be its exit code, why it is not run, what it prints."""

    def __init__(self, task, command):
        command, _, comment = command.partition("  # ")
        self.task, self.command, self.comment, self.expected = task, command.strip(), comment.strip(), []
        codes = re.fullmatch(r"exit code (\d)(?: or (\d))?", self.comment)
        self.codes = {int(code) for code in codes.groups() if code} if codes else {0}
        self.long = self.comment.startswith("about ")
        assert not self.comment or codes or self.long, f"{PAGE.name}: what is '{self.comment}'?"


def steps_of(text):
    steps, task, block = [], None, False
    for line in text.splitlines():
        if line.startswith("## "):
            task = line[3:]
        if not line.startswith("    "):
            block = block and not line
            continue
        if line.startswith("    $ "):
            steps.append(Step(task, line[6:]))
            block = True
        elif block:
            steps[-1].expected.append(line)
    return steps


STEPS = steps_of(PAGE.read_text(encoding="utf-8"))
SHORT = [step for step in STEPS if not step.long]
LONG = [step for step in STEPS if step.long]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """All short commands of the page, one after the other, in a folder that looks like the repository's."""
    folder = tmp_path_factory.mktemp("tour")
    for name in LINKED:
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/eie").symlink_to(BINARY)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EIE_")}
    kept |= planted_machine() | {"EIE_DATA_DIR": str(DATA), "OCL_ICD_VENDORS": "/nonexistent", "CUDA_VISIBLE_DEVICES": ""}
    kept["EIE_RAPL"] = "no"
    return {
        step: subprocess.run(step.command, shell=True, cwd=folder, env=kept, capture_output=True, text=True, timeout=GUARD_S)
        for step in SHORT
    }


def test_each_task_is_there_and_has_something_that_is_run():
    assert list(dict.fromkeys(step.task for step in STEPS)) == TASKS
    assert {step.task for step in SHORT} == set(TASKS)
    assert len(SHORT) > 12 and sum(bool(step.expected) for step in SHORT) > 7


@pytest.mark.parametrize("step", SHORT, ids=[step.command for step in SHORT])
def test_command_prints_what_the_page_says(walked, step):
    done = walked[step]
    assert done.returncode in step.codes, done.stderr
    assert matches(step.expected, [line for line in done.stdout.splitlines() if line.strip()]), done.stdout


@pytest.mark.parametrize("step", LONG, ids=[step.command for step in LONG])
def test_options_of_long_commands_exist(step):
    words = shlex.split(step.command)
    program, verb = (words[0], words[1]) if words[0] in ("./run", "build/release/eie") else (None, None)
    assert program, step.command
    if verb == "eie":
        program, verb = "build/release/eie", words[2]
    command = [BINARY, verb, "--help"] if program != "./run" else ["./run", verb, "--help"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=GUARD_S)
    assert done.returncode == 0, done.stderr
    for word in words[2 : words.index("--") if "--" in words else None]:
        if word.startswith("--"):
            assert re.search(rf"(?<![\w-]){re.escape(word.split('=')[0])}(?![\w-])", done.stdout), word


@pytest.mark.parametrize(
    "expected, printed",
    [
        (["a 1.5 b"], ["a   27,000 b"]),
        (["1 x"], ["-3e-05 x"]),
        (["... end"], ["anything at all end"]),
        (["a", "...", "z"], ["a", "b", "c", "z"]),
        (["a", "...", "z"], ["a", "z"]),
        (["5.7x +-2 %"], ["12x +-0.5 %"]),
        (["avx2_float 12"], ["avx2_float 7"]),
    ],
)
def test_rule_takes(expected, printed):
    assert matches(expected, printed)


@pytest.mark.parametrize(
    "expected, printed",
    [
        (["a 1.5 b"], ["a x b"]),
        (["a 1.5 b"], ["a 1.5 c"]),
        (["avx2_float"], ["avx512_float"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["a", "...", "z"], ["a", "b"]),
        (["1 ok"], ["1 mismatch"]),
        (["1.2"], ["1.2.3"]),
        ([], ["a"]),
    ],
)
def test_rule_refuses(expected, printed):
    assert not matches(expected, printed)
