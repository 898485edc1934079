/* The matrix row by row: what kernels need that give rows to lanes, and the start of CSR. */
#ifndef EIE_KERNELS_ROW_LISTS_H
#define EIE_KERNELS_ROW_LISTS_H

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

/* The same from decoded codes into arrays of the caller's, of those lengths. */
void eie_row_lists_fill(const struct eie_sparse_codes *codes, struct eie_row_lists *rows);

/* Writes the numbers of the `count` rows from `first` on to `order`, those with the most weights
 * first, equal ones as they come. */
void eie_row_lists_sort(const struct eie_row_lists *rows, uint32_t first, uint32_t count,
                        uint32_t *order);

/* Cuts the rows into `shares` of about equal numbers of weights, each a multiple of `unit` rows but
 * for what is left in the end: share t is first[t] to first[t + 1] - 1. `first` is [shares + 1]. */
void eie_row_lists_share(const struct eie_row_lists *rows, uint32_t outputs, uint32_t shares,
                         uint32_t unit, uint32_t *first);

#endif
