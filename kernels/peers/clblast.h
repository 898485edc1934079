/* The library CLBlast, dense BLAS by OpenCL, looked up when it is needed (EIE_CLBLAST names another
 * file to use instead), on the decoded weights. Computes W a and stops there. */
#ifndef EIE_KERNELS_PEERS_CLBLAST_H
#define EIE_KERNELS_PEERS_CLBLAST_H

#include "kernels/opencl/plan.h"

struct clblast_plan {
    struct opencl_plan base; /* copies are float [outputs][inputs], row-major */
    cl_event begin;          /* where the call needs one of its own, or NULL */
};

/* The library's constants, as its reference states them. */
enum clblast_constant { CLBLAST_ROW_MAJOR = 101, CLBLAST_AS_IT_IS = 111, CLBLAST_TRANSPOSED = 112 };

/* Loads the library and finds `name` in it: `function` is the address of a function pointer. */
enum eie_status clblast_probe(const char *name, void *function, struct eie_error *error);

/* EIE_OK, or a failure with the library's own code. */
enum eie_status clblast_status(int code, const char *what, struct eie_error *error);

/* A plan; the library compiles at its first call, which `run` makes here. */
enum eie_status clblast_prepare(const struct eie_setup *setup,
                                enum eie_status (*run)(struct eie_plan *plan, uint32_t copy,
                                                       struct eie_error *error),
                                struct eie_plan **plan, struct eie_error *error);

/* These stand in the kernels' tables. */
enum eie_status clblast_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                 struct eie_error *error);
enum eie_status clblast_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                             struct eie_error *error);
void clblast_cost(const struct eie_plan *plan, struct eie_cost *cost);
void clblast_destroy(struct eie_plan *plan);

#endif
