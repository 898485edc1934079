/* SuiteSparse:GraphBLAS, the library that skips inactive inputs: Y += W X with W by columns and X
 * sparse, found from the inputs in each run. Y is full and set to 0 before, which is as fast as a
 * sparse Y and needs no expanding. W by rows was up to 20 times slower with a sparse X
 * (results/NOTES.md). Stops at W a, in float32.
 *
 * The library is looked up when it is needed (EIE_GRAPHBLAS names another file to use instead), in
 * version 7, whose constants stand below as its user guide states them. */
#include "host/base/library.h"
#include "host/machine/pages.h"
#include "kernels/float_plan.h"
#include "kernels/peers/openmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum grb_constant {
    GRB_NONBLOCKING = 0, /* mode */
    GRB_MATERIALIZE = 1, /* wait */
    GXB_FORMAT = 1,      /* options of a matrix, and their values */
    GXB_BY_COLUMN = 1,
    GXB_SPARSITY_CONTROL = 32,
    GXB_SPARSE = 2,
    GXB_THREADS = 5, /* global options */
    GXB_LIBRARY_VERSION = 9
};

#define VERSION 7

typedef uint64_t grb_index;
typedef struct grb_object *grb_handle; /* of matrices, types, operators, semirings */

static struct {
    void *handle;
    struct openmp openmp;
    int (*init)(int mode);
    int (*set)(int option, ...);
    int (*get)(int option, ...);
    int (*matrix_new)(grb_handle *matrix, grb_handle type, grb_index rows, grb_index columns);
    int (*matrix_free)(grb_handle *matrix);
    int (*matrix_set)(grb_handle matrix, int option, ...);
    int (*matrix_wait)(grb_handle matrix, int mode);
    int (*pack_csc)(grb_handle matrix, grb_index **start, grb_index **row, void **value,
                    grb_index start_bytes, grb_index row_bytes, grb_index value_bytes, bool same,
                    bool jumbled, grb_handle descriptor);
    int (*unpack_csc)(grb_handle matrix, grb_index **start, grb_index **row, void **value,
                      grb_index *start_bytes, grb_index *row_bytes, grb_index *value_bytes,
                      bool *same, bool *jumbled, grb_handle descriptor);
    int (*pack_full)(grb_handle matrix, void **value, grb_index value_bytes, bool same,
                     grb_handle descriptor);
    int (*unpack_full)(grb_handle matrix, void **value, grb_index *value_bytes, bool *same,
                       grb_handle descriptor);
    int (*mxm)(grb_handle c, grb_handle mask, grb_handle accumulate, grb_handle semiring,
               grb_handle a, grb_handle b, grb_handle descriptor);
    grb_handle *float32, *plus, *plus_times; /* variables of the library */
    char version[64];
} grb;

struct columns {
    grb_index *start, *row;
    void *weight;
};

/* Where a copy's weights lie once the library has them: for the notes of pages alone. */
struct noted {
    const void *row, *weight;
};

struct plan {
    struct eie_cpu_plan base;
    grb_handle *weights; /* [copies] */
    struct noted *noted; /* [copies] */
    grb_handle x, y;
    struct columns active; /* of x while it is not packed: [batch + 1], [batch][inputs] */
    void *sums;            /* of y while it is not packed: float [batch][outputs] */
    uint32_t nonzeros;
};

static enum eie_status check(int code, const char *where, struct eie_error *error)
{
    if (!code) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "GraphBLAS's %s fails with its code %d", where, code);
}

/* ---- the library ---------------------------------------------------------------------------- */

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libgraphblas.so.7", NULL};
    static const struct eie_library_need needs[] = {
        {"GrB_init", &grb.init},
        {"GxB_Global_Option_set", &grb.set},
        {"GxB_Global_Option_get", &grb.get},
        {"GrB_Matrix_new", &grb.matrix_new},
        {"GrB_Matrix_free", &grb.matrix_free},
        {"GxB_Matrix_Option_set", &grb.matrix_set},
        {"GrB_Matrix_wait", &grb.matrix_wait},
        {"GxB_Matrix_pack_CSC", &grb.pack_csc},
        {"GxB_Matrix_unpack_CSC", &grb.unpack_csc},
        {"GxB_Matrix_pack_FullC", &grb.pack_full},
        {"GxB_Matrix_unpack_FullC", &grb.unpack_full},
        {"GrB_mxm", &grb.mxm},
        {"GrB_FP32", &grb.float32},
        {"GrB_PLUS_FP32", &grb.plus},
        {"GrB_PLUS_TIMES_SEMIRING_FP32", &grb.plus_times},
        {NULL, NULL},
    };
    int version[3] = {0};
    openmp_sleep_soon();
    enum eie_status status = eie_library_open(names, "EIE_GRAPHBLAS", &grb.handle, error);
    if (!status) status = eie_library_symbols(grb.handle, needs, error);
    if (!status) status = openmp_find(grb.handle, &grb.openmp, error);
    if (!status && (grb.init(GRB_NONBLOCKING) || grb.get(GXB_LIBRARY_VERSION, version) ||
                    version[0] != VERSION))
        status = eie_fail(error, EIE_MISSING,
                          "this GraphBLAS is not SuiteSparse's of version %d, the one known here",
                          VERSION);
    if (status)
        grb.handle = NULL;
    else
        snprintf(grb.version, sizeof grb.version, "SuiteSparse:GraphBLAS %d.%d.%d", version[0],
                 version[1], version[2]);
    return status;
}

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return grb.handle ? EIE_OK : load_library(error);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static uint64_t weight_bytes(const struct eie_layer *layer, uint64_t nonzeros)
{
    return ((uint64_t)layer->inputs + 1) * sizeof(grb_index) +
           nonzeros * (sizeof(grb_index) + sizeof(float));
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs, at most %d fit", layer->inputs,
                        INT32_MAX);
    *plan_bytes =
        weight_bytes(layer, layer->entry_count) + eie_cpu_plan_bytes(problem) + LIBRARY_BYTES +
        (uint64_t)problem->batch *
            (layer->inputs * (sizeof(grb_index) + sizeof(float)) + layer->outputs * sizeof(float));
    return EIE_OK;
}

static void columns_free(struct columns *columns)
{
    free(columns->start);
    free(columns->row);
    free(columns->weight);
}

/* The library gives these back to free(). */
static void *taken_over(size_t bytes)
{
    return eie_pages_zeroed(bytes < EIE_HUGE_PAGE_BYTES ? 64 : EIE_HUGE_PAGE_BYTES, bytes);
}

/* None is empty. */
static enum eie_status columns_make(size_t starts, size_t entries, struct columns *columns,
                                    struct eie_error *error)
{
    *columns = (struct columns){taken_over(starts * sizeof *columns->start),
                                taken_over((entries + 1) * sizeof *columns->row),
                                taken_over((entries + 1) * sizeof(float))};
    if (columns->start && columns->row && columns->weight) return EIE_OK;
    columns_free(columns);
    *columns = (struct columns){NULL, NULL, NULL};
    return eie_fail(error, EIE_MEMORY, "out of memory for columns");
}

/* Hands the columns to an empty matrix; nothing is copied. */
static enum eie_status pack(grb_handle matrix, struct columns *columns, size_t starts,
                            size_t entries, struct eie_error *error)
{
    return check(grb.pack_csc(matrix, &columns->start, &columns->row, &columns->weight,
                              starts * sizeof(grb_index), (entries + 1) * sizeof(grb_index),
                              (entries + 1) * sizeof(float), false, false, NULL),
                 "GxB_Matrix_pack_CSC", error);
}

static enum eie_status new_matrix(uint64_t rows, uint64_t columns, grb_handle *matrix,
                                  struct eie_error *error)
{
    int code = grb.matrix_new(matrix, *grb.float32, rows, columns);
    if (!code) code = grb.matrix_set(*matrix, GXB_FORMAT, GXB_BY_COLUMN);
    return check(code, "GrB_Matrix_new", error);
}

static enum eie_status new_sparse(uint64_t rows, uint64_t columns, grb_handle *matrix,
                                  struct eie_error *error)
{
    enum eie_status status = new_matrix(rows, columns, matrix, error);
    if (status) return status;
    return check(grb.matrix_set(*matrix, GXB_SPARSITY_CONTROL, GXB_SPARSE), "GxB_Matrix_Option_set",
                 error);
}

static enum eie_status make_weights(const struct eie_layer *layer,
                                    const struct eie_sparse_codes *codes, grb_handle *weights,
                                    struct noted *noted, struct eie_error *error)
{
    const size_t starts = (size_t)layer->inputs + 1, nonzeros = codes->column_start[layer->inputs];
    struct columns columns = {NULL, NULL, NULL};
    enum eie_status status = new_sparse(layer->outputs, layer->inputs, weights, error);
    if (!status) status = columns_make(starts, nonzeros, &columns, error);
    if (status) return status;
    *noted = (struct noted){columns.row, columns.weight};
    eie_pages_note(noted->row, nonzeros * sizeof *columns.row);
    eie_pages_note(noted->weight, nonzeros * sizeof(float));
    for (size_t j = 0; j < starts; j++) columns.start[j] = codes->column_start[j];
    for (size_t e = 0; e < nonzeros; e++) {
        columns.row[e] = codes->row[e];
        ((float *)columns.weight)[e] = (float)layer->codebook[codes->code[e]];
    }
    status = pack(*weights, &columns, starts, nonzeros, error);
    columns_free(&columns); /* NULL where they were taken over */
    return status;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    for (uint32_t c = 0; plan->noted && c < plan->base.setup.copies; c++) {
        eie_pages_forget(plan->noted[c].row);
        eie_pages_forget(plan->noted[c].weight);
    }
    for (uint32_t c = 0; plan->weights && c < plan->base.setup.copies; c++)
        if (plan->weights[c]) grb.matrix_free(&plan->weights[c]);
    if (plan->x) grb.matrix_free(&plan->x);
    if (plan->y) grb.matrix_free(&plan->y);
    free(plan->weights);
    free(plan->noted);
    columns_free(&plan->active);
    free(plan->sums);
    eie_cpu_plan_end(&plan->base);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const struct eie_layer *layer = problem->layer;
    const size_t batch = problem->batch;
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    enum eie_status status = openmp_take_threads(&grb.openmp, problem->threads, error);
    if (!status) status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), 0, &base, error);
    if (!status) {
        struct plan *plan = (struct plan *)base;
        plan->nonzeros = codes.column_start[layer->inputs];
        plan->weights = calloc(setup->copies, sizeof(grb_handle));
        plan->noted = calloc(setup->copies, sizeof *plan->noted);
        plan->sums = malloc(batch * layer->outputs * sizeof(float));
        if (!plan->weights || !plan->noted || !plan->sums)
            status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
        if (!status) status = columns_make(batch + 1, batch * layer->inputs, &plan->active, error);
        if (!status) status = new_sparse(layer->inputs, batch, &plan->x, error);
        if (!status) status = new_matrix(layer->outputs, batch, &plan->y, error);
        for (uint32_t c = 0; c < setup->copies && !status; c++)
            status = make_weights(layer, &codes, &plan->weights[c], &plan->noted[c], error);
        *opaque = (struct eie_plan *)plan;
        if (status) destroy(*opaque);
    }
    eie_sparse_codes_free(&codes);
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

static void find_active(struct plan *plan)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint32_t inputs = problem->layer->inputs;
    const int16_t *input = plan->base.inputs;
    grb_index *row = plan->active.row, count = 0;
    float *value = plan->active.weight;
    for (uint32_t b = 0; b < problem->batch; b++, input += inputs) {
        plan->active.start[b] = count;
        for (uint32_t j = 0; j < inputs; j++) { /* one place is spare */
            row[count] = j;
            value[count] = (float)input[j];
            count += input[j] != 0;
        }
    }
    plan->active.start[problem->batch] = count;
}

/* Takes back what the library holds after a product, be it done or failed: without it the plan
 * cannot run again. */
static enum eie_status take_back_x(struct plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t batch = problem->batch, entries = batch * problem->layer->inputs;
    grb_index start_bytes, row_bytes, value_bytes;
    bool same, jumbled;
    enum eie_status status =
        check(grb.unpack_csc(plan->x, &plan->active.start, &plan->active.row, &plan->active.weight,
                             &start_bytes, &row_bytes, &value_bytes, &same, &jumbled, NULL),
              "GxB_Matrix_unpack_CSC", error);
    if (!status && (start_bytes < (batch + 1) * sizeof(grb_index) ||
                    row_bytes < (entries + 1) * sizeof(grb_index) ||
                    value_bytes < (entries + 1) * sizeof(float)))
        status = eie_fail(error, EIE_SYSTEM, "GraphBLAS gave back less memory than it was given");
    return status;
}

static enum eie_status take_back_y(struct plan *plan, struct eie_error *error)
{
    grb_index value_bytes;
    bool same;
    return check(grb.unpack_full(plan->y, &plan->sums, &value_bytes, &same, NULL),
                 "GxB_Matrix_unpack_FullC", error);
}

/* y += w x, with y in the library's hands. */
static enum eie_status multiply(struct plan *plan, uint32_t copy, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t batch = problem->batch, entries = batch * problem->layer->inputs;
    enum eie_status status = pack(plan->x, &plan->active, batch + 1, entries, error);
    if (status) return status;
    status = check(
        grb.mxm(plan->y, NULL, *grb.plus, *grb.plus_times, plan->weights[copy], plan->x, NULL),
        "GrB_mxm", error);
    if (!status) status = check(grb.matrix_wait(plan->y, GRB_MATERIALIZE), "GrB_wait", error);
    const enum eie_status back = take_back_x(plan, status ? NULL : error);
    return status ? status : back;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t bytes = (size_t)problem->batch * problem->layer->outputs * sizeof(float);
    if (!plan->sums || !plan->active.start || !plan->active.row || !plan->active.weight)
        return eie_fail(error, EIE_SYSTEM, "GraphBLAS has failed in this plan before");
    enum eie_status status =
        check(grb.set(GXB_THREADS, (int)problem->threads), "GxB_Global_Option_set", error);
    find_active(plan);
    memset(plan->sums, 0, bytes);
    if (status || !plan->active.start[problem->batch]) return status; /* nothing to multiply */
    status = check(grb.pack_full(plan->y, &plan->sums, bytes, false, NULL), "GxB_Matrix_pack_FullC",
                   error);
    if (status) return status;
    status = multiply(plan, copy, error);
    const enum eie_status back = take_back_y(plan, status ? NULL : error);
    return status ? status : back;
}

static enum eie_status read_sums(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    if (!plan->sums) return eie_fail(error, EIE_SYSTEM, "GraphBLAS has failed in this plan");
    memcpy(y, plan->sums, (size_t)problem->batch * problem->layer->outputs * sizeof(float));
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    uint64_t columns = 0, entries = 0, padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = 0;
    for (uint32_t j = 0; j < layer->inputs; j++) {
        uint32_t b = 0;
        while (b < problem->batch && !plan->base.inputs[(size_t)b * layer->inputs + j]) b++;
        if (b == problem->batch) continue; /* no input needs this column */
        columns++;
        for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
            const uint32_t *start =
                layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1) + j;
            for (uint32_t e = start[0]; e < start[1]; e++)
                entries += layer->entries[e] != EIE_PADDING_ENTRY;
        }
    }
    cost->prepared_bytes = weight_bytes(layer, plan->nonzeros);
    cost->bytes_read = entries * (sizeof(grb_index) + sizeof(float)) +
                       2 * columns * sizeof(grb_index) +
                       (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * layer->outputs * sizeof(float);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    column(context, "eie_library", grb.version, 0);
}

const struct eie_kernel eie_kernel_peers_graphblas_mxm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_graphblas_mxm",
    .summary = "sparse float32 columns times sparse vectors by SuiteSparse:GraphBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = read_sums,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
