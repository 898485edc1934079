/* NumPy's .npy: magic, version, a Python literal of three keys, elements. */
#include "host/weights/read_npy.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "\x93NUMPY"
#define MAGIC_SIZE 6

struct literal {
    const char *at, *end;
    const char *where;
    struct eie_error *error;
};

static enum eie_status fault(const struct literal *text, const char *what)
{
    return eie_fail(text->error, EIE_INPUT, "%s: .npy header: %s", text->where, what);
}

static void skip_space(struct literal *text)
{
    while (text->at < text->end && strchr(" \t\r\n", *text->at) && *text->at) text->at++;
}

static bool take(struct literal *text, char wanted)
{
    skip_space(text);
    if (text->at == text->end || *text->at != wanted) return false;
    text->at++;
    return true;
}

static bool take_word(struct literal *text, const char *word)
{
    const size_t length = strlen(word);
    skip_space(text);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length)) return false;
    text->at += length;
    return true;
}

/* A quoted string without escapes, as NumPy writes them. */
static bool take_string(struct literal *text, char *string, size_t size)
{
    skip_space(text);
    if (text->at == text->end || (*text->at != '\'' && *text->at != '"')) return false;
    const char quote = *text->at++;
    size_t length = 0;
    while (text->at < text->end && *text->at != quote) {
        if (length + 1 >= size || !*text->at || *text->at == '\\') return false;
        string[length++] = *text->at++;
    }
    string[length] = 0;
    return take(text, quote);
}

static bool take_number(struct literal *text, uint64_t *number)
{
    skip_space(text);
    if (text->at == text->end || *text->at < '0' || *text->at > '9') return false;
    for (*number = 0; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*text->at - '0'), number))
            return false;
    if (text->at < text->end && *text->at == 'L') text->at++; /* as Python 2 wrote them */
    return true;
}

static enum eie_status take_type(struct literal *text, struct eie_weight_entry *entry)
{
    static const struct {
        const char *name;
        enum eie_dtype dtype;
    } types[] = {{"f2", EIE_F16}, {"f4", EIE_F32}, {"f8", EIE_F64}, {"i1", EIE_I8},
                 {"i2", EIE_I16}, {"i4", EIE_I32}, {"i8", EIE_I64}, {"u1", EIE_U8},
                 {"u2", EIE_U16}, {"u4", EIE_U32}, {"u8", EIE_U64}};
    char name[16];
    if (!take_string(text, name, sizeof name))
        return fault(text, "'descr' is no plain type; structured arrays are not read");
    entry->big_endian = *name == '>';
    for (size_t i = 0; strchr("<>=|", *name) && i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name + (*name != 0))) continue;
        entry->dtype = types[i].dtype;
        return EIE_OK;
    }
    if (strchr(name, 'O')) return fault(text, "holds pickled Python objects, which are not read");
    return eie_fail(text->error, EIE_INPUT,
                    "%s: .npy header: elements of type '%s' are not read, only real numbers",
                    text->where, name);
}

static enum eie_status take_shape(struct literal *text, struct eie_weight_entry *entry)
{
    if (!take(text, '(')) return fault(text, "'shape' is no tuple");
    for (entry->rank = 0; !take(text, ')'); entry->rank++) {
        if (entry->rank == EIE_TENSOR_RANK_MAX) return fault(text, "more than 8 dimensions");
        if (!take_number(text, &entry->shape[entry->rank]))
            return fault(text, "'shape' holds something else than numbers below 2^64");
        if (!take(text, ',') && (skip_space(text), text->at == text->end || *text->at != ')'))
            return fault(text, "'shape' does not end");
    }
    return EIE_OK;
}

static enum eie_status take_literal(struct literal *text, struct eie_weight_entry *entry)
{
    bool descr = false, order = false, shape = false;
    if (!take(text, '{')) return fault(text, "is no Python dictionary");
    while (!take(text, '}')) {
        enum eie_status status = EIE_OK;
        char key[32];
        if (!take_string(text, key, sizeof key) || !take(text, ':'))
            return fault(text, "a key is missing or malformed");
        if (!strcmp(key, "descr") && !descr) {
            descr = true;
            status = take_type(text, entry);
        } else if (!strcmp(key, "fortran_order") && !order) {
            order = true;
            entry->fortran_order = take_word(text, "True");
            if (!entry->fortran_order && !take_word(text, "False"))
                status = fault(text, "'fortran_order' is neither True nor False");
        } else if (!strcmp(key, "shape") && !shape) {
            shape = true;
            status = take_shape(text, entry);
        } else {
            status = eie_fail(text->error, EIE_INPUT,
                              "%s: .npy header: key '%s' is unknown or twice", text->where, key);
        }
        if (status) return status;
        if (!take(text, ',') && (skip_space(text), text->at == text->end || *text->at != '}'))
            return fault(text, "does not end");
    }
    skip_space(text);
    if (text->at != text->end) return fault(text, "something stands behind the dictionary");
    if (!descr || !order || !shape)
        return fault(text, "needs the keys descr, fortran_order and shape");
    return EIE_OK;
}

uint64_t eie_npy_elements_at(const uint8_t *bytes, size_t size)
{
    uint64_t length = 0;
    if (size < MAGIC_SIZE + 6 || memcmp(bytes, MAGIC, MAGIC_SIZE)) return 0;
    const size_t width = bytes[MAGIC_SIZE] == 1 ? 2 : 4;
    for (size_t i = 0; i < width; i++) length |= (uint64_t)bytes[MAGIC_SIZE + 2 + i] << (8 * i);
    return MAGIC_SIZE + 2 + width + length;
}

enum eie_status eie_npy_parse(const uint8_t *bytes, size_t size, uint64_t whole, const char *where,
                              struct eie_weight_entry *entry, struct eie_error *error)
{
    uint64_t elements = 1;
    if (size < MAGIC_SIZE + 4 || memcmp(bytes, MAGIC, MAGIC_SIZE))
        return eie_fail(error, EIE_INPUT, "%s: no .npy file: it does not begin with \\x93NUMPY",
                        where);
    const unsigned version = bytes[MAGIC_SIZE];
    if (version < 1 || version > 3)
        return eie_fail(error, EIE_INPUT, "%s: .npy version %u; 1, 2 and 3 are read", where,
                        version);
    const size_t width = version == 1 ? 2 : 4, start = MAGIC_SIZE + 2 + width;
    uint32_t length = 0;
    for (size_t i = 0; i < width && MAGIC_SIZE + 2 + i < size; i++)
        length |= (uint32_t)bytes[MAGIC_SIZE + 2 + i] << (8 * i);
    if (size < start || length > size - start)
        return eie_fail(
            error, EIE_INPUT,
            "%s: .npy header of %u bytes does not fit; truncated, or too long to be one", where,
            length);
    struct literal text = {(const char *)bytes + start, (const char *)bytes + start + length, where,
                           error};
    entry->offset = start + length;
    enum eie_status status = take_literal(&text, entry);
    if (status) return status;
    for (uint32_t d = 0; d < entry->rank; d++)
        if (__builtin_mul_overflow(elements, entry->shape[d], &elements))
            return fault(&text, "the shape's product is beyond 64 bits");
    if (__builtin_mul_overflow(elements, eie_dtype_size(entry->dtype), &entry->size))
        return fault(&text, "the shape's product is beyond 64 bits");
    if (entry->size != whole - entry->offset)
        return eie_fail(error, EIE_INPUT,
                        "%s: shape and type need %llu bytes behind the header, there are %llu",
                        where, (unsigned long long)entry->size,
                        (unsigned long long)(whole - entry->offset));
    return EIE_OK;
}

static enum eie_status open_npy(struct eie_weight_file *file, struct eie_error *error)
{
    enum eie_status status = eie_weight_entry_alone(file, error);
    return status ? status
                  : eie_npy_parse(file->bytes.data, file->bytes.size, file->bytes.size, file->path,
                                  file->entries, error);
}

static enum eie_status load_npy(struct eie_weight_file *file, uint32_t index,
                                const struct eie_weight_loading *loading,
                                struct eie_weights *weights, struct eie_error *error)
{
    return eie_weight_elements(&file->bytes, &file->entries[index], loading->last, loading->where,
                               weights, error);
}

const struct eie_weight_reader eie_weight_reader_npy = {
    .name = "npy",
    .input = ".npy",
    .about = "one array of NumPy",
    .magic = {MAGIC},
    .open = open_npy,
    .load = load_npy,
};
