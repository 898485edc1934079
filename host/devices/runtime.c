#include "host/devices/runtime.h"
#include "host/base/isolate.h"
#include "host/base/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT_S 120

/* How many stand before it. */
static uint32_t rank_of(uint32_t place)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; eie_runtimes[i]; i++)
        rank += eie_runtimes[i]->order < eie_runtimes[place]->order ||
                (eie_runtimes[i]->order == eie_runtimes[place]->order && i < place);
    return rank;
}

const struct eie_runtime *eie_runtime_at(uint32_t index)
{
    for (uint32_t i = 0; eie_runtimes[i]; i++)
        if (rank_of(i) == index) return eie_runtimes[i];
    return NULL;
}

static void append(char text[EIE_RUNTIMES_TEXT_MAX], const char *word, const char *suffix)
{
    const size_t used = strlen(text);
    snprintf(text + used, EIE_RUNTIMES_TEXT_MAX - used, "%s%s%s", used ? ", " : "", word, suffix);
}

void eie_runtime_titles(char text[EIE_RUNTIMES_TEXT_MAX])
{
    *text = 0;
    for (uint32_t i = 0; eie_runtime_at(i); i++) append(text, eie_runtime_at(i)->title, "");
}

void eie_runtime_globs(char text[EIE_RUNTIMES_TEXT_MAX])
{
    *text = 0;
    for (uint32_t i = 0; eie_runtime_at(i); i++) append(text, eie_runtime_at(i)->prefix, "*");
}

const struct eie_runtime *eie_runtime_find(const char *kind)
{
    for (const struct eie_runtime *const *one = eie_runtimes; *one; one++)
        if (!strcmp((*one)->kind, kind)) return *one;
    return NULL;
}

const struct eie_runtime *eie_runtime_of_name(const char *name)
{
    for (const struct eie_runtime *const *one = eie_runtimes; *one; one++)
        if (!strncmp(name, (*one)->prefix, strlen((*one)->prefix))) return *one;
    return NULL;
}

/* ---- listing -------------------------------------------------------------------------------- */

static void number_equal(const struct eie_listing *listing, struct eie_device *device)
{
    const size_t length = strlen(device->name);
    uint32_t equal = 1;
    for (uint32_t i = 0; i < listing->count; i++) {
        const char *name = listing->all[i].device.name;
        equal += !strncmp(name, device->name, length) && (!name[length] || name[length] == '#');
    }
    if (equal > 1) snprintf(device->name + length, sizeof device->name - length, "#%u", equal);
}

void eie_listing_add(struct eie_listing *listing, const char *name, const struct eie_device *device,
                     const void *facts, size_t size)
{
    if (listing->count == EIE_FOUND_MAX) return;
    struct eie_listed *one = &listing->all[listing->count];
    one->device = *device;
    one->device.kind = EIE_DEVICE_FOUND;
    one->device.found.runtime = listing->runtime;
    snprintf(one->device.name, sizeof one->device.name, "%s%.160s", listing->runtime->prefix, name);
    number_equal(listing, &one->device);
    if (size && size <= sizeof one->facts) memcpy(one->facts, facts, size);
    listing->count++;
}

void eie_listing_add_absent(struct eie_listing *listing, const char *word, const char *why)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND, .found = {.absent = true}};
    char key[64];
    eie_name_key(word, key, sizeof key);
    snprintf(device.title, sizeof device.title, "%s", why);
    eie_listing_add(listing, key, &device, NULL, 0);
}

static void add_none(struct eie_listing *listing, const char *why)
{
    char words[256];
    snprintf(words, sizeof words, "%s: %s", listing->runtime->title, why);
    eie_listing_add_absent(listing, "none", words);
}

static void list_in_child(void *context, void *shared)
{
    const struct eie_runtime *runtime = context;
    runtime->list(shared);
}

enum eie_status eie_runtime_list(const struct eie_runtime *runtime, struct eie_listed **list,
                                 uint32_t *count, struct eie_error *error)
{
    struct eie_ending ending;
    struct eie_listing *listing = calloc(1, sizeof *listing);
    *list = NULL;
    *count = 0;
    if (!listing) return eie_fail(error, EIE_MEMORY, "out of memory for devices");
    listing->runtime = runtime;
    enum eie_status status = eie_isolate(list_in_child, (void *)(uintptr_t)runtime, listing,
                                         sizeof *listing, LIST_LIMIT_S, &ending, error);
    if (!status && ending.end != EIE_END_RETURNED) {
        char words[160], why[224];
        eie_ending_text(&ending, words, sizeof words);
        snprintf(why, sizeof why, "listing the devices ended its process: %s", words);
        listing->count = 0; /* what was found before cannot be trusted to work */
        add_none(listing, why);
    } else if (!status && listing->status) {
        status = eie_fail(error, listing->status, "%s", listing->error.message);
    } else if (!status && !listing->count) {
        add_none(listing, "there is no device");
    }
    if (!status) *list = calloc(listing->count, sizeof **list);
    if (!status && !*list) status = eie_fail(error, EIE_MEMORY, "out of memory for devices");
    if (!status) {
        memcpy(*list, listing->all, listing->count * sizeof **list);
        *count = listing->count;
    }
    free(listing);
    return status;
}

/* ---- devices in use ------------------------------------------------------------------------- */

enum eie_status eie_runtime_probe(const struct eie_device *device, struct eie_error *error)
{
    if (device->kind != EIE_DEVICE_FOUND || !device->found.absent) return EIE_OK;
    return eie_fail(error, EIE_MISSING, "%s", device->title);
}

enum eie_status eie_runtime_open(const struct eie_device *device, struct eie_error *error)
{
    enum eie_status status = eie_runtime_probe(device, error);
    if (status || device->kind != EIE_DEVICE_FOUND || !device->found.runtime->open) return status;
    return device->found.runtime->open(device, error);
}

bool eie_runtime_is_lost(void)
{
    for (const struct eie_runtime *const *one = eie_runtimes; *one; one++)
        if ((*one)->is_lost && (*one)->is_lost()) return true;
    return false;
}
