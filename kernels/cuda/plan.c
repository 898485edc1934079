#include "kernels/cuda/plan.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 0x7fffffffu
#define ROWS_MAX   65535u /* of blocks */

/* ---- a plan's life -------------------------------------------------------------------------- */

/* A multiple of 8, so that every vector begins at a multiple of 16 bytes. */
static uint32_t x_stride(const struct eie_layer *layer)
{
    return (uint32_t)(((uint64_t)layer->inputs + CUDA_X_ZEROS + 7) / 8 * 8);
}

static uint64_t x_count(const struct eie_problem *problem)
{
    return (uint64_t)problem->batch * x_stride(problem->layer);
}

static uint64_t y_count(const struct eie_problem *problem)
{
    return (uint64_t)problem->batch * problem->layer->outputs;
}

static uint64_t constant_count(const struct eie_problem *problem)
{
    return EIE_CODEBOOK_SIZE + (uint64_t)problem->layer->outputs;
}

uint64_t cuda_plan_vector_bytes(const struct eie_problem *problem)
{
    return (x_count(problem) + y_count(problem)) * sizeof(int16_t) +
           constant_count(problem) * sizeof(int32_t);
}

static void free_copies(struct cuda_plan *plan)
{
    for (uint32_t c = 0; plan->copies && c < plan->setup.copies; c++) {
        eie_cuda_free(plan->cuda, plan->copies[c]);
        plan->copies[c] = NULL;
    }
}

/* Constants of the runtime are not const for whoever frees them. */
static void free_device(struct eie_cuda *cuda, const void *memory)
{
    eie_cuda_free(cuda, (void *)(uintptr_t)memory);
}

void cuda_plan_end(struct cuda_plan *plan)
{
    if (!plan) return;
    cuda_calls_end(&plan->calls);
    cuda_plan_let_go(plan);
    free_copies(plan);
    if (plan->arguments) {
        free_device(plan->cuda, plan->arguments->x);
        eie_cuda_free(plan->cuda, plan->arguments->y);
        free_device(plan->cuda, plan->arguments->constants);
    }
    free(plan->copies);
    free(plan->inputs);
    free(plan->padded);
    free(plan);
}

static enum eie_status make_constants(struct cuda_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const size_t count = constant_count(&plan->setup.problem);
    int32_t *values = calloc(count, sizeof *values);
    void *memory;
    if (!values) return eie_fail(error, EIE_MEMORY, "out of memory for constants");
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) values[c] = layer->codebook[c];
    if (layer->bias)
        memcpy(values + EIE_CODEBOOK_SIZE, layer->bias, layer->outputs * sizeof *values);
    enum eie_status status = eie_cuda_alloc(plan->cuda, count * sizeof *values, &memory, error);
    if (!status) {
        plan->arguments->constants = memory;
        status = eie_cuda_write(plan->cuda, memory, values, count * sizeof *values, error);
    }
    free(values);
    return status;
}

static enum eie_status make_vectors(struct cuda_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const uint64_t x_bytes = x_count(problem) * sizeof(int16_t);
    const uint64_t y_bytes = y_count(problem) * sizeof(int16_t);
    void *x, *y = NULL;
    enum eie_status status = eie_cuda_alloc(plan->cuda, x_bytes, &x, error);
    plan->arguments->x = x;
    if (!status) status = eie_cuda_zero(plan->cuda, x, x_bytes, error);
    if (!status) status = eie_cuda_alloc(plan->cuda, y_bytes, &y, error);
    plan->arguments->y = y;
    return status ? status : make_constants(plan, error);
}

int cuda_plan_enqueue(struct cuda_plan *plan, uint32_t copy)
{
    plan->arguments->copy = plan->copies[copy];
    return plan->code->launch(&plan->launch, plan->arguments);
}

static int enqueue(void *owner, uint32_t copy)
{
    return cuda_plan_enqueue(owner, copy);
}

enum eie_status cuda_plan_begin(const struct eie_setup *setup, size_t size, size_t offset,
                                const struct eie_cuda_code *code, struct cuda_plan **plan,
                                struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const struct eie_layer *layer = problem->layer;
    struct cuda_plan *made = calloc(1, size);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    made->setup = *setup;
    made->code = code;
    made->arguments = (struct cuda_arguments *)(void *)((char *)made + offset);
    made->arguments->x_stride = x_stride(layer);
    made->arguments->inputs = layer->inputs;
    made->arguments->outputs = layer->outputs;
    made->arguments->batch = problem->batch;
    made->arguments->shift = eie_layer_shift(layer);
    made->arguments->relu = layer->activation == EIE_ACTIVATION_RELU;
    made->inputs = calloc((size_t)problem->batch * layer->inputs, sizeof *made->inputs);
    made->padded = calloc(x_count(problem), sizeof *made->padded);
    made->copies = calloc(setup->copies, sizeof *made->copies);
    enum eie_status status = eie_cuda_open(problem->device, &made->cuda, error);
    if (!status && (!made->inputs || !made->padded || !made->copies))
        status = eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status)
        status = cuda_calls_begin(&made->calls, made->cuda, setup->copies, enqueue, made, error);
    if (!status) status = make_vectors(made, error);
    if (status)
        cuda_plan_end(made);
    else
        *plan = made;
    return status;
}

void cuda_plan_let_go(struct cuda_plan *plan)
{
    for (uint32_t i = 0; i < plan->held_count; i++) eie_cuda_free(plan->cuda, plan->held[i]);
    plan->held_count = 0;
    plan->trying = false;
}

enum eie_status cuda_plan_fill(struct cuda_plan *plan, const void *bytes, uint64_t count,
                               struct eie_error *error)
{
    const uint64_t global = plan->cuda->facts.global_bytes;
    const uint32_t copies = plan->trying ? 1 : plan->setup.copies;
    if (plan->trying && plan->copies[0] && plan->held_count < CUDA_FORMS_MAX) {
        plan->held[plan->held_count++] = plan->copies[0];
        plan->copies[0] = NULL;
    }
    free_copies(plan);
    plan->copy_bytes = count;
    if (count > global / plan->setup.copies)
        return eie_fail(error, EIE_UNSUPPORTED, "its plan needs %.0f MiB, and the device has %.0f",
                        (double)count * plan->setup.copies / 0x1p20, (double)global / 0x1p20);
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < copies && !status; c++) {
        status = eie_cuda_alloc(plan->cuda, count, &plan->copies[c], error);
        if (!status) status = eie_cuda_write(plan->cuda, plan->copies[c], bytes, count, error);
    }
    return status;
}

/* ---- launches ------------------------------------------------------------------------------- */

enum eie_status cuda_plan_shape(struct cuda_plan *plan, uint32_t blocks, uint32_t rows_of_blocks,
                                uint32_t threads, uint64_t shared_bytes, struct eie_error *error)
{
    const uint64_t most = plan->cuda->facts.shared_block_bytes;
    if (shared_bytes > most)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a block needs %llu bytes of shared memory, and the device has %llu",
                        (unsigned long long)shared_bytes, (unsigned long long)most);
    if (blocks > BLOCKS_MAX || rows_of_blocks > ROWS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "a launch of %u x %u blocks is too large", blocks,
                        rows_of_blocks);
    plan->launch = (struct eie_cuda_launch){.blocks = {blocks, rows_of_blocks},
                                            .threads = threads,
                                            .shared_bytes = (uint32_t)shared_bytes,
                                            .stream = plan->cuda->stream};
    /* always the most: it is the kernel's, and another plan of it may be alive */
    return eie_cuda_status(plan->code->allow((uint32_t)most), "cudaFuncSetAttribute", error);
}

enum eie_status cuda_plan_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    return cuda_calls_run(&((struct cuda_plan *)opaque)->calls, copy, error);
}

enum eie_status cuda_plan_wait(struct eie_plan *opaque, struct eie_outcome *outcome,
                               struct eie_error *error)
{
    (void)outcome; /* the device's clock has passes of its own */
    return cuda_calls_wait(&((struct cuda_plan *)opaque)->calls, error);
}

enum eie_status cuda_plan_pass(struct eie_plan *opaque, enum eie_clock clock, uint32_t copy,
                               uint32_t *calls, double *ns, struct eie_error *error)
{
    return cuda_calls_pass(&((struct cuda_plan *)opaque)->calls, clock, copy, calls, ns, error);
}

enum eie_status cuda_plan_ready(struct cuda_plan *plan, struct eie_error *error)
{
    return cuda_calls_ready(&plan->calls, error);
}

/* ---- vectors -------------------------------------------------------------------------------- */

enum eie_status cuda_plan_load(struct eie_plan *opaque, const int16_t *inputs,
                               struct eie_error *error)
{
    struct cuda_plan *plan = (struct cuda_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const size_t count = problem->layer->inputs, stride = plan->arguments->x_stride;
    memcpy(plan->inputs, inputs, problem->batch * count * sizeof *inputs);
    for (uint32_t b = 0; b < problem->batch; b++)
        memcpy(plan->padded + b * stride, inputs + b * count, count * sizeof *inputs);
    return eie_cuda_write(plan->cuda, (void *)(uintptr_t)plan->arguments->x, plan->padded,
                          x_count(problem) * sizeof *inputs, error);
}

enum eie_status cuda_plan_read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct cuda_plan *plan = (struct cuda_plan *)opaque;
    return eie_cuda_read(plan->cuda, y, plan->arguments->y,
                         y_count(&plan->setup.problem) * sizeof(int16_t), error);
}

void cuda_plan_count(const struct cuda_plan *plan, uint64_t *useful, uint64_t *padding)
{
    const struct eie_problem *problem = &plan->setup.problem;
    eie_layer_count_batch(problem->layer, plan->inputs, problem->batch, useful, padding);
}

void cuda_plan_cost(const struct cuda_plan *plan, uint64_t weights_read, struct eie_cost *cost)
{
    const struct eie_problem *problem = &plan->setup.problem;
    cost->prepared_bytes = plan->copy_bytes;
    cost->bytes_read =
        weights_read + (uint64_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
    cost->bytes_written = y_count(problem) * sizeof(int16_t);
}

void cuda_plan_describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct cuda_plan *plan = (const struct cuda_plan *)opaque;
    cuda_calls_describe(&plan->calls, column, context);
    column(context, "eie_cuda_blocks", NULL,
           (double)plan->launch.blocks[0] * plan->launch.blocks[1]);
    column(context, "eie_cuda_threads", NULL, plan->launch.threads);
    column(context, "eie_cuda_shared_bytes", NULL, plan->launch.shared_bytes);
}

void cuda_plan_destroy(struct eie_plan *plan)
{
    cuda_plan_end((struct cuda_plan *)plan);
}
