/* DLMC's .smtx (Gale et al., "Sparse GPU Kernels for Deep Learning", SC 2020): the pattern of a
 * pruned matrix as text: rows, columns and non-zeros, the row offsets, the column indices. */
#include "host/base/random.h"
#include "host/weights/reader.h"

#include <stdlib.h>
#include <string.h>

struct text {
    const char *at, *where;
    struct eie_error *error;
};

static enum eie_status fault(const struct text *text, const char *what)
{
    return eie_fail(text->error, EIE_INPUT, "%s: .smtx: %s", text->where, what);
}

static bool take(struct text *text, uint64_t *number)
{
    text->at += strspn(text->at, " \t\r\n,");
    if (*text->at < '0' || *text->at > '9') return false;
    for (*number = 0; *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*text->at - '0'), number))
            return false;
    return !*text->at || strchr(" \t\r\n,", *text->at);
}

static enum eie_status begin(const struct eie_bytes *bytes, const char *where, struct text *text,
                             uint64_t size[3], struct eie_error *error)
{
    *text = (struct text){(const char *)bytes->data, where, error};
    if (memchr(bytes->data, 0, bytes->size)) return fault(text, "no text: it holds a 0 byte");
    for (int i = 0; i < 3; i++)
        if (!take(text, &size[i])) return fault(text, "must begin with rows, columns, non-zeros");
    /* every offset and index takes two bytes at least, the last one byte */
    if (size[0] > bytes->size || size[2] > bytes->size || 2 * (size[0] + size[2]) > bytes->size + 1)
        return fault(text, "states more rows or non-zeros than the file can hold");
    return EIE_OK;
}

static enum eie_status open_smtx(struct eie_weight_file *file, struct eie_error *error)
{
    struct text text;
    uint64_t size[3];
    enum eie_status status = begin(&file->bytes, file->path, &text, size, error);
    if (!status) status = eie_weight_entry_alone(file, error);
    if (status) return status;
    struct eie_weight_entry *entry = file->entries;
    entry->dtype = EIE_F32;
    entry->is_pattern = true;
    entry->rank = 2;
    entry->shape[0] = size[0];
    entry->shape[1] = size[1];
    return EIE_OK;
}

static enum eie_status load_rows(struct text *text, const uint64_t size[3], const uint64_t *offsets,
                                 struct eie_random *random, struct eie_coordinates *entries)
{
    for (uint64_t i = 0; i < size[0]; i++) {
        for (uint64_t e = offsets[i]; e < offsets[i + 1]; e++) {
            uint64_t column;
            if (!take(text, &column)) return fault(text, "fewer column indices than non-zeros");
            if (column >= size[1]) return fault(text, "a column index is beyond the columns");
            entries->place[entries->count] = (uint32_t)(i * size[1] + column);
            entries->value[entries->count++] = (double)eie_weights_draw(random);
        }
    }
    text->at += strspn(text->at, " \t\r\n");
    if (*text->at) return fault(text, "something stands behind the column indices");
    const size_t count = entries->count;
    enum eie_status status = eie_coordinates_merge(text->where, false, entries, text->error);
    if (!status && entries->count != count)
        status = fault(text, "a column index stands twice in its row");
    return status;
}

static enum eie_status load_smtx(struct eie_weight_file *file, uint32_t index,
                                 const struct eie_weight_loading *loading,
                                 struct eie_weights *weights, struct eie_error *error)
{
    const char *where = loading->where;
    struct text text;
    struct eie_random random;
    struct eie_coordinates entries;
    uint64_t size[3];
    (void)index;
    enum eie_status status = begin(&file->bytes, where, &text, size, error);
    if (!status) status = eie_coordinates_begin(where, size[2], &entries, error);
    if (status) return status;
    uint64_t *offsets = malloc((size_t)(size[0] + 1) * sizeof *offsets);
    if (!offsets) {
        eie_coordinates_free(&entries);
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    }
    eie_random_seed(&random, loading->seed);
    for (uint64_t i = 0; i <= size[0] && !status; i++) {
        if (!take(&text, &offsets[i]))
            status = fault(&text, "fewer row offsets than rows and one");
        else if (i ? offsets[i] < offsets[i - 1] : offsets[i])
            status = fault(&text, "row offsets must begin at 0 and not fall");
    }
    if (!status && offsets[size[0]] != size[2])
        status = fault(&text, "the last row offset is not the number of non-zeros");
    if (!status) status = load_rows(&text, size, offsets, &random, &entries);
    free(offsets);
    if (!status) return eie_weights_take(where, &entries, weights, error);
    eie_coordinates_free(&entries);
    return status;
}

const struct eie_weight_reader eie_weight_reader_smtx = {
    .name = "smtx",
    .input = ".smtx",
    .about = "DLMC's pattern of a sparse matrix; the values are drawn",
    .by_ending = true,
    .open = open_smtx,
    .load = load_smtx,
};
