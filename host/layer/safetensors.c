#include "host/layer/safetensors.h"
#include "host/base/foreign.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX   (100u << 20) /* as the format's own library */
#define METADATA_KEY "__metadata__"

static const struct {
    const char *name;
    uint32_t size;
} dtypes[EIE_DTYPE_COUNT + 1] = {
    [EIE_U8] = {"U8", 1},
    [EIE_I8] = {"I8", 1},
    [EIE_I16] = {"I16", 2},
    [EIE_U16] = {"U16", 2},
    [EIE_I32] = {"I32", 4},
    [EIE_U32] = {"U32", 4},
    [EIE_I64] = {"I64", 8},
    [EIE_U64] = {"U64", 8},
    [EIE_F16] = {"F16", 2},
    [EIE_BF16] = {"BF16", 2},
    [EIE_F32] = {"F32", 4},
    [EIE_F64] = {"F64", 8},
    [EIE_DTYPE_UNREAD] = {"another type", 0},
};

/* Those of safetensors 0.8 beyond the ones that are read here. */
static const struct {
    const char *name;
    uint32_t bits;
} unread[] = {{"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},
              {"F8_E5M2", 8},     {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
              {"F8_E5M2FNUZ", 8}, {"C64", 64}};

uint32_t eie_dtype_size(enum eie_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *eie_dtype_name(enum eie_dtype dtype)
{
    return dtypes[dtype].name;
}

/* Bits of one element; 0: not known. */
static uint32_t dtype_of(const char *name, enum eie_dtype *dtype)
{
    for (int i = 0; i < EIE_DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, name)) continue;
        *dtype = (enum eie_dtype)i;
        return 8 * dtypes[i].size;
    }
    *dtype = EIE_DTYPE_UNREAD;
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        if (!strcmp(unread[i].name, name)) return unread[i].bits;
    return 0;
}

/* A non-negative JSON integer. */
static bool unsigned_of(const json_t *value, uint64_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

/* Fills rank and shape; *bytes is what the shape needs, where `bits` of an element are known. */
static enum eie_status parse_shape(const char *path, const json_t *shape, uint32_t bits,
                                   struct eie_tensor *tensor, uint64_t *bytes,
                                   struct eie_error *error)
{
    uint64_t elements = 1, size;
    const size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > UINT32_MAX)
        return eie_fail(error, EIE_INPUT, "%s: tensor '%s': shape must be a list", path,
                        tensor->name);
    tensor->rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        if (!unsigned_of(json_array_get(shape, i), &size) ||
            __builtin_mul_overflow(elements, size, &elements))
            return eie_fail(error, EIE_INPUT, "%s: tensor '%s': impossible shape", path,
                            tensor->name);
        if (i < EIE_TENSOR_RANK_MAX) tensor->shape[i] = size;
    }
    const bool whole_bytes = bits % 8 == 0;
    if (__builtin_mul_overflow(elements, (uint64_t)(whole_bytes ? bits / 8 : bits), bytes) ||
        (!whole_bytes && *bytes % 8))
        return eie_fail(error, EIE_INPUT, "%s: tensor '%s': impossible shape", path, tensor->name);
    if (!whole_bytes) *bytes /= 8;
    return EIE_OK;
}

static enum eie_status parse_tensor(const char *path, const char *name, const json_t *value,
                                    struct eie_safetensors *file, struct eie_tensor *tensor,
                                    struct eie_error *error)
{
    const json_t *offsets = json_object_get(value, "data_offsets");
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    uint64_t size = 0, begin, end;
    *tensor = (struct eie_tensor){.name = name};
    if (!dtype) return eie_fail(error, EIE_INPUT, "%s: tensor '%s': missing dtype", path, name);
    const uint32_t bits = dtype_of(dtype, &tensor->dtype);
    enum eie_status status =
        parse_shape(path, json_object_get(value, "shape"), bits, tensor, &size, error);
    if (status) return status;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !unsigned_of(json_array_get(offsets, 0), &begin) ||
        !unsigned_of(json_array_get(offsets, 1), &end) || begin > end)
        return eie_fail(error, EIE_INPUT, "%s: tensor '%s': bad data_offsets", path, name);
    if (end > file->data_size)
        return eie_fail(error, EIE_INPUT,
                        "%s: tensor '%s' ends at byte %llu of the data, but the file has only %zu; "
                        "it is truncated or its header lies",
                        path, name, (unsigned long long)end, file->data_size);
    if (bits && end - begin != size)
        return eie_fail(error, EIE_INPUT,
                        "%s: tensor '%s': shape and dtype need %llu bytes, data_offsets give %llu",
                        path, name, (unsigned long long)size, (unsigned long long)(end - begin));
    tensor->data = file->data + begin;
    tensor->size = end - begin;
    return EIE_OK;
}

static int by_position(const void *a, const void *b)
{
    const struct eie_tensor *x = a, *y = b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size;
}

/* Tensors must cover the data without a gap or an overlap. Sorts them by position. */
static enum eie_status check_cover(const char *path, struct eie_safetensors *file,
                                   struct eie_error *error)
{
    if (file->tensor_count)
        qsort(file->tensors, file->tensor_count, sizeof *file->tensors, by_position);
    const uint8_t *next = file->data;
    for (uint32_t i = 0; i < file->tensor_count; i++) {
        if ((const uint8_t *)file->tensors[i].data != next)
            return eie_fail(error, EIE_INPUT, "%s: tensor '%s' leaves a gap or overlaps", path,
                            file->tensors[i].name);
        next += file->tensors[i].size;
    }
    if (next != file->data + file->data_size)
        return eie_fail(error, EIE_INPUT, "%s: %zu bytes behind the last tensor", path,
                        (size_t)(file->data + file->data_size - next));
    return EIE_OK;
}

static enum eie_status parse_header(const char *path, struct eie_safetensors *file,
                                    struct eie_error *error)
{
    const char *name;
    json_t *value;
    file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
    if (!file->tensors) return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    json_object_foreach(file->header, name, value)
    {
        if (!strcmp(name, METADATA_KEY)) {
            const char *key;
            json_t *text;
            if (json_is_null(value)) continue;
            if (!json_is_object(value))
                return eie_fail(error, EIE_INPUT, "%s: %s is not an object", path, METADATA_KEY);
            json_object_foreach(value, key, text) if (!json_is_string(text)) return eie_fail(
                error, EIE_INPUT, "%s: metadata '%s' is not a string", path, key);
            continue;
        }
        enum eie_status status =
            parse_tensor(path, name, value, file, &file->tensors[file->tensor_count], error);
        if (status) return status;
        file->tensor_count++;
    }
    return check_cover(path, file, error);
}

enum eie_status eie_safetensors_parse(struct eie_bytes *bytes, const char *path,
                                      struct eie_safetensors *file, struct eie_error *error)
{
    enum eie_status status = EIE_INPUT;
    json_error_t fault;
    uint64_t header_size = 0;
    *file = (struct eie_safetensors){.bytes = *bytes};
    *bytes = (struct eie_bytes){0};
    if (file->bytes.size >= sizeof header_size)
        memcpy(&header_size, file->bytes.data, sizeof header_size);
    const bool is_short = file->bytes.size < sizeof header_size + 2;
    if (is_short || header_size > file->bytes.size - sizeof header_size ||
        header_size > HEADER_MAX) {
        const char *foreign = eie_foreign_file(path, file->bytes.data, file->bytes.size);
        if (foreign)
            eie_fail(error, status, "%s: %s", path, foreign);
        else if (is_short)
            eie_fail(error, status, "%s: too short for a safetensors file (%zu bytes)", path,
                     file->bytes.size);
        else
            eie_fail(error, status,
                     "%s: header of %llu bytes does not fit a file of %zu; not a safetensors file, "
                     "or truncated",
                     path, (unsigned long long)header_size, file->bytes.size);
        goto fail;
    }
    file->data = file->bytes.data + sizeof header_size + header_size;
    file->data_size = file->bytes.size - sizeof header_size - (size_t)header_size;
    file->header = json_loadb((const char *)file->bytes.data + sizeof header_size,
                              (size_t)header_size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(file->header)) {
        eie_fail(error, status, "%s: header is not a JSON object: %s", path,
                 file->header ? "wrong type" : fault.text);
        goto fail;
    }
    status = parse_header(path, file, error);
    if (!status) return EIE_OK;
fail:
    eie_safetensors_free(file);
    return status;
}

enum eie_status eie_safetensors_read(const char *path, struct eie_safetensors *file,
                                     struct eie_error *error)
{
    struct eie_bytes bytes;
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_safetensors_parse(&bytes, path, file, error);
}

void eie_safetensors_free(struct eie_safetensors *file)
{
    json_decref(file->header);
    free(file->tensors);
    eie_bytes_free(&file->bytes);
    *file = (struct eie_safetensors){0};
}

const struct eie_tensor *eie_safetensors_find(const struct eie_safetensors *file, const char *name)
{
    for (uint32_t i = 0; i < file->tensor_count; i++)
        if (!strcmp(file->tensors[i].name, name)) return &file->tensors[i];
    return NULL;
}

const char *eie_safetensors_dtype(const struct eie_safetensors *file,
                                  const struct eie_tensor *tensor)
{
    return json_string_value(json_object_get(json_object_get(file->header, tensor->name), "dtype"));
}

const char *eie_safetensors_metadata(const struct eie_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, METADATA_KEY), key));
}

/* ---- writing -------------------------------------------------------------------------------- */

static char *make_header(const struct eie_tensor *tensors, uint32_t count, json_t *metadata)
{
    char *text = NULL;
    uint64_t offset = 0;
    json_t *header = json_object();
    if (metadata && json_object_set(header, METADATA_KEY, metadata)) goto done;
    for (uint32_t i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (uint32_t d = 0; d < tensors[i].rank; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensors[i].shape[d]));
        json_t *value = json_pack("{s:s, s:o, s:[I, I]}", "dtype", eie_dtype_name(tensors[i].dtype),
                                  "shape", shape, "data_offsets", (json_int_t)offset,
                                  (json_int_t)(offset + tensors[i].size));
        if (json_object_set_new(header, tensors[i].name, value)) goto done;
        offset += tensors[i].size;
    }
    text = json_dumps(header, JSON_COMPACT);
done:
    json_decref(header);
    return text;
}

enum eie_status eie_safetensors_write(const char *path, const struct eie_tensor *tensors,
                                      uint32_t count, json_t *metadata, uint64_t *header_bytes,
                                      struct eie_error *error)
{
    struct eie_output output;
    char *header = make_header(tensors, count, metadata);
    if (!header) return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    enum eie_status status = eie_output_begin(path, &output, error);
    if (!status) {
        const size_t length = strlen(header);
        const uint64_t padded = (length + 7) / 8 * 8;
        /* short writes show in the stream's error flag, which commit looks at */
        fwrite(&padded, sizeof padded, 1, output.stream);
        fprintf(output.stream, "%-*s", (int)padded, header);
        if (header_bytes) *header_bytes = sizeof padded + padded;
        for (uint32_t i = 0; i < count; i++)
            if (tensors[i].size) fwrite(tensors[i].data, tensors[i].size, 1, output.stream);
        status = eie_output_commit(&output, error);
    }
    free(header);
    return status;
}
