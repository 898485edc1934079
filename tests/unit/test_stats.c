/* Medians and their confidence intervals, against values computed by hand. */
#include "bench/measure/stats.h"
#include "host/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void medians(void **state)
{
    static const double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 10}, same[] = {7, 7, 7, 7, 7, 7, 7};
    (void)state;
    struct eie_stats s = eie_stats_of(odd, 3);
    assert_true(s.median == 2 && s.minimum == 1 && s.maximum == 3 && s.mad == 1);
    assert_true(odd[0] == 3 && odd[1] == 1 && odd[2] == 2);
    s = eie_stats_of(even, 4); /* deviations 0.5 0.5 2.5 6.5 */
    assert_true(s.median == 3.5 && s.minimum == 1 && s.maximum == 10 && s.mad == 1.5);
    s = eie_stats_of(same, 7);
    assert_true(s.median == 7 && s.mad == 0 && s.low == 7 && s.high == 7);
}

/* The ranks of the interval's ends, counted from 1. 2 P(B < r) <= 0.05 for B binomial(n, 1/2):
 * n = 5: 2/32 is too much. n = 6: 2/64 = 0.031, with r = 2: 14/64. n = 7: 2/128, r = 2: 16/128.
 * n = 8: 2/256, r = 2: 18/256 = 0.070. n = 9: r = 2: 20/512 = 0.039. n = 20: r = 6: 2 x 21700/2^20
 * = 0.0414, r = 7: 2 x 60460/2^20 = 0.115. n = 25: r = 8: 0.0433. n = 100: r = 40: 0.0352,
 * r = 41: 0.0569. */
static void ranks(void **state)
{
    static const struct {
        uint32_t count, low, high;
    } cases[] = {{1, 1, 1}, {2, 1, 2}, {5, 1, 5},   {6, 1, 6},   {7, 1, 7},
                 {8, 1, 8}, {9, 2, 8}, {20, 6, 15}, {25, 8, 18}, {100, 40, 61}};
    double samples[100];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t count = cases[i].count;
        for (uint32_t j = 0; j < count; j++) /* 1..count in some order; 37 is prime to all counts */
            samples[j] = (double)(j * 37 % count + 1);
        const struct eie_stats s = eie_stats_of(samples, count);
        assert_true(s.low == cases[i].low && s.high == cases[i].high);
        assert_true(s.median == (count + 1) / 2.0);
        assert_true(s.minimum == 1 && s.maximum == count);
    }
}

/* Where 2^-count is no double any more, the normal approximation is good to a rank or two. */
static void many(void **state)
{
    static double samples[10000];
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) samples[i] = (double)(i + 1);
    const struct eie_stats s = eie_stats_of(samples, 10000);
    assert_true(fabs(s.low - (5000 - 0.98 * 100)) <= 2);
    assert_true(s.low + s.high == 10001);
    assert_true(s.mad == 2500);
}

static void none(void **state)
{
    (void)state;
    const struct eie_stats s = eie_stats_of(NULL, 0);
    assert_true(isnan(s.median) && isnan(s.minimum) && isnan(s.maximum));
    assert_true(isnan(s.mad) && isnan(s.low) && isnan(s.high));
}

static int rising(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The selection against a sort: in order, reversed, shuffled, with many alike. */
static void middles(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 300; count++) {
        double values[4][300], sorted[300];
        for (uint32_t i = 0; i < count; i++) {
            values[0][i] = i;
            values[1][i] = -(double)i;
            values[2][i] = (double)(i * 7919u % 1009u);
            values[3][i] = (double)(i * 7919u % 5u);
        }
        for (int kind = 0; kind < 4; kind++) {
            memcpy(sorted, values[kind], count * sizeof *sorted);
            qsort(sorted, count, sizeof *sorted, rising);
            assert_true(eie_middle(values[kind], count) == sorted[count / 2]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians), cmocka_unit_test(ranks),   cmocka_unit_test(many),
        cmocka_unit_test(none),    cmocka_unit_test(middles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
