/* From floats to layers of 4 bits, a convolution as one layer or as the sum of two.
 *
 * Scales and the choice come from drawn images (host/graph/image.h), run through the graph in
 * float32; no photograph is looked at. A convolution's weights are shared by k-means, 15 weights
 * (Deep Compression, section 3), and put in fixed point; the second layer shares what the first
 * leaves in the same way, entry by entry. It is added where outputs of the first alone are further
 * than the bound from those of the floats, their means set right: the bias takes up what an output
 * is short of in the mean over the drawn images, since an error with a mean passes through all that
 * follows (Nagel et al., ICCV 2019, correct biases in the same way). A tensor's fraction bits leave
 * room for twice its largest value on the drawn images; weights have as many as keep every final
 * sum in 32 bits whatever the inputs are. */
#ifndef EIE_BENCH_RUN_SHARE_H
#define EIE_BENCH_RUN_SHARE_H

#include "bench/run/parts.h"

struct eie_share_options {
    double bound;   /* of the relative root mean square error of a convolution's outputs */
    uint32_t draws; /* images, at least 1: seeds 1 to so many */
    uint32_t threads;
    eie_sgemm sgemm;  /* on one thread a call */
    const char *path; /* where the weights come from: the layers' source */
};

/* Fills terms, term_count and error of every part; terms that are there make way. EIE_INPUT: a
 * convolution whose weights are all 0, values beyond fixed point; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_share(const struct eie_graph *graph, struct eie_parts *parts,
                                       const struct eie_share_options *options,
                                       struct eie_error *error);

#endif
