#include "kernels/peers/cublas.h"
#include "host/base/library.h"

#include <stdio.h>
#include <stdlib.h>

struct cublas_functions cublas;

static struct {
    void *handle;
    struct cublasContext *contexts[CUDA_FLOAT_DEVICES]; /* until the process ends */
    char text[CUBLAS_NAME_BYTES];
} library;

/* ---- the library ---------------------------------------------------------------------------- */

enum eie_status cublas_status(unsigned code, const char *what, cublas_words words,
                              struct eie_error *error)
{
    enum eie_status status = EIE_SYSTEM;
    if (code == CUBLAS_SUCCESS) return EIE_OK;
    if (code == CUBLAS_NO_MEMORY) status = EIE_MEMORY;
    if (code == CUBLAS_WRONG_DEVICE || code == CUBLAS_UNSUPPORTED) status = EIE_UNSUPPORTED;
    return eie_fail(error, status, "%s fails with its code %u%s%s", what, code, words ? ": " : "",
                    words ? words(code) : "");
}

enum eie_status cublas_check(unsigned code, const char *what, struct eie_error *error)
{
    return cublas_status(code, what, cublas.words, error);
}

enum eie_status cublas_name(const char *name, unsigned (*property)(unsigned which, int *value),
                            cublas_words words, char text[CUBLAS_NAME_BYTES],
                            struct eie_error *error)
{
    int version[3] = {0, 0, 0};
    enum eie_status status = EIE_OK;
    for (unsigned i = 0; i < 3 && !status; i++)
        status =
            cublas_status(property(i, &version[i]), "its function for the version", words, error);
    snprintf(text, CUBLAS_NAME_BYTES, "%s %d.%d.%d", name, version[0], version[1], version[2]);
    return status;
}

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11",
                                        NULL};
    static const struct eie_library_need needs[] = {
        {"cublasGetProperty", &cublas.property},
        {"cublasCreate_v2", &cublas.create},
        {"cublasDestroy_v2", &cublas.destroy},
        {"cublasSetStream_v2", &cublas.set_stream},
        {"cublasSetWorkspace_v2", &cublas.set_workspace},
        {"cublasSetMathMode", &cublas.set_math},
        {"cublasSgemv_v2", &cublas.sgemv},
        {"cublasSgemm_v2", &cublas.sgemm},
        {"cublasSgeam", &cublas.sgeam},
        {"cublasGemmEx", &cublas.gemm},
        {NULL, NULL},
    };
    static const struct eie_library_need words[] = {{"cublasGetStatusString", &cublas.words},
                                                    {NULL, NULL}};
    void *handle;
    enum eie_status status = eie_library_open(names, "EIE_CUBLAS", &handle, error);
    if (!status) status = eie_library_symbols(handle, needs, error);
    if (status) return status;
    if (eie_library_symbols(handle, words, NULL)) cublas.words = NULL;
    status = cublas_name("cuBLAS", cublas.property, cublas.words, library.text, error);
    if (!status) library.handle = handle;
    return status;
}

enum eie_status cublas_probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return library.handle ? EIE_OK : load_library(error);
}

static enum eie_status begin_context(struct eie_cuda *cuda, struct cublasContext *context,
                                     struct eie_error *error)
{
    /* what the library's documentation recommends: more from Hopper on */
    const uint64_t bytes = UINT64_C(1) << (cuda->facts.major >= 9 ? 25 : 22);
    void *workspace = NULL;
    enum eie_status status = eie_cuda_alloc(cuda, bytes, &workspace, error);
    if (!status)
        status = cublas_check(cublas.set_stream(context, cuda->stream), "cublasSetStream", error);
    if (!status) /* after the stream, which takes it away */
        status = cublas_check(cublas.set_workspace(context, workspace, bytes), "cublasSetWorkspace",
                              error);
    if (!status)
        status =
            cublas_check(cublas.set_math(context, CUBLAS_MATH_DEFAULT), "cublasSetMathMode", error);
    if (status) eie_cuda_free(cuda, workspace);
    return status;
}

enum eie_status cublas_context(struct eie_cuda *cuda, struct cublasContext **context,
                               struct eie_error *error)
{
    if (cuda->index < 0 || cuda->index >= CUDA_FLOAT_DEVICES)
        return eie_fail(error, EIE_UNSUPPORTED, "device %d is beyond the first %d", cuda->index,
                        CUDA_FLOAT_DEVICES);
    *context = library.contexts[cuda->index];
    if (*context) return EIE_OK;
    enum eie_status status = cublas_check(cublas.create(context), "cublasCreate", error);
    if (status) return status;
    status = begin_context(cuda, *context, error);
    if (status)
        (void)cublas.destroy(*context);
    else
        library.contexts[cuda->index] = *context;
    return status;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static struct cuda_float_needs needs_of(const struct eie_layer *layer, enum cuda_type type)
{
    const bool half = type == CUDA_HALF;
    const uint32_t columns = half ? (layer->inputs + 7) / 8 * 8 : layer->inputs;
    const uint32_t rows = half ? (layer->outputs + 3) / 4 * 4 : layer->outputs;
    return (struct cuda_float_needs){
        .copy_bytes = (uint64_t)rows * columns * cuda_float_width(type),
        .x_stride = columns,
        .y_stride = rows,
        .type = type,
    };
}

enum eie_status cublas_plan_bytes(const struct eie_problem *problem, enum cuda_type type,
                                  uint64_t *plan_bytes, struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX - 7 || layer->outputs > INT32_MAX - 7 ||
        problem->batch > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows, columns or inputs than cuBLAS counts");
    const struct cuda_float_needs needs = needs_of(layer, type);
    *plan_bytes = needs.copy_bytes + cuda_float_bytes(problem, &needs);
    return EIE_OK;
}

enum eie_status cublas_supports_float(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error)
{
    return cublas_plan_bytes(problem, CUDA_FLOAT, plan_bytes, error);
}

void cublas_destroy(struct eie_plan *plan)
{
    cuda_float_end((struct cuda_float_plan *)plan);
}

enum eie_status cublas_prepare(const struct eie_setup *setup, enum cuda_type type,
                               const struct cuda_float_product *product, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct cuda_float_needs needs = needs_of(setup->problem.layer, type);
    struct cuda_float_plan *base;
    enum eie_status status =
        cuda_float_begin(setup, sizeof(struct cublas_plan), &needs, product, &base, error);
    if (status) return status;
    struct cublas_plan *plan = (struct cublas_plan *)base;
    status = cublas_context(base->cuda, &plan->handle, error);
    if (!status) status = cuda_float_fill(base, setup->problem.layer->codebook, error);
    if (!status) status = cuda_float_ready(base, error);
    if (status)
        cuda_float_end(base);
    else
        *opaque = (struct eie_plan *)base;
    return status;
}

void cublas_describe(const struct eie_plan *plan, eie_column column, void *context)
{
    column(context, "eie_library", library.text, 0);
    cuda_calls_describe(&((const struct cuda_float_plan *)plan)->calls, column, context);
}
