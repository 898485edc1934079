#include "host/base/jsonset.h"
#include "host/devices/cuda.h"
#include "host/devices/runtime.h"

#include <stdio.h>

/* CUDA counts 1000 major + 10 minor. */
static void set_version(json_t *object, const char *key, uint32_t version)
{
    char text[32];
    snprintf(text, sizeof text, "%u.%u", version / 1000, version % 1000 / 10);
    eie_set(object, key, text);
}

static void facts_into(const void *opaque, json_t *object)
{
    const struct eie_cuda_facts *facts = opaque;
    char capability[32];
    snprintf(capability, sizeof capability, "%u.%u", facts->major, facts->minor);
    eie_set(object, "uuid", facts->uuid);
    eie_set(object, "pci", facts->pci);
    set_version(object, "driver_cuda", facts->driver);
    set_version(object, "runtime_cuda", facts->runtime);
    eie_set(object, "compute_capability", capability);
    eie_set_integer(object, "multiprocessors", facts->multiprocessors);
    eie_set_integer(object, "threads_per_multiprocessor", facts->threads_unit);
    eie_set_integer(object, "global_bytes", facts->global_bytes);
    eie_set_integer(object, "l2_bytes", facts->l2_bytes);
    eie_set_integer(object, "shared_bytes_per_block", facts->shared_block_bytes);
    eie_set_integer(object, "shared_bytes_per_multiprocessor", facts->shared_unit_bytes);
    eie_set_integer(object, "memory_bus_bits", facts->memory_bus_bits);
    eie_set_integer(object, "clock_max_hz", UINT64_C(1000) * facts->clock_khz);
    eie_set_integer(object, "memory_clock_max_hz", UINT64_C(1000) * facts->memory_clock_khz);
    json_object_set_new(object, "ecc", json_boolean(facts->ecc));
}

static void ability(const void *opaque, char *text, size_t size)
{
    const struct eie_cuda_facts *facts = opaque;
    snprintf(text, size,
             "capability %u.%u, %u multiprocessors, %.1f GiB, %.1f MiB L2, %llu KiB shared a "
             "block, CUDA %u.%u (driver %u.%u), PCI %s",
             facts->major, facts->minor, facts->multiprocessors,
             (double)facts->global_bytes / 0x1p30, (double)facts->l2_bytes / 0x1p20,
             (unsigned long long)facts->shared_block_bytes / 1024, facts->runtime / 1000,
             facts->runtime % 1000 / 10, facts->driver / 1000, facts->driver % 1000 / 10,
             *facts->pci ? facts->pci : "unknown");
}

static enum eie_status begin(const struct eie_device *device, struct eie_error *error)
{
    struct eie_cuda *cuda;
    return eie_cuda_open(device, &cuda, error);
}

static uint32_t levels_of(const struct eie_device *device, struct eie_reach levels[EIE_REACHES_MAX])
{
    struct eie_cuda *cuda;
    if (eie_cuda_open(device, &cuda, NULL)) return 0;
    levels[0] = (struct eie_reach){"l2", (double)cuda->facts.l2_bytes, NAN};
    levels[1] = (struct eie_reach){"dram", INFINITY, NAN};
    return 2;
}

static enum eie_status measure(const struct eie_device *device,
                               struct eie_device_ceilings *ceilings, struct eie_error *error)
{
    const struct eie_cuda_ceilings *most;
    struct eie_cuda *cuda;
    enum eie_status status = eie_cuda_open(device, &cuda, error);
    if (!status) status = eie_cuda_ceilings(cuda, &most, error);
    if (status) return status;
    *ceilings = (struct eie_device_ceilings){
        .launch_count = 3,
        .launches = {{"launch", most->launch_wall_ns, most->launch_device_ns, NAN},
                     {"graph", most->graph_wall_ns, most->graph_device_ns, most->chain_ns},
                     {"held", NAN, most->held_device_ns, most->held_chain_ns}}};
    ceilings->level_count = levels_of(device, ceilings->levels);
    ceilings->levels[0].per_s = most->l2_bytes_per_s;
    ceilings->levels[1].per_s = most->dram_bytes_per_s;
    return EIE_OK;
}

_Static_assert(sizeof(struct eie_cuda_facts) <= EIE_FACTS_MAX, "a listing keeps the facts");

const struct eie_runtime eie_runtime_cuda = {
    .kind = "cuda",
    .prefix = "cuda:",
    .title = "CUDA",
    .order = 20,
    .list = eie_cuda_list,
    .facts = facts_into,
    .ability = ability,
    .open = begin,
    .levels = levels_of,
    .ceilings = measure,
    .is_lost = eie_cuda_is_lost,
};
