/* The sparse baseline on a device: the decoded weights as compressed sparse rows in float32, a row
 * a work-item (csr_float32.cl). Computes W a and stops there. */
#include "kernels/csr.h"
#include "kernels/opencl/plan.h"

#include <stdlib.h>

#define GROUP_CPU 16u
#define GROUP_GPU 64u

struct plan {
    struct opencl_plan base;
    uint32_t nonzeros;
};

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX || layer->entry_count > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more columns or weights than an int can count");
    *plan_bytes =
        2 * csr_bytes(layer->outputs, layer->entry_count) + opencl_plan_vector_bytes(problem, true);
    return EIE_OK;
}

static enum eie_status make_copy(const struct eie_layer *layer, void **copy, uint32_t *nonzeros,
                                 struct eie_error *error)
{
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    *nonzeros = codes.column_start[codes.inputs];
    *copy = malloc(csr_bytes(layer->outputs, *nonzeros));
    if (*copy) {
        const struct csr csr = csr_at(*copy, layer->outputs, *nonzeros);
        csr_by_row(layer, &codes, &csr);
    } else {
        status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    }
    eie_sparse_codes_free(&codes);
    return status;
}

static enum eie_status set_arguments(struct opencl_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const cl_uint inputs = layer->inputs, outputs = layer->outputs;
    const bool cpu = plan->opencl->facts.type[0] == 'c';
    enum eie_status status = opencl_plan_set(plan, 3, sizeof inputs, &inputs, error);
    if (!status) status = opencl_plan_set(plan, 4, sizeof outputs, &outputs, error);
    if (status) return status;
    return opencl_plan_shape(plan, outputs, opencl_plan_group(plan, cpu ? GROUP_CPU : GROUP_GPU),
                             error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct opencl_plan *base;
    void *copy;
    uint32_t nonzeros;
    enum eie_status status = make_copy(layer, &copy, &nonzeros, error);
    if (status) return status;
    const struct opencl_needs needs = {.name = "csr_float32",
                                       .options = "",
                                       .copy_bytes = csr_bytes(layer->outputs, nonzeros),
                                       .floats = true};
    status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status) goto end;
    ((struct plan *)base)->nonzeros = nonzeros;
    status = opencl_plan_fill(base, copy, error);
    if (!status) status = set_arguments(base, error);
    if (!status) status = opencl_plan_first(base, error);
    if (status)
        opencl_plan_end(base);
    else
        *opaque = (struct eie_plan *)base;
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
    /* inputs of 0 are multiplied too */
    cost->macs_padding = (uint64_t)problem->batch * plan->nonzeros - cost->macs_useful;
    cost->prepared_bytes = plan->base.copy_bytes;
    cost->bytes_read =
        cost->prepared_bytes + (uint64_t)problem->batch * problem->layer->inputs * sizeof(float);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(float);
}

const struct eie_kernel eie_kernel_opencl_csr_float32 = {
    .abi = EIE_KERNEL_ABI,
    .name = "opencl_csr_float32",
    .summary = "compressed sparse rows in float32, a row a work-item",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "opencl",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
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
