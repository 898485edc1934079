/* The library as its users have it: eie.h and libeie.a, nothing else of this tree. Expected values
 * are computed here from the header's definition. Asserts stand outside of threads: cmocka is for
 * one. */
#include <eie.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUTS = 150, OUTPUTS = 230, BATCH_MAX = 64, SHIFT = 5, CALLS = 300, REMAKES = 30 };

struct example {
    int16_t dense[OUTPUTS][INPUTS];
    int16_t value[OUTPUTS * INPUTS];
    uint32_t row_start[OUTPUTS + 1], column[OUTPUTS * INPUTS];
    int32_t bias[OUTPUTS];
    int16_t inputs[BATCH_MAX][INPUTS];
    struct eie_arrays arrays; /* dense */
    struct eie_layer *layer;  /* of them */
};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Sums stay below 2^24: float32 holds them exactly. */
static void fill(struct example *e, int relu)
{
    static const int16_t values[15] = {-40, -31, -22, -17, -9, -4, -1, 1, 3, 8, 14, 20, 27, 33, 47};
    uint32_t state = 5, count = 0;
    memset(e, 0, sizeof *e);
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        for (uint32_t j = 0; j < INPUTS; j++) {
            if (draw(&state) % 100 >= 15 || i % 50 == 7) continue;
            e->dense[i][j] = values[draw(&state) % 15];
            e->value[count] = e->dense[i][j];
            e->column[count++] = j;
        }
        e->row_start[i + 1] = count;
        e->bias[i] = (int32_t)(draw(&state) % 4001) - 2000;
    }
    for (uint32_t b = 0; b < BATCH_MAX; b++)
        for (uint32_t j = 0; j < INPUTS; j++)
            if (draw(&state) % 3) e->inputs[b][j] = (int16_t)((int)(draw(&state) % 801) - 400);
    e->arrays = (struct eie_arrays){
        .inputs = INPUTS,
        .outputs = OUTPUTS,
        .value = &e->dense[0][0],
        .bias = e->bias,
        .relu = relu,
        .weight_fraction_bits = 6,
        .input_fraction_bits = 8,
        .output_fraction_bits = 14 - SHIFT,
    };
}

static void setup(struct example *e, int relu)
{
    fill(e, relu);
    assert_int_equal(eie_layer_make(&e->arrays, &e->layer), EIE_DONE);
}

static int32_t product(const struct example *e, uint32_t b, uint32_t i)
{
    int32_t sum = 0;
    for (uint32_t j = 0; j < INPUTS; j++) sum += e->dense[i][j] * e->inputs[b][j];
    return sum;
}

static int16_t expected(const struct example *e, uint32_t b, uint32_t i)
{
    int32_t sum = product(e, b, i) + e->bias[i];
    if (e->arrays.relu && sum < 0) sum = 0;
    sum = (sum + (1 << (SHIFT - 1))) >> SHIFT;
    return (int16_t)(sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum);
}

static void expect(const struct example *e, uint32_t batch, int16_t *y)
{
    for (uint32_t b = 0; b < batch; b++)
        for (uint32_t i = 0; i < OUTPUTS; i++) *y++ = expected(e, b, i);
}

/* How far an approximate kernel may be off: bfloat16 or int8 on both sides. */
static double slack(const struct example *e, uint32_t b, uint32_t i)
{
    double sum = 0;
    for (uint32_t j = 0; j < INPUTS; j++) sum += fabs((double)e->dense[i][j] * e->inputs[b][j]);
    return 0.03 * sum + 400;
}

static bool is_of(const char *name, const char *folder)
{
    return !strncmp(name, folder, strlen(folder));
}

/* One kernel, one batch, so many threads; whether it takes them. */
static bool compare(const struct example *e, const struct eie_kernel_facts *kernel, uint32_t batch,
                    uint32_t threads)
{
    struct eie_product *made;
    const int result =
        eie_product_make(e->layer, kernel->name, batch, threads, EIE_ANYWHERE, &made);
    if (result) {
        assert_int_equal(result, EIE_CANNOT);
        assert_null(made);
        assert_true(eie_message()[0] != 0);
        return false;
    }
    int16_t *y = test_calloc((size_t)batch * OUTPUTS, sizeof *y);
    float *sums = test_calloc((size_t)batch * OUTPUTS, sizeof *sums);
    const int wrong = kernel->gives_sums ? eie_product_run(made, e->inputs[0], y)
                                         : eie_product_run_sums(made, e->inputs[0], sums);
    assert_int_equal(wrong, EIE_BAD_CALL);
    const int right = kernel->gives_sums ? eie_product_run_sums(made, e->inputs[0], sums)
                                         : eie_product_run(made, e->inputs[0], y);
    assert_int_equal(right, EIE_DONE);
    for (uint32_t b = 0; b < batch; b++)
        for (uint32_t i = 0; i < OUTPUTS; i++) {
            const size_t at = (size_t)b * OUTPUTS + i;
            const double off = kernel->gives_sums ? fabs((double)sums[at] - product(e, b, i))
                                                  : abs(y[at] - expected(e, b, i)) * 32.0;
            if (off > (kernel->approximate ? slack(e, b, i) : 0))
                fail_msg("%s, batch %u, threads %u, input %u, output %u: off by %g", kernel->name,
                         batch, threads, b, i, off);
        }
    if (strcmp(kernel->name, "cpu_auto") != 0)
        assert_string_equal(eie_product_kernel(made), kernel->name);
    eie_product_close(made);
    test_free(sums);
    test_free(y);
    return true;
}

/* Of kernels that begin with `folder`, or of all but the peers; how many have computed. */
static uint32_t compare_all(const char *folder)
{
    static const uint32_t batches[] = {1, 3, 64};
    static struct example e;
    struct eie_kernel_facts kernel;
    uint32_t computed = 0;
    for (uint32_t relu = 0; relu < 2; relu++) {
        setup(&e, (int)relu);
        for (uint32_t k = 0; !eie_kernel_about(k, &kernel); k++) {
            if (folder ? !is_of(kernel.name, folder) : is_of(kernel.name, "peers_")) continue;
            if (eie_kernel_try(kernel.name)) continue;
            uint32_t takes = 0;
            for (uint32_t b = 0; b < 3; b++)
                for (uint32_t threads = 1; threads <= 2; threads++)
                    takes += compare(&e, &kernel, batches[b], threads);
            /* convolutions take layers with a window alone, which these are not */
            if (!takes && !strstr(kernel.name, "_convolution"))
                fail_msg("%s takes nothing", kernel.name);
            computed += relu && takes;
        }
        eie_layer_close(e.layer);
    }
    return computed;
}

static void every_kernel(void **state)
{
    (void)state;
    assert_true(compare_all(NULL) >= 4); /* on any processor: the auto and the scalar ones */
}

static void libraries(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they look into what libraries keep, and do not see how those wait */
#endif
    if (!compare_all("peers_")) skip();
}

/* ---- layers --------------------------------------------------------------------------------- */

static void run_once(const struct eie_layer *layer, const char *kernel, const struct example *e,
                     int16_t *y)
{
    struct eie_product *made;
    assert_int_equal(eie_product_make(layer, kernel, 2, 1, EIE_ANYWHERE, &made), EIE_DONE);
    assert_int_equal(eie_product_run(made, e->inputs[0], y), EIE_DONE);
    eie_product_close(made);
}

static void sparse_is_dense(void **state)
{
    static struct example e;
    static int16_t y[2 * OUTPUTS], wanted[2 * OUTPUTS];
    struct eie_layer *sparse;
    struct eie_layer_facts facts;
    (void)state;
    setup(&e, 0);
    struct eie_arrays arrays = e.arrays;
    arrays.value = e.value;
    arrays.row_start = e.row_start;
    arrays.column = e.column;
    for (uint32_t i = 0; i < OUTPUTS; i++) /* the order within a row is free */
        if (e.row_start[i + 1] - e.row_start[i] > 1) {
            const uint32_t a = e.row_start[i], b = e.row_start[i + 1] - 1, column = e.column[a];
            const int16_t value = e.value[a];
            e.column[a] = e.column[b], e.value[a] = e.value[b];
            e.column[b] = column, e.value[b] = value;
        }
    assert_int_equal(eie_layer_make(&arrays, &sparse), EIE_DONE);
    expect(&e, 2, wanted);
    run_once(sparse, "scalar_eie_stream", &e, y);
    assert_memory_equal(y, wanted, sizeof y);
    eie_layer_about(sparse, &facts);
    assert_int_equal(facts.inputs, INPUTS);
    assert_int_equal(facts.outputs, OUTPUTS);
    assert_true(facts.weights == e.row_start[OUTPUTS]);
    assert_int_equal(facts.relu, 0);
    assert_int_equal(facts.weight_fraction_bits, 6);
    assert_int_equal(facts.input_fraction_bits, 8);
    assert_int_equal(facts.output_fraction_bits, 14 - SHIFT);
    assert_int_equal(facts.sample_count, 0);
    eie_layer_close(sparse);

    arrays = e.arrays; /* samples change nothing but travel along; no bias is a bias of 0 */
    arrays.sample_count = 3;
    arrays.samples = e.inputs[0];
    arrays.bias = NULL;
    memset(e.bias, 0, sizeof e.bias);
    assert_int_equal(eie_layer_make(&arrays, &sparse), EIE_DONE);
    eie_layer_about(sparse, &facts);
    assert_int_equal(facts.sample_count, 3);
    assert_memory_equal(facts.samples, e.inputs, 3 * sizeof e.inputs[0]);
    expect(&e, 2, wanted);
    run_once(sparse, NULL, &e, y);
    assert_memory_equal(y, wanted, sizeof y);
    eie_layer_close(sparse);
    eie_layer_close(e.layer);
}

static void zeros_only(void **state)
{
    static const int16_t value[2] = {0, 0}, input = 5;
    struct eie_arrays arrays = {.inputs = 1, .outputs = 2, .value = value};
    struct eie_layer *layer;
    struct eie_product *made;
    int16_t y[2] = {9, 9};
    (void)state;
    assert_int_equal(eie_layer_make(&arrays, &layer), EIE_DONE);
    assert_int_equal(eie_product_make(layer, NULL, 1, 1, EIE_ANYWHERE, &made), EIE_DONE);
    assert_int_equal(eie_product_run(made, &input, y), EIE_DONE);
    assert_true(y[0] == 0 && y[1] == 0);
    eie_product_close(made);
    eie_layer_close(layer);
}

static void refuse(const struct eie_arrays *arrays, int result, const char *message)
{
    struct eie_layer *layer = (struct eie_layer *)(uintptr_t)1;
    assert_int_equal(eie_layer_make(arrays, &layer), result);
    assert_null(layer);
    if (!strstr(eie_message(), message)) fail_msg("not \"%s\": %s", message, eie_message());
}

static void bad_arrays(void **state)
{
    int16_t many[16], some[4] = {1, 2, 3, 4};
    uint32_t starts[3] = {0, 2, 4}, columns[4] = {0, 1, 0, 1};
    struct eie_arrays dense = {.inputs = 8, .outputs = 2, .value = many}, sparse;
    (void)state;
    for (int v = 0; v < 16; v++) many[v] = (int16_t)(100 * v + 1);
    refuse(&dense, EIE_BAD_DATA, "weight 1501 of row 1, column 7 is the 16th value");
    many[15] = many[3];
    struct eie_layer *layer;
    assert_int_equal(eie_layer_make(&dense, &layer), EIE_DONE);
    eie_layer_close(layer);
    dense.output_fraction_bits = 1;
    refuse(&dense, EIE_BAD_DATA, "fraction bits is -1");
    dense = (struct eie_arrays){.inputs = 0, .outputs = 2, .value = many};
    refuse(&dense, EIE_BAD_DATA, "0 inputs");
    dense = (struct eie_arrays){.inputs = 1, .outputs = (1u << 26) + 1, .value = many};
    refuse(&dense, EIE_BAD_DATA, "67108865 outputs");

    sparse = (struct eie_arrays){
        .inputs = 2, .outputs = 2, .value = some, .row_start = starts, .column = columns};
    assert_int_equal(eie_layer_make(&sparse, &layer), EIE_DONE);
    eie_layer_close(layer);
    columns[3] = 0;
    refuse(&sparse, EIE_BAD_DATA, "row 1 has column 0 twice");
    some[2] = 0;
    refuse(&sparse, EIE_BAD_DATA, "row 1 has column 0 twice");
    some[2] = 3, some[3] = 0;
    refuse(&sparse, EIE_BAD_DATA, "row 1 has column 0 twice");
    some[3] = 4;
    columns[3] = 2;
    refuse(&sparse, EIE_BAD_DATA, "row 1 has column 2 of 2");
    columns[3] = 1;
    starts[2] = 1;
    refuse(&sparse, EIE_BAD_DATA, "falls behind row 1");
    starts[0] = 1;
    refuse(&sparse, EIE_BAD_DATA, "begins with 1");
    sparse.column = NULL;
    refuse(&sparse, EIE_BAD_DATA, "both or neither");
}

static void bad_calls(void **state)
{
    static struct example e;
    struct eie_layer *layer;
    struct eie_product *made;
    struct eie_kernel_facts facts;
    (void)state;
    assert_int_equal(eie_api_version(), EIE_API_VERSION);
    assert_int_equal(eie_layer_open("/nonexistent/file", NULL, &layer), EIE_BAD_DATA);
    assert_null(layer);
    assert_non_null(strstr(eie_message(), "/nonexistent/file"));
    setup(&e, 0);
    assert_int_equal(eie_product_make(e.layer, "scalar_nothing", 1, 1, EIE_ANYWHERE, &made),
                     EIE_BAD_CALL);
    assert_null(made);
    assert_non_null(strstr(eie_message(), "scalar_nothing"));
    assert_int_equal(eie_product_make(e.layer, NULL, 0, 1, EIE_ANYWHERE, &made), EIE_BAD_CALL);
    assert_int_equal(eie_product_make(e.layer, NULL, 1, 0, EIE_ANYWHERE, &made), EIE_BAD_CALL);
    assert_int_equal(eie_product_make(e.layer, NULL, 1, 4097, EIE_ANYWHERE, &made), EIE_BAD_CALL);
    assert_int_equal(eie_product_make(e.layer, NULL, 1, 1, (enum eie_places)2, &made),
                     EIE_BAD_CALL);
    assert_int_equal(setenv("EIE_HUGE_PAGES", "maybe", 1), 0);
    assert_int_equal(eie_product_make(e.layer, NULL, 1, 1, EIE_ANYWHERE, &made), EIE_BAD_CALL);
    assert_non_null(strstr(eie_message(), "EIE_HUGE_PAGES"));
    assert_int_equal(unsetenv("EIE_HUGE_PAGES"), 0);
    assert_int_equal(eie_kernel_try("opencl_eie_stream"), EIE_BAD_CALL);
    assert_int_equal(eie_kernel_try("scalar_eie_stream"), EIE_DONE);
    assert_int_equal(eie_kernel_about(UINT32_MAX, &facts), EIE_BAD_CALL);
    eie_product_close(NULL);
    eie_layer_close(NULL);
    eie_layer_close(e.layer);
}

/* ---- threads -------------------------------------------------------------------------------- */

struct caller {
    const struct example *e;
    const int16_t *wanted; /* [REMAKES][OUTPUTS] */
    struct eie_product *product;
    const char *kernel;
    _Atomic uint32_t *wrong;
    bool remakes; /* makes and frees instead, each time for a larger batch */
    char message[200];
};

static void *call_often(void *context)
{
    struct caller *caller = context;
    int16_t y[REMAKES * OUTPUTS];
    for (uint32_t c = 0; c < (caller->remakes ? REMAKES : CALLS); c++) {
        const uint32_t batch = caller->remakes ? c + 1 : 2;
        struct eie_product *made = caller->product;
        if (caller->remakes &&
            eie_product_make(caller->e->layer, caller->kernel, batch, 1, EIE_ANYWHERE, &made)) {
            ++*caller->wrong;
            break;
        }
        memset(y, 0, sizeof y);
        if (eie_product_run(made, caller->e->inputs[0], y) ||
            memcmp(y, caller->wanted, batch * OUTPUTS * sizeof *y) != 0)
            ++*caller->wrong;
        if (caller->remakes) eie_product_close(made);
    }
    snprintf(caller->message, sizeof caller->message, "%s", eie_message());
    return NULL;
}

/* Products of one and of two threads, each run by a thread of its own, beside others that make and
 * free them. */
static void several_callers(void **state)
{
    enum { CALLERS = 6 };
    static const char *const kernels[CALLERS] = {
        NULL, "scalar_eie_stream", NULL, "scalar_eie_stream", NULL, NULL};
    static struct example e;
    static int16_t wanted[REMAKES * OUTPUTS];
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    _Atomic uint32_t wrong = 0;
    (void)state;
    setup(&e, 1);
    expect(&e, REMAKES, wanted);
    for (uint32_t c = 0; c < CALLERS; c++) {
        callers[c] = (struct caller){
            .e = &e, .wanted = wanted, .wrong = &wrong, .kernel = kernels[c], .remakes = c >= 3};
        if (!callers[c].remakes)
            assert_int_equal(eie_product_make(e.layer, kernels[c], 2, c ? 2 : 1, EIE_ANYWHERE,
                                              &callers[c].product),
                             EIE_DONE);
    }
    assert_int_equal(eie_kernel_try("none"), EIE_BAD_CALL);
    for (uint32_t c = 0; c < CALLERS; c++)
        assert_int_equal(pthread_create(&threads[c], NULL, call_often, &callers[c]), 0);
    for (uint32_t c = 0; c < CALLERS; c++) {
        pthread_join(threads[c], NULL);
        assert_string_equal(callers[c].message, ""); /* each thread has its own */
        eie_product_close(callers[c].product);
    }
    assert_non_null(strstr(eie_message(), "'none'"));
    assert_int_equal(wrong, 0);
    eie_layer_close(e.layer);
}

/* Nobody is bound, and what the caller was bound to stays. */
static void no_thread_is_bound(void **state)
{
    static struct example e;
    static int16_t y[2 * OUTPUTS];
    cpu_set_t before, last, after;
    struct eie_product *made;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&last);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &before)) {
            CPU_ZERO(&last);
            CPU_SET(cpu, &last);
        }
    setup(&e, 0);
    const cpu_set_t *sets[] = {&before, &last};
    for (int s = 0; s < 2; s++)
        for (uint32_t threads = 1; threads <= 3; threads++) {
            assert_int_equal(sched_setaffinity(0, sizeof last, sets[s]), 0);
            assert_int_equal(eie_product_make(e.layer, NULL, 2, threads, EIE_ANYWHERE, &made),
                             EIE_DONE);
            assert_int_equal(eie_product_run(made, e.inputs[0], y), EIE_DONE);
            assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
            assert_true(CPU_EQUAL(&after, sets[s]));
            eie_product_close(made);
        }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    eie_layer_close(e.layer);
}

/* A core each, the caller's the first; more threads than cores change nothing. */
static void own_cores(void **state)
{
    static struct example e;
    static int16_t y[2 * OUTPUTS], wanted[2 * OUTPUTS];
    cpu_set_t before, after, first;
    struct eie_product *made;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    const uint32_t usable = (uint32_t)CPU_COUNT(&before);
    setup(&e, 0);
    expect(&e, 2, wanted);
    if (usable < 4096) {
        assert_int_equal(eie_product_make(e.layer, NULL, 2, usable + 1, EIE_OWN_CORES, &made),
                         EIE_BAD_CALL);
        assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
        assert_true(CPU_EQUAL(&before, &after));
    }
    /* what fails once the threads are bound; no test before has loaded that library */
    assert_int_equal(setenv("EIE_GRAPHBLAS", "/nonexistent/library", 1), 0);
    assert_int_equal(eie_product_make(e.layer, "peers_graphblas_mxm", 2, 1, EIE_OWN_CORES, &made),
                     EIE_ABSENT);
    assert_int_equal(unsetenv("EIE_GRAPHBLAS"), 0);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    for (uint32_t threads = 1; threads <= 2; threads++) {
        if (eie_product_make(e.layer, "scalar_eie_stream", 2, threads, EIE_OWN_CORES, &made)) {
            assert_true(threads == 2); /* a single core */
            break;
        }
        assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
        assert_int_equal(CPU_COUNT(&after), 1);
        if (threads == 1) first = after;
        assert_true(CPU_EQUAL(&first, &after));
        assert_int_equal(eie_product_run(made, e.inputs[0], y), EIE_DONE);
        assert_memory_equal(y, wanted, sizeof y);
        eie_product_close(made);
        assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    }
    eie_layer_close(e.layer);
}

static void after_fork(void **state)
{
    static struct example e;
    static int16_t y[2 * OUTPUTS], wanted[2 * OUTPUTS];
    struct eie_product *one, *two, *made;
    int code;
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* it lets no child of several threads start one */
#endif
    if (getenv("EIE_TEST_EMULATED")) skip(); /* nor does qemu-user */
    setup(&e, 0);
    expect(&e, 2, wanted);
    assert_int_equal(eie_product_make(e.layer, NULL, 2, 1, EIE_ANYWHERE, &one), EIE_DONE);
    assert_int_equal(eie_product_make(e.layer, NULL, 2, 2, EIE_ANYWHERE, &two), EIE_DONE);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        code = eie_product_run(one, e.inputs[0], y) || memcmp(y, wanted, sizeof y) != 0;
        eie_product_close(two);
        code = code || eie_product_make(e.layer, "scalar_eie_stream", 2, 2, EIE_ANYWHERE, &made) ||
               eie_product_run(made, e.inputs[0], y) || memcmp(y, wanted, sizeof y) != 0;
        _exit(code);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    assert_int_equal(eie_product_run(two, e.inputs[0], y), EIE_DONE);
    assert_memory_equal(y, wanted, sizeof y);
    eie_product_close(one);
    eie_product_close(two);
    eie_layer_close(e.layer);
}

struct maker {
    const struct example *e;
    _Atomic bool ends;
    _Atomic uint32_t made;
};

static void *make_on_and_on(void *context)
{
    struct maker *maker = context;
    while (!maker->ends) {
        struct eie_product *made;
        if (eie_product_make(maker->e->layer, "scalar_eie_stream", 64, 1, EIE_ANYWHERE, &made))
            break;
        eie_product_close(made);
        maker->made++;
        sched_yield();
    }
    return NULL;
}

/* Children make products whatever another thread was at when they began. */
static void fork_beside_makers(void **state)
{
    enum { CHILDREN = 100, HUNG_S = 600 };
    static struct example e;
    static int16_t y[2 * OUTPUTS], wanted[2 * OUTPUTS];
    struct maker maker = {.e = &e};
    pthread_t thread;
    uint32_t wrong = 0;
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* as after_fork */
#endif
    if (getenv("EIE_TEST_EMULATED")) skip();
    setup(&e, 0);
    expect(&e, 2, wanted);
    assert_int_equal(pthread_create(&thread, NULL, make_on_and_on, &maker), 0);
    while (!maker.made) sched_yield();
    for (uint32_t c = 0; c < CHILDREN && !wrong; c++) {
        int code = 1;
        const pid_t child = fork();
        if (!child) {
            struct eie_product *made;
            alarm(HUNG_S);
            code = eie_product_make(e.layer, "scalar_eie_stream", 2, 1, EIE_ANYWHERE, &made) ||
                   eie_product_run(made, e.inputs[0], y) || memcmp(y, wanted, sizeof y) != 0;
            eie_product_close(made);
            _exit(code);
        }
        wrong += child < 0 || waitpid(child, &code, 0) != child || code != 0;
    }
    maker.ends = true;
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
    eie_layer_close(e.layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel),       cmocka_unit_test(sparse_is_dense),
        cmocka_unit_test(zeros_only),         cmocka_unit_test(bad_arrays),
        cmocka_unit_test(bad_calls),          cmocka_unit_test(several_callers),
        cmocka_unit_test(no_thread_is_bound), cmocka_unit_test(own_cores),
        cmocka_unit_test(after_fork),         cmocka_unit_test(fork_beside_makers),
        cmocka_unit_test(libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
