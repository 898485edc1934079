#include "kernels/avx512/batch_columns.h"
#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX ((uint32_t)INT32_MAX)
#define SHARE_ROWS 32u /* rows a thread takes are multiples: a cache line of the first y */

static uint32_t tiles_of(const struct eie_layer *layer)
{
    return (layer->inputs - 1) / BATCH_COLUMNS + 1;
}

static uint64_t block_bound(const struct eie_problem *problem)
{
    return problem->layer->outputs / BATCH_ROWS + 1 + (uint64_t)problem->threads;
}

static size_t input_bytes(const struct eie_layer *layer)
{
    return (size_t)tiles_of(layer) * BATCH_COLUMNS * BATCH_BLOCK * sizeof(uint16_t);
}

static size_t sum_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->threads * BATCH_ROWS * BATCH_BLOCK * sizeof(int32_t);
}

enum eie_status batch_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                               struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    const uint64_t blocks = block_bound(problem), most = layer->entry_count;
    uint64_t rows = (uint64_t)layer->outputs * tiles_of(layer);
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %u fit", layer->inputs,
                        INPUTS_MAX);
    if (rows > most) rows = most;
    *plan_bytes = rows * sizeof(struct batch_row) + most * sizeof(uint32_t) + input_bytes(layer) +
                  sum_bytes(problem) +
                  blocks * (sizeof(struct batch_block) + 2 * tiles_of(layer) * sizeof(size_t)) +
                  eie_cpu_plan_bytes(problem) + 4096;
    return EIE_OK;
}

void batch_destroy(struct eie_plan *opaque)
{
    struct batch_plan *plan = (struct batch_plan *)opaque;
    if (!plan) return;
    free(plan->blocks);
    free(plan->first_block);
    free(plan->first_row);
    free(plan->first_entry);
    free(plan->inputs);
    free(plan->sums);
    eie_cpu_plan_end(&plan->base);
}

/* ---- packing -------------------------------------------------------------------------------- */

/* Where the blocks lie, and how much each needs in each tile. */
struct outline {
    struct batch_block *blocks;
    uint32_t *first_block;
    size_t *first_row, *first_entry;
};

static void free_outline(struct outline *outline)
{
    free(outline->blocks);
    free(outline->first_block);
    free(outline->first_row);
    free(outline->first_entry);
}

/* Cuts the rows into shares of about equal numbers of weights, and these into blocks. */
static void cut_rows(const uint32_t *start, const struct eie_problem *problem,
                     struct outline *outline)
{
    const uint32_t outputs = problem->layer->outputs, threads = problem->threads;
    const uint64_t total = start[outputs];
    uint32_t row = 0, count = 0;
    for (uint32_t t = 0; t < threads; t++) {
        const uint32_t first = row;
        outline->first_block[t] = count;
        while (row < outputs && (t + 1 == threads || start[row] < total * (t + 1) / threads))
            row = outputs - row < SHARE_ROWS ? outputs : row + SHARE_ROWS;
        for (uint32_t i = first; i < row; i += BATCH_ROWS)
            outline->blocks[count++] =
                (struct batch_block){i, row - i < BATCH_ROWS ? row - i : BATCH_ROWS};
    }
    outline->first_block[threads] = count;
}

/* Weights of a row from `*next` on that lie in the tile; moves `*next` behind them. */
static uint32_t take_weights(const struct eie_row_lists *lists, uint32_t row, uint32_t tile,
                             uint32_t *next)
{
    const uint32_t begin = *next, end = lists->start[row + 1];
    const uint64_t behind = ((uint64_t)tile + 1) * BATCH_COLUMNS;
    while (*next < end && lists->column[*next] < behind) (*next)++;
    return *next - begin;
}

/* Counts rows and entries of each block and tile, and turns them into places. */
static void measure(const struct eie_row_lists *lists, uint32_t tiles, uint32_t block_count,
                    struct outline *outline)
{
    const size_t cells = (size_t)block_count * tiles;
    for (uint32_t k = 0; k < block_count; k++) {
        const struct batch_block *block = outline->blocks + k;
        for (uint32_t row = block->first_row; row < block->first_row + block->rows; row++) {
            uint32_t next = lists->start[row];
            for (uint32_t tile = 0; tile < tiles; tile++) {
                const uint32_t weights = take_weights(lists, row, tile, &next);
                outline->first_row[(size_t)k * tiles + tile + 1] += weights > 0;
                outline->first_entry[(size_t)k * tiles + tile + 1] += (weights + 1) / 2;
            }
        }
    }
    for (size_t i = 0; i < cells; i++) {
        outline->first_row[i + 1] += outline->first_row[i];
        outline->first_entry[i + 1] += outline->first_entry[i];
    }
}

/* The entries of `count` weights of a row, the first being number `at` of the lists. */
static void pack_row(const struct eie_row_lists *lists, uint32_t at, uint32_t count, uint32_t tile,
                     uint32_t *entries)
{
    for (uint32_t i = 0; i < count; i += 2) {
        const uint32_t one = at + i, other = i + 1 < count ? one + 1 : one;
        const uint32_t a = lists->column[one] - tile * BATCH_COLUMNS;
        const uint32_t b = lists->column[other] - tile * BATCH_COLUMNS;
        const uint32_t codes =
            lists->code[one] | (other > one ? (uint32_t)lists->code[other] << 4 : 0);
        entries[i / 2] = batch_entry(a, b, codes);
    }
}

/* One block and tile; `next` [block's rows] says how far each row is. */
static void pack_tile(const struct eie_row_lists *lists, const struct batch_block *block,
                      uint32_t tile, uint32_t *next, struct batch_row *rows, uint32_t *entries)
{
    uint16_t length[BATCH_ROWS];       /* in entries */
    uint32_t from[BATCH_ROWS];         /* first weight */
    uint32_t place[BATCH_COLUMNS + 2]; /* of the rows of a length, the longest first */
    uint32_t entry[BATCH_COLUMNS + 2]; /* of their entries */
    const uint32_t most = BATCH_COLUMNS / 2;
    memset(place, 0, sizeof place);
    memset(entry, 0, sizeof entry);
    for (uint32_t i = 0; i < block->rows; i++) {
        from[i] = next[i];
        length[i] = (uint16_t)((take_weights(lists, block->first_row + i, tile, next + i) + 1) / 2);
        place[most - length[i] + 1]++;
        entry[most - length[i] + 1] += length[i];
    }
    for (uint32_t l = 1; l <= most; l++) {
        place[l] += place[l - 1];
        entry[l] += entry[l - 1];
    }
    for (uint32_t i = 0; i < block->rows; i++) {
        const uint32_t l = most - length[i];
        if (!length[i]) continue;
        pack_row(lists, from[i], next[i] - from[i], tile, entries + entry[l]);
        rows[place[l]++] = (struct batch_row){(uint16_t)i, length[i]};
        entry[l] += length[i];
    }
}

static void fill_copy(const struct batch_plan *plan, const struct eie_row_lists *lists, char *copy)
{
    const uint32_t block_count = plan->first_block[plan->base.setup.problem.threads];
    struct batch_row *rows = (struct batch_row *)(void *)copy;
    uint32_t *entries = (uint32_t *)(void *)(copy + plan->entries_at);
    uint32_t next[BATCH_ROWS];
    for (uint32_t k = 0; k < block_count; k++) {
        const struct batch_block *block = plan->blocks + k;
        memcpy(next, lists->start + block->first_row, block->rows * sizeof *next);
        for (uint32_t tile = 0; tile < plan->tiles; tile++) {
            const size_t at = (size_t)k * plan->tiles + tile;
            pack_tile(lists, block, tile, next, rows + plan->first_row[at],
                      entries + plan->first_entry[at]);
        }
    }
}

static enum eie_status make_plan(const struct eie_setup *setup, const struct eie_row_lists *lists,
                                 struct outline *outline, struct batch_plan **made,
                                 struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t tiles = tiles_of(layer);
    const size_t cells = (size_t)outline->first_block[setup->problem.threads] * tiles;
    const size_t entries_at = (outline->first_row[cells] * sizeof(struct batch_row) + 63) / 64 * 64;
    const size_t bytes = entries_at + outline->first_entry[cells] * sizeof(uint32_t);
    struct eie_cpu_plan *base;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof(struct batch_plan), bytes, &base, error);
    if (status) return status;
    struct batch_plan *plan = (struct batch_plan *)base;
    plan->tiles = tiles;
    plan->entries_at = entries_at;
    plan->inputs = eie_aligned_zeroed(input_bytes(layer));
    plan->sums = eie_aligned_zeroed(sum_bytes(&setup->problem));
    if (!plan->inputs || !plan->sums) {
        batch_destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the sums of layer %s", layer->name);
    }
    plan->blocks = outline->blocks;
    plan->first_block = outline->first_block;
    plan->first_row = outline->first_row;
    plan->first_entry = outline->first_entry;
    memset(outline, 0, sizeof *outline);
    fill_copy(plan, lists, base->copies[0]);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], bytes);
    *made = plan;
    return EIE_OK;
}

enum eie_status batch_prepare(const struct eie_setup *setup, const struct batch_form *form,
                              struct eie_plan **opaque, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint64_t blocks = block_bound(&setup->problem);
    const size_t cells = (size_t)blocks * tiles_of(layer) + 1;
    struct eie_row_lists lists;
    struct batch_plan *plan = NULL;
    enum eie_status status = eie_row_lists_make(layer, &lists, error);
    if (status) return status;
    struct outline outline = {calloc(blocks, sizeof *outline.blocks),
                              calloc((size_t)setup->problem.threads + 1, sizeof(uint32_t)),
                              calloc(cells, sizeof(size_t)), calloc(cells, sizeof(size_t))};
    if (outline.blocks && outline.first_block && outline.first_row && outline.first_entry) {
        cut_rows(lists.start, &setup->problem, &outline);
        measure(&lists, tiles_of(layer), outline.first_block[setup->problem.threads], &outline);
        status = make_plan(setup, &lists, &outline, &plan, error);
    } else {
        status = eie_fail(error, EIE_MEMORY, "out of memory to pack layer %s", layer->name);
    }
    free_outline(&outline);
    eie_row_lists_free(&lists);
    if (status) return status;
    plan->form = form;
    form->fill_weights(layer, plan->weights);
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

enum eie_status batch_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct batch_plan *plan = (struct batch_plan *)opaque;
    const uint32_t batch = plan->base.setup.problem.batch;
    (void)error;
    plan->copy = copy;
    for (plan->begin = 0; plan->begin < batch; plan->begin += BATCH_BLOCK) {
        const uint32_t left = batch - plan->begin;
        plan->width = left >= BATCH_BLOCK ? 4 : (left - 1) / BATCH_LANES + 1;
        eie_pool_run(plan->base.setup.pool, plan->form->work, plan);
    }
    return EIE_OK;
}

void batch_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct batch_plan *plan = (const struct batch_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t cells = (size_t)plan->first_block[problem->threads] * plan->tiles;
    const uint64_t lanes = (uint64_t)((problem->batch - 1) / BATCH_LANES + 1) * BATCH_LANES;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = 2 * plan->first_entry[cells] * lanes - cost->macs_useful;
    cost->prepared_bytes = plan->entries_at + plan->first_entry[cells] * sizeof(uint32_t);
    cost->bytes_read = cost->prepared_bytes + (uint64_t)problem->batch * problem->layer->inputs * 2;
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * 2;
}
