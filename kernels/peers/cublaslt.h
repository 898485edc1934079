/* The library cublasLt, matrix products by NVIDIA with more types and more to choose than cuBLAS,
 * of which it is a part; looked up when it is needed (EIE_CUBLASLT names another file to use
 * instead). What stands here is as its documentation states it (tests/cuda holds it against the
 * headers where there are some). */
#ifndef EIE_KERNELS_PEERS_CUBLASLT_H
#define EIE_KERNELS_PEERS_CUBLASLT_H

#include "kernels/peers/cublas.h"

enum cublaslt_constant {
    CUBLASLT_SUMS_INT = 72,   /* CUBLAS_COMPUTE_32I */
    CUBLASLT_OPERATION_A = 3, /* of a product: CUBLASLT_MATMUL_DESC_TRANSA, _TRANSB */
    CUBLASLT_OPERATION_B = 4,
    CUBLASLT_WORKSPACE_MOST = 1 /* of a preference: CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES */
};

/* Handles of the library are pointers to what nobody else looks into; its headers have no names of
 * structs for them, so that whoever compares with these sets other words. */
#ifndef CUBLASLT_PRODUCT
#define CUBLASLT_PRODUCT    struct cublaslt_product    /* which operation, of which types */
#define CUBLASLT_LAYOUT     struct cublaslt_layout     /* a matrix */
#define CUBLASLT_PREFERENCE struct cublaslt_preference /* what its proposals may ask for */
#define CUBLASLT_ALGORITHM  struct cublaslt_algorithm
#define CUBLASLT_PROPOSAL   struct cublaslt_proposal
#endif
struct cublasLtContext;
struct cublaslt_product;
struct cublaslt_layout;
struct cublaslt_preference;

struct cublaslt_algorithm {
    uint64_t data[8];
};

/* One of the library's proposals. */
struct cublaslt_proposal {
    struct cublaslt_algorithm algorithm;
    size_t workspace_bytes;
    unsigned state; /* 0: it can be used */
    float waves;
    int reserved[4];
};

struct cublaslt_functions {
    unsigned (*property)(unsigned which, int *value);
    unsigned (*create)(struct cublasLtContext **handle);
    unsigned (*product_create)(CUBLASLT_PRODUCT **product, unsigned compute_type,
                               unsigned scale_type);
    unsigned (*product_destroy)(CUBLASLT_PRODUCT *product);
    unsigned (*product_set)(CUBLASLT_PRODUCT *product, unsigned attribute, const void *value,
                            size_t bytes);
    unsigned (*layout_create)(CUBLASLT_LAYOUT **layout, unsigned type, uint64_t rows,
                              uint64_t columns, int64_t stride);
    unsigned (*layout_destroy)(CUBLASLT_LAYOUT *layout);
    unsigned (*preference_create)(CUBLASLT_PREFERENCE **preference);
    unsigned (*preference_destroy)(CUBLASLT_PREFERENCE *preference);
    unsigned (*preference_set)(CUBLASLT_PREFERENCE *preference, unsigned attribute,
                               const void *value, size_t bytes);
    unsigned (*propose)(struct cublasLtContext *handle, CUBLASLT_PRODUCT *product,
                        CUBLASLT_LAYOUT *a, CUBLASLT_LAYOUT *b, CUBLASLT_LAYOUT *c,
                        CUBLASLT_LAYOUT *d, CUBLASLT_PREFERENCE *preference, int most,
                        CUBLASLT_PROPOSAL *proposals, int *count);
    unsigned (*multiply)(struct cublasLtContext *handle, CUBLASLT_PRODUCT *product,
                         const void *alpha, const void *a, CUBLASLT_LAYOUT *a_layout, const void *b,
                         CUBLASLT_LAYOUT *b_layout, const void *beta, const void *c,
                         CUBLASLT_LAYOUT *c_layout, void *d, CUBLASLT_LAYOUT *d_layout,
                         const CUBLASLT_ALGORITHM *algorithm, void *workspace,
                         size_t workspace_bytes, struct CUstream_st *stream);
    cublas_words words; /* NULL in older ones */
};

#endif
