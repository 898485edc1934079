#include "host/layer/shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void eie_shared_free(struct eie_shared *shared)
{
    free(shared->code);
    free(shared->place);
    free(shared->bias);
    free(shared->tensor);
    shared->code = NULL;
    shared->place = NULL;
    shared->bias = NULL;
    shared->tensor = NULL;
}

static size_t code_count(const struct eie_shared *shared)
{
    return shared->place ? shared->place_count : (size_t)shared->outputs * shared->inputs;
}

uint64_t eie_shared_nonzeros(const struct eie_shared *shared)
{
    const size_t count = code_count(shared);
    uint64_t nonzeros = 0;
    for (size_t i = 0; i < count; i++) nonzeros += shared->code[i] != 0;
    return nonzeros;
}

enum eie_status eie_shared_columns(const struct eie_shared *shared, struct eie_sparse_codes *codes,
                                   struct eie_error *error)
{
    const uint32_t outputs = shared->outputs, inputs = shared->inputs;
    const uint64_t nonzeros = eie_shared_nonzeros(shared);
    *codes = (struct eie_sparse_codes){.inputs = inputs, .outputs = outputs};
    if (shared->code_bits != 4)
        return eie_fail(error, EIE_USAGE,
                        "%s: a layer has 4-bit codes, not %u-bit ones: re-cluster its weights",
                        shared->name, shared->code_bits);
    if (nonzeros > UINT32_MAX)
        return eie_fail(error, EIE_INPUT, "%s: more than 2^32 - 1 weights", shared->name);
    uint32_t *start = calloc((size_t)inputs + 2, sizeof *start);
    uint32_t *row = malloc((nonzeros + 1) * sizeof *row);
    uint8_t *code = malloc(nonzeros + 1);
    codes->column_start = start;
    codes->row = row;
    codes->code = code;
    if (!start || !row || !code) {
        eie_shared_columns_free(codes);
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", shared->name);
    }
    /* start[j + 2] counts column j; then start[j + 1] is its next free place, in the end its end */
    for (uint64_t k = 0; shared->place && k < shared->place_count; k++)
        start[shared->place[k] % inputs + 2] += shared->code[k] != 0;
    for (uint32_t i = 0; i < outputs && !shared->place; i++)
        for (uint32_t j = 0; j < inputs; j++)
            start[j + 2] += shared->code[(size_t)i * inputs + j] != 0;
    for (uint32_t j = 1; j < inputs; j++) start[j + 1] += start[j];
    for (uint64_t k = 0; shared->place && k < shared->place_count; k++) {
        const uint32_t at = shared->place[k] % inputs + 1;
        if (!shared->code[k]) continue;
        row[start[at]] = shared->place[k] / inputs;
        code[start[at]++] = shared->code[k];
    }
    for (uint32_t i = 0; i < outputs && !shared->place; i++) {
        for (uint32_t j = 0; j < inputs; j++) {
            const uint8_t here = shared->code[(size_t)i * inputs + j];
            if (!here) continue;
            row[start[j + 1]] = i;
            code[start[j + 1]++] = here;
        }
    }
    return EIE_OK;
}

void eie_shared_columns_free(struct eie_sparse_codes *codes)
{
    free((void *)(uintptr_t)codes->column_start);
    free((void *)(uintptr_t)codes->row);
    free((void *)(uintptr_t)codes->code);
    *codes = (struct eie_sparse_codes){0};
}

void eie_shared_expand(const struct eie_shared *shared, float *floats)
{
    const size_t count = (size_t)shared->outputs * shared->inputs;
    if (!shared->place) {
        for (size_t i = 0; i < count; i++) floats[i] = shared->codebook[shared->code[i]];
        return;
    }
    for (size_t i = 0; i < count; i++) floats[i] = 0;
    for (uint64_t k = 0; k < shared->place_count; k++)
        floats[shared->place[k]] = shared->codebook[shared->code[k]];
}

enum eie_status eie_shared_of_layer(const struct eie_layer *layer, struct eie_shared *shared,
                                    struct eie_error *error)
{
    struct eie_sparse_codes codes;
    *shared = (struct eie_shared){.outputs = layer->outputs,
                                  .inputs = layer->inputs,
                                  .rank = 2,
                                  .shape = {layer->outputs, layer->inputs},
                                  .code_bits = 4,
                                  .clusters = EIE_CODEBOOK_SIZE - 1};
    snprintf(shared->name, sizeof shared->name, "%s", layer->name);
    snprintf(shared->source, sizeof shared->source, "%s", layer->source);
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
        shared->codebook[c] = (float)ldexp(layer->codebook[c], -(int)layer->weight_fraction_bits);
    shared->code = calloc((size_t)layer->outputs * layer->inputs, 1);
    if (!shared->code)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for its %u x %u dense codes",
                        layer->name, layer->outputs, layer->inputs);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) {
        eie_shared_free(shared);
        return status;
    }
    for (uint32_t j = 0; j < layer->inputs; j++)
        for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
            shared->code[(size_t)codes.row[e] * layer->inputs + j] = codes.code[e];
    eie_sparse_codes_free(&codes);
    if (layer->bias) {
        shared->bias = malloc(layer->outputs * sizeof *shared->bias);
        if (!shared->bias) {
            eie_shared_free(shared);
            return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
        }
        for (uint32_t i = 0; i < layer->outputs; i++)
            shared->bias[i] = (float)ldexp(
                layer->bias[i], -(int)(layer->weight_fraction_bits + layer->input_fraction_bits));
    }
    return EIE_OK;
}

#define MARK_SIZE 9 /* '-' and 8 digits */
#define GAP       ".."

static char name_character(char c)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return (char)(c && strchr(good, c) ? c : '-');
}

void eie_shared_name(const char *tensor, bool marked, char name[EIE_NAME_MAX])
{
    const size_t length = strlen(tensor), room = EIE_NAME_MAX - 1 - MARK_SIZE;
    size_t used = 0;
    marked = marked || length >= EIE_NAME_MAX;
    const bool cut = marked && length > room;
    const size_t begin = cut ? (room - strlen(GAP)) / 2 : length;
    const size_t end = cut ? room - strlen(GAP) - begin : 0;
    for (size_t i = 0; i < begin; i++) name[used++] = name_character(tensor[i]);
    for (size_t i = 0; cut && GAP[i]; i++) name[used++] = GAP[i];
    for (size_t i = length - end; i < length; i++) name[used++] = name_character(tensor[i]);
    name[used] = 0;
    if (!used) snprintf(name, EIE_NAME_MAX, "layer");
    uint32_t mark = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) mark = (mark ^ (unsigned char)tensor[i]) * 16777619u;
    if (marked) snprintf(name + strlen(name), MARK_SIZE + 1, "-%08x", mark);
}
