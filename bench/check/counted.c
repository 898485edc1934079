#include "bench/check/counted.h"
#include "bench/check/references.h"
#include "bench/measure/steps.h"

#include <stdlib.h>
#include <string.h>

#define OWN_CHOICE "cpu_auto"
#define LIBRARIES  "peers_"

const char *eie_counted_refusal(const struct eie_kernel *kernel)
{
    if (kernel->device_kind != EIE_DEVICE_CPU) return "not a kernel of the processor";
    if (!strcmp(kernel->name, OWN_CHOICE)) return "it chooses a kernel by timing";
    if (!strncmp(kernel->name, LIBRARIES, strlen(LIBRARIES)))
        return "a library chooses its code itself";
    return NULL;
}

struct call {
    const struct eie_kernel *kernel;
    struct eie_plan *plan;
    enum eie_status status;
    struct eie_error error;
};

/* Under this name tools find it: not static, not inlined, not cloned. */
void eie_counted_call(void *context);
__attribute__((noinline, used)) void eie_counted_call(void *context)
{
    struct call *call = context;
    struct eie_outcome outcome = {0};
    call->status = call->kernel->run(call->plan, 0, &call->error);
    if (!call->status) call->status = call->kernel->wait(call->plan, &outcome, &call->error);
}

static enum eie_status count(struct call *call, const struct eie_check_vectors *vectors,
                             uint64_t *steps, struct eie_error *error)
{
    enum eie_status status = call->kernel->load(call->plan, vectors->inputs, error);
    if (status) return status;
    eie_counted_call(call);
    if (!call->status && steps) status = eie_steps_count(eie_counted_call, call, steps, error);
    if (call->status) *error = call->error;
    return status ? status : call->status;
}

static enum eie_status with_plan(const struct eie_counted *counted, const struct eie_layer *layer,
                                 const struct eie_check_vectors vectors[2], uint64_t *steps,
                                 const struct eie_device *host, struct eie_error *error)
{
    const struct eie_problem problem = {layer, host, counted->batch, 1};
    struct call call = {.kernel = counted->kernel};
    struct eie_pool *pool;
    uint64_t bytes;
    enum eie_status status = eie_kernel_probe(call.kernel, host, error);
    if (!status) status = eie_kernel_supports(call.kernel, &problem, &bytes, error);
    if (!status) status = eie_pool_get(1, &pool, error);
    if (status) return status;
    const struct eie_setup setup = {problem, pool, 1};
    status = call.kernel->prepare(&setup, &call.plan, error);
    if (status) return status;
    status = eie_check_plan(call.kernel, call.plan, 0, 1, vectors, NULL, error);
    if (!status) status = count(&call, &vectors[0], steps, error);
    call.kernel->destroy(call.plan);
    return status;
}

enum eie_status eie_counted_run(const struct eie_counted *counted, uint64_t *steps,
                                struct eie_error *error)
{
    struct eie_device host;
    struct eie_layer *layer = NULL;
    struct eie_references *references = NULL;
    struct eie_check_vectors vectors[2];
    int16_t *drawn = NULL;
    enum eie_status status = eie_device_host(&host, error);
    if (!status) status = eie_suite_build(counted->suite, counted->layer, 0, &layer, error);
    if (!status)
        status =
            eie_suite_inputs(counted->suite, counted->layer, layer, counted->batch, &drawn, error);
    if (!status)
        status = eie_references_begin(layer, drawn ? drawn : layer->sample_inputs, counted->batch,
                                      &references, error);
    if (!status) status = eie_references_get(references, &host, vectors, error);
    if (!status) status = with_plan(counted, layer, vectors, steps, &host, error);
    eie_references_free(references);
    free(drawn);
    eie_layer_free(layer);
    return status;
}
