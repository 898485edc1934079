/* The thread pool. Asserts stand outside of work: cmocka is for one thread. */
#include "host/machine/own_pool.h"
#include "host/machine/threads.h"
#include "host/machine/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

#define WORKERS_MAX 8
#define ROUNDS      2000
#define PHASES      20

static struct eie_pool *get(uint32_t threads)
{
    struct eie_pool *pool;
    struct eie_error error;
    assert_int_equal(eie_pool_get(threads, &pool, &error), EIE_OK);
    assert_int_equal(eie_pool_threads(pool), threads);
    return pool;
}

struct shared {
    struct eie_pool *pool;
    uint64_t parts[WORKERS_MAX]; /* plain: visible when run returns */
    uint64_t factor;
    uint32_t slots[WORKERS_MAX];
    _Atomic uint32_t wrong;
};

static void add(void *context, uint32_t worker)
{
    struct shared *s = context;
    s->parts[worker] += s->factor * (worker + 1);
}

static void sums(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= WORKERS_MAX; threads++) {
        struct shared s = {.pool = get(threads)};
        uint64_t expected = 0;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            s.factor = round;
            eie_pool_run(s.pool, add, &s);
            expected += round * threads * (threads + 1) / 2;
            uint64_t sum = 0;
            for (uint32_t i = 0; i < WORKERS_MAX; i++) sum += s.parts[i];
            assert_true(sum == expected);
        }
    }
}

/* In each phase everyone writes its slot; in the next all must see what all wrote. */
static void step_through_phases(void *context, uint32_t worker)
{
    struct shared *s = context;
    const uint32_t threads = eie_pool_threads(s->pool);
    for (uint32_t phase = 1; phase <= PHASES; phase++) {
        s->slots[worker] = phase;
        eie_pool_barrier(s->pool, worker);
        for (uint32_t i = 0; i < threads; i++)
            if (s->slots[i] != phase) atomic_fetch_add(&s->wrong, 1);
        eie_pool_barrier(s->pool, worker);
    }
}

static void barrier(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= WORKERS_MAX; threads++) {
        struct shared s = {.pool = get(threads)};
        for (int round = 0; round < 20; round++) eie_pool_run(s.pool, step_through_phases, &s);
        assert_int_equal(atomic_load(&s.wrong), 0);
    }
}

static void replaced(void **state)
{
    static const uint32_t sizes[] = {2, 2, 1, 8, 3, 3, 1, 2};
    struct eie_pool *before = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct shared s = {.pool = get(sizes[i]), .factor = 1};
        if (i > 0 && sizes[i] == sizes[i - 1]) assert_ptr_equal(s.pool, before);
        before = s.pool;
        eie_pool_run(s.pool, add, &s);
        for (uint32_t j = 0; j < WORKERS_MAX; j++)
            assert_true(s.parts[j] == (j < sizes[i] ? j + 1 : 0));
    }
    eie_pool_stop();
    eie_pool_stop();
}

static void impossible(void **state)
{
    struct eie_pool *pool;
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_pool_get(0, &pool, &error), EIE_USAGE);
    assert_null(pool);
    assert_int_equal(eie_pool_get(UINT32_MAX, &pool, &error), EIE_USAGE);
}

static void pause_ms(long ms)
{
    const struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

static void dawdle(void *context, uint32_t worker)
{
    struct shared *s = context;
    if (worker == 1) pause_ms(10); /* worker 0 falls asleep over it */
    eie_pool_barrier(s->pool, worker);
    if (worker == 0) pause_ms(10);
    add(context, worker);
}

static void sleeping_workers(void **state)
{
    (void)state;
    for (uint32_t threads = 2; threads <= 4; threads += 2) {
        struct shared s = {.pool = get(threads), .factor = 1};
        for (int i = 0; i < 5; i++) {
            pause_ms(10); /* all fall asleep */
            eie_pool_run(s.pool, dawdle, &s);
        }
        assert_true(s.parts[0] == 5 && s.parts[1] == 10);
    }
}

static void look(void *context, uint32_t worker)
{
    struct shared *s = context;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) s->slots[worker] = (uint32_t)CPU_COUNT(&set);
}

static void binding(void **state)
{
    const struct eie_topology *topology;
    (void)state;
    assert_int_equal(eie_topology_get(&topology, NULL), EIE_OK);
    const uint32_t threads = topology->cores < WORKERS_MAX ? topology->cores : WORKERS_MAX;
    struct shared s = {.pool = get(threads)};
    eie_pool_run(s.pool, look, &s);
    for (uint32_t i = 0; i < threads; i++) assert_int_equal(s.slots[i], 1);
    /* After a library was given all cores, the workers go back to their own. */
    assert_int_equal(eie_bind_process(threads, NULL), EIE_OK);
    eie_pool_run(s.pool, look, &s);
    assert_int_equal(s.slots[0], threads);
    for (uint32_t i = 1; i < threads; i++) assert_int_equal(s.slots[i], 1);
    if (topology->cores >= WORKERS_MAX) return;
    s.pool = get(topology->cores + 1);
    eie_pool_run(s.pool, look, &s);
    for (uint32_t i = 0; i <= topology->cores; i++)
        assert_int_equal(s.slots[i], topology->hardware_threads);
}

/* A fork's child has no workers; it must neither wait for them nor be left without a pool. */
static void after_fork(void **state)
{
    int code = -1;
    (void)state;
    if (THREAD_SANITIZER) skip();            /* it allows no threads in a fork's child */
    if (getenv("EIE_TEST_EMULATED")) skip(); /* nor does qemu-user */
    get(3);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct eie_pool *pool;
        struct shared s = {.factor = 1};
        if (eie_pool_get(3, &pool, NULL) != EIE_OK) _exit(1);
        eie_pool_run(pool, add, &s);
        eie_pool_stop();
        _exit(s.parts[0] == 1 && s.parts[1] == 2 && s.parts[2] == 3 ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
}

/* Pools of one's own live side by side with each other and with the process's, and bind nobody. */
static void own_pools(void **state)
{
    struct eie_pool *own[3], *none = NULL;
    struct eie_error error;
    cpu_set_t before, after;
    (void)state;
    eie_pool_stop();
    assert_int_equal(eie_bind_thread(EIE_BIND_ANY, NULL), EIE_OK);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (uint32_t p = 0; p < 3; p++)
        assert_int_equal(eie_own_pool_make(p + 1, &own[p], &error), EIE_OK);
    for (uint64_t round = 1; round <= 50; round++)
        for (uint32_t p = 0; p < 3; p++) {
            struct shared s = {.pool = own[p], .factor = round};
            assert_int_equal(eie_pool_threads(own[p]), p + 1);
            eie_pool_run(own[p], add, &s);
            for (uint32_t i = 0; i < WORKERS_MAX; i++)
                assert_true(s.parts[i] == (i <= p ? round * (i + 1) : 0));
            s = (struct shared){.pool = own[p]};
            eie_pool_run(own[p], look, &s);
            for (uint32_t i = 0; i <= p; i++)
                assert_int_equal(s.slots[i], (uint32_t)CPU_COUNT(&before));
        }
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    struct shared s = {.pool = get(2), .factor = 1};
    eie_own_pool_free(own[0]);
    eie_own_pool_free(own[2]);
    eie_pool_run(s.pool, add, &s);
    eie_pool_run(own[1], add, &s);
    assert_true(s.parts[0] == 2 && s.parts[1] == 4);
    eie_own_pool_free(own[1]);
    eie_own_pool_free(NULL);
    assert_int_equal(eie_own_pool_make(0, &none, &error), EIE_USAGE);
    assert_int_equal(eie_own_pool_make(4097, &none, &error), EIE_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),      cmocka_unit_test(barrier),
        cmocka_unit_test(replaced),  cmocka_unit_test(impossible),
        cmocka_unit_test(binding),   cmocka_unit_test(sleeping_workers),
        cmocka_unit_test(own_pools), cmocka_unit_test(after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL); /* the pool ends at exit */
}
