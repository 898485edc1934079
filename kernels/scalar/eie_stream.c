/* The paper's algorithm on the EIE stream (kernels/stream_plan.h), in portable C and two passes,
 * since a column of a PE holds a handful of entries and its end is mispredicted nearly every time:
 *
 *   decode  eight entries at once as one 64-bit word, however many belong to the column: one
 *           multiplication adds up the zero runs to rows; a code and the column's number make the
 *           place of a product in a table of all active inputs times all 16 weights. Both are
 *           appended to lists; the next column overwrites what was too much.
 *   add     the lists are walked without a branch that depends on the data: one addition an entry.
 *
 * Rows are bytes here; PEs with more than 256 rows are played entry by entry. */
#include "kernels/stream_all.h"

#include <string.h>

#define WHOLE_STREAM                                                                               \
    5.0 /* mean entries below which a stream that is all active is faster as a whole */
#define LIST     1024u /* entries after which the lists are worked off */
#define ROWS_MAX 256u
#define STEP     8u                          /* entries in a word */
#define COLUMNS  (65536 / EIE_CODEBOOK_SIZE) /* whose products 16 bits can number */
#define ONES     UINT64_C(0x0101010101010101)

struct lists {
    uint16_t place[LIST + ROWS_MAX + STEP]; /* among the products of these columns */
    uint8_t row[LIST + ROWS_MAX + STEP];
    uint32_t count;
};

/* Adds the listed products to their rows. */
static inline void add_lists(const struct lists *lists, const uint32_t *restrict products,
                             uint32_t *restrict acc)
{
    uint32_t i = 0;
    for (; i + 8 <= lists->count; i += 8) {
        uint64_t rows;
        memcpy(&rows, lists->row + i, sizeof rows);
        for (uint32_t k = 0; k < 8; k++) acc[rows >> 8 * k & 255] += products[lists->place[i + k]];
    }
    for (; i < lists->count; i++) acc[lists->row[i]] += products[lists->place[i]];
}

/* Four bytes, each to 16 bits. */
static inline uint64_t widen(uint64_t bytes)
{
    bytes = (bytes | bytes << 16) & UINT64_C(0x0000FFFF0000FFFF);
    return (bytes | bytes << 8) & UINT64_C(0x00FF00FF00FF00FF);
}

/* Appends a column's entries. `place` is that of its first product. */
static inline void decode(const uint8_t *entry, uint32_t length, uint64_t place,
                          struct lists *lists)
{
    const uint64_t places = place * UINT64_C(0x0001000100010001);
    uint64_t first = 0;
    for (;;) {
        uint64_t word;
        memcpy(&word, entry, sizeof word);
        const uint64_t codes = word >> 4 & 15 * ONES;
        const uint64_t rows =
            (word & 15 * ONES) * ONES + UINT64_C(0x0706050403020100) + first * ONES;
        const uint64_t wide[2] = {places + widen(codes & UINT32_MAX), places + widen(codes >> 32)};
        memcpy(lists->row + lists->count, &rows, sizeof rows);
        memcpy(lists->place + lists->count, wide, sizeof wide);
        if (length <= STEP) break;
        lists->count += STEP;
        length -= STEP;
        entry += STEP;
        first = (rows >> 56) + 1;
    }
    lists->count += length;
}

static void play(const struct eie_stream *stream, uint32_t *restrict acc)
{
    struct lists lists;
    if (stream->rows > ROWS_MAX) {
        eie_stream_play_plain(stream, acc);
        return;
    }
    lists.count = 0;
    const uint32_t *products = stream->products;
    for (uint32_t k = 0, base = 0; k < stream->active_count; k++) {
        const uint32_t *start = stream->start + stream->active[k].column;
        if (lists.count > LIST || k - base == COLUMNS) {
            add_lists(&lists, products, acc);
            lists.count = 0;
            base = k;
            products = stream->products + (size_t)k * EIE_CODEBOOK_SIZE;
        }
        decode(stream->entries + start[0], start[1] - start[0],
               (uint64_t)(k - base) * EIE_CODEBOOK_SIZE, &lists);
    }
    add_lists(&lists, products, acc);
}

static void play_short(const struct eie_stream *stream, uint32_t *restrict acc)
{
    if (stream->all_active && stream->rows <= EIE_ALL_ROWS)
        eie_stream_play_all(stream, acc);
    else
        play(stream, acc);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    const bool is_short = eie_stream_mean_length(setup->problem.layer) < WHOLE_STREAM;
    return eie_stream_prepare(setup, is_short ? play_short : play, true, plan, error);
}

const struct eie_kernel eie_kernel_scalar_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "scalar_eie_stream",
    .summary = "the paper's algorithm straight on the EIE stream, a thread plays a range of PEs",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .supports = eie_stream_supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = eie_stream_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = eie_stream_cost,
    .destroy = eie_stream_destroy,
};
