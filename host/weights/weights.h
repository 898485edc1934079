/* Dense weights from a user's files: .npy, .npz, safetensors, Matrix Market, DLMC's .smtx, or
 * drawn. Everything becomes a row-major float32 matrix [outputs][inputs]; a tensor of more
 * dimensions is flattened behind its first (a convolution [out][in][height][width] has in x height
 * x width inputs), one of a single dimension is one row.
 *
 * INPUT is a path, or "normal:OUTPUTSxINPUTS": a matrix drawn from a stated seed, each weight the
 * sum of eight uniform 16-bit numbers, which is close to normal, mean 0, standard deviation 0.01.
 */
#ifndef EIE_HOST_WEIGHTS_WEIGHTS_H
#define EIE_HOST_WEIGHTS_WEIGHTS_H

#include "host/layer/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

#define EIE_WEIGHTS_MAX (UINT32_MAX - 1u) /* elements of one matrix */

enum eie_weight_format {
    EIE_WEIGHTS_NPY,
    EIE_WEIGHTS_NPZ,
    EIE_WEIGHTS_SAFETENSORS,
    EIE_WEIGHTS_MTX,
    EIE_WEIGHTS_SMTX,
    EIE_WEIGHTS_NORMAL,
    EIE_WEIGHTS_NET, /* the published SqueezeNet, see read_net.c */
};

/* What a file says of one of its tensors. */
struct eie_weight_entry {
    char *name;
    enum eie_dtype dtype; /* as stored */
    bool big_endian, fortran_order;
    bool is_pattern; /* positions only: the values are drawn */
    uint32_t rank;
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    uint64_t offset, size; /* of the elements, in bytes, where they lie in the file as they are */
    uint32_t positions;    /* outputs of a convolution that share its weights; 0: unknown */
    uint64_t member;       /* index within an .npz */
};

/* A file that was opened and whose header, or headers, were checked. */
struct eie_weight_file {
    char *path;
    enum eie_weight_format format;
    struct eie_bytes bytes;
    struct eie_safetensors safetensors;
    void *archive;  /* of an .npz */
    uint64_t limit; /* elements of one matrix */
    uint32_t count;
    struct eie_weight_entry *entries;
};

/* A dense matrix; `values` and `name` belong to it. */
struct eie_weights {
    char *name;
    uint32_t outputs, inputs;
    uint32_t rank; /* the shape before flattening */
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    float *values;     /* [outputs][inputs], finite */
    bool values_drawn; /* from the seed, not from the file */
};

const char *eie_weight_format_name(enum eie_weight_format format);

/* Opens by content: the first bytes, then the name's end. EIE_INPUT says what is wrong and where;
 * EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_weight_file_open(const char *path, struct eie_weight_file *file,
                                                  struct eie_error *error);
/* The same from memory; matrices of more than `limit` elements are refused. */
EIE_MUST_USE enum eie_status eie_weight_file_parse(struct eie_bytes *bytes, /* taken over */
                                                   const char *path, uint64_t limit,
                                                   struct eie_weight_file *file,
                                                   struct eie_error *error);
void eie_weight_file_close(struct eie_weight_file *file);

/* Loads one tensor as float32. With `last` the file's own memory may become the matrix, and no
 * other tensor can be loaded. Values of a pattern are drawn from `seed`. EIE_INPUT: a value that is
 * not finite, or too large for float32 (with its place), damaged data. */
EIE_MUST_USE enum eie_status eie_weight_file_load(struct eie_weight_file *file, uint32_t index,
                                                  uint64_t seed, bool last,
                                                  struct eie_weights *weights,
                                                  struct eie_error *error);
void eie_weights_free(struct eie_weights *weights);

/* [outputs][inputs] of a shape. EIE_INPUT: no dimension, one of 0, too large. */
EIE_MUST_USE enum eie_status eie_weights_flatten(const char *where, uint32_t rank,
                                                 const uint64_t *shape, uint64_t limit,
                                                 uint32_t *outputs, uint32_t *inputs,
                                                 struct eie_error *error);

/* "96 x 3 x 7 x 7", cut to the room. */
void eie_weights_shape_text(uint32_t rank, const uint64_t *shape, char *text, size_t size);

/* ---- the readers, one file each ---------------------------------------------------------------
 */

/* read_npy.c: the header of an .npy file of which the first `size` bytes are given; `whole` is the
 * file's size. Fills all but the name. */
EIE_MUST_USE enum eie_status eie_npy_parse(const uint8_t *bytes, size_t size, uint64_t whole,
                                           const char *where, struct eie_weight_entry *entry,
                                           struct eie_error *error);
/* read_npz.c: a zip archive of .npy files, by libzip. */
EIE_MUST_USE enum eie_status eie_npz_open(struct eie_weight_file *file, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_npz_read(struct eie_weight_file *file, uint32_t index,
                                          struct eie_bytes *bytes, struct eie_error *error);
void eie_npz_close(struct eie_weight_file *file);
/* read_mtx.c, read_smtx.c: sparse text; sizes first, then the matrix into `values`, which is 0. */
EIE_MUST_USE enum eie_status eie_mtx_parse(const struct eie_bytes *bytes, const char *where,
                                           struct eie_weight_entry *entry, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_mtx_load(const struct eie_bytes *bytes, const char *where,
                                          uint64_t seed, struct eie_weights *weights,
                                          struct eie_error *error);
EIE_MUST_USE enum eie_status eie_smtx_parse(const struct eie_bytes *bytes, const char *where,
                                            struct eie_weight_entry *entry,
                                            struct eie_error *error);
EIE_MUST_USE enum eie_status eie_smtx_load(const struct eie_bytes *bytes, const char *where,
                                           uint64_t seed, struct eie_weights *weights,
                                           struct eie_error *error);

/* read_net.c: the published SqueezeNet; its shared weights as they are, with bias, or as floats. */
struct eie_shared;
bool eie_net_is(const char *path);
EIE_MUST_USE enum eie_status eie_net_open(struct eie_weight_file *file, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_net_shared(const struct eie_weight_file *file, uint32_t index,
                                            struct eie_shared *shared, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_net_load(const struct eie_weight_file *file, uint32_t index,
                                          float *values, struct eie_error *error);

/* A drawn weight as described above; never 0. */
struct eie_random;
float eie_weights_draw(struct eie_random *random);

#endif
