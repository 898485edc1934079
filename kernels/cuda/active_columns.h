#ifndef EIE_KERNELS_CUDA_ACTIVE_COLUMNS_H
#define EIE_KERNELS_CUDA_ACTIVE_COLUMNS_H

#include "kernels/cuda/columns.h"

/* Rows of a set. An entry has 12 bits for the row and 4 for the code; four make a word of 8 bytes,
 * and a column's last word is filled up with zeros. */
#define ACTIVE_COLUMNS_ROWS 1024u
#define ACTIVE_COLUMNS_WORD 4u

#endif
