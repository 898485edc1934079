/* A pool (host/machine/threads.h) of the caller's own, for programs that have other threads beside
 * it. It binds nobody, neither its workers nor the caller: the workers may run where the thread
 * that made it could. Any number may be alive at the same time, and each may be run by a thread of
 * its own; of one pool what eie_pool_run says holds. */
#ifndef EIE_HOST_MACHINE_OWN_POOL_H
#define EIE_HOST_MACHINE_OWN_POOL_H

#include "host/base/error.h"

#include <stdint.h>

struct eie_pool;

/* `threads` workers, 1 to 4096, the caller of eie_pool_run among them. EIE_USAGE for another
 * number; EIE_SYSTEM when threads cannot be started; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_own_pool_make(uint32_t threads, struct eie_pool **pool,
                                               struct eie_error *error);

/* Ends the workers; not while the pool runs. NULL is fine. In a child of the process that made it
 * there are no workers to end. */
void eie_own_pool_free(struct eie_pool *pool);

#endif
