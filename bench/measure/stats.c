#include "bench/measure/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of_sorted(const double *sorted, uint32_t count)
{
    const uint32_t middle = count / 2;
    return count % 2 == 1 ? sorted[middle] : sorted[middle - 1] / 2 + sorted[middle] / 2;
}

/* How many order statistics the interval leaves out at each end: the largest r with
 * 2 P(B < r) <= 5 %, where B is binomial(count, 1/2) and counts the samples below the median. From
 * x(r) to x(count + 1 - r), counted from 1, lies the median then with at least 95 %; 0 where there
 * is no such r. Terms are summed as logarithms, since 2^-count is no double from 1075 on. */
static uint32_t rank_low(uint32_t count)
{
    double log_term = -(double)count * log(2.0), below = 0;
    uint32_t rank = 0;

    while (rank < count) {
        below += exp(log_term);
        if (2 * below > 0.05) break;
        log_term += log((double)(count - rank)) - log((double)rank + 1);
        rank++;
    }
    return rank;
}

struct eie_stats eie_stats_of(const double *samples, uint32_t count)
{
    struct eie_stats stats = {NAN, NAN, NAN, NAN, NAN, NAN};
    double *sorted = count > 0 ? calloc(count, sizeof *sorted) : NULL;

    if (sorted == NULL) return stats;
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    stats.median = median_of_sorted(sorted, count);
    stats.minimum = sorted[0];
    stats.maximum = sorted[count - 1];
    const uint32_t rank = rank_low(count);
    stats.low = rank == 0 ? stats.minimum : sorted[rank - 1];
    stats.high = rank == 0 ? stats.maximum : sorted[count - rank];

    for (uint32_t i = 0; i < count; i++) sorted[i] = fabs(sorted[i] - stats.median);
    qsort(sorted, count, sizeof *sorted, compare);
    stats.mad = median_of_sorted(sorted, count);
    free(sorted);
    return stats;
}
