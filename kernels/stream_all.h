/* A stream all of whose columns are active (kernels/stream_plan.h), for columns of so few entries
 * that what is done for each column is what costs. Then the entries of a PE follow each other
 * without a gap, and all but a little is done to the stream as a whole:
 *
 *   sum     zero runs are summed up along the stream, over the columns' ends
 *   spread  each column writes the sum at its beginning and the place of its products beside its
 *           entries, eight at once; the next one overwrites what was too much
 *   decode  the difference of both sums is the row, the place and a code those of a product
 *   add     one addition an entry
 *
 * Portable C, vectors are the compiler's. */
#ifndef EIE_KERNELS_STREAM_ALL_H
#define EIE_KERNELS_STREAM_ALL_H

#include "kernels/stream_plan.h"

#include <string.h>

#define EIE_ALL_ROWS    256u  /* most of a PE, as a row is a byte */
#define EIE_ALL_LIST    1024u /* entries that are worked off at once */
#define EIE_ALL_COLUMNS 1024u /* and their columns, at most */
#define EIE_ALL_STEP    8u    /* entries in a word */
#define EIE_ALL_ONES    UINT64_C(0x0101010101010101)

struct eie_all_lists {
    uint8_t sum[EIE_ALL_LIST + 2 * EIE_ALL_STEP];   /* [i]: rows up to entry i, modulo 256 */
    uint8_t first[EIE_ALL_LIST + 2 * EIE_ALL_STEP]; /* the sum where the entry's column begins */
    uint8_t row[EIE_ALL_LIST + 2 * EIE_ALL_STEP];
    uint16_t place[EIE_ALL_LIST + 2 * EIE_ALL_STEP]; /* among these columns' products */
};

static inline void eie_all_spread(const uint32_t *start, uint32_t columns,
                                  struct eie_all_lists *lists)
{
    for (uint32_t k = 0; k < columns; k++) {
        const uint64_t place = k * EIE_CODEBOOK_SIZE * UINT64_C(0x0001000100010001);
        const uint64_t places[2] = {place, place};
        const uint32_t end = start[k + 1] - start[0];
        uint32_t at = start[k] - start[0];
        const uint64_t first = lists->sum[at] * EIE_ALL_ONES;
        do {
            memcpy(lists->first + at, &first, sizeof first);
            memcpy(lists->place + at, places, sizeof places);
            at += EIE_ALL_STEP;
        } while (at < end);
    }
}

static inline void eie_all_add(const struct eie_all_lists *lists, uint32_t count,
                               const uint32_t *restrict products, uint32_t *restrict acc)
{
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t rows;
        memcpy(&rows, lists->row + i, sizeof rows);
        for (uint32_t k = 0; k < 8; k++) acc[rows >> 8 * k & 255] += products[lists->place[i + k]];
    }
    for (; i < count; i++) acc[lists->row[i]] += products[lists->place[i]];
}

/* Eight bytes each, modulo 256. */
static inline uint64_t eie_all_add_bytes(uint64_t a, uint64_t b)
{
    const uint64_t high = 0x80 * EIE_ALL_ONES;
    return ((a & ~high) + (b & ~high)) ^ ((a ^ b) & high);
}

/* Columns whose entries are the `count` ones from `entry` on. */
static inline void eie_all_columns(const uint32_t *start, uint32_t columns, const uint8_t *entry,
                                   const uint32_t *products, struct eie_all_lists *lists,
                                   uint32_t *restrict acc)
{
    const uint32_t count = start[columns] - start[0];
    uint64_t before = 0;
    lists->sum[0] = 0;
    for (uint32_t i = 0; i < count; i += EIE_ALL_STEP) {
        uint64_t word;
        memcpy(&word, entry + i, sizeof word);
        word = (word & 15 * EIE_ALL_ONES) * EIE_ALL_ONES + UINT64_C(0x0807060504030201);
        word = eie_all_add_bytes(word, before * EIE_ALL_ONES);
        memcpy(lists->sum + i + 1, &word, sizeof word);
        before = word >> 56;
    }
    eie_all_spread(start, columns, lists);
    for (uint32_t i = 0; i < count; i++)
        lists->row[i] = (uint8_t)(lists->sum[i + 1] - lists->first[i] - 1);
    for (uint32_t i = 0; i < count; i++)
        lists->place[i] = (uint16_t)(lists->place[i] + (entry[i] >> 4));
    eie_all_add(lists, count, products, acc);
}

/* Instead of a kernel's own play where all columns are active and the PE has at most EIE_ALL_ROWS
 * rows; needs the products. */
static inline void eie_stream_play_all(const struct eie_stream *stream, uint32_t *restrict acc)
{
    struct eie_all_lists lists;
    for (uint32_t k = 0, columns; k < stream->active_count; k += columns) {
        const uint32_t *start = stream->start + k;
        columns = stream->active_count - k;
        if (columns > EIE_ALL_COLUMNS) columns = EIE_ALL_COLUMNS;
        while (start[columns] - start[0] > EIE_ALL_LIST) columns = (columns + 1) / 2;
        eie_all_columns(start, columns, stream->entries + start[0],
                        stream->products + (size_t)k * EIE_CODEBOOK_SIZE, &lists, acc);
    }
}

#endif
