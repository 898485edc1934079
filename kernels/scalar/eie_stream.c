/* The paper's algorithm, straight on the EIE stream (ISCA 2016, section III.C): the non-zero inputs
 * are broadcast in order of their index; every PE walks its entries of that column, adds up the
 * zero runs to a row, looks the code up in the codebook, multiplies and accumulates. A worker
 * thread plays a range of PEs, one PE after the other, so that each PE's stream is read front to
 * back and its accumulators stay in the first-level cache. */
#include "host/numbers.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

#define ACC_PER_LINE 16u /* uint32 in 64 bytes: PEs' accumulators share no cache line */
#define WORD_ENTRIES 8u  /* entries in the word that is read at once */
#define SHORT_COLUMN                                                                               \
    2.5 /* mean entries of a column and PE below which half a word a step is faster */

struct active {
    uint32_t column;
    int16_t value;
};

struct plan {
    struct eie_cpu_plan base; /* a copy: column_start, then entries */
    uint32_t *acc;            /* [pe_count][acc_stride] */
    struct active *active;    /* [inputs + 1]: one spare, written past the last */
    uint32_t *scratch;        /* [threads][scratch_stride] */
    uint32_t acc_stride, active_count;
    bool short_columns;
    uint32_t batch_index, copy; /* of the product under way */
    uint32_t *first_pe;         /* [threads + 1], about equal entries each */
};

static size_t pointer_bytes(const struct eie_layer *layer)
{
    return (size_t)layer->pe_count * ((size_t)layer->inputs + 1) * sizeof(uint32_t);
}

static uint32_t acc_stride(const struct eie_layer *layer)
{
    const uint32_t rows = (layer->outputs - 1) / layer->pe_count + 1;
    return (rows + ACC_PER_LINE - 1) / ACC_PER_LINE * ACC_PER_LINE;
}

/* A worker's accumulators: those of a PE, the rows that a step can run past the last one, and a
 * distance to the next worker's that the prefetcher of neighbouring lines does not bridge. */
static size_t scratch_stride(const struct plan *plan)
{
    return ((size_t)plan->acc_stride / (4 * ACC_PER_LINE) + 2) * 4 * ACC_PER_LINE;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    (void)error;
    *plan_bytes = pointer_bytes(layer) + layer->entry_count + eie_cpu_plan_vector_bytes(problem) +
                  ((uint64_t)layer->pe_count + problem->threads) *
                      (acc_stride(layer) + 8 * ACC_PER_LINE) * sizeof(uint32_t) +
                  (uint64_t)layer->inputs * sizeof(struct active);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->acc);
    free(plan->active);
    free(plan->scratch);
    free(plan->first_pe);
    eie_cpu_plan_end(&plan->base);
}

/* Cuts the PEs into ranges of about equal numbers of entries; where threads outnumber PEs, some
 * ranges are empty. */
static void share_pes(const struct eie_layer *layer, uint32_t threads, uint32_t *first_pe)
{
    const size_t stride = (size_t)layer->inputs + 1;
    first_pe[0] = 0;
    for (uint32_t t = 1; t <= threads; t++) {
        const uint64_t target = (uint64_t)layer->entry_count * t / threads;
        uint32_t pe = first_pe[t - 1];
        while (pe < layer->pe_count && (t == threads || layer->column_start[pe * stride] < target))
            pe++;
        first_pe[t] = pe;
    }
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const size_t pointers = pointer_bytes(layer);
    struct eie_cpu_plan *base;
    enum eie_status status = eie_cpu_plan_begin(
        setup, sizeof(struct plan), pointers + layer->entry_count + WORD_ENTRIES, &base, error);
    if (status) return status;
    for (uint32_t c = 0; c < setup->copies; c++) {
        memcpy(base->copies[c], layer->column_start, pointers);
        if (layer->entry_count)
            memcpy((char *)base->copies[c] + pointers, layer->entries, layer->entry_count);
    }
    struct plan *plan = (struct plan *)base;
    plan->acc_stride = acc_stride(layer);
    plan->acc = eie_aligned_zeroed((size_t)layer->pe_count * plan->acc_stride * sizeof(uint32_t));
    plan->active = eie_aligned_zeroed(((size_t)layer->inputs + 1) * sizeof *plan->active);
    plan->first_pe = calloc((size_t)setup->problem.threads + 1, sizeof *plan->first_pe);
    plan->scratch =
        eie_aligned_zeroed(setup->problem.threads * scratch_stride(plan) * sizeof *plan->scratch);
    plan->short_columns =
        layer->entry_count < SHORT_COLUMN * ((double)layer->inputs * layer->pe_count);
    if (!plan->acc || !plan->active || !plan->scratch || !plan->first_pe) {
        destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the accumulators of layer %s",
                        layer->name);
    }
    share_pes(layer, setup->problem.threads, plan->first_pe);
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

/* Up to eight entries from `entries` on, the ones from `count` on replaced by 0: code 0 adds 0. */
static inline uint64_t load_entries(const uint8_t *entries, uint32_t count)
{
    uint64_t word;
    memcpy(&word, entries, sizeof word);
    return count < WORD_ENTRIES ? word & ((UINT64_C(1) << (8 * count)) - 1) : word;
}

/* All broadcast columns of one PE, `step` entries at a time (a constant where this is inlined). A
 * column ends after a handful of entries, which no branch predictor foresees: it is cheaper to work
 * through a whole step, padded with entries that add 0. */
static inline void process_pe(const struct plan *plan, uint32_t pe, uint32_t *restrict acc,
                              uint32_t step)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t *column_start = plan->base.copies[plan->copy];
    const uint8_t *restrict entries = (const uint8_t *)column_start + pointer_bytes(layer);
    const uint32_t *restrict start = column_start + (size_t)pe * ((size_t)layer->inputs + 1);
    const int16_t *restrict codebook = layer->codebook;
    for (uint32_t k = 0; k < plan->active_count; k++) {
        const uint32_t column = plan->active[k].column, end = start[column + 1];
        const int16_t value = plan->active[k].value;
        uint32_t row = 0, at = start[column];
        do {
            uint64_t word = load_entries(entries + at, end - at);
            for (uint32_t i = 0; i < step; i++, word >>= 8) {
                row += word & 15u;
                acc[row] = eie_accumulate(acc[row], codebook[word >> 4 & 15u], value);
                row++;
            }
            at += step;
        } while (at < end);
    }
}

/* One PE into its own accumulators, by way of the worker's: what a step adds behind the PE's last
 * row is 0, but must not touch what other workers hold. */
static void play_pe(const struct plan *plan, uint32_t pe, uint32_t *restrict scratch)
{
    const size_t size = plan->acc_stride * sizeof *scratch;
    memset(scratch, 0, size);
    if (plan->short_columns)
        process_pe(plan, pe, scratch, WORD_ENTRIES / 2);
    else
        process_pe(plan, pe, scratch, WORD_ENTRIES);
    memcpy(plan->acc + (size_t)pe * plan->acc_stride, scratch, size);
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    for (uint32_t pe = plan->first_pe[worker]; pe < plan->first_pe[worker + 1]; pe++)
        play_pe(plan, pe, plan->scratch + worker * scratch_stride(plan));
    eie_pool_barrier(plan->base.setup.pool, worker);

    /* natural row order; whole cache lines of y a worker */
    const uint32_t shift = eie_layer_shift(layer), lines = (layer->outputs - 1) / 32 + 1;
    const uint32_t begin = (uint32_t)((uint64_t)lines * worker / problem->threads) * 32;
    uint32_t end = (uint32_t)((uint64_t)lines * (worker + 1) / problem->threads) * 32;
    if (end > layer->outputs) end = layer->outputs;
    int16_t *y = plan->base.outputs + (size_t)plan->batch_index * layer->outputs;
    for (uint32_t i = begin; i < end; i++) {
        const size_t at = (size_t)(i % layer->pe_count) * plan->acc_stride + i / layer->pe_count;
        const uint32_t sum = plan->acc[at] + (layer->bias ? (uint32_t)layer->bias[i] : 0);
        y[i] = eie_finish((int32_t)sum, layer->activation, shift);
    }
}

/* The leading-non-zero detection: (index, value) pairs of the non-zero inputs. */
static uint32_t find_active(const int16_t *input, uint32_t inputs, struct active *active)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < inputs; j++) {
        active[count] = (struct active){j, input[j]};
        count += input[j] != 0;
    }
    return count;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t inputs = problem->layer->inputs;
    (void)error;
    plan->copy = copy;
    for (uint32_t b = 0; b < problem->batch; b++) {
        plan->batch_index = b;
        plan->active_count =
            find_active(plan->base.inputs + (size_t)b * inputs, inputs, plan->active);
        eie_pool_run(plan->base.setup.pool, work, plan);
    }
    return EIE_OK;
}

/* Entries of one column over all PEs, and multiplications that the steps carry out for them. */
static void count_column(const struct plan *plan, uint32_t column, uint64_t *entries,
                         uint64_t *macs)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t step = plan->short_columns ? WORD_ENTRIES / 2 : WORD_ENTRIES;
    *entries = *macs = 0;
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t *start =
            layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1) + column;
        const uint32_t length = start[1] - start[0];
        *entries += length;
        *macs += length ? (length + step - 1) / step * step : step;
    }
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint64_t columns = 0, all_entries = 0, all_macs = 0, padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    for (uint32_t j = 0; j < layer->inputs; j++) {
        uint64_t entries, macs, active = 0; /* inputs of the batch that need this column */
        for (uint32_t b = 0; b < problem->batch; b++)
            active += plan->base.inputs[(size_t)b * layer->inputs + j] != 0;
        if (!active) continue;
        count_column(plan, j, &entries, &macs);
        columns++;
        all_entries += entries;
        all_macs += active * macs;
    }
    cost->macs_padding =
        all_macs - cost->macs_useful; /* padding entries, masked places of a step */
    cost->prepared_bytes = pointer_bytes(layer) + layer->entry_count;
    cost->bytes_read = all_entries + columns * layer->pe_count * sizeof(uint32_t) +
                       (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_scalar_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "scalar_eie_stream",
    .summary = "the paper's algorithm straight on the EIE stream, a thread plays a range of PEs",
    .isa = "x86-64",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
