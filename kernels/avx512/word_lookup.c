/* The gather as a register permute, on 16-bit words. Sixteen rows, one a 32-bit lane, walk along
 * the columns together. In each step 64 consecutive inputs sit in two registers, the window, and
 * every row of the group takes up to four of its weights there: a weight is a 6-bit place in the
 * window (vpermi2w) and a 4-bit code (vpermw on the codebook), and vpdpwssd multiplies and adds
 * pairs. The window follows the slowest row; a row that has nothing to take in it multiplies by
 * code 0. Nothing is decoded, scattered or skipped: on a CPU the random access is what costs, not
 * the product by a zero input (which is what EIE skips, ISCA 2016, section III.C).
 *
 * Words rather than bytes: the inputs need no splitting, signs cost nothing, a slot takes half the
 * dot products. That wins where vpermi2w is as cheap as vpermb (AMD from Zen 4 on).
 *
 * Where steps become fuller by it, two groups go as one: 32 rows of which each takes two weights.
 *
 * Of several inputs, four share the look-up of places and weights.
 *
 * The prepared form, 1.25 bytes a slot: four steps are a unit of five vectors of 32 words. Word w
 * of vector s < 4 holds for step s the places of slots w and 32 + w and the code of slot w; the
 * fifth vector holds the codes of slots 32 + w of all four steps. Permutes ignore high index bits
 * and the codebook's table is filled twice, so that a shift is all that unpacking needs. */
#include "host/machine/cpu.h"
#include "kernels/avx512/finish_lanes.h"
#include "kernels/avx512/row_groups.h"
#include "kernels/avx512/window_walk.h"
#include "kernels/cpu_plan.h"
#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW     64u  /* inputs in two registers */
#define TAKE       4u   /* weights of a row in a step */
#define UNIT_STEPS 4u   /* steps that are packed together */
#define UNIT_WORDS 160u /* 16-bit words of a unit */
#define STEP_SLOTS (TAKE * EIE_GROUP_ROWS)
#define INPUTS_MAX 65536u /* a step's first input is kept in 16 bits */

#define TOGETHER 4u /* inputs that share a look-up, at most */

#define ISA    __attribute__((target("avx512vnni")))
#define INLINE static inline __attribute__((always_inline))

/* A copy is one allocation: units, then first inputs of the steps, the unit behind each group's
 * pair, places of the rows in their blocks, biases in the order of the lanes. */
struct offsets {
    size_t first, pair_end, place, bias, end;
};

struct plan {
    struct eie_cpu_plan base;
    struct eie_row_groups groups;
    struct offsets at;
    uint32_t copy; /* of the product under way */
    uint32_t unit_count;
    bool as_one;       /* pairs of groups */
    int16_t table[32]; /* the codebook twice */
};

static void pack(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                 uint32_t code)
{
    uint16_t *word = (uint16_t *)unit + 2 * lane + k % 2;
    if (k < 2) {
        word[step * 32] |= (uint16_t)(place | code << 6);
    } else {
        word[step * 32] |= (uint16_t)(place << 10);
        word[UNIT_STEPS * 32] |= (uint16_t)(code << 4 * step);
    }
}

static const struct eie_window_form form = {
    .width = WINDOW,
    .line = 32,
    .line_worth = 6, /* NOTES.md */
    .take = TAKE,
    .unit_steps = UNIT_STEPS,
    .unit_bytes = UNIT_WORDS * sizeof(uint16_t),
    .pack = pack,
};

static struct offsets layout(const struct eie_layer *layer, uint64_t units, uint32_t groups,
                             uint32_t blocks)
{
    struct offsets at;
    at.first = units * UNIT_WORDS * sizeof(uint16_t);
    at.pair_end = at.first + eie_whole_lines(units * UNIT_STEPS * sizeof(uint16_t));
    at.place = at.pair_end + eie_whole_lines(groups * sizeof(uint32_t));
    at.bias = at.place + (size_t)blocks * EIE_BLOCK_ROWS;
    at.end = at.bias + (layer->bias ? (size_t)groups * EIE_GROUP_ROWS * sizeof(int32_t) : 0);
    return at;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: places of steps are 16 bits wide",
                        layer->inputs);
    const uint32_t groups = eie_row_groups_bound(layer->outputs);
    const uint32_t blocks = eie_row_blocks_bound(layer->outputs, problem->threads);
    const uint64_t units = eie_window_units_bound(&form, layer, groups);
    *plan_bytes = layout(layer, units, groups, blocks).end +
                  (uint64_t)groups * EIE_GROUP_ROWS * sizeof(uint32_t) +
                  (uint64_t)blocks * (EIE_BLOCK_ROWS + sizeof(struct eie_row_block)) +
                  eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    eie_row_groups_free(&plan->groups);
    eie_cpu_plan_end(&plan->base);
}

static void fill_copy(char *copy, const struct plan *plan, const struct eie_row_lists *rows,
                      const uint32_t *pair_end)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct eie_row_groups *groups = &plan->groups;
    eie_window_fill(&form, rows, groups, layer->inputs, plan->as_one, pair_end, copy,
                    (uint16_t *)(void *)(copy + plan->at.first));
    memcpy(copy + plan->at.pair_end, pair_end, groups->group_count * sizeof *pair_end);
    memcpy(copy + plan->at.place, groups->place, (size_t)groups->block_count * EIE_BLOCK_ROWS);
    int32_t *bias = (int32_t *)(void *)(copy + plan->at.bias);
    for (size_t lane = 0; layer->bias && lane < (size_t)groups->group_count * EIE_GROUP_ROWS;
         lane++)
        bias[lane] = groups->row[lane] == EIE_NO_ROW ? 0 : layer->bias[groups->row[lane]];
}

/* In the form that has fewer units: where pairs go as one, a step costs the same. */
static uint64_t place(const struct eie_layer *layer, const struct eie_row_lists *rows,
                      const struct eie_row_groups *groups, uint32_t *pair_end, bool *as_one)
{
    const uint64_t apart = eie_window_place(&form, rows, groups, layer->inputs, false, pair_end);
    const uint64_t joined = eie_window_place(&form, rows, groups, layer->inputs, true, pair_end);
    *as_one = joined < apart;
    return *as_one ? joined : eie_window_place(&form, rows, groups, layer->inputs, false, pair_end);
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
    if (!pair_end) {
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the pairs of layer %s", layer->name);
        goto done;
    }
    bool as_one;
    const uint64_t units = place(layer, &rows, &groups, pair_end, &as_one);
    const struct offsets at = layout(layer, units, groups.group_count, groups.block_count);
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), at.end, &base, error);
    if (status) goto done;
    struct plan *plan = (struct plan *)base;
    plan->groups = groups; /* the plan's from here on */
    memset(&groups, 0, sizeof groups);
    plan->at = at;
    plan->unit_count = (uint32_t)units;
    plan->as_one = as_one;
    memcpy(plan->table, layer->codebook, sizeof layer->codebook);
    memcpy(plan->table + EIE_CODEBOOK_SIZE, layer->codebook, sizeof layer->codebook);
    fill_copy(base->copies[0], plan, &rows, pair_end);
    for (uint32_t c = 1; c < setup->copies; c++) memcpy(base->copies[c], base->copies[0], at.end);
    *opaque = (struct eie_plan *)plan;
done:
    free(pair_end);
    eie_row_groups_free(&groups);
    eie_row_lists_free(&rows);
    return status;
}

/* A vector of a unit, loaded once: gcc would rather load it again for every shift, and there are
 * more loads than anything else. */
INLINE __m512i load_once(const uint16_t *vector)
{
    __m512i words = _mm512_load_si512(vector);
    __asm__("" : "+v"(words));
    return words;
}

/* Sums of a group for one input; chains keep the dot products' latency out of the way. */
struct sums {
    __m512i even, odd, third;
};

/* A run of units of a copy, and the first of the inputs that they are multiplied by. */
struct stream {
    const uint16_t *unit, *first;
    const int16_t *input;
    size_t to_next; /* words from an input to the next one */
    __m512i table;
};

INLINE void stream_next(struct stream *stream, uint32_t units)
{
    stream->unit += (size_t)units * UNIT_WORDS;
    stream->first += (size_t)units * UNIT_STEPS;
}

/* The places and the weights of a step. */
struct slots {
    __m512i place0, place1, weight0, weight1;
};

/* 64 products of one input: into the 16 sums of a group, or, of a pair that goes as one, the first
 * 32 into one's and the others into the other's. */
ISA INLINE void add_slots(__m512i *sum, __m512i *other, const int16_t *window, struct slots slots)
{
    const __m512i low = _mm512_loadu_si512(window), high = _mm512_loadu_si512(window + 32);
    const __m512i a0 = _mm512_permutex2var_epi16(low, slots.place0, high);
    const __m512i a1 = _mm512_permutex2var_epi16(low, slots.place1, high);
    *sum = _mm512_dpwssd_epi32(*sum, a0, slots.weight0);
    *other = _mm512_dpwssd_epi32(*other, a1, slots.weight1);
}

ISA INLINE struct slots look_up(__m512i word, __m512i codes, __m512i table)
{
    return (struct slots){word, _mm512_srli_epi16(word, 10),
                          _mm512_permutexvar_epi16(_mm512_srli_epi16(word, 6), table),
                          _mm512_permutexvar_epi16(codes, table)};
}

/* Adds the products of one unit for `count` inputs. As one: a step's halves belong to two groups,
 * whose sums are the even and the odd ones. */
ISA INLINE void add_unit(const struct stream *stream, uint32_t count, bool as_one,
                         struct sums *sums)
{
    const uint16_t *unit = stream->unit, *first = stream->first;
    const __m512i codes = load_once(unit + 128), table = stream->table;
    struct slots slots;
#define ADD(i, chain, step)                                                                        \
    add_slots(as_one ? &sums[i].even : &sums[i].chain, as_one ? &sums[i].odd : &sums[i].chain,     \
              stream->input + (i)*stream->to_next + first[step], slots)
#define ADD_0(i) ADD(i, even, 0)
#define ADD_1(i) ADD(i, odd, 1)
#define ADD_2(i) ADD(i, third, 2)
#define ADD_3(i) ADD(i, odd, 3)
    slots = look_up(load_once(unit), codes, table);
    EIE_EACH_INPUT(count, ADD_0);
    slots = look_up(load_once(unit + 32), _mm512_srli_epi16(codes, 4), table);
    EIE_EACH_INPUT(count, ADD_1);
    slots = look_up(load_once(unit + 64), _mm512_srli_epi16(codes, 8), table);
    EIE_EACH_INPUT(count, ADD_2);
    slots = look_up(load_once(unit + 96), _mm512_srli_epi16(codes, 12), table);
    EIE_EACH_INPUT(count, ADD_3);
#undef ADD_0
#undef ADD_1
#undef ADD_2
#undef ADD_3
#undef ADD
}

ISA INLINE struct sums no_sums(void)
{
    const __m512i zero = _mm512_setzero_si512();
    return (struct sums){zero, zero, zero};
}

ISA INLINE __m512i join(const struct sums *sums)
{
    return _mm512_add_epi32(_mm512_add_epi32(sums->even, sums->odd), sums->third);
}

/* The sums of a group, whose units are every `stride`-th of `units`. */
ISA INLINE void group_sums(struct stream stream, uint32_t units, uint32_t stride, uint32_t count,
                           int32_t *to)
{
    struct sums sums[TOGETHER] = {no_sums(), no_sums(), no_sums(), no_sums()};
    for (uint32_t u = 0; u < units; u += stride, stream_next(&stream, stride))
        add_unit(&stream, count, false, sums);
#define STORE(i) _mm512_store_si512(to + (size_t)(i)*EIE_BLOCK_ROWS, join(&sums[i]))
    EIE_EACH_INPUT(count, STORE);
#undef STORE
}

/* The sums of both groups of a pair, whose units alternate, for one input. */
ISA INLINE void pair_sums(struct stream stream, uint32_t units, int32_t *to)
{
    struct sums one = no_sums(), two = no_sums();
    for (uint32_t u = 0; u < units; u += 2) {
        add_unit(&stream, 1, false, &one);
        stream_next(&stream, 1);
        add_unit(&stream, 1, false, &two);
        stream_next(&stream, 1);
    }
    _mm512_store_si512(to, join(&one));
    _mm512_store_si512(to + EIE_GROUP_ROWS, join(&two));
}

/* The sums of a pair that goes as one. */
ISA INLINE void joined_sums(struct stream stream, uint32_t units, uint32_t count, int32_t *to)
{
    struct sums sums[TOGETHER] = {no_sums(), no_sums(), no_sums(), no_sums()};
    for (uint32_t u = 0; u < units; u++, stream_next(&stream, 1))
        add_unit(&stream, count, true, sums);
#define STORE(i)                                                                                   \
    do {                                                                                           \
        int32_t *at = to + (size_t)(i)*EIE_BLOCK_ROWS;                                             \
        _mm512_store_si512(at, sums[i].even);                                                      \
        _mm512_store_si512(at + EIE_GROUP_ROWS, sums[i].odd);                                      \
    } while (0)
    EIE_EACH_INPUT(count, STORE);
#undef STORE
}

/* The sums of each group of a block, for `count` inputs whose sums lie a block apart. */
ISA INLINE void block_sums(struct stream stream, const uint32_t *pair_end, uint32_t unit,
                           uint32_t groups, bool as_one, uint32_t count, int32_t *to)
{
    for (uint32_t g = 0; g < groups; g += 2) {
        const uint32_t units = pair_end[g] - unit;
        int32_t *at = to + (size_t)g * EIE_GROUP_ROWS;
        if (g + 1 == groups) {
            group_sums(stream, units, 1, count, at);
        } else if (as_one) {
            joined_sums(stream, units, count, at);
        } else if (count == 1) {
            pair_sums(stream, units, at);
        } else {
            struct stream other = stream;
            stream_next(&other, 1);
            group_sums(stream, units, 2, count, at);
            group_sums(other, units, 2, count, at + EIE_GROUP_ROWS);
        }
        stream_next(&stream, units);
        unit = pair_end[g];
    }
}

typedef void block_sums_of_count(struct stream stream, const uint32_t *pair_end, uint32_t unit,
                                 uint32_t groups, bool as_one, int32_t *to);

#define BLOCK_SUMS(count)                                                                          \
    ISA static void block_sums_of_##count(struct stream stream, const uint32_t *pair_end,          \
                                          uint32_t unit, uint32_t groups, bool as_one,             \
                                          int32_t *to)                                             \
    {                                                                                              \
        block_sums(stream, pair_end, unit, groups, as_one, count, to);                             \
    }
BLOCK_SUMS(1)
BLOCK_SUMS(2)
BLOCK_SUMS(3)
BLOCK_SUMS(4)

static block_sums_of_count *const block_sums_of[TOGETHER] = {block_sums_of_1, block_sums_of_2,
                                                             block_sums_of_3, block_sums_of_4};

/* The outputs of one block for `count` inputs from the `input`-th on. */
ISA static void run_block(const struct plan *plan, const char *copy, uint32_t b, uint32_t input,
                          uint32_t count)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct eie_row_block *block = &plan->groups.blocks[b];
    const uint32_t *pair_end = (const uint32_t *)(const void *)(copy + plan->at.pair_end);
    const uint32_t unit = block->first_group ? pair_end[block->first_group - 1] : 0;
    const struct stream stream = {
        .unit = (const uint16_t *)(const void *)copy + (size_t)unit * UNIT_WORDS,
        .first =
            (const uint16_t *)(const void *)(copy + plan->at.first) + (size_t)unit * UNIT_STEPS,
        .input = plan->base.inputs + (size_t)input * layer->inputs,
        .to_next = layer->inputs,
        .table = _mm512_loadu_si512(plan->table),
    };
    int32_t sums[TOGETHER][EIE_BLOCK_ROWS] __attribute__((aligned(64)));
    block_sums_of[count - 1](stream, pair_end + block->first_group, unit,
                             block[1].first_group - block->first_group, plan->as_one, sums[0]);
    const int32_t *bias = (const int32_t *)(const void *)(copy + plan->at.bias);
    for (uint32_t i = 0; i < count; i++)
        eie_block_finish(layer, block, sums[i],
                         layer->bias ? bias + (size_t)block->first_group * EIE_GROUP_ROWS : NULL,
                         (const uint8_t *)copy + plan->at.place + (size_t)b * EIE_BLOCK_ROWS,
                         plan->base.outputs + (size_t)(input + i) * layer->outputs);
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const uint32_t batch = plan->base.setup.problem.batch;
    const char *copy = plan->base.copies[plan->copy];
    for (uint32_t b = plan->groups.worker_block[worker]; b < plan->groups.worker_block[worker + 1];
         b++)
        for (uint32_t i = 0; i < batch; i += TOGETHER)
            run_block(plan, copy, b, i, batch - i < TOGETHER ? batch - i : TOGETHER);
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

const struct eie_kernel eie_kernel_avx512_word_lookup = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_word_lookup",
    .summary = "prepacked rows in lanes; inputs and weights from register permutes of 16-bit words",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
