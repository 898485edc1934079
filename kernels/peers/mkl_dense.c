/* The dense baseline of the paper on the decoded weights: MKL's cblas_sgemv for one input, and its
 * cblas_sgemm, Y = X W^T, for several. */
#include "kernels/peers/mkl.h"

static cblas_sgemv sgemv;
static cblas_sgemm sgemm;

static enum eie_status probe_sgemv(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return mkl_probe("cblas_sgemv", &sgemv, error);
}

static enum eie_status probe_sgemm(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return mkl_probe("cblas_sgemm", &sgemm, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    enum eie_status status = mkl_take_threads(setup->problem.threads, error);
    return status ? status : dense_float_prepare(setup, plan, error);
}

static enum eie_status run_sgemv(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    mkl_use_threads(plan);
    dense_float_sgemv(plan, copy, sgemv);
    return EIE_OK;
}

static enum eie_status run_sgemm(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    mkl_use_threads(plan);
    dense_float_sgemm(plan, copy, sgemm);
    return EIE_OK;
}

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_CPU,                            \
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE, .max_threads = UINT32_MAX,                     \
    .supports = dense_float_supports, .prepare = prepare, .load = float_plan_load,                 \
    .wait = eie_cpu_plan_wait, .read = float_plan_read, .cost = float_plan_cost,                   \
    .describe = mkl_describe, .destroy = float_plan_destroy

const struct eie_kernel eie_kernel_peers_mkl_sgemv = {
    BOTH,
    .name = "peers_mkl_sgemv",
    .summary = "dense float32 matrix times vector by MKL",
    .batch_max = 1,
    .probe = probe_sgemv,
    .run = run_sgemv,
};

const struct eie_kernel eie_kernel_peers_mkl_sgemm = {
    BOTH,
    .name = "peers_mkl_sgemm",
    .summary = "dense float32 matrix times several vectors at once by MKL",
    .batch_min = 2,
    .probe = probe_sgemm,
    .run = run_sgemm,
};
