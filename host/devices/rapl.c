/* The meter of the host's processor: RAPL (rapl.h). The row's energy is that of the package domain,
 * all packages together: cores, caches, memory controllers and what else is on the chip, idle power
 * and all other programs included, DRAM not. The other domains are its parts (meter.h).
 *
 * EIE_RAPL names a folder to read in the place of /sys, or is `no`: nobody asks.
 *
 * Counters are believed only as far as they can be right. One that goes backwards has wrapped once
 * where its range is known and so short a time has passed that no processor draws more than the
 * range in it; a step that would need more than POWER_MAX_W is none. Then there is a word. */
#include "host/devices/rapl.h"
#include "host/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define POWER_MAX_W 5e3   /* of one zone: a socket draws hundreds of watts */
#define SLACK_S     10e-3 /* a step may be that much older than the look before it */
#define RESOLUTION_J                                                                               \
    6.2e-5 /* 2^-14 J, the unit of most processors; where powercap shows microjoules, they go in   \
              such steps */
#define WINDOW_S 0.1 /* a hundred steps: the counters take one each millisecond */
#define PACKAGE  "package"

static struct eie_rapl rapl;
static char source[320];

/* ---- files ----------------------------------------------------------------------------------- */

int eie_rapl_text(const char *path, char *text, size_t size)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return errno;
    const ssize_t got = read(file, text, size);
    const int code = got < 0 ? errno : 0;
    close(file);
    if (code) return code;
    if ((size_t)got == size) return EFBIG;
    text[got] = 0;
    if (strlen(text) != (size_t)got) return EILSEQ;
    if (got && text[got - 1] == '\n') text[got - 1] = 0;
    return 0;
}

bool eie_rapl_number(const char *text, uint64_t *number)
{
    if (!*text || text[strspn(text, "0123456789")]) return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return !errno;
}

/* ---- zones ----------------------------------------------------------------------------------- */

static uint32_t domain_of(struct eie_rapl *all, const char *name)
{
    uint32_t i = 0;
    while (i < all->domain_count && strcmp(all->domains[i], name) != 0) i++;
    if (i < all->domain_count || i == EIE_METER_PARTS_MAX) return i;
    snprintf(all->domains[i], sizeof all->domains[i], "%s", name);
    all->domain_count++;
    return i;
}

struct eie_rapl_zone *eie_rapl_add(struct eie_rapl *all, const char *domain, const char *name,
                                   bool *full, struct eie_error *why)
{
    char clean[sizeof all->domains[0]];
    snprintf(clean, sizeof clean, "%s", domain);
    for (char *c = clean; *c; c++)
        if (!isgraph((unsigned char)*c)) *c = '_';
    const uint32_t found = domain_of(all, clean);
    *full = all->zone_count == EIE_RAPL_ZONES_MAX;
    if (*full)
        eie_fail(why, EIE_SYSTEM, "RAPL has more than %d zones here: more than this program reads",
                 EIE_RAPL_ZONES_MAX);
    if (*full || found == EIE_METER_PARTS_MAX) return NULL;
    struct eie_rapl_zone *zone = &all->zones[all->zone_count++];
    *zone = (struct eie_rapl_zone){
        .domain = found, .counter = -1, .unit_j = NAN, .state = EIE_ENERGY_MEASURED};
    snprintf(zone->name, sizeof zone->name, "%s", name);
    return zone;
}

static enum eie_energy_state no_step(const struct eie_rapl_zone *zone, uint64_t raw,
                                     const char *what, struct eie_error *why)
{
    eie_fail(
        why, EIE_SYSTEM,
        "the energy counter of %s %s, from %" PRIu64 " to %" PRIu64
        " (%s): run the row again; where it comes back, its driver or a virtual machine's host "
        "miscounts",
        zone->name, what, zone->raw, raw, zone->where);
    return EIE_ENERGY_WRAPPED;
}

/* How far the counter has come since it was read last. */
static enum eie_energy_state step_of(const struct eie_rapl_zone *zone, uint64_t raw, double since_s,
                                     double *step_j, bool *wrapped, struct eie_error *why)
{
    const double range_j = (double)zone->range * zone->unit_j;
    *wrapped = raw < zone->raw;
    *step_j = *wrapped ? (double)(zone->range - zone->raw + raw) * zone->unit_j
                       : (double)(raw - zone->raw) * zone->unit_j;
    if (*wrapped && !zone->range)
        return no_step(zone, raw, "went back, and where it wraps is not known", why);
    if (zone->range && since_s * POWER_MAX_W > range_j)
        return no_step(zone, raw,
                       "was not read for so long that it may have wrapped more than once", why);
    if (*step_j <= POWER_MAX_W * (since_s + SLACK_S)) return EIE_ENERGY_MEASURED;
    return no_step(zone, raw,
                   *wrapped ? "went back, and no wrap explains it"
                            : "jumped by more than any processor draws",
                   why);
}

static enum eie_energy_state look_at(struct eie_rapl_zone *zone, struct eie_error *why)
{
    uint64_t raw = 0;
    double step_j = 0;
    bool wrapped = false;
    const double now_s = eie_now_s();
    if (zone->state != EIE_ENERGY_MEASURED) {
        eie_fail(why, EIE_SYSTEM, "%s", zone->why);
        return zone->state;
    }
    enum eie_energy_state state = rapl.read(zone, &raw, why);
    if (state == EIE_ENERGY_MEASURED && zone->range && raw > zone->range) {
        eie_fail(why, EIE_SYSTEM,
                 "%s holds %" PRIu64 ", beyond the counter's own range of %" PRIu64
                 ": its driver miscounts, see what dmesg says of rapl",
                 zone->where, raw, zone->range);
        return EIE_ENERGY_UNAVAILABLE;
    }
    if (state == EIE_ENERGY_MEASURED && zone->looked)
        state = step_of(zone, raw, now_s - zone->at_s, &step_j, &wrapped, why);
    if (state != EIE_ENERGY_MEASURED) return state;
    zone->looked = true;
    zone->raw = raw;
    zone->at_s = now_s;
    zone->joules += step_j;
    zone->wraps += wrapped;
    return EIE_ENERGY_MEASURED;
}

/* The sum over the packages; one that cannot be read leaves no sum. */
static enum eie_energy_state read_domain(uint32_t domain, double *joules, struct eie_error *why)
{
    *joules = 0;
    for (uint32_t i = 0; i < rapl.zone_count; i++) {
        if (rapl.zones[i].domain != domain) continue;
        const enum eie_energy_state state = look_at(&rapl.zones[i], why);
        if (state != EIE_ENERGY_MEASURED) return state;
        *joules += rapl.zones[i].joules;
    }
    return EIE_ENERGY_MEASURED;
}

static uint32_t zones_of(uint32_t domain, double *joules, uint32_t *wraps)
{
    uint32_t count = 0;
    *joules = 0;
    *wraps = 0;
    for (uint32_t i = 0; i < rapl.zone_count; i++) {
        if (rapl.zones[i].domain != domain) continue;
        count++;
        *joules += rapl.zones[i].joules;
        *wraps += rapl.zones[i].wraps;
    }
    return count;
}

/* ---- the meter ------------------------------------------------------------------------------- */

static const char *asked_root(void)
{
    const char *text = getenv("EIE_RAPL");
    return text && *text ? text : "/sys";
}

static const char *turned_off(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_CPU && !strcmp(asked_root(), "no") ? "EIE_RAPL=no" : NULL;
}

static bool covers(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_CPU && !turned_off(device);
}

static void end(void)
{
    eie_rapl_close_perf(&rapl);
    rapl.zone_count = rapl.domain_count = 0;
}

static bool is_virtual(void)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c >> 31 & 1;
#else
    return false;
#endif
}

static const char *where_to_measure(void)
{
    return is_virtual() ? "this is a virtual machine, which hosts seldom give any: measure on the "
                          "machine itself"
                        : "load its module (modprobe intel_rapl_msr) where the processor has it";
}

static enum eie_energy_state absent(struct eie_error *why)
{
    eie_fail(why, EIE_MISSING,
             "no RAPL in %s (powercap, perf_event): %s, or read a meter at the wall (--power)",
             rapl.root, where_to_measure());
    return EIE_ENERGY_UNAVAILABLE;
}

static void name_source(void)
{
    double joules;
    uint32_t wraps;
    const uint32_t packages = zones_of(0, &joules, &wraps);
    snprintf(
        source, sizeof source,
        "RAPL by %s%s%.64s%s: package domain%s, without DRAM, with what it draws when idle and "
        "all that runs beside",
        rapl.way, strcmp(rapl.root, "/sys") ? " in " : "",
        strcmp(rapl.root, "/sys") ? rapl.root : "", strcmp(rapl.root, "/sys") ? " (EIE_RAPL)" : "",
        packages > 1 ? " of all packages together" : "");
}

typedef enum eie_energy_state find_zones(struct eie_rapl *all, bool *there, struct eie_error *why);

/* Zones of one of the two ways, and the package's counters read once. */
static enum eie_energy_state try_way(find_zones *find, bool *there, struct eie_error *why)
{
    double joules;
    end();
    domain_of(&rapl, PACKAGE);
    enum eie_energy_state state = find(&rapl, there, why);
    uint32_t wraps;
    if (state == EIE_ENERGY_MEASURED && !zones_of(0, &joules, &wraps)) {
        eie_fail(
            why, EIE_SYSTEM,
            "RAPL by %s shows no counter of a whole package here%s: %s, or read a meter at the "
            "wall (--power)",
            rapl.way, rapl.zone_count ? ", only others" : "", where_to_measure());
        state = EIE_ENERGY_UNAVAILABLE;
    }
    if (state == EIE_ENERGY_MEASURED) state = read_domain(0, &joules, why);
    if (state != EIE_ENERGY_MEASURED) end();
    return state;
}

static enum eie_energy_state open_counters(const struct eie_device *device, void **handle,
                                           struct eie_error *why)
{
    struct eie_error other = {""};
    bool powercap = false, perf = false;
    (void)device;
    *handle = NULL;
    snprintf(rapl.root, sizeof rapl.root, "%s", asked_root());
    enum eie_energy_state state = try_way(eie_rapl_find_powercap, &powercap, why);
    if (state != EIE_ENERGY_MEASURED) {
        const enum eie_energy_state second = try_way(eie_rapl_find_perf, &perf, &other);
        if (!powercap && !perf) return absent(why);
        if (second == EIE_ENERGY_MEASURED || !powercap ||
            (second == EIE_ENERGY_NO_PERMISSION && state != second)) {
            state = second;
            if (why) *why = other;
        }
    }
    if (state != EIE_ENERGY_MEASURED) return state;
    name_source();
    *handle = &rapl;
    return state;
}

static enum eie_energy_state read_counter(void *handle, double *joules, struct eie_error *why)
{
    (void)handle;
    return read_domain(0, joules, why);
}

static void begin(void *handle)
{
    (void)handle;
    for (uint32_t i = 0; i < rapl.zone_count; i++) rapl.zones[i].looked = false;
}

static uint32_t parts(void *handle, struct eie_meter_part list[EIE_METER_PARTS_MAX])
{
    (void)handle;
    for (uint32_t i = 0; i < rapl.domain_count; i++) {
        struct eie_error why = {""};
        double joules;
        list[i] = (struct eie_meter_part){.state = EIE_ENERGY_MEASURED};
        snprintf(list[i].name, sizeof list[i].name, "%s", rapl.domains[i]);
        if (i) list[i].state = read_domain(i, &joules, &why);
        zones_of(i, &list[i].joules, &list[i].wraps);
        if (list[i].state == EIE_ENERGY_MEASURED) continue;
        list[i].joules = NAN;
        snprintf(list[i].reason, sizeof list[i].reason, "%.255s", why.message);
    }
    return rapl.domain_count;
}

static const char *source_of(void *handle)
{
    (void)handle;
    return source;
}

const struct eie_meter eie_meter_rapl = {
    .whose = "processors with RAPL",
    .source = "RAPL: package domain, without DRAM, with what it draws when idle",
    .advice =
        "a virtual machine may show counters that do not count; measure on the machine itself",
    .resolution_j = RESOLUTION_J,
    .window_s = WINDOW_S,
    .covers = covers,
    .open = open_counters,
    .read = read_counter,
    .begin = begin,
    .parts = parts,
    .source_of = source_of,
    .end = end,
    .turned_off = turned_off,
};
