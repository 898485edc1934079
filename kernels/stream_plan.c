#include "kernels/stream_plan.h"
#include "host/layer/numbers.h"

#include <stdlib.h>
#include <string.h>

#define ACC_PER_LINE 16u /* uint32 in 64 bytes */

struct plan {
    struct eie_cpu_plan base; /* a copy: column_start, then entries */
    eie_stream_play play;
    uint32_t *acc; /* [pe_count][acc_stride] */
    uint32_t acc_stride, active_count;
    struct eie_active *active;  /* [inputs + 1]: one spare, written past the last */
    uint32_t *products;         /* [inputs][16], or NULL */
    uint32_t *first_pe;         /* [threads + 1], about equal entries each */
    uint32_t batch_index, copy; /* of the product under way */
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

enum eie_status eie_stream_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                    struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    (void)error;
    *plan_bytes = pointer_bytes(layer) + layer->entry_count + eie_cpu_plan_bytes(problem) +
                  (uint64_t)layer->pe_count * acc_stride(layer) * sizeof(uint32_t) +
                  (uint64_t)layer->inputs *
                      (sizeof(struct eie_active) + EIE_CODEBOOK_SIZE * sizeof(uint32_t));
    return EIE_OK;
}

void eie_stream_destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->acc);
    free(plan->active);
    free(plan->products);
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

enum eie_status eie_stream_prepare(const struct eie_setup *setup, eie_stream_play play,
                                   bool want_products, struct eie_plan **opaque,
                                   struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const size_t pointers = pointer_bytes(layer);
    struct eie_cpu_plan *base;
    enum eie_status status = eie_cpu_plan_begin(
        setup, sizeof(struct plan), pointers + layer->entry_count + EIE_STREAM_SPARE, &base, error);
    if (status) return status;
    for (uint32_t c = 0; c < setup->copies; c++) {
        memcpy(base->copies[c], layer->column_start, pointers);
        if (layer->entry_count)
            memcpy((char *)base->copies[c] + pointers, layer->entries, layer->entry_count);
    }
    struct plan *plan = (struct plan *)base;
    plan->play = play;
    plan->acc_stride = acc_stride(layer);
    plan->acc = eie_aligned_zeroed((size_t)layer->pe_count * plan->acc_stride * sizeof(uint32_t));
    plan->active = eie_aligned_zeroed(((size_t)layer->inputs + 1) * sizeof *plan->active);
    plan->first_pe = calloc((size_t)setup->problem.threads + 1, sizeof *plan->first_pe);
    if (want_products)
        plan->products =
            eie_aligned_zeroed((size_t)layer->inputs * EIE_CODEBOOK_SIZE * sizeof(uint32_t));
    if (!plan->acc || !plan->active || !plan->first_pe || (want_products && !plan->products)) {
        eie_stream_destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the accumulators of layer %s",
                        layer->name);
    }
    share_pes(layer, setup->problem.threads, plan->first_pe);
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

/* A worker's part of the products of every active input with every shared weight. */
static void make_products(const struct plan *plan, uint32_t worker)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int16_t *codebook = problem->layer->codebook;
    const uint64_t count = plan->active_count;
    const uint32_t end = (uint32_t)(count * (worker + 1) / problem->threads);
    for (uint32_t k = (uint32_t)(count * worker / problem->threads); k < end; k++) {
        uint32_t *restrict product = plan->products + (size_t)k * EIE_CODEBOOK_SIZE;
        const int32_t value = plan->active[k].value;
        for (uint32_t c = 0; c < EIE_CODEBOOK_SIZE; c++)
            product[c] = (uint32_t)(codebook[c] * value);
    }
}

static void play_pe(const struct plan *plan, uint32_t pe)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t *column_start = plan->base.copies[plan->copy];
    const struct eie_stream stream = {
        .start = column_start + (size_t)pe * ((size_t)layer->inputs + 1),
        .entries = (const uint8_t *)column_start + pointer_bytes(layer),
        .active = plan->active,
        .codebook = layer->codebook,
        .products = plan->products,
        .active_count = plan->active_count,
        .rows = eie_layer_local_rows(layer, pe),
        .all_active = plan->active_count == layer->inputs,
    };
    uint32_t *acc = plan->acc + (size_t)pe * plan->acc_stride;
    memset(acc, 0, plan->acc_stride * sizeof *acc);
    plan->play(&stream, acc);
}

/* Natural row order; whole cache lines a worker, of the first input's y: those of the others begin
 * anywhere, and two workers may meet in one line. */
static void finish(const struct plan *plan, uint32_t worker)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const uint32_t shift = eie_layer_shift(layer), lines = (layer->outputs - 1) / 32 + 1;
    const uint32_t begin = (uint32_t)((uint64_t)lines * worker / problem->threads) * 32;
    uint32_t end = (uint32_t)((uint64_t)lines * (worker + 1) / problem->threads) * 32;
    if (end > layer->outputs) end = layer->outputs;
    int16_t *y = plan->base.outputs + (size_t)plan->batch_index * layer->outputs;
    uint32_t pe = begin % layer->pe_count, row = begin / layer->pe_count;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t sum = plan->acc[(size_t)pe * plan->acc_stride + row] +
                             (layer->bias ? (uint32_t)layer->bias[i] : 0);
        y[i] = eie_finish((int32_t)sum, layer->activation, shift);
        if (++pe == layer->pe_count) {
            pe = 0;
            row++;
        }
    }
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    struct eie_pool *pool = plan->base.setup.pool;
    if (plan->products) {
        make_products(plan, worker);
        eie_pool_barrier(pool, worker);
    }
    for (uint32_t pe = plan->first_pe[worker]; pe < plan->first_pe[worker + 1]; pe++)
        play_pe(plan, pe);
    eie_pool_barrier(pool, worker);
    finish(plan, worker);
}

/* The leading-non-zero detection: (index, value) pairs of the non-zero inputs. */
static uint32_t find_active(const int16_t *input, uint32_t inputs, struct eie_active *active)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < inputs; j++) {
        active[count] = (struct eie_active){j, input[j]};
        count += input[j] != 0;
    }
    return count;
}

enum eie_status eie_stream_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
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

void eie_stream_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint64_t columns = 0, entries = 0;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &cost->macs_padding);
    for (uint32_t j = 0; j < layer->inputs; j++) {
        bool active = false; /* for any input of the batch */
        for (uint32_t b = 0; b < problem->batch; b++)
            active |= plan->base.inputs[(size_t)b * layer->inputs + j] != 0;
        if (!active) continue;
        columns++;
        for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
            const uint32_t *start =
                layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1) + j;
            entries += start[1] - start[0];
        }
    }
    cost->adds = cost->macs_useful + cost->macs_padding;
    cost->prepared_bytes = pointer_bytes(layer) + layer->entry_count;
    cost->bytes_read = entries + columns * layer->pe_count * sizeof(uint32_t) +
                       (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(int16_t);
}
