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
#include "kernels/cuda_calls.h"
#include "kernels/kernel.h"

#define CUDA_FORMS_MAX 64u
#define CUDA_X_ZEROS   64u /* behind the inputs of each vector, at least */

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
    struct cuda_calls calls;
    bool trying;                /* ways are tried (tuning.h) */
    uint32_t held_count;        /* then forms that were replaced and are still used */
    void *held[CUDA_FORMS_MAX]; /* in the device's memory */
};

/* A zeroed plan of `size` bytes that begins with struct cuda_plan: device opened, vectors made and
 * filled with zeros, the arguments' common part set. `offset`: of the kernel's arguments in the
 * plan. On failure nothing is left behind. */
EIE_MUST_USE enum eie_status cuda_plan_begin(const struct eie_setup *setup, size_t size,
                                             size_t offset, const struct eie_cuda_code *code,
                                             struct cuda_plan **plan, struct eie_error *error);
void cuda_plan_end(struct cuda_plan *plan); /* NULL is fine */

/* Remakes all copies, of the same bytes; while ways are tried only one, and what was there
 * before stays until cuda_plan_let_go. EIE_UNSUPPORTED when the device is too small. */
EIE_MUST_USE enum eie_status cuda_plan_fill(struct cuda_plan *plan, const void *bytes,
                                            uint64_t count, struct eie_error *error);

void cuda_plan_let_go(struct cuda_plan *plan); /* of forms that are held; `trying` ends */

/* The launch. EIE_UNSUPPORTED when a block may not have so much shared memory. */
EIE_MUST_USE enum eie_status cuda_plan_shape(struct cuda_plan *plan, uint32_t blocks,
                                             uint32_t rows_of_blocks, uint32_t threads,
                                             uint64_t shared_bytes, struct eie_error *error);

/* One launch as the plan is now, queued on the device's stream: a code of the runtime. */
int cuda_plan_enqueue(struct cuda_plan *plan, uint32_t copy);

/* The end of prepare: first launches (drivers load code and allocate then), then graphs. */
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
enum eie_status cuda_plan_pass(struct eie_plan *plan, enum eie_clock clock, uint32_t copy,
                               uint32_t *calls, double *ns, struct eie_error *error);
enum eie_status cuda_plan_read(struct eie_plan *plan, void *y, struct eie_error *error);
void cuda_plan_describe(const struct eie_plan *plan, eie_column column, void *context);
void cuda_plan_destroy(struct eie_plan *plan);

#endif
