#include "bench/rows/results.h"
#include "bench/measure/samples.h"
#include "bench/rows/context.h"
#include "host/base/clock.h"
#include "host/base/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REAL_DIGITS  10
#define MOST         1e300
#define FILE_LIMIT   ((size_t)1 << 30)
#define HASH_DIGITS  64
#define SAVING_SHARE 25 /* between two writings at least so many times what one takes */

struct eie_results {
    char *path;
    bool direct; /* not a regular file: written once */
    struct eie_output_lock lock;
    json_t *context;
    json_t *rows;             /* by name, in the order in which they came */
    json_t *runs;             /* context.eie_runs, borrowed */
    json_t *this_run;         /* joins them with its first row */
    double saved_s, saving_s; /* when the file was last written, and how long that took */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool has_number(const json_t *row)
{
    return !strcmp(text_of(row, "eie_status"), "ok");
}

enum eie_status eie_results_put(struct eie_results *results, json_t *row, struct eie_error *error)
{
    if (results->this_run) {
        json_array_append_new(results->runs, results->this_run);
        results->this_run = NULL;
    }
    json_object_set_new(row, "eie_run",
                        json_integer((json_int_t)json_array_size(results->runs) - 1));
    if (json_object_set_new(results->rows, text_of(row, "name"), row))
        return eie_fail(error, EIE_MEMORY, "out of memory for results");
    return EIE_OK;
}

json_t *eie_results_row(const struct eie_results *results, const char *name)
{
    return json_object_get(results->rows, name);
}

void eie_results_each(const struct eie_results *results, void (*each)(void *context, json_t *row),
                      void *context)
{
    const char *name;
    json_t *row;
    json_object_foreach(results->rows, name, row) each(context, row);
}

const json_t *eie_results_run(const struct eie_results *results)
{
    const size_t runs = json_array_size(results->runs);
    if (results->this_run) return results->this_run;
    return runs ? json_array_get(results->runs, runs - 1) : NULL;
}

void eie_results_set_run(struct eie_results *results, const char *key, json_t *value)
{
    const size_t runs = json_array_size(results->runs);
    json_t *run = results->this_run || !runs ? NULL : json_array_get(results->runs, runs - 1);
    if (run)
        json_object_set_new(run, key, value);
    else
        json_decref(value);
}

static void replace_threads(json_t *list, const json_t *more)
{
    const json_t *threads = json_object_get(json_array_get(more, 0), "threads");
    for (size_t i = json_array_size(list); i-- > 0;)
        if (json_equal(json_object_get(json_array_get(list, i), "threads"), threads))
            json_array_remove(list, i);
    for (size_t i = 0; i < json_array_size(more); i++)
        json_array_append(list, json_array_get(more, i));
}

json_t *eie_results_get(const struct eie_results *results, const char *key)
{
    return json_object_get(results->context, key);
}

void eie_results_set(struct eie_results *results, const char *key, json_t *value)
{
    json_object_set_new(results->context, key, value);
}

void eie_results_set_ceilings(struct eie_results *results, const json_t *lists)
{
    static const char *const keys[] = {"eie_ceilings", "eie_peaks", "eie_adds", "eie_pool"};
    const json_t *run = json_array_get(results->runs, json_array_size(results->runs) - 1);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        replace_threads(json_object_get(run, keys[i]), json_object_get(lists, keys[i]));
    json_object_update(json_object_get(run, "eie_device_ceilings"),
                       json_object_get(lists, "eie_device_ceilings"));
}

void eie_results_set_device(struct eie_results *results, const char *name, json_t *facts)
{
    json_t *all = json_object_get(results->context, "eie_devices");
    if (!json_is_object(all)) {
        all = json_object();
        json_object_set_new(results->context, "eie_devices", all);
    }
    json_object_set_new(all, name, facts);
}

/* ---- going on with a file that is there ------------------------------------------------------ */

/* A verdict stays; what the machine lacked or where it failed may go better this time. */
static bool stays(const json_t *row)
{
    const char *status = text_of(row, "eie_status");
    return !strcmp(status, "ok") || !strcmp(status, "unsupported") || !strcmp(status, "mismatch");
}

/* Samples that make up the median that is stated. */
static enum eie_status check_samples(const json_t *row, struct eie_error *error)
{
    struct eie_samples samples = {0};
    enum eie_status status = eie_samples_take(&samples, row, error);
    const double stated = json_number_value(json_object_get(row, "eie_median_ns"));
    if (!status && !(fabs(eie_samples_stats(&samples).median - stated) <= 1e-6 * stated))
        status = eie_fail(error, EIE_INPUT, "eie_median_ns is not the median of its samples");
    eie_samples_free(&samples);
    return status;
}

static enum eie_status keep_rows(struct eie_results *results, const json_t *list, bool numbers,
                                 struct eie_error *error)
{
    static const char *const words[] = {"ok",       "unsupported", "skipped",
                                        "mismatch", "suspect",     "error"};
    size_t index;
    json_t *row;
    if (!json_is_array(list))
        return eie_fail(error, EIE_INPUT, "%s: has no list of rows", results->path);
    json_array_foreach((json_t *)(uintptr_t)list, index, row)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            known = known || !strcmp(words[i], text_of(row, "eie_status"));
        if (!known || !*text_of(row, "name") ||
            numbers != !strcmp(text_of(row, "eie_status"), "ok") ||
            (numbers && (!(json_number_value(json_object_get(row, "real_time")) > 0) ||
                         strlen(text_of(row, "eie_layer_hash")) != HASH_DIGITS)))
            return eie_fail(error, EIE_INPUT, "%s: row %zu is none that eie wrote", results->path,
                            index);
        enum eie_status status = numbers ? check_samples(row, error) : EIE_OK;
        if (status == EIE_INPUT)
            return eie_fail(error, status, "%s: %s: %s", results->path, text_of(row, "name"),
                            error->message);
        if (status) return status;
        if (json_object_get(results->rows, text_of(row, "name")))
            return eie_fail(error, EIE_INPUT, "%s: two rows have the key %s", results->path,
                            text_of(row, "name"));
        if (stays(row) && json_object_set(results->rows, text_of(row, "name"), row))
            return eie_fail(error, EIE_MEMORY, "out of memory for results");
    }
    return EIE_OK;
}

/* A suite whose file has changed since may have other layers under the same names. */
static enum eie_status keep_suites(const struct eie_results *results, json_t *there,
                                   struct eie_error *error)
{
    const json_t *now = json_object_get(results->context, "eie_suites");
    const char *name;
    json_t *hash;
    json_object_foreach((json_t *)(uintptr_t)now, name, hash)
    {
        const json_t *before = json_object_get(there, name);
        if (before && !json_equal(before, hash))
            return eie_fail(
                error, EIE_INPUT,
                "%s: holds another layer set of suite %s, which has changed since: name "
                "another --out",
                results->path, name);
    }
    if (json_object_update((json_t *)there, (json_t *)(uintptr_t)now))
        return eie_fail(error, EIE_INPUT, "%s: names no suites", results->path);
    return EIE_OK;
}

static enum eie_status keep_context(struct eie_results *results, json_t *there,
                                    struct eie_error *error)
{
    const char *other = eie_context_difference(there, results->context);
    json_t *runs = json_object_get(there, "eie_runs");
    if (other)
        return eie_fail(error, EIE_USAGE,
                        "%s: comes from another machine or build (%s differs): one file holds one "
                        "of them; name another --out",
                        results->path, other);
    if (!json_is_array(runs) || !json_array_size(runs))
        return eie_fail(error, EIE_INPUT, "%s: names no run", results->path);
    enum eie_status status = keep_suites(results, json_object_get(there, "eie_suites"), error);
    if (status) return status;
    results->runs = runs;
    json_incref(there);
    json_decref(results->context);
    results->context = there;
    return EIE_OK;
}

/* Can every number be written with REAL_DIGITS and read again? */
static bool is_writable(const json_t *node)
{
    json_t *any = (json_t *)(uintptr_t)node; /* jansson's iterators want one to change */
    if (json_is_real(node)) return fabs(json_real_value(node)) <= MOST;
    for (size_t i = 0; i < json_array_size(node); i++)
        if (!is_writable(json_array_get(node, i))) return false;
    for (void *at = json_object_iter(any); at; at = json_object_iter_next(any, at))
        if (!is_writable(json_object_iter_value(at))) return false;
    return true;
}

static enum eie_status take_up(struct eie_results *results, struct eie_error *error)
{
    struct eie_bytes bytes;
    json_error_t fault;
    enum eie_status status = eie_file_read(results->path, FILE_LIMIT, &bytes, error);
    if (status) return status;
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &fault);
    eie_bytes_free(&bytes);
    if (!root || !json_is_object(json_object_get(root, "context")))
        status = eie_fail(error, EIE_INPUT, "%s: is no results file: %s", results->path,
                          root ? "it has no context" : fault.text);
    if (!status && !is_writable(root))
        status = eie_fail(error, EIE_INPUT, "%s: holds a number beyond %g", results->path, MOST);
    if (!status)
        status = eie_context_check_format(json_object_get(root, "context"), results->path, error);
    if (!status) status = keep_context(results, json_object_get(root, "context"), error);
    if (!status) status = keep_rows(results, json_object_get(root, "benchmarks"), true, error);
    if (!status) status = keep_rows(results, json_object_get(root, "eie_missing"), false, error);
    json_decref(root);
    return status;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Can a file be made there at all? Also takes away what a killed run left half-written. */
static enum eie_status try_path(const struct eie_results *results, struct eie_error *error)
{
    struct eie_output probe;
    eie_output_sweep(results->path);
    enum eie_status status = eie_output_begin(results->path, &probe, error);
    if (!status) eie_output_abandon(&probe);
    return status;
}

enum eie_status eie_results_begin(const char *path, const char *command, bool resume,
                                  json_t *suites, struct eie_results **results,
                                  struct eie_error *error)
{
    json_t *context;
    const enum eie_status status = eie_context_make(command, &context, error);
    if (!status) return eie_results_begin_with(path, context, resume, suites, results, error);
    json_decref(suites);
    return status;
}

enum eie_status eie_results_begin_with(const char *path, json_t *context, bool resume,
                                       json_t *suites, struct eie_results **results,
                                       struct eie_error *error)
{
    struct eie_results *made = calloc(1, sizeof *made);
    if (!made) {
        json_decref(context);
        json_decref(suites);
        return eie_fail(error, EIE_MEMORY, "out of memory for results");
    }
    made->context = context;
    made->lock.file = -1;
    made->path = path ? strdup(path) : NULL;
    made->rows = json_object();
    enum eie_status status = EIE_OK;
    if ((path && !made->path) || !made->rows)
        status = eie_fail(error, EIE_MEMORY, "out of memory for results");
    json_object_set_new(context, "eie_suites", suites);
    made->runs = json_object_get(context, "eie_runs");
    made->this_run = json_incref(json_array_get(made->runs, 0));
    json_array_clear(made->runs);
    struct stat info;
    const bool there = path && !stat(path, &info);
    made->direct =
        there && !S_ISDIR(info.st_mode) && (!S_ISREG(info.st_mode) || eie_output_claimed());
    if (!status && path && !made->direct) status = try_path(made, error);
    if (!status && path) status = eie_output_lock_take(path, &made->lock, error);
    if (!status && resume && made->direct)
        status = eie_fail(error, EIE_USAGE, "--resume: %s is no regular file", path);
    if (!status && resume && there && info.st_size) status = take_up(made, error);
    if (status)
        eie_results_free(made);
    else
        *results = made;
    return status;
}

static json_t *document(const struct eie_results *results)
{
    json_t *benchmarks = json_array(), *missing = json_array();
    const char *name;
    json_t *row;
    json_object_foreach(results->rows, name, row)
        json_array_append(has_number(row) ? benchmarks : missing, row);
    return json_pack("{s:O, s:o, s:o}", "context", results->context, "benchmarks", benchmarks,
                     "eie_missing", missing);
}

static enum eie_status save(const struct eie_results *results, struct eie_error *error)
{
    struct eie_output output;
    enum eie_status status = eie_output_begin(results->path, &output, error);
    if (status) return status;
    json_t *root = document(results);
    if (root) json_dumpf(root, output.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(REAL_DIGITS));
    fputc('\n', output.stream); /* a failed write shows in the stream, which commit looks at */
    json_decref(root);
    if (root) return eie_output_commit(&output, error);
    eie_output_abandon(&output);
    return eie_fail(error, EIE_MEMORY, "out of memory for results");
}

enum eie_status eie_results_save(struct eie_results *results, bool last, struct eie_error *error)
{
    const double begin = eie_now_s();
    if (!results->path || (results->direct && !last)) return EIE_OK;
    if (!last && begin - results->saved_s < SAVING_SHARE * results->saving_s) return EIE_OK;
    enum eie_status status = save(results, error);
    results->saved_s = eie_now_s();
    results->saving_s = results->saved_s - begin;
    return status;
}

void eie_results_free(struct eie_results *results)
{
    if (!results) return;
    json_decref(results->this_run);
    json_decref(results->context);
    json_decref(results->rows);
    eie_output_lock_leave(&results->lock);
    free(results->path);
    free(results);
}
