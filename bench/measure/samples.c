#include "bench/measure/samples.h"
#include "host/base/jsonset.h"

#include <math.h>
#include <stdlib.h>

#define VISITS_MAX 1000000 /* a file that claims more is wrong */
#define LEAST_NS   1e-6    /* what can be a time, as in plots/core/load.py */
#define MOST_NS    1e21

enum eie_status eie_samples_add(struct eie_samples *samples, struct eie_sample one,
                                struct eie_error *error)
{
    if (samples->count == samples->room) {
        const uint32_t room = samples->room ? 2 * samples->room : 32;
        struct eie_sample *more = realloc(samples->all, room * sizeof *more);
        if (!more) return eie_fail(error, EIE_MEMORY, "out of memory for samples");
        samples->all = more;
        samples->room = room;
    }
    samples->all[samples->count++] = one;
    return EIE_OK;
}

void eie_samples_free(struct eie_samples *samples)
{
    free(samples->all);
    *samples = (struct eie_samples){0};
}

/* ---- which of them count -------------------------------------------------------------------- */

uint32_t eie_samples_quiet(const struct eie_samples *samples)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < samples->count; i++) count += !samples->all[i].disturbed;
    return count;
}

static struct eie_stats stats_of(const struct eie_samples *samples, bool all)
{
    double *ns = calloc((size_t)samples->count + 1, sizeof *ns);
    uint32_t count = 0;
    for (uint32_t i = 0; i < samples->count && ns; i++)
        if (all || !samples->all[i].disturbed) ns[count++] = samples->all[i].ns;
    const struct eie_stats stats = eie_stats_of(ns, count);
    free(ns);
    return stats;
}

bool eie_samples_all_count(const struct eie_samples *samples)
{
    const uint32_t quiet = eie_samples_quiet(samples);
    if (quiet == samples->count || quiet >= EIE_SAMPLES_LEAST) return false;
    return quiet < EIE_SAMPLES_LONG || !(stats_of(samples, true).median >= EIE_LONG_CALL_NS);
}

struct eie_stats eie_samples_stats(const struct eie_samples *samples)
{
    return stats_of(samples, eie_samples_all_count(samples));
}

double eie_stats_width(const struct eie_stats *stats)
{
    return (stats->high - stats->low) / 2 / stats->median;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

void eie_samples_add_json(const struct eie_samples *samples, json_t *row)
{
    const bool all = eie_samples_all_count(samples);
    json_t *counted = json_array(), *visits = json_array(), *counts = json_array();
    json_t *apart = json_array(), *apart_visits = json_array(), *at = json_array();
    uint32_t visit = 0, in_visit = 0, disturbed = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct eie_sample *one = &samples->all[i];
        disturbed += one->disturbed;
        if (one->disturbed && !all) {
            json_array_append_new(apart, json_real(one->ns));
            json_array_append_new(apart_visits, json_integer(one->visit));
            continue;
        }
        if (one->visit != visit) {
            if (visit) json_array_append_new(counts, json_integer(in_visit));
            json_array_append_new(visits, json_integer(one->visit));
            visit = one->visit;
            in_visit = 0;
        }
        if (one->disturbed)
            json_array_append_new(at, json_integer((json_int_t)json_array_size(counted)));
        json_array_append_new(counted, json_real(one->ns));
        in_visit++;
    }
    if (visit) json_array_append_new(counts, json_integer(in_visit));
    json_object_set_new(row, "eie_samples_ns", counted);
    json_object_set_new(row, "eie_visits", visits);
    json_object_set_new(row, "eie_visit_samples", counts);
    if (json_array_size(apart)) {
        json_object_set(row, "eie_disturbed_ns", apart);
        json_object_set(row, "eie_disturbed_visits", apart_visits);
    }
    if (json_array_size(at)) {
        json_object_set(row, "eie_disturbed_at", at);
        json_object_set_new(row, "eie_disturbed_counted", json_true());
    }
    if (disturbed) eie_set_number(row, "eie_disturbed_share", (double)disturbed / samples->count);
    json_decref(apart);
    json_decref(apart_visits);
    json_decref(at);
}

static enum eie_status add_taken(struct eie_samples *samples, const json_t *ns, uint32_t visit,
                                 bool disturbed, struct eie_error *error)
{
    const struct eie_sample one = {json_number_value(ns), visit, disturbed};
    if (!visit)
        return eie_fail(error, EIE_INPUT, "the number of a visit is none from 1 to %d", VISITS_MAX);
    if (!(one.ns >= LEAST_NS && one.ns <= MOST_NS))
        return eie_fail(error, EIE_INPUT, "a sample is no time");
    return eie_samples_add(samples, one, error);
}

static uint32_t whole(const json_t *list, size_t index)
{
    const json_int_t value = json_integer_value(json_array_get(list, index));
    return value > 0 && value <= VISITS_MAX ? (uint32_t)value : 0;
}

static int by_visit(const void *left, const void *right)
{
    const struct eie_sample *a = left, *b = right;
    return (a->visit > b->visit) - (a->visit < b->visit);
}

/* Lists where they are there at all, and visits that rise. */
static bool are_lists(const json_t *row)
{
    static const char *const keys[] = {"eie_visits", "eie_visit_samples", "eie_disturbed_ns",
                                       "eie_disturbed_visits", "eie_disturbed_at"};
    const json_t *visits = json_object_get(row, "eie_visits");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const json_t *list = json_object_get(row, keys[k]);
        if (list && !json_is_array(list)) return false;
    }
    for (size_t v = 1; v < json_array_size(visits); v++)
        if (whole(visits, v) <= whole(visits, v - 1)) return false;
    return true;
}

enum eie_status eie_samples_take(struct eie_samples *samples, const json_t *row,
                                 struct eie_error *error)
{
    const json_t *ns = json_object_get(row, "eie_samples_ns");
    const json_t *visits = json_object_get(row, "eie_visits");
    const json_t *counts = json_object_get(row, "eie_visit_samples");
    const json_t *apart = json_object_get(row, "eie_disturbed_ns");
    const json_t *apart_visits = json_object_get(row, "eie_disturbed_visits");
    const json_t *at = json_object_get(row, "eie_disturbed_at");
    const uint32_t first = samples->count;
    enum eie_status status = EIE_OK;
    size_t next = 0;
    if (!are_lists(row) || json_array_size(visits) != json_array_size(counts) ||
        json_array_size(apart) != json_array_size(apart_visits))
        return eie_fail(error, EIE_INPUT, "visits and samples contradict each other");
    for (size_t v = 0; v < json_array_size(visits); v++)
        for (uint32_t i = 0; i < whole(counts, v) && !status; i++)
            status = add_taken(samples, json_array_get(ns, next++), whole(visits, v), false, error);
    while (!visits && !status && next < json_array_size(ns))
        status = add_taken(samples, json_array_get(ns, next++), 1, false, error);
    if (!status && next != json_array_size(ns))
        status = eie_fail(error, EIE_INPUT, "visits and samples contradict each other");
    for (size_t i = 0; i < json_array_size(at) && !status; i++) {
        const json_int_t index = json_integer_value(json_array_get(at, i));
        if (index < 0 || (size_t)index >= next)
            status = eie_fail(error, EIE_INPUT, "there is no sample %lld", (long long)index);
        else if (samples->all[first + index].disturbed)
            status = eie_fail(error, EIE_INPUT, "sample %lld is disturbed twice", (long long)index);
        else
            samples->all[first + index].disturbed = true;
    }
    for (size_t i = 0; i < json_array_size(apart) && !status; i++)
        status = add_taken(samples, json_array_get(apart, i), whole(apart_visits, i), true, error);
    if (!status && samples->count)
        qsort(samples->all, samples->count, sizeof *samples->all, by_visit);
    return status;
}

uint32_t eie_samples_last_visit(const json_t *row)
{
    const char *const keys[] = {"eie_visits", "eie_disturbed_visits"};
    uint32_t last = json_array_size(json_object_get(row, "eie_samples_ns")) ? 1 : 0;
    for (int k = 0; k < 2; k++) {
        const json_t *list = json_object_get(row, keys[k]);
        for (size_t i = 0; i < json_array_size(list); i++)
            if (whole(list, i) > last) last = whole(list, i);
    }
    return last;
}
