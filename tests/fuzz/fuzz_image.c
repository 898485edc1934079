/* Any bytes as a PPM or PGM: what is accepted has all its values, 0 to 255. */
#include "host/graph/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_image image;
    struct eie_error error = {""};
    struct eie_bytes bytes = {malloc(size + 1), size};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, data, size);
    bytes.data[size] = 0;
    const enum eie_status status = eie_image_parse(&bytes, "fuzz.ppm", &image, &error);
    free(bytes.data);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!image.values);
        return 0;
    }
    FUZZ_MUST(image.height && image.width);
    FUZZ_MUST((size_t)image.height * image.width < size);
    for (size_t i = 0; i < (size_t)image.height * image.width * 3; i++)
        FUZZ_MUST(image.values[i] >= 0 && image.values[i] <= 255);
    eie_image_free(&image);
    return 0;
}
