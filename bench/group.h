/* One group of the matrix: all kernels on one layer at one batch, cache mode and thread count. They
 * are prepared together, checked, and then timed randomly interleaved. */
#ifndef EIE_BENCH_GROUP_H
#define EIE_BENCH_GROUP_H

#include "bench/row.h"

#include <stdint.h>

struct eie_group {
    const struct eie_layer *layer;
    const int16_t *inputs; /* [batch][inputs], the layer's first samples */
    uint32_t batch, threads;
    struct eie_row *rows; /* keys are set; everything else is filled in */
    uint32_t row_count;
    double budget_s;                                            /* for the timed part */
    uint64_t memory_bytes;                                      /* for all plans alive at once */
    void (*tick)(void *ticker, double share, const char *what); /* progress, may be NULL */
    void *ticker;
};

/* Failures go into the rows; only what stops the whole matrix is returned (out of memory, no
 * threads). */
EIE_MUST_USE enum eie_status eie_group_run(struct eie_group *group, struct eie_error *error);

#endif
