/* EIE's cycles, counted exactly (ISCA 2016, section IV; the rules are those of its authors' public
 * simulator):
 *
 *  - The control unit scans the inputs in rows of pe_count. In one cycle it broadcasts one non-zero
 *    input to the queues of all PEs, in the order of the index. Leaving a row takes one cycle,
 * unless the row's last input was the one sent; a row of zeros takes one.
 *  - A queue is a ring of `queue_depth` slots, of which one stays empty. Whether a queue is full or
 *    empty is judged on its state at the start of the cycle. The broadcast waits while any is full.
 *    Leaving a row does not wait.
 *  - A PE that is free takes the next input from its queue and works on its first entry in the same
 *    cycle: max(empty_column_cycles, entries of that column in this PE) cycles, padding included.
 *  - A bias is one more input of value 1 behind the others.
 *
 * With b_j the cycle in which column j is broadcast and p_kj the one in which PE k takes it, that
 * is
 *
 *     b_j  = max(b_{j-1} + 1 + rows left, 1 + max_k p_k,j-(depth-1))
 *     p_kj = max(b_j + 1, p_k,j-1 + work_k,j-1)
 *
 * which eie_cycle_time follows column by column over all PEs at once, with no loop over cycles.
 * eie_cycle_simulate goes cycle by cycle and PE by PE, and must give the same counts. */
#ifndef EIE_KERNELS_MODEL_EIE_CYCLE_MODEL_H
#define EIE_KERNELS_MODEL_EIE_CYCLE_MODEL_H

#include "kernels/model/eie_cycle_counts.h"
#include "kernels/model/eie_partition.h"

/* Allocates for any input of this partition. `registers` is the inputs of a pass for one PE; 0: no
 * batching, all inputs in one pass. Free with eie_schedule_free. */
EIE_MUST_USE enum eie_status eie_schedule_begin(const struct eie_partition *partition,
                                                uint32_t registers, struct eie_schedule *schedule,
                                                struct eie_error *error);
void eie_schedule_free(struct eie_schedule *schedule);

/* The schedule of one input ([inputs]); allocates nothing. */
void eie_schedule_fill(const struct eie_partition *partition, uint32_t registers,
                       const int16_t *input, struct eie_schedule *schedule);

EIE_MUST_USE enum eie_status eie_counts_begin(uint32_t pe_count, struct eie_cycle_counts *counts,
                                              struct eie_error *error);
void eie_counts_free(struct eie_cycle_counts *counts);

/* Fast path in two steps. Work depends on no queue: entries, empty, lines, broadcasts, moves. Time
 * adds the rest and may be called again for another depth on the same work. EIE_MEMORY; EIE_USAGE
 * for a depth below 2. */
EIE_MUST_USE enum eie_status eie_cycle_work(const struct eie_partition *partition,
                                            const struct eie_schedule *schedule,
                                            const struct eie_cycle_design *design,
                                            struct eie_cycle_counts *counts,
                                            struct eie_error *error);
EIE_MUST_USE enum eie_status eie_cycle_time(const struct eie_partition *partition,
                                            const struct eie_schedule *schedule,
                                            const struct eie_cycle_design *design,
                                            struct eie_cycle_counts *counts,
                                            struct eie_error *error);

/* The same counts, cycle by cycle: the test of the above. Reads the input itself, not a schedule.
 */
EIE_MUST_USE enum eie_status eie_cycle_simulate(const struct eie_partition *partition,
                                                const int16_t *input, uint32_t registers,
                                                const struct eie_cycle_design *design,
                                                struct eie_cycle_counts *counts,
                                                struct eie_error *error);

#endif
