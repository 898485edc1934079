/* Magnitude pruning (Han et al., NIPS 2015; Deep Compression, section 2): the smallest weights
 * become 0. What is kept does not depend on the number of threads. */
#ifndef EIE_HOST_WEIGHTS_PRUNE_H
#define EIE_HOST_WEIGHTS_PRUNE_H

#include "host/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum eie_pruning {
    EIE_PRUNE_NONE,    /* only weights that are 0 already have no place */
    EIE_PRUNE_DENSITY, /* exactly round(amount x count) weights stay, the largest by magnitude, the
                          first of equals; fewer when fewer are not 0 */
    EIE_PRUNE_THRESHOLD, /* those stay whose magnitude is at least amount x standard deviation of
                            all weights (NIPS 2015: the quality parameter) */
};

struct eie_pruned {
    uint64_t kept;           /* non-zeros that are left */
    double threshold;        /* least magnitude that stays; 0 without pruning */
    double mean, deviation;  /* of all weights before */
    double sum_squares;      /* of all weights before */
    double lost_sum_squares; /* of those that became 0 */
};

/* Values of a matrix row by row. */
struct eie_values {
    float *value;          /* [count], finite */
    const uint32_t *place; /* NULL: count is all; or [count], ascending: the only places whose value
                              may be other than 0 */
    size_t count, places;  /* given; of the whole matrix */
};

/* Sets what goes to 0 in place. The result is the same for values with and without places, bit for
 * bit. EIE_USAGE: an amount that makes no sense. */
EIE_MUST_USE enum eie_status eie_prune(const struct eie_values *values, enum eie_pruning how,
                                       double amount, struct eie_pruned *pruned,
                                       struct eie_error *error);

/* Where the values of the places from `place` on begin. */
size_t eie_values_from(const struct eie_values *values, uint64_t place);

#endif
