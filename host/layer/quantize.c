#include "host/layer/quantize.h"
#include "host/layer/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRACTION_BITS_MAX 30

/* Nearest, ties to even, whatever the rounding mode of the thread is said to be. */
static double round_even(double x)
{
    const double down = floor(x), rest = x - down;
    if (rest < 0.5) return down;
    if (rest > 0.5) return down + 1;
    return fmod(down, 2) == 0 ? down : down + 1;
}

static double scaled(float value, uint32_t bits)
{
    return round_even(ldexp((double)value, (int)bits));
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
    int input_bits = bits_without_saturation(in->sample_inputs, values), shift = -1;
    if (weight_bits >= 0)
        quantize_all(in->codebook, EIE_CODEBOOK_SIZE, (uint32_t)weight_bits, work.codebook);
    while (weight_bits >= 0 && input_bits >= 0 &&
           !sums_fit(&work, (uint32_t)weight_bits, (uint32_t)input_bits))
        input_bits--;
    if (weight_bits >= 0 && input_bits >= 0)
        shift = output_shift(&work, (uint32_t)(weight_bits + input_bits));
    if (shift < 0) {
        status = eie_fail(error, EIE_INPUT, "layer %s: values too large for 16-bit fixed point",
                          in->name);
        goto done;
    }
    report->weight_fraction_bits = (uint32_t)weight_bits;
    report->input_fraction_bits = (uint32_t)input_bits;
    report->output_fraction_bits = (uint32_t)(weight_bits + input_bits - shift);
    for (size_t i = 0; i < values; i++)
        report->inputs_lost += in->sample_inputs[i] != 0.0f && work.samples[i] == 0;
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
