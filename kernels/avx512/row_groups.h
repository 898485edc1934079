/* Rows in vector lanes: 16 rows, one a lane of 32 bits, are a group, up to 8 groups a block. Each
 * worker has a share of consecutive rows, cut into blocks; within a block rows are sorted by their
 * number of weights, most first, so that the rows of a group end at about the same time, and
 * eie_block_store (finish_lanes.h) undoes the order with a few register permutes.
 *
 * Shares are of about equal numbers of weights and begin at multiples of 32 rows, a cache line of
 * y: no two workers write to one line. A worker whose share is empty has no block. */
#ifndef EIE_KERNELS_AVX512_ROW_GROUPS_H
#define EIE_KERNELS_AVX512_ROW_GROUPS_H

#include "host/layer/layer.h"
#include "kernels/row_lists.h"

#include <stddef.h>

#define EIE_GROUP_ROWS   16u
#define EIE_BLOCK_GROUPS 8u
#define EIE_BLOCK_ROWS   (EIE_GROUP_ROWS * EIE_BLOCK_GROUPS)
#define EIE_NO_ROW       UINT32_MAX

/* Bytes rounded up to whole cache lines of 64. */
static inline size_t eie_whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Does F(0), F(1) ... for each of the 1 to 4 inputs that one walk over the weights multiplies;
 * count is a constant. Not in a loop: gcc 12 unrolls too late to keep sums in their registers, and
 * copies them in every step. */
#define EIE_EACH_INPUT(count, F)                                                                   \
    do {                                                                                           \
        F(0);                                                                                      \
        if ((count) > 1) F(1);                                                                     \
        if ((count) > 2) F(2);                                                                     \
        if ((count) > 3) F(3);                                                                     \
    } while (0)

/* Rows first_row .. first_row + row_count - 1 of the layer; its groups are full but for the last.
 */
struct eie_row_block {
    uint32_t first_row, row_count; /* natural order; 1 to EIE_BLOCK_ROWS */
    uint32_t first_group;          /* its groups end where the next block's begin */
};

/* How a layer's rows lie in lanes, for one number of threads. Owns its arrays; does not change once
 * it is made, and any thread may read it. */
struct eie_row_groups {
    uint32_t block_count, group_count;
    struct eie_row_block *blocks; /* [block_count + 1]: the last one only ends the groups */
    uint32_t *worker_block;       /* [threads + 1]: a worker's blocks */
    uint32_t *row;                /* [group_count][16]: the row of a lane, or EIE_NO_ROW */
    uint8_t *place; /* [block_count][EIE_BLOCK_ROWS]: where a row of the block was sorted to */
};

/* Upper bounds of group_count and block_count for any matrix of that many rows, 1 or more, so that
 * `supports` can state a plan's bytes before anything is sorted. */
uint32_t eie_row_groups_bound(uint32_t outputs);
uint32_t eie_row_blocks_bound(uint32_t outputs, uint32_t threads);

/* Groups the rows of `layer`, whose lists are `rows` (kernels/row_lists.h; neither is kept), for
 * `threads` workers, 1 or more. EIE_MEMORY; then there is nothing to free. */
EIE_MUST_USE enum eie_status eie_row_groups_make(const struct eie_layer *layer,
                                                 const struct eie_row_lists *rows, uint32_t threads,
                                                 struct eie_row_groups *groups,
                                                 struct eie_error *error);
void eie_row_groups_free(struct eie_row_groups *groups); /* leaves zeros; twice is fine */

#endif
