/* A plain, correct kernel as a plug-in, for tests to break: each macro below can be defined before.
 * tests/cli/conftest.py (fixture `plugin`) does that. Statements may use what is in scope there:
 * `problem`, `plan`, `layer`, `cost`, `error` where the function has them. */
#include "host/layer/numbers.h"
#include "kernels/cpu_plan.h"
#include "kernels/plugin.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NAME
#define NAME "test_kernel"
#endif
#ifndef ON_LOADING /* in a constructor: while the shared object is loaded */
#define ON_LOADING
#endif
#ifndef ON_PROBE /* first statement of each function */
#define ON_PROBE
#endif
#ifndef ON_SUPPORTS
#define ON_SUPPORTS
#endif
#ifndef ON_PREPARE
#define ON_PREPARE
#endif
#ifndef ON_LOAD
#define ON_LOAD
#endif
#ifndef ON_RUN
#define ON_RUN
#endif
#ifndef AFTER_RUN /* the outputs are there, in plan->outputs */
#define AFTER_RUN
#endif
#ifndef ON_WAIT
#define ON_WAIT
#endif
#ifndef ON_READ
#define ON_READ
#endif
#ifndef AFTER_COST /* *cost is filled in */
#define AFTER_COST
#endif
#ifndef ON_DESTROY
#define ON_DESTROY
#endif
#ifndef MEMBERS /* further members of the kernel, or other values: .run = NULL */
#define MEMBERS .cpu_features = 0
#endif
#ifndef PLUGIN
#define PLUGIN EIE_PLUGIN(&kernel)
#endif

__attribute__((constructor)) static void loading(void)
{
    ON_LOADING;
}

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device, (void)error;
    ON_PROBE;
    return EIE_OK;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    ON_SUPPORTS;
    *plan_bytes = eie_cpu_plan_vector_bytes(problem) +
                  (uint64_t)problem->layer->outputs * problem->layer->inputs * sizeof(int16_t);
    return EIE_OK;
}

/* A copy is the dense matrix, so that memory matters to a test that wants it to. */
static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **made,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *plan;
    ON_PREPARE;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status =
        eie_cpu_plan_begin(setup, sizeof *plan,
                           (size_t)layer->outputs * layer->inputs * sizeof(int16_t), &plan, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++)
        for (uint32_t j = 0; j < layer->inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
                ((int16_t *)plan->copies[c])[(size_t)codes.row[e] * layer->inputs + j] =
                    layer->codebook[codes.code[e]];
    eie_sparse_codes_free(&codes);
    if (!status) *made = (struct eie_plan *)plan;
    return status;
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct eie_cpu_plan *plan = (struct eie_cpu_plan *)opaque;
    ON_LOAD;
    return eie_cpu_plan_load((struct eie_plan *)plan, inputs, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct eie_cpu_plan *plan = (struct eie_cpu_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const struct eie_layer *layer = problem->layer;
    (void)error;
    ON_RUN;
    for (uint32_t b = 0; b < problem->batch; b++) {
        const int16_t *input = plan->inputs + (size_t)b * layer->inputs;
        for (uint32_t i = 0; i < layer->outputs; i++) {
            const int16_t *row = (const int16_t *)plan->copies[copy] + (size_t)i * layer->inputs;
            uint32_t sum = layer->bias ? (uint32_t)layer->bias[i] : 0;
            for (uint32_t j = 0; j < layer->inputs; j++)
                sum = eie_accumulate(sum, row[j], input[j]);
            plan->outputs[(size_t)b * layer->outputs + i] =
                eie_finish((int32_t)sum, layer->activation, eie_layer_shift(layer));
        }
    }
    AFTER_RUN;
    return EIE_OK;
}

static enum eie_status wait(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    ON_WAIT;
    return eie_cpu_plan_wait(plan, outcome, error);
}

static enum eie_status read_outputs(struct eie_plan *plan, void *y, struct eie_error *error)
{
    ON_READ;
    return eie_cpu_plan_read(plan, y, error);
}

static void count(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct eie_cpu_plan *plan = (const struct eie_cpu_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t padding;
    eie_cpu_plan_count(plan, &cost->macs_useful, &padding);
    cost->macs_padding = batch * inputs * outputs - cost->macs_useful;
    cost->prepared_bytes = inputs * outputs * sizeof(int16_t);
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(int16_t);
    cost->bytes_written = batch * outputs * sizeof(int16_t);
    AFTER_COST;
}

static void destroy(struct eie_plan *plan)
{
    ON_DESTROY;
    eie_cpu_plan_destroy(plan);
}

static const struct eie_kernel kernel = {
    .abi = EIE_KERNEL_ABI,
    .name = NAME,
    .summary = "a plug-in of the tests",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = wait,
    .read = read_outputs,
    .cost = count,
    .destroy = destroy,
    MEMBERS,
};

PLUGIN
