/* The dense baseline that a user would pick for one input: OpenBLAS's cblas_sgemv on the decoded
 * weights. Computes W a and stops there. Several inputs are peers_openblas_sgemm's. */
#include "kernels/peers/openblas.h"

static void (*sgemv)(int order, int transpose, int rows, int columns, float alpha,
                     const float *matrix, int row_stride, const float *x, int x_stride, float beta,
                     float *y, int y_stride);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe("cblas_sgemv", &sgemv, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct openblas_plan *plan = (struct openblas_plan *)opaque;
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const int rows = (int)layer->outputs, columns = (int)layer->inputs;
    (void)error;
    openblas_use_threads(plan);
    sgemv(ROW_MAJOR, NO_TRANSPOSE, rows, columns, 1.0f, plan->base.copies[copy], columns, plan->x,
          1, 0.0f, plan->y, 1);
    return EIE_OK;
}

const struct eie_kernel eie_kernel_peers_openblas_sgemv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_openblas_sgemv",
    .summary = "dense float32 matrix times vector by OpenBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_BASELINE,
    .max_threads = UINT32_MAX,
    .batch_max = 1,
    .probe = probe,
    .supports = openblas_supports,
    .prepare = openblas_prepare,
    .load = openblas_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = openblas_read,
    .cost = openblas_cost,
    .describe = openblas_describe,
    .destroy = openblas_destroy,
};
