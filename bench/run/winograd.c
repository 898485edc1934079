#include "bench/run/winograd.h"
#include "bench/run/parts.h"
#include "bench/run/pass.h"
#include "bench/train/blas.h"
#include "host/base/jsonset.h"
#include "host/graph/image.h"
#include "host/graph/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "eie-winograd-1"
#define BLOCK  64u
#define TAPS   9u
#define PLACES 16u /* of a transformed filter or tile */

/* ---- transforms -------------------------------------------------------------------------------
 */

/* U = G g G', G = 1/2 (2 0 0; 1 1 1; 1 -1 1; 0 0 2): sums of float32 in double, whose zeros are
 * true ones. */
static void transform_filter(const float *g, double u[PLACES])
{
    double half[4][3];
    for (int c = 0; c < 3; c++) {
        const double a = (double)g[c], b = (double)g[3 + c], d = (double)g[6 + c];
        half[0][c] = a;
        half[1][c] = (a + b + d) / 2;
        half[2][c] = (a - b + d) / 2;
        half[3][c] = d;
    }
    for (int r = 0; r < 4; r++) {
        const double a = half[r][0], b = half[r][1], d = half[r][2];
        u[4 * r] = a;
        u[4 * r + 1] = (a + b + d) / 2;
        u[4 * r + 2] = (a - b + d) / 2;
        u[4 * r + 3] = d;
    }
}

/* V = B' d B, B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1). */
static void transform_tile(const double d[PLACES], double v[PLACES])
{
    double half[PLACES];
    for (int c = 0; c < 4; c++) {
        half[c] = d[c] - d[8 + c];
        half[4 + c] = d[4 + c] + d[8 + c];
        half[8 + c] = d[8 + c] - d[4 + c];
        half[12 + c] = d[4 + c] - d[12 + c];
    }
    for (int r = 0; r < 4; r++) {
        const double *h = half + 4 * r;
        v[4 * r] = h[0] - h[2];
        v[4 * r + 1] = h[1] + h[2];
        v[4 * r + 2] = h[2] - h[1];
        v[4 * r + 3] = h[1] - h[3];
    }
}

/* ---- weights ----------------------------------------------------------------------------------
 */

/* How many weights of an input, direct [channels][TAPS], transformed [channels][PLACES], are not 0.
 */
struct columns {
    uint32_t *direct, *transformed;
    double *values; /* [outputs * channels][PLACES]: of all transformed filters */
};

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Different ones, without 0; the values are sorted. */
static uint32_t count_values(double *values, size_t count)
{
    uint32_t different = 0;
    qsort(values, count, sizeof *values, by_value);
    for (size_t k = 0; k < count; k++)
        different += values[k] != 0 && (k == 0 || values[k] != values[k - 1]);
    return different;
}

static void count_weights(const struct eie_step *step, const float *weights,
                          const struct columns *columns, struct eie_winograd *counts)
{
    const uint32_t channels = step->in.channels;
    size_t at = 0;
    for (uint32_t i = 0; i < step->outputs; i++)
        for (uint32_t k = 0; k < channels; k++, at++) {
            double *u = columns->values + at * PLACES;
            transform_filter(weights + at * TAPS, u);
            for (uint32_t t = 0; t < TAPS; t++)
                columns->direct[(size_t)k * TAPS + t] += weights[at * TAPS + t] != 0.0f;
            for (uint32_t t = 0; t < PLACES; t++)
                columns->transformed[(size_t)k * PLACES + t] += u[t] != 0;
        }
    for (size_t c = 0; c < (size_t)channels * TAPS; c++) counts->weights += columns->direct[c];
    for (size_t c = 0; c < (size_t)channels * PLACES; c++)
        counts->transformed += columns->transformed[c];
    counts->transformed_values = count_values(columns->values, at * PLACES);
    for (size_t k = 0; k < at * TAPS; k++) columns->values[k] = (double)weights[k];
    counts->values = count_values(columns->values, at * TAPS);
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

static void count_direct(const struct eie_step *step, const float *input, float *column,
                         const struct columns *columns, struct eie_winograd *counts)
{
    uint64_t active = 0;
    for (size_t p = 0; p < eie_step_positions(step); p++) {
        eie_columns_float(step, input, p, 1, column);
        for (uint32_t j = 0; j < step->inputs; j++) {
            if (column[j] == 0.0f) continue;
            active++;
            counts->direct.active += columns->direct[j];
        }
    }
    counts->direct.dense_active = active * step->outputs;
    counts->active_share =
        (double)active / ((double)eie_step_positions(step) * (double)step->inputs);
}

/* One channel of the tile whose outputs begin at row and column. */
static void take_tile(const struct eie_step *step, const float *input, int64_t row, int64_t column,
                      uint32_t channel, double d[PLACES])
{
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            const int64_t y = row + r - step->pad, x = column + c - step->pad;
            const bool inside = y >= 0 && y < step->in.height && x >= 0 && x < step->in.width;
            d[4 * r + c] =
                inside
                    ? (double)input[((size_t)y * step->in.width + (size_t)x) * step->in.channels +
                                    channel]
                    : 0;
        }
}

static void count_tiles(const struct eie_step *step, const float *input,
                        const struct columns *columns, struct eie_winograd *counts)
{
    const uint32_t channels = step->in.channels;
    uint64_t active = 0;
    for (uint32_t row = 0; row < step->out.height; row += 2)
        for (uint32_t column = 0; column < step->out.width; column += 2) {
            counts->tiles++;
            for (uint32_t k = 0; k < channels; k++) {
                double d[PLACES], v[PLACES];
                take_tile(step, input, row, column, k, d);
                transform_tile(d, v);
                for (uint32_t t = 0; t < PLACES; t++) {
                    if (v[t] == 0) continue;
                    active++;
                    counts->winograd.active += columns->transformed[(size_t)k * PLACES + t];
                }
            }
        }
    counts->winograd.dense_active = active * step->outputs;
    counts->transformed_active = (double)active / ((double)counts->tiles * channels * PLACES);
}

enum eie_status eie_winograd_count(const struct eie_step *step, const float *weights,
                                   const float *input, struct eie_winograd *counts,
                                   struct eie_error *error)
{
    const size_t channels = step->in.channels, pairs = channels * step->outputs;
    const struct columns columns = {calloc(channels * TAPS, sizeof(uint32_t)),
                                    calloc(channels * PLACES, sizeof(uint32_t)),
                                    malloc(pairs * PLACES * sizeof(double))};
    float *column = malloc(step->inputs * sizeof *column);
    enum eie_status status = EIE_OK;
    *counts = (struct eie_winograd){0};
    if (columns.direct && columns.transformed && columns.values && column) {
        count_weights(step, weights, &columns, counts);
        count_direct(step, input, column, &columns, counts);
        count_tiles(step, input, &columns, counts);
        counts->direct.dense = eie_step_positions(step) * TAPS * pairs;
        counts->direct.pruned = eie_step_positions(step) * counts->weights;
        counts->winograd.dense = counts->tiles * PLACES * pairs;
        counts->winograd.pruned = counts->tiles * counts->transformed;
    } else {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", step->name);
    }
    free(columns.direct);
    free(columns.transformed);
    free(columns.values);
    free(column);
    return status;
}

/* ---- a network --------------------------------------------------------------------------------
 */

static json_t *products_json(const struct eie_products *products)
{
    json_t *object = json_object();
    eie_set_integer(object, "dense", products->dense);
    eie_set_integer(object, "pruned", products->pruned);
    eie_set_integer(object, "dense_active", products->dense_active);
    eie_set_integer(object, "active", products->active);
    return object;
}

static json_t *counts_json(const struct eie_step *step, const struct eie_winograd *counts)
{
    json_t *object = json_object();
    eie_set(object, "name", step->name);
    eie_set_integer(object, "positions", eie_step_positions(step));
    eie_set_integer(object, "tiles", counts->tiles);
    json_object_set_new(object, "direct", products_json(&counts->direct));
    json_object_set_new(object, "winograd", products_json(&counts->winograd));
    const double pairs = (double)step->in.channels * step->outputs;
    eie_set_number(object, "weight_density", (double)counts->weights / (TAPS * pairs));
    eie_set_number(object, "transformed_density", (double)counts->transformed / (PLACES * pairs));
    eie_set_number(object, "input_density", counts->active_share);
    eie_set_number(object, "transformed_input_density", counts->transformed_active);
    eie_set_integer(object, "values", counts->values);
    eie_set_integer(object, "transformed_values", counts->transformed_values);
    return object;
}

static enum eie_status count_all(const struct eie_graph *graph, const struct eie_parts *parts,
                                 const struct eie_pass *pass, json_t *layers,
                                 struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < graph->conv_count && !status; c++) {
        const struct eie_step *step = eie_conv_step(graph, c);
        struct eie_winograd counts;
        if (!eie_winograd_fits(step)) continue;
        status = eie_winograd_count(step, parts->part[c].weights,
                                    eie_pass_tensor_float(pass, step->from[0]), &counts, error);
        if (!status) json_array_append_new(layers, counts_json(step, &counts));
    }
    if (!status && !json_array_size(layers))
        status = eie_fail(error, EIE_INPUT, "graph %s has no convolution of 3 x 3 in steps of 1",
                          graph->name);
    return status;
}

static enum eie_status run_image(const struct eie_winograd_options *options,
                                 const struct eie_graph *graph, const struct eie_parts *parts,
                                 json_t *layers, struct eie_error *error)
{
    const struct eie_pass_options passing = {options->threads, BLOCK};
    struct eie_blas blas;
    struct eie_image image = {0};
    struct eie_pass *pass = NULL;
    struct eie_pass_result result;
    enum eie_status status = eie_blas_open_or_plain(&blas, error);
    if (!status) status = eie_image_read(options->image, &image, error);
    if (!status) status = eie_pass_make_float(graph, parts, blas.sgemm, &passing, &pass, error);
    if (!status) status = eie_image_prepare(&image, graph, eie_pass_input(pass), error);
    if (!status) status = eie_pass_run(pass, &result, error);
    if (!status) status = count_all(graph, parts, pass, layers, error);
    eie_image_free(&image);
    eie_pass_free(pass);
    return status;
}

enum eie_status eie_winograd_run(const struct eie_winograd_options *options, json_t **result,
                                 struct eie_error *error)
{
    struct eie_graph *graph = calloc(1, sizeof *graph);
    struct eie_parts parts = {0};
    json_t *layers = json_array();
    *result = NULL;
    if (!graph || !layers) {
        free(graph);
        json_decref(layers);
        return eie_fail(error, EIE_MEMORY, "out of memory");
    }
    enum eie_status status = eie_graph_read(options->graph, graph, error);
    if (!status) status = eie_parts_read(options->network, graph, &parts, error);
    if (!status) status = run_image(options, graph, &parts, layers, error);
    if (!status) {
        *result = json_object();
        eie_set(*result, "eie_format", FORMAT);
        eie_set(*result, "network", options->network);
        eie_set(*result, "image", options->image);
        eie_set(*result, "graph", graph->name);
        json_object_set(*result, "layers", layers);
    }
    json_decref(layers);
    eie_parts_free(&parts);
    free(graph);
    return status;
}

/* ---- printing ---------------------------------------------------------------------------------
 */

static double number(const json_t *layer, const char *way, const char *key)
{
    return json_number_value(json_object_get(json_object_get(layer, way), key));
}

static void print_line(const char *name, const double direct[4], const double winograd[4])
{
    printf("%-18s", name);
    for (int k = 0; k < 4; k++) printf(" %9.3f", 1e-6 * direct[k]);
    for (int k = 0; k < 4; k++) printf(" %6.2f", direct[k] / winograd[k]);
}

void eie_winograd_print(const json_t *result)
{
    static const char *const keys[] = {"dense", "pruned", "dense_active", "active"};
    const json_t *layer;
    double all[2][4] = {{0}};
    size_t l;
    printf("multiplications in millions, and how many times fewer by F(2x2, 3x3)\n\n");
    printf("%-18s %9s %9s %9s %9s %6s %6s %6s %6s  %s\n", "layer", "dense", "pruned", "dense a.",
           "active", "dense", "pruned", "dense", "active",
           "weights not 0, inputs not 0, different weights: before > behind");
    json_array_foreach(json_object_get(result, "layers"), l, layer)
    {
        double direct[4], winograd[4];
        for (int k = 0; k < 4; k++) {
            all[0][k] += direct[k] = number(layer, "direct", keys[k]);
            all[1][k] += winograd[k] = number(layer, "winograd", keys[k]);
        }
        print_line(json_string_value(json_object_get(layer, "name")), direct, winograd);
        printf("  %.2f > %.2f, %.2f > %.2f, %.0f > %.0f\n",
               json_number_value(json_object_get(layer, "weight_density")),
               json_number_value(json_object_get(layer, "transformed_density")),
               json_number_value(json_object_get(layer, "input_density")),
               json_number_value(json_object_get(layer, "transformed_input_density")),
               json_number_value(json_object_get(layer, "values")),
               json_number_value(json_object_get(layer, "transformed_values")));
    }
    print_line("all", all[0], all[1]);
    printf("\n");
}
