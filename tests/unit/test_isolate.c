/* host/base/isolate.h: however the child ends, the parent goes on and knows how. */
#include "host/base/isolate.h"
#include "host/machine/threads.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#define GUARD_S 600 /* no outcome depends on it */

struct note {
    int before, after;
    pid_t child, left;
};

/* What the child is told to do; returns where that is possible. */
enum deed { RETURNS, KILLS_ITSELF, ABORTS, FAULTS, EXITS_0, EXITS_7, SLEEPS, LEAVES_A_PIPE_END };

static void do_deed(void *context, void *shared)
{
    struct note *note = shared;
    pid_t child;
    note->child = getpid();
    note->after = note->before + 1;
    switch (*(const enum deed *)context) {
    case RETURNS:
        break;
    case KILLS_ITSELF:
        raise(SIGKILL);
        break;
    case ABORTS:
        signal(SIGABRT, SIG_DFL);
        abort();
    case FAULTS:
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would exit instead */
        raise(SIGSEGV);
        break;
    case EXITS_0:
        _exit(0);
    case EXITS_7:
        _exit(7);
    case SLEEPS:
        for (;;) pause();
    case LEAVES_A_PIPE_END:
        child = fork();
        if (child == 0)
            for (;;) pause();
        note->left = child;
        break;
    }
    note->after = 100;
}

static void expect(enum deed deed, double limit_s, enum eie_end end, int number, int after,
                   const char *words)
{
    struct note note = {.before = 41};
    struct eie_ending ending;
    struct eie_error error;
    char text[128];
    assert_good(eie_isolate(do_deed, &deed, &note, sizeof note, limit_s, &ending, &error), error);
    eie_ending_text(&ending, text, sizeof text);
    if (ending.end != end || ending.number != number || note.after != after || strcmp(text, words))
        fail_msg("deed %d: end %d, number %d, after %d: %s", (int)deed, (int)ending.end,
                 ending.number, note.after, text);
    assert_true(note.child != getpid());
    assert_int_equal(kill(note.child, 0), -1); /* gone, and not left behind as a zombie */
    assert_int_equal(note.left > 0, deed == LEAVES_A_PIPE_END);
    if (note.left) assert_int_equal(kill(note.left, SIGKILL), 0); /* it was still there */
}

static void endings(void **state)
{
    (void)state;
    expect(RETURNS, GUARD_S, EIE_END_RETURNED, 0, 100, "returned");
    expect(KILLS_ITSELF, GUARD_S, EIE_END_SIGNAL, SIGKILL, 42, "SIGKILL (Killed)");
    expect(ABORTS, GUARD_S, EIE_END_SIGNAL, SIGABRT, 42, "SIGABRT (Aborted)");
    expect(FAULTS, GUARD_S, EIE_END_SIGNAL, SIGSEGV, 42, "SIGSEGV (Segmentation fault)");
    expect(EXITS_0, GUARD_S, EIE_END_EXIT, 0, 42, "ended the process with exit code 0");
    expect(EXITS_7, GUARD_S, EIE_END_EXIT, 7, 42, "ended the process with exit code 7");
    expect(SLEEPS, 2, EIE_END_HUNG, 0, 42, "still busy after 2 s");
}

/* Waits for the child, not for whom the child left behind. */
static void grandchild(void **state)
{
    (void)state;
    expect(LEAVES_A_PIPE_END, GUARD_S, EIE_END_RETURNED, 0, 100, "returned");
}

static void nothing(void *context, void *shared)
{
    (void)context, (void)shared;
}

static void without_shared_memory(void **state)
{
    struct eie_ending ending;
    struct eie_error error;
    (void)state;
    assert_good(eie_isolate(nothing, NULL, NULL, 0, GUARD_S, &ending, &error), error);
    assert_int_equal(ending.end, EIE_END_RETURNED);
}

static void inner(void *context, void *shared)
{
    enum deed deed = KILLS_ITSELF;
    struct note note = {0};
    (void)context;
    if (eie_isolate(do_deed, &deed, &note, sizeof note, GUARD_S, shared, NULL) != EIE_OK) _exit(1);
}

static void nested(void **state)
{
    struct eie_ending inside = {0}, ending;
    struct eie_error error;
    (void)state;
    assert_good(eie_isolate(inner, NULL, &inside, sizeof inside, GUARD_S, &ending, &error), error);
    assert_int_equal(ending.end, EIE_END_RETURNED);
    assert_int_equal(inside.end, EIE_END_SIGNAL);
    assert_int_equal(inside.number, SIGKILL);
}

static void add_one(void *context, uint32_t worker)
{
    ((uint32_t *)context)[worker]++;
}

static void use_pool(void *context, void *shared)
{
    struct eie_pool *pool;
    (void)context;
    if (eie_pool_get(3, &pool, NULL) == EIE_OK) eie_pool_run(pool, add_one, shared);
}

/* With a pool of the same size in the parent, which goes on working afterwards. */
static void thread_pool(void **state)
{
    uint32_t counts[3] = {0};
    struct eie_pool *pool;
    struct eie_ending ending;
    struct eie_error error;
    (void)state;
    if (getenv("EIE_TEST_EMULATED")) skip(); /* qemu-user: no threads in a fork's child */
    assert_good(eie_pool_get(3, &pool, &error), error);
    eie_pool_run(pool, add_one, counts);
    assert_good(eie_isolate(use_pool, NULL, counts, sizeof counts, GUARD_S, &ending, &error),
                error);
    assert_int_equal(ending.end, EIE_END_RETURNED);
    assert_good(eie_pool_get(3, &pool, &error), error);
    eie_pool_run(pool, add_one, counts);
    for (int i = 0; i < 3; i++) assert_int_equal(counts[i], 3);
}

/* Buffered output appears once, whoever flushes. */
static void output_once(void **state)
{
    FILE *file = tmpfile();
    enum deed deed = RETURNS;
    struct note note = {0};
    struct eie_ending ending;
    struct eie_error error;
    (void)state;
    assert_non_null(file);
    fputs("once", file);
    assert_good(eie_isolate(do_deed, &deed, &note, sizeof note, GUARD_S, &ending, &error), error);
    fflush(file);
    assert_int_equal(ftell(file), 4);
    fclose(file);
}

#if defined(__SANITIZE_ADDRESS__)
static void leak(void *context, void *shared)
{
    (void)shared;
    char *volatile *memory = context;
    *memory = malloc(1000);
    *memory = NULL;
}

static void leaks(void **state)
{
    static char *volatile memory;
    struct eie_ending ending;
    struct eie_error error;
    (void)state;
    eie_pool_stop(); /* one thread */
    assert_good(eie_isolate(leak, (void *)&memory, NULL, 0, GUARD_S, &ending, &error), error);
    assert_int_equal(ending.end, EIE_END_EXIT);
    assert_true(ending.number != 0);
}
#endif

static bool ended(pid_t process)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
    FILE *file = fopen(path, "r");
    if (!file) return true;
    const bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *name_end = strrchr(line, ')');
    return !read || (name_end && name_end[1] == ' ' && name_end[2] == 'Z'); /* not reaped yet */
}

static void announce_and_sleep(void *context, void *shared)
{
    const pid_t self = getpid();
    (void)shared;
    if (write(*(const int *)context, &self, sizeof self) == (ssize_t)sizeof self)
        for (;;) pause();
}

/* The caller is killed: its child must not live on. */
static void dies_with_the_parent(void **state)
{
    int ends[2];
    pid_t grandchild_id = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    const pid_t caller = fork();
    if (caller == 0) {
        struct eie_ending ending;
        if (eie_isolate(announce_and_sleep, &ends[1], NULL, 0, GUARD_S, &ending, NULL)) _exit(1);
        _exit(0);
    }
    assert_true(caller > 0);
    assert_int_equal(read(ends[0], &grandchild_id, sizeof grandchild_id), sizeof grandchild_id);
    assert_false(ended(grandchild_id));
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    while (!ended(grandchild_id)) usleep(1000); /* for ever where it lives on: ctest ends this */
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings),
        cmocka_unit_test(grandchild),
        cmocka_unit_test(nested),
        cmocka_unit_test(without_shared_memory),
        cmocka_unit_test(thread_pool),
        cmocka_unit_test(output_once),
        cmocka_unit_test(dies_with_the_parent),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(leaks),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
