/* host/devices/rapl*.c on trees of sysfs made by hand, after the kernel's own documentation
 * (Documentation/power/powercap/powercap.rst, Documentation/ABI/testing/sysfs-class-powercap and
 * sysfs-bus-event_source-devices-events): no file here was copied from a machine, and nothing here
 * ever asked a real counter. perf_event's calls are made up as well. */
#include "bench/measure/energy.h"
#include "host/base/clock.h"
#include "host/base/isolate.h"
#include "host/devices/rapl.h"
#include "tests/support/test.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#define RANGE "262143328850" /* microjoules: 2^32 counts of 2^-14 J */
#define CAP   "class/powercap/"
#define PMU   "bus/event_source/devices/power/"

static const struct eie_device cpu = {.kind = EIE_DEVICE_CPU, .name = "cpu"};
static struct test_folder tree;

/* ---- trees ----------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "%s/%s", tree.path, path);
    for (char *slash = whole + strlen(tree.path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(whole, 0755);
        *slash = '/';
    }
    test_write(whole, text, strlen(text));
}

static void put_in(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    put(path, text);
}

static void drop(const char *path)
{
    assert_int_equal(remove(test_path(&tree, path)), 0);
}

static void zone(const char *folder, const char *name, const char *uj)
{
    char path[256];
    snprintf(path, sizeof path, CAP "%s", folder);
    put_in(path, "name", name);
    put_in(path, "energy_uj", uj);
    put_in(path, "max_energy_range_uj", RANGE "\n");
}

static int plant(void **state)
{
    (void)state;
    test_folder_make(&tree);
    assert_int_equal(chmod(tree.path, 0755), 0);
    assert_int_equal(setenv("EIE_RAPL", tree.path, 1), 0);
    return 0;
}

static int fell(void **state)
{
    (void)state;
    eie_meters_end();
    eie_rapl_use(NULL);
    unsetenv("EIE_RAPL");
    test_folder_remove(&tree);
    return 0;
}

static enum eie_energy_state open_cpu(struct eie_gauge *gauge, struct eie_error *why)
{
    why->message[0] = 0;
    const struct eie_meter *meter = eie_meter_of(&cpu);
    assert_non_null(meter);
    return eie_gauge_open(meter, &cpu, gauge, why);
}

static void open_good(struct eie_gauge *gauge)
{
    struct eie_error why;
    if (open_cpu(gauge, &why) != EIE_ENERGY_MEASURED) fail_msg("%s", why.message);
}

static void assert_said(enum eie_energy_state state, enum eie_energy_state wanted,
                        const struct eie_error *why, const char *words)
{
    if (state != wanted || !strstr(why->message, words))
        fail_msg("%s, not %s with \"%s\": %s", eie_energy_state_word(state),
                 eie_energy_state_word(wanted), words, why->message);
}

static void sleep_s(long seconds)
{
    const struct timespec time = {seconds, 0};
    nanosleep(&time, NULL); /* own_time.c: it has slept at once */
}

/* ---- powercap -------------------------------------------------------------------------------- */

static void test_no_tree(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "no RAPL in");
    assert_non_null(strstr(why.message, "--power"));
    put(CAP "intel-rapl/enabled", "1\n");
    put(CAP "dtpm/name", "other\n");
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "no RAPL in");
    setenv("EIE_RAPL", "/nonexistent", 1);
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "/nonexistent");
    setenv("EIE_RAPL", "no", 1);
    assert_null(eie_meter_of(&cpu));
    eie_meter_none(&cpu, &why);
    assert_non_null(strstr(why.message, "EIE_RAPL=no"));
}

static void test_packages_are_summed(void **state)
{
    struct eie_gauge gauge;
    struct eie_look look;
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    zone("intel-rapl:1", "package-1-die-0\n", "5000000\n");
    zone("intel-rapl-mmio:0", "package-0\n", "1000000\n");
    zone("intel-rapl:2", "package-0\n", "1000000\n"); /* the same once more */
    open_good(&gauge);
    const double before = gauge.joules;
    put(CAP "intel-rapl:0/energy_uj", "1250000\n");
    put(CAP "intel-rapl:1/energy_uj", "5500000"); /* the newline may be missing */
    put(CAP "intel-rapl:2/energy_uj", "3000000\n");
    assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    assert_true(fabs(look.joules - before - 0.75) < 1e-9 && look.moved);
    assert_non_null(strstr(eie_gauge_source(&gauge), "powercap"));
    assert_non_null(strstr(eie_gauge_source(&gauge), "EIE_RAPL"));
    assert_non_null(strstr(eie_gauge_source(&gauge), "of all packages together"));
}

static void test_a_wrap_is_undone(void **state)
{
    struct eie_gauge gauge;
    struct eie_look look;
    struct eie_meter_part parts[EIE_METER_PARTS_MAX];
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "262143328000\n");
    open_good(&gauge);
    const double before = gauge.joules;
    put(CAP "intel-rapl:0/energy_uj", "150\n");
    assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    assert_true(fabs(look.joules - before - 1e-3) < 1e-9);
    assert_int_equal(eie_gauge_parts(&gauge, parts), 1);
    assert_int_equal(parts[0].wraps, 1);
}

/* Without a wrap that explains it there is a word, and the next window is another one. */
static void test_counters_that_lie(void **state)
{
    static const struct {
        const char *range, *from, *to, *words;
        long seconds;
        enum eie_energy_state state;
    } cases[] = {
        {NULL, "5000000", "4000000", "where it wraps is not known", 0, EIE_ENERGY_WRAPPED},
        {"garbage", "5000000", "4000000", "where it wraps is not known", 0, EIE_ENERGY_WRAPPED},
        {RANGE, "5000000", "4000000", "no wrap explains it", 0, EIE_ENERGY_WRAPPED},
        {RANGE, "5000000", "10005000000", "jumped", 0, EIE_ENERGY_WRAPPED},
        {RANGE, "5000000", "5000001", "more than once", 200, EIE_ENERGY_WRAPPED},
        {RANGE, "5000000", "262143328851", "beyond the counter's own range", 0,
         EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "-5", "holds no number but '-5'", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "5000001x", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "nan", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "0x5", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "5000001\n7\n", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "99999999999999999999999", "holds no number", 0, EIE_ENERGY_UNAVAILABLE},
        {RANGE, "5000000", "111111111111111111111111111111111111111111111111111", "holds no number",
         0, EIE_ENERGY_UNAVAILABLE},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_gauge gauge;
        struct eie_look look;
        struct eie_error why = {""};
        zone("intel-rapl:0", "package-0\n", cases[i].from);
        if (cases[i].range)
            put(CAP "intel-rapl:0/max_energy_range_uj", cases[i].range);
        else
            drop(CAP "intel-rapl:0/max_energy_range_uj");
        open_good(&gauge);
        put(CAP "intel-rapl:0/energy_uj", cases[i].to);
        sleep_s(cases[i].seconds);
        assert_said(eie_gauge_look(&gauge, &look, &why), cases[i].state, &why, cases[i].words);
        put(CAP "intel-rapl:0/energy_uj", "6000000");
        eie_gauge_begin(&gauge);
        assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    }
}

/* So long a rest between two windows is no fault. */
static void test_what_was_between_windows_does_not_matter(void **state)
{
    struct eie_gauge gauge;
    struct eie_look first, second;
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "5000000\n");
    open_good(&gauge);
    sleep_s(100000);
    put(CAP "intel-rapl:0/energy_uj", "4000000\n");
    eie_gauge_begin(&gauge);
    assert_int_equal(eie_gauge_look(&gauge, &first, &why), EIE_ENERGY_MEASURED);
    put(CAP "intel-rapl:0/energy_uj", "4500000\n");
    assert_int_equal(eie_gauge_look(&gauge, &second, &why), EIE_ENERGY_MEASURED);
    assert_true(fabs(second.joules - first.joules - 0.5) < 1e-9 && second.moved && !first.moved);
}

static void test_a_counter_that_vanishes(void **state)
{
    struct eie_gauge gauge;
    struct eie_look look;
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "5000000\n");
    zone("intel-rapl:1", "package-1\n", "5000000\n");
    open_good(&gauge);
    drop(CAP "intel-rapl:1/energy_uj");
    assert_said(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_UNAVAILABLE, &why,
                "module still loaded");
    put(CAP "intel-rapl:1/energy_uj/name", ""); /* a folder in its place */
    assert_said(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_UNAVAILABLE, &why, "energy_uj");
}

static void test_domains_stand_apart(void **state)
{
    static const char *const names[] = {"package", "core", "a_b", "psys", "intel-rapl:0:4", "dram"};
    struct eie_gauge gauge;
    struct eie_look look;
    struct eie_meter_part before[EIE_METER_PARTS_MAX], after[EIE_METER_PARTS_MAX];
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    zone("intel-rapl:0:0", "core\n", "100000\n");
    zone("intel-rapl:0:1", "a b\n", "100000\n"); /* no table of names */
    zone("intel-rapl:0:4", "", "100000\n");
    zone("intel-rapl:1", "psys\n", "900000\n");
    zone("intel-rapl:2", "package-1\n", "1000000\n");
    zone("intel-rapl:2:0", "core\n", "100000\n");
    zone("intel-rapl:2:1", "dram\n", "100000\n");
    open_good(&gauge);
    eie_gauge_begin(&gauge);
    assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    const uint32_t count = eie_gauge_parts(&gauge, before);
    assert_int_equal(count, TEST_COUNT(names));
    put(CAP "intel-rapl:0:0/energy_uj", "200000\n");
    put(CAP "intel-rapl:2:0/energy_uj", "300000\n");
    put(CAP "intel-rapl:1/energy_uj", "1900000\n");
    drop(CAP "intel-rapl:2:1/energy_uj");
    assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    assert_false(look.moved); /* nothing of the parts is in it */
    assert_int_equal(eie_gauge_parts(&gauge, after), count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = 0;
        while (place < count && strcmp(after[i].name, names[place]) != 0) place++;
        assert_true(place < count);
        if (!strcmp(names[place], "intel-rapl:0:4") || !strcmp(names[place], "dram")) {
            assert_int_equal(after[i].state, EIE_ENERGY_UNAVAILABLE);
            assert_true(isnan(after[i].joules) && *after[i].reason);
            continue;
        }
        const double wanted[] = {0, 0.3, 0, 1.0};
        assert_int_equal(after[i].state, EIE_ENERGY_MEASURED);
        assert_true(fabs(after[i].joules - before[i].joules - wanted[place]) < 1e-9);
    }
    assert_string_equal(after[0].name, "package");
}

/* A sum over the packages that lacks one would be a number too small. */
static void test_a_package_without_a_name(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    zone("intel-rapl:1", "", "1000000\n");
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "intel-rapl:1/name");
    zone("intel-rapl:1", "psys\n", "1000000\n");
    zone("intel-rapl:0", "core\n", "1000000\n");
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why,
                "no counter of a whole package");
}

static void test_more_zones_than_are_read(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    for (int i = 0; i <= EIE_RAPL_ZONES_MAX; i++) {
        char folder[32], name[32];
        snprintf(folder, sizeof folder, "intel-rapl:%d", i);
        snprintf(name, sizeof name, "package-%d\n", i);
        zone(folder, name, "1\n");
    }
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "more than 128 zones");
}

struct asked {
    enum eie_energy_state state;
    struct eie_error why;
};

/* As one who may not read the counter. */
static void ask(void *context, void *shared)
{
    struct asked *asked = shared;
    struct eie_gauge gauge;
    (void)context;
    const bool root = !geteuid();
    if (root && seteuid(65534)) abort();
    asked->state = open_cpu(&gauge, &asked->why);
    if (root && seteuid(0)) abort();
}

static void test_no_permission(void **state)
{
    struct asked asked = {.state = EIE_ENERGY_NOT_ASKED};
    struct eie_ending ending;
    struct eie_error error;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    assert_int_equal(chmod(test_path(&tree, CAP "intel-rapl:0/energy_uj"), geteuid() ? 0 : 0400),
                     0);
    assert_good(eie_isolate(ask, NULL, &asked, sizeof asked, 60, &ending, &error), error);
    assert_int_equal(ending.end, EIE_END_RETURNED);
    assert_said(asked.state, EIE_ENERGY_NO_PERMISSION, &asked.why, "sudo chmod a+r");
}

/* ---- perf_event ------------------------------------------------------------------------------ */

static struct {
    int opened, closed, refuse, fail_read; /* errors to answer with; `refuse` of every event */
    uint64_t refuse_event;                 /* of this one alone, with EINVAL */
    uint64_t values[16];                   /* by config + 8 x whether it is the second CPU's */
    double watts;                          /* above 0: values follow the clock */
} made;

static int made_open(uint32_t type, uint64_t config, int cpu_index)
{
    assert_int_equal(type, 21);
    assert_true(cpu_index == 0 || cpu_index == 18);
    if (made.refuse || config == made.refuse_event) {
        errno = made.refuse ? made.refuse : EINVAL;
        return -1;
    }
    made.opened++;
    return (int)config + (cpu_index ? 8 : 0);
}

static int made_read(int counter, uint64_t *value)
{
    errno = made.fail_read;
    *value = made.watts > 0 ? (uint64_t)(eie_now_s() * made.watts / 2.3283064365386963e-10)
                            : made.values[counter];
    return made.fail_read ? -1 : 0;
}

static void made_close(int counter)
{
    assert_true(counter > 0);
    made.closed++;
}

static void event(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, PMU "events/%s", name);
    put(path, text);
    snprintf(path, sizeof path, PMU "events/%s.scale", name);
    put(path, "2.3283064365386962890625e-10\n");
    snprintf(path, sizeof path, PMU "events/%s.unit", name);
    put(path, "Joules\n");
}

static void plant_perf(void)
{
    static const struct eie_rapl_perf calls = {made_open, made_read, made_close};
    memset(&made, 0, sizeof made);
    eie_rapl_use(&calls);
    put(PMU "type", "21\n");
    put(PMU "cpumask", "0,18\n");
    event("energy-cores", "event=0x01\n");
    event("energy-pkg", "event=0x02\n");
    event("energy-ram", "event=0x03\n");
}

static void test_perf_events(void **state)
{
    struct eie_gauge gauge;
    struct eie_look look;
    struct eie_meter_part before[EIE_METER_PARTS_MAX], after[EIE_METER_PARTS_MAX];
    struct eie_error why;
    (void)state;
    plant_perf();
    made.refuse_event = 3;
    open_good(&gauge);
    assert_non_null(strstr(eie_gauge_source(&gauge), "perf_event"));
    assert_int_equal(eie_gauge_parts(&gauge, before), 3);
    const double joules = gauge.joules;
    made.values[2] = UINT64_C(1) << 32; /* 1 J */
    made.values[10] = UINT64_C(1) << 31;
    made.values[1] = UINT64_C(1) << 30;
    assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
    assert_true(fabs(look.joules - joules - 1.5) < 1e-9);
    assert_int_equal(eie_gauge_parts(&gauge, after), 3);
    assert_string_equal(after[0].name, "package");
    assert_string_equal(after[1].name, "core");
    assert_true(fabs(after[1].joules - before[1].joules - 0.25) < 1e-9);
    assert_string_equal(after[2].name, "dram");
    assert_int_equal(after[2].state, EIE_ENERGY_UNAVAILABLE);
    made.values[2]--; /* the kernel undoes wraps: nothing may go back here */
    assert_said(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_WRAPPED, &why, "went back");
    made.fail_read = ENODEV;
    assert_said(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_UNAVAILABLE, &why,
                "power/energy-pkg/");
    eie_meters_end();
    assert_true(made.opened == 4 && made.closed == 4);
}

static void test_perf_without_permission(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    plant_perf();
    made.refuse = EACCES;
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_NO_PERMISSION, &why, "perf_event_paranoid");
    made.refuse = ENODEV;
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "still loaded");
    assert_int_equal(made.opened, made.closed);
}

/* A kernel in a virtual machine may show psys alone; opening it only makes the kernel complain. */
static void test_perf_without_a_package(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    plant_perf();
    drop(PMU "events/energy-pkg");
    event("energy-psys", "event=0x05\n");
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why,
                "whole package here, only others");
    assert_int_equal(made.opened, 0);
}

static void test_perf_files_with_garbage(void **state)
{
    static const struct {
        const char *file, *text, *good, *without;
    } cases[] = {
        {"type", "power\n", "21\n", "no RAPL in"},
        {"type", "99999999999\n", "21\n", "no RAPL in"},
        {"cpumask", "\n", "0,18\n", "cpumask"},
        {"cpumask", "0,\n", "0,18\n", "cpumask"},
        {"cpumask", "18-0\n", "0,18\n", "cpumask"},
        {"cpumask", "0-99999\n", "0,18\n", "cpumask"},
        {"cpumask", "all\n", "0,18\n", "cpumask"},
        {"events/energy-pkg", "umask=0x02\n", "event=0x02\n", "whole package"},
        {"events/energy-pkg", "event=0x\n", "event=0x02\n", "whole package"},
        {"events/energy-pkg", "event=0x02,any\n", "event=0x02\n", "whole package"},
        {"events/energy-pkg.scale", "-1\n", "2.3283064365386962890625e-10\n",
         "events/energy-pkg.scale"},
        {"events/energy-pkg.scale", "nan\n", "2.3283064365386962890625e-10\n",
         "events/energy-pkg.scale"},
        {"events/energy-pkg.scale", "inf\n", "2.3283064365386962890625e-10\n",
         "events/energy-pkg.scale"},
        {"events/energy-pkg.scale", "1e-9J\n", "2.3283064365386962890625e-10\n",
         "events/energy-pkg.scale"},
        {"events/energy-pkg.unit", "Watts\n", "Joules\n", "events/energy-pkg.unit"},
    };
    (void)state;
    plant_perf();
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_gauge gauge;
        struct eie_error why;
        char path[256];
        snprintf(path, sizeof path, PMU "%s", cases[i].file);
        put(path, cases[i].text);
        assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, cases[i].file);
        drop(path);
        assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, cases[i].without);
        put(path, cases[i].good);
        open_good(&gauge);
    }
    eie_meters_end();
    assert_int_equal(made.opened, made.closed);
}

/* powercap where it can be read, else perf_event; and the word of the one that permission would
 * help. */
static void test_which_way(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    plant_perf();
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    open_good(&gauge);
    assert_non_null(strstr(eie_gauge_source(&gauge), "powercap"));
    put(CAP "intel-rapl:0/energy_uj", "what?\n");
    open_good(&gauge);
    assert_non_null(strstr(eie_gauge_source(&gauge), "perf_event"));
    made.refuse = EPERM;
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_NO_PERMISSION, &why, "CAP_PERFMON");
    made.refuse = EINVAL;
    assert_said(open_cpu(&gauge, &why), EIE_ENERGY_UNAVAILABLE, &why, "what?");
}

/* ---- windows --------------------------------------------------------------------------------- */

static enum eie_status call(void *context, struct eie_error *error)
{
    const double begin = eie_now_s();
    (void)context, (void)error;
    while (eie_now_s() - begin < 1e-4) continue;
    return EIE_OK;
}

static void measure(const char *name, struct eie_energy *energy)
{
    struct eie_device device = cpu;
    struct eie_error error = {""};
    snprintf(device.name, sizeof device.name, "%s", name); /* each is looked up again */
    assert_good(eie_energy_measure(&device, 1, call, NULL, energy, &error), error);
}

static void assert_power(const struct eie_energy *energy, double watts)
{
    if (energy->state != EIE_ENERGY_MEASURED) fail_msg("%s", energy->reason);
    assert_true(energy->relative_error > 0 && energy->relative_error <= 0.25);
    assert_true(fabs(energy->power_w - watts) <= watts * energy->relative_error);
    assert_true(fabs(energy->idle_power_w - watts) <= watts / 4);
    assert_true(energy->calls > 0 && energy->window_s >= 0.1 && energy->window_s < 1);
    assert_true(fabs(energy->call_j * (double)energy->calls / energy->window_s - energy->power_w) <
                1e-6 * watts);
}

static void test_window_of_perf(void **state)
{
    struct eie_energy energy;
    (void)state;
    plant_perf();
    made.watts = 40; /* of each of the two packages */
    measure("perf", &energy);
    assert_power(&energy, 80);
    assert_int_equal(energy.part_count, 3);
    assert_true(fabs(energy.parts[0].joules - energy.call_j) < 1e-6 * energy.call_j);
}

/* The counter wraps in the midst of the window. */
static void test_window_with_a_wrap(void **state)
{
    struct eie_energy energy;
    char start[64];
    (void)state;
    zone("intel-rapl:0", "package-0\n", "0");
    put(CAP "intel-rapl:0/max_energy_range_uj", "4000000000\n");
    put(CAP "intel-rapl:0/watts", "50\n");
    zone("intel-rapl:0:0", "dram\n", "0");
    put(CAP "intel-rapl:0:0/watts", "10\n");
    zone("intel-rapl:0:1", "uncore\n", "0"); /* shown and not counted */
    measure("wrap", &energy);
    assert_power(&energy, 50);
    /* it stands at 4000 J, its range, 0.07 s from now: the window begins 0.02 s from now */
    snprintf(start, sizeof start, "%.0f", 8000e6 - fmod((eie_now_s() + 0.07) * 50e6, 4000e6));
    put(CAP "intel-rapl:0/start", start);
    measure("wrap", &energy);
    assert_power(&energy, 50);
    assert_int_equal(energy.part_count, 3);
    assert_int_equal(energy.parts[2].state, EIE_ENERGY_TOO_SHORT);
    assert_true(isnan(energy.parts[2].joules) && strstr(energy.parts[2].reason, "stood still"));
    assert_int_equal(energy.parts[0].wraps, 1);
    assert_string_equal(energy.parts[1].name, "dram");
    assert_true(fabs(energy.parts[1].joules / energy.parts[0].joules - 0.2) < 0.05);
}

static void test_window_too_short(void **state)
{
    struct eie_energy energy;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "7000000\n");
    measure("still", &energy);
    assert_int_equal(energy.state, EIE_ENERGY_TOO_SHORT);
    assert_non_null(strstr(energy.reason, "stood still"));
    assert_non_null(strstr(energy.reason, "virtual machine"));
    assert_true(isnan(energy.call_j) && !energy.part_count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plant, fell)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_tree),
        TEST(test_packages_are_summed),
        TEST(test_a_wrap_is_undone),
        TEST(test_counters_that_lie),
        TEST(test_what_was_between_windows_does_not_matter),
        TEST(test_a_counter_that_vanishes),
        TEST(test_domains_stand_apart),
        TEST(test_a_package_without_a_name),
        TEST(test_more_zones_than_are_read),
        TEST(test_no_permission),
        TEST(test_perf_events),
        TEST(test_perf_without_permission),
        TEST(test_perf_without_a_package),
        TEST(test_perf_files_with_garbage),
        TEST(test_which_way),
        TEST(test_window_of_perf),
        TEST(test_window_with_a_wrap),
        TEST(test_window_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
