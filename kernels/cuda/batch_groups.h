#ifndef EIE_KERNELS_CUDA_BATCH_GROUPS_H
#define EIE_KERNELS_CUDA_BATCH_GROUPS_H

#include "kernels/cuda/arguments.h"
#include "kernels/cuda/groups.h"

#define BATCH_GROUPS_THREADS 1024u
#define BATCH_GROUPS_AHEAD   2u

struct batch_groups_arguments {
    struct cuda_arguments base;
    uint64_t row_at; /* bytes from the beginning of a copy */
    uint32_t tasks;  /* rows */
    uint32_t pairs;  /* of inputs that a block works on: 1, 2, 4, 8 */
    uint32_t class_count;
    struct cuda_class classes[CUDA_CLASSES];
};

#endif
