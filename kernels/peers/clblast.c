/* The dense baseline on an OpenCL device: the library CLBlast, dense BLAS by OpenCL, looked up when
 * it is needed (EIE_CLBLAST names another file to use instead), on the decoded weights. Computes W
 * a and stops there. One input is its sgemv, which is one launch. Several are its sgemm, Y = X W^T,
 * which may need several launches and shows the last one only: the device's time counts from a
 * marker before the first. */
#include "host/base/library.h"
#include "kernels/opencl/plan.h"

#include <stdlib.h>

/* The library's constants, as its reference states them. */
enum clblast_constant { CLBLAST_ROW_MAJOR = 101, CLBLAST_AS_IT_IS = 111, CLBLAST_TRANSPOSED = 112 };

struct plan {
    struct opencl_plan base; /* copies are float [outputs][inputs], row-major */
    cl_event begin;          /* where the call needs one of its own, or NULL */
};

static void *library;
static int (*sgemv)(int layout, int transpose, size_t rows, size_t columns, float alpha,
                    cl_mem matrix, size_t matrix_at, size_t row_stride, cl_mem x, size_t x_at,
                    size_t x_stride, float beta, cl_mem y, size_t y_at, size_t y_stride,
                    cl_command_queue *queue, cl_event *event);
static int (*sgemm)(int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k,
                    float alpha, cl_mem a, size_t a_at, size_t a_stride, cl_mem b, size_t b_at,
                    size_t b_stride, float beta, cl_mem c, size_t c_at, size_t c_stride,
                    cl_command_queue *queue, cl_event *event);

/* Loads the library and finds `name` in it: `function` is the address of a function pointer. */
static enum eie_status probe(const char *name, void *function, struct eie_error *error)
{
    static const char *const names[] = {"libclblast.so.1", "libclblast.so", NULL};
    const struct eie_library_need need[] = {{name, function}, {NULL, NULL}};
    enum eie_status status = EIE_OK;
    if (!library) status = eie_library_open(names, "EIE_CLBLAST", &library, error);
    return status ? status : eie_library_symbols(library, need, error);
}

static enum eie_status probe_sgemv(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return probe("CLBlastSgemv", &sgemv, error);
}

static enum eie_status probe_sgemm(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return probe("CLBlastSgemm", &sgemm, error);
}

/* EIE_OK, or a failure with the library's own code. */
static enum eie_status check(int code, const char *what, struct eie_error *error)
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

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    /* while it is filled in, the matrix stands on the host too */
    *plan_bytes = 2 * dense_bytes(problem->layer) + opencl_plan_vector_bytes(problem, true);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    if (plan->begin) eie_cl.ReleaseEvent(plan->begin);
    opencl_plan_end(&plan->base);
}

static enum eie_status fill(struct plan *plan, struct eie_error *error)
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

static enum eie_status run_sgemv(struct opencl_plan *plan, uint32_t copy, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    return check(sgemv(CLBLAST_ROW_MAJOR, CLBLAST_AS_IT_IS, layer->outputs, layer->inputs, 1.0f,
                       plan->copies[copy], 0, layer->inputs, plan->x, 0, 1, 0.0f, plan->y, 0, 1,
                       &plan->opencl->queue, &plan->event),
                 "CLBlastSgemv", error);
}

static enum eie_status run_sgemm(struct plan *plan, uint32_t copy, struct eie_error *error)
{
    struct opencl_plan *base = &plan->base;
    const struct eie_problem *problem = &base->setup.problem;
    const size_t rows = problem->layer->outputs, columns = problem->layer->inputs;
    enum eie_status status = eie_opencl_status(
        eie_cl.EnqueueMarkerWithWaitList(base->opencl->queue, 0, NULL, &plan->begin),
        "clEnqueueMarkerWithWaitList", error);
    if (status) return status;
    return check(sgemm(CLBLAST_ROW_MAJOR, CLBLAST_AS_IT_IS, CLBLAST_TRANSPOSED, problem->batch,
                       rows, columns, 1.0f, base->x, 0, columns, base->copies[copy], 0, columns,
                       0.0f, base->y, 0, rows, &base->opencl->queue, &base->event),
                 "CLBlastSgemm", error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    return plan->base.setup.problem.batch == 1 ? run_sgemv(&plan->base, copy, error)
                                               : run_sgemm(plan, copy, error);
}

static enum eie_status wait(struct eie_plan *opaque, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
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

/* The library compiles at its first call, which is made here. */
static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct opencl_needs needs = {.copy_bytes = dense_bytes(setup->problem.layer),
                                       .floats = true};
    struct eie_outcome outcome;
    struct opencl_plan *base;
    enum eie_status status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status) return status;
    struct eie_plan *plan = (struct eie_plan *)base;
    status = fill((struct plan *)base, error);
    if (!status) status = opencl_plan_load(plan, base->inputs, error);
    if (!status) status = run(plan, 0, error);
    if (!status) status = wait(plan, &outcome, error);
    if (status)
        destroy(plan);
    else
        *opaque = plan;
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
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

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_FOUND, .runtime = "opencl",     \
    .flags =                                                                                       \
        EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,     \
    .max_threads = 0, .supports = supports, .prepare = prepare, .load = opencl_plan_load,          \
    .run = run, .wait = wait, .read = opencl_plan_read, .cost = cost,                              \
    .describe = opencl_plan_describe, .destroy = destroy

const struct eie_kernel eie_kernel_peers_clblast_sgemv = {
    BOTH,
    .name = "peers_clblast_sgemv",
    .summary = "dense float32 matrix times vector by CLBlast, on an OpenCL device",
    .batch_max = 1,
    .probe = probe_sgemv,
};

const struct eie_kernel eie_kernel_peers_clblast_sgemm = {
    BOTH,
    .name = "peers_clblast_sgemm",
    .summary = "dense float32 matrix times several vectors at once by CLBlast, on an OpenCL device",
    .batch_min = 2,
    .probe = probe_sgemm,
};
