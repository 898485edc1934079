/* oneDNN's own convolution, the peer of layers that are one: the image goes in as it is, without
 * im2col, channels last. In float32; and in int8, with weights rounded to steps of one scale and
 * the image to those of another, unsigned where nothing is negative. `load` has the image from its
 * columns, and rounds it, as the layer before would have; the library scales the sums by the
 * weights' step, `read` by the image's, which a network that knows its scales beforehand has in the
 * same factor. No bias and no activation, as with all peers.
 *
 * The library's 1 x 1 convolutions take no pad that is as wide as the window: such an image has its
 * zeros around it when it is loaded. */
#include "host/machine/cpu.h"
#include "kernels/float_plan.h"
#include "kernels/peers/onednn_calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
    struct float_plan base;   /* copies are the library's own form of the weights; there is no x */
    struct eie_window window; /* as the library sees it */
    struct onednn_description source, plain, sums;
    const struct onednn_description *packed; /* part of the product's plan */
    bool in_bytes;
    int type;        /* of the image */
    int16_t *pixels; /* [height][width][channels], as loaded */
    void *image;     /* the same in the library's type, in its window */
    double weight_step, input_step;
    void *product_plan, *product, *source_memory, *sums_memory;
    void **weights; /* [copies] */
    char implementation[64], operands[96];
};

static const struct onednn_calls *dnnl;

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return onednn_calls_load(&dnnl, error);
}

static enum eie_status probe_int8(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return onednn_calls_for_int8(&dnnl, error);
}

static struct eie_window window_of(const struct eie_layer *layer)
{
    struct eie_window window = layer->window;
    if (window.pad < window.kernel) return window;
    window.height += 2 * window.pad;
    window.width += 2 * window.pad;
    window.pad = 0;
    return window;
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (!eie_window_is(&layer->window))
        return eie_fail(error, EIE_UNSUPPORTED, "the layer is no convolution");
    if (eie_window_positions(&layer->window) != problem->batch)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a convolution takes an image: batch %zu, one for each position",
                        eie_window_positions(&layer->window));
    if (layer->inputs > ONEDNN_INPUTS)
        return eie_fail(error, EIE_UNSUPPORTED, "more than %d inputs, whose sums could leave int32",
                        ONEDNN_INPUTS);
    const struct eie_window window = window_of(layer);
    const uint64_t taps = (uint64_t)window.kernel * window.kernel;
    /* channels and outputs in whole blocks; while it is made the plain form */
    *plan_bytes =
        float_plan_bytes(problem) + eie_window_image_size(&window) * 3 * sizeof(float) +
        2 * (taps * (window.channels + 64) + 1) * ((uint64_t)layer->outputs + 64) * sizeof(float);
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    for (uint32_t c = 0; plan->weights && c < plan->base.base.setup.copies; c++)
        if (plan->weights[c]) dnnl->memory_destroy(plan->weights[c]);
    if (plan->product) dnnl->primitive_destroy(plan->product);
    if (plan->source_memory) dnnl->memory_destroy(plan->source_memory);
    if (plan->sums_memory) dnnl->memory_destroy(plan->sums_memory);
    if (plan->product_plan) dnnl->plan_destroy(plan->product_plan);
    free(plan->weights);
    free(plan->pixels);
    free(plan->image);
    float_plan_end(&plan->base);
}

/* ---- the plan ------------------------------------------------------------------------------- */

/* What the library will do, described in `plan`, which is no plan yet. */
static enum eie_status describe_product(const struct eie_layer *layer, struct plan *plan,
                                        struct eie_error *error)
{
    const struct eie_window *w = &plan->window;
    const int64_t outputs = layer->outputs, channels = w->channels, side = w->kernel;
    const int64_t height = w->height, width = w->width;
    const int64_t down = eie_window_steps(w, w->height), across = eie_window_steps(w, w->width);
    const int64_t source[] = {1, channels, height, width},
                  source_strides[] = {height * width * channels, 1, width * channels, channels};
    const int64_t weights[] = {outputs, channels, side, side},
                  weight_strides[] = {channels * side * side, side * side, side, 1};
    const int64_t sums[] = {1, outputs, down, across},
                  sum_strides[] = {down * across * outputs, 1, across * outputs, outputs};
    const int64_t strides[] = {w->stride, w->stride}, pads[] = {w->pad, w->pad};
    const int type = plan->in_bytes ? DNNL_S8 : DNNL_F32;
    const float scale = (float)plan->weight_step;
    struct onednn_description any;
    struct onednn_operation operation;
    void *attributes = NULL;
    int code = dnnl->describe_strides(&plan->source, 4, source, plan->type, source_strides);
    if (!code) code = dnnl->describe_strides(&plan->plain, 4, weights, type, weight_strides);
    if (!code) code = dnnl->describe(&any, 4, weights, type, DNNL_ANY);
    if (!code) code = dnnl->describe_strides(&plan->sums, 4, sums, DNNL_F32, sum_strides);
    if (!code && plan->in_bytes) code = dnnl->attributes_create(&attributes);
    if (!code && plan->in_bytes) code = dnnl->set_scales(attributes, 1, 0, &scale);
    if (!code)
        code = dnnl->convolution(&operation, DNNL_INFERENCE, DNNL_DIRECT, &plan->source, &any, NULL,
                                 &plan->sums, strides, pads, pads);
    if (!code) code = dnnl->plan(&plan->product_plan, &operation, attributes, dnnl->engine, NULL);
    if (attributes) dnnl->attributes_destroy(attributes);
    if (code) return onednn_check(code, "dnnl_primitive_desc_create", error);
    plan->packed = dnnl->query_memory(plan->product_plan, DNNL_PACKED_WEIGHTS, 0);
    return onednn_check(!plan->packed, "dnnl_primitive_desc_query_md", error);
}

/* [outputs][inputs]; NULL when out of memory. */
static float *float_weights(const struct eie_layer *layer, const struct eie_sparse_codes *codes)
{
    float *dense = eie_aligned_zeroed((size_t)layer->outputs * layer->inputs * sizeof *dense);
    for (uint32_t j = 0; dense && j < layer->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            dense[(size_t)codes->row[e] * layer->inputs + j] = layer->codebook[codes->code[e]];
    return dense;
}

static enum eie_status pack_all(struct plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.base.setup.problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    void *dense = plan->in_bytes ? (void *)onednn_round_weights(layer, &codes, plan->weight_step)
                                 : (void *)float_weights(layer, &codes);
    eie_sparse_codes_free(&codes);
    if (!dense) status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    for (uint32_t c = 0; c < plan->base.base.setup.copies && !status; c++)
        status = onednn_pack(&plan->plain, plan->packed, dense, plan->base.base.copies[c],
                             &plan->weights[c], error);
    free(dense);
    return status;
}

static enum eie_status fill_plan(struct plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.base.setup.problem.layer;
    const char *name = NULL;
    free(plan->base.x); /* load keeps no columns as floats */
    plan->base.x = NULL;
    plan->pixels = malloc(eie_window_image_size(&layer->window) * sizeof *plan->pixels);
    plan->image = eie_aligned_zeroed(eie_window_image_size(&plan->window) * sizeof(float));
    plan->weights = calloc(plan->base.base.setup.copies, sizeof *plan->weights);
    if (!plan->pixels || !plan->image || !plan->weights)
        return eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    enum eie_status status = pack_all(plan, error);
    if (status) return status;
    int code = dnnl->memory_create(&plan->source_memory, &plan->source, dnnl->engine, plan->image);
    if (!code)
        code = dnnl->memory_create(&plan->sums_memory, &plan->sums, dnnl->engine, plan->base.y);
    if (!code) code = dnnl->primitive_create(&plan->product, plan->product_plan);
    if (!code) code = dnnl->query(plan->product_plan, DNNL_IMPLEMENTATION, 0, &name);
    snprintf(plan->implementation, sizeof plan->implementation, "%s", name ? name : "");
    return onednn_check(code, "dnnl_primitive_create", error);
}

static bool has_negative(const int16_t *values, size_t count)
{
    int16_t least = 0;
    for (size_t i = 0; i < count; i++) least = values[i] < least ? values[i] : least;
    return least < 0;
}

/* A layer without samples may get any inputs. */
static bool is_signed(const struct eie_layer *layer)
{
    return !layer->sample_count ||
           has_negative(layer->sample_inputs, (size_t)layer->sample_count * layer->inputs);
}

static enum eie_status prepare_as(const struct eie_setup *setup, bool in_bytes,
                                  struct eie_plan **opaque, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct plan like = {.window = window_of(layer), .in_bytes = in_bytes};
    struct float_plan *base = NULL;
    bool kept;
    like.type = !in_bytes ? DNNL_F32 : is_signed(layer) ? DNNL_S8 : DNNL_U8;
    like.weight_step = in_bytes ? onednn_step_of(layer, &kept) : 1;
    enum eie_status status =
        openmp_take_threads(&dnnl->library->openmp, setup->problem.threads, error);
    if (!status) status = describe_product(layer, &like, error);
    if (!status)
        status =
            float_plan_begin(setup, sizeof(struct plan), dnnl->bytes(like.packed), &base, error);
    if (status) {
        if (like.product_plan) dnnl->plan_destroy(like.product_plan);
        return status;
    }
    struct plan *plan = (struct plan *)base;
    like.base = *base;
    *plan = like;
    *opaque = (struct eie_plan *)base;
    status = fill_plan(plan, error);
    if (status) destroy(*opaque);
    return status;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    return prepare_as(setup, false, plan, error);
}

static enum eie_status prepare_int8(const struct eie_setup *setup, struct eie_plan **plan,
                                    struct eie_error *error)
{
    return prepare_as(setup, true, plan, error);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* The step in which the image is rounded: 1 where its values fit 8 bits. */
static double step_of_image(const struct plan *plan, size_t count)
{
    const int most = plan->type == DNNL_U8 ? UINT8_MAX : ONEDNN_STEPS;
    int largest = 0;
    for (size_t i = 0; i < count; i++) {
        const int magnitude = abs(plan->pixels[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest > most ? (double)largest / most : 1;
}

/* From the layer's image into the library's, which may have zeros around it. */
static void place_image(const struct plan *plan, const struct eie_window *from)
{
    const size_t channels = from->channels, row = (size_t)from->width * channels;
    const size_t edge = (plan->window.width - from->width) / 2;
    const double factor = 1 / plan->input_step;
    for (size_t y = 0; y < from->height; y++) {
        const int16_t *values = plan->pixels + y * row;
        const size_t at = ((y + edge) * plan->window.width + edge) * channels;
        float *floats = (float *)plan->image + at;
        uint8_t *bytes = (uint8_t *)plan->image + at;
        for (size_t i = 0; i < row && !plan->in_bytes; i++) floats[i] = values[i];
        for (size_t i = 0; i < row && plan->in_bytes; i++)
            bytes[i] = (uint8_t)lrint(values[i] * factor);
    }
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_layer *layer = plan->base.base.setup.problem.layer;
    const size_t count = eie_window_image_size(&layer->window);
    if (!eie_window_image(&layer->window, inputs, plan->pixels))
        return eie_fail(error, EIE_UNSUPPORTED, "these inputs are not the windows of one image");
    if (plan->type == DNNL_U8 && has_negative(plan->pixels, count))
        return eie_fail(error, EIE_UNSUPPORTED,
                        "an image with negative values, where the layer's samples have none");
    if (plan->in_bytes) plan->input_step = step_of_image(plan, count);
    snprintf(plan->operands, sizeof plan->operands, "image %s; weights s8 in steps of %.7g",
             plan->type == DNNL_U8 ? "u8" : "s8", plan->weight_step);
    place_image(plan, &layer->window);
    return eie_cpu_plan_load(opaque, inputs, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct onednn_argument arguments[] = {{DNNL_SOURCE, plan->source_memory},
                                                {DNNL_WEIGHTS, plan->weights[copy]},
                                                {DNNL_DESTINATION, plan->sums_memory}};
    dnnl->library->openmp.set_threads((int)plan->base.base.setup.problem.threads);
    int code = dnnl->execute(plan->product, dnnl->stream, 3, arguments);
    if (!code) code = dnnl->finish(dnnl->stream);
    return onednn_check(code, "dnnl_primitive_execute", error);
}

static enum eie_status read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const enum eie_status status = float_plan_read(opaque, y, error);
    const float step = (float)plan->input_step;
    float *sums = y;
    for (size_t i = 0; i < (size_t)problem->batch * problem->layer->outputs && plan->in_bytes; i++)
        sums[i] *= step;
    return status;
}

/* Every input of every position is multiplied; of those that several windows share, and that lie
 * in a cache then, each counts as a byte. */
static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base.base, &cost->macs_useful, &padding);
    cost->macs_padding = batch * inputs * outputs - cost->macs_useful;
    cost->prepared_bytes = dnnl->bytes(plan->packed);
    cost->bytes_read = cost->prepared_bytes + batch * inputs;
    cost->bytes_written = batch * outputs * sizeof(float);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    char note[128];
    column(context, "eie_library", dnnl->library->version, 0);
    column(context, "eie_library_core", plan->implementation, 0);
    if (plan->in_bytes) column(context, "eie_operands", plan->operands, 0);
    if (onednn_weakness(dnnl->library, note, sizeof note))
        column(context, "eie_library_note", note, 0);
}

const struct eie_kernel eie_kernel_peers_onednn_convolution = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_onednn_convolution",
    .summary = "a convolution's image and dense weights by oneDNN's direct convolution in float32",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = UINT32_MAX,
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};

const struct eie_kernel eie_kernel_peers_onednn_convolution_int8 = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_onednn_convolution_int8",
    .summary =
        "the same in int8: rounds weights, and the image, as the layer before would, when it "
        "is loaded",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_APPROXIMATE | EIE_KERNEL_SKIP_ONE |
             EIE_KERNEL_SKIP_SEVERAL | EIE_KERNEL_ONE_SCALE,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .weight_rounding = {0, ONEDNN_ROUNDING},
    .input_rounding = {0, ONEDNN_ROUNDING},
    .probe = probe_int8,
    .supports = supports,
    .prepare = prepare_int8,
    .load = load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
