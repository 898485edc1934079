/* A reader of one format of weights: one constant in a file read_FORMAT.c, known to nobody but the
 * table in weight_file.c. Below are the open file that it fills and what readers share. */
#ifndef EIE_HOST_WEIGHTS_READER_H
#define EIE_HOST_WEIGHTS_READER_H

#include "host/base/file.h"
#include "host/weights/weights.h"

/* What a file says of one of its tensors. */
struct eie_weight_entry {
    char *name;
    bool named_by_file;   /* it has no name of its own */
    enum eie_dtype dtype; /* as stored */
    bool big_endian, fortran_order;
    bool is_pattern; /* positions only: the values are drawn */
    uint32_t rank;
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    uint64_t offset, size; /* of the elements, in bytes, where they lie in the file as they are */
    uint32_t positions;    /* outputs of a convolution that share its weights; 0: unknown */
    char *unread;    /* NULL, or why it cannot be loaded, as the end of a message; the rest, but for
                        the    name, then says nothing */
    uint64_t member; /* index within an .npz */
};

/* A file that was opened and whose header, or headers, were checked. */
struct eie_weight_file {
    const struct eie_weight_reader *reader;
    char *path;
    const char *kind;       /* a name that ends as its content's does: without .gz */
    struct eie_bytes bytes; /* the whole file; none where `reader->prefix` is set */
    void *state;            /* the reader's own */
    uint64_t limit;         /* elements of one matrix */
    uint32_t count;
    struct eie_weight_entry *entries;
};

/* How a tensor is to be loaded. */
struct eie_weight_loading {
    const char *where; /* file and tensor, for messages */
    uint64_t seed;     /* of values that are drawn */
    bool last;         /* no other tensor will be loaded: the file's memory may become the matrix */
};

struct eie_shared;

struct eie_weight_reader {
    const char *name;  /* "Matrix Market": stands in the layer's source */
    const char *input; /* ".mtx", for help and messages: what such an INPUT ends in, or is */
    const char *about; /* one line of the help */

    /* By these a file is known, whatever its name; NULL: none. */
    const char *magic[2];
    size_t magic_offset;
    bool by_ending;     /* the file's name is enough */
    const char *prefix; /* an INPUT that begins so names no file; else NULL */

    /* Checks what the file says, and fills `entries`, `count` and `state`; on failure the caller
     * closes. EIE_INPUT, EIE_MEMORY; EIE_USAGE for an INPUT with the prefix. */
    enum eie_status (*open)(struct eie_weight_file *file, struct eie_error *error);

    /* Fills weights->values, and place where only some are given (weights.h); all else of
     * `weights` is there. */
    enum eie_status (*load)(struct eie_weight_file *file, uint32_t index,
                            const struct eie_weight_loading *loading, struct eie_weights *weights,
                            struct eie_error *error);

    /* Frees `state`, which may be NULL, and leaves it NULL. NULL: there is none. */
    void (*close)(struct eie_weight_file *file);

    /* NULL, or: the weights are shared already; these, as they are, with their bias. */
    enum eie_status (*shared)(const struct eie_weight_file *file, uint32_t index,
                              struct eie_shared *shared, struct eie_error *error);
};

/* ---- what readers share --------------------------------------------------------------------- */

/* The only entry of a file that holds one matrix, with the file's name, without folder and ending.
 */
EIE_MUST_USE enum eie_status eie_weight_entry_alone(struct eie_weight_file *file,
                                                    struct eie_error *error);

/* One element of these bytes as a double. */
double eie_weight_element(const uint8_t *elements, size_t index,
                          const struct eie_weight_entry *entry);

/* Elements as float32 that lie in `bytes` as `entry` says; with `own` these may become the matrix
 * and are taken over. */
EIE_MUST_USE enum eie_status eie_weight_elements(struct eie_bytes *bytes,
                                                 const struct eie_weight_entry *entry, bool own,
                                                 const char *where, struct eie_weights *weights,
                                                 struct eie_error *error);

#endif
