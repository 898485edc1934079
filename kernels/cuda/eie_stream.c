/* The paper's algorithm straight on the EIE stream (section III): columns whose input is 0 are
 * skipped, a PE is the blocks that have its rows. */
#include "kernels/cuda/columns_plan.h"

#include <stdlib.h>
#include <string.h>

extern const struct eie_cuda_code eie_cuda_code_eie_stream EIE_CUDA_PART;

static uint64_t pointer_bytes(const struct eie_layer *layer)
{
    return (uint64_t)layer->pe_count * ((uint64_t)layer->inputs + 1) * sizeof(uint32_t);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    (void)error;
    *plan_bytes = pointer_bytes(layer) + layer->entry_count + cuda_plan_vector_bytes(problem) +
                  columns_plan_bytes(problem, layer->pe_count);
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint64_t pointers = pointer_bytes(layer), bytes = pointers + layer->entry_count;
    char *copy = malloc(bytes);
    if (!copy) return eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
    memcpy(copy, layer->column_start, pointers);
    if (layer->entry_count) memcpy(copy + pointers, layer->entries, layer->entry_count);
    enum eie_status status =
        columns_plan_make(setup, &eie_cuda_code_eie_stream, layer->pe_count,
                          eie_layer_local_rows(layer, 0), copy, bytes, pointers, plan, error);
    free(copy);
    for (uint32_t pe = 0; pe < layer->pe_count && !status; pe++)
        for (uint32_t j = 0; j < layer->inputs; j++) {
            const uint32_t *start = layer->column_start + pe * ((size_t)layer->inputs + 1) + j;
            ((struct columns_plan *)*plan)->column_bytes[j] += start[1] - start[0];
        }
    return status;
}

const struct eie_kernel eie_kernel_cuda_eie_stream = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_eie_stream",
    .summary = "the paper's algorithm straight on the EIE stream, a PE is a row of blocks",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "cuda",
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .supports = supports,
    .prepare = prepare,
    .load = cuda_plan_load,
    .run = cuda_plan_run,
    .wait = cuda_plan_wait,
    .pass = cuda_plan_pass,
    .read = cuda_plan_read,
    .cost = columns_plan_cost,
    .describe = columns_plan_describe,
    .destroy = columns_plan_destroy,
};
