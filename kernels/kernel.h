/* The one interface of every implementation: CPU and GPU kernels, libraries (peers), the
 * accelerator models. Put a file into kernels/FOLDER/ that defines, each at the beginning of a
 * line, one or several
 *
 *     const struct eie_kernel eie_kernel_FOLDER_NAME = { ... };
 *
 * and the build finds them: the folder gives the compiler flags, the table is generated. Nothing
 * else needs to be edited. Outside of the tree the same struct makes a plug-in: kernels/plugin.h.
 *
 * The life of a plan:   supports -> prepare -> (load -> (run -> wait)* -> read)* -> destroy
 *
 * Everything that depends on the inputs' values (finding non-zeros, compaction, product tables)
 * belongs to run. When wait returns, y is complete: bias, activation, rounding, natural row order.
 * load and read only copy. Two plans of one kernel may be alive at the same time. */
#ifndef EIE_KERNELS_KERNEL_H
#define EIE_KERNELS_KERNEL_H

#include "host/base/error.h"
#include "host/devices/device.h"
#include "host/layer/layer.h"
#include "host/machine/threads.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One more with every change that the sizes of the structs do not show: the order or the meaning of
 * members, values of enums, what a function promises. Plug-ins of another number are refused. */
#define EIE_KERNEL_ABI 4u

enum eie_kernel_flags {
    EIE_KERNEL_EXACT = 1 << 0,       /* y equals the reference bit for bit */
    EIE_KERNEL_FLOAT32 = 1 << 1,     /* computes W a in float32; no bias, activation, rounding */
    EIE_KERNEL_APPROXIMATE = 1 << 2, /* rounds its operands, and says how far; never in a
                                        headline; with FLOAT32 or with y in int16 */
    EIE_KERNEL_ESTIMATE = 1 << 3,    /* has no y: checked against counts */
    EIE_KERNEL_REFERENCE = 1 << 4,   /* the oracle itself */
    EIE_KERNEL_BASELINE = 1 << 5, /* in every visit of its group, until a float32 row is measured */
    EIE_KERNEL_DENSE = 1 << 6,  /* FLOAT32, weights as a dense matrix: the fastest of a group is */
    EIE_KERNEL_SPARSE = 1 << 7, /* its dense reference; and the same of weights kept sparse */
    EIE_KERNEL_SKIP_ONE = 1 << 8,     /* the selection `default` leaves it out at batch 1 */
    EIE_KERNEL_SKIP_SEVERAL = 1 << 9, /* and at larger batches */
    EIE_KERNEL_ONE_SCALE = 1 << 10 /* APPROXIMATE: inputs are rounded with one scale for a load */
};

/* What is asked of a kernel. */
struct eie_problem {
    const struct eie_layer *layer;
    const struct eie_device *device;
    uint32_t batch;   /* inputs per call, at least 1 */
    uint32_t threads; /* 1 or more on a CPU; 0 for devices and models */
};

struct eie_setup {
    struct eie_problem problem;
    struct eie_pool *pool; /* problem.threads bound workers; NULL where threads is 0 */
    uint32_t copies;       /* independent copies of the prepared weights, at least 1 */
};

/* Outcome of one call beyond y. NaN where the kernel cannot know. */
struct eie_outcome {
    double device_ns; /* the device's own clock, or a model's time; whole batch */
    double cycles;
    double energy_j;
    const char *energy_source; /* static string, NULL when there is no energy */
};

/* Exact counts for one call (whole batch) with the inputs that are loaded. */
struct eie_cost {
    uint64_t macs_useful;    /* weight and input both non-zero */
    uint64_t macs_padding;   /* every other multiply that the kernel carries out */
    uint64_t bytes_read;     /* of prepared weights and inputs, each byte once */
    uint64_t bytes_written;  /* of outputs */
    uint64_t prepared_bytes; /* of one copy of the prepared form */
    uint64_t adds; /* of all these multiplications, those whose product is added to a sum in memory
                      that the entry's row chooses, one by one: of kernels that go through columns.
                      The caller sets 0 before, so that others leave it out */
};

/* How far an operand as an APPROXIMATE kernel keeps it lies from the true one, at most:
 *     |kept - true| <= relative * |true| + of_largest * the largest |true|
 * where the largest is the codebook's for weights, and for inputs that of the same input vector, or
 * with ONE_SCALE that of all vectors of a load. 0 is kept as 0.
 * bfloat16, to nearest: relative 2^-8; int8 with one scale, to nearest: of_largest 0.5 / 127. The
 * bound of each output follows from it (bench/check/check.h). Sums of rounded operands can leave
 * int32 where exact ones do not: they must saturate, not wrap. */
struct eie_rounding {
    double relative, of_largest; /* 0 to 0.5 each */
};

/* What a row's time is taken by (results/README.md). */
enum eie_clock {
    EIE_CLOCK_WALL,   /* from enqueueing until waiting has returned; on a CPU the only one */
    EIE_CLOCK_DEVICE, /* a device's own: from the call's beginning there to its end */
    EIE_CLOCK_CHAIN,  /* the same of many calls behind each other, divided by how many */
    EIE_CLOCKS
};

struct eie_plan; /* each kernel has its own */

/* Receives further columns: exactly one of text and number (text NULL) is meaningful. */
typedef void (*eie_column)(void *context, const char *key, const char *text, double number);

struct eie_kernel {
    uint32_t abi;        /* EIE_KERNEL_ABI */
    const char *name;    /* "FOLDER_NAME", as the symbol */
    const char *summary; /* one line: the idea */
    const char *isa; /* "any", or the names of cpu_features (host/machine/cpu.h): "avx512,vnni" */
    enum eie_device_kind device_kind;
    const char *runtime;   /* of EIE_DEVICE_FOUND, whose devices it runs on: "opencl", "cuda"; else
                              NULL */
    uint32_t flags;        /* enum eie_kernel_flags */
    uint32_t max_threads;  /* 1, 0 for devices and models, or UINT32_MAX for any number */
    uint32_t cpu_features; /* enum eie_cpu_feature that it needs; checked before probe */
    uint32_t batch_min, batch_max; /* inputs per call that it takes; 0: no limit */
    struct eie_rounding weight_rounding, input_rounding; /* 0 unless APPROXIMATE */

    /* May be NULL. EIE_UNSUPPORTED or EIE_MISSING with the reason. */
    enum eie_status (*probe)(const struct eie_device *device, struct eie_error *error);

    /* EIE_OK and an upper bound of the bytes that a plan with one copy will hold, or
     * EIE_UNSUPPORTED with the reason. What prepare needs for a while is not in it: the decoded
     * layer, some 5 bytes a weight, and often the same once more in another order. Allocates
     * nothing. */
    enum eie_status (*supports)(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error);

    /* The layer outlives the plan. On failure nothing is left behind. */
    enum eie_status (*prepare)(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error);

    /* Copies int16 [batch][inputs] (2-byte aligned, guarded: not one byte beyond may be read). A
     * FLOAT32 kernel converts to float, exactly, or to a narrower type that its library multiplies
     * where all of them fit it; an APPROXIMATE one may round here on a device, or where the layer
     * before would have rounded for it (a library's convolution), and its summary says so. */
    enum eie_status (*load)(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error);

    /* One product with copy `copy`; no allocation, no I/O. Devices only enqueue. What a library
     * (kernels/peers) allocates inside its own call is its own affair, and part of its time. */
    enum eie_status (*run)(struct eie_plan *plan, uint32_t copy, struct eie_error *error);

    /* Fence. `outcome` is set whole by the caller (NaN, NULL) before. */
    enum eie_status (*wait)(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error);

    /* Devices only. NULL: wait states the device's time of the call that run began, and there is no
     * chain. Else run and wait are timed by the wall's clock alone and need no other, and this
     * takes one measurement on the device's: EIE_CLOCK_DEVICE of one call with copy `copy`, without
     * what the host does meanwhile where the device allows that; EIE_CLOCK_CHAIN of `*calls` calls
     * in plain form, with all copies in turn. Waits for the end. *ns is of one call.
     * EIE_UNSUPPORTED where this plan cannot be timed so. Afterwards y is complete, as by wait. */
    enum eie_status (*pass)(struct eie_plan *plan, enum eie_clock clock, uint32_t copy,
                            uint32_t *calls, double *ns, struct eie_error *error);

    /* Copies y out: int16 [batch][outputs] into `y`, or for FLOAT32 kernels float [batch][outputs],
     * the sums in units of the accumulator. NULL function for estimates. */
    enum eie_status (*read)(struct eie_plan *plan, void *y, struct eie_error *error);

    void (*cost)(const struct eie_plan *plan, struct eie_cost *cost);
    void (*describe)(const struct eie_plan *plan, eie_column column, void *context); /* or NULL */
    void (*destroy)(struct eie_plan *plan); /* NULL is fine */
};

/* All kernels: those of this build, then the plug-ins', each sorted by name. */
uint32_t eie_kernel_count(void);
const struct eie_kernel *eie_kernel_at(uint32_t index); /* index < eie_kernel_count() */

/* NULL when there is none of that name. */
const struct eie_kernel *eie_kernel_find(const char *name);

/* Is it one of the devices that the kernel is written for, there or not? */
bool eie_kernel_is_for(const struct eie_kernel *kernel, const struct eie_device *device);

/* Device kind, whether the device is there, CPU features, then the kernel's own probe. */
EIE_MUST_USE enum eie_status eie_kernel_probe(const struct eie_kernel *kernel,
                                              const struct eie_device *device,
                                              struct eie_error *error);

/* thread count and batch, then the kernel's own supports. */
EIE_MUST_USE enum eie_status eie_kernel_supports(const struct eie_kernel *kernel,
                                                 const struct eie_problem *problem,
                                                 uint64_t *plan_bytes, struct eie_error *error);

#ifdef __cplusplus
}
#endif

#endif
