/* The header of an .npy file, for the reader of archives of them. */
#ifndef EIE_HOST_WEIGHTS_READ_NPY_H
#define EIE_HOST_WEIGHTS_READ_NPY_H

#include "host/weights/reader.h"

/* Where its elements begin, by its first 12 bytes; 0 where these begin no .npy file. */
uint64_t eie_npy_elements_at(const uint8_t *bytes, size_t size);

/* The header of an .npy file of which the first `size` bytes are given; `whole` is the file's size.
 * Fills all but the name. */
EIE_MUST_USE enum eie_status eie_npy_parse(const uint8_t *bytes, size_t size, uint64_t whole,
                                           const char *where, struct eie_weight_entry *entry,
                                           struct eie_error *error);

#endif
