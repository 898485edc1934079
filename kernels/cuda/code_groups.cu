/* A warp has a task: its rows, each shared by some of the lanes (groups.h). The inputs of the
 * batch's b-th vector lie in shared memory; the first groups are on their way before they do. */
#include "kernels/cuda/code_groups.h"
#include "kernels/cuda/device.cuh"

/* Where the task's groups begin, and its steps: from the launch's own arguments. */
static __device__ __forceinline__ uint64_t find_task(const struct code_groups_arguments &a,
                                                     uint32_t task, uint32_t &steps)
{
    uint32_t c = 0;
    while (c + 1 < a.class_count && task >= a.classes[c].end_task) c++;
    steps = a.classes[c].steps;
    return a.classes[c].first_step + (uint64_t)(task - a.classes[c].first_task) * steps;
}

static __device__ __forceinline__ uint2 zeros(const struct code_groups_arguments &a)
{
    const uint32_t none = a.base.inputs << 1;
    uint2 group;
    group.x = group.y = none | none << 16;
    return group;
}

/* Up to CODE_GROUPS_AHEAD groups of the lane; those behind the end are zeros. */
static __device__ __forceinline__ void fetch(const struct code_groups_arguments &a,
                                             const uint2 *from, uint32_t step, uint32_t left,
                                             uint2 group[CODE_GROUPS_AHEAD])
{
#pragma unroll
    for (uint32_t i = 0; i < CODE_GROUPS_AHEAD; i++)
        group[i] = i < left ? __ldg(from + (uint64_t)i * step) : zeros(a);
}

static __device__ __forceinline__ int32_t input_at(const unsigned char *x, uint32_t bytes)
{
    return *(const int16_t *)(const void *)(x + bytes);
}

/* Four inputs added, times the weight of their code, which a lane of the warp holds. */
static __device__ __forceinline__ uint32_t product(const unsigned char *x, uint2 group,
                                                   int32_t weight)
{
    const uint32_t bits = (group.x & 0x10001u) | (group.y & 0x10001u) << 1;
    const int32_t shared = __shfl_sync(ALL, weight, (int)((bits | bits >> 14) & 15u), 16);
    const int32_t sum = input_at(x, group.x & 0xfffeu) + input_at(x, group.x >> 16 & 0xfffeu) +
                        input_at(x, group.y & 0xfffeu) + input_at(x, group.y >> 16 & 0xfffeu);
    return (uint32_t)sum * (uint32_t)shared;
}

CUDA_KERNEL(CODE_GROUPS_THREADS) code_groups(struct code_groups_arguments a)
{
    CUDA_SHARED(x);
    const uint32_t lane = threadIdx.x % WARP, warps = blockDim.x / WARP * gridDim.x;
    const uint32_t width = a.rows * a.lanes;
    const uint2 *groups = (const uint2 *)a.base.copy + (lane < width ? lane : 0);
    const uint32_t *row_of = (const uint32_t *)(const void *)((const char *)a.base.copy + a.row_at);
    uint32_t task = threadIdx.x / WARP * gridDim.x + blockIdx.x, steps = 0;
    uint2 group[CODE_GROUPS_AHEAD];
    const uint2 *from = groups;
    if (task < a.tasks) {
        from += find_task(a, task, steps) * width;
        fetch(a, from, width, steps, group);
    }
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    const uint4 *staged =
        (const uint4 *)(const void *)(a.base.x + (uint64_t)blockIdx.y * a.base.x_stride);
    for (uint32_t i = threadIdx.x; i < a.base.x_stride / 8; i += blockDim.x)
        ((uint4 *)(void *)x)[i] = __ldg(staged + i);
    __syncthreads();
    while (task < a.tasks) {
        const uint32_t row =
            lane < width ? __ldg(row_of + task * a.rows + lane / a.lanes) : CUDA_NO_ROW;
        const int32_t bias = row != CUDA_NO_ROW ? __ldg(a.base.constants + 16 + row) : 0;
        uint32_t sum = 0;
        for (uint32_t done = 0; done < steps; done += CODE_GROUPS_AHEAD) {
            uint2 next[CODE_GROUPS_AHEAD];
            from += (uint64_t)CODE_GROUPS_AHEAD * width;
            const uint32_t left = steps - done;
            fetch(a, from, width, left > CODE_GROUPS_AHEAD ? left - CODE_GROUPS_AHEAD : 0, next);
#pragma unroll
            for (uint32_t i = 0; i < CODE_GROUPS_AHEAD; i++) {
                sum += product(x, group[i], weight);
                group[i] = next[i];
            }
        }
        sum = cuda_sum(sum, a.lanes);
        if (row != CUDA_NO_ROW && lane % a.lanes == 0)
            a.base.y[(uint64_t)blockIdx.y * a.base.outputs + row] =
                cuda_finish(sum + (uint32_t)bias, a.base.relu, a.base.shift);
        task += warps;
        if (task < a.tasks) {
            from = groups + find_task(a, task, steps) * width;
            fetch(a, from, width, steps, group);
        }
    }
}

EIE_CUDA_CODE(code_groups, code_groups, struct code_groups_arguments);
