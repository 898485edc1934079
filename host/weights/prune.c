#include "host/weights/prune.h"

#include <math.h>
#include <stdbool.h>
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

size_t eie_values_from(const struct eie_values *values, uint64_t place)
{
    size_t low = 0, high = values->count;
    if (!values->place) return place < values->count ? (size_t)place : values->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (values->place[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Squares of the differences from the mean of `places` places, of which some have the values from
 * `begin` to `end`; in the order of the places. */
static double deviations_of(const struct eie_values *in, size_t begin, size_t end,
                            uint64_t first_place, size_t places, double mean)
{
    double sum = 0;
    size_t at = begin;
    for (size_t i = 0; i < places; i++) {
        const bool given = at < end && (!in->place || in->place[at] == first_place + i);
        const double away = (given ? (double)in->value[at++] : 0) - mean;
        sum += away * away;
    }
    return sum;
}

static void measure(const struct eie_values *in, struct eie_pruned *pruned)
{
    double total = 0, squares = 0, deviations = 0;
    for (size_t first = 0, next, i = 0; first < in->places && i < in->count; first += BLOCK) {
        double sum = 0, square = 0;
        for (next = eie_values_from(in, first + BLOCK); i < next; i++) {
            sum += (double)in->value[i];
            square += (double)in->value[i] * (double)in->value[i];
        }
        total += sum;
        squares += square;
    }
    pruned->mean = total / (double)in->places;
    pruned->sum_squares = squares;
    const double empty = in->place ? deviations_of(in, 0, 0, 0, BLOCK, pruned->mean) : 0;
    for (size_t first = 0, next, i = 0; first < in->places; first += BLOCK, i = next) {
        const size_t size = in->places - first < BLOCK ? in->places - first : BLOCK;
        next = eie_values_from(in, first + BLOCK);
        deviations += next == i && size == BLOCK
                          ? empty
                          : deviations_of(in, i, next, first, size, pruned->mean);
    }
    pruned->deviation = sqrt(deviations / (double)in->places);
}

/* The magnitude of which, with all larger ones, `wanted` are to be kept (1..count), and how many of
 * exactly this magnitude: by its upper 16 bits first, then by its lower. */
static enum eie_status select_magnitude(const struct eie_values *in, uint64_t wanted,
                                        uint32_t *pattern, uint64_t *equals,
                                        struct eie_error *error)
{
    uint64_t *tally = calloc(HALVES, sizeof *tally);
    if (!tally) return eie_fail(error, EIE_MEMORY, "out of memory for pruning");
    tally[0] = in->places - in->count;
    for (size_t i = 0; i < in->count; i++) tally[magnitude(in->value[i]) >> 16]++;
    uint32_t upper = HALVES - 1, lower = HALVES - 1;
    for (; tally[upper] < wanted; upper--) wanted -= tally[upper];
    memset(tally, 0, HALVES * sizeof *tally);
    if (!upper) tally[0] = in->places - in->count;
    for (size_t i = 0; i < in->count; i++)
        if (magnitude(in->value[i]) >> 16 == upper) tally[magnitude(in->value[i]) & 0xFFFFu]++;
    for (; tally[lower] < wanted; lower--) wanted -= tally[lower];
    *pattern = upper << 16 | lower;
    *equals = wanted;
    free(tally);
    return EIE_OK;
}

/* Keeps what is above `pattern` and the first `equals` of those that are equal. */
static void cut(const struct eie_values *in, uint32_t pattern, uint64_t equals,
                struct eie_pruned *pruned)
{
    double lost = 0;
    uint64_t kept = 0;
    for (size_t first = 0, next, i = 0; first < in->places && i < in->count; first += BLOCK) {
        double sum = 0;
        for (next = eie_values_from(in, first + BLOCK); i < next; i++) {
            const uint32_t bits = magnitude(in->value[i]);
            if (bits > pattern) {
                kept++;
            } else if (bits == pattern && equals && bits) {
                equals--;
                kept++;
            } else {
                sum += (double)in->value[i] * (double)in->value[i];
                if (bits) in->value[i] = 0; /* pages that nothing was written to stay so */
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

enum eie_status eie_prune(const struct eie_values *values, enum eie_pruning how, double amount,
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
    measure(values, pruned);
    if (how == EIE_PRUNE_DENSITY) {
        const uint64_t wanted = (uint64_t)llround(amount * (double)values->places);
        pattern = 0x7F800000u; /* none is that large */
        if (wanted) {
            enum eie_status status = select_magnitude(values, wanted, &pattern, &equals, error);
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
    cut(values, pattern, equals, pruned);
    if (!isfinite(pruned->threshold)) pruned->threshold = 0;
    return EIE_OK;
}
