/* What all kernels of this build state about themselves (kernels/kernel.h).
 *
 * Memory: no plan of a CPU kernel holds more than the bound that `supports` gives, and no further
 * copy more than prepared_bytes. Held memory is what malloc has given out; under a sanitizer, which
 * has a malloc of its own, there is nothing to see. */
#include "host/machine/cpu.h"
#include "host/machine/pages.h"
#include "host/machine/threads.h"
#include "kernels/kernel.h"
#include "tests/support/layers.h"

#include <malloc.h>
#include <math.h>
#include <sys/resource.h>

#define COPIES     5u
#define COPY_SLACK 4096u /* of a copy: whole lines, what may be read behind its end */

static size_t held(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static struct eie_layer *layer_of(uint32_t inputs, uint32_t outputs, uint32_t pe_count,
                                  uint32_t every)
{
    struct test_matrix matrix = test_matrix_empty(inputs, outputs);
    struct eie_layer parts = test_parts("bytes", pe_count);
    for (uint32_t c = 1; c < EIE_CODEBOOK_SIZE; c++) parts.codebook[c] = (int16_t)c;
    for (uint32_t i = 0; i < outputs; i++)
        for (uint32_t j = 0; j < inputs; j++)
            if ((i * 7 + j * 3 + i * j) % every == 0)
                *test_at(&matrix, i, j) = (uint8_t)(1 + (i + j) % 15);
    struct eie_layer *layer = test_encode(&matrix, &parts);
    test_matrix_free(&matrix);
    return layer;
}

/* What a plan holds, and its cost. */
static size_t plan_holds(const struct eie_kernel *kernel, const struct eie_setup *setup,
                         struct eie_cost *cost)
{
    struct eie_error error = {""};
    struct eie_plan *plan;
    const size_t before = held();
    assert_good(kernel->prepare(setup, &plan, &error), error);
    const size_t after = held();
    *cost = (struct eie_cost){0};
    kernel->cost(plan, cost);
    kernel->destroy(plan);
    return after > before ? after - before : 0;
}

static void check_kernel(const struct eie_kernel *kernel, const struct eie_problem *problem)
{
    struct eie_setup setup = {*problem, NULL, 1};
    struct eie_cost cost;
    struct eie_error error = {""};
    uint64_t bound;
    if (eie_kernel_supports(kernel, problem, &bound, &error)) return;
    assert_good(eie_pool_get(problem->threads, &setup.pool, &error), error);
    (void)plan_holds(kernel, &setup, &cost); /* what a library allocates once and keeps */
    const size_t one = plan_holds(kernel, &setup, &cost);
    setup.copies = COPIES;
    const size_t many = plan_holds(kernel, &setup, &cost);
    /* which kernel cpu_auto takes is decided each time, so that `one` may be another's */
    const size_t first = strcmp(kernel->name, "cpu_auto") ? one : (size_t)bound;
    if (one > bound)
        fail_msg("%s, %u x %u, batch %u, %u threads: holds %zu bytes, states %ju", kernel->name,
                 problem->layer->outputs, problem->layer->inputs, problem->batch, problem->threads,
                 one, (uintmax_t)bound);
    /* each byte once: weights, and inputs in float at most, padded to whole vectors */
    assert_true(cost.bytes_read <=
                cost.prepared_bytes +
                    (uint64_t)problem->batch * ((uint64_t)problem->layer->inputs + 128) * 4);
    /* libraries keep caches of their own, which come and go */
    if (strncmp(kernel->name, "peers_", 6) &&
        many > first + (COPIES - 1) * (cost.prepared_bytes + COPY_SLACK))
        fail_msg("%s, %u x %u: %u further copies hold %zu bytes, each states %ju", kernel->name,
                 problem->layer->outputs, problem->layer->inputs, COPIES - 1, many - one,
                 (uintmax_t)cost.prepared_bytes);
}

static void plans_hold_no_more_than_they_state(void **state)
{
    static const struct {
        uint32_t inputs, outputs, pe_count, every;
    } shapes[] = {
        {1, 1, 1, 1}, {400, 300, 8, 4}, {31, 257, 64, 3}, {9, 4200, 3, 2}, {3000, 3, 2, 5}};
    static const uint32_t batches[] = {1, 2, 65}, threads[] = {1, 3, 40};
    struct eie_device device;
    struct eie_error error = {""};
    uint32_t checked = 0;
    void *volatile block = malloc(100000);
    const size_t seen = held();
    (void)state;
    free(block);
    if (!seen) skip();
    assert_good(eie_device_host(&device, &error), error);
    for (size_t s = 0; s < TEST_COUNT(shapes); s++) {
        struct eie_layer *layer =
            layer_of(shapes[s].inputs, shapes[s].outputs, shapes[s].pe_count, shapes[s].every);
        for (uint32_t k = 0; k < eie_kernel_count(); k++) {
            const struct eie_kernel *kernel = eie_kernel_at(k);
            /* libraries keep what they like, generated code for one; OpenBLAS does in its own pages
             */
            if (kernel->device_kind != EIE_DEVICE_CPU ||
                (!strncmp(kernel->name, "peers_", 6) && !strstr(kernel->name, "openblas")) ||
                eie_kernel_probe(kernel, &device, NULL))
                continue;
            for (size_t i = 0; i < TEST_COUNT(batches) * TEST_COUNT(threads); i++) {
                const struct eie_problem problem = {layer, &device, batches[i / 3], threads[i % 3]};
                if (problem.threads <= kernel->max_threads) check_kernel(kernel, &problem);
            }
            checked++;
        }
        eie_layer_free(layer);
    }
    printf("  %u kernels and layers\n", checked);
    assert_true(checked > TEST_COUNT(shapes));
}

/* What a plan notes of its pages ends with it; GraphBLAS's is the one that a library frees. */
static void plans_forget_what_they_noted(void **state)
{
    struct eie_layer *layer = layer_of(400, 300, 8, 4);
    struct eie_device device;
    struct eie_error error = {""};
    uint32_t noted = 0;
    uint64_t bytes;
    (void)state;
    assert_good(eie_device_host(&device, &error), error);
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        const struct eie_kernel *kernel = eie_kernel_at(k);
        struct eie_setup setup = {{layer, &device, 2, 1}, NULL, COPIES};
        struct eie_plan *plan;
        if (kernel->device_kind != EIE_DEVICE_CPU ||
            (!strncmp(kernel->name, "peers_", 6) && !strstr(kernel->name, "graphblas")) ||
            eie_kernel_probe(kernel, &device, NULL) ||
            eie_kernel_supports(kernel, &setup.problem, &bytes, NULL))
            continue;
        assert_good(eie_pool_get(1, &setup.pool, &error), error);
        eie_pages_begin();
        assert_good(kernel->prepare(&setup, &plan, &error), error);
        noted += isnan(eie_pages_huge_share()) ? 0 : 1;
        kernel->destroy(plan);
        if (!isnan(eie_pages_huge_share())) fail_msg("%s leaves notes of pages", kernel->name);
    }
    assert_true(noted > 4);
    eie_layer_free(layer);
}

/* `isa` is what the kernel declares, in the words of EIE_ISA_MASK. */
static void instruction_sets_are_spelled_as_the_mask_does(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        const struct eie_kernel *kernel = eie_kernel_at(k);
        char names[128];
        eie_cpu_feature_names(kernel->cpu_features, names, sizeof names);
        if (kernel->cpu_features && strcmp(kernel->isa, names))
            fail_msg("%s: isa '%s', declares '%s'", kernel->name, kernel->isa, names);
        if (!kernel->cpu_features && strcmp(kernel->isa, "any"))
            fail_msg("%s: isa '%s', declares nothing", kernel->name, kernel->isa);
    }
}

/* Folders that are left out where the compiler makes code for something else. */
static bool is_of_another_processor(const char *kernel)
{
#if defined(__x86_64__)
    return !strncmp(kernel, "neon_", 5);
#else
    return !strncmp(kernel, "avx", 3);
#endif
}

/* Columns that 32 bits would just number: no kernel that counts beyond them may take the layer. */
static void layers_that_are_too_wide_are_refused(void **state)
{
    static const char *const names[] = {
        "avx2_column_table",  "avx512_column_scatter", "avx2_dense_columns",
        "avx2_window_lookup", "avx2_vnni_lookup",      "avx512_batch_pairs",
        "avx512_byte_lookup", "avx512_word_lookup",    "peers_graphblas_mxm",
        "peers_mkl_csr_mv",   "peers_openblas_sgemv",  "peers_onednn_int8",
        "neon_window_lookup"};
    static const uint32_t inputs[] = {UINT32_MAX, UINT32_MAX - 31, UINT32_C(1) << 31};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(names) * TEST_COUNT(inputs); i++) {
        const struct eie_kernel *kernel = eie_kernel_find(names[i / TEST_COUNT(inputs)]);
        const struct eie_layer layer = {
            .name = "wide", .inputs = inputs[i % TEST_COUNT(inputs)], .outputs = 1, .pe_count = 1};
        const struct eie_problem problem = {&layer, NULL, 1, 1};
        struct eie_error error = {""};
        uint64_t bytes;
        if (!kernel && is_of_another_processor(names[i / TEST_COUNT(inputs)])) continue;
        assert_non_null(kernel);
        assert_bad(kernel->supports(&problem, &bytes, &error), EIE_UNSUPPORTED, error, "");
    }
}

/* ---- oneDNN's int8 --------------------------------------------------------------------------- */

enum { INT8_INPUTS = 77, INT8_OUTPUTS = 50, INT8_BATCH = 3 };

static void find_operands(void *context, const char *key, const char *text, double number)
{
    (void)number;
    if (!strcmp(key, "eie_operands")) snprintf(context, 96, "%s", text);
}

/* Loads inputs from `least` to `most`, runs, and says how many outputs are not the very sum. */
static uint32_t wrong_sums(const struct eie_kernel *kernel, struct eie_plan *plan,
                           const struct eie_layer *layer, int least, int most, char operands[96])
{
    int16_t inputs[INT8_BATCH * INT8_INPUTS];
    float y[INT8_BATCH * INT8_OUTPUTS];
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    struct eie_outcome outcome;
    uint32_t wrong = 0;
    for (int i = 0; i < INT8_BATCH * INT8_INPUTS; i++)
        inputs[i] = (int16_t)(i % 7 ? least + i * 37 % (most - least + 1) : i % 2 ? least : most);
    assert_good(kernel->load(plan, inputs, &error), error);
    assert_good(kernel->run(plan, 1, &error), error);
    assert_good(kernel->wait(plan, &outcome, &error), error);
    assert_good(kernel->read(plan, y, &error), error);
    kernel->describe(plan, find_operands, operands);
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    for (uint32_t b = 0; b < INT8_BATCH; b++) {
        int64_t sum[INT8_OUTPUTS] = {0};
        for (uint32_t j = 0; j < INT8_INPUTS; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++)
                sum[codes.row[e]] +=
                    (int64_t)layer->codebook[codes.code[e]] * inputs[b * INT8_INPUTS + j];
        for (uint32_t i = 0; i < INT8_OUTPUTS; i++)
            wrong += y[b * INT8_OUTPUTS + i] != (float)sum[i];
    }
    eie_sparse_codes_free(&codes);
    return wrong;
}

/* One plan, loaded in turn with inputs that it keeps, as either type, and such as it rounds. Shared
 * weights are multiples of `factor`, the first one `first`: kept too or not. */
static void check_int8(const struct eie_kernel *kernel, int16_t factor, int16_t first, bool kept)
{
    static const struct {
        int least, most;
        const char *words; /* NULL: rounded */
    } loads[] = {{0, 255, "inputs as they are, u8; "},
                 {-128, 127, "inputs as they are, s8; "},
                 {0, 256, NULL},
                 {-129, 90, NULL},
                 {-1, 128, NULL},
                 {0, 255, "inputs as they are, u8; "},
                 {0, 127, "inputs as they are, u8; "},
                 {-1, 127, "inputs as they are, s8; "}};
    struct test_matrix matrix = test_matrix_empty(INT8_INPUTS, INT8_OUTPUTS);
    struct eie_layer parts = test_parts("int8", 4);
    for (int c = 1; c < EIE_CODEBOOK_SIZE; c++) parts.codebook[c] = (int16_t)(factor * (c - 8));
    parts.codebook[1] = first;
    for (uint32_t k = 0; k < INT8_INPUTS * INT8_OUTPUTS; k += 3)
        *test_at(&matrix, k / INT8_INPUTS, k % INT8_INPUTS) = (uint8_t)(1 + k / 3 % 15);
    struct eie_layer *layer = test_encode(&matrix, &parts);
    struct eie_setup setup = {{layer, NULL, INT8_BATCH, 1}, NULL, 2};
    struct eie_error error = {""};
    struct eie_plan *plan;
    assert_good(eie_pool_get(1, &setup.pool, &error), error);
    assert_good(kernel->prepare(&setup, &plan, &error), error);
    for (size_t l = 0; l < TEST_COUNT(loads); l++) {
        char operands[96] = "";
        const uint32_t wrong =
            wrong_sums(kernel, plan, layer, loads[l].least, loads[l].most, operands);
        const char *words = loads[l].words ? loads[l].words : "inputs rounded to s8; ";
        assert_true(kept && loads[l].words ? !wrong : wrong > INT8_BATCH * INT8_OUTPUTS / 2);
        assert_memory_equal(operands, words, strlen(words));
        assert_non_null(strstr(operands, kept ? "weights as they are" : "weights rounded"));
    }
    kernel->destroy(plan);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

/* NULL where it cannot run. */
static const struct eie_kernel *onednn_int8(void)
{
    const struct eie_kernel *kernel = eie_kernel_find("peers_onednn_int8");
    struct eie_error error = {""};
    assert_non_null(kernel);
    if (!eie_cpu_require(kernel->cpu_features, &error) && !kernel->probe(NULL, &error))
        return kernel;
    printf("SKIPPED: oneDNN's int8 cannot run here: %s\n", error.message);
    return NULL;
}

/* The stack must not have to grow under the limit. */
static void set_memory_limit(rlim_t bytes)
{
    volatile char stack[1 << 18];
    for (size_t i = 0; i < sizeof stack; i += 4096) stack[i] = 0;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* A load of another type repacks the weights. Where there is no memory for them the plan has
 * none, says so, and goes on with the next load. */
static void onednn_outlives_a_load_that_failed(void **state)
{
    enum { INPUTS = 9000, OUTPUTS = 9000 }; /* 64 MiB is what the heap may keep */
    static int16_t inputs[INPUTS];
    static float y[OUTPUTS];
    const struct eie_kernel *kernel = onednn_int8();
    struct eie_error error = {""};
    struct eie_outcome outcome;
    struct eie_cost cost = {0};
    struct eie_plan *plan;
    (void)state;
    if (!kernel) return;
    struct eie_layer *layer = layer_of(INPUTS, OUTPUTS, 1, 1000);
    struct eie_setup setup = {{layer, NULL, 1, 1}, NULL, 1};
    assert_good(eie_pool_get(1, &setup.pool, &error), error);
    assert_good(kernel->prepare(&setup, &plan, &error), error);
    kernel->cost(plan, &cost);
    const uint64_t packed_bytes = cost.prepared_bytes;
    assert_true(packed_bytes >= INPUTS * OUTPUTS);
    inputs[0] = 3;
    set_memory_limit(1);
    const enum eie_status loaded = kernel->load(plan, inputs, &error);
    const enum eie_status ran = loaded ? kernel->run(plan, 0, NULL) : EIE_OK;
    set_memory_limit(RLIM_INFINITY);
    assert_int_equal(loaded, EIE_MEMORY);
    assert_int_equal(ran, EIE_SYSTEM);
    kernel->cost(plan, &cost);
    assert_int_equal(cost.prepared_bytes, 0);
    assert_good(kernel->load(plan, inputs, &error), error);
    assert_good(kernel->run(plan, 0, &error), error);
    assert_good(kernel->wait(plan, &outcome, &error), error);
    assert_good(kernel->read(plan, y, &error), error);
    kernel->cost(plan, &cost);
    assert_true(cost.prepared_bytes >= INPUTS * OUTPUTS);
    for (uint32_t i = 0; i < OUTPUTS; i++)
        assert_true(y[i] == (i * 7 % 1000 ? 0 : 3 * layer->codebook[1 + i % 15]));
    kernel->destroy(plan);
    eie_layer_free(layer);
}

static void onednn_keeps_what_fits_8_bits(void **state)
{
    const struct eie_kernel *kernel = onednn_int8();
    (void)state;
    if (!kernel) return;
    check_int8(kernel, 1, 127, true);
    check_int8(kernel, 7, 889, true);
    check_int8(kernel, 7, 890, false); /* no divisor but 1 */
    check_int8(kernel, 1, 128, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instruction_sets_are_spelled_as_the_mask_does),
        cmocka_unit_test(layers_that_are_too_wide_are_refused),
        cmocka_unit_test(plans_hold_no_more_than_they_state),
        cmocka_unit_test(plans_forget_what_they_noted),
        cmocka_unit_test(onednn_keeps_what_fits_8_bits),
        cmocka_unit_test(onednn_outlives_a_load_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
