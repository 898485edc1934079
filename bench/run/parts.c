#include "bench/run/parts.h"
#include "host/layer/layer_file.h"
#include "host/weights/weight_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const char *path;
    const struct eie_graph *graph;
    struct eie_parts *parts;
    struct eie_error *error;
};

void eie_parts_free(struct eie_parts *parts)
{
    for (uint32_t c = 0; parts->part && c < parts->count; c++) {
        free(parts->part[c].weights);
        free(parts->part[c].bias);
        for (uint32_t t = 0; t < EIE_TERMS_MAX; t++) eie_layer_free(parts->part[c].terms[t]);
    }
    free(parts->part);
    *parts = (struct eie_parts){0};
}

static enum eie_status no_memory(const struct reading *in)
{
    return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
}

static enum eie_status check_size(const struct reading *in, const struct eie_step *step,
                                  uint32_t outputs, uint32_t inputs)
{
    if (outputs == step->outputs && inputs == step->inputs) return EIE_OK;
    return eie_fail(in->error, EIE_INPUT,
                    "%s: %s is %" PRIu32 " x %" PRIu32 ", graph %s has %" PRIu32 " x %" PRIu32
                    " (outputs x inputs)",
                    in->path, step->name, outputs, inputs, in->graph->name, step->outputs,
                    step->inputs);
}

static enum eie_status no_weights(const struct reading *in, const struct eie_step *step)
{
    return eie_fail(in->error, EIE_INPUT, "%s: has no weights %s, which graph %s needs", in->path,
                    step->name, in->graph->name);
}

static enum eie_status make_room(const struct reading *in, const struct eie_step *step,
                                 struct eie_part *part)
{
    part->weights = calloc((size_t)step->outputs * step->inputs, sizeof *part->weights);
    part->bias = calloc(step->outputs, sizeof *part->bias);
    for (uint32_t t = 0; t < EIE_TERMS_MAX; t++) part->error[t] = NAN;
    return part->weights && part->bias ? EIE_OK : no_memory(in);
}

/* ---- layers -----------------------------------------------------------------------------------
 */

/* Whether the name is the convolution's with this ending. */
static bool is_named(const char *name, const struct eie_step *step, const char *ending)
{
    const size_t length = strlen(step->name);
    return !strncmp(name, step->name, length) && !strcmp(name + length, ending);
}

static const char *ending_of(uint32_t term)
{
    return term ? EIE_REST : "";
}

static enum eie_status add_matrix(const struct reading *in, const struct eie_step *step,
                                  const struct eie_shared *shared, struct eie_part *part)
{
    const size_t places = (size_t)step->outputs * step->inputs;
    const enum eie_status status = check_size(in, step, shared->outputs, shared->inputs);
    if (status) return status;
    float *more = calloc(places, sizeof *more);
    if (!more) return no_memory(in);
    eie_shared_expand(shared, more);
    for (size_t k = 0; k < places; k++) part->weights[k] += more[k];
    for (uint32_t i = 0; shared->bias && i < step->outputs; i++) part->bias[i] += shared->bias[i];
    free(more);
    return EIE_OK;
}

/* The floats of all matrices. *narrow: all have codes of 4 bits. */
static enum eie_status read_matrices(const struct reading *in, bool *narrow)
{
    struct eie_shared_set set;
    enum eie_status status = eie_shared_file_read(in->path, &set, in->error);
    if (status) return status;
    *narrow = true;
    for (uint32_t c = 0; c < in->graph->conv_count && !status; c++) {
        const struct eie_step *step = eie_conv_step(in->graph, c);
        bool found[EIE_TERMS_MAX] = {false};
        status = make_room(in, step, &in->parts->part[c]);
        for (uint32_t m = 0; m < set.count && !status; m++)
            for (uint32_t t = 0; t < EIE_TERMS_MAX && !status; t++) {
                if (!is_named(set.matrices[m].name, step, ending_of(t))) continue;
                found[t] = true;
                *narrow = *narrow && set.matrices[m].code_bits == 4;
                status = add_matrix(in, step, &set.matrices[m], &in->parts->part[c]);
            }
        if (!status && !found[0]) status = no_weights(in, step);
    }
    eie_shared_set_free(&set);
    return status;
}

/* The layers themselves; those of no convolution are left aside. */
static enum eie_status take_layers(const struct reading *in)
{
    struct eie_layer_set set;
    enum eie_status status = eie_layer_file_read(in->path, &set, in->error);
    if (status) return status;
    for (uint32_t c = 0; c < in->graph->conv_count && !status; c++) {
        struct eie_part *part = &in->parts->part[c];
        const struct eie_step *step = eie_conv_step(in->graph, c);
        for (uint32_t t = 0; t < EIE_TERMS_MAX; t++)
            for (uint32_t l = 0; l < set.count && part->term_count == t; l++)
                if (set.layers[l] && is_named(set.layers[l]->name, step, ending_of(t))) {
                    part->terms[part->term_count++] = set.layers[l];
                    set.layers[l] = NULL;
                }
        if (!part->term_count) status = no_weights(in, step);
    }
    in->parts->are_layers = true;
    eie_layer_set_free(&set);
    return status;
}

static enum eie_status read_layers(const struct reading *in)
{
    bool narrow;
    const enum eie_status status = read_matrices(in, &narrow);
    return status || !narrow ? status : take_layers(in);
}

/* ---- files of weights -------------------------------------------------------------------------
 */

/* The entry of the convolution's name with this ending, or UINT32_MAX. */
static uint32_t find_entry(const struct eie_weight_file *file, const struct eie_step *step,
                           const char *ending)
{
    for (uint32_t e = 0; e < file->count; e++) {
        char name[EIE_NAME_MAX];
        eie_shared_name(file->entries[e].name, false, name);
        if (is_named(name, step, ending)) return e;
    }
    return UINT32_MAX;
}

static enum eie_status take_floats(const struct reading *in, const struct eie_step *step,
                                   struct eie_weights *weights, struct eie_part *part)
{
    enum eie_status status = check_size(in, step, weights->outputs, weights->inputs);
    if (!status) status = eie_weights_fill(in->path, weights, in->error);
    if (!status)
        memcpy(part->weights, weights->values,
               (size_t)step->outputs * step->inputs * sizeof *part->weights);
    return status;
}

static enum eie_status read_bias(const struct reading *in, struct eie_weight_file *file,
                                 uint32_t index, const struct eie_step *step, struct eie_part *part)
{
    struct eie_shared shared = {0};
    struct eie_weights weights = {0};
    const uint32_t own = find_entry(file, step, ".bias");
    enum eie_status status = EIE_OK;
    if (file->reader->shared) {
        status = file->reader->shared(file, index, &shared, in->error);
        if (!status && shared.bias)
            memcpy(part->bias, shared.bias, step->outputs * sizeof *part->bias);
        if (!status) eie_shared_free(&shared);
    } else if (own != UINT32_MAX) {
        status = eie_weight_file_load(file, own, 0, false, &weights, in->error);
        if (!status && (uint64_t)weights.outputs * weights.inputs != step->outputs)
            status = eie_fail(in->error, EIE_INPUT, "%s: %s.bias must have %" PRIu32 " values",
                              in->path, step->name, step->outputs);
        if (!status) status = eie_weights_fill(in->path, &weights, in->error);
        if (!status) memcpy(part->bias, weights.values, step->outputs * sizeof *part->bias);
        eie_weights_free(&weights);
    }
    return status;
}

static enum eie_status read_entry(const struct reading *in, struct eie_weight_file *file,
                                  const struct eie_step *step, struct eie_part *part)
{
    struct eie_weights weights = {0};
    uint32_t index = find_entry(file, step, "");
    if (index == UINT32_MAX) index = find_entry(file, step, ".weight");
    if (index == UINT32_MAX) return no_weights(in, step);
    enum eie_status status = make_room(in, step, part);
    if (!status) status = eie_weight_file_load(file, index, 0, false, &weights, in->error);
    if (!status) status = take_floats(in, step, &weights, part);
    eie_weights_free(&weights);
    return status ? status : read_bias(in, file, index, step, part);
}

static enum eie_status read_weights(const struct reading *in)
{
    struct eie_weight_file file;
    enum eie_status status = eie_weight_file_open(in->path, &file, in->error);
    if (status) return status;
    for (uint32_t c = 0; c < in->graph->conv_count && !status; c++)
        status = read_entry(in, &file, eie_conv_step(in->graph, c), &in->parts->part[c]);
    eie_weight_file_close(&file);
    return status;
}

/* ---- either -----------------------------------------------------------------------------------
 */

/* A file of layers says which ones it has. Any other, damaged ones too, is for the readers of
 * weights. */
static bool has_layers(const char *path)
{
    struct eie_safetensors file;
    const size_t length = strlen(path);
    if (length < 12 || strcmp(path + length - 12, ".safetensors") ||
        eie_safetensors_read(path, &file, NULL))
        return false;
    const json_t *metadata = json_object_get(file.header, "__metadata__");
    const bool has = json_object_get(metadata, "eie.layers") != NULL;
    eie_safetensors_free(&file);
    return has;
}

/* A convolution NAME.rest would be taken for the second term of NAME. */
static enum eie_status check_names(const struct eie_graph *graph, struct eie_error *error)
{
    const size_t rest = strlen(EIE_REST);
    for (uint32_t c = 0; c < graph->conv_count; c++) {
        const char *name = eie_conv_step(graph, c)->name;
        if (strlen(name) >= rest && !strcmp(name + strlen(name) - rest, EIE_REST))
            return eie_fail(error, EIE_INPUT,
                            "graph %s: convolution %s: names that end in " EIE_REST
                            " are those of second layers",
                            graph->name, name);
    }
    return EIE_OK;
}

enum eie_status eie_parts_read(const char *path, const struct eie_graph *graph,
                               struct eie_parts *parts, struct eie_error *error)
{
    const struct reading in = {path, graph, parts, error};
    *parts = (struct eie_parts){.count = graph->conv_count};
    parts->part = calloc(graph->conv_count + 1u, sizeof *parts->part);
    if (!parts->part) return no_memory(&in);
    enum eie_status status = check_names(graph, error);
    if (!status) status = has_layers(path) ? read_layers(&in) : read_weights(&in);
    for (uint32_t c = 0; c < graph->conv_count && !status; c++) {
        const struct eie_step *step = eie_conv_step(graph, c);
        struct eie_part *part = &parts->part[c];
        for (size_t k = 0; k < (size_t)step->outputs * step->inputs; k++)
            part->nonzeros += part->weights[k] != 0.0f;
    }
    return status;
}
