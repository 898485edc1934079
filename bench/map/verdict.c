#include "bench/map/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_NS  1e-3 /* a time is within these */
#define MOST_NS   1e15
#define BATCH_MAX 65536

static const char *const names[EIE_FAMILIES] = {
    [EIE_FAMILY_DENSE] = "dense float32",   [EIE_FAMILY_INT8] = "dense int8",
    [EIE_FAMILY_SPARSE] = "sparse float32", [EIE_FAMILY_COMPRESSED] = "compressed",
    [EIE_FAMILY_EIE] = "EIE (modelled)",
};

const char *eie_family_name(enum eie_family family)
{
    return names[family];
}

bool eie_point_equal(const struct eie_point *one, const struct eie_point *other)
{
    const struct eie_shape *a = &one->shape, *b = &other->shape;
    return one->batch == other->batch && a->inputs == b->inputs && a->outputs == b->outputs &&
           a->weights == b->weights && a->activations == b->activations;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static double time_of(const json_t *row, const char *key)
{
    const double ns = json_number_value(json_object_get(row, key));
    return ns >= LEAST_NS && ns <= MOST_NS ? ns : (double)NAN;
}

static bool has_flag(const json_t *row, const char *flag)
{
    const json_t *flags = json_object_get(row, "eie_flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *word = json_string_value(json_array_get(flags, i));
        if (word && !strcmp(word, flag)) return true;
    }
    return false;
}

/* EIE_FAMILIES: none. */
static enum eie_family family_of(const json_t *row)
{
    const bool rounds = has_flag(row, "approximate");
    if (!strcmp(text_of(row, "eie_time_source"), "model"))
        return has_flag(row, "estimate") ? EIE_FAMILY_EIE : EIE_FAMILIES;
    if (strcmp(text_of(row, "eie_time_source"), "wall") != 0) return EIE_FAMILIES;
    if (has_flag(row, "exact")) return EIE_FAMILY_COMPRESSED;
    if (!has_flag(row, "float32")) return EIE_FAMILIES;
    if (has_flag(row, "dense")) return rounds ? EIE_FAMILY_INT8 : EIE_FAMILY_DENSE;
    return has_flag(row, "sparse") && !rounds ? EIE_FAMILY_SPARSE : EIE_FAMILIES;
}

struct eie_verdict eie_verdict_none(const struct eie_point *point)
{
    struct eie_verdict verdict = {.point = *point};
    for (int f = 0; f < EIE_FAMILIES; f++) verdict.best[f] = (struct eie_best){NAN, NAN, NAN, NULL};
    return verdict;
}

void eie_verdict_take(struct eie_verdict *verdict, const json_t *row)
{
    const enum eie_family family = family_of(row);
    const double ns = time_of(row, "eie_median_ns");
    if (family == EIE_FAMILIES || strcmp(text_of(row, "eie_status"), "ok") != 0 || isnan(ns))
        return;
    struct eie_best *best = &verdict->best[family];
    if (best->ns <= ns) return;
    const double low = time_of(row, "eie_ci95_low_ns"), high = time_of(row, "eie_ci95_high_ns");
    *best = (struct eie_best){ns, low <= ns ? low : ns, high >= ns ? high : ns, row};
}

static enum eie_status point_of(const json_t *row, struct eie_point *point, bool *is_one,
                                struct eie_error *error)
{
    const json_int_t batch = json_integer_value(json_object_get(row, "eie_batch"));
    *is_one = !strcmp(text_of(row, "eie_suite"), EIE_SHAPE_SUITE);
    if (!*is_one) return EIE_OK;
    if (!eie_shape_parse(text_of(row, "eie_layer"), &point->shape) || batch < 1 ||
        batch > BATCH_MAX)
        return eie_fail(error, EIE_INPUT, "row '%.200s' names no shape, or no batch",
                        text_of(row, "name"));
    point->batch = (uint32_t)batch;
    return eie_shape_check(&point->shape, error) ? EIE_INPUT : EIE_OK;
}

static struct eie_verdict *find(const struct eie_verdicts *verdicts, const struct eie_point *point)
{
    for (uint32_t i = verdicts->count; i-- > 0;) /* rows of a point come one behind the other */
        if (eie_point_equal(&verdicts->all[i].point, point)) return &verdicts->all[i];
    return NULL;
}

static struct eie_verdict *find_or_add(struct eie_verdicts *verdicts, const struct eie_point *point)
{
    struct eie_verdict *found = find(verdicts, point);
    if (found) return found;
    if (verdicts->count == verdicts->room) {
        const uint32_t room = 2 * verdicts->room + 64;
        struct eie_verdict *grown = realloc(verdicts->all, room * sizeof *grown);
        if (!grown) return NULL;
        verdicts->all = grown;
        verdicts->room = room;
    }
    verdicts->all[verdicts->count] = eie_verdict_none(point);
    return &verdicts->all[verdicts->count++];
}

enum eie_status eie_verdicts_take(struct eie_verdicts *verdicts, const json_t *row,
                                  uint32_t threads, const char *cache, struct eie_error *error)
{
    struct eie_point point;
    bool is_one;
    const bool is_model = !strcmp(text_of(row, "eie_time_source"), "model");
    if (!is_model && (json_integer_value(json_object_get(row, "eie_threads")) != threads ||
                      strcmp(text_of(row, "eie_cache"), cache) != 0))
        return EIE_OK;
    enum eie_status status = point_of(row, &point, &is_one, error);
    if (status || !is_one) return status;
    struct eie_verdict *verdict = find_or_add(verdicts, &point);
    if (!verdict) return eie_fail(error, EIE_MEMORY, "out of memory for points");
    eie_verdict_take(verdict, row);
    return EIE_OK;
}

void eie_verdicts_free(struct eie_verdicts *verdicts)
{
    free(verdicts->all);
    *verdicts = (struct eie_verdicts){0};
}

const struct eie_verdict *eie_verdicts_find(const struct eie_verdicts *verdicts,
                                            const struct eie_point *point)
{
    return find(verdicts, point);
}

enum eie_family eie_verdict_winner(const struct eie_verdict *verdict)
{
    int winner = EIE_FAMILIES;
    for (int f = 0; f < EIE_FAMILIES_HERE; f++)
        if (verdict->best[f].row &&
            (winner == EIE_FAMILIES || verdict->best[f].ns < verdict->best[winner].ns))
            winner = f;
    return (enum eie_family)winner;
}

enum eie_family eie_verdict_leaver(const struct eie_verdict *verdict)
{
    const struct eie_best *sparse = &verdict->best[EIE_FAMILY_SPARSE];
    return sparse->row && !(verdict->best[EIE_FAMILY_COMPRESSED].ns <= sparse->ns)
               ? EIE_FAMILY_SPARSE
               : EIE_FAMILY_COMPRESSED;
}

double eie_verdict_gain(const struct eie_verdict *verdict)
{
    return verdict->best[EIE_FAMILY_DENSE].ns / verdict->best[eie_verdict_leaver(verdict)].ns;
}

double eie_verdict_sparse_gain(const struct eie_verdict *verdict)
{
    return verdict->best[EIE_FAMILY_DENSE].ns / verdict->best[EIE_FAMILY_SPARSE].ns;
}

enum eie_standing eie_verdict_standing(const struct eie_verdict *verdict, bool sparse_alone)
{
    const struct eie_best *dense = &verdict->best[EIE_FAMILY_DENSE];
    const struct eie_best *other =
        &verdict->best[sparse_alone ? EIE_FAMILY_SPARSE : eie_verdict_leaver(verdict)];
    if (!dense->row || !other->row) return EIE_STANDING_UNKNOWN;
    const bool meet = dense->low_ns <= other->high_ns && other->low_ns <= dense->high_ns;
    const double gain = dense->ns / other->ns;
    if (meet || (gain < EIE_TIE_TIMES && gain > 1 / EIE_TIE_TIMES)) return EIE_STANDING_TIE;
    return gain > 1 ? EIE_STANDING_FASTER : EIE_STANDING_SLOWER;
}

bool eie_verdict_eie_leads(const struct eie_verdict *verdict)
{
    const enum eie_family winner = eie_verdict_winner(verdict);
    return winner != EIE_FAMILIES && verdict->best[EIE_FAMILY_EIE].ns < verdict->best[winner].ns;
}

void eie_best_kernel(const struct eie_best *best, char *text, size_t size)
{
    const char *chosen = text_of(best->row, "eie_chosen_kernel");
    snprintf(text, size, "%.60s%s%.60s%s", text_of(best->row, "eie_kernel"), *chosen ? " (" : "",
             chosen, *chosen ? ")" : "");
}
