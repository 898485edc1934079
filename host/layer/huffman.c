#include "host/layer/huffman.h"

#include <stdlib.h>
#include <string.h>

#define SYMBOLS    EIE_HUFFMAN_SYMBOLS
#define LIMIT      EIE_HUFFMAN_LIMIT
#define TABLE_SIZE (1u << LIMIT)
#define SEGMENTS   4u
#define SPLIT_FROM 8192u
#define LOOKUPS    5u /* of 11 bits each that 56 bits are enough for */
#define MARK       (UINT64_C(1) << 63)
#define PER_LOOKUP 3u /* symbols that an entry of the table holds at most */

void eie_huffman_tally(const uint8_t *symbols, size_t count, uint64_t tally[SYMBOLS])
{
    uint64_t part[4][SYMBOLS] = {{0}}; /* so that equal neighbours do not wait for each other */
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++) part[k][symbols[i + k]]++;
    for (; i < count; i++) part[0][symbols[i]]++;
    for (size_t s = 0; s < SYMBOLS; s++)
        tally[s] = part[0][s] + part[1][s] + part[2][s] + part[3][s];
}

uint64_t eie_huffman_bits(const struct eie_huffman *code, const uint64_t tally[SYMBOLS])
{
    uint64_t bits = 0;
    for (size_t s = 0; s < SYMBOLS; s++) bits += code->length[s] * tally[s];
    return bits;
}

void eie_huffman_fixed(uint32_t bits, struct eie_huffman *code)
{
    memset(code, 0, sizeof *code);
    memset(code->length, (int)bits, (size_t)1 << bits);
}

/* ---- lengths -------------------------------------------------------------------------------- */

/* A coin or package of the coin collector's problem: how often each symbol is in it. */
struct package {
    uint64_t weight;
    uint8_t times[SYMBOLS];
};

static void sort_symbols(const uint64_t *tally, uint16_t *order, size_t count)
{
    for (size_t i = 1; i < count; i++) { /* at most 256 */
        const uint16_t symbol = order[i];
        size_t k = i;
        for (; k && tally[order[k - 1]] > tally[symbol]; k--) order[k] = order[k - 1];
        order[k] = symbol;
    }
}

static void set_coin(struct package *package, const uint64_t *tally, uint16_t symbol)
{
    memset(package->times, 0, sizeof package->times);
    package->times[symbol] = 1;
    package->weight = tally[symbol];
}

static void join(struct package *sum, const struct package *a, const struct package *b)
{
    sum->weight = a->weight + b->weight;
    for (size_t s = 0; s < SYMBOLS; s++) sum->times[s] = (uint8_t)(a->times[s] + b->times[s]);
}

/* The coins merged with the packages of the level before, lightest first; returns how many. */
static size_t merge_level(const uint64_t *tally, const uint16_t *order, size_t coins,
                          const struct package *before, size_t before_count, struct package *level)
{
    size_t coin = 0, pair = 0, count = 0;
    while (coin < coins || pair + 1 < before_count) {
        const uint64_t weight =
            pair + 1 < before_count ? before[pair].weight + before[pair + 1].weight : 0;
        if (coin < coins && (pair + 1 >= before_count || tally[order[coin]] <= weight)) {
            set_coin(&level[count++], tally, order[coin++]);
        } else {
            join(&level[count++], &before[pair], &before[pair + 1]);
            pair += 2;
        }
    }
    return count;
}

enum eie_status eie_huffman_build(const uint64_t tally[SYMBOLS], struct eie_huffman *code,
                                  struct eie_error *error)
{
    uint16_t order[SYMBOLS];
    size_t coins = 0;
    memset(code, 0, sizeof *code);
    for (uint16_t s = 0; s < SYMBOLS; s++)
        if (tally[s]) order[coins++] = s;
    if (coins == 1) code->length[order[0]] = 1;
    if (coins < 2) return EIE_OK;
    sort_symbols(tally, order, coins);
    struct package *levels = malloc(2 * 2 * SYMBOLS * sizeof *levels);
    if (!levels) return eie_fail(error, EIE_MEMORY, "out of memory for a Huffman code");
    struct package *level = levels, *other = levels + 2 * SYMBOLS;
    size_t count = 0;
    for (int bits = 0; bits < LIMIT; bits++) {
        struct package *next = other;
        count = merge_level(tally, order, coins, level, count, next);
        other = level;
        level = next;
    }
    for (size_t i = 0; i < 2 * coins - 2; i++) /* the lightest of the last level are bought */
        for (size_t s = 0; s < SYMBOLS; s++)
            code->length[s] = (uint8_t)(code->length[s] + level[i].times[s]);
    free(levels);
    return EIE_OK;
}

/* ---- codes ---------------------------------------------------------------------------------- */

unsigned eie_huffman_codes(const struct eie_huffman *code, uint16_t codes[SYMBOLS])
{
    unsigned next = 0, used = 0, space = 0;
    for (size_t s = 0; s < SYMBOLS; s++) {
        if (code->length[s] > LIMIT) return 0;
        used += code->length[s] != 0;
        if (code->length[s]) space += TABLE_SIZE >> code->length[s];
    }
    if (used == 1) {
        memset(codes, 0, SYMBOLS * sizeof *codes);
        return space == TABLE_SIZE / 2; /* length 1 */
    }
    if (space != TABLE_SIZE) return 0;
    for (unsigned length = 1; length <= LIMIT; length++, next <<= 1) {
        for (size_t s = 0; s < SYMBOLS; s++) {
            if (code->length[s] != length) continue;
            unsigned reversed = 0;
            for (unsigned b = 0; b < length; b++) reversed |= (next >> b & 1u) << (length - 1 - b);
            codes[s] = (uint16_t)reversed;
            next++;
        }
    }
    return used;
}

static size_t segment_count(size_t count, unsigned used)
{
    return count < SPLIT_FROM || used == 1 ? 1 : SEGMENTS;
}

/* Symbols [*begin, *end) of a segment. */
static void segment_range(size_t count, size_t pieces, size_t segment, size_t *begin, size_t *end)
{
    const size_t each = (count + pieces - 1) / pieces;
    *begin = segment * each < count ? segment * each : count;
    *end = *begin + each < count ? *begin + each : count;
}

/* ---- encoding ------------------------------------------------------------------------------- */

static uint8_t *write_segment(const struct eie_huffman *code, const uint16_t *codes,
                              const uint8_t *symbols, size_t count, uint8_t *out)
{
    uint64_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < count; i++) {
        bits |= (uint64_t)codes[symbols[i]] << held;
        held += code->length[symbols[i]];
        for (; held >= 32; held -= 32, bits >>= 32, out += 4) memcpy(out, &bits, 4);
    }
    for (; held; held = held > 8 ? held - 8 : 0, bits >>= 8) *out++ = (uint8_t)bits;
    return out;
}

enum eie_status eie_huffman_encode(const struct eie_huffman *code, const uint8_t *symbols,
                                   size_t count, uint8_t **stream, size_t *size,
                                   struct eie_error *error)
{
    uint16_t codes[SYMBOLS];
    uint64_t tally[SYMBOLS];
    const unsigned used = eie_huffman_codes(code, codes);
    const size_t segments = segment_count(count, used), head = (segments - 1) * sizeof(uint32_t);
    *stream = NULL;
    eie_huffman_tally(symbols, count, tally);
    for (size_t s = 0; s < SYMBOLS; s++)
        if (tally[s] && (!code->length[s] || !used))
            return eie_fail(error, EIE_USAGE, "symbol %zu has no Huffman code", s);
    uint8_t *out = malloc(head + (size_t)(eie_huffman_bits(code, tally) / 8) + 2 * segments + 8);
    if (!out) return eie_fail(error, EIE_MEMORY, "out of memory for a Huffman stream");
    uint8_t *at = out + head;
    for (size_t k = 0; k < segments && count; k++) {
        size_t begin, end;
        segment_range(count, segments, k, &begin, &end);
        const uint8_t *start = at;
        at = write_segment(code, codes, symbols + begin, end - begin, at);
        const uint32_t bytes = (uint32_t)(at - start);
        if (k + 1 < segments) memcpy(out + k * sizeof bytes, &bytes, sizeof bytes);
    }
    *stream = out;
    *size = count ? (size_t)(at - out) : 0;
    return EIE_OK;
}

/* ---- decoding ------------------------------------------------------------------------------- */

/* An entry holds what the next 11 bits begin with: up to three symbols in its low bytes, above them
 * the bits that these take (6 bits wide) and how many they are. */
static void make_table(const struct eie_huffman *code, const uint16_t codes[SYMBOLS],
                       uint32_t table[TABLE_SIZE])
{
    uint16_t first[TABLE_SIZE]; /* symbol and length of the first alone */
    for (unsigned s = 0; s < SYMBOLS; s++)
        for (unsigned at = codes[s]; code->length[s] && at < TABLE_SIZE;
             at += 1u << code->length[s])
            first[at] = (uint16_t)(s | (unsigned)code->length[s] << 8);
    for (unsigned at = 0; at < TABLE_SIZE; at++) {
        unsigned used = 0, count = 0, symbols = 0;
        while (count < PER_LOOKUP) {
            const unsigned next = first[at >> used];
            if (used + (next >> 8) > LIMIT) break;
            symbols |= (next & 255u) << (8 * count++);
            used += next >> 8;
        }
        table[at] = symbols | used << 24 | count << 30;
    }
}

struct segment {
    const uint8_t *begin, *end;
    uint64_t place; /* bits that are decoded */
    uint8_t *out, *out_end;
};

/* Rounds that every segment has bytes to read and room for, whatever its lookups bring. */
static size_t safe_rounds(const struct segment *segments, size_t count)
{
    size_t least = SIZE_MAX;
    for (size_t k = 0; k < count; k++) {
        const size_t bytes =
            (size_t)(segments[k].end - segments[k].begin) - (size_t)(segments[k].place / 8);
        const size_t room = (size_t)(segments[k].out_end - segments[k].out) /
                            (LOOKUPS * PER_LOOKUP + sizeof(uint32_t));
        if (bytes / 8 < least) least = bytes / 8;
        if (room < least) least = room;
    }
    return least;
}

/* All segments in step, so that no lookup waits for the one before it. A window's highest 1 stands
 * just above its bits, so that its place tells how many are used up. `count` is known on compiling.
 */
static inline __attribute__((always_inline)) void
decode_rounds(const uint32_t table[TABLE_SIZE], struct segment *segments, const size_t count)
{
    const uint8_t *at[SEGMENTS];
    uint64_t bits[SEGMENTS];
    uint8_t *out[SEGMENTS];
    for (size_t rounds; (rounds = safe_rounds(segments, count)) > 0;) {
        for (size_t k = 0; k < count; k++) {
            at[k] = segments[k].begin + segments[k].place / 8;
            bits[k] = MARK >> (segments[k].place % 8);
            out[k] = segments[k].out;
        }
        for (; rounds; rounds--) {
            for (size_t k = 0; k < count; k++) {
                const unsigned used = (unsigned)__builtin_clzll(bits[k]);
                uint64_t word;
                at[k] += used / 8;
                memcpy(&word, at[k], sizeof word);
                bits[k] = (word | MARK) >> (used % 8);
            }
            for (unsigned n = 0; n < LOOKUPS; n++)
                for (size_t k = 0; k < count; k++) {
                    const uint32_t entry = table[bits[k] & (TABLE_SIZE - 1)];
                    memcpy(out[k], &entry, sizeof entry);
                    out[k] += entry >> 30;
                    bits[k] >>= entry >> 24 & 63;
                }
        }
        for (size_t k = 0; k < count; k++) {
            segments[k].place =
                (uint64_t)(at[k] - segments[k].begin) * 8 + (unsigned)__builtin_clzll(bits[k]);
            segments[k].out = out[k];
        }
    }
}

static void decode_fast(const uint32_t table[TABLE_SIZE], struct segment *segments, size_t count)
{
    if (count == SEGMENTS)
        decode_rounds(table, segments, SEGMENTS);
    else
        decode_rounds(table, segments, 1);
}

/* The rest of a segment, symbol by symbol, never behind its end. */
static bool decode_rest(const struct eie_huffman *code, const uint32_t table[TABLE_SIZE],
                        struct segment *segment)
{
    const uint64_t total = (uint64_t)(segment->end - segment->begin) * 8;
    uint64_t place = segment->place;
    while (segment->out < segment->out_end) {
        unsigned window = 0;
        for (unsigned b = 0; b < 3 && place / 8 + b < total / 8; b++)
            window |= (unsigned)segment->begin[place / 8 + b] << (8 * b);
        const uint8_t symbol = (uint8_t)table[window >> (place % 8) & (TABLE_SIZE - 1)];
        place += code->length[symbol];
        if (place > total) return false;
        *segment->out++ = symbol;
    }
    return total - place < 8 && (place == total || !(segment->end[-1] >> (place % 8)));
}

static enum eie_status bad_stream(struct eie_error *error)
{
    return eie_fail(error, EIE_INPUT,
                    "a Huffman stream is damaged: its codes and its size disagree");
}

static bool find_segments(const uint8_t *stream, size_t size, uint8_t *symbols, size_t count,
                          size_t pieces, struct segment *segments)
{
    const size_t head = (pieces - 1) * sizeof(uint32_t);
    if (size < head) return false;
    const uint8_t *at = stream + head, *stream_end = stream + size;
    for (size_t k = 0; k < pieces; k++) {
        size_t begin, end;
        uint32_t bytes = 0;
        segment_range(count, pieces, k, &begin, &end);
        if (k + 1 < pieces) memcpy(&bytes, stream + k * sizeof bytes, sizeof bytes);
        if (bytes > (size_t)(stream_end - at)) return false;
        const uint8_t *next = k + 1 < pieces ? at + bytes : stream_end;
        segments[k] = (struct segment){at, next, 0, symbols + begin, symbols + end};
        at = next;
    }
    return true;
}

/* A bit of 0 for each. */
static bool decode_sole(const struct eie_huffman *code, const uint8_t *stream, size_t size,
                        uint8_t *symbols, size_t count)
{
    if (size != (count + 7) / 8) return false;
    for (size_t i = 0; i < size; i++)
        if (stream[i]) return false;
    for (unsigned s = 0; s < SYMBOLS; s++)
        if (code->length[s]) memset(symbols, (int)s, count);
    return true;
}

enum eie_status eie_huffman_decode(const struct eie_huffman *code, const uint8_t *stream,
                                   size_t size, uint8_t *symbols, size_t count,
                                   struct eie_error *error)
{
    uint16_t codes[SYMBOLS] = {0};
    uint32_t table[TABLE_SIZE];
    struct segment segments[SEGMENTS];
    const unsigned used = eie_huffman_codes(code, codes);
    if (!used && count) return eie_fail(error, EIE_INPUT, "code lengths that are no Huffman code");
    if (!count) return size ? bad_stream(error) : EIE_OK;
    if (used == 1)
        return decode_sole(code, stream, size, symbols, count) ? EIE_OK : bad_stream(error);
    const size_t pieces = segment_count(count, used);
    if (!find_segments(stream, size, symbols, count, pieces, segments)) return bad_stream(error);
    make_table(code, codes, table);
    decode_fast(table, segments, pieces);
    for (size_t k = 0; k < pieces; k++)
        if (!decode_rest(code, table, &segments[k])) return bad_stream(error);
    return EIE_OK;
}
