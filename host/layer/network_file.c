#include "host/layer/network_file.h"
#include "host/base/sha256.h"
#include "host/layer/network_code.h"
#include "host/layer/numbers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM_KEY          "eie.form"
#define FORM              "network"
#define VERSION           1u
#define HEAD              4u
#define CHECKSUM          4u
#define FRACTION_BITS_MAX 30
#define CENTROID_BITS     16u
#define BIAS_BITS         16u
#define SHARES            255.0

enum bias_form { BIAS_NONE, BIAS_ALL, BIAS_OF_LIVE };

static const char characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

static bool good_name(const char *name, size_t size)
{
    const size_t length = strnlen(name, size);
    return length && length < size && strspn(name, characters) == length;
}

static uint32_t most_clusters(const struct eie_network_part *part)
{
    return (1u << part->code_bits) - 1;
}

/* The first four bytes of the SHA-256. */
static enum eie_status checksum(const uint8_t *bytes, size_t size, uint8_t sum[CHECKSUM],
                                struct eie_error *error)
{
    struct eie_hash hash;
    enum eie_status status = eie_sha256_of(bytes, size, &hash, error);
    for (size_t i = 0; i < CHECKSUM && !status; i++) {
        const char digits[3] = {hash.hex[2 * i], hash.hex[2 * i + 1], 0};
        sum[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return status;
}

static uint64_t bits_of(const struct eie_network_sizes *sizes)
{
    return sizes->header_bits + sizes->table_bits + sizes->code_bits + sizes->run_bits +
           sizes->centroid_bits + sizes->bias_bits;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The largest fraction bits at which all values fit `bits` bits with their sign; -1: none. */
static int fraction_bits(const float *values, size_t count, uint32_t bits)
{
    const double limit = ldexp(1, (int)bits - 1);
    double least = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)values[i];
        if (value < least) least = value;
        if (value > most) most = value;
    }
    for (int f = FRACTION_BITS_MAX; f >= 0; f--)
        if (eie_round_even(ldexp(least, f)) >= -limit && eie_round_even(ldexp(most, f)) < limit)
            return f;
    return -1;
}

int eie_network_centroid_bits(const float *centroids, uint32_t count)
{
    return fraction_bits(centroids, count, CENTROID_BITS);
}

static void put_fixed(struct eie_bits_out *out, double value, int fraction, uint32_t bits)
{
    const int32_t fixed = (int32_t)eie_round_even(ldexp(value, fraction));
    eie_bits_put(out, (uint32_t)fixed, bits);
}

/* A part as it is written, beside what its struct says. */
struct draft {
    const struct eie_network_part *part;
    uint32_t clusters;
    int fraction; /* of the centroids */
    bool positive[256];
    struct eie_network_plan plan;
};

static enum eie_status bad_part(const char *path, const struct eie_network_part *part,
                                const char *what, struct eie_error *error)
{
    return eie_fail(error, EIE_USAGE, "%s: part %.31s of the network %s", path, part->name, what);
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static enum eie_status check_part(const char *path, const struct eie_network_part *part,
                                  struct eie_error *error)
{
    const struct eie_network_scale *scale = &part->scale;
    if (!good_name(part->name, sizeof part->name))
        return bad_part(path, part, "has a name of other characters", error);
    if (!part->outputs || !part->inputs) return bad_part(path, part, "has no places", error);
    if (part->code_bits < 2 || part->code_bits > 8)
        return bad_part(path, part, "has codes of less than 2 or more than 8 bits", error);
    if (!all_finite(part->centroids, most_clusters(part) + 1) ||
        (part->bias && !all_finite(part->bias, part->outputs)))
        return bad_part(path, part, "has a weight or bias that is not finite", error);
    if (part->centroids[0] != 0.0f)
        return bad_part(path, part, "has a first centroid that is not 0", error);
    if (part->bias_bits == 1 || part->bias_bits > BIAS_BITS)
        return bad_part(path, part, "is to have biases of less than 2 or more than 16 bits", error);
    if (scale->input_fraction_bits > 31 || scale->output_fraction_bits > 62 ||
        !(scale->active_share >= 0 && scale->active_share <= 1))
        return bad_part(path, part, "has fraction bits or a share beyond their range", error);
    const size_t places = (size_t)part->outputs * part->inputs;
    for (size_t k = 0; k < places; k++)
        if (part->codes[k] > most_clusters(part))
            return bad_part(path, part, "has a code that is no centroid's", error);
    return EIE_OK;
}

static enum eie_status check_network(const char *path, const struct eie_network_file *network,
                                     struct eie_error *error)
{
    uint64_t places = 0;
    if (!good_name(network->name, sizeof network->name) || !strcmp(network->name, "__metadata__"))
        return eie_fail(error, EIE_USAGE,
                        "%s: a network's name has 1 to %zu letters, digits, '-', "
                        "'_', '.'",
                        path, sizeof network->name - 1);
    if (!network->part_count || network->part_count > EIE_NETWORK_PARTS_MAX)
        return eie_fail(error, EIE_USAGE, "%s: a network has 1 to %d parts, not %" PRIu32, path,
                        EIE_NETWORK_PARTS_MAX, network->part_count);
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_network_part *part = &network->parts[p];
        places += (uint64_t)part->outputs * part->inputs;
        if (places > EIE_NETWORK_PLACES_MAX)
            return bad_part(path, part, "is too large for this form", error);
        enum eie_status status = check_part(path, part, error);
        if (status) return status;
        for (uint32_t q = 0; q < p; q++)
            if (!strcmp(network->parts[q].name, part->name))
                return bad_part(path, part, "has the name of another", error);
    }
    return EIE_OK;
}

static enum eie_status draft_part(const char *path, const struct eie_network_part *part,
                                  const struct eie_network_lines *before, struct draft *draft,
                                  struct eie_error *error)
{
    draft->part = part;
    draft->clusters = most_clusters(part);
    while (draft->clusters > 1 && part->centroids[draft->clusters] == 0.0f) draft->clusters--;
    const size_t places = (size_t)part->outputs * part->inputs;
    for (size_t k = 0; k < places; k++) /* a code may name a centroid that is 0 */
        if (part->codes[k] > draft->clusters) draft->clusters = part->codes[k];
    draft->fraction = eie_network_centroid_bits(part->centroids, draft->clusters + 1);
    if (draft->fraction < 0) return bad_part(path, part, "has centroids beyond 32767", error);
    for (uint32_t c = 0; c <= draft->clusters; c++)
        draft->positive[c] = eie_round_even(ldexp((double)part->centroids[c], draft->fraction)) > 0;
    const struct eie_network_matrix matrix = {part->outputs, part->inputs, draft->clusters,
                                              part->codes, draft->positive};
    return eie_network_plan(&matrix, before, &draft->plan, error);
}

static void put_head(struct eie_bits_out *out, const struct eie_network_part *part)
{
    const struct eie_network_scale *scale = &part->scale;
    const uint32_t length = (uint32_t)strlen(part->name);
    eie_bits_put(out, length, 5);
    for (uint32_t i = 0; i < length; i++) eie_bits_put(out, (unsigned char)part->name[i], 7);
    eie_bits_put_number(out, part->outputs);
    eie_bits_put_number(out, part->inputs);
    eie_bits_put(out, part->code_bits - 1, 3);
    eie_bits_put(out, part->relu, 1);
    eie_bits_put(out, scale->stated, 1);
    if (!scale->stated) return;
    eie_bits_put(out, scale->input_fraction_bits, 5);
    eie_bits_put(out, scale->output_fraction_bits, 6);
    eie_bits_put(out, (uint32_t)eie_round_even(scale->active_share * SHARES), 8);
}

static void put_centroids(struct eie_bits_out *out, const struct draft *draft)
{
    eie_bits_put(out, draft->clusters, draft->part->code_bits);
    eie_bits_put(out, (uint32_t)draft->fraction, 5);
    for (uint32_t c = 1; c <= draft->clusters; c++)
        put_fixed(out, (double)draft->part->centroids[c], draft->fraction, CENTROID_BITS);
}

static enum eie_status put_bias(const char *path, struct eie_bits_out *out,
                                const struct draft *draft, struct eie_error *error)
{
    const struct eie_network_part *part = draft->part;
    const struct eie_network_lines *rows = &draft->plan.rows;
    const uint32_t bits = part->bias_bits ? part->bias_bits : BIAS_BITS;
    enum bias_form form = part->bias ? BIAS_OF_LIVE : BIAS_NONE;
    if (!part->bias) {
        eie_bits_put(out, form, 2);
        return EIE_OK;
    }
    const int fraction = fraction_bits(part->bias, part->outputs, bits);
    if (fraction < 0) return bad_part(path, part, "has biases beyond what their bits hold", error);
    for (uint32_t i = 0; i < part->outputs; i++)
        if (rows->rank[i] == EIE_LINE_DEAD && part->bias[i] != 0.0f) form = BIAS_ALL;
    if (rows->form == EIE_LIVE_ALL) form = BIAS_ALL;
    eie_bits_put(out, form, 2);
    eie_bits_put(out, (uint32_t)fraction, 5);
    eie_bits_put(out, bits - 1, 4);
    for (uint32_t i = 0; i < part->outputs; i++)
        if (form == BIAS_ALL || rows->rank[i] != EIE_LINE_DEAD)
            put_fixed(out, (double)part->bias[i], fraction, bits);
    return EIE_OK;
}

/* Bits since *mark, which moves on. */
static uint64_t since(const struct eie_bits_out *out, uint64_t *mark)
{
    const uint64_t bits = out->count - *mark;
    *mark = out->count;
    return bits;
}

static enum eie_status put_part(const char *path, struct eie_bits_out *out,
                                const struct draft *draft, struct eie_network_sizes *sizes,
                                struct eie_error *error)
{
    struct eie_network_streams streams;
    uint64_t mark = out->count;
    put_head(out, draft->part);
    sizes->header_bits = since(out, &mark);
    put_centroids(out, draft);
    sizes->centroid_bits = since(out, &mark);
    eie_network_put_lines(out, &draft->plan.rows);
    eie_network_put_lines(out, &draft->plan.columns);
    sizes->run_bits = since(out, &mark);
    enum eie_status status = put_bias(path, out, draft, error);
    sizes->bias_bits = since(out, &mark);
    if (!status) status = eie_network_put_weights(out, &draft->plan, &streams, error);
    if (status) return status;
    sizes->weights = draft->plan.weight_count;
    sizes->fillers = streams.fillers;
    sizes->header_bits += streams.header;
    sizes->table_bits = streams.tables;
    sizes->code_bits = streams.codes;
    sizes->run_bits += streams.runs;
    return EIE_OK;
}

/* All parts; `lines` are the rows of the last one that was written. */
static enum eie_status put_parts(const char *path, const struct eie_network_file *network,
                                 struct eie_bits_out *out, struct eie_network_sizes *sizes,
                                 struct eie_error *error)
{
    struct eie_network_lines before = {.count = 0};
    enum eie_status status = EIE_OK;
    for (uint32_t p = 0; p < network->part_count && !status; p++) {
        struct draft draft = {.part = NULL};
        status = draft_part(path, &network->parts[p], p ? &before : NULL, &draft, error);
        if (!status) status = put_part(path, out, &draft, &sizes[p], error);
        eie_network_lines_free(&before);
        before = draft.plan.rows;
        draft.plan.rows = (struct eie_network_lines){0};
        eie_network_plan_free(&draft.plan);
    }
    eie_network_lines_free(&before);
    return status;
}

static enum eie_status save(const char *path, const struct eie_network_file *network,
                            const struct eie_bits_out *out, uint64_t *header_bytes,
                            struct eie_error *error)
{
    const uint64_t size = out->count / 8;
    const struct eie_tensor tensor = {network->name, EIE_U8, 1, {size}, out->bytes, size};
    json_t *metadata = json_pack("{s:s}", FORM_KEY, FORM);
    if (!metadata) return eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    enum eie_status status = eie_safetensors_write(path, &tensor, 1, metadata, header_bytes, error);
    json_decref(metadata);
    return status;
}

enum eie_status eie_network_file_write(const char *path, const struct eie_network_file *network,
                                       struct eie_network_sizes *sizes, struct eie_error *error)
{
    struct eie_network_sizes own[EIE_NETWORK_PARTS_MAX + 1] = {{0}};
    struct eie_bits_out out = {0};
    uint8_t sum[CHECKSUM];
    uint64_t places = 0, header_bytes = 0;
    enum eie_status status = check_network(path, network, error);
    if (status) return status;
    const uint8_t head[HEAD] = {'E', 'N', VERSION, (uint8_t)network->part_count};
    for (uint32_t i = 0; i < HEAD; i++) eie_bits_put(&out, head[i], 8);
    status = put_parts(path, network, &out, own, error);
    const uint32_t fill = (uint32_t)(-out.count % 8);
    eie_bits_put(&out, 0, fill);
    if (!status && out.full) status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    if (!status) status = checksum(out.bytes, out.count / 8, sum, error);
    for (uint32_t i = 0; i < CHECKSUM && !status; i++) eie_bits_put(&out, sum[i], 8);
    if (!status && out.full) status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    for (uint32_t p = 0; p < network->part_count; p++)
        places += (uint64_t)network->parts[p].outputs * network->parts[p].inputs;
    if (!status && places > EIE_NETWORK_PLACES_PER_BYTE * (out.count / 8))
        status =
            eie_fail(error, EIE_USAGE, "%s: the network has too few weights to be read back", path);
    if (!status) status = save(path, network, &out, &header_bytes, error);
    own[network->part_count].header_bits = 8 * (header_bytes + HEAD + CHECKSUM) + fill;
    if (!status && sizes) memcpy(sizes, own, (network->part_count + 1) * sizeof *own);
    free(out.bytes);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The file, and the part that is being read. */
struct reading {
    const char *path;
    struct eie_error *error;
    struct eie_bits_in in;
    uint64_t places_left;
    struct eie_network_lines before; /* rows of the part before */
    uint32_t number;                 /* of the part, from 1 */
};

static enum eie_status fault(const struct reading *reading, const char *what)
{
    return eie_fail(reading->error, EIE_INPUT,
                    "%s: part %" PRIu32 " of the network, bit %" PRIu64 ": %s", reading->path,
                    reading->number, reading->in.place, what);
}

static enum eie_status no_memory(const struct reading *reading)
{
    return eie_fail(reading->error, EIE_MEMORY, "%s: out of memory", reading->path);
}

static enum eie_status cut(const struct reading *reading)
{
    return reading->in.failed ? fault(reading, "its bits end there, or stand for nothing") : EIE_OK;
}

static enum eie_status get_head(struct reading *reading, struct eie_network_part *part)
{
    struct eie_bits_in *in = &reading->in;
    const uint32_t length = eie_bits_get(in, 5);
    for (uint32_t i = 0; i < length; i++) part->name[i] = (char)eie_bits_get(in, 7);
    part->outputs = eie_bits_get_number(in);
    part->inputs = eie_bits_get_number(in);
    part->code_bits = eie_bits_get(in, 3) + 1;
    part->relu = eie_bits_get(in, 1);
    part->scale.stated = eie_bits_get(in, 1);
    if (part->scale.stated) {
        part->scale.input_fraction_bits = eie_bits_get(in, 5);
        part->scale.output_fraction_bits = eie_bits_get(in, 6);
        part->scale.active_share = eie_bits_get(in, 8) / SHARES;
    }
    if (cut(reading)) return EIE_INPUT;
    if (strlen(part->name) != length || !good_name(part->name, sizeof part->name))
        return fault(reading, "a name of other characters");
    if (!part->outputs || !part->inputs) return fault(reading, "a matrix of no places");
    const uint64_t places = (uint64_t)part->outputs * part->inputs;
    if (places > reading->places_left)
        return fault(reading, "a matrix that is too large for a file of this size");
    reading->places_left -= places;
    if (part->code_bits < 2) return fault(reading, "codes of 1 bit");
    if (part->scale.output_fraction_bits > 62)
        return fault(reading, "output fraction bits above 62");
    return EIE_OK;
}

static enum eie_status get_centroids(struct reading *reading, struct eie_network_part *part,
                                     uint32_t *clusters, bool positive[256])
{
    struct eie_bits_in *in = &reading->in;
    float *centroids = calloc((size_t)most_clusters(part) + 1, sizeof *centroids);
    part->centroids = centroids;
    if (!centroids) return no_memory(reading);
    *clusters = eie_bits_get(in, part->code_bits);
    part->weight_fraction_bits = eie_bits_get(in, 5);
    for (uint32_t c = 1; c <= *clusters; c++) {
        const int32_t fixed = eie_bits_get_signed(in, CENTROID_BITS);
        centroids[c] = ldexpf((float)fixed, -(int)part->weight_fraction_bits);
        positive[c] = fixed > 0;
    }
    if (cut(reading)) return EIE_INPUT;
    if (!*clusters) return fault(reading, "no centroids");
    return part->weight_fraction_bits > FRACTION_BITS_MAX ? fault(reading, "fraction bits above 30")
                                                          : EIE_OK;
}

static bool get_stretches(struct eie_bits_in *in, uint32_t count, uint8_t *live)
{
    uint32_t at = 0;
    for (bool dead = true; at < count; dead = !dead) {
        const uint32_t length = eie_bits_get_number(in);
        if (in->failed || length > count - at || (!length && !(dead && !at))) return false;
        memset(live + at, !dead, length);
        at += length;
    }
    return true;
}

static void rank_lines(struct eie_network_lines *lines, const uint8_t *live)
{
    lines->live = 0;
    for (uint32_t i = 0; i < lines->count; i++)
        lines->rank[i] = live[i] ? lines->live++ : EIE_LINE_DEAD;
}

/* *lines is to be freed. */
static enum eie_status get_lines(struct reading *reading, uint32_t count, bool are_columns,
                                 struct eie_network_lines *lines)
{
    struct eie_bits_in *in = &reading->in;
    const struct eie_network_lines *before = &reading->before;
    enum eie_status status = EIE_OK;
    *lines = (struct eie_network_lines){.form = (enum eie_live_form)eie_bits_get(in, 2),
                                        .count = count,
                                        .rank = malloc(count * sizeof *lines->rank)};
    uint8_t *live = malloc(count);
    if (!live || !lines->rank) {
        status = no_memory(reading);
        goto done;
    }
    memset(live, 1, count);
    if (lines->form == EIE_LIVE_STRETCHES && !get_stretches(in, count, live))
        status = fault(reading, "stretches of live lines that are not as many as there are lines");
    for (uint32_t i = 0; i < count && lines->form == EIE_LIVE_BITS; i++)
        live[i] = (uint8_t)eie_bits_get(in, 1);
    if (lines->form == EIE_LIVE_AS_ROWS_BEFORE) {
        if (!are_columns || before->count != count)
            status = fault(reading, "columns as the rows before, which are not as many");
        for (uint32_t i = 0; i < count && !status; i++) live[i] = before->rank[i] != EIE_LINE_DEAD;
    }
    if (!status) status = cut(reading);
    rank_lines(lines, live);
done:
    free(live);
    return status;
}

static enum eie_status get_bias(struct reading *reading, const struct eie_network_lines *rows,
                                struct eie_network_part *part)
{
    struct eie_bits_in *in = &reading->in;
    const uint32_t form = eie_bits_get(in, 2);
    if (form == BIAS_NONE) return cut(reading);
    if (form > BIAS_OF_LIVE) return fault(reading, "an unknown form of biases");
    const int fraction = (int)eie_bits_get(in, 5);
    part->bias_bits = eie_bits_get(in, 4) + 1;
    if (cut(reading)) return EIE_INPUT;
    if (fraction > FRACTION_BITS_MAX || part->bias_bits < 2)
        return fault(reading, "biases of 1 bit or with fraction bits above 30");
    float *bias = calloc(part->outputs, sizeof *bias);
    part->bias = bias;
    if (!bias) return no_memory(reading);
    for (uint32_t i = 0; i < part->outputs; i++)
        if (form == BIAS_ALL || rows->rank[i] != EIE_LINE_DEAD)
            bias[i] = ldexpf((float)eie_bits_get_signed(in, part->bias_bits), -fraction);
    return cut(reading);
}

/* The streams' numbers and tables, and how far it has come. */
struct decoder {
    uint32_t split, context_from, code_context, longest, distance;
    bool by_column, positive[256];
    struct eie_bits_table *tables; /* [2 + EIE_CODE_TABLES_MAX]: of runs, of codes */
    uint32_t *lines, *cross;       /* live rows and columns by rank, in the order of the stream */
    uint32_t line_count, cross_count;
    uint64_t place, run_before;
    bool last;
    uint8_t *of_row;
};

static void free_decoder(struct decoder *decoder)
{
    free(decoder->tables);
    free(decoder->lines);
    free(decoder->cross);
    free(decoder->of_row);
}

/* The live lines by rank. */
static uint32_t *live_lines(const struct eie_network_lines *lines)
{
    uint32_t *by_rank = malloc(((size_t)lines->live + 1) * sizeof *by_rank);
    for (uint32_t i = 0; i < lines->count && by_rank; i++)
        if (lines->rank[i] != EIE_LINE_DEAD) by_rank[lines->rank[i]] = i;
    return by_rank;
}

static enum eie_status make_decoder(const struct reading *reading,
                                    const struct eie_network_lines *rows,
                                    const struct eie_network_lines *columns,
                                    struct decoder *decoder)
{
    const struct eie_network_lines *outer = decoder->by_column ? columns : rows;
    const struct eie_network_lines *inner = decoder->by_column ? rows : columns;
    decoder->tables = calloc(2 + EIE_CODE_TABLES_MAX, sizeof *decoder->tables);
    decoder->lines = live_lines(outer);
    decoder->cross = live_lines(inner);
    decoder->line_count = outer->live;
    decoder->cross_count = inner->live;
    decoder->of_row = calloc((size_t)rows->count + 1, 1);
    return decoder->tables && decoder->lines && decoder->cross && decoder->of_row
               ? EIE_OK
               : no_memory(reading);
}

static enum eie_status get_tables(struct reading *reading, uint32_t clusters,
                                  struct decoder *decoder, struct eie_network_sizes *sizes)
{
    struct eie_bits_in *in = &reading->in;
    uint64_t mark = in->place;
    decoder->split = eie_bits_get(in, 3);
    decoder->context_from = eie_bits_get(in, 4);
    decoder->code_context = eie_bits_get(in, 2);
    decoder->longest = eie_bits_get(in, 8);
    if (decoder->code_context == EIE_CODE_BY_NEIGHBOURS)
        decoder->distance = eie_bits_get_number(in);
    if (!decoder->longest) in->failed = true;
    sizes->header_bits += in->place - mark;
    mark = in->place;
    for (uint32_t c = 0; c <= (decoder->context_from != 0); c++)
        eie_bits_get_table(in, 0, decoder->longest, &decoder->tables[c]);
    for (uint32_t c = 0; c < eie_code_tables(decoder->code_context); c++)
        eie_bits_get_table(in, 1, clusters, &decoder->tables[2 + c]);
    sizes->table_bits = in->place - mark;
    return cut(reading);
}

/* The next run; a place beyond the matrix ends it early. */
static uint64_t get_run(struct eie_bits_in *in, const struct decoder *decoder, uint64_t most,
                        uint64_t *fillers)
{
    const bool context =
        decoder->context_from && decoder->run_before >> (decoder->context_from - 1) != 0;
    const struct eie_bits_table *table = &decoder->tables[context];
    uint64_t run = 0;
    while (!in->failed && run <= most) {
        const uint32_t symbol = eie_bits_get_symbol(in, table);
        run += (uint64_t)symbol << decoder->split;
        if (symbol < decoder->longest) break;
        ++*fillers;
    }
    return run + eie_bits_get(in, decoder->split);
}

static enum eie_status get_weight(struct reading *reading, struct decoder *decoder, uint32_t inputs,
                                  uint8_t *codes, struct eie_network_sizes *sizes)
{
    const uint64_t places = (uint64_t)decoder->line_count * decoder->cross_count;
    struct eie_bits_in *in = &reading->in;
    uint64_t mark = in->place;
    decoder->run_before = get_run(in, decoder, places, &sizes->fillers);
    decoder->place += decoder->run_before;
    sizes->run_bits += in->place - mark;
    mark = in->place;
    if (cut(reading)) return EIE_INPUT;
    if (decoder->place >= places) return fault(reading, "a run that leads beyond the matrix");
    const uint32_t line = decoder->lines[decoder->place / decoder->cross_count];
    const uint32_t cross = decoder->cross[decoder->place % decoder->cross_count];
    const uint32_t row = decoder->by_column ? cross : line;
    const uint32_t column = decoder->by_column ? line : cross;
    const uint32_t of[] = {0, decoder->last, decoder->of_row[row],
                           eie_code_neighbours(codes + (size_t)row * inputs, column,
                                               decoder->distance, decoder->positive)};
    const uint32_t code = eie_bits_get_symbol(in, &decoder->tables[2 + of[decoder->code_context]]);
    sizes->code_bits += in->place - mark;
    if (cut(reading)) return EIE_INPUT;
    codes[(size_t)row * inputs + column] = (uint8_t)code;
    decoder->last = decoder->positive[code];
    decoder->of_row[row] = decoder->last;
    decoder->place++;
    return EIE_OK;
}

static enum eie_status get_weights(struct reading *reading, const struct eie_network_lines *rows,
                                   const struct eie_network_lines *columns, uint32_t clusters,
                                   const bool positive[256], struct eie_network_part *part,
                                   struct eie_network_sizes *sizes)
{
    struct eie_bits_in *in = &reading->in;
    struct decoder decoder = {0};
    uint8_t *codes = calloc((size_t)part->outputs * part->inputs, 1);
    part->codes = codes;
    if (!codes) return no_memory(reading);
    const uint64_t mark = in->place;
    const uint32_t count = eie_bits_get_number(in);
    sizes->header_bits += in->place - mark;
    if (!count) return cut(reading);
    if (count > (uint64_t)rows->live * columns->live)
        return fault(reading, "more weights than there are places");
    memcpy(decoder.positive, positive, sizeof decoder.positive);
    decoder.by_column = eie_bits_get(in, 1);
    sizes->header_bits++;
    enum eie_status status = make_decoder(reading, rows, columns, &decoder);
    if (!status) status = get_tables(reading, clusters, &decoder, sizes);
    for (uint32_t k = 0; k < count && !status; k++)
        status = get_weight(reading, &decoder, part->inputs, codes, sizes);
    sizes->weights = count;
    free_decoder(&decoder);
    return status;
}

static enum eie_status get_part(struct reading *reading, struct eie_network_part *part,
                                struct eie_network_sizes *sizes)
{
    struct eie_network_lines rows = {.count = 0}, columns = {.count = 0};
    bool positive[256] = {false};
    uint32_t clusters = 0;
    uint64_t mark = reading->in.place;
    enum eie_status status = get_head(reading, part);
    sizes->header_bits = reading->in.place - mark;
    mark = reading->in.place;
    if (!status) status = get_centroids(reading, part, &clusters, positive);
    sizes->centroid_bits = reading->in.place - mark;
    mark = reading->in.place;
    if (!status) status = get_lines(reading, part->outputs, false, &rows);
    if (!status) status = get_lines(reading, part->inputs, true, &columns);
    sizes->run_bits = reading->in.place - mark;
    mark = reading->in.place;
    if (!status) status = get_bias(reading, &rows, part);
    sizes->bias_bits = reading->in.place - mark;
    if (!status) status = get_weights(reading, &rows, &columns, clusters, positive, part, sizes);
    eie_network_lines_free(&columns);
    eie_network_lines_free(&reading->before);
    reading->before = rows;
    return status;
}

/* What must stand behind the last part: bits of 0 up to the next byte, and no byte more. */
static enum eie_status check_end(struct reading *reading)
{
    const uint64_t left = reading->in.count - reading->in.place;
    if (left >= 8 || eie_bits_get(&reading->in, (uint32_t)left))
        return fault(reading, "more bits behind the last part than fill up a byte with 0");
    return EIE_OK;
}

static enum eie_status get_parts(struct reading *reading, struct eie_network_file *network,
                                 struct eie_network_sizes *sizes)
{
    enum eie_status status = EIE_OK;
    for (uint32_t p = 0; p < network->part_count && !status; p++) {
        reading->number = p + 1;
        status = get_part(reading, &network->parts[p], &sizes[p]);
        for (uint32_t q = 0; q < p && !status; q++)
            if (!strcmp(network->parts[q].name, network->parts[p].name))
                status = fault(reading, "the name of another part");
    }
    eie_network_lines_free(&reading->before);
    return status ? status : check_end(reading);
}

/* The head and the checksum around the parts. */
static enum eie_status check_frame(const char *path, const struct eie_tensor *tensor,
                                   struct eie_error *error)
{
    const uint8_t *bytes = tensor->data;
    uint8_t sum[CHECKSUM];
    if (tensor->dtype != EIE_U8 || tensor->rank != 1 || tensor->size < HEAD + CHECKSUM)
        return eie_fail(error, EIE_INPUT, "%s: a network's tensor is U8 of rank 1, 8 bytes or more",
                        path);
    if (bytes[0] != 'E' || bytes[1] != 'N')
        return eie_fail(error, EIE_INPUT, "%s: its tensor is no network: it does not begin with EN",
                        path);
    if (bytes[2] != VERSION)
        return eie_fail(error, EIE_INPUT, "%s: %snetwork of version %u, this program reads %u",
                        path, bytes[2] > VERSION ? "written by a newer version: " : "", bytes[2],
                        VERSION);
    if (!bytes[3] || bytes[3] > EIE_NETWORK_PARTS_MAX)
        return eie_fail(error, EIE_INPUT, "%s: a network of %u parts, 1 to %d are possible", path,
                        bytes[3], EIE_NETWORK_PARTS_MAX);
    const size_t size = (size_t)tensor->size - CHECKSUM;
    enum eie_status status = checksum(bytes, size, sum, error);
    if (!status && memcmp(sum, bytes + size, CHECKSUM))
        return eie_fail(error, EIE_INPUT,
                        "%s: damaged: the network's bytes do not have the checksum at their end",
                        path);
    return status;
}

bool eie_network_file_is(const struct eie_safetensors *file)
{
    const char *form = eie_safetensors_metadata(file, FORM_KEY);
    return form && !strcmp(form, FORM);
}

enum eie_status eie_network_file_of(const struct eie_safetensors *file, const char *path,
                                    struct eie_network_file *network,
                                    struct eie_network_sizes **sizes, struct eie_error *error)
{
    const struct eie_tensor *tensor = file->tensors;
    *network = (struct eie_network_file){.part_count = 0};
    if (sizes) *sizes = NULL;
    if (!eie_network_file_is(file))
        return eie_fail(error, EIE_INPUT,
                        "%s: no network: its metadata have no " FORM_KEY " '" FORM "'", path);
    if (file->tensor_count != 1 || !good_name(tensor->name, sizeof network->name))
        return eie_fail(error, EIE_INPUT,
                        "%s: a network is one tensor with the network's name, here are %" PRIu32
                        " or the name is none",
                        path, file->tensor_count);
    enum eie_status status = check_frame(path, tensor, error);
    if (status) return status;
    const uint8_t *bytes = tensor->data;
    const uint64_t allowed = EIE_NETWORK_PLACES_PER_BYTE * tensor->size;
    struct reading reading = {
        .path = path,
        .error = error,
        .in = {bytes + HEAD, (tensor->size - HEAD - CHECKSUM) * 8, 0, false},
        .places_left = allowed < EIE_NETWORK_PLACES_MAX ? allowed : EIE_NETWORK_PLACES_MAX};
    const uint32_t count = bytes[3];
    struct eie_network_sizes *own = calloc((size_t)count + 1, sizeof *own);
    network->parts = calloc(count, sizeof *network->parts);
    network->part_count = network->parts ? count : 0;
    snprintf(network->name, sizeof network->name, "%s", tensor->name);
    status = own && network->parts ? get_parts(&reading, network, own) : no_memory(&reading);
    if (own) {
        uint64_t parts_bits = 0;
        for (uint32_t p = 0; p < count; p++) parts_bits += bits_of(&own[p]);
        own[count].header_bits = 8 * (uint64_t)file->bytes.size - parts_bits;
    }
    if (status) eie_network_file_free(network);
    if (sizes && !status)
        *sizes = own;
    else
        free(own);
    return status;
}

enum eie_status eie_network_file_parse(struct eie_bytes *bytes, const char *path,
                                       struct eie_network_file *network,
                                       struct eie_network_sizes **sizes, struct eie_error *error)
{
    struct eie_safetensors file;
    *network = (struct eie_network_file){.part_count = 0};
    if (sizes) *sizes = NULL;
    enum eie_status status = eie_safetensors_parse(bytes, path, &file, error);
    if (status) return status;
    status = eie_network_file_of(&file, path, network, sizes, error);
    eie_safetensors_free(&file);
    return status;
}

enum eie_status eie_network_file_read(const char *path, struct eie_network_file *network,
                                      struct eie_network_sizes **sizes, struct eie_error *error)
{
    struct eie_bytes bytes;
    *network = (struct eie_network_file){.part_count = 0};
    enum eie_status status = eie_file_read(path, SIZE_MAX, &bytes, error);
    return status ? status : eie_network_file_parse(&bytes, path, network, sizes, error);
}

/* The arrays of a network that was read are its own, whatever the pointers say. */
static void free_array(const void *array)
{
    free((void *)(uintptr_t)array);
}

void eie_network_file_free(struct eie_network_file *network)
{
    for (uint32_t p = 0; p < network->part_count; p++) {
        free_array(network->parts[p].codes);
        free_array(network->parts[p].centroids);
        free_array(network->parts[p].bias);
    }
    free(network->parts);
    *network = (struct eie_network_file){.part_count = 0};
}

double eie_network_file_sizes(const struct eie_network_sizes *sizes, uint32_t part_count,
                              struct eie_network_bytes *bytes)
{
    *bytes = (struct eie_network_bytes){0};
    for (uint32_t p = 0; p <= part_count; p++) {
        bytes->header += (double)sizes[p].header_bits / 8;
        bytes->tables += (double)sizes[p].table_bits / 8;
        bytes->codes += (double)sizes[p].code_bits / 8;
        bytes->runs += (double)sizes[p].run_bits / 8;
        bytes->centroids += (double)sizes[p].centroid_bits / 8;
        bytes->biases += (double)sizes[p].bias_bits / 8;
    }
    return bytes->header + bytes->tables + bytes->codes + bytes->runs + bytes->centroids +
           bytes->biases;
}
