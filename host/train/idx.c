#include "host/train/idx.h"
#include "host/base/foreign.h"
#include "host/base/sha256.h"
#include "host/weights/gzip.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_PIXELS UINT32_C(0x803)
#define MAGIC_LABELS UINT32_C(0x801)
#define PIXELS_HEAD  16u
#define LABELS_HEAD  8u

/* Of MNIST's unpacked files. */
static const struct {
    const char *pixels, *labels, *words;
} known[] = {{"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
              "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", "training"},
             {"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
              "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", "test"}};

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static enum eie_status unpack(struct eie_bytes *bytes, const char *path, struct eie_error *error)
{
    return eie_is_gzip(bytes) ? eie_gunzip(path, bytes, error) : EIE_OK;
}

/* The head of an unpacked file: magic number, then sizes; their product must be what follows. */
static enum eie_status check_head(const struct eie_bytes *bytes, const char *path, bool is_labels,
                                  struct eie_error *error)
{
    const uint32_t wanted = is_labels ? MAGIC_LABELS : MAGIC_PIXELS;
    const size_t head = is_labels ? LABELS_HEAD : PIXELS_HEAD;
    const char *what = is_labels ? "labels" : "images";
    const uint32_t magic = bytes->size >= 4 ? big_endian(bytes->data) : 0;
    uint64_t need = 1;
    if (bytes->size >= 4 && magic != wanted) {
        if (magic == MAGIC_LABELS || magic == MAGIC_PIXELS)
            return eie_fail(error, EIE_INPUT,
                            "%s: holds %s where %s belong: are the files exchanged?", path,
                            is_labels ? "images" : "labels", what);
        const char *foreign = eie_foreign_file(path, bytes->data, bytes->size);
        if (foreign) return eie_fail(error, EIE_INPUT, "%s: %s", path, foreign);
        return eie_fail(error, EIE_INPUT,
                        "%s: no idx file of %s: it begins with 0x%08" PRIX32 ", not 0x%08" PRIX32,
                        path, what, magic, wanted);
    }
    if (bytes->size < head)
        return eie_fail(error, EIE_INPUT, "%s: cut: %zu bytes, the head of an idx file has %zu",
                        path, bytes->size, head);
    for (size_t at = 4; at < head; at += 4) {
        const uint32_t size = big_endian(bytes->data + at);
        if (!size)
            return eie_fail(error, EIE_INPUT, "%s: byte %zu: holds no %s: a size of it is 0", path,
                            at, what);
        if (__builtin_mul_overflow(need, (uint64_t)size, &need) || need > INT64_MAX)
            return eie_fail(error, EIE_INPUT, "%s: byte %zu: sizes that no file can hold", path,
                            at);
    }
    const uint64_t have = bytes->size - head;
    if (have < need)
        return eie_fail(error, EIE_INPUT,
                        "%s: cut at byte %zu: its head states %" PRIu64 " bytes behind it, there "
                        "are %" PRIu64,
                        path, bytes->size, need, have);
    if (have > need)
        return eie_fail(error, EIE_INPUT,
                        "%s: byte %" PRIu64 ": %" PRIu64 " bytes behind what its head states", path,
                        head + need, have - need);
    return EIE_OK;
}

static enum eie_status check_labels(const struct eie_images *images, const char *path,
                                    struct eie_error *error)
{
    for (uint32_t i = 0; i < images->count; i++)
        if (images->labels[i] >= EIE_IDX_CLASSES)
            return eie_fail(error, EIE_INPUT,
                            "%s: byte %zu: label %u of image %" PRIu32 " is above %u", path,
                            (size_t)i + LABELS_HEAD, images->labels[i], i, EIE_IDX_CLASSES - 1);
    return EIE_OK;
}

static enum eie_status hash_files(struct eie_images *images, struct eie_error *error)
{
    enum eie_status status = eie_sha256_of(images->pixels_file.data, images->pixels_file.size,
                                           &images->pixels_hash, error);
    if (!status)
        status = eie_sha256_of(images->labels_file.data, images->labels_file.size,
                               &images->labels_hash, error);
    images->data = "unknown data";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(images->pixels_hash.hex, known[i].pixels) &&
            !strcmp(images->labels_hash.hex, known[i].labels))
            images->data = "MNIST";
    return status;
}

enum eie_status eie_idx_parse(struct eie_bytes *pixels, const char *pixels_path,
                              struct eie_bytes *labels, const char *labels_path,
                              struct eie_images *images, struct eie_error *error)
{
    *images = (struct eie_images){.pixels_file = *pixels, .labels_file = *labels};
    *pixels = *labels = (struct eie_bytes){0};
    enum eie_status status = unpack(&images->pixels_file, pixels_path, error);
    if (!status) status = unpack(&images->labels_file, labels_path, error);
    if (!status) status = check_head(&images->pixels_file, pixels_path, false, error);
    if (!status) status = check_head(&images->labels_file, labels_path, true, error);
    if (status) goto done;
    const uint8_t *head = images->pixels_file.data;
    const uint32_t label_count = big_endian(images->labels_file.data + 4);
    images->count = big_endian(head + 4);
    images->rows = big_endian(head + 8);
    images->columns = big_endian(head + 12);
    images->pixels = head + PIXELS_HEAD;
    images->labels = images->labels_file.data + LABELS_HEAD;
    if (label_count != images->count) {
        status =
            eie_fail(error, EIE_INPUT, "%s: %" PRIu32 " labels for the %" PRIu32 " images of %s",
                     labels_path, label_count, images->count, pixels_path);
        goto done;
    }
    status = check_labels(images, labels_path, error);
    if (!status) status = hash_files(images, error);
done:
    if (status) eie_images_free(images);
    return status;
}

void eie_images_free(struct eie_images *images)
{
    eie_bytes_free(&images->pixels_file);
    eie_bytes_free(&images->labels_file);
    *images = (struct eie_images){0};
}

/* ---- folders -------------------------------------------------------------------------------- */

enum eie_status eie_idx_folder(const char *option, const char **folder, struct eie_error *error)
{
    const char *variable = getenv("EIE_MNIST");
    *folder = option && *option ? option : variable;
    if (*folder && **folder) return EIE_OK;
    return eie_fail(error, EIE_USAGE,
                    "no images: name the folder of MNIST's four idx files with --data DIR or in "
                    "EIE_MNIST");
}

/* The first of the file's names that is there. */
static enum eie_status find_file(const char *folder, const char *name, const char *kind,
                                 char path[PATH_MAX], struct eie_error *error)
{
    for (int i = 0; i < 4; i++) {
        const int length = snprintf(path, PATH_MAX, "%s/%s%c%s%s", folder, name, i % 2 ? '.' : '-',
                                    kind, i < 2 ? "" : ".gz");
        if (length < 0 || length >= PATH_MAX)
            return eie_fail(error, EIE_USAGE, "the folder's path is too long: %.200s", folder);
        if (!access(path, F_OK)) return EIE_OK;
    }
    return eie_fail(error, EIE_INPUT,
                    "%s: there is neither %s-%s nor %s.%s in it, with or without .gz", folder, name,
                    kind, name, kind);
}

/* MNIST's other set under these names would be trained on, or tested with, unnoticed. */
static enum eie_status check_set(const struct eie_images *images, const char *path, size_t set,
                                 struct eie_error *error)
{
    const size_t other = 1 - set;
    if (strcmp(images->pixels_hash.hex, known[other].pixels)) return EIE_OK;
    return eie_fail(error, EIE_INPUT, "%s: holds MNIST's %s images where its %s images belong",
                    path, known[other].words, known[set].words);
}

static enum eie_status read_set(const char *folder, const char *prefix, size_t set,
                                struct eie_images *images, struct eie_error *error)
{
    char name[32], pixels_path[PATH_MAX], labels_path[PATH_MAX];
    struct eie_bytes pixels = {0}, labels = {0};
    *images = (struct eie_images){0};
    snprintf(name, sizeof name, "%s-images", prefix);
    enum eie_status status = find_file(folder, name, "idx3-ubyte", pixels_path, error);
    snprintf(name, sizeof name, "%s-labels", prefix);
    if (!status) status = find_file(folder, name, "idx1-ubyte", labels_path, error);
    if (!status) status = eie_file_read(pixels_path, SIZE_MAX, &pixels, error);
    if (!status) status = eie_file_read(labels_path, SIZE_MAX, &labels, error);
    if (status) {
        eie_bytes_free(&pixels);
        return status;
    }
    status = eie_idx_parse(&pixels, pixels_path, &labels, labels_path, images, error);
    if (status) return status;
    status = check_set(images, pixels_path, set, error);
    if (status) eie_images_free(images);
    return status;
}

enum eie_status eie_idx_read_training(const char *folder, struct eie_images *images,
                                      struct eie_error *error)
{
    return read_set(folder, "train", 0, images, error);
}

enum eie_status eie_idx_read_test(const char *folder, struct eie_images *images,
                                  struct eie_error *error)
{
    return read_set(folder, "t10k", 1, images, error);
}
