/* host/layer/layer.h: the encoding against the paper's examples and against a slow encoder of its
 * own, the rules of validity one by one, counts, hash and bound. */
#include "host/base/sha256.h"
#include "host/layer/layer.h"
#include "host/layer/numbers.h"
#include "tests/support/layers.h"
#include "tests/support/sealed.h"

/* ---- the paper's examples -------------------------------------------------------------------- */

static void assert_stream(const struct eie_layer *layer, uint32_t begin, const uint8_t *code,
                          const uint8_t *run, uint32_t count)
{
    for (uint32_t e = 0; e < count; e++) {
        assert_int_equal(layer->entries[begin + e] >> 4, code[e]);
        assert_int_equal(layer->entries[begin + e] & 15, run[e]);
    }
}

/* ISCA 2016, section III.B: two zeros, 1, 2, eighteen zeros, 3. */
static void the_column_of_section_3(void **state)
{
    static const uint8_t v[] = {1, 2, 0, 3}, z[] = {2, 0, 15, 2};
    struct test_matrix matrix = test_matrix_empty(1, 23);
    const struct eie_layer parts = test_parts("column", 1);
    (void)state;
    *test_at(&matrix, 2, 0) = 1;
    *test_at(&matrix, 3, 0) = 2;
    *test_at(&matrix, 22, 0) = 3;
    struct eie_layer *layer = test_encode(&matrix, &parts);
    assert_int_equal(layer->entry_count, 4);
    assert_int_equal(layer->column_start[0], 0);
    assert_int_equal(layer->column_start[1], 4);
    assert_stream(layer, 0, v, z, 4);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

/* ISCA 2016, Figs. 2 and 3: what PE 0 of four holds of a 16 x 8 matrix. Only its weights are given,
 * so the other PEs' are drawn, which must not matter. */
static void pe_0_of_figures_2_and_3(void **state)
{
    static const uint8_t place[13][2] = {{0, 0}, {8, 0}, {12, 0}, {4, 1}, {0, 2}, {12, 2}, {0, 4},
                                         {4, 4}, {0, 5}, {12, 5}, {0, 6}, {8, 7}, {12, 7}};
    static const uint8_t x[13] = {0, 1, 0, 1, 0, 2, 0, 0, 0, 2, 0, 2, 0};
    static const uint32_t p[9] = {0, 3, 4, 6, 6, 8, 10, 11, 13};
    const struct eie_layer parts = test_parts("fig3", 4);
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct eie_random random;
        uint8_t v[13];
        eie_random_seed(&random, seed);
        struct test_matrix matrix = test_matrix_draw(8, 16, 0.3, &random);
        for (uint32_t i = 0; i < 16; i += 4) memset(test_at(&matrix, i, 0), 0, 8);
        for (int e = 0; e < 13; e++)
            *test_at(&matrix, place[e][0], place[e][1]) = v[e] = (uint8_t)(1 + e);
        struct eie_layer *layer = test_encode(&matrix, &parts);
        assert_memory_equal(layer->column_start, p, sizeof p);
        assert_stream(layer, 0, v, x, 13);
        eie_layer_free(layer);
        test_matrix_free(&matrix);
    }
}

/* ---- round trips ----------------------------------------------------------------------------- */

/* Encodes by walking every PE's rows one by one, and compares byte by byte. */
static void assert_encodes(const struct eie_layer *layer, const struct test_matrix *matrix)
{
    uint32_t at = 0;
    const uint32_t *start = layer->column_start;
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        for (uint32_t j = 0; j < matrix->inputs; j++, start++) {
            uint32_t zeros = 0;
            assert_int_equal(*start, at);
            for (uint32_t i = pe; i < matrix->outputs; i += layer->pe_count) {
                const uint8_t code = *test_at(matrix, i, j);
                if (!code) {
                    zeros++;
                    continue;
                }
                while (zeros > 15) {
                    assert_int_equal(layer->entries[at++], 0x0F);
                    zeros -= 16;
                }
                assert_int_equal(layer->entries[at++], code * 16 + zeros);
                zeros = 0;
            }
        }
        assert_int_equal(*start++, at);
    }
    assert_int_equal(layer->entry_count, at);
}

static void assert_decodes(const struct eie_layer *layer, const struct test_matrix *matrix)
{
    struct eie_sparse_codes codes, wanted = test_codes(matrix);
    struct eie_error error = {""};
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    const uint32_t n = wanted.column_start[wanted.inputs];
    assert_int_equal(codes.inputs, wanted.inputs);
    assert_int_equal(codes.outputs, wanted.outputs);
    assert_memory_equal(codes.column_start, wanted.column_start,
                        (wanted.inputs + 1) * sizeof(uint32_t));
    assert_memory_equal(codes.row, wanted.row, n * sizeof(uint32_t));
    assert_memory_equal(codes.code, wanted.code, n);
    eie_sparse_codes_free(&codes);
    test_codes_free(&wanted);
}

/* Recut for other PE counts and back. */
static void assert_recuts(const struct eie_layer *layer, const struct test_matrix *matrix)
{
    static const uint32_t pe_counts[] = {1, 3, 16, 64, 257};
    struct eie_error error = {""};
    for (size_t i = 0; i < TEST_COUNT(pe_counts); i++) {
        struct eie_layer *other, *back;
        assert_good(eie_layer_reencode(layer, pe_counts[i], &other, &error), error);
        assert_encodes(other, matrix);
        assert_decodes(other, matrix);
        assert_string_equal(other->name, layer->name);
        assert_string_equal(other->source, layer->source);
        assert_good(eie_layer_reencode(other, layer->pe_count, &back, &error), error);
        assert_same_layer(back, layer);
        eie_layer_free(other);
        eie_layer_free(back);
    }
}

static void assert_round_trip(const struct test_matrix *matrix, uint32_t pe_count, bool extras,
                              struct eie_random *random)
{
    struct eie_layer parts = test_parts("trip", pe_count), *copy;
    struct eie_error error = {""};
    int32_t *bias = calloc(matrix->outputs, sizeof *bias);
    int16_t *samples = calloc(matrix->inputs * 3u, sizeof *samples);
    for (uint32_t i = 0; i < matrix->outputs; i++)
        bias[i] = (int32_t)(eie_random_next(random) >> 32);
    for (uint32_t i = 0; i < matrix->inputs * 3u; i++)
        samples[i] = (int16_t)(eie_random_next(random) >> 48);
    if (extras) {
        parts.bias = bias;
        parts.sample_count = 3;
        parts.sample_inputs = samples;
    }
    struct eie_layer *layer = test_encode(matrix, &parts);
    assert_int_equal((uintptr_t)layer % 64, 0);
    assert_int_equal((uintptr_t)layer->column_start % 64, 0);
    assert_int_equal((uintptr_t)layer->entries % 64, 0);
    assert_encodes(layer, matrix);
    assert_decodes(layer, matrix);
    assert_recuts(layer, matrix);
    assert_good(eie_layer_create(layer, &copy, &error), error);
    assert_same_layer(copy, layer);
    assert_int_equal(!layer->bias, !extras);
    if (extras) {
        assert_memory_equal(layer->bias, bias, matrix->outputs * sizeof *bias);
        assert_memory_equal(layer->sample_inputs, samples, matrix->inputs * 3u * sizeof *samples);
    }
    eie_layer_free(copy);
    eie_layer_free(layer);
    free(bias);
    free(samples);
}

static void every_matrix_survives_the_round_trip(void **state)
{
    static const uint32_t sizes[] = {1, 2, 15, 16, 17, 33, 64, 65, 130};
    static const uint32_t pe_counts[] = {1, 2, 3, 4, 7, 16, 63, 64, 65, 200};
    static const double densities[] = {0, 0.01, 0.05, 0.25, 0.7, 1};
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 3);
    for (uint32_t turn = 0; turn < 600; turn++) {
        const uint32_t inputs = sizes[eie_random_below(&random, TEST_COUNT(sizes))];
        const uint32_t outputs = sizes[turn % TEST_COUNT(sizes)];
        const uint32_t pe_count = pe_counts[eie_random_below(&random, TEST_COUNT(pe_counts))];
        const double density = densities[eie_random_below(&random, TEST_COUNT(densities))];
        struct test_matrix matrix = test_matrix_draw(inputs, outputs, density, &random);
        assert_round_trip(&matrix, pe_count, turn % 2, &random);
        test_matrix_free(&matrix);
    }
}

static void long_runs_take_the_right_padding(void **state)
{
    static const uint32_t runs[] = {0, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 49, 255, 256, 1000};
    (void)state;
    for (size_t r = 0; r < TEST_COUNT(runs); r++) {
        for (uint32_t pe_count = 1; pe_count <= 3; pe_count++) {
            struct test_matrix matrix = test_matrix_empty(2, (runs[r] + 1) * pe_count);
            const struct eie_layer parts = test_parts("run", pe_count);
            for (uint32_t pe = 0; pe < pe_count; pe++)
                *test_at(&matrix, runs[r] * pe_count + pe, 1) = 15;
            struct eie_layer *layer = test_encode(&matrix, &parts);
            struct eie_layer_counts counts;
            eie_layer_count(layer, NULL, &counts);
            assert_encodes(layer, &matrix);
            assert_int_equal(counts.nonzeros, pe_count);
            assert_int_equal(counts.padding, pe_count * (runs[r] / 16));
            eie_layer_free(layer);
            test_matrix_free(&matrix);
        }
    }
}

/* ---- validity -------------------------------------------------------------------------------- */

/* 2 PEs, 3 inputs, 40 outputs: 20 rows each. PE 0: column 0 rows 0 and 19 (with padding), column 2
 * row 5; PE 1: column 1 row 3. */
struct small {
    struct eie_layer parts;
    uint32_t start[8];
    uint8_t entries[5];
    int32_t bias[40];
    int16_t samples[3];
};

static struct small small_layer(void)
{
    struct small small = {
        .start = {0, 3, 3, 4, 4, 4, 5, 5},
        .entries = {0x10, 0x0F, 0x22, 0x35, 0x43},
    };
    small.parts = test_parts("small", 2);
    small.parts.inputs = 3;
    small.parts.outputs = 40;
    small.parts.entry_count = 5;
    return small;
}

static void assert_refused_by(struct small *small, enum eie_status wanted, const char *part)
{
    struct eie_layer *layer = NULL;
    struct eie_error error = {""};
    small->parts.column_start = small->start;
    small->parts.entries = small->entries;
    assert_bad(eie_layer_create(&small->parts, &layer, &error), wanted, error, part);
    assert_null(layer);
    assert_int_equal(eie_layer_create(&small->parts, &layer, NULL), wanted);
}

#define assert_refused(small, part) assert_refused_by(small, EIE_INPUT, part)

static void the_small_layer_is_valid(void **state)
{
    struct small small = small_layer();
    struct eie_layer *layer;
    struct eie_error error = {""};
    (void)state;
    small.parts.column_start = small.start;
    small.parts.entries = small.entries;
    assert_good(eie_layer_create(&small.parts, &layer, &error), error);
    assert_ptr_not_equal(layer->column_start, small.start);
    assert_ptr_not_equal(layer->entries, small.entries);
    eie_layer_free(layer);
    eie_layer_free(NULL);
}

static void positions_beyond_the_rows_are_refused(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.entries[2] = 0x24; /* row 21 of 20 */
    assert_refused(&small, "layer small, PE 0, column 0, entry 2: row 21 is beyond the PE's 20");
    small = small_layer();
    small.entries[2] = 0x23; /* row 20 of 20 */
    assert_refused(&small, "PE 0, column 0, entry 2: row 20");
    small = small_layer();
    small.parts.outputs = 39; /* PE 1 has 19 rows, PE 0 still 20 */
    small.entries[4] = 0x4F;  /* row 15 */
    small.entries[3] = 0x3F;
    small.parts.column_start = small.start;
    small.parts.entries = small.entries;
    struct eie_layer *layer;
    assert_int_equal(eie_layer_create(&small.parts, &layer, NULL), EIE_OK);
    eie_layer_free(layer);
    small.parts.outputs = 30; /* 15 rows each */
    assert_refused(&small, "PE 0, column 0, entry 1: row 16 is beyond the PE's 15 rows");
    small.entries[1] = 0x1D;
    small.entries[2] = 0x20; /* row 15 again, as a weight */
    assert_refused(&small, "PE 0, column 0, entry 2: row 15");
    small = small_layer();
    small.parts.outputs = 1; /* PE 1 has no row at all */
    small.start[1] = small.start[2] = small.start[3] = small.start[4] = small.start[5] = 0;
    small.start[6] = small.start[7] = small.parts.entry_count = 1;
    assert_refused(&small, "PE 1, column 1, entry 0: row 0 is beyond the PE's 0 rows");
}

static void padding_rows_beyond_the_end_are_refused(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.entries[2] = 0x0F; /* second padding reaches row 32 */
    assert_refused(&small, "entry 2: row 32");
}

static void code_0_stands_only_as_0x0f(void **state)
{
    (void)state;
    for (uint8_t run = 0; run < 15; run++) {
        struct small small = small_layer();
        small.entries[3] = run;
        assert_refused(&small, "layer small, PE 0, column 2, entry 3: code 0 with run");
    }
}

static void columns_must_not_end_in_padding(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.entries[4] = 0x0F;
    assert_refused(&small, "layer small, PE 1, column 1: ends in padding");
    small = small_layer();
    small.start[1] = small.start[2] = 2; /* the column of the padding ends behind it */
    assert_refused(&small, "PE 0, column 0: ends in padding");
}

static void bad_pointers_are_refused(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.start[0] = 1;
    assert_refused(&small, "first pointer is 1");
    small = small_layer();
    small.start[2] = 2;
    assert_refused(&small, "PE 0, column 1: pointer runs backwards (3 to 2)");
    small = small_layer();
    small.start[2] = 6;
    assert_refused(&small, "PE 0, column 1: pointer 6 is beyond the 5 entries");
    small = small_layer();
    small.start[2] = UINT32_MAX;
    assert_refused(&small, "PE 0, column 1: pointer 4294967295");
    small = small_layer();
    small.start[4] = 3;
    assert_refused(&small, "PE 1: starts at entry 3, but PE 0 ends at 4");
    small = small_layer();
    small.start[4] = 5;
    assert_refused(&small, "PE 1: starts at entry 5, but PE 0 ends at 4");
    small = small_layer();
    small.start[7] = 4;
    assert_refused(&small, "PE 1, column 2: pointer runs backwards");
    small = small_layer();
    small.start[6] = small.start[7] = 4;
    assert_refused(&small, "pointers end at 4, but there are 5 entries");
    small = small_layer();
    small.parts.entry_count = 4;
    assert_refused(&small, "PE 1, column 1: pointer 5 is beyond the 4 entries");
}

static void bad_fields_are_refused(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.parts.inputs = 0;
    assert_refused(&small, "inputs 0");
    small = small_layer();
    small.parts.outputs = 0;
    assert_refused(&small, "outputs 0");
    small = small_layer();
    small.parts.pe_count = 0;
    assert_refused(&small, "PEs 0");
    small = small_layer();
    small.parts.pe_count = UINT32_MAX;
    assert_refused(&small, "more than 2^32 pointers");
    small = small_layer();
    small.parts.inputs = UINT32_MAX;
    assert_refused(&small, "more than 2^32 pointers");
    small = small_layer();
    small.parts.output_fraction_bits = 17; /* 12 + 4 - 17 */
    assert_refused(&small, "is -1, must be 0..31");
    small = small_layer();
    small.parts.weight_fraction_bits = 31;
    small.parts.output_fraction_bits = 3;
    assert_refused(&small, "is 32, must be 0..31");
    small = small_layer();
    small.parts.weight_fraction_bits = small.parts.input_fraction_bits = UINT32_MAX;
    small.parts.output_fraction_bits = UINT32_MAX - 3;
    assert_refused(&small, "fraction bits");
    small = small_layer();
    small.parts.codebook[0] = 1;
    assert_refused(&small, "codebook[0] is 1");
    small = small_layer();
    small.parts.activation = (enum eie_activation)2;
    assert_refused(&small, "unknown activation 2");
    small = small_layer();
    small.parts.source = NULL;
    assert_refused(&small, "has no source");
    small = small_layer();
    small.parts.sample_count = 1;
    assert_refused(&small, "sample inputs are missing");
}

static void bad_names_are_refused(void **state)
{
    static const char *const bad[] = {"", "a b", "a/b", "a,b", "\xC3\xA4", "a\nb", "a=b", "a\"b"};
    static const char *const good[] = {"a", "..", "fc8", "Alex-8_x.2"};
    char longest[EIE_NAME_MAX + 1];
    struct eie_layer *layer;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct small small = small_layer();
        small.parts.name = bad[i];
        assert_refused(&small, "layer name '");
    }
    struct small small = small_layer();
    small.parts.name = NULL;
    assert_refused(&small, "layer name ''");
    memset(longest, 'x', EIE_NAME_MAX);
    longest[EIE_NAME_MAX] = '\0';
    small.parts.name = longest;
    assert_refused(&small, "layer name 'xxxxx");
    longest[EIE_NAME_MAX - 1] = '\0';
    assert_int_equal(eie_layer_create(&small.parts, &layer, NULL), EIE_OK);
    assert_string_equal(layer->name, longest);
    eie_layer_free(layer);
    for (size_t i = 0; i < TEST_COUNT(good); i++) {
        small.parts.name = good[i];
        assert_int_equal(eie_layer_create(&small.parts, &layer, NULL), EIE_OK);
        eie_layer_free(layer);
    }
}

static void both_ends_of_the_shift_are_valid(void **state)
{
    struct small small = small_layer();
    struct eie_layer *layer;
    (void)state;
    small.parts.column_start = small.start;
    small.parts.entries = small.entries;
    for (uint32_t shift = 0; shift < 32; shift++) {
        small.parts.weight_fraction_bits = 31;
        small.parts.input_fraction_bits = 31;
        small.parts.output_fraction_bits = 62 - shift;
        assert_int_equal(eie_layer_create(&small.parts, &layer, NULL), EIE_OK);
        assert_int_equal(eie_layer_shift(layer), shift);
        eie_layer_free(layer);
    }
}

static void codes_that_cannot_be_encoded_are_refused(void **state)
{
    uint32_t start[] = {0, 2, 3}, row[] = {1, 4, 0};
    uint8_t code[] = {1, 15, 3};
    const struct eie_sparse_codes codes = {2, 5, start, row, code};
    struct eie_layer parts = test_parts("codes", 2), *layer = NULL;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_layer_encode(&parts, &codes, &layer, &error), error);
    eie_layer_free(layer);
    code[1] = 0;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error,
               "column 0: code 0");
    code[1] = 16;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error, "code 16");
    code[1] = 15, row[1] = 1;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error,
               "column 0: row 1");
    row[1] = 0;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error, "row 0");
    row[1] = 5;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error, "row 5");
    row[1] = 4, start[1] = 4;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error, "column");
    start[1] = 2, parts.pe_count = 0;
    assert_bad(eie_layer_encode(&parts, &codes, &layer, &error), EIE_INPUT, error, "PEs 0");
}

/* ---- counts, hash, bound --------------------------------------------------------------------- */

static void counts_follow_the_active_columns(void **state)
{
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 4);
    for (int turn = 0; turn < 60; turn++) {
        const uint32_t inputs = 1 + eie_random_below(&random, 40);
        const uint32_t outputs = 1 + eie_random_below(&random, 400);
        const uint32_t pe_count = 1 + eie_random_below(&random, 9);
        struct test_matrix matrix = test_matrix_draw(inputs, outputs, 0.04, &random);
        const struct eie_layer parts = test_parts("counts", pe_count);
        struct eie_layer *layer = test_encode(&matrix, &parts);
        struct eie_layer_counts counts, wanted = {0};
        int16_t input[40];
        for (uint32_t j = 0; j < inputs; j++) {
            uint64_t weights = 0, padding = 0;
            input[j] = (int16_t)(eie_random_below(&random, 3) - 1u);
            for (uint32_t i = 0; i < outputs; i++) {
                uint32_t zeros = 0; /* of this PE above row i */
                if (!*test_at(&matrix, i, j)) continue;
                for (uint32_t k = i; k >= pe_count && !*test_at(&matrix, k - pe_count, j);)
                    zeros++, k -= pe_count;
                weights++;
                padding += zeros / 16;
            }
            wanted.nonzeros += weights;
            wanted.padding += padding;
            wanted.active_columns += input[j] != 0;
            wanted.active_nonzeros += input[j] ? weights : 0;
            wanted.active_padding += input[j] ? padding : 0;
        }
        eie_layer_count(layer, input, &counts);
        assert_memory_equal(&counts, &wanted, sizeof counts);
        eie_layer_count(layer, NULL, &counts);
        assert_int_equal(counts.nonzeros, wanted.nonzeros);
        assert_int_equal(counts.active_nonzeros, wanted.nonzeros);
        assert_int_equal(counts.active_padding, wanted.padding);
        assert_int_equal(counts.active_columns, inputs);
        eie_layer_free(layer);
        test_matrix_free(&matrix);
    }
}

static struct eie_hash hash_of(const struct eie_layer *layer)
{
    struct eie_hash hash;
    struct eie_error error = {""};
    assert_good(eie_layer_hash(layer, &hash, &error), error);
    assert_int_equal(strlen(hash.hex), 64);
    return hash;
}

static void add(struct eie_sha256 *sha, const void *bytes, uint64_t size, bool prefixed)
{
    struct eie_error error = {""};
    if (prefixed) assert_good(eie_sha256_add(sha, &size, sizeof size, &error), error);
    assert_good(eie_sha256_add(sha, bytes, size, &error), error);
}

static void the_hash_is_the_documented_one(void **state)
{
    struct small small = small_layer();
    struct eie_sha256 *sha;
    struct eie_hash wanted;
    struct eie_error error = {""};
    (void)state;
    small.parts.column_start = small.start;
    small.parts.entries = small.entries;
    small.parts.bias = small.bias;
    small.parts.sample_count = 1;
    small.parts.sample_inputs = small.samples;
    small.bias[39] = -7;
    small.samples[2] = 9;
    const uint32_t fields[7] = {3, 40, 2, 1, 12, 4, 8};
    assert_good(eie_sha256_begin(&sha, &error), error);
    add(sha, fields, sizeof fields, false);
    add(sha, small.parts.codebook, 32, true);
    add(sha, small.start, sizeof small.start, true);
    add(sha, small.entries, sizeof small.entries, true);
    add(sha, small.bias, sizeof small.bias, true);
    add(sha, small.samples, sizeof small.samples, true);
    assert_good(eie_sha256_end(sha, &wanted, &error), error);
    assert_string_equal(hash_of(&small.parts).hex, wanted.hex);
}

static void assert_hash_differs(const struct small *small, const struct eie_hash *base)
{
    assert_string_not_equal(hash_of(&small->parts).hex, base->hex);
}

static void the_hash_depends_on_every_field_but_name_and_source(void **state)
{
    (void)state;
    struct small small = small_layer();
    small.parts.column_start = small.start;
    small.parts.entries = small.entries;
    small.parts.bias = small.bias;
    small.parts.sample_count = 1;
    small.parts.sample_inputs = small.samples;
    const struct eie_hash base = hash_of(&small.parts);
    const struct eie_layer kept = small.parts;

    small.parts.name = "other";
    small.parts.source = "elsewhere";
    assert_string_equal(hash_of(&small.parts).hex, base.hex);
    small.parts = kept;

    small.parts.outputs = 39;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.activation = EIE_ACTIVATION_NONE;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.weight_fraction_bits++;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.input_fraction_bits++;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.output_fraction_bits++;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.bias = NULL;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.sample_count = 0, small.parts.sample_inputs = NULL;
    assert_hash_differs(&small, &base);
    small.parts = kept, small.parts.entry_count = 4;
    assert_hash_differs(&small, &base);
    small.parts = kept;
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) {
        small.parts.codebook[c] ^= 1;
        assert_hash_differs(&small, &base);
        small.parts.codebook[c] ^= 1;
    }
    for (size_t i = 0; i < TEST_COUNT(small.start); i++) {
        small.start[i] ^= 1u << 31;
        assert_hash_differs(&small, &base);
        small.start[i] ^= 1u << 31;
    }
    for (size_t i = 0; i < TEST_COUNT(small.entries); i++) {
        small.entries[i] ^= 1;
        assert_hash_differs(&small, &base);
        small.entries[i] ^= 1;
    }
    small.bias[39]++;
    assert_hash_differs(&small, &base);
    small.bias[39]--, small.samples[2]++;
    assert_hash_differs(&small, &base);
    small.samples[2]--;
    assert_string_equal(hash_of(&small.parts).hex, base.hex);
}

/* Same bytes in a row, cut into other arrays. */
static void the_hash_tells_apart_what_only_lengths_tell_apart(void **state)
{
    static const uint32_t pointers[4];
    static const int32_t bias[] = {0x00020001};
    static const int16_t samples[] = {1, 2};
    (void)state;
    struct eie_layer a = test_parts("a", 1);
    a.inputs = 2;
    a.outputs = 1;
    a.column_start = pointers;
    struct eie_layer b = a;
    a.bias = bias;
    b.sample_count = 1;
    b.sample_inputs = samples;
    assert_memory_equal(bias, samples, sizeof samples);
    assert_string_not_equal(hash_of(&a).hex, hash_of(&b).hex);

    struct eie_layer c = test_parts("c", 2), d = test_parts("d", 1);
    c.outputs = d.outputs = 1;
    c.column_start = d.column_start = pointers;
    c.inputs = 1, d.inputs = 3; /* four pointers each */
    assert_string_not_equal(hash_of(&c).hex, hash_of(&d).hex);
}

/* The largest |sum| over extreme inputs, by hand. */
static void the_sum_bound_is_a_bound(void **state)
{
    struct eie_random random;
    struct eie_error error = {""};
    (void)state;
    eie_random_seed(&random, 8);
    for (int turn = 0; turn < 40; turn++) {
        struct test_matrix matrix = test_matrix_draw(
            1 + eie_random_below(&random, 60), 1 + eie_random_below(&random, 60), 0.4, &random);
        struct eie_layer parts = test_parts("bound", 1 + eie_random_below(&random, 5));
        int32_t bias[60];
        uint64_t bound = 0, wanted = 0;
        for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
            parts.codebook[c] = (int16_t)(eie_random_next(&random) >> 48);
        parts.codebook[3] = INT16_MIN;
        for (uint32_t i = 0; i < matrix.outputs; i++)
            bias[i] = (int32_t)(eie_random_next(&random) >> 32);
        bias[0] = INT32_MIN;
        parts.bias = turn % 2 ? bias : NULL;
        for (uint32_t i = 0; i < matrix.outputs; i++) {
            uint64_t row = parts.bias ? (uint64_t)llabs((int64_t)bias[i]) : 0;
            for (uint32_t j = 0; j < matrix.inputs; j++)
                row += 32768 * (uint64_t)abs(parts.codebook[*test_at(&matrix, i, j)]);
            if (row > wanted) wanted = row;
        }
        struct eie_layer *layer = test_encode(&matrix, &parts);
        assert_good(eie_layer_sum_bound(layer, &bound, &error), error);
        assert_true(bound == wanted);
        eie_layer_free(layer);
        test_matrix_free(&matrix);
    }
}

static void local_rows_add_up(void **state)
{
    (void)state;
    for (uint32_t outputs = 1; outputs < 70; outputs++) {
        for (uint32_t pe_count = 1; pe_count < 80; pe_count++) {
            const struct eie_layer layer = {.outputs = outputs, .pe_count = pe_count};
            uint32_t rows = 0;
            for (uint32_t pe = 0; pe < pe_count; pe++) {
                uint32_t own = 0;
                for (uint32_t i = pe; i < outputs; i += pe_count) own++;
                assert_int_equal(eie_layer_local_rows(&layer, pe), own);
                rows += own;
            }
            assert_int_equal(rows, outputs);
        }
    }
}

/* ---- nobody writes to a layer ---------------------------------------------------------------- */

static void assert_layer_read_only(const struct eie_layer *layer)
{
    assert_read_only(layer, sizeof *layer);
    assert_read_only(layer->codebook, sizeof layer->codebook);
    assert_read_only(layer->column_start, test_pointer_count(layer) * sizeof *layer->column_start);
    assert_read_only(layer->entries, layer->entry_count);
    assert_read_only(layer->bias, layer->outputs * sizeof *layer->bias);
    assert_read_only(layer->sample_inputs,
                     (size_t)layer->sample_count * layer->inputs * sizeof *layer->sample_inputs);
    assert_read_only(layer->name, strlen(layer->name) + 1);
    assert_read_only(layer->source, strlen(layer->source) + 1);
}

static void built_layers_are_read_only(void **state)
{
    enum { INPUTS = 70, OUTPUTS = 90, SAMPLES = 40 };
    static const int32_t bias[OUTPUTS] = {1};
    static const int16_t samples[SAMPLES * INPUTS] = {2};
    struct eie_layer *drawn = test_layer_draw("sealed", INPUTS, OUTPUTS, 3, 0.4, 1);
    struct eie_layer parts = *drawn, *created, *encoded, *recut;
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    (void)state;
    parts.bias = bias;
    parts.sample_count = SAMPLES;
    parts.sample_inputs = samples;
    assert_good(eie_layer_create(&parts, &created, &error), error);
    assert_good(eie_layer_decode(drawn, &codes, &error), error);
    assert_good(eie_layer_encode(&parts, &codes, &encoded, &error), error);
    assert_good(eie_layer_reencode(created, 7, &recut, &error), error);
    assert_layer_read_only(created);
    assert_layer_read_only(encoded);
    assert_layer_read_only(recut);
    assert_same_layer(created, encoded);
    eie_sparse_codes_free(&codes);
    eie_layer_free(recut);
    eie_layer_free(encoded);
    eie_layer_free(created);
    eie_layer_free(drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_column_of_section_3),
        cmocka_unit_test(pe_0_of_figures_2_and_3),
        cmocka_unit_test(every_matrix_survives_the_round_trip),
        cmocka_unit_test(long_runs_take_the_right_padding),
        cmocka_unit_test(the_small_layer_is_valid),
        cmocka_unit_test(positions_beyond_the_rows_are_refused),
        cmocka_unit_test(padding_rows_beyond_the_end_are_refused),
        cmocka_unit_test(code_0_stands_only_as_0x0f),
        cmocka_unit_test(columns_must_not_end_in_padding),
        cmocka_unit_test(bad_pointers_are_refused),
        cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(both_ends_of_the_shift_are_valid),
        cmocka_unit_test(codes_that_cannot_be_encoded_are_refused),
        cmocka_unit_test(counts_follow_the_active_columns),
        cmocka_unit_test(the_hash_is_the_documented_one),
        cmocka_unit_test(the_hash_depends_on_every_field_but_name_and_source),
        cmocka_unit_test(the_hash_tells_apart_what_only_lengths_tell_apart),
        cmocka_unit_test(the_sum_bound_is_a_bound),
        cmocka_unit_test(local_rows_add_up),
        cmocka_unit_test(built_layers_are_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
