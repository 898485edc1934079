#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

#define LINE         64
#define PLAN_BYTES   UINT64_C(4096)
#define THREAD_BYTES UINT64_C(16)

void *eie_aligned_zeroed(size_t size)
{
    const size_t rounded = (size / LINE + 1) * LINE; /* at least one spare byte */
    if (rounded < size) return NULL;
    void *memory = aligned_alloc(LINE, rounded);
    return memory ? memset(memory, 0, rounded) : NULL;
}

static size_t input_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
}

static size_t output_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

static bool allocate_copies(struct eie_cpu_plan *plan, uint32_t count, size_t bytes)
{
    plan->copies = calloc(count, sizeof *plan->copies);
    for (uint32_t c = 0; plan->copies && c < count; c++) {
        plan->copies[c] = eie_aligned_zeroed(bytes);
        if (!plan->copies[c]) return false;
    }
    return plan->copies != NULL;
}

enum eie_status eie_cpu_plan_begin(const struct eie_setup *setup, size_t size, size_t copy_bytes,
                                   struct eie_cpu_plan **plan, struct eie_error *error)
{
    struct eie_cpu_plan *made = eie_aligned_zeroed(size);
    if (made) {
        made->setup = *setup;
        made->inputs = eie_aligned_zeroed(input_bytes(&setup->problem) + 2 * LINE);
        made->outputs = eie_aligned_zeroed(output_bytes(&setup->problem) + LINE);
        if (made->inputs && made->outputs && allocate_copies(made, setup->copies, copy_bytes)) {
            *plan = made;
            return EIE_OK;
        }
        eie_cpu_plan_end(made);
    }
    return eie_fail(error, EIE_MEMORY, "out of memory for a plan of layer %s (%zu bytes a copy)",
                    setup->problem.layer->name, copy_bytes);
}

void eie_cpu_plan_end(struct eie_cpu_plan *plan)
{
    if (!plan) return;
    for (uint32_t c = 0; plan->copies && c < plan->setup.copies; c++) free(plan->copies[c]);
    free(plan->copies);
    free(plan->inputs);
    free(plan->outputs);
    free(plan);
}

void eie_cpu_plan_destroy(struct eie_plan *plan)
{
    eie_cpu_plan_end((struct eie_cpu_plan *)plan);
}

enum eie_status eie_cpu_plan_load(struct eie_plan *plan, const int16_t *inputs,
                                  struct eie_error *error)
{
    struct eie_cpu_plan *base = (struct eie_cpu_plan *)plan;
    (void)error;
    memcpy(base->inputs, inputs, input_bytes(&base->setup.problem));
    return EIE_OK;
}

enum eie_status eie_cpu_plan_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                                  struct eie_error *error)
{
    (void)plan, (void)outcome, (void)error; /* run has done everything, on the wall clock */
    return EIE_OK;
}

enum eie_status eie_cpu_plan_read(struct eie_plan *plan, void *y, struct eie_error *error)
{
    const struct eie_cpu_plan *base = (const struct eie_cpu_plan *)plan;
    (void)error;
    memcpy(y, base->outputs, output_bytes(&base->setup.problem));
    return EIE_OK;
}

uint64_t eie_cpu_plan_vector_bytes(const struct eie_problem *problem)
{
    return input_bytes(problem) + output_bytes(problem);
}

uint64_t eie_cpu_plan_bytes(const struct eie_problem *problem)
{
    return eie_cpu_plan_vector_bytes(problem) + PLAN_BYTES + THREAD_BYTES * problem->threads;
}

void eie_cpu_plan_count(const struct eie_cpu_plan *plan, uint64_t *useful, uint64_t *padding)
{
    const struct eie_problem *problem = &plan->setup.problem;
    eie_layer_count_batch(problem->layer, plan->inputs, problem->batch, useful, padding);
}
