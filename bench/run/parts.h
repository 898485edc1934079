/* The weights of a graph's convolutions as a file has them: any file of weights that
 * host/weights/weight_file.h reads, or layers in any of their forms (host/layer/layer_file.h).
 * A convolution NAME finds the matrix NAME (or NAME.weight), its bias in the same place or as
 * NAME.bias; a layer may be the sum of two, NAME and NAME.rest. */
#ifndef EIE_BENCH_RUN_PARTS_H
#define EIE_BENCH_RUN_PARTS_H

#include "host/graph/graph.h"
#include "host/layer/layer.h"

#define EIE_TERMS_MAX 2
#define EIE_REST      ".rest" /* ends the name of the second */

/* Of one convolution; all is owned. */
struct eie_part {
    float *weights; /* [outputs][inputs]; of layers, what their terms add up to */
    float *bias;    /* [outputs] */
    /* For integers: outputs are the sum of the terms' outputs. One has the step's activation; of
     * two neither has one: it comes behind their sum. */
    struct eie_layer *terms[EIE_TERMS_MAX];
    uint32_t term_count; /* 0: there are only floats */
    uint64_t nonzeros;   /* weights that are not 0 */
    /* Where the terms were made here (bench/run/share.h), else NaN: how far outputs on drawn images
     * are from those of `weights` beyond a constant that the bias takes up, root mean square over
     * theirs, with one term and with two. */
    double error[EIE_TERMS_MAX];
};

struct eie_parts {
    struct eie_part *part; /* [graph->conv_count] */
    uint32_t count;
    bool are_layers; /* the file has layers of 4 bits: the terms are theirs */
};

/* EIE_INPUT: a convolution without weights or whose name ends in EIE_REST, sizes that are not the
 * graph's, damaged files; EIE_SYSTEM, EIE_MEMORY. On failure too the caller frees. */
EIE_MUST_USE enum eie_status eie_parts_read(const char *path, const struct eie_graph *graph,
                                            struct eie_parts *parts, struct eie_error *error);
void eie_parts_free(struct eie_parts *parts);

static inline const struct eie_step *eie_conv_step(const struct eie_graph *graph, uint32_t conv)
{
    return &graph->steps[graph->conv[conv]];
}

#endif
