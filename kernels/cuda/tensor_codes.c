/* Several inputs at once on the tensor cores, exact: dense 4-bit codes become bytes in registers,
 * products of 16 bits are put together from four of bytes (tensor_codes.h). It multiplies with the
 * zeros too, and is faster where a batch gives the tensor cores enough to do. */
#include "kernels/cuda/tensor_codes.h"
#include "kernels/cuda/plan.h"
#include "kernels/cuda/tuning.h"

#include <stddef.h>
#include <stdlib.h>

#define WARPS_MOST (TENSOR_CODES_THREADS / 32)
#define TILES_MOST 8u /* of inputs, of a block */

extern const struct eie_cuda_code eie_cuda_code_tensor_codes_1 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_tensor_codes_2 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_tensor_codes_4 EIE_CUDA_PART;
extern const struct eie_cuda_code eie_cuda_code_tensor_codes_8 EIE_CUDA_PART;

struct plan {
    struct cuda_plan base;
    struct tensor_codes_arguments arguments;
    uint32_t tiles; /* of inputs, of a block */
    uint32_t parts; /* of the batch */
};

struct choice {
    uint32_t warps, slices;
};

static uint32_t row_tiles_of(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / TENSOR_CODES_ROWS + 1;
}

static uint32_t steps_of(const struct eie_layer *layer)
{
    return (layer->inputs - 1) / TENSOR_CODES_COLUMNS + 1;
}

static uint32_t tiles_of(uint32_t batch)
{
    uint32_t tiles = 1;
    while (tiles < TILES_MOST && tiles * TENSOR_CODES_VECTORS < batch) tiles *= 2;
    return tiles;
}

static uint32_t parts_of(uint32_t batch)
{
    return (batch - 1) / (tiles_of(batch) * TENSOR_CODES_VECTORS) + 1;
}

static uint64_t copy_bytes(const struct eie_layer *layer)
{
    return (uint64_t)row_tiles_of(layer) * steps_of(layer) * TENSOR_CODES_ROWS *
           TENSOR_CODES_COLUMNS / 2;
}

static uint64_t sums_bytes(const struct eie_problem *problem)
{
    return (uint64_t)parts_of(problem->batch) * row_tiles_of(problem->layer) * TENSOR_CODES_ROWS *
           tiles_of(problem->batch) * TENSOR_CODES_VECTORS * sizeof(uint32_t);
}

static uint64_t done_bytes(const struct eie_problem *problem)
{
    return (uint64_t)parts_of(problem->batch) * row_tiles_of(problem->layer) * sizeof(uint32_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)error;
    *plan_bytes = copy_bytes(problem->layer) + sums_bytes(problem) + done_bytes(problem) +
                  cuda_plan_vector_bytes(problem);
    return EIE_OK;
}

static const struct eie_cuda_code *code_of(uint32_t tiles)
{
    switch (tiles) {
    case 1:
        return &eie_cuda_code_tensor_codes_1;
    case 2:
        return &eie_cuda_code_tensor_codes_2;
    case 4:
        return &eie_cuda_code_tensor_codes_4;
    default:
        return &eie_cuda_code_tensor_codes_8;
    }
}

/* ---- the weights ---------------------------------------------------------------------------- */

/* The nibble of a weight, counted over the copy. */
static uint64_t nibble_of(uint32_t row, uint32_t column, uint32_t steps)
{
    const uint64_t step =
        (uint64_t)(row / TENSOR_CODES_ROWS) * steps + column / TENSOR_CODES_COLUMNS;
    const uint32_t lane = row % 8 * 4 + column % TENSOR_CODES_COLUMNS / 8;
    const uint32_t lower_row = row % TENSOR_CODES_ROWS / 8, last = column % 8 / 4;
    return (step * 32 + lane) * 16 + last * 8 + lower_row * 4 + column % 4;
}

static enum eie_status fill(struct plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const uint64_t bytes = copy_bytes(layer);
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint8_t *copy = calloc(bytes, 1);
    for (uint32_t j = 0; copy && j < codes.inputs; j++)
        for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++) {
            const uint64_t nibble = nibble_of(codes.row[e], j, steps_of(layer));
            copy[nibble / 2] |= (uint8_t)(codes.code[e] << (nibble % 2 * 4));
        }
    status = copy ? cuda_plan_fill(&plan->base, copy, bytes, error)
                  : eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    free(copy);
    eie_sparse_codes_free(&codes);
    return status;
}

static void set_tables(struct plan *plan)
{
    const int16_t *codebook = plan->base.setup.problem.layer->codebook;
    for (uint32_t c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        const uint32_t bits = (uint16_t)codebook[c];
        plan->arguments.low[c / 4] |= (bits & 0xffu) << (c % 4 * 8);
        plan->arguments.high[c / 4] |= (bits >> 8) << (c % 4 * 8);
    }
}

/* ---- the launch ----------------------------------------------------------------------------- */

static uint32_t shared_bytes(const struct plan *plan, uint32_t warps)
{
    return 2 * warps * plan->tiles * 32 * 16; /* two chunks */
}

static enum eie_status set_shape(struct plan *plan, struct choice choice, struct eie_error *error)
{
    struct tensor_codes_arguments *arguments = &plan->arguments;
    arguments->slice_steps = (arguments->steps - 1) / choice.slices + 1;
    arguments->slices = (arguments->steps - 1) / arguments->slice_steps + 1;
    return cuda_plan_shape(&plan->base, (arguments->row_tiles - 1) / choice.warps + 1,
                           arguments->slices * plan->parts, 32 * choice.warps,
                           shared_bytes(plan, choice.warps), error);
}

/* Slices with which the blocks are about as many as are resident at once. */
static enum eie_status fitting(struct plan *plan, uint32_t warps, uint32_t *slices,
                               struct eie_error *error)
{
    const struct eie_cuda_facts *facts = &plan->base.cuda->facts;
    const uint64_t blocks =
        ((uint64_t)plan->arguments.row_tiles - 1) / warps * plan->parts + plan->parts;
    int resident = 0;
    enum eie_status status = set_shape(plan, (struct choice){warps, 1}, error);
    if (!status)
        status = eie_cuda_status(
            plan->base.code->resident(32 * warps, shared_bytes(plan, warps), &resident),
            "cudaOccupancyMaxActiveBlocksPerMultiprocessor", error);
    const uint64_t room = (uint64_t)(resident > 0 ? resident : 1) * facts->multiprocessors;
    *slices = room > blocks ? (uint32_t)(room / blocks) : 1;
    return status;
}

/* Adds blocks of 4 and 8 warps, each with rows whole, as many slices as fill the device once, and
 * twice and half as many; the choices in their order. */
static enum eie_status add_all(struct plan *plan, struct choice choices[CUDA_WAYS_MAX],
                               struct cuda_tuning *tuning, struct eie_error *error)
{
    for (uint32_t warps = TENSOR_CODES_AHEAD; warps <= WARPS_MOST; warps *= 2) {
        uint32_t fit, tried = 0;
        enum eie_status status = fitting(plan, warps, &fit, error);
        const uint32_t most = (plan->arguments.steps - 1) / warps + 1; /* a chunk each */
        const uint32_t wanted[] = {1, fit / 2, fit, fit > most ? most : 2 * fit};
        for (uint32_t i = 0; i < sizeof wanted / sizeof *wanted && !status; i++) {
            const uint32_t slices = wanted[i] < most ? wanted[i] : most;
            if (slices <= tried) continue;
            tried = slices;
            choices[tuning->count] = (struct choice){warps, slices};
            status = set_shape(plan, choices[tuning->count], error);
            if (!status) status = cuda_tuning_add(tuning, error);
        }
        if (status) return status;
    }
    return EIE_OK;
}

static enum eie_status choose(struct plan *plan, struct eie_error *error)
{
    struct choice choices[CUDA_WAYS_MAX];
    struct cuda_tuning tuning;
    uint32_t best = 0;
    cuda_tuning_begin(&plan->base, &tuning);
    enum eie_status status = add_all(plan, choices, &tuning, error);
    if (!status) status = cuda_tuning_best(&tuning, &best, error);
    cuda_tuning_end(&tuning);
    return status ? status : set_shape(plan, choices[best], error);
}

static enum eie_status make_sums(struct plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->base.setup.problem;
    struct eie_cuda *cuda = plan->base.cuda;
    void *memory;
    enum eie_status status = eie_cuda_alloc(cuda, sums_bytes(problem), &memory, error);
    plan->arguments.sums = memory;
    if (!status) status = eie_cuda_zero(cuda, memory, sums_bytes(problem), error);
    if (!status) status = eie_cuda_alloc(cuda, done_bytes(problem), &memory, error);
    if (status) return status;
    plan->arguments.done = memory;
    return eie_cuda_zero(cuda, memory, done_bytes(problem), error);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    void *sums = plan->arguments.sums, *done = plan->arguments.done;
    struct eie_cuda *cuda = plan->base.cuda;
    cuda_plan_end(&plan->base); /* waits for what is under way */
    eie_cuda_free(cuda, sums);
    eie_cuda_free(cuda, done);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const uint32_t batch = setup->problem.batch, tiles = tiles_of(batch);
    struct cuda_plan *base;
    enum eie_status status = cuda_plan_begin(
        setup, sizeof(struct plan), offsetof(struct plan, arguments), code_of(tiles), &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->tiles = tiles;
    plan->parts = parts_of(batch);
    plan->arguments.row_tiles = row_tiles_of(setup->problem.layer);
    plan->arguments.steps = steps_of(setup->problem.layer);
    set_tables(plan);
    status = make_sums(plan, error);
    if (!status) status = fill(plan, error);
    if (!status) status = choose(plan, error);
    if (!status) status = cuda_plan_ready(base, error);
    if (status)
        destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const uint64_t vectors = (uint64_t)plan->parts * plan->tiles * TENSOR_CODES_VECTORS;
    uint64_t padding;
    cuda_plan_count(&plan->base, &cost->macs_useful, &padding);
    /* of 16 bits: each is four of bytes */
    cost->macs_padding = 2 * plan->base.copy_bytes * vectors - cost->macs_useful;
    cuda_plan_cost(&plan->base, plan->base.copy_bytes, cost);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    cuda_plan_describe(opaque, column, context);
    column(context, "eie_cuda_vectors", NULL, plan->tiles * TENSOR_CODES_VECTORS);
    column(context, "eie_cuda_slices", NULL, plan->arguments.slices);
}

const struct eie_kernel eie_kernel_cuda_tensor_codes = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_tensor_codes",
    .summary =
        "dense 4-bit codes on the tensor cores: int16 as two bytes, four int8 products, exact",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .batch_min = 2,
    .batch_max = 65535,
    .supports = supports,
    .prepare = prepare,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .pass = cuda_plan_pass,
    .read = cuda_plan_read,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
