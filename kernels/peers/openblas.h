/* The library OpenBLAS, looked up when it is needed: the distribution's, which alone does where
 * nothing else is, and a current one from PyPI, whose names begin with scipy_. What their kernels
 * do with it is dense_float's (kernels/float_plan.h).
 *
 * A library that does not know the processor runs code for a much older one. Where its code path
 * lies below what CPUID offers, and OPENBLAS_CORETYPE is not set, the paths that CPUID allows are
 * tried in processes of their own, and the fastest that computes right is taken
 * (kernels/peers/openblas_core.h). */
#ifndef EIE_KERNELS_PEERS_OPENBLAS_H
#define EIE_KERNELS_PEERS_OPENBLAS_H

#include "kernels/peers/openblas_library.h"

/* Loads the library once. EIE_MISSING where it or its function `name` is not there. */
enum eie_status openblas_probe(struct openblas *blas, const char *name, struct eie_error *error);

/* What stands in the kernels' tables calls these. */
enum eie_status openblas_prepare(struct openblas *blas, const struct eie_setup *setup,
                                 struct eie_plan **plan, struct eie_error *error);
void openblas_describe(const struct openblas *blas, eie_column column, void *context);

/* The product, by cblas_sgemv for one input and by cblas_sgemm for several, with the plan's number
 * of threads: another kernel may have changed it. */
void openblas_run(const struct openblas *blas, struct eie_plan *plan, uint32_t copy);

#endif
