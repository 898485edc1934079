/* Column by column, 16 weights at a time, for layers whose inputs and weights are both very sparse:
 * only columns whose input is not 0 are read. The rows of a column are distinct, so that 16 sums
 * can be gathered, added to and scattered without looking for conflicts; the 16 products are one
 * permute of the codebook by the codes and one multiplication by the input.
 *
 * Entries are as avx2_column_table's, a row of 12 bits and a code of 4, in vectors of 16 entries of
 * one column and block of rows. What is missing in a column's last vector are entries of code 0 in
 * further rows of the block. The vectors of the active columns pass through a queue, so that there
 * is one loop over vectors, with no branch at a column's end, and it is known early which ones to
 * fetch.
 *
 * A thread takes columns, not rows: parts of columns would leave vectors half empty. Each has sums
 * of its own for all rows, which are added up at the end. Columns are taken in pieces; who has
 * taken all of his share takes of others', as no share is known to have as many active inputs as
 * another. */
#include "host/machine/cpu.h"
#include "host/machine/threads.h"
#include "kernels/avx512/finish_lanes.h"
#include "kernels/cpu_plan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS   4096u /* as a row has 12 bits beside the code */
#define LANES        16u
#define INPUTS_MAX   ((uint32_t)INT32_MAX)
#define PIECE_INPUTS 128u /* a multiple of 32, below 256 */
#define AHEAD        24u  /* vectors that are fetched before they are needed */
#define QUEUE_RUN    128u /* vectors that are waited for, so that taking them pays */
#define QUEUE_MOST   (AHEAD + QUEUE_RUN + BLOCK_ROWS / LANES + LANES) /* a column comes whole */
#define LINE         64u
#define SUMS_APART   4224u /* bytes: prefetchers would fetch another worker's lines (NOTES.md) */

/* Pieces of a worker's share that nobody has taken yet; two lines apart, which prefetchers join. */
struct share {
    _Alignas(2 * LINE) _Atomic uint32_t next;
    uint32_t end;
};

struct plan {
    struct eie_cpu_plan base; /* a copy: starts [blocks][inputs + 1], in vectors; then entries */
    struct share *shares;     /* [threads] */
    uint32_t *first_piece;    /* [threads + 1] */
    int32_t *sums;            /* [threads][sum_stride] */
    size_t sum_stride;
    size_t entries_at; /* bytes from the copy's beginning */
    uint32_t block_count, vector_count;
    uint32_t batch_index, copy; /* of the product under way */
};

/* Vectors of active columns that wait for their turn. */
struct queue {
    uint32_t count;
    uint32_t vector[QUEUE_MOST];
    uint32_t input[QUEUE_MOST]; /* its low 16 bits */
    uint32_t row[QUEUE_MOST];   /* the block's first */
};

/* ---- preparation ---------------------------------------------------------------------------- */

static uint32_t count_blocks(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / BLOCK_ROWS + 1;
}

static uint64_t count_starts(const struct eie_layer *layer)
{
    return count_blocks(layer) * ((uint64_t)layer->inputs + 1);
}

/* At most: a vector has an entry, and all of a column's but the last have 16. */
static uint64_t vector_bound(const struct eie_layer *layer)
{
    const uint64_t filled = layer->entry_count / LANES + count_starts(layer);
    return filled < layer->entry_count ? filled : layer->entry_count;
}

static size_t sum_stride(const struct eie_layer *layer)
{
    return ((size_t)(layer->outputs - 1) / 32 + 1) * 32 + SUMS_APART / sizeof(int32_t);
}

static size_t starts_bytes(const struct eie_layer *layer)
{
    return (count_starts(layer) * sizeof(uint32_t) + LINE - 1) / LINE * LINE;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %u fit", layer->inputs,
                        INPUTS_MAX);
    *plan_bytes =
        starts_bytes(layer) + vector_bound(layer) * LANES * sizeof(uint16_t) +
        (uint64_t)problem->threads * (sum_stride(layer) * sizeof(int32_t) + sizeof(struct share)) +
        ((uint64_t)problem->threads + 1) * sizeof(uint32_t) + eie_cpu_plan_bytes(problem);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->shares);
    free(plan->first_piece);
    free(plan->sums);
    eie_cpu_plan_end(&plan->base);
}

static bool has_row(const uint16_t *entries, uint32_t count, uint32_t row)
{
    for (uint32_t i = 0; i < count; i++)
        if (entries[i] >> 4 == row) return true;
    return false;
}

/* Fills a vector of `count` entries, 1 to 15, up with rows that follow the last one, so that they
 * are in lines that are in use, of `rows` rows, a multiple of 16. */
static void fill_vector(uint16_t *entries, uint32_t count, uint32_t rows)
{
    for (uint32_t row = entries[count - 1] >> 4; count < LANES;) {
        row = row + 1 < rows ? row + 1 : 0;
        if (!has_row(entries, count, row)) entries[count++] = (uint16_t)(row << 4);
    }
}

/* The entries of one block; entries NULL: starts only. `start` counts on from `vector`; returns the
 * block's end. */
static uint32_t pack_block(const struct eie_sparse_codes *codes, uint32_t *next, uint32_t first_row,
                           uint32_t vector, uint32_t *start, uint16_t *entries)
{
    const uint32_t left = codes->outputs - first_row;
    const uint32_t rows = left < BLOCK_ROWS ? (left - 1) / LANES * LANES + LANES : BLOCK_ROWS;
    for (uint32_t j = 0; j < codes->inputs; j++) {
        uint32_t count = 0;
        start[j] = vector;
        for (; next[j] < codes->column_start[j + 1] && codes->row[next[j]] - first_row < rows;
             next[j]++, count++)
            if (entries)
                entries[(size_t)vector * LANES + count] =
                    (uint16_t)((codes->row[next[j]] - first_row) << 4 | codes->code[next[j]]);
        vector += count / LANES;
        if (count % LANES == 0) continue;
        if (entries) fill_vector(entries + (size_t)vector * LANES, count % LANES, rows);
        vector++;
    }
    start[codes->inputs] = vector;
    return vector;
}

/* Starts and, where they are not NULL, entries; returns the number of vectors. */
static uint32_t pack(const struct eie_sparse_codes *codes, uint32_t block_count, uint32_t *next,
                     uint32_t *start, uint16_t *entries)
{
    uint32_t vector = 0;
    memcpy(next, codes->column_start, codes->inputs * sizeof *next);
    for (uint32_t k = 0; k < block_count; k++, start += (size_t)codes->inputs + 1)
        vector = pack_block(codes, next, k * BLOCK_ROWS, vector, start, entries);
    return vector;
}

/* Shares of about equal numbers of vectors, in whole pieces. */
static void cut_pieces(const struct plan *plan, const uint32_t *start)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t inputs = problem->layer->inputs, pieces = (inputs - 1) / PIECE_INPUTS + 1;
    uint64_t seen = 0;
    uint32_t piece = 0;
    for (uint32_t t = 0; t < problem->threads; t++) {
        plan->first_piece[t] = piece;
        for (; piece < pieces && seen < (uint64_t)plan->vector_count * (t + 1) / problem->threads;
             piece++) {
            const uint32_t first = piece * PIECE_INPUTS, left = inputs - first;
            const uint32_t end = first + (left < PIECE_INPUTS ? left : PIECE_INPUTS);
            for (uint32_t k = 0; k < plan->block_count; k++)
                seen +=
                    start[k * ((size_t)inputs + 1) + end] - start[k * ((size_t)inputs + 1) + first];
        }
    }
    plan->first_piece[problem->threads] = pieces; /* empty columns stand at the end */
}

static struct plan *make_plan(const struct eie_setup *setup, const struct eie_sparse_codes *codes,
                              uint32_t *next, uint32_t *start, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    const uint32_t vectors = pack(codes, count_blocks(layer), next, start, NULL);
    const size_t entries_at = starts_bytes(layer);
    struct eie_cpu_plan *base;
    if (eie_cpu_plan_begin(setup, sizeof(struct plan),
                           entries_at + (size_t)vectors * LANES * sizeof(uint16_t), &base, error))
        return NULL;
    struct plan *plan = (struct plan *)base;
    plan->block_count = count_blocks(layer);
    plan->vector_count = vectors;
    plan->entries_at = entries_at;
    plan->sum_stride = sum_stride(layer);
    plan->shares = aligned_alloc(2 * LINE, threads * sizeof *plan->shares);
    plan->first_piece = calloc((size_t)threads + 1, sizeof *plan->first_piece);
    plan->sums = eie_aligned_zeroed(threads * plan->sum_stride * sizeof *plan->sums);
    if (!plan->shares || !plan->first_piece || !plan->sums) {
        destroy((struct eie_plan *)plan);
        (void)eie_fail(error, EIE_MEMORY, "out of memory for the sums of layer %s", layer->name);
        return NULL;
    }
    cut_pieces(plan, start);
    for (uint32_t c = 0; c < setup->copies; c++) {
        char *copy = base->copies[c];
        pack(codes, plan->block_count, next, (uint32_t *)(void *)copy,
             (uint16_t *)(void *)(copy + entries_at));
    }
    return plan;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    struct plan *plan = NULL;
    uint32_t *next = malloc(layer->inputs * sizeof *next);
    uint32_t *start = malloc(starts_bytes(layer));
    if (next && start) {
        plan = make_plan(setup, &codes, next, start, error);
        status = plan ? EIE_OK : EIE_MEMORY;
    } else
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the columns of layer %s", layer->name);
    free(next);
    free(start);
    eie_sparse_codes_free(&codes);
    *opaque = (struct eie_plan *)plan;
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

/* What adding takes, for one copy and input. */
struct product {
    const uint32_t *start;
    const uint16_t *entries;
    const int16_t *input;
    __m512i codebook; /* 16 bits a weight, below 16 of zeros */
    int32_t *sums;
};

/* Columns first to first + count of the non-zero inputs, count at most PIECE_INPUTS; returns how
 * many. `active` has room for a vector more. */
static uint32_t find_active(const int16_t *input, uint32_t first, uint32_t count, uint32_t *active)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint32_t found = 0;
    for (uint32_t j = 0; j < count; j += 32) {
        const __mmask32 there = _cvtu32_mask32(_bzhi_u32(UINT32_MAX, count - j));
        const __m512i values = _mm512_maskz_loadu_epi16(there, input + first + j);
        const uint32_t bits = _cvtmask32_u32(_mm512_test_epi16_mask(values, values));
        const __m512i column = _mm512_add_epi32(lane, _mm512_set1_epi32((int)(first + j)));
        const __m512i later = _mm512_add_epi32(column, _mm512_set1_epi32(LANES));
        _mm512_storeu_si512(active + found, _mm512_maskz_compress_epi32((__mmask16)bits, column));
        found += (uint32_t)__builtin_popcount(bits & 0xFFFF);
        _mm512_storeu_si512(active + found,
                            _mm512_maskz_compress_epi32((__mmask16)(bits >> 16), later));
        found += (uint32_t)__builtin_popcount(bits >> 16);
    }
    return found;
}

static inline void fetch(const struct product *with, uint32_t vector)
{
    _mm_prefetch((const char *)(with->entries + (size_t)vector * LANES), _MM_HINT_T0);
}

static inline void add_vector(const struct product *with, uint32_t vector, uint32_t input,
                              uint32_t row)
{
    const __m512i entry = _mm512_cvtepu16_epi32(
        _mm256_load_si256((const __m256i *)(const void *)(with->entries + (size_t)vector * LANES)));
    /* the permute looks at the code alone; the pair's other product is 0 */
    const __m512i products = _mm512_madd_epi16(_mm512_permutexvar_epi32(entry, with->codebook),
                                               _mm512_set1_epi32((int)input));
    const __m512i place = _mm512_srli_epi32(entry, 4);
    int32_t *sums = with->sums + row;
    const __m512i sum = _mm512_i32gather_epi32(place, sums, sizeof *sums);
    _mm512_i32scatter_epi32(sums, place, _mm512_add_epi32(sum, products), sizeof *sums);
}

/* Adds what waits, but for the last `keep` vectors. */
static void take(const struct product *with, struct queue *queue, uint32_t keep)
{
    const uint32_t count = queue->count - keep;
    for (uint32_t i = 0; i < count; i++) {
        fetch(with, queue->vector[i + AHEAD]); /* behind the end: none that matters */
        add_vector(with, queue->vector[i], queue->input[i], queue->row[i]);
    }
    for (uint32_t i = 0; i < keep; i++) {
        queue->vector[i] = queue->vector[count + i];
        queue->input[i] = queue->input[count + i];
        queue->row[i] = queue->row[count + i];
    }
    queue->count = keep;
}

/* Vectors first to end of a column; most columns have no more than 16. */
static inline void put(struct queue *queue, uint32_t first, uint32_t end, int16_t input,
                       uint32_t row)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint32_t at = queue->count;
    queue->count += end - first;
    do {
        _mm512_storeu_si512(queue->vector + at,
                            _mm512_add_epi32(lane, _mm512_set1_epi32((int)first)));
        _mm512_storeu_si512(queue->input + at, _mm512_set1_epi32((uint16_t)input));
        _mm512_storeu_si512(queue->row + at, _mm512_set1_epi32((int)row));
        first += LANES;
        at += LANES;
    } while (first < end);
}

static void add_piece(const struct plan *plan, const struct product *with, struct queue *queue,
                      uint32_t piece)
{
    const uint32_t inputs = plan->base.setup.problem.layer->inputs;
    const uint32_t first = piece * PIECE_INPUTS, left = inputs - first;
    uint32_t active[PIECE_INPUTS + LANES];
    const uint32_t count =
        find_active(with->input, first, left < PIECE_INPUTS ? left : PIECE_INPUTS, active);
    const uint32_t *start = with->start;
    for (uint32_t k = 0; k < plan->block_count; k++, start += (size_t)inputs + 1)
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t column = active[i];
            put(queue, start[column], start[column + 1], with->input[column], k * BLOCK_ROWS);
            if (queue->count >= AHEAD + QUEUE_RUN) take(with, queue, AHEAD);
        }
}

static void add_columns(const struct plan *plan, uint32_t worker)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const char *copy = plan->base.copies[plan->copy];
    const struct product with = {
        (const uint32_t *)(const void *)copy,
        (const uint16_t *)(const void *)(copy + plan->entries_at),
        plan->base.inputs + (size_t)plan->batch_index * layer->inputs,
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)layer->codebook)),
        plan->sums + worker * plan->sum_stride,
    };
    struct queue queue = {0};
    for (uint32_t t = 0; t < problem->threads; t++) {
        struct share *share = &plan->shares[(worker + t) % problem->threads];
        uint32_t piece;
        while ((piece = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed)) <
               share->end)
            add_piece(plan, &with, &queue, piece);
    }
    take(&with, &queue, 0);
}

static inline __mmask16 first_lanes(uint32_t count)
{
    return (__mmask16)(count < LANES ? (1u << count) - 1 : UINT16_MAX);
}

static void finish_rows(const struct plan *plan, uint32_t first, uint32_t end)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const uint32_t shift = eie_layer_shift(layer);
    int16_t *y = plan->base.outputs + (size_t)plan->batch_index * layer->outputs;
    for (uint32_t row = first; row < end; row += LANES) {
        const __mmask16 there = first_lanes(end - row);
        __m512i sum = layer->bias ? _mm512_maskz_loadu_epi32(there, layer->bias + row)
                                  : _mm512_setzero_si512();
        for (uint32_t t = 0; t < problem->threads; t++)
            sum = _mm512_add_epi32(sum, _mm512_load_si512(plan->sums + t * plan->sum_stride + row));
        _mm256_mask_storeu_epi16(y + row, there, eie_finish_lanes(sum, layer->activation, shift));
    }
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t outputs = problem->layer->outputs;
    const uint64_t lines = (outputs - 1) / 32 + 1; /* of y: shares of whole ones */
    memset(plan->sums + worker * plan->sum_stride, 0, lines * 32 * sizeof *plan->sums);
    add_columns(plan, worker);
    eie_pool_barrier(plan->base.setup.pool, worker);
    const uint32_t first = (uint32_t)(lines * worker / problem->threads * 32);
    const uint64_t end = lines * (worker + 1) / problem->threads * 32;
    finish_rows(plan, first, end < outputs ? (uint32_t)end : outputs);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    (void)error;
    plan->copy = copy;
    for (uint32_t b = 0; b < problem->batch; b++) {
        for (uint32_t t = 0; t < problem->threads; t++) {
            atomic_store_explicit(&plan->shares[t].next, plan->first_piece[t],
                                  memory_order_relaxed);
            plan->shares[t].end = plan->first_piece[t + 1];
        }
        plan->batch_index = b;
        eie_pool_run(plan->base.setup.pool, work, plan);
    }
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_column_starts starts = {
        plan->block_count, LANES, (uint64_t)plan->vector_count * LANES, plan->entries_at};
    eie_cpu_plan_cost_columns(&plan->base, &starts, cost);
}

const struct eie_kernel eie_kernel_avx512_column_scatter = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_column_scatter",
    .summary = "column-wise: of each non-zero input 16 sums are gathered, added to and scattered",
    .isa = "avx512",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
