#include "host/devices/nvml.h"
#include "host/base/clock.h"
#include "host/base/library.h"

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
} nvml;
static bool begun;

const char *eie_energy_state_word(enum eie_energy_state state)
{
    static const char *const words[] = {
        "", "measured", "unavailable", "no permission", "window too short", "wrapped"};
    return words[state];
}

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
        return "the GPU does not answer any more: reset it, or boot the machine anew";
    case OPERATING_SYSTEM:
        return "a container or a security module may forbid it";
    case VERSION_MISMATCH:
        return "library and kernel module are of different versions: boot the machine anew";
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

void eie_nvml_end(void)
{
    if (begun) nvml.shutdown();
    begun = false;
}

/* ---- the meter ------------------------------------------------------------------------------- */

enum eie_energy_state eie_nvml_open(const char *pci, struct eie_nvml_meter *meter,
                                    struct eie_error *why)
{
    struct eie_nvml_look look;
    char what[64];
    *meter = (struct eie_nvml_meter){.device = NULL};
    enum eie_energy_state state = load(why);
    if (state != EIE_ENERGY_MEASURED) return state;
    snprintf(what, sizeof what, "the GPU at PCI bus id %.24s", pci);
    state = judge(nvml.by_pci(pci, &meter->device), what, why);
    return state == EIE_ENERGY_MEASURED ? eie_nvml_look(meter, &look, why) : state;
}

enum eie_energy_state eie_nvml_look(struct eie_nvml_meter *meter, struct eie_nvml_look *look,
                                    struct eie_error *why)
{
    unsigned long long mj = 0;
    const double begin = eie_now_s();
    enum eie_energy_state state = judge(nvml.energy(meter->device, &mj), "the energy counter", why);
    if (state != EIE_ENERGY_MEASURED) return state;
    if (meter->looked && mj < meter->mj) {
        eie_fail(
            why, EIE_SYSTEM,
            "the energy counter went back from %llu to %llu mJ (the driver was loaded anew, or "
            "the counter is full): run the row again",
            (unsigned long long)meter->mj, mj);
        state = EIE_ENERGY_WRAPPED;
    }
    *look = (struct eie_nvml_look){
        .mj = mj,
        .at_s = begin,
        .moved = meter->looked && mj != meter->mj,
        .gap_s = meter->looked ? eie_now_s() - meter->looked_s : INFINITY,
    };
    meter->looked = true;
    meter->mj = mj;
    meter->looked_s = begin;
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

void eie_nvml_board(const struct eie_nvml_meter *meter, struct eie_nvml_board *board)
{
    void *device = meter->device;
    unsigned celsius;
    unsigned long long reasons;
    int next;
    *board = (struct eie_nvml_board){
        .sm_clock_hz = clock_hz(device, CLOCK_SM),
        .memory_clock_hz = clock_hz(device, CLOCK_MEMORY),
        .temperature_c = NAN,
        .power_w = watts(nvml.power, device),
        .power_limit_w = watts(nvml.power_limit, device),
    };
    if (nvml.name && nvml.name(device, board->name, sizeof board->name)) board->name[0] = 0;
    if (nvml.driver && nvml.driver(board->driver, sizeof board->driver)) board->driver[0] = 0;
    if (nvml.temperature && !nvml.temperature(device, SENSOR_GPU, &celsius))
        board->temperature_c = celsius;
    if (!nvml.persistence || nvml.persistence(device, &board->persistence)) board->persistence = -1;
    if (!nvml.ecc || nvml.ecc(device, &board->ecc, &next)) board->ecc = -1;
    if (nvml.throttle && !nvml.throttle(device, &reasons))
        throttle_words(reasons, board->throttle, sizeof board->throttle);
}
