/* oneDNN's float32 product on the decoded weights, Y = X W^T, for one input and for several. Stops
 * there. */
#include "host/base/library.h"
#include "kernels/float_plan.h"
#include "kernels/peers/onednn.h"

static const struct onednn *onednn;
static int (*sgemm)(char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                    float beta, float *c, int64_t c_stride);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    const struct eie_library_need needs[] = {{"dnnl_sgemm", &sgemm}, {NULL, NULL}};
    (void)device;
    enum eie_status status = onednn_load(&onednn, error);
    return status ? status : eie_library_symbols(onednn->handle, needs, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    enum eie_status status = openmp_take_threads(&onednn->openmp, setup->problem.threads, error);
    return status ? status : dense_float_prepare(setup, plan, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int64_t rows = problem->layer->outputs, columns = problem->layer->inputs;
    onednn->openmp.set_threads((int)problem->threads); /* another kernel may have changed it */
    const int code = sgemm('N', 'T', problem->batch, rows, columns, 1.0f, plan->x, columns,
                           float_plan_dense(plan, copy), columns, 0.0f, plan->y, rows);
    if (!code) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "oneDNN's dnnl_sgemm fails with its code %d", code);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    char note[128];
    (void)plan;
    column(context, "eie_library", onednn->version, 0);
    column(context, "eie_library_core", onednn->isa_name, 0);
    if (onednn_weakness(onednn, note, sizeof note)) column(context, "eie_library_note", note, 0);
}

const struct eie_kernel eie_kernel_peers_onednn_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_onednn_sgemm",
    .summary = "dense float32 matrix times one vector or several by oneDNN",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = UINT32_MAX,
    .probe = probe,
    .supports = dense_float_supports,
    .prepare = prepare,
    .load = float_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = float_plan_cost,
    .describe = describe,
    .destroy = float_plan_destroy,
};
