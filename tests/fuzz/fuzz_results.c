/* Any bytes as the file that `eie bench --resume` continues. Only this machine's own files are
 * gone on with, so the first '@' stands for the members that describe it. What is accepted can be
 * added to and written, and is the same when it is read again. */
#include "bench/measure/samples.h"
#include "bench/measure/stats.h"
#include "bench/rows/context.h"
#include "bench/rows/results.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

static json_t *machine;      /* a context of eie_context_make */
static char *machine_text;   /* its members but for the lists of runs and suites */
static size_t machine_bytes; /* of the text */

static void describe_machine(void)
{
    if (machine) return;
    FUZZ_MUST(!eie_context_make("eie bench", &machine, NULL));
    json_t *members = json_copy(machine);
    FUZZ_MUST(members && !json_object_del(members, "eie_runs"));
    char *text = json_dumps(members, JSON_COMPACT);
    json_decref(members);
    FUZZ_MUST(text && *text == '{');
    machine_bytes = strlen(text) - 2; /* without the braces */
    machine_text = malloc(machine_bytes);
    FUZZ_MUST(machine_text);
    memcpy(machine_text, text + 1, machine_bytes);
    free(text);
}

static const char *write_file(const uint8_t *data, size_t size)
{
    const uint8_t *at = size ? memchr(data, '@', size) : NULL;
    if (!at) return fuzz_file("fuzz.json", data, size);
    const size_t before = (size_t)(at - data), behind = size - before - 1;
    uint8_t *whole = malloc(size + machine_bytes);
    FUZZ_MUST(whole);
    memcpy(whole, data, before);
    memcpy(whole + before, machine_text, machine_bytes);
    memcpy(whole + before + machine_bytes, at + 1, behind);
    const char *path = fuzz_file("fuzz.json", whole, before + machine_bytes + behind);
    free(whole);
    return path;
}

static enum eie_status resume(const char *path, struct eie_results **results,
                              struct eie_error *error)
{
    json_t *context = json_deep_copy(machine), *suites = json_pack("{s:s}", "fuzz", "0123");
    FUZZ_MUST(context && suites);
    return eie_results_begin_with(path, context, true, suites, results, error);
}

/* Counts the row. */
static void check_row(void *context, json_t *row)
{
    unsigned *count = context;
    const char *name = json_string_value(json_object_get(row, "name"));
    const char *status = json_string_value(json_object_get(row, "eie_status"));
    struct eie_samples samples = {0};
    ++*count;
    FUZZ_MUST(name && *name && status);
    eie_samples_last_visit(row);
    if (strcmp(status, "ok")) return;
    FUZZ_MUST(!eie_samples_take(&samples, row, NULL) && samples.count);
    const struct eie_stats stats = eie_samples_stats(&samples);
    const double stated = json_number_value(json_object_get(row, "eie_median_ns"));
    FUZZ_MUST(isfinite(stated) && stated > 0);
    FUZZ_MUST(fabs(stats.median - stated) <= 2e-6 * stated); /* it was written with ten digits */
    eie_samples_free(&samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_results *results, *again;
    struct eie_error error = {""};
    describe_machine();
    const char *path = write_file(data, size);
    const enum eie_status status = resume(path, &results, &error);
    if (status) { /* EIE_USAGE: a file of another machine or build */
        FUZZ_MUST(status == EIE_INPUT || status == EIE_USAGE);
        FUZZ_MUST(error.message[0] && !strchr(error.message, '\n'));
        return 0;
    }
    unsigned rows = 0, rows_again = 0;
    eie_results_each(results, check_row, &rows);
    eie_results_set_device(results, "opencl:0", json_object());
    FUZZ_MUST(!eie_results_put(results,
                               json_pack("{s:s, s:s, s:s}", "name", "a row of this run",
                                         "eie_status", "unsupported", "eie_reason", "a test"),
                               &error));
    eie_results_set_run(results, "spent_s", json_real(1));
    eie_results_set_ceilings(results, machine);
    FUZZ_MUST(!eie_results_save(results, true, &error));
    eie_results_free(results);
    FUZZ_MUST(!resume(path, &results, &error));
    eie_results_each(results, check_row, &rows_again);
    FUZZ_MUST(rows_again == rows || rows_again == rows + 1);
    FUZZ_MUST(!eie_results_save(results, true, &error));
    FUZZ_MUST(resume(path, &again, &error) == EIE_SYSTEM); /* the lock is held */
    eie_results_free(results);
    return 0;
}
