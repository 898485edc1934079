#include "host/layer/quantize.h"
#include "host/layer/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRACTION_BITS_MAX 30

static double scaled(float value, uint32_t bits)
{
    return eie_round_even(ldexp((double)value, (int)bits));
}

static double largest(const float *values, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        if (fabsf(values[i]) > most) most = fabsf(values[i]); /* fmax ends gcc 12 for aarch64 */
    return (double)most;
}

/* Largest bits at which no value saturates int16; -1 when there are none. */
static int bits_without_saturation(const float *values, size_t count)
{
    for (int bits = FRACTION_BITS_MAX; bits >= 0; bits--) {
        bool good = true;
        for (size_t i = 0; good && i < count; i++) {
            const double x = scaled(values[i], (uint32_t)bits);
            good = x >= INT16_MIN && x <= INT16_MAX;
        }
        if (good) return bits;
    }
    return -1;
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static void quantize_all(const float *values, size_t count, uint32_t bits, int16_t *quantized)
{
    for (size_t i = 0; i < count; i++) quantized[i] = (int16_t)scaled(values[i], bits);
}

/* Final sums of one sample in int64; bias at the accumulator's scale. */
static void final_sums(const struct eie_sparse_codes *codes, const int16_t *codebook,
                       const double *bias, const int16_t *input, int64_t *sum)
{
    for (uint32_t i = 0; i < codes->outputs; i++) sum[i] = bias ? (int64_t)bias[i] : 0;
    for (uint32_t j = 0; j < codes->inputs; j++)
        if (input[j])
            for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
                sum[codes->row[e]] += (int64_t)codebook[codes->code[e]] * input[j];
}

struct work {
    const struct eie_float_layer *in;
    int16_t codebook[EIE_CODEBOOK_SIZE];
    int16_t *samples;
    double *bias; /* NULL without bias */
    int64_t *sum; /* [sample_count][outputs] */
    int64_t least, most;
};

/* Quantises inputs and bias at these bits and sums up; false when something leaves int32. */
static bool sums_fit(struct work *work, uint32_t weight_bits, uint32_t input_bits)
{
    const struct eie_float_layer *in = work->in;
    const size_t outputs = in->codes.outputs, inputs = in->codes.inputs;
    quantize_all(in->sample_inputs, in->sample_count * inputs, input_bits, work->samples);
    for (size_t i = 0; work->bias && i < outputs; i++) {
        work->bias[i] = scaled(in->bias[i], weight_bits + input_bits);
        if (work->bias[i] < INT32_MIN || work->bias[i] > INT32_MAX) return false;
    }
    work->least = work->most = 0;
    for (uint32_t s = 0; s < in->sample_count; s++) {
        int64_t *sum = work->sum + s * outputs;
        final_sums(&in->codes, work->codebook, work->bias, work->samples + s * inputs, sum);
        for (size_t i = 0; i < outputs; i++) {
            if (sum[i] < work->least) work->least = sum[i];
            if (sum[i] > work->most) work->most = sum[i];
        }
    }
    return work->least >= INT32_MIN && work->most <= INT32_MAX;
}

/* Smallest shift at which no output saturates, -1 when the output bits would be negative. */
static int output_shift(const struct work *work, uint32_t accumulator_bits)
{
    const uint32_t shift = eie_output_shift(work->least, work->most, work->in->activation);
    return shift <= accumulator_bits ? (int)shift : -1;
}

/* ---- what does not fit, and what is lost ----------------------------------------------------- */

#define WAY_OUT "or store them as floats (eie compress --bits 5 --form packed)"

/* "FILE: layer NAME", for the beginning of a message. */
static const char *place(const struct eie_float_layer *in, const char *file, char text[600])
{
    snprintf(text, 600, "%.500s%slayer %s", file ? file : "", file ? ": " : "", in->name);
    return text;
}

/* Which of the parts is to blame that there are no fraction bits for all. */
static enum eie_status too_large(const struct work *work, int weight_bits, int first_input_bits,
                                 int input_bits, struct eie_error *error)
{
    const struct eie_float_layer *in = work->in;
    char text[600];
    if (weight_bits < 0)
        return eie_fail(error, EIE_INPUT,
                        "%s: weights too large for 16-bit fixed point: they reach %g, it holds "
                        "32767: scale them down, " WAY_OUT,
                        place(in, in->weights_file, text),
                        largest(in->codebook, EIE_CODEBOOK_SIZE));
    if (first_input_bits < 0)
        return eie_fail(error, EIE_INPUT,
                        "%s: sample inputs too large for 16-bit fixed point: they reach %g, it "
                        "holds 32767: scale them down",
                        place(in, in->inputs_file, text),
                        largest(in->sample_inputs, in->sample_count * (size_t)in->codes.inputs));
    const double bias = in->bias ? largest(in->bias, in->codes.outputs) : 0;
    if (ldexp(bias, weight_bits) > INT32_MAX)
        return eie_fail(error, EIE_INPUT,
                        "%s: biases too large for 16-bit fixed point: they reach %g, beside these "
                        "weights the sums hold %g: scale them down",
                        place(in, in->bias_file, text), bias, ldexp(1, 31 - weight_bits));
    return eie_fail(error, EIE_INPUT,
                    "%s: outputs too large for 16-bit fixed point: %s: scale weights or inputs "
                    "(%s) down",
                    place(in, in->weights_file, text),
                    input_bits < 0 ? "the sums of weights times inputs leave 32 bits"
                                   : "they are beyond 32767",
                    in->inputs_file ? in->inputs_file : "sample inputs");
}

/* Weights by how often they stand in the matrix. */
static void count_weights(const struct work *work, uint32_t weight_bits, uint64_t *stored,
                          struct eie_quantization *report)
{
    const struct eie_float_layer *in = work->in;
    uint64_t counts[EIE_CODEBOOK_SIZE] = {0};
    double squares = 0, errors = 0;
    for (uint32_t e = 0; e < in->codes.column_start[in->codes.inputs]; e++)
        counts[in->codes.code[e]]++;
    *stored = 0;
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) {
        const double value = (double)in->codebook[c];
        const double off = ldexp(work->codebook[c], -(int)weight_bits) - value;
        if (value == 0) continue;
        *stored += counts[c];
        if (!work->codebook[c]) report->weights_lost += counts[c];
        squares += (double)counts[c] * value * value;
        errors += (double)counts[c] * off * off;
    }
    report->weights_relative_rms_error = squares > 0 ? sqrt(errors / squares) : 0;
}

static enum eie_status became_zero(const struct eie_float_layer *in, const char *what,
                                   const char *file, const float *values, size_t count,
                                   int fraction_bits, const char *way_out, struct eie_error *error)
{
    char text[600];
    return eie_fail(error, EIE_INPUT,
                    "%s: all %s became 0 in 16-bit fixed point: they reach %g, its step is %g: %s",
                    place(in, file, text), what, largest(values, count), ldexp(1, -fraction_bits),
                    way_out);
}

/* Counts them; EIE_INPUT where nothing is left of what was not 0. */
static enum eie_status count_lost(const struct work *work, int weight_bits, int input_bits,
                                  struct eie_quantization *report, struct eie_error *error)
{
    const struct eie_float_layer *in = work->in;
    const size_t outputs = in->codes.outputs, values = in->sample_count * (size_t)in->codes.inputs;
    uint64_t weights, inputs = 0, biases = 0;
    count_weights(work, (uint32_t)weight_bits, &weights, report);
    for (size_t i = 0; i < values; i++) {
        inputs += in->sample_inputs[i] != 0.0f;
        report->inputs_lost += in->sample_inputs[i] != 0.0f && work->samples[i] == 0;
    }
    for (size_t i = 0; work->bias && i < outputs; i++) {
        biases += in->bias[i] != 0.0f;
        report->biases_lost += in->bias[i] != 0.0f && work->bias[i] == 0;
    }
    if (weights && report->weights_lost == weights)
        return became_zero(in, "weights", in->weights_file, in->codebook, EIE_CODEBOOK_SIZE,
                           weight_bits, "scale them up, " WAY_OUT, error);
    if (inputs && report->inputs_lost == inputs)
        return became_zero(in, "sample inputs", in->inputs_file, in->sample_inputs, values,
                           input_bits, "scale them up", error);
    if (biases && report->biases_lost == biases)
        return became_zero(in, "biases", in->bias_file, in->bias, outputs, weight_bits + input_bits,
                           "scale the layer up, or leave them out", error);
    return EIE_OK;
}

/* Error of the outputs of all samples against float64 arithmetic on the given floats. */
static enum eie_status measure_error(const struct work *work, const struct eie_layer *layer,
                                     struct eie_quantization *report, struct eie_error *error)
{
    const struct eie_float_layer *in = work->in;
    const struct eie_sparse_codes *codes = &in->codes;
    double *exact = malloc(codes->outputs * sizeof *exact), squares = 0, error_squares = 0;
    if (!exact) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", in->name);
    for (uint32_t s = 0; s < in->sample_count; s++) {
        const float *input = in->sample_inputs + (size_t)s * codes->inputs;
        for (uint32_t i = 0; i < codes->outputs; i++) exact[i] = in->bias ? (double)in->bias[i] : 0;
        for (uint32_t j = 0; j < codes->inputs; j++)
            for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
                exact[codes->row[e]] += (double)in->codebook[codes->code[e]] * (double)input[j];
        for (uint32_t i = 0; i < codes->outputs; i++) {
            if (in->activation == EIE_ACTIVATION_RELU && exact[i] < 0) exact[i] = 0;
            const int32_t acc = (int32_t)work->sum[(size_t)s * codes->outputs + i];
            const double y = ldexp(eie_finish(acc, layer->activation, eie_layer_shift(layer)),
                                   -(int)layer->output_fraction_bits);
            squares += exact[i] * exact[i];
            error_squares += (y - exact[i]) * (y - exact[i]);
            report->max_abs_error = fmax(report->max_abs_error, fabs(y - exact[i]));
        }
    }
    report->relative_rms_error = squares > 0 ? sqrt(error_squares / squares) : 0;
    free(exact);
    return EIE_OK;
}

enum eie_status eie_quantize(const struct eie_float_layer *in, struct eie_layer **quantized,
                             struct eie_quantization *report, struct eie_error *error)
{
    const size_t inputs = in->codes.inputs, outputs = in->codes.outputs;
    const size_t values = in->sample_count * inputs;
    enum eie_status status = EIE_OK;
    *report = (struct eie_quantization){0};
    if (in->codebook[0] != 0.0f)
        return eie_fail(error, EIE_INPUT, "layer %s: codebook[0] must be 0 (padding)", in->name);
    if (!in->sample_count)
        return eie_fail(error, EIE_USAGE, "layer %s: scaling needs at least one input", in->name);
    if (!all_finite(in->codebook, EIE_CODEBOOK_SIZE) || !all_finite(in->sample_inputs, values) ||
        (in->bias && !all_finite(in->bias, outputs)))
        return eie_fail(error, EIE_INPUT, "layer %s: a value is not finite", in->name);

    struct work work = {.in = in};
    int32_t *bias = in->bias ? malloc(outputs * sizeof *bias) : NULL;
    work.samples = malloc(values * sizeof *work.samples);
    work.sum = malloc(in->sample_count * outputs * sizeof *work.sum);
    work.bias = in->bias ? malloc(outputs * sizeof *work.bias) : NULL;
    if (!work.samples || !work.sum || (in->bias && (!bias || !work.bias))) {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", in->name);
        goto done;
    }
    const int weight_bits = bits_without_saturation(in->codebook, EIE_CODEBOOK_SIZE);
    const int first_input_bits = bits_without_saturation(in->sample_inputs, values);
    int input_bits = first_input_bits, shift = -1;
    if (weight_bits >= 0)
        quantize_all(in->codebook, EIE_CODEBOOK_SIZE, (uint32_t)weight_bits, work.codebook);
    while (weight_bits >= 0 && input_bits >= 0 &&
           !sums_fit(&work, (uint32_t)weight_bits, (uint32_t)input_bits))
        input_bits--;
    if (weight_bits >= 0 && input_bits >= 0)
        shift = output_shift(&work, (uint32_t)(weight_bits + input_bits));
    status = shift < 0 ? too_large(&work, weight_bits, first_input_bits, input_bits, error)
                       : count_lost(&work, weight_bits, input_bits, report, error);
    if (status) goto done;
    report->weight_fraction_bits = (uint32_t)weight_bits;
    report->input_fraction_bits = (uint32_t)input_bits;
    report->output_fraction_bits = (uint32_t)(weight_bits + input_bits - shift);
    for (size_t i = 0; bias && i < outputs; i++) bias[i] = (int32_t)work.bias[i];
    struct eie_layer parts = {
        .name = in->name,
        .source = in->source,
        .tensor = in->tensor,
        .pe_count = in->pe_count,
        .activation = in->activation,
        .weight_fraction_bits = report->weight_fraction_bits,
        .input_fraction_bits = report->input_fraction_bits,
        .output_fraction_bits = report->output_fraction_bits,
        .bias = bias,
        .sample_count = in->sample_count,
        .sample_inputs = work.samples,
    };
    memcpy(parts.codebook, work.codebook, sizeof parts.codebook);
    status = eie_layer_encode(&parts, &in->codes, quantized, error);
    if (status) goto done;
    status = measure_error(&work, *quantized, report, error);
    if (status) {
        eie_layer_free(*quantized);
        *quantized = NULL;
    }
done:
    free(work.samples);
    free(work.sum);
    free(work.bias);
    free(bias);
    return status;
}
