/* Any bytes as a graph's file: what is accepted has steps that fit each other. */
#include "host/graph/graph.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_graph graph;
    struct eie_error error = {""};
    const enum eie_status status =
        eie_graph_read(fuzz_file("fuzz.json", data, size), &graph, &error);
    if (status) {
        fuzz_refused(status, &error);
        return 0;
    }
    FUZZ_MUST(graph.step_count >= 2 && graph.step_count <= EIE_STEPS_MAX);
    FUZZ_MUST(graph.steps[0].kind == EIE_STEP_IMAGE && graph.steps[0].out.channels == 3);
    for (uint32_t s = 1; s < graph.step_count; s++) {
        const struct eie_step *step = &graph.steps[s];
        uint64_t channels = 0;
        FUZZ_MUST(step->from_count >= 1 && step->from_count <= EIE_STEP_FROM_MAX);
        for (uint32_t f = 0; f < step->from_count; f++) {
            FUZZ_MUST(step->from[f] < s);
            channels += graph.steps[step->from[f]].out.channels;
        }
        FUZZ_MUST(eie_step_size(step) >= 1 && eie_step_size(step) <= 1u << 24);
        if (step->kind == EIE_STEP_POOL) {
            FUZZ_MUST((step->out.height - 1) * step->stride < step->in.height);
            FUZZ_MUST((step->out.width - 1) * step->stride < step->in.width);
        }
        FUZZ_MUST(step->out.channels == (step->kind == EIE_STEP_CONV ? step->outputs : channels));
    }
    FUZZ_MUST(graph.steps[graph.step_count - 1].out.channels == graph.classes);
    return 0;
}
