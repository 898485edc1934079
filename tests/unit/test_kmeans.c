/* host/weights/kmeans.h, host/weights/prune.h: the poster's example, Lloyd's iteration written
 * plainly, any number of threads, pruning to exact counts. */
#include "host/base/random.h"
#include "host/weights/kmeans.h"
#include "host/weights/prune.h"
#include "host/weights/weights.h"
#include "tests/support/test.h"

#include <math.h>

#define COUNT 20011u

/* The EIE poster's 4 x 4 weights, their codes and centroids. */
static const float poster[16] = {2.09f,  -0.98f, 1.48f, 0.09f,  0.05f, -0.14f, -1.08f, 2.12f,
                                 -0.91f, 1.92f,  0,     -1.03f, 1.87f, 0,      1.53f,  1.49f};

static void poster_example(void **state)
{
    static const uint8_t wanted[16] = {3, 0, 2, 1, 1, 1, 0, 3, 0, 3, 1, 0, 3, 1, 2, 2};
    static const double centroid[4] = {-1.00, 0.00, 1.50, 2.00};
    struct eie_kmeans kmeans;
    struct eie_error error;
    uint8_t code[16];
    float codebook[4];
    double squares;
    (void)state;
    assert_good(eie_kmeans(poster, 16, false, 4, EIE_CENTROIDS_LINEAR, 1, 100, 1, &kmeans, &error),
                error);
    assert_true(kmeans.converged);
    assert_int_equal(kmeans.clusters, 4);
    assert_good(
        eie_kmeans_assign(&kmeans, poster, 16, false, 0, 1, code, codebook, &squares, &error),
        error);
    assert_memory_equal(code, wanted, sizeof wanted);
    for (int c = 0; c < 4; c++) assert_true(fabs(kmeans.centroid[c] - centroid[c]) < 1e-7);
    /* Deep Compression, section 3: 16 weights of 32 bits, 4 clusters */
    assert_true(fabs(eie_sharing_rate(16, 32, 4) - 3.2) < 1e-12);
}

static void draw(float *values, size_t count, uint64_t seed)
{
    struct eie_random random;
    eie_random_seed(&random, seed);
    for (size_t i = 0; i < count; i++)
        values[i] = eie_random_below(&random, 3) ? eie_weights_draw(&random) : 0;
}

/* Every weight against every centroid, until nothing changes. */
static void plain_lloyd(const float *values, size_t count, uint32_t clusters, long double *centroid,
                        int *owner)
{
    for (bool changed = true; changed;) {
        changed = false;
        long double sum[64] = {0};
        uint64_t members[64] = {0};
        for (size_t i = 0; i < count; i++) {
            int best = 0;
            if (values[i] == 0.0f) continue;
            for (uint32_t c = 1; c < clusters; c++)
                if (fabsl((long double)values[i] - centroid[c]) <
                    fabsl((long double)values[i] - centroid[best]))
                    best = (int)c;
            changed = changed || owner[i] != best;
            owner[i] = best;
            sum[best] += (long double)values[i];
            members[best]++;
        }
        for (uint32_t c = 0; c < clusters; c++)
            if (members[c]) centroid[c] = (long double)(double)(sum[c] / (long double)members[c]);
    }
}

static void as_plain_lloyd(void **state)
{
    static float values[COUNT], codebook[64];
    static int owner[COUNT];
    static uint8_t code[COUNT];
    const uint32_t clusters = 15;
    struct eie_kmeans kmeans;
    struct eie_error error;
    long double centroid[64];
    float least = 0, greatest = 0;
    double squares, wanted_squares = 0;
    (void)state;
    draw(values, COUNT, 5);
    for (size_t i = 0; i < COUNT; i++) {
        least = fminf(least, values[i]);
        greatest = fmaxf(greatest, values[i]);
        owner[i] = -1;
    }
    for (uint32_t c = 0; c < clusters; c++) {
        const double share = (double)c / (clusters - 1);
        centroid[c] = (long double)((double)least * (1 - share) + (double)greatest * share);
    }
    plain_lloyd(values, COUNT, clusters, centroid, owner);
    assert_good(eie_kmeans(values, COUNT, true, clusters, EIE_CENTROIDS_LINEAR, 1, 10000, 2,
                           &kmeans, &error),
                error);
    assert_true(kmeans.converged);
    assert_int_equal(kmeans.clusters, clusters);
    assert_good(
        eie_kmeans_assign(&kmeans, values, COUNT, true, 1, 2, code, codebook, &squares, &error),
        error);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(code[i], values[i] == 0.0f ? 0 : owner[i] + 1);
        const double away = values[i] == 0.0f ? 0 : (double)values[i] - (double)codebook[code[i]];
        wanted_squares += away * away;
    }
    assert_true(fabs(squares - wanted_squares) < 1e-9 * wanted_squares);
}

static void any_number_of_threads(void **state)
{
    static float values[COUNT];
    struct eie_kmeans first, other;
    struct eie_error error;
    (void)state;
    draw(values, COUNT, 6);
    for (int start = EIE_CENTROIDS_LINEAR; start <= EIE_CENTROIDS_RANDOM; start++) {
        for (uint32_t threads = 1; threads <= 5; threads++) {
            memset(&other, 0, sizeof other);
            assert_good(eie_kmeans(values, COUNT, true, 31, (enum eie_centroids)start, 9, 500,
                                   threads, &other, &error),
                        error);
            if (threads == 1) first = other;
            assert_int_equal(first.clusters, other.clusters);
            assert_int_equal(first.rounds, other.rounds);
            assert_memory_equal(first.centroid, other.centroid, sizeof first.centroid);
            assert_memory_equal(first.members, other.members, sizeof first.members);
        }
    }
}

static void fewer_weights_than_clusters(void **state)
{
    static const float values[6] = {0, 0.5f, 0.5f, -1, 0, 2};
    struct eie_kmeans kmeans;
    struct eie_error error;
    uint8_t code[6];
    float codebook[256] = {0};
    double squares;
    (void)state;
    for (int start = EIE_CENTROIDS_LINEAR; start <= EIE_CENTROIDS_DENSITY; start++) {
        assert_good(
            eie_kmeans(values, 6, true, 255, (enum eie_centroids)start, 1, 100, 1, &kmeans, &error),
            error);
        assert_int_equal(kmeans.clusters, 3);
        assert_good(
            eie_kmeans_assign(&kmeans, values, 6, true, 1, 1, code, codebook, &squares, &error),
            error);
        for (int i = 0; i < 6; i++) assert_true(codebook[code[i]] == values[i]);
    }
    assert_good(eie_kmeans(values, 1, true, 15, EIE_CENTROIDS_RANDOM, 1, 100, 1, &kmeans, &error),
                error);
    assert_int_equal(kmeans.clusters, 0); /* all weights are 0 */
    assert_bad(eie_kmeans(values, 6, true, 0, EIE_CENTROIDS_LINEAR, 1, 100, 1, &kmeans, &error),
               EIE_USAGE, error, "0 clusters");
}

/* Extremes of float32, one far away from all others. */
static void outliers(void **state)
{
    static float values[1000];
    struct eie_kmeans kmeans;
    struct eie_error error;
    (void)state;
    for (int i = 0; i < 1000; i++) values[i] = (float)i * 1e-30f;
    values[0] = 3e38f;
    values[1] = -3e38f;
    assert_good(eie_kmeans(values, 1000, true, 3, EIE_CENTROIDS_LINEAR, 1, 100, 1, &kmeans, &error),
                error);
    assert_int_equal(kmeans.clusters, 3);
    assert_int_equal(kmeans.members[1], 998);
    assert_true(fabs(kmeans.centroid[1] / 5.005e-28 - 1) < 1e-6); /* the mean of 2 .. 999 */
}

/* However many rounds there are, a centroid lies among its own weights. */
static void stopped_after_any_round(void **state)
{
    static const float values[] = {1, 3, 6.8f, 6.9f, 7};
    (void)state;
    for (uint32_t rounds = 1; rounds < 12; rounds++) {
        struct eie_kmeans kmeans;
        struct eie_error error;
        assert_good(
            eie_kmeans(values, 5, true, 7, EIE_CENTROIDS_LINEAR, 1, rounds, 1, &kmeans, &error),
            error);
        uint64_t first = 0;
        for (uint32_t c = 0; c < kmeans.clusters; first += kmeans.members[c++]) {
            assert_true(kmeans.centroid[c] >= (double)values[first] - 1e-6);
            assert_true(kmeans.centroid[c] <= (double)values[first + kmeans.members[c] - 1] + 1e-6);
        }
        assert_int_equal(first, 5);
    }
}

static int by_magnitude(const void *a, const void *b)
{
    const float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
    return x > y ? -1 : x < y;
}

static void prune_to_a_density(void **state)
{
    static float values[COUNT], sorted[COUNT], pruned[COUNT];
    struct eie_pruned report;
    struct eie_error error;
    (void)state;
    draw(values, COUNT, 7);
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, COUNT, sizeof *sorted, by_magnitude);
    for (int percent = 0; percent <= 60; percent += 10) {
        const uint64_t wanted = (uint64_t)llround(percent / 100.0 * COUNT);
        uint64_t kept = 0;
        double lost = 0;
        memcpy(pruned, values, sizeof pruned);
        assert_good(eie_prune(&(struct eie_values){pruned, NULL, COUNT, COUNT}, EIE_PRUNE_DENSITY,
                              percent / 100.0, &report, &error),
                    error);
        for (size_t i = 0; i < COUNT; i++) {
            if (pruned[i] != 0.0f) {
                kept++;
                assert_true(pruned[i] == values[i] &&
                            fabsf(values[i]) >= fabsf(sorted[wanted - 1]));
            } else {
                lost += (double)values[i] * (double)values[i];
            }
        }
        assert_int_equal(kept, wanted);
        assert_int_equal(report.kept, wanted);
        assert_true(fabs(report.lost_sum_squares - lost) <= 1e-9 * lost);
    }
    /* equal magnitudes: the first of them */
    float equal[5] = {1, -1, 1, 0, -1};
    assert_good(
        eie_prune(&(struct eie_values){equal, NULL, 5, 5}, EIE_PRUNE_DENSITY, 0.4, &report, &error),
        error);
    assert_true(equal[0] == 1 && equal[1] == -1 && equal[2] == 0 && equal[4] == 0);
    assert_bad(
        eie_prune(&(struct eie_values){equal, NULL, 5, 5}, EIE_PRUNE_DENSITY, 1.5, &report, &error),
        EIE_USAGE, error, "density");
}

static void prune_by_a_threshold(void **state)
{
    float values[4] = {1, -1, 3, -3}; /* standard deviation: the square root of 5 */
    struct eie_pruned report;
    struct eie_error error;
    (void)state;
    assert_good(eie_prune(&(struct eie_values){values, NULL, 4, 4}, EIE_PRUNE_THRESHOLD, 1.0,
                          &report, &error),
                error);
    assert_true(fabs(report.deviation - sqrt(5)) < 1e-12);
    assert_true(values[0] == 0 && values[1] == 0 && values[2] == 3 && values[3] == -3);
    assert_int_equal(report.kept, 2);
    assert_true(report.lost_sum_squares == 2);
    assert_good(
        eie_prune(&(struct eie_values){values, NULL, 4, 4}, EIE_PRUNE_NONE, 0, &report, &error),
        error);
    assert_int_equal(report.kept, 2);
}

/* Some places of a matrix and all of them: the same numbers, bit for bit. */
static void places_are_pruned_like_all(void **state)
{
    static const struct {
        enum eie_pruning how;
        double amount;
    } ways[] = {{EIE_PRUNE_NONE, 0},         {EIE_PRUNE_DENSITY, 0.01}, {EIE_PRUNE_DENSITY, 0.6},
                {EIE_PRUNE_THRESHOLD, 0.01}, {EIE_PRUNE_THRESHOLD, 2},  {EIE_PRUNE_DENSITY, 0}};
    const size_t all = 5 * 65536 + 77;
    float *dense = calloc(all, sizeof *dense), *some = malloc(all * sizeof *some);
    uint32_t *place = malloc(all * sizeof *place);
    struct eie_pruned one, other;
    struct eie_error error;
    (void)state;
    assert_true(dense && some && place);
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        static float drawn[COUNT];
        size_t count = 0;
        draw(drawn, COUNT, way);
        memset(dense, 0, all * sizeof *dense);
        for (size_t i = 0; i < all && count < COUNT; i += 1 + i % 97) {
            if (i / 65536 == 2) continue; /* a block without any */
            dense[i] = count % 7 ? drawn[count] : 0;
            place[count] = (uint32_t)i;
            some[count++] = dense[i];
        }
        const struct eie_values whole = {dense, NULL, all, all}, part = {some, place, count, all};
        assert_good(eie_prune(&whole, ways[way].how, ways[way].amount, &one, &error), error);
        assert_good(eie_prune(&part, ways[way].how, ways[way].amount, &other, &error), error);
        assert_memory_equal(&one, &other, sizeof one);
        for (size_t i = 0; i < count; i++) assert_true(some[i] == dense[place[i]]);
    }
    free(dense);
    free(some);
    free(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poster_example),
        cmocka_unit_test(as_plain_lloyd),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(fewer_weights_than_clusters),
        cmocka_unit_test(outliers),
        cmocka_unit_test(stopped_after_any_round),
        cmocka_unit_test(prune_to_a_density),
        cmocka_unit_test(prune_by_a_threshold),
        cmocka_unit_test(places_are_pruned_like_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
