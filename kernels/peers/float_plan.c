#include "kernels/peers/float_plan.h"

#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* the CBLAS standard's constants */

/* ---- vectors -------------------------------------------------------------------------------- */

void float_plan_end(struct float_plan *plan)
{
    if (!plan) return;
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

/* ---- dense weights -------------------------------------------------------------------------- */

static size_t dense_bytes(const struct eie_layer *layer)
{
    return (size_t)layer->outputs * layer->inputs * sizeof(float);
}

enum eie_status dense_float_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                     struct eie_error *error)
{
    if (problem->layer->inputs > INT32_MAX || problem->layer->outputs > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more rows or columns than CBLAS can count");
    *plan_bytes = dense_bytes(problem->layer) + float_plan_bytes(problem);
    return EIE_OK;
}

static void fill_dense(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                       float *dense)
{
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            dense[(size_t)codes->row[e] * codes->inputs + j] =
                (float)layer->codebook[codes->code[e]];
}

enum eie_status dense_float_prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                                    struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_sparse_codes codes;
    struct float_plan *plan;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    status = float_plan_begin(setup, sizeof *plan, dense_bytes(layer), &plan, error);
    for (uint32_t c = 0; !status && c < setup->copies; c++)
        fill_dense(layer, &codes, plan->base.copies[c]);
    eie_sparse_codes_free(&codes);
    if (!status) *opaque = (struct eie_plan *)plan;
    return status;
}

void dense_float_cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct float_plan *plan = (const struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const uint64_t batch = problem->batch, inputs = problem->layer->inputs,
                   outputs = problem->layer->outputs;
    uint64_t useful, padding;
    eie_cpu_plan_count(&plan->base, &useful, &padding);
    cost->macs_useful = useful;
    cost->macs_padding = batch * inputs * outputs - useful;
    cost->prepared_bytes = dense_bytes(problem->layer);
    cost->bytes_read = cost->prepared_bytes + batch * inputs * sizeof(float);
    cost->bytes_written = batch * outputs * sizeof(float);
}

void dense_float_sgemv(struct eie_plan *opaque, uint32_t copy, cblas_sgemv sgemv)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    const int rows = (int)layer->outputs, columns = (int)layer->inputs;
    sgemv(ROW_MAJOR, NO_TRANSPOSE, rows, columns, 1.0f, plan->base.copies[copy], columns, plan->x,
          1, 0.0f, plan->y, 1);
}

void dense_float_sgemm(struct eie_plan *opaque, uint32_t copy, cblas_sgemm sgemm)
{
    struct float_plan *plan = (struct float_plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const int rows = (int)problem->layer->outputs, columns = (int)problem->layer->inputs;
    sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)problem->batch, rows, columns, 1.0f, plan->x,
          columns, plan->base.copies[copy], columns, 0.0f, plan->y, rows);
}
