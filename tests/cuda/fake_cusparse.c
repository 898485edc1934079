/* A library in cuSPARSE's place whose device is the host's memory: what kernels/peers/cusparse_*.c
 * call of it, by its documented meaning, so that `EIE_CUSPARSE=.../libfake_cusparse.so
 * eie_emulated_cuda` checks those kernels without a GPU. It takes nothing from them. It is strict:
 * it refuses a matrix without entries, as some versions do, rows that are none, another workspace
 * than the one that the matrix was prepared with, or one that was written over since, another
 * algorithm than the one that the workspace was asked for.
 *
 * EIE_FAKE_CUSPARSE makes it another one: "only N" knows algorithm N alone, "fast N" is slower with
 * every other one and with vectors by rows, "rows N" with every other one and by columns, "memory"
 * has none left, "old" cannot prepare, "broken" fails at its products. */
#include "tests/cuda/fake_queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 2,
    INVALID_VALUE = 3,
    EXECUTION_FAILED = 6,
    NOT_SUPPORTED = 10
};

#include "tests/cuda/fake_words.h" /* of these codes */
enum { R_32F = 0, INDEX_32I = 2, BASE_ZERO = 0, ORDER_COL = 1, ORDER_ROW = 2 };

struct cusparseContext {
    struct CUstream_st *stream;
};
struct cusparseSpMatDescr {
    int64_t rows, columns, entries;
    const int32_t *start, *index;
    const float *value;
    unsigned sized;         /* 1 + the algorithm that a workspace was last asked for */
    const void *active;     /* the workspace that it was prepared with */
    unsigned char kept[16]; /* what was put there */
};
struct cusparseDnVecDescr {
    int64_t size;
    float *values;
};
struct cusparseDnMatDescr {
    int64_t rows, columns, stride;
    float *values;
    unsigned order;
};

typedef struct cusparseContext context;
typedef struct cusparseSpMatDescr sparse;
typedef struct cusparseDnVecDescr vector;
typedef struct cusparseDnMatDescr dense;

unsigned cusparseGetProperty(unsigned which, int *value);
const char *cusparseGetErrorString(unsigned status);
unsigned cusparseCreate(context **handle);
unsigned cusparseSetStream(context *handle, struct CUstream_st *stream);
unsigned cusparseCreateCsr(sparse **matrix, int64_t rows, int64_t columns, int64_t entries,
                           void *start, void *index, void *value, unsigned start_type,
                           unsigned index_type, unsigned base, unsigned type);
unsigned cusparseDestroySpMat(const sparse *matrix);
unsigned cusparseCreateDnVec(vector **made, int64_t size, void *values, unsigned type);
unsigned cusparseDestroyDnVec(const vector *old);
unsigned cusparseCreateDnMat(dense **made, int64_t rows, int64_t columns, int64_t stride,
                             void *values, unsigned type, unsigned order);
unsigned cusparseDestroyDnMat(const dense *old);
unsigned cusparseSpMV_bufferSize(context *handle, unsigned operation, const void *alpha,
                                 const sparse *matrix, const vector *x, const void *beta, vector *y,
                                 unsigned type, unsigned algorithm, size_t *bytes);
unsigned cusparseSpMV_preprocess(context *handle, unsigned operation, const void *alpha,
                                 const sparse *matrix, const vector *x, const void *beta, vector *y,
                                 unsigned type, unsigned algorithm, void *workspace);
unsigned cusparseSpMV(context *handle, unsigned operation, const void *alpha, const sparse *matrix,
                      const vector *x, const void *beta, vector *y, unsigned type,
                      unsigned algorithm, void *workspace);
unsigned cusparseSpMM_bufferSize(context *handle, unsigned operation, unsigned operation_x,
                                 const void *alpha, const sparse *matrix, const dense *x,
                                 const void *beta, dense *y, unsigned type, unsigned algorithm,
                                 size_t *bytes);
unsigned cusparseSpMM_preprocess(context *handle, unsigned operation, unsigned operation_x,
                                 const void *alpha, const sparse *matrix, const dense *x,
                                 const void *beta, dense *y, unsigned type, unsigned algorithm,
                                 void *workspace);
unsigned cusparseSpMM(context *handle, unsigned operation, unsigned operation_x, const void *alpha,
                      const sparse *matrix, const dense *x, const void *beta, dense *y,
                      unsigned type, unsigned algorithm, void *workspace);

/* The number behind `word` in EIE_FAKE_CUSPARSE; -1 when that is another one. */
static int is(const char *word)
{
    const char *is = getenv("EIE_FAKE_CUSPARSE");
    const size_t length = strlen(word);
    if (!is || strncmp(is, word, length) != 0) return -1;
    return is[length] ? atoi(is + length) : 0;
}

unsigned cusparseGetProperty(unsigned which, int *value)
{
    static const int version[] = {12, 6, 99};
    if (which > 2 || !value) return INVALID_VALUE;
    *value = version[which];
    return SUCCESS;
}

const char *cusparseGetErrorString(unsigned status)
{
    return fake_words(status);
}

unsigned cusparseCreate(context **handle)
{
    if (!handle) return INVALID_VALUE;
    if (!is("memory")) return ALLOC_FAILED;
    *handle = calloc(1, sizeof **handle);
    return *handle ? SUCCESS : ALLOC_FAILED;
}

unsigned cusparseSetStream(context *handle, struct CUstream_st *stream)
{
    if (!handle) return NOT_INITIALIZED;
    handle->stream = stream;
    return SUCCESS;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static bool misaligned(const void *pointer)
{
    return !pointer || (uintptr_t)pointer % 4;
}

unsigned cusparseCreateCsr(sparse **matrix, int64_t rows, int64_t columns, int64_t entries,
                           void *start, void *index, void *value, unsigned start_type,
                           unsigned index_type, unsigned base, unsigned type)
{
    const int32_t *starts = start, *indices = index;
    if (!matrix || rows < 1 || columns < 1 || entries < 1 || entries > rows * columns ||
        misaligned(start) || misaligned(index) || misaligned(value))
        return INVALID_VALUE;
    if (start_type != INDEX_32I || index_type != INDEX_32I || base != BASE_ZERO || type != R_32F)
        return NOT_SUPPORTED;
    if (starts[0] || starts[rows] != entries) return INVALID_VALUE;
    for (int64_t i = 0; i < rows; i++)
        if (starts[i] > starts[i + 1]) return INVALID_VALUE;
    for (int64_t e = 0; e < entries; e++)
        if (indices[e] < 0 || indices[e] >= columns) return INVALID_VALUE;
    *matrix = calloc(1, sizeof **matrix);
    if (!*matrix) return ALLOC_FAILED;
    **matrix = (sparse){.rows = rows,
                        .columns = columns,
                        .entries = entries,
                        .start = starts,
                        .index = indices,
                        .value = value};
    return SUCCESS;
}

unsigned cusparseDestroySpMat(const sparse *matrix)
{
    free((void *)(uintptr_t)matrix);
    return matrix ? SUCCESS : INVALID_VALUE;
}

unsigned cusparseCreateDnVec(vector **made, int64_t size, void *values, unsigned type)
{
    if (!made || size < 1 || misaligned(values)) return INVALID_VALUE;
    if (type != R_32F) return NOT_SUPPORTED;
    *made = calloc(1, sizeof **made);
    if (!*made) return ALLOC_FAILED;
    **made = (vector){size, values};
    return SUCCESS;
}

unsigned cusparseDestroyDnVec(const vector *old)
{
    free((void *)(uintptr_t)old);
    return old ? SUCCESS : INVALID_VALUE;
}

unsigned cusparseCreateDnMat(dense **made, int64_t rows, int64_t columns, int64_t stride,
                             void *values, unsigned type, unsigned order)
{
    if (!made || rows < 1 || columns < 1 || misaligned(values)) return INVALID_VALUE;
    if (order != ORDER_COL && order != ORDER_ROW) return INVALID_VALUE;
    if (stride < (order == ORDER_COL ? rows : columns)) return INVALID_VALUE;
    if (type != R_32F) return NOT_SUPPORTED;
    *made = calloc(1, sizeof **made);
    if (!*made) return ALLOC_FAILED;
    **made = (dense){rows, columns, stride, values, order};
    return SUCCESS;
}

unsigned cusparseDestroyDnMat(const dense *old)
{
    free((void *)(uintptr_t)old);
    return old ? SUCCESS : INVALID_VALUE;
}

/* ---- what products have in common ----------------------------------------------------------- */

/* A product, its parts as they are stored: a vector is a matrix of one column. */
struct product {
    context *handle;
    unsigned operation, operation_x;
    const float *alpha, *beta;
    sparse *matrix;
    dense x, y;
    unsigned type, algorithm;
    bool several;
};

/* The library keeps what it finds out in the matrix, which its functions take as constant. */
static sparse *inside(const sparse *matrix)
{
    return (sparse *)(uintptr_t)matrix;
}

static dense column_of(const vector *one)
{
    if (!one) return (dense){.rows = 0};
    return (dense){one->size, 1, one->size, one->values, ORDER_COL};
}

static bool known(const struct product *product)
{
    const unsigned a = product->algorithm;
    const int only = is("only ");
    if (only >= 0 && (unsigned)only != a) return false;
    return a == 0 || (product->several ? a == 4 || a == 6 || a == 12 : a == 2 || a == 3);
}

static unsigned valid(const struct product *product)
{
    const sparse *matrix = product->matrix;
    const dense *x = &product->x, *y = &product->y;
    if (!product->handle || !product->handle->stream) return NOT_INITIALIZED;
    if (!product->alpha || !product->beta || !matrix || !x->values || !y->values)
        return INVALID_VALUE;
    if (product->operation > 2 || product->operation_x > 2) return INVALID_VALUE;
    if (product->operation || product->operation_x || product->type != R_32F || !known(product))
        return NOT_SUPPORTED;
    if (x->rows != matrix->columns || y->rows != matrix->rows || x->columns != y->columns)
        return INVALID_VALUE;
    return SUCCESS;
}

static unsigned size_workspace(const struct product *product, size_t *bytes)
{
    const unsigned status = valid(product);
    if (status || !bytes) return status ? status : INVALID_VALUE;
    /* one of the algorithms needs none */
    *bytes = product->algorithm == 3 ? 0 : sizeof product->matrix->kept + 8 * product->algorithm;
    product->matrix->sized = 1 + product->algorithm;
    return SUCCESS;
}

static unsigned prepare(const struct product *product, void *workspace)
{
    sparse *matrix = product->matrix;
    const unsigned status = valid(product);
    if (status) return status;
    if (!is("old")) return NOT_SUPPORTED;
    if (matrix->sized != 1 + product->algorithm) return INVALID_VALUE;
    if (product->algorithm == 3) return SUCCESS;
    if (!workspace) return INVALID_VALUE;
    snprintf((char *)matrix->kept, sizeof matrix->kept, "algorithm %u", product->algorithm);
    memcpy(workspace, matrix->kept, sizeof matrix->kept);
    matrix->active = workspace;
    return SUCCESS;
}

static float *at(const dense *matrix, int64_t row, int64_t column)
{
    return matrix->values + (matrix->order == ORDER_COL ? row + column * matrix->stride
                                                        : row * matrix->stride + column);
}

/* What is left to do, its descriptors copied: they may be gone when a graph runs. */
struct work {
    sparse matrix;
    dense x, y;
    float alpha, beta;
    bool slow;
};

static void run(void *arguments)
{
    const struct work *work = arguments;
    const sparse *matrix = &work->matrix;
    for (int64_t column = 0; column < work->y.columns; column++) {
        for (int64_t row = 0; row < matrix->rows; row++) {
            float sum = 0, *to = at(&work->y, row, column);
            for (int32_t e = matrix->start[row]; e < matrix->start[row + 1]; e++)
                sum += matrix->value[e] * *at(&work->x, matrix->index[e], column);
            *to = work->alpha * sum + (work->beta != 0 ? work->beta * *to : 0);
        }
    }
    if (work->slow) fake_spend(300e3);
}

static bool is_slow(const struct product *product)
{
    const int fast = is("fast "), fast_rows = is("rows ");
    const bool by_row = product->y.order == ORDER_ROW;
    return (fast >= 0 && ((unsigned)fast != product->algorithm || by_row)) ||
           (fast_rows >= 0 && ((unsigned)fast_rows != product->algorithm || !by_row));
}

static unsigned multiply(const struct product *product, const void *workspace)
{
    const sparse *matrix = product->matrix;
    const unsigned status = valid(product);
    if (status) return status;
    if (!is("broken")) return EXECUTION_FAILED;
    if (matrix->sized != 1 + product->algorithm) return INVALID_VALUE;
    if (product->algorithm != 3 && !workspace) return INVALID_VALUE;
    if (matrix->active &&
        (workspace != matrix->active || memcmp(workspace, matrix->kept, sizeof matrix->kept) != 0))
        return INVALID_VALUE;
    const struct work work = {*matrix,         product->x,     product->y,
                              *product->alpha, *product->beta, is_slow(product)};
    return fake_queue(product->handle->stream, run, &work, sizeof work) ? SUCCESS
                                                                        : EXECUTION_FAILED;
}

/* ---- the library's functions ---------------------------------------------------------------- */

#define MV                                                                                         \
    &(struct product)                                                                              \
    {                                                                                              \
        handle, operation, 0, alpha, beta, inside(matrix), column_of(x), column_of(y), type,       \
            algorithm, false                                                                       \
    }
#define MM                                                                                         \
    &(struct product)                                                                              \
    {                                                                                              \
        handle, operation, operation_x, alpha, beta, inside(matrix), x ? *x : (dense){.rows = 0},  \
            y ? *y : (dense){.rows = 0}, type, algorithm, true                                     \
    }

unsigned cusparseSpMV_bufferSize(context *handle, unsigned operation, const void *alpha,
                                 const sparse *matrix, const vector *x, const void *beta, vector *y,
                                 unsigned type, unsigned algorithm, size_t *bytes)
{
    return size_workspace(MV, bytes);
}

unsigned cusparseSpMV_preprocess(context *handle, unsigned operation, const void *alpha,
                                 const sparse *matrix, const vector *x, const void *beta, vector *y,
                                 unsigned type, unsigned algorithm, void *workspace)
{
    return prepare(MV, workspace);
}

unsigned cusparseSpMV(context *handle, unsigned operation, const void *alpha, const sparse *matrix,
                      const vector *x, const void *beta, vector *y, unsigned type,
                      unsigned algorithm, void *workspace)
{
    return multiply(MV, workspace);
}

unsigned cusparseSpMM_bufferSize(context *handle, unsigned operation, unsigned operation_x,
                                 const void *alpha, const sparse *matrix, const dense *x,
                                 const void *beta, dense *y, unsigned type, unsigned algorithm,
                                 size_t *bytes)
{
    return size_workspace(MM, bytes);
}

unsigned cusparseSpMM_preprocess(context *handle, unsigned operation, unsigned operation_x,
                                 const void *alpha, const sparse *matrix, const dense *x,
                                 const void *beta, dense *y, unsigned type, unsigned algorithm,
                                 void *workspace)
{
    return prepare(MM, workspace);
}

unsigned cusparseSpMM(context *handle, unsigned operation, unsigned operation_x, const void *alpha,
                      const sparse *matrix, const dense *x, const void *beta, dense *y,
                      unsigned type, unsigned algorithm, void *workspace)
{
    return multiply(MM, workspace);
}
