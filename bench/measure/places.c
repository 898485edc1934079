#include "bench/measure/places.h"
#include "bench/measure/device_json.h"
#include "host/base/names.h"

#include <stdlib.h>
#include <string.h>

static enum eie_status add(struct eie_places *places, const struct eie_device *device,
                           json_t *facts, struct eie_place **added, struct eie_error *error)
{
    struct eie_place *more = realloc(places->all, (places->count + 1) * sizeof *more);
    if (more) places->all = more;
    if (!more || !facts) {
        json_decref(facts);
        return eie_fail(error, EIE_MEMORY, "out of memory for devices");
    }
    *added = &more[places->count++];
    **added = (struct eie_place){.device = *device, .facts = facts};
    return EIE_OK;
}

static enum eie_status add_opencl(struct eie_places *places, struct eie_error *error)
{
    struct eie_opencl_listed *listed;
    struct eie_place *place;
    uint32_t count;
    enum eie_status status = eie_opencl_list(&listed, &count, error);
    if (status) return status;
    for (uint32_t i = 0; i < count && !status; i++) {
        status = add(places, &listed[i].device, eie_opencl_json(&listed[i]), &place, error);
        if (!status && !listed[i].device.runtime.absent)
            eie_opencl_ability(&listed[i].facts, place->ability, sizeof place->ability);
    }
    free(listed);
    return status;
}

static enum eie_status add_cuda(struct eie_places *places, struct eie_error *error)
{
    struct eie_cuda_listed *listed;
    struct eie_place *place;
    uint32_t count;
    enum eie_status status = eie_cuda_list(&listed, &count, error);
    if (status) return status;
    for (uint32_t i = 0; i < count && !status; i++) {
        status = add(places, &listed[i].device, eie_cuda_json(&listed[i]), &place, error);
        if (!status && !listed[i].device.runtime.absent)
            eie_cuda_ability(&listed[i].facts, place->ability, sizeof place->ability);
    }
    free(listed);
    return status;
}

static const struct runtime {
    enum eie_device_kind kind;
    const char *prefix; /* of its devices' names */
    enum eie_status (*add)(struct eie_places *places, struct eie_error *error);
} runtimes[] = {
    {EIE_DEVICE_OPENCL, "opencl:", add_opencl},
    {EIE_DEVICE_CUDA, "cuda:", add_cuda},
};
#define RUNTIMES (sizeof runtimes / sizeof *runtimes)

enum eie_status eie_places_find(uint32_t kinds, const char *names, struct eie_places *places,
                                struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    *places = (struct eie_places){NULL, 0};
    for (size_t i = 0; i < RUNTIMES && !status; i++)
        if (names ? eie_names_may_begin(names, runtimes[i].prefix)
                  : kinds & EIE_PLACES_OF(runtimes[i].kind))
            status = runtimes[i].add(places, error);
    if (status) eie_places_free(places);
    return status;
}

void eie_places_free(struct eie_places *places)
{
    for (uint32_t i = 0; i < places->count; i++) json_decref(places->all[i].facts);
    free(places->all);
    *places = (struct eie_places){NULL, 0};
}

const struct eie_place *eie_places_first(const struct eie_places *places, enum eie_device_kind kind)
{
    const struct eie_place *found = NULL;
    for (uint32_t i = 0; i < places->count; i++) {
        const struct eie_place *place = &places->all[i];
        if (place->device.kind != kind) continue;
        found = place;
        if (!place->device.runtime.absent) break;
    }
    return found;
}

bool eie_places_name(const char *name)
{
    for (size_t i = 0; i < RUNTIMES; i++)
        if (!strncmp(name, runtimes[i].prefix, strlen(runtimes[i].prefix))) return true;
    return false;
}
