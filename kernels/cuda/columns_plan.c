#include "kernels/cuda/columns_plan.h"
#include "kernels/cuda/tuning.h"

#include <stddef.h>
#include <stdlib.h>

#define SLICES_MAX    64u
#define SLICE_COLUMNS 65536u /* positions in a slice have 16 bits */

static uint64_t sums_bytes(const struct eie_problem *problem)
{
    return (uint64_t)problem->batch * problem->layer->outputs * sizeof(uint32_t);
}

static uint64_t done_bytes(const struct eie_problem *problem, uint32_t sets)
{
    return (uint64_t)problem->batch * sets * sizeof(uint32_t);
}

uint64_t columns_plan_bytes(const struct eie_problem *problem, uint32_t sets)
{
    return sums_bytes(problem) + done_bytes(problem, sets);
}

void columns_plan_destroy(struct eie_plan *opaque)
{
    struct columns_plan *plan = (struct columns_plan *)opaque;
    if (!plan) return;
    void *sums = plan->arguments.sums, *done = plan->arguments.done;
    struct eie_cuda *cuda = plan->base.cuda;
    free(plan->column_bytes);
    cuda_plan_end(&plan->base); /* waits for what is under way */
    eie_cuda_free(cuda, sums);
    eie_cuda_free(cuda, done);
}

static enum eie_status set_slices(struct columns_plan *plan, uint32_t slices,
                                  struct eie_error *error)
{
    struct columns_arguments *arguments = &plan->arguments;
    const uint64_t inputs = arguments->base.inputs;
    arguments->slice_columns = (uint32_t)((inputs + slices - 1) / slices);
    arguments->slices = (uint32_t)((inputs - 1) / arguments->slice_columns + 1);
    const uint64_t shared = (COLUMNS_NUMBERS + (uint64_t)arguments->rows_most) * sizeof(uint32_t) +
                            (uint64_t)arguments->slice_columns * sizeof(uint16_t);
    const uint64_t rows_of_blocks = (uint64_t)arguments->slices * arguments->base.batch;
    return cuda_plan_shape(&plan->base, arguments->sets,
                           rows_of_blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)rows_of_blocks,
                           COLUMNS_THREADS, shared, error);
}

/* The least number of slices whose lists fit beside the sums. */
static uint32_t least_slices(const struct columns_plan *plan)
{
    const struct columns_arguments *arguments = &plan->arguments;
    const uint64_t shared = plan->base.cuda->facts.shared_block_bytes;
    const uint64_t sums = (COLUMNS_NUMBERS + (uint64_t)arguments->rows_most) * sizeof(uint32_t);
    uint64_t columns = shared > sums ? (shared - sums) / sizeof(uint16_t) : 0;
    if (columns > SLICE_COLUMNS) columns = SLICE_COLUMNS;
    if (!columns) columns = 1; /* the launch will be refused */
    const uint64_t slices = ((uint64_t)arguments->base.inputs - 1) / columns + 1;
    return slices > UINT32_MAX ? UINT32_MAX : (uint32_t)slices;
}

/* Inputs to choose with: what comes with the layer, in turn where it is less; else every third of
 * them 1. */
static enum eie_status load_samples(struct columns_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const size_t count = (size_t)problem->batch * layer->inputs;
    struct eie_plan *opaque = (struct eie_plan *)plan;
    if (layer->sample_count >= problem->batch)
        return cuda_plan_load(opaque, layer->sample_inputs, error);
    int16_t *inputs = calloc(count, sizeof *inputs);
    if (!inputs) return eie_fail(error, EIE_MEMORY, "out of memory for inputs");
    if (layer->sample_count)
        for (size_t i = 0; i < count; i++)
            inputs[i] = layer->sample_inputs[i % ((size_t)layer->sample_count * layer->inputs)];
    else
        for (size_t i = 0; i < count; i += 3) inputs[i] = 1;
    enum eie_status status = cuda_plan_load(opaque, inputs, error);
    free(inputs);
    return status;
}

/* Way i has `least` << i slices, as long as they fill the device. */
static enum eie_status add_all(struct columns_plan *plan, uint32_t least,
                               struct cuda_tuning *tuning, struct eie_error *error)
{
    const struct eie_cuda_facts *facts = &plan->base.cuda->facts;
    const uint64_t rows_of_sets = (uint64_t)plan->arguments.sets * plan->arguments.base.batch;
    /* blocks that are resident at once, and as many again */
    const uint64_t enough =
        2 * (uint64_t)facts->multiprocessors * (facts->threads_unit / COLUMNS_THREADS);
    enum eie_status status = load_samples(plan, error);
    for (uint64_t slices = least; !status; slices *= 2) {
        if (slices > least && (slices > SLICES_MAX || slices > plan->arguments.base.inputs ||
                               slices * rows_of_sets > enough))
            break;
        status = set_slices(plan, (uint32_t)slices, error);
        if (!status) status = cuda_tuning_add(tuning, error);
    }
    return status;
}

static enum eie_status choose(struct columns_plan *plan, struct eie_error *error)
{
    const uint32_t least = least_slices(plan);
    struct cuda_tuning tuning;
    uint32_t best = 0;
    cuda_tuning_begin(&plan->base, &tuning);
    enum eie_status status = add_all(plan, least, &tuning, error);
    if (!status) status = cuda_tuning_best(&tuning, &best, error);
    cuda_tuning_end(&tuning);
    return status ? status : set_slices(plan, least << best, error);
}

static enum eie_status make_sums(struct columns_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t sums = sums_bytes(problem), done = done_bytes(problem, plan->arguments.sets);
    struct eie_cuda *cuda = plan->base.cuda;
    void *memory;
    enum eie_status status = eie_cuda_alloc(cuda, sums, &memory, error);
    plan->arguments.sums = memory;
    if (!status) status = eie_cuda_zero(cuda, memory, sums, error);
    if (!status) status = eie_cuda_alloc(cuda, done, &memory, error);
    if (status) return status;
    plan->arguments.done = memory;
    return eie_cuda_zero(cuda, memory, done, error);
}

enum eie_status columns_plan_make(const struct eie_setup *setup, const struct eie_cuda_code *code,
                                  uint32_t sets, uint32_t rows_most, const void *copy,
                                  uint64_t copy_bytes, uint64_t entries_at,
                                  struct eie_plan **opaque, struct eie_error *error)
{
    struct cuda_plan *base;
    enum eie_status status =
        cuda_plan_begin(setup, sizeof(struct columns_plan),
                        offsetof(struct columns_plan, arguments), code, &base, error);
    if (status) return status;
    struct columns_plan *plan = (struct columns_plan *)base;
    plan->arguments.sets = sets;
    plan->arguments.rows_most = rows_most;
    plan->arguments.entries_at = entries_at;
    plan->column_bytes = calloc(setup->problem.layer->inputs, sizeof *plan->column_bytes);
    status = plan->column_bytes ? make_sums(plan, error)
                                : eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status) status = cuda_plan_fill(base, copy, copy_bytes, error);
    if (!status) status = choose(plan, error);
    if (!status) status = cuda_plan_ready(base, error);
    if (status)
        columns_plan_destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

void columns_plan_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct columns_plan *plan = (const struct columns_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t inputs = problem->layer->inputs;
    uint64_t bytes = 0, padding;
    for (uint32_t j = 0; j < inputs; j++) {
        bool active = false;
        for (uint32_t b = 0; b < problem->batch; b++)
            active = active || plan->base.inputs[(size_t)b * inputs + j];
        if (active) bytes += plan->column_bytes[j] + plan->arguments.sets * 2 * sizeof(uint32_t);
    }
    cuda_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = 0; /* padding is stepped over */
    cuda_plan_cost(&plan->base, bytes, cost);
}

void columns_plan_describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct columns_plan *plan = (const struct columns_plan *)opaque;
    cuda_plan_describe(opaque, column, context);
    column(context, "eie_cuda_sets", NULL, plan->arguments.sets);
    column(context, "eie_cuda_slices", NULL, plan->arguments.slices);
}
