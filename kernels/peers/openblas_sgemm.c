/* The dense baseline that a user would pick for several inputs: OpenBLAS's cblas_sgemm on the
 * decoded weights, Y = X W^T. Stops there. One input is peers_openblas_sgemv's. */
#include "kernels/peers/openblas.h"

static void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                     const float *a, int a_stride, const float *b, int b_stride, float beta,
                     float *c, int c_stride);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe("cblas_sgemm", &sgemm, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct openblas_plan *plan = (struct openblas_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    (void)error;
    openblas_use_threads(plan);
    sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)problem->batch, rows, columns, 1.0f, plan->x,
          columns, plan->base.copies[copy], columns, 0.0f, plan->y, rows);
    return EIE_OK;
}

const struct eie_kernel eie_kernel_peers_openblas_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_openblas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by OpenBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_BASELINE,
    .max_threads = UINT32_MAX,
    .batch_min = 2,
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
