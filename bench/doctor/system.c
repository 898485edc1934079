#include "bench/doctor/system.h"
#include "bench/measure/counters.h"
#include "bench/measure/quiet.h"
#include "host/machine/pages.h"
#include "host/machine/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_SHARE     0.25 /* threads a core that want to run, beyond which others are at work */
#define PRESSURE_SHARE 0.05
#define STOLEN_SHARE   0.01
#define HUGE_SHARE     0.9
#define L3_A_CPU       ((uint64_t)4 << 20) /* more for each CPU is hardly a virtual machine's own */
#define COST_WARN_NS   250.0               /* a block lasts 100 us and is timed by two looks */
#define COST_BAD_NS    5000.0
#define STEP_BAD_NS    10000.0
#define MIB            0x1p20

/* ---- what cannot be told -------------------------------------------------------------------- */

/* The check of a setting that is not KNOWN; `absent` says what its absence means. */
static void unknown(struct eie_checkup *checkup, const char *name,
                    const struct eie_setting *setting, const char *absent, const char *mend)
{
    char look[256];
    snprintf(look, sizeof look, "cat %s", setting->path);
    if (setting->state == EIE_SETTING_ABSENT)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, mend, "unknown: no %s%s", setting->path,
                        absent);
    else if (setting->state == EIE_SETTING_LOCKED)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, look, "unknown: %s cannot be read: %s",
                        setting->path, setting->text);
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, look,
                        "unknown: %s holds '%s', which is none of its values", setting->path,
                        setting->text);
}

bool eie_is_virtual(const char *root)
{
    struct eie_setting setting;
    eie_setting_virtual(root, &setting);
    return setting.state == EIE_SETTING_KNOWN && !strcmp(setting.text, "yes");
}

void eie_check_virtual(const char *root, struct eie_checkup *checkup)
{
    struct eie_setting setting, stat;
    double stolen;
    char words[96] = "";
    eie_setting_virtual(root, &setting);
    eie_setting_stolen(root, &stat, &stolen);
    if (stolen > 0)
        snprintf(words, sizeof words, "; since it began %.3g %% of its cores' time went to others",
                 100 * stolen);
    if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "hypervisor", &setting, "", "mount -t proc proc /proc");
    else if (!strcmp(setting.text, "no") && !(stolen > STOLEN_SHARE))
        eie_checkup_add(checkup, "hypervisor", EIE_HEALTH_GOOD, "", "none: the machine itself");
    else
        eie_checkup_add(
            checkup, "hypervisor", EIE_HEALTH_WARNING,
            "measure on a machine of your own; else compare rows of one run only (./run ab)",
            "a virtual machine: clock, caches and the other thread of a core are shared with "
            "neighbours that it does not see%s",
            words);
}

/* ---- the clock ------------------------------------------------------------------------------ */

void eie_check_governor(const char *root, struct eie_checkup *checkup)
{
    static const char mend[] =
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor";
    struct eie_setting setting;
    eie_setting_governor(root, &setting);
    if (setting.state == EIE_SETTING_ABSENT && eie_is_virtual(root))
        unknown(checkup, "governor", &setting, ": the host of this virtual machine sets the clock",
                "on the host: cpupower frequency-set -g performance");
    else if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "governor", &setting, ": the firmware sets the clock",
                "set the firmware's power profile to performance");
    else if (!strcmp(setting.text, "performance"))
        eie_checkup_add(checkup, "governor", EIE_HEALTH_GOOD, "", "performance");
    else if (strstr(setting.text, "lowest"))
        eie_checkup_add(checkup, "governor", EIE_HEALTH_BAD, mend,
                        "%s: times are those of another machine", setting.text);
    else
        eie_checkup_add(checkup, "governor", EIE_HEALTH_WARNING, mend,
                        "%s: the clock follows the load", setting.text);
}

void eie_check_turbo(const char *root, struct eie_checkup *checkup)
{
    struct eie_setting setting;
    const char *off;
    char mend[256];
    eie_setting_turbo(root, &setting, &off);
    snprintf(mend, sizeof mend, "echo %s | sudo tee %s", off, setting.path);
    if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "turbo", &setting, "",
                eie_is_virtual(root) ? "ask whoever runs the host"
                                     : "look in the firmware's setup");
    else if (!strcmp(setting.text, "off"))
        eie_checkup_add(checkup, "turbo", EIE_HEALTH_GOOD, "", "off");
    else
        eie_checkup_add(checkup, "turbo", EIE_HEALTH_WARNING, mend,
                        "on: the clock depends on heat and on what the other cores do");
}

/* ---- cores ---------------------------------------------------------------------------------- */

void eie_check_smt(const char *root, struct eie_checkup *checkup)
{
    struct eie_setting setting;
    eie_setting_smt(root, &setting);
    if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "smt", &setting, "", "lscpu --extended");
    else if (!strcmp(setting.text, "off"))
        eie_checkup_add(checkup, "smt", EIE_HEALTH_GOOD, "", "off%s",
                        eie_is_virtual(root) ? ", as far as this virtual machine is told" : "");
    else
        eie_checkup_add(checkup, "smt", EIE_HEALTH_WARNING,
                        "echo off | sudo tee /sys/devices/system/cpu/smt/control",
                        "on: what runs on the other thread of a core takes half of it");
}

void eie_check_load(const char *root, struct eie_checkup *checkup)
{
    static const char mend[] = "ps -eo pcpu,pid,comm --sort=-pcpu | head; wait, or end what is not "
                               "needed";
    struct eie_setting setting, online, pressure;
    struct eie_cpu_list *cpus = malloc(sizeof *cpus);
    double mean, share;
    uint32_t count = 0;
    char words[64] = "";
    eie_setting_load(root, &setting, &mean);
    eie_setting_pressure(root, &pressure, &share);
    if (cpus) eie_setting_online(root, &online, cpus);
    if (cpus) count = cpus->count;
    free(cpus);
    if (share > 0)
        snprintf(words, sizeof words, "; a thread waited for a CPU %.3g %% of 10 s", 100 * share);
    if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "load", &setting, "", "mount -t proc proc /proc");
    else if (mean > LOAD_SHARE * (count ? count : 1) || share > PRESSURE_SHARE)
        eie_checkup_add(checkup, "load", EIE_HEALTH_WARNING, mend,
                        "%.2f threads wanted to run in the last minute, on %u CPU%s%s", mean, count,
                        count == 1 ? "" : "s", words);
    else
        eie_checkup_add(checkup, "load", EIE_HEALTH_GOOD, "", "%.2f on %u CPU%s%s", mean, count,
                        count == 1 ? "" : "s", words);
}

static double quota_of(const char *root)
{
    json_t *limits = eie_limits_json(root);
    const double quota = json_number_value(json_object_get(limits, "cpu_quota"));
    json_decref(limits);
    return quota;
}

void eie_check_pinning(const char *root, const char *why_not, struct eie_checkup *checkup)
{
    struct eie_cpu_list *lists = calloc(2, sizeof *lists);
    struct eie_setting setting, online;
    const double quota = quota_of(root);
    if (!lists) return;
    eie_setting_allowed(root, &setting, &lists[0]);
    eie_setting_online(root, &online, &lists[1]);
    const uint32_t allowed = lists[0].count, all = lists[1].count;
    free(lists);
    if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "pinning", &setting, "", "mount -t proc proc /proc");
    else if (quota > 0 && quota < allowed)
        eie_checkup_add(checkup, "pinning", EIE_HEALTH_BAD,
                        "docker update --cpus N CONTAINER, or systemctl set-property UNIT "
                        "CPUQuota=, or echo max into the group's cpu.max",
                        "a CPU quota of %.3g cores (control group) holds here, of %u: samples that "
                        "it halts are slow",
                        quota, allowed);
    else if (why_not)
        eie_checkup_add(checkup, "pinning", EIE_HEALTH_BAD,
                        "allow sched_setaffinity in the container's seccomp profile",
                        "threads cannot be bound to CPUs: %s", why_not);
    else
        eie_checkup_add(checkup, "pinning", EIE_HEALTH_GOOD, "",
                        "threads may be bound to CPU%s %s, %u of %u", allowed == 1 ? "" : "s",
                        setting.text, allowed, all > allowed ? all : allowed);
}

/* ---- memory --------------------------------------------------------------------------------- */

void eie_check_huge_pages(const char *root, double huge_share, struct eie_checkup *checkup)
{
    static const char name[] = "huge pages";
    struct eie_setting setting;
    eie_setting_huge_pages(root, &setting);
    if (!eie_pages_wanted())
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, "unset EIE_HUGE_PAGES",
                        "EIE_HUGE_PAGES=no asks for small pages");
    else if (setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, name, &setting, ": this kernel has none", "a kernel that has them");
    else if (!strcmp(setting.text, "never"))
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                        "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
                        "never: large matrices lie in small pages, and memory looks slower");
    else if (huge_share < HUGE_SHARE)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                        "echo 1 | sudo tee /proc/sys/vm/compact_memory",
                        "%s, and yet %.0f %% of an area that asked for them lies in them",
                        setting.text, 100 * huge_share);
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "", "%s%s", setting.text,
                        huge_share >= HUGE_SHARE ? ", and given where asked for" : "");
}

/* Where a virtual machine's or a shared cache differs from what is said. */
static bool measured(const char *title, const struct eie_cache_reach *reach, uint64_t said_bytes,
                     struct eie_checkup *checkup)
{
    const uint64_t looked =
        reach && reach->looked_bytes < said_bytes ? reach->looked_bytes : said_bytes;
    if (!reach || !reach->had_bytes) return false;
    if (2 * reach->had_bytes >= looked)
        eie_checkup_add(checkup, "caches", EIE_HEALTH_GOOD, "",
                        "%s; reads from %.0f MiB of it take %.0f ns, from %.0f MiB %.0f ns", title,
                        (double)reach->had_bytes / MIB, reach->near_ns,
                        (double)reach->looked_bytes / MIB, reach->far_ns);
    else
        eie_checkup_add(
            checkup, "caches", EIE_HEALTH_WARNING,
            "hold rows against memory: eie bench --cache hot,dram, on layers below what "
            "is had",
            "%s, and about %.0f MiB are had: beyond, reads take %.0f instead of %.0f ns", title,
            (double)reach->had_bytes / MIB, reach->far_ns, reach->near_ns);
    return true;
}

/* The last cache, and what this process has of it by the system's word. */
struct last {
    struct eie_setting setting, divided;
    struct eie_last_cache cache;
    struct eie_cpu_list allowed;
    uint32_t used; /* CPUs that share it and that this process may use */
    double share;  /* of its ways, by resctrl */
    bool known;    /* which CPUs it may use */
    char title[192];
};

static void look(const char *root, struct last *last)
{
    struct eie_setting status;
    eie_setting_last_cache(root, &last->setting, &last->cache);
    eie_setting_allowed(root, &status, &last->allowed);
    eie_setting_cache_share(root, &last->divided, &last->share);
    last->known = status.state == EIE_SETTING_KNOWN;
    for (uint32_t i = 0; i < EIE_SETTING_CPUS; i++)
        last->used += last->cache.shared.has[i] && last->allowed.has[i];
    snprintf(last->title, sizeof last->title, "L%u of %.4g MiB, shared by CPUs %.40s%s",
             last->cache.level, (double)last->cache.bytes / MIB, last->setting.text,
             strlen(last->setting.text) > 40 ? "..." : "");
}

/* Where nothing was measured. */
static void by_word(const char *root, const struct last *last, struct eie_checkup *checkup)
{
    if (last->known && last->used < last->cache.shared.count)
        eie_checkup_add(
            checkup, "caches", EIE_HEALTH_WARNING,
            "keep others off these CPUs, or hold rows against memory: eie bench --cache "
            "hot,dram",
            "%s, of which this process may use %u: the others take their part", last->title,
            last->used);
    else if (eie_is_virtual(root) && last->cache.bytes / last->cache.shared.count > L3_A_CPU)
        eie_checkup_add(checkup, "caches", EIE_HEALTH_WARNING,
                        "eie doctor, without --root or --quick, measures what is had of it",
                        "%s by the hypervisor's word: that is a whole socket's", last->title);
    else
        eie_checkup_add(checkup, "caches", EIE_HEALTH_GOOD, "", "%s", last->title);
}

void eie_check_caches(const char *root, const struct eie_cache_reach *reach,
                      struct eie_checkup *checkup)
{
    struct last *last = calloc(1, sizeof *last);
    if (!last) return;
    look(root, last);
    const enum eie_setting_state divided = last->divided.state;
    if (last->setting.state != EIE_SETTING_KNOWN)
        unknown(checkup, "caches", &last->setting, "", "lscpu --caches");
    else if (divided == EIE_SETTING_LOCKED || divided == EIE_SETTING_GARBAGE)
        unknown(checkup, "caches", &last->divided, "", "");
    else if (last->share < 1)
        eie_checkup_add(checkup, "caches", EIE_HEALTH_WARNING,
                        "give this group all ways in its schemata, or leave the group",
                        "%s; resctrl leaves this group %.0f %% of it (%s)", last->title,
                        100 * last->share, last->divided.text);
    else if (!measured(last->title, reach, last->cache.bytes, checkup))
        by_word(root, last, checkup);
    free(last);
}

/* ---- counters and clocks -------------------------------------------------------------------- */

void eie_check_counters(const char *root, int tried, struct eie_checkup *checkup)
{
    static const char name[] = "counters";
    struct eie_setting setting;
    struct eie_refusal refusal;
    long level;
    eie_setting_number(root, "/proc/sys/kernel/perf_event_paranoid", -1, 9, &setting, &level);
    const bool known = setting.state == EIE_SETTING_KNOWN;
    eie_counter_refusal(tried > 0 ? tried : EACCES, known ? (int)level : -1, &refusal);
    if (tried > 0)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, refusal.mend, "%s", refusal.seen);
    else if (!tried)
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "",
                        "cycles can be counted: eie bench --counters");
    else if (!known)
        unknown(checkup, name, &setting, ": this kernel has no perf_event",
                "a kernel with CONFIG_PERF_EVENTS");
    else if (level > 2)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, refusal.mend,
                        "perf_event_paranoid is %ld: only root may count cycles", level);
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "",
                        "perf_event_paranoid is %ld: programs may be counted by their users",
                        level);
}

void eie_check_timer(const char *root, const struct eie_timer *timer, struct eie_checkup *checkup)
{
    static const char name[] = "timer";
    static const char at[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char mend[160], words[96] = "";
    struct eie_setting setting;
    eie_setting_read(root, at, &setting);
    snprintf(mend, sizeof mend, "echo tsc | sudo tee %s", at);
    const bool known = setting.state == EIE_SETTING_KNOWN;
    const bool looked = timer && !isnan(timer->cost_ns);
    const bool slow_source =
        known && (!strcmp(setting.text, "hpet") || !strcmp(setting.text, "acpi_pm") ||
                  !strcmp(setting.text, "jiffies"));
    if (looked)
        snprintf(words, sizeof words, "; a look costs %.0f ns, its least step is %.0f ns",
                 timer->cost_ns, timer->step_ns);
    if (looked && (timer->cost_ns > COST_BAD_NS || !(timer->step_ns < STEP_BAD_NS)))
        eie_checkup_add(checkup, name, EIE_HEALTH_BAD, mend,
                        "%s%s: too coarse for blocks of 100 us", known ? setting.text : "unknown",
                        words);
    else if (slow_source || (looked && timer->cost_ns > COST_WARN_NS))
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, mend, "%s is slow to read%s",
                        known ? setting.text : "the clock", words);
    else if (!known && !looked)
        unknown(checkup, name, &setting, "", "mount -t sysfs sysfs /sys");
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "", "%s%s",
                        known ? setting.text : "the system's clock", words);
}
