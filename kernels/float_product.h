/* Float32 products of our own, so that a library that runs slow code on a processor that it does
 * not know is noticed, and a program without any library has baselines too: W dense or by row
 * (CSR), one input or several.
 *
 * An instruction set brings its vectors (float_vectors.h in its folder); kernels/float_dense_body.h
 * and kernels/float_csr_body.h make the functions below of them. The plan, the split among threads
 * and what turns inputs and outputs is here.
 *
 * Several inputs are turned in run: x [inputs][lanes], where a block of up to `block` vectors of
 * inputs lies behind the other ([block][inputs][vectors of the block]), so that a weight is
 * broadcast and multiplied with whole vectors. Outputs come as [outputs][lanes] and are turned
 * back. */
#ifndef EIE_KERNELS_FLOAT_PRODUCT_H
#define EIE_KERNELS_FLOAT_PRODUCT_H

#include "kernels/float_plan.h"

/* What the functions of an instruction set work on. Rows `begin` to `end` are theirs. */
struct float_rows {
    const float *dense; /* [outputs][inputs]; or */
    struct csr csr;
    uint32_t inputs, lanes; /* lanes: the inputs of a call in whole vectors */
    uint32_t begin, end;
    const float *x; /* one input: [inputs]; several: turned */
    float *y;       /* one input: [outputs]; several: [outputs][lanes] */
};

#define FLOAT_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define FLOAT_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define FLOAT_UNROLLED _Pragma("GCC unroll 32")
#endif

struct float_functions {
    uint32_t vector, block; /* floats of a vector; vectors of a block */
    void (*one)(const struct float_rows *rows);
    void (*several)(const struct float_rows *rows);
};

/* For the kernels' tables: load, wait, read, cost as kernels/float_plan.h has them. */
enum eie_status float_product_supports(const struct eie_problem *problem, enum eie_float_form form,
                                       uint64_t *plan_bytes, struct eie_error *error);
enum eie_status float_product_prepare(const struct eie_setup *setup, enum eie_float_form form,
                                      const struct float_functions *functions,
                                      struct eie_plan **plan, struct eie_error *error);
enum eie_status float_product_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
void float_product_destroy(struct eie_plan *plan);

#endif
