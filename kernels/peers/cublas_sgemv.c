/* The dense baseline of the paper on a GPU for one input: cuBLAS's sgemv. Several inputs are
 * peers_cublas_sgemm's. */
#include "kernels/peers/cublas.h"

static unsigned call(struct cuda_float_plan *base, uint32_t copy)
{
    static const float one = 1, zero = 0;
    const struct eie_layer *layer = base->setup.problem.layer;
    const int rows = (int)layer->outputs, columns = (int)layer->inputs;
    return cublas.sgemv(((struct cublas_plan *)base)->handle, CUBLAS_TRANSPOSED, columns, rows,
                        &one, base->copies[copy], columns, base->x, 1, &zero, base->y, 1);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasSgemv", call, cublas_check};
    return cublas_prepare(setup, CUDA_FLOAT, &product, plan, error);
}

const struct eie_kernel eie_kernel_peers_cublas_sgemv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cublas_sgemv",
    .summary = "dense float32 matrix times vector by cuBLAS, on a CUDA device",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = 0,
    .batch_max = 1,
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
