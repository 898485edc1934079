/* The gather turned into a register permute. Row by row, the inputs that a weight may want lie in
 * registers: a window of 32 neighbouring columns, split into byte planes, 16 entries a vpshufb. A
 * step serves 16 rows with 2 slots each; a slot is a position in the window (one byte) and a code
 * (one nibble), so that there is neither an address nor a scatter per weight. The slowest of the 16
 * rows decides where the next window begins, and every row takes what it has left in there. Rows
 * with similar numbers of weights share a group; sorting stays within a thread's share of the rows.
 *
 *   position byte   bits 0-3 place in a half of the window, bit 7 which half: vpshufb answers 0
 *                   where bit 7 is set, so that the halves are OR-ed, one index with bit 7 turned
 *   bytes -> words  low and high planes are interleaved; the 2 slots of a row meet in vpmaddwd
 *
 * No input column is skipped: skipping costs more here than multiplying by 0. */
#include "host/machine/cpu.h"
#include "kernels/avx2/vectors.h"
#include "kernels/cpu_plan.h"
#include "kernels/row_lists.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW     32u
#define GROUP      16u /* rows of a group */
#define ROW_SLOTS  2u  /* slots of a row and step */
#define STEP_SLOTS (GROUP * ROW_SLOTS)
#define SHARE_ROWS 64u    /* shares begin at multiples: two lines of the first input's y */
#define INPUTS_MAX 65536u /* a window's first column is 16 bits */
#define AHEAD      3072u  /* bytes of the stream that are fetched before they are needed */
#define SPARE      64u    /* bytes behind the last column that a window may show */

/* Two steps: positions of each, then codes, the first step's in the low nibbles. */
struct pair {
    uint8_t position[2][STEP_SLOTS];
    uint8_t codes[STEP_SLOTS];
};

/* Member i of `row` and `bias` belongs to lane i of the sums (slot_of_lane). */
struct group {
    uint32_t first_pair, end_pair;
    uint32_t rows; /* of the group that exist: the last of a share may have fewer */
    uint32_t unused;
    uint32_t row[GROUP];
    int32_t bias[GROUP];
};

/* A copy: the groups of all shares, the pairs, then the first columns of each pair's windows. */
struct shape {
    uint32_t group_count, pair_count;
    size_t pairs_at, bases_at, bytes;
};

struct plan {
    struct eie_cpu_plan base;
    struct shape shape;
    uint32_t *first_group; /* [threads + 1] */
    uint8_t *planes;       /* [threads][2][plane_bytes]: low and high bytes of the input */
    size_t plane_bytes;
    uint32_t copy; /* of the product under way */
};

/* ---- preparation ---------------------------------------------------------------------------- */

/* Slots 2k and 2k+1 of a step belong to the group's row k. The interleaving keeps 128-bit lanes
 * apart: sums 0-7 are those of the low halves of the lanes, sums 8-15 those of the high halves. */
static uint32_t lane_of_row(uint32_t k)
{
    return (k / 4 % 2) * 8 + k / 8 * 4 + k % 4;
}

static void put_slot(struct pair *pairs, uint32_t step, uint32_t slot, uint32_t place, uint8_t code)
{
    struct pair *pair = pairs + step / 2;
    pair->position[step % 2][slot] = (uint8_t)(place % 16 | (place / 16) << 7);
    pair->codes[slot] |= (uint8_t)(code << 4 * (step % 2));
}

/* Packs a group's rows; pairs and bases NULL: counts only. Returns the number of steps, even. */
static uint32_t pack_group(const struct eie_row_lists *rows, const uint32_t *row, uint32_t count,
                           struct pair *pairs, uint16_t *bases)
{
    uint32_t at[GROUP];
    for (uint32_t k = 0; k < count; k++) at[k] = rows->start[row[k]];
    for (uint32_t step = 0;; step++) {
        uint32_t base = UINT32_MAX;
        for (uint32_t k = 0; k < count; k++)
            if (at[k] < rows->start[row[k] + 1] && rows->column[at[k]] < base)
                base = rows->column[at[k]];
        if (base == UINT32_MAX) return (step + 1) / 2 * 2;
        for (uint32_t k = 0; k < count; k++)
            for (uint32_t s = 0; s < ROW_SLOTS; s++) {
                if (at[k] == rows->start[row[k] + 1] || rows->column[at[k]] - base >= WINDOW) break;
                if (pairs)
                    put_slot(pairs, step, ROW_SLOTS * k + s, rows->column[at[k]] - base,
                             rows->code[at[k]]);
                at[k]++;
            }
        if (bases) bases[step] = (uint16_t)base;
    }
}

static uint32_t group_rows(const uint32_t *first, uint32_t t, uint32_t begin)
{
    return first[t + 1] - begin < GROUP ? first[t + 1] - begin : GROUP;
}

/* Counts the groups and pairs that the shares `first` [threads + 1] need. */
static struct shape measure(const struct eie_row_lists *rows, const uint32_t *order,
                            const uint32_t *first, uint32_t threads, uint32_t *first_group)
{
    struct shape shape = {0, 0, 0, 0, 0};
    for (uint32_t t = 0; t < threads; t++) {
        first_group[t] = shape.group_count;
        for (uint32_t i = first[t]; i < first[t + 1]; i += GROUP) {
            shape.pair_count +=
                pack_group(rows, order + i, group_rows(first, t, i), NULL, NULL) / 2;
            shape.group_count++;
        }
    }
    first_group[threads] = shape.group_count;
    shape.pairs_at = ((size_t)shape.group_count * sizeof(struct group) + 63) / 64 * 64;
    shape.bases_at = shape.pairs_at + (size_t)shape.pair_count * sizeof(struct pair);
    shape.bytes = shape.bases_at + (size_t)shape.pair_count * 2 * sizeof(uint16_t);
    return shape;
}

static void fill_copy(const struct shape *shape, const struct eie_layer *layer,
                      const struct eie_row_lists *rows, const uint32_t *order,
                      const uint32_t *first, uint32_t threads, char *copy)
{
    struct group *group = (struct group *)copy;
    struct pair *pairs = (struct pair *)(copy + shape->pairs_at);
    uint16_t *bases = (uint16_t *)(copy + shape->bases_at);
    uint32_t pair = 0;
    for (uint32_t t = 0; t < threads; t++)
        for (uint32_t i = first[t]; i < first[t + 1]; i += GROUP, group++) {
            group->first_pair = pair;
            group->rows = group_rows(first, t, i);
            for (uint32_t k = 0; k < group->rows; k++) {
                const uint32_t row = order[i + k];
                group->row[lane_of_row(k)] = row;
                if (layer->bias) group->bias[lane_of_row(k)] = layer->bias[row];
            }
            pair +=
                pack_group(rows, order + i, group->rows, pairs + pair, bases + 2 * (size_t)pair) /
                2;
            group->end_pair = pair;
        }
}

/* Of a group, at most: every step takes at least one weight, and a window of 32 columns is used up
 * after 16 steps. */
static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "layer %s has %u inputs; windows begin at 16-bit columns, at most %u",
                        layer->name, layer->inputs, INPUTS_MAX);
    const uint64_t groups = layer->outputs / GROUP + 1 + problem->threads;
    uint64_t pairs = groups * (layer->inputs / 4 + 2);
    if (pairs > (uint64_t)layer->entry_count + groups) pairs = layer->entry_count + groups;
    *plan_bytes = groups * sizeof(struct group) + pairs * (sizeof(struct pair) + 4) +
                  eie_cpu_plan_bytes(problem) +
                  2 * (uint64_t)problem->threads * (layer->inputs + 4 * SPARE) + 4096;
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->first_group);
    free(plan->planes);
    eie_cpu_plan_end(&plan->base);
}

static enum eie_status make_plan(const struct eie_setup *setup, const struct eie_row_lists *rows,
                                 const uint32_t *order, const uint32_t *first,
                                 uint32_t *first_group, struct plan **made, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    const struct shape shape = measure(rows, order, first, threads, first_group);
    struct eie_cpu_plan *base;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof(struct plan), shape.bytes + AHEAD, &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->shape = shape;
    plan->plane_bytes = ((size_t)layer->inputs + SPARE + 127) / 128 * 128;
    plan->planes = eie_aligned_zeroed(2 * threads * plan->plane_bytes);
    if (!plan->planes) {
        destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the inputs of layer %s", layer->name);
    }
    plan->first_group = first_group;
    fill_copy(&shape, layer, rows, order, first, threads, base->copies[0]);
    for (uint32_t c = 1; c < setup->copies; c++)
        memcpy(base->copies[c], base->copies[0], shape.bytes);
    *made = plan;
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    struct eie_row_lists rows;
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    struct plan *plan = NULL;
    uint32_t *first = calloc((size_t)threads + 1, sizeof *first);
    uint32_t *first_group = calloc((size_t)threads + 1, sizeof *first_group);
    uint32_t *order = malloc((size_t)layer->outputs * sizeof *order);
    if (first && first_group && order) {
        eie_row_lists_share(&rows, layer->outputs, threads, SHARE_ROWS, first);
        for (uint32_t t = 0; t < threads; t++)
            eie_row_lists_sort(&rows, first[t], first[t + 1] - first[t], order + first[t]);
        status = make_plan(setup, &rows, order, first, first_group, &plan, error);
    } else
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    if (status) free(first_group);
    free(first);
    free(order);
    eie_row_lists_free(&rows);
    *opaque = (struct eie_plan *)plan;
    return status;
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
    return (struct tables){eie_avx2_both_lanes(low), eie_avx2_both_lanes(high)};
}

/* What the positions `first` (halves answering where bit 7 is clear) find in the window. */
static inline __m256i look_up(const uint8_t *window, __m256i first, __m256i second)
{
    return _mm256_or_si256(_mm256_shuffle_epi8(eie_avx2_both_lanes(window), first),
                           _mm256_shuffle_epi8(eie_avx2_both_lanes(window + WINDOW / 2), second));
}

struct sums {
    __m256i low, high; /* of the low and the high halves of the lanes */
};

static inline void step(const uint8_t *position, __m256i code, const uint8_t *low,
                        const uint8_t *high, const struct tables *codebook, struct sums *sums)
{
    const __m256i first = _mm256_load_si256((const __m256i *)position);
    const __m256i second = _mm256_xor_si256(first, _mm256_set1_epi8((char)0x80));
    const __m256i a_low = look_up(low, first, second), a_high = look_up(high, first, second);
    const __m256i w_low = _mm256_shuffle_epi8(codebook->low, code);
    const __m256i w_high = _mm256_shuffle_epi8(codebook->high, code);
    sums->low = _mm256_add_epi32(sums->low, _mm256_madd_epi16(_mm256_unpacklo_epi8(a_low, a_high),
                                                              _mm256_unpacklo_epi8(w_low, w_high)));
    sums->high =
        _mm256_add_epi32(sums->high, _mm256_madd_epi16(_mm256_unpackhi_epi8(a_low, a_high),
                                                       _mm256_unpackhi_epi8(w_low, w_high)));
}

static inline struct sums sum_pairs(const struct pair *pair, const struct pair *end,
                                    const uint16_t *base, const uint8_t *low, const uint8_t *high,
                                    const struct tables *codebook)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    struct sums sums = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (; pair < end; pair++, base += 2) {
        _mm_prefetch((const char *)pair + AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)pair + AHEAD + 64, _MM_HINT_T0);
        const __m256i codes = _mm256_load_si256((const __m256i *)pair->codes);
        step(pair->position[0], _mm256_and_si256(codes, nibble), low + base[0], high + base[0],
             codebook, &sums);
        step(pair->position[1], _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble),
             low + base[1], high + base[1], codebook, &sums);
    }
    return sums;
}

/* Bias, activation, rounding, and every row to its place. */
static inline void store_group(const struct group *group, struct sums sums, bool relu,
                               uint32_t shift, int16_t *y)
{
    const __m256i *bias = (const __m256i *)group->bias;
    const __m256i a = _mm256_add_epi32(sums.low, _mm256_loadu_si256(bias));
    const __m256i b = _mm256_add_epi32(sums.high, _mm256_loadu_si256(bias + 1));
    int16_t value[GROUP];
    _mm256_storeu_si256((__m256i *)value, eie_avx2_finish(a, b, relu, shift));
    if (group->rows == GROUP)
        for (uint32_t lane = 0; lane < GROUP; lane++) y[group->row[lane]] = value[lane];
    else
        for (uint32_t k = 0; k < group->rows; k++)
            y[group->row[lane_of_row(k)]] = value[lane_of_row(k)];
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const char *copy = plan->base.copies[plan->copy];
    const struct group *groups = (const struct group *)copy;
    const struct pair *pairs = (const struct pair *)(copy + plan->shape.pairs_at);
    const uint16_t *bases = (const uint16_t *)(copy + plan->shape.bases_at);
    const struct tables codebook = split_codebook(layer->codebook);
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    const uint32_t shift = eie_layer_shift(layer);
    uint8_t *low = plan->planes + 2 * worker * plan->plane_bytes, *high = low + plan->plane_bytes;
    for (uint32_t b = 0; b < problem->batch; b++) {
        eie_avx2_split_inputs(plan->base.inputs + (size_t)b * layer->inputs, layer->inputs, 0, low,
                              high);
        int16_t *y = plan->base.outputs + (size_t)b * layer->outputs;
        for (uint32_t g = plan->first_group[worker]; g < plan->first_group[worker + 1]; g++) {
            const struct group *group = groups + g;
            const struct sums sums =
                sum_pairs(pairs + group->first_pair, pairs + group->end_pair,
                          bases + 2 * (size_t)group->first_pair, low, high, &codebook);
            store_group(group, sums, relu, shift, y);
        }
    }
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    (void)error;
    plan->copy = copy;
    eie_pool_run(plan->base.setup.pool, work, plan);
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    eie_cpu_plan_cost(&plan->base, (uint64_t)plan->shape.pair_count * 2 * STEP_SLOTS,
                      plan->shape.bytes, cost);
}

const struct eie_kernel eie_kernel_avx2_window_lookup = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_window_lookup",
    .summary = "row-wise: a sliding window of 32 inputs in registers, looked up by vpshufb",
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
