#include "kernels/opencl/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- a plan's life -------------------------------------------------------------------------- */

static size_t value_bytes(bool floats)
{
    return floats ? sizeof(float) : sizeof(int16_t);
}

static size_t input_count(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->inputs;
}

static size_t output_count(const struct eie_problem *problem)
{
    return (size_t)problem->batch * problem->layer->outputs;
}

uint64_t opencl_plan_vector_bytes(const struct eie_problem *problem, bool floats)
{
    const uint64_t constants =
        floats ? 0 : (EIE_CODEBOOK_SIZE + (uint64_t)problem->layer->outputs) * sizeof(int32_t);
    return (input_count(problem) + output_count(problem)) * value_bytes(floats) + constants;
}

void opencl_plan_end(struct opencl_plan *plan)
{
    if (!plan) return;
    if (plan->event) {
        eie_cl.WaitForEvents(1, &plan->event);
        eie_cl.ReleaseEvent(plan->event);
    }
    if (plan->kernel) eie_cl.ReleaseKernel(plan->kernel);
    if (plan->x) eie_cl.ReleaseMemObject(plan->x);
    if (plan->y) eie_cl.ReleaseMemObject(plan->y);
    if (plan->constants) eie_cl.ReleaseMemObject(plan->constants);
    for (uint32_t c = 0; plan->copies && c < plan->setup.copies; c++)
        if (plan->copies[c]) eie_cl.ReleaseMemObject(plan->copies[c]);
    free(plan->copies);
    free(plan->inputs);
    free(plan->values);
    free(plan);
}

static enum eie_status write_bytes(struct opencl_plan *plan, cl_mem buffer, size_t bytes,
                                   const void *from, struct eie_error *error)
{
    if (!bytes) return EIE_OK;
    return eie_opencl_status(eie_cl.EnqueueWriteBuffer(plan->opencl->queue, buffer, CL_TRUE, 0,
                                                       bytes, from, 0, NULL, NULL),
                             "clEnqueueWriteBuffer", error);
}

static enum eie_status make_constants(struct opencl_plan *plan, struct eie_error *error)
{
    const struct eie_layer *layer = plan->setup.problem.layer;
    const size_t count = EIE_CODEBOOK_SIZE + (size_t)layer->outputs;
    int32_t *values = calloc(count, sizeof *values);
    if (!values) return eie_fail(error, EIE_MEMORY, "out of memory for constants");
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) values[c] = layer->codebook[c];
    if (layer->bias)
        memcpy(values + EIE_CODEBOOK_SIZE, layer->bias, layer->outputs * sizeof *values);
    enum eie_status status = eie_opencl_buffer(plan->opencl, CL_MEM_READ_ONLY,
                                               count * sizeof *values, &plan->constants, error);
    if (!status) status = write_bytes(plan, plan->constants, count * sizeof *values, values, error);
    free(values);
    return status;
}

static enum eie_status make_buffers(struct opencl_plan *plan, const struct opencl_needs *needs,
                                    struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const size_t width = value_bytes(needs->floats);
    const size_t x_bytes = (input_count(problem) + needs->x_spare) * width;
    const size_t y_bytes = output_count(problem) * width;
    const uint64_t global = plan->opencl->facts.global_bytes;
    const uint64_t all = (uint64_t)x_bytes + y_bytes + plan->setup.copies * needs->copy_bytes;
    if (global && all > global)
        return eie_fail(error, EIE_UNSUPPORTED, "its plan needs %.0f KiB, and the device has %.0f",
                        (double)all / 1024, (double)global / 1024);
    void *zeros = calloc(x_bytes > y_bytes ? x_bytes : y_bytes, 1);
    if (!zeros) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    enum eie_status status =
        eie_opencl_buffer(plan->opencl, CL_MEM_READ_ONLY, x_bytes, &plan->x, error);
    if (!status)
        status = eie_opencl_buffer(plan->opencl, CL_MEM_READ_WRITE, y_bytes, &plan->y, error);
    /* libraries multiply what lies in y by 0: it must be no NaN */
    if (!status) status = write_bytes(plan, plan->x, x_bytes, zeros, error);
    if (!status) status = write_bytes(plan, plan->y, y_bytes, zeros, error);
    free(zeros);
    if (!status && !needs->floats) status = make_constants(plan, error);
    for (uint32_t c = 0; c < plan->setup.copies && !status; c++)
        status = eie_opencl_buffer(plan->opencl, CL_MEM_READ_ONLY, needs->copy_bytes,
                                   &plan->copies[c], error);
    return status;
}

static enum eie_status make_kernel(struct opencl_plan *plan, const struct opencl_needs *needs,
                                   struct eie_error *error)
{
    const struct eie_opencl_source *source = opencl_sources;
    while (source->name && strcmp(source->name, needs->name)) source++;
    if (!source->name) return eie_fail(error, EIE_SYSTEM, "this build has no %s.cl", needs->name);
    enum eie_status status = eie_opencl_build(plan->opencl, source, needs->options, &plan->program,
                                              &plan->origin, error);
    if (!status)
        status = eie_opencl_kernel(plan->opencl, plan->program, needs->name, &plan->kernel,
                                   &plan->work_group_max, error);
    cl_int code =
        status ? CL_SUCCESS : eie_cl.SetKernelArg(plan->kernel, 1, sizeof(cl_mem), &plan->x);
    if (!status && !code) code = eie_cl.SetKernelArg(plan->kernel, 2, sizeof(cl_mem), &plan->y);
    return status ? status : eie_opencl_status(code, "clSetKernelArg", error);
}

enum eie_status opencl_plan_begin(const struct eie_setup *setup, size_t size,
                                  const struct opencl_needs *needs, struct opencl_plan **plan,
                                  struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    struct opencl_plan *made = calloc(1, size);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    made->setup = *setup;
    made->copy_bytes = needs->copy_bytes;
    made->inputs = calloc(input_count(problem) + 1, sizeof *made->inputs);
    made->values = needs->floats ? calloc(input_count(problem) + 1, sizeof *made->values) : NULL;
    made->copies = calloc(setup->copies, sizeof(cl_mem));
    enum eie_status status = eie_opencl_open(problem->device, &made->opencl, error);
    if (!status && (!made->inputs || !made->copies || (needs->floats && !made->values)))
        status = eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    if (!status) status = make_buffers(made, needs, error);
    if (!status && needs->name) status = make_kernel(made, needs, error);
    if (status)
        opencl_plan_end(made);
    else
        *plan = made;
    return status;
}

enum eie_status opencl_plan_fill(struct opencl_plan *plan, const void *bytes,
                                 struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < plan->setup.copies && !status; c++)
        status = write_bytes(plan, plan->copies[c], plan->copy_bytes, bytes, error);
    return status;
}

/* ---- launches ------------------------------------------------------------------------------- */

enum eie_status opencl_plan_set(struct opencl_plan *plan, cl_uint index, size_t size,
                                const void *value, struct eie_error *error)
{
    return eie_opencl_status(eie_cl.SetKernelArg(plan->kernel, index, size, value),
                             "clSetKernelArg", error);
}

uint64_t opencl_plan_requires(const struct opencl_plan *plan)
{
    size_t sizes[3] = {0, 0, 0};
    if (eie_cl.GetKernelWorkGroupInfo(plan->kernel, plan->opencl->device,
                                      CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof sizes, sizes,
                                      NULL) != CL_SUCCESS)
        return 0;
    return sizes[0] * sizes[1] * sizes[2];
}

uint64_t opencl_plan_group(const struct opencl_plan *plan, uint64_t wanted)
{
    const struct eie_opencl_facts *facts = &plan->opencl->facts;
    uint64_t most = plan->work_group_max;
    if (most > facts->work_group_max) most = facts->work_group_max;
    if (most > facts->work_items_max[0]) most = facts->work_items_max[0];
    while (wanted > 1 && wanted > most) wanted /= 2;
    return wanted;
}

enum eie_status opencl_plan_shape(struct opencl_plan *plan, uint64_t items, uint64_t group,
                                  struct eie_error *error)
{
    if (opencl_plan_group(plan, group) != group)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "groups of %llu work-items are needed, and the device takes %llu",
                        (unsigned long long)group,
                        (unsigned long long)opencl_plan_group(plan, group));
    plan->local[0] = group;
    plan->local[1] = 1;
    plan->global[0] = (items + group - 1) / group * group;
    plan->global[1] = plan->setup.problem.batch;
    return EIE_OK;
}

enum eie_status opencl_plan_run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct opencl_plan *plan = (struct opencl_plan *)opaque;
    if (plan->event) eie_cl.ReleaseEvent(plan->event);
    plan->event = NULL;
    cl_int code = eie_cl.SetKernelArg(plan->kernel, 0, sizeof(cl_mem), &plan->copies[copy]);
    if (code) return eie_opencl_status(code, "clSetKernelArg", error);
    code = eie_cl.EnqueueNDRangeKernel(plan->opencl->queue, plan->kernel, 2, NULL, plan->global,
                                       plan->local, 0, NULL, &plan->event);
    if (!code) code = eie_cl.Flush(plan->opencl->queue);
    return eie_opencl_status(code, "clEnqueueNDRangeKernel", error);
}

enum eie_status opencl_plan_wait(struct eie_plan *opaque, struct eie_outcome *outcome,
                                 struct eie_error *error)
{
    struct opencl_plan *plan = (struct opencl_plan *)opaque;
    if (!plan->event) return eie_fail(error, EIE_USAGE, "nothing is under way");
    enum eie_status status =
        eie_opencl_status(eie_cl.WaitForEvents(1, &plan->event), "clWaitForEvents", error);
    if (!status) status = eie_opencl_event_ns(plan->event, plan->event, &outcome->device_ns, error);
    eie_cl.ReleaseEvent(plan->event);
    plan->event = NULL;
    return status;
}

enum eie_status opencl_plan_first(struct opencl_plan *plan, struct eie_error *error)
{
    struct eie_outcome outcome;
    enum eie_status status = opencl_plan_load((struct eie_plan *)plan, plan->inputs, error);
    if (!status) status = opencl_plan_run((struct eie_plan *)plan, 0, error);
    return status ? status : opencl_plan_wait((struct eie_plan *)plan, &outcome, error);
}

/* ---- vectors -------------------------------------------------------------------------------- */

enum eie_status opencl_plan_load(struct eie_plan *opaque, const int16_t *inputs,
                                 struct eie_error *error)
{
    struct opencl_plan *plan = (struct opencl_plan *)opaque;
    const size_t count = input_count(&plan->setup.problem);
    memmove(plan->inputs, inputs, count * sizeof *inputs);
    for (size_t i = 0; plan->values && i < count; i++) plan->values[i] = inputs[i];
    return write_bytes(plan, plan->x, count * value_bytes(plan->values),
                       plan->values ? (const void *)plan->values : plan->inputs, error);
}

enum eie_status opencl_plan_read(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct opencl_plan *plan = (struct opencl_plan *)opaque;
    const size_t bytes = output_count(&plan->setup.problem) * value_bytes(plan->values);
    return eie_opencl_status(
        eie_cl.EnqueueReadBuffer(plan->opencl->queue, plan->y, CL_TRUE, 0, bytes, y, 0, NULL, NULL),
        "clEnqueueReadBuffer", error);
}

void opencl_plan_count(const struct opencl_plan *plan, uint64_t *useful, uint64_t *padding)
{
    const struct eie_problem *problem = &plan->setup.problem;
    eie_layer_count_batch(problem->layer, plan->inputs, problem->batch, useful, padding);
}

void opencl_plan_describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct opencl_plan *plan = (const struct opencl_plan *)opaque;
    double launch_ns;
    column(context, "eie_opencl_platform", plan->opencl->facts.platform_version, 0);
    column(context, "eie_opencl_driver", plan->opencl->facts.driver, 0);
    column(context, "eie_opencl_threads_bound", NULL, plan->opencl->bound);
    if (plan->program) column(context, "eie_opencl_program", plan->origin, 0);
    if (plan->kernel) {
        column(context, "eie_opencl_work_items", NULL, (double)(plan->global[0] * plan->global[1]));
        column(context, "eie_opencl_work_group", NULL, (double)plan->local[0]);
    }
    if (!eie_opencl_launch_ns(plan->opencl, &launch_ns, NULL))
        column(context, "eie_launch_ns", NULL, launch_ns);
}

void opencl_plan_destroy(struct eie_plan *plan)
{
    opencl_plan_end((struct opencl_plan *)plan);
}
