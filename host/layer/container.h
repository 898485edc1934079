/* What layers in all their forms share in a file (host/layer/layer_file.h, host/layer/stored.h):
 * names and metadata of a layer's parts when it is read, and the order of the tensors, their hash
 * and the list of layers when it is written. */
#ifndef EIE_HOST_LAYER_CONTAINER_H
#define EIE_HOST_LAYER_CONTAINER_H

#include "host/layer/layer.h"
#include "host/layer/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- reading -------------------------------------------------------------------------------- */

#define EIE_LAYER_HASH_KEY "eie_layer_hash" /* of a layer's metadata; older files have none */

/* A layer of an open file. */
struct eie_container_layer {
    const struct eie_safetensors *file;
    const char *path, *name;
    uint32_t *used; /* tensors that belong to a layer: counted up */
    struct eie_error *error;
};

/* EIE_INPUT for a file that is not ours, of another format, or whose data are not those that were
 * written. */
EIE_MUST_USE enum eie_status eie_container_check(const struct eie_safetensors *file,
                                                 const char *path, struct eie_error *error);

/* Metadata NAME.part; NULL: there is none. */
const char *eie_container_find(const struct eie_container_layer *in, const char *part);

/* EIE_INPUT with file, layer and part where it is missing, or no decimal number within the bounds.
 */
EIE_MUST_USE enum eie_status eie_container_text(const struct eie_container_layer *in,
                                                const char *part, const char **text);
EIE_MUST_USE enum eie_status eie_container_uint(const struct eie_container_layer *in,
                                                const char *part, uint32_t low, uint32_t high,
                                                uint32_t *number);

/* EIE_INPUT where the file states another hash for this layer, or for these numbers that stand for
 * a matrix of floats, than the one that they have; older files state none. */
EIE_MUST_USE enum eie_status eie_container_check_layer(const struct eie_container_layer *in,
                                                       const struct eie_layer *layer);
EIE_MUST_USE enum eie_status eie_container_check_hash(const struct eie_container_layer *in,
                                                      const char *part,
                                                      const struct eie_hash *hash);

/* Activation and fraction bits, whatever number these are. EIE_INPUT. */
EIE_MUST_USE enum eie_status eie_container_scalars(const struct eie_container_layer *in,
                                                   struct eie_layer *parts);

/* The tensor NAME.part, of this type and rank; NULL where it is missing and optional. Its data may
 * be unaligned. EIE_INPUT. */
EIE_MUST_USE enum eie_status eie_container_tensor(const struct eie_container_layer *in,
                                                  const char *part, enum eie_dtype dtype,
                                                  uint32_t rank, bool optional,
                                                  const struct eie_tensor **tensor);

/* EIE_INPUT: 'NAME.part' and what is wrong with it. */
enum eie_status eie_container_fault(const struct eie_container_layer *in, const char *part,
                                    const char *what);

/* ---- writing -------------------------------------------------------------------------------- */

/* A file under way. What is added must live until the end; memory that lacks is reported there. */
struct eie_container_writer {
    const char *path;
    struct eie_tensor *tensors;
    char (*keys)[EIE_NAME_MAX + 32];
    char *names;
    json_t *metadata;
    uint32_t tensor_count;
    bool full;
};

/* What a file that was written consists of, for its ledger. */
struct eie_file_parts {
    json_t *sizes; /* "header" and the name of each tensor: bytes; to be released */
    uint64_t bytes;
};

/* Room for so many layers and tensors. */
void eie_container_begin(const char *path, uint32_t layers, uint32_t tensors_of_each,
                         struct eie_container_writer *out);
/* EIE_USAGE: a layer of that name was added before. */
EIE_MUST_USE enum eie_status eie_container_add(struct eie_container_writer *out, const char *layer,
                                               struct eie_error *error);
/* Parts of a layer; name and size of the tensor are filled in, without data it is left out. */
void eie_container_add_tensor(struct eie_container_writer *out, const char *layer, const char *part,
                              struct eie_tensor tensor);
void eie_container_add_text(struct eie_container_writer *out, const char *layer, const char *part,
                            const char *text);
void eie_container_add_uint(struct eie_container_writer *out, const char *layer, const char *part,
                            uint64_t number);
void eie_container_add_scalars(struct eie_container_writer *out, const struct eie_layer *layer);
/* The layer's hash: what stands of it in the header is then as sure as its data. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_container_add_hash(struct eie_container_writer *out,
                                                    const struct eie_layer *layer,
                                                    struct eie_error *error);

/* Writes all, or leaves no file. `parts` (or NULL) gets what it consists of. EIE_SYSTEM,
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_container_write(struct eie_container_writer *out,
                                                 struct eie_file_parts *parts,
                                                 struct eie_error *error);
void eie_container_free(struct eie_container_writer *out);

#endif
