/* One image through a stored network, weight by weight over those that are not 0: in float32, and
 * in the 16-bit fixed point of host/layer/numbers.h with sums of 64 bits. */
#ifndef EIE_BENCH_TRAIN_FORWARD_H
#define EIE_BENCH_TRAIN_FORWARD_H

#include "host/layer/layer.h"
#include "host/layer/network_file.h"
#include "host/train/network.h"

/* Weights of a part row by row. */
struct eie_forward_part {
    uint32_t *start;  /* [outputs + 1] */
    uint32_t *column; /* [start[outputs]] */
    uint8_t *code;
};

struct eie_forward {
    const struct eie_network *network; /* these two are the caller's */
    const struct eie_network_file *file;
    struct eie_forward_part parts[EIE_NODES_MAX];
    float *values[2]; /* of the largest node: what goes in and what comes out */
    float *columns;   /* of the largest convolution */
};

/* The product of a node for an image: so many inputs of the part. */
static inline uint32_t eie_node_positions(const struct eie_node *node)
{
    return node->kind == EIE_NODE_CONV ? node->out.height * node->out.width : 1;
}

/* EIE_INPUT, with `path`: the file's parts are not those of the network. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_forward_make(const struct eie_network *network,
                                              const struct eie_network_file *file, const char *path,
                                              struct eie_forward *forward, struct eie_error *error);
void eie_forward_free(struct eie_forward *forward); /* all 0 is fine */

/* pixels: [channels x height x width], 0 to 255 standing for 0 to 1. Returns the last layer's
 * outputs [classes], which live until the next call. */
const float *eie_forward_float(struct eie_forward *forward, const uint8_t *pixels);

/* The same with the parts as layers. inputs and outputs, by part: where its [positions][inputs] and
 * [positions][outputs] go. *saturated counts outputs at an end of 16 bits: that did not fit, or
 * just did. EIE_INPUT: a sum leaves int32. */
EIE_MUST_USE enum eie_status eie_forward_int16(struct eie_forward *forward,
                                               const struct eie_layer *const *layers,
                                               const uint8_t *pixels, int16_t *const *inputs,
                                               int16_t *const *outputs, uint64_t *saturated,
                                               struct eie_error *error);

#endif
