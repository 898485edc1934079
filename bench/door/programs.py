"""Other programs, run as a shell runs them: exit codes, signals and what was printed before.

Ctrl-C reaches the program that runs as well. Where that ends by it, the verb ends with exit code 130; where it ends in its
own way, the verb continues with its exit code. A verb that has to clean up calls hold_signals(): then each of SIGINT,
SIGTERM and SIGHUP ends it, with 130 or 143, once the program that runs has ended. What comes ignored, as SIGINT does in a
background job, stays ignored."""

import os
import signal
import subprocess
import sys

from bench.door.messages import tell

_came = []  # numbers of signals, since the last program ended
_held = []


def begin():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _note(signal.SIGINT)


def hold_signals():
    _held.extend((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    _note(*_held)


def ignore_signals():
    """From here on nothing interrupts: for cleaning up."""
    for number in _held:
        signal.signal(number, signal.SIG_IGN)
    _came.clear()


def _note(*numbers):
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: _came.append(number))


def stop_if_asked():
    if _came:
        sys.exit(130 if _came[0] == signal.SIGINT else 143)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _ended(code):
    """The exit code as a shell has it."""
    if _held or code in (-signal.SIGINT, 130):
        stop_if_asked()
    _came.clear()
    return 128 - code if code < 0 else code


def _fails(program, error):
    tell(f"{program}: {error.strerror}")
    return 127


def call(*arguments, **further):
    """Runs a program to its end; its exit code. `further` is that of subprocess.run."""
    stop_if_asked()
    _flush()
    try:
        return _ended(subprocess.run(arguments, **further).returncode)
    except (FileNotFoundError, PermissionError) as error:
        return _fails(arguments[0], error)


def call_together(*programs, **further):
    """Runs programs, each a tuple of words, side by side to their ends; their exit codes."""
    stop_if_asked()
    _flush()
    running, failed = [], []
    for words in programs:
        try:
            running.append(subprocess.Popen(words, **further))
        except (FileNotFoundError, PermissionError) as error:
            failed.append(_fails(words[0], error))
    codes = [program.wait() for program in running]
    return [_ended(code) for code in codes] + failed


def must(*arguments, **further):
    """call() for what the verb cannot go on without: that program has said why, and its exit code is the verb's."""
    code = call(*arguments, **further)
    if code:
        sys.exit(code)


def output(*arguments, **further):
    """What a program prints and its exit code."""
    stop_if_asked()
    _flush()
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, **further)
    except (FileNotFoundError, PermissionError) as error:
        return "", _fails(arguments[0], error)
    return done.stdout.decode(errors="replace"), _ended(done.returncode)


def call_tee(*arguments, path):
    """call() whose output is also kept in a file."""
    stop_if_asked()
    _flush()
    with open(path, "wb") as file, subprocess.Popen(arguments, stdout=subprocess.PIPE) as program:
        for line in program.stdout:
            file.write(line)
            file.flush()
            if sys.stdout is not None:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    return _ended(program.returncode)


def become(*arguments):
    """Ends this process by being that program."""
    stop_if_asked()
    _flush()
    os.execv(arguments[0], arguments)
