/* The dense baseline that a user would pick for one input: OpenBLAS's cblas_sgemv on the decoded
 * weights. Computes W a and stops there. Several inputs are peers_openblas_sgemm's. */
#include "kernels/peers/openblas.h"

static cblas_sgemv sgemv;

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe("cblas_sgemv", &sgemv, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    openblas_use_threads(plan);
    dense_float_sgemv(plan, copy, sgemv);
    return EIE_OK;
}

const struct eie_kernel eie_kernel_peers_openblas_sgemv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_openblas_sgemv",
    .summary = "dense float32 matrix times vector by OpenBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_BASELINE,
    .max_threads = UINT32_MAX,
    .batch_max = 1,
    .probe = probe,
    .supports = dense_float_supports,
    .prepare = openblas_prepare,
    .load = float_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = float_plan_cost,
    .describe = openblas_describe,
    .destroy = float_plan_destroy,
};
