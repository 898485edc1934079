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
 * bias. A codebook with weights above 32639, whose p would not fit, is negated, and so are the
 * sums.
 *
 * The prepared form, 1.25 bytes a slot: four steps are a unit of five vectors of 64 bytes. The low
 * six bits of byte b of vector s < 4 are the place in the window of slot b in step s; the fifth
 * vector holds the codes of steps 0 and 1 in its nibbles. The codes of steps 2 and 3 stand in the
 * high two bits of vectors 0, 1 and 2, 3, the high half first. Permutes ignore high index bits and
 * the codebook's tables are filled four times, so that hardly a mask is needed. */
#include "host/machine/cpu.h"
#include "kernels/avx512/row_groups.h"
#include "kernels/avx512/window_walk.h"
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
#define HIGHEST     32639  /* the largest w = q + 256 p with signed bytes */
#define OFFSET_BIAS 32768

#define ISA __attribute__((target("avx512vnni,avx512vbmi")))

/* A copy is one allocation: units, then first inputs of the steps, the unit behind each group's
 * pair, places of the rows in their blocks, biases in the order of the lanes. */
struct offsets {
    size_t first, pair_end, place, bias, end;
};

struct plan {
    struct eie_cpu_plan base;
    struct eie_row_groups groups;
    struct offsets at;
    uint8_t *planes;          /* [threads][batch][2][plane_bytes]: each worker splits for itself */
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

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* One plane of one input vector, and a window behind the end. */
static size_t plane_bytes(const struct eie_layer *layer)
{
    return ((size_t)(layer->inputs - 1) / LINE + 1) * LINE + WINDOW;
}

static struct offsets layout(uint64_t units, uint32_t groups, uint32_t blocks)
{
    struct offsets at;
    at.first = units * UNIT_BYTES;
    at.pair_end = at.first + lines(units * UNIT_STEPS * sizeof(uint16_t));
    at.place = at.pair_end + lines(groups * sizeof(uint32_t));
    at.bias = at.place + (size_t)blocks * EIE_BLOCK_ROWS;
    at.end = at.bias + (size_t)groups * EIE_GROUP_ROWS * sizeof(int32_t);
    return at;
}

/* Whether the codebook is to be negated, or EIE_UNSUPPORTED. */
static enum eie_status choose_sign(const struct eie_layer *layer, bool *negated,
                                   struct eie_error *error)
{
    int least = 0, most = 0;
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        if (layer->codebook[c] < least) least = layer->codebook[c];
        if (layer->codebook[c] > most) most = layer->codebook[c];
    }
    *negated = most > HIGHEST;
    if (*negated && least < -HIGHEST)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a codebook from %d to %d has no two signed bytes a weight", least, most);
    return EIE_OK;
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
                  eie_cpu_plan_bytes(problem);
    return choose_sign(layer, &negated, error);
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    eie_row_groups_free(&plan->groups);
    free(plan->planes);
    eie_cpu_plan_end(&plan->base);
}

static void split_codebook(struct plan *plan, const int16_t codebook[EIE_CODEBOOK_SIZE])
{
    for (int c = 0; c < 64; c++) {
        const int w = codebook[c % EIE_CODEBOOK_SIZE], weight = plan->negated ? -w : w;
        plan->low[c] = (int8_t)((weight & 255) < 128 ? weight & 255 : (weight & 255) - 256);
        plan->high[c] = (int8_t)((weight - plan->low[c]) / 256);
    }
}

/* The row's bias, and what the offset of the inputs has added too much. */
static uint32_t row_bias(const struct eie_layer *layer, const struct eie_row_lists *rows,
                         uint32_t row)
{
    uint32_t bias = layer->bias ? (uint32_t)layer->bias[row] : 0;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++)
        bias -= (uint32_t)layer->codebook[rows->code[e]] * OFFSET_BIAS;
    return bias;
}

static void fill_copy(char *copy, const struct plan *plan, const struct eie_row_lists *rows,
                      const uint32_t *pair_end)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct eie_row_groups *groups = &plan->groups;
    eie_window_fill(&form, rows, groups, layer->inputs, pair_end, copy,
                    (uint16_t *)(void *)(copy + plan->at.first));
    memcpy(copy + plan->at.pair_end, pair_end, groups->group_count * sizeof *pair_end);
    memcpy(copy + plan->at.place, groups->place, (size_t)groups->block_count * EIE_BLOCK_ROWS);
    uint32_t *bias = (uint32_t *)(void *)(copy + plan->at.bias);
    for (size_t lane = 0; lane < (size_t)groups->group_count * EIE_GROUP_ROWS; lane++)
        bias[lane] = groups->row[lane] == EIE_NO_ROW ? 0 : row_bias(layer, rows, groups->row[lane]);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_row_lists rows;
    struct eie_row_groups groups = {0};
    struct eie_cpu_plan *base = NULL;
    uint32_t *pair_end = NULL;
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    status = eie_row_groups_make(layer, &rows, setup->problem.threads, &groups, error);
    if (status) goto done;
    pair_end = malloc(groups.group_count * sizeof *pair_end);
    uint8_t *planes = eie_aligned_zeroed((size_t)setup->problem.threads * setup->problem.batch * 2 *
                                         plane_bytes(layer));
    if (!pair_end || !planes) {
        free(planes);
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the planes of layer %s", layer->name);
        goto done;
    }
    const uint64_t units = eie_window_place(&form, &rows, &groups, layer->inputs, pair_end);
    const struct offsets at = layout(units, groups.group_count, groups.block_count);
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), at.end, &base, error);
    if (status) {
        free(planes);
        goto done;
    }
    struct plan *plan = (struct plan *)base;
    plan->planes = planes;
    plan->groups = groups; /* the plan's from here on */
    memset(&groups, 0, sizeof groups);
    plan->at = at;
    plan->unit_count = (uint32_t)units;
    status = choose_sign(layer, &plan->negated, error);
    if (status) {
        destroy((struct eie_plan *)plan);
        goto done;
    }
    split_codebook(plan, layer->codebook);
    fill_copy(base->copies[0], plan, &rows, pair_end);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], at.end);
    *opaque = (struct eie_plan *)plan;
done:
    free(pair_end);
    eie_row_groups_free(&groups);
    eie_row_lists_free(&rows);
    return status;
}

static inline __mmask32 first_words(uint32_t count)
{
    return count < 32 ? (__mmask32)((1u << count) - 1) : (__mmask32)-1;
}

/* Splits one input vector into its planes. */
ISA static void split_input(const int16_t *input, uint32_t inputs, uint8_t *low, uint8_t *high)
{
    uint8_t number[64];
    for (int i = 0; i < 64; i++) number[i] = (uint8_t)(2 * i);
    const __m512i even = _mm512_loadu_si512(number);
    const __m512i odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
    const __m512i offset = _mm512_set1_epi16((int16_t)0x8000);
    for (uint32_t j = 0; j < inputs; j += LINE) {
        const uint32_t left = inputs - j, more = left < 32 ? 0 : left - 32;
        const __m512i a = _mm512_maskz_loadu_epi16(first_words(left), input + j);
        const __m512i b = _mm512_maskz_loadu_epi16(first_words(more), input + j + (more ? 32 : 0));
        const __m512i u = _mm512_xor_si512(a, offset), v = _mm512_xor_si512(b, offset);
        _mm512_store_si512(low + j, _mm512_permutex2var_epi8(u, even, v));
        _mm512_store_si512(high + j, _mm512_permutex2var_epi8(u, odd, v));
    }
}

/* Sums of a group by weight of the digits: 1, twice 256, 65536. */
struct sums {
    __m512i unit, mid0, mid1, top;
};

/* The planes of an input and the digits of the codebook. */
struct operands {
    const uint8_t *low_plane, *high_plane;
    __m512i low, high;
};

/* One step: 64 slots. */
ISA static inline void step(struct sums *sums, const struct operands *with, uint32_t first,
                            __m512i place, __m512i codes)
{
    const __m512i l = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(with->low_plane + first));
    const __m512i h = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(with->high_plane + first));
    const __m512i q = _mm512_permutexvar_epi8(codes, with->low);
    const __m512i p = _mm512_permutexvar_epi8(codes, with->high);
    sums->unit = _mm512_dpbusd_epi32(sums->unit, l, q);
    sums->mid0 = _mm512_dpbusd_epi32(sums->mid0, l, p);
    sums->mid1 = _mm512_dpbusd_epi32(sums->mid1, h, q);
    sums->top = _mm512_dpbusd_epi32(sums->top, h, p);
}

/* A vector of a unit, loaded once: gcc would rather load it again for every use. */
static inline __m512i load_once(const char *vector)
{
    __m512i bytes = _mm512_load_si512(vector);
    __asm__("" : "+v"(bytes));
    return bytes;
}

/* The code that stands in the high two bits of two vectors. */
ISA static inline __m512i high_bits(__m512i upper, __m512i lower)
{
    const __m512i top = _mm512_set1_epi8((char)0xC0);
    return _mm512_srli_epi16(
        _mm512_ternarylogic_epi32(top, upper, _mm512_srli_epi16(lower, 2), 0xCA),
        4); /* top ? upper : lower */
}

ISA static inline void add_unit(struct sums *sums, const struct operands *with, const char *unit,
                                const uint16_t *first)
{
    const __m512i place0 = load_once(unit), place1 = load_once(unit + 64);
    const __m512i place2 = load_once(unit + 128), place3 = load_once(unit + 192);
    const __m512i codes = load_once(unit + 256);
    step(sums, with, first[0], place0, codes);
    step(sums, with, first[1], place1, _mm512_srli_epi16(codes, 4));
    step(sums, with, first[2], place2, high_bits(place0, place1));
    step(sums, with, first[3], place3, high_bits(place2, place3));
}

ISA static inline __m512i join(const struct sums *sums, bool negated)
{
    const __m512i mid = _mm512_add_epi32(sums->mid0, sums->mid1);
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(sums->unit, _mm512_slli_epi32(mid, 8)),
                                         _mm512_slli_epi32(sums->top, 16));
    return negated ? _mm512_sub_epi32(_mm512_setzero_si512(), sum) : sum;
}

/* The sums of the pair, or of the single group, that has units `unit` to `end`. */
ISA static void pair_sums(const struct plan *plan, const char *copy, const struct operands *with,
                          uint32_t unit, uint32_t end, bool pair, int32_t *to)
{
    const char *at = copy + (size_t)unit * UNIT_BYTES;
    const uint16_t *first =
        (const uint16_t *)(const void *)(copy + plan->at.first) + (size_t)unit * UNIT_STEPS;
    struct sums one = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                       _mm512_setzero_si512()};
    struct sums two = one;
    if (pair) {
        for (; unit < end; unit += 2, at += 2 * UNIT_BYTES, first += 2 * UNIT_STEPS) {
            add_unit(&one, with, at, first);
            add_unit(&two, with, at + UNIT_BYTES, first + UNIT_STEPS);
        }
        _mm512_store_si512(to + EIE_GROUP_ROWS, join(&two, plan->negated));
    } else {
        for (; unit < end; unit++, at += UNIT_BYTES, first += UNIT_STEPS)
            add_unit(&one, with, at, first);
    }
    _mm512_store_si512(to, join(&one, plan->negated));
}

/* The outputs of one block for one input. */
ISA static void run_block(const struct plan *plan, const char *copy, uint32_t b,
                          const struct operands *with, int16_t *y)
{
    const struct eie_row_block *block = &plan->groups.blocks[b];
    const uint32_t *pair_end = (const uint32_t *)(const void *)(copy + plan->at.pair_end);
    const uint32_t begin = block->first_group, end = block[1].first_group;
    int32_t sums[EIE_BLOCK_ROWS] __attribute__((aligned(64)));
    uint32_t unit = begin ? pair_end[begin - 1] : 0;
    for (uint32_t g = begin; g < end; unit = pair_end[g], g += 2)
        pair_sums(plan, copy, with, unit, pair_end[g], g + 1 < end,
                  sums + (size_t)(g - begin) * EIE_GROUP_ROWS);
    eie_block_finish(plan->base.setup.problem.layer, block, sums,
                     (const int32_t *)(const void *)(copy + plan->at.bias) +
                         (size_t)begin * EIE_GROUP_ROWS,
                     (const uint8_t *)copy + plan->at.place + (size_t)b * EIE_BLOCK_ROWS, y);
}

ISA static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const size_t size = 2 * plane_bytes(layer);
    uint8_t *planes = plan->planes + size * problem->batch * worker;
    for (uint32_t i = 0; i < problem->batch; i++)
        split_input(plan->base.inputs + (size_t)i * layer->inputs, layer->inputs, planes + size * i,
                    planes + size * i + size / 2);
    for (uint32_t b = plan->groups.worker_block[worker]; b < plan->groups.worker_block[worker + 1];
         b++) {
        for (uint32_t i = 0; i < problem->batch; i++) {
            const struct operands with = {planes + size * i, planes + size * i + size / 2,
                                          _mm512_loadu_si512(plan->low),
                                          _mm512_loadu_si512(plan->high)};
            run_block(plan, plan->base.copies[plan->copy], b, &with,
                      plan->base.outputs + (size_t)i * layer->outputs);
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
    const struct eie_problem *problem = &plan->base.setup.problem;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding =
        (uint64_t)plan->unit_count * UNIT_STEPS * STEP_SLOTS * problem->batch - cost->macs_useful;
    cost->prepared_bytes = plan->at.end;
    cost->bytes_read =
        plan->at.end + (uint64_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
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
    .destroy = destroy,
};
