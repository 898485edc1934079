/* host/layer/recluster.h: the least squared error of all groupings, and what stays as it was. */
#include "host/layer/recluster.h"
#include "tests/support/layers.h"

#include <math.h>

static double error_between(const struct eie_layer *a, const struct eie_layer *b)
{
    double sum = 0;
    for (uint32_t e = 0; e < a->entry_count; e++) {
        const double off = a->codebook[a->entries[e] >> 4] - b->codebook[b->entries[e] >> 4];
        sum += off * off;
    }
    return sum;
}

/* Every assignment of the 15 codes to 3 groups would be 3^15: all cuts of the sorted codes are
 * enough, and are tried one by one. */
static double least_error(const struct eie_layer *layer)
{
    int order[15];
    double count[16] = {0}, best = INFINITY;
    for (int i = 0; i < 15; i++) {
        int at = i;
        for (; at && layer->codebook[order[at - 1]] > layer->codebook[i + 1]; at--)
            order[at] = order[at - 1];
        order[at] = i + 1;
    }
    for (uint32_t e = 0; e < layer->entry_count; e++) count[layer->entries[e] >> 4]++;
    for (int first = 1; first < 14; first++) {
        for (int second = first + 1; second < 15; second++) {
            const int ends[] = {0, first, second, 15};
            double sum = 0;
            for (int g = 0; g < 3; g++) {
                double n = 0, total = 0;
                for (int i = ends[g]; i < ends[g + 1]; i++) {
                    n += count[order[i]];
                    total += count[order[i]] * layer->codebook[order[i]];
                }
                const double mean = n > 0 ? rint(total / n) : 0;
                for (int i = ends[g]; i < ends[g + 1]; i++)
                    sum += count[order[i]] * (layer->codebook[order[i]] - mean) *
                           (layer->codebook[order[i]] - mean);
            }
            best = fmin(best, sum);
        }
    }
    return best;
}

static struct eie_layer *recluster(const struct eie_layer *layer, uint32_t bits,
                                   struct eie_reclustering *report)
{
    struct eie_layer *made;
    struct eie_error error = {""};
    assert_good(eie_layer_recluster(layer, bits, &made, report, &error), error);
    return made;
}

static void no_grouping_is_better(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct eie_layer *drawn = test_layer_draw("recluster", 40, 60, 4, 0.2, seed), *uneven;
        struct eie_layer parts = *drawn;
        struct eie_reclustering report;
        struct eie_error error = {""};
        struct eie_random random;
        eie_random_seed(&random, seed);
        for (int c = 1; c < EIE_CODEBOOK_SIZE; c++)
            parts.codebook[c] = (int16_t)(eie_random_below(&random, 65536) - 32768u);
        assert_good(eie_layer_create(&parts, &uneven, &error), error);
        struct eie_layer *made = recluster(uneven, 2, &report);
        assert_int_equal(report.codes_left, 3);
        assert_int_equal(eie_layer_codes_used(made), 3);
        assert_true(fabs(error_between(uneven, made) - least_error(uneven)) < 1e-3);
        double squares = 0;
        for (uint32_t e = 0; e < uneven->entry_count; e++) {
            const double weight = uneven->codebook[uneven->entries[e] >> 4];
            squares += weight * weight;
        }
        assert_true(fabs(report.relative_rms_error - sqrt(error_between(uneven, made) / squares)) <
                    1e-9);
        for (uint32_t e = 0; e < uneven->entry_count; e++) /* runs and padding stay */
            assert_int_equal(uneven->entries[e] & 15, made->entries[e] & 15);
        eie_layer_free(made);
        eie_layer_free(uneven);
        eie_layer_free(drawn);
    }
}

static void what_fits_stays(void **state)
{
    struct eie_layer *layer = test_layer_draw("recluster", 40, 60, 4, 0.2, 3);
    struct eie_reclustering report;
    (void)state;
    for (uint32_t bits = 4; bits <= 8; bits++) {
        struct eie_layer *made = recluster(layer, bits, &report);
        assert_true(eie_layer_codes_fit(layer, bits));
        assert_same_layer(layer, made);
        assert_true(report.relative_rms_error == 0 && report.largest_error == 0);
        eie_layer_free(made);
    }
    assert_false(eie_layer_codes_fit(layer, 3));
    struct eie_layer *few = recluster(layer, 3, &report);
    assert_true(report.codes_left == 7 && report.relative_rms_error > 0);
    assert_true(eie_layer_codes_fit(few, 3));
    eie_layer_free(few);
    eie_layer_free(layer);
}

static void an_empty_layer_has_no_codes(void **state)
{
    struct eie_layer *layer = test_layer_draw("recluster", 5, 5, 2, 0, 1);
    struct eie_reclustering report;
    (void)state;
    assert_int_equal(eie_layer_codes_used(layer), 0);
    struct eie_layer *made = recluster(layer, 2, &report);
    assert_int_equal(report.codes_left, 0);
    eie_layer_free(made);
    eie_layer_free(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_grouping_is_better),
        cmocka_unit_test(what_fits_stays),
        cmocka_unit_test(an_empty_layer_has_no_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
