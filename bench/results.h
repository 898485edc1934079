/* The results file: Google Benchmark's JSON with our keys beside (design 7, results/README.md).
 * Rows with a number stand in "benchmarks", the others in "eie_missing" with status and reason. */
#ifndef EIE_BENCH_RESULTS_H
#define EIE_BENCH_RESULTS_H

#include "bench/row.h"

#include <stdbool.h>

struct eie_results;

/* `path` may be NULL: nothing is written. The path of a regular file is tried at once, so that a
 * folder without permission is found before an hour of measuring. */
EIE_MUST_USE enum eie_status eie_results_begin(const char *path, const char *command,
                                               struct eie_results **results,
                                               struct eie_error *error);

/* Adds a row; EIE_USAGE when its key stands already. */
EIE_MUST_USE enum eie_status eie_results_add(struct eie_results *results, const struct eie_row *row,
                                             struct eie_error *error);

/* Writes everything so far under a temporary name and renames it. A path that is no regular file (a
 * pipe, /dev/stdout) takes one document, at the end: `last`. */
EIE_MUST_USE enum eie_status eie_results_save(struct eie_results *results, bool last,
                                              struct eie_error *error);

void eie_results_free(struct eie_results *results);

#endif
