/* The functions of window.h for one TYPE, named NAME(function). */

/* One window: a channel's inputs lie kernel x kernel apart from the next one's. */
static void NAME(take)(const struct eie_window *window, const TYPE *image, uint32_t row,
                       uint32_t column, TYPE *to)
{
    const uint32_t channels = window->channels, side = window->kernel, taps = side * side;
    for (uint32_t r = 0; r < side; r++)
        for (uint32_t c = 0; c < side; c++, to++) {
            const int64_t y = (int64_t)row * window->stride + r - window->pad;
            const int64_t x = (int64_t)column * window->stride + c - window->pad;
            if (y < 0 || y >= window->height || x < 0 || x >= window->width) {
                for (uint32_t k = 0; k < channels; k++) to[(size_t)k * taps] = 0;
                continue;
            }
            const TYPE *from = image + ((size_t)y * window->width + (size_t)x) * channels;
            for (uint32_t k = 0; k < channels; k++) to[(size_t)k * taps] = from[k];
        }
}

void NAME(eie_window_columns)(const struct eie_window *window, const TYPE *image, size_t first,
                              size_t count, TYPE *columns)
{
    const uint32_t across = eie_window_steps(window, window->width);
    const size_t inputs = (size_t)window->channels * window->kernel * window->kernel;
    for (size_t p = first; p < first + count; p++, columns += inputs) NAME(take)
    (window, image, (uint32_t)(p / across), (uint32_t)(p % across), columns);
}
