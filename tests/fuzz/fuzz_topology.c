/* Any bytes as the topology of a network: what is accepted has layers that fit each other, and
 * small ones go forward and back within their memory. */
#include "host/train/network.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

#define VALUES_MAX 4096u
#define MACS_MAX   100000u
#define BATCH      2u

static bool is_small(const struct eie_network *network)
{
    bool small = network->parameters <= VALUES_MAX && network->macs <= MACS_MAX;
    for (uint32_t n = 0; n < network->node_count; n++) {
        const struct eie_extent *in = &network->nodes[n].in;
        small = small && (uint64_t)in->channels * in->height * in->width <= VALUES_MAX;
    }
    return small;
}

static void go(const struct eie_network *network)
{
    static const uint8_t labels[BATCH];
    const size_t size =
        (size_t)network->input.channels * network->input.height * network->input.width;
    float *values = malloc(network->parameters * sizeof *values);
    float *gradient = malloc(network->parameters * sizeof *gradient);
    struct eie_passes *passes;
    struct eie_error error = {""};
    FUZZ_MUST(values && gradient);
    FUZZ_MUST(eie_passes_make(network, BATCH, eie_sgemm_plain, &passes, &error) == EIE_OK);
    eie_network_draw(network, 1, values);
    for (size_t i = 0; i < BATCH * size; i++) eie_passes_input(passes)[i] = (float)(i % 7) / 7;
    (void)eie_passes_forward(passes, values, BATCH, NULL);
    FUZZ_MUST(isfinite(eie_passes_backward(passes, values, labels, BATCH, gradient)));
    for (size_t i = 0; i < network->parameters; i++) FUZZ_MUST(isfinite(gradient[i]));
    eie_passes_free(passes);
    free(values);
    free(gradient);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eie_network network;
    struct eie_error error = {""};
    const enum eie_status status =
        eie_network_read(fuzz_file("fuzz.json", data, size), &network, &error);
    if (status) {
        fuzz_refused(status, &error);
        return 0;
    }
    const struct eie_node *last = &network.nodes[network.node_count - 1];
    size_t parameters = 0;
    FUZZ_MUST(!strcmp(network.name, "fuzz"));
    FUZZ_MUST(network.part_count && network.part_count <= network.node_count);
    FUZZ_MUST(last->kind == EIE_NODE_FC && last->outputs == network.classes && !last->relu);
    for (uint32_t p = 0; p < network.part_count; p++) {
        const struct eie_node *node = eie_network_part(&network, p);
        FUZZ_MUST(node->weight_at == parameters);
        parameters += (size_t)node->outputs * node->inputs;
        FUZZ_MUST(node->bias_at == parameters);
        parameters += node->outputs;
    }
    FUZZ_MUST(network.parameters == parameters);
    if (is_small(&network)) go(&network);
    return 0;
}
