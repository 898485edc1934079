/* SHA-256 (FIPS 180-4) by OpenSSL's libcrypto, at once or in pieces. EIE_MEMORY, which all of them
 * may return, is out of memory or a libcrypto that refuses. One hash belongs to one thread. */
#ifndef EIE_HOST_BASE_SHA256_H
#define EIE_HOST_BASE_SHA256_H

#include "host/base/error.h"
#include "host/base/hash.h"

#include <stddef.h>

struct eie_sha256; /* opaque: a hash under way */

/* Call eie_sha256_end or eie_sha256_free on it, exactly one of them. */
EIE_MUST_USE enum eie_status eie_sha256_begin(struct eie_sha256 **sha, struct eie_error *error);
/* Any number of pieces of any size, 0 too. After a failure only freeing makes sense. */
EIE_MUST_USE enum eie_status eie_sha256_add(struct eie_sha256 *sha, const void *bytes, size_t size,
                                            struct eie_error *error);
/* The hash of all that was added. Frees `sha` whatever the status. */
EIE_MUST_USE enum eie_status eie_sha256_end(struct eie_sha256 *sha, struct eie_hash *hash,
                                            struct eie_error *error);
/* All at once. */
EIE_MUST_USE enum eie_status eie_sha256_of(const void *bytes, size_t size, struct eie_hash *hash,
                                           struct eie_error *error);
void eie_sha256_free(struct eie_sha256 *sha); /* to give up before the end; NULL is fine */

#endif
