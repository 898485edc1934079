#include "bench/map/advice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_DENSITY 1e-3 /* is not looked below */
#define STEP          4    /* down from a density at which dense is faster */
#define LOOKS         6    /* at most, beside the layer itself */
#define POINT_S       3    /* for the layer itself, beside its least samples */
#define CLOSE         1.25 /* densities are not brought nearer */
#define SIZES_APART   4    /* inputs and outputs together: how far a map is believed */
#define SHARES_APART  2    /* of either density */
#define DESIGN_PES    64   /* of EIE_MAP_DESIGN */

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void begin(struct eie_advice *advice, const struct eie_point *point)
{
    *advice = (struct eie_advice){.point = *point,
                                  .leaving = {NAN, NAN, NAN, NAN},
                                  .sparse = {NAN, NAN, NAN, NAN},
                                  .times_size = 1,
                                  .times_weights = 1};
    for (int f = 0; f < EIE_FAMILIES; f++)
        advice->offers[f] = (struct eie_offer){NAN, NAN, NAN, 0, NAN, "", ""};
}

/* The chip's own: entries of a byte, and its column pointers. */
static double weight_bytes_of(enum eie_family family, const json_t *row)
{
    if (family != EIE_FAMILY_EIE) return number_of(row, "eie_prepared_bytes");
    return number_of(row, "eie_entries") + DESIGN_PES * number_of(row, "eie_pointer_bytes_per_pe");
}

static void remark_on(enum eie_family family, const json_t *row, struct eie_offer *offer)
{
    const char *fits = text_of(row, "eie_fits_on_chip");
    if (family == EIE_FAMILY_INT8)
        snprintf(offer->remark, sizeof offer->remark, "rounds weights and inputs to 8 bits");
    if (family == EIE_FAMILY_EIE && !strncmp(fits, "no", 2))
        snprintf(offer->remark, sizeof offer->remark, "does not fit the chip: %.100s", fits);
}

static void make_offer(enum eie_family family, const struct eie_best *best, struct eie_offer *offer)
{
    if (!best->row) return;
    const double bytes = weight_bytes_of(family, best->row);
    offer->ns = best->ns;
    offer->low_ns = best->low_ns;
    offer->high_ns = best->high_ns;
    offer->disturbed = fmin(1, fmax(0, number_of(best->row, "eie_disturbed_share")));
    offer->weight_bytes = bytes > 0 ? bytes : (double)NAN;
    eie_best_kernel(best, offer->kernel, sizeof offer->kernel);
    remark_on(family, best->row, offer);
}

/* ---- measured now --------------------------------------------------------------------------- */

struct gathering {
    const char *suite, *layer;
    uint32_t batch;
    struct eie_verdict *verdict;
    char reason[512]; /* the first one of a row without a number */
};

static void gather_row(void *context, json_t *row)
{
    struct gathering *gathering = context;
    if (strcmp(text_of(row, "eie_suite"), gathering->suite) != 0 ||
        strcmp(text_of(row, "eie_layer"), gathering->layer) != 0 ||
        number_of(row, "eie_batch") != gathering->batch)
        return;
    eie_verdict_take(gathering->verdict, row);
    if (!*gathering->reason && *text_of(row, "eie_reason"))
        snprintf(gathering->reason, sizeof gathering->reason, "%.200s: %.250s",
                 text_of(row, "eie_kernel"), text_of(row, "eie_reason"));
}

static struct eie_verdict gather(const struct eie_results *results, struct gathering *gathering,
                                 const struct eie_point *point)
{
    struct eie_verdict verdict = eie_verdict_none(point);
    gathering->verdict = &verdict;
    eie_results_each(results, gather_row, gathering);
    return verdict;
}

struct search {
    const struct eie_candidates *candidates; /* the family's fastest only */
    struct eie_results *results;
    struct eie_point point;
    bool sparse_alone;
    uint32_t looks;
};

/* What was found at a density becomes part of the edge. */
static void note(struct eie_break_even *edge, double density, enum eie_standing standing)
{
    if (standing == EIE_STANDING_FASTER) edge->pays_at = density;
    if (standing == EIE_STANDING_FASTER && edge->tie_to < density)
        edge->tie_from = edge->tie_to = NAN; /* lie where it pays */
    if (standing == EIE_STANDING_SLOWER) edge->not_at = density;
    if (standing != EIE_STANDING_TIE) return;
    edge->tie_from = fmin(edge->tie_from, density); /* not of NaN */
    edge->tie_to = fmax(edge->tie_to, density);
}

/* How it stands at this density, noted. */
static enum eie_status look(struct search *search, double density, struct eie_break_even *edge,
                            enum eie_standing *standing, struct eie_error *error)
{
    char name[EIE_NAME_MAX];
    struct eie_point point = search->point;
    *standing = EIE_STANDING_UNKNOWN;
    point.shape.weights = eie_shape_density(density);
    if (search->looks == LOOKS || eie_candidates_fit(search->candidates, &point.shape, NULL))
        return EIE_OK;
    search->looks++;
    eie_shape_name(&point.shape, name);
    enum eie_status status =
        eie_candidates_measure(search->candidates, &point, 1, 0, search->results, error);
    struct gathering gathering = {.suite = EIE_SHAPE_SUITE, .layer = name, .batch = point.batch};
    const struct eie_verdict verdict = gather(search->results, &gathering, &point);
    *standing = eie_verdict_standing(&verdict, search->sparse_alone);
    if (!status) note(edge, density, *standing);
    return status;
}

/* Up to all weights from a density at which it is not slower, down from one at which it is not
 * faster; then between, until there is a tie. */
static enum eie_status find_threshold(struct search *search, const struct eie_verdict *verdict,
                                      struct eie_break_even *edge, struct eie_error *error)
{
    const double density = search->point.shape.weights;
    const enum eie_standing first = eie_verdict_standing(verdict, search->sparse_alone);
    enum eie_standing found = first;
    double low = density;
    enum eie_status status = EIE_OK;
    search->looks = 0;
    note(edge, density, first);
    if (first > EIE_STANDING_SLOWER && density < 1) status = look(search, 1, edge, &found, error);
    found = first;
    while (!status && found && isnan(edge->pays_at) && low / STEP >= LEAST_DENSITY) {
        low /= STEP;
        status = look(search, low, edge, &found, error);
    }
    found = first;
    while (!status && found && isnan(edge->tie_from) && edge->not_at / edge->pays_at > CLOSE)
        status = look(search, eie_shape_density(sqrt(edge->not_at * edge->pays_at)), edge, &found,
                      error);
    return status;
}

/* Names of the fastest of the families that the threshold is about. */
static void narrow(const struct eie_verdict *verdict, char *kernels, size_t size)
{
    static const enum eie_family families[] = {EIE_FAMILY_DENSE, EIE_FAMILY_SPARSE,
                                               EIE_FAMILY_COMPRESSED};
    size_t used = 0;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        const struct eie_best *best = &verdict->best[families[f]];
        if (best->row && used < size)
            used += (size_t)snprintf(kernels + used, size - used, "%s%.100s", used ? "," : "",
                                     text_of(best->row, "eie_kernel"));
    }
}

enum eie_status eie_advice_measure(const struct eie_candidates *candidates, struct eie_suite *suite,
                                   const char *word, const char *layer,
                                   const struct eie_point *point, struct eie_results *results,
                                   struct eie_advice *advice, struct eie_error *error)
{
    char name[EIE_NAME_MAX], suite_name[EIE_NAME_MAX] = EIE_SHAPE_SUITE, kernels[512] = "";
    begin(advice, point);
    eie_shape_name(&point->shape, name);
    if (suite) snprintf(suite_name, sizeof suite_name, "%s", suite->name);
    enum eie_status status =
        suite ? eie_candidates_measure_layer(candidates, suite, word, layer, point->batch, POINT_S,
                                             results, error)
              : eie_candidates_measure(candidates, point, 1, POINT_S, results, error);
    if (status) return status;
    struct gathering gathering = {
        .suite = suite_name, .layer = layer ? layer : name, .batch = point->batch};
    const struct eie_verdict verdict = gather(results, &gathering, point);
    if (eie_verdict_winner(&verdict) == EIE_FAMILIES)
        return eie_fail(error, EIE_MISSING, "nothing could be measured: %s",
                        *gathering.reason ? gathering.reason : "no kernel matched");
    for (int f = 0; f < EIE_FAMILIES; f++)
        make_offer((enum eie_family)f, &verdict.best[f], &advice->offers[f]);
    snprintf(advice->basis, sizeof advice->basis, "measured now%s",
             suite ? "; the density from which on it pays, on layers drawn with this one's shape"
                   : ", on a layer drawn with this shape");
    narrow(&verdict, kernels, sizeof kernels);
    struct eie_candidates few = *candidates;
    few.kernels = kernels;
    few.target = 0;
    struct search search = {.candidates = &few, .results = results, .point = *point};
    status = find_threshold(&search, &verdict, &advice->leaving, error);
    search.sparse_alone = true; /* what was measured is not measured again */
    return status ? status : find_threshold(&search, &verdict, &advice->sparse, error);
}

/* ---- from a map ----------------------------------------------------------------------------- */

static double apart(double one, double other)
{
    return fabs(log(one / other));
}

static double places_of(const struct eie_shape *shape)
{
    return (double)shape->inputs * shape->outputs;
}

static double size_apart(const struct eie_shape *one, const struct eie_shape *other)
{
    return apart(one->inputs, other->inputs) + apart(one->outputs, other->outputs);
}

/* The point of the map that is nearest by size, then by the inputs' density, then by the weights'.
 */
static const struct eie_verdict *nearest(const struct eie_map_file *file,
                                         const struct eie_point *point)
{
    const struct eie_verdict *best = NULL;
    double least[3] = {0};
    for (uint32_t i = 0; i < file->verdicts.count; i++) {
        const struct eie_verdict *one = &file->verdicts.all[i];
        const struct eie_shape *shape = &one->point.shape;
        if (one->point.batch != point->batch || eie_verdict_winner(one) == EIE_FAMILIES) continue;
        const double distance[3] = {size_apart(shape, &point->shape),
                                    apart(shape->activations, point->shape.activations),
                                    apart(shape->weights, point->shape.weights)};
        int at = 0;
        while (best && at < 2 && distance[at] == least[at]) at++;
        if (best && distance[at] >= least[at]) continue;
        best = one;
        memcpy(least, distance, sizeof least);
    }
    return best;
}

/* On the line of `on` (its size, batch and inputs' density) the point next to the density: at or
 * below it, or at or above; NULL: none. */
static const struct eie_verdict *beside(const struct eie_map_file *file,
                                        const struct eie_verdict *on, double density, bool above)
{
    const struct eie_verdict *found = NULL;
    for (uint32_t i = 0; i < file->verdicts.count; i++) {
        const struct eie_verdict *one = &file->verdicts.all[i];
        struct eie_point moved = on->point;
        const double weights = moved.shape.weights = one->point.shape.weights;
        if (!eie_point_equal(&moved, &one->point) || eie_verdict_winner(one) == EIE_FAMILIES ||
            (above ? weights < density : weights > density))
            continue;
        if (!found ||
            (above ? weights < found->point.shape.weights : weights > found->point.shape.weights))
            found = one;
    }
    return found;
}

/* How many bytes a family's form has at the asked point, by what it has at the map's. */
static double scale_bytes(enum eie_family family, double bytes, const struct eie_shape *from,
                          const struct eie_shape *to)
{
    const double places = places_of(to) / places_of(from);
    const bool dense = family == EIE_FAMILY_DENSE || family == EIE_FAMILY_INT8;
    return bytes * places * (dense ? 1 : to->weights / from->weights);
}

static void interpolate(enum eie_family family, const struct eie_verdict *low,
                        const struct eie_verdict *high, const struct eie_point *point,
                        struct eie_offer *offer)
{
    const struct eie_best *a = &low->best[family], *b = &high->best[family];
    if (!a->row || !b->row) return;
    const double span = log(high->point.shape.weights / low->point.shape.weights);
    const double share = span > 0 ? log(point->shape.weights / low->point.shape.weights) / span : 0;
    const double size = places_of(&point->shape) / places_of(&low->point.shape);
    make_offer(family, share < 0.5 ? a : b, offer);
    const struct eie_shape *from = share < 0.5 ? &low->point.shape : &high->point.shape;
    offer->weight_bytes = scale_bytes(family, offer->weight_bytes, from, &point->shape);
    offer->ns = size * exp(log(a->ns) + share * log(b->ns / a->ns));
    offer->low_ns = size * exp(log(a->low_ns) + share * log(b->low_ns / a->low_ns));
    offer->high_ns = size * exp(log(a->high_ns) + share * log(b->high_ns / a->high_ns));
}

/* Along the line, from its lowest density up to the first at which it is clearly slower. */
static void read_threshold(const struct eie_map_file *file, const struct eie_verdict *on,
                           bool sparse_alone, struct eie_break_even *edge)
{
    const struct eie_verdict *one = beside(file, on, 0, true);
    while (one && isnan(edge->not_at)) {
        const double density = one->point.shape.weights;
        const enum eie_standing standing = eie_verdict_standing(one, sparse_alone);
        note(edge, density, standing);
        one = beside(file, on, nextafter(density, 2), true);
    }
}

enum eie_status eie_advice_read(const struct eie_map_file *file, const struct eie_point *point,
                                struct eie_advice *advice, struct eie_error *error)
{
    const struct eie_verdict *on = nearest(file, point);
    const struct eie_shape *shape = &point->shape;
    begin(advice, point);
    if (!on) return eie_fail(error, EIE_USAGE, "the map has no point of batch %u", point->batch);
    const struct eie_shape *its = &on->point.shape;
    if (size_apart(its, shape) > log(SIZES_APART))
        return eie_fail(error, EIE_USAGE,
                        "the map's size next to %u x %u is %u x %u, which is too far away: leave "
                        "--map out to measure it",
                        shape->inputs, shape->outputs, its->inputs, its->outputs);
    if (apart(its->activations, shape->activations) > log(SHARES_APART))
        return eie_fail(error, EIE_USAGE,
                        "the map's density of inputs next to %g is %g, which is too far away: "
                        "leave --map out to measure it",
                        shape->activations, its->activations);
    const struct eie_verdict *low = beside(file, on, shape->weights, false),
                             *high = beside(file, on, shape->weights, true);
    const struct eie_verdict *end = low ? low : high;
    if ((!low || !high) && apart(end->point.shape.weights, shape->weights) > log(SHARES_APART))
        return eie_fail(error, EIE_USAGE,
                        "the map's density of weights next to %g is %g, which is too far away: "
                        "leave --map out to measure it",
                        shape->weights, end->point.shape.weights);
    if (!low) low = high;
    if (!high) high = low;
    for (int f = 0; f < EIE_FAMILIES; f++)
        interpolate((enum eie_family)f, low, high, point, &advice->offers[f]);
    enum eie_family second;
    if (eie_advice_best(advice, &second) == EIE_FAMILIES)
        return eie_fail(error, EIE_USAGE,
                        "no form has a time both at %g and at %g of the weights, which the map has "
                        "next to %g: leave --map out to measure it",
                        low->point.shape.weights, high->point.shape.weights, shape->weights);
    read_threshold(file, on, false, &advice->leaving);
    read_threshold(file, on, true, &advice->sparse);
    advice->times_size = places_of(shape) / places_of(its);
    advice->times_weights = high->point.shape.weights / low->point.shape.weights;
    snprintf(advice->basis, sizeof advice->basis,
             "from the map: %s %u x %u, %g to %g of the weights, %g of the inputs%s",
             low == high ? "measured at" : "between points measured at", its->inputs, its->outputs,
             low->point.shape.weights, high->point.shape.weights, its->activations,
             places_of(its) == places_of(shape) ? "" : ", times in proportion to the size");
    return EIE_OK;
}

/* ---- what follows --------------------------------------------------------------------------- */

enum eie_family eie_advice_best(const struct eie_advice *advice, enum eie_family *second)
{
    int best = EIE_FAMILIES, next = EIE_FAMILIES;
    for (int f = 0; f < EIE_FAMILIES_HERE; f++) {
        const double ns = advice->offers[f].ns;
        if (isnan(ns)) continue;
        if (best == EIE_FAMILIES || ns < advice->offers[best].ns) {
            next = best;
            best = f;
        } else if (next == EIE_FAMILIES || ns < advice->offers[next].ns) {
            next = f;
        }
    }
    *second = (enum eie_family)next;
    return (enum eie_family)best;
}

double eie_advice_disturbed(const struct eie_advice *advice)
{
    double most = 0;
    for (int f = 0; f < EIE_FAMILIES_HERE; f++) most = fmax(most, advice->offers[f].disturbed);
    return most;
}

bool eie_advice_is_close(const struct eie_advice *advice, enum eie_family one,
                         enum eie_family other)
{
    const struct eie_offer *a = &advice->offers[one], *b = &advice->offers[other];
    return a->low_ns <= b->high_ns && b->low_ns <= a->high_ns;
}
