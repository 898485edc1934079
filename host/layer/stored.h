/* The storage form: a pruned, weight-shared matrix as Deep Compression stores it (ICLR 2016,
 * section 2 and 4). Row by row, an entry for each weight: its code and the number of zeros since
 * the entry before, over the flattened matrix. More than 2^run_bits - 1 zeros: a filler, code 0
 * with that run, stands for 2^run_bits places. Codes and runs are two streams, packed at their
 * width or Huffman-coded (host/layer/huffman.h).
 *
 * In the file (host/layer/layer_file.h) layer L has the metadata L.form "packed" or "huffman",
 * L.outputs, L.inputs, L.shape (numbers and commas), L.code_bits, L.run_bits, L.entries, L.source,
 * and the tensors L.codes and L.runs U8, with Huffman also L.code_lengths and L.run_lengths U8
 * (bits of each symbol's code, two symbols a byte, the first in the low nibble).
 *   - A layer, with 4-bit codes and runs, keeps its L.codebook I16 [16], its other metadata, its
 * bias and sample inputs, L.pe_count and L.eie_layer_hash. It is read like any layer.
 *   - Any other has L.codebook F32 [clusters]: code c stands for codebook[c - 1]; L.bias F32
 *     [outputs]; L.eie_matrix_hash, SHA-256 over code_bits, run_bits, clusters, rank, shape and
 *     entries (uint64 each), then codebook, codes, runs and bias, each preceded by its length in
 *     bytes (uint64). It is no layer; `eie expand` reads it. */
#ifndef EIE_HOST_LAYER_STORED_H
#define EIE_HOST_LAYER_STORED_H

#include "host/layer/container.h"
#include "host/layer/huffman.h"
#include "host/layer/layer.h"
#include "host/layer/safetensors.h"
#include "host/layer/shared.h"

/* A layer read back asks for memory that no stored byte stands for: limited. */
#define EIE_STORED_POINTERS_MAX (UINT32_C(1) << 24) /* pe_count x (inputs + 1) */
#define EIE_STORED_PLACES_MAX   (UINT64_C(1) << 33) /* outputs x inputs */

enum eie_form { EIE_FORM_PLAIN, EIE_FORM_PACKED, EIE_FORM_HUFFMAN };
const char *eie_form_name(enum eie_form form);

/* The two streams, before packing: one byte a code or run. */
struct eie_relative {
    uint32_t code_bits, run_bits;
    uint64_t entries, fillers; /* entries: fillers included */
    uint64_t code_tally[EIE_HUFFMAN_SYMBOLS], run_tally[EIE_HUFFMAN_SYMBOLS];
    uint8_t *code, *run; /* [entries], owned; NULL when only counted */
};

/* All but the arrays. EIE_INPUT: more than 2^32 - 1 entries. */
EIE_MUST_USE enum eie_status eie_relative_count(const struct eie_shared *shared, uint32_t run_bits,
                                                struct eie_relative *relative,
                                                struct eie_error *error);

/* Counts, and the arrays. EIE_INPUT: more than 2^32 - 1 entries; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_relative_encode(const struct eie_shared *shared, uint32_t run_bits,
                                                 struct eie_relative *relative,
                                                 struct eie_error *error);
void eie_relative_free(struct eie_relative *relative);

/* What a stream takes, by what stands for. */
struct eie_stream_size {
    double weight_bits, filler_bits; /* of the entries that are weights, of fillers */
    uint64_t table_bytes;            /* code lengths */
};
EIE_MUST_USE enum eie_status eie_relative_sizes(const struct eie_relative *relative,
                                                enum eie_form form, struct eie_stream_size *codes,
                                                struct eie_stream_size *runs,
                                                struct eie_error *error);

/* One matrix to be written: `layer` with its scalars, bias and samples, or NULL for floats. */
struct eie_store_item {
    const struct eie_shared *shared;
    const struct eie_layer *layer;
    uint32_t run_bits;
};
/* Writes all as one file, or leaves none; `parts` (or NULL) gets what it consists of. EIE_USAGE:
 * two of a name, a layer that is too wide for its PEs to be read back. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_stored_write(const char *path, const struct eie_store_item *items,
                                              uint32_t count, enum eie_form form,
                                              struct eie_file_parts *parts,
                                              struct eie_error *error);

/* One matrix of a file that was read. */
struct eie_stored {
    bool is_layer;
    struct eie_layer parts;   /* scalars of a layer; bias and samples point to what follows */
    struct eie_shared shared; /* without codes; code_bits, codebook, shape */
    struct eie_relative relative;
    int32_t *bias;          /* of a layer */
    int16_t *sample_inputs; /* of a layer */
};
/* EIE_INPUT, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_stored_parse(const struct eie_container_layer *in,
                                              struct eie_stored *stored);
void eie_stored_free(struct eie_stored *stored);

/* True when the file has a stored form of that layer. */
bool eie_stored_is(const struct eie_container_layer *in);

/* Takes the streams apart. EIE_INPUT for a matrix that is no layer. */
EIE_MUST_USE enum eie_status eie_stored_layer(const struct eie_stored *stored,
                                              struct eie_layer **layer, struct eie_error *error);
/* Fills stored->shared.code, and of a layer stored->shared.bias. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_stored_codes(struct eie_stored *stored, struct eie_error *error);

#endif
