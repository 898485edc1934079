/* What the OpenBLAS kernels share: the library, the weights decoded to float32, the vectors.
 * OpenBLAS is looked up when it is needed (EIE_OPENBLAS names another library file to use
 * instead). */
#ifndef EIE_KERNELS_PEERS_OPENBLAS_H
#define EIE_KERNELS_PEERS_OPENBLAS_H

#include "kernels/cpu_plan.h"

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* the CBLAS standard's constants */

struct openblas_plan {
    struct eie_cpu_plan base; /* copies are float [outputs][inputs], row-major as frameworks store
                                 them */
    float *x, *y;             /* [batch][inputs], [batch][outputs] */
};

/* Loads the library and finds `name` in it: `function` is the address of a function pointer. */
enum eie_status openblas_probe(const char *name, void *function, struct eie_error *error);

/* Makes the library use the plan's number of threads: another kernel may have changed it. */
void openblas_use_threads(const struct openblas_plan *plan);

/* These stand in the kernels' tables. */
enum eie_status openblas_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                  struct eie_error *error);
enum eie_status openblas_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                 struct eie_error *error);
enum eie_status openblas_load(struct eie_plan *plan, const int16_t *inputs,
                              struct eie_error *error);
enum eie_status openblas_read(struct eie_plan *plan, void *y, struct eie_error *error);
void openblas_cost(const struct eie_plan *plan, struct eie_cost *cost);
void openblas_describe(const struct eie_plan *plan, eie_column column, void *context);
void openblas_destroy(struct eie_plan *plan);

#endif
