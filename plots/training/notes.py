"""What no ledger can say, kept by hand beside them in notes.csv: openings of the test set that have no ledger, what limits a
goal, why a candidate was tried. Columns: kind (opening, limit, candidate), key, text."""

import csv
import os

from plots.core.load import InputError, one_line

NAME = "notes.csv"
KINDS = ("opening", "limit", "candidate")


def read_notes(folder):
    """{kind: {key: text}}; nothing where there is no such file."""
    path = os.path.join(folder, NAME)
    found = {kind: {} for kind in KINDS}
    if not os.path.exists(path):
        return found
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            if lines.fieldnames != ["kind", "key", "text"]:
                raise ValueError("another header than kind,key,text")
            for line in lines:
                if line["kind"] not in KINDS or not line["key"] or not line["text"]:
                    raise ValueError(f"line {lines.line_num}: no {', '.join(KINDS)} with key and text")
                if line["key"] in found[line["kind"]]:
                    raise ValueError(f"line {lines.line_num}: {line['kind']} {line['key']} stands there twice")
                found[line["kind"]][line["key"]] = one_line(line["text"])
    except (OSError, ValueError, csv.Error) as fault:
        raise InputError(f"{path}: {getattr(fault, 'strerror', None) or one_line(fault)}") from None
    return found
