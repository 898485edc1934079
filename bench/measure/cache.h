/* Cache modes of the matrix (results/README.md): where the weights come from when a call begins. */
#ifndef EIE_BENCH_MEASURE_CACHE_H
#define EIE_BENCH_MEASURE_CACHE_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum eie_cache {
    EIE_CACHE_NONE, /* models and devices have none of these caches */
    EIE_CACHE_HOT,  /* one copy, over and over: whatever holds it */
    EIE_CACHE_LLC,  /* rotated copies that the private caches cannot hold, but the last level can */
    EIE_CACHE_DRAM, /* rotated copies of twice the last level */
    EIE_CACHES
};

const char *eie_cache_name(enum eie_cache cache);

/* False when there is no such mode. */
bool eie_cache_parse(const char *name, enum eie_cache *cache);

/* How many copies of `copy_bytes` are rotated on the first `threads` cores; 1 where a single one is
 * large enough. EIE_UNSUPPORTED when this machine's caches cannot have the mode, with the reason.
 */
EIE_MUST_USE enum eie_status eie_cache_copies(enum eie_cache cache, uint32_t threads,
                                              uint64_t copy_bytes, uint32_t *copies,
                                              struct eie_error *error);

/* The same where the last level has so many bytes: for `dram`; at most `most` copies. */
EIE_MUST_USE enum eie_status eie_cache_rotate(enum eie_cache cache, uint64_t last_bytes,
                                              uint32_t most, uint64_t copy_bytes, uint32_t *copies,
                                              struct eie_error *error);

#endif
