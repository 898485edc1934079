#ifndef EIE_KERNELS_CUDA_CODE_GROUPS_H
#define EIE_KERNELS_CUDA_CODE_GROUPS_H

#include "kernels/cuda/arguments.h"
#include "kernels/cuda/groups.h"

#define CODE_GROUPS_THREADS 1024u /* at most, of a block */
#define CODE_GROUPS_AHEAD   4u    /* steps whose groups are under way together */

struct code_groups_arguments {
    struct cuda_arguments base;
    struct cuda_tasks tasks; /* of 32 >> lane_bits rows */
    uint32_t lane_bits;      /* a row has 1 << lane_bits lanes */
};

#endif
