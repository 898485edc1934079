#include "kernels/cpu_plan.h"

#include <stdlib.h>
#include <string.h>

#define LINE         64
#define PLAN_BYTES   UINT64_C(4096)
#define THREAD_BYTES UINT64_C(16)

void *eie_aligned_zeroed(size_t size)
{
    return eie_pages_zeroed(LINE, size);
}

static size_t input_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
}

static size_t output_bytes(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

/* Small ones come from malloc, which is where sanitizers and tests look. */
static char *allocate_area(struct eie_area *area, size_t bytes)
{
    if (bytes < EIE_HUGE_PAGE_BYTES) return eie_aligned_zeroed(bytes - 1);
    return eie_area_make(bytes, area) ? area->memory : NULL;
}

/* One area for all copies: many small ones fill huge pages too. */
static bool allocate_copies(struct eie_cpu_plan *plan, uint32_t count, size_t bytes)
{
    const size_t stride = (bytes / LINE + 1) * LINE; /* at least one spare byte */
    plan->copies = calloc(count, sizeof *plan->copies);
    if (!plan->copies || stride < bytes || stride > SIZE_MAX / count) return false;
    char *memory = allocate_area(&plan->area, count * stride);
    if (!memory) return false;
    for (uint32_t c = 0; c < count; c++) plan->copies[c] = memory + c * stride;
    if (bytes) eie_pages_note(memory, count * stride);
    return true;
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
    if (plan->copies && plan->copies[0]) {
        eie_pages_forget(plan->copies[0]);
        if (!plan->area.memory) free(plan->copies[0]);
    }
    eie_area_free(&plan->area);
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

void eie_cpu_plan_cost(const struct eie_cpu_plan *plan, uint64_t macs, uint64_t prepared_bytes,
                       struct eie_cost *cost)
{
    const struct eie_problem *problem = &plan->setup.problem;
    uint64_t padding;
    eie_cpu_plan_count(plan, &cost->macs_useful, &padding);
    cost->macs_padding = problem->batch * macs - cost->macs_useful;
    cost->prepared_bytes = prepared_bytes;
    cost->bytes_read = prepared_bytes + input_bytes(problem);
    cost->bytes_written = output_bytes(problem);
}

void eie_cpu_plan_cost_columns(const struct eie_cpu_plan *plan,
                               const struct eie_column_starts *starts, struct eie_cost *cost)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const size_t inputs = problem->layer->inputs;
    uint64_t padding, all = 0, entries = 0, columns = 0;
    eie_cpu_plan_count(plan, &cost->macs_useful, &padding);
    for (size_t j = 0; j < inputs; j++) {
        uint64_t active = 0, length = 0; /* inputs of the batch that need this column */
        for (uint32_t b = 0; b < problem->batch; b++) active += plan->inputs[b * inputs + j] != 0;
        if (!active) continue;
        const uint32_t *start = (const uint32_t *)plan->copies[0] + j;
        for (uint32_t k = 0; k < starts->blocks; k++, start += inputs + 1)
            length += (uint64_t)(start[1] - start[0]) * starts->unit;
        columns++;
        entries += length;
        all += active * length;
    }
    cost->macs_padding = all - cost->macs_useful;
    cost->adds = all;
    cost->prepared_bytes = starts->entries_at + starts->entries * sizeof(uint16_t);
    cost->bytes_read = entries * sizeof(uint16_t) +
                       columns * starts->blocks * 2 * sizeof(uint32_t) + input_bytes(problem);
    cost->bytes_written = output_bytes(problem);
}
