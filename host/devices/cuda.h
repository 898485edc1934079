/* CUDA through its runtime, which is linked statically and finds the driver when it is needed: a
 * program that was built with it still runs where there is no GPU, and one that was built without
 * it (no nvcc at hand) says so for every device and kernel. One stream per process and device;
 * plans only borrow it.
 *
 * A process that has initialised CUDA must not be forked: listing is done in a child, and
 * eie_cuda_open belongs into the process that runs kernels. No CUDA header is needed to include
 * this one. */
#ifndef EIE_HOST_DEVICES_CUDA_H
#define EIE_HOST_DEVICES_CUDA_H

#include "host/devices/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weak: a build without CUDA links kernels and has none of what they call here; they are never
 * called there, since the one device is absent (host/devices/cuda_absent.c). */
#define EIE_CUDA_PART __attribute__((weak))

/* ---- devices -------------------------------------------------------------------------------- */

/* What a device says that it is and can do. */
struct eie_cuda_facts {
    char name[128];
    char uuid[64];            /* "GPU-..." as nvidia-smi prints it */
    char pci[24];             /* "0000:65:00.0" */
    uint32_t driver, runtime; /* CUDA version: 1000 major + 10 minor */
    uint32_t major, minor;    /* compute capability */
    uint32_t multiprocessors;
    uint64_t global_bytes, l2_bytes; /* of memory, of the second-level cache */
    uint64_t shared_block_bytes;     /* of shared memory that a block may ask for */
    uint64_t shared_unit_bytes;      /* of shared memory in a multiprocessor */
    uint32_t threads_unit;           /* resident in a multiprocessor */
    uint32_t memory_bus_bits;
    uint32_t clock_khz, memory_clock_khz; /* the highest */
    bool ecc;
};

struct eie_listing; /* host/devices/runtime.h */

/* All devices, "cuda:NAME", in the driver's order; one that is older than all device code in this
 * program is absent; where there is none, "cuda:none", absent, with the reason. A device's hash is
 * that of name, capability, driver and runtime. Begins with the driver: it belongs into a child
 * process. */
void eie_cuda_list(struct eie_listing *listing);

/* The handles of the runtime: a cudaStream_t is a struct CUstream_st *, and so on. */
struct CUstream_st;
struct CUevent_st;
struct CUgraphExec_st;

/* A device in use. */
struct eie_cuda {
    struct eie_cuda_facts facts;
    int index;
    struct CUstream_st *stream; /* all work is queued here, in order */
    volatile uint32_t *gate;    /* of eie_cuda_span_held; NULL before the first */
};

/* The process's only one for this device; lives until the process ends. EIE_MISSING when the device
 * is not the one that was listed, or absent; EIE_SYSTEM. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status
eie_cuda_open(const struct eie_device *device, struct eie_cuda **cuda, struct eie_error *error);

/* What a launch costs (the median of many) and what memory gives (the most of several tries). */
struct eie_cuda_ceilings {
    double launch_wall_ns;   /* an empty kernel, from enqueueing it until waiting has returned */
    double launch_device_ns; /* between the events around an empty kernel that is launched plainly:
                                what the host does between them is in it */
    double graph_wall_ns, graph_device_ns; /* the same, launched as a graph */
    double held_device_ns;   /* the same, queued while the stream is held; NaN where that fails */
    double chain_ns;         /* of one of many empty kernels behind each other in a graph */
    double held_chain_ns;    /* the same of many that were queued while the stream was held */
    double l2_bytes_per_s;   /* reading again and again what half of the L2 cache holds; NaN where
                                the device has none */
    double dram_bytes_per_s; /* reading many times the L2 cache once */
};

/* Taken once per process and device. */
EIE_MUST_USE enum eie_status eie_cuda_ceilings(struct eie_cuda *cuda,
                                               const struct eie_cuda_ceilings **ceilings,
                                               struct eie_error *error);

/* A kernel has done what ends a context (an illegal address, ...): no call of this process will
 * work again on any device. */
bool eie_cuda_is_lost(void);

/* ---- calls ---------------------------------------------------------------------------------- */

/* EIE_OK for cudaSuccess (0), EIE_MEMORY for the code that means that, else EIE_SYSTEM; the message
 * says what failed ("cudaMalloc") with the code's name and the runtime's words. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_status(int code, const char *what,
                                                           struct eie_error *error);

/* `bytes` (0 is taken as 1) of the device's memory, 256-byte aligned. EIE_MISSING
 * where the device has no more. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_alloc(struct eie_cuda *cuda, uint64_t bytes,
                                                          void **memory, struct eie_error *error);
EIE_CUDA_PART void eie_cuda_free(struct eie_cuda *cuda, void *memory); /* NULL is fine */

/* Copies; they return when it is done. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_write(struct eie_cuda *cuda, void *device,
                                                          const void *host, uint64_t bytes,
                                                          struct eie_error *error);
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_read(struct eie_cuda *cuda, void *host,
                                                         const void *device, uint64_t bytes,
                                                         struct eie_error *error);
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_zero(struct eie_cuda *cuda, void *device,
                                                         uint64_t bytes, struct eie_error *error);

/* Two events and what is queued between them. */
struct eie_cuda_span {
    struct CUevent_st *first, *last;
};
EIE_CUDA_PART EIE_MUST_USE enum eie_status
eie_cuda_span_make(struct eie_cuda *cuda, struct eie_cuda_span *span, struct eie_error *error);
EIE_CUDA_PART void eie_cuda_span_free(struct eie_cuda_span *span); /* NULL members are fine */

/* Calls `enqueue` between the two events of the span; span NULL: without events. It returns a code
 * of the runtime, 0 for good; below 0 a failure of its own, of which EIE_SYSTEM says no more. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status
eie_cuda_span_run(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                  int (*enqueue)(void *context), void *context, struct eie_error *error);

/* Waits for the span's end; nanoseconds on the device's clock from its beginning. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_span_wait(struct eie_cuda *cuda,
                                                              const struct eie_cuda_span *span,
                                                              double *ns, struct eie_error *error);

/* The time of what `enqueue` queues, on the device's clock and without the host: a kernel holds the
 * stream until all of it and both events are queued. What may be queued so is limited by the
 * driver's own queue, some hundreds of launches. Waits for the end. EIE_UNSUPPORTED where the
 * device has waited in vain several times, EIE_CUDA_HOLD_NS each: `enqueue` waits for its own work,
 * or launches are not asynchronous here. */
#define EIE_CUDA_HOLD_NS 50e6
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_span_held(struct eie_cuda *cuda,
                                                              const struct eie_cuda_span *span,
                                                              int (*enqueue)(void *context),
                                                              void *context, double *ns,
                                                              struct eie_error *error);

/* Waits for all that is queued. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status eie_cuda_wait(struct eie_cuda *cuda,
                                                         struct eie_error *error);

/* The same as a graph: what `enqueue` queues is recorded once, with the span's events around it,
 * and launched by one call. EIE_UNSUPPORTED where the work cannot be recorded. */
EIE_CUDA_PART EIE_MUST_USE enum eie_status
eie_cuda_graph_make(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                    int (*enqueue)(void *context), void *context, struct CUgraphExec_st **graph,
                    struct eie_error *error);
EIE_CUDA_PART void eie_cuda_graph_free(struct CUgraphExec_st *graph); /* NULL is fine */
EIE_CUDA_PART EIE_MUST_USE enum eie_status
eie_cuda_graph_run(struct eie_cuda *cuda, struct CUgraphExec_st *graph, struct eie_error *error);

/* ---- device code ---------------------------------------------------------------------------- */

/* How a kernel is launched. */
struct eie_cuda_launch {
    uint32_t blocks[2], threads, shared_bytes; /* shared: dynamic */
    struct CUstream_st *stream;
};

/* A kernel as its file NAME.cu exports it (host/devices/cuda_code.h): the arguments are one struct,
 * which the caller and the kernel share by a header. The functions return a code of the runtime.
 * In a build without CUDA there is none. */
struct eie_cuda_code {
    const char *name;
    int (*launch)(const struct eie_cuda_launch *launch, const void *arguments);
    /* of launches of any plan from now on, at most; the first-level cache is what they leave */
    int (*allow)(uint32_t shared_bytes);
    int (*resident)(uint32_t threads, uint32_t shared_bytes, int *blocks); /* in a multiprocessor */
};

#ifdef __cplusplus
}
#endif

#endif
