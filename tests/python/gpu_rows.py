"""Made-up rows of CUDA devices for the tests of plots/pages/gpus.py. Their numbers are round and clearly not measured."""

from conftest import base_row, with_number

from plots.core.published import LAYERS

CARD, OTHER = "cuda:made-up", "cuda:made-up-2"
FLAGS = {
    "cuda_code_groups": ["exact"],
    "cuda_active_columns": ["exact"],
    "cuda_batch_groups": ["exact"],
    "cuda_eie_stream": ["exact"],
    "peers_cublas_half": ["float32", "approximate"],
    "peers_cublaslt_int8": ["float32", "approximate"],
}
# kernel: microseconds of a call on the device for the first layer; each further layer takes one tenth more
BATCH_1 = {
    "cuda_code_groups": 4.0,
    "cuda_eie_stream": 40.0,
    "peers_cublas_sgemv": 32.0,
    "peers_cusparse_csr_mv": 10.0,
    "peers_cublas_half": 1.0,
}
INT8 = {1: 5.0, 64: 32.0}  # of peers_cublaslt_int8, which no file had at first
COLUMNS_US, COLUMNS_LAYERS = 3.0, ("NT-We", "NT-Wd")  # cuda_active_columns is the fastest there alone
BATCH_64 = {
    "cuda_batch_groups": 64.0,
    "cuda_code_groups": 128.0,
    "peers_cublas_sgemm": 192.0,
    "peers_cublas_half": 16.0,
    "peers_cusparse_csr_mm": 640.0,
}
LAUNCH_US = 5.0  # what wall time has beside device time
EMPTY_US = 2.0
FLOOR = 0.5  # of the device time
UJ, WATTS, IDLE_WATTS = 200.0, 320.0, 80.0
MEASURED = dict(
    eie_energy_state="measured",
    eie_energy_j=UJ * 1e-6,
    eie_energy_source="a made-up counter",
    eie_power_w=WATTS,
    eie_idle_power_w=IDLE_WATTS,
    eie_energy_relative_error=0.02,
)


def growth(layer):
    return 1 + LAYERS.index(layer) / 10


def microseconds(kernel, layer, batch=1):
    if kernel == "cuda_active_columns":
        return COLUMNS_US if layer in COLUMNS_LAYERS else 50.0
    if kernel == "peers_cublaslt_int8":
        return INT8[batch] * growth(layer)
    return (BATCH_1 if batch == 1 else BATCH_64)[kernel] * growth(layer)


def gpu_row(kernel, layer, clock, batch=1, device=CARD, times=1.0, **further):
    row = base_row("paper", layer, kernel, FLAGS.get(kernel, ["float32"]), device, batch, 0, "hot", clock)
    time = microseconds(kernel, layer, batch) * times * 1e3
    return with_number(
        row,
        time + (LAUNCH_US * 1e3 if clock == "wall" else 0),
        eie_macs_useful=10,
        eie_macs_padding=0,
        eie_bytes=1000,
        eie_run=0,
        eie_resident="l2",
        eie_floor_ns=time * FLOOR,
        eie_floor_share=FLOOR,
        eie_floor_bound="launch" if layer.startswith("NT") else "l2",
        eie_launch_ns=EMPTY_US * 1e3,
        eie_cuda_launch="graph",
        **(MEASURED | further),
    )


def gpu_rows(device=CARD, times=1.0):
    """Every layer on one device, both clocks; `times`: how many times slower than made up above."""
    return [
        gpu_row(kernel, layer, clock, batch, device, times)
        for batch, kernels in ((1, [*BATCH_1, "cuda_active_columns"]), (64, BATCH_64))
        for kernel in kernels
        for layer in LAYERS
        for clock in ("device", "wall")
    ]


def with_gpus(document, *devices):
    """The file with these devices: (name, times) each."""
    for device, times in devices:
        document["benchmarks"] += gpu_rows(device, times)
    document["context"]["eie_devices"] = {
        device: {"title": f"Made-up GPU {device}", "l2_bytes": 50_000_000, "board": {"driver": "1.2"}}
        for device, _ in devices
    }
    document["context"]["eie_runs"] = [
        {
            "eie_device_ceilings": {
                device: {
                    "launch_wall_ns": 4000.0 + run,
                    "launch_device_ns": EMPTY_US * 1e3 + run,
                    "l2_bytes_per_s": 5e12 - run,
                    "dram_bytes_per_s": 3e12,
                }
                for device, _ in devices
            }
        }
        for run in (1, 0)
    ]
    return document


def find(document, kernel, layer, clock="device", batch=1, device=CARD):
    (row,) = (
        row
        for row in document["benchmarks"]
        if (row["eie_kernel"], row["eie_layer"], row["eie_time_source"], row["eie_batch"], row["eie_device"])
        == (kernel, layer, clock, batch, device)
        and row["eie_cache"] == "hot"
    )
    return row


def without_number(document, row, status, reason):
    """Moves a row to those without a number."""
    document["benchmarks"].remove(row)
    document["eie_missing"].append(row | {"eie_status": status, "eie_reason": reason})
