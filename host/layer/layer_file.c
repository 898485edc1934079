#include "host/layer/layer_file.h"
#include "host/base/sha256.h"
#include "host/layer/safetensors.h"
#include "host/layer/stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT       "1"
#define KEY_MAX      (EIE_NAME_MAX + 32)
#define TENSOR_PARTS 5

static void key_of(char key[KEY_MAX], const char *layer, const char *part)
{
    snprintf(key, KEY_MAX, "%s.%s", layer, part);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reading {
    const char *path;
    const struct eie_safetensors *file;
    struct eie_error *error;
};

static enum eie_status metadata(const struct reading *in, const char *layer, const char *part,
                                const char **value)
{
    char key[KEY_MAX];
    key_of(key, layer, part);
    *value = eie_safetensors_metadata(in->file, key);
    return *value ? EIE_OK
                  : eie_fail(in->error, EIE_INPUT, "%s: metadata '%s' is missing", in->path, key);
}

static enum eie_status metadata_uint(const struct reading *in, const char *layer, const char *part,
                                     uint32_t *value)
{
    const char *text;
    enum eie_status status = metadata(in, layer, part, &text);
    if (status) return status;
    uint64_t number = 0;
    const size_t digits = strspn(text, "0123456789");
    if (digits && digits <= 10 && !text[digits])
        number = strtoull(text, NULL, 10);
    else
        number = UINT64_MAX;
    if (number > UINT32_MAX)
        return eie_fail(in->error, EIE_INPUT, "%s: metadata '%s.%s' is not a 32-bit number",
                        in->path, layer, part);
    *value = (uint32_t)number;
    return EIE_OK;
}

/* The tensor layer.part of the given type and rank; *tensor is NULL when it is absent and optional.
 * An unaligned one is copied to where its type may stand, `copy` is to be freed. */
static enum eie_status tensor_of(const struct reading *in, const char *layer, const char *part,
                                 enum eie_dtype dtype, uint32_t rank, bool optional,
                                 const struct eie_tensor **tensor, const void **data, void **copy)
{
    char key[KEY_MAX];
    key_of(key, layer, part);
    *tensor = eie_safetensors_find(in->file, key);
    *data = *copy = NULL;
    if (!*tensor)
        return optional
                   ? EIE_OK
                   : eie_fail(in->error, EIE_INPUT, "%s: tensor '%s' is missing", in->path, key);
    if ((*tensor)->dtype != dtype || (*tensor)->rank != rank)
        return eie_fail(in->error, EIE_INPUT, "%s: tensor '%s' is %s of rank %u, must be %s of %u",
                        in->path, key, eie_dtype_name((*tensor)->dtype), (*tensor)->rank,
                        eie_dtype_name(dtype), rank);
    *data = (*tensor)->data;
    if ((uintptr_t)*data % eie_dtype_size(dtype) == 0) return EIE_OK;
    *copy = malloc((*tensor)->size + 1);
    if (!*copy) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
    *data = memcpy(*copy, (*tensor)->data, (*tensor)->size);
    return EIE_OK;
}

static enum eie_status shape_fault(const struct reading *in, const char *layer, const char *part)
{
    return eie_fail(in->error, EIE_INPUT, "%s: tensor '%s.%s' has a shape that does not fit",
                    in->path, layer, part);
}

static enum eie_status read_scalars(const struct reading *in, const char *name,
                                    struct eie_layer *parts)
{
    const char *activation;
    enum eie_status status;
    if ((status = metadata_uint(in, name, "outputs", &parts->outputs)) ||
        (status = metadata_uint(in, name, "weight_fraction_bits", &parts->weight_fraction_bits)) ||
        (status = metadata_uint(in, name, "input_fraction_bits", &parts->input_fraction_bits)) ||
        (status = metadata_uint(in, name, "output_fraction_bits", &parts->output_fraction_bits)) ||
        (status = metadata(in, name, "source", &parts->source)) ||
        (status = metadata(in, name, "activation", &activation)))
        return status;
    if (!strcmp(activation, "relu"))
        parts->activation = EIE_ACTIVATION_RELU;
    else if (strcmp(activation, "none"))
        return eie_fail(in->error, EIE_INPUT, "%s: layer %s: unknown activation '%s'", in->path,
                        name, activation);
    return EIE_OK;
}

static enum eie_status read_stored(const struct reading *in, const char *name, uint32_t *used,
                                   struct eie_layer **layer)
{
    struct eie_stored stored;
    enum eie_status status = eie_stored_parse(in->file, in->path, name, &stored, used, in->error);
    if (status) return status;
    status = eie_stored_layer(&stored, layer, in->error);
    if (status) eie_error_prefix(in->error, status, "%s", in->path);
    eie_stored_free(&stored);
    return status;
}

static enum eie_status read_layer(const struct reading *in, const char *name, uint32_t *used,
                                  struct eie_layer **layer)
{
    struct eie_layer parts = {.name = name};
    const struct eie_tensor *codebook, *starts, *entries, *bias, *samples;
    const void *data[TENSOR_PARTS];
    void *copy[TENSOR_PARTS] = {0};
    if (eie_stored_is(in->file, name)) return read_stored(in, name, used, layer);
    enum eie_status status = read_scalars(in, name, &parts);
    if (status) return status;
    if ((status =
             tensor_of(in, name, "codebook", EIE_I16, 1, false, &codebook, &data[0], &copy[0])) ||
        (status =
             tensor_of(in, name, "column_start", EIE_U32, 2, false, &starts, &data[1], &copy[1])) ||
        (status = tensor_of(in, name, "entries", EIE_U8, 1, false, &entries, &data[2], &copy[2])) ||
        (status = tensor_of(in, name, "bias", EIE_I32, 1, true, &bias, &data[3], &copy[3])) ||
        (status =
             tensor_of(in, name, "sample_inputs", EIE_I16, 2, true, &samples, &data[4], &copy[4])))
        goto done;
    if (codebook->shape[0] != EIE_CODEBOOK_SIZE) {
        status = shape_fault(in, name, "codebook");
    } else if (!starts->shape[0] || starts->shape[0] > UINT32_MAX || starts->shape[1] < 2 ||
               starts->shape[1] > UINT32_MAX) {
        status = shape_fault(in, name, "column_start");
    } else if (entries->shape[0] > UINT32_MAX) {
        status = shape_fault(in, name, "entries");
    } else if (bias && bias->shape[0] != parts.outputs) {
        status = shape_fault(in, name, "bias");
    } else if (samples && (!samples->shape[0] || samples->shape[0] > UINT32_MAX ||
                           samples->shape[1] != starts->shape[1] - 1)) {
        status = shape_fault(in, name, "sample_inputs");
    } else {
        memcpy(parts.codebook, data[0], sizeof parts.codebook);
        parts.pe_count = (uint32_t)starts->shape[0];
        parts.inputs = (uint32_t)(starts->shape[1] - 1);
        parts.column_start = data[1];
        parts.entry_count = (uint32_t)entries->shape[0];
        parts.entries = data[2];
        parts.bias = data[3];
        parts.sample_count = samples ? (uint32_t)samples->shape[0] : 0;
        parts.sample_inputs = data[4];
        *used += 3u + (bias != NULL) + (samples != NULL);
        status = eie_layer_create(&parts, layer, in->error);
        if (status) eie_error_prefix(in->error, status, "%s", in->path);
    }
done:
    for (int i = 0; i < TENSOR_PARTS; i++) free(copy[i]);
    return status;
}

static enum eie_status check_file(const struct reading *in)
{
    const char *format = eie_safetensors_metadata(in->file, "eie.format");
    const char *stated = eie_safetensors_metadata(in->file, "eie.sha256");
    struct eie_hash hash;
    if (!format || !stated)
        return eie_fail(in->error, EIE_INPUT,
                        "%s: a safetensors file, but not of eiebench (no eie.format or eie.sha256 "
                        "in its metadata)",
                        in->path);
    if (strcmp(format, FORMAT))
        return eie_fail(in->error, EIE_INPUT, "%s: format '%s', this program reads '" FORMAT "'",
                        in->path, format);
    enum eie_status status = eie_sha256_of(in->file->data, in->file->data_size, &hash, in->error);
    if (!status && strcmp(hash.hex, stated))
        return eie_fail(in->error, EIE_INPUT,
                        "%s: damaged: its data do not have the SHA-256 that its header states",
                        in->path);
    return status;
}

/* Calls `read` for each name of eie.layers: `index` counts from 0 to fewer than the names' length.
 */
typedef enum eie_status (*layer_reader)(const struct reading *in, const char *name, uint32_t index,
                                        uint32_t *used, void *context);

static enum eie_status read_names(const struct reading *in, char *names, layer_reader read,
                                  void *context)
{
    uint32_t used = 0, count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        for (const char *other = names; other < name; other += strlen(other) + 1)
            if (!strcmp(other, name))
                return eie_fail(in->error, EIE_INPUT, "%s: layer %s stands twice", in->path, name);
        if (strlen(name) >= EIE_NAME_MAX)
            return eie_fail(in->error, EIE_INPUT, "%s: a layer's name is too long", in->path);
        enum eie_status status = read(in, name, count++, &used, context);
        if (status) return status;
    }
    return used == in->file->tensor_count
               ? EIE_OK
               : eie_fail(in->error, EIE_INPUT, "%s: %u tensors belong to no layer", in->path,
                          in->file->tensor_count - used);
}

/* The names, to be freed, and how many there are at most. */
static enum eie_status list_names(const struct reading *in, char **names, size_t *count_max)
{
    const char *list = eie_safetensors_metadata(in->file, "eie.layers");
    const size_t length = list ? strlen(list) : 0;
    *names = NULL;
    if (!length || *list == ',' || list[length - 1] == ',' || strstr(list, ",,"))
        return eie_fail(in->error, EIE_INPUT, "%s: metadata 'eie.layers' is missing%s", in->path,
                        length ? " a name" : "");
    *names = strdup(list);
    *count_max = length / 2 + 1;
    return *names ? EIE_OK : eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
}

static enum eie_status add_layer(const struct reading *in, const char *name, uint32_t index,
                                 uint32_t *used, void *context)
{
    struct eie_layer_set *set = context;
    enum eie_status status = read_layer(in, name, used, &set->layers[index]);
    if (!status) set->count = index + 1;
    return status;
}

enum eie_status eie_layer_file_parse(struct eie_bytes *bytes, const char *path,
                                     struct eie_layer_set *set, struct eie_error *error)
{
    struct eie_safetensors file;
    const struct reading in = {path, &file, error};
    char *names = NULL;
    size_t count_max = 0;
    *set = (struct eie_layer_set){0};
    enum eie_status status = eie_safetensors_parse(bytes, path, &file, error);
    if (status) return status;
    status = check_file(&in);
    if (!status) status = list_names(&in, &names, &count_max);
    if (!status) {
        set->layers = calloc(count_max, sizeof(struct eie_layer *));
        status = set->layers ? read_names(&in, names, add_layer, set)
                             : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    }
    if (status) eie_layer_set_free(set);
    free(names);
    eie_safetensors_free(&file);
    return status;
}

static enum eie_status add_matrix(const struct reading *in, const char *name, uint32_t index,
                                  uint32_t *used, void *context)
{
    struct eie_shared_set *set = context;
    struct eie_shared *matrix = &set->matrices[index];
    struct eie_stored stored;
    struct eie_layer *layer;
    enum eie_status status;
    if (!eie_stored_is(in->file, name)) {
        status = read_layer(in, name, used, &layer);
        if (status) return status;
        status = eie_shared_of_layer(layer, matrix, in->error);
        eie_layer_free(layer);
    } else {
        status = eie_stored_parse(in->file, in->path, name, &stored, used, in->error);
        if (status) return status;
        status = eie_stored_codes(&stored, in->error);
        if (!status) {
            *matrix = stored.shared;
            stored.shared.code = NULL;
            stored.shared.bias = NULL;
        }
        eie_stored_free(&stored);
    }
    if (!status) set->count = index + 1;
    return status;
}

enum eie_status eie_shared_file_read(const char *path, struct eie_shared_set *set,
                                     struct eie_error *error)
{
    struct eie_bytes bytes;
    struct eie_safetensors file;
    const struct reading in = {path, &file, error};
    char *names = NULL;
    size_t count_max = 0;
    *set = (struct eie_shared_set){0};
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    if (!status) status = eie_safetensors_parse(&bytes, path, &file, error);
    if (status) return status;
    status = check_file(&in);
    if (!status) status = list_names(&in, &names, &count_max);
    if (!status) {
        set->matrices = calloc(count_max, sizeof *set->matrices);
        status = set->matrices ? read_names(&in, names, add_matrix, set)
                               : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    }
    if (status) eie_shared_set_free(set);
    free(names);
    eie_safetensors_free(&file);
    return status;
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

static uint32_t list_tensors(const struct eie_layer *layer, char (*keys)[KEY_MAX],
                             struct eie_tensor *tensors)
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
    uint32_t count = 0;
    for (int i = 0; i < TENSOR_PARTS; i++) {
        if (!all[i].tensor.data) continue; /* no bias, no samples */
        key_of(keys[count], layer->name, all[i].part);
        tensors[count] = all[i].tensor;
        tensors[count].name = keys[count];
        tensors[count].size = eie_dtype_size(all[i].tensor.dtype);
        for (uint32_t d = 0; d < all[i].tensor.rank; d++)
            tensors[count].size *= all[i].tensor.shape[d];
        count++;
    }
    return count;
}

/* Widest type first, so that each tensor lies aligned; stable among equals. */
static void sort_by_width(struct eie_tensor *tensors, uint32_t count, struct eie_tensor *scratch)
{
    uint32_t n = 0;
    for (uint32_t width = 8; width; width /= 2)
        for (uint32_t i = 0; i < count; i++)
            if (eie_dtype_size(tensors[i].dtype) == width) scratch[n++] = tensors[i];
    memcpy(tensors, scratch, count * sizeof *tensors);
}

static int set_text(json_t *object, const char *layer, const char *part, const char *text)
{
    char key[KEY_MAX];
    key_of(key, layer, part);
    return json_object_set_new(object, key, json_string(text));
}

static int set_uint(json_t *object, const char *layer, const char *part, uint32_t number)
{
    char text[16];
    snprintf(text, sizeof text, "%" PRIu32, number);
    return set_text(object, layer, part, text);
}

static int describe_layer(json_t *object, const struct eie_layer *layer)
{
    const char *name = layer->name;
    return set_uint(object, name, "outputs", layer->outputs) ||
           set_text(object, name, "activation",
                    layer->activation == EIE_ACTIVATION_RELU ? "relu" : "none") ||
           set_uint(object, name, "weight_fraction_bits", layer->weight_fraction_bits) ||
           set_uint(object, name, "input_fraction_bits", layer->input_fraction_bits) ||
           set_uint(object, name, "output_fraction_bits", layer->output_fraction_bits) ||
           set_text(object, name, "source", layer->source);
}

static enum eie_status hash_tensors(const struct eie_tensor *tensors, uint32_t count,
                                    struct eie_hash *hash, struct eie_error *error)
{
    struct eie_sha256 *sha;
    enum eie_status status = eie_sha256_begin(&sha, error);
    if (status) return status;
    for (uint32_t i = 0; !status && i < count; i++)
        status = eie_sha256_add(sha, tensors[i].data, tensors[i].size, error);
    if (!status) return eie_sha256_end(sha, hash, error);
    eie_sha256_free(sha);
    return status;
}

enum eie_status eie_layer_file_write(const char *path, const struct eie_layer *const *layers,
                                     uint32_t count, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    struct eie_hash hash;
    if (!count) return eie_fail(error, EIE_USAGE, "%s: no layer to write", path);
    const size_t room = (size_t)count * TENSOR_PARTS + 1;
    struct eie_tensor *tensors = calloc(2 * room, sizeof *tensors);
    char(*keys)[KEY_MAX] = calloc(room, sizeof *keys);
    char *names = calloc((size_t)count + 1, EIE_NAME_MAX + 1);
    json_t *object = json_object();
    uint32_t tensor_count = 0;
    bool full = !tensors || !keys || !names || !object;
    for (uint32_t i = 0; !full && i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(layers[i]->name, layers[k]->name)) continue;
            status =
                eie_fail(error, EIE_USAGE, "%s: two layers are named %s", path, layers[i]->name);
            goto done;
        }
        sprintf(names + strlen(names), "%s%s", i ? "," : "", layers[i]->name);
        tensor_count += list_tensors(layers[i], keys + tensor_count, tensors + tensor_count);
        full = describe_layer(object, layers[i]) != 0;
    }
    full = full || json_object_set_new(object, "eie.format", json_string(FORMAT)) ||
           json_object_set_new(object, "eie.layers", json_string(names));
    if (full) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
        goto done;
    }
    sort_by_width(tensors, tensor_count, tensors + room);
    status = hash_tensors(tensors, tensor_count, &hash, error);
    if (!status && json_object_set_new(object, "eie.sha256", json_string(hash.hex)))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    if (!status) status = eie_safetensors_write(path, tensors, tensor_count, object, error);
done:
    free(tensors);
    free(keys);
    free(names);
    json_decref(object);
    return status;
}
