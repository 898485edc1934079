#include "kernels/model/eie_cycle_model.h"

#include <stdlib.h>
#include <string.h>

enum action { NOTHING_YET, SENDS, LEAVES_ROW, WAITS, IS_DONE };

/* One PE. */
struct pe {
    uint32_t queued;          /* inputs in its queue, as the cycle began */
    uint32_t head;            /* which of the inputs sent in this pass it takes next */
    uint32_t entries, cycles; /* left of the column under way */
    bool was_full;            /* in the cycle before */
    uint64_t address, held;   /* next entry; line held, UINT64_MAX for none */
};

struct machine {
    const struct eie_partition *partition;
    const int16_t *input;
    const struct eie_cycle_design *design;
    struct eie_cycle_counts *counts;
    struct pe *pe;
    uint32_t *sent, sent_count; /* columns of this pass */
    uint32_t block, row, next,
        end; /* scan: begin of the row, next input to look at, end of the pass */
    enum action last;
};

static void begin_column(struct machine *machine, uint32_t k, uint32_t column)
{
    const struct eie_partition *partition = machine->partition;
    struct pe *pe = &machine->pe[k];
    const uint32_t *here = eie_partition_pointers(partition, machine->block, column);
    pe->entries = here[k + partition->stride] - here[k];
    pe->cycles = pe->entries > machine->design->empty_column_cycles
                     ? pe->entries
                     : machine->design->empty_column_cycles;
    pe->address = here[k];
    if (!machine->design->keeps_line) pe->held = UINT64_MAX;
}

static void work(struct machine *machine, uint32_t k)
{
    struct pe *pe = &machine->pe[k];
    struct eie_pe_cycles *counts = &machine->counts->pe[k];
    pe->cycles--;
    if (!pe->entries) {
        counts->empty++;
        return;
    }
    const uint64_t line = pe->address / machine->design->entries_per_line;
    counts->lines += line != pe->held;
    pe->held = line;
    pe->address++;
    pe->entries--;
    counts->entries++;
}

static void idle(struct machine *machine, uint32_t k)
{
    struct eie_pe_cycles *counts = &machine->counts->pe[k];
    if (machine->last == NOTHING_YET || (machine->last == WAITS && machine->pe[k].was_full))
        counts->fill++;
    else if (machine->last == LEAVES_ROW)
        counts->scan++;
    else
        counts->imbalance++;
}

/* What the control unit does in this cycle; `any_full` as the cycle began. */
static enum action control(struct machine *machine, bool any_full)
{
    const struct eie_partition *partition = machine->partition;
    if (machine->row >= machine->end) return IS_DONE;
    const uint32_t row_end = machine->end - machine->row > partition->pe_count
                                 ? machine->row + partition->pe_count
                                 : machine->end;
    uint32_t j = machine->next;
    while (j < row_end && j < partition->inputs && !machine->input[j]) j++;
    if (j == row_end) {
        machine->row = machine->next = row_end;
        return LEAVES_ROW;
    }
    if (any_full) return WAITS;
    machine->sent[machine->sent_count++] = j;
    machine->next = j + 1;
    if (machine->next == row_end) machine->row = row_end;
    return SENDS;
}

static void step(struct machine *machine, uint32_t slots)
{
    const uint32_t pes = machine->partition->pe_count;
    bool any_full = false;
    for (uint32_t k = 0; k < pes; k++) {
        any_full = any_full || machine->pe[k].queued == slots;
        machine->counts->pe[k].queued += machine->pe[k].queued;
    }
    const uint32_t sent_before = machine->sent_count;
    const enum action action = control(machine, any_full);
    for (uint32_t k = 0; k < pes; k++) {
        struct pe *pe = &machine->pe[k];
        const bool full = pe->queued == slots;
        if (action == WAITS) machine->counts->pe[k].full += full;
        if (!pe->cycles && pe->head < sent_before) {
            begin_column(machine, k, machine->sent[pe->head++]);
            pe->queued--;
        }
        if (pe->cycles)
            work(machine, k);
        else
            idle(machine, k);
        pe->was_full = full;
        pe->queued += action == SENDS;
    }
    machine->counts->broadcasts += action == SENDS;
    machine->counts->moves += action == LEAVES_ROW;
    machine->counts->blocked += action == WAITS;
    machine->counts->cycles++;
    machine->last = action;
}

static bool busy(const struct machine *machine)
{
    if (machine->row < machine->end) return true;
    for (uint32_t k = 0; k < machine->partition->pe_count; k++)
        if (machine->pe[k].cycles || machine->pe[k].queued) return true;
    return false;
}

enum eie_status eie_cycle_simulate(const struct eie_partition *partition, const int16_t *input,
                                   uint32_t registers, const struct eie_cycle_design *design,
                                   struct eie_cycle_counts *counts, struct eie_error *error)
{
    struct machine machine = {
        .partition = partition, .input = input, .design = design, .counts = counts};
    const uint64_t inputs = (uint64_t)registers * partition->pe_count;
    if (design->queue_depth < 2)
        return eie_fail(error, EIE_USAGE, "a queue of %u slot can never move", design->queue_depth);
    machine.pe = calloc(partition->pe_count, sizeof *machine.pe);
    machine.sent = malloc(partition->columns * sizeof *machine.sent);
    struct eie_pe_cycles *all = counts->pe;
    *counts = (struct eie_cycle_counts){.pe = all};
    memset(all, 0, partition->pe_count * sizeof *all);
    if (!machine.pe || !machine.sent) {
        free(machine.pe);
        free(machine.sent);
        return eie_fail(error, EIE_MEMORY, "out of memory for %u PEs", partition->pe_count);
    }
    for (uint32_t k = 0; k < partition->pe_count; k++) machine.pe[k].held = UINT64_MAX;
    for (machine.block = 0; machine.block < partition->blocks; machine.block++) {
        for (uint32_t begin = 0; begin < partition->columns; begin = machine.end) {
            machine.row = machine.next = begin;
            machine.end = registers && partition->columns - begin > inputs
                              ? begin + (uint32_t)inputs
                              : partition->columns;
            machine.sent_count = 0;
            machine.last = NOTHING_YET;
            for (uint32_t k = 0; k < partition->pe_count; k++) machine.pe[k].head = 0;
            while (busy(&machine)) step(&machine, design->queue_depth - 1);
            counts->cycles += design->load_cycles;
            for (uint32_t k = 0; k < partition->pe_count; k++) all[k].load += design->load_cycles;
        }
    }
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        counts->entries += all[k].entries;
        counts->lines += all[k].lines;
    }
    free(machine.pe);
    free(machine.sent);
    return EIE_OK;
}
