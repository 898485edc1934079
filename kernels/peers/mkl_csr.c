#include "kernels/peers/mkl_csr.h"
#include "host/base/library.h"
#include "kernels/csr.h"

#include <stdlib.h>

#define EXPECTED_CALLS 100000 /* what the library's inspector may spend its time for */

static struct {
    int (*create)(void **matrix, int base, int rows, int columns, int *row_start, int *row_end,
                  int *column, float *weight);
    int (*hint_mv)(void *matrix, int operation, struct mkl_sparse_description description,
                   int calls);
    int (*hint_mm)(void *matrix, int operation, struct mkl_sparse_description description,
                   int layout, int vectors, int calls);
    int (*optimize)(void *matrix);
    int (*destroy)(void *matrix);
} sparse;

enum eie_status mkl_csr_probe(const char *name, void *function, struct eie_error *error)
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

enum eie_status mkl_csr_status(int code, const char *where, struct eie_error *error)
{
    if (!code) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "MKL's %s fails with its code %d", where, code);
}

enum eie_status mkl_csr_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
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

void mkl_csr_destroy(struct eie_plan *opaque)
{
    struct mkl_csr_plan *plan = (struct mkl_csr_plan *)opaque;
    if (!plan) return;
    for (uint32_t c = 0; plan->matrices && c < plan->base.base.setup.copies; c++)
        if (plan->matrices[c]) sparse.destroy(plan->matrices[c]);
    free(plan->matrices);
    float_plan_end(&plan->base);
}

static enum eie_status make_matrix(const struct eie_problem *problem, const struct csr *csr,
                                   void **matrix, struct eie_error *error)
{
    static const struct mkl_sparse_description general = {.type = MKL_SPARSE_GENERAL};
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    int *row_start = (int *)csr->start, *column = (int *)csr->index;
    enum eie_status status = mkl_csr_status(
        sparse.create(matrix, 0, rows, columns, row_start, row_start + 1, column, csr->weight),
        "mkl_sparse_s_create_csr", error);
    if (status) return status;
    /* a hint that the library has no use for is no failure */
    if (problem->batch == 1)
        (void)sparse.hint_mv(*matrix, MKL_SPARSE_AS_IT_IS, general, EXPECTED_CALLS);
    else
        (void)sparse.hint_mm(*matrix, MKL_SPARSE_AS_IT_IS, general, MKL_SPARSE_COLUMN_MAJOR,
                             (int)problem->batch, EXPECTED_CALLS);
    return mkl_csr_status(sparse.optimize(*matrix), "mkl_sparse_optimize", error);
}

enum eie_status mkl_csr_prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                                struct eie_error *error)
{
    struct float_plan *base;
    enum eie_status status = mkl_take_threads(setup->problem.threads, error);
    if (!status)
        status =
            float_plan_begin_with(setup, EIE_FLOAT_CSR, sizeof(struct mkl_csr_plan), &base, error);
    if (status) return status;
    struct mkl_csr_plan *plan = (struct mkl_csr_plan *)base;
    plan->matrices = calloc(setup->copies, sizeof *plan->matrices);
    if (!plan->matrices) status = eie_fail(error, EIE_MEMORY, "out of memory");
    for (uint32_t c = 0; c < setup->copies && !status; c++) {
        const struct csr csr = float_plan_csr(base, c);
        status = make_matrix(&setup->problem, &csr, &plan->matrices[c], error);
    }
    if (status)
        mkl_csr_destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}
