/* host/devices/runtime.h and bench/measure/devices.h over a table of two made-up runtimes: which
 * devices are looked for, how they are listed, and the rows of a kernel on them. */
#include "bench/matrix/group.h"
#include "bench/matrix/matrix.h"
#include "bench/measure/devices.h"
#include "host/devices/cuda.h"
#include "host/devices/meter.h"
#include "kernels/registry.h"
#include "tests/support/layers.h"

#include <math.h>

#define L2_BYTES UINT64_C(1000000)

static uint32_t opened_times, measured_times;
static enum eie_status list_status, measure_status;
static void (*list_otherwise)(struct eie_listing *listing); /* instead, where not NULL */
static struct eie_device_ceilings ceilings;
static bool lost;

struct facts {
    uint32_t number;
};

static void list_three(struct eie_listing *listing)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND};
    if (list_otherwise) {
        list_otherwise(listing);
        return;
    }
    listing->status = list_status ? eie_fail(&listing->error, list_status, "no list") : list_status;
    eie_listing_add_absent(listing, "Made up", "made up, the 0.");
    for (uint32_t i = 1; i < 3; i++) {
        const struct facts facts = {i};
        snprintf(device.title, sizeof device.title, "made up, the %u.", i);
        eie_listing_add(listing, "made-up", &device, &facts, sizeof facts);
    }
}

static void facts_into(const void *opaque, json_t *object)
{
    const struct facts *facts = opaque;
    json_object_set_new(object, "number", json_integer(facts->number));
}

static void ability(const void *opaque, char *text, size_t size)
{
    const struct facts *facts = opaque;
    snprintf(text, size, "can count to %u", facts->number);
}

static enum eie_status open_device(const struct eie_device *device, struct eie_error *error)
{
    (void)device, (void)error;
    opened_times++;
    return EIE_OK;
}

static uint32_t levels_of(const struct eie_device *device, struct eie_reach levels[EIE_REACHES_MAX])
{
    (void)device;
    levels[0] = (struct eie_reach){"l2", L2_BYTES, NAN};
    levels[1] = (struct eie_reach){"dram", INFINITY, NAN};
    return 2;
}

static enum eie_status measure(const struct eie_device *device, struct eie_device_ceilings *most,
                               struct eie_error *error)
{
    (void)device;
    measured_times++;
    *most = ceilings;
    return measure_status ? eie_fail(error, measure_status, "no ceilings") : EIE_OK;
}

static bool is_lost(void)
{
    return lost;
}

static void list_nothing(struct eie_listing *listing)
{
    (void)listing;
}

static const struct eie_runtime other = {
    .kind = "other", .prefix = "other:", .title = "Other", .order = 2, .list = list_nothing};
static const struct eie_runtime made = {
    .kind = "made",
    .prefix = "made:",
    .title = "Made",
    .order = 1,
    .list = list_three,
    .facts = facts_into,
    .ability = ability,
    .open = open_device,
    .levels = levels_of,
    .ceilings = measure,
    .is_lost = is_lost,
};

/* In the place of the build's. */
const struct eie_runtime *const eie_runtimes[] = {&other, &made, NULL};
const struct eie_meter *const eie_meters[] = {NULL};

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
    kernel.device_kind = EIE_DEVICE_FOUND;
    kernel.runtime = "made";
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
    opened_times = measured_times = 0;
    list_status = measure_status = EIE_OK;
    list_otherwise = NULL;
    lost = false;
    stated = (struct eie_cost){0};
    device_ns = 50;
    ceilings = (struct eie_device_ceilings){
        .launch_count = 2,
        .level_count = 2,
        .launches = {{"launch", 2, 3, NAN}, {"graph", 1, 4, 0.5}},
        .levels = {{"l2", L2_BYTES, 4e15}, {"dram", INFINITY, 1e15}},
    };
    return 0;
}

/* ---- runtimes ------------------------------------------------------------------------------- */

static void test_order_of_runtimes(void **state)
{
    char text[EIE_RUNTIMES_TEXT_MAX];
    struct eie_found_devices found;
    struct eie_error error;
    (void)state;
    assert_ptr_equal(eie_runtime_at(0), &made); /* the table has it last */
    assert_ptr_equal(eie_runtime_at(1), &other);
    assert_null(eie_runtime_at(2));
    eie_runtime_titles(text);
    assert_string_equal(text, "Made, Other");
    eie_runtime_globs(text);
    assert_string_equal(text, "made:*, other:*");
    assert_good(eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, &error), error);
    assert_int_equal(found.count, 4);
    assert_string_equal(found.all[3].device.name, "other:none");
    eie_devices_free(&found);
}

static void test_energy_words_without_a_meter(void **state)
{
    const struct eie_device host = {.kind = EIE_DEVICE_CPU};
    char text[640];
    (void)state;
    eie_device_energy_words(&host, text, sizeof text);
    assert_string_equal(text, "unavailable: this program reads no meters");
    assert_null(eie_board_json(&host));
}

static uint32_t count_of(const struct eie_found_devices *found, const struct eie_runtime *runtime)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++)
        count += found->all[i].device.found.runtime == runtime;
    return count;
}

static void test_runtimes_that_are_asked(void **state)
{
    struct eie_kernel of_other = {.device_kind = EIE_DEVICE_FOUND, .runtime = "other"};
    struct eie_kernel of_host = {.device_kind = EIE_DEVICE_CPU};
    const uint32_t only_made = eie_runtimes_for(&kernel), only_other = eie_runtimes_for(&of_other);
    const struct {
        uint32_t runtimes;
        const char *names;
        bool other, made;
    } cases[] = {
        {0, NULL, false, false},
        {EIE_RUNTIMES_ALL, NULL, true, true},
        {only_made, NULL, false, true},
        {only_other, NULL, true, false},
        {only_made | only_other, NULL, true, true},
        {EIE_RUNTIMES_ALL, "cpu", false, false},
        {EIE_RUNTIMES_ALL, "cpu,made", false, false},
        {EIE_RUNTIMES_ALL, "made:*", false, true},
        {0, "cpu, made:made-up#2", false, true},
        {0, "m*", false, true},
        {0, "[mo]*", true, true},
        {0, "*", true, true},
        {0, "ot*:none,eie-*", true, false},
        {0, "./made.json", false, false},
    };
    (void)state;
    assert_int_equal(eie_runtimes_for(&of_host), 0);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eie_found_devices found;
        struct eie_error error;
        assert_good(eie_devices_find(cases[i].runtimes, cases[i].names, &found, &error), error);
        assert_int_equal(count_of(&found, &other), cases[i].other);
        assert_int_equal(count_of(&found, &made), 3 * cases[i].made);
        eie_devices_free(&found);
        assert_int_equal(found.count, 0);
    }
}

static void test_first_that_is_there(void **state)
{
    struct eie_kernel of_other = {.device_kind = EIE_DEVICE_FOUND, .runtime = "other"};
    struct eie_kernel of_host = {.device_kind = EIE_DEVICE_CPU};
    struct eie_found_devices found;
    struct eie_error error;
    (void)state;
    assert_good(eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, &error), error);
    assert_string_equal(eie_devices_first(&found, &kernel)->device.name, "made:made-up#2");
    assert_string_equal(eie_devices_first(&found, &of_other)->device.name, "other:none");
    assert_null(eie_devices_first(&found, &of_host));
    eie_devices_free(&found);
}

static void test_words_and_facts(void **state)
{
    struct eie_found_devices found;
    struct eie_error error;
    (void)state;
    assert_good(eie_devices_find(0, "made:*", &found, &error), error);
    assert_int_equal(found.count, 3);
    const struct eie_found_device *absent = &found.all[0], *there = &found.all[2];
    assert_string_equal(absent->device.name, "made:made-up");
    assert_string_equal(absent->ability, "");
    assert_int_equal(json_object_size(absent->facts), 1);
    assert_string_equal(json_string_value(json_object_get(absent->facts, "title")),
                        "made up, the 0.");
    assert_string_equal(there->device.name, "made:made-up#3");
    assert_string_equal(there->ability, "can count to 2");
    assert_int_equal(json_integer_value(json_object_get(there->facts, "number")), 2);
    assert_string_equal(eie_device_kind_word(&there->device), "made");
    eie_devices_free(&found);
}

/* What listings say of a CUDA device; a build without CUDA has no words for one. */
static void test_words_of_cuda(void **state)
{
    extern const struct eie_runtime eie_runtime_cuda;
    const struct eie_cuda_facts facts = {.pci = "0000:65:00.0",
                                         .driver = 12040,
                                         .runtime = 12030,
                                         .major = 9,
                                         .multiprocessors = 132,
                                         .global_bytes = UINT64_C(80) << 30,
                                         .l2_bytes = UINT64_C(50) << 20,
                                         .shared_block_bytes = 227 << 10};
    char text[320];
    json_t *object = json_object();
    (void)state;
    assert_string_equal(eie_runtime_cuda.prefix, "cuda:");
    if (eie_runtime_cuda.ability) {
        eie_runtime_cuda.ability(&facts, text, sizeof text);
        assert_string_equal(text, "capability 9.0, 132 multiprocessors, 80.0 GiB, 50.0 MiB L2, 227 "
                                  "KiB shared a block, CUDA 12.3 (driver 12.4), PCI 0000:65:00.0");
        eie_runtime_cuda.facts(&facts, object);
        assert_string_equal(json_string_value(json_object_get(object, "driver_cuda")), "12.4");
        assert_string_equal(json_string_value(json_object_get(object, "compute_capability")),
                            "9.0");
        assert_int_equal(json_integer_value(json_object_get(object, "l2_bytes")), 50 << 20);
    }
    json_decref(object);
}

static void test_list_that_fails(void **state)
{
    struct eie_found_devices found;
    struct eie_error error;
    (void)state;
    list_status = EIE_SYSTEM;
    assert_bad(eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, &error), EIE_SYSTEM, error,
               "no list");
    assert_true(found.count == 0 && !found.all);
}

static void list_and_exit(struct eie_listing *listing)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND};
    eie_listing_add(listing, "first", &device, NULL, 0);
    _exit(5);
}

static void list_too_many(struct eie_listing *listing)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND};
    for (int i = 0; i < EIE_FOUND_MAX + 2; i++)
        eie_listing_add(listing, i % 2 ? "odd" : "even", &device, NULL, 0);
}

static void test_lists_that_go_wrong(void **state)
{
    struct eie_listed *list;
    struct eie_error error;
    uint32_t count;
    (void)state;
    list_otherwise = list_and_exit; /* what it found before is not trusted */
    assert_good(eie_runtime_list(&made, &list, &count, &error), error);
    assert_int_equal(count, 1);
    assert_string_equal(list->device.name, "made:none");
    assert_non_null(strstr(list->device.title, "Made: listing the devices ended its process"));
    assert_bad(eie_runtime_probe(&list->device, &error), EIE_MISSING, error, list->device.title);
    free(list);

    list_otherwise = list_nothing;
    assert_good(eie_runtime_list(&made, &list, &count, &error), error);
    assert_int_equal(count, 1);
    assert_true(list->device.found.absent);
    assert_string_equal(list->device.name, "made:none");
    free(list);

    list_otherwise = list_too_many;
    assert_good(eie_runtime_list(&made, &list, &count, &error), error);
    assert_int_equal(count, EIE_FOUND_MAX);
    assert_string_equal(list[0].device.name, "made:even");
    assert_string_equal(list[3].device.name, "made:odd#2");
    free(list);
}

static void test_names_of_runtimes(void **state)
{
    (void)state;
    assert_ptr_equal(eie_runtime_of_name("made:none"), &made);
    assert_ptr_equal(eie_runtime_of_name("other:some:thing"), &other);
    assert_null(eie_runtime_of_name("cpu"));
    assert_null(eie_runtime_of_name("made"));
    assert_null(eie_runtime_of_name("eie-made:"));
    assert_ptr_equal(eie_runtime_find("other"), &other);
    assert_null(eie_runtime_find("made:"));
}

static void test_lost(void **state)
{
    (void)state;
    assert_false(eie_runtime_is_lost());
    lost = true;
    assert_true(eie_runtime_is_lost());
}

static void test_kernel_of_another_runtime(void **state)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND, .name = "other:x"};
    struct eie_error error;
    (void)state;
    device.found.runtime = &other;
    assert_bad(eie_kernel_probe(&kernel, &device, &error), EIE_UNSUPPORTED, error,
               "does not run on device other:x");
    device.found.runtime = &made;
    assert_good(eie_kernel_probe(&kernel, &device, &error), error);
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
        assert_ptr_equal(rows[i].device->found.runtime, &made);
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
    count_rows("made:*", 2, 12);
    count_rows("made:made-up#2", 2, 4);
    count_rows("other:*,cpu", 0, 0);
}

/* ---- floors --------------------------------------------------------------------------------- */

static struct eie_device device_of(bool absent)
{
    struct eie_device device = {.kind = EIE_DEVICE_FOUND,
                                .found = {.runtime = &made, .absent = absent}};
    strcpy(device.name, "made:made-up");
    strcpy(device.title, "it is away");
    return device;
}

static void check_floor(enum eie_clock clock, uint64_t bytes, double ns, double launch_ns,
                        const char *bound)
{
    const struct eie_device device = device_of(false);
    const struct eie_demand demand = {.bytes = bytes, .footprint = bytes};
    struct eie_roofline roofline;
    struct eie_error error;
    double launch;
    assert_good(eie_device_roofline(&device, clock, &demand, &roofline, &launch, &error), error);
    assert_true(fabs(roofline.ns - ns) < 1e-9 * ns && launch == launch_ns);
    assert_string_equal(roofline.bound, bound);
}

static void test_floor_of_a_device(void **state)
{
    (void)state;
    check_floor(EIE_CLOCK_DEVICE, 4, 3, 3, "launch"); /* the cheaper of both ways on each clock */
    check_floor(EIE_CLOCK_WALL, 4, 1, 1, "launch");
    check_floor(EIE_CLOCK_CHAIN, 4, 0.5, 0.5, "launch"); /* where there is one */
    ceilings.launches[0].device_ns = 0.1;
    check_floor(EIE_CLOCK_DEVICE, L2_BYTES, 0.25, 0.1, "l2");
    check_floor(EIE_CLOCK_DEVICE, L2_BYTES / 2, 0.125, 0.1, "l2");
    check_floor(EIE_CLOCK_DEVICE, 11 * L2_BYTES, 0.25 + 10, 0.1,
                "dram"); /* the cache keeps what it can */
    ceilings.levels[0].per_s = ceilings.launches[1].device_ns = NAN;
    check_floor(EIE_CLOCK_DEVICE, 11 * L2_BYTES, 10, 0.1, "dram");
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
    ceilings.levels[0].per_s = NAN;
    eie_device_ceilings_add_json(&host, lists);
    assert_int_equal(json_object_size(lists), 0);
    eie_device_ceilings_add_json(&there, lists);
    const json_t *one =
        json_object_get(json_object_get(lists, "eie_device_ceilings"), "made:made-up");
    assert_true(json_number_value(json_object_get(one, "launch_wall_ns")) == 2);
    assert_true(json_number_value(json_object_get(one, "dram_bytes_per_s")) == 1e15);
    assert_true(json_number_value(json_object_get(one, "graph_device_ns")) == 4);
    assert_true(json_number_value(json_object_get(one, "graph_chain_ns")) == 0.5);
    assert_null(json_object_get(one, "launch_chain_ns"));
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
        assert_string_equal(rows[i].roofline.bound, "launch");
        assert_string_equal(rows[i].resident, "l2");
        assert_true(number_of(&rows[i], "eie_launch_ns") == (i ? 1 : 3));
        assert_true(number_of(&rows[i], "eie_floor_ns") == (i ? 1 : 3));
        assert_true(number_of(&rows[i], "eie_floor_share") > 0);
    }
    assert_true(rows[0].stats.median == device_ns);
    end_rows(rows);
}

static void test_rows_without_meters(void **state)
{
    const struct eie_device device = device_of(false);
    struct eie_row rows[2];
    (void)state;
    run_group(&device, rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows[i].energy.state, EIE_ENERGY_UNAVAILABLE);
        assert_string_equal(rows[i].energy.reason, "this program reads no meters");
    }
    assert_null(eie_board_json(&device));
    end_rows(rows);
}

static void test_rows_above_the_ceilings(void **state)
{
    const struct eie_device device = device_of(false);
    struct eie_row rows[2];
    (void)state;
    ceilings.launches[0].device_ns = ceilings.launches[1].device_ns = 1.2 * device_ns;
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
        assert_true(rows[i].roofline.ns == 0 && !(rows[i].launch_ns > 0));
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
    assert_int_equal(measured_times + opened_times, 0);
    end_rows(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order_of_runtimes, reset),
        cmocka_unit_test(test_energy_words_without_a_meter),
        cmocka_unit_test_setup(test_runtimes_that_are_asked, reset),
        cmocka_unit_test_setup(test_first_that_is_there, reset),
        cmocka_unit_test_setup(test_words_and_facts, reset),
        cmocka_unit_test_setup(test_words_of_cuda, reset),
        cmocka_unit_test_setup(test_list_that_fails, reset),
        cmocka_unit_test_setup(test_lists_that_go_wrong, reset),
        cmocka_unit_test_setup(test_names_of_runtimes, reset),
        cmocka_unit_test_setup(test_lost, reset),
        cmocka_unit_test_setup(test_kernel_of_another_runtime, reset),
        cmocka_unit_test_setup(test_rows_of_the_matrix, reset),
        cmocka_unit_test_setup(test_floor_of_a_device, reset),
        cmocka_unit_test_setup(test_what_holds_the_weights, reset),
        cmocka_unit_test_setup(test_ceilings_as_json, reset),
        cmocka_unit_test_setup(test_rows_with_floors, reset),
        cmocka_unit_test_setup(test_rows_without_meters, reset),
        cmocka_unit_test_setup(test_rows_above_the_ceilings, reset),
        cmocka_unit_test_setup(test_rows_without_ceilings, reset),
        cmocka_unit_test_setup(test_rows_on_a_device_that_is_away, reset),
    };
    return cmocka_run_group_tests(tests, add_kernel, NULL);
}
