/* A meter of the host's processor: all that a new meter needs, in one file. Its counter follows the
 * clock: 50 W, in steps of 5 ms. TOY_METER says what is wrong: "none": there is no counter;
 * "locked": this user may not read it; "gone": nor can it be read after the first 10 looks;
 * "still": it stands still; "slow": it takes a step every 400 ms; "back": it goes back after every
 * 20th look. */
#include "host/base/clock.h"
#include "host/devices/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATTS 50

static int looks;

static bool asked(const char *word)
{
    const char *text = getenv("TOY_METER");
    return text && !strcmp(text, word);
}

static bool covers(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_CPU;
}

static enum eie_energy_state open_counter(const struct eie_device *device, void **handle,
                                          struct eie_error *why)
{
    (void)device;
    if (asked("none")) {
        eie_fail(why, EIE_MISSING, "this toy has no counter: take another one");
        return EIE_ENERGY_UNAVAILABLE;
    }
    *handle = &looks;
    if (!asked("locked")) return EIE_ENERGY_MEASURED;
    eie_fail(why, EIE_MISSING, "the toy is locked away: ask for the key");
    return EIE_ENERGY_NO_PERMISSION;
}

static enum eie_energy_state read_counter(void *handle, double *joules, struct eie_error *why)
{
    const double step_s = asked("slow") ? 0.4 : 5e-3;
    double seconds = eie_now_s();
    (void)handle;
    looks++;
    if (asked("gone") && looks > 10) {
        eie_fail(why, EIE_MISSING, "the toy's counter has gone: look under the bed");
        return EIE_ENERGY_UNAVAILABLE;
    }
    if (asked("back") && looks % 20 < 10) seconds += 1e6;
    if (asked("still")) seconds = 1;
    *joules = WATTS * step_s * (double)(long long)(seconds / step_s);
    return EIE_ENERGY_MEASURED;
}

static void describe(void *handle, struct eie_board *board)
{
    (void)handle;
    snprintf(board->name, sizeof board->name, "Toy processor");
    board->temperature_c = 37;
}

const struct eie_meter eie_meter_toy = {
    .whose = "toys",
    .source = "toy counter: the processor, as the clock has it",
    .advice = "wind it up",
    .resolution_j = 1e-3,
    .covers = covers,
    .open = open_counter,
    .read = read_counter,
    .describe = describe,
};
