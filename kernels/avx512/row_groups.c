#include "kernels/avx512/row_groups.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

/* Shares begin at multiples: a cache line of the first input's y. */
#define SHARE_ROWS (2 * EIE_GROUP_ROWS)

/* Shares begin at multiples of a group. */
uint32_t eie_row_groups_bound(uint32_t outputs)
{
    return (outputs - 1) / EIE_GROUP_ROWS + 1;
}

uint32_t eie_row_blocks_bound(uint32_t outputs, uint32_t threads)
{
    const uint32_t groups = eie_row_groups_bound(outputs);
    return groups / EIE_BLOCK_GROUPS + (threads < groups ? threads : groups);
}

void eie_row_groups_free(struct eie_row_groups *groups)
{
    free(groups->blocks);
    free(groups->worker_block);
    free(groups->row);
    free(groups->place);
    memset(groups, 0, sizeof *groups);
}

/* The first row of worker t's share: about equal numbers of weights, and of rows where there are
 * hardly any weights. */
static uint32_t share_begin(const struct eie_layer *layer, const struct eie_row_lists *rows,
                            uint32_t t, uint32_t threads, uint32_t row)
{
    const uint64_t all = (uint64_t)rows->start[layer->outputs] + layer->outputs;
    while (row < layer->outputs && ((uint64_t)rows->start[row] + row) * threads < all * t)
        row += SHARE_ROWS;
    return row < layer->outputs ? row : layer->outputs;
}

static void cut_blocks(const struct eie_layer *layer, const struct eie_row_lists *rows,
                       uint32_t threads, struct eie_row_groups *groups)
{
    uint32_t row = 0;
    for (uint32_t t = 0; t < threads; t++) {
        const uint32_t end =
            t + 1 < threads ? share_begin(layer, rows, t + 1, threads, row) : layer->outputs;
        groups->worker_block[t] = groups->block_count;
        while (row < end) {
            const uint32_t count = end - row < EIE_BLOCK_ROWS ? end - row : EIE_BLOCK_ROWS;
            groups->blocks[groups->block_count++] =
                (struct eie_row_block){row, count, groups->group_count};
            groups->group_count += (count - 1) / EIE_GROUP_ROWS + 1;
            row += count;
        }
    }
    groups->worker_block[threads] = groups->block_count;
    groups->blocks[groups->block_count] = (struct eie_row_block){row, 0, groups->group_count};
}

static void sort_block(const struct eie_row_lists *rows, const struct eie_row_block *block,
                       uint32_t *lane_row, uint8_t *place)
{
    eie_row_lists_sort(rows, block->first_row, block->row_count, lane_row);
    for (uint32_t k = 0; k < block->row_count; k++)
        place[lane_row[k] - block->first_row] = (uint8_t)k;
}

enum eie_status eie_row_groups_make(const struct eie_layer *layer, const struct eie_row_lists *rows,
                                    uint32_t threads, struct eie_row_groups *groups,
                                    struct eie_error *error)
{
    const size_t most_groups = eie_row_groups_bound(layer->outputs);
    const size_t most_blocks = eie_row_blocks_bound(layer->outputs, threads);
    memset(groups, 0, sizeof *groups);
    groups->blocks = calloc(most_blocks + 1, sizeof *groups->blocks);
    groups->worker_block = calloc((size_t)threads + 1, sizeof *groups->worker_block);
    groups->row = malloc(most_groups * EIE_GROUP_ROWS * sizeof *groups->row);
    groups->place = eie_aligned_zeroed(most_blocks * EIE_BLOCK_ROWS);
    if (!groups->blocks || !groups->worker_block || !groups->row || !groups->place) {
        eie_row_groups_free(groups);
        return eie_fail(error, EIE_MEMORY, "out of memory for the row groups of layer %s",
                        layer->name);
    }
    memset(groups->row, 0xff, most_groups * EIE_GROUP_ROWS * sizeof *groups->row);
    cut_blocks(layer, rows, threads, groups);
    for (uint32_t b = 0; b < groups->block_count; b++)
        sort_block(rows, &groups->blocks[b],
                   groups->row + (size_t)groups->blocks[b].first_group * EIE_GROUP_ROWS,
                   groups->place + (size_t)b * EIE_BLOCK_ROWS);
    return EIE_OK;
}
