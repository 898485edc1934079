/* Dense 4-bit codes for several inputs at once, on the tensor cores, and exact: a weight is 256 hi
 * + lo, lo without a sign, and an input the same, so that four products of bytes make one of 16
 * bits. Sums wrap at 2^32, as the sum that they stand for does not leave int32.
 *
 * Weights lie as tiles of 16 rows by 32 columns, row of tiles by row of tiles: uint2 [row tiles]
 * [steps][32], the word of lane l for the rows l / 4 and l / 4 + 8 and the 8 columns from 8 (l % 4)
 * on. Nibbles of .x, lowest first: the first four columns of the upper row, then of the lower; .y
 * the same for the last four. Rows and columns that the layer does not have hold code 0, whose
 * weight is 0. */
#ifndef EIE_KERNELS_CUDA_TENSOR_CODES_H
#define EIE_KERNELS_CUDA_TENSOR_CODES_H

#include "kernels/cuda/arguments.h"

#define TENSOR_CODES_THREADS 256u /* of a block, at most; a multiple of 32 x TENSOR_CODES_AHEAD */
#define TENSOR_CODES_AHEAD   4u   /* steps whose codes are under way together */
#define TENSOR_CODES_ROWS    16u  /* of a tile: a warp has one */
#define TENSOR_CODES_COLUMNS 32u  /* of a step */
#define TENSOR_CODES_VECTORS 8u   /* of a tile of inputs; a block has 1, 2, 4 or 8 of these */

struct tensor_codes_arguments {
    struct cuda_arguments base;
    uint32_t *sums; /* [vector parts][row tiles][4 x tiles of inputs][32], zeros between calls */
    uint32_t
        *done; /* [vector parts][blocks of rows] slices that have come to their end, zeros too */
    uint32_t row_tiles, steps;
    uint32_t slices, slice_steps; /* the steps of a row are shared by `slices` blocks; the last
                                     slice may have fewer, and none has none */
    uint32_t low[4], high[4];     /* the codebook's bytes, of four codes a word */
};

#endif
