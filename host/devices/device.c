#include "host/devices/device.h"
#include "host/base/file.h"
#include "host/base/json.h"
#include "host/base/names.h"
#include "host/base/sha256.h"
#include "host/devices/design.h"
#include "host/machine/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "eie-device-1"
#define SUFFIX ".json"

/* ---- what a description must hold --------------------------------------------------------------
 */

enum number_type { UINT32, UINT64, DOUBLE };

/* One key below "numbers" and where its value goes. */
struct field {
    const char *key;
    enum number_type type;
    size_t offset; /* in struct eie_design or struct eie_published */
    double low, high;
};

/* Any positive value; the limits only keep out what cannot be meant. */
#define TINY 1e-12

#define DESIGN(key, type, low, high)                                                               \
    {                                                                                              \
#key, type, offsetof(struct eie_design, key), low, high                                    \
    }
#define ENERGY(key)                                                                                \
    {                                                                                              \
#key, DOUBLE, offsetof(struct eie_design, energy.key), TINY, 1e9                           \
    }

#define AREA(key, member)                                                                          \
    {                                                                                              \
        key, DOUBLE, offsetof(struct eie_design, pe_areas.member), TINY, 1e12                      \
    }

static const struct field design_fields[] = {
    DESIGN(pe_count, UINT32, 1, 65536),
    DESIGN(clock_hz, DOUBLE, 1e3, 1e12),
    DESIGN(queue_depth, UINT32, 1, 1 << 20),
    DESIGN(spmat_line_bits, UINT32, 8, 65536),
    DESIGN(spmat_bytes_per_pe, UINT64, 1, 1e12),
    DESIGN(pointer_bytes_per_pe, UINT64, 1, 1e12),
    DESIGN(activation_bytes_per_pe, UINT64, 1, 1e12),
    DESIGN(activation_registers_per_pe, UINT32, 1, 1 << 20),
    DESIGN(index_bits, UINT32, 2, 8),
    DESIGN(code_bits, UINT32, 2, 8),
    DESIGN(empty_column_cycles, UINT32, 1, 1024),
    DESIGN(spmat_lines_held, UINT32, 0, 1),
    DESIGN(batching, UINT32, 0, 1),
    DESIGN(activation_words_per_cycle, UINT32, 1, 1 << 20),
    DESIGN(lnzd_node_count, UINT32, 0, 65536),
    DESIGN(technology_nm, DOUBLE, 0.1, 1e5),
    DESIGN(area_mm2, DOUBLE, TINY, 1e6),
    DESIGN(pe_area_um2, DOUBLE, TINY, 1e12),
    DESIGN(lnzd_node_area_um2, DOUBLE, TINY, 1e12),
    DESIGN(power_w, DOUBLE, TINY, 1e6),
    DESIGN(pe_power_w, DOUBLE, TINY, 1e6),
    DESIGN(lnzd_node_power_w, DOUBLE, TINY, 1e6),
    AREA("queue_area_um2", queue_um2),
    AREA("pointer_area_um2", pointer_um2),
    AREA("spmat_area_um2", spmat_um2),
    AREA("arithmetic_area_um2", arithmetic_um2),
    AREA("activation_area_um2", activation_um2),
    AREA("filler_area_um2", filler_um2),
    ENERGY(spmat_row_read_pj),
    ENERGY(pointer_pair_read_pj),
    ENERGY(queue_pop_pj),
    ENERGY(entry_arithmetic_pj),
    ENERGY(entry_activation_pj),
    ENERGY(lnzd_node_cycle_pj),
};

#define PUBLISHED(key, low, high)                                                                  \
    {                                                                                              \
#key, DOUBLE, offsetof(struct eie_published, key), low, high                               \
    }

static const struct field published_fields[] = {
    PUBLISHED(year, 1900, 2200),   PUBLISHED(technology_nm, 0.1, 1e5),
    PUBLISHED(clock_hz, 1, 1e12),  PUBLISHED(area_mm2, TINY, 1e6),
    PUBLISHED(power_w, TINY, 1e6), PUBLISHED(throughput_frames_per_s, TINY, 1e15),
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FIELDS_MAX   COUNT(design_fields)

/* ---- reading a description ----------------------------------------------------------------------
 */

/* One line of printable text of at least one byte. */
static enum eie_status read_text(const struct eie_json_file *file, const json_t *object,
                                 const char *key, size_t limit, const char **text,
                                 struct eie_error *error)
{
    const enum eie_status status = eie_json_string(file, object, key, text, error);
    if (status != EIE_OK) return status;
    const size_t length = strlen(*text);
    if (length < 1 || length > limit)
        return eie_json_fail_at(file, object, key, error, "must have 1 to %zu bytes, not %zu",
                                limit, length);
    for (const char *at = *text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return eie_json_fail_at(file, object, key, error, "must not hold control characters");
    }
    return EIE_OK;
}

static enum eie_status read_origin(const struct eie_json_file *file, const json_t *entry,
                                   struct eie_error *error)
{
    static const char *const known[] = {"measured", "simulated",  "modelled", "cited",
                                        "derived",  "calibrated", "assumed",  NULL};
    const char *basis, *source;
    const enum eie_status status = read_text(file, entry, "source", 4096, &source, error);
    if (status != EIE_OK) return status;
    if (eie_json_string(file, entry, "basis", &basis, error) != EIE_OK) return EIE_INPUT;
    for (const char *const *word = known; *word; word++) {
        if (strcmp(basis, *word) == 0) return EIE_OK;
    }
    return eie_json_fail_at(file, entry, "basis", error,
                            "must be measured, simulated, modelled, cited, derived, calibrated or "
                            "assumed, not \"%.64s\"",
                            basis);
}

static enum eie_status read_number(const struct eie_json_file *file, const json_t *entry,
                                   const struct field *field, void *place, struct eie_error *error)
{
    enum eie_status status;
    uint64_t number = 0;
    if (field->type == DOUBLE) {
        double value = 0;
        status = eie_json_number(file, entry, "value", field->low, field->high, &value, error);
        memcpy(place, &value, sizeof value);
        return status;
    }
    status = eie_json_uint(file, entry, "value", (uint64_t)field->low, (uint64_t)field->high,
                           &number, error);
    const uint32_t narrow = (uint32_t)number;
    if (field->type == UINT32)
        memcpy(place, &narrow, sizeof narrow);
    else
        memcpy(place, &number, sizeof number);
    return status;
}

static enum eie_status read_field(const struct eie_json_file *file, const json_t *numbers,
                                  const struct field *field, enum eie_device_kind kind, void *base,
                                  struct eie_error *error)
{
    static const char *const keys[] = {"value", "basis", "source", NULL};
    void *place = (char *)base + field->offset;
    const json_t *entry;
    enum eie_status status = eie_json_object(file, numbers, field->key, &entry, error);
    if (status == EIE_OK) status = eie_json_only(file, entry, keys, error);
    if (status == EIE_OK) status = read_origin(file, entry, error);
    if (status != EIE_OK) return status;
    if (json_is_null(json_object_get(entry, "value"))) {
        const double none = NAN;
        if (kind != EIE_DEVICE_PUBLISHED)
            return eie_json_fail_at(file, entry, "value", error,
                                    "must be a number; null is only for kind \"published\"");
        memcpy(place, &none, sizeof none);
        return EIE_OK;
    }
    return read_number(file, entry, field, place, error);
}

#define AREA_SLACK 1e-3 /* printed areas are rounded */

static enum eie_status check_areas(const struct eie_json_file *file, const json_t *numbers,
                                   const struct eie_design *design, struct eie_error *error)
{
    const struct eie_pe_areas *areas = &design->pe_areas;
    const double sum = areas->queue_um2 + areas->pointer_um2 + areas->spmat_um2 +
                       areas->arithmetic_um2 + areas->activation_um2 + areas->filler_um2;
    if (fabs(sum - design->pe_area_um2) <= AREA_SLACK * design->pe_area_um2) return EIE_OK;
    return eie_json_fail_at(file, numbers, "pe_area_um2", error,
                            "%.9g is not the sum of the six areas of modules, %.9g",
                            design->pe_area_um2, sum);
}

/* The numbers of a description. */
union numbers {
    struct eie_design design;       /* EIE_DEVICE_EIE */
    struct eie_published published; /* EIE_DEVICE_PUBLISHED */
};

static enum eie_status read_numbers(const struct eie_json_file *file, enum eie_device_kind kind,
                                    union numbers *result, struct eie_error *error)
{
    const bool is_design = kind == EIE_DEVICE_EIE;
    const struct field *fields = is_design ? design_fields : published_fields;
    const size_t count = is_design ? COUNT(design_fields) : COUNT(published_fields);
    const char *keys[FIELDS_MAX + 1] = {NULL};
    const json_t *numbers;

    for (size_t i = 0; i < count; i++) keys[i] = fields[i].key;
    enum eie_status status = eie_json_object(file, file->root, "numbers", &numbers, error);
    if (status == EIE_OK) status = eie_json_only(file, numbers, keys, error);
    for (size_t i = 0; i < count && status == EIE_OK; i++)
        status = read_field(file, numbers, &fields[i], kind, result, error);
    if (status == EIE_OK && is_design) status = check_areas(file, numbers, &result->design, error);
    if (status == EIE_OK && is_design && result->design.spmat_line_bits % 8)
        status = eie_json_fail_at(file, numbers, "spmat_line_bits", error,
                                  "%u is not a multiple of 8, the bits of one entry",
                                  result->design.spmat_line_bits);
    return status;
}

static enum eie_status read_format_and_kind(const struct eie_json_file *file,
                                            enum eie_device_kind *kind, struct eie_error *error)
{
    static const char *const keys[] = {"format", "kind", "title", "numbers", NULL};
    const char *format, *word;
    if (eie_json_string(file, file->root, "format", &format, error) != EIE_OK) return EIE_INPUT;
    if (strcmp(format, FORMAT) != 0)
        return eie_json_fail_at(
            file, file->root, "format", error, "%smust be \"" FORMAT "\", not \"%.64s\"",
            eie_names_newer(format, FORMAT) ? "written for a newer version: " : "", format);
    if (eie_json_only(file, file->root, keys, error) != EIE_OK) return EIE_INPUT;
    if (eie_json_string(file, file->root, "kind", &word, error) != EIE_OK) return EIE_INPUT;
    if (strcmp(word, "eie") != 0 && strcmp(word, "published") != 0)
        return eie_json_fail_at(file, file->root, "kind", error,
                                "must be \"eie\" or \"published\", not \"%.64s\"", word);
    *kind = word[0] == 'e' ? EIE_DEVICE_EIE : EIE_DEVICE_PUBLISHED;
    return EIE_OK;
}

static enum eie_status read_root(const struct eie_json_file *file, struct eie_device *device,
                                 union numbers *numbers, struct eie_error *error)
{
    const char *title;
    enum eie_status status = read_format_and_kind(file, &device->kind, error);
    if (status == EIE_OK)
        status = read_text(file, file->root, "title", sizeof device->title - 1, &title, error);
    if (status != EIE_OK) return status;
    memcpy(device->title, title, strlen(title) + 1);
    return read_numbers(file, device->kind, numbers, error);
}

/* ---- what was read is kept ----------------------------------------------------------------------
 */

/* The numbers of one description, for the life of the program; one of each text. */
struct kept {
    struct kept *next;
    struct eie_hash hash; /* of the text */
    union numbers numbers;
};

static struct kept *all_kept;

/* Sets what `device`, of known kind and hash, says. */
static enum eie_status keep(struct eie_device *device, const union numbers *numbers,
                            struct eie_error *error)
{
    struct kept *kept = all_kept;
    while (kept && strcmp(kept->hash.hex, device->hash.hex) != 0) kept = kept->next;
    if (!kept) {
        kept = malloc(sizeof *kept);
        if (!kept)
            return eie_fail(error, EIE_MEMORY, "out of memory for a description of a device");
        *kept = (struct kept){.next = all_kept, .hash = device->hash, .numbers = *numbers};
        all_kept = kept;
    }
    if (device->kind == EIE_DEVICE_EIE)
        device->design = &kept->numbers.design;
    else
        device->published = &kept->numbers.published;
    return EIE_OK;
}

/* ---- names and files ----------------------------------------------------------------------------
 */

static bool has_suffix(const char *name)
{
    const size_t length = strlen(name), suffix = strlen(SUFFIX);
    return length > suffix && strcmp(name + length - suffix, SUFFIX) == 0;
}

/* The device's name is the file's without ".json"; it stands in rows and on command lines. */
static enum eie_status name_of(const char *path, char name[EIE_NAME_MAX], struct eie_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    const size_t length = has_suffix(file) ? strlen(file) - strlen(SUFFIX) : 0;
    if (length < 1 || length >= EIE_NAME_MAX || file[0] == '.' ||
        strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789._-") < length)
        return eie_fail(error, EIE_INPUT,
                        "%s: a device's file must be called NAME" SUFFIX
                        ", NAME being 1 to %d of a-z 0-9 . _ - and not beginning with a dot",
                        path, EIE_NAME_MAX - 1);
    memcpy(name, file, length);
    name[length] = '\0';
    if (strcmp(name, "cpu") == 0)
        return eie_fail(error, EIE_INPUT,
                        "%s: the name \"cpu\" belongs to this machine's processor; rename the file",
                        path);
    return EIE_OK;
}

static enum eie_status read_path(const char *path, struct eie_device *device,
                                 struct eie_error *error)
{
    struct eie_device result = {.kind = EIE_DEVICE_PUBLISHED};
    union numbers numbers = {0};
    struct eie_json_file file;
    enum eie_status status = name_of(path, result.name, error);
    if (status == EIE_OK) status = eie_json_read(path, &file, error);
    if (status != EIE_OK) return status;
    status = read_root(&file, &result, &numbers, error);
    if (status == EIE_OK) status = eie_sha256_of(file.text, strlen(file.text), &result.hash, error);
    if (status == EIE_OK) status = keep(&result, &numbers, error);
    if (status == EIE_OK) *device = result;
    eie_json_free(&file);
    return status;
}

/* The description files in data/devices, sorted by name. */
struct listing {
    char *folder;
    struct dirent **entries;
    int count;
};

static void listing_free(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++) free(listing->entries[i]);
    free(listing->entries);
    free(listing->folder);
    *listing = (struct listing){0};
}

static int is_description(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && has_suffix(entry->d_name);
}

/* By bytes without the suffix, whatever the locale: "a" before "a-b". */
static int by_name(const struct dirent **left, const struct dirent **right)
{
    const size_t suffix = strlen(SUFFIX);
    const size_t a = strlen((*left)->d_name) - suffix, b = strlen((*right)->d_name) - suffix;
    const int order = memcmp((*left)->d_name, (*right)->d_name, a < b ? a : b);
    return order ? order : (a > b) - (a < b);
}

static enum eie_status join(const char *folder, const char *name, char **path,
                            struct eie_error *error)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    *path = malloc(size);
    if (!*path) return eie_fail(error, EIE_MEMORY, "%s: out of memory", folder);
    snprintf(*path, size, "%s/%s", folder, name);
    return EIE_OK;
}

static enum eie_status listing_read(struct listing *listing, struct eie_error *error)
{
    const char *data;
    *listing = (struct listing){0};
    enum eie_status status = eie_data_dir(&data, error);
    if (status == EIE_OK) status = join(data, "devices", &listing->folder, error);
    if (status != EIE_OK) return status;
    listing->count = scandir(listing->folder, &listing->entries, is_description, by_name);
    if (listing->count < 0) {
        listing->count = 0;
        status = eie_fail(error, errno == ENOENT || errno == ENOTDIR ? EIE_INPUT : EIE_SYSTEM,
                          "%s: cannot list the device descriptions: %s", listing->folder,
                          strerror(errno));
        listing_free(listing);
    }
    return status;
}

static enum eie_status unknown_name(const struct listing *listing, const char *name,
                                    struct eie_error *error)
{
    char known[600] = "", names[64][EIE_DEVICE_NAME_MAX];
    const char *listed[64] = {NULL};
    size_t length = 0;
    unsigned count = 0;
    for (int i = 0; i < listing->count && length < sizeof known; i++) {
        const char *file = listing->entries[i]->d_name;
        const int name_length = (int)(strlen(file) - strlen(SUFFIX));
        const int written = snprintf(known + length, sizeof known - length, "%s%.*s",
                                     length ? ", " : "", name_length, file);
        length += written > 0 ? (size_t)written : 0;
        if (count == sizeof names / sizeof names[0]) continue;
        snprintf(names[count], sizeof names[count], "%.*s", name_length, file);
        listed[count] = names[count];
        count++;
    }
    return eie_fail(error, EIE_USAGE, "no device is called \"%.64s\"; known: %s%s%s", name,
                    length ? known : "none", length < sizeof known ? "" : "...",
                    eie_names_hint(name, listed, count).text);
}

static enum eie_status read_name(const char *name, struct eie_device *device,
                                 struct eie_error *error)
{
    struct listing listing;
    char *path = NULL;
    enum eie_status status = listing_read(&listing, error);
    if (status != EIE_OK) return status;
    for (int i = 0; i < listing.count && !path; i++) {
        const char *file = listing.entries[i]->d_name;
        const size_t length = strlen(file) - strlen(SUFFIX);
        if (strlen(name) != length || memcmp(name, file, length) != 0) continue;
        status = join(listing.folder, file, &path, error);
        if (status != EIE_OK) goto cleanup;
    }
    status = path ? read_path(path, device, error) : unknown_name(&listing, name, error);
cleanup:
    free(path);
    listing_free(&listing);
    return status;
}

enum eie_status eie_device_read(const char *name, struct eie_device *device,
                                struct eie_error *error)
{
    if (strchr(name, '/') || has_suffix(name)) return read_path(name, device, error);
    return read_name(name, device, error);
}

enum eie_status eie_device_list(struct eie_device **devices, uint32_t *count,
                                struct eie_error *error)
{
    struct eie_device *all = NULL;
    struct listing listing;
    *devices = NULL;
    *count = 0;
    enum eie_status status = listing_read(&listing, error);
    if (status != EIE_OK) return status;
    all = calloc((size_t)listing.count + 1, sizeof *all);
    if (!all) status = eie_fail(error, EIE_MEMORY, "%s: out of memory", listing.folder);
    for (int i = 0; all && i < listing.count && status == EIE_OK; i++) {
        char *path = NULL;
        status = join(listing.folder, listing.entries[i]->d_name, &path, error);
        if (status == EIE_OK) status = read_path(path, &all[i], error);
        free(path);
    }
    if (status == EIE_OK) {
        *devices = all;
        *count = (uint32_t)listing.count;
        all = NULL;
    }
    free(all);
    listing_free(&listing);
    return status;
}

enum eie_status eie_device_host(struct eie_device *device, struct eie_error *error)
{
    (void)error;
    *device = (struct eie_device){.kind = EIE_DEVICE_CPU, .name = "cpu"};
    eie_cpu_name(device->title, sizeof device->title);
    return EIE_OK;
}
