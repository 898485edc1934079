/* The paper's algorithm on the EIE stream (kernels/stream_plan.h), in two passes, since a column of
 * a PE holds a handful of entries and its end is mispredicted nearly every time:
 *
 *   decode  16 entries at once, however many belong to the column: zero runs are summed up to rows
 *           within a vector, codes pick from the 16 products of the column's input, held in one
 *           register. Both are appended to lists; the next column overwrites what was too much.
 *           Where columns are short, two columns share a vector, 8 entries each.
 *   add     the lists are walked without a branch that depends on the data: one addition an entry.
 *
 * Rows are bytes here; PEs with more than 256 rows are played entry by entry. */
#include "host/machine/cpu.h"
#include "kernels/stream_all.h"

#include <immintrin.h>
#include <string.h>

#define WHOLE_STREAM                                                                               \
    1.5 /* mean entries below which a stream that is all active is faster as a whole */
#define LIST     1024u /* entries after which the lists are worked off */
#define ROWS_MAX 256u
#define SPARE    16u  /* written behind a list's end */
#define AHEAD    512u /* bytes of the entries that are fetched before they are needed */
#define SHORT_COLUMN                                                                               \
    4.5         /* mean entries of a column and PE below which two columns at once are faster */
#define HALF 8u /* entries of each then */

struct lists {
    uint32_t product[LIST + 2 * ROWS_MAX + SPARE];
    uint8_t row[LIST + 2 * ROWS_MAX + SPARE];
    uint32_t count;
};

/* Adds the listed products to their rows. Eight rows come as one word: loads are what limits. */
static inline void add_lists(const struct lists *lists, uint32_t *restrict acc)
{
    uint32_t i = 0;
    for (; i + 8 <= lists->count; i += 8) {
        uint64_t rows;
        memcpy(&rows, lists->row + i, sizeof rows);
        for (uint32_t k = 0; k < 8; k++) acc[rows >> 8 * k & 255] += lists->product[i + k];
    }
    for (; i < lists->count; i++) acc[lists->row[i]] += lists->product[i];
}

/* Rows of 16 entries: i rows and all zero runs up to its own behind `first`. */
static inline __m128i rows_of(__m128i entries, uint8_t first)
{
    const __m128i index = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i runs = _mm_and_si128(entries, _mm_set1_epi8(15));
    runs = _mm_add_epi8(runs, _mm_slli_si128(runs, 1));
    runs = _mm_add_epi8(runs, _mm_slli_si128(runs, 2));
    runs = _mm_add_epi8(runs, _mm_slli_si128(runs, 4));
    runs = _mm_add_epi8(runs, _mm_slli_si128(runs, 8));
    return _mm_add_epi8(runs, _mm_add_epi8(index, _mm_set1_epi8((char)first)));
}

/* The same for 8, the first of a column: one multiplication adds up the runs. */
static inline uint64_t eight_rows_of(const uint8_t *entries)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, entries, sizeof word);
    return (word & 15 * ones) * ones + UINT64_C(0x0706050403020100);
}

/* Appends a column's entries. */
static inline void decode(const uint8_t *entry, uint32_t length, __m512i products,
                          struct lists *lists)
{
    uint8_t first = 0;
    for (;;) {
        uint8_t *row = lists->row + lists->count;
        const __m128i entries = _mm_loadu_si128((const __m128i *)entry);
        const __m512i codes = _mm512_srli_epi32(_mm512_cvtepu8_epi32(entries), 4);
        _mm_storeu_si128((__m128i *)row, rows_of(entries, first));
        _mm512_storeu_si512(lists->product + lists->count,
                            _mm512_permutexvar_epi32(codes, products));
        if (length <= 16) break;
        lists->count += 16;
        length -= 16;
        entry += 16;
        first = (uint8_t)(row[15] + 1);
    }
    lists->count += length;
}

/* Out of line, so that the rare long column costs the loop of short ones no registers. */
__attribute__((noinline)) static void decode_apart(const uint8_t *entry, uint32_t length,
                                                   const __m512i *products, struct lists *lists)
{
    decode(entry, length, *products, lists);
}

/* Appends two columns of at most HALF entries: bit 4 of an index says whose products. */
static inline void decode_both(const uint8_t *const entry[2], const uint32_t length[2],
                               __m512i products, __m512i products_next, struct lists *lists)
{
    const __m512i next = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(16), 1);
    const __m128i entries = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)entry[0]),
                                               _mm_loadl_epi64((const __m128i *)entry[1]));
    const __m512i index =
        _mm512_or_si512(_mm512_srli_epi32(_mm512_cvtepu8_epi32(entries), 4), next);
    const __m512i picked = _mm512_permutex2var_epi32(products, index, products_next);
    const uint64_t rows[2] = {eight_rows_of(entry[0]), eight_rows_of(entry[1])};
    uint32_t *product = lists->product + lists->count;
    uint8_t *row = lists->row + lists->count;
    memcpy(row, &rows[0], HALF);
    memcpy(row + length[0], &rows[1], HALF);
    _mm256_storeu_si256((__m256i *)product, _mm512_castsi512_si256(picked));
    _mm256_storeu_si256((__m256i *)(product + length[0]), _mm512_extracti64x4_epi64(picked, 1));
    lists->count += length[0] + length[1];
}

static inline void work_off(struct lists *lists, uint32_t *restrict acc)
{
    if (lists->count <= LIST) return;
    add_lists(lists, acc);
    lists->count = 0;
}

static void play_long(const struct eie_stream *stream, uint32_t *restrict acc)
{
    const __m512i codebook =
        _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)stream->codebook));
    struct lists lists;
    if (stream->rows > ROWS_MAX) {
        eie_stream_play_plain(stream, acc);
        return;
    }
    lists.count = 0;
    for (uint32_t k = 0; k < stream->active_count; k++) {
        const uint32_t *start = stream->start + stream->active[k].column;
        const uint8_t *entry = stream->entries + start[0];
        _mm_prefetch((const char *)entry + AHEAD, _MM_HINT_T0);
        decode(entry, start[1] - start[0],
               _mm512_mullo_epi32(codebook, _mm512_set1_epi32(stream->active[k].value)), &lists);
        work_off(&lists, acc);
    }
    add_lists(&lists, acc);
}

/* Needs the products: here it pays to load them instead of multiplying again for each PE. */
static void play_short(const struct eie_stream *stream, uint32_t *restrict acc)
{
    const __m512i *products = (const __m512i *)(const void *)stream->products;
    struct lists lists;
    if (stream->rows > ROWS_MAX) {
        eie_stream_play_plain(stream, acc);
        return;
    }
    lists.count = 0;
    uint32_t k = 0;
    for (; k + 2 <= stream->active_count; k += 2) {
        const uint32_t *start = stream->start + stream->active[k].column;
        const uint32_t *start_next = stream->start + stream->active[k + 1].column;
        const uint8_t *const entry[2] = {stream->entries + start[0],
                                         stream->entries + start_next[0]};
        const uint32_t length[2] = {start[1] - start[0], start_next[1] - start_next[0]};
        _mm_prefetch((const char *)entry[0] + AHEAD, _MM_HINT_T0);
        if (length[0] <= HALF && length[1] <= HALF) {
            decode_both(entry, length, products[k], products[k + 1], &lists);
        } else {
            decode_apart(entry[0], length[0], &products[k], &lists);
            decode_apart(entry[1], length[1], &products[k + 1], &lists);
        }
        work_off(&lists, acc);
    }
    if (k < stream->active_count) {
        const uint32_t *start = stream->start + stream->active[k].column;
        decode_apart(stream->entries + start[0], start[1] - start[0], &products[k], &lists);
    }
    add_lists(&lists, acc);
}

static void play_shortest(const struct eie_stream *stream, uint32_t *restrict acc)
{
    if (stream->all_active && stream->rows <= EIE_ALL_ROWS)
        eie_stream_play_all(stream, acc);
    else
        play_short(stream, acc);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    const double length = eie_stream_mean_length(setup->problem.layer);
    if (length < WHOLE_STREAM) return eie_stream_prepare(setup, play_shortest, true, plan, error);
    if (length < SHORT_COLUMN) return eie_stream_prepare(setup, play_short, true, plan, error);
    return eie_stream_prepare(setup, play_long, false, plan, error);
}

const struct eie_kernel eie_kernel_avx512_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_eie_stream",
    .summary = "straight on the EIE stream: decoded 16 entries at once into lists, then added",
    .isa = "avx512",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512,
    .supports = eie_stream_supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = eie_stream_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = eie_stream_cost,
    .destroy = eie_stream_destroy,
};
