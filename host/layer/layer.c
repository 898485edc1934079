#include "host/layer/layer.h"
#include "host/base/sealed.h"
#include "host/base/sha256.h"

#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "hashes and files are little-endian; a big-endian host needs byte swaps here"
#endif

#define ALIGNMENT 64

static size_t round_up(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- one allocation ------------------------------------------------------------------------- */

/* Offsets of the arrays behind the struct; writable views of a layer under construction. */
struct writable {
    struct eie_layer *layer;
    uint32_t *column_start;
    uint8_t *entries;
};

/* Allocates a layer with the scalar fields, strings, bias and samples of `parts`; column_start and
 * entries stay to be filled in. */
static enum eie_status allocate(const struct eie_layer *parts, uint32_t entry_count,
                                struct writable *out, struct eie_error *error)
{
    const size_t name_size = strlen(parts->name) + 1, source_size = strlen(parts->source) + 1;
    const size_t tensor_size = parts->tensor ? strlen(parts->tensor) + 1 : 0;
    const size_t starts = (size_t)parts->pe_count * ((size_t)parts->inputs + 1) * sizeof(uint32_t);
    const size_t bias = parts->bias ? (size_t)parts->outputs * sizeof(int32_t) : 0;
    const size_t samples = (size_t)parts->sample_count * parts->inputs * sizeof(int16_t);
    const size_t at_starts = round_up(sizeof(struct eie_layer));
    const size_t at_entries = at_starts + round_up(starts);
    const size_t at_bias = at_entries + round_up(entry_count);
    const size_t at_samples = at_bias + round_up(bias);
    const size_t at_strings = at_samples + round_up(samples);
    const size_t size = at_strings + round_up(name_size + source_size + tensor_size);

    char *base = eie_sealed_new(size);
    if (!base)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory (%zu bytes)", parts->name,
                        size);
    struct eie_layer *layer = memset(base, 0, sizeof *layer);
    *layer = *parts;
    layer->entry_count = entry_count;
    layer->column_start = (const uint32_t *)(base + at_starts);
    layer->entries = (const uint8_t *)(base + at_entries);
    layer->bias = bias ? memcpy(base + at_bias, parts->bias, bias) : NULL;
    layer->sample_inputs =
        samples ? memcpy(base + at_samples, parts->sample_inputs, samples) : NULL;
    layer->name = memcpy(base + at_strings, parts->name, name_size);
    layer->source = memcpy(base + at_strings + name_size, parts->source, source_size);
    char *tensor = base + at_strings + name_size + source_size;
    layer->tensor = tensor_size ? memcpy(tensor, parts->tensor, tensor_size) : NULL;
    *out = (struct writable){layer, (uint32_t *)(base + at_starts), (uint8_t *)(base + at_entries)};
    return EIE_OK;
}

/* All of it is there: from now on nobody writes to it. */
static enum eie_status finish(const struct writable *made, struct eie_layer **layer,
                              struct eie_error *error)
{
    enum eie_status status = eie_seal(made->layer, error);
    if (status)
        eie_layer_free(made->layer);
    else
        *layer = made->layer;
    return status;
}

void eie_layer_free(struct eie_layer *layer)
{
    eie_sealed_free(layer);
}

/* ---- validation ----------------------------------------------------------------------------- */

static bool name_is_good(const char *name)
{
    const size_t length = name ? strlen(name) : 0;
    if (!length || length >= EIE_NAME_MAX) return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
           length;
}

static enum eie_status validate_window(const struct eie_layer *layer, struct eie_error *error)
{
    const struct eie_window *w = &layer->window, none = {0};
    if (!memcmp(w, &none, sizeof none) || eie_window_fits(w, layer->inputs)) return EIE_OK;
    return eie_fail(
        error, EIE_INPUT,
        "layer %s: a window %u x %u over %u x %u x %u by steps of %u, padded by %u, does "
        "not give its %u inputs",
        layer->name, w->kernel, w->kernel, w->height, w->width, w->channels, w->stride, w->pad,
        layer->inputs);
}

/* Everything but the streams. */
static enum eie_status validate_fields(const struct eie_layer *layer, struct eie_error *error)
{
    if (!name_is_good(layer->name))
        return eie_fail(error, EIE_INPUT,
                        "layer name '%s': use 1 to %d letters, digits, '-', '_' or '.'",
                        layer->name ? layer->name : "", EIE_NAME_MAX - 1);
    const char *name = layer->name;
    if (!layer->source) return eie_fail(error, EIE_INPUT, "layer %s: has no source", name);
    if (!layer->inputs || !layer->outputs || !layer->pe_count)
        return eie_fail(error, EIE_INPUT,
                        "layer %s: inputs %u, outputs %u and PEs %u must all be at least 1", name,
                        layer->inputs, layer->outputs, layer->pe_count);
    if (layer->outputs > EIE_OUTPUTS_MAX)
        return eie_fail(error, EIE_INPUT, "layer %s: %u outputs are more than 2^26", name,
                        layer->outputs);
    if ((uint64_t)layer->pe_count * ((uint64_t)layer->inputs + 1) > UINT32_MAX)
        return eie_fail(error, EIE_INPUT, "layer %s: %u PEs x %u inputs is more than 2^32 pointers",
                        name, layer->pe_count, layer->inputs);
    if (layer->activation != EIE_ACTIVATION_NONE && layer->activation != EIE_ACTIVATION_RELU)
        return eie_fail(error, EIE_INPUT, "layer %s: unknown activation %d", name,
                        (int)layer->activation);
    if (layer->weight_fraction_bits > 31 || layer->input_fraction_bits > 31 ||
        layer->output_fraction_bits > 62)
        return eie_fail(error, EIE_INPUT, "layer %s: fraction bits out of range", name);
    const int64_t shift = (int64_t)layer->weight_fraction_bits + layer->input_fraction_bits -
                          layer->output_fraction_bits;
    if (shift < 0 || shift > 31)
        return eie_fail(error, EIE_INPUT,
                        "layer %s: weight + input - output fraction bits is %lld, must be 0..31",
                        name, (long long)shift);
    if (layer->codebook[0] != 0)
        return eie_fail(error, EIE_INPUT, "layer %s: codebook[0] is %d, must be 0 (padding)", name,
                        layer->codebook[0]);
    if (layer->sample_count && !layer->sample_inputs)
        return eie_fail(error, EIE_INPUT, "layer %s: sample inputs are missing", name);
    return validate_window(layer, error);
}

static enum eie_status validate_column(const struct eie_layer *layer, uint32_t pe, uint32_t column,
                                       uint32_t begin, uint32_t end, struct eie_error *error)
{
    const uint64_t rows = eie_layer_local_rows(layer, pe);
    uint64_t next = 0; /* first row that the following entry can stand for */
    for (uint32_t e = begin; e < end; e++) {
        const uint8_t entry = layer->entries[e];
        const uint64_t row = next + (entry & 15u);
        if (!(entry >> 4) && entry != EIE_PADDING_ENTRY)
            return eie_fail(error, EIE_INPUT,
                            "layer %s, PE %u, column %u, entry %u: code 0 with run %u is neither "
                            "a weight nor padding (0x0F)",
                            layer->name, pe, column, e, entry & 15u);
        if (row >= rows)
            return eie_fail(error, EIE_INPUT,
                            "layer %s, PE %u, column %u, entry %u: row %llu is beyond the PE's "
                            "%llu rows",
                            layer->name, pe, column, e, (unsigned long long)row,
                            (unsigned long long)rows);
        next = row + 1;
    }
    if (end > begin && layer->entries[end - 1] == EIE_PADDING_ENTRY)
        return eie_fail(error, EIE_INPUT, "layer %s, PE %u, column %u: ends in padding",
                        layer->name, pe, column);
    return EIE_OK;
}

static enum eie_status validate_streams(const struct eie_layer *layer, struct eie_error *error)
{
    const size_t stride = (size_t)layer->inputs + 1;
    const uint32_t *start = layer->column_start;
    if (start[0] != 0)
        return eie_fail(error, EIE_INPUT, "layer %s: first pointer is %u, must be 0", layer->name,
                        start[0]);
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t *columns = start + pe * stride;
        if (pe && columns[0] != columns[-1])
            return eie_fail(error, EIE_INPUT,
                            "layer %s, PE %u: starts at entry %u, but PE %u ends at %u",
                            layer->name, pe, columns[0], pe - 1, columns[-1]);
        for (uint32_t j = 0; j < layer->inputs; j++) {
            if (columns[j + 1] < columns[j])
                return eie_fail(error, EIE_INPUT,
                                "layer %s, PE %u, column %u: pointer runs backwards (%u to %u)",
                                layer->name, pe, j, columns[j], columns[j + 1]);
            if (columns[j + 1] > layer->entry_count)
                return eie_fail(error, EIE_INPUT,
                                "layer %s, PE %u, column %u: pointer %u is beyond the %u entries",
                                layer->name, pe, j, columns[j + 1], layer->entry_count);
            enum eie_status status =
                validate_column(layer, pe, j, columns[j], columns[j + 1], error);
            if (status) return status;
        }
    }
    const uint32_t last = start[layer->pe_count * stride - 1];
    if (last != layer->entry_count)
        return eie_fail(error, EIE_INPUT, "layer %s: pointers end at %u, but there are %u entries",
                        layer->name, last, layer->entry_count);
    return EIE_OK;
}

enum eie_status eie_layer_create(const struct eie_layer *parts, struct eie_layer **layer,
                                 struct eie_error *error)
{
    enum eie_status status = validate_fields(parts, error);
    if (!status) status = validate_streams(parts, error);
    if (status) return status;
    struct writable out;
    status = allocate(parts, parts->entry_count, &out, error);
    if (status) return status;
    const size_t pointers = (size_t)parts->pe_count * ((size_t)parts->inputs + 1);
    memcpy(out.column_start, parts->column_start, pointers * sizeof *out.column_start);
    if (parts->entry_count) memcpy(out.entries, parts->entries, parts->entry_count);
    return finish(&out, layer, error);
}

/* ---- encoding and decoding ------------------------------------------------------------------ */

static enum eie_status validate_codes(const char *name, const struct eie_sparse_codes *codes,
                                      struct eie_error *error)
{
    for (uint32_t j = 0; j < codes->inputs; j++) {
        if (codes->column_start[j + 1] < codes->column_start[j])
            return eie_fail(error, EIE_INPUT, "layer %s, column %u: pointer runs backwards", name,
                            j);
        uint64_t next = 0;
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            if (codes->row[e] < next || codes->row[e] >= codes->outputs)
                return eie_fail(error, EIE_INPUT,
                                "layer %s, column %u: row %u is out of order or out of range", name,
                                j, codes->row[e]);
            if (!codes->code[e] || codes->code[e] >= EIE_CODEBOOK_SIZE)
                return eie_fail(error, EIE_INPUT, "layer %s, column %u: code %u is not 1..15", name,
                                j, codes->code[e]);
            next = (uint64_t)codes->row[e] + 1;
        }
    }
    return EIE_OK;
}

/* Counts the entries of every (PE, column) into start[pe][column + 1], then sums them up. */
static uint64_t count_entries(const struct eie_sparse_codes *codes, uint32_t pe_count,
                              uint32_t *start, uint32_t *next_row)
{
    const size_t stride = (size_t)codes->inputs + 1;
    memset(start, 0, pe_count * stride * sizeof *start);
    for (uint32_t j = 0; j < codes->inputs; j++) {
        memset(next_row, 0, pe_count * sizeof *next_row);
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t pe = codes->row[e] % pe_count, row = codes->row[e] / pe_count;
            start[pe * stride + j + 1] += (row - next_row[pe]) / (EIE_RUN_MAX + 1) + 1;
            next_row[pe] = row + 1;
        }
    }
    uint64_t total = 0;
    for (uint32_t pe = 0; pe < pe_count; pe++) {
        uint32_t *columns = start + pe * stride;
        columns[0] = (uint32_t)total;
        for (uint32_t j = 0; j < codes->inputs; j++) {
            total += columns[j + 1];
            columns[j + 1] = (uint32_t)total;
        }
    }
    return total; /* more than 32 bits mean that `start` is meaningless */
}

static void write_entries(const struct eie_sparse_codes *codes, uint32_t pe_count,
                          const uint32_t *start, uint8_t *entries, uint32_t *next_row,
                          uint32_t *cursor)
{
    const size_t stride = (size_t)codes->inputs + 1;
    for (uint32_t pe = 0; pe < pe_count; pe++) cursor[pe] = start[pe * stride];
    for (uint32_t j = 0; j < codes->inputs; j++) {
        memset(next_row, 0, pe_count * sizeof *next_row);
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t pe = codes->row[e] % pe_count, row = codes->row[e] / pe_count;
            uint32_t zeros = row - next_row[pe];
            for (; zeros > EIE_RUN_MAX; zeros -= EIE_RUN_MAX + 1)
                entries[cursor[pe]++] = EIE_PADDING_ENTRY;
            entries[cursor[pe]++] = (uint8_t)((uint32_t)codes->code[e] << 4 | zeros);
            next_row[pe] = row + 1;
        }
    }
}

enum eie_status eie_layer_encode(const struct eie_layer *parts,
                                 const struct eie_sparse_codes *codes, struct eie_layer **layer,
                                 struct eie_error *error)
{
    struct eie_layer shaped = *parts;
    shaped.inputs = codes->inputs;
    shaped.outputs = codes->outputs;
    enum eie_status status = validate_fields(&shaped, error);
    if (!status) status = validate_codes(shaped.name, codes, error);
    if (status) return status;

    const size_t pointers = (size_t)shaped.pe_count * ((size_t)shaped.inputs + 1);
    uint32_t *start = malloc(pointers * sizeof *start);
    uint32_t *scratch = malloc((size_t)shaped.pe_count * 2 * sizeof *scratch);
    struct writable out;
    if (!start || !scratch) {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", shaped.name);
        goto done;
    }
    const uint64_t total = count_entries(codes, shaped.pe_count, start, scratch);
    if (total > UINT32_MAX) {
        status = eie_fail(error, EIE_INPUT, "layer %s: %llu entries are more than 2^32 - 1",
                          shaped.name, (unsigned long long)total);
        goto done;
    }
    status = allocate(&shaped, (uint32_t)total, &out, error);
    if (status) goto done;
    memcpy(out.column_start, start, pointers * sizeof *start);
    write_entries(codes, shaped.pe_count, start, out.entries, scratch, scratch + shaped.pe_count);
    status = finish(&out, layer, error);
done:
    free(start);
    free(scratch);
    return status;
}

/* Where the weights of a column go, before they are in order. */
struct column {
    uint32_t
        *place; /* [depth + 1] of each local row: how many before it, then where the next goes */
    uint32_t *local; /* [outputs] by PE, local rows ascending */
    uint32_t *row;   /* [outputs] of W */
    uint8_t *code;   /* [outputs] */
};

/* Adds the weights of one PE to the column's `count`; returns how many there are then. Padding is
 * written, too, and overwritten: a branch there would be mispredicted. */
static uint32_t gather_column(const struct eie_layer *layer, uint32_t pe, uint32_t index,
                              uint32_t count, const struct column *column)
{
    const uint32_t *start = layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1) + index;
    const uint8_t *entries = layer->entries;
    uint32_t next = 0;
    for (uint32_t e = start[0]; e < start[1]; e++) {
        const uint32_t local = next + (entries[e] & 15u);
        const uint32_t is_weight = entries[e] != EIE_PADDING_ENTRY;
        next = local + 1;
        column->local[count] = local;
        column->row[count] = local * layer->pe_count + pe;
        column->code[count] = entries[e] >> 4;
        column->place[next] += is_weight;
        count += is_weight;
    }
    return count;
}

static enum eie_status allocate_column(const struct eie_layer *layer, struct column *column,
                                       struct eie_error *error)
{
    const size_t depth = (layer->outputs - 1) / layer->pe_count + 1; /* rows of the fullest PE */
    const size_t room = (size_t)layer->outputs + 1;                  /* padding behind the last */
    *column = (struct column){.place = calloc(depth + 1 + 2 * room, sizeof *column->place),
                              .code = malloc(room)};
    if (column->place && column->code) {
        column->local = column->place + depth + 1;
        column->row = column->local + room;
        return EIE_OK;
    }
    free(column->place);
    free(column->code);
    return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
}

/* Counting sort by local row; PEs in order keep the rows of one local row ascending. Only as many
 * local rows are touched as the column's entries reach. Returns how many there are. */
static uint32_t decode_column(const struct eie_layer *layer, uint32_t index,
                              const struct column *column, uint32_t *rows, uint8_t *codes)
{
    uint32_t count = 0, reached = 0;
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t before = count;
        count = gather_column(layer, pe, index, count, column);
        if (count > before && column->local[count - 1] + 1 > reached)
            reached = column->local[count - 1] + 1;
    }
    for (uint32_t d = 0; d < reached; d++) column->place[d + 1] += column->place[d];
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = column->place[column->local[i]]++;
        rows[at] = column->row[i];
        codes[at] = column->code[i];
    }
    memset(column->place, 0, ((size_t)reached + 1) * sizeof *column->place);
    return count;
}

enum eie_status eie_layer_decode(const struct eie_layer *layer, struct eie_sparse_codes *codes,
                                 struct eie_error *error)
{
    struct eie_layer_counts counts;
    struct column column = {.place = NULL};
    eie_layer_count(layer, NULL, &counts);
    const size_t n = counts.nonzeros, starts = (size_t)layer->inputs + 1;
    enum eie_status status = allocate_column(layer, &column, error);
    if (status) return status;
    uint32_t *base = malloc((starts + n) * sizeof *base + n + 1);
    if (base) {
        uint32_t *all_rows = base + starts;
        uint8_t *all_codes = (uint8_t *)(all_rows + n);
        base[0] = 0;
        for (uint32_t j = 0; j < layer->inputs; j++)
            base[j + 1] =
                base[j] + decode_column(layer, j, &column, all_rows + base[j], all_codes + base[j]);
        *codes =
            (struct eie_sparse_codes){layer->inputs, layer->outputs, base, all_rows, all_codes};
    } else {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    }
    free(column.place);
    free(column.code);
    return status;
}

void eie_sparse_codes_free(struct eie_sparse_codes *codes)
{
    free((void *)(uintptr_t)codes->column_start);
    *codes = (struct eie_sparse_codes){0};
}

enum eie_status eie_layer_reencode(const struct eie_layer *layer, uint32_t pe_count,
                                   struct eie_layer **reencoded, struct eie_error *error)
{
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    struct eie_layer parts = *layer;
    parts.pe_count = pe_count;
    status = eie_layer_encode(&parts, &codes, reencoded, error);
    eie_sparse_codes_free(&codes);
    return status;
}

/* ---- what can be said about a layer --------------------------------------------------------- */

static enum eie_status hash_array(struct eie_sha256 *sha, const void *bytes, uint64_t size,
                                  struct eie_error *error)
{
    enum eie_status status = eie_sha256_add(sha, &size, sizeof size, error);
    return status ? status : eie_sha256_add(sha, bytes, size, error);
}

enum eie_status eie_layer_hash(const struct eie_layer *layer, struct eie_hash *hash,
                               struct eie_error *error)
{
    const uint32_t fields[] = {
        layer->inputs,
        layer->outputs,
        layer->pe_count,
        (uint32_t)layer->activation,
        layer->weight_fraction_bits,
        layer->input_fraction_bits,
        layer->output_fraction_bits,
    };
    const uint64_t pointers = (uint64_t)layer->pe_count * ((uint64_t)layer->inputs + 1);
    const struct {
        const void *bytes;
        uint64_t size;
    } arrays[] = {
        {layer->codebook, sizeof layer->codebook},
        {layer->column_start, pointers * sizeof *layer->column_start},
        {layer->entries, layer->entry_count},
        {layer->bias, layer->bias ? (uint64_t)layer->outputs * sizeof *layer->bias : 0},
        {layer->sample_inputs,
         (uint64_t)layer->sample_count * layer->inputs * sizeof *layer->sample_inputs},
    };
    struct eie_sha256 *sha;
    enum eie_status status = eie_sha256_begin(&sha, error);
    if (status) return status;
    status = eie_sha256_add(sha, fields, sizeof fields, error);
    for (size_t i = 0; !status && i < sizeof arrays / sizeof *arrays; i++)
        status = hash_array(sha, arrays[i].bytes, arrays[i].size, error);
    if (!status && eie_window_is(&layer->window))
        status = eie_sha256_add(sha, &layer->window, sizeof layer->window, error);
    if (!status) return eie_sha256_end(sha, hash, error);
    eie_sha256_free(sha);
    return status;
}

void eie_layer_count(const struct eie_layer *layer, const int16_t *input,
                     struct eie_layer_counts *counts)
{
    *counts = (struct eie_layer_counts){0};
    for (uint32_t j = 0; j < layer->inputs; j++) counts->active_columns += !input || input[j];
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t *start = layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1);
        for (uint32_t j = 0; j < layer->inputs; j++) {
            uint64_t padding = 0;
            for (uint32_t e = start[j]; e < start[j + 1]; e++)
                padding += layer->entries[e] == EIE_PADDING_ENTRY;
            const uint64_t nonzeros = start[j + 1] - start[j] - padding;
            const bool active = !input || input[j];
            counts->nonzeros += nonzeros;
            counts->padding += padding;
            counts->active_nonzeros += active ? nonzeros : 0;
            counts->active_padding += active ? padding : 0;
        }
    }
}

#define CHUNK 1024u /* columns whose active inputs are counted before their entries */

void eie_layer_count_batch(const struct eie_layer *layer, const int16_t *inputs, uint32_t batch,
                           uint64_t *nonzeros, uint64_t *padding)
{
    *nonzeros = *padding = 0;
    for (uint32_t first = 0; first < layer->inputs; first += CHUNK) {
        const uint32_t count = layer->inputs - first < CHUNK ? layer->inputs - first : CHUNK;
        uint32_t active[CHUNK] = {0};
        for (uint32_t b = 0; b < batch; b++)
            for (uint32_t j = 0; j < count; j++)
                active[j] += inputs[(size_t)b * layer->inputs + first + j] != 0;
        for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
            const uint32_t *start =
                layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1) + first;
            for (uint32_t j = 0; j < count; j++) {
                uint32_t here = 0;
                if (!active[j]) continue;
                for (uint32_t e = start[j]; e < start[j + 1]; e++)
                    here += layer->entries[e] == EIE_PADDING_ENTRY;
                *padding += (uint64_t)active[j] * here;
                *nonzeros += (uint64_t)active[j] * (start[j + 1] - start[j] - here);
            }
        }
    }
}

enum eie_status eie_layer_sum_bound(const struct eie_layer *layer, uint64_t *bound,
                                    struct eie_error *error)
{
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint64_t *sum = calloc(layer->outputs, sizeof *sum);
    if (!sum) {
        eie_sparse_codes_free(&codes);
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    }
    for (uint32_t e = 0; e < codes.column_start[codes.inputs]; e++)
        sum[codes.row[e]] += (uint64_t)abs(layer->codebook[codes.code[e]]) * 32768u;
    *bound = 0;
    for (uint32_t i = 0; i < layer->outputs; i++) {
        const uint64_t total = sum[i] + (layer->bias ? (uint64_t)llabs(layer->bias[i]) : 0);
        if (total > *bound) *bound = total;
    }
    free(sum);
    eie_sparse_codes_free(&codes);
    return EIE_OK;
}
