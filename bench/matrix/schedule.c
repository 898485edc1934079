#include "bench/matrix/schedule.h"
#include "host/machine/topology.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEYOND 1.05 /* what is more than this beyond the bound contradicts it */

/* ---- stations ------------------------------------------------------------------------------- */

struct making {
    const struct eie_matrix *matrix;
    struct eie_station *stations; /* NULL only counts */
    uint32_t count;
};

static bool add_station(void *context, const struct eie_group_key *key)
{
    struct making *making = context;
    if (making->stations)
        making->stations[making->count] =
            (struct eie_station){.matrix = making->matrix, .key = *key};
    making->count++;
    return true;
}

enum eie_status eie_schedule_make(const struct eie_matrix *matrices, uint32_t count,
                                  struct eie_station **stations, uint32_t *station_count,
                                  struct eie_error *error)
{
    struct making making = {.stations = NULL};
    for (int round = 0; round < 2; round++) {
        if (round) making.stations = calloc((size_t)making.count + 1, sizeof *making.stations);
        if (round && !making.stations)
            return eie_fail(error, EIE_MEMORY, "out of memory for groups");
        making.count = 0;
        for (uint32_t m = 0; m < count; m++) {
            making.matrix = &matrices[m];
            eie_matrix_each_group(&matrices[m], add_station, &making);
        }
    }
    *stations = making.stations;
    *station_count = making.count;
    return EIE_OK;
}

/* ---- rows as they stand --------------------------------------------------------------------- */

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

bool eie_schedule_is_measured(const json_t *row)
{
    return row && !strcmp(text_of(row, "eie_status"), "ok") &&
           strcmp(text_of(row, "eie_time_source"), "model") != 0;
}

static json_t *earlier(const struct eie_results *results, const struct eie_row *row)
{
    char name[512];
    eie_row_name(row, name, sizeof name);
    return eie_results_row(results, name);
}

static double width_of(const json_t *row)
{
    return (number_of(row, "eie_ci95_high_ns") - number_of(row, "eie_ci95_low_ns")) / 2 /
           number_of(row, "eie_median_ns");
}

/* 0 where there is nothing to gain from a further visit. */
static double wideness(const json_t *row, double target)
{
    if (!eie_schedule_is_measured(row) || json_is_true(json_object_get(row, "eie_apart")) ||
        json_object_get(row, "eie_failed_visit") ||
        number_of(row, "repetitions") >= EIE_SAMPLES_MAX || !(target > 0))
        return 0;
    const double width = width_of(row) / target;
    return width > 1 ? width : 0;
}

/* ---- choosing rows -------------------------------------------------------------------------- */

static bool is_lead(const struct eie_row *row)
{
    return row->kernel->device_kind != EIE_DEVICE_CPU || row->kernel->batch_min > 1 ||
           row->kernel->flags & (EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE) ||
           !strcmp(row->kernel->name, "cpu_auto");
}

static bool is_wanted(const struct eie_row *row, const json_t *old, enum eie_phase phase,
                      double target)
{
    switch (phase) {
    case EIE_PHASE_MODELS:
        return !old && !strcmp(row->time_source, "model");
    case EIE_PHASE_LEAD:
        return !old && is_lead(row);
    case EIE_PHASE_REST:
        return !old;
    case EIE_PHASE_AGAIN:
        return eie_schedule_is_measured(old) && json_object_get(old, "eie_doubt");
    default:
        return wideness(old, target) > 0;
    }
}

/* Its bit of EIE_KERNEL_DENSE and EIE_KERNEL_SPARSE, for kernels that can be a reference. */
static uint32_t form_of(const struct eie_row *row)
{
    const uint32_t flags = row->kernel->flags;
    if (flags & EIE_KERNEL_APPROXIMATE || !(flags & EIE_KERNEL_FLOAT32)) return 0;
    return flags & (EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE);
}

/* The fastest of a form so far, on the wall's clock; -1: none. */
static int64_t best_of(const struct eie_row *rows, const json_t *const *old, uint32_t count,
                       uint32_t form)
{
    int64_t best = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (form_of(&rows[i]) != form || !eie_schedule_is_measured(old[i]) ||
            strcmp(rows[i].time_source, "wall") != 0 ||
            json_is_true(json_object_get(old[i], "eie_apart")))
            continue;
        if (best < 0 || number_of(old[i], "eie_median_ns") < number_of(old[best], "eie_median_ns"))
            best = i;
    }
    return best;
}

static void choose(const struct eie_row *rows, const json_t *const *old, uint32_t count,
                   enum eie_phase phase, double target, bool *taken, bool *reference)
{
    static const uint32_t forms[] = {EIE_KERNEL_DENSE, EIE_KERNEL_SPARSE};
    bool any = false, known = false;
    for (uint32_t i = 0; i < count; i++) {
        taken[i] = is_wanted(&rows[i], old[i], phase, target);
        any = any || taken[i];
    }
    for (int f = 0; f < 2 && any; f++) {
        const int64_t best = best_of(rows, old, count, forms[f]);
        if (best < 0) continue;
        taken[best] = reference[best] = known = true;
    }
    for (uint32_t i = 0; i < count && !known; i++)
        reference[i] = taken[i] && rows[i].kernel->flags & EIE_KERNEL_BASELINE;
    for (uint32_t i = 0; i < count; i++) { /* all clocks of one plan */
        const bool whole = taken[i];
        for (uint32_t k = 0; whole && k < count; k++)
            if (eie_row_same_plan(&rows[i], &rows[k]) &&
                (!old[k] || eie_schedule_is_measured(old[k])))
                taken[k] = true;
    }
}

/* A copy is as large in every cache mode, and takes as long to make. */
static void take_copy(const struct eie_results *results, struct eie_row *row)
{
    struct eie_row hot = *row;
    hot.cache = eie_cache_name(EIE_CACHE_HOT);
    const json_t *known = row->threads ? earlier(results, &hot) : NULL;
    const json_int_t bytes = json_integer_value(json_object_get(known, "eie_prepared_bytes"));
    if (!eie_schedule_is_measured(known) || bytes <= 0 ||
        json_object_get(known, "eie_chosen_kernel"))
        return;
    row->copy_bytes = (uint64_t)bytes;
    row->prepare_ns = number_of(known, "eie_prepare_ns");
}

/* Moves the rows that are taken to the front, with what they have of earlier visits. */
static enum eie_status take(struct eie_row *rows, const json_t *const *old, uint32_t *count,
                            double target, const bool *taken, const bool *reference,
                            const struct eie_results *results, struct eie_error *error)
{
    uint32_t left = 0;
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < *count; i++) {
        if (!taken[i] || status) continue;
        rows[left] = rows[i];
        rows[left].is_reference = reference[i];
        rows[left].target = strcmp(rows[i].time_source, "model") ? target : 0;
        rows[left].samples = (struct eie_samples){0};
        take_copy(results, &rows[left]);
        if (eie_schedule_is_measured(old[i])) status = eie_row_take(&rows[left], old[i], error);
        left++;
    }
    *count = left;
    return status;
}

static void free_rows(struct eie_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) eie_row_free(&rows[i]);
    free(rows);
}

enum eie_status eie_schedule_rows(const struct eie_station *station, enum eie_phase phase,
                                  const struct eie_results *results, double target,
                                  struct eie_row **rows, uint32_t *count, uint32_t *visit,
                                  struct eie_error *error)
{
    *count = eie_matrix_rows(station->matrix, &station->key, NULL);
    *visit = 1;
    struct eie_row *made = calloc((size_t)*count + 1, sizeof *made);
    const json_t **old = calloc((size_t)*count + 1, sizeof(const json_t *));
    bool *marks = calloc(2 * (size_t)*count + 1, sizeof *marks);
    enum eie_status status =
        made && old && marks ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for rows");
    if (!status) {
        eie_matrix_rows(station->matrix, &station->key, made);
        for (uint32_t i = 0; i < *count; i++) {
            old[i] = earlier(results, &made[i]);
            const uint32_t last =
                eie_schedule_is_measured(old[i]) ? eie_samples_last_visit(old[i]) : 0;
            if (last >= *visit) *visit = last + 1;
        }
        choose(made, old, *count, phase, target, marks, marks + *count);
        status = take(made, old, count, target, marks, marks + *count, results, error);
    }
    if (status)
        free_rows(made, made ? *count : 0);
    else
        *rows = made;
    free(old);
    free(marks);
    return status;
}

double eie_schedule_width(const struct eie_station *station, const struct eie_results *results,
                          double target)
{
    const uint32_t count = eie_matrix_rows(station->matrix, &station->key, NULL);
    struct eie_row *rows = calloc((size_t)count + 1, sizeof *rows);
    double widest = 0;
    if (!rows) return 0;
    eie_matrix_rows(station->matrix, &station->key, rows);
    for (uint32_t i = 0; i < count; i++)
        widest = fmax(widest, wideness(earlier(results, &rows[i]), target));
    free(rows);
    return widest;
}

/* ---- how long it takes ---------------------------------------------------------------------- */

/* Rounded figures of one core of today; only their size matters. */
#define BYTES_PER_S   10e9
#define FLOPS_PER_S   30e9
#define NONZERO_S     0.6e-9
#define PREPARE_S     20e-3
#define CELL_S        2e-9 /* of the dense matrix: decoding, checking */
#define BLOCK_S       0.25e-3
#define WARM_S        1e-3
#define WARM_SHARED_S 40e-3

static double guess_row_s(const struct eie_station *station, const struct eie_row *row)
{
    const struct eie_suite_layer *layer =
        &station->matrix->suites[station->key.suite].layers[station->key.layer];
    const struct eie_layer_spec *spec = &layer->spec;
    const double batch = station->key.batch, cells = (double)spec->inputs * spec->outputs;
    const double nonzeros = (double)spec->nonzeros_active + (double)spec->nonzeros_inactive;
    const bool dense = row->kernel->flags & EIE_KERNEL_DENSE;
    const double bytes = dense ? 4 * cells : 2 * nonzeros;
    const double work_s = dense ? fmax(bytes / BYTES_PER_S, cells * batch / FLOPS_PER_S)
                                : nonzeros * batch * NONZERO_S;
    if (!strcmp(row->time_source, "model")) return PREPARE_S + nonzeros * 4 * NONZERO_S;
    if (!row->threads) return 10 * PREPARE_S + 20 * work_s + cells * CELL_S;
    const bool shared =
        station->key.cache != EIE_CACHE_HOT || bytes > (double)eie_cache_bytes(2, row->threads);
    const bool is_long = work_s * 1e9 >= EIE_LONG_CALL_NS;
    const double samples = is_long ? EIE_SAMPLES_LONG : EIE_SAMPLES_LEAST;
    const double warm_s = is_long ? 0 : shared ? 3 * WARM_SHARED_S : samples * WARM_S;
    return PREPARE_S + cells * CELL_S + 6 * work_s + samples * fmax(BLOCK_S, work_s) + warm_s;
}

double eie_schedule_guess_s(const struct eie_station *station, const struct eie_row *rows,
                            uint32_t count, bool new_only)
{
    double all_s = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!new_only || !rows[i].samples.count) all_s += guess_row_s(station, &rows[i]);
    return all_s;
}

/* ---- contradictions ------------------------------------------------------------------------- */

struct doubting {
    const struct eie_results *results;
    void (*say)(void *context, json_t *row, json_t *other, const char *sentence);
    void *context;
};

/* The row with another thread count or cache mode and all else the same. */
static json_t *beside(const struct eie_results *results, const json_t *row, double threads,
                      const char *cache)
{
    char name[512];
    snprintf(name, sizeof name, "%s/%s/%s/%s/batch:%.0f/threads:%.0f/cache:%s/time:%s",
             text_of(row, "eie_suite"), text_of(row, "eie_layer"), text_of(row, "eie_kernel"),
             text_of(row, "eie_device"), number_of(row, "eie_batch"), threads, cache,
             text_of(row, "eie_time_source"));
    json_t *other = eie_results_row(results, name);
    return eie_schedule_is_measured(other) ? other : NULL;
}

static void doubt(void *context, json_t *row)
{
    const struct doubting *doubting = context;
    const double threads = number_of(row, "eie_threads");
    const char *cache = text_of(row, "eie_cache");
    char sentence[256];
    if (!eie_schedule_is_measured(row) || !(threads >= 1)) return;
    json_t *one = threads > 1 ? beside(doubting->results, row, 1, cache) : NULL;
    if (one &&
        number_of(one, "eie_ci95_low_ns") > BEYOND * threads * number_of(row, "eie_ci95_high_ns")) {
        snprintf(sentence, sizeof sentence,
                 "%.2f times as fast on %.0f threads as on one: more caches, or one of the two was "
                 "disturbed",
                 number_of(one, "eie_median_ns") / number_of(row, "eie_median_ns"), threads);
        doubting->say(doubting->context, row, one, sentence);
    }
    if (one && number_of(row, "eie_ci95_low_ns") > BEYOND * number_of(one, "eie_ci95_high_ns")) {
        snprintf(sentence, sizeof sentence, "takes %.2f times as long on %.0f threads as on one",
                 number_of(row, "eie_median_ns") / number_of(one, "eie_median_ns"), threads);
        doubting->say(doubting->context, row, one, sentence);
    }
    json_t *hot = strcmp(cache, "hot") ? beside(doubting->results, row, threads, "hot") : NULL;
    if (hot && number_of(hot, "eie_ci95_low_ns") > BEYOND * number_of(row, "eie_ci95_high_ns")) {
        snprintf(sentence, sizeof sentence, "%.2f times as fast in cache mode %s as hot",
                 number_of(hot, "eie_median_ns") / number_of(row, "eie_median_ns"), cache);
        doubting->say(doubting->context, row, hot, sentence);
    }
}

void eie_schedule_doubts(const struct eie_results *results,
                         void (*say)(void *context, json_t *row, json_t *other,
                                     const char *sentence),
                         void *context)
{
    struct doubting doubting = {results, say, context};
    eie_results_each(results, doubt, &doubting);
}
