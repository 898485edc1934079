/* The sparse baseline of the paper: MKL's inspector-executor routines on compressed sparse rows of
 * the decoded weights, and what the library makes of them when it is told how it will be called:
 * mkl_sparse_s_mv for one input, mkl_sparse_s_mm for several. These lie one behind the other, which
 * is a dense matrix by columns. */
#include "host/base/library.h"
#include "kernels/csr.h"
#include "kernels/peers/mkl.h"

#include <stdlib.h>

#define EXPECTED_CALLS 100000 /* what the library's inspector may spend its time for */

/* MKL's constants and its description of a matrix, as its reference states them. */
enum mkl_sparse_constant {
    MKL_SPARSE_AS_IT_IS = 10,     /* operation: not transposed */
    MKL_SPARSE_GENERAL = 20,      /* matrix type */
    MKL_SPARSE_COLUMN_MAJOR = 102 /* layout */
};
struct mkl_sparse_description {
    int type, triangle, diagonal; /* the latter two mean nothing for a general matrix */
};

struct plan {
    struct float_plan base;
    void **matrices; /* [copies] the library's handles */
};

static const struct mkl_sparse_description general = {.type = MKL_SPARSE_GENERAL};

static struct {
    int (*create)(void **matrix, int base, int rows, int columns, int *row_start, int *row_end,
                  int *column, float *weight);
    int (*hint_mv)(void *matrix, int operation, struct mkl_sparse_description description,
                   int calls);
    int (*hint_mm)(void *matrix, int operation, struct mkl_sparse_description description,
                   int layout, int vectors, int calls);
    int (*optimize)(void *matrix);
    int (*destroy)(void *matrix);
    int (*mv)(int operation, float alpha, void *matrix, struct mkl_sparse_description description,
              const float *x, float beta, float *y);
    int (*mm)(int operation, float alpha, void *matrix, struct mkl_sparse_description description,
              int layout, const float *x, int vectors, int x_stride, float beta, float *y,
              int y_stride);
} sparse;

/* Loads the library and finds `name` and the functions that make a matrix. */
static enum eie_status probe(const char *name, void *function, struct eie_error *error)
{
    const struct eie_library_need needs[] = {
        {"mkl_sparse_s_create_csr", &sparse.create}, {"mkl_sparse_set_mv_hint", &sparse.hint_mv},
        {"mkl_sparse_set_mm_hint", &sparse.hint_mm}, {"mkl_sparse_optimize", &sparse.optimize},
        {"mkl_sparse_destroy", &sparse.destroy},     {name, function},
    };
    enum eie_status status = EIE_OK;
    for (size_t i = 0; i < sizeof needs / sizeof *needs && !status; i++)
        status = mkl_probe(needs[i].name, needs[i].pointer, error);
    return status;
}

static enum eie_status probe_mv(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return probe("mkl_sparse_s_mv", &sparse.mv, error);
}

static enum eie_status probe_mm(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return probe("mkl_sparse_s_mm", &sparse.mm, error);
}

/* EIE_OK, or EIE_SYSTEM with the library's own code for what went wrong in `where`. */
static enum eie_status check(int code, const char *where, struct eie_error *error)
{
    if (!code) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "MKL's %s fails with its code %d", where, code);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX || layer->entry_count > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more columns or weights than MKL can count");
    /* the library's inspector may keep another form beside ours */
    *plan_bytes = float_plan_bytes_with(problem, EIE_FLOAT_CSR,
                                        csr_bytes(layer->outputs, layer->entry_count));
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    for (uint32_t c = 0; plan->matrices && c < plan->base.base.setup.copies; c++)
        if (plan->matrices[c]) sparse.destroy(plan->matrices[c]);
    free(plan->matrices);
    float_plan_end(&plan->base);
}

static enum eie_status make_matrix(const struct eie_problem *problem, const struct csr *csr,
                                   void **matrix, struct eie_error *error)
{
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    int *row_start = (int *)csr->start, *column = (int *)csr->index;
    enum eie_status status = check(
        sparse.create(matrix, 0, rows, columns, row_start, row_start + 1, column, csr->weight),
        "mkl_sparse_s_create_csr", error);
    if (status) return status;
    /* a hint that the library has no use for is no failure */
    if (problem->batch == 1)
        (void)sparse.hint_mv(*matrix, MKL_SPARSE_AS_IT_IS, general, EXPECTED_CALLS);
    else
        (void)sparse.hint_mm(*matrix, MKL_SPARSE_AS_IT_IS, general, MKL_SPARSE_COLUMN_MAJOR,
                             (int)problem->batch, EXPECTED_CALLS);
    return check(sparse.optimize(*matrix), "mkl_sparse_optimize", error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    struct float_plan *base;
    enum eie_status status = mkl_take_threads(setup->problem.threads, error);
    if (!status)
        status = float_plan_begin_with(setup, EIE_FLOAT_CSR, sizeof(struct plan), &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->matrices = calloc(setup->copies, sizeof *plan->matrices);
    if (!plan->matrices) status = eie_fail(error, EIE_MEMORY, "out of memory");
    for (uint32_t c = 0; c < setup->copies && !status; c++) {
        const struct csr csr = float_plan_csr(base, c);
        status = make_matrix(&setup->problem, &csr, &plan->matrices[c], error);
    }
    if (status)
        destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

static enum eie_status run_mv(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    mkl_use_threads(opaque);
    return check(sparse.mv(MKL_SPARSE_AS_IT_IS, 1.0f, plan->matrices[copy], general, plan->base.x,
                           0.0f, plan->base.y),
                 "mkl_sparse_s_mv", error);
}

static enum eie_status run_mm(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    mkl_use_threads(opaque);
    return check(sparse.mm(MKL_SPARSE_AS_IT_IS, 1.0f, plan->matrices[copy], general,
                           MKL_SPARSE_COLUMN_MAJOR, plan->base.x, (int)problem->batch,
                           (int)problem->layer->inputs, 0.0f, plan->base.y,
                           (int)problem->layer->outputs),
                 "mkl_sparse_s_mm", error);
}

#define BOTH                                                                                       \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_CPU,                            \
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE, .max_threads = UINT32_MAX,                    \
    .supports = supports, .prepare = prepare, .load = float_plan_load, .wait = eie_cpu_plan_wait,  \
    .read = float_plan_read, .cost = float_plan_cost, .describe = mkl_describe, .destroy = destroy

const struct eie_kernel eie_kernel_peers_mkl_csr_mv = {
    BOTH,
    .name = "peers_mkl_csr_mv",
    .summary = "sparse float32 rows times vector by MKL",
    .batch_max = 1,
    .probe = probe_mv,
    .run = run_mv,
};

const struct eie_kernel eie_kernel_peers_mkl_csr_mm = {
    BOTH,
    .name = "peers_mkl_csr_mm",
    .summary = "sparse float32 rows times several vectors at once by MKL",
    .batch_min = 2,
    .probe = probe_mm,
    .run = run_mm,
};
