/* What says that a block was disturbed, on counters and kernel files that are made up. */
#include "bench/measure/quiet.h"
#include "tests/support/test.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "quiet-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf -- '%s'", root);
    return system(command);
}

static bool disturbed(struct eie_quiet_seen seen)
{
    return eie_quiet_is_disturbed(&seen);
}

static void rule(void **state)
{
    const struct eie_quiet_seen calm = {.block_ns = 1e6, .probe_ns = 20e3, .limit_ns = 22e3};
    struct eie_quiet_seen seen = calm;
    (void)state;
    assert_false(disturbed(calm));
    seen.probe_ns = 22.1e3;
    assert_true(disturbed(seen));
    seen.limit_ns = 0; /* too few probes yet */
    assert_false(disturbed(seen));
    seen = calm;
    seen.waited_ns = 30e3;
    assert_false(disturbed(seen)); /* threads that wake up wait a little */
    seen.switches = 1;
    assert_true(disturbed(seen));
    seen.waited_ns = 19e3; /* below 2 % */
    assert_false(disturbed(seen));
    seen = calm;
    seen.waited_ns = 501e3;
    assert_true(disturbed(seen));
    seen = calm;
    seen.stolen_ticks = 1;
    assert_true(disturbed(seen));
    seen = calm;
    seen.block_ns = 1e12; /* a block's own time says nothing */
    assert_false(disturbed(seen));
}

static void files(void **state)
{
    struct eie_quiet_totals totals = {0};
    (void)state;
    put("self/task/1/schedstat", "100 1000 3\n");
    put("self/task/2/schedstat", "100 2000 3\n");
    put("self/task/3/schedstat", "garbage\n");
    put("stat", "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
    struct eie_quiet *quiet = eie_quiet_begin(root, &totals);
    assert_non_null(quiet);
    eie_quiet_before(quiet);
    put("self/task/2/schedstat", "100 900000 3\n"); /* 0.898 ms of a block of 1 ms */
    assert_true(eie_quiet_after(quiet, 1e6));
    eie_quiet_before(quiet);
    put("stat", "cpu  1 2 3 4 5 6 7 9 9 10\ncpu0 1 2 3 4 5 6 7 9 9 10\n");
    assert_true(eie_quiet_after(quiet, 1e6));
    put("stat", "cpu  1 2 3 4 5 6 7 10 9 10\ncpu0 1 2 3 4 5 6 7 10 9 10\n");
    eie_quiet_before(quiet); /* stolen between the blocks */
    assert_false(eie_quiet_after(quiet, 1e6));
    eie_quiet_end(quiet);
    assert_int_equal(totals.blocks, 3);
    assert_int_equal(totals.disturbed, 2);
    assert_int_equal(totals.probes, 6);
    assert_true(totals.steal_s == 0.02);
    json_t *object = eie_quiet_json(&totals);
    assert_true(fabs(json_real_value(json_object_get(object, "disturbed_share")) - 2.0 / 3) < 1e-9);
    assert_true(json_real_value(json_object_get(object, "probe_best_ns")) > 0);
    json_decref(object);
}

/* The limit follows the whole run, whichever phase comes first. */
static void limit(void **state)
{
    struct eie_quiet_totals fast = {0}, slow = {0};
    (void)state;
    for (uint32_t i = 0; i < 40 * EIE_QUIET_PROBES; i++) {
        const bool early = i < 2 * EIE_QUIET_PROBES;
        eie_quiet_keep_probe(&fast, early ? 100 : 150);
        eie_quiet_keep_probe(&slow, early ? 150 : 100);
    }
    assert_true(fast.limit_ns >
                150); /* a first phase at a higher clock is no measure of the rest */
    assert_true(slow.limit_ns > 100 && slow.limit_ns < 150);
}

/* What is stolen from cores that no thread may use says nothing. */
static void stolen(void **state)
{
    struct eie_quiet_totals totals = {0};
    (void)state;
    put("self/task/1/schedstat", "100 1000 3\n");
    put("self/task/1/status", "Name:\teie\nCpus_allowed:\t9\nCpus_allowed_list:\t0\n");
    put("self/task/2/schedstat", "100 1000 3\n");
    put("self/task/2/status", "Cpus_allowed_list:\t3-4,7\n");
    put("stat", "cpu  1 2 3 4 5 6 7 0 0 0\ncpu0 1 2 3 4 5 6 7 10 0 0\ncpu1 1 2 3 4 5 6 7 20 0 0\n"
                "cpu3 1 2 3 4 5 6 7 30 0 0\ncpu7 1 2 3 4 5 6 7 40 0 0\nintr 1\n");
    struct eie_quiet *quiet = eie_quiet_begin(root, &totals);
    assert_non_null(quiet);
    eie_quiet_before(quiet);
    put("stat", "cpu  1 2 3 4 5 6 7 0 0 0\ncpu0 1 2 3 4 5 6 7 10 0 0\ncpu1 1 2 3 4 5 6 7 99 0 0\n"
                "cpu3 1 2 3 4 5 6 7 30 0 0\ncpu7 1 2 3 4 5 6 7 40 0 0\nintr 1\n");
    eie_quiet_after(quiet, 1e6);
    assert_true(totals.steal_s == 0);
    const double seen_s = totals.seen_s;
    eie_quiet_before(quiet);
    put("stat", "cpu  1 2 3 4 5 6 7 0 0 0\ncpu0 1 2 3 4 5 6 7 11 0 0\ncpu1 1 2 3 4 5 6 7 99 0 0\n"
                "cpu3 1 2 3 4 5 6 7 30 0 0\ncpu7 1 2 3 4 5 6 7 41 0 0\nintr 1\n");
    assert_true(eie_quiet_after(quiet, 1e6));
    assert_true(totals.steal_s == 0.02);
    assert_true(totals.seen_s > seen_s);
    eie_quiet_end(quiet);
}

static void without_files(void **state)
{
    struct eie_quiet_totals totals = {0};
    (void)state;
    struct eie_quiet *quiet = eie_quiet_begin("/nonexistent", &totals);
    assert_non_null(quiet);
    eie_quiet_before(quiet);
    assert_int_equal(totals.blocks, 0);
    eie_quiet_after(quiet, 1e6); /* the process's own switches cannot be planted */
    assert_int_equal(totals.blocks, 1);
    assert_true(totals.steal_s == 0);
    eie_quiet_end(quiet);
    eie_quiet_before(NULL);
    assert_false(eie_quiet_after(NULL, 1));
    eie_quiet_end(NULL);
}

/* A quota that cannot be told is absent. */
static void limits(void **state)
{
    json_t *object = eie_limits_json(root);
    (void)state;
    assert_null(json_object_get(object, "cpu_quota"));
    assert_true(json_integer_value(json_object_get(object, "cores")) >= 1);
    assert_true(strlen(json_string_value(json_object_get(object, "cpuset"))) >= 1);
    json_decref(object);
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/cpu.max", "50000 100000\n"); /* of the one above */
    object = eie_limits_json(root);
    assert_true(json_real_value(json_object_get(object, "cpu_quota")) == 0.5);
    json_decref(object);
    put("proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/x\n1:name=systemd:/\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "20000\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    object = eie_limits_json(root);
    assert_true(json_real_value(json_object_get(object, "cpu_quota")) == 0.2);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule),
        cmocka_unit_test_setup_teardown(files, make_root, remove_root),
        cmocka_unit_test_setup_teardown(stolen, make_root, remove_root),
        cmocka_unit_test(limit),
        cmocka_unit_test(without_files),
        cmocka_unit_test_setup_teardown(limits, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
