/* The library OpenBLAS, looked up when it is needed (EIE_OPENBLAS names another file to use
 * instead). What its kernels do with it is dense_float's (kernels/float_plan.h). */
#ifndef EIE_KERNELS_PEERS_OPENBLAS_H
#define EIE_KERNELS_PEERS_OPENBLAS_H

#include "kernels/float_plan.h"

/* Loads the library and finds `name` in it: `function` is the address of a function pointer. */
enum eie_status openblas_probe(const char *name, void *function, struct eie_error *error);

/* Makes the library use the plan's number of threads: another kernel may have changed it. */
void openblas_use_threads(const struct eie_plan *plan);

/* These stand in the kernels' tables. */
enum eie_status openblas_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                 struct eie_error *error);
void openblas_describe(const struct eie_plan *plan, eie_column column, void *context);

#endif
