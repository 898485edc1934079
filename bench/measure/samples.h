/* The samples of one row: of several visits to its group, the disturbed ones among them. */
#ifndef EIE_BENCH_MEASURE_SAMPLES_H
#define EIE_BENCH_MEASURE_SAMPLES_H

#include "bench/measure/stats.h"
#include "host/base/error.h"

#include <jansson.h>
#include <stdbool.h>

#define EIE_SAMPLES_LEAST 9 /* of a row */
#define EIE_SAMPLES_LONG                                                                           \
    6 /* of one whose calls last EIE_LONG_CALL_NS: fewer have no confidence interval */
#define EIE_LONG_CALL_NS 20e6
#define EIE_SAMPLES_MAX  602 /* all in all: then a row is not visited again */

struct eie_sample {
    double ns;      /* per call, whole batch */
    uint32_t visit; /* of the group, from 1 */
    bool disturbed; /* by the counters beside the block, never by its own time */
};

/* Zeroed is empty; by visit, ascending. */
struct eie_samples {
    struct eie_sample *all; /* [count], owned */
    uint32_t count, room;
};

EIE_MUST_USE enum eie_status eie_samples_add(struct eie_samples *samples, struct eie_sample one,
                                             struct eie_error *error);
void eie_samples_free(struct eie_samples *samples);

/* Undisturbed ones. */
uint32_t eie_samples_quiet(const struct eie_samples *samples);

/* Are there so few undisturbed ones that the disturbed ones must count too? The least depends on
 * how long a call takes. */
bool eie_samples_all_count(const struct eie_samples *samples);

/* Of those that count; NaN everywhere where there is none, or no memory. */
struct eie_stats eie_samples_stats(const struct eie_samples *samples);

/* Half the width of the median's interval over the median. */
double eie_stats_width(const struct eie_stats *stats);

/* eie_samples_ns, eie_visits and so on (results/README.md). */
void eie_samples_add_json(const struct eie_samples *samples, json_t *row);

/* What eie_samples_add_json wrote, added to `samples`. A file from outside: EIE_INPUT when it
 * contradicts itself. Rows of older files, without visits, are of visit 1. */
EIE_MUST_USE enum eie_status eie_samples_take(struct eie_samples *samples, const json_t *row,
                                              struct eie_error *error);

/* The last visit in which a row as it stands in a file took part; 0 for none. */
uint32_t eie_samples_last_visit(const json_t *row);

#endif
