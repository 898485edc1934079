"""A sweep of shares and bits: `eie train` point by point. What points begin with alike is trained once: the checkpoints of a
point are kept until the last one that begins with them is done."""

import glob
import json
import os

from bench.door.messages import die, say
from bench.door.programs import call
from bench.door.project import EIE

FORMAT = "eie-training-sweep-1"
FOLDER = "sweep"  # in that of the results
KEYS = ["format", "summary", "network", "recipe", "points"]


def _is_list(value, kind, least, most):
    return (
        isinstance(value, list)
        and value
        and all(isinstance(each, kind) and not isinstance(each, bool) and least <= each <= most for each in value)
    )


def _check(document):
    """Raises ValueError with what is wrong."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"no sweep (format {FORMAT})")
    if sorted(document) != sorted(KEYS):
        raise ValueError(f"its keys must be {', '.join(KEYS)}")
    if not all(isinstance(document[key], str) and document[key] for key in ("summary", "network", "recipe")):
        raise ValueError("summary, network and recipe must be words")
    points = document["points"]
    if not isinstance(points, list) or not points:
        raise ValueError("points must be a list")
    for number, point in enumerate(points, 1):
        if not isinstance(point, dict) or sorted(point) != ["bits", "kept"]:
            raise ValueError(f"point {number}: its keys must be kept and bits")
        if not _is_list(point["kept"], (int, float), 1e-6, 1):
            raise ValueError(f"point {number}: kept must be a list of shares, one a layer")
        if not _is_list(point["bits"], int, 2, 8) or len(set(point["bits"])) < len(point["bits"]):
            raise ValueError(f"point {number}: bits must be a list of different numbers from 2 to 8")


def read(path):
    """The sweep of a file; ends the verb with one line where it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        _check(document)
    except OSError as error:
        die(f"train: {path}: {error.strerror}", 2)
    except (ValueError, RecursionError) as fault:
        die(f"train: {path}: {str(fault) or 'no JSON'}", 2)
    return document


def points_of(sweep):
    """[(shares, bits, does another one of these shares stand before it?)] as words of a command line."""
    for point in sweep["points"]:
        for place, bits in enumerate(point["bits"]):
            yield ",".join(f"{share:g}" for share in point["kept"]), str(bits), place > 0


def _stem(sweep, kept, bits, seeds):
    network = os.path.splitext(os.path.basename(sweep["network"]))[0]
    return f"{network}-kept-{kept.replace(',', '-')}-bits-{bits}-seeds-{seeds.replace('..', '-')}"


def _remove_checkpoints(folder, stems):
    for stem in stems:
        for path in glob.glob(f"{glob.escape(f'{folder}/{stem}')}*.safetensors.checkpoint"):
            os.remove(path)


def run(sweep, seeds, out, words):
    """Trains every point whose ledger is not there yet; the folder of the ledgers."""
    folder = f"{out}/{FOLDER}"
    os.makedirs(folder, exist_ok=True)
    points = list(points_of(sweep))
    first = same = None  # files of the first point of all, and of the first of these shares
    stems = []
    for number, (kept, bits, again) in enumerate(points, 1):
        stem = _stem(sweep, kept, bits, seeds)
        stems.append(stem)
        file = f"{folder}/{stem}.safetensors"
        begin_with = same if again else first
        first, same = first or file, same if again else file
        if os.path.exists(f"{folder}/{stem}.json"):
            continue
        say(f"point {number} of {len(points)}: {kept} kept, {bits} bits")
        resumed = glob.glob(f"{glob.escape(f'{folder}/{stem}')}*.safetensors.checkpoint")
        code = call(
            *(EIE, "train", sweep["network"], "--recipe", sweep["recipe"], "--kept", kept, "--bits", bits, "--seeds", seeds),
            *(["--begin-with", begin_with] if begin_with else []),
            *(["--resume"] if resumed else []),
            *(*words, "--keep-checkpoints", "-o", file, "--ledger", f"{folder}/{stem}.json"),
        )
        if code:
            raise SystemExit(code)
    _remove_checkpoints(folder, stems)
    return folder
