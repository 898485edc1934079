#include "kernels/peers/clblast.h"
#include "host/base/library.h"

#include <stdlib.h>

static void *library;

enum eie_status clblast_probe(const char *name, void *function, struct eie_error *error)
{
    static const char *const names[] = {"libclblast.so.1", "libclblast.so", NULL};
    const struct eie_library_need need[] = {{name, function}, {NULL, NULL}};
    enum eie_status status = EIE_OK;
    if (!library) status = eie_library_open(names, "EIE_CLBLAST", &library, error);
    return status ? status : eie_library_symbols(library, need, error);
}

enum eie_status clblast_status(int code, const char *what, struct eie_error *error)
{
    enum { BUFFER_ALLOCATION_FAILS = -4, TEMPORARY_BUFFER_FAILS = -2042 };
    if (!code) return EIE_OK;
    return eie_fail(error,
                    code == BUFFER_ALLOCATION_FAILS || code == TEMPORARY_BUFFER_FAILS ? EIE_MEMORY
                                                                                      : EIE_SYSTEM,
                    "%s fails with its code %d", what, code);
}

static uint64_t dense_bytes(const struct eie_layer *layer)
{
    return (uint64_t)layer->outputs * layer->inputs * sizeof(float);
}

enum eie_status clblast_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                 struct eie_error *error)
{
    (void)error;
    /* while it is filled in, the matrix stands on the host too */
    *plan_bytes = 2 * dense_bytes(problem->layer) + opencl_plan_vector_bytes(problem, true);
    return EIE_OK;
}

void clblast_destroy(struct eie_plan *opaque)
{
    struct clblast_plan *plan = (struct clblast_plan *)opaque;
    if (!plan) return;
    if (plan->begin) eie_cl.ReleaseEvent(plan->begin);
    opencl_plan_end(&plan->base);
}

static enum eie_status fill(struct clblast_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    float *dense = calloc((size_t)layer->outputs * layer->inputs, sizeof *dense);
    if (dense) {
        for (uint32_t j = 0; j < codes.inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
                dense[(size_t)codes.row[e] * codes.inputs + j] = layer->codebook[codes.code[e]];
        status = opencl_plan_fill(&plan->base, dense, error);
    } else {
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the matrix of layer %s", layer->name);
    }
    free(dense);
    eie_sparse_codes_free(&codes);
    return status;
}

enum eie_status clblast_prepare(const struct eie_setup *setup,
                                enum eie_status (*run)(struct eie_plan *plan, uint32_t copy,
                                                       struct eie_error *error),
                                struct eie_plan **opaque, struct eie_error *error)
{
    const struct opencl_needs needs = {.copy_bytes = dense_bytes(setup->problem.layer),
                                       .floats = true};
    struct eie_outcome outcome;
    struct opencl_plan *base;
    enum eie_status status =
        opencl_plan_begin(setup, sizeof(struct clblast_plan), &needs, &base, error);
    if (status) return status;
    struct eie_plan *plan = (struct eie_plan *)base;
    status = fill((struct clblast_plan *)base, error);
    if (!status) status = opencl_plan_load(plan, base->inputs, error);
    if (!status) status = run(plan, 0, error);
    if (!status) status = clblast_wait(plan, &outcome, error);
    if (status)
        clblast_destroy(plan);
    else
        *opaque = plan;
    return status;
}

enum eie_status clblast_wait(struct eie_plan *opaque, struct eie_outcome *outcome,
                             struct eie_error *error)
{
    struct clblast_plan *plan = (struct clblast_plan *)opaque;
    if (!plan->begin) return opencl_plan_wait(opaque, outcome, error);
    enum eie_status status =
        eie_opencl_status(eie_cl.WaitForEvents(1, &plan->base.event), "clWaitForEvents", error);
    if (!status)
        status = eie_opencl_event_ns(plan->begin, plan->base.event, &outcome->device_ns, error);
    eie_cl.ReleaseEvent(plan->base.event);
    eie_cl.ReleaseEvent(plan->begin);
    plan->base.event = plan->begin = NULL;
    return status;
}

void clblast_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct clblast_plan *plan = (const struct clblast_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t padding;
    opencl_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = batch * inputs * outputs - cost->macs_useful;
    cost->prepared_bytes = plan->base.copy_bytes;
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(float);
    cost->bytes_written = batch * outputs * sizeof(float);
}
