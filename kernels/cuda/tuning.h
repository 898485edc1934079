/* Which way is the fastest on this layer and device? All ways are made first, so that the device
 * does not rest in between; then they are warmed together, since a device that rests runs at a
 * fraction of its clock, and timed in turn, in blocks of a millisecond and more.
 *
 *     cuda_tuning_begin(plan, &tuning);
 *     for each way: fill (where the form is another one), shape, cuda_tuning_add(&tuning, error);
 *     cuda_tuning_best(&tuning, &index, error);
 *     cuda_tuning_end(&tuning);
 *     then fill and shape the best
 */
#ifndef EIE_KERNELS_CUDA_TUNING_H
#define EIE_KERNELS_CUDA_TUNING_H

#include "kernels/cuda/plan.h"

#define CUDA_WAYS_MAX    CUDA_FORMS_MAX
#define CUDA_WAYS_ROUNDS 3 /* odd: one is the median */

struct cuda_way {
    struct CUgraphExec_st *graph; /* of so many calls, launched so often a block */
    uint32_t calls, launches;
    double ns[CUDA_WAYS_ROUNDS]; /* of a call */
};

struct cuda_tuning {
    struct cuda_plan *plan;
    uint32_t count;
    struct cuda_way all[CUDA_WAYS_MAX];
};

void cuda_tuning_begin(struct cuda_plan *plan, struct cuda_tuning *tuning);

/* One more way: the plan as it stands, called a few times. */
EIE_MUST_USE enum eie_status cuda_tuning_add(struct cuda_tuning *tuning, struct eie_error *error);

/* The index of the fastest, in the order of adding; at least one was added. */
EIE_MUST_USE enum eie_status cuda_tuning_best(struct cuda_tuning *tuning, uint32_t *best,
                                              struct eie_error *error);

void cuda_tuning_end(struct cuda_tuning *tuning);

#endif
