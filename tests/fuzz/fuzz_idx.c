/* Any bytes as idx files: the first four say, little-endian, how many of the rest are the images;
 * the labels follow. What is accepted lies within the files. */
#include "host/train/idx.h"
#include "tests/fuzz/fuzz.h"

static struct eie_bytes copy_of(const uint8_t *from, size_t size)
{
    struct eie_bytes bytes = {malloc(size + 1), size};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, from, size);
    bytes.data[size] = 0;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_images images;
    struct eie_error error = {""};
    uint32_t first = 0;
    if (size < sizeof first) return 0;
    memcpy(&first, data, sizeof first);
    data += sizeof first;
    size -= sizeof first;
    if (first > size) first = (uint32_t)size;
    struct eie_bytes pixels = copy_of(data, first), labels = copy_of(data + first, size - first);
    const enum eie_status status =
        eie_idx_parse(&pixels, "images", &labels, "labels", &images, &error);
    FUZZ_MUST(!pixels.data && !labels.data);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!images.pixels_file.data && !images.labels_file.data);
        return 0;
    }
    FUZZ_MUST(images.count && images.rows && images.columns);
    const uint64_t sum = (uint64_t)images.count * images.rows * images.columns;
    FUZZ_MUST(images.pixels + sum == images.pixels_file.data + images.pixels_file.size);
    FUZZ_MUST(images.labels + images.count == images.labels_file.data + images.labels_file.size);
    for (uint32_t i = 0; i < images.count; i++) FUZZ_MUST(images.labels[i] < EIE_IDX_CLASSES);
    FUZZ_MUST(!strcmp(images.data, "unknown data"));
    eie_images_free(&images);
    return 0;
}
