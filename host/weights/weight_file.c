#include "host/weights/weight_file.h"
#include "host/base/foreign.h"
#include "host/weights/gzip.h"

#include <stdlib.h>
#include <string.h>

/* A file belongs to the first that knows it: .net and networks before safetensors, whose one byte
 * of magic may stand among its counts. */
#define READERS(DO) DO(npy) DO(npz) DO(mtx) DO(smtx) DO(net) DO(network) DO(safetensors) DO(normal)

#define DECLARE(format) extern const struct eie_weight_reader eie_weight_reader_##format;
READERS(DECLARE)
#define ADDRESS(format) &eie_weight_reader_##format,
const struct eie_weight_reader *const eie_weight_readers[] = {READERS(ADDRESS) NULL};

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool knows(const struct eie_weight_reader *reader, const char *path,
                  const struct eie_bytes *bytes)
{
    if (reader->prefix) return false;
    if (reader->by_ending && ends_in(path, reader->input)) return true;
    for (size_t i = 0; i < sizeof reader->magic / sizeof *reader->magic; i++) {
        const size_t length = reader->magic[i] ? strlen(reader->magic[i]) : 0;
        if (length && bytes->size >= reader->magic_offset + length &&
            !memcmp(bytes->data + reader->magic_offset, reader->magic[i], length))
            return true;
    }
    return false;
}

static enum eie_status unknown(const struct eie_weight_file *file, struct eie_error *error)
{
    const char *foreign = eie_foreign_file(file->path, file->bytes.data, file->bytes.size);
    char endings[128] = "";
    for (size_t i = 0; eie_weight_readers[i]; i++) {
        const size_t used = strlen(endings);
        if (!eie_weight_readers[i]->prefix)
            snprintf(endings + used, sizeof endings - used, "%s%s", used ? ", " : "",
                     eie_weight_readers[i]->input);
    }
    return foreign ? eie_fail(error, EIE_INPUT, "%s: %s", file->path, foreign)
                   : eie_fail(error, EIE_INPUT, "%s: is none of %s", file->path, endings);
}

/* Texts may be packed; `file->kind` then ends as they do. */
static enum eie_status unpack(struct eie_weight_file *file, struct eie_error *error)
{
    static const char market[] = "%%MatrixMarket";
    uint8_t first[sizeof market - 1];
    file->kind = file->path;
    if (!eie_is_gzip(&file->bytes)) return EIE_OK;
    const bool is_market = eie_gzip_peek(&file->bytes, first, sizeof first) == sizeof first &&
                           !memcmp(first, market, sizeof first);
    if (ends_in(file->path, ".smtx.gz"))
        file->kind = ".smtx";
    else if (is_market || ends_in(file->path, ".mtx.gz"))
        file->kind = ".mtx";
    else
        return EIE_OK;
    return eie_gunzip(file->path, &file->bytes, error);
}

/* Where only the name's end made us read it, it may be something else that is known. */
static enum eie_status open_as(const struct eie_weight_reader *reader, struct eie_weight_file *file,
                               struct eie_error *error)
{
    const char *foreign =
        reader->magic[0] ? NULL : eie_foreign_file(file->path, file->bytes.data, file->bytes.size);
    file->reader = reader;
    enum eie_status status = reader->open(file, error);
    return status == EIE_INPUT && foreign ? eie_fail(error, status, "%s: %s", file->path, foreign)
                                          : status;
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
    else
        status = unpack(file, error);
    for (size_t i = 0; !status && !file->reader; i++) {
        if (!eie_weight_readers[i])
            status = unknown(file, error);
        else if (knows(eie_weight_readers[i], file->kind, &file->bytes))
            status = open_as(eie_weight_readers[i], file, error);
    }
    if (status) eie_weight_file_close(file);
    return status;
}

static enum eie_status open_without_file(const struct eie_weight_reader *reader, const char *path,
                                         struct eie_weight_file *file, struct eie_error *error)
{
    *file =
        (struct eie_weight_file){.reader = reader, .path = strdup(path), .limit = EIE_WEIGHTS_MAX};
    enum eie_status status = file->path ? reader->open(file, error)
                                        : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    if (status) eie_weight_file_close(file);
    return status;
}

enum eie_status eie_weight_file_open(const char *path, struct eie_weight_file *file,
                                     struct eie_error *error)
{
    struct eie_bytes bytes;
    *file = (struct eie_weight_file){0};
    for (size_t i = 0; eie_weight_readers[i]; i++) {
        const char *prefix = eie_weight_readers[i]->prefix;
        if (prefix && !strncmp(path, prefix, strlen(prefix)))
            return open_without_file(eie_weight_readers[i], path, file, error);
    }
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_weight_file_parse(&bytes, path, EIE_WEIGHTS_MAX, file, error);
}

/* What the elements came from, once they are no longer needed there. */
static void drop_content(struct eie_weight_file *file)
{
    if (file->reader && file->reader->close) file->reader->close(file);
    eie_bytes_free(&file->bytes);
}

void eie_weight_file_close(struct eie_weight_file *file)
{
    drop_content(file);
    for (uint32_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].unread);
    }
    free(file->entries);
    free(file->path);
    *file = (struct eie_weight_file){0};
}

bool eie_weight_entry_usable(const struct eie_weight_entry *entry)
{
    for (uint32_t d = 0; d < entry->rank && !entry->unread; d++)
        if (!entry->shape[d]) return false;
    return !entry->unread;
}

enum eie_status eie_weight_file_load(struct eie_weight_file *file, uint32_t index, uint64_t seed,
                                     bool last, struct eie_weights *weights,
                                     struct eie_error *error)
{
    const struct eie_weight_entry *entry = &file->entries[index];
    const bool named = file->count > 1 || (entry->unread && !entry->named_by_file);
    char where[1200];
    snprintf(where, sizeof where, "%.700s%s%.400s", file->path, named ? ": " : "",
             named ? entry->name : "");
    if (entry->unread) return eie_fail(error, EIE_INPUT, "%s: %s", where, entry->unread);
    *weights = (struct eie_weights){.rank = entry->rank, .values_drawn = entry->is_pattern};
    memcpy(weights->shape, entry->shape, sizeof weights->shape);
    enum eie_status status = eie_weights_flatten(where, entry->rank, entry->shape, file->limit,
                                                 &weights->outputs, &weights->inputs, error);
    if (status) return status;
    weights->name = strdup(entry->name);
    if (!weights->name) return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    const struct eie_weight_loading loading = {where, seed, last};
    status = file->reader->load(file, index, &loading, weights, error);
    if (last) drop_content(file);
    if (!status) status = eie_weights_check_finite(where, weights, error);
    if (!status) status = eie_weights_check_small(where, weights, error);
    if (status) eie_weights_free(weights);
    return status;
}
