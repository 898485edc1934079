#include "bench/run/pass.h"
#include "host/base/clock.h"
#include "host/graph/tensor.h"
#include "host/machine/own_pool.h"
#include "host/machine/threads.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* the CBLAS standard's constants */

#define ROWS 4u /* of a pool's outputs at a time */

/* A thread's own. */
struct worker {
    struct eie_pool *pool;   /* of one thread, for plans */
    struct eie_plan **plans; /* [conv_count][EIE_TERMS_MAX] */
    void *columns;           /* [block][inputs], float or int16 */
    int16_t *outputs;        /* [EIE_TERMS_MAX][block][outputs] */
    uint64_t saturated;
    enum eie_status status;
    struct eie_error error;
};

struct eie_pass {
    const struct eie_graph *graph;
    const struct eie_parts *parts;
    struct eie_pass_options options;
    struct eie_pool *pool;
    struct worker *workers;                          /* [threads] */
    eie_sgemm sgemm;                                 /* NULL: in integers */
    const struct eie_kernel *kernels[EIE_STEPS_MAX]; /* [conv_count]; in integers */
    struct eie_device *device;                       /* the host's, for plans */
    float *input;
    void *tensors[EIE_STEPS_MAX];     /* of all steps but the last; float: [0] is `input` */
    int fraction_bits[EIE_STEPS_MAX]; /* of these, in integers */
    double *scores, step_s[EIE_STEPS_MAX];
    /* the step under way */
    uint32_t step, conv, block; /* block: positions at a time */
    _Atomic size_t next;
};

static const struct eie_step *current(const struct eie_pass *pass)
{
    return &pass->graph->steps[pass->step];
}

static size_t element_size(const struct eie_pass *pass)
{
    return pass->sgemm ? sizeof(float) : sizeof(int16_t);
}

static uint32_t block_of(const struct eie_pass *pass, uint32_t conv)
{
    const struct eie_step *step = eie_conv_step(pass->graph, conv);
    const struct eie_kernel *kernel = pass->kernels[conv];
    const size_t positions = eie_step_positions(step);
    uint32_t block = pass->options.block;
    if (block > positions) block = (uint32_t)positions;
    if (!kernel) return block;
    if (kernel->batch_max && block > kernel->batch_max) block = kernel->batch_max;
    return block < kernel->batch_min ? kernel->batch_min : block;
}

/* The next positions, or rows, of the step under way. */
static bool take(struct eie_pass *pass, size_t all, size_t most, size_t *first, size_t *count)
{
    *first = atomic_fetch_add_explicit(&pass->next, most, memory_order_relaxed);
    if (*first >= all) return false;
    *count = all - *first < most ? all - *first : most;
    return true;
}

/* ---- float32 ----------------------------------------------------------------------------------
 */

static void finish_float(const struct eie_step *step, const float *bias, size_t count, float *out)
{
    for (size_t p = 0; p < count; p++, out += step->outputs)
        for (uint32_t i = 0; i < step->outputs; i++) {
            const float value = out[i] + bias[i];
            out[i] = step->relu && value < 0 ? 0 : value;
        }
}

static void conv_float(void *context, uint32_t worker)
{
    struct eie_pass *pass = context;
    const struct eie_step *step = current(pass);
    const struct eie_part *part = &pass->parts->part[pass->conv];
    const float *in = pass->tensors[step->from[0]];
    size_t first, count;
    while (take(pass, eie_step_positions(step), pass->block, &first, &count)) {
        float *out = (float *)pass->tensors[pass->step] + first * step->outputs;
        const float *columns = in + first * step->inputs;
        if (!eie_step_is_plain(step)) {
            eie_columns_float(step, in, first, count, pass->workers[worker].columns);
            columns = pass->workers[worker].columns;
        }
        pass->sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, (int)count, (int)step->outputs, (int)step->inputs,
                    1.0f, columns, (int)step->inputs, part->weights, (int)step->inputs, 0.0f, out,
                    (int)step->outputs);
        finish_float(step, part->bias, count, out);
    }
}

/* ---- integers ---------------------------------------------------------------------------------
 */

static enum eie_status multiply(struct eie_pass *pass, struct worker *self, uint32_t term,
                                const int16_t *columns, int16_t *outputs)
{
    const struct eie_kernel *kernel = pass->kernels[pass->conv];
    struct eie_plan *plan = self->plans[(size_t)pass->conv * EIE_TERMS_MAX + term];
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = kernel->load(plan, columns, &self->error);
    if (!status) status = kernel->run(plan, 0, &self->error);
    if (!status) status = kernel->wait(plan, &outcome, &self->error);
    return status ? status : kernel->read(plan, outputs, &self->error);
}

/* The sum of both terms, in 16 bits, and the activation that waited for it. */
static void add_terms(const struct eie_step *step, const int16_t *one, const int16_t *other,
                      size_t values, int16_t *out)
{
    const int32_t least = step->relu ? 0 : INT16_MIN;
    for (size_t k = 0; k < values; k++) {
        int32_t sum = one[k] + other[k];
        sum = sum < least ? least : sum;
        out[k] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum);
    }
}

static uint64_t count_ends(const int16_t *values, size_t count)
{
    uint64_t ends = 0;
    for (size_t k = 0; k < count; k++) ends += values[k] == INT16_MAX || values[k] == INT16_MIN;
    return ends;
}

/* A plan takes whole blocks: what is behind the last position is whatever was there before. */
static void conv_int16(void *context, uint32_t worker)
{
    struct eie_pass *pass = context;
    struct worker *self = &pass->workers[worker];
    const struct eie_step *step = current(pass);
    const uint32_t terms = pass->parts->part[pass->conv].term_count;
    const int16_t *in = pass->tensors[step->from[0]];
    const size_t room = (size_t)pass->block * step->outputs;
    size_t first, count;
    while (!self->status && take(pass, eie_step_positions(step), pass->block, &first, &count)) {
        int16_t *out = (int16_t *)pass->tensors[pass->step] + first * step->outputs;
        const int16_t *columns = in + first * step->inputs;
        if (!eie_step_is_plain(step) || count < pass->block) {
            eie_columns_int16(step, in, first, count, self->columns);
            columns = self->columns;
        }
        for (uint32_t t = 0; t < terms && !self->status; t++)
            self->status = multiply(pass, self, t, columns, self->outputs + t * room);
        if (self->status) return;
        if (terms == 1)
            memcpy(out, self->outputs, count * step->outputs * sizeof *out);
        else
            add_terms(step, self->outputs, self->outputs + room, count * step->outputs, out);
        self->saturated += count_ends(out, count * step->outputs);
    }
}

/* ---- the other steps --------------------------------------------------------------------------
 */

static void pool_rows(void *context, uint32_t worker)
{
    struct eie_pass *pass = context;
    const struct eie_step *step = current(pass);
    const void *in = pass->tensors[step->from[0]];
    size_t first, count;
    (void)worker;
    while (take(pass, step->out.height, ROWS, &first, &count)) {
        if (pass->sgemm)
            eie_pool_float(step, in, first, count, pass->tensors[pass->step]);
        else
            eie_pool_int16(step, in, first, count, pass->tensors[pass->step]);
    }
}

static void concat(struct eie_pass *pass)
{
    const struct eie_step *step = current(pass);
    const size_t positions = eie_step_positions(step), stride = step->out.channels;
    size_t at = 0;
    for (uint32_t f = 0; f < step->from_count; f++) {
        const size_t channels = pass->graph->steps[step->from[f]].out.channels;
        const void *in = pass->tensors[step->from[f]];
        if (pass->sgemm)
            eie_join_float(in, positions, channels, stride,
                           (float *)pass->tensors[pass->step] + at);
        else
            eie_join_int16(in, positions, channels, stride,
                           (int16_t *)pass->tensors[pass->step] + at);
        at += channels;
    }
}

static void softmax(double *scores, uint32_t count)
{
    double most = scores[0], total = 0;
    for (uint32_t i = 1; i < count; i++) most = scores[i] > most ? scores[i] : most;
    for (uint32_t i = 0; i < count; i++) total += scores[i] = exp(scores[i] - most);
    for (uint32_t i = 0; i < count; i++) scores[i] /= total;
}

static void average(struct eie_pass *pass)
{
    const struct eie_step *step = current(pass);
    const void *in = pass->tensors[step->from[0]];
    if (pass->sgemm) {
        eie_average_float(step, in, pass->scores);
    } else {
        const int bits = pass->fraction_bits[step->from[0]];
        eie_average_int16(step, in, pass->scores);
        for (uint32_t i = 0; i < pass->graph->classes; i++)
            pass->scores[i] = ldexp(pass->scores[i], -bits);
    }
    softmax(pass->scores, pass->graph->classes);
}

/* The image in 16 bits. */
static void take_image(struct eie_pass *pass)
{
    const size_t size = eie_step_size(current(pass));
    const float scale = ldexpf(1, pass->fraction_bits[0]);
    int16_t *to = pass->tensors[0];
    for (size_t k = 0; !pass->sgemm && k < size; k++) {
        const float value = rintf(pass->input[k] * scale);
        to[k] = (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
    }
}

/* ---- a run ------------------------------------------------------------------------------------
 */

static enum eie_status run_conv(struct eie_pass *pass, struct eie_error *error)
{
    pass->block = block_of(pass, pass->conv);
    eie_pool_run(pass->pool, pass->sgemm ? conv_float : conv_int16, pass);
    pass->conv++;
    for (uint32_t w = 0; w < pass->options.threads; w++)
        if (pass->workers[w].status)
            return eie_fail(error, pass->workers[w].status, "%s: %s", current(pass)->name,
                            pass->workers[w].error.message);
    return EIE_OK;
}

static enum eie_status run_step(struct eie_pass *pass, struct eie_error *error)
{
    atomic_store(&pass->next, 0);
    switch (current(pass)->kind) {
    case EIE_STEP_IMAGE:
        take_image(pass);
        break;
    case EIE_STEP_CONV:
        return run_conv(pass, error);
    case EIE_STEP_POOL:
        eie_pool_run(pass->pool, pool_rows, pass);
        break;
    case EIE_STEP_CONCAT:
        concat(pass);
        break;
    case EIE_STEP_AVERAGE:
        average(pass);
    }
    return EIE_OK;
}

enum eie_status eie_pass_run(struct eie_pass *pass, struct eie_pass_result *result,
                             struct eie_error *error)
{
    const double start = eie_now_s();
    enum eie_status status = EIE_OK;
    double before = start;
    *result = (struct eie_pass_result){.scores = pass->scores, .step_s = pass->step_s};
    for (uint32_t w = 0; w < pass->options.threads; w++) pass->workers[w].saturated = 0;
    pass->conv = 0;
    for (pass->step = 0; pass->step < pass->graph->step_count && !status; pass->step++) {
        status = run_step(pass, error);
        const double now = eie_now_s();
        pass->step_s[pass->step] = now - before;
        before = now;
    }
    result->total_s = before - start;
    for (uint32_t w = 0; w < pass->options.threads; w++)
        result->saturated += pass->workers[w].saturated;
    return status;
}

float *eie_pass_input(struct eie_pass *pass)
{
    return pass->input;
}

const float *eie_pass_tensor_float(const struct eie_pass *pass, uint32_t step)
{
    return pass->tensors[step];
}

const int16_t *eie_pass_tensor_int16(const struct eie_pass *pass, uint32_t step)
{
    return pass->tensors[step];
}

/* ---- making -----------------------------------------------------------------------------------
 */

static enum eie_status no_memory(struct eie_error *error)
{
    return eie_fail(error, EIE_MEMORY, "out of memory for a network's tensors");
}

/* The largest [block][width] of all convolutions, `width` being inputs or outputs. */
static size_t largest_block(const struct eie_pass *pass, bool of_inputs)
{
    size_t most = 1;
    for (uint32_t c = 0; c < pass->graph->conv_count; c++) {
        const struct eie_step *step = eie_conv_step(pass->graph, c);
        const size_t size = (size_t)block_of(pass, c) * (of_inputs ? step->inputs : step->outputs);
        if (size > most) most = size;
    }
    return most;
}

static enum eie_status make_tensors(struct eie_pass *pass, struct eie_error *error)
{
    const struct eie_graph *graph = pass->graph;
    pass->input = calloc(eie_step_size(&graph->steps[0]), sizeof *pass->input);
    pass->scores = calloc(graph->classes, sizeof *pass->scores);
    bool good = pass->input && pass->scores;
    for (uint32_t s = 0; s + 1 < graph->step_count && good; s++) {
        const bool is_input = s == 0 && pass->sgemm;
        pass->tensors[s] =
            is_input ? pass->input : calloc(eie_step_size(&graph->steps[s]), element_size(pass));
        good = pass->tensors[s] != NULL;
    }
    return good ? EIE_OK : no_memory(error);
}

static enum eie_status make_worker(const struct eie_pass *pass, struct worker *worker,
                                   struct eie_error *error)
{
    worker->columns = calloc(largest_block(pass, true), element_size(pass));
    worker->plans = calloc((size_t)pass->graph->conv_count * EIE_TERMS_MAX + 1, sizeof(void *));
    worker->outputs =
        pass->sgemm ? NULL
                    : malloc(EIE_TERMS_MAX * largest_block(pass, false) * sizeof *worker->outputs);
    if (!worker->columns || !worker->plans || (!pass->sgemm && !worker->outputs))
        return no_memory(error);
    return pass->sgemm ? EIE_OK : eie_own_pool_make(1, &worker->pool, error);
}

static enum eie_status begin(const struct eie_pass *like, struct eie_pass **made,
                             struct eie_error *error)
{
    struct eie_pass *pass = *made = malloc(sizeof *pass);
    if (!pass) return no_memory(error);
    *pass = *like;
    pass->workers = calloc(pass->options.threads, sizeof *pass->workers);
    enum eie_status status = pass->workers ? make_tensors(pass, error) : no_memory(error);
    if (!status) status = eie_pool_get(pass->options.threads, &pass->pool, error);
    for (uint32_t w = 0; w < pass->options.threads && !status; w++)
        status = make_worker(pass, &pass->workers[w], error);
    return status;
}

void eie_pass_free(struct eie_pass *pass)
{
    if (!pass) return;
    for (uint32_t w = 0; pass->workers && w < pass->options.threads; w++) {
        struct worker *worker = &pass->workers[w];
        const size_t plans = (size_t)pass->graph->conv_count * EIE_TERMS_MAX;
        for (size_t p = 0; worker->plans && p < plans; p++)
            if (worker->plans[p]) pass->kernels[p / EIE_TERMS_MAX]->destroy(worker->plans[p]);
        free(worker->plans);
        free(worker->columns);
        free(worker->outputs);
        eie_own_pool_free(worker->pool);
    }
    for (uint32_t s = 0; s < EIE_STEPS_MAX; s++)
        if (pass->tensors[s] != pass->input) free(pass->tensors[s]);
    free(pass->workers);
    free(pass->device);
    free(pass->input);
    free(pass->scores);
    free(pass);
}

enum eie_status eie_pass_make_float(const struct eie_graph *graph, const struct eie_parts *parts,
                                    eie_sgemm sgemm, const struct eie_pass_options *options,
                                    struct eie_pass **pass, struct eie_error *error)
{
    const struct eie_pass like = {
        .graph = graph, .parts = parts, .options = *options, .sgemm = sgemm};
    const enum eie_status status = begin(&like, pass, error);
    if (!status) return EIE_OK;
    eie_pass_free(*pass);
    *pass = NULL;
    return status;
}

/* ---- what integers ask for --------------------------------------------------------------------
 */

static enum eie_status check_term(const char *path, const struct eie_layer *layer, int bits,
                                  const struct eie_layer *first, bool relu, struct eie_error *error)
{
    uint64_t bound;
    if ((layer->activation == EIE_ACTIVATION_RELU) != relu)
        return eie_fail(
            error, EIE_INPUT,
            "%s: layer %s has %sReLU, which does not fit the graph; --requantize makes layers "
            "that do",
            path, layer->name, relu ? "no " : "");
    if ((int)layer->input_fraction_bits != bits)
        return eie_fail(error, EIE_INPUT,
                        "%s: layer %s takes inputs of %" PRIu32 " fraction bits, what comes before "
                        "has %d; --requantize sets them again",
                        path, layer->name, layer->input_fraction_bits, bits);
    if (layer->output_fraction_bits != first->output_fraction_bits)
        return eie_fail(
            error, EIE_INPUT,
            "%s: layers %s and %s have outputs of different fraction bits; --requantize sets "
            "them again",
            path, first->name, layer->name);
    const enum eie_status status = eie_layer_sum_bound(layer, &bound, error);
    if (status || bound <= INT32_MAX) return status;
    return eie_fail(
        error, EIE_INPUT,
        "%s: sums of layer %s may leave 32 bits; --requantize makes layers whose sums cannot", path,
        layer->name);
}

/* The image, and what pools and concatenations make of it alone, have the bits of the first layer
 * that reads any of them: until it comes they have none. */
#define NO_BITS INT32_MIN

static void settle(int *bits, uint32_t count, int value)
{
    for (uint32_t s = 0; s < count; s++)
        if (bits[s] == NO_BITS) bits[s] = value;
}

/* Joined tensors must agree; those of the image take what the others have. */
static enum eie_status join_bits(struct eie_pass *pass, const char *path, uint32_t s,
                                 struct eie_error *error)
{
    const struct eie_step *step = &pass->graph->steps[s];
    int *bits = pass->fraction_bits;
    for (uint32_t f = 0; f < step->from_count; f++)
        if (bits[step->from[f]] != NO_BITS) settle(bits, s, bits[step->from[f]]);
    bits[s] = bits[step->from[0]];
    for (uint32_t f = 1; f < step->from_count; f++)
        if (bits[step->from[f]] != bits[s])
            return eie_fail(
                error, EIE_INPUT,
                "%s: %s joins outputs of %d and of %d fraction bits; --requantize sets them "
                "again",
                path, step->name, bits[s], bits[step->from[f]]);
    return EIE_OK;
}

/* Of every tensor. */
static enum eie_status find_fraction_bits(struct eie_pass *pass, const char *path,
                                          struct eie_error *error)
{
    const struct eie_graph *graph = pass->graph;
    int *bits = pass->fraction_bits;
    bits[0] = NO_BITS;
    for (uint32_t s = 1, conv = 0; s < graph->step_count; s++) {
        const struct eie_step *step = &graph->steps[s];
        if (step->kind == EIE_STEP_CONV) {
            const struct eie_part *part = &pass->parts->part[conv++];
            if (bits[step->from[0]] == NO_BITS)
                settle(bits, s, (int)part->terms[0]->input_fraction_bits);
            for (uint32_t t = 0; t < part->term_count; t++) {
                const enum eie_status status =
                    check_term(path, part->terms[t], bits[step->from[0]], part->terms[0],
                               step->relu && part->term_count == 1, error);
                if (status) return status;
            }
            bits[s] = (int)part->terms[0]->output_fraction_bits;
            continue;
        }
        const enum eie_status status = join_bits(pass, path, s, error);
        if (status) return status;
    }
    settle(bits, graph->step_count, 0); /* no convolution reads the image */
    return EIE_OK;
}

static enum eie_status prepare_plans(const struct eie_pass *pass, struct worker *worker,
                                     struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < pass->graph->conv_count; c++)
        for (uint32_t t = 0; t < pass->parts->part[c].term_count && !status; t++) {
            const struct eie_layer *layer = pass->parts->part[c].terms[t];
            const struct eie_setup setup = {.problem = {layer, pass->device, block_of(pass, c), 1},
                                            .pool = worker->pool,
                                            .copies = 1};
            uint64_t bytes;
            status = eie_kernel_supports(pass->kernels[c], &setup.problem, &bytes, error);
            if (!status)
                status = pass->kernels[c]->prepare(
                    &setup, &worker->plans[(size_t)c * EIE_TERMS_MAX + t], error);
            if (status)
                return eie_error_prefix(error, status, "%s on layer %s", pass->kernels[c]->name,
                                        layer->name);
        }
    return status;
}

enum eie_status eie_pass_make_int16(const struct eie_graph *graph, const struct eie_parts *parts,
                                    const char *path, const struct eie_kernel *const *kernels,
                                    const struct eie_pass_options *options, struct eie_pass **pass,
                                    struct eie_error *error)
{
    struct eie_pass like = {.graph = graph, .parts = parts, .options = *options};
    memcpy(like.kernels, kernels, graph->conv_count * sizeof(void *));
    enum eie_status status = begin(&like, pass, error);
    if (!status && !((*pass)->device = calloc(1, sizeof *(*pass)->device)))
        status = no_memory(error);
    if (!status) status = eie_device_host((*pass)->device, error);
    for (uint32_t c = 0; c < graph->conv_count && !status; c++)
        status = eie_kernel_probe(kernels[c], (*pass)->device, error);
    if (!status) status = find_fraction_bits(*pass, path, error);
    for (uint32_t w = 0; w < options->threads && !status; w++)
        status = prepare_plans(*pass, &(*pass)->workers[w], error);
    if (!status) return EIE_OK;
    eie_pass_free(*pass);
    *pass = NULL;
    return status;
}
