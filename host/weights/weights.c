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
    free(weights->place);
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

static double memory_bytes(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

enum eie_status eie_weights_allocate(const char *where, bool zeros, struct eie_weights *weights,
                                     struct eie_error *error)
{
    const size_t count = (size_t)weights->outputs * weights->inputs, bytes = count * sizeof(float);
    if ((double)bytes > memory_bytes())
        return eie_fail(error, EIE_INPUT, "%s: %u x %u weights are more than this machine's memory",
                        where, weights->outputs, weights->inputs);
    weights->values =
        zeros ? calloc(count, sizeof(float)) : aligned_alloc(64, (bytes / 64 + 1) * 64);
    return weights->values ? EIE_OK
                           : eie_fail(error, EIE_MEMORY, "%s: out of memory for %u x %u weights",
                                      where, weights->outputs, weights->inputs);
}

static enum eie_status not_finite(const char *where, const struct eie_weights *weights, size_t i,
                                  struct eie_error *error)
{
    const size_t place = weights->place ? weights->place[i] : i;
    return eie_fail(error, EIE_INPUT,
                    "%s: the weight in row %zu, column %zu is %s: it must be a finite float32",
                    where, place / weights->inputs, place % weights->inputs,
                    isnan(weights->values[i]) ? "not a number" : "infinite");
}

enum eie_status eie_weights_check_finite(const char *where, const struct eie_weights *weights,
                                         struct eie_error *error)
{
    const size_t count =
        weights->place ? weights->place_count : (size_t)weights->outputs * weights->inputs;
    for (size_t begin = 0; begin < count; begin += 4096) {
        const size_t end = begin + 4096 < count ? begin + 4096 : count;
        uint32_t bad = 0;
        for (size_t i = begin; i < end; i++) { /* all ones in the exponent, without a branch */
            uint32_t bits;
            memcpy(&bits, &weights->values[i], sizeof bits);
            bad |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        for (size_t i = begin; bad && i < end; i++)
            if (!isfinite(weights->values[i])) return not_finite(where, weights, i, error);
    }
    return EIE_OK;
}

enum eie_status eie_weights_check_small(const char *where, const struct eie_weights *weights,
                                        struct eie_error *error)
{
    const size_t count =
        weights->place ? weights->place_count : (size_t)weights->outputs * weights->inputs;
    if (!weights->below_float32) return EIE_OK;
    for (size_t i = 0; i < count; i++)
        if (fabsf(weights->values[i]) >= FLT_MIN) return EIE_OK;
    return eie_fail(error, EIE_INPUT,
                    "%s: all %" PRIu64 " values that are not 0 are below what float32 holds (%g): "
                    "scale them up",
                    where, weights->below_float32, (double)FLT_MIN);
}

/* ---- coordinates ---------------------------------------------------------------------------- */

#define DIGITS 65536u /* of the sort: two of 16 bits make a place */

enum eie_status eie_coordinates_begin(const char *where, uint64_t count,
                                      struct eie_coordinates *entries, struct eie_error *error)
{
    *entries = (struct eie_coordinates){0};
    if ((double)count * (sizeof *entries->place + sizeof *entries->value) > memory_bytes())
        return eie_fail(error, EIE_INPUT,
                        "%s: %" PRIu64 " entries are more than this machine's memory", where,
                        count);
    entries->place = malloc((count + 1) * sizeof *entries->place);
    entries->value = malloc((count + 1) * sizeof *entries->value);
    if (entries->place && entries->value) return EIE_OK;
    eie_coordinates_free(entries);
    return eie_fail(error, EIE_MEMORY, "%s: out of memory for %" PRIu64 " entries", where, count);
}

void eie_coordinates_free(struct eie_coordinates *entries)
{
    free(entries->place);
    free(entries->value);
    *entries = (struct eie_coordinates){0};
}

static bool is_sorted(const struct eie_coordinates *entries)
{
    for (size_t i = 1; i < entries->count; i++)
        if (entries->place[i] < entries->place[i - 1]) return false;
    return true;
}

/* Keeps the order of those whose 16 bits from `shift` on are equal. */
static void sort_digit(const struct eie_coordinates *from, unsigned shift, size_t *tally,
                       struct eie_coordinates *to)
{
    memset(tally, 0, (DIGITS + 1) * sizeof *tally);
    for (size_t i = 0; i < from->count; i++) tally[(from->place[i] >> shift & 0xFFFFu) + 1]++;
    for (size_t d = 1; d < DIGITS; d++) tally[d] += tally[d - 1];
    for (size_t i = 0; i < from->count; i++) {
        const size_t at = tally[from->place[i] >> shift & 0xFFFFu]++;
        to->place[at] = from->place[i];
        to->value[at] = from->value[i];
    }
    to->count = from->count;
}

enum eie_status eie_coordinates_merge(const char *where, bool first_counts,
                                      struct eie_coordinates *entries, struct eie_error *error)
{
    if (!is_sorted(entries)) {
        struct eie_coordinates other;
        enum eie_status status = eie_coordinates_begin(where, entries->count, &other, error);
        if (status) return status;
        size_t *tally = malloc((DIGITS + 1) * sizeof *tally);
        if (tally) {
            sort_digit(entries, 0, tally, &other);
            sort_digit(&other, 16, tally, entries);
        } else {
            status = eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
        }
        free(tally);
        eie_coordinates_free(&other);
        if (status) return status;
    }
    size_t count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        if (count && entries->place[count - 1] == entries->place[i]) {
            if (!first_counts) entries->value[count - 1] += entries->value[i];
            continue;
        }
        entries->place[count] = entries->place[i];
        entries->value[count++] = entries->value[i];
    }
    entries->count = count;
    return EIE_OK;
}

enum eie_status eie_weights_take(const char *where, struct eie_coordinates *entries,
                                 struct eie_weights *weights, struct eie_error *error)
{
    weights->values = malloc((entries->count + 1) * sizeof *weights->values);
    if (!weights->values) {
        eie_coordinates_free(entries);
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    }
    for (size_t i = 0; i < entries->count; i++) {
        weights->values[i] = (float)entries->value[i];
        weights->below_float32 += eie_weights_below_float32(entries->value[i]);
    }
    weights->place = entries->place;
    weights->place_count = entries->count;
    entries->place = NULL;
    eie_coordinates_free(entries);
    return EIE_OK;
}

enum eie_status eie_weights_fill(const char *where, struct eie_weights *weights,
                                 struct eie_error *error)
{
    float *given = weights->values;
    if (!weights->place) return EIE_OK;
    enum eie_status status = eie_weights_allocate(where, true, weights, error);
    if (status) {
        weights->values = given;
        return status;
    }
    for (size_t i = 0; i < weights->place_count; i++) weights->values[weights->place[i]] = given[i];
    free(given);
    free(weights->place);
    weights->place = NULL;
    return EIE_OK;
}

/* ---- drawn ---------------------------------------------------------------------------------- */

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
