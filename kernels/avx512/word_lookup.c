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
 * The prepared form, 1.25 bytes a slot: four steps are a unit of five vectors of 32 words. Word w
 * of vector s < 4 holds for step s the places of slots w and 32 + w and the code of slot w; the
 * fifth vector holds the codes of slots 32 + w of all four steps. Permutes ignore high index bits
 * and the codebook's table is filled twice, so that a shift is all that unpacking needs. */
#include "host/machine/cpu.h"
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

#define ISA __attribute__((target("avx512vnni")))

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

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static struct offsets layout(const struct eie_layer *layer, uint64_t units, uint32_t groups,
                             uint32_t blocks)
{
    struct offsets at;
    at.first = units * UNIT_WORDS * sizeof(uint16_t);
    at.pair_end = at.first + lines(units * UNIT_STEPS * sizeof(uint16_t));
    at.place = at.pair_end + lines(groups * sizeof(uint32_t));
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
    eie_window_fill(&form, rows, groups, layer->inputs, pair_end, copy,
                    (uint16_t *)(void *)(copy + plan->at.first));
    memcpy(copy + plan->at.pair_end, pair_end, groups->group_count * sizeof *pair_end);
    memcpy(copy + plan->at.place, groups->place, (size_t)groups->block_count * EIE_BLOCK_ROWS);
    int32_t *bias = (int32_t *)(void *)(copy + plan->at.bias);
    for (size_t lane = 0; layer->bias && lane < (size_t)groups->group_count * EIE_GROUP_ROWS;
         lane++)
        bias[lane] = groups->row[lane] == EIE_NO_ROW ? 0 : layer->bias[groups->row[lane]];
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
    const uint64_t units = eie_window_place(&form, &rows, &groups, layer->inputs, pair_end);
    const struct offsets at = layout(layer, units, groups.group_count, groups.block_count);
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), at.end, &base, error);
    if (status) goto done;
    struct plan *plan = (struct plan *)base;
    plan->groups = groups; /* the plan's from here on */
    memset(&groups, 0, sizeof groups);
    plan->at = at;
    plan->unit_count = (uint32_t)units;
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
static inline __m512i load_once(const uint16_t *vector)
{
    __m512i words = _mm512_load_si512(vector);
    __asm__("" : "+v"(words));
    return words;
}

/* One step: 64 products into 16 sums. */
ISA static inline __m512i step(__m512i sum, const int16_t *window, __m512i word, __m512i codes,
                               __m512i table)
{
    const __m512i low = _mm512_loadu_si512(window), high = _mm512_loadu_si512(window + 32);
    const __m512i a0 = _mm512_permutex2var_epi16(low, word, high);
    const __m512i a1 = _mm512_permutex2var_epi16(low, _mm512_srli_epi16(word, 10), high);
    const __m512i w0 = _mm512_permutexvar_epi16(_mm512_srli_epi16(word, 6), table);
    const __m512i w1 = _mm512_permutexvar_epi16(codes, table);
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, a0, w0), a1, w1);
}

/* A run of units of a copy, and the input that they are multiplied by. */
struct stream {
    const uint16_t *unit, *first;
    const int16_t *input;
    __m512i table;
};

static inline void stream_next(struct stream *stream)
{
    stream->unit += UNIT_WORDS;
    stream->first += UNIT_STEPS;
}

/* Adds the products of one unit; three chains keep the dot products' latency out of the way. */
ISA static inline void add_unit(const struct stream *stream, __m512i *sum0, __m512i *sum1,
                                __m512i *sum2)
{
    const uint16_t *unit = stream->unit, *first = stream->first;
    const int16_t *input = stream->input;
    const __m512i codes = load_once(unit + 128), table = stream->table;
    *sum0 = step(*sum0, input + first[0], load_once(unit), codes, table);
    *sum1 = step(*sum1, input + first[1], load_once(unit + 32), _mm512_srli_epi16(codes, 4), table);
    *sum2 = step(*sum2, input + first[2], load_once(unit + 64), _mm512_srli_epi16(codes, 8), table);
    *sum1 =
        step(*sum1, input + first[3], load_once(unit + 96), _mm512_srli_epi16(codes, 12), table);
}

/* The sums of a pair of groups. */
ISA static inline void pair_sums(struct stream *stream, uint32_t units, int32_t *sums)
{
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, b0 = a0, b1 = a0, b2 = a0;
    for (uint32_t u = 0; u < units; u += 2) {
        add_unit(stream, &a0, &a1, &a2);
        stream_next(stream);
        add_unit(stream, &b0, &b1, &b2);
        stream_next(stream);
    }
    _mm512_store_si512(sums, _mm512_add_epi32(_mm512_add_epi32(a0, a1), a2));
    _mm512_store_si512(sums + EIE_GROUP_ROWS, _mm512_add_epi32(_mm512_add_epi32(b0, b1), b2));
}

/* The sums of a group without a partner. */
ISA static inline void single_sums(struct stream *stream, uint32_t units, int32_t *sums)
{
    __m512i sum0 = _mm512_setzero_si512(), sum1 = sum0, sum2 = sum0;
    for (uint32_t u = 0; u < units; u++, stream_next(stream)) add_unit(stream, &sum0, &sum1, &sum2);
    _mm512_store_si512(sums, _mm512_add_epi32(_mm512_add_epi32(sum0, sum1), sum2));
}

/* The sums of each group of a block. */
ISA static void block_sums(struct stream stream, const uint32_t *pair_end, uint32_t unit,
                           uint32_t groups, int32_t *sums)
{
    uint32_t g = 0;
    for (; g + 1 < groups; unit = pair_end[g], g += 2)
        pair_sums(&stream, pair_end[g] - unit, sums + (size_t)g * EIE_GROUP_ROWS);
    if (g < groups) single_sums(&stream, pair_end[g] - unit, sums + (size_t)g * EIE_GROUP_ROWS);
}

/* The outputs of one block for one input. */
ISA static void run_block(const struct plan *plan, const char *copy, uint32_t b,
                          const int16_t *input, int16_t *y)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct eie_row_block *block = &plan->groups.blocks[b];
    const uint32_t *pair_end = (const uint32_t *)(const void *)(copy + plan->at.pair_end);
    const uint32_t unit = block->first_group ? pair_end[block->first_group - 1] : 0;
    const struct stream stream = {
        .unit = (const uint16_t *)(const void *)copy + (size_t)unit * UNIT_WORDS,
        .first =
            (const uint16_t *)(const void *)(copy + plan->at.first) + (size_t)unit * UNIT_STEPS,
        .input = input,
        .table = _mm512_loadu_si512(plan->table),
    };
    int32_t sums[EIE_BLOCK_ROWS] __attribute__((aligned(64)));
    block_sums(stream, pair_end + block->first_group, unit,
               block[1].first_group - block->first_group, sums);
    const int32_t *bias = (const int32_t *)(const void *)(copy + plan->at.bias);
    eie_block_finish(layer, block, sums,
                     layer->bias ? bias + (size_t)block->first_group * EIE_GROUP_ROWS : NULL,
                     (const uint8_t *)copy + plan->at.place + (size_t)b * EIE_BLOCK_ROWS, y);
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const char *copy = plan->base.copies[plan->copy];
    for (uint32_t b = plan->groups.worker_block[worker]; b < plan->groups.worker_block[worker + 1];
         b++)
        for (uint32_t i = 0; i < problem->batch; i++)
            run_block(plan, copy, b, plan->base.inputs + (size_t)i * problem->layer->inputs,
                      plan->base.outputs + (size_t)i * problem->layer->outputs);
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
