#include "kernels/peers/openblas.h"
#include "host/library.h"

#include <stdlib.h>

static struct {
    void *handle;
    void (*set_threads)(int);
    int (*get_threads)(void);
    char *(*config)(void);
    char *(*core)(void);
} blas;

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    static const struct eie_library_need needs[] = {
        {"openblas_set_num_threads", &blas.set_threads},
        {"openblas_get_num_threads", &blas.get_threads},
        {"openblas_get_config", &blas.config},
        {"openblas_get_corename", &blas.core},
        {NULL, NULL},
    };
    /* its workers shall sleep soon after a call (2^16 ticks), or they take a core from the next
       kernel of the group; read when the library is loaded, a user's own setting stands */
    setenv("OPENBLAS_THREAD_TIMEOUT", "16", 0);
    enum eie_status status = eie_library_open(names, "EIE_OPENBLAS", &blas.handle, error);
    if (!status) status = eie_library_symbols(blas.handle, needs, error);
    if (status) blas.handle = NULL;
    return status;
}

enum eie_status openblas_probe(const char *name, void *function, struct eie_error *error)
{
    const struct eie_library_need need[] = {{name, function}, {NULL, NULL}};
    enum eie_status status = blas.handle ? EIE_OK : load_library(error);
    return status ? status : eie_library_symbols(blas.handle, need, error);
}

void openblas_use_threads(const struct eie_plan *plan)
{
    const int threads = (int)((const struct float_plan *)plan)->base.setup.problem.threads;
    if (blas.get_threads() != threads) blas.set_threads(threads);
}

enum eie_status openblas_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                 struct eie_error *error)
{
    const uint32_t threads = setup->problem.threads;
    blas.set_threads((int)threads);
    if (blas.get_threads() != (int)threads)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "this OpenBLAS uses %d threads where %u are asked for", blas.get_threads(),
                        threads);
    return dense_float_prepare(setup, plan, error);
}

void openblas_describe(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    column(context, "eie_library", blas.config(), 0);
    column(context, "eie_library_core", blas.core(), 0);
}
