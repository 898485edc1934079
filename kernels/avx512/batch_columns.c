#include "kernels/avx512/batch_columns.h"
#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX   ((uint32_t)INT32_MAX)
#define COLUMNS_MOST 512u /* of a tile */
#define SHARE_ROWS   32u  /* rows a thread takes are multiples: a cache line of the first y */

/* Tiles of 32 KiB; measured, as are the rows of a bundle (results/NOTES.md). */
static struct batch_shape shape_of(uint32_t batch)
{
    const uint32_t width = batch > 3 * BATCH_LANES ? 4 : (batch - 1) / BATCH_LANES + 1;
    return width > 2 ? (struct batch_shape){width, 256, 4 * BATCH_LANES, 2}
                     : (struct batch_shape){width, 512, 2 * BATCH_LANES, 4};
}

static uint32_t tiles_of(const struct eie_problem *problem)
{
    return (problem->layer->inputs - 1) / shape_of(problem->batch).columns + 1;
}

static uint64_t block_bound(const struct eie_problem *problem)
{
    return problem->layer->outputs / BATCH_ROWS + 1 + (uint64_t)problem->threads;
}

static size_t input_bytes(const struct eie_problem *problem)
{
    const struct batch_shape shape = shape_of(problem->batch);
    return (size_t)tiles_of(problem) * shape.columns * shape.words * sizeof(uint16_t);
}

static size_t sum_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->threads * (BATCH_ROWS + 1) * shape_of(problem->batch).width *
           BATCH_LANES * sizeof(int32_t);
}

enum eie_status batch_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                               struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    const uint64_t blocks = block_bound(problem), most = layer->entry_count;
    const struct batch_shape shape = shape_of(problem->batch);
    const uint64_t cells = blocks * tiles_of(problem);
    /* A bundle is as long as the shortest row before it at most: only each tile's first can be
     * longer than what it holds. */
    const uint64_t filled = cells * shape.rows * (shape.columns / 2);
    const uint64_t entries = most * (shape.rows - 1) < filled ? most * shape.rows : most + filled;
    uint64_t bundles = (uint64_t)layer->outputs * tiles_of(problem);
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %u fit", layer->inputs,
                        INPUTS_MAX);
    if (bundles > most) bundles = most;
    *plan_bytes = bundles * sizeof(struct batch_bundle) + entries * sizeof(struct batch_entry) +
                  input_bytes(problem) + sum_bytes(problem) +
                  blocks * (sizeof(struct batch_block) + 2 * tiles_of(problem) * sizeof(size_t)) +
                  eie_cpu_plan_bytes(problem) + 4096;
    return EIE_OK;
}

void batch_destroy(struct eie_plan *opaque)
{
    struct batch_plan *plan = (struct batch_plan *)opaque;
    if (!plan) return;
    free(plan->blocks);
    free(plan->first_block);
    free(plan->first_bundle);
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
    size_t *first_bundle, *first_entry;
};

static void free_outline(struct outline *outline)
{
    free(outline->blocks);
    free(outline->first_block);
    free(outline->first_bundle);
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

/* Weights of a row from `*next` on that lie in front of column `behind`; moves `*next` behind them.
 */
static uint32_t take_weights(const struct eie_row_lists *lists, uint32_t row, uint64_t behind,
                             uint32_t *next)
{
    const uint32_t begin = *next, end = lists->start[row + 1];
    while (*next < end && lists->column[*next] < behind) (*next)++;
    return *next - begin;
}

/* A block in a tile: its rows that have weights there, in the block, the most entries first. */
struct cell {
    uint32_t count;
    uint16_t row[BATCH_ROWS], entries[BATCH_ROWS]; /* of each row of `row` */
    uint32_t from[BATCH_ROWS];                     /* its first weight, and how many */
    uint32_t weights[BATCH_ROWS];
};

/* `next` [block's rows] says how far each row is, and is moved on. A counting sort. */
static void look_at_cell(const struct eie_row_lists *lists, const struct batch_block *block,
                         const struct batch_shape *shape, uint32_t tile, uint32_t *next,
                         struct cell *cell)
{
    uint32_t place[COLUMNS_MOST / 2 + 2] = {0}, from[BATCH_ROWS], weights[BATCH_ROWS];
    const uint32_t most = shape->columns / 2;
    const uint64_t behind = ((uint64_t)tile + 1) * shape->columns;
    for (uint32_t i = 0; i < block->rows; i++) {
        from[i] = next[i];
        weights[i] = take_weights(lists, block->first_row + i, behind, next + i);
        place[most - (weights[i] + 1) / 2 + 1]++;
    }
    for (uint32_t l = 1; l <= most; l++) place[l] += place[l - 1];
    cell->count = place[most];
    for (uint32_t i = 0; i < block->rows; i++) {
        const uint32_t entries = (weights[i] + 1) / 2;
        if (!entries) continue;
        const uint32_t to = place[most - entries]++;
        cell->row[to] = (uint16_t)i;
        cell->entries[to] = (uint16_t)entries;
        cell->from[to] = from[i];
        cell->weights[to] = weights[i];
    }
}

/* Counts bundles and entries of each block and tile, and turns them into places. */
static void measure(const struct eie_row_lists *lists, const struct batch_shape *shape,
                    uint32_t tiles, uint32_t block_count, struct outline *outline)
{
    const size_t cells = (size_t)block_count * tiles;
    uint32_t next[BATCH_ROWS];
    struct cell cell;
    for (size_t i = 0; i < cells; i++) {
        const struct batch_block *block = outline->blocks + i / tiles;
        if (i % tiles == 0)
            memcpy(next, lists->start + block->first_row, block->rows * sizeof *next);
        look_at_cell(lists, block, shape, (uint32_t)(i % tiles), next, &cell);
        outline->first_bundle[i + 1] = outline->first_bundle[i];
        outline->first_entry[i + 1] = outline->first_entry[i];
        for (uint32_t k = 0; k < cell.count; k += shape->rows) {
            outline->first_bundle[i + 1]++;
            outline->first_entry[i + 1] += (size_t)shape->rows * cell.entries[k];
        }
    }
}

/* The entries of the k-th row of a cell: every `rows`-th. */
static void pack_row(const struct batch_plan *plan, const struct eie_row_lists *lists,
                     const struct cell *cell, uint32_t k, uint32_t tile, const uint32_t *weights,
                     struct batch_entry *entries)
{
    const uint32_t column_bytes = plan->shape.words * sizeof(uint16_t);
    const uint32_t begin = tile * plan->shape.columns, end = cell->from[k] + cell->weights[k];
    for (uint32_t one = cell->from[k]; one < end; one += 2, entries += plan->shape.rows) {
        const uint32_t other = one + 1 < end ? one + 1 : one;
        const uint32_t codes =
            lists->code[one] | (other > one ? (uint32_t)lists->code[other] << 4 : 0);
        *entries = (struct batch_entry){(lists->column[one] - begin) * column_bytes |
                                            (lists->column[other] - begin) * column_bytes << 16,
                                        weights[codes]};
    }
}

/* One block and tile. What the shorter rows of a bundle lack stays 0. */
static void pack_cell(const struct batch_plan *plan, const struct eie_row_lists *lists,
                      const struct cell *cell, uint32_t tile, const uint32_t *weights,
                      struct batch_bundle *bundle, struct batch_entry *entries)
{
    const uint32_t rows = plan->shape.rows;
    for (uint32_t k = 0; k < cell->count; bundle++, k += rows) {
        bundle->entries = cell->entries[k];
        for (uint32_t r = 0; r < BATCH_BUNDLE; r++) bundle->row[r] = BATCH_ROWS;
        for (uint32_t r = 0; r < rows && k + r < cell->count; r++) {
            bundle->row[r] = cell->row[k + r];
            pack_row(plan, lists, cell, k + r, tile, weights, entries + r);
        }
        entries += (size_t)rows * bundle->entries;
    }
}

static void fill_copy(const struct batch_plan *plan, const struct eie_row_lists *lists,
                      const uint32_t *weights, char *copy)
{
    const size_t cells = (size_t)plan->first_block[plan->base.setup.problem.threads] * plan->tiles;
    struct batch_bundle *bundles = (struct batch_bundle *)(void *)copy;
    struct batch_entry *entries = (struct batch_entry *)(void *)(copy + plan->entries_at);
    uint32_t next[BATCH_ROWS];
    struct cell cell;
    for (size_t i = 0; i < cells; i++) {
        const struct batch_block *block = plan->blocks + i / plan->tiles;
        const uint32_t tile = (uint32_t)(i % plan->tiles);
        if (!tile) memcpy(next, lists->start + block->first_row, block->rows * sizeof *next);
        look_at_cell(lists, block, &plan->shape, tile, next, &cell);
        pack_cell(plan, lists, &cell, tile, weights, bundles + plan->first_bundle[i],
                  entries + plan->first_entry[i]);
    }
}

static enum eie_status make_plan(const struct eie_setup *setup, const struct batch_form *form,
                                 const struct eie_row_lists *lists, struct outline *outline,
                                 struct batch_plan **made, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t tiles = tiles_of(&setup->problem);
    uint32_t weights[256]; /* both weights of a pair of codes, as one word */
    const size_t cells = (size_t)outline->first_block[setup->problem.threads] * tiles;
    const size_t entries_at =
        (outline->first_bundle[cells] * sizeof(struct batch_bundle) + 63) / 64 * 64;
    const size_t bytes = entries_at + outline->first_entry[cells] * sizeof(struct batch_entry);
    struct eie_cpu_plan *base;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof(struct batch_plan), bytes, &base, error);
    if (status) return status;
    struct batch_plan *plan = (struct batch_plan *)base;
    plan->form = form;
    plan->shape = shape_of(setup->problem.batch);
    plan->tiles = tiles;
    plan->entries_at = entries_at;
    plan->inputs = eie_aligned_zeroed(input_bytes(&setup->problem));
    plan->sums = eie_aligned_zeroed(sum_bytes(&setup->problem));
    if (!plan->inputs || !plan->sums) {
        batch_destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the sums of layer %s", layer->name);
    }
    plan->blocks = outline->blocks;
    plan->first_block = outline->first_block;
    plan->first_bundle = outline->first_bundle;
    plan->first_entry = outline->first_entry;
    memset(outline, 0, sizeof *outline);
    form->fill_weights(layer, weights);
    fill_copy(plan, lists, weights, base->copies[0]);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], bytes);
    *made = plan;
    return EIE_OK;
}

enum eie_status batch_prepare(const struct eie_setup *setup, const struct batch_form *form,
                              struct eie_plan **opaque, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint64_t blocks = block_bound(&setup->problem);
    const uint32_t tiles = tiles_of(&setup->problem);
    const struct batch_shape shape = shape_of(setup->problem.batch);
    const size_t cells = (size_t)blocks * tiles + 1;
    struct eie_row_lists lists;
    struct batch_plan *plan = NULL;
    enum eie_status status = eie_row_lists_make(layer, &lists, error);
    if (status) return status;
    struct outline outline = {calloc(blocks, sizeof *outline.blocks),
                              calloc((size_t)setup->problem.threads + 1, sizeof(uint32_t)),
                              calloc(cells, sizeof(size_t)), calloc(cells, sizeof(size_t))};
    if (outline.blocks && outline.first_block && outline.first_bundle && outline.first_entry) {
        cut_rows(lists.start, &setup->problem, &outline);
        measure(&lists, &shape, tiles, outline.first_block[setup->problem.threads], &outline);
        status = make_plan(setup, form, &lists, &outline, &plan, error);
    } else {
        status = eie_fail(error, EIE_MEMORY, "out of memory to pack layer %s", layer->name);
    }
    free_outline(&outline);
    eie_row_lists_free(&lists);
    if (status) return status;
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
    cost->prepared_bytes = plan->entries_at + plan->first_entry[cells] * sizeof(struct batch_entry);
    cost->bytes_read = cost->prepared_bytes + (uint64_t)problem->batch * problem->layer->inputs * 2;
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * 2;
}
