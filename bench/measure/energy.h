/* Energy of one call of a plan, by the meter of the device that it runs on (results/README.md). The
 * plan is called again and again for a while, and the counter is read twice, each time when it has
 * just taken a step: so its steps, which may be 100 ms apart, do not spoil the difference. */
#ifndef EIE_BENCH_MEASURE_ENERGY_H
#define EIE_BENCH_MEASURE_ENERGY_H

#include "host/base/error.h"
#include "host/devices/meter.h"

/* What came of it; NaN where there is no number. */
struct eie_energy {
    enum eie_energy_state state;
    const char *source;    /* the meter's; NULL unless measured */
    char reason[512];      /* why there is none, and what to do; "" when measured */
    double call_j;         /* of one call */
    uint64_t calls;        /* in the window */
    double window_s;       /* between the two readings */
    double relative_error; /* of call_j, at most: the time in which either of the two steps may have
                              been taken / the window, and the counter's last digit */
    double update_s;       /* the counter takes a step so often */
    double power_w;        /* mean in the window */
    double idle_power_w;   /* without a call, as it was before the board's first window in this
                              process: the context open, the clocks still those of work */
    struct eie_board board; /* right after the window, or where there is none now */
    /* What the meter tells apart, the counter itself first: of one call, and wraps in the window;
       read when the window's two readings are, but not waited for: one step of theirs may be
       missing or too much. */
    uint32_t part_count;
    struct eie_meter_part parts[EIE_METER_PARTS_MAX];
};

/* One call, waited for. */
typedef enum eie_status (*eie_energy_call)(void *context, struct eie_error *error);

/* Takes `window_s` (or what is enough for the meter), and some 0.2 s or a few steps of the counter
 * before and after; a board's first window some 0.8 s more. A board whose meter cannot be had is
 * not asked again. What `call` returns when it fails; else EIE_OK and *energy, whose state says
 * what came of it. */
EIE_MUST_USE enum eie_status eie_energy_measure(const struct eie_device *device, double window_s,
                                                eie_energy_call call, void *context,
                                                struct eie_energy *energy, struct eie_error *error);

/* Do power or heat hold the clocks of its board down at this moment? No where nobody tells. */
bool eie_energy_held_down(const struct eie_device *device);

#endif
