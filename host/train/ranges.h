/* How large a network's values become, and how many are 0: what 16-bit fixed point needs to know
 * (ISCA 2016, section VI.C). */
#ifndef EIE_HOST_TRAIN_RANGES_H
#define EIE_HOST_TRAIN_RANGES_H

#include "host/train/training.h"

struct eie_range {
    double input;  /* largest magnitude of an input */
    double sum;    /* largest magnitude of a sum with its bias, before the activation */
    double output; /* largest magnitude behind the activation */
    double active; /* share of the inputs that are not 0; a convolution's once a position */
};

/* ranges: [part_count], over the first `count` validation images (all where there are fewer).
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_ranges_measure(struct eie_training *training, const float *values,
                                                uint32_t count, struct eie_range *ranges,
                                                struct eie_error *error);

/* Fraction bits of inputs and outputs for a part whose weights have `weight_bits`: values have room
 * for twice what was seen (the first part's inputs, pixels, for just that), and so have the sums in
 * 32 bits. The last part's outputs stand at what fits; another's are the next one's inputs, which
 * must be chosen first. */
uint32_t eie_range_input_bits(const struct eie_range *range, bool first, uint32_t weight_bits);
uint32_t eie_range_output_bits(const struct eie_range *range, uint32_t sum_bits);

#endif
