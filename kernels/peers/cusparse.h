/* The sparse baseline of the paper on a GPU: the library cuSPARSE by NVIDIA, looked up when it is
 * needed (EIE_CUSPARSE names another file to use instead), on compressed sparse rows of the decoded
 * weights. Copies are row_start [outputs + 1], column [stored], weight [stored], each 256-byte
 * aligned, and what the library makes of them in a workspace before its first call.
 *
 * A layer without weights has one weight of 0: not every version copes with an empty matrix.
 *
 * The library has several algorithms for the same product, all in float32: each that it takes is
 * tried while the plan is prepared, and the fastest by the device's clock stays (column
 * eie_algorithm). */
#ifndef EIE_KERNELS_PEERS_CUSPARSE_H
#define EIE_KERNELS_PEERS_CUSPARSE_H

#include "kernels/peers/cublas.h"

enum cusparse_constant {
    CUSPARSE_AS_IT_IS = 0, /* CUSPARSE_OPERATION_NON_TRANSPOSE */
    CUSPARSE_INT32 = 2,    /* CUSPARSE_INDEX_32I */
    CUSPARSE_FROM_ZERO = 0,
    CUSPARSE_BY_COLUMN = 1, /* CUSPARSE_ORDER_COL */
    CUSPARSE_BY_ROW = 2,
    CUSPARSE_MV_ANY = 0, /* CUSPARSE_SPMV_ALG_DEFAULT */
    CUSPARSE_MV_CSR_1 = 2,
    CUSPARSE_MV_CSR_2 = 3,
    CUSPARSE_MM_ANY = 0,
    CUSPARSE_MM_CSR_1 = 4,
    CUSPARSE_MM_CSR_2 = 6,
    CUSPARSE_MM_CSR_3 = 12,
    CUSPARSE_SUCCESS = 0,
    CUSPARSE_NO_MEMORY = 2,
    CUSPARSE_WRONG_DEVICE = 4,
    CUSPARSE_UNSUPPORTED = 10,
    CUSPARSE_FAILURE = 6, /* CUSPARSE_STATUS_EXECUTION_FAILED */
    CUSPARSE_NO_RESOURCES = 11
};

struct cusparseContext;
struct cusparseSpMatDescr;
struct cusparseDnVecDescr;
struct cusparseDnMatDescr;

/* The library's enums are unsigned. */
typedef unsigned (*cusparse_mv)(struct cusparseContext *handle, unsigned operation,
                                const void *alpha, const struct cusparseSpMatDescr *matrix,
                                const struct cusparseDnVecDescr *x, const void *beta,
                                struct cusparseDnVecDescr *y, unsigned type, unsigned algorithm,
                                void *workspace);
typedef unsigned (*cusparse_mm)(struct cusparseContext *handle, unsigned operation,
                                unsigned operation_x, const void *alpha,
                                const struct cusparseSpMatDescr *matrix,
                                const struct cusparseDnMatDescr *x, const void *beta,
                                struct cusparseDnMatDescr *y, unsigned type, unsigned algorithm,
                                void *workspace);
struct cusparse_functions {
    unsigned (*property)(unsigned which, int *value);
    const char *(*words)(unsigned status);
    unsigned (*create)(struct cusparseContext **handle);
    unsigned (*set_stream)(struct cusparseContext *handle, struct CUstream_st *stream);
    unsigned (*make_csr)(struct cusparseSpMatDescr **matrix, int64_t rows, int64_t columns,
                         int64_t stored, void *row_start, void *column, void *weight,
                         unsigned start_type, unsigned column_type, unsigned base, unsigned type);
    unsigned (*make_vector)(struct cusparseDnVecDescr **vector, int64_t size, void *values,
                            unsigned type);
    unsigned (*make_dense)(struct cusparseDnMatDescr **matrix, int64_t rows, int64_t columns,
                           int64_t stride, void *values, unsigned type, unsigned order);
    unsigned (*end_csr)(const struct cusparseSpMatDescr *matrix);
    unsigned (*end_vector)(const struct cusparseDnVecDescr *vector);
    unsigned (*end_dense)(const struct cusparseDnMatDescr *matrix);
    unsigned (*mv_bytes)(struct cusparseContext *handle, unsigned operation, const void *alpha,
                         const struct cusparseSpMatDescr *matrix,
                         const struct cusparseDnVecDescr *x, const void *beta,
                         struct cusparseDnVecDescr *y, unsigned type, unsigned algorithm,
                         size_t *bytes);
    unsigned (*mm_bytes)(struct cusparseContext *handle, unsigned operation, unsigned operation_x,
                         const void *alpha, const struct cusparseSpMatDescr *matrix,
                         const struct cusparseDnMatDescr *x, const void *beta,
                         struct cusparseDnMatDescr *y, unsigned type, unsigned algorithm,
                         size_t *bytes);
    cusparse_mv mv, mv_prepare; /* the latter is NULL in older ones */
    cusparse_mm mm, mm_prepare;
};
extern struct cusparse_functions cusparse; /* after a probe */

struct cusparse_algorithm {
    const char *name;
    unsigned value;
    bool turned; /* of vectors that lie across */
};

struct cusparse_plan;

/* What the products of one and of several inputs do differently. All but the first
 * two return the library's status,
 * with the plan's present algorithm. */
struct cusparse_product {
    struct cuda_float_product product;
    const struct cusparse_algorithm *algorithms; /* up to one without a name */
    enum eie_status (*describe)(struct cusparse_plan *plan, struct eie_error *error); /* x and y */
    void (*forget)(struct cusparse_plan *plan); /* what describe has made */
    unsigned (*bytes)(const struct cusparse_plan *plan, uint32_t copy, size_t *bytes);
    unsigned (*prepare)(const struct cusparse_plan *plan, uint32_t copy); /* or nothing */
};

struct cusparse_plan {
    struct cuda_float_plan base;
    const struct cusparse_product *product;
    const struct cusparse_algorithm *algorithm;
    struct cusparseContext *handle;
    struct cusparseDnVecDescr *x_vector, *y_vector; /* of one input */
    struct cusparse_vectors {
        struct cusparseDnMatDescr *x, *y;
    } several, turned;           /* as they lie, and [inputs][batch], [outputs][batch] */
    void *turned_x, *turned_y;   /* in the device's memory; NULL without cuBLAS, which turns them */
    struct cublasContext *turns; /* likewise */
    struct cusparse_copy {
        struct cusparseSpMatDescr *matrix;
        void *workspace; /* in the device's memory */
    } * copies;
    uint64_t stored;          /* weights */
    uint64_t workspace_bytes; /* of each copy */
};

/* EIE_OK, or a failure with the library's own words for `what`. */
enum eie_status cusparse_check(unsigned code, const char *what, struct eie_error *error);

/* A plan with the fastest algorithm. */
enum eie_status cusparse_prepare(const struct eie_setup *setup,
                                 const struct cusparse_product *product, struct eie_plan **plan,
                                 struct eie_error *error);

/* These stand in the kernels' tables. */
enum eie_status cusparse_probe(const struct eie_device *device, struct eie_error *error);
enum eie_status cusparse_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                  struct eie_error *error);
void cusparse_cost(const struct eie_plan *plan, struct eie_cost *cost);
void cusparse_describe(const struct eie_plan *plan, eie_column column, void *context);
void cusparse_destroy(struct eie_plan *plan);

#endif
