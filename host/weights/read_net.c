/* The published Deep Compression SqueezeNet v1.0, compressed_SqueezeNet.net. Little-endian: uint32
 * entry count of each of the 26 layers; then for each layer 256 float32 (codebook), float32 bias
 * [outputs], one byte per code, 4-bit runs of zeros, two a byte, low nibble first. Positions run
 * over the flattened weights: position += run + 1. Entries whose weight is 0 only fill long runs.
 *
 * The file names no layer and no shape: these are SqueezeNet's (arXiv 1602.07360, Table 1). */
#include "host/layer/shared.h"
#include "host/weights/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS   26u
#define CODEBOOK 256u

static const struct {
    const char *name;
    uint32_t outputs, inputs, kernel, positions;
} layers[LAYERS] = {
    {"conv1", 96, 3, 7, 12321},
    {"fire2-squeeze1x1", 16, 96, 1, 3025},
    {"fire2-expand1x1", 64, 16, 1, 3025},
    {"fire2-expand3x3", 64, 16, 3, 3025},
    {"fire3-squeeze1x1", 16, 128, 1, 3025},
    {"fire3-expand1x1", 64, 16, 1, 3025},
    {"fire3-expand3x3", 64, 16, 3, 3025},
    {"fire4-squeeze1x1", 32, 128, 1, 3025},
    {"fire4-expand1x1", 128, 32, 1, 3025},
    {"fire4-expand3x3", 128, 32, 3, 3025},
    {"fire5-squeeze1x1", 32, 256, 1, 729},
    {"fire5-expand1x1", 128, 32, 1, 729},
    {"fire5-expand3x3", 128, 32, 3, 729},
    {"fire6-squeeze1x1", 48, 256, 1, 729},
    {"fire6-expand1x1", 192, 48, 1, 729},
    {"fire6-expand3x3", 192, 48, 3, 729},
    {"fire7-squeeze1x1", 48, 384, 1, 729},
    {"fire7-expand1x1", 192, 48, 1, 729},
    {"fire7-expand3x3", 192, 48, 3, 729},
    {"fire8-squeeze1x1", 64, 384, 1, 729},
    {"fire8-expand1x1", 256, 64, 1, 729},
    {"fire8-expand3x3", 256, 64, 3, 729},
    {"fire9-squeeze1x1", 64, 512, 1, 169},
    {"fire9-expand1x1", 256, 64, 1, 169},
    {"fire9-expand3x3", 256, 64, 3, 169},
    {"conv10-1x1", 1000, 512, 1, 225}, /* its input is padded by 1 */
};

static uint32_t entry_count(const struct eie_weight_file *file, uint32_t index)
{
    uint32_t count;
    memcpy(&count, file->bytes.data + index * sizeof count, sizeof count);
    return count;
}

static enum eie_status open_net(struct eie_weight_file *file, struct eie_error *error)
{
    uint64_t at = LAYERS * sizeof(uint32_t);
    if (file->bytes.size < at)
        return eie_fail(error, EIE_INPUT, "%s: too short for the counts of 26 layers", file->path);
    file->entries = calloc(LAYERS, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (uint32_t i = 0; i < LAYERS; i++) {
        const uint64_t count = entry_count(file, i);
        const uint64_t size =
            sizeof(float) * (CODEBOOK + layers[i].outputs) + count + (count + 1) / 2;
        if (size > file->bytes.size - at)
            return eie_fail(error, EIE_INPUT,
                            "%s: layer %s needs %llu bytes, %llu are left: truncated, or not the "
                            "published SqueezeNet",
                            file->path, layers[i].name, (unsigned long long)size,
                            (unsigned long long)(file->bytes.size - at));
        const uint32_t kernel = layers[i].kernel;
        file->entries[i] = (struct eie_weight_entry){
            .name = strdup(layers[i].name),
            .dtype = EIE_F32,
            .rank = 4,
            .shape = {layers[i].outputs, layers[i].inputs, kernel, kernel},
            .offset = at,
            .size = size,
            .positions = layers[i].positions,
        };
        if (!file->entries[i].name)
            return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
        file->count++;
        at += size;
    }
    return at == file->bytes.size
               ? EIE_OK
               : eie_fail(error, EIE_INPUT, "%s: %llu bytes behind the last layer", file->path,
                          (unsigned long long)(file->bytes.size - at));
}

/* Codes as published, renumbered so that only those of weights other than 0 that occur are left. */
static enum eie_status renumber(const char *where, const float *codebook, const uint8_t *codes,
                                uint32_t count, struct eie_shared *shared, uint8_t renumbered[256],
                                struct eie_error *error)
{
    bool occurs[CODEBOOK] = {false};
    for (uint32_t e = 0; e < count; e++) occurs[codes[e]] = true;
    for (uint32_t c = 0; c < CODEBOOK; c++) {
        renumbered[c] = 0;
        if (!occurs[c] || codebook[c] == 0.0f) continue;
        if (!isfinite(codebook[c]))
            return eie_fail(error, EIE_INPUT, "%s: weight %u of the codebook is not finite", where,
                            c);
        if (shared->clusters == CODEBOOK - 1)
            return eie_fail(error, EIE_INPUT, "%s: 256 weights that are not 0", where);
        renumbered[c] = (uint8_t)++shared->clusters;
        shared->codebook[shared->clusters] = codebook[c];
    }
    return EIE_OK;
}

static enum eie_status read_shared(const struct eie_weight_file *file, uint32_t index,
                                   struct eie_shared *shared, struct eie_error *error)
{
    const struct eie_weight_entry *entry = &file->entries[index];
    const uint32_t count = entry_count(file, index);
    const uint8_t *at = file->bytes.data + entry->offset;
    float codebook[CODEBOOK];
    uint8_t renumbered[256];
    char where[1200];
    snprintf(where, sizeof where, "%.700s: layer %s", file->path, entry->name);
    *shared = (struct eie_shared){.rank = entry->rank, .code_bits = 8};
    memcpy(shared->shape, entry->shape, sizeof shared->shape);
    eie_shared_name(entry->name, false, shared->name);
    snprintf(shared->source, sizeof shared->source,
             "published Deep Compression SqueezeNet v1.0, %s, codes as published", entry->name);
    enum eie_status status = eie_weights_flatten(where, entry->rank, entry->shape, file->limit,
                                                 &shared->outputs, &shared->inputs, error);
    if (status) return status;
    const size_t places = (size_t)shared->outputs * shared->inputs;
    memcpy(codebook, at, sizeof codebook);
    at += sizeof codebook;
    shared->code = calloc(places, 1);
    shared->bias = malloc(shared->outputs * sizeof(float));
    if (!shared->code || !shared->bias) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
        goto done;
    }
    memcpy(shared->bias, at, shared->outputs * sizeof(float));
    at += shared->outputs * sizeof(float);
    for (uint32_t i = 0; i < shared->outputs && !status; i++)
        if (!isfinite(shared->bias[i]))
            status = eie_fail(error, EIE_INPUT, "%s: bias %u is not finite", where, i);
    if (!status) status = renumber(where, codebook, at, count, shared, renumbered, error);
    uint64_t place = 0;
    for (uint32_t e = 0; e < count && !status; e++, place++) {
        place += at[count + e / 2] >> (e % 2 ? 4 : 0) & 15;
        if (place >= places)
            status = eie_fail(error, EIE_INPUT, "%s: entry %u leads beyond the matrix", where, e);
        else
            shared->code[place] = renumbered[at[e]];
    }
done:
    if (status) eie_shared_free(shared);
    return status;
}

static enum eie_status load_net(struct eie_weight_file *file, uint32_t index,
                                const struct eie_weight_loading *loading,
                                struct eie_weights *weights, struct eie_error *error)
{
    struct eie_shared shared;
    enum eie_status status = eie_weights_allocate(loading->where, false, weights, error);
    if (!status) status = read_shared(file, index, &shared, error);
    if (status) return status;
    eie_shared_expand(&shared, weights->values);
    eie_shared_free(&shared);
    return EIE_OK;
}

const struct eie_weight_reader eie_weight_reader_net = {
    .name = "published SqueezeNet",
    .input = ".net",
    .about = "the published SqueezeNet of Deep Compression",
    .by_ending = true,
    .open = open_net,
    .load = load_net,
    .shared = read_shared,
};
