/* Lists of names and globs. */
#include "host/base/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void match(void **state)
{
    (void)state;
    assert_true(eie_names_match(NULL, "x"));
    assert_true(eie_names_match("", "x"));
    assert_true(eie_names_match("avx2_csc", "avx2_csc"));
    assert_false(eie_names_match("avx2", "avx2_csc"));
    assert_true(eie_names_match("scalar_*,avx512_*", "avx512_csc"));
    assert_true(eie_names_match("a, b ,c", "b"));
    assert_false(eie_names_match(",", "b"));
    assert_true(eie_names_match("cuda:nvidia-h200#?", "cuda:nvidia-h200#2"));
    assert_true(eie_names_match("alex*", "alex/6"));
    assert_true(eie_names_match("a[1]", "a[1]"));
    assert_true(eie_names_match("a[1]", "a1"));
}

static void exact(void **state)
{
    (void)state;
    assert_false(eie_names_exact(NULL, "x"));
    assert_false(eie_names_exact("", ""));
    assert_false(eie_names_exact("*", "x"));
    assert_true(eie_names_exact("*, x", "x"));
    assert_false(eie_names_exact("xy", "x"));
}

static void unmatched(void **state)
{
    static const char *const names[] = {"scalar_csc", "avx2_csc", "avx2_dense"};
    char pattern[16] = "";
    (void)state;
    assert_false(eie_names_unmatched(NULL, names, 3, pattern, sizeof pattern));
    assert_false(eie_names_unmatched("", names, 0, pattern, sizeof pattern));
    assert_false(eie_names_unmatched("avx2_*,scalar_csc", names, 3, pattern, sizeof pattern));
    assert_true(eie_names_unmatched("avx2_*,avx3_*,zz", names, 3, pattern, sizeof pattern));
    assert_string_equal(pattern, "avx3_*");
    assert_true(eie_names_unmatched("avx2_csc,", names, 3, pattern, sizeof pattern));
    assert_string_equal(pattern, "");
    assert_true(eie_names_unmatched("a_rather_long_name_here", names, 3, pattern, sizeof pattern));
    assert_string_equal(pattern, "a_rather_long_n");
    assert_true(eie_names_unmatched("*", names, 0, pattern, sizeof pattern));
}

static void overlong_pattern(void **state)
{
    char list[3000];
    (void)state;
    memset(list, '*', sizeof list);
    memcpy(list + sizeof list - 3, ",b", 3);
    assert_false(eie_names_match(list, "a"));
    assert_true(eie_names_match(list, "b"));
}

static void key(void **state)
{
    char text[64];
    (void)state;
    eie_name_key("NVIDIA H200 (rev. 1_b)", text, sizeof text);
    assert_string_equal(text, "nvidia-h200--rev.-1_b-");
    eie_name_key("\xC3\xA9t\xC3\xA9\xE2\x82\xAC\xE2\x82\xAC", text, sizeof text);
    assert_string_equal(text, "-t---");
    eie_name_key("abcdef", text, 4);
    assert_string_equal(text, "abc");
    eie_name_key("", text, sizeof text);
    assert_string_equal(text, "");
}

static const char *hint_of(const char *wrong)
{
    static const char *const names[] = {"NT-We", "NT-Wd", "Alex-6", "Alex-7", "scalar_eie_stream",
                                        "a"};
    static struct eie_hint hint;
    hint = eie_names_hint(wrong, names, 6);
    return hint.text;
}

static void hints(void **state)
{
    (void)state;
    assert_string_equal(hint_of("nt-we"), "; did you mean NT-We?");
    assert_string_equal(hint_of("ALEX-7"), "; did you mean Alex-7?");
    assert_string_equal(hint_of("Alex6"), "; did you mean Alex-6?");
    assert_string_equal(hint_of("Alex--6"), "; did you mean Alex-6?");
    assert_string_equal(hint_of("Alxe-6"), "; did you mean Alex-6?");
    assert_string_equal(hint_of("NT-Wx"), "; did you mean NT-We?"); /* the first of two */
    assert_string_equal(hint_of("scalr_eie_strem"), "; did you mean scalar_eie_stream?");
    assert_string_equal(hint_of("scalr_eie_strm"), "");
    assert_string_equal(hint_of("b"), "");
    assert_string_equal(hint_of("A"), "; did you mean a?");
    assert_string_equal(hint_of(""), "");
    char text[300];
    memset(text, 'a', sizeof text);
    text[299] = '\0';
    assert_string_equal(hint_of(text), "");
    const char *const longest[] = {text + 172}; /* 127 letters, cut in the hint */
    assert_true(strlen(eie_names_hint(text + 173, longest, 1).text) < sizeof(struct eie_hint));
}

static void formats_of_later_versions(void **state)
{
    (void)state;
    assert_true(eie_names_newer("2", "1"));
    assert_true(eie_names_newer("10", "9"));
    assert_true(eie_names_newer("99999999999999999999", "1"));
    assert_true(eie_names_newer("eie-suite-2", "eie-suite-1"));
    assert_false(eie_names_newer("1", "1"));
    assert_false(eie_names_newer("0", "1"));
    assert_false(eie_names_newer("02", "1"));
    assert_false(eie_names_newer("", "1"));
    assert_false(eie_names_newer("2 ", "1"));
    assert_false(eie_names_newer("eie-suite-", "eie-suite-1"));
    assert_false(eie_names_newer("eie-device-2", "eie-suite-1"));
    assert_false(eie_names_newer(NULL, "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_of_later_versions),
        cmocka_unit_test(match),
        cmocka_unit_test(exact),
        cmocka_unit_test(unmatched),
        cmocka_unit_test(overlong_pattern),
        cmocka_unit_test(key),
        cmocka_unit_test(hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
