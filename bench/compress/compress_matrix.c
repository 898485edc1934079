#include "bench/compress/compress_matrix.h"
#include "bench/compress/sample_outputs.h"
#include "host/base/clock.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const struct eie_compress_options *options;
    struct eie_weight_file *file;
    uint32_t index, bias; /* tensors of the file */
    const char *name;     /* of the layer */
    bool last;
    struct eie_pool *pool;
    struct eie_compressed *item;
    struct eie_sample_outputs sampled;
    struct eie_error *error;
};

/* ---- what weights of any kind need ---------------------------------------------------------- */

/* The bias of --bias takes the place of one that came with the weights. */
static enum eie_status take_bias(struct work *work)
{
    const char *path = work->options->bias_file;
    struct eie_shared *shared = &work->item->shared;
    struct eie_weights side;
    if (!path) return EIE_OK;
    enum eie_status status =
        eie_side_file_load(path, shared->outputs, "--bias", &side, work->error);
    if (status) return status;
    if (side.outputs != 1) {
        status = eie_fail(work->error, EIE_INPUT, "%s: --bias must be one row, not %u", path,
                          side.outputs);
    } else {
        free(shared->bias);
        work->item->below.biases = side.below_float32;
        shared->bias = side.values;
        side.values = NULL;
    }
    eie_weights_free(&side);
    return status;
}

static enum eie_status take_samples(struct work *work)
{
    struct eie_compressed *item = work->item;
    const struct eie_shared *shared = &item->shared;
    enum eie_status status = eie_sample_outputs_begin(
        work->options, shared->name, work->file->entries[work->index].positions, work->pool,
        shared->outputs, shared->inputs, &work->sampled, work->error);
    item->samples_drawn = !work->options->inputs_file;
    item->sample_count = work->sampled.sample_count;
    item->error_samples = work->sampled.error_samples;
    item->below.inputs = work->sampled.below_float32;
    return status;
}

/* ---- weights that are shared already: they stay as they are, and nothing is lost ------------- */

static enum eie_status keep_codes(struct work *work)
{
    struct eie_compressed *item = work->item;
    const struct eie_shared *shared = &item->shared;
    const struct eie_sample_outputs *sampled = &work->sampled;
    const double start = eie_now_s();
    enum eie_status status =
        work->file->reader->shared(work->file, work->index, &item->shared, work->error);
    if (status) return status;
    const size_t count = (size_t)shared->outputs * shared->inputs;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)shared->codebook[shared->code[i]];
        item->pruned.sum_squares += value * value;
        item->pruned.kept += shared->code[i] != 0;
    }
    if (work->options->no_bias) {
        free(item->shared.bias);
        item->shared.bias = NULL;
    }
    item->kmeans.clusters = shared->clusters;
    item->kmeans.converged = true;
    item->load_s = eie_now_s() - start;
    status = take_bias(work);
    if (!status) status = take_samples(work);
    if (status) return status;
    eie_sample_outputs_multiply(sampled, NULL, shared, sampled->result);
    item->output_squares = eie_sample_outputs_difference(sampled, sampled->result, NULL);
    return EIE_OK;
}

/* ---- floats: pruned, then shared ------------------------------------------------------------ */

static void describe_source(const struct eie_compress_options *options,
                            const struct eie_weight_file *file, struct eie_shared *shared)
{
    char shape[128];
    eie_weights_shape_text(shared->rank, shared->shape, shape, sizeof shape);
    const char *slash = strrchr(file->path, '/');
    snprintf(shared->source, sizeof shared->source,
             "compressed by eiebench from %.200s (%s), shape %s, seed %llu",
             slash ? slash + 1 : file->path, file->reader->name, shape,
             (unsigned long long)options->seed);
    for (char *c = shared->source; *c; c++) /* cut or not, it goes into a JSON string */
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E) *c = '?';
}

/* Of shared weights that are re-clustered only the bias stays. */
static enum eie_status take_own_bias(struct work *work)
{
    struct eie_shared own = {0};
    if (!work->file->reader->shared) return EIE_OK;
    enum eie_status status = work->file->reader->shared(work->file, work->index, &own, work->error);
    if (status) return status;
    work->item->shared.bias = own.bias;
    own.bias = NULL;
    eie_shared_free(&own);
    return EIE_OK;
}

/* The tensor that choose found beside the matrix; its length was looked at. */
static enum eie_status join_bias(struct work *work)
{
    struct eie_weights side;
    if (work->bias == EIE_NO_BIAS) return EIE_OK;
    enum eie_status status =
        eie_weight_file_load(work->file, work->bias, 0, false, &side, work->error);
    if (status) return status;
    work->item->shared.bias = side.values;
    work->item->below.biases = side.below_float32;
    side.values = NULL;
    eie_weights_free(&side);
    return EIE_OK;
}

static enum eie_status load_floats(struct work *work, struct eie_weights *weights)
{
    const struct eie_compress_options *options = work->options;
    struct eie_compressed *item = work->item;
    struct eie_shared *shared = &item->shared;
    const double start = eie_now_s();
    const char *tensor = work->file->entries[work->index].name;
    enum eie_status status = work->options->no_bias ? EIE_OK : take_own_bias(work);
    if (!status) status = join_bias(work);
    if (!status)
        status = eie_weight_file_load(work->file, work->index, options->seed, work->last, weights,
                                      work->error);
    if (status) return status;
    item->load_s = eie_now_s() - start;
    item->values_drawn = weights->values_drawn;
    item->below.weights = weights->below_float32;
    shared->outputs = weights->outputs;
    shared->inputs = weights->inputs;
    shared->rank = weights->rank;
    memcpy(shared->shape, weights->shape, sizeof shared->shape);
    snprintf(shared->name, sizeof shared->name, "%s", work->name);
    json_t *text = json_string(tensor); /* NULL where it is no UTF-8, which no file takes */
    const bool is_text = text != NULL;
    json_decref(text);
    if (is_text && strcmp(tensor, work->name) && !work->file->entries[work->index].named_by_file &&
        !(shared->tensor = strdup(tensor)))
        return eie_fail(work->error, EIE_MEMORY, "%s: out of memory", tensor);
    describe_source(options, work->file, shared);
    return EIE_OK;
}

static struct eie_values values_of(const struct eie_weights *weights)
{
    const size_t places = (size_t)weights->outputs * weights->inputs;
    return (struct eie_values){weights->values, weights->place,
                               weights->place ? weights->place_count : places, places};
}

static enum eie_status prune(struct work *work, struct eie_weights *weights)
{
    const struct eie_compress_options *options = work->options;
    const struct eie_sample_outputs *sampled = &work->sampled;
    struct eie_compressed *item = work->item;
    const struct eie_values values = values_of(weights);
    const double start = eie_now_s();
    eie_sample_outputs_multiply(sampled, &values, &item->shared, sampled->dense);
    enum eie_status status =
        eie_prune(&values, options->pruning, options->pruning_amount, &item->pruned, work->error);
    if (status) return status;
    item->prune_s = eie_now_s() - start;
    eie_sample_outputs_multiply(sampled, &values, &item->shared, sampled->result);
    item->output_squares = eie_sample_outputs_difference(sampled, sampled->dense, NULL);
    item->pruned_output_squares =
        eie_sample_outputs_difference(sampled, sampled->result, sampled->dense);
    return EIE_OK;
}

/* Places go over to the shared weights. */
static enum eie_status share(struct work *work, struct eie_weights *weights)
{
    const struct eie_compress_options *options = work->options;
    struct eie_compressed *item = work->item;
    struct eie_shared *shared = &item->shared;
    const struct eie_values values = values_of(weights);
    const double start = eie_now_s();
    enum eie_status status = eie_kmeans(
        values.value, values.count, true, (1u << options->code_bits) - 1, options->centroids,
        options->seed, options->rounds_max, options->threads, &item->kmeans, work->error);
    if (status) return status;
    shared->code = malloc(values.count + 1);
    if (!shared->code) return eie_fail(work->error, EIE_MEMORY, "%s: out of memory", shared->name);
    status = eie_kmeans_assign_places(&item->kmeans, &values, options->threads, shared->code,
                                      shared->codebook, &item->shared_squares, work->error);
    shared->place = weights->place;
    shared->place_count = weights->place_count;
    weights->place = NULL;
    shared->clusters = item->kmeans.clusters;
    shared->code_bits = options->code_bits;
    item->share_s = eie_now_s() - start;
    return status;
}

static enum eie_status compress_floats(struct work *work)
{
    const struct eie_sample_outputs *sampled = &work->sampled;
    struct eie_weights weights = {0};
    enum eie_status status = load_floats(work, &weights);
    if (!status) status = take_bias(work);
    if (!status) status = take_samples(work);
    if (!status) status = prune(work, &weights);
    if (!status) status = share(work, &weights);
    eie_weights_free(&weights);
    if (status) return status;
    eie_sample_outputs_multiply(sampled, NULL, &work->item->shared, sampled->result);
    work->item->shared_output_squares =
        eie_sample_outputs_difference(sampled, sampled->result, sampled->dense);
    return EIE_OK;
}

/* ---- what is made of shared weights --------------------------------------------------------- */

static enum eie_status measure_sizes(struct work *work)
{
    struct eie_compressed *item = work->item;
    struct eie_relative *relative = &item->relative;
    enum eie_status status =
        eie_relative_count(&item->shared, work->options->run_bits, relative, work->error);
    if (status) return status;
    status = eie_relative_sizes(relative, EIE_FORM_PACKED, &item->packed[0], &item->packed[1],
                                work->error);
    if (!status)
        status = eie_relative_sizes(relative, EIE_FORM_HUFFMAN, &item->huffman[0],
                                    &item->huffman[1], work->error);
    return status;
}

static enum eie_status make_layer(struct work *work)
{
    struct eie_compressed *item = work->item;
    const struct eie_shared *shared = &item->shared;
    struct eie_float_layer in = {.name = shared->name,
                                 .source = shared->source,
                                 .tensor = shared->tensor,
                                 .pe_count = work->options->pes,
                                 .activation = work->options->activation,
                                 .codebook = shared->codebook,
                                 .bias = shared->bias,
                                 .sample_count = item->sample_count,
                                 .sample_inputs = work->sampled.samples,
                                 .weights_file = work->options->input,
                                 .inputs_file = work->options->inputs_file,
                                 .bias_file = work->options->bias_file};
    if (!in.bias_file) in.bias_file = in.weights_file;
    enum eie_status status = eie_shared_columns(shared, &in.codes, work->error);
    if (!status) status = eie_quantize(&in, &item->layer, &item->fixed, work->error);
    eie_shared_columns_free(&in.codes);
    return status;
}

static enum eie_status encode(struct work *work)
{
    struct eie_compressed *item = work->item;
    struct eie_shared *shared = &item->shared;
    const double start = eie_now_s();
    item->weights = (uint64_t)shared->outputs * shared->inputs;
    item->nonzeros = eie_shared_nonzeros(shared);
    enum eie_status status = measure_sizes(work);
    if (!status && shared->code_bits == 4 && work->options->run_bits == 4)
        status = make_layer(work);
    if (status) return status;
    item->encode_s = eie_now_s() - start;
    if (work->options->form == EIE_FORM_PLAIN) { /* the layer has it all */
        free(shared->code);
        free(shared->place);
        shared->code = NULL;
        shared->place = NULL;
    }
    return EIE_OK;
}

enum eie_status eie_compress_matrix(const struct eie_compress_options *options,
                                    struct eie_weight_file *file,
                                    const struct eie_compress_choice *choice, bool last,
                                    struct eie_pool *pool, struct eie_compressed *item,
                                    struct eie_error *error)
{
    struct work work = {.options = options,
                        .file = file,
                        .index = choice->index,
                        .bias = choice->bias,
                        .name = choice->name,
                        .last = last,
                        .pool = pool,
                        .item = item,
                        .error = error};
    item->input_dtype = file->entries[choice->index].dtype;
    enum eie_status status = options->keep_codes ? keep_codes(&work) : compress_floats(&work);
    if (!status) status = encode(&work);
    eie_sample_outputs_free(&work.sampled);
    return status;
}
