#include "kernels/float_plan.h"

#include <stdlib.h>
#include <string.h>

#define MAPPING_BYTES (UINT64_C(16) << 10) /* what a matrix of its own pages adds at its ends */

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* the CBLAS standard's constants */

/* ---- vectors -------------------------------------------------------------------------------- */

void float_plan_end(struct float_plan *plan)
{
    if (!plan) return;
    eie_float_weights_release(plan->weights);
    free(plan->x);
    free(plan->y);
    eie_cpu_plan_end(&plan->base);
}

void float_plan_destroy(struct eie_plan *plan)
{
    float_plan_end((struct float_plan *)plan);
}

enum eie_status float_plan_begin(const struct eie_setup *setup, size_t size, size_t copy_bytes,
                                 struct float_plan **plan, struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const struct eie_layer *layer = problem->layer;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_cpu_plan_begin(setup, size, copy_bytes, &base, error);
    if (status) return status;
    struct float_plan *made = (struct float_plan *)base;
    made->x = eie_aligned_zeroed((size_t)problem->batch * layer->inputs * sizeof(float));
    made->y = eie_aligned_zeroed((size_t)problem->batch * layer->outputs * sizeof(float));
    if (made->x && made->y) {
        *plan = made;
        return EIE_OK;
    }
    float_plan_end(made);
    return eie_fail(error, EIE_MEMORY, "out of memory for vectors of layer %s", layer->name);
}

uint64_t float_plan_bytes(const struct eie_problem *problem)
{
    /* vectors in int16, and in float */
    return eie_cpu_plan_bytes(problem) + 2 * eie_cpu_plan_vector_bytes(problem) + LIBRARY_BYTES;
}

enum eie_status float_plan_load(struct eie_plan *opaque, const int16_t *inputs,
                                struct eie_error *error)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->inputs;
    for (size_t i = 0; i < count; i++) plan->x[i] = (float)inputs[i];
    return eie_cpu_plan_load(opaque, inputs, error);
}

enum eie_status float_plan_read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    const struct float_plan *plan = (const struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    (void)error;
    memcpy(y, plan->y, (size_t)problem->batch * problem->layer->outputs * sizeof(float));
    return EIE_OK;
}

/* ---- shared weights -------------------------------------------------------------------------- */

uint64_t float_plan_bytes_with(const struct eie_problem *problem, enum eie_float_form form,
                               uint64_t more)
{
    const struct eie_layer *layer = problem->layer;
    const uint64_t weights = form == EIE_FLOAT_CSR
                                 ? csr_bytes(layer->outputs, layer->entry_count)
                                 : (uint64_t)layer->outputs * layer->inputs * sizeof(float);
    return eie_float_weights_new_bytes(layer, form, weights + MAPPING_BYTES) + more +
           float_plan_bytes(problem);
}

enum eie_status float_plan_begin_with(const struct eie_setup *setup, enum eie_float_form form,
                                      size_t size, struct float_plan **plan,
                                      struct eie_error *error)
{
    struct float_plan *made = NULL;
    enum eie_status status = float_plan_begin(setup, size, 0, &made, error);
    if (status) return status;
    status =
        eie_float_weights_take(setup->problem.layer, form, setup->copies, &made->weights, error);
    if (status)
        float_plan_end(made);
    else
        *plan = made;
    return status;
}

float *float_plan_dense(const struct float_plan *plan, uint32_t copy)
{
    return plan->weights->copy[copy];
}

struct csr float_plan_csr(const struct float_plan *plan, uint32_t copy)
{
    return csr_at(plan->weights->copy[copy], plan->base.setup.problem.layer->outputs,
                  plan->weights->nonzeros);
}

void float_plan_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct float_plan *plan = (const struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    const bool dense = plan->weights->form == EIE_FLOAT_DENSE;
    uint64_t padding;
    eie_cpu_plan_count(&plan->base, &cost->macs_useful, &padding);
    /* inputs of 0 are multiplied too */
    cost->macs_padding =
        batch * (dense ? inputs * outputs : plan->weights->nonzeros) - cost->macs_useful;
    cost->prepared_bytes = plan->weights->bytes;
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(float);
    cost->bytes_written = batch * outputs * sizeof(float);
}

/* ---- dense weights --------------------------------------------------------------------------- */

enum eie_status dense_float_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error)
{
    if (problem->layer->inputs > INT32_MAX || problem->layer->outputs > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows or columns than CBLAS can count");
    *plan_bytes = float_plan_bytes_with(problem, EIE_FLOAT_DENSE, 0);
    return EIE_OK;
}

enum eie_status dense_float_prepare(const struct eie_setup *setup, struct eie_plan **plan,
                                    struct eie_error *error)
{
    return float_plan_begin_with(setup, EIE_FLOAT_DENSE, sizeof(struct float_plan),
                                 (struct float_plan **)plan, error);
}

void dense_float_sgemv(struct eie_plan *opaque, uint32_t copy, cblas_sgemv sgemv)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const int rows = (int)layer->outputs, columns = (int)layer->inputs;
    sgemv(ROW_MAJOR, NO_TRANSPOSE, rows, columns, 1.0f, float_plan_dense(plan, copy), columns,
          plan->x, 1, 0.0f, plan->y, 1);
}

void dense_float_sgemm(struct eie_plan *opaque, uint32_t copy, cblas_sgemm sgemm)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)problem->batch, rows, columns, 1.0f, plan->x,
          columns, float_plan_dense(plan, copy), columns, 0.0f, plan->y, rows);
}
