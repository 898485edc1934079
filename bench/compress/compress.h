/* From dense weights to a file of ours, stage by stage, and the ledger of what each stage takes. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_H
#define EIE_BENCH_COMPRESS_COMPRESS_H

#include "bench/compress/compressed.h"
#include "host/layer/container.h"

#include <jansson.h>

/* Compresses all named tensors; *count of them, to be freed by eie_compressed_free. The file is
 * written, or none is left; `parts` is what it consists of, by its writer, for the ledger. *notes,
 * to be freed, are lines for the user, maybe none: which bias joined its weights, which tensors
 * that a glob matches were left out and why. */
EIE_MUST_USE enum eie_status eie_compress(const struct eie_compress_options *options,
                                          struct eie_compressed **items, uint32_t *count,
                                          struct eie_file_parts *parts, char **notes,
                                          struct eie_error *error);
void eie_compressed_free(struct eie_compressed *items, uint32_t count);

/* The ledger as JSON (results/README.md); `parts` stay the caller's. Where the output is a file
 * that can be read back (not a pipe, a device, the standard output), its header and size must say
 * the same: EIE_MISMATCH. */
EIE_MUST_USE enum eie_status eie_compress_ledger(const struct eie_compress_options *options,
                                                 const struct eie_compressed *items, uint32_t count,
                                                 const struct eie_file_parts *parts,
                                                 json_t **ledger, struct eie_error *error);
void eie_compress_print(const json_t *ledger);

#endif
