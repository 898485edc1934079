/* The gather as a register permute, on bytes: as word_lookup, for processors whose permutes of
 * words are slower than those of bytes (Intel).
 *
 * Inputs are split once a run into the two bytes of a + 32768, both unsigned; the codebook into two
 * signed digits, w = q + 256 p. Four byte permutes (the window's 64 inputs in two planes, the two
 * digits by code) and four vpdpbusd serve 64 slots, four a row and step:
 *
 *   sum w a = sum q l + 256 (sum p l + sum q h) + 65536 sum p h - 32768 sum w     modulo 2^32
 *
 * where l, h are the bytes of a + 32768. The last term does not depend on the inputs and joins the
 * bias. Inputs that have 8 bits, unsigned or signed, are their low byte plus 0 or 128: then two
 * permutes and two products are left out. Which it is, is seen while splitting, each time. A
 * codebook with weights above 32639, whose p would not fit, is negated, and so are the sums.
 *
 * Of several inputs, four share the look-up of the digits.
 *
 * The prepared form, 1.25 bytes a slot: four steps are a unit of five vectors of 64 bytes. The low
 * six bits of byte b of vector s < 4 are the place in the window of slot b in step s; the fifth
 * vector holds the codes of steps 0 and 1 in its nibbles. The codes of steps 2 and 3 stand in the
 * high two bits of vectors 0, 1 and 2, 3, the high half first. Permutes ignore high index bits and
 * the codebook's tables are filled four times, so that hardly a mask is needed. */
#include "host/machine/cpu.h"
#include "kernels/avx512/finish_lanes.h"
#include "kernels/avx512/row_groups.h"
#include "kernels/avx512/window_walk.h"
#include "kernels/byte_digits.h"
#include "kernels/cpu_plan.h"
#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW      64u
#define LINE        64u /* inputs in a cache line of a plane */
#define UNIT_STEPS  4u
#define UNIT_BYTES  320u
#define STEP_SLOTS  64u
#define INPUTS_MAX  65536u /* a step's first input is kept in 16 bits */
#define OFFSET_BIAS 32768
#define TOGETHER    4u /* inputs that share a look-up, at most */

#define ISA    __attribute__((target("avx512vnni,avx512vbmi")))
#define INLINE static inline __attribute__((always_inline))

/* A copy is one allocation: units, then first inputs of the steps, the unit behind each group's
 * pair, places of the rows in their blocks; in the order of the lanes, biases and sums of weights.
 */
struct offsets {
    size_t first, pair_end, place, bias, weight_sum, end;
};

/* What is added to inputs so that they are unsigned, and how many planes that makes. */
struct split {
    uint32_t planes;
    int offset;
};

struct plan {
    struct eie_cpu_plan base;
    struct eie_row_groups groups;
    struct offsets at;
    uint8_t *planes;      /* [threads][batch][2][plane_bytes]: each worker splits for itself */
    struct split *splits; /* [threads][split_count]: of TOGETHER inputs each */
    uint32_t split_count;
    int8_t low[64], high[64]; /* digits of the codebook, four times */
    uint32_t copy;            /* of the product under way */
    uint32_t unit_count;
    bool negated;
};

static void pack(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                 uint32_t code)
{
    uint8_t *byte = (uint8_t *)unit + 4 * lane + k;
    byte[step * 64] |= (uint8_t)place;
    if (step < 2) {
        byte[UNIT_STEPS * 64] |= (uint8_t)(code << 4 * step);
    } else {
        byte[(2 * step - 4) * 64] |= (uint8_t)((code & 12u) << 4);
        byte[(2 * step - 3) * 64] |= (uint8_t)((code & 3u) << 6);
    }
}

static const struct eie_window_form form = {
    .width = WINDOW,
    .line = LINE,
    .line_worth = 6, /* NOTES.md */
    .take = STEP_SLOTS / EIE_GROUP_ROWS,
    .unit_steps = UNIT_STEPS,
    .unit_bytes = UNIT_BYTES,
    .pack = pack,
};

/* One plane of one input vector, and a window behind the end; an odd number of cache lines, so that
 * the same place of several inputs falls into different sets of the cache. */
static size_t plane_bytes(const struct eie_layer *layer)
{
    const size_t of_input = ((size_t)layer->inputs - 1) / LINE + 1 + WINDOW / LINE;
    return (of_input | 1) * LINE;
}

static uint32_t split_count(uint32_t batch)
{
    return (batch - 1) / TOGETHER + 1;
}

static struct offsets layout(uint64_t units, uint32_t groups, uint32_t blocks)
{
    struct offsets at;
    at.first = units * UNIT_BYTES;
    at.pair_end = at.first + eie_whole_lines(units * UNIT_STEPS * sizeof(uint16_t));
    at.place = at.pair_end + eie_whole_lines(groups * sizeof(uint32_t));
    at.bias = at.place + (size_t)blocks * EIE_BLOCK_ROWS;
    at.weight_sum = at.bias + (size_t)groups * EIE_GROUP_ROWS * sizeof(int32_t);
    at.end = at.weight_sum + (size_t)groups * EIE_GROUP_ROWS * sizeof(int32_t);
    return at;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    bool negated;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: places of steps are 16 bits wide",
                        layer->inputs);
    const uint32_t groups = eie_row_groups_bound(layer->outputs);
    const uint32_t blocks = eie_row_blocks_bound(layer->outputs, problem->threads);
    const uint64_t units = eie_window_units_bound(&form, layer, groups);
    *plan_bytes = layout(units, groups, blocks).end +
                  (uint64_t)groups * EIE_GROUP_ROWS * sizeof(uint32_t) +
                  (uint64_t)blocks * (EIE_BLOCK_ROWS + sizeof(struct eie_row_block)) +
                  (uint64_t)problem->threads * problem->batch * 2 * plane_bytes(layer) +
                  (uint64_t)problem->threads * split_count(problem->batch) * sizeof(struct split) +
                  eie_cpu_plan_bytes(problem);
    return eie_byte_digits_sign(layer, &negated, error);
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    eie_row_groups_free(&plan->groups);
    free(plan->planes);
    free(plan->splits);
    eie_cpu_plan_end(&plan->base);
}

/* The sum of a row's weights. */
static uint32_t weight_sum(const struct eie_layer *layer, const struct eie_row_lists *rows,
                           uint32_t row)
{
    uint32_t sum = 0;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++)
        sum += (uint32_t)layer->codebook[rows->code[e]] * 1u;
    return sum;
}

/* The biases, less what the offset of the inputs adds too much, and the sums of weights. */
static void fill_lanes(const struct plan *plan, const struct eie_row_lists *rows, uint32_t *bias,
                       uint32_t *sums)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    for (size_t lane = 0; lane < (size_t)plan->groups.group_count * EIE_GROUP_ROWS; lane++) {
        const uint32_t row = plan->groups.row[lane];
        if (row == EIE_NO_ROW) continue;
        sums[lane] = weight_sum(layer, rows, row);
        bias[lane] =
            (layer->bias ? (uint32_t)layer->bias[row] : 0) - sums[lane] * (uint32_t)OFFSET_BIAS;
    }
}

static void fill_copy(char *copy, const struct plan *plan, const struct eie_row_lists *rows,
                      const uint32_t *pair_end)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct eie_row_groups *groups = &plan->groups;
    eie_window_fill(&form, rows, groups, layer->inputs, false, pair_end, copy,
                    (uint16_t *)(void *)(copy + plan->at.first));
    memcpy(copy + plan->at.pair_end, pair_end, groups->group_count * sizeof *pair_end);
    memcpy(copy + plan->at.place, groups->place, (size_t)groups->block_count * EIE_BLOCK_ROWS);
    fill_lanes(plan, rows, (uint32_t *)(void *)(copy + plan->at.bias),
               (uint32_t *)(void *)(copy + plan->at.weight_sum));
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_row_lists rows;
    struct eie_row_groups groups = {0};
    struct eie_cpu_plan *base = NULL;
    uint32_t *pair_end = NULL;
    uint8_t *planes = NULL;
    struct split *splits = NULL;
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    status = eie_row_groups_make(layer, &rows, setup->problem.threads, &groups, error);
    if (status) goto done;
    pair_end = malloc(groups.group_count * sizeof *pair_end);
    planes = eie_aligned_zeroed((size_t)setup->problem.threads * setup->problem.batch * 2 *
                                plane_bytes(layer));
    splits =
        calloc((size_t)setup->problem.threads * split_count(setup->problem.batch), sizeof *splits);
    if (!pair_end || !planes || !splits) {
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the planes of layer %s", layer->name);
        goto done;
    }
    const uint64_t units = eie_window_place(&form, &rows, &groups, layer->inputs, false, pair_end);
    const struct offsets at = layout(units, groups.group_count, groups.block_count);
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), at.end, &base, error);
    if (status) goto done;
    struct plan *plan = (struct plan *)base;
    plan->planes = planes;
    plan->splits = splits;
    planes = NULL;
    splits = NULL;
    plan->split_count = split_count(setup->problem.batch);
    plan->groups = groups; /* the plan's from here on */
    memset(&groups, 0, sizeof groups);
    plan->at = at;
    plan->unit_count = (uint32_t)units;
    status = eie_byte_digits_sign(layer, &plan->negated, error);
    if (status) {
        destroy((struct eie_plan *)plan);
        goto done;
    }
    eie_byte_digits_split(layer->codebook, plan->negated, plan->low, plan->high);
    for (int c = EIE_CODEBOOK_SIZE; c < 64; c++) {
        plan->low[c] = plan->low[c % EIE_CODEBOOK_SIZE];
        plan->high[c] = plan->high[c % EIE_CODEBOOK_SIZE];
    }
    fill_copy(base->copies[0], plan, &rows, pair_end);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], at.end);
    *opaque = (struct eie_plan *)plan;
done:
    free(planes);
    free(splits);
    free(pair_end);
    eie_row_groups_free(&groups);
    eie_row_lists_free(&rows);
    return status;
}

/* The least and the greatest of some inputs. */
struct range {
    int least, most;
};

/* Splits one input vector into its planes. */
ISA static struct range split_input(const int16_t *input, uint32_t inputs, uint8_t *low,
                                    uint8_t *high)
{
    uint8_t number[64];
    for (int i = 0; i < 64; i++) number[i] = (uint8_t)(2 * i);
    const __m512i even = _mm512_loadu_si512(number);
    const __m512i odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
    const __m512i offset = _mm512_set1_epi16((int16_t)0x8000);
    __m512i least = _mm512_setzero_si512(), most = least;
    for (uint32_t j = 0; j < inputs; j += LINE) {
        const uint32_t left = inputs - j, more = left < 32 ? 0 : left - 32;
        const __m512i a = _mm512_maskz_loadu_epi16(eie_first_words(left), input + j);
        const __m512i b =
            _mm512_maskz_loadu_epi16(eie_first_words(more), input + j + (more ? 32 : 0));
        const __m512i u = _mm512_xor_si512(a, offset), v = _mm512_xor_si512(b, offset);
        least = _mm512_min_epi16(least, _mm512_min_epi16(a, b));
        most = _mm512_max_epi16(most, _mm512_max_epi16(a, b));
        _mm512_store_si512(low + j, _mm512_permutex2var_epi8(u, even, v));
        _mm512_store_si512(high + j, _mm512_permutex2var_epi8(u, odd, v));
    }
    int16_t leasts[32], mosts[32];
    _mm512_storeu_si512(leasts, least);
    _mm512_storeu_si512(mosts, most);
    struct range range = {0, 0};
    for (int i = 0; i < 32; i++) {
        if (leasts[i] < range.least) range.least = leasts[i];
        if (mosts[i] > range.most) range.most = mosts[i];
    }
    return range;
}

/* Splits `count` inputs of the batch from `input` on. Where all of them have 8 bits, unsigned or
 * signed, their low plane is all that is needed. */
ISA static struct split split_inputs(const struct plan *plan, uint8_t *planes, uint32_t input,
                                     uint32_t count)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const size_t plane = plane_bytes(layer);
    struct range all = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *low = planes + 2 * plane * i;
        const struct range of_one =
            split_input(plan->base.inputs + (size_t)(input + i) * layer->inputs, layer->inputs, low,
                        low + plane);
        if (of_one.least < all.least) all.least = of_one.least;
        if (of_one.most > all.most) all.most = of_one.most;
    }
    if (all.least >= 0 && all.most <= UINT8_MAX) return (struct split){1, 0};
    if (all.least < INT8_MIN || all.most > INT8_MAX) return (struct split){2, OFFSET_BIAS};
    const __m512i sign = _mm512_set1_epi8(INT8_MIN);
    for (uint32_t i = 0; i < count; i++)
        for (size_t j = 0; j < layer->inputs; j += LINE) {
            uint8_t *low = planes + 2 * plane * i + j;
            _mm512_store_si512(low, _mm512_xor_si512(_mm512_load_si512(low), sign));
        }
    return (struct split){1, -INT8_MIN};
}

/* Sums of a group by weight of the digits: 1, 256, 65536. One input or two have two of the middle
 * ones: chains of additions must not be what their steps wait for. */
struct sums {
    __m512i unit, mid, other_mid, top;
};

/* What units are multiplied by: the digits of the codebook, and the planes of the first of some
 * inputs; those of the next lie `stride` bytes behind. */
struct operands {
    __m512i low, high;
    const uint8_t *low_plane, *high_plane;
    size_t stride;
};

/* How many inputs go together, and how many planes they have: constants where this is inlined. */
struct form_of_call {
    uint32_t count, planes;
};

/* 64 slots of the i-th input, whose digits of weights are given. */
ISA INLINE void add_slots(const struct operands *with, uint32_t first, uint32_t i, __m512i place,
                          __m512i q, __m512i p, struct form_of_call call, struct sums *sums)
{
    const size_t at = i * with->stride + first;
    const __m512i l = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(with->low_plane + at));
    if (call.planes == 1) {
        sums->unit = _mm512_dpbusd_epi32(sums->unit, l, q);
        sums->mid = _mm512_dpbusd_epi32(sums->mid, l, p);
        return;
    }
    const __m512i h = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(with->high_plane + at));
    sums->unit = _mm512_dpbusd_epi32(sums->unit, l, q);
    sums->mid = _mm512_dpbusd_epi32(sums->mid, l, p);
    if (call.count <= 2)
        sums->other_mid = _mm512_dpbusd_epi32(sums->other_mid, h, q);
    else
        sums->mid = _mm512_dpbusd_epi32(sums->mid, h, q);
    sums->top = _mm512_dpbusd_epi32(sums->top, h, p);
}

/* One step: 64 slots of each input. */
ISA INLINE void step(const struct operands *with, uint32_t first, __m512i place, __m512i codes,
                     struct form_of_call call, struct sums *sums)
{
    const __m512i q = _mm512_permutexvar_epi8(codes, with->low);
    const __m512i p = _mm512_permutexvar_epi8(codes, with->high);
#define ADD_SLOTS(i) add_slots(with, first, i, place, q, p, call, &sums[i])
    EIE_EACH_INPUT(call.count, ADD_SLOTS);
#undef ADD_SLOTS
}

/* A vector of a unit, loaded once: gcc would rather load it again for every use. */
INLINE __m512i load_once(const char *vector)
{
    __m512i bytes = _mm512_load_si512(vector);
    __asm__("" : "+v"(bytes));
    return bytes;
}

/* The code that stands in the high two bits of two vectors. */
ISA INLINE __m512i high_bits(__m512i upper, __m512i lower)
{
    const __m512i top = _mm512_set1_epi8((char)0xC0);
    return _mm512_srli_epi16(
        _mm512_ternarylogic_epi32(top, upper, _mm512_srli_epi16(lower, 2), 0xCA),
        4); /* top ? upper : lower */
}

ISA INLINE void add_unit(const struct operands *with, const char *unit, const uint16_t *first,
                         struct form_of_call call, struct sums *sums)
{
    const __m512i place0 = load_once(unit), place1 = load_once(unit + 64);
    const __m512i place2 = load_once(unit + 128), place3 = load_once(unit + 192);
    const __m512i codes = load_once(unit + 256);
    step(with, first[0], place0, codes, call, sums);
    step(with, first[1], place1, _mm512_srli_epi16(codes, 4), call, sums);
    step(with, first[2], place2, high_bits(place0, place1), call, sums);
    step(with, first[3], place3, high_bits(place2, place3), call, sums);
}

ISA INLINE __m512i join(const struct sums *sums)
{
    const __m512i mid = _mm512_add_epi32(sums->mid, sums->other_mid);
    return _mm512_add_epi32(_mm512_add_epi32(sums->unit, _mm512_slli_epi32(mid, 8)),
                            _mm512_slli_epi32(sums->top, 16));
}

ISA INLINE struct sums no_sums(void)
{
    const __m512i zero = _mm512_setzero_si512();
    return (struct sums){zero, zero, zero, zero};
}

/* Units of a copy, and where the sums go that they add up to; those of each input lie a block
 * behind. */
struct stretch {
    const char *unit, *end;
    const uint16_t *first;
    int32_t *to;
};

/* The sums of a group, whose units are every `stride`-th. */
ISA INLINE void group_sums(const struct operands *with, struct stretch stretch, uint32_t stride,
                           struct form_of_call call)
{
    struct sums sums[TOGETHER] = {no_sums(), no_sums(), no_sums(), no_sums()};
    for (; stretch.unit < stretch.end;
         stretch.unit += (size_t)stride * UNIT_BYTES, stretch.first += (size_t)stride * UNIT_STEPS)
        add_unit(with, stretch.unit, stretch.first, call, sums);
#define STORE(i) _mm512_store_si512(stretch.to + (size_t)(i)*EIE_BLOCK_ROWS, join(&sums[i]))
    EIE_EACH_INPUT(call.count, STORE);
#undef STORE
}

/* The sums of both groups of a pair, whose units alternate. */
ISA INLINE void pair_sums(const struct operands *with, struct stretch stretch,
                          struct form_of_call call)
{
    struct sums one = no_sums(), two = no_sums();
    for (; stretch.unit < stretch.end;
         stretch.unit += (size_t)2 * UNIT_BYTES, stretch.first += (size_t)2 * UNIT_STEPS) {
        add_unit(with, stretch.unit, stretch.first, call, &one);
        add_unit(with, stretch.unit + UNIT_BYTES, stretch.first + UNIT_STEPS, call, &two);
    }
    _mm512_store_si512(stretch.to, join(&one));
    _mm512_store_si512(stretch.to + EIE_GROUP_ROWS, join(&two));
}

/* A pair of groups, or a single one. The sums of several inputs leave no registers for two groups
 * at once: these go one after the other. */
ISA INLINE void sums_of(const struct operands *with, struct stretch stretch, bool pair,
                        struct form_of_call call)
{
    if (pair && call.count == 1) {
        pair_sums(with, stretch, call);
    } else if (pair) {
        group_sums(with, stretch, 2, call);
        stretch.unit += UNIT_BYTES;
        stretch.first += UNIT_STEPS;
        stretch.to += EIE_GROUP_ROWS;
        group_sums(with, stretch, 2, call);
    } else {
        group_sums(with, stretch, 1, call);
    }
}

/* By its members, so that they stay in registers: what a pair begins with cannot be hidden, as the
 * end of the one before it is not always foreseen. */
typedef void sums_of_call(const struct operands *with, const char *unit, const char *end,
                          const uint16_t *first, int32_t *to, bool pair);

#define SUMS_OF(count, planes)                                                                     \
    ISA static void sums_of_##count##_##planes(const struct operands *with, const char *unit,      \
                                               const char *end, const uint16_t *first,             \
                                               int32_t *to, bool pair)                             \
    {                                                                                              \
        sums_of(with, (struct stretch){unit, end, first, to}, pair,                                \
                (struct form_of_call){count, planes});                                             \
    }
SUMS_OF(1, 1)
SUMS_OF(2, 1)
SUMS_OF(3, 1)
SUMS_OF(4, 1)
SUMS_OF(1, 2)
SUMS_OF(2, 2)
SUMS_OF(3, 2)
SUMS_OF(4, 2)

static sums_of_call *const sums_of_calls[2][TOGETHER] = {
    {sums_of_1_1, sums_of_2_1, sums_of_3_1, sums_of_4_1},
    {sums_of_1_2, sums_of_2_2, sums_of_3_2, sums_of_4_2},
};

/* In place: the sign of the codebook's digits, and the offset where it is not that of the bias. */
ISA static void correct(const struct plan *plan, const int32_t *weight_sums, uint32_t groups,
                        int offset, int32_t *sums)
{
    const __m512i more = _mm512_set1_epi32(OFFSET_BIAS - offset);
    for (uint32_t i = 0; i < groups * EIE_GROUP_ROWS; i += EIE_GROUP_ROWS) {
        __m512i sum = _mm512_load_si512(sums + i);
        if (plan->negated) sum = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
        if (offset != OFFSET_BIAS)
            sum =
                _mm512_add_epi32(sum, _mm512_mullo_epi32(more, _mm512_load_si512(weight_sums + i)));
        _mm512_store_si512(sums + i, sum);
    }
}

/* The outputs of one block for `count` inputs from `input` on. */
ISA static void run_block(const struct plan *plan, uint32_t b, const struct operands *with,
                          struct split split, uint32_t input, uint32_t count)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const char *copy = plan->base.copies[plan->copy];
    const struct eie_row_block *block = &plan->groups.blocks[b];
    const uint32_t *pair_end = (const uint32_t *)(const void *)(copy + plan->at.pair_end);
    const uint16_t *first = (const uint16_t *)(const void *)(copy + plan->at.first);
    const uint32_t begin = block->first_group, end = block[1].first_group;
    const size_t lane = (size_t)begin * EIE_GROUP_ROWS;
    int32_t sums[TOGETHER][EIE_BLOCK_ROWS] __attribute__((aligned(64)));
    uint32_t unit = begin ? pair_end[begin - 1] : 0;
    sums_of_call *const sums_of_pair = sums_of_calls[split.planes - 1][count - 1];
    for (uint32_t g = begin; g < end; unit = pair_end[g], g += 2) {
        sums_of_pair(with, copy + (size_t)unit * UNIT_BYTES,
                     copy + (size_t)pair_end[g] * UNIT_BYTES, first + (size_t)unit * UNIT_STEPS,
                     &sums[0][(g - begin) * EIE_GROUP_ROWS], g + 1 < end);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (plan->negated || split.offset != OFFSET_BIAS)
            correct(plan, (const int32_t *)(const void *)(copy + plan->at.weight_sum) + lane,
                    end - begin, split.offset, sums[i]);
        eie_block_finish(layer, block, sums[i],
                         (const int32_t *)(const void *)(copy + plan->at.bias) + lane,
                         (const uint8_t *)copy + plan->at.place + (size_t)b * EIE_BLOCK_ROWS,
                         plan->base.outputs + (size_t)(input + i) * layer->outputs);
    }
}

static uint32_t together(const struct plan *plan, uint32_t input)
{
    const uint32_t left = plan->base.setup.problem.batch - input;
    return left < TOGETHER ? left : TOGETHER;
}

/* Each worker splits the inputs for itself, some at a time, and goes with these through its blocks.
 */
ISA static void work(void *context, uint32_t worker)
{
    struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t plane = plane_bytes(problem->layer), stride = 2 * plane;
    uint8_t *planes = plan->planes + stride * problem->batch * worker;
    struct split *splits = plan->splits + (size_t)worker * plan->split_count;
    for (uint32_t i = 0; i < problem->batch; i += TOGETHER)
        splits[i / TOGETHER] = split_inputs(plan, planes + stride * i, i, together(plan, i));
    for (uint32_t b = plan->groups.worker_block[worker]; b < plan->groups.worker_block[worker + 1];
         b++)
        for (uint32_t i = 0; i < problem->batch; i += TOGETHER) {
            const uint8_t *low = planes + stride * i;
            const struct operands with = {_mm512_loadu_si512(plan->low),
                                          _mm512_loadu_si512(plan->high), low, low + plane, stride};
            run_block(plan, b, &with, splits[i / TOGETHER], i, together(plan, i));
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
    eie_cpu_plan_cost(&plan->base, (uint64_t)plan->unit_count * UNIT_STEPS * STEP_SLOTS,
                      plan->at.end, cost);
}

/* How many planes the last call's inputs needed; nothing before it. */
static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    uint32_t most = 0;
    for (uint32_t i = 0; i < plan->split_count; i++)
        if (plan->splits[i].planes > most) most = plan->splits[i].planes;
    if (most) column(context, "eie_input_planes", NULL, most);
}

const struct eie_kernel eie_kernel_avx512_byte_lookup = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_byte_lookup",
    .summary = "prepacked rows in lanes; inputs and weights from register permutes of byte planes",
    .isa = "avx512,avx512vbmi,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_AVX512VBMI | EIE_CPU_VNNI,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
