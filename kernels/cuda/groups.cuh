/* Device code of the kernels of groups.h. */
#ifndef EIE_KERNELS_CUDA_GROUPS_CUH
#define EIE_KERNELS_CUDA_GROUPS_CUH

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/groups.h"

/* The task's first step, counted over all tasks, and its steps: from the launch's own arguments. */
static __device__ __forceinline__ uint32_t groups_find(const struct cuda_tasks &tasks,
                                                       uint32_t task, uint32_t &steps)
{
    uint32_t c = 0;
    while (c + 1 < tasks.class_count && task >= tasks.classes[c].end_task) c++;
    steps = tasks.classes[c].steps;
    return tasks.classes[c].first_step + (task - tasks.classes[c].first_task) * steps;
}

/* The weight of the group's code: lane c of each half of the warp holds that of code c. */
static __device__ __forceinline__ uint32_t groups_weight(uint2 group, int32_t weight)
{
    const uint32_t bits = (group.x & 0x10001u) | (group.y & 0x10001u) << 1;
    return (uint32_t)__shfl_sync(ALL, weight, (int)((bits | bits >> 14) & 15u), 16);
}

/* The input of the shared memory `x` at a place in bytes. */
static __device__ __forceinline__ int32_t groups_input(const unsigned char *x, uint32_t bytes)
{
    return *(const int16_t *)(const void *)(x + bytes);
}

/* Four inputs added; the words have their places in bytes, the first ones in the lower halves. The
 * sum of four fits. */
static __device__ __forceinline__ int32_t groups_inputs(const unsigned char *x, uint32_t first,
                                                        uint32_t last)
{
    return groups_input(x, first & 0xffffu) + groups_input(x, first >> 16) +
           groups_input(x, last & 0xffffu) + groups_input(x, last >> 16);
}

/* Four inputs of one code, times the weight of it. */
static __device__ __forceinline__ uint32_t groups_product(const unsigned char *x, uint2 group,
                                                          int32_t weight)
{
    const int32_t sum = groups_inputs(x, group.x & 0xfffefffeu, group.y & 0xfffefffeu);
    return (uint32_t)sum * groups_weight(group, weight);
}

static __device__ __forceinline__ const uint32_t *groups_rows(const struct cuda_tasks &tasks,
                                                              const void *copy)
{
    return (const uint32_t *)(const void *)((const char *)copy + tasks.row_at);
}

#endif
