#include "bench/matrix/group.h"
#include "bench/check/audit.h"
#include "bench/check/check.h"
#include "bench/measure/devices.h"
#include "bench/measure/gbench.h"
#include "bench/measure/quiet.h"
#include "host/base/clock.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_S 100e-6 /* a sample is at least so long */
#define WARM_S  1e-3   /* untimed calls before a block: at least one, up to so long */
#define WARM_SHARED_S                                                                              \
    40e-3 /* the same for copies that the private caches do not hold: the shared                   \
             cache and its clock settle that slowly (docs/decisions.md) */
#define LONG_CALL_S    (EIE_LONG_CALL_NS * 1e-9) /* from here on one call tells its time */
#define COLD_CALL_S    0.1  /* and from here on what others left in the caches does not count */
#define WAKE_CALL_S    1e-3 /* in a longer call the look at the counters before it does not show */
#define CALIBRATIONS   3
#define BLOCKS_SHARED  6   /* blocks behind one so long warm-up, */
#define BLOCKS_LONG    3   /* and of long calls */
#define BLOCKS_MAX     301 /* of a row in one visit */
#define MORE_SHARE     0.8 /* where more blocks than this were disturbed, further ones would be too */
#define CALLS_MAX      (INT64_C(1) << 40)
#define ENERGY_LEAST_S 0.1   /* an energy window lasts as long as a row's samples, from so long */
#define ENERGY_MOST_S  1.0   /* to so long */
#define COUNTED_S      50e-3 /* of calls: counters that take turns are switched every few ms */
#define COUNTED_MOST_S 0.5   /* to finish a round of the copies */
/* beside twice its calls a round of load, call and read may take so long (bench/check/audit.h) */
#define SLACK_NS         20e3
#define SLACK_THREADS_NS 200e3 /* others wake up */
#define SLACK_DEVICE_NS  1e6   /* transfers have their latencies */
#define CLOCKS_APART     1.05  /* more device time than so many times the wall's contradicts it */
#define ABOVE_CEILING    1.15  /* a row that is faster than so many times its ceiling is suspect */
#define CEILING_ATTEMPTS 2 /* a process that ends while it measures them need not try for ever */
#define CEILING_RETRIES  3 /* looks at the ceilings before a group calls a row suspect */

enum contender_state { WAITING, ADMITTED, FAILED, TIMED, SECOND };

/* A row's plan while its group is under way. Of several rows with one plan the first has it, and
 * the others are SECOND. */
struct contender {
    const struct eie_group *group;
    struct eie_quiet *quiet; /* counters beside its blocks, or NULL */
    struct eie_row *row;
    struct eie_row *rows[EIE_CLOCKS]; /* the plan's by their clocks; NULL: not to be measured */
    uint32_t index;
    enum contender_state state;
    struct eie_plan *plan;
    uint64_t held_bytes;   /* by the plan */
    uint32_t copy;         /* whose turn it is */
    double call_s, warm_s; /* estimate of one call; untimed part of a block */
    int64_t calls;         /* per block */
    uint32_t blocks;       /* behind one warm-up */
    double cpu_ns;         /* of all calls of this visit */
    int64_t cpu_calls;
    uint32_t visit;
    struct eie_samples fresh[EIE_CLOCKS]; /* of this visit */
    bool no_chain;                        /* the plan cannot be timed so, */
    struct eie_error why;                 /* for this reason */
    struct eie_energy chain_energy;
    struct eie_error error;
    enum eie_status status;
};

struct session {
    struct eie_group *group;
    struct eie_pool *pool;
    struct contender *contenders; /* [row_count] */
    uint64_t held_bytes;          /* by all plans */
    uint32_t visit;
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

static bool is_reference(const struct contender *contender)
{
    return contender->row->is_reference;
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
    uint64_t others = 0; /* the references stay */
    for (uint32_t i = 0; i < session->group->row_count; i++)
        if (is_reference(&session->contenders[i])) others += session->contenders[i].held_bytes;
    if (bytes > most || others > most - bytes)
        return eie_fail(error, EIE_MISSING, "its plan needs %.0f KiB%s, and --memory is %.0f KiB",
                        ceil((double)bytes / 1024), others ? " beside the references'" : "",
                        floor((double)most / 1024));
    *now = session->held_bytes <= most - bytes;
    return EIE_OK;
}

static uint64_t plan_bytes(const struct eie_row *row, uint32_t copies, uint64_t one_bytes)
{
    return one_bytes + (uint64_t)(copies - 1) * row->copy_bytes;
}

/* `one_bytes`: of a plan with one copy, as the kernel says. */
static enum eie_status make_plan(struct session *session, struct contender *contender,
                                 uint32_t copies, uint64_t one_bytes, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    const struct eie_row *row = contender->row;
    const struct eie_setup setup = {
        {group->layer, row->device, row->batch, row->threads}, session->pool, copies};
    const uint64_t bytes = plan_bytes(row, copies, one_bytes);
    /* what is timed is checked again after timing: before, the least will do */
    struct eie_check_vectors vectors[2];
    enum eie_status status = vectors_of(contender, vectors, error);
    if (status) return status;
    enter(contender, "preparing");
    status = eie_runtime_open(row->device, error);
    eie_pages_begin();
    const double begin = eie_now_s();
    if (!status) status = row->kernel->prepare(&setup, &contender->plan, error);
    if (copies == 1) contender->row->prepare_ns = 1e9 * (eie_now_s() - begin);
    if (status) {
        contender->plan = NULL;
    } else {
        contender->held_bytes = bytes;
        session->held_bytes += bytes;
        for (uint32_t c = 0; c < copies && !status; c++) {
            double *relative = c ? NULL : &contender->row->relative_error;
            enter(contender, "checking");
            status =
                group->cache != EIE_CACHE_NONE
                    ? eie_check_copy(row->kernel, contender->plan, c, vectors, relative, error)
                    : eie_check_plan(row->kernel, contender->plan, c, 1, vectors, relative, error);
        }
    }
    contender->row->huge_share = status ? (double)NAN : eie_pages_huge_share();
    contender->row->cost = (struct eie_cost){0};
    if (!status) row->kernel->cost(contender->plan, &contender->row->cost);
    if (!status)
        status = eie_check_prepared(row->kernel, group->layer, &row->cost, one_bytes, error);
    enter(contender, NULL);
    return status;
}

static enum eie_status copies_of(const struct session *session, const struct eie_row *row,
                                 uint32_t *copies, struct eie_error *error)
{
    const enum eie_cache cache = session->group->cache;
    return row->device->kind == EIE_DEVICE_FOUND
               ? eie_device_copies(row->device, cache, row->copy_bytes, copies, error)
               : eie_cache_copies(cache, row->threads, row->copy_bytes, copies, error);
}

/* As many copies as the cache mode takes; `bytes` are those of a plan with one. A kernel that
 * chooses by trying may choose another form when there are several: then they are counted again,
 * once. */
static enum eie_status make_copies(struct session *session, struct contender *contender,
                                   uint64_t bytes, bool *later, struct eie_error *error)
{
    struct eie_row *row = contender->row;
    enum eie_status status = EIE_OK;
    for (int round = 0; round < 2 && !status; round++) {
        const uint32_t before = contender->plan ? row->copies : 0;
        bool now = false;
        status = copies_of(session, row, &row->copies, error);
        if (status || row->copies == before) return status;
        end_plan(session, contender);
        status = fits(session, plan_bytes(row, row->copies, bytes), &now, error);
        *later = !status && !now;
        if (status || *later) return status;
        status = make_plan(session, contender, row->copies, bytes, error);
        row->copy_bytes = row->cost.prepared_bytes;
    }
    uint32_t needed = 0;
    if (!status) status = copies_of(session, row, &needed, error);
    if (!status && needed > row->copies)
        status = eie_fail(error, EIE_UNSUPPORTED,
                          "a copy has %" PRIu64 " bytes where there are %u, and another size where "
                          "there are as many as the cache mode takes",
                          row->copy_bytes, row->copies);
    return status;
}

/* Where it is not known how large a copy is, with one first; then with as many as the cache mode
 * takes. `later`: does not fit beside the others, and was left for the next part. */
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
    if (!row->copy_bytes) {
        status = make_plan(session, contender, 1, bytes, error);
        row->copy_bytes = row->cost.prepared_bytes;
    }
    return status ? status : make_copies(session, contender, bytes, later, error);
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
                               .adds = cost->adds,
                               .float32 = arithmetic == EIE_KERNEL_FLOAT32};
}

static bool in_private_caches(const struct eie_row *row)
{
    return row->cost.prepared_bytes * row->copies <= eie_cache_bytes(2, row->threads);
}

static void fail(struct session *session, struct contender *contender, enum eie_status status,
                 const struct eie_error *error)
{
    for (int c = 0; c < EIE_CLOCKS; c++)
        if (contender->rows[c]) eie_row_fail(contender->rows[c], status, error);
    contender->state = FAILED;
    end_plan(session, contender);
}

/* A kernel that chooses another one, and chose differently in earlier visits, starts over: a median
 * of two kernels' times would be that of none. */
static void keep_choice(struct eie_row *row)
{
    const char *now = json_string_value(json_object_get(row->columns, "eie_chosen_kernel"));
    if (!now || !row->chosen || !strcmp(now, row->chosen)) return;
    eie_samples_free(&row->samples);
    row->cpu_ns = 0;
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
    enter(contender, "describing itself");
    json_decref(row->columns);
    row->columns = json_object();
    if (row->kernel->describe) row->kernel->describe(contender->plan, add_column, row->columns);
    enter(contender, NULL);
    keep_choice(row);
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

/* One measurement by a clock that has calls of its own; how many they were. */
static uint32_t pass(struct contender *contender, enum eie_clock clock, double *ns)
{
    const struct eie_row *row = contender->row;
    uint32_t calls = 1;
    *ns = NAN;
    if (clock == EIE_CLOCK_CHAIN && (contender->no_chain || !contender->rows[clock])) return 0;
    const enum eie_status status =
        row->kernel->pass(contender->plan, clock, contender->copy, &calls, ns, &contender->why);
    contender->copy = contender->copy + 1 < row->copies ? contender->copy + 1 : 0;
    if (clock == EIE_CLOCK_CHAIN && status == EIE_UNSUPPORTED) {
        contender->no_chain = true;
        return 0;
    }
    contender->status = status;
    contender->error = contender->why;
    return status ? 0 : calls;
}

/* The mean of as many calls as a block has by such a clock; NaN where there are none. */
static double passes(struct contender *contender, enum eie_clock clock)
{
    double all = 0, ns;
    int64_t done = 0;
    while (done < contender->calls && !contender->status) {
        const uint32_t calls = pass(contender, clock, &ns);
        if (!calls) return NAN;
        all += calls * ns;
        done += calls;
    }
    return all / (double)done;
}

/* Untimed calls. They go through the copies as the timed ones do, so that with rotated copies the
 * last level holds what it can of them, whatever the neighbours left there. */
static bool warm(void *context)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    enter(contender, "warming up");
    if (contender->call_s >= COLD_CALL_S) return contender->status == EIE_OK;
    const double begin = eie_now_s();
    do {
        contender->status = call_once(contender, &outcome, &contender->error);
    } while (!contender->status && eie_now_s() - begin + contender->call_s < contender->warm_s);
    for (int c = EIE_CLOCK_WALL + 1; contender->row->kernel->pass && c < EIE_CLOCKS; c++) {
        double ns; /* a graph's first launch takes longer */
        if (!contender->status) (void)pass(contender, (enum eie_clock)c, &ns);
    }
    return contender->status == EIE_OK;
}

/* A sample by each clock that the row's plan has. */
static void keep_block(struct contender *contender, const double ns[EIE_CLOCKS], bool disturbed)
{
    for (uint32_t c = 0; c < eie_row_clocks(contender->row) && !contender->status; c++) {
        const struct eie_sample one = {ns[c], contender->visit, disturbed};
        if (c != EIE_CLOCK_CHAIN || isfinite(ns[c]))
            contender->status = eie_samples_add(&contender->fresh[c], one, &contender->error);
    }
}

static double one_block(struct contender *contender)
{
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    struct eie_quiet *quiet = contender->quiet;
    double device_ns = 0;
    if (quiet) eie_quiet_before(quiet);
    /* looking at the counters took time and caches: other threads may have gone to sleep */
    if (quiet && contender->call_s < WAKE_CALL_S)
        contender->status = call_once(contender, &outcome, &contender->error);
    const double cpu_s = eie_cpu_s(), begin = eie_now_s();
    for (int64_t i = 0; i < contender->calls && !contender->status; i++) {
        contender->status = call_once(contender, &outcome, &contender->error);
        device_ns += outcome.device_ns;
    }
    const double spent_ns = 1e9 * (eie_now_s() - begin);
    contender->cpu_ns += 1e9 * (eie_cpu_s() - cpu_s);
    contender->cpu_calls += contender->calls;
    const bool disturbed = quiet && eie_quiet_after(quiet, spent_ns);
    if (contender->status) return -1;
    if (!(spent_ns > 0)) return spent_ns;
    const double calls = (double)contender->calls;
    double ns[EIE_CLOCKS] = {spent_ns / calls, device_ns / calls, NAN};
    for (int c = EIE_CLOCK_WALL + 1; contender->row->kernel->pass && c < EIE_CLOCKS; c++)
        ns[c] = passes(contender, (enum eie_clock)c);
    const bool held_down = contender->row->device->kind == EIE_DEVICE_FOUND &&
                           eie_energy_held_down(contender->row->device);
    keep_block(contender, ns, disturbed || held_down);
    return contender->status ? -1 : spent_ns;
}

/* All blocks behind one warm-up; Google Benchmark sees them as one. */
static double block(void *context, int64_t calls)
{
    struct contender *contender = context;
    double all_ns = 0;
    (void)calls;
    enter(contender, "timing");
    for (uint32_t i = 0; i < contender->blocks && all_ns >= 0; i++) {
        const double ns = one_block(contender);
        all_ns = ns < 0 ? ns : all_ns + ns;
    }
    enter(contender, NULL);
    return all_ns;
}

static void block_done(void *context)
{
    struct session *session = context;
    session->blocks_done++;
    tick(session->group, (double)session->blocks_done / (double)session->blocks_total, NULL);
}

static uint32_t least_of(const struct contender *contender)
{
    return contender->call_s >= LONG_CALL_S ? EIE_SAMPLES_LONG : EIE_SAMPLES_LEAST;
}

/* Has the visit as many undisturbed samples as it is to have at least? */
static bool has_least(const struct contender *contender)
{
    return eie_samples_quiet(&contender->fresh[EIE_CLOCK_WALL]) >= least_of(contender);
}

static void set_case(struct eie_gbench_case *one, struct contender *contender, double row_s)
{
    const double wanted = 1.2 * BLOCK_S / contender->call_s; /* headroom: never below BLOCK_S */
    const bool is_cold = contender->call_s >= COLD_CALL_S;
    contender->calls = wanted > 1 ? (int64_t)ceil(wanted) : 1;
    contender->blocks = is_cold || contender->warm_s < WARM_SHARED_S ? 1
                        : contender->call_s >= LONG_CALL_S           ? BLOCKS_LONG
                                                                     : BLOCKS_SHARED;
    const double untimed_s = is_cold ? 0 : fmax(contender->call_s, contender->warm_s);
    const double clocks =
        contender->row->kernel->pass ? EIE_CLOCKS : 1; /* have calls of their own */
    const double round_s =
        clocks * contender->blocks * (double)contender->calls * contender->call_s + untimed_s;
    const double least = ceil((double)least_of(contender) / contender->blocks);
    *one = (struct eie_gbench_case){
        .name = contender->row->kernel->name,
        .calls = contender->calls * contender->blocks,
        .repetitions =
            (int32_t)fmin(BLOCKS_MAX / contender->blocks, fmax(least, floor(row_s / round_s))),
        .process_cpu = true,
        .warm = warm,
        .block = block,
        .context = contender,
    };
    one->sample_ns = calloc((size_t)one->repetitions * 2, sizeof *one->sample_ns);
    one->sample_cpu_ns = one->sample_ns ? one->sample_ns + one->repetitions : NULL;
}

/* The visit's samples, disturbed ones too: the audit meets the same neighbours. */
static double call_ns_of(const struct contender *contender)
{
    const struct eie_samples *fresh = &contender->fresh[EIE_CLOCK_WALL];
    const uint32_t count = fresh->count;
    double *all = count ? malloc(count * sizeof *all) : NULL;
    if (!all) return contender->call_s * 1e9;
    for (uint32_t i = 0; i < count; i++) all[i] = fresh->all[i].ns;
    const double middle = eie_middle(all, count);
    free(all);
    return middle;
}

static double slack_ns_of(const struct eie_row *row)
{
    return row->threads == 1 ? SLACK_NS : row->threads ? SLACK_THREADS_NS : SLACK_DEVICE_NS;
}

/* What was timed must be what was checked (bench/check/audit.h). */
static void check_after(struct contender *contender)
{
    struct eie_row *row = contender->row;
    struct eie_check_vectors vectors[2], fresh;
    struct eie_audit audit = {.kernel = row->kernel,
                              .plan = contender->plan,
                              .timed = &vectors[0],
                              .fresh = &fresh,
                              .copies = row->copies,
                              .layer = contender->group->layer,
                              .seed = contender->visit,
                              .call_ns = call_ns_of(contender),
                              .slack_ns = slack_ns_of(row)};
    char suspicion[sizeof row->reason];
    if (!contender->status) contender->status = vectors_of(contender, vectors, &contender->error);
    if (!contender->status)
        contender->status = eie_references_fresh(contender->group->references, row->device, &fresh,
                                                 &contender->error);
    if (!contender->status)
        contender->status =
            eie_references_divisor(contender->group->references, &audit.divisor, &contender->error);
    if (contender->status) return;
    enter(contender, "checking after timing");
    contender->status = eie_audit_plan(&audit, suspicion, sizeof suspicion, &contender->error);
    enter(contender, NULL);
    if (contender->status || !*suspicion) return;
    row->status = EIE_ROW_SUSPECT;
    snprintf(row->reason, sizeof row->reason, "%s", suspicion);
}

static enum eie_status call_for_energy(void *context, struct eie_error *error)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    enter(contender, "measuring its energy");
    return call_once(contender, &outcome, error);
}

static enum eie_status chain_for_energy(void *context, struct eie_error *error)
{
    struct contender *contender = context;
    uint32_t calls;
    double ns;
    enter(contender, "measuring its energy in a chain");
    return contender->row->kernel->pass(contender->plan, EIE_CLOCK_CHAIN, 0, &calls, &ns, error);
}

/* A processor that no meter is for is not asked; of other devices the row says why. */
static bool asks_for_energy(const struct eie_row *row)
{
    return row->device->kind == EIE_DEVICE_FOUND ||
           (row->device->kind == EIE_DEVICE_CPU && eie_meter_of(row->device));
}

/* That of a busy device: calls behind each other, for the chain's row. */
static void measure_chain_energy(struct contender *contender, double window_s)
{
    struct eie_energy *energy = &contender->chain_energy;
    double ns;
    if (!contender->fresh[EIE_CLOCK_CHAIN].count) return;
    const uint32_t calls = pass(contender, EIE_CLOCK_CHAIN, &ns);
    if (contender->status || !calls) return;
    contender->status = eie_energy_measure(contender->row->device, window_s, chain_for_energy,
                                           contender, energy, &contender->error);
    energy->call_j /= calls;
    energy->calls *= calls;
    for (uint32_t i = 0; i < energy->part_count; i++) energy->parts[i].joules /= calls;
}

/* After the timed calls, since looking at a meter takes time. The rows of the wall's and the
 * device's clock have it both. */
static void measure_energy(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    const double window_s = fmax(ENERGY_LEAST_S, fmin(session->row_s, ENERGY_MOST_S));
    if (contender->status || !asks_for_energy(row)) return;
    tick(session->group, 1, "measuring energy");
    contender->status = eie_energy_measure(row->device, window_s, call_for_energy, contender,
                                           &row->energy, &contender->error);
    if (!contender->status) measure_chain_energy(contender, window_s);
    enter(contender, NULL);
    row->outcome.energy_j = row->energy.call_j;
    row->outcome.energy_source = row->energy.source;
}

static enum eie_status call_to_count(void *context, struct eie_error *error)
{
    struct eie_outcome outcome;
    return call_once(context, &outcome, error);
}

/* Whole rounds of the copies, where one does not last too long. */
static uint64_t counted_calls(const struct contender *contender)
{
    const uint32_t copies = contender->row->copies;
    const double call_s = 1e-9 * call_ns_of(contender);
    const double round = copies * call_s < COUNTED_MOST_S ? copies : 1;
    const double calls = ceil(COUNTED_S / call_s / round) * round;
    return calls < (double)CALLS_MAX ? (uint64_t)calls : (uint64_t)CALLS_MAX;
}

/* In a pass of its own, after the timed calls: asking for counters and reading them takes time. */
static void count_events(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    if (contender->status || !session->group->counters) return;
    if (!row->threads) {
        eie_counts_refuse(&row->counts, "only the processor's counters are read, and of its own "
                                        "rows: a device computes elsewhere");
        return;
    }
    tick(session->group, 1, "counting events");
    if (!warm(contender)) return;
    enter(contender, "counting events");
    contender->status = eie_counters_count(NULL, counted_calls(contender), call_to_count, contender,
                                           &row->counts, &contender->error);
    enter(contender, NULL);
}

static bool is_timed(const struct eie_row *row)
{
    return row->status == EIE_ROW_OK && row->samples.count;
}

/* The ceilings that the rows' roofline bounds depend on and that are not measured yet, or all of
 * them again.
 */
static void measure_ceilings(struct session *session, bool again)
{
    const struct eie_group *group = session->group;
    struct eie_ceilings *ceilings = group->ceilings;
    uint32_t which = 0;
    struct eie_error without; /* then these rows have no bound */
    for (uint32_t i = 0; i < group->row_count; i++) {
        const struct eie_demand demand = demand_of(&group->rows[i]);
        if (is_timed(&group->rows[i])) which |= eie_ceilings_for(group->threads, &demand);
    }
    if (!again) which &= ~ceilings->measured;
    if (!which || ceilings->attempts >= CEILING_ATTEMPTS) return;
    tick(group, 1, again ? "measuring the ceilings again" : "measuring the machine's ceilings");
    if (group->enter) group->enter(group->watcher, EIE_NO_ROW, "measuring ceilings");
    if (eie_ceilings_measure(session->pool, group->memory_bytes, which, ceilings, &without))
        tick(group, 1, "going on without ceilings");
    if (group->enter) group->enter(group->watcher, EIE_NO_ROW, NULL);
}

static void find_floor(struct session *session, uint32_t index)
{
    struct eie_row *row = &session->group->rows[index];
    const struct eie_demand demand = demand_of(row);
    struct eie_error without; /* then the row has no bound */
    if (row->threads) {
        row->roofline = eie_roofline_of(session->group->ceilings, &demand);
        return;
    }
    enter(&session->contenders[index], "measuring its device's ceilings");
    if (eie_device_roofline(row->device, eie_row_clock(row), &demand, &row->roofline,
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
        above = above || row->stats.median * ABOVE_CEILING < row->roofline.ns;
    }
    return above;
}

/* A row above the ceilings is suspect; but first this machine's are looked at again. */
static void judge(struct session *session)
{
    struct eie_group *group = session->group;
    if (group->threads) measure_ceilings(session, false);
    while (find_floors(session) && group->threads && session->looks_left--)
        measure_ceilings(session, true);
    for (uint32_t i = 0; i < group->row_count; i++) {
        struct eie_row *row = &group->rows[i];
        if (!is_timed(row) || row->stats.median * ABOVE_CEILING >= row->roofline.ns) continue;
        const struct eie_demand demand = demand_of(row);
        row->status = EIE_ROW_SUSPECT;
        snprintf(
            row->reason, sizeof row->reason,
            "%.3g us a call is %.2f times what this %s's %s ceiling allows for the %llu "
            "bytes, %llu multiplications and %llu additions one by one that the kernel counts: "
            "its counts or its clock are wrong",
            row->stats.median / 1e3, row->roofline.ns / row->stats.median,
            row->threads ? "machine" : "device", row->roofline.bound,
            (unsigned long long)demand.bytes, (unsigned long long)demand.macs,
            (unsigned long long)demand.adds);
    }
}

/* The device's clock and ours took the same calls: it cannot have seen more time than passed. */
static void judge_clocks(struct eie_row *device, struct eie_row *wall)
{
    const double device_ns = device->stats.median, wall_ns = wall->stats.median;
    if (device_ns > 0 && device_ns <= CLOCKS_APART * wall_ns) return;
    device->status = wall->status = EIE_ROW_SUSPECT;
    snprintf(device->reason, sizeof device->reason,
             "%.3g us a call on the device's clock%s and %.3g us on the wall's contradict each "
             "other",
             device_ns / 1e3, eie_row_clock(device) == EIE_CLOCK_CHAIN ? " in a chain" : "",
             wall_ns / 1e3);
    snprintf(wall->reason, sizeof wall->reason, "%s", device->reason);
}

/* Makes `second` the row of another of the plan's clocks: all but its key is that of the first. */
static void make_second(const struct eie_row *row, struct eie_row *second)
{
    const struct eie_row key = *second;
    *second = *row;
    second->time_source = key.time_source;
    second->reproducer = key.reproducer;
    second->samples = key.samples;
    second->stats = key.stats;
    json_decref(key.columns);
    second->columns = json_incref(row->columns);
}

/* Joins what this visit brought to what the row has of earlier ones. */
static enum eie_status join(struct eie_row *row, const struct eie_samples *fresh,
                            struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < fresh->count && !status; i++)
        status = eie_samples_add(&row->samples, fresh->all[i], error);
    row->stats = eie_samples_stats(&row->samples);
    return status;
}

static void refuse(struct eie_row *row, const char *why)
{
    struct eie_error error;
    eie_row_fail(row, eie_fail(&error, EIE_UNSUPPORTED, "%s", why), &error);
}

/* A plan whose device has no clock for all that a call does states NaN. */
static enum eie_status keep_clock(struct contender *contender, enum eie_clock clock,
                                  struct eie_row *row, struct eie_row *wall,
                                  struct eie_error *error)
{
    const struct eie_samples *fresh = &contender->fresh[clock];
    bool has_clock = fresh->count > 0;
    for (uint32_t i = 0; i < fresh->count; i++) has_clock = has_clock && isfinite(fresh->all[i].ns);
    if (!has_clock) {
        refuse(row, contender->no_chain && clock == EIE_CLOCK_CHAIN
                        ? contender->why.message
                        : "no clock of the device covers all that the call does");
        return EIE_OK;
    }
    enum eie_status status = join(row, fresh, error);
    if (status) return status;
    if (clock == EIE_CLOCK_CHAIN) {
        row->energy = contender->chain_energy;
        row->outcome.energy_j = row->energy.call_j;
        row->outcome.energy_source = row->energy.source;
    }
    judge_clocks(row, wall);
    return EIE_OK;
}

/* The samples of all clocks go to their rows; where only some of them are left to run, the wall's
 * is made up for the comparison. */
static enum eie_status keep_clocks(struct contender *contender, struct eie_error *error)
{
    struct eie_row *row = contender->row, unwanted = {.samples = {0}}, *wall = &unwanted;
    if (contender->rows[EIE_CLOCK_WALL]) wall = contender->rows[EIE_CLOCK_WALL];
    for (int c = 0; c < EIE_CLOCKS; c++)
        if (contender->rows[c] && contender->rows[c] != row) make_second(row, contender->rows[c]);
    if (wall == &unwanted) make_second(row, wall);
    enum eie_status status = join(wall, &contender->fresh[EIE_CLOCK_WALL], error);
    for (int c = EIE_CLOCK_WALL + 1; c < EIE_CLOCKS && !status; c++)
        if (contender->rows[c])
            status = keep_clock(contender, (enum eie_clock)c, contender->rows[c], wall, error);
    eie_row_free(&unwanted);
    return status;
}

static void keep_samples(struct session *session, struct contender *contender)
{
    struct eie_row *row = contender->row;
    const uint32_t earlier = row->samples.count, count = contender->fresh[EIE_CLOCK_WALL].count;
    if (!contender->status && count < EIE_SAMPLES_LONG)
        contender->status =
            eie_fail(&contender->error, EIE_SYSTEM, "only %u of %u samples could be taken", count,
                     least_of(contender));
    if (!contender->status) {
        const double cpu_ns = contender->cpu_ns / (double)contender->cpu_calls;
        row->calls = contender->calls;
        row->cpu_ns =
            earlier ? (row->cpu_ns * earlier + cpu_ns * count) / (earlier + count) : cpu_ns;
        contender->status = eie_row_clocks(row) > 1
                                ? keep_clocks(contender, &contender->error)
                                : join(row, &contender->fresh[EIE_CLOCK_WALL], &contender->error);
    }
    if (contender->status) {
        const struct eie_error why = contender->error;
        fail(session, contender, contender->status, &why);
        return;
    }
    for (int c = 0; c < EIE_CLOCKS; c++) eie_samples_free(&contender->fresh[c]);
    contender->cpu_ns = 0;
    contender->cpu_calls = 0;
    contender->state = TIMED;
}

static void finish_case(struct session *session, struct contender *contender)
{
    if (contender->state == ADMITTED) measure_energy(session, contender);
    if (contender->state == ADMITTED) count_events(session, contender);
    check_after(contender);
    keep_samples(session, contender);
}

/* Those of the cases whose blocks were disturbed too often run on, for the undisturbed samples that
 * they lack; not where hardly any was undisturbed. */
static bool want_more(struct eie_gbench_case *cases, int32_t *count)
{
    int32_t left = 0;
    for (int32_t i = 0; i < *count; i++) {
        const struct contender *contender = cases[i].context;
        const struct eie_samples *fresh = &contender->fresh[EIE_CLOCK_WALL];
        const uint32_t quiet = eie_samples_quiet(fresh), all = fresh->count;
        if (contender->status || has_least(contender) || quiet < (1 - MORE_SHARE) * all) continue;
        const double lacking = (double)(least_of(contender) - quiet) * all / quiet;
        cases[i].repetitions =
            (int32_t)fmin(cases[i].repetitions, ceil(lacking / contender->blocks));
        struct eie_gbench_case swapped = cases[left];
        cases[left] = cases[i];
        cases[i] = swapped;
        left++;
    }
    *count = left;
    return left > 0;
}

static enum eie_status run_cases(struct session *session, struct eie_gbench_case *cases,
                                 int32_t count, struct eie_error *error)
{
    char reason[256];
    session->blocks_done = session->blocks_total = 0;
    for (int32_t i = 0; i < count; i++) session->blocks_total += cases[i].repetitions;
    if (!count || eie_gbench_run(cases, count, block_done, session, reason, sizeof reason))
        return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "%s", reason);
}

static enum eie_status time_part(struct session *session, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    struct eie_gbench_case *cases = calloc(group->row_count, sizeof *cases);
    int32_t count = 0;
    enum eie_status status = EIE_OK;
    if (!cases) return eie_fail(error, EIE_MEMORY, "out of memory for samples");
    struct eie_quiet *quiet = group->quiet ? eie_quiet_begin(NULL, group->quiet) : NULL;
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        struct contender *contender = &session->contenders[i];
        if (!contender->plan) continue;
        contender->quiet = quiet;
        enter(contender, "calibrating");
        contender->visit = session->visit;
        contender->status = calibrate(contender, &contender->error);
        enter(contender, NULL);
        if (contender->status) {
            const struct eie_error why = contender->error;
            fail(session, contender, contender->status, &why);
            continue;
        }
        set_case(&cases[count], contender, session->row_s);
        if (!cases[count++].sample_ns)
            status = eie_fail(error, EIE_MEMORY, "out of memory for samples");
    }
    if (!status) status = run_cases(session, cases, count, error);
    int32_t more = count;
    if (!status && want_more(cases, &more)) status = run_cases(session, cases, more, error);
    eie_quiet_end(quiet);
    for (int32_t i = 0; i < count; i++) {
        if (!status) finish_case(session, cases[i].context);
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
        const struct eie_sample one = {outcome.device_ns, 1, false};
        eie_samples_free(&row->samples);
        status = eie_samples_add(&row->samples, one, &error);
    }
    if (status) {
        fail(session, contender, status, &error);
        return;
    }
    row->calls = 1;
    row->outcome = outcome;
    row->stats = eie_samples_stats(&row->samples);
    row->cpu_ns = row->stats.median;
    contender->state = TIMED;
}

/* ---- the group ------------------------------------------------------------------------------ */

/* Admits as many waiting rows as fit, the references first; false when none is left to time. */
static bool admit_part(struct session *session)
{
    bool any = false;
    session->visit++;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < session->group->row_count; i++) {
            struct contender *contender = &session->contenders[i];
            if (contender->state != WAITING || is_reference(contender) != (round == 0)) continue;
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
    if (session->row_s == 0)
        session->row_s =
            group->budget_s / (count_state(session, ADMITTED) + count_state(session, WAITING));
    /* libraries' threads, now that all are there; a device's driver places its own */
    if (group->threads) status = eie_bind_threads_apart(group->threads, error);
    if (!status && group->cache != EIE_CACHE_NONE) status = time_part(session, error);
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        struct contender *contender = &session->contenders[i];
        if (group->cache == EIE_CACHE_NONE && contender->state == ADMITTED)
            ask_model(session, contender);
        if (!is_reference(contender) || !count_state(session, WAITING))
            end_plan(session, contender);
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

enum eie_status eie_group_threads(uint32_t threads, struct eie_pool **pool, struct eie_error *error)
{
    /* threads that a library starts now inherit the group's cores */
    enum eie_status status = eie_bind_process(threads, error);
    if (!status) status = eie_bind_memory(threads, error);
    if (!status) status = eie_pool_get(threads, pool, error);
    return status ? status : eie_bind_process(threads, error);
}

static enum eie_status begin_session(struct session *session, struct eie_error *error)
{
    const struct eie_group *group = session->group;
    const uint32_t threads = group->threads;
    enum eie_status status = threads ? eie_group_threads(threads, &session->pool, error) : EIE_OK;
    if (!threads && group->cache != EIE_CACHE_NONE) status = free_threads(error);
    for (uint32_t i = 0; i < group->row_count; i++) {
        struct contender *contender = &session->contenders[i];
        *contender = (struct contender){.group = group, .row = &group->rows[i], .index = i};
        group->rows[i].copies = 1;
        struct contender *first = contender; /* of the rows with its plan */
        while (first > session->contenders && eie_row_same_plan(first[-1].row, contender->row))
            first--;
        first->rows[eie_row_clock(contender->row)] = contender->row;
        if (first != contender) contender->state = SECOND;
    }
    return status;
}

enum eie_status eie_group_run(struct eie_group *group, struct eie_error *error)
{
    struct session session = {.group = group,
                              .looks_left = CEILING_RETRIES,
                              .visit = group->visit ? group->visit - 1 : 0};
    session.contenders = calloc(group->row_count, sizeof *session.contenders);
    if (!session.contenders) return eie_fail(error, EIE_MEMORY, "out of memory for a group");
    enum eie_status status = begin_session(&session, error);
    while (!status && admit_part(&session)) status = run_part(&session, error);
    if (!status && group->cache != EIE_CACHE_NONE) judge(&session);
    for (uint32_t i = 0; i < group->row_count; i++) {
        end_plan(&session, &session.contenders[i]);
        for (int c = 0; c < EIE_CLOCKS; c++) eie_samples_free(&session.contenders[i].fresh[c]);
    }
    free(session.contenders);
    return status;
}
