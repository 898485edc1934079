/* The sparse baseline of the paper: MKL's inspector-executor routines on compressed sparse rows of
 * the decoded weights, and what the library makes of them when it is told how it will be called. */
#ifndef EIE_KERNELS_PEERS_MKL_CSR_H
#define EIE_KERNELS_PEERS_MKL_CSR_H

#include "kernels/peers/mkl.h"

/* MKL's constants and its description of a matrix, as its reference states them. */
enum mkl_sparse_constant {
    MKL_SPARSE_AS_IT_IS = 10,     /* operation: not transposed */
    MKL_SPARSE_GENERAL = 20,      /* matrix type */
    MKL_SPARSE_COLUMN_MAJOR = 102 /* layout */
};
struct mkl_sparse_description {
    int type, triangle, diagonal; /* the latter two mean nothing for a general matrix */
};

struct mkl_csr_plan {
    struct float_plan base;
    void **matrices; /* [copies] the library's handles */
};

/* Loads the library and finds `name` and the functions that make a matrix. */
enum eie_status mkl_csr_probe(const char *name, void *function, struct eie_error *error);

/* EIE_OK, or EIE_SYSTEM with the library's own code for what went wrong in `where`. */
enum eie_status mkl_csr_status(int code, const char *where, struct eie_error *error);

/* These stand in the kernels' tables. */
enum eie_status mkl_csr_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                 struct eie_error *error);
enum eie_status mkl_csr_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                struct eie_error *error);
void mkl_csr_destroy(struct eie_plan *plan);

#endif
