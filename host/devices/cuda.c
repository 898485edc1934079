#include "host/devices/cuda.h"
#include "host/base/names.h"
#include "host/base/sha256.h"
#include "host/devices/cuda_parts.h"
#include "host/devices/runtime.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EIE_CUDA_LEAST
#define EIE_CUDA_LEAST 75 /* the least compute capability that device code was made for: 7.5 */
#endif

#define HELD_TRIES 3 /* a host that others keep from queueing is late now and then */

/* ---- codes ---------------------------------------------------------------------------------- */

static bool lost;

bool eie_cuda_is_lost(void)
{
    return lost;
}

/* Codes that every later call returns too. */
static bool ends_context(int code)
{
    switch (code) {
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case 220: /* cudaErrorNvlinkUncorrectable; older headers lack some of these names */
    case 226: /* cudaErrorContained */
    case 911: /* cudaErrorExternalDevice */
    case 999: /* cudaErrorUnknown */
        return true;
    default:
        return false;
    }
}

enum eie_status eie_cuda_status(int code, const char *what, struct eie_error *error)
{
    if (code == cudaSuccess) return EIE_OK;
    const enum eie_status status = code == cudaErrorMemoryAllocation ? EIE_MEMORY : EIE_SYSTEM;
    lost = lost || ends_context(code);
    cudaGetLastError(); /* the next call must not find this one's */
    return eie_fail(error, status, "%s fails with %s (%d): %s", what,
                    cudaGetErrorName((cudaError_t)code), code,
                    cudaGetErrorString((cudaError_t)code));
}

/* ---- listing -------------------------------------------------------------------------------- */

static void uuid_text(const unsigned char *bytes, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "GPU-");
    for (int i = 0; i < 16; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

static uint64_t attribute(int index, enum cudaDeviceAttr what)
{
    int value = 0;
    if (cudaDeviceGetAttribute(&value, what, index) != cudaSuccess || value < 0) value = 0;
    return (uint64_t)value;
}

static enum eie_status find_facts(int index, struct eie_cuda_facts *facts, struct eie_error *error)
{
    struct cudaDeviceProp properties;
    int driver = 0, runtime = 0;
    enum eie_status status = eie_cuda_status((int)cudaGetDeviceProperties(&properties, index),
                                             "cudaGetDeviceProperties", error);
    if (status) return status;
    *facts = (struct eie_cuda_facts){0};
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    snprintf(facts->name, sizeof facts->name, "%.127s", properties.name);
    uuid_text((const unsigned char *)&properties.uuid, facts->uuid, sizeof facts->uuid);
    if (cudaDeviceGetPCIBusId(facts->pci, sizeof facts->pci, index) != cudaSuccess)
        facts->pci[0] = 0;
    facts->driver = (uint32_t)driver;
    facts->runtime = (uint32_t)runtime;
    facts->major = (uint32_t)attribute(index, cudaDevAttrComputeCapabilityMajor);
    facts->minor = (uint32_t)attribute(index, cudaDevAttrComputeCapabilityMinor);
    facts->multiprocessors = (uint32_t)attribute(index, cudaDevAttrMultiProcessorCount);
    if (!facts->multiprocessors) facts->multiprocessors = 1; /* kernels divide their work by it */
    facts->global_bytes = properties.totalGlobalMem;
    facts->l2_bytes = attribute(index, cudaDevAttrL2CacheSize);
    facts->shared_block_bytes = attribute(index, cudaDevAttrMaxSharedMemoryPerBlockOptin);
    facts->shared_unit_bytes = attribute(index, cudaDevAttrMaxSharedMemoryPerMultiprocessor);
    facts->threads_unit = (uint32_t)attribute(index, cudaDevAttrMaxThreadsPerMultiProcessor);
    facts->memory_bus_bits = (uint32_t)attribute(index, cudaDevAttrGlobalMemoryBusWidth);
    facts->clock_khz = (uint32_t)attribute(index, cudaDevAttrClockRate);
    facts->memory_clock_khz = (uint32_t)attribute(index, cudaDevAttrMemoryClockRate);
    facts->ecc = attribute(index, cudaDevAttrEccEnabled) != 0;
    return EIE_OK;
}

static enum eie_status hash_facts(const struct eie_cuda_facts *facts, struct eie_hash *hash,
                                  struct eie_error *error)
{
    char all[256];
    const int length = snprintf(all, sizeof all, "%s\n%u.%u\n%u\n%u\n", facts->name, facts->major,
                                facts->minor, facts->driver, facts->runtime);
    return eie_sha256_of(all, (size_t)length, hash, error);
}

static void add_absent(struct eie_listing *listing, const char *why)
{
    char words[256];
    snprintf(words, sizeof words, "CUDA: %.240s", why);
    eie_listing_add_absent(listing, "none", words);
}

/* Device code runs on later chips, never on earlier ones. */
static bool has_code(const struct eie_cuda_facts *facts)
{
    return 10 * facts->major + facts->minor >= EIE_CUDA_LEAST;
}

static void add_device(struct eie_listing *listing, int index)
{
    struct eie_cuda_facts facts;
    struct eie_device device = {.kind = EIE_DEVICE_FOUND, .found = {.index = (uint32_t)index}};
    char key[96], why[256];
    listing->status = find_facts(index, &facts, &listing->error);
    if (!listing->status) listing->status = hash_facts(&facts, &device.hash, &listing->error);
    if (listing->status) return;
    eie_name_key(facts.name, key, sizeof key);
    if (!has_code(&facts)) {
        snprintf(why, sizeof why,
                 "CUDA: %.128s has compute capability %u.%u, and this program has code for %d.%d "
                 "and later (EIE_CUDA_ARCHITECTURES)",
                 facts.name, facts.major, facts.minor, EIE_CUDA_LEAST / 10, EIE_CUDA_LEAST % 10);
        eie_listing_add_absent(listing, key, why);
        return;
    }
    snprintf(device.title, sizeof device.title, "%s, compute capability %u.%u, CUDA %u.%u",
             facts.name, facts.major, facts.minor, facts.driver / 1000, facts.driver % 1000 / 10);
    memcpy(device.found.pci, facts.pci, sizeof device.found.pci);
    eie_listing_add(listing, key, &device, &facts, sizeof facts);
}

void eie_cuda_list(struct eie_listing *listing)
{
    int count = 0;
    const cudaError_t code = cudaGetDeviceCount(&count);
    if (code == cudaErrorInsufficientDriver)
        add_absent(listing, "no driver for NVIDIA GPUs is here, or one older than this runtime");
    else if (code != cudaSuccess)
        add_absent(listing, cudaGetErrorString(code));
    else if (!count)
        add_absent(listing, "the driver shows no device");
    if (listing->count) return;
    for (int i = 0; i < count && !listing->status; i++) add_device(listing, i);
}

/* ---- devices in use ------------------------------------------------------------------------- */

static struct {
    uint32_t count;
    struct in_use {
        char name[EIE_DEVICE_NAME_MAX];
        struct eie_cuda cuda;
        bool has_ceilings;
        struct eie_cuda_ceilings ceilings;
    } all[EIE_FOUND_MAX];
} in_use;

static enum eie_status begin(const struct eie_device *device, struct eie_cuda *cuda,
                             struct eie_error *error)
{
    struct eie_hash hash;
    int count = 0;
    cuda->index = (int)device->found.index;
    enum eie_status status =
        eie_cuda_status((int)cudaGetDeviceCount(&count), "cudaGetDeviceCount", error);
    if (!status && cuda->index >= count)
        status = eie_fail(error, EIE_MISSING, "device %s has gone", device->name);
    if (!status) status = find_facts(cuda->index, &cuda->facts, error);
    if (!status) status = hash_facts(&cuda->facts, &hash, error);
    if (!status && strcmp(hash.hex, device->hash.hex) != 0)
        status = eie_fail(error, EIE_MISSING, "device %s is another one now", device->name);
    if (!status) status = eie_cuda_status((int)cudaSetDevice(cuda->index), "cudaSetDevice", error);
    if (status) return status;
    return eie_cuda_status((int)cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking),
                           "cudaStreamCreateWithFlags", error);
}

/* Launches, memory and events belong to the thread's current device, which is one of several. */
static enum eie_status choose(const struct eie_cuda *cuda, struct eie_error *error)
{
    return eie_cuda_status((int)cudaSetDevice(cuda->index), "cudaSetDevice", error);
}

enum eie_status eie_cuda_open(const struct eie_device *device, struct eie_cuda **cuda,
                              struct eie_error *error)
{
    for (uint32_t i = 0; i < in_use.count; i++) {
        *cuda = &in_use.all[i].cuda;
        if (!strcmp(in_use.all[i].name, device->name)) return choose(*cuda, error);
    }
    enum eie_status status = eie_runtime_probe(device, error);
    if (!status && in_use.count == EIE_FOUND_MAX)
        status = eie_fail(error, EIE_SYSTEM, "more than %d devices", EIE_FOUND_MAX);
    if (status) return status;
    struct in_use *one = &in_use.all[in_use.count];
    *cuda = &one->cuda;
    status = begin(device, *cuda, error);
    if (status) return eie_error_prefix(error, status, "%s", device->name);
    snprintf(one->name, sizeof one->name, "%s", device->name);
    in_use.count++;
    return EIE_OK;
}

enum eie_status eie_cuda_ceilings(struct eie_cuda *cuda, const struct eie_cuda_ceilings **ceilings,
                                  struct eie_error *error)
{
    for (uint32_t i = 0; i < in_use.count; i++) {
        struct in_use *one = &in_use.all[i];
        if (&one->cuda != cuda) continue;
        enum eie_status status =
            one->has_ceilings ? EIE_OK : eie_cuda_measure(cuda, &one->ceilings, error);
        one->has_ceilings = one->has_ceilings || !status;
        *ceilings = &one->ceilings;
        return status;
    }
    return eie_fail(error, EIE_USAGE, "the device is not open");
}

/* ---- memory --------------------------------------------------------------------------------- */

enum eie_status eie_cuda_alloc(struct eie_cuda *cuda, uint64_t bytes, void **memory,
                               struct eie_error *error)
{
    *memory = NULL;
    enum eie_status status = choose(cuda, error);
    if (status) return status;
    const cudaError_t code = cudaMalloc(memory, bytes ? bytes : 1);
    if (code == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        *memory = NULL;
        return eie_fail(error, EIE_MISSING, "the device has no %.1f MiB of memory left",
                        (double)bytes / 0x1p20);
    }
    return eie_cuda_status((int)code, "cudaMalloc", error);
}

void eie_cuda_free(struct eie_cuda *cuda, void *memory)
{
    if (memory && !choose(cuda, NULL)) cudaFree(memory);
}

static enum eie_status finish(struct eie_cuda *cuda, cudaError_t code, const char *what,
                              struct eie_error *error)
{
    if (code) return eie_cuda_status((int)code, what, error);
    return eie_cuda_status((int)cudaStreamSynchronize(cuda->stream), "cudaStreamSynchronize",
                           error);
}

enum eie_status eie_cuda_write(struct eie_cuda *cuda, void *device, const void *host,
                               uint64_t bytes, struct eie_error *error)
{
    enum eie_status status = bytes ? choose(cuda, error) : EIE_OK;
    if (!bytes || status) return status;
    return finish(cuda, cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, cuda->stream),
                  "cudaMemcpyAsync", error);
}

enum eie_status eie_cuda_read(struct eie_cuda *cuda, void *host, const void *device, uint64_t bytes,
                              struct eie_error *error)
{
    enum eie_status status = bytes ? choose(cuda, error) : EIE_OK;
    if (!bytes || status) return status;
    return finish(cuda, cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, cuda->stream),
                  "cudaMemcpyAsync", error);
}

enum eie_status eie_cuda_zero(struct eie_cuda *cuda, void *device, uint64_t bytes,
                              struct eie_error *error)
{
    enum eie_status status = bytes ? choose(cuda, error) : EIE_OK;
    if (!bytes || status) return status;
    return finish(cuda, cudaMemsetAsync(device, 0, bytes, cuda->stream), "cudaMemsetAsync", error);
}

/* ---- time on the device's clock ------------------------------------------------------------- */

enum eie_status eie_cuda_span_make(struct eie_cuda *cuda, struct eie_cuda_span *span,
                                   struct eie_error *error)
{
    *span = (struct eie_cuda_span){NULL, NULL};
    enum eie_status status = choose(cuda, error);
    if (!status)
        status = eie_cuda_status((int)cudaEventCreateWithFlags(&span->first, cudaEventDefault),
                                 "cudaEventCreateWithFlags", error);
    if (!status)
        status = eie_cuda_status((int)cudaEventCreateWithFlags(&span->last, cudaEventDefault),
                                 "cudaEventCreateWithFlags", error);
    if (status) eie_cuda_span_free(span);
    return status;
}

void eie_cuda_span_free(struct eie_cuda_span *span)
{
    if (span->first) cudaEventDestroy(span->first);
    if (span->last) cudaEventDestroy(span->last);
    *span = (struct eie_cuda_span){NULL, NULL};
}

enum eie_status eie_cuda_span_run(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                  int (*enqueue)(void *context), void *context,
                                  struct eie_error *error)
{
    enum eie_status status = choose(cuda, error);
    if (status) return status;
    cudaError_t code = span ? cudaEventRecord(span->first, cuda->stream) : cudaSuccess;
    if (code) return eie_cuda_status((int)code, "cudaEventRecord", error);
    const int launched = enqueue(context);
    if (launched < 0) return eie_fail(error, EIE_SYSTEM, "the call fails");
    if (launched) return eie_cuda_status(launched, "the launch", error);
    code = span ? cudaEventRecord(span->last, cuda->stream) : cudaSuccess;
    return eie_cuda_status((int)code, "cudaEventRecord", error);
}

enum eie_status eie_cuda_span_wait(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                   double *ns, struct eie_error *error)
{
    float ms = 0;
    /* the stream and not the event: a graph that was just launched may not have recorded it yet */
    enum eie_status status = eie_cuda_wait(cuda, error);
    if (status) return status;
    const cudaError_t code = cudaEventElapsedTime(&ms, span->first, span->last);
    *ns = 1e6 * (double)ms;
    return eie_cuda_status((int)code, "cudaEventElapsedTime", error);
}

/* Memory of the host that the device reads and writes: whether it may go on, and whether it did not
 * wait for that. It stays until the process ends, as the stream does. */
static enum eie_status make_gate(struct eie_cuda *cuda, struct eie_error *error)
{
    void *memory = NULL;
    if (cuda->gate) return EIE_OK;
    enum eie_status status = choose(cuda, error);
    if (!status)
        status = eie_cuda_status(
            (int)cudaHostAlloc(&memory, 2 * sizeof *cuda->gate, cudaHostAllocMapped),
            "cudaHostAlloc", error);
    if (!status) cuda->gate = memory;
    return status;
}

/* Once; *late: the device did not wait until all was queued. */
static enum eie_status run_held(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                int (*enqueue)(void *context), void *context, double *ns,
                                bool *late, struct eie_error *error)
{
    const struct eie_cuda_launch launch = {.blocks = {1, 1}, .threads = 1, .stream = cuda->stream};
    void *device = NULL;
    enum eie_status status =
        eie_cuda_status((int)cudaHostGetDevicePointer(&device, (void *)(uintptr_t)cuda->gate, 0),
                        "cudaHostGetDevicePointer", error);
    if (status) return status;
    const struct eie_cuda_hold hold = {device, (uint32_t *)device + 1, (uint64_t)EIE_CUDA_HOLD_NS};
    cuda->gate[0] = cuda->gate[1] = 0;
    status = eie_cuda_status(eie_cuda_code_hold.launch(&launch, &hold), "the launch", error);
    if (status) return status;
    status = eie_cuda_span_run(cuda, span, enqueue, context, error);
    __atomic_store_n(&cuda->gate[0], 1, __ATOMIC_RELEASE);
    const enum eie_status waited = status ? eie_cuda_wait(cuda, NULL) /* the first one is told */
                                          : eie_cuda_span_wait(cuda, span, ns, error);
    *late = cuda->gate[1] != 0;
    return status ? status : waited;
}

enum eie_status eie_cuda_span_held(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                   int (*enqueue)(void *context), void *context, double *ns,
                                   struct eie_error *error)
{
    enum eie_status status = make_gate(cuda, error);
    for (int i = 0; i < HELD_TRIES && !status; i++) {
        bool late = false;
        status = run_held(cuda, span, enqueue, context, ns, &late, error);
        if (!status && !late) return EIE_OK;
    }
    if (status) return status;
    return eie_fail(
        error, EIE_UNSUPPORTED,
        "its calls cannot be queued while the stream is held: they wait for the device");
}

enum eie_status eie_cuda_wait(struct eie_cuda *cuda, struct eie_error *error)
{
    return eie_cuda_status((int)cudaStreamSynchronize(cuda->stream), "cudaStreamSynchronize",
                           error);
}

/* ---- graphs --------------------------------------------------------------------------------- */

static cudaError_t record(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                          int (*enqueue)(void *context), void *context, cudaGraph_t *graph)
{
    cudaError_t code = cudaSuccess;
    if (span) code = cudaEventRecordWithFlags(span->first, cuda->stream, cudaEventRecordExternal);
    if (!code) code = (cudaError_t)enqueue(context);
    if (span && !code)
        code = cudaEventRecordWithFlags(span->last, cuda->stream, cudaEventRecordExternal);
    const cudaError_t ended = cudaStreamEndCapture(cuda->stream, graph); /* whatever came before */
    return code ? code : ended;
}

enum eie_status eie_cuda_graph_make(struct eie_cuda *cuda, const struct eie_cuda_span *span,
                                    int (*enqueue)(void *context), void *context,
                                    struct CUgraphExec_st **graph, struct eie_error *error)
{
    cudaGraph_t recorded = NULL;
    *graph = NULL;
    enum eie_status status = choose(cuda, error);
    if (!status)
        status = eie_cuda_status(
            (int)cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal),
            "cudaStreamBeginCapture", error);
    if (status) return status;
    cudaError_t code = record(cuda, span, enqueue, context, &recorded);
    if (!code) code = cudaGraphInstantiateWithFlags(graph, recorded, 0);
    if (recorded) cudaGraphDestroy(recorded);
    if (!code) return EIE_OK;
    cudaGetLastError();
    *graph = NULL;
    return eie_fail(error, EIE_UNSUPPORTED, "its work cannot be recorded as a graph: %s",
                    cudaGetErrorString(code));
}

void eie_cuda_graph_free(struct CUgraphExec_st *graph)
{
    if (graph) cudaGraphExecDestroy(graph);
}

enum eie_status eie_cuda_graph_run(struct eie_cuda *cuda, struct CUgraphExec_st *graph,
                                   struct eie_error *error)
{
    enum eie_status status = choose(cuda, error);
    if (status) return status;
    return eie_cuda_status((int)cudaGraphLaunch(graph, cuda->stream), "cudaGraphLaunch", error);
}
