/* The library cuBLAS, dense BLAS by NVIDIA, looked up when it is needed (EIE_CUBLAS names another
 * file to use instead), on the decoded weights: float [outputs][inputs], row-major as frameworks
 * store them, which the library takes for a column-major [inputs][outputs], transposed.
 *
 * It calculates in its default mode, which keeps at least as many bits as are asked for and is its
 * fastest: float32 products stay float32 and are no TF32, which must be asked for (its pedantic
 * mode promises the same bits and gives up speed). What an environment variable of NVIDIA's turns
 * on beyond that (NVIDIA_TF32_OVERRIDE=1), the check before timing finds: a mismatch. */
#ifndef EIE_KERNELS_PEERS_CUBLAS_H
#define EIE_KERNELS_PEERS_CUBLAS_H

#include "kernels/peers/cuda_float.h"

enum cublas_constant {
    CUBLAS_AS_IT_IS = 0, /* CUBLAS_OP_N */
    CUBLAS_TRANSPOSED = 1,
    CUBLAS_MATH_DEFAULT = 0,
    CUBLAS_SUMS_FLOAT = 68, /* CUBLAS_COMPUTE_32F */
    CUBLAS_ANY_GEMM = -1,   /* CUBLAS_GEMM_DEFAULT: the library's choice */
    CUBLAS_SUCCESS = 0,
    CUBLAS_NO_MEMORY = 3,
    CUBLAS_WRONG_DEVICE = 8,
    CUBLAS_UNSUPPORTED = 15
};

struct cublasContext;

typedef const char *(*cublas_words)(unsigned status);

/* The library's enums are unsigned, but for the one with a value below 0. */
struct cublas_functions {
    unsigned (*property)(unsigned which, int *value);
    unsigned (*create)(struct cublasContext **handle);
    unsigned (*destroy)(struct cublasContext *handle);
    unsigned (*set_stream)(struct cublasContext *handle, struct CUstream_st *stream);
    unsigned (*set_workspace)(struct cublasContext *handle, void *workspace, size_t bytes);
    unsigned (*set_math)(struct cublasContext *handle, unsigned mode);
    unsigned (*sgemv)(struct cublasContext *handle, unsigned operation, int rows, int columns,
                      const float *alpha, const float *matrix, int stride, const float *x,
                      int x_step, const float *beta, float *y, int y_step);
    unsigned (*sgemm)(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                      int m, int n, int k, const float *alpha, const float *a, int a_stride,
                      const float *b, int b_stride, const float *beta, float *c, int c_stride);
    unsigned (*sgeam)(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                      int m, int n, const float *alpha, const float *a, int a_stride,
                      const float *beta, const float *b, int b_stride, float *c, int c_stride);
    unsigned (*gemm)(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                     int m, int n, int k, const void *alpha, const void *a, unsigned a_type,
                     int a_stride, const void *b, unsigned b_type, int b_stride, const void *beta,
                     void *c, unsigned c_type, int c_stride, unsigned compute_type, int algorithm);
    cublas_words words; /* NULL in older ones */
};
extern struct cublas_functions cublas; /* after a probe */

struct cublas_plan {
    struct cuda_float_plan base; /* copies are [y_stride][x_stride], zeros behind the layer's */
    struct cublasContext *handle;
};

/* Name and version of a library that has such a function for its version's three numbers. */
#define CUBLAS_NAME_BYTES 64
enum eie_status cublas_name(const char *name, unsigned (*property)(unsigned which, int *value),
                            cublas_words words, char text[CUBLAS_NAME_BYTES],
                            struct eie_error *error);

/* The library on an open device, bound to its stream, with a workspace of its own, so that it
 * allocates none while its calls are recorded: the process's only one for it. */
enum eie_status cublas_context(struct eie_cuda *cuda, struct cublasContext **context,
                               struct eie_error *error);

/* EIE_OK, or a failure with the library's own words for `what`; cublasLt's codes are the same. */
enum eie_status cublas_status(unsigned code, const char *what, cublas_words words,
                              struct eie_error *error);
enum eie_status cublas_check(unsigned code, const char *what, struct eie_error *error);

/* A plan of floats, or of halves: there rows and columns are rounded up to the 16 bytes that the
 * library's documentation asks for where it shall use tensor cores. */
enum eie_status cublas_prepare(const struct eie_setup *setup, enum cuda_type type,
                               const struct cuda_float_product *product, struct eie_plan **plan,
                               struct eie_error *error);
enum eie_status cublas_plan_bytes(const struct eie_problem *problem, enum cuda_type type,
                                  uint64_t *plan_bytes, struct eie_error *error);

/* These stand in the kernels' tables. */
enum eie_status cublas_probe(const struct eie_device *device, struct eie_error *error);
enum eie_status cublas_supports_float(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error);
void cublas_describe(const struct eie_plan *plan, eie_column column, void *context);
void cublas_destroy(struct eie_plan *plan);

#endif
