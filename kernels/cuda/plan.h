/* What plans of CUDA kernels share: the vectors and the prepared copies in the device's memory, and
 * one launch a call, plain or as a graph. A kernel's own plan begins with it; load, run, wait,
 * read, describe and destroy below can stand in the kernel's table as they are.
 *
 * A kernel NAME.c has its device code beside it in NAME.cu and the arguments of both in NAME.h: a
 * struct that begins with struct cuda_arguments. Without nvcc the .cu files are left out, and the
 * kernels say so. */
#ifndef EIE_KERNELS_CUDA_PLAN_H
#define EIE_KERNELS_CUDA_PLAN_H

#include "kernels/cuda/arguments.h"
#include "kernels/kernel.h"

#define CUDA_X_ZEROS 64u /* behind the inputs of each vector, at least */

struct cuda_plan {
    struct eie_setup setup;
    struct eie_cuda *cuda;
    const struct eie_cuda_code *code;
    struct eie_cuda_launch launch;
    struct cuda_arguments *arguments; /* of the kernel, in its own plan */
    int16_t *inputs;                  /* [batch][inputs] as loaded: for counting */
    int16_t *padded;                  /* [batch][x_stride]: how they lie on the device */
    void **copies;                    /* [setup.copies] of copy_bytes */
    uint64_t copy_bytes;
    struct eie_cuda_span span;      /* of the call under way */
    struct CUgraphExec_st **graphs; /* [setup.copies], or NULL: plain launches */
    double plain_ns, graph_ns;      /* wall time of a call either way, when that was chosen */
    bool under_way;
};

/* A zeroed plan of `size` bytes that begins with struct cuda_plan: device opened, vectors made and
 * filled with zeros, the arguments' common part set. `offset`: of the kernel's arguments in the
 * plan. On failure nothing is left behind. */
EIE_MUST_USE enum eie_status cuda_plan_begin(const struct eie_setup *setup, size_t size,
                                             size_t offset, const struct eie_cuda_code *code,
                                             struct cuda_plan **plan, struct eie_error *error);
void cuda_plan_end(struct cuda_plan *plan); /* NULL is fine */

/* Makes all copies anew, of the same bytes. EIE_UNSUPPORTED when the device is too small. */
EIE_MUST_USE enum eie_status cuda_plan_fill(struct cuda_plan *plan, const void *bytes,
                                            uint64_t count, struct eie_error *error);

/* The launch. EIE_UNSUPPORTED when a block may not have so much shared memory. */
EIE_MUST_USE enum eie_status cuda_plan_shape(struct cuda_plan *plan, uint32_t blocks,
                                             uint32_t rows_of_blocks, uint32_t threads,
                                             uint64_t shared_bytes, struct eie_error *error);

/* Calls with the inputs that are loaded: the median on the device's clock, and of wall time. */
EIE_MUST_USE enum eie_status cuda_plan_time(struct cuda_plan *plan, double *device_ns,
                                            double *wall_ns, struct eie_error *error);

/* The end of prepare: a first launch (drivers load code and allocate then), then graphs, kept where
 * a call of them takes less wall time than a plain launch. */
EIE_MUST_USE enum eie_status cuda_plan_ready(struct cuda_plan *plan, struct eie_error *error);

/* Bytes of vectors and constants on the device. */
uint64_t cuda_plan_vector_bytes(const struct eie_problem *problem);

/* The useful multiplications of the loaded inputs, and entries of padding in active columns. */
void cuda_plan_count(const struct cuda_plan *plan, uint64_t *useful, uint64_t *padding);

/* Fills in what follows from the problem: bytes of the prepared form, of vectors, written ones. */
void cuda_plan_cost(const struct cuda_plan *plan, uint64_t weights_read, struct eie_cost *cost);

/* These stand in the kernels' tables. */
enum eie_status cuda_plan_load(struct eie_plan *plan, const int16_t *inputs,
                               struct eie_error *error);
enum eie_status cuda_plan_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
enum eie_status cuda_plan_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                               struct eie_error *error);
enum eie_status cuda_plan_read(struct eie_plan *plan, void *y, struct eie_error *error);
void cuda_plan_describe(const struct eie_plan *plan, eie_column column, void *context);
void cuda_plan_destroy(struct eie_plan *plan);

#endif
