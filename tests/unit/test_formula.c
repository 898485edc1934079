/* kernels/model/eie_formula.h: moments against enumeration, counts against a count of its own, the
 * expected time against a small simulation of the queues. */
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "host/layer/import_dump.h"
#include "host/layer/suite.h"
#include "kernels/model/eie_formula.h"
#include "tests/support/layers.h"

#include <math.h>

/* ---- one column ------------------------------------------------------------------------------ */

/* Entries of one column, padding included, whose row r holds a weight where pattern[r] is set. */
static uint32_t column_entries(const bool *pattern, uint32_t rows, uint32_t *weights)
{
    uint32_t entries = 0, zeros = 0;
    *weights = 0;
    for (uint32_t r = 0; r < rows; r++) {
        zeros++;
        if (!pattern[r]) continue;
        entries += (zeros + 15) / 16;
        zeros = 0;
        (*weights)++;
    }
    return entries;
}

static void assert_near(double value, double wanted, double relative, const char *what)
{
    if (!(fabs(value - wanted) <= relative * fabs(wanted) + 1e-300))
        fail_msg("%s: %.12g is not within %g of %.12g", what, value, relative, wanted);
}

static struct eie_column_moments moments_of(uint32_t rows, double density)
{
    struct eie_column_moments moments;
    struct eie_error error = {""};
    assert_good(eie_column_moments(rows, density, &moments, &error), error);
    return moments;
}

static void moments_equal_the_sum_over_all_patterns(void **state)
{
    static const double densities[] = {0.01, 0.04, 0.09, 0.25, 0.5, 0.9};
    (void)state;
    for (uint32_t rows = 0; rows <= 19; rows++) {
        for (size_t d = 0; d < TEST_COUNT(densities); d++) {
            const double p = densities[d];
            double entries = 0, padding = 0, cycles = 0, square = 0;
            if (rows > 16 && d % 3 != 1) continue;
            for (uint32_t bits = 0; bits < 1u << rows; bits++) {
                bool pattern[19];
                uint32_t weights;
                for (uint32_t r = 0; r < rows; r++) pattern[r] = bits >> r & 1;
                const uint32_t n = column_entries(pattern, rows, &weights), cost = n ? n : 1;
                const double weight = pow(p, weights) * pow(1 - p, rows - weights);
                entries += weight * n;
                padding += weight * (n - weights);
                cycles += weight * cost;
                square += weight * cost * cost;
            }
            const struct eie_column_moments m = moments_of(rows, p);
            assert_near(m.entries, entries, 1e-9, "entries");
            assert_true(fabs(m.padding - padding) < 1e-9);
            assert_near(m.cycles, cycles, 1e-9, "cycles");
            assert_near(m.cycles_square, square, 1e-9, "squares");
        }
    }
}

/* Seed 1602, 400,000 columns each: five standard errors of the means, from the sample's variance.
 */
static void moments_of_long_columns_agree_with_drawn_ones(void **state)
{
    static const struct {
        uint32_t rows;
        double density;
    } cases[] = {{64, 0.09}, {64, 0.04}, {137, 0.11}, {200, 0.01}, {400, 0.02}, {17, 0.001}};
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 1602);
    for (size_t c = 0; c < TEST_COUNT(cases); c++) {
        static const int COLUMNS = 400000;
        const uint64_t limit = (uint64_t)(cases[c].density * 4294967296.0);
        double entries = 0, padding = 0, cycles = 0, square = 0, fourth = 0, padding_square = 0;
        for (int i = 0; i < COLUMNS; i++) {
            bool pattern[400];
            uint32_t weights;
            for (uint32_t r = 0; r < cases[c].rows; r++)
                pattern[r] = eie_random_next(&random) >> 32 < limit;
            const double n = column_entries(pattern, cases[c].rows, &weights), cost = fmax(n, 1);
            entries += n / COLUMNS;
            padding += (n - weights) / COLUMNS;
            padding_square += (n - weights) * (n - weights) / COLUMNS;
            cycles += cost / COLUMNS;
            square += cost * cost / COLUMNS;
            fourth += cost * cost * cost * cost / COLUMNS;
        }
        const struct eie_column_moments m = moments_of(cases[c].rows, cases[c].density);
        const double five = 5 / sqrt(COLUMNS), spread = sqrt(square - cycles * cycles);
        assert_true(fabs(m.entries - entries) <= five * sqrt(square));
        assert_true(fabs(m.cycles - cycles) <= five * spread);
        assert_true(fabs(m.cycles_square - square) <= five * sqrt(fourth - square * square));
        assert_true(fabs(m.padding - padding) <= five * sqrt(padding_square) + 1e-5);
    }
}

static void the_ends_of_the_density_are_exact(void **state)
{
    (void)state;
    struct eie_column_moments m = moments_of(0, 0.5);
    assert_true(m.entries == 0 && m.padding == 0 && m.cycles == 1 && m.cycles_square == 1);
    m = moments_of(100, 0);
    assert_true(m.entries == 0 && m.padding == 0 && m.cycles == 1 && m.cycles_square == 1);
    m = moments_of(100, 1);
    assert_near(m.entries, 100, 1e-12, "entries");
    assert_near(m.cycles_square, 1e4, 1e-12, "squares");
    assert_true(fabs(m.padding) < 1e-9);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static struct eie_work count(const struct eie_layer *layer, const int16_t *input)
{
    struct eie_work work;
    struct eie_error error = {""};
    assert_good(eie_work_count(layer, input, 64, &work, &error), error);
    return work;
}

/* From the dense matrix, PE by PE. */
static void assert_counts(const struct test_matrix *matrix, const struct eie_layer *layer,
                          const int16_t *input)
{
    const struct eie_work work = count(layer, input);
    double entries = 0, padding = 0, lines = 0, columns = 0, broadcast = 0;
    for (uint32_t begin = 0; begin < matrix->inputs; begin += layer->pe_count) {
        uint32_t end = begin + layer->pe_count, sent = 0;
        if (end > matrix->inputs) end = matrix->inputs;
        for (uint32_t j = begin; j < end; j++) sent += input[j] != 0;
        columns += sent;
        broadcast += input[end - 1] ? sent : sent + 1; /* one more to leave the row */
    }
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        uint64_t address = 0, held = UINT64_MAX;
        double cycles = 0, squares = 0;
        for (uint32_t j = 0; j < matrix->inputs; j++) {
            bool pattern[600];
            uint32_t rows = 0, weights;
            for (uint32_t i = pe; i < matrix->outputs; i += layer->pe_count)
                pattern[rows++] = *test_at(matrix, i, j) != 0;
            const uint32_t n = column_entries(pattern, rows, &weights);
            for (uint32_t e = 0; e < n && input[j]; e++) {
                lines += (address + e) / 8 != held;
                held = (address + e) / 8;
            }
            address += n;
            if (!input[j]) continue;
            entries += n;
            padding += n - weights;
            cycles += n ? n : 1;
            squares += n ? n * n : 1;
        }
        const double mean = columns > 0 ? cycles / columns : 0;
        assert_true(fabs(work.mean[pe] - mean) < 1e-9);
        if (columns > 0)
            assert_true(fabs(work.variance[pe] - (squares / columns - mean * mean)) < 1e-9);
    }
    assert_int_equal(work.pe_count, layer->pe_count);
    assert_true(work.columns == columns);
    assert_true(work.broadcast_cycles == broadcast);
    assert_true(work.entries == entries);
    assert_true(work.padding == padding);
    assert_true(work.line_reads == lines);
    struct eie_work freed = work;
    eie_work_free(&freed);
    assert_null(freed.mean);
}

static void counts_agree_with_the_dense_matrix(void **state)
{
    static const double densities[] = {0, 0.02, 0.1, 0.5, 1};
    struct eie_random random;
    (void)state;
    eie_random_seed(&random, 31);
    for (int turn = 0; turn < 80; turn++) {
        const uint32_t inputs = 1 + eie_random_below(&random, 150);
        const uint32_t outputs = 1 + eie_random_below(&random, 600);
        struct test_matrix matrix = test_matrix_draw(inputs, outputs, densities[turn % 5], &random);
        const struct eie_layer parts = test_parts("work", 1 + eie_random_below(&random, 20));
        struct eie_layer *layer = test_encode(&matrix, &parts);
        int16_t input[150];
        for (uint32_t j = 0; j < inputs; j++)
            input[j] = turn % 7 ? (int16_t)(eie_random_below(&random, 4) - 1u) : 0;
        assert_counts(&matrix, layer, input);
        eie_layer_free(layer);
        test_matrix_free(&matrix);
    }
}

static struct eie_layer *build(const struct eie_suite *suite, uint32_t index)
{
    struct eie_layer *layer;
    struct eie_error error = {""};
    assert_good(eie_suite_build(suite, index, 0, &layer, &error), error);
    return layer;
}

static double average(const double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += values[i] / count;
    return sum;
}

/* Alex-8's shape with 64 PEs: a matrix with exactly the stated non-zeros, so entries can only
 * differ by which columns are active. Five standard errors; line reads are stated to be
 * approximate. */
static void expectations_agree_with_a_generated_layer(void **state)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    struct eie_work expected;
    (void)state;
    assert_good(eie_suite_read("paper", &suite, &error), error);
    for (uint32_t i = 0; i < suite.layer_count; i++) {
        const struct eie_layer_spec *spec = &suite.layers[i].spec;
        if ((uint64_t)spec->inputs * spec->outputs > 6000000) continue;
        struct eie_layer *layer = build(&suite, i);
        struct eie_work counted = count(layer, layer->sample_inputs);
        const double density =
            (double)spec->nonzeros_active / ((double)spec->inputs * spec->outputs);
        assert_good(eie_work_expect(spec->inputs, spec->outputs, density,
                                    (double)spec->active_inputs / spec->inputs, 64, 64, &expected,
                                    &error),
                    error);
        const double variance = average(expected.variance, 64), columns = counted.columns;
        assert_near(expected.columns, columns, 1e-12, "columns");
        assert_true(fabs(expected.entries - counted.entries) <= 5 * sqrt(64 * columns * variance));
        assert_true(fabs(expected.padding - counted.padding) <= 5 * sqrt(expected.padding * 2 + 1));
        assert_true(fabs(average(expected.mean, 64) - average(counted.mean, 64)) <=
                    5 * sqrt(variance / (64 * columns)));
        assert_near(average(counted.variance, 64), variance, 0.03, "variance");
        assert_near(counted.broadcast_cycles, expected.broadcast_cycles, 0.02, "broadcast");
        assert_near(counted.line_reads, expected.line_reads, 0.05, "line reads");
        eie_work_free(&expected);
        eie_work_free(&counted);
        eie_layer_free(layer);
    }
    eie_suite_free(&suite);
}

static void shapes_that_make_no_sense_are_refused(void **state)
{
    struct eie_work work;
    struct eie_error error = {""};
    (void)state;
#define assert_no_shape(...)                                                                       \
    assert_bad(eie_work_expect(__VA_ARGS__, 64, &work, &error), EIE_USAGE, error, "densities")
    assert_no_shape(0, 5, 0.5, 0.5, 4);
    assert_no_shape(5, 0, 0.5, 0.5, 4);
    assert_no_shape(5, 5, 0.5, 0.5, 0);
    assert_no_shape(5, 5, -0.1, 0.5, 4);
    assert_no_shape(5, 5, 1.1, 0.5, 4);
    assert_no_shape(5, 5, 0.5, -0.1, 4);
    assert_no_shape(5, 5, 0.5, 1.1, 4);
    assert_no_shape(5, 5, (double)NAN, 0.5, 4);
#undef assert_no_shape
}

/* ---- time ------------------------------------------------------------------------------------ */

static double later(double a, double b)
{
    return a > b ? a : b;
}

/* Cycles of one product. One non-zero input is broadcast a cycle, in the order of its index, once
 * every PE has a slot free of the depth - 1; a PE spends max(1, entries) cycles a column and frees
 * the slot when it begins it. */
static double simulate(const struct eie_layer *layer, const int16_t *input, uint32_t depth)
{
    const uint32_t pes = layer->pe_count, slots = depth - 1;
    double *begun = calloc((size_t)slots * pes, sizeof *begun); /* [column mod slots][PE] */
    double *finished = calloc(pes, sizeof *finished), push = -1, end = 0;
    uint32_t column = 0;
    assert_true(begun && finished);
    for (uint32_t j = 0; j < layer->inputs; j++) {
        if (!input[j]) continue;
        double *slot = begun + (size_t)(column % slots) * pes; /* holds column - slots */
        push += 1;
        for (uint32_t k = 0; k < pes && column >= slots; k++) push = later(push, slot[k]);
        for (uint32_t k = 0; k < pes; k++) {
            const uint32_t *start = layer->column_start + (size_t)k * (layer->inputs + 1u) + j;
            slot[k] = later(push + 1, finished[k]);
            finished[k] = slot[k] + later(1, start[1] - start[0]);
            end = later(end, finished[k]);
        }
        column++;
    }
    free(begun);
    free(finished);
    return end;
}

static struct eie_estimate estimate(const struct eie_work *work, uint32_t depth)
{
    struct eie_device device;
    struct eie_error error = {""};
    struct eie_estimate result;
    assert_good(eie_device_read("eie-64pe-45nm", &device, &error), error);
    struct eie_design design = *device.design;
    design.queue_depth = depth;
    eie_estimate_design(work, &design, &result);
    return result;
}

static const uint32_t depths[] = {2, 4, 8, 16, 64};

/* Prints the row of one layer; its deviation at depth 8, as a ratio, and the simulated cycles. */
static double compare(const struct eie_layer *layer, double *simulated_8)
{
    struct eie_work work = count(layer, layer->sample_inputs);
    double at_8 = 0;
    printf("  %-12s", layer->name);
    for (size_t d = 0; d < TEST_COUNT(depths); d++) {
        const double simulated = simulate(layer, layer->sample_inputs, depths[d]);
        const double ratio = estimate(&work, depths[d]).expected_cycles / simulated - 1;
        printf("  %9.0f %+6.1f%%", simulated, 100 * ratio);
        if (depths[d] == 8) at_8 = ratio, *simulated_8 = simulated;
    }
    eie_work_free(&work);
    return at_8;
}

/* Cycles at depth 8 from the shape alone. */
static double from_shape(const struct eie_layer_spec *spec)
{
    const double inputs = spec->inputs, outputs = spec->outputs;
    struct eie_work work;
    struct eie_error error = {""};
    assert_good(eie_work_expect(spec->inputs, spec->outputs,
                                (double)spec->nonzeros_active / (inputs * outputs),
                                spec->active_inputs / inputs, 64, 64, &work, &error),
                error);
    const double cycles = estimate(&work, 8).expected_cycles;
    eie_work_free(&work);
    return cycles;
}

static void the_estimate_agrees_with_a_simulation_of_the_queues(void **state)
{
    struct eie_suite suite;
    struct eie_error error = {""};
    double worst = 0, worst_shape = 0;
    (void)state;
    printf("  simulated cycles and deviation of the estimate at queue depths 2, 4, 8, 16, 64;\n"
           "  last: the estimate from the shape alone at depth 8\n");
    assert_good(eie_suite_read("paper", &suite, &error), error);
    for (uint32_t i = 0; i < suite.layer_count; i++) {
        struct eie_layer *layer = build(&suite, i);
        double simulated;
        worst = fmax(worst, fabs(compare(layer, &simulated)));
        const double ratio = from_shape(&suite.layers[i].spec) / simulated - 1;
        worst_shape = fmax(worst_shape, fabs(ratio));
        printf("  %+6.1f%%\n", 100 * ratio);
        eie_layer_free(layer);
    }
    eie_suite_free(&suite);
    if (worst > 0.06 || worst_shape > 0.06)
        fail_msg("%.1f %% off at depth 8, from the shape %.1f %%; at most 6 %% wanted", 100 * worst,
                 100 * worst_shape);
}

/* The authors' simulator takes 7926 cycles; rows of inputs that it scans are not in ours. */
static void the_real_layer_takes_about_7926_cycles(void **state)
{
    const char *models = getenv("EIE_MODELS");
    char path[4096];
    struct eie_layer *layer;
    struct eie_quantization report;
    struct eie_error error = {""};
    (void)state;
    if (!models || !*models) {
        printf("SKIPPED alexnet-fc8: EIE_MODELS is not set\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/alexnet-fc8-dump", models);
    assert_good(eie_import_dump(path, "alexnet-fc8", 1000, &layer, &report, &error), error);
    double simulated;
    compare(layer, &simulated);
    struct eie_work work = count(layer, layer->sample_inputs);
    const double estimated = estimate(&work, 8).expected_cycles;
    printf("\n  alexnet-fc8, depth 8: simulated %.0f, estimated %.0f, authors 7926\n", simulated,
           estimated);
    assert_near(simulated, 7926, 0.01, "simulated cycles");
    assert_near(estimated, 7926, 0.06, "estimated cycles");
    eie_work_free(&work);
    eie_layer_free(layer);
}

/* One PE can never be slowed by others; a deeper queue never costs time; no work is no time. */
static void the_estimate_has_the_right_limits(void **state)
{
    struct eie_layer *layer = test_layer_draw("limits", 60, 200, 1, 0.2, 5);
    int16_t input[60] = {0};
    (void)state;
    struct eie_work work = count(layer, input);
    struct eie_estimate result = estimate(&work, 8);
    assert_true(result.theoretical_cycles == 0);
    assert_true(result.expected_cycles == work.broadcast_cycles);
    eie_work_free(&work);
    for (int j = 0; j < 60; j++) input[j] = 1;
    work = count(layer, input);
    double before = INFINITY;
    for (uint32_t depth = 2; depth < 300; depth *= 2) {
        const double cycles = estimate(&work, depth).expected_cycles;
        assert_true(cycles <= before && cycles >= work.entries - 1e-6);
        before = cycles;
    }
    assert_near(before, work.entries, 0.001, "one PE");
    eie_work_free(&work);
    eie_layer_free(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_equal_the_sum_over_all_patterns),
        cmocka_unit_test(moments_of_long_columns_agree_with_drawn_ones),
        cmocka_unit_test(the_ends_of_the_density_are_exact),
        cmocka_unit_test(counts_agree_with_the_dense_matrix),
        cmocka_unit_test(expectations_agree_with_a_generated_layer),
        cmocka_unit_test(shapes_that_make_no_sense_are_refused),
        cmocka_unit_test(the_estimate_agrees_with_a_simulation_of_the_queues),
        cmocka_unit_test(the_real_layer_takes_about_7926_cycles),
        cmocka_unit_test(the_estimate_has_the_right_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
