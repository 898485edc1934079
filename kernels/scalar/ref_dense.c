/* The oracle: the layer decoded to a dense matrix by a decoder of its own, every product summed in
 * int64. Slow and plain on purpose; it shares neither
 * decoder nor sums with the kernels that it judges, only the final rounding (eie_finish). */
#include "kernels/scalar/ref_dense.h"
#include "host/layer/numbers.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>

static size_t dense_bytes(const struct eie_layer *layer)
{
    return (size_t)layer->outputs * layer->inputs * sizeof(int16_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    /* while it is filled in, the codes are there too */
    *plan_bytes = dense_bytes(problem->layer) / 2 * 3 + eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

/* Own decoder: one pass over the entry stream, a cursor over the pointers tells column and PE. */
void eie_ref_decode(const struct eie_layer *layer, uint8_t *dense)
{
    const uint64_t stride = (uint64_t)layer->inputs + 1, pointers = stride * layer->pe_count;
    uint64_t pointer = 0, row_in_pe = 0;
    for (uint64_t e = 0; e < layer->entry_count; e++) {
        while (pointer + 1 < pointers && layer->column_start[pointer + 1] <= e) {
            pointer++;
            row_in_pe = 0;
        }
        const uint64_t pe = pointer / stride, column = pointer % stride;
        const uint8_t code = layer->entries[e] / 16, run = layer->entries[e] % 16;
        row_in_pe += run;
        if (code) dense[(row_in_pe * layer->pe_count + pe) * layer->inputs + column] = code;
        row_in_pe++;
    }
}

static enum eie_status fill(const struct eie_layer *layer, int16_t *dense)
{
    const size_t places = (size_t)layer->outputs * layer->inputs;
    uint8_t *codes = calloc(places, 1);
    if (!codes) return EIE_MEMORY;
    eie_ref_decode(layer, codes);
    for (size_t i = 0; i < places; i++) dense[i] = layer->codebook[codes[i]];
    free(codes);
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_cpu_plan *plan;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof *plan, dense_bytes(layer), &plan, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++) {
        if (fill(layer, plan->copies[c]) == EIE_OK) continue;
        status = eie_fail(error, EIE_MEMORY, "out of memory to decode layer %s", layer->name);
        eie_cpu_plan_end(plan);
    }
    if (!status) *opaque = (struct eie_plan *)plan;
    return status;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    const struct eie_cpu_plan *plan = (const struct eie_cpu_plan *)opaque;
    const struct eie_layer *layer = plan->setup.problem.layer;
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t b = 0; b < plan->setup.problem.batch; b++) {
        const int16_t *a = plan->inputs + (size_t)b * layer->inputs;
        for (uint32_t i = 0; i < layer->outputs; i++) {
            const int16_t *w = (const int16_t *)plan->copies[copy] + (size_t)i * layer->inputs;
            int64_t sum = layer->bias ? layer->bias[i] : 0;
            for (uint32_t j = 0; j < layer->inputs; j++) sum += (int64_t)w[j] * a[j];
            if (sum < INT32_MIN || sum > INT32_MAX)
                return eie_fail(error, EIE_INPUT,
                                "layer %s: output %u of input %u sums to %lld, which leaves int32",
                                layer->name, i, b, (long long)sum);
            plan->outputs[(size_t)b * layer->outputs + i] =
                eie_finish((int32_t)sum, layer->activation, shift);
        }
    }
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct eie_cpu_plan *plan = (const struct eie_cpu_plan *)opaque;
    const struct eie_layer *layer = plan->setup.problem.layer;
    eie_cpu_plan_cost(plan, (uint64_t)layer->inputs * layer->outputs, dense_bytes(layer), cost);
}

const struct eie_kernel eie_kernel_scalar_ref_dense = {
    .abi = EIE_KERNEL_ABI,
    .name = "scalar_ref_dense",
    .summary = "the oracle: dense matrix, int64 sums, own decoder",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_REFERENCE,
    .max_threads = 1,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = eie_cpu_plan_destroy,
};
