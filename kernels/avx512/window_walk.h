/* How rows in lanes walk along the columns: the part of preparing that kernels with a window of
 * inputs in registers share.
 *
 * A group of 16 rows goes in steps. In a step the window begins at some input, and each row takes
 * up to `take` of its next weights whose inputs the window holds. It follows the slowest row. Steps
 * are packed by units of `unit_steps`. Neighbouring groups of a block are a pair, and their units
 * alternate: what one loads of the inputs is in the first-level cache for the other, and one loop
 * serves both. Both have as many units as the longer one; the last group of a block may be alone.
 *
 * Or the pair goes as one: 32 rows share the steps, and each takes half as many weights in one.
 * Steps are fuller then where few weights are there. */
#ifndef EIE_KERNELS_AVX512_WINDOW_WALK_H
#define EIE_KERNELS_AVX512_WINDOW_WALK_H

#include "kernels/avx512/row_groups.h"
#include "kernels/row_lists.h"

#include <stdbool.h>

struct eie_window_form {
    uint32_t width;      /* inputs in the window */
    uint32_t line;       /* inputs in a cache line: windows that begin there load faster */
    uint32_t line_worth; /* weights that a step may lose for that; width * 16: always at a line */
    uint32_t take;       /* weights of a row in a step */
    uint32_t unit_steps;
    size_t unit_bytes;
    /* Enters the k-th weight that lane `lane` takes in step `step` of a zeroed unit. Of a pair that
     * goes as one, k counts on for the second group's lane, from take / 2. */
    void (*pack)(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                 uint32_t code);
};

/* Upper bound of the units of a layer: for `supports`. */
uint64_t eie_window_units_bound(const struct eie_window_form *form, const struct eie_layer *layer,
                                uint32_t groups);

/* as_one: whether pairs go as one. Sets pair_end[group_count], the unit behind the group's pair;
 * returns the number of units, which is below 2^32 for what eie_window_units_bound allows. */
uint64_t eie_window_place(const struct eie_window_form *form, const struct eie_row_lists *rows,
                          const struct eie_row_groups *groups, uint32_t inputs, bool as_one,
                          uint32_t *pair_end);

/* Fills in zeroed units, and the first input of each step's window, first[units * unit_steps].
 * A window reaches less than `width` inputs behind the last one. */
void eie_window_fill(const struct eie_window_form *form, const struct eie_row_lists *rows,
                     const struct eie_row_groups *groups, uint32_t inputs, bool as_one,
                     const uint32_t *pair_end, void *units, uint16_t *first);

#endif
