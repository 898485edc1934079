/* Memory that is written once and then only read: a stray write to it ends the process that makes
 * it (SIGSEGV) instead of changing what everybody else reads. */
#ifndef EIE_HOST_BASE_SEALED_H
#define EIE_HOST_BASE_SEALED_H

#include "host/base/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A block of at least `size` bytes, aligned to 64, on pages of its own; writable and not cleared
 * until eie_seal. NULL when there is no memory. */
void *eie_sealed_new(size_t size);

/* From now on the block is only read, by whatever thread. EIE_MEMORY, the block being writable as
 * before, when the kernel cannot keep another mapping. */
EIE_MUST_USE enum eie_status eie_seal(void *block, struct eie_error *error);

void eie_sealed_free(void *block); /* sealed or not; NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
