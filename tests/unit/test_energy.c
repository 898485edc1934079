/* kernels/model/eie_energy.h: the shipped data, factors against the papers' own examples, area, and
 * the precision of Fig. 10's arithmetics. */
#include "bench/explore/precision.h"
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "kernels/model/eie_energy.h"
#include "tests/support/layers.h"

#include <math.h>

static struct eie_energy_data data;

static int read_data(void **state)
{
    (void)state;
    return eie_energy_data_read(&data, NULL) == EIE_OK ? 0 : -1;
}

static void assert_near(double value, double wanted, double relative)
{
    if (!(fabs(value - wanted) <= relative * fabs(wanted)))
        fail_msg("%.9g is not within %g of %.9g", value, relative, wanted);
}

static void widths_follow_figure_9(void **state)
{
    (void)state;
    assert_near(eie_width_factor(&data, false, 64, 32), 9.6 / 14.6, 1e-9);
    assert_near(eie_width_factor(&data, false, 64, 512), 178.6 / 14.6, 1e-9);
    assert_near(eie_width_factor(&data, true, 64, 64), 1, 0);
    /* right panel: Alex-6's nanojoules over its reads */
    assert_near(eie_width_factor(&data, true, 64, 128), (4415 / 149.7) / (4606 / 245.8), 1e-3);
    const double between = eie_width_factor(&data, false, 64, 96);
    assert_true(between > 1 && between < 28.6 / 14.6);
    assert_true(isnan(eie_width_factor(&data, false, 64, 16)));
    assert_true(isnan(eie_width_factor(&data, true, 64, 1024)));
}

static void technologies_scale_as_their_rules_say(void **state)
{
    (void)state;
    const struct eie_scaling paper = eie_scaling_of(&data, EIE_SCALING_PAPER, 45, 28);
    assert_near(paper.area, 28.0 * 28 / 45 / 45, 1e-12);
    assert_near(paper.delay, 28.0 / 45, 1e-12);
    assert_near(paper.energy, 28.0 / 45, 1e-12);
    const struct eie_scaling to32 = eie_scaling_of(&data, EIE_SCALING_STILLMAKER_BAAS, 45, 32);
    const struct eie_scaling to28 = eie_scaling_of(&data, EIE_SCALING_STILLMAKER_BAAS, 45, 28);
    const struct eie_scaling to20 = eie_scaling_of(&data, EIE_SCALING_STILLMAKER_BAAS, 45, 20);
    const struct eie_scaling own = eie_scaling_of(&data, EIE_SCALING_STILLMAKER_BAAS, 45, 45);
    assert_near(to32.area, 0.46, 1e-9);
    /* 32 nm at its 0.97 V: 0.8367 V^2 - 0.4341 V + 0.1701; 45 nm at 1.1 V */
    assert_near(to32.energy, 0.536274 / 1.04391, 1e-4);
    assert_true(to28.area < to32.area && to28.area > to20.area);
    assert_true(to28.energy < to32.energy && to28.energy > to20.energy);
    assert_true(own.area == 1 && own.delay == 1 && own.energy == 1);
    assert_true(isnan(eie_scaling_of(&data, EIE_SCALING_STILLMAKER_BAAS, 45, 5).area));
}

static void the_tree_has_one_node_for_four(void **state)
{
    (void)state;
    assert_int_equal(eie_lnzd_nodes(1), 1);
    assert_int_equal(eie_lnzd_nodes(4), 1);
    assert_int_equal(eie_lnzd_nodes(5), 3);
    assert_int_equal(eie_lnzd_nodes(64), 16 + 4 + 1);
    assert_int_equal(eie_lnzd_nodes(256), 64 + 16 + 4 + 1);
}

static void energy_is_counts_times_the_table(void **state)
{
    struct eie_device device;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_device_read("eie-64pe-45nm", &device, &error), error);
    /* the ideal behind the table: 64 PEs, 8000 cycles, an entry a cycle, a line and a column every
     * eight */
    const struct eie_cycle_counts ideal = {
        .cycles = 8000, .broadcasts = 1000, .entries = 64 * 8000, .lines = 64 * 1000};
    const struct eie_module_energy energy = eie_energy_of(&ideal, 64, 21, &device.design->energy);
    const double seconds = 8000 / 800e6;
    assert_near(energy.spmat / seconds / 64, 4.955e-3, 1e-6);
    assert_near(energy.pointer / seconds / 64, 1.807e-3, 1e-6);
    assert_near(energy.queue / seconds / 64, 0.112e-3, 1e-6);
    assert_near(energy.arithmetic / seconds / 64, 1.162e-3, 1e-6);
    assert_near(energy.activation / seconds / 64, 1.122e-3, 1e-6);
    assert_near(energy.lnzd / seconds / 21, 0.023e-3, 1e-6);
    assert_near(eie_energy_sum(&energy) / seconds, 64 * 9.158e-3 + 21 * 0.023e-3, 1e-6);
    const struct eie_energy_table table1 = eie_energy_table1(&data, 64);
    assert_near(table1.spmat_row_read_pj, 10, 1e-12);
    assert_near(table1.entry_arithmetic_pj, 3.2, 1e-12);
    assert_near(eie_area_mm2(device.design, 64, 8), 40.84, 1e-3);
    assert_near(eie_area_mm2(device.design, 64, 16) - eie_area_mm2(device.design, 64, 8),
                64 * 758e-6, 1e-6);
}

/* Fewer bits err more, wide sums less; 32 bits hold 16-bit numbers exactly. */
static void arithmetics_err_in_the_order_of_their_width(void **state)
{
    struct eie_layer *drawn = test_layer_draw("precision", 200, 150, 4, 0.3, 9), *layer;
    struct eie_layer parts = *drawn;
    struct eie_precision found[EIE_ARITHMETICS];
    struct eie_error error = {""};
    struct eie_random random;
    int16_t input[200];
    (void)state;
    eie_random_seed(&random, 10);
    for (int j = 0; j < 200; j++) input[j] = (int16_t)(eie_random_below(&random, 2000) - 1000u);
    parts.sample_count = 1;
    parts.sample_inputs = input;
    assert_bad(eie_precision_of(drawn, found, &error), EIE_INPUT, error, "no sample");
    assert_good(eie_layer_create(&parts, &layer, &error), error);
    assert_good(eie_precision_of(layer, found, &error), error);
    double by_name[4] = {0}, wide[4] = {0};
    for (int a = 0; a < EIE_ARITHMETICS; a++) {
        const char *name = found[a].arithmetic;
        const int bits = strstr(name, "32") ? 2 : strstr(name, "16") ? 1 : 0;
        if (!strcmp(name, "float32"))
            by_name[3] = found[a].relative_rms_error;
        else
            (strstr(name, "wide") ? wide : by_name)[bits] = found[a].relative_rms_error;
    }
    assert_true(by_name[2] < 1e-6 && wide[2] < 1e-6 && by_name[3] < 1e-5);
    assert_true(by_name[1] > by_name[2] && by_name[0] > 10 * by_name[1]);
    assert_true(wide[0] <= by_name[0] && wide[1] <= by_name[1] && wide[0] > 0);
    eie_layer_free(layer);
    eie_layer_free(drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_follow_figure_9),
        cmocka_unit_test(technologies_scale_as_their_rules_say),
        cmocka_unit_test(the_tree_has_one_node_for_four),
        cmocka_unit_test(energy_is_counts_times_the_table),
        cmocka_unit_test(arithmetics_err_in_the_order_of_their_width),
    };
    return cmocka_run_group_tests(tests, read_data, NULL);
}
