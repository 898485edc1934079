/* Float32 weights by row (CSR) times inputs in AVX-512, one input by gathers
 * (kernels/float_product.h). Stops at W a. */
#include "host/machine/cpu.h"
#include "kernels/avx512/float_vectors.h"

#define BLOCK 4u
#include "kernels/float_csr_body.h"

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    return float_product_supports(problem, EIE_FLOAT_CSR, plan_bytes, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct float_functions functions = {LANES, BLOCK, csr_one, csr_several};
    return float_product_prepare(setup, EIE_FLOAT_CSR, &functions, plan, error);
}

const struct eie_kernel eie_kernel_avx512_float_csr = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_float_csr",
    .summary = "sparse float32 rows times vectors, own code: AVX-512",
    .isa = "avx512",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512,
    .supports = supports,
    .prepare = prepare,
    .load = float_plan_load,
    .run = float_product_run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = float_plan_cost,
    .destroy = float_product_destroy,
};
