/* The dense baseline that a user would pick: OpenBLAS's cblas_sgemv on the decoded weights in
 * float32, row-major as frameworks store them. Computes W a and stops there. OpenBLAS is looked up
 * when it is needed (EIE_OPENBLAS names another library file to use instead). */
#include "host/library.h"
#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 }; /* the CBLAS standard's constants */

typedef void sgemv_function(int order, int transpose, int rows, int columns, float alpha,
                            const float *matrix, int row_stride, const float *x, int x_stride,
                            float beta, float *y, int y_stride);

static struct {
    sgemv_function *sgemv;
    void (*set_threads)(int);
    int (*get_threads)(void);
    char *(*config)(void);
    char *(*core)(void);
} blas;

struct plan {
    struct eie_cpu_plan base; /* copies are float [outputs][inputs] */
    float *x, *y;             /* [batch][inputs], [batch][outputs] */
};

/* dlsym hands out object pointers; POSIX guarantees that they hold functions */
static enum eie_status symbol(void *handle, const char *name, void *function,
                              struct eie_error *error)
{
    void *found;
    enum eie_status status = eie_library_symbol(handle, name, &found, error);
    if (!status) memcpy(function, &found, sizeof found);
    return status;
}

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    void *handle;
    enum eie_status status;
    (void)device;
    if (blas.sgemv) return EIE_OK;
    /* its workers shall sleep soon after a call (2^16 ticks), or they take a core from the next
       kernel of the group; read when the library is loaded, a user's own setting stands */
    setenv("OPENBLAS_THREAD_TIMEOUT", "16", 0);
    if ((status = eie_library_open(names, "EIE_OPENBLAS", &handle, error)) ||
        (status = symbol(handle, "openblas_set_num_threads", &blas.set_threads, error)) ||
        (status = symbol(handle, "openblas_get_num_threads", &blas.get_threads, error)) ||
        (status = symbol(handle, "openblas_get_config", &blas.config, error)) ||
        (status = symbol(handle, "openblas_get_corename", &blas.core, error)) ||
        (status = symbol(handle, "cblas_sgemv", &blas.sgemv, error)))
        return status;
    return EIE_OK;
}

static size_t dense_bytes(const struct eie_layer *layer)
{
    return (size_t)layer->outputs * layer->inputs * sizeof(float);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    if (problem->layer->inputs > INT32_MAX || problem->layer->outputs > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows or columns than CBLAS can count");
    *plan_bytes = dense_bytes(problem->layer) + 3 * eie_cpu_plan_vector_bytes(problem);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->x);
    free(plan->y);
    eie_cpu_plan_end(&plan->base);
}

static void fill_dense(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                       float *dense)
{
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            dense[(size_t)codes->row[e] * codes->inputs + j] =
                (float)layer->codebook[codes->code[e]];
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const struct eie_layer *layer = problem->layer;
    struct eie_sparse_codes codes;
    struct eie_cpu_plan *base;
    blas.set_threads((int)problem->threads);
    if (blas.get_threads() != (int)problem->threads)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "this OpenBLAS uses %d threads where %u are asked for", blas.get_threads(),
                        problem->threads);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = eie_cpu_plan_begin(setup, sizeof(struct plan), dense_bytes(layer), &base, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++)
        fill_dense(layer, &codes, base->copies[c]);
    eie_sparse_codes_free(&codes);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->x = eie_aligned_zeroed((size_t)problem->batch * layer->inputs * sizeof(float));
    plan->y = eie_aligned_zeroed((size_t)problem->batch * layer->outputs * sizeof(float));
    *opaque = (struct eie_plan *)plan;
    if (plan->x && plan->y) return EIE_OK;
    destroy(*opaque);
    return eie_fail(error, EIE_MEMORY, "out of memory for vectors of layer %s", layer->name);
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->inputs;
    for (size_t i = 0; i < count; i++) plan->x[i] = (float)inputs[i];
    return eie_cpu_plan_load(opaque, inputs, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    (void)error;
    if (blas.get_threads() != (int)problem->threads) blas.set_threads((int)problem->threads);
    for (uint32_t b = 0; b < problem->batch; b++)
        blas.sgemv(ROW_MAJOR, NO_TRANSPOSE, rows, columns, 1.0f, plan->base.copies[copy], columns,
                   plan->x + (size_t)b * (size_t)columns, 1, 0.0f,
                   plan->y + (size_t)b * (size_t)rows, 1);
    return EIE_OK;
}

static enum eie_status read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    (void)error;
    memcpy(y, plan->y, (size_t)problem->batch * problem->layer->outputs * sizeof(float));
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t useful, padding;
    eie_cpu_plan_count(&plan->base, &useful, &padding);
    cost->macs_useful = useful;
    cost->macs_padding = batch * inputs * outputs - useful;
    cost->prepared_bytes = dense_bytes(problem->layer);
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(float);
    cost->bytes_written = batch * outputs * sizeof(float);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    column(context, "eie_library", blas.config(), 0);
    column(context, "eie_library_core", blas.core(), 0);
}

const struct eie_kernel eie_kernel_peers_openblas_sgemv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_openblas_sgemv",
    .summary = "dense float32 matrix times vector by OpenBLAS",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_BASELINE,
    .max_threads = UINT32_MAX,
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
