/* NVML, NVIDIA's library for looking after its GPUs, looked up when it is needed (EIE_NVML names
 * another file to use instead): the energy counter of a board, and what else it says of itself.
 *
 * A process that has begun with NVML should not be forked. */
#ifndef EIE_HOST_DEVICES_NVML_H
#define EIE_HOST_DEVICES_NVML_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Energy that was not measured is never a zero (design 8): four words say why there is none. */
enum eie_energy_state {
    EIE_ENERGY_NOT_ASKED, /* nobody looked for a meter */
    EIE_ENERGY_MEASURED,
    EIE_ENERGY_UNAVAILABLE,   /* no library, no driver, no counter, no such board */
    EIE_ENERGY_NO_PERMISSION, /* there is one, and this user may not read it */
    EIE_ENERGY_TOO_SHORT,     /* the counter took too few of its steps in the window */
    EIE_ENERGY_WRAPPED        /* the counter went backwards */
};

/* "measured", "unavailable", "no permission", "window too short", "wrapped"; "" for not asked. */
const char *eie_energy_state_word(enum eie_energy_state state);

/* The counter of one board. It counts millijoules since the driver was loaded, of the whole board
 * with its memory and its regulators, and takes a step only every so many milliseconds (some 20 to
 * 100 on many boards); Volta and newer have it. */
struct eie_nvml_meter {
    void *device;
    bool looked;
    uint64_t mj;     /* as it stood at the last look */
    double looked_s; /* when that began, CLOCK_MONOTONIC, seconds */
};

/* EIE_ENERGY_MEASURED, and the meter is ready; else why there is none, and what to do. `pci` is a
 * bus id: "0000:65:00.0". */
EIE_MUST_USE enum eie_energy_state eie_nvml_open(const char *pci, struct eie_nvml_meter *meter,
                                                 struct eie_error *why);

struct eie_nvml_look {
    uint64_t mj;
    double at_s;  /* when it began, CLOCK_MONOTONIC, seconds */
    bool moved;   /* since the look before */
    double gap_s; /* the step was taken at most so long before this look ended */
};

/* EIE_ENERGY_MEASURED and the counter; else why there is no value, and what to do. */
EIE_MUST_USE enum eie_energy_state eie_nvml_look(struct eie_nvml_meter *meter,
                                                 struct eie_nvml_look *look, struct eie_error *why);

/* What a board says of itself at this moment; NaN, "" or -1 where it does not. */
struct eie_nvml_board {
    char name[96], driver[96];
    double sm_clock_hz, memory_clock_hz, temperature_c, power_w, power_limit_w;
    int persistence, ecc; /* 1 on, 0 off */
    char throttle[192];   /* what holds its clocks down, words with commas; "none" */
};
void eie_nvml_board(const struct eie_nvml_meter *meter, struct eie_nvml_board *board);

/* Shuts the library down: all meters are void, and the next eie_nvml_open looks for it anew. */
void eie_nvml_end(void);

#endif
