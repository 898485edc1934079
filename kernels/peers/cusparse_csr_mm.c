/* The sparse baseline of the paper on a GPU for several inputs: cuSPARSE's SpMM (its CSRMM of that
 * time). The inputs lie one behind the other, which is a dense matrix by columns, and so do the
 * outputs. One input is peers_cusparse_csr_mv's. */
#include "kernels/peers/cusparse.h"

static const float one = 1, zero = 0;

static unsigned describe(struct cusparse_plan *plan)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int64_t rows = problem->layer->outputs, columns = problem->layer->inputs;
    unsigned code = cusparse.make_dense(&plan->x_matrix, columns, problem->batch, columns,
                                        plan->base.x, CUDA_FLOAT, CUSPARSE_BY_COLUMN);
    return code ? code
                : cusparse.make_dense(&plan->y_matrix, rows, problem->batch, rows, plan->base.y,
                                      CUDA_FLOAT, CUSPARSE_BY_COLUMN);
}

static void forget(struct cusparse_plan *plan)
{
    if (plan->x_matrix) cusparse.end_dense(plan->x_matrix);
    if (plan->y_matrix) cusparse.end_dense(plan->y_matrix);
}

static unsigned bytes_of(const struct cusparse_plan *plan, uint32_t copy, size_t *bytes)
{
    return cusparse.mm_bytes(plan->handle, CUSPARSE_AS_IT_IS, CUSPARSE_AS_IT_IS, &one,
                             plan->copies[copy].matrix, plan->x_matrix, &zero, plan->y_matrix,
                             CUDA_FLOAT, plan->algorithm->value, bytes);
}

static unsigned multiply(const struct cusparse_plan *plan, uint32_t copy, cusparse_mm function)
{
    return function(plan->handle, CUSPARSE_AS_IT_IS, CUSPARSE_AS_IT_IS, &one,
                    plan->copies[copy].matrix, plan->x_matrix, &zero, plan->y_matrix, CUDA_FLOAT,
                    plan->algorithm->value, plan->copies[copy].workspace);
}

static unsigned prepare_copy(const struct cusparse_plan *plan, uint32_t copy)
{
    return cusparse.mm_prepare ? multiply(plan, copy, cusparse.mm_prepare) : CUSPARSE_SUCCESS;
}

static unsigned call(struct cuda_float_plan *plan, uint32_t copy)
{
    return multiply((struct cusparse_plan *)plan, copy, cusparse.mm);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct cusparse_algorithm algorithms[] = {
        {"default", CUSPARSE_MM_ANY},
        {"csr 1", CUSPARSE_MM_CSR_1},
        {"csr 2", CUSPARSE_MM_CSR_2},
        {"csr 3", CUSPARSE_MM_CSR_3},
        {NULL, 0},
    };
    static const struct cusparse_product product = {"cusparseSpMM", algorithms,   describe, forget,
                                                    bytes_of,       prepare_copy, call};
    return cusparse_prepare(setup, &product, plan, error);
}

const struct eie_kernel eie_kernel_peers_cusparse_csr_mm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cusparse_csr_mm",
    .summary = "sparse float32 rows times several vectors at once by cuSPARSE, on a CUDA device",
    .isa = "any",
    .device_kind = EIE_DEVICE_CUDA,
    .flags = EIE_KERNEL_FLOAT32,
    .max_threads = 0,
    .batch_min = 2,
    .probe = cusparse_probe,
    .supports = cusparse_supports,
    .prepare = prepare,
    .load = cuda_float_load,
    .run = cusparse_run,
    .wait = cuda_float_wait,
    .read = cuda_float_read,
    .cost = cusparse_cost,
    .describe = cusparse_describe,
    .destroy = cusparse_destroy,
};
