/* The container: safetensors (https://huggingface.co/docs/safetensors), eight bytes with the length
 * of a JSON header, the header, and raw little-endian tensors. Any file that this reader accepts,
 * Python's `safetensors` accepts; the converse need not hold.
 *
 * Files are hostile until they are parsed: header, offsets, shapes and sizes are checked before any
 * of them is believed (tests/fuzz). The values of the tensors are not looked at. */
#ifndef EIE_HOST_LAYER_SAFETENSORS_H
#define EIE_HOST_LAYER_SAFETENSORS_H

#include "host/base/error.h"
#include "host/base/file.h"

#include <jansson.h>

/* The types of elements that are read and written, by the format's own names (eie_dtype_name). */
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

/* One tensor, row-major, the last dimension being the fastest. It owns nothing: when read, name and
 * data belong to the struct eie_safetensors; when written, to the caller. */
struct eie_tensor {
    const char *name; /* UTF-8, as in the header */
    enum eie_dtype dtype;
    uint32_t rank;                       /* 0: a single number. Read, it may exceed the maximum */
    uint64_t shape[EIE_TENSOR_RANK_MAX]; /* elements; the first dimensions where there are more */
    const void *data;                    /* `size` bytes, possibly unaligned: copy before use */
    uint64_t size; /* bytes; rank, shape and dtype give the same number where dtype is known */
};

/* A file read and checked: header within the file, every tensor within the data, offsets equal to
 * shape times width (of a dtype that the format had by version 0.8; of others the width is not
 * known), no gap, no overlap, no duplicate name. All pointers reach into `bytes` and `header` and
 * live as long as it does. To be freed by eie_safetensors_free; read-only, so any number of threads
 * may use it. */
struct eie_safetensors {
    struct eie_bytes bytes; /* the whole file */
    json_t *header;         /* an object: tensors by name, and __metadata__ */
    const uint8_t *data;    /* all bytes after the header */
    size_t data_size;
    uint32_t tensor_count;
    struct eie_tensor *tensors; /* [tensor_count], by their position in the data */
};

uint32_t eie_dtype_size(enum eie_dtype dtype);    /* bytes of one element; 0 of EIE_DTYPE_UNREAD */
const char *eie_dtype_name(enum eie_dtype dtype); /* static: "U8", ..., "another type" */

/* Reads the whole file into memory and parses it. EIE_INPUT with what is wrong and where, or with
 * what the file is instead (a ZIP, a pickle, an HDF5, ...; host/base/foreign.h); also where it is
 * missing or cannot be read (eie_file_read). EIE_MEMORY. On failure there is nothing to free. */
EIE_MUST_USE enum eie_status eie_safetensors_read(const char *path, struct eie_safetensors *file,
                                                  struct eie_error *error);
/* The same of bytes that are in memory already; `path` is for messages. `bytes` are taken over
 * whatever the status, and empty afterwards. */
EIE_MUST_USE enum eie_status eie_safetensors_parse(struct eie_bytes *bytes, const char *path,
                                                   struct eie_safetensors *file,
                                                   struct eie_error *error);
void eie_safetensors_free(struct eie_safetensors *file); /* twice is fine, and one of zeros */

/* NULL when there is none of that name. */
const struct eie_tensor *eie_safetensors_find(const struct eie_safetensors *file, const char *name);
/* The dtype of one of the file's tensors in the file's own word, also where it is not read here:
 * "BOOL", "F8_E4M3". */
const char *eie_safetensors_dtype(const struct eie_safetensors *file,
                                  const struct eie_tensor *tensor);
/* The text under `key` of __metadata__; NULL when there is none. */
const char *eie_safetensors_metadata(const struct eie_safetensors *file, const char *key);

/* Writes tensors in the given order behind a header padded with blanks to a multiple of 8 bytes;
 * `metadata` (an object of strings, or NULL; the caller's) goes under __metadata__. Names must
 * differ, ranks be EIE_TENSOR_RANK_MAX at most, sizes fit shape and dtype: nothing here checks it.
 * `header_bytes` (or NULL) gets the bytes before the first tensor, the eight of the length
 * included. The file appears whole or not at all (eie_output_begin). EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_safetensors_write(const char *path,
                                                   const struct eie_tensor *tensors, uint32_t count,
                                                   json_t *metadata, uint64_t *header_bytes,
                                                   struct eie_error *error);

#endif
