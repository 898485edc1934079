/* The sparse baseline of the paper on a GPU for one input: cuSPARSE's SpMV (its CSRMV of that
 * time). Several inputs are peers_cusparse_csr_mm's. */
#include "kernels/peers/cusparse.h"

static const float one = 1, zero = 0;

static enum eie_status describe(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    unsigned code = cusparse.make_vector(&plan->x_vector, layer->inputs, plan->base.x, CUDA_FLOAT);
    if (!code)
        code = cusparse.make_vector(&plan->y_vector, layer->outputs, plan->base.y, CUDA_FLOAT);
    return cusparse_check(code, "cusparseCreateDnVec", error);
}

static void forget(struct cusparse_plan *plan)
{
    if (plan->x_vector) cusparse.end_vector(plan->x_vector);
    if (plan->y_vector) cusparse.end_vector(plan->y_vector);
}

static unsigned bytes_of(const struct cusparse_plan *plan, uint32_t copy, size_t *bytes)
{
    return cusparse.mv_bytes(plan->handle, CUSPARSE_AS_IT_IS, &one, plan->copies[copy].matrix,
                             plan->x_vector, &zero, plan->y_vector, CUDA_FLOAT,
                             plan->algorithm->value, bytes);
}

static unsigned multiply(const struct cusparse_plan *plan, uint32_t copy, cusparse_mv function)
{
    return function(plan->handle, CUSPARSE_AS_IT_IS, &one, plan->copies[copy].matrix,
                    plan->x_vector, &zero, plan->y_vector, CUDA_FLOAT, plan->algorithm->value,
                    plan->copies[copy].workspace);
}

static unsigned prepare_copy(const struct cusparse_plan *plan, uint32_t copy)
{
    return cusparse.mv_prepare ? multiply(plan, copy, cusparse.mv_prepare) : CUSPARSE_SUCCESS;
}

static unsigned call(struct cuda_float_plan *plan, uint32_t copy)
{
    return multiply((struct cusparse_plan *)plan, copy, cusparse.mv);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct cusparse_algorithm algorithms[] = {
        {"default", CUSPARSE_MV_ANY, false},
        {"csr 1", CUSPARSE_MV_CSR_1, false},
        {"csr 2", CUSPARSE_MV_CSR_2, false},
        {NULL, 0, false},
    };
    static const struct cusparse_product product = {{"cusparseSpMV", call, cusparse_check},
                                                    algorithms,
                                                    describe,
                                                    forget,
                                                    bytes_of,
                                                    prepare_copy};
    return cusparse_prepare(setup, &product, plan, error);
}

const struct eie_kernel eie_kernel_peers_cusparse_csr_mv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cusparse_csr_mv",
    .summary = "sparse float32 rows times vector by cuSPARSE, on a CUDA device",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE,
    .max_threads = 0,
    .batch_max = 1,
    .probe = cusparse_probe,
    .supports = cusparse_supports,
    .prepare = prepare,
    .load = cuda_float_load,
    .run = cuda_float_run,
    .wait = cuda_float_wait,
    .read = cuda_float_read,
    .cost = cusparse_cost,
    .describe = cusparse_describe,
    .destroy = cusparse_destroy,
};
