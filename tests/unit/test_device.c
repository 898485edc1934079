/* host/devices/device.h: every description that we ship loads and agrees with the paper; bad ones
 * name file, line and key. */
#include "host/devices/design.h"
#include "host/devices/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[512], path[560];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/eie-device-XXXXXX", base && *base ? base : P_tmpdir);
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/my-chip.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct eie_device read_shipped(const char *name)
{
    struct eie_device device;
    struct eie_error error = {""};
    if (eie_device_read(name, &device, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_string_equal(device.name, name);
    return device;
}

static void assert_near(double value, double wanted, double relative)
{
    if (!(fabs(value - wanted) <= relative * fabs(wanted)))
        fail_msg("%.9g is not within %g of %.9g", value, relative, wanted);
}

/* ---- what we ship ------------------------------------------------------------------------------
 */

static void every_description_loads(void **state)
{
    (void)state;
    static const char *const names[] = {"a-eye",          "core-i7-5930k", "dadiannao",
                                        "eie-256pe-28nm", "eie-64pe-45nm", "tegra-k1",
                                        "titan-x",        "truenorth"};
    struct eie_device *devices;
    struct eie_error error = {""};
    uint32_t count, found = 0;
    if (eie_device_list(&devices, &count, &error) != EIE_OK) fail_msg("%s", error.message);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(devices[i].title[0] != '\0');
        assert_true(i == 0 || strcmp(devices[i - 1].name, devices[i].name) < 0);
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            found += strcmp(devices[i].name, names[j]) == 0;
    }
    assert_int_equal(found, sizeof names / sizeof names[0]);
    free(devices);
}

/* Power of one PE when it does one entry a cycle, a line and a column every eight. */
static double busy_pe_mw(const struct eie_design *design)
{
    const struct eie_energy_table *energy = &design->energy;
    const double per_line =
        energy->spmat_row_read_pj + energy->pointer_pair_read_pj + energy->queue_pop_pj;
    const double per_entry = energy->entry_arithmetic_pj + energy->entry_activation_pj;
    return (per_line / 8 + per_entry) * design->clock_hz * 1e-9;
}

static double summed_area_mm2(const struct eie_design *design)
{
    return (design->pe_count * design->pe_area_um2 +
            design->lnzd_node_count * design->lnzd_node_area_um2) *
           1e-6;
}

static void the_64_pe_design_agrees_with_the_paper(void **state)
{
    (void)state;
    const struct eie_device device = read_shipped("eie-64pe-45nm");
    const struct eie_design *design = device.design;
    assert_int_equal(device.kind, EIE_DEVICE_EIE);
    assert_int_equal(design->pe_count, 64);
    assert_int_equal(design->queue_depth, 8);
    assert_int_equal(design->spmat_line_bits, 64);
    assert_int_equal(design->spmat_bytes_per_pe, 128 * 1024);
    assert_int_equal(design->pointer_bytes_per_pe, 32 * 1024);
    assert_int_equal(design->activation_bytes_per_pe, 2 * 1024);
    assert_int_equal(design->activation_registers_per_pe, 64);
    assert_int_equal(design->lnzd_node_count, 16 + 4 + 1);
    assert_near(design->clock_hz, 800e6, 0);
    assert_near(design->technology_nm, 45, 0);
    assert_near(busy_pe_mw(design), 4.955 + 1.807 + 0.112 + 1.162 + 1.122, 1e-6);
    assert_near(busy_pe_mw(design), 9.158, 1e-6);
    assert_near(design->pe_power_w, 9.157e-3, 1e-9);
    assert_near(design->energy.lnzd_node_cycle_pj * design->clock_hz, 0.023e9, 1e-6);
    assert_near(summed_area_mm2(design), design->area_mm2, 0.002);
    assert_near(design->area_mm2, 40.8, 1e-9);
    assert_int_equal(design->index_bits, 4);
    assert_int_equal(design->code_bits, 4);
    assert_int_equal(design->empty_column_cycles, 1);
    assert_int_equal(design->spmat_lines_held, 1);
    assert_int_equal(design->batching, 0);
    assert_near(design->pe_count * design->pe_power_w, design->power_w, 0.01);
}

static void the_256_pe_projection_follows_the_rule(void **state)
{
    (void)state;
    const struct eie_device small = read_shipped("eie-64pe-45nm");
    const struct eie_device large = read_shipped("eie-256pe-28nm");
    const struct eie_design *design = large.design;
    assert_int_equal(design->pe_count, 256);
    assert_int_equal(design->lnzd_node_count, 64 + 16 + 4 + 1);
    assert_near(design->clock_hz, 1.5 * small.design->clock_hz, 1e-12);
    assert_near(design->power_w, 4 * small.design->power_w, 1e-9);
    assert_near(busy_pe_mw(design), busy_pe_mw(small.design), 1e-4);
    assert_near(design->energy.spmat_row_read_pj, small.design->energy.spmat_row_read_pj / 1.5,
                1e-4);
    assert_near(design->area_mm2, 63.8, 1e-9);
    assert_near(summed_area_mm2(design), design->area_mm2, 0.01);
}

static void published_figures_agree_with_table_5(void **state)
{
    (void)state;
    const struct eie_device cpu = read_shipped("core-i7-5930k"), gpu = read_shipped("titan-x");
    const struct eie_device mobile = read_shipped("tegra-k1"), north = read_shipped("truenorth");
    assert_int_equal(cpu.kind, EIE_DEVICE_PUBLISHED);
    assert_near(cpu.published->power_w, 73, 0);
    assert_near(cpu.published->clock_hz, 3.5e9, 0);
    assert_near(cpu.published->throughput_frames_per_s, 1e6 / 6187.1, 0.005);
    assert_near(gpu.published->throughput_frames_per_s, 1e6 / 243.0, 0.005);
    assert_near(mobile.published->throughput_frames_per_s, 1e6 / 5765.0, 0.005);
    assert_true(isnan(mobile.published->area_mm2));
    assert_true(isnan(north.published->clock_hz));
    assert_near(north.published->year, 2014, 0);
}

static void the_host_is_a_device(void **state)
{
    (void)state;
    struct eie_device device;
    assert_int_equal(eie_device_host(&device, NULL), EIE_OK);
    assert_int_equal(device.kind, EIE_DEVICE_CPU);
    assert_string_equal(device.name, "cpu");
    assert_true(device.title[0] != '\0');
}

/* ---- what we refuse ----------------------------------------------------------------------------
 */

/* One key a line, as tests count lines: "format" is on line 2, the first number on line 6. */
/* clang-format off */
#define HEAD(kind)                                                                                 \
    "{\n\"format\": \"eie-device-1\",\n\"kind\": \"" kind "\",\n\"title\": \"My chip\",\n"         \
    "\"numbers\": {\n"
#define NUMBER(key, value)                                                                         \
    "\"" key "\": {\"value\": " value ", \"basis\": \"assumed\", \"source\": \"a guess\"}"
#define NEXT(key, value) NUMBER(key, value) ",\n"
#define TAIL             "\n}\n}\n"

#define PUBLISHED_REST                                                                             \
    NEXT("clock_hz", "1e9")                                                                        \
    NEXT("area_mm2", "null")                                                                       \
    NEXT("power_w", "1.5")                                                                         \
    NUMBER("throughput_frames_per_s", "10")
#define PUBLISHED(year)                                                                            \
    HEAD("published") NEXT("year", year) NEXT("technology_nm", "7") PUBLISHED_REST TAIL

#define EIE(pe_count, queue_depth, line_bits) EIE_OF(pe_count, queue_depth, line_bits, "1000")
#define EIE_OF(pe_count, queue_depth, line_bits, pe_area)                                          \
    HEAD("eie")                                                                                    \
    NEXT("pe_count", pe_count)                                                                     \
    NEXT("clock_hz", "1e9")                                                                        \
    NEXT("queue_depth", queue_depth)                                                               \
    NEXT("spmat_line_bits", line_bits)                                                             \
    NEXT("spmat_bytes_per_pe", "4096")                                                             \
    NEXT("pointer_bytes_per_pe", "4096")                                                           \
    NEXT("activation_bytes_per_pe", "512")                                                         \
    NEXT("activation_registers_per_pe", "32")                                                      \
    NEXT("index_bits", "5")                                                                        \
    NEXT("code_bits", "3")                                                                         \
    NEXT("empty_column_cycles", "2")                                                               \
    NEXT("spmat_lines_held", "0")                                                                  \
    NEXT("batching", "1")                                                                          \
    NEXT("activation_words_per_cycle", "4")                                                        \
    NEXT("lnzd_node_count", "0")                                                                   \
    NEXT("technology_nm", "7")                                                                     \
    NEXT("area_mm2", "1")                                                                          \
    NEXT("pe_area_um2", pe_area)                                                                   \
    NEXT("queue_area_um2", "100")                                                                  \
    NEXT("pointer_area_um2", "200")                                                                \
    NEXT("spmat_area_um2", "300")                                                                  \
    NEXT("arithmetic_area_um2", "150")                                                             \
    NEXT("activation_area_um2", "150")                                                             \
    NEXT("filler_area_um2", "100")                                                                 \
    NEXT("lnzd_node_area_um2", "10")                                                               \
    NEXT("power_w", "1")                                                                           \
    NEXT("pe_power_w", "0.01")                                                                     \
    NEXT("lnzd_node_power_w", "0.001")                                                             \
    NEXT("spmat_row_read_pj", "5")                                                                 \
    NEXT("pointer_pair_read_pj", "5")                                                              \
    NEXT("queue_pop_pj", "1")                                                                      \
    NEXT("entry_arithmetic_pj", "1")                                                               \
    NEXT("entry_activation_pj", "1")                                                               \
    NUMBER("lnzd_node_cycle_pj", "0.1") TAIL
/* clang-format on */

static void write_text(const char *text, size_t size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void assert_rejected(const char *text, int line, const char *part)
{
    struct eie_device device = {.name = "untouched"};
    struct eie_error error = {""};
    char start[600];
    write_text(text, strlen(text));
    assert_int_equal(eie_device_read(path, &device, &error), EIE_INPUT);
    snprintf(start, sizeof start, "%s:%d: ", path, line);
    if (strncmp(error.message, start, strlen(start)) != 0 || !strstr(error.message, part))
        fail_msg("\"%s\" does not begin with \"%s\" or lacks \"%s\"", error.message, start, part);
    assert_string_equal(device.name, "untouched");
}

static void good_files_load(void **state)
{
    (void)state;
    struct eie_device device;
    struct eie_error error = {""};
    write_text(EIE("1", "1", "8"), strlen(EIE("1", "1", "8")));
    if (eie_device_read(path, &device, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_string_equal(device.name, "my-chip");
    assert_string_equal(device.title, "My chip");
    assert_int_equal(device.design->pe_count, 1);
    assert_int_equal(device.design->index_bits, 5);
    assert_int_equal(device.design->code_bits, 3);
    assert_int_equal(device.design->empty_column_cycles, 2);
    assert_int_equal(device.design->spmat_lines_held, 0);
    assert_int_equal(device.design->batching, 1);
    assert_near(device.design->pe_areas.spmat_um2, 300, 0);
    write_text(PUBLISHED("2020"), strlen(PUBLISHED("2020")));
    if (eie_device_read(path, &device, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_int_equal(device.kind, EIE_DEVICE_PUBLISHED);
    assert_true(isnan(device.published->area_mm2));
}

static void what_a_description_says_is_kept_once(void **state)
{
    (void)state;
    struct eie_device first, second, other;
    struct eie_error error = {""};
    write_text(EIE("1", "1", "8"), strlen(EIE("1", "1", "8")));
    if (eie_device_read(path, &first, &error) != EIE_OK) fail_msg("%s", error.message);
    if (eie_device_read(path, &second, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_ptr_equal(first.design, second.design);
    assert_null(first.published);
    write_text(EIE("1", "1", "16"), strlen(EIE("1", "1", "16")));
    if (eie_device_read(path, &other, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_ptr_not_equal(first.design, other.design);
    assert_int_equal(first.design->spmat_line_bits, 8);
    assert_int_equal(other.design->spmat_line_bits, 16);
    write_text(PUBLISHED("2020"), strlen(PUBLISHED("2020")));
    if (eie_device_read(path, &other, &error) != EIE_OK) fail_msg("%s", error.message);
    assert_null(other.design);
}

static void files_that_are_not_json_are_rejected(void **state)
{
    (void)state;
    assert_rejected("power: 5\n", 1, "not valid JSON");
    assert_rejected("{\n\"format\": \"eie-device-1\",\n\"title\": \"\xFF\"}", 3, "not valid JSON");
    assert_rejected("{}", 1, "\"format\" is missing");
    assert_rejected("{\n\"format\": \"eie-device-2\"}", 2, "newer version: must be \"eie-device-1");
    assert_rejected(HEAD("laptop") "}}", 3, "\"laptop\"");
    assert_rejected("{\n\"format\": \"eie-device-1\",\n\"kind\": 3}", 3, "must be a string");
}

static void every_truncated_file_is_rejected(void **state)
{
    (void)state;
    static const char text[] = EIE("4", "8", "64");
    for (size_t size = 0; size + 2 < sizeof text; size++) {
        struct eie_device device;
        struct eie_error error = {""};
        write_text(text, size);
        assert_int_equal(eie_device_read(path, &device, &error), EIE_INPUT);
        assert_non_null(strstr(error.message, "my-chip.json:"));
    }
}

static void keys_must_be_exactly_the_known_ones(void **state)
{
    (void)state;
    assert_rejected(HEAD("published") NEXT("year", "2020") NUMBER("colour", "7") TAIL, 7,
                    "numbers.colour: unknown key");
    assert_rejected(HEAD("published") NEXT("year", "2020") PUBLISHED_REST TAIL, 5,
                    "numbers: key \"technology_nm\" is missing");
    assert_rejected(HEAD("published") NEXT("year", "2020") NUMBER("year", "2021") TAIL, 7,
                    "duplicate");
    assert_rejected(HEAD("published") "\"year\": {\"value\": 1}" TAIL, 6,
                    "numbers.year: key \"source\" is missing");
    assert_rejected(HEAD("published") "},\n\"vendor\": 1}", 7, "vendor: unknown key");
}

static void values_must_be_sane(void **state)
{
    (void)state;
    assert_rejected(EIE("-64", "8", "64"), 6, "numbers.pe_count.value: -64 is outside");
    assert_rejected(EIE("0", "8", "64"), 6, "numbers.pe_count.value: 0 is outside");
    assert_rejected(EIE("65537", "8", "64"), 6, "numbers.pe_count.value");
    assert_rejected(EIE("64.0", "8", "64"), 6, "must be a whole number");
    assert_rejected(EIE("\"64\"", "8", "64"), 6, "must be a whole number, not a string");
    assert_rejected(EIE("64", "null", "64"), 8, "numbers.queue_depth.value: must be a number");
    assert_rejected(EIE("64", "8", "12"), 9, "multiple of 8");
    assert_rejected(EIE("64", "8", "99999999999999999999"), 9, "not valid JSON");
    assert_rejected(EIE_OF("64", "8", "64", "1200"), 23, "sum of the six areas of modules, 1000");
    assert_rejected(PUBLISHED("-2020"), 6, "numbers.year.value: -2020 is outside");
    assert_rejected(PUBLISHED("1e400"), 6, "not valid JSON");
    assert_rejected(PUBLISHED("[2020]"), 6, "must be a number, not an array");
    assert_rejected(HEAD("published") "\"year\": 2020}}", 6, "must be an object");
}

static void every_number_needs_a_source_and_a_basis(void **state)
{
    (void)state;
    assert_rejected(HEAD("published") "\"year\": {\"value\": 1, \"basis\": \"cited\",\n"
                                      "\"source\": \"\"}" TAIL,
                    7, "numbers.year.source: must have 1 to");
    assert_rejected(HEAD("published") "\"year\": {\"value\": 1, \"source\": \"a\",\n"
                                      "\"basis\": \"hearsay\"}" TAIL,
                    7, "numbers.year.basis: must be measured");
    assert_rejected(HEAD("published") "\"year\": {\"value\": 1, \"source\": \"a\"}" TAIL, 6,
                    "numbers.year: key \"basis\" is missing");
    assert_rejected(PUBLISHED("2020, \"unit\": 2"), 6, "numbers.year.unit: unknown key");
}

static void titles_are_one_line_that_fits(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text,
             "{\n\"format\": \"eie-device-1\",\n\"kind\": \"eie\",\n\"title\": \"%0300d\"}", 0);
    assert_rejected(text, 4, "title: must have 1 to 255 bytes");
    assert_rejected("{\n\"format\": \"eie-device-1\",\n\"kind\": \"eie\",\n\"title\": \"a\\nb\"}",
                    4, "control characters");
}

static void names_are_checked(void **state)
{
    (void)state;
    struct eie_device device;
    struct eie_error error = {""};
    char other[600];
    assert_int_equal(eie_device_read("no-such-chip", &device, &error), EIE_USAGE);
    assert_non_null(strstr(error.message, "no-such-chip"));
    assert_non_null(strstr(error.message, "a-eye, core-i7-5930k, dadiannao, eie-256pe-28nm"));
    assert_non_null(strstr(error.message, "truenorth"));
    assert_int_equal(eie_device_read("", &device, &error), EIE_USAGE);
    assert_int_equal(eie_device_read("..", &device, &error), EIE_USAGE);
    snprintf(other, sizeof other, "%s/absent.json", folder);
    assert_int_equal(eie_device_read(other, &device, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "absent.json"));
    snprintf(other, sizeof other, "%s/My Chip.json", folder);
    assert_int_equal(eie_device_read(other, &device, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "NAME.json"));
    assert_int_equal(eie_device_read("./cpu.json", &device, &error), EIE_INPUT);
    assert_int_equal(eie_device_read(folder, &device, &error), EIE_INPUT);
    assert_int_equal(eie_device_read("no-such-chip", &device, NULL), EIE_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_description_loads),
        cmocka_unit_test(the_64_pe_design_agrees_with_the_paper),
        cmocka_unit_test(the_256_pe_projection_follows_the_rule),
        cmocka_unit_test(published_figures_agree_with_table_5),
        cmocka_unit_test(the_host_is_a_device),
        cmocka_unit_test(good_files_load),
        cmocka_unit_test(what_a_description_says_is_kept_once),
        cmocka_unit_test(files_that_are_not_json_are_rejected),
        cmocka_unit_test(every_truncated_file_is_rejected),
        cmocka_unit_test(keys_must_be_exactly_the_known_ones),
        cmocka_unit_test(values_must_be_sane),
        cmocka_unit_test(every_number_needs_a_source_and_a_basis),
        cmocka_unit_test(titles_are_one_line_that_fits),
        cmocka_unit_test(names_are_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
