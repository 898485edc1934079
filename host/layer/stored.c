#include "host/layer/stored.h"
#include "host/base/sha256.h"
#include "host/layer/huffman.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TENSOR_PARTS 7
#define MATRIX_HASH  "eie_matrix_hash"

const char *eie_form_name(enum eie_form form)
{
    return form == EIE_FORM_PLAIN ? "plain" : form == EIE_FORM_PACKED ? "packed" : "huffman";
}

/* ---- relative runs -------------------------------------------------------------------------- */

/* Entries one after the other: counted and tallied, and with arrays also written. */
static void walk(const struct eie_shared *shared, uint32_t run_bits, struct eie_relative *relative)
{
    const size_t dense = (size_t)shared->outputs * shared->inputs, span = (size_t)1 << run_bits;
    const size_t count = shared->place ? shared->place_count : dense;
    uint8_t *code = relative->code, *run = relative->run;
    uint64_t entries = 0, fillers = 0;
    memset(relative->code_tally, 0, sizeof relative->code_tally);
    memset(relative->run_tally, 0, sizeof relative->run_tally);
    for (size_t k = 0, next = 0; k < count; k++) {
        const size_t i = shared->place ? shared->place[k] : k;
        if (!shared->code[k]) continue;
        const uint64_t jumps = (i - next) / span;
        const uint8_t rest = (uint8_t)((i - next) % span);
        if (code && jumps) {
            memset(code + entries, 0, jumps);
            memset(run + entries, (int)(span - 1), jumps);
        }
        entries += jumps;
        fillers += jumps;
        if (code) code[entries] = shared->code[k], run[entries] = rest;
        entries++;
        relative->code_tally[shared->code[k]]++;
        relative->run_tally[rest]++;
        next = i + 1;
    }
    relative->code_tally[0] += fillers;
    relative->run_tally[span - 1] += fillers;
    relative->entries = entries;
    relative->fillers = fillers;
}

enum eie_status eie_relative_count(const struct eie_shared *shared, uint32_t run_bits,
                                   struct eie_relative *relative, struct eie_error *error)
{
    *relative = (struct eie_relative){.code_bits = shared->code_bits, .run_bits = run_bits};
    walk(shared, run_bits, relative);
    return relative->entries > UINT32_MAX
               ? eie_fail(error, EIE_INPUT, "%s: more than 2^32 - 1 entries", shared->name)
               : EIE_OK;
}

enum eie_status eie_relative_encode(const struct eie_shared *shared, uint32_t run_bits,
                                    struct eie_relative *relative, struct eie_error *error)
{
    enum eie_status status = eie_relative_count(shared, run_bits, relative, error);
    if (status) return status;
    relative->code = malloc(relative->entries + 1);
    relative->run = malloc(relative->entries + 1);
    if (!relative->code || !relative->run) {
        eie_relative_free(relative);
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", shared->name);
    }
    walk(shared, run_bits, relative);
    return EIE_OK;
}

void eie_relative_free(struct eie_relative *relative)
{
    free(relative->code);
    free(relative->run);
    relative->code = relative->run = NULL;
}

static enum eie_status code_of(const uint64_t tally[EIE_HUFFMAN_SYMBOLS], uint32_t bits,
                               enum eie_form form, struct eie_huffman *code,
                               struct eie_error *error)
{
    if (form == EIE_FORM_HUFFMAN) return eie_huffman_build(tally, code, error);
    eie_huffman_fixed(bits, code);
    return EIE_OK;
}

enum eie_status eie_relative_sizes(const struct eie_relative *relative, enum eie_form form,
                                   struct eie_stream_size *codes, struct eie_stream_size *runs,
                                   struct eie_error *error)
{
    struct eie_huffman code;
    const double fillers = (double)relative->fillers;
    const unsigned longest = (1u << relative->run_bits) - 1;
    enum eie_status status = code_of(relative->code_tally, relative->code_bits, form, &code, error);
    if (status) return status;
    double bits = (double)eie_huffman_bits(&code, relative->code_tally);
    codes->filler_bits = fillers * code.length[0];
    codes->weight_bits = bits - codes->filler_bits;
    codes->table_bytes = form == EIE_FORM_HUFFMAN ? UINT64_C(1) << (relative->code_bits - 1) : 0;
    status = code_of(relative->run_tally, relative->run_bits, form, &code, error);
    if (status) return status;
    bits = (double)eie_huffman_bits(&code, relative->run_tally);
    runs->filler_bits = fillers * code.length[longest];
    runs->weight_bits = bits - runs->filler_bits;
    runs->table_bytes = form == EIE_FORM_HUFFMAN ? UINT64_C(1) << (relative->run_bits - 1) : 0;
    return EIE_OK;
}

/* Of a matrix of floats (host/layer/stored.h). */
static enum eie_status hash_matrix(const struct eie_shared *shared,
                                   const struct eie_relative *relative, struct eie_hash *hash,
                                   struct eie_error *error)
{
    uint64_t numbers[5 + EIE_TENSOR_RANK_MAX] = {shared->code_bits, relative->run_bits,
                                                 shared->clusters, shared->rank};
    const struct {
        const void *bytes;
        uint64_t size;
    } parts[] = {{shared->codebook + 1, shared->clusters * sizeof(float)},
                 {relative->code, relative->entries},
                 {relative->run, relative->entries},
                 {shared->bias, shared->bias ? shared->outputs * sizeof(float) : 0}};
    struct eie_sha256 *sha;
    memcpy(numbers + 4, shared->shape, shared->rank * sizeof *numbers);
    numbers[4 + shared->rank] = relative->entries;
    enum eie_status status = eie_sha256_begin(&sha, error);
    if (status) return status;
    status = eie_sha256_add(sha, numbers, (5 + shared->rank) * sizeof *numbers, error);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++) {
        status = eie_sha256_add(sha, &parts[i].size, sizeof parts[i].size, error);
        if (!status && parts[i].size)
            status = eie_sha256_add(sha, parts[i].bytes, parts[i].size, error);
    }
    if (!status) return eie_sha256_end(sha, hash, error);
    eie_sha256_free(sha);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* What an item's tensors point to until the file is written. */
struct coded {
    uint8_t *codes, *runs;
    size_t codes_size, runs_size;
    uint8_t code_lengths[128], run_lengths[128];
    uint64_t entries;
    struct eie_hash hash; /* of a matrix of floats */
};

static void pack_lengths(const struct eie_huffman *code, uint32_t bits, uint8_t *packed)
{
    for (size_t s = 0; s < (size_t)1 << bits; s += 2)
        packed[s / 2] = (uint8_t)(code->length[s] | code->length[s + 1] << 4);
}

static enum eie_status code_item(const struct eie_store_item *item, enum eie_form form,
                                 struct coded *coded, struct eie_error *error)
{
    struct eie_relative relative;
    struct eie_huffman code;
    enum eie_status status = eie_relative_encode(item->shared, item->run_bits, &relative, error);
    if (status) return status;
    coded->entries = relative.entries;
    if (!item->layer) status = hash_matrix(item->shared, &relative, &coded->hash, error);
    if (!status) status = code_of(relative.code_tally, relative.code_bits, form, &code, error);
    if (!status) {
        pack_lengths(&code, relative.code_bits, coded->code_lengths);
        status = eie_huffman_encode(&code, relative.code, relative.entries, &coded->codes,
                                    &coded->codes_size, error);
    }
    if (!status) status = code_of(relative.run_tally, relative.run_bits, form, &code, error);
    if (!status) {
        pack_lengths(&code, relative.run_bits, coded->run_lengths);
        status = eie_huffman_encode(&code, relative.run, relative.entries, &coded->runs,
                                    &coded->runs_size, error);
    }
    eie_relative_free(&relative);
    return status;
}

static void add_numbers(struct eie_container_writer *out, const struct eie_store_item *item)
{
    const struct eie_shared *shared = item->shared;
    const struct eie_layer *layer = item->layer;
    const char *name = shared->name;
    const struct eie_tensor floats[] = {
        {NULL, EIE_F32, 1, {shared->outputs}, shared->bias, 0},
        {NULL, EIE_F32, 1, {shared->clusters}, shared->codebook + 1, 0}};
    if (!layer) {
        eie_container_add_tensor(out, name, "bias", floats[0]);
        eie_container_add_tensor(out, name, "codebook", floats[1]);
        return;
    }
    const struct eie_tensor fixed[] = {
        {NULL, EIE_I32, 1, {layer->outputs}, layer->bias, 0},
        {NULL, EIE_I16, 1, {EIE_CODEBOOK_SIZE}, layer->codebook, 0},
        {NULL, EIE_I16, 2, {layer->sample_count, layer->inputs}, layer->sample_inputs, 0}};
    eie_container_add_tensor(out, name, "bias", fixed[0]);
    eie_container_add_tensor(out, name, "codebook", fixed[1]);
    eie_container_add_tensor(out, name, "sample_inputs", fixed[2]);
}

static void add_streams(struct eie_container_writer *out, const struct eie_store_item *item,
                        enum eie_form form, const struct coded *coded)
{
    const char *name = item->shared->name;
    const uint64_t codes = UINT64_C(1) << (item->shared->code_bits - 1);
    const uint64_t runs = UINT64_C(1) << (item->run_bits - 1);
    const struct eie_tensor lengths[] = {{NULL, EIE_U8, 1, {codes}, coded->code_lengths, 0},
                                         {NULL, EIE_U8, 1, {runs}, coded->run_lengths, 0}};
    const struct eie_tensor streams[] = {{NULL, EIE_U8, 1, {coded->codes_size}, coded->codes, 0},
                                         {NULL, EIE_U8, 1, {coded->runs_size}, coded->runs, 0}};
    if (form == EIE_FORM_HUFFMAN) {
        eie_container_add_tensor(out, name, "code_lengths", lengths[0]);
        eie_container_add_tensor(out, name, "run_lengths", lengths[1]);
    }
    eie_container_add_tensor(out, name, "codes", streams[0]);
    eie_container_add_tensor(out, name, "runs", streams[1]);
}

static enum eie_status describe(struct eie_container_writer *out, const struct eie_store_item *item,
                                enum eie_form form, const struct coded *coded,
                                struct eie_error *error)
{
    const struct eie_shared *shared = item->shared;
    const struct eie_layer *layer = item->layer;
    const char *name = shared->name;
    char shape[EIE_TENSOR_RANK_MAX * 24] = "";
    for (uint32_t d = 0; d < shared->rank; d++) {
        const size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%s%" PRIu64, d ? "," : "", shared->shape[d]);
    }
    eie_container_add_text(out, name, "form", eie_form_name(form));
    eie_container_add_uint(out, name, "outputs", shared->outputs);
    eie_container_add_uint(out, name, "inputs", shared->inputs);
    eie_container_add_text(out, name, "shape", shape);
    eie_container_add_uint(out, name, "code_bits", shared->code_bits);
    eie_container_add_uint(out, name, "run_bits", item->run_bits);
    eie_container_add_uint(out, name, "entries", coded->entries);
    eie_container_add_text(out, name, "source", layer ? layer->source : shared->source);
    if (shared->tensor) eie_container_add_text(out, name, "tensor", shared->tensor);
    if (!layer) {
        eie_container_add_text(out, name, MATRIX_HASH, coded->hash.hex);
        return EIE_OK;
    }
    eie_container_add_uint(out, name, "pe_count", layer->pe_count);
    eie_container_add_scalars(out, layer);
    return eie_container_add_hash(out, layer, error);
}

static enum eie_status check_items(const char *path, const struct eie_store_item *items,
                                   uint32_t count, struct eie_error *error)
{
    if (!count) return eie_fail(error, EIE_USAGE, "%s: nothing to write", path);
    for (uint32_t i = 0; i < count; i++) {
        const struct eie_layer *layer = items[i].layer;
        if ((uint64_t)items[i].shared->outputs * items[i].shared->inputs > EIE_STORED_PLACES_MAX)
            return eie_fail(error, EIE_USAGE, "%s: layer %s is too large to be read back", path,
                            items[i].shared->name);
        if (layer &&
            (uint64_t)layer->pe_count * ((uint64_t)layer->inputs + 1) > EIE_STORED_POINTERS_MAX)
            return eie_fail(
                error, EIE_USAGE,
                "%s: layer %s has %u inputs at %u PEs, too many to be read back from the "
                "storage form: take fewer PEs",
                path, layer->name, layer->inputs, layer->pe_count);
    }
    return EIE_OK;
}

enum eie_status eie_stored_write(const char *path, const struct eie_store_item *items,
                                 uint32_t count, enum eie_form form, struct eie_file_parts *parts,
                                 struct eie_error *error)
{
    struct eie_container_writer out;
    enum eie_status status = check_items(path, items, count, error);
    if (status) return status;
    struct coded *coded = calloc(count, sizeof *coded);
    if (!coded) return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    eie_container_begin(path, count, TENSOR_PARTS, &out);
    for (uint32_t i = 0; i < count && !status; i++) {
        status = eie_container_add(&out, items[i].shared->name, error);
        if (!status) status = code_item(&items[i], form, &coded[i], error);
        if (status) break;
        add_numbers(&out, &items[i]);
        add_streams(&out, &items[i], form, &coded[i]);
        status = describe(&out, &items[i], form, &coded[i], error);
    }
    if (!status) status = eie_container_write(&out, parts, error);
    for (uint32_t i = 0; i < count; i++) {
        free(coded[i].codes);
        free(coded[i].runs);
    }
    free(coded);
    eie_container_free(&out);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum eie_status parse_shape(const struct eie_container_layer *in, struct eie_shared *shared)
{
    const char *text;
    uint64_t product = 1;
    char *end = NULL;
    enum eie_status status = eie_container_text(in, "shape", &text);
    if (status) return status;
    for (shared->rank = 0;; text = end + 1) {
        if (*text < '1' || *text > '9' || shared->rank == EIE_TENSOR_RANK_MAX ||
            strspn(text, "0123456789") > 18)
            return eie_container_fault(in, "shape", "in the metadata is no list of up to 8 sizes");
        shared->shape[shared->rank++] = strtoull(text, &end, 10);
        if (__builtin_mul_overflow(product, shared->shape[shared->rank - 1], &product)) product = 0;
        if (!*end) break;
        if (*end != ',')
            return eie_container_fault(in, "shape", "in the metadata is no list of up to 8 sizes");
    }
    const uint64_t rows = shared->rank == 1 ? 1 : shared->shape[0];
    return product == (uint64_t)shared->outputs * shared->inputs && rows == shared->outputs
               ? EIE_OK
               : eie_container_fault(in, "shape",
                                     "in the metadata does not fit outputs and inputs");
}

/* Fixed-point fields; eie_layer_encode looks at what they mean. */
static enum eie_status parse_layer(const struct eie_container_layer *in, struct eie_stored *stored)
{
    struct eie_layer *parts = &stored->parts;
    const struct eie_tensor *codebook, *bias, *samples;
    if (stored->relative.code_bits != 4 || stored->relative.run_bits != 4)
        return eie_container_fault(in, "code_bits", "or run_bits: a layer has 4 of both");
    enum eie_status status = eie_container_uint(in, "pe_count", 1, UINT32_MAX, &parts->pe_count);
    if (!status) status = eie_container_scalars(in, parts);
    if (!status) status = eie_container_tensor(in, "codebook", EIE_I16, 1, false, &codebook);
    if (!status) status = eie_container_tensor(in, "bias", EIE_I32, 1, true, &bias);
    if (!status) status = eie_container_tensor(in, "sample_inputs", EIE_I16, 2, true, &samples);
    if (status) return status;
    if (parts->weight_fraction_bits > 31 || parts->input_fraction_bits > 31)
        return eie_container_fault(in, "weight_fraction_bits",
                                   "or input_fraction_bits is above 31");
    if (codebook->shape[0] != EIE_CODEBOOK_SIZE)
        return eie_container_fault(in, "codebook", "has not 16 weights");
    if (bias && bias->shape[0] != parts->outputs)
        return eie_container_fault(in, "bias", "has another length");
    if (samples && (!samples->shape[0] || samples->shape[0] > UINT32_MAX ||
                    samples->shape[1] != parts->inputs))
        return eie_container_fault(in, "sample_inputs", "has a shape that does not fit");
    if ((uint64_t)parts->pe_count * ((uint64_t)parts->inputs + 1) > EIE_STORED_POINTERS_MAX)
        return eie_container_fault(in, "pe_count",
                                   "with these inputs is more than the storage form may have");
    memcpy(parts->codebook, codebook->data, sizeof parts->codebook);
    if (bias) stored->bias = malloc(bias->size + 1);
    if (samples) stored->sample_inputs = malloc(samples->size + 1);
    if ((bias && !stored->bias) || (samples && !stored->sample_inputs))
        return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
    if (bias) parts->bias = memcpy(stored->bias, bias->data, bias->size);
    if (samples) {
        parts->sample_inputs = memcpy(stored->sample_inputs, samples->data, samples->size);
        parts->sample_count = (uint32_t)samples->shape[0];
    }
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
        stored->shared.codebook[c] =
            (float)parts->codebook[c] / (float)(UINT64_C(1) << parts->weight_fraction_bits);
    stored->shared.clusters = EIE_CODEBOOK_SIZE - 1;
    return EIE_OK;
}

static enum eie_status parse_floats(const struct eie_container_layer *in, struct eie_stored *stored)
{
    struct eie_shared *shared = &stored->shared;
    const struct eie_tensor *codebook, *bias;
    enum eie_status status = eie_container_tensor(in, "codebook", EIE_F32, 1, false, &codebook);
    if (!status) status = eie_container_tensor(in, "bias", EIE_F32, 1, true, &bias);
    if (status) return status;
    if (codebook->shape[0] >= UINT64_C(1) << shared->code_bits)
        return eie_container_fault(in, "codebook", "has more weights than its codes can name");
    if (bias && bias->shape[0] != shared->outputs)
        return eie_container_fault(in, "bias", "has another length");
    shared->clusters = (uint32_t)codebook->shape[0];
    memcpy(shared->codebook + 1, codebook->data, codebook->size);
    for (uint32_t c = 1; c <= shared->clusters; c++)
        if (!isfinite(shared->codebook[c]))
            return eie_container_fault(in, "codebook", "holds a weight that is not finite");
    if (!bias) return EIE_OK;
    shared->bias = malloc(bias->size + 1);
    if (!shared->bias) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
    memcpy(shared->bias, bias->data, bias->size);
    for (uint32_t i = 0; i < shared->outputs; i++)
        if (!isfinite(shared->bias[i]))
            return eie_container_fault(in, "bias", "holds a number that is not finite");
    return EIE_OK;
}

static enum eie_status parse_stream(const struct eie_container_layer *in, bool huffman,
                                    const char *part, const char *lengths_part, uint32_t bits,
                                    uint64_t entries, uint8_t **symbols)
{
    const struct eie_tensor *stream, *lengths = NULL;
    struct eie_huffman code;
    enum eie_status status = eie_container_tensor(in, part, EIE_U8, 1, false, &stream);
    if (!status && huffman)
        status = eie_container_tensor(in, lengths_part, EIE_U8, 1, false, &lengths);
    if (status) return status;
    eie_huffman_fixed(bits, &code);
    if (lengths) {
        if (lengths->size != (size_t)1 << (bits - 1))
            return eie_container_fault(in, lengths_part,
                                       "has another length than its symbols need");
        for (size_t s = 0; s < (size_t)1 << bits; s++)
            code.length[s] = ((const uint8_t *)lengths->data)[s / 2] >> (s % 2 ? 4 : 0) & 15;
    }
    if (entries / 8 > stream->size) /* each symbol takes a bit at least */
        return eie_container_fault(in, part, "is shorter than its entries");
    *symbols = malloc(entries + 1);
    if (!*symbols) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->path);
    status = eie_huffman_decode(&code, stream->data, stream->size, *symbols, entries, in->error);
    return status ? eie_error_prefix(in->error, status, "%s: %s.%s", in->path, in->name, part)
                  : EIE_OK;
}

/* Entries within the matrix, codes within the codebook, and each matrix written in one way only. */
static enum eie_status check_entries(const struct eie_container_layer *in,
                                     struct eie_stored *stored)
{
    struct eie_relative *relative = &stored->relative;
    const uint64_t places = (uint64_t)stored->shared.outputs * stored->shared.inputs;
    const uint8_t longest = (uint8_t)((1u << relative->run_bits) - 1);
    uint64_t next = 0;
    for (uint64_t e = 0; e < relative->entries; e++) {
        const uint8_t code = relative->code[e], run = relative->run[e];
        if (code > stored->shared.clusters)
            return eie_container_fault(in, "codes", "holds a code that is not in the codebook");
        if (!code && run != longest)
            return eie_container_fault(in, "codes", "holds code 0 with a run that is no filler's");
        relative->fillers += !code;
        next += (uint64_t)run + 1;
        if (next > places) return eie_container_fault(in, "runs", "leads beyond the matrix");
    }
    return relative->entries && !relative->code[relative->entries - 1]
               ? eie_container_fault(in, "codes", "ends in a filler")
               : EIE_OK;
}

static enum eie_status check_floats(const struct eie_container_layer *in,
                                    const struct eie_stored *stored)
{
    struct eie_hash hash;
    if (!eie_container_find(in, MATRIX_HASH)) return EIE_OK;
    enum eie_status status = hash_matrix(&stored->shared, &stored->relative, &hash, in->error);
    return status ? status : eie_container_check_hash(in, MATRIX_HASH, &hash);
}

bool eie_stored_is(const struct eie_container_layer *in)
{
    return eie_container_find(in, "form") != NULL;
}

/* All but the streams: widths, sizes, shape. */
static enum eie_status parse_scalars(const struct eie_container_layer *in,
                                     struct eie_stored *stored)
{
    struct eie_shared *shared = &stored->shared;
    struct eie_relative *relative = &stored->relative;
    uint32_t entries = 0;
    enum eie_status status =
        eie_container_uint(in, "outputs", 1, EIE_OUTPUTS_MAX, &shared->outputs);
    if (!status) status = eie_container_uint(in, "inputs", 1, UINT32_MAX - 1, &shared->inputs);
    if (!status)
        status = eie_container_uint(in, "code_bits", EIE_CODE_BITS_MIN, EIE_CODE_BITS_MAX,
                                    &relative->code_bits);
    if (!status)
        status = eie_container_uint(in, "run_bits", EIE_CODE_BITS_MIN, EIE_CODE_BITS_MAX,
                                    &relative->run_bits);
    if (!status) status = eie_container_uint(in, "entries", 0, UINT32_MAX, &entries);
    if (!status) status = parse_shape(in, shared);
    if (status) return status;
    const uint64_t places = (uint64_t)shared->outputs * shared->inputs;
    if (places > EIE_STORED_PLACES_MAX)
        return eie_container_fault(in, "shape", "is larger than can be stored");
    relative->entries = entries;
    if (entries > places)
        return eie_container_fault(in, "entries", "are more than there are places");
    shared->code_bits = relative->code_bits;
    return EIE_OK;
}

enum eie_status eie_stored_parse(const struct eie_container_layer *in, struct eie_stored *stored)
{
    struct eie_shared *shared = &stored->shared;
    struct eie_relative *relative = &stored->relative;
    const char *form, *source;
    *stored = (struct eie_stored){0};
    enum eie_status status = eie_container_text(in, "form", &form);
    if (!status) status = eie_container_text(in, "source", &source);
    if (status) return status;
    if (strcmp(form, "packed") && strcmp(form, "huffman"))
        return eie_container_fault(in, "form", "in the metadata is neither packed nor huffman");
    status = parse_scalars(in, stored);
    if (status) return status;
    eie_shared_name(in->name, false, shared->name);
    snprintf(shared->source, sizeof shared->source, "%s", source);
    stored->is_layer = eie_container_find(in, "pe_count") != NULL;
    stored->parts = (struct eie_layer){.name = shared->name,
                                       .source = shared->source,
                                       .tensor = eie_container_find(in, "tensor"),
                                       .inputs = shared->inputs,
                                       .outputs = shared->outputs};
    status = stored->is_layer ? parse_layer(in, stored) : parse_floats(in, stored);
    const bool huffman = !strcmp(form, "huffman");
    if (!status)
        status = parse_stream(in, huffman, "codes", "code_lengths", relative->code_bits,
                              relative->entries, &relative->code);
    if (!status)
        status = parse_stream(in, huffman, "runs", "run_lengths", relative->run_bits,
                              relative->entries, &relative->run);
    if (!status) status = check_entries(in, stored);
    if (!status && !stored->is_layer) status = check_floats(in, stored);
    if (status) eie_stored_free(stored);
    return status;
}

void eie_stored_free(struct eie_stored *stored)
{
    eie_shared_free(&stored->shared);
    eie_relative_free(&stored->relative);
    free(stored->bias);
    free(stored->sample_inputs);
    stored->bias = NULL;
    stored->sample_inputs = NULL;
}

/* Row and column of each weight, one after the other; NULL arrays only count by column. */
static void place_weights(const struct eie_stored *stored, uint32_t *next, uint32_t *row,
                          uint8_t *code)
{
    const struct eie_relative *relative = &stored->relative;
    const uint32_t inputs = stored->shared.inputs;
    uint64_t place = 0, line_end = inputs;
    uint32_t line = 0;
    for (uint64_t e = 0; e < relative->entries; e++, place++) {
        place += relative->run[e];
        if (!relative->code[e]) continue;
        if (place >= line_end) {
            line = (uint32_t)(place / inputs);
            line_end = ((uint64_t)line + 1) * inputs;
        }
        const uint32_t column = (uint32_t)(place + inputs - line_end);
        if (row) {
            row[next[column]] = line;
            code[next[column]++] = relative->code[e];
        } else {
            next[column + 1]++;
        }
    }
}

enum eie_status eie_stored_layer(const struct eie_stored *stored, struct eie_layer **layer,
                                 struct eie_error *error)
{
    const uint32_t inputs = stored->shared.inputs;
    const uint64_t weights = stored->relative.entries - stored->relative.fillers;
    if (!stored->is_layer)
        return eie_fail(error, EIE_INPUT,
                        "layer %s is stored with %u-bit codes and %u-bit runs in floats, which no "
                        "kernel reads: 'eie expand' it, or compress it again with 4 and 4",
                        stored->shared.name, stored->relative.code_bits, stored->relative.run_bits);
    uint32_t *start = calloc((size_t)inputs + 2, sizeof *start);
    uint32_t *row = malloc((weights + 1) * sizeof *row);
    uint8_t *code = malloc(weights + 1);
    enum eie_status status = EIE_OK;
    if (!start || !row || !code) {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", stored->shared.name);
    } else {
        place_weights(stored, start + 1, NULL, NULL);
        for (uint32_t j = 1; j <= inputs; j++) start[j + 1] += start[j];
        place_weights(stored, start + 1, row, code);
        struct eie_layer parts = stored->parts;
        parts.name = stored->shared.name;
        parts.source = stored->shared.source;
        const struct eie_sparse_codes codes = {inputs, stored->shared.outputs, start, row, code};
        status = eie_layer_encode(&parts, &codes, layer, error);
    }
    free(start);
    free(row);
    free(code);
    return status;
}

enum eie_status eie_stored_codes(struct eie_stored *stored, struct eie_error *error)
{
    struct eie_shared *shared = &stored->shared;
    const struct eie_relative *relative = &stored->relative;
    shared->code = calloc((size_t)shared->outputs * shared->inputs, 1);
    if (!shared->code)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for %u x %u codes",
                        shared->name, shared->outputs, shared->inputs);
    uint64_t place = 0;
    for (uint64_t e = 0; e < relative->entries; e++, place++) {
        place += relative->run[e];
        if (relative->code[e]) shared->code[place] = relative->code[e];
    }
    if (!stored->bias) return EIE_OK;
    const struct eie_layer *parts = &stored->parts;
    shared->bias = malloc(shared->outputs * sizeof *shared->bias);
    if (!shared->bias) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", shared->name);
    for (uint32_t i = 0; i < shared->outputs; i++)
        shared->bias[i] = (float)ldexp(
            parts->bias[i], -(int)(parts->weight_fraction_bits + parts->input_fraction_bits));
    return EIE_OK;
}
