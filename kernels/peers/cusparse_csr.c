/* The sparse baseline of the paper on a GPU: cuSPARSE's SpMV for one input and its SpMM for several
 * (its CSRMV and CSRMM of that time). Several inputs lie one behind the other, which is a dense
 * matrix by columns, and so do the outputs. Some of the library's algorithms are faster by rows:
 * where cuBLAS is there too, it turns inputs and outputs, as part of the product, and what is
 * faster with that stays. */
#include "kernels/peers/cusparse.h"

static const float one = 1, zero = 0;

/* ---- one input ------------------------------------------------------------------------------ */

static enum eie_status describe_mv(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    unsigned code = cusparse.make_vector(&plan->x_vector, layer->inputs, plan->base.x, CUDA_FLOAT);
    if (!code)
        code = cusparse.make_vector(&plan->y_vector, layer->outputs, plan->base.y, CUDA_FLOAT);
    return cusparse_check(code, "cusparseCreateDnVec", error);
}

static void forget_mv(struct cusparse_plan *plan)
{
    if (plan->x_vector) cusparse.end_vector(plan->x_vector);
    if (plan->y_vector) cusparse.end_vector(plan->y_vector);
}

static unsigned bytes_of_mv(const struct cusparse_plan *plan, uint32_t copy, size_t *bytes)
{
    return cusparse.mv_bytes(plan->handle, CUSPARSE_AS_IT_IS, &one, plan->copies[copy].matrix,
                             plan->x_vector, &zero, plan->y_vector, CUDA_FLOAT,
                             plan->algorithm->value, bytes);
}

static unsigned multiply_mv(const struct cusparse_plan *plan, uint32_t copy, cusparse_mv function)
{
    return function(plan->handle, CUSPARSE_AS_IT_IS, &one, plan->copies[copy].matrix,
                    plan->x_vector, &zero, plan->y_vector, CUDA_FLOAT, plan->algorithm->value,
                    plan->copies[copy].workspace);
}

static unsigned prepare_copy_mv(const struct cusparse_plan *plan, uint32_t copy)
{
    return cusparse.mv_prepare ? multiply_mv(plan, copy, cusparse.mv_prepare) : CUSPARSE_SUCCESS;
}

static unsigned call_mv(struct cuda_float_plan *plan, uint32_t copy)
{
    return multiply_mv((struct cusparse_plan *)plan, copy, cusparse.mv);
}

static enum eie_status prepare_mv(const struct eie_setup *setup, struct eie_plan **plan,
                                  struct eie_error *error)
{
    static const struct cusparse_algorithm algorithms[] = {
        {"default", CUSPARSE_MV_ANY, false},
        {"csr 1", CUSPARSE_MV_CSR_1, false},
        {"csr 2", CUSPARSE_MV_CSR_2, false},
        {NULL, 0, false},
    };
    static const struct cusparse_product product = {{"cusparseSpMV", call_mv, cusparse_check},
                                                    algorithms,
                                                    describe_mv,
                                                    forget_mv,
                                                    bytes_of_mv,
                                                    prepare_copy_mv};
    return cusparse_prepare(setup, &product, plan, error);
}

/* ---- several inputs ------------------------------------------------------------------------- */

static enum eie_status describe_lying(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int64_t rows = problem->layer->outputs, columns = problem->layer->inputs;
    unsigned code = cusparse.make_dense(&plan->several.x, columns, problem->batch, columns,
                                        plan->base.x, CUDA_FLOAT, CUSPARSE_BY_COLUMN);
    if (!code)
        code = cusparse.make_dense(&plan->several.y, rows, problem->batch, rows, plan->base.y,
                                   CUDA_FLOAT, CUSPARSE_BY_COLUMN);
    return cusparse_check(code, "cusparseCreateDnMat", error);
}

static enum eie_status describe_turned(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int64_t batch = problem->batch, rows = problem->layer->outputs,
                  columns = problem->layer->inputs;
    struct eie_cuda *cuda = plan->base.cuda;
    const uint64_t x_bytes = (uint64_t)(columns * batch) * sizeof(float),
                   y_bytes = (uint64_t)(rows * batch) * sizeof(float);
    enum eie_status status = eie_cuda_alloc(cuda, x_bytes, &plan->turned_x, error);
    if (!status) status = eie_cuda_alloc(cuda, y_bytes, &plan->turned_y, error);
    if (!status) status = eie_cuda_zero(cuda, plan->turned_x, x_bytes, error);
    if (!status) status = eie_cuda_zero(cuda, plan->turned_y, y_bytes, error);
    if (status) return status;
    unsigned code = cusparse.make_dense(&plan->turned.x, columns, batch, batch, plan->turned_x,
                                        CUDA_FLOAT, CUSPARSE_BY_ROW);
    if (!code)
        code = cusparse.make_dense(&plan->turned.y, rows, batch, batch, plan->turned_y, CUDA_FLOAT,
                                   CUSPARSE_BY_ROW);
    return cusparse_check(code, "cusparseCreateDnMat", error);
}

static enum eie_status describe_mm(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    enum eie_status status = describe_lying(plan, error);
    if (status || problem->batch > INT32_MAX) return status;
    if (cublas_probe(problem->device, NULL) || cublas_context(plan->base.cuda, &plan->turns, NULL))
        return EIE_OK;
    return describe_turned(plan, error);
}

static void forget_mm(struct cusparse_plan *plan)
{
    if (plan->several.x) cusparse.end_dense(plan->several.x);
    if (plan->several.y) cusparse.end_dense(plan->several.y);
    if (plan->turned.x) cusparse.end_dense(plan->turned.x);
    if (plan->turned.y) cusparse.end_dense(plan->turned.y);
    eie_cuda_free(plan->base.cuda, plan->turned_x);
    eie_cuda_free(plan->base.cuda, plan->turned_y);
}

static const struct cusparse_vectors *vectors_of(const struct cusparse_plan *plan)
{
    return plan->algorithm->turned ? &plan->turned : &plan->several;
}

static unsigned bytes_of_mm(const struct cusparse_plan *plan, uint32_t copy, size_t *bytes)
{
    const struct cusparse_vectors *vectors = vectors_of(plan);
    if (!vectors->y) return CUSPARSE_UNSUPPORTED;
    return cusparse.mm_bytes(plan->handle, CUSPARSE_AS_IT_IS, CUSPARSE_AS_IT_IS, &one,
                             plan->copies[copy].matrix, vectors->x, &zero, vectors->y, CUDA_FLOAT,
                             plan->algorithm->value, bytes);
}

static unsigned multiply_mm(const struct cusparse_plan *plan, uint32_t copy, cusparse_mm function)
{
    const struct cusparse_vectors *vectors = vectors_of(plan);
    return function(plan->handle, CUSPARSE_AS_IT_IS, CUSPARSE_AS_IT_IS, &one,
                    plan->copies[copy].matrix, vectors->x, &zero, vectors->y, CUDA_FLOAT,
                    plan->algorithm->value, plan->copies[copy].workspace);
}

static unsigned prepare_copy_mm(const struct cusparse_plan *plan, uint32_t copy)
{
    return cusparse.mm_prepare ? multiply_mm(plan, copy, cusparse.mm_prepare) : CUSPARSE_SUCCESS;
}

/* [rows][columns] to [columns][rows]. */
static unsigned turn(const struct cusparse_plan *plan, const float *from, float *to, int rows,
                     int columns)
{
    const unsigned code = cublas.sgeam(plan->turns, CUBLAS_TRANSPOSED, CUBLAS_AS_IT_IS, rows,
                                       columns, &one, from, columns, &zero, to, rows, to, rows);
    return code == CUBLAS_SUCCESS ? CUSPARSE_SUCCESS : CUSPARSE_FAILURE;
}

static unsigned call_mm(struct cuda_float_plan *base, uint32_t copy)
{
    const struct cusparse_plan *plan = (const struct cusparse_plan *)base;
    const struct eie_problem *problem = &base->setup.problem;
    const int batch = (int)problem->batch, rows = (int)problem->layer->outputs,
              columns = (int)problem->layer->inputs;
    if (!plan->algorithm->turned) return multiply_mm(plan, copy, cusparse.mm);
    unsigned code = turn(plan, base->x, plan->turned_x, batch, columns);
    if (!code) code = multiply_mm(plan, copy, cusparse.mm);
    return code ? code : turn(plan, plan->turned_y, base->y, rows, batch);
}

static enum eie_status prepare_mm(const struct eie_setup *setup, struct eie_plan **plan,
                                  struct eie_error *error)
{
    static const struct cusparse_algorithm algorithms[] = {
        {"default", CUSPARSE_MM_ANY, false},
        {"csr 1", CUSPARSE_MM_CSR_1, false},
        {"csr 2", CUSPARSE_MM_CSR_2, false},
        {"csr 3", CUSPARSE_MM_CSR_3, false},
        {"default, turned", CUSPARSE_MM_ANY, true},
        {"csr 1, turned", CUSPARSE_MM_CSR_1, true},
        {"csr 2, turned", CUSPARSE_MM_CSR_2, true},
        {"csr 3, turned", CUSPARSE_MM_CSR_3, true},
        {NULL, 0, false},
    };
    static const struct cusparse_product product = {{"cusparseSpMM", call_mm, cusparse_check},
                                                    algorithms,
                                                    describe_mm,
                                                    forget_mm,
                                                    bytes_of_mm,
                                                    prepare_copy_mm};
    return cusparse_prepare(setup, &product, plan, error);
}

/* ---- the two kernels ------------------------------------------------------------------------ */

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_FOUND, .runtime = "cuda",       \
    .flags =                                                                                       \
        EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,    \
    .max_threads = 0, .probe = cusparse_probe, .supports = cusparse_supports,                      \
    .load = cuda_float_load, .run = cuda_float_run, .wait = cuda_float_wait,                       \
    .pass = cuda_float_pass, .read = cuda_float_read, .cost = cusparse_cost,                       \
    .describe = cusparse_describe, .destroy = cusparse_destroy

const struct eie_kernel eie_kernel_peers_cusparse_csr_mv = {
    BOTH,
    .name = "peers_cusparse_csr_mv",
    .summary = "sparse float32 rows times vector by cuSPARSE, on a CUDA device",
    .batch_max = 1,
    .prepare = prepare_mv,
};

const struct eie_kernel eie_kernel_peers_cusparse_csr_mm = {
    BOTH,
    .name = "peers_cusparse_csr_mm",
    .summary = "sparse float32 rows times several vectors at once by cuSPARSE, on a CUDA device",
    .batch_min = 2,
    .prepare = prepare_mm,
};
