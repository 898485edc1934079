#include "host/devices/opencl.h"
#include "host/base/clock.h"
#include "host/base/library.h"
#include "host/base/names.h"
#include "host/base/sha256.h"
#include "host/devices/opencl_drivers.h"
#include "host/devices/runtime.h"
#include "host/machine/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORMS_MAX 32

struct eie_opencl_functions eie_cl;

/* ---- codes ---------------------------------------------------------------------------------- */

static const char *code_name(cl_int code)
{
    static const struct {
        cl_int code;
        const char *name;
    } names[] = {
#define NAMED(code) {code, #code}
        NAMED(CL_DEVICE_NOT_FOUND),
        NAMED(CL_DEVICE_NOT_AVAILABLE),
        NAMED(CL_COMPILER_NOT_AVAILABLE),
        NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAMED(CL_OUT_OF_RESOURCES),
        NAMED(CL_OUT_OF_HOST_MEMORY),
        NAMED(CL_PROFILING_INFO_NOT_AVAILABLE),
        NAMED(CL_BUILD_PROGRAM_FAILURE),
        NAMED(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        NAMED(CL_INVALID_VALUE),
        NAMED(CL_INVALID_DEVICE),
        NAMED(CL_INVALID_CONTEXT),
        NAMED(CL_INVALID_COMMAND_QUEUE),
        NAMED(CL_INVALID_MEM_OBJECT),
        NAMED(CL_INVALID_BINARY),
        NAMED(CL_INVALID_BUILD_OPTIONS),
        NAMED(CL_INVALID_PROGRAM),
        NAMED(CL_INVALID_PROGRAM_EXECUTABLE),
        NAMED(CL_INVALID_KERNEL_NAME),
        NAMED(CL_INVALID_KERNEL),
        NAMED(CL_INVALID_ARG_INDEX),
        NAMED(CL_INVALID_ARG_VALUE),
        NAMED(CL_INVALID_ARG_SIZE),
        NAMED(CL_INVALID_KERNEL_ARGS),
        NAMED(CL_INVALID_WORK_DIMENSION),
        NAMED(CL_INVALID_WORK_GROUP_SIZE),
        NAMED(CL_INVALID_WORK_ITEM_SIZE),
        NAMED(CL_INVALID_EVENT),
        NAMED(CL_INVALID_OPERATION),
        NAMED(CL_INVALID_BUFFER_SIZE),
        {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
#undef NAMED
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    return "a code that it has no name for";
}

enum eie_status eie_opencl_status(cl_int code, const char *what, struct eie_error *error)
{
    if (code == CL_SUCCESS) return EIE_OK;
    const bool memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY ||
                        code == CL_INVALID_BUFFER_SIZE;
    return eie_fail(error, memory ? EIE_MEMORY : EIE_SYSTEM, "%s fails with %s (%d)", what,
                    code_name(code), code);
}

/* ---- the loader ----------------------------------------------------------------------------- */

static enum eie_status load_functions(struct eie_error *error)
{
    static const char *const names[] = {"libOpenCL.so.1", "libOpenCL.so", NULL};
#define NEED(name) {"cl" #name, &eie_cl.name},
    static const struct eie_library_need needs[] = {EIE_OPENCL_FUNCTIONS(NEED){NULL, NULL}};
#undef NEED
    void *handle;
    if (eie_cl.ReleaseEvent) return EIE_OK; /* the last of them */
    enum eie_status status = eie_library_open(names, "EIE_OPENCL", &handle, error);
    if (status) return eie_error_prefix(error, status, "no OpenCL loader");
    return eie_library_symbols(handle, needs, error);
}

/* One line of what the driver answers; "" when it does not. */
static void device_text(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    char raw[4096] = "";
    if (eie_cl.GetDeviceInfo(device, what, sizeof raw - 1, raw, NULL) != CL_SUCCESS) raw[0] = 0;
    const char *from = raw + strspn(raw, " \t");
    size_t length = strlen(from);
    while (length && strchr(" \t\r\n", from[length - 1])) length--;
    snprintf(text, size, "%.*s", (int)length, from);
}

static void platform_text(cl_platform_id platform, cl_platform_info what, char *text, size_t size)
{
    char raw[1024] = "";
    if (eie_cl.GetPlatformInfo(platform, what, sizeof raw - 1, raw, NULL) != CL_SUCCESS) raw[0] = 0;
    snprintf(text, size, "%.*s", (int)strcspn(raw, "\r\n"), raw);
}

static uint64_t device_number(cl_device_id device, cl_device_info what)
{
    uint64_t number = 0; /* answers are 4 or 8 bytes, little-endian */
    if (eie_cl.GetDeviceInfo(device, what, sizeof number, &number, NULL) != CL_SUCCESS) return 0;
    return number;
}

static bool has_sub_groups(cl_device_id device, const char *version)
{
    char extensions[4096];
    unsigned major = 0, minor = 0;
    /* kernels that use them are built as OpenCL C 2.0 or 3.0 */
    if (sscanf(version, "OpenCL %u.%u", &major, &minor) != 2 || major < 2) return false;
    device_text(device, CL_DEVICE_EXTENSIONS, extensions, sizeof extensions);
    if (strstr(extensions, "cl_khr_subgroups") || strstr(extensions, "cl_intel_subgroups"))
        return true;
    return major >= 3 && (uint32_t)device_number(device, CL_DEVICE_MAX_NUM_SUB_GROUPS) > 0;
}

static void find_facts(cl_platform_id platform, cl_device_id device, struct eie_opencl_facts *facts)
{
    size_t sizes[3] = {1, 1, 1};
    const uint64_t type = device_number(device, CL_DEVICE_TYPE);
    *facts = (struct eie_opencl_facts){0};
    platform_text(platform, CL_PLATFORM_NAME, facts->platform, sizeof facts->platform);
    platform_text(platform, CL_PLATFORM_VERSION, facts->platform_version,
                  sizeof facts->platform_version);
    device_text(device, CL_DEVICE_NAME, facts->name, sizeof facts->name);
    device_text(device, CL_DEVICE_VERSION, facts->device_version, sizeof facts->device_version);
    device_text(device, CL_DRIVER_VERSION, facts->driver, sizeof facts->driver);
    strcpy(facts->type, type & CL_DEVICE_TYPE_GPU   ? "gpu"
                        : type & CL_DEVICE_TYPE_CPU ? "cpu"
                                                    : "other");
    facts->compute_units = (uint32_t)device_number(device, CL_DEVICE_MAX_COMPUTE_UNITS);
    if (!facts->compute_units) facts->compute_units = 1; /* kernels divide their work by it */
    facts->global_bytes = device_number(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    facts->largest_bytes = device_number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    facts->local_bytes = device_number(device, CL_DEVICE_LOCAL_MEM_SIZE);
    facts->local_is_real = (uint32_t)device_number(device, CL_DEVICE_LOCAL_MEM_TYPE) == CL_LOCAL;
    facts->work_group_max = device_number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    facts->timer_ns = device_number(device, CL_DEVICE_PROFILING_TIMER_RESOLUTION);
    facts->sub_groups = has_sub_groups(device, facts->device_version);
    if (eie_cl.GetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL) !=
        CL_SUCCESS)
        sizes[0] = sizes[1] = sizes[2] = 1;
    for (int i = 0; i < 3; i++) facts->work_items_max[i] = sizes[i];
}

#define NVIDIA        0x10de /* PCI's number of the vendor */
#define NV_PCI_BUS    0x4008 /* cl_nv_device_attribute_query */
#define NV_PCI_SLOT   0x4009 /* device and function in one */
#define NV_PCI_DOMAIN 0x400a
#define KHR_PCI       0x410f /* cl_khr_pci_bus_info */

/* The PCI bus id of an NVIDIA GPU, else "": who asks wants its meter. */
static void find_pci(cl_device_id device, char *pci, size_t size)
{
    cl_uint place[4]; /* domain, bus, device, function */
    cl_uint slot;
    pci[0] = 0;
    if ((uint32_t)device_number(device, CL_DEVICE_VENDOR_ID) != NVIDIA) return;
    if (eie_cl.GetDeviceInfo(device, KHR_PCI, sizeof place, place, NULL) != CL_SUCCESS) {
        if (eie_cl.GetDeviceInfo(device, NV_PCI_BUS, sizeof slot, &place[1], NULL) != CL_SUCCESS ||
            eie_cl.GetDeviceInfo(device, NV_PCI_SLOT, sizeof slot, &slot, NULL) != CL_SUCCESS)
            return;
        place[0] = (uint32_t)device_number(device, NV_PCI_DOMAIN); /* older drivers: 0 */
        place[2] = slot >> 3;
        place[3] = slot & 7;
    }
    snprintf(pci, size, "%04x:%02x:%02x.%x", place[0], place[1] & 0xff, place[2] & 0xff,
             place[3] & 7);
}

static enum eie_status hash_facts(const struct eie_opencl_facts *facts, struct eie_hash *hash,
                                  struct eie_error *error)
{
    char all[5 * 128 + 8];
    const int length =
        snprintf(all, sizeof all, "%s\n%s\n%s\n%s\n%s\n", facts->platform, facts->platform_version,
                 facts->name, facts->device_version, facts->driver);
    return eie_sha256_of(all, (size_t)length, hash, error);
}

/* ---- listing -------------------------------------------------------------------------------- */

static uint32_t get_platforms(cl_platform_id platforms[PLATFORMS_MAX])
{
    cl_uint count = 0;
    if (eie_cl.GetPlatformIDs(PLATFORMS_MAX, platforms, &count) != CL_SUCCESS) return 0;
    return count < PLATFORMS_MAX ? count : PLATFORMS_MAX;
}

static uint32_t get_devices(cl_platform_id platform, cl_device_id devices[EIE_FOUND_MAX])
{
    cl_uint count = 0;
    if (eie_cl.GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, EIE_FOUND_MAX, devices, &count) !=
        CL_SUCCESS)
        return 0;
    return count < EIE_FOUND_MAX ? count : EIE_FOUND_MAX;
}

static void add_device(struct eie_listing *listing, cl_platform_id platform, cl_device_id id,
                       uint32_t p, uint32_t d)
{
    struct eie_opencl_facts facts;
    struct eie_device device = {.kind = EIE_DEVICE_FOUND, .found = {.platform = p, .index = d}};
    char platform_key[64], key[96], name[sizeof platform_key + sizeof key];
    find_facts(platform, id, &facts);
    eie_name_key(facts.platform, platform_key, sizeof platform_key);
    eie_name_key(facts.name, key, sizeof key);
    snprintf(name, sizeof name, "%s:%s", platform_key, key);
    snprintf(device.title, sizeof device.title, "%.80s: %.100s, %.60s", facts.platform, facts.name,
             facts.driver);
    find_pci(id, device.found.pci, sizeof device.found.pci);
    listing->status = hash_facts(&facts, &device.hash, &listing->error);
    if (!listing->status) eie_listing_add(listing, name, &device, &facts, sizeof facts);
}

void eie_opencl_list(struct eie_listing *listing)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_device_id devices[EIE_FOUND_MAX];
    struct eie_error why;
    if (load_functions(&why)) {
        eie_listing_add_absent(listing, "none", why.message);
        return;
    }
    const uint32_t platform_count = get_platforms(platforms);
    for (uint32_t p = 0; p < platform_count; p++) {
        char name[64], words[256];
        uint32_t count = get_devices(platforms[p], devices);
        platform_text(platforms[p], CL_PLATFORM_NAME, name, sizeof name);
        if (eie_pocl_cache_fault(name, words, sizeof words))
            count = 0; /* its first program would fail, or end the process */
        else if (!count)
            snprintf(words, sizeof words, "OpenCL: platform %s shows no device", name);
        if (!count) eie_listing_add_absent(listing, name, words);
        for (uint32_t d = 0; d < count && !listing->status; d++)
            add_device(listing, platforms[p], devices[d], p, d);
        if (listing->status) return;
    }
    eie_opencl_try_drivers(listing);
}

/* ---- devices in use ------------------------------------------------------------------------- */

static struct {
    uint32_t count;
    struct in_use {
        char name[EIE_DEVICE_NAME_MAX];
        struct eie_opencl opencl;
        double launch_ns; /* 0: not taken yet */
    } all[EIE_FOUND_MAX];
} in_use;

/* Those of the process, ascending. */
struct threads {
    uint32_t count;
    int ids[EIE_OPENCL_THREADS_MAX];
};

static struct threads threads_now(void)
{
    struct threads now;
    now.count = eie_threads_now(now.ids, EIE_OPENCL_THREADS_MAX);
    return now;
}

/* Keeps those that have come since, where they are one for each compute unit and no other came or
 * went. */
static void find_threads(const struct threads *before, struct eie_opencl *opencl)
{
    const struct threads now = threads_now();
    uint32_t old = 0, come = 0;
    if (strcmp(opencl->facts.type, "cpu") || now.count > EIE_OPENCL_THREADS_MAX ||
        now.count != before->count + opencl->facts.compute_units)
        return;
    for (uint32_t i = 0; i < now.count; i++)
        if (old < before->count && now.ids[i] == before->ids[old])
            old++;
        else
            opencl->threads[come++] = now.ids[i];
    if (old == before->count) opencl->thread_count = come;
}

static void bind_threads(struct eie_opencl *opencl)
{
    const char *affinity = getenv("POCL_AFFINITY");
    opencl->bound = 0;
    if (!opencl->thread_count || (affinity && !strcmp(affinity, "0"))) return;
    if (!eie_bind_each(opencl->threads, opencl->thread_count, NULL))
        opencl->bound = opencl->thread_count;
}

static enum eie_status begin(const struct eie_device *device, struct eie_opencl *opencl,
                             struct eie_error *error)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_device_id devices[EIE_FOUND_MAX];
    const struct eie_found *place = &device->found;
    struct eie_hash hash;
    cl_int code = CL_SUCCESS;
    const struct threads threads = threads_now();
    enum eie_status status = load_functions(error);
    if (status) return status;
    if (place->platform >= get_platforms(platforms) ||
        place->index >= get_devices(platforms[place->platform], devices))
        return eie_fail(error, EIE_MISSING, "device %s has gone", device->name);
    opencl->platform = platforms[place->platform];
    opencl->device = devices[place->index];
    find_facts(opencl->platform, opencl->device, &opencl->facts);
    status = hash_facts(&opencl->facts, &hash, error);
    if (!status && strcmp(hash.hex, device->hash.hex) != 0)
        status = eie_fail(error, EIE_MISSING, "device %s is another one now", device->name);
    if (status) return status;
    opencl->context = eie_cl.CreateContext(NULL, 1, &opencl->device, NULL, NULL, &code);
    status = eie_opencl_status(code, "clCreateContext", error);
    if (status) return status;
    opencl->queue = eie_cl.CreateCommandQueue(opencl->context, opencl->device,
                                              CL_QUEUE_PROFILING_ENABLE, &code);
    if (code) {
        eie_cl.ReleaseContext(opencl->context);
        opencl->context = NULL;
    }
    find_threads(&threads, opencl);
    return eie_opencl_status(code, "clCreateCommandQueue", error);
}

enum eie_status eie_opencl_open(const struct eie_device *device, struct eie_opencl **opencl,
                                struct eie_error *error)
{
    for (uint32_t i = 0; i < in_use.count; i++) {
        *opencl = &in_use.all[i].opencl;
        if (strcmp(in_use.all[i].name, device->name) != 0) continue;
        bind_threads(*opencl);
        return EIE_OK;
    }
    enum eie_status status = eie_runtime_probe(device, error);
    if (!status && in_use.count == EIE_FOUND_MAX)
        status = eie_fail(error, EIE_SYSTEM, "more than %d devices", EIE_FOUND_MAX);
    if (status) return status;
    struct in_use *one = &in_use.all[in_use.count];
    *opencl = &one->opencl;
    status = begin(device, *opencl, error);
    if (status) return eie_error_prefix(error, status, "%s", device->name);
    snprintf(one->name, sizeof one->name, "%s", device->name);
    in_use.count++;
    bind_threads(*opencl);
    return EIE_OK;
}

/* ---- calls ---------------------------------------------------------------------------------- */

enum eie_status eie_opencl_buffer(const struct eie_opencl *opencl, cl_mem_flags flags,
                                  uint64_t bytes, cl_mem *buffer, struct eie_error *error)
{
    const struct eie_opencl_facts *facts = &opencl->facts;
    cl_int code;
    *buffer = NULL;
    if (bytes > facts->largest_bytes)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a buffer of %.0f MiB is needed, and the device takes none above %.0f MiB",
                        (double)bytes / 0x1p20, (double)facts->largest_bytes / 0x1p20);
    *buffer = eie_cl.CreateBuffer(opencl->context, flags, bytes ? bytes : 1, NULL, &code);
    return eie_opencl_status(code, "clCreateBuffer", error);
}

enum eie_status eie_opencl_event_ns(cl_event first, cl_event last, double *ns,
                                    struct eie_error *error)
{
    cl_ulong begin = 0, end = 0;
    cl_int code =
        eie_cl.GetEventProfilingInfo(first, CL_PROFILING_COMMAND_START, sizeof begin, &begin, NULL);
    if (!code)
        code = eie_cl.GetEventProfilingInfo(last, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    *ns = (double)(int64_t)(end - begin);
    return eie_opencl_status(code, "clGetEventProfilingInfo", error);
}
