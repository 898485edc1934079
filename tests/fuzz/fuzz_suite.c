/* Any bytes as a suite's file: what is accepted is within its limits, and its small layers build or
 * are refused. */
#include "host/layer/suite.h"
#include "tests/fuzz/fuzz.h"

#define PLACES_MAX  4096u
#define SAMPLES_MAX 16u

static void build(const struct eie_suite *suite, uint32_t index)
{
    const struct eie_layer_spec *spec = &suite->layers[index].spec;
    struct eie_error error = {""};
    struct eie_layer *layer;
    struct eie_layer_counts counts;
    if (!*suite->layers[index].import_folder &&
        ((uint64_t)spec->inputs * spec->outputs > PLACES_MAX || spec->sample_count > SAMPLES_MAX ||
         suite->pe_count > PLACES_MAX))
        return;
    const enum eie_status status = eie_suite_build(suite, index, 0, &layer, &error);
    if (status) {
        FUZZ_MUST(status == EIE_INPUT || status == EIE_USAGE || status == EIE_MISSING);
        FUZZ_MUST(error.message[0]);
        return;
    }
    eie_layer_count(layer, NULL, &counts);
    FUZZ_MUST(counts.nonzeros == spec->nonzeros_active + spec->nonzeros_inactive);
    FUZZ_MUST(layer->pe_count == suite->pe_count);
    eie_layer_free(layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    unsetenv("EIE_MODELS");
    const enum eie_status status =
        eie_suite_read(fuzz_file("fuzz.json", data, size), &suite, &error);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!suite.layers);
        return 0;
    }
    FUZZ_MUST(!strcmp(suite.name, "fuzz"));
    FUZZ_MUST(suite.layer_count && suite.pe_count);
    for (uint32_t i = 0; i < suite.layer_count; i++) {
        const struct eie_suite_layer *layer = &suite.layers[i];
        FUZZ_MUST(*layer->import_folder ? layer->import_outputs : layer->spec.inputs);
        FUZZ_MUST(layer->spec.active_inputs <= layer->spec.inputs);
        if (i < 8) build(&suite, i);
    }
    eie_suite_free(&suite);
    return 0;
}
