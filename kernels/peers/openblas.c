#include "kernels/peers/openblas.h"
#include "host/base/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct openblas openblas_system = {
    .names = {"libopenblas.so.0", "libopenblas.so"}, .override = "EIE_OPENBLAS", .prefix = ""};
struct openblas openblas_scipy = {
    .names = {"libscipy_openblas.so"}, .override = "EIE_SCIPY_OPENBLAS", .prefix = "scipy_"};

enum { THREADS_OF_OPENMP = 2 }; /* openblas_get_parallel's value */

static enum eie_status find(struct openblas *blas, const char *name, void *function,
                            struct eie_error *error)
{
    char full[64];
    const struct eie_library_need need[] = {{full, function}, {NULL, NULL}};
    snprintf(full, sizeof full, "%s%s", blas->prefix, name);
    return eie_library_symbols(blas->handle, need, error);
}

enum eie_status openblas_load(struct openblas *blas, struct eie_error *error)
{
    const struct eie_library_need needs[] = {
        {"openblas_set_num_threads", &blas->set_threads},
        {"openblas_get_num_threads", &blas->get_threads},
        {"openblas_get_config", &blas->config},
        {"openblas_get_corename", &blas->core},
    };
    int (*parallel)(void);
    /* its workers shall sleep soon after a call (2^16 ticks), or they take a core from the next
       kernel of the group; read when the library is loaded, a user's own setting stands */
    setenv("OPENBLAS_THREAD_TIMEOUT", "16", 0);
    openmp_sleep_soon();
    enum eie_status status = eie_library_open(blas->names, blas->override, &blas->handle, error);
    for (size_t i = 0; i < sizeof needs / sizeof *needs && !status; i++)
        status = find(blas, needs[i].name, needs[i].pointer, error);
    if (!status && !find(blas, "openblas_get_parallel", &parallel, NULL) &&
        parallel() == THREADS_OF_OPENMP)
        status = openmp_find(blas->handle, &blas->openmp, error);
    if (status) {
        blas->handle = NULL;
        return status;
    }
    /* one that lacks either has no kernel for it */
    if (find(blas, "cblas_sgemv", &blas->sgemv, NULL)) blas->sgemv = NULL;
    if (find(blas, "cblas_sgemm", &blas->sgemm, NULL)) blas->sgemm = NULL;
    return EIE_OK;
}

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
    return status ? status : find(blas, name, &function, error);
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
                        "this OpenBLAS uses %d threads where %u are asked for", blas->get_threads(),
                        threads);
    return dense_float_prepare(setup, plan, error);
}

void openblas_describe(const struct openblas *blas, eie_column column, void *context)
{
    char core[128];
    openblas_core_text(&blas->choice, blas->core(), core, sizeof core);
    column(context, "eie_library", blas->config(), 0);
    column(context, "eie_library_core", core, 0);
    if (blas->choice.tried[0]) column(context, "eie_library_tried", blas->choice.tried, 0);
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
