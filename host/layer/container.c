#include "host/layer/container.h"
#include "host/base/sha256.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT  "1"
#define KEY_MAX sizeof *((struct eie_container_writer *)NULL)->keys

static void key_of(char *key, const char *layer, const char *part)
{
    snprintf(key, KEY_MAX, "%s.%s", layer, part);
}

/* ---- reading -------------------------------------------------------------------------------- */

enum eie_status eie_container_check(const struct eie_safetensors *file, const char *path,
                                    struct eie_error *error)
{
    const char *format = eie_safetensors_metadata(file, "eie.format");
    const char *stated = eie_safetensors_metadata(file, "eie.sha256");
    struct eie_hash hash;
    if (!format || !stated)
        return eie_fail(error, EIE_INPUT,
                        "%s: a safetensors file, but not of eiebench (no eie.format or eie.sha256 "
                        "in its metadata)",
                        path);
    if (strcmp(format, FORMAT))
        return eie_fail(error, EIE_INPUT, "%s: format '%s', this program reads '" FORMAT "'", path,
                        format);
    enum eie_status status = eie_sha256_of(file->data, file->data_size, &hash, error);
    if (!status && strcmp(hash.hex, stated))
        return eie_fail(error, EIE_INPUT,
                        "%s: damaged: its data do not have the SHA-256 that its header states",
                        path);
    return status;
}

const char *eie_container_find(const struct eie_container_layer *in, const char *part)
{
    char key[KEY_MAX];
    key_of(key, in->name, part);
    return eie_safetensors_metadata(in->file, key);
}

enum eie_status eie_container_text(const struct eie_container_layer *in, const char *part,
                                   const char **text)
{
    *text = eie_container_find(in, part);
    return *text ? EIE_OK
                 : eie_fail(in->error, EIE_INPUT, "%s: metadata '%s.%s' is missing", in->path,
                            in->name, part);
}

enum eie_status eie_container_uint(const struct eie_container_layer *in, const char *part,
                                   uint32_t low, uint32_t high, uint32_t *number)
{
    const char *text;
    enum eie_status status = eie_container_text(in, part, &text);
    if (status) return status;
    const size_t digits = strspn(text, "0123456789");
    const uint64_t value =
        digits && digits <= 10 && !text[digits] ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (value < low || value > high)
        return eie_fail(in->error, EIE_INPUT,
                        "%s: metadata '%s.%s' is not a number from %" PRIu32 " to %" PRIu32,
                        in->path, in->name, part, low, high);
    *number = (uint32_t)value;
    return EIE_OK;
}

enum eie_status eie_container_scalars(const struct eie_container_layer *in, struct eie_layer *parts)
{
    const char *activation;
    enum eie_status status =
        eie_container_uint(in, "weight_fraction_bits", 0, UINT32_MAX, &parts->weight_fraction_bits);
    if (!status)
        status = eie_container_uint(in, "input_fraction_bits", 0, UINT32_MAX,
                                    &parts->input_fraction_bits);
    if (!status)
        status = eie_container_uint(in, "output_fraction_bits", 0, UINT32_MAX,
                                    &parts->output_fraction_bits);
    if (!status) status = eie_container_text(in, "activation", &activation);
    if (status) return status;
    parts->activation = strcmp(activation, "relu") ? EIE_ACTIVATION_NONE : EIE_ACTIVATION_RELU;
    if (strcmp(activation, "relu") && strcmp(activation, "none"))
        return eie_fail(in->error, EIE_INPUT, "%s: layer %s: unknown activation '%s'", in->path,
                        in->name, activation);
    return EIE_OK;
}

enum eie_status eie_container_tensor(const struct eie_container_layer *in, const char *part,
                                     enum eie_dtype dtype, uint32_t rank, bool optional,
                                     const struct eie_tensor **tensor)
{
    char key[KEY_MAX];
    key_of(key, in->name, part);
    *tensor = eie_safetensors_find(in->file, key);
    if (!*tensor)
        return optional
                   ? EIE_OK
                   : eie_fail(in->error, EIE_INPUT, "%s: tensor '%s' is missing", in->path, key);
    if ((*tensor)->dtype != dtype || (*tensor)->rank != rank)
        return eie_fail(in->error, EIE_INPUT, "%s: tensor '%s' is %s of rank %u, must be %s of %u",
                        in->path, key, eie_safetensors_dtype(in->file, *tensor), (*tensor)->rank,
                        eie_dtype_name(dtype), rank);
    ++*in->used;
    return EIE_OK;
}

enum eie_status eie_container_check_hash(const struct eie_container_layer *in, const char *part,
                                         const struct eie_hash *hash)
{
    const char *stated = eie_container_find(in, part);
    if (!stated || !strcmp(stated, hash->hex)) return EIE_OK;
    return eie_fail(in->error, EIE_INPUT,
                    "%s: damaged: what its header says of layer %s does not have the hash "
                    "'%s.%s' that it states",
                    in->path, in->name, in->name, part);
}

enum eie_status eie_container_check_layer(const struct eie_container_layer *in,
                                          const struct eie_layer *layer)
{
    struct eie_hash hash;
    if (!eie_container_find(in, EIE_LAYER_HASH_KEY)) return EIE_OK;
    enum eie_status status = eie_layer_hash(layer, &hash, in->error);
    return status ? status : eie_container_check_hash(in, EIE_LAYER_HASH_KEY, &hash);
}

enum eie_status eie_container_fault(const struct eie_container_layer *in, const char *part,
                                    const char *what)
{
    return eie_fail(in->error, EIE_INPUT, "%s: '%s.%s' %s", in->path, in->name, part, what);
}

/* ---- writing -------------------------------------------------------------------------------- */

void eie_container_begin(const char *path, uint32_t layers, uint32_t tensors_of_each,
                         struct eie_container_writer *out)
{
    const size_t room = (size_t)layers * tensors_of_each + 1;
    *out = (struct eie_container_writer){
        .path = path,
        .tensors = calloc(room, sizeof *out->tensors),
        .keys = calloc(room, sizeof *out->keys),
        .names = calloc((size_t)layers + 1, EIE_NAME_MAX + 1),
        .metadata = json_object(),
    };
    out->full = !out->tensors || !out->keys || !out->names || !out->metadata;
}

void eie_container_free(struct eie_container_writer *out)
{
    free(out->tensors);
    free(out->keys);
    free(out->names);
    json_decref(out->metadata);
    *out = (struct eie_container_writer){0};
}

/* Whether the comma list has the name. */
static bool is_listed(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, name, length)) return true;
    return false;
}

enum eie_status eie_container_add(struct eie_container_writer *out, const char *layer,
                                  struct eie_error *error)
{
    if (out->full) return EIE_OK;
    if (is_listed(out->names, layer))
        return eie_fail(error, EIE_USAGE, "%s: two layers are named %s", out->path, layer);
    sprintf(out->names + strlen(out->names), "%s%s", *out->names ? "," : "", layer);
    return EIE_OK;
}

void eie_container_add_tensor(struct eie_container_writer *out, const char *layer, const char *part,
                              struct eie_tensor tensor)
{
    if (out->full || !tensor.data) return;
    key_of(out->keys[out->tensor_count], layer, part);
    tensor.name = out->keys[out->tensor_count];
    tensor.size = eie_dtype_size(tensor.dtype);
    for (uint32_t d = 0; d < tensor.rank; d++) tensor.size *= tensor.shape[d];
    out->tensors[out->tensor_count++] = tensor;
}

void eie_container_add_text(struct eie_container_writer *out, const char *layer, const char *part,
                            const char *text)
{
    char key[KEY_MAX];
    key_of(key, layer, part);
    out->full = out->full || json_object_set_new(out->metadata, key, json_string(text));
}

void eie_container_add_uint(struct eie_container_writer *out, const char *layer, const char *part,
                            uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    eie_container_add_text(out, layer, part, text);
}

void eie_container_add_scalars(struct eie_container_writer *out, const struct eie_layer *layer)
{
    const char *name = layer->name;
    eie_container_add_text(out, name, "activation",
                           layer->activation == EIE_ACTIVATION_RELU ? "relu" : "none");
    eie_container_add_uint(out, name, "weight_fraction_bits", layer->weight_fraction_bits);
    eie_container_add_uint(out, name, "input_fraction_bits", layer->input_fraction_bits);
    eie_container_add_uint(out, name, "output_fraction_bits", layer->output_fraction_bits);
}

enum eie_status eie_container_add_hash(struct eie_container_writer *out,
                                       const struct eie_layer *layer, struct eie_error *error)
{
    struct eie_hash hash;
    enum eie_status status = eie_layer_hash(layer, &hash, error);
    if (!status) eie_container_add_text(out, layer->name, EIE_LAYER_HASH_KEY, hash.hex);
    return status;
}

/* Widest type first, so that each tensor lies aligned; stable among equals. */
static enum eie_status sort_by_width(struct eie_container_writer *out, struct eie_error *error)
{
    struct eie_tensor *sorted = calloc((size_t)out->tensor_count + 1, sizeof *sorted);
    uint32_t count = 0;
    if (!sorted) return eie_fail(error, EIE_MEMORY, "%s: out of memory", out->path);
    for (uint32_t width = 8; width; width /= 2)
        for (uint32_t i = 0; i < out->tensor_count; i++)
            if (eie_dtype_size(out->tensors[i].dtype) == width) sorted[count++] = out->tensors[i];
    free(out->tensors);
    out->tensors = sorted;
    return EIE_OK;
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

static enum eie_status list_parts(const struct eie_container_writer *out, uint64_t header_bytes,
                                  struct eie_file_parts *parts, struct eie_error *error)
{
    *parts = (struct eie_file_parts){json_object(), header_bytes};
    int failed =
        json_object_set_new(parts->sizes, "header", json_integer((json_int_t)header_bytes));
    for (uint32_t i = 0; i < out->tensor_count; i++) {
        failed |= json_object_set_new(parts->sizes, out->tensors[i].name,
                                      json_integer((json_int_t)out->tensors[i].size));
        parts->bytes += out->tensors[i].size;
    }
    return failed ? eie_fail(error, EIE_MEMORY, "%s: out of memory", out->path) : EIE_OK;
}

enum eie_status eie_container_write(struct eie_container_writer *out, struct eie_file_parts *parts,
                                    struct eie_error *error)
{
    struct eie_hash hash;
    uint64_t header_bytes = 0;
    if (out->full || json_object_set_new(out->metadata, "eie.format", json_string(FORMAT)) ||
        json_object_set_new(out->metadata, "eie.layers", json_string(out->names)))
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", out->path);
    enum eie_status status = sort_by_width(out, error);
    if (!status) status = hash_tensors(out->tensors, out->tensor_count, &hash, error);
    if (!status && json_object_set_new(out->metadata, "eie.sha256", json_string(hash.hex)))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", out->path);
    if (!status)
        status = eie_safetensors_write(out->path, out->tensors, out->tensor_count, out->metadata,
                                       &header_bytes, error);
    return status || !parts ? status : list_parts(out, header_bytes, parts, error);
}
