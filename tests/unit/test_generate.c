/* host/layer/generate.h: what a specification states is met exactly; host/layer/suite.h: the suites
 * that we ship read and build, and bad ones are refused with their place. */
#include "host/layer/numbers.h"
#include "host/layer/suite.h"
#include "tests/support/layers.h"

#include <jansson.h>

/* ---- generated layers ------------------------------------------------------------------------ */

static struct eie_layer_spec spec_of(uint32_t inputs, uint32_t outputs, uint64_t nonzeros,
                                     uint32_t active)
{
    return (struct eie_layer_spec){
        .name = "generated",
        .seed = 7,
        .inputs = inputs,
        .outputs = outputs,
        .active_inputs = active,
        .nonzeros_active = nonzeros,
        .sample_count = 5,
    };
}

static struct eie_layer *generate(const struct eie_layer_spec *spec, uint32_t pe_count)
{
    struct eie_layer *layer = NULL;
    struct eie_error error = {""};
    assert_good(eie_generate(spec, pe_count, &layer, &error), error);
    return layer;
}

static struct eie_hash hash_of(const struct eie_layer *layer)
{
    struct eie_hash hash;
    struct eie_error error = {""};
    assert_good(eie_layer_hash(layer, &hash, &error), error);
    return hash;
}

/* Active inputs, signs, every sum in int32, no output saturated and yet a bit less would be. */
static void assert_samples_fit(const struct eie_layer *layer, uint32_t active, bool is_signed)
{
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    const uint32_t shift = eie_layer_shift(layer);
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    int64_t *sum = malloc(layer->outputs * sizeof *sum);
    bool negative = false, tight = shift == 0;
    assert_non_null(sum);
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    for (uint32_t s = 0; s < layer->sample_count; s++) {
        const int16_t *input = layer->sample_inputs + (size_t)s * layer->inputs;
        uint32_t count = 0;
        memset(sum, 0, layer->outputs * sizeof *sum);
        for (uint32_t j = 0; j < layer->inputs; j++) {
            count += input[j] != 0;
            negative = negative || input[j] < 0;
            assert_true(is_signed || input[j] >= 0);
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
                sum[codes.row[e]] += (int64_t)layer->codebook[codes.code[e]] * input[j];
        }
        assert_int_equal(count, active);
        for (uint32_t i = 0; i < layer->outputs; i++) {
            assert_true(sum[i] >= INT32_MIN && sum[i] <= INT32_MAX);
            const int64_t value = relu && sum[i] < 0 ? 0 : sum[i];
            const int64_t half = shift ? INT64_C(1) << (shift - 1) : 0;
            const int64_t y = (value + half) >> shift;
            assert_true(y >= INT16_MIN && y <= INT16_MAX);
            if (!shift) continue;
            const int64_t finer = (value + (shift > 1 ? half / 2 : 0)) >> (shift - 1);
            tight = tight || finer < INT16_MIN || finer > INT16_MAX;
        }
    }
    assert_true(tight);
    if (is_signed && active * layer->sample_count > 40) assert_true(negative);
    eie_sparse_codes_free(&codes);
    free(sum);
}

struct sum_range {
    int64_t least, most; /* of the final sums */
};

static struct sum_range range_of(const struct eie_layer *layer, const int16_t *sample)
{
    struct sum_range range = {0, 0};
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    int64_t *sum = calloc(layer->outputs, sizeof *sum);
    assert_non_null(sum);
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    for (uint32_t j = 0; j < layer->inputs; j++)
        for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
            sum[codes.row[e]] += (int64_t)layer->codebook[codes.code[e]] * sample[j];
    for (uint32_t i = 0; i < layer->outputs; i++) {
        if (sum[i] < range.least) range.least = sum[i];
        if (sum[i] > range.most) range.most = sum[i];
    }
    eie_sparse_codes_free(&codes);
    free(sum);
    return range;
}

static void counts_are_exact(void **state)
{
    static const struct {
        uint32_t inputs, outputs, active, pe_count;
        uint64_t nonzeros;
    } cases[] = {
        {1, 1, 1, 1, 1},          {1, 1, 0, 1, 0},
        {1, 1, 1, 4, 0},          {17, 33, 6, 4, 100},
        {17, 33, 17, 4, 17 * 33}, {400, 3, 100, 64, 120},
        {3, 400, 1, 64, 120},     {512, 256, 180, 64, 11796},
        {64, 64, 0, 8, 400},      {300, 300, 299, 7, 89999},
    };
    (void)state;
    for (size_t c = 0; c < TEST_COUNT(cases); c++) {
        for (int kind = 0; kind < 4; kind++) {
            struct eie_layer_spec spec =
                spec_of(cases[c].inputs, cases[c].outputs, cases[c].nonzeros, cases[c].active);
            spec.is_signed = kind & 1;
            spec.activation = kind & 2 ? EIE_ACTIVATION_RELU : EIE_ACTIVATION_NONE;
            struct eie_layer *layer = generate(&spec, cases[c].pe_count);
            struct eie_layer_counts counts;
            eie_layer_count(layer, NULL, &counts);
            assert_int_equal(counts.nonzeros, cases[c].nonzeros);
            assert_int_equal(layer->inputs, cases[c].inputs);
            assert_int_equal(layer->outputs, cases[c].outputs);
            assert_int_equal(layer->pe_count, cases[c].pe_count);
            assert_int_equal(layer->sample_count, 5);
            assert_null(layer->bias);
            assert_samples_fit(layer, cases[c].active, spec.is_signed);
            eie_layer_free(layer);
        }
    }
}

static void the_same_specification_gives_the_same_layer(void **state)
{
    (void)state;
    struct eie_layer_spec spec = spec_of(200, 150, 3000, 70);
    struct eie_layer *first = generate(&spec, 8), *second = generate(&spec, 8);
    const struct eie_hash hash = hash_of(first);
    assert_string_equal(hash_of(second).hex, hash.hex);
    eie_layer_free(second);

    struct eie_layer *other_pes = generate(&spec, 5), *back;
    struct eie_error error = {""};
    assert_good(eie_layer_reencode(other_pes, 8, &back, &error), error);
    assert_string_equal(hash_of(back).hex, hash.hex); /* PEs do not enter the drawing */
    eie_layer_free(other_pes);
    eie_layer_free(back);

    spec.seed++;
    second = generate(&spec, 8);
    assert_string_not_equal(hash_of(second).hex, hash.hex);
    eie_layer_free(second);
    spec.seed--;
    strcpy(spec.name, "generatee");
    second = generate(&spec, 8);
    assert_string_not_equal(hash_of(second).hex, hash.hex);
    eie_layer_free(second);
    eie_layer_free(first);
}

/* More samples leave the matrix and the samples before them; signs leave positions and magnitudes.
 */
static void streams_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct eie_layer_spec spec = spec_of(100, 80, 800, 30);
    struct eie_layer *base = generate(&spec, 4);
    spec.is_signed = true;
    struct eie_layer *with_signs = generate(&spec, 4);
    assert_int_equal(with_signs->entry_count, base->entry_count);
    assert_memory_equal(with_signs->entries, base->entries, base->entry_count);
    assert_memory_equal(with_signs->codebook, base->codebook, sizeof base->codebook);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(!with_signs->sample_inputs[i], !base->sample_inputs[i]);
    spec.is_signed = false;
    spec.sample_count = 9;
    struct eie_layer *more = generate(&spec, 4);
    assert_memory_equal(more->entries, base->entries, base->entry_count);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(!more->sample_inputs[i], !base->sample_inputs[i]);
    eie_layer_free(base);
    eie_layer_free(with_signs);
    eie_layer_free(more);
}

/* Both ends of the type occur, 0 only where an input is inactive, and nothing else changes. */
static void inputs_of_8_bits_have_the_weights_and_positions_of_16(void **state)
{
    static const struct {
        enum eie_input_type type;
        int least, most;
        uint32_t fraction_bits;
    } cases[] = {{EIE_INPUT_U8, 1, 255, 8}, {EIE_INPUT_S8, -128, 127, 7}};
    (void)state;
    struct eie_layer_spec spec = spec_of(1000, 80, 8000, 300);
    spec.sample_count = 40;
    struct eie_layer *wide = generate(&spec, 4);
    for (size_t c = 0; c < TEST_COUNT(cases); c++) {
        uint32_t count[UINT8_MAX + 1] = {0};
        spec.input_type = cases[c].type;
        struct eie_layer *layer = generate(&spec, 4);
        assert_int_equal(layer->entry_count, wide->entry_count);
        assert_memory_equal(layer->entries, wide->entries, wide->entry_count);
        assert_memory_equal(layer->codebook, wide->codebook, sizeof wide->codebook);
        assert_int_equal(layer->input_fraction_bits, cases[c].fraction_bits);
        assert_samples_fit(layer, 300, cases[c].type == EIE_INPUT_S8);
        for (uint32_t i = 0; i < 40 * 1000; i++) {
            const int input = layer->sample_inputs[i];
            assert_int_equal(!input, !wide->sample_inputs[i]);
            if (!input) continue;
            assert_in_range(input - cases[c].least, 0, cases[c].most - cases[c].least);
            count[input - cases[c].least]++;
        }
        /* 12000 draws of 255 values, 47 each: all occur */
        for (int v = 0; v <= cases[c].most - cases[c].least; v++)
            assert_int_equal(count[v] > 0, v + cases[c].least != 0);
        eie_layer_free(layer);
    }
    eie_layer_free(wide);
}

/* Full rows of large weights: the sums of 8-bit inputs leave int32 too, and are halved. */
static void inputs_of_8_bits_are_halved_where_sums_need_it(void **state)
{
    (void)state;
    for (enum eie_input_type type = EIE_INPUT_U8; type <= EIE_INPUT_S8; type++) {
        struct eie_layer_spec spec = spec_of(4000000, 2, 8000000, 4000000);
        spec.sample_count = 1;
        spec.input_type = type;
        struct eie_layer *layer = generate(&spec, 1);
        assert_true(layer->input_fraction_bits < (type == EIE_INPUT_U8 ? 8u : 7u));
        assert_samples_fit(layer, 4000000, type == EIE_INPUT_S8);
        eie_layer_free(layer);
    }
}

static void inputs_of_8_bits_take_no_random_signs(void **state)
{
    struct eie_layer *layer;
    struct eie_error error = {""};
    (void)state;
    struct eie_layer_spec spec = spec_of(10, 10, 20, 5);
    spec.is_signed = true;
    spec.input_type = EIE_INPUT_S8;
    assert_bad(eie_generate(&spec, 4, &layer, &error), EIE_USAGE, error, "random signs");
}

static void samples_have_positions_of_their_own(void **state)
{
    (void)state;
    struct eie_layer_spec spec = spec_of(1000, 4, 100, 350);
    spec.sample_count = 64;
    struct eie_layer *layer = generate(&spec, 4);
    for (uint32_t s = 1; s < 64; s++) {
        const int16_t *a = layer->sample_inputs, *b = a + s * 1000u;
        uint32_t both = 0;
        for (uint32_t j = 0; j < 1000; j++) both += a[j] && b[j];
        assert_in_range(both, 85, 160); /* 122.5 expected, deviation 9 */
    }
    eie_layer_free(layer);
}

/* Codes, rows and columns are used evenly: each tail six deviations away, the seed is fixed. */
static void positions_and_codes_are_uniform(void **state)
{
    (void)state;
    struct eie_layer_spec spec = spec_of(300, 200, 18000, 100);
    struct eie_layer *layer = generate(&spec, 1);
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    uint32_t code[16] = {0}, row[200] = {0};
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    for (uint32_t e = 0; e < 18000; e++) {
        code[codes.code[e]]++;
        row[codes.row[e]]++;
    }
    assert_int_equal(code[0], 0);
    for (int c = 1; c < 16; c++) assert_in_range(code[c], 1000, 1400); /* 1200, deviation 33 */
    for (int i = 0; i < 200; i++) assert_in_range(row[i], 42, 138);    /* 90, deviation 8 */
    for (uint32_t j = 0; j < 300; j++)
        assert_in_range(codes.column_start[j + 1] - codes.column_start[j], 21, 99); /* 60, 6.5 */
    for (int c = 2; c < 16; c++) assert_true(layer->codebook[c] > layer->codebook[c - 1]);
    eie_sparse_codes_free(&codes);
    eie_layer_free(layer);
}

static void a_split_counts_in_the_columns_of_sample_0(void **state)
{
    static const struct {
        uint64_t active, inactive;
    } cases[] = {{0, 0}, {0, 500}, {500, 0}, {1234, 567}, {35 * 60, 65 * 60}, {1, 65 * 60}};
    (void)state;
    for (size_t c = 0; c < TEST_COUNT(cases); c++) {
        struct eie_layer_spec spec = spec_of(100, 60, cases[c].active, 35);
        struct eie_layer_counts counts;
        spec.split = true;
        spec.nonzeros_inactive = cases[c].inactive;
        struct eie_layer *layer = generate(&spec, 8);
        eie_layer_count(layer, layer->sample_inputs, &counts);
        assert_int_equal(counts.active_columns, 35);
        assert_int_equal(counts.active_nonzeros, cases[c].active);
        assert_int_equal(counts.nonzeros, cases[c].active + cases[c].inactive);
        eie_layer_free(layer);
    }
}

/* A row of 20,000 weights: sums that only fit once the inputs are scaled. */
static void large_sums_are_scaled_into_int32(void **state)
{
    (void)state;
    struct eie_layer_spec spec = spec_of(20000, 2, 40000, 20000);
    struct eie_layer *layer = generate(&spec, 2);
    assert_true(layer->input_fraction_bits < 15);
    assert_samples_fit(layer, 20000, false);
    eie_layer_free(layer);
}

/* ---- inputs beyond the samples ----------------------------------------------------------------
 */

#define DRAWN 300u

static int16_t *drawn_for(const struct eie_layer_spec *spec, const struct eie_layer *layer,
                          uint32_t count)
{
    struct eie_error error = {""};
    int16_t *samples = malloc((size_t)count * spec->inputs * sizeof *samples);
    assert_non_null(samples);
    assert_good(eie_generate_samples(spec, layer, count, samples, &error), error);
    return samples;
}

static uint32_t largest(const int16_t *sample, uint32_t inputs, uint32_t *active)
{
    uint32_t most = 0;
    *active = 0;
    for (uint32_t j = 0; j < inputs; j++) {
        const uint32_t magnitude = (uint32_t)abs(sample[j]);
        *active += magnitude != 0;
        if (magnitude > most) most = magnitude;
    }
    return most;
}

/* The layer's own samples first, whatever the count; each with as many active inputs; those whose
 * sums would leave int32 are halved, and only those. */
static void further_samples_go_on_where_the_layers_end(void **state)
{
    uint32_t halved = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct eie_layer_spec spec = spec_of(600, 40, 12000, 500);
        spec.seed = seed;
        spec.is_signed = seed % 2;
        struct eie_layer *layer = generate(&spec, 3);
        const struct eie_hash hash = hash_of(layer);
        int16_t *many = drawn_for(&spec, layer, DRAWN), *few = drawn_for(&spec, layer, 7);
        const size_t own = (size_t)5 * spec.inputs;
        assert_memory_equal(many, layer->sample_inputs, own * sizeof *many);
        assert_memory_equal(many, few, (size_t)7 * spec.inputs * sizeof *many);
        assert_memory_not_equal(many, many + own, own * sizeof *many);
        for (uint32_t s = 0; s < DRAWN; s++) {
            const int16_t *sample = many + (size_t)s * spec.inputs;
            const struct sum_range range = range_of(layer, sample);
            uint32_t active;
            const uint32_t most = largest(sample, spec.inputs, &active);
            assert_int_equal(active, spec.active_inputs);
            assert_true(range.least >= INT32_MIN && range.most <= INT32_MAX);
            halved += most < (uint32_t)INT16_MAX >> (15 - layer->input_fraction_bits) >> 1;
        }
        assert_string_equal(hash_of(layer).hex, hash.hex);
        free(many);
        free(few);
        eie_layer_free(layer);
    }
    assert_true(halved > 0 && halved < 6 * DRAWN / 2);
}

static void contradictions_are_refused(void **state)
{
    struct eie_layer *layer = NULL;
    struct eie_error error = {""};
    (void)state;
#define assert_contradicts(part)                                                                   \
    assert_bad(eie_generate(&spec, 4, &layer, &error), EIE_USAGE, error, part)
    struct eie_layer_spec spec = spec_of(10, 10, 101, 5);
    assert_contradicts("101 + 0 non-zeros do not fit");
    spec = spec_of(10, 10, 50, 5), spec.nonzeros_inactive = 51;
    assert_contradicts("50 + 51 non-zeros do not fit");
    spec = spec_of(10, 10, UINT64_MAX, 5), spec.nonzeros_inactive = 1; /* their sum wraps to 0 */
    assert_contradicts("non-zeros do not fit");
    spec = spec_of(10, 10, 1, 5), spec.nonzeros_inactive = UINT64_MAX;
    assert_contradicts("non-zeros do not fit");
    spec = spec_of(10, 10, 51, 5), spec.split = true;
    assert_contradicts("51 + 0 non-zeros do not fit");
    spec = spec_of(10, 10, 0, 5), spec.split = true, spec.nonzeros_inactive = 51;
    assert_contradicts("0 + 51 non-zeros do not fit");
    spec = spec_of(10, 10, 10, 11);
    assert_contradicts("11 active inputs of 10");
    spec = spec_of(0, 10, 0, 0);
    assert_contradicts("10 x 0 is not a matrix");
    spec = spec_of(10, 0, 0, 0);
    assert_contradicts("0 x 10 is not a matrix");
    spec = spec_of(65536, 65536, 0, 0);
    assert_contradicts("is not a matrix");
    spec = spec_of(10, 10, 10, 5), spec.split = true, spec.sample_count = 0;
    assert_contradicts("a split needs a sample");
#undef assert_contradicts
    assert_null(layer);
    spec = spec_of(10, 10, 10, 5);
    assert_int_equal(eie_generate(&spec, 0, &layer, NULL), EIE_INPUT);
}

/* ---- suites that we ship --------------------------------------------------------------------- */

static struct eie_suite read_suite(const char *name)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    assert_good(eie_suite_read(name, &suite, &error), error);
    return suite;
}

static void every_suite_reads(void **state)
{
    struct eie_suite_names names;
    struct eie_error error = {""};
    uint32_t paper = 0;
    (void)state;
    assert_good(eie_suite_list(&names, &error), error);
    assert_true(names.count >= 3);
    for (uint32_t i = 0; i < names.count; i++) {
        struct eie_suite suite = read_suite(names.names[i]);
        assert_true(i == 0 || strcmp(names.names[i - 1], names.names[i]) < 0);
        assert_string_equal(suite.name, names.names[i]);
        assert_true(suite.layer_count > 0 && suite.summary[0] && suite.default_kernels[0]);
        for (uint32_t k = 0; k < suite.layer_count; k++) {
            const struct eie_suite_layer *layer = &suite.layers[k];
            assert_true(layer->spec.name[0] && layer->source[0]);
            assert_int_equal(layer->import_folder[0] != 0, suite.needs_models);
            assert_true(suite.needs_models || layer->spec.sample_count == 64);
        }
        paper += !strcmp(suite.name, "paper");
        eie_suite_free(&suite);
    }
    assert_int_equal(paper, 1);
    eie_suite_names_free(&names);
}

static uint32_t layer_index(const struct eie_suite *suite, const char *name)
{
    for (uint32_t i = 0; i < suite->layer_count; i++)
        if (!strcmp(suite->layers[i].spec.name, name)) return i;
    fail_msg("suite %s has no layer %s", suite->name, name);
    return 0;
}

/* Table III's densities, to the non-zero. */
static void the_paper_suite_has_table_3(void **state)
{
    static const struct {
        const char *name;
        uint32_t inputs, outputs, weight_percent, active;
    } table[] = {
        {"Alex-6", 9216, 4096, 9, 3235},   {"Alex-7", 4096, 4096, 9, 1446},
        {"Alex-8", 4096, 1000, 25, 1536},  {"VGG-6", 25088, 4096, 4, 4591},
        {"VGG-7", 4096, 4096, 4, 1536},    {"VGG-8", 4096, 1000, 23, 1683},
        {"NT-We", 4096, 600, 10, 4096},    {"NT-Wd", 600, 8791, 11, 600},
        {"NT-LSTM", 1201, 2400, 10, 1201},
    };
    (void)state;
    struct eie_suite suite = read_suite("paper");
    assert_int_equal(suite.layer_count, TEST_COUNT(table));
    assert_int_equal(suite.pe_count, 64);
    for (size_t i = 0; i < TEST_COUNT(table); i++) {
        const struct eie_layer_spec *spec = &suite.layers[layer_index(&suite, table[i].name)].spec;
        const uint64_t places = (uint64_t)table[i].inputs * table[i].outputs;
        assert_int_equal(spec->inputs, table[i].inputs);
        assert_int_equal(spec->outputs, table[i].outputs);
        assert_int_equal(spec->active_inputs, table[i].active);
        assert_int_equal(spec->nonzeros_active + spec->nonzeros_inactive,
                         (places * table[i].weight_percent + 50) / 100);
    }
    eie_suite_free(&suite);
}

static const char *const small_layers[] = {"NT-We", "NT-LSTM", "Alex-8"};

static void small_layers_have_the_hash_of_the_manifest(void **state)
{
    struct eie_error error = {""};
    const char *hash, *data = getenv("EIE_DATA_DIR");
    char manifest[1024];
    (void)state;
    snprintf(manifest, sizeof manifest, "%s/suites/manifest.json", data ? data : "data");
    if (access(manifest, R_OK)) {
        printf("SKIPPED the hashes of generated layers: there is no %s\n", manifest);
        skip();
    }
    struct eie_suite suite = read_suite("paper");
    for (size_t i = 0; i < TEST_COUNT(small_layers); i++) {
        struct eie_layer *layer;
        assert_good(eie_suite_manifest("paper", small_layers[i], &hash, &error), error);
        if (!hash) fail_msg("the manifest states no hash of paper/%s", small_layers[i]);
        assert_good(
            eie_suite_build(&suite, layer_index(&suite, small_layers[i]), 0, &layer, &error),
            error);
        assert_string_equal(hash_of(layer).hex, hash);
        eie_layer_free(layer);
    }
    assert_good(eie_suite_manifest("paper", "no-such-layer", &hash, &error), error);
    assert_null(hash);
    eie_suite_free(&suite);
}

static void layers_are_built_as_the_suite_states(void **state)
{
    struct eie_error error = {""};
    struct eie_layer *layer;
    struct eie_layer_counts counts;
    (void)state;
    struct eie_suite suite = read_suite("paper-signed");
    assert_good(eie_suite_build(&suite, layer_index(&suite, "NT-LSTM"), 16, &layer, &error), error);
    eie_layer_count(layer, NULL, &counts);
    assert_int_equal(layer->pe_count, 16);
    assert_int_equal(counts.nonzeros, 288240);
    assert_non_null(strstr(layer->source, "paper-signed"));
    assert_samples_fit(layer, 1201, true);
    eie_layer_free(layer);
    eie_suite_free(&suite);
}

/* What is asked of a suite: nothing new where the layer has enough, a refusal where it has not. */
static void inputs_of(const char *name)
{
    struct eie_error error = {""};
    struct eie_layer *layer;
    int16_t *drawn = NULL;
    struct eie_suite suite = read_suite(name);
    const uint32_t index = layer_index(&suite, "NT-We");
    assert_good(eie_suite_build(&suite, index, 0, &layer, &error), error);
    assert_good(eie_suite_inputs(&suite, index, layer, 64, &drawn, &error), error);
    assert_null(drawn);
    assert_good(eie_suite_inputs(&suite, index, layer, 256, &drawn, &error), error);
    const size_t own = (size_t)64 * layer->inputs;
    int16_t most[2] = {0, 0}; /* of the layer's own and of all: of the same scale */
    assert_memory_equal(drawn, layer->sample_inputs, own * sizeof *drawn);
    for (size_t i = 0; i < 4 * own; i++)
        for (int k = i < own ? 0 : 1; k < 2; k++)
            if (drawn[i] > most[k]) most[k] = drawn[i];
    assert_true(most[0] > 0 && most[1] < 2 * most[0]);
    free(drawn);
    assert_bad(eie_suite_inputs(&suite, index, layer, EIE_SUITE_INPUTS_MAX + 1, &drawn, &error),
               EIE_UNSUPPORTED, error, "no more than 1024 are drawn");
    assert_null(drawn);
    snprintf(suite.layers[index].import_folder, sizeof suite.layers[index].import_folder, "x");
    assert_bad(eie_suite_inputs(&suite, index, layer, 65, &drawn, &error), EIE_UNSUPPORTED, error,
               "those of real data cannot be drawn");
    eie_layer_free(layer);
    eie_suite_free(&suite);
}

static void inputs_of_a_suite(void **state)
{
    (void)state;
    inputs_of("paper");
    inputs_of("paper-int8");
}

static void real_layers_need_a_folder(void **state)
{
    struct eie_error error = {""};
    struct eie_layer *layer;
    char *models = getenv("EIE_MODELS"), *kept = models ? strdup(models) : NULL;
    (void)state;
    struct eie_suite suite = read_suite("real");
    unsetenv("EIE_MODELS");
    assert_null(eie_models_dir());
    assert_bad(eie_suite_build(&suite, 0, 0, &layer, &error), EIE_MISSING, error, "EIE_MODELS");
    setenv("EIE_MODELS", "", 1);
    assert_null(eie_models_dir());
    setenv("EIE_MODELS", "/no/such/folder", 1);
    assert_bad(eie_suite_build(&suite, 0, 0, &layer, &error), EIE_INPUT, error, "/no/such/folder");
    if (kept)
        setenv("EIE_MODELS", kept, 1);
    else
        unsetenv("EIE_MODELS");
    free(kept);
    eie_suite_free(&suite);
}

/* ---- bad suites ------------------------------------------------------------------------------ */

#define HEAD                                                                                       \
    "{\"format\":\"eie-suite-1\",\"summary\":\"s\",\"basis\":\"generated\","                       \
    "\"default_matrix\":true,\n\"default_kernels\":\"*\",\"needs_models\":false,\"pe_count\":64,"  \
    "\"seed\":1,\"signed\":false,\"samples\":2,\n\"layers\":["
#define LAYER                                                                                      \
    "{\"name\":\"a\",\"inputs\":8,\"outputs\":4,\n\"weight_density\":0.5,"                         \
    "\"activation\":\"relu\",\"activation_density\":0.5,\"source\":\"t\"}"
#define SPLIT                                                                                      \
    "{\"name\":\"b\",\"inputs\":8,\"outputs\":4,\"nonzeros_in_active_columns\":3,\n"               \
    "\"nonzeros_in_inactive_columns\":4,\"activation\":\"none\",\"activation_density\":0.5,"       \
    "\"source\":\"t\"}"
#define TAIL "]}\n"

static struct test_folder folder;

static int make_folder(void **state)
{
    (void)state;
    test_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(&folder);
    return 0;
}

static enum eie_status read_text(const char *text, struct eie_suite *suite, struct eie_error *error)
{
    const char *path = test_path(&folder, "mine.json");
    test_write(path, text, strlen(text));
    return eie_suite_read(path, suite, error);
}

static void a_good_suite_of_ones_own_is_read(void **state)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    (void)state;
    assert_good(read_text(HEAD LAYER "," SPLIT TAIL, &suite, &error), error);
    assert_string_equal(suite.name, "mine");
    assert_int_equal(suite.layer_count, 2);
    assert_int_equal(suite.layers[0].spec.nonzeros_active, 16);
    assert_int_equal(suite.layers[0].spec.active_inputs, 4);
    assert_false(suite.layers[0].spec.split);
    assert_true(suite.layers[1].spec.split);
    for (uint32_t i = 0; i < 2; i++) {
        struct eie_layer *layer;
        assert_good(eie_suite_build(&suite, i, 3, &layer, &error), error);
        assert_int_equal(layer->sample_count, 2);
        eie_layer_free(layer);
    }
    eie_suite_free(&suite);
    assert_null(suite.layers);
}

/* `text` with the first `old` replaced, in a buffer of its own. */
static const char *replaced(const char *text, const char *old, const char *new)
{
    static char buffer[8192];
    const char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(buffer, sizeof buffer, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return buffer;
}

static void bad_suites_are_refused(void **state)
{
    static const char *const good = HEAD LAYER "," SPLIT TAIL;
    static const char *const cases[][3] = {
        {"\"inputs\":8", "\"inputs\":0", "0 is outside 1 to"},
        {"\"outputs\":4", "\"outputs\":0", "0 is outside 1 to"},
        {"\"outputs\":4", "\"outputs\":-4", "-4 is outside 1 to"},
        {"\"outputs\":4", "\"outputs\":4.0", "outputs"},
        {"\"outputs\":4", "\"outputs\":99999999999", "outside"},
        {"\"weight_density\":0.5", "\"weight_density\":2", "2 is outside 0 to 1"},
        {"\"weight_density\":0.5", "\"weight_density\":-0.1", "outside 0 to 1"},
        {"\"weight_density\":0.5", "\"weight_density\":1e999", "mine.json:"},
        {"\"weight_density\":0.5", "\"weight_density\":\"0.5\"", "weight_density"},
        {"\"activation_density\":0.5", "\"activation_density\":1.01", "outside 0 to 1"},
        {"\"activation\":\"relu\"", "\"activation\":\"tanh\"", "'tanh' is neither none nor relu"},
        {"\"activation\":\"relu\",", "", "\"activation\" is missing"},
        {"\"source\":\"t\"}", "\"source\":\"t\",\"sauce\":1}", "unknown key"},
        {"\"source\":\"t\"}", "\"source\":\"t\",\"input_type\":\"u7\"}",
         "'u7' is neither u8 nor s8"},
        {"\"source\":\"t\"}", "\"source\":\"t\",\"input_type\":8}", "input_type"},
        {"\"inputs\":8,\"outputs\":4,\"nonzeros",
         "\"input_type\":\"u8\",\"inputs\":8,\"outputs\":4,\"nonzeros", "unknown key"},
        {",\"source\":\"t\"}", "}", "\"source\" is missing"},
        {"\"name\":\"a\",", "", "\"name\" is missing"},
        {"\"name\":\"b\"", "\"name\":\"a\"", "two layers are named 'a'"},
        {"\"weight_density\":0.5,", "", "nonzeros_in_active_columns"},
        {"\"nonzeros_in_active_columns\":3,", "\"weight_density\":0.5,", "unknown key"},
        {"\"nonzeros_in_active_columns\":3", "\"nonzeros_in_active_columns\":-3", "outside"},
        {"\"nonzeros_in_inactive_columns\":4,", "", "nonzeros_in_inactive_columns"},
        {"\"samples\":2", "\"samples\":0", "outside 1 to"},
        {"\"samples\":2", "\"samples\":99999", "outside 1 to"},
        {"\"samples\":2,", "", "\"samples\" is missing"},
        {"\"pe_count\":64", "\"pe_count\":0", "outside 1 to"},
        {"\"seed\":1", "\"seed\":-1", "outside 0 to"},
        {"\"signed\":false", "\"signed\":0", "signed"},
        {"\"signed\":false,", "", "signed"},
        {"\"needs_models\":false", "\"needs_models\":\"no\"", "needs_models"},
        {"\"basis\":\"generated\"", "\"basis\":\"guessed\"", "'guessed' is none of"},
        {"\"basis\":\"generated\"", "\"basis\":\"generated, so to speak\"", "longer than"},
        {"\"format\":\"eie-suite-1\"", "\"format\":\"eie-suite-2\"", "format 'eie-suite-2'"},
        {"\"format\":\"eie-suite-1\",", "", "\"format\" is missing"},
        {"\"seed\":1", "\"seed\":1,\"sead\":1", "unknown key"},
        {"\"seed\":1", "\"seed\":1,\"seed\":1", "mine.json:"},
        {LAYER "," SPLIT, "", "1 to 4096 layers"},
        {LAYER "," SPLIT, "17", "every layer must be an object"},
        {"]}", "]", "not valid JSON"},
        {"\"layers\":[", "\"layers\":{},\"x\":[", "mine.json:"},
        {LAYER, "{\"name\":\"c\",\"import_dump\":\"d\",\"source\":\"t\"}",
         "\"outputs\" is missing"},
        {LAYER, "{\"name\":\"c\",\"import_dump\":\"d\",\"outputs\":0,\"source\":\"t\"}", "outside"},
        {LAYER,
         "{\"name\":\"c\",\"import_dump\":\"d\",\"outputs\":1,\"inputs\":1,\"source\":\"t\"}",
         "unknown key"},
    };
    struct eie_suite suite;
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        const char *text = replaced(good, cases[i][0], cases[i][1]);
        assert_bad(read_text(text, &suite, &error), EIE_INPUT, error, cases[i][2]);
        assert_non_null(strstr(error.message, "mine.json:"));
        assert_null(suite.layers);
        assert_int_equal(suite.layer_count, 0);
    }
}

static void types_of_inputs_are_read_and_contradict_signs(void **state)
{
    static const char head[] = HEAD, typed[] = "\"input_type\":\"s8\",\"source\":\"t\"}";
    struct eie_suite suite;
    struct eie_error error = {""};
    char text[8192];
    (void)state;
    snprintf(text, sizeof text, "%s", replaced(HEAD LAYER TAIL, "\"source\":\"t\"}", typed));
    assert_good(read_text(text, &suite, &error), error);
    assert_int_equal(suite.layers[0].spec.input_type, EIE_INPUT_S8);
    eie_suite_free(&suite);
    assert_non_null(strstr(head, "\"signed\":false"));
    snprintf(text, sizeof text, "%s", replaced(text, "\"signed\":false", "\"signed\":true"));
    assert_bad(read_text(text, &suite, &error), EIE_INPUT, error, "s8 has signs of its own");
}

static void long_names_are_refused(void **state)
{
    char name[EIE_NAME_MAX + 32], text[8192];
    struct eie_suite suite;
    struct eie_error error = {""};
    (void)state;
    for (int length = EIE_NAME_MAX - 1; length <= EIE_NAME_MAX; length++) {
        snprintf(name, sizeof name, "\"name\":\"%0*d\"", length, 1);
        snprintf(text, sizeof text, "%s", replaced(HEAD LAYER TAIL, "\"name\":\"a\"", name));
        if (length < EIE_NAME_MAX)
            assert_good(read_text(text, &suite, &error), error);
        else
            assert_bad(read_text(text, &suite, &error), EIE_INPUT, error, "longer than 63 bytes");
        eie_suite_free(&suite);
    }
}

static void unknown_names_list_the_known_ones(void **state)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    (void)state;
    assert_bad(eie_suite_read("papre", &suite, &error), EIE_USAGE, error, "unknown suite 'papre'");
    assert_non_null(strstr(error.message, "paper, "));
    assert_non_null(strstr(error.message, "real"));
    assert_null(strstr(error.message, "manifest"));
    assert_bad(eie_suite_read("", &suite, &error), EIE_USAGE, error, "unknown suite ''");
    assert_bad(eie_suite_read("no-such.json", &suite, &error), EIE_INPUT, error, "no-such.json");
    assert_bad(eie_suite_read("/no/such", &suite, &error), EIE_INPUT, error, "/no/such");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact),
        cmocka_unit_test(the_same_specification_gives_the_same_layer),
        cmocka_unit_test(streams_do_not_disturb_each_other),
        cmocka_unit_test(inputs_of_8_bits_have_the_weights_and_positions_of_16),
        cmocka_unit_test(inputs_of_8_bits_are_halved_where_sums_need_it),
        cmocka_unit_test(inputs_of_8_bits_take_no_random_signs),
        cmocka_unit_test(samples_have_positions_of_their_own),
        cmocka_unit_test(positions_and_codes_are_uniform),
        cmocka_unit_test(a_split_counts_in_the_columns_of_sample_0),
        cmocka_unit_test(large_sums_are_scaled_into_int32),
        cmocka_unit_test(further_samples_go_on_where_the_layers_end),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(every_suite_reads),
        cmocka_unit_test(the_paper_suite_has_table_3),
        cmocka_unit_test(small_layers_have_the_hash_of_the_manifest),
        cmocka_unit_test(layers_are_built_as_the_suite_states),
        cmocka_unit_test(inputs_of_a_suite),
        cmocka_unit_test(real_layers_need_a_folder),
        cmocka_unit_test(a_good_suite_of_ones_own_is_read),
        cmocka_unit_test(bad_suites_are_refused),
        cmocka_unit_test(types_of_inputs_are_read_and_contradict_signs),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(unknown_names_list_the_known_ones),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
