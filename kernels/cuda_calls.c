#include "kernels/cuda_calls.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdlib.h>

#define TIMED      31 /* odd: one is the median */
#define TIMED_WARM 5
#define LONG_S     1e-3  /* calls that take so long together tell enough */
#define WARM_S     50e-3 /* of a device whose clock moves */
#define APART      1.05

struct one {
    const struct cuda_calls *calls;
    uint32_t copy;
};

static int queue_one(void *context)
{
    const struct one *one = context;
    return one->calls->enqueue(one->calls->owner, one->copy);
}

static int queue_chain(void *context)
{
    const struct cuda_calls *calls = context;
    int code = 0;
    for (uint32_t i = 0; i < calls->chain_calls && !code; i++)
        code = calls->enqueue(calls->owner, i % calls->copies);
    return code;
}

/* ---- a plan's life -------------------------------------------------------------------------- */

enum eie_status cuda_calls_begin(struct cuda_calls *calls, struct eie_cuda *cuda, uint32_t copies,
                                 cuda_enqueue enqueue, void *owner, struct eie_error *error)
{
    *calls = (struct cuda_calls){.cuda = cuda,
                                 .enqueue = enqueue,
                                 .owner = owner,
                                 .copies = copies,
                                 .plain = true,
                                 .plain_ns = NAN,
                                 .graph_ns = NAN};
    calls->chain_calls = CUDA_CHAIN / copies * copies;
    if (!calls->chain_calls) calls->chain_calls = copies; /* each copy once */
    if (copies > CUDA_COPIES_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u copies, and a chain goes through %u at most",
                        copies, CUDA_COPIES_MAX);
    return eie_cuda_span_make(cuda, &calls->span, error);
}

static void free_graphs(struct CUgraphExec_st ***graphs, uint32_t count)
{
    for (uint32_t i = 0; *graphs && i < count; i++) eie_cuda_graph_free((*graphs)[i]);
    free(*graphs);
    *graphs = NULL;
}

void cuda_calls_plain(struct cuda_calls *calls)
{
    free_graphs(&calls->walls, calls->copies);
    free_graphs(&calls->timed, calls->copies);
    eie_cuda_graph_free(calls->chain);
    calls->chain = NULL;
    calls->plain = true;
    calls->held = false;
}

void cuda_calls_end(struct cuda_calls *calls)
{
    if (!calls->cuda) return;
    if (calls->under_way && eie_cuda_wait(calls->cuda, NULL))
        calls->under_way = false; /* it failed, and there is nobody left to tell */
    cuda_calls_plain(calls);
    eie_cuda_span_free(&calls->span);
    *calls = (struct cuda_calls){0};
}

/* ---- calls ---------------------------------------------------------------------------------- */

enum eie_status cuda_calls_run(struct cuda_calls *calls, uint32_t copy, struct eie_error *error)
{
    struct one one = {calls, copy};
    calls->under_way = true;
    if (!calls->plain) return eie_cuda_graph_run(calls->cuda, calls->walls[copy], error);
    return eie_cuda_span_run(calls->cuda, NULL, queue_one, &one, error);
}

enum eie_status cuda_calls_wait(struct cuda_calls *calls, struct eie_error *error)
{
    if (!calls->under_way) return eie_fail(error, EIE_USAGE, "nothing is under way");
    calls->under_way = false;
    return eie_cuda_wait(calls->cuda, error);
}

static bool has_held_chain(const struct cuda_calls *calls)
{
    return calls->held && calls->chain_calls <= CUDA_HELD_MAX;
}

/* A chain: its time in all. */
static enum eie_status pass_chain(struct cuda_calls *calls, double *ns, struct eie_error *error)
{
    if (has_held_chain(calls))
        return eie_cuda_span_held(calls->cuda, &calls->span, queue_chain, calls, ns, error);
    if (!calls->chain)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "its calls cannot be recorded as a graph, nor so many of them be queued "
                        "while the stream is held");
    enum eie_status status = eie_cuda_graph_run(calls->cuda, calls->chain, error);
    return status ? status : eie_cuda_span_wait(calls->cuda, &calls->span, ns, error);
}

enum eie_status cuda_calls_pass(struct cuda_calls *calls, enum eie_clock clock, uint32_t copy,
                                uint32_t *count, double *ns, struct eie_error *error)
{
    struct one one = {calls, copy};
    *count = 1;
    if (clock == EIE_CLOCK_CHAIN) {
        const enum eie_status chained = pass_chain(calls, ns, error);
        *count = calls->chain_calls;
        *ns /= *count;
        return chained;
    }
    if (calls->held)
        return eie_cuda_span_held(calls->cuda, &calls->span, queue_one, &one, ns, error);
    enum eie_status status =
        calls->timed ? eie_cuda_graph_run(calls->cuda, calls->timed[copy], error)
                     : eie_cuda_span_run(calls->cuda, &calls->span, queue_one, &one, error);
    return status ? status : eie_cuda_span_wait(calls->cuda, &calls->span, ns, error);
}

/* ---- which way ------------------------------------------------------------------------------ */

/* One call by the wall's clock (copy 0), or by the device's. */
static enum eie_status time_one(struct cuda_calls *calls, bool device, double *ns,
                                struct eie_error *error)
{
    uint32_t count;
    if (device) return cuda_calls_pass(calls, EIE_CLOCK_DEVICE, 0, &count, ns, error);
    const double begin = eie_now_s();
    enum eie_status status = cuda_calls_run(calls, 0, error);
    if (!status) status = cuda_calls_wait(calls, error);
    *ns = 1e9 * (eie_now_s() - begin);
    return status;
}

/* The median of some calls as they are made now; few where calls are long. A device that rests runs
 * at a fraction of its clock: it is warmed first. */
static enum eie_status time_calls(struct cuda_calls *calls, bool device, double warm_s, double *ns,
                                  struct eie_error *error)
{
    double all[TIMED];
    uint32_t count = 0;
    double start = eie_now_s();
    enum eie_status status;
    do /* the first call of a kernel loads its code */
        status = time_one(calls, device, ns, error);
    while (!status && eie_now_s() - start < warm_s);
    start = eie_now_s();
    for (uint32_t i = 0; i < TIMED_WARM + TIMED && !status; i++) {
        if (count && eie_now_s() - start > LONG_S) break;
        status = time_one(calls, device, ns, error);
        if (i >= TIMED_WARM || eie_now_s() - start > LONG_S) all[count++] = *ns;
    }
    if (!status) *ns = eie_middle(all, count);
    return status;
}

static enum eie_status record_each(struct cuda_calls *calls, const struct eie_cuda_span *span,
                                   struct CUgraphExec_st ***graphs, struct eie_error *error)
{
    *graphs = calloc(calls->copies, sizeof(struct CUgraphExec_st *));
    if (!*graphs) return eie_fail(error, EIE_MEMORY, "out of memory for graphs");
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < calls->copies && !status; c++) {
        struct one one = {calls, c};
        status = eie_cuda_graph_make(calls->cuda, span, queue_one, &one, &(*graphs)[c], error);
    }
    return status;
}

/* All of them, or none. */
static enum eie_status record(struct cuda_calls *calls, struct eie_error *error)
{
    enum eie_status status = record_each(calls, NULL, &calls->walls, error);
    if (!status) status = record_each(calls, &calls->span, &calls->timed, error);
    if (!status)
        status = eie_cuda_graph_make(calls->cuda, &calls->span, queue_chain, calls, &calls->chain,
                                     error);
    if (status) cuda_calls_plain(calls);
    return status;
}

/* As graphs, where that is possible; both times of that way. */
static enum eie_status try_graphs(struct cuda_calls *calls, double *device_ns,
                                  struct eie_error *error)
{
    enum eie_status status = record(calls, error);
    if (status == EIE_UNSUPPORTED) return EIE_OK; /* it is launched plainly */
    if (!status) status = time_calls(calls, true, 0, device_ns, error);
    if (status) return status;
    calls->plain = false;
    return time_calls(calls, false, 0, &calls->graph_ns, error);
}

/* While the stream is held, where that is possible; the device's time of that way. */
static enum eie_status try_held(struct cuda_calls *calls, struct eie_error *error)
{
    double ns;
    calls->held = true;
    enum eie_status status = time_calls(calls, true, 0, &ns, error);
    calls->held = !status;
    if (!status) calls->device_ns = ns;
    return status == EIE_UNSUPPORTED ? EIE_OK : status;
}

enum eie_status cuda_calls_ready(struct cuda_calls *calls, struct eie_error *error)
{
    const double warm_s = calls->cuda->facts.clock_khz ? WARM_S : 0;
    double graph_device_ns = INFINITY;
    cuda_calls_plain(calls);
    calls->graph_ns = NAN;
    enum eie_status status = time_calls(calls, false, warm_s, &calls->plain_ns, error);
    if (!status) status = time_calls(calls, true, 0, &calls->device_ns, error);
    if (!status) status = try_graphs(calls, &graph_device_ns, error);
    if (status) return status;
    calls->plain = !(calls->graph_ns < calls->plain_ns);
    if (graph_device_ns <= APART * calls->device_ns)
        calls->device_ns = graph_device_ns;
    else
        cuda_calls_plain(calls); /* a graph that takes longer tells nothing of the device */
    return calls->timed ? EIE_OK : try_held(calls, error);
}

void cuda_calls_describe(const struct cuda_calls *calls, eie_column column, void *context)
{
    column(context, "eie_cuda_launch", calls->plain ? "plain" : "graph", 0);
    column(context, "eie_cuda_device_launch",
           calls->timed  ? "graph"
           : calls->held ? "held"
                         : "plain",
           0);
    column(context, "eie_cuda_plain_ns", NULL, calls->plain_ns);
    if (isfinite(calls->graph_ns)) column(context, "eie_cuda_graph_ns", NULL, calls->graph_ns);
    if (calls->chain || has_held_chain(calls))
        column(context, "eie_cuda_chain_calls", NULL, calls->chain_calls);
}
