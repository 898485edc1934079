/* What the peers share that compute in float32: the vectors as floats, and the decoded weights as
 * a dense matrix. They compute W a and stop there (kernels/kernel.h: EIE_KERNEL_FLOAT32). */
#ifndef EIE_KERNELS_PEERS_FLOAT_PLAN_H
#define EIE_KERNELS_PEERS_FLOAT_PLAN_H

#include "kernels/cpu_plan.h"

struct float_plan {
    struct eie_cpu_plan base;
    float *x, *y; /* [batch][inputs], [batch][outputs] */
};

/* As eie_cpu_plan_begin, for plans that begin with struct float_plan. */
enum eie_status float_plan_begin(const struct eie_setup *setup, size_t size, size_t copy_bytes,
                                 struct float_plan **plan, struct eie_error *error);
void float_plan_end(struct float_plan *plan); /* NULL is fine */

/* What a library may hold for a plan and does not say: descriptors, code that it generates. */
#define LIBRARY_BYTES (UINT64_C(256) << 10)

/* Bytes of a plan but for its copies, as eie_cpu_plan_bytes. */
uint64_t float_plan_bytes(const struct eie_problem *problem);

/* These can stand in the kernels' tables. */
enum eie_status float_plan_load(struct eie_plan *plan, const int16_t *inputs,
                                struct eie_error *error);
enum eie_status float_plan_read(struct eie_plan *plan, void *y, struct eie_error *error);
void float_plan_destroy(struct eie_plan *plan);

/* ---- dense weights: copies are float [outputs][inputs], row-major as frameworks store them ----
 */

enum eie_status dense_float_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error);
enum eie_status dense_float_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                    struct eie_error *error);
void dense_float_cost(const struct eie_plan *plan, struct eie_cost *cost);

/* The two functions of the CBLAS standard, which every BLAS has. */
typedef void (*cblas_sgemv)(int order, int transpose, int rows, int columns, float alpha,
                            const float *matrix, int row_stride, const float *x, int x_stride,
                            float beta, float *y, int y_stride);
typedef void (*cblas_sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k,
                            float alpha, const float *a, int a_stride, const float *b, int b_stride,
                            float beta, float *c, int c_stride);

/* y = W x for one input. */
void dense_float_sgemv(struct eie_plan *plan, uint32_t copy, cblas_sgemv sgemv);

/* Y = X W^T for all inputs at once. */
void dense_float_sgemm(struct eie_plan *plan, uint32_t copy, cblas_sgemm sgemm);

#endif
