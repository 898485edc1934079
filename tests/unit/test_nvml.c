/* host/devices/nvml.c and bench/measure/energy.h on a made-up NVML (tests/support/fake_nvml.c):
 * each way in which there is no energy has its own word and says what to do. */
#include "bench/matrix/progress.h"
#include "bench/measure/energy.h"
#include "host/base/clock.h"
#include "host/devices/meter.h"
#include "host/devices/runtime.h"
#include "tests/support/test.h"

#include <math.h>

static const char pci[] = "0000:65:00.0";

/* A device at that bus. */
static const struct eie_device *at(const char *bus)
{
    static struct eie_device device;
    device = (struct eie_device){.kind = EIE_DEVICE_FOUND, .name = "made:up"};
    snprintf(device.found.pci, sizeof device.found.pci, "%s", bus);
    return &device;
}

static enum eie_energy_state open_gauge(const char *bus, struct eie_gauge *gauge,
                                        struct eie_error *why)
{
    const struct eie_device *device = at(bus);
    return eie_gauge_open(eie_meter_of(device), device, gauge, why);
}

/* The library, and what is wrong with it. */
static void fake(const char *library, const char *wrong)
{
    eie_meters_end();
    setenv("EIE_NVML", library, 1);
    setenv("FAKE_NVML", wrong, 1);
    unsetenv("FAKE_NVML_STEP_MS");
}

static int teardown(void **state)
{
    (void)state;
    eie_meters_end();
    return 0;
}

/* ---- the meter ------------------------------------------------------------------------------- */

static void test_states_without_a_meter(void **state)
{
    static const struct {
        const char *library, *wrong, *bus;
        enum eie_energy_state state;
        const char *what, *advice;
    } cases[] = {
        {"/nonexistent.so", "", pci, EIE_ENERGY_UNAVAILABLE, "/nonexistent.so",
         "comes with NVIDIA's driver"},
        {EIE_FAKE_NVML_OLD, "", pci, EIE_ENERGY_UNAVAILABLE, "nvmlDeviceGetTotalEnergyConsumption",
         "too old"},
        {EIE_FAKE_NVML, "init=9", pci, EIE_ENERGY_UNAVAILABLE, "Driver Not Loaded",
         "load NVIDIA's kernel module"},
        {EIE_FAKE_NVML, "init=4", pci, EIE_ENERGY_NO_PERMISSION, "Insufficient Permissions",
         "/dev/nvidia"},
        {EIE_FAKE_NVML, "init=18", pci, EIE_ENERGY_UNAVAILABLE, "code 18", "reboot the machine"},
        {EIE_FAKE_NVML, "", "0000:01:00.0", EIE_ENERGY_UNAVAILABLE, "0000:01:00.0", "nvidia-smi"},
        {EIE_FAKE_NVML, "handle=4", pci, EIE_ENERGY_NO_PERMISSION, pci, "/dev/nvidia"},
        {EIE_FAKE_NVML, "energy=3", pci, EIE_ENERGY_UNAVAILABLE, "energy counter", "Volta"},
        {EIE_FAKE_NVML, "energy=4", pci, EIE_ENERGY_NO_PERMISSION, "energy counter", "/dev/nvidia"},
        {EIE_FAKE_NVML, "mig", pci, EIE_ENERGY_UNAVAILABLE, "divided into slices", "MIG off"},
        {EIE_FAKE_NVML, "energy=999", pci, EIE_ENERGY_UNAVAILABLE, "code 999", "nvidia-smi"},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_gauge gauge;
        struct eie_error why = {""};
        fake(cases[i].library, cases[i].wrong);
        assert_int_equal(open_gauge(cases[i].bus, &gauge, &why), cases[i].state);
        if (!strstr(why.message, cases[i].what) || !strstr(why.message, cases[i].advice))
            fail_msg("case %zu: %s", i, why.message);
    }
    assert_string_equal(eie_energy_state_word(EIE_ENERGY_TOO_SHORT), "window too short");
    assert_string_equal(eie_energy_state_word(EIE_ENERGY_NOT_ASKED), "");
}

static void test_counter_is_seen_to_move(void **state)
{
    struct eie_gauge gauge;
    struct eie_look look = {0}, before = {0};
    struct eie_error why;
    (void)state;
    fake(EIE_FAKE_NVML, "");
    setenv("FAKE_NVML_STEP_MS", "5", 1);
    assert_int_equal(open_gauge(pci, &gauge, &why), EIE_ENERGY_MEASURED);
    for (int moves = 0; moves < 3;) {
        before = look;
        assert_int_equal(eie_gauge_look(&gauge, &look, &why), EIE_ENERGY_MEASURED);
        assert_true(look.gap_s > 0 && isfinite(look.gap_s));
        if (moves)
            assert_true(look.joules >= before.joules &&
                        look.moved == (look.joules > before.joules));
        moves += look.moved;
    }
}

static void test_board(void **state)
{
    struct eie_gauge gauge;
    struct eie_board board;
    struct eie_error why;
    (void)state;
    fake(EIE_FAKE_NVML, "throttled");
    assert_int_equal(open_gauge(pci, &gauge, &why), EIE_ENERGY_MEASURED);
    assert_int_equal(eie_gauge_held_down(&gauge), 1);
    eie_gauge_describe(&gauge, &board);
    assert_string_equal(board.name, "Made-up GPU");
    assert_string_equal(board.driver, "555.55");
    assert_true(board.sm_clock_hz == 1.98e9 && board.memory_clock_hz == 2.619e9);
    assert_true(board.temperature_c == 41 && fabs(board.power_limit_w - 700) < 1e-9);
    assert_true(isnan(board.power_w)); /* this library has no such function */
    assert_int_equal(board.persistence, 1);
    assert_int_equal(board.ecc, -1);
    assert_int_equal(board.mig, 0);
    assert_int_equal(board.virtual_gpu, 1);
    assert_string_equal(board.throttle, "power cap, software thermal");
}

/* Asked behind each block of calls; a device without a meter is not held down. */
static void test_board_that_is_held_down(void **state)
{
    struct eie_gauge gauge;
    struct eie_error why;
    (void)state;
    fake(EIE_FAKE_NVML, "throttled");
    assert_true(eie_energy_held_down(at("0007:65:00.0")));
    fake(EIE_FAKE_NVML, "");
    assert_false(eie_energy_held_down(at("0008:65:00.0")));
    assert_int_equal(open_gauge(pci, &gauge, &why), EIE_ENERGY_MEASURED);
    assert_int_equal(eie_gauge_held_down(&gauge), 0);
    assert_false(eie_energy_held_down(at("")));
    assert_int_equal(open_gauge("0000:01:00.0", &gauge, &why), EIE_ENERGY_UNAVAILABLE);
    assert_int_equal(eie_gauge_held_down(&gauge), -1);
}

/* ---- windows --------------------------------------------------------------------------------- */

struct calls {
    uint64_t made, allowed;
};

/* Some 0.1 ms. */
static enum eie_status call(void *context, struct eie_error *error)
{
    struct calls *calls = context;
    const double begin = eie_now_s();
    while (eie_now_s() - begin < 1e-4) continue;
    if (++calls->made > calls->allowed) return eie_fail(error, EIE_SYSTEM, "it breaks");
    return EIE_OK;
}

static void measure(const char *bus, double window_s, struct calls *calls,
                    struct eie_energy *energy)
{
    struct eie_error error = {""};
    *calls = (struct calls){0, UINT64_MAX};
    assert_good(eie_energy_measure(at(bus), window_s, call, calls, energy, &error), error);
    assert_int_equal(energy->state == EIE_ENERGY_MEASURED, isfinite(energy->call_j));
    assert_int_equal(energy->state == EIE_ENERGY_MEASURED, !*energy->reason);
}

/* Whatever else the machine does meanwhile, the true power lies within the bound. */
static void test_energy_is_within_its_bound(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    fake(EIE_FAKE_NVML, "");
    setenv("FAKE_NVML_STEP_MS", "5", 1);
    measure(pci, 0.5, &calls, &energy);
    assert_string_equal(energy.reason, "");
    assert_int_equal(energy.state, EIE_ENERGY_MEASURED);
    assert_true(energy.window_s >= 0.5 && energy.update_s > 0);
    assert_true(energy.relative_error > 0 && energy.relative_error <= 0.25);
    assert_true(fabs(energy.power_w - 100) <= 100 * energy.relative_error);
    assert_true(fabs(energy.idle_power_w - 100) <= 25);
    assert_true(energy.call_j >= energy.power_w * 1e-4 * (1 - 1e-6));
    assert_true(energy.call_j * (double)calls.made >= energy.power_w * energy.window_s);
    assert_string_equal(energy.board.driver, "555.55");
}

static void test_window_too_short(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    fake(EIE_FAKE_NVML, "");
    setenv("FAKE_NVML_STEP_MS", "200", 1);
    measure("0001:65:00.0", 0.1, &calls, &energy);
    assert_int_equal(energy.state, EIE_ENERGY_TOO_SHORT);
    assert_non_null(strstr(energy.reason, "larger --budget"));
}

static void test_counter_that_stands_still(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    fake(EIE_FAKE_NVML, "frozen");
    for (int round = 0; round < 2; round++) {
        measure("0002:65:00.0", 0.1, &calls, &energy);
        assert_int_equal(energy.state, EIE_ENERGY_TOO_SHORT);
        assert_non_null(strstr(energy.reason, "stood still"));
    }
    assert_int_equal(calls.made, 0); /* not waited for again */
}

static void test_counter_that_goes_back(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    fake(EIE_FAKE_NVML, "wrapped");
    measure("0003:65:00.0", 0.5, &calls, &energy);
    assert_int_equal(energy.state, EIE_ENERGY_WRAPPED);
    assert_non_null(strstr(energy.reason, "run the row again"));
}

static void test_board_that_is_lost(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    fake(EIE_FAKE_NVML, "lost"); /* at some look, here or in a test before */
    measure("0004:65:00.0", 0.1, &calls, &energy);
    assert_int_equal(energy.state, EIE_ENERGY_UNAVAILABLE);
    assert_non_null(strstr(energy.reason, "GPU is lost"));
}

static void test_no_meter(void **state)
{
    struct calls calls;
    struct eie_energy energy;
    (void)state;
    measure("", 0.1, &calls, &energy);
    assert_int_equal(energy.state, EIE_ENERGY_UNAVAILABLE);
    assert_non_null(
        strstr(energy.reason, "only the meters of NVIDIA's GPUs and processors with RAPL are"));
    fake("/nonexistent.so", "");
    measure("0005:65:00.0", 0.1, &calls, &energy);
    assert_int_equal(energy.state, EIE_ENERGY_UNAVAILABLE);
    assert_int_equal(calls.made, 0);
}

static void test_call_that_fails(void **state)
{
    struct calls calls = {0, 100};
    struct eie_energy energy;
    struct eie_error error;
    (void)state;
    fake(EIE_FAKE_NVML, "");
    assert_bad(eie_energy_measure(at("0006:65:00.0"), 0.5, call, &calls, &energy, &error),
               EIE_SYSTEM, error, "it breaks");
    assert_int_equal(calls.made, 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_states_without_a_meter, teardown),
        cmocka_unit_test_teardown(test_counter_is_seen_to_move, teardown),
        cmocka_unit_test_teardown(test_board, teardown),
        cmocka_unit_test_teardown(test_board_that_is_held_down, teardown),
        cmocka_unit_test_teardown(test_energy_is_within_its_bound, teardown),
        cmocka_unit_test_teardown(test_window_too_short, teardown),
        cmocka_unit_test_teardown(test_counter_that_stands_still, teardown),
        cmocka_unit_test_teardown(test_counter_that_goes_back, teardown),
        cmocka_unit_test_teardown(test_board_that_is_lost, teardown),
        cmocka_unit_test_teardown(test_no_meter, teardown),
        cmocka_unit_test_teardown(test_call_that_fails, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
