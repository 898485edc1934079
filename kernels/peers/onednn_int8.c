/* oneDNN's int8 product, the low-precision peer: decoded weights as int8 with one scale for all,
 * sums in int32, scaled back to float32.
 *
 * Inputs of 8 bits (all of a load within 0..255, or within -128..127) are multiplied as they are:
 * load has them in the library's type, as float kernels get floats, and the library scales the sums
 * itself. Other inputs are rounded to int8 with one scale for each: that depends on their values
 * and belongs to run, and scaling back is then ours too. Both on the library's own threads: those
 * of another pool would still spin on the cores that it wants.
 *
 * Weights are rounded unless they are int8 multiples of one integer. Approximate for that, and it
 * says how far it rounds: no rival of the exact kernels. The library packs the weights as it wants
 * them for a type of inputs: prepare does it for that of the layer's samples, and load again where
 * it gets another.
 *
 * Without VNNI, or told to do without (DNNL_MAX_CPU_ISA), it is unsupported: it would round further
 * than stated here. */
#include "host/machine/cpu.h"
#include "kernels/float_plan.h"
#include "kernels/peers/onednn_calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of the inputs, and what of the sums. */
enum form { ROUNDED, KEPT_S8, KEPT_U8, FORMS };
static const struct {
    int source, sums; /* data types */
    const char *words;
} forms[FORMS] = {
    [ROUNDED] = {DNNL_S8, DNNL_S32, "rounded to s8"},
    [KEPT_S8] = {DNNL_S8, DNNL_F32, "as they are, s8"},
    [KEPT_U8] = {DNNL_U8, DNNL_F32, "as they are, u8"},
};

/* What the library will do with inputs of a form: the product's own plan, and the form that it
 * wants the weights in. */
struct shape {
    struct onednn_description source, plain, sums;
    const struct onednn_description *packed; /* part of the product's plan */
    void *product;
};

struct plan {
    struct float_plan base; /* copies are the library's own form of the weights; there is no x */
    struct shape shapes[FORMS];
    enum form form;     /* of the inputs that are loaded; FORMS where nothing is packed */
    uint8_t *source;    /* [batch][inputs], s8 or u8 */
    int32_t *sums;      /* [batch][outputs], of rounded inputs */
    int *largest;       /* [threads][batch]: |input|, of a worker's share */
    float *scale;       /* [batch] of a sum */
    double weight_step; /* of 1 in int8 */
    bool weights_kept;
    void *product, *source_memory, *sums_memory;
    void **weights; /* [copies] */
    char implementation[64], operands[96];
};

static const struct onednn_calls *dnnl;

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return onednn_calls_for_int8(&dnnl, error);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > ONEDNN_INPUTS)
        return eie_fail(error, EIE_UNSUPPORTED, "more than %d inputs, whose sums could leave int32",
                        ONEDNN_INPUTS);
    /* the packed form in whole blocks, and while it is made the plain one */
    *plan_bytes = 2 * ((uint64_t)layer->inputs + 64) * ((uint64_t)layer->outputs + 64) +
                  float_plan_bytes(problem) +
                  (uint64_t)problem->batch * (layer->inputs + layer->outputs * sizeof(int32_t) +
                                              problem->threads * sizeof(int) + sizeof(float));
    return EIE_OK;
}

/* Frees what is made for one form of the inputs. */
static void unpack(struct plan *plan)
{
    if (plan->product) dnnl->primitive_destroy(plan->product);
    if (plan->source_memory) dnnl->memory_destroy(plan->source_memory);
    if (plan->sums_memory) dnnl->memory_destroy(plan->sums_memory);
    plan->product = plan->source_memory = plan->sums_memory = NULL;
    for (uint32_t c = 0; plan->weights && c < plan->base.base.setup.copies; c++) {
        if (plan->weights[c]) dnnl->memory_destroy(plan->weights[c]);
        plan->weights[c] = NULL;
    }
    plan->form = FORMS;
}

static void free_shapes(struct shape shapes[FORMS])
{
    for (int f = 0; f < FORMS; f++)
        if (shapes[f].product) dnnl->plan_destroy(shapes[f].product);
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    unpack(plan);
    free_shapes(plan->shapes);
    free(plan->weights);
    free(plan->source);
    free(plan->sums);
    free(plan->largest);
    free(plan->scale);
    float_plan_end(&plan->base);
}

/* The library's own attributes where it is to scale the sums, else NULL. */
static int make_attributes(enum form form, float scale, void **attributes)
{
    *attributes = NULL;
    if (form == ROUNDED) return 0;
    const int code = dnnl->attributes_create(attributes);
    return code ? code : dnnl->set_scales(*attributes, 1, 0, &scale);
}

static enum eie_status make_shape(const struct eie_problem *problem, enum form form, float scale,
                                  struct shape *shape, struct eie_error *error)
{
    const int64_t batch = problem->batch, inputs = problem->layer->inputs,
                  outputs = problem->layer->outputs;
    const int64_t source[] = {batch, inputs}, weights[] = {inputs, outputs},
                  sums[] = {batch, outputs};
    struct onednn_description any;
    struct onednn_operation operation;
    void *attributes;
    int code = make_attributes(form, scale, &attributes);
    if (!code) code = dnnl->describe(&shape->source, 2, source, forms[form].source, DNNL_AB);
    if (!code) code = dnnl->describe(&shape->plain, 2, weights, DNNL_S8, DNNL_BA);
    if (!code) code = dnnl->describe(&any, 2, weights, DNNL_S8, DNNL_ANY);
    if (!code) code = dnnl->describe(&shape->sums, 2, sums, forms[form].sums, DNNL_AB);
    if (!code) code = dnnl->matmul(&operation, &shape->source, &any, NULL, &shape->sums);
    if (!code) code = dnnl->plan(&shape->product, &operation, attributes, dnnl->engine, NULL);
    if (attributes) dnnl->attributes_destroy(attributes);
    if (code) return onednn_check(code, "dnnl_primitive_desc_create", error);
    shape->packed = dnnl->query_memory(shape->product, DNNL_PACKED_WEIGHTS, 0);
    return onednn_check(!shape->packed, "dnnl_primitive_desc_query_md", error);
}

static enum eie_status pack_all(struct plan *plan, const struct shape *shape,
                                struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.base.setup.problem.layer;
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    int8_t *dense = onednn_round_weights(layer, &codes, plan->weight_step);
    eie_sparse_codes_free(&codes);
    if (!dense) status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    for (uint32_t c = 0; c < plan->base.base.setup.copies && !status; c++)
        status = onednn_pack(&shape->plain, shape->packed, dense, plan->base.base.copies[c],
                             &plan->weights[c], error);
    free(dense);
    return status;
}

/* Makes the plan one for inputs of this form. */
static enum eie_status take_form(struct plan *plan, enum form form, struct eie_error *error)
{
    const struct shape *shape = &plan->shapes[form];
    const char *name = NULL;
    if (plan->form == form) return EIE_OK;
    unpack(plan);
    enum eie_status status = pack_all(plan, shape, error);
    if (status) return status;
    int code =
        dnnl->memory_create(&plan->source_memory, &shape->source, dnnl->engine, plan->source);
    if (!code)
        code = dnnl->memory_create(&plan->sums_memory, &shape->sums, dnnl->engine,
                                   form == ROUNDED ? (void *)plan->sums : (void *)plan->base.y);
    if (!code) code = dnnl->primitive_create(&plan->product, shape->product);
    if (!code) code = dnnl->query(shape->product, DNNL_IMPLEMENTATION, 0, &name);
    if (code) return onednn_check(code, "dnnl_primitive_create", error);
    snprintf(plan->implementation, sizeof plan->implementation, "%s", name);
    snprintf(plan->operands, sizeof plan->operands, "inputs %s; weights %s, s8 in steps of %.7g",
             forms[form].words, plan->weights_kept ? "as they are" : "rounded", plan->weight_step);
    plan->form = form;
    return EIE_OK;
}

static enum form form_of(const int16_t *restrict inputs, size_t count)
{
    int16_t least = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        most = inputs[i] > most ? inputs[i] : most;
        least = inputs[i] < least ? inputs[i] : least;
    }
    if (least >= 0 && most <= UINT8_MAX) return KEPT_U8;
    return least >= INT8_MIN && most <= INT8_MAX ? KEPT_S8 : ROUNDED;
}

/* What load will probably get. */
static enum form expected_form(const struct eie_problem *problem)
{
    const struct eie_layer *layer = problem->layer;
    if (!layer->sample_count) return ROUNDED;
    return form_of(layer->sample_inputs,
                   (size_t)layer->inputs * (problem->batch < layer->sample_count
                                                ? problem->batch
                                                : layer->sample_count));
}

static enum eie_status fill_plan(struct plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const size_t batch = problem->batch;
    plan->source = eie_aligned_zeroed(batch * layer->inputs);
    plan->sums = eie_aligned_zeroed(batch * layer->outputs * sizeof *plan->sums);
    plan->largest = calloc(problem->threads * batch, sizeof *plan->largest);
    plan->scale = calloc(batch, sizeof *plan->scale);
    free(plan->base.x); /* load keeps no floats */
    plan->base.x = NULL;
    plan->weights = calloc(plan->base.base.setup.copies, sizeof *plan->weights);
    if (!plan->source || !plan->sums || !plan->largest || !plan->scale || !plan->weights)
        return eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    return take_form(plan, expected_form(problem), error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    struct shape shapes[FORMS] = {{.product = NULL}};
    struct float_plan *base = NULL;
    bool kept;
    const double step = onednn_step_of(setup->problem.layer, &kept);
    size_t copy_bytes = 0;
    enum eie_status status =
        openmp_take_threads(&dnnl->library->openmp, setup->problem.threads, error);
    for (enum form f = 0; f < FORMS && !status; f++) {
        status = make_shape(&setup->problem, f, (float)step, &shapes[f], error);
        if (!status && dnnl->bytes(shapes[f].packed) > copy_bytes)
            copy_bytes = dnnl->bytes(shapes[f].packed);
    }
    if (!status) status = float_plan_begin(setup, sizeof(struct plan), copy_bytes, &base, error);
    if (status) {
        free_shapes(shapes);
        return status;
    }
    struct plan *plan = (struct plan *)base;
    memcpy(plan->shapes, shapes, sizeof shapes);
    plan->form = FORMS;
    plan->weight_step = step;
    plan->weights_kept = kept;
    *opaque = (struct eie_plan *)base;
    status = fill_plan(plan, error);
    if (status) destroy(*opaque);
    return status;
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->inputs;
    const enum form form = form_of(inputs, count);
    dnnl->library->openmp.set_threads((int)problem->threads);
    enum eie_status status = take_form(plan, form, error);
    if (status) return status;
    if (form != ROUNDED)
        for (size_t i = 0; i < count; i++) plan->source[i] = (uint8_t)inputs[i];
    return eie_cpu_plan_load(opaque, inputs, error);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* A worker's part of `count`, in whole cache lines of int8. */
struct share {
    size_t begin, end;
};
static struct share share_of(size_t count)
{
    const size_t lines = (count + 63) / 64, team = (size_t)dnnl->library->openmp.team();
    const size_t worker = (size_t)dnnl->library->openmp.worker(),
                 end = lines * (worker + 1) / team * 64;
    return (struct share){lines * worker / team * 64, end < count ? end : count};
}

static int largest_input(const int16_t *restrict input, struct share share)
{
    int16_t most = 0, least = 0;
    for (size_t j = share.begin; j < share.end; j++) {
        most = input[j] > most ? input[j] : most;
        least = input[j] < least ? input[j] : least;
    }
    return most > -least ? most : -least;
}

/* To int8, to nearest. */
static void round_input(const int16_t *restrict input, struct share share, int largest,
                        uint8_t *restrict rounded)
{
    const float to_integer = 0x1.8p23f; /* added and taken away: what is left is an integer */
    const float factor = largest ? ONEDNN_STEPS / (float)largest : 0;
    for (size_t j = share.begin; j < share.end; j++)
        rounded[j] = (uint8_t)(int8_t)((float)input[j] * factor + to_integer - to_integer);
}

/* Every worker has a share of each input's columns. */
static void round_inputs(void *context)
{
    struct plan *plan = context;
    const uint32_t batch = plan->base.base.setup.problem.batch;
    const uint32_t inputs = plan->base.base.setup.problem.layer->inputs;
    const int16_t *input = plan->base.base.inputs;
    const size_t team = (size_t)dnnl->library->openmp.team(),
                 worker = (size_t)dnnl->library->openmp.worker();
    const struct share share = share_of(inputs);
    for (size_t b = 0; b < batch; b++)
        plan->largest[worker * batch + b] = largest_input(input + b * inputs, share);
    dnnl->library->openmp.barrier();
    for (size_t b = 0; b < batch; b++) {
        int largest = 0;
        for (size_t t = 0; t < team; t++)
            if (plan->largest[t * batch + b] > largest) largest = plan->largest[t * batch + b];
        round_input(input + b * inputs, share, largest, plan->source + b * inputs);
        if (!worker) plan->scale[b] = (float)plan->weight_step * ((float)largest / ONEDNN_STEPS);
    }
}

static void scale_sums(void *context)
{
    const struct plan *plan = context;
    const uint32_t batch = plan->base.base.setup.problem.batch;
    const uint32_t outputs = plan->base.base.setup.problem.layer->outputs;
    const struct share share = share_of(outputs);
    for (size_t b = 0; b < batch; b++) {
        const int32_t *restrict sums = plan->sums + b * outputs;
        float *restrict y = plan->base.y + b * outputs;
        const float scale = plan->scale[b];
        for (size_t i = share.begin; i < share.end; i++) y[i] = scale * (float)sums[i];
    }
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const uint32_t threads = plan->base.base.setup.problem.threads;
    const struct onednn_argument arguments[] = {{DNNL_SOURCE, plan->source_memory},
                                                {DNNL_WEIGHTS, plan->weights[copy]},
                                                {DNNL_DESTINATION, plan->sums_memory}};
    if (plan->form == FORMS)
        return eie_fail(error, EIE_SYSTEM, "oneDNN's weights could not be packed before");
    dnnl->library->openmp.set_threads((int)threads);
    if (plan->form == ROUNDED) dnnl->library->openmp.parallel(round_inputs, plan, threads, 0);
    int code = dnnl->execute(plan->product, dnnl->stream, 3, arguments);
    if (!code) code = dnnl->finish(dnnl->stream);
    if (plan->form == ROUNDED) dnnl->library->openmp.parallel(scale_sums, plan, threads, 0);
    return onednn_check(code, "dnnl_primitive_execute", error);
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base.base, &cost->macs_useful, &padding);
    cost->macs_padding = batch * inputs * outputs - cost->macs_useful;
    cost->prepared_bytes = plan->form == FORMS
                               ? 0
                               : dnnl->bytes(plan->shapes[plan->form].packed); /* load has failed */
    cost->bytes_read = cost->prepared_bytes +
                       batch * inputs * (plan->form == ROUNDED ? sizeof(int16_t) : sizeof(uint8_t));
    cost->bytes_written = batch * outputs * sizeof(float);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    column(context, "eie_library", dnnl->library->version, 0);
    column(context, "eie_library_core", plan->implementation, 0);
    column(context, "eie_operands", plan->operands, 0);
}

const struct eie_kernel eie_kernel_peers_onednn_int8 = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_onednn_int8",
    .summary = "dense int8 matrix times int8 vectors by oneDNN: rounds weights, and inputs wider "
               "than 8 bits",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_APPROXIMATE | EIE_KERNEL_SKIP_ONE,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .weight_rounding = {0, ONEDNN_ROUNDING},
    .input_rounding = {0, ONEDNN_ROUNDING},
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = float_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
