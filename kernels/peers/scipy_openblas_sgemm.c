/* The dense baseline that a user would pick for several inputs: PyPI's OpenBLAS's cblas_sgemm on
 * the decoded weights, Y = X W^T. Stops there. One input is peers_scipy_openblas_sgemv's. */
#include "kernels/peers/openblas.h"

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe(&openblas_scipy, "cblas_sgemm", error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    return openblas_prepare(&openblas_scipy, setup, plan, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    openblas_run_sgemm(&openblas_scipy, plan, copy);
    return EIE_OK;
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    openblas_describe(&openblas_scipy, column, context);
}

const struct eie_kernel eie_kernel_peers_scipy_openblas_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_scipy_openblas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by PyPI's OpenBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_BASELINE,
    .max_threads = UINT32_MAX,
    .batch_min = 2,
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
