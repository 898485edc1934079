#include "bench/compress/compress.h"
#include "host/base/clock.h"
#include "host/base/names.h"
#include "host/base/random.h"
#include "host/layer/layer_file.h"
#include "host/machine/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sample inputs -------------------------------------------------------------------------- */

/* Uniform over 1/65536 to 1 in steps of that, 0 where the input is not active. */
static void draw_samples(const struct eie_compress_options *options, const char *name,
                         uint32_t inputs, uint32_t count, float *samples)
{
    struct eie_random random;
    char purpose[EIE_NAME_MAX + 16];
    const uint32_t limit = (uint32_t)(options->active * 65536 + 0.5);
    snprintf(purpose, sizeof purpose, "%s/samples", name);
    eie_random_seed(&random, eie_random_seed_of(options->seed, purpose));
    for (size_t i = 0; i < (size_t)inputs * count; i++) {
        const uint64_t bits = eie_random_next(&random);
        const bool active = (bits >> 48) < limit;
        samples[i] = active ? (float)((bits & 0xFFFF) + 1) / 65536 : 0;
    }
}

/* A matrix [rows][columns] of a file with one tensor; a single dimension is one row. */
static enum eie_status load_side_file(const char *path, uint32_t columns, const char *what,
                                      struct eie_weights *side, struct eie_error *error)
{
    struct eie_weight_file file;
    enum eie_status status = eie_weight_file_open(path, &file, error);
    if (status) return status;
    if (file.count != 1)
        status = eie_fail(error, EIE_INPUT, "%s: %s must be a file of one tensor", path, what);
    if (!status) status = eie_weight_file_load(&file, 0, 1, true, side, error);
    if (!status && side->inputs != columns) {
        status = eie_fail(error, EIE_INPUT, "%s: %s has rows of %u, the layer needs %u", path, what,
                          side->inputs, columns);
        eie_weights_free(side);
    }
    eie_weight_file_close(&file);
    return status;
}

static enum eie_status get_samples(const struct eie_compress_options *options,
                                   const struct eie_weight_entry *entry, const char *name,
                                   uint32_t inputs, struct eie_compressed *item, float **samples,
                                   struct eie_error *error)
{
    if (options->inputs_file) {
        struct eie_weights side;
        enum eie_status status =
            load_side_file(options->inputs_file, inputs, "--inputs", &side, error);
        if (status) return status;
        *samples = side.values;
        item->sample_count = side.outputs;
        side.values = NULL;
        eie_weights_free(&side);
        return EIE_OK;
    }
    item->sample_count = options->samples;
    if (options->samples_positions) {
        if (!entry->positions)
            return eie_fail(error, EIE_USAGE,
                            "--samples positions: it is not known how many positions %s has", name);
        item->sample_count = entry->positions;
    }
    item->samples_drawn = true;
    *samples = malloc((size_t)item->sample_count * inputs * sizeof **samples);
    if (!*samples) return eie_fail(error, EIE_MEMORY, "%s: out of memory for inputs", name);
    draw_samples(options, name, inputs, item->sample_count, *samples);
    return EIE_OK;
}

/* ---- products, for the errors of outputs ----------------------------------------------------- */

struct product {
    const float *values; /* of floats, or NULL */
    const uint8_t *code; /* of codes */
    const float *codebook;
    const float *samples; /* [EIE_ERROR_SAMPLES][inputs], zeros beyond the real ones */
    uint32_t outputs, inputs, threads;
    double *result; /* [outputs][EIE_ERROR_SAMPLES] */
};

static void multiply_rows(void *context, uint32_t worker)
{
    const struct product *in = context;
    const size_t n = in->inputs;
    const float *x0 = in->samples, *x1 = x0 + n, *x2 = x1 + n, *x3 = x2 + n;
    for (uint32_t i = worker; i < in->outputs; i += in->threads) {
        double y0 = 0, y1 = 0, y2 = 0, y3 = 0;
        for (size_t j = 0; j < n; j++) {
            const size_t at = i * n + j;
            const double w = (double)(in->values ? in->values[at] : in->codebook[in->code[at]]);
            y0 += w * (double)x0[j];
            y1 += w * (double)x1[j];
            y2 += w * (double)x2[j];
            y3 += w * (double)x3[j];
        }
        double *y = in->result + (size_t)i * EIE_ERROR_SAMPLES;
        y[0] = y0, y[1] = y1, y[2] = y2, y[3] = y3;
    }
}

static double difference(const double *y, const double *reference, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double away = y[i] - (reference ? reference[i] : 0);
        sum += away * away;
    }
    return sum;
}

/* ---- one tensor ----------------------------------------------------------------------------- */

struct work {
    const struct eie_compress_options *options;
    struct eie_compressed *item;
    struct eie_pool *pool;
    float *samples, *first_samples;
    double *dense_result, *result;
    float *bias;
    struct eie_error *error;
};

static void multiply(struct work *work, const float *values, double *result)
{
    const struct eie_shared *shared = &work->item->shared;
    struct product product = {.values = values,
                              .code = shared->code,
                              .codebook = shared->codebook,
                              .samples = work->first_samples,
                              .outputs = shared->outputs,
                              .inputs = shared->inputs,
                              .threads = work->options->threads,
                              .result = result};
    eie_pool_run(work->pool, multiply_rows, &product);
}

static enum eie_status no_memory(const struct work *work)
{
    return eie_fail(work->error, EIE_MEMORY, "%s: out of memory", work->item->shared.name);
}

static enum eie_status prepare_samples(struct work *work, const struct eie_weight_entry *entry)
{
    struct eie_compressed *item = work->item;
    const uint32_t inputs = item->shared.inputs, outputs = item->shared.outputs;
    enum eie_status status = get_samples(work->options, entry, item->shared.name, inputs, item,
                                         &work->samples, work->error);
    if (status) return status;
    const size_t results = (size_t)outputs * EIE_ERROR_SAMPLES;
    item->error_samples =
        item->sample_count < EIE_ERROR_SAMPLES ? item->sample_count : EIE_ERROR_SAMPLES;
    work->first_samples = calloc((size_t)inputs * EIE_ERROR_SAMPLES, sizeof(float));
    work->dense_result = malloc(results * sizeof(double));
    work->result = malloc(results * sizeof(double));
    if (!work->first_samples || !work->dense_result || !work->result) return no_memory(work);
    memcpy(work->first_samples, work->samples,
           (size_t)inputs * item->error_samples * sizeof(float));
    return EIE_OK;
}

static enum eie_status share(struct work *work, struct eie_weights *weights)
{
    const struct eie_compress_options *options = work->options;
    struct eie_compressed *item = work->item;
    struct eie_shared *shared = &item->shared;
    const size_t count = (size_t)shared->outputs * shared->inputs;
    const size_t results = (size_t)shared->outputs * EIE_ERROR_SAMPLES;
    double start = eie_now_s();
    multiply(work, weights->values, work->dense_result);
    enum eie_status status = eie_prune(weights->values, count, options->pruning,
                                       options->pruning_amount, &item->pruned, work->error);
    if (status) return status;
    item->prune_s = eie_now_s() - start;
    multiply(work, weights->values, work->result);
    item->output_squares = difference(work->dense_result, NULL, results);
    item->pruned_output_squares = difference(work->result, work->dense_result, results);
    start = eie_now_s();
    status = eie_kmeans(weights->values, count, true, (1u << options->code_bits) - 1,
                        options->centroids, options->seed, options->rounds_max, options->threads,
                        &item->kmeans, work->error);
    if (status) return status;
    shared->code = malloc(count);
    if (!shared->code) return no_memory(work);
    status = eie_kmeans_assign(&item->kmeans, weights->values, count, true, 1, options->threads,
                               shared->code, shared->codebook, &item->shared_squares, work->error);
    shared->clusters = item->kmeans.clusters;
    shared->code_bits = options->code_bits;
    item->share_s = eie_now_s() - start;
    return status;
}

/* Weights that came shared stay as they are: nothing is lost. */
static enum eie_status keep(struct work *work, const struct eie_weight_file *file, uint32_t index)
{
    struct eie_compressed *item = work->item;
    enum eie_status status = eie_net_shared(file, index, &item->shared, work->error);
    if (status) return status;
    const size_t count = (size_t)item->shared.outputs * item->shared.inputs;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)item->shared.codebook[item->shared.code[i]];
        item->pruned.sum_squares += value * value;
        item->pruned.kept += item->shared.code[i] != 0;
    }
    item->kmeans.clusters = item->shared.clusters;
    item->kmeans.converged = true;
    return EIE_OK;
}

static enum eie_status measure_sizes(struct work *work)
{
    struct eie_compressed *item = work->item;
    struct eie_relative *relative = &item->relative;
    enum eie_status status =
        eie_relative_encode(&item->shared, work->options->run_bits, relative, work->error);
    if (status) return status;
    status = eie_relative_sizes(relative, EIE_FORM_PACKED, &item->packed[0], &item->packed[1],
                                work->error);
    if (!status)
        status = eie_relative_sizes(relative, EIE_FORM_HUFFMAN, &item->huffman[0],
                                    &item->huffman[1], work->error);
    eie_relative_free(relative);
    return status;
}

static enum eie_status make_layer(struct work *work)
{
    struct eie_compressed *item = work->item;
    const struct eie_shared *shared = &item->shared;
    struct eie_float_layer in = {.name = shared->name,
                                 .source = shared->source,
                                 .pe_count = work->options->pes,
                                 .activation = work->options->activation,
                                 .codebook = shared->codebook,
                                 .bias = shared->bias,
                                 .sample_count = item->sample_count,
                                 .sample_inputs = work->samples};
    enum eie_status status = eie_shared_columns(shared, &in.codes, work->error);
    if (!status) status = eie_quantize(&in, &item->layer, &item->fixed, work->error);
    eie_shared_columns_free(&in.codes);
    return status;
}

static void describe_source(const struct eie_compress_options *options,
                            const struct eie_weight_file *file, struct eie_shared *shared)
{
    char shape[128];
    eie_weights_shape_text(shared->rank, shared->shape, shape, sizeof shape);
    const char *slash = strrchr(file->path, '/');
    snprintf(shared->source, sizeof shared->source,
             "compressed by eiebench from %.200s (%s), shape %s, seed %llu",
             slash ? slash + 1 : file->path, eie_weight_format_name(file->format), shape,
             (unsigned long long)options->seed);
    for (char *c = shared->source; *c; c++) /* cut or not, it goes into a JSON string */
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E) *c = '?';
}

static enum eie_status compress_one(struct work *work, struct eie_weight_file *file, uint32_t index,
                                    bool last)
{
    const struct eie_compress_options *options = work->options;
    struct eie_compressed *item = work->item;
    struct eie_shared *shared = &item->shared;
    const struct eie_weight_entry *entry = &file->entries[index];
    struct eie_weights weights = {0};
    enum eie_status status;
    double start = eie_now_s();
    if (options->keep_codes) {
        status = keep(work, file, index);
        if (!status) item->load_s = eie_now_s() - start;
    } else {
        struct eie_shared published = {0};
        if (file->format == EIE_WEIGHTS_NET) {
            status = eie_net_shared(file, index, &published, work->error);
            if (status) return status;
            shared->bias = published.bias;
            published.bias = NULL;
            eie_shared_free(&published);
        }
        status = eie_weight_file_load(file, index, options->seed, last, &weights, work->error);
        if (status) return status;
        item->load_s = eie_now_s() - start;
        item->values_drawn = weights.values_drawn;
        shared->outputs = weights.outputs;
        shared->inputs = weights.inputs;
        shared->rank = weights.rank;
        memcpy(shared->shape, weights.shape, sizeof shared->shape);
        eie_shared_name(options->name ? options->name : entry->name, shared->name);
        describe_source(options, file, shared);
    }
    if (!status && options->bias_file) {
        struct eie_weights side;
        status = load_side_file(options->bias_file, shared->outputs, "--bias", &side, work->error);
        if (!status && side.outputs != 1) {
            status = eie_fail(work->error, EIE_INPUT, "%s: --bias must be one row, not %u",
                              options->bias_file, side.outputs);
            eie_weights_free(&side);
        }
        if (!status) {
            free(shared->bias);
            shared->bias = side.values;
            side.values = NULL;
            eie_weights_free(&side);
        }
    }
    item->weights = (uint64_t)shared->outputs * shared->inputs;
    if (!status) status = prepare_samples(work, entry);
    if (!status && !options->keep_codes) status = share(work, &weights);
    eie_weights_free(&weights);
    if (!status) {
        multiply(work, NULL, work->result);
        const size_t results = (size_t)shared->outputs * EIE_ERROR_SAMPLES;
        if (options->keep_codes)
            item->output_squares = difference(work->result, NULL, results);
        else
            item->shared_output_squares = difference(work->result, work->dense_result, results);
        item->nonzeros = eie_shared_nonzeros(shared);
        start = eie_now_s();
        status = measure_sizes(work);
    }
    if (!status && shared->code_bits == 4 && options->run_bits == 4) status = make_layer(work);
    if (!status) item->encode_s = eie_now_s() - start;
    if (options->form == EIE_FORM_PLAIN) { /* the layer has it all */
        free(shared->code);
        shared->code = NULL;
    }
    return status;
}

/* ---- all tensors ---------------------------------------------------------------------------- */

/* Those that are named, or all that can be layers when there is only one; indices in *chosen. */
static enum eie_status choose(const struct eie_compress_options *options,
                              const struct eie_weight_file *file, uint32_t **chosen,
                              uint32_t *count, struct eie_error *error)
{
    char known[400] = "";
    *count = 0;
    *chosen = calloc(file->count, sizeof **chosen);
    if (!*chosen) return eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    for (uint32_t i = 0; i < file->count; i++) {
        const struct eie_weight_entry *entry = &file->entries[i];
        const size_t used = strlen(known);
        const bool matrix = entry->rank >= 2 || file->count == 1;
        if (matrix)
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", entry->name);
        if (options->tensors ? eie_names_match(options->tensors, entry->name) && matrix : matrix)
            (*chosen)[(*count)++] = i;
    }
    if (options->tensors) {
        char unmatched[256];
        const char **names = calloc(file->count, sizeof(char *));
        if (!names) return eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
        unsigned matrices = 0;
        for (uint32_t i = 0; i < file->count; i++)
            if (file->entries[i].rank >= 2 || file->count == 1)
                names[matrices++] = file->entries[i].name;
        const bool missing =
            eie_names_unmatched(options->tensors, names, matrices, unmatched, sizeof unmatched);
        free(names);
        if (missing)
            return eie_fail(error, EIE_USAGE, "%s: no matrix is named '%s'; there are: %s",
                            options->input, unmatched, known);
    }
    if (!options->tensors && *count > 1)
        return eie_fail(error, EIE_USAGE, "%s: holds several matrices, name them with --tensor: %s",
                        options->input, known);
    if (!*count)
        return eie_fail(error, EIE_USAGE, "%s: no matrix is named '%s'; there are: %s",
                        options->input, options->tensors ? options->tensors : "*", known);
    if (*count > 1 && (options->inputs_file || options->bias_file || options->name))
        return eie_fail(error, EIE_USAGE, "--inputs, --bias and --name are for a single matrix");
    return EIE_OK;
}

static enum eie_status write_all(const struct eie_compress_options *options,
                                 const struct eie_compressed *items, uint32_t count,
                                 struct eie_error *error)
{
    enum eie_status status;
    const struct eie_layer **layers = calloc(count, sizeof(struct eie_layer *));
    struct eie_store_item *stored = calloc(count, sizeof *stored);
    if (!layers || !stored) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", options->out);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            layers[i] = items[i].layer;
            stored[i] =
                (struct eie_store_item){&items[i].shared, items[i].layer, options->run_bits};
        }
        status = options->form == EIE_FORM_PLAIN
                     ? eie_layer_file_write(options->out, layers, count, error)
                     : eie_stored_write(options->out, stored, count, options->form, error);
    }
    free(layers);
    free(stored);
    return status;
}

enum eie_status eie_compress(const struct eie_compress_options *options,
                             struct eie_compressed **items, uint32_t *count,
                             struct eie_error *error)
{
    struct eie_weight_file file;
    struct eie_pool *pool;
    uint32_t *chosen = NULL, wanted = 0;
    *items = NULL;
    *count = 0;
    enum eie_status status = eie_weight_file_open(options->input, &file, error);
    if (status) return status;
    if (options->keep_codes && file.format != EIE_WEIGHTS_NET)
        status = eie_fail(error, EIE_USAGE, "--keep-codes is for the published SqueezeNet's .net");
    if (!status) status = choose(options, &file, &chosen, &wanted, error);
    if (!status) status = eie_pool_get(options->threads, &pool, error);
    if (!status && !(*items = calloc(wanted, sizeof **items)))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    for (uint32_t i = 0; i < wanted && !status; i++) {
        struct work work = {.options = options, .item = &(*items)[i], .pool = pool, .error = error};
        ++*count;
        status = compress_one(&work, &file, chosen[i], i + 1 == wanted);
        free(work.samples);
        free(work.first_samples);
        free(work.dense_result);
        free(work.result);
    }
    eie_weight_file_close(&file);
    free(chosen);
    if (!status) status = write_all(options, *items, *count, error);
    if (status) {
        eie_compressed_free(*items, *count);
        *items = NULL;
        *count = 0;
    }
    return status;
}

void eie_compressed_free(struct eie_compressed *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        eie_shared_free(&items[i].shared);
        eie_layer_free(items[i].layer);
    }
    free(items);
}
