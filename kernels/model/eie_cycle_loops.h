/* The loops of eie_cycle_model.c over all PEs at once: one table for each instruction set that the
 * compiler makes something of. */
#ifndef EIE_KERNELS_MODEL_EIE_CYCLE_LOOPS_H
#define EIE_KERNELS_MODEL_EIE_CYCLE_LOOPS_H

#include "kernels/model/eie_cycle_counts.h"
#include "kernels/model/eie_partition.h"

/* Sums of the PEs ([stride] each) over columns, in 32 bits: the caller moves them on in time. */
struct eie_lane_work {
    uint32_t *cycles, *entries; /* work, and the entries in it */
    uint32_t *held, *lines;     /* line held: 1 + its number, 0 for none; lines read */
};

/* Numbers of the PEs while time goes on; cycles count from the start of the pass. */
struct eie_clockwork {
    uint32_t stride, slots, least;
    uint32_t flush_columns;                /* so many cannot overflow 32 bits */
    uint32_t *finish;                      /* [stride]: the first cycle in which the PE is free */
    uint32_t *queued, *full, *scan, *fill; /* [stride] */
    uint32_t *taken;      /* [slots][stride]: when the column in that slot was taken */
    uint32_t *last_taken; /* [slots]: by the last of the PEs */
};

struct eie_cycle_loops {
    /* Adds the work of these columns ([count]) in `block`. */
    void (*work)(const struct eie_partition *partition, const uint32_t *column, uint32_t count,
                 uint32_t block, const struct eie_cycle_design *design,
                 const struct eie_lane_work *lanes);
    /* One pass from all idle to all idle; returns its cycles. */
    uint32_t (*time)(const struct eie_partition *partition, const struct eie_schedule *schedule,
                     const struct eie_pass *pass, struct eie_clockwork *work,
                     struct eie_cycle_counts *counts);
};

extern const struct eie_cycle_loops eie_cycle_loops_plain;
extern const struct eie_cycle_loops eie_cycle_loops_avx2, eie_cycle_loops_avx512; /* x86-64 only */

#endif
