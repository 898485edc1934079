#include "host/layer/window.h"

#include <string.h>

#define TYPE           float
#define NAME(function) function##_float
#include "host/layer/window_body.h"
#undef TYPE
#undef NAME

#define TYPE           int16_t
#define NAME(function) function##_int16
#include "host/layer/window_body.h"

bool eie_window_fits(const struct eie_window *window, uint32_t inputs)
{
    const uint32_t numbers[] = {window->height, window->width, window->channels, window->kernel,
                                window->stride};
    bool good = window->pad <= EIE_WINDOW_MAX;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        good = good && numbers[i] >= 1 && numbers[i] <= EIE_WINDOW_MAX;
    return good && (uint64_t)window->channels * window->kernel * window->kernel == inputs &&
           window->height + 2 * window->pad >= window->kernel &&
           window->width + 2 * window->pad >= window->kernel &&
           eie_window_positions(window) <= UINT32_MAX;
}

/* Puts one window's inputs where they come from; false where a pad has another value than 0. */
static bool put(const struct eie_window *window, const int16_t *from, uint32_t row, uint32_t column,
                int16_t *image)
{
    const uint32_t channels = window->channels, side = window->kernel, taps = side * side;
    for (uint32_t r = 0; r < side; r++)
        for (uint32_t c = 0; c < side; c++, from++) {
            const int64_t y = (int64_t)row * window->stride + r - window->pad;
            const int64_t x = (int64_t)column * window->stride + c - window->pad;
            const bool inside = y >= 0 && y < window->height && x >= 0 && x < window->width;
            int16_t *to =
                inside ? image + ((size_t)y * window->width + (size_t)x) * channels : NULL;
            for (uint32_t k = 0; k < channels; k++) {
                const int16_t value = from[(size_t)k * taps];
                if (to)
                    to[k] = value;
                else if (value)
                    return false;
            }
        }
    return true;
}

/* Whether one window's inputs are what the image has there. */
static bool agrees(const struct eie_window *window, const int16_t *columns, const int16_t *image,
                   uint32_t row, uint32_t column)
{
    const uint32_t channels = window->channels, side = window->kernel, taps = side * side;
    for (uint32_t r = 0; r < side; r++)
        for (uint32_t c = 0; c < side; c++, columns++) {
            const int64_t y = (int64_t)row * window->stride + r - window->pad;
            const int64_t x = (int64_t)column * window->stride + c - window->pad;
            if (y < 0 || y >= window->height || x < 0 || x >= window->width) continue;
            const int16_t *pixel = image + ((size_t)y * window->width + (size_t)x) * channels;
            for (uint32_t k = 0; k < channels; k++)
                if (columns[(size_t)k * taps] != pixel[k]) return false;
        }
    return true;
}

bool eie_window_image(const struct eie_window *window, const int16_t *columns, int16_t *image)
{
    const uint32_t across = eie_window_steps(window, window->width);
    const size_t inputs = (size_t)window->channels * window->kernel * window->kernel;
    const size_t positions = eie_window_positions(window);
    memset(image, 0, eie_window_image_size(window) * sizeof *image);
    for (size_t p = 0; p < positions; p++)
        if (!put(window, columns + p * inputs, (uint32_t)(p / across), (uint32_t)(p % across),
                 image))
            return false;
    for (size_t p = 0; p < positions; p++)
        if (!agrees(window, columns + p * inputs, image, (uint32_t)(p / across),
                    (uint32_t)(p % across)))
            return false;
    return true;
}
