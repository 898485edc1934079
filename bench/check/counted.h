/* One call of a kernel whose instructions are counted: checked before, with everything bound and
 * loaded, and alone inside one function that a tool can be told to watch. */
#ifndef EIE_BENCH_CHECK_COUNTED_H
#define EIE_BENCH_CHECK_COUNTED_H

#include "host/layer/suite.h"
#include "kernels/kernel.h"

#include <stdbool.h>

struct eie_counted {
    const struct eie_kernel *kernel; /* of the processor */
    const struct eie_suite *suite;
    uint32_t layer; /* of the suite */
    uint32_t batch;
};

/* NULL where the kernel's instructions tell how much it computes and are the same in every run;
 * else the reason: not of the processor, a library's, chosen by timing. */
const char *eie_counted_refusal(const struct eie_kernel *kernel);

/* Makes the layer and a plan with one thread and one copy, checks it on the layer's inputs, calls
 * it once, and then once more inside the function eie_counted_call: with `steps` under
 * eie_steps_count, else (NULL) plainly, for a tool from outside. As eie_kernel_probe,
 * eie_check_plan and eie_steps_count. */
EIE_MUST_USE enum eie_status eie_counted_run(const struct eie_counted *counted, uint64_t *steps,
                                             struct eie_error *error);

#endif
