#include "host/layer/generate.h"
#include "host/base/random.h"
#include "host/layer/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One independent stream per layer and purpose. */
static void stream(struct eie_random *random, const struct eie_layer_spec *spec,
                   const char *purpose)
{
    char name[EIE_NAME_MAX + 32];
    snprintf(name, sizeof name, "%s/%s", spec->name, purpose);
    eie_random_seed(random, eie_random_seed_of(spec->seed, name));
}

static enum eie_status check_spec(const struct eie_layer_spec *spec, struct eie_error *error)
{
    const uint64_t places = (uint64_t)spec->inputs * spec->outputs;
    if (!spec->inputs || !spec->outputs || places > UINT32_MAX)
        return eie_fail(error, EIE_USAGE,
                        "layer %s: %u x %u is not a matrix of 1 to 2^32 - 1 places", spec->name,
                        spec->outputs, spec->inputs);
    if (spec->active_inputs > spec->inputs)
        return eie_fail(error, EIE_USAGE, "layer %s: %u active inputs of %u", spec->name,
                        spec->active_inputs, spec->inputs);
    if (spec->is_signed && spec->input_type != EIE_INPUT_16_BITS)
        return eie_fail(error, EIE_USAGE,
                        "layer %s: random signs are for 16-bit inputs; an 8-bit type has its own",
                        spec->name);
    if (spec->row_unevenness_permille > 1000)
        return eie_fail(error, EIE_USAGE, "layer %s: rows uneven by %u permille, at most 1000",
                        spec->name, spec->row_unevenness_permille);
    if (spec->nonzeros_active > places ||
        spec->nonzeros_inactive > places - spec->nonzeros_active ||
        (spec->split && (spec->nonzeros_active > (uint64_t)spec->active_inputs * spec->outputs ||
                         spec->nonzeros_inactive >
                             (uint64_t)(spec->inputs - spec->active_inputs) * spec->outputs)))
        return eie_fail(error, EIE_USAGE,
                        "layer %s: %" PRIu64 " + %" PRIu64 " non-zeros do not fit", spec->name,
                        spec->nonzeros_active, spec->nonzeros_inactive);
    return EIE_OK;
}

/* Fifteen distinct shared weights over nearly the whole of int16, sum close to 0: seven negative
 * and eight positive steps, low bits drawn so that no kernel profits from trailing zeros. */
static void draw_codebook(const struct eie_layer_spec *spec, int16_t codebook[EIE_CODEBOOK_SIZE])
{
    struct eie_random random;
    stream(&random, spec, "codebook");
    codebook[0] = 0;
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) {
        const int step = c <= 7 ? 4608 * (c - 8) : 3584 * (c - 7);
        codebook[c] = (int16_t)(step + (int)eie_random_below(&random, 511) - 255);
    }
}

/* Exactly `count` of `places`, marked by 1, each subset equally likely (Knuth's algorithm S). */
static void choose(struct eie_random *random, uint8_t *mark, uint32_t places, uint32_t count)
{
    for (uint32_t i = 0; i < places; i++) {
        mark[i] = count && eie_random_below(random, places - i) < count;
        count -= mark[i];
    }
}

/* Bits of a magnitude: with so many fraction bits all inputs are below 1, and after so many
 * halvings none is left to halve. -128 is 1 below 0. */
static uint32_t magnitude_bits(const struct eie_layer_spec *spec)
{
    static const uint32_t bits[] = {
        [EIE_INPUT_16_BITS] = 15, [EIE_INPUT_U8] = 8, [EIE_INPUT_S8] = 7};
    return bits[spec->input_type];
}

static int16_t draw_value(const struct eie_layer_spec *spec, struct eie_random *value,
                          struct eie_random *sign)
{
    if (spec->input_type == EIE_INPUT_U8) return (int16_t)(eie_random_below(value, UINT8_MAX) + 1);
    if (spec->input_type == EIE_INPUT_S8) {
        const int drawn = (int)eie_random_below(value, UINT8_MAX) + INT8_MIN;
        return (int16_t)(drawn < 0 ? drawn : drawn + 1);
    }
    const int16_t magnitude = (int16_t)(eie_random_below(value, INT16_MAX) + 1);
    return spec->is_signed && eie_random_below(sign, 2) ? (int16_t)-magnitude : magnitude;
}

/* 0 where inactive. */
static void draw_samples(const struct eie_layer_spec *spec, int16_t *samples, uint8_t *mark)
{
    struct eie_random active, value, sign;
    stream(&active, spec, "active-inputs");
    stream(&value, spec, "input-values");
    stream(&sign, spec, "input-signs");
    for (uint32_t s = 0; s < spec->sample_count; s++) {
        int16_t *sample = samples + (size_t)s * spec->inputs;
        choose(&active, mark, spec->inputs, spec->active_inputs);
        for (uint32_t j = 0; j < spec->inputs; j++) {
            sample[j] = 0;
            if (mark[j]) sample[j] = draw_value(spec, &value, &sign);
        }
    }
}

/* Positions column by column: each place is taken with probability left / places left of its class
 * (one class, or active and inactive columns of `first_sample`). */
static void draw_matrix(const struct eie_layer_spec *spec, const int16_t *first_sample,
                        uint32_t *column_start, uint32_t *row, uint8_t *code)
{
    struct eie_random position, value;
    stream(&position, spec, "positions");
    stream(&value, spec, "codes");
    const uint64_t active = spec->split ? spec->active_inputs : spec->inputs;
    uint64_t places[2] = {(spec->inputs - active) * spec->outputs, active * spec->outputs};
    uint64_t left[2] = {spec->nonzeros_inactive, spec->nonzeros_active};
    uint32_t count = 0;
    if (!spec->split) {
        left[1] += left[0];
        left[0] = 0;
    }
    column_start[0] = 0;
    for (uint32_t j = 0; j < spec->inputs; j++) {
        const int class = !spec->split || first_sample[j];
        for (uint32_t i = 0; i < spec->outputs; i++) {
            if (eie_random_below(&position, (uint32_t)places[class]--) >= left[class]) continue;
            left[class]--;
            row[count] = i;
            code[count++] = (uint8_t)(eie_random_below(&value, EIE_CODEBOOK_SIZE - 1) + 1);
        }
        column_start[j + 1] = count;
    }
}

#define ONE INT64_C(65536) /* the mean weight of a row */

/* The rows' weights; their sum is returned. */
static uint64_t draw_row_weights(const struct eie_layer_spec *spec, uint32_t *weight)
{
    struct eie_random random;
    uint64_t sum = 0;
    stream(&random, spec, "row-weights");
    for (uint32_t i = 0; i < spec->outputs; i++) {
        int64_t z = -6 * ONE;
        for (int t = 0; t < 12; t++) z += (int64_t)(eie_random_next(&random) >> 48);
        const int64_t u = ONE + z * spec->row_unevenness_permille / 1000;
        const int64_t least = ONE / 8, most = 4 * ONE;
        weight[i] = (uint32_t)(u < least ? least : u > most ? most : u);
        sum += weight[i];
    }
    return sum;
}

/* Uniform over 0..limit-1 for limits beyond 32 bits; its bias is below limit / 2^64. */
static uint64_t random_below_wide(struct eie_random *random, uint64_t limit)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)eie_random_next(random) * limit >> 64);
}

/* As draw_matrix with two classes, but a place's chance goes with its row's weight: left x weight /
 * weight of all places left; a class with as many places left as non-zeros is filled. */
static void draw_uneven_matrix(const struct eie_layer_spec *spec, const int16_t *first_sample,
                               uint32_t *row_weight, uint32_t *column_start, uint32_t *row,
                               uint8_t *code)
{
    struct eie_random position, value;
    stream(&position, spec, "positions");
    stream(&value, spec, "codes");
    const uint64_t column_weight = draw_row_weights(spec, row_weight);
    const uint64_t columns[2] = {spec->inputs - spec->active_inputs, spec->active_inputs};
    uint64_t left[2] = {spec->nonzeros_inactive, spec->nonzeros_active}, places[2], weights[2];
    uint32_t count = 0;
    for (int c = 0; c < 2; c++) {
        places[c] = columns[c] * spec->outputs;
        weights[c] = columns[c] * column_weight;
    }
    column_start[0] = 0;
    for (uint32_t j = 0; j < spec->inputs; j++) {
        const int class = !spec->split || first_sample[j];
        for (uint32_t i = 0; i < spec->outputs; i++) {
            const uint64_t chance = left[class] * row_weight[i];
            const bool taken = left[class] == places[class] ||
                               random_below_wide(&position, weights[class]) < chance;
            places[class]--;
            weights[class] -= row_weight[i];
            if (!taken) continue;
            left[class]--;
            row[count] = i;
            code[count++] = (uint8_t)(eie_random_below(&value, EIE_CODEBOOK_SIZE - 1) + 1);
        }
        column_start[j + 1] = count;
    }
}

/* Smallest and largest sum of W a over the samples. */
static void sum_range(const int16_t *codebook, const struct eie_sparse_codes *codes,
                      const int16_t *samples, uint32_t sample_count, int64_t *sum, int64_t *least,
                      int64_t *most)
{
    *least = *most = 0;
    for (uint32_t s = 0; s < sample_count; s++) {
        const int16_t *sample = samples + (size_t)s * codes->inputs;
        memset(sum, 0, codes->outputs * sizeof *sum);
        for (uint32_t j = 0; j < codes->inputs; j++) {
            int64_t product[EIE_CODEBOOK_SIZE];
            if (!sample[j]) continue;
            for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
                product[c] = (int64_t)codebook[c] * sample[j];
            for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
                sum[codes->row[e]] += product[codes->code[e]];
        }
        for (uint32_t i = 0; i < codes->outputs; i++) {
            if (sum[i] < *least) *least = sum[i];
            if (sum[i] > *most) *most = sum[i];
        }
    }
}

static bool fits(int64_t least, int64_t most)
{
    return least >= INT32_MIN && most <= INT32_MAX;
}

/* Magnitudes >> by, never to 0. */
static void halve(int16_t *values, size_t count, uint32_t by)
{
    for (size_t i = 0; i < count; i++) {
        if (!values[i]) continue;
        const int magnitude = abs(values[i]) >> by, kept = magnitude ? magnitude : 1;
        values[i] = (int16_t)(values[i] < 0 ? -kept : kept);
    }
}

/* Halves all magnitudes together, never to 0, until every sum fits int32; returns the halvings. */
static uint32_t scale_samples(const struct eie_layer_spec *spec, const int16_t *codebook,
                              const struct eie_sparse_codes *codes, int16_t *samples, int64_t *sum,
                              int64_t *least, int64_t *most)
{
    const size_t count = (size_t)spec->sample_count * spec->inputs;
    const uint32_t most_halvings = magnitude_bits(spec);
    uint32_t halvings = 0;
    sum_range(codebook, codes, samples, spec->sample_count, sum, least, most);
    while (!fits(*least, *most) && halvings < most_halvings) {
        uint32_t step = 0; /* as many as the sums need, were they to shrink in proportion */
        while (!fits(*least >> step, *most >> step)) step++;
        if (step > most_halvings - halvings) step = most_halvings - halvings;
        halve(samples, count, step);
        halvings += step;
        sum_range(codebook, codes, samples, spec->sample_count, sum, least, most);
    }
    return halvings;
}

enum eie_status eie_generate(const struct eie_layer_spec *spec, uint32_t pe_count,
                             struct eie_layer **layer, struct eie_error *error)
{
    enum eie_status status = check_spec(spec, error);
    if (status) return status;
    const uint64_t nonzeros = spec->nonzeros_active + spec->nonzeros_inactive;
    uint32_t *column_start = malloc(((size_t)spec->inputs + 1) * sizeof *column_start);
    uint32_t *row = malloc(nonzeros * sizeof *row + 1);
    uint8_t *code = malloc(nonzeros + 1), *mark = malloc(spec->inputs);
    int64_t *sum = malloc(spec->outputs * sizeof *sum);
    uint32_t *row_weight = malloc(spec->outputs * sizeof *row_weight);
    int16_t *samples = malloc((size_t)spec->sample_count * spec->inputs * sizeof *samples + 1);
    if (!column_start || !row || !code || !mark || !sum || !samples || !row_weight) {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", spec->name);
        goto done;
    }
    struct eie_layer parts = {
        .name = spec->name,
        .source = spec->source ? spec->source : "generated by eiebench (host/layer/generate.h)",
        .pe_count = pe_count,
        .activation = spec->activation,
        .weight_fraction_bits = 15,
        .window = spec->window,
        .sample_count = spec->sample_count,
        .sample_inputs = spec->sample_count ? samples : NULL,
    };
    const struct eie_sparse_codes codes = {spec->inputs, spec->outputs, column_start, row, code};
    int64_t least, most;
    draw_codebook(spec, parts.codebook);
    draw_samples(spec, samples, mark);
    if (spec->split && !spec->sample_count) {
        status = eie_fail(error, EIE_USAGE, "layer %s: a split needs a sample", spec->name);
        goto done;
    }
    if (spec->split && spec->sample_count && spec->row_unevenness_permille)
        draw_uneven_matrix(spec, samples, row_weight, column_start, row, code);
    else
        draw_matrix(spec, samples, column_start, row, code);
    const uint32_t halvings =
        scale_samples(spec, parts.codebook, &codes, samples, sum, &least, &most);
    if (!fits(least, most)) {
        status = eie_fail(error, EIE_USAGE, "layer %s: its sums do not fit 32 bits at any scale",
                          spec->name);
        goto done;
    }
    parts.input_fraction_bits = magnitude_bits(spec) - halvings; /* values below 1 in magnitude */
    parts.output_fraction_bits = parts.weight_fraction_bits + parts.input_fraction_bits -
                                 eie_output_shift(least, most, spec->activation);
    status = eie_layer_encode(&parts, &codes, layer, error);
done:
    free(column_start);
    free(row);
    free(code);
    free(mark);
    free(sum);
    free(samples);
    free(row_weight);
    return status;
}

enum eie_status eie_generate_samples(const struct eie_layer_spec *spec,
                                     const struct eie_layer *layer, uint32_t count,
                                     int16_t *samples, struct eie_error *error)
{
    const uint32_t own = layer->sample_count < count ? layer->sample_count : count;
    struct eie_layer_spec more = *spec, one = *spec;
    struct eie_sparse_codes codes;
    int64_t least = 0, most = 0;
    more.sample_count = count;
    one.sample_count = 1;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint8_t *mark = malloc(spec->inputs);
    int64_t *sum = malloc(spec->outputs * sizeof *sum);
    if (mark && sum) {
        draw_samples(&more, samples, mark);
        halve(samples, (size_t)count * spec->inputs,
              magnitude_bits(spec) - layer->input_fraction_bits);
    } else {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", spec->name);
    }
    for (uint32_t s = own; s < count && !status; s++) {
        scale_samples(&one, layer->codebook, &codes, samples + (size_t)s * spec->inputs, sum,
                      &least, &most);
        if (!fits(least, most))
            status = eie_fail(error, EIE_USAGE,
                              "layer %s: the sums of sample %u do not fit 32 bits at any scale",
                              spec->name, s);
    }
    free(mark);
    free(sum);
    eie_sparse_codes_free(&codes);
    return status;
}
