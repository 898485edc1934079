#include "bench/map/candidates.h"
#include "kernels/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE     1 /* batches that stand for all: the default selection differs between the two */
#define SEVERAL 64

static bool is_candidate(const struct eie_kernel *kernel)
{
    const bool is_default =
        eie_kernel_in_default(kernel, ONE) || eie_kernel_in_default(kernel, SEVERAL);
    return kernel->device_kind == EIE_DEVICE_CPU && is_default &&
           kernel->flags & EIE_KERNEL_FLOAT32 &&
           kernel->flags & (EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE);
}

void eie_candidates_default(char *text)
{
    int used = snprintf(text, EIE_MAP_KERNELS_MAX, "cpu_auto,model_eie_analytic");
    for (uint32_t i = 0; i < eie_kernel_count() && used < EIE_MAP_KERNELS_MAX; i++)
        /* as a glob: one that takes other batches only has no row at this one */
        if (is_candidate(eie_kernel_at(i)))
            used += snprintf(text + used, (size_t)(EIE_MAP_KERNELS_MAX - used), ",%s*",
                             eie_kernel_at(i)->name);
}

enum eie_status eie_candidates_fit(const struct eie_candidates *candidates,
                                   const struct eie_shape *shape, struct eie_error *error)
{
    enum eie_status status = eie_shape_check(shape, error);
    const double bytes = 4.0 * shape->inputs * shape->outputs, gib = 1024.0 * 1024 * 1024;
    if (!status && bytes > (double)candidates->memory_bytes)
        status = eie_fail(error, EIE_USAGE,
                          "%u x %u: the dense float32 matrix alone has %.3g GiB, and --memory is "
                          "%.3g GiB",
                          shape->inputs, shape->outputs, bytes / gib,
                          (double)candidates->memory_bytes / gib);
    return status;
}

static enum eie_status supervise(const struct eie_candidates *candidates,
                                 const struct eie_matrix *matrices, uint32_t count, double left_s,
                                 struct eie_results *results, struct eie_error *error)
{
    struct eie_supervision supervision = {
        .job = {.matrices = matrices,
                .matrix_count = count,
                .budget_s = left_s,
                .target = candidates->target,
                .memory_bytes = candidates->memory_bytes,
                .at_once = true},
        .results = results,
        .timeout_s = candidates->timeout_s,
        .quiet = candidates->quiet,
        .stop = candidates->stop,
        .on_row = candidates->on_row,
        .on_complaint = candidates->on_complaint,
        .context = candidates->context,
    };
    return eie_supervise(&supervision, error);
}

static struct eie_matrix_options options_of(const struct eie_candidates *candidates, uint32_t batch)
{
    return (struct eie_matrix_options){
        .kernels = candidates->kernels,
        .devices = "cpu," EIE_MAP_DESIGN,
        .batches = {1, {batch}},
        .threads = {1, {candidates->threads}},
        .caches = {1, {(uint32_t)candidates->cache}},
    };
}

/* The points of one batch as a matrix. */
static enum eie_status begin_batch(const struct eie_matrix_options *options,
                                   const struct eie_point *points, uint32_t count,
                                   struct eie_matrix *matrix, struct eie_error *error)
{
    const uint32_t batch = options->batches.values[0];
    struct eie_shape *shapes = calloc((size_t)count + 1, sizeof *shapes);
    struct eie_suite suite;
    uint32_t found = 0;
    if (!shapes) return eie_fail(error, EIE_MEMORY, "out of memory for points");
    for (uint32_t i = 0; i < count; i++)
        if (points[i].batch == batch) shapes[found++] = points[i].shape;
    enum eie_status status = eie_suite_of_shapes(shapes, found, &suite, error);
    free(shapes);
    return status ? status : eie_matrix_begin_with(options, &suite, EIE_SHAPE_SUITE, matrix, error);
}

/* Each of the points' batches once, in the order in which they come. */
static uint32_t batches_of(const struct eie_point *points, uint32_t count,
                           uint32_t batches[EIE_LIST_MAX])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t b = 0;
        while (b < found && batches[b] != points[i].batch) b++;
        if (b == found && found < EIE_LIST_MAX) batches[found++] = points[i].batch;
    }
    return found;
}

enum eie_status eie_candidates_measure(const struct eie_candidates *candidates,
                                       const struct eie_point *points, uint32_t count,
                                       double left_s, struct eie_results *results,
                                       struct eie_error *error)
{
    uint32_t batches[EIE_LIST_MAX], begun = 0;
    const uint32_t wanted = batches_of(points, count, batches);
    struct eie_matrix *matrices = calloc(wanted + 1, sizeof *matrices);
    struct eie_matrix_options *options = calloc(wanted + 1, sizeof *options);
    enum eie_status status =
        matrices && options ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for points");
    while (!status && begun < wanted) {
        options[begun] = options_of(candidates, batches[begun]);
        status = begin_batch(&options[begun], points, count, &matrices[begun], error);
        begun += !status;
    }
    if (!status && count) status = supervise(candidates, matrices, begun, left_s, results, error);
    while (begun) eie_matrix_end(&matrices[--begun]);
    free(matrices);
    free(options);
    return status;
}

enum eie_status eie_candidates_measure_layer(const struct eie_candidates *candidates,
                                             struct eie_suite *suite, const char *word,
                                             const char *layer, uint32_t batch, double left_s,
                                             struct eie_results *results, struct eie_error *error)
{
    struct eie_matrix_options options = options_of(candidates, batch);
    struct eie_matrix matrix;
    options.layers = layer;
    enum eie_status status = eie_matrix_begin_with(&options, suite, word, &matrix, error);
    if (status) return status;
    status = supervise(candidates, &matrix, 1, left_s, results, error);
    eie_matrix_end(&matrix);
    return status;
}
