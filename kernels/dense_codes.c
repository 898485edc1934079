#include "kernels/dense_codes.h"
#include "host/layer/numbers.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_COLUMNS_MAX 128
#define PANEL_ROWS        64 /* their codes stay in the second-level cache for all inputs */
#define LINE_OUTPUTS      32 /* int16 in 64 bytes: workers share no line of the first input's y */

static size_t padded_columns(const struct eie_layer *layer, uint32_t block_columns)
{
    return ((size_t)layer->inputs + block_columns - 1) / block_columns * block_columns;
}

enum eie_status dense_codes_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error)
{
    const size_t columns = padded_columns(problem->layer, BLOCK_COLUMNS_MAX);
    (void)error;
    *plan_bytes = (uint64_t)problem->layer->outputs * columns / 2 +
                  (uint64_t)problem->batch * columns * sizeof(int16_t) +
                  eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

void dense_codes_destroy(struct eie_plan *opaque)
{
    struct dense_codes_plan *plan = (struct dense_codes_plan *)opaque;
    if (!plan) return;
    free(plan->x);
    eie_cpu_plan_end(&plan->base);
}

static void fill_in(const struct dense_codes_plan *plan, const struct eie_sparse_codes *codes,
                    uint8_t *rows)
{
    const uint32_t block_columns = plan->form->block_columns;
    for (uint32_t j = 0; j < codes->inputs; j++) {
        const uint32_t nibble = plan->form->nibble_of(j % block_columns);
        const size_t byte = (size_t)(j / block_columns) * (block_columns / 2) + nibble / 2;
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            rows[codes->row[e] * plan->row_bytes + byte] |=
                (uint8_t)(codes->code[e] << (nibble % 2 * 4));
    }
}

enum eie_status dense_codes_prepare(const struct eie_setup *setup,
                                    const struct dense_codes_form *form, struct eie_plan **opaque,
                                    struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const size_t columns = padded_columns(layer, form->block_columns);
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct dense_codes_plan),
                                layer->outputs * columns / 2, &base, error);
    if (!status) {
        struct dense_codes_plan *plan = (struct dense_codes_plan *)base;
        plan->form = form;
        plan->row_bytes = columns / 2;
        plan->x_stride = columns;
        plan->x = eie_aligned_zeroed(setup->problem.batch * columns * sizeof *plan->x);
        for (uint32_t c = 0; c < setup->copies; c++) fill_in(plan, &codes, base->copies[c]);
        *opaque = (struct eie_plan *)plan;
        if (!plan->x) {
            dense_codes_destroy(*opaque);
            status =
                eie_fail(error, EIE_MEMORY, "out of memory for inputs of layer %s", layer->name);
        }
    }
    eie_sparse_codes_free(&codes);
    return status;
}

enum eie_status dense_codes_load(struct eie_plan *opaque, const int16_t *inputs,
                                 struct eie_error *error)
{
    struct dense_codes_plan *plan = (struct dense_codes_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t columns = problem->layer->inputs;
    for (uint32_t b = 0; b < problem->batch; b++)
        memcpy(plan->x + b * plan->x_stride, inputs + b * columns, columns * sizeof *inputs);
    return eie_cpu_plan_load(opaque, inputs, error);
}

/* One tile of outputs: rows from `row` on, inputs from `input` on. */
static void play_tile(const struct dense_codes_plan *plan, struct dense_codes_tile *tile,
                      uint32_t row, uint32_t input)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint8_t *codes = plan->base.copies[plan->copy];
    const uint32_t shift = eie_layer_shift(layer);
    tile->codes = codes + row * plan->row_bytes;
    tile->x = plan->x + input * plan->x_stride;
    plan->form->sum(tile);
    for (uint32_t b = 0; b < tile->inputs; b++) {
        int16_t *y = plan->base.outputs + (size_t)(input + b) * layer->outputs + row;
        for (uint32_t r = 0; r < tile->rows; r++) {
            const uint32_t bias = layer->bias ? (uint32_t)layer->bias[row + r] : 0;
            y[r] = eie_finish((int32_t)(tile->sums[b][r] + bias), layer->activation, shift);
        }
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void work(void *context, uint32_t worker)
{
    const struct dense_codes_plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const uint64_t lines = (layer->outputs - 1) / LINE_OUTPUTS + 1;
    const uint32_t begin = (uint32_t)(lines * worker / problem->threads) * LINE_OUTPUTS;
    const uint32_t end =
        least((uint32_t)(lines * (worker + 1) / problem->threads) * LINE_OUTPUTS, layer->outputs);
    struct dense_codes_tile tile = {.row_bytes = plan->row_bytes,
                                    .x_stride = plan->x_stride,
                                    .blocks = plan->x_stride / plan->form->block_columns,
                                    .codebook = layer->codebook};
    for (uint32_t panel = begin; panel < end; panel += PANEL_ROWS) {
        const uint32_t panel_end = least(panel + PANEL_ROWS, end);
        for (uint32_t b = 0; b < problem->batch; b += tile.inputs) {
            tile.inputs = least(problem->batch - b, DENSE_CODES_INPUTS);
            for (uint32_t row = panel; row < panel_end; row += tile.rows) {
                tile.rows = least(panel_end - row, DENSE_CODES_ROWS);
                play_tile(plan, &tile, row, b);
            }
        }
    }
}

enum eie_status dense_codes_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct dense_codes_plan *plan = (struct dense_codes_plan *)opaque;
    (void)error;
    plan->copy = copy;
    eie_pool_run(plan->base.setup.pool, work, plan);
    return EIE_OK;
}

void dense_codes_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct dense_codes_plan *plan = (const struct dense_codes_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch, outputs = problem->layer->outputs;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = batch * outputs * plan->x_stride - cost->macs_useful;
    cost->prepared_bytes = outputs * plan->row_bytes;
    cost->bytes_read = cost->prepared_bytes + batch * plan->x_stride * sizeof(int16_t);
    cost->bytes_written = batch * outputs * sizeof(int16_t);
}
