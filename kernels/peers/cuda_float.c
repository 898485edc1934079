#include "kernels/peers/cuda_float.h"

#include <stdlib.h>
#include <string.h>

/* ---- values --------------------------------------------------------------------------------- */

size_t cuda_float_width(enum cuda_type type)
{
    return type == CUDA_HALF ? sizeof(uint16_t) : type == CUDA_BYTE ? 1 : sizeof(float);
}

/* IEEE binary16 has 11 bits of precision and reaches 65504: integers of 16 bits neither overflow
 * nor become subnormal. */
static uint16_t half_of(int value)
{
    const unsigned sign = value < 0 ? 0x8000 : 0;
    unsigned bits = (unsigned)abs(value), exponent = 15 + 10;
    if (!bits) return 0;
    for (; bits < 1U << 10; bits <<= 1) exponent--;
    const int spare = 31 - __builtin_clz(bits) - 10;
    bits += spare ? (1U << (spare - 1)) - 1 + (bits >> spare & 1) : 0; /* ties to even */
    /* a carry out of the fraction is one more in the exponent */
    return (uint16_t)(sign + ((exponent + (unsigned)spare - 1) << 10) + (bits >> spare));
}

void cuda_float_put(enum cuda_type type, void *values, size_t at, int16_t value)
{
    if (type == CUDA_HALF)
        ((uint16_t *)values)[at] = half_of(value);
    else if (type == CUDA_BYTE)
        ((int8_t *)values)[at] = (int8_t)value;
    else
        ((float *)values)[at] = value;
}

/* ---- a plan's life -------------------------------------------------------------------------- */

static size_t x_bytes(const struct eie_problem *problem, const struct cuda_float_needs *needs)
{
    return (size_t)problem->batch * needs->x_stride * cuda_float_width(needs->type);
}

static size_t y_bytes(const struct eie_problem *problem, const struct cuda_float_needs *needs)
{
    return (size_t)problem->batch * needs->y_stride * sizeof(float);
}

static size_t input_count(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->inputs;
}

uint64_t cuda_float_bytes(const struct eie_problem *problem, const struct cuda_float_needs *needs)
{
    const uint64_t own = UINT64_C(16) << 10; /* the plan itself, ends of allocations */
    return own + input_count(problem) * sizeof(int16_t) +
           2 * ((uint64_t)x_bytes(problem, needs) + y_bytes(problem, needs));
}

void cuda_float_end(struct cuda_float_plan *plan)
{
    if (!plan) return;
    cuda_calls_end(&plan->calls);
    eie_cuda_free(plan->cuda, plan->x);
    eie_cuda_free(plan->cuda, plan->y);
    for (uint32_t c = 0; plan->copies && c < plan->setup.copies; c++)
        eie_cuda_free(plan->cuda, plan->copies[c]);
    free(plan->copies);
    free(plan->inputs);
    free(plan->values);
    free(plan->sums);
    free(plan);
}

static enum eie_status allocate(struct cuda_float_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const struct cuda_float_needs *needs = &plan->needs;
    const uint64_t x = x_bytes(problem, needs), y = y_bytes(problem, needs);
    const uint64_t all = x + y + plan->setup.copies * needs->copy_bytes;
    const uint64_t global = plan->cuda->facts.global_bytes;
    if (all > global)
        return eie_fail(error, EIE_UNSUPPORTED, "its plan needs %.0f KiB, and the device has %.0f",
                        (double)all / 1024, (double)global / 1024);
    enum eie_status status = eie_cuda_alloc(plan->cuda, x, &plan->x, error);
    if (!status) status = eie_cuda_alloc(plan->cuda, y, &plan->y, error);
    for (uint32_t c = 0; c < plan->setup.copies && !status; c++)
        status = eie_cuda_alloc(plan->cuda, needs->copy_bytes, &plan->copies[c], error);
    if (!status) status = eie_cuda_zero(plan->cuda, plan->x, x, error);
    /* a library may multiply what lies in y by 0: it must be no NaN */
    if (!status) status = eie_cuda_zero(plan->cuda, plan->y, y, error);
    return status;
}

/* The library's status is none of the runtime's: it is kept for the caller. */
static int enqueue(void *owner, uint32_t copy)
{
    struct cuda_float_plan *plan = owner;
    plan->code = plan->product->call(plan, copy);
    return plan->code ? -1 : 0;
}

enum eie_status cuda_float_begin(const struct eie_setup *setup, size_t size,
                                 const struct cuda_float_needs *needs,
                                 const struct cuda_float_product *product,
                                 struct cuda_float_plan **plan, struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const bool apart = needs->y_stride != problem->layer->outputs || needs->type == CUDA_BYTE;
    struct cuda_float_plan *made = calloc(1, size);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    made->setup = *setup;
    made->needs = *needs;
    made->product = product;
    made->inputs = calloc(input_count(problem), sizeof *made->inputs);
    made->values = calloc(x_bytes(problem, needs), 1);
    made->sums = apart ? calloc(y_bytes(problem, needs), 1) : NULL;
    made->copies = calloc(setup->copies, sizeof *made->copies);
    enum eie_status status = EIE_OK;
    if (!made->inputs || !made->values || (apart && !made->sums) || !made->copies)
        status = eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status) status = eie_cuda_open(problem->device, &made->cuda, error);
    if (!status)
        status = cuda_calls_begin(&made->calls, made->cuda, setup->copies, enqueue, made, error);
    if (!status) status = allocate(made, error);
    if (status)
        cuda_float_end(made);
    else
        *plan = made;
    return status;
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* What has failed in the library's own words, where it was the library. */
static enum eie_status told(struct cuda_float_plan *plan, enum eie_status status,
                            struct eie_error *error)
{
    const unsigned code = plan->code;
    plan->code = 0;
    return code ? plan->product->check(code, plan->product->what, error) : status;
}

enum eie_status cuda_float_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct cuda_float_plan *plan = (struct cuda_float_plan *)opaque;
    return told(plan, cuda_calls_run(&plan->calls, copy, error), error);
}

enum eie_status cuda_float_wait(struct eie_plan *opaque, struct eie_outcome *outcome,
                                struct eie_error *error)
{
    (void)outcome; /* the device's clock has passes of its own */
    return cuda_calls_wait(&((struct cuda_float_plan *)opaque)->calls, error);
}

enum eie_status cuda_float_pass(struct eie_plan *opaque, enum eie_clock clock, uint32_t copy,
                                uint32_t *calls, double *ns, struct eie_error *error)
{
    struct cuda_float_plan *plan = (struct cuda_float_plan *)opaque;
    return told(plan, cuda_calls_pass(&plan->calls, clock, copy, calls, ns, error), error);
}

enum eie_status cuda_float_ready(struct cuda_float_plan *plan, struct eie_error *error)
{
    enum eie_status status = cuda_calls_ready(&plan->calls, error);
    if (!status) plan->code = 0; /* of a call that could not be recorded */
    return told(plan, status, error);
}

enum eie_status cuda_float_fill(struct cuda_float_plan *plan, const int16_t *weights,
                                struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    void *dense = calloc(plan->needs.copy_bytes, 1);
    if (!dense) status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    for (uint32_t j = 0; j < codes.inputs && !status; j++)
        for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
            cuda_float_put(plan->needs.type, dense, (size_t)codes.row[e] * plan->needs.x_stride + j,
                           weights[codes.code[e]]);
    for (uint32_t c = 0; c < plan->setup.copies && !status; c++)
        status = eie_cuda_write(plan->cuda, plan->copies[c], dense, plan->needs.copy_bytes, error);
    free(dense);
    eie_sparse_codes_free(&codes);
    return status;
}

enum eie_status cuda_float_send(struct cuda_float_plan *plan, const int16_t *inputs,
                                struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    memmove(plan->inputs, inputs, input_count(problem) * sizeof *inputs);
    return eie_cuda_write(plan->cuda, plan->x, plan->values, x_bytes(problem, &plan->needs), error);
}

enum eie_status cuda_float_load(struct eie_plan *opaque, const int16_t *inputs,
                                struct eie_error *error)
{
    struct cuda_float_plan *plan = (struct cuda_float_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const size_t columns = problem->layer->inputs;
    for (size_t b = 0; b < problem->batch; b++)
        for (size_t j = 0; j < columns; j++)
            cuda_float_put(plan->needs.type, plan->values, b * plan->needs.x_stride + j,
                           inputs[b * columns + j]);
    return cuda_float_send(plan, inputs, error);
}

enum eie_status cuda_float_read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct cuda_float_plan *plan = (struct cuda_float_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const size_t rows = problem->layer->outputs;
    enum eie_status status = eie_cuda_read(plan->cuda, plan->sums ? plan->sums : y, plan->y,
                                           y_bytes(problem, &plan->needs), error);
    for (size_t b = 0; plan->sums && !status && b < problem->batch; b++)
        memcpy((float *)y + b * rows, (float *)plan->sums + b * plan->needs.y_stride,
               rows * sizeof(float));
    return status;
}

uint64_t cuda_float_useful(const struct cuda_float_plan *plan)
{
    const struct eie_problem *problem = &plan->setup.problem;
    uint64_t useful, padding;
    eie_layer_count_batch(problem->layer, plan->inputs, problem->batch, &useful, &padding);
    return useful;
}

void cuda_float_dense_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct cuda_float_plan *plan = (const struct cuda_float_plan *)opaque;
    const struct cuda_float_needs *needs = &plan->needs;
    const uint64_t batch = plan->setup.problem.batch;
    cost->macs_useful = cuda_float_useful(plan);
    cost->macs_padding = batch * needs->x_stride * needs->y_stride - cost->macs_useful;
    cost->prepared_bytes = needs->copy_bytes;
    cost->bytes_read = needs->copy_bytes + batch * needs->x_stride * cuda_float_width(needs->type);
    cost->bytes_written = batch * needs->y_stride * sizeof(float);
}
