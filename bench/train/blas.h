/* The matrix product for training: OpenBLAS, found and told its code path as the peers'
 * (kernels/peers/openblas.h). */
#ifndef EIE_BENCH_TRAIN_BLAS_H
#define EIE_BENCH_TRAIN_BLAS_H

#include "host/train/network.h"

struct eie_blas {
    eie_sgemm sgemm;
    void (*set_threads)(int threads);
    const char *library; /* what it says of itself */
    char core[128];      /* its code path: results are the same on the same one */
};

/* The distribution's OpenBLAS, else PyPI's. The threads are those of later products, in processes
 * that are forked from here as well, once set_threads is called there. EIE_MISSING with one line.
 */
EIE_MUST_USE enum eie_status eie_blas_open(uint32_t threads, struct eie_blas *blas,
                                           struct eie_error *error);

/* The same on one thread; plain loops where no OpenBLAS is installed. */
EIE_MUST_USE enum eie_status eie_blas_open_or_plain(struct eie_blas *blas, struct eie_error *error);

#endif
