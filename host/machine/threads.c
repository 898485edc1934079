#include "host/machine/threads.h"
#include "host/machine/own_pool.h"
#include "host/machine/topology.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE_LINE    128 /* two lines: the neighbour is prefetched too */
#define THREADS_MAX   4096
#define SPINS         4000 /* some 50 to 200 us, more than the gap between two runs in a block */
#define SPINS_CROWDED 20   /* with more workers than cores, each of them a sched_yield */

/* A number that threads wait on, and how many of them sleep. */
struct event {
    alignas(CACHE_LINE) _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
};

struct eie_pool {
    struct event generation; /* one more with every run */
    struct event returned;   /* one more when all workers are through */
    struct event phase;      /* one more when all workers came to the barrier */
    alignas(CACHE_LINE) _Atomic uint32_t running;
    alignas(CACHE_LINE) _Atomic uint32_t arrived;
    alignas(CACHE_LINE) eie_pool_work work; /* NULL: the workers end */
    void *context;
    uint32_t threads;
    bool crowded; /* more workers than cores: nobody is bound, nobody spins long */
    bool is_own;  /* nobody is bound, nobody is set free */
    pid_t process;
    struct worker *workers; /* [threads - 1], numbers 1.. */
};

struct worker {
    struct eie_pool *pool;
    uint32_t number;
    pthread_t thread;
};

/* ---- waiting -------------------------------------------------------------------------------- */

static void relax(bool crowded)
{
    if (crowded) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex(struct event *event, int operation, uint32_t argument)
{
    syscall(SYS_futex, &event->value, operation, argument, NULL, NULL, 0);
}

/* Returns as soon as the event's value differs from `old`. The kernel compares once more before it
 * puts the thread to sleep, so that no wake-up is lost. */
static void await(struct event *event, uint32_t old, bool crowded)
{
    for (int i = 0; i < (crowded ? SPINS_CROWDED : SPINS); i++) {
        if (atomic_load_explicit(&event->value, memory_order_acquire) != old) return;
        relax(crowded);
    }
    atomic_fetch_add(&event->sleepers, 1);
    while (atomic_load(&event->value) == old) futex(event, FUTEX_WAIT_PRIVATE, old);
    atomic_fetch_sub(&event->sleepers, 1);
}

/* Both sides are sequentially consistent: either the waiter sees the value, or this the sleeper. */
static void announce(struct event *event)
{
    atomic_fetch_add(&event->value, 1);
    if (atomic_load(&event->sleepers) != 0) futex(event, FUTEX_WAKE_PRIVATE, INT_MAX);
}

/* ---- workers -------------------------------------------------------------------------------- */

static _Thread_local bool is_worker;

/* Best effort: a system that forbids binding still computes right. */
static void bind(const struct eie_pool *pool, uint32_t number)
{
    const uint32_t core = pool->crowded ? EIE_BIND_ANY : number;
    if (pool->is_own) return;
    if (eie_bind_thread(core, NULL) != EIE_OK) return;
}

static void *work_loop(void *argument)
{
    const struct worker *self = argument;
    struct eie_pool *pool = self->pool;
    uint32_t bindings = eie_bind_process_count();

    is_worker = true;
    bind(pool, self->number);
    for (uint32_t generation = 0;; generation++) {
        await(&pool->generation, generation, pool->crowded);
        if (pool->work == NULL) return NULL;
        if (bindings != eie_bind_process_count()) {
            bindings = eie_bind_process_count();
            bind(pool, self->number);
        }
        pool->work(pool->context, self->number);
        if (atomic_fetch_sub(&pool->running, 1) == 1) announce(&pool->returned);
    }
}

void eie_pool_run(struct eie_pool *pool, eie_pool_work work, void *context)
{
    if (pool->threads == 1) {
        work(context, 0);
        return;
    }
    const uint32_t returned = atomic_load_explicit(&pool->returned.value, memory_order_relaxed);
    pool->work = work;
    pool->context = context;
    atomic_store_explicit(&pool->running, pool->threads - 1, memory_order_relaxed);
    announce(&pool->generation);
    work(context, 0);
    await(&pool->returned, returned, pool->crowded);
}

void eie_pool_barrier(struct eie_pool *pool, uint32_t worker)
{
    (void)worker;
    if (pool->threads == 1) return;
    const uint32_t phase = atomic_load_explicit(&pool->phase.value, memory_order_relaxed);
    if (atomic_fetch_add(&pool->arrived, 1) + 1 < pool->threads) {
        await(&pool->phase, phase, pool->crowded);
        return;
    }
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    announce(&pool->phase);
}

uint32_t eie_pool_threads(const struct eie_pool *pool)
{
    return pool->threads;
}

/* ---- the one pool --------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct eie_pool *current;

/* Ends the first `started` workers and frees the pool. */
static void destroy(struct eie_pool *pool, uint32_t started)
{
    if (pool == NULL) return;
    if (pool->process == getpid()) { /* a fork's child has no workers */
        pool->work = NULL;
        announce(&pool->generation);
        for (uint32_t i = 0; i < started; i++) pthread_join(pool->workers[i].thread, NULL);
    }
    free(pool->workers);
    free(pool);
}

static void nothing(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
}

static enum eie_status create(uint32_t threads, bool is_own, struct eie_pool **out,
                              struct eie_error *error)
{
    const struct eie_topology *topology;
    const bool known = eie_topology_get(&topology, NULL) == EIE_OK;
    struct eie_pool *pool = aligned_alloc(alignof(struct eie_pool), sizeof *pool);

    if (pool == NULL) return eie_fail(error, EIE_MEMORY, "out of memory for a thread pool");
    memset(pool, 0, sizeof *pool);
    pool->threads = threads;
    pool->process = getpid();
    pool->is_own = is_own;
    pool->crowded = !known || threads > topology->cores;
    pool->workers = calloc(threads, sizeof *pool->workers);
    if (pool->workers == NULL) {
        free(pool);
        return eie_fail(error, EIE_MEMORY, "out of memory for a thread pool");
    }
    bind(pool, 0);
    for (uint32_t i = 0; i + 1 < threads; i++) {
        struct worker *worker = &pool->workers[i];
        *worker = (struct worker){.pool = pool, .number = i + 1};
        const int code = pthread_create(&worker->thread, NULL, work_loop, worker);
        if (code != 0) {
            destroy(pool, i);
            return eie_fail(error, EIE_SYSTEM, "thread %u of %u cannot be started: %s", i + 1,
                            threads, strerror(code));
        }
    }
    eie_pool_run(pool, nothing, NULL); /* all are bound when this returns */
    *out = pool;
    return EIE_OK;
}

static enum eie_status check_threads(uint32_t threads, struct eie_error *error)
{
    if (threads > 0 && threads <= THREADS_MAX) return EIE_OK;
    return eie_fail(error, EIE_USAGE, "%u threads: from 1 to %u are possible", threads,
                    THREADS_MAX);
}

enum eie_status eie_own_pool_make(uint32_t threads, struct eie_pool **pool, struct eie_error *error)
{
    const enum eie_status status = check_threads(threads, error);
    return status ? status : create(threads, true, pool, error);
}

void eie_own_pool_free(struct eie_pool *pool)
{
    if (pool != NULL) destroy(pool, pool->threads - 1);
}

enum eie_status eie_pool_get(uint32_t threads, struct eie_pool **pool, struct eie_error *error)
{
    static bool stops_at_exit;
    enum eie_status status = check_threads(threads, error);

    *pool = NULL;
    if (status) return status;
    pthread_mutex_lock(&lock);
    if (!stops_at_exit) stops_at_exit = atexit(eie_pool_stop) == 0;
    if (current != NULL && (current->threads != threads || current->process != getpid())) {
        destroy(current, current->threads - 1);
        current = NULL;
    }
    if (current == NULL) status = create(threads, false, &current, error);
    *pool = current;
    pthread_mutex_unlock(&lock);
    return status;
}

void eie_pool_stop(void)
{
    if (is_worker) return; /* exit() inside work: a thread cannot wait for itself */
    pthread_mutex_lock(&lock);
    if (current != NULL) destroy(current, current->threads - 1);
    current = NULL;
    pthread_mutex_unlock(&lock);
}
