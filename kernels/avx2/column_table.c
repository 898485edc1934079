/* Column by column, for inputs and weights that are both very sparse: only columns whose input is
 * not 0 are read. Of such a column the products of the input with all 16 shared weights are made
 * once, into a table; a weight then costs one look-up and one addition to its row's sum, which lies
 * in the first-level cache. Rows are absolute (12 bits beside the 4-bit code), so that no weight
 * waits for the one before it; rows beyond 4096 make further blocks. A thread owns whole blocks. */
#include "host/machine/cpu.h"
#include "kernels/avx2/vectors.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS 4096u /* as a row has 12 bits beside the code */
#define SHARE_ROWS 64u   /* blocks begin at multiples: two lines of the first input's y, which */
                         /* prefetchers join */
#define INPUTS_MAX  ((uint32_t)INT32_MAX)
#define UNIT        4u /* entries of a column are padded to multiples, with code 0 */
#define AHEAD       2u /* active columns that are fetched before they are needed */
#define LINE        64u
#define AHEAD_LINES 8u /* of such a column, at most */

struct block {
    uint32_t first_row, rows;
    uint64_t entries_at; /* index of its first entry */
};

struct plan {
    struct eie_cpu_plan base; /* a copy: starts [blocks][inputs + 1], in units; then entries */
    struct block *blocks;
    uint32_t *first_block; /* [threads + 1] */
    uint32_t *active;      /* [inputs + AHEAD], the last ones again and again */
    uint32_t *sums;        /* [threads][sum_stride] */
    int32_t *bias;         /* [outputs, and room for a vector], zeros where the layer has none */
    uint32_t block_count, active_count, sum_stride;
    size_t entries_at;          /* bytes from the copy's beginning */
    uint64_t entry_count;       /* padding included */
    uint32_t batch_index, copy; /* of the product under way */
};

/* ---- preparation ---------------------------------------------------------------------------- */

static uint64_t block_bound(const struct eie_problem *problem)
{
    return problem->layer->outputs / BLOCK_ROWS + 1 + (uint64_t)problem->threads;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    const uint64_t starts = block_bound(problem) * ((uint64_t)layer->inputs + 1);
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %u fit", layer->inputs,
                        INPUTS_MAX);
    *plan_bytes = block_bound(problem) * sizeof(struct block) + starts * sizeof(uint32_t) +
                  (layer->entry_count + (UNIT - 1) * starts) * sizeof(uint16_t) +
                  problem->threads * (BLOCK_ROWS + 64) * sizeof(uint32_t) +
                  layer->inputs * sizeof(uint32_t) + layer->outputs * sizeof(int32_t) +
                  eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->blocks);
    free(plan->first_block);
    free(plan->active);
    free(plan->sums);
    free(plan->bias);
    eie_cpu_plan_end(&plan->base);
}

/* Cuts the rows into blocks, every thread's share of about equal numbers of weights. `blocks` has
 * room for block_bound; returns how many there are. */
static uint32_t cut_rows(const struct eie_sparse_codes *codes, const uint32_t *row_count,
                         uint32_t threads, struct block *blocks, uint32_t *first_block)
{
    const uint64_t total = codes->column_start[codes->inputs];
    uint64_t seen = 0;
    uint32_t row = 0, count = 0;
    for (uint32_t t = 0; t < threads; t++) {
        first_block[t] = count;
        uint32_t first = row;
        while (row < codes->outputs && (t + 1 == threads || seen < total * (t + 1) / threads)) {
            for (uint32_t i = 0; i < SHARE_ROWS && row < codes->outputs; i++)
                seen += row_count[row++];
            if (row - first == BLOCK_ROWS) {
                blocks[count++] = (struct block){first, row - first, 0};
                first = row;
            }
        }
        if (row > first) blocks[count++] = (struct block){first, row - first, 0};
    }
    first_block[threads] = count;
    return count;
}

/* The entries of one block; starts and entries NULL: counts only. Returns their number. */
static uint64_t pack_block(const struct eie_sparse_codes *codes, uint32_t *next,
                           const struct block *block, uint32_t *start, uint16_t *entries)
{
    uint64_t at = 0;
    for (uint32_t j = 0; j < codes->inputs; j++) {
        if (start) start[j] = (uint32_t)(at / UNIT);
        while (next[j] < codes->column_start[j + 1] &&
               codes->row[next[j]] < block->first_row + block->rows) {
            if (entries)
                entries[at] = (uint16_t)((codes->row[next[j]] - block->first_row) << 4 |
                                         codes->code[next[j]]);
            next[j]++;
            at++;
        }
        at = (at + UNIT - 1) / UNIT * UNIT; /* the copy is zeroed: code 0 */
    }
    if (start) start[codes->inputs] = (uint32_t)(at / UNIT);
    return at;
}

static void fill_copy(const struct eie_sparse_codes *codes, const struct plan *plan, uint32_t *next,
                      char *copy)
{
    uint32_t *start = (uint32_t *)copy;
    uint16_t *entries = (uint16_t *)(copy + plan->entries_at);
    memcpy(next, codes->column_start, codes->inputs * sizeof *next);
    for (uint32_t k = 0; k < plan->block_count; k++, start += (size_t)codes->inputs + 1)
        pack_block(codes, next, plan->blocks + k, start, entries + plan->blocks[k].entries_at);
}

static struct plan *make_plan(const struct eie_setup *setup, const struct eie_sparse_codes *codes,
                              struct block *blocks, uint32_t *first_block, uint32_t *next,
                              struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t count = first_block[setup->problem.threads];
    uint64_t entries = 0;
    memcpy(next, codes->column_start, layer->inputs * sizeof *next);
    for (uint32_t k = 0; k < count; k++) {
        blocks[k].entries_at = entries;
        entries += pack_block(codes, next, blocks + k, NULL, NULL);
    }
    const size_t starts = (size_t)count * ((size_t)layer->inputs + 1) * sizeof(uint32_t);
    const size_t entries_at = (starts + LINE - 1) / LINE * LINE;
    struct eie_cpu_plan *base;
    if (eie_cpu_plan_begin(setup, sizeof(struct plan), entries_at + entries * sizeof(uint16_t),
                           &base, error))
        return NULL;
    struct plan *plan = (struct plan *)base;
    plan->block_count = count;
    plan->entries_at = entries_at;
    plan->entry_count = entries;
    plan->sum_stride = BLOCK_ROWS + 64;
    plan->active = eie_aligned_zeroed(((size_t)layer->inputs + AHEAD) * sizeof(uint32_t));
    plan->sums = eie_aligned_zeroed((size_t)setup->problem.threads * plan->sum_stride * 4);
    plan->bias = eie_aligned_zeroed((size_t)layer->outputs * sizeof(int32_t) + LINE);
    if (!plan->active || !plan->sums || !plan->bias) {
        destroy((struct eie_plan *)plan);
        (void)eie_fail(error, EIE_MEMORY, "out of memory for the sums of layer %s", layer->name);
        return NULL;
    }
    if (layer->bias) memcpy(plan->bias, layer->bias, layer->outputs * sizeof(int32_t));
    plan->blocks = blocks;
    plan->first_block = first_block;
    for (uint32_t c = 0; c < setup->copies; c++) fill_copy(codes, plan, next, base->copies[c]);
    return plan;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    struct plan *plan = NULL;
    struct block *blocks = calloc(block_bound(&setup->problem), sizeof *blocks);
    uint32_t *first_block = calloc((size_t)threads + 1, sizeof *first_block);
    uint32_t *row_count = calloc(layer->outputs, sizeof *row_count);
    uint32_t *next = malloc(layer->inputs * sizeof *next);
    if (blocks && first_block && row_count && next) {
        for (uint32_t k = 0; k < codes.column_start[layer->inputs]; k++) row_count[codes.row[k]]++;
        cut_rows(&codes, row_count, threads, blocks, first_block);
        plan = make_plan(setup, &codes, blocks, first_block, next, error);
        status = plan ? EIE_OK : EIE_MEMORY;
    } else
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    if (status) {
        free(blocks);
        free(first_block);
    }
    free(row_count);
    free(next);
    eie_sparse_codes_free(&codes);
    *opaque = (struct eie_plan *)plan;
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

static inline void make_table(const __m256i codebook[2], int16_t input, int32_t *table)
{
    const __m256i a = _mm256_set1_epi32(input);
    _mm256_store_si256((__m256i *)table, _mm256_mullo_epi32(codebook[0], a));
    _mm256_store_si256((__m256i *)(table + 8), _mm256_mullo_epi32(codebook[1], a));
}

/* The rows of a column are distinct: additions wait for nothing. */
static inline void add_column(const uint16_t *entry, const uint16_t *end, const int32_t *table,
                              uint32_t *sums)
{
    for (; entry < end; entry += UNIT)
        for (uint32_t i = 0; i < UNIT; i++) sums[entry[i] >> 4] += (uint32_t)table[entry[i] & 15];
}

static inline void fetch(const uint16_t *entry, const uint16_t *end)
{
    const char *line = (const char *)entry, *last = (const char *)end;
    if (last > line + AHEAD_LINES * LINE) last = line + AHEAD_LINES * LINE;
    for (; line < last; line += LINE) _mm_prefetch(line, _MM_HINT_T0);
}

static void add_block(const struct plan *plan, uint32_t k, uint32_t *sums)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const char *copy = plan->base.copies[plan->copy];
    const uint32_t *start = (const uint32_t *)copy + k * ((size_t)layer->inputs + 1);
    const uint16_t *entries =
        (const uint16_t *)(copy + plan->entries_at) + plan->blocks[k].entries_at;
    const int16_t *input = plan->base.inputs + (size_t)plan->batch_index * layer->inputs;
    const __m256i codebook[2] = {
        _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)layer->codebook)),
        _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(layer->codebook + 8)))};
    _Alignas(64) int32_t table[2][EIE_CODEBOOK_SIZE]; /* in turn: one is filled, one in use */
    for (uint32_t n = 0; n < plan->active_count; n++) {
        const uint32_t column = plan->active[n], later = plan->active[n + AHEAD];
        fetch(entries + (size_t)start[later] * UNIT, entries + (size_t)start[later + 1] * UNIT);
        make_table(codebook, input[column], table[n % 2]);
        add_column(entries + (size_t)start[column] * UNIT,
                   entries + (size_t)start[column + 1] * UNIT, table[n % 2], sums);
    }
}

static void finish_block(const struct plan *plan, const struct block *block, const uint32_t *sums)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    const uint32_t shift = eie_layer_shift(layer);
    const int32_t *bias = plan->bias + block->first_row;
    int16_t *y = plan->base.outputs + (size_t)plan->batch_index * layer->outputs + block->first_row;
    for (uint32_t i = 0; i < block->rows; i += 16) {
        const __m256i *sum = (const __m256i *)(sums + i), *more = (const __m256i *)(bias + i);
        int16_t value[16];
        _mm256_storeu_si256(
            (__m256i *)value,
            eie_avx2_finish(
                _mm256_add_epi32(_mm256_load_si256(sum), _mm256_loadu_si256(more)),
                _mm256_add_epi32(_mm256_load_si256(sum + 1), _mm256_loadu_si256(more + 1)), relu,
                shift));
        memcpy(y + i, value, (block->rows - i < 16 ? block->rows - i : 16) * sizeof *y);
    }
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    uint32_t *sums = plan->sums + (size_t)worker * plan->sum_stride;
    for (uint32_t k = plan->first_block[worker]; k < plan->first_block[worker + 1]; k++) {
        memset(sums, 0, ((size_t)plan->blocks[k].rows + 15) / 16 * LINE);
        add_block(plan, k, sums);
        finish_block(plan, plan->blocks + k, sums);
    }
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
        for (uint32_t i = 0; i < AHEAD; i++)
            plan->active[count + i] = count ? plan->active[count - 1] : 0;
        plan->batch_index = b;
        plan->active_count = count;
        eie_pool_run(plan->base.setup.pool, work, plan);
    }
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_column_starts starts = {plan->block_count, UNIT, plan->entry_count,
                                             plan->entries_at};
    eie_cpu_plan_cost_columns(&plan->base, &starts, cost);
}

const struct eie_kernel eie_kernel_avx2_column_table = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_column_table",
    .summary = "column-wise: a table of 16 products per non-zero input, one addition per weight",
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
