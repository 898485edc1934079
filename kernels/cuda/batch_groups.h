#ifndef EIE_KERNELS_CUDA_BATCH_GROUPS_H
#define EIE_KERNELS_CUDA_BATCH_GROUPS_H

#include "kernels/cuda/arguments.h"
#include "kernels/cuda/groups.h"

#define BATCH_GROUPS_THREADS 1024u
#define BATCH_GROUPS_AHEAD   2u
#define BATCH_QUADS_AHEAD    4u

struct batch_groups_arguments {
    struct cuda_arguments base;
    struct cuda_tasks tasks; /* of a row */
    uint32_t bits;           /* a block works on 1 << bits pairs of vectors, or quads */
};

#endif
