/* host/layer/import_dump.h: small dumps made here, damaged ones, and the real one when it is at
 * hand. */
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "host/layer/import_dump.h"
#include "kernels/model/eie_formula.h"
#include "tests/support/layers.h"

#include <math.h>

#define INPUTS  5 /* and the bias column */
#define COLUMNS (INPUTS + 1)
#define OUTPUTS 50
#define PES     3

static struct test_folder folder;

/* A dump in memory: 3 PEs, runs long enough for padding. */
struct dump {
    float act[INPUTS], arithm[16];
    uint32_t ptr[PES][COLUMNS + 1];
    uint32_t spm[PES][256][2], count[PES];
    struct test_matrix matrix;
};

static void dump_make(struct dump *dump)
{
    struct eie_random random;
    memset(dump, 0, sizeof *dump);
    eie_random_seed(&random, 12);
    dump->matrix = test_matrix_draw(COLUMNS, OUTPUTS, 0.3, &random);
    memset(dump->matrix.code, 0, (size_t)(OUTPUTS - 2) * COLUMNS); /* 15 and more zeros before */
    *test_at(&dump->matrix, 0, 0) = 15;
    *test_at(&dump->matrix, 48, 0) = 7;
    for (int c = 1; c < 16; c++) dump->arithm[c] = (float)(c - 8) / 64 + 0.001f;
    for (int j = 0; j < INPUTS; j++) dump->act[j] = j % 2 ? 0 : (float)(j + 1) * 0.7f;
    for (uint32_t pe = 0; pe < PES; pe++) {
        for (uint32_t j = 0; j < COLUMNS; j++) {
            uint32_t zeros = 0;
            for (uint32_t i = pe; i < OUTPUTS; i += PES) {
                const uint8_t code = *test_at(&dump->matrix, i, j);
                for (zeros += !code; code && zeros > 15; zeros -= 16)
                    dump->spm[pe][dump->count[pe]++][1] = 15;
                if (!code) continue;
                dump->spm[pe][dump->count[pe]][0] = code;
                dump->spm[pe][dump->count[pe]++][1] = zeros;
                zeros = 0;
            }
            dump->ptr[pe][j + 1] = dump->count[pe];
        }
    }
}

static void dump_write(const struct dump *dump)
{
    char name[32];
    test_write(test_path(&folder, "act.dat"), dump->act, sizeof dump->act);
    test_write(test_path(&folder, "arithm.dat"), dump->arithm, sizeof dump->arithm);
    mkdir(test_path(&folder, "ptr"), 0777);
    mkdir(test_path(&folder, "spm"), 0777);
    for (int pe = 0; pe < PES; pe++) {
        snprintf(name, sizeof name, "ptr/ptr%d.dat", pe);
        test_write(test_path(&folder, name), dump->ptr[pe], sizeof dump->ptr[pe]);
        snprintf(name, sizeof name, "spm/spm%d.dat", pe);
        test_write(test_path(&folder, name), dump->spm[pe], dump->count[pe] * 8);
    }
}

static struct dump dump;

static int make_dump(void **state)
{
    (void)state;
    test_folder_make(&folder);
    dump_make(&dump);
    dump_write(&dump);
    return 0;
}

static int remove_dump(void **state)
{
    (void)state;
    test_folder_remove(&folder);
    test_matrix_free(&dump.matrix);
    return 0;
}

static enum eie_status import(struct eie_layer **layer, struct eie_quantization *report,
                              struct eie_error *error)
{
    *layer = NULL;
    return eie_import_dump(folder.path, "dump", OUTPUTS, layer, report, error);
}

static void assert_refused(const char *part)
{
    struct eie_layer *layer;
    struct eie_quantization report;
    struct eie_error error = {""};
    assert_bad(import(&layer, &report, &error), EIE_INPUT, error, part);
    assert_null(layer);
}

/* ---- synthetic dumps ------------------------------------------------------------------------- */

static void a_dump_is_imported_as_it_is(void **state)
{
    struct eie_layer *layer;
    struct eie_quantization report;
    struct eie_error error = {""};
    uint32_t at = 0;
    bool padding = false;
    (void)state;
    assert_good(import(&layer, &report, &error), error);
    assert_string_equal(layer->name, "dump");
    assert_int_equal(layer->inputs, COLUMNS);
    assert_int_equal(layer->outputs, OUTPUTS);
    assert_int_equal(layer->pe_count, PES);
    assert_int_equal(layer->activation, EIE_ACTIVATION_NONE);
    assert_null(layer->bias);
    assert_int_equal(layer->entry_count, dump.count[0] + dump.count[1] + dump.count[2]);
    for (int pe = 0; pe < PES; pe++) {
        for (int j = 0; j <= COLUMNS; j++)
            assert_int_equal(layer->column_start[pe * (COLUMNS + 1) + j], at + dump.ptr[pe][j]);
        for (uint32_t e = 0; e < dump.count[pe]; e++, at++) {
            assert_int_equal(layer->entries[at], dump.spm[pe][e][0] << 4 | dump.spm[pe][e][1]);
            padding = padding || !dump.spm[pe][e][0];
        }
    }
    assert_true(padding);
    assert_int_equal(layer->sample_count, 1);
    for (int j = 0; j < INPUTS; j++)
        assert_int_equal(layer->sample_inputs[j],
                         lround(ldexp((double)dump.act[j], (int)layer->input_fraction_bits)));
    assert_int_equal(layer->sample_inputs[INPUTS], 1 << layer->input_fraction_bits);
    for (int c = 0; c < 16; c++)
        assert_int_equal(layer->codebook[c],
                         lround(ldexp((double)dump.arithm[c], (int)layer->weight_fraction_bits)));
    assert_int_equal(report.inputs_lost, 0);
    assert_true(report.relative_rms_error < 1e-3);
    eie_layer_free(layer);
}

/* Writes `bytes` into one file, expects a refusal, and restores the dump. */
static void assert_file_refused(const char *name, const void *bytes, size_t size, const char *part)
{
    test_write(test_path(&folder, name), bytes, size);
    assert_refused(part);
    dump_write(&dump);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    assert_file_refused("act.dat", dump.act, sizeof dump.act - 1, "act.dat: 19 bytes");
    assert_file_refused("act.dat", dump.act, sizeof dump.act - 4, "ptr0.dat: 28 bytes, but 4");
    assert_file_refused("act.dat", dump.act, 0, "act.dat: holds no usable");
    assert_file_refused("arithm.dat", dump.arithm, 60, "arithm.dat: 60 bytes");
    assert_file_refused("arithm.dat", dump.arithm, 0, "arithm.dat: 0 bytes");
    for (size_t size = 0; size < sizeof dump.ptr[1]; size++)
        assert_file_refused("ptr/ptr1.dat", dump.ptr[1], size, "ptr1.dat: ");
    for (size_t size = 0; size < dump.count[2] * 8; size++)
        assert_file_refused("spm/spm2.dat", dump.spm[2], size, "spm2.dat: ");
}

static void longer_files_are_refused(void **state)
{
    uint32_t ptr[COLUMNS + 2], spm[257][2] = {{0}};
    float arithm[17] = {0};
    (void)state;
    memcpy(ptr, dump.ptr[0], sizeof dump.ptr[0]);
    ptr[COLUMNS + 1] = ptr[COLUMNS];
    assert_file_refused("ptr/ptr0.dat", ptr, sizeof ptr, "ptr0.dat: 32 bytes");
    memcpy(spm, dump.spm[0], dump.count[0] * 8);
    assert_file_refused("spm/spm0.dat", spm, dump.count[0] * 8 + 8, "spm0.dat: holds");
    assert_file_refused("arithm.dat", arithm, sizeof arithm, "arithm.dat: 68 bytes");
}

static void missing_files_are_refused(void **state)
{
    static const char *const names[] = {"act.dat",      "arithm.dat",   "ptr/ptr0.dat",
                                        "ptr/ptr1.dat", "ptr/ptr2.dat", "spm/spm0.dat",
                                        "spm/spm1.dat", "spm/spm2.dat"};
    struct eie_layer *layer;
    struct eie_quantization report;
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        unlink(test_path(&folder, names[i]));
        assert_refused(names[i]);
        dump_write(&dump);
    }
    assert_bad(eie_import_dump("/no/such/folder", "a", 1, &layer, &report, &error), EIE_INPUT,
               error, "/no/such/folder");
}

static void pointers_that_lie_are_refused(void **state)
{
    static const uint32_t values[] = {255, 1000, UINT32_MAX - 3, UINT32_MAX};
    uint32_t ptr[COLUMNS + 1];
    (void)state;
    for (int j = 0; j < COLUMNS; j++) {
        for (size_t i = 0; i < TEST_COUNT(values); i++) {
            memcpy(ptr, dump.ptr[1], sizeof ptr);
            ptr[j] = values[i];
            assert_file_refused("ptr/ptr1.dat", ptr, sizeof ptr, "layer dump");
        }
    }
    memcpy(ptr, dump.ptr[0], sizeof ptr);
    ptr[COLUMNS] = UINT32_MAX;
    assert_file_refused("ptr/ptr0.dat", ptr, sizeof ptr, "its pointers say 4294967295");
    memcpy(ptr, dump.ptr[1], sizeof ptr);
    ptr[COLUMNS] = UINT32_MAX;
    assert_file_refused("ptr/ptr1.dat", ptr, sizeof ptr, "entries");
    memcpy(ptr, dump.ptr[0], sizeof ptr);
    ptr[0] = 1;
    assert_file_refused("ptr/ptr0.dat", ptr, sizeof ptr, "first pointer is 1");
    memcpy(ptr, dump.ptr[0], sizeof ptr);
    assert_true(ptr[1] > 0);
    ptr[2] = ptr[1] - 1;
    assert_file_refused("ptr/ptr0.dat", ptr, sizeof ptr, "PE 0, column 1: pointer runs backwards");
}

static void entries_that_lie_are_refused(void **state)
{
    static const uint32_t values[] = {16, 255, 256, 1u << 31, UINT32_MAX};
    uint32_t spm[256][2];
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(values); i++) {
        for (int part = 0; part < 2; part++) {
            memcpy(spm, dump.spm[1], sizeof spm);
            spm[1][part] = values[i];
            assert_file_refused("spm/spm1.dat", spm, dump.count[1] * 8, "spm1.dat: entry 1: code");
        }
    }
    memcpy(spm, dump.spm[0], sizeof spm);
    spm[0][0] = 0; /* code 0, run 0 */
    assert_file_refused("spm/spm0.dat", spm, dump.count[0] * 8, "code 0 with run 0");
    memcpy(spm, dump.spm[0], sizeof spm);
    spm[dump.count[0] - 1][1] = 15; /* beyond the rows, PE 0 has 17 */
    assert_file_refused("spm/spm0.dat", spm, dump.count[0] * 8, "is beyond the PE's 17 rows");
}

static void values_that_are_no_weights_are_refused(void **state)
{
    float arithm[16], act[INPUTS];
    (void)state;
    memcpy(arithm, dump.arithm, sizeof arithm);
    arithm[0] = 0.25f;
    assert_file_refused("arithm.dat", arithm, sizeof arithm, "codebook[0]");
    arithm[0] = 0, arithm[15] = NAN;
    assert_file_refused("arithm.dat", arithm, sizeof arithm, "not finite");
    memcpy(act, dump.act, sizeof act);
    act[4] = INFINITY;
    assert_file_refused("act.dat", act, sizeof act, "not finite");
    act[4] = 40000;
    assert_file_refused("act.dat", act, sizeof act, "too large");
}

static void the_number_of_outputs_must_fit(void **state)
{
    struct eie_layer *layer = NULL;
    struct eie_quantization report;
    struct eie_error error = {""};
    (void)state;
    assert_bad(eie_import_dump(folder.path, "dump", 0, &layer, &report, &error), EIE_INPUT, error,
               "outputs 0");
    assert_bad(eie_import_dump(folder.path, "dump", 48, &layer, &report, &error), EIE_INPUT, error,
               "rows");
    assert_bad(eie_import_dump(folder.path, "a/b", 50, &layer, &report, &error), EIE_INPUT, error,
               "name");
    assert_null(layer);
}

/* ---- the real one ---------------------------------------------------------------------------- */

static void alexnet_fc8_has_the_published_numbers(void **state)
{
    const char *models = getenv("EIE_MODELS");
    char path[4096];
    struct eie_layer *layer;
    struct eie_quantization report;
    struct eie_layer_counts counts;
    struct eie_error error = {""};
    (void)state;
    if (!models || !*models) {
        printf("SKIPPED alexnet-fc8: EIE_MODELS is not set\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/alexnet-fc8-dump", models);
    assert_good(eie_import_dump(path, "alexnet-fc8", 1000, &layer, &report, &error), error);
    eie_layer_count(layer, layer->sample_inputs, &counts);
    assert_int_equal(layer->inputs, 4097);
    assert_int_equal(layer->outputs, 1000);
    assert_int_equal(layer->pe_count, 64);
    assert_int_equal(layer->entry_count, 1051991);
    assert_int_equal(counts.nonzeros, 1051991);
    assert_int_equal(counts.padding, 0);
    assert_int_equal(counts.active_columns, 1759 + 1);
    assert_int_equal(counts.active_nonzeros, 453748);
    assert_int_equal(report.weight_fraction_bits, 19);
    assert_int_equal(report.input_fraction_bits, 8);
    assert_int_equal(report.output_fraction_bits, 11);
    assert_int_equal(report.inputs_lost, 0);
    assert_int_equal(layer->sample_inputs[4096], 256); /* the bias column's 1.0 */
    assert_true(report.relative_rms_error < 0.01);

    struct eie_work work;
    struct eie_estimate estimate;
    struct eie_device device;
    assert_good(eie_device_read("eie-64pe-45nm", &device, &error), error);
    assert_good(eie_work_count(layer, layer->sample_inputs, 64, &work, &error), error);
    eie_estimate_design(&work, device.design, &estimate);
    assert_true(estimate.theoretical_cycles == 453748 / 64.0); /* 7089.8125: Table IV's 8.9 us */
    eie_work_free(&work);
    eie_layer_free(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_is_imported_as_it_is),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(longer_files_are_refused),
        cmocka_unit_test(missing_files_are_refused),
        cmocka_unit_test(pointers_that_lie_are_refused),
        cmocka_unit_test(entries_that_lie_are_refused),
        cmocka_unit_test(values_that_are_no_weights_are_refused),
        cmocka_unit_test(the_number_of_outputs_must_fit),
        cmocka_unit_test(alexnet_fc8_has_the_published_numbers),
    };
    return cmocka_run_group_tests(tests, make_dump, remove_dump);
}
