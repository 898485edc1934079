/* The results file: Google Benchmark's JSON with our keys beside (results/README.md).
 * Rows with a number stand in "benchmarks", the others in "eie_missing" with status and reason. The
 * file is always whole: it is rewritten under a temporary name as rows come, then renamed.
 */
#ifndef EIE_BENCH_ROWS_RESULTS_H
#define EIE_BENCH_ROWS_RESULTS_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct eie_results;

/* `path` may be NULL: nothing is written. The path of a regular file is tried at once, so that a
 * folder without permission is found before an hour of measuring. With `resume`, the rows of a file
 * that is already there stay: those with a number and those whose status is a verdict
 * (unsupported, mismatch); skipped and suspect ones and errors are tried again. EIE_INPUT when it
 * is no such file, or one of a newer version; EIE_USAGE when it comes from another machine, build
 * or environment. */
EIE_MUST_USE enum eie_status eie_results_begin(const char *path, const char *command, bool resume,
                                               json_t *suites, struct eie_results **results,
                                               struct eie_error *error);

/* The same with a context of eie_context_make, which it takes over as it does `suites`. */
EIE_MUST_USE enum eie_status eie_results_begin_with(const char *path, json_t *context, bool resume,
                                                    json_t *suites, struct eie_results **results,
                                                    struct eie_error *error);

/* The row of this name, or NULL; borrowed. */
json_t *eie_results_row(const struct eie_results *results, const char *name);

/* Calls `each` for every row. */
void eie_results_each(const struct eie_results *results, void (*each)(void *context, json_t *row),
                      void *context);

/* A member of the file's context: borrowed, or NULL; and setting one, which takes the reference
 * over. */
json_t *eie_results_get(const struct eie_results *results, const char *key);
void eie_results_set(struct eie_results *results, const char *key, json_t *value);

/* Adds a row (eie_row_json), or puts it in the place of the one with its name; takes the reference
 * over. */
EIE_MUST_USE enum eie_status eie_results_put(struct eie_results *results, json_t *row,
                                             struct eie_error *error);

/* This run's entry of context.eie_runs, before and after its first row; borrowed. */
const json_t *eie_results_run(const struct eie_results *results);

/* A fact of this run (context.eie_runs), once it has a row; takes the reference over. */
void eie_results_set_run(struct eie_results *results, const char *key, json_t *value);

/* The ceilings of this run for one thread count (eie_ceilings_add_json), or for devices
 * (eie_device_ceilings_add_json), in the place of earlier ones; `lists` is left to the caller. */
void eie_results_set_ceilings(struct eie_results *results, const json_t *lists);

/* Writes everything so far; but for the `last` time only where the last writing is long enough ago
 * (25 times what it took: on two cores it would disturb what is measured). A path that is no
 * regular file (a pipe, /dev/stdout) takes one document, at the end. */
EIE_MUST_USE enum eie_status eie_results_save(struct eie_results *results, bool last,
                                              struct eie_error *error);

/* What is to be known of a device beside its name stands in the context, once per file
 * (eie_devices); takes the reference over. */
void eie_results_set_device(struct eie_results *results, const char *name, json_t *facts);

void eie_results_free(struct eie_results *results);

#endif
