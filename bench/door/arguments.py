"""Command lines: argparse, whose mistakes are one line of `run`, before anything is installed."""

import argparse
import re

from bench.door.messages import die


class _Once(argparse.Action):
    """An option whose value would be lost if it came again."""

    def __call__(self, parser, options, value, option=None):
        given = vars(options).setdefault("given", set())
        if option and self.dest in given:
            parser.error(f"option {option} was given twice")
        given.add(self.dest)
        setattr(options, self.dest, value)


class Parser(argparse.ArgumentParser):
    """The parser of one verb: Parser("bundle", "What it does.")."""

    def __init__(self, verb, description, **further):
        super().__init__(prog=f"./run {verb}", description=description, allow_abbrev=False, **further)
        self.verb = verb
        self.register("action", None, _Once)

    def error(self, message):
        die(f"{self.verb}: {message}; try ./run {self.verb} --help", 2)

    def parse(self, arguments, mixed=False):
        """The options. `mixed`: positional ones may stand on both sides of others."""
        take = self.parse_known_intermixed_args if mixed else self.parse_known_args
        options, unknown = take(arguments)
        if unknown:
            self.error(f"unknown argument '{unknown[0]}'")
        return options

    def add_out(self, words):
        self.add_argument("--out", metavar="DIR", help=words)

    def add_budget(self, default, words):
        self.add_argument("--budget", type=time_text, default=default, metavar="TIME", help=words)


DATED = "folder of the results (default: results/local/DATE)"


def seconds(text):
    """Of a time such as 90, 90s, 5m or 1h."""
    if not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)[smh]?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"'{text}' is no time (try 90, 90s, 2m)")
    value = float(text.rstrip("smh")) * {"m": 60, "h": 3600}.get(text[-1], 1)
    if not 0 < value <= 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is not within 0 and a million seconds")
    return value


def time_text(text):
    """A time that is handed on to eie bench as it is written; `least` asks for no more than each row needs."""
    if text != "least":
        seconds(text)
    return text


def sizes(text):
    """A comma list of numbers from 1 to 65536, handed on as it is written."""
    for word in text.split(","):
        if not re.fullmatch("[1-9][0-9]{0,4}", word, re.ASCII) or int(word) > 65536:
            raise argparse.ArgumentTypeError(f"'{text}' is no list of sizes (try 1,64)")
    return text


def seeds_text(text):
    """A..B or one, handed on as it is written."""
    if not re.fullmatch(r"\d{1,9}(\.\.\d{1,9})?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"'{text}' are no seeds (try 1..5)")
    ends = [int(end) for end in text.split("..")]
    if ends[-1] < ends[0]:
        raise argparse.ArgumentTypeError(f"'{text}': the last seed lies before the first")
    return text


def watts_text(text):
    """A power that is handed on to eie bench as it is written."""
    if not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+) ?W?", text, re.ASCII) or not 0 < float(text.rstrip(" W")) <= 1e5:
        raise argparse.ArgumentTypeError(f"'{text}' is no power (try 85, 85W)")
    return text


def number_from(least, most, kind=float):
    """A type for argparse: a number from `least` to `most`."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {least} to {most}")
        return value

    return parse
