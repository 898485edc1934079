#include "host/layer/layer_file.h"
#include "host/layer/container.h"
#include "host/layer/network_layers.h"
#include "host/layer/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENSOR_PARTS 5
#define WINDOW_TEXT  72 /* six numbers of 32 bits */

static const char *window_text(const struct eie_window *window, char text[WINDOW_TEXT])
{
    snprintf(text, WINDOW_TEXT,
             "%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32, window->height,
             window->width, window->channels, window->kernel, window->stride, window->pad);
    return text;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What types the data of a tensor may stand as: an unaligned one is copied, to be freed. */
static enum eie_status data_of(const struct eie_container_layer *in,
                               const struct eie_tensor *tensor, const void **data, void **copy)
{
    *data = tensor ? tensor->data : NULL;
    if (!tensor || (uintptr_t)*data % eie_dtype_size(tensor->dtype) == 0) return EIE_OK;
    *copy = malloc(tensor->size + 1);
    if (!*copy) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
    *data = memcpy(*copy, tensor->data, tensor->size);
    return EIE_OK;
}

static enum eie_status shape_fault(const struct eie_container_layer *in, const char *part)
{
    return eie_fail(in->error, EIE_INPUT, "%s: tensor '%s.%s' has a shape that does not fit",
                    in->path, in->name, part);
}

static enum eie_status read_stored(const struct eie_container_layer *in, struct eie_layer **layer)
{
    struct eie_stored stored;
    enum eie_status status = eie_stored_parse(in, &stored);
    if (status) return status;
    status = eie_stored_layer(&stored, layer, in->error);
    if (status) eie_error_prefix(in->error, status, "%s", in->path);
    eie_stored_free(&stored);
    return status;
}

static enum eie_status checked(const struct eie_container_layer *in, struct eie_layer **layer)
{
    enum eie_status status = eie_container_check_layer(in, *layer);
    if (!status) return EIE_OK;
    eie_layer_free(*layer);
    *layer = NULL;
    return status;
}

static enum eie_status check_shapes(const struct eie_container_layer *in,
                                    const struct eie_layer *parts,
                                    const struct eie_tensor *const tensors[TENSOR_PARTS])
{
    const struct eie_tensor *codebook = tensors[0], *starts = tensors[1], *entries = tensors[2];
    const struct eie_tensor *bias = tensors[3], *samples = tensors[4];
    if (codebook->shape[0] != EIE_CODEBOOK_SIZE) return shape_fault(in, "codebook");
    if (!starts->shape[0] || starts->shape[0] > UINT32_MAX || starts->shape[1] < 2 ||
        starts->shape[1] > UINT32_MAX)
        return shape_fault(in, "column_start");
    if (entries->shape[0] > UINT32_MAX) return shape_fault(in, "entries");
    if (bias && bias->shape[0] != parts->outputs) return shape_fault(in, "bias");
    if (samples && (!samples->shape[0] || samples->shape[0] > UINT32_MAX ||
                    samples->shape[1] != starts->shape[1] - 1))
        return shape_fault(in, "sample_inputs");
    return EIE_OK;
}

/* Six decimal numbers with a blank between; no such metadata: no convolution. */
static enum eie_status read_window(const struct eie_container_layer *in, struct eie_window *window)
{
    const char *text = eie_container_find(in, "window");
    char again[WINDOW_TEXT];
    if (!text) return EIE_OK;
    if (sscanf(text, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32,
               &window->height, &window->width, &window->channels, &window->kernel, &window->stride,
               &window->pad) == 6 &&
        eie_window_is(window) && !strcmp(text, window_text(window, again)))
        return EIE_OK;
    return eie_container_fault(in, "window", "is not six numbers");
}

static enum eie_status read_layer(const struct eie_container_layer *in, struct eie_layer **layer)
{
    static const struct {
        const char *part;
        enum eie_dtype dtype;
        uint32_t rank;
        bool optional;
    } wanted[TENSOR_PARTS] = {{"codebook", EIE_I16, 1, false},
                              {"column_start", EIE_U32, 2, false},
                              {"entries", EIE_U8, 1, false},
                              {"bias", EIE_I32, 1, true},
                              {"sample_inputs", EIE_I16, 2, true}};
    struct eie_layer parts = {.name = in->name};
    const struct eie_tensor *tensors[TENSOR_PARTS];
    const void *data[TENSOR_PARTS];
    void *copy[TENSOR_PARTS] = {0};
    if (eie_stored_is(in)) return read_stored(in, layer);
    enum eie_status status = eie_container_uint(in, "outputs", 0, UINT32_MAX, &parts.outputs);
    if (!status) status = eie_container_scalars(in, &parts);
    if (!status) status = eie_container_text(in, "source", &parts.source);
    parts.tensor = eie_container_find(in, "tensor");
    if (!status) status = read_window(in, &parts.window);
    for (int i = 0; i < TENSOR_PARTS && !status; i++) {
        status = eie_container_tensor(in, wanted[i].part, wanted[i].dtype, wanted[i].rank,
                                      wanted[i].optional, &tensors[i]);
        if (!status) status = data_of(in, tensors[i], &data[i], &copy[i]);
    }
    if (!status) status = check_shapes(in, &parts, tensors);
    if (status) goto done;
    memcpy(parts.codebook, data[0], sizeof parts.codebook);
    parts.pe_count = (uint32_t)tensors[1]->shape[0];
    parts.inputs = (uint32_t)(tensors[1]->shape[1] - 1);
    parts.column_start = data[1];
    parts.entry_count = (uint32_t)tensors[2]->shape[0];
    parts.entries = data[2];
    parts.bias = data[3];
    parts.sample_count = tensors[4] ? (uint32_t)tensors[4]->shape[0] : 0;
    parts.sample_inputs = data[4];
    status = eie_layer_create(&parts, layer, in->error);
    if (status) eie_error_prefix(in->error, status, "%s", in->path);
done:
    for (int i = 0; i < TENSOR_PARTS; i++) free(copy[i]);
    return status;
}

/* What is made of the layers of a file: items[count] of `item_size` bytes. */
struct target {
    size_t item_size;
    void **items;
    uint32_t *count;
    enum eie_status (*read)(const struct eie_container_layer *in, void *item);
    enum eie_status (*read_part)(const struct eie_network_file *network, uint32_t part,
                                 const char *path, void *item, struct eie_error *error);
};

/* The parts of a file in the form `network`. */
static enum eie_status read_parts(const struct eie_safetensors *file, const char *path,
                                  const struct target *target, struct eie_error *error)
{
    struct eie_network_file network;
    enum eie_status status = eie_network_file_of(file, path, &network, NULL, error);
    if (status) return status;
    *target->items = calloc(network.part_count, target->item_size);
    if (!*target->items) status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    for (uint32_t p = 0; p < network.part_count && !status; p++) {
        void *item = (char *)*target->items + p * target->item_size;
        status = target->read_part(&network, p, path, item, error);
        *target->count += !status;
    }
    eie_network_file_free(&network);
    return status;
}

/* The names, to be freed, and how many there are at most. */
static enum eie_status list_names(const struct eie_safetensors *file, const char *path,
                                  char **names, size_t *count_max, struct eie_error *error)
{
    const char *list = eie_safetensors_metadata(file, "eie.layers");
    const size_t length = list ? strlen(list) : 0;
    *names = NULL;
    if (!length || *list == ',' || list[length - 1] == ',' || strstr(list, ",,"))
        return eie_fail(error, EIE_INPUT, "%s: metadata 'eie.layers' is missing%s", path,
                        length ? " a name" : "");
    *names = strdup(list);
    *count_max = length / 2 + 1;
    return *names ? EIE_OK : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
}

static enum eie_status read_names(const struct eie_safetensors *file, const char *path, char *names,
                                  const struct target *target, struct eie_error *error)
{
    uint32_t used = 0;
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        for (const char *other = names; other < name; other += strlen(other) + 1)
            if (!strcmp(other, name))
                return eie_fail(error, EIE_INPUT, "%s: layer %s stands twice", path, name);
        if (strlen(name) >= EIE_NAME_MAX)
            return eie_fail(error, EIE_INPUT, "%s: a layer's name is too long", path);
        const struct eie_container_layer in = {file, path, name, &used, error};
        enum eie_status status =
            target->read(&in, (char *)*target->items + *target->count * target->item_size);
        if (status) return status;
        ++*target->count;
    }
    return used == file->tensor_count
               ? EIE_OK
               : eie_fail(error, EIE_INPUT, "%s: %u tensors belong to no layer", path,
                          file->tensor_count - used);
}

/* On failure what was read until then is in `target`. */
static enum eie_status read_file(struct eie_bytes *bytes, const char *path,
                                 const struct target *target, struct eie_error *error)
{
    struct eie_safetensors file;
    char *names = NULL;
    size_t count_max = 0;
    enum eie_status status = eie_safetensors_parse(bytes, path, &file, error);
    if (status) return status;
    if (eie_network_file_is(&file)) {
        status = read_parts(&file, path, target, error);
        eie_safetensors_free(&file);
        return status;
    }
    status = eie_container_check(&file, path, error);
    if (!status) status = list_names(&file, path, &names, &count_max, error);
    if (!status) {
        *target->items = calloc(count_max, target->item_size);
        status = *target->items ? read_names(&file, path, names, target, error)
                                : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    }
    free(names);
    eie_safetensors_free(&file);
    return status;
}

static enum eie_status read_as_layer(const struct eie_container_layer *in, void *item)
{
    struct eie_layer **layer = item;
    enum eie_status status = read_layer(in, layer);
    return status ? status : checked(in, layer);
}

static enum eie_status read_part_as_layer(const struct eie_network_file *network, uint32_t part,
                                          const char *path, void *item, struct eie_error *error)
{
    return eie_network_layer(network, part, path, item, error);
}

enum eie_status eie_layer_file_parse(struct eie_bytes *bytes, const char *path,
                                     struct eie_layer_set *set, struct eie_error *error)
{
    void *items = NULL;
    uint32_t count = 0;
    const struct target target = {sizeof(struct eie_layer *), &items, &count, read_as_layer,
                                  read_part_as_layer};
    enum eie_status status = read_file(bytes, path, &target, error);
    *set = (struct eie_layer_set){count, items};
    if (status) eie_layer_set_free(set);
    return status;
}

static enum eie_status read_as_matrix(const struct eie_container_layer *in, void *item)
{
    struct eie_shared *matrix = item;
    struct eie_stored stored;
    struct eie_layer *layer;
    enum eie_status status;
    if (!eie_stored_is(in)) {
        status = read_as_layer(in, &layer);
        if (status) return status;
        status = eie_shared_of_layer(layer, matrix, in->error);
        eie_layer_free(layer);
        return status;
    }
    status = eie_stored_parse(in, &stored);
    if (status) return status;
    if (stored.is_layer && eie_container_find(in, EIE_LAYER_HASH_KEY)) {
        status = eie_stored_layer(&stored, &layer, in->error);
        if (!status) status = checked(in, &layer);
        if (!status) eie_layer_free(layer);
    }
    if (!status) status = eie_stored_codes(&stored, in->error);
    if (!status) {
        *matrix = stored.shared;
        stored.shared.code = NULL;
        stored.shared.bias = NULL;
    }
    eie_stored_free(&stored);
    return status;
}

static enum eie_status read_part_as_matrix(const struct eie_network_file *network, uint32_t part,
                                           const char *path, void *item, struct eie_error *error)
{
    return eie_network_shared(network, part, path, item, error);
}

enum eie_status eie_shared_file_parse(struct eie_bytes *bytes, const char *path,
                                      struct eie_shared_set *set, struct eie_error *error)
{
    void *items = NULL;
    uint32_t count = 0;
    const struct target target = {sizeof *set->matrices, &items, &count, read_as_matrix,
                                  read_part_as_matrix};
    enum eie_status status = read_file(bytes, path, &target, error);
    *set = (struct eie_shared_set){count, items};
    if (status) eie_shared_set_free(set);
    return status;
}

enum eie_status eie_shared_file_read(const char *path, struct eie_shared_set *set,
                                     struct eie_error *error)
{
    struct eie_bytes bytes;
    *set = (struct eie_shared_set){0};
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_shared_file_parse(&bytes, path, set, error);
}

void eie_shared_set_free(struct eie_shared_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) eie_shared_free(&set->matrices[i]);
    free(set->matrices);
    *set = (struct eie_shared_set){0};
}

enum eie_status eie_layer_file_read(const char *path, struct eie_layer_set *set,
                                    struct eie_error *error)
{
    struct eie_bytes bytes;
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_layer_file_parse(&bytes, path, set, error);
}

void eie_layer_set_free(struct eie_layer_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) eie_layer_free(set->layers[i]);
    free(set->layers);
    *set = (struct eie_layer_set){0};
}

/* ---- writing -------------------------------------------------------------------------------- */

static void add_layer(struct eie_container_writer *out, const struct eie_layer *layer)
{
    const uint64_t inputs = layer->inputs;
    const struct {
        const char *part;
        struct eie_tensor tensor;
    } all[TENSOR_PARTS] = {
        {"column_start", {NULL, EIE_U32, 2, {layer->pe_count, inputs + 1}, layer->column_start, 0}},
        {"bias", {NULL, EIE_I32, 1, {layer->outputs}, layer->bias, 0}},
        {"codebook", {NULL, EIE_I16, 1, {EIE_CODEBOOK_SIZE}, layer->codebook, 0}},
        {"sample_inputs",
         {NULL, EIE_I16, 2, {layer->sample_count, inputs}, layer->sample_inputs, 0}},
        {"entries", {NULL, EIE_U8, 1, {layer->entry_count}, layer->entries, 0}},
    };
    for (int i = 0; i < TENSOR_PARTS; i++)
        eie_container_add_tensor(out, layer->name, all[i].part, all[i].tensor);
    eie_container_add_uint(out, layer->name, "outputs", layer->outputs);
    eie_container_add_scalars(out, layer);
    eie_container_add_text(out, layer->name, "source", layer->source);
    if (layer->tensor) eie_container_add_text(out, layer->name, "tensor", layer->tensor);
    char window[WINDOW_TEXT];
    if (eie_window_is(&layer->window))
        eie_container_add_text(out, layer->name, "window", window_text(&layer->window, window));
}

enum eie_status eie_layer_file_write_parts(const char *path, const struct eie_layer *const *layers,
                                           uint32_t count, struct eie_file_parts *parts,
                                           struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    struct eie_container_writer out;
    if (!count) return eie_fail(error, EIE_USAGE, "%s: no layer to write", path);
    eie_container_begin(path, count, TENSOR_PARTS, &out);
    for (uint32_t i = 0; i < count && !status; i++) {
        status = eie_container_add(&out, layers[i]->name, error);
        if (status) break;
        add_layer(&out, layers[i]);
        status = eie_container_add_hash(&out, layers[i], error);
    }
    if (!status) status = eie_container_write(&out, parts, error);
    eie_container_free(&out);
    return status;
}

enum eie_status eie_layer_file_write(const char *path, const struct eie_layer *const *layers,
                                     uint32_t count, struct eie_error *error)
{
    return eie_layer_file_write_parts(path, layers, count, NULL, error);
}
