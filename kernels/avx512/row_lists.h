/* The matrix row by row: what a kernel needs that lets rows live in vector lanes. */
#ifndef EIE_KERNELS_AVX512_ROW_LISTS_H
#define EIE_KERNELS_AVX512_ROW_LISTS_H

#include "host/layer/layer.h"

struct eie_row_lists {
    uint32_t *start;  /* [outputs + 1], [0] is 0 */
    uint32_t *column; /* [start[outputs]], ascending within a row */
    uint8_t *code;    /* [start[outputs]], each 1..15 */
};

/* EIE_MEMORY. On success free with eie_row_lists_free. */
EIE_MUST_USE enum eie_status eie_row_lists_make(const struct eie_layer *layer,
                                                struct eie_row_lists *rows,
                                                struct eie_error *error);
void eie_row_lists_free(struct eie_row_lists *rows);

#endif
