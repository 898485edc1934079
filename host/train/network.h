/* Small networks for training: layers one behind the other, described by data
 * (data/networks/NAME.json), their parameters in one vector, forward and backward passes by sgemm.
 *
 * A convolution is a product by im2col: weights [out][in x kernel x kernel] times a column of
 * inputs for each output position, with as many columns as images times positions. That matrix is
 * the layer as the rest of the project knows it (host/weights/weights.h flattens the same way). */
#ifndef EIE_HOST_TRAIN_NETWORK_H
#define EIE_HOST_TRAIN_NETWORK_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EIE_NODES_MAX            16
#define EIE_NODE_NAME_MAX        32 /* bytes, with the 0 */
#define EIE_PAD_GROUPS           4
#define EIE_NODE_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum eie_node_kind { EIE_NODE_CONV, EIE_NODE_POOL, EIE_NODE_FC };

/* Channels, height, width; of a fully-connected layer's vector: its length, 1, 1. */
struct eie_extent {
    uint32_t channels, height, width;
};

struct eie_pads {
    uint32_t top, bottom, left, right; /* rows and columns of 0 around an input channel */
};

struct eie_node {
    char name[EIE_NODE_NAME_MAX];
    enum eie_node_kind kind;
    bool relu; /* max(0, x) behind it; of a pool: false */
    struct eie_extent in, out;
    uint32_t kernel, stride; /* conv, pool: kernel x kernel; a pool's maximum over each window */
    /* conv: the input channels fall into pad_groups equal groups, each with its own padding; all
       give the same output size. One group: the usual padding. Four that pad opposite corners:
       symmetric padding for even kernels (Wu et al., NeurIPS 2019). */
    uint32_t pad_groups;
    struct eie_pads pads[EIE_PAD_GROUPS];
    /* conv and fc: the weight matrix [outputs][inputs], and where it and the bias [outputs] begin
       in the vector of parameters; 0 of a pool */
    uint32_t outputs, inputs;
    size_t weight_at, bias_at;
};

struct eie_network {
    char name[EIE_NODE_NAME_MAX]; /* the file's, without folder and .json */
    char sha256[65];              /* of the file */
    struct eie_extent input;
    uint32_t classes;
    uint32_t node_count, part_count; /* parts: the nodes that have weights */
    struct eie_node nodes[EIE_NODES_MAX];
    uint32_t part[EIE_NODES_MAX]; /* [part_count]: their nodes */
    size_t parameters, weights;   /* weights and biases; weights alone */
    uint64_t macs;                /* of one image, dense */
};

/* A name (data/networks/NAME.json of eie_data_dir) or the path of a JSON file: one with a '/' or
 * that ends in .json. EIE_USAGE: no such name; EIE_INPUT with place: not a network, a name or more
 * weights than a file of it can have (host/layer/network_file.h), sizes that do not fit each other,
 * no fully-connected layer with `classes` outputs at the end. Nothing to free.
 *
 * {"format": "eie-network-1", "summary": text,
 *  "input": {"channels": 1, "height": 28, "width": 28}, "classes": 10,
 *  "layers": [
 *    {"name": "conv1", "kind": "conv", "in": 1, "out": 20, "kernel": 5, "stride": 1,
 *     "pad": [0, 0, 0, 0], "activation": "relu"},         pad: top, bottom, left, right, or several
 *    {"name": "pool1", "kind": "pool", "kernel": 2, "stride": 2},          of them, one a group
 *    {"name": "fc1", "kind": "fc", "in": 2880, "out": 10, "activation": "none"}]} */
EIE_MUST_USE enum eie_status eie_network_read(const char *name, struct eie_network *network,
                                              struct eie_error *error);

/* The path of data/FOLDER/NAME.json, or `name` itself where it is a path; `what` is the word for
 * messages. EIE_USAGE with the names that there are. */
EIE_MUST_USE enum eie_status eie_train_data_path(const char *folder, const char *what,
                                                 const char *name, char *path, size_t size,
                                                 struct eie_error *error);

/* The node of part number `part`. */
static inline const struct eie_node *eie_network_part(const struct eie_network *network,
                                                      uint32_t part)
{
    return &network->nodes[network->part[part]];
}

/* First weights, from the seed: normal with deviation sqrt(2 / inputs) in front of a ReLU, else
 * sqrt(1 / inputs) (He et al. 2015); biases 0. values: [parameters]. */
void eie_network_draw(const struct eie_network *network, uint64_t seed, float *values);

/* The matrix product of the CBLAS standard: C = alpha op(A) op(B) + beta C. */
typedef void (*eie_sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k,
                          float alpha, const float *a, int a_stride, const float *b, int b_stride,
                          float beta, float *c, int c_stride);

/* Three plain loops, sums in double: for networks of tests and a few images. */
void eie_sgemm_plain(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                     const float *a, int a_stride, const float *b, int b_stride, float beta,
                     float *c, int c_stride);

/* What passes over a network need beside its parameters; for one thread at a time. */
struct eie_passes;

/* For at most `batch` images at a time. `network` must live as long. EIE_INPUT: one layer would
 * have 2^31 values or more at a time; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_passes_make(const struct eie_network *network, uint32_t batch,
                                             eie_sgemm sgemm, struct eie_passes **passes,
                                             struct eie_error *error);
void eie_passes_free(struct eie_passes *passes); /* NULL is fine */

/* Where the next images are to be written: [batch][channels x height x width]. */
float *eie_passes_input(struct eie_passes *passes);

/* Dropout behind the ReLU of fully-connected layers: of each output the share drop[node], below 1,
 * is 0, the rest is divided by 1 - drop[node]; random bits from the generator. NULL: none. */
struct eie_random;
struct eie_dropout {
    double drop[EIE_NODES_MAX];
    struct eie_random *random;
};

/* The first `count` images of the input through the network; returns the last layer's outputs
 * [count][classes], which live until the next pass. */
const float *eie_passes_forward(struct eie_passes *passes, const float *values, uint32_t count,
                                const struct eie_dropout *dropout);

/* Behind a forward pass of the same images and parameters: the mean over the images of the cross
 * entropy of softmax and `label` [count], and its gradient by all parameters, [parameters]. */
double eie_passes_backward(struct eie_passes *passes, const float *values, const uint8_t *label,
                           uint32_t count, float *gradient);

/* The node's outputs of one image of the `count` of the last forward pass: [channels x height x
 * width], for those who run a layer's kernels on what came before it. */
void eie_passes_output(const struct eie_passes *passes, uint32_t node, uint32_t count,
                       uint32_t image, float *out);

/* One convolution's columns for one image [channels x height x width]: [positions][inputs], one
 * position's inputs in a row, in the order of the weight matrix. */
void eie_node_columns(const struct eie_node *node, const float *image, float *columns);

/* A pool's maxima of one image: [out]. */
void eie_node_pool(const struct eie_node *node, const float *image, float *out);

/* The greatest output's number, the first of equals. */
uint32_t eie_class_of(const float *outputs, uint32_t classes);

#endif
