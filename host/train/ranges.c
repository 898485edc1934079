#include "host/train/ranges.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct weight {
    uint32_t column;
    float value;
};

/* A part's weights that are not 0, row by row. */
struct rows {
    uint32_t *start; /* [outputs + 1] */
    struct weight *weights;
};

static bool list_rows(const struct eie_node *node, const float *values, struct rows *rows)
{
    const float *weight = values + node->weight_at;
    uint32_t count = 0;
    rows->start = malloc((node->outputs + 1) * sizeof *rows->start);
    rows->weights = malloc(((size_t)node->outputs * node->inputs + 1) * sizeof *rows->weights);
    if (!rows->start || !rows->weights) return false;
    for (uint32_t o = 0; o < node->outputs; o++) {
        rows->start[o] = count;
        for (uint32_t i = 0; i < node->inputs; i++, weight++)
            if (*weight != 0.0f) rows->weights[count++] = (struct weight){i, *weight};
    }
    rows->start[node->outputs] = count;
    return true;
}

struct tally {
    struct eie_range *range;
    uint64_t inputs, active;
};

/* One vector of inputs, or one position's. */
static void measure_vector(const struct eie_node *node, const struct rows *rows, const float *bias,
                           const float *in, struct tally *tally)
{
    struct eie_range *range = tally->range;
    for (uint32_t i = 0; i < node->inputs; i++) {
        range->input = fmax(range->input, fabs((double)in[i]));
        tally->active += in[i] != 0.0f;
    }
    tally->inputs += node->inputs;
    for (uint32_t o = 0; o < node->outputs; o++) {
        double sum = (double)bias[o];
        for (uint32_t w = rows->start[o]; w < rows->start[o + 1]; w++)
            sum += (double)rows->weights[w].value * (double)in[rows->weights[w].column];
        range->sum = fmax(range->sum, fabs(sum));
        range->output = fmax(range->output, node->relu ? sum : fabs(sum));
    }
}

static void measure_image(const struct eie_training *training, const float *values, uint32_t here,
                          uint32_t image, uint32_t part, const struct rows *rows, float *in,
                          float *columns, struct tally *tally)
{
    const struct eie_network *network = training->network;
    const uint32_t n = network->part[part];
    const struct eie_node *node = &network->nodes[n];
    const size_t size = (size_t)node->in.channels * node->in.height * node->in.width;
    if (n)
        eie_passes_output(training->passes, n - 1, here, image, in);
    else
        memcpy(in, eie_passes_input(training->passes) + image * size, size * sizeof *in);
    if (node->kind == EIE_NODE_FC) {
        measure_vector(node, rows, values + node->bias_at, in, tally);
        return;
    }
    eie_node_columns(node, in, columns);
    for (uint32_t p = 0; p < node->out.height * node->out.width; p++)
        measure_vector(node, rows, values + node->bias_at, columns + (size_t)p * node->inputs,
                       tally);
}

enum eie_status eie_ranges_measure(struct eie_training *training, const float *values,
                                   uint32_t count, struct eie_range *ranges,
                                   struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const uint32_t batch = training->recipe->batch;
    struct rows rows[EIE_NODES_MAX] = {{0}};
    struct tally tallies[EIE_NODES_MAX] = {{0}};
    size_t most_in = 1, most_columns = 1;
    bool good = true;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const size_t in = (size_t)node->in.channels * node->in.height * node->in.width;
        const size_t columns = (size_t)node->inputs * node->out.height * node->out.width;
        most_in = in > most_in ? in : most_in;
        most_columns = columns > most_columns ? columns : most_columns;
        ranges[p] = (struct eie_range){0};
        tallies[p].range = &ranges[p];
        good = good && list_rows(node, values, &rows[p]);
    }
    float *in = malloc(most_in * sizeof *in), *columns = malloc(most_columns * sizeof *columns);
    good = good && in && columns;
    if (count > training->recipe->validation) count = training->recipe->validation;
    for (uint32_t first = 0; good && first < count; first += batch) {
        const uint32_t here = count - first < batch ? count - first : batch;
        /* leaves these images and what became of them in the passes */
        (void)eie_training_errors(training, values, &training->samples,
                                  training->validation + first, here, NULL);
        for (uint32_t i = 0; i < here; i++)
            for (uint32_t p = 0; p < network->part_count; p++)
                measure_image(training, values, here, i, p, &rows[p], in, columns, &tallies[p]);
    }
    for (uint32_t p = 0; p < network->part_count; p++) {
        if (tallies[p].inputs)
            ranges[p].active = (double)tallies[p].active / (double)tallies[p].inputs;
        free(rows[p].start);
        free(rows[p].weights);
    }
    free(in);
    free(columns);
    return good ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory to measure ranges");
}

/* The most fraction bits at which `value` is at most 2^bits - 1; `most` where there is room. */
static uint32_t bits_for(double value, uint32_t bits, uint32_t most)
{
    uint32_t fraction = 0;
    while (fraction < most && ldexp(value, (int)fraction + 1) <= ldexp(1, (int)bits) - 1)
        fraction++;
    return fraction;
}

uint32_t eie_range_input_bits(const struct eie_range *range, bool first, uint32_t weight_bits)
{
    const uint32_t by_input = bits_for(first ? range->input : 2 * range->input, 15, 15);
    const uint32_t by_sum = bits_for(2 * range->sum, 31, 62);
    const uint32_t left = by_sum > weight_bits ? by_sum - weight_bits : 0;
    return by_input < left ? by_input : left;
}

uint32_t eie_range_output_bits(const struct eie_range *range, uint32_t sum_bits)
{
    const uint32_t fits = bits_for(2 * range->output, 15, 31);
    return fits < sum_bits ? fits : sum_bits;
}
