#include "bench/measure/device_floor.h"
#include "host/base/jsonset.h"
#include "host/devices/cuda.h"
#include "host/devices/opencl.h"

enum eie_status eie_device_begin(const struct eie_device *device, struct eie_error *error)
{
    struct eie_opencl *opencl;
    struct eie_cuda *cuda;
    if (device->kind == EIE_DEVICE_OPENCL) return eie_opencl_open(device, &opencl, error);
    if (device->kind == EIE_DEVICE_CUDA) return eie_cuda_open(device, &cuda, error);
    return EIE_OK;
}

const char *eie_device_resident(const struct eie_device *device, uint64_t bytes)
{
    struct eie_cuda *cuda;
    if (device->kind != EIE_DEVICE_CUDA || eie_cuda_open(device, &cuda, NULL)) return NULL;
    return bytes <= cuda->facts.l2_bytes ? "l2" : "dram";
}

static enum eie_status ceilings_of(const struct eie_device *device, struct eie_cuda **cuda,
                                   const struct eie_cuda_ceilings **ceilings,
                                   struct eie_error *error)
{
    enum eie_status status = eie_cuda_open(device, cuda, error);
    return status ? status : eie_cuda_ceilings(*cuda, ceilings, error);
}

enum eie_status eie_device_floor(const struct eie_device *device, bool wall,
                                 const struct eie_demand *demand, struct eie_floor *floor,
                                 double *launch_ns, struct eie_error *error)
{
    const struct eie_cuda_ceilings *most;
    struct eie_cuda *cuda;
    *floor = (struct eie_floor){0, "none"};
    *launch_ns = NAN;
    if (device->kind != EIE_DEVICE_CUDA) return EIE_OK;
    enum eie_status status = ceilings_of(device, &cuda, &most, error);
    if (status) return status;
    const struct eie_reach levels[] = {
        {"l2", (double)cuda->facts.l2_bytes, most->l2_bytes_per_s},
        {"dram", INFINITY, most->dram_bytes_per_s},
    };
    *floor = eie_floor_over(levels, sizeof levels / sizeof *levels, demand);
    *launch_ns = wall ? fmin(most->launch_wall_ns, most->graph_wall_ns)
                      : fmin(most->launch_device_ns, most->graph_device_ns);
    if (*launch_ns > floor->ns) *floor = (struct eie_floor){*launch_ns, "launch"};
    return EIE_OK;
}

void eie_device_ceilings_add_json(const struct eie_device *device, json_t *lists)
{
    const struct eie_cuda_ceilings *most;
    struct eie_cuda *cuda;
    json_t *all = json_object_get(lists, "eie_device_ceilings"), *one;
    if (device->kind != EIE_DEVICE_CUDA || ceilings_of(device, &cuda, &most, NULL)) return;
    if (!all) json_object_set_new(lists, "eie_device_ceilings", all = json_object());
    one = json_object();
    eie_set_number(one, "launch_wall_ns", most->launch_wall_ns);
    eie_set_number(one, "launch_device_ns", most->launch_device_ns);
    eie_set_number(one, "graph_wall_ns", most->graph_wall_ns);
    eie_set_number(one, "graph_device_ns", most->graph_device_ns);
    eie_set_number(one, "l2_bytes_per_s", most->l2_bytes_per_s);
    eie_set_number(one, "dram_bytes_per_s", most->dram_bytes_per_s);
    json_object_set_new(all, device->name, one);
}
