/* Included by the files that compile these loops, each with its own flags; plain C that compilers
 * turn into vector code. */
#include "kernels/model/eie_cycle_loops.h"

#include <string.h>

/* Tells the compiler that a row of PEs is whole vectors: no rests, no checks. */
#define WHOLE_VECTORS(stride)                                                                      \
    do {                                                                                           \
        if ((stride) % EIE_PARTITION_LANES || !(stride)) __builtin_unreachable();                  \
    } while (0)

/* One column: entries and cycles of each PE. */
static void add_work(uint32_t stride, const uint32_t *restrict here, const uint32_t *restrict next,
                     uint32_t least, uint32_t *restrict cycles, uint32_t *restrict sum)
{
    WHOLE_VECTORS(stride);
    for (uint32_t k = 0; k < stride; k++) {
        const uint32_t entries = next[k] - here[k];
        cycles[k] += entries > least ? entries : least;
        sum[k] += entries;
    }
}

/* Lines that a column touches, less the one that is held. `held` is 1 + its number, 0 for none. */
static void add_lines_shift(uint32_t stride, const uint32_t *restrict here,
                            const uint32_t *restrict next, uint32_t shift, uint32_t *restrict held,
                            uint32_t *restrict lines)
{
    WHOLE_VECTORS(stride);
    for (uint32_t k = 0; k < stride; k++) {
        const uint32_t begin = here[k], end = next[k];
        const uint32_t first = (begin >> shift) + 1, last = ((end - 1) >> shift) + 1;
        const uint32_t any = end > begin ? UINT32_MAX : 0;
        lines[k] += any & (last - first + (first != held[k]));
        held[k] = (any & last) | (~any & held[k]);
    }
}

static void add_lines_divide(uint32_t stride, const uint32_t *here, uint32_t per_line,
                             uint32_t *held, uint32_t *lines)
{
    for (uint32_t k = 0; k < stride; k++) {
        const uint32_t begin = here[k], end = here[k + stride];
        if (begin == end) continue;
        const uint32_t first = begin / per_line + 1, last = (end - 1) / per_line + 1;
        lines[k] += last - first + (first != held[k]);
        held[k] = last;
    }
}

static uint32_t shift_of(uint32_t per_line)
{
    uint32_t shift = 0;
    while (shift < 31 && 1u << shift < per_line) shift++;
    return 1u << shift == per_line ? shift : UINT32_MAX;
}

static void work_loop(const struct eie_partition *partition, const uint32_t *column, uint32_t count,
                      uint32_t block, const struct eie_cycle_design *design,
                      const struct eie_lane_work *lanes)
{
    const uint32_t stride = partition->stride, shift = shift_of(design->entries_per_line);
    for (uint32_t c = 0; c < count; c++) {
        const uint32_t *here = eie_partition_pointers(partition, block, column[c]);
        add_work(stride, here, here + stride, design->empty_column_cycles, lanes->cycles,
                 lanes->entries);
        if (!design->keeps_line) memset(lanes->held, 0, stride * sizeof *lanes->held);
        if (shift != UINT32_MAX)
            add_lines_shift(stride, here, here + stride, shift, lanes->held, lanes->lines);
        else
            add_lines_divide(stride, here, design->entries_per_line, lanes->held, lanes->lines);
    }
}

/* All PEs take a column that arrives at `arrival`; returns when the last does. */
static uint32_t take(uint32_t stride, const uint32_t *restrict here, const uint32_t *restrict next,
                     uint32_t least, uint32_t arrival, uint32_t *restrict finish,
                     uint32_t *restrict taken, uint32_t *restrict queued)
{
    WHOLE_VECTORS(stride);
    uint32_t last = 0;
    for (uint32_t k = 0; k < stride; k++) {
        const uint32_t entries = next[k] - here[k];
        const uint32_t work = entries > least ? entries : least;
        const uint32_t when = finish[k] > arrival ? finish[k] : arrival;
        queued[k] += when - arrival + 1;
        taken[k] = when;
        finish[k] = when + work;
        last = when > last ? when : last;
    }
    return last;
}

/* full += cycles from `ready` on in which the slot was not yet free */
static void wait_for(uint32_t stride, const uint32_t *restrict taken, uint32_t ready,
                     uint32_t *restrict full)
{
    WHOLE_VECTORS(stride);
    for (uint32_t k = 0; k < stride; k++) full[k] += taken[k] >= ready ? taken[k] - ready + 1 : 0;
}

/* to += cycles from its finish up to, not including, `end` */
static void idle_until(uint32_t stride, const uint32_t *restrict finish, uint32_t end,
                       uint32_t *restrict to)
{
    WHOLE_VECTORS(stride);
    for (uint32_t k = 0; k < stride; k++) to[k] += end > finish[k] ? end - finish[k] : 0;
}

/* With one usable slot: a PE that took a column and did it in that one cycle has an empty queue in
 * the next, since its slot was full when the broadcast looked. */
static void refill(uint32_t stride, const uint32_t *restrict taken, const uint32_t *restrict finish,
                   uint32_t ready, uint32_t *restrict fill)
{
    WHOLE_VECTORS(stride);
    for (uint32_t k = 0; k < stride; k++) fill[k] += taken[k] + 1 == finish[k] && taken[k] >= ready;
}

static void flush(const struct eie_partition *partition, struct eie_clockwork *work,
                  struct eie_pe_cycles *pe)
{
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        pe[k].queued += work->queued[k];
        pe[k].full += work->full[k];
        pe[k].scan += work->scan[k];
        pe[k].fill += work->fill[k];
    }
    memset(work->queued, 0, 4 * (size_t)work->stride * sizeof *work->queued);
}

static uint32_t time_loop(const struct eie_partition *partition,
                          const struct eie_schedule *schedule, const struct eie_pass *pass,
                          struct eie_clockwork *work, struct eie_cycle_counts *counts)
{
    const uint32_t stride = work->stride, slots = work->slots;
    uint32_t clock = 0, slot = 0; /* clock: the first cycle in which nothing was sent yet */
    for (uint32_t k = 0; k < stride; k++) work->finish[k] = 1;
    for (uint32_t c = 0; c < pass->count; c++) {
        const uint32_t at = pass->first + c, moves = schedule->moves[at];
        const uint32_t ready = clock + moves;
        uint32_t *taken = work->taken + (size_t)slot * stride;
        uint32_t sent = ready;
        if (c >= slots && work->last_taken[slot] >= ready) {
            sent = work->last_taken[slot] + 1;
            counts->blocked += sent - ready;
            wait_for(stride, taken, ready, work->full);
            if (slots == 1) refill(stride, taken, work->finish, ready, work->fill);
        }
        if (moves) idle_until(stride, work->finish, ready + 1, work->scan);
        const uint32_t *here = eie_partition_pointers(partition, pass->block, schedule->column[at]);
        work->last_taken[slot] = take(stride, here, here + stride, work->least, sent + 1,
                                      work->finish, taken, work->queued);
        clock = sent + 1;
        if (++slot == slots) slot = 0;
        if (c % work->flush_columns == work->flush_columns - 1) flush(partition, work, counts->pe);
    }
    const uint32_t scanned = clock + pass->trailing;
    uint32_t cycles = scanned;
    for (uint32_t k = 0; k < partition->pe_count; k++)
        if (pass->count && work->finish[k] > cycles) cycles = work->finish[k];
    if (pass->trailing)
        idle_until(stride, work->finish, cycles < scanned + 1 ? cycles : scanned + 1, work->scan);
    for (uint32_t k = 0; k < partition->pe_count; k++) work->fill[k] += cycles > 0;
    flush(partition, work, counts->pe);
    return cycles;
}
