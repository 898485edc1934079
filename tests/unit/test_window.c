/* host/layer/window.h: columns by their definition, the image back from them, what is no image's;
 * layers and files that know their window; bench/check/audit.h: inputs turned stay an image's;
 * bench/run/winograd.h: counts that can be told beforehand. */
#include "bench/check/audit.h"
#include "bench/run/winograd.h"
#include "host/layer/layer_file.h"
#include "host/layer/window.h"
#include "tests/support/layers.h"

static const struct eie_window windows[] = {
    {5, 4, 3, 3, 1, 1}, {9, 7, 2, 4, 2, 0}, {3, 3, 5, 1, 1, 1},
    {4, 4, 1, 1, 3, 0}, {2, 3, 2, 5, 3, 2},
};

static size_t inputs_of(const struct eie_window *window)
{
    return (size_t)window->channels * window->kernel * window->kernel;
}

static int16_t pixel(const struct eie_window *window, const int16_t *image, int64_t y, int64_t x,
                     uint32_t channel)
{
    if (y < 0 || x < 0 || y >= window->height || x >= window->width) return 0;
    return image[((size_t)y * window->width + (size_t)x) * window->channels + channel];
}

static int16_t *draw_image(const struct eie_window *window, uint64_t seed)
{
    struct eie_random random;
    const size_t size = eie_window_image_size(window);
    int16_t *image = malloc(size * sizeof *image);
    assert_non_null(image);
    eie_random_seed(&random, seed);
    for (size_t i = 0; i < size; i++)
        image[i] = (int16_t)(eie_random_below(&random, 65536) - 32768u);
    return image;
}

static int16_t *columns_of(const struct eie_window *window, const int16_t *image)
{
    const size_t positions = eie_window_positions(window);
    int16_t *columns = malloc(positions * inputs_of(window) * sizeof *columns);
    assert_non_null(columns);
    eie_window_columns_int16(window, image, 0, positions, columns);
    return columns;
}

static void columns_are_what_lies_under_the_window(void **state)
{
    (void)state;
    for (size_t w = 0; w < TEST_COUNT(windows); w++) {
        const struct eie_window *window = &windows[w];
        const uint32_t side = window->kernel, across = eie_window_steps(window, window->width);
        int16_t *image = draw_image(window, w), *columns = columns_of(window, image);
        for (size_t p = 0; p < eie_window_positions(window); p++)
            for (uint32_t j = 0; j < inputs_of(window); j++) {
                const int64_t y =
                    (int64_t)(p / across * window->stride) + j / side % side - (int64_t)window->pad;
                const int64_t x =
                    (int64_t)(p % across * window->stride) + j % side - (int64_t)window->pad;
                assert_int_equal(columns[p * inputs_of(window) + j],
                                 pixel(window, image, y, x, j / side / side));
            }
        free(image);
        free(columns);
    }
}

static void an_image_comes_back_and_nothing_else_passes_for_one(void **state)
{
    (void)state;
    for (size_t w = 0; w < TEST_COUNT(windows); w++) {
        const struct eie_window *window = &windows[w];
        const size_t values = eie_window_positions(window) * inputs_of(window);
        int16_t *image = draw_image(window, w), *columns = columns_of(window, image);
        int16_t *back = calloc(eie_window_image_size(window), sizeof *back);
        assert_non_null(back);
        assert_true(eie_window_image(window, columns, back));
        int16_t *again = columns_of(window, back);
        assert_memory_equal(again, columns, values * sizeof *columns);
        if (window->pad) { /* the first position's first input lies beyond the edge */
            columns[0] = 1;
            assert_false(eie_window_image(window, columns, back));
            columns[0] = 0;
        }
        /* the last position shares its first pixel with others, which then do not agree */
        if (window->kernel > window->stride && !window->pad) {
            columns[values - inputs_of(window)] ^= 1;
            assert_false(eie_window_image(window, columns, back));
        }
        free(again);
        free(image);
        free(columns);
        free(back);
    }
}

static struct eie_layer *make_layer(const struct eie_window *window, const int16_t *columns)
{
    struct eie_random random;
    struct eie_error error;
    struct eie_layer *layer = NULL;
    eie_random_seed(&random, 3);
    struct test_matrix matrix = test_matrix_draw((uint32_t)inputs_of(window), 6, 0.5, &random);
    struct eie_sparse_codes codes = test_codes(&matrix);
    struct eie_layer parts = {.name = "conv",
                              .source = "a test",
                              .pe_count = 4,
                              .codebook = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                              .sample_count = (uint32_t)eie_window_positions(window),
                              .sample_inputs = columns,
                              .window = *window};
    assert_good(eie_layer_encode(&parts, &codes, &layer, &error), error);
    test_codes_free(&codes);
    test_matrix_free(&matrix);
    return layer;
}

static void a_layer_keeps_its_window_in_its_file_and_its_hash(void **state)
{
    struct test_folder folder;
    struct eie_error error;
    struct eie_layer_set set;
    struct eie_hash with, without;
    int16_t *image = draw_image(&windows[0], 1), *columns = columns_of(&windows[0], image);
    struct eie_layer *layer = make_layer(&windows[0], columns), *plain = NULL, *cut = NULL;
    (void)state;
    test_folder_make(&folder);
    const char *path = test_path(&folder, "conv.safetensors");
    assert_good(eie_layer_file_write(path, (const struct eie_layer *const *)&layer, 1, &error),
                error);
    assert_good(eie_layer_file_read(path, &set, &error), error);
    assert_memory_equal(&set.layers[0]->window, &windows[0], sizeof windows[0]);
    assert_good(eie_layer_reencode(layer, 2, &cut, &error), error);
    assert_memory_equal(&cut->window, &windows[0], sizeof windows[0]);
    struct eie_layer parts = *layer;
    parts.window = (struct eie_window){0};
    assert_good(eie_layer_create(&parts, &plain, &error), error);
    assert_good(eie_layer_hash(layer, &with, &error), error);
    assert_good(eie_layer_hash(plain, &without, &error), error);
    assert_string_not_equal(with.hex, without.hex);
    parts.window = windows[1];
    assert_bad(eie_layer_create(&parts, &plain, &error), EIE_INPUT, error, "its 27 inputs");
    parts.window = (struct eie_window){.kernel = 3};
    assert_bad(eie_layer_create(&parts, &plain, &error), EIE_INPUT, error, "a window 3 x 3");
    eie_layer_set_free(&set);
    eie_layer_free(layer);
    eie_layer_free(plain);
    eie_layer_free(cut);
    free(image);
    free(columns);
    test_folder_remove(&folder);
}

static void inputs_that_are_turned_stay_an_image(void **state)
{
    struct eie_error error;
    (void)state;
    for (size_t w = 0; w < TEST_COUNT(windows); w++) {
        const struct eie_window *window = &windows[w];
        const uint32_t positions = (uint32_t)eie_window_positions(window);
        const size_t values = positions * inputs_of(window);
        int16_t *image = draw_image(window, w), *columns = columns_of(window, image);
        int16_t *turned = calloc(values, sizeof *turned);
        struct eie_layer *layer = make_layer(window, columns);
        assert_non_null(turned);
        assert_good(eie_audit_turn_of(layer, columns, positions, 1, turned, &error), error);
        assert_true(eie_window_image(window, turned, image));
        assert_memory_not_equal(turned, columns, values * sizeof *turned);
        if (positions > 1) { /* some positions alone are no image */
            assert_good(eie_audit_turn_of(layer, columns, 1, 1, turned, &error), error);
            assert_int_equal(turned[0], columns[1 % inputs_of(window)]);
        }
        eie_layer_free(layer);
        free(turned);
        free(image);
        free(columns);
    }
}

static struct eie_step step_3x3(uint32_t side, uint32_t outputs, uint32_t pad)
{
    const uint32_t out = side + 2 * pad - 2;
    return (struct eie_step){.name = "conv",
                             .kind = EIE_STEP_CONV,
                             .in = {1, side, side},
                             .out = {outputs, out, out},
                             .kernel = 3,
                             .stride = 1,
                             .pad = pad,
                             .outputs = outputs,
                             .inputs = 9};
}

/* A filter that is its middle alone becomes four places of one value and two signs; of an even
 * image one place of a tile is left. */
static void winograd_is_counted_by_what_is_not_zero(void **state)
{
    const struct eie_step step = step_3x3(4, 1, 0);
    const float weights[9] = {0, 0, 0, 0, 4, 0, 0, 0, 0};
    struct eie_winograd counts;
    struct eie_error error;
    float image[16];
    (void)state;
    for (int i = 0; i < 16; i++) image[i] = 1;
    assert_good(eie_winograd_count(&step, weights, image, &counts, &error), error);
    assert_int_equal(counts.tiles, 1);
    assert_int_equal(counts.direct.dense, 36);
    assert_int_equal(counts.direct.pruned, 4);
    assert_int_equal(counts.direct.dense_active, 36);
    assert_int_equal(counts.direct.active, 4);
    assert_int_equal(counts.winograd.dense, 16);
    assert_int_equal(counts.winograd.pruned, 4);
    assert_int_equal(counts.winograd.dense_active, 1);
    assert_int_equal(counts.winograd.active, 1);
    assert_int_equal(counts.weights, 1);
    assert_int_equal(counts.transformed, 4);
    assert_int_equal(counts.values, 1);
    assert_int_equal(counts.transformed_values, 2);
    assert_false(
        eie_winograd_fits(&(struct eie_step){.kind = EIE_STEP_CONV, .kernel = 3, .stride = 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_what_lies_under_the_window),
        cmocka_unit_test(an_image_comes_back_and_nothing_else_passes_for_one),
        cmocka_unit_test(a_layer_keeps_its_window_in_its_file_and_its_hash),
        cmocka_unit_test(inputs_that_are_turned_stay_an_image),
        cmocka_unit_test(winograd_is_counted_by_what_is_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
