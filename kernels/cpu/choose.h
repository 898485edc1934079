/* What cpu_auto decides, apart from what it decides it from: which candidates are worth a trial,
 * and which of those that were tried is taken. No clock, no layer, no state. */
#ifndef EIE_KERNELS_CPU_CHOOSE_H
#define EIE_KERNELS_CPU_CHOOSE_H

#include <stdint.h>

#define CHOOSE_NEAR    1.75 /* estimates up to so many times the least are worth a trial */
#define CHOOSE_NEAREST 3    /* of these, so many at most */
#define CHOOSE_MOST    6    /* with the best of each form beside them */
#define CHOOSE_LEAD    1.03 /* a time that is not so many times another is as good as that one */

/* Whether words or bytes are looked up faster, and what many inputs at once are worth, is the
 * processor's affair, not the layer's: an estimate fitted on one says nothing about the next. */
enum choose_form { CHOOSE_OTHER, CHOOSE_WORDS, CHOOSE_BYTES, CHOOSE_BATCH };

/* The place in the array is the fixed order: where times are as good as equal, the first is taken.
 */
struct choose_candidate {
    enum choose_form form;
    double estimate_ns; /* NaN: it cannot run */
    double time_ns;     /* the least of its calls; NaN: not tried, or it failed */
};

/* Into `shortlist`, in fixed order: the CHOOSE_NEAREST least estimates, none above CHOOSE_NEAR
 * times the least, and the least estimate of words, of bytes and of a batch, where one can run.
 * Returns how many; 0 where none can run. */
uint32_t choose_shortlist(const struct choose_candidate *candidates, uint32_t count,
                          uint32_t shortlist[CHOOSE_MOST]);

/* Of the shortlist, the first in fixed order that no other leads by more than CHOOSE_LEAD; `count`
 * at least 1. UINT32_MAX where none has a time. */
uint32_t choose_by_time(const struct choose_candidate *candidates, const uint32_t *shortlist,
                        uint32_t count);

/* Of the shortlist, the least estimate; the first of equal ones. */
uint32_t choose_by_estimate(const struct choose_candidate *candidates, const uint32_t *shortlist,
                            uint32_t count);

#endif
