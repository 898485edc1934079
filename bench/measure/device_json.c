#include "bench/measure/device_json.h"
#include "host/base/isolate.h"
#include "host/base/jsonset.h"
#include "host/devices/nvml.h"

#include <stdio.h>
#include <string.h>

#define BOARD_LIMIT_S 30

json_t *eie_opencl_json(const struct eie_opencl_listed *listed)
{
    const struct eie_opencl_facts *facts = &listed->facts;
    json_t *object = json_object();
    eie_set(object, "title", listed->device.title);
    if (listed->device.runtime.absent) return object;
    eie_set(object, "platform", facts->platform);
    eie_set(object, "platform_version", facts->platform_version);
    eie_set(object, "device_version", facts->device_version);
    eie_set(object, "driver", facts->driver);
    eie_set(object, "type", facts->type);
    eie_set_integer(object, "compute_units", facts->compute_units);
    eie_set_integer(object, "global_bytes", facts->global_bytes);
    eie_set_integer(object, "largest_buffer_bytes", facts->largest_bytes);
    eie_set_integer(object, "local_bytes", facts->local_bytes);
    json_object_set_new(object, "local_in_main_memory", json_boolean(!facts->local_is_real));
    eie_set_integer(object, "work_group_max", facts->work_group_max);
    json_object_set_new(object, "sub_groups", json_boolean(facts->sub_groups));
    eie_set_integer(object, "timer_ns", facts->timer_ns);
    return object;
}

struct asked {
    enum eie_energy_state state;
    struct eie_error why;
    struct eie_nvml_board board;
};

static void ask_board(void *context, void *shared)
{
    struct asked *asked = shared;
    struct eie_nvml_meter meter = {.device = NULL};
    asked->state = eie_nvml_open(context, &meter, &asked->why);
    if (meter.device) eie_nvml_board(&meter, &asked->board);
    eie_nvml_end();
}

static void set_switch(json_t *object, const char *key, int on)
{
    if (on >= 0) json_object_set_new(object, key, json_boolean(on));
}

json_t *eie_board_json(const struct eie_device *device)
{
    struct asked asked = {.state = EIE_ENERGY_UNAVAILABLE};
    struct eie_ending ending = {.end = EIE_END_RETURNED};
    char pci[sizeof device->runtime.pci];
    if (!*device->runtime.pci) return NULL;
    memcpy(pci, device->runtime.pci, sizeof pci);
    if (!eie_isolate(ask_board, pci, &asked, sizeof asked, BOARD_LIMIT_S, &ending, &asked.why) &&
        ending.end != EIE_END_RETURNED) {
        asked.state = EIE_ENERGY_UNAVAILABLE;
        eie_ending_text(&ending, asked.why.message, sizeof asked.why.message);
    }
    const struct eie_nvml_board *board = &asked.board;
    const bool known = *board->name || *board->driver; /* also where only the counter is missing */
    json_t *object = json_object();
    eie_set(object, "pci", device->runtime.pci);
    eie_set(object, "energy_counter",
            asked.state == EIE_ENERGY_MEASURED ? "there" : eie_energy_state_word(asked.state));
    if (asked.state != EIE_ENERGY_MEASURED) eie_set(object, "reason", asked.why.message);
    if (!known) return object;
    eie_set(object, "name", board->name);
    eie_set(object, "driver", board->driver);
    eie_set_number(object, "sm_clock_hz", board->sm_clock_hz);
    eie_set_number(object, "memory_clock_hz", board->memory_clock_hz);
    eie_set_number(object, "temperature_c", board->temperature_c);
    eie_set_number(object, "power_w", board->power_w);
    eie_set_number(object, "power_limit_w", board->power_limit_w);
    set_switch(object, "persistence", board->persistence);
    set_switch(object, "ecc", board->ecc);
    eie_set(object, "throttle", board->throttle);
    return object;
}
void eie_opencl_ability(const struct eie_opencl_facts *facts, char *text, size_t size)
{
    snprintf(text, size,
             "%s, %u units, groups up to %llu, %llu KiB local%s, %.1f GiB (a buffer %.1f), %s",
             facts->type, facts->compute_units, (unsigned long long)facts->work_group_max,
             (unsigned long long)facts->local_bytes / 1024,
             facts->local_is_real ? "" : " (in main memory)", (double)facts->global_bytes / 0x1p30,
             (double)facts->largest_bytes / 0x1p30,
             facts->sub_groups ? "sub-groups" : "no sub-groups");
}

/* CUDA counts 1000 major + 10 minor. */
static void set_version(json_t *object, const char *key, uint32_t version)
{
    char text[32];
    snprintf(text, sizeof text, "%u.%u", version / 1000, version % 1000 / 10);
    eie_set(object, key, text);
}

json_t *eie_cuda_json(const struct eie_cuda_listed *listed)
{
    const struct eie_cuda_facts *facts = &listed->facts;
    json_t *object = json_object();
    char capability[32];
    eie_set(object, "title", listed->device.title);
    if (listed->device.runtime.absent) return object;
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
    return object;
}

void eie_cuda_ability(const struct eie_cuda_facts *facts, char *text, size_t size)
{
    snprintf(text, size,
             "capability %u.%u, %u multiprocessors, %.1f GiB, %.1f MiB L2, %llu KiB shared a "
             "block, CUDA %u.%u (driver %u.%u), PCI %s",
             facts->major, facts->minor, facts->multiprocessors,
             (double)facts->global_bytes / 0x1p30, (double)facts->l2_bytes / 0x1p20,
             (unsigned long long)facts->shared_block_bytes / 1024, facts->runtime / 1000,
             facts->runtime % 1000 / 10, facts->driver / 1000, facts->driver % 1000 / 10,
             *facts->pci ? facts->pci : "unknown");
}
