/* The functions of tensor.h for one TYPE, named NAME(function). */

void NAME(eie_columns)(const struct eie_step *step, const TYPE *in, size_t first, size_t count,
                       TYPE *columns)
{
    if (eie_step_is_plain(step)) {
        memcpy(columns, in + first * step->inputs, count * step->inputs * sizeof *columns);
        return;
    }
    const struct eie_window window = eie_step_window(step);
    NAME(eie_window_columns)(&window, in, first, count, columns);
}

static void NAME(pool_window)(const struct eie_step *step, const TYPE *in, uint32_t row,
                              uint32_t column, TYPE *out)
{
    const uint32_t channels = step->in.channels;
    const uint32_t top = row * step->stride, left = column * step->stride;
    const uint32_t bottom =
        top + step->kernel < step->in.height ? top + step->kernel : step->in.height;
    const uint32_t right =
        left + step->kernel < step->in.width ? left + step->kernel : step->in.width;
    memcpy(out, in + ((size_t)top * step->in.width + left) * channels, channels * sizeof *out);
    for (uint32_t y = top; y < bottom; y++)
        for (uint32_t x = left; x < right; x++) {
            const TYPE *from = in + ((size_t)y * step->in.width + x) * channels;
            for (uint32_t k = 0; k < channels; k++) out[k] = from[k] > out[k] ? from[k] : out[k];
        }
}

void NAME(eie_pool)(const struct eie_step *step, const TYPE *in, size_t first, size_t count,
                    TYPE *out)
{
    out += first * step->out.width * step->out.channels;
    for (size_t row = first; row < first + count; row++)
        for (uint32_t column = 0; column < step->out.width; column++, out += step->out.channels)
            NAME(pool_window)(step, in, (uint32_t)row, column, out);
}

void NAME(eie_join)(const TYPE *in, size_t positions, size_t channels, size_t stride, TYPE *out)
{
    for (size_t p = 0; p < positions; p++)
        memcpy(out + p * stride, in + p * channels, channels * sizeof *out);
}

void NAME(eie_average)(const struct eie_step *step, const TYPE *in, double *out)
{
    const size_t positions = (size_t)step->in.height * step->in.width;
    for (uint32_t k = 0; k < step->in.channels; k++) out[k] = 0;
    for (size_t p = 0; p < positions; p++, in += step->in.channels)
        for (uint32_t k = 0; k < step->in.channels; k++) out[k] += (double)in[k];
    for (uint32_t k = 0; k < step->in.channels; k++) out[k] /= (double)positions;
}
