#include "host/layer/network_bits.h"

#include <stdlib.h>
#include <string.h>

#define GROUP        3u /* bits of a number before the one that says whether more follow */
#define FIRST_LENGTH 4u /* what a table's first length is held against */

/* ---- writing -------------------------------------------------------------------------------- */

static bool make_room(struct eie_bits_out *out, uint32_t bits)
{
    const size_t need = (size_t)((out->count + bits) / 8 + 1);
    if (out->full) return false;
    if (need <= out->capacity) return true;
    const size_t capacity = need + out->capacity + 1024;
    uint8_t *larger = realloc(out->bytes, capacity);
    out->full = !larger;
    if (!larger) return false;
    memset(larger + out->capacity, 0, capacity - out->capacity);
    out->bytes = larger;
    out->capacity = capacity;
    return true;
}

void eie_bits_put(struct eie_bits_out *out, uint32_t value, uint32_t bits)
{
    if (!make_room(out, bits)) return;
    for (uint32_t b = 0; b < bits; b++, out->count++)
        out->bytes[out->count / 8] |= (uint8_t)((value >> b & 1u) << (out->count % 8));
}

void eie_bits_put_number(struct eie_bits_out *out, uint32_t number)
{
    for (; number >> GROUP; number >>= GROUP)
        eie_bits_put(out, (number & ((1u << GROUP) - 1)) | 1u << GROUP, GROUP + 1);
    eie_bits_put(out, number, GROUP + 1);
}

uint32_t eie_bits_of_number(uint32_t number)
{
    uint32_t bits = GROUP + 1;
    for (; number >> GROUP; number >>= GROUP) bits += GROUP + 1;
    return bits;
}

/* One length behind `before`: its bits, *count of them. */
static uint32_t length_code(uint32_t length, uint32_t before, uint32_t *count)
{
    *count = 1;
    if (length && length == before) return 0;
    *count = 2;
    if (length && length == before + 1) return 1;
    *count = 3;
    if (length && length + 1 == before) return 3;
    *count = 7;
    return 7 | length << 3;
}

void eie_bits_put_table(struct eie_bits_out *out, const struct eie_huffman *code, uint32_t first,
                        uint32_t last)
{
    uint32_t before = FIRST_LENGTH, count;
    for (uint32_t s = first; s <= last; s++) {
        const uint32_t value = length_code(code->length[s], before, &count);
        eie_bits_put(out, value, count);
        if (code->length[s]) before = code->length[s];
    }
}

uint32_t eie_bits_of_table(const struct eie_huffman *code, uint32_t first, uint32_t last)
{
    uint32_t before = FIRST_LENGTH, count, bits = 0;
    for (uint32_t s = first; s <= last; s++) {
        (void)length_code(code->length[s], before, &count);
        bits += count;
        if (code->length[s]) before = code->length[s];
    }
    return bits;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The next bits, 0 behind the end, without reading them. */
static uint32_t peek(const struct eie_bits_in *in, uint32_t bits)
{
    const uint64_t end = (in->count + 7) / 8;
    uint64_t word = 0;
    for (uint64_t b = 0; b < 5 && in->place / 8 + b < end; b++)
        word |= (uint64_t)in->bytes[in->place / 8 + b] << (8 * b);
    return (uint32_t)(word >> (in->place % 8) & ((UINT64_C(1) << bits) - 1));
}

static void skip(struct eie_bits_in *in, uint32_t bits)
{
    if (bits > in->count - in->place) in->failed = true;
    if (!in->failed) in->place += bits;
}

uint32_t eie_bits_get(struct eie_bits_in *in, uint32_t bits)
{
    const uint32_t value = peek(in, bits);
    skip(in, bits);
    return in->failed ? 0 : value;
}

int32_t eie_bits_get_signed(struct eie_bits_in *in, uint32_t bits)
{
    const uint32_t value = eie_bits_get(in, bits);
    const int64_t span = INT64_C(1) << bits;
    return (int32_t)(value >> (bits - 1) & 1u ? (int64_t)value - span : (int64_t)value);
}

uint32_t eie_bits_get_number(struct eie_bits_in *in)
{
    uint64_t number = 0;
    for (uint32_t shift = 0; !in->failed; shift += GROUP) {
        const uint32_t group = eie_bits_get(in, GROUP + 1);
        number |= (uint64_t)(group & ((1u << GROUP) - 1)) << shift;
        if (group >> GROUP && shift + GROUP < 32) continue;
        /* one way to write each: no empty group at the end, none too many */
        if (group >> GROUP || (shift && !group) || number > UINT32_MAX) in->failed = true;
        break;
    }
    return in->failed ? 0 : (uint32_t)number;
}

static uint32_t get_length(struct eie_bits_in *in, uint32_t before)
{
    if (!eie_bits_get(in, 1)) return before;
    if (!eie_bits_get(in, 1)) return before + 1;
    if (!eie_bits_get(in, 1)) return before - 1;
    return eie_bits_get(in, 4);
}

void eie_bits_get_table(struct eie_bits_in *in, uint32_t first, uint32_t last,
                        struct eie_bits_table *table)
{
    uint16_t codes[EIE_HUFFMAN_SYMBOLS];
    uint32_t before = FIRST_LENGTH, used = 0;
    memset(table, 0, sizeof *table);
    for (uint32_t s = first; s <= last && !in->failed; s++) {
        const uint32_t length = get_length(in, before);
        if (length > EIE_HUFFMAN_LIMIT) in->failed = true;
        if (in->failed || !length) continue;
        table->code.length[s] = (uint8_t)length;
        before = length;
        used++;
    }
    if (in->failed || !used) return;
    if (!eie_huffman_codes(&table->code, codes)) {
        in->failed = true;
        return;
    }
    for (uint32_t s = first; s <= last; s++)
        for (uint32_t at = codes[s]; table->code.length[s] && at < 1u << EIE_HUFFMAN_LIMIT;
             at += 1u << table->code.length[s])
            table->first[at] = (uint16_t)(s | (uint32_t)table->code.length[s] << 8);
}

uint32_t eie_bits_get_symbol(struct eie_bits_in *in, const struct eie_bits_table *table)
{
    const uint32_t entry = table->first[peek(in, EIE_HUFFMAN_LIMIT)];
    if (!entry) in->failed = true;
    skip(in, entry >> 8);
    return in->failed ? 0 : entry & 255u;
}
