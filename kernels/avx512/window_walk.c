#include "kernels/avx512/window_walk.h"

#include <string.h>

/* A group on its way: the next entry of each row, and where its entries end. */
struct walk {
    const struct eie_window_form *form;
    const struct eie_row_lists *rows;
    uint32_t at[EIE_GROUP_ROWS], end[EIE_GROUP_ROWS];
    uint32_t last_first; /* of any window */
};

static void walk_begin(struct walk *walk, const struct eie_window_form *form,
                       const struct eie_row_lists *rows, const uint32_t row[EIE_GROUP_ROWS],
                       uint32_t inputs)
{
    walk->form = form;
    walk->rows = rows;
    for (uint32_t i = 0; i < EIE_GROUP_ROWS; i++) {
        walk->at[i] = row[i] == EIE_NO_ROW ? 0 : rows->start[row[i]];
        walk->end[i] = row[i] == EIE_NO_ROW ? 0 : rows->start[row[i] + 1];
    }
    walk->last_first = inputs > form->width / 2 ? inputs - form->width / 2 : 0;
}

/* What each row takes when the window begins at `first`; the sum is returned. */
static uint32_t take_from(const struct walk *walk, uint32_t first, uint32_t take[EIE_GROUP_ROWS])
{
    const uint32_t *column = walk->rows->column;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < EIE_GROUP_ROWS; i++) {
        const uint32_t left = walk->end[i] - walk->at[i];
        const uint32_t most = left < walk->form->take ? left : walk->form->take;
        take[i] = 0;
        while (take[i] < most && column[walk->at[i] + take[i]] - first < walk->form->width)
            take[i]++;
        sum += take[i];
    }
    return sum;
}

/* One step: the window's first input, and how many weights from `at` on each row takes. False at
 * the end. */
static bool walk_step(const struct walk *walk, uint32_t *first, uint32_t take[EIE_GROUP_ROWS])
{
    uint32_t slowest = UINT32_MAX, aligned[EIE_GROUP_ROWS];
    for (uint32_t i = 0; i < EIE_GROUP_ROWS; i++)
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

static void walk_on(struct walk *walk, const uint32_t take[EIE_GROUP_ROWS])
{
    for (uint32_t i = 0; i < EIE_GROUP_ROWS; i++) walk->at[i] += take[i];
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

static uint32_t count_group(const struct eie_window_form *form, const struct eie_row_lists *rows,
                            const uint32_t row[EIE_GROUP_ROWS], uint32_t inputs)
{
    struct walk walk;
    uint32_t first, take[EIE_GROUP_ROWS], steps = 0;
    walk_begin(&walk, form, rows, row, inputs);
    for (; walk_step(&walk, &first, take); steps++) walk_on(&walk, take);
    return (steps + form->unit_steps - 1) / form->unit_steps;
}

uint64_t eie_window_place(const struct eie_window_form *form, const struct eie_row_lists *rows,
                          const struct eie_row_groups *groups, uint32_t inputs, uint32_t *pair_end)
{
    uint64_t units = 0;
    for (uint32_t b = 0; b < groups->block_count; b++) {
        const uint32_t end = groups->blocks[b + 1].first_group;
        for (uint32_t g = groups->blocks[b].first_group; g < end; g += 2) {
            const bool pair = g + 1 < end;
            const uint32_t *row = groups->row + (size_t)g * EIE_GROUP_ROWS;
            const uint32_t one = count_group(form, rows, row, inputs);
            const uint32_t two = pair ? count_group(form, rows, row + EIE_GROUP_ROWS, inputs) : 0;
            units += pair ? 2 * (uint64_t)(one > two ? one : two) : one;
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

static void fill_group(struct walk *walk, const struct target *to)
{
    const struct eie_window_form *form = walk->form;
    const struct eie_row_lists *rows = walk->rows;
    uint32_t first, take[EIE_GROUP_ROWS];
    for (uint32_t n = 0; walk_step(walk, &first, take); n++, walk_on(walk, take)) {
        const size_t u = to->unit + (size_t)(n / form->unit_steps) * to->stride;
        const uint32_t s = n % form->unit_steps;
        to->first[u * form->unit_steps + s] = (uint16_t)first;
        for (uint32_t i = 0; i < EIE_GROUP_ROWS; i++)
            for (uint32_t k = 0; k < take[i]; k++)
                form->pack(to->units + u * form->unit_bytes, s, i, k,
                           rows->column[walk->at[i] + k] - first, rows->code[walk->at[i] + k]);
    }
}

void eie_window_fill(const struct eie_window_form *form, const struct eie_row_lists *rows,
                     const struct eie_row_groups *groups, uint32_t inputs, const uint32_t *pair_end,
                     void *units, uint16_t *first)
{
    uint32_t unit = 0;
    for (uint32_t b = 0; b < groups->block_count; b++) {
        const uint32_t end = groups->blocks[b + 1].first_group;
        for (uint32_t g = groups->blocks[b].first_group; g < end; unit = pair_end[g], g += 2) {
            const uint32_t count = g + 1 < end ? 2 : 1;
            for (uint32_t q = 0; q < count; q++) {
                struct walk walk;
                const struct target to = {units, first, unit + q, count};
                walk_begin(&walk, form, rows, groups->row + (size_t)(g + q) * EIE_GROUP_ROWS,
                           inputs);
                fill_group(&walk, &to);
            }
        }
    }
}
