"""Made-up files of `eie explore` for the tests of plots/book. Their numbers agree with the paper's."""

from conftest import DATA

from plots.book.numbers import DEPTHS, MATCHED, PES, ROWS, WIDTHS
from plots.core.published import EIE, LAYERS, Published

PUBLISHED = Published(DATA)
ARITHMETICS = ("float32", "fixed32", "fixed16", "fixed8", "fixed32-wide", "fixed16-wide", "fixed8-wide")


def point(suite, layer, pes=64, queue_depth=8, line_bits=64, technology="own", clock=800e6, factor=1.0):
    """As if the model agreed with Table IV up to `factor`."""
    theory = PUBLISHED.time(EIE, "theoretical", layer).value * 800 * 64
    cycles = round(PUBLISHED.time(EIE, "actual", layer).value * 800 * 64 / pes * factor)
    shape = PUBLISHED.layers[layer]
    return {
        "suite": suite,
        "layer": layer,
        "pes": pes,
        "queue_depth": queue_depth,
        "line_bits": line_bits,
        "technology": technology,
        "index_bits": 4,
        "code_bits": 4,
        "clock_hz": clock,
        "effective_clock_hz": clock,
        "cycles": cycles,
        "time_us": cycles / clock * 1e6,
        "theoretical_us": theory / pes / clock * 1e6,
        "theoretical_cycles": theory / pes,
        "load_balance": theory / pes / cycles,
        "entries": round(theory),
        "weights": round(0.8 * theory),
        "real_work": 0.8,
        "broadcasts": int(shape["inputs"]),
        "area_mm2": 40.8,
        "spmat_line_reads": round(theory / line_bits * 12),
        "pointer_pair_reads": int(shape["inputs"]) * pes,
        "spmat_bytes_fullest_pe": 1000,
        "pointer_bytes_per_pe": 2000,
        "activation_bytes_per_pe": 30,
        "fits": True,
        **{
            f"energy_{part}_j": 1e-6
            for part in (
                "left",
                "right",
                "table1",
                "constant_power",
                "spmat_left",
                "pointer",
                "queue",
                "arithmetic",
                "activation",
            )
        },
    }


def sweep(points, precision=()):
    design = {"time_us": 10.0, "energy_left_j": 1e-5, "area_mm2": 40.8, "pareto_left": True}
    design |= {"pes": 64, "queue_depth": 8, "line_bits": 64, "index_bits": 4}
    return {
        "format": "eie-explore-1",
        "device": EIE,
        "points": points,
        "designs": [design, design | {"time_us": 20.0, "pareto_left": False, "pes": 32}],
        "precision": list(precision),
    }


def sweeps(technologies=("own", "paper:28")):
    """{option of reproduction: its file}"""
    suites = (MATCHED, ROWS)
    precision = [
        {"suite": MATCHED, "layer": layer, "arithmetic": name, "relative_rms_error": error, "largest_error": error}
        for layer in LAYERS
        for name in ARITHMETICS
        for error in [0.0 if name.startswith("fixed32") else 1e-3]  # what is exact has none
    ]
    return {
        "queue": sweep(
            [
                point(suite, layer, queue_depth=depth, factor=1.1 if suite == MATCHED else 1)
                for suite in suites
                for layer in LAYERS
                for depth in DEPTHS
            ],
            precision,
        ),
        "scale": sweep(
            [
                point(suite, layer, pes, line_bits=bits, technology=technology)
                for suite in suites
                for layer in LAYERS
                for pes in PES
                for bits in WIDTHS
                for technology in technologies
            ]
        ),
        "large": sweep([point(suite, layer, 256, clock=1.2e9) for suite in suites for layer in LAYERS]),
        "space": sweep([point(ROWS, layer) for layer in LAYERS]),
    }
