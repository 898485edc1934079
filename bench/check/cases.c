/* The cases of `eie check`. Every case is drawn from (seed, index) alone, so that one
 * number reproduces it. */
#include "bench/check/check.h"
#include "host/base/random.h"
#include "host/machine/topology.h"
#include "kernels/plugin_load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum values {
    VALUES_PLAIN,
    VALUES_SIGNED,
    VALUES_EXTREME,
    VALUES_HIGH_DIGITS, /* where digits of weights end: up to 32767, but not as far down */
    VALUES_LOW_DIGITS,  /* and down to -32768, but not as far up */
    VALUES_NONE_ACTIVE,
    VALUES_WRAP,       /* +, +, +, -, -, -: partial sums leave int32 */
    VALUES_WRAP_PAIRS, /* +, +, -, -: those of each second pair of columns do */
    VALUES_U8,         /* 0..255, both ends often */
    VALUES_S8,         /* -128..127 */
    VALUES_TURNS       /* sample by sample: u8, s8, one value too large for either, 12 bits */
};

struct shape {
    uint32_t outputs, inputs, pe_count;
    double density, active;
    enum values values;
    bool bias, relu, zero_weight; /* a code whose shared weight is 0 */
    uint32_t zero_run;            /* >0: every weight follows exactly so many zeros of its PE */
    bool empty_ends;              /* first and last columns are empty */
    int shift;                    /* -1: whatever scaling gives */
};

static const uint32_t edges[] = {1, 15, 16, 17, 63, 64, 65};
static const uint32_t pe_counts[] = {1, 2, 3, 4, 5, 8, 16, 31, 33, 64, 100};
static const double densities[] = {0.1, 0, 0.04, 0.5, 1, 0.25, 0.9};
static const double actives[] = {0.35, 1, 0.18, 0.6};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

static const struct shape special[] = {
    /* runs of exactly so many zeros */
    {200, 9, 1, 0, 1, VALUES_PLAIN, false, false, false, 15, false, -1},
    {200, 9, 1, 0, 1, VALUES_PLAIN, false, false, false, 16, false, -1},
    {200, 9, 1, 0, 1, VALUES_SIGNED, true, false, false, 31, false, -1},
    {200, 9, 1, 0, 1, VALUES_SIGNED, true, true, false, 32, false, -1},
    {200, 9, 1, 0, 1, VALUES_PLAIN, false, false, false, 47, false, -1},
    {640, 33, 4, 0, 0.5, VALUES_PLAIN, false, false, false, 47, true, -1},
    {1100, 20, 64, 0, 0.5, VALUES_SIGNED, false, true, false, 16, false, -1},
    /* empty columns, no active input, nothing stored */
    {70, 40, 8, 0.3, 0.5, VALUES_PLAIN, true, false, false, 0, true, -1},
    {64, 64, 16, 0.2, 0, VALUES_NONE_ACTIVE, true, true, false, 0, false, -1},
    {33, 31, 4, 0, 1, VALUES_SIGNED, true, false, false, 0, false, -1},
    {65, 2, 4, 1, 1, VALUES_SIGNED, false, false, false, 0, true, -1},
    /* extreme values, saturation, both ends of the shift, a shared weight of 0 */
    {64, 1, 4, 1, 1, VALUES_EXTREME, false, false, false, 0, false, 0},
    {64, 1, 4, 1, 1, VALUES_EXTREME, false, true, false, 0, false, 0},
    {65, 1, 64, 1, 1, VALUES_EXTREME, false, false, false, 0, false, 31},
    {65, 1, 8, 1, 1, VALUES_EXTREME, true, false, false, 0, false, 16},
    {40, 50, 8, 0.5, 0.5, VALUES_SIGNED, true, false, true, 0, false, 7},
    /* partial sums that wrap while the final sum fits */
    {17, 6, 4, 1, 1, VALUES_WRAP, false, false, false, 0, false, 1},
    {130, 6, 64, 1, 1, VALUES_WRAP, true, true, false, 0, false, 3},
    {19, 13, 4, 1, 1, VALUES_WRAP_PAIRS, true, false, false, 0, false, 16},
    /* long and thin, more PEs than rows, a little larger */
    {1, 5000, 1, 0.1, 0.3, VALUES_SIGNED, false, false, false, 0, false, -1},
    {5000, 1, 1, 0.01, 1, VALUES_PLAIN, false, false, false, 0, false, -1},
    {3, 500, 64, 0.2, 0.4, VALUES_SIGNED, true, false, false, 0, false, -1},
    {1000, 700, 64, 0.09, 0.35, VALUES_PLAIN, false, true, false, 0, false, -1},
    {1000, 700, 64, 0.25, 0.35, VALUES_SIGNED, true, false, false, 0, false, -1},
    /* more active columns, with few weights, than 12 bits number; inputs up to what 16 bits number,
       one more, and far beyond: who counts with them says unsupported and is never wrong. Shift 16
       keeps the outputs from saturating, which would hide a wrong sum. */
    {1, 4200, 1, 0.1, 1, VALUES_SIGNED, false, false, false, 0, false, 16},
    {2, 65536, 1, 0.02, 0.5, VALUES_SIGNED, true, false, false, 0, false, 16},
    {2, 65537, 1, 0.02, 0.5, VALUES_SIGNED, false, false, false, 0, false, 16},
    {2, 70000, 2, 0.02, 0.5, VALUES_SIGNED, false, false, false, 0, false, 16},
    /* sums that lie just between two outputs, positive and negative */
    {66, 1, 8, 1, 1, VALUES_EXTREME, false, false, false, 0, false, 16},
    /* weights where a digit of 8 bits ends, with extreme inputs; the outputs keep 1 and 16 bits */
    {300, 1, 4, 1, 1, VALUES_HIGH_DIGITS, false, false, false, 0, false, 0},
    {300, 1, 64, 1, 1, VALUES_HIGH_DIGITS, true, false, false, 0, false, 16},
    {300, 1, 4, 1, 1, VALUES_LOW_DIGITS, false, false, false, 0, false, 0},
    {300, 1, 64, 1, 1, VALUES_LOW_DIGITS, true, false, false, 0, false, 16},
};

/* Small layers for many inputs at once: kernels take them by 4, 16 and 64. */
static const struct shape batched[] = {
    {70, 200, 8, 0.1, 0.35, VALUES_SIGNED, true, false, false, 0, false, 16},
    {131, 33, 4, 0.5, 1, VALUES_PLAIN, false, true, false, 0, false, 16},
    {19, 13, 4, 1, 1, VALUES_WRAP_PAIRS, true, false, false, 0, false, 16},
    /* inputs of 8 bits, which some keep in a byte, and loads that only seem so */
    {131, 300, 64, 0.09, 0.6, VALUES_U8, false, true, false, 0, false, 10},
    {70, 200, 8, 0.1, 1, VALUES_S8, true, false, false, 0, false, 8},
    {97, 32, 8, 0.5, 1, VALUES_TURNS, false, false, false, 0, false, 14},
};
/* Convolutions: 3 x 3 with a pad, 7 x 7 of few channels by steps of 2 that leave pixels out, 1 x 1
 * with a pad, one of a single position. */
static const struct shape windowed[] = {
    {37, 72, 8, 0.33, 0.5, VALUES_PLAIN, true, true, false, 0, false, 16},
    {96, 147, 64, 0.98, 1, VALUES_SIGNED, true, true, false, 0, false, 16},
    {70, 33, 8, 0.2, 0.6, VALUES_U8, false, false, false, 0, false, 8},
    {5, 100, 4, 0.5, 0.7, VALUES_S8, false, false, false, 0, false, 8},
};
static const struct eie_window windows[COUNT(windowed)] = {
    {9, 7, 8, 3, 1, 1}, {20, 14, 3, 7, 2, 0}, {3, 4, 33, 1, 1, 1}, {2, 2, 4, 5, 3, 2}};
static const uint32_t few_batches[] = {1, 3};
static const uint32_t many_batches[] = {1, 4, 17, 40, 49, 65, 258};

/* What a case is run with: batches, and samples, of which a batch takes the first or the last. */
struct load {
    const uint32_t *batches;
    uint32_t batch_count, samples;
};

uint32_t eie_check_fixed_cases(void)
{
    return COUNT(edges) * COUNT(edges) + COUNT(special) + COUNT(batched) + COUNT(windowed);
}

static uint32_t first_windowed(void)
{
    return eie_check_fixed_cases() - COUNT(windowed);
}

static uint32_t first_batched(void)
{
    return first_windowed() - COUNT(batched);
}

/* NULL: no convolution. */
static const struct eie_window *window_of(uint32_t index)
{
    return index >= first_windowed() && index < eie_check_fixed_cases()
               ? &windows[index - first_windowed()]
               : NULL;
}

static struct load load_of(uint32_t index)
{
    static uint32_t positions[COUNT(windowed)];
    if (index >= first_batched() && index < first_windowed())
        return (struct load){many_batches, COUNT(many_batches), 260};
    if (index >= first_windowed() && index < eie_check_fixed_cases()) {
        const uint32_t at = index - first_windowed();
        positions[at] = (uint32_t)eie_window_positions(&windows[at]);
        return (struct load){&positions[at], 1, 2 * positions[at]};
    }
    return (struct load){few_batches, COUNT(few_batches), 4};
}

uint32_t eie_check_case_batches(uint32_t index)
{
    return load_of(index).batch_count;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static double uniform(struct eie_random *random)
{
    return eie_random_below(random, 1u << 24) * 0x1p-24;
}

static struct shape shape_of(uint32_t index, struct eie_random *random)
{
    const uint32_t grid = COUNT(edges) * COUNT(edges);
    if (index >= first_windowed() && index < eie_check_fixed_cases())
        return windowed[index - first_windowed()];
    if (index >= first_batched() && index < first_windowed())
        return batched[index - first_batched()];
    if (index >= grid && index < first_batched()) return special[index - grid];
    struct shape shape = {.shift = -1};
    if (index < grid) {
        shape.outputs = edges[index / COUNT(edges)];
        shape.inputs = edges[index % COUNT(edges)];
        shape.pe_count = pe_counts[index % COUNT(pe_counts)];
        shape.density = densities[index % COUNT(densities)];
        shape.active = actives[index % COUNT(actives)];
    } else {
        shape.outputs = 1 + eie_random_below(random, eie_random_below(random, 4) ? 200 : 2000);
        shape.inputs = 1 + eie_random_below(random, eie_random_below(random, 4) ? 200 : 2000);
        shape.pe_count = 1 + eie_random_below(random, 80);
        shape.density = uniform(random) * (eie_random_below(random, 2) ? 0.3 : 1);
        shape.active = uniform(random);
    }
    shape.values = eie_random_below(random, 2) ? VALUES_SIGNED : VALUES_PLAIN;
    shape.bias = eie_random_below(random, 2);
    shape.relu = eie_random_below(random, 2);
    shape.empty_ends = eie_random_below(random, 8) == 0;
    return shape;
}

static bool weight_here(const struct shape *shape, struct eie_random *random, uint32_t i,
                        uint32_t j)
{
    if (shape->empty_ends && (j == 0 || j + 1 == shape->inputs)) return false;
    if (shape->zero_run) return (i / shape->pe_count) % (shape->zero_run + 1) == shape->zero_run;
    return uniform(random) < shape->density;
}

struct drawn {
    struct eie_layer parts;
    int16_t *inputs; /* [samples][inputs] */
    int32_t *bias;   /* [outputs] or NULL */
};

/* Ends of w = q + 256 p with q of -128 to 127, and of both digits by themselves. */
static const int digit_ends[EIE_CODEBOOK_SIZE] = {0,    32767,  32640,  32639, 32512, 32511,
                                                  256,  255,    128,    127,   1,     -129,
                                                  -257, -32512, -32513, -32639};

static bool has_digits(const struct shape *shape)
{
    return shape->values == VALUES_HIGH_DIGITS || shape->values == VALUES_LOW_DIGITS;
}

static void draw_codebook(const struct shape *shape, struct eie_random *random, int16_t *codebook)
{
    codebook[0] = 0;
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
        codebook[c] = (int16_t)(eie_random_below(random, 65536) - 32768u);
    if (shape->values == VALUES_EXTREME)
        for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) codebook[c] = c % 2 ? INT16_MAX : INT16_MIN;
    for (int c = 1; c < EIE_CODEBOOK_SIZE && has_digits(shape); c++)
        codebook[c] =
            (int16_t)(shape->values == VALUES_HIGH_DIGITS ? digit_ends[c] : -digit_ends[c] - 1);
    if (shape->values == VALUES_WRAP || shape->values == VALUES_WRAP_PAIRS)
        for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) codebook[c] = INT16_MAX;
    if (shape->zero_weight) codebook[7] = 0;
}

/* An end of the range once in four. */
static int16_t draw_byte(struct eie_random *random, int least)
{
    const uint32_t end = eie_random_below(random, 8);
    if (end < 2) return (int16_t)(end ? least : least + UINT8_MAX);
    return (int16_t)(least + (int)eie_random_below(random, UINT8_MAX + 1));
}

/* Input j of sample s of VALUES_TURNS. */
static int16_t draw_turn(const struct shape *shape, struct eie_random *random, uint32_t s,
                         uint32_t j)
{
    const bool last = j + 1 == shape->inputs;
    switch (s % 4) {
    case 0:
        return draw_byte(random, 0);
    case 1:
        return draw_byte(random, INT8_MIN);
    case 2:
        return s % 8 < 4 ? (int16_t)(last ? UINT8_MAX + 1 : draw_byte(random, 0))
                         : (int16_t)(last ? INT8_MIN - 1 : draw_byte(random, INT8_MIN));
    default:
        return (int16_t)((int)eie_random_below(random, 4095) - 2047);
    }
}

static int16_t draw_input(const struct shape *shape, struct eie_random *random, uint32_t s,
                          uint32_t j)
{
    if (shape->values == VALUES_TURNS) return draw_turn(shape, random, s, j);
    if (shape->values == VALUES_NONE_ACTIVE) return 0;
    /* in equal steps: three products leave int32, all six come back to 0 */
    if (shape->values == VALUES_WRAP) return j % 6 < 3 ? INT16_MAX : -INT16_MAX;
    /* of 13 columns, even pairs come to 7 products, odd ones to -6, and the sum of what int32 keeps
       of these leaves it once more */
    if (shape->values == VALUES_WRAP_PAIRS) return j % 4 < 2 ? INT16_MAX : -INT16_MAX;
    if (shape->values == VALUES_EXTREME || has_digits(shape))
        return eie_random_below(random, 2) ? INT16_MIN : INT16_MAX;
    if (uniform(random) >= shape->active) return 0;
    if (shape->values == VALUES_U8) return draw_byte(random, 0);
    if (shape->values == VALUES_S8) return draw_byte(random, INT8_MIN);
    const int magnitude = 1 + (int)eie_random_below(random, INT16_MAX);
    return (int16_t)(shape->values == VALUES_SIGNED && eie_random_below(random, 2) ? -magnitude
                                                                                   : magnitude);
}

/* Draws positions and encodes; the layer is complete but for how well its sums fit. */
static enum eie_status encode_case(const struct shape *shape, struct eie_random *random,
                                   const struct drawn *drawn, struct eie_layer **layer,
                                   struct eie_error *error)
{
    const size_t places = (size_t)shape->outputs * shape->inputs;
    uint32_t *start = malloc(((size_t)shape->inputs + 1 + places) * sizeof *start), count = 0;
    uint8_t *code = malloc(places + 1);
    enum eie_status status = EIE_MEMORY;
    if (start && code) {
        uint32_t *row = start + shape->inputs + 1;
        for (uint32_t j = 0; j < shape->inputs; j++) {
            start[j] = count;
            for (uint32_t i = 0; i < shape->outputs; i++) {
                if (!weight_here(shape, random, i, j)) continue;
                row[count] = i;
                code[count++] = (uint8_t)(1 + eie_random_below(random, EIE_CODEBOOK_SIZE - 1));
            }
        }
        start[shape->inputs] = count;
        const struct eie_sparse_codes codes = {shape->inputs, shape->outputs, start, row, code};
        status = eie_layer_encode(&drawn->parts, &codes, layer, error);
    } else {
        eie_fail(error, status, "out of memory for a case");
    }
    free(start);
    free(code);
    return status;
}

/* Halves inputs and bias until every final sum of every sample fits int32. */
static enum eie_status fit_inputs(struct drawn *drawn, uint32_t samples,
                                  const struct eie_layer *layer, struct eie_error *error)
{
    const size_t values = (size_t)samples * layer->inputs;
    for (;;) {
        struct eie_reference reference;
        enum eie_status status =
            eie_reference_make(layer, drawn->inputs, samples, 0, &reference, error);
        if (!status) eie_reference_free(&reference);
        if (status != EIE_INPUT) return status;
        for (size_t i = 0; i < values; i++) drawn->inputs[i] = (int16_t)(drawn->inputs[i] / 2);
    }
}

/* The inputs of the positions of two images in place of what was drawn; their pixels are the first
 * of that, which are enough. */
static void take_images(const struct eie_window *window, uint32_t inputs, int16_t *image,
                        int16_t *values)
{
    const size_t positions = eie_window_positions(window);
    for (size_t i = 0; i < 2; i++) {
        int16_t *columns = values + i * positions * inputs;
        memcpy(image, columns, eie_window_image_size(window) * sizeof *image);
        eie_window_columns_int16(window, image, 0, positions, columns);
    }
}

/* A layer and its inputs ([samples][inputs], to be freed) for (seed, index, samples). */
static enum eie_status make_case(uint64_t seed, uint32_t index, uint32_t samples,
                                 struct eie_layer **layer, int16_t **inputs,
                                 struct eie_error *error)
{
    struct eie_random random;
    char name[EIE_NAME_MAX];
    snprintf(name, sizeof name, "case-%" PRIu32, index);
    eie_random_seed(&random, eie_random_seed_of(seed, name));
    const struct shape shape = shape_of(index, &random);
    struct drawn drawn = {
        .inputs = malloc((size_t)samples * shape.inputs * sizeof *drawn.inputs),
        .bias = shape.bias ? malloc(shape.outputs * sizeof *drawn.bias) : NULL,
    };
    const struct eie_window *window = window_of(index);
    /* a companion has other inputs */
    const bool convolution = window && samples == 2 * eie_window_positions(window);
    int16_t *image = convolution ? malloc(eie_window_image_size(window) * sizeof *image) : NULL;
    enum eie_status status = EIE_MEMORY;
    if (!drawn.inputs || (shape.bias && !drawn.bias) || (convolution && !image)) {
        eie_fail(error, status, "out of memory for a case");
        goto done;
    }
    for (uint32_t s = 0; s < samples; s++)
        for (uint32_t j = 0; j < shape.inputs; j++)
            drawn.inputs[(size_t)s * shape.inputs + j] = draw_input(&shape, &random, s, j);
    if (image) take_images(window, shape.inputs, image, drawn.inputs);
    for (uint32_t i = 0; drawn.bias && i < shape.outputs; i++)
        drawn.bias[i] = (int32_t)(eie_random_next(&random) >> 36) - (1 << 27);
    const uint32_t shift = shape.shift >= 0 ? (uint32_t)shape.shift : eie_random_below(&random, 20);
    drawn.parts = (struct eie_layer){
        .name = name,
        .source = "a case of eie check",
        .pe_count = shape.pe_count,
        .activation = shape.relu ? EIE_ACTIVATION_RELU : EIE_ACTIVATION_NONE,
        .weight_fraction_bits = 15,
        .input_fraction_bits = 16,
        .output_fraction_bits = 31 - shift,
        .bias = drawn.bias,
    };
    if (window) drawn.parts.window = *window;
    draw_codebook(&shape, &random, drawn.parts.codebook);
    status = encode_case(&shape, &random, &drawn, layer, error);
    if (status) goto done;
    status = fit_inputs(&drawn, samples, *layer, error);
    if (status) eie_layer_free(*layer);
done:
    free(image);
    free(drawn.bias);
    if (status)
        free(drawn.inputs);
    else
        *inputs = drawn.inputs;
    return status;
}

/* ---- running -------------------------------------------------------------------------------- */

/* One kernel on one case at one batch and thread count, with a second plan on another layer alive
 * beside it. */
struct side {
    struct eie_layer *layer;
    int16_t *inputs;                   /* [samples][inputs] */
    struct eie_reference reference[2]; /* of the first and of the last `batch` samples */
    struct eie_check_vectors vectors[2];
    struct eie_plan *plan; /* NULL where the kernel does not support the layer */
    uint64_t plan_bytes;   /* as it says */
};

/* The references of a batch, which all thread counts are held against. */
static enum eie_status expect(const struct eie_device *device, uint32_t batch, uint32_t samples,
                              struct side *side, struct eie_error *error)
{
    const uint32_t first[2] = {0, samples - batch};
    enum eie_status status = EIE_OK;
    for (int i = 0; i < 2 && !status && !side->vectors[i].reference; i++) {
        const int16_t *inputs = side->inputs + (size_t)first[i] * side->layer->inputs;
        status =
            eie_reference_make_on(device, side->layer, inputs, batch, &side->reference[i], error);
        if (!status) side->vectors[i] = (struct eie_check_vectors){inputs, &side->reference[i]};
    }
    return status;
}

static void forget(struct side *side)
{
    for (int i = 0; i < 2; i++) {
        eie_reference_free(&side->reference[i]);
        side->vectors[i] = (struct eie_check_vectors){NULL, NULL};
    }
}

static enum eie_status side_begin(const struct eie_kernel *kernel, struct eie_setup setup,
                                  uint32_t samples, struct side *side, struct eie_error *error)
{
    setup.problem.layer = side->layer;
    enum eie_status status = eie_kernel_supports(kernel, &setup.problem, &side->plan_bytes, error);
    if (!status) status = expect(setup.problem.device, setup.problem.batch, samples, side, error);
    if (!status) status = kernel->prepare(&setup, &side->plan, error);
    return status;
}

static void side_end(const struct eie_kernel *kernel, struct side *side)
{
    kernel->destroy(side->plan);
    side->plan = NULL;
}

static enum eie_status compare_side(const struct eie_kernel *kernel, struct side *side,
                                    struct eie_error *error)
{
    if (!kernel->read) return EIE_OK;
    const struct eie_reference *reference = &side->reference[0];
    void *y = malloc((size_t)reference->batch * reference->outputs * sizeof(float));
    if (!y) return eie_fail(error, EIE_MEMORY, "out of memory for outputs");
    enum eie_status status = kernel->read(side->plan, y, error);
    if (!status) status = eie_compare(kernel, reference, y, NULL, error);
    free(y);
    return status;
}

static enum eie_status check_side(const struct eie_kernel *kernel, uint32_t copies,
                                  struct side *side, struct eie_error *error)
{
    struct eie_cost cost = {0};
    enum eie_status status =
        eie_check_plan(kernel, side->plan, 0, copies, side->vectors, NULL, error);
    if (status) return status;
    kernel->cost(side->plan, &cost);
    return eie_check_prepared(kernel, side->layer, &cost, side->plan_bytes, error);
}

/* Both plans under way at once: neither may disturb the other. */
static enum eie_status check_interleaved(const struct eie_kernel *kernel, struct side sides[2],
                                         struct eie_error *error)
{
    struct eie_outcome outcome = {0};
    enum eie_status status = EIE_OK;
    for (int i = 0; i < 2 && !status; i++)
        status = kernel->load(sides[i].plan, sides[i].vectors[0].inputs, error);
    for (int i = 0; i < 2 && !status; i++) status = kernel->run(sides[i].plan, 0, error);
    for (int i = 0; i < 2 && !status; i++) status = kernel->wait(sides[i].plan, &outcome, error);
    for (int i = 0; i < 2 && !status; i++) status = compare_side(kernel, &sides[i], error);
    return status;
}

static enum eie_status check_setup(const struct eie_kernel *kernel, const struct eie_setup *setup,
                                   uint32_t samples, struct side sides[2], struct eie_error *error)
{
    enum eie_status status = side_begin(kernel, *setup, samples, &sides[0], error);
    if (!status) {
        status = side_begin(kernel, *setup, samples, &sides[1], error);
        if (status == EIE_UNSUPPORTED) status = EIE_OK; /* then without a companion */
    }
    for (int i = 0; i < 2 && !status; i++)
        if (sides[i].plan) status = check_side(kernel, setup->copies, &sides[i], error);
    if (!status && sides[1].plan) status = check_interleaved(kernel, sides, error);
    for (int i = 0; i < 2; i++) side_end(kernel, &sides[i]);
    return status;
}

#define THREAD_CHOICES 4

static uint32_t thread_counts(const struct eie_kernel *kernel,
                              const struct eie_check_options *options,
                              uint32_t counts[THREAD_CHOICES])
{
    const struct eie_topology *topology;
    uint32_t count = 3;
    if (!kernel->max_threads || options->threads) {
        counts[0] = kernel->max_threads ? options->threads : 0;
        return 1;
    }
    for (uint32_t i = 0; i < count; i++) counts[i] = i + 1;
    if (!eie_topology_get(&topology, NULL) && topology->cores > count)
        counts[count++] = topology->cores;
    while (count > 1 && counts[count - 1] > kernel->max_threads) count--;
    return count;
}

static enum eie_status check_case(const struct eie_kernel *kernel, const struct eie_device *device,
                                  const struct eie_check_options *options, struct load load,
                                  struct side sides[2], struct eie_check_count *count,
                                  struct eie_error *error)
{
    uint32_t threads[THREAD_CHOICES];
    const uint32_t thread_choices = thread_counts(kernel, options, threads);
    for (uint32_t b = 0; b < load.batch_count; b++) {
        for (int i = 0; i < 2; i++) forget(&sides[i]);
        for (uint32_t t = 0; t < thread_choices; t++) {
            struct eie_setup setup = {{NULL, device, load.batches[b], threads[t]}, NULL, 2};
            enum eie_status status = EIE_OK;
            if (threads[t]) status = eie_pool_get(threads[t], &setup.pool, error);
            if (!status) status = check_setup(kernel, &setup, load.samples, sides, error);
            if (status == EIE_UNSUPPORTED) {
                count->unsupported++;
                continue;
            }
            if (status)
                return eie_error_prefix(error, status, "batch %u, %u threads", load.batches[b],
                                        threads[t]);
            count->ran++;
            count->threaded += threads[t] > 1;
        }
    }
    return EIE_OK;
}

/* The case whose layer is loaded too: the previous one, of another shape; beside the first of many
 * inputs the last of those. */
static uint32_t companion_of(uint32_t index)
{
    if (index == first_batched()) return first_windowed() - 1;
    return index ? index - 1 : eie_check_fixed_cases();
}

/* Case `index` and the one beside it, which the case before may have left in `last`. */
static enum eie_status begin_sides(uint64_t seed, uint32_t index, uint32_t samples,
                                   struct side *last, struct side sides[2], struct eie_error *error)
{
    enum eie_status status =
        make_case(seed, index, samples, &sides[0].layer, &sides[0].inputs, error);
    if (status || last->layer) {
        sides[1] = *last;
        *last = (struct side){0};
        return status;
    }
    return make_case(seed, companion_of(index), samples, &sides[1].layer, &sides[1].inputs, error);
}

static void side_free(struct side *side)
{
    forget(side);
    eie_layer_free(side->layer);
    free(side->inputs);
    *side = (struct side){0};
}

/* `only_case` -1: all of them. */
static void write_reproducer(const struct eie_kernel *kernel, const struct eie_device *device,
                             const struct eie_check_options *options, int64_t only_case,
                             struct eie_reproducer *again)
{
    eie_reproducer_begin(again, "check", kernel);
    eie_reproducer_word(again, "--device", device->name);
    eie_reproducer_number(again, "--seed", options->seed);
    if (only_case >= 0) eie_reproducer_number(again, "--case", (uint64_t)only_case);
    if (options->threads) eie_reproducer_number(again, "--threads", options->threads);
}

enum eie_status eie_check_kernel(const struct eie_kernel *kernel, const struct eie_device *device,
                                 const struct eie_check_options *options,
                                 struct eie_check_count *count, struct eie_error *error)
{
    const uint32_t cases = eie_check_fixed_cases() + options->random_cases;
    const uint32_t begin = options->only_case >= 0 ? (uint32_t)options->only_case : 0;
    const uint32_t end = options->only_case >= 0 ? begin + 1 : cases;
    *count = (struct eie_check_count){0};
    write_reproducer(kernel, device, options, -1, &count->reproducer);
    struct side last = {0};
    enum eie_status status = eie_kernel_probe(kernel, device, error);
    for (uint32_t index = begin; index < end && !status; index++) {
        const struct load load = load_of(index);
        struct side sides[2] = {0};
        write_reproducer(kernel, device, options, index, &count->reproducer);
        status = begin_sides(options->seed, index, load.samples, &last, sides, error);
        if (!status) status = check_case(kernel, device, options, load, sides, count, error);
        if (index + 1 < end && companion_of(index + 1) == index &&
            load_of(index + 1).samples == load.samples) { /* drawn again it would be the same */
            forget(&sides[0]);
            last = sides[0];
            sides[0] = (struct side){0};
        }
        for (int i = 0; i < 2; i++) side_free(&sides[i]);
        if (status)
            eie_error_prefix(error, status, "kernel %s, case %" PRIu32, kernel->name, index);
        if (status && error) {
            const size_t used = strlen(error->message);
            snprintf(error->message + used, sizeof error->message - used, "; again: %s",
                     count->reproducer.line);
        }
    }
    side_free(&last);
    if (!status) count->reproducer.line[0] = 0;
    return status;
}
