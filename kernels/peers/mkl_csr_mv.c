/* The sparse baseline of the paper for one input: mkl_sparse_s_mv. Several inputs are
 * peers_mkl_csr_mm's. */
#include "kernels/peers/mkl_csr.h"

static int (*multiply)(int operation, float alpha, void *matrix,
                       struct mkl_sparse_description description, const float *x, float beta,
                       float *y);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return mkl_csr_probe("mkl_sparse_s_mv", &multiply, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    static const struct mkl_sparse_description general = {.type = MKL_SPARSE_GENERAL};
    struct mkl_csr_plan *plan = (struct mkl_csr_plan *)opaque;
    mkl_use_threads(opaque);
    return mkl_csr_status(multiply(MKL_SPARSE_AS_IT_IS, 1.0f, plan->matrices[copy], general,
                                   plan->base.x, 0.0f, plan->base.y),
                          "mkl_sparse_s_mv", error);
}

const struct eie_kernel eie_kernel_peers_mkl_csr_mv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_mkl_csr_mv",
    .summary = "sparse float32 rows times vector by MKL",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE,
    .max_threads = UINT32_MAX,
    .batch_max = 1,
    .probe = probe,
    .supports = mkl_csr_supports,
    .prepare = mkl_csr_prepare,
    .load = float_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = float_plan_cost,
    .describe = mkl_describe,
    .destroy = mkl_csr_destroy,
};
