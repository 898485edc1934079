/* A library in cublasLt's place whose device is the host's memory, as fake_cublas.c is in cuBLAS's:
 * products of int8 with sums in int32. It proposes three algorithms, of which the last cannot be
 * used. What the library would refuse it refuses: types that do not go together, strides that its
 * fast kernels do not take, an algorithm that it has not proposed, a workspace that is missing.
 *
 * EIE_FAKE_CUBLASLT makes it another one: "memory" has none left, "broken" fails at its first
 * product, "first" and "second" are faster with that algorithm, "none" proposes none. */
#include "tests/cuda/fake_queue.h"

#include <stdint.h>

enum {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    NOT_SUPPORTED = 15
};

#include "tests/cuda/fake_words.h" /* of these codes */
enum { R_8I = 3, R_32I = 10, COMPUTE_32I = 72 };
enum { OPERATION_A = 3, OPERATION_B = 4, MOST_WORKSPACE = 1, NONE = 0, TRANSPOSED = 1 };
#define MARK       UINT64_C(0x6c74) /* of an algorithm of this library */
#define ALGORITHMS 3u

struct cublasLtContext {
    int dummy;
};
struct product {
    unsigned compute_type, scale_type;
    int32_t operations[2];
};
struct layout {
    unsigned type;
    uint64_t rows, columns;
    int64_t stride;
};
struct preference {
    uint64_t most_bytes;
};
struct algorithm {
    uint64_t data[8];
};
struct proposal {
    struct algorithm algorithm;
    size_t workspace_bytes;
    unsigned state;
    float waves;
    int reserved[4];
};

/* How callers see these: headers_cublaslt.c sets what NVIDIA's headers say. */
#ifndef FAKE_PRODUCT
#define FAKE_PRODUCT    struct product
#define FAKE_LAYOUT     struct layout
#define FAKE_PREFERENCE struct preference
#define FAKE_ALGORITHM  struct algorithm
#define FAKE_PROPOSAL   struct proposal
#endif

unsigned cublasLtGetProperty(unsigned which, int *value);
const char *cublasLtGetStatusString(unsigned status);
unsigned cublasLtCreate(struct cublasLtContext **handle);
unsigned cublasLtMatmulDescCreate(FAKE_PRODUCT **product, unsigned compute, unsigned scale);
unsigned cublasLtMatmulDescDestroy(FAKE_PRODUCT *product);
unsigned cublasLtMatmulDescSetAttribute(FAKE_PRODUCT *product, unsigned attribute,
                                        const void *value, size_t bytes);
unsigned cublasLtMatrixLayoutCreate(FAKE_LAYOUT **layout, unsigned type, uint64_t rows,
                                    uint64_t columns, int64_t stride);
unsigned cublasLtMatrixLayoutDestroy(FAKE_LAYOUT *layout);
unsigned cublasLtMatmulPreferenceCreate(FAKE_PREFERENCE **preference);
unsigned cublasLtMatmulPreferenceDestroy(FAKE_PREFERENCE *preference);
unsigned cublasLtMatmulPreferenceSetAttribute(FAKE_PREFERENCE *preference, unsigned attribute,
                                              const void *value, size_t bytes);
unsigned cublasLtMatmulAlgoGetHeuristic(struct cublasLtContext *handle, FAKE_PRODUCT *product,
                                        FAKE_LAYOUT *a, FAKE_LAYOUT *b, FAKE_LAYOUT *c,
                                        FAKE_LAYOUT *d, FAKE_PREFERENCE *preference, int most,
                                        FAKE_PROPOSAL *proposals, int *count);
unsigned cublasLtMatmul(struct cublasLtContext *handle, FAKE_PRODUCT *product, const void *alpha,
                        const void *a, FAKE_LAYOUT *a_layout, const void *b, FAKE_LAYOUT *b_layout,
                        const void *beta, const void *c, FAKE_LAYOUT *c_layout, void *d,
                        FAKE_LAYOUT *d_layout, const FAKE_ALGORITHM *algorithm, void *workspace,
                        size_t workspace_bytes, struct CUstream_st *stream);

static bool is(const char *word)
{
    const char *is = getenv("EIE_FAKE_CUBLASLT");
    return is && !strcmp(is, word);
}

unsigned cublasLtGetProperty(unsigned which, int *value)
{
    static const int version[] = {13, 5, 8};
    if (which > 2 || !value) return INVALID_VALUE;
    *value = version[which];
    return SUCCESS;
}

const char *cublasLtGetStatusString(unsigned status)
{
    return fake_words(status);
}

unsigned cublasLtCreate(struct cublasLtContext **handle)
{
    static struct cublasLtContext only;
    if (is("memory")) return ALLOC_FAILED;
    *handle = &only;
    return SUCCESS;
}

/* ---- descriptions --------------------------------------------------------------------------- */

unsigned cublasLtMatmulDescCreate(FAKE_PRODUCT **product, unsigned compute, unsigned scale)
{
    struct product *made = calloc(1, sizeof *made);
    if (!made) return ALLOC_FAILED;
    *made = (struct product){compute, scale, {NONE, NONE}};
    *product = (void *)made;
    return SUCCESS;
}

unsigned cublasLtMatmulDescDestroy(FAKE_PRODUCT *product)
{
    free(product);
    return SUCCESS;
}

unsigned cublasLtMatmulDescSetAttribute(FAKE_PRODUCT *product, unsigned attribute,
                                        const void *value, size_t bytes)
{
    if ((attribute != OPERATION_A && attribute != OPERATION_B) || bytes != sizeof(int32_t))
        return INVALID_VALUE;
    memcpy(&((struct product *)(void *)product)->operations[attribute - OPERATION_A], value, bytes);
    return SUCCESS;
}

unsigned cublasLtMatrixLayoutCreate(FAKE_LAYOUT **layout, unsigned type, uint64_t rows,
                                    uint64_t columns, int64_t stride)
{
    if (!rows || !columns || stride < (int64_t)rows) return INVALID_VALUE;
    struct layout *made = calloc(1, sizeof *made);
    if (!made) return ALLOC_FAILED;
    *made = (struct layout){type, rows, columns, stride};
    *layout = (void *)made;
    return SUCCESS;
}

unsigned cublasLtMatrixLayoutDestroy(FAKE_LAYOUT *layout)
{
    free(layout);
    return SUCCESS;
}

unsigned cublasLtMatmulPreferenceCreate(FAKE_PREFERENCE **preference)
{
    *preference = calloc(1, sizeof(struct preference));
    return *preference ? SUCCESS : ALLOC_FAILED;
}

unsigned cublasLtMatmulPreferenceDestroy(FAKE_PREFERENCE *preference)
{
    free(preference);
    return SUCCESS;
}

unsigned cublasLtMatmulPreferenceSetAttribute(FAKE_PREFERENCE *preference, unsigned attribute,
                                              const void *value, size_t bytes)
{
    struct preference *mine = (void *)preference;
    if (attribute != MOST_WORKSPACE || bytes != sizeof mine->most_bytes) return INVALID_VALUE;
    memcpy(&mine->most_bytes, value, bytes);
    return SUCCESS;
}

/* ---- products ------------------------------------------------------------------------------- */

/* Its kernels for tensor cores take the first factor transposed, the second as it is. */
static bool fits(const void *opaque, const struct layout *a, const struct layout *b,
                 const struct layout *c, const struct layout *d)
{
    const struct product *product = opaque;
    return product->compute_type == COMPUTE_32I && product->scale_type == R_32I &&
           product->operations[0] == TRANSPOSED && product->operations[1] == NONE &&
           a->type == R_8I && b->type == R_8I && c->type == R_32I && d->type == R_32I &&
           a->rows == b->rows && a->columns == d->rows && b->columns == d->columns &&
           c->rows == d->rows && c->columns == d->columns && c->stride == d->stride &&
           a->rows % 4 == 0 && d->rows % 4 == 0 && a->stride % 4 == 0 && b->stride % 4 == 0 &&
           d->stride % 4 == 0;
}

static size_t bytes_of(uint64_t algorithm)
{
    return algorithm ? 256 * algorithm : 0;
}

unsigned cublasLtMatmulAlgoGetHeuristic(struct cublasLtContext *handle, FAKE_PRODUCT *product,
                                        FAKE_LAYOUT *a, FAKE_LAYOUT *b, FAKE_LAYOUT *c,
                                        FAKE_LAYOUT *d, FAKE_PREFERENCE *preference, int most,
                                        FAKE_PROPOSAL *proposals, int *count)
{
    const struct preference *wanted = (void *)preference;
    struct proposal *to = (void *)proposals;
    *count = 0;
    if (!handle || most < 1) return INVALID_VALUE;
    if (!fits(product, (void *)a, (void *)b, (void *)c, (void *)d) || is("none"))
        return NOT_SUPPORTED;
    for (uint64_t i = 0; i < ALGORITHMS && *count < most; i++) {
        if (bytes_of(i) > wanted->most_bytes) continue;
        to[(*count)++] = (struct proposal){.algorithm = {{MARK, i}},
                                           .workspace_bytes = bytes_of(i),
                                           .state = i + 1 == ALGORITHMS ? NOT_SUPPORTED : SUCCESS};
    }
    return SUCCESS;
}

/* What is read when the call is made, and the matrices when it is carried out. */
struct work {
    const int8_t *a, *b;
    int32_t *d;
    int64_t rows, columns, depth, a_stride, b_stride, d_stride;
    int32_t alpha;
    uint64_t algorithm;
};

static void run(void *arguments)
{
    const struct work *work = arguments;
    if (is(work->algorithm ? "first" : "second")) fake_spend(50e3);
    for (int64_t j = 0; j < work->columns; j++)
        for (int64_t i = 0; i < work->rows; i++) {
            int32_t sum = 0;
            for (int64_t l = 0; l < work->depth; l++)
                sum += work->a[i * work->a_stride + l] * work->b[j * work->b_stride + l];
            work->d[i + j * work->d_stride] = work->alpha * sum;
        }
}

unsigned cublasLtMatmul(struct cublasLtContext *handle, FAKE_PRODUCT *product, const void *alpha,
                        const void *a, FAKE_LAYOUT *a_layout, const void *b, FAKE_LAYOUT *b_layout,
                        const void *beta, const void *c, FAKE_LAYOUT *c_layout, void *d,
                        FAKE_LAYOUT *d_layout, const FAKE_ALGORITHM *algorithm, void *workspace,
                        size_t workspace_bytes, struct CUstream_st *stream)
{
    if (!handle || !stream || !a || !b || !c || !d || !algorithm) return INVALID_VALUE;
    if (is("broken")) return EXECUTION_FAILED;
    const struct layout *left = (void *)a_layout, *right = (void *)b_layout,
                        *sums = (void *)d_layout;
    if (!fits(product, left, right, (void *)c_layout, sums)) return NOT_SUPPORTED;
    if (algorithm->data[0] != MARK || algorithm->data[1] + 1 >= ALGORITHMS) return NOT_SUPPORTED;
    const uint64_t which = algorithm->data[1];
    if (workspace_bytes < bytes_of(which) || (bytes_of(which) && !workspace)) return INVALID_VALUE;
    if (((uintptr_t)a | (uintptr_t)b | (uintptr_t)d) % 16) return NOT_SUPPORTED;
    struct work work = {.a = a,
                        .b = b,
                        .d = d,
                        .rows = (int64_t)sums->rows,
                        .columns = (int64_t)sums->columns,
                        .depth = (int64_t)left->rows,
                        .a_stride = left->stride,
                        .b_stride = right->stride,
                        .d_stride = sums->stride,
                        .algorithm = which};
    int32_t beta_value;
    memcpy(&work.alpha, alpha, sizeof work.alpha);
    memcpy(&beta_value, beta, sizeof beta_value);
    if (beta_value) return NOT_SUPPORTED; /* here */
    return fake_queue(stream, run, &work, sizeof work) ? SUCCESS : EXECUTION_FAILED;
}
