#include "host/weights/weights.h"
#include "host/base/random.h"
#include "host/layer/layer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NORMAL_PREFIX "normal:"

const char *eie_weight_format_name(enum eie_weight_format format)
{
    static const char *const names[] = {"npy",  "npz",   "safetensors",         "Matrix Market",
                                        "smtx", "drawn", "published SqueezeNet"};
    return names[format];
}

void eie_weights_shape_text(uint32_t rank, const uint64_t *shape, char *text, size_t size)
{
    *text = 0;
    for (uint32_t d = 0; d < rank; d++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%" PRIu64, d ? " x " : "", shape[d]);
    }
}

enum eie_status eie_weights_flatten(const char *where, uint32_t rank, const uint64_t *shape,
                                    uint64_t limit, uint32_t *outputs, uint32_t *inputs,
                                    struct eie_error *error)
{
    uint64_t columns = 1, elements;
    if (!rank) return eie_fail(error, EIE_INPUT, "%s: is a single number, not a matrix", where);
    for (uint32_t d = 0; d < rank; d++)
        if (!shape[d])
            return eie_fail(error, EIE_INPUT, "%s: is empty: dimension %u is 0", where, d);
    const uint64_t rows = rank == 1 ? 1 : shape[0];
    for (uint32_t d = rank == 1 ? 0 : 1; d < rank; d++)
        if (__builtin_mul_overflow(columns, shape[d], &columns)) columns = UINT64_MAX;
    if (rows > EIE_OUTPUTS_MAX)
        return eie_fail(error, EIE_INPUT, "%s: %" PRIu64 " outputs are more than 2^26", where,
                        rows);
    if (columns >= UINT32_MAX || __builtin_mul_overflow(rows, columns, &elements) ||
        elements > limit)
        return eie_fail(error, EIE_INPUT,
                        "%s: %" PRIu64 " x %" PRIu64 " is more than the %" PRIu64
                        " elements that are read",
                        where, rows, columns, limit);
    *outputs = (uint32_t)rows;
    *inputs = (uint32_t)columns;
    return EIE_OK;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static float half_float(uint16_t half)
{
    const int exponent = half >> 10 & 31;
    const double mantissa = half & 1023;
    double value;
    if (exponent == 31)
        value = mantissa != 0 ? (double)NAN : (double)INFINITY;
    else
        value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return (float)(half & 0x8000 ? -value : value);
}

static uint64_t take_bytes(const uint8_t *at, uint32_t width, bool big_endian)
{
    uint64_t word = 0;
    if (!big_endian)
        memcpy(&word, at, width);
    else
        for (uint32_t i = 0; i < width; i++) word = word << 8 | at[i];
    return word;
}

static float convert(uint64_t word, enum eie_dtype dtype)
{
    float single;
    double wide;
    uint32_t bits = (uint32_t)word;
    switch (dtype) {
    case EIE_F16:
        return half_float((uint16_t)word);
    case EIE_BF16:
        bits <<= 16;
        memcpy(&single, &bits, sizeof single);
        return single;
    case EIE_F32:
        memcpy(&single, &bits, sizeof single);
        return single;
    case EIE_F64:
        memcpy(&wide, &word, sizeof wide);
        return (float)wide;
    case EIE_I8:
        return (float)(int8_t)word;
    case EIE_I16:
        return (float)(int16_t)word;
    case EIE_I32:
        return (float)(int32_t)word;
    case EIE_I64:
        return (float)(int64_t)word;
    default:
        return (float)word;
    }
}

/* `values` may be where the elements lie when these are 4 or 8 bytes wide. */
static void convert_all(const uint8_t *from, size_t count, const struct eie_weight_entry *entry,
                        float *values)
{
    const uint32_t width = eie_dtype_size(entry->dtype);
    if (entry->dtype == EIE_F32 && !entry->big_endian) {
        memmove(values, from, count * sizeof *values);
        return;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = convert(take_bytes(from + i * width, width, entry->big_endian), entry->dtype);
}

/* Fortran's order runs through the first dimension first. */
static void convert_fortran(const uint8_t *from, const struct eie_weights *weights,
                            const struct eie_weight_entry *entry, float *values)
{
    const uint32_t width = eie_dtype_size(entry->dtype), tile = 32;
    const uint64_t outputs = weights->outputs, inputs = weights->inputs;
    const uint64_t first = entry->rank == 1 ? 1 : outputs;
    for (uint64_t begin = 0; begin < outputs; begin += tile) {
        const uint64_t end = begin + tile < outputs ? begin + tile : outputs;
        for (uint64_t j = 0; j < inputs; j++) {
            uint64_t rest = j, place = 0; /* j counts in C's order, place in Fortran's */
            for (uint32_t d = entry->rank; d-- > 1;) {
                uint64_t stride = 1;
                for (uint32_t k = 1; k < d; k++) stride *= entry->shape[k];
                place += rest % entry->shape[d] * stride;
                rest /= entry->shape[d];
            }
            if (entry->rank == 1) place = j;
            for (uint64_t i = begin; i < end; i++)
                values[i * inputs + j] = convert(
                    take_bytes(from + (place * first + i) * width, width, entry->big_endian),
                    entry->dtype);
        }
    }
}

static enum eie_status check_finite(const char *where, const struct eie_weights *weights,
                                    struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    for (size_t begin = 0; begin < count; begin += 4096) {
        const size_t end = begin + 4096 < count ? begin + 4096 : count;
        uint32_t bad = 0;
        for (size_t i = begin; i < end; i++) { /* all ones in the exponent, without a branch */
            uint32_t bits;
            memcpy(&bits, &weights->values[i], sizeof bits);
            bad |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        for (size_t i = begin; bad && i < end; i++)
            if (!isfinite(weights->values[i]))
                return eie_fail(error, EIE_INPUT,
                                "%s: the weight in row %zu, column %zu is %s: it must be a finite "
                                "float32",
                                where, i / weights->inputs, i % weights->inputs,
                                isnan(weights->values[i]) ? "not a number" : "infinite");
    }
    return EIE_OK;
}

float eie_weights_draw(struct eie_random *random)
{
    int64_t sum = 0;
    for (int word = 0; word < 2; word++) {
        uint64_t bits = eie_random_next(random);
        for (int i = 0; i < 4; i++, bits >>= 16) sum += (int64_t)(bits & 0xFFFF);
    }
    sum = 2 * sum - 8 * 65535; /* symmetric about 0; its standard deviation is 107019 */
    return (float)(sum ? sum : 1) * (0.01f / 107019.0f);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool begins_with(const struct eie_bytes *bytes, const char *magic)
{
    const size_t length = strlen(magic);
    return bytes->size >= length && !memcmp(bytes->data, magic, length);
}

/* The name of what is alone in its file: the file's, without folder and ending. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? strndup(name, (size_t)(dot - name)) : strdup(name);
}

static enum eie_status open_single(struct eie_weight_file *file, struct eie_error *error)
{
    enum eie_status status;
    file->entries = calloc(1, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    if (file->format == EIE_WEIGHTS_NPY)
        status = eie_npy_parse(file->bytes.data, file->bytes.size, file->bytes.size, file->path,
                               file->entries, error);
    else if (file->format == EIE_WEIGHTS_MTX)
        status = eie_mtx_parse(&file->bytes, file->path, file->entries, error);
    else
        status = eie_smtx_parse(&file->bytes, file->path, file->entries, error);
    if (status) return status;
    file->count = 1;
    file->entries->name = stem_of(file->path);
    return file->entries->name ? EIE_OK
                               : eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
}

static enum eie_status open_safetensors(struct eie_weight_file *file, struct eie_error *error)
{
    enum eie_status status =
        eie_safetensors_parse(&file->bytes, file->path, &file->safetensors, error);
    if (status) return status;
    const struct eie_safetensors *in = &file->safetensors;
    if (!in->tensor_count) return eie_fail(error, EIE_INPUT, "%s: holds no tensor", file->path);
    file->entries = calloc(in->tensor_count, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (uint32_t i = 0; i < in->tensor_count; i++) {
        struct eie_weight_entry *entry = &file->entries[i];
        const struct eie_tensor *tensor = &in->tensors[i];
        *entry = (struct eie_weight_entry){
            .name = strdup(tensor->name),
            .dtype = tensor->dtype,
            .rank = tensor->rank,
            .offset = (uint64_t)((const uint8_t *)tensor->data - in->bytes.data),
            .size = tensor->size};
        memcpy(entry->shape, tensor->shape, sizeof entry->shape);
        if (!entry->name) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
        file->count++;
    }
    return EIE_OK;
}

static enum eie_status open_normal(const char *path, struct eie_weight_file *file,
                                   struct eie_error *error)
{
    uint64_t shape[2];
    int end = 0;
    const char *sizes = path + strlen(NORMAL_PREFIX);
    if (strspn(sizes, "0123456789x") != strlen(sizes) || strlen(sizes) > 24 ||
        sscanf(sizes, "%" SCNu64 "x%" SCNu64 "%n", &shape[0], &shape[1], &end) != 2 || sizes[end])
        return eie_fail(error, EIE_USAGE, "'%s' is not normal:OUTPUTSxINPUTS, as normal:300x784",
                        path);
    file->format = EIE_WEIGHTS_NORMAL;
    file->entries = calloc(1, sizeof *file->entries);
    file->path = strdup(path);
    if (!file->entries || !file->path) return eie_fail(error, EIE_MEMORY, "out of memory");
    file->entries->dtype = EIE_F32;
    file->entries->is_pattern = true;
    file->entries->rank = 2;
    memcpy(file->entries->shape, shape, sizeof shape);
    file->entries->name = strdup("normal");
    file->count = 1;
    return file->entries->name ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory");
}

enum eie_status eie_weight_file_parse(struct eie_bytes *bytes, const char *path, uint64_t limit,
                                      struct eie_weight_file *file, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    *file = (struct eie_weight_file){.path = strdup(path), .bytes = *bytes, .limit = limit};
    *bytes = (struct eie_bytes){0};
    if (!file->path)
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    else if (!file->bytes.size)
        status = eie_fail(error, EIE_INPUT, "%s: is empty", path);
    else if (begins_with(&file->bytes, "\x93NUMPY"))
        file->format = EIE_WEIGHTS_NPY, status = open_single(file, error);
    else if (eie_net_is(path))
        file->format = EIE_WEIGHTS_NET, status = eie_net_open(file, error);
    else if (begins_with(&file->bytes, "PK\x03\x04") || begins_with(&file->bytes, "PK\x05\x06"))
        file->format = EIE_WEIGHTS_NPZ, status = eie_npz_open(file, error);
    else if (begins_with(&file->bytes, "%%MatrixMarket"))
        file->format = EIE_WEIGHTS_MTX, status = open_single(file, error);
    else if (ends_in(path, ".smtx"))
        file->format = EIE_WEIGHTS_SMTX, status = open_single(file, error);
    else if (ends_in(path, ".safetensors") || (file->bytes.size > 9 && file->bytes.data[8] == '{'))
        file->format = EIE_WEIGHTS_SAFETENSORS, status = open_safetensors(file, error);
    else
        status = eie_fail(error, EIE_INPUT, "%s: is none of .npy, .npz, .safetensors, .mtx, .smtx",
                          path);
    if (status) eie_weight_file_close(file);
    return status;
}

enum eie_status eie_weight_file_open(const char *path, struct eie_weight_file *file,
                                     struct eie_error *error)
{
    struct eie_bytes bytes;
    *file = (struct eie_weight_file){.limit = EIE_WEIGHTS_MAX};
    enum eie_status status;
    if (!strncmp(path, NORMAL_PREFIX, strlen(NORMAL_PREFIX))) {
        status = open_normal(path, file, error);
        if (status) eie_weight_file_close(file);
        return status;
    }
    status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_weight_file_parse(&bytes, path, EIE_WEIGHTS_MAX, file, error);
}

void eie_weight_file_close(struct eie_weight_file *file)
{
    if (file->format == EIE_WEIGHTS_NPZ) eie_npz_close(file);
    for (uint32_t i = 0; i < file->count; i++) free(file->entries[i].name);
    free(file->entries);
    free(file->path);
    eie_safetensors_free(&file->safetensors);
    eie_bytes_free(&file->bytes);
    *file = (struct eie_weight_file){0};
}

/* ---- loading -------------------------------------------------------------------------------- */

static float *new_values(const struct eie_weights *weights)
{
    const size_t bytes = (size_t)weights->outputs * weights->inputs * sizeof(float);
    return aligned_alloc(64, (bytes / 64 + 1) * 64);
}

static enum eie_status no_memory(const char *where, const struct eie_weights *weights,
                                 struct eie_error *error)
{
    return eie_fail(error, EIE_MEMORY, "%s: out of memory for %u x %u weights", where,
                    weights->outputs, weights->inputs);
}

/* Elements that lie in `bytes`; with `own` these may become the matrix and are taken over. */
static enum eie_status load_elements(struct eie_bytes *bytes, const struct eie_weight_entry *entry,
                                     bool own, const char *where, struct eie_weights *weights,
                                     struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    const uint8_t *from = bytes->data + entry->offset;
    if (own && !entry->fortran_order && eie_dtype_size(entry->dtype) >= sizeof(float)) {
        weights->values = (float *)(void *)bytes->data;
        convert_all(from, count, entry, weights->values);
        *bytes = (struct eie_bytes){0};
        return EIE_OK;
    }
    weights->values = new_values(weights);
    if (!weights->values) return no_memory(where, weights, error);
    if (entry->fortran_order)
        convert_fortran(from, weights, entry, weights->values);
    else
        convert_all(from, count, entry, weights->values);
    return EIE_OK;
}

static enum eie_status load_text(struct eie_weight_file *file, uint64_t seed,
                                 struct eie_weights *weights, struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    struct eie_random random;
    if ((double)count * sizeof(float) > memory) /* a few bytes can ask for that much */
        return eie_fail(error, EIE_INPUT, "%s: %u x %u weights are more than this machine's memory",
                        file->path, weights->outputs, weights->inputs);
    weights->values =
        file->format == EIE_WEIGHTS_NORMAL ? new_values(weights) : calloc(count, sizeof(float));
    if (!weights->values) return no_memory(file->path, weights, error);
    if (file->format == EIE_WEIGHTS_MTX)
        return eie_mtx_load(&file->bytes, file->path, seed, weights, error);
    if (file->format == EIE_WEIGHTS_SMTX)
        return eie_smtx_load(&file->bytes, file->path, seed, weights, error);
    eie_random_seed(&random, seed);
    for (size_t i = 0; i < count; i++) weights->values[i] = eie_weights_draw(&random);
    return EIE_OK;
}

enum eie_status eie_weight_file_load(struct eie_weight_file *file, uint32_t index, uint64_t seed,
                                     bool last, struct eie_weights *weights,
                                     struct eie_error *error)
{
    const struct eie_weight_entry *entry = &file->entries[index];
    char where[1200];
    struct eie_bytes unpacked = {0};
    snprintf(where, sizeof where, "%.700s%s%.400s", file->path, file->count > 1 ? ": " : "",
             file->count > 1 ? entry->name : "");
    *weights = (struct eie_weights){.rank = entry->rank, .values_drawn = entry->is_pattern};
    memcpy(weights->shape, entry->shape, sizeof weights->shape);
    enum eie_status status = eie_weights_flatten(where, entry->rank, entry->shape, file->limit,
                                                 &weights->outputs, &weights->inputs, error);
    if (status) return status;
    weights->name = strdup(entry->name);
    if (!weights->name) return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    switch (file->format) {
    case EIE_WEIGHTS_NPZ:
        status = eie_npz_read(file, index, &unpacked, error);
        if (!status && last) {
            eie_npz_close(file);
            eie_bytes_free(&file->bytes);
        }
        if (!status) status = load_elements(&unpacked, entry, true, where, weights, error);
        eie_bytes_free(&unpacked);
        break;
    case EIE_WEIGHTS_NPY:
        status = load_elements(&file->bytes, entry, last, where, weights, error);
        break;
    case EIE_WEIGHTS_SAFETENSORS:
        status = load_elements(&file->safetensors.bytes, entry, last, where, weights, error);
        break;
    case EIE_WEIGHTS_NET:
        weights->values = new_values(weights);
        status = weights->values ? eie_net_load(file, index, weights->values, error)
                                 : no_memory(where, weights, error);
        break;
    default:
        status = load_text(file, seed, weights, error);
    }
    if (last) {
        eie_bytes_free(&file->bytes);
        eie_safetensors_free(&file->safetensors);
    }
    if (!status) status = check_finite(where, weights, error);
    if (status) eie_weights_free(weights);
    return status;
}

void eie_weights_free(struct eie_weights *weights)
{
    free(weights->name);
    free(weights->values);
    *weights = (struct eie_weights){0};
}
