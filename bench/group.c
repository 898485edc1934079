#include "bench/group.h"
#include "bench/check.h"
#include "bench/gbench.h"
#include "bench/progress.h"
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
#define CALIBRATIONS 3
#define SAMPLES_MIN  9
#define SAMPLES_MAX  301
#define CALLS_MAX    (INT64_C(1) << 40)

/* A row's plan while its group is under way. */
struct contender {
    struct eie_row *row;
    struct eie_plan *plan;
    double call_s, warm_s; /* estimate of one call; untimed part of a block */
    struct eie_error error;
    enum eie_status status;
};

struct timing {
    struct eie_group *group;
    int64_t blocks_done, blocks_total;
};

/* References by PE count: padding depends on how the rows are dealt. [0] is of the group's inputs,
 * [1] of no active input at all. */
struct reference_pair {
    uint32_t pe_count;
    struct eie_reference of[2];
};
struct references {
    uint32_t count;
    struct reference_pair *pairs;
    int16_t *zeros; /* [batch][inputs] */
};

static void tick(const struct eie_group *group, double share, const char *what)
{
    if (group->tick) group->tick(group->ticker, share, what);
}

static void pair_free(struct reference_pair *pair)
{
    eie_reference_free(&pair->of[0]);
    eie_reference_free(&pair->of[1]);
}

static enum eie_status add_pair(const struct eie_group *group, uint32_t pe_count,
                                struct references *all, struct eie_error *error)
{
    struct reference_pair *grown =
        realloc(all->pairs, ((size_t)all->count + 1) * sizeof *all->pairs);
    if (!grown) return eie_fail(error, EIE_MEMORY, "out of memory for references");
    all->pairs = grown;
    if (!all->zeros)
        all->zeros = calloc((size_t)group->batch * group->layer->inputs, sizeof *all->zeros);
    if (!all->zeros) return eie_fail(error, EIE_MEMORY, "out of memory for references");
    struct reference_pair *pair = &all->pairs[all->count];
    *pair = (struct reference_pair){.pe_count = pe_count};
    enum eie_status status = eie_reference_make(group->layer, group->inputs, group->batch, pe_count,
                                                &pair->of[0], error);
    if (!status)
        status = eie_reference_make(group->layer, all->zeros, group->batch, pe_count, &pair->of[1],
                                    error);
    if (status)
        pair_free(pair);
    else
        all->count++;
    return status;
}

static enum eie_status vectors_of(const struct eie_group *group, const struct eie_row *row,
                                  struct references *all, struct eie_check_vectors vectors[2],
                                  struct eie_error *error)
{
    const uint32_t pe_count =
        row->device->kind == EIE_DEVICE_EIE ? row->device->design.pe_count : group->layer->pe_count;
    uint32_t at = 0;
    while (at < all->count && all->pairs[at].pe_count != pe_count) at++;
    enum eie_status status = at < all->count ? EIE_OK : add_pair(group, pe_count, all, error);
    if (status) return status;
    vectors[0] = (struct eie_check_vectors){group->inputs, &all->pairs[at].of[0]};
    vectors[1] = (struct eie_check_vectors){all->zeros, &all->pairs[at].of[1]};
    return EIE_OK;
}

static enum eie_status call_once(const struct contender *contender, struct eie_outcome *outcome,
                                 struct eie_error *error)
{
    const struct eie_kernel *kernel = contender->row->kernel;
    enum eie_status status = kernel->run(contender->plan, 0, error);
    return status ? status : kernel->wait(contender->plan, outcome, error);
}

/* ---- preparing and checking ----------------------------------------------------------------- */

static void add_column(void *context, const char *key, const char *text, double number)
{
    json_t *value = text ? json_string(text) : isfinite(number) ? json_real(number) : NULL;
    if (value) json_object_set_new(context, key, value);
}

static enum eie_status prepare(struct eie_group *group, struct contender *contender,
                               struct eie_pool *pool, uint64_t *memory_left,
                               struct eie_error *error)
{
    struct eie_row *row = contender->row;
    const struct eie_setup setup = {{group->layer, row->device, row->batch, row->threads}, pool, 1};
    uint64_t bytes;
    enum eie_status status = eie_kernel_probe(row->kernel, row->device, error);
    if (!status) status = eie_kernel_supports(row->kernel, &setup.problem, &bytes, error);
    if (status) return status;
    if (bytes > *memory_left)
        return eie_fail(error, EIE_MISSING,
                        "its plan needs %.0f MiB, of --memory %.0f MiB are left beside the others",
                        (double)bytes / 0x1p20, (double)*memory_left / 0x1p20);
    *memory_left -= bytes;
    const double begin = eie_now_s();
    status = row->kernel->prepare(&setup, &contender->plan, error);
    row->prepare_ns = 1e9 * (eie_now_s() - begin);
    return status;
}

static bool in_private_cache(const struct eie_row *row)
{
    const char *where = eie_resident(row->cost.prepared_bytes, row->threads);
    return !strcmp(where, "l1") || !strcmp(where, "l2");
}

/* Prepare, check, count: afterwards the plan may be timed, or the row says why not. */
static void admit(struct eie_group *group, struct contender *contender, struct eie_pool *pool,
                  uint64_t *memory_left, struct references *references)
{
    struct eie_row *row = contender->row;
    struct eie_check_vectors vectors[2];
    struct eie_error error;
    enum eie_status status = prepare(group, contender, pool, memory_left, &error);
    if (!status) status = vectors_of(group, row, references, vectors, &error);
    if (!status)
        status =
            eie_check_plan(row->kernel, contender->plan, 1, vectors, &row->relative_error, &error);
    if (!status) {
        row->kernel->cost(contender->plan, &row->cost);
        contender->warm_s = in_private_cache(row) ? WARM_S : WARM_SHARED_S;
        row->columns = json_object();
        if (row->kernel->describe) row->kernel->describe(contender->plan, add_column, row->columns);
        return;
    }
    eie_row_fail(row, status, &error);
    row->kernel->destroy(contender->plan);
    contender->plan = NULL;
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
        for (int i = 0; i < CALIBRATIONS && fastest >= BLOCK_S; i++) {
            enum eie_status status = time_calls(contender, calls, &spent, error);
            if (status) return status;
            fastest = fmin(fastest, spent);
        }
        contender->call_s = fastest / (double)calls;
        if (fastest >= BLOCK_S) return EIE_OK;
    }
    return eie_fail(error, EIE_SYSTEM, "calls take no time on this clock");
}

static bool warm(void *context)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    const double begin = eie_now_s();
    do {
        contender->status = call_once(contender, &outcome, &contender->error);
    } while (!contender->status && eie_now_s() - begin + contender->call_s < contender->warm_s);
    return contender->status == EIE_OK;
}

static double block(void *context, int64_t calls)
{
    struct contender *contender = context;
    struct eie_outcome outcome;
    const double begin = eie_now_s();
    for (int64_t i = 0; i < calls && !contender->status; i++)
        contender->status = call_once(contender, &outcome, &contender->error);
    const double spent = eie_now_s() - begin;
    return contender->status ? -1 : 1e9 * spent;
}

static void block_done(void *context)
{
    struct timing *timing = context;
    timing->blocks_done++;
    tick(timing->group, (double)timing->blocks_done / (double)timing->blocks_total, NULL);
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
    const double untimed_s = fmax(contender->call_s, contender->warm_s);
    const double blocks = row_s / ((double)one->calls * contender->call_s + untimed_s);
    one->repetitions = (int32_t)fmin(SAMPLES_MAX, fmax(SAMPLES_MIN, floor(blocks)));
    one->sample_ns = calloc((size_t)one->repetitions * 2, sizeof *one->sample_ns);
    one->sample_cpu_ns = one->sample_ns ? one->sample_ns + one->repetitions : NULL;
}

static double mean_of(const double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += values[i];
    return sum / count;
}

/* What the timed calls left must still be right. */
static void check_after(const struct eie_group *group, struct contender *contender,
                        struct references *references)
{
    struct eie_check_vectors vectors[2];
    struct eie_row *row = contender->row;
    if (!contender->status)
        contender->status = vectors_of(group, row, references, vectors, &contender->error);
    if (!contender->status)
        contender->status = eie_check_outputs(row->kernel, contender->plan, vectors[0].reference,
                                              NULL, &contender->error);
}

static void keep_samples(struct contender *contender, struct eie_gbench_case *one)
{
    struct eie_row *row = contender->row;
    if (contender->status) {
        eie_row_fail(row, contender->status, &contender->error);
    } else if (one->samples < SAMPLES_MIN) {
        struct eie_error error;
        eie_row_fail(row,
                     eie_fail(&error, EIE_SYSTEM, "only %d of %d samples could be taken",
                              one->samples, one->repetitions),
                     &error);
    } else {
        row->sample_count = (uint32_t)one->samples;
        row->calls = one->calls;
        row->stats = eie_stats_of(one->sample_ns, row->sample_count);
        row->cpu_ns = mean_of(one->sample_cpu_ns, row->sample_count);
        row->samples_ns = one->sample_ns;
        one->sample_ns = NULL;
    }
}

static enum eie_status time_all(struct eie_group *group, struct contender *contenders,
                                struct references *references, struct eie_error *error)
{
    struct eie_gbench_case *cases = calloc(group->row_count, sizeof *cases);
    struct timing timing = {.group = group};
    int32_t count = 0;
    char reason[256];
    enum eie_status status = EIE_OK;
    if (!cases) return eie_fail(error, EIE_MEMORY, "out of memory for samples");
    uint32_t alive = 0;
    for (uint32_t i = 0; i < group->row_count; i++) {
        struct contender *contender = &contenders[i];
        if (!contender->plan) continue;
        contender->status = calibrate(contender, &contender->error);
        eie_row_fail(contender->row, contender->status, &contender->error);
        alive += contender->status == EIE_OK;
    }
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        if (!contenders[i].plan || contenders[i].status) continue;
        set_case(&cases[count], &contenders[i], group->budget_s / alive);
        timing.blocks_total += cases[count].repetitions;
        if (!cases[count++].sample_ns)
            status = eie_fail(error, EIE_MEMORY, "out of memory for samples");
    }
    if (!status && count &&
        !eie_gbench_run(cases, count, block_done, &timing, reason, sizeof reason))
        status = eie_fail(error, EIE_SYSTEM, "Google Benchmark: %s", reason);
    for (int32_t i = 0; i < count; i++) {
        if (!status) {
            check_after(group, cases[i].context, references);
            keep_samples(cases[i].context, &cases[i]);
        }
        free(cases[i].sample_ns);
    }
    free(cases);
    return status;
}

/* A model states its time instead of taking it: one call, one sample. */
static void ask_model(struct contender *contender)
{
    struct eie_row *row = contender->row;
    struct eie_error error;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = call_once(contender, &outcome, &error);
    if (!status && !(outcome.device_ns >= 0))
        status = eie_fail(&error, EIE_SYSTEM, "the model stated no time");
    if (!status) {
        row->samples_ns = malloc(sizeof *row->samples_ns);
        if (!row->samples_ns) status = eie_fail(&error, EIE_MEMORY, "out of memory");
    }
    eie_row_fail(row, status, &error);
    if (status) return;
    *row->samples_ns = outcome.device_ns;
    row->sample_count = 1;
    row->calls = 1;
    row->outcome = outcome;
    row->stats = eie_stats_of(row->samples_ns, 1);
    row->cpu_ns = row->stats.median;
}

enum eie_status eie_group_run(struct eie_group *group, struct eie_error *error)
{
    struct references references = {0};
    struct eie_pool *pool = NULL;
    uint64_t memory_left = group->memory_bytes;
    enum eie_status status = EIE_OK;
    struct contender *contenders = calloc(group->row_count, sizeof *contenders);
    if (!contenders) return eie_fail(error, EIE_MEMORY, "out of memory for a group");
    /* threads that a library starts now inherit the group's cores */
    if (group->threads) status = eie_bind_process(group->threads, error);
    if (!status && group->threads) status = eie_pool_get(group->threads, &pool, error);
    if (!status && group->threads) status = eie_bind_process(group->threads, error);
    for (uint32_t i = 0; i < group->row_count && !status; i++) {
        contenders[i].row = &group->rows[i];
        tick(group, 0, group->rows[i].kernel->name);
        admit(group, &contenders[i], pool, &memory_left, &references);
        if (contenders[i].plan && group->rows[i].kernel->flags & EIE_KERNEL_ESTIMATE)
            ask_model(&contenders[i]);
    }
    if (!status && group->threads) {
        status = eie_bind_threads_apart(group->threads, error); /* now that all are there */
        if (!status) status = time_all(group, contenders, &references, error);
    }
    for (uint32_t i = 0; i < group->row_count; i++)
        if (contenders[i].plan) contenders[i].row->kernel->destroy(contenders[i].plan);
    for (uint32_t i = 0; i < references.count; i++) pair_free(&references.pairs[i]);
    free(references.pairs);
    free(references.zeros);
    free(contenders);
    return status;
}
