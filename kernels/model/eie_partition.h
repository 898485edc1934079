/* A matrix as EIE's PEs store it, for any number of PEs and any width of the zero runs: the column
 * pointers of all PEs side by side, and where asked for the entries (ISCA 2016, section III.B and
 * Figs. 2 and 3). The layer's own form has 4-bit codes and 4-bit runs; this one is encoded from
 * the positions of the weights. */
#ifndef EIE_KERNELS_MODEL_EIE_PARTITION_H
#define EIE_KERNELS_MODEL_EIE_PARTITION_H

#include "host/layer/layer.h"

#include <stdint.h>

#define EIE_PARTITION_LANES 16 /* the pointers of a column are padded to a multiple of this */

/* A bias is one more column behind the inputs, whose activation is 1 (the paper's simulator reads
 * it so): it is broadcast last, and holds an entry for every output whose bias is not 0. */
struct eie_partition {
    uint32_t pe_count, index_bits;
    uint32_t inputs, outputs;
    uint32_t columns;        /* inputs, and one more where there is a bias */
    uint32_t blocks;         /* passes over the inputs; 1 unless rows are split (batching) */
    uint32_t rows_per_block; /* local rows of a PE in one block */
    uint32_t stride;         /* pe_count, padded */
    uint64_t entries;        /* of all PEs, padding included */
    uint64_t padding;
    uint32_t most_entries;   /* of one PE */
    uint32_t longest_column; /* entries of one column in one PE, the longest */
    uint32_t *pointer; /* [blocks * columns + 1][stride]: entries of this PE before the column */
    const uint16_t *
        *pe_entries; /* [pe_count]: code << 8 | run of every entry; NULL without entries */
    uint16_t *entry_store;
};

/* Pointers of column `column` in block `block`; those of the next column follow at + stride. */
static inline const uint32_t *eie_partition_pointers(const struct eie_partition *partition,
                                                     uint32_t block, uint32_t column)
{
    return partition->pointer + ((size_t)block * partition->columns + column) * partition->stride;
}

struct eie_partition_plan {
    uint32_t pe_count;       /* at least 1 */
    uint32_t index_bits;     /* 1 to 8: a run holds up to 2^bits - 1 zeros */
    uint32_t rows_per_block; /* 0: all rows of a PE in one block */
    bool with_entries;
};

/* Bytes that the partition will hold at most; UINT64_MAX when its pointers alone are beyond all
 * measure.
 */
uint64_t eie_partition_bytes(const struct eie_layer *layer, const struct eie_partition_plan *plan);

/* `codes` is the decoded matrix, `bias` ([outputs]) may be NULL. EIE_MEMORY; EIE_UNSUPPORTED where
 * there would be 2^31 entries or more. Free with eie_partition_free. */
EIE_MUST_USE enum eie_status eie_partition_make(const struct eie_sparse_codes *codes,
                                                const int32_t *bias,
                                                const struct eie_partition_plan *plan,
                                                struct eie_partition *partition,
                                                struct eie_error *error);
void eie_partition_free(struct eie_partition *partition);

#endif
