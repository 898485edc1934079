/* SHA-256 by OpenSSL's libcrypto, in pieces. */
#ifndef EIE_HOST_BASE_SHA256_H
#define EIE_HOST_BASE_SHA256_H

#include "host/base/error.h"
#include "host/base/hash.h"

#include <stddef.h>

struct eie_sha256; /* opaque */

EIE_MUST_USE enum eie_status eie_sha256_begin(struct eie_sha256 **sha, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_sha256_add(struct eie_sha256 *sha, const void *bytes, size_t size,
                                            struct eie_error *error);
/* Frees `sha` in any case. */
EIE_MUST_USE enum eie_status eie_sha256_end(struct eie_sha256 *sha, struct eie_hash *hash,
                                            struct eie_error *error);
/* All at once. */
EIE_MUST_USE enum eie_status eie_sha256_of(const void *bytes, size_t size, struct eie_hash *hash,
                                           struct eie_error *error);
void eie_sha256_free(struct eie_sha256 *sha); /* to give up before the end; NULL is fine */

#endif
