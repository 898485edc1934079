/* One visit to a group of the matrix: kernels on one layer at one batch, cache mode and thread
 * count. They are prepared together, checked, and then timed randomly interleaved. Where their
 * plans do not fit into the memory together, they are timed in several visits, the references in
 * each. */
#ifndef EIE_BENCH_MATRIX_GROUP_H
#define EIE_BENCH_MATRIX_GROUP_H

#include "bench/check/references.h"
#include "bench/measure/cache.h"
#include "bench/measure/ceilings.h"
#include "bench/rows/row.h"

#include <stdint.h>

#define EIE_NO_ROW UINT32_MAX

struct eie_quiet_totals;

struct eie_group {
    const struct eie_layer *layer;
    const int16_t *inputs; /* [batch][inputs], the first of the layer */
    uint32_t batch, threads;
    enum eie_cache cache;
    struct eie_references *references; /* of this layer and batch */
    struct eie_ceilings *ceilings;     /* for these threads: measured when they are not yet, and
                                          again when a row seems to be above them */
    struct eie_row *rows; /* keys, target and is_reference are set, and the samples of earlier
                             visits; everything else is filled in */
    uint32_t row_count;
    uint32_t visit;                 /* the number of the first visit */
    double budget_s;                /* for the timed part; each row gets its least, however small */
    struct eie_quiet_totals *quiet; /* of the whole run; NULL: all blocks count as undisturbed */
    bool counters;                  /* also count what a row's calls cost the processor */
    uint64_t memory_bytes;          /* for all plans alive at once */
    void (*tick)(void *watcher, double share, const char *what); /* progress */
    /* before a kernel's own code is run (`row` counts from 0; EIE_NO_ROW: back in ours), and what
       for: if the process ends there, it was that kernel */
    void (*enter)(void *watcher, uint32_t row, const char *what);
    void *watcher;
};

/* Binds this process, its memory and the pool's workers to the first `threads` cores, as a visit
 * does. EIE_SYSTEM; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_group_threads(uint32_t threads, struct eie_pool **pool,
                                               struct eie_error *error);

/* Failures go into the rows; only what stops the whole matrix is returned (out of memory, no
 * threads). */
EIE_MUST_USE enum eie_status eie_group_run(struct eie_group *group, struct eie_error *error);

#endif
