/* One matrix from its file to what is written of it. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H
#define EIE_BENCH_COMPRESS_COMPRESS_MATRIX_H

#include "bench/compress/compressed.h"
#include "host/machine/threads.h"
#include "host/weights/weight_file.h"

#define EIE_NO_BIAS UINT32_MAX

/* A tensor of the file and what goes with it. */
struct eie_compress_choice {
    uint32_t index;
    uint32_t bias; /* tensor of as many numbers as outputs, or EIE_NO_BIAS */
    char name[EIE_NAME_MAX];
};

/* One tensor of the file; `last`: no other one follows. `item` is zeroed before, and to be
 * freed whatever the status. EIE_USAGE, EIE_INPUT, EIE_MEMORY. */
EIE_MUST_USE enum eie_status
eie_compress_matrix(const struct eie_compress_options *options, struct eie_weight_file *file,
                    const struct eie_compress_choice *choice, bool last, struct eie_pool *pool,
                    struct eie_compressed *item, struct eie_error *error);

#endif
