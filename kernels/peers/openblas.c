#include "kernels/peers/openblas.h"
#include "kernels/peers/openblas_core.h"

#include <stdlib.h>

static enum eie_status load_chosen(struct openblas *blas, struct eie_error *error)
{
    static const char variable[] = "OPENBLAS_CORETYPE";
    enum eie_status status = openblas_choose(blas, &blas->choice, error);
    if (status) return status;
    if (blas->choice.set[0]) setenv(variable, blas->choice.set, 1);
    status = openblas_load(blas, error);
    if (blas->choice.set[0]) unsetenv(variable); /* another OpenBLAS reads it too */
    return status;
}

enum eie_status openblas_probe(struct openblas *blas, const char *name, struct eie_error *error)
{
    void (*function)(void);
    enum eie_status status = blas->handle ? EIE_OK : load_chosen(blas, error);
    return status ? status : openblas_find(blas, name, &function, error);
}

enum eie_status openblas_prepare(struct openblas *blas, const struct eie_setup *setup,
                                 struct eie_plan **plan, struct eie_error *error)
{
    const uint32_t threads = setup->problem.threads;
    enum eie_status status = EIE_OK;
    if (blas->openmp.parallel) status = openmp_take_threads(&blas->openmp, threads, error);
    if (status) return status;
    blas->set_threads((int)threads);
    if (blas->get_threads() != (int)threads)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "this OpenBLAS uses %d thread%s where %u %s asked for", blas->get_threads(),
                        blas->get_threads() == 1 ? "" : "s", threads, threads == 1 ? "is" : "are");
    return dense_float_prepare(setup, plan, error);
}

void openblas_describe(const struct openblas *blas, eie_column column, void *context)
{
    char core[128], note[128];
    openblas_core_text(&blas->choice, blas->core(), core, sizeof core);
    column(context, "eie_library", blas->config(), 0);
    column(context, "eie_library_core", core, 0);
    if (blas->choice.tried[0]) column(context, "eie_library_tried", blas->choice.tried, 0);
    if (openblas_core_weakness(&blas->choice, blas->core(), note, sizeof note))
        column(context, "eie_library_note", note, 0);
}

void openblas_run(const struct openblas *blas, struct eie_plan *plan, uint32_t copy)
{
    const struct eie_problem *problem = &((const struct float_plan *)plan)->base.setup.problem;
    const int threads = (int)problem->threads;
    if (blas->get_threads() != threads) blas->set_threads(threads);
    if (problem->batch == 1)
        dense_float_sgemv(plan, copy, blas->sgemv);
    else
        dense_float_sgemm(plan, copy, blas->sgemm);
}
