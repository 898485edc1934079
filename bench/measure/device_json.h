/* A device that was found at run time, as it stands in listings and in results files. */
#ifndef EIE_BENCH_MEASURE_DEVICE_JSON_H
#define EIE_BENCH_MEASURE_DEVICE_JSON_H

#include "host/devices/cuda.h"
#include "host/devices/opencl.h"

#include <jansson.h>

/* Title, versions and limits; of a device that is absent only the title. */
json_t *eie_opencl_json(const struct eie_opencl_listed *listed);
json_t *eie_cuda_json(const struct eie_cuda_listed *listed);

/* What a device can do, in words. */
void eie_opencl_ability(const struct eie_opencl_facts *facts, char *text, size_t size);
void eie_cuda_ability(const struct eie_cuda_facts *facts, char *text, size_t size);

/* What NVML says of the board of a device with a PCI bus id, at this moment; NULL for others. It is
 * asked in a child process. */
json_t *eie_board_json(const struct eie_device *device);

#endif
