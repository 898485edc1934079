#include "bench/train/forward.h"
#include "host/layer/numbers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const struct eie_extent *extent)
{
    return (size_t)extent->channels * extent->height * extent->width;
}

static enum eie_status check_parts(const struct eie_network *network,
                                   const struct eie_network_file *file, const char *path,
                                   struct eie_error *error)
{
    if (file->part_count != network->part_count)
        return eie_fail(error, EIE_INPUT, "%s: has %" PRIu32 " parts, network %s has %" PRIu32,
                        path, file->part_count, network->name, network->part_count);
    for (uint32_t p = 0; p < file->part_count; p++) {
        const struct eie_network_part *part = &file->parts[p];
        const struct eie_node *node = eie_network_part(network, p);
        if (strcmp(part->name, node->name) || part->outputs != node->outputs ||
            part->inputs != node->inputs || part->relu != node->relu)
            return eie_fail(error, EIE_INPUT,
                            "%s: its part %s, %" PRIu32 " x %" PRIu32 ", is not layer %s, %" PRIu32
                            " x %" PRIu32 ", of network %s",
                            path, part->name, part->outputs, part->inputs, node->name,
                            node->outputs, node->inputs, network->name);
    }
    return EIE_OK;
}

static bool list_part(const struct eie_network_part *part, struct eie_forward_part *list)
{
    const size_t places = (size_t)part->outputs * part->inputs;
    uint32_t count = 0;
    for (size_t k = 0; k < places; k++) count += part->codes[k] != 0;
    list->start = malloc(((size_t)part->outputs + 1) * sizeof *list->start);
    list->column = malloc(((size_t)count + 1) * sizeof *list->column);
    list->code = malloc((size_t)count + 1);
    if (!list->start || !list->column || !list->code) return false;
    count = 0;
    for (uint32_t i = 0; i < part->outputs; i++) {
        list->start[i] = count;
        for (uint32_t j = 0; j < part->inputs; j++) {
            const uint8_t code = part->codes[(size_t)i * part->inputs + j];
            if (!code) continue;
            list->column[count] = j;
            list->code[count++] = code;
        }
    }
    list->start[part->outputs] = count;
    return true;
}

enum eie_status eie_forward_make(const struct eie_network *network,
                                 const struct eie_network_file *file, const char *path,
                                 struct eie_forward *forward, struct eie_error *error)
{
    size_t values = size_of(&network->input), columns = 1;
    *forward = (struct eie_forward){.network = network, .file = file};
    enum eie_status status = check_parts(network, file, path, error);
    if (status) return status;
    for (uint32_t n = 0; n < network->node_count; n++) {
        const struct eie_node *node = &network->nodes[n];
        const size_t own = (size_t)eie_node_positions(node) * node->inputs;
        if (size_of(&node->out) > values) values = size_of(&node->out);
        if (node->kind == EIE_NODE_CONV && own > columns) columns = own;
    }
    bool good = true;
    for (int i = 0; i < 2; i++) {
        forward->values[i] = malloc(values * sizeof(float));
        good = good && forward->values[i];
    }
    forward->columns = malloc(columns * sizeof(float));
    good = good && forward->columns;
    for (uint32_t p = 0; p < file->part_count && good; p++)
        good = list_part(&file->parts[p], &forward->parts[p]);
    if (good) return EIE_OK;
    eie_forward_free(forward);
    return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
}

void eie_forward_free(struct eie_forward *forward)
{
    for (uint32_t p = 0; p < EIE_NODES_MAX; p++) {
        free(forward->parts[p].start);
        free(forward->parts[p].column);
        free(forward->parts[p].code);
    }
    free(forward->values[0]);
    free(forward->values[1]);
    free(forward->columns);
    *forward = (struct eie_forward){.network = NULL};
}

/* The node's inputs, position by position. */
static const float *columns_of(struct eie_forward *forward, const struct eie_node *node,
                               const float *image)
{
    if (node->kind != EIE_NODE_CONV) return image;
    eie_node_columns(node, image, forward->columns);
    return forward->columns;
}

static void swap(struct eie_forward *forward)
{
    float *first = forward->values[0];
    forward->values[0] = forward->values[1];
    forward->values[1] = first;
}

/* ---- float32 -------------------------------------------------------------------------------- */

static void multiply_float(const struct eie_forward_part *list, const struct eie_network_part *part,
                           uint32_t positions, const float *columns, float *out)
{
    for (uint32_t at = 0; at < positions; at++, columns += part->inputs)
        for (uint32_t i = 0; i < part->outputs; i++) {
            float sum = part->bias ? part->bias[i] : 0.0f;
            for (uint32_t e = list->start[i]; e < list->start[i + 1]; e++)
                sum += part->centroids[list->code[e]] * columns[list->column[e]];
            out[(size_t)i * positions + at] = part->relu && sum < 0 ? 0 : sum;
        }
}

const float *eie_forward_float(struct eie_forward *forward, const uint8_t *pixels)
{
    const struct eie_network *network = forward->network;
    const size_t count = size_of(&network->input);
    for (size_t k = 0; k < count; k++) forward->values[0][k] = (float)pixels[k] / 255.0f;
    for (uint32_t n = 0, p = 0; n < network->node_count; n++, swap(forward)) {
        const struct eie_node *node = &network->nodes[n];
        if (node->kind == EIE_NODE_POOL) {
            eie_node_pool(node, forward->values[0], forward->values[1]);
            continue;
        }
        multiply_float(&forward->parts[p], &forward->file->parts[p], eie_node_positions(node),
                       columns_of(forward, node, forward->values[0]), forward->values[1]);
        p++;
    }
    return forward->values[0];
}

/* ---- 16-bit fixed point --------------------------------------------------------------------- */

static enum eie_status multiply_int16(const struct eie_forward_part *list,
                                      const struct eie_layer *layer, uint32_t positions,
                                      const int16_t *inputs, int16_t *outputs, uint64_t *saturated,
                                      struct eie_error *error)
{
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t at = 0; at < positions; at++, inputs += layer->inputs, outputs += layer->outputs)
        for (uint32_t i = 0; i < layer->outputs; i++) {
            int64_t sum = layer->bias ? layer->bias[i] : 0;
            for (uint32_t e = list->start[i]; e < list->start[i + 1]; e++)
                sum += (int64_t)layer->codebook[list->code[e]] * inputs[list->column[e]];
            if (sum < INT32_MIN || sum > INT32_MAX)
                return eie_fail(error, EIE_INPUT,
                                "layer %s: output %" PRIu32 " sums to %" PRId64
                                ", which leaves 32 bits: its input fraction bits are too many",
                                layer->name, i, sum);
            outputs[i] = eie_finish((int32_t)sum, layer->activation, shift);
            *saturated += outputs[i] == INT16_MAX || outputs[i] == INT16_MIN;
        }
    return EIE_OK;
}

enum eie_status eie_forward_int16(struct eie_forward *forward,
                                  const struct eie_layer *const *layers, const uint8_t *pixels,
                                  int16_t *const *inputs, int16_t *const *outputs,
                                  uint64_t *saturated, struct eie_error *error)
{
    /* Values stand in floats, which hold 16 bits exactly, so that pools and columns are the same.
     */
    const struct eie_network *network = forward->network;
    const size_t count = size_of(&network->input);
    const double one = ldexp(1, (int)layers[0]->input_fraction_bits);
    for (size_t k = 0; k < count; k++) {
        const double value = eie_round_even(pixels[k] / 255.0 * one);
        forward->values[0][k] = (float)(value > INT16_MAX ? INT16_MAX : value);
    }
    for (uint32_t n = 0, p = 0; n < network->node_count; n++, swap(forward)) {
        const struct eie_node *node = &network->nodes[n];
        if (node->kind == EIE_NODE_POOL) {
            eie_node_pool(node, forward->values[0], forward->values[1]);
            continue;
        }
        const struct eie_layer *layer = layers[p];
        const uint32_t positions = eie_node_positions(node);
        const float *columns = columns_of(forward, node, forward->values[0]);
        for (size_t k = 0; k < (size_t)positions * layer->inputs; k++)
            inputs[p][k] = (int16_t)columns[k];
        enum eie_status status = multiply_int16(&forward->parts[p], layer, positions, inputs[p],
                                                outputs[p], saturated, error);
        if (status) return status;
        for (uint32_t at = 0; at < positions; at++)
            for (uint32_t i = 0; i < layer->outputs; i++)
                forward->values[1][(size_t)i * positions + at] =
                    outputs[p][(size_t)at * layer->outputs + i];
        p++;
    }
    return EIE_OK;
}
