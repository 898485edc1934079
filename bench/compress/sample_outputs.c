#include "bench/compress/sample_outputs.h"
#include "host/base/random.h"

#include <stdlib.h>
#include <string.h>

/* ---- inputs --------------------------------------------------------------------------------- */

enum eie_status eie_side_file_load(const char *path, uint32_t columns, const char *what,
                                   struct eie_weights *side, struct eie_error *error)
{
    struct eie_weight_file file;
    enum eie_status status = eie_weight_file_open(path, &file, error);
    if (status) return status;
    uint32_t only = 0, count = 0;
    for (uint32_t i = 0; i < file.count; i++) {
        if (file.count > 1 && !eie_weight_entry_usable(&file.entries[i])) continue;
        only = i;
        count++;
    }
    if (count != 1)
        status = eie_fail(error, EIE_INPUT,
                          "%s: %s must be a file of one tensor of numbers, this one has %u", path,
                          what, count);
    if (!status) status = eie_weight_file_load(&file, only, 1, true, side, error);
    if (!status) status = eie_weights_fill(path, side, error);
    if (!status && side->inputs != columns) {
        status = eie_fail(error, EIE_INPUT, "%s: %s has rows of %u, the layer needs %u", path, what,
                          side->inputs, columns);
        eie_weights_free(side);
    }
    eie_weight_file_close(&file);
    return status;
}

/* Uniform over 1/65536 to 1 in steps of that, 0 where the input is not active. */
static void draw_samples(const struct eie_compress_options *options, const char *name,
                         uint32_t inputs, uint32_t count, float *samples)
{
    struct eie_random random;
    char purpose[EIE_NAME_MAX + 16];
    const uint32_t limit = (uint32_t)(options->active * 65536 + 0.5);
    snprintf(purpose, sizeof purpose, "%s/samples", name);
    eie_random_seed(&random, eie_random_seed_of(options->seed, purpose));
    for (size_t i = 0; i < (size_t)inputs * count; i++) {
        const uint64_t bits = eie_random_next(&random);
        const bool active = (bits >> 48) < limit;
        samples[i] = active ? (float)((bits & 0xFFFF) + 1) / 65536 : 0;
    }
}

static enum eie_status read_samples(const char *path, struct eie_sample_outputs *sampled,
                                    struct eie_error *error)
{
    struct eie_weights side;
    enum eie_status status = eie_side_file_load(path, sampled->inputs, "--inputs", &side, error);
    if (status) return status;
    sampled->samples = side.values;
    sampled->sample_count = side.outputs;
    sampled->below_float32 = side.below_float32;
    side.values = NULL;
    eie_weights_free(&side);
    return EIE_OK;
}

static enum eie_status make_samples(const struct eie_compress_options *options, const char *name,
                                    uint32_t positions, struct eie_sample_outputs *sampled,
                                    struct eie_error *error)
{
    if (options->samples_positions && !positions)
        return eie_fail(error, EIE_USAGE,
                        "--samples positions: it is not known how many positions %s has", name);
    sampled->sample_count = options->samples_positions ? positions : options->samples;
    sampled->samples =
        malloc((size_t)sampled->sample_count * sampled->inputs * sizeof *sampled->samples);
    if (!sampled->samples) return eie_fail(error, EIE_MEMORY, "%s: out of memory for inputs", name);
    draw_samples(options, name, sampled->inputs, sampled->sample_count, sampled->samples);
    return EIE_OK;
}

enum eie_status eie_sample_outputs_begin(const struct eie_compress_options *options,
                                         const char *name, uint32_t positions,
                                         struct eie_pool *pool, uint32_t outputs, uint32_t inputs,
                                         struct eie_sample_outputs *sampled,
                                         struct eie_error *error)
{
    *sampled = (struct eie_sample_outputs){
        .pool = pool, .outputs = outputs, .inputs = inputs, .threads = options->threads};
    enum eie_status status = options->inputs_file
                                 ? read_samples(options->inputs_file, sampled, error)
                                 : make_samples(options, name, positions, sampled, error);
    if (status) return status;
    const size_t results = (size_t)outputs * EIE_ERROR_SAMPLES;
    sampled->error_samples =
        sampled->sample_count < EIE_ERROR_SAMPLES ? sampled->sample_count : EIE_ERROR_SAMPLES;
    sampled->first = calloc((size_t)inputs * EIE_ERROR_SAMPLES, sizeof(float));
    sampled->dense = malloc(results * sizeof(double));
    sampled->result = malloc(results * sizeof(double));
    if (!sampled->first || !sampled->dense || !sampled->result)
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", name);
    memcpy(sampled->first, sampled->samples,
           (size_t)inputs * sampled->error_samples * sizeof(float));
    return EIE_OK;
}

void eie_sample_outputs_free(struct eie_sample_outputs *sampled)
{
    free(sampled->samples);
    free(sampled->first);
    free(sampled->dense);
    free(sampled->result);
    *sampled = (struct eie_sample_outputs){0};
}

/* ---- outputs -------------------------------------------------------------------------------- */

struct product {
    struct eie_values in; /* of codes: their places */
    const float *values;  /* of floats, or NULL */
    const uint8_t *code;  /* of codes */
    const float *codebook;
    const float *samples; /* [EIE_ERROR_SAMPLES][inputs], zeros beyond the real ones */
    uint32_t outputs, inputs, threads;
    double *result; /* [outputs][EIE_ERROR_SAMPLES] */
};

static void multiply_rows(void *context, uint32_t worker)
{
    const struct product *in = context;
    const size_t n = in->inputs;
    const float *x0 = in->samples, *x1 = x0 + n, *x2 = x1 + n, *x3 = x2 + n;
    for (uint32_t i = worker; i < in->outputs; i += in->threads) {
        double y0 = 0, y1 = 0, y2 = 0, y3 = 0;
        size_t at = eie_values_from(&in->in, i * n);
        const size_t end = eie_values_from(&in->in, (i + 1) * n);
        for (; at < end; at++) {
            const size_t j = (in->in.place ? in->in.place[at] : at) - i * n;
            const double w = (double)(in->values ? in->values[at] : in->codebook[in->code[at]]);
            y0 += w * (double)x0[j];
            y1 += w * (double)x1[j];
            y2 += w * (double)x2[j];
            y3 += w * (double)x3[j];
        }
        double *y = in->result + (size_t)i * EIE_ERROR_SAMPLES;
        y[0] = y0, y[1] = y1, y[2] = y2, y[3] = y3;
    }
}

void eie_sample_outputs_multiply(const struct eie_sample_outputs *sampled,
                                 const struct eie_values *values, const struct eie_shared *shared,
                                 double *result)
{
    const size_t places = (size_t)sampled->outputs * sampled->inputs;
    const struct eie_values codes = {NULL, shared->place,
                                     shared->place ? shared->place_count : places, places};
    struct product product = {.in = values ? *values : codes,
                              .values = values ? values->value : NULL,
                              .code = shared->code,
                              .codebook = shared->codebook,
                              .samples = sampled->first,
                              .outputs = sampled->outputs,
                              .inputs = sampled->inputs,
                              .threads = sampled->threads,
                              .result = result};
    eie_pool_run(sampled->pool, multiply_rows, &product);
}

double eie_sample_outputs_difference(const struct eie_sample_outputs *sampled, const double *y,
                                     const double *reference)
{
    const size_t count = (size_t)sampled->outputs * EIE_ERROR_SAMPLES;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double away = y[i] - (reference ? reference[i] : 0);
        sum += away * away;
    }
    return sum;
}
