#include "bench/train/test_network.h"
#include "bench/train/blas.h"
#include "bench/train/forward.h"
#include "bench/train/seed.h"
#include "bench/train/stored.h"
#include "host/base/jsonset.h"
#include "host/base/names.h"
#include "host/layer/network_layers.h"
#include "host/machine/pages.h"
#include "host/train/idx.h"
#include "kernels/kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT     "eie-network-test-1"
#define IMAGES_MAX 100u  /* at a time */
#define PRODUCTS   4096u /* of a part at a time, about */

/* One kernel's plans, and how it fared. */
struct tested {
    const struct eie_kernel *kernel;
    struct eie_plan *plans[EIE_NODES_MAX];
    uint32_t batch[EIE_NODES_MAX];
    enum eie_status status; /* what keeps it from running */
    char reason[256];
    uint64_t other_outputs, other_classes;
};

struct testing {
    const struct eie_test_options *options;
    struct eie_network network;
    struct eie_network_file file;
    struct eie_images images;
    struct eie_forward forward;
    struct eie_error *error;
    float *values;             /* [parameters] of a file of floats, else NULL */
    struct eie_passes *passes; /* theirs */
    uint32_t together;         /* images at a time */
    uint32_t float_errors;
    /* 16 bits */
    char int16_reason[256]; /* "" where it is done */
    struct eie_layer *layers[EIE_NODES_MAX];
    int16_t *inputs[EIE_NODES_MAX], *outputs[EIE_NODES_MAX]; /* of `together` images, by part */
    int16_t *batch_inputs, *batch_outputs;                   /* of the largest batch */
    struct tested *tested;
    uint32_t tested_count;
    uint32_t int16_errors, other_class;
    uint64_t saturated;
};

static uint32_t positions_of(const struct testing *in, uint32_t part)
{
    return eie_node_positions(eie_network_part(&in->network, part));
}

static enum eie_status no_memory(const struct testing *in)
{
    return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->options->file);
}

/* ---- what is tested ------------------------------------------------------------------------- */

/* The form `network`, which has a topology's name. */
static enum eie_status open_codes(struct testing *in, const struct eie_safetensors *file)
{
    const struct eie_test_options *options = in->options;
    enum eie_status status = eie_network_file_of(file, options->file, &in->file, NULL, in->error);
    if (!status)
        status = eie_network_read(options->network ? options->network : in->file.name, &in->network,
                                  in->error);
    return status
               ? status
               : eie_forward_make(&in->network, &in->file, options->file, &in->forward, in->error);
}

/* What a recipe that shares no weights has left: floats, by OpenBLAS where it is there. */
static enum eie_status open_floats(struct testing *in, const struct eie_safetensors *file)
{
    const struct eie_test_options *options = in->options;
    struct eie_blas blas;
    struct eie_error unused;
    if (!options->network)
        return eie_fail(in->error, EIE_USAGE,
                        "%s: is not of the form 'network', which states its topology; for weights "
                        "as floats name it: eie train NETWORK --test FILE",
                        options->file);
    enum eie_status status = eie_network_read(options->network, &in->network, in->error);
    if (status) return status;
    in->values = malloc(in->network.parameters * sizeof *in->values);
    if (!in->values) return no_memory(in);
    status = eie_trained_floats(file, options->file, &in->network, in->values, in->error);
    if (status) return status;
    const bool plain = eie_blas_open(1, &blas, &unused) != EIE_OK;
    return eie_passes_make(&in->network, IMAGES_MAX, plain ? eie_sgemm_plain : blas.sgemm,
                           &in->passes, in->error);
}

static enum eie_status open_all(struct testing *in)
{
    const char *folder;
    struct eie_safetensors file;
    enum eie_status status = eie_safetensors_read(in->options->file, &file, in->error);
    if (status) return status;
    status = eie_network_file_is(&file) ? open_codes(in, &file) : open_floats(in, &file);
    eie_safetensors_free(&file);
    if (!status) status = eie_idx_folder(in->options->data, &folder, in->error);
    if (!status) status = eie_idx_read_test(folder, &in->images, in->error);
    return status ? status
                  : eie_train_check_images(&in->network, &in->images, "test data", in->error);
}

/* Why the parts cannot be computed in 16 bits; "" where they can. */
static void find_reason(struct testing *in)
{
    if (in->values)
        snprintf(in->int16_reason, sizeof in->int16_reason,
                 "the file holds floats, kernels read shared weights");
    for (uint32_t p = 0; p < in->file.part_count && !*in->int16_reason; p++) {
        const struct eie_network_part *part = &in->file.parts[p];
        if (part->code_bits > 4)
            snprintf(in->int16_reason, sizeof in->int16_reason,
                     "part %s has codes of %" PRIu32 " bits, kernels read 4", part->name,
                     part->code_bits);
        else if (!part->scale.stated)
            snprintf(in->int16_reason, sizeof in->int16_reason,
                     "the file states no fixed point (recipe eie does)");
    }
}

static enum eie_status make_layers(struct testing *in)
{
    for (uint32_t p = 0; p < in->file.part_count; p++) {
        const struct eie_network_scale *scale = &in->file.parts[p].scale;
        enum eie_status status = eie_network_layer_bare(
            &in->file, p, in->options->file, EIE_NETWORK_PES, scale, &in->layers[p], in->error);
        if (status) return status;
        if (p && in->layers[p - 1]->output_fraction_bits != scale->input_fraction_bits)
            return eie_fail(in->error, EIE_INPUT,
                            "%s: part %s takes %" PRIu32 " fraction bits, the part before it "
                            "gives %" PRIu32,
                            in->options->file, in->file.parts[p].name, scale->input_fraction_bits,
                            in->layers[p - 1]->output_fraction_bits);
    }
    return EIE_OK;
}

static void choose_together(struct testing *in)
{
    in->together = IMAGES_MAX;
    for (uint32_t p = 0; p < in->file.part_count; p++) {
        const uint32_t few = PRODUCTS / positions_of(in, p);
        if (few < in->together) in->together = few ? few : 1;
    }
    if (in->images.count < in->together) in->together = in->images.count;
}

/* ---- kernels -------------------------------------------------------------------------------- */

static bool is_meant(const struct eie_kernel *kernel)
{
    return kernel->device_kind == EIE_DEVICE_CPU && kernel->flags & EIE_KERNEL_EXACT;
}

/* Every pattern must choose one of the kernels that can be meant. */
static enum eie_status list_kernels(struct testing *in)
{
    const uint32_t count = eie_kernel_count();
    const char *patterns = in->options->kernels;
    char unmatched[256];
    const char **names = calloc(count, sizeof *names);
    uint32_t meant = 0;
    in->tested = calloc(count, sizeof *in->tested);
    if (!in->tested || !names) {
        free(names);
        return no_memory(in);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct eie_kernel *kernel = eie_kernel_at(i);
        if (!is_meant(kernel)) continue;
        names[meant++] = kernel->name;
        if (eie_names_match(patterns, kernel->name))
            in->tested[in->tested_count++] = (struct tested){.kernel = kernel};
    }
    enum eie_status status = EIE_OK;
    if (eie_names_unmatched(patterns, names, meant, unmatched, sizeof unmatched))
        status = eie_fail(in->error, EIE_USAGE,
                          "no exact kernel of the processor matches '%s' (eie list kernels)%s",
                          unmatched, eie_names_hint(unmatched, names, meant).text);
    free(names);
    return status;
}

static uint32_t batch_of(const struct testing *in, const struct eie_kernel *kernel, uint32_t part)
{
    uint32_t batch = in->together * positions_of(in, part);
    if (kernel->batch_max && batch > kernel->batch_max) batch = kernel->batch_max;
    return batch < kernel->batch_min ? kernel->batch_min : batch;
}

/* One thread: several change nothing in what comes out, which `eie check` has looked at. */
static enum eie_status prepare(struct testing *in, struct tested *tested,
                               const struct eie_device *device, struct eie_pool *pool,
                               struct eie_error *why)
{
    const struct eie_kernel *kernel = tested->kernel;
    enum eie_status status = eie_kernel_probe(kernel, device, why);
    for (uint32_t p = 0; p < in->file.part_count && !status; p++) {
        uint64_t bytes;
        tested->batch[p] = batch_of(in, kernel, p);
        const struct eie_setup setup = {
            .problem = {in->layers[p], device, tested->batch[p], 1}, .pool = pool, .copies = 1};
        status = eie_kernel_supports(kernel, &setup.problem, &bytes, why);
        if (!status) status = kernel->prepare(&setup, &tested->plans[p], why);
    }
    return status;
}

static enum eie_status prepare_all(struct testing *in)
{
    struct eie_device device;
    struct eie_pool *pool;
    uint32_t running = 0;
    enum eie_status status = eie_pages_check(in->error);
    if (!status) status = list_kernels(in);
    if (!status) status = eie_device_host(&device, in->error);
    if (!status) status = eie_pool_get(1, &pool, in->error);
    for (uint32_t k = 0; k < in->tested_count && !status; k++) {
        struct tested *tested = &in->tested[k];
        struct eie_error why = {""};
        tested->status = prepare(in, tested, &device, pool, &why);
        snprintf(tested->reason, sizeof tested->reason, "%.255s", why.message);
        running += !tested->status;
        if (tested->status && tested->status != EIE_UNSUPPORTED && tested->status != EIE_MISSING)
            status =
                eie_fail(in->error, tested->status, "%s: %s", tested->kernel->name, why.message);
    }
    if (!status && !running)
        status = eie_fail(in->error, EIE_MISSING, "none of the kernels named runs here");
    return status;
}

static enum eie_status make_room(struct testing *in)
{
    size_t most_inputs = 1, most_outputs = 1;
    for (uint32_t p = 0; p < in->file.part_count; p++) {
        const struct eie_layer *layer = in->layers[p];
        const size_t products = (size_t)in->together * positions_of(in, p);
        in->inputs[p] = malloc(products * layer->inputs * sizeof(int16_t));
        in->outputs[p] = malloc(products * layer->outputs * sizeof(int16_t));
        if (!in->inputs[p] || !in->outputs[p]) return no_memory(in);
        for (uint32_t k = 0; k < in->tested_count; k++) {
            const size_t batch = in->tested[k].batch[p];
            if (batch * layer->inputs > most_inputs) most_inputs = batch * layer->inputs;
            if (batch * layer->outputs > most_outputs) most_outputs = batch * layer->outputs;
        }
    }
    in->batch_inputs = malloc(most_inputs * sizeof(int16_t));
    in->batch_outputs = malloc(most_outputs * sizeof(int16_t));
    return in->batch_inputs && in->batch_outputs ? EIE_OK : no_memory(in);
}

static enum eie_status run_once(const struct tested *tested, struct eie_plan *plan,
                                const int16_t *inputs, int16_t *outputs, struct eie_error *error)
{
    const struct eie_kernel *kernel = tested->kernel;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = kernel->load(plan, inputs, error);
    if (!status) status = kernel->run(plan, 0, error);
    if (!status) status = kernel->wait(plan, &outcome, error);
    if (!status) status = kernel->read(plan, outputs, error);
    return status ? eie_error_prefix(error, status, "%s", kernel->name) : EIE_OK;
}

/* The greatest output's number, the first of equals. */
static uint32_t class_of(const int16_t *outputs, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (outputs[c] > outputs[best]) best = c;
    return best;
}

/* A part of `count` products in the kernel's batches, the last one filled up with 0, against the
 * outputs that are known. */
static enum eie_status run_part(struct testing *in, struct tested *tested, uint32_t part,
                                uint32_t count)
{
    const struct eie_layer *layer = in->layers[part];
    const bool is_last = part + 1 == in->file.part_count;
    const size_t inputs = layer->inputs, outputs = layer->outputs;
    const uint32_t batch = tested->batch[part];
    for (uint32_t done = 0; done < count; done += batch) {
        const uint32_t here = count - done < batch ? count - done : batch;
        const int16_t *wanted = in->outputs[part] + done * outputs;
        memset(in->batch_inputs, 0, batch * inputs * sizeof(int16_t));
        memcpy(in->batch_inputs, in->inputs[part] + done * inputs, here * inputs * sizeof(int16_t));
        enum eie_status status =
            run_once(tested, tested->plans[part], in->batch_inputs, in->batch_outputs, in->error);
        if (status) return status;
        for (size_t k = 0; k < here * outputs; k++)
            tested->other_outputs += in->batch_outputs[k] != wanted[k];
        for (uint32_t k = 0; is_last && k < here; k++)
            tested->other_classes += class_of(in->batch_outputs + k * outputs, layer->outputs) !=
                                     class_of(wanted + k * outputs, layer->outputs);
    }
    return EIE_OK;
}

/* ---- images --------------------------------------------------------------------------------- */

static enum eie_status sum_image(struct testing *in, const uint8_t *pixels, uint32_t place)
{
    int16_t *inputs[EIE_NODES_MAX], *outputs[EIE_NODES_MAX];
    for (uint32_t p = 0; p < in->file.part_count; p++) {
        const size_t products = (size_t)place * positions_of(in, p);
        inputs[p] = in->inputs[p] + products * in->layers[p]->inputs;
        outputs[p] = in->outputs[p] + products * in->layers[p]->outputs;
    }
    return eie_forward_int16(&in->forward, (const struct eie_layer *const *)in->layers, pixels,
                             inputs, outputs, &in->saturated, in->error);
}

static void test_floats(struct testing *in, uint32_t first, uint32_t count)
{
    const uint32_t classes = in->network.classes;
    const size_t size = (size_t)in->images.rows * in->images.columns;
    const uint8_t *pixels = in->images.pixels + first * size;
    float *to = eie_passes_input(in->passes);
    for (size_t i = 0; i < count * size; i++) to[i] = (float)pixels[i] / 255.0f;
    const float *out = eie_passes_forward(in->passes, in->values, count, NULL);
    for (uint32_t k = 0; k < count; k++)
        in->float_errors +=
            eie_class_of(out + (size_t)k * classes, classes) != in->images.labels[first + k];
}

/* Images first..first + count - 1. */
static enum eie_status test_images(struct testing *in, uint32_t first, uint32_t count)
{
    const uint32_t classes = in->network.classes, last = in->file.part_count - 1;
    const size_t size = (size_t)in->images.rows * in->images.columns;
    enum eie_status status = EIE_OK;
    for (uint32_t k = 0; k < count && !status; k++) {
        const uint8_t *pixels = in->images.pixels + (first + k) * size;
        const uint32_t label = in->images.labels[first + k];
        const uint32_t found = eie_class_of(eie_forward_float(&in->forward, pixels), classes);
        in->float_errors += found != label;
        if (*in->int16_reason) continue;
        status = sum_image(in, pixels, k);
        if (status) break;
        const uint32_t fixed = class_of(in->outputs[last] + (size_t)k * classes, classes);
        in->int16_errors += fixed != label;
        in->other_class += fixed != found;
    }
    for (uint32_t t = 0; t < in->tested_count && !status; t++)
        for (uint32_t p = 0; p <= last && !status && !in->tested[t].status; p++)
            status = run_part(in, &in->tested[t], p, count * positions_of(in, p));
    return status;
}

/* ---- the result ----------------------------------------------------------------------------- */

static bool differs(const struct tested *tested)
{
    return tested->other_outputs || tested->other_classes;
}

static json_t *describe_kernel(const struct tested *tested)
{
    json_t *kernel = json_object();
    eie_set(kernel, "name", tested->kernel->name);
    eie_set(kernel, "status",
            tested->status == EIE_MISSING ? "missing"
            : tested->status              ? "unsupported"
            : differs(tested)             ? "mismatch"
                                          : "ok");
    if (tested->status) {
        eie_set(kernel, "reason", tested->reason);
        return kernel;
    }
    eie_set_integer(kernel, "other_outputs", tested->other_outputs);
    eie_set_integer(kernel, "other_classes", tested->other_classes);
    return kernel;
}

static json_t *describe(const struct testing *in)
{
    const double images = in->images.count;
    json_t *result = json_object();
    eie_set(result, "eie_format", FORMAT);
    eie_set(result, "file", in->options->file);
    eie_set(result, "network", in->values ? in->network.name : in->file.name);
    eie_set(result, "data", in->images.data);
    eie_set_integer(result, "images", in->images.count);
    eie_set_integer(result, "float_errors", in->float_errors);
    eie_set_number(result, "float_error_pct", 100 * in->float_errors / images);
    if (*in->int16_reason) {
        eie_set(result, "int16_reason", in->int16_reason);
        return result;
    }
    eie_set_integer(result, "int16_errors", in->int16_errors);
    eie_set_number(result, "int16_error_pct", 100 * in->int16_errors / images);
    eie_set_integer(result, "other_class_than_float", in->other_class);
    eie_set_integer(result, "saturated", in->saturated);
    json_t *kernels = json_array();
    for (uint32_t t = 0; t < in->tested_count; t++)
        json_array_append_new(kernels, describe_kernel(&in->tested[t]));
    json_object_set_new(result, "kernels", kernels);
    return result;
}

static void free_testing(struct testing *in)
{
    for (uint32_t t = 0; t < in->tested_count; t++)
        for (uint32_t p = 0; p < EIE_NODES_MAX; p++)
            in->tested[t].kernel->destroy(in->tested[t].plans[p]);
    free(in->tested);
    for (uint32_t p = 0; p < EIE_NODES_MAX; p++) {
        eie_layer_free(in->layers[p]);
        free(in->inputs[p]);
        free(in->outputs[p]);
    }
    free(in->batch_inputs);
    free(in->batch_outputs);
    eie_forward_free(&in->forward);
    eie_passes_free(in->passes);
    free(in->values);
    eie_images_free(&in->images);
    eie_network_file_free(&in->file);
}

enum eie_status eie_test_network(const struct eie_test_options *options, json_t **result,
                                 struct eie_error *error)
{
    struct testing in = {.options = options, .error = error};
    *result = NULL;
    enum eie_status status = open_all(&in);
    if (!status) {
        find_reason(&in);
        choose_together(&in);
        if (!*in.int16_reason) {
            status = make_layers(&in);
            if (!status) status = prepare_all(&in);
            if (!status) status = make_room(&in);
        }
    }
    for (uint32_t first = 0; first < in.images.count && !status; first += in.together) {
        const uint32_t left = in.images.count - first;
        const uint32_t here = left < in.together ? left : in.together;
        if (in.values)
            test_floats(&in, first, here);
        else
            status = test_images(&in, first, here);
        if (!status && options->progress)
            options->progress(options->progress_its, first + here, in.images.count);
    }
    if (!status) *result = describe(&in);
    for (uint32_t t = 0; t < in.tested_count && !status; t++)
        if (differs(&in.tested[t]))
            status = eie_fail(
                error, EIE_MISMATCH,
                "%s: %" PRIu64 " outputs and %" PRIu64 " classes are not those of sums in 64 bits",
                in.tested[t].kernel->name, in.tested[t].other_outputs, in.tested[t].other_classes);
    free_testing(&in);
    return status;
}

static uint64_t integer(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void eie_test_network_print(const json_t *result)
{
    const json_t *kernels = json_object_get(result, "kernels"), *kernel;
    size_t i;
    uint32_t good = 0;
    printf("%s: network %s on %" PRIu64 " test images (%s)\n", text(result, "file"),
           text(result, "network"), integer(result, "images"), text(result, "data"));
    printf("  float32: %" PRIu64 " wrong, %.2f %%\n", integer(result, "float_errors"),
           number(result, "float_error_pct"));
    if (!kernels) {
        printf("  int16: not computed: %s\n", text(result, "int16_reason"));
        return;
    }
    printf("  int16:   %" PRIu64 " wrong, %.2f %%; %" PRIu64
           " images in another class than in float32; %" PRIu64 " outputs saturated\n",
           integer(result, "int16_errors"), number(result, "int16_error_pct"),
           integer(result, "other_class_than_float"), integer(result, "saturated"));
    json_array_foreach(kernels, i, kernel)
    {
        const char *status = text(kernel, "status");
        good += !strcmp(status, "ok");
        if (!strcmp(status, "mismatch"))
            printf("  %-28s MISMATCH    %" PRIu64 " outputs, %" PRIu64 " classes differ\n",
                   text(kernel, "name"), integer(kernel, "other_outputs"),
                   integer(kernel, "other_classes"));
        else if (strcmp(status, "ok"))
            printf("  %-28s %-11s %s\n", text(kernel, "name"), status, text(kernel, "reason"));
    }
    printf("  %" PRIu32
           " exact kernels: every output of every layer bit for bit, so the same class "
           "for every image\n",
           good);
}
