/* For GPUs: a row has several work-items that run in step (row_lanes.cl), a sub-group where the
 * device has them; neighbouring ones read neighbouring weights, and the products by inputs of 0 are
 * done, since skipping them would leave lanes idle. Four bytes a weight: what counts here is that
 * nothing waits for a decoder. On a processor a row has one work-item. */
#include "kernels/opencl/plan.h"
#include "kernels/row_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX   (UINT32_C(1) << 28) /* a column is kept in 28 bits */
#define TILE         4u                  /* as in row_lanes.cl */
#define LANES_GPU    32u
#define LANES_VECTOR 16u
#define ROWS_GROUP   4u  /* of a group with several lanes a row */
#define ROWS_ALONE   16u /* with one */

struct plan {
    struct opencl_plan base;
    uint64_t nonzeros;
    uint32_t lanes; /* of a row */
};

static uint64_t copy_bytes(const struct eie_layer *layer, uint64_t nonzeros)
{
    return ((uint64_t)layer->outputs + 1 + nonzeros) * sizeof(uint32_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: columns are 28 bits wide",
                        layer->inputs);
    *plan_bytes = 2 * copy_bytes(layer, layer->entry_count) + 5 * (uint64_t)layer->entry_count +
                  16 * (uint64_t)layer->outputs + opencl_plan_vector_bytes(problem, false);
    return EIE_OK;
}

static enum eie_status make_copy(const struct eie_layer *layer, uint32_t **copy, uint64_t *nonzeros,
                                 struct eie_error *error)
{
    struct eie_row_lists rows;
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    *nonzeros = rows.start[layer->outputs];
    *copy = malloc(copy_bytes(layer, *nonzeros));
    if (*copy) {
        uint32_t *entry = *copy + layer->outputs + 1;
        memcpy(*copy, rows.start, ((size_t)layer->outputs + 1) * sizeof **copy);
        for (size_t e = 0; e < *nonzeros; e++) entry[e] = rows.column[e] << 4 | rows.code[e];
    } else {
        status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    }
    eie_row_lists_free(&rows);
    return status;
}

static enum eie_status set_arguments(struct plan *plan, struct eie_error *error)
{
    struct opencl_plan *base = &plan->base;
    const struct eie_problem *problem = &base->setup.problem;
    const struct eie_layer *layer = problem->layer;
    const cl_uint numbers[] = {layer->inputs, layer->outputs, problem->batch,
                               layer->activation == EIE_ACTIVATION_RELU, eie_layer_shift(layer)};
    const uint32_t wanted = plan->lanes > 1 ? ROWS_GROUP * plan->lanes : ROWS_ALONE;
    const uint64_t group = opencl_plan_group(base, wanted);
    cl_uint at = 3;
    if (group < plan->lanes) /* a row's lanes must lie in one group */
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a row has %u work-items, and the device takes groups of %u", plan->lanes,
                        (unsigned)group);
    enum eie_status status = opencl_plan_set(base, at++, sizeof(cl_mem), &base->constants, error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = opencl_plan_set(base, at++, sizeof numbers[i], &numbers[i], error);
    if (!status) status = opencl_plan_set(base, at++, group * sizeof(cl_uint), NULL, error);
    if (!status)
        status = opencl_plan_shape(base, (uint64_t)layer->outputs * plan->lanes, group, error);
    base->global[1] = (problem->batch + TILE - 1) / TILE;
    return status;
}

/* A driver for processors that has sub-groups runs their work-items in vector lanes. */
static uint32_t choose_lanes(const struct eie_opencl_facts *facts)
{
    if (strcmp(facts->type, "cpu") != 0) return LANES_GPU;
    return facts->sub_groups ? LANES_VECTOR : 1;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_opencl *opencl;
    struct opencl_plan *base;
    uint32_t *copy;
    uint64_t nonzeros;
    char options[64];
    enum eie_status status = eie_opencl_open(setup->problem.device, &opencl, error);
    if (!status) status = make_copy(layer, &copy, &nonzeros, error);
    if (status) return status;
    const uint32_t lanes = choose_lanes(&opencl->facts);
    snprintf(options, sizeof options, "-D LANES=%u%s", lanes,
             !opencl->facts.sub_groups                               ? ""
             : !strncmp(opencl->facts.device_version, "OpenCL 2", 8) ? " -cl-std=CL2.0"
                                                                     : " -cl-std=CL3.0");
    const struct opencl_needs needs = {
        .name = "row_lanes", .options = options, .copy_bytes = copy_bytes(layer, nonzeros)};
    status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    plan->nonzeros = nonzeros;
    plan->lanes = lanes;
    status = opencl_plan_fill(base, copy, error);
    if (!status) status = set_arguments(plan, error);
    if (!status) status = opencl_plan_first(base, error);
    if (status)
        opencl_plan_end(base);
    else
        *opaque = (struct eie_plan *)plan;
end:
    free(copy);
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    uint64_t padding;
    opencl_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = plan->nonzeros * problem->batch - cost->macs_useful; /* inputs of 0 */
    cost->prepared_bytes = plan->base.copy_bytes;
    cost->bytes_read =
        plan->base.copy_bytes + (uint64_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_opencl_row_lanes = {
    .abi = EIE_KERNEL_ABI,
    .name = "opencl_row_lanes",
    .summary = "for GPUs: several work-items a row, a sub-group where the device has them",
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
