#include "kernels/model/eie_partition.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX ((uint64_t)INT32_MAX)

static uint32_t local_rows(uint32_t outputs, uint32_t pe_count)
{
    return (outputs - 1) / pe_count + 1;
}

static uint32_t block_count(uint32_t outputs, const struct eie_partition_plan *plan)
{
    return plan->rows_per_block
               ? (local_rows(outputs, plan->pe_count) - 1) / plan->rows_per_block + 1
               : 1;
}

static uint32_t stride_of(uint32_t pe_count)
{
    return (pe_count + EIE_PARTITION_LANES - 1) / EIE_PARTITION_LANES * EIE_PARTITION_LANES;
}

uint64_t eie_partition_bytes(const struct eie_layer *layer, const struct eie_partition_plan *plan)
{
    const uint64_t columns = (uint64_t)layer->inputs + (layer->bias != NULL);
    const uint64_t pointers =
        (block_count(layer->outputs, plan) * columns + 1) * stride_of(plan->pe_count);
    /* every weight may need a padding entry for each 2^index_bits rows before it */
    const uint64_t rows = local_rows(layer->outputs, plan->pe_count);
    const uint64_t weights = layer->entry_count + (layer->bias ? layer->outputs : 0);
    const uint64_t positions = columns * rows * plan->pe_count >> plan->index_bits;
    if (pointers > UINT64_MAX >> 8) return UINT64_MAX;
    return pointers * sizeof(uint32_t) +
           (plan->with_entries ? (weights + positions) * sizeof(uint16_t) : 0) +
           plan->pe_count * sizeof(void *) + (uint64_t)layer->outputs * 2 * sizeof(uint32_t);
}

/* ---- making --------------------------------------------------------------------------------- */

/* Where each row lies, and how far each PE has come in the column under way. */
struct maker {
    const struct eie_partition_plan *plan;
    struct eie_partition *partition;
    uint32_t *pe, *local; /* [outputs] */
    uint32_t *next;       /* [pe_count]: local row after the last one of this column */
    uint32_t *block;      /* [pe_count]: the block that row is in */
    uint32_t *at;         /* [pe_count]: where its next entry goes */
};

static void begin_column(struct maker *maker)
{
    memset(maker->block, 0xFF, maker->plan->pe_count * sizeof *maker->block); /* no block yet */
}

/* Moves row `i`'s PE on behind that row: the zeros before it in its block of this column, and the
 * block. */
static uint32_t zeros_before(struct maker *maker, uint32_t i, uint32_t column, uint32_t *block)
{
    const struct eie_partition *partition = maker->partition;
    const uint32_t k = maker->pe[i], local = maker->local[i];
    *block = partition->blocks > 1 ? local / partition->rows_per_block : 0;
    if (*block != maker->block[k]) {
        maker->block[k] = *block;
        maker->next[k] = *block * partition->rows_per_block;
        maker->at[k] = eie_partition_pointers(partition, *block, column)[k];
    }
    const uint32_t zeros = local - maker->next[k];
    maker->next[k] = local + 1;
    return zeros;
}

static void count_row(struct maker *maker, uint32_t i, uint32_t column)
{
    struct eie_partition *partition = maker->partition;
    uint32_t block;
    const uint32_t padding = zeros_before(maker, i, column, &block) >> partition->index_bits;
    /* one column further on, so that the sums become the starts */
    partition->pointer[((size_t)block * partition->columns + column + 1) * partition->stride +
                       maker->pe[i]] += padding + 1u;
    partition->padding += padding;
    partition->entries += padding + 1u;
}

static void store_row(struct maker *maker, uint32_t i, uint32_t column, uint8_t code)
{
    const struct eie_partition *partition = maker->partition;
    const uint32_t k = maker->pe[i], span = 1u << partition->index_bits;
    uint32_t block, zeros = zeros_before(maker, i, column, &block);
    uint16_t *entries =
        partition->entry_store + (partition->pe_entries[k] - partition->entry_store);
    for (; zeros >= span; zeros -= span) entries[maker->at[k]++] = (uint16_t)(span - 1);
    entries[maker->at[k]++] = (uint16_t)((uint32_t)code << 8 | zeros);
}

static void each_row(struct maker *maker, const struct eie_sparse_codes *codes, const int32_t *bias,
                     bool store)
{
    for (uint32_t j = 0; j < codes->inputs; j++) {
        begin_column(maker);
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            if (store)
                store_row(maker, codes->row[e], j, codes->code[e]);
            else
                count_row(maker, codes->row[e], j);
        }
    }
    begin_column(maker);
    for (uint32_t i = 0; bias && i < codes->outputs; i++) {
        if (!bias[i]) continue;
        if (store)
            store_row(maker, i, codes->inputs, 1);
        else
            count_row(maker, i, codes->inputs);
    }
}

static void sum_pointers(struct eie_partition *partition)
{
    const size_t columns = (size_t)partition->blocks * partition->columns;
    for (size_t c = 1; c <= columns; c++) {
        uint32_t *here = partition->pointer + c * partition->stride,
                 *before = here - partition->stride;
        for (uint32_t k = 0; k < partition->stride; k++) {
            if (here[k] > partition->longest_column) partition->longest_column = here[k];
            here[k] += before[k];
        }
    }
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        const uint32_t entries = partition->pointer[columns * partition->stride + k];
        if (entries > partition->most_entries) partition->most_entries = entries;
    }
}

static enum eie_status store_entries(struct maker *maker, const struct eie_sparse_codes *codes,
                                     const int32_t *bias, struct eie_error *error)
{
    struct eie_partition *partition = maker->partition;
    partition->entry_store = malloc((partition->entries + 1) * sizeof *partition->entry_store);
    partition->pe_entries = malloc(partition->pe_count * sizeof *partition->pe_entries);
    if (!partition->entry_store || !partition->pe_entries)
        return eie_fail(error, EIE_MEMORY, "out of memory for %u PEs", partition->pe_count);
    const uint32_t *last = eie_partition_pointers(partition, partition->blocks, 0);
    size_t at = 0;
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        partition->pe_entries[k] = partition->entry_store + at;
        at += last[k];
    }
    each_row(maker, codes, bias, true);
    return EIE_OK;
}

enum eie_status eie_partition_make(const struct eie_sparse_codes *codes, const int32_t *bias,
                                   const struct eie_partition_plan *plan,
                                   struct eie_partition *partition, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    *partition = (struct eie_partition){
        .pe_count = plan->pe_count,
        .index_bits = plan->index_bits,
        .inputs = codes->inputs,
        .outputs = codes->outputs,
        .columns = codes->inputs + (bias != NULL),
        .blocks = block_count(codes->outputs, plan),
        .rows_per_block = plan->rows_per_block ? plan->rows_per_block
                                               : local_rows(codes->outputs, plan->pe_count),
        .stride = stride_of(plan->pe_count),
    };
    const size_t places = ((size_t)partition->blocks * partition->columns + 1) * partition->stride;
    struct maker maker = {.plan = plan, .partition = partition};
    maker.pe = malloc((size_t)codes->outputs * 2 * sizeof *maker.pe);
    maker.next = calloc((size_t)plan->pe_count * 3, sizeof *maker.next);
    void *pointers = NULL;
    if (posix_memalign(&pointers, 64, places * sizeof *partition->pointer)) pointers = NULL;
    partition->pointer = pointers;
    if (!maker.pe || !maker.next || !partition->pointer) {
        status =
            eie_fail(error, EIE_MEMORY, "out of memory for the pointers of %u PEs", plan->pe_count);
        goto done;
    }
    memset(partition->pointer, 0, places * sizeof *partition->pointer);
    maker.local = maker.pe + codes->outputs;
    maker.block = maker.next + plan->pe_count;
    maker.at = maker.block + plan->pe_count;
    for (uint32_t i = 0; i < codes->outputs; i++) {
        maker.pe[i] = i % plan->pe_count;
        maker.local[i] = i / plan->pe_count;
    }
    each_row(&maker, codes, bias, false);
    if (partition->entries > ENTRIES_MAX)
        status = eie_fail(error, EIE_UNSUPPORTED, "%u PEs with %u index bits: 2^31 entries or more",
                          plan->pe_count, plan->index_bits);
    if (!status) sum_pointers(partition);
    if (!status && plan->with_entries) status = store_entries(&maker, codes, bias, error);
done:
    free(maker.pe);
    free(maker.next);
    if (status) eie_partition_free(partition);
    return status;
}

void eie_partition_free(struct eie_partition *partition)
{
    free(partition->pointer);
    free(partition->entry_store);
    free(partition->pe_entries);
    *partition = (struct eie_partition){0};
}
