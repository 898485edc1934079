/* A library in cuBLAS's place whose device is the host's memory: what kernels/peers/cublas_*.c call
 * of it, by its documented meaning, so that `EIE_CUBLAS=.../libfake_cublas.so eie_emulated_cuda`
 * checks those kernels without a GPU. It takes nothing from them. What the library would refuse it
 * refuses, and what a caller here must not leave out: a stream, the default mode.
 *
 * EIE_FAKE_CUBLAS makes it another one: "tf32" rounds the operands of float32 products to 11 bits,
 * "memory" has none left, "broken" fails at its first product. */
#include "tests/cuda/fake_queue.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    NOT_SUPPORTED = 15
};

#include "tests/cuda/fake_words.h" /* of these codes */
enum { R_32F = 0, R_16F = 2, COMPUTE_32F = 68, DEFAULT_MATH = 0, FAST_TF32 = 3 };

struct cublasContext {
    struct CUstream_st *stream;
    const void *workspace;
    unsigned mode;
    bool has_mode;
};

unsigned cublasGetProperty(unsigned which, int *value);
const char *cublasGetStatusString(unsigned status);
unsigned cublasCreate_v2(struct cublasContext **handle);
unsigned cublasSetStream_v2(struct cublasContext *handle, struct CUstream_st *stream);
unsigned cublasDestroy_v2(struct cublasContext *handle);
unsigned cublasSetWorkspace_v2(struct cublasContext *handle, void *workspace, size_t bytes);
unsigned cublasSetMathMode(struct cublasContext *handle, unsigned mode);
unsigned cublasSgemv_v2(struct cublasContext *handle, unsigned operation, int m, int n,
                        const float *alpha, const float *a, int lda, const float *x, int incx,
                        const float *beta, float *y, int incy);
unsigned cublasSgemm_v2(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                        int m, int n, int k, const float *alpha, const float *a, int lda,
                        const float *b, int ldb, const float *beta, float *c, int ldc);
unsigned cublasSgeam(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                     int m, int n, const float *alpha, const float *a, int lda, const float *beta,
                     const float *b, int ldb, float *c, int ldc);
unsigned cublasGemmEx(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                      int m, int n, int k, const void *alpha, const void *a, unsigned a_type,
                      int lda, const void *b, unsigned b_type, int ldb, const void *beta, void *c,
                      unsigned c_type, int ldc, unsigned compute_type, int algorithm);

static bool is(const char *word)
{
    const char *is = getenv("EIE_FAKE_CUBLAS");
    return is && !strcmp(is, word);
}

unsigned cublasGetProperty(unsigned which, int *value)
{
    static const int version[] = {13, 5, 7};
    if (which > 2 || !value) return INVALID_VALUE;
    *value = version[which];
    return SUCCESS;
}

const char *cublasGetStatusString(unsigned status)
{
    return fake_words(status);
}

unsigned cublasCreate_v2(struct cublasContext **handle)
{
    if (!handle) return NOT_INITIALIZED;
    if (is("memory")) return ALLOC_FAILED;
    *handle = calloc(1, sizeof **handle);
    return *handle ? SUCCESS : ALLOC_FAILED;
}

unsigned cublasDestroy_v2(struct cublasContext *handle)
{
    free(handle);
    return handle ? SUCCESS : NOT_INITIALIZED;
}

unsigned cublasSetStream_v2(struct cublasContext *handle, struct CUstream_st *stream)
{
    if (!handle) return NOT_INITIALIZED;
    handle->stream = stream;
    handle->workspace = NULL;
    return SUCCESS;
}

unsigned cublasSetWorkspace_v2(struct cublasContext *handle, void *workspace, size_t bytes)
{
    if (!handle) return NOT_INITIALIZED;
    if (!workspace || (uintptr_t)workspace % 256 || bytes < 1 << 20) return INVALID_VALUE;
    handle->workspace = workspace;
    return SUCCESS;
}

unsigned cublasSetMathMode(struct cublasContext *handle, unsigned mode)
{
    if (!handle) return NOT_INITIALIZED;
    if (mode != DEFAULT_MATH && mode != FAST_TF32) return NOT_SUPPORTED;
    handle->mode = mode;
    handle->has_mode = true;
    return SUCCESS;
}

static unsigned can_run(const struct cublasContext *handle)
{
    if (!handle || !handle->stream || !handle->workspace || !handle->has_mode)
        return NOT_INITIALIZED;
    return is("broken") ? EXECUTION_FAILED : SUCCESS;
}

static float half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value =
        exponent ? ldexpf((float)(fraction + 1024), exponent - 25) : ldexpf((float)fraction, -24);
    if (exponent == 31) value = fraction ? NAN : INFINITY;
    return bits >> 15 ? -value : value;
}

static float rounded(float value)
{
    int exponent;
    const float fraction = frexpf(value, &exponent);
    return ldexpf(rintf(ldexpf(fraction, 11)), exponent - 11);
}

/* A matrix by columns as it is stored, and how it is meant. */
struct matrix {
    const void *values;
    unsigned type, operation;
    int64_t stride;
    bool tf32;
};

static float at(const struct matrix *matrix, int64_t row, int64_t column)
{
    const int64_t index =
        matrix->operation ? column + row * matrix->stride : row + column * matrix->stride;
    const float value = matrix->type == R_16F ? half(((const uint16_t *)matrix->values)[index])
                                              : ((const float *)matrix->values)[index];
    return matrix->tf32 ? rounded(value) : value;
}

static unsigned valid(const struct matrix *matrix, int rows, int columns)
{
    const int stored_rows = matrix->operation ? columns : rows;
    if (matrix->operation > 2 || rows < 0 || columns < 0) return INVALID_VALUE;
    if (matrix->stride < (stored_rows > 1 ? stored_rows : 1)) return INVALID_VALUE;
    return matrix->values || !rows || !columns ? SUCCESS : INVALID_VALUE;
}

/* c = alpha a b + beta c, b by columns; or without b: c = alpha a + beta c. The numbers are read
 * when the call is made, the matrices when it is carried out. */
struct work {
    struct matrix a, b;
    int64_t m, n, k;
    float alpha, beta;
    float *c;
    int64_t stride;
};

static void run(void *arguments)
{
    const struct work *work = arguments;
    for (int64_t j = 0; j < work->n; j++) {
        for (int64_t i = 0; i < work->m; i++) {
            float sum = 0, *to = &work->c[i + j * work->stride];
            for (int64_t l = 0; l < work->k; l++) sum += at(&work->a, i, l) * at(&work->b, l, j);
            if (!work->b.values) sum = at(&work->a, i, j);
            /* with 0, what is there is not read */
            *to = work->alpha * sum + (work->beta != 0 ? work->beta * *to : 0);
        }
    }
}

static unsigned start(const struct cublasContext *handle, const struct work *work)
{
    return fake_queue(handle->stream, run, work, sizeof *work) ? SUCCESS : EXECUTION_FAILED;
}

unsigned cublasSgemv_v2(struct cublasContext *handle, unsigned operation, int m, int n,
                        const float *alpha, const float *a, int lda, const float *x, int incx,
                        const float *beta, float *y, int incy)
{
    unsigned status = can_run(handle);
    if (status) return status;
    const bool tf32 = is("tf32") || handle->mode == FAST_TF32;
    const int rows = operation ? n : m, columns = operation ? m : n;
    const struct matrix matrix = {a, R_32F, operation, lda, tf32};
    status = valid(&matrix, rows, columns);
    if (status || !alpha || !beta || !x || !y) return INVALID_VALUE;
    if (incx != 1 || incy != 1) return incx && incy ? NOT_SUPPORTED : INVALID_VALUE;
    const struct work work = {.a = matrix,
                              .b = {x, R_32F, 0, columns, tf32},
                              .m = rows,
                              .n = 1,
                              .k = columns,
                              .alpha = *alpha,
                              .beta = *beta,
                              .c = y,
                              .stride = rows};
    return start(handle, &work);
}

static unsigned multiply(const struct cublasContext *handle, const struct matrix *a,
                         const struct matrix *b, int m, int n, int k, const float *alpha,
                         const float *beta, float *c, int ldc)
{
    unsigned status = can_run(handle);
    if (!status) status = valid(a, m, k);
    if (!status) status = valid(b, k, n);
    if (!status && (!alpha || !beta || !c || ldc < (m > 1 ? m : 1))) status = INVALID_VALUE;
    if (status) return status;
    const struct work work = {*a, *b, m, n, k, *alpha, *beta, c, ldc};
    return start(handle, &work);
}

unsigned cublasSgemm_v2(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                        int m, int n, int k, const float *alpha, const float *a, int lda,
                        const float *b, int ldb, const float *beta, float *c, int ldc)
{
    const bool tf32 = is("tf32") || (handle && handle->mode == FAST_TF32);
    const struct matrix left = {a, R_32F, operation_a, lda, tf32},
                        right = {b, R_32F, operation_b, ldb, tf32};
    return multiply(handle, &left, &right, m, n, k, alpha, beta, c, ldc);
}

unsigned cublasSgeam(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                     int m, int n, const float *alpha, const float *a, int lda, const float *beta,
                     const float *b, int ldb, float *c, int ldc)
{
    const struct matrix left = {a, R_32F, operation_a, lda, false},
                        right = {b, R_32F, operation_b, ldb, false};
    unsigned status = can_run(handle);
    if (!status) status = valid(&left, m, n);
    if (!status) status = valid(&right, m, n);
    if (!status && (!alpha || !beta || !c || ldc < (m > 1 ? m : 1) || a == c ||
                    (b == c && (operation_b || ldb != ldc))))
        status = INVALID_VALUE;
    if (status) return status;
    if (*beta != 0) return NOT_SUPPORTED; /* here */
    const struct work work = {
        .a = left, .m = m, .n = n, .alpha = *alpha, .beta = *beta, .c = c, .stride = ldc};
    return start(handle, &work);
}

unsigned cublasGemmEx(struct cublasContext *handle, unsigned operation_a, unsigned operation_b,
                      int m, int n, int k, const void *alpha, const void *a, unsigned a_type,
                      int lda, const void *b, unsigned b_type, int ldb, const void *beta, void *c,
                      unsigned c_type, int ldc, unsigned compute_type, int algorithm)
{
    const struct matrix left = {a, a_type, operation_a, lda, false},
                        right = {b, b_type, operation_b, ldb, false};
    if (algorithm < -1 || algorithm > 115) return INVALID_VALUE;
    if (a_type != R_16F || b_type != R_16F || c_type != R_32F || compute_type != COMPUTE_32F)
        return NOT_SUPPORTED;
    return multiply(handle, &left, &right, m, n, k, alpha, beta, c, ldc);
}
