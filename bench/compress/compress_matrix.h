/* One matrix from its file to what is written of it: load, prune, share, encode, with the errors
 * and sizes of each stage taken on the way. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H
#define EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H

#include "bench/compress/compressed.h"
#include "host/machine/threads.h"
#include "host/weights/weight_file.h"

#define EIE_NO_BIAS UINT32_MAX /* no tensor of the file is this matrix's bias */

/* A tensor of the file and what goes with it; indices into its entries. */
struct eie_compress_choice {
    uint32_t index;
    uint32_t bias;           /* tensor of as many numbers as outputs, or EIE_NO_BIAS */
    char name[EIE_NAME_MAX]; /* that the layer gets, as eie_shared_name makes it */
};

/* Compresses one tensor of the open file. `last`: no other one follows, so the file's memory may
 * become the matrix. `pool` has options->threads workers. `item` is zeroed before, and to be freed
 * whatever the status (eie_compressed_free). The layer for kernels is made where code_bits and
 * run_bits are 4; in the plain form the shared weights give up their codes once it is there.
 *
 * EIE_USAGE: as many samples as positions were asked for and these are unknown; EIE_INPUT: a value
 * that is not finite, a side file of another size, weights that fixed point cannot hold;
 * EIE_SYSTEM: a side file that cannot be read; EIE_MEMORY. */
EIE_MUST_USE enum eie_status
eie_compress_matrix(const struct eie_compress_options *options, struct eie_weight_file *file,
                    const struct eie_compress_choice *choice, bool last, struct eie_pool *pool,
                    struct eie_compressed *item, struct eie_error *error);

#endif
