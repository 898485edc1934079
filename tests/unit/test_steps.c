/* bench/measure/steps.h: as many steps as there are instructions, and every way in which a call may
 * not come to its end. */
#include "bench/measure/steps.h"
#include "tests/support/test.h"

#include <signal.h>
#include <sys/wait.h>

static uint64_t steps_of(void (*work)(void *), void *context)
{
    struct eie_error error;
    uint64_t steps = 0;
    const enum eie_status status = eie_steps_count(work, context, &steps, &error);
    if (status == EIE_MISSING) {
        print_message("%s\n", error.message);
        skip();
    }
    assert_int_equal(status, EIE_OK);
    return steps;
}

static void empty(void *context)
{
    (void)context;
}

/* Additions that no compiler can leave out, merge or split, and two instructions a round beside. */
static void add(void *context)
{
    for (int i = *(const int *)context; i > 0; i--) __asm__ volatile("nop\n\tnop\n\tnop");
}

static void write_there(void *context)
{
    *(volatile int *)context = 7;
}

static void fault(void *context)
{
    (void)context;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would exit instead */
    raise(SIGSEGV);
}

static void leave(void *context)
{
    (void)context;
    _exit(0);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    assert_in_range(steps_of(empty, NULL), 0, 4);
}

static void rounds_are_counted(void **state)
{
    (void)state;
    int rounds[] = {0, 100, 200, 300};
    uint64_t steps[4];
    for (int i = 0; i < 4; i++) steps[i] = steps_of(add, &rounds[i]);
    assert_in_range(steps[2] - steps[1], 100 * 5, 100 * 40); /* a sanitizer adds some */
    assert_int_equal(steps[2] - steps[1], steps[3] - steps[2]);
    assert_true(steps[0] < steps[1]);
}

static void the_same_every_time(void **state)
{
    (void)state;
    int rounds = 77;
    const uint64_t first = steps_of(add, &rounds);
    for (int i = 0; i < 3; i++) assert_int_equal(steps_of(add, &rounds), first);
}

static void work_changes_nothing_here(void **state)
{
    (void)state;
    int value = 1;
    assert_true(steps_of(write_there, &value) > 0);
    assert_int_equal(value, 1);
}

static void ends_are_told(void **state)
{
    (void)state;
    struct eie_error error;
    uint64_t steps;
    steps_of(empty, NULL); /* skips where nobody may trace */
    assert_bad(eie_steps_count(fault, NULL, &steps, &error), EIE_SYSTEM, error, "signal 11");
    assert_bad(eie_steps_count(leave, NULL, &steps, &error), EIE_SYSTEM, error,
               "ended its process");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing),  cmocka_unit_test(rounds_are_counted),
        cmocka_unit_test(the_same_every_time), cmocka_unit_test(work_changes_nothing_here),
        cmocka_unit_test(ends_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
