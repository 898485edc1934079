#include "kernels/peers/cusparse.h"
#include "host/base/library.h"
#include "kernels/csr.h"

#include <stdio.h>
#include <stdlib.h>

#define ALIGN_BYTES 256 /* as the device's memory is */

struct cusparse_functions cusparse;

static struct {
    void *handle;
    struct cusparseContext *contexts[CUDA_FLOAT_DEVICES]; /* until the process ends */
    char text[64];
} library;

/* ---- the library ---------------------------------------------------------------------------- */

enum eie_status cusparse_check(unsigned code, const char *what, struct eie_error *error)
{
    enum eie_status status = EIE_SYSTEM;
    if (code == CUSPARSE_SUCCESS) return EIE_OK;
    if (code == CUSPARSE_NO_MEMORY || code == CUSPARSE_NO_RESOURCES) status = EIE_MEMORY;
    if (code == CUSPARSE_WRONG_DEVICE || code == CUSPARSE_UNSUPPORTED) status = EIE_UNSUPPORTED;
    return eie_fail(error, status, "%s fails with its code %u: %s", what, code,
                    cusparse.words(code));
}

/* From CUDA 12 on the library needs another one, which packages may put into another folder: once
 * that is there, it is found by its name. */
static enum eie_status open_library(void **handle, struct eie_error *error)
{
    static const char *const names[] = {"libcusparse.so.12", "libcusparse.so.11", NULL};
    static const char *const linkers[][2] = {{"libnvJitLink.so.13", NULL},
                                             {"libnvJitLink.so.12", NULL}};
    enum eie_status status = eie_library_open(names, "EIE_CUSPARSE", handle, error);
    for (int i = 0; i < 2 && status; i++)
        if (!eie_library_open(linkers[i], NULL, handle, NULL))
            status = eie_library_open(names, "EIE_CUSPARSE", handle, error);
    return status;
}

static enum eie_status load_library(struct eie_error *error)
{
    static const struct eie_library_need needs[] = {
        {"cusparseGetProperty", &cusparse.property},
        {"cusparseGetErrorString", &cusparse.words},
        {"cusparseCreate", &cusparse.create},
        {"cusparseSetStream", &cusparse.set_stream},
        {"cusparseCreateCsr", &cusparse.make_csr},
        {"cusparseCreateDnVec", &cusparse.make_vector},
        {"cusparseCreateDnMat", &cusparse.make_dense},
        {"cusparseDestroySpMat", &cusparse.end_csr},
        {"cusparseDestroyDnVec", &cusparse.end_vector},
        {"cusparseDestroyDnMat", &cusparse.end_dense},
        {"cusparseSpMV_bufferSize", &cusparse.mv_bytes},
        {"cusparseSpMM_bufferSize", &cusparse.mm_bytes},
        {"cusparseSpMV", &cusparse.mv},
        {"cusparseSpMM", &cusparse.mm},
        {NULL, NULL},
    };
    static const struct eie_library_need mv_prepare[] = {
        {"cusparseSpMV_preprocess", &cusparse.mv_prepare}, {NULL, NULL}};
    static const struct eie_library_need mm_prepare[] = {
        {"cusparseSpMM_preprocess", &cusparse.mm_prepare}, {NULL, NULL}};
    int version[3] = {0, 0, 0};
    void *handle;
    enum eie_status status = open_library(&handle, error);
    if (!status) status = eie_library_symbols(handle, needs, error);
    if (status) return status;
    if (eie_library_symbols(handle, mv_prepare, NULL)) cusparse.mv_prepare = NULL;
    if (eie_library_symbols(handle, mm_prepare, NULL)) cusparse.mm_prepare = NULL;
    for (unsigned i = 0; i < 3 && !status; i++)
        status = cusparse_check(cusparse.property(i, &version[i]), "cusparseGetProperty", error);
    if (status) return status;
    snprintf(library.text, sizeof library.text, "cuSPARSE %d.%d.%d", version[0], version[1],
             version[2]);
    library.handle = handle;
    return EIE_OK;
}

enum eie_status cusparse_probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return library.handle ? EIE_OK : load_library(error);
}

static enum eie_status take_context(const struct eie_cuda *cuda, struct cusparseContext **context,
                                    struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    if (cuda->index < 0 || cuda->index >= CUDA_FLOAT_DEVICES)
        return eie_fail(error, EIE_UNSUPPORTED, "device %d is beyond the first %d", cuda->index,
                        CUDA_FLOAT_DEVICES);
    struct cusparseContext **kept = &library.contexts[cuda->index];
    if (!*kept) status = cusparse_check(cusparse.create(kept), "cusparseCreate", error);
    if (status)
        *kept = NULL;
    else
        status =
            cusparse_check(cusparse.set_stream(*kept, cuda->stream), "cusparseSetStream", error);
    *context = *kept;
    return status;
}

/* ---- the rows ------------------------------------------------------------------------------- */

/* Where the arrays of a copy lie. */
struct place {
    uint64_t start_bytes, value_bytes; /* of row_start; of column, and of weight */
    uint64_t column_at, weight_at, bytes;
};

static struct place place_of(uint32_t rows, uint64_t stored)
{
    struct place place = {.start_bytes = ((uint64_t)rows + 1) * sizeof(int32_t),
                          .value_bytes = stored * sizeof(float)};
    place.column_at = (place.start_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    place.weight_at =
        place.column_at + (place.value_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    place.bytes = place.weight_at + place.value_bytes;
    return place;
}

static enum eie_status write_rows(struct cuda_float_plan *plan, const struct place *place,
                                  const struct csr *csr, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < plan->setup.copies && !status; c++) {
        char *copy = plan->copies[c];
        status = eie_cuda_write(plan->cuda, copy, csr->start, place->start_bytes, error);
        if (!status)
            status = eie_cuda_write(plan->cuda, copy + place->column_at, csr->index,
                                    place->value_bytes, error);
        if (!status)
            status = eie_cuda_write(plan->cuda, copy + place->weight_at, csr->weight,
                                    place->value_bytes, error);
    }
    return status;
}

static enum eie_status fill(struct cusparse_plan *plan, const struct eie_sparse_codes *codes,
                            struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint32_t stored = (uint32_t)plan->stored;
    const struct place place = place_of(layer->outputs, stored);
    void *memory = calloc(csr_bytes(layer->outputs, stored), 1);
    if (!memory) return eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    const struct csr csr = csr_at(memory, layer->outputs, stored);
    csr_by_row(layer, codes, &csr);
    if (!codes->column_start[codes->inputs]) /* the weight of 0 stands in the first row */
        for (uint32_t i = 0; i < layer->outputs; i++) csr.start[i + 1] = 1;
    enum eie_status status = write_rows(&plan->base, &place, &csr, error);
    free(memory);
    return status;
}

/* ---- algorithms ----------------------------------------------------------------------------- */

static void forget_algorithm(struct cusparse_plan *plan)
{
    cuda_calls_plain(&plan->base.calls);
    for (uint32_t c = 0; plan->copies && c < plan->base.setup.copies; c++) {
        if (plan->copies[c].matrix) cusparse.end_csr(plan->copies[c].matrix);
        eie_cuda_free(plan->base.cuda, plan->copies[c].workspace);
        plan->copies[c] = (struct cusparse_copy){NULL, NULL};
    }
}

/* A matrix takes what the library finds out about it for one algorithm: each has its own. */
static enum eie_status make_copy(struct cusparse_plan *plan, uint32_t copy, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const struct cusparse_product *product = plan->product;
    const struct place place = place_of(layer->outputs, plan->stored);
    char *rows = plan->base.copies[copy];
    struct cusparse_copy *made = &plan->copies[copy];
    size_t bytes = 0;
    enum eie_status status = cusparse_check(
        cusparse.make_csr(&made->matrix, layer->outputs, layer->inputs, (int64_t)plan->stored, rows,
                          rows + place.column_at, rows + place.weight_at, CUSPARSE_INT32,
                          CUSPARSE_INT32, CUSPARSE_FROM_ZERO, CUDA_FLOAT),
        "cusparseCreateCsr", error);
    if (!status)
        status = cusparse_check(product->bytes(plan, copy, &bytes), product->product.what, error);
    if (!status) status = eie_cuda_alloc(plan->base.cuda, bytes, &made->workspace, error);
    if (!status) {
        const unsigned code = product->prepare(plan, copy);
        /* which only makes it faster, where it can */
        if (code != CUSPARSE_UNSUPPORTED)
            status = cusparse_check(code, product->product.what, error);
    }
    plan->workspace_bytes = bytes;
    return status;
}

/* Up to the first calls. */
static enum eie_status use_algorithm(struct cusparse_plan *plan,
                                     const struct cusparse_algorithm *algorithm,
                                     struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    forget_algorithm(plan);
    plan->algorithm = algorithm;
    for (uint32_t c = 0; c < plan->base.setup.copies && !status; c++)
        status = make_copy(plan, c, error);
    return status ? status : cuda_float_ready(&plan->base, error);
}

/* What the library does not take here is passed over; where it takes nothing, its last words say
 * why. */
static enum eie_status choose_algorithm(struct cusparse_plan *plan, struct eie_error *error)
{
    const struct cusparse_algorithm *best = NULL;
    double best_ns = 0;
    enum eie_status status = EIE_OK;
    for (const struct cusparse_algorithm *one = plan->product->algorithms; one->name; one++) {
        status = use_algorithm(plan, one, error);
        if (!status && (!best || plan->base.calls.device_ns < best_ns)) {
            best = one;
            best_ns = plan->base.calls.device_ns;
        }
    }
    return best ? use_algorithm(plan, best, error) : status;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static struct cuda_float_needs needs_of(const struct eie_layer *layer, uint64_t stored)
{
    return (struct cuda_float_needs){
        .copy_bytes = place_of(layer->outputs, stored).bytes,
        .x_stride = layer->inputs,
        .y_stride = layer->outputs,
        .type = CUDA_FLOAT,
    };
}

enum eie_status cusparse_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                  struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX || layer->entry_count > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more columns or weights than 32 bits can count");
    const struct cuda_float_needs needs = needs_of(layer, (uint64_t)layer->entry_count + 1);
    /* a workspace of the library may hold as much again; and vectors may be turned */
    *plan_bytes = 2 * needs.copy_bytes + cuda_float_bytes(problem, &needs) +
                  problem->batch * ((uint64_t)layer->inputs + layer->outputs) * sizeof(float);
    return EIE_OK;
}

void cusparse_destroy(struct eie_plan *opaque)
{
    struct cusparse_plan *plan = (struct cusparse_plan *)opaque;
    if (!plan) return;
    forget_algorithm(plan);
    if (plan->product) plan->product->forget(plan);
    free(plan->copies);
    cuda_float_end(&plan->base);
}

enum eie_status cusparse_prepare(const struct eie_setup *setup,
                                 const struct cusparse_product *product, struct eie_plan **opaque,
                                 struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    struct cuda_float_plan *base;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    const uint32_t nonzeros = codes.column_start[codes.inputs], stored = nonzeros ? nonzeros : 1;
    const struct cuda_float_needs needs = needs_of(layer, stored);
    status = cuda_float_begin(setup, sizeof(struct cusparse_plan), &needs, &product->product, &base,
                              error);
    if (status) goto end;
    struct cusparse_plan *plan = (struct cusparse_plan *)base;
    plan->product = product;
    plan->stored = stored;
    plan->copies = calloc(setup->copies, sizeof *plan->copies);
    if (!plan->copies) status = eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status) status = take_context(base->cuda, &plan->handle, error);
    if (!status) status = fill(plan, &codes, error);
    if (!status) status = product->describe(plan, error);
    if (!status) status = choose_algorithm(plan, error);
    if (status)
        cusparse_destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
end:
    eie_sparse_codes_free(&codes);
    return status;
}

void cusparse_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct cusparse_plan *plan = (const struct cusparse_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch;
    cost->macs_useful = cuda_float_useful(&plan->base);
    /* inputs of 0 are multiplied too */
    cost->macs_padding = batch * plan->stored - cost->macs_useful;
    cost->prepared_bytes = csr_bytes(problem->layer->outputs, (uint32_t)plan->stored);
    cost->bytes_read = cost->prepared_bytes + batch * problem->layer->inputs * sizeof(float);
    cost->bytes_written = batch * problem->layer->outputs * sizeof(float);
}

void cusparse_describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct cusparse_plan *plan = (const struct cusparse_plan *)opaque;
    column(context, "eie_library", library.text, 0);
    column(context, "eie_algorithm", plan->algorithm->name, 0);
    column(context, "eie_workspace_bytes", NULL, (double)plan->workspace_bytes);
    cuda_calls_describe(&plan->base.calls, column, context);
}
