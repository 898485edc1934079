/* The dense product on the toy (toy_runtime.c): a kernel of a device that a runtime finds. It
 * states the runtime's word, has no threads, and its wait tells the device's own time. */
#include "host/base/clock.h"
#include "host/layer/numbers.h"
#include "kernels/cpu_plan.h"
#include "tests/toys/toy.h"

#include <stdio.h>
#include <unistd.h>

struct plan {
    struct eie_cpu_plan base; /* copies: int16 [outputs][inputs] */
    double device_ns;         /* of the last run */
};

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return (uint64_t)layer->outputs * layer->inputs * sizeof(int16_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    *plan_bytes = eie_cpu_plan_bytes(problem) + copy_bytes(problem->layer);
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **made,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *plan;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), copy_bytes(layer), &plan, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++)
        for (uint32_t j = 0; j < layer->inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
                ((int16_t *)plan->copies[c])[(size_t)codes.row[e] * layer->inputs + j] =
                    layer->codebook[codes.code[e]];
    eie_sparse_codes_free(&codes);
    if (!status) *made = (struct eie_plan *)plan;
    return status;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const double begin = eie_now_s();
    if (toy_asked("lost") && access("lost", F_OK)) {
        FILE *file = fopen("lost", "w");
        if (file) fclose(file);
        toy_lost = true;
        return eie_fail(error, EIE_SYSTEM, "the toy has fallen down");
    }
    for (uint32_t b = 0; b < problem->batch; b++) {
        const int16_t *input = plan->base.inputs + (size_t)b * layer->inputs;
        for (uint32_t i = 0; i < layer->outputs; i++) {
            const int16_t *row = (int16_t *)plan->base.copies[copy] + (size_t)i * layer->inputs;
            uint32_t sum = layer->bias ? (uint32_t)layer->bias[i] : 0;
            for (uint32_t j = 0; j < layer->inputs; j++)
                sum = eie_accumulate(sum, row[j], input[j]);
            plan->base.outputs[(size_t)b * layer->outputs + i] =
                eie_finish((int32_t)sum, layer->activation, eie_layer_shift(layer));
        }
    }
    plan->device_ns = 1e9 * (eie_now_s() - begin);
    return EIE_OK;
}

static enum eie_status wait_for(struct eie_plan *opaque, struct eie_outcome *outcome,
                                struct eie_error *error)
{
    (void)error;
    outcome->device_ns = ((const struct plan *)opaque)->device_ns;
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct eie_cpu_plan *plan = (const struct eie_cpu_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs;
    uint64_t padding;
    eie_cpu_plan_count(plan, &cost->macs_useful, &padding);
    cost->macs_padding = batch * inputs * problem->layer->outputs - cost->macs_useful;
    cost->prepared_bytes = copy_bytes(problem->layer);
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(int16_t);
    cost->bytes_written = batch * problem->layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_toy_dense = {
    .abi = EIE_KERNEL_ABI,
    .name = "toy_dense",
    .summary = "the dense product on the toy",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "toy",
    .flags = EIE_KERNEL_EXACT,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = wait_for,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = eie_cpu_plan_destroy,
};
