#include "host/devices/meter.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *eie_energy_state_word(enum eie_energy_state state)
{
    static const char *const words[] = {
        "", "measured", "unavailable", "no permission", "window too short", "wrapped"};
    return words[state];
}

const struct eie_meter *eie_meter_of(const struct eie_device *device)
{
    for (const struct eie_meter *const *one = eie_meters; *one; one++)
        if ((*one)->covers(device)) return *one;
    return NULL;
}

void eie_meter_none(const struct eie_device *device, struct eie_error *why)
{
    char whose[256] = "";
    for (const struct eie_meter *const *one = eie_meters; *one; one++) {
        const char *setting = (*one)->turned_off ? (*one)->turned_off(device) : NULL;
        if (!setting) continue;
        eie_fail(why, EIE_MISSING, "%s: the meter of %s is not asked; unset %.*s", setting,
                 (*one)->whose, (int)strcspn(setting, "="), setting);
        return;
    }
    for (const struct eie_meter *const *one = eie_meters; *one; one++) {
        const size_t used = strlen(whose);
        const char *joint = !used ? "" : one[1] ? ", " : " and ";
        snprintf(whose + used, sizeof whose - used, "%s%s", joint, (*one)->whose);
    }
    if (!*whose)
        eie_fail(why, EIE_MISSING, "this program reads no meters");
    else
        eie_fail(why, EIE_MISSING,
                 "only the meters of %s are read, and this device is none of theirs", whose);
}

/* ---- a meter in use -------------------------------------------------------------------------- */

enum eie_energy_state eie_gauge_open(const struct eie_meter *meter, const struct eie_device *device,
                                     struct eie_gauge *gauge, struct eie_error *why)
{
    struct eie_look look;
    *gauge = (struct eie_gauge){.meter = meter};
    const enum eie_energy_state state = meter->open(device, &gauge->handle, why);
    return state == EIE_ENERGY_MEASURED ? eie_gauge_look(gauge, &look, why) : state;
}

enum eie_energy_state eie_gauge_look(struct eie_gauge *gauge, struct eie_look *look,
                                     struct eie_error *why)
{
    double joules = 0;
    const double begin = eie_now_s();
    enum eie_energy_state state = gauge->meter->read(gauge->handle, &joules, why);
    if (state != EIE_ENERGY_MEASURED) return state;
    const double step_j = joules - gauge->joules;
    if (gauge->looked && step_j < 0) {
        eie_fail(why, EIE_SYSTEM,
                 "the energy counter went back from %.0f to %.0f mJ (the driver was reloaded, "
                 "or the counter is full): run the row again",
                 1e3 * gauge->joules, 1e3 * joules);
        state = EIE_ENERGY_WRAPPED;
    }
    *look = (struct eie_look){
        .joules = joules,
        .at_s = begin,
        .moved = gauge->looked && (step_j < 0 || step_j > 0),
        .gap_s = gauge->looked ? eie_now_s() - gauge->looked_s : INFINITY,
    };
    gauge->looked = true;
    gauge->joules = joules;
    gauge->looked_s = begin;
    return state;
}

void eie_gauge_begin(struct eie_gauge *gauge)
{
    if (!gauge->meter->begin) return;
    gauge->looked = false;
    gauge->meter->begin(gauge->handle);
}

uint32_t eie_gauge_parts(const struct eie_gauge *gauge,
                         struct eie_meter_part parts[EIE_METER_PARTS_MAX])
{
    return gauge->meter->parts ? gauge->meter->parts(gauge->handle, parts) : 0;
}

const char *eie_gauge_source(const struct eie_gauge *gauge)
{
    return gauge->meter->source_of ? gauge->meter->source_of(gauge->handle) : gauge->meter->source;
}

void eie_gauge_describe(const struct eie_gauge *gauge, struct eie_board *board)
{
    *board = (struct eie_board){.sm_clock_hz = NAN,
                                .memory_clock_hz = NAN,
                                .temperature_c = NAN,
                                .power_w = NAN,
                                .power_limit_w = NAN,
                                .persistence = -1,
                                .ecc = -1,
                                .mig = -1,
                                .virtual_gpu = -1};
    if (gauge->handle && gauge->meter->describe) gauge->meter->describe(gauge->handle, board);
}

int eie_gauge_held_down(const struct eie_gauge *gauge)
{
    if (!gauge->handle || !gauge->meter->held_down) return -1;
    return gauge->meter->held_down(gauge->handle);
}

void eie_meters_end(void)
{
    for (const struct eie_meter *const *one = eie_meters; *one; one++)
        if ((*one)->end) (*one)->end();
}
