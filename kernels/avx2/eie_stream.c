/* The paper's algorithm on the EIE stream (kernels/stream_plan.h), in two passes, since a column of
 * a PE holds a handful of entries and its end is mispredicted nearly every time:
 *
 *   decode  8 or 16 entries at once, however many belong to the column: zero runs are summed up to
 *           rows within a vector, codes pick from the 16 products of the column's input, held in
 *           two registers. Both are appended to lists; the next column overwrites what was too
 *           much.
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
    4.5 /* mean entries of a column and PE below which eight at once are faster than 16 */

struct lists {
    uint32_t product[LIST + ROWS_MAX + SPARE];
    uint8_t row[LIST + ROWS_MAX + SPARE];
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

/* The same for 8: one multiplication adds up the runs. */
static inline uint64_t eight_rows_of(const uint8_t *entries, uint8_t first)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, entries, sizeof word);
    return (word & 15 * ones) * ones + UINT64_C(0x0706050403020100) + first * ones;
}

struct products { /* of a column's input with the codes 0-7 and 8-15 */
    __m256i low, high;
};

/* The products of eight entries: bit 7 of an entry says which table. */
static inline __m256i eight_products(const uint8_t *entries, const struct products *products)
{
    const __m256i entry = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)entries));
    const __m256i code = _mm256_srli_epi32(entry, 4), upper = _mm256_slli_epi32(entry, 24);
    return _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(_mm256_permutevar8x32_epi32(products->low, code)),
                         _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(products->high, code)),
                         _mm256_castsi256_ps(upper)));
}

/* Appends a column's entries, `step` (8 or 16, a constant where this is inlined) at a time. */
static inline void decode(const uint8_t *entry, uint32_t length, const struct products *products,
                          uint32_t step, struct lists *lists)
{
    uint8_t first = 0;
    for (;;) {
        uint8_t *row = lists->row + lists->count;
        uint32_t *product = lists->product + lists->count;
        if (step == 16) {
            const __m128i entries = _mm_loadu_si128((const __m128i *)entry);
            _mm_storeu_si128((__m128i *)row, rows_of(entries, first));
            _mm256_storeu_si256((__m256i *)product, eight_products(entry, products));
            _mm256_storeu_si256((__m256i *)(product + 8), eight_products(entry + 8, products));
        } else {
            const uint64_t rows = eight_rows_of(entry, first);
            memcpy(row, &rows, sizeof rows);
            _mm256_storeu_si256((__m256i *)product, eight_products(entry, products));
        }
        if (length <= step) break;
        lists->count += step;
        length -= step;
        entry += step;
        first = (uint8_t)(row[step - 1] + 1);
    }
    lists->count += length;
}

static inline void play(const struct eie_stream *stream, uint32_t *restrict acc, uint32_t step)
{
    const __m128i *codes = (const __m128i *)stream->codebook;
    const __m256i low = _mm256_cvtepi16_epi32(_mm_loadu_si128(codes));
    const __m256i high = _mm256_cvtepi16_epi32(_mm_loadu_si128(codes + 1));
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
        const __m256i value = _mm256_set1_epi32(stream->active[k].value);
        const struct products products = {_mm256_mullo_epi32(low, value),
                                          _mm256_mullo_epi32(high, value)};
        decode(entry, start[1] - start[0], &products, step, &lists);
        if (lists.count > LIST) {
            add_lists(&lists, acc);
            lists.count = 0;
        }
    }
    add_lists(&lists, acc);
}

static void play_shortest(const struct eie_stream *stream, uint32_t *restrict acc)
{
    if (stream->all_active && stream->rows <= EIE_ALL_ROWS)
        eie_stream_play_all(stream, acc);
    else
        play(stream, acc, 8);
}

static void play_short(const struct eie_stream *stream, uint32_t *restrict acc)
{
    play(stream, acc, 8);
}

static void play_long(const struct eie_stream *stream, uint32_t *restrict acc)
{
    play(stream, acc, 16);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    if (eie_stream_mean_length(setup->problem.layer) < WHOLE_STREAM)
        return eie_stream_prepare(setup, play_shortest, true, plan, error);
    const bool is_short = eie_stream_mean_length(setup->problem.layer) < SHORT_COLUMN;
    return eie_stream_prepare(setup, is_short ? play_short : play_long, false, plan, error);
}

const struct eie_kernel eie_kernel_avx2_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx2_eie_stream",
    .summary = "straight on the EIE stream: decoded 8 or 16 entries at once into lists, then added",
    .isa = "avx2",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX2,
    .supports = eie_stream_supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = eie_stream_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = eie_stream_cost,
    .destroy = eie_stream_destroy,
};
