/* Where the inputs of a convolution's layer come from: one product per output position, whose
 * inputs are the values under a window of kernel x kernel in an image [height][width][channels], in
 * the order [channel][row][column] (im2col); positions go row by row. Beyond the image's edges
 * there are `pad` rows and columns of 0.
 *
 * Sizes in elements. Nothing here allocates; arrays are the caller's and must not overlap. A
 * window from outside is checked once, by eie_window_fits; the functions below it take one that
 * fits. */
#ifndef EIE_HOST_LAYER_WINDOW_H
#define EIE_HOST_LAYER_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eie_window {
    uint32_t height, width, channels; /* of the image; all members 0: no convolution */
    uint32_t kernel, stride, pad;     /* the same in both directions */
};

/* False for a fully-connected layer, whose window is all zeros. */
static inline bool eie_window_is(const struct eie_window *window)
{
    return window->height != 0;
}

#define EIE_WINDOW_MAX 16384u /* of each of its members */

/* Whether all members but `pad` are 1 or more, none beyond EIE_WINDOW_MAX, the kernel fits the
 * padded image, channels x kernel x kernel is `inputs`, and there are 2^32 - 1 positions at most.
 */
bool eie_window_fits(const struct eie_window *window, uint32_t inputs);

/* Output rows (or columns) of an image of `side` rows (or columns), with a window that fits;
 * rounded down, so that the last rows of the image may lie under no window. */
static inline uint32_t eie_window_steps(const struct eie_window *window, uint32_t side)
{
    return (side + 2 * window->pad - window->kernel) / window->stride + 1;
}

/* Outputs of one channel: the inputs, or the batch, that one image makes. */
static inline size_t eie_window_positions(const struct eie_window *window)
{
    return (size_t)eie_window_steps(window, window->height) *
           eie_window_steps(window, window->width);
}

/* Values of an image [height][width][channels]. */
static inline size_t eie_window_image_size(const struct eie_window *window)
{
    return (size_t)window->height * window->width * window->channels;
}

/* Inputs of `count` positions from `first` on, in columns[count][channels * kernel * kernel];
 * first + count is at most the number of positions. Copies values as they are. */
void eie_window_columns_float(const struct eie_window *window, const float *image, size_t first,
                              size_t count, float *columns);
void eie_window_columns_int16(const struct eie_window *window, const int16_t *image, size_t first,
                              size_t count, int16_t *columns);

/* The other way: the image [height][width][channels] whose columns, of all positions, these are;
 * what no window covers is 0. False where they are no image's: two windows disagree on a value, or
 * a pad is not 0; `image` then holds nothing of use. */
bool eie_window_image(const struct eie_window *window, const int16_t *columns, int16_t *image);

#ifdef __cplusplus
}
#endif

#endif
