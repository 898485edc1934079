#include "bench/matrix/worker.h"
#include "bench/matrix/group.h"
#include "bench/matrix/targets.h"
#include "bench/measure/devices.h"
#include "host/base/clock.h"
#include "host/base/jsonset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYERS_SHARE                                                                               \
    2 /* layers and their references take at most one of so many parts of --memory */
#define TIMED_SHARE 0.5 /* of a visit that refines: samples take as long as the rest of it */
#define BESIDE      "beside the kernels" /* neither layers nor references nor a kernel's code */
#define PRIOR       0.1
#define AGAIN_SHARE 0.25 /* of the time spent so far: to look again at contradictions */

struct worker {
    const struct eie_job *job;
    struct eie_watch *watch;
    int pipe;
    pid_t process; /* a copy that a kernel made of us must not speak for us */
    bool pause;    /* one row was run apart: the next worker goes on */
    struct eie_station *stations;
    uint32_t station_count;
    struct eie_targets *targets;
    double begin_s, guess_s, guessed_s; /* of the least samples: all, what is done */
    double visit_s;                     /* guess of the visit under way, or what it may take */
    const char *at;                     /* what its time goes to, since when */
    double at_s;
    bool refining;
    enum eie_status status; /* what stops the run */
    struct eie_error error;
};

/* ---- telling -------------------------------------------------------------------------------- */

/* One line; takes over the reference. The supervisor being gone, there is nothing left to do. */
static void tell(const struct worker *worker, json_t *message)
{
    if (getpid() != worker->process) _exit(3);
    char *line = message ? json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(message);
    if (!line) _exit(3);
    const size_t length = strlen(line);
    line[length] = '\n';
    for (size_t done = 0; done < length + 1;) {
        const ssize_t written = write(worker->pipe, line + done, length + 1 - done);
        if (written < 0 && errno != EINTR) _exit(3);
        if (written > 0) done += (size_t)written;
    }
    free(line);
}

/* A message for the user, which need not be UTF-8, and a number beside it. */
static void tell_text(const struct worker *worker, const char *key, const char *text,
                      const char *number_key, int number)
{
    json_t *message = json_object();
    eie_set(message, key, text);
    json_object_set_new(message, number_key, json_integer(number));
    tell(worker, message);
}

/* ---- progress ------------------------------------------------------------------------------- */

/* What is left of the least samples, by the pace so far, and then of the budget. */
static double left_s(const struct worker *worker, double share)
{
    const double now = eie_now_s(), spent_s = now - worker->begin_s;
    const double done_s = worker->guessed_s + (worker->refining ? 0 : share * worker->visit_s);
    /* the guess counts as much as PRIOR of the run at its own pace, so that a few first groups do
       not throw the estimate about */
    const double prior_s = PRIOR * worker->guess_s;
    const double pace = done_s + prior_s > 0 ? (spent_s + prior_s) / (done_s + prior_s) : 1;
    const double least_s = worker->refining ? 0 : pace * fmax(0, worker->guess_s - done_s);
    const double budget_s = worker->job->budget_s - (now - worker->job->begin_s);
    return fmax(least_s, budget_s);
}

static void tick(void *context, double share, const char *what)
{
    const struct worker *worker = context;
    struct eie_watch *watch = worker->watch;
    const double left = left_s(worker, fmin(1, fmax(0, share)));
    const double spent = eie_now_s() - worker->job->begin_s;
    snprintf(watch->step, sizeof watch->step, "%s", what ? what : "timing");
    atomic_store(&watch->permille, (uint32_t)(1000 * spent / fmax(spent + left, 1e-3)));
    atomic_store(&watch->left_ds, (int32_t)fmin(10 * left, INT32_MAX / 2));
    atomic_fetch_add(&watch->beats, 1);
}

/* What the time goes to from now on: a constant. */
static void spend(struct worker *worker, const char *what)
{
    struct eie_spent *spent = worker->watch->spent;
    const double now_s = eie_now_s();
    uint32_t i = 0;
    while (i + 1 < EIE_SPENT_MAX && spent[i].what && strcmp(spent[i].what, worker->at) != 0) i++;
    spent[i].what = worker->at;
    spent[i].s += now_s - worker->at_s;
    worker->at = what;
    worker->at_s = now_s;
}

static void enter(void *context, uint32_t row, const char *what)
{
    struct worker *worker = context;
    if (getpid() != worker->process) _exit(3);
    spend(worker, what ? what : BESIDE);
    atomic_store(&worker->watch->doing, what);
    atomic_store(&worker->watch->row, row);
    atomic_fetch_add(&worker->watch->beats, 1);
}

/* ---- the layer ------------------------------------------------------------------------------ */

/* A layer that cannot be built still has its rows, each with the reason. */
static const struct eie_target *aim(struct worker *worker, const struct eie_station *station)
{
    const struct eie_suite *suite = &station->matrix->suites[station->key.suite];
    const struct eie_target *target = eie_targets_find(worker->targets, suite, station->key.layer);
    if (target) return target;
    struct eie_watch *watch = worker->watch;
    snprintf(watch->group, sizeof watch->group, "%s/%s", suite->name,
             suite->layers[station->key.layer].spec.name);
    tick(worker, 0, "building the layer");
    spend(worker, "building layers");
    tell(worker, json_pack("{s:s}", "layer", watch->group));
    const char *broken = json_string_value(json_object_get(worker->job->broken, watch->group));
    worker->status = eie_targets_build(worker->targets, suite, station->key.layer, broken, &target,
                                       &worker->error);
    spend(worker, BESIDE);
    if (worker->status) return NULL;
    if (target->status && !broken)
        tell_text(worker, "complaint", target->error.message, "code",
                  eie_exit_code(target->status));
    return target;
}

/* Rows of another layer under this name must not be mixed with ours. */
static enum eie_status same_layer(const struct worker *worker, const struct eie_station *station,
                                  const struct eie_target *target, struct eie_error *error)
{
    const uint32_t count = eie_matrix_rows(station->matrix, &station->key, NULL);
    struct eie_row *rows = calloc((size_t)count + 1, sizeof *rows);
    enum eie_status status = rows ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for rows");
    char name[512];
    if (rows) eie_matrix_rows(station->matrix, &station->key, rows);
    for (uint32_t i = 0; i < count && !status; i++) {
        eie_row_name(&rows[i], name, sizeof name);
        const char *hash = json_string_value(
            json_object_get(eie_results_row(worker->job->results, name), "eie_layer_hash"));
        if (hash && *hash && strcmp(hash, target->hash.hex) != 0)
            status = eie_fail(error, EIE_INPUT,
                              "the results file holds %s of another layer (hash %.12s, now %.12s): "
                              "name another --out",
                              name, hash, target->hash.hex);
    }
    free(rows);
    return status;
}

/* ---- visits --------------------------------------------------------------------------------- */

/* Slots are never given up: thread counts are at most as many as a list of them holds. */
static struct eie_ceilings *ceilings_for(const struct worker *worker, uint32_t threads)
{
    uint32_t i = 0;
    struct eie_watch *watch = worker->watch;
    while (i + 1 < EIE_LIST_MAX && watch->ceilings[i].threads &&
           watch->ceilings[i].threads != threads)
        i++;
    watch->ceilings[i].threads = threads;
    return &watch->ceilings[i].ceilings;
}

static void tell_begin(const struct worker *worker, const struct eie_row *rows, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        struct eie_row bare = rows[i];
        bare.status = EIE_ROW_ERROR; /* as it stands should nothing better come */
        json_array_append_new(list, eie_row_json(&bare));
    }
    tell(worker, json_pack("{s:o}", "begin", list));
}

/* A failure ends in the command that shows it again. */
static void add_again(struct eie_row *row)
{
    const size_t used = strlen(row->reason);
    if (row->status == EIE_ROW_MISMATCH || row->status == EIE_ROW_ERROR)
        snprintf(row->reason + used, sizeof row->reason - used, "; again: %s",
                 row->reproducer.line);
}

/* A later visit that brought no number, though nothing was wrong with what was computed, does not
 * take an earlier one's away: that row, which says why, or NULL. */
static json_t *earlier_row(const struct worker *worker, const struct eie_row *row)
{
    char name[512], text[sizeof row->reason + 64];
    if (row->status == EIE_ROW_OK || row->status == EIE_ROW_MISMATCH) return NULL;
    eie_row_name(row, name, sizeof name);
    const json_t *earlier = eie_results_row(worker->job->results, name);
    if (!eie_schedule_is_measured(earlier)) return NULL;
    json_t *kept = json_deep_copy(earlier);
    if (!kept) _exit(3);
    snprintf(text, sizeof text, "%s: %s", eie_row_status_name(row->status), row->reason);
    eie_set(kept, "eie_failed_visit", text);
    return kept;
}

static void tell_row(struct worker *worker, struct eie_row *row)
{
    json_t *object = earlier_row(worker, row);
    const bool failed =
        !object && (row->status == EIE_ROW_MISMATCH || row->status == EIE_ROW_ERROR);
    if (!object) {
        add_again(row);
        object = eie_row_json(row);
    }
    if (!object) _exit(3);
    tell(worker, json_pack("{s:O, s:i}", "row", object, "code",
                           failed ? eie_exit_code(row->error_status) : 0));
    worker->status = eie_results_put(worker->job->results, object, &worker->error);
}

static void tell_end(struct worker *worker, const struct eie_group_key *key, struct eie_row *rows,
                     uint32_t count)
{
    json_t *lists = json_object();
    for (uint32_t i = 0; i < count && !worker->status; i++) {
        tell_row(worker, &rows[i]);
        if (rows[i].launch_ns > 0) eie_device_ceilings_add_json(rows[i].device, lists);
    }
    const struct eie_ceilings *ceilings = key->threads ? ceilings_for(worker, key->threads) : NULL;
    if (ceilings && ceilings->threads) eie_ceilings_add_json(ceilings, lists);
    tell(worker, json_pack("{s:o}", "end", lists));
}

static void name_group(const struct worker *worker, const struct eie_station *station)
{
    struct eie_watch *watch = worker->watch;
    const struct eie_group_key *key = &station->key;
    const struct eie_suite *suite = &station->matrix->suites[key->suite];
    const char *layer = suite->layers[key->layer].spec.name;
    if (key->threads)
        snprintf(watch->group, sizeof watch->group, "%s/%s, batch %u, %s, %u thread%s", suite->name,
                 layer, key->batch, eie_cache_name(key->cache), key->threads,
                 key->threads == 1 ? "" : "s");
    else
        snprintf(watch->group, sizeof watch->group, "%s/%s, batch %u, %s", suite->name, layer,
                 key->batch, key->cache == EIE_CACHE_NONE ? "models" : "devices");
}

/* The visit itself: failures go into its rows. */
static void run_rows(struct worker *worker, const struct eie_station *station,
                     const struct eie_target *target, struct eie_row *rows, uint32_t count,
                     uint32_t visit, double budget_s)
{
    struct eie_error reason;
    struct eie_group group = {
        .layer = target->layer,
        .batch = station->key.batch,
        .threads = station->key.threads,
        .cache = station->key.cache,
        .ceilings = station->key.threads ? ceilings_for(worker, station->key.threads) : NULL,
        .rows = rows,
        .row_count = count,
        .visit = visit,
        .budget_s = budget_s,
        .counters = worker->job->counters,
        .memory_bytes = worker->job->memory_bytes,
        .quiet = &worker->watch->quiet,
        .tick = tick,
        .enter = enter,
        .watcher = worker,
    };
    struct eie_work_facts facts = {0};
    spend(worker, "computing references");
    enum eie_status why_not =
        target->status ? eie_fail(&reason, target->status, "%s", target->error.message)
                       : eie_targets_references(worker->targets, target, station->key.batch,
                                                &group.inputs, &group.references, &facts, &reason);
    spend(worker, BESIDE);
    for (uint32_t i = 0; i < count; i++) {
        rows[i].hash = target->hash;
        rows[i].facts = facts;
        if (worker->job->assumed_power_w > 0 && rows[i].device->kind == EIE_DEVICE_CPU)
            rows[i].assumed_power_w = worker->job->assumed_power_w;
        eie_row_fail(&rows[i], why_not, &reason);
    }
    tell_begin(worker, rows, count);
    if (!why_not) worker->status = eie_group_run(&group, &worker->error);
    /* as after a crash: the group's rows are run apart, so that the guilty one is found */
    if (eie_runtime_is_lost() && !rows->apart) _exit(EXIT_FAILURE);
    if (!worker->status) tell_end(worker, &station->key, rows, count);
}

/* Is this a group whose rows are to be run apart? */
static bool is_apart(const struct worker *worker, const struct eie_row *row)
{
    char name[512];
    json_t *object = json_object_size(worker->job->apart) ? eie_row_json(row) : NULL;
    if (!object) return false;
    eie_group_name(object, name, sizeof name);
    json_decref(object);
    return json_object_get(worker->job->apart, name) != NULL;
}

static bool is_new(const struct worker *worker, const struct eie_row *row)
{
    char name[512];
    eie_row_name(row, name, sizeof name);
    return !eie_results_row(worker->job->results, name);
}

/* Leaves the first plan's rows of those that have none yet; how many. What was measured before the
 * crash stays as it is, references too: run here, they could be lost with the guilty one. */
static uint32_t only_one(struct worker *worker, struct eie_row *rows, uint32_t count)
{
    uint32_t first = 0, left = 0;
    while (first < count && !is_new(worker, &rows[first])) first++;
    uint32_t end = first + 1; /* rows of other clocks are the same plan's */
    while (end < count && eie_row_same_plan(&rows[first], &rows[end])) end++;
    for (uint32_t i = 0; i < count; i++) {
        if (i < first || i >= end) {
            eie_row_free(&rows[i]);
            continue;
        }
        rows[left] = rows[i];
        rows[left].is_reference = false;
        rows[left++].apart = true;
    }
    worker->pause = worker->pause || left > 0;
    return left;
}

static void visit(struct worker *worker, struct eie_station *station, enum eie_phase phase)
{
    struct eie_row *rows;
    uint32_t count, number;
    worker->status = eie_schedule_rows(station, phase, worker->job->results, worker->job->target,
                                       &rows, &count, &number, &worker->error);
    if (worker->status) return;
    if (count && is_apart(worker, rows)) count = only_one(worker, rows, count);
    if (!count && phase == EIE_PHASE_REFINE)
        station->last_s = INFINITY; /* there is nothing to gain */
    const struct eie_target *target = count ? aim(worker, station) : NULL;
    if (target && !target->status)
        worker->status = same_layer(worker, station, target, &worker->error);
    if (target && !worker->status) {
        const double begin_s = eie_now_s();
        worker->visit_s = eie_schedule_guess_s(station, rows, count, phase < EIE_PHASE_AGAIN);
        name_group(worker, station);
        run_rows(worker, station, target, rows, count, number,
                 phase == EIE_PHASE_REFINE ? TIMED_SHARE * station->last_s : 0);
        station->last_s = eie_now_s() - begin_s;
        if (phase < EIE_PHASE_AGAIN) worker->guessed_s += worker->visit_s;
    }
    for (uint32_t i = 0; i < count; i++) eie_row_free(&rows[i]);
    free(rows);
}

static bool goes_on(const struct worker *worker)
{
    return !worker->status && !worker->pause;
}

/* ---- the least of each row ------------------------------------------------------------------- */

/* A matrix of one layer needs no first round for its headlines: each of its groups is one visit. */
static bool has_lead(const struct worker *worker)
{
    for (uint32_t i = 1; i < worker->station_count && !worker->job->at_once; i++) {
        const struct eie_station *one = &worker->stations[i - 1], *next = &worker->stations[i];
        if (one->matrix != next->matrix || one->key.suite != next->key.suite ||
            one->key.layer != next->key.layer)
            return true;
    }
    return false;
}

static void visit_all(struct worker *worker, enum eie_phase phase, double end_s)
{
    for (uint32_t i = 0; i < worker->station_count && goes_on(worker) && eie_now_s() < end_s; i++)
        visit(worker, &worker->stations[i], phase);
}

/* ---- beyond ---------------------------------------------------------------------------------- */

static void mark_both(void *context, json_t *row, json_t *other, const char *sentence)
{
    bool *any = context;
    json_object_set_new(row, "eie_doubt", json_pack("[s]", sentence));
    json_object_set_new(other, "eie_doubt", json_pack("[s]", sentence));
    *any = true;
}

/* Ceilings on several threads below those of one; `say` what is left of them. */
static void look_at_ceilings(struct worker *worker, bool say)
{
    struct eie_watch *watch = worker->watch;
    const struct eie_ceilings *one = ceilings_for(worker, 1);
    char text[256];
    json_t *lists = json_object();
    for (uint32_t i = 0; i < EIE_LIST_MAX && watch->ceilings[i].threads && one->threads; i++) {
        struct eie_ceilings *several = &watch->ceilings[i].ceilings;
        if (several == one || !several->threads ||
            !eie_ceilings_doubt(one, several, text, sizeof text))
            continue;
        if (say) {
            tell_text(worker, "doubt_of_run", text, "threads", (int)several->threads);
            continue;
        }
        struct eie_pool *pool;
        struct eie_error without; /* then it is said as it stands */
        tick(worker, 1, "measuring the ceilings again");
        if (eie_group_threads(several->threads, &pool, &without) == EIE_OK &&
            eie_ceilings_measure(pool, worker->job->memory_bytes, several->measured, several,
                                 &without) == EIE_OK)
            eie_ceilings_add_json(several, lists);
    }
    if (json_object_size(lists))
        tell(worker, json_pack("{s:o}", "end", lists));
    else
        json_decref(lists);
}

/* Rows that contradict each other are measured once more, as many as there is time for. */
static void look_again(struct worker *worker)
{
    const double now_s = eie_now_s(), spent_s = now_s - worker->job->begin_s;
    const double end_s = now_s + fmax(AGAIN_SHARE * spent_s, worker->job->budget_s - spent_s);
    bool any = false;
    look_at_ceilings(worker, false);
    eie_schedule_doubts(worker->job->results, mark_both, &any);
    if (any) visit_all(worker, EIE_PHASE_AGAIN, end_s);
}

static void clear_doubt(void *context, json_t *row)
{
    (void)context;
    json_object_del(row, "eie_doubt");
}

static void tell_doubt(void *context, json_t *row, json_t *other, const char *sentence)
{
    const struct worker *worker = context;
    (void)other;
    tell(worker, json_pack("{s:O, s:s}", "doubt", json_object_get(row, "name"), "text", sentence));
}

/* Widest first, but those that were refined already wait for the others. */
static struct eie_station *widest(const struct worker *worker, double left)
{
    struct eie_station *found = NULL;
    double most = 0;
    for (uint32_t i = 0; i < worker->station_count; i++) {
        struct eie_station *station = &worker->stations[i];
        const double width =
            eie_schedule_width(station, worker->job->results, worker->job->target) /
            (1 + station->visits);
        if (width <= most || station->last_s * (1 + TIMED_SHARE) > left) continue;
        most = width;
        found = station;
    }
    return found;
}

static void refine(struct worker *worker)
{
    worker->refining = true;
    while (goes_on(worker)) {
        const double left = worker->job->budget_s - (eie_now_s() - worker->job->begin_s);
        struct eie_station *station = left > 0 ? widest(worker, left) : NULL;
        if (!station) break;
        station->visits++;
        visit(worker, station, EIE_PHASE_REFINE);
    }
}

/* ---- the run --------------------------------------------------------------------------------- */

void eie_group_name(const json_t *row, char *name, size_t size)
{
    snprintf(name, size, "%s/%s/batch:%lld/threads:%lld/cache:%s",
             json_string_value(json_object_get(row, "eie_suite")),
             json_string_value(json_object_get(row, "eie_layer")),
             json_integer_value(json_object_get(row, "eie_batch")),
             json_integer_value(json_object_get(row, "eie_threads")),
             json_string_value(json_object_get(row, "eie_cache")));
}

static enum eie_status guess_least(const struct eie_job *job, const struct eie_station *stations,
                                   uint32_t station_count, double *least_s, uint32_t *all,
                                   struct eie_error *error)
{
    *least_s = 0;
    *all = 0;
    for (uint32_t i = 0; i < station_count; i++) {
        struct eie_row *rows;
        uint32_t count, number;
        enum eie_status status = eie_schedule_rows(&stations[i], EIE_PHASE_REST, job->results,
                                                   job->target, &rows, &count, &number, error);
        if (status) return status;
        *least_s += eie_schedule_guess_s(&stations[i], rows, count, true);
        *all += count;
        for (uint32_t r = 0; r < count; r++) eie_row_free(&rows[r]);
        free(rows);
    }
    return EIE_OK;
}

enum eie_status eie_job_least(const struct eie_job *job, double *least_s, uint32_t *rows,
                              struct eie_error *error)
{
    struct eie_station *stations;
    uint32_t count;
    enum eie_status status =
        eie_schedule_make(job->matrices, job->matrix_count, &stations, &count, error);
    if (status) return status;
    status = guess_least(job, stations, count, least_s, rows, error);
    free(stations);
    return status;
}

static void run(struct worker *worker)
{
    const struct eie_job *job = worker->job;
    uint32_t rows;
    worker->status =
        eie_targets_begin(job->memory_bytes / LAYERS_SHARE, &worker->targets, &worker->error);
    if (!worker->status)
        worker->status = eie_schedule_make(job->matrices, job->matrix_count, &worker->stations,
                                           &worker->station_count, &worker->error);
    if (!worker->status)
        worker->status = guess_least(job, worker->stations, worker->station_count, &worker->guess_s,
                                     &rows, &worker->error);
    if (!job->at_once) visit_all(worker, EIE_PHASE_MODELS, INFINITY);
    if (has_lead(worker)) visit_all(worker, EIE_PHASE_LEAD, INFINITY);
    visit_all(worker, EIE_PHASE_REST, INFINITY);
    if (goes_on(worker)) look_again(worker);
    if (goes_on(worker)) refine(worker);
    if (!goes_on(worker)) return;
    eie_results_each(job->results, clear_doubt, NULL);
    eie_schedule_doubts(job->results, tell_doubt, worker);
    look_at_ceilings(worker, true);
}

void eie_worker_run(const struct eie_job *job, int pipe)
{
    struct worker worker = {.job = job,
                            .watch = job->watch,
                            .pipe = pipe,
                            .process = getpid(),
                            .begin_s = eie_now_s(),
                            .at = BESIDE,
                            .at_s = eie_now_s()};
    enter(&worker, EIE_NO_ROW, NULL);
    run(&worker);
    spend(&worker, BESIDE);
    eie_targets_free(worker.targets);
    free(worker.stations);
    if (worker.status)
        tell(&worker,
             json_pack("{s:s, s:i}", "stop", worker.error.message, "status", (int)worker.status));
    else
        tell(&worker, json_pack("{s:b}", "done", !worker.pause));
}
