#include "host/weights/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK  65536u /* sums are taken block by block, so that they round alike everywhere */
#define HALVES 65536u /* upper or lower 16 bits of a magnitude's pattern */

static uint32_t magnitude(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7FFFFFFFu; /* ordered as the magnitudes are */
}

static void measure(const float *values, size_t count, struct eie_pruned *pruned)
{
    double total = 0, squares = 0, deviations = 0;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        const size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        double sum = 0, square = 0;
        for (size_t i = begin; i < end; i++) {
            sum += (double)values[i];
            square += (double)values[i] * (double)values[i];
        }
        total += sum;
        squares += square;
    }
    pruned->mean = total / (double)count;
    pruned->sum_squares = squares;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        const size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        double sum = 0;
        for (size_t i = begin; i < end; i++) {
            const double away = (double)values[i] - pruned->mean;
            sum += away * away;
        }
        deviations += sum;
    }
    pruned->deviation = sqrt(deviations / (double)count);
}

/* The magnitude of which, with all larger ones, `wanted` are to be kept (1..count), and how many of
 * exactly this magnitude: by its upper 16 bits first, then by its lower. */
static enum eie_status select_magnitude(const float *values, size_t count, uint64_t wanted,
                                        uint32_t *pattern, uint64_t *equals,
                                        struct eie_error *error)
{
    uint64_t *tally = calloc(HALVES, sizeof *tally);
    if (!tally) return eie_fail(error, EIE_MEMORY, "out of memory for pruning");
    for (size_t i = 0; i < count; i++) tally[magnitude(values[i]) >> 16]++;
    uint32_t upper = HALVES - 1, lower = HALVES - 1;
    for (; tally[upper] < wanted; upper--) wanted -= tally[upper];
    memset(tally, 0, HALVES * sizeof *tally);
    for (size_t i = 0; i < count; i++)
        if (magnitude(values[i]) >> 16 == upper) tally[magnitude(values[i]) & 0xFFFFu]++;
    for (; tally[lower] < wanted; lower--) wanted -= tally[lower];
    *pattern = upper << 16 | lower;
    *equals = wanted;
    free(tally);
    return EIE_OK;
}

/* Keeps what is above `pattern` and the first `equals` of those that are equal. */
static void cut(float *values, size_t count, uint32_t pattern, uint64_t equals,
                struct eie_pruned *pruned)
{
    double lost = 0;
    uint64_t kept = 0;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        const size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        double sum = 0;
        for (size_t i = begin; i < end; i++) {
            const uint32_t bits = magnitude(values[i]);
            if (bits > pattern) {
                kept++;
            } else if (bits == pattern && equals && bits) {
                equals--;
                kept++;
            } else {
                sum += (double)values[i] * (double)values[i];
                if (bits) values[i] = 0; /* pages that nothing was written to stay so */
            }
        }
        lost += sum;
    }
    pruned->kept = kept;
    pruned->lost_sum_squares = lost;
}

static float pattern_value(uint32_t pattern)
{
    float value;
    memcpy(&value, &pattern, sizeof value);
    return value;
}

enum eie_status eie_prune(float *values, size_t count, enum eie_pruning how, double amount,
                          struct eie_pruned *pruned, struct eie_error *error)
{
    uint32_t pattern = 0; /* without pruning: all that is above 0 */
    uint64_t equals = 0;
    *pruned = (struct eie_pruned){0};
    if (how == EIE_PRUNE_DENSITY && !(amount >= 0 && amount <= 1))
        return eie_fail(error, EIE_USAGE, "a density is 0 to 1, not %g", amount);
    if (how == EIE_PRUNE_THRESHOLD && !(amount >= 0 && amount <= 1e6))
        return eie_fail(error, EIE_USAGE, "a threshold is 0 to 1e6 standard deviations, not %g",
                        amount);
    measure(values, count, pruned);
    if (how == EIE_PRUNE_DENSITY) {
        const uint64_t wanted = (uint64_t)llround(amount * (double)count);
        pattern = 0x7F800000u; /* none is that large */
        if (wanted) {
            enum eie_status status =
                select_magnitude(values, count, wanted, &pattern, &equals, error);
            if (status) return status;
        }
        pruned->threshold = wanted ? (double)pattern_value(pattern) : HUGE_VAL;
    } else if (how == EIE_PRUNE_THRESHOLD) {
        pruned->threshold = amount * pruned->deviation;
        /* the greatest float below the threshold goes, the next one stays */
        float least = (float)pruned->threshold;
        if ((double)least < pruned->threshold) least = nextafterf(least, INFINITY);
        pattern = isfinite(least) ? magnitude(least) : 0x7F800000u;
        pattern -= pattern > 0;
    }
    cut(values, count, pattern, equals, pruned);
    if (!isfinite(pruned->threshold)) pruned->threshold = 0;
    return EIE_OK;
}
