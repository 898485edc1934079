/* Each state of each check, on trees made by hand from the kernel's documentation, and on outcomes
 * of trials that are made up. No time of this machine decides anything here. */
#include "bench/doctor/doctor.h"
#include "bench/doctor/libraries.h"
#include "bench/doctor/system.h"
#include "bench/doctor/trials.h"
#include "host/machine/settings.h"
#include "tests/support/test.h"

#include <errno.h>
#include <math.h>

#define CPU      "/sys/devices/system/cpu"
#define CACHE    CPU "/cpu0/cache/"
#define CLOCK    "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define HUGE     "/sys/kernel/mm/transparent_hugepage/enabled"
#define PARANOID "/proc/sys/kernel/perf_event_paranoid"
#define BARE                                                                                       \
    {                                                                                              \
        "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu avx2\n"                                   \
    }
#define GUEST                                                                                      \
    {                                                                                              \
        "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor avx2\n"                        \
    }
#define STATUS(list)                                                                               \
    {                                                                                              \
        "/proc/self/status",                                                                       \
            "Name:\teie\nCpus_allowed:\tff\nCpus_allowed_list:\t" list "\nx:\t1\n"                 \
    }
#define L3(size, shared)                                                                           \
    {CACHE "index0/level", "1\n"}, {CACHE "index0/type", "Data\n"},                                \
        {CACHE "index0/size", "48K\n"}, {CACHE "index0/shared_cpu_list", "0\n"},                   \
        {CACHE "index1/level", "3\n"}, {CACHE "index1/type", "Unified\n"},                         \
        {CACHE "index1/size", size "\n"},                                                          \
    {                                                                                              \
        CACHE "index1/shared_cpu_list", shared "\n"                                                \
    }

static char root[512];

/* A file of a tree; `text` NULL: a folder of that name, which cannot be read as a file. */
struct plant {
    const char *path, *text;
};

struct state {
    const char *title;
    void (*check)(struct eie_checkup *checkup);
    enum eie_health health;
    const char *seen, *mend; /* parts of */
    struct plant plants[16];
};

static void plant_one(const struct plant *plant)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "%s%s", root, plant->path);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(whole, 0700);
        *slash = '/';
    }
    if (plant->text)
        test_write(whole, plant->text, strlen(plant->text));
    else
        mkdir(whole, 0700);
}

static void run_states(const struct state *states, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct state *state = &states[i];
        struct test_folder folder;
        struct eie_checkup *checkup = calloc(1, sizeof *checkup);
        assert_non_null(checkup);
        test_folder_make(&folder);
        snprintf(root, sizeof root, "%s", folder.path);
        for (size_t p = 0; p < TEST_COUNT(state->plants) && state->plants[p].path; p++)
            plant_one(&state->plants[p]);
        state->check(checkup);
        const struct eie_check *check = &checkup->all[0];
        if (checkup->count != 1 || check->health != state->health ||
            !strstr(check->seen, state->seen) || !strstr(check->mend, state->mend) ||
            !*check->mend != (check->health == EIE_HEALTH_GOOD))
            fail_msg("%s: %u checks, %s, seen '%s', mend '%s'", state->title, checkup->count,
                     eie_health_word(check->health), check->seen, check->mend);
        free(checkup);
        test_folder_remove(&folder);
    }
}

#define GOOD    EIE_HEALTH_GOOD
#define WARNING EIE_HEALTH_WARNING
#define BAD     EIE_HEALTH_BAD

/* ---- files alone ---------------------------------------------------------------------------- */

static void check_virtual(struct eie_checkup *checkup)
{
    eie_check_virtual(root, checkup);
}

static void hypervisor(void **state)
{
    static const struct state states[] = {
        {"bare", check_virtual, GOOD, "the machine itself", "", {BARE}},
        {"guest", check_virtual, WARNING, "a virtual machine", "one run", {GUEST}},
        {"guest, time stolen",
         check_virtual,
         WARNING,
         "25 % of its cores' time",
         "one run",
         {GUEST, {"/proc/stat", "cpu  10 0 10 35 10 5 5 25 0 0\ncpu0 1\n"}}},
        {"not said, time stolen",
         check_virtual,
         WARNING,
         "a virtual machine",
         "one run",
         {BARE, {"/proc/stat", "cpu  10 0 10 35 10 5 5 25 0 0\ncpu0 1\n"}}},
        {"stat is garbage",
         check_virtual,
         GOOD,
         "the machine itself",
         "",
         {BARE, {"/proc/stat", "cpu  10 0 -3 x\n"}}},
        {"Xen, where processors have no word for it",
         check_virtual,
         WARNING,
         "a virtual machine",
         "one run",
         {{"/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n"},
          {"/sys/hypervisor/type", "xen\n"}}},
        {"no word of the flags",
         check_virtual,
         WARNING,
         "holds 'nonsense'",
         "cat /proc/cpuinfo",
         {{"/proc/cpuinfo", "nonsense\n"}}},
        {"part of a word",
         check_virtual,
         GOOD,
         "itself",
         "",
         {{"/proc/cpuinfo", "a: 0\nflags\t: hypervisors nohypervisor\nb: hypervisor\n"}}},
        {"no proc", check_virtual, WARNING, "no /proc/cpuinfo", "mount", {{"/sys", NULL}}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void check_governor(struct eie_checkup *checkup)
{
    eie_check_governor(root, checkup);
}

#define GOVERNOR(cpu, word)                                                                        \
    {                                                                                              \
        CPU "/cpu" cpu "/cpufreq/scaling_governor", word                                           \
    }
#define DRIVER(cpu, word)                                                                          \
    {                                                                                              \
        CPU "/cpu" cpu "/cpufreq/scaling_driver", word                                             \
    }

static void governor(void **state)
{
    static const struct state states[] = {
        {"all performance",
         check_governor,
         GOOD,
         "performance",
         "",
         {GOVERNOR("0", "performance\n"), GOVERNOR("1", "performance\n")}},
        {"one of two",
         check_governor,
         WARNING,
         "performance, schedutil",
         "echo performance",
         {GOVERNOR("0", "performance\n"), GOVERNOR("17", "schedutil\n")}},
        {"follows the load",
         check_governor,
         WARNING,
         "ondemand",
         "echo performance",
         {GOVERNOR("0", "ondemand\n")}},
        {"powersave that is not",
         check_governor,
         WARNING,
         "powersave: the clock",
         "echo performance",
         {GOVERNOR("0", "powersave\n"), DRIVER("0", "intel_pstate\n")}},
        {"powersave",
         check_governor,
         BAD,
         "lowest clock",
         "echo performance",
         {GOVERNOR("0", "powersave\n"), DRIVER("0", "acpi-cpufreq\n")}},
        {"powersave of an unknown driver",
         check_governor,
         BAD,
         "lowest clock",
         "echo performance",
         {GOVERNOR("0", "powersave\n")}},
        {"no cpufreq",
         check_governor,
         WARNING,
         "the firmware sets",
         "firmware",
         {BARE, {CPU "/cpu0", NULL}}},
        {"no cpufreq in a guest",
         check_governor,
         WARNING,
         "the host of this",
         "on the host",
         {GUEST, {CPU "/cpu0", NULL}}},
        {"no sys", check_governor, WARNING, "unknown: no", "firmware", {BARE}},
        {"another word",
         check_governor,
         WARNING,
         "holds 'turbotastic'",
         "cat " CPU "/cpu1",
         {GOVERNOR("1", "turbotastic\n")}},
        {"empty", check_governor, WARNING, "holds ''", "cat", {GOVERNOR("0", "")}},
        {"not text",
         check_governor,
         WARNING,
         "holds '?? x performance",
         "cat",
         {GOVERNOR("0", "\x01\xff x performance performance performance performance")}},
        {"a folder",
         check_governor,
         WARNING,
         "cannot be read: Is a directory",
         "cat",
         {GOVERNOR("0", NULL)}},
        {"folders that are no CPUs",
         check_governor,
         GOOD,
         "performance",
         "",
         {GOVERNOR("0", "performance\n"), GOVERNOR("idle", "x\n"), GOVERNOR("1x", "x\n")}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void check_turbo(struct eie_checkup *checkup)
{
    eie_check_turbo(root, checkup);
}

#define NO_TURBO CPU "/intel_pstate/no_turbo"
#define BOOST    CPU "/cpufreq/boost"

static void turbo(void **state)
{
    static const struct state states[] = {
        {"off", check_turbo, GOOD, "off", "", {{NO_TURBO, "1\n"}}},
        {"on",
         check_turbo,
         WARNING,
         "on: the clock",
         "echo 1 | sudo tee " NO_TURBO,
         {{NO_TURBO, "0\n"}}},
        {"boost off", check_turbo, GOOD, "off", "", {{BOOST, "0\n"}}},
        {"boost on",
         check_turbo,
         WARNING,
         "on: the clock",
         "echo 0 | sudo tee " BOOST,
         {{BOOST, "1\n"}}},
        {"both", check_turbo, GOOD, "off", "", {{NO_TURBO, "1\n"}, {BOOST, "1\n"}}},
        {"2", check_turbo, WARNING, "holds '2'", "cat", {{NO_TURBO, "2\n"}}},
        {"-1", check_turbo, WARNING, "holds '-1'", "cat", {{NO_TURBO, "-1\n"}}},
        {"a blank before", check_turbo, WARNING, "holds ' 1'", "cat", {{NO_TURBO, " 1\n"}}},
        {"two lines", check_turbo, WARNING, "holds '1'", "cat", {{NO_TURBO, "1\n0\n"}}},
        {"no number", check_turbo, WARNING, "holds 'yes'", "cat", {{BOOST, "yes\n"}}},
        {"larger than any number",
         check_turbo,
         WARNING,
         "holds '99999999999999999999'",
         "cat",
         {{BOOST, "99999999999999999999\n"}}},
        {"absent", check_turbo, WARNING, "unknown: no " BOOST, "firmware", {BARE}},
        {"absent in a guest", check_turbo, WARNING, "unknown: no", "the host", {GUEST}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void check_smt(struct eie_checkup *checkup)
{
    eie_check_smt(root, checkup);
}

static void smt(void **state)
{
    static const struct state states[] = {
        {"off", check_smt, GOOD, "off", "", {BARE, {CPU "/smt/active", "0\n"}}},
        {"off in a guest", check_smt, GOOD, "is told", "", {GUEST, {CPU "/smt/active", "0\n"}}},
        {"on", check_smt, WARNING, "half of it", "smt/control", {{CPU "/smt/active", "1\n"}}},
        {"garbage", check_smt, WARNING, "holds 'on'", "cat", {{CPU "/smt/active", "on\n"}}},
        {"absent", check_smt, WARNING, "unknown", "lscpu", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void check_load(struct eie_checkup *checkup)
{
    eie_check_load(root, checkup);
}

#define LOAD(text)                                                                                 \
    {                                                                                              \
        "/proc/loadavg", text                                                                      \
    }
#define ONLINE(text)                                                                               \
    {                                                                                              \
        CPU "/online", text                                                                        \
    }
#define PRESSURE(share)                                                                            \
    {                                                                                              \
        "/proc/pressure/cpu", "some avg10=" share " avg60=0.00 total=1\nfull x\n"                  \
    }

static void load(void **state)
{
    static const struct state states[] = {
        {"idle",
         check_load,
         GOOD,
         "0.10 on 2 CPUs",
         "",
         {LOAD("0.10 0.20 0.30 1/99 1234\n"), ONLINE("0-1\n")}},
        {"the same on one CPU",
         check_load,
         WARNING,
         "0.30 threads",
         "ps -eo",
         {LOAD("0.30 0.20 0.30 1/99 1234\n"), ONLINE("0\n")}},
        {"many CPUs",
         check_load,
         GOOD,
         "3.00 on 64 CPUs",
         "",
         {LOAD("3.00 0.20 0.30 1/99 1234\n"), ONLINE("0-31,64-95\n")}},
        {"busy",
         check_load,
         WARNING,
         "9.00 threads",
         "ps -eo",
         {LOAD("9.00 0.20 0.30 1/99 1234\n"), ONLINE("0-1\n")}},
        {"CPUs unknown",
         check_load,
         WARNING,
         "0.90 threads",
         "ps",
         {LOAD("0.90 0.20 0.30 1/99 1234\n"), ONLINE("1-0\n")}},
        {"waited",
         check_load,
         WARNING,
         "12 % of 10 s",
         "ps -eo",
         {LOAD("0.10 0.20 0.30 1/99 1234\n"), ONLINE("0-1\n"), PRESSURE("12.00")}},
        {"pressure is garbage",
         check_load,
         GOOD,
         "0.10 on 2",
         "",
         {LOAD("0.10 0.20 0.30 1/99 1234\n"), ONLINE("0-1\n"), PRESSURE("1e99")}},
        {"negative", check_load, WARNING, "holds '-1 0 0'", "cat", {LOAD("-1 0 0\n")}},
        {"not a number", check_load, WARNING, "holds 'nan 1 1'", "cat", {LOAD("nan 1 1\n")}},
        {"absent", check_load, WARNING, "no /proc/loadavg", "mount", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

/* ---- files and an attempt ------------------------------------------------------------------- */

static void check_pinning(struct eie_checkup *checkup)
{
    eie_check_pinning(root, NULL, checkup);
}

static void check_no_binding(struct eie_checkup *checkup)
{
    eie_check_pinning(root, "Operation not permitted", checkup);
}

#define GROUP(file, text)                                                                          \
    {"/proc/self/cgroup", "0::/job\n"},                                                            \
    {                                                                                              \
        "/sys/fs/cgroup/job/" file, text                                                           \
    }

static void pinning(void **state)
{
    static const struct state states[] = {
        {"all", check_pinning, GOOD, "CPUs 0-1, 2 of 2", "", {STATUS("0-1"), ONLINE("0-1\n")}},
        {"a mask", check_pinning, GOOD, "CPU 5, 1 of 8", "", {STATUS("5"), ONLINE("0-7\n")}},
        {"a quota",
         check_pinning,
         BAD,
         "a CPU quota of 0.5 cores (control group) holds here, of 2",
         "cpu.max",
         {STATUS("0-1"), GROUP("cpu.max", "50000 100000\n")}},
        {"a quota of all",
         check_pinning,
         GOOD,
         "0-1",
         "",
         {STATUS("0-1"), GROUP("cpu.max", "200000 100000\n")}},
        {"no quota",
         check_pinning,
         GOOD,
         "0-1",
         "",
         {STATUS("0-1"), GROUP("cpu.max", "max 100000\n")}},
        {"a quota that is garbage",
         check_pinning,
         GOOD,
         "0-1",
         "",
         {STATUS("0-1"), GROUP("cpu.max", "much\n")}},
        {"may not be bound",
         check_no_binding,
         BAD,
         "Operation not permitted",
         "sched_setaffinity",
         {STATUS("0-1")}},
        {"garbage", check_pinning, WARNING, "holds '1-0'", "cat", {STATUS("1-0")}},
        {"more CPUs than there can be",
         check_pinning,
         WARNING,
         "holds '0-99999'",
         "cat",
         {STATUS("0-99999")}},
        {"no list",
         check_pinning,
         WARNING,
         "holds 'Name:?eie'",
         "cat",
         {{"/proc/self/status", "Name:\teie\n"}}},
        {"absent", check_pinning, WARNING, "no /proc/self/status", "mount", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void huge_untried(struct eie_checkup *checkup)
{
    eie_check_huge_pages(root, NAN, checkup);
}

static void huge_given(struct eie_checkup *checkup)
{
    eie_check_huge_pages(root, 1, checkup);
}

static void huge_half(struct eie_checkup *checkup)
{
    eie_check_huge_pages(root, 0.5, checkup);
}

static void huge_forbidden(struct eie_checkup *checkup)
{
    setenv("EIE_HUGE_PAGES", "no", 1);
    eie_check_huge_pages(root, 1, checkup);
    unsetenv("EIE_HUGE_PAGES");
}

static void huge_pages(void **state)
{
    static const struct state states[] = {
        {"asked for", huge_untried, GOOD, "madvise", "", {{HUGE, "always [madvise] never\n"}}},
        {"given", huge_given, GOOD, "always, and given", "", {{HUGE, "[always] madvise never\n"}}},
        {"half",
         huge_half,
         WARNING,
         "50 %",
         "compact_memory",
         {{HUGE, "always [madvise] never\n"}}},
        {"never",
         huge_given,
         WARNING,
         "never",
         "echo madvise",
         {{HUGE, "always madvise [never]\n"}}},
        {"by the user",
         huge_forbidden,
         WARNING,
         "EIE_HUGE_PAGES=no",
         "unset EIE_HUGE_PAGES",
         {{HUGE, "always [madvise] never\n"}}},
        {"no brackets", huge_given, WARNING, "holds 'always'", "cat", {{HUGE, "always\n"}}},
        {"another word",
         huge_given,
         WARNING,
         "holds '[sometimes] never'",
         "cat",
         {{HUGE, "[sometimes] never\n"}}},
        {"absent", huge_given, WARNING, "this kernel has none", "kernel", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void counters_untried(struct eie_checkup *checkup)
{
    eie_check_counters(root, -1, checkup);
}

static void counters_work(struct eie_checkup *checkup)
{
    eie_check_counters(root, 0, checkup);
}

static void counters_forbidden(struct eie_checkup *checkup)
{
    eie_check_counters(root, EACCES, checkup);
}

static void counters_absent(struct eie_checkup *checkup)
{
    eie_check_counters(root, ENOENT, checkup);
}

static void counters_still(struct eie_checkup *checkup)
{
    eie_check_counters(root, ENODATA, checkup);
}

static void counters_taken(struct eie_checkup *checkup)
{
    eie_check_counters(root, EBUSY, checkup);
}

static void counters_filtered(struct eie_checkup *checkup)
{
    eie_check_counters(root, ENOSYS, checkup);
}

static void counters(void **state)
{
    static const struct state states[] = {
        {"work", counters_work, GOOD, "can be counted", "", {{PARANOID, "4\n"}}},
        {"forbidden",
         counters_forbidden,
         WARNING,
         "perf_event_paranoid is 3",
         "sysctl kernel.perf_event_paranoid=2", /* what a row's reason advises too */
         {{PARANOID, "3\n"}}},
        {"forbidden by a filter",
         counters_forbidden,
         WARNING,
         "perf_event_paranoid, which is 1",
         "--cap-add PERFMON",
         {{PARANOID, "1\n"}}},
        {"forbidden, and nobody knows",
         counters_forbidden,
         WARNING,
         "or unknown",
         "PERFMON",
         {{PARANOID, "much\n"}}},
        {"stands still", counters_still, WARNING, "stands still", "pmu=on", {{PARANOID, "2\n"}}},
        {"taken", counters_taken, WARNING, "another program", "end it", {{PARANOID, "2\n"}}},
        {"no PMU", counters_absent, WARNING, "No such file", "pmu=on", {{PARANOID, "1\n"}}},
        {"no call", counters_filtered, WARNING, "no perf_event_open", "seccomp", {BARE}},
        {"by its file", counters_untried, GOOD, "is 2", "", {{PARANOID, "2\n"}}},
        {"root alone, by its file",
         counters_untried,
         WARNING,
         "only root",
         "sysctl kernel.perf_event_paranoid=2",
         {{PARANOID, "3\n"}}},
        {"garbage", counters_untried, WARNING, "holds '1.5'", "cat", {{PARANOID, "1.5\n"}}},
        {"absent", counters_untried, WARNING, "no perf_event", "CONFIG_PERF_EVENTS", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static void timer_untried(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {NAN, NAN};
    eie_check_timer(root, &timer, checkup);
}

static void timer_fine(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {25, 20};
    eie_check_timer(root, &timer, checkup);
}

static void timer_slow(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {900, 900};
    eie_check_timer(root, &timer, checkup);
}

static void timer_coarse(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {25, 4e6};
    eie_check_timer(root, &timer, checkup);
}

static void timer_still(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {0, INFINITY};
    eie_check_timer(root, &timer, checkup);
}

static void timer_costly(struct eie_checkup *checkup)
{
    const struct eie_timer timer = {6000, 1};
    eie_check_timer(root, &timer, checkup);
}

static void timers(void **state)
{
    static const struct state states[] = {
        {"fine", timer_fine, GOOD, "tsc; a look costs 25 ns", "", {{CLOCK, "tsc\n"}}},
        {"fine without its file", timer_fine, GOOD, "the system's clock", "", {BARE}},
        {"by its file", timer_untried, GOOD, "kvm-clock", "", {{CLOCK, "kvm-clock\n"}}},
        {"slow by its file",
         timer_untried,
         WARNING,
         "hpet is slow",
         "echo tsc",
         {{CLOCK, "hpet\n"}}},
        {"slow", timer_slow, WARNING, "costs 900 ns", "echo tsc", {{CLOCK, "tsc\n"}}},
        {"coarse", timer_coarse, BAD, "too coarse", "echo tsc", {{CLOCK, "jiffies\n"}}},
        {"stands still", timer_still, BAD, "too coarse", "echo tsc", {{CLOCK, "tsc\n"}}},
        {"costly", timer_costly, BAD, "too coarse", "echo tsc", {{CLOCK, "acpi_pm\n"}}},
        {"garbage", timer_untried, WARNING, "holds '?'", "cat", {{CLOCK, "\x01\n"}}},
        {"absent", timer_untried, WARNING, "unknown: no", "mount", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

/* ---- caches --------------------------------------------------------------------------------- */

static void caches_untried(struct eie_checkup *checkup)
{
    eie_check_caches(root, NULL, checkup);
}

static void caches_whole(struct eie_checkup *checkup)
{
    const struct eie_cache_reach reach = {32u << 20, 64u << 20, 20, 100};
    eie_check_caches(root, &reach, checkup);
}

static void caches_part(struct eie_checkup *checkup)
{
    const struct eie_cache_reach reach = {8u << 20, 512u << 20, 20, 100};
    eie_check_caches(root, &reach, checkup);
}

static void caches_not_looked(struct eie_checkup *checkup)
{
    const struct eie_cache_reach reach = {0};
    eie_check_caches(root, &reach, checkup);
}

#define RESCTRL(group, masks)                                                                      \
    {"/sys/fs/resctrl/info/L3/cbm_mask", "fff\n"},                                                 \
    {                                                                                              \
        "/sys/fs/resctrl" group "/schemata", masks                                                 \
    }

static void caches(void **state)
{
    static const struct state states[] = {
        {"its own",
         caches_untried,
         GOOD,
         "L3 of 32 MiB, shared by CPUs 0-3",
         "",
         {BARE, STATUS("0-3"), L3("32768K", "0-3")}},
        {"others share it",
         caches_untried,
         WARNING,
         "may use 2",
         "--cache hot,dram",
         {BARE, STATUS("2-3"), L3("32768K", "0-3")}},
        {"a socket's in a guest",
         caches_untried,
         WARNING,
         "by the hypervisor's word",
         "eie doctor",
         {GUEST, STATUS("0-1"), L3("266240K", "0-1")}},
        {"a small one in a guest",
         caches_untried,
         GOOD,
         "L3 of 4 MiB",
         "",
         {GUEST, STATUS("0-1"), L3("4096K", "0-1")}},
        {"measured, all of it",
         caches_whole,
         GOOD,
         "32 MiB of it take 20 ns",
         "",
         {GUEST, STATUS("0-1"), L3("32M", "0-1")}},
        {"measured, a part",
         caches_part,
         WARNING,
         "about 8 MiB are had",
         "--cache hot,dram",
         {GUEST, STATUS("0-1"), L3("266240K", "0-1")}},
        {"nothing was measured",
         caches_not_looked,
         WARNING,
         "hypervisor's word",
         "eie doctor",
         {GUEST, STATUS("0-1"), L3("266240K", "0-1")}},
        {"divided",
         caches_whole,
         WARNING,
         "25 % of it (L3:0=fff;1=7)",
         "schemata",
         {BARE, STATUS("0-3"), L3("32768K", "0-3"),
          RESCTRL("", "    L3:0=fff;1=7\n    MB:0=100\n")}},
        {"divided, all is ours",
         caches_untried,
         GOOD,
         "L3 of 32 MiB",
         "",
         {BARE, STATUS("0-3"), L3("32768K", "0-3"), RESCTRL("", "L3:0=fff;1=fff\n")}},
        {"divided, of a group",
         caches_untried,
         WARNING,
         "50 % of it",
         "schemata",
         {BARE,
          STATUS("0-3"),
          L3("32768K", "0-3"),
          RESCTRL("/small", "L3:0=3f\n"),
          {"/proc/self/cpu_resctrl_groups", "res:/small\nmon:/\n"}}},
        {"divided, garbage",
         caches_untried,
         WARNING,
         "holds 'L3:0=zebra'",
         "cat",
         {BARE, STATUS("0-3"), L3("32768K", "0-3"), RESCTRL("", "L3:0=zebra\n")}},
        {"divided, more than all",
         caches_untried,
         WARNING,
         "holds 'L3:0=ffffff'",
         "cat",
         {BARE, STATUS("0-3"), L3("32768K", "0-3"), RESCTRL("", "L3:0=ffffff\n")}},
        {"size is garbage",
         caches_untried,
         WARNING,
         "holds 'large'",
         "cat",
         {BARE, STATUS("0-3"), L3("large", "0-3")}},
        {"size of 0",
         caches_untried,
         WARNING,
         "holds '0K'",
         "cat",
         {BARE, STATUS("0-3"), L3("0K", "0-3")}},
        {"size beyond all",
         caches_untried,
         WARNING,
         "holds '99999999999999999999K'",
         "cat",
         {BARE, STATUS("0-3"), L3("99999999999999999999K", "0-3")}},
        {"shared by nobody",
         caches_untried,
         WARNING,
         "holds 'nobody'",
         "cat",
         {BARE, STATUS("0-3"), L3("32768K", "nobody")}},
        {"level is garbage",
         caches_untried,
         WARNING,
         "holds '42'",
         "cat",
         {BARE, STATUS("0-3"), {CACHE "index0/level", "42\n"}}},
        {"size is absent",
         caches_untried,
         WARNING,
         "index0/size",
         "cat",
         {BARE, STATUS("0-3"), {CACHE "index0/level", "1\n"}, {CACHE "index0/type", "Data\n"}}},
        {"absent", caches_untried, WARNING, "unknown: no", "lscpu", {BARE}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

/* The largest set that is still near. */
static void reach(void **state)
{
    static const struct {
        double ns[6];
        uint32_t had; /* MiB */
    } cases[] = {
        {{20, 20, 21, 90, 100, 100}, 16}, {{20, 100, 100, 100, 100, 100}, 4},
        {{20, 20, 20, 20, 20, 100}, 64},  {{20, 21, 22, 23, 24, 25}, 128}, /* no end was seen */
        {{20, 20, 90, 20, 20, 100}, 8}, /* what lies behind a far one is not had */
        {{100, 90, 80, 70, 60, 50}, 128},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_cache_reading readings[6];
        struct eie_cache_reach found;
        for (uint32_t k = 0; k < 6; k++)
            readings[k] = (struct eie_cache_reading){UINT64_C(4) << 20 << k, cases[i].ns[k]};
        eie_cache_reach_of(readings, 6, &found);
        assert_int_equal(found.had_bytes >> 20, cases[i].had);
        assert_int_equal(found.looked_bytes >> 20, 128);
        eie_cache_reach_of(readings, 1, &found);
        assert_int_equal(found.had_bytes, 0);
    }
}

/* ---- what is told --------------------------------------------------------------------------- */

static void energy_measured(struct eie_checkup *checkup)
{
    eie_check_energy("measured: a counter of the package", checkup);
}

static void energy_locked(struct eie_checkup *checkup)
{
    eie_check_energy("no permission: energy_uj is root's: sudo chmod a+r /a/b:*/energy_uj, which "
                     "lasts until the next boot",
                     checkup);
}

static void energy_of_all_locked(struct eie_checkup *checkup)
{
    eie_check_energy("no permission: power/energy-pkg/: counters of the whole machine need "
                     "CAP_PERFMON, or sudo sysctl kernel.perf_event_paranoid=0",
                     checkup);
}

static void energy_locked_somehow(struct eie_checkup *checkup)
{
    eie_check_energy("no permission: a board's", checkup);
}

static void energy_absent(struct eie_checkup *checkup)
{
    eie_check_energy("unavailable: no counter", checkup);
}

static void energy_turned_off(struct eie_checkup *checkup)
{
    eie_check_energy("unavailable: EIE_RAPL=no: the meter is not asked; unset EIE_RAPL", checkup);
}

static void isa_whole(struct eie_checkup *checkup)
{
    eie_check_instructions(NULL, checkup);
}

static void isa_masked(struct eie_checkup *checkup)
{
    eie_check_instructions("avx512", checkup);
}

static void words(void **state)
{
    static const struct state states[] = {
        {"energy", energy_measured, GOOD, "of the package", "", {{NULL, NULL}}},
        {"no permission",
         energy_locked,
         WARNING,
         "is root's",
         "sudo chmod a+r /a/b:*/energy_uj",
         {{NULL, NULL}}},
        {"no permission by perf_event",
         energy_of_all_locked,
         WARNING,
         "whole machine",
         "sudo sysctl kernel.perf_event_paranoid=0",
         {{NULL, NULL}}},
        {"no permission, no command",
         energy_locked_somehow,
         WARNING,
         "a board's",
         "as root",
         {{NULL, NULL}}},
        {"no counter", energy_absent, WARNING, "no counter", "meter", {{NULL, NULL}}},
        {"turned off", energy_turned_off, WARNING, "EIE_RAPL=no", "unset EIE_RAPL", {{NULL, NULL}}},
        {"all instructions", isa_whole, GOOD, "", "", {{NULL, NULL}}},
        {"masked",
         isa_masked,
         WARNING,
         "EIE_ISA_MASK=avx512 leaves",
         "unset EIE_ISA_MASK",
         {{NULL, NULL}}},
    };
    (void)state;
    run_states(states, TEST_COUNT(states));
}

static const struct eie_library_said *said; /* of the state under way */

static void check_library(struct eie_checkup *checkup)
{
    eie_check_library("library peers_made", said, checkup);
}

static void libraries(void **state)
{
    static const struct {
        struct eie_library_said said;
        struct state state;
    } cases[] = {
        {{EIE_OK, "", "Made 1.0", "SkylakeX (set; detected Prescott)", ""},
         {"good", check_library, GOOD, "Made 1.0, runs SkylakeX (set", "", {{NULL, NULL}}}},
        {{EIE_OK, "", "Made 1.0", "", ""},
         {"says nothing", check_library, GOOD, "Made 1.0", "", {{NULL, NULL}}}},
        {{EIE_OK, "", "Made 1.0", "def", "weak path: Made's def lies below AVX2"},
         {"weak", check_library, WARNING, "weak path", "none", {{NULL, NULL}}}},
        {{EIE_OK, "", "Made 1.0", "Prescott", "weak path: MADE_CORE=Prescott lies below AVX2"},
         {"weak by the user", check_library, BAD, "weak path", "unset MADE_CORE", {{NULL, NULL}}}},
        {{EIE_OK, "", "Made 1.0", "avx2", "threads are those of X, LAYER=Y is not heeded"},
         {"another note", check_library, GOOD, "; threads are", "", {{NULL, NULL}}}},
        {{EIE_MISSING, "libmade.so: cannot be opened", "", "", ""},
         {"missing", check_library, WARNING, "libmade.so", "./run reproduce", {{NULL, NULL}}}},
        {{EIE_UNSUPPORTED, "takes 1 thread", "", "", ""},
         {"unsupported", check_library, WARNING, "takes 1 thread", "eie list", {{NULL, NULL}}}},
        {{EIE_SYSTEM, "SIGSEGV", "", "", ""},
         {"crashed", check_library, WARNING, "SIGSEGV", "eie list", {{NULL, NULL}}}},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        said = &cases[i].said;
        run_states(&cases[i].state, 1);
    }
}

static void quietness(void **state)
{
    static const struct {
        uint64_t blocks, disturbed;
        double steal_s, slow_ns;
        enum eie_health health;
    } cases[] = {
        {100, 0, 0, 100, GOOD},  {100, 6, 0, 100, WARNING}, {100, 51, 0, 100, BAD},
        {100, 0, 0.2, 100, BAD}, {100, 0, 0, 130, WARNING}, {0, 0, 0, 100, WARNING},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_quiet_totals totals = {.blocks = cases[i].blocks,
                                          .disturbed = cases[i].disturbed,
                                          .steal_s = cases[i].steal_s,
                                          .seen_s = 1,
                                          .probes = 3,
                                          .probe_ns = {100, (float)cases[i].slow_ns, 130}};
        struct eie_checkup *checkup = calloc(1, sizeof *checkup);
        assert_non_null(checkup);
        eie_check_quiet(&totals, checkup);
        assert_int_equal(checkup->count, 1);
        assert_int_equal(checkup->all[0].health, cases[i].health);
        assert_int_equal(!*checkup->all[0].mend, cases[i].health == GOOD);
        free(checkup);
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* A tree with nothing in it: each check is there, none is bad, none is good without having seen
 * anything. */
static void nothing_at_all(void **state)
{
    struct test_folder folder;
    struct eie_checkup *checkup = calloc(1, sizeof *checkup);
    (void)state;
    assert_non_null(checkup);
    test_folder_make(&folder);
    eie_doctor_quick(folder.path, checkup);
    assert_int_equal(checkup->count, 10);
    for (uint32_t i = 0; i < checkup->count; i++) {
        if (checkup->all[i].health != WARNING || strncmp(checkup->all[i].seen, "unknown: ", 9))
            fail_msg("%s: %s", checkup->all[i].name, checkup->all[i].seen);
    }
    assert_int_equal(eie_checkup_worst(checkup), WARNING);
    free(checkup);
    test_folder_remove(&folder);
}

static void list(void **state)
{
    struct eie_checkup *checkup = calloc(1, sizeof *checkup);
    (void)state;
    assert_non_null(checkup);
    assert_int_equal(eie_checkup_worst(checkup), GOOD);
    eie_checkup_add(checkup, "one\n", BAD, "mend\tit", "a %s", "b\x1b[1m");
    assert_string_equal(checkup->all[0].name, "one?");
    assert_string_equal(checkup->all[0].seen, "a b?[1m");
    assert_string_equal(checkup->all[0].mend, "mend?it");
    eie_checkup_add(checkup, "two", GOOD, "is left out", "\xff");
    assert_int_equal(eie_checkup_worst(checkup), BAD);
    json_t *json = eie_checkup_json(checkup);
    assert_int_equal(json_array_size(json), 2);
    assert_null(json_object_get(json_array_get(json, 1), "mend"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "state")),
                        "bad");
    json_decref(json);
    for (uint32_t i = 0; i < 2 * EIE_CHECKS_MAX; i++)
        eie_checkup_add(checkup, "more", WARNING, "x", "y");
    assert_int_equal(checkup->count, EIE_CHECKS_MAX);
    assert_int_equal(eie_checkup_count(checkup, WARNING), EIE_CHECKS_MAX - 2);
    free(checkup);
}

static void cpu_lists(void **state)
{
    static const char *const bad[] = {"",    ",",   "0,",   "0-",     "-1",  "1-0", "0--1",
                                      "a",   "0 1", " 0",   "0-4096", "0,x", "+1",  "0x1",
                                      "0\n", "0;1", "4096", "0-1-2",  "1.5", "0,,1"};
    struct eie_cpu_list *found = malloc(sizeof *found);
    (void)state;
    assert_non_null(found);
    assert_true(eie_cpu_list_parse("0-1,4,4-5", found));
    assert_int_equal(found->count, 4);
    assert_true(found->has[0] && found->has[1] && !found->has[2] && found->has[4] && found->has[5]);
    assert_true(eie_cpu_list_parse("4095", found));
    for (size_t i = 0; i < TEST_COUNT(bad); i++)
        if (eie_cpu_list_parse(bad[i], found)) fail_msg("'%s' is taken", bad[i]);
    free(found);
}

int main(void)
{
    unsetenv("EIE_HUGE_PAGES");
    unsetenv("EIE_ISA_MASK");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hypervisor), cmocka_unit_test(governor),  cmocka_unit_test(turbo),
        cmocka_unit_test(smt),        cmocka_unit_test(load),      cmocka_unit_test(pinning),
        cmocka_unit_test(huge_pages), cmocka_unit_test(counters),  cmocka_unit_test(timers),
        cmocka_unit_test(caches),     cmocka_unit_test(reach),     cmocka_unit_test(words),
        cmocka_unit_test(libraries),  cmocka_unit_test(quietness), cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(list),       cmocka_unit_test(cpu_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
