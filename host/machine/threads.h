/* The thread pool: one per process, bound workers that wait by spinning for a short while and by
 * sleeping after that. The caller is worker 0. */
#ifndef EIE_HOST_MACHINE_THREADS_H
#define EIE_HOST_MACHINE_THREADS_H

#include "host/base/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eie_pool;

/* The process's pool with `threads` workers (1 to 4096), each bound to a core of its own when there
 * are enough and the system allows it. The caller itself is bound too, as worker 0. A pool of
 * another size replaces the old one: no plan of the old size may run then. EIE_USAGE for another
 * number; EIE_SYSTEM when threads cannot be started. */
EIE_MUST_USE enum eie_status eie_pool_get(uint32_t threads, struct eie_pool **pool,
                                          struct eie_error *error);
void eie_pool_stop(void); /* ends the workers; also runs at exit */

uint32_t eie_pool_threads(const struct eie_pool *pool);

/* Runs work(context, worker) on every worker 0..threads-1 and returns when all have returned; what
 * they wrote is visible to the caller. One thread at a time, and not from inside work. */
typedef void (*eie_pool_work)(void *context, uint32_t worker);
void eie_pool_run(struct eie_pool *pool, eie_pool_work work, void *context);

/* Inside work: waits until every worker of this run has come here. */
void eie_pool_barrier(struct eie_pool *pool, uint32_t worker);

#ifdef __cplusplus
}
#endif

#endif
