#include "kernels/cpu/choose.h"

#include <math.h>
#include <stdbool.h>

static bool is_in(const uint32_t *list, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == index) return true;
    return false;
}

/* Keeps `list` in fixed order. */
static uint32_t insert(uint32_t *list, uint32_t count, uint32_t index)
{
    uint32_t at = count;
    for (; at && list[at - 1] > index; at--) list[at] = list[at - 1];
    list[at] = index;
    return count + 1;
}

/* The least estimate that is not in the list yet, of one form or (CHOOSE_OTHER) of any; `count`
 * where there is none. */
static uint32_t least_estimate(const struct choose_candidate *candidates, uint32_t count,
                               enum choose_form form, const uint32_t *list, uint32_t listed)
{
    uint32_t least = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct choose_candidate *one = &candidates[i];
        if (isnan(one->estimate_ns) || (form != CHOOSE_OTHER && one->form != form) ||
            is_in(list, listed, i))
            continue;
        if (least == count || one->estimate_ns < candidates[least].estimate_ns) least = i;
    }
    return least;
}

uint32_t choose_shortlist(const struct choose_candidate *candidates, uint32_t count,
                          uint32_t shortlist[CHOOSE_MOST])
{
    const uint32_t best = least_estimate(candidates, count, CHOOSE_OTHER, shortlist, 0);
    uint32_t listed = 0, next = best;
    while (next < count && listed < CHOOSE_NEAREST &&
           candidates[next].estimate_ns <= CHOOSE_NEAR * candidates[best].estimate_ns) {
        listed = insert(shortlist, listed, next);
        next = least_estimate(candidates, count, CHOOSE_OTHER, shortlist, listed);
    }
    for (enum choose_form form = CHOOSE_WORDS; form <= CHOOSE_BATCH; form++) {
        const uint32_t of_form = least_estimate(candidates, count, form, shortlist, 0);
        if (of_form < count && !is_in(shortlist, listed, of_form))
            listed = insert(shortlist, listed, of_form);
    }
    return listed;
}

uint32_t choose_by_time(const struct choose_candidate *candidates, const uint32_t *shortlist,
                        uint32_t count)
{
    double least = NAN;
    for (uint32_t i = 0; i < count; i++) least = fmin(least, candidates[shortlist[i]].time_ns);
    for (uint32_t i = 0; i < count; i++)
        if (candidates[shortlist[i]].time_ns <= CHOOSE_LEAD * least) return shortlist[i];
    return UINT32_MAX;
}

uint32_t choose_by_estimate(const struct choose_candidate *candidates, const uint32_t *shortlist,
                            uint32_t count)
{
    uint32_t best = shortlist[0];
    for (uint32_t i = 1; i < count; i++)
        if (candidates[shortlist[i]].estimate_ns < candidates[best].estimate_ns)
            best = shortlist[i];
    return best;
}
