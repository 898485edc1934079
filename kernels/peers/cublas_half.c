/* cuBLAS in half precision, where a GPU is fastest: weights and inputs rounded to fp16, products
 * exact in float32, sums in float32 (at most 2^30 times the inputs: they cannot overflow). The
 * inputs are rounded when they are loaded, as a network in half precision has them, so that
 * rounding them is no part of the time, unlike the CPU's low-precision kernels. Approximate, and it
 * says how far it rounds: no rival of the exact kernels. */
#include "kernels/peers/cublas.h"

static unsigned call(struct cuda_float_plan *base, uint32_t copy)
{
    static const float one = 1, zero = 0;
    const int rows = (int)base->needs.y_stride, columns = (int)base->needs.x_stride;
    return cublas.gemm(((struct cublas_plan *)base)->handle, CUBLAS_TRANSPOSED, CUBLAS_AS_IT_IS,
                       rows, (int)base->setup.problem.batch, columns, &one, base->copies[copy],
                       CUDA_HALF, columns, base->x, CUDA_HALF, columns, &zero, base->y, CUDA_FLOAT,
                       rows, CUBLAS_SUMS_FLOAT, CUBLAS_ANY_GEMM);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    return cublas_plan_bytes(problem, CUDA_HALF, plan_bytes, error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasGemmEx", call, cublas_check};
    return cublas_prepare(setup, CUDA_HALF, &product, plan, error);
}

const struct eie_kernel eie_kernel_peers_cublas_half = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cublas_half",
    .summary = "dense fp16 by cuBLAS, sums in float32, on a CUDA device: rounds weights and, when "
               "they are loaded, inputs",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_APPROXIMATE | EIE_KERNEL_SKIP_ONE |
             EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .weight_rounding = {0x1p-11, 0},
    .input_rounding = {0x1p-11, 0},
    .probe = cublas_probe,
    .supports = supports,
    .prepare = prepare,
    .load = cuda_float_load,
    .run = cuda_float_run,
    .wait = cuda_float_wait,
    .pass = cuda_float_pass,
    .read = cuda_float_read,
    .cost = cuda_float_dense_cost,
    .describe = cublas_describe,
    .destroy = cublas_destroy,
};
