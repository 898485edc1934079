/* The dense baseline on an OpenCL device for several inputs: CLBlast's sgemm, Y = X W^T. The
 * library may need several launches and shows the last one only: the device's time counts from a
 * marker before the first. One input is peers_clblast_sgemv's. */
#include "kernels/peers/clblast.h"

static int (*sgemm)(int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k,
                    float alpha, cl_mem a, size_t a_at, size_t a_stride, cl_mem b, size_t b_at,
                    size_t b_stride, float beta, cl_mem c, size_t c_at, size_t c_stride,
                    cl_command_queue *queue, cl_event *event);

static enum eie_status probe(const struct eie_device *device, struct eie_error *error)
{
    (void)device;
    return clblast_probe("CLBlastSgemm", &sgemm, error);
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct clblast_plan *plan = (struct clblast_plan *)opaque;
    struct opencl_plan *base = &plan->base;
    const struct eie_problem *problem = &base->setup.problem;
    const size_t rows = problem->layer->outputs, columns = problem->layer->inputs;
    enum eie_status status = eie_opencl_status(
        eie_cl.EnqueueMarkerWithWaitList(base->opencl->queue, 0, NULL, &plan->begin),
        "clEnqueueMarkerWithWaitList", error);
    if (status) return status;
    return clblast_status(sgemm(CLBLAST_ROW_MAJOR, CLBLAST_AS_IT_IS, CLBLAST_TRANSPOSED,
                                problem->batch, rows, columns, 1.0f, base->x, 0, columns,
                                base->copies[copy], 0, columns, 0.0f, base->y, 0, rows,
                                &base->opencl->queue, &base->event),
                          "CLBlastSgemm", error);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    return clblast_prepare(setup, run, plan, error);
}

const struct eie_kernel eie_kernel_peers_clblast_sgemm = {
    .abi = EIE_KERNEL_ABI,
    .name = "peers_clblast_sgemm",
    .summary = "dense float32 matrix times several vectors at once by CLBlast, on an OpenCL device",
    .isa = "any",
    .device_kind = EIE_DEVICE_FOUND,
    .runtime = "opencl",
    .flags = EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE,
    .max_threads = 0,
    .batch_min = 2,
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
