/* Features and what EIE_ISA_MASK takes away. */
#include "host/machine/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define ON_X86    (EIE_CPU_AVX2 | ON_AVX2)
#define ON_AVX512 (EIE_CPU_AVX512VBMI | EIE_CPU_VNNI | EIE_CPU_BF16 | EIE_CPU_AMX)
#define ON_AVX2   (EIE_CPU_AVX512 | EIE_CPU_AVXVNNI | ON_AVX512)

static uint32_t features_with(const char *mask)
{
    uint32_t features = UINT32_MAX;
    struct eie_error error;
    assert_int_equal(setenv("EIE_ISA_MASK", mask, 1), 0);
    assert_int_equal(eie_cpu_features(&features, &error), EIE_OK);
    return features;
}

static void closure(void **state)
{
    const uint32_t all = features_with("");
    (void)state;
    assert_int_equal(all & ~(uint32_t)(ON_X86 | EIE_CPU_NEON), 0);
#if defined(__aarch64__)
    assert_int_equal(all & ON_X86, 0);
    assert_int_equal(features_with("neon"), 0);
    assert_int_equal(features_with("avx2"), all);
#else
    assert_int_equal(all & EIE_CPU_NEON, 0);
    assert_int_equal(features_with("neon"), all);
    if ((all & EIE_CPU_AVX2) == 0) assert_int_equal(all, 0);
    if ((all & EIE_CPU_AVX512) == 0) assert_int_equal(all & ON_AVX512, 0);
    assert_int_equal(features_with("avx2"), 0);
    assert_int_equal(features_with("avx512"), all & (EIE_CPU_AVX2 | EIE_CPU_AVXVNNI));
    assert_int_equal(features_with("avxvnni"), all & ~(uint32_t)EIE_CPU_AVXVNNI);
    assert_int_equal(features_with("avx512,avxvnni"), all & EIE_CPU_AVX2);
    assert_int_equal(features_with("avx512vbmi"), all & ~(uint32_t)EIE_CPU_AVX512VBMI);
    assert_int_equal(features_with("vnni,bf16"), all & ~(uint32_t)(EIE_CPU_VNNI | EIE_CPU_BF16));
    assert_int_equal(features_with("amx"), all & ~(uint32_t)EIE_CPU_AMX);
    assert_int_equal(features_with("amx,avx2,amx"), 0);
#endif
    assert_int_equal(unsetenv("EIE_ISA_MASK"), 0);
    uint32_t unmasked;
    assert_int_equal(eie_cpu_features(&unmasked, NULL), EIE_OK);
    assert_int_equal(unmasked, all);
}

static void unknown_word(void **state)
{
    static const char *const masks[] = {"avx3", "avx2,avx", "AVX2", "avx2,", ",", " avx2", "none"};
    struct eie_error error;
    uint32_t features;
    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        assert_int_equal(setenv("EIE_ISA_MASK", masks[i], 1), 0);
        assert_int_equal(eie_cpu_features(&features, &error), EIE_USAGE);
        assert_non_null(strstr(error.message, "EIE_ISA_MASK"));
        assert_non_null(strstr(error.message, "avx512vbmi"));
        assert_int_equal(features, 0);
        assert_int_equal(eie_cpu_require(0, NULL), EIE_USAGE);
    }
}

static void require(void **state)
{
    struct eie_error error;
    const uint32_t all = features_with("");
    (void)state;
    assert_int_equal(eie_cpu_require(0, NULL), EIE_OK);
    assert_int_equal(eie_cpu_require(all, &error), EIE_OK);
    features_with("avx2,neon");
    assert_int_equal(eie_cpu_require(0, &error), EIE_OK);
    assert_int_equal(eie_cpu_require(EIE_CPU_AVX2, &error), EIE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "avx2"));
    if ((all & EIE_CPU_AVX2) != 0) assert_non_null(strstr(error.message, "EIE_ISA_MASK"));
    assert_int_equal(eie_cpu_require(EIE_CPU_NEON, &error), EIE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "neon"));
    if ((all & EIE_CPU_NEON) != 0) assert_non_null(strstr(error.message, "EIE_ISA_MASK"));
    features_with("");
    if ((all & EIE_CPU_AMX) == 0) {
        assert_int_equal(eie_cpu_require(EIE_CPU_AMX, &error), EIE_UNSUPPORTED);
        assert_non_null(strstr(error.message, "lacks"));
    }
}

static void names(void **state)
{
    char text[128];
    (void)state;
    eie_cpu_feature_names(0, text, sizeof text);
    assert_string_equal(text, "none");
    eie_cpu_feature_names(EIE_CPU_AVX2 | EIE_CPU_AMX | EIE_CPU_NEON | EIE_CPU_AVXVNNI, text,
                          sizeof text);
    assert_string_equal(text, "avx2,avxvnni,amx,neon");
    eie_cpu_feature_names(EIE_CPU_AVX2 | EIE_CPU_AVX512, text, 8);
    assert_string_equal(text, "avx2,av");
    eie_cpu_name(text, sizeof text);
    const size_t length = strlen(text);
    assert_true(length > 0 && text[0] != ' ' && text[length - 1] != ' ');
    assert_null(strstr(text, "  "));
    eie_cpu_name(text, 4);
    assert_true(strlen(text) <= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closure),
        cmocka_unit_test(unknown_word),
        cmocka_unit_test(require),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
