#include "bench/matrix/supervisor.h"
#include "bench/matrix/group.h"
#include "host/base/clock.h"
#include "host/base/isolate.h"
#include "host/base/jsonset.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS    100
#define READ_BYTES 65536
#define PIPE_LEAST 200 /* descriptor */
#define GRACE_MS   500
#define STEP_S     0.2 /* of silence, at most, between two looks */

/* The worker under way and what it has said. */
struct shift {
    struct eie_supervision *all;
    pid_t process;
    int pipe;
    char *line; /* the line that is not finished yet */
    size_t used, room;
    json_t *begun;    /* the rows of the group under way, taken out as they come; or NULL */
    uint32_t arrived; /* of them */
    bool rows_came;
    char layer[256];         /* being built, or "" */
    bool done, paused;       /* said so itself: the matrix, or its own part, is finished */
    bool ended, timed_out;   /* how it ended is known; ended by us */
    bool garbled;            /* what it said was not understood */
    int how;                 /* as waitpid tells */
    enum eie_status stopped; /* by the worker's own word */
    uint64_t beats;
    double beat_s, seen_s; /* silence so far; last look */
};

/* ---- the worker's process -------------------------------------------------------------------- */

static enum eie_status start(struct shift *shift, struct eie_error *error)
{
    struct eie_job *job = &shift->all->job;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return eie_fail(error, EIE_SYSTEM, "no pipe to a worker: %s", strerror(errno));
    const int high = fcntl(ends[1], F_DUPFD_CLOEXEC, PIPE_LEAST);
    if (high >= 0) { /* out of the way of code that closes or writes to descriptors of others */
        close(ends[1]);
        ends[1] = high;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stdout);
    fflush(stderr);
    const pid_t parent = getpid();
    atomic_store(&job->watch->row, EIE_NO_ROW);
    atomic_store(&job->watch->left_ds, -1);
    shift->process = fork();
    if (shift->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever ends us ends the worker */
        if (getppid() != parent) _exit(3);
        close(ends[0]);
        dup2(STDERR_FILENO, STDOUT_FILENO); /* the table is ours, what kernels print is not */
        signal(SIGCHLD, SIG_DFL);
        eie_worker_run(job, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    shift->pipe = ends[0];
    if (shift->process > 0) return EIE_OK;
    close(ends[0]);
    return eie_fail(error, EIE_SYSTEM, "no process for a worker: %s", strerror(errno));
}

static void look_whether_ended(struct shift *shift)
{
    if (!shift->ended && waitpid(shift->process, &shift->how, WNOHANG) == shift->process)
        shift->ended = true;
}

/* Nothing runs afterwards. A worker that is about to end is given a moment, so that its own way of
 * ending is seen. */
static void stop(struct shift *shift)
{
    close(shift->pipe);
    for (int i = 0; i < GRACE_MS && !shift->ended && !shift->done && !shift->paused; i++) {
        look_whether_ended(shift);
        if (!shift->ended) poll(NULL, 0, 1);
    }
    if (shift->ended) return;
    kill(shift->process, SIGKILL);
    while (waitpid(shift->process, &shift->how, 0) < 0 && errno == EINTR) continue;
    shift->ended = true;
}

/* What ended the worker, in words: "CRASHED while timing: SIGSEGV (Segmentation fault)". */
static void describe_end(const struct shift *shift, const char *doing, char *text, size_t size)
{
    const int how = shift->how;
    const bool by_signal = WIFSIGNALED(how);
    const struct eie_ending ending = {
        .end = shift->timed_out ? EIE_END_HUNG
               : by_signal      ? EIE_END_SIGNAL
                                : EIE_END_EXIT,
        .number = by_signal ? WTERMSIG(how) : WEXITSTATUS(how),
        .limit_s = shift->all->timeout_s,
    };
    char words[160];
    eie_ending_text(&ending, words, sizeof words);
    if (shift->garbled) snprintf(words, sizeof words, "what its process said is not understood");
    snprintf(text, size, "%s while %s: %s%s", shift->timed_out ? "HUNG" : "CRASHED", doing, words,
             ending.end == EIE_END_SIGNAL && ending.number == SIGKILL && !shift->garbled
                 ? ", out of memory?"
                 : "");
}

/* ---- rows ----------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum eie_status keep(struct shift *shift, json_t *row, int code, struct eie_error *error)
{
    json_incref(row);
    enum eie_status status = eie_results_put(shift->all->results, row, error);
    if (!status) shift->all->on_row(shift->all->context, row, code);
    json_decref(row);
    return status;
}

static enum eie_status lose(struct shift *shift, json_t *row, const char *reason,
                            struct eie_error *error)
{
    char text[1024 + EIE_REPRODUCER_MAX];
    snprintf(text, sizeof text, "%s; again: %s", reason, text_of(row, "eie_again"));
    eie_set(row, "eie_reason", text);
    json_incref(row);
    return keep(shift, row, eie_exit_code(EIE_SYSTEM), error);
}

/* The worker is gone in the midst of a visit whose rows were run apart: they are lost, but not what
 * earlier visits brought. */
static enum eie_status lose_group(struct shift *shift, struct eie_error *error)
{
    const struct eie_watch *watch = shift->all->job.watch;
    const char *doing = atomic_load(&watch->doing);
    char reason[512];
    enum eie_status status = EIE_OK;
    const json_t *culprit = json_array_get(shift->begun, atomic_load(&watch->row));
    describe_end(shift, culprit && doing ? doing : "no kernel was at work", reason, sizeof reason);
    for (size_t i = shift->arrived; i < json_array_size(shift->begun) && !status; i++) {
        json_t *row = json_array_get(shift->begun, i);
        if (!eie_results_row(shift->all->results, text_of(row, "name")))
            status = lose(shift, row, reason, error);
    }
    return status ? status : eie_results_save(shift->all->results, false, error);
}

static void clear_doubt(void *context, json_t *row)
{
    (void)context;
    json_object_del(row, "eie_doubt");
}

static void add_doubt(const struct eie_results *results, const char *name, json_t *sentence)
{
    json_t *row = eie_results_row(results, name);
    json_t *list = json_object_get(row, "eie_doubt");
    if (row && !list) json_object_set_new(row, "eie_doubt", list = json_array());
    json_array_append(list, sentence);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static enum eie_status hear(struct shift *shift, const json_t *message, struct eie_error *error)
{
    const struct eie_supervision *all = shift->all;
    json_t *row = json_object_get(message, "row"), *begin = json_object_get(message, "begin");
    const json_t *end = json_object_get(message, "end");
    const int code = (int)json_integer_value(json_object_get(message, "code"));
    if (json_object_get(message, "layer"))
        snprintf(shift->layer, sizeof shift->layer, "%s", text_of(message, "layer"));
    if (begin) {
        json_decref(shift->begun);
        shift->begun = json_incref(begin);
        shift->arrived = 0;
        shift->layer[0] = 0;
    }
    if (row) {
        shift->arrived++;
        shift->rows_came = true;
        return keep(shift, json_incref(row), code, error);
    }
    if (end) {
        json_decref(shift->begun);
        shift->begun = NULL;
        if (json_object_size(end)) eie_results_set_ceilings(all->results, end);
        return eie_results_save(all->results, false, error);
    }
    if (json_object_get(message, "doubt"))
        add_doubt(all->results, text_of(message, "doubt"), json_object_get(message, "text"));
    if (json_object_get(message, "doubt_of_run"))
        json_array_append(all->doubts, json_object_get(message, "doubt_of_run"));
    if (json_object_get(message, "complaint"))
        all->on_complaint(all->context, text_of(message, "complaint"), code);
    if (json_object_get(message, "done")) {
        shift->done = json_is_true(json_object_get(message, "done"));
        shift->paused = !shift->done;
    }
    if (json_object_get(message, "stop")) {
        shift->stopped = (enum eie_status)json_integer_value(json_object_get(message, "status"));
        return eie_fail(error, shift->stopped, "%s", text_of(message, "stop"));
    }
    return EIE_OK;
}

static enum eie_status hear_lines(struct shift *shift, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    size_t begin = 0;
    for (char *end; !status && (end = memchr(shift->line + begin, '\n', shift->used - begin));
         begin = (size_t)(end - shift->line) + 1) {
        json_t *message =
            json_loadb(shift->line + begin, (size_t)(end - shift->line) - begin, 0, NULL);
        shift->garbled = !json_is_object(message);
        if (!shift->garbled) status = hear(shift, message, error);
        json_decref(message);
        if (shift->garbled) break;
    }
    shift->used -= begin;
    memmove(shift->line, shift->line + begin, shift->used);
    return status;
}

/* Takes what the pipe has; *more is false at its end. */
static enum eie_status listen_once(struct shift *shift, bool *more, struct eie_error *error)
{
    if (shift->room - shift->used < READ_BYTES) {
        char *grown = realloc(shift->line, 2 * shift->room + READ_BYTES);
        if (!grown) return eie_fail(error, EIE_MEMORY, "out of memory for the worker's words");
        shift->line = grown;
        shift->room = 2 * shift->room + READ_BYTES;
    }
    const ssize_t got = read(shift->pipe, shift->line + shift->used, READ_BYTES);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return EIE_OK;
    if (got <= 0) {
        *more = false;
        return EIE_OK;
    }
    shift->used += (size_t)got;
    return hear_lines(shift, error);
}

/* ---- watching ------------------------------------------------------------------------------- */

static void show_progress(struct shift *shift)
{
    struct eie_supervision *all = shift->all;
    const struct eie_watch *watch = all->job.watch;
    char text[sizeof watch->group + sizeof watch->step + 2];
    snprintf(text, sizeof text, all->progress.terminal ? "%s %s" : "%s", watch->group, watch->step);
    all->progress.left_s = 0.1 * atomic_load(&watch->left_ds);
    eie_progress_set(&all->progress, 1e-3 * atomic_load(&watch->permille),
                     *watch->group ? text : NULL);
}

/* A kernel that does not come back is ended; our own code may take its time. Silence counts in
 * small steps, since this process may have been stopped meanwhile. */
static void watch_over(struct shift *shift)
{
    const struct eie_watch *watch = shift->all->job.watch;
    const uint64_t beats = atomic_load(&watch->beats);
    const double now = eie_now_s(), step = now - shift->seen_s;
    shift->seen_s = now;
    shift->beat_s += step < STEP_S ? step : STEP_S;
    if (beats != shift->beats || atomic_load(&watch->row) == EIE_NO_ROW) {
        shift->beats = beats;
        shift->beat_s = 0;
    } else if (shift->beat_s > shift->all->timeout_s) {
        shift->timed_out = true;
        kill(shift->process, SIGKILL);
    }
}

/* Until the worker has said that it is through, or has ended. The pipe's end alone does not tell: a
 * process that a kernel started may hold its other end. */
static enum eie_status follow(struct shift *shift, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    shift->seen_s = eie_now_s();
    for (bool more = true; more && !status && !shift->done && !shift->paused && !shift->garbled;) {
        struct pollfd pipe = {shift->pipe, POLLIN, 0};
        const int ready = poll(&pipe, 1, shift->ended ? 0 : POLL_MS);
        if (ready > 0)
            status = listen_once(shift, &more, error);
        else if (shift->ended)
            break; /* and all that it said is heard */
        else
            look_whether_ended(shift);
        show_progress(shift);
        if (!shift->timed_out) watch_over(shift);
        if (!status && shift->all->stop && *shift->all->stop) {
            if (!shift->ended) kill(shift->process, SIGKILL);
            status = eie_fail(error, EIE_SYSTEM, "interrupted");
        }
    }
    return status;
}

/* ---- the matrix ----------------------------------------------------------------------------- */

/* What is known of crashes. A first one costs nothing: what the group's rows lack is run apart
 * then, the layer is built again; for a crash need not show where it was caused. */
struct crashes {
    json_t *apart;   /* groups whose rows are run apart: an object whose keys they are */
    char layer[256]; /* that ended a worker once, or "" */
    bool outside;    /* once, outside of any group, since the last row came */
    json_t *broken;  /* layers that end a worker: SUITE/LAYER and why */
};

static enum eie_status after_layer(struct shift *shift, struct crashes *crashes,
                                   struct eie_error *error)
{
    char words[512], line[1024];
    if (strcmp(crashes->layer, shift->layer) != 0) {
        snprintf(crashes->layer, sizeof crashes->layer, "%s", shift->layer);
        return EIE_OK;
    }
    describe_end(shift, "building the layer", words, sizeof words);
    if (json_object_set_new(crashes->broken, shift->layer, json_string(words)))
        return eie_fail(error, EIE_MEMORY, "out of memory");
    snprintf(line, sizeof line, "layer %s: %s", shift->layer, words);
    shift->all->on_complaint(shift->all->context, line, eie_exit_code(EIE_SYSTEM));
    return EIE_OK;
}

/* What the worker left when it ended without saying so. */
static enum eie_status after_crash(struct shift *shift, struct crashes *crashes,
                                   struct eie_error *error)
{
    char words[512], group[512];
    if (shift->begun) {
        eie_group_name(json_array_get(shift->begun, 0), group, sizeof group);
        if (json_object_get(crashes->apart, group)) return lose_group(shift, error);
        return json_object_set_new(crashes->apart, group, json_true())
                   ? eie_fail(error, EIE_MEMORY, "out of memory")
                   : EIE_OK;
    }
    if (*shift->layer) return after_layer(shift, crashes, error);
    if (!crashes->outside) {
        crashes->outside = true;
        return EIE_OK;
    }
    describe_end(shift, "no group was under way", words, sizeof words);
    return eie_fail(error, EIE_SYSTEM, "%s", words);
}

static enum eie_status run_shift(struct eie_supervision *all, struct crashes *crashes, bool *done,
                                 struct eie_error *error)
{
    struct shift shift = {.all = all, .layer = ""};
    all->job.apart = crashes->apart;
    enum eie_status status = start(&shift, error);
    if (status) return status;
    status = follow(&shift, error);
    stop(&shift);
    *done = shift.done;
    if (shift.rows_came) crashes->outside = false;
    if (!status && !shift.done && !shift.paused) status = after_crash(&shift, crashes, error);
    eie_progress_clear(&all->progress);
    json_decref(shift.begun);
    free(shift.line);
    return status;
}

static json_t *load(void)
{
    double averages[3];
    json_t *list = json_array();
    const int count = getloadavg(averages, 3);
    for (int i = 0; i < count; i++) json_array_append_new(list, json_real(averages[i]));
    return list;
}

/* {"timing": 31.5, ...}: seconds. */
static json_t *spent(const struct eie_watch *watch)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < EIE_SPENT_MAX && watch->spent[i].what; i++)
        eie_set_number(object, watch->spent[i].what, watch->spent[i].s);
    return object;
}

/* How quiet the machine was, what this process might use of it, and what contradicts itself. */
static void add_run(const struct eie_supervision *all, json_t *load_begin)
{
    json_t *quiet = eie_quiet_json(&all->job.watch->quiet);
    json_object_set(quiet, "load_begin", load_begin);
    json_object_set_new(quiet, "load_end", load());
    eie_results_set_run(all->results, "quiet", quiet);
    eie_results_set_run(all->results, "spent_s", spent(all->job.watch));
    eie_results_set_run(all->results, "limits", eie_limits_json(NULL));
    if (json_array_size(all->doubts))
        eie_results_set_run(all->results, "doubts", json_incref(all->doubts));
}

enum eie_status eie_supervise(struct eie_supervision *all, struct eie_error *error)
{
    struct crashes crashes = {.apart = json_object(), .broken = json_object()};
    struct eie_watch *watch =
        mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool done = false;
    enum eie_status status = EIE_OK;
    if (!crashes.apart || !crashes.broken || watch == MAP_FAILED)
        status = eie_fail(error, EIE_MEMORY, "out of memory to watch over the matrix");
    all->job.results = all->results;
    all->job.begin_s = eie_now_s();
    all->job.broken = crashes.broken;
    all->job.watch = watch;
    eie_results_each(all->results, clear_doubt, NULL); /* of an earlier run */
    eie_progress_begin(&all->progress, all->quiet, 1);
    all->doubts = json_array();
    json_t *load_begin = load();
    while (!status && !done) status = run_shift(all, &crashes, &done, error);
    if (watch != MAP_FAILED) add_run(all, load_begin);
    json_decref(load_begin);
    json_decref(all->doubts);
    struct eie_error second; /* what stopped the run counts; the rows that it has are kept */
    const enum eie_status saved = eie_results_save(all->results, true, status ? &second : error);
    status = status ? status : saved;
    if (watch != MAP_FAILED) munmap(watch, sizeof *watch);
    json_decref(crashes.apart);
    json_decref(crashes.broken);
    return status;
}
