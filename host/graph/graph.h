/* Networks as they are run, with branches that meet again: data/graphs/NAME.json. A convolution's
 * weights lie in a file of their own, as the layer of the convolution's name. Every tensor between
 * nodes is [height][width][channels], so that the inputs of a 1 x 1 convolution lie together and
 * outputs of a kernel are what the next node reads. */
#ifndef EIE_HOST_GRAPH_GRAPH_H
#define EIE_HOST_GRAPH_GRAPH_H

#include "host/base/error.h"
#include "host/layer/window.h"
#include "host/train/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EIE_STEPS_MAX     128
#define EIE_STEP_FROM_MAX 8
#define EIE_STEP_NAME_MAX 64 /* bytes, with the 0: that of a layer */

enum eie_step_kind {
    EIE_STEP_IMAGE,   /* the first, and no other */
    EIE_STEP_CONV,    /* kernel x kernel, equal padding on all sides */
    EIE_STEP_POOL,    /* the maximum over windows; one that hangs over the edge counts (Caffe's
                         ceil) */
    EIE_STEP_CONCAT,  /* channels one behind the other */
    EIE_STEP_AVERAGE, /* over all positions of each channel; the last step, and no other */
};

struct eie_step {
    char name[EIE_STEP_NAME_MAX];
    enum eie_step_kind kind;
    uint32_t from[EIE_STEP_FROM_MAX], from_count; /* steps before this one; several: CONCAT */
    struct eie_extent in, out;                    /* in: of from[0] */
    uint32_t kernel, stride, pad;                 /* conv; pool: without pad */
    bool relu;                                    /* conv */
    uint32_t outputs, inputs; /* conv: the weight matrix, inputs in the order [channel][row][column]
                               */
};

struct eie_graph {
    char name[EIE_STEP_NAME_MAX]; /* the file's, without folder and .json */
    uint32_t classes;
    /* How an image becomes the input: its shorter side is scaled to `shorter_side`, the middle is
     * cut out, values are 0 to 255 less the mean, channels are in this order. */
    uint32_t shorter_side;
    bool blue_first;
    float mean[3]; /* by channel in that order */
    uint32_t step_count, conv_count;
    struct eie_step steps[EIE_STEPS_MAX];
    uint32_t conv[EIE_STEPS_MAX]; /* [conv_count]: their steps */
};

/* A name (data/graphs/NAME.json of eie_data_dir) or the path of a JSON file: one with a '/' or that
 * ends in .json. EIE_USAGE: no such name; EIE_INPUT with place: not a graph, sizes that do not fit
 * each other. Nothing to free.
 *
 * {"format": "eie-graph-1", "summary": text, "classes": 1000,
 *  "image": {"height": 227, "width": 227, "shorter_side": 256, "order": "bgr",
 *            "mean": [104, 117, 123]},
 *  "steps": [
 *    {"name": "conv1", "kind": "conv", "from": ["image"], "out": 96, "kernel": 7, "stride": 2,
 *     "pad": 0, "activation": "relu"},
 *    {"name": "pool1", "kind": "pool", "from": ["conv1"], "kernel": 3, "stride": 2},
 *    {"name": "fire2", "kind": "concat", "from": ["a", "b"]},
 *    {"name": "scores", "kind": "average", "from": ["conv10"]}]} */
EIE_MUST_USE enum eie_status eie_graph_read(const char *name, struct eie_graph *graph,
                                            struct eie_error *error);

static inline size_t eie_step_positions(const struct eie_step *step)
{
    return (size_t)step->out.height * step->out.width;
}

static inline size_t eie_step_size(const struct eie_step *step)
{
    return eie_step_positions(step) * step->out.channels;
}

/* Of a convolution. */
static inline struct eie_window eie_step_window(const struct eie_step *step)
{
    return (struct eie_window){step->in.height, step->in.width, step->in.channels,
                               step->kernel,    step->stride,   step->pad};
}

/* Whether a convolution's inputs are the tensor as it lies. */
static inline bool eie_step_is_plain(const struct eie_step *step)
{
    return step->kernel == 1 && step->stride == 1 && step->pad == 0;
}

#endif
