/* As window_lookup, for processors that have AVX-VNNI but no AVX-512: bytes meet in vpdpbusd, so
 * that neither inputs nor weights are put together to words. A step serves 8 rows, one a 32-bit
 * lane, with 4 slots each.
 *
 * Inputs are split once a run into the two bytes of a + 32768, both unsigned; the codebook into two
 * signed digits, w = q + 256 p. Four vpdpbusd serve 32 slots:
 *
 *   sum w a = sum q l + 256 (sum p l + sum q h) + 65536 sum p h - 32768 sum w     modulo 2^32
 *
 * where l, h are the bytes of a + 32768. The last term does not depend on the inputs and joins the
 * bias. A codebook with weights above 32639, whose p would not fit, is negated, and so are the
 * sums.
 *
 * Each group of rows has one of two forms, whichever takes less time by its own count of steps:
 *
 *   wide    a window of 32 inputs, two halves of 16 whose answers are OR-ed. A position byte: bits
 *           0-3 the place in a half, bit 7 which half; codes are nibbles of a vector of their own.
 *           1.5 bytes a slot, 14.5 vector operations a step.
 *   narrow  a window of 16 inputs. One byte a slot, the place in its low nibble and the code in its
 *           high one; 11 operations. Steps are less full: for a density of some 20 % and more. */
#include "host/machine/cpu.h"
#include "kernels/avx2/vectors.h"
#include "kernels/byte_digits.h"
#include "kernels/cpu_plan.h"
#include "kernels/row_lists.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define HALF        16u /* inputs that one vpshufb looks up in: the narrow window */
#define GROUP       8u  /* rows of a group */
#define ROW_SLOTS   4u  /* slots of a row and step */
#define STEP_SLOTS  (GROUP * ROW_SLOTS)
#define WIDE_TIME   29u    /* of a step, in half operations */
#define NARROW_TIME 22u    /* NOTES.md */
#define SHARE_ROWS  64u    /* shares begin at multiples: two lines of the first input's y */
#define INPUTS_MAX  65536u /* a window's first column is 16 bits */
#define AHEAD       3072u  /* bytes of the stream that are fetched before they are needed */
#define SPARE       64u    /* bytes behind the last column that a window may show */
#define OFFSET      32768u /* what makes inputs unsigned */

#define ISA   __attribute__((target("avxvnni")))
#define APART __attribute__((noinline)) /* all 16 registers are its own */

/* Two steps each. Codes of the first step stand in the low nibbles. */
struct wide {
    uint8_t position[2][STEP_SLOTS];
    uint8_t codes[STEP_SLOTS];
};
struct narrow {
    uint8_t slots[2][STEP_SLOTS];
};

/* Row i belongs to 32-bit lane i of the sums. */
struct group {
    uint32_t first_vector; /* of the stream, 32 bytes each, where its pairs of steps begin */
    uint32_t first_pair;   /* counts the pairs of all groups, for the windows' first columns */
    uint32_t pairs;
    uint16_t rows; /* that exist: the last group of a share may have fewer */
    uint16_t is_wide;
    uint32_t row[GROUP];
    uint32_t bias[GROUP];
};

/* A copy: the groups of all shares, the stream, then the first columns of each pair's windows. */
struct shape {
    uint32_t group_count, pair_count, vector_count;
    size_t stream_at, bases_at, bytes;
};

struct plan {
    struct eie_cpu_plan base;
    struct shape shape;
    uint32_t *first_group; /* [threads + 1] */
    uint8_t *planes;       /* [threads][2][plane_bytes]: low and high bytes of the input */
    size_t plane_bytes;
    int8_t low[16], high[16]; /* digits of the codebook */
    uint32_t copy;            /* of the product under way */
    bool negated;
};

/* ---- preparation ---------------------------------------------------------------------------- */

static uint32_t pair_vectors(bool is_wide)
{
    return (uint32_t)((is_wide ? sizeof(struct wide) : sizeof(struct narrow)) / 32);
}

static void put_slot(char *stream, bool is_wide, uint32_t step, uint32_t slot, uint32_t place,
                     uint32_t code)
{
    if (is_wide) {
        struct wide *pair = (struct wide *)(void *)stream + step / 2;
        pair->position[step % 2][slot] = (uint8_t)(place % HALF | (place / HALF) << 7);
        pair->codes[slot] |= (uint8_t)(code << 4 * (step % 2));
    } else {
        struct narrow *pair = (struct narrow *)(void *)stream + step / 2;
        pair->slots[step % 2][slot] = (uint8_t)(place | code << 4);
    }
}

/* Packs the rows of a group; stream and bases NULL: counts only. Returns the pairs of steps. */
static uint32_t pack_group(const struct eie_row_lists *rows, const uint32_t *row, uint32_t count,
                           bool is_wide, char *stream, uint16_t *bases)
{
    const uint32_t window = is_wide ? 2 * HALF : HALF;
    uint32_t at[GROUP];
    for (uint32_t k = 0; k < count; k++) at[k] = rows->start[row[k]];
    for (uint32_t step = 0;; step++) {
        uint32_t base = UINT32_MAX;
        for (uint32_t k = 0; k < count; k++)
            if (at[k] < rows->start[row[k] + 1] && rows->column[at[k]] < base)
                base = rows->column[at[k]];
        if (base == UINT32_MAX) return (step + 1) / 2;
        for (uint32_t k = 0; k < count; k++)
            for (uint32_t s = 0; s < ROW_SLOTS; s++, at[k]++) {
                if (at[k] == rows->start[row[k] + 1] || rows->column[at[k]] - base >= window) break;
                if (stream)
                    put_slot(stream, is_wide, step, ROW_SLOTS * k + s, rows->column[at[k]] - base,
                             rows->code[at[k]]);
            }
        if (bases) bases[step] = (uint16_t)base;
    }
}

/* The form of a group, and how many pairs of steps it has. */
static bool choose_form(const struct eie_row_lists *rows, const uint32_t *row, uint32_t count,
                        uint32_t *pairs)
{
    const uint32_t wide = pack_group(rows, row, count, true, NULL, NULL);
    const uint32_t narrow = pack_group(rows, row, count, false, NULL, NULL);
    const bool is_wide = (uint64_t)wide * WIDE_TIME <= (uint64_t)narrow * NARROW_TIME;
    *pairs = is_wide ? wide : narrow;
    return is_wide;
}

static uint32_t group_rows(const uint32_t *first, uint32_t t, uint32_t begin)
{
    return first[t + 1] - begin < GROUP ? first[t + 1] - begin : GROUP;
}

/* Places the groups of the shares `first` [threads + 1]: all but their rows and biases. */
static struct shape place_groups(const struct eie_row_lists *rows, const uint32_t *order,
                                 const uint32_t *first, uint32_t threads, uint32_t *first_group,
                                 struct group *groups)
{
    struct shape shape = {0};
    for (uint32_t t = 0; t < threads; t++) {
        first_group[t] = shape.group_count;
        for (uint32_t i = first[t]; i < first[t + 1]; i += GROUP) {
            struct group *group = groups + shape.group_count++;
            group->first_vector = shape.vector_count;
            group->first_pair = shape.pair_count;
            group->rows = (uint16_t)group_rows(first, t, i);
            group->is_wide = choose_form(rows, order + i, group->rows, &group->pairs);
            memcpy(group->row, order + i, group->rows * sizeof *order);
            shape.pair_count += group->pairs;
            shape.vector_count += group->pairs * pair_vectors(group->is_wide);
        }
    }
    first_group[threads] = shape.group_count;
    shape.stream_at = ((size_t)shape.group_count * sizeof(struct group) + 63) / 64 * 64;
    shape.bases_at = shape.stream_at + (size_t)shape.vector_count * 32;
    shape.bytes = shape.bases_at + (size_t)shape.pair_count * 2 * sizeof(uint16_t);
    return shape;
}

/* The row's bias, and what the offset of the inputs has added too much. */
static uint32_t row_bias(const struct eie_layer *layer, const struct eie_row_lists *rows,
                         uint32_t row)
{
    uint32_t bias = layer->bias ? (uint32_t)layer->bias[row] : 0;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++)
        bias -= (uint32_t)layer->codebook[rows->code[e]] * OFFSET;
    return bias;
}

static void fill_copy(const struct shape *shape, const struct eie_layer *layer,
                      const struct eie_row_lists *rows, const struct group *groups, char *copy)
{
    struct group *group = (struct group *)(void *)copy;
    uint16_t *bases = (uint16_t *)(void *)(copy + shape->bases_at);
    memcpy(group, groups, shape->group_count * sizeof *groups);
    for (uint32_t g = 0; g < shape->group_count; g++, group++) {
        for (uint32_t k = 0; k < group->rows; k++)
            group->bias[k] = row_bias(layer, rows, group->row[k]);
        pack_group(rows, group->row, group->rows, group->is_wide,
                   copy + shape->stream_at + (size_t)group->first_vector * 32,
                   bases + 2 * (size_t)group->first_pair);
    }
}

/* Each share ends in a group that need not be full. */
static uint64_t groups_bound(const struct eie_problem *problem)
{
    return (uint64_t)problem->layer->outputs / GROUP + 1 + problem->threads;
}

/* Of a group, at most: every step takes at least one weight, and a narrow window is used up after 4
 * steps; what the chosen form takes is no more in bytes than 1.5 times the narrow one. */
static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    bool negated;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "layer %s has %u inputs; windows begin at 16-bit columns, at most %u",
                        layer->name, layer->inputs, INPUTS_MAX);
    const uint64_t groups = groups_bound(problem);
    uint64_t pairs = groups * (layer->inputs / 8 + 3);
    if (pairs > (uint64_t)layer->entry_count + groups) pairs = layer->entry_count + groups;
    *plan_bytes = groups * 2 * sizeof(struct group) + pairs * (sizeof(struct wide) + 4) +
                  eie_cpu_plan_bytes(problem) +
                  2 * (uint64_t)problem->threads * (layer->inputs + 4 * SPARE) + 4096;
    return eie_byte_digits_sign(layer, &negated, error);
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
                                 const struct group *groups, const struct shape *shape,
                                 uint32_t *first_group, struct plan **made, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_cpu_plan *base;
    bool negated;
    enum eie_status status = eie_byte_digits_sign(layer, &negated, error);
    if (!status)
        status = eie_cpu_plan_begin(setup, sizeof(struct plan), shape->bytes + AHEAD, &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->shape = *shape;
    plan->negated = negated;
    plan->plane_bytes = ((size_t)layer->inputs + SPARE + 127) / 128 * 128;
    plan->planes = eie_aligned_zeroed(2 * setup->problem.threads * plan->plane_bytes);
    if (!plan->planes) {
        destroy((struct eie_plan *)plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the inputs of layer %s", layer->name);
    }
    plan->first_group = first_group;
    eie_byte_digits_split(layer->codebook, plan->negated, plan->low, plan->high);
    fill_copy(shape, layer, rows, groups, base->copies[0]);
    for (uint32_t c = 1; c < setup->copies; c++)
        memcpy(base->copies[c], base->copies[0], shape->bytes);
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
    struct group *groups = calloc(groups_bound(&setup->problem), sizeof *groups);
    if (first && first_group && order && groups) {
        eie_row_lists_share(&rows, layer->outputs, threads, SHARE_ROWS, first);
        for (uint32_t t = 0; t < threads; t++)
            eie_row_lists_sort(&rows, first[t], first[t + 1] - first[t], order + first[t]);
        const struct shape shape = place_groups(&rows, order, first, threads, first_group, groups);
        status = make_plan(setup, &rows, groups, &shape, first_group, &plan, error);
    } else
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    if (status) free(first_group);
    free(first);
    free(order);
    free(groups);
    eie_row_lists_free(&rows);
    *opaque = (struct eie_plan *)plan;
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

/* The planes of an input and the digits of the codebook. */
struct operands {
    const uint8_t *low_plane, *high_plane;
    __m256i low, high;
};

/* Sums of a group by weight of the digits: 1, twice 256, 65536. */
struct sums {
    __m256i unit, mid0, mid1, top;
};

/* Stays in its register: gcc would rather copy it to another one and to the stack. */
ISA static inline __m256i add_dots(__m256i sum, __m256i bytes, __m256i digits)
{
    __m256i more = _mm256_dpbusd_avx_epi32(sum, bytes, digits);
    __asm__("" : "+x"(more));
    return more;
}

ISA static inline void add_products(struct sums *sums, const struct operands *with, __m256i l,
                                    __m256i h, __m256i code)
{
    const __m256i q = _mm256_shuffle_epi8(with->low, code);
    const __m256i p = _mm256_shuffle_epi8(with->high, code);
    sums->unit = add_dots(sums->unit, l, q);
    sums->mid0 = add_dots(sums->mid0, l, p);
    sums->mid1 = add_dots(sums->mid1, h, q);
    sums->top = add_dots(sums->top, h, p);
}

/* What the positions `first` (halves answering where bit 7 is clear) find in the window. */
static inline __m256i look_up(const uint8_t *window, __m256i first, __m256i second)
{
    return _mm256_or_si256(_mm256_shuffle_epi8(eie_avx2_both_lanes(window), first),
                           _mm256_shuffle_epi8(eie_avx2_both_lanes(window + HALF), second));
}

ISA static inline void wide_step(struct sums *sums, const struct operands *with, uint32_t base,
                                 const uint8_t *position, __m256i code)
{
    const __m256i first = _mm256_load_si256((const __m256i *)(const void *)position);
    const __m256i second = _mm256_xor_si256(first, _mm256_set1_epi8((char)0x80));
    add_products(sums, with, look_up(with->low_plane + base, first, second),
                 look_up(with->high_plane + base, first, second), code);
}

ISA static inline void narrow_step(struct sums *sums, const struct operands *with, uint32_t base,
                                   const uint8_t *slots)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i both = _mm256_load_si256((const __m256i *)(const void *)slots);
    const __m256i place = _mm256_and_si256(both, nibble);
    add_products(sums, with,
                 _mm256_shuffle_epi8(eie_avx2_both_lanes(with->low_plane + base), place),
                 _mm256_shuffle_epi8(eie_avx2_both_lanes(with->high_plane + base), place),
                 _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
}

static inline __m256i join(const struct sums *even, const struct sums *odd)
{
    const __m256i unit = _mm256_add_epi32(even->unit, odd->unit);
    const __m256i mid = _mm256_add_epi32(_mm256_add_epi32(even->mid0, even->mid1),
                                         _mm256_add_epi32(odd->mid0, odd->mid1));
    const __m256i top = _mm256_add_epi32(even->top, odd->top);
    return _mm256_add_epi32(
        unit, _mm256_add_epi32(_mm256_slli_epi32(mid, 8), _mm256_slli_epi32(top, 16)));
}

/* Even and odd steps have sums of their own: a sum waits for the one before it. */
APART ISA static __m256i sum_wide(const char *stream, uint32_t pairs, const uint16_t *base,
                                  const struct operands *with)
{
    const struct wide *pair = (const struct wide *)(const void *)stream, *end = pair + pairs;
    const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    struct sums even = {zero, zero, zero, zero}, odd = even;
    for (; pair < end; pair++, base += 2) {
        _mm_prefetch((const char *)pair + AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)pair + AHEAD + 64, _MM_HINT_T0);
        const __m256i codes = _mm256_load_si256((const __m256i *)(const void *)pair->codes);
        wide_step(&even, with, base[0], pair->position[0], _mm256_and_si256(codes, nibble));
        wide_step(&odd, with, base[1], pair->position[1],
                  _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble));
    }
    return join(&even, &odd);
}

APART ISA static __m256i sum_narrow(const char *stream, uint32_t pairs, const uint16_t *base,
                                    const struct operands *with)
{
    const struct narrow *pair = (const struct narrow *)(const void *)stream, *end = pair + pairs;
    const __m256i zero = _mm256_setzero_si256();
    struct sums even = {zero, zero, zero, zero}, odd = even;
    for (; pair < end; pair++, base += 2) {
        _mm_prefetch((const char *)pair + AHEAD, _MM_HINT_T0);
        narrow_step(&even, with, base[0], pair->slots[0]);
        narrow_step(&odd, with, base[1], pair->slots[1]);
    }
    return join(&even, &odd);
}

/* Bias, activation, rounding, and every row to its place. */
static inline void store_group(const struct group *group, __m256i sum, bool relu, uint32_t shift,
                               int16_t *y)
{
    const __m256i bias = _mm256_loadu_si256((const __m256i *)(const void *)group->bias);
    const __m256i rounded = eie_avx2_round(_mm256_add_epi32(sum, bias), relu, shift);
    int16_t value[GROUP];
    _mm_storeu_si128(
        (__m128i *)(void *)value,
        _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)));
    if (group->rows == GROUP)
        for (uint32_t k = 0; k < GROUP; k++) y[group->row[k]] = value[k];
    else
        for (uint32_t k = 0; k < group->rows; k++) y[group->row[k]] = value[k];
}

/* A worker's rows for one input. */
ISA static void run_share(const struct plan *plan, uint32_t worker, const struct operands *with,
                          int16_t *y)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const char *copy = plan->base.copies[plan->copy], *stream = copy + plan->shape.stream_at;
    const uint16_t *bases = (const uint16_t *)(const void *)(copy + plan->shape.bases_at);
    const struct group *group =
        (const struct group *)(const void *)copy + plan->first_group[worker];
    const struct group *end =
        (const struct group *)(const void *)copy + plan->first_group[worker + 1];
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    const uint32_t shift = eie_layer_shift(layer);
    for (; group < end; group++) {
        const char *from = stream + (size_t)group->first_vector * 32;
        const uint16_t *base = bases + 2 * (size_t)group->first_pair;
        const __m256i sum = group->is_wide ? sum_wide(from, group->pairs, base, with)
                                           : sum_narrow(from, group->pairs, base, with);
        store_group(group, plan->negated ? _mm256_sub_epi32(_mm256_setzero_si256(), sum) : sum,
                    relu, shift, y);
    }
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint8_t *low = plan->planes + 2 * worker * plan->plane_bytes, *high = low + plan->plane_bytes;
    const struct operands with = {low, high, eie_avx2_both_lanes(plan->low),
                                  eie_avx2_both_lanes(plan->high)};
    for (uint32_t b = 0; b < problem->batch; b++) {
        eie_avx2_split_inputs(plan->base.inputs + (size_t)b * layer->inputs, layer->inputs, OFFSET,
                              low, high);
        run_share(plan, worker, &with, plan->base.outputs + (size_t)b * layer->outputs);
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

const struct eie_kernel eie_kernel_avx2_vnni_lookup = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_vnni_lookup",
    .summary = "row-wise: windows of 16 or 32 inputs in registers, byte planes, vpdpbusd",
    .isa = "avx2,avxvnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX2 | EIE_CPU_AVXVNNI,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
