/* Why an OpenCL driver that should be there is not, or cannot work: what is registered for the
 * loader, and the folder in which pocl keeps its programs. */
#ifndef EIE_HOST_DEVICES_OPENCL_DRIVERS_H
#define EIE_HOST_DEVICES_OPENCL_DRIVERS_H

#include "host/devices/runtime.h"

/* Adds each registered driver (a file NAME.icd whose first line is a library) that the loader
 * passes over in silence, absent, with what is wrong with the file or the library; and where the
 * list is empty after that, why nothing is registered. */
void eie_opencl_try_drivers(struct eie_listing *listing);

/* Is this pocl's platform, and can it make no files where it keeps them? Then `why` says where,
 * why, and what to do. To be asked once its devices have been listed: pocl makes the folder then.
 */
bool eie_pocl_cache_fault(const char *platform, char *why, size_t size);

#endif
