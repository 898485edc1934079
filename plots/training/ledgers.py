"""Ledgers of `eie train` as they are read: one training a network and recipe, its seeds from one file or several."""

import os
from dataclasses import dataclass, field

from plots.core.load import MOST, InputError, check_format, is_number, one_line, read_json

FORMAT = "eie-training-1"
ALIKE = ("recipe_sha256", "library", "library_core", "threads", "data", "parameters", "images", "validation")
PHASE_KINDS = ("dense", "prune", "share")


def quantity(node, key, least=0):
    value = node[key]
    if not is_number(value) or not least <= value <= MOST:
        raise ValueError(f"{key} is no number from {least}")
    return value


def whole(node, key, least=0):
    value = quantity(node, key, least)
    if value != int(value):
        raise ValueError(f"{key} is no whole number")
    return int(value)


def word(node, key):
    if not isinstance(node[key], str) or not node[key]:
        raise ValueError(f"{key} is no word")
    return one_line(node[key])


def listed(node, key):
    if not isinstance(node[key], list) or not node[key]:
        raise ValueError(f"{key} is no list, or empty")
    return node[key]


@dataclass(frozen=True)
class Phase:
    name: str
    kind: str
    epochs: int
    seconds: float
    cpu_seconds: float
    loss: float
    validation_pct: float
    shared_validation_pct: float | None  # before the centroids learnt
    test_pct: float | None


@dataclass(frozen=True)
class Layer:
    name: str
    weights: int
    kept: int
    code_bits: int | None  # None: stored as floats
    entries: int | None
    fillers: int | None
    code_bits_huffman: float | None
    run_bits_huffman: float | None
    bytes: float | None
    positions: int | None = None  # products an image; None: the ledger does not say

    @property
    def macs(self):
        return None if self.positions is None else self.positions * self.weights


@dataclass(frozen=True)
class Pair:
    """Two networks on the same images, in percent and in images."""

    first_pct: float
    file_pct: float
    only_first: int
    only_file: int


@dataclass(frozen=True)
class Seed:
    number: int
    source: str  # the ledger's file name
    revision: str
    resumed: bool
    phases: tuple
    layers: tuple
    parts: dict
    bytes: int
    validation_pct: float  # of the file
    test: Pair | None  # None: the test set stayed closed
    control: Pair | None

    @property
    def cpu_seconds(self):
        return sum(phase.cpu_seconds for phase in self.phases)

    @property
    def kept(self):
        return sum(layer.kept for layer in self.layers)


@dataclass
class Training:
    """A recipe on a network."""

    network: str
    recipe: str
    parameters: int
    weights: int
    dense_bytes: int
    images: int
    validation: int
    data: str
    library: str
    core: str
    threads: int
    recipe_sha256: str
    recipe_text: dict
    changes: dict  # of the recipe's file: kept, bits; in `recipe` as words
    alike: tuple
    seeds: list = field(default_factory=list)

    @property
    def name(self):
        return f"{self.network}, {self.recipe}"

    @property
    def is_shared(self):
        return any(phase.kind == "share" for phase in self.seeds[0].phases)

    @property
    def is_tested(self):
        return self.seeds[0].test is not None

    @property
    def has_control(self):
        return self.seeds[0].control is not None

    @property
    def sources(self):
        return tuple(dict.fromkeys(seed.source for seed in self.seeds))

    def phases_text(self):
        """The recipe's own phases, as the ledger repeats them."""
        phases = self.recipe_text.get("phases")
        return [phase for phase in phases if isinstance(phase, dict)] if isinstance(phases, list) else []


def _phase(node):
    if word(node, "kind") not in PHASE_KINDS:
        raise ValueError(f"kind is {word(node, 'kind')!r}")
    shared, test = (
        quantity(node, key) if key in node else None for key in ("shared_validation_error_pct", "test_error_pct")
    )
    return Phase(
        word(node, "name"),
        word(node, "kind"),
        whole(node, "epochs", 1),
        quantity(node, "seconds"),
        quantity(node, "cpu_seconds"),
        quantity(node, "loss"),
        quantity(node, "validation_error_pct"),
        shared,
        test,
    )


def _layer(node):
    coded = "code_bits" in node
    return Layer(
        word(node, "name"),
        whole(node, "outputs", 1) * whole(node, "inputs", 1),
        whole(node, "kept"),
        *((whole(node, key) for key in ("code_bits", "entries", "fillers")) if coded else (None,) * 3),
        *((quantity(node, key) for key in ("code_bits_huffman", "run_bits_huffman", "bytes")) if coded else (None,) * 3),
        whole(node, "positions", 1) if "positions" in node else None,
    )


def _pair(node, key, first):
    if key not in node:
        return None
    pair = node[key]
    return Pair(
        quantity(pair, f"{first}_error_pct"),
        quantity(pair, "file_error_pct"),
        whole(pair, f"only_{first}_wrong"),
        whole(pair, "only_file_wrong"),
    )


def _seed(node, source, revision):
    parts = node["file_parts"]
    seed = Seed(
        whole(node, "seed"),
        source,
        revision,
        node["resumed"] is True,
        tuple(map(_phase, listed(node, "phases"))),
        tuple(map(_layer, listed(node, "layers"))),
        {key: quantity(parts, key) for key in parts},
        whole(node, "file_bytes", 1),
        quantity(node, "file_validation_error_pct"),
        _pair(node, "test", "dense"),
        _pair(node, "control_test", "control"),
    )
    if abs(sum(seed.parts.values()) - seed.bytes) > 1:
        raise ValueError(f"seed {seed.number}: its parts do not add up to file_bytes")
    return seed


def words_of_seeds(seeds):
    """ "seeds 1 to 5", "seed 1"."""
    numbers = [seed.number for seed in seeds]
    if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"seeds {numbers[0]} to {numbers[-1]}"
    return f"seed{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _changes(document):
    """{"kept": shares, "bits": numbers}, each only where the recipe was changed there."""
    changes = document.get("recipe_changes", {})
    if not isinstance(changes, dict) or set(changes) - {"kept", "bits"}:
        raise ValueError("recipe_changes are no kept and bits")
    for key in changes:
        if not all(is_number(each) and 0 < each <= MOST for each in listed(changes, key)):
            raise ValueError(f"recipe_changes: {key} are no numbers above 0")
    return changes


def _recipe(document, changes):
    words = [word(document, "recipe")]
    if "kept" in changes:
        words.append("kept " + "/".join(f"{100 * share:.4g}" for share in changes["kept"]) + " %")
    if "bits" in changes:
        words.append("/".join(f"{bits:g}" for bits in changes["bits"]) + " bits")
    return ", ".join(words)


def _training(document, source):
    changes = _changes(document)
    training = Training(
        word(document, "network"),
        _recipe(document, changes),
        whole(document, "parameters", 1),
        whole(document, "weights", 1),
        whole(document, "dense_bytes", 1),
        whole(document, "images", 1),
        whole(document, "validation", 1),
        word(document, "data"),
        word(document, "library"),
        word(document, "library_core"),
        whole(document, "threads", 1),
        word(document, "recipe_sha256"),
        document["recipe_text"] if isinstance(document["recipe_text"], dict) else {},
        changes,
        tuple(document[key] for key in ALIKE),
    )
    revision = word(document, "revision")
    training.seeds = [_seed(node, source, revision) for node in listed(document, "seeds")]
    return training


def read_training(path):
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: no ledger of eie train")
    check_format(path, "eie_format", document.get("eie_format"), FORMAT, "a ledger of eie train")
    try:
        return _training(document, os.path.basename(path))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        words = f"no {one_line(fault)}" if isinstance(fault, KeyError) else one_line(fault)
        raise InputError(f"{path}: no ledger of eie train: {words}") from None


def _join(found, training, path):
    """Seeds of a training that is there already."""
    for key, own, other in zip(ALIKE, found.alike, training.alike):
        if own != other:
            raise InputError(f"{path}: {training.name}: {key} differs from that of {found.seeds[0].source}")
    for ours, theirs in ((found, training), (training, found)):
        if [layer.name for layer in ours.seeds[0].layers] != [layer.name for layer in theirs.seeds[0].layers]:
            raise InputError(f"{path}: {training.name}: other layers than in {found.seeds[0].source}")
    there = {seed.number: seed.source for seed in found.seeds}
    for seed in training.seeds:
        if seed.number in there:
            raise InputError(f"{path}: {training.name}: seed {seed.number} stands in {there[seed.number]} as well")
    found.seeds += training.seeds


def read_folder(folder):
    """The trainings of a folder's ledgers, in the order of their files' names; seeds in their order."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror or error}") from None
    found = {}
    for name in names:
        path = os.path.join(folder, name)
        training = read_training(path)
        key = training.network, training.recipe
        if key in found:
            _join(found[key], training, path)
        else:
            found[key] = training
    for training in found.values():
        training.seeds.sort(key=lambda seed: seed.number)
        for same in ("test", "control"):
            if len({getattr(seed, same) is None for seed in training.seeds}) > 1:
                raise InputError(f"{folder}: {training.name}: some seeds have a test and some have none")
        phases = {tuple(phase.name for phase in seed.phases) for seed in training.seeds}
        if len(phases) > 1:
            raise InputError(f"{folder}: {training.name}: its seeds have different phases")
    return list(found.values())
