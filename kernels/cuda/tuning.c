#include "kernels/cuda/tuning.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK_NS     1e6
#define WARM_S       50e-3 /* of a device whose clock moves */
#define ENOUGH_S     50e-3 /* rounds that take so long tell enough */
#define LAUNCHES_MAX 64u

void cuda_tuning_begin(struct cuda_plan *plan, struct cuda_tuning *tuning)
{
    *tuning = (struct cuda_tuning){.plan = plan};
    plan->trying = true;
}

void cuda_tuning_end(struct cuda_tuning *tuning)
{
    for (uint32_t i = 0; i < tuning->count; i++) eie_cuda_graph_free(tuning->all[i].graph);
    cuda_plan_let_go(tuning->plan);
}

/* ---- ways ----------------------------------------------------------------------------------- */

struct queued {
    struct cuda_plan *plan;
    const struct cuda_way *way; /* NULL: one call as the plan stands */
    struct eie_error *error;
};

static int queue_call(void *context)
{
    const struct queued *queued = context;
    return cuda_plan_enqueue(queued->plan, 0);
}

static int queue_calls(void *context)
{
    const struct queued *queued = context;
    int code = 0;
    for (uint32_t i = 0; i < queued->way->calls && !code; i++)
        code = cuda_plan_enqueue(queued->plan, 0);
    return code;
}

static int queue_block(void *context)
{
    const struct queued *queued = context;
    for (uint32_t i = 0; i < queued->way->launches; i++)
        if (eie_cuda_graph_run(queued->plan->cuda, queued->way->graph, queued->error)) return -1;
    return 0;
}

static enum eie_status time_queued(const struct queued *queued, int (*enqueue)(void *context),
                                   double *ns)
{
    struct cuda_plan *plan = queued->plan;
    enum eie_status status = eie_cuda_span_run(plan->cuda, &plan->calls.span, enqueue,
                                               (void *)(uintptr_t)queued, queued->error);
    return status ? status : eie_cuda_span_wait(plan->cuda, &plan->calls.span, ns, queued->error);
}

static uint32_t times(double all, double one, uint32_t most)
{
    const double wanted = ceil(all / fmax(one, 1));
    return wanted < 1 ? 1 : wanted > most ? most : (uint32_t)wanted;
}

enum eie_status cuda_tuning_add(struct cuda_tuning *tuning, struct eie_error *error)
{
    struct cuda_plan *plan = tuning->plan;
    struct queued queued = {plan, NULL, error};
    double ns;
    if (tuning->count == CUDA_WAYS_MAX)
        return eie_fail(error, EIE_SYSTEM, "more than %u ways to try", CUDA_WAYS_MAX);
    enum eie_status status = time_queued(&queued, queue_call, &ns); /* its code is loaded */
    if (!status) status = time_queued(&queued, queue_call, &ns);
    if (status) return status;
    struct cuda_way *way = &tuning->all[tuning->count];
    *way = (struct cuda_way){.calls = times(BLOCK_NS, ns, CUDA_CHAIN)};
    way->launches = times(BLOCK_NS, way->calls * ns, LAUNCHES_MAX);
    queued.way = way;
    status = eie_cuda_graph_make(plan->cuda, NULL, queue_calls, &queued, &way->graph, error);
    tuning->count += !status;
    return status;
}

static enum eie_status time_way(struct cuda_plan *plan, const struct cuda_way *way, double *ns,
                                struct eie_error *error)
{
    const struct queued queued = {plan, way, error};
    enum eie_status status = time_queued(&queued, queue_block, ns);
    *ns /= (double)way->calls * way->launches;
    return status;
}

/* ---- the fastest ---------------------------------------------------------------------------- */

static enum eie_status time_all(struct cuda_tuning *tuning, int round, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < tuning->count && !status; i++)
        status = time_way(tuning->plan, &tuning->all[i], &tuning->all[i].ns[round], error);
    return status;
}

enum eie_status cuda_tuning_best(struct cuda_tuning *tuning, uint32_t *best,
                                 struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    double fastest = INFINITY;
    int rounds = 0;
    *best = 0;
    if (tuning->count < 2) return EIE_OK;
    const double warm_s = tuning->plan->cuda->facts.clock_khz ? WARM_S : 0, begin = eie_now_s();
    while (!status && eie_now_s() - begin < warm_s) status = time_all(tuning, 0, error);
    const double start = eie_now_s();
    while (!status && rounds < CUDA_WAYS_ROUNDS && (!rounds || eie_now_s() - start < ENOUGH_S))
        status = time_all(tuning, rounds++, error);
    for (uint32_t i = 0; i < tuning->count && !status; i++) {
        const double ns = eie_middle(tuning->all[i].ns, (uint32_t)rounds);
        if (ns < fastest) *best = i;
        fastest = fmin(fastest, ns);
    }
    return status;
}
