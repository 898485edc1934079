"""The published numbers: data/paper/*.csv as cells."""

import csv
import json
import os
from dataclasses import replace

from plots.core.cells import Cell
from plots.core.load import InputError

LAYERS = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM")
POWER_LAYERS = LAYERS[:6]  # AlexNet and VGG: the layers whose power is printed
PLATFORMS = {"CPU": "core-i7-5930k", "GPU": "titan-x", "mGPU": "tegra-k1"}  # short name: name in the files
EIE = "eie-64pe-45nm"  # the design whose times Table IV prints
PROVENANCE_OF_BASIS = {"derived": "derived", "simulated": "simulated"}  # all others are cited
MEAN = "geomean"  # the layer of the means in the labels of Fig. 6 and 7


class Published:
    def __init__(self, data_dir):
        self._folder = os.path.join(data_dir, "paper")
        self._devices = os.path.join(data_dir, "devices")
        self._times = self._cells("eie_table4_walltime", "platform batch matrix layer", "time_us", "us")
        self._powers = self._cells("deepcomp_power", "platform batch matrix layer", "power_w", "W")
        self._speedups = self._cells("eie_fig6_speedup", "platform matrix layer", "speedup_vs_cpu_dense_batch1_x", "x")
        self._energies = self._cells(
            "eie_fig7_energy", "platform matrix layer", "energy_efficiency_vs_cpu_dense_batch1_x", "x"
        )
        self._balance = self._cells("eie_fig8_fifo", "layer queue_depth", "load_balance_pct", "%")
        self._reading_errors = self._cells("eie_fig8_fifo", "layer queue_depth", "uncertainty_pct_points", "points")
        self._scaling = {
            column: self._cells("eie_fig11_12_13_scaling", "layer pe_count", column, unit)
            for column, unit in (("speedup_vs_one_pe_x", "x"), ("real_work_pct", "%"), ("load_balance_pct", "%"))
        }
        self._least_speedups = {
            (row["layer"], row["pe_count"])
            for row in self._rows("eie_fig11_12_13_scaling", "layer", "pe_count", "speedup_is_lower_bound")
            if row["speedup_is_lower_bound"] == "yes"
        }
        self._sram = self._cells("eie_fig9_sram", "panel layer quantity sram_width_bits", "value")
        self._multiplies = self._cells("eie_fig10_precision", "arithmetic", "multiply_energy_pj", "pJ")
        self._accuracies = self._cells("eie_fig10_precision", "arithmetic", "top5_accuracy_pct", "%")
        self._costs = self._cells("eie_table1_energy", "operation", "relative_cost", "x")
        self._poster = self._cells("poster", "key", "value", with_conditions=True)
        self._headline = self._cells("headline", "key", "value")
        self._simulator = self._cells("eie_simulator_fc8", "key", "value", with_conditions=True)
        self._operations = self._cells("eie_table1_energy", "operation", "energy_pj", "pJ")
        self._pe_powers = self._cells("eie_table2_pe", "breakdown item", "power_mw", "mW", blanks=True)
        self._pe_areas = self._cells("eie_table2_pe", "breakdown item", "area_um2", "um2")
        self.layers = {
            row["layer"]: row
            for row in self._rows(
                "eie_table3_layers", "layer", "inputs", "outputs", "weight_density_pct", "activation_density_pct", "flop_pct"
            )
        }
        self.platforms = self._rows("eie_table5_platforms", "platform", "power_w", "throughput_frames_per_s")
        self.poster = self._rows("poster", "key", "item", "value", "unit", "conditions", "basis")
        self.networks = {
            row["network"]: row
            for row in self._rows("deepcomp_networks", "network", "top5_error_before_pct", "top5_error_after_pct")
        }
        self.network_layers = self._rows("deepcomp_layers", "network", "layer", "weights", "size_huffman_pct")
        for layer in LAYERS:
            if layer not in self.layers:
                raise InputError(f"{self._folder}/eie_table3_layers.csv: no row for {layer}")

    def _rows(self, name, *columns):
        path = os.path.join(self._folder, name + ".csv")
        try:
            with open(path, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        for column in columns + ("source",):
            if not rows or column not in rows[0]:
                raise InputError(f"{path}: no rows or no column {column}")
        return rows

    def _cells(self, name, keys, column, unit=None, with_conditions=False, blanks=False):
        """Without `unit` each row has its own; `blanks`: the paper prints nothing in some rows."""
        keys = keys.split()
        further = ([] if unit else ["unit"]) + (["basis", "conditions"] if with_conditions else [])
        cells = {}
        for number, row in enumerate(self._rows(name, *keys, column, *further), 2):
            if blanks and row[column] == "":
                continue
            try:
                source = row["source"] + (" (digitised)" if row.get("basis") == "digitised" else "")
                source += f": {row['conditions']}" if with_conditions else ""
                cells[tuple(row[key] for key in keys)] = Cell(
                    float(row[column]),
                    unit or row["unit"],
                    PROVENANCE_OF_BASIS.get(row.get("basis"), "cited"),
                    source,
                    text=row[column],
                )
            except (TypeError, ValueError):
                raise InputError(
                    f"{self._folder}/{name}.csv:{number}: {column} is not a number, or there is no source"
                ) from None
        return cells

    def _need(self, cells, key, what):
        if key not in cells:
            raise InputError(f"{self._folder}: no {what} for {', '.join(str(part) for part in key)}")
        return cells[key]

    def time(self, platform, matrix, layer, batch=1):
        """Table IV, microseconds for one input vector; for EIE matrix is theoretical or actual."""
        return self._need(self._times, (platform, str(batch), matrix, layer), "time of Table IV")

    def times(self, platform, matrix, batch=1, layers=LAYERS):
        return [self.time(platform, matrix, layer, batch) for layer in layers]

    def power(self, platform, matrix, layer):
        """Deep Compression Table 9, batch 1, for POWER_LAYERS."""
        return self._need(self._powers, (platform, "1", matrix, layer), "power")

    def energy(self, platform, matrix, layer):
        """Power (Deep Compression Table 9) x time (Table IV), batch 1, for POWER_LAYERS."""
        time, power = self.time(platform, matrix, layer), self.power(platform, matrix, layer)
        return Cell(
            time.value * power.value,
            "uJ",
            "derived",
            f"power x time, {platform} {matrix} batch 1: {power.source} x {time.source}",
        )

    def speedup_label(self, platform, matrix, layer):
        """Fig. 6 as printed, over CPU dense batch 1."""
        return self._need(self._speedups, (platform, matrix, layer), "label of Fig. 6")

    def energy_label(self, platform, matrix, layer):
        """Fig. 7 as printed, over CPU dense batch 1."""
        return self._need(self._energies, (platform, matrix, layer), "label of Fig. 7")

    def load_balance(self, layer, depth):
        return self._need(self._balance, (layer, str(depth)), "load balance of Fig. 8")

    def reading_error(self, layer, depth):
        """How far that bar of Fig. 8 may lie from what was read off the drawing."""
        return replace(
            self._need(self._reading_errors, (layer, str(depth)), "reading error of Fig. 8"), provenance="assumed"
        )

    def real_work(self, layer, pe_count):
        """Fig. 12: the share of the entries that is no padding."""
        return self._need(self._scaling["real_work_pct"], (layer, str(pe_count)), "real work of Fig. 12")

    def balance_at(self, layer, pe_count):
        """Fig. 13, queue depth 8."""
        return self._need(self._scaling["load_balance_pct"], (layer, str(pe_count)), "load balance of Fig. 13")

    def speedup_over_one_pe(self, layer, pe_count):
        """Fig. 11; see `is_least_speedup`."""
        return self._need(self._scaling["speedup_vs_one_pe_x"], (layer, str(pe_count)), "speed-up of Fig. 11")

    def is_least_speedup(self, layer, pe_count):
        """Does the bar of Fig. 11 end at the axis?"""
        return (layer, str(pe_count)) in self._least_speedups

    def spmat_reads(self, width):
        """Fig. 9, left panel; `width` of the SRAM in bits."""
        return self._need(self._sram, ("left", "", "read_count", str(width)), "reads of Fig. 9")

    def read_energy(self, width):
        """Of one read, Fig. 9, left panel."""
        return self._need(self._sram, ("left", "", "energy_per_read", str(width)), "energy of Fig. 9")

    def layer_read_energy(self, layer, width):
        """Of all reads, Fig. 9, right panel."""
        return self._need(self._sram, ("right", layer, "total_read_energy", str(width)), "energy of Fig. 9")

    def multiply_energy(self, arithmetic):
        """Fig. 10."""
        return self._need(self._multiplies, (arithmetic,), "energy of Fig. 10")

    def top5_accuracy(self, arithmetic):
        return self._need(self._accuracies, (arithmetic,), "accuracy of Fig. 10")

    def operations(self):
        """Those of Table I."""
        return [operation for (operation,) in self._operations]

    def relative_cost(self, operation):
        """Table I."""
        return self._need(self._costs, (operation,), "relative cost of Table I")

    def simulator_fc8(self, key):
        """The authors' simulator on the real layer alexnet-fc8, run by this project's founders."""
        return self._need(self._simulator, (key,), "number of the authors' simulator")

    def claim(self, key):
        return self._need(self._headline, (key,), "headline number")

    def poster_cell(self, key):
        return self._need(self._poster, (key,), "number of the poster")

    def operation_energy(self, operation):
        """Table I."""
        return self._need(self._operations, (operation,), "energy of Table I")

    def pe_power(self, breakdown, item):
        """Table II, and section VI for the LNZD node."""
        return self._need(self._pe_powers, (breakdown, item), "power of Table II")

    def pe_area(self, breakdown, item):
        return self._need(self._pe_areas, (breakdown, item), "area of Table II")

    def design(self, key, unit, device=EIE):
        """A number of a device description."""
        path = os.path.join(self._devices, device + ".json")
        try:
            with open(path, encoding="utf-8") as file:
                number = json.load(file)["numbers"][key]
            return Cell(float(number["value"]), unit, number["basis"], number["source"], text=repr(number["value"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: no number {key}: {error}") from None
