#include "bench/worker.h"
#include "bench/device_floor.h"
#include "bench/group.h"
#include "bench/jsonset.h"
#include "bench/progress.h"
#include "host/clock.h"
#include "host/cuda.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP_BUDGET_S 0.05 /* of the timed part at least; more samples than that are a luxury */

/* The layer under way, or why it could not be built. */
struct target {
    const struct eie_suite *suite;
    uint32_t index, batch;
    struct eie_layer *layer; /* NULL when there is none */
    struct eie_hash hash;
    struct eie_work_facts facts;
    struct eie_references *references; /* of `batch` */
    enum eie_status status;
    struct eie_error error;
};

struct worker {
    const struct eie_job *job;
    struct eie_watch *watch;
    int pipe;
    pid_t process;       /* a copy that a kernel made of us must not speak for us */
    bool pause;          /* one row was run apart: the next worker goes on */
    uint32_t timed_left; /* groups, the one under way included */
    struct target target;
    enum eie_status status; /* what stops the matrix */
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

static void tick(void *context, double share, const char *what)
{
    const struct worker *worker = context;
    struct eie_watch *watch = worker->watch;
    snprintf(watch->step, sizeof watch->step, "%s", what ? what : "timing");
    atomic_store(&watch->permille, (uint32_t)(1000 * fmin(1, fmax(0, share))));
    atomic_fetch_add(&watch->beats, 1);
}

static void enter(void *context, uint32_t row, const char *what)
{
    const struct worker *worker = context;
    if (getpid() != worker->process) _exit(3);
    atomic_store(&worker->watch->doing, what);
    atomic_store(&worker->watch->row, row);
    atomic_fetch_add(&worker->watch->beats, 1);
}

/* ---- what is left --------------------------------------------------------------------------- */

/* Moves the rows that stand in the results already behind the others; how many are left. */
static uint32_t unfinished(const struct eie_results *results, struct eie_row *rows, uint32_t count)
{
    uint32_t left = 0;
    char name[512];
    for (uint32_t i = 0; i < count; i++) {
        eie_row_name(&rows[i], name, sizeof name);
        if (!eie_results_hash(results, name)) rows[left++] = rows[i];
    }
    return left;
}

struct counting {
    const struct eie_job *job;
    bool timed, failed;
    uint32_t groups;
};

/* The rows of a group that are left ([*count], the caller frees them); NULL when out of memory. */
static struct eie_row *rows_left(const struct eie_job *job, const struct eie_group_key *group,
                                 uint32_t *count)
{
    *count = eie_matrix_rows(job->matrix, group, NULL);
    struct eie_row *rows = calloc((size_t)*count + 1, sizeof *rows);
    if (!rows) return NULL;
    eie_matrix_rows(job->matrix, group, rows);
    *count = unfinished(job->results, rows, *count);
    return rows;
}

static bool count_group(void *context, const struct eie_group_key *group)
{
    struct counting *counting = context;
    uint32_t left = 0;
    if (counting->timed && group->cache == EIE_CACHE_NONE) return true;
    free(rows_left(counting->job, group, &left));
    counting->groups += left > 0;
    return true;
}

uint32_t eie_job_groups_left(const struct eie_job *job, bool timed)
{
    struct counting counting = {.job = job, .timed = timed};
    eie_matrix_each_group(job->matrix, count_group, &counting);
    return counting.groups;
}

/* ---- the layer ------------------------------------------------------------------------------ */

static void end_target(struct target *target)
{
    eie_references_free(target->references);
    eie_layer_free(target->layer);
    *target = (struct target){0};
}

static enum eie_status count_facts(struct target *target, struct eie_error *error)
{
    const struct eie_layer *layer = target->layer;
    struct eie_layer_counts counts;
    if (target->batch > layer->sample_count)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "the layer has %u sample inputs, batch %u needs as many",
                        layer->sample_count, target->batch);
    eie_layer_count(layer, NULL, &counts);
    target->facts = (struct eie_work_facts){layer->inputs, layer->outputs, counts.nonzeros,
                                            counts.nonzeros + counts.padding, 0};
    for (size_t i = 0; i < (size_t)target->batch * layer->inputs; i++)
        target->facts.active_inputs += layer->sample_inputs[i] != 0;
    return EIE_OK;
}

/* A layer that cannot be built still has its rows, each with the reason. */
static void build_layer(struct worker *worker, const struct eie_group_key *group)
{
    struct target *target = &worker->target;
    const struct eie_suite *suite = &worker->job->matrix->suites[group->suite];
    const char *broken = worker->job->broken[group->suite][group->layer];
    end_target(target);
    target->suite = suite;
    target->index = group->layer;
    snprintf(worker->watch->group, sizeof worker->watch->group, "%s/%s", suite->name,
             suite->layers[group->layer].spec.name);
    tick(worker, 0, "building the layer");
    tell(worker, json_pack("{s:s, s:I, s:I}", "layer", worker->watch->group, "suite",
                           (json_int_t)group->suite, "index", (json_int_t)group->layer));
    if (broken)
        target->status = eie_fail(&target->error, EIE_SYSTEM, "%s", broken);
    else
        target->status = eie_suite_build(suite, group->layer, 0, &target->layer, &target->error);
    if (!target->status)
        target->status = eie_layer_hash(target->layer, &target->hash, &target->error);
    if (target->status && !broken)
        tell_text(worker, "complaint", target->error.message, "code",
                  eie_exit_code(target->status));
}

/* Makes the layer of the group the target, with the references of its batch. */
static void aim(struct worker *worker, const struct eie_group_key *group)
{
    struct target *target = &worker->target;
    const struct eie_suite *suite = &worker->job->matrix->suites[group->suite];
    if (target->suite != suite || target->index != group->layer) build_layer(worker, group);
    if (target->batch == group->batch) return;
    target->batch = group->batch;
    eie_references_free(target->references);
    target->references = NULL;
    target->facts = (struct eie_work_facts){0};
}

/* Rows of another layer under this name must not stand beside ours. */
static enum eie_status same_layer(const struct worker *worker, const struct eie_group_key *group,
                                  struct eie_error *error)
{
    const uint32_t count = eie_matrix_rows(worker->job->matrix, group, NULL);
    struct eie_row *rows = calloc((size_t)count + 1, sizeof *rows);
    enum eie_status status = rows ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for rows");
    char name[512];
    if (rows) eie_matrix_rows(worker->job->matrix, group, rows);
    for (uint32_t i = 0; i < count && !status; i++) {
        eie_row_name(&rows[i], name, sizeof name);
        const char *hash = eie_results_hash(worker->job->results, name);
        if (hash && *hash && strcmp(hash, worker->target.hash.hex) != 0)
            status = eie_fail(error, EIE_INPUT,
                              "the results file holds %s of another layer (hash %.12s, now %.12s): "
                              "name another --out",
                              name, hash, worker->target.hash.hex);
    }
    free(rows);
    return status;
}

/* ---- groups --------------------------------------------------------------------------------- */

static double spent_s(const struct worker *worker)
{
    return eie_now_s() - worker->job->begin_s;
}

/* EIE_OK, or why no row of this group can have a number. */
static enum eie_status can_run(struct worker *worker, struct eie_error *error)
{
    struct target *target = &worker->target;
    if (target->status) return eie_fail(error, target->status, "%s", target->error.message);
    enum eie_status status = count_facts(target, error);
    if (status) return status;
    if (target->references) return EIE_OK;
    return eie_references_begin(target->layer, target->layer->sample_inputs, target->batch,
                                &target->references, error);
}

static struct eie_ceilings *ceilings_for(struct worker *worker, uint32_t threads)
{
    const struct eie_list *list = &worker->job->matrix->options->threads;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->values[i] == threads) return &worker->watch->ceilings[i];
    return &worker->watch->ceilings[0];
}

static enum eie_status run_rows(struct worker *worker, const struct eie_group_key *key,
                                struct eie_row *rows, uint32_t count, struct eie_error *error)
{
    const uint32_t groups = worker->timed_left;
    const double share_s = (worker->job->budget_s - spent_s(worker)) / (groups ? groups : 1);
    struct eie_group group = {
        .layer = worker->target.layer,
        .inputs = worker->target.layer->sample_inputs,
        .batch = key->batch,
        .threads = key->threads,
        .cache = key->cache,
        .references = worker->target.references,
        .ceilings = ceilings_for(worker, key->threads),
        .rows = rows,
        .row_count = count,
        .budget_s = share_s > GROUP_BUDGET_S ? share_s : GROUP_BUDGET_S,
        .memory_bytes = worker->job->memory_bytes,
        .tick = tick,
        .enter = enter,
        .watcher = worker,
    };
    return eie_group_run(&group, error);
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
        snprintf(row->reason + used, sizeof row->reason - used, "; again: %s", row->again.line);
}

static void tell_end(struct worker *worker, const struct eie_group_key *key, struct eie_row *rows,
                     uint32_t count)
{
    json_t *lists = json_object();
    const struct eie_ceilings *ceilings = ceilings_for(worker, key->threads);
    for (uint32_t i = 0; i < count; i++) {
        const bool failed = rows[i].status == EIE_ROW_MISMATCH || rows[i].status == EIE_ROW_ERROR;
        add_again(&rows[i]);
        tell(worker, json_pack("{s:o, s:i}", "row", eie_row_json(&rows[i]), "code",
                               failed ? eie_exit_code(rows[i].error_status) : 0));
        if (rows[i].launch_ns > 0) eie_device_ceilings_add_json(rows[i].device, lists);
    }
    if (key->threads && ceilings->threads) eie_ceilings_add_json(ceilings, lists);
    tell(worker, json_pack("{s:o}", "end", lists));
}

static void name_group(const struct worker *worker, const struct eie_group_key *key)
{
    struct eie_watch *watch = worker->watch;
    const struct eie_suite *suite = worker->target.suite;
    const char *layer = suite->layers[worker->target.index].spec.name;
    if (key->threads)
        snprintf(watch->group, sizeof watch->group, "%s/%s, batch %u, %s, %u thread%s", suite->name,
                 layer, key->batch, eie_cache_name(key->cache), key->threads,
                 key->threads == 1 ? "" : "s");
    else
        snprintf(watch->group, sizeof watch->group, "%s/%s, batch %u, %s", suite->name, layer,
                 key->batch, key->cache == EIE_CACHE_NONE ? "models" : "devices");
}

static void run_left(struct worker *worker, const struct eie_group_key *key, struct eie_row *rows,
                     uint32_t count)
{
    struct eie_error reason;
    aim(worker, key);
    if (!worker->target.status) worker->status = same_layer(worker, key, &worker->error);
    if (worker->status) return;
    name_group(worker, key);
    const enum eie_status why_not = can_run(worker, &reason);
    for (uint32_t i = 0; i < count; i++) {
        rows[i].hash = worker->target.hash;
        rows[i].facts = worker->target.facts;
        eie_row_fail(&rows[i], why_not, &reason);
    }
    tell_begin(worker, rows, count);
    if (!why_not) worker->status = run_rows(worker, key, rows, count, &worker->error);
    /* as after a crash: the group's rows are run apart, so that the guilty one is found */
    if (eie_cuda_is_lost() && !rows->apart) _exit(EXIT_FAILURE);
    if (!worker->status) tell_end(worker, key, rows, count);
}

/* Is this the group whose rows are to be run apart? */
static bool is_apart(const struct worker *worker, const struct eie_row *row)
{
    char name[512];
    json_t *object = *worker->job->apart ? eie_row_json(row) : NULL;
    if (!object) return false;
    eie_group_name(object, name, sizeof name);
    json_decref(object);
    return !strcmp(name, worker->job->apart);
}

static bool run_group(void *context, const struct eie_group_key *key)
{
    struct worker *worker = context;
    uint32_t count;
    struct eie_row *rows = rows_left(worker->job, key, &count);
    if (rows && count && is_apart(worker, rows)) {
        worker->pause = true;
        rows->apart = true;
        /* the other clock's row is the same plan's */
        const bool two = count > 1 && eie_row_same_plan(&rows[0], &rows[1]);
        if (two) rows[1].apart = true;
        count = two ? 2 : 1;
    }
    if (!rows) {
        worker->status = eie_fail(&worker->error, EIE_MEMORY, "out of memory for rows");
        return false;
    }
    if (count) {
        run_left(worker, key, rows, count);
        atomic_fetch_add(&worker->watch->groups_done, 1);
        atomic_store(&worker->watch->permille, 0);
        if (key->cache != EIE_CACHE_NONE) worker->timed_left--;
    }
    for (uint32_t i = 0; i < count; i++) eie_row_free(&rows[i]);
    free(rows);
    return worker->status == EIE_OK && !worker->pause;
}

void eie_group_name(const json_t *row, char *name, size_t size)
{
    snprintf(name, size, "%s/%s/batch:%lld/threads:%lld/cache:%s",
             json_string_value(json_object_get(row, "eie_suite")),
             json_string_value(json_object_get(row, "eie_layer")),
             json_integer_value(json_object_get(row, "eie_batch")),
             json_integer_value(json_object_get(row, "eie_threads")),
             json_string_value(json_object_get(row, "eie_cache")));
}

void eie_worker_run(const struct eie_job *job, int pipe)
{
    struct worker worker = {.job = job, .watch = job->watch, .pipe = pipe, .process = getpid()};
    enter(&worker, EIE_NO_ROW, NULL);
    worker.timed_left = eie_job_groups_left(job, true);
    eie_matrix_each_group(job->matrix, run_group, &worker);
    end_target(&worker.target);
    if (worker.status)
        tell(&worker,
             json_pack("{s:s, s:i}", "stop", worker.error.message, "status", (int)worker.status));
    else
        tell(&worker, json_pack("{s:b}", "done", !worker.pause));
}
