/* Bits, numbers and Huffman tables of the form `network`, whose layout host/layer/network_file.h
 * states. */
#ifndef EIE_HOST_LAYER_NETWORK_BITS_H
#define EIE_HOST_LAYER_NETWORK_BITS_H

#include "host/layer/huffman.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What rows or columns are live. */
enum eie_live_form { EIE_LIVE_ALL, EIE_LIVE_BITS, EIE_LIVE_STRETCHES, EIE_LIVE_AS_ROWS_BEFORE };

/* Which table a weight's code is from: always the first, or by the last weight in the stream or in
 * the row, or by its neighbours. */
enum eie_code_context { EIE_CODE_ALONE, EIE_CODE_BY_LAST, EIE_CODE_BY_ROW, EIE_CODE_BY_NEIGHBOURS };
#define EIE_CODE_TABLES_MAX 3u

static inline uint32_t eie_code_tables(uint32_t context)
{
    return context == EIE_CODE_ALONE ? 1 : context == EIE_CODE_BY_NEIGHBOURS ? 3 : 2;
}

/* The table by neighbours of the place `column` in its row of codes: of what stands 1, `distance`,
 * distance - 1 and distance + 1 columns before it the first weight counts, 1 where it is above 0,
 * else 2; without one 0. */
static inline uint32_t eie_code_neighbours(const uint8_t *row, uint32_t column, uint32_t distance,
                                           const bool *positive)
{
    const uint32_t before[] = {1, distance, distance - 1, distance + 1};
    for (int k = 0; k < 4; k++) {
        if (!before[k] || before[k] > column || !row[column - before[k]]) continue;
        return positive[row[column - before[k]]] ? 1 : 2;
    }
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* All 0 is an empty stream; `bytes` is to be freed. */
struct eie_bits_out {
    uint8_t *bytes;
    size_t capacity;
    uint64_t count; /* bits */
    bool full;      /* out of memory: what follows is lost */
};
void eie_bits_put(struct eie_bits_out *out, uint32_t value, uint32_t bits); /* at most 32 */
void eie_bits_put_number(struct eie_bits_out *out, uint32_t number);
uint32_t eie_bits_of_number(uint32_t number); /* that it takes */

/* Symbols first..last. */
void eie_bits_put_table(struct eie_bits_out *out, const struct eie_huffman *code, uint32_t first,
                        uint32_t last);
uint32_t eie_bits_of_table(const struct eie_huffman *code, uint32_t first, uint32_t last);

/* ---- reading -------------------------------------------------------------------------------- */

struct eie_bits_in {
    const uint8_t *bytes;
    uint64_t count, place; /* bits: of the stream, that were read */
    bool failed; /* read beyond the end, or an impossible number or table: what follows is 0 */
};
uint32_t eie_bits_get(struct eie_bits_in *in, uint32_t bits); /* at most 32 */
int32_t eie_bits_get_signed(struct eie_bits_in *in, uint32_t bits);
uint32_t eie_bits_get_number(struct eie_bits_in *in);

/* A table that was read, ready to decode with. */
struct eie_bits_table {
    struct eie_huffman code;
    uint16_t first[1u << EIE_HUFFMAN_LIMIT]; /* by the next bits: symbol, bits << 8; 0: none */
};
void eie_bits_get_table(struct eie_bits_in *in, uint32_t first, uint32_t last,
                        struct eie_bits_table *table);
uint32_t eie_bits_get_symbol(struct eie_bits_in *in, const struct eie_bits_table *table);

#endif
