/* What the cycle model (kernels/model/eie_cycle_model.h) follows and what it counts. */
#ifndef EIE_KERNELS_MODEL_EIE_CYCLE_COUNTS_H
#define EIE_KERNELS_MODEL_EIE_CYCLE_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* What the control unit sends: the columns in order, and the rows that it leaves before each. With
 * batching the inputs come in several passes; the PEs run dry and swap registers between them. */
struct eie_pass {
    uint32_t block;        /* of the partition */
    uint32_t first, count; /* into `column` and `moves` */
    uint32_t trailing;     /* rows left behind the last broadcast */
    uint32_t begin, end;   /* columns of the partition, with their zeros */
};
struct eie_schedule {
    uint32_t pass_count, column_count; /* column_count: over all passes */
    struct eie_pass *pass;
    uint32_t *column, *moves; /* [column_count] */
    uint32_t passes_capacity, columns_capacity;
};

/* Cycles of one PE; they add up to the cycles of the whole. */
struct eie_pe_cycles {
    uint64_t entries; /* at work on an entry, padding included */
    uint64_t empty;   /* on columns that have no entry here (or fewer than a column costs) */
    uint64_t scan;    /* its queue empty, because the control unit was leaving a row */
    uint64_t fill; /* empty, because what was sent had not arrived: the first cycle of a pass, and
                      with one usable slot the cycle in which its own queue was being refilled */
    uint64_t imbalance; /* empty, because another PE's queue was full, or others had not finished */
    uint64_t load;      /* registers loaded and stored between passes (batching) */
    uint64_t full;      /* not a class: the broadcast waited, and this PE's queue was full */
    uint64_t
        queued; /* not a class: inputs in its queue at the start of a cycle, summed over cycles */
    uint64_t lines; /* not a class: reads of Spmat lines */
};

struct eie_cycle_counts {
    uint64_t cycles;
    uint64_t broadcasts;              /* columns sent */
    uint64_t moves;                   /* rows left: cycles without a broadcast */
    uint64_t blocked;                 /* cycles in which the broadcast waited for a full queue */
    uint64_t entries, padding, lines; /* all PEs */
    struct eie_pe_cycles *pe;         /* [pe_count], owned */
};

struct eie_cycle_design {
    uint32_t queue_depth;         /* 2 or more: a ring of one slot is full and empty at once */
    uint32_t empty_column_cycles; /* 1 or more */
    uint32_t entries_per_line;    /* of an Spmat read, 1 or more */
    bool keeps_line;              /* across columns: a line is read again only when it changes */
    uint32_t load_cycles;         /* between passes, per pass */
};

#endif
