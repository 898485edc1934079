/* One matrix from its file to what is written of it. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H
#define EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H

#include "bench/compress/compressed.h"
#include "host/machine/threads.h"
#include "host/weights/weight_file.h"

/* Tensor `index` of the file; `last`: no other one follows. `item` is zeroed before, and to be
 * freed whatever the status. EIE_USAGE, EIE_INPUT, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_compress_matrix(const struct eie_compress_options *options,
                                                 struct eie_weight_file *file, uint32_t index,
                                                 bool last, struct eie_pool *pool,
                                                 struct eie_compressed *item,
                                                 struct eie_error *error);

#endif
