/* The dense baseline of the paper on a GPU for several inputs: cuBLAS's sgemm, Y = X W^T, which by
 * columns is Y^T = W X^T. One input is peers_cublas_sgemv's. */
#include "kernels/peers/cublas.h"

static unsigned call(struct cuda_float_plan *base, uint32_t copy)
{
    static const float one = 1, zero = 0;
    const struct eie_problem *problem = &base->setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    return cublas.sgemm(((struct cublas_plan *)base)->handle, CUBLAS_TRANSPOSED, CUBLAS_AS_IT_IS,
                        rows, (int)problem->batch, columns, &one, base->copies[copy], columns,
                        base->x, columns, &zero, base->y, rows);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasSgemm", call, cublas_check};
    return cublas_prepare(setup, CUDA_FLOAT, &product, plan, error);
}

const struct eie_kernel eie_kernel_peers_cublas_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cublas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by cuBLAS, on a CUDA device",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = 0,
    .batch_min = 2,
    .probe = cublas_probe,
    .supports = cublas_supports_float,
    .prepare = prepare,
    .load = cuda_float_load,
    .run = cuda_float_run,
    .wait = cuda_float_wait,
    .read = cuda_float_read,
    .cost = cublas_cost,
    .describe = cublas_describe,
    .destroy = cublas_destroy,
};
