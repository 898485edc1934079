#include "bench/device_json.h"
#include "bench/jsonset.h"

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
