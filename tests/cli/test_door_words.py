"""The verbs of bench/door with any words behind them: help, one line, or what they would run; never a traceback."""

import contextlib
import importlib
import io
import os
import random
import re
import subprocess

import pytest
from command import REPOSITORY, listing
from test_door import DOOR, NEEDED, Project

SEED, LISTS, WHOLE = 20261129, 420, 12  # argument lists in this process, and by ./run as it is
WORDS = [
    *("", "-", "--", "---", "-h", "--=x", "-o", "--frob", "--frob=1", "a", ".", "..", "a.json", "b.json", "w.npy", "HEAD"),
    *("0", "1", "-1", "3", "1e999", "nan", "inf", "-inf", "1_0", "\u0663", "9" * 5000, "5m", "5mm", "1h", ".", "least"),
    *("a\nb", "a\rb", "\x1b[31m", "%s", "%(prog)s", "{}", "{0}", "$HOME", "`x`", "'", '"', "*", "é", "\udcff", "x" * 5000),
]


class Reached(BaseException):
    """The verb has read its words and calls another program."""


def reached(*arguments, **further):
    raise Reached(arguments)


def options_of(verb):
    """What its help names."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        importlib.import_module(f"bench.door.verbs.{verb}").main(["--help"])
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", out.getvalue())))


def words_of(verb, known, draw):
    """Up to seven words, many of them good ones."""
    words = list(NEEDED.get(verb, [])) if draw.random() < 0.6 else []
    for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 5))):
        option, value = draw.choice(known), draw.choice(WORDS)
        more = draw.choice(([option], [option, value], [f"{option}={value}"], [value], [option[:-1], value]))
        at = draw.randrange(len(words) + 1)
        words[at:at] = more
    return words


def is_one_line(err):
    return err.startswith("run: ") and err[:-1].isprintable() and err[-1] == "\n" and len(err) < 1000


@pytest.mark.parametrize("verb", DOOR)
def test_words_in_this_process(verb, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", reached)
    monkeypatch.setattr(subprocess, "Popen", reached)
    monkeypatch.setattr(os, "execv", reached)
    main, known = importlib.import_module(f"bench.door.verbs.{verb}").main, options_of(verb)
    ends = set()
    for number in range(LISTS // len(DOOR) + 1):
        words = words_of(verb, known, random.Random(f"{SEED}-{verb}-{number}"))
        out, err = io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                end = main(list(words))
        except SystemExit as stop:
            end = stop.code
        except Reached:
            end = "reached"
        except Exception as fault:
            pytest.fail(f"{verb} {words}: {type(fault).__name__}: {fault}")
        err.seek(0)
        text = err.read()
        if end == 2:
            assert is_one_line(text), (words, text)
        else:
            assert end == "reached" or end == 0 and out.getvalue().startswith(f"usage: ./run {verb}"), (words, end, text)
        ends.add(end)
    assert {2, "reached"} <= ends
    assert not listing(tmp_path)


def test_words_by_run(tmp_path):
    project = Project(tmp_path)
    before = listing(project.folder)
    for number in range(WHOLE):
        draw = random.Random(f"{SEED}-run-{number}")
        verb = draw.choice([verb for verb in DOOR if verb != "compress"])  # which hands words on that it does not know
        words = words_of(verb, ["--out", "--budget", "--help"], draw) + ["--frob"]
        done = project(verb, *words, errors="surrogateescape")
        helped = done.returncode == 0 and done.stdout.startswith(f"usage: ./run {verb}") and done.stderr == ""
        assert helped or done.returncode == 2 and is_one_line(done.stderr), (verb, words, done)
    for words in (["a\nb"], ["build", "a\rb"], ["build", "\x1b[31m"]):
        done = project(*words)
        assert done.returncode == 2 and is_one_line(done.stderr), (words, done)
    assert listing(project.folder) == before
