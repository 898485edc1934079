#include "host/graph/image.h"
#include "host/base/random.h"
#include "host/weights/weight_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (UINT64_C(1) << 30)
#define DRAWN_SIDE 256u

static enum eie_status allocate(const char *path, struct eie_image *image, struct eie_error *error)
{
    image->values = malloc((size_t)image->height * image->width * 3 * sizeof *image->values);
    return image->values ? EIE_OK : eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
}

void eie_image_free(struct eie_image *image)
{
    free(image->values);
    *image = (struct eie_image){0};
}

/* ---- PPM ------------------------------------------------------------------------------------- */

/* A number of the header, behind white space and comments; -1 where there is none. */
static int64_t header_number(const struct eie_bytes *bytes, size_t *at)
{
    int64_t number = -1;
    for (bool comment = false; *at < bytes->size; ++*at) {
        const char c = (char)bytes->data[*at];
        if (c == '#') comment = true;
        if (!comment && (!c || !strchr(" \t\r\n\v\f", c))) break;
        if (c == '\n') comment = false;
    }
    for (; *at < bytes->size && bytes->data[*at] >= '0' && bytes->data[*at] <= '9'; ++*at) {
        number = (number < 0 ? 0 : number) * 10 + (bytes->data[*at] - '0');
        if (number > INT32_MAX) return -1;
    }
    return number;
}

enum eie_status eie_image_parse(const struct eie_bytes *bytes, const char *path,
                                struct eie_image *image, struct eie_error *error)
{
    size_t at = 2;
    *image = (struct eie_image){0};
    if (bytes->size < 2 || bytes->data[0] != 'P' ||
        (bytes->data[1] != '6' && bytes->data[1] != '5'))
        return eie_fail(
            error, EIE_INPUT,
            "%s: neither PPM (P6), PGM (P5) nor .npy; ./run classify takes PNG and JPEG", path);
    const uint32_t channels = bytes->data[1] == '6' ? 3 : 1;
    const int64_t width = header_number(bytes, &at), height = header_number(bytes, &at);
    const int64_t most = header_number(bytes, &at);
    if (width < 1 || height < 1 || width > EIE_IMAGE_SIDE_MAX || height > EIE_IMAGE_SIDE_MAX)
        return eie_fail(error, EIE_INPUT,
                        "%s: its header must state a width and a height from 1 "
                        "to %u",
                        path, EIE_IMAGE_SIDE_MAX);
    if (most != 255)
        return eie_fail(error, EIE_INPUT, "%s: values up to 255 are read, its header says %lld",
                        path, (long long)most);
    const size_t count = (size_t)width * (size_t)height;
    if (at >= bytes->size || bytes->size - at - 1 != count * channels)
        return eie_fail(error, EIE_INPUT,
                        "%s: %lld x %lld x %u values need %zu bytes behind the header, it has %zu",
                        path, (long long)width, (long long)height, channels, count * channels,
                        bytes->size > at ? bytes->size - at - 1 : 0);
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    const enum eie_status status = allocate(path, image, error);
    if (status) return status;
    const uint8_t *from = bytes->data + at + 1;
    for (size_t i = 0; i < 3 * count; i++) image->values[i] = from[channels == 3 ? i : i / 3];
    return EIE_OK;
}

/* ---- .npy ------------------------------------------------------------------------------------ */

static enum eie_status take_npy(const char *path, const struct eie_weights *weights,
                                struct eie_image *image, struct eie_error *error)
{
    const uint32_t channels = weights->rank == 3 ? 3 : 1;
    char shape[128];
    eie_weights_shape_text(weights->rank, weights->shape, shape, sizeof shape);
    if (weights->rank < 2 || weights->rank > 3 || (weights->rank == 3 && weights->shape[2] != 3) ||
        weights->shape[0] > EIE_IMAGE_SIDE_MAX || weights->shape[1] > EIE_IMAGE_SIDE_MAX)
        return eie_fail(error, EIE_INPUT,
                        "%s: is %s; an image is height x width x 3, or height x width, sides up to "
                        "%u",
                        path, shape, EIE_IMAGE_SIDE_MAX);
    image->height = (uint32_t)weights->shape[0];
    image->width = (uint32_t)weights->shape[1];
    const size_t count = (size_t)image->height * image->width;
    for (size_t i = 0; i < count * channels; i++)
        if (!(weights->values[i] >= 0 && weights->values[i] <= 255))
            return eie_fail(error, EIE_INPUT, "%s: value %zu is %g, an image's are 0 to 255", path,
                            i, (double)weights->values[i]);
    const enum eie_status status = allocate(path, image, error);
    if (status) return status;
    for (size_t i = 0; i < 3 * count; i++)
        image->values[i] = weights->values[channels == 3 ? i : i / 3];
    return EIE_OK;
}

static enum eie_status read_npy(const char *path, struct eie_image *image, struct eie_error *error)
{
    struct eie_weight_file file;
    struct eie_weights weights = {0};
    enum eie_status status = eie_weight_file_open(path, &file, error);
    if (status) return status;
    status = eie_weight_file_load(&file, 0, 0, true, &weights, error);
    if (!status) status = take_npy(path, &weights, image, error);
    eie_weights_free(&weights);
    eie_weight_file_close(&file);
    return status;
}

/* ---- drawn ----------------------------------------------------------------------------------- */

/* Adds a grid's colours, `apart` pixels from each other, to sums [side][side][3]. */
static void add_grid(struct eie_random *random, uint32_t apart, float *nodes, float *sums)
{
    const uint32_t wide = DRAWN_SIDE / apart + 1;
    for (uint32_t i = 0; i < wide * wide; i++) {
        const float grey = (float)eie_random_below(random, 1u << 16) / 65536 - 0.5f;
        for (uint32_t c = 0; c < 3; c++)
            nodes[3 * i + c] =
                grey + 0.5f * ((float)eie_random_below(random, 1u << 16) / 65536 - 0.5f);
    }
    for (uint32_t y = 0; y < DRAWN_SIDE; y++)
        for (uint32_t x = 0; x < DRAWN_SIDE; x++) {
            const float *node = nodes + 3 * ((size_t)(y / apart) * wide + x / apart);
            const float v = (float)(y % apart) / (float)apart;
            const float u = (float)(x % apart) / (float)apart;
            for (uint32_t c = 0; c < 3; c++) {
                const float above = node[c] + u * (node[3 + c] - node[c]);
                const float *next = node + 3 * (size_t)wide;
                const float below = next[c] + u * (next[3 + c] - next[c]);
                *sums++ += sqrtf((float)apart) * (above + v * (below - above));
            }
        }
}

enum eie_status eie_image_draw(uint64_t seed, struct eie_image *image, struct eie_error *error)
{
    const size_t count = (size_t)DRAWN_SIDE * DRAWN_SIDE * 3;
    const size_t wide = DRAWN_SIDE / 2 + 1;
    struct eie_random random;
    *image = (struct eie_image){.height = DRAWN_SIDE, .width = DRAWN_SIDE};
    image->values = calloc(count, sizeof *image->values);
    float *nodes = malloc(3 * wide * wide * sizeof *nodes);
    if (!image->values || !nodes) {
        free(nodes);
        eie_image_free(image);
        return eie_fail(error, EIE_MEMORY, "a drawn image: out of memory");
    }
    eie_random_seed(&random, eie_random_seed_of(seed, "image"));
    for (uint32_t apart = 2; apart < DRAWN_SIDE; apart *= 2)
        add_grid(&random, apart, nodes, image->values);
    float least = image->values[0], most = image->values[0];
    for (size_t i = 0; i < count; i++) {
        if (image->values[i] < least) least = image->values[i];
        if (image->values[i] > most) most = image->values[i];
    }
    for (size_t i = 0; i < count; i++)
        image->values[i] = floorf(255 * (image->values[i] - least) / (most - least) + 0.5f);
    free(nodes);
    return EIE_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && !strcmp(text + length - end_length, end);
}

static enum eie_status read_drawn(const char *path, struct eie_image *image,
                                  struct eie_error *error)
{
    const char *digits = path + strlen(EIE_IMAGE_DRAWN);
    if (!*digits || strlen(digits) > 18 || digits[strspn(digits, "0123456789")])
        return eie_fail(error, EIE_USAGE, "%s: " EIE_IMAGE_DRAWN "SEED takes a whole number", path);
    return eie_image_draw(strtoull(digits, NULL, 10), image, error);
}

enum eie_status eie_image_read(const char *path, struct eie_image *image, struct eie_error *error)
{
    struct eie_bytes bytes;
    *image = (struct eie_image){0};
    if (!strncmp(path, EIE_IMAGE_DRAWN, strlen(EIE_IMAGE_DRAWN)))
        return read_drawn(path, image, error);
    if (ends_in(path, ".npy")) return read_npy(path, image, error);
    enum eie_status status = eie_file_read(path, FILE_MAX, &bytes, error);
    if (status) return status;
    status = eie_image_parse(&bytes, path, image, error);
    eie_bytes_free(&bytes);
    return status;
}

/* ---- preparation ----------------------------------------------------------------------------- */

/* One side: pixel `to` of the scaled image, and which pixels of the image it is made of. */
struct side {
    uint32_t from; /* pixels of the image */
    double scale;  /* pixels of the image to one of the scaled image */
};

static double triangle_weight(const struct side *side, uint32_t to, int64_t from)
{
    const double width = side->scale > 1 ? side->scale : 1;
    const double away = fabs(((double)from + 0.5) - ((double)to + 0.5) * side->scale) / width;
    return away < 1 ? 1 - away : 0;
}

static void triangle_range(const struct side *side, uint32_t to, int64_t *first, int64_t *last)
{
    const double width = side->scale > 1 ? side->scale : 1;
    const double middle = ((double)to + 0.5) * side->scale - 0.5;
    *first = (int64_t)fmax(0, ceil(middle - width));
    *last = (int64_t)fmin((double)side->from - 1, floor(middle + width));
}

/* lines [count] of `line` values each, [pixels][3] across: one pixel `to` of every line. */
static void scale_across(const struct eie_image *image, const struct side *side, uint32_t to,
                         double *out)
{
    int64_t first, last;
    triangle_range(side, to, &first, &last);
    for (uint32_t y = 0; y < image->height; y++, out += 3) {
        double total = 0;
        out[0] = out[1] = out[2] = 0;
        for (int64_t x = first; x <= last; x++) {
            const double weight = triangle_weight(side, to, x);
            const float *from = image->values + 3 * ((size_t)y * image->width + (size_t)x);
            for (int c = 0; c < 3; c++) out[c] += weight * (double)from[c];
            total += weight;
        }
        for (int c = 0; c < 3; c++) out[c] /= total;
    }
}

static void scale_down(const double *column, const struct side *side, uint32_t to, double out[3])
{
    int64_t first, last;
    double total = 0;
    triangle_range(side, to, &first, &last);
    out[0] = out[1] = out[2] = 0;
    for (int64_t y = first; y <= last; y++) {
        const double weight = triangle_weight(side, to, y);
        for (int c = 0; c < 3; c++) out[c] += weight * column[3 * y + c];
        total += weight;
    }
    for (int c = 0; c < 3; c++) out[c] /= total;
}

/* Pixels of the scaled image along a side. */
static uint32_t scaled_side(uint32_t side, uint32_t shorter, uint32_t wanted)
{
    return (uint32_t)floor((double)side * wanted / shorter + 0.5);
}

enum eie_status eie_image_prepare(const struct eie_image *image, const struct eie_graph *graph,
                                  float *input, struct eie_error *error)
{
    const struct eie_extent *out = &graph->steps[0].out;
    const uint32_t shorter = image->height < image->width ? image->height : image->width;
    const uint32_t height = scaled_side(image->height, shorter, graph->shorter_side);
    const uint32_t width = scaled_side(image->width, shorter, graph->shorter_side);
    const struct side down = {image->height, (double)image->height / height};
    const struct side across = {image->width, (double)image->width / width};
    double *column = malloc((size_t)image->height * 3 * sizeof *column);
    if (!column) return eie_fail(error, EIE_MEMORY, "an image: out of memory");
    for (uint32_t x = 0; x < out->width; x++) {
        scale_across(image, &across, x + (width - out->width) / 2, column);
        for (uint32_t y = 0; y < out->height; y++) {
            double pixel[3];
            scale_down(column, &down, y + (height - out->height) / 2, pixel);
            for (int c = 0; c < 3; c++)
                input[3 * ((size_t)y * out->width + x) + (size_t)c] =
                    (float)(pixel[graph->blue_first ? 2 - c : c] - (double)graph->mean[c]);
        }
    }
    free(column);
    return EIE_OK;
}
