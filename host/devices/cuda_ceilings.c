#include "host/base/clock.h"
#include "host/devices/cuda.h"
#include "host/devices/cuda_parts.h"

#include <math.h>

#define LAUNCHES      101 /* odd: one is the median */
#define LAUNCHES_WARM 20
#define CHAIN         20
#define PASSES        15
#define PASSES_WARM   3
#define THREADS       512
#define L2_ROUNDS     16
#define DRAM_FACTOR   32 /* times the L2 cache */
#define DRAM_LEAST    (UINT64_C(256) << 20)

struct launching {
    struct eie_cuda_launch launch;
    struct eie_cuda_reads reads;
};

static int enqueue(void *context)
{
    const struct launching *launching = context;
    return eie_cuda_code_reads.launch(&launching->launch, &launching->reads);
}

static int enqueue_chain(void *context)
{
    int code = 0;
    for (int i = 0; i < CHAIN && !code; i++) code = enqueue(context);
    return code;
}

/* One launch, plainly or as a graph; `span` NULL: without events, and *device_ns is none. */
static enum eie_status once(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                            struct launching *launching, struct CUgraphExec_st *graph,
                            double *wall_ns, double *device_ns, struct eie_error *error)
{
    const double begin = 1e9 * eie_now_s();
    enum eie_status status = graph ? eie_cuda_graph_run(cuda, graph, error)
                                   : eie_cuda_span_run(cuda, span, enqueue, launching, error);
    if (!status)
        status =
            span ? eie_cuda_span_wait(cuda, span, device_ns, error) : eie_cuda_wait(cuda, error);
    *wall_ns = 1e9 * eie_now_s() - begin;
    return status;
}

/* The median by the device's clock, or with `span` NULL by the wall's. */
static enum eie_status time_launches(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                     struct launching *launching, struct CUgraphExec_st *graph,
                                     double *ns, struct eie_error *error)
{
    double all[LAUNCHES], wall = NAN, device = NAN;
    enum eie_status status = EIE_OK;
    for (int i = -LAUNCHES_WARM; i < LAUNCHES && !status; i++) {
        status = once(cuda, span, launching, graph, &wall, &device, error);
        all[i < 0 ? 0 : i] = span ? device : wall;
    }
    if (!status) *ns = eie_middle(all, LAUNCHES);
    return status;
}

/* The same of what is queued as a graph; NaN stays where that cannot be recorded. */
static enum eie_status time_graph(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                  struct launching *launching, int (*queue)(void *context),
                                  double *ns, struct eie_error *error)
{
    struct CUgraphExec_st *graph = NULL;
    enum eie_status status = eie_cuda_graph_make(cuda, span, queue, launching, &graph, error);
    if (!status) status = time_launches(cuda, span, launching, graph, ns, error);
    eie_cuda_graph_free(graph);
    return status == EIE_UNSUPPORTED ? EIE_OK : status;
}

/* The same of what is queued while the stream is held; NaN stays where that cannot be done. */
static enum eie_status time_held(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                 struct launching *launching, int (*queue)(void *context),
                                 double *ns, struct eie_error *error)
{
    double all[LAUNCHES];
    enum eie_status status = EIE_OK;
    for (int i = -LAUNCHES_WARM; i < LAUNCHES && !status; i++)
        status = eie_cuda_span_held(cuda, span, queue, launching, &all[i < 0 ? 0 : i], error);
    if (!status) *ns = eie_middle(all, LAUNCHES);
    return status == EIE_UNSUPPORTED ? EIE_OK : status;
}

static enum eie_status measure_launches(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                        struct launching *launching,
                                        struct eie_cuda_ceilings *ceilings, struct eie_error *error)
{
    enum eie_status status =
        time_launches(cuda, NULL, launching, NULL, &ceilings->launch_wall_ns, error);
    if (!status)
        status = time_launches(cuda, span, launching, NULL, &ceilings->launch_device_ns, error);
    if (!status)
        status = time_graph(cuda, NULL, launching, enqueue, &ceilings->graph_wall_ns, error);
    if (!status)
        status = time_graph(cuda, span, launching, enqueue, &ceilings->graph_device_ns, error);
    if (!status)
        status = time_graph(cuda, span, launching, enqueue_chain, &ceilings->chain_ns, error);
    if (!status)
        status = time_held(cuda, span, launching, enqueue, &ceilings->held_device_ns, error);
    if (!status)
        status = time_held(cuda, span, launching, enqueue_chain, &ceilings->held_chain_ns, error);
    ceilings->chain_ns /= CHAIN;
    ceilings->held_chain_ns /= CHAIN;
    return status;
}

/* Bytes a second of reading `bytes` of the data `rounds` times; the empty launch is not in it. */
static enum eie_status time_reads(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                  struct launching *launching, uint64_t bytes, uint32_t rounds,
                                  double empty_ns, double *bytes_per_s, struct eie_error *error)
{
    double ns[PASSES], wall;
    enum eie_status status = EIE_OK;
    launching->reads.words = bytes / 16;
    launching->reads.rounds = rounds;
    for (int i = -PASSES_WARM; i < PASSES && !status; i++)
        status = once(cuda, span, launching, NULL, &wall, &ns[i < 0 ? 0 : i], error);
    if (status) return status;
    double fastest = INFINITY; /* this is a ceiling */
    for (int i = 0; i < PASSES; i++) fastest = fmin(fastest, ns[i]);
    *bytes_per_s = 1e9 * (double)bytes * rounds / fmax(fastest - empty_ns, 0.01 * fastest);
    return EIE_OK;
}

static enum eie_status measure(struct eie_cuda *cuda, const struct eie_cuda_span *span, void *data,
                               uint64_t bytes, struct eie_cuda_ceilings *ceilings,
                               struct eie_error *error)
{
    struct launching launching = {
        .launch = {.blocks = {1, 1}, .threads = 32, .stream = cuda->stream},
        .reads = {.data = data, .sink = data}};
    enum eie_status status = measure_launches(cuda, span, &launching, ceilings, error);
    launching.launch.threads = THREADS;
    const uint32_t resident = cuda->facts.threads_unit / THREADS; /* in a multiprocessor */
    launching.launch.blocks[0] = cuda->facts.multiprocessors * (resident ? resident : 1);
    if (!status && cuda->facts.l2_bytes)
        status = time_reads(cuda, span, &launching, cuda->facts.l2_bytes / 2, L2_ROUNDS,
                            ceilings->launch_device_ns, &ceilings->l2_bytes_per_s, error);
    if (!status)
        status = time_reads(cuda, span, &launching, bytes, 1, ceilings->launch_device_ns,
                            &ceilings->dram_bytes_per_s, error);
    return status;
}

enum eie_status eie_cuda_measure(struct eie_cuda *cuda, struct eie_cuda_ceilings *ceilings,
                                 struct eie_error *error)
{
    uint64_t bytes = DRAM_FACTOR * cuda->facts.l2_bytes;
    struct eie_cuda_span span;
    void *data = NULL;
    if (bytes < DRAM_LEAST) bytes = DRAM_LEAST;
    if (bytes > cuda->facts.global_bytes / 4) bytes = cuda->facts.global_bytes / 4;
    *ceilings = (struct eie_cuda_ceilings){.graph_wall_ns = NAN,
                                           .graph_device_ns = NAN,
                                           .held_device_ns = NAN,
                                           .chain_ns = NAN,
                                           .held_chain_ns = NAN,
                                           .l2_bytes_per_s = NAN,
                                           .dram_bytes_per_s = NAN};
    enum eie_status status = eie_cuda_span_make(cuda, &span, error);
    if (!status) status = eie_cuda_alloc(cuda, bytes, &data, error);
    if (!status) status = eie_cuda_zero(cuda, data, bytes, error);
    if (!status) status = measure(cuda, &span, data, bytes, ceilings, error);
    eie_cuda_free(cuda, data);
    eie_cuda_span_free(&span);
    return status;
}
