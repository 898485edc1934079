/* A 16-bit weight as two signed bytes, w = low + 256 high, for dot products of unsigned by signed
 * bytes (vpdpbusd). Weights above EIE_DIGITS_MOST have no such high byte: a codebook that holds one
 * is negated as a whole, and so are the sums then; one that holds such weights of both signs cannot
 * be split. */
#ifndef EIE_KERNELS_BYTE_DIGITS_H
#define EIE_KERNELS_BYTE_DIGITS_H

#include "host/base/error.h"
#include "host/layer/layer.h"

#include <stdbool.h>
#include <stdint.h>

#define EIE_DIGITS_MOST 32639

/* Sets *negated, or EIE_UNSUPPORTED. */
EIE_MUST_USE enum eie_status eie_byte_digits_sign(const struct eie_layer *layer, bool *negated,
                                                  struct eie_error *error);

/* Both digits of each code's weight, or of its negative. */
void eie_byte_digits_split(const int16_t codebook[EIE_CODEBOOK_SIZE], bool negated,
                           int8_t low[EIE_CODEBOOK_SIZE], int8_t high[EIE_CODEBOOK_SIZE]);

#endif
