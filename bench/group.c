#include "bench/group.h"
#include "bench/check.h"
#include "bench/device_floor.h"
#include "bench/gbench.h"
#include "bench/progress.h"
#include "host/clock.h"
#include "host/topology.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_S 100e-6 /* a sample is at least so long */
#define WARM_S  1e-3   /* untimed calls before a block: at least one, up to so long */
#define WARM_SHARED_S                                                                              \
    60e-3 /* the same for copies that the private caches do not hold: the shared                   \
             cache and its clock settle that slowly (CONTRIBUTING.md) */
#define LONG_CALL_S                                                                                \
    100e-3 /* from here on one call tells, and what others left in the caches does not */
#define CALIBRATIONS     3
#define SAMPLES_MIN      9
#define SAMPLES_LONG     6 /* the least of long calls: fewer have no confidence interval */
#define SAMPLES_MAX      301
#define CALLS_MAX        (INT64_C(1) << 40)
#define ENERGY_LEAST_S   0.1  /* an energy window lasts as long as a row's samples, from so long */
#define ENERGY_MOST_S    1.0  /* to so long */
#define CLOCKS_APART     1.05 /* more device time than so many times the wall's contradicts it */
#define ABOVE_CEILING    1.15 /* a row that is faster than so many times its ceiling is suspect */
#define CEILING_ATTEMPTS 2    /* a process that ends while it measures them need not try for ever */
#define CEILING_RETRIES  3    /* looks at the ceilings before a group calls a row suspect */

enum contender_state { WAITING, ADMITTED, FAILED, TIMED, SECOND };

/* A row's plan while its group is under way. Of two rows with one plan the first has it, and the
 * other is SECOND. */
struct contender {
    const struct eie_group *group;
    struct eie_row *row;
    struct eie_row *second; /* the row of the plan's other clock, or NULL */
    uint32_t index;
    enum contender_state state;
    struct eie_plan *plan;
    uint64_t held_bytes;   /* by the plan */
    uint32_t copy;         /* whose turn it is */
    double call_s, warm_s; /* estimate of one call; untimed part of a block */
    double *device_ns;     /* [device_room] a call of each block on the device's clock, or NULL */
    uint32_t device_count, device_room;
    struct eie_error error;
    enum eie_status status;
};

struct session {
    struct eie_group *group;
    struct eie_pool *pool;
    struct contender *contenders; /* [row_count] */
    uint64_t held_bytes;          /* by all plans */
    uint32_t part;
    double row_s;        /* time for one row's samples */
    uint32_t looks_left; /* at the ceilings */
    int64_t blocks_done, blocks_total;
};

static void tick(const struct eie_group *group, double share, const char *what)
{
    if (group->tick) group->tick(group->watcher, share, what);
}

static void enter(const struct contender *contender, const char *what)
{
    const struct eie_group *group = contender->group;
    if (group->enter) group->enter(group->watcher, what ? contender->index : EIE_NO_ROW, what);
}

static bool is_baseline(const struct contender *contender)
{
    return contender->row->kernel->flags & EIE_KERNEL_BASELINE;
}

static enum eie_status vectors_of(const struct contender *contender,
                                  struct eie_check_vectors vectors[2], struct eie_error *error)
{
    return eie_references_get(contender->group->references, contender->row->device, vectors, error);
}

/* One call with the copy whose turn it is. */
static enum eie_status call_once(struct contender *contender, struct eie_outcome *outcome,
                                 struct eie_error *error)
{
    const struct eie_kernel *kernel = contender->row->kernel;
    enum eie_status status = kernel->run(contender->plan, contender->copy, error);
    contender->copy = contender->copy + 1 < contender->row->copies ? contender->copy + 1 : 0;
    return status ? status : kernel->wait(contender->plan, outcome, error);
}

static void end_plan(struct session *session, struct contender *contender)
{
    if (!contender->plan) return;
    enter(contender, "ending");
    contender->row->kernel->destroy(contender->plan);
    enter(contender, NULL);
    session->held_bytes -= contender->held_bytes;
    contender->plan = NULL;
    contender->held_bytes = 0;
}

/* ---- preparing and checking ----------------------------------------------------------------- */

static void add_column(void *context, const char *key, const char *text, double number)
{
    json_t *value = text ? json_string(text) : isfinite(number) ? json_real(number) : NULL;
    if (value) json_object_set_new(context, key, value);
}

/* EIE_OK and whether `bytes` more fit beside the plans that are alive; EIE_MISSING when they never
 * will. */
static enum eie_status fits(const struct session *session, uint64_t bytes, bool *now,
                            struct eie_error *error)
{
    const uint64_t most = session->group->memory_bytes;
    uint64_t others = 0; /* the baseline stays */
    for (uint32_t i = 0; i < session->group->row_count; i++)
        if (is_baseline(&session->contenders[i])) others += session->contenders[i].held_bytes;
    if (bytes > most || others > most - bytes)
        return eie_fail(error, EIE_MISSING, "its plan needs %.0f KiB%s, and --memory is %.0f KiB",
                        ceil((double)bytes / 1024), others ? " beside the baseline's" : "",
                        floor((double)most / 1024));
    *now = session->held_bytes <= most - bytes;
    return EIE_OK;
}

static enum eie_status make_plan(struct session *session, struct contender *contender,
                                 uint32_t copies, uint64_t bytes, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    const struct eie_row *row = contender->row;
    const struct eie_setup setup = {
        {group->layer, row->device, row->batch, row->threads}, session->pool, copies};
    struct eie_check_vectors vectors[2];
    enum eie_status status = vectors_of(contender, vectors, error);
    if (status) return status;
    enter(contender, "preparing");
    status = eie_device_begin(row->device, error);
    const double begin = eie_now_s();
    if (!status) status = row->kernel->prepare(&setup, &contender->plan, error);
    if (copies == 1) contender->row->prepare_ns = 1e9 * (eie_now_s() - begin);
    if (status) {
        contender->plan = NULL;
    } else {
        contender->held_bytes = bytes;
        session->held_bytes += bytes;
        for (uint32_t c = 0; c < copies && !status; c++) {
            enter(contender, "checking");
            status = eie_check_plan(row->kernel, contender->plan, c, 1, vectors,
                                    &contender->row->relative_error, error);
        }
    }
    if (!status) row->kernel->cost(contender->plan, &contender->row->cost);
    enter(contender, NULL);
    return status;
}

/* With one copy first, which tells how large a copy is; then with as many as the cache mode takes.
 * `later`: does not fit beside the others, and was left for the next part. */
static enum eie_status prepare(struct session *session, struct contender *contender, bool *later,
                               struct eie_error *error)
{
    struct eie_row *row = contender->row;
    const struct eie_problem problem = {session->group->layer, row->device, row->batch,
                                        row->threads};
    uint64_t bytes = 0;
    bool now = false;
    *later = false;
    enter(contender, "asking what it supports");
    enum eie_status status = eie_kernel_probe(row->kernel, row->device, error);
    if (!status) status = eie_kernel_supports(row->kernel, &problem, &bytes, error);
    enter(contender, NULL);
    if (!status) status = fits(session, bytes, &now, error);
    if (status) return status;
    if (!now) {
        *later = true;
        return EIE_OK;
    }
    status = make_plan(session, contender, 1, bytes, error);
    if (!status)
        status = eie_cache_copies(session->group->cache, row->threads, row->cost.prepared_bytes,
                                  &row->copies, error);
    if (status || row->copies == 1) return status;
    end_plan(session, contender);
    bytes += (uint64_t)(row->copies - 1) * row->cost.prepared_bytes;
    status = fits(session, bytes, &now, error);
    *later = !status && !now;
    return status || *later ? status : make_plan(session, contender, row->copies, bytes, error);
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* What one call does, and the bytes that are used again and again: the vectors are the same for all
 * copies that take turns. */
static struct eie_demand demand_of(const struct eie_row *row)
{
    const struct eie_cost *cost = &row->cost;
    const uint64_t bytes = plus(cost->bytes_read, cost->bytes_written);
    const uint64_t weights = bytes < cost->prepared_bytes ? bytes : cost->prepared_bytes;
    const uint32_t arithmetic = row->kernel->flags & (EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE);
    return (struct eie_demand){.bytes = bytes,
                               .footprint = plus(bytes, (row->copies - 1) * weights),
                               .macs = plus(cost->macs_useful, cost->macs_padding),
                               .float32 = arithmetic == EIE_KERNEL_FLOAT32};
}

static bool in_private_caches(const struct eie_row *row)
{
    return row->cost.prepared_bytes * row->copies <= eie_cache_bytes(2, row->threads);
}

static void fail(struct session *session, struct contender *contender, enum eie_status status,
                 const struct eie_error *error)
{
    eie_row_fail(contender->row, status, error);
    if (contender->second) eie_row_fail(contender->second, status, error);
    contender->state = FAILED;
    end_plan(session, contender);
}

/* Prepare, check, count: afterwards the plan may be timed, or the row says why not. */
static void admit(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    struct eie_error error;
    bool later;
    tick(session->group, 0, row->kernel->name);
    enum eie_status status = prepare(session, contender, &later, &error);
    if (status) {
        fail(session, contender, status, &error);
        return;
    }
    if (later) return;
    contender->state = ADMITTED;
    contender->warm_s = in_private_caches(row) ? WARM_S : WARM_SHARED_S;
    row->resident = eie_device_resident(row->device, row->cost.prepared_bytes * row->copies);
    row->part = session->part;
    if (contender->second) contender->second->part = session->part;
    enter(contender, "describing itself");
    row->columns = json_object();
    if (row->kernel->describe) row->kernel->describe(contender->plan, add_column, row->columns);
    enter(contender, NULL);
}

/* ---- timing --------------------------------------------------------------------------------- */

static enum eie_status time_calls(struct contender *contender, int64_t calls, double *spent_s,
                                  struct eie_error *error)
{
    struct eie_outcome outcome;
    const double begin = eie_now_s();
    for (int64_t i = 0; i < calls; i++) {
        enum eie_status status = call_once(contender, &outcome, error);
        if (status) return status;
    }
    *spent_s = eie_now_s() - begin;
    return EIE_OK;
}

/* Seconds of one call, from so many calls that the fastest of a few tries lasts BLOCK_S: a single
 * slow try (page faults, another process) must not make blocks too short. */
static enum eie_status calibrate(struct contender *contender, struct eie_error *error)
{
    for (int64_t calls = 1; calls < CALLS_MAX; calls *= 2) {
        double fastest = INFINITY, spent = 0;
        for (int i = 0; i < CALIBRATIONS && fastest >= BLOCK_S && spent < LONG_CALL_S; i++) {
            enum eie_status status = time_calls(contender, calls, &spent, error);
            if (status) return status;
            fastest = fmin(fastest, spent);
        }
        contender->call_s = fastest / (double)calls;
        if (fastest >= BLOCK_S) return EIE_OK;
    }
    return eie_fail(error, EIE_SYSTEM, "calls take no time on this clock");
}

/* Untimed calls. They go through the copies as the timed ones do, so that with rotated copies the
 * last level holds what it can of them, whatever the neighbours left there. */
static bool warm(void *context)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    enter(contender, "timing");
    if (contender->call_s >= LONG_CALL_S) return contender->status == EIE_OK;
    const double begin = eie_now_s();
    do {
        contender->status = call_once(contender, &outcome, &contender->error);
    } while (!contender->status && eie_now_s() - begin + contender->call_s < contender->warm_s);
    return contender->status == EIE_OK;
}

static double block(void *context, int64_t calls)
{
    struct contender *contender = context;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    double device_ns = 0;
    const double begin = eie_now_s();
    for (int64_t i = 0; i < calls && !contender->status; i++) {
        contender->status = call_once(contender, &outcome, &contender->error);
        device_ns += outcome.device_ns;
    }
    const double spent = eie_now_s() - begin;
    enter(contender, NULL);
    if (contender->status) return -1;
    if (contender->device_count < contender->device_room)
        contender->device_ns[contender->device_count++] = device_ns / (double)calls;
    return 1e9 * spent;
}

static void block_done(void *context)
{
    struct session *session = context;
    session->blocks_done++;
    tick(session->group, (double)session->blocks_done / (double)session->blocks_total, NULL);
}

static void set_case(struct eie_gbench_case *one, struct contender *contender, double row_s)
{
    const double wanted = 1.2 * BLOCK_S / contender->call_s; /* headroom: never below BLOCK_S */
    *one = (struct eie_gbench_case){
        .name = contender->row->kernel->name,
        .calls = wanted > 1 ? (int64_t)ceil(wanted) : 1,
        .process_cpu = true,
        .warm = warm,
        .block = block,
        .context = contender,
    };
    const bool is_long = contender->call_s >= LONG_CALL_S;
    const double untimed_s = is_long ? 0 : fmax(contender->call_s, contender->warm_s);
    const double blocks = row_s / ((double)one->calls * contender->call_s + untimed_s);
    one->repetitions =
        (int32_t)fmin(SAMPLES_MAX, fmax(is_long ? SAMPLES_LONG : SAMPLES_MIN, floor(blocks)));
    one->sample_ns = calloc((size_t)one->repetitions * 2, sizeof *one->sample_ns);
    one->sample_cpu_ns = one->sample_ns ? one->sample_ns + one->repetitions : NULL;
    if (!eie_row_has_two_clocks(contender->row)) return;
    free(contender->device_ns);
    contender->device_ns = calloc((size_t)one->repetitions, sizeof *contender->device_ns);
    contender->device_room = contender->device_ns ? (uint32_t)one->repetitions : 0;
    contender->device_count = 0;
}

static double mean_of(const double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += values[i];
    return sum / count;
}

/* What the timed calls left must still be right. */
static void check_after(struct contender *contender)
{
    struct eie_check_vectors vectors[2];
    enter(contender, "checking after timing");
    if (!contender->status) contender->status = vectors_of(contender, vectors, &contender->error);
    if (!contender->status)
        contender->status = eie_check_outputs(contender->row->kernel, contender->plan,
                                              vectors[0].reference, NULL, &contender->error);
    enter(contender, NULL);
}

static enum eie_status call_for_energy(void *context, struct eie_error *error)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    enter(contender, "measuring its energy");
    return call_once(contender, &outcome, error);
}

/* After the timed calls, since looking at a meter takes time. Both clocks' rows have it. */
static void measure_energy(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    const double window_s = fmax(ENERGY_LEAST_S, fmin(session->row_s, ENERGY_MOST_S));
    if (contender->status || !eie_row_has_two_clocks(row)) return;
    tick(session->group, 1, "measuring energy");
    contender->status = eie_energy_measure(row->device->runtime.pci, window_s, call_for_energy,
                                           contender, &row->energy, &contender->error);
    enter(contender, NULL);
    row->outcome.energy_j = row->energy.call_j;
    row->outcome.energy_source =
        row->energy.state == EIE_ENERGY_MEASURED ? EIE_ENERGY_SOURCE : NULL;
}

static bool is_timed(const struct eie_row *row)
{
    return row->status == EIE_ROW_OK && row->sample_count;
}

static void find_floor(struct session *session, uint32_t index)
{
    struct eie_row *row = &session->group->rows[index];
    const struct eie_demand demand = demand_of(row);
    struct eie_error without; /* then the row has no floor */
    if (row->threads) {
        row->floor = eie_floor_of(session->group->ceilings, &demand);
        return;
    }
    enter(&session->contenders[index], "measuring its device's ceilings");
    if (eie_device_floor(row->device, !strcmp(row->time_source, "wall"), &demand, &row->floor,
                         &row->launch_ns, &without))
        tick(session->group, 1, "going on without the device's ceilings");
    enter(&session->contenders[index], NULL);
}

/* Where the rows of the group stand under the ceilings; true when one is above them. */
static bool find_floors(struct session *session)
{
    bool above = false;
    for (uint32_t i = 0; i < session->group->row_count; i++) {
        const struct eie_row *row = &session->group->rows[i];
        if (!is_timed(row)) continue;
        find_floor(session, i);
        above = above || row->stats.median * ABOVE_CEILING < row->floor.ns;
    }
    return above;
}

/* A row above the ceilings is suspect; but first this machine's are looked at again. */
static void judge(struct session *session)
{
    struct eie_group *group = session->group;
    while (find_floors(session) && group->threads && session->looks_left--) {
        struct eie_error error;
        tick(group, 1, "measuring the ceilings again");
        if (eie_ceilings_measure(session->pool, group->memory_bytes, group->ceilings, &error))
            break;
    }
    for (uint32_t i = 0; i < group->row_count; i++) {
        struct eie_row *row = &group->rows[i];
        if (!is_timed(row) || row->stats.median * ABOVE_CEILING >= row->floor.ns) continue;
        const struct eie_demand demand = demand_of(row);
        row->status = EIE_ROW_SUSPECT;
        snprintf(row->reason, sizeof row->reason,
                 "%.3g us a call is %.2f times what this %s's %s ceiling allows for the %llu "
                 "bytes and %llu multiplications that the kernel counts: its counts or its clock "
                 "are wrong",
                 row->stats.median / 1e3, row->floor.ns / row->stats.median,
                 row->threads ? "machine" : "device", row->floor.bound,
                 (unsigned long long)demand.bytes, (unsigned long long)demand.macs);
    }
}

/* The device's clock and ours took the same calls: it cannot have seen more time than passed. */
static void judge_clocks(struct eie_row *device, struct eie_row *wall)
{
    const double device_ns = device->stats.median, wall_ns = wall->stats.median;
    if (device_ns > 0 && device_ns <= CLOCKS_APART * wall_ns) return;
    device->status = wall->status = EIE_ROW_SUSPECT;
    snprintf(device->reason, sizeof device->reason,
             "%.3g us a call on the device's clock and %.3g us on the wall's contradict each other",
             device_ns / 1e3, wall_ns / 1e3);
    snprintf(wall->reason, sizeof wall->reason, "%s", device->reason);
}

/* Makes `second` the row of the plan's other clock: all but its key is that of the first. */
static void make_second(const struct eie_row *row, struct eie_row *second)
{
    const struct eie_row key = *second;
    *second = *row;
    second->time_source = key.time_source;
    second->again = key.again;
    second->columns = json_incref(row->columns);
}

/* The samples of both clocks go to their rows; where only one of them is left to run, the other is
 * made up for the comparison. A plan whose device has no clock for all that a call does states NaN.
 */
static void keep_clocks(struct contender *contender, struct eie_gbench_case *one)
{
    struct eie_row *row = contender->row, unwanted = {.samples_ns = NULL};
    struct eie_row *second = contender->second ? contender->second : &unwanted;
    const bool device_first = !strcmp(row->time_source, "device");
    struct eie_row *device = device_first ? row : second, *wall = device_first ? second : row;
    struct eie_error error;
    make_second(row, second);
    wall->samples_ns = one->sample_ns;
    one->sample_ns = NULL;
    device->samples_ns = contender->device_ns;
    device->sample_count = contender->device_count;
    contender->device_ns = NULL;
    for (uint32_t i = 0; i < device->sample_count; i++)
        if (!isfinite(device->samples_ns[i])) device->sample_count = 0;
    if (device->sample_count) {
        device->stats = eie_stats_of(device->samples_ns, device->sample_count);
        judge_clocks(device, wall);
    } else {
        eie_row_fail(device,
                     eie_fail(&error, EIE_UNSUPPORTED,
                              "no clock of the device covers all that the call does"),
                     &error);
    }
    eie_row_free(&unwanted);
}

static void keep_samples(struct session *session, struct contender *contender,
                         struct eie_gbench_case *one)
{
    struct eie_row *row = contender->row;
    struct eie_error error;
    if (!contender->status && one->samples < SAMPLES_LONG)
        contender->status =
            eie_fail(&contender->error, EIE_SYSTEM, "only %d of %d samples could be taken",
                     one->samples, one->repetitions);
    if (contender->status) {
        error = contender->error;
        fail(session, contender, contender->status, &error);
        return;
    }
    row->sample_count = (uint32_t)one->samples;
    row->calls = one->calls;
    row->stats = eie_stats_of(one->sample_ns, row->sample_count);
    row->cpu_ns = mean_of(one->sample_cpu_ns, row->sample_count);
    contender->state = TIMED;
    if (eie_row_has_two_clocks(row)) {
        keep_clocks(contender, one);
        return;
    }
    row->samples_ns = one->sample_ns;
    one->sample_ns = NULL;
}

/* The rows of this part say what the baseline took among them. */
static void note_baseline(struct session *session, double median_ns)
{
    for (uint32_t i = 0; i < session->group->row_count; i++)
        if (session->group->rows[i].part == session->part)
            session->group->rows[i].part_baseline_ns = median_ns;
}

static void finish_case(struct session *session, struct eie_gbench_case *one)
{
    struct contender *contender = one->context;
    const bool again = contender->state == TIMED; /* the baseline, in a later part */
    if (!again) measure_energy(session, contender);
    check_after(contender);
    if (again && contender->status) {
        const struct eie_error why = contender->error;
        fail(session, contender, contender->status, &why);
    } else if (again && one->samples >= SAMPLES_LONG) {
        note_baseline(session, eie_stats_of(one->sample_ns, (uint32_t)one->samples).median);
    }
    if (again) return;
    keep_samples(session, contender, one);
    if (is_baseline(contender) && contender->state == TIMED)
        note_baseline(session, contender->row->stats.median);
}

static enum eie_status time_part(struct session *session, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    struct eie_gbench_case *cases = calloc(group->row_count, sizeof *cases);
    int32_t count = 0;
    char reason[256];
    enum eie_status status = EIE_OK;
    if (!cases) return eie_fail(error, EIE_MEMORY, "out of memory for samples");
    session->blocks_done = session->blocks_total = 0;
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        struct contender *contender = &session->contenders[i];
        if (!contender->plan) continue;
        enter(contender, "timing");
        contender->status = calibrate(contender, &contender->error);
        enter(contender, NULL);
        if (contender->status) {
            const struct eie_error why = contender->error;
            fail(session, contender, contender->status, &why);
            continue;
        }
        set_case(&cases[count], contender, session->row_s);
        session->blocks_total += cases[count].repetitions;
        const bool room = cases[count++].sample_ns &&
                          (!eie_row_has_two_clocks(contender->row) || contender->device_ns);
        if (!room) status = eie_fail(error, EIE_MEMORY, "out of memory for samples");
    }
    if (!status && count &&
        !eie_gbench_run(cases, count, block_done, session, reason, sizeof reason))
        status = eie_fail(error, EIE_SYSTEM, "%s", reason);
    for (int32_t i = 0; i < count; i++) {
        if (!status) finish_case(session, &cases[i]);
        free(cases[i].sample_ns);
    }
    free(cases);
    return status;
}

/* ---- models --------------------------------------------------------------------------------- */

/* A model states its time instead of taking it: one call, one sample. */
static void ask_model(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    struct eie_error error;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enter(contender, "estimating");
    enum eie_status status = call_once(contender, &outcome, &error);
    enter(contender, NULL);
    if (!status && !(outcome.device_ns >= 0))
        status = eie_fail(&error, EIE_SYSTEM, "the model stated no time");
    if (!status) {
        row->samples_ns = malloc(sizeof *row->samples_ns);
        if (!row->samples_ns) status = eie_fail(&error, EIE_MEMORY, "out of memory");
    }
    if (status) {
        fail(session, contender, status, &error);
        return;
    }
    *row->samples_ns = outcome.device_ns;
    row->sample_count = 1;
    row->calls = 1;
    row->outcome = outcome;
    row->stats = eie_stats_of(row->samples_ns, 1);
    row->cpu_ns = row->stats.median;
    contender->state = TIMED;
}

/* ---- the group ------------------------------------------------------------------------------ */

/* Admits as many waiting rows as fit, the baseline first; false when none is left to time. */
static bool admit_part(struct session *session)
{
    bool any = false;
    session->part++;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < session->group->row_count; i++) {
            struct contender *contender = &session->contenders[i];
            if (contender->state != WAITING || is_baseline(contender) != (round == 0)) continue;
            admit(session, contender);
            any = any || contender->state == ADMITTED;
        }
    }
    return any;
}

static uint32_t count_state(const struct session *session, enum contender_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < session->group->row_count; i++)
        count += session->contenders[i].state == state;
    return count;
}

static enum eie_status run_part(struct session *session, struct eie_error *error)
{
    struct eie_group *group = session->group;
    enum eie_status status = EIE_OK;
    if (session->part == 1)
        session->row_s =
            group->budget_s / (count_state(session, ADMITTED) + count_state(session, WAITING));
    /* libraries' threads, now that all are there; a device's driver places its own */
    if (group->threads) status = eie_bind_threads_apart(group->threads, error);
    if (!status && group->cache != EIE_CACHE_NONE) status = time_part(session, error);
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        struct contender *contender = &session->contenders[i];
        if (group->cache == EIE_CACHE_NONE && contender->state == ADMITTED)
            ask_model(session, contender);
        if (!is_baseline(contender) || !count_state(session, WAITING)) end_plan(session, contender);
    }
    return status;
}

/* A device's driver may have threads on the host, and groups before may have bound them and their
 * memory. */
static enum eie_status free_threads(struct eie_error *error)
{
    const struct eie_topology *topology;
    enum eie_status status = eie_topology_get(&topology, error);
    if (!status) status = eie_bind_process(topology->cores, error);
    return status ? status : eie_bind_memory(topology->cores, error);
}

static enum eie_status begin_session(struct session *session, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    const uint32_t threads = group->threads;
    enum eie_status status = EIE_OK;
    if (threads) {
        /* threads that a library starts now inherit the group's cores */
        status = eie_bind_process(threads, error);
        if (!status) status = eie_bind_memory(threads, error);
        if (!status) status = eie_pool_get(threads, &session->pool, error);
        if (!status) status = eie_bind_process(threads, error);
        if (!status && !group->ceilings->threads && group->ceilings->attempts < CEILING_ATTEMPTS) {
            struct eie_error without; /* then no row has a floor */
            tick(group, 0, "measuring the machine's ceilings");
            if (eie_ceilings_measure(session->pool, group->memory_bytes, group->ceilings, &without))
                tick(group, 0, "going on without ceilings");
        }
    }
    if (!threads && group->cache != EIE_CACHE_NONE) status = free_threads(error);
    for (uint32_t i = 0; i < group->row_count; i++) {
        struct contender *contender = &session->contenders[i];
        *contender = (struct contender){.group = group, .row = &group->rows[i], .index = i};
        group->rows[i].copies = 1;
        if (!i || !eie_row_same_plan(contender[-1].row, contender->row)) continue;
        contender[-1].second = contender->row;
        contender->state = SECOND;
    }
    return status;
}

enum eie_status eie_group_run(struct eie_group *group, struct eie_error *error)
{
    struct session session = {.group = group, .looks_left = CEILING_RETRIES};
    session.contenders = calloc(group->row_count, sizeof *session.contenders);
    if (!session.contenders) return eie_fail(error, EIE_MEMORY, "out of memory for a group");
    enum eie_status status = begin_session(&session, error);
    while (!status && admit_part(&session)) status = run_part(&session, error);
    if (!status && group->cache != EIE_CACHE_NONE) judge(&session);
    for (uint32_t i = 0; i < group->row_count; i++) {
        end_plan(&session, &session.contenders[i]);
        if (session.part > 2)
            continue; /* the last part is empty: split where there were two more */
        group->rows[i].part = 0;
        group->rows[i].part_baseline_ns = 0;
    }
    for (uint32_t i = 0; i < group->row_count; i++) free(session.contenders[i].device_ns);
    free(session.contenders);
    return status;
}
