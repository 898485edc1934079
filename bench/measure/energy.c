#include "bench/measure/energy.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_S        1e-3 /* between two looks, where a step is awaited */
#define STILL_S       1.0  /* a counter that takes no step for so long is of no use */
#define LEAD_S        0.1  /* before the first reading: what ran before is not in the steps after */
#define LEAD_SHARE    0.2  /* of a meter's own window: its counter follows so much faster */
#define UPDATES_MIN   5    /* steps in the window: what a sensor smooths is a step or two long */
#define UPDATES_OWN   20   /* a meter's own window is made longer where it does not hold so many */
#define ERROR_MAX     0.25
#define IDLE_SETTLE_S 0.2
#define IDLE_WINDOW_S 0.5
#define METERS_MAX    64

/* ---- a window -------------------------------------------------------------------------------- */

struct run {
    struct eie_gauge *gauge;
    eie_energy_call call;
    void *context;
    uint64_t calls;
    enum eie_status status; /* of the calls */
    enum eie_energy_state state;
    bool still; /* the counter does not count */
    struct eie_error *error, why;
};

static bool good(const struct run *run)
{
    return !run->status && run->state == EIE_ENERGY_MEASURED;
}

/* Calls for so long, and at least once. */
static void work(struct run *run, double seconds)
{
    const double begin = eie_now_s();
    do {
        run->status = run->call(run->context, run->error);
        run->calls++;
    } while (!run->status && eie_now_s() - begin < seconds);
}

static void look(struct run *run, struct eie_look *seen)
{
    run->state = eie_gauge_look(run->gauge, seen, &run->why);
}

/* Works until the counter has just taken a step. */
static void work_until_step(struct run *run, struct eie_look *seen)
{
    const double begin = eie_now_s();
    for (seen->moved = false; good(run) && !seen->moved;) {
        work(run, POLL_S);
        if (!run->status) look(run, seen);
        if (!good(run) || seen->moved || eie_now_s() - begin < STILL_S) continue;
        run->state = EIE_ENERGY_TOO_SHORT;
        run->still = true;
        eie_fail(&run->why, EIE_SYSTEM, "the energy counter stood still for %.3g s: %s",
                 eie_now_s() - begin, run->gauge->meter->advice);
    }
}

/* The window is as long as it should be, but perhaps not for this counter or these calls. */
static void judge(struct run *run, struct eie_energy *energy)
{
    const double steps = energy->window_s / energy->update_s;
    if (steps >= UPDATES_MIN && energy->relative_error <= ERROR_MAX) return;
    run->state = EIE_ENERGY_TOO_SHORT;
    if (steps < UPDATES_MIN)
        eie_fail(&run->why, EIE_SYSTEM,
                 "the energy counter takes a step every %.3g ms, and at least %d are needed in a "
                 "window of %.3g s: give a larger --budget, or fewer rows",
                 1e3 * energy->update_s, UPDATES_MIN, energy->window_s);
    else
        eie_fail(&run->why, EIE_SYSTEM,
                 "the steps of the energy counter are seen between calls only, each %.3g s long: "
                 "give a larger --budget, or fewer rows",
                 energy->window_s / (double)run->calls);
}

/* Of one call, from how they stood at both ends; what had no value at one of them has none, and
 * what did not move at all was not counted: it is no energy of 0. */
static void count_parts(const struct eie_meter_part *first, uint32_t count,
                        struct eie_energy *energy)
{
    for (uint32_t i = 0; i < energy->part_count && i < count; i++) {
        struct eie_meter_part *part = &energy->parts[i];
        if (first[i].state != EIE_ENERGY_MEASURED) *part = first[i];
        if (part->state != EIE_ENERGY_MEASURED) continue;
        part->joules = (part->joules - first[i].joules) / (double)energy->calls;
        part->wraps -= first[i].wraps;
        if (part->joules > 0) continue;
        part->state = EIE_ENERGY_TOO_SHORT;
        part->joules = NAN;
        snprintf(part->reason, sizeof part->reason,
                 "its counter stood still in the whole window: this machine shows it and does not "
                 "count it, or nothing was drawn");
    }
}

/* What `call` draws; without a number for one call where it is none of a kernel. */
static void measure(struct run *run, double window_s, struct eie_energy *energy)
{
    struct eie_look first, before, last;
    struct eie_meter_part parts[EIE_METER_PARTS_MAX];
    const double begin = eie_now_s(), own_s = run->gauge->meter->window_s;
    const double lead_s = own_s > 0 ? LEAD_SHARE * own_s : LEAD_S;
    eie_gauge_begin(run->gauge);
    look(run, &first);
    if (good(run)) work_until_step(run, &first);
    do {
        before = first;
        if (good(run)) work_until_step(run, &first);
    } while (good(run) && eie_now_s() - begin < lead_s);
    if (!good(run)) return;
    const uint32_t part_count = eie_gauge_parts(run->gauge, parts);
    energy->update_s = first.at_s - before.at_s;
    run->calls = 0;
    if (own_s > 0) window_s = fmin(window_s, fmax(own_s, UPDATES_OWN * energy->update_s));
    work(run, window_s - (eie_now_s() - first.at_s));
    if (good(run)) look(run, &last);
    if (good(run)) work_until_step(run, &last);
    if (!good(run)) return;
    energy->part_count = eie_gauge_parts(run->gauge, energy->parts);
    energy->calls = run->calls;
    count_parts(parts, part_count, energy);
    const double joules = last.joules - first.joules;
    energy->window_s = last.at_s - first.at_s;
    energy->power_w = joules / energy->window_s;
    energy->call_j = joules / (double)energy->calls;
    energy->relative_error =
        fmax(first.gap_s, last.gap_s) / energy->window_s + run->gauge->meter->resolution_j / joules;
    judge(run, energy);
}

/* ---- boards ---------------------------------------------------------------------------------- */

/* Those that this process has asked. */
struct meter {
    char board[EIE_DEVICE_NAME_MAX];
    struct eie_gauge gauge;
    enum eie_energy_state state;
    struct eie_error why;
    bool idle_known; /* or could not be known */
    double idle_power_w;
};
static struct {
    uint32_t count;
    struct meter all[METERS_MAX];
} meters;

/* Two runtimes may show one board; the bus tells it. */
static const char *board_of(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_FOUND && *device->found.pci ? device->found.pci
                                                                  : device->name;
}

static struct meter *meter_of(const struct eie_meter *kind, const struct eie_device *device)
{
    const char *board = board_of(device);
    uint32_t i = 0;
    while (i < meters.count && strcmp(meters.all[i].board, board) != 0) i++;
    struct meter *meter = &meters.all[i < METERS_MAX ? i : METERS_MAX - 1];
    if (i < meters.count) return meter;
    *meter = (struct meter){.idle_power_w = NAN};
    snprintf(meter->board, sizeof meter->board, "%s", board);
    meter->state = eie_gauge_open(kind, device, &meter->gauge, &meter->why);
    if (meters.count < METERS_MAX) meters.count++;
    return meter;
}

bool eie_energy_held_down(const struct eie_device *device)
{
    const struct eie_meter *kind = eie_meter_of(device);
    return kind && eie_gauge_held_down(&meter_of(kind, device)->gauge) == 1;
}

static enum eie_status rest(void *context, struct eie_error *error)
{
    const struct timespec pause = {0, 1000000};
    (void)context, (void)error;
    nanosleep(&pause, NULL);
    return EIE_OK;
}

/* A counter that does not count is not waited for again. */
static void remember(struct meter *meter, const struct run *run)
{
    if (!run->still) return;
    meter->state = run->state;
    meter->why = run->why;
}

static void measure_idle(struct meter *meter)
{
    struct eie_energy idle = {.power_w = NAN};
    struct run run = {.gauge = &meter->gauge, .call = rest, .state = EIE_ENERGY_MEASURED};
    meter->idle_known = true;
    work(&run, IDLE_SETTLE_S);
    measure(&run, IDLE_WINDOW_S, &idle);
    if (good(&run)) meter->idle_power_w = idle.power_w;
    remember(meter, &run);
}

enum eie_status eie_energy_measure(const struct eie_device *device, double window_s,
                                   eie_energy_call call, void *context, struct eie_energy *energy,
                                   struct eie_error *error)
{
    const struct eie_energy nothing = {.call_j = NAN,
                                       .window_s = NAN,
                                       .relative_error = NAN,
                                       .update_s = NAN,
                                       .power_w = NAN,
                                       .idle_power_w = NAN};
    *energy = nothing;
    const struct eie_meter *kind = eie_meter_of(device);
    if (!kind) {
        struct eie_error why;
        eie_meter_none(device, &why);
        energy->state = EIE_ENERGY_UNAVAILABLE;
        snprintf(energy->reason, sizeof energy->reason, "%.500s", why.message);
        return EIE_OK;
    }
    struct meter *meter = meter_of(kind, device);
    if (meter->state == EIE_ENERGY_MEASURED && !meter->idle_known) measure_idle(meter);
    struct run run = {.gauge = &meter->gauge,
                      .call = call,
                      .context = context,
                      .state = meter->state,
                      .error = error,
                      .why = meter->why};
    if (good(&run)) measure(&run, window_s, energy);
    if (run.status) return run.status;
    remember(meter, &run);
    energy->state = run.state;
    energy->idle_power_w = meter->idle_power_w;
    eie_gauge_describe(&meter->gauge, &energy->board);
    if (run.state == EIE_ENERGY_MEASURED) {
        energy->source = eie_gauge_source(&meter->gauge);
        return EIE_OK;
    }
    energy->call_j = energy->power_w = NAN;
    energy->part_count = 0;
    snprintf(energy->reason, sizeof energy->reason, "%.500s", run.why.message);
    return EIE_OK;
}
