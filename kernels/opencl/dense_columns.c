/* For processors, whatever their vectors' width: every position has its 4-bit code, 0 where there
 * is no weight, and no index at all; columns whose input is 0 are skipped. dense_columns.cl has two
 * forms of the same: by byte permutes of 256 bits where the device's compiler has them, and in
 * plain OpenCL C. */
#include "kernels/opencl/plan.h"

#include <stdlib.h>

#define ROWS       64u    /* of a block, as in dense_columns.cl */
#define COLUMN     32u    /* bytes of a block's column */
#define SPARE      34u    /* places behind a list of columns */
#define INPUTS_MAX 65536u /* columns are listed by 16-bit numbers */
#define UNIT_ITEMS 4u     /* work-items of a compute unit: each makes a list of its own */

struct plan {
    struct opencl_plan base;
    uint32_t blocks;
};

static uint32_t block_count(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / ROWS + 1;
}

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return (uint64_t)block_count(layer) * layer->inputs * COLUMN;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: columns are 16 bits wide",
                        layer->inputs);
    /* while it is filled in, the matrix stands on the host too */
    *plan_bytes = 2 * copy_bytes(layer) + opencl_plan_vector_bytes(problem, false);
    return EIE_OK;
}

static enum eie_status fill(struct opencl_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint8_t *copy = calloc(plan->copy_bytes, 1);
    if (copy) {
        for (uint32_t j = 0; j < codes.inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++) {
                const uint32_t block = codes.row[e] / ROWS, row = codes.row[e] % ROWS;
                copy[((size_t)block * codes.inputs + j) * COLUMN + row % COLUMN] |=
                    (uint8_t)(codes.code[e] << row / COLUMN * 4);
            }
        status = opencl_plan_fill(plan, copy, error);
    } else {
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the matrix of layer %s", layer->name);
    }
    free(copy);
    eie_sparse_codes_free(&codes);
    return status;
}

static enum eie_status set_arguments(struct plan *plan, struct eie_error *error)
{
    struct opencl_plan *base = &plan->base;
    const struct eie_layer *layer = base->setup.problem.layer;
    const uint32_t items = base->opencl->facts.compute_units * UNIT_ITEMS;
    const cl_uint share = (plan->blocks - 1) / items + 1;
    const cl_uint numbers[] = {layer->inputs,          layer->outputs,
                               plan->blocks,           layer->activation == EIE_ACTIVATION_RELU,
                               eie_layer_shift(layer), share};
    const uint64_t list_bytes = ((uint64_t)layer->inputs + SPARE) * sizeof(cl_ushort);
    cl_uint at = 3;
    if (list_bytes > base->opencl->facts.local_bytes)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a list of columns takes %llu bytes, and the device has %llu of local "
                        "memory",
                        (unsigned long long)list_bytes,
                        (unsigned long long)base->opencl->facts.local_bytes);
    enum eie_status status = opencl_plan_set(base, at++, sizeof(cl_mem), &base->constants, error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = opencl_plan_set(base, at++, sizeof numbers[i], &numbers[i], error);
    if (!status) status = opencl_plan_set(base, at++, list_bytes, NULL, error);
    return status ? status : opencl_plan_shape(base, (plan->blocks - 1) / share + 1, 1, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct opencl_needs needs = {
        .name = "dense_columns", .options = "", .copy_bytes = copy_bytes(setup->problem.layer)};
    struct opencl_plan *base;
    enum eie_status status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status) return status;
    ((struct plan *)base)->blocks = block_count(setup->problem.layer);
    status = fill(base, error);
    if (!status) status = set_arguments((struct plan *)base, error);
    if (!status) status = opencl_plan_first(base, error);
    if (status)
        opencl_plan_end(base);
    else
        *opaque = (struct eie_plan *)base;
    return status;
}

/* Columns with a non-zero input, of all inputs; and how many are read at all. */
static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t rows = (uint64_t)plan->blocks * ROWS, inputs = problem->layer->inputs;
    uint64_t padding, active = 0, columns = 0;
    opencl_plan_count(&plan->base, &cost->macs_useful, &padding);
    for (uint64_t j = 0; j < inputs; j++) {
        uint64_t here = 0;
        for (uint64_t b = 0; b < problem->batch; b++)
            here += plan->base.inputs[b * inputs + j] != 0;
        active += here;
        columns += here > 0;
    }
    cost->macs_padding = active * rows - cost->macs_useful;
    cost->prepared_bytes = plan->base.copy_bytes;
    cost->bytes_read = columns * rows / 2 + (uint64_t)problem->batch * inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_opencl_dense_columns = {
    .abi = EIE_KERNEL_ABI,
    .name = "opencl_dense_columns",
    .summary = "for processors: dense 4-bit codes by columns, those of zero inputs skipped",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "opencl",
    .flags = EIE_KERNEL_EXACT,
    .max_threads = 0,
    .supports = supports,
    .prepare = prepare,
    .load = opencl_plan_load,
    .run = opencl_plan_run,
    .wait = opencl_plan_wait,
    .read = opencl_plan_read,
    .cost = cost,
    .describe = opencl_plan_describe,
    .destroy = opencl_plan_destroy,
};
