/* What the arithmetic of Fig. 10 (ISCA 2016) costs in accuracy, as the numerical error of a layer's
 * outputs: there is no ImageNet here. */
#ifndef EIE_BENCH_EXPLORE_PRECISION_H
#define EIE_BENCH_EXPLORE_PRECISION_H

#include "host/layer/layer.h"

#define EIE_ARITHMETICS 7

struct eie_precision {
    const char *arithmetic; /* "float32", "fixed32", "fixed16", "fixed8", and with "-wide" the same
                               with exact sums that are rounded once at the end */
    double
        relative_rms_error; /* root mean square of the outputs' errors over that of the outputs */
    double largest_error;   /* over the largest output */
};

/* The outputs of the layer's first sample, its stored 16-bit numbers taken for the true ones. Fixed
 * point of B bits: weights, inputs and sums each with as many places as their largest magnitude
 * allows (of partial sums, where the accumulator has B bits); a product is shifted to the outputs'
 * scale, rounded to nearest, and added to an accumulator of B bits that saturates, column after
 * column (ISCA 2016, section IV: shift and add, then write). float32: products and sums rounded to
 * nearest, column after column. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_precision_of(const struct eie_layer *layer,
                                              struct eie_precision results[EIE_ARITHMETICS],
                                              struct eie_error *error);

#endif
