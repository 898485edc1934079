/* Several inputs at once: as cuda_code_groups, and every group serves up to 16 vectors that lie in
 * the block's shared memory. Exact, so on the integer units: tensor cores would need int16 operands
 * cut into bytes and the zeros multiplied too. */
#include "kernels/cuda/batch_groups.h"
#include "kernels/cuda/plan.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern const struct eie_cuda_code eie_cuda_code_batch_groups;

struct plan {
    struct cuda_plan base;
    struct batch_groups_arguments arguments;
    uint64_t padding, wavefronts, look_ups;
};

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    if (problem->layer->inputs > CUDA_COLUMNS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "a layer has at most %u inputs here",
                        CUDA_COLUMNS_MAX);
    *plan_bytes = cuda_groups_bound(problem->layer) + cuda_plan_vector_bytes(problem);
    return EIE_OK;
}

static enum eie_status set_form(struct plan *plan, const struct sorted_rows *rows, uint32_t pairs,
                                struct eie_error *error)
{
    const uint32_t lanes = 32 / pairs;
    const struct cuda_groups_form form = {
        .rows = 1, .lanes = lanes, .bank_shift = 0, .banks = lanes};
    struct batch_groups_arguments *arguments = &plan->arguments;
    struct cuda_groups groups;
    enum eie_status status =
        cuda_groups_make(plan->base.setup.problem.layer, rows, &form, &groups, error);
    if (status) return status;
    void *copy = cuda_groups_copy(&groups);
    const uint64_t bytes = cuda_groups_bytes(&groups, &arguments->row_at);
    status = copy ? cuda_plan_fill(&plan->base, copy, bytes, error)
                  : eie_fail(error, EIE_MEMORY, "out of memory for a copy of the weights");
    free(copy);
    arguments->tasks = groups.tasks;
    arguments->pairs = pairs;
    arguments->class_count = groups.class_count;
    memcpy(arguments->classes, groups.classes, sizeof groups.classes);
    plan->padding = groups.padding;
    plan->wavefronts = groups.wavefronts;
    plan->look_ups = groups.look_ups;
    cuda_groups_free(&groups);
    return status;
}

/* As many blocks as are resident at once, shared out among the slices of the batch. */
static enum eie_status set_shape(struct plan *plan, uint32_t pairs, struct eie_error *error)
{
    const struct eie_cuda_facts *facts = &plan->base.cuda->facts;
    const uint64_t shared = (uint64_t)plan->arguments.base.x_stride * pairs * sizeof(uint32_t);
    const uint32_t slices = (plan->base.setup.problem.batch + 2 * pairs - 1) / (2 * pairs);
    const uint32_t most = BATCH_GROUPS_THREADS / 32, tasks = plan->arguments.tasks;
    const uint32_t warps = tasks < most ? tasks : most;
    uint32_t blocks = facts->multiprocessors / slices;
    if (!blocks) blocks = 1;
    const uint32_t needed = (tasks + warps - 1) / warps;
    if (blocks > needed) blocks = needed;
    return cuda_plan_shape(&plan->base, blocks, slices, 32 * warps, shared, error);
}

static bool fits(const struct plan *plan, uint32_t pairs)
{
    return (uint64_t)plan->arguments.base.x_stride * pairs * sizeof(uint32_t) <=
           plan->base.cuda->facts.shared_block_bytes;
}

/* Tries slices of 2, 4, 8 and 16 vectors, those that fit, and keeps the fastest. */
static enum eie_status choose(struct plan *plan, const struct sorted_rows *rows,
                              struct eie_error *error)
{
    const uint32_t batch = plan->base.setup.problem.batch;
    double fastest = INFINITY, device_ns, wall_ns;
    uint32_t best = 1, last = 0;
    enum eie_status status = EIE_OK;
    for (uint32_t pairs = 1; pairs <= 8 && !status; pairs *= 2) {
        if (pairs > 1 && (!fits(plan, pairs) || pairs >= batch)) break;
        last = pairs;
        status = set_form(plan, rows, pairs, error);
        if (!status) status = set_shape(plan, pairs, error);
        if (!status) status = cuda_plan_time(&plan->base, &device_ns, &wall_ns, error);
        if (status || device_ns >= fastest) continue;
        fastest = device_ns;
        best = pairs;
    }
    if (!status && best != last) status = set_form(plan, rows, best, error);
    return status ? status : set_shape(plan, best, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    struct cuda_plan *base;
    struct sorted_rows rows;
    enum eie_status status = sorted_rows_make(setup->problem.layer, &rows, error);
    if (status) return status;
    status = cuda_plan_begin(setup, sizeof(struct plan), offsetof(struct plan, arguments),
                             &eie_cuda_code_batch_groups, &base, error);
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    status = choose(plan, &rows, error);
    if (!status) status = cuda_plan_ready(base, error);
    if (status)
        cuda_plan_end(base);
    else
        *opaque = (struct eie_plan *)plan;
end:
    sorted_rows_free(&rows);
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t vectors = (uint64_t)plan->base.launch.blocks[1] * 2 * plan->arguments.pairs;
    struct eie_layer_counts counts;
    uint64_t padding;
    cuda_plan_count(&plan->base, &cost->macs_useful, &padding);
    eie_layer_count(problem->layer, NULL, &counts);
    cost->macs_padding = (counts.nonzeros + plan->padding) * vectors - cost->macs_useful;
    cuda_plan_cost(&plan->base, plan->base.copy_bytes, cost);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    cuda_plan_describe(opaque, column, context);
    column(context, "eie_cuda_vectors", NULL, 2 * plan->arguments.pairs);
    column(context, "eie_cuda_look_ups", NULL, (double)plan->look_ups);
    column(context, "eie_cuda_wavefronts", NULL, (double)plan->wavefronts);
}

const struct eie_kernel eie_kernel_cuda_batch_groups = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_batch_groups",
    .summary = "as cuda_code_groups, up to 16 vectors at a time from shared memory",
    .isa = "any",
    .device_kind = EIE_DEVICE_CUDA,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = 0,
    .batch_min = 2,
    .probe = eie_cuda_probe,
    .supports = supports,
    .prepare = prepare,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .read = cuda_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = cuda_plan_destroy,
};
