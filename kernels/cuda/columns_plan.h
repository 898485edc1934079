/* Plans of the kernels of columns.h. */
#ifndef EIE_KERNELS_CUDA_COLUMNS_PLAN_H
#define EIE_KERNELS_CUDA_COLUMNS_PLAN_H

#include "kernels/cuda/columns.h"
#include "kernels/cuda/plan.h"

struct columns_plan {
    struct cuda_plan base;
    struct columns_arguments arguments;
    uint32_t *column_bytes; /* [inputs] of entries, over all sets; owned */
};

/* Bytes on the device beside copies and vectors. */
uint64_t columns_plan_bytes(const struct eie_problem *problem, uint32_t sets);

/* A plan for so many sets of at most so many rows: `copy` has the pointers [sets][inputs + 1], then
 * from `entries_at` on the entries. The numbers of slices from 1 to what fills the device are
 * tried, and the fastest is kept. */
EIE_MUST_USE enum eie_status columns_plan_make(const struct eie_setup *setup,
                                               const struct eie_cuda_code *code, uint32_t sets,
                                               uint32_t rows_most, const void *copy,
                                               uint64_t copy_bytes, uint64_t entries_at,
                                               struct eie_plan **plan, struct eie_error *error);

/* Entries and pointers of columns that are active in any vector of the batch are read. */
void columns_plan_cost(const struct eie_plan *plan, struct eie_cost *cost);

void columns_plan_describe(const struct eie_plan *plan, eie_column column, void *context);
void columns_plan_destroy(struct eie_plan *plan);

#endif
