/* kernels/row_lists.h and kernels/csr.h: every weight of a layer, by rows, in order. */
#include "kernels/csr.h"
#include "kernels/row_lists.h"
#include "tests/support/layers.h"

#include <stdlib.h>

static void check_rows(const struct test_matrix *matrix, uint32_t pe_count)
{
    const struct eie_layer parts = test_parts("rows", pe_count);
    struct eie_layer *layer = test_encode(matrix, &parts);
    struct eie_row_lists rows;
    struct eie_error error = {""};
    uint32_t at = 0;
    assert_good(eie_row_lists_make(layer, &rows, &error), error);
    assert_int_equal(rows.start[0], 0);
    for (uint32_t i = 0; i < matrix->outputs; i++) {
        for (uint32_t j = 0; j < matrix->inputs; j++) {
            if (!*test_at(matrix, i, j)) continue;
            assert_int_equal(rows.column[at], j);
            assert_int_equal(rows.code[at], *test_at(matrix, i, j));
            at++;
        }
        assert_int_equal(rows.start[i + 1], at);
    }
    eie_row_lists_free(&rows);
    assert_null(rows.start);
    eie_layer_free(layer);
}

static void check_csr(const struct test_matrix *matrix)
{
    const struct eie_layer parts = test_parts("rows", 4);
    struct eie_layer *layer = test_encode(matrix, &parts);
    struct eie_sparse_codes codes = test_codes(matrix);
    const uint32_t count = codes.column_start[matrix->inputs];
    void *memory = malloc(csr_bytes(matrix->outputs, count));
    int32_t at = 0;
    assert_non_null(memory);
    const struct csr csr = csr_at(memory, matrix->outputs, count);
    csr_by_row(layer, &codes, &csr);
    assert_int_equal(csr.start[0], 0);
    for (uint32_t i = 0; i < matrix->outputs; i++) {
        for (uint32_t j = 0; j < matrix->inputs; j++) {
            const uint8_t code = *test_at(matrix, i, j);
            if (!code) continue;
            assert_int_equal(csr.index[at], j);
            assert_true(csr.weight[at] == (float)layer->codebook[code]);
            at++;
        }
        assert_int_equal(csr.start[i + 1], at);
    }
    assert_int_equal(at, count);
    free(memory);
    test_codes_free(&codes);
    eie_layer_free(layer);
}

static void every_weight_has_its_place(void **state)
{
    static const struct {
        uint32_t inputs, outputs;
        double density;
    } shapes[] = {{100, 70, 0.1}, {7, 300, 0.02}, {300, 5, 1}, {40, 40, 0}, {1, 1, 1}, {1, 9, 0.5}};
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 11);
    for (size_t s = 0; s < TEST_COUNT(shapes); s++) {
        struct test_matrix matrix =
            test_matrix_draw(shapes[s].inputs, shapes[s].outputs, shapes[s].density, &random);
        check_rows(&matrix, 1);
        check_rows(&matrix, 4);
        check_csr(&matrix);
        test_matrix_free(&matrix);
    }
}

static void long_rows_come_first(void **state)
{
    uint32_t start[] = {0, 2, 2, 7, 9, 14, 15}; /* lengths 2 0 5 2 5 1 */
    static const uint32_t all[] = {2, 4, 0, 3, 5, 1}, middle[] = {2, 3, 1};
    const struct eie_row_lists rows = {start, NULL, NULL};
    uint32_t order[6];
    (void)state;
    eie_row_lists_sort(&rows, 0, 6, order);
    assert_memory_equal(order, all, sizeof all);
    eie_row_lists_sort(&rows, 1, 3, order);
    assert_memory_equal(order, middle, sizeof middle);
    assert_int_equal(order[3], all[3]);
    eie_row_lists_sort(&rows, 6, 0, order);
    assert_memory_equal(order, middle, sizeof middle);
}

static void shares_have_about_equal_numbers_of_weights(void **state)
{
    uint32_t start[101], first[8];
    const struct eie_row_lists rows = {start, NULL, NULL};
    (void)state;
    for (uint32_t i = 0; i <= 100; i++) start[i] = i < 50 ? 9 * i : 450 + (i - 50);
    for (uint32_t shares = 1; shares < TEST_COUNT(first); shares++) {
        eie_row_lists_share(&rows, 100, shares, 4, first);
        assert_int_equal(first[0], 0);
        assert_int_equal(first[shares], 100);
        for (uint32_t t = 0; t < shares; t++) {
            assert_true(first[t] <= first[t + 1]);
            assert_true(first[t] % 4 == 0);
            const uint32_t weights = start[first[t + 1]] - start[first[t]];
            assert_true(weights <= 500 / shares + 4 * 9);
        }
    }
    memset(start, 0, sizeof start); /* no weight at all: the last share has every row */
    eie_row_lists_share(&rows, 100, 3, 64, first);
    assert_int_equal(first[2], 0);
    assert_int_equal(first[3], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_weight_has_its_place),
        cmocka_unit_test(long_rows_come_first),
        cmocka_unit_test(shares_have_about_equal_numbers_of_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
