/* What the CPU kernels share that compute in float32: the vectors as floats, and the decoded
 * weights as a dense matrix or by row (CSR). They compute W a and stop there (kernels/kernel.h:
 * EIE_KERNEL_FLOAT32). The weights are shared by all plans on the layer (kernels/float_weights.h):
 * a plan's bound in `supports` counts them only while no other plan has them. */
#ifndef EIE_KERNELS_FLOAT_PLAN_H
#define EIE_KERNELS_FLOAT_PLAN_H

#include "kernels/cpu_plan.h"
#include "kernels/float_weights.h"

struct float_plan {
    struct eie_cpu_plan base;
    float *x, *y;                            /* [batch][inputs], [batch][outputs] */
    const struct eie_float_weights *weights; /* NULL where the kernel keeps a form of its own */
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

/* ---- shared weights, of setup->copies copies at least ---------------------------------------- */

/* Bytes of a plan with them, as float_plan_bytes; `more` of the kernel's own beside. */
uint64_t float_plan_bytes_with(const struct eie_problem *problem, enum eie_float_form form,
                               uint64_t more);

/* As float_plan_begin, with the weights. */
enum eie_status float_plan_begin_with(const struct eie_setup *setup, enum eie_float_form form,
                                      size_t size, struct float_plan **plan,
                                      struct eie_error *error);

/* Of the copy; what a library takes as float * and does not write to. */
float *float_plan_dense(const struct float_plan *plan, uint32_t copy);
struct csr float_plan_csr(const struct float_plan *plan, uint32_t copy);

/* These can stand in the kernels' tables: every weight of the form is multiplied. */
void float_plan_cost(const struct eie_plan *plan, struct eie_cost *cost);
enum eie_status dense_float_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error);
enum eie_status dense_float_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                    struct eie_error *error);

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
