#include "host/layer/import_dump.h"
#include "host/base/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE   4096
#define PE_MAX      65536u
#define FILE_MAX    ((size_t)1 << 32)
#define ENTRY_BYTES 8 /* code and run, a uint32 each */

static void path_of(char path[PATH_SIZE], const char *folder, const char *kind, uint32_t pe)
{
    snprintf(path, PATH_SIZE, "%s/%s/%s%u.dat", folder, kind, kind, pe);
}

static enum eie_status read_sized(const char *path, size_t unit, struct eie_bytes *bytes,
                                  struct eie_error *error)
{
    enum eie_status status = eie_file_read(path, FILE_MAX, bytes, error);
    if (!status && bytes->size % unit) {
        const size_t size = bytes->size;
        eie_bytes_free(bytes);
        status = eie_fail(error, EIE_INPUT, "%s: %zu bytes is no multiple of %zu; truncated?", path,
                          size, unit);
    }
    return status;
}

/* One more than the highest number among the files KINDn.dat. */
static uint32_t count_files(const char *folder, const char *kind)
{
    char path[PATH_SIZE], name[32];
    uint32_t count = 0;
    snprintf(path, sizeof path, "%s/%s", folder, kind);
    DIR *files = opendir(path);
    for (const struct dirent *file; files && (file = readdir(files));) {
        const unsigned long pe =
            strtoul(file->d_name + strcspn(file->d_name, "0123456789"), NULL, 10);
        snprintf(name, sizeof name, "%s%lu.dat", kind, pe);
        if (!strcmp(name, file->d_name) && pe >= count && pe < PE_MAX) count = (uint32_t)pe + 1;
    }
    if (files) closedir(files);
    return count;
}

/* Of either kind, so that a file missing in their midst is missed when it is to be read. */
static uint32_t count_pes(const char *folder)
{
    const uint32_t pointers = count_files(folder, "ptr"), entries = count_files(folder, "spm");
    return pointers > entries ? pointers : entries;
}

/* The dump while it is read: its own form is our encoding, one uint32 per nibble. */
struct dump {
    struct eie_bytes act, arithm;
    uint32_t pe_count, inputs;
    uint32_t *column_start;
    uint8_t *entries;
    size_t entry_count, entry_room;
};

static enum eie_status read_pointers(const char *folder, uint32_t pe, struct dump *dump,
                                     uint32_t *count, struct eie_error *error)
{
    char path[PATH_SIZE];
    struct eie_bytes bytes;
    path_of(path, folder, "ptr", pe);
    enum eie_status status = read_sized(path, sizeof(uint32_t), &bytes, error);
    if (status) return status;
    const uint32_t *pointers = (const uint32_t *)(const void *)bytes.data;
    const size_t stride = (size_t)dump->inputs + 1;
    if (bytes.size != stride * sizeof *pointers) {
        status =
            eie_fail(error, EIE_INPUT, "%s: %zu bytes, but %u inputs and a bias column need %zu",
                     path, bytes.size, dump->inputs - 1, stride * sizeof *pointers);
    } else if (dump->entry_count + pointers[stride - 1] > UINT32_MAX) {
        status = eie_fail(error, EIE_INPUT, "%s: more than 2^32 - 1 entries in all", path);
    } else {
        for (size_t j = 0; j < stride; j++) /* order and range: eie_layer_create looks at both */
            dump->column_start[pe * stride + j] = (uint32_t)dump->entry_count + pointers[j];
        *count = pointers[stride - 1];
    }
    eie_bytes_free(&bytes);
    return status;
}

static enum eie_status read_entries(const char *folder, uint32_t pe, struct dump *dump,
                                    uint32_t count, struct eie_error *error)
{
    char path[PATH_SIZE];
    struct eie_bytes bytes;
    path_of(path, folder, "spm", pe);
    enum eie_status status = read_sized(path, ENTRY_BYTES, &bytes, error);
    if (status) return status;
    const uint32_t *pair = (const uint32_t *)(const void *)bytes.data;
    if (bytes.size / ENTRY_BYTES != count) {
        status = eie_fail(error, EIE_INPUT, "%s: holds %zu entries, its pointers say %u", path,
                          bytes.size / ENTRY_BYTES, count);
        goto done;
    }
    if (dump->entry_count + count > dump->entry_room) {
        dump->entry_room = 2 * (dump->entry_count + count);
        uint8_t *grown = realloc(dump->entries, dump->entry_room);
        if (!grown) {
            status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
            goto done;
        }
        dump->entries = grown;
    }
    for (uint32_t e = 0; e < count; e++) {
        if (pair[2 * e] > 15 || pair[2 * e + 1] > 15) {
            status = eie_fail(error, EIE_INPUT, "%s: entry %u: code %u or run %u is above 15", path,
                              e, pair[2 * e], pair[2 * e + 1]);
            goto done;
        }
        dump->entries[dump->entry_count++] = (uint8_t)(pair[2 * e] << 4 | pair[2 * e + 1]);
    }
done:
    eie_bytes_free(&bytes);
    return status;
}

static enum eie_status read_dump(const char *folder, struct dump *dump, struct eie_error *error)
{
    char path[PATH_SIZE];
    enum eie_status status;
    snprintf(path, sizeof path, "%s/act.dat", folder);
    if ((status = read_sized(path, sizeof(float), &dump->act, error))) return status;
    if (!dump->act.size || dump->act.size / sizeof(float) >= UINT32_MAX / 2)
        return eie_fail(error, EIE_INPUT, "%s: holds no usable number of inputs", path);
    snprintf(path, sizeof path, "%s/arithm.dat", folder);
    if ((status = read_sized(path, sizeof(float), &dump->arithm, error))) return status;
    if (dump->arithm.size != EIE_CODEBOOK_SIZE * sizeof(float))
        return eie_fail(error, EIE_INPUT, "%s: %zu bytes, must be %d float32", path,
                        dump->arithm.size, EIE_CODEBOOK_SIZE);
    dump->inputs = (uint32_t)(dump->act.size / sizeof(float)) + 1;
    dump->pe_count = count_pes(folder);
    if (!dump->pe_count)
        return eie_fail(error, EIE_INPUT, "%s: no ptr/ptr0.dat: not a simulator dump", folder);
    dump->column_start =
        calloc((size_t)dump->pe_count * ((size_t)dump->inputs + 1), sizeof *dump->column_start);
    if (!dump->column_start) return eie_fail(error, EIE_MEMORY, "%s: out of memory", folder);
    for (uint32_t pe = 0; pe < dump->pe_count; pe++) {
        uint32_t count = 0;
        if ((status = read_pointers(folder, pe, dump, &count, error)) ||
            (status = read_entries(folder, pe, dump, count, error)))
            return status;
    }
    return EIE_OK;
}

/* Validates the streams as a layer and decodes the positions. */
static enum eie_status positions_of(const struct dump *dump, const char *name, uint32_t outputs,
                                    struct eie_sparse_codes *codes, struct eie_error *error)
{
    struct eie_layer *layer;
    const struct eie_layer parts = {
        .name = name,
        .source = "",
        .inputs = dump->inputs,
        .outputs = outputs,
        .pe_count = dump->pe_count,
        .entry_count = (uint32_t)dump->entry_count,
        .column_start = dump->column_start,
        .entries = dump->entries,
    };
    enum eie_status status = eie_layer_create(&parts, &layer, error);
    if (status) return status;
    status = eie_layer_decode(layer, codes, error);
    eie_layer_free(layer);
    return status;
}

enum eie_status eie_import_dump(const char *folder, const char *name, uint32_t outputs,
                                struct eie_layer **layer, struct eie_quantization *report,
                                struct eie_error *error)
{
    struct dump dump = {0};
    struct eie_float_layer in = {
        .name = name,
        .source = "dump of the EIE authors' simulator, scaled to 16-bit fixed point",
        .activation = EIE_ACTIVATION_NONE,
        .sample_count = 1,
    };
    float *sample = NULL;
    enum eie_status status = read_dump(folder, &dump, error);
    if (!status) status = positions_of(&dump, name, outputs, &in.codes, error);
    if (status) {
        eie_error_prefix(error, status, "import of %s", folder);
        goto done;
    }
    sample = calloc((size_t)dump.inputs + 1, sizeof *sample);
    if (!sample) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", folder);
        goto done;
    }
    memcpy(sample, dump.act.data, dump.act.size);
    sample[dump.inputs - 1] = 1.0f; /* the bias column's input */
    in.pe_count = dump.pe_count;
    in.codebook = (const float *)(const void *)dump.arithm.data;
    in.sample_inputs = sample;
    in.weights_file = in.inputs_file = folder;
    status = eie_quantize(&in, layer, report, error);
done:
    free(sample);
    eie_sparse_codes_free(&in.codes);
    eie_bytes_free(&dump.act);
    eie_bytes_free(&dump.arithm);
    free(dump.column_start);
    free(dump.entries);
    return status;
}
