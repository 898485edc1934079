/* What the peers on CUDA devices share: the device, the vectors and the copies of the weights in
 * its memory, and how a call of a library is made (kernels/cuda_calls.h). They compute W a
 * in float32, or in less, and stop there. The libraries are looked up when they are needed, so that
 * no header of CUDA is; what stands here of their constants is as their documentation states it
 * (tests/cuda holds it against the headers where there are some).
 *
 * A kernel's own plan begins with struct cuda_float_plan. */
#ifndef EIE_KERNELS_PEERS_CUDA_FLOAT_H
#define EIE_KERNELS_PEERS_CUDA_FLOAT_H

#include "host/devices/cuda.h"
#include "kernels/cuda_calls.h"
#include "kernels/kernel.h"

/* cudaDataType: CUDA_R_32F, CUDA_R_16F, CUDA_R_8I, CUDA_R_32I */
enum cuda_type { CUDA_FLOAT = 0, CUDA_HALF = 2, CUDA_BYTE = 3, CUDA_INT = 10 };

#define CUDA_FLOAT_DEVICES 64 /* that a library's handles are kept for */

/* A call of a library with copy `copy`, and what its status means. */
struct cuda_float_plan;
struct cuda_float_product {
    const char *what; /* the library's function */
    unsigned (*call)(struct cuda_float_plan *plan, uint32_t copy);
    enum eie_status (*check)(unsigned code, const char *what, struct eie_error *error);
};

/* What a plan is made of. */
struct cuda_float_needs {
    uint64_t copy_bytes;
    uint32_t x_stride, y_stride; /* values from one vector to the next; what is between is 0 */
    enum cuda_type type;         /* of inputs and of dense weights; sums are float, of bytes int */
};

struct cuda_float_plan {
    struct eie_setup setup;
    struct cuda_float_needs needs;
    const struct cuda_float_product *product;
    struct eie_cuda *cuda;
    struct cuda_calls calls;
    unsigned code;         /* the library's, of a call that has failed */
    int16_t *inputs;       /* [batch][inputs] as loaded: for counting */
    void *values;          /* [batch][x_stride] */
    void *sums;            /* [batch][y_stride], or NULL where y is what is read */
    void *x, *y, **copies; /* in the device's memory: as values, as sums, and [setup.copies] */
};

/* A zeroed plan of `size` bytes, the device opened, everything allocated, x and y zeroed.
 * EIE_UNSUPPORTED when the device's memory is too small; on failure nothing is left behind. */
EIE_MUST_USE enum eie_status cuda_float_begin(const struct eie_setup *setup, size_t size,
                                              const struct cuda_float_needs *needs,
                                              const struct cuda_float_product *product,
                                              struct cuda_float_plan **plan,
                                              struct eie_error *error);
void cuda_float_end(struct cuda_float_plan *plan); /* NULL is fine */

/* Bytes of a plan but for its copies. */
uint64_t cuda_float_bytes(const struct eie_problem *problem, const struct cuda_float_needs *needs);

size_t cuda_float_width(enum cuda_type type); /* bytes of one value */

/* Puts `value` at values[at] of floats, of halves (to nearest, ties to even), or of bytes, where it
 * is -128 to 127. */
void cuda_float_put(enum cuda_type type, void *values, size_t at, int16_t value);

/* All copies: the layer as a dense matrix [y_stride][x_stride] of the plan's type, where code c
 * stands for weights[c], and for 0 behind the layer's rows and columns. */
EIE_MUST_USE enum eie_status cuda_float_fill(struct cuda_float_plan *plan, const int16_t *weights,
                                             struct eie_error *error);

/* Sends the plan's `values` to the device; `inputs`, which they were made of, are kept. */
EIE_MUST_USE enum eie_status cuda_float_send(struct cuda_float_plan *plan, const int16_t *inputs,
                                             struct eie_error *error);

/* The end of prepare: first calls (libraries allocate then, the device loads code), then the same
 * recorded as graphs. What cannot be recorded is called each time. */
EIE_MUST_USE enum eie_status cuda_float_ready(struct cuda_float_plan *plan,
                                              struct eie_error *error);

/* Products of a weight that is stored and an input that is not 0. */
uint64_t cuda_float_useful(const struct cuda_float_plan *plan);

/* Of a dense product. */
void cuda_float_dense_cost(const struct eie_plan *plan, struct eie_cost *cost);

/* These stand in the kernels' tables. */
enum eie_status cuda_float_load(struct eie_plan *plan, const int16_t *inputs,
                                struct eie_error *error);
enum eie_status cuda_float_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
enum eie_status cuda_float_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                                struct eie_error *error);
enum eie_status cuda_float_pass(struct eie_plan *plan, enum eie_clock clock, uint32_t copy,
                                uint32_t *calls, double *ns, struct eie_error *error);
enum eie_status cuda_float_read(struct eie_plan *plan, void *y, struct eie_error *error);

#endif
