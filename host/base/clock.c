#include "host/base/clock.h"

#include <time.h>

double eie_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double eie_cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* Hoare's selection: what lies left of `middle` ends up no greater than it, and right of it no
 * less. */
double eie_middle(double *values, uint32_t count)
{
    const int64_t middle = count / 2;
    for (int64_t low = 0, high = (int64_t)count - 1; low < high;) {
        const double pivot = values[middle];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (pivot < values[j]) j--;
            if (i > j) break;
            const double swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        if (j < middle) low = i;
        if (middle < i) high = j;
    }
    return values[middle];
}
