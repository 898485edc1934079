#include "bench/run/share.h"
#include "bench/run/pass.h"
#include "host/graph/image.h"
#include "host/graph/tensor.h"
#include "host/layer/numbers.h"
#include "host/layer/shared.h"
#include "host/weights/kmeans.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PES         64u /* that the layers are cut for */
#define BLOCK       64u
#define STRETCH     8u  /* positions that are sampled together */
#define STRETCHES   16u /* of a convolution and image */
#define SAMPLES     (STRETCH * STRETCHES)
#define ROUNDS_MAX  200u
#define WEIGHT_BITS 30u
#define BIAS_ROOM   (double)(1 << 27) /* what a bias may move by, kept free in the sums */

/* One convolution under way. */
struct work {
    const struct eie_step *step;
    struct eie_part *part;
    float *samples;        /* [draws * SAMPLES][inputs] */
    uint32_t sample_count; /* that are there */
    int input_bits, output_bits;
};

struct sharing {
    uint32_t conv_count; /* the graph's */
    const struct eie_graph *graph;
    struct eie_parts *parts;
    const struct eie_share_options *options;
    struct work *works;          /* [conv_count] */
    double range[EIE_STEPS_MAX]; /* largest magnitude of each tensor */
    uint32_t
        group[EIE_STEPS_MAX]; /* tensors with the same fraction bits: that of their last step */
    struct eie_error *error;
};

static enum eie_status no_memory(const struct sharing *in)
{
    return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->options->path);
}

/* ---- drawn images -----------------------------------------------------------------------------
 */

static void note_range(struct sharing *in, const struct eie_pass *pass, uint32_t s)
{
    const float *values = eie_pass_tensor_float(pass, s);
    const size_t size = eie_step_size(&in->graph->steps[s]);
    float most = 0;
    for (size_t k = 0; k < size; k++) {
        const float magnitude = fabsf(values[k]);
        most = magnitude > most ? magnitude : most;
    }
    if ((double)most > in->range[s]) in->range[s] = (double)most;
}

/* Some stretches of positions, evenly over the output. */
static void take_samples(struct work *work, const float *tensor)
{
    const size_t positions = eie_step_positions(work->step);
    const size_t length = positions < STRETCH ? positions : STRETCH;
    const size_t stretches = positions / length < STRETCHES ? positions / length : STRETCHES;
    for (size_t k = 0; k < stretches; k++) {
        const size_t first = (2 * k + 1) * (positions - length) / (2 * stretches);
        eie_columns_float(work->step, tensor, first, length,
                          work->samples + (size_t)work->sample_count * work->step->inputs);
        work->sample_count += (uint32_t)length;
    }
}

static enum eie_status run_drawn(struct sharing *in, struct eie_pass *pass, uint64_t seed)
{
    struct eie_image image;
    struct eie_pass_result result;
    enum eie_status status = eie_image_draw(seed, &image, in->error);
    if (status) return status;
    status = eie_image_prepare(&image, in->graph, eie_pass_input(pass), in->error);
    eie_image_free(&image);
    if (!status) status = eie_pass_run(pass, &result, in->error);
    if (status) return status;
    for (uint32_t s = 1; s + 1 < in->graph->step_count; s++) note_range(in, pass, s);
    for (uint32_t c = 0; c < in->conv_count; c++)
        take_samples(&in->works[c],
                     eie_pass_tensor_float(pass, in->graph->steps[in->graph->conv[c]].from[0]));
    return EIE_OK;
}

static enum eie_status look_at_drawn(struct sharing *in)
{
    const struct eie_pass_options options = {in->options->threads, BLOCK};
    struct eie_pass *pass;
    enum eie_status status =
        eie_pass_make_float(in->graph, in->parts, in->options->sgemm, &options, &pass, in->error);
    for (uint64_t seed = 1; seed <= in->options->draws && !status; seed++)
        status = run_drawn(in, pass, seed);
    if (!status) eie_pass_free(pass);
    for (uint32_t c = 0; c < 3; c++) { /* an image's own range is known */
        const double mean = (double)in->graph->mean[c];
        in->range[0] = fmax(in->range[0], fmax(mean, 255 - mean));
    }
    return status;
}

/* ---- fraction bits of tensors -----------------------------------------------------------------
 */

static void join(struct sharing *in, uint32_t s, uint32_t from)
{
    const uint32_t old = in->group[from];
    for (uint32_t k = 0; k <= s; k++)
        if (in->group[k] == old) in->group[k] = in->group[s];
}

/* What a pool picks from and what a concatenation joins has the bits of what comes out. */
static void find_groups(struct sharing *in)
{
    for (uint32_t s = 0; s < in->graph->step_count; s++) {
        const struct eie_step *step = &in->graph->steps[s];
        in->group[s] = s;
        if (step->kind == EIE_STEP_POOL || step->kind == EIE_STEP_CONCAT)
            for (uint32_t f = 0; f < step->from_count; f++) join(in, s, step->from[f]);
    }
}

static int fraction_bits(const struct sharing *in, uint32_t s)
{
    double most = 0;
    for (uint32_t k = 0; k < in->graph->step_count; k++)
        if (in->group[k] == in->group[s]) most = fmax(most, k ? 2 * in->range[k] : in->range[k]);
    int bits = 24;
    while (bits > 0 && ldexp(most, bits) > INT16_MAX) bits--;
    return bits;
}

/* ---- one layer --------------------------------------------------------------------------------
 */

/* Whether no inputs can lead a final sum out of 32 bits. */
static bool sums_fit(const struct work *work, const struct eie_shared *shared,
                     const int16_t *codebook, const float *bias, int weight_bits)
{
    const uint32_t outputs = work->step->outputs, inputs = work->step->inputs;
    for (uint32_t i = 0; i < outputs; i++) {
        const uint8_t *code = shared->code + (size_t)i * inputs;
        double sum = 0;
        for (uint32_t j = 0; j < inputs; j++) sum += abs(codebook[code[j]]);
        sum *= 32768;
        if (bias) sum += fabs(ldexp((double)bias[i], weight_bits + work->input_bits)) + 1;
        if (sum > INT32_MAX - BIAS_ROOM) return false;
    }
    return true;
}

/* The most fraction bits for the weights; -1: none. */
static int choose_weight_bits(const struct work *work, const struct eie_shared *shared,
                              const float *bias, int16_t codebook[EIE_CODEBOOK_SIZE])
{
    for (int bits = WEIGHT_BITS; bits >= 0; bits--) {
        const int shift = bits + work->input_bits - work->output_bits;
        bool good = shift <= 31;
        if (shift < 0) return -1;
        for (uint32_t c = 0; c < EIE_CODEBOOK_SIZE && good; c++) {
            const double value = c <= shared->clusters
                                     ? eie_round_even(ldexp((double)shared->codebook[c], bits))
                                     : 0;
            good = fabs(value) <= INT16_MAX;
            codebook[c] = good ? (int16_t)value : 0;
        }
        if (good && sums_fit(work, shared, codebook, bias, bits)) return bits;
    }
    return -1;
}

/* Lloyd's iteration ends in a minimum that depends on where it began: the better of two. */
static enum eie_status share_best(const struct sharing *in, const float *values, size_t places,
                                  struct eie_kmeans kmeans[2], struct eie_shared *shared)
{
    static const enum eie_centroids starts[] = {EIE_CENTROIDS_DENSITY, EIE_CENTROIDS_LINEAR};
    double best = INFINITY;
    uint8_t *code = malloc(places);
    enum eie_status status = code ? EIE_OK : no_memory(in);
    for (uint32_t s = 0; s < 2 && !status; s++) {
        float codebook[EIE_CLUSTERS_MAX] = {0};
        double squares = 0;
        status = eie_kmeans(values, places, true, EIE_CODEBOOK_SIZE - 1, starts[s], 1, ROUNDS_MAX,
                            in->options->threads, &kmeans[s], in->error);
        if (!status)
            status = eie_kmeans_assign(&kmeans[s], values, places, true, 1, in->options->threads,
                                       code, codebook, &squares, in->error);
        if (status || squares >= best) continue;
        best = squares;
        memcpy(shared->code, code, places);
        memcpy(shared->codebook, codebook, sizeof codebook);
        shared->clusters = kmeans[s].clusters;
    }
    free(code);
    return status;
}

static enum eie_status share_values(const struct sharing *in, const struct work *work,
                                    const float *values, struct eie_shared *shared)
{
    const size_t places = (size_t)work->step->outputs * work->step->inputs;
    struct eie_kmeans *kmeans = calloc(2, sizeof *kmeans);
    *shared = (struct eie_shared){.outputs = work->step->outputs,
                                  .inputs = work->step->inputs,
                                  .rank = 2,
                                  .shape = {work->step->outputs, work->step->inputs},
                                  .code_bits = 4};
    shared->code = calloc(places, 1);
    enum eie_status status = kmeans && shared->code ? EIE_OK : no_memory(in);
    if (!status) status = share_best(in, values, places, kmeans, shared);
    free(kmeans);
    if (status) eie_shared_free(shared);
    return status;
}

/* The first sample inputs in fixed point, at most SAMPLES. */
static int16_t *fixed_samples(const struct work *work, uint32_t *count)
{
    *count = work->sample_count < SAMPLES ? work->sample_count : SAMPLES;
    const size_t values = (size_t)*count * work->step->inputs;
    int16_t *fixed = malloc(values * sizeof *fixed + 1);
    for (size_t k = 0; fixed && k < values; k++) {
        const double value = eie_round_even(ldexp((double)work->samples[k], work->input_bits));
        fixed[k] = (int16_t)fmax(INT16_MIN, fmin(INT16_MAX, value));
    }
    return fixed;
}

static enum eie_status encode(const struct sharing *in, const struct work *work,
                              const struct eie_shared *shared, const float *bias,
                              struct eie_layer *parts, struct eie_layer **layer)
{
    const uint32_t outputs = work->step->outputs;
    struct eie_sparse_codes codes = {0};
    int32_t *fixed_bias = malloc(outputs * sizeof *fixed_bias);
    int16_t *samples = fixed_samples(work, &parts->sample_count);
    enum eie_status status = fixed_bias && samples ? EIE_OK : no_memory(in);
    for (uint32_t i = 0; i < outputs && bias && !status; i++)
        fixed_bias[i] = (int32_t)eie_round_even(
            ldexp((double)bias[i], (int)parts->weight_fraction_bits + work->input_bits));
    parts->bias = bias ? fixed_bias : NULL;
    parts->sample_inputs = samples;
    if (!status) status = eie_shared_columns(shared, &codes, in->error);
    if (!status) status = eie_layer_encode(parts, &codes, layer, in->error);
    eie_shared_columns_free(&codes);
    free(fixed_bias);
    free(samples);
    return status;
}

/* A layer of the values; what it leaves of them takes their place. */
static enum eie_status make_term(const struct sharing *in, struct work *work, float *values,
                                 uint32_t term, const float *bias)
{
    const size_t places = (size_t)work->step->outputs * work->step->inputs;
    const char *slash = strrchr(in->options->path, '/');
    char name[EIE_NAME_MAX + 8], source[256];
    struct eie_shared shared;
    enum eie_status status = share_values(in, work, values, &shared);
    if (status) return status;
    snprintf(name, sizeof name, "%s%s", work->step->name, term ? EIE_REST : "");
    snprintf(source, sizeof source, "%s of %.150s, shared by eiebench, scales of %u drawn images",
             term ? "what 4 bits left" : "weights", slash ? slash + 1 : in->options->path,
             in->options->draws);
    struct eie_layer parts = {.name = name,
                              .source = source,
                              .pe_count = PES,
                              .window = eie_step_window(work->step),
                              .input_fraction_bits = (uint32_t)work->input_bits,
                              .output_fraction_bits = (uint32_t)work->output_bits};
    const int bits = choose_weight_bits(work, &shared, bias, parts.codebook);
    parts.weight_fraction_bits = (uint32_t)bits;
    status = bits < 0 ? eie_fail(in->error, EIE_INPUT,
                                 "%s: no fraction bits of 16 suit the weights and outputs of %s",
                                 in->options->path, name)
                      : encode(in, work, &shared, bias, &parts, &work->part->terms[term]);
    for (size_t k = 0; k < places && !status; k++)
        values[k] -= (float)ldexp(parts.codebook[shared.code[k]], -bits);
    eie_shared_free(&shared);
    return status;
}

/* ---- the choice -------------------------------------------------------------------------------
 */

static double squares_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) sum += (double)values[k] * (double)values[k];
    return sum;
}

/* The outputs [samples][outputs] of a matrix, without bias, as the sum of their squares. */
static double output_squares(const struct sharing *in, const struct work *work,
                             const float *weights, float *outputs)
{
    const int rows = (int)work->sample_count, columns = (int)work->step->outputs;
    const int inputs = (int)work->step->inputs;
    in->options->sgemm(101, 111, 112, rows, columns, inputs, 1.0f, work->samples, inputs, weights,
                       inputs, 0.0f, outputs, columns);
    return squares_of(outputs, (size_t)work->sample_count * work->step->outputs);
}

/* Of outputs [samples][outputs] the mean of one. */
static double mean_of(const struct work *work, const float *outputs, uint32_t output)
{
    double sum = 0;
    for (uint32_t k = 0; k < work->sample_count; k++)
        sum += (double)outputs[(size_t)k * work->step->outputs + output];
    return sum / work->sample_count;
}

/* The first term with its activation, and its bias moved by what outputs, in the mean over the
 * samples, are short of. */
static enum eie_status finish_first(const struct work *work, const float *short_of,
                                    struct eie_error *error)
{
    struct eie_layer *old = work->part->terms[0], *made, parts = *old;
    const int bits = (int)(old->weight_fraction_bits + old->input_fraction_bits);
    int32_t *bias = malloc(work->step->outputs * sizeof *bias);
    if (!bias) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", old->name);
    for (uint32_t i = 0; i < work->step->outputs; i++) {
        const double more = eie_round_even(ldexp(mean_of(work, short_of, i), bits));
        bias[i] = old->bias[i] + (int32_t)fmax(-BIAS_ROOM, fmin(BIAS_ROOM, more));
    }
    parts.bias = bias;
    if (work->part->term_count == 1 && work->step->relu) parts.activation = EIE_ACTIVATION_RELU;
    const enum eie_status status = eie_layer_create(&parts, &made, error);
    free(bias);
    if (status) return status;
    work->part->terms[0] = made;
    eie_layer_free(old);
    return EIE_OK;
}

/* How far outputs are off, [samples][outputs], when their mean is set right. */
static double error_squares(const struct work *work, const float *off)
{
    double sum = squares_of(off, (size_t)work->sample_count * work->step->outputs);
    for (uint32_t i = 0; i < work->step->outputs; i++) {
        const double mean = mean_of(work, off, i);
        sum -= work->sample_count * mean * mean;
    }
    return sum > 0 ? sum : 0;
}

static enum eie_status share_part(const struct sharing *in, struct work *work)
{
    const size_t places = (size_t)work->step->outputs * work->step->inputs;
    struct eie_part *part = work->part;
    float *left = malloc(places * sizeof *left);
    float *outputs = malloc((size_t)work->sample_count * work->step->outputs * sizeof *outputs + 1);
    enum eie_status status = left && outputs ? EIE_OK : no_memory(in);
    if (!status && !part->nonzeros)
        status = eie_fail(in->error, EIE_INPUT, "%s: all weights of %s are 0", in->options->path,
                          work->step->name);
    for (uint32_t t = 0; t < EIE_TERMS_MAX; t++) {
        eie_layer_free(part->terms[t]);
        part->terms[t] = NULL;
        part->error[t] = NAN;
    }
    part->term_count = 0;
    if (status) goto done;
    memcpy(left, part->weights, places * sizeof *left);
    const double all = output_squares(in, work, part->weights, outputs);
    do {
        status = make_term(in, work, left, part->term_count, part->term_count ? NULL : part->bias);
        if (status) goto done;
        output_squares(in, work, left, outputs);
        part->error[part->term_count++] = all > 0 ? sqrt(error_squares(work, outputs) / all) : 0;
    } while (part->term_count < EIE_TERMS_MAX && part->error[0] > in->options->bound);
    status = finish_first(work, outputs, in->error);
done:
    free(left);
    free(outputs);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------
 */

static enum eie_status begin(struct sharing *in)
{
    in->works = calloc(in->conv_count + 1u, sizeof *in->works);
    if (!in->works) return no_memory(in);
    for (uint32_t c = 0; c < in->conv_count; c++) {
        struct work *work = &in->works[c];
        work->step = eie_conv_step(in->graph, c);
        work->part = &in->parts->part[c];
        work->samples = malloc((size_t)in->options->draws * SAMPLES * work->step->inputs *
                               sizeof *work->samples);
        if (!work->samples) return no_memory(in);
    }
    return EIE_OK;
}

enum eie_status eie_share(const struct eie_graph *graph, struct eie_parts *parts,
                          const struct eie_share_options *options, struct eie_error *error)
{
    struct sharing in = {.graph = graph,
                         .conv_count = graph->conv_count,
                         .parts = parts,
                         .options = options,
                         .error = error};
    enum eie_status status = begin(&in);
    if (!status) status = look_at_drawn(&in);
    if (!status) find_groups(&in);
    for (uint32_t c = 0; c < in.conv_count && !status; c++) {
        struct work *work = &in.works[c];
        work->input_bits = fraction_bits(&in, graph->steps[graph->conv[c]].from[0]);
        work->output_bits = fraction_bits(&in, graph->conv[c]);
        status = share_part(&in, work);
    }
    for (uint32_t c = 0; in.works && c < in.conv_count; c++) free(in.works[c].samples);
    free(in.works);
    return status;
}
