#include "host/weights/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- entries -------------------------------------------------------------------------------- */

static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t length = strlen(name);
    const bool packed = length > 3 && !strcmp(name + length - 3, ".gz");
    const char *dot = packed ? memrchr(name, '.', length - 3) : strrchr(name, '.');
    if (packed && !dot) dot = name + length - 3;
    return dot && dot > name ? strndup(name, (size_t)(dot - name)) : strdup(name);
}

enum eie_status eie_weight_entry_alone(struct eie_weight_file *file, struct eie_error *error)
{
    file->entries = calloc(1, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    file->count = 1;
    file->entries->name = stem_of(file->path);
    file->entries->named_by_file = true;
    return file->entries->name ? EIE_OK
                               : eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
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

double eie_weight_element(const uint8_t *elements, size_t index,
                          const struct eie_weight_entry *entry)
{
    const uint32_t width = eie_dtype_size(entry->dtype);
    const uint64_t word = take_bytes(elements + index * width, width, entry->big_endian);
    double wide;
    switch (entry->dtype) {
    case EIE_F64:
        memcpy(&wide, &word, sizeof wide);
        return wide;
    case EIE_I8:
        return (double)(int8_t)word;
    case EIE_I16:
        return (double)(int16_t)word;
    case EIE_I32:
        return (double)(int32_t)word;
    case EIE_I64:
        return (double)(int64_t)word;
    case EIE_U8:
    case EIE_U16:
    case EIE_U32:
    case EIE_U64:
        return (double)word;
    default:
        return (double)convert(word, entry->dtype);
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

static uint64_t count_below_float32(const uint8_t *from, size_t count,
                                    const struct eie_weight_entry *entry)
{
    uint64_t below = 0;
    for (size_t i = 0; entry->dtype == EIE_F64 && i < count; i++) {
        const uint64_t word = take_bytes(from + i * sizeof word, sizeof word, entry->big_endian);
        double given;
        memcpy(&given, &word, sizeof given);
        below += eie_weights_below_float32(given);
    }
    return below;
}

enum eie_status eie_weight_elements(struct eie_bytes *bytes, const struct eie_weight_entry *entry,
                                    bool own, const char *where, struct eie_weights *weights,
                                    struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    const uint8_t *from = bytes->data + entry->offset;
    weights->below_float32 = count_below_float32(from, count, entry);
    if (own && !entry->fortran_order && eie_dtype_size(entry->dtype) >= sizeof(float)) {
        weights->values = (float *)(void *)bytes->data;
        convert_all(from, count, entry, weights->values);
        *bytes = (struct eie_bytes){0};
        return EIE_OK;
    }
    enum eie_status status = eie_weights_allocate(where, false, weights, error);
    if (status) return status;
    if (entry->fortran_order)
        convert_fortran(from, weights, entry, weights->values);
    else
        convert_all(from, count, entry, weights->values);
    return EIE_OK;
}
