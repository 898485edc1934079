/* NVML, NVIDIA's library for looking after its GPUs, looked up when it is needed (EIE_NVML names
 * another file to use instead): the energy counter of a board, and what else it says of itself. The
 * counter has the millijoules since the driver was loaded, of the whole board with its memory and
 * its regulators, and takes a step only every so many milliseconds (some 20 to 100 on many boards);
 * Volta and newer have it. */
#include "host/base/library.h"
#include "host/devices/meter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* From NVIDIA's NVML API reference. */
enum code {
    GOOD = 0,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    NOT_FOUND = 6,
    DRIVER_NOT_LOADED = 9,
    GPU_IS_LOST = 15,
    RESET_REQUIRED = 16,
    OPERATING_SYSTEM = 17,
    VERSION_MISMATCH = 18
};
#define CLOCK_SM     1
#define CLOCK_MEMORY 2
#define SENSOR_GPU   0
#define MIG_ON       1
#define VIRTUAL_GPU  2       /* of a virtual machine that has a part of the board */
#define HELD_DOWN    0xecull /* of the reasons below: power, heat, the board's own brakes */

/* The first five are needed; without another one a fact of the board is not known. */
static struct {
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int code);
    int (*by_pci)(const char *pci, void **device);
    int (*energy)(void *device, unsigned long long *mj);
    int (*name)(void *device, char *name, unsigned length);
    int (*driver)(char *version, unsigned length);
    int (*clock)(void *device, int kind, unsigned *mhz);
    int (*temperature)(void *device, int sensor, unsigned *celsius);
    int (*power)(void *device, unsigned *mw);
    int (*power_limit)(void *device, unsigned *mw);
    int (*persistence)(void *device, int *on);
    int (*ecc)(void *device, int *now, int *next);
    int (*throttle)(void *device, unsigned long long *reasons);
    int (*mig)(void *device, unsigned *now, unsigned *next);
    int (*virtualization)(void *device, unsigned *mode);
} nvml;
static bool begun;

/* ---- the library ----------------------------------------------------------------------------- */

static const char *advice(int code)
{
    switch (code) {
    case NOT_SUPPORTED:
        return "this GPU does not tell it (Volta and newer have the energy counter; a virtual GPU "
               "has none)";
    case NO_PERMISSION:
        return "ask for read access to /dev/nvidiactl and /dev/nvidia*, or run as a user who has "
               "it";
    case NOT_FOUND:
        return "it is no NVIDIA GPU, or hidden from this container or user (nvidia-smi lists them)";
    case DRIVER_NOT_LOADED:
        return "load NVIDIA's kernel module (nvidia-smi tells whether it works)";
    case GPU_IS_LOST:
    case RESET_REQUIRED:
        return "the GPU does not answer any more: reset it, or reboot the machine";
    case OPERATING_SYSTEM:
        return "a container or a security module may forbid it";
    case VERSION_MISMATCH:
        return "library and kernel module are of different versions: reboot the machine";
    default:
        return "look what nvidia-smi says";
    }
}

static enum eie_energy_state judge(int code, const char *what, struct eie_error *why)
{
    if (code == GOOD) return EIE_ENERGY_MEASURED;
    const char *words = nvml.error_string ? nvml.error_string(code) : NULL;
    eie_fail(why, EIE_MISSING, "%s: %s (NVML's code %d): %s", what, words ? words : "fails", code,
             advice(code));
    return code == NO_PERMISSION ? EIE_ENERGY_NO_PERMISSION : EIE_ENERGY_UNAVAILABLE;
}

static void load_facts(void *handle)
{
    const struct eie_library_need wanted[] = {
        {"nvmlDeviceGetName", &nvml.name},
        {"nvmlSystemGetDriverVersion", &nvml.driver},
        {"nvmlDeviceGetClockInfo", &nvml.clock},
        {"nvmlDeviceGetTemperature", &nvml.temperature},
        {"nvmlDeviceGetPowerUsage", &nvml.power},
        {"nvmlDeviceGetPowerManagementLimit", &nvml.power_limit},
        {"nvmlDeviceGetPersistenceMode", &nvml.persistence},
        {"nvmlDeviceGetEccMode", &nvml.ecc},
        {"nvmlDeviceGetCurrentClocksThrottleReasons", &nvml.throttle},
        {"nvmlDeviceGetMigMode", &nvml.mig},
        {"nvmlDeviceGetVirtualizationMode", &nvml.virtualization},
        /* as newer versions call it */
        {"nvmlDeviceGetCurrentClocksEventReasons", &nvml.throttle},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *found;
        if (!eie_library_symbol(handle, wanted[i].name, &found, NULL))
            memcpy(wanted[i].pointer, &found, sizeof found);
    }
}

static enum eie_energy_state load(struct eie_error *why)
{
    static const char *const names[] = {"libnvidia-ml.so.1", "libnvidia-ml.so", NULL};
    const struct eie_library_need needs[] = {
        {"nvmlInit_v2", &nvml.init},
        {"nvmlShutdown", &nvml.shutdown},
        {"nvmlErrorString", &nvml.error_string},
        {"nvmlDeviceGetHandleByPciBusId_v2", &nvml.by_pci},
        {"nvmlDeviceGetTotalEnergyConsumption", &nvml.energy},
        {NULL, NULL},
    };
    void *handle;
    if (begun) return EIE_ENERGY_MEASURED;
    memset(&nvml, 0, sizeof nvml);
    enum eie_status status = eie_library_open(names, "EIE_NVML", &handle, why);
    if (status) {
        eie_error_prefix(why, status,
                         "no NVML (it comes with NVIDIA's driver; a container needs "
                         "the driver's capability utility)");
        return EIE_ENERGY_UNAVAILABLE;
    }
    status = eie_library_symbols(handle, needs, why);
    if (status) {
        eie_error_prefix(why, status, "this NVML is too old, a newer driver has a newer one");
        return EIE_ENERGY_UNAVAILABLE;
    }
    load_facts(handle);
    const enum eie_energy_state state = judge(nvml.init(), "starting NVML", why);
    begun = state == EIE_ENERGY_MEASURED;
    return state;
}

static void end(void)
{
    if (begun) nvml.shutdown();
    begun = false;
}

/* ---- the meter ------------------------------------------------------------------------------- */

static int is_divided(void *device)
{
    unsigned now, next;
    return nvml.mig && !nvml.mig(device, &now, &next) ? now == MIG_ON : -1;
}

static int is_virtual(void *device)
{
    unsigned mode;
    return nvml.virtualization && !nvml.virtualization(device, &mode) ? mode == VIRTUAL_GPU : -1;
}

static bool covers(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_FOUND && *device->found.pci;
}

static enum eie_energy_state open_board(const struct eie_device *device, void **handle,
                                        struct eie_error *why)
{
    const char *pci = device->found.pci;
    char what[64];
    enum eie_energy_state state = load(why);
    if (state != EIE_ENERGY_MEASURED) return state;
    snprintf(what, sizeof what, "the GPU at PCI bus id %.24s", pci);
    state = judge(nvml.by_pci(pci, handle), what, why);
    if (state != EIE_ENERGY_MEASURED || is_divided(*handle) != 1) return state;
    eie_fail(why, EIE_MISSING,
             "the board is divided into slices (MIG), and its energy counter is that of all of "
             "them: measure with MIG off (nvidia-smi -mig 0)");
    return EIE_ENERGY_UNAVAILABLE;
}

static enum eie_energy_state read_counter(void *handle, double *joules, struct eie_error *why)
{
    unsigned long long mj = 0;
    const enum eie_energy_state state = judge(nvml.energy(handle, &mj), "the energy counter", why);
    *joules = 1e-3 * (double)mj;
    return state;
}

/* ---- the board ------------------------------------------------------------------------------- */

static void throttle_words(unsigned long long reasons, char *text, size_t size)
{
    static const struct {
        unsigned long long bit;
        const char *word;
    } words[] = {
        {0x1, "idle"},
        {0x2, "application clocks"},
        {0x4, "power cap"},
        {0x8, "hardware slowdown"},
        {0x10, "sync boost"},
        {0x20, "software thermal"},
        {0x40, "hardware thermal"},
        {0x80, "power brake"},
        {0x100, "display clocks"},
    };
    text[0] = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t used = strlen(text);
        if (reasons & words[i].bit)
            snprintf(text + used, size - used, "%s%s", used ? ", " : "", words[i].word);
    }
    if (!text[0]) snprintf(text, size, reasons ? "others" : "none");
}

static int held_down(void *device)
{
    unsigned long long reasons;
    return nvml.throttle && !nvml.throttle(device, &reasons) ? (reasons & HELD_DOWN) != 0 : -1;
}

static double clock_hz(void *device, int clock)
{
    unsigned mhz;
    return nvml.clock && !nvml.clock(device, clock, &mhz) ? 1e6 * mhz : NAN;
}

static double watts(int (*function)(void *device, unsigned *mw), void *device)
{
    unsigned mw;
    return function && !function(device, &mw) ? 1e-3 * mw : NAN;
}

static void describe(void *device, struct eie_board *board)
{
    unsigned celsius;
    unsigned long long reasons;
    int next;
    board->sm_clock_hz = clock_hz(device, CLOCK_SM);
    board->memory_clock_hz = clock_hz(device, CLOCK_MEMORY);
    board->power_w = watts(nvml.power, device);
    board->power_limit_w = watts(nvml.power_limit, device);
    if (nvml.name && nvml.name(device, board->name, sizeof board->name)) board->name[0] = 0;
    if (nvml.driver && nvml.driver(board->driver, sizeof board->driver)) board->driver[0] = 0;
    if (nvml.temperature && !nvml.temperature(device, SENSOR_GPU, &celsius))
        board->temperature_c = celsius;
    if (!nvml.persistence || nvml.persistence(device, &board->persistence)) board->persistence = -1;
    if (!nvml.ecc || nvml.ecc(device, &board->ecc, &next)) board->ecc = -1;
    board->mig = is_divided(device);
    board->virtual_gpu = is_virtual(device);
    if (nvml.throttle && !nvml.throttle(device, &reasons))
        throttle_words(reasons, board->throttle, sizeof board->throttle);
}

const struct eie_meter eie_meter_nvml = {
    .whose = "NVIDIA's GPUs",
    .source = "NVML energy counter: whole board, with what it draws when idle",
    .advice = "nvidia-smi -q -d POWER tells whether the board's sensor works",
    .resolution_j = 1e-3,
    .covers = covers,
    .open = open_board,
    .read = read_counter,
    .describe = describe,
    .held_down = held_down,
    .end = end,
};
