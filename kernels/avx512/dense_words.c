/* Dense 16-bit weights, for layers in which hardly a weight is missing (SqueezeNet's first layer
 * and its squeeze layers): no index, no code, no look-up. Each product is made, so that below about
 * 40 % of the weights the sparse kernels win, and two bytes a place are read, so that a matrix that
 * leaves the caches is better kept as codes (avx512_dense_codebook).
 *
 * Rows are lanes of 32 bits, with two neighbouring columns' weights in each: [row vector][pair of
 * columns][16]. A pair of inputs is one 32-bit word of the input vector as it is, broadcast by the
 * load, and vpdpwssd does the rest; sums come in the order of the outputs. Up to 8 row vectors and
 * 6 inputs go together, 24 sums at most, so that a weight is loaded once for 6 inputs and a pair of
 * inputs once for 64 rows: 24 dot products take 10 loads. */
#include "host/machine/cpu.h"
#include "kernels/avx512/finish_lanes.h"
#include "kernels/avx512/row_groups.h"
#include "kernels/cpu_plan.h"

#include <string.h>

#define ISA    __attribute__((target("avx512vnni")))
#define INLINE static inline __attribute__((always_inline))

#define LANES        EIE_GROUP_ROWS
#define VECTORS_MOST 8u
#define INPUTS_MOST  6u
#define SUMS_MOST    24u /* row vectors times inputs */
#define SHARE        2u  /* row vectors: a cache line of the first input's y */

struct plan {
    struct eie_cpu_plan base; /* a copy: int16 [vectors][pairs][LANES][2] */
    uint32_t vectors, pairs;
    uint32_t copy; /* of the product under way */
};

static uint32_t vectors_of(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / LANES + 1;
}

static uint32_t pairs_of(const struct eie_layer *layer)
{
    return (layer->inputs - 1) / 2 + 1;
}

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return (uint64_t)vectors_of(layer) * pairs_of(layer) * LANES * 2 * sizeof(int16_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    *plan_bytes = copy_bytes(problem->layer) + eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

static void fill_copy(const struct plan *plan, const struct eie_sparse_codes *codes, int16_t *copy)
{
    const int16_t *codebook = plan->base.setup.problem.layer->codebook;
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t row = codes->row[e];
            const size_t pair = (size_t)(row / LANES) * plan->pairs + j / 2;
            copy[(pair * LANES + row % LANES) * 2 + j % 2] = codebook[codes->code[e]];
        }
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint64_t bytes = copy_bytes(layer);
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), bytes, &base, error);
    if (!status) {
        struct plan *plan = (struct plan *)base;
        plan->vectors = vectors_of(layer);
        plan->pairs = pairs_of(layer);
        fill_copy(plan, &codes, base->copies[0]);
        for (uint32_t c = 1; c < setup->copies; c++)
            memcpy(base->copies[c], base->copies[0], bytes);
        *opaque = (struct eie_plan *)plan;
    }
    eie_sparse_codes_free(&codes);
    return status;
}

/* A tile: row vectors whose weights lie `vector_words` apart, and inputs `input_words` apart. */
struct tile {
    const int16_t *weights, *inputs;
    size_t vector_words, input_words;
    uint32_t pairs;
};

/* Its sums, [inputs][vectors]; both numbers are constants where this is inlined. */
ISA INLINE void add_pairs(const struct tile *tile, uint32_t vectors, uint32_t inputs, __m512i *sums)
{
    __m512i acc[SUMS_MOST];
#pragma GCC unroll 24
    for (uint32_t i = 0; i < vectors * inputs; i++) acc[i] = _mm512_setzero_si512();
    for (uint32_t p = 0; p < tile->pairs; p++) {
        __m512i w[VECTORS_MOST];
#pragma GCC unroll 8
        for (uint32_t v = 0; v < vectors; v++)
            w[v] =
                _mm512_load_si512(tile->weights + v * tile->vector_words + (size_t)p * 2 * LANES);
#pragma GCC unroll 6
        for (uint32_t i = 0; i < inputs; i++) {
            int32_t both;
            memcpy(&both, tile->inputs + i * tile->input_words + (size_t)p * 2, sizeof both);
            const __m512i a = _mm512_set1_epi32(both);
#pragma GCC unroll 8
            for (uint32_t v = 0; v < vectors; v++)
                acc[i * vectors + v] = _mm512_dpwssd_epi32(acc[i * vectors + v], w[v], a);
        }
    }
#pragma GCC unroll 24
    for (uint32_t i = 0; i < vectors * inputs; i++) _mm512_store_si512(sums + i, acc[i]);
}

typedef void add_pairs_of(const struct tile *tile, __m512i *sums);

#define ADD_PAIRS(vectors, inputs)                                                                 \
    ISA static void add_pairs_##vectors##_##inputs(const struct tile *tile, __m512i *sums)         \
    {                                                                                              \
        add_pairs(tile, vectors, inputs, sums);                                                    \
    }
ADD_PAIRS(1, 1)
ADD_PAIRS(1, 2)
ADD_PAIRS(1, 3)
ADD_PAIRS(1, 6)
ADD_PAIRS(2, 1)
ADD_PAIRS(2, 2)
ADD_PAIRS(2, 3)
ADD_PAIRS(2, 6)
ADD_PAIRS(4, 1)
ADD_PAIRS(4, 2)
ADD_PAIRS(4, 3)
ADD_PAIRS(4, 6)
ADD_PAIRS(8, 1)
ADD_PAIRS(8, 2)
ADD_PAIRS(8, 3)

/* By the logarithm of the row vectors, and by the inputs: 1, 2, 3, 6. */
static add_pairs_of *const add_pairs_by[4][4] = {
    {add_pairs_1_1, add_pairs_1_2, add_pairs_1_3, add_pairs_1_6},
    {add_pairs_2_1, add_pairs_2_2, add_pairs_2_3, add_pairs_2_6},
    {add_pairs_4_1, add_pairs_4_2, add_pairs_4_3, add_pairs_4_6},
    {add_pairs_8_1, add_pairs_8_2, add_pairs_8_3, NULL},
};

/* The tile's part of y. */
ISA static void store(const struct eie_layer *layer, const __m512i *sums, uint32_t row,
                      uint32_t vectors, uint32_t inputs, int16_t *y)
{
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t v = 0; v < vectors; v++, row += LANES) {
        const uint32_t left = layer->outputs - row;
        const __mmask16 there = (__mmask16)(left < LANES ? (1u << left) - 1 : 0xFFFFu);
        const __m512i bias = layer->bias ? _mm512_maskz_loadu_epi32(there, layer->bias + row)
                                         : _mm512_setzero_si512();
        for (uint32_t i = 0; i < inputs; i++)
            _mm256_mask_storeu_epi16(y + (size_t)i * layer->outputs + row, there,
                                     eie_finish_lanes(_mm512_add_epi32(sums[i * vectors + v], bias),
                                                      layer->activation, shift));
    }
}

/* Inputs that go together of so many that are left. */
static uint32_t inputs_of(uint32_t left)
{
    return left >= INPUTS_MOST ? INPUTS_MOST : left >= 3 ? 3 : left;
}

/* The logarithm of the row vectors that do, with so many inputs. */
static uint32_t log_vectors_of(uint32_t left, uint32_t inputs)
{
    uint32_t log = 0;
    while ((2u << log) <= left && (2u << log) <= VECTORS_MOST && (2u << log) * inputs <= SUMS_MOST)
        log++;
    return log;
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const size_t vector_words = (size_t)plan->pairs * LANES * 2;
    const int16_t *weights = plan->base.copies[plan->copy];
    const uint64_t shares = (plan->vectors - 1) / SHARE + 1;
    const uint32_t begin = (uint32_t)(shares * worker / problem->threads) * SHARE;
    uint32_t end = (uint32_t)(shares * (worker + 1) / problem->threads) * SHARE;
    __m512i sums[SUMS_MOST];
    if (end > plan->vectors) end = plan->vectors;
    for (uint32_t v = begin, vectors; v < end; v += vectors) {
        vectors = 1u << log_vectors_of(end - v, inputs_of(problem->batch));
        for (uint32_t b = 0, inputs; b < problem->batch; b += inputs) {
            inputs = inputs_of(problem->batch - b);
            const struct tile tile = {weights + v * vector_words,
                                      plan->base.inputs + (size_t)b * layer->inputs, vector_words,
                                      layer->inputs, plan->pairs};
            add_pairs_by[log_vectors_of(vectors, inputs)][inputs == INPUTS_MOST ? 3 : inputs - 1](
                &tile, sums);
            store(layer, sums, v * LANES, vectors, inputs,
                  plan->base.outputs + (size_t)b * layer->outputs);
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
    eie_cpu_plan_cost(&plan->base, (uint64_t)plan->vectors * LANES * plan->pairs * 2,
                      copy_bytes(plan->base.setup.problem.layer), cost);
}

const struct eie_kernel eie_kernel_avx512_dense_words = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_dense_words",
    .summary =
        "dense 16-bit weights with rows in lanes, by vpdpwssd: for layers that hardly miss any",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = eie_cpu_plan_destroy,
};
