/* The fastest form for one input: groups of weights that share a code (groups.h), inputs in shared
 * memory, a row shared by 8, 16 or 32 lanes. How many lanes and how large a block is best depends
 * on the layer and the device: prepare tries them all and keeps the fastest. */
#include "kernels/cuda/code_groups.h"
#include "kernels/cuda/plan.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern const struct eie_cuda_code eie_cuda_code_code_groups;

struct plan {
    struct cuda_plan base;
    struct code_groups_arguments arguments;
    uint64_t padding, wavefronts, look_ups;
};

struct choice {
    uint32_t lanes, threads;
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

/* Fills the copies and sets the arguments for rows of so many lanes. */
static enum eie_status set_form(struct plan *plan, const struct sorted_rows *rows, uint32_t lanes,
                                struct eie_error *error)
{
    const struct cuda_groups_form form = {
        .rows = 32 / lanes, .lanes = lanes, .bank_shift = 1, .banks = 32};
    struct code_groups_arguments *arguments = &plan->arguments;
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
    arguments->rows = form.rows;
    arguments->lanes = form.lanes;
    arguments->class_count = groups.class_count;
    memcpy(arguments->classes, groups.classes, sizeof groups.classes);
    plan->padding = groups.padding;
    plan->wavefronts = groups.wavefronts;
    plan->look_ups = groups.look_ups;
    cuda_groups_free(&groups);
    return status;
}

/* Blocks of so many threads: no more than are resident at once, and no more than there is work for.
 */
static enum eie_status set_threads(struct plan *plan, uint32_t threads, struct eie_error *error)
{
    const struct eie_cuda_facts *facts = &plan->base.cuda->facts;
    const uint64_t shared = (uint64_t)plan->arguments.base.x_stride * sizeof(int16_t);
    const uint64_t warps = threads / 32;
    uint64_t resident = facts->threads_unit / threads;
    const uint64_t by_shared = facts->shared_unit_bytes / (shared + 1024);
    if (resident > by_shared) resident = by_shared;
    if (!resident) resident = 1;
    uint64_t blocks = resident * facts->multiprocessors;
    const uint64_t needed = (plan->arguments.tasks + warps - 1) / warps;
    if (blocks > needed) blocks = needed;
    return cuda_plan_shape(&plan->base, (uint32_t)blocks, plan->base.setup.problem.batch, threads,
                           shared, error);
}

static enum eie_status try_all(struct plan *plan, const struct sorted_rows *rows,
                               struct choice *best, struct eie_error *error)
{
    static const uint32_t lanes[] = {8, 16, 32}, threads[] = {256, 512, 1024};
    double fastest = INFINITY, device_ns, wall_ns;
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        enum eie_status status = set_form(plan, rows, lanes[l], error);
        for (size_t t = 0; t < sizeof threads / sizeof *threads && !status; t++) {
            if (t && threads[t - 1] / 32 >= plan->arguments.tasks) break; /* one block has all */
            status = set_threads(plan, threads[t], error);
            if (!status) status = cuda_plan_time(&plan->base, &device_ns, &wall_ns, error);
            if (status || device_ns >= fastest) continue;
            fastest = device_ns;
            *best = (struct choice){lanes[l], threads[t]};
        }
        if (status) return status;
    }
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    struct cuda_plan *base;
    struct sorted_rows rows;
    struct choice best = {0, 0};
    enum eie_status status = sorted_rows_make(setup->problem.layer, &rows, error);
    if (status) return status;
    status = cuda_plan_begin(setup, sizeof(struct plan), offsetof(struct plan, arguments),
                             &eie_cuda_code_code_groups, &base, error);
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    status = try_all(plan, &rows, &best, error);
    if (!status) status = set_form(plan, &rows, best.lanes, error);
    if (!status) status = set_threads(plan, best.threads, error);
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
    struct eie_layer_counts counts;
    uint64_t padding;
    cuda_plan_count(&plan->base, &cost->macs_useful, &padding);
    eie_layer_count(problem->layer, NULL, &counts);
    cost->macs_padding = (counts.nonzeros + plan->padding) * problem->batch - cost->macs_useful;
    cuda_plan_cost(&plan->base, plan->base.copy_bytes, cost);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    cuda_plan_describe(opaque, column, context);
    column(context, "eie_cuda_lanes", NULL, plan->arguments.lanes);
    column(context, "eie_cuda_look_ups", NULL, (double)plan->look_ups);
    column(context, "eie_cuda_wavefronts", NULL, (double)plan->wavefronts);
}

const struct eie_kernel eie_kernel_cuda_code_groups = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_code_groups",
    .summary = "inputs of one code are added, then multiplied once; rows shared by lanes",
    .isa = "any",
    .device_kind = EIE_DEVICE_CUDA,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = 0,
    .batch_max = 65535,
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
