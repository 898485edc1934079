/* Cores, caches and binding, by hwloc. One topology per process, loaded on first use. */
#ifndef EIE_HOST_MACHINE_TOPOLOGY_H
#define EIE_HOST_MACHINE_TOPOLOGY_H

#include "host/base/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eie_topology {
    uint32_t cores; /* physical cores that this process may use */
    uint32_t hardware_threads;
    uint32_t numa_nodes;
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* of one cache each; 0 when unknown */
    uint32_t l2_cores, l3_cores;            /* cores that share one of them */
    uint64_t memory_bytes;
};

EIE_MUST_USE enum eie_status eie_topology_get(const struct eie_topology **topology,
                                              struct eie_error *error);

/* Binds the calling thread to the `index`-th usable core (one hardware thread of it), or with
 * EIE_BIND_ANY sets it free to run wherever the process may. EIE_USAGE: no core of that index;
 * EIE_SYSTEM. */
#define EIE_BIND_ANY UINT32_MAX
EIE_MUST_USE enum eie_status eie_bind_thread(uint32_t index, struct eie_error *error);

/* Binds every thread that the process has at this moment to the first `count` usable cores; threads
 * that a library starts later inherit it. Reaches libraries' own thread pools; the workers of
 * eie_pool go back to their own cores with their next run. More than there are: all of them. */
EIE_MUST_USE enum eie_status eie_bind_process(uint32_t count, struct eie_error *error);

/* Binds the calling thread to the first usable core and every other thread that the process has, by
 * number, to the second to `count`-th in turn: a library's workers must not share a core
 * with the caller, which computes too, only because the scheduler leaves them there. */
EIE_MUST_USE enum eie_status eie_bind_threads_apart(uint32_t count, struct eie_error *error);

/* The threads that the process has at this moment, by number: the system's numbers (gettid), the
 * first `most` of them, ascending; returns how many there are, 0 where the system does not say.
 * Later ones mostly have higher numbers, until the system's numbers wrap. */
uint32_t eie_threads_now(int *ids, uint32_t most);

/* Binds the `count` threads of these numbers to usable cores of their own, the i-th to the i-th;
 * where there are more of them than cores, to a hardware thread each. EIE_UNSUPPORTED where there
 * are not so many: nothing is bound; EIE_SYSTEM: those that were bound by then are free to run
 * wherever the process may. Threads that have ended are passed over. */
EIE_MUST_USE enum eie_status eie_bind_each(const int *ids, uint32_t count, struct eie_error *error);

/* From now on the calling thread's memory, and that of threads it starts, comes from the NUMA nodes
 * of the first `count` usable cores, page by page in turn where they are several. Nothing to do on
 * a machine with one node. EIE_SYSTEM where the system refuses. */
EIE_MUST_USE enum eie_status eie_bind_memory(uint32_t count, struct eie_error *error);

/* How often these two have moved all threads. */
uint32_t eie_bind_process_count(void);

/* Bytes of all caches of one level (1: of data) that the first `threads` cores reach, together; 0
 * where the machine shows none. */
uint64_t eie_cache_bytes(uint32_t level, uint32_t threads);

/* The caches that these cores share with no other core, together: of levels 1 and 2. */
uint64_t eie_private_bytes(uint32_t threads);

/* Where `bytes` of data fit that `threads` cores read: "l1", "l2", "l3" or "dram". */
const char *eie_resident(uint64_t bytes, uint32_t threads);

#ifdef __cplusplus
}
#endif

#endif
