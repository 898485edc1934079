/* Time, and the middle of what it was. */
#ifndef EIE_HOST_BASE_CLOCK_H
#define EIE_HOST_BASE_CLOCK_H

#include <stdint.h>

double eie_now_s(void); /* monotonic clock */
double eie_cpu_s(void); /* that this process has computed, all its threads */

/* The element in the middle, of two the greater, of `count` values, at least 1 and none of them
 * NaN; moves them about. */
double eie_middle(double *values, uint32_t count);

#endif
