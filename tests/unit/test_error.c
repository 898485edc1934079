/* Messages stay one printable line, whatever goes into them. */
#include "host/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void status_and_message(void **state)
{
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_fail(&error, EIE_INPUT, "%s: %d", "a.json", 7), EIE_INPUT);
    assert_string_equal(error.message, "a.json: 7");
    assert_int_equal(eie_fail(NULL, EIE_MEMORY, "%s", "nobody listens"), EIE_MEMORY);
    assert_int_equal(eie_error_prefix(NULL, EIE_USAGE, "%s", "nobody listens"), EIE_USAGE);
    assert_int_equal(eie_fail(&error, EIE_INPUT, "%s", ""), EIE_INPUT);
    assert_string_equal(error.message, "");
}

static void hostile_text(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"two\nlines", "two?lines"},
        {"bell\a esc\033[31m del\177", "bell? esc?[31m del?"},
        {"tail\r\n", "tail"},
        {"na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80",
         "na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"lone \xC3", "lone ?"},
        {"lone \xE2\x82 x", "lone ?? x"},
        {"stray \x80\xBF", "stray ??"},
        {"overlong \xC0\xAF \xE0\x80\xAF", "overlong ?? ???"},
        {"surrogate \xED\xA0\x80", "surrogate ???"},
        {"too large \xF4\x90\x80\x80", "too large ????"},
        {"c1 \xC2\x9B"
         "31m",
         "c1 ?31m"},
        {"separator \xE2\x80\xA8 x", "separator ? x"},
        {"direction \xE2\x80\xAE x", "direction ? x"},
    };
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        eie_fail(&error, EIE_INPUT, "%s", cases[i].from);
        assert_string_equal(error.message, cases[i].to);
    }
}

static void long_text(void **state)
{
    const size_t room = sizeof((struct eie_error *)0)->message;
    struct eie_error error;
    char text[8192];
    (void)state;
    for (size_t length = room - 8; length < room + 8; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        eie_fail(&error, EIE_INPUT, "%s", text);
        if (length < room) {
            assert_string_equal(error.message, text);
        } else {
            assert_int_equal(strlen(error.message), room - 1);
            assert_string_equal(error.message + room - 4, "...");
        }
    }
    for (size_t start = 0; start < 4; start++) { /* a character is never cut in two */
        memset(text, 'x', start);
        for (size_t i = start; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xE2\x82\xAC", 4);
        eie_fail(&error, EIE_INPUT, "%s", text);
        const size_t length = strlen(error.message);
        assert_true(length < room && length >= room - 4);
        assert_int_equal((length - 3 - start) % 3, 0);
        assert_null(strchr(error.message, '?'));
    }
    memset(text, '\n', sizeof text);
    memcpy(text + sizeof text - 2, "x", 2);
    eie_fail(&error, EIE_INPUT, "%s", text);
    assert_true(strlen(error.message) < room);
    assert_null(strchr(error.message, '\n'));
}

static void prefix(void **state)
{
    struct eie_error error;
    char text[2048];
    (void)state;
    eie_fail(&error, EIE_INPUT, "no such row");
    assert_int_equal(eie_error_prefix(&error, EIE_SYSTEM, "%s:%d", "a\nb", 3), EIE_SYSTEM);
    assert_string_equal(error.message, "a?b:3: no such row");
    eie_fail(&error, EIE_INPUT, "inner");
    eie_error_prefix(&error, EIE_INPUT, "<%s>", error.message);
    assert_string_equal(error.message, "<inner>: inner");
    eie_fail(&error, EIE_INPUT, "[%s]", error.message);
    assert_string_equal(error.message, "[<inner>: inner]");
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    eie_error_prefix(&error, EIE_INPUT, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void exit_codes(void **state)
{
    (void)state;
    assert_int_equal(eie_exit_code(EIE_OK), 0);
    assert_int_equal(eie_exit_code(EIE_MISMATCH), 1);
    assert_int_equal(eie_exit_code(EIE_USAGE), 2);
    assert_int_equal(eie_exit_code(EIE_INPUT), 2);
    assert_int_equal(eie_exit_code(EIE_UNSUPPORTED), 3);
    assert_int_equal(eie_exit_code(EIE_MISSING), 3);
    assert_int_equal(eie_exit_code(EIE_SYSTEM), 3);
    assert_int_equal(eie_exit_code(EIE_MEMORY), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_message), cmocka_unit_test(hostile_text),
        cmocka_unit_test(long_text),          cmocka_unit_test(prefix),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
