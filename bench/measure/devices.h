/* Devices that are found at run time, whatever their runtime (host/devices/runtime.h): the one list
 * of them for the whole bench layer, with what listings and results files say of each; and in the
 * process that runs kernels, what they can do at most, for the roofline bounds of their rows. */
#ifndef EIE_BENCH_MEASURE_DEVICES_H
#define EIE_BENCH_MEASURE_DEVICES_H

#include "bench/measure/cache.h"
#include "bench/measure/ceilings.h"
#include "host/devices/runtime.h"
#include "kernels/kernel.h"

#include <jansson.h>
#include <stdbool.h>

/* ---- found at run time ----------------------------------------------------------------------- */

struct eie_found_device {
    struct eie_device device;
    json_t *facts;     /* an object: title, versions, limits; where it is absent only the title */
    char ability[320]; /* what it can do, in words; "" where it is absent */
};

struct eie_found_devices {
    struct eie_found_device *all; /* [count], runtime by runtime, in the drivers' order */
    uint32_t count;
};

/* A set of runtimes, for eie_devices_find: those whose devices the kernel runs on (none or one). */
uint32_t eie_runtimes_for(const struct eie_kernel *kernel);
#define EIE_RUNTIMES_ALL UINT32_MAX

/* Looks for devices. That takes drivers a while, so only for those that are wanted: where `names`
 * (a list of names and globs, as of --device) is given, of the runtimes whose devices it can mean;
 * where it is NULL, of those in `runtimes`. Of a runtime that was asked there is at least one
 * device, perhaps absent. On failure *found is empty. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_devices_find(uint32_t runtimes, const char *names,
                                              struct eie_found_devices *found,
                                              struct eie_error *error);
void eie_devices_free(struct eie_found_devices *found);

/* The kernel's first that is there, or an absent one, whose title says why there is none; NULL
 * where its runtime was not asked, or it needs none. */
const struct eie_found_device *eie_devices_first(const struct eie_found_devices *found,
                                                 const struct eie_kernel *kernel);

/* "cpu", "eie", "published", or what the runtime calls its devices. */
const char *eie_device_kind_word(const struct eie_device *device);

/* Is the device's energy measured? "measured: " and the meter's source where the counter can be
 * read; else the word for why it cannot, ": " and the reason with what to do, at most 600 bytes.
 * The meter is asked in a child process. */
void eie_device_energy_words(const struct eie_device *device, char *text, size_t size);

/* What the device's meter says of the board that it measures, at this moment; NULL where it has
 * none. It is asked in a child process. */
json_t *eie_board_json(const struct eie_device *device);

/* ---- in the process that runs kernels ------------------------------------------------------- */

/* What holds so many bytes of prepared weights, a level of the device's memory ("l2", "dram"), by
 * the size that its driver reports; NULL where nothing is known. */
const char *eie_device_resident(const struct eie_device *device, uint64_t bytes);

/* How many copies of so many bytes are rotated in a cache mode, as eie_cache_copies; the level that
 * `dram` goes past is the largest that the device's driver states. EIE_UNSUPPORTED where there are
 * too many, or no level is known. */
EIE_MUST_USE enum eie_status eie_device_copies(const struct eie_device *device,
                                               enum eie_cache cache, uint64_t copy_bytes,
                                               uint32_t *copies, struct eie_error *error);

/* The least time of such a call on one of the clocks: that of a launch of no work (*launch_ns; in
 * the cheapest of its ways), or of its bytes. The ceilings are measured when they are asked for
 * first. A device without ceilings: no bound, and NaN. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_device_roofline(const struct eie_device *device,
                                                 enum eie_clock clock,
                                                 const struct eie_demand *demand,
                                                 struct eie_roofline *roofline, double *launch_ns,
                                                 struct eie_error *error);

/* {"eie_device_ceilings": {NAME: {...}}} with units in the keys; nothing where the device has no
 * ceilings, or they cannot be measured. */
void eie_device_ceilings_add_json(const struct eie_device *device, json_t *lists);

#endif
