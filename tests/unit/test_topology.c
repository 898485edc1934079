/* Cores, caches, binding. */
#include "host/machine/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

static cpu_set_t at_start; /* what the process was given, before anything is bound */

static const struct eie_topology *get(void)
{
    const struct eie_topology *topology;
    struct eie_error error;
    assert_int_equal(eie_topology_get(&topology, &error), EIE_OK);
    assert_non_null(topology);
    return topology;
}

static int bound_to(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set);
}

static void summary(void **state)
{
    const struct eie_topology *t = get();
    (void)state;
    assert_ptr_equal(t, get());
    assert_true(t->cores >= 1 && t->cores <= t->hardware_threads);
    assert_int_equal(t->hardware_threads, CPU_COUNT(&at_start));
    assert_true(t->numa_nodes >= 1);
    assert_true(t->memory_bytes > 1u << 20);
    assert_true(t->l2_cores <= t->cores && t->l3_cores <= t->cores);
    assert_int_equal(t->l2_bytes == 0, t->l2_cores == 0);
    assert_int_equal(t->l3_bytes == 0, t->l3_cores == 0);
}

static void bind_thread(void **state)
{
    struct eie_error error;
    cpu_set_t all, one;
    (void)state;
    CPU_ZERO(&all);
    for (uint32_t i = 0; i < get()->cores; i++) {
        assert_int_equal(eie_bind_thread(i, &error), EIE_OK);
        assert_int_equal(sched_getaffinity(0, sizeof one, &one), 0);
        assert_int_equal(CPU_COUNT(&one), 1);
        CPU_OR(&all, &all, &one);
    }
    assert_int_equal(CPU_COUNT(&all), get()->cores); /* each its own */
    CPU_AND(&one, &all, &at_start);
    assert_true(CPU_EQUAL(&one, &all));
    assert_int_equal(eie_bind_thread(get()->cores, &error), EIE_USAGE);
    assert_int_equal(eie_bind_thread(EIE_BIND_ANY, &error), EIE_OK);
    assert_int_equal(bound_to(), get()->hardware_threads);
}

struct sleeper {
    sem_t ready, go;
    int before, after;
};

static void *sleeper(void *argument)
{
    struct sleeper *s = argument;
    s->before = bound_to();
    sem_post(&s->ready);
    sem_wait(&s->go);
    s->after = bound_to();
    return NULL;
}

static void *inheriting(void *argument)
{
    *(int *)argument = bound_to();
    return NULL;
}

static void bind_process(void **state)
{
    struct eie_error error;
    struct sleeper s = {.before = 0};
    pthread_t thread;
    int inherited = 0;
    (void)state;
    assert_int_equal(sem_init(&s.ready, 0, 0) | sem_init(&s.go, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, sleeper, &s), 0);
    sem_wait(&s.ready);
    const uint32_t count = eie_bind_process_count();
    assert_int_equal(eie_bind_process(1, &error), EIE_OK);
    assert_int_equal(eie_bind_process_count(), count + 1);
    assert_int_equal(bound_to(), 1);
    sem_post(&s.go);
    pthread_join(thread, NULL);
    assert_int_equal(s.before, get()->hardware_threads);
    assert_int_equal(s.after, 1);
    assert_int_equal(pthread_create(&thread, NULL, inheriting, &inherited), 0);
    pthread_join(thread, NULL);
    assert_int_equal(inherited, 1);
    assert_int_equal(eie_bind_process(get()->cores + 1, &error), EIE_OK);
    assert_int_equal(bound_to(), get()->cores);
    assert_int_equal(eie_bind_process(0, &error), EIE_USAGE);
    assert_int_equal(eie_bind_thread(EIE_BIND_ANY, &error), EIE_OK);
    sem_destroy(&s.ready);
    sem_destroy(&s.go);
}

static void bind_threads_apart(void **state)
{
    struct sleeper s = {.before = 0};
    struct eie_error error;
    pthread_t thread;
    cpu_set_t mine, set;
    (void)state;
    sem_init(&s.ready, 0, 0);
    sem_init(&s.go, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, sleeper, &s), 0);
    sem_wait(&s.ready);
    assert_int_equal(eie_bind_threads_apart(get()->cores, &error), EIE_OK);
    assert_int_equal(bound_to(), 1);
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    assert_int_equal(pthread_getaffinity_np(thread, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_int_equal(CPU_EQUAL(&mine, &set) != 0, get()->cores == 1);
    sem_post(&s.go);
    pthread_join(thread, NULL);
    assert_int_equal(s.after, 1);
    assert_int_equal(eie_bind_threads_apart(1, &error), EIE_OK);
    assert_int_equal(bound_to(), 1);
    assert_int_equal(eie_bind_threads_apart(0, &error), EIE_USAGE);
    assert_int_equal(eie_bind_thread(EIE_BIND_ANY, &error), EIE_OK);
    sem_destroy(&s.ready);
    sem_destroy(&s.go);
}

/* A thread that was joined may still be listed for a moment. */
static void wait_alone(void)
{
    while (eie_threads_now(NULL, 0) != 1) sched_yield();
}

static void bind_each(void **state)
{
    struct sleeper s = {.before = 0};
    struct eie_error error;
    pthread_t thread;
    cpu_set_t mine, set;
    int ids[2];
    (void)state;
    sem_init(&s.ready, 0, 0);
    sem_init(&s.go, 0, 0);
    wait_alone();
    assert_int_equal(pthread_create(&thread, NULL, sleeper, &s), 0);
    sem_wait(&s.ready);
    assert_int_equal(eie_threads_now(ids, 2), 2);
    assert_true(ids[0] < ids[1]);
    assert_true(ids[0] == gettid() || ids[1] == gettid());
    const int other = ids[ids[0] == gettid()];
    ids[0] = gettid(), ids[1] = other; /* numbers may have wrapped since the process began */
    const uint32_t count = get()->hardware_threads > 1 ? 2 : 1;
    assert_int_equal(eie_bind_each(ids + 2 - count, count, &error), EIE_OK);
    assert_int_equal(pthread_getaffinity_np(thread, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    if (count == 2) {
        assert_int_equal(bound_to(), 1);
        assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
        assert_false(CPU_EQUAL(&mine, &set));
    }
    sem_post(&s.go);
    pthread_join(thread, NULL);
    assert_int_equal(eie_bind_thread(EIE_BIND_ANY, &error), EIE_OK);
    assert_int_equal(eie_bind_each(ids, get()->hardware_threads + 1, &error), EIE_UNSUPPORTED);
    assert_int_equal(bound_to(), get()->hardware_threads);
    sem_destroy(&s.ready);
    sem_destroy(&s.go);
}

/* More than the list begins with; what has no room is counted and not written. */
static void many_threads_are_listed(void **state)
{
    enum { THREADS = 100 };
    static struct sleeper sleepers[THREADS];
    static int ids[THREADS + 1];
    pthread_t threads[THREADS];
    (void)state;
    wait_alone();
    for (uint32_t i = 0; i < THREADS; i++) {
        sem_init(&sleepers[i].ready, 0, 0);
        sem_init(&sleepers[i].go, 0, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, sleeper, &sleepers[i]), 0);
        sem_wait(&sleepers[i].ready);
    }
    assert_int_equal(eie_threads_now(ids, THREADS + 1), THREADS + 1);
    for (uint32_t i = 0; i < THREADS; i++) assert_true(ids[i] < ids[i + 1]);
    const int second = ids[1];
    ids[1] = ids[2] = -1;
    assert_int_equal(eie_threads_now(ids, 2), THREADS + 1);
    assert_int_equal(ids[1], second);
    assert_int_equal(ids[2], -1);
    for (uint32_t i = 0; i < THREADS; i++) {
        sem_post(&sleepers[i].go);
        pthread_join(threads[i], NULL);
    }
}

static void resident(void **state)
{
    const struct eie_topology *t = get();
    (void)state;
    assert_string_equal(eie_resident(UINT64_MAX, 1), "dram");
    assert_string_equal(eie_resident(UINT64_MAX, UINT32_MAX), "dram");
    if (t->l1d_bytes > 0) {
        assert_string_equal(eie_resident(t->l1d_bytes, 0), "l1");
        assert_string_equal(eie_resident(t->l1d_bytes, 1), "l1");
        assert_string_equal(eie_resident(t->l1d_bytes * t->cores, UINT32_MAX), "l1");
    }
    if (t->l2_bytes > t->l1d_bytes) {
        assert_string_equal(eie_resident(t->l1d_bytes + 1, 1), "l2");
        assert_string_equal(eie_resident(t->l2_bytes, 1), "l2");
    }
    if (t->l3_bytes > t->l2_bytes) {
        assert_string_equal(eie_resident(t->l2_bytes + 1, 1), "l3");
        assert_string_equal(eie_resident(t->l3_bytes, 1), "l3");
        assert_string_equal(eie_resident(t->l3_bytes + 1, 1), "dram");
    }
}

int main(void)
{
    CPU_ZERO(&at_start);
    if (sched_getaffinity(0, sizeof at_start, &at_start) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary),      cmocka_unit_test(bind_thread),
        cmocka_unit_test(bind_process), cmocka_unit_test(bind_threads_apart),
        cmocka_unit_test(bind_each),    cmocka_unit_test(many_threads_are_listed),
        cmocka_unit_test(resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
