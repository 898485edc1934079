/* Shapes and their names, who wins at a point, where a map is refined, what a map says of a layer;
 * on rows that are made up. */
#include "bench/map/advice.h"
#include "bench/map/map.h"
#include "bench/map/refine.h"
#include "host/layer/suite.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

/* ---- shapes --------------------------------------------------------------------------------- */

static void shapes_have_names(void **state)
{
    const struct eie_shape shape = {4096, 1000, 0.18, 0.35}, tiny = {1, 1, 1, 1},
                           low = {65536, 65535, 1e-6, 1};
    struct eie_shape found;
    char name[EIE_NAME_MAX];
    (void)state;
    eie_shape_name(&shape, name);
    assert_string_equal(name, "4096x1000-w0.18-a0.35");
    const struct eie_shape *const all[] = {&shape, &tiny, &low};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        eie_shape_name(all[i], name);
        assert_true(eie_shape_parse(name, &found));
        assert_int_equal(found.inputs, all[i]->inputs);
        assert_int_equal(found.outputs, all[i]->outputs);
        assert_true(found.weights == all[i]->weights);
        assert_true(found.activations == all[i]->activations);
    }
    assert_true(eie_shape_density(1.0 / 3) == 0.3333);
}

static void other_names_are_no_shapes(void **state)
{
    static const char *const names[] = {"",
                                        "Alex-7",
                                        "64x64",
                                        "64x64-w0.5",
                                        "64x64-w0.5-a",
                                        "064x64-w0.5-a1",
                                        "64x64-w0.50-a1",
                                        "64x64-w0.5-a1 ",
                                        "64x64-w0.5-a1.5",
                                        "64x64-w0-a1",
                                        "64x64-wnan-a1",
                                        "64x64-winf-a1",
                                        "64x64-w0.12345-a1",
                                        "-64x64-w0.5-a1",
                                        "99999999999x64-w0.5-a1"};
    struct eie_shape found;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(eie_shape_parse(names[i], &found));
}

static void what_cannot_be_made_is_refused(void **state)
{
    static const struct eie_shape bad[] = {
        {0, 8, 1, 1},   {8, 0, 1, 1},    {65536, 65536, 1, 1}, {8, EIE_OUTPUTS_MAX + 1, 1, 1},
        {8, 8, 0, 1},   {8, 8, 1.01, 1}, {8, 8, -1, 1},        {8, 8, NAN, 1},
        {8, 8, 1, NAN}, {8, 8, 1, 0},    {8, 8, 1e-3, 1},      {8, 8, 1, 1e-2}};
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(eie_shape_check(&bad[i], &error), EIE_USAGE);
}

static void a_shape_becomes_a_layer(void **state)
{
    const struct eie_shape shape = {40, 30, 0.25, 0.5};
    struct eie_suite suite, again;
    struct eie_layer *layer;
    struct eie_layer_counts counts;
    struct eie_error error;
    (void)state;
    assert_good(eie_suite_of_shapes(&shape, 1, &suite, &error), error);
    assert_good(eie_suite_build(&suite, 0, 0, &layer, &error), error);
    eie_layer_count(layer, layer->sample_inputs, &counts);
    assert_int_equal(counts.nonzeros, 300);
    assert_int_equal(counts.active_columns, 20);
    assert_int_equal(layer->sample_count, 1);
    eie_layer_free(layer);
    assert_good(eie_suite_read("shape:40x30-w0.25-a0.5", &again, &error), error);
    assert_string_equal(again.hash.hex, suite.hash.hex);
    assert_string_equal(again.layers[0].spec.name, suite.layers[0].spec.name);
    eie_suite_free(&again);
    eie_suite_free(&suite);
    assert_int_equal(eie_suite_read("shape:40x30", &suite, &error), EIE_USAGE);
    assert_int_equal(eie_suite_read("shape:40x30-w0.0001-a1", &suite, &error), EIE_USAGE);
}

/* ---- rows that are made up ------------------------------------------------------------------ */

struct kind {
    const char *kernel, *flags[3], *source;
};
static const struct kind kinds[EIE_FAMILIES] = {
    [EIE_FAMILY_DENSE] = {"d", {"float32", "dense"}, "wall"},
    [EIE_FAMILY_INT8] = {"i", {"float32", "dense", "approximate"}, "wall"},
    [EIE_FAMILY_SPARSE] = {"s", {"float32", "sparse"}, "wall"},
    [EIE_FAMILY_COMPRESSED] = {"c", {"exact"}, "wall"},
    [EIE_FAMILY_EIE] = {"m", {"estimate"}, "model"},
};

static json_t *make_row(const struct kind *kind, const struct eie_point *point, double ns)
{
    char layer[EIE_NAME_MAX];
    json_t *flags = json_array();
    const bool is_model = !strcmp(kind->source, "model");
    eie_shape_name(&point->shape, layer);
    for (size_t i = 0; i < 3 && kind->flags[i]; i++)
        json_array_append_new(flags, json_string(kind->flags[i]));
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:s, s:s, s:s, s:f, s:f, s:f, s:i}", "name",
                  layer, "eie_suite", "shape", "eie_layer", layer, "eie_kernel", kind->kernel,
                  "eie_flags", flags, "eie_batch", (int)point->batch, "eie_threads",
                  is_model ? 0 : 2, "eie_cache", is_model ? "none" : "hot", "eie_time_source",
                  kind->source, "eie_status", "ok", "eie_median_ns", ns, "eie_ci95_low_ns",
                  0.9 * ns, "eie_ci95_high_ns", 1.1 * ns, "eie_prepared_bytes", 1000);
    assert_non_null(row);
    return row;
}

/* Rows that live as long as the test. */
static json_t *kept;

static int begin_rows(void **state)
{
    (void)state;
    kept = json_array();
    return 0;
}

static int end_rows(void **state)
{
    (void)state;
    json_decref(kept);
    return 0;
}

static const json_t *add(struct eie_verdicts *verdicts, enum eie_family family,
                         const struct eie_point *point, double ns)
{
    struct eie_error error;
    json_t *row = make_row(&kinds[family], point, ns);
    json_array_append_new(kept, row);
    assert_good(eie_verdicts_take(verdicts, row, 2, "hot", &error), error);
    return row;
}

static struct eie_point at(double weights, double activations)
{
    return (struct eie_point){{100, 100, weights, activations}, 1};
}

static void the_fastest_wins(void **state)
{
    struct eie_verdicts verdicts = {0};
    const struct eie_point point = at(0.1, 1);
    (void)state;
    add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
    add(&verdicts, EIE_FAMILY_DENSE, &point, 80);
    add(&verdicts, EIE_FAMILY_DENSE, &point, 90);
    assert_int_equal(verdicts.count, 1);
    const struct eie_verdict *verdict = eie_verdicts_find(&verdicts, &point);
    assert_true(verdict->best[EIE_FAMILY_DENSE].ns == 80);
    assert_int_equal(eie_verdict_winner(verdict), EIE_FAMILY_DENSE);
    assert_true(isnan(eie_verdict_gain(verdict)));
    assert_false(eie_verdict_eie_leads(verdict));
    add(&verdicts, EIE_FAMILY_SPARSE, &point, 40);
    add(&verdicts, EIE_FAMILY_INT8, &point, 30);
    add(&verdicts, EIE_FAMILY_COMPRESSED, &point, 50);
    add(&verdicts, EIE_FAMILY_EIE, &point, 20);
    assert_int_equal(eie_verdict_winner(verdict), EIE_FAMILY_INT8);
    assert_int_equal(eie_verdict_leaver(verdict), EIE_FAMILY_SPARSE);
    assert_true(eie_verdict_gain(verdict) == 2);
    assert_true(eie_verdict_eie_leads(verdict));
    eie_verdicts_free(&verdicts);
}

static void rows_that_do_not_compete_are_passed_over(void **state)
{
    static const struct {
        const char *key, *value;
    } changes[] = {{"eie_suite", "paper"},
                   {"eie_cache", "llc"},
                   {"eie_status", "suspect"},
                   {"eie_median_ns", NULL},
                   {"eie_time_source", "device"}};
    const struct eie_point point = at(0.1, 1);
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct eie_verdicts verdicts = {0};
        json_t *row = make_row(&kinds[EIE_FAMILY_DENSE], &point, 100);
        json_object_set_new(row, changes[i].key,
                            changes[i].value ? json_string(changes[i].value) : json_real(-1));
        assert_good(eie_verdicts_take(&verdicts, row, 2, "hot", &error), error);
        for (uint32_t v = 0; v < verdicts.count; v++)
            assert_int_equal(eie_verdict_winner(&verdicts.all[v]), EIE_FAMILIES);
        eie_verdicts_free(&verdicts);
        json_decref(row);
    }
}

static void a_row_that_contradicts_itself_is_refused(void **state)
{
    const struct eie_point point = at(0.1, 1);
    struct eie_verdicts verdicts = {0};
    struct eie_error error;
    (void)state;
    json_t *row = make_row(&kinds[EIE_FAMILY_DENSE], &point, 100);
    json_object_set_new(row, "eie_layer", json_string("100x100-w7-a1"));
    assert_int_equal(eie_verdicts_take(&verdicts, row, 2, "hot", &error), EIE_INPUT);
    json_object_set_new(row, "eie_layer", json_string("0x100-w0.5-a1"));
    assert_int_equal(eie_verdicts_take(&verdicts, row, 2, "hot", &error), EIE_INPUT);
    json_object_set_new(row, "eie_layer", json_string("100x100-w0.5-a1"));
    json_object_set_new(row, "eie_batch", json_integer(0));
    assert_int_equal(eie_verdicts_take(&verdicts, row, 2, "hot", &error), EIE_INPUT);
    json_decref(row);
    eie_verdicts_free(&verdicts);
}

/* ---- refining ------------------------------------------------------------------------------- */

/* A dense time of 100 everywhere; compressed ones in proportion to the weights, 1000 at all. */
static void add_line(struct eie_verdicts *verdicts, double activations, const double *weights,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct eie_point point = at(weights[i], activations);
        add(verdicts, EIE_FAMILY_DENSE, &point, 100);
        add(verdicts, EIE_FAMILY_COMPRESSED, &point, 1000 * weights[i] * activations);
    }
}

static void refined_where_the_winner_changes(void **state)
{
    static const double weights[] = {0.01, 0.04, 0.16, 0.64};
    struct eie_verdicts verdicts = {0};
    struct eie_point *points;
    struct eie_error error;
    uint32_t count;
    (void)state;
    add_line(&verdicts, 1, weights, 4);
    assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
    assert_int_equal(count, 1); /* between 0.04 and 0.16, where the two lines meet at 0.1 */
    assert_true(points[0].shape.weights == 0.08 && points[0].shape.activations == 1);
    /* it was tried, and brought nothing */
    struct eie_point *others;
    assert_good(eie_map_refine(&verdicts, 1.25, points, 1, &others, &count, &error), error);
    assert_int_equal(count, 0);
    free(others);
    free(points);
    eie_verdicts_free(&verdicts);
}

/* Dense int8 wins everywhere, and sparse float32 or compressed ceases to beat dense float32. */
static void refined_where_leaving_out_ceases_to_pay(void **state)
{
    static const double weights[] = {0.01, 0.04, 0.64};
    static const enum eie_family families[] = {EIE_FAMILY_SPARSE, EIE_FAMILY_COMPRESSED};
    struct eie_error error;
    (void)state;
    for (size_t f = 0; f < TEST_COUNT(families); f++) {
        struct eie_verdicts verdicts = {0};
        struct eie_point *points;
        uint32_t count;
        for (size_t i = 0; i < TEST_COUNT(weights); i++) {
            const struct eie_point point = at(weights[i], 1);
            add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
            add(&verdicts, EIE_FAMILY_INT8, &point, 1);
            add(&verdicts, families[f], &point, 1000 * weights[i]);
        }
        assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
        assert_int_equal(count, 1);
        assert_true(points[0].shape.weights == 0.16);
        free(points);
        /* a tie there is an answer */
        const struct eie_point middle = at(0.16, 1);
        add(&verdicts, EIE_FAMILY_DENSE, &middle, 100);
        add(&verdicts, EIE_FAMILY_INT8, &middle, 1);
        add(&verdicts, families[f], &middle, 105);
        assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
        assert_int_equal(count, 0);
        free(points);
        eie_verdicts_free(&verdicts);
    }
}

/* Of equal gaps those between winners come first. */
static void winners_are_refined_first(void **state)
{
    struct eie_verdicts verdicts = {0};
    struct eie_point *points;
    struct eie_error error;
    uint32_t count;
    (void)state;
    for (double weights = 0.01; weights < 0.1; weights *= 4)
        for (double activations = 0.25; activations <= 1; activations *= 4) {
            const struct eie_point point = at(weights, activations);
            add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
            add(&verdicts, EIE_FAMILY_INT8, &point, activations < 1 ? 1 : 50);
            add(&verdicts, EIE_FAMILY_SPARSE, &point, weights < 0.02 ? 20 : 200);
        }
    assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
    assert_int_equal(count, 3);
    assert_true(points[2].shape.weights == 0.02 && points[2].shape.activations == 0.25);
    free(points);
    eie_verdicts_free(&verdicts);
}

/* Bisection ends, and at the right place. */
static void refining_ends(void **state)
{
    static const double weights[] = {0.01, 1};
    struct eie_verdicts verdicts = {0};
    struct eie_error error;
    uint32_t count = 1, rounds = 0;
    (void)state;
    add_line(&verdicts, 1, weights, 2);
    add_line(&verdicts, 0.5, weights, 2);
    while (count && rounds++ < 20) {
        struct eie_point *points;
        assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
        for (uint32_t i = 0; i < count; i++)
            add_line(&verdicts, points[i].shape.activations, &points[i].shape.weights, 1);
        free(points);
    }
    assert_int_equal(count, 0);
    for (double activations = 0.5; activations <= 1; activations *= 2) {
        double below = 0, above = 2;
        for (uint32_t i = 0; i < verdicts.count; i++) {
            const struct eie_shape *shape = &verdicts.all[i].point.shape;
            if (shape->activations != activations) continue;
            if (eie_verdict_winner(&verdicts.all[i]) == EIE_FAMILY_DENSE)
                above = fmin(above, shape->weights);
            else
                below = fmax(below, shape->weights);
        }
        assert_true(below <= 0.1 / activations && above >= 0.1 / activations);
        assert_true(above / below <= 1.26);
    }
    eie_verdicts_free(&verdicts);
}

static void eie_has_a_border_too(void **state)
{
    struct eie_verdicts verdicts = {0};
    struct eie_point *points;
    struct eie_error error;
    uint32_t count;
    (void)state;
    for (double activations = 0.1; activations < 1; activations *= 4) {
        const struct eie_point point = at(0.5, activations);
        add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
        add(&verdicts, EIE_FAMILY_EIE, &point, 500 * activations);
    }
    assert_good(eie_map_refine(&verdicts, 1.25, NULL, 0, &points, &count, &error), error);
    assert_int_equal(count, 1);
    assert_true(points[0].shape.weights == 0.5 && points[0].shape.activations == 0.2);
    free(points);
    eie_verdicts_free(&verdicts);
}

/* ---- the grid ------------------------------------------------------------------------------- */

static struct eie_map small_map(void)
{
    struct eie_map map = {
        .closest = 1.25,
        .candidates = {
            .threads = 2, .cache = EIE_CACHE_HOT, .kernels = "cpu_auto", .memory_bytes = 1 << 20}};
    assert_true(eie_grid_add_size(&map.grid, 64, 32));
    assert_true(eie_grid_add_weights(&map.grid, 0.1));
    assert_true(eie_grid_add_activations(&map.grid, 1));
    assert_true(eie_grid_add_batch(&map.grid, 1));
    return map;
}

static void a_grid_is_taken_up_again(void **state)
{
    struct eie_map map = small_map(), other = small_map();
    struct eie_error error;
    (void)state;
    assert_true(eie_grid_add_weights(&other.grid, 0.1)); /* is there already */
    assert_true(eie_grid_add_weights(&other.grid, 0.5));
    json_t *said = eie_map_json(&other);
    assert_good(eie_map_take_up(&map, said, &error), error);
    assert_int_equal(map.grid.weight_count, 2);
    assert_int_equal(map.grid.size_count, 1);
    assert_good(eie_map_check(&map, &error), error);
    map.candidates.threads = 1;
    assert_int_equal(eie_map_take_up(&map, said, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "--threads"));
    map.candidates.threads = 2;
    json_object_set_new(said, "weights", json_pack("[f]", 2.0));
    assert_int_equal(eie_map_take_up(&map, said, &error), EIE_INPUT);
    json_object_set_new(said, "weights", json_integer(1));
    assert_int_equal(eie_map_take_up(&map, said, &error), EIE_INPUT);
    json_decref(said);
    assert_int_equal(eie_map_take_up(&map, NULL, &error), EIE_INPUT);
}

static void a_grid_has_its_limits(void **state)
{
    struct eie_map map = small_map();
    struct eie_error error;
    (void)state;
    assert_false(eie_grid_add_size(&map.grid, 0, 1));
    assert_false(eie_grid_add_weights(&map.grid, 0));
    assert_false(eie_grid_add_weights(&map.grid, NAN));
    assert_false(eie_grid_add_activations(&map.grid, 1.1));
    assert_false(eie_grid_add_batch(&map.grid, 0));
    assert_false(eie_grid_add_batch(&map.grid, EIE_SUITE_INPUTS_MAX + 1));
    for (uint64_t i = 2; i <= EIE_GRID_MAX; i++) assert_true(eie_grid_add_batch(&map.grid, i));
    assert_false(eie_grid_add_batch(&map.grid, EIE_GRID_MAX + 1));
    assert_true(eie_grid_add_size(&map.grid, 1024, 1024)); /* 4 MiB of dense floats */
    assert_int_equal(eie_map_check(&map, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "--memory"));
}

/* ---- advice from a map ---------------------------------------------------------------------- */

static struct eie_map_file made_file(struct eie_verdicts verdicts)
{
    return (struct eie_map_file){.verdicts = verdicts, .threads = 2, .cache = "hot"};
}

static void read_between_points(void **state)
{
    static const double weights[] = {0.01, 0.04, 0.16, 0.64};
    struct eie_verdicts verdicts = {0};
    struct eie_advice advice;
    struct eie_error error;
    enum eie_family second;
    (void)state;
    add_line(&verdicts, 1, weights, 4);
    const struct eie_map_file file = made_file(verdicts);
    struct eie_point point = at(0.09, 1);
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(fabs(advice.offers[EIE_FAMILY_COMPRESSED].ns - 90) < 1e-9);
    assert_true(fabs(advice.offers[EIE_FAMILY_DENSE].ns - 100) < 1e-9);
    assert_true(isnan(advice.offers[EIE_FAMILY_SPARSE].ns));
    assert_true(advice.leaving.pays_at == 0.04 && advice.leaving.not_at == 0.16);
    assert_int_equal(eie_advice_best(&advice, &second), EIE_FAMILY_COMPRESSED);
    assert_int_equal(second, EIE_FAMILY_DENSE);
    assert_true(eie_advice_is_close(&advice, EIE_FAMILY_COMPRESSED, second));
    /* bytes go with the weights that are there, and with all of them */
    assert_true(fabs(advice.offers[EIE_FAMILY_COMPRESSED].weight_bytes - 562.5) < 1e-6);
    assert_true(advice.offers[EIE_FAMILY_DENSE].weight_bytes == 1000);
    assert_true(advice.times_size == 1 && fabs(advice.times_weights - 4) < 1e-9);
    point.shape.weights = 0.02;
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_false(eie_advice_is_close(&advice, EIE_FAMILY_COMPRESSED, EIE_FAMILY_DENSE));
    point.shape.weights = 0.16; /* a point that was measured */
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(fabs(advice.offers[EIE_FAMILY_COMPRESSED].ns - 160) < 1e-9);
    assert_int_equal(eie_advice_best(&advice, &second), EIE_FAMILY_DENSE);
    point.shape.inputs = 200;
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(fabs(advice.offers[EIE_FAMILY_DENSE].ns - 200) < 1e-9);
    assert_true(advice.times_size == 2 && advice.times_weights == 1);
    eie_verdicts_free(&verdicts);
}

static void what_a_map_does_not_know(void **state)
{
    static const double weights[] = {0.01, 0.04};
    struct eie_verdicts verdicts = {0};
    struct eie_advice advice;
    struct eie_error error;
    (void)state;
    add_line(&verdicts, 1, weights, 2);
    const struct eie_map_file file = made_file(verdicts);
    struct eie_point point = at(0.02, 1);
    point.batch = 8;
    assert_int_equal(eie_advice_read(&file, &point, &advice, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "batch 8"));
    point = at(0.02, 1);
    point.shape.outputs = 1000;
    assert_int_equal(eie_advice_read(&file, &point, &advice, &error), EIE_USAGE);
    point = at(0.1, 1);
    assert_int_equal(eie_advice_read(&file, &point, &advice, &error), EIE_USAGE);
    point = at(0.02, 0.4);
    assert_int_equal(eie_advice_read(&file, &point, &advice, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "density of inputs"));
    point = at(0.02, 0.6);
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    point = at(0.05, 1); /* a little beyond the end */
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(fabs(advice.offers[EIE_FAMILY_COMPRESSED].ns - 40) < 1e-9);
    assert_true(advice.leaving.pays_at == 0.04 && isnan(advice.leaving.not_at));
    eie_verdicts_free(&verdicts);
}

/* Each point has a winner, and no form has a time at both. */
static void points_without_a_common_form(void **state)
{
    struct eie_verdicts verdicts = {0};
    struct eie_advice advice;
    struct eie_error error;
    const struct eie_point low = at(0.01, 1), high = at(0.04, 1), between = at(0.02, 1);
    (void)state;
    add(&verdicts, EIE_FAMILY_DENSE, &low, 100);
    add(&verdicts, EIE_FAMILY_COMPRESSED, &high, 40);
    const struct eie_map_file file = made_file(verdicts);
    assert_int_equal(eie_advice_read(&file, &between, &advice, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "no form has a time"));
    eie_verdicts_free(&verdicts);
}

/* Sharing weights pays where leaving them out does not. */
static void sparse_breaks_even_on_its_own(void **state)
{
    static const double weights[] = {0.01, 0.04, 0.16, 0.64};
    struct eie_verdicts verdicts = {0};
    struct eie_advice advice;
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(weights); i++) {
        const struct eie_point point = at(weights[i], 1);
        add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
        add(&verdicts, EIE_FAMILY_SPARSE, &point, 1000 * weights[i]);
        add(&verdicts, EIE_FAMILY_COMPRESSED, &point, 20);
    }
    const struct eie_map_file file = made_file(verdicts);
    const struct eie_point point = at(0.02, 1);
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(advice.sparse.pays_at == 0.04 && advice.sparse.not_at == 0.16);
    assert_true(advice.leaving.pays_at == 0.64 && isnan(advice.leaving.not_at));
    eie_verdicts_free(&verdicts);
}

/* Where dense and sparse tie, no edge is claimed; one noisy point below does not hide it. */
static void ties_are_called_so(void **state)
{
    static const struct {
        double weights, sparse_ns;
    } line[] = {{0.01, 20}, {0.02, 104}, {0.04, 50}, {0.08, 95}, {0.16, 108}, {0.64, 400}};
    struct eie_verdicts verdicts = {0};
    struct eie_advice advice;
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(line); i++) {
        const struct eie_point point = at(line[i].weights, 1);
        add(&verdicts, EIE_FAMILY_DENSE, &point, 100);
        add(&verdicts, EIE_FAMILY_SPARSE, &point, line[i].sparse_ns);
    }
    assert_int_equal(eie_verdict_standing(&verdicts.all[0], true), EIE_STANDING_FASTER);
    assert_int_equal(eie_verdict_standing(&verdicts.all[3], true), EIE_STANDING_TIE);
    assert_int_equal(eie_verdict_standing(&verdicts.all[5], true), EIE_STANDING_SLOWER);
    const struct eie_map_file file = made_file(verdicts);
    const struct eie_point point = at(0.02, 1);
    assert_good(eie_advice_read(&file, &point, &advice, &error), error);
    assert_true(advice.sparse.pays_at == 0.04 && advice.sparse.not_at == 0.64);
    assert_true(advice.sparse.tie_from == 0.08 && advice.sparse.tie_to == 0.16);
    eie_verdicts_free(&verdicts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_without_a_common_form),
        cmocka_unit_test(ties_are_called_so),
        cmocka_unit_test(sparse_breaks_even_on_its_own),
        cmocka_unit_test(shapes_have_names),
        cmocka_unit_test(other_names_are_no_shapes),
        cmocka_unit_test(what_cannot_be_made_is_refused),
        cmocka_unit_test(a_shape_becomes_a_layer),
        cmocka_unit_test(the_fastest_wins),
        cmocka_unit_test(rows_that_do_not_compete_are_passed_over),
        cmocka_unit_test(a_row_that_contradicts_itself_is_refused),
        cmocka_unit_test(refined_where_the_winner_changes),
        cmocka_unit_test(refined_where_leaving_out_ceases_to_pay),
        cmocka_unit_test(winners_are_refined_first),
        cmocka_unit_test(refining_ends),
        cmocka_unit_test(eie_has_a_border_too),
        cmocka_unit_test(a_grid_is_taken_up_again),
        cmocka_unit_test(a_grid_has_its_limits),
        cmocka_unit_test(read_between_points),
        cmocka_unit_test(what_a_map_does_not_know),
    };
    return cmocka_run_group_tests(tests, begin_rows, end_rows);
}
