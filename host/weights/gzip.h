/* Texts that are compressed with gzip. */
#ifndef EIE_HOST_WEIGHTS_GZIP_H
#define EIE_HOST_WEIGHTS_GZIP_H

#include "host/base/file.h"

bool eie_is_gzip(const struct eie_bytes *bytes);

/* The first bytes of what is packed, at most `size`; returns how many these are. */
size_t eie_gzip_peek(const struct eie_bytes *bytes, uint8_t *first, size_t size);

/* Unpacks all members in place. EIE_INPUT: damaged, truncated, or larger unpacked than half of this
 * machine's memory; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_gunzip(const char *where, struct eie_bytes *bytes,
                                        struct eie_error *error);

#endif
