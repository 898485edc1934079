#include "bench/map/refine.h"

#include <math.h>
#include <stdlib.h>

struct proposal {
    struct eie_point point;
    double gap; /* between the neighbours, larger density over smaller */
    bool edge;  /* of what pays, where the winner is the same */
};

static double along(const struct eie_shape *shape, bool weights)
{
    return weights ? shape->weights : shape->activations;
}

/* Do they differ in this density at most? */
static bool in_line(const struct eie_point *one, const struct eie_point *other, bool weights)
{
    struct eie_point moved = *one;
    if (weights)
        moved.shape.weights = other->shape.weights;
    else
        moved.shape.activations = other->shape.activations;
    return eie_point_equal(&moved, other);
}

/* The nearest one of higher density that has a winner, or NULL. */
static const struct eie_verdict *next_of(const struct eie_verdicts *verdicts,
                                         const struct eie_verdict *one, bool weights)
{
    const struct eie_verdict *next = NULL;
    for (uint32_t i = 0; i < verdicts->count; i++) {
        const struct eie_verdict *other = &verdicts->all[i];
        const double at = along(&other->point.shape, weights);
        if (in_line(&one->point, &other->point, weights) &&
            at > along(&one->point.shape, weights) && eie_verdict_winner(other) != EIE_FAMILIES &&
            (!next || at < along(&next->point.shape, weights)))
            next = other;
    }
    return next;
}

static bool differ(const struct eie_verdict *one, const struct eie_verdict *other)
{
    return eie_verdict_winner(one) != eie_verdict_winner(other) ||
           eie_verdict_eie_leads(one) != eie_verdict_eie_leads(other);
}

/* Does leaving weights out clearly pay on one side and not on the other? */
static bool is_edge(const struct eie_verdict *one, const struct eie_verdict *other)
{
    for (int sparse = 0; sparse < 2; sparse++) {
        const enum eie_standing here = eie_verdict_standing(one, sparse),
                                there = eie_verdict_standing(other, sparse);
        if ((here == EIE_STANDING_FASTER && there == EIE_STANDING_SLOWER) ||
            (here == EIE_STANDING_SLOWER && there == EIE_STANDING_FASTER))
            return true;
    }
    return false;
}

/* False where there is nothing to look at between one and the next. */
static bool propose(const struct eie_verdicts *verdicts, const struct eie_verdict *one,
                    bool weights, double closest, struct proposal *proposal)
{
    const struct eie_verdict *next = next_of(verdicts, one, weights);
    if (!next) return false;
    const bool winners = differ(one, next);
    if (!winners && !(weights && is_edge(one, next))) return false;
    const double low = along(&one->point.shape, weights), high = along(&next->point.shape, weights);
    const double middle = eie_shape_density(sqrt(low * high));
    if (high / low <= closest || middle <= low || middle >= high) return false;
    *proposal = (struct proposal){one->point, high / low, !winners};
    if (weights)
        proposal->point.shape.weights = middle;
    else
        proposal->point.shape.activations = middle;
    return eie_shape_check(&proposal->point.shape, NULL) == EIE_OK;
}

static double work_of(const struct eie_point *point)
{
    return (double)point->shape.inputs * point->shape.outputs * point->batch;
}

static int by_gap(const void *a, const void *b)
{
    const struct proposal *one = a, *other = b;
    const long gap = lround(20 * log(one->gap)), other_gap = lround(20 * log(other->gap));
    if (gap != other_gap) return gap < other_gap ? 1 : -1;
    if (one->edge != other->edge) return one->edge ? 1 : -1;
    const double difference = work_of(&one->point) - work_of(&other->point);
    return difference < 0 ? -1 : difference > 0;
}

static bool is_in(const struct eie_point *point, const struct eie_point *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (eie_point_equal(&list[i], point)) return true;
    return false;
}

static bool is_known(const struct eie_verdicts *verdicts, const struct eie_point *point)
{
    const struct eie_verdict *verdict = eie_verdicts_find(verdicts, point);
    return verdict && eie_verdict_winner(verdict) != EIE_FAMILIES;
}

enum eie_status eie_map_refine(const struct eie_verdicts *verdicts, double closest,
                               const struct eie_point *tried, uint32_t tried_count,
                               struct eie_point **points, uint32_t *count, struct eie_error *error)
{
    struct proposal *found = calloc(2 * (size_t)verdicts->count + 1, sizeof *found);
    struct eie_point *made = calloc(2 * (size_t)verdicts->count + 1, sizeof *made);
    uint32_t proposed = 0;
    *count = 0;
    if (!found || !made) {
        free(found);
        free(made);
        return eie_fail(error, EIE_MEMORY, "out of memory for points");
    }
    for (uint32_t i = 0; i < verdicts->count; i++) {
        if (eie_verdict_winner(&verdicts->all[i]) == EIE_FAMILIES) continue;
        for (int weights = 0; weights < 2; weights++)
            proposed += propose(verdicts, &verdicts->all[i], weights, closest, &found[proposed]);
    }
    qsort(found, proposed, sizeof *found, by_gap);
    for (uint32_t i = 0; i < proposed; i++)
        if (!is_known(verdicts, &found[i].point) && !is_in(&found[i].point, tried, tried_count) &&
            !is_in(&found[i].point, made, *count))
            made[(*count)++] = found[i].point;
    free(found);
    *points = made;
    return EIE_OK;
}
