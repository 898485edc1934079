/* A pruned, weight-shared matrix before it takes one of its forms: a code for every place, row by
 * row, 0 where there is no weight; or codes of some places only, all others being 0. From here lead
 * ways to the layer (16-bit fixed point, EIE's interleaved columns), to the storage form
 * (host/layer/stored.h), and back to floats. */
#ifndef EIE_HOST_LAYER_SHARED_H
#define EIE_HOST_LAYER_SHARED_H

#include "host/layer/layer.h"
#include "host/layer/safetensors.h"

#include <stdint.h>

#define EIE_CODE_BITS_MIN 2
#define EIE_CODE_BITS_MAX 8

struct eie_shared {
    char name[EIE_NAME_MAX];
    char *tensor; /* its full name where it comes from, owned; NULL: `name`, or none */
    char source[512];
    uint32_t outputs, inputs;
    uint32_t rank; /* the shape before flattening */
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    uint32_t code_bits;  /* 2..8 */
    uint32_t clusters;   /* codes 1..clusters stand for weights; at most 2^code_bits - 1 */
    float codebook[256]; /* [0] is 0 */
    uint8_t *code;       /* [outputs][inputs], or [place_count]; owned */
    uint32_t *place;     /* NULL, or [place_count], ascending: row x inputs + column; owned */
    uint64_t place_count;
    float *bias; /* [outputs], owned, or NULL */
};

void eie_shared_free(struct eie_shared *shared);

uint64_t eie_shared_nonzeros(const struct eie_shared *shared);

/* The matrix by columns, for the layer; code_bits must be 4: EIE_USAGE. One allocation each, freed
 * by eie_shared_columns_free. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_shared_columns(const struct eie_shared *shared,
                                                struct eie_sparse_codes *codes,
                                                struct eie_error *error);
void eie_shared_columns_free(struct eie_sparse_codes *codes);

/* floats[outputs][inputs] */
void eie_shared_expand(const struct eie_shared *shared, float *floats);

/* The float matrix of a layer's fixed-point weights, as a shared matrix of 4 bits. */
EIE_MUST_USE enum eie_status eie_shared_of_layer(const struct eie_layer *layer,
                                                 struct eie_shared *shared,
                                                 struct eie_error *error);

/* A layer's name from a tensor's: other characters than letters, digits, '-', '_', '.' become '-'.
 * Of one that is longer than 63 bytes, or if `marked`, begin and end stay, as far as there is room,
 * and 8 digits follow that depend on the whole tensor's name. */
void eie_shared_name(const char *tensor, bool marked, char name[EIE_NAME_MAX]);

#endif
