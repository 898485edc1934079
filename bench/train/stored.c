#include "bench/train/stored.h"
#include "bench/train/forward.h"
#include "host/base/jsonset.h"
#include "host/layer/network_file.h"
#include "host/layer/safetensors.h"
#include "host/train/ranges.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CENTROIDS     256
#define RANGE_IMAGES  1000u
#define ACTIVE_IMAGES 100u

/* The recipe's own last phase, not its control's. */
static uint32_t last_phase(const struct eie_recipe *recipe)
{
    return recipe->phase_count - recipe->controls - 1;
}

static const struct eie_phase *phase_of_file(const struct eie_training *training)
{
    return &training->recipe->phases[last_phase(training->recipe)];
}

static json_t *describe_part(const struct eie_node *node, size_t kept)
{
    const double weights = (double)node->outputs * node->inputs;
    json_t *layer = json_object();
    eie_set(layer, "name", node->name);
    eie_set_integer(layer, "outputs", node->outputs);
    eie_set_integer(layer, "inputs", node->inputs);
    eie_set_integer(layer, "positions", eie_node_positions(node));
    eie_set_integer(layer, "kept", kept);
    eie_set_number(layer, "kept_pct", 100 * (double)kept / weights);
    return layer;
}

/* What share of its inputs a product of each part finds not to be 0. */
static enum eie_status describe_inputs(struct eie_training *training, json_t *layers,
                                       struct eie_error *error)
{
    const float *values = eie_training_snapshot(training, last_phase(training->recipe));
    struct eie_range ranges[EIE_NODES_MAX];
    const enum eie_status status =
        eie_ranges_measure(training, values, ACTIVE_IMAGES, ranges, error);
    for (uint32_t p = 0; !status && p < training->network->part_count; p++)
        eie_set_number(json_array_get(layers, p), "active_pct", 100 * ranges[p].active);
    return status;
}

static enum eie_status size_of(const char *path, uint64_t *bytes, struct eie_error *error)
{
    struct stat info;
    if (stat(path, &info))
        return eie_fail(error, EIE_SYSTEM, "%s: cannot be read back for the ledger", path);
    *bytes = (uint64_t)info.st_size;
    return EIE_OK;
}

/* ---- codes -------------------------------------------------------------------------------------
 */

static enum eie_status state_scales(struct eie_training *training, struct eie_network_part *parts,
                                    struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const float *values = eie_training_snapshot(training, last_phase(training->recipe));
    struct eie_range ranges[EIE_NODES_MAX];
    enum eie_status status = eie_ranges_measure(training, values, RANGE_IMAGES, ranges, error);
    if (status) return status;
    uint32_t sum_bits = UINT32_MAX;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const int fraction = eie_network_centroid_bits(training->shared + p * CENTROIDS, CENTROIDS);
        const uint32_t weight_bits = fraction > 0 ? (uint32_t)fraction : 0; /* -1: is refused */
        uint32_t input_bits = eie_range_input_bits(&ranges[p], !p, weight_bits);
        if (input_bits > sum_bits) input_bits = sum_bits; /* outputs are not shifted up */
        sum_bits = weight_bits + input_bits;
        parts[p].scale = (struct eie_network_scale){.stated = true,
                                                    .input_fraction_bits = input_bits,
                                                    .output_fraction_bits =
                                                        eie_range_output_bits(&ranges[p], sum_bits),
                                                    .active_share = ranges[p].active};
        if (p) parts[p - 1].scale.output_fraction_bits = input_bits;
    }
    return EIE_OK;
}

static void describe_sizes(const struct eie_network *network, const struct eie_network_sizes *sizes,
                           const struct eie_phase *phase, json_t *layers, json_t *file_parts)
{
    struct eie_network_bytes bytes;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const double weights = sizes[p].weights ? (double)sizes[p].weights : 1;
        json_t *layer = json_array_get(layers, p);
        eie_set_integer(layer, "code_bits", phase->bits[p]);
        eie_set_integer(layer, "entries", sizes[p].weights + sizes[p].fillers);
        eie_set_integer(layer, "fillers", sizes[p].fillers);
        eie_set_number(layer, "code_bits_huffman", (double)sizes[p].code_bits / weights);
        eie_set_number(layer, "run_bits_huffman", (double)sizes[p].run_bits / weights);
        (void)eie_network_file_sizes(&sizes[p], 0, &bytes);
        eie_set_number(layer, "bytes",
                       bytes.header + bytes.tables + bytes.codes + bytes.runs + bytes.centroids +
                           bytes.biases);
    }
    (void)eie_network_file_sizes(sizes, network->part_count, &bytes);
    eie_set_number(file_parts, "header", bytes.header);
    eie_set_number(file_parts, "tables", bytes.tables);
    eie_set_number(file_parts, "codes", bytes.codes);
    eie_set_number(file_parts, "runs", bytes.runs);
    eie_set_number(file_parts, "centroids", bytes.centroids);
    eie_set_number(file_parts, "biases", bytes.biases);
}

static enum eie_status write_codes(struct eie_training *training, const char *path, json_t *layers,
                                   json_t *file_parts, struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const struct eie_phase *phase = phase_of_file(training);
    const float *values = eie_training_snapshot(training, last_phase(training->recipe));
    struct eie_network_part parts[EIE_NODES_MAX];
    struct eie_network_sizes sizes[EIE_NODES_MAX + 1];
    struct eie_network_file file = {.part_count = network->part_count, .parts = parts};
    enum eie_status status = EIE_OK;
    snprintf(file.name, sizeof file.name, "%s", network->name);
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        parts[p] = (struct eie_network_part){.outputs = node->outputs,
                                             .inputs = node->inputs,
                                             .code_bits = phase->bits[p],
                                             .relu = node->relu,
                                             .codes = training->codes + node->weight_at,
                                             .centroids = training->shared + p * CENTROIDS,
                                             .bias = values + node->bias_at,
                                             .bias_bits = phase->bias_bits};
        snprintf(parts[p].name, sizeof parts[p].name, "%s", node->name);
    }
    if (phase->int16) status = state_scales(training, parts, error);
    if (!status) status = eie_network_file_write(path, &file, sizes, error);
    if (!status) describe_sizes(network, sizes, phase, layers, file_parts);
    return status;
}

static enum eie_status read_codes(const struct eie_training *training, const char *path,
                                  float *values, struct eie_error *error)
{
    const struct eie_network *network = training->network;
    struct eie_network_file file;
    enum eie_status status = eie_network_file_read(path, &file, NULL, error);
    if (status) return status;
    bool same = file.part_count == network->part_count && !strcmp(file.name, network->name);
    for (uint32_t p = 0; same && p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const struct eie_network_part *part = &file.parts[p];
        same = part->outputs == node->outputs && part->inputs == node->inputs;
        for (size_t i = 0; same && i < (size_t)node->outputs * node->inputs; i++)
            values[node->weight_at + i] = part->codes[i] ? part->centroids[part->codes[i]] : 0;
        for (uint32_t o = 0; same && o < node->outputs; o++)
            values[node->bias_at + o] = part->bias ? part->bias[o] : 0;
    }
    eie_network_file_free(&file);
    return same ? EIE_OK
                : eie_fail(error, EIE_INPUT, "%s: does not hold network %s", path, network->name);
}

/* ---- floats ------------------------------------------------------------------------------------
 */

static void set_tensor(struct eie_tensor *tensor, char *name, size_t size, const char *node,
                       const char *what, const float *values, uint32_t outputs, uint32_t inputs)
{
    snprintf(name, size, "%s.%s", node, what);
    *tensor = (struct eie_tensor){.name = name,
                                  .dtype = EIE_F32,
                                  .rank = inputs ? 2 : 1,
                                  .shape = {outputs, inputs},
                                  .data = values,
                                  .size = sizeof *values * outputs * (inputs ? inputs : 1)};
}

static enum eie_status write_floats(const struct eie_training *training, const char *path,
                                    json_t *file_parts, struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const float *values = eie_training_snapshot(training, last_phase(training->recipe));
    struct eie_tensor tensors[2 * EIE_NODES_MAX];
    char names[2 * EIE_NODES_MAX][EIE_NODE_NAME_MAX + 8];
    uint64_t header = 0;
    uint32_t count = 0;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        set_tensor(&tensors[count], names[count], sizeof names[count], node->name, "weight",
                   values + node->weight_at, node->outputs, node->inputs);
        count++;
        set_tensor(&tensors[count], names[count], sizeof names[count], node->name, "bias",
                   values + node->bias_at, node->outputs, 0);
        count++;
    }
    const enum eie_status status =
        eie_safetensors_write(path, tensors, count, NULL, &header, error);
    eie_set_integer(file_parts, "header", header);
    eie_set_integer(file_parts, "weights", sizeof *values * network->weights);
    eie_set_integer(file_parts, "biases",
                    sizeof *values * (network->parameters - network->weights));
    return status;
}

enum eie_status eie_trained_floats(const struct eie_safetensors *file, const char *path,
                                   const struct eie_network *network, float *values,
                                   struct eie_error *error)
{
    bool same = file->tensor_count == 2 * network->part_count;
    for (uint32_t p = 0; same && p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const size_t weights = sizeof *values * (node->bias_at - node->weight_at);
        char name[EIE_NODE_NAME_MAX + 8];
        snprintf(name, sizeof name, "%s.weight", node->name);
        const struct eie_tensor *weight = eie_safetensors_find(file, name);
        snprintf(name, sizeof name, "%s.bias", node->name);
        const struct eie_tensor *bias = eie_safetensors_find(file, name);
        same = weight && bias && weight->dtype == EIE_F32 && bias->dtype == EIE_F32 &&
               weight->size == weights && bias->size == sizeof *values * node->outputs;
        if (!same) continue;
        memcpy(values + node->weight_at, weight->data, weights);
        memcpy(values + node->bias_at, bias->data, sizeof *values * node->outputs);
    }
    for (size_t i = 0; same && i < network->parameters; i++)
        if (!isfinite(values[i]))
            return eie_fail(error, EIE_INPUT, "%s: holds a weight or bias that is not finite",
                            path);
    return same ? EIE_OK
                : eie_fail(error, EIE_INPUT, "%s: does not hold network %s", path, network->name);
}

static enum eie_status read_floats(const struct eie_training *training, const char *path,
                                   float *values, struct eie_error *error)
{
    struct eie_safetensors file;
    enum eie_status status = eie_safetensors_read(path, &file, error);
    if (status) return status;
    status = eie_trained_floats(&file, path, training->network, values, error);
    eie_safetensors_free(&file);
    return status;
}

/* ---- either ------------------------------------------------------------------------------------
 */

enum eie_status eie_trained_write(struct eie_training *training, const char *path, json_t **layers,
                                  json_t **parts, uint64_t *bytes, struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const float *values = eie_training_snapshot(training, last_phase(training->recipe));
    *layers = json_array();
    *parts = json_object();
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        size_t kept = 0;
        for (size_t i = node->weight_at; i < node->bias_at; i++) kept += values[i] != 0.0f;
        json_array_append_new(*layers, describe_part(node, kept));
    }
    enum eie_status status = phase_of_file(training)->kind == EIE_PHASE_SHARE
                                 ? write_codes(training, path, *layers, *parts, error)
                                 : write_floats(training, path, *parts, error);
    if (!status) status = describe_inputs(training, *layers, error);
    return status ? status : size_of(path, bytes, error);
}

enum eie_status eie_trained_read(const struct eie_training *training, const char *path,
                                 float *values, struct eie_error *error)
{
    return phase_of_file(training)->kind == EIE_PHASE_SHARE
               ? read_codes(training, path, values, error)
               : read_floats(training, path, values, error);
}
