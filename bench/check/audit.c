#include "bench/check/audit.h"
#include "bench/measure/samples.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES_CALL   2    /* a round may last so many calls */
#define BYTES_PER_NS 1.0  /* of load and read, slow as a copy may be */
#define ROUNDS_MAX   20   /* until one is short enough */
#define ROUNDS_LEAST 3    /* however long they last */
#define ROUNDS_S     1.0  /* no further round begins after */
#define WARM_S       2e-3 /* calls before a round */
#define STEADY_TIMES 1.5  /* of as many calls without a load one lasts at most so many samples' */
#define ATTEMPTS     2    /* on a busy machine twenty rounds may be unlucky */
#define CLOCK_NS     1e3  /* a single call is timed so well */
#define GOLDEN       0x9E3779B1u

struct auditor {
    const struct eie_audit *audit;
    uint32_t copy, turns; /* rounds so far, each with inputs of its own */
    int16_t *inputs;
    void *outputs;
    double limit_ns;
};

void eie_audit_turn(const int16_t *inputs, uint32_t batch, uint32_t count, uint32_t by,
                    int16_t *turned)
{
    by %= count;
    for (uint32_t b = 0; b < batch; b++, inputs += count, turned += count) {
        memcpy(turned, inputs + by, (count - by) * sizeof *turned);
        memcpy(turned + count - by, inputs, by * sizeof *turned);
    }
}

enum eie_status eie_audit_turn_of(const struct eie_layer *layer, const int16_t *inputs,
                                  uint32_t batch, uint32_t by, int16_t *turned,
                                  struct eie_error *error)
{
    const struct eie_window *window = &layer->window;
    if (!eie_window_is(window) || eie_window_positions(window) != batch) {
        eie_audit_turn(inputs, batch, layer->inputs, by, turned);
        return EIE_OK;
    }
    const size_t size = eie_window_image_size(window);
    int16_t *image = malloc(2 * size * sizeof *image);
    if (!image) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    if (eie_window_image(window, inputs, image)) {
        eie_audit_turn(image, 1, (uint32_t)size, by, image + size);
        eie_window_columns_int16(window, image + size, 0, batch, turned);
    } else {
        eie_audit_turn(inputs, batch, layer->inputs, by, turned);
    }
    free(image);
    return EIE_OK;
}

static size_t input_count(const struct eie_audit *audit)
{
    return (size_t)audit->timed->reference->batch * audit->timed->reference->inputs;
}

static size_t output_bytes(const struct eie_audit *audit)
{
    const size_t width =
        audit->kernel->flags & EIE_KERNEL_FLOAT32 ? sizeof(float) : sizeof(int16_t);
    return (size_t)audit->timed->reference->batch * audit->timed->reference->outputs * width;
}

/* Inputs are read, and written in the kernel's own type. */
static double limit_of(const struct eie_audit *audit)
{
    const double in = (double)(input_count(audit) * (sizeof(int16_t) + sizeof(float))),
                 out = 2 * (double)output_bytes(audit);
    return TIMES_CALL * audit->call_ns + audit->slack_ns + (in + out) / BYTES_PER_NS;
}

static enum eie_status call(struct auditor *auditor, struct eie_error *error)
{
    const struct eie_audit *audit = auditor->audit;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = audit->kernel->run(audit->plan, auditor->copy, error);
    auditor->copy = auditor->copy + 1 < audit->copies ? auditor->copy + 1 : 0;
    return status ? status : audit->kernel->wait(audit->plan, &outcome, error);
}

static enum eie_status time_round(struct auditor *auditor, const int16_t *inputs, double *spent_ns,
                                  struct eie_error *error)
{
    const struct eie_audit *audit = auditor->audit;
    const double begin = eie_now_s();
    enum eie_status status = audit->kernel->load(audit->plan, inputs, error);
    if (!status) status = call(auditor, error);
    if (!status && audit->kernel->read)
        status = audit->kernel->read(audit->plan, auditor->outputs, error);
    *spent_ns = 1e9 * (eie_now_s() - begin);
    return status;
}

/* The least of single calls with what is loaded; up to `most_s` of them, and `least` at least. */
static enum eie_status time_calls(struct auditor *auditor, double most_s, uint32_t least,
                                  double *fastest_ns, struct eie_error *error)
{
    const double begin = eie_now_s();
    enum eie_status status = EIE_OK;
    *fastest_ns = INFINITY;
    for (uint32_t i = 0; !status && (i < least || eie_now_s() - begin < most_s); i++) {
        const double now = eie_now_s();
        status = call(auditor, error);
        *fastest_ns = fmin(*fastest_ns, 1e9 * (eie_now_s() - now));
    }
    return status;
}

static bool is_short(const struct auditor *auditor, double spent_ns)
{
    return spent_ns < EIE_AUDIT_LEAST_NS || spent_ns <= auditor->limit_ns;
}

static enum eie_status find_short_round(struct auditor *auditor, double *least_ns, uint32_t *rounds,
                                        struct eie_error *error)
{
    const struct eie_audit *audit = auditor->audit;
    const struct eie_reference *reference = audit->timed->reference;
    const double begin = eie_now_s();
    enum eie_status status = EIE_OK;
    for (; !status && !is_short(auditor, *least_ns) && *rounds < ROUNDS_MAX &&
           (*rounds < ROUNDS_LEAST || eie_now_s() - begin < ROUNDS_S);
         ++*rounds) {
        double spent_ns = *least_ns;
        /* without them the caches, the clock and sleeping threads would count, too */
        if (*rounds) status = time_calls(auditor, WARM_S, 1, &spent_ns, error);
        const uint32_t by = (audit->seed * ATTEMPTS * ROUNDS_MAX + ++auditor->turns) * GOLDEN;
        if (!audit->layer)
            eie_audit_turn(audit->timed->inputs, reference->batch, reference->inputs, by,
                           auditor->inputs);
        else if (!status)
            status = eie_audit_turn_of(audit->layer, audit->timed->inputs, reference->batch, by,
                                       auditor->inputs, error);
        for (size_t i = 0; !status && audit->divisor > 1 && i < input_count(audit); i++)
            auditor->inputs[i] = (int16_t)(auditor->inputs[i] / audit->divisor);
        if (!status) status = time_round(auditor, auditor->inputs, &spent_ns, error);
        *least_ns = fmin(*least_ns, spent_ns);
    }
    return status;
}

/* The least of so many calls without a load, each behind the calls that rounds have before them. */
static enum eie_status find_steady(struct auditor *auditor, uint32_t calls, double *least_ns,
                                   struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    *least_ns = INFINITY;
    for (uint32_t i = 0; i < calls && !status; i++) {
        double ns = INFINITY;
        status = time_calls(auditor, WARM_S, 1, &ns, error);
        if (!status) status = time_calls(auditor, 0, 1, &ns, error);
        *least_ns = fmin(*least_ns, ns);
    }
    return status;
}

static enum eie_status audit_times(struct auditor *auditor, double fresh_ns, char *suspicion,
                                   size_t size, struct eie_error *error)
{
    const struct eie_audit *audit = auditor->audit;
    const bool is_long = audit->call_ns >= EIE_LONG_CALL_NS;
    double least_ns = is_long ? fresh_ns : INFINITY;
    uint32_t rounds = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint32_t made = is_long && !attempt ? 1 : 0; /* the one with the inputs not seen */
        double steady_ns;
        enum eie_status status = find_short_round(auditor, &least_ns, &made, error);
        rounds += made;
        if (status || is_short(auditor, least_ns)) return status;
        status = find_steady(auditor, made, &steady_ns, error);
        if (status || steady_ns > STEADY_TIMES * audit->call_ns + CLOCK_NS) return status;
    }
    snprintf(
        suspicion, size,
        "loading inputs, one call and reading its outputs takes %.3g us, the least of %u rounds "
        "each with other inputs, where a call of the samples takes %.3g us: not all of the work "
        "is in the timed calls",
        least_ns / 1e3, rounds, audit->call_ns / 1e3);
    return EIE_OK;
}

/* Of the last run, held against what its inputs must give. */
static enum eie_status compare(const struct eie_audit *audit, const struct eie_reference *reference,
                               const char *of, struct eie_error *error)
{
    struct eie_error why;
    enum eie_status status = eie_check_outputs(audit->kernel, audit->plan, reference, NULL, &why);
    return status ? eie_fail(error, status, "after timing, %s: %s", of, why.message) : EIE_OK;
}

enum eie_status eie_audit_plan(const struct eie_audit *audit, char *suspicion, size_t size,
                               struct eie_error *error)
{
    struct auditor auditor = {.audit = audit,
                              .inputs = malloc(input_count(audit) * sizeof *auditor.inputs),
                              .outputs = malloc(output_bytes(audit)),
                              .limit_ns = limit_of(audit)};
    double fresh_ns = 0;
    enum eie_status status = EIE_OK;
    *suspicion = '\0';
    if (!auditor.inputs || !auditor.outputs)
        status = eie_fail(error, EIE_MEMORY, "out of memory for checking after timing");
    if (!status)
        status = compare(audit, audit->timed->reference, "what the timed calls left", error);
    if (!status) status = time_round(&auditor, audit->fresh->inputs, &fresh_ns, error);
    if (!status)
        status = compare(audit, audit->fresh->reference, "inputs that it had not seen", error);
    if (!status) status = audit_times(&auditor, fresh_ns, suspicion, size, error);
    if (!status) status = audit->kernel->load(audit->plan, audit->timed->inputs, error);
    free(auditor.inputs);
    free(auditor.outputs);
    return status;
}
