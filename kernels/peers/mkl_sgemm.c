/* The dense baseline of the paper for several inputs: cblas_sgemm of MKL on the decoded weights,
 * Y = X W^T. One input is peers_mkl_sgemv's. */
#include "kernels/peers/mkl.h"

static cblas_sgemm sgemm;

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return mkl_probe("cblas_sgemm", &sgemm, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    mkl_use_threads(plan);
    dense_float_sgemm(plan, copy, sgemm);
    return EIE_OK;
}

const struct eie_kernel eie_kernel_peers_mkl_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_mkl_sgemm",
    .summary = "dense float32 matrix times several vectors at once by MKL",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = UINT32_MAX,
    .batch_min = 2,
    .probe = probe,
    .supports = dense_float_supports,
    .prepare = mkl_prepare,
    .load = float_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = float_plan_cost,
    .describe = mkl_describe,
    .destroy = float_plan_destroy,
};
