/* host/base/random.h: against values of an independent implementation, and draws without bias. */
#include "host/base/random.h"
#include "tests/support/test.h"

/* The reference implementation's outputs from the state 1, 2, 3, 4. */
static void the_generator_is_xoshiro256_starstar(void **state)
{
    static const uint64_t wanted[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct eie_random random = {{1, 2, 3, 4}};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(wanted); i++)
        assert_true(eie_random_next(&random) == wanted[i]);
}

static void seeds_expand_by_splitmix64(void **state)
{
    static const struct {
        uint64_t seed, first[3], thousandth;
    } cases[] = {
        {0,
         {UINT64_C(0x99ec5f36cb75f2b4), UINT64_C(0xbf6e1f784956452a), UINT64_C(0x1a5f849d4933e6e0)},
         UINT64_C(0x7aac8c483a2edd2f)},
        {1,
         {UINT64_C(0xb3f2af6d0fc710c5), UINT64_C(0x853b559647364cea), UINT64_C(0x92f89756082a4514)},
         UINT64_C(0xb8517c33c344d153)},
        {2016,
         {UINT64_C(0x2783899f312ca7a0), UINT64_C(0x0624859da8fd69e2), UINT64_C(0xb6d231296dd6a35b)},
         UINT64_C(0x9a8d3852b43620bd)},
        {UINT64_MAX,
         {UINT64_C(0x8f5520d52a7ead08), UINT64_C(0xc476a018caa1802d), UINT64_C(0x81de31c0d260469e)},
         UINT64_C(0xc3c93ea5cde434cc)},
    };
    (void)state;
    for (size_t c = 0; c < TEST_COUNT(cases); c++) {
        struct eie_random random;
        uint64_t value = 0;
        eie_random_seed(&random, cases[c].seed);
        for (int i = 0; i < 1000; i++) {
            value = eie_random_next(&random);
            if (i < 3) assert_true(value == cases[c].first[i]);
        }
        assert_true(value == cases[c].thousandth);
    }
}

static void seeds_differ_by_name_and_base(void **state)
{
    (void)state;
    assert_true(eie_random_seed_of(2016, "Alex-8/positions") == UINT64_C(0x2d51c35d6a064795));
    assert_true(eie_random_seed_of(2016, "Alex-8/codes") == UINT64_C(0x3b10a7f471e328e6));
    assert_true(eie_random_seed_of(0, "") == UINT64_C(0xc3817c016ba4ff30));
    assert_true(eie_random_seed_of(7, "a") == UINT64_C(0xfd877fe2b107ef12));

    uint64_t seeds[2000];
    for (unsigned i = 0; i < TEST_COUNT(seeds); i++) {
        char name[32];
        snprintf(name, sizeof name, "layer-%u/x", i / 2);
        seeds[i] = eie_random_seed_of(i % 2, name);
        for (unsigned k = 0; k < i; k++) assert_true(seeds[k] != seeds[i]);
    }
}

static void bounded_draws_are_the_documented_ones(void **state)
{
    static const uint32_t tens[] = {1, 0, 7, 8, 6, 7, 5, 8, 8, 4, 3, 2};
    static const uint32_t wide[] = {929037594,  2092336473, 2646398616,
                                    1664452021, 2527128537, 2604881328};
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 2016);
    for (size_t i = 0; i < TEST_COUNT(tens); i++)
        assert_int_equal(eie_random_below(&random, 10), tens[i]);
    eie_random_seed(&random, 5);
    for (size_t i = 0; i < TEST_COUNT(wide); i++) /* a limit at which a quarter is drawn again */
        assert_int_equal(eie_random_below(&random, 0xC0000001u), wide[i]);
    for (int i = 0; i < 100; i++) assert_int_equal(eie_random_below(&random, 1), 0);
}

/* Chi-square with limit - 1 degrees of freedom: mean limit - 1, variance 2 (limit - 1). Six
 * standard deviations and a little more for the skew at few degrees; the seed is fixed, so it never
 * flickers.
 */
static void small_limits_are_unbiased(void **state)
{
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 99);
    for (uint32_t limit = 2; limit <= 64; limit++) {
        uint32_t seen[64] = {0};
        const double expected = 2000;
        double chi_square = 0;
        for (uint32_t i = 0; i < limit * 2000; i++) {
            const uint32_t draw = eie_random_below(&random, limit);
            assert_true(draw < limit);
            seen[draw]++;
        }
        for (uint32_t i = 0; i < limit; i++)
            chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
        const double freedom = limit - 1.0, off = chi_square - freedom;
        if (off > 10 && off * off > 36 * 2 * freedom)
            fail_msg("limit %u: chi-square %.1f", limit, chi_square);
    }
}

/* At the limit 3 * 2^30 a draw by multiplication alone would give every third value twice as often.
 */
static void large_limits_are_unbiased(void **state)
{
    struct eie_random random;
    uint32_t rest[3] = {0};
    (void)state;
    eie_random_seed(&random, 100);
    for (int i = 0; i < 300000; i++) rest[eie_random_below(&random, 0xC0000000u) % 3]++;
    for (int i = 0; i < 3; i++) assert_in_range(rest[i], 98500, 101500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256_starstar),
        cmocka_unit_test(seeds_expand_by_splitmix64),
        cmocka_unit_test(seeds_differ_by_name_and_base),
        cmocka_unit_test(bounded_draws_are_the_documented_ones),
        cmocka_unit_test(small_limits_are_unbiased),
        cmocka_unit_test(large_limits_are_unbiased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
