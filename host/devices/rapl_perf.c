/* RAPL by perf_event: bus/event_source/devices/power has `type` and `cpumask` (a CPU of each
 * package), and in `events` for each domain energy-NAME ("event=0x02"), energy-NAME.scale, the
 * joules of one count, and energy-NAME.unit. The kernel undoes wraps. From its
 * Documentation/ABI/testing/sysfs-bus-event_source-devices-events. */
#include "host/devices/rapl.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER   "bus/event_source/devices/power"
#define PREFIX   "energy-"
#define CPUS_MAX 64

/* ---- the system's calls ---------------------------------------------------------------------- */

static int open_event(uint32_t type, uint64_t config, int cpu)
{
    struct perf_event_attr event;
    memset(&event, 0, sizeof event);
    event.size = sizeof event;
    event.type = type;
    event.config = config;
    return (int)syscall(SYS_perf_event_open, &event, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int read_event(int counter, uint64_t *value)
{
    const ssize_t got = read(counter, value, sizeof *value);
    if (got >= 0 && got != sizeof *value) errno = ENODATA;
    return got == sizeof *value ? 0 : -1;
}

static void close_event(int counter)
{
    close(counter);
}

static const struct eie_rapl_perf systems = {open_event, read_event, close_event};
static const struct eie_rapl_perf *wanted, *perf;

void eie_rapl_use(const struct eie_rapl_perf *calls)
{
    wanted = calls;
}

static enum eie_energy_state judge(int code, const char *what, struct eie_error *why)
{
    if (code == EACCES || code == EPERM) {
        eie_fail(why, EIE_SYSTEM,
                 "%.150s: %s: counters of the whole machine need CAP_PERFMON, or sudo sysctl "
                 "kernel.perf_event_paranoid=0",
                 what, strerror(code));
        return EIE_ENERGY_NO_PERMISSION;
    }
    eie_fail(why, EIE_SYSTEM, "%.150s: %s: is its module still loaded (rapl)?", what,
             strerror(code));
    return EIE_ENERGY_UNAVAILABLE;
}

static enum eie_energy_state read_zone(const struct eie_rapl_zone *zone, uint64_t *raw,
                                       struct eie_error *why)
{
    if (!perf->read(zone->counter, raw)) return EIE_ENERGY_MEASURED;
    return judge(errno, zone->where, why);
}

/* ---- what the files say ---------------------------------------------------------------------- */

/* The text of FOLDER/NAME[SUFFIX]; why there is none, naming the file. */
static enum eie_energy_state text_of(const struct eie_rapl *rapl, const char *name,
                                     const char *suffix, char *text, size_t size,
                                     struct eie_error *why)
{
    char path[320];
    snprintf(path, sizeof path, "%s/" FOLDER "/%.40s%s", rapl->root, name, suffix);
    const int code = eie_rapl_text(path, text, size);
    return code ? judge(code, path, why) : EIE_ENERGY_MEASURED;
}

static enum eie_energy_state garbage(const struct eie_rapl *rapl, const char *name,
                                     const char *suffix, const char *text, struct eie_error *why)
{
    eie_fail(why, EIE_SYSTEM,
             "%s/" FOLDER "/%.40s%s holds '%.40s', which this program cannot read: the kernel is "
             "newer than it, or the file is damaged",
             rapl->root, name, suffix, text);
    return EIE_ENERGY_UNAVAILABLE;
}

static bool read_number(const char **text, uint32_t *number)
{
    char *rest;
    if (**text < '0' || **text > '9') return false;
    const unsigned long value = strtoul(*text, &rest, 10);
    *text = rest;
    *number = (uint32_t)value;
    return value < 1000000;
}

/* "0,18", "0-1": 0 for anything else, or for more than there is room for. */
static uint32_t cpus_of(const char *text, int cpus[CPUS_MAX])
{
    uint32_t count = 0, first, last;
    while (*text) {
        if (!read_number(&text, &first)) return 0;
        last = first;
        if (*text == '-' && (text++, !read_number(&text, &last))) return 0;
        for (uint32_t cpu = first; cpu <= last; cpu++) {
            if (count == CPUS_MAX) return 0;
            cpus[count++] = (int)cpu;
        }
        if (last < first || (*text && *text != ',') || (*text == ',' && !text[1])) return 0;
        text += *text == ',';
    }
    return count;
}

/* "event=0x02" */
static bool parse_event(const char *text, uint64_t *config)
{
    char *rest;
    if (strncmp(text, "event=0x", 8) != 0 || !text[8] || text[8] == '-') return false;
    errno = 0;
    *config = strtoull(text + 8, &rest, 16);
    return !*rest && !errno;
}

static bool parse_scale(const char *text, double *unit_j)
{
    char *rest;
    *unit_j = strtod(text, &rest);
    return rest != text && !*rest && *unit_j > 0 && *unit_j < 1;
}

struct event {
    char file[48];   /* "events/energy-pkg" */
    char domain[24]; /* as powercap calls it, where it does */
    uint64_t config;
    double unit_j;
};

static enum eie_energy_state read_event_files(const struct eie_rapl *rapl, struct event *event,
                                              struct eie_error *why)
{
    char text[64], scale[64], unit[32];
    enum eie_energy_state state = text_of(rapl, event->file, "", text, sizeof text, why);
    if (state == EIE_ENERGY_MEASURED)
        state = text_of(rapl, event->file, ".scale", scale, sizeof scale, why);
    if (state == EIE_ENERGY_MEASURED)
        state = text_of(rapl, event->file, ".unit", unit, sizeof unit, why);
    if (state != EIE_ENERGY_MEASURED) return state;
    if (!parse_event(text, &event->config)) return garbage(rapl, event->file, "", text, why);
    if (!parse_scale(scale, &event->unit_j))
        return garbage(rapl, event->file, ".scale", scale, why);
    return strcmp(unit, "Joules") ? garbage(rapl, event->file, ".unit", unit, why) : state;
}

static void name_event(const char *name, struct event *event)
{
    static const char *const names[][2] = {
        {"pkg", "package"}, {"cores", "core"}, {"gpu", "uncore"}, {"ram", "dram"}};
    *event = (struct event){.unit_j = NAN};
    snprintf(event->file, sizeof event->file, "events/%.40s", name);
    name += strlen(PREFIX);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i][0])) name = names[i][1];
    snprintf(event->domain, sizeof event->domain, "%.23s", name);
}

/* ---- zones ----------------------------------------------------------------------------------- */

/* Of one CPU, not yet opened. */
static enum eie_energy_state add_zone(struct eie_rapl *rapl, const struct event *event, int cpu,
                                      enum eie_energy_state readable,
                                      const struct eie_error *reason, struct eie_error *why)
{
    char name[32];
    bool full;
    snprintf(name, sizeof name, "%.15s of CPU %d", event->domain, cpu);
    struct eie_rapl_zone *zone = eie_rapl_add(rapl, event->domain, name, &full, why);
    if (!zone) return full ? EIE_ENERGY_UNAVAILABLE : EIE_ENERGY_MEASURED;
    snprintf(zone->where, sizeof zone->where, "perf_event power/%s/ on CPU %d",
             event->file + strlen("events/"), cpu);
    zone->unit_j = event->unit_j;
    zone->config = event->config;
    zone->cpu = cpu;
    zone->state = readable;
    snprintf(zone->why, sizeof zone->why, "%.255s", reason->message);
    return EIE_ENERGY_MEASURED;
}

static void open_zone(struct eie_rapl_zone *zone, uint32_t type)
{
    struct eie_error refused = {""};
    if (zone->state != EIE_ENERGY_MEASURED) return;
    zone->counter = perf->open(type, zone->config, zone->cpu);
    if (zone->counter >= 0) return;
    zone->state = judge(errno, zone->where, &refused);
    snprintf(zone->why, sizeof zone->why, "%.255s", refused.message);
}

/* The package's first, and others only beside it: some kernels in virtual machines show events
 * whose counters are not there, and complain of themselves when one is opened. */
static enum eie_energy_state open_zones(struct eie_rapl *rapl, uint32_t type, struct eie_error *why)
{
    uint32_t packages = 0;
    for (uint32_t i = 0; i < rapl->zone_count; i++) {
        struct eie_rapl_zone *zone = &rapl->zones[i];
        if (zone->domain) continue;
        packages++;
        open_zone(zone, type);
        if (zone->state == EIE_ENERGY_MEASURED) continue;
        eie_fail(why, EIE_SYSTEM, "%s", zone->why);
        return zone->state;
    }
    for (uint32_t i = 0; i < rapl->zone_count && packages; i++)
        if (rapl->zones[i].domain) open_zone(&rapl->zones[i], type);
    return EIE_ENERGY_MEASURED;
}

static int choose(const struct dirent *entry)
{
    return !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) && entry->d_name[strlen(PREFIX)] &&
           !strchr(entry->d_name, '.');
}

static enum eie_energy_state add_events(struct eie_rapl *rapl, const int *cpus, uint32_t cpu_count,
                                        struct eie_error *why)
{
    char path[320];
    struct dirent **list;
    enum eie_energy_state state = EIE_ENERGY_MEASURED;
    snprintf(path, sizeof path, "%s/" FOLDER "/events", rapl->root);
    const int count = scandir(path, &list, choose, alphasort);
    if (count < 0) return judge(errno, path, why);
    for (int i = 0; i < count; i++) {
        struct event event;
        struct eie_error reason = {""};
        name_event(list[i]->d_name, &event);
        free(list[i]);
        const enum eie_energy_state readable = read_event_files(rapl, &event, &reason);
        for (uint32_t c = 0; c < cpu_count && state == EIE_ENERGY_MEASURED; c++)
            state = add_zone(rapl, &event, cpus[c], readable, &reason, why);
    }
    free(list);
    return state;
}

enum eie_energy_state eie_rapl_find_perf(struct eie_rapl *rapl, bool *there, struct eie_error *why)
{
    char text[256];
    uint64_t type;
    int cpus[CPUS_MAX];
    rapl->way = "perf_event";
    rapl->read = read_zone;
    perf = wanted ? wanted : &systems;
    *there = false;
    /* the numbers of a tree elsewhere mean other counters to this kernel */
    if (!wanted && strcmp(rapl->root, "/sys") != 0) return EIE_ENERGY_UNAVAILABLE;
    enum eie_energy_state state = text_of(rapl, "type", "", text, sizeof text, why);
    if (state != EIE_ENERGY_MEASURED) return state;
    *there = true;
    if (!eie_rapl_number(text, &type) || type > UINT32_MAX)
        return garbage(rapl, "type", "", text, why);
    state = text_of(rapl, "cpumask", "", text, sizeof text, why);
    if (state != EIE_ENERGY_MEASURED) return state;
    const uint32_t cpu_count = cpus_of(text, cpus);
    if (!cpu_count) return garbage(rapl, "cpumask", "", text, why);
    state = add_events(rapl, cpus, cpu_count, why);
    return state == EIE_ENERGY_MEASURED ? open_zones(rapl, (uint32_t)type, why) : state;
}

void eie_rapl_close_perf(struct eie_rapl *rapl)
{
    for (uint32_t i = 0; i < rapl->zone_count; i++) {
        if (rapl->zones[i].counter >= 0) perf->close(rapl->zones[i].counter);
        rapl->zones[i].counter = -1;
    }
}
