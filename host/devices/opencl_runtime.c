#include "host/base/jsonset.h"
#include "host/devices/opencl.h"
#include "host/devices/runtime.h"

#include <stdio.h>

static void facts_into(const void *opaque, json_t *object)
{
    const struct eie_opencl_facts *facts = opaque;
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
}

static void ability(const void *opaque, char *text, size_t size)
{
    const struct eie_opencl_facts *facts = opaque;
    snprintf(text, size,
             "%s, %u units, groups up to %llu, %llu KiB local%s, %.1f GiB (a buffer %.1f), %s",
             facts->type, facts->compute_units, (unsigned long long)facts->work_group_max,
             (unsigned long long)facts->local_bytes / 1024,
             facts->local_is_real ? "" : " (in main memory)", (double)facts->global_bytes / 0x1p30,
             (double)facts->largest_bytes / 0x1p30,
             facts->sub_groups ? "sub-groups" : "no sub-groups");
}

static enum eie_status begin(const struct eie_device *device, struct eie_error *error)
{
    struct eie_opencl *opencl;
    return eie_opencl_open(device, &opencl, error);
}

_Static_assert(sizeof(struct eie_opencl_facts) <= EIE_FACTS_MAX, "a listing keeps the facts");

/* Its rows have no ceilings: none are measured here. */
const struct eie_runtime eie_runtime_opencl = {
    .kind = "opencl",
    .prefix = "opencl:",
    .title = "OpenCL",
    .order = 10,
    .list = eie_opencl_list,
    .facts = facts_into,
    .ability = ability,
    .open = begin,
};
