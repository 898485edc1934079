/* Canonical Huffman coding of bytes (Deep Compression, section 4), for the storage form of a layer.
 *
 * Code lengths are at most 11 bits and optimal under that limit (package-merge: Larmore and
 * Hirschberg, J. ACM 1990). Codes are canonical: shorter first, equal lengths by symbol; they stand
 * in the stream from the lowest bit up, each with its first bit lowest. A sole symbol takes a bit
 * of 0 each time.
 *
 * A stream of fewer than 8192 symbols, or of a sole one, is one segment. Another is 4 segments of
 * ceil(n / 4) symbols, the last with the rest, each in bytes of its own; before them stand the
 * sizes of the first three in bytes, uint32 little-endian. Bits behind a segment's last code are 0
 * and fill up its byte, so that each sequence of symbols has exactly one stream. */
#ifndef EIE_HOST_LAYER_HUFFMAN_H
#define EIE_HOST_LAYER_HUFFMAN_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EIE_HUFFMAN_SYMBOLS 256
#define EIE_HUFFMAN_LIMIT   11 /* bits of the longest code */

struct eie_huffman {
    uint8_t length[EIE_HUFFMAN_SYMBOLS]; /* bits; 0: does not occur */
};

void eie_huffman_tally(const uint8_t *symbols, size_t count, uint64_t tally[EIE_HUFFMAN_SYMBOLS]);

/* The best code for these counts. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_huffman_build(const uint64_t tally[EIE_HUFFMAN_SYMBOLS],
                                               struct eie_huffman *code, struct eie_error *error);

/* Every symbol below 2^bits with as many bits: what a stream takes without Huffman. bits 1..8 */
void eie_huffman_fixed(uint32_t bits, struct eie_huffman *code);

/* Bits of all symbols together, without segments and their padding. */
uint64_t eie_huffman_bits(const struct eie_huffman *code,
                          const uint64_t tally[EIE_HUFFMAN_SYMBOLS]);

/* The canonical code of each symbol that has one, its first bit lowest. Returns how many these are;
 * 0: none, or lengths that are no complete code. */
unsigned eie_huffman_codes(const struct eie_huffman *code, uint16_t codes[EIE_HUFFMAN_SYMBOLS]);

/* *stream is to be freed. Every symbol must have a code: EIE_USAGE. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_huffman_encode(const struct eie_huffman *code,
                                                const uint8_t *symbols, size_t count,
                                                uint8_t **stream, size_t *size,
                                                struct eie_error *error);

/* Fills symbols[count]. EIE_INPUT: lengths that are no complete code, a stream that is too short,
 * too long, or has other bits than 0 at a segment's end. */
EIE_MUST_USE enum eie_status eie_huffman_decode(const struct eie_huffman *code,
                                                const uint8_t *stream, size_t size,
                                                uint8_t *symbols, size_t count,
                                                struct eie_error *error);

#endif
