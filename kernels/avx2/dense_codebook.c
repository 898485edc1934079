/* Dense 4-bit codes (kernels/dense_codes.h) with AVX2. A byte shuffle looks up 32 codes at once;
 * the 16-bit weights come as two planes of bytes that are interleaved after the look-up, and the
 * codes are laid out so that this leaves the weights in the order of the inputs. */
#include "host/machine/cpu.h"
#include "kernels/dense_codes.h"

#include <immintrin.h>

#define BLOCK_COLUMNS 64

/* Byte k of a block holds columns c and c + 32: of each 16 columns the first 8 in the lower half of
 * the register, where interleaving finds them. */
static uint32_t nibble_of(uint32_t column)
{
    const uint32_t within = column % 16, byte = within / 8 * 16 + column % 32 / 16 * 8 + within % 8;
    return 2 * byte + column / 32;
}

struct tables {
    __m256i low, high; /* bytes of the codebook's entries, in both halves */
};

static struct tables tables_of(const int16_t *codebook)
{
    uint8_t low[16], high[16];
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        low[c] = (uint8_t)codebook[c];
        high[c] = (uint8_t)((uint16_t)codebook[c] >> 8);
    }
    return (struct tables){
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)high))};
}

static inline __m256i inputs_at(const int16_t *x)
{
    return _mm256_load_si256((const __m256i *)(const void *)x);
}

static inline uint32_t sum_of(__m256i v)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(sum);
}

/* `rows` and `inputs` are constants where this is inlined. */
static inline __attribute__((always_inline)) void sum_tile(struct dense_codes_tile *tile,
                                                           uint32_t first_row, uint32_t rows,
                                                           uint32_t first_input, uint32_t inputs)
{
    const struct tables tables = tables_of(tile->codebook);
    const __m256i nibbles = _mm256_set1_epi8(15);
    const uint8_t *codes = tile->codes + first_row * tile->row_bytes;
    const int16_t *x = tile->x + first_input * tile->x_stride;
    __m256i sums[DENSE_CODES_ROWS][DENSE_CODES_INPUTS];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < inputs; b++) sums[r][b] = _mm256_setzero_si256();
    for (size_t k = 0; k < tile->blocks; k++, codes += BLOCK_COLUMNS / 2, x += BLOCK_COLUMNS) {
#pragma GCC unroll 4
        for (uint32_t r = 0; r < rows; r++) {
            const __m256i bytes =
                _mm256_load_si256((const __m256i *)(const void *)(codes + r * tile->row_bytes));
#pragma GCC unroll 2
            for (int half = 0; half < 2; half++) {
                const __m256i code =
                    _mm256_and_si256(half ? _mm256_srli_epi16(bytes, 4) : bytes, nibbles);
                const __m256i low = _mm256_shuffle_epi8(tables.low, code);
                const __m256i high = _mm256_shuffle_epi8(tables.high, code);
                const __m256i first = _mm256_unpacklo_epi8(low, high);
                const __m256i second = _mm256_unpackhi_epi8(low, high);
#pragma GCC unroll 4
                for (uint32_t b = 0; b < inputs; b++) {
                    const int16_t *at = x + b * tile->x_stride + half * (BLOCK_COLUMNS / 2);
                    const __m256i products =
                        _mm256_add_epi32(_mm256_madd_epi16(first, inputs_at(at)),
                                         _mm256_madd_epi16(second, inputs_at(at + 16)));
                    sums[r][b] = _mm256_add_epi32(sums[r][b], products);
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

const struct eie_kernel eie_kernel_avx2_dense_codebook = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_dense_codebook",
    .summary = "a 4-bit code for every position, looked up in registers; no column is skipped",
    .isa = "avx2",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX2,
    .supports = dense_codes_supports,
    .prepare = prepare,
    .load = dense_codes_load,
    .run = dense_codes_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = dense_codes_cost,
    .destroy = dense_codes_destroy,
};
