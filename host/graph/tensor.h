/* The steps of a graph (host/graph/graph.h) that multiply nothing, on tensors [height][width]
 * [channels] of float32 or int16. The trainer's im2col (host/train/network.h) takes channels first,
 * as sgemm over many images likes them; here what a kernel put out is what the next step reads. */
#ifndef EIE_HOST_GRAPH_TENSOR_H
#define EIE_HOST_GRAPH_TENSOR_H

#include "host/graph/graph.h"

/* A convolution's inputs for `count` positions from `first` on, row by row of its output: columns
 * [count][inputs], zeros where a window hangs over the edge. */
void eie_columns_float(const struct eie_step *step, const float *in, size_t first, size_t count,
                       float *columns);
void eie_columns_int16(const struct eie_step *step, const int16_t *in, size_t first, size_t count,
                       int16_t *columns);

/* The rows of outputs from `first` on, `count` of them. */
void eie_pool_float(const struct eie_step *step, const float *in, size_t first, size_t count,
                    float *out);
void eie_pool_int16(const struct eie_step *step, const int16_t *in, size_t first, size_t count,
                    int16_t *out);

/* `channels` of each of `positions` to where they begin in wider positions: out points to the first
 * one's place, the next position's lies `stride` values behind. */
void eie_join_float(const float *in, size_t positions, size_t channels, size_t stride, float *out);
void eie_join_int16(const int16_t *in, size_t positions, size_t channels, size_t stride,
                    int16_t *out);

/* The mean of each channel in double, in units of the tensor. */
void eie_average_float(const struct eie_step *step, const float *in, double *out);
void eie_average_int16(const struct eie_step *step, const int16_t *in, double *out);

#endif
