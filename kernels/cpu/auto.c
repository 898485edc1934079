/* What a user who does not want to choose would run: the kernel that should be fastest for this
 * layer, batch and machine. The rule is a sum for each candidate that can run here: so many
 * nanoseconds for each unit of work that it does, from the layer's own counts. The constants are
 * rounded times on one core (results/NOTES.md, "cpu_auto"); only their ratios matter, and those
 * move little from machine to machine. How sparse the inputs are is taken from the layer's own
 * samples; without samples all are taken to be active. The choice is made in prepare: it depends on
 * no input that is loaded.
 *
 * avx512_byte_lookup is no candidate: where it was measured, avx512_word_lookup is faster on every
 * layer; on the processors that it is made for (whose permutes of words are slower) nothing has
 * been measured, and there word_lookup is chosen all the same. */
#include "kernels/kernel.h"

#include <math.h>
#include <stdlib.h>

/* Work of one input vector, from counts alone. */
struct work {
    double weights;        /* stored non-zeros */
    double active_weights; /* of the active columns */
    double active_places;  /* outputs x active inputs: dense columns */
    double row_columns;    /* outputs x inputs: what a window slides over */
    double entries;        /* of the stream, padding included, in active columns */
};

struct candidate {
    const char *name;
    uint32_t batch_min;
    double weight_ns, active_weight_ns, active_place_ns, row_column_ns, entry_ns;
};

/* Times of one core; several threads divide them all alike. */
static const struct candidate candidates[] = {
    {"avx512_batch_pairs", 8, 0.024, 0, 0, 0, 0},
    {"avx512_word_lookup", 1, 0.026, 0, 0, 0.0011, 0},
    {"avx2_window_lookup", 1, 0.055, 0, 0, 0.0025, 0},
    {"avx2_dense_columns", 1, 0, 0, 0.029, 0, 0},
    {"avx2_column_table", 1, 0, 0.47, 0, 0, 0},
    {"scalar_eie_stream", 1, 0, 0, 0, 0, 1.5},
};
#define CANDIDATES (sizeof candidates / sizeof *candidates)

struct eie_plan {
    const struct eie_kernel *kernel;
    struct eie_plan *inner;
};

/* Of the samples, how many need this column: 0 to 1. */
static double active_share(const struct eie_layer *layer, uint32_t column)
{
    uint32_t active = 0;
    if (!layer->sample_count) return 1;
    for (uint32_t s = 0; s < layer->sample_count; s++)
        active += layer->sample_inputs[(size_t)s * layer->inputs + column] != 0;
    return (double)active / layer->sample_count;
}

/* Of a column of a PE, without padding. */
static uint32_t count_weights(const uint8_t *entry, const uint8_t *end)
{
    uint32_t count = 0;
    for (; entry < end; entry++) count += *entry != EIE_PADDING_ENTRY;
    return count;
}

/* The entries are walked once, however many samples there are. */
static struct work count(const struct eie_layer *layer)
{
    const size_t stride = (size_t)layer->inputs + 1;
    struct work work = {.row_columns = (double)layer->outputs * layer->inputs};
    for (uint32_t j = 0; j < layer->inputs; j++) {
        const double share = active_share(layer, j);
        uint64_t weights = 0, entries = 0;
        for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
            const uint32_t *start = layer->column_start + pe * stride + j;
            weights += count_weights(layer->entries + start[0], layer->entries + start[1]);
            entries += start[1] - start[0];
        }
        work.weights += (double)weights;
        work.active_weights += share * (double)weights;
        work.entries += share * (double)entries;
        work.active_places += share * layer->outputs;
    }
    return work;
}

static double estimate_ns(const struct candidate *one, const struct work *work)
{
    return one->weight_ns * work->weights + one->active_weight_ns * work->active_weights +
           one->active_place_ns * work->active_places + one->row_column_ns * work->row_columns +
           one->entry_ns * work->entries;
}

/* The candidate that can run the problem and has the smallest estimate; the stream kernel can
 * always. */
static const struct eie_kernel *choose(const struct eie_problem *problem)
{
    const struct work work = count(problem->layer);
    const struct eie_kernel *best = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < CANDIDATES; i++) {
        const struct eie_kernel *kernel = eie_kernel_find(candidates[i].name);
        const double ns = estimate_ns(&candidates[i], &work);
        uint64_t bytes;
        if (!kernel || problem->batch < candidates[i].batch_min || (best && ns >= least) ||
            eie_kernel_probe(kernel, problem->device, NULL) != EIE_OK ||
            eie_kernel_supports(kernel, problem, &bytes, NULL) != EIE_OK)
            continue;
        best = kernel;
        least = ns;
    }
    return best;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_kernel *kernel = choose(problem);
    if (!kernel)
        return eie_fail(error, EIE_UNSUPPORTED, "no exact kernel of this build can run it");
    return eie_kernel_supports(kernel, problem, plan_bytes, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    struct eie_plan *made = calloc(1, sizeof *made);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    made->kernel = choose(&setup->problem);
    enum eie_status status = made->kernel
                                 ? made->kernel->prepare(setup, &made->inner, error)
                                 : eie_fail(error, EIE_UNSUPPORTED, "no exact kernel can run it");
    if (status)
        free(made);
    else
        *plan = made;
    return status;
}

static enum eie_status load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{
    return plan->kernel->load(plan->inner, inputs, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    return plan->kernel->run(plan->inner, copy, error);
}

static enum eie_status wait(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    return plan->kernel->wait(plan->inner, outcome, error);
}

static enum eie_status read(struct eie_plan *plan, void *y, struct eie_error *error)
{
    return plan->kernel->read(plan->inner, y, error);
}

static void cost(const struct eie_plan *plan, struct eie_cost *cost)
{
    plan->kernel->cost(plan->inner, cost);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    column(context, "eie_chosen_kernel", plan->kernel->name, 0);
    if (plan->kernel->describe) plan->kernel->describe(plan->inner, column, context);
}

static void destroy(struct eie_plan *plan)
{
    if (!plan) return;
    plan->kernel->destroy(plan->inner);
    free(plan);
}

const struct eie_kernel eie_kernel_cpu_auto = {
    .abi = EIE_KERNEL_ABI,
    .name = "cpu_auto",
    .summary = "the exact kernel that should be fastest here, by the layer's densities",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = wait,
    .read = read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
