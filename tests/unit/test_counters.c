/* Counters of a pass of calls: on counters that are made up, which run, take turns, are forbidden,
 * vanish and lie; and what of them the kernel really gives here. */
#include "bench/measure/counters.h"
#include "host/machine/threads.h"
#include "tests/support/test.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <time.h>

#define THREADS 3
#define CALLS   4
#define CALL_NS 1000.0 /* on a core, each thread */

/* ---- made-up counters -------------------------------------------------------------------------
 */

/* What a call adds to a counter. */
struct step {
    double value, enabled_ns, ran_ns;
};

static struct made {
    struct step steps[EIE_EVENTS];
    int open_errno[EIE_EVENTS]; /* 0: it opens */
    int read_errno[EIE_EVENTS]; /* after the calls */
    int ended;                  /* this thread, from 100, has ended; 0: none */
    int idle;                   /* this one does nothing */
    uint32_t threads;
    int paranoid;
    uint64_t calls;
    int opened, closed, leaders;
    enum eie_status status; /* of a call */
} made;

static int made_open(void *context, enum eie_event event, int thread, int leader)
{
    (void)context;
    if (made.open_errno[event]) return -made.open_errno[event];
    if (thread == made.ended) return -ESRCH;
    if (leader >= 0) {
        assert_int_equal(event, EIE_EVENT_INSTRUCTIONS);
        assert_int_equal(leader, (thread << 8) | EIE_EVENT_CYCLES);
        made.leaders++;
    }
    made.opened++;
    return (thread << 8) | (int)event;
}

static int made_read(void *context, int counter, struct eie_reading *reading)
{
    const enum eie_event event = (enum eie_event)(counter & 0xff);
    const struct step *step = &made.steps[event];
    const double calls = counter >> 8 == made.idle ? 0 : (double)made.calls;
    (void)context;
    if (made.calls && made.read_errno[event]) return made.read_errno[event];
    *reading = (struct eie_reading){(uint64_t)(1e6 + calls * step->value),
                                    (uint64_t)(1e6 + calls * step->enabled_ns),
                                    (uint64_t)(1e6 + calls * step->ran_ns)};
    return 0;
}

static void made_close(void *context, int counter)
{
    (void)context, (void)counter;
    made.closed++;
}

static uint32_t made_threads(void *context, int *threads, uint32_t most)
{
    (void)context;
    assert_true(most >= made.threads);
    for (uint32_t t = 0; t < made.threads; t++) threads[t] = 100 + (int)t;
    return made.threads;
}

static int made_paranoid(void *context)
{
    (void)context;
    return made.paranoid;
}

static const struct eie_counter_system made_system = {.open = made_open,
                                                      .read = made_read,
                                                      .close = made_close,
                                                      .threads = made_threads,
                                                      .paranoid = made_paranoid};

static enum eie_status made_call(void *context, struct eie_error *error)
{
    (void)context;
    made.calls++;
    return made.status ? eie_fail(error, made.status, "the call failed") : EIE_OK;
}

/* Counters that are all there and tell of a processor that could be. */
static int good(void **state)
{
    static const double values[EIE_EVENTS] = {
        [EIE_EVENT_CYCLES] = 3000,        [EIE_EVENT_INSTRUCTIONS] = 6000,
        [EIE_EVENT_L1D_MISSES] = 50,      [EIE_EVENT_LLC_MISSES] = 0,
        [EIE_EVENT_DTLB_MISSES] = 2,      [EIE_EVENT_BRANCH_MISSES] = 10,
        [EIE_EVENT_FRONTEND_STALLS] = 30, [EIE_EVENT_BACKEND_STALLS] = 900,
        [EIE_EVENT_TASK_CLOCK] = CALL_NS};
    (void)state;
    made = (struct made){.threads = THREADS, .paranoid = 2};
    for (int e = 0; e < EIE_EVENTS; e++) made.steps[e] = (struct step){values[e], CALL_NS, CALL_NS};
    return 0;
}

static struct eie_counts count(void)
{
    struct eie_counts counts;
    struct eie_error error = {""};
    assert_good(eie_counters_count(&made_system, CALLS, made_call, NULL, &counts, &error), error);
    assert_int_equal(made.calls, CALLS);
    assert_int_equal(made.opened, made.closed);
    return counts;
}

static void assert_number(const struct eie_counts *counts, enum eie_event event, double wanted,
                          double ran)
{
    const struct eie_count *one = &counts->of[event];
    if (one->state != EIE_COUNT_MEASURED)
        fail_msg("%s: %s: %s", eie_event_name(event), eie_count_state_word(one->state),
                 one->reason);
    if (!(fabs(one->per_call - wanted) <= 1e-9 * wanted) || !(fabs(one->ran_share - ran) <= 1e-9))
        fail_msg("%s: %.17g for %.17g, ran %.17g for %.17g", eie_event_name(event), one->per_call,
                 wanted, one->ran_share, ran);
    assert_string_equal(one->reason, "");
}

static void assert_word(const struct eie_counts *counts, enum eie_event event,
                        enum eie_count_state state, const char *part)
{
    const struct eie_count *one = &counts->of[event];
    if (one->state != state || !strstr(one->reason, part))
        fail_msg("%s: %s: %s; wanted %s with \"%s\"", eie_event_name(event),
                 eie_count_state_word(one->state), one->reason, eie_count_state_word(state), part);
    assert_true(isnan(one->per_call) && isnan(one->ran_share));
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void all_threads_are_added_up(void **state)
{
    (void)state;
    const struct eie_counts counts = count();
    assert_int_equal(counts.calls, CALLS);
    assert_int_equal(counts.threads, THREADS);
    assert_int_equal(made.leaders, THREADS);
    for (int e = 0; e < EIE_EVENTS; e++)
        assert_number(&counts, (enum eie_event)e, THREADS * made.steps[e].value, 1);
    assert_ptr_equal(eie_counts_verdict(&counts), &counts.of[EIE_EVENT_INSTRUCTIONS]);
}

/* Counters that others had for half of the time. */
static void turns_are_scaled(void **state)
{
    (void)state;
    made.steps[EIE_EVENT_CYCLES].ran_ns = made.steps[EIE_EVENT_INSTRUCTIONS].ran_ns = CALL_NS / 2;
    const struct eie_counts counts = count();
    assert_number(&counts, EIE_EVENT_CYCLES, 2.0 * THREADS * 3000, 0.5);
    assert_number(&counts, EIE_EVENT_INSTRUCTIONS, 2.0 * THREADS * 6000, 0.5);
    assert_number(&counts, EIE_EVENT_BACKEND_STALLS, THREADS * 900, 1);
}

static void idle_and_ended_threads_count_nothing(void **state)
{
    (void)state;
    made.ended = 101;
    made.idle = 102;
    const struct eie_counts counts = count();
    assert_number(&counts, EIE_EVENT_CYCLES, 3000, 1);
    assert_number(&counts, EIE_EVENT_TASK_CLOCK, CALL_NS, 1);
    assert_int_equal(made.opened, (THREADS - 1) * EIE_EVENTS);
}

static void failed_calls_fail(void **state)
{
    struct eie_counts counts;
    struct eie_error error = {""};
    (void)state;
    made.status = EIE_SYSTEM;
    assert_bad(eie_counters_count(&made_system, CALLS, made_call, NULL, &counts, &error),
               EIE_SYSTEM, error, "the call failed");
    assert_int_equal(made.calls, 1);
    assert_int_equal(made.opened, made.closed);
    assert_int_equal(counts.of[EIE_EVENT_CYCLES].state, EIE_COUNT_NOT_ASKED);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void what_cannot_be_opened_says_why(void **state)
{
    static const struct {
        int code, paranoid;
        enum eie_count_state state;
        const char *part;
    } cases[] = {
        {ENOENT, 2, EIE_COUNT_UNAVAILABLE, "virtual machines"},
        {EOPNOTSUPP, 2, EIE_COUNT_UNAVAILABLE, "virtual machines"},
        {ENODEV, 2, EIE_COUNT_UNAVAILABLE, "virtual machines"},
        {ENOSYS, 2, EIE_COUNT_UNAVAILABLE, "perf_event_open"},
        {EMFILE, 2, EIE_COUNT_UNAVAILABLE, "ulimit -n"},
        {EBUSY, 2, EIE_COUNT_UNAVAILABLE, "another program"},
        {EACCES, 4, EIE_COUNT_NO_PERMISSION, "kernel.perf_event_paranoid is 4"},
        {EPERM, 3, EIE_COUNT_NO_PERMISSION, "sysctl"},
        {EACCES, 1, EIE_COUNT_NO_PERMISSION, "sandbox"},
        {EPERM, -1, EIE_COUNT_NO_PERMISSION, "seccomp"},
        {EPERM, -1, EIE_COUNT_NO_PERMISSION, "-1 or unknown"},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        good(state);
        made.paranoid = cases[i].paranoid;
        made.open_errno[EIE_EVENT_CYCLES] = cases[i].code;
        const struct eie_counts counts = count();
        assert_word(&counts, EIE_EVENT_CYCLES, cases[i].state, cases[i].part);
        assert_number(&counts, EIE_EVENT_INSTRUCTIONS, THREADS * 6000, 1);
        assert_number(&counts, EIE_EVENT_TASK_CLOCK, THREADS * CALL_NS, 1);
        assert_ptr_equal(eie_counts_verdict(&counts), &counts.of[EIE_EVENT_CYCLES]);
    }
}

/* Then nothing is gained by calling. */
static void nothing_can_be_opened(void **state)
{
    struct eie_counts counts;
    struct eie_error error = {""};
    (void)state;
    for (int e = 0; e < EIE_EVENTS; e++) made.open_errno[e] = ENOSYS;
    assert_good(eie_counters_count(&made_system, CALLS, made_call, NULL, &counts, &error), error);
    assert_int_equal(made.calls, 0);
    for (int e = 0; e < EIE_EVENTS; e++)
        assert_word(&counts, (enum eie_event)e, EIE_COUNT_UNAVAILABLE, "perf_event_open");
    good(state);
    made.threads = 0;
    assert_good(eie_counters_count(&made_system, CALLS, made_call, NULL, &counts, &error), error);
    assert_word(&counts, EIE_EVENT_TASK_CLOCK, EIE_COUNT_UNAVAILABLE, "/proc");
}

static void what_never_ran_is_no_zero(void **state)
{
    (void)state;
    made.steps[EIE_EVENT_CYCLES] = (struct step){0, CALL_NS, 0};
    made.steps[EIE_EVENT_L1D_MISSES].ran_ns = CALL_NS / 200;
    made.steps[EIE_EVENT_LLC_MISSES].ran_ns = CALL_NS / 50;
    made.steps[EIE_EVENT_DTLB_MISSES].enabled_ns = made.steps[EIE_EVENT_DTLB_MISSES].ran_ns = 0;
    const struct eie_counts counts = count();
    assert_word(&counts, EIE_EVENT_CYCLES, EIE_COUNT_NEVER_RAN, "none of the time");
    assert_word(&counts, EIE_EVENT_L1D_MISSES, EIE_COUNT_NEVER_RAN, "less than a hundredth");
    assert_number(&counts, EIE_EVENT_LLC_MISSES, 0, 0.02);
    assert_word(&counts, EIE_EVENT_DTLB_MISSES, EIE_COUNT_NEVER_RAN, "none of the time");
}

static void what_vanishes_says_so(void **state)
{
    (void)state;
    made.read_errno[EIE_EVENT_INSTRUCTIONS] = EIO;
    made.read_errno[EIE_EVENT_TASK_CLOCK] = ENODEV;
    const struct eie_counts counts = count();
    assert_number(&counts, EIE_EVENT_CYCLES, THREADS * 3000, 1);
    assert_word(&counts, EIE_EVENT_INSTRUCTIONS, EIE_COUNT_VANISHED, "after the calls");
    assert_word(&counts, EIE_EVENT_TASK_CLOCK, EIE_COUNT_VANISHED, "after the calls");
    assert_ptr_equal(eie_counts_verdict(&counts), &counts.of[EIE_EVENT_INSTRUCTIONS]);
}

/* Each lie, and what must not be a number any more; all else stays. */
static void lies_are_no_numbers(void **state)
{
    static const struct {
        struct step step;
        enum eie_event event;
        const char *part;
        int also; /* what it takes with it; -1: nothing */
    } cases[] = {
        {{-100, CALL_NS, CALL_NS}, EIE_EVENT_CYCLES, "went backwards", -1},
        {{3000, -1, -1}, EIE_EVENT_BRANCH_MISSES, "went backwards", -1},
        {{3000, CALL_NS, CALL_NS + 200}, EIE_EVENT_CYCLES, "longer", -1},
        {{0, CALL_NS, CALL_NS}, EIE_EVENT_CYCLES, "cannot be", EIE_EVENT_INSTRUCTIONS},
        {{0, CALL_NS, CALL_NS}, EIE_EVENT_INSTRUCTIONS, "cannot be", EIE_EVENT_CYCLES},
        {{17 * 3000, CALL_NS, CALL_NS}, EIE_EVENT_INSTRUCTIONS, "cannot be", EIE_EVENT_CYCLES},
        {{11 * CALL_NS, CALL_NS, CALL_NS}, EIE_EVENT_CYCLES, "no processor is so fast", -1},
        {{1e12, CALL_NS, CALL_NS}, EIE_EVENT_TASK_CLOCK, "than the cores had", -1},
        {{33 * 6000, CALL_NS, CALL_NS}, EIE_EVENT_L1D_MISSES, "cannot be", -1},
        {{33 * 6000, CALL_NS, CALL_NS}, EIE_EVENT_LLC_MISSES, "cannot be", -1},
        {{33 * 6000, CALL_NS, CALL_NS}, EIE_EVENT_DTLB_MISSES, "cannot be", -1},
        {{3 * 6000, CALL_NS, CALL_NS}, EIE_EVENT_BRANCH_MISSES, "cannot be", -1},
        {{3 * 3000, CALL_NS, CALL_NS}, EIE_EVENT_FRONTEND_STALLS, "cannot be", -1},
        {{3 * 3000, CALL_NS, CALL_NS}, EIE_EVENT_BACKEND_STALLS, "cannot be", -1},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        good(state);
        made.steps[cases[i].event] = cases[i].step;
        const struct eie_counts counts = count();
        for (int e = 0; e < EIE_EVENTS; e++)
            if (e == (int)cases[i].event || e == cases[i].also)
                assert_word(&counts, (enum eie_event)e, EIE_COUNT_CONTRADICTORY, cases[i].part);
            else
                assert_number(&counts, (enum eie_event)e, THREADS * made.steps[e].value, 1);
    }
}

/* ---- in a results file ----------------------------------------------------------------------- */

static double number_of(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    if (!json_is_number(value)) fail_msg("no number %s", key);
    return json_number_value(value);
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    if (!text) fail_msg("no text %s", key);
    return text ? text : "";
}

static json_t *row_of(const struct eie_counts *counts)
{
    json_t *row = json_object();
    eie_counts_add_json(counts, 2, 500, row);
    return row;
}

static void numbers_in_json(void **state)
{
    (void)state;
    made.steps[EIE_EVENT_L1D_MISSES].ran_ns = CALL_NS / 2;
    const struct eie_counts counts = count();
    json_t *row = row_of(&counts);
    assert_string_equal(text_of(row, "eie_counters_state"), "measured");
    assert_null(json_object_get(row, "eie_counters_reason"));
    assert_null(json_object_get(row, "eie_counters_without"));
    assert_int_equal(number_of(row, "eie_counters_calls"), CALLS);
    assert_int_equal(number_of(row, "eie_counters_threads"), THREADS);
    assert_true(number_of(row, "eie_counters_window_s") >= 0);
    assert_true(number_of(row, "eie_counted_cycles") == THREADS * 3000);
    assert_true(number_of(row, "eie_counted_llc_misses") == 0);
    assert_true(number_of(row, "eie_counted_task_clock_ns") == THREADS * CALL_NS);
    assert_true(number_of(row, "eie_ipc") == 2);
    assert_true(number_of(row, "eie_cycles_per_nonzero") == THREADS * 3000.0 / 500 / 2);
    assert_true(fabs(number_of(row, "eie_counted_clock_hz") - 3e9) < 1);
    const json_t *ran = json_object_get(row, "eie_counters_ran");
    assert_int_equal(json_object_size(ran), 1);
    assert_true(number_of(ran, "l1d_misses") == 0.5);
    json_decref(row);
}

/* The row's own reason stands once; others beside it. */
static void words_in_json(void **state)
{
    (void)state;
    for (int e = 0; e < EIE_EVENT_TASK_CLOCK; e++) made.open_errno[e] = ENOENT;
    made.open_errno[EIE_EVENT_FRONTEND_STALLS] = made.open_errno[EIE_EVENT_BACKEND_STALLS] = EBUSY;
    const struct eie_counts counts = count();
    json_t *row = row_of(&counts);
    assert_string_equal(text_of(row, "eie_counters_state"), "unavailable");
    assert_non_null(strstr(text_of(row, "eie_counters_reason"), "virtual machines"));
    assert_non_null(strstr(text_of(row, "eie_counters_reason"), "task clock"));
    static const char *const absent[] = {"eie_counted_cycles", "eie_counted_backend_stalls",
                                         "eie_ipc", "eie_cycles_per_nonzero",
                                         "eie_counted_clock_hz"};
    for (size_t i = 0; i < TEST_COUNT(absent); i++) assert_null(json_object_get(row, absent[i]));
    assert_true(number_of(row, "eie_counted_task_clock_ns") == THREADS * CALL_NS);
    const json_t *others = json_object_get(row, "eie_counters_without");
    assert_int_equal(json_array_size(others), 1);
    const json_t *one = json_array_get(others, 0), *names = json_object_get(one, "events");
    assert_string_equal(text_of(one, "state"), "unavailable");
    assert_non_null(strstr(text_of(one, "reason"), "another program"));
    assert_int_equal(json_array_size(names), 2);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "frontend_stalls");
    assert_string_equal(json_string_value(json_array_get(names, 1)), "backend_stalls");
    json_decref(row);
}

static void nothing_was_asked(void **state)
{
    const struct eie_counts nobody = {.calls = 0};
    struct eie_counts refused = nobody;
    (void)state;
    json_t *row = row_of(&nobody);
    assert_int_equal(json_object_size(row), 0);
    json_decref(row);
    eie_counts_refuse(&refused, "a device computes elsewhere");
    row = row_of(&refused);
    assert_int_equal(json_object_size(row), 2);
    assert_string_equal(text_of(row, "eie_counters_state"), "unavailable");
    assert_string_equal(text_of(row, "eie_counters_reason"), "a device computes elsewhere");
    json_decref(row);
}

/* ---- this machine ---------------------------------------------------------------------------- */

#define WORK_S 0.01 /* of a core, by a thread's own clock: however busy the machine is */

static void work(void *context, uint32_t worker)
{
    struct timespec begin, now;
    (void)context;
    if (!worker) return;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) <
             WORK_S);
}

static enum eie_status call_pool(void *context, struct eie_error *error)
{
    (void)error;
    eie_pool_run(context, work, NULL);
    return EIE_OK;
}

static void *work_alone(void *context)
{
    work(context, 1);
    return NULL;
}

static enum eie_status call_new_thread(void *context, struct eie_error *error)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work_alone, context))
        return eie_fail(error, EIE_SYSTEM, "no thread");
    pthread_join(thread, NULL);
    return EIE_OK;
}

/* Numbers or words, whatever this machine has; the work of threads other than the caller's is in
 * them. */
static void assert_real(eie_counters_call call, void *context)
{
    struct eie_counts counts;
    struct eie_error error = {""};
    assert_good(eie_counters_count(NULL, 2, call, context, &counts, &error), error);
    for (int e = 0; e < EIE_EVENTS; e++) {
        const struct eie_count *one = &counts.of[e];
        if (one->state == EIE_COUNT_MEASURED)
            assert_true(one->per_call >= 0 && one->ran_share > 0 && one->ran_share <= 1);
        else if (one->state == EIE_COUNT_NOT_ASKED || !*one->reason || !isnan(one->per_call))
            fail_msg("%s: %s: %s", eie_event_name((enum eie_event)e),
                     eie_count_state_word(one->state), one->reason);
    }
    const struct eie_count *clock = &counts.of[EIE_EVENT_TASK_CLOCK];
    if (clock->state == EIE_COUNT_MEASURED)
        assert_true(clock->per_call >= 0.9e9 * WORK_S);
    else
        print_message("task clock: %s\n", clock->reason);
}

static void workers_are_counted(void **state)
{
    struct eie_pool *pool;
    struct eie_error error = {""};
    int threads[64];
    (void)state;
    assert_good(eie_pool_get(2, &pool, &error), error);
    assert_true(eie_counter_system.threads(NULL, threads, 64) >= 2);
    assert_int_equal(eie_counter_system.threads(NULL, threads, 1), 1);
    assert_real(call_pool, pool);
    eie_pool_stop();
}

static void threads_of_a_call_are_counted(void **state)
{
    (void)state;
    assert_real(call_new_thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_threads_are_added_up, good),
        cmocka_unit_test_setup(turns_are_scaled, good),
        cmocka_unit_test_setup(idle_and_ended_threads_count_nothing, good),
        cmocka_unit_test_setup(failed_calls_fail, good),
        cmocka_unit_test_setup(what_cannot_be_opened_says_why, good),
        cmocka_unit_test_setup(nothing_can_be_opened, good),
        cmocka_unit_test_setup(what_never_ran_is_no_zero, good),
        cmocka_unit_test_setup(what_vanishes_says_so, good),
        cmocka_unit_test_setup(lies_are_no_numbers, good),
        cmocka_unit_test_setup(numbers_in_json, good),
        cmocka_unit_test_setup(words_in_json, good),
        cmocka_unit_test_setup(nothing_was_asked, good),
        cmocka_unit_test(workers_are_counted),
        cmocka_unit_test(threads_of_a_call_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
