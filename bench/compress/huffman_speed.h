/* How fast Huffman streams decode on one core, beside zstd on the same bytes. */
#ifndef EIE_BENCH_COMPRESS_HUFFMAN_SPEED_H
#define EIE_BENCH_COMPRESS_HUFFMAN_SPEED_H

#include "host/layer/shared.h"

#include <stdbool.h>

/* Codes and 4-bit runs of all matrices, one stream each; prints a table or JSON. Every result is
 * compared with what was encoded before its time is taken: EIE_MISMATCH. Without libzstd its
 * figures are null, with the reason. */
EIE_MUST_USE enum eie_status eie_huffman_speed(const struct eie_shared **matrices, uint32_t count,
                                               bool as_json, struct eie_error *error);

#endif
