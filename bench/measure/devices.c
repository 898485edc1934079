#include "bench/measure/devices.h"
#include "host/base/clock.h"
#include "host/base/isolate.h"
#include "host/base/jsonset.h"
#include "host/base/names.h"
#include "host/devices/meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOARD_LIMIT_S     30
#define WATCH_S           0.05
#define DEVICE_COPIES_MAX 4096u /* each has graphs of its own */

/* ---- found at run time ----------------------------------------------------------------------- */

static enum eie_status add(struct eie_found_devices *found, const struct eie_listed *listed,
                           struct eie_error *error)
{
    const struct eie_runtime *runtime = listed->device.found.runtime;
    struct eie_found_device *more = realloc(found->all, (found->count + 1) * sizeof *more);
    json_t *facts = json_object();
    if (more) found->all = more;
    if (!more || !facts) {
        json_decref(facts);
        return eie_fail(error, EIE_MEMORY, "out of memory for devices");
    }
    struct eie_found_device *one = &more[found->count++];
    *one = (struct eie_found_device){.device = listed->device, .facts = facts};
    eie_set(facts, "title", listed->device.title);
    if (listed->device.found.absent) return EIE_OK;
    if (runtime->facts) runtime->facts(listed->facts, facts);
    if (runtime->ability) runtime->ability(listed->facts, one->ability, sizeof one->ability);
    return EIE_OK;
}

static enum eie_status add_all(struct eie_found_devices *found, const struct eie_runtime *runtime,
                               struct eie_error *error)
{
    struct eie_listed *listed;
    uint32_t count;
    enum eie_status status = eie_runtime_list(runtime, &listed, &count, error);
    for (uint32_t i = 0; i < count && !status; i++) status = add(found, &listed[i], error);
    free(listed);
    return status;
}

uint32_t eie_runtimes_for(const struct eie_kernel *kernel)
{
    for (uint32_t i = 0; eie_runtime_at(i); i++)
        if (kernel->device_kind == EIE_DEVICE_FOUND && kernel->runtime &&
            !strcmp(kernel->runtime, eie_runtime_at(i)->kind))
            return UINT32_C(1) << i;
    return 0;
}

enum eie_status eie_devices_find(uint32_t runtimes, const char *names,
                                 struct eie_found_devices *found, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    *found = (struct eie_found_devices){NULL, 0};
    for (uint32_t i = 0; eie_runtime_at(i) && !status; i++)
        if (names ? eie_names_may_begin(names, eie_runtime_at(i)->prefix) : runtimes >> i & 1)
            status = add_all(found, eie_runtime_at(i), error);
    if (status) eie_devices_free(found);
    return status;
}

void eie_devices_free(struct eie_found_devices *found)
{
    for (uint32_t i = 0; i < found->count; i++) json_decref(found->all[i].facts);
    free(found->all);
    *found = (struct eie_found_devices){NULL, 0};
}

const struct eie_found_device *eie_devices_first(const struct eie_found_devices *found,
                                                 const struct eie_kernel *kernel)
{
    const struct eie_found_device *first = NULL;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct eie_found_device *one = &found->all[i];
        if (!eie_kernel_is_for(kernel, &one->device)) continue;
        first = one;
        if (!one->device.found.absent) break;
    }
    return first;
}

const char *eie_device_kind_word(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_CPU     ? "cpu"
           : device->kind == EIE_DEVICE_FOUND ? device->found.runtime->kind
           : device->kind == EIE_DEVICE_EIE   ? "eie"
                                              : "published";
}

/* ---- boards --------------------------------------------------------------------------------- */

struct asking {
    const struct eie_device *device;
    const struct eie_meter *meter;
};
struct asked {
    enum eie_energy_state state;
    struct eie_error why;
    struct eie_board board;
    char source[320];
};

/* A counter that takes many steps in the time and stands still is there, and does not count: some
 * virtual machines have such. */
static void watch(struct eie_gauge *gauge, struct asked *asked)
{
    const struct timespec pause = {0, 1000000};
    const double begin = eie_now_s();
    struct eie_look look = {.moved = false};
    bool late = false;
    while (asked->state == EIE_ENERGY_MEASURED && !look.moved && !late) {
        late = eie_now_s() - begin >= WATCH_S;
        asked->state = eie_gauge_look(gauge, &look, &asked->why);
        if (!look.moved && !late) nanosleep(&pause, NULL);
    }
    if (asked->state != EIE_ENERGY_MEASURED || look.moved) return;
    asked->state = EIE_ENERGY_TOO_SHORT;
    eie_fail(&asked->why, EIE_SYSTEM, "the energy counter stood still for %.3g s: %s",
             eie_now_s() - begin, gauge->meter->advice);
}

static void ask_board(void *context, void *shared)
{
    const struct asking *asking = context;
    struct asked *asked = shared;
    struct eie_gauge gauge;
    asked->state = eie_gauge_open(asking->meter, asking->device, &gauge, &asked->why);
    eie_gauge_describe(&gauge, &asked->board);
    if (asked->state == EIE_ENERGY_MEASURED)
        snprintf(asked->source, sizeof asked->source, "%s", eie_gauge_source(&gauge));
    if (asking->meter->window_s > 0) watch(&gauge, asked); /* one that takes its steps often */
    eie_meters_end();
}

static void set_switch(json_t *object, const char *key, int on)
{
    if (on >= 0) json_object_set_new(object, key, json_boolean(on));
}

/* The meter that was asked, or NULL where the device has none; then *asked says whose there are. */
static const struct eie_meter *ask(const struct eie_device *device, struct asked *asked)
{
    struct asking asking = {device, eie_meter_of(device)};
    struct eie_ending ending = {.end = EIE_END_RETURNED};
    *asked = (struct asked){.state = EIE_ENERGY_UNAVAILABLE};
    if (!asking.meter) {
        eie_meter_none(device, &asked->why);
        return NULL;
    }
    if (!eie_isolate(ask_board, &asking, asked, sizeof *asked, BOARD_LIMIT_S, &ending,
                     &asked->why) &&
        ending.end != EIE_END_RETURNED) {
        asked->state = EIE_ENERGY_UNAVAILABLE;
        eie_ending_text(&ending, asked->why.message, sizeof asked->why.message);
    }
    return asking.meter;
}

void eie_device_energy_words(const struct eie_device *device, char *text, size_t size)
{
    struct asked asked;
    ask(device, &asked);
    snprintf(text, size, "%s: %s", eie_energy_state_word(asked.state),
             asked.state == EIE_ENERGY_MEASURED ? asked.source : asked.why.message);
}

json_t *eie_board_json(const struct eie_device *device)
{
    struct asked asked;
    if (!ask(device, &asked)) return NULL;
    const struct eie_board *board = &asked.board;
    const bool known = *board->name || *board->driver; /* also where only the counter is missing */
    json_t *object = json_object();
    if (device->kind == EIE_DEVICE_FOUND && *device->found.pci)
        eie_set(object, "pci", device->found.pci);
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
    set_switch(object, "mig", board->mig);
    set_switch(object, "virtual_gpu", board->virtual_gpu);
    eie_set(object, "throttle", board->throttle);
    return object;
}

/* ---- in the process that runs kernels ------------------------------------------------------- */

/* EIE_UNSUPPORTED where the device has no ceilings. */
static enum eie_status ceilings_of(const struct eie_device *device,
                                   struct eie_device_ceilings *ceilings, struct eie_error *error)
{
    if (device->kind != EIE_DEVICE_FOUND || !device->found.runtime->ceilings)
        return eie_fail(error, EIE_UNSUPPORTED, "device %s has no ceilings", device->name);
    enum eie_status status = eie_runtime_open(device, error);
    return status ? status : device->found.runtime->ceilings(device, ceilings, error);
}

const char *eie_device_resident(const struct eie_device *device, uint64_t bytes)
{
    struct eie_reach levels[EIE_REACHES_MAX];
    if (device->kind != EIE_DEVICE_FOUND || !device->found.runtime->levels ||
        eie_runtime_open(device, NULL))
        return NULL;
    const uint32_t count = device->found.runtime->levels(device, levels);
    for (uint32_t i = 0; i < count; i++)
        if ((double)bytes <= levels[i].holds_bytes) return levels[i].name;
    return NULL;
}

static double empty_ns(const struct eie_launch_cost *launch, enum eie_clock clock)
{
    return clock == EIE_CLOCK_WALL     ? launch->wall_ns
           : clock == EIE_CLOCK_DEVICE ? launch->device_ns
                                       : launch->chain_ns;
}

enum eie_status eie_device_copies(const struct eie_device *device, enum eie_cache cache,
                                  uint64_t copy_bytes, uint32_t *copies, struct eie_error *error)
{
    struct eie_reach levels[EIE_REACHES_MAX];
    double last = 0;
    *copies = 1;
    if (cache != EIE_CACHE_DRAM) return EIE_OK;
    enum eie_status status = eie_runtime_open(device, error);
    if (status) return status;
    const uint32_t count =
        device->found.runtime->levels ? device->found.runtime->levels(device, levels) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (isfinite(levels[i].holds_bytes)) last = fmax(last, levels[i].holds_bytes);
    if (!(last > 0))
        return eie_fail(error, EIE_UNSUPPORTED, "cache mode dram: the device states no cache");
    return eie_cache_rotate(cache, (uint64_t)last, DEVICE_COPIES_MAX, copy_bytes, copies, error);
}

enum eie_status eie_device_roofline(const struct eie_device *device, enum eie_clock clock,
                                    const struct eie_demand *demand, struct eie_roofline *roofline,
                                    double *launch_ns, struct eie_error *error)
{
    struct eie_device_ceilings most;
    *roofline = (struct eie_roofline){0, "none"};
    *launch_ns = NAN;
    enum eie_status status = ceilings_of(device, &most, error);
    if (status) return status == EIE_UNSUPPORTED ? EIE_OK : status;
    *roofline = eie_roofline_over(most.levels, most.level_count, demand);
    for (uint32_t i = 0; i < most.launch_count; i++) { /* fmin passes over NaN */
        const double ns = empty_ns(&most.launches[i], clock);
        if (ns > 0) *launch_ns = fmin(*launch_ns, ns);
    }
    if (*launch_ns > roofline->ns) *roofline = (struct eie_roofline){*launch_ns, "launch"};
    return EIE_OK;
}

static void set_named(json_t *object, const char *name, const char *suffix, double value)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", name, suffix);
    eie_set_number(object, key, value);
}

void eie_device_ceilings_add_json(const struct eie_device *device, json_t *lists)
{
    struct eie_device_ceilings most;
    json_t *all = json_object_get(lists, "eie_device_ceilings"), *one;
    if (ceilings_of(device, &most, NULL)) return;
    if (!all) json_object_set_new(lists, "eie_device_ceilings", all = json_object());
    one = json_object();
    for (uint32_t i = 0; i < most.launch_count; i++) {
        set_named(one, most.launches[i].name, "wall_ns", most.launches[i].wall_ns);
        set_named(one, most.launches[i].name, "device_ns", most.launches[i].device_ns);
        if (most.launches[i].chain_ns > 0)
            set_named(one, most.launches[i].name, "chain_ns", most.launches[i].chain_ns);
    }
    for (uint32_t i = 0; i < most.level_count; i++)
        set_named(one, most.levels[i].name, "bytes_per_s", most.levels[i].per_s);
    json_object_set_new(all, device->name, one);
}
