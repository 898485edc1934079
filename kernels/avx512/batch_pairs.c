/* Many inputs at once: a weight is read once and multiplied with 64 inputs. Columns go in pairs:
 * for each pair of columns in which a row has a weight there is one entry, the pair's place in a
 * tile of columns and both codes. The two codes are one index into a table of weight pairs, which
 * is broadcast and multiplied with the pair's inputs, 16 inputs a register, by vpdpwssd: two
 * products and a sum a lane, exact modulo 2^32. A tile's inputs fit into the first-level cache; all
 * rows pass over it before the next one comes. No gather, no horizontal sum; at 9 % density some 5
 * % of the multiplications have a weight of 0. */
#include "host/cpu.h"
#include "kernels/cpu_plan.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define VNNI       __attribute__((target("avx512vnni")))
#define LANES      16u          /* inputs in a register */
#define BLOCK      (4u * LANES) /* inputs that are taken at once */
#define TILE_PAIRS 96u          /* pairs of columns in a tile: 24 KiB of inputs */
#define ROW_UNIT   32u          /* rows a thread takes are multiples: a cache line of y */
#define INPUTS_MAX ((uint32_t)INT32_MAX)

struct entry {
    uint8_t pair, codes; /* place in the tile; code of the odd column above that of the even one */
};

/* One copy: for each tile and row the number of entries, then all entries, tile by tile. */
struct plan {
    struct eie_cpu_plan base;
    uint32_t tiles, pairs; /* pairs: of columns, padded to whole tiles */
    size_t entry_count;
    size_t *first;         /* [tiles][outputs / ROW_UNIT + 1]: first entry of each unit of rows */
    uint32_t *first_unit;  /* [threads + 1] units of rows of each worker, about equal entries */
    int32_t *inputs;       /* [pairs][BLOCK]: both columns' values of each input, as one word */
    int32_t *sums;         /* [outputs rounded up to ROW_UNIT][BLOCK] */
    uint32_t weights[256]; /* both weights of a pair of codes, as one word */
    uint32_t begin, width, copy; /* of the block of inputs under way: first, registers */
};

static uint32_t units_of(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / ROW_UNIT + 1;
}

static uint32_t tiles_of(const struct eie_layer *layer)
{
    return (layer->inputs - 1) / (2 * TILE_PAIRS) + 1;
}

static size_t count_bytes(const struct eie_layer *layer)
{
    return (size_t)tiles_of(layer) * layer->outputs;
}

static size_t copy_bytes(const struct eie_layer *layer, size_t entries)
{
    return count_bytes(layer) + entries * sizeof(struct entry);
}

static size_t sums_bytes(const struct eie_layer *layer)
{
    return (size_t)units_of(layer) * ROW_UNIT * BLOCK * sizeof(int32_t);
}

static size_t inputs_bytes(const struct eie_layer *layer)
{
    return (size_t)tiles_of(layer) * TILE_PAIRS * BLOCK * sizeof(int32_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %u fit", layer->inputs,
                        INPUTS_MAX);
    /* at most: every weight in a pair of its own */
    *plan_bytes = copy_bytes(layer, layer->entry_count) + sums_bytes(layer) + inputs_bytes(layer) +
                  (uint64_t)tiles_of(layer) * (units_of(layer) + 1) * sizeof(size_t) +
                  eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->first);
    free(plan->first_unit);
    free(plan->inputs);
    free(plan->sums);
    eie_cpu_plan_end(&plan->base);
}

/* ---- packing -------------------------------------------------------------------------------- */

/* The codes of one tile, [outputs][TILE_PAIRS], each a pair. */
static void spread_tile(const struct eie_sparse_codes *codes, uint32_t tile, uint8_t *pairs)
{
    memset(pairs, 0, (size_t)codes->outputs * TILE_PAIRS);
    for (uint32_t c = 0; c < 2 * TILE_PAIRS; c++) {
        const uint32_t column = tile * 2 * TILE_PAIRS + c;
        if (column >= codes->inputs) break;
        for (uint32_t e = codes->column_start[column]; e < codes->column_start[column + 1]; e++)
            pairs[(size_t)codes->row[e] * TILE_PAIRS + c / 2] |=
                (uint8_t)(codes->code[e] << (c % 2 * 4));
    }
}

/* Appends the entries of a tile, row by row. */
static size_t pack_tile(struct plan *plan, const uint8_t *pairs, uint32_t tile, uint8_t *counts,
                        struct entry *entries, size_t used)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t units = units_of(layer);
    size_t *first = plan->first + (size_t)tile * (units + 1);
    for (uint32_t row = 0; row < layer->outputs; row++) {
        const size_t begin = used;
        if (row % ROW_UNIT == 0) first[row / ROW_UNIT] = used;
        for (uint32_t p = 0; p < TILE_PAIRS; p++) {
            const uint8_t both = pairs[(size_t)row * TILE_PAIRS + p];
            if (both) entries[used++] = (struct entry){(uint8_t)p, both};
        }
        counts[(size_t)tile * layer->outputs + row] = (uint8_t)(used - begin);
    }
    first[units] = used;
    return used;
}

static void fill_weights(const struct eie_layer *layer, uint32_t weights[256])
{
    for (uint32_t both = 0; both < 256; both++)
        weights[both] = (uint16_t)layer->codebook[both % 16] |
                        (uint32_t)(uint16_t)layer->codebook[both / 16] << 16;
}

/* Entries of a unit of rows over all tiles. */
static size_t unit_entries(const struct plan *plan, uint32_t unit)
{
    const uint32_t units = units_of(plan->base.setup.problem.layer);
    size_t sum = 0;
    for (uint32_t tile = 0; tile < plan->tiles; tile++) {
        const size_t *first = plan->first + (size_t)tile * (units + 1) + unit;
        sum += first[1] - first[0];
    }
    return sum;
}

static void share_units(struct plan *plan)
{
    const uint32_t units = units_of(plan->base.setup.problem.layer);
    const uint32_t threads = plan->base.setup.problem.threads;
    size_t passed = 0;
    uint32_t unit = 0;
    for (uint32_t t = 1; t <= threads; t++) {
        while (unit < units && (t == threads || passed + unit_entries(plan, unit) / 2 <
                                                    plan->entry_count * t / threads))
            passed += unit_entries(plan, unit++);
        plan->first_unit[t] = unit;
    }
}

/* Pairs of columns times rows that have a weight in one of them or in both. */
static size_t count_entries(const struct eie_sparse_codes *codes)
{
    size_t count = codes->column_start[codes->inputs];
    for (uint32_t j = 0; j + 1 < codes->inputs; j += 2) {
        const uint32_t middle = codes->column_start[j + 1], end = codes->column_start[j + 2];
        uint32_t even = codes->column_start[j], odd = middle;
        while (even < middle && odd < end) {
            const uint32_t a = codes->row[even], b = codes->row[odd];
            count -= a == b;
            even += a <= b;
            odd += b <= a;
        }
    }
    return count;
}

static enum eie_status pack(struct plan *plan, const struct eie_sparse_codes *codes,
                            struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    uint8_t *pairs = malloc((size_t)layer->outputs * TILE_PAIRS);
    uint8_t *counts = plan->base.copies[0];
    struct entry *entries = (struct entry *)(void *)(counts + count_bytes(layer));
    size_t used = 0;
    if (!pairs) return eie_fail(error, EIE_MEMORY, "out of memory to pack layer %s", layer->name);
    for (uint32_t tile = 0; tile < plan->tiles; tile++) {
        spread_tile(codes, tile, pairs);
        used = pack_tile(plan, pairs, tile, counts, entries, used);
    }
    free(pairs);
    for (uint32_t c = 1; c < plan->base.setup.copies; c++)
        memcpy(plan->base.copies[c], counts, copy_bytes(layer, plan->entry_count));
    return EIE_OK;
}

static enum eie_status make_plan(const struct eie_setup *setup,
                                 const struct eie_sparse_codes *codes, struct eie_plan **opaque,
                                 struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const size_t entries = count_entries(codes);
    struct eie_cpu_plan *base;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof(struct plan), copy_bytes(layer, entries), &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->entry_count = entries;
    plan->tiles = tiles_of(layer);
    plan->pairs = plan->tiles * TILE_PAIRS;
    plan->first = calloc((size_t)plan->tiles * (units_of(layer) + 1), sizeof *plan->first);
    plan->first_unit = calloc((size_t)setup->problem.threads + 1, sizeof *plan->first_unit);
    plan->inputs = eie_aligned_zeroed(inputs_bytes(layer));
    plan->sums = eie_aligned_zeroed(sums_bytes(layer));
    if (!plan->first || !plan->first_unit || !plan->inputs || !plan->sums)
        status = eie_fail(error, EIE_MEMORY, "out of memory for the sums of layer %s", layer->name);
    if (!status) status = pack(plan, codes, error);
    if (status) {
        destroy((struct eie_plan *)plan);
        return status;
    }
    fill_weights(layer, plan->weights);
    share_units(plan);
    *opaque = (struct eie_plan *)plan;
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(setup->problem.layer, &codes, error);
    if (status) return status;
    status = make_plan(setup, &codes, plan, error);
    eie_sparse_codes_free(&codes);
    return status;
}

/* ---- inputs --------------------------------------------------------------------------------- */

/* 16 x 16 words: r[i] holds row i before, column i after. */
static inline void transpose(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 4) {
        const __m512i a = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        const __m512i b = _mm512_unpackhi_epi32(r[i], r[i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]);
        const __m512i d = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);
        t[i] = _mm512_unpacklo_epi64(a, c);
        t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d);
        t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    /* t[4 g + k]: lane l holds rows 4 g .. 4 g + 3 of column 4 l + k */
    for (int k = 0; k < 4; k++) {
        const __m512i a = _mm512_shuffle_i32x4(t[k], t[4 + k], 0x44);
        const __m512i b = _mm512_shuffle_i32x4(t[k], t[4 + k], 0xEE);
        const __m512i c = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0x44);
        const __m512i d = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0xEE);
        r[k] = _mm512_shuffle_i32x4(a, c, 0x88);
        r[4 + k] = _mm512_shuffle_i32x4(a, c, 0xDD);
        r[8 + k] = _mm512_shuffle_i32x4(b, d, 0x88);
        r[12 + k] = _mm512_shuffle_i32x4(b, d, 0xDD);
    }
}

/* The words (two columns) `first` .. `first` + 15 of 16 inputs from the `b`-th on, as far as there
 * are any, into inputs[pair][lane]. */
static void load_block(const struct plan *plan, uint32_t first, uint32_t b, int32_t *to)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t columns = problem->layer->inputs;
    const uint32_t left = columns > 2 * first ? columns - 2 * first : 0;
    const __mmask32 there = left >= 32 ? 0xFFFFFFFFu : (1u << left) - 1;
    __m512i rows[16];
    for (uint32_t i = 0; i < LANES; i++)
        rows[i] =
            b + i < problem->batch
                ? _mm512_maskz_loadu_epi16(there, plan->base.inputs + (size_t)(b + i) * columns +
                                                      2 * (size_t)first)
                : _mm512_setzero_si512();
    transpose(rows);
    for (uint32_t i = 0; i < 16; i++) _mm512_store_si512(to + (size_t)i * BLOCK, rows[i]);
}

/* A worker's share of the inputs, 16 pairs at a time. */
static void load_inputs(const struct plan *plan, uint32_t worker)
{
    const uint32_t threads = plan->base.setup.problem.threads, parts = plan->pairs / 16;
    const uint32_t end = (uint32_t)((uint64_t)parts * (worker + 1) / threads);
    for (uint32_t part = (uint32_t)((uint64_t)parts * worker / threads); part < end; part++)
        for (uint32_t v = 0; v < plan->width; v++)
            load_block(plan, 16 * part, plan->begin + v * LANES,
                       plan->inputs + (size_t)part * 16 * BLOCK + v * LANES);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* One row's entries of one tile, `width` registers of inputs (a constant where this is inlined). */
VNNI static inline void add_row(const struct entry *entries, uint32_t count,
                                const uint32_t *weights, const int32_t *inputs, int32_t *sums,
                                uint32_t width)
{
    __m512i acc[4];
    for (uint32_t v = 0; v < width; v++) acc[v] = _mm512_load_si512(sums + v * LANES);
    for (uint32_t e = 0; e < count; e++) {
        const __m512i both = _mm512_set1_epi32((int)weights[entries[e].codes]);
        const int32_t *x = inputs + (size_t)entries[e].pair * BLOCK;
        for (uint32_t v = 0; v < width; v++)
            acc[v] = _mm512_dpwssd_epi32(acc[v], both, _mm512_load_si512(x + v * LANES));
    }
    for (uint32_t v = 0; v < width; v++) _mm512_store_si512(sums + v * LANES, acc[v]);
}

/* A worker's rows of one tile. */
VNNI static inline void add_tile(const struct plan *plan, uint32_t tile, uint32_t begin,
                                 uint32_t end, uint32_t width)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint8_t *counts = plan->base.copies[plan->copy];
    const struct entry *entries =
        (const struct entry *)(const void *)(counts + count_bytes(layer)) +
        plan->first[(size_t)tile * (units_of(layer) + 1) + begin / ROW_UNIT];
    const int32_t *inputs = plan->inputs + (size_t)tile * TILE_PAIRS * BLOCK;
    counts += (size_t)tile * layer->outputs;
    for (uint32_t row = begin; row < end; row++) {
        add_row(entries, counts[row], plan->weights, inputs, plan->sums + (size_t)row * BLOCK,
                width);
        entries += counts[row];
    }
}

/* act, rounding and saturation of 16 sums: floor((sum + h) / 2^shift) without leaving int32. */
static inline __m256i finish(__m512i sum, const struct eie_layer *layer, uint32_t shift)
{
    if (layer->activation == EIE_ACTIVATION_RELU)
        sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
    if (shift) {
        const __m512i half =
            _mm512_and_si512(_mm512_srai_epi32(sum, shift - 1), _mm512_set1_epi32(1));
        sum = _mm512_add_epi32(_mm512_srai_epi32(sum, shift), half);
    }
    return _mm512_cvtsepi32_epi16(sum);
}

/* Rows `row` .. `row` + 15 of the sums, turned to rows of y. */
static void store_rows(const struct plan *plan, uint32_t row)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const uint32_t left = layer->outputs - row, shift = eie_layer_shift(layer);
    const __mmask16 there = (__mmask16)(left >= 16 ? 0xFFFFu : (1u << left) - 1);
    const __m512i bias =
        layer->bias ? _mm512_maskz_loadu_epi32(there, layer->bias + row) : _mm512_setzero_si512();
    for (uint32_t v = 0; v < plan->width; v++) {
        __m512i sums[16];
        for (uint32_t i = 0; i < 16; i++)
            sums[i] = _mm512_load_si512(plan->sums + (size_t)(row + i) * BLOCK + v * LANES);
        transpose(sums);
        for (uint32_t i = 0; i < 16; i++) {
            const uint32_t b = plan->begin + v * LANES + i;
            if (b >= problem->batch) return;
            _mm256_mask_storeu_epi16(plan->base.outputs + (size_t)b * layer->outputs + row, there,
                                     finish(_mm512_add_epi32(sums[i], bias), layer, shift));
        }
    }
}

VNNI static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t begin = plan->first_unit[worker] * ROW_UNIT;
    uint32_t end = plan->first_unit[worker + 1] * ROW_UNIT;
    load_inputs(plan, worker);
    eie_pool_barrier(plan->base.setup.pool, worker);
    if (begin >= layer->outputs) return;
    memset(plan->sums + (size_t)begin * BLOCK, 0, (size_t)(end - begin) * BLOCK * sizeof(int32_t));
    if (end > layer->outputs) end = layer->outputs;
    for (uint32_t tile = 0; tile < plan->tiles; tile++) {
        if (plan->width == 4)
            add_tile(plan, tile, begin, end, 4);
        else if (plan->width == 3)
            add_tile(plan, tile, begin, end, 3);
        else if (plan->width == 2)
            add_tile(plan, tile, begin, end, 2);
        else
            add_tile(plan, tile, begin, end, 1);
    }
    for (uint32_t row = begin; row < end; row += 16) store_rows(plan, row);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const uint32_t batch = plan->base.setup.problem.batch;
    (void)error;
    plan->copy = copy;
    for (plan->begin = 0; plan->begin < batch; plan->begin += BLOCK) {
        const uint32_t left = batch - plan->begin;
        plan->width = left >= BLOCK ? 4 : (left - 1) / LANES + 1;
        eie_pool_run(plan->base.setup.pool, work, plan);
    }
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t lanes = (uint64_t)((problem->batch - 1) / LANES + 1) * LANES;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = 2 * plan->entry_count * lanes - cost->macs_useful;
    cost->prepared_bytes = copy_bytes(problem->layer, plan->entry_count);
    cost->bytes_read = cost->prepared_bytes + (uint64_t)problem->batch * problem->layer->inputs * 2;
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * 2;
}

const struct eie_kernel eie_kernel_avx512_batch_pairs = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_batch_pairs",
    .summary = "many inputs at once: pairs of weights broadcast against 64 inputs, by vpdpwssd",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .batch_min = 2,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
