/* What cpu_auto would take, from planted estimates and times: no clock is read here. And that a
 * plan of cpu_auto says what it took, and from what. */
#include "host/machine/cpu.h"
#include "host/machine/threads.h"
#include "host/machine/topology.h"
#include "kernels/cpu/choose.h"
#include "kernels/kernel.h"
#include "tests/support/layers.h"

#include <math.h>

#define W CHOOSE_WORDS
#define B CHOOSE_BYTES
#define O CHOOSE_OTHER

struct listing {
    struct choose_candidate candidates[8];
    uint32_t count, expected[CHOOSE_MOST], expected_count;
};

static void shortlists(void **state)
{
    static const struct listing listings[] = {
        /* nothing can run */
        {{{O, NAN, NAN}, {W, NAN, NAN}}, 2, {0}, 0},
        {{{O, NAN, NAN}}, 0, {0}, 0},
        /* what is near, in fixed order whatever the estimates' order */
        {{{O, 150, NAN}, {O, 100, NAN}, {O, 176, NAN}, {O, 120, NAN}}, 4, {0, 1, 3}, 3},
        /* exactly as near as is allowed, and a little farther */
        {{{O, 100, NAN}, {O, 175, NAN}, {O, 175.1, NAN}}, 3, {0, 1}, 2},
        /* three at most: the farthest of four is left out */
        {{{O, 104, NAN}, {O, 103, NAN}, {O, 102, NAN}, {O, 101, NAN}}, 4, {1, 2, 3}, 3},
        /* equal estimates: the first ones */
        {{{O, 5, NAN}, {O, 5, NAN}, {O, 5, NAN}, {O, 5, NAN}}, 4, {0, 1, 2}, 3},
        /* both forms of look-up, however far: AMD's estimates on Intel, and the reverse */
        {{{B, 900, NAN}, {W, 100, NAN}}, 2, {0, 1}, 2},
        {{{B, 100, NAN}, {W, 900, NAN}}, 2, {0, 1}, 2},
        {{{B, 900, NAN}, {W, 800, NAN}, {O, 1, NAN}}, 3, {0, 1, 2}, 3},
        /* beside three that are nearer, and the best of each form only */
        {{{B, 300, NAN},
          {B, 400, NAN},
          {W, 500, NAN},
          {W, 410, NAN},
          {O, 3, NAN},
          {O, 2, NAN},
          {O, 1.9, NAN},
          {O, 4, NAN}},
         8,
         {0, 3, 4, 5, 6},
         5},
        {{{CHOOSE_BATCH, 900, NAN}, {CHOOSE_BATCH, 800, NAN}, {B, 9, NAN}, {O, 1, NAN}},
         4,
         {1, 2, 3},
         3},
        {{{B, 300, NAN},
          {CHOOSE_BATCH, 400, NAN},
          {W, 500, NAN},
          {O, 3, NAN},
          {O, 2, NAN},
          {O, 1.9, NAN},
          {O, 4, NAN}},
         7,
         {0, 1, 2, 3, 4, 5},
         6},
        /* a form that cannot run is not missed */
        {{{B, NAN, NAN}, {W, 100, NAN}, {O, 500, NAN}}, 3, {1}, 1},
        {{{B, NAN, NAN}, {W, NAN, NAN}, {O, 500, NAN}, {O, 501, NAN}}, 4, {2, 3}, 2},
        /* work of nothing: all estimates are 0 */
        {{{O, 0, NAN}, {B, 0, NAN}, {W, 0, NAN}}, 3, {0, 1, 2}, 3},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(listings); i++) {
        const struct listing *one = &listings[i];
        uint32_t list[CHOOSE_MOST];
        const uint32_t count = choose_shortlist(one->candidates, one->count, list);
        if (count != one->expected_count) fail_msg("case %zu: %u candidates", i, count);
        for (uint32_t k = 0; k < count; k++)
            if (list[k] != one->expected[k]) fail_msg("case %zu, place %u: %u", i, k, list[k]);
    }
}

struct choice {
    double times[4];
    uint32_t expected;
};

static void the_fastest_wins_only_with_a_lead(void **state)
{
    static const struct choice choices[] = {
        {{100, 100, 100, 100}, 0},        {{103, 100, 100, 100}, 0}, /* 3 % is no lead */
        {{103.1, 100, 100, 100}, 1}, /* a little more is; equal ones in fixed order */
        {{104, 102, 100, 99}, 2},    /* against the fastest, not against each other */
        {{104, 102, 101, 97}, 3},         {{50, 100, 100, 100}, 0},
        {{100, 100, 100, 50}, 3},         {{NAN, 100, 90, 80}, 3}, /* one that failed is out */
        {{NAN, NAN, 500, NAN}, 2},        {{NAN, NAN, NAN, NAN}, UINT32_MAX},
        {{INFINITY, 1e300, NAN, NAN}, 1}, {{0, 0, 0, 0}, 0},
    };
    static const uint32_t all[] = {0, 1, 2, 3};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(choices); i++) {
        struct choose_candidate candidates[4];
        for (int k = 0; k < 4; k++)
            candidates[k] = (struct choose_candidate){O, 1.0 / (k + 1), choices[i].times[k]};
        const uint32_t chosen = choose_by_time(candidates, all, 4);
        if (chosen != choices[i].expected) fail_msg("case %zu: %u", i, chosen);
    }
}

/* A time of what is not on the list does not count. */
static void only_the_shortlist_is_looked_at(void **state)
{
    const struct choose_candidate candidates[] = {
        {O, 1, 1}, {O, 5, 30}, {O, 4, 20}, {O, 3, 40}, {O, 2, 2}};
    static const uint32_t list[] = {1, 2, 3};
    (void)state;
    assert_int_equal(choose_by_time(candidates, list, 3), 2);
    assert_int_equal(choose_by_time(candidates, list, 1), 1);
    assert_int_equal(choose_by_estimate(candidates, list, 3), 3);
    assert_int_equal(choose_by_estimate(candidates, list, 2), 2);
}

static void of_equal_estimates_the_first(void **state)
{
    const struct choose_candidate candidates[] = {{O, 7, NAN}, {B, 3, NAN}, {W, 3, NAN}};
    static const uint32_t list[] = {0, 1, 2};
    (void)state;
    assert_int_equal(choose_by_estimate(candidates, list, 3), 1);
}

/* ---- a plan's own words --------------------------------------------------------------------- */

struct said {
    char kernel[64], by[64], shortlist[512];
};

static void hear(void *context, const char *key, const char *text, double number)
{
    struct said *said = context;
    (void)number;
    if (!strcmp(key, "eie_chosen_kernel")) (void)snprintf(said->kernel, 64, "%s", text);
    if (!strcmp(key, "eie_chosen_by")) (void)snprintf(said->by, 64, "%s", text);
    if (!strcmp(key, "eie_shortlist")) (void)snprintf(said->shortlist, 512, "%s", text);
}

/* Of a plan of cpu_auto with so many threads and copies. */
static struct said words_of(const struct eie_layer *layer, uint32_t batch, uint32_t threads,
                            uint32_t copies)
{
    const struct eie_kernel *automatic = eie_kernel_find("cpu_auto");
    struct eie_device device;
    struct eie_error error = {""};
    struct eie_plan *plan;
    struct said said = {0};
    assert_good(eie_device_host(&device, &error), error);
    struct eie_setup setup = {{layer, &device, batch, threads}, NULL, copies};
    assert_good(eie_pool_get(threads, &setup.pool, &error), error);
    assert_good(automatic->prepare(&setup, &plan, &error), error);
    automatic->describe(plan, hear, &said);
    automatic->destroy(plan);
    return said;
}

static bool is_listed(const struct said *said, const char *name)
{
    const char *at = strstr(said->shortlist, name);
    const char after = at ? at[strlen(name)] : 'x';
    return at && (after == ' ' || after == ',' || !after);
}

/* Every name of the list, and whether a time follows it. */
static void assert_times(const struct said *said, bool timed)
{
    const char *at = said->shortlist;
    while (*at) {
        char name[64];
        double us;
        int used = 0;
        assert_true(sscanf(at, "%63[a-z0-9_]%n", name, &used) == 1);
        assert_non_null(eie_kernel_find(name));
        at += used;
        used = 0;
        if (timed && (sscanf(at, " %lf us%n", &us, &used) != 1 || !used || !(us > 0)))
            fail_msg("no time in '%s' at '%s'", said->shortlist, at);
        at += used;
        if (*at && strncmp(at, ", ", 2)) fail_msg("'%s' at '%s'", said->shortlist, at);
        if (*at) at += 2;
    }
}

static void large_layers_are_timed(void **state)
{
    struct eie_layer *layer = test_layer_draw("large", 1024, 1024, 8, 0.2, 1);
    uint32_t features;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_cpu_features(&features, &error), error);
    for (uint32_t copies = 1; copies <= 3; copies += 2) {
        for (uint32_t batch = 1; batch <= 16; batch += 15) {
            const struct said said = words_of(layer, batch, 1, copies);
            const bool alone = !strchr(said.shortlist, ',');
            assert_true(is_listed(&said, said.kernel));
            if (features & EIE_CPU_VNNI) assert_true(is_listed(&said, "avx512_word_lookup"));
            if ((features & EIE_CPU_VNNI) && (features & EIE_CPU_AVX512VBMI))
                assert_true(is_listed(&said, "avx512_byte_lookup"));
            if (alone)
                assert_string_not_equal(said.by, "timing");
            else
                assert_string_equal(said.by, "timing");
            assert_times(&said, !alone);
        }
    }
    eie_layer_free(layer);
}

/* Preparing several would take longer than all the calls that a test makes; and with more threads
 * than cores, times say nothing. */
static void the_estimate_decides_where_times_do_not_pay(void **state)
{
    struct eie_layer *small = test_layer_draw("small", 20, 30, 4, 0.5, 1);
    struct eie_layer *large = test_layer_draw("large", 512, 512, 4, 0.2, 1);
    const struct eie_topology *topology;
    uint32_t features;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_cpu_features(&features, &error), error);
    assert_good(eie_topology_get(&topology, &error), error);
    const bool several = features & EIE_CPU_AVX2 || eie_kernel_find("neon_window_lookup");
    const char *const by = several ? "estimate" : "only one can run";
    const struct said few = words_of(small, 1, 1, 1);
    const struct said crowded = words_of(large, 64, topology->cores + 1, 1);
    assert_string_equal(few.by, by);
    assert_string_equal(crowded.by, by);
    assert_times(&few, false);
    assert_times(&crowded, false);
    assert_null(strstr(few.shortlist, " us"));
    assert_null(strstr(crowded.shortlist, " us"));
    eie_layer_free(small);
    eie_layer_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortlists),
        cmocka_unit_test(the_fastest_wins_only_with_a_lead),
        cmocka_unit_test(only_the_shortlist_is_looked_at),
        cmocka_unit_test(of_equal_estimates_the_first),
        cmocka_unit_test(large_layers_are_timed),
        cmocka_unit_test(the_estimate_decides_where_times_do_not_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
