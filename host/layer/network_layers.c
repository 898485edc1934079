#include "host/layer/network_layers.h"
#include "host/layer/generate.h"
#include "host/layer/numbers.h"
#include "host/layer/stored.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED             UINT64_C(1)
#define SHARE_NOT_STATED 0.35
#define INPUT_BITS       8u
#define SAMPLE_VALUES    (UINT32_C(1) << 22) /* of all samples of a layer together */

static enum eie_status no_memory(const char *path, const struct eie_network_part *part,
                                 struct eie_error *error)
{
    return eie_fail(error, EIE_MEMORY, "%s: part %s: out of memory", path, part->name);
}

/* ---- the matrix ----------------------------------------------------------------------------- */

enum eie_status eie_network_shared(const struct eie_network_file *network, uint32_t index,
                                   const char *path, struct eie_shared *shared,
                                   struct eie_error *error)
{
    const struct eie_network_part *part = &network->parts[index];
    const size_t places = (size_t)part->outputs * part->inputs;
    *shared = (struct eie_shared){.outputs = part->outputs,
                                  .inputs = part->inputs,
                                  .rank = 2,
                                  .shape = {part->outputs, part->inputs},
                                  .code_bits = part->code_bits,
                                  .clusters = (1u << part->code_bits) - 1};
    snprintf(shared->name, sizeof shared->name, "%s", part->name);
    snprintf(shared->source, sizeof shared->source, "network %s, %s", network->name, part->name);
    memcpy(shared->codebook, part->centroids, (shared->clusters + 1) * sizeof(float));
    shared->code = malloc(places);
    if (part->bias) shared->bias = malloc(part->outputs * sizeof(float));
    if (!shared->code || (part->bias && !shared->bias)) {
        eie_shared_free(shared);
        return no_memory(path, part, error);
    }
    memcpy(shared->code, part->codes, places);
    if (part->bias) memcpy(shared->bias, part->bias, part->outputs * sizeof(float));
    return EIE_OK;
}

/* ---- the layer ------------------------------------------------------------------------------ */

static enum eie_status check_part(const char *path, const struct eie_network_part *part,
                                  uint32_t pe_count, struct eie_error *error)
{
    if (part->code_bits > 4)
        return eie_fail(error, EIE_INPUT,
                        "%s: part %s has codes of %" PRIu32 " bits, a layer of EIE's has 4: no "
                        "kernel reads it; 'eie expand' gives its floats",
                        path, part->name, part->code_bits);
    if ((uint64_t)pe_count * ((uint64_t)part->inputs + 1) > EIE_STORED_POINTERS_MAX)
        return eie_fail(error, EIE_INPUT,
                        "%s: part %s has %" PRIu32 " inputs, too many for a layer of %" PRIu32
                        " PEs",
                        path, part->name, part->inputs, pe_count);
    return EIE_OK;
}

/* Biases at the accumulator's scale. */
static enum eie_status fix_bias(const char *path, const struct eie_network_part *part,
                                uint32_t fraction_bits, int32_t **bias, struct eie_error *error)
{
    *bias = NULL;
    if (!part->bias) return EIE_OK;
    int32_t *fixed = malloc(part->outputs * sizeof *fixed);
    if (!fixed) return no_memory(path, part, error);
    for (uint32_t i = 0; i < part->outputs; i++) {
        const double value = eie_round_even(ldexp((double)part->bias[i], (int)fraction_bits));
        if (value < INT32_MIN || value > INT32_MAX) {
            free(fixed);
            return eie_fail(error, EIE_INPUT,
                            "%s: part %s: bias %" PRIu32 " does not fit 32 bits with %" PRIu32
                            " fraction bits",
                            path, part->name, i, fraction_bits);
        }
        fixed[i] = (int32_t)value;
    }
    *bias = fixed;
    return EIE_OK;
}

/* The part as a layer's fields and codes; bias and codes are to be freed. */
static enum eie_status make_parts(const char *path, const struct eie_network_part *part,
                                  const struct eie_network_scale *scale, struct eie_layer *layer,
                                  int32_t **bias, struct eie_sparse_codes *codes,
                                  struct eie_error *error)
{
    struct eie_shared shared = {.outputs = part->outputs,
                                .inputs = part->inputs,
                                .code_bits = 4,
                                .code = (uint8_t *)(uintptr_t)part->codes};
    *codes = (struct eie_sparse_codes){0};
    layer->name = part->name;
    layer->activation = part->relu ? EIE_ACTIVATION_RELU : EIE_ACTIVATION_NONE;
    layer->weight_fraction_bits = part->weight_fraction_bits;
    layer->input_fraction_bits = scale->input_fraction_bits;
    layer->output_fraction_bits = scale->output_fraction_bits;
    for (uint32_t c = 1; c < 1u << part->code_bits; c++)
        layer->codebook[c] = (int16_t)eie_round_even(
            ldexp((double)part->centroids[c], (int)part->weight_fraction_bits)); /* exact */
    enum eie_status status =
        fix_bias(path, part, part->weight_fraction_bits + scale->input_fraction_bits, bias, error);
    layer->bias = *bias;
    if (!status) status = eie_shared_columns(&shared, codes, error);
    return status;
}

enum eie_status eie_network_layer_bare(const struct eie_network_file *network, uint32_t index,
                                       const char *path, uint32_t pe_count,
                                       const struct eie_network_scale *scale,
                                       struct eie_layer **layer, struct eie_error *error)
{
    const struct eie_network_part *part = &network->parts[index];
    struct eie_sparse_codes codes;
    int32_t *bias = NULL;
    char source[128];
    enum eie_status status = check_part(path, part, pe_count, error);
    if (status) return status;
    snprintf(source, sizeof source, "network %s, %s", network->name, part->name);
    struct eie_layer parts = {.source = source, .pe_count = pe_count};
    status = make_parts(path, part, part->scale.stated ? &part->scale : scale, &parts, &bias,
                        &codes, error);
    if (!status) {
        status = eie_layer_encode(&parts, &codes, layer, error);
        if (status) eie_error_prefix(error, status, "%s", path);
    }
    free(bias);
    eie_shared_columns_free(&codes);
    return status;
}

/* Least and largest final sum over the samples. */
static void sum_range(const struct eie_layer *parts, const struct eie_sparse_codes *codes,
                      const int16_t *samples, uint32_t count, int64_t *sum, int64_t *least,
                      int64_t *most)
{
    *least = *most = 0;
    for (uint32_t s = 0; s < count; s++) {
        const int16_t *sample = samples + (size_t)s * codes->inputs;
        for (uint32_t i = 0; i < codes->outputs; i++) sum[i] = parts->bias ? parts->bias[i] : 0;
        for (uint32_t j = 0; j < codes->inputs; j++)
            for (uint32_t e = codes->column_start[j]; sample[j] && e < codes->column_start[j + 1];
                 e++)
                sum[codes->row[e]] += (int64_t)parts->codebook[codes->code[e]] * sample[j];
        for (uint32_t i = 0; i < codes->outputs; i++) {
            if (sum[i] < *least) *least = sum[i];
            if (sum[i] > *most) *most = sum[i];
        }
    }
}

/* Draws the samples for a layer that has none yet, and states an output scale where there is none.
 */
static enum eie_status draw(const struct eie_network_part *part,
                            const struct eie_sparse_codes *codes, struct eie_layer *parts,
                            uint32_t count, int16_t *samples, int64_t *sum, struct eie_error *error)
{
    const double share = part->scale.stated ? part->scale.active_share : SHARE_NOT_STATED;
    struct eie_layer_spec spec = {.seed = SEED,
                                  .inputs = part->inputs,
                                  .outputs = part->outputs,
                                  .active_inputs = (uint32_t)eie_round_even(share * part->inputs),
                                  .sample_count = count};
    struct eie_layer *layer;
    struct eie_layer without = *parts;
    int64_t least, most;
    snprintf(spec.name, sizeof spec.name, "%s", part->name);
    without.bias = NULL;
    if (without.input_fraction_bits > 15) without.input_fraction_bits = 15;
    without.output_fraction_bits = 0; /* they are not looked at */
    if (without.weight_fraction_bits + without.input_fraction_bits > 31)
        without.output_fraction_bits =
            without.weight_fraction_bits + without.input_fraction_bits - 31;
    enum eie_status status = eie_layer_encode(&without, codes, &layer, error);
    if (status) return status;
    status = eie_generate_samples(&spec, layer, count, samples, error);
    eie_layer_free(layer);
    if (status || part->scale.stated) return status;
    sum_range(parts, codes, samples, count, sum, &least, &most);
    const uint32_t bits = parts->weight_fraction_bits + parts->input_fraction_bits;
    const uint32_t shift = eie_output_shift(least, most, parts->activation);
    parts->output_fraction_bits = bits > shift ? bits - shift : 0;
    return EIE_OK;
}

enum eie_status eie_network_layer(const struct eie_network_file *network, uint32_t index,
                                  const char *path, struct eie_layer **layer,
                                  struct eie_error *error)
{
    static const struct eie_network_scale none = {.input_fraction_bits = INPUT_BITS};
    const struct eie_network_part *part = &network->parts[index];
    struct eie_sparse_codes codes;
    int32_t *bias = NULL;
    char source[160];
    uint32_t count = SAMPLE_VALUES / part->inputs;
    if (!count) count = 1;
    if (count > EIE_NETWORK_SAMPLES) count = EIE_NETWORK_SAMPLES;
    enum eie_status status = check_part(path, part, EIE_NETWORK_PES, error);
    if (status) return status;
    snprintf(source, sizeof source, "network %s, %s, inputs %s", network->name, part->name,
             part->scale.stated ? "(drawn at their measured share)" : "(drawn)");
    struct eie_layer parts = {.source = source, .pe_count = EIE_NETWORK_PES};
    int16_t *samples = malloc((size_t)count * part->inputs * sizeof *samples);
    int64_t *sum = malloc(part->outputs * sizeof *sum);
    status = make_parts(path, part, part->scale.stated ? &part->scale : &none, &parts, &bias,
                        &codes, error);
    if (!status && (!samples || !sum)) status = no_memory(path, part, error);
    if (!status) {
        status = draw(part, &codes, &parts, count, samples, sum, error);
        parts.sample_count = count;
        parts.sample_inputs = samples;
        if (!status) status = eie_layer_encode(&parts, &codes, layer, error);
        if (status == EIE_USAGE) status = EIE_INPUT; /* sums that fit at no scale */
        if (status) eie_error_prefix(error, status, "%s", path);
    }
    free(samples);
    free(sum);
    free(bias);
    eie_shared_columns_free(&codes);
    return status;
}
