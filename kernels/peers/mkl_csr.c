#include "kernels/peers/mkl_csr.h"
#include "host/library.h"
#include "kernels/peers/csr.h"

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
    *plan_bytes = 2 * csr_bytes(layer->outputs, layer->entry_count) + float_plan_bytes(problem);
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
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    struct float_plan *base;
    enum eie_status status = mkl_take_threads(setup->problem.threads, error);
    if (!status) status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    const uint32_t nonzeros = codes.column_start[codes.inputs];
    status = float_plan_begin(setup, sizeof(struct mkl_csr_plan),
                              csr_bytes(layer->outputs, nonzeros), &base, error);
    if (status) goto end;
    struct mkl_csr_plan *plan = (struct mkl_csr_plan *)base;
    plan->nonzeros = nonzeros;
    plan->matrices = calloc(setup->copies, sizeof *plan->matrices);
    if (!plan->matrices) status = eie_fail(error, EIE_MEMORY, "out of memory");
    for (uint32_t c = 0; c < setup->copies && !status; c++) {
        const struct csr csr = csr_at(base->base.copies[c], layer->outputs, nonzeros);
        csr_by_row(layer, &codes, &csr);
        status = make_matrix(&setup->problem, &csr, &plan->matrices[c], error);
    }
    if (status)
        mkl_csr_destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
end:
    eie_sparse_codes_free(&codes);
    return status;
}

void mkl_csr_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct mkl_csr_plan *plan = (const struct mkl_csr_plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base.base, &cost->macs_useful, &padding);
    /* inputs of 0 are multiplied too */
    cost->macs_padding = (uint64_t)problem->batch * plan->nonzeros - cost->macs_useful;
    cost->prepared_bytes = csr_bytes(layer->outputs, plan->nonzeros);
    cost->bytes_read =
        cost->prepared_bytes + (uint64_t)problem->batch * layer->inputs * sizeof(float);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(float);
}
