/* A runtime whose one device is the host under another name: all that a new runtime needs. Its
 * kernel is toy_dense.c. TOY_RUNTIME says what is wrong: "absent": the device is; "crash": listing
 * ends the process; "lost": the first call of a kernel loses the device, until the file `lost` is
 * in the current folder. */
#include "host/devices/runtime.h"
#include "tests/toys/toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES 4096

bool toy_lost;

bool toy_asked(const char *word)
{
    const char *text = getenv("TOY_RUNTIME");
    return text && !strcmp(text, word);
}

struct facts {
    uint32_t units;
};

static void list(struct eie_listing *listing)
{
    const struct eie_device device = {.kind = EIE_DEVICE_FOUND, .title = "The host as a toy"};
    const struct facts facts = {.units = 3};
    if (toy_asked("crash")) abort();
    if (toy_asked("absent"))
        eie_listing_add_absent(listing, "none", "Toy: it was put away");
    else
        eie_listing_add(listing, "host", &device, &facts, sizeof facts);
}

static void facts_into(const void *opaque, json_t *object)
{
    const struct facts *facts = opaque;
    json_object_set_new(object, "units", json_integer(facts->units));
}

static void ability(const void *opaque, char *text, size_t size)
{
    const struct facts *facts = opaque;
    snprintf(text, size, "%u units", facts->units);
}

static uint32_t levels_of(const struct eie_device *device, struct eie_reach levels[EIE_REACHES_MAX])
{
    (void)device;
    levels[0] = (struct eie_reach){"cache", CACHE_BYTES, NAN};
    levels[1] = (struct eie_reach){"memory", INFINITY, NAN};
    return 2;
}

static enum eie_status ceilings_of(const struct eie_device *device,
                                   struct eie_device_ceilings *ceilings, struct eie_error *error)
{
    (void)error;
    *ceilings = (struct eie_device_ceilings){.launch_count = 1, .launches = {{"launch", 1, 1, 0}}};
    ceilings->level_count = levels_of(device, ceilings->levels);
    ceilings->levels[0].per_s = 1e15;
    ceilings->levels[1].per_s = 1e14;
    return EIE_OK;
}

static bool is_lost(void)
{
    return toy_lost;
}

const struct eie_runtime eie_runtime_toy = {
    .kind = "toy",
    .prefix = "toy:",
    .title = "Toy",
    .order = 30,
    .list = list,
    .facts = facts_into,
    .ability = ability,
    .levels = levels_of,
    .ceilings = ceilings_of,
    .is_lost = is_lost,
};
