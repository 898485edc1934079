#include "kernels/float_product.h"

#include <stdlib.h>

#define VECTOR_MOST 16u /* floats */
#define ROWS_SHARE  12u /* a thread's share of dense rows is a multiple of this */
#define TURNED_ROWS 16u /* rows that are turned back at once: a line of each input's outputs */

struct plan {
    struct float_plan base;
    const struct float_functions *functions;
    uint32_t lanes;
    float *x, *y; /* turned; NULL for one input */
    uint32_t copy;
};

static uint32_t lanes_of(uint32_t batch, uint32_t vector)
{
    return (batch + vector - 1) / vector * vector;
}

enum eie_status float_product_supports(const struct eie_problem *problem, enum eie_float_form form,
                                       uint64_t *plan_bytes, struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX || problem->batch > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %d fit", layer->inputs,
                        INT32_MAX);
    if (form == EIE_FLOAT_CSR && layer->entry_count > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u weights, at most %d fit", layer->entry_count,
                        INT32_MAX);
    const uint64_t lanes = problem->batch == 1 ? 0 : (uint64_t)problem->batch + VECTOR_MOST;
    const uint64_t turned =
        lanes * ((uint64_t)layer->inputs + layer->outputs) * sizeof(float) + 4096;
    *plan_bytes = float_plan_bytes_with(problem, form, turned);
    return EIE_OK;
}

void float_product_destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->x);
    free(plan->y);
    float_plan_end(&plan->base);
}

enum eie_status float_product_prepare(const struct eie_setup *setup, enum eie_float_form form,
                                      const struct float_functions *functions,
                                      struct eie_plan **opaque, struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    struct float_plan *base;
    enum eie_status status = float_plan_begin_with(setup, form, sizeof(struct plan), &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->functions = functions;
    plan->lanes = lanes_of(problem->batch, functions->vector);
    if (problem->batch > 1) {
        plan->x = eie_aligned_zeroed((size_t)plan->lanes * problem->layer->inputs * sizeof(float));
        plan->y = eie_aligned_zeroed((size_t)plan->lanes * problem->layer->outputs * sizeof(float));
        if (!plan->x || !plan->y) {
            float_product_destroy((struct eie_plan *)plan);
            return eie_fail(error, EIE_MEMORY, "out of memory for vectors of layer %s",
                            problem->layer->name);
        }
    }
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

/* ---- turning --------------------------------------------------------------------------------- */

/* Inputs `begin` to `end` of all vectors, to where the block of each begins. */
static void turn_inputs(const struct plan *plan, uint32_t begin, uint32_t end)
{
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const size_t inputs = problem->layer->inputs;
    const uint32_t most = plan->functions->vector * plan->functions->block;
    for (uint32_t first = 0; first < problem->batch; first += most) {
        const uint32_t left = plan->lanes - first, width = left < most ? left : most;
        const uint32_t count = problem->batch - first < width ? problem->batch - first : width;
        float *block = plan->x + first * inputs;
        for (uint32_t j = begin; j < end; j += TURNED_ROWS) {
            const uint32_t stop = end - j < TURNED_ROWS ? end : j + TURNED_ROWS;
            for (uint32_t b = 0; b < count; b++) {
                const float *restrict x = plan->base.x + (first + b) * inputs;
                for (uint32_t i = j; i < stop; i++) block[(size_t)i * width + b] = x[i];
            }
        }
    }
}

static void turn_outputs(const struct plan *plan, uint32_t begin, uint32_t end)
{
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const size_t outputs = problem->layer->outputs;
    for (uint32_t i = begin; i < end; i += TURNED_ROWS) {
        const uint32_t stop = end - i < TURNED_ROWS ? end : i + TURNED_ROWS;
        for (uint32_t b = 0; b < problem->batch; b++) {
            float *restrict y = plan->base.y + b * outputs;
            for (uint32_t r = i; r < stop; r++) y[r] = plan->y[(size_t)r * plan->lanes + b];
        }
    }
}

/* ---- the product ----------------------------------------------------------------------------- */

static uint32_t share(uint32_t count, uint32_t step, uint32_t worker, uint32_t threads)
{
    const uint64_t steps = ((uint64_t)count + step - 1) / step;
    const uint64_t at = steps * worker / threads * step;
    return at < count ? (uint32_t)at : count;
}

/* The first row of a worker's share: as many weights for each. */
static uint32_t share_csr(const struct csr *csr, uint32_t outputs, uint32_t worker,
                          uint32_t threads)
{
    const int64_t all = csr->start[outputs], wanted = all * worker / threads;
    uint32_t low = 0, high = outputs;
    if (worker == threads) return outputs;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (csr->start[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_setup *setup = &plan->base.base.setup;
    const uint32_t inputs = setup->problem.layer->inputs, outputs = setup->problem.layer->outputs,
                   threads = setup->problem.threads;
    const bool several = setup->problem.batch > 1;
    struct float_rows rows = {.inputs = inputs,
                              .lanes = plan->lanes,
                              .x = several ? plan->x : plan->base.x,
                              .y = several ? plan->y : plan->base.y};
    if (several) {
        turn_inputs(plan, share(inputs, TURNED_ROWS, worker, threads),
                    share(inputs, TURNED_ROWS, worker + 1, threads));
        eie_pool_barrier(setup->pool, worker);
    }
    if (plan->base.weights->form == EIE_FLOAT_CSR) {
        rows.csr = float_plan_csr(&plan->base, plan->copy);
        rows.begin = share_csr(&rows.csr, outputs, worker, threads);
        rows.end = share_csr(&rows.csr, outputs, worker + 1, threads);
    } else {
        rows.dense = float_plan_dense(&plan->base, plan->copy);
        rows.begin = share(outputs, ROWS_SHARE, worker, threads);
        rows.end = share(outputs, ROWS_SHARE, worker + 1, threads);
    }
    if (several) {
        plan->functions->several(&rows);
        turn_outputs(plan, rows.begin, rows.end);
    } else {
        plan->functions->one(&rows);
    }
}

enum eie_status float_product_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    (void)error;
    plan->copy = copy;
    eie_pool_run(plan->base.base.setup.pool, work, plan);
    return EIE_OK;
}
