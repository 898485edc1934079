/* The paper's algorithm straight on the EIE stream (eie_stream.cl): a PE is a work-item with its
 * own accumulators in local memory, and columns whose input is 0 are skipped. As in the chip, there
 * is as much to do at a time as there are PEs: a wide GPU is not filled by 64 of them. */
#include "kernels/opencl/plan.h"

#include <stdlib.h>
#include <string.h>

#define LANES_CPU 4u  /* of a group: several groups a core */
#define LANES_GPU 32u /* those that run in step */

static uint64_t pointer_count(const struct eie_layer *layer)
{
    return (uint64_t)layer->pe_count * ((uint64_t)layer->inputs + 1);
}

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return pointer_count(layer) * sizeof(uint32_t) + layer->entry_count;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    *plan_bytes = 2 * copy_bytes(problem->layer) + opencl_plan_vector_bytes(problem, false);
    return EIE_OK;
}

/* As many lanes as the device's local memory has accumulators for. */
static enum eie_status choose_lanes(const struct opencl_plan *plan, uint64_t *lanes,
                                    struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const struct eie_opencl_facts *facts = &plan->opencl->facts;
    const uint64_t pe_bytes = eie_layer_local_rows(layer, 0) * sizeof(uint32_t);
    const uint64_t room = facts->local_bytes > 256 ? facts->local_bytes - 256 : 0;
    *lanes = opencl_plan_group(plan, strcmp(facts->type, "cpu") ? LANES_GPU : LANES_CPU);
    while (*lanes > 1 && (*lanes / 2 >= layer->pe_count || *lanes * pe_bytes > room)) *lanes /= 2;
    if (pe_bytes <= room) return EIE_OK;
    return eie_fail(error, EIE_UNSUPPORTED,
                    "a PE's accumulators take %llu bytes, and the device has %llu of local memory",
                    (unsigned long long)pe_bytes, (unsigned long long)room);
}

static enum eie_status set_arguments(struct opencl_plan *plan, uint64_t lanes,
                                     struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const cl_uint numbers[] = {layer->inputs, layer->outputs, layer->pe_count,
                               layer->activation == EIE_ACTIVATION_RELU, eie_layer_shift(layer)};
    const size_t acc_bytes = lanes * eie_layer_local_rows(layer, 0) * sizeof(cl_uint);
    cl_uint at = 3;
    enum eie_status status = opencl_plan_set(plan, at++, sizeof(cl_mem), &plan->constants, error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = opencl_plan_set(plan, at++, sizeof numbers[i], &numbers[i], error);
    if (!status) status = opencl_plan_set(plan, at++, acc_bytes, NULL, error);
    if (!status)
        status = opencl_plan_set(plan, at++, EIE_CODEBOOK_SIZE * sizeof(cl_int), NULL, error);
    return status ? status : opencl_plan_shape(plan, layer->pe_count, lanes, error);
}

static enum eie_status fill(struct opencl_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const size_t pointers = pointer_count(layer) * sizeof(uint32_t);
    char *copy = malloc(plan->copy_bytes);
    if (!copy) return eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    memcpy(copy, layer->column_start, pointers);
    if (layer->entry_count) memcpy(copy + pointers, layer->entries, layer->entry_count);
    enum eie_status status = opencl_plan_fill(plan, copy, error);
    free(copy);
    return status;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct opencl_needs needs = {
        .name = "eie_stream", .options = "", .copy_bytes = copy_bytes(setup->problem.layer)};
    struct opencl_plan *plan;
    uint64_t lanes;
    enum eie_status status = opencl_plan_begin(setup, sizeof *plan, &needs, &plan, error);
    if (status) return status;
    status = choose_lanes(plan, &lanes, error);
    if (!status) status = fill(plan, error);
    if (!status) status = set_arguments(plan, lanes, error);
    if (!status) status = opencl_plan_first(plan, error);
    if (status)
        opencl_plan_end(plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct opencl_plan *plan = (const struct opencl_plan *)opaque;
    const struct eie_problem *problem = &plan->setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint64_t entries = 0, columns = 0;
    opencl_plan_count(plan, &cost->macs_useful, &cost->macs_padding);
    for (uint32_t j = 0; j < layer->inputs; j++) {
        bool active = false;
        for (uint32_t b = 0; b < problem->batch; b++)
            active = active || plan->inputs[(size_t)b * layer->inputs + j];
        columns += active;
        for (uint32_t pe = 0; active && pe < layer->pe_count; pe++) {
            const uint32_t *start = layer->column_start + pe * ((size_t)layer->inputs + 1) + j;
            entries += start[1] - start[0];
        }
    }
    cost->prepared_bytes = plan->copy_bytes;
    cost->bytes_read = entries + columns * layer->pe_count * 2 * sizeof(uint32_t) +
                       (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_opencl_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "opencl_eie_stream",
    .summary = "the paper's algorithm straight on the EIE stream, a PE is a work-item",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "opencl",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .supports = supports,
    .prepare = prepare,
    .load = opencl_plan_load,
    .run = opencl_plan_run,
    .wait = opencl_plan_wait,
    .read = opencl_plan_read,
    .cost = cost,
    .describe = opencl_plan_describe,
    .destroy = opencl_plan_destroy,
};
