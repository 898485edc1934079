#include "kernels/avx512/window_walk.h"

#include <string.h>

#define ROWS_MOST (2 * EIE_GROUP_ROWS)

/* A group, or a pair as one, on its way: the next entry of each row, and where its entries end. */
struct walk {
    const struct eie_window_form *form;
    const struct eie_row_lists *rows;
    uint32_t count, take; /* rows, and weights that one takes in a step */
    uint32_t at[ROWS_MOST], end[ROWS_MOST];
    uint32_t last_first; /* of any window */
};

static void walk_begin(struct walk *walk, const struct eie_window_form *form,
                       const struct eie_row_lists *rows, const uint32_t *row, bool as_one,
                       uint32_t inputs)
{
    walk->form = form;
    walk->rows = rows;
    walk->count = as_one ? 2 * EIE_GROUP_ROWS : EIE_GROUP_ROWS;
    walk->take = as_one ? form->take / 2 : form->take;
    for (uint32_t i = 0; i < walk->count; i++) {
        walk->at[i] = row[i] == EIE_NO_ROW ? 0 : rows->start[row[i]];
        walk->end[i] = row[i] == EIE_NO_ROW ? 0 : rows->start[row[i] + 1];
    }
    walk->last_first = inputs > form->width / 2 ? inputs - form->width / 2 : 0;
}

/* What each row takes when the window begins at `first`; the sum is returned. */
static uint32_t take_from(const struct walk *walk, uint32_t first, uint32_t take[ROWS_MOST])
{
    const uint32_t *column = walk->rows->column;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < walk->count; i++) {
        const uint32_t left = walk->end[i] - walk->at[i];
        const uint32_t most = left < walk->take ? left : walk->take;
        take[i] = 0;
        while (take[i] < most && column[walk->at[i] + take[i]] - first < walk->form->width)
            take[i]++;
        sum += take[i];
    }
    return sum;
}

/* One step: the window's first input, and how many weights from `at` on each row takes. False at
 * the end. */
static bool walk_step(const struct walk *walk, uint32_t *first, uint32_t take[ROWS_MOST])
{
    uint32_t slowest = UINT32_MAX, aligned[ROWS_MOST];
    for (uint32_t i = 0; i < walk->count; i++)
        if (walk->at[i] < walk->end[i] && walk->rows->column[walk->at[i]] < slowest)
            slowest = walk->rows->column[walk->at[i]];
    if (slowest == UINT32_MAX) return false;
    *first = slowest < walk->last_first ? slowest : walk->last_first;
    const uint32_t line = *first / walk->form->line * walk->form->line;
    const uint32_t sum = take_from(walk, *first, take);
    if (slowest - line < walk->form->width &&
        take_from(walk, line, aligned) + walk->form->line_worth >= sum) {
        *first = line;
        memcpy(take, aligned, sizeof aligned);
    }
    return true;
}

static void walk_on(struct walk *walk, const uint32_t take[ROWS_MOST])
{
    for (uint32_t i = 0; i < walk->count; i++) walk->at[i] += take[i];
}

/* A step takes a weight at least, and there are windows that no row needs more than width / take
 * steps for, the next of which begins a line after at the earliest. */
uint64_t eie_window_units_bound(const struct eie_window_form *form, const struct eie_layer *layer,
                                uint32_t groups)
{
    const uint64_t lines = layer->inputs / form->line + 1;
    const uint64_t dense = groups * lines * (form->line / form->take + 1);
    const uint64_t steps = layer->entry_count < dense ? layer->entry_count : dense;
    return 2 * (steps / form->unit_steps + groups);
}

static uint32_t count_units(const struct eie_window_form *form, const struct eie_row_lists *rows,
                            const uint32_t *row, bool as_one, uint32_t inputs)
{
    struct walk walk;
    uint32_t first, take[ROWS_MOST], steps = 0;
    walk_begin(&walk, form, rows, row, as_one, inputs);
    for (; walk_step(&walk, &first, take); steps++) walk_on(&walk, take);
    return (steps + form->unit_steps - 1) / form->unit_steps;
}

/* Both groups of a pair have as many units as the longer one. */
static uint32_t count_pair(const struct eie_window_form *form, const struct eie_row_lists *rows,
                           const uint32_t *row, bool as_one, uint32_t inputs)
{
    if (as_one) return count_units(form, rows, row, true, inputs);
    const uint32_t one = count_units(form, rows, row, false, inputs);
    const uint32_t two = count_units(form, rows, row + EIE_GROUP_ROWS, false, inputs);
    return 2 * (one > two ? one : two);
}

uint64_t eie_window_place(const struct eie_window_form *form, const struct eie_row_lists *rows,
                          const struct eie_row_groups *groups, uint32_t inputs, bool as_one,
                          uint32_t *pair_end)
{
    uint64_t units = 0;
    for (uint32_t b = 0; b < groups->block_count; b++) {
        const uint32_t end = groups->blocks[b + 1].first_group;
        for (uint32_t g = groups->blocks[b].first_group; g < end; g += 2) {
            const bool pair = g + 1 < end;
            const uint32_t *row = groups->row + (size_t)g * EIE_GROUP_ROWS;
            units += pair ? count_pair(form, rows, row, as_one, inputs)
                          : count_units(form, rows, row, false, inputs);
            pair_end[g] = (uint32_t)units;
            if (pair) pair_end[g + 1] = (uint32_t)units;
        }
    }
    return units;
}

/* Where a group's steps go: every stride-th unit from `unit` on. */
struct target {
    char *units;
    uint16_t *first;
    uint32_t unit, stride;
};

static void fill_units(struct walk *walk, const struct target *to)
{
    const struct eie_window_form *form = walk->form;
    const struct eie_row_lists *rows = walk->rows;
    uint32_t first, take[ROWS_MOST];
    for (uint32_t n = 0; walk_step(walk, &first, take); n++, walk_on(walk, take)) {
        const size_t u = to->unit + (size_t)(n / form->unit_steps) * to->stride;
        const uint32_t s = n % form->unit_steps;
        to->first[u * form->unit_steps + s] = (uint16_t)first;
        for (uint32_t i = 0; i < walk->count; i++)
            for (uint32_t k = 0; k < take[i]; k++)
                form->pack(to->units + u * form->unit_bytes, s, i % EIE_GROUP_ROWS,
                           i / EIE_GROUP_ROWS * walk->take + k,
                           rows->column[walk->at[i] + k] - first, rows->code[walk->at[i] + k]);
    }
}

void eie_window_fill(const struct eie_window_form *form, const struct eie_row_lists *rows,
                     const struct eie_row_groups *groups, uint32_t inputs, bool as_one,
                     const uint32_t *pair_end, void *units, uint16_t *first)
{
    uint32_t unit = 0;
    for (uint32_t b = 0; b < groups->block_count; b++) {
        const uint32_t end = groups->blocks[b + 1].first_group;
        for (uint32_t g = groups->blocks[b].first_group; g < end; unit = pair_end[g], g += 2) {
            const bool pair = g + 1 < end;
            const uint32_t walks = pair && !as_one ? 2 : 1;
            for (uint32_t q = 0; q < walks; q++) {
                struct walk walk;
                const struct target to = {units, first, unit + q, walks};
                walk_begin(&walk, form, rows, groups->row + (size_t)(g + q) * EIE_GROUP_ROWS,
                           pair && as_one, inputs);
                fill_units(&walk, &to);
            }
        }
    }
}
