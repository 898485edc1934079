/* A complete kernel to start from: compressed sparse rows (CSR) with decoded 16-bit weights, rows
 * shared among threads. It is exact and threaded, in plain C, and leaves the idea to you: it reads
 * every weight, also where the input is 0, and uses no SIMD of its own.
 *
 * What happens to it (kernels/kernel.h is the contract):
 *   supports   can it do this layer, and how much memory will a plan take?
 *   prepare    once for a layer, a batch and a number of threads; timed on its own
 *   load       the inputs are copied in
 *   run, wait  what is timed: all that depends on the inputs belongs here
 *   read       the outputs are copied out and compared, bit for bit
 *   cost       how much was computed and read, counted exactly. The row's roofline bound comes from
 * it: the least time that the machine's measured ceilings allow. A row faster than that is suspect,
 * so a cost that claims too much takes the kernel out of every headline destroy load, wait and read
 * come from kernels/cpu_plan.h, which does the part that all CPU kernels share.
 *
 * To make it a kernel of the program instead of a plug-in: docs/add-kernel.md. */
#include "host/layer/numbers.h"
#include "kernels/cpu_plan.h"
#include "kernels/plugin.h"

#include <stdlib.h>
#include <string.h>

/* One copy of the matrix: three arrays in one allocation. A plan holds several such copies when
 * cold caches are measured; run is told which one to use. */
struct matrix {
    uint32_t *row_start; /* [outputs + 1] */
    uint32_t *column;    /* [nonzeros] */
    int16_t *weight;     /* [nonzeros] */
};

struct plan {
    struct eie_cpu_plan base; /* first: inputs, outputs, copies, and what was asked for */
    uint32_t *first_row;      /* [threads + 1]: worker t has the rows first_row[t].. */
    uint32_t nonzeros;
    uint32_t copy; /* of the run under way, for the workers */
};

/* ---- the form of the weights ---------------------------------------------------------------- */

static uint64_t copy_bytes(const struct eie_layer *layer, uint64_t nonzeros)
{
    return ((uint64_t)layer->outputs + 1) * sizeof(uint32_t) +
           nonzeros * (sizeof(uint32_t) + sizeof(int16_t));
}

static struct matrix matrix_of(void *copy, const struct eie_layer *layer, uint32_t nonzeros)
{
    struct matrix matrix;
    matrix.row_start = copy;
    matrix.column = matrix.row_start + layer->outputs + 1;
    matrix.weight = (int16_t *)(matrix.column + nonzeros);
    return matrix;
}

/* From columns to rows. The codes are decoded here, once, so that run need not. */
static void fill(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                 const struct matrix *to)
{
    const uint32_t nonzeros = codes->column_start[codes->inputs];
    /* count the entries of row i at [i + 1], then add up: [i] is where row i begins */
    for (uint32_t e = 0; e < nonzeros; e++) to->row_start[codes->row[e] + 1]++;
    for (uint32_t i = 0; i < layer->outputs; i++) to->row_start[i + 1] += to->row_start[i];
    /* deal the entries out, moving each row's begin along, and push the begins back in the end */
    for (uint32_t j = 0; j < codes->inputs; j++) {
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t at = to->row_start[codes->row[e]]++;
            to->column[at] = j;
            to->weight[at] = layer->codebook[codes->code[e]];
        }
    }
    memmove(to->row_start + 1, to->row_start, layer->outputs * sizeof *to->row_start);
    to->row_start[0] = 0;
}

/* Ranges of rows with about equal numbers of weights: rows are of very different lengths. */
static void share_rows(const struct eie_layer *layer, const struct matrix *matrix, uint32_t threads,
                       uint32_t *first_row)
{
    const uint64_t nonzeros = matrix->row_start[layer->outputs];
    uint32_t row = 0;
    for (uint32_t t = 0; t < threads; t++) {
        first_row[t] = row;
        while (row < layer->outputs && matrix->row_start[row] < nonzeros * (t + 1) / threads) row++;
    }
    first_row[threads] = layer->outputs;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error; /* a kernel that cannot do a layer: return eie_fail(error, EIE_UNSUPPORTED, why) */
    /* at most one weight for each entry; prepare holds the decoded codes as well for a while */
    const uint64_t entries = problem->layer->entry_count;
    *plan_bytes = copy_bytes(problem->layer, entries) + eie_cpu_plan_bytes(problem) + entries * 5 +
                  ((uint64_t)problem->layer->inputs + 1) * sizeof(uint32_t);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->first_row);
    eie_cpu_plan_end(&plan->base);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    const uint32_t nonzeros = codes.column_start[layer->inputs];
    status =
        eie_cpu_plan_begin(setup, sizeof(struct plan), copy_bytes(layer, nonzeros), &base, error);
    if (!status) {
        struct plan *plan = (struct plan *)base;
        plan->nonzeros = nonzeros;
        plan->first_row = calloc((size_t)threads + 1, sizeof *plan->first_row);
        for (uint32_t c = 0; c < setup->copies; c++) {
            const struct matrix matrix = matrix_of(base->copies[c], layer, nonzeros);
            fill(layer, &codes, &matrix);
            if (plan->first_row) share_rows(layer, &matrix, threads, plan->first_row);
        }
        *opaque = (struct eie_plan *)plan;
        if (!plan->first_row) {
            destroy(*opaque);
            status =
                eie_fail(error, EIE_MEMORY, "out of memory for a plan of layer %s", layer->name);
        }
    }
    eie_sparse_codes_free(&codes);
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

/* What one worker does: its rows, for every input of the batch. Rows are written by one worker
 * alone, so that nobody has to wait for anybody (eie_pool_barrier is for kernels that must). */
static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const struct matrix matrix = matrix_of(plan->base.copies[plan->copy], layer, plan->nonzeros);
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t b = 0; b < problem->batch; b++) {
        const int16_t *restrict input = plan->base.inputs + (size_t)b * layer->inputs;
        int16_t *restrict output = plan->base.outputs + (size_t)b * layer->outputs;
        for (uint32_t i = plan->first_row[worker]; i < plan->first_row[worker + 1]; i++) {
            /* sums wrap modulo 2^32 as the contract allows; the final one fits int32 */
            uint32_t sum = layer->bias ? (uint32_t)layer->bias[i] : 0;
            for (uint32_t e = matrix.row_start[i]; e < matrix.row_start[i + 1]; e++)
                sum = eie_accumulate(sum, matrix.weight[e], input[matrix.column[e]]);
            output[i] = eie_finish((int32_t)sum, layer->activation, shift);
        }
    }
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    (void)error;
    plan->copy = copy;
    eie_pool_run(plan->base.setup.pool, work, plan); /* the caller is worker 0 */
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    uint64_t entries_of_padding; /* of the layer's own form; this one has none */
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &entries_of_padding);
    /* every weight is multiplied, whatever the input: what is not useful is padding */
    cost->macs_padding = (uint64_t)plan->nonzeros * problem->batch - cost->macs_useful;
    cost->prepared_bytes = copy_bytes(problem->layer, plan->nonzeros);
    cost->bytes_read =
        cost->prepared_bytes + (uint64_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
    /* cost->adds stays 0: sums are kept in registers, not added to in memory entry by entry */
}

static const struct eie_kernel csr_rows = {
    .abi = EIE_KERNEL_ABI,
    .name = "example_csr_rows",
    .summary = "decoded weights by rows (CSR), rows shared among threads: a plug-in to start from",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    /* .cpu_features = EIE_CPU_AVX2, where the code needs it: then it is skipped elsewhere */
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
    /* NULL here: probe (what cpu_features cannot say of the machine), describe (further columns of
     * the row, such as a block size that was chosen), pass (a device's own clock) */
};

EIE_PLUGIN(&csr_rows)
