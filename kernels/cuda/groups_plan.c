#include "kernels/cuda/groups_plan.h"

#include <stdlib.h>

_Static_assert(CUDA_ZEROS <= CUDA_X_ZEROS, "zeros that columns name lie behind the inputs");

enum eie_status groups_plan_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error)
{
    if (problem->layer->inputs > CUDA_COLUMNS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "a layer has at most %u inputs here",
                        CUDA_COLUMNS_MAX);
    *plan_bytes = cuda_groups_bound(problem->layer) + cuda_plan_vector_bytes(problem);
    return EIE_OK;
}

enum eie_status groups_plan_fill(struct cuda_plan *plan, const struct eie_row_lists *rows,
                                 const struct cuda_groups_form *form, struct cuda_tasks *tasks,
                                 struct cuda_groups_counts *counts, struct eie_error *error)
{
    struct cuda_groups groups;
    uint64_t bytes;
    enum eie_status status =
        cuda_groups_make(plan->setup.problem.layer, rows, form, &groups, error);
    if (status) return status;
    void *copy = cuda_groups_copy(&groups, tasks, &bytes);
    status = copy ? cuda_plan_fill(plan, copy, bytes, error)
                  : eie_fail(error, EIE_MEMORY, "out of memory for a copy of the weights");
    free(copy);
    *counts = groups.counts;
    cuda_groups_free(&groups);
    return status;
}

void groups_plan_cost(const struct cuda_plan *plan, const struct cuda_groups_counts *counts,
                      uint64_t vectors, struct eie_cost *cost)
{
    struct eie_layer_counts layer;
    uint64_t padding;
    cuda_plan_count(plan, &cost->macs_useful, &padding);
    eie_layer_count(plan->setup.problem.layer, NULL, &layer);
    /* inputs that are added count as multiplied, as in every other kernel */
    cost->macs_padding = (layer.nonzeros + counts->padding) * vectors - cost->macs_useful;
    cuda_plan_cost(plan, plan->copy_bytes, cost);
}

void groups_plan_describe(const struct cuda_plan *plan, const struct cuda_groups_counts *counts,
                          eie_column column, void *context)
{
    cuda_plan_describe((const struct eie_plan *)plan, column, context);
    column(context, "eie_cuda_look_ups", NULL, (double)counts->look_ups);
    column(context, "eie_cuda_wavefronts", NULL, (double)counts->wavefronts);
}
