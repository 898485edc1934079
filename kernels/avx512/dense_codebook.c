/* Dense 4-bit codes (kernels/dense_codes.h) with AVX-512. One permutation of words looks up 32
 * codes: its indices are 5 bits, and with the codebook twice in its table the fifth bit, which is
 * the next code's first, does not matter. So no code is masked out or widened. */
#include "host/machine/cpu.h"
#include "kernels/dense_codes.h"

#include <immintrin.h>

#define BLOCK_COLUMNS 128

/* Word i of a block holds columns i, i + 32, i + 64 and i + 96. */
static uint32_t nibble_of(uint32_t column)
{
    return column % 32 * 4 + column / 32;
}

static inline __m512i inputs_at(const int16_t *x)
{
    return _mm512_load_si512(x);
}

/* All lanes, modulo 2^32: the intrinsic's own sum ends in signed numbers, which must not wrap. */
static inline uint32_t sum_of(__m512i v)
{
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(sum);
}

/* `rows` and `inputs` are constants where this is inlined. */
static inline __attribute__((always_inline)) void sum_tile(struct dense_codes_tile *tile,
                                                           uint32_t first_row, uint32_t rows,
                                                           uint32_t first_input, uint32_t inputs)
{
    const __m512i table =
        _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)tile->codebook));
    const uint8_t *codes = tile->codes + first_row * tile->row_bytes;
    const int16_t *x = tile->x + first_input * tile->x_stride;
    __m512i sums[DENSE_CODES_ROWS][DENSE_CODES_INPUTS];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < inputs; b++) sums[r][b] = _mm512_setzero_si512();
    for (size_t k = 0; k < tile->blocks; k++, codes += BLOCK_COLUMNS / 2, x += BLOCK_COLUMNS) {
#pragma GCC unroll 4
        for (uint32_t r = 0; r < rows; r++) {
            const __m512i words = _mm512_load_si512(codes + r * tile->row_bytes);
            const __m512i indices[4] = {words, _mm512_srli_epi16(words, 4),
                                        _mm512_srli_epi16(words, 8), _mm512_srli_epi16(words, 12)};
#pragma GCC unroll 4
            for (uint32_t n = 0; n < 4; n++) {
                const __m512i weights = _mm512_permutexvar_epi16(indices[n], table);
#pragma GCC unroll 4
                for (uint32_t b = 0; b < inputs; b++) {
                    const int16_t *at = x + b * tile->x_stride + n * (BLOCK_COLUMNS / 4);
                    sums[r][b] =
                        _mm512_add_epi32(sums[r][b], _mm512_madd_epi16(weights, inputs_at(at)));
                }
            }
        }
    }
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < inputs; b++)
            tile->sums[first_input + b][first_row + r] = sum_of(sums[r][b]);
}

static void sum(struct dense_codes_tile *tile)
{
    if (tile->rows == DENSE_CODES_ROWS && tile->inputs == DENSE_CODES_INPUTS) {
        sum_tile(tile, 0, 2, 0, DENSE_CODES_INPUTS);
        sum_tile(tile, 2, 2, 0, DENSE_CODES_INPUTS);
        return;
    }
    for (uint32_t b = 0; b < tile->inputs; b++) {
        if (tile->rows == DENSE_CODES_ROWS) {
            sum_tile(tile, 0, DENSE_CODES_ROWS, b, 1);
            continue;
        }
        for (uint32_t r = 0; r < tile->rows; r++) sum_tile(tile, r, 1, b, 1);
    }
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct dense_codes_form form = {BLOCK_COLUMNS, nibble_of, sum};
    return dense_codes_prepare(setup, &form, plan, error);
}

const struct eie_kernel eie_kernel_avx512_dense_codebook = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_dense_codebook",
    .summary = "a 4-bit code for every position, looked up in registers; no column is skipped",
    .isa = "avx512",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512,
    .supports = dense_codes_supports,
    .prepare = prepare,
    .load = dense_codes_load,
    .run = dense_codes_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = dense_codes_cost,
    .destroy = dense_codes_destroy,
};
