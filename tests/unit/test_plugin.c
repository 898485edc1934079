/* kernels/plugin_load.h: what a plug-in states is looked at before any of it is used. Loading as
 * such is tested with real shared objects, on the command line. */
#include "kernels/plugin_load.h"
#include "kernels/registry.h"
#include "tests/support/test.h"

#include <limits.h>
#include <math.h>

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)problem, (void)plan_bytes, (void)error;
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    (void)setup, (void)plan, (void)error;
    return EIE_OK;
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    (void)plan, (void)copy, (void)error;
    return EIE_OK;
}

static void cost(const struct eie_plan *plan, struct eie_cost *result)
{
    (void)plan, (void)result;
}

static const struct eie_kernel complete = {
    .abi = EIE_KERNEL_ABI,
    .name = "own_idea",
    .summary = "nothing",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = 1,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = eie_cpu_plan_destroy,
};

static const uint32_t sizes[] = {EIE_PLUGIN_STRUCTS(EIE_PLUGIN_SIZE)};

static enum eie_status validate(const struct eie_kernel *kernel, struct eie_error *error)
{
    const struct eie_kernel *const kernels[] = {kernel};
    const struct eie_plugin plugin = {
        EIE_PLUGIN_MAGIC, EIE_KERNEL_ABI, TEST_COUNT(sizes), sizes, kernels, 1};
    return eie_plugin_validate(&plugin, error);
}

/* The complete kernel with one member changed. */
#define WITH(member, value)                                                                        \
    (changed = complete, changed.member = (value), (const struct eie_kernel *)&changed)

static void names(void **state)
{
    static const char *const good[] = {"own_idea",   "a_b", "x86_64_v4",
                                       "scalarly_x", "o__", "avx_512"};
    static const char *const bad[] = {
        "",          "own",   "_idea",       "own_",         "Own_idea", "own-idea",
        "own_idea ", "own_*", "own_a,own_b", "own_\xc3\xa9", "own/idea", "own_a\nb"};
    struct eie_kernel changed;
    struct eie_error error;
    char name[80];
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(good); i++)
        assert_good(validate(WITH(name, good[i]), &error), error);
    for (size_t i = 0; i < TEST_COUNT(bad); i++)
        assert_bad(validate(WITH(name, bad[i]), &error), EIE_INPUT, error,
                   "is no name of a kernel");
    memset(name, 'a', sizeof name);
    name[1] = '_';
    name[63] = 0;
    assert_good(validate(WITH(name, name), &error), error);
    name[63] = 'a';
    name[64] = 0;
    assert_bad(validate(WITH(name, name), &error), EIE_INPUT, error, "is no name of a kernel");
    for (const char *const *folder = eie_builtin_folders; *folder; folder++) {
        snprintf(name, sizeof name, "%s_mine", *folder);
        assert_bad(validate(WITH(name, name), &error), EIE_INPUT, error, "are the program's own");
    }
    assert_bad(validate(WITH(name, NULL), &error), EIE_INPUT, error, "kernel 0 is NULL or has no");
    assert_bad(validate(NULL, &error), EIE_INPUT, error, "kernel 0 is NULL or has no name");
}

/* Every kernel of the build keeps the rules, but for its folder and the flags that are its own. */
static void own_kernels(void **state)
{
    struct eie_error error;
    (void)state;
    assert_true(eie_kernel_count() > 0);
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        struct eie_kernel kernel = *eie_kernel_at(i);
        kernel.name = "own_idea";
        kernel.flags &= ~(uint32_t)(EIE_KERNEL_REFERENCE | EIE_KERNEL_BASELINE);
        assert_good(validate(&kernel, &error), error);
    }
}

static void functions(void **state)
{
    struct eie_kernel changed;
    struct eie_error error;
    (void)state;
    assert_bad(validate(WITH(supports, NULL), &error), EIE_INPUT, error, "function supports is");
    assert_bad(validate(WITH(prepare, NULL), &error), EIE_INPUT, error, "function prepare is");
    assert_bad(validate(WITH(load, NULL), &error), EIE_INPUT, error, "function load is missing");
    assert_bad(validate(WITH(run, NULL), &error), EIE_INPUT, error, "function run is missing");
    assert_bad(validate(WITH(wait, NULL), &error), EIE_INPUT, error, "function wait is missing");
    assert_bad(validate(WITH(read, NULL), &error), EIE_INPUT, error, "function read is missing");
    assert_bad(validate(WITH(cost, NULL), &error), EIE_INPUT, error, "function cost is missing");
    assert_bad(validate(WITH(destroy, NULL), &error), EIE_INPUT, error, "function destroy is");
    changed = complete;
    changed.flags = EIE_KERNEL_ESTIMATE;
    changed.read = NULL;
    assert_good(validate(&changed, &error), error);
}

static void members(void **state)
{
    static const uint32_t bad_flags[] = {
        0, EIE_KERNEL_EXACT | EIE_KERNEL_FLOAT32, EIE_KERNEL_EXACT | EIE_KERNEL_APPROXIMATE,
        EIE_KERNEL_FLOAT32 | EIE_KERNEL_ESTIMATE, EIE_KERNEL_EXACT | 1u << 20};
    struct eie_kernel changed;
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad_flags); i++)
        assert_bad(validate(WITH(flags, bad_flags[i]), &error), EIE_INPUT, error,
                   "how to check it");
    assert_bad(validate(WITH(flags, EIE_KERNEL_EXACT | EIE_KERNEL_BASELINE), &error), EIE_INPUT,
               error, "are the program's own");
    assert_bad(validate(WITH(flags, EIE_KERNEL_EXACT | EIE_KERNEL_REFERENCE), &error), EIE_INPUT,
               error, "are the program's own");
    assert_bad(validate(WITH(flags, EIE_KERNEL_EXACT | EIE_KERNEL_DENSE), &error), EIE_INPUT, error,
               "only beside EIE_KERNEL_FLOAT32");
    assert_bad(
        validate(WITH(flags, EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE), &error),
        EIE_INPUT, error, "one of the flags");
    assert_good(validate(WITH(flags, EIE_KERNEL_FLOAT32 | EIE_KERNEL_SPARSE), &error), error);
    assert_bad(validate(WITH(flags, EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE), &error),
               EIE_INPUT, error, "must say how far");
    changed.input_rounding.relative = 0x1p-8;
    assert_good(validate(&changed, &error), error);
    changed.flags = EIE_KERNEL_APPROXIMATE;
    assert_good(validate(&changed, &error), error);
    for (size_t i = 0; i < 3; i++) {
        changed.weight_rounding.of_largest = (double[]){-0.1, 0.6, NAN}[i];
        assert_bad(validate(&changed, &error), EIE_INPUT, error, "0 to 0.5");
    }
    assert_bad(validate(WITH(weight_rounding.of_largest, 0.1), &error), EIE_INPUT, error,
               "only a kernel with flag EIE_KERNEL_APPROXIMATE");
    assert_bad(validate(WITH(abi, EIE_KERNEL_ABI + 1), &error), EIE_INPUT, error, "member abi is");
    assert_bad(validate(WITH(summary, NULL), &error), EIE_INPUT, error, "one line of text");
    assert_bad(validate(WITH(summary, "a\nb"), &error), EIE_INPUT, error, "one line of text");
    assert_bad(validate(WITH(isa, ""), &error), EIE_INPUT, error, "one line of text");
    assert_bad(validate(WITH(max_threads, 0), &error), EIE_INPUT, error, "max_threads is 0");
    assert_bad(validate(WITH(device_kind, EIE_DEVICE_PUBLISHED), &error), EIE_INPUT, error,
               "device_kind 3");
    assert_bad(validate(WITH(device_kind, EIE_DEVICE_FOUND), &error), EIE_INPUT, error,
               "max_threads is 1");
    changed.max_threads = 0;
    assert_bad(validate(&changed, &error), EIE_INPUT, error, "runtime is not set");
    changed.runtime = "cuda:";
    assert_bad(validate(&changed, &error), EIE_INPUT, error,
               "runtime \"cuda:\" is none of this program's: opencl, cuda");
    changed.runtime = "cuda";
    assert_good(validate(&changed, &error), error);
    assert_bad(validate(WITH(runtime, "cuda"), &error), EIE_INPUT, error,
               "runtime is set, and device_kind is not EIE_DEVICE_FOUND");
    assert_good(validate(WITH(batch_min, 3), &error), error);
    changed.batch_max = 2;
    assert_bad(validate(&changed, &error), EIE_INPUT, error, "batch_max 2 is below batch_min 3");
}

static void versions(void **state)
{
    const struct eie_kernel *const kernels[] = {&complete};
    const struct eie_plugin good = {
        EIE_PLUGIN_MAGIC, EIE_KERNEL_ABI, TEST_COUNT(sizes), sizes, kernels, 1};
    struct eie_plugin plugin = good;
    uint32_t others[TEST_COUNT(sizes)];
    struct eie_error error;
    (void)state;
    assert_good(eie_plugin_validate(&good, &error), error);
    plugin.magic[7] = 'x';
    assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "EIE_PLUGIN");
    /* nothing behind the abi is looked at where that differs */
    plugin = (struct eie_plugin){EIE_PLUGIN_MAGIC, EIE_KERNEL_ABI + 1, UINT32_MAX, NULL, NULL, 9};
    assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "built for interface 5, ");
    plugin = (struct eie_plugin){EIE_PLUGIN_MAGIC, EIE_KERNEL_ABI, UINT32_MAX, sizes, NULL, 9};
    assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "structs");
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        memcpy(others, sizes, sizeof sizes);
        others[i] -= 4;
        plugin = good;
        plugin.sizes = others;
        plugin.kernels = NULL; /* not looked at */
        assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "build it again");
    }
    plugin = good;
    plugin.kernel_count = UINT32_MAX;
    assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "1 to 1024 are possible");
    plugin.kernel_count = 0;
    assert_bad(eie_plugin_validate(&plugin, &error), EIE_INPUT, error, "holds 0 kernels");
}

static void files_that_are_none(void **state)
{
    struct eie_error error;
    (void)state;
    assert_bad(eie_plugin_load("/nowhere/mine.so", &error), EIE_INPUT, error, "/nowhere/mine.so: ");
    assert_bad(eie_plugin_load("/", &error), EIE_INPUT, error, "/: ");
    assert_bad(eie_plugin_load("/proc/self/status", &error), EIE_INPUT, error,
               "/proc/self/status: is no shared object");
    assert_int_equal(eie_plugin_count(), 0);
    assert_null(eie_plugin_of(&complete));
}

/* Last: what is added stays. */
static void registry(void **state)
{
    static const struct eie_kernel b = {.name = "own_b"}, a = {.name = "own_a"},
                                   c = {.name = "own_c"};
    const struct eie_kernel *const first[] = {&c, &b}, *const second[] = {&a};
    const uint32_t count = eie_kernel_count();
    struct eie_error error;
    (void)state;
    assert_null(eie_kernel_find("own_b"));
    assert_good(eie_kernels_add(first, 2, &error), error);
    assert_good(eie_kernels_add(second, 1, &error), error);
    assert_int_equal(eie_kernel_count(), count + 3);
    assert_ptr_equal(eie_kernel_at(count), &a);
    assert_ptr_equal(eie_kernel_at(count + 1), &b);
    assert_ptr_equal(eie_kernel_at(count + 2), &c);
    assert_ptr_equal(eie_kernel_find("own_b"), &b);
    for (uint32_t i = 1; i < count; i++)
        assert_true(strcmp(eie_kernel_at(i - 1)->name, eie_kernel_at(i)->name) < 0);
    struct eie_kernel changed;
    assert_bad(validate(WITH(name, "own_b"), &error), EIE_INPUT, error,
               "there is one of that name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),     cmocka_unit_test(own_kernels),
        cmocka_unit_test(functions), cmocka_unit_test(members),
        cmocka_unit_test(versions),  cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
