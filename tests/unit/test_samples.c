/* Which samples of a row count, and what a results file keeps of them. */
#include "bench/measure/samples.h"
#include "tests/support/test.h"

static void add(struct eie_samples *samples, double ns, uint32_t visit, bool disturbed)
{
    struct eie_error error;
    assert_good(eie_samples_add(samples, (struct eie_sample){ns, visit, disturbed}, &error), error);
}

static json_t *list(const json_t *row, const char *key, size_t size)
{
    json_t *values = json_object_get(row, key);
    assert_int_equal(json_array_size(values), size);
    return values;
}

/* Nine undisturbed ones are enough: the others are set apart, whatever their times. */
static void disturbed_ones_are_set_apart(void **state)
{
    struct eie_samples samples = {0}, again = {0};
    struct eie_error error;
    (void)state;
    for (uint32_t i = 0; i < 9; i++) add(&samples, 100 + i, 1 + i / 5, false);
    add(&samples, 1, 2, true);
    add(&samples, 5000, 2, true);
    assert_false(eie_samples_all_count(&samples));
    const struct eie_stats stats = eie_samples_stats(&samples);
    assert_true(stats.median == 104 && stats.minimum == 100 && stats.maximum == 108);
    json_t *row = json_object();
    eie_samples_add_json(&samples, row);
    list(row, "eie_samples_ns", 9);
    assert_int_equal(json_integer_value(json_array_get(list(row, "eie_visit_samples", 2), 0)), 5);
    assert_int_equal(json_integer_value(json_array_get(list(row, "eie_visit_samples", 2), 1)), 4);
    list(row, "eie_disturbed_ns", 2);
    assert_null(json_object_get(row, "eie_disturbed_counted"));
    assert_true(json_real_value(json_object_get(row, "eie_disturbed_share")) == 2.0 / 11);
    assert_good(eie_samples_take(&again, row, &error), error);
    assert_int_equal(again.count, 11);
    assert_int_equal(eie_samples_quiet(&again), 9);
    assert_int_equal(eie_samples_last_visit(row), 2);
    json_decref(row);
    eie_samples_free(&samples);
    eie_samples_free(&again);
}

/* With fewer all count, and the file says which were disturbed. */
static void too_few_undisturbed(void **state)
{
    struct eie_samples samples = {0}, again = {0};
    struct eie_error error;
    (void)state;
    for (uint32_t i = 0; i < 8; i++) add(&samples, 100 + i, 3, false);
    add(&samples, 1000, 3, true);
    assert_true(eie_samples_all_count(&samples));
    assert_true(eie_samples_stats(&samples).maximum == 1000);
    json_t *row = json_object();
    eie_samples_add_json(&samples, row);
    list(row, "eie_samples_ns", 9);
    assert_int_equal(json_integer_value(json_array_get(list(row, "eie_disturbed_at", 1), 0)), 8);
    assert_true(json_is_true(json_object_get(row, "eie_disturbed_counted")));
    assert_good(eie_samples_take(&again, row, &error), error);
    assert_int_equal(eie_samples_quiet(&again), 8);
    add(&again, 104, 4, false); /* the ninth: now they can be set apart after all */
    assert_false(eie_samples_all_count(&again));
    json_decref(row);
    eie_samples_free(&samples);
    eie_samples_free(&again);
}

/* Calls of 0.1 s and more need six. */
static void long_calls(void **state)
{
    struct eie_samples samples = {0};
    (void)state;
    for (uint32_t i = 0; i < 6; i++) add(&samples, EIE_LONG_CALL_NS + i, 1, false);
    add(&samples, 9 * EIE_LONG_CALL_NS, 1, true);
    assert_false(eie_samples_all_count(&samples));
    eie_samples_free(&samples);
}

static void old_files(void **state)
{
    struct eie_samples samples = {0};
    struct eie_error error;
    json_t *row = json_pack("{s:[f,f,f]}", "eie_samples_ns", 3.0, 1.0, 2.0);
    (void)state;
    assert_good(eie_samples_take(&samples, row, &error), error);
    assert_int_equal(samples.count, 3);
    assert_int_equal(samples.all[2].visit, 1);
    assert_int_equal(eie_samples_last_visit(row), 1);
    json_decref(row);
    eie_samples_free(&samples);
}

static void hostile(void **state)
{
    static const char *const rows[] = {
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[3]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[1]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1,2],\"eie_visit_samples\":[2]}",
        "{\"eie_samples_ns\":[1,0],\"eie_visits\":[1],\"eie_visit_samples\":[2]}",
        "{\"eie_samples_ns\":[1,\"x\"],\"eie_visits\":[1],\"eie_visit_samples\":[2]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[-1],\"eie_visit_samples\":[2]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1000001],\"eie_visit_samples\":[2]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[4294967295]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[2],"
        "\"eie_disturbed_at\":[2]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[2],"
        "\"eie_disturbed_at\":[-1]}",
        "{\"eie_samples_ns\":[1],\"eie_visits\":[1],\"eie_visit_samples\":[1],"
        "\"eie_disturbed_ns\":[2]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[2],"
        "\"eie_disturbed_at\":[1,1]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1],\"eie_visit_samples\":[2],"
        "\"eie_disturbed_at\":null}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[2,1],\"eie_visit_samples\":[1,1]}",
        "{\"eie_samples_ns\":[1,2],\"eie_visits\":[1,1],\"eie_visit_samples\":[1,1]}",
        "{\"eie_samples_ns\":[1e-7]}",
        "{\"eie_samples_ns\":[1e22]}",
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        struct eie_samples samples = {0};
        struct eie_error error = {""};
        json_t *row = json_loads(rows[i], 0, NULL);
        assert_non_null(row);
        assert_bad(eie_samples_take(&samples, row, &error), EIE_INPUT, error, "");
        json_decref(row);
        eie_samples_free(&samples);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disturbed_ones_are_set_apart),
        cmocka_unit_test(too_few_undisturbed),
        cmocka_unit_test(long_calls),
        cmocka_unit_test(old_files),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
