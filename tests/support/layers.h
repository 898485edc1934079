/* Small random layers for tests, drawn from a seed, and comparisons of matrices and layers. */
#ifndef EIE_TESTS_SUPPORT_LAYERS_H
#define EIE_TESTS_SUPPORT_LAYERS_H

#include "host/base/random.h"
#include "host/layer/layer.h"
#include "tests/support/test.h"

/* A dense matrix of codes, [outputs][inputs], 0 where there is no weight. */
struct test_matrix {
    uint32_t inputs, outputs;
    uint8_t *code;
};

static inline uint8_t *test_at(const struct test_matrix *matrix, uint32_t row, uint32_t column)
{
    return matrix->code + (size_t)row * matrix->inputs + column;
}

static inline struct test_matrix test_matrix_empty(uint32_t inputs, uint32_t outputs)
{
    struct test_matrix matrix = {inputs, outputs, calloc((size_t)inputs * outputs, 1)};
    assert_non_null(matrix.code);
    return matrix;
}

/* Each place holds a weight with that probability; codes 1..15. */
static inline struct test_matrix test_matrix_draw(uint32_t inputs, uint32_t outputs, double density,
                                                  struct eie_random *random)
{
    struct test_matrix matrix = test_matrix_empty(inputs, outputs);
    const uint64_t limit = (uint64_t)(density * 4294967296.0);
    for (size_t i = 0; i < (size_t)inputs * outputs; i++)
        if (eie_random_next(random) >> 32 < limit)
            matrix.code[i] = (uint8_t)(1 + eie_random_below(random, 15));
    return matrix;
}

static inline void test_matrix_free(struct test_matrix *matrix)
{
    free(matrix->code);
    *matrix = (struct test_matrix){0};
}

/* The matrix as columns; free with test_codes_free. */
static inline struct eie_sparse_codes test_codes(const struct test_matrix *matrix)
{
    const size_t places = (size_t)matrix->inputs * matrix->outputs;
    uint32_t *start = malloc(((size_t)matrix->inputs + 1) * sizeof *start);
    uint32_t *row = malloc((places + 1) * sizeof *row), count = 0;
    uint8_t *code = malloc(places + 1);
    assert_true(start && row && code);
    start[0] = 0;
    for (uint32_t j = 0; j < matrix->inputs; j++) {
        for (uint32_t i = 0; i < matrix->outputs; i++) {
            if (!*test_at(matrix, i, j)) continue;
            row[count] = i;
            code[count++] = *test_at(matrix, i, j);
        }
        start[j + 1] = count;
    }
    return (struct eie_sparse_codes){matrix->inputs, matrix->outputs, start, row, code};
}

static inline void test_codes_free(struct eie_sparse_codes *codes)
{
    free((void *)(uintptr_t)codes->column_start);
    free((void *)(uintptr_t)codes->row);
    free((void *)(uintptr_t)codes->code);
    *codes = (struct eie_sparse_codes){0};
}

/* Fields that are valid for any matrix; shift 8. */
static inline struct eie_layer test_parts(const char *name, uint32_t pe_count)
{
    struct eie_layer parts = {
        .name = name,
        .source = "a test",
        .pe_count = pe_count,
        .activation = EIE_ACTIVATION_RELU,
        .weight_fraction_bits = 12,
        .input_fraction_bits = 4,
        .output_fraction_bits = 8,
    };
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
        parts.codebook[c] = (int16_t)((c - 8) * 37 + (c == 8));
    return parts;
}

static inline struct eie_layer *test_encode(const struct test_matrix *matrix,
                                            const struct eie_layer *parts)
{
    struct eie_sparse_codes codes = test_codes(matrix);
    struct eie_layer *layer = NULL;
    struct eie_error error = {""};
    assert_good(eie_layer_encode(parts, &codes, &layer, &error), error);
    test_codes_free(&codes);
    return layer;
}

static inline struct eie_layer *test_layer_draw(const char *name, uint32_t inputs, uint32_t outputs,
                                                uint32_t pe_count, double density, uint64_t seed)
{
    struct eie_random random;
    eie_random_seed(&random, seed);
    struct test_matrix matrix = test_matrix_draw(inputs, outputs, density, &random);
    const struct eie_layer parts = test_parts(name, pe_count);
    struct eie_layer *layer = test_encode(&matrix, &parts);
    test_matrix_free(&matrix);
    return layer;
}

static inline size_t test_pointer_count(const struct eie_layer *layer)
{
    return (size_t)layer->pe_count * ((size_t)layer->inputs + 1);
}

/* Equal in every field and byte but name and source. */
static inline void assert_same_layer(const struct eie_layer *a, const struct eie_layer *b)
{
    assert_int_equal(a->inputs, b->inputs);
    assert_int_equal(a->outputs, b->outputs);
    assert_int_equal(a->pe_count, b->pe_count);
    assert_int_equal(a->activation, b->activation);
    assert_int_equal(a->weight_fraction_bits, b->weight_fraction_bits);
    assert_int_equal(a->input_fraction_bits, b->input_fraction_bits);
    assert_int_equal(a->output_fraction_bits, b->output_fraction_bits);
    assert_memory_equal(a->codebook, b->codebook, sizeof a->codebook);
    assert_int_equal(a->entry_count, b->entry_count);
    assert_memory_equal(a->column_start, b->column_start,
                        test_pointer_count(a) * sizeof *a->column_start);
    assert_memory_equal(a->entries, b->entries, a->entry_count);
    assert_int_equal(!a->bias, !b->bias);
    if (a->bias) assert_memory_equal(a->bias, b->bias, a->outputs * sizeof *a->bias);
    assert_int_equal(a->sample_count, b->sample_count);
    assert_int_equal(!a->sample_inputs, !b->sample_inputs);
    if (a->sample_inputs)
        assert_memory_equal(a->sample_inputs, b->sample_inputs,
                            (size_t)a->sample_count * a->inputs * sizeof *a->sample_inputs);
}

#endif
