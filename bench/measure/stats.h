/* Order statistics of the samples of one row. */
#ifndef EIE_BENCH_MEASURE_STATS_H
#define EIE_BENCH_MEASURE_STATS_H

#include <stdint.h>

struct eie_stats {
    double median, minimum, maximum;
    double mad;       /* median absolute deviation from the median */
    double low, high; /* 95 % confidence interval of the median, by order statistics (binomial);
                         minimum and maximum where there are fewer than six samples */
};

/* `samples` ([count], count >= 1) is left as it is; allocation failure gives NaN everywhere. */
struct eie_stats eie_stats_of(const double *samples, uint32_t count);

#endif
