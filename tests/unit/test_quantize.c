/* host/layer/quantize.h: the rules on numbers made by hand, and against a second reading of them.
 */
#include "host/layer/numbers.h"
#include "host/layer/quantize.h"
#include "tests/support/layers.h"

#include <fenv.h>
#include <math.h>

/* One row of n weights that all have code 1, unless changed. */
struct row {
    struct eie_float_layer in;
    float codebook[16], inputs[16], bias[1];
    uint32_t start[17], rows[16];
    uint8_t codes[16];
};

static void row_make(struct row *row, uint32_t n, float weight, float input)
{
    *row = (struct row){.in = {.name = "row",
                               .source = "a test",
                               .pe_count = 1,
                               .codebook = row->codebook,
                               .sample_count = 1,
                               .sample_inputs = row->inputs}};
    row->codebook[1] = weight;
    for (uint32_t j = 0; j < n; j++) {
        row->inputs[j] = input;
        row->start[j + 1] = j + 1;
        row->codes[j] = 1;
    }
    row->in.codes = (struct eie_sparse_codes){n, 1, row->start, row->rows, row->codes};
}

static struct eie_quantization quantize(const struct eie_float_layer *in, struct eie_layer **layer)
{
    struct eie_quantization report;
    struct eie_error error = {""};
    assert_good(eie_quantize(in, layer, &report, &error), error);
    assert_int_equal((*layer)->weight_fraction_bits, report.weight_fraction_bits);
    assert_int_equal((*layer)->input_fraction_bits, report.input_fraction_bits);
    assert_int_equal((*layer)->output_fraction_bits, report.output_fraction_bits);
    return report;
}

static void assert_bits(const struct row *row, uint32_t weight, uint32_t input, uint32_t output)
{
    struct eie_layer *layer;
    const struct eie_quantization report = quantize(&row->in, &layer);
    if (report.weight_fraction_bits != weight || report.input_fraction_bits != input ||
        report.output_fraction_bits != output)
        fail_msg("bits %u %u %u, wanted %u %u %u", report.weight_fraction_bits,
                 report.input_fraction_bits, report.output_fraction_bits, weight, input, output);
    eie_layer_free(layer);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void weights_take_the_most_bits_without_saturation(void **state)
{
    static const struct {
        double weight;
        uint32_t bits;
        int code;
    } cases[] = {
        {1.0, 14, 16384},
        {-1.0, 15, -32768},
        {32767.0 / 32768, 15, 32767},
        {32766.5 / 32768, 15, 32766},   /* a tie, to even */
        {32765.5 / 32768, 15, 32766},   /* a tie, to even */
        {-32766.5 / 32768, 15, -32766}, /* a tie, to even */
        {-32767.5 / 32768, 15, -32768}, /* a tie, to even: still fits */
        {-32768.5 / 32768, 15, -32768}, /* a tie, to even: back into the range */
        {32767.5 / 32768, 14, 16384},   /* a tie, to even: out of the range, one bit less */
        {-32769.0 / 32768, 14, -16384}, /* -16384.5, a tie */
        {32767.25 / 32768, 15, 32767},
        {32767, 0, 32767},
        {32767.49, 0, 32767},
        {-32768, 0, -32768},
        {0x1p-15, 29, 16384},
        {0x1p-16, 30, 16384},
        {0x1p-20, 30, 1024}, /* 30 is the most */
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct row row;
        struct eie_layer *layer;
        row_make(&row, 1, (float)cases[i].weight, 0.001f);
        const struct eie_quantization report = quantize(&row.in, &layer);
        if (report.weight_fraction_bits != cases[i].bits || layer->codebook[1] != cases[i].code)
            fail_msg("%.9g: %d at %u bits, wanted %d at %u", cases[i].weight, layer->codebook[1],
                     report.weight_fraction_bits, cases[i].code, cases[i].bits);
        eie_layer_free(layer);
    }
}

static void inputs_take_the_most_bits_without_saturation(void **state)
{
    struct row row;
    struct eie_layer *layer;
    (void)state;
    row_make(&row, 1, -1, 0.5f);
    assert_bits(&row, 15, 15, 16); /* -32768 * 16384 = -2^29, shift 14 */
    row_make(&row, 1, -1, 32766.5f / 32768);
    const struct eie_quantization report = quantize(&row.in, &layer);
    assert_int_equal(report.input_fraction_bits, 15);
    assert_int_equal(layer->sample_inputs[0], 32766);
    eie_layer_free(layer);
    row_make(&row, 1, -1, 32767.5f / 32768);
    assert_bits(&row, 15, 14, 15); /* -32768 * 16384, shift 14 */
}

static void final_sums_stay_in_int32(void **state)
{
    struct row row;
    (void)state;
    row_make(&row, 4, -1, 1); /* 4 * -32768 * 16384 = -2^31: just fits */
    assert_bits(&row, 15, 14, 13);
    row_make(&row, 5, -1, 1);
    assert_bits(&row, 15, 13, 12); /* -5 * 2^28 needs shift 16 */
    row_make(&row, 2, -1, -1);     /* 2 * 2^30 = 2^31 does not fit: 2^30, shift 16 for +32768 */
    assert_bits(&row, 15, 14, 13);
    row_make(&row, 16, -1, -1);
    for (int j = 8; j < 16; j++) row.inputs[j] = 0.9999f;
    assert_bits(&row, 15, 15, 25); /* partial sums do not count: 8 * 32768 * 3 is left, shift 5 */
}

static void the_bias_counts_in_the_sum(void **state)
{
    struct row row;
    struct eie_layer *layer;
    (void)state;
    row_make(&row, 1, -1, 1);
    row.in.bias = row.bias;
    row.bias[0] = -3; /* -2^29 - 3 * 2^29 = -2^31 */
    assert_bits(&row, 15, 14, 13);
    row.bias[0] = 5; /* 5 * 2^29 leaves int32, 4 * 2^28 does not */
    assert_bits(&row, 15, 13, 12);
    row.bias[0] = 0.75f;
    quantize(&row.in, &layer);
    assert_int_equal(layer->bias[0], 3 << 27); /* at the accumulator's scale of 29 bits */
    eie_layer_free(layer);
    row.bias[0] = 5 * 0x1p-30f; /* 2.5 at 29 bits: a tie, to even */
    quantize(&row.in, &layer);
    assert_int_equal(layer->bias[0], 2);
    eie_layer_free(layer);
    row.bias[0] = -7 * 0x1p-30f;
    quantize(&row.in, &layer);
    assert_int_equal(layer->bias[0], -4);
    eie_layer_free(layer);
}

static void outputs_take_the_most_bits_without_saturation(void **state)
{
    struct row row;
    (void)state;
    row_make(&row, 1, 0x1p-30f, 0x1p-30f); /* the sum is 1: no shift at all */
    assert_bits(&row, 30, 30, 60);
    row_make(&row, 1, 1, 32767.0f / 32768); /* 16384 * 32767: (2^29 - 2^14 + h) >> 14 = 32767 */
    assert_bits(&row, 14, 15, 15);
    row_make(&row, 1, 32767.0f / 32768, 32767.0f / 32768); /* 32766 * 2^15 + 1, shift 15 */
    assert_bits(&row, 15, 15, 15);
    row_make(&row, 1, -1, 1); /* -2^29 */
    assert_bits(&row, 15, 14, 15);
    row.in.activation = EIE_ACTIVATION_RELU; /* its output is 0 */
    assert_bits(&row, 15, 14, 29);
}

static void what_cannot_fit_is_refused(void **state)
{
    struct eie_layer *layer = NULL;
    struct eie_quantization report;
    struct eie_error error = {""};
    struct row row;
    (void)state;
#define assert_too_large(what)                                                                     \
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error, what " too large")
    row_make(&row, 1, 32767.5f, 1);
    assert_too_large("row: weights");
    row.in.weights_file = "w.npy";
    assert_too_large("w.npy: layer row: weights");
    row_make(&row, 1, -32769, 1);
    assert_too_large("weights");
    row_make(&row, 1, 1, 32768);
    row.in.inputs_file = "x.npy";
    assert_too_large("x.npy: layer row: sample inputs");
    row_make(&row, 3, 32767, 32767); /* the sum leaves int32 at 0 + 0 bits */
    assert_too_large("outputs");
    row_make(&row, 1, 32767, 32767); /* the sum fits, the output needs negative bits */
    assert_too_large("outputs");
    row_make(&row, 1, 32767, 1);
    row.in.bias = row.bias;
    row.in.bias_file = "b.npy";
    row.bias[0] = 3e9f;
    assert_too_large("b.npy: layer row: biases");
    row.bias[0] = 3e38f;
    assert_too_large("biases");
    row_make(&row, 1, 3e38f, 1);
    assert_too_large("weights");
#undef assert_too_large
    assert_null(layer);
}

static void values_that_are_not_finite_are_refused(void **state)
{
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    struct eie_layer *layer = NULL;
    struct eie_quantization report;
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        for (int place = 0; place < 4; place++) {
            struct row row;
            row_make(&row, 3, 1, 1);
            row.in.bias = row.bias;
            *(place == 0   ? &row.codebook[1]
              : place == 1 ? &row.codebook[15] /* a code that no weight has */
              : place == 2 ? &row.inputs[2]
                           : &row.bias[0]) = bad[i];
            assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error,
                       "layer row: a value is not finite");
        }
        struct row row;
        row_make(&row, 3, 1, 1);
        row.codebook[0] = bad[i];
        assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error, "codebook[0]");
    }
}

static void contradictions_are_refused(void **state)
{
    struct eie_layer *layer = NULL;
    struct eie_quantization report;
    struct eie_error error = {""};
    struct row row;
    (void)state;
    row_make(&row, 3, 1, 1);
    row.codebook[0] = 0.5f;
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error, "codebook[0]");
    row_make(&row, 3, 1, 1);
    row.in.sample_count = 0;
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_USAGE, error, "at least one");
    row_make(&row, 3, 1, 1);
    row.in.name = "a b";
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error, "name");
    row_make(&row, 3, 1, 1);
    row.in.pe_count = 0;
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error, "PEs 0");
    assert_null(layer);
}

static void layers_of_which_nothing_is_left_are_refused(void **state)
{
    struct eie_layer *layer = NULL;
    struct eie_quantization report;
    struct eie_error error = {""};
    struct row row;
    (void)state;
#define assert_zero(what)                                                                          \
    assert_bad(eie_quantize(&row.in, &layer, &report, &error), EIE_INPUT, error,                   \
               "all " what " became 0 in 16-bit fixed point")
    row_make(&row, 3, 0x1p-31f, 1); /* half a step: a tie, to even */
    assert_zero("weights");
    row_make(&row, 3, 1e-10f, 1);
    row.in.weights_file = "w.npy";
    assert_zero("weights");
    assert_non_null(strstr(error.message, "w.npy: layer row"));
    assert_non_null(strstr(error.message, "scale them up"));
    row_make(&row, 3, 1, -1e-10f);
    assert_zero("sample inputs");
    row_make(&row, 3, 1, 1);
    row.in.bias = row.bias;
    row.bias[0] = 1e-25f;
    assert_zero("biases");
#undef assert_zero
    assert_null(layer);
    row_make(&row, 3, 0x1.8p-31f, 1); /* one and a half: the nearest is one step */
    assert_int_equal(quantize(&row.in, &layer).weights_lost, 0);
    assert_int_equal(layer->codebook[1], 1);
    eie_layer_free(layer);
    row_make(&row, 3, 0, 0); /* what is 0 from the start is not lost */
    row.in.bias = row.bias;
    assert_int_equal(quantize(&row.in, &layer).weights_lost, 0);
    eie_layer_free(layer);
}

static void lost_weights_are_counted_by_their_places(void **state)
{
    struct row row;
    struct eie_layer *layer;
    (void)state;
    row_make(&row, 8, 1, 1);
    row.codebook[2] = 1e-6f; /* a step is 2^-14 */
    row.codebook[3] = 0x1p-14f;
    row.codebook[4] = 1e-6f; /* a code that no weight has */
    for (int j = 0; j < 5; j++) row.codes[j] = 2;
    row.codes[5] = 3;
    const struct eie_quantization report = quantize(&row.in, &layer);
    assert_int_equal(report.weights_lost, 5);
    const double wanted = sqrt(5e-12 / (2 + 0x1p-28 + 5e-12));
    assert_true(fabs(report.weights_relative_rms_error / wanted - 1) < 1e-6);
    eie_layer_free(layer);
}

static void lost_inputs_are_counted(void **state)
{
    static const float inputs[] = {1000, 1 / 64.0f, 3 / 64.0f, -1 / 64.0f, 0.01f, -0.0f, 0, 0.02f};
    static const int16_t wanted[] = {32000, 0, 2, 0, 0, 0, 0, 1};
    struct row row;
    struct eie_layer *layer;
    (void)state;
    row_make(&row, 8, 0.001f, 0);
    memcpy(row.inputs, inputs, sizeof inputs);
    const struct eie_quantization report = quantize(&row.in, &layer);
    assert_int_equal(report.input_fraction_bits, 5);
    assert_memory_equal(layer->sample_inputs, wanted, sizeof wanted);
    assert_int_equal(report.inputs_lost, 3);
    eie_layer_free(layer);
}

/* ---- the rules once more, on random layers --------------------------------------------------- */

#define SAMPLES 3

struct reading {
    struct eie_float_layer in;
    struct test_matrix matrix;
    float codebook[16], *inputs, *bias;
};

static double nearest_even(double x, int bits)
{
    return nearbyint(ldexp(x, bits));
}

static bool saturates(const float *values, size_t count, int bits)
{
    for (size_t i = 0; i < count; i++)
        if (nearest_even(values[i], bits) > 32767 || nearest_even(values[i], bits) < -32768)
            return true;
    return false;
}

/* Sum of one row with weights and inputs at those bits; exact in a double. */
static double row_sum(const struct reading *r, uint32_t sample, uint32_t i, int weight_bits,
                      int input_bits)
{
    const float *input = r->inputs + (size_t)sample * r->matrix.inputs;
    double sum = r->bias ? nearest_even(r->bias[i], weight_bits + input_bits) : 0;
    for (uint32_t j = 0; j < r->matrix.inputs; j++)
        sum += nearest_even(r->codebook[*test_at(&r->matrix, i, j)], weight_bits) *
               nearest_even(input[j], input_bits);
    return sum;
}

static bool sums_leave_int32(const struct reading *r, int weight_bits, int input_bits)
{
    for (uint32_t s = 0; s < SAMPLES; s++)
        for (uint32_t i = 0; i < r->matrix.outputs; i++) {
            const double sum = row_sum(r, s, i, weight_bits, input_bits);
            if (sum > INT32_MAX || sum < INT32_MIN) return true;
        }
    for (uint32_t i = 0; r->bias && i < r->matrix.outputs; i++) /* it is an int32 itself */
        if (fabs(nearest_even(r->bias[i], weight_bits + input_bits)) > INT32_MAX) return true;
    return false;
}

static bool outputs_saturate(const struct reading *r, int weight_bits, int input_bits, int shift)
{
    for (uint32_t s = 0; s < SAMPLES; s++)
        for (uint32_t i = 0; i < r->matrix.outputs; i++) {
            double sum = row_sum(r, s, i, weight_bits, input_bits);
            if (r->in.activation == EIE_ACTIVATION_RELU) sum = fmax(sum, 0);
            const double y = floor(ldexp(sum, -shift) + (shift ? 0.5 : 0));
            if (y > 32767 || y < -32768) return true;
        }
    return false;
}

static void assert_errors(const struct reading *r, const struct eie_layer *layer,
                          const struct eie_quantization *report)
{
    double worst = 0, squares = 0, error_squares = 0;
    for (uint32_t s = 0; s < SAMPLES; s++) {
        for (uint32_t i = 0; i < r->matrix.outputs; i++) {
            const int16_t *input = layer->sample_inputs + (size_t)s * layer->inputs;
            double exact = r->bias ? (double)r->bias[i] : 0;
            int64_t sum = layer->bias ? layer->bias[i] : 0;
            for (uint32_t j = 0; j < layer->inputs; j++) {
                const uint8_t code = *test_at(&r->matrix, i, j);
                exact += (double)r->codebook[code] * (double)r->inputs[s * layer->inputs + j];
                sum += layer->codebook[code] * input[j];
            }
            if (layer->activation == EIE_ACTIVATION_RELU) exact = fmax(exact, 0);
            const int16_t y = eie_finish((int32_t)sum, layer->activation, eie_layer_shift(layer));
            const double off = ldexp(y, -(int)layer->output_fraction_bits) - exact;
            worst = fmax(worst, fabs(off));
            squares += exact * exact;
            error_squares += off * off;
        }
    }
    const double relative = squares > 0 ? sqrt(error_squares / squares) : 0;
    assert_true(fabs(report->max_abs_error - worst) <= 1e-9 * worst);
    assert_true(fabs(report->relative_rms_error - relative) <= 1e-9 * relative);
}

static void assert_follows_the_rules(struct reading *r)
{
    struct eie_sparse_codes codes = test_codes(&r->matrix);
    struct eie_layer *layer;
    uint64_t lost = 0;
    const size_t values = (size_t)SAMPLES * codes.inputs;
    r->in.codes = codes;
    const struct eie_quantization report = quantize(&r->in, &layer);
    const int w = (int)report.weight_fraction_bits, a = (int)report.input_fraction_bits;
    const int y = (int)report.output_fraction_bits, shift = w + a - y;
    assert_false(saturates(r->codebook, 16, w));
    assert_true(w == 30 || saturates(r->codebook, 16, w + 1));
    assert_false(saturates(r->inputs, values, a) || sums_leave_int32(r, w, a));
    assert_true(a == 30 || saturates(r->inputs, values, a + 1) || sums_leave_int32(r, w, a + 1));
    assert_in_range(shift, 0, 31);
    assert_false(outputs_saturate(r, w, a, shift));
    assert_true(shift == 0 || outputs_saturate(r, w, a, shift - 1));
    for (int c = 0; c < 16; c++) assert_true(layer->codebook[c] == nearest_even(r->codebook[c], w));
    for (size_t i = 0; i < values; i++) {
        assert_true(layer->sample_inputs[i] == nearest_even(r->inputs[i], a));
        lost += r->inputs[i] != 0 && !layer->sample_inputs[i];
    }
    for (uint32_t i = 0; r->bias && i < codes.outputs; i++)
        assert_true(layer->bias[i] == nearest_even(r->bias[i], w + a));
    assert_int_equal(report.inputs_lost, lost);
    assert_errors(r, layer, &report);
    eie_layer_free(layer);
    test_codes_free(&codes);
}

/* Uniform in [-scale, scale) with few bits, so that ties occur. */
static float draw(struct eie_random *random, double scale)
{
    return (float)(scale * ((double)eie_random_below(random, 1 << 18) / (1 << 17) - 1));
}

static void random_layers_follow_the_rules(void **state)
{
    struct eie_random random;
    (void)state;
    assert_int_equal(fegetround(), FE_TONEAREST);
    eie_random_seed(&random, 17);
    for (int turn = 0; turn < 150; turn++) {
        const uint32_t inputs = 1 + eie_random_below(&random, 50);
        const uint32_t outputs = 1 + eie_random_below(&random, 30);
        const double weights = ldexp(1, (int)eie_random_below(&random, 16) - 12);
        const double scale = ldexp(1, (int)eie_random_below(&random, 16) - 10);
        struct reading r = {
            .matrix = test_matrix_draw(inputs, outputs, 0.4, &random),
            .inputs = calloc((size_t)inputs * SAMPLES, sizeof(float)),
            .bias = turn % 2 ? calloc(outputs, sizeof(float)) : NULL,
        };
        for (int c = 1; c < 16; c++) r.codebook[c] = draw(&random, weights);
        for (uint32_t i = 0; i < inputs * SAMPLES; i++)
            r.inputs[i] = eie_random_below(&random, 3) ? draw(&random, scale) : 0;
        for (uint32_t i = 0; r.bias && i < outputs; i++) r.bias[i] = draw(&random, weights * scale);
        r.in = (struct eie_float_layer){
            .name = "random",
            .source = "a test",
            .pe_count = 4,
            .activation = turn % 3 ? EIE_ACTIVATION_NONE : EIE_ACTIVATION_RELU,
            .codebook = r.codebook,
            .bias = r.bias,
            .sample_count = SAMPLES,
            .sample_inputs = r.inputs,
        };
        assert_follows_the_rules(&r);
        free(r.inputs);
        free(r.bias);
        test_matrix_free(&r.matrix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_take_the_most_bits_without_saturation),
        cmocka_unit_test(inputs_take_the_most_bits_without_saturation),
        cmocka_unit_test(final_sums_stay_in_int32),
        cmocka_unit_test(the_bias_counts_in_the_sum),
        cmocka_unit_test(outputs_take_the_most_bits_without_saturation),
        cmocka_unit_test(what_cannot_fit_is_refused),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(layers_of_which_nothing_is_left_are_refused),
        cmocka_unit_test(lost_weights_are_counted_by_their_places),
        cmocka_unit_test(lost_inputs_are_counted),
        cmocka_unit_test(random_layers_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
