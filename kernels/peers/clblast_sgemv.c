/* The dense baseline on an OpenCL device for one input: CLBlast's sgemv, which is one launch.
 * Several inputs are peers_clblast_sgemm's. */
#include "kernels/peers/clblast.h"

static int (*sgemv)(int layout, int transpose, size_t rows, size_t columns, float alpha,
                    cl_mem matrix, size_t matrix_at, size_t row_stride, cl_mem x, size_t x_at,
                    size_t x_stride, float beta, cl_mem y, size_t y_at, size_t y_stride,
                    cl_command_queue *queue, cl_event *event);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return clblast_probe("CLBlastSgemv", &sgemv, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct opencl_plan *plan = (struct opencl_plan *)opaque;
    const struct eie_layer *layer = plan->setup.problem.layer;
    return clblast_status(sgemv(CLBLAST_ROW_MAJOR, CLBLAST_AS_IT_IS, layer->outputs, layer->inputs,
                                1.0f, plan->copies[copy], 0, layer->inputs, plan->x, 0, 1, 0.0f,
                                plan->y, 0, 1, &plan->opencl->queue, &plan->event),
                          "CLBlastSgemv", error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    return clblast_prepare(setup, run, plan, error);
}

const struct eie_kernel eie_kernel_peers_clblast_sgemv = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_clblast_sgemv",
    .summary = "dense float32 matrix times vector by CLBlast, on an OpenCL device",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "opencl",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = 0,
    .batch_max = 1,
    .probe = probe,
    .supports = clblast_supports,
    .prepare = prepare,
    .load = opencl_plan_load,
    .run = run,
    .wait = clblast_wait,
    .read = opencl_plan_read,
    .cost = clblast_cost,
    .describe = opencl_plan_describe,
    .destroy = clblast_destroy,
};
