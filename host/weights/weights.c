#include "host/weights/weights.h"
#include "host/base/random.h"
#include "host/layer/layer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void eie_weights_free(struct eie_weights *weights)
{
    free(weights->name);
    free(weights->values);
    *weights = (struct eie_weights){0};
}

void eie_weights_shape_text(uint32_t rank, const uint64_t *shape, char *text, size_t size)
{
    *text = 0;
    for (uint32_t d = 0; d < rank; d++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%" PRIu64, d ? " x " : "", shape[d]);
    }
}

enum eie_status eie_weights_flatten(const char *where, uint32_t rank, const uint64_t *shape,
                                    uint64_t limit, uint32_t *outputs, uint32_t *inputs,
                                    struct eie_error *error)
{
    uint64_t columns = 1, elements;
    if (!rank) return eie_fail(error, EIE_INPUT, "%s: is a single number, not a matrix", where);
    for (uint32_t d = 0; d < rank; d++)
        if (!shape[d])
            return eie_fail(error, EIE_INPUT, "%s: is empty: dimension %u is 0", where, d);
    const uint64_t rows = rank == 1 ? 1 : shape[0];
    for (uint32_t d = rank == 1 ? 0 : 1; d < rank; d++)
        if (__builtin_mul_overflow(columns, shape[d], &columns)) columns = UINT64_MAX;
    if (rows > EIE_OUTPUTS_MAX)
        return eie_fail(error, EIE_INPUT, "%s: %" PRIu64 " outputs are more than 2^26", where,
                        rows);
    if (columns >= UINT32_MAX || __builtin_mul_overflow(rows, columns, &elements) ||
        elements > limit)
        return eie_fail(error, EIE_INPUT,
                        "%s: %" PRIu64 " x %" PRIu64 " is more than the %" PRIu64
                        " elements that are read",
                        where, rows, columns, limit);
    *outputs = (uint32_t)rows;
    *inputs = (uint32_t)columns;
    return EIE_OK;
}

enum eie_status eie_weights_allocate(const char *where, bool zeros, struct eie_weights *weights,
                                     struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs, bytes = count * sizeof(float);
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if ((double)bytes > memory)
        return eie_fail(error, EIE_INPUT, "%s: %u x %u weights are more than this machine's memory",
                        where, weights->outputs, weights->inputs);
    weights->values =
        zeros ? calloc(count, sizeof(float)) : aligned_alloc(64, (bytes / 64 + 1) * 64);
    return weights->values ? EIE_OK
                           : eie_fail(error, EIE_MEMORY, "%s: out of memory for %u x %u weights",
                                      where, weights->outputs, weights->inputs);
}

enum eie_status eie_weights_check_finite(const char *where, const struct eie_weights *weights,
                                         struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    for (size_t begin = 0; begin < count; begin += 4096) {
        const size_t end = begin + 4096 < count ? begin + 4096 : count;
        uint32_t bad = 0;
        for (size_t i = begin; i < end; i++) { /* all ones in the exponent, without a branch */
            uint32_t bits;
            memcpy(&bits, &weights->values[i], sizeof bits);
            bad |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        for (size_t i = begin; bad && i < end; i++)
            if (!isfinite(weights->values[i]))
                return eie_fail(error, EIE_INPUT,
                                "%s: the weight in row %zu, column %zu is %s: it must be a finite "
                                "float32",
                                where, i / weights->inputs, i % weights->inputs,
                                isnan(weights->values[i]) ? "not a number" : "infinite");
    }
    return EIE_OK;
}

enum eie_status eie_weights_check_small(const char *where, const struct eie_weights *weights,
                                        struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs;
    if (!weights->below_float32) return EIE_OK;
    for (size_t i = 0; i < count; i++)
        if (fabsf(weights->values[i]) >= FLT_MIN) return EIE_OK;
    return eie_fail(error, EIE_INPUT,
                    "%s: all %" PRIu64 " values that are not 0 are below what float32 holds (%g): "
                    "scale them up",
                    where, weights->below_float32, (double)FLT_MIN);
}

float eie_weights_draw(struct eie_random *random)
{
    int64_t sum = 0;
    for (int word = 0; word < 2; word++) {
        uint64_t bits = eie_random_next(random);
        for (int i = 0; i < 4; i++, bits >>= 16) sum += (int64_t)(bits & 0xFFFF);
    }
    sum = 2 * sum - 8 * 65535; /* symmetric about 0; its standard deviation is 107019 */
    return (float)(sum ? sum : 1) * (0.01f / 107019.0f);
}
