/* The container: safetensors (https://huggingface.co/docs/safetensors), a JSON header and raw
 * little-endian tensors. Anything that this header accepts, Python's `safetensors` accepts. */
#ifndef EIE_HOST_LAYER_SAFETENSORS_H
#define EIE_HOST_LAYER_SAFETENSORS_H

#include "host/base/error.h"
#include "host/base/file.h"

#include <jansson.h>

enum eie_dtype {
    EIE_U8,
    EIE_I8,
    EIE_I16,
    EIE_U16,
    EIE_I32,
    EIE_U32,
    EIE_I64,
    EIE_U64,
    EIE_F16,
    EIE_BF16,
    EIE_F32,
    EIE_F64,
    EIE_DTYPE_COUNT,
    EIE_DTYPE_UNREAD = EIE_DTYPE_COUNT /* any other: BOOL, F8_E4M3, what the future brings */
};

#define EIE_TENSOR_RANK_MAX 8

struct eie_tensor {
    const char *name;
    enum eie_dtype dtype;
    uint32_t rank;                       /* may be more than EIE_TENSOR_RANK_MAX when read */
    uint64_t shape[EIE_TENSOR_RANK_MAX]; /* the first of them */
    const void *data;                    /* `size` bytes, possibly unaligned: copy before use */
    uint64_t size;
};

/* A file read and checked: header within the file, every tensor within the data, offsets equal to
 * shape times width (of a dtype that the format had by version 0.8; of others the width is not
 * known), no gap, no overlap, no duplicate name. Pointers reach into `bytes`. */
struct eie_safetensors {
    struct eie_bytes bytes;
    json_t *header;
    const uint8_t *data; /* all bytes after the header */
    size_t data_size;
    uint32_t tensor_count;
    struct eie_tensor *tensors;
};

uint32_t eie_dtype_size(enum eie_dtype dtype); /* bytes of one element; 0 of EIE_DTYPE_UNREAD */
const char *eie_dtype_name(enum eie_dtype dtype);

/* EIE_INPUT with what is wrong and where, or with what the file is instead. */
EIE_MUST_USE enum eie_status eie_safetensors_read(const char *path, struct eie_safetensors *file,
                                                  struct eie_error *error);
EIE_MUST_USE enum eie_status eie_safetensors_parse(struct eie_bytes *bytes, /* taken over */
                                                   const char *path, struct eie_safetensors *file,
                                                   struct eie_error *error);
void eie_safetensors_free(struct eie_safetensors *file);

/* NULL when there is none of that name. */
const struct eie_tensor *eie_safetensors_find(const struct eie_safetensors *file, const char *name);
/* The dtype of a tensor of the file as the file has it. */
const char *eie_safetensors_dtype(const struct eie_safetensors *file,
                                  const struct eie_tensor *tensor);
const char *eie_safetensors_metadata(const struct eie_safetensors *file, const char *key);

/* Writes tensors in the given order behind a header padded to 8 bytes; `metadata` (an object of
 * strings, or NULL) goes under __metadata__. `header_bytes` (or NULL) gets what stands before the
 * tensors, the header's length included. EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_safetensors_write(const char *path,
                                                   const struct eie_tensor *tensors, uint32_t count,
                                                   json_t *metadata, uint64_t *header_bytes,
                                                   struct eie_error *error);

#endif
