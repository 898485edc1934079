#include "bench/run/run.h"
#include "bench/run/parts.h"
#include "bench/run/pass.h"
#include "bench/run/share.h"
#include "bench/run/verify.h"
#include "bench/train/blas.h"
#include "host/base/clock.h"
#include "host/base/file.h"
#include "host/base/jsonset.h"
#include "host/graph/image.h"
#include "host/graph/tensor.h"
#include "host/layer/layer_file.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT      "eie-run-1"
#define FLOAT_BLOCK 256u
#define INT16_BLOCK 64u
#define NAMES_MAX   (UINT64_C(16) << 20)

#define DENSE                                                                                      \
    0.4 /* share of the weights from which on the dense kernel is faster (results/NOTES.md) */

/* Exact and for many inputs first; the last runs everywhere. `dense`: for layers with most of their
 * weights, or NULL. */
static const struct preference {
    const char *sparse, *dense;
} preferred[] = {{"avx512_batch_pairs", "avx512_dense_words"},
                 {"avx512_batch_pairs", NULL},
                 {"avx2_window_lookup", NULL},
                 {"neon_window_lookup", NULL},
                 {"scalar_eie_stream", NULL}};

struct running {
    const struct eie_run_options *options;
    struct eie_graph graph;
    struct eie_parts parts;
    struct eie_blas blas;
    bool has_blas;
    uint32_t threads;
    const struct eie_kernel *kernels[EIE_STEPS_MAX]; /* [conv_count] */
    struct eie_pass *pass;
    struct eie_layer **with_columns; /* [with_count], to be saved */
    uint32_t with_count;
    char **names; /* [classes] of the classes, or NULL; into `text` */
    struct eie_bytes text;
    double least_step_s[EIE_STEPS_MAX];
    json_t *result;
    struct eie_error *error;
};

/* ---- what is run ------------------------------------------------------------------------------
 */

static enum eie_status read_names(struct running *in)
{
    const char *path = in->options->classes;
    if (!path) return EIE_OK;
    const enum eie_status status = eie_file_read(path, NAMES_MAX, &in->text, in->error);
    if (status) return status;
    in->names = calloc(in->graph.classes, sizeof *in->names);
    if (!in->names) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", path);
    char *at = (char *)in->text.data, *end = at + in->text.size;
    uint32_t lines = 0;
    for (; at < end && lines < in->graph.classes; lines++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        in->names[lines] = at;
        at = stop ? stop + 1 : end;
        if (stop) *stop = 0;
    }
    if (lines == in->graph.classes && at == end) return EIE_OK;
    return eie_fail(in->error, EIE_INPUT,
                    "%s: has %s%" PRIu32 " lines, graph %s has %" PRIu32 " classes, a line each",
                    path, at < end ? "more than " : "", lines, in->graph.name, in->graph.classes);
}

static enum eie_status find_threads(struct running *in)
{
    const struct eie_topology *topology;
    const enum eie_status status = eie_topology_get(&topology, in->error);
    in->threads = in->options->threads;
    if (!status && !in->threads) in->threads = topology->cores;
    return status;
}

static enum eie_status open_blas(struct running *in)
{
    if (in->has_blas) return EIE_OK;
    in->has_blas = true;
    return eie_blas_open_or_plain(&in->blas, in->error);
}

static enum eie_status make_terms(struct running *in)
{
    const struct eie_run_options *options = in->options;
    if (in->parts.are_layers && !options->requantize) return EIE_OK;
    enum eie_status status = open_blas(in);
    const struct eie_share_options sharing = {.bound = options->bound,
                                              .draws = options->draws,
                                              .threads = in->threads,
                                              .sgemm = in->blas.sgemm,
                                              .path = options->network};
    return status ? status : eie_share(&in->graph, &in->parts, &sharing, in->error);
}

/* All layers with the inputs that they have for the last image. */
static enum eie_status take_columns(struct running *in)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < in->graph.conv_count && !status; c++) {
        const struct eie_step *step = eie_conv_step(&in->graph, c);
        const size_t positions = eie_step_positions(step);
        int16_t *columns = malloc(positions * step->inputs * sizeof *columns);
        if (!columns) return eie_fail(in->error, EIE_MEMORY, "out of memory");
        eie_columns_int16(step, eie_pass_tensor_int16(in->pass, step->from[0]), 0, positions,
                          columns);
        for (uint32_t t = 0; t < in->parts.part[c].term_count && !status; t++) {
            struct eie_layer *made, parts = *in->parts.part[c].terms[t];
            parts.window = eie_step_window(step);
            parts.sample_count = (uint32_t)positions;
            parts.sample_inputs = columns;
            status = eie_layer_create(&parts, &made, in->error);
            if (status) break;
            in->with_columns[in->with_count++] = made;
        }
        free(columns);
    }
    return status;
}

static enum eie_status save_columns(struct running *in)
{
    in->with_columns = calloc(in->graph.conv_count * EIE_TERMS_MAX + 1u, sizeof(void *));
    if (!in->with_columns) return eie_fail(in->error, EIE_MEMORY, "out of memory");
    const enum eie_status status = take_columns(in);
    return status ? status
                  : eie_layer_file_write(in->options->save,
                                         (const struct eie_layer *const *)in->with_columns,
                                         in->with_count, in->error);
}

static enum eie_status save(const struct running *in)
{
    const uint32_t most = in->graph.conv_count * EIE_TERMS_MAX;
    const struct eie_layer **layers = calloc(most + 1u, sizeof(void *));
    uint32_t count = 0;
    if (!in->options->save || !layers) {
        free(layers);
        return in->options->save ? eie_fail(in->error, EIE_MEMORY, "out of memory") : EIE_OK;
    }
    for (uint32_t c = 0; c < in->graph.conv_count; c++)
        for (uint32_t t = 0; t < in->parts.part[c].term_count; t++)
            layers[count++] = in->parts.part[c].terms[t];
    const enum eie_status status =
        eie_layer_file_write(in->options->save, layers, count, in->error);
    free(layers);
    return status;
}

/* ---- kernels ----------------------------------------------------------------------------------
 */

static enum eie_status find_kernel(const struct running *in, const char *name,
                                   const struct eie_kernel **kernel)
{
    *kernel = eie_kernel_find(name);
    if (*kernel && (*kernel)->device_kind == EIE_DEVICE_CPU && (*kernel)->flags & EIE_KERNEL_EXACT)
        return EIE_OK;
    return eie_fail(in->error, EIE_USAGE,
                    "'%s' is no exact kernel of the processor (eie list kernels)", name);
}

static enum eie_status make_with(struct running *in, const struct preference *names)
{
    const uint32_t block = in->options->block ? in->options->block : INT16_BLOCK;
    const struct eie_pass_options options = {in->threads, block};
    const struct eie_kernel *sparse, *dense = NULL;
    enum eie_status status = find_kernel(in, names->sparse, &sparse);
    if (!status && names->dense) status = find_kernel(in, names->dense, &dense);
    if (status) return status;
    for (uint32_t c = 0; c < in->graph.conv_count; c++) {
        const struct eie_step *step = eie_conv_step(&in->graph, c);
        const double share =
            (double)in->parts.part[c].nonzeros / ((double)step->outputs * (double)step->inputs);
        in->kernels[c] = dense && share >= DENSE ? dense : sparse;
    }
    return eie_pass_make_int16(&in->graph, &in->parts, in->options->network, in->kernels, &options,
                               &in->pass, in->error);
}

static enum eie_status make_int16(struct running *in)
{
    const struct preference asked = {in->options->kernel, NULL};
    if (asked.sparse) return make_with(in, &asked);
    enum eie_status status = EIE_UNSUPPORTED;
    const size_t count = sizeof preferred / sizeof *preferred;
    for (size_t k = 0; k < count && (status == EIE_UNSUPPORTED || status == EIE_MISSING); k++)
        if (eie_kernel_find(preferred[k].sparse)) status = make_with(in, &preferred[k]);
    return status;
}

/* The names of the kernels that run, each once. */
static const char *kernel_names(const struct running *in, char text[128])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t c = 0; c < in->graph.conv_count && used < 128; c++) {
        bool known = false;
        for (uint32_t k = 0; k < c; k++) known = known || in->kernels[k] == in->kernels[c];
        if (!known)
            used += (size_t)snprintf(text + used, 128 - used, "%s%s", c ? ", " : "",
                                     in->kernels[c]->name);
    }
    return text;
}

static enum eie_status make_pass(struct running *in)
{
    const struct eie_run_options *options = in->options;
    if (!options->in_float) {
        enum eie_status status = eie_pages_check(in->error);
        if (!status) status = make_terms(in);
        if (!status && !options->columns) status = save(in);
        return status || !options->image_count ? status : make_int16(in);
    }
    const struct eie_pass_options passing = {in->threads,
                                             options->block ? options->block : FLOAT_BLOCK};
    const enum eie_status status = open_blas(in);
    return status ? status
                  : eie_pass_make_float(&in->graph, &in->parts, in->blas.sgemm, &passing, &in->pass,
                                        in->error);
}

/* ---- what is written --------------------------------------------------------------------------
 */

static json_t *describe_step(const struct running *in, uint32_t s, uint32_t conv)
{
    const struct eie_step *step = &in->graph.steps[s];
    json_t *object = json_object();
    eie_set(object, "name", step->name);
    if (in->pass) eie_set_number(object, "least_s", in->least_step_s[s]);
    if (step->kind != EIE_STEP_CONV) return object;
    const struct eie_part *part = &in->parts.part[conv];
    uint64_t entries = 0;
    for (uint32_t t = 0; t < part->term_count; t++) entries += part->terms[t]->entry_count;
    eie_set_integer(object, "positions", eie_step_positions(step));
    eie_set_integer(object, "outputs", step->outputs);
    eie_set_integer(object, "inputs", step->inputs);
    eie_set_integer(object, "weights", part->nonzeros);
    if (in->options->in_float) return object;
    if (in->pass) eie_set(object, "kernel", in->kernels[conv]->name);
    eie_set_integer(object, "layers", part->term_count);
    eie_set_integer(object, "entries", entries);
    eie_set_number(object, "error_one", part->error[0]);
    eie_set_number(object, "error_two", part->error[1]);
    return object;
}

static void describe(struct running *in)
{
    const struct eie_run_options *options = in->options;
    json_t *steps = json_array();
    char names[128];
    eie_set(in->result, "eie_format", FORMAT);
    eie_set(in->result, "network", options->network);
    eie_set(in->result, "graph", in->graph.name);
    eie_set(in->result, "arithmetic", options->in_float ? "float32" : "int16");
    eie_set(in->result, "kernel",
            options->in_float                  ? in->blas.library
            : in->pass && in->graph.conv_count ? kernel_names(in, names)
                                               : "none");
    eie_set_integer(in->result, "threads", in->threads);
    eie_set_integer(in->result, "repeats", options->repeats);
    eie_set_integer(in->result, "top", options->top);
    for (uint32_t s = 0, conv = 0; s < in->graph.step_count; s++) {
        json_array_append_new(steps, describe_step(in, s, conv));
        conv += in->graph.steps[s].kind == EIE_STEP_CONV;
    }
    json_object_set_new(in->result, "steps", steps);
}

static json_t *describe_top(const struct running *in, const double *scores)
{
    json_t *top = json_array();
    bool *taken = calloc(in->graph.classes, sizeof *taken);
    for (uint32_t k = 0; taken && k < in->options->top && k < in->graph.classes; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < in->graph.classes; i++)
            if (!taken[i] && (best == UINT32_MAX || scores[i] > scores[best])) best = i;
        json_t *class = json_object();
        taken[best] = true;
        eie_set_integer(class, "class", best);
        eie_set_number(class, "score", scores[best]);
        if (in->names) eie_set(class, "name", in->names[best]);
        json_array_append_new(top, class);
    }
    free(taken);
    return top;
}

/* ---- images -----------------------------------------------------------------------------------
 */

/* Floats may leave their range: weights of users may be anything finite. */
static enum eie_status check_scores(const struct running *in, const char *path,
                                    const double *scores)
{
    for (uint32_t i = 0; i < in->graph.classes; i++)
        if (!isfinite(scores[i]))
            return eie_fail(in->error, EIE_INPUT,
                            "%s: with these weights its scores are no numbers: values of a layer "
                            "leave the range of float32",
                            path);
    return EIE_OK;
}

static enum eie_status run_image(struct running *in, const char *path)
{
    struct eie_image image;
    struct eie_pass_result result = {0};
    double least_s = INFINITY;
    enum eie_status status = eie_image_read(path, &image, in->error);
    if (status) return status;
    const double start = eie_now_s();
    status = eie_image_prepare(&image, &in->graph, eie_pass_input(in->pass), in->error);
    const double prepare_s = eie_now_s() - start;
    json_t *object = json_object();
    eie_set(object, "image", path);
    eie_set_integer(object, "height", image.height);
    eie_set_integer(object, "width", image.width);
    eie_image_free(&image);
    for (uint32_t r = 0; r < in->options->repeats && !status; r++) {
        status = eie_pass_run(in->pass, &result, in->error);
        if (!status) least_s = fmin(least_s, result.total_s);
        for (uint32_t s = 0; s < in->graph.step_count && !status; s++)
            in->least_step_s[s] = fmin(in->least_step_s[s], result.step_s[s]);
    }
    if (!status && !result.scores)
        status = eie_fail(in->error, EIE_USAGE, "%s: to be run no times", path);
    if (!status && !in->options->in_float &&
        !json_array_size(json_object_get(in->result, "images")))
        status = eie_pass_verify(&in->graph, &in->parts, in->pass, in->error);
    if (!status) status = check_scores(in, path, result.scores);
    if (!status) {
        json_t *scores = json_array();
        eie_set_number(object, "prepare_s", prepare_s);
        eie_set_number(object, "least_s", least_s);
        eie_set_integer(object, "saturated", result.saturated);
        json_object_set_new(object, "classes", describe_top(in, result.scores));
        for (uint32_t i = 0; i < in->graph.classes; i++)
            json_array_append_new(scores, json_real(result.scores[i]));
        json_object_set_new(object, "scores", scores);
        json_array_append(json_object_get(in->result, "images"), object);
    }
    json_decref(object);
    return status;
}

enum eie_status eie_run(const struct eie_run_options *options, json_t **result,
                        struct eie_error *error)
{
    struct running *in = calloc(1, sizeof *in);
    *result = NULL;
    if (!in) return eie_fail(error, EIE_MEMORY, "out of memory");
    in->options = options;
    in->error = error;
    in->result = json_object();
    json_object_set_new(in->result, "images", json_array());
    for (uint32_t s = 0; s < EIE_STEPS_MAX; s++) in->least_step_s[s] = INFINITY;
    enum eie_status status = eie_graph_read(options->graph, &in->graph, error);
    if (!status) status = read_names(in);
    if (!status) status = find_threads(in);
    if (!status) status = eie_parts_read(options->network, &in->graph, &in->parts, error);
    if (!status) status = make_pass(in);
    const bool begun = !status;
    for (uint32_t i = 0; i < options->image_count && !status; i++)
        status = run_image(in, options->images[i]);
    if (!status && options->columns) status = save_columns(in);
    if (begun) {
        describe(in);
        *result = json_incref(in->result);
    }
    json_decref(in->result);
    eie_pass_free(in->pass);
    for (uint32_t l = 0; l < in->with_count; l++) eie_layer_free(in->with_columns[l]);
    free(in->with_columns);
    eie_parts_free(&in->parts);
    free(in->names);
    eie_bytes_free(&in->text);
    free(in);
    return status;
}

/* ---- printing ---------------------------------------------------------------------------------
 */

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static uint64_t integer(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_images(const json_t *result)
{
    const json_t *image, *class;
    size_t i, k;
    json_array_foreach(json_object_get(result, "images"), i, image)
    {
        printf("%s, %" PRIu64 " x %" PRIu64 ": %.1f ms", text(image, "image"),
               integer(image, "width"), integer(image, "height"), 1e3 * number(image, "least_s"));
        if (integer(image, "saturated"))
            printf(", %" PRIu64 " outputs at the ends of 16 bits", integer(image, "saturated"));
        printf("\n");
        json_array_foreach(json_object_get(image, "classes"), k, class)
            printf("  %4" PRIu64 "  %.4f  %s\n", integer(class, "class"), number(class, "score"),
                   text(class, "name"));
    }
}

/* Entries and errors only of integers; times only where an image was run. */
static void print_steps(const json_t *result)
{
    const bool timed = json_array_size(json_object_get(result, "images"));
    const json_t *step;
    size_t s;
    printf("\n%-18s %9s %9s %8s %7s  %s\n", "step", timed ? "ms" : "", "positions", "weights",
           "entries", "layers, errors on drawn images");
    json_array_foreach(json_object_get(result, "steps"), s, step)
    {
        char ms[32] = "";
        if (timed) snprintf(ms, sizeof ms, "%.3f", 1e3 * number(step, "least_s"));
        printf("%-18s %9s", text(step, "name"), ms);
        if (json_object_get(step, "positions"))
            printf(" %9" PRIu64 " %8" PRIu64, integer(step, "positions"), integer(step, "weights"));
        if (json_object_get(step, "entries"))
            printf(" %7" PRIu64 "  %" PRIu64, integer(step, "entries"), integer(step, "layers"));
        if (json_object_get(step, "error_one")) printf(", %.4f", number(step, "error_one"));
        if (json_object_get(step, "error_two")) printf(" then %.4f", number(step, "error_two"));
        printf("\n");
    }
}

void eie_run_print(const json_t *result)
{
    uint64_t entries = 0, weights = 0, layers = 0;
    const json_t *step;
    size_t s;
    json_array_foreach(json_object_get(result, "steps"), s, step)
    {
        entries += integer(step, "entries");
        weights += integer(step, "weights");
        layers += integer(step, "layers");
    }
    printf("graph %s: %" PRIu64 " weights", text(result, "graph"), weights);
    if (entries)
        printf(" in %" PRIu64 " layers of 4 bits with %" PRIu64 " entries", layers, entries);
    printf(", %s by %s, threads %" PRIu64 "\n\n", text(result, "arithmetic"),
           text(result, "kernel"), integer(result, "threads"));
    print_images(result);
    print_steps(result);
}
