"""Pages whose commands are run as they stand there, and compared by the rule that docs/tour.md states."""

import os
import re
import shlex
import subprocess

from command import BINARY, GUARD_S, REPOSITORY, planted_machine

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
    """A command of a page: its words, what may be its exit code, how long it takes where that is long, what it prints."""

    def __init__(self, task, command):
        command, _, comment = command.partition("  # ")
        self.task, self.command, self.comment, self.expected = task, command.strip(), comment.strip(), []
        codes = re.fullmatch(r"exit code (\d)(?: or (\d))?", self.comment)
        self.codes = {int(code) for code in codes.groups() if code} if codes else {0}
        self.long = self.comment.startswith("about ")
        assert not self.comment or codes or self.long, f"what is '{self.comment}'?"


def steps_of(path):
    """The steps of a page, in its order. Lines that begin with > go on with the command above, as in a shell."""
    steps, task, block = [], None, False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            task = line[3:]
        if not line.startswith("    "):
            block = block and not line
            continue
        if line.startswith("    $ "):
            steps.append(Step(task, line[6:]))
            block = True
        elif block and line.startswith("    > ") and not steps[-1].expected:
            steps[-1].command += "\n" + line[6:]
        elif block:
            steps[-1].expected.append(line)
    return steps


def environment(data):
    """Of commands of a page: the planted machine, this folder `data`, no device, no variable of ours from outside."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EIE_")}
    kept |= planted_machine() | {"EIE_DATA_DIR": str(data), "OCL_ICD_VENDORS": "/nonexistent", "CUDA_VISIBLE_DEVICES": ""}
    return kept | {"EIE_RAPL": "no"}


def walk(steps, folder, variables):
    """Runs the steps in turn in a folder: {step: what came of it}."""
    return {
        step: subprocess.run(
            step.command, shell=True, cwd=folder, env=variables, capture_output=True, text=True, timeout=GUARD_S
        )
        for step in steps
    }


def came_out(step, done):
    """What the page says of the step came out."""
    assert done.returncode in step.codes, f"{step.command}: exit code {done.returncode}: {done.stderr}"
    assert matches(step.expected, [line for line in done.stdout.splitlines() if line.strip()]), done.stdout


def options_exist(step):
    """Of a command that is too long to be run: its verb's help knows its options."""
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
