/* Kernels that go along the columns of active inputs. Rows are divided into sets, columns into
 * slices; a block has one of each and adds up in shared memory. */
#ifndef EIE_KERNELS_CUDA_COLUMNS_H
#define EIE_KERNELS_CUDA_COLUMNS_H

#include "kernels/cuda/arguments.h"

#define COLUMNS_THREADS 256u
#define COLUMNS_NUMBERS 4u /* words of shared memory before the sums */

struct columns_arguments {
    struct cuda_arguments base;
    uint32_t *sums; /* [batch][outputs], zeros between calls */
    uint32_t *done; /* [batch][sets] slices that have come to their end, zeros between calls */
    uint32_t sets, slices;
    uint32_t slice_columns; /* the last slice may have fewer; at most 65536 */
    uint32_t rows_most;     /* of a set */
    uint64_t entries_at;    /* bytes from the beginning of a copy, which has the pointers first:
                               uint32 [sets][inputs + 1] */
};

#endif
