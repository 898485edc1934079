/* From sums in lanes to outputs, bit for bit as eie_finish (host/layer/numbers.h), and from the
 * order of a block's lanes to that of its rows (kernels/avx512/row_groups.h). No memory, no
 * failures; the caller keeps the alignments. */
#ifndef EIE_KERNELS_AVX512_FINISH_LANES_H
#define EIE_KERNELS_AVX512_FINISH_LANES_H

#include "kernels/avx512/row_groups.h"

#include <immintrin.h>

/* A mask of the first `count` words of a register, all 32 of them where `count` is more. */
static inline __mmask32 eie_first_words(uint32_t count)
{
    return count < 32 ? (__mmask32)((1u << count) - 1) : (__mmask32)-1;
}

/* Sixteen final sums, bias included, to outputs: activation, rounding to nearest, clamp. `shift` is
 * 0..31. With the bit below the kept ones added after the shift nothing can overflow. */
static inline __m256i eie_finish_lanes(__m512i sum, enum eie_activation activation, uint32_t shift)
{
    if (activation == EIE_ACTIVATION_RELU) sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
    if (shift) {
        const __m512i half = _mm512_and_epi32(
            _mm512_srl_epi32(sum, _mm_cvtsi32_si128((int)shift - 1)), _mm512_set1_epi32(1));
        sum = _mm512_add_epi32(_mm512_sra_epi32(sum, _mm_cvtsi32_si128((int)shift)), half);
    }
    return _mm512_cvtsepi32_epi16(sum);
}

/* Writes a block's outputs, `sorted` (64-byte aligned, by lane), to y[row_count] in natural order:
 * y[i] = sorted[place[i]]. `place` is 32-byte aligned and readable to the end of the block; nothing
 * is written behind y[row_count - 1]. */
static inline void eie_block_store(const int16_t sorted[EIE_BLOCK_ROWS],
                                   const uint8_t place[EIE_BLOCK_ROWS], uint32_t row_count,
                                   int16_t *y)
{
    const __m512i part0 = _mm512_load_si512(sorted), part1 = _mm512_load_si512(sorted + 32);
    const __m512i part2 = _mm512_load_si512(sorted + 64), part3 = _mm512_load_si512(sorted + 96);
    for (uint32_t i = 0; i < row_count; i += 32) {
        const __m512i from =
            _mm512_cvtepu8_epi16(_mm256_load_si256((const __m256i *)(const void *)(place + i)));
        const __m512i low = _mm512_permutex2var_epi16(part0, from, part1);
        const __m512i high = _mm512_permutex2var_epi16(part2, from, part3);
        const __mmask32 upper = _mm512_test_epi16_mask(from, _mm512_set1_epi16(64));
        _mm512_mask_storeu_epi16(y + i, eie_first_words(row_count - i),
                                 _mm512_mask_mov_epi16(low, upper, high));
    }
}

/* From a block's sums[EIE_BLOCK_ROWS], in the order of the lanes, to its part of y[outputs]: bias
 * (in the same order, or NULL), activation, rounding, natural order. sums, bias and place are
 * 64-byte aligned; sums of lanes without a row may hold anything. */
static inline void eie_block_finish(const struct eie_layer *layer,
                                    const struct eie_row_block *block, const int32_t *sums,
                                    const int32_t *bias, const uint8_t *place, int16_t *y)
{
    const uint32_t shift = eie_layer_shift(layer);
    int16_t sorted[EIE_BLOCK_ROWS] __attribute__((aligned(64)));
    for (uint32_t k = 0; k < block->row_count; k += EIE_GROUP_ROWS) {
        __m512i sum = _mm512_load_si512(sums + k);
        if (bias) sum = _mm512_add_epi32(sum, _mm512_load_si512(bias + k));
        _mm256_store_si256((__m256i *)(void *)(sorted + k),
                           eie_finish_lanes(sum, layer->activation, shift));
    }
    eie_block_store(sorted, place, block->row_count, y + block->first_row);
}

#endif
