/* The dense baseline of the paper on a GPU: cuBLAS's sgemv for one input, and its sgemm for
 * several, Y = X W^T, which by columns is Y^T = W X^T. */
#include "kernels/peers/cublas.h"

static const float one = 1, zero = 0;

static unsigned call_sgemv(struct cuda_float_plan *base, uint32_t copy)
{
    const struct eie_layer *layer = base->setup.problem.layer;
    const int rows = (int)layer->outputs, columns = (int)layer->inputs;
    return cublas.sgemv(((struct cublas_plan *)base)->handle, CUBLAS_TRANSPOSED, columns, rows,
                        &one, base->copies[copy], columns, base->x, 1, &zero, base->y, 1);
}

static unsigned call_sgemm(struct cuda_float_plan *base, uint32_t copy)
{
    const struct eie_problem *problem = &base->setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    return cublas.sgemm(((struct cublas_plan *)base)->handle, CUBLAS_TRANSPOSED, CUBLAS_AS_IT_IS,
                        rows, (int)problem->batch, columns, &one, base->copies[copy], columns,
                        base->x, columns, &zero, base->y, rows);
}

static enum eie_status prepare_sgemv(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasSgemv", call_sgemv, cublas_check};
    return cublas_prepare(setup, CUDA_FLOAT, &product, plan, error);
}

static enum eie_status prepare_sgemm(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasSgemm", call_sgemm, cublas_check};
    return cublas_prepare(setup, CUDA_FLOAT, &product, plan, error);
}

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_FOUND, .runtime = "cuda",       \
    .flags =                                                                                       \
        EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,     \
    .max_threads = 0, .probe = cublas_probe, .supports = cublas_supports_float,                    \
    .load = cuda_float_load, .run = cuda_float_run, .wait = cuda_float_wait,                       \
    .pass = cuda_float_pass, .read = cuda_float_read, .cost = cuda_float_dense_cost,               \
    .describe = cublas_describe, .destroy = cublas_destroy

const struct eie_kernel eie_kernel_peers_cublas_sgemv = {
    BOTH,
    .name = "peers_cublas_sgemv",
    .summary = "dense float32 matrix times vector by cuBLAS, on a CUDA device",
    .batch_max = 1,
    .prepare = prepare_sgemv,
};

const struct eie_kernel eie_kernel_peers_cublas_sgemm = {
    BOTH,
    .name = "peers_cublas_sgemm",
    .summary = "dense float32 matrix times several vectors at once by cuBLAS, on a CUDA device",
    .batch_min = 2,
    .prepare = prepare_sgemm,
};
