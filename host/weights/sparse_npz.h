/* Sparse matrices as scipy.sparse.save_npz writes them: csr, csc, coo, bsr and dia, put together
 * from the arrays of an archive that somebody else opened. */
#ifndef EIE_HOST_WEIGHTS_SPARSE_NPZ_H
#define EIE_HOST_WEIGHTS_SPARSE_NPZ_H

#include "host/weights/reader.h"

/* An array of the archive; its elements begin at bytes.data + entry.offset. */
struct eie_sparse_array {
    struct eie_weight_entry entry;
    struct eie_bytes bytes; /* to be freed by who asked for it */
    uint64_t count;         /* elements */
};

struct eie_sparse_npz {
    char format[16];
    uint64_t rows, columns;
    const char *where; /* the archive, for messages */
    void *context;     /* of the two functions */
    bool (*has)(void *context, const char *name);
    /* EIE_INPUT: there is none of that name, or it cannot be read; EIE_MEMORY. */
    enum eie_status (*array)(void *context, const char *name, struct eie_sparse_array *array,
                             struct eie_error *error);
};

/* Fills rows and columns; the rest is there. EIE_INPUT, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_sparse_npz_open(struct eie_sparse_npz *sparse,
                                                 struct eie_error *error);

/* Entries of one place add up, as in scipy. Every index is checked: EIE_INPUT. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_sparse_npz_load(const struct eie_sparse_npz *sparse,
                                                 struct eie_weights *weights,
                                                 struct eie_error *error);

#endif
