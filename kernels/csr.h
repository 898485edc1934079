/* The decoded weights by row (CSR), a sparse form that libraries take. */
#ifndef EIE_KERNELS_CSR_H
#define EIE_KERNELS_CSR_H

#include "host/layer/layer.h"

/* Rows, each with its weights in ascending order of their column. */
struct csr {
    int32_t *start; /* [rows + 1] */
    int32_t *index; /* [nonzeros] */
    float *weight;  /* [nonzeros] */
};

/* Bytes of the three arrays, one behind the other. */
uint64_t csr_bytes(uint32_t rows, uint32_t nonzeros);

/* The arrays in `memory` of that size, aligned to 4 bytes. */
struct csr csr_at(void *memory, uint32_t rows, uint32_t nonzeros);

/* Fills in the arrays. */
void csr_by_row(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                const struct csr *csr);

#endif
