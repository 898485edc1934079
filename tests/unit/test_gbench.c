/* Google Benchmark behind C: samples are what the blocks report, and nothing is printed. */
#include "bench/measure/gbench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 40

struct subject {
    int warmed, blocks;
    int fail_at, give_up_at; /* from that block on; -1: never */
    double result;           /* of a failing block */
    int64_t calls;
    double burn_ms; /* CPU time of the preparation */
    double returned[REPETITIONS];
    double sample_ns[REPETITIONS], sample_cpu_ns[REPETITIONS];
};

static int order[8 * REPETITIONS], ordered; /* calls of the last block, as a case's mark */
static int ticks;

static void burn(double ms)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    const double start = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6 < start + ms);
}

static bool warm(void *context)
{
    struct subject *s = context;
    if (s->burn_ms > 0) burn(s->burn_ms);
    s->warmed++;
    return s->give_up_at < 0 || s->blocks < s->give_up_at;
}

static double block(void *context, int64_t calls)
{
    struct subject *s = context;
    if (calls != s->calls || s->warmed != s->blocks + 1) return -1;
    order[ordered++] = (int)calls;
    const int number = s->blocks++;
    if (s->fail_at >= 0 && number >= s->fail_at) return s->result;
    return s->returned[number] = 1000.0 + 3.25 * number + (double)calls;
}

static void tick(void *counter)
{
    ++*(int *)counter;
}

static struct eie_gbench_case make(struct subject *s, int64_t calls)
{
    *s = (struct subject){.fail_at = -1, .give_up_at = -1, .calls = calls, .result = -1};
    return (struct eie_gbench_case){.name = "k/with spaces/1",
                                    .calls = calls,
                                    .repetitions = REPETITIONS,
                                    .warm = warm,
                                    .block = block,
                                    .context = s,
                                    .sample_ns = s->sample_ns,
                                    .sample_cpu_ns = s->sample_cpu_ns,
                                    .samples = -1};
}

static void run(struct eie_gbench_case *cases, int32_t count)
{
    char reason[128] = "";
    ordered = ticks = 0;
    assert_true(eie_gbench_run(cases, count, tick, &ticks, reason, sizeof reason));
    assert_string_equal(reason, "");
}

static void assert_samples(const struct subject *s, const struct eie_gbench_case *c, int32_t count)
{
    assert_int_equal(c->samples, count);
    for (int32_t i = 0; i < count; i++) {
        const double expected = s->returned[i] / (double)c->calls;
        assert_true(fabs(s->sample_ns[i] - expected) <= 1e-9 * expected);
        assert_true(s->sample_cpu_ns[i] >= 0);
    }
}

static void two_groups(void **state)
{
    static struct subject subjects[12];
    struct eie_gbench_case cases[12];
    (void)state;
    for (int group = 0; group < 2; group++) {
        const int32_t count = group == 0 ? 3 : 2;
        for (int32_t i = 0; i < count; i++) cases[i] = make(&subjects[i], 10 * (i + 1) + group);
        run(cases, count);
        for (int32_t i = 0; i < count; i++) assert_samples(&subjects[i], &cases[i], REPETITIONS);
        assert_int_equal(ticks, count * REPETITIONS);
        int changes = 0; /* interleaved: not one case after the other */
        for (int i = 1; i < ordered; i++) changes += order[i] != order[i - 1];
        assert_true(changes > count);
    }
    for (int32_t i = 0; i < 12; i++) { /* "c1" is not "c11" */
        cases[i] = make(&subjects[i], i + 1);
        cases[i].repetitions = i % 3 + 1;
    }
    run(cases, 12);
    for (int32_t i = 0; i < 12; i++) assert_samples(&subjects[i], &cases[i], i % 3 + 1);
}

static void failing_blocks(void **state)
{
    static const double results[] = {-1, 0, NAN, INFINITY};
    static struct subject subjects[2];
    struct eie_gbench_case cases[2];
    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        for (int fail_at = 0; fail_at < REPETITIONS; fail_at += 13) {
            cases[0] = make(&subjects[0], 5);
            cases[1] = make(&subjects[1], 6);
            subjects[0].fail_at = fail_at;
            subjects[0].result = results[i];
            run(cases, 2);
            assert_samples(&subjects[0], &cases[0], fail_at);
            assert_samples(&subjects[1], &cases[1], REPETITIONS);
            assert_int_equal(ticks, 2 * REPETITIONS);
        }
}

static void giving_up(void **state)
{
    static struct subject subjects[2];
    struct eie_gbench_case cases[2];
    (void)state;
    cases[0] = make(&subjects[0], 5);
    cases[1] = make(&subjects[1], 6);
    subjects[0].give_up_at = 7;
    run(cases, 2);
    assert_samples(&subjects[0], &cases[0], 7);
    assert_samples(&subjects[1], &cases[1], REPETITIONS);
    assert_int_equal(subjects[0].warmed, 8); /* once it gave up it is not asked again */
    assert_int_equal(subjects[0].blocks, 7);
}

static void cpu_time_without_preparation(void **state)
{
    static struct subject subjects[2];
    struct eie_gbench_case cases[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        cases[i] = make(&subjects[i], 1);
        cases[i].repetitions = 5;
        cases[i].process_cpu = i == 1;
        subjects[i].burn_ms = 20;
    }
    run(cases, 2);
    for (int i = 0; i < 2; i++) {
        assert_samples(&subjects[i], &cases[i], 5);
        double least = INFINITY;
        for (int j = 0; j < 5; j++) least = fmin(least, subjects[i].sample_cpu_ns[j]);
        assert_true(least < 10e6);
    }
}

static void refused(void **state)
{
    static struct subject subject;
    char reason[128] = "";
    struct eie_gbench_case c = make(&subject, 0);
    (void)state;
    assert_false(eie_gbench_run(&c, 1, NULL, NULL, reason, sizeof reason));
    assert_non_null(strstr(reason, "calls"));
    c.calls = 1;
    c.repetitions = 0;
    assert_false(eie_gbench_run(&c, 1, NULL, NULL, NULL, 0));
    assert_int_equal(c.samples, 0);
    assert_true(eie_gbench_run(NULL, 0, NULL, NULL, reason, sizeof reason));
}

/* Standard output and error go into a file, whose size must stay 0. */
static void silent(void **state)
{
    static struct subject subjects[2];
    struct eie_gbench_case cases[2] = {make(&subjects[0], 5), make(&subjects[1], 6)};
    struct eie_gbench_context context;
    struct stat info;
    char reason[128];
    (void)state;
    FILE *sink = tmpfile();
    assert_non_null(sink);
    fflush(NULL);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    assert_true(out >= 0 && err >= 0);
    dup2(fileno(sink), STDOUT_FILENO);
    dup2(fileno(sink), STDERR_FILENO);
    subjects[0].fail_at = 3;
    const bool good = eie_gbench_run(cases, 2, NULL, NULL, reason, sizeof reason);
    assert_true(eie_gbench_get_context(&context, reason, sizeof reason));
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    assert_true(good);
    assert_int_equal(fstat(fileno(sink), &info), 0);
    assert_int_equal(info.st_size, 0);
    fclose(sink);
}

static void context(void **state)
{
    struct eie_gbench_context c;
    char host[256] = "", reason[256];
    (void)state;
    assert_true(eie_gbench_get_context(&c, reason, sizeof reason));
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    assert_string_equal(c.host_name, host);
    assert_true(c.num_cpus >= 1);
    assert_true(c.cpu_scaling_enabled >= -1 && c.cpu_scaling_enabled <= 1);
    assert_true(c.cache_count >= 0 && c.cache_count <= 16);
    assert_true(c.load_count >= 0 && c.load_count <= 3);
    assert_true(strlen(c.version) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent), /* first: Google Benchmark starts up in it */
        cmocka_unit_test(two_groups), cmocka_unit_test(failing_blocks),
        cmocka_unit_test(giving_up),  cmocka_unit_test(cpu_time_without_preparation),
        cmocka_unit_test(refused),    cmocka_unit_test(context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
