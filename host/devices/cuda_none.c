/* host/devices/cuda.h in a build without CUDA: one device, which is absent, and says why. */
#include "host/devices/cuda.h"

#include <stdlib.h>
#include <string.h>

#ifndef EIE_CUDA_WHY
#define EIE_CUDA_WHY "this build has no CUDA"
#endif

static enum eie_status none(struct eie_error *error)
{
    return eie_fail(error, EIE_MISSING, "CUDA: %s", EIE_CUDA_WHY);
}

enum eie_status eie_cuda_list(struct eie_cuda_listed **list, uint32_t *count,
                              struct eie_error *error)
{
    struct eie_cuda_listed *one = calloc(1, sizeof *one);
    if (!one) return eie_fail(error, EIE_MEMORY, "out of memory for devices");
    one->device.kind = EIE_DEVICE_CUDA;
    one->device.runtime.absent = true;
    strcpy(one->device.name, "cuda:none");
    strcpy(one->device.title, "CUDA: " EIE_CUDA_WHY);
    *list = one;
    *count = 1;
    return EIE_OK;
}

enum eie_status eie_cuda_probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return none(error);
}

enum eie_status eie_cuda_open(const struct eie_device *device, struct eie_cuda **cuda,
                              struct eie_error *error)
{
    (void)device, (void)cuda;
    return none(error);
}

enum eie_status eie_cuda_ceilings(struct eie_cuda *cuda, const struct eie_cuda_ceilings **ceilings,
                                  struct eie_error *error)
{
    (void)cuda, (void)ceilings;
    return none(error);
}

bool eie_cuda_is_lost(void)
{
    return false;
}

enum eie_status eie_cuda_status(int code, const char *what, struct eie_error *error)
{
    (void)code, (void)what;
    return none(error);
}

enum eie_status eie_cuda_alloc(struct eie_cuda *cuda, uint64_t bytes, void **memory,
                               struct eie_error *error)
{
    (void)cuda, (void)bytes, (void)memory;
    return none(error);
}

void eie_cuda_free(struct eie_cuda *cuda, void *memory)
{
    (void)cuda, (void)memory;
}

enum eie_status eie_cuda_write(struct eie_cuda *cuda, void *device, const void *host,
                               uint64_t bytes, struct eie_error *error)
{
    (void)cuda, (void)device, (void)host, (void)bytes;
    return none(error);
}

enum eie_status eie_cuda_read(struct eie_cuda *cuda, void *host, const void *device, uint64_t bytes,
                              struct eie_error *error)
{
    (void)cuda, (void)device, (void)host, (void)bytes;
    return none(error);
}

enum eie_status eie_cuda_zero(struct eie_cuda *cuda, void *device, uint64_t bytes,
                              struct eie_error *error)
{
    (void)cuda, (void)device, (void)bytes;
    return none(error);
}

enum eie_status eie_cuda_span_make(struct eie_cuda *cuda, struct eie_cuda_span *span,
                                   struct eie_error *error)
{
    (void)cuda, (void)span;
    return none(error);
}

void eie_cuda_span_free(struct eie_cuda_span *span)
{
    (void)span;
}

enum eie_status eie_cuda_span_run(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                  int (*enqueue)(void *context), void *context,
                                  struct eie_error *error)
{
    (void)cuda, (void)span, (void)enqueue, (void)context;
    return none(error);
}

enum eie_status eie_cuda_span_wait(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                   double *ns, struct eie_error *error)
{
    (void)cuda, (void)span, (void)ns;
    return none(error);
}

enum eie_status eie_cuda_graph_make(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                    int (*enqueue)(void *context), void *context,
                                    struct CUgraphExec_st **graph, struct eie_error *error)
{
    (void)cuda, (void)span, (void)enqueue, (void)context, (void)graph;
    return none(error);
}

void eie_cuda_graph_free(struct CUgraphExec_st *graph)
{
    (void)graph;
}

enum eie_status eie_cuda_graph_run(struct eie_cuda *cuda, struct CUgraphExec_st *graph,
                                   struct eie_error *error)
{
    (void)cuda, (void)graph;
    return none(error);
}
