/* Several inputs at once: as cuda_code_groups, and every group serves vectors that lie in the
 * block's shared memory, as many as fit. A lane owns two of them, or four: two kernels. Exact, on
 * the integer units; tensor_codes.c is the other way. */
#include "kernels/cuda/batch_groups.h"
#include "kernels/cuda/groups_plan.h"
#include "kernels/cuda/tuning.h"

#include <stddef.h>

#define BITS_MOST       3u /* 8 pairs */
#define QUADS_BITS_MOST 4u /* 16 quads */

extern const struct eie_cuda_code eie_cuda_code_batch_groups EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_batch_quads_1 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_batch_quads_2 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_batch_quads_4 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_batch_quads_8 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_batch_quads_16 EIE_CUDA_PART;

struct plan {
    struct cuda_plan base;
    struct batch_groups_arguments arguments;
    struct cuda_groups_counts counts;
    bool quads; /* a lane owns four vectors */
};

static const struct eie_cuda_code *const quads_codes[] = {
    &eie_cuda_code_batch_quads_1, &eie_cuda_code_batch_quads_2, &eie_cuda_code_batch_quads_4,
    &eie_cuda_code_batch_quads_8, &eie_cuda_code_batch_quads_16};

static enum eie_status set_form(struct plan *plan, const struct eie_row_lists *rows, uint32_t bits,
                                struct eie_error *error)
{
    const uint32_t lanes = 32u >> bits, halves = plan->quads ? 2 : 1;
    const struct cuda_groups_form form = {.rows = 1,
                                          .lanes = lanes,
                                          .bank_shift = 0,
                                          .banks = lanes / halves,
                                          .halves = halves,
                                          .turned = plan->quads};
    plan->arguments.bits = bits;
    if (plan->quads) plan->base.code = quads_codes[bits];
    return groups_plan_fill(&plan->base, rows, &form, &plan->arguments.tasks, &plan->counts, error);
}

/* Vectors of a block. */
static uint32_t slice_of(const struct plan *plan, uint32_t bits)
{
    return (plan->quads ? 4u : 2u) << bits;
}

static uint64_t shared_bytes(const struct plan *plan, uint32_t bits)
{
    return (uint64_t)plan->arguments.base.x_stride * slice_of(plan, bits) * sizeof(int16_t);
}

/* One block for each multiprocessor, shared out among the slices of the batch. */
static enum eie_status set_shape(struct plan *plan, uint32_t bits, struct eie_error *error)
{
    const uint32_t slice = slice_of(plan, bits), tasks = plan->arguments.tasks.count;
    const uint32_t slices = (plan->base.setup.problem.batch - 1) / slice + 1;
    const uint32_t most = BATCH_GROUPS_THREADS / 32, warps = tasks < most ? tasks : most;
    uint32_t blocks = plan->base.cuda->facts.multiprocessors / slices;
    if (!blocks) blocks = 1;
    const uint32_t needed = (tasks - 1) / warps + 1;
    if (blocks > needed) blocks = needed;
    return cuda_plan_shape(&plan->base, blocks, slices, 32 * warps, shared_bytes(plan, bits),
                           error);
}

/* Slices of 2, 4, 8, ... vectors, those that fit: way i has so many bits. */
static enum eie_status add_all(struct plan *plan, const struct eie_row_lists *rows,
                               struct cuda_tuning *tuning, struct eie_error *error)
{
    const uint32_t batch = plan->base.setup.problem.batch;
    const uint32_t most = plan->quads ? QUADS_BITS_MOST : BITS_MOST;
    enum eie_status status = EIE_OK;
    for (uint32_t bits = 0; bits <= most && !status; bits++) {
        if (bits && (shared_bytes(plan, bits) > plan->base.cuda->facts.shared_block_bytes ||
                     slice_of(plan, bits - 1) >= batch))
            break;
        status = set_form(plan, rows, bits, error);
        if (!status) status = set_shape(plan, bits, error);
        if (!status) status = cuda_tuning_add(tuning, error);
    }
    return status;
}

/* Keeps the fastest. */
static enum eie_status choose(struct plan *plan, const struct eie_row_lists *rows,
                              struct eie_error *error)
{
    struct cuda_tuning tuning;
    uint32_t best = 0;
    cuda_tuning_begin(&plan->base, &tuning);
    enum eie_status status = add_all(plan, rows, &tuning, error);
    if (!status) status = cuda_tuning_best(&tuning, &best, error);
    cuda_tuning_end(&tuning);
    if (!status) status = set_form(plan, rows, best, error);
    return status ? status : set_shape(plan, best, error);
}

static enum eie_status make(const struct eie_setup *setup, const struct eie_cuda_code *code,
                            bool quads, struct eie_plan **opaque, struct eie_error *error)
{
    struct cuda_plan *base;
    struct eie_row_lists rows;
    enum eie_status status = eie_row_lists_make(setup->problem.layer, &rows, error);
    if (status) return status;
    status = cuda_plan_begin(setup, sizeof(struct plan), offsetof(struct plan, arguments), code,
                             &base, error);
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    plan->quads = quads;
    status = choose(plan, &rows, error);
    if (!status) status = cuda_plan_ready(base, error);
    if (status)
        cuda_plan_end(base);
    else
        *opaque = (struct eie_plan *)plan;
end:
    eie_row_lists_free(&rows);
    return status;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    return make(setup, &eie_cuda_code_batch_groups, false, plan, error);
}

static enum eie_status prepare_quads(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return make(setup, quads_codes[0], true, plan, error);
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    groups_plan_cost(&plan->base, &plan->counts,
                     (uint64_t)plan->base.launch.blocks[1] * slice_of(plan, plan->arguments.bits),
                     cost);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    groups_plan_describe(&plan->base, &plan->counts, column, context);
    column(context, "eie_cuda_vectors", NULL, slice_of(plan, plan->arguments.bits));
}

const struct eie_kernel eie_kernel_cuda_batch_groups = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_batch_groups",
    .summary = "as cuda_code_groups, up to 16 vectors at a time from shared memory",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .batch_min = 2,
    .batch_max = 2 * 65535, /* with slices of 2 */
    .supports = groups_plan_supports,
    .prepare = prepare,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .pass = cuda_plan_pass,
    .read = cuda_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = cuda_plan_destroy,
};

const struct eie_kernel eie_kernel_cuda_batch_quads = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_batch_quads",
    .summary =
        "as cuda_batch_groups, four vectors a lane, up to 64 at a time: values picked by dp2a",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .batch_min = 2,
    .batch_max = 4 * 65535, /* with slices of 4 */
    .supports = groups_plan_supports,
    .prepare = prepare_quads,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .pass = cuda_plan_pass,
    .read = cuda_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = cuda_plan_destroy,
};
