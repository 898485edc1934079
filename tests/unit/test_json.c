/* host/base/json.h: what is read, and that every fault names file, line and the way to the key. */
#include "host/base/json.h"

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
    snprintf(folder, sizeof folder, "%s/eie-json-XXXXXX", base && *base ? base : P_tmpdir);
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_bytes(const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static struct eie_json_file read_text(const char *text)
{
    struct eie_json_file file;
    struct eie_error error = {""};
    write_bytes(text, strlen(text));
    if (eie_json_read(path, &file, &error) != EIE_OK) fail_msg("%s", error.message);
    return file;
}

/* The message must begin with "path" and go on with `rest`, and hold `part`. */
static void assert_message(const struct eie_error *error, const char *rest, const char *part)
{
    const size_t length = strlen(path);
    if (strncmp(error->message, path, length) != 0 ||
        strncmp(error->message + length, rest, strlen(rest)) != 0 || !strstr(error->message, part))
        fail_msg("\"%s\" does not go on with \"%s\" or lacks \"%s\"", error->message, rest, part);
    assert_null(strchr(error->message, '\n'));
}

static void assert_rejected(const void *bytes, size_t size, const char *rest, const char *part)
{
    struct eie_json_file file;
    struct eie_error error = {""};
    write_bytes(bytes, size);
    assert_int_equal(eie_json_read(path, &file, &error), EIE_INPUT);
    assert_message(&error, rest, part);
    assert_null(file.path);
    assert_null(file.text);
    assert_null(file.root);
    assert_int_equal(eie_json_read(path, &file, NULL), EIE_INPUT);
}

static void assert_text_rejected(const char *text, const char *rest, const char *part)
{
    assert_rejected(text, strlen(text), rest, part);
}

static void values_are_read(void **state)
{
    (void)state;
    static const char *const allowed[] = {"s", "u", "n", "i", "a", "o", "unused", NULL};
    struct eie_json_file file =
        read_text("{\"s\": \"text\", \"u\": 7, \"n\": 0.25, \"i\": 3, \"a\": [1], \"o\": {}}");
    const char *string;
    uint64_t whole;
    double number;
    const json_t *value;
    struct eie_error error;

    assert_int_equal(eie_json_only(&file, file.root, allowed, &error), EIE_OK);
    assert_int_equal(eie_json_string(&file, file.root, "s", &string, &error), EIE_OK);
    assert_string_equal(string, "text");
    assert_int_equal(eie_json_uint(&file, file.root, "u", 7, 7, &whole, &error), EIE_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(eie_json_number(&file, file.root, "n", 0, 1, &number, &error), EIE_OK);
    assert_true(number == 0.25);
    assert_int_equal(eie_json_number(&file, file.root, "i", 0, 3, &number, &error), EIE_OK);
    assert_true(number == 3.0);
    assert_int_equal(eie_json_array(&file, file.root, "a", &value, &error), EIE_OK);
    assert_int_equal(json_array_size(value), 1);
    assert_int_equal(eie_json_object(&file, file.root, "o", &value, &error), EIE_OK);
    assert_int_equal(json_object_size(value), 0);
    eie_json_free(&file);
    eie_json_free(&file); /* freeing twice is harmless */
}

static void broken_files_are_rejected_with_a_line(void **state)
{
    (void)state;
    assert_text_rejected("", ":1: ", "not valid JSON");
    assert_text_rejected("no JSON at all", ":1: ", "not valid JSON");
    assert_text_rejected("{\n\"a\": 1,\n\"b\": }", ":3: ", "not valid JSON");
    assert_text_rejected("{\n\"a\": [1,\n2", ":3: ", "not valid JSON");
    assert_text_rejected("{}\n{}", ":2: ", "not valid JSON");
    assert_text_rejected("[]", ":1: ", "must be an object, not an array");
    assert_text_rejected("{\"a\": 1,\n\"a\": 2}", ":2: ", "duplicate");
    assert_text_rejected("{\"a\":\n1e999}", ":2: ", "not valid JSON");
    assert_text_rejected("{\"a\":\n99999999999999999999999}", ":2: ", "not valid JSON");
    assert_text_rejected("{\"a\": NaN}", ":1: ", "not valid JSON");
    assert_text_rejected("{\"a\": \"\\u0000\"}", ":1: ", "not valid JSON");
    assert_text_rejected("{\"a\":\n\"\xFF\"}", ":2: ", "not valid JSON");
    assert_text_rejected("\xEF\xBB\xBF{}", ":1: ", "not valid JSON");
    assert_rejected("{\"a\": 1}\0", 9, ":1: ", "not valid JSON");
}

static void deep_nesting_and_large_files_are_rejected(void **state)
{
    (void)state;
    const size_t size = 3u << 20;
    char *text = malloc(size);
    struct eie_json_file file;
    assert_non_null(text);
    memset(text, '[', size);
    memcpy(text, "{\"a\":", 5);
    assert_rejected(text, 100000, ":1: ", "not valid JSON");
    memset(text, ' ', size);
    memcpy(text, "{}", 2);
    write_bytes(text, size);
    assert_int_equal(eie_json_read(path, &file, NULL), EIE_INPUT);
    free(text);
}

static void a_missing_file_is_bad_input(void **state)
{
    (void)state;
    struct eie_json_file file;
    struct eie_error error = {""};
    assert_int_equal(eie_json_read("/nowhere/at/all.json", &file, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "/nowhere/at/all.json"));
}

/* "value" stands many times; the message must point to the right one. */
static const char nested[] = "{\n"
                             "  \"first\": {\"value\": 1},\n"
                             "  \"list\": [ {\"value\": 2}, \"v\\\"alue\", -1.5e3,\n"
                             "    {\"value\": 3}, null, {\"odd \\u00e9\": true} ],\n"
                             "  \"v\\u0061lue\": {\n"
                             "     \"value\": 4\n"
                             "  }\n"
                             "}\n";

static void faults_point_to_the_right_place(void **state)
{
    (void)state;
    struct eie_json_file file = read_text(nested);
    struct eie_error error;
    const json_t *list = json_object_get(file.root, "list");
    const json_t *last = json_object_get(file.root, "value");
    uint64_t whole;

    assert_int_equal(eie_json_fail_at(&file, json_object_get(file.root, "first"), "value", &error,
                                      "fault %d", 1),
                     EIE_INPUT);
    assert_message(&error, ":2: first.value: fault 1", "");
    assert_int_equal(eie_json_uint(&file, json_array_get(list, 0), "value", 5, 6, &whole, &error),
                     EIE_INPUT);
    assert_message(&error, ":3: list[0].value: 2 is outside 5 to 6", "");
    assert_int_equal(eie_json_uint(&file, json_array_get(list, 3), "value", 5, 6, &whole, &error),
                     EIE_INPUT);
    assert_message(&error, ":4: list[3].value: ", "");
    assert_int_equal(eie_json_fail_at(&file, json_array_get(list, 5), "odd \xC3\xA9", &error, "x"),
                     EIE_INPUT);
    assert_message(&error, ":4: list[5].odd ", "");
    assert_int_equal(eie_json_uint(&file, last, "value", 0, 3, &whole, &error), EIE_INPUT);
    assert_message(&error, ":6: value.value: ", "");
    assert_int_equal(eie_json_uint(&file, last, "none", 0, 3, &whole, &error), EIE_INPUT);
    assert_message(&error, ":5: value: key \"none\" is missing", "");
    assert_int_equal(eie_json_uint(&file, file.root, "none", 0, 3, &whole, &error), EIE_INPUT);
    assert_message(&error, ":1: key \"none\" is missing", "");
    assert_int_equal(eie_json_fail(&file, &error, "list", "fault"), EIE_INPUT);
    assert_message(&error, ":3: fault", "");
    assert_int_equal(eie_json_fail(&file, &error, "value", "fault"), EIE_INPUT);
    assert_message(&error, ":2: fault", "");
    assert_int_equal(eie_json_fail(&file, &error, "none", "fault"), EIE_INPUT);
    assert_message(&error, ":1: fault", "");
    assert_int_equal(eie_json_fail(&file, NULL, NULL, "fault"), EIE_INPUT);
    assert_int_equal(eie_json_fail_at(&file, last, "value", NULL, "fault"), EIE_INPUT);
    eie_json_free(&file);
}

static void unknown_keys_are_named(void **state)
{
    (void)state;
    static const char *const allowed[] = {"a", "b", NULL};
    struct eie_json_file file = read_text("{\"a\": 1,\n\"c\": 2}");
    struct eie_error error;
    assert_int_equal(eie_json_only(&file, file.root, allowed, &error), EIE_INPUT);
    assert_message(&error, ":2: c: unknown key", "a, b");
    eie_json_free(&file);
}

static void wrong_types_and_ranges_are_rejected(void **state)
{
    (void)state;
    struct eie_json_file file =
        read_text("{\"s\": \"x\",\n\"n\": -0.5,\n\"u\": -1,\n\"z\": null, \"t\": true, \"a\": []}");
    struct eie_error error;
    const char *string;
    const json_t *value;
    uint64_t whole;
    double number;

    assert_int_equal(eie_json_string(&file, file.root, "n", &string, &error), EIE_INPUT);
    assert_message(&error, ":2: n: must be a string", "");
    assert_int_equal(eie_json_uint(&file, file.root, "n", 0, 9, &whole, &error), EIE_INPUT);
    assert_message(&error, ":2: n: must be a whole number", "");
    assert_int_equal(eie_json_uint(&file, file.root, "u", 0, UINT64_MAX, &whole, &error),
                     EIE_INPUT);
    assert_message(&error, ":3: u: -1 is outside", "");
    assert_int_equal(eie_json_number(&file, file.root, "n", 0, 9, &number, &error), EIE_INPUT);
    assert_message(&error, ":2: n: -0.5 is outside 0 to 9", "");
    assert_int_equal(eie_json_number(&file, file.root, "z", 0, 9, &number, &error), EIE_INPUT);
    assert_message(&error, ":4: z: must be a number, not null", "");
    assert_int_equal(eie_json_array(&file, file.root, "t", &value, &error), EIE_INPUT);
    assert_message(&error, ":4: t: must be an array, not a truth value", "");
    assert_int_equal(eie_json_object(&file, file.root, "a", &value, &error), EIE_INPUT);
    assert_message(&error, ":4: a: must be an object, not an array", "");
    eie_json_free(&file);
}

static void a_key_nested_to_the_limit_is_found(void **state)
{
    (void)state;
    enum { DEPTH = 2000 };
    char text[2 * DEPTH + 64];
    char *at = text + sprintf(text, "{\"a\":");
    memset(at, '[', DEPTH);
    at += DEPTH;
    at += sprintf(at, "\n{\"b\": 1}");
    memset(at, ']', DEPTH);
    strcpy(at + DEPTH, "}");

    struct eie_json_file file = read_text(text);
    struct eie_error error;
    const json_t *node = json_object_get(file.root, "a");
    while (json_is_array(node)) node = json_array_get(node, 0);
    assert_int_equal(eie_json_fail_at(&file, node, "b", &error, "fault"), EIE_INPUT);
    assert_message(&error, ":2: a[0][0]", "");
    eie_json_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(broken_files_are_rejected_with_a_line),
        cmocka_unit_test(deep_nesting_and_large_files_are_rejected),
        cmocka_unit_test(a_missing_file_is_bad_input),
        cmocka_unit_test(faults_point_to_the_right_place),
        cmocka_unit_test(unknown_keys_are_named),
        cmocka_unit_test(wrong_types_and_ranges_are_rejected),
        cmocka_unit_test(a_key_nested_to_the_limit_is_found),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
