/* How plans on CUDA devices launch their calls, ours and the libraries' alike, and what each clock
 * of a row sees of them (kernel.h, enum eie_clock):
 *
 *  - wall: run and wait, with no event around them, plainly or as a graph, whichever took less wall
 *    time when the plan was made;
 *  - device: the time between two events in a graph around the call: the host is not in it. What
 *    cannot be recorded, or takes longer as a graph, is queued between two events while the stream
 *    is held (eie_cuda_span_held), which leaves the host out too. Calls that wait for the device
 *    themselves allow neither: between two events the host is in their time. The column
 *    eie_cuda_device_launch says which: "graph", "held" or "plain";
 *  - chain: many calls behind each other between one pair of events, in a graph or queued while the
 *    stream is held, divided by how many: a call of a busy device, without its launch. */
#ifndef EIE_KERNELS_CUDA_CALLS_H
#define EIE_KERNELS_CUDA_CALLS_H

#include "host/devices/cuda.h"
#include "kernels/kernel.h"

#define CUDA_CHAIN      20u   /* calls of a chain, at least */
#define CUDA_COPIES_MAX 4096u /* that a chain goes through, and that have graphs */
#define CUDA_HELD_MAX   64u   /* calls of a chain that is queued while the stream is held */

/* Queues one call with copy `copy`: a code of the runtime, 0 for good; below 0 a failure that the
 * owner has kept to itself. */
typedef int (*cuda_enqueue)(void *owner, uint32_t copy);

struct cuda_calls {
    struct eie_cuda *cuda;
    cuda_enqueue enqueue;
    void *owner;
    uint32_t copies, chain_calls;
    struct eie_cuda_span span;
    struct CUgraphExec_st **walls, **timed; /* [copies] without and with events; NULL: plain */
    struct CUgraphExec_st *chain;           /* NULL: the calls cannot be recorded */
    bool held;  /* then what the device's clock sees is queued while the stream is held */
    bool plain; /* by the wall's clock plain launches are faster */
    double plain_ns, graph_ns; /* wall time of a call either way; graph_ns NaN: not recorded */
    double device_ns;          /* of a call, by the device's clock, when the plan was made */
    bool under_way;
};

/* `calls` for a plan of so many copies; the device is open. On failure nothing is left behind. */
EIE_MUST_USE enum eie_status cuda_calls_begin(struct cuda_calls *calls, struct eie_cuda *cuda,
                                              uint32_t copies, cuda_enqueue enqueue, void *owner,
                                              struct eie_error *error);
void cuda_calls_end(struct cuda_calls *calls); /* waits for what is under way; zeros are fine */

/* Back to plain launches: before what the graphs use is freed. */
void cuda_calls_plain(struct cuda_calls *calls);

/* The end of prepare: first calls (drivers load code and libraries allocate then), then graphs. */
EIE_MUST_USE enum eie_status cuda_calls_ready(struct cuda_calls *calls, struct eie_error *error);

/* The kernel's own run, wait and pass. EIE_SYSTEM of cuda_calls_run may stand for a failure that
 * the owner knows better. */
EIE_MUST_USE enum eie_status cuda_calls_run(struct cuda_calls *calls, uint32_t copy,
                                            struct eie_error *error);
EIE_MUST_USE enum eie_status cuda_calls_wait(struct cuda_calls *calls, struct eie_error *error);
EIE_MUST_USE enum eie_status cuda_calls_pass(struct cuda_calls *calls, enum eie_clock clock,
                                             uint32_t copy, uint32_t *count, double *ns,
                                             struct eie_error *error);

/* Columns that say how it is launched. */
void cuda_calls_describe(const struct cuda_calls *calls, eie_column column, void *context);

#endif
