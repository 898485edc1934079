"""Names, options and listings: a mistake is one line and exit code 2, and nothing is made."""

import json

import pytest
from command import DATA, suite_object


def test_without_a_verb_shows_the_help(eie):
    done = eie.run()
    assert done.returncode == 2 and "usage: eie VERB" in done.stderr


def test_version(eie):
    assert eie("--version").stdout.startswith("eie ")


@pytest.mark.parametrize(
    "verb",
    [
        *("advise", "bench", "check", "compress", "count", "doctor", "estimate", "expand", "explore", "layer", "list"),
        *("map", "train"),
    ],
)
def test_help_of_every_verb_has_an_example(eie, verb):
    done = eie(verb, "--help")
    assert f"example: eie {verb}" in done.stdout and done.stderr == ""


UNKNOWN = {
    "verb": ("'frobnicate'", ["frobnicate"]),
    "listing": ("'frobs'", ["list", "frobs"]),
    "layer action": ("'frob'", ["layer", "frob", "paper"]),
    "suite of bench": ("'nope'", ["bench", "--suite", "nope"]),
    "suite of layer": ("'nope'", ["layer", "info", "nope"]),
    "suite file": ("nope.json", ["bench", "--suite", "nope.json"]),
    "layer file": ("nope.safetensors", ["layer", "verify", "nope.safetensors"]),
    "layer of bench": ("'nope'", ["bench", "--suite", "paper", "--layer", "nope"]),
    "layer of a suite": ("'nope'", ["layer", "gen", "paper/nope", "-o", "x"]),
    "kernel of bench": ("'nope'", ["bench", "--kernel", "nope"]),
    "kernel of check": ("'nope'", ["check", "--kernel", "nope"]),
    "kernel beside a known one": ("'nope'", ["check", "--kernel", "scalar_ref_dense,nope"]),
    "device of bench": ("'nope'", ["bench", "--device", "nope"]),
    "device of check": ("nope", ["check", "--device", "nope"]),
    "feature": ("EIE_ISA_MASK", ["bench", "--suite", "paper"]),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_unknown_name(eie, what):
    culprit, arguments = UNKNOWN[what]
    eie.fails(2, culprit, *arguments, env={"EIE_ISA_MASK": "avx9000"} if what == "feature" else None)


@pytest.mark.parametrize("arguments", [["bench"], ["check"], ["list", "kernels"]], ids=" ".join)
def test_unknown_word_in_the_isa_mask(eie, arguments):
    eie.fails(2, "'avx9000'", *arguments, env={"EIE_ISA_MASK": "avx2,avx9000"})


@pytest.mark.parametrize("option", ["--suite", "--layer", "--kernel", "--device"])
def test_glob_of_bench_that_matches_nothing(eie, option):
    eie.fails(2, "'avx9*'" if option != "--suite" else "avx9*", "bench", option, "avx9*")


def test_one_glob_of_several_that_matches_nothing(eie):
    eie.fails(2, "'avx9*'", "bench", "--kernel", "scalar_*,avx9*")


def test_glob_of_check_that_matches_nothing(eie):
    eie.fails(2, "'avx9*'", "check", "--kernel", "avx9*")


def test_glob_of_layers_that_matches_nothing(eie):
    eie.fails(2, "'nope*'", "layer", "info", "paper/nope*")


@pytest.mark.parametrize(
    "arguments",
    [
        ["bench", "--kernel", "model_*", "--device", "cpu"],
        ["bench", "--device", "titan-x"],
    ],
    ids=" ".join,
)
def test_names_that_do_not_go_together(eie, tiny, arguments):
    eie.fails(2, "no row in common", *arguments, "--quiet", "--suite", tiny)


@pytest.mark.parametrize("verb", ["bench", "check", "list kernels", "layer gen paper", "layer info paper"])
def test_unknown_option_is_named(eie, verb):
    eie.fails(2, "unknown option --frob;", *verb.split(), "--frob")


@pytest.mark.parametrize(
    "arguments, culprit",
    [
        (["list", "kernels", "--json=1"], "--json=1"),
        (["list", "-jz", "kernels"], "-z"),
        (["bench", "--", "frob"], "'frob'"),
        (["check", "frob"], "'frob'"),
        (["layer", "info", "paper", "frob"], "'frob'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_other_word_too_many_is_named(eie, arguments, culprit):
    eie.fails(2, culprit, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["bench", option]
            for option in (
                "--suite",
                "--layer",
                "--kernel",
                "--device",
                "--batch",
                "--threads",
                "--cache",
                "--budget",
                "--memory",
                "--out",
            )
        ),
        *(["check", option] for option in ("--kernel", "--cases", "--seed", "--case", "--threads", "--device")),
        *(["layer", "gen", "paper/NT-LSTM", option] for option in ("-o", "--out", "--pes")),
    ],
    ids=" ".join,
)
def test_missing_value_of_an_option(eie, arguments):
    eie.fails(2, f"option {arguments[-1]} needs a value", *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["bench", "--batch", value] for value in ("0", "-1", "x", "", "1,,x", "99999999999999999999", ",")),
        *(["bench", "--threads", value] for value in ("0", "-1", "most")),
        *(["bench", "--budget", value] for value in ("0", "-5", "soon", "nan", "inf", "1e400", "5d")),
        *(["bench", "--memory", value] for value in ("0", "-1", "2X", "many")),
        ["bench", "--cache", "cold"],
        *(["check", "--cases", value] for value in ("-1", "x", "1e3")),
        ["check", "--seed", "x"],
        ["check", "--case", "-1"],
        ["check", "--threads", "0"],
        *(["layer", "gen", "paper/NT-LSTM", "-o", "x", "--pes", value] for value in ("0", "-1", "x", "99999999999")),
    ],
    ids=" ".join,
)
def test_value_that_makes_no_sense(eie, arguments):
    value = arguments[-1]
    eie.fails(2, "at least one PE" if arguments[-2:] == ["--pes", "0"] else value, *arguments)


@pytest.mark.parametrize(
    "arguments, culprit",
    [
        (["layer"], "gen, import, info, dump, verify"),
        (["layer", "info"], "needs a file or a suite"),
        (["layer", "gen", "paper/NT-LSTM"], "needs -o FILE"),
        (["layer", "import", "folder"], "needs -o FILE"),
        (["list"], "kernels, layers, suites, devices"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_missing_argument(eie, arguments, culprit):
    eie.fails(2, culprit, *arguments)


def test_data_folder_that_does_not_exist(eie):
    eie.fails(2, "EIE_DATA_DIR", "list", "suites", env={"EIE_DATA_DIR": "nowhere"})


# ---- listings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["kernels", "layers", "suites", "devices"])
def test_listing_says_the_same_as_text_and_as_json(eie, what):
    objects = json.loads(eie("list", what, "--json").stdout)
    lines = eie("list", what).stdout.splitlines()[1:]
    assert len(objects) == len(lines) > 0
    for line, one in zip(lines, objects):
        assert one["name"] in line.split()


def test_listed_kernels_say_why_they_cannot_run(eie):
    kernels = json.loads(eie("list", "kernels", "--json", env={"EIE_OPENBLAS": "/nonexistent.so"}).stdout)
    by_name = {kernel["name"]: kernel for kernel in kernels}
    assert by_name["scalar_ref_dense"]["status"] == "ok"
    assert by_name["peers_openblas_sgemv"]["status"] == "skipped"
    assert "/nonexistent.so" in by_name["peers_openblas_sgemv"]["reason"]


# ---- suite files -------------------------------------------------------------------------------


def changed_layer(**changes):
    return [suite_object()["layers"][0] | changes]


SUITES = {
    "no outputs": ("outputs", {"layers": changed_layer(outputs=0)}),
    "no inputs": ("inputs", {"layers": changed_layer(inputs=0)}),
    "negative outputs": ("outputs", {"layers": changed_layer(outputs=-3)}),
    "outputs as text": ("outputs", {"layers": changed_layer(outputs="48")}),
    "too many inputs": ("inputs", {"layers": changed_layer(inputs=2**32)}),
    "density above 1": ("weight_density", {"layers": changed_layer(weight_density=1.5)}),
    "unknown activation": ("tanh", {"layers": changed_layer(activation="tanh")}),
    "unknown key of a layer": ("colour", {"layers": changed_layer(colour="red")}),
    "no layers": ("layers", {"layers": []}),
    "two layers of a name": ("even", {"layers": changed_layer() * 2}),
    "unknown key": ("colour", {"colour": "red"}),
    "unknown basis": ("hearsay", {"basis": "hearsay"}),
    "unknown format": ("eie-suite-9", {"format": "eie-suite-9"}),
    "no PEs": ("pe_count", {"pe_count": 0}),
    "no samples": ("samples", {"samples": 0}),
}


@pytest.mark.parametrize("what", SUITES)
def test_bad_suite(eie, make_suite, what):
    culprit, changes = SUITES[what]
    path = make_suite(**changes)
    assert culprit in eie.fails(2, path.name, "layer", "gen", path, "-o", "x.safetensors").stderr


def test_bad_suite_of_bench(eie, make_suite):
    path = make_suite(layers=changed_layer(outputs=0))
    assert "outputs" in eie.fails(2, path.name, "bench", "--suite", path, "--out", "x.json").stderr


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"format": "eie-suite-1"} x', b"0" * 5000],
    ids=["empty", "cut", "a list", "binary", "garbage behind", "a long number"],
)
def test_suite_that_is_no_suite(eie, tmp_path, content):
    (tmp_path / "bad.json").write_bytes(content)
    eie.fails(2, "bad.json", "bench", "--suite", "bad.json", "--out", "x.json")


def test_suite_named_twice_is_one(eie, tiny):
    results = eie.bench("--suite", f"{tiny},{tiny}", "--layer", "odd", "--kernel", "model_*")
    assert len({row["name"] for row in results["benchmarks"]}) == len(results["benchmarks"])


def test_estimate(eie):
    done = json.loads(
        eie(
            "estimate",
            "--inputs",
            "4096",
            "--outputs",
            "4096",
            "--weights",
            "0.09",
            "--activations",
            "0.353",
            "--device",
            "eie-64*",
            "--json",
        ).stdout
    )
    assert done[0]["device"] == "eie-64pe-45nm" and 12 < done[0]["theoretical_us"] < done[0]["expected_us"] < 14
    eie.fails(2, "--weights", "estimate", "--inputs", "1", "--outputs", "1", "--activations", "1")
    eie.fails(2, "--weights 2", "estimate", "--weights", "2")
    eie.fails(
        2, "nope", "estimate", "--inputs", "1", "--outputs", "1", "--weights", "1", "--activations", "1", "--device", "nope"
    )


# ---- names that nearly match -------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, right",
    [
        (["bench", "--suite", "Paper"], "paper"),
        (["bench", "--suite", "paper", "--layer", "nt-we"], "NT-We"),
        (["bench", "--suite", "paper", "--kernel", "scalar_eie_strem"], "scalar_eie_stream"),
        (["bench", "--suite", "paper", "--device", "EIE-64pe-45nm"], "eie-64pe-45nm"),
        (["check", "--kernel", "cpu-auto"], "cpu_auto"),
        (["explore", "--layer", "alex-6"], "Alex-6"),
        (["explore", "--device", "eie-64pe-45mn"], "eie-64pe-45nm"),
        (["estimate", "--inputs", "8", "--outputs", "8", "--weights", "1", "--activations", "1", "--device", "Eie-64pe-45nm"],
         "eie-64pe-45nm"),
        (["layer", "info", "paper/alex_7"], "Alex-7"),
        (["expnd"], "expand"),
    ],
)  # fmt: skip
def test_a_name_that_nearly_matches_gets_the_right_one_suggested(eie, arguments, right):
    eie.fails(2, f"; did you mean {right}?", *arguments)


def test_a_wrong_key_gets_its_line_and_the_right_one_suggested(eie, tmp_path):
    text = (DATA / "devices/eie-64pe-45nm.json").read_text()
    (tmp_path / "mine.json").write_text(text.replace('"queue_depth"', '"queue_dept"'))
    number = 1 + text.splitlines().index(next(line for line in text.splitlines() if '"queue_depth"' in line))
    for verb in (["explore", "--device"], ["bench", "--kernel", "model_*", "--suite", "paper", "--device"]):
        done = eie.fails(2, f"./mine.json:{number}: ", *verb, "./mine.json")
        assert "; did you mean queue_depth?" in done.stderr


def test_a_description_by_its_path_in_every_verb(eie, tiny, tmp_path):
    (tmp_path / "mine.json").write_text((DATA / "devices/eie-64pe-45nm.json").read_text())
    shape = ["--inputs", "64", "--outputs", "64", "--weights", "0.1", "--activations", "0.5"]
    for arguments in (
        ["estimate", *shape, "--device", "./mine.json"],
        ["explore", "--suite", tiny, "--device", "./mine.json", "--quiet", "--out", "sweep.json"],
        ["bench", "--quiet", "--suite", tiny, "--kernel", "model_*", "--device", "./mine.json"],
        ["check", "--case", "3", "--kernel", "model_eie_cycle", "--device", "./mine.json"],
    ):
        eie(*arguments)
    known, mine = (json.loads(eie("estimate", *shape, "--json", "--device", device).stdout)[0]
                   for device in ("eie-64pe-45nm", "mine.json"))  # fmt: skip
    assert mine | {"device": known["device"]} == known
