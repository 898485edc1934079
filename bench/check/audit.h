/* Checking after timing: is what was timed what the check saw? A kernel may stop computing from the
 * n-th call on (a library's call whose error is dropped), and leave outputs that were right before;
 * or compute outside of the calls that are timed. So once a plan's samples are taken:
 *
 *  - the outputs that the timed calls left are read and compared. The check before timing left
 *    those of other inputs (eie_check_copy);
 *  - inputs that the plan has not seen are loaded, run once, read and compared;
 *  - a round of load, run, wait and read with such inputs may last twice as long as a call in the
 *    samples, and as long as copying the vectors takes, and slack_ns beside: 20 us on one thread,
 *    200 us on several, which may have to wake up, 1 ms on a device. So calls below some 300 us on
 *    several threads are hardly judged by time. Each round has inputs of its own.
 *
 * A round that lasts less than EIE_AUDIT_LEAST_NS says nothing. One that lasts too long may have
 * met a neighbour: the rounds go on, calls before each, until one is short enough. Where none is,
 * as many calls without a load must still be as fast as the samples, else it is the machine that
 * has changed; and all that twice. */
#ifndef EIE_BENCH_CHECK_AUDIT_H
#define EIE_BENCH_CHECK_AUDIT_H

#include "bench/check/check.h"

#define EIE_AUDIT_LEAST_NS 100e3

struct eie_audit {
    const struct eie_kernel *kernel;
    struct eie_plan *plan;
    const struct eie_check_vectors *timed; /* that are loaded and were run */
    const struct eie_check_vectors *fresh; /* that the plan has not seen */
    uint32_t copies;                       /* take turns */
    const struct eie_layer *layer;         /* of the plan; NULL: no convolution's */
    uint32_t seed;                         /* of the rounds' inputs: another one each time */
    int32_t divisor; /* of these inputs, so that no sum leaves int32; 0 is as 1 */
    double call_ns;  /* as the samples say */
    double slack_ns; /* that a round may take beside: waking threads, a device's transfers */
};

/* EIE_MISMATCH where outputs are wrong, or what the kernel returned. `suspicion` is "" unless a
 * round took too long. Afterwards the first vectors are loaded again and not run, so that a plan
 * that is timed once more cannot pass with what it has. */
EIE_MUST_USE enum eie_status eie_audit_plan(const struct eie_audit *audit, char *suspicion,
                                            size_t size, struct eie_error *error);

/* The same inputs, each vector turned by `by` places: as many of them are 0. */
void eie_audit_turn(const int16_t *inputs, uint32_t batch, uint32_t count, uint32_t by,
                    int16_t *turned);

/* The same; but where they are all columns of one image (host/layer/window.h), those of the image
 * turned: a library's convolution takes an image. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_audit_turn_of(const struct eie_layer *layer, const int16_t *inputs,
                                               uint32_t batch, uint32_t by, int16_t *turned,
                                               struct eie_error *error);

#endif
