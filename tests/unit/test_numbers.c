/* host/layer/numbers.h: the arithmetic of an output, against a slow definition of its own. */
#include "host/base/random.h"
#include "host/layer/numbers.h"
#include "tests/support/test.h"

#include <math.h>

#define NONE EIE_ACTIVATION_NONE
#define RELU EIE_ACTIVATION_RELU

static void halves_round_up_on_both_sides_of_zero(void **state)
{
    static const struct {
        int32_t acc;
        uint32_t shift;
        int16_t wanted;
    } cases[] = {
        {0, 1, 0},   {1, 1, 1},    {-1, 1, 0},    {2, 1, 1},   {3, 1, 2},    {-2, 1, -1},
        {-3, 1, -1}, {-4, 1, -2},  {-5, 1, -2},   {7, 4, 0},   {8, 4, 1},    {-7, 4, 0},
        {-8, 4, 0},  {-9, 4, -1},  {23, 4, 1},    {24, 4, 2},  {-24, 4, -1}, {-25, 4, -2},
        {127, 8, 0}, {-128, 8, 0}, {-129, 8, -1}, {128, 8, 1},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        if (eie_finish(cases[i].acc, NONE, cases[i].shift) != cases[i].wanted)
            fail_msg("%d >> %u is %d, not %d", cases[i].acc, cases[i].shift,
                     eie_finish(cases[i].acc, NONE, cases[i].shift), cases[i].wanted);
}

static void both_ends_clamp(void **state)
{
    (void)state;
    assert_int_equal(eie_finish(32767, NONE, 0), 32767);
    assert_int_equal(eie_finish(32768, NONE, 0), 32767);
    assert_int_equal(eie_finish(INT32_MAX, NONE, 0), 32767);
    assert_int_equal(eie_finish(-32768, NONE, 0), -32768);
    assert_int_equal(eie_finish(-32769, NONE, 0), -32768);
    assert_int_equal(eie_finish(INT32_MIN, NONE, 0), -32768);
    /* rounding itself may reach the clamp: 32767.5 */
    assert_int_equal(eie_finish(65534, NONE, 1), 32767);
    assert_int_equal(eie_finish(65535, NONE, 1), 32767);
    assert_int_equal(eie_finish(-65537, NONE, 1), -32768);
    assert_int_equal(eie_finish(-65538, NONE, 1), -32768);
    assert_int_equal(eie_finish(INT32_MAX, NONE, 15), 32767);
    assert_int_equal(eie_finish(INT32_MIN, NONE, 16), -32768);
    assert_int_equal(eie_finish(INT32_MAX, NONE, 16), 32767);
}

static void relu_comes_before_rounding(void **state)
{
    (void)state;
    for (uint32_t shift = 0; shift < 32; shift++) {
        assert_int_equal(eie_finish(-1, RELU, shift), 0);
        assert_int_equal(eie_finish(INT32_MIN, RELU, shift), 0);
        assert_int_equal(eie_finish(0, RELU, shift), 0);
        assert_int_equal(eie_finish(12345, RELU, shift), eie_finish(12345, NONE, shift));
    }
}

static void shifts_of_0_and_31(void **state)
{
    (void)state;
    assert_int_equal(eie_finish(1234, NONE, 0), 1234);
    assert_int_equal(eie_finish(-1234, NONE, 0), -1234);
    assert_int_equal(eie_finish(INT32_MAX, NONE, 31), 1); /* half of 2^31 is added in int64 */
    assert_int_equal(eie_finish(1 << 30, NONE, 31), 1);
    assert_int_equal(eie_finish((1 << 30) - 1, NONE, 31), 0);
    assert_int_equal(eie_finish(-(1 << 30), NONE, 31), 0);
    assert_int_equal(eie_finish(-(1 << 30) - 1, NONE, 31), -1);
    assert_int_equal(eie_finish(INT32_MIN, NONE, 31), -1);
}

/* All values have at most 32 bits, so a double holds x / 2^shift + 0.5 exactly. */
static void random_sums_agree_with_the_definition(void **state)
{
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 20);
    for (int i = 0; i < 200000; i++) {
        const uint32_t shift = eie_random_below(&random, 32);
        const int32_t acc = (int32_t)(eie_random_next(&random) >> 32);
        const int narrow = (int)eie_random_below(&random, 31);
        const int32_t sum = acc >> narrow;
        const double rounded = floor(ldexp(sum, -(int)shift) + (shift ? 0.5 : 0));
        const double y = fmin(fmax(rounded, -32768), 32767);
        if (eie_finish(sum, NONE, shift) != (int16_t)y)
            fail_msg("%d >> %u is %d, not %g", sum, shift, eie_finish(sum, NONE, shift), y);
        assert_int_equal(eie_finish(sum, RELU, shift), sum < 0 ? 0 : (int16_t)y);
    }
}

static void sums_wrap_and_come_back(void **state)
{
    uint32_t acc = 0;
    (void)state;
    for (int i = 0; i < 8; i++) acc = eie_accumulate(acc, INT16_MIN, INT16_MIN);
    assert_int_equal(acc, 0); /* 8 * 2^30 = 2^33 */
    for (int i = 0; i < 6; i++)
        acc = eie_accumulate(acc, INT16_MAX, i < 3 ? INT16_MAX : -INT16_MAX);
    assert_int_equal(acc, 0);
    assert_int_equal(eie_accumulate(5, -3, 7), (uint32_t)-16);
    assert_int_equal(eie_accumulate(0, INT16_MIN, INT16_MAX), (uint32_t)(-32768 * 32767));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_round_up_on_both_sides_of_zero),
        cmocka_unit_test(both_ends_clamp),
        cmocka_unit_test(relu_comes_before_rounding),
        cmocka_unit_test(shifts_of_0_and_31),
        cmocka_unit_test(random_sums_agree_with_the_definition),
        cmocka_unit_test(sums_wrap_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
