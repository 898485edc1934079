#include "kernels/peers/openblas.h"
#include "host/library.h"

#include <stdlib.h>
#include <string.h>

static struct {
    void *handle;
    void (*set_threads)(int);
    int (*get_threads)(void);
    char *(*config)(void);
    char *(*core)(void);
} blas;

/* dlsym hands out object pointers; POSIX guarantees that they hold functions */
static enum eie_status symbol(const char *name, void *function, struct eie_error *error)
{
    void *found;
    enum eie_status status = eie_library_symbol(blas.handle, name, &found, error);
    if (!status) memcpy(function, &found, sizeof found);
    return status;
}

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    /* its workers shall sleep soon after a call (2^16 ticks), or they take a core from the next
       kernel of the group; read when the library is loaded, a user's own setting stands */
    setenv("OPENBLAS_THREAD_TIMEOUT", "16", 0);
    enum eie_status status = eie_library_open(names, "EIE_OPENBLAS", &blas.handle, error);
    if (status) return status;
    if ((status = symbol("openblas_set_num_threads", &blas.set_threads, error)) ||
        (status = symbol("openblas_get_num_threads", &blas.get_threads, error)) ||
        (status = symbol("openblas_get_config", &blas.config, error)) ||
        (status = symbol("openblas_get_corename", &blas.core, error)))
        blas.handle = NULL;
    return status;
}

enum eie_status openblas_probe(const char *name, void *function, struct eie_error *error)
{
    enum eie_status status = blas.handle ? EIE_OK : load_library(error);
    return status ? status : symbol(name, function, error);
}

void openblas_use_threads(const struct openblas_plan *plan)
{
    const int threads = (int)plan->base.setup.problem.threads;
    if (blas.get_threads() != threads) blas.set_threads(threads);
}

static size_t dense_bytes(const struct eie_layer *layer)
{
    return (size_t)layer->outputs * layer->inputs * sizeof(float);
}

enum eie_status openblas_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                  struct eie_error *error)
{
    if (problem->layer->inputs > INT32_MAX || problem->layer->outputs > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows or columns than CBLAS can count");
    *plan_bytes = dense_bytes(problem->layer) + 3 * eie_cpu_plan_vector_bytes(problem);
    return EIE_OK;
}

void openblas_destroy(struct eie_plan *opaque)
{
    struct openblas_plan *plan = (struct openblas_plan *)opaque;
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

enum eie_status openblas_prepare(const struct eie_setup *setup, struct eie_plan **opaque,
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
    status =
        eie_cpu_plan_begin(setup, sizeof(struct openblas_plan), dense_bytes(layer), &base, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++)
        fill_dense(layer, &codes, base->copies[c]);
    eie_sparse_codes_free(&codes);
    if (status) return status;
    struct openblas_plan *plan = (struct openblas_plan *)base;
    plan->x = eie_aligned_zeroed((size_t)problem->batch * layer->inputs * sizeof(float));
    plan->y = eie_aligned_zeroed((size_t)problem->batch * layer->outputs * sizeof(float));
    *opaque = (struct eie_plan *)plan;
    if (plan->x && plan->y) return EIE_OK;
    openblas_destroy(*opaque);
    return eie_fail(error, EIE_MEMORY, "out of memory for vectors of layer %s", layer->name);
}

enum eie_status openblas_load(struct eie_plan *opaque, const int16_t *inputs,
                              struct eie_error *error)
{
    struct openblas_plan *plan = (struct openblas_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->inputs;
    for (size_t i = 0; i < count; i++) plan->x[i] = (float)inputs[i];
    return eie_cpu_plan_load(opaque, inputs, error);
}

enum eie_status openblas_read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    const struct openblas_plan *plan = (const struct openblas_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    (void)error;
    memcpy(y, plan->y, (size_t)problem->batch * problem->layer->outputs * sizeof(float));
    return EIE_OK;
}

void openblas_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct openblas_plan *plan = (const struct openblas_plan *)opaque;
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

void openblas_describe(const struct eie_plan *plan, eie_column column, void *context)
{
    (void)plan;
    column(context, "eie_library", blas.config(), 0);
    column(context, "eie_library_core", blas.core(), 0);
}
