#include "kernels/peers/openblas_library.h"
#include "host/base/library.h"

#include <stdio.h>
#include <stdlib.h>

struct openblas openblas_system = {
    .names = {"libopenblas.so.0", "libopenblas.so"}, .override = "EIE_OPENBLAS", .prefix = ""};
struct openblas openblas_scipy = {
    .names = {"libscipy_openblas.so"}, .override = "EIE_SCIPY_OPENBLAS", .prefix = "scipy_"};

enum { THREADS_OF_OPENMP = 2 }; /* openblas_get_parallel's value */

enum eie_status openblas_find(const struct openblas *blas, const char *name, void *function,
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
        status = openblas_find(blas, needs[i].name, needs[i].pointer, error);
    if (!status && !openblas_find(blas, "openblas_get_parallel", &parallel, NULL) &&
        parallel() == THREADS_OF_OPENMP)
        status = openmp_find(blas->handle, &blas->openmp, error);
    if (status) {
        blas->handle = NULL;
        return status;
    }
    /* one that lacks either has no kernel for it */
    if (openblas_find(blas, "cblas_sgemv", &blas->sgemv, NULL)) blas->sgemv = NULL;
    if (openblas_find(blas, "cblas_sgemm", &blas->sgemm, NULL)) blas->sgemm = NULL;
    return EIE_OK;
}
