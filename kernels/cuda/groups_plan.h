/* What the plans of the kernels of groups.h share. */
#ifndef EIE_KERNELS_CUDA_GROUPS_PLAN_H
#define EIE_KERNELS_CUDA_GROUPS_PLAN_H

#include "kernels/cuda/groups.h"
#include "kernels/cuda/plan.h"

enum eie_status groups_plan_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error);

/* Packs the layer in that form and fills all copies with it. */
EIE_MUST_USE enum eie_status
groups_plan_fill(struct cuda_plan *plan, const struct eie_row_lists *rows,
                 const struct cuda_groups_form *form, struct cuda_tasks *tasks,
                 struct cuda_groups_counts *counts, struct eie_error *error);

/* `vectors`: that the kernel multiplies with, those beyond the batch too. */
void groups_plan_cost(const struct cuda_plan *plan, const struct cuda_groups_counts *counts,
                      uint64_t vectors, struct eie_cost *cost);

void groups_plan_describe(const struct cuda_plan *plan, const struct cuda_groups_counts *counts,
                          eie_column column, void *context);

#endif
