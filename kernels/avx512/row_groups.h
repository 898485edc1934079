/* Rows in vector lanes: 16 rows, one a lane of 32 bits, are a group, up to 8 groups a block. Each
 * worker has a share of consecutive rows, cut into blocks; within a block rows are sorted by their
 * number of weights, so that the rows of a group end at about the same time, and eie_block_store
 * undoes the order with a few register permutes. */
#ifndef EIE_KERNELS_AVX512_ROW_GROUPS_H
#define EIE_KERNELS_AVX512_ROW_GROUPS_H

#include "host/layer/layer.h"
#include "kernels/row_lists.h"

#include <immintrin.h>
#include <stddef.h>

#define EIE_GROUP_ROWS   16u
#define EIE_BLOCK_GROUPS 8u
#define EIE_BLOCK_ROWS   (EIE_GROUP_ROWS * EIE_BLOCK_GROUPS)
#define EIE_NO_ROW       UINT32_MAX

/* Bytes rounded up to cache lines. */
static inline size_t eie_whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* The first `count` words of a register, or all of them. */
static inline __mmask32 eie_first_words(uint32_t count)
{
    return count < 32 ? (__mmask32)((1u << count) - 1) : (__mmask32)-1;
}

/* Does F(0), F(1) ... for each of 1 to 4 inputs that go together; count is a constant. Not in a
 * loop: gcc 12 unrolls too late to keep sums in their registers, and copies them in every step. */
#define EIE_EACH_INPUT(count, F)                                                                   \
    do {                                                                                           \
        F(0);                                                                                      \
        if ((count) > 1) F(1);                                                                     \
        if ((count) > 2) F(2);                                                                     \
        if ((count) > 3) F(3);                                                                     \
    } while (0)

struct eie_row_block {
    uint32_t first_row, row_count; /* natural order; 1 to EIE_BLOCK_ROWS */
    uint32_t first_group;
};

struct eie_row_groups {
    uint32_t block_count, group_count;
    struct eie_row_block *blocks; /* [block_count + 1]: the last one only ends the groups */
    uint32_t *worker_block;       /* [threads + 1]: a worker's blocks */
    uint32_t *row;                /* [group_count][16]: the row of a lane, or EIE_NO_ROW */
    uint8_t *place; /* [block_count][EIE_BLOCK_ROWS]: where a row of the block was sorted to */
};

/* Upper bounds of group_count and block_count for any matrix of that many rows. */
uint32_t eie_row_groups_bound(uint32_t outputs);
uint32_t eie_row_blocks_bound(uint32_t outputs, uint32_t threads);

/* EIE_MEMORY. Free with eie_row_groups_free, also after a failure. */
EIE_MUST_USE enum eie_status eie_row_groups_make(const struct eie_layer *layer,
                                                 const struct eie_row_lists *rows, uint32_t threads,
                                                 struct eie_row_groups *groups,
                                                 struct eie_error *error);
void eie_row_groups_free(struct eie_row_groups *groups);

/* Sixteen final sums to outputs: activation, rounding to nearest, clamp (host/layer/numbers.h).
 * With the bit below the kept ones added after the shift nothing can overflow. */
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

/* Writes a block's outputs, `sorted` (64-byte aligned), to `y` in natural order. */
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

/* From a block's sums, in the order of the lanes, to its part of y: bias (in the same order, or
 * NULL), activation, rounding, natural order. sums, bias and place are 64-byte aligned. */
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
