/* bench/measure/places.h and bench/measure/device_floor.h: which devices are looked for, and the
 * rows of a kernel on CUDA devices. Two made-up devices take the place of the real ones
 * (tests/CMakeLists.txt:
 * --wrap). */
#include "bench/matrix/group.h"
#include "bench/matrix/matrix.h"
#include "bench/measure/device_floor.h"
#include "bench/measure/places.h"
#include "host/devices/cuda.h"
#include "host/devices/opencl.h"
#include "kernels/registry.h"
#include "tests/support/layers.h"

#include <math.h>

#define L2_BYTES UINT64_C(1000000)

static uint32_t listed_times, opencl_times, measured_times;
static enum eie_status list_status, measure_status;
static struct eie_cuda_ceilings ceilings;

enum eie_status __wrap_eie_cuda_list(struct eie_cuda_listed **list, uint32_t *count,
                                     struct eie_error *error);
enum eie_status __wrap_eie_opencl_list(struct eie_opencl_listed **list, uint32_t *count,
                                       struct eie_error *error);
enum eie_status __wrap_eie_cuda_open(const struct eie_device *device, struct eie_cuda **cuda,
                                     struct eie_error *error);
enum eie_status __wrap_eie_cuda_ceilings(struct eie_cuda *cuda,
                                         const struct eie_cuda_ceilings **most,
                                         struct eie_error *error);

enum eie_status __wrap_eie_cuda_list(struct eie_cuda_listed **list, uint32_t *count,
                                     struct eie_error *error)
{
    listed_times++;
    if (list_status) return eie_fail(error, list_status, "no list");
    *list = calloc(3, sizeof **list);
    *count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        struct eie_cuda_listed *one = &(*list)[i];
        one->device.kind = EIE_DEVICE_CUDA;
        one->device.runtime.absent = i == 0;
        snprintf(one->device.name, sizeof one->device.name, "cuda:made-up#%u", i);
        snprintf(one->device.title, sizeof one->device.title, "made up, the %u.", i);
        one->facts = (struct eie_cuda_facts){.pci = "0000:65:00.0",
                                             .driver = 12040,
                                             .runtime = 12030,
                                             .major = 9,
                                             .multiprocessors = 132,
                                             .global_bytes = UINT64_C(80) << 30,
                                             .l2_bytes = UINT64_C(50) << 20,
                                             .shared_block_bytes = 227 << 10};
    }
    return EIE_OK;
}

enum eie_status __wrap_eie_opencl_list(struct eie_opencl_listed **list, uint32_t *count,
                                       struct eie_error *error)
{
    (void)error;
    opencl_times++;
    *list = calloc(1, sizeof **list);
    *count = 1;
    (*list)->device.kind = EIE_DEVICE_OPENCL;
    (*list)->device.runtime.absent = true;
    strcpy((*list)->device.name, "opencl:none");
    return EIE_OK;
}

enum eie_status __wrap_eie_cuda_open(const struct eie_device *device, struct eie_cuda **cuda,
                                     struct eie_error *error)
{
    static struct eie_cuda only = {.facts = {.l2_bytes = L2_BYTES}};
    if (device->runtime.absent) return eie_fail(error, EIE_MISSING, "absent");
    *cuda = &only;
    return EIE_OK;
}

enum eie_status __wrap_eie_cuda_ceilings(struct eie_cuda *cuda,
                                         const struct eie_cuda_ceilings **most,
                                         struct eie_error *error)
{
    (void)cuda;
    measured_times++;
    *most = &ceilings;
    return measure_status ? eie_fail(error, measure_status, "no ceilings") : EIE_OK;
}

/* ---- a kernel ------------------------------------------------------------------------------- */

static struct eie_kernel kernel;
static struct eie_cost stated; /* instead of what it does, where not 0 */
static double device_ns;

static enum eie_status wait_with_clock(struct eie_plan *plan, struct eie_outcome *outcome,
                                       struct eie_error *error)
{
    (void)plan, (void)error;
    outcome->device_ns = device_ns;
    return EIE_OK;
}

static void cost_as_stated(const struct eie_plan *plan, struct eie_cost *cost)
{
    eie_kernel_find("scalar_ref_dense")->cost(plan, cost);
    if (stated.bytes_read) cost->bytes_read = stated.bytes_read;
    if (stated.prepared_bytes) cost->prepared_bytes = stated.prepared_bytes;
}

static enum eie_status supports_what_is_stated(const struct eie_problem *problem,
                                               uint64_t *plan_bytes, struct eie_error *error)
{
    enum eie_status status =
        eie_kernel_find("scalar_ref_dense")->supports(problem, plan_bytes, error);
    *plan_bytes += stated.prepared_bytes;
    return status;
}

static int add_kernel(void **state)
{
    static const struct eie_kernel *const kernels[] = {&kernel};
    struct eie_error error;
    (void)state;
    kernel = *eie_kernel_find("scalar_ref_dense");
    kernel.name = "test_made_up";
    kernel.device_kind = EIE_DEVICE_CUDA;
    kernel.flags = EIE_KERNEL_EXACT;
    kernel.max_threads = 0;
    kernel.wait = wait_with_clock;
    kernel.cost = cost_as_stated;
    kernel.supports = supports_what_is_stated;
    return (int)eie_kernels_add(kernels, 1, &error);
}

static int reset(void **state)
{
    (void)state;
    listed_times = opencl_times = measured_times = 0;
    list_status = measure_status = EIE_OK;
    stated = (struct eie_cost){0};
    device_ns = 50;
    ceilings = (struct eie_cuda_ceilings){.launch_wall_ns = 2,
                                          .launch_device_ns = 3,
                                          .graph_wall_ns = 1,
                                          .graph_device_ns = 4,
                                          .l2_bytes_per_s = 4e15,
                                          .dram_bytes_per_s = 1e15};
    return 0;
}

/* ---- places --------------------------------------------------------------------------------- */

static void test_kinds_that_are_looked_for(void **state)
{
    static const struct {
        uint32_t kinds;
        const char *names;
        bool opencl, cuda;
    } cases[] = {
        {0, NULL, false, false},
        {EIE_PLACES_ALL, NULL, true, true},
        {EIE_PLACES_OF(EIE_DEVICE_CUDA) | EIE_PLACES_OF(EIE_DEVICE_CPU), NULL, false, true},
        {EIE_PLACES_OF(EIE_DEVICE_OPENCL), NULL, true, false},
        {EIE_PLACES_ALL, "cpu", false, false},
        {EIE_PLACES_ALL, "cpu,cuda", false, false},
        {EIE_PLACES_ALL, "cuda:*", false, true},
        {0, "cpu, cuda:made-up#1", false, true},
        {0, "c*", false, true},
        {0, "[co]*", true, true},
        {0, "*", true, true},
        {0, "op*:none,eie-*", true, false},
        {0, "./cuda.json", false, false},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_places places;
        struct eie_error error;
        reset(NULL);
        assert_good(eie_places_find(cases[i].kinds, cases[i].names, &places, &error), error);
        assert_int_equal(opencl_times, cases[i].opencl);
        assert_int_equal(listed_times, cases[i].cuda);
        assert_int_equal(places.count, opencl_times + 3 * listed_times);
        eie_places_free(&places);
        assert_int_equal(places.count, 0);
    }
}

static void test_first_that_is_there(void **state)
{
    struct eie_places places;
    struct eie_error error;
    (void)state;
    assert_good(eie_places_find(EIE_PLACES_ALL, NULL, &places, &error), error);
    assert_string_equal(eie_places_first(&places, EIE_DEVICE_CUDA)->device.name, "cuda:made-up#1");
    assert_string_equal(eie_places_first(&places, EIE_DEVICE_OPENCL)->device.name, "opencl:none");
    assert_null(eie_places_first(&places, EIE_DEVICE_CPU));
    eie_places_free(&places);
}

static void test_words_and_facts(void **state)
{
    struct eie_places places;
    struct eie_error error;
    (void)state;
    assert_good(eie_places_find(0, "cuda:*", &places, &error), error);
    const struct eie_place *absent = &places.all[0], *there = &places.all[1];
    assert_string_equal(absent->ability, "");
    assert_int_equal(json_object_size(absent->facts), 1);
    assert_string_equal(json_string_value(json_object_get(absent->facts, "title")),
                        "made up, the 0.");
    assert_string_equal(there->ability,
                        "capability 9.0, 132 multiprocessors, 80.0 GiB, 50.0 MiB L2, 227 KiB "
                        "shared a block, CUDA 12.3 (driver 12.4), PCI 0000:65:00.0");
    assert_string_equal(json_string_value(json_object_get(there->facts, "driver_cuda")), "12.4");
    assert_string_equal(json_string_value(json_object_get(there->facts, "compute_capability")),
                        "9.0");
    assert_int_equal(json_integer_value(json_object_get(there->facts, "l2_bytes")), 50 << 20);
    eie_places_free(&places);
}

static void test_list_that_fails(void **state)
{
    struct eie_places places;
    struct eie_error error;
    (void)state;
    list_status = EIE_SYSTEM;
    assert_bad(eie_places_find(EIE_PLACES_ALL, NULL, &places, &error), EIE_SYSTEM, error,
               "no list");
    assert_true(places.count == 0 && !places.all);
}

static void test_names_of_places(void **state)
{
    (void)state;
    assert_true(eie_places_name("cuda:none") && eie_places_name("opencl:some:thing"));
    assert_false(eie_places_name("cpu") || eie_places_name("cuda") || eie_places_name("eie-cuda:"));
}

/* ---- the matrix ----------------------------------------------------------------------------- */

struct seen {
    const struct eie_matrix *matrix;
    uint32_t rows, groups;
};

static bool see_group(void *context, const struct eie_group_key *group)
{
    struct seen *seen = context;
    struct eie_row rows[16];
    const uint32_t count = eie_matrix_rows(seen->matrix, group, NULL);
    assert_true(count <= TEST_COUNT(rows));
    eie_matrix_rows(seen->matrix, group, rows);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].threads, 0);
        assert_string_equal(rows[i].cache, "hot");
        assert_string_equal(rows[i].time_source, i % 2 ? "wall" : "device");
        assert_int_equal(rows[i].device->kind, EIE_DEVICE_CUDA);
    }
    seen->rows += count;
    seen->groups++;
    return true;
}

static void count_rows(const char *devices, uint32_t groups, uint32_t rows)
{
    const struct eie_matrix_options options = {.suites = "paper",
                                               .layers = "Alex-7,NT-We",
                                               .kernels = "test_made_up",
                                               .devices = devices,
                                               .batches = {1, {1}},
                                               .threads = {2, {1, 2}},
                                               .caches = {2, {EIE_CACHE_HOT, EIE_CACHE_LLC}}};
    struct eie_matrix matrix;
    struct eie_error error;
    assert_good(eie_matrix_begin(&options, &matrix, &error), error);
    struct seen seen = {&matrix, 0, 0};
    eie_matrix_each_group(&matrix, see_group, &seen);
    assert_int_equal(seen.groups, groups);
    assert_int_equal(seen.rows, rows);
    eie_matrix_end(&matrix);
}

static void test_rows_of_the_matrix(void **state)
{
    (void)state;
    count_rows(NULL, 2, 12); /* three devices, two clocks, two layers */
    count_rows("cuda:*", 2, 12);
    count_rows("cuda:made-up#2", 2, 4);
    count_rows("opencl:*,cpu", 0, 0);
}

/* ---- floors --------------------------------------------------------------------------------- */

static struct eie_device device_of(bool absent)
{
    struct eie_device device = {.kind = EIE_DEVICE_CUDA, .runtime = {.absent = absent}};
    strcpy(device.name, "cuda:made-up");
    strcpy(device.title, "it is away");
    return device;
}

static void check_floor(bool wall, uint64_t bytes, double ns, double launch_ns, const char *bound)
{
    const struct eie_device device = device_of(false);
    const struct eie_demand demand = {.bytes = bytes, .footprint = bytes};
    struct eie_floor floor;
    struct eie_error error;
    double launch;
    assert_good(eie_device_floor(&device, wall, &demand, &floor, &launch, &error), error);
    assert_true(fabs(floor.ns - ns) < 1e-9 * ns && launch == launch_ns);
    assert_string_equal(floor.bound, bound);
}

static void test_floor_of_a_device(void **state)
{
    (void)state;
    check_floor(false, 4, 3, 3, "launch"); /* the cheaper of both ways on each clock */
    check_floor(true, 4, 1, 1, "launch");
    ceilings.launch_device_ns = 0.1;
    check_floor(false, L2_BYTES, 0.25, 0.1, "l2");
    check_floor(false, L2_BYTES / 2, 0.125, 0.1, "l2");
    check_floor(false, 11 * L2_BYTES, 0.25 + 10, 0.1, "dram"); /* the cache keeps what it can */
    ceilings.l2_bytes_per_s = ceilings.graph_device_ns = NAN;
    check_floor(false, 11 * L2_BYTES, 10, 0.1, "dram");
}

static void test_what_holds_the_weights(void **state)
{
    const struct eie_device there = device_of(false), away = device_of(true);
    const struct eie_device host = {.kind = EIE_DEVICE_CPU};
    (void)state;
    assert_string_equal(eie_device_resident(&there, L2_BYTES), "l2");
    assert_string_equal(eie_device_resident(&there, L2_BYTES + 1), "dram");
    assert_null(eie_device_resident(&away, 1));
    assert_null(eie_device_resident(&host, 1));
}

static void test_ceilings_as_json(void **state)
{
    const struct eie_device there = device_of(false), host = {.kind = EIE_DEVICE_CPU};
    json_t *lists = json_object();
    (void)state;
    ceilings.l2_bytes_per_s = NAN;
    eie_device_ceilings_add_json(&host, lists);
    assert_int_equal(json_object_size(lists), 0);
    eie_device_ceilings_add_json(&there, lists);
    const json_t *one =
        json_object_get(json_object_get(lists, "eie_device_ceilings"), "cuda:made-up");
    assert_true(json_number_value(json_object_get(one, "launch_wall_ns")) == 2);
    assert_true(json_number_value(json_object_get(one, "dram_bytes_per_s")) == 1e15);
    assert_null(json_object_get(one, "l2_bytes_per_s"));
    json_decref(lists);
}

/* ---- a group -------------------------------------------------------------------------------- */

/* Both clocks' rows of the kernel on a small layer. */
static void run_group(const struct eie_device *device, struct eie_row rows[2])
{
    struct eie_layer *layer = test_layer_draw("small", 32, 48, 4, 0.3, 7);
    struct eie_ceilings none = {0};
    int16_t inputs[32];
    struct eie_error error;
    for (int j = 0; j < 32; j++) inputs[j] = (int16_t)(j % 3);
    struct eie_group group = {.layer = layer,
                              .inputs = inputs,
                              .batch = 1,
                              .cache = EIE_CACHE_HOT,
                              .ceilings = &none,
                              .rows = rows,
                              .row_count = 2,
                              .budget_s = 0.01,
                              .memory_bytes = UINT64_MAX};
    for (int i = 0; i < 2; i++)
        rows[i] = (struct eie_row){.kernel = &kernel,
                                   .device = device,
                                   .batch = 1,
                                   .suite = "made-up",
                                   .layer = "small",
                                   .cache = "hot",
                                   .time_source = i ? "wall" : "device"};
    assert_good(eie_references_begin(layer, inputs, 1, &group.references, &error), error);
    assert_good(eie_group_run(&group, &error), error);
    eie_references_free(group.references);
    eie_layer_free(layer);
}

static void end_rows(struct eie_row rows[2])
{
    eie_row_free(&rows[0]);
    eie_row_free(&rows[1]);
}

static double number_of(const struct eie_row *row, const char *key)
{
    json_t *object = eie_row_json(row);
    const double number = json_number_value(json_object_get(object, key));
    json_decref(object);
    return number;
}

static void test_rows_with_floors(void **state)
{
    const struct eie_device device = device_of(false);
    struct eie_row rows[2];
    (void)state;
    run_group(&device, rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].status, EIE_ROW_OK);
        assert_string_equal(rows[i].floor.bound, "launch");
        assert_string_equal(rows[i].resident, "l2");
        assert_true(number_of(&rows[i], "eie_launch_ns") == (i ? 1 : 3));
        assert_true(number_of(&rows[i], "eie_floor_ns") == (i ? 1 : 3));
        assert_true(number_of(&rows[i], "eie_floor_share") > 0);
    }
    assert_true(rows[0].stats.median == device_ns);
    end_rows(rows);
}

static void test_rows_above_the_ceilings(void **state)
{
    const struct eie_device device = device_of(false);
    struct eie_row rows[2];
    (void)state;
    ceilings.launch_device_ns = ceilings.graph_device_ns = 1.2 * device_ns;
    run_group(&device, rows);
    assert_int_equal(rows[0].status, EIE_ROW_SUSPECT);
    assert_non_null(strstr(rows[0].reason, "this device's launch ceiling"));
    assert_int_equal(rows[1].status, EIE_ROW_OK);
    end_rows(rows);

    reset(NULL);
    stated.bytes_read = stated.prepared_bytes = UINT64_C(1) << 62; /* 4600 s at 1e15 a second */
    run_group(&device, rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].status, EIE_ROW_SUSPECT);
        assert_non_null(strstr(rows[i].reason, "this device's dram ceiling"));
        assert_string_equal(rows[i].resident, "dram");
    }
    end_rows(rows);
}

static void test_rows_without_ceilings(void **state)
{
    const struct eie_device device = device_of(false);
    struct eie_row rows[2];
    (void)state;
    measure_status = EIE_SYSTEM;
    run_group(&device, rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].status, EIE_ROW_OK);
        assert_true(rows[i].floor.ns == 0 && !(rows[i].launch_ns > 0));
    }
    end_rows(rows);
}

static void test_rows_on_a_device_that_is_away(void **state)
{
    const struct eie_device device = device_of(true);
    struct eie_row rows[2];
    (void)state;
    run_group(&device, rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].status, EIE_ROW_SKIPPED);
        assert_string_equal(rows[i].reason, "it is away");
    }
    assert_int_equal(measured_times, 0);
    end_rows(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kinds_that_are_looked_for, reset),
        cmocka_unit_test_setup(test_first_that_is_there, reset),
        cmocka_unit_test_setup(test_words_and_facts, reset),
        cmocka_unit_test_setup(test_list_that_fails, reset),
        cmocka_unit_test_setup(test_names_of_places, reset),
        cmocka_unit_test_setup(test_rows_of_the_matrix, reset),
        cmocka_unit_test_setup(test_floor_of_a_device, reset),
        cmocka_unit_test_setup(test_what_holds_the_weights, reset),
        cmocka_unit_test_setup(test_ceilings_as_json, reset),
        cmocka_unit_test_setup(test_rows_with_floors, reset),
        cmocka_unit_test_setup(test_rows_above_the_ceilings, reset),
        cmocka_unit_test_setup(test_rows_without_ceilings, reset),
        cmocka_unit_test_setup(test_rows_on_a_device_that_is_away, reset),
    };
    return cmocka_run_group_tests(tests, add_kernel, NULL);
}
