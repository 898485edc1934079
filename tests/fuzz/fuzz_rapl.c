/* Any bytes as the small files of sysfs that RAPL is read from, apart by bytes 0x1e: of a zone of
 * powercap its name, its counter, the counter's range and the counter once more; of perf_event the
 * unit's type and CPUs, and an event with its scale and its unit. Whatever stands there: a number
 * that energy can be, or a word with a reason. */
#include "host/devices/rapl.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <sys/stat.h>

#define FILES 9
static const char *const files[FILES] = {
    "class/powercap/intel-rapl:0/name",
    "class/powercap/intel-rapl:0/energy_uj",
    "class/powercap/intel-rapl:0/max_energy_range_uj",
    "class/powercap/intel-rapl:0/energy_uj",
    "bus/event_source/devices/power/type",
    "bus/event_source/devices/power/cpumask",
    "bus/event_source/devices/power/events/energy-pkg",
    "bus/event_source/devices/power/events/energy-pkg.scale",
    "bus/event_source/devices/power/events/energy-pkg.unit",
};
static const char *const folders[] = {"class",
                                      "class/powercap",
                                      "class/powercap/intel-rapl:0",
                                      "bus",
                                      "bus/event_source",
                                      "bus/event_source/devices",
                                      "bus/event_source/devices/power",
                                      "bus/event_source/devices/power/events"};
#define FOLDERS (sizeof folders / sizeof *folders)

static char root[256];

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void clear(void)
{
    for (int i = 0; i < FILES; i++) unlink(path_of(files[i]));
    for (size_t i = FOLDERS; i-- > 0;) rmdir(path_of(folders[i]));
    rmdir(root);
}

static int open_event(uint32_t type, uint64_t config, int cpu)
{
    (void)type;
    return cpu >= 0 ? (int)(config % 1000) : -1;
}

static int read_event(int counter, uint64_t *value)
{
    *value = (uint64_t)counter;
    return 0;
}

static void close_event(int counter)
{
    (void)counter;
}

static void begin(void)
{
    static const struct eie_rapl_perf calls = {open_event, read_event, close_event};
    const char *base = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.200s/eie-fuzz-XXXXXX", base && *base ? base : P_tmpdir);
    FUZZ_MUST(mkdtemp(root));
    for (size_t i = 0; i < FOLDERS; i++) FUZZ_MUST(!mkdir(path_of(folders[i]), 0700));
    atexit(clear);
    FUZZ_MUST(!setenv("EIE_RAPL", root, 1));
    eie_rapl_use(&calls);
}

/* The part of this number into its file. */
static void put(const uint8_t *data, size_t size, int number)
{
    const uint8_t *end = data + size;
    for (int i = 0; i < number && data < end; i++) {
        const uint8_t *next = memchr(data, 0x1e, (size_t)(end - data));
        data = next ? next + 1 : end;
    }
    const uint8_t *next = data < end ? memchr(data, 0x1e, (size_t)(end - data)) : NULL;
    const size_t length = (size_t)((next ? next : end) - data);
    FILE *file = fopen(path_of(files[number]), "wb");
    FUZZ_MUST(file && (!length || fwrite(data, length, 1, file) == 1));
    FUZZ_MUST(!fclose(file));
}

static void must_say(enum eie_energy_state state, const struct eie_error *why)
{
    FUZZ_MUST(state == EIE_ENERGY_UNAVAILABLE || state == EIE_ENERGY_NO_PERMISSION ||
              state == EIE_ENERGY_WRAPPED);
    FUZZ_MUST(why->message[0] && !strchr(why->message, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct eie_device cpu = {.kind = EIE_DEVICE_CPU, .name = "cpu"};
    struct eie_error why = {""};
    struct eie_gauge gauge;
    struct eie_look look;
    if (!*root) begin();
    for (int i = 0; i < FILES; i++)
        if (i != 3) put(data, size, i);
    enum eie_energy_state state = eie_gauge_open(eie_meter_of(&cpu), &cpu, &gauge, &why);
    if (state != EIE_ENERGY_MEASURED) {
        must_say(state, &why);
        return 0;
    }
    FUZZ_MUST(strstr(eie_gauge_source(&gauge), "RAPL by "));
    put(data, size, 3);
    why.message[0] = 0;
    const double before = gauge.joules;
    state = eie_gauge_look(&gauge, &look, &why);
    if (state != EIE_ENERGY_MEASURED)
        must_say(state, &why);
    else
        FUZZ_MUST(isfinite(look.joules) && look.joules >= before && look.joules < 1e6);
    eie_meters_end();
    return 0;
}
