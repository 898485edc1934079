#include "kernels/model/eie_cycle_model.h"
#include "host/machine/cpu.h"
#include "kernels/model/eie_cycle_loops.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is sent --------------------------------------------------------------------------- */

static uint32_t pass_inputs(const struct eie_partition *partition, uint32_t registers)
{
    const uint64_t inputs = (uint64_t)registers * partition->pe_count;
    return registers && inputs < partition->columns ? (uint32_t)inputs : partition->columns;
}

enum eie_status eie_schedule_begin(const struct eie_partition *partition, uint32_t registers,
                                   struct eie_schedule *schedule, struct eie_error *error)
{
    const uint32_t inputs = pass_inputs(partition, registers);
    const size_t columns = (size_t)partition->blocks * partition->columns;
    *schedule = (struct eie_schedule){
        .passes_capacity = partition->blocks * ((partition->columns - 1) / inputs + 1),
        .columns_capacity = (uint32_t)columns,
    };
    if (columns <= UINT32_MAX) {
        schedule->pass = calloc(schedule->passes_capacity, sizeof *schedule->pass);
        schedule->column = malloc((columns + 1) * 2 * sizeof *schedule->column);
    }
    if (!schedule->pass || !schedule->column) {
        eie_schedule_free(schedule);
        return eie_fail(error, EIE_MEMORY, "out of memory for the order of %zu columns", columns);
    }
    schedule->moves = schedule->column + columns + 1; /* one is written ahead */
    return EIE_OK;
}

void eie_schedule_free(struct eie_schedule *schedule)
{
    free(schedule->pass);
    free(schedule->column);
    *schedule = (struct eie_schedule){0};
}

static void fill_pass(const struct eie_partition *partition, const int16_t *input,
                      struct eie_pass *pass, struct eie_schedule *schedule)
{
    uint32_t row = 0, count = schedule->column_count;
    for (uint32_t begin = pass->begin; begin < pass->end; begin += partition->pe_count) {
        const uint32_t end =
            pass->end - begin > partition->pe_count ? begin + partition->pe_count : pass->end;
        const uint32_t inputs = end < partition->inputs ? end : partition->inputs, before = count;
        for (uint32_t j = begin; j < inputs; j++) { /* no branch: zeros come at random */
            schedule->column[count] = j;
            schedule->moves[count] = 0;
            count += input[j] != 0;
        }
        if (end > inputs) { /* the bias */
            schedule->column[count] = inputs;
            schedule->moves[count++] = 0;
        }
        if (count > before) {
            schedule->moves[before] = row;
            row = schedule->column[count - 1] + 1 != end;
        } else {
            row++;
        }
        if (end == pass->end) break; /* begin + pe_count may wrap */
    }
    pass->first = schedule->column_count;
    pass->count = count - schedule->column_count;
    pass->trailing = row;
    schedule->column_count = count;
}

void eie_schedule_fill(const struct eie_partition *partition, uint32_t registers,
                       const int16_t *input, struct eie_schedule *schedule)
{
    const uint32_t inputs = pass_inputs(partition, registers);
    schedule->pass_count = schedule->column_count = 0;
    for (uint32_t block = 0; block < partition->blocks; block++) {
        for (uint32_t begin = 0; begin < partition->columns;) {
            const uint32_t end =
                partition->columns - begin > inputs ? begin + inputs : partition->columns;
            struct eie_pass *pass = &schedule->pass[schedule->pass_count++];
            *pass = (struct eie_pass){.block = block, .begin = begin, .end = end};
            fill_pass(partition, input, pass, schedule);
            begin = end;
        }
    }
}

/* ---- counts --------------------------------------------------------------------------------- */

enum eie_status eie_counts_begin(uint32_t pe_count, struct eie_cycle_counts *counts,
                                 struct eie_error *error)
{
    *counts = (struct eie_cycle_counts){.pe = calloc(pe_count, sizeof *counts->pe)};
    return counts->pe ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for %u PEs", pe_count);
}

void eie_counts_free(struct eie_cycle_counts *counts)
{
    free(counts->pe);
    *counts = (struct eie_cycle_counts){0};
}

/* Arrays of one number a PE, zeroed, each padded to `stride`. */
static uint32_t *lanes(uint32_t stride, uint32_t count)
{
    void *memory;
    const size_t bytes = (size_t)stride * count * sizeof(uint32_t);
    if (posix_memalign(&memory, 64, bytes)) return NULL;
    return memset(memory, 0, bytes);
}

/* ---- work ----------------------------------------------------------------------------------- */

static const struct eie_cycle_loops *best_loops(void)
{
    struct eie_error error; /* a wrong EIE_ISA_MASK is reported elsewhere */
    uint32_t features;
    if (eie_cpu_features(&features, &error)) return &eie_cycle_loops_plain;
#if defined(__x86_64__)
    if (features & EIE_CPU_AVX512) return &eie_cycle_loops_avx512;
    if (features & EIE_CPU_AVX2) return &eie_cycle_loops_avx2;
#endif
    return &eie_cycle_loops_plain;
}

/* 32-bit sums of so many columns are moved on to 64 bits at once; fewer where columns are long. */
#define FLUSH_COLUMNS 4096u

static uint32_t flush_interval(uint64_t most_per_column)
{
    const uint64_t columns = most_per_column ? UINT32_MAX / most_per_column : FLUSH_COLUMNS;
    return columns > FLUSH_COLUMNS ? FLUSH_COLUMNS : columns ? (uint32_t)columns : 1;
}

static uint32_t longest_work(const struct eie_partition *partition,
                             const struct eie_cycle_design *design)
{
    return partition->longest_column > design->empty_column_cycles ? partition->longest_column
                                                                   : design->empty_column_cycles;
}

static void flush_work(const struct eie_partition *partition, const struct eie_lane_work *lane,
                       struct eie_pe_cycles *pe)
{
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        pe[k].entries += lane->entries[k];
        pe[k].empty += lane->cycles[k] - lane->entries[k];
        pe[k].lines += lane->lines[k];
        lane->cycles[k] = lane->entries[k] = lane->lines[k] = 0;
    }
}

enum eie_status eie_cycle_work(const struct eie_partition *partition,
                               const struct eie_schedule *schedule,
                               const struct eie_cycle_design *design,
                               struct eie_cycle_counts *counts, struct eie_error *error)
{
    const struct eie_cycle_loops *loops = best_loops();
    const uint32_t stride = partition->stride,
                   interval = flush_interval(longest_work(partition, design));
    uint32_t *memory = lanes(stride, 4);
    if (!memory)
        return eie_fail(error, EIE_MEMORY, "out of memory for %u PEs", partition->pe_count);
    const struct eie_lane_work lane = {memory, memory + stride, memory + 2 * (size_t)stride,
                                       memory + 3 * (size_t)stride};
    struct eie_pe_cycles *pe = counts->pe;
    *counts = (struct eie_cycle_counts){.broadcasts = schedule->column_count, .pe = pe};
    memset(pe, 0, partition->pe_count * sizeof *pe);
    for (uint32_t p = 0; p < schedule->pass_count; p++) {
        const struct eie_pass *pass = &schedule->pass[p];
        counts->moves += pass->trailing;
        for (uint32_t c = 0; c < pass->count; c++)
            counts->moves += schedule->moves[pass->first + c];
        for (uint32_t c = 0; c < pass->count; c += interval) {
            const uint32_t count = pass->count - c > interval ? interval : pass->count - c;
            loops->work(partition, schedule->column + pass->first + c, count, pass->block, design,
                        &lane);
            flush_work(partition, &lane, pe);
        }
    }
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        counts->entries += pe[k].entries;
        counts->lines += pe[k].lines;
    }
    free(memory);
    return EIE_OK;
}

/* ---- time ----------------------------------------------------------------------------------- */

enum eie_status eie_cycle_time(const struct eie_partition *partition,
                               const struct eie_schedule *schedule,
                               const struct eie_cycle_design *design,
                               struct eie_cycle_counts *counts, struct eie_error *error)
{
    if (design->queue_depth < 2)
        return eie_fail(error, EIE_USAGE,
                        "a queue of %u slot can never move: one slot of the ring stays empty, so "
                        "it is full and empty at once; give it 2 or more",
                        design->queue_depth);
    const uint32_t stride = partition->stride;
    uint32_t slots = design->queue_depth - 1, longest = 1;
    for (uint32_t p = 0; p < schedule->pass_count; p++)
        if (schedule->pass[p].count > longest) longest = schedule->pass[p].count;
    if (slots > longest) slots = longest; /* further slots are never used */
    /* no input waits longer than for a full queue's work */
    const uint64_t wait = (slots + UINT64_C(1)) * longest_work(partition, design) + 2;
    struct eie_clockwork work = {.stride = stride,
                                 .slots = slots,
                                 .least = design->empty_column_cycles,
                                 .flush_columns = flush_interval(wait)};
    const struct eie_cycle_loops *loops = best_loops();
    work.finish = lanes(stride, 5 + slots);
    work.last_taken = calloc(slots, sizeof *work.last_taken);
    if (!work.finish || !work.last_taken) {
        free(work.finish);
        free(work.last_taken);
        return eie_fail(error, EIE_MEMORY, "out of memory for %u queues of %u slots",
                        partition->pe_count, slots);
    }
    work.queued = work.finish + stride;
    work.full = work.queued + stride;
    work.scan = work.full + stride;
    work.fill = work.scan + stride;
    work.taken = work.fill + stride;
    counts->cycles = counts->blocked = 0;
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        struct eie_pe_cycles *pe = &counts->pe[k];
        pe->scan = pe->fill = pe->imbalance = pe->load = pe->full = pe->queued = 0;
    }
    for (uint32_t p = 0; p < schedule->pass_count; p++)
        counts->cycles += loops->time(partition, schedule, &schedule->pass[p], &work, counts);
    const uint64_t load = (uint64_t)design->load_cycles * schedule->pass_count;
    counts->cycles += load;
    for (uint32_t k = 0; k < partition->pe_count; k++) {
        struct eie_pe_cycles *pe = &counts->pe[k];
        pe->load = load;
        pe->imbalance = counts->cycles - pe->entries - pe->empty - pe->scan - pe->fill - pe->load;
    }
    free(work.finish);
    free(work.last_taken);
    return EIE_OK;
}
