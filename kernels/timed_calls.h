/* For plans on devices that try more than one way while they are prepared. */
#ifndef EIE_KERNELS_TIMED_CALLS_H
#define EIE_KERNELS_TIMED_CALLS_H

#include "kernels/kernel.h"

/* Medians of some calls with copy 0 and the inputs that are loaded, after a few untimed ones: on
 * the device's clock, and of wall time. Few where calls are long. */
EIE_MUST_USE enum eie_status
timed_calls(struct eie_plan *plan,
            enum eie_status (*run)(struct eie_plan *plan, uint32_t copy, struct eie_error *error),
            enum eie_status (*wait)(struct eie_plan *plan, struct eie_outcome *outcome,
                                    struct eie_error *error),
            double *device_ns, double *wall_ns, struct eie_error *error);

#endif
