/* Which rows contradict each other; on rows that are made up. */
#include "bench/matrix/schedule.h"
#include "tests/support/test.h"

static void put(struct eie_results *results, unsigned threads, const char *cache, double ns,
                double half)
{
    struct eie_error error;
    char name[128];
    snprintf(name, sizeof name, "s/l/k/cpu/batch:1/threads:%u/cache:%s/time:wall", threads, cache);
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:f, s:f, s:f}", "name", name,
        "eie_status", "ok", "eie_suite", "s", "eie_layer", "l", "eie_kernel", "k", "eie_device",
        "cpu", "eie_batch", 1, "eie_threads", (int)threads, "eie_cache", cache, "eie_time_source",
        "wall", "eie_median_ns", ns, "eie_ci95_low_ns", ns - half, "eie_ci95_high_ns", ns + half);
    assert_good(eie_results_put(results, row, &error), error);
}

struct heard {
    unsigned count;
    char name[2][128], text[2][256];
};

static void hear(void *context, json_t *row, json_t *other, const char *sentence)
{
    struct heard *heard = context;
    assert_non_null(other);
    assert_true(heard->count < 2);
    snprintf(heard->name[heard->count], 128, "%s", json_string_value(json_object_get(row, "name")));
    snprintf(heard->text[heard->count++], 256, "%s", sentence);
}

static struct heard doubts(double one, double two, double cold, double half)
{
    struct heard heard = {0};
    struct eie_results *results;
    struct eie_error error;
    assert_good(eie_results_begin(NULL, "a test", false, json_object(), &results, &error), error);
    put(results, 1, "hot", one, half);
    put(results, 2, "hot", two, half);
    put(results, 1, "llc", cold, half);
    eie_schedule_doubts(results, hear, &heard);
    eie_results_free(results);
    return heard;
}

static void contradictions(void **state)
{
    (void)state;
    assert_int_equal(doubts(100, 50, 120, 1).count, 0);
    assert_int_equal(doubts(100, 48, 97, 1).count, 0); /* within the intervals and 5 % */
    const struct heard fast = doubts(100, 40, 120, 1);
    assert_int_equal(fast.count, 1);
    assert_non_null(strstr(fast.name[0], "threads:2"));
    assert_non_null(strstr(fast.text[0], "2.50 times as fast on 2 threads"));
    const struct heard cold = doubts(100, 50, 80, 1);
    assert_int_equal(cold.count, 1);
    assert_non_null(strstr(cold.name[0], "cache:llc"));
    assert_non_null(strstr(cold.text[0], "1.25 times as fast in cache mode llc as hot"));
    const struct heard slow = doubts(100, 130, 120, 1);
    assert_int_equal(slow.count, 1);
    assert_non_null(strstr(slow.text[0], "1.30 times as long on 2 threads as on one"));
    assert_int_equal(doubts(100, 40, 80, 30).count, 0); /* intervals that wide say nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(contradictions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
