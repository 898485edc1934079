/* The fastest forms for one input: groups of weights that share a code (groups.h), inputs in shared
 * memory, a row shared by 8, 16 or 32 lanes. How many lanes and how large a block is best depends
 * on the layer and the device: prepare tries them all and keeps the fastest. Codes in the groups or
 * apart are two kernels, since the one has less to read and the other less to decode. */
#include "kernels/cuda/code_groups.h"
#include "kernels/cuda/groups_plan.h"
#include "kernels/cuda/tuning.h"

#include <stddef.h>

#define THREADS_USUAL 256u /* of a block */

extern const struct eie_cuda_code eie_cuda_code_code_groups EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_code_chunks EIE_CUDA_PART;

struct plan {
    struct cuda_plan base;
    struct code_groups_arguments arguments;
    struct cuda_groups_counts counts;
    bool apart; /* the codes */
};

struct choice {
    uint32_t lane_bits, threads;
};

/* Fills the copies for rows of so many lanes. */
static enum eie_status set_form(struct plan *plan, const struct eie_row_lists *rows,
                                uint32_t lane_bits, struct eie_error *error)
{
    const struct cuda_groups_form form = {.rows = 32u >> lane_bits,
                                          .lanes = 1u << lane_bits,
                                          .bank_shift = 1,
                                          .banks = 32,
                                          .halves = 1,
                                          .apart = plan->apart};
    plan->arguments.lane_bits = lane_bits;
    return groups_plan_fill(&plan->base, rows, &form, &plan->arguments.tasks, &plan->counts, error);
}

static uint32_t blocks_needed(const struct plan *plan, uint32_t threads)
{
    return (plan->arguments.tasks.count - 1) / (threads / 32) + 1;
}

/* Blocks of so many threads: no more than are resident at once, and no more than there is work for.
 */
static enum eie_status set_threads(struct plan *plan, uint32_t threads, struct eie_error *error)
{
    const uint32_t shared = plan->arguments.base.x_stride * (uint32_t)sizeof(int16_t);
    int resident = 0;
    enum eie_status status = cuda_plan_shape(&plan->base, 1, 1, threads, shared, error);
    if (!status)
        status = eie_cuda_status(plan->base.code->resident(threads, shared, &resident),
                                 "cudaOccupancyMaxActiveBlocksPerMultiprocessor", error);
    if (status) return status;
    const uint64_t most =
        (uint64_t)(resident > 0 ? resident : 1) * plan->base.cuda->facts.multiprocessors;
    const uint32_t needed = blocks_needed(plan, threads);
    return cuda_plan_shape(&plan->base, most < needed ? (uint32_t)most : needed,
                           plan->base.setup.problem.batch, threads, shared, error);
}

/* Blocks so small are for layers that leave multiprocessors idle with larger ones; and beyond one
 * block for all there is nothing to try. */
static bool is_worth_trying(const struct plan *plan, uint32_t threads)
{
    if (threads < THREADS_USUAL)
        return blocks_needed(plan, 2 * threads) < plan->base.cuda->facts.multiprocessors;
    return threads == THREADS_USUAL || blocks_needed(plan, threads / 2) > 1;
}

/* Adds all ways; the choices in their order. */
static enum eie_status add_all(struct plan *plan, const struct eie_row_lists *rows,
                               struct choice choices[CUDA_WAYS_MAX], struct cuda_tuning *tuning,
                               struct eie_error *error)
{
    for (uint32_t bits = 3; bits <= 5; bits++) {
        enum eie_status status = set_form(plan, rows, bits, error);
        for (uint32_t threads = 64; threads <= CODE_GROUPS_THREADS && !status; threads *= 2) {
            if (!is_worth_trying(plan, threads)) continue;
            choices[tuning->count] = (struct choice){bits, threads};
            status = set_threads(plan, threads, error);
            if (!status) status = cuda_tuning_add(tuning, error);
        }
        if (status) return status;
    }
    return EIE_OK;
}

static enum eie_status choose(struct plan *plan, const struct eie_row_lists *rows,
                              struct choice *best, struct eie_error *error)
{
    struct choice choices[CUDA_WAYS_MAX];
    struct cuda_tuning tuning;
    uint32_t index = 0;
    cuda_tuning_begin(&plan->base, &tuning);
    enum eie_status status = add_all(plan, rows, choices, &tuning, error);
    if (!status) status = cuda_tuning_best(&tuning, &index, error);
    cuda_tuning_end(&tuning);
    if (!status) *best = choices[index];
    return status;
}

static enum eie_status make(const struct eie_setup *setup, const struct eie_cuda_code *code,
                            bool apart, struct eie_plan **opaque, struct eie_error *error)
{
    struct cuda_plan *base;
    struct eie_row_lists rows;
    struct choice best = {5, THREADS_USUAL};
    enum eie_status status = eie_row_lists_make(setup->problem.layer, &rows, error);
    if (status) return status;
    status = cuda_plan_begin(setup, sizeof(struct plan), offsetof(struct plan, arguments), code,
                             &base, error);
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    plan->apart = apart;
    status = choose(plan, &rows, &best, error);
    if (!status) status = set_form(plan, &rows, best.lane_bits, error);
    if (!status) status = set_threads(plan, best.threads, error);
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
    return make(setup, &eie_cuda_code_code_groups, false, plan, error);
}

static enum eie_status prepare_apart(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return make(setup, &eie_cuda_code_code_chunks, true, plan, error);
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    groups_plan_cost(&plan->base, &plan->counts, plan->base.setup.problem.batch, cost);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    groups_plan_describe(&plan->base, &plan->counts, column, context);
    column(context, "eie_cuda_lanes", NULL, 1u << plan->arguments.lane_bits);
}

const struct eie_kernel eie_kernel_cuda_code_groups = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_code_groups",
    .summary = "inputs of one code are added, then multiplied once; rows shared by lanes",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .batch_max = 65535,
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

const struct eie_kernel eie_kernel_cuda_code_chunks = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_code_chunks",
    .summary = "as cuda_code_groups, codes apart from columns: less to decode, 6 % more to read",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .batch_max = 65535,
    .supports = groups_plan_supports,
    .prepare = prepare_apart,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .pass = cuda_plan_pass,
    .read = cuda_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = cuda_plan_destroy,
};
