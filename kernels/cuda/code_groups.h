#ifndef EIE_KERNELS_CUDA_CODE_GROUPS_H
#define EIE_KERNELS_CUDA_CODE_GROUPS_H

#include "kernels/cuda/arguments.h"
#include "kernels/cuda/groups.h"

#define CODE_GROUPS_THREADS 1024u /* at most, of a block */
#define CODE_GROUPS_AHEAD   4u    /* steps whose groups are under way together */

struct code_groups_arguments {
    struct cuda_arguments base;
    uint64_t row_at; /* bytes from the beginning of a copy */
    uint32_t tasks, rows, lanes, class_count;
    struct cuda_class classes[CUDA_CLASSES];
};

#endif
