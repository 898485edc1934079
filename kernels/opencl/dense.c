/* For processors: a dense matrix column by column, without any index, and columns whose input is 0
 * are skipped. Two kernels; their device code says what stands at a position:
 *
 *   dense_columns   the 4-bit code, 0 where there is no weight: looked up by byte permutes of 256
 *                   bits where the device's compiler has them, else in plain OpenCL C
 *   dense_words     the weight, a 16-bit number: many bytes, but all of them are read in order, and
 *                   every multiplication is a vector's, of any width, in plain OpenCL C */
#include "kernels/opencl/plan.h"

#include <stdlib.h>

#define ROWS       64u    /* of a block, as in both .cl files */
#define CODE_BYTES 32u    /* of a block's column of codes */
#define INPUTS_MAX 65536u /* columns are listed by 16-bit numbers */
#define UNIT_ITEMS 4u     /* work-items of a compute unit: each makes a list of its own */

/* What one of the two kernels has of its own. */
struct form {
    const char *name;
    uint32_t column_bytes; /* of a block's column */
    uint32_t spare;        /* places behind a list of columns */
    /* Puts one weight into its block's column. */
    void (*put)(void *column, uint32_t row, uint8_t code, int16_t weight);
};

struct plan {
    struct opencl_plan base;
    const struct form *form;
    uint32_t blocks;
};

static void put_code(void *column, uint32_t row, uint8_t code, int16_t weight)
{
    (void)weight;
    ((uint8_t *)column)[row % CODE_BYTES] |= (uint8_t)(code << row / CODE_BYTES * 4);
}

static void put_word(void *column, uint32_t row, uint8_t code, int16_t weight)
{
    (void)code;
    ((int16_t *)column)[row] = weight;
}

static const struct form codes_form = {"dense_columns", CODE_BYTES, 34, put_code};
static const struct form words_form = {"dense_words", ROWS * sizeof(int16_t), 0, put_word};

static uint32_t block_count(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / ROWS + 1;
}

static uint64_t copy_bytes(const struct eie_layer *layer, const struct form *form)
{
    return (uint64_t)block_count(layer) * layer->inputs * form->column_bytes;
}

static enum eie_status supports(const struct eie_problem *problem, const struct form *form,
                                uint64_t *plan_bytes, struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: columns are 16 bits wide",
                        layer->inputs);
    /* while it is filled in, the matrix stands on the host too */
    *plan_bytes = 2 * copy_bytes(layer, form) + opencl_plan_vector_bytes(problem, false);
    return EIE_OK;
}

static enum eie_status fill(struct plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct form *form = plan->form;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint8_t *copy = calloc(plan->base.copy_bytes, 1);
    if (copy) {
        for (uint32_t j = 0; j < codes.inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++) {
                const size_t block = codes.row[e] / ROWS;
                form->put(copy + (block * codes.inputs + j) * form->column_bytes,
                          codes.row[e] % ROWS, codes.code[e], layer->codebook[codes.code[e]]);
            }
        status = opencl_plan_fill(&plan->base, copy, error);
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
    const uint64_t list_bytes = ((uint64_t)layer->inputs + plan->form->spare) * sizeof(cl_ushort);
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

static enum eie_status prepare(const struct eie_setup *setup, const struct form *form,
                               struct eie_plan **opaque, struct eie_error *error)
{
    const struct opencl_needs needs = {
        .name = form->name, .options = "", .copy_bytes = copy_bytes(setup->problem.layer, form)};
    struct opencl_plan *base;
    enum eie_status status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->form = form;
    plan->blocks = block_count(setup->problem.layer);
    status = fill(plan, error);
    if (!status) status = set_arguments(plan, error);
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
    const uint64_t blocks = plan->blocks, inputs = problem->layer->inputs;
    uint64_t padding, active = 0, columns = 0;
    opencl_plan_count(&plan->base, &cost->macs_useful, &padding);
    for (uint64_t j = 0; j < inputs; j++) {
        uint64_t here = 0;
        for (uint64_t b = 0; b < problem->batch; b++)
            here += plan->base.inputs[b * inputs + j] != 0;
        active += here;
        columns += here > 0;
    }
    cost->macs_padding = active * blocks * ROWS - cost->macs_useful;
    cost->prepared_bytes = plan->base.copy_bytes;
    cost->bytes_read = columns * blocks * plan->form->column_bytes +
                       (uint64_t)problem->batch * inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

/* ---- the two kernels ------------------------------------------------------------------------ */

static enum eie_status supports_codes(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error)
{
    return supports(problem, &codes_form, plan_bytes, error);
}

static enum eie_status prepare_codes(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return prepare(setup, &codes_form, plan, error);
}

static enum eie_status supports_words(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error)
{
    return supports(problem, &words_form, plan_bytes, error);
}

static enum eie_status prepare_words(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return prepare(setup, &words_form, plan, error);
}

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_FOUND, .runtime = "opencl",     \
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL, .max_threads = 0,   \
    .load = opencl_plan_load, .run = opencl_plan_run, .wait = opencl_plan_wait,                    \
    .read = opencl_plan_read, .cost = cost, .describe = opencl_plan_describe,                      \
    .destroy = opencl_plan_destroy

const struct eie_kernel eie_kernel_opencl_dense_columns = {
    BOTH,
    .name = "opencl_dense_columns",
    .summary = "for processors: dense 4-bit codes by columns, those of zero inputs skipped",
    .supports = supports_codes,
    .prepare = prepare_codes,
};

const struct eie_kernel eie_kernel_opencl_dense_words = {
    BOTH,
    .name = "opencl_dense_words",
    .summary = "plain OpenCL C: dense 16-bit weights by columns, those of zero inputs skipped",
    .supports = supports_words,
    .prepare = prepare_words,
};
