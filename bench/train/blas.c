#include "bench/train/blas.h"
#include "kernels/peers/openblas.h"
#include "kernels/peers/openblas_core.h"

#include <string.h>

enum eie_status eie_blas_open(uint32_t threads, struct eie_blas *blas, struct eie_error *error)
{
    struct openblas *found = &openblas_system;
    struct eie_error unused;
    enum eie_status status = openblas_probe(found, "cblas_sgemm", error);
    if (status) {
        found = &openblas_scipy;
        if (openblas_probe(found, "cblas_sgemm", &unused))
            return eie_error_prefix(error, EIE_MISSING, "training needs OpenBLAS");
    }
    *blas = (struct eie_blas){
        .sgemm = found->sgemm, .set_threads = found->set_threads, .library = found->config()};
    openblas_core_text(&found->choice, found->core(), blas->core, sizeof blas->core);
    found->set_threads((int)threads);
    return EIE_OK;
}

enum eie_status eie_blas_open_or_plain(struct eie_blas *blas, struct eie_error *error)
{
    struct eie_error why;
    const enum eie_status status = eie_blas_open(1, blas, &why);
    if (status == EIE_MISSING)
        *blas = (struct eie_blas){.sgemm = eie_sgemm_plain, .library = "plain loops"};
    else if (status)
        return eie_fail(error, status, "%s", why.message);
    return EIE_OK;
}
