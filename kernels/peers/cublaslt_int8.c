/* cublasLt's int8 product, what a network in 8 bits would run on a GPU's tensor cores: the dense
 * matrix as int8 with one scale for all weights, inputs as int8 with one scale for each vector,
 * sums exact in int32. The inputs are rounded when they are loaded, and the sums scaled when they
 * are read, as a network in 8 bits has both in the layers around it: neither is part of the time,
 * as for half precision (cublas_half.c). Numbers that fit 8 bits are taken as they are.
 * Approximate, and it says how far it rounds: no rival of the exact kernels.
 *
 * The library proposes algorithms; each is tried, and the one that takes the device the least time
 * stays. It wants depths and rows in multiples of 4 and strides of whole 16 bytes. */
#include "host/base/library.h"
#include "kernels/peers/cublaslt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS           127                     /* int8 values on each side of 0 */
#define ROUNDING        (0.5 / STEPS + 0x1p-22) /* to nearest; scales are no round numbers */
#define INPUTS_MAX      (INT32_MAX / (STEPS * STEPS))
#define PROPOSALS       8
#define WORKSPACE_BYTES (UINT64_C(32) << 20)

static struct cublaslt_functions lt;

static struct {
    void *handle;
    struct cublasLtContext *contexts[CUDA_FLOAT_DEVICES]; /* until the process ends */
    char text[CUBLAS_NAME_BYTES];
} library;

struct plan {
    struct cuda_float_plan base; /* copies are int8 [y_stride][x_stride] */
    struct cublasLtContext *context;
    struct cublaslt_product *product;
    struct cublaslt_layout *weights, *inputs, *sums;
    struct cublaslt_proposal proposals[PROPOSALS];
    int proposal_count, chosen;
    void *workspace;    /* in the device's memory, of the chosen algorithm; or NULL */
    double weight_step; /* of 1 in int8 */
    double *input_step; /* [batch] */
};

/* ---- the library ---------------------------------------------------------------------------- */

static enum eie_status check(unsigned code, const char *what, struct eie_error *error)
{
    return cublas_status(code, what, lt.words, error);
}

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                        "libcublasLt.so.11", NULL};
    static const struct eie_library_need needs[] = {
        {"cublasLtGetProperty", &lt.property},
        {"cublasLtCreate", &lt.create},
        {"cublasLtMatmulDescCreate", &lt.product_create},
        {"cublasLtMatmulDescDestroy", &lt.product_destroy},
        {"cublasLtMatmulDescSetAttribute", &lt.product_set},
        {"cublasLtMatrixLayoutCreate", &lt.layout_create},
        {"cublasLtMatrixLayoutDestroy", &lt.layout_destroy},
        {"cublasLtMatmulPreferenceCreate", &lt.preference_create},
        {"cublasLtMatmulPreferenceDestroy", &lt.preference_destroy},
        {"cublasLtMatmulPreferenceSetAttribute", &lt.preference_set},
        {"cublasLtMatmulAlgoGetHeuristic", &lt.propose},
        {"cublasLtMatmul", &lt.multiply},
        {NULL, NULL},
    };
    static const struct eie_library_need words[] = {{"cublasLtGetStatusString", &lt.words},
                                                    {NULL, NULL}};
    void *handle;
    enum eie_status status = eie_library_open(names, "EIE_CUBLASLT", &handle, error);
    if (!status) status = eie_library_symbols(handle, needs, error);
    if (status) return status;
    if (eie_library_symbols(handle, words, NULL)) lt.words = NULL;
    status = cublas_name("cublasLt", lt.property, lt.words, library.text, error);
    if (!status) library.handle = handle;
    return status;
}

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return library.handle ? EIE_OK : load_library(error);
}

static enum eie_status take_context(struct plan *plan, struct eie_error *error)
{
    const int index = plan->base.cuda->index;
    if (index < 0 || index >= CUDA_FLOAT_DEVICES)
        return eie_fail(error, EIE_UNSUPPORTED, "device %d is beyond the first %d", index,
                        CUDA_FLOAT_DEVICES);
    enum eie_status status = EIE_OK;
    if (!library.contexts[index])
        status = check(lt.create(&library.contexts[index]), "cublasLtCreate", error);
    if (status) library.contexts[index] = NULL;
    plan->context = library.contexts[index];
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

static unsigned call(struct cuda_float_plan *base, uint32_t copy)
{
    static const int32_t one = 1, zero = 0;
    const struct plan *plan = (const struct plan *)base;
    const struct cublaslt_proposal *chosen = &plan->proposals[plan->chosen];
    return lt.multiply(plan->context, plan->product, &one, base->copies[copy], plan->weights,
                       base->x, plan->inputs, &zero, base->y, plan->sums, base->y, plan->sums,
                       &chosen->algorithm, plan->workspace, chosen->workspace_bytes,
                       base->cuda->stream);
}

/* By columns: sums [rows][batch] are the transpose of weights [columns][rows], times inputs. */
static enum eie_status describe_product(struct plan *plan, struct eie_error *error)
{
    static const int32_t transposed = CUBLAS_TRANSPOSED, as_it_is = CUBLAS_AS_IT_IS;
    const uint64_t columns = plan->base.needs.x_stride, rows = plan->base.needs.y_stride,
                   batch = plan->base.setup.problem.batch;
    unsigned code = lt.product_create(&plan->product, CUBLASLT_SUMS_INT, CUDA_INT);
    if (!code)
        code = lt.product_set(plan->product, CUBLASLT_OPERATION_A, &transposed, sizeof transposed);
    if (!code)
        code = lt.product_set(plan->product, CUBLASLT_OPERATION_B, &as_it_is, sizeof as_it_is);
    if (code) return check(code, "cublasLtMatmulDescCreate", error);
    code = lt.layout_create(&plan->weights, CUDA_BYTE, columns, rows, (int64_t)columns);
    if (!code) code = lt.layout_create(&plan->inputs, CUDA_BYTE, columns, batch, (int64_t)columns);
    if (!code) code = lt.layout_create(&plan->sums, CUDA_INT, rows, batch, (int64_t)rows);
    return check(code, "cublasLtMatrixLayoutCreate", error);
}

static enum eie_status ask_for_proposals(struct plan *plan, struct eie_error *error)
{
    static const uint64_t most = WORKSPACE_BYTES;
    struct cublaslt_preference *preference = NULL;
    unsigned code = lt.preference_create(&preference);
    if (!code) code = lt.preference_set(preference, CUBLASLT_WORKSPACE_MOST, &most, sizeof most);
    if (!code)
        code =
            lt.propose(plan->context, plan->product, plan->weights, plan->inputs, plan->sums,
                       plan->sums, preference, PROPOSALS, plan->proposals, &plan->proposal_count);
    if (preference) lt.preference_destroy(preference);
    if (!code && !plan->proposal_count) code = CUBLAS_UNSUPPORTED;
    return check(code, "cublasLtMatmulAlgoGetHeuristic", error);
}

/* ---- algorithms ----------------------------------------------------------------------------- */

static void forget_algorithm(struct plan *plan)
{
    cuda_calls_plain(&plan->base.calls);
    eie_cuda_free(plan->base.cuda, plan->workspace);
    plan->workspace = NULL;
}

/* Up to the first calls. */
static enum eie_status use_algorithm(struct plan *plan, int which, struct eie_error *error)
{
    const struct cublaslt_proposal *proposal = &plan->proposals[which];
    enum eie_status status = EIE_OK;
    forget_algorithm(plan);
    plan->chosen = which;
    if (proposal->workspace_bytes)
        status =
            eie_cuda_alloc(plan->base.cuda, proposal->workspace_bytes, &plan->workspace, error);
    return status ? status : cuda_float_ready(&plan->base, error);
}

/* What cannot be used, or fails, is passed over; where all do, the last failure's words say why. */
static enum eie_status choose_algorithm(struct plan *plan, struct eie_error *error)
{
    int best = -1;
    double best_ns = 0;
    enum eie_status status =
        eie_fail(error, EIE_UNSUPPORTED, "none of the library's proposals can be used");
    for (int i = 0; i < plan->proposal_count; i++) {
        if (plan->proposals[i].state) continue;
        status = use_algorithm(plan, i, error);
        if (status || (best >= 0 && plan->base.calls.device_ns >= best_ns)) continue;
        best = i;
        best_ns = plan->base.calls.device_ns;
    }
    if (best < 0 || (!status && best == plan->chosen)) return status;
    return use_algorithm(plan, best, error);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static struct cuda_float_needs needs_of(const struct eie_layer *layer)
{
    const uint32_t columns = (layer->inputs + 15) / 16 * 16, rows = (layer->outputs + 3) / 4 * 4;
    return (struct cuda_float_needs){
        .copy_bytes = (uint64_t)rows * columns,
        .x_stride = columns,
        .y_stride = rows,
        .type = CUDA_BYTE,
    };
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "products of int8 with more than %d inputs may leave int32", INPUTS_MAX);
    if (layer->outputs > INT32_MAX - 3 || problem->batch > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows or inputs than cublasLt counts");
    const struct cuda_float_needs needs = needs_of(layer);
    *plan_bytes = needs.copy_bytes + cuda_float_bytes(problem, &needs) + WORKSPACE_BYTES +
                  problem->batch * sizeof(double);
    return EIE_OK;
}

/* What 1 in int8 stands for, where the largest number is so large. */
static double step_of(int largest)
{
    return largest > STEPS ? (double)largest / STEPS : 1;
}

static int16_t steps_of(int16_t value, double step)
{
    return (int16_t)lrint(value / step);
}

static int largest_of(const int16_t *values, size_t count)
{
    int largest = 0;
    for (size_t i = 0; i < count; i++)
        if (abs(values[i]) > largest) largest = abs(values[i]);
    return largest;
}

static enum eie_status fill(struct plan *plan, struct eie_error *error)
{
    const int16_t *codebook = plan->base.setup.problem.layer->codebook;
    int16_t weights[EIE_CODEBOOK_SIZE];
    plan->weight_step = step_of(largest_of(codebook, EIE_CODEBOOK_SIZE));
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
        weights[c] = steps_of(codebook[c], plan->weight_step);
    return cuda_float_fill(&plan->base, weights, error);
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    forget_algorithm(plan);
    if (plan->weights) lt.layout_destroy(plan->weights);
    if (plan->inputs) lt.layout_destroy(plan->inputs);
    if (plan->sums) lt.layout_destroy(plan->sums);
    if (plan->product) lt.product_destroy(plan->product);
    free(plan->input_step);
    cuda_float_end(&plan->base);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    static const struct cuda_float_product product = {"cublasLtMatmul", call, check};
    const struct cuda_float_needs needs = needs_of(setup->problem.layer);
    struct cuda_float_plan *base;
    enum eie_status status =
        cuda_float_begin(setup, sizeof(struct plan), &needs, &product, &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->input_step = calloc(setup->problem.batch, sizeof *plan->input_step);
    if (!plan->input_step) status = eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status) status = take_context(plan, error);
    if (!status) status = fill(plan, error);
    if (!status) status = describe_product(plan, error);
    if (!status) status = ask_for_proposals(plan, error);
    if (!status) status = choose_algorithm(plan, error);
    if (status)
        destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t columns = problem->layer->inputs;
    int8_t *values = plan->base.values;
    for (size_t b = 0; b < problem->batch; b++) {
        const double step = step_of(largest_of(inputs + b * columns, columns));
        plan->input_step[b] = step;
        for (size_t j = 0; j < columns; j++)
            values[b * plan->base.needs.x_stride + j] =
                (int8_t)steps_of(inputs[b * columns + j], step);
    }
    return cuda_float_send(&plan->base, inputs, error);
}

static enum eie_status read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t rows = problem->layer->outputs, stride = plan->base.needs.y_stride;
    const int32_t *sums = plan->base.sums;
    enum eie_status status = eie_cuda_read(plan->base.cuda, plan->base.sums, plan->base.y,
                                           problem->batch * stride * sizeof *sums, error);
    for (size_t b = 0; b < problem->batch && !status; b++)
        for (size_t i = 0; i < rows; i++)
            ((float *)y)[b * rows + i] =
                (float)(sums[b * stride + i] * plan->weight_step * plan->input_step[b]);
    return status;
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct cublaslt_proposal *chosen = &plan->proposals[plan->chosen];
    char words[64];
    snprintf(words, sizeof words, "proposal %d of %d", plan->chosen + 1, plan->proposal_count);
    column(context, "eie_library", library.text, 0);
    column(context, "eie_algorithm", words, 0);
    column(context, "eie_workspace_bytes", NULL, (double)chosen->workspace_bytes);
    cuda_calls_describe(&plan->base.calls, column, context);
}

const struct eie_kernel eie_kernel_peers_cublaslt_int8 = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_cublaslt_int8",
    .summary = "dense int8 by cublasLt, sums in int32, on a CUDA device: rounds weights and, when "
               "they are loaded, inputs",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE | EIE_KERNEL_APPROXIMATE | EIE_KERNEL_SKIP_ONE |
             EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .weight_rounding = {0, ROUNDING},
    .input_rounding = {0, ROUNDING},
    .probe = probe,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = cuda_float_run,
    .wait = cuda_float_wait,
    .pass = cuda_float_pass,
    .read = read,
    .cost = cuda_float_dense_cost,
    .describe = describe,
    .destroy = destroy,
};
