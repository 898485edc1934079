/* Devices that are found at run time, OpenCL's and CUDA's: the one list of them for the whole bench
 * layer, with what listings and results files say of each. Further runtimes join in places.c. */
#ifndef EIE_BENCH_MEASURE_PLACES_H
#define EIE_BENCH_MEASURE_PLACES_H

#include "host/devices/device.h"

#include <jansson.h>
#include <stdbool.h>

struct eie_place {
    struct eie_device device;
    json_t *facts;     /* an object: title, versions, limits; where it is absent only the title */
    char ability[320]; /* what it can do, in words; "" where it is absent */
};

struct eie_places {
    struct eie_place *all; /* [count], kind by kind, in the drivers' order */
    uint32_t count;
};

/* A set of kinds, for eie_places_find. */
#define EIE_PLACES_OF(kind) (1u << (kind))
#define EIE_PLACES_ALL      UINT32_MAX

/* Looks for devices. That takes drivers a while, so only for those that are wanted: where `names`
 * (a list of names and globs, as of --device) is given, of the kinds whose devices it can mean;
 * where it is NULL, of the kinds in `kinds`. Of a kind that was looked for there is at least one
 * place. On failure *places is empty. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_places_find(uint32_t kinds, const char *names,
                                             struct eie_places *places, struct eie_error *error);
void eie_places_free(struct eie_places *places);

/* The first that is there, or an absent one, whose title says why there is none; NULL where the
 * kind was not looked for. */
const struct eie_place *eie_places_first(const struct eie_places *places,
                                         enum eie_device_kind kind);

/* Is it the name of such a device: "opencl:...", "cuda:..."? */
bool eie_places_name(const char *name);

#endif
