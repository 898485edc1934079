/* Any bytes as the file of a map: what is accepted has points that can be, and gives advice in
 * finite numbers. */
#include "bench/map/advice.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

static void check_advice(const struct eie_map_file *file, const struct eie_point *point)
{
    struct eie_advice advice;
    struct eie_error error = {""};
    enum eie_family second;
    if (eie_advice_read(file, point, &advice, &error)) {
        FUZZ_MUST(error.message[0] && !strchr(error.message, '\n'));
        return;
    }
    const enum eie_family best = eie_advice_best(&advice, &second);
    FUZZ_MUST(best != second || best == EIE_FAMILIES);
    for (int f = 0; f < EIE_FAMILIES; f++) {
        const struct eie_offer *offer = &advice.offers[f];
        FUZZ_MUST(isnan(offer->ns) || (isfinite(offer->ns) && offer->ns > 0));
        FUZZ_MUST(isnan(offer->ns) == isnan(offer->low_ns));
        FUZZ_MUST(isnan(offer->ns) || offer->low_ns <= offer->high_ns * (1 + 1e-9));
    }
    FUZZ_MUST(!(advice.leaving.pays_at >= advice.leaving.not_at));
    FUZZ_MUST(!(advice.sparse.pays_at >= advice.sparse.not_at));
    FUZZ_MUST(!(advice.sparse.tie_from <= advice.sparse.pays_at));
    FUZZ_MUST(!(advice.sparse.tie_to >= advice.sparse.not_at));
    FUZZ_MUST(advice.times_size > 0 && advice.times_weights >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_map_file file;
    struct eie_error error = {""};
    char text[400];
    const enum eie_status status =
        eie_map_file_read(fuzz_file("fuzz.json", data, size), &file, &error);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!file.root && !file.verdicts.all);
        return 0;
    }
    FUZZ_MUST(file.threads && file.cache && file.verdicts.count);
    for (uint32_t i = 0; i < file.verdicts.count; i++) {
        struct eie_point point = file.verdicts.all[i].point;
        FUZZ_MUST(!eie_shape_check(&point.shape, NULL));
        if (i >= 8) continue;
        check_advice(&file, &point);
        point.shape.weights = fmin(1, 1.3 * point.shape.weights);
        check_advice(&file, &point);
    }
    eie_map_file_is_foreign(&file, file.context, text, sizeof text);
    eie_map_file_free(&file);
    return 0;
}
