/* What a user who does not want to choose would run: the kernel that is fastest for this layer,
 * batch and machine. An estimate leaves a few candidates (kernels/cpu/choose.h): for each that can
 * run here a sum of so many nanoseconds for each unit of work that it does, from the layer's own
 * counts. The constants are rounded times on one core (results/NOTES.md, "cpu_auto"), and what
 * holds between two of them there need not hold elsewhere. So prepare makes a plan of each, has
 * them compute in turn, and keeps the fastest.
 *
 * They compute the layer's own samples, from the first; without samples every input is taken to be
 * active. The choice depends on no input that is loaded. Where the setup has several copies the
 * trial goes through several too, so that a form with fewer bytes can show it. For that while the
 * plans of all candidates are held, TRIAL_BYTES of them at most or one copy each.
 *
 * The process remembers what a trial said: a layer that is prepared again with the same batch,
 * threads and more or fewer than one copy gets the same kernel, so that times taken in several
 * visits are of one.
 *
 * Where calls are so short that preparing costs more than choosing can gain, or the threads must
 * share cores, the estimate alone decides. */
#include "host/base/clock.h"
#include "host/machine/topology.h"
#include "kernels/cpu/choose.h"
#include "kernels/kernel.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SHORT_NS     150 /* calls that are estimated to be shorter are not tried */
#define BATCH_PAYS   8   /* inputs a call from which a kernel for many is always tried */
#define TRIAL_BYTES  (UINT64_C(256) << 20)
#define LONG_CALL_NS 2e6  /* such calls are not disturbed by what the caches held before */
#define OWN_CLOCK_NS 20e3 /* to read a thread's own clock would lengthen shorter calls */
#define TURNS_CALM   5    /* then a candidate that takes SLOW times the least is left out */
#define SLOW         2.0
#define MEMORIES     1024 /* of what trials have said */

/* The trial ends after so many rounds on end that were not interrupted and in which no time fell
 * below FALLS of what it was: soon on a quiet machine, later beside others that compute. */
#define ROUNDS_CALM 6
#define FALLS       0.99

/* Nanoseconds: of calls before all turns with the first candidate and with each next one, of calls
 * before each turn, of a turn (at least one call each), and after which the trial ends in any case.
 */
struct pace {
    double warm, next_warm, lead, turn, trial;
};
static const struct pace in_private_caches = {0, 0, 0, 50e3, 60e6};
/* A shared cache and its clock settle slowly (docs/decisions.md); once they have, the next
 * candidate only has to be fetched. */
static const struct pace in_shared_caches = {30e6, 5e6, 1e6, 2e6, 150e6};

/* Work of one input vector, from counts alone. */
struct work {
    double weights;        /* stored non-zeros */
    double active_weights; /* of the active columns */
    double active_places;  /* outputs x active inputs: dense columns */
    double places;         /* outputs x inputs: what a window slides over */
    double padded_places;  /* the same with inputs in whole blocks of 128: dense codes */
    double outputs;
    double entries; /* of the stream, padding included, in active columns */
};

struct candidate {
    const char *name;
    enum choose_form form;
    double weight_ns, active_weight_ns, active_place_ns, place_ns, entry_ns; /* an input */
    double code_ns;  /* a padded place and input */
    double in_fours; /* what inputs in whole fours take of all this; 0: there is no difference */
    double call_weight_ns, lanes_weight_ns; /* a call; each 16 inputs of a call, or a part */
    double call_place_ns;                   /* a call */
    double output_ns;                       /* an output and input: where a row ends */
};

/* Times of one core; several threads divide them all alike. In the fixed order. */
static const struct candidate candidates[] = {
    {"avx512_batch_pairs", CHOOSE_BATCH, .call_weight_ns = 0.2, .lanes_weight_ns = 0.2,
     .output_ns = 0.3},
    {"avx512_byte_lookup", CHOOSE_BYTES, .weight_ns = 0.029, .place_ns = 0.0012, .in_fours = 0.73,
     .output_ns = 0.3},
    {"avx512_word_lookup", CHOOSE_WORDS, .weight_ns = 0.026, .place_ns = 0.0011, .in_fours = 0.68,
     .output_ns = 0.3},
    {"avx512_dense_words", CHOOSE_OTHER, .place_ns = 0.006, .call_place_ns = 0.006},
    {"avx512_dense_codebook", CHOOSE_OTHER, .code_ns = 0.02, .in_fours = 0.6},
    {"avx2_vnni_lookup", CHOOSE_OTHER, .weight_ns = 0.024, .place_ns = 0.0043, .output_ns = 0.3},
    {"avx2_window_lookup", CHOOSE_OTHER, .weight_ns = 0.055, .place_ns = 0.0025, .output_ns = 0.3},
    {"avx2_dense_codebook", CHOOSE_OTHER, .code_ns = 0.025, .in_fours = 0.56},
    {"avx2_dense_columns", CHOOSE_OTHER, .active_place_ns = 0.029},
    {"avx512_column_scatter", CHOOSE_OTHER, .active_weight_ns = 0.46},
    {"avx2_column_table", CHOOSE_OTHER, .active_weight_ns = 0.47},
    {"neon_window_lookup", CHOOSE_OTHER, .weight_ns = 0.11, .place_ns = 0.005},
    {"scalar_eie_stream", CHOOSE_OTHER, .entry_ns = 1.5},
};
#define CANDIDATES (sizeof candidates / sizeof *candidates)

struct eie_plan {
    const struct eie_kernel *kernel;
    struct eie_plan *inner;
    const char *chosen_by;
    struct choose_candidate choices[CANDIDATES];
    uint32_t shortlist[CHOOSE_MOST], listed;
};

/* A candidate's plan while it is tried; NULL where it failed or is too slow. */
struct trial {
    const struct eie_kernel *kernel;
    struct eie_plan *plan;
    uint32_t copies, copy; /* whose turn it is */
    bool alone;            /* one thread */
    double call_ns;        /* NaN: not known yet */
    uint32_t calm;         /* turns in which no thread was interrupted */
};

/* Of the samples, how many need this column: 0 to 1. */
static double active_share(const struct eie_layer *layer, uint32_t column)
{
    uint32_t active = 0;
    if (!layer->sample_count) return 1;
    for (uint32_t s = 0; s < layer->sample_count; s++)
        active += layer->sample_inputs[(size_t)s * layer->inputs + column] != 0;
    return (double)active / layer->sample_count;
}

/* Of a column of a PE, without padding. */
static uint32_t count_weights(const uint8_t *entry, const uint8_t *end)
{
    uint32_t count = 0;
    for (; entry < end; entry++) count += *entry != EIE_PADDING_ENTRY;
    return count;
}

/* The entries are walked once, however many samples there are. */
static struct work count(const struct eie_layer *layer)
{
    const size_t stride = (size_t)layer->inputs + 1;
    struct work work = {.outputs = layer->outputs,
                        .places = (double)layer->outputs * layer->inputs,
                        .padded_places = 128.0 * layer->outputs * ceil(layer->inputs / 128.0)};
    for (uint32_t j = 0; j < layer->inputs; j++) {
        const double share = active_share(layer, j);
        uint64_t weights = 0, entries = 0;
        for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
            const uint32_t *start = layer->column_start + pe * stride + j;
            weights += count_weights(layer->entries + start[0], layer->entries + start[1]);
            entries += start[1] - start[0];
        }
        work.weights += (double)weights;
        work.active_weights += share * (double)weights;
        work.entries += share * (double)entries;
        work.active_places += share * layer->outputs;
    }
    return work;
}

/* Of one call. */
static double estimate_ns(const struct candidate *one, const struct work *work, uint32_t batch)
{
    const uint32_t fours = batch / 4 * 4;
    const double inputs = one->in_fours > 0 ? fours * one->in_fours + (batch - fours) : batch;
    return inputs * (one->weight_ns * work->weights + one->active_weight_ns * work->active_weights +
                     one->active_place_ns * work->active_places + one->place_ns * work->places +
                     one->entry_ns * work->entries + one->code_ns * work->padded_places) +
           work->weights * (one->call_weight_ns + ceil(batch / 16.0) * one->lanes_weight_ns) +
           work->places * one->call_place_ns + work->outputs * batch * one->output_ns;
}

/* The candidates that can run the problem, and of these the shortlist. Returns how many can run;
 * bytes: of the shortlist's plans with one copy, the most and the sum. */
static uint32_t find(const struct eie_problem *problem, struct choose_candidate choices[CANDIDATES],
                     uint32_t shortlist[CHOOSE_MOST], uint32_t *listed, uint64_t *sum_bytes)
{
    const struct work work = count(problem->layer);
    uint64_t bytes[CANDIDATES];
    uint32_t able = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        const struct eie_kernel *kernel = eie_kernel_find(candidates[i].name);
        const bool can = kernel && !eie_kernel_probe(kernel, problem->device, NULL) &&
                         !eie_kernel_supports(kernel, problem, &bytes[i], NULL);
        able += can;
        choices[i] = (struct choose_candidate){
            .form = candidates[i].form == CHOOSE_BATCH && problem->batch < BATCH_PAYS
                        ? CHOOSE_OTHER
                        : candidates[i].form,
            .estimate_ns = can ? estimate_ns(&candidates[i], &work, problem->batch) : NAN,
            .time_ns = NAN,
        };
    }
    *listed = choose_shortlist(choices, CANDIDATES, shortlist);
    *sum_bytes = 0;
    for (uint32_t i = 0; i < *listed; i++) *sum_bytes += bytes[shortlist[i]];
    return able;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    struct choose_candidate choices[CANDIDATES];
    uint32_t shortlist[CHOOSE_MOST], listed;
    uint64_t sum_bytes;
    if (!find(problem, choices, shortlist, &listed, &sum_bytes))
        return eie_fail(error, EIE_UNSUPPORTED, "no exact kernel of this build can run it");
    *plan_bytes = sizeof(struct eie_plan) + sum_bytes; /* they are all there while it tries them */
    return EIE_OK;
}

/* ---- the trial ------------------------------------------------------------------------------ */

/* [batch][inputs] to compute in the trial; NULL when out of memory. */
static int16_t *trial_inputs(const struct eie_problem *problem)
{
    const struct eie_layer *layer = problem->layer;
    int16_t *inputs = malloc((size_t)problem->batch * layer->inputs * sizeof *inputs);
    for (uint32_t b = 0; inputs && b < problem->batch; b++) {
        int16_t *row = inputs + (size_t)b * layer->inputs;
        for (uint32_t j = 0; !layer->sample_count && j < layer->inputs; j++) row[j] = 1;
        if (layer->sample_count)
            memcpy(row, layer->sample_inputs + (size_t)(b % layer->sample_count) * layer->inputs,
                   layer->inputs * sizeof *row);
    }
    return inputs;
}

static void give_up(struct trial *trial)
{
    if (trial->plan) trial->kernel->destroy(trial->plan);
    trial->plan = NULL;
}

/* Nanoseconds of this thread's own clock, which stands still while others have the core, or of the
 * wall clock. */
static double now_ns(bool own)
{
    struct timespec now;
    return own && !clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
               ? 1e9 * (double)now.tv_sec + (double)now.tv_nsec
               : 1e9 * eie_now_s();
}

/* Nanoseconds of a call with the next copy; NaN when it fails. */
static double time_call(struct trial *trial)
{
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    const bool own = trial->alone && trial->call_ns >= OWN_CLOCK_NS;
    const double begin = now_ns(own);
    if (trial->kernel->run(trial->plan, trial->copy, NULL) ||
        trial->kernel->wait(trial->plan, &outcome, NULL))
        return NAN;
    const double end = now_ns(own);
    trial->copy = trial->copy + 1 < trial->copies ? trial->copy + 1 : 0;
    return end - begin;
}

/* Calls that take so long together, at least so many; NaN when one fails. */
static double time_calls(struct trial *trial, double least_ns, uint32_t least_calls)
{
    double spent = 0, least = INFINITY, ns = 0;
    for (uint32_t i = 0; !isnan(ns) && (i < least_calls || spent < least_ns); i++) {
        ns = time_call(trial);
        least = fmin(least, ns);
        spent += fmax(ns, 1);
    }
    return isnan(ns) ? NAN : least;
}

/* All copies once, so that none is touched for the first time later on. */
static void warm(struct trial *trial, const int16_t *inputs, double least_ns)
{
    if (!trial->plan) return;
    if (!trial->kernel->load(trial->plan, inputs, NULL))
        trial->call_ns = time_calls(trial, least_ns, trial->copies);
    if (isnan(trial->call_ns)) give_up(trial);
}

/* The least of the calls so far: a call that nothing disturbed is found even beside others that
 * compute, sooner than a whole block of calls. */
static void take_turn(struct trial *trial, const struct pace *pace, double *least_ns)
{
    const bool is_long = trial->call_ns >= LONG_CALL_NS;
    const double lead_ns = is_long ? 0 : time_calls(trial, pace->lead, 1);
    const double ns = isnan(lead_ns) ? NAN : time_calls(trial, pace->turn, 1);
    *least_ns = isnan(ns) ? NAN : fmin(*least_ns, ns);
    trial->call_ns = *least_ns;
    if (isnan(ns)) give_up(trial);
}

/* How many are still worth a turn. */
static uint32_t drop_slow(struct trial *trials, struct eie_plan *made)
{
    double least_ns = NAN;
    uint32_t left = 0;
    for (uint32_t i = 0; i < made->listed; i++)
        least_ns = fmin(least_ns, made->choices[made->shortlist[i]].time_ns);
    for (uint32_t i = 0; i < made->listed; i++) {
        if (trials[i].calm >= TURNS_CALM &&
            made->choices[made->shortlist[i]].time_ns > SLOW * least_ns)
            give_up(&trials[i]);
        left += trials[i].plan != NULL;
    }
    return left;
}

/* How often the system has taken a core away from a thread of this process. */
static long interruptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_nivcsw;
}

/* Whether any time became clearly shorter. */
static bool take_turns(struct trial *trials, struct eie_plan *made, const struct pace *pace)
{
    bool shorter = false;
    for (uint32_t i = 0; i < made->listed; i++) {
        double *least_ns = &made->choices[made->shortlist[i]].time_ns;
        const double before = *least_ns;
        const long interrupted = interruptions();
        if (trials[i].plan) take_turn(&trials[i], pace, least_ns);
        trials[i].calm += interruptions() == interrupted;
        shorter |= trials[i].plan && !(*least_ns >= FALLS * before);
    }
    return shorter;
}

static void time_in_turn(struct trial *trials, struct eie_plan *made, const int16_t *inputs,
                         const struct pace *pace)
{
    uint32_t left = made->listed, calm = 0;
    for (uint32_t i = 0; i < made->listed; i++)
        warm(&trials[i], inputs, i ? pace->next_warm : pace->warm);
    const double begin = eie_now_s();
    while (left > 1 && calm < ROUNDS_CALM) {
        const long before = interruptions();
        const bool shorter = take_turns(trials, made, pace);
        calm = shorter || interruptions() != before ? 0 : calm + 1;
        left = drop_slow(trials, made);
        if (1e9 * (eie_now_s() - begin) > pace->trial) break;
    }
}

/* A plan of each of the shortlist; those that cannot be made drop out. Returns why the last of them
 * could not, with its reason. */
static enum eie_status make_trials(const struct eie_setup *setup, const struct eie_plan *made,
                                   struct trial *trials, struct eie_error *why)
{
    enum eie_status last = EIE_OK;
    for (uint32_t i = 0; i < made->listed; i++) {
        struct trial *trial = &trials[i];
        *trial = (struct trial){
            .copies = setup->copies, .alone = setup->problem.threads == 1, .call_ns = NAN};
        trial->kernel = eie_kernel_find(candidates[made->shortlist[i]].name);
        const enum eie_status status = trial->kernel->prepare(setup, &trial->plan, why);
        if (!status) continue;
        trial->plan = NULL;
        last = status;
    }
    return last;
}

static const struct pace *pace_of(const struct eie_setup *setup, uint64_t plan_bytes)
{
    const uint64_t private_bytes = eie_private_bytes(setup->problem.threads);
    return private_bytes && plan_bytes > private_bytes / setup->copies ? &in_shared_caches
                                                                       : &in_private_caches;
}

/* Times the shortlist's plans of some copies and keeps the winner's where it has them all. */
static enum eie_status choose_by_trial(const struct eie_setup *setup, uint64_t sum_bytes,
                                       const int16_t *inputs, struct eie_plan *made,
                                       struct eie_error *error)
{
    struct trial trials[CHOOSE_MOST], *winner = NULL;
    struct eie_setup of_trial = *setup;
    const uint64_t fit = TRIAL_BYTES / (sum_bytes ? sum_bytes : 1);
    if (fit < setup->copies) of_trial.copies = fit ? (uint32_t)fit : 1;
    struct eie_error why = {""}; /* not the caller's, who wants none where others can be made */
    const enum eie_status status = make_trials(&of_trial, made, trials, &why);
    time_in_turn(trials, made, inputs, pace_of(&of_trial, sum_bytes / made->listed));
    const uint32_t chosen = choose_by_time(made->choices, made->shortlist, made->listed);
    for (uint32_t i = 0; i < made->listed; i++)
        if (made->shortlist[i] == chosen)
            winner = &trials[i];
        else
            give_up(&trials[i]);
    if (!winner && status) return eie_fail(error, status, "%s", why.message);
    if (!winner) return eie_fail(error, EIE_SYSTEM, "no kernel that can run it has done so");
    made->kernel = winner->kernel;
    made->inner = winner->plan;
    if (of_trial.copies == setup->copies) return EIE_OK;
    give_up(winner);
    return made->kernel->prepare(setup, &made->inner, error);
}

/* More threads than cores: they wait for each other, and times say little. */
static bool shares_cores(const struct eie_problem *problem)
{
    const struct eie_topology *topology;
    return eie_topology_get(&topology, NULL) || problem->threads > topology->cores;
}

static enum eie_status choose(const struct eie_setup *setup, struct eie_plan *made,
                              struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    uint64_t sum_bytes;
    const uint32_t able = find(problem, made->choices, made->shortlist, &made->listed, &sum_bytes);
    if (!able) return eie_fail(error, EIE_UNSUPPORTED, "no exact kernel of this build can run it");
    const uint32_t first = choose_by_estimate(made->choices, made->shortlist, made->listed);
    const bool try_them = made->listed > 1 && !shares_cores(problem) &&
                          made->choices[first].estimate_ns / problem->threads >= SHORT_NS;
    int16_t *inputs = try_them ? trial_inputs(problem) : NULL;
    if (!inputs) {
        made->chosen_by = able > 1 ? "estimate" : "only one can run";
        made->kernel = eie_kernel_find(candidates[first].name);
        return made->kernel->prepare(setup, &made->inner, error);
    }
    made->chosen_by = "timing";
    const enum eie_status status = choose_by_trial(setup, sum_bytes, inputs, made, error);
    free(inputs);
    return status;
}

/* ---- what trials have said ------------------------------------------------------------------ */

struct memory {
    uint64_t layer; /* of its contents */
    uint32_t batch, threads;
    bool rotated;
    struct eie_plan said; /* without a plan */
};

/* FNV-1a of a sample of the layer: enough to tell layers of one process apart. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size, size_t step)
{
    for (size_t i = 0; i < size; i += step)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t identify(const struct eie_layer *layer)
{
    const uint64_t shape[] = {layer->inputs, layer->outputs, layer->pe_count, layer->entry_count,
                              layer->sample_count};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        hash = (hash ^ shape[i]) * UINT64_C(0x100000001b3);
    hash = mix(hash, layer->codebook, sizeof layer->codebook, 1);
    hash = mix(hash, layer->entries, layer->entry_count, layer->entry_count / 65536 + 1);
    const size_t sample_bytes =
        layer->sample_count ? layer->inputs * sizeof *layer->sample_inputs : 0;
    return mix(hash, layer->sample_inputs, sample_bytes, 1);
}

static struct memory memories[MEMORIES];
static uint32_t remembered; /* counts on: the oldest is overwritten */

static const struct memory *recall(const struct memory *asked)
{
    for (uint32_t i = 0; i < MEMORIES; i++) {
        const struct memory *one = &memories[i];
        if (one->said.kernel && one->layer == asked->layer && one->batch == asked->batch &&
            one->threads == asked->threads && one->rotated == asked->rotated)
            return one;
    }
    return NULL;
}

static void remember(struct memory *memory, const struct eie_plan *made)
{
    memory->said = *made;
    memory->said.inner = NULL;
    memories[remembered++ % MEMORIES] = *memory;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    struct eie_plan *made = calloc(1, sizeof *made);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    struct memory asked = {identify(setup->problem.layer),
                           setup->problem.batch,
                           setup->problem.threads,
                           setup->copies > 1,
                           {0}};
    const struct memory *known = recall(&asked);
    if (known) *made = known->said;
    const enum eie_status status =
        known ? made->kernel->prepare(setup, &made->inner, error) : choose(setup, made, error);
    if (!status && !known) remember(&asked, made);
    if (status)
        free(made);
    else
        *plan = made;
    return status;
}

static enum eie_status load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{
    return plan->kernel->load(plan->inner, inputs, error);
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    return plan->kernel->run(plan->inner, copy, error);
}

static enum eie_status wait(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    return plan->kernel->wait(plan->inner, outcome, error);
}

static enum eie_status read(struct eie_plan *plan, void *y, struct eie_error *error)
{
    return plan->kernel->read(plan->inner, y, error);
}

static void cost(const struct eie_plan *plan, struct eie_cost *cost)
{
    plan->kernel->cost(plan->inner, cost);
}

/* "avx512_byte_lookup 46.1 us, avx512_word_lookup 60.2 us"; without times where there are none. */
static void describe_shortlist(const struct eie_plan *plan, char *text, size_t size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < plan->listed && used < size; i++) {
        const double ns = plan->choices[plan->shortlist[i]].time_ns;
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                 candidates[plan->shortlist[i]].name);
        if (!isnan(ns) && used < size)
            used += (size_t)snprintf(text + used, size - used, " %.*f us", ns < 1e6, ns / 1e3);
    }
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    char shortlist[CHOOSE_MOST * 64];
    describe_shortlist(plan, shortlist, sizeof shortlist);
    column(context, "eie_chosen_kernel", plan->kernel->name, 0);
    column(context, "eie_chosen_by", plan->chosen_by, 0);
    column(context, "eie_shortlist", shortlist, 0);
    if (plan->kernel->describe) plan->kernel->describe(plan->inner, column, context);
}

static void destroy(struct eie_plan *plan)
{
    if (!plan) return;
    plan->kernel->destroy(plan->inner);
    free(plan);
}

const struct eie_kernel eie_kernel_cpu_auto = {
    .abi = EIE_KERNEL_ABI,
    .name = "cpu_auto",
    .summary = "the exact kernel that is fastest here, by timing those that its estimate leaves",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = wait,
    .read = read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
