/* Halves, and other types of GPU libraries: every integer of 16 bits against arithmetic in double.
 */
#include "kernels/peers/cuda_float.h"
#include "tests/support/test.h"

#include <math.h>

static double half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    assert_int_not_equal(exponent, 31); /* neither infinite nor no number */
    const double size = exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
    return bits >> 15 ? -size : size;
}

static void every_integer_is_rounded_to_nearest(void **state)
{
    double largest = 0;
    (void)state;
    for (int value = INT16_MIN; value <= INT16_MAX; value++) {
        uint16_t halves[3] = {0x1234, 0x1234, 0x1234};
        int exponent;
        cuda_float_put(CUDA_HALF, halves, 1, (int16_t)value);
        assert_true(halves[0] == 0x1234 && halves[2] == 0x1234);
        const double part = frexp(value, &exponent); /* of 11 bits; rint: ties to even */
        assert_true(half_value(halves[1]) == ldexp(rint(ldexp(part, 11)), exponent - 11));
        const double off = fabs(half_value(halves[1]) - value);
        if (value) largest = fmax(largest, off / fabs((double)value));
    }
    assert_true(largest > 0x1p-12 && largest <= 0x1p-11); /* what peers_cublas_half states */
    uint16_t zero[1] = {1};
    cuda_float_put(CUDA_HALF, zero, 0, 0);
    assert_int_equal(zero[0], 0);
}

static void every_integer_is_a_float(void **state)
{
    (void)state;
    for (int value = INT16_MIN; value <= INT16_MAX; value++) {
        float values[2] = {0.5f, 0.5f};
        cuda_float_put(CUDA_FLOAT, values, 1, (int16_t)value);
        assert_true(values[0] == 0.5f && values[1] == (float)value);
    }
}

static void every_byte_is_a_byte(void **state)
{
    (void)state;
    for (int value = INT8_MIN; value <= INT8_MAX; value++) {
        int8_t bytes[3] = {1, 1, 1};
        cuda_float_put(CUDA_BYTE, bytes, 1, (int16_t)value);
        assert_true(bytes[0] == 1 && bytes[1] == value && bytes[2] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_integer_is_rounded_to_nearest),
        cmocka_unit_test(every_integer_is_a_float),
        cmocka_unit_test(every_byte_is_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
