/* The matrix row by row, and the rows sorted: what kernels need that give rows to lanes. */
#ifndef EIE_KERNELS_SORTED_ROWS_H
#define EIE_KERNELS_SORTED_ROWS_H

#include "host/layer/layer.h"

struct sorted_rows {
    uint32_t *start;  /* [outputs + 1], [0] is 0 */
    uint32_t *column; /* [start[outputs]], ascending within a row */
    uint8_t *code;    /* [start[outputs]], each 1..15 */
    uint32_t *order;  /* [outputs] rows, those with the most weights first; equal ones as they come
                       */
};

/* EIE_MEMORY. On success free with sorted_rows_free. */
EIE_MUST_USE enum eie_status sorted_rows_make(const struct eie_layer *layer,
                                              struct sorted_rows *rows, struct eie_error *error);
void sorted_rows_free(struct sorted_rows *rows);

#endif
