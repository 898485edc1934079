/* Matrix Market (https://math.nist.gov/MatrixMarket/formats.html): coordinate and array, real,
 * integer, unsigned-integer and pattern, general, symmetric and skew-symmetric. Of a coordinate
 * file only the entries are kept; those of one place add up, in a pattern they are one. */
#include "host/base/random.h"
#include "host/weights/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum symmetry { GENERAL, SYMMETRIC, SKEW };

struct text {
    const char *at;
    const char *where;
    uint64_t line, below_float32;
    struct eie_error *error;
};

struct header {
    bool is_array, is_pattern;
    enum symmetry symmetry;
    uint64_t rows, columns, stated;
};

static enum eie_status fault(const struct text *text, const char *what)
{
    return eie_fail(text->error, EIE_INPUT, "%s:%llu: %s", text->where,
                    (unsigned long long)text->line, what);
}

static void next_line(struct text *text)
{
    text->at += strcspn(text->at, "\n");
    if (*text->at) text->at++;
    text->line++;
}

static void skip_blanks(struct text *text)
{
    text->at += strspn(text->at, " \t\r");
}

/* Past blank lines and comments to the next line that holds something. */
static void next_content(struct text *text)
{
    for (skip_blanks(text); *text->at == '\n' || *text->at == '%'; skip_blanks(text))
        next_line(text);
}

static bool take_uint(struct text *text, uint64_t *number)
{
    skip_blanks(text);
    if (*text->at < '0' || *text->at > '9') return false;
    for (*number = 0; *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*text->at - '0'), number))
            return false;
    return true;
}

static bool take_real(struct text *text, double *number)
{
    char *end;
    skip_blanks(text);
    if (!*text->at || *text->at == '\n') return false;
    errno = 0;
    *number = strtod(text->at, &end);
    if (end == text->at) return false;
    text->below_float32 += errno == ERANGE && *number == 0; /* others are counted as floats */
    text->at = end;
    return true;
}

static bool at_line_end(struct text *text)
{
    skip_blanks(text);
    return !*text->at || *text->at == '\n';
}

static enum eie_status parse_header(struct text *text, struct header *header)
{
    char words[4][32];
    if (sscanf(text->at, "%%%%MatrixMarket%31s%31s%31s%31s", words[0], words[1], words[2],
               words[3]) != 4 ||
        strcasecmp(words[0], "matrix"))
        return fault(text, "does not begin with %%MatrixMarket matrix FORMAT FIELD SYMMETRY");
    header->is_array = !strcasecmp(words[1], "array");
    header->is_pattern = !strcasecmp(words[2], "pattern");
    if (!header->is_array && strcasecmp(words[1], "coordinate"))
        return fault(text, "the format is neither coordinate nor array");
    if (strcasecmp(words[2], "real") && strcasecmp(words[2], "double") &&
        strcasecmp(words[2], "integer") && strcasecmp(words[2], "unsigned-integer") &&
        !header->is_pattern)
        return fault(text, "the field is none of real, integer, unsigned-integer, pattern; others "
                           "are not read");
    if (header->is_array && header->is_pattern) return fault(text, "an array has no pattern");
    if (!strcasecmp(words[3], "symmetric"))
        header->symmetry = SYMMETRIC;
    else if (!strcasecmp(words[3], "skew-symmetric"))
        header->symmetry = SKEW;
    else if (strcasecmp(words[3], "general"))
        return fault(text, "the symmetry is none of general, symmetric, skew-symmetric");
    next_line(text);
    next_content(text);
    if (!take_uint(text, &header->rows) || !take_uint(text, &header->columns) ||
        (!header->is_array && !take_uint(text, &header->stated)) || !at_line_end(text))
        return fault(text, header->is_array ? "must hold rows and columns"
                                            : "must hold rows, columns and the number of entries");
    if (header->symmetry != GENERAL && header->rows != header->columns)
        return fault(text, "a symmetric matrix must be square");
    next_line(text);
    return EIE_OK;
}

/* Text must have no 0 byte: the functions above stop at one. */
static enum eie_status begin(const struct eie_bytes *bytes, const char *where, struct text *text,
                             struct header *header, struct eie_error *error)
{
    *text = (struct text){(const char *)bytes->data, where, 1, 0, error};
    *header = (struct header){0};
    if (memchr(bytes->data, 0, bytes->size))
        return eie_fail(error, EIE_INPUT, "%s: no text: it holds a 0 byte", where);
    return parse_header(text, header);
}

static enum eie_status open_mtx(struct eie_weight_file *file, struct eie_error *error)
{
    struct text text;
    struct header header;
    enum eie_status status = begin(&file->bytes, file->path, &text, &header, error);
    if (!status) status = eie_weight_entry_alone(file, error);
    if (status) return status;
    struct eie_weight_entry *entry = file->entries;
    /* two bytes hold no entry */
    if (header.stated > file->bytes.size / 2)
        return fault(&text, "states more entries than the file can hold");
    if (header.is_array && header.symmetry == GENERAL && header.columns &&
        header.rows > (file->bytes.size + 1) / 2 / header.columns)
        return fault(&text, "states more numbers than the file can hold");
    entry->dtype = EIE_F32;
    entry->is_pattern = header.is_pattern;
    entry->rank = 2;
    entry->shape[0] = header.rows;
    entry->shape[1] = header.columns;
    return EIE_OK;
}

static enum eie_status load_array(struct text *text, const struct header *header,
                                  struct eie_weights *weights)
{
    for (uint64_t j = 0; j < header->columns; j++) {
        const uint64_t first = header->symmetry == GENERAL     ? 0
                               : header->symmetry == SYMMETRIC ? j
                                                               : j + 1;
        for (uint64_t i = first; i < header->rows; i++) {
            double value;
            next_content(text);
            if (!take_real(text, &value)) return fault(text, "a number is missing or malformed");
            weights->values[i * header->columns + j] = (float)value;
            weights->below_float32 += eie_weights_below_float32(value);
            if (header->symmetry != GENERAL && i != j)
                weights->values[j * header->columns + i] =
                    (float)(header->symmetry == SKEW ? -value : value);
        }
    }
    return EIE_OK;
}

static enum eie_status load_entry(struct text *text, const struct header *header,
                                  struct eie_random *random, struct eie_coordinates *entries)
{
    uint64_t row, column;
    double value;
    next_content(text);
    if (!take_uint(text, &row) || !take_uint(text, &column))
        return fault(text, "must hold a row and a column");
    if (!row || row > header->rows || !column || column > header->columns)
        return fault(text, "row or column is outside of the matrix (they count from 1)");
    if (header->is_pattern)
        value = (double)eie_weights_draw(random);
    else if (!take_real(text, &value))
        return fault(text, "the value is missing or malformed");
    if (!at_line_end(text)) return fault(text, "something stands behind the entry");
    if (row == column && header->symmetry == SKEW)
        return fault(text, "a skew-symmetric matrix has no diagonal");
    entries->place[entries->count] = (uint32_t)((row - 1) * header->columns + column - 1);
    entries->value[entries->count++] = value;
    return EIE_OK;
}

/* The entries beyond the diagonal, from those on this side of it. */
static enum eie_status mirror(const char *where, const struct header *header,
                              struct eie_coordinates *entries, struct eie_error *error)
{
    struct eie_coordinates both;
    enum eie_status status = eie_coordinates_begin(where, 2 * entries->count, &both, error);
    if (status) return status;
    for (size_t i = 0; i < entries->count; i++) {
        const uint64_t row = entries->place[i] / header->columns;
        const uint64_t column = entries->place[i] % header->columns;
        both.place[both.count] = entries->place[i];
        both.value[both.count++] = entries->value[i];
        if (row == column) continue;
        both.place[both.count] = (uint32_t)(column * header->columns + row);
        both.value[both.count++] =
            header->symmetry == SKEW ? -entries->value[i] : entries->value[i];
    }
    eie_coordinates_free(entries);
    *entries = both;
    const size_t count = both.count;
    status = eie_coordinates_merge(where, false, entries, error);
    if (!status && entries->count != count)
        status = eie_fail(error, EIE_INPUT,
                          "%s: a symmetric matrix whose entries stand on both sides of the "
                          "diagonal: only one side is to be given",
                          where);
    return status;
}

static enum eie_status load_coordinates(struct text *text, const struct header *header,
                                        uint64_t seed, struct eie_weights *weights)
{
    struct eie_random random;
    struct eie_coordinates entries;
    enum eie_status status =
        eie_coordinates_begin(text->where, header->stated, &entries, text->error);
    if (status) return status;
    eie_random_seed(&random, seed);
    for (uint64_t i = 0; i < header->stated && !status; i++)
        status = load_entry(text, header, &random, &entries);
    if (!status)
        status = eie_coordinates_merge(text->where, header->is_pattern, &entries, text->error);
    if (!status && header->symmetry != GENERAL)
        status = mirror(text->where, header, &entries, text->error);
    if (!status) return eie_weights_take(text->where, &entries, weights, text->error);
    eie_coordinates_free(&entries);
    return status;
}

static enum eie_status load_mtx(struct eie_weight_file *file, uint32_t index,
                                const struct eie_weight_loading *loading,
                                struct eie_weights *weights, struct eie_error *error)
{
    struct text text;
    struct header header;
    (void)index;
    enum eie_status status = begin(&file->bytes, loading->where, &text, &header, error);
    if (!status && header.is_array) {
        status = eie_weights_allocate(loading->where, true, weights, error);
        if (!status) status = load_array(&text, &header, weights);
    } else if (!status) {
        status = load_coordinates(&text, &header, loading->seed, weights);
    }
    weights->below_float32 += text.below_float32;
    if (status) return status;
    next_content(&text);
    return *text.at ? fault(&text, "more entries than the header states") : EIE_OK;
}

const struct eie_weight_reader eie_weight_reader_mtx = {
    .name = "Matrix Market",
    .input = ".mtx",
    .about = "Matrix Market: coordinate or array; .mtx.gz too",
    .magic = {"%%MatrixMarket"},
    .open = open_mtx,
    .load = load_mtx,
};
