/* NumPy's .npz: a zip archive, read by libzip, with one .npy file for each array. */
#include "host/weights/read_npy.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define HEAD_SIZE   4096u /* holds every header that NumPy writes for a plain array */
#define RATIO_MAX   1100u /* deflate cannot shrink more: a larger size is a lie */
#define MEMBERS_MAX 65536
#define WHERE_SIZE  1200

static void name_place(const struct eie_weight_file *file, const char *member,
                       char where[WHERE_SIZE])
{
    snprintf(where, WHERE_SIZE, "%.700s: %.400s", file->path, member);
}

static bool ends_in_npy(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".npy");
}

/* Reads the first `size` bytes of a member; `whole`: to its end, with its checksum. */
static enum eie_status read_member(zip_t *archive, uint64_t member, const char *where,
                                   uint8_t *bytes, uint64_t size, bool whole,
                                   struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    zip_file_t *stream = zip_fopen_index(archive, member, 0);
    if (!stream)
        return eie_fail(error, EIE_INPUT, "%s: cannot be unpacked: %s", where,
                        zip_strerror(archive));
    uint64_t done = 0;
    while (done < size) {
        const zip_int64_t got = zip_fread(stream, bytes + done, size - done);
        if (got <= 0) break;
        done += (uint64_t)got;
    }
    uint8_t more;
    if (done < size || (whole && zip_fread(stream, &more, 1) != 0))
        status = eie_fail(error, EIE_INPUT,
                          "%s: damaged or truncated: its data end early, go on, "
                          "or do not have their checksum",
                          where);
    zip_fclose(stream);
    return status;
}

static enum eie_status stat_member(const struct eie_weight_file *file, uint64_t member,
                                   zip_stat_t *info, char where[WHERE_SIZE],
                                   struct eie_error *error)
{
    zip_stat_init(info);
    if (zip_stat_index(file->state, member, 0, info) || !(info->valid & ZIP_STAT_NAME) ||
        !(info->valid & ZIP_STAT_SIZE) || !(info->valid & ZIP_STAT_COMP_SIZE))
        return eie_fail(error, EIE_INPUT, "%s: member %llu of the archive has no name or size",
                        file->path, (unsigned long long)member);
    name_place(file, info->name, where);
    if (info->comp_size > file->bytes.size || info->size > RATIO_MAX * info->comp_size + HEAD_SIZE)
        return eie_fail(error, EIE_INPUT, "%s: states a size of %llu bytes, which it cannot have",
                        where, (unsigned long long)info->size);
    return EIE_OK;
}

static enum eie_status list_member(struct eie_weight_file *file, uint64_t member,
                                   struct eie_error *error)
{
    char where[WHERE_SIZE];
    uint8_t head[HEAD_SIZE];
    zip_stat_t info;
    enum eie_status status = stat_member(file, member, &info, where, error);
    if (status || !ends_in_npy(info.name)) return status;
    const uint64_t size = info.size < HEAD_SIZE ? info.size : HEAD_SIZE;
    status = read_member(file->state, member, where, head, size, false, error);
    struct eie_weight_entry *entry = &file->entries[file->count];
    if (!status) status = eie_npy_parse(head, (size_t)size, info.size, where, entry, error);
    if (status) return status;
    entry->member = member;
    entry->name = strndup(info.name, strlen(info.name) - 4);
    if (!entry->name) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    file->count++;
    return EIE_OK;
}

static enum eie_status open_npz(struct eie_weight_file *file, struct eie_error *error)
{
    zip_error_t fault;
    zip_error_init(&fault);
    zip_source_t *source = zip_source_buffer_create(file->bytes.data, file->bytes.size, 0, &fault);
    if (source) file->state = zip_open_from_source(source, ZIP_RDONLY, &fault);
    if (!file->state) {
        if (source) zip_source_free(source);
        const enum eie_status status = eie_fail(error, EIE_INPUT, "%s: no usable zip archive: %s",
                                                file->path, zip_error_strerror(&fault));
        zip_error_fini(&fault);
        return status;
    }
    zip_error_fini(&fault);
    const zip_int64_t members = zip_get_num_entries(file->state, 0);
    if (members <= 0 || members > MEMBERS_MAX)
        return eie_fail(error, EIE_INPUT, "%s: an archive of %lld members; 1 to %d are read",
                        file->path, (long long)members, MEMBERS_MAX);
    file->entries = calloc((size_t)members, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (zip_int64_t i = 0; i < members; i++) {
        enum eie_status status = list_member(file, (uint64_t)i, error);
        if (status) return status;
    }
    return file->count ? EIE_OK
                       : eie_fail(error, EIE_INPUT, "%s: the archive holds no .npy", file->path);
}

static enum eie_status unpack(struct eie_weight_file *file, const struct eie_weight_entry *entry,
                              struct eie_bytes *bytes, struct eie_error *error)
{
    char where[WHERE_SIZE];
    const uint64_t size = entry->offset + entry->size;
    name_place(file, entry->name, where);
    *bytes = (struct eie_bytes){aligned_alloc(64, (size / 64 + 1) * 64), size};
    if (!bytes->data)
        return eie_fail(error, EIE_MEMORY, "%s: out of memory for %llu bytes", where,
                        (unsigned long long)size);
    enum eie_status status =
        read_member(file->state, entry->member, where, bytes->data, size, true, error);
    if (status) eie_bytes_free(bytes);
    return status;
}

static void close_npz(struct eie_weight_file *file)
{
    if (file->state) zip_discard(file->state);
    file->state = NULL;
}

static enum eie_status load_npz(struct eie_weight_file *file, uint32_t index,
                                const struct eie_weight_loading *loading,
                                struct eie_weights *weights, struct eie_error *error)
{
    struct eie_bytes unpacked;
    const struct eie_weight_entry *entry = &file->entries[index];
    enum eie_status status = unpack(file, entry, &unpacked, error);
    if (status) return status;
    if (loading->last) { /* before more memory is asked for */
        close_npz(file);
        eie_bytes_free(&file->bytes);
    }
    status = eie_weight_elements(&unpacked, entry, true, loading->where, weights, error);
    eie_bytes_free(&unpacked);
    return status;
}

const struct eie_weight_reader eie_weight_reader_npz = {
    .name = "npz",
    .input = ".npz",
    .about = "arrays of NumPy in one file",
    .magic = {"PK\x03\x04", "PK\x05\x06"},
    .open = open_npz,
    .load = load_npz,
    .close = close_npz,
};
