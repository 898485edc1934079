#include "host/base/json.h"
#include "host/base/file.h"
#include "host/base/foreign.h"
#include "host/base/names.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT_BYTES ((size_t)1 << 20)
#define MESSAGE_SIZE     900

/* ---- where a key stands ---------------------------------------------------------------------- */

/* jansson keeps no positions, so a fault is looked up afterwards: the text and the parsed tree are
 * walked side by side. The text has been accepted by the parser, so its syntax is not in doubt. */
struct search {
    const json_t *object;
    const char *key;   /* NULL: the object itself */
    const char *found; /* place in the text */
    char path[256];    /* keys and indices down to it, cut when too long */
};

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n,:");
}

static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) at++;
    }
    return *at ? at + 1 : at;
}

static size_t extend(struct search *search, size_t length, const char *separator, const char *name)
{
    const size_t room = sizeof search->path - length;
    const int written = snprintf(search->path + length, room, "%s%s", separator, name);
    return written < 0 ? length : length + ((size_t)written < room ? (size_t)written : room - 1);
}

static const char *walk(struct search *search, const char *at, const json_t *node, size_t length);

static const char *walk_object(struct search *search, const char *at, const json_t *node,
                               size_t length)
{
    if (node == search->object && !search->key) search->found = at;
    for (at = skip_space(at + 1); !search->found && *at && *at != '}'; at = skip_space(at)) {
        const char *start = at;
        at = skip_string(at);
        json_t *name = json_loadb(start, (size_t)(at - start), JSON_DECODE_ANY, NULL);
        const char *key = name ? json_string_value(name) : "";
        const size_t longer = extend(search, length, length ? "." : "", key);
        if (node == search->object && strcmp(key, search->key) == 0)
            search->found = start;
        else
            at = walk(search, at, json_object_get(node, key), longer);
        json_decref(name);
    }
    return *at ? at + 1 : at;
}

static const char *walk_array(struct search *search, const char *at, const json_t *node,
                              size_t length)
{
    size_t index = 0;
    for (at = skip_space(at + 1); !search->found && *at && *at != ']'; at = skip_space(at)) {
        char name[32];
        snprintf(name, sizeof name, "[%zu]", index);
        const size_t longer = extend(search, length, "", name);
        at = walk(search, at, json_array_get(node, index++), longer);
    }
    return *at ? at + 1 : at;
}

/* Returns the place behind the value; once ->found is set, search->path holds the way to it. */
static const char *walk(struct search *search, const char *at, const json_t *node, size_t length)
{
    at = skip_space(at);
    search->path[length] = '\0';
    if (*at == '{') return walk_object(search, at, node, length);
    if (*at == '[') return walk_array(search, at, node, length);
    if (*at == '"') return skip_string(at);
    return at + strcspn(at, " \t\r\n,]}");
}

static int line_of(const struct eie_json_file *file, const char *place)
{
    int line = 1;
    for (const char *at = file->text; place && at < place; at++) line += *at == '\n';
    return line;
}

/* ---- messages -------------------------------------------------------------------------------- */

enum eie_status eie_json_fail_at(const struct eie_json_file *file, const json_t *object,
                                 const char *key, struct eie_error *error, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    struct search search = {.object = object};

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    if (!error) return EIE_INPUT;
    search.key = key && json_object_get(object, key) ? key : NULL;
    walk(&search, file->text, file->root, 0);
    return eie_fail(error, EIE_INPUT, "%s:%d: %s%s%s", file->path, line_of(file, search.found),
                    search.found ? search.path : "", search.found && search.path[0] ? ": " : "",
                    message);
}

enum eie_status eie_json_fail(const struct eie_json_file *file, struct eie_error *error,
                              const char *key, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    const char *place = NULL;

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    const size_t size = key ? strlen(key) : 0;
    for (const char *at = key ? strchr(file->text, '"') : NULL; at && !place;
         at = strchr(at + 1, '"')) {
        if (strncmp(at + 1, key, size) == 0 && at[size + 1] == '"') place = at;
    }
    return eie_fail(error, EIE_INPUT, "%s:%d: %s", file->path, line_of(file, place), message);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction or exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a truth value";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* ---- reading --------------------------------------------------------------------------------- */

enum eie_status eie_json_read(const char *path, struct eie_json_file *file, struct eie_error *error)
{
    struct eie_bytes bytes = {0};
    json_error_t fault;

    *file = (struct eie_json_file){0};
    enum eie_status status = eie_file_read(path, FILE_LIMIT_BYTES, &bytes, error);
    if (status != EIE_OK) return status;
    file->text = (char *)bytes.data;
    file->path = strdup(path);
    if (!file->path) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
        goto cleanup;
    }
    file->root = json_loadb(file->text, bytes.size, JSON_REJECT_DUPLICATES, &fault);
    const char *foreign = eie_foreign_file(path, bytes.data, bytes.size);
    if (!file->root && json_error_code(&fault) == json_error_out_of_memory)
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    else if (!file->root && foreign && !strchr("{[ \t\r\n\xef", *file->text))
        status = eie_fail(error, EIE_INPUT, "%s: %s", path, foreign);
    else if (!file->root)
        status = eie_fail(error, EIE_INPUT, "%s:%d: not valid JSON: %s", path,
                          fault.line > 0 ? fault.line : 1, fault.text);
    else if (!json_is_object(file->root))
        status = eie_fail(error, EIE_INPUT, "%s:1: must be an object, not %s", path,
                          type_name(file->root));
    else if (foreign && json_object_get(file->root, "weight_map"))
        status = eie_fail(error, EIE_INPUT, "%s: %s", path, foreign);
cleanup:
    if (status != EIE_OK) eie_json_free(file);
    return status;
}

void eie_json_free(struct eie_json_file *file)
{
    struct eie_bytes bytes = {.data = (uint8_t *)file->text};
    json_decref(file->root);
    eie_bytes_free(&bytes);
    free(file->path);
    *file = (struct eie_json_file){0};
}

static bool is_listed(const char *key, const char *const *allowed)
{
    for (; *allowed; allowed++) {
        if (strcmp(key, *allowed) == 0) return true;
    }
    return false;
}

enum eie_status eie_json_only(const struct eie_json_file *file, const json_t *object,
                              const char *const *allowed, struct eie_error *error)
{
    /* jansson's iterators want a mutable object and do not change it */
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const char *key = json_object_iter_key(at);
        if (is_listed(key, allowed)) continue;

        char known[MESSAGE_SIZE / 2] = "";
        size_t length = 0;
        for (const char *const *name = allowed; *name && length < sizeof known; name++) {
            const int written =
                snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "", *name);
            length += written > 0 ? (size_t)written : 0;
        }
        unsigned count = 0;
        while (allowed[count]) count++;
        return eie_json_fail_at(file, object, key, error, "unknown key; known here: %s%s%s", known,
                                length < sizeof known ? "" : "...",
                                eie_names_hint(key, allowed, count).text);
    }
    return EIE_OK;
}

static enum eie_status get(const struct eie_json_file *file, const json_t *object, const char *key,
                           const json_t **value, struct eie_error *error)
{
    *value = json_object_get(object, key);
    if (*value) return EIE_OK;
    eie_json_fail_at(file, object, NULL, error, "key \"%s\" is missing", key);
    return EIE_INPUT;
}

static enum eie_status wrong_type(const struct eie_json_file *file, const json_t *object,
                                  const char *key, const char *wanted, const json_t *value,
                                  struct eie_error *error)
{
    return eie_json_fail_at(file, object, key, error, "must be %s, not %s", wanted,
                            type_name(value));
}

enum eie_status eie_json_string(const struct eie_json_file *file, const json_t *object,
                                const char *key, const char **value, struct eie_error *error)
{
    const json_t *found;
    const enum eie_status status = get(file, object, key, &found, error);
    if (status != EIE_OK) return status;
    if (!json_is_string(found)) return wrong_type(file, object, key, "a string", found, error);
    *value = json_string_value(found);
    return EIE_OK;
}

enum eie_status eie_json_uint(const struct eie_json_file *file, const json_t *object,
                              const char *key, uint64_t low, uint64_t high, uint64_t *value,
                              struct eie_error *error)
{
    const json_t *found;
    const enum eie_status status = get(file, object, key, &found, error);
    if (status != EIE_OK) return status;
    if (!json_is_integer(found))
        return wrong_type(file, object, key, "a whole number", found, error);
    const json_int_t number = json_integer_value(found);
    if (number < 0 || (uint64_t)number < low || (uint64_t)number > high)
        return eie_json_fail_at(file, object, key, error, "%lld is outside %llu to %llu",
                                (long long)number, (unsigned long long)low,
                                (unsigned long long)high);
    *value = (uint64_t)number;
    return EIE_OK;
}

enum eie_status eie_json_number(const struct eie_json_file *file, const json_t *object,
                                const char *key, double low, double high, double *value,
                                struct eie_error *error)
{
    const json_t *found;
    const enum eie_status status = get(file, object, key, &found, error);
    if (status != EIE_OK) return status;
    if (!json_is_number(found)) return wrong_type(file, object, key, "a number", found, error);
    const double number = json_number_value(found);
    if (!isfinite(number) || !(number >= low && number <= high))
        return eie_json_fail_at(file, object, key, error, "%g is outside %g to %g", number, low,
                                high);
    *value = number;
    return EIE_OK;
}

enum eie_status eie_json_array(const struct eie_json_file *file, const json_t *object,
                               const char *key, const json_t **value, struct eie_error *error)
{
    const enum eie_status status = get(file, object, key, value, error);
    if (status != EIE_OK) return status;
    if (!json_is_array(*value)) return wrong_type(file, object, key, "an array", *value, error);
    return EIE_OK;
}

enum eie_status eie_json_object(const struct eie_json_file *file, const json_t *object,
                                const char *key, const json_t **value, struct eie_error *error)
{
    const enum eie_status status = get(file, object, key, value, error);
    if (status != EIE_OK) return status;
    if (!json_is_object(*value)) return wrong_type(file, object, key, "an object", *value, error);
    return EIE_OK;
}

enum eie_status eie_json_uint32(const struct eie_json_file *file, const json_t *object,
                                const char *key, uint32_t low, uint32_t high, uint32_t *value,
                                struct eie_error *error)
{
    uint64_t number = 0;
    const enum eie_status status = eie_json_uint(file, object, key, low, high, &number, error);
    *value = (uint32_t)number;
    return status;
}

enum eie_status eie_json_either(const struct eie_json_file *file, const json_t *object,
                                const char *key, const char *first, const char *second,
                                bool *is_second, struct eie_error *error)
{
    const char *text;
    const enum eie_status status = eie_json_string(file, object, key, &text, error);
    if (status) return status;
    *is_second = !strcmp(text, second);
    if (*is_second || !strcmp(text, first)) return EIE_OK;
    return eie_json_fail_at(file, object, key, error, "'%s' is neither %s nor %s", text, first,
                            second);
}
