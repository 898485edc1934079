/* The arithmetic that every exact kernel, device and model shares, bit for bit:
 *
 *   acc_i = bias_i + sum_j codebook[code_ij] * a_j     int16 x int16; sums may wrap modulo 2^32,
 *                                                      the final sum must fit int32
 *   y_i   = clamp(floor((act(acc_i) + h) / 2^shift))   to int16; h = 2^(shift-1), or 0 at shift 0
 *
 * Weights have w fraction bits, inputs a, outputs o: products and sums have w + a, the bias too,
 * and shift = w + a - o. Rounding is to nearest, ties upwards.
 *
 * EIE computes in 16-bit fixed point (ISCA 2016, section VI.C and Fig. 10); the rounding is ours.
 *
 * Nothing here can fail, and nothing checks its arguments. C and C++. */
#ifndef EIE_HOST_LAYER_NUMBERS_H
#define EIE_HOST_LAYER_NUMBERS_H

#include "host/layer/layer.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One product on a running sum, modulo 2^32: the sum of any products in any order is the same, and
 * partial sums may leave int32 where the final one comes back. Cast the last one to int32_t. */
static inline uint32_t eie_accumulate(uint32_t acc, int16_t weight, int16_t input)
{
    return acc + (uint32_t)((int32_t)weight * (int32_t)input);
}

/* The stored output of a final sum, bias included: activation, rounding, clamp. `shift` is 0..31
 * (eie_layer_shift). */
static inline int16_t eie_finish(int32_t acc, enum eie_activation activation, uint32_t shift)
{
    int64_t value = activation == EIE_ACTIVATION_RELU && acc < 0 ? 0 : acc;
    value = (value + (shift ? INT64_C(1) << (shift - 1) : 0)) >> shift;
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

/* The smallest shift at which no output saturates, for final sums from `least` to `most`, each in
 * int32 (so the answer is at most 17), least <= most. With RELU `least` does not matter. */
static inline uint32_t eie_output_shift(int64_t least, int64_t most, enum eie_activation activation)
{
    for (uint32_t shift = 0;; shift++) {
        const int64_t half = shift ? INT64_C(1) << (shift - 1) : 0;
        if (((most + half) >> shift) <= INT16_MAX &&
            (activation == EIE_ACTIVATION_RELU || ((least + half) >> shift) >= INT16_MIN))
            return shift;
    }
}

/* The nearest whole number, ties to even, whatever the thread's rounding mode: for floats that
 * become fixed point or narrower floats. NaN and infinities come back as NaN. */
static inline double eie_round_even(double x)
{
    const double down = floor(x), rest = x - down;
    if (rest < 0.5) return down;
    if (rest > 0.5) return down + 1;
    return fmod(down, 2) == 0 ? down : down + 1;
}

/* The largest magnitude of values[count], 0 for none; 32768 for INT16_MIN. In integers: of fmax
 * over them gcc 12 makes an internal compiler error on aarch64. */
static inline int32_t eie_largest_magnitude(const int16_t *values, size_t count)
{
    int32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        const int32_t magnitude = values[i] < 0 ? -values[i] : values[i];
        if (magnitude > largest) largest = magnitude;
    }
    return largest;
}

#ifdef __cplusplus
}
#endif

#endif
