/* From dense weights to a file of ours, stage by stage, and the ledger of what each stage takes:
 * Deep Compression (Han, Mao and Dally, ICLR 2016) with pruning by magnitude (section 2), sharing
 * by k-means (section 3) and Huffman coding (section 4), without retraining.
 *
 *     compress -> ledger -> print;  free both
 *
 * One compression at a time in a process: all of them use the one pool of threads. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_H
#define EIE_BENCH_COMPRESS_COMPRESS_H

#include "bench/compress/compressed.h"
#include "host/layer/container.h"

#include <jansson.h>

/* Compresses the tensors that options->tensors names and writes options->out, whole or not at all.
 * *items[*count], in the file's order, is to be freed by eie_compressed_free; `parts` is what the
 * file consists of, as its writer counted, parts->sizes to be released (json_decref). *notes, to be
 * freed whatever the status, are lines for the user, maybe none: which bias goes with which
 * weights, which tensors that a glob matches were left out and why.
 *
 * EIE_USAGE: options that do not fit the file (no such tensor, several and none named, --keep-codes
 * of weights that are not shared); EIE_INPUT: a file that is damaged or cannot be compressed;
 * EIE_SYSTEM, EIE_MEMORY. On failure *items is NULL and *count 0. */
EIE_MUST_USE enum eie_status eie_compress(const struct eie_compress_options *options,
                                          struct eie_compressed **items, uint32_t *count,
                                          struct eie_file_parts *parts, char **notes,
                                          struct eie_error *error);
void eie_compressed_free(struct eie_compressed *items, uint32_t count); /* NULL with 0 is fine */

/* The ledger as JSON, a new reference (results/README.md has its keys); `parts` stay the caller's.
 * Where the output is a file that can be read back (not a pipe, a device, the standard output), its
 * header and size must say the same: EIE_MISMATCH. EIE_INPUT, EIE_SYSTEM where it cannot be read;
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_compress_ledger(const struct eie_compress_options *options,
                                                 const struct eie_compressed *items, uint32_t count,
                                                 const struct eie_file_parts *parts,
                                                 json_t **ledger, struct eie_error *error);

/* The ledger as a table on standard output. */
void eie_compress_print(const json_t *ledger);

#endif
