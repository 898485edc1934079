#include "bench/map/map_file.h"
#include "bench/rows/context.h"
#include "host/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT      "1"
#define FILE_LIMIT  ((size_t)1 << 30)
#define THREADS_MAX 65536

static enum eie_status load(const char *path, json_t **root, struct eie_error *error)
{
    struct eie_bytes bytes;
    json_error_t fault;
    enum eie_status status = eie_file_read(path, FILE_LIMIT, &bytes, error);
    if (status) return status;
    *root = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &fault);
    eie_bytes_free(&bytes);
    if (!*root)
        return eie_fail(error, EIE_INPUT, "%s:%d: is no map, or was cut: %s", path, fault.line,
                        fault.text);
    return EIE_OK;
}

static enum eie_status take_context(const char *path, struct eie_map_file *file,
                                    struct eie_error *error)
{
    file->context = json_object_get(file->root, "context");
    if (!json_is_object(file->context) || !json_is_array(json_object_get(file->root, "benchmarks")))
        return eie_fail(error, EIE_INPUT, "%s: is no map: it has no context or no benchmarks",
                        path);
    enum eie_status status = eie_context_check_format(file->context, path, error);
    if (status) return status;
    const json_t *map = json_object_get(file->context, "eie_map");
    const char *format = json_string_value(json_object_get(map, "format"));
    const json_int_t threads = json_integer_value(json_object_get(map, "threads"));
    file->cache = json_string_value(json_object_get(map, "cache"));
    if (!map)
        return eie_fail(error, EIE_INPUT, "%s: holds results, but no map: eie map makes one", path);
    if (!format || strcmp(format, FORMAT) || !file->cache || threads < 1 || threads > THREADS_MAX)
        return eie_fail(error, EIE_INPUT,
                        "%s: context.eie_map is not what eie map writes (format '" FORMAT "')",
                        path);
    file->threads = (uint32_t)threads;
    return EIE_OK;
}

static enum eie_status take_rows(const char *path, struct eie_map_file *file,
                                 struct eie_error *error)
{
    const json_t *rows = json_object_get(file->root, "benchmarks");
    enum eie_status status = EIE_OK;
    bool any = false;
    for (size_t i = 0; i < json_array_size(rows) && !status; i++)
        status = eie_verdicts_take(&file->verdicts, json_array_get(rows, i), file->threads,
                                   file->cache, error);
    if (status == EIE_INPUT) return eie_error_prefix(error, status, "%s", path);
    for (uint32_t i = 0; i < file->verdicts.count; i++)
        any = any || eie_verdict_winner(&file->verdicts.all[i]) != EIE_FAMILIES;
    if (status || any) return status;
    return eie_fail(error, EIE_INPUT, "%s: the map has no point with a number", path);
}

enum eie_status eie_map_file_read(const char *path, struct eie_map_file *file,
                                  struct eie_error *error)
{
    *file = (struct eie_map_file){0};
    enum eie_status status = load(path, &file->root, error);
    if (!status) status = take_context(path, file, error);
    if (!status) status = take_rows(path, file, error);
    if (status) eie_map_file_free(file);
    return status;
}

void eie_map_file_free(struct eie_map_file *file)
{
    eie_verdicts_free(&file->verdicts);
    json_decref(file->root);
    *file = (struct eie_map_file){0};
}

/* As JSON has it; cut where it is long. */
static void show(const json_t *value, char *text, size_t size)
{
    char *dumped = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    snprintf(text, size, "%.100s", dumped ? dumped : "nothing");
    free(dumped);
}

bool eie_map_file_is_foreign(const struct eie_map_file *file, const json_t *here, char *text,
                             size_t size)
{
    static const char *const keys[] = {"eie_cpu_name", "eie_cpu_features", "eie_isa_mask",
                                       "eie_cores",    "eie_l2_bytes",     "eie_l3_bytes"};
    char there_text[128], here_text[128];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *there = json_object_get(file->context, keys[i]);
        const json_t *own = json_object_get(here, keys[i]);
        if ((!there && !own) || (there && own && json_equal(there, own))) continue;
        show(there, there_text, sizeof there_text);
        show(own, here_text, sizeof here_text);
        snprintf(text, size, "%s is %s there and %s here", keys[i], there_text, here_text);
        return true;
    }
    return false;
}
