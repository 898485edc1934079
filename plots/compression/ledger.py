"""Ledgers of `eie compress` as they are read."""

from plots.core.load import MOST, InputError, is_newer, is_number, read_json

FORMAT = "eie-ledger-1"


def read_ledger(path):
    """The ledger, an object; those of the first version name no format."""
    ledger = read_json(path)
    if isinstance(ledger, dict) and is_newer(ledger.get("format"), FORMAT):
        raise InputError(
            f"{path}: written by a newer version of eie: format is {ledger['format']!r}, this one reads {FORMAT!r}"
        )
    if not isinstance(ledger, dict) or ledger.get("format", FORMAT) != FORMAT:
        raise InputError(f"{path}: no ledger of eie compress")
    return ledger


def checked(value, what, least=0):
    """A number of a ledger; ValueError where it is none from `least`."""
    if not is_number(value) or not least <= value <= MOST:
        raise ValueError(f"{what} is no number from {least}")
    return value


def quantity(node, key, least=0):
    return checked(node[key], key, least)
