/* Which kernel for one layer: measured now, or read off a map. */
#ifndef EIE_BENCH_MAP_ADVICE_H
#define EIE_BENCH_MAP_ADVICE_H

#include "bench/map/candidates.h"
#include "bench/map/map_file.h"

/* What one family offers; NaN and "" where there is nothing. */
struct eie_offer {
    double ns, low_ns, high_ns; /* a call of the whole batch; a 95 % interval where measured */
    double disturbed;           /* share of the samples that counters called disturbed, 0 to 1 */
    double weight_bytes;        /* of the prepared weights, one copy */
    char kernel[160];           /* the family's fastest */
    char remark[160];           /* what a reader must know of it, or "" */
};

/* A form was clearly faster than dense float32 at the weight density `pays_at` and clearly slower
 * at `not_at`, the higher one; from tie_from to tie_to, densities between the two that were looked
 * at, neither (eie_verdict_standing). NaN: at none that was looked at. */
struct eie_break_even {
    double pays_at, not_at, tie_from, tie_to;
};

struct eie_advice {
    struct eie_point point;
    struct eie_offer offers[EIE_FAMILIES];
    struct eie_break_even leaving; /* sparse float32 or compressed, the faster one */
    struct eie_break_even sparse;  /* sparse float32 alone */
    char basis[512];               /* where the times come from, a phrase */
    /* of a map: how many times the weights (inputs x outputs) of its size, and how many times apart
       the two densities of weights that were read between; 1 where measured now */
    double times_size, times_weights;
};

/* Measures the layer (`suite` is taken over, `word` its name on a command line; NULL: one that is
 * made by the point's shape), then looks for the density from which on leaving weights out does not
 * pay, on layers made by the same shape. The rows go into `results`. As eie_candidates_measure;
 * EIE_MISSING where nothing could be measured, with the first reason. */
EIE_MUST_USE enum eie_status eie_advice_measure(const struct eie_candidates *candidates,
                                                struct eie_suite *suite, const char *word,
                                                const char *layer, const struct eie_point *point,
                                                struct eie_results *results,
                                                struct eie_advice *advice, struct eie_error *error);

/* Reads it off a map: between the two nearest weight densities (times in proportion on logarithmic
 * scales), at the nearest density of the inputs and size. EIE_USAGE where the map has no such
 * batch, no size within 4 times (inputs and outputs together), no density of the inputs or weights
 * within 2 times, or no form with a time at both points that it would be read between. */
EIE_MUST_USE enum eie_status eie_advice_read(const struct eie_map_file *file,
                                             const struct eie_point *point,
                                             struct eie_advice *advice, struct eie_error *error);

/* The fastest family here, and the next one; EIE_FAMILIES where there is none. */
enum eie_family eie_advice_best(const struct eie_advice *advice, enum eie_family *second);

/* The largest share of disturbed samples among the offers here: how little the times say. */
double eie_advice_disturbed(const struct eie_advice *advice);

/* Do the intervals of the two meet? */
bool eie_advice_is_close(const struct eie_advice *advice, enum eie_family one,
                         enum eie_family other);

#endif
