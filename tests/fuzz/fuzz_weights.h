/* What the fuzz targets of the readers of weights share. */
#ifndef EIE_TESTS_FUZZ_FUZZ_WEIGHTS_H
#define EIE_TESTS_FUZZ_FUZZ_WEIGHTS_H

#include "host/layer/shared.h"
#include "host/weights/weight_file.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

#define FUZZ_ELEMENTS_MAX                                                                          \
    1000000u /* a few bytes may ask for 2^32 zeros; that would only take long */

static inline void fuzz_matrix(const struct eie_weights *weights)
{
    FUZZ_MUST(weights->outputs && weights->inputs && weights->name);
    const size_t places = (size_t)weights->outputs * weights->inputs;
    const size_t count = weights->place ? weights->place_count : places;
    FUZZ_MUST(places <= FUZZ_ELEMENTS_MAX && count <= places);
    for (size_t i = 0; i < count && weights->place; i++)
        FUZZ_MUST(weights->place[i] < places && (!i || weights->place[i - 1] < weights->place[i]));
    for (size_t i = 0; i < count; i++) FUZZ_MUST(isfinite(weights->values[i]));
}

static inline int fuzz_weights(const char *path, const uint8_t *data, size_t size)
{
    struct eie_bytes bytes = {aligned_alloc(64, (size / 64 + 1) * 64), size};
    struct eie_weight_file file;
    struct eie_error error = {""};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, data, size);
    bytes.data[size] = 0;
    enum eie_status status = eie_weight_file_parse(&bytes, path, FUZZ_ELEMENTS_MAX, &file, &error);
    FUZZ_MUST(!bytes.data);
    if (status) {
        fuzz_refused(status, &error);
        return 0;
    }
    FUZZ_MUST(file.count);
    const uint32_t count = file.count < 4 ? file.count : 4;
    for (uint32_t i = 0; i < count; i++) {
        struct eie_weights weights;
        struct eie_shared shared;
        if (file.reader->shared && !file.reader->shared(&file, i, &shared, &error))
            eie_shared_free(&shared);
        status = eie_weight_file_load(&file, i, 1, i + 1 == count, &weights, &error);
        if (status) {
            fuzz_refused(status, &error);
            continue;
        }
        fuzz_matrix(&weights);
        FUZZ_MUST(!eie_weights_fill(path, &weights, &error) && !weights.place);
        fuzz_matrix(&weights);
        eie_weights_free(&weights);
    }
    eie_weight_file_close(&file);
    return 0;
}

#endif
