/* Dynamic sparsity of the inputs used on a GPU: the block finds the active columns and reads only
 * theirs, in words of four entries, and multiplies 16 times a column instead of once an entry. */
#include "kernels/cuda/active_columns.h"
#include "kernels/cuda/columns_plan.h"

#include <stdlib.h>
#include <string.h>

extern const struct eie_cuda_code eie_cuda_code_active_columns EIE_CUDA_PART;

static uint32_t set_count(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / ACTIVE_COLUMNS_ROWS + 1;
}

static uint64_t pointer_count(const struct eie_layer *layer)
{
    return (uint64_t)set_count(layer) * ((uint64_t)layer->inputs + 1);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    struct eie_layer_counts counts;
    (void)error;
    eie_layer_count(layer, NULL, &counts);
    /* a column of a set has up to 3 entries of padding, and none has when it is empty */
    uint64_t filled = (uint64_t)set_count(layer) * layer->inputs;
    if (filled > counts.nonzeros) filled = counts.nonzeros;
    *plan_bytes = (pointer_count(layer) + 2) * sizeof(uint32_t) +
                  (counts.nonzeros + (ACTIVE_COLUMNS_WORD - 1) * filled) * sizeof(uint16_t) +
                  cuda_plan_vector_bytes(problem) + columns_plan_bytes(problem, set_count(layer));
    return EIE_OK;
}

/* Words of each column of each set before it; the total as the last. */
static uint64_t count_words(const struct eie_sparse_codes *codes, uint32_t sets, uint32_t *pointer)
{
    const size_t width = (size_t)codes->inputs + 1;
    uint64_t words = 0;
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            pointer[codes->row[e] / ACTIVE_COLUMNS_ROWS * width + j]++;
    for (uint32_t set = 0; set < sets; set++) {
        for (uint32_t j = 0; j < codes->inputs; j++) {
            uint32_t *here = &pointer[set * width + j];
            const uint32_t entries = *here;
            *here = (uint32_t)words;
            words += (entries + ACTIVE_COLUMNS_WORD - 1) / ACTIVE_COLUMNS_WORD;
        }
        pointer[set * width + codes->inputs] = (uint32_t)words;
    }
    return words;
}

static void put_entries(const struct eie_sparse_codes *codes, const uint32_t *pointer,
                        uint16_t *entry)
{
    const size_t width = (size_t)codes->inputs + 1;
    for (uint32_t j = 0; j < codes->inputs; j++) {
        uint32_t set = UINT32_MAX;
        size_t at = 0; /* rows ascend, so that a set's entries come together */
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t row = codes->row[e];
            if (row / ACTIVE_COLUMNS_ROWS != set) {
                set = row / ACTIVE_COLUMNS_ROWS;
                at = (size_t)pointer[set * width + j] * ACTIVE_COLUMNS_WORD;
            }
            entry[at++] = (uint16_t)(row % ACTIVE_COLUMNS_ROWS << 4 | codes->code[e]);
        }
    }
}

/* Pointers, then entries from a multiple of 8 bytes on; with malloc(). */
static enum eie_status make_copy(const struct eie_layer *layer, void **copy, uint64_t *bytes,
                                 uint64_t *entries_at, struct eie_error *error)
{
    struct eie_sparse_codes codes;
    *entries_at = (pointer_count(layer) + 1) / 2 * 2 * sizeof(uint32_t);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    uint32_t *pointer = calloc(*entries_at, 1);
    const uint64_t words = pointer ? count_words(&codes, set_count(layer), pointer) : 0;
    *bytes = *entries_at + words * ACTIVE_COLUMNS_WORD * sizeof(uint16_t);
    char *all = pointer ? calloc(*bytes, 1) : NULL;
    if (all) {
        memcpy(all, pointer, *entries_at);
        put_entries(&codes, pointer, (uint16_t *)(void *)(all + *entries_at));
    }
    free(pointer);
    eie_sparse_codes_free(&codes);
    *copy = all;
    return all ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t rows =
        layer->outputs < ACTIVE_COLUMNS_ROWS ? layer->outputs : ACTIVE_COLUMNS_ROWS;
    uint64_t bytes, entries_at;
    void *copy;
    enum eie_status status = make_copy(layer, &copy, &bytes, &entries_at, error);
    if (status) return status;
    status = columns_plan_make(setup, &eie_cuda_code_active_columns, set_count(layer), rows, copy,
                               bytes, entries_at, plan, error);
    const size_t width = (size_t)layer->inputs + 1;
    for (uint32_t set = 0; set < set_count(layer) && !status; set++)
        for (uint32_t j = 0; j < layer->inputs; j++) {
            const uint32_t *start = (const uint32_t *)copy + set * width + j;
            ((struct columns_plan *)*plan)->column_bytes[j] +=
                (start[1] - start[0]) * (uint32_t)(ACTIVE_COLUMNS_WORD * sizeof(uint16_t));
        }
    free(copy);
    return status;
}

const struct eie_kernel eie_kernel_cuda_active_columns = {
    .abi = EIE_KERNEL_ABI,
    .name = "cuda_active_columns",
    .summary = "active columns only: 16 products of an input in registers, sums in shared memory",
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
