/* The benchmark matrix: which rows there are, in which groups, in which order: suite, batch, layer;
 * of each the models first, then the devices that were found at run time, then each thread count in
 * each cache mode. So a matrix that is cut short has the small batches of all layers. */
#ifndef EIE_BENCH_MATRIX_MATRIX_H
#define EIE_BENCH_MATRIX_MATRIX_H

#include "bench/measure/cache.h"
#include "bench/measure/devices.h"
#include "bench/rows/row.h"
#include "host/layer/suite.h"

#include <stdbool.h>

#define EIE_LIST_MAX 64

struct eie_list {
    uint32_t count, values[EIE_LIST_MAX];
};

#define EIE_BATCH_POSITIONS 0u /* among the batches: all positions of each convolution */

/* What the command line asks for; strings are not owned, NULL where nothing was said. */
struct eie_matrix_options {
    const char *suites, *layers, *kernels, *devices;
    struct eie_list batches, threads, caches; /* caches: enum eie_cache */
};

struct eie_matrix {
    const struct eie_matrix_options *options;
    struct eie_suite *suites; /* [suite_count] */
    char **suite_words;       /* [suite_count] as a command line would name them */
    uint32_t suite_count;
    struct eie_device *devices; /* [device_count] the host, the descriptions, those found at run
                                   time; then those that came by path */
    char **device_words;        /* [device_count] the paths of those that came by path, else NULL */
    uint32_t device_count;
    struct eie_found_devices found; /* those found at run time with all that is known of them */
    char device_names[1024];        /* of --device, paths replaced by names; "" means all */
};

/* Reads suites and devices; every pattern of every option must match something. EIE_USAGE,
 * EIE_INPUT, EIE_MEMORY. EIE_USAGE too where EIE_BATCH_POSITIONS is asked of a layer that is no
 * convolution. */
EIE_MUST_USE enum eie_status eie_matrix_begin(const struct eie_matrix_options *options,
                                              struct eie_matrix *matrix, struct eie_error *error);
void eie_matrix_end(struct eie_matrix *matrix);

/* The same with this one suite, which it takes over, failure or not; options->suites is not read.
 * `word` is what a command line would call it. */
EIE_MUST_USE enum eie_status eie_matrix_begin_with(const struct eie_matrix_options *options,
                                                   struct eie_suite *suite, const char *word,
                                                   struct eie_matrix *matrix,
                                                   struct eie_error *error);

/* One group: all rows with these in common. Models have no cache mode; devices have `hot` always,
 * `dram` where it is asked for and their caches are known, and no threads. */
struct eie_group_key {
    uint32_t suite, layer; /* indices */
    uint32_t batch, threads;
    enum eie_cache cache;
};

/* Calls `visit` for each group in turn until it returns false. */
void eie_matrix_each_group(const struct eie_matrix *matrix,
                           bool (*visit)(void *context, const struct eie_group_key *group),
                           void *context);

/* The rows of a group with their keys, but the layer's hash, and the command that reproduces each
 * ([count]; NULL only counts them). */
uint32_t eie_matrix_rows(const struct eie_matrix *matrix, const struct eie_group_key *group,
                         struct eie_row *rows);

#endif
