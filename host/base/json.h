/* Strict reading of our own JSON files (suites, devices): every key is asked for by name, and a key
 * that is missing, unknown or of the wrong type is an error that names file, line and path. */
#ifndef EIE_HOST_BASE_JSON_H
#define EIE_HOST_BASE_JSON_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A file that was read; owns its three members. */
struct eie_json_file {
    char *path;
    char *text;   /* for line numbers in messages */
    json_t *root; /* an object; objects and strings below live as long as the file */
};

/* Reads and parses `path` (at most 1 MiB, UTF-8, one object, no key twice in an object). EIE_INPUT
 * with "path:line: ", EIE_SYSTEM, EIE_MEMORY; on failure there is nothing to free. */
EIE_MUST_USE enum eie_status eie_json_read(const char *path, struct eie_json_file *file,
                                           struct eie_error *error);
void eie_json_free(struct eie_json_file *file);

/* ---- faults --------------------------------------------------------------------------------- */

/* A fault at `key` of `object`, or at `object` itself when `key` is NULL or not there: EIE_INPUT
 * and "path:line: keys.down.to.it: message". `object` is one of this file's objects. */
enum eie_status eie_json_fail_at(const struct eie_json_file *file, const json_t *object,
                                 const char *key, struct eie_error *error, const char *format, ...)
    EIE_PRINTF(5, 6);

/* Where only a key's name is at hand: "path:line: message" with the line where `key` first stands
 * in the file, at whatever depth (line 1 when it does not or is NULL). EIE_INPUT. */
enum eie_status eie_json_fail(const struct eie_json_file *file, struct eie_error *error,
                              const char *key, const char *format, ...) EIE_PRINTF(4, 5);

/* ---- values --------------------------------------------------------------------------------- */

/* Every key of `object` must be in the NULL-terminated `allowed`. EIE_INPUT with the first that is
 * not. */
EIE_MUST_USE enum eie_status eie_json_only(const struct eie_json_file *file, const json_t *object,
                                           const char *const *allowed, struct eie_error *error);

/* The value of `key` of `object`, one of the file's objects. EIE_INPUT by eie_json_fail_at when it
 * is missing or of another type, and for numbers outside of [low, high]. Strings, arrays and
 * objects are borrowed and live as long as the file. */
EIE_MUST_USE enum eie_status eie_json_string(const struct eie_json_file *file, const json_t *object,
                                             const char *key, const char **value,
                                             struct eie_error *error);
EIE_MUST_USE enum eie_status eie_json_uint(const struct eie_json_file *file, const json_t *object,
                                           const char *key, uint64_t low, uint64_t high,
                                           uint64_t *value, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_json_uint32(const struct eie_json_file *file, const json_t *object,
                                             const char *key, uint32_t low, uint32_t high,
                                             uint32_t *value, struct eie_error *error);
/* One of two words; *is_second says which. */
EIE_MUST_USE enum eie_status eie_json_either(const struct eie_json_file *file, const json_t *object,
                                             const char *key, const char *first, const char *second,
                                             bool *is_second, struct eie_error *error);
/* Real or whole. */
EIE_MUST_USE enum eie_status eie_json_number(const struct eie_json_file *file, const json_t *object,
                                             const char *key, double low, double high,
                                             double *value, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_json_array(const struct eie_json_file *file, const json_t *object,
                                            const char *key, const json_t **value,
                                            struct eie_error *error);
EIE_MUST_USE enum eie_status eie_json_object(const struct eie_json_file *file, const json_t *object,
                                             const char *key, const json_t **value,
                                             struct eie_error *error);

#endif
