/* What plans of OpenCL kernels share: the device, the vectors and the prepared copies in its
 * memory, and one launch a call. A kernel's own plan begins with it; load, run, wait, read,
 * describe and destroy below can stand in the kernel's table as they are.
 *
 * A kernel NAME.c has its device code beside it in NAME.cl, which the build puts into the program,
 * common.cl before it. Its first three arguments are the copy, the inputs and the outputs. */
#ifndef EIE_KERNELS_OPENCL_PLAN_H
#define EIE_KERNELS_OPENCL_PLAN_H

#include "host/devices/opencl_program.h"
#include "kernels/kernel.h"

struct opencl_plan {
    struct eie_setup setup;
    struct eie_opencl *opencl;
    const struct eie_opencl_program *program;
    const char *origin;  /* of the program, for this plan */
    int16_t *inputs;     /* [batch][inputs] as loaded: for counting */
    float *values;       /* the same in float, or NULL */
    cl_mem x, y;         /* [batch][inputs], [batch][outputs]: int16, or float */
    cl_mem constants;    /* int32: codebook [16], bias [outputs]; NULL for float */
    cl_mem *copies;      /* [setup.copies] */
    uint64_t copy_bytes; /* of each */
    cl_kernel kernel;    /* NULL where a library launches its own */
    uint64_t work_group_max;
    size_t global[2], local[2]; /* of the launch */
    cl_event event;             /* of the call under way */
};

/* What a plan is made of. */
struct opencl_needs {
    const char *name;    /* of NAME.cl and of the kernel in it; NULL: a library brings its own */
    const char *options; /* of the compiler */
    uint64_t copy_bytes;
    uint32_t x_spare; /* values behind the last input that may be read: 0 */
    bool floats;      /* vectors are float32 */
};

/* The sources that the build put into the program, NULL behind the last. */
extern const struct eie_opencl_source opencl_sources[];

/* A zeroed plan of `size` bytes that begins with struct opencl_plan: device opened, program built,
 * buffers made, the vectors' arguments set. On failure nothing is left behind. */
EIE_MUST_USE enum eie_status opencl_plan_begin(const struct eie_setup *setup, size_t size,
                                               const struct opencl_needs *needs,
                                               struct opencl_plan **plan, struct eie_error *error);
void opencl_plan_end(struct opencl_plan *plan); /* NULL is fine */

/* Fills all copies with the same bytes. */
EIE_MUST_USE enum eie_status opencl_plan_fill(struct opencl_plan *plan, const void *bytes,
                                              struct eie_error *error);

/* Sets argument `index`, from 3 on; `value` NULL: local memory of `size` bytes. */
EIE_MUST_USE enum eie_status opencl_plan_set(struct opencl_plan *plan, cl_uint index, size_t size,
                                             const void *value, struct eie_error *error);

/* The launch: `items` work-items in groups of `group`, for each input of the batch; rounded up to
 * whole groups. EIE_UNSUPPORTED when the device takes no such group. */
EIE_MUST_USE enum eie_status opencl_plan_shape(struct opencl_plan *plan, uint64_t items,
                                               uint64_t group, struct eie_error *error);

/* Work-items of the groups that the kernel's text requires; 0: any. */
uint64_t opencl_plan_requires(const struct opencl_plan *plan);

/* `wanted` work-items, halved until device and kernel take a group of so many; at least 1. */
uint64_t opencl_plan_group(const struct opencl_plan *plan, uint64_t wanted);

/* A first launch with inputs of 0: drivers compile and allocate then, and that is preparation. */
EIE_MUST_USE enum eie_status opencl_plan_first(struct opencl_plan *plan, struct eie_error *error);

/* Bytes of vectors and constants on the device. */
uint64_t opencl_plan_vector_bytes(const struct eie_problem *problem, bool floats);

/* The useful multiplications of the loaded inputs, and entries of padding in active columns. */
void opencl_plan_count(const struct opencl_plan *plan, uint64_t *useful, uint64_t *padding);

/* These stand in the kernels' tables. */
enum eie_status opencl_plan_load(struct eie_plan *plan, const int16_t *inputs,
                                 struct eie_error *error);
enum eie_status opencl_plan_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
enum eie_status opencl_plan_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                                 struct eie_error *error);
enum eie_status opencl_plan_read(struct eie_plan *plan, void *y, struct eie_error *error);
void opencl_plan_describe(const struct eie_plan *plan, eie_column column, void *context);
void opencl_plan_destroy(struct eie_plan *plan);

#endif
