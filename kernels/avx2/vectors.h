/* What the AVX2 kernels share at a product's ends: the list of non-zero inputs, inputs as byte
 * planes, and eight outputs finished at once. */
#ifndef EIE_KERNELS_AVX2_VECTORS_H
#define EIE_KERNELS_AVX2_VECTORS_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

/* eie_finish (host/layer/numbers.h) but for the saturation, without 64 bits:
 * floor((v + 2^(s-1)) / 2^s) = (v >> s) + bit s-1 of v. */
static inline __m256i eie_avx2_round(__m256i sum, bool relu, uint32_t shift)
{
    if (relu) sum = _mm256_max_epi32(sum, _mm256_setzero_si256());
    if (!shift) return sum;
    const __m256i half = _mm256_srl_epi32(sum, _mm_cvtsi32_si128((int)shift - 1));
    return _mm256_add_epi32(_mm256_sra_epi32(sum, _mm_cvtsi32_si128((int)shift)),
                            _mm256_and_si256(half, _mm256_set1_epi32(1)));
}

/* Sixteen sums, rounded and saturated to int16, in order. */
static inline __m256i eie_avx2_finish(__m256i first, __m256i second, bool relu, uint32_t shift)
{
    const __m256i packed =
        _mm256_packs_epi32(eie_avx2_round(first, relu, shift), eie_avx2_round(second, relu, shift));
    return _mm256_permute4x64_epi64(packed, 0xD8);
}

/* 16 bytes of memory in both 128-bit lanes: what vpshufb looks up in. */
static inline __m256i eie_avx2_both_lanes(const void *bytes)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes));
}

/* Low and high bytes of inputs ^ turned; reads nothing behind the last input. */
static inline void eie_avx2_split_inputs(const int16_t *inputs, uint32_t count, uint16_t turned,
                                         uint8_t *low, uint8_t *high)
{
    const __m256i mask = _mm256_set1_epi16(0xFF), turn = _mm256_set1_epi16((int16_t)turned);
    uint32_t j = 0;
    for (; j + 32 <= count; j += 32) {
        const __m256i *from = (const __m256i *)(const void *)(inputs + j);
        const __m256i a = _mm256_xor_si256(_mm256_loadu_si256(from), turn);
        const __m256i b = _mm256_xor_si256(_mm256_loadu_si256(from + 1), turn);
        const __m256i l = _mm256_packus_epi16(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask));
        const __m256i h = _mm256_packus_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8));
        _mm256_storeu_si256((__m256i *)(void *)(low + j), _mm256_permute4x64_epi64(l, 0xD8));
        _mm256_storeu_si256((__m256i *)(void *)(high + j), _mm256_permute4x64_epi64(h, 0xD8));
    }
    for (; j < count; j++) {
        const uint16_t bits = (uint16_t)inputs[j] ^ turned;
        low[j] = (uint8_t)bits;
        high[j] = (uint8_t)(bits >> 8);
    }
}

/* Columns of the non-zero inputs, ascending; returns how many. Reads up to 64 bytes behind the last
 * input, which must be 0 (struct eie_cpu_plan); the next input of a batch is masked. */
static inline uint32_t eie_avx2_find_active(const int16_t *input, uint32_t inputs, uint32_t *active)
{
    const __m256i zero = _mm256_setzero_si256();
    uint32_t count = 0;
    for (uint32_t j = 0; j < inputs; j += 32) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(input + j));
        const __m256i b = _mm256_loadu_si256((const __m256i *)(input + j + 16));
        const __m256i idle = _mm256_permute4x64_epi64(
            _mm256_packs_epi16(_mm256_cmpeq_epi16(a, zero), _mm256_cmpeq_epi16(b, zero)), 0xD8);
        uint32_t bits = ~(uint32_t)_mm256_movemask_epi8(idle);
        if (inputs - j < 32) bits &= (UINT32_C(1) << (inputs - j)) - 1;
        for (; bits; bits &= bits - 1) active[count++] = j + (uint32_t)__builtin_ctz(bits);
    }
    return count;
}

#endif
