/* Devices that were found at run time, in the process that runs kernels: begun with before a plan
 * is prepared, and what they can do at most, for the floors of their rows. CUDA devices have
 * ceilings (host/devices/cuda.h); OpenCL's have none here, and their rows no floor. */
#ifndef EIE_BENCH_MEASURE_DEVICE_FLOOR_H
#define EIE_BENCH_MEASURE_DEVICE_FLOOR_H

#include "bench/measure/ceilings.h"
#include "host/devices/device.h"

#include <jansson.h>
#include <stdbool.h>

/* Begins with the device, so that its start is in no plan's preparation; other kinds of devices
 * have none. EIE_MISSING, EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_device_begin(const struct eie_device *device,
                                              struct eie_error *error);

/* "l2" or "dram": what holds so many bytes of prepared weights, by the size that the driver
 * reports; NULL where nothing is known. The device has been begun with. */
const char *eie_device_resident(const struct eie_device *device, uint64_t bytes);

/* The least time of such a call on one of the two clocks: that of a launch of no work (*launch_ns;
 * as a graph, where that is less), or of its bytes. The ceilings are measured when they are asked
 * for first. A device without ceilings: no floor, and NaN. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_device_floor(const struct eie_device *device, bool wall,
                                              const struct eie_demand *demand,
                                              struct eie_floor *floor, double *launch_ns,
                                              struct eie_error *error);

/* {"eie_device_ceilings": {NAME: {...}}} with units in the keys; only where they were measured by
 * eie_device_floor. */
void eie_device_ceilings_add_json(const struct eie_device *device, json_t *lists);

#endif
