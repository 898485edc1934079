/* The weights of a layer in float32, one matrix in memory for all plans that want it: a dense
 * matrix is up to 32 times the layer, and each library would fill in its own. Read-only once it
 * stands; a kernel that writes to it crashes.
 *
 * Matrices are told apart by what the layer holds, not by where it lies. What no plan uses any more
 * stays, one copy of it, until weights of another layer are taken. For the thread that prepares
 * plans alone. */
#ifndef EIE_KERNELS_FLOAT_WEIGHTS_H
#define EIE_KERNELS_FLOAT_WEIGHTS_H

#include "kernels/csr.h"

enum eie_float_form {
    EIE_FLOAT_DENSE, /* float [outputs][inputs], row-major as frameworks store them */
    EIE_FLOAT_CSR,   /* struct csr, of as many entries as the layer has weights */
    EIE_FLOAT_FORMS
};

struct eie_float_weights {
    enum eie_float_form form;
    uint32_t copies;   /* that there are: others may have asked for more */
    void **copy;       /* [copies], each of `bytes`, aligned to 64 bytes, with 64 readable behind */
    uint64_t bytes;    /* of one copy */
    uint32_t nonzeros; /* of the layer */
};

/* At least `copies` of the layer's weights, until they are released; the pointer `copy` itself
 * changes when another plan takes more of them. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_float_weights_take(const struct eie_layer *layer,
                                                    enum eie_float_form form, uint32_t copies,
                                                    const struct eie_float_weights **weights,
                                                    struct eie_error *error);
void eie_float_weights_release(const struct eie_float_weights *weights); /* NULL is fine */

/* For `supports`: what the first copy adds to the process's memory: `bytes`, or 0 where a plan that
 * is alive has it already. */
uint64_t eie_float_weights_new_bytes(const struct eie_layer *layer, enum eie_float_form form,
                                     uint64_t bytes);

#endif
