/* Dense 4-bit codes, as programs like llama.cpp keep the weights of language models: a nibble for
 * every position, also where the weight is 0, row by row, looked up in the 16-entry codebook inside
 * of the registers. No column is skipped. A peer of the sparse forms: it reads half a byte a
 * position, and has neither indices nor branches. The products are those of the 16-bit weights and
 * inputs, so that it is exact.
 *
 * This is what the kernels of the instruction sets share: the plan, the order of the loops, the
 * threads. A kernel adds a form: how the nibbles lie, and the sums of a tile. */
#ifndef EIE_KERNELS_DENSE_CODES_H
#define EIE_KERNELS_DENSE_CODES_H

#include "kernels/cpu_plan.h"

#define DENSE_CODES_ROWS   4 /* of a tile, at most */
#define DENSE_CODES_INPUTS 4

/* Rows and inputs of a tile, each at least 1. */
struct dense_codes_tile {
    const uint8_t *codes; /* of the first row; 64-byte aligned */
    const int16_t *x;     /* of the first input; 64-byte aligned */
    size_t row_bytes, x_stride, blocks;
    const int16_t *codebook;
    uint32_t rows, inputs;
    uint32_t sums[DENSE_CODES_INPUTS][DENSE_CODES_ROWS]; /* to fill in; modulo 2^32 */
};

struct dense_codes_form {
    uint32_t block_columns;                 /* a row is padded to whole blocks; it divides 128 */
    uint32_t (*nibble_of)(uint32_t column); /* place of a block's column; even: a low nibble */
    void (*sum)(struct dense_codes_tile *tile);
};

struct dense_codes_plan {
    struct eie_cpu_plan base; /* copies are [outputs][row_bytes] */
    const struct dense_codes_form *form;
    int16_t *x; /* [batch][x_stride], zeros behind each input */
    size_t row_bytes, x_stride;
    uint32_t copy; /* of the product under way */
};

enum eie_status dense_codes_prepare(const struct eie_setup *setup,
                                    const struct dense_codes_form *form, struct eie_plan **plan,
                                    struct eie_error *error);

/* These stand in the kernels' tables. */
enum eie_status dense_codes_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error);
enum eie_status dense_codes_load(struct eie_plan *plan, const int16_t *inputs,
                                 struct eie_error *error);
enum eie_status dense_codes_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
void dense_codes_cost(const struct eie_plan *plan, struct eie_cost *cost);
void dense_codes_destroy(struct eie_plan *plan);

#endif
