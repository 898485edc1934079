/* The product of kernels/avx512/batch_columns.h, for inlining into each kernel with its arithmetic:
 * inputs transposed into tiles, bundles of rows over a tile, sums to outputs. A kernel that calls
 * batch_work with constants gets a copy of all of it in which no call is left. */
#ifndef EIE_KERNELS_AVX512_BATCH_COLUMNS_WORK_H
#define EIE_KERNELS_AVX512_BATCH_COLUMNS_WORK_H

#include "kernels/avx512/batch_columns.h"

/* ---- inputs --------------------------------------------------------------------------------- */

/* 16 x 16 words: r[i] holds row i before, column i after. */
BATCH_INLINE void batch_transpose(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 4) {
        const __m512i a = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        const __m512i b = _mm512_unpackhi_epi32(r[i], r[i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]);
        const __m512i d = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);
        t[i] = _mm512_unpacklo_epi64(a, c);
        t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d);
        t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    /* t[4 g + k]: lane l holds rows 4 g .. 4 g + 3 of column 4 l + k */
    for (int k = 0; k < 4; k++) {
        const __m512i a = _mm512_shuffle_i32x4(t[k], t[4 + k], 0x44);
        const __m512i b = _mm512_shuffle_i32x4(t[k], t[4 + k], 0xEE);
        const __m512i c = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0x44);
        const __m512i d = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0xEE);
        r[k] = _mm512_shuffle_i32x4(a, c, 0x88);
        r[4 + k] = _mm512_shuffle_i32x4(a, c, 0xDD);
        r[8 + k] = _mm512_shuffle_i32x4(b, d, 0x88);
        r[12 + k] = _mm512_shuffle_i32x4(b, d, 0xDD);
    }
}

/* Columns `first` .. `first` + 31 of 16 inputs from the `b`-th on, zeros where there are none:
 * pairs[p] holds columns 2 p and 2 p + 1 of each input. */
BATCH_INLINE void batch_load_pairs(const struct batch_plan *plan, uint32_t first, uint32_t b,
                                   const struct batch_arithmetic *arithmetic, __m512i pairs[16])
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t columns = problem->layer->inputs;
    const uint32_t left = columns > first ? columns - first : 0;
    const __mmask32 there = left >= 32 ? 0xFFFFFFFFu : (1u << left) - 1;
    for (uint32_t i = 0; i < BATCH_LANES; i++)
        pairs[i] = b + i < problem->batch
                       ? arithmetic->convert(_mm512_maskz_loadu_epi16(
                             there, plan->base.inputs + (size_t)(b + i) * columns + first))
                       : _mm512_setzero_si512();
    batch_transpose(pairs);
}

/* 32 inputs of each of 32 columns. Interleaving words of two columns takes them four at a time:
 * inputs 0-15 lie where the low halves of the 128-bit lanes end up, 16-31 where the high ones do.
 */
BATCH_INLINE void batch_load_columns(const struct batch_plan *plan, uint32_t first, uint32_t b,
                                     const struct batch_arithmetic *arithmetic, uint16_t *to)
{
    const uint32_t words = plan->shape.words;
    const __m512i low = _mm512_set1_epi32(0xFFFF);
    __m512i one[16], other[16];
    batch_load_pairs(plan, first, b, arithmetic, one);
    batch_load_pairs(plan, first, b + BATCH_LANES, arithmetic, other);
    for (uint32_t p = 0; p < 16; p++, to += (size_t)2 * words) {
        _mm512_store_si512(to, _mm512_packus_epi32(_mm512_and_si512(one[p], low),
                                                   _mm512_and_si512(other[p], low)));
        _mm512_store_si512(to + words, _mm512_packus_epi32(_mm512_srli_epi32(one[p], 16),
                                                           _mm512_srli_epi32(other[p], 16)));
    }
}

/* A worker's share of the inputs, 32 columns at a time. */
BATCH_INLINE void batch_load(const struct batch_plan *plan, uint32_t worker,
                             const struct batch_arithmetic *arithmetic)
{
    const uint32_t threads = plan->base.setup.problem.threads;
    const uint32_t parts = plan->tiles * (plan->shape.columns / 32);
    const uint32_t end = (uint32_t)((uint64_t)parts * (worker + 1) / threads);
    for (uint32_t part = (uint32_t)((uint64_t)parts * worker / threads); part < end; part++)
        for (uint32_t v = 0; v < plan->width; v += 2)
            batch_load_columns(plan, 32 * part, plan->begin + v * BATCH_LANES, arithmetic,
                               plan->inputs + (size_t)part * 32 * plan->shape.words +
                                   v * BATCH_LANES);
}

/* ---- the product ---------------------------------------------------------------------------- */

#define BATCH_SUMS_MOST 8u /* registers of sums of a bundle */

/* A bundle's entries; its rows and each row's registers of sums are constants where this is
 * inlined.
 */
BATCH_INLINE void batch_add_rows(const struct batch_entry *entries, uint32_t steps,
                                 const char *inputs, int32_t *const *sums, uint32_t rows,
                                 uint32_t width, const struct batch_arithmetic *arithmetic)
{
    __m512i acc[BATCH_SUMS_MOST];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < rows * width; i++)
        acc[i] = _mm512_load_si512(sums[i / width] + i % width * BATCH_LANES);
    for (const struct batch_entry *end = entries + (size_t)steps * rows; entries < end;
         entries += rows) {
#pragma GCC unroll 4
        for (uint32_t r = 0; r < rows; r++) {
            const uint32_t places = entries[r].places;
            const char *one = inputs + (uint16_t)places, *other = inputs + (places >> 16);
            const __m512i pair = _mm512_set1_epi32((int)entries[r].weights);
            __m512i *to = acc + r * width;
#pragma GCC unroll 2
            for (uint32_t v = 0; v < width; v += 2) {
                const __m512i a = _mm512_load_si512(one + v * 2 * BATCH_LANES);
                const __m512i b = _mm512_load_si512(other + v * 2 * BATCH_LANES);
                to[v] = arithmetic->add(to[v], pair, _mm512_unpacklo_epi16(a, b));
                if (v + 1 < width)
                    to[v + 1] = arithmetic->add(to[v + 1], pair, _mm512_unpackhi_epi16(a, b));
            }
        }
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < rows * width; i++)
        _mm512_store_si512(sums[i / width] + i % width * BATCH_LANES, acc[i]);
}

/* A block's rows of one tile. */
BATCH_INLINE void batch_add_tile(const struct batch_plan *plan, uint32_t block, uint32_t tile,
                                 int32_t *sums, uint32_t rows, uint32_t width,
                                 const struct batch_arithmetic *arithmetic)
{
    const size_t at = (size_t)block * plan->tiles + tile, words = batch_sum_words(plan);
    const char *copy = plan->base.copies[plan->copy];
    const struct batch_bundle *bundles = (const struct batch_bundle *)(const void *)copy;
    const struct batch_bundle *bundle = bundles + plan->first_bundle[at];
    const struct batch_bundle *end = bundles + plan->first_bundle[at + 1];
    const struct batch_entry *entries =
        (const struct batch_entry *)(const void *)(copy + plan->entries_at) + plan->first_entry[at];
    const char *inputs =
        (const char *)(plan->inputs + (size_t)tile * plan->shape.columns * plan->shape.words);
    for (; bundle < end; entries += (size_t)bundle->entries * rows, bundle++) {
        const struct batch_bundle *later =
            end - bundle <= BATCH_AHEAD ? end - 1 : bundle + BATCH_AHEAD;
        int32_t *to[BATCH_BUNDLE];
        for (uint32_t r = 0; r < rows; r++) {
            to[r] = sums + bundle->row[r] * words;
            for (uint32_t v = 0; v < width; v++)
                _mm_prefetch((const char *)(sums + later->row[r] * words + v * BATCH_LANES),
                             _MM_HINT_T0);
        }
        batch_add_rows(entries, bundle->entries, inputs, to, rows, width, arithmetic);
    }
}

BATCH_INLINE void batch_add_tiles(const struct batch_plan *plan, uint32_t block, int32_t *sums,
                                  uint32_t rows, uint32_t width,
                                  const struct batch_arithmetic *arithmetic)
{
    for (uint32_t tile = 0; tile < plan->tiles; tile++)
        batch_add_tile(plan, block, tile, sums, rows, width, arithmetic);
}

/* Activation and rounding of a row's sums: floor((sum + h) / 2^shift) without leaving int32. */
BATCH_INLINE __m512i batch_round(__m512i sum, const struct eie_layer *layer, uint32_t shift)
{
    if (layer->activation == EIE_ACTIVATION_RELU)
        sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
    if (!shift) return sum;
    const __m512i half = _mm512_and_si512(_mm512_srai_epi32(sum, shift - 1), _mm512_set1_epi32(1));
    return _mm512_add_epi32(_mm512_srai_epi32(sum, shift), half);
}

/* 8 x 8 words in each 128-bit lane: r[i] holds row i before, column i after. */
BATCH_INLINE void batch_transpose_lanes(__m512i r[8])
{
    __m512i s[8], t[8];
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm512_unpacklo_epi16(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi16(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            t[i + 2 * k] = _mm512_unpacklo_epi32(s[i + k], s[i + 2 + k]);
            t[i + 2 * k + 1] = _mm512_unpackhi_epi32(s[i + k], s[i + 2 + k]);
        }
    for (int k = 0; k < 4; k++) {
        r[2 * k] = _mm512_unpacklo_epi64(t[k], t[4 + k]);
        r[2 * k + 1] = _mm512_unpackhi_epi64(t[k], t[4 + k]);
    }
}

#define BATCH_STORED 32u /* rows that are stored together */

/* Up to 32 rows' sums of 16 inputs, from `row` on, saturated: packed[i] holds of rows i and 16 + i
 * four inputs each in a 128-bit lane. */
BATCH_INLINE void batch_pack_rows(const struct batch_plan *plan, uint32_t row, uint32_t rows,
                                  const int32_t *sums, const struct batch_arithmetic *arithmetic,
                                  __m512i packed[16])
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t i = 0; i < 16; i++) {
        __m512i done[2];
        for (uint32_t h = 0; h < 2; h++) {
            const uint32_t r = i + 16 * h;
            const int32_t bias = layer->bias && r < rows ? layer->bias[row + r] : 0;
            const __m512i sum = _mm512_load_si512(sums + r * batch_sum_words(plan));
            done[h] = batch_round(arithmetic->finish(sum, _mm512_set1_epi32(bias)), layer, shift);
        }
        packed[i] = _mm512_packs_epi32(done[0], done[1]);
    }
}

/* The outputs of up to 32 rows from `row` on. Packed first and turned then, which takes half of the
 * permutes. */
BATCH_INLINE void batch_store_rows(const struct batch_plan *plan, uint32_t row, uint32_t rows,
                                   const int32_t *sums, const struct batch_arithmetic *arithmetic)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t outputs = problem->layer->outputs;
    const __mmask32 there = rows >= 32 ? 0xFFFFFFFFu : (1u << rows) - 1;
    for (uint32_t v = 0; v < plan->width; v++) {
        __m512i turned[16];
        batch_pack_rows(plan, row, rows, sums + v * BATCH_LANES, arithmetic, turned);
        batch_transpose_lanes(turned);     /* [k]: rows 0-7 of inputs 4 lane + k; [4 + k]: 16-23 */
        batch_transpose_lanes(turned + 8); /* the same of rows 8-15 and 24-31 */
        for (uint32_t k = 0; k < 4; k++) {
            const __m512i a = _mm512_shuffle_i32x4(turned[k], turned[8 + k], 0x44);
            const __m512i b = _mm512_shuffle_i32x4(turned[k], turned[8 + k], 0xEE);
            const __m512i c = _mm512_shuffle_i32x4(turned[4 + k], turned[12 + k], 0x44);
            const __m512i d = _mm512_shuffle_i32x4(turned[4 + k], turned[12 + k], 0xEE);
            const __m512i of_lane[4] = {
                _mm512_shuffle_i32x4(a, c, 0x88), _mm512_shuffle_i32x4(a, c, 0xDD),
                _mm512_shuffle_i32x4(b, d, 0x88), _mm512_shuffle_i32x4(b, d, 0xDD)};
            for (uint32_t lane = 0; lane < 4; lane++) {
                const uint32_t input = plan->begin + v * BATCH_LANES + 4 * lane + k;
                if (input < problem->batch)
                    _mm512_mask_storeu_epi16(plan->base.outputs + input * outputs + row, there,
                                             of_lane[lane]);
            }
        }
    }
}

/* A worker's part of the inputs under way. Sums of 0 are all bits 0, in integers and floats. */
BATCH_INLINE void batch_work(const struct batch_plan *plan, uint32_t worker,
                             const struct batch_arithmetic *arithmetic)
{
    const size_t words = batch_sum_words(plan);
    int32_t *sums = plan->sums + (size_t)worker * (BATCH_ROWS + 1) * words;
    batch_load(plan, worker, arithmetic);
    eie_pool_barrier(plan->base.setup.pool, worker);
    for (uint32_t k = plan->first_block[worker]; k < plan->first_block[worker + 1]; k++) {
        const struct batch_block block = plan->blocks[k];
        for (size_t i = 0; i < block.rows * words; i += BATCH_LANES)
            _mm512_store_si512(sums + i, _mm512_setzero_si512());
        switch (10 * plan->shape.rows + plan->width) {
        case 41:
            batch_add_tiles(plan, k, sums, 4, 1, arithmetic);
            break;
        case 42:
            batch_add_tiles(plan, k, sums, 4, 2, arithmetic);
            break;
        case 21:
            batch_add_tiles(plan, k, sums, 2, 1, arithmetic);
            break;
        case 22:
            batch_add_tiles(plan, k, sums, 2, 2, arithmetic);
            break;
        case 23:
            batch_add_tiles(plan, k, sums, 2, 3, arithmetic);
            break;
        default:
            batch_add_tiles(plan, k, sums, 2, 4, arithmetic);
        }
        for (uint32_t i = 0; i < block.rows; i += BATCH_STORED)
            batch_store_rows(plan, block.first_row + i, block.rows - i, sums + i * words,
                             arithmetic);
    }
}

#endif
