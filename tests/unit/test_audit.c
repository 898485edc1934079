/* bench/check/audit.h: what is checked after timing, with kernels whose times are waits. A wait is
 * 50 times what the samples are said to be, so that no neighbour of the test makes one of the
 * other.
 */
#include "bench/check/audit.h"
#include "bench/check/references.h"
#include "kernels/cpu_plan.h"
#include "tests/support/layers.h"

#include <time.h>

#define INPUTS  48
#define OUTPUTS 32
#define WAIT_NS 20e6

enum work { IN_RUN, ONCE_PER_LOAD, IN_LOAD, IN_READ, NOT_AT_ALL };

static enum work work;
static uint32_t late; /* so many rounds wait, whatever the work */
static bool all_late; /* each call waits */
static bool is_fresh;
static uint32_t loads, runs;

static void wait_ns(double ns)
{
    const struct timespec time = {0, (long)ns};
    nanosleep(&time, NULL);
}

static const struct eie_kernel *oracle(void)
{
    return eie_kernel_find("scalar_ref_dense");
}

static enum eie_status load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{
    loads++;
    is_fresh = true;
    if (work == IN_LOAD) wait_ns(WAIT_NS);
    return oracle()->load(plan, inputs, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    runs++;
    if (work == NOT_AT_ALL) return EIE_OK;
    if (all_late || (is_fresh && (work == ONCE_PER_LOAD || loads <= late))) wait_ns(WAIT_NS);
    is_fresh = false;
    return oracle()->run(plan, copy, error);
}

static enum eie_status read_outputs(struct eie_plan *plan, void *y, struct eie_error *error)
{
    if (work == IN_READ) wait_ns(WAIT_NS);
    return oracle()->read(plan, y, error);
}

struct bench {
    struct eie_kernel kernel;
    struct eie_device device;
    struct eie_layer *layer;
    struct eie_plan *plan;
    struct eie_references *references;
    struct eie_check_vectors vectors[2], fresh;
    int16_t inputs[2 * INPUTS];
};

static void begin(struct bench *bench)
{
    struct eie_error error = {""};
    *bench = (struct bench){.kernel = *oracle(), .device = {.name = "cpu", .kind = EIE_DEVICE_CPU}};
    bench->kernel.load = load;
    bench->kernel.run = run;
    bench->kernel.read = read_outputs;
    bench->layer = test_layer_draw("audited", INPUTS, OUTPUTS, 4, 0.3, 7);
    for (int j = 0; j < 2 * INPUTS; j++) bench->inputs[j] = (int16_t)(j % 5);
    struct eie_setup setup = {{bench->layer, &bench->device, 2, 1}, NULL, 1};
    assert_good(eie_pool_get(1, &setup.pool, &error), error);
    assert_good(bench->kernel.prepare(&setup, &bench->plan, &error), error);
    assert_good(eie_references_begin(bench->layer, bench->inputs, 2, &bench->references, &error),
                error);
    assert_good(eie_references_get(bench->references, &bench->device, bench->vectors, &error),
                error);
    assert_good(eie_references_fresh(bench->references, &bench->device, &bench->fresh, &error),
                error);
    work = IN_RUN;
    all_late = false;
    late = 0;
    assert_good(load(bench->plan, bench->inputs, &error), error);
    assert_good(run(bench->plan, 0, &error), error);
    loads = runs = 0;
}

static void end(struct bench *bench)
{
    bench->kernel.destroy(bench->plan);
    eie_references_free(bench->references);
    eie_layer_free(bench->layer);
}

static enum eie_status audit(struct bench *bench, double call_ns, char suspicion[512],
                             struct eie_error *error)
{
    const struct eie_audit audit = {.kernel = &bench->kernel,
                                    .plan = bench->plan,
                                    .timed = &bench->vectors[0],
                                    .fresh = &bench->fresh,
                                    .copies = 1,
                                    .seed = 1,
                                    .call_ns = call_ns};
    return eie_audit_plan(&audit, suspicion, 512, error);
}

/* ---- times ---------------------------------------------------------------------------------- */

static void work_elsewhere_is_suspect(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    for (work = ONCE_PER_LOAD; work <= IN_READ; work++) {
        assert_good(run(bench.plan, 0, &error), error); /* with what is loaded */
        assert_good(audit(&bench, WAIT_NS / 50, suspicion, &error), error);
        assert_non_null(strstr(suspicion, "not all of the work is in the timed calls"));
    }
    end(&bench);
}

static void work_in_the_calls_is_not(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    all_late = true;
    assert_good(audit(&bench, WAIT_NS, suspicion, &error), error);
    assert_string_equal(suspicion, "");
    end(&bench);
}

static void a_neighbour_in_some_rounds_is_not(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    late = 9;
    assert_good(audit(&bench, WAIT_NS / 50, suspicion, &error), error);
    assert_string_equal(suspicion, "");
    assert_true(loads > late);
    end(&bench);
}

static void a_machine_that_became_slower_is_not(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    all_late = true;
    assert_good(audit(&bench, WAIT_NS / 50, suspicion, &error), error);
    assert_string_equal(suspicion, "");
    end(&bench);
}

/* Further rounds would cost too much: the one whose outputs are compared counts. */
static void a_long_call_is_audited_once(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    assert_good(audit(&bench, 1e12, suspicion, &error), error);
    assert_string_equal(suspicion, "");
    assert_int_equal(runs, 1);
    assert_int_equal(loads, 2); /* and what was timed again */
    end(&bench);
}

/* ---- outputs -------------------------------------------------------------------------------- */

static void outputs_of_before_are_a_mismatch(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    work = NOT_AT_ALL;
    assert_bad(audit(&bench, 1e12, suspicion, &error), EIE_MISMATCH, error,
               "after timing, inputs that it had not seen: output");
    end(&bench);
}

/* Neither the check nor the audit leaves the outputs that the timed calls are to make. */
static void nothing_right_is_left_for_the_timed_calls(void **state)
{
    struct bench bench;
    struct eie_error error = {""};
    char suspicion[512];
    (void)state;
    begin(&bench);
    for (int i = 0; i < 2; i++) {
        if (i)
            assert_good(audit(&bench, 1e12, suspicion, &error), error);
        else
            assert_good(
                eie_check_plan(&bench.kernel, bench.plan, 0, 1, bench.vectors, NULL, &error),
                error);
        work = NOT_AT_ALL;
        assert_bad(audit(&bench, 1e12, suspicion, &error), EIE_MISMATCH, error,
                   "after timing, what the timed calls left: output");
        work = IN_RUN;
        assert_good(run(bench.plan, 0, &error), error); /* with what is loaded */
        assert_good(audit(&bench, 1e12, suspicion, &error), error);
        assert_good(run(bench.plan, 0, &error), error);
    }
    end(&bench);
}

/* ---- vectors -------------------------------------------------------------------------------- */

static void vectors_are_turned_one_by_one(void **state)
{
    const int16_t inputs[] = {1, 2, 3, 4, 5, 6}, expected[] = {3, 1, 2, 6, 4, 5};
    int16_t turned[6];
    (void)state;
    eie_audit_turn(inputs, 2, 3, 3 * 7 + 2, turned);
    assert_memory_equal(turned, expected, sizeof expected);
    eie_audit_turn(inputs, 2, 3, 3, turned);
    assert_memory_equal(turned, inputs, sizeof inputs);
}

static void fresh_vectors_are_others_with_references(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench);
    assert_memory_not_equal(bench.fresh.inputs, bench.inputs, sizeof bench.inputs);
    assert_memory_not_equal(bench.fresh.reference->y, bench.vectors[0].reference->y,
                            sizeof(int16_t) * 2 * OUTPUTS);
    end(&bench);
}

static void vectors_that_are_all_alike_differ_too(void **state)
{
    struct bench bench;
    struct eie_references *references;
    struct eie_check_vectors fresh;
    struct eie_error error = {""};
    (void)state;
    begin(&bench);
    for (int16_t value = 0; value < 3; value++) {
        for (int j = 0; j < 2 * INPUTS; j++) bench.inputs[j] = value;
        assert_good(eie_references_begin(bench.layer, bench.inputs, 2, &references, &error), error);
        assert_good(eie_references_fresh(references, &bench.device, &fresh, &error), error);
        assert_memory_not_equal(fresh.inputs, bench.inputs, sizeof bench.inputs);
        eie_references_free(references);
    }
    end(&bench);
}

/* The large inputs stand at small weights, and turned they do not. */
static void vectors_too_large_when_turned_are_halved(void **state)
{
    struct test_matrix matrix = test_matrix_empty(4, 1);
    struct eie_layer parts = test_parts("large", 1);
    const struct eie_device device = {.name = "cpu", .kind = EIE_DEVICE_CPU};
    const int16_t inputs[] = {0, 0, INT16_MAX, INT16_MAX};
    struct eie_references *references;
    struct eie_check_vectors fresh;
    struct eie_error error = {""};
    (void)state;
    parts.codebook[1] = INT16_MAX;
    parts.codebook[2] = 1;
    for (uint32_t j = 0; j < 4; j++) *test_at(&matrix, 0, j) = j < 2 ? 1 : 2;
    int32_t bias = INT32_MAX / 2;
    parts.bias = &bias;
    struct eie_layer *layer = test_encode(&matrix, &parts);
    assert_good(eie_references_begin(layer, inputs, 1, &references, &error), error);
    assert_good(eie_references_fresh(references, &device, &fresh, &error), error);
    assert_int_equal(fresh.inputs[0], INT16_MAX / 2);
    assert_int_equal(fresh.inputs[1], INT16_MAX / 2);
    assert_int_equal(fresh.inputs[2], 0);
    eie_references_free(references);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_elsewhere_is_suspect),
        cmocka_unit_test(work_in_the_calls_is_not),
        cmocka_unit_test(a_neighbour_in_some_rounds_is_not),
        cmocka_unit_test(a_machine_that_became_slower_is_not),
        cmocka_unit_test(a_long_call_is_audited_once),
        cmocka_unit_test(outputs_of_before_are_a_mismatch),
        cmocka_unit_test(nothing_right_is_left_for_the_timed_calls),
        cmocka_unit_test(vectors_are_turned_one_by_one),
        cmocka_unit_test(fresh_vectors_are_others_with_references),
        cmocka_unit_test(vectors_that_are_all_alike_differ_too),
        cmocka_unit_test(vectors_too_large_when_turned_are_halved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
