/* Many inputs at once: a weight is read once and multiplied with up to 64 inputs. What the kernels
 * share that do so (avx512_batch_pairs, exact; avx512_batch_bf16, approximate); they differ in the
 * arithmetic. Larger batches go 64 at a time. A plan is one kernel's, and is run by one thread at a
 * time, with the pool's workers.
 *
 *   tile     some hundred columns: their inputs, [column][32 or 64] words of 16 bits, fit the
 *            first-level cache
 *   block    rows whose sums, [row][16 to 64] words of 32 bits, fit the second-level cache
 *   entry    any two weights of a row in the tile, as an odd one's partner a weight of 0. Both
 *            columns' inputs are loaded and interleaved in registers, and multiplied with the pair
 *            of weights, which is broadcast from the entry. Loads limit: interleaving after loading
 *            takes half as many as pairs of neighbouring columns that lie interleaved in memory, of
 *            which at low density only one has a weight.
 *   bundle   two or four rows of a tile whose entries alternate: their dot products do not wait for
 *            each other, and a loop ends once for all of them. The shorter ones are filled up with
 *            weights of 0.
 *
 * All bundles of a block pass over a tile before the next one comes. They are made of rows by
 * falling number of entries, so that little is filled up, and a loop that ends as the one before
 * did is foreseen. No gather, no horizontal sum. */
#ifndef EIE_KERNELS_AVX512_BATCH_COLUMNS_H
#define EIE_KERNELS_AVX512_BATCH_COLUMNS_H

#include "kernels/cpu_plan.h"

#include <immintrin.h>

#define BATCH_LANES  16u               /* inputs in a register of sums */
#define BATCH_BLOCK  (4 * BATCH_LANES) /* inputs that are taken at once, at most */
#define BATCH_ROWS   512u              /* of a block; at most 65535 */
#define BATCH_BUNDLE 4u                /* rows in a bundle, at most */
#define BATCH_AHEAD  2u                /* bundles whose sums are fetched before they are needed */
#define BATCH_INLINE static inline __attribute__((always_inline))

/* Byte offsets, in the tile, of both columns' inputs, and the two weights as one word, the first
 * one's in the low half. */
struct batch_entry {
    uint32_t places;
    uint32_t weights;
};

/* Rows of a block that go together through a tile, each with so many entries. Row BATCH_ROWS is
 * none: its sums are nobody's. */
struct batch_bundle {
    uint16_t entries, row[BATCH_BUNDLE];
};

/* How many inputs a call has decides how the inputs, the sums and the bundles lie. */
struct batch_shape {
    uint32_t width;   /* registers of sums of a row: 1 to 4 */
    uint32_t columns; /* of a tile; a multiple of 32 */
    uint32_t words;   /* of a column of the tile */
    uint32_t rows;    /* of a bundle: 2 or 4 */
};

struct batch_plan;

/* What a kernel brings; static, as plans keep a pointer to it. */
struct batch_form {
    /* weights[c1 << 4 | c0]: the word of an entry whose weights have codes c0 (low half) and c1 */
    void (*fill_weights)(const struct eie_layer *layer, uint32_t weights[256]);
    /* batch_work (batch_columns_work.h) with the kernel's arithmetic; for eie_pool_run */
    void (*work)(void *plan, uint32_t worker);
};

/* Rows first_row .. first_row + rows - 1, 1 to BATCH_ROWS of them, all of one worker. */
struct batch_block {
    uint32_t first_row, rows;
};

/* A copy: the bundles of all blocks and tiles, tiles within a block, then their entries. The arrays
 * belong to the plan and are 64-byte aligned where vectors are loaded from them. */
struct batch_plan {
    struct eie_cpu_plan base; /* first, so that eie_cpu_plan_load, wait and read take the plan */
    const struct batch_form *form;
    struct batch_shape shape;
    struct batch_block *blocks; /* of all workers, in the order of their rows */
    uint32_t *first_block;      /* [threads + 1]: a worker's blocks */
    size_t *first_bundle;       /* [blocks * tiles + 1] */
    size_t *first_entry;        /* [blocks * tiles + 1] */
    uint16_t *inputs;           /* [tiles * columns][words], in the order of batch_load_columns */
    int32_t *sums;              /* [threads][BATCH_ROWS + 1][width * BATCH_LANES] */
    size_t entries_at;          /* bytes from the copy's beginning */
    uint32_t tiles;
    uint32_t begin, width, copy; /* of the inputs under way: first, registers of sums */
};

/* Words from one row's sums to the next one's. */
BATCH_INLINE size_t batch_sum_words(const struct batch_plan *plan)
{
    return (size_t)plan->shape.width * BATCH_LANES;
}

/* For the kernel's table, as kernels/kernel.h has their contracts; prepare is the kernel's own and
 * ends in batch_prepare. batch_supports: EIE_UNSUPPORTED for 2^31 inputs or more. batch_prepare:
 * EIE_MEMORY. batch_run cannot fail; all products of the lanes that a batch leaves empty count as
 * padding in batch_cost. */
enum eie_status batch_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                               struct eie_error *error);
enum eie_status batch_prepare(const struct eie_setup *setup, const struct batch_form *form,
                              struct eie_plan **plan, struct eie_error *error);
enum eie_status batch_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
void batch_cost(const struct eie_plan *plan, struct eie_cost *cost);
void batch_destroy(struct eie_plan *plan);

/* The arithmetic, constants where batch_work is inlined. A sum that nothing was added to is all
 * bits 0. */
struct batch_arithmetic {
    __m512i (*convert)(__m512i inputs);                          /* 32 inputs as they are kept */
    __m512i (*add)(__m512i sums, __m512i weights, __m512i both); /* both products of each lane */
    __m512i (*finish)(__m512i sums, __m512i bias);               /* the int32 sums */
};

#endif
