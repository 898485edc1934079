/* The dense baseline that a user would pick: OpenBLAS on the decoded weights, cblas_sgemv for one
 * input and cblas_sgemm, Y = X W^T, for several; of the distribution's library and of PyPI's. Stops
 * there. */
#include "kernels/peers/openblas.h"

static enum eie_status probe_system_sgemv(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe(&openblas_system, "cblas_sgemv", error);
}

static enum eie_status probe_system_sgemm(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe(&openblas_system, "cblas_sgemm", error);
}

static enum eie_status probe_scipy_sgemv(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe(&openblas_scipy, "cblas_sgemv", error);
}

static enum eie_status probe_scipy_sgemm(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return openblas_probe(&openblas_scipy, "cblas_sgemm", error);
}

static enum eie_status prepare_system(const struct eie_setup *setup, struct eie_plan **plan,
                                      struct eie_error *error)
{
    return openblas_prepare(&openblas_system, setup, plan, error);
}

static enum eie_status prepare_scipy(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return openblas_prepare(&openblas_scipy, setup, plan, error);
}

static enum eie_status run_system(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    openblas_run(&openblas_system, plan, copy);
    return EIE_OK;
}

static enum eie_status run_scipy(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)error;
    openblas_run(&openblas_scipy, plan, copy);
    return EIE_OK;
}

static void describe_system(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    openblas_describe(&openblas_system, column, context);
}

static void describe_scipy(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    openblas_describe(&openblas_scipy, column, context);
}

#define ALL                                                                                        \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_CPU,                            \
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_BASELINE,                          \
    .max_threads = UINT32_MAX, .supports = dense_float_supports, .load = float_plan_load,          \
    .wait = eie_cpu_plan_wait, .read = float_plan_read, .cost = float_plan_cost,                   \
    .destroy = float_plan_destroy
#define SYSTEM .prepare = prepare_system, .run = run_system, .describe = describe_system
#define SCIPY  .prepare = prepare_scipy, .run = run_scipy, .describe = describe_scipy

const struct eie_kernel eie_kernel_peers_openblas_sgemv = {
    ALL,
    SYSTEM,
    .name = "peers_openblas_sgemv",
    .summary = "dense float32 matrix times vector by OpenBLAS",
    .batch_max = 1,
    .probe = probe_system_sgemv,
};

const struct eie_kernel eie_kernel_peers_openblas_sgemm = {
    ALL,
    SYSTEM,
    .name = "peers_openblas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by OpenBLAS",
    .batch_min = 2,
    .probe = probe_system_sgemm,
};

const struct eie_kernel eie_kernel_peers_scipy_openblas_sgemv = {
    ALL,
    SCIPY,
    .name = "peers_scipy_openblas_sgemv",
    .summary = "dense float32 matrix times vector by PyPI's OpenBLAS",
    .batch_max = 1,
    .probe = probe_scipy_sgemv,
};

const struct eie_kernel eie_kernel_peers_scipy_openblas_sgemm = {
    ALL,
    SCIPY,
    .name = "peers_scipy_openblas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by PyPI's OpenBLAS",
    .batch_min = 2,
    .probe = probe_scipy_sgemm,
};
