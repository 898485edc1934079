/* NumPy's .npz: a zip archive, read by libzip, with one .npy file for each array. One that
 * scipy.sparse.save_npz wrote (csr, csc, coo, bsr, dia) is the one matrix that its arrays make. */
#include "host/weights/read_npy.h"
#include "host/weights/sparse_npz.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define HEAD_SIZE   4096u      /* holds most headers that NumPy writes for a plain array */
#define HEADER_MAX  (1u << 24) /* of one array */
#define RATIO_MAX   1100u      /* deflate cannot shrink more: a larger size is a lie */
#define MEMBERS_MAX 65536
#define WHERE_SIZE  1200

/* file->state */
struct npz {
    zip_t *archive;
    bool is_sparse;
    struct eie_sparse_npz sparse;
};

static zip_t *archive_of(const struct eie_weight_file *file)
{
    return ((struct npz *)file->state)->archive;
}

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
    if (zip_stat_index(archive_of(file), member, 0, info) || !(info->valid & ZIP_STAT_NAME) ||
        !(info->valid & ZIP_STAT_SIZE) || !(info->valid & ZIP_STAT_COMP_SIZE))
        return eie_fail(error, EIE_INPUT, "%s: member %llu of the archive has no name or size",
                        file->path, (unsigned long long)member);
    name_place(file, info->name, where);
    if (info->comp_size > file->bytes.size || info->size > RATIO_MAX * info->comp_size + HEAD_SIZE)
        return eie_fail(error, EIE_INPUT, "%s: states a size of %llu bytes, which it cannot have",
                        where, (unsigned long long)info->size);
    return EIE_OK;
}

/* The header of a member and, where there is room, of its elements; to be freed. */
static enum eie_status read_head(struct eie_weight_file *file, const zip_stat_t *info,
                                 const char *where, uint8_t **head, size_t *size,
                                 struct eie_error *error)
{
    *size = info->size < HEAD_SIZE ? (size_t)info->size : HEAD_SIZE;
    *head = malloc(*size + 1);
    if (!*head) return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    enum eie_status status =
        read_member(archive_of(file), info->index, where, *head, *size, false, error);
    const uint64_t wanted = status ? 0 : eie_npy_elements_at(*head, *size);
    if (status || wanted <= *size || wanted > info->size || wanted > HEADER_MAX) return status;
    free(*head);
    *size = (size_t)wanted;
    *head = malloc(*size);
    if (!*head) return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    return read_member(archive_of(file), info->index, where, *head, *size, false, error);
}

/* An array that cannot be read, whatever is wrong with it, is only refused when it is asked for. */
static enum eie_status list_member(struct eie_weight_file *file, uint64_t member,
                                   struct eie_error *error)
{
    char where[WHERE_SIZE];
    struct eie_error why = {""};
    uint8_t *head = NULL;
    size_t size = 0;
    zip_stat_t info;
    enum eie_status status = stat_member(file, member, &info, where, error);
    if (status || !ends_in_npy(info.name)) return status;
    struct eie_weight_entry *entry = &file->entries[file->count];
    status = read_head(file, &info, where, &head, &size, &why);
    if (!status) status = eie_npy_parse(head, size, info.size, "cannot be read", entry, &why);
    free(head);
    if (status == EIE_MEMORY) return eie_fail(error, status, "%s", why.message);
    entry->name = strndup(info.name, strlen(info.name) - 4);
    entry->unread = status ? strdup(why.message) : NULL;
    entry->member = member;
    file->count++;
    return entry->name && (!status || entry->unread)
               ? EIE_OK
               : eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
}

static enum eie_status open_archive(struct eie_weight_file *file, struct eie_error *error)
{
    struct npz *npz = file->state;
    zip_error_t fault;
    zip_error_init(&fault);
    zip_source_t *source = zip_source_buffer_create(file->bytes.data, file->bytes.size, 0, &fault);
    if (source) npz->archive = zip_open_from_source(source, ZIP_RDONLY, &fault);
    if (source && !npz->archive) zip_source_free(source);
    const enum eie_status status = npz->archive
                                       ? EIE_OK
                                       : eie_fail(error, EIE_INPUT, "%s: no usable zip archive: %s",
                                                  file->path, zip_error_strerror(&fault));
    zip_error_fini(&fault);
    return status;
}

/* What other archives are, by what they hold. */
static enum eie_status no_arrays(const struct eie_weight_file *file, struct eie_error *error)
{
    static const struct {
        const char *ending, *what;
    } known[] = {
        {"data.pkl",
         "is a PyTorch file (.pt, .pth, .bin): a pickle in a zip archive, which runs code "
         "when it is opened and is not read: load it there and save it as .safetensors"},
        {"model.weights.h5",
         "is a Keras file (.keras): load it there and save its weights as .npz"},
        {"constants.pkl", "is a TorchScript file: load it there and save it as .safetensors"},
    };
    zip_t *archive = archive_of(file);
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        for (size_t k = 0; name && k < sizeof known / sizeof *known; k++) {
            const size_t length = strlen(name), end = strlen(known[k].ending);
            if (length >= end && !strcmp(name + length - end, known[k].ending))
                return eie_fail(error, EIE_INPUT, "%s: %s", file->path, known[k].what);
        }
    }
    return eie_fail(error, EIE_INPUT, "%s: the archive holds no .npy", file->path);
}

static enum eie_status list_members(struct eie_weight_file *file, struct eie_error *error)
{
    const zip_int64_t members = zip_get_num_entries(archive_of(file), 0);
    if (members <= 0 || members > MEMBERS_MAX)
        return eie_fail(error, EIE_INPUT, "%s: an archive of %lld members; 1 to %d are read",
                        file->path, (long long)members, MEMBERS_MAX);
    file->entries = calloc((size_t)members, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (zip_int64_t i = 0; i < members; i++) {
        enum eie_status status = list_member(file, (uint64_t)i, error);
        if (status) return status;
    }
    return file->count ? EIE_OK : no_arrays(file, error);
}

static enum eie_status unpack_member(struct eie_weight_file *file, uint64_t member,
                                     const char *where, struct eie_bytes *bytes,
                                     struct eie_error *error)
{
    zip_stat_t info;
    char place[WHERE_SIZE];
    enum eie_status status = stat_member(file, member, &info, place, error);
    if (status) return status;
    *bytes = (struct eie_bytes){aligned_alloc(64, (info.size / 64 + 1) * 64), info.size};
    if (!bytes->data)
        return eie_fail(error, EIE_MEMORY, "%s: out of memory for %llu bytes", where,
                        (unsigned long long)info.size);
    status = read_member(archive_of(file), member, where, bytes->data, info.size, true, error);
    if (status) eie_bytes_free(bytes);
    return status;
}

static enum eie_status unpack(struct eie_weight_file *file, const struct eie_weight_entry *entry,
                              struct eie_bytes *bytes, struct eie_error *error)
{
    char where[WHERE_SIZE];
    name_place(file, entry->name, where);
    return unpack_member(file, entry->member, where, bytes, error);
}

/* ---- scipy.sparse --------------------------------------------------------------------------- */

static zip_int64_t locate(struct eie_weight_file *file, const char *name)
{
    char member[64];
    snprintf(member, sizeof member, "%s.npy", name);
    return zip_name_locate(archive_of(file), member, 0);
}

static bool has_array(void *context, const char *name)
{
    return locate(context, name) >= 0;
}

static enum eie_status find_array(void *context, const char *name, struct eie_sparse_array *array,
                                  struct eie_error *error)
{
    struct eie_weight_file *file = context;
    char where[WHERE_SIZE];
    uint8_t *head = NULL;
    zip_stat_t info;
    size_t size = 0;
    *array = (struct eie_sparse_array){0};
    name_place(file, name, where);
    const zip_int64_t index = locate(file, name);
    if (index < 0)
        return eie_fail(error, EIE_INPUT, "%s: a sparse matrix of scipy without its array '%s'",
                        file->path, name);
    enum eie_status status = stat_member(file, (uint64_t)index, &info, where, error);
    if (!status) status = read_head(file, &info, where, &head, &size, error);
    if (!status) status = eie_npy_parse(head, size, info.size, where, &array->entry, error);
    free(head);
    if (!status) status = unpack_member(file, (uint64_t)index, where, &array->bytes, error);
    if (status) return status;
    array->count = 1;
    for (uint32_t d = 0; d < array->entry.rank; d++) array->count *= array->entry.shape[d];
    return EIE_OK;
}

/* The text in an array of one string, by bytes or by NumPy's characters of 32 bits; "" where the
 * archive has none of that name. */
static enum eie_status read_text(struct eie_weight_file *file, const char *name, char text[16],
                                 struct eie_error *error)
{
    struct eie_bytes bytes;
    zip_stat_t info;
    char where[WHERE_SIZE];
    size_t used = 0;
    *text = 0;
    const zip_int64_t index = locate(file, name);
    if (index < 0 || stat_member(file, (uint64_t)index, &info, where, error) ||
        info.size > HEADER_MAX)
        return EIE_OK;
    enum eie_status status = unpack_member(file, (uint64_t)index, where, &bytes, error);
    if (status) return status == EIE_MEMORY ? status : EIE_OK;
    const uint64_t begin = eie_npy_elements_at(bytes.data, bytes.size);
    for (uint64_t i = begin; begin && i < bytes.size && used < 15; i++)
        if (bytes.data[i]) text[used++] = (char)bytes.data[i];
    text[used] = 0;
    eie_bytes_free(&bytes);
    return EIE_OK;
}

/* Its arrays in `entries` make way for the matrix. */
static enum eie_status open_sparse(struct eie_weight_file *file, struct eie_error *error)
{
    struct npz *npz = file->state;
    npz->sparse.where = file->path;
    npz->sparse.context = file;
    npz->sparse.has = has_array;
    npz->sparse.array = find_array;
    enum eie_status status = eie_sparse_npz_open(&npz->sparse, error);
    if (status) return status;
    const enum eie_dtype dtype = file->entries[locate(file, "data")].dtype;
    for (uint32_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].unread);
    }
    free(file->entries);
    file->entries = NULL;
    file->count = 0;
    status = eie_weight_entry_alone(file, error);
    if (status) return status;
    npz->is_sparse = true;
    file->entries->dtype = dtype;
    file->entries->rank = 2;
    file->entries->shape[0] = npz->sparse.rows;
    file->entries->shape[1] = npz->sparse.columns;
    return EIE_OK;
}

static enum eie_status open_npz(struct eie_weight_file *file, struct eie_error *error)
{
    struct npz *npz = file->state = calloc(1, sizeof *npz);
    if (!npz) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    enum eie_status status = open_archive(file, error);
    if (!status) status = list_members(file, error);
    if (!status) status = read_text(file, "format", npz->sparse.format, error);
    if (status || !*npz->sparse.format || locate(file, "shape") < 0 || locate(file, "data") < 0)
        return status;
    return open_sparse(file, error);
}

static void close_npz(struct eie_weight_file *file)
{
    struct npz *npz = file->state;
    if (npz && npz->archive) zip_discard(npz->archive);
    free(npz);
    file->state = NULL;
}

static enum eie_status load_npz(struct eie_weight_file *file, uint32_t index,
                                const struct eie_weight_loading *loading,
                                struct eie_weights *weights, struct eie_error *error)
{
    struct eie_bytes unpacked;
    const struct eie_weight_entry *entry = &file->entries[index];
    const struct npz *npz = file->state;
    if (npz->is_sparse) return eie_sparse_npz_load(&npz->sparse, weights, error);
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
    .about = "arrays of NumPy in one file, or a sparse matrix of scipy",
    .magic = {"PK\x03\x04", "PK\x05\x06"},
    .open = open_npz,
    .load = load_npz,
    .close = close_npz,
};
