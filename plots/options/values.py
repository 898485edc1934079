"""Values of options that several verbs know."""

import argparse


def globs(options):
    return [glob for texts in options.kernel for text in texts for glob in text.split(",")]


def percent(text):
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1000")
    return value
