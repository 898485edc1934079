/* What the AVX2 kernels share at a product's ends: the list of non-zero inputs, and eight outputs
 * finished at once. */
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
