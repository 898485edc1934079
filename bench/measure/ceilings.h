/* What this machine can do at most, measured in the run whose numbers are held against it: read
 * bandwidth of each level of the memory hierarchy, multiply-accumulates in registers, and additions
 * to sums in the first level at places that the data choose. From them
 * follows the least time that a call can take (its place under the roofline), and that a row which
 * took less is suspect. Beside them, what the thread pool costs, which no bound contains. */
#ifndef EIE_BENCH_MEASURE_CEILINGS_H
#define EIE_BENCH_MEASURE_CEILINGS_H

#include "host/base/error.h"
#include "host/devices/runtime.h"
#include "host/machine/threads.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum eie_level { EIE_L1, EIE_L2, EIE_L3, EIE_DRAM, EIE_LEVELS };
enum eie_operation { EIE_INT16, EIE_INT8, EIE_FLOAT32, EIE_OPERATIONS };

struct eie_ceiling {
    double per_s; /* bytes read, multiply-accumulates or additions; 0: there is none */
    uint64_t working_set_bytes;
    const char *loop; /* the best of several; static */
};

/* For one thread count. */
struct eie_ceilings {
    uint32_t threads;  /* 0: nothing is measured */
    uint32_t measured; /* which: EIE_CEILING_OF a level, EIE_CEILING_REST */
    uint32_t attempts; /* to measure since one came back */
    struct eie_ceiling read[EIE_LEVELS], macs[EIE_OPERATIONS], adds;
    /* What the pool itself costs: a run of no work, and a barrier inside of a run; 0: not measured
     */
    double run_ns, barrier_ns;
};

#define EIE_CEILING_OF(level) (1u << (level))
#define EIE_CEILING_REST      (1u << EIE_LEVELS) /* arithmetic, additions, and what the pool costs */
#define EIE_CEILINGS_ALL      ((1u << (EIE_LEVELS + 1)) - 1)

/* Measures those in `which` on the pool's threads, and keeps whatever is higher than what
 * `ceilings` holds already: on a shared machine a second look is a better one. `memory_bytes` and a
 * part of the memory that is free bound what is allocated; a level that needs more is left out.
 * Takes a tenth of a second, memory (DRAM) one or two. */
EIE_MUST_USE enum eie_status eie_ceilings_measure(struct eie_pool *pool, uint64_t memory_bytes,
                                                  uint32_t which, struct eie_ceilings *ceilings,
                                                  struct eie_error *error);

/* Is one of them lower than the same on one thread? Then says so in `text`, which names the first.
 */
bool eie_ceilings_doubt(const struct eie_ceilings *one, const struct eie_ceilings *several,
                        char *text, size_t size);

/* What one call does, for its roofline bound. */
struct eie_demand {
    uint64_t bytes;     /* read and written by one call */
    uint64_t footprint; /* bytes that are used over and over: of all copies that are rotated */
    uint64_t macs;      /* multiply-accumulates carried out, useful or not */
    uint64_t adds;      /* of these, those that are added to a sum in memory one by one */
    bool float32;       /* all of them; else in narrower operands where that is faster */
};

/* The ceilings that the roofline bound of a call on these threads depends on (EIE_CEILING_OF, ...).
 */
uint32_t eie_ceilings_for(uint32_t threads, const struct eie_demand *demand);

struct eie_roofline {
    double ns;         /* 0: no ceilings */
    const char *bound; /* "l1", "l2", "l3", "dram": where most of the time goes, or "arithmetic" or
                          "adds"; of devices also "launch" */
};

/* The least time to move a call's bytes through these levels, from the nearest on. Caches are taken
 * to keep as much of the footprint as they hold, from the first level on, and to hold nothing else:
 * a bound from below. A level that could not be measured is taken to be as fast as the one before
 * it. */
struct eie_roofline eie_roofline_over(const struct eie_reach *levels, uint32_t count,
                                      const struct eie_demand *demand);

/* The same over this machine's levels, or that of the multiplications or of the additions. Where
 * the machine shows no third level (virtual machines hide some), there may be a large one. */
struct eie_roofline eie_roofline_of(const struct eie_ceilings *ceilings,
                                    const struct eie_demand *demand);

/* {"eie_ceilings": [...], "eie_peaks": [...], "eie_adds": [...], "eie_pool": [...]} with units in
 * the keys. */
void eie_ceilings_add_json(const struct eie_ceilings *ceilings, json_t *lists);

#endif
