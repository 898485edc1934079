/* Layers on disk: one safetensors file holds one layer or a whole network. Tensors of layer L:
 * L.codebook I16 [16], L.column_start U32 [pe_count, inputs + 1], L.entries U8 [n], L.bias I32
 * [outputs], L.sample_inputs I16 [k, inputs]; metadata, all strings: eie.format "1", eie.layers
 * (names, comma-separated, in order), eie.sha256 of all bytes after the header, and for each layer
 * L.outputs, L.activation, L.weight_fraction_bits, L.input_fraction_bits, L.output_fraction_bits,
 * L.source, and L.eie_layer_hash (eie_layer_hash; older files have none), which covers what
 * eie.sha256 does not. L.tensor is the full name of the tensor that L was made of, where L is not
 * that name (too long, or of other characters); older files have none. L.window, of a convolution,
 * has the six numbers of struct eie_window in order. A layer may also stand in
 * its storage form (host/layer/stored.h), which has the metadata L.form; it is read like any other.
 * So are the parts of a file in the form `network` (host/layer/network_file.h), with drawn sample
 * inputs (host/layer/network_layers.h). */
#ifndef EIE_HOST_LAYER_LAYER_FILE_H
#define EIE_HOST_LAYER_LAYER_FILE_H

#include "host/layer/layer.h"
#include "host/layer/shared.h"

struct eie_layer_set {
    uint32_t count;
    struct eie_layer **layers; /* in file order */
};

/* Reads and validates everything; after that the layers are trusted. EIE_INPUT, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_layer_file_read(const char *path, struct eie_layer_set *set,
                                                 struct eie_error *error);
struct eie_bytes;
EIE_MUST_USE enum eie_status eie_layer_file_parse(struct eie_bytes *bytes, /* taken over */
                                                  const char *path, struct eie_layer_set *set,
                                                  struct eie_error *error);
void eie_layer_set_free(struct eie_layer_set *set);

/* The same file as matrices of shared floats, whatever their form and width; what `eie expand`
 * reads.
 */
struct eie_shared_set {
    uint32_t count;
    struct eie_shared *matrices; /* in file order */
};
EIE_MUST_USE enum eie_status eie_shared_file_read(const char *path, struct eie_shared_set *set,
                                                  struct eie_error *error);
EIE_MUST_USE enum eie_status eie_shared_file_parse(struct eie_bytes *bytes, /* taken over */
                                                   const char *path, struct eie_shared_set *set,
                                                   struct eie_error *error);
void eie_shared_set_free(struct eie_shared_set *set);

/* Writes all layers, at least one, or leaves no file. Names must differ: EIE_USAGE. EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_layer_file_write(const char *path,
                                                  const struct eie_layer *const *layers,
                                                  uint32_t count, struct eie_error *error);
/* The same, and what the file consists of. */
struct eie_file_parts;
EIE_MUST_USE enum eie_status
eie_layer_file_write_parts(const char *path, const struct eie_layer *const *layers, uint32_t count,
                           struct eie_file_parts *parts, struct eie_error *error);

#endif
