/* Where a quarter of the weights is there, leaving the zeros out costs more than multiplying by
 * them: every position has its 4-bit code, 0 where there is no weight, and no index at all. Columns
 * whose input is 0 are skipped. Two active columns at a time, their codes are interleaved, looked
 * up in the codebook's two byte planes by vpshufb, and vpmaddwd adds both products of a row. The
 * sums of 64 rows stay in eight registers while all active columns go by. A thread owns blocks of
 * rows.
 *
 *   block   128 rows: a column is one cache line, its halves are worked on one after the other
 *   byte i  of a half: row i in the low nibble, row i + 32 in the high one */
#include "host/machine/cpu.h"
#include "kernels/avx2/vectors.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

#define HALF_ROWS   64u
#define BLOCK_ROWS  (2 * HALF_ROWS)
#define COLUMN      64u /* bytes of a block's column */
#define HALF_COLUMN (COLUMN / 2)
#define AHEAD       8u /* pairs that are fetched before they are needed */

/* Two columns and their inputs; an odd last one is paired with itself and the input 0. */
struct active_pair {
    uint32_t offset[2]; /* of the columns, in bytes from the block's beginning */
    int16_t input[2];
};

struct plan {
    struct eie_cpu_plan base; /* a copy: [blocks][inputs][COLUMN] */
    struct active_pair *pairs;
    uint32_t *active; /* [inputs] */
    int32_t *bias;    /* [blocks][BLOCK_ROWS], zeros where the layer has none */
    uint32_t block_count, pair_count;
    uint32_t batch_index, copy; /* of the product under way */
};

static uint32_t blocks_of(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / BLOCK_ROWS + 1;
}

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return (uint64_t)blocks_of(layer) * layer->inputs * COLUMN;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > UINT32_MAX / COLUMN)
        return eie_fail(error, EIE_UNSUPPORTED, "layer %s has %u inputs, at most %u fit",
                        layer->name, layer->inputs, UINT32_MAX / COLUMN);
    *plan_bytes = copy_bytes(layer) + (uint64_t)blocks_of(layer) * BLOCK_ROWS * sizeof(int32_t) +
                  layer->inputs * (sizeof(struct active_pair) + sizeof(uint32_t)) +
                  AHEAD * sizeof(struct active_pair) + eie_cpu_plan_bytes(problem) + 4096;
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->pairs);
    free(plan->active);
    free(plan->bias);
    eie_cpu_plan_end(&plan->base);
}

static void fill_copy(const struct eie_sparse_codes *codes, uint8_t *copy)
{
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t k = codes->column_start[j]; k < codes->column_start[j + 1]; k++) {
            const uint32_t block = codes->row[k] / BLOCK_ROWS, row = codes->row[k] % BLOCK_ROWS;
            uint8_t *column = copy + ((size_t)block * codes->inputs + j) * COLUMN;
            column[row / HALF_ROWS * HALF_COLUMN + row % 32] |=
                (uint8_t)(codes->code[k] << row / 32 % 2 * 4);
        }
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const size_t bytes = copy_bytes(layer);
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), bytes, &base, error);
    if (status) {
        eie_sparse_codes_free(&codes);
        return status;
    }
    struct plan *plan = (struct plan *)base;
    fill_copy(&codes, base->copies[0]);
    eie_sparse_codes_free(&codes);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], bytes);
    plan->block_count = blocks_of(layer);
    plan->pairs =
        eie_aligned_zeroed(((size_t)layer->inputs / 2 + 1 + AHEAD) * sizeof(struct active_pair));
    plan->active = eie_aligned_zeroed((size_t)layer->inputs * sizeof(uint32_t));
    plan->bias = eie_aligned_zeroed((size_t)plan->block_count * BLOCK_ROWS * sizeof(int32_t));
    if (!plan->pairs || !plan->active || !plan->bias) {
        destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the inputs of layer %s", layer->name);
    }
    if (layer->bias) memcpy(plan->bias, layer->bias, layer->outputs * sizeof(int32_t));
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

/* ---- the product ---------------------------------------------------------------------------- */

struct tables { /* byte planes of the codebook, in both lanes */
    __m256i low, high;
};

static struct tables split_codebook(const int16_t *codebook)
{
    uint8_t low[EIE_CODEBOOK_SIZE], high[EIE_CODEBOOK_SIZE];
    for (uint32_t c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        low[c] = (uint8_t)codebook[c];
        high[c] = (uint8_t)((uint16_t)codebook[c] >> 8);
    }
    return (struct tables){_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low)),
                           _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high))};
}

/* 16 rows: codes of two columns in turn. */
static inline void add_codes(__m256i code, __m256i input, const struct tables *codebook,
                             __m256i *restrict sums)
{
    const __m256i low = _mm256_shuffle_epi8(codebook->low, code);
    const __m256i high = _mm256_shuffle_epi8(codebook->high, code);
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(_mm256_unpacklo_epi8(low, high), input));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(_mm256_unpackhi_epi8(low, high), input));
}

/* 64 rows, all active columns: 8 sums in the order in which the interleaving leaves them. */
static inline void add_half(const struct plan *plan, const uint8_t *block,
                            const struct tables *codebook, __m256i *restrict out)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i sums[8];
    for (int i = 0; i < 8; i++) sums[i] = _mm256_setzero_si256();
    const struct active_pair *pair = plan->pairs, *end = pair + plan->pair_count;
    for (; pair < end; pair++) {
        _mm_prefetch(block + pair[AHEAD].offset[0], _MM_HINT_T0);
        _mm_prefetch(block + pair[AHEAD].offset[1], _MM_HINT_T0);
        int32_t both;
        memcpy(&both, pair->input, sizeof both);
        const __m256i input = _mm256_set1_epi32(both);
        const __m256i a = _mm256_load_si256((const __m256i *)(block + pair->offset[0]));
        const __m256i b = _mm256_load_si256((const __m256i *)(block + pair->offset[1]));
        const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
        add_codes(_mm256_and_si256(low, nibble), input, codebook, sums);
        add_codes(_mm256_and_si256(_mm256_srli_epi16(low, 4), nibble), input, codebook, sums + 2);
        add_codes(_mm256_and_si256(high, nibble), input, codebook, sums + 4);
        add_codes(_mm256_and_si256(_mm256_srli_epi16(high, 4), nibble), input, codebook, sums + 6);
    }
    for (int i = 0; i < 8; i++) out[i] = sums[i];
}

/* Sums of 8 rows from `row` on (0, 8, ... 56 of a half): two rounds of interleaving have put rows
 * 4k..4k+3 of 16 bytes of a lane side by side. */
static inline __m256i sums_of(const __m256i *sums, uint32_t row)
{
    const uint32_t nibble = row / 32, lane = row / 16 % 2, high = row / 8 % 2;
    const __m256i *two = sums + 4 * high + 2 * nibble;
    return lane ? _mm256_permute2x128_si256(two[0], two[1], 0x31)
                : _mm256_permute2x128_si256(two[0], two[1], 0x20);
}

static void finish_half(const struct plan *plan, uint32_t first_row, const __m256i *sums)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    const uint32_t shift = eie_layer_shift(layer);
    int16_t *y = plan->base.outputs + (size_t)plan->batch_index * layer->outputs;
    for (uint32_t i = 0; i < HALF_ROWS && first_row + i < layer->outputs; i += 16) {
        const __m256i *bias = (const __m256i *)(plan->bias + first_row + i);
        const uint32_t left = layer->outputs - first_row - i;
        int16_t value[16];
        _mm256_storeu_si256(
            (__m256i *)value,
            eie_avx2_finish(_mm256_add_epi32(sums_of(sums, i), _mm256_load_si256(bias)),
                            _mm256_add_epi32(sums_of(sums, i + 8), _mm256_load_si256(bias + 1)),
                            relu, shift));
        memcpy(y + first_row + i, value, (left < 16 ? left : 16) * sizeof *y);
    }
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const struct tables codebook = split_codebook(layer->codebook);
    const uint64_t blocks = plan->block_count, threads = problem->threads;
    const uint32_t begin = (uint32_t)(blocks * worker / threads);
    const uint32_t end = (uint32_t)(blocks * (worker + 1) / threads);
    const uint8_t *copy = plan->base.copies[plan->copy];
    for (uint32_t k = begin; k < end; k++)
        for (uint32_t half = 0; half < 2; half++) {
            const uint32_t first_row = k * BLOCK_ROWS + half * HALF_ROWS;
            __m256i sums[8];
            if (first_row >= layer->outputs) break;
            add_half(plan, copy + (size_t)k * layer->inputs * COLUMN + half * HALF_COLUMN,
                     &codebook, sums);
            finish_half(plan, first_row, sums);
        }
}

static uint32_t pair_active(const uint32_t *active, uint32_t count, const int16_t *input,
                            struct active_pair *pairs)
{
    const uint32_t pair_count = (count + 1) / 2;
    for (uint32_t n = 0; n < pair_count; n++) {
        const uint32_t a = active[2 * n], b = active[2 * n + 1 < count ? 2 * n + 1 : 2 * n];
        pairs[n] = (struct active_pair){{a * COLUMN, b * COLUMN},
                                        {input[a], 2 * n + 1 < count ? input[b] : 0}};
    }
    for (uint32_t n = 0; n < AHEAD; n++) /* fetched, never worked on */
        pairs[pair_count + n] = pairs[pair_count ? pair_count - 1 : 0];
    return pair_count;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t inputs = problem->layer->inputs;
    (void)error;
    plan->copy = copy;
    for (uint32_t b = 0; b < problem->batch; b++) {
        const int16_t *input = plan->base.inputs + (size_t)b * inputs;
        const uint32_t count = eie_avx2_find_active(input, inputs, plan->active);
        plan->batch_index = b;
        plan->pair_count = pair_active(plan->active, count, input, plan->pairs);
        eie_pool_run(plan->base.setup.pool, work, plan);
    }
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const uint64_t rows = ((uint64_t)layer->outputs + HALF_ROWS - 1) / HALF_ROWS * HALF_ROWS;
    uint64_t padding, needed = 0, multiplied = 0;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    for (uint32_t j = 0; j < layer->inputs; j++) {
        bool active = false;
        for (uint32_t b = 0; b < problem->batch; b++)
            active |= plan->base.inputs[(size_t)b * layer->inputs + j] != 0;
        needed += active;
    }
    for (uint32_t b = 0; b < problem->batch; b++) {
        uint64_t columns = 0;
        for (uint32_t j = 0; j < layer->inputs; j++)
            columns += plan->base.inputs[(size_t)b * layer->inputs + j] != 0;
        multiplied += (columns + 1) / 2 * 2;
    }
    cost->macs_padding = multiplied * rows - cost->macs_useful; /* zeros, mostly */
    cost->prepared_bytes = copy_bytes(layer);
    cost->bytes_read =
        needed * rows / 2 + (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(int16_t);
}

const struct eie_kernel eie_kernel_avx2_dense_columns = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_dense_columns",
    .summary = "column-wise: a 4-bit code at every position, columns of zero inputs are skipped",
    .isa = "avx2",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX2,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
