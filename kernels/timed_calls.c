#include "kernels/timed_calls.h"
#include "host/base/clock.h"

#define CALLS      31 /* odd: one is the median */
#define CALLS_WARM 5
#define LONG_NS    1e6 /* calls that take so long together tell enough */

enum eie_status
timed_calls(struct eie_plan *plan,
            enum eie_status (*run)(struct eie_plan *plan, uint32_t copy, struct eie_error *error),
            enum eie_status (*wait)(struct eie_plan *plan, struct eie_outcome *outcome,
                                    struct eie_error *error),
            double *device_ns, double *wall_ns, struct eie_error *error)
{
    struct eie_outcome outcome;
    double device[CALLS], wall[CALLS];
    uint32_t count = 0;
    /* the first call of a kernel loads its code */
    enum eie_status status = run(plan, 0, error);
    if (!status) status = wait(plan, &outcome, error);
    if (status) return status;
    const double start = 1e9 * eie_now_s();
    for (uint32_t i = 0; i < CALLS_WARM + CALLS; i++) {
        const double begin = 1e9 * eie_now_s();
        if (count && begin - start > LONG_NS) break;
        status = run(plan, 0, error);
        if (!status) status = wait(plan, &outcome, error);
        if (status) return status;
        const double end = 1e9 * eie_now_s();
        if (i < CALLS_WARM && end - start <= LONG_NS) continue;
        device[count] = outcome.device_ns;
        wall[count++] = end - begin;
    }
    *device_ns = eie_middle(device, count);
    *wall_ns = eie_middle(wall, count);
    return EIE_OK;
}
