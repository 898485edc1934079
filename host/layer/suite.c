#include "host/layer/suite.h"
#include "host/base/file.h"
#include "host/base/json.h"
#include "host/base/names.h"
#include "host/base/sha256.h"
#include "host/layer/import_dump.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT        "eie-suite-1"
#define MANIFEST      "manifest.json"
#define PATH_SIZE     4096
#define DIMENSION_MAX 0xFFFFFFu
#define SHAPE_PES     64

/* ---- names ---------------------------------------------------------------------------------- */

static int is_suite_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && dot != entry->d_name && !strcmp(dot, ".json") && strcmp(entry->d_name, MANIFEST);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum eie_status eie_suite_list(struct eie_suite_names *names, struct eie_error *error)
{
    char path[PATH_SIZE];
    const char *data;
    struct dirent **entries;
    *names = (struct eie_suite_names){0};
    enum eie_status status = eie_data_dir(&data, error);
    if (status) return status;
    snprintf(path, sizeof path, "%s/suites", data);
    const int found = scandir(path, &entries, is_suite_file, NULL);
    if (found < 0) return eie_fail(error, EIE_INPUT, "%s: cannot be listed", path);
    names->names = calloc((size_t)found + 1, sizeof *names->names);
    for (int i = 0; i < found; i++) {
        *strrchr(entries[i]->d_name, '.') = 0;
        if (names->names && (names->names[names->count] = strdup(entries[i]->d_name)))
            names->count++;
        free(entries[i]);
    }
    free(entries);
    if (names->names) qsort(names->names, names->count, sizeof *names->names, by_name);
    if (names->names && names->count == (uint32_t)found) return EIE_OK;
    eie_suite_names_free(names);
    return eie_fail(error, EIE_MEMORY, "out of memory");
}

void eie_suite_names_free(struct eie_suite_names *names)
{
    for (uint32_t i = 0; i < names->count; i++) free(names->names[i]);
    free(names->names);
    *names = (struct eie_suite_names){0};
}

static enum eie_status path_of(const char *name, char path[PATH_SIZE], struct eie_error *error)
{
    const size_t length = strlen(name);
    const char *data;
    struct eie_suite_names known;
    if (strchr(name, '/') || (length > 5 && !strcmp(name + length - 5, ".json"))) {
        snprintf(path, PATH_SIZE, "%s", name);
        return EIE_OK;
    }
    enum eie_status status = eie_data_dir(&data, error);
    if (!status) status = eie_suite_list(&known, error);
    if (status) return status;
    char list[512] = "";
    bool found = false;
    const struct eie_hint hint =
        eie_names_hint(name, (const char *const *)known.names, known.count);
    for (uint32_t i = 0; i < known.count; i++) {
        const size_t used = strlen(list);
        found = found || !strcmp(known.names[i], name);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known.names[i]);
    }
    eie_suite_names_free(&known);
    if (!found)
        return eie_fail(error, EIE_USAGE, "unknown suite '%s'; there are: %s%s", name, list,
                        hint.text);
    snprintf(path, PATH_SIZE, "%s/suites/%s.json", data, name);
    return EIE_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum eie_status copy_text(const struct eie_json_file *file, const json_t *object,
                                 const char *key, char *text, size_t size, struct eie_error *error)
{
    const char *value;
    enum eie_status status = eie_json_string(file, object, key, &value, error);
    if (status) return status;
    if (strlen(value) >= size)
        return eie_json_fail(file, error, key, "'%s' is longer than %zu bytes", key, size - 1);
    strcpy(text, value);
    return EIE_OK;
}

static enum eie_status read_bool(const struct eie_json_file *file, const json_t *object,
                                 const char *key, bool *value, struct eie_error *error)
{
    const json_t *found = json_object_get(object, key);
    if (!json_is_boolean(found))
        return eie_json_fail(file, error, key, "'%s' must be true or false", key);
    *value = json_is_true(found);
    return EIE_OK;
}

static enum eie_status read_import(const struct eie_json_file *file, const json_t *object,
                                   struct eie_suite_layer *layer, struct eie_error *error)
{
    static const char *const keys[] = {"name", "import_dump", "outputs", "source", NULL};
    enum eie_status status;
    if ((status = eie_json_only(file, object, keys, error)) ||
        (status = copy_text(file, object, "import_dump", layer->import_folder,
                            sizeof layer->import_folder, error)))
        return status;
    return eie_json_uint32(file, object, "outputs", 1, DIMENSION_MAX, &layer->import_outputs,
                           error);
}

static enum eie_status read_shape(const struct eie_json_file *file, const json_t *object,
                                  struct eie_layer_spec *spec, struct eie_error *error)
{
    const char *activation;
    double density;
    enum eie_status status;
    if ((status =
             eie_json_uint32(file, object, "inputs", 1, DIMENSION_MAX, &spec->inputs, error)) ||
        (status =
             eie_json_uint32(file, object, "outputs", 1, DIMENSION_MAX, &spec->outputs, error)) ||
        (status = eie_json_string(file, object, "activation", &activation, error)) ||
        (status = eie_json_number(file, object, "activation_density", 0, 1, &density, error)))
        return status;
    if (!strcmp(activation, "relu"))
        spec->activation = EIE_ACTIVATION_RELU;
    else if (strcmp(activation, "none"))
        return eie_json_fail(file, error, "activation", "activation '%s' is neither none nor relu",
                             activation);
    spec->active_inputs = (uint32_t)llround(density * spec->inputs);
    return EIE_OK;
}

static enum eie_status read_input_type(const struct eie_json_file *file, const json_t *object,
                                       struct eie_layer_spec *spec, struct eie_error *error)
{
    const char *type;
    const enum eie_status status = eie_json_string(file, object, "input_type", &type, error);
    if (status) return status;
    if (!strcmp(type, "u8"))
        spec->input_type = EIE_INPUT_U8;
    else if (!strcmp(type, "s8"))
        spec->input_type = EIE_INPUT_S8;
    else
        return eie_json_fail(file, error, "input_type", "input type '%s' is neither u8 nor s8",
                             type);
    if (spec->is_signed)
        return eie_json_fail(file, error, "input_type",
                             "input type '%s' in a suite that is signed: s8 has signs of its own",
                             type);
    return EIE_OK;
}

static enum eie_status read_window(const struct eie_json_file *file, const json_t *object,
                                   struct eie_layer_spec *spec, struct eie_error *error)
{
    static const char *const keys[] = {"height", "width", "channels", "kernel",
                                       "stride", "pad",   NULL};
    struct eie_window *window = &spec->window;
    uint32_t *const values[] = {&window->height, &window->width,  &window->channels,
                                &window->kernel, &window->stride, &window->pad};
    const json_t *found;
    enum eie_status status = eie_json_object(file, object, "window", &found, error);
    if (!status) status = eie_json_only(file, found, keys, error);
    for (size_t k = 0; keys[k] && !status; k++)
        status = eie_json_uint32(file, found, keys[k], k < 5, EIE_WINDOW_MAX, values[k], error);
    if (status || eie_window_fits(window, spec->inputs)) return status;
    return eie_json_fail(file, error, "window", "this window does not give %u inputs",
                         spec->inputs);
}

static enum eie_status read_generated(const struct eie_json_file *file, const json_t *object,
                                      struct eie_layer_spec *spec, struct eie_error *error)
{
    static const char *const uniform[] = {"name",           "inputs",     "outputs",
                                          "weight_density", "activation", "activation_density",
                                          "source",         NULL};
    static const char *const typed[] = {"name",           "inputs",     "outputs",
                                        "weight_density", "activation", "activation_density",
                                        "input_type",     "source",     NULL};
    static const char *const moving[] = {"name",           "inputs",     "outputs",
                                         "weight_density", "activation", "activation_density",
                                         "window",         "source",     NULL};
    static const char *const split[] = {"name",
                                        "inputs",
                                        "outputs",
                                        "activation",
                                        "activation_density",
                                        "nonzeros_in_active_columns",
                                        "nonzeros_in_inactive_columns",
                                        "source",
                                        NULL};
    static const char *const uneven[] = {"name",
                                         "inputs",
                                         "outputs",
                                         "activation",
                                         "activation_density",
                                         "nonzeros_in_active_columns",
                                         "nonzeros_in_inactive_columns",
                                         "row_unevenness_permille",
                                         "source",
                                         NULL};
    enum eie_status status;
    spec->split = !json_object_get(object, "weight_density");
    const bool has_rows = spec->split && json_object_get(object, "row_unevenness_permille");
    const bool has_type = !spec->split && json_object_get(object, "input_type");
    const bool has_window = !spec->split && !has_type && json_object_get(object, "window");
    if ((status = eie_json_only(file, object,
                                has_rows      ? uneven
                                : spec->split ? split
                                : has_type    ? typed
                                : has_window  ? moving
                                              : uniform,
                                error)) ||
        (has_rows && (status = eie_json_uint32(file, object, "row_unevenness_permille", 1, 1000,
                                               &spec->row_unevenness_permille, error))) ||
        (has_type && (status = read_input_type(file, object, spec, error))) ||
        (status = read_shape(file, object, spec, error)) ||
        (has_window && (status = read_window(file, object, spec, error))))
        return status;
    if (spec->split) {
        status = eie_json_uint(file, object, "nonzeros_in_active_columns", 0, UINT32_MAX,
                               &spec->nonzeros_active, error);
        return status ? status
                      : eie_json_uint(file, object, "nonzeros_in_inactive_columns", 0, UINT32_MAX,
                                      &spec->nonzeros_inactive, error);
    }
    double density;
    status = eie_json_number(file, object, "weight_density", 0, 1, &density, error);
    if (!status) spec->nonzeros_active = (uint64_t)llround(density * spec->inputs * spec->outputs);
    return status;
}

static enum eie_status read_layer(const struct eie_json_file *file, const json_t *object,
                                  const struct eie_layer_spec *common,
                                  struct eie_suite_layer *layer, struct eie_error *error)
{
    if (!json_is_object(object))
        return eie_json_fail(file, error, "layers", "every layer must be an object");
    layer->spec = *common;
    enum eie_status status =
        copy_text(file, object, "name", layer->spec.name, sizeof layer->spec.name, error);
    if (!status)
        status = copy_text(file, object, "source", layer->source, sizeof layer->source, error);
    if (status) return status;
    return json_object_get(object, "import_dump")
               ? read_import(file, object, layer, error)
               : read_generated(file, object, &layer->spec, error);
}

static enum eie_status read_layers(const struct eie_json_file *file, const json_t *layers,
                                   const struct eie_layer_spec *common, struct eie_suite *suite,
                                   struct eie_error *error)
{
    const size_t count = json_array_size(layers);
    if (!count || count > 4096)
        return eie_json_fail(file, error, "layers", "a suite has 1 to 4096 layers, not %zu", count);
    suite->layers = calloc(count, sizeof *suite->layers);
    if (!suite->layers) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (size_t i = 0; i < count; i++) {
        struct eie_suite_layer *layer = &suite->layers[i];
        enum eie_status status = read_layer(file, json_array_get(layers, i), common, layer, error);
        if (status) return status;
        for (uint32_t k = 0; k < suite->layer_count; k++)
            if (!strcmp(suite->layers[k].spec.name, layer->spec.name))
                return eie_json_fail(file, error, "layers", "two layers are named '%s'",
                                     layer->spec.name);
        suite->layer_count++;
    }
    return EIE_OK;
}

static enum eie_status read_suite(const struct eie_json_file *file, struct eie_suite *suite,
                                  struct eie_error *error)
{
    static const char *const keys[] = {
        "format",   "summary", "basis",  "default_matrix", "default_kernels", "needs_models",
        "pe_count", "seed",    "signed", "samples",        "layers",          NULL};
    struct eie_layer_spec common = {0};
    const json_t *layers;
    const char *format;
    enum eie_status status;
    if ((status = eie_json_string(file, file->root, "format", &format, error))) return status;
    if (strcmp(format, FORMAT))
        return eie_json_fail(
            file, error, "format", "%sformat '%s', this program reads '" FORMAT "'",
            eie_names_newer(format, FORMAT) ? "written for a newer version: " : "", format);
    if ((status = eie_json_only(file, file->root, keys, error)) ||
        (status = copy_text(file, file->root, "summary", suite->summary, sizeof suite->summary,
                            error)) ||
        (status = copy_text(file, file->root, "basis", suite->basis, sizeof suite->basis, error)) ||
        (status = copy_text(file, file->root, "default_kernels", suite->default_kernels,
                            sizeof suite->default_kernels, error)) ||
        (status =
             read_bool(file, file->root, "default_matrix", &suite->in_default_matrix, error)) ||
        (status = read_bool(file, file->root, "needs_models", &suite->needs_models, error)) ||
        (status = read_bool(file, file->root, "signed", &common.is_signed, error)) ||
        (status =
             eie_json_uint32(file, file->root, "pe_count", 1, 65536, &suite->pe_count, error)) ||
        (status =
             eie_json_uint32(file, file->root, "samples", 1, 4096, &common.sample_count, error)) ||
        (status = eie_json_uint(file, file->root, "seed", 0, INT64_MAX, &common.seed, error)) ||
        (status = eie_json_array(file, file->root, "layers", &layers, error)))
        return status;
    if (strcmp(suite->basis, "generated") && strcmp(suite->basis, "calibrated") &&
        strcmp(suite->basis, "real"))
        return eie_json_fail(file, error, "basis",
                             "basis '%s' is none of generated, calibrated, real", suite->basis);
    return read_layers(file, layers, &common, suite, error);
}

static bool is_layer_file(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(name);
    return length >= sizeof ending && !strcmp(name + length - (sizeof ending - 1), ending);
}

/* A suite of the layers that a file holds. */
static enum eie_status read_layer_file(const char *path, struct eie_suite *suite,
                                       struct eie_error *error)
{
    struct eie_bytes bytes;
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    if (status) return status;
    status = eie_sha256_of(bytes.data, bytes.size, &suite->hash, error);
    if (status)
        eie_bytes_free(&bytes);
    else
        status = eie_layer_file_parse(&bytes, path, &suite->file, error);
    if (status) return status;
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    snprintf(suite->name, sizeof suite->name, "%.*s", (int)(strrchr(stem, '.') - stem), stem);
    snprintf(suite->summary, sizeof suite->summary, "the layers of a file");
    strcpy(suite->default_kernels, "*");
    strcpy(suite->basis, "real");
    suite->pe_count = suite->file.layers[0]->pe_count;
    suite->layers = calloc(suite->file.count, sizeof *suite->layers);
    if (!suite->layers) return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    for (uint32_t i = 0; i < suite->file.count; i++) {
        const struct eie_layer *layer = suite->file.layers[i];
        struct eie_suite_layer *entry = &suite->layers[suite->layer_count++];
        struct eie_layer_counts counts;
        eie_layer_count(layer, layer->sample_inputs, &counts);
        entry->spec = (struct eie_layer_spec){.inputs = layer->inputs,
                                              .outputs = layer->outputs,
                                              .activation = layer->activation,
                                              .active_inputs = (uint32_t)counts.active_columns,
                                              .nonzeros_active = counts.nonzeros,
                                              .window = layer->window,
                                              .sample_count = layer->sample_count};
        snprintf(entry->spec.name, sizeof entry->spec.name, "%s", layer->name);
        snprintf(entry->source, sizeof entry->source, "%.255s", layer->source);
        if (strstr(layer->source, "(drawn)"))
            strcpy(suite->basis, "generated");
        else if (strstr(layer->source, "(drawn at their measured share)"))
            strcpy(suite->basis, "calibrated");
    }
    return EIE_OK;
}

/* ---- shapes --------------------------------------------------------------------------------- */

enum eie_status eie_suite_of_shapes(const struct eie_shape *shapes, uint32_t count,
                                    struct eie_suite *suite, struct eie_error *error)
{
    static const char rule[] = "eie-shape-1"; /* another one where the same name is another layer */
    *suite = (struct eie_suite){.name = EIE_SHAPE_SUITE,
                                .summary = "layers by their shape",
                                .default_kernels = "*",
                                .basis = "generated",
                                .by_shape = true,
                                .pe_count = SHAPE_PES};
    enum eie_status status = eie_sha256_of(rule, sizeof rule, &suite->hash, error);
    suite->layers = calloc((size_t)count + 1, sizeof *suite->layers);
    if (!suite->layers) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    for (uint32_t i = 0; i < count && !status; i++) {
        status = eie_shape_check(&shapes[i], error);
        if (status) break;
        struct eie_suite_layer *layer = &suite->layers[suite->layer_count++];
        layer->spec = eie_shape_spec(&shapes[i]);
        snprintf(layer->source, sizeof layer->source, "drawn by its shape");
    }
    if (status) eie_suite_free(suite);
    return status;
}

static enum eie_status read_shape_name(const char *name, struct eie_suite *suite,
                                       struct eie_error *error)
{
    struct eie_shape shape;
    if (eie_shape_parse(name, &shape)) return eie_suite_of_shapes(&shape, 1, suite, error);
    return eie_fail(error, EIE_USAGE,
                    "'%s' names no shape; one is called " EIE_SHAPE_PREFIX "4096x1000-w0.18-a0.35",
                    name);
}

enum eie_status eie_suite_read(const char *name, struct eie_suite *suite, struct eie_error *error)
{
    char path[PATH_SIZE];
    struct eie_json_file file;
    *suite = (struct eie_suite){0};
    if (!strncmp(name, EIE_SHAPE_PREFIX, sizeof EIE_SHAPE_PREFIX - 1))
        return read_shape_name(name + sizeof EIE_SHAPE_PREFIX - 1, suite, error);
    if (is_layer_file(name)) {
        const enum eie_status failed = read_layer_file(name, suite, error);
        if (failed) eie_suite_free(suite);
        return failed;
    }
    enum eie_status status = path_of(name, path, error);
    if (!status) status = eie_json_read(path, &file, error);
    if (status) return status;
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    const size_t stem_length = strlen(stem);
    const bool json = stem_length > 5 && !strcmp(stem + stem_length - 5, ".json");
    const size_t length = json ? stem_length - 5 : stem_length;
    if (!length || length >= sizeof suite->name)
        status = eie_fail(error, EIE_INPUT, "%s: a suite's file name has 1 to %zu letters", path,
                          sizeof suite->name - 1);
    else
        memcpy(suite->name, stem, length);
    if (!status) status = read_suite(&file, suite, error);
    if (!status) status = eie_sha256_of(file.text, strlen(file.text), &suite->hash, error);
    if (status) eie_suite_free(suite);
    eie_json_free(&file);
    return status;
}

void eie_suite_free(struct eie_suite *suite)
{
    free(suite->layers);
    eie_layer_set_free(&suite->file);
    suite->layers = NULL;
    suite->layer_count = 0;
}

enum eie_status eie_suite_manifest(const char *suite, const char *layer, const char **hash,
                                   struct eie_error *error)
{
    static struct eie_json_file file; /* read once; single-threaded callers */
    const char *data;
    char path[PATH_SIZE], key[2 * EIE_NAME_MAX + 2];
    *hash = NULL;
    if (!file.root) {
        enum eie_status status = eie_data_dir(&data, error);
        if (status) return status;
        snprintf(path, sizeof path, "%s/suites/" MANIFEST, data);
        status = eie_json_read(path, &file, error);
        if (status) return status;
    }
    snprintf(key, sizeof key, "%s/%s", suite, layer);
    *hash = json_string_value(json_object_get(json_object_get(file.root, "layers"), key));
    return EIE_OK;
}

/* ---- building ------------------------------------------------------------------------------- */

const char *eie_models_dir(void)
{
    const char *folder = getenv("EIE_MODELS");
    return folder && *folder ? folder : NULL;
}

static enum eie_status import(const struct eie_suite_layer *spec, uint32_t pe_count,
                              struct eie_layer **layer, struct eie_error *error)
{
    char folder[PATH_SIZE];
    struct eie_quantization report;
    if (!eie_models_dir())
        return eie_fail(error, EIE_MISSING,
                        "layer %s is real data: set EIE_MODELS to the folder that holds %s",
                        spec->spec.name, spec->import_folder);
    snprintf(folder, sizeof folder, "%s/%s", eie_models_dir(), spec->import_folder);
    enum eie_status status =
        eie_import_dump(folder, spec->spec.name, spec->import_outputs, layer, &report, error);
    if (status || (*layer)->pe_count == pe_count) return status;
    struct eie_layer *own = *layer;
    status = eie_layer_reencode(own, pe_count, layer, error);
    eie_layer_free(own);
    return status;
}

enum eie_status eie_suite_build(const struct eie_suite *suite, uint32_t index, uint32_t pe_count,
                                struct eie_layer **layer, struct eie_error *error)
{
    const struct eie_suite_layer *spec = &suite->layers[index];
    if (!pe_count) pe_count = suite->pe_count;
    if (suite->file.count)
        return eie_layer_reencode(suite->file.layers[index], pe_count, layer, error);
    if (*spec->import_folder) return import(spec, pe_count, layer, error);
    struct eie_layer_spec generated = spec->spec;
    char source[512];
    snprintf(source, sizeof source, "generated by eiebench, suite %s, seed %llu: %s", suite->name,
             (unsigned long long)generated.seed, spec->source);
    generated.source = source;
    return eie_generate(&generated, pe_count, layer, error);
}

enum eie_status eie_suite_inputs(const struct eie_suite *suite, uint32_t index,
                                 const struct eie_layer *layer, uint32_t count, int16_t **drawn,
                                 struct eie_error *error)
{
    const struct eie_suite_layer *spec = &suite->layers[index];
    *drawn = NULL;
    if (count <= layer->sample_count) return EIE_OK;
    if (suite->file.count || *spec->import_folder)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "the layer has %u sample inputs, batch %u needs as many, and those of %s "
                        "cannot be drawn",
                        layer->sample_count, count, suite->file.count ? "a file" : "real data");
    const struct eie_window *window = &layer->window;
    if (count > EIE_SUITE_INPUTS_MAX &&
        !(eie_window_is(window) && count <= eie_window_positions(window)))
        return eie_fail(error, EIE_UNSUPPORTED,
                        "the layer has %u sample inputs, batch %u needs as many, and no more than "
                        "%u are drawn",
                        layer->sample_count, count, EIE_SUITE_INPUTS_MAX);
    int16_t *samples = malloc((size_t)count * layer->inputs * sizeof *samples);
    if (!samples)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for %u inputs", layer->name,
                        count);
    enum eie_status status = eie_generate_samples(&spec->spec, layer, count, samples, error);
    if (status)
        free(samples);
    else
        *drawn = samples;
    return status;
}
