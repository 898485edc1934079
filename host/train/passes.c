/* Between convolutions and pools values lie channel by channel, in each image by image
 * ([channels][images][height x width]): the product of a convolution then writes its outputs where
 * the next layer wants them, for all images at once. Before fully-connected layers they are turned
 * to [images][values]. */
#include "host/base/random.h"
#include "host/train/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* the CBLAS standard's constants */

#define COLUMN_FLOATS (1u << 18) /* of a block of columns, 1 MiB: what stays in a core's cache */

struct eie_passes {
    const struct eie_network *network;
    uint32_t batch;
    eie_sgemm sgemm;
    float *input;                    /* [batch][values], as it is filled */
    float *out[EIE_NODES_MAX];       /* each node's outputs */
    float *in[EIE_NODES_MAX];        /* its inputs where they must be turned, else NULL */
    float *turn[EIE_NODES_MAX];      /* gradient of `in` */
    float *slope[EIE_NODES_MAX];     /* gradient of `out` */
    uint32_t *winner[EIE_NODES_MAX]; /* a pool's places in a channel's plane */
    float *columns, *column_slopes;  /* [inputs][images x positions] of a block */
    double kept[EIE_NODES_MAX];      /* share that dropout kept in the last pass */
};

static uint32_t extent_size(struct eie_extent extent)
{
    return extent.channels * extent.height * extent.width;
}

static uint32_t positions_of(const struct eie_node *node)
{
    return node->out.height * node->out.width;
}

/* Images whose columns fit a block. */
static uint32_t block_of(const struct eie_node *node, uint32_t batch)
{
    const uint64_t floats = (uint64_t)node->inputs * positions_of(node);
    const uint64_t images = COLUMN_FLOATS / floats;
    return images < 1 ? 1 : images < batch ? (uint32_t)images : batch;
}

/* Is `out` of the node before this one laid out by channel, and wanted by image, or the other way
 * round (the first node's inputs)? */
static bool is_turned(const struct eie_network *network, uint32_t n)
{
    const struct eie_node *node = &network->nodes[n];
    if (n == 0) return node->kind != EIE_NODE_FC && node->in.channels > 1;
    return node->kind == EIE_NODE_FC && network->nodes[n - 1].kind != EIE_NODE_FC;
}

static bool make_node(struct eie_passes *passes, uint32_t n)
{
    const struct eie_network *network = passes->network;
    const struct eie_node *node = &network->nodes[n];
    const size_t outputs = (size_t)passes->batch * extent_size(node->out);
    const size_t inputs = (size_t)passes->batch * extent_size(node->in);
    passes->out[n] = malloc(outputs * sizeof(float));
    passes->slope[n] = malloc(outputs * sizeof(float));
    bool good = passes->out[n] && passes->slope[n];
    if (is_turned(network, n)) {
        passes->in[n] = malloc(inputs * sizeof(float));
        passes->turn[n] = malloc(inputs * sizeof(float));
        good = good && passes->in[n] && passes->turn[n];
    }
    if (node->kind == EIE_NODE_POOL) {
        passes->winner[n] = malloc(outputs * sizeof(uint32_t));
        good = good && passes->winner[n];
    }
    return good;
}

static size_t column_floats(const struct eie_network *network, uint32_t batch)
{
    size_t most = 1;
    for (uint32_t n = 0; n < network->node_count; n++) {
        const struct eie_node *node = &network->nodes[n];
        if (node->kind != EIE_NODE_CONV) continue;
        const size_t floats = (size_t)node->inputs * positions_of(node) * block_of(node, batch);
        most = floats > most ? floats : most;
    }
    return most;
}

/* sgemm counts in int. */
static enum eie_status check_sizes(const struct eie_network *network, uint32_t batch,
                                   struct eie_error *error)
{
    uint64_t most = extent_size(network->input);
    for (uint32_t n = 0; n < network->node_count; n++)
        if (extent_size(network->nodes[n].out) > most) most = extent_size(network->nodes[n].out);
    if (most * batch <= INT32_MAX) return EIE_OK;
    return eie_fail(error, EIE_INPUT,
                    "network %s with %u images at a time: a layer of %llu values an image has 2^31 "
                    "or more",
                    network->name, batch, (unsigned long long)most);
}

enum eie_status eie_passes_make(const struct eie_network *network, uint32_t batch, eie_sgemm sgemm,
                                struct eie_passes **out, struct eie_error *error)
{
    *out = NULL;
    const enum eie_status status = check_sizes(network, batch, error);
    if (status) return status;
    struct eie_passes *passes = calloc(1, sizeof *passes);
    bool good = passes != NULL;
    if (good) {
        const size_t floats = column_floats(network, batch);
        *passes = (struct eie_passes){.network = network, .batch = batch, .sgemm = sgemm};
        passes->input = calloc((size_t)batch * extent_size(network->input), sizeof(float));
        passes->columns = malloc(floats * sizeof(float));
        passes->column_slopes = malloc(floats * sizeof(float));
        good = passes->input && passes->columns && passes->column_slopes;
    }
    for (uint32_t n = 0; good && n < network->node_count; n++) good = make_node(passes, n);
    *out = good ? passes : NULL;
    if (good) return EIE_OK;
    eie_passes_free(passes);
    return eie_fail(error, EIE_MEMORY, "out of memory for network %s with %u images at a time",
                    network->name, batch);
}

void eie_passes_free(struct eie_passes *passes)
{
    if (!passes) return;
    for (uint32_t n = 0; n < EIE_NODES_MAX; n++) {
        free(passes->out[n]);
        free(passes->slope[n]);
        free(passes->in[n]);
        free(passes->turn[n]);
        free(passes->winner[n]);
    }
    free(passes->input);
    free(passes->columns);
    free(passes->column_slopes);
    free(passes);
}

float *eie_passes_input(struct eie_passes *passes)
{
    return passes->input;
}

/* ---- layouts -----------------------------------------------------------------------------------
 */

/* [rows][columns] of blocks of `size` floats becomes [columns][rows] of them. */
static void turn_blocks(const float *from, uint32_t rows, uint32_t columns, uint32_t size,
                        float *to)
{
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < columns; c++)
            memcpy(to + ((size_t)c * rows + r) * size, from + ((size_t)r * columns + c) * size,
                   size * sizeof *to);
}

/* The node's inputs in the layout that it wants. */
static const float *inputs_of(struct eie_passes *passes, uint32_t n, uint32_t count)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const uint32_t plane = node->in.height * node->in.width;
    const float *before = n ? passes->out[n - 1] : passes->input;
    if (!passes->in[n]) return before;
    if (node->kind == EIE_NODE_FC)
        turn_blocks(before, node->in.channels, count, plane, passes->in[n]);
    else
        turn_blocks(before, count, node->in.channels, plane, passes->in[n]);
    return passes->in[n];
}

/* ---- im2col ------------------------------------------------------------------------------------
 */

static const struct eie_pads *pads_of(const struct eie_node *node, uint32_t channel)
{
    return &node->pads[channel / (node->in.channels / node->pad_groups)];
}

/* The outputs along one side whose tap number `tap` falls on an input. */
static void taps_inside(uint32_t extent, uint32_t outputs, uint32_t stride, uint32_t before,
                        uint32_t tap, uint32_t *first, uint32_t *end)
{
    *first = tap >= before ? 0 : (before - tap + stride - 1) / stride;
    const uint32_t last = extent + before; /* output x stride + tap must be less */
    *end = last <= tap ? 0 : (last - tap + stride - 1) / stride;
    if (*end > outputs) *end = outputs;
    if (*first > *end) *first = *end;
}

struct taps {
    uint32_t tap_y, tap_x, y, y_end, x, x_end;
};

static struct taps taps_of(const struct eie_node *node, const struct eie_pads *pads, uint32_t tap)
{
    struct taps taps = {.tap_y = tap / node->kernel, .tap_x = tap % node->kernel};
    taps_inside(node->in.height, node->out.height, node->stride, pads->top, taps.tap_y, &taps.y,
                &taps.y_end);
    taps_inside(node->in.width, node->out.width, node->stride, pads->left, taps.tap_x, &taps.x,
                &taps.x_end);
    return taps;
}

/* Rows are short: a call of memcpy would cost more than what it does. */
static inline void copy_short(float *to, const float *from, uint32_t count)
{
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) memcpy(to + i, from + i, 4 * sizeof *to);
    for (; i < count; i++) to[i] = from[i];
}

/* One channel of one image: what a tap sees at every position. */
static void fill_row(const struct eie_node *node, const struct eie_pads *pads,
                     const struct taps *taps, const float *plane, float *row)
{
    const uint32_t width = node->out.width, stride = node->stride, count = taps->x_end - taps->x;
    if (taps->y > 0 || taps->y_end < node->out.height || count < width)
        memset(row, 0, positions_of(node) * sizeof *row);
    if (!count) return;
    for (uint32_t y = taps->y; y < taps->y_end; y++) {
        const float *from = plane +
                            (size_t)(y * stride + taps->tap_y - pads->top) * node->in.width +
                            (taps->x * stride + taps->tap_x - pads->left);
        float *to = row + (size_t)y * width + taps->x;
        if (stride == 1)
            copy_short(to, from, count);
        else
            for (uint32_t x = 0; x < count; x++) to[x] = from[(size_t)x * stride];
    }
}

static void add_row(const struct eie_node *node, const struct eie_pads *pads,
                    const struct taps *taps, const float *row, float *plane)
{
    const uint32_t width = node->out.width, stride = node->stride, count = taps->x_end - taps->x;
    if (!count) return;
    for (uint32_t y = taps->y; y < taps->y_end; y++) {
        float *to = plane + (size_t)(y * stride + taps->tap_y - pads->top) * node->in.width +
                    (taps->x * stride + taps->tap_x - pads->left);
        const float *from = row + (size_t)y * width + taps->x;
        if (stride == 1)
            for (uint32_t x = 0; x < count; x++) to[x] += from[x];
        else
            for (uint32_t x = 0; x < count; x++) to[(size_t)x * stride] += from[x];
    }
}

/* Columns [inputs][images x positions] of images first..first + images - 1 of `count`; with
 * `in_slopes` the other way round: the columns' gradients are added to the inputs'. */
static void move_columns(const struct eie_node *node, const float *in, float *in_slopes,
                         uint32_t count, uint32_t first, uint32_t images, float *columns)
{
    const uint32_t positions = positions_of(node), taps_count = node->kernel * node->kernel;
    const size_t plane = (size_t)node->in.height * node->in.width;
    for (uint32_t c = 0; c < node->in.channels; c++) {
        const struct eie_pads *pads = pads_of(node, c);
        for (uint32_t t = 0; t < taps_count; t++) {
            const struct taps taps = taps_of(node, pads, t);
            float *row = columns + (size_t)(c * taps_count + t) * images * positions;
            for (uint32_t i = 0; i < images; i++) {
                const size_t at = ((size_t)c * count + first + i) * plane;
                if (in_slopes)
                    add_row(node, pads, &taps, row + (size_t)i * positions, in_slopes + at);
                else
                    fill_row(node, pads, &taps, in + at, row + (size_t)i * positions);
            }
        }
    }
}

void eie_node_columns(const struct eie_node *node, const float *image, float *columns)
{
    const size_t plane = (size_t)node->in.height * node->in.width;
    const uint32_t width = node->out.width, height = node->out.height, kernel = node->kernel;
    float *to = columns;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < node->in.channels; c++) {
                const struct eie_pads *pads = pads_of(node, c);
                for (uint32_t t = 0; t < kernel * kernel; t++) {
                    const uint32_t row = y * node->stride + t / kernel - pads->top;
                    const uint32_t column = x * node->stride + t % kernel - pads->left;
                    /* what lies before the first row or column is a large unsigned number */
                    const bool inside = row < node->in.height && column < node->in.width;
                    *to++ = inside ? image[c * plane + (size_t)row * node->in.width + column] : 0;
                }
            }
}

/* ---- forward -----------------------------------------------------------------------------------
 */

static void add_bias(float *row, size_t count, float bias, bool relu)
{
    if (relu)
        for (size_t i = 0; i < count; i++) {
            const float sum = row[i] + bias;
            row[i] = sum > 0 ? sum : 0;
        }
    else
        for (size_t i = 0; i < count; i++) row[i] += bias;
}

static void forward_conv(struct eie_passes *passes, uint32_t n, const float *values, uint32_t count)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const float *in = inputs_of(passes, n, count);
    const uint32_t positions = positions_of(node), block = block_of(node, passes->batch);
    float *out = passes->out[n];
    for (uint32_t first = 0; first < count; first += block) {
        const uint32_t images = count - first < block ? count - first : block;
        const int columns = (int)(images * positions);
        move_columns(node, in, NULL, count, first, images, passes->columns);
        passes->sgemm(ROW_MAJOR, PLAIN, PLAIN, (int)node->outputs, columns, (int)node->inputs, 1.0f,
                      values + node->weight_at, (int)node->inputs, passes->columns, columns, 0.0f,
                      out + (size_t)first * positions, (int)(count * positions));
        for (uint32_t o = 0; o < node->outputs; o++) /* while they are in the cache */
            add_bias(out + ((size_t)o * count + first) * positions, (size_t)columns,
                     values[node->bias_at + o], node->relu);
    }
}

/* The usual pool, two by two side by side: a row of outputs without a branch, which nobody could
 * foresee. The first of equals wins here as below. */
static void pool_pairs(const float *restrict top, const float *restrict below, uint32_t count,
                       uint32_t corner, uint32_t width, float *restrict out,
                       uint32_t *restrict winner)
{
    for (uint32_t x = 0; x < count; x++) {
        const float a = top[2 * x], b = top[2 * x + 1], c = below[2 * x], d = below[2 * x + 1];
        const float high = b > a ? b : a, low = d > c ? d : c;
        const uint32_t of_high = b > a, of_low = width + (d > c), is_low = -(uint32_t)(low > high);
        out[x] = low > high ? low : high;
        winner[x] = corner + 2 * x + (of_high ^ ((of_high ^ of_low) & is_low));
    }
}

static void pool_plane(const struct eie_node *node, const float *plane, float *out,
                       uint32_t *winner)
{
    const uint32_t width = node->in.width, stride = node->stride, count = node->out.width;
    const bool pairs = node->kernel == 2 && stride == 2;
    for (uint32_t y = 0; y < node->out.height; y++, out += count, winner += count) {
        const uint32_t row = y * stride * width;
        if (pairs) {
            pool_pairs(plane + row, plane + row + width, count, row, width, out, winner);
            continue;
        }
        for (uint32_t x = 0; x < count; x++) {
            uint32_t best = row + x * stride;
            for (uint32_t v = 0; v < node->kernel; v++)
                for (uint32_t u = 0; u < node->kernel; u++) {
                    const uint32_t at = row + v * width + x * stride + u;
                    best = plane[at] > plane[best] ? at : best;
                }
            out[x] = plane[best];
            winner[x] = best;
        }
    }
}

void eie_node_pool(const struct eie_node *node, const float *image, float *out)
{
    const uint32_t width = node->in.width, positions = positions_of(node);
    for (uint32_t c = 0; c < node->in.channels; c++, image += (size_t)width * node->in.height)
        for (uint32_t p = 0; p < positions; p++) {
            const float *corner = image + (size_t)(p / node->out.width) * node->stride * width +
                                  (size_t)(p % node->out.width) * node->stride;
            float most = *corner;
            for (uint32_t t = 0; t < node->kernel * node->kernel; t++)
                most = fmaxf(most, corner[t / node->kernel * width + t % node->kernel]);
            *out++ = most;
        }
}

static void forward_pool(struct eie_passes *passes, uint32_t n, uint32_t count)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const float *in = inputs_of(passes, n, count);
    const size_t plane = (size_t)node->in.height * node->in.width, size = positions_of(node);
    for (size_t i = 0; i < (size_t)node->in.channels * count; i++)
        pool_plane(node, in + i * plane, passes->out[n] + i * size, passes->winner[n] + i * size);
}

/* 16 random bits an output. */
static void drop_outputs(float *out, size_t count, double drop, struct eie_random *random)
{
    const uint32_t limit = (uint32_t)lround(drop * 65536);
    const float scale = (float)(1 / (1 - drop));
    for (size_t i = 0; i < count; i += 4) {
        uint64_t bits = eie_random_next(random);
        for (size_t k = i; k < i + 4 && k < count; k++, bits >>= 16)
            out[k] = (bits & 0xFFFF) < limit ? 0 : out[k] * scale;
    }
}

static void forward_fc(struct eie_passes *passes, uint32_t n, const float *values, uint32_t count,
                       const struct eie_dropout *dropout)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const float *in = inputs_of(passes, n, count), *bias = values + node->bias_at;
    const uint32_t outputs = node->outputs;
    float *out = passes->out[n];
    passes->sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, (int)count, (int)outputs, (int)node->inputs, 1.0f,
                  in, (int)node->inputs, values + node->weight_at, (int)node->inputs, 0.0f, out,
                  (int)outputs);
    for (uint32_t i = 0; i < count; i++) {
        float *row = out + (size_t)i * outputs;
        for (uint32_t o = 0; o < outputs; o++) row[o] += bias[o];
        if (node->relu)
            for (uint32_t o = 0; o < outputs; o++) row[o] = row[o] > 0 ? row[o] : 0;
    }
    passes->kept[n] = 1;
    if (!dropout || !node->relu || dropout->drop[n] <= 0) return;
    passes->kept[n] = 1 - dropout->drop[n];
    drop_outputs(out, (size_t)count * outputs, dropout->drop[n], dropout->random);
}

const float *eie_passes_forward(struct eie_passes *passes, const float *values, uint32_t count,
                                const struct eie_dropout *dropout)
{
    const struct eie_network *network = passes->network;
    for (uint32_t n = 0; n < network->node_count; n++) {
        if (network->nodes[n].kind == EIE_NODE_CONV)
            forward_conv(passes, n, values, count);
        else if (network->nodes[n].kind == EIE_NODE_POOL)
            forward_pool(passes, n, count);
        else
            forward_fc(passes, n, values, count, dropout);
    }
    return passes->out[network->node_count - 1];
}

void eie_passes_output(const struct eie_passes *passes, uint32_t n, uint32_t count, uint32_t image,
                       float *out)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const uint32_t plane = positions_of(node);
    if (node->kind == EIE_NODE_FC) {
        memcpy(out, passes->out[n] + (size_t)image * node->outputs, node->outputs * sizeof *out);
        return;
    }
    for (uint32_t c = 0; c < node->out.channels; c++)
        memcpy(out + (size_t)c * plane, passes->out[n] + ((size_t)c * count + image) * plane,
               plane * sizeof *out);
}

/* ---- backward ----------------------------------------------------------------------------------
 */

/* Cross entropy of softmax; its gradient by the outputs goes to `slope`. */
static double entropy(const float *out, const uint8_t *label, uint32_t count, uint32_t classes,
                      float *slope)
{
    double loss = 0;
    for (uint32_t i = 0; i < count; i++) {
        const float *row = out + (size_t)i * classes;
        float *to = slope + (size_t)i * classes, most = row[0], sum = 0;
        for (uint32_t c = 1; c < classes; c++) most = row[c] > most ? row[c] : most;
        for (uint32_t c = 0; c < classes; c++) sum += to[c] = expf(row[c] - most);
        for (uint32_t c = 0; c < classes; c++) to[c] /= sum * (float)count;
        loss += (double)(logf(sum) + most - row[label[i]]);
        to[label[i]] -= 1.0f / (float)count;
    }
    return loss / count;
}

/* Through the ReLU: where the output is 0, so is its gradient; what dropout has scaled is scaled.
 */
static void pass_relu(const float *out, float *slope, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++) slope[i] = out[i] > 0 ? slope[i] * scale : 0;
}

static void backward_fc(struct eie_passes *passes, uint32_t n, const float *values, uint32_t count,
                        float *in_slopes, float *gradient)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const float *in = passes->in[n] ? passes->in[n] : n ? passes->out[n - 1] : passes->input;
    const int outputs = (int)node->outputs, inputs = (int)node->inputs;
    float *slope = passes->slope[n], *bias = gradient + node->bias_at;
    const float scale = (float)(1 / passes->kept[n]);
    if (node->relu) pass_relu(passes->out[n], slope, (size_t)count * node->outputs, scale);
    passes->sgemm(ROW_MAJOR, TRANSPOSED, PLAIN, outputs, inputs, (int)count, 1.0f, slope, outputs,
                  in, inputs, 0.0f, gradient + node->weight_at, inputs);
    memset(bias, 0, node->outputs * sizeof *bias);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t o = 0; o < node->outputs; o++)
            bias[o] += slope[(size_t)i * node->outputs + o];
    if (in_slopes)
        passes->sgemm(ROW_MAJOR, PLAIN, PLAIN, (int)count, inputs, outputs, 1.0f, slope, outputs,
                      values + node->weight_at, inputs, 0.0f, in_slopes, inputs);
}

static float sum_of(const float *values, size_t count)
{
    float part[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++) part[k] += values[i + (size_t)k];
    for (; i < count; i++) part[0] += values[i];
    return ((part[0] + part[1]) + (part[2] + part[3])) +
           ((part[4] + part[5]) + (part[6] + part[7]));
}

static void backward_conv(struct eie_passes *passes, uint32_t n, const float *values,
                          uint32_t count, float *in_slopes, float *gradient)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const float *in = passes->in[n] ? passes->in[n] : n ? passes->out[n - 1] : passes->input;
    const uint32_t positions = positions_of(node), block = block_of(node, passes->batch);
    const int outputs = (int)node->outputs, inputs = (int)node->inputs;
    const int all = (int)(count * positions);
    float *slope = passes->slope[n];
    if (node->relu) pass_relu(passes->out[n], slope, (size_t)all * node->outputs, 1);
    for (uint32_t o = 0; o < node->outputs; o++)
        gradient[node->bias_at + o] = sum_of(slope + (size_t)o * (size_t)all, (size_t)all);
    if (in_slopes) memset(in_slopes, 0, (size_t)count * extent_size(node->in) * sizeof *in_slopes);
    for (uint32_t first = 0; first < count; first += block) {
        const uint32_t images = count - first < block ? count - first : block;
        const int columns = (int)(images * positions);
        const float *here = slope + (size_t)first * positions;
        move_columns(node, in, NULL, count, first, images, passes->columns);
        passes->sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, outputs, inputs, columns, 1.0f, here, all,
                      passes->columns, columns, first ? 1.0f : 0.0f, gradient + node->weight_at,
                      inputs);
        if (!in_slopes) continue;
        passes->sgemm(ROW_MAJOR, TRANSPOSED, PLAIN, inputs, columns, outputs, 1.0f,
                      values + node->weight_at, inputs, here, all, 0.0f, passes->column_slopes,
                      columns);
        move_columns(node, NULL, in_slopes, count, first, images, passes->column_slopes);
    }
}

static void backward_pool(struct eie_passes *passes, uint32_t n, uint32_t count, float *in_slopes)
{
    const struct eie_node *node = &passes->network->nodes[n];
    const size_t plane = (size_t)node->in.height * node->in.width, size = positions_of(node);
    const size_t planes = (size_t)node->in.channels * count;
    if (!in_slopes) return;
    memset(in_slopes, 0, planes * plane * sizeof *in_slopes);
    for (size_t i = 0; i < planes; i++) {
        const float *slope = passes->slope[n] + i * size;
        const uint32_t *winner = passes->winner[n] + i * size;
        for (size_t k = 0; k < size; k++) in_slopes[i * plane + winner[k]] += slope[k];
    }
}

double eie_passes_backward(struct eie_passes *passes, const float *values, const uint8_t *label,
                           uint32_t count, float *gradient)
{
    const struct eie_network *network = passes->network;
    const uint32_t last = network->node_count - 1;
    const double loss =
        entropy(passes->out[last], label, count, network->classes, passes->slope[last]);
    for (uint32_t n = network->node_count; n-- > 0;) {
        const struct eie_node *node = &network->nodes[n];
        float *in_slopes = !n ? NULL : passes->in[n] ? passes->turn[n] : passes->slope[n - 1];
        if (node->kind == EIE_NODE_CONV)
            backward_conv(passes, n, values, count, in_slopes, gradient);
        else if (node->kind == EIE_NODE_POOL)
            backward_pool(passes, n, count, in_slopes);
        else
            backward_fc(passes, n, values, count, in_slopes, gradient);
        if (n && passes->in[n])
            turn_blocks(passes->turn[n], count, node->in.channels, node->in.height * node->in.width,
                        passes->slope[n - 1]);
    }
    return loss;
}

/* ---- small things ------------------------------------------------------------------------------
 */

uint32_t eie_class_of(const float *outputs, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (outputs[c] > outputs[best]) best = c;
    return best;
}

void eie_sgemm_plain(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                     const float *a, int a_stride, const float *b, int b_stride, float beta,
                     float *c, int c_stride)
{
    (void)order; /* row by row: nothing here asks for another */
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++) {
                const size_t at_a = transpose_a == TRANSPOSED
                                        ? (size_t)l * (size_t)a_stride + (size_t)i
                                        : (size_t)i * (size_t)a_stride + (size_t)l;
                const size_t at_b = transpose_b == TRANSPOSED
                                        ? (size_t)j * (size_t)b_stride + (size_t)l
                                        : (size_t)l * (size_t)b_stride + (size_t)j;
                sum += (double)a[at_a] * (double)b[at_b];
            }
            float *to = c + (size_t)i * (size_t)c_stride + j;
            *to = (float)((double)alpha * sum + (beta != 0.0f ? (double)(beta * *to) : 0));
        }
}
