/* A warp has a task: its rows, each shared by some of the lanes (groups.h). The vector lies in
 * shared memory; the first groups and their rows are on their way before it does. */
#include "kernels/cuda/code_groups.h"
#include "kernels/cuda/groups.cuh"

/* Up to CODE_GROUPS_AHEAD groups of the lane, of the `left` that there are. */
static __device__ __forceinline__ void fetch(const uint2 *from, uint32_t left,
                                             uint2 group[CODE_GROUPS_AHEAD])
{
#pragma unroll
    for (uint32_t i = 0; i < CODE_GROUPS_AHEAD; i++)
        if (i < left) group[i] = __ldg(from + i * WARP);
}

CUDA_KERNEL(CODE_GROUPS_THREADS) code_groups(struct code_groups_arguments a)
{
    CUDA_SHARED(x);
    const uint32_t lane = threadIdx.x % WARP, warps = blockDim.x / WARP * gridDim.x;
    const uint32_t lanes = 1u << a.lane_bits, rows = WARP >> a.lane_bits;
    const uint2 *groups = (const uint2 *)a.base.copy + lane;
    const uint32_t *row_of = groups_rows(a.tasks, a.base.copy) + (lane >> a.lane_bits);
    uint32_t task = cuda_warp() * gridDim.x + blockIdx.x, steps = 0, row = CUDA_NO_ROW;
    uint2 group[CODE_GROUPS_AHEAD] = {};
    const uint2 *from = groups;
    if (task < a.tasks.count) {
        from += (uint64_t)groups_find(a.tasks, task, steps) * WARP;
        fetch(from, steps, group);
        row = __ldg(row_of + task * rows);
    }
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    cuda_stage((const uint4 *)(const void *)(a.base.x + (uint64_t)blockIdx.y * a.base.x_stride),
               (uint4 *)(void *)x, a.base.x_stride / 8);
    __syncthreads();
    while (task < a.tasks.count) {
        const int32_t bias = row != CUDA_NO_ROW ? __ldg(a.base.constants + 16 + row) : 0;
        uint32_t sum = 0;
        for (uint32_t done = 0; done < steps; done += CODE_GROUPS_AHEAD) {
            uint2 next[CODE_GROUPS_AHEAD] = {};
            const uint32_t left = steps - done;
            from += CODE_GROUPS_AHEAD * WARP;
            fetch(from, left > CODE_GROUPS_AHEAD ? left - CODE_GROUPS_AHEAD : 0, next);
            if (left >= CODE_GROUPS_AHEAD) { /* the same for all lanes */
#pragma unroll
                for (uint32_t i = 0; i < CODE_GROUPS_AHEAD; i++)
                    sum += groups_product(x, group[i], weight);
            } else {
#pragma unroll
                for (uint32_t i = 0; i + 1 < CODE_GROUPS_AHEAD; i++)
                    if (i < left) sum += groups_product(x, group[i], weight);
            }
#pragma unroll
            for (uint32_t i = 0; i < CODE_GROUPS_AHEAD; i++) group[i] = next[i];
        }
        sum = cuda_sum(sum, lanes);
        if (row != CUDA_NO_ROW && !(lane & (lanes - 1)))
            a.base.y[(uint64_t)blockIdx.y * a.base.outputs + row] =
                cuda_finish(sum + (uint32_t)bias, a.base.relu, a.base.shift);
        task += warps;
        if (task < a.tasks.count) {
            from = groups + (uint64_t)groups_find(a.tasks, task, steps) * WARP;
            fetch(from, steps, group);
            row = __ldg(row_of + task * rows);
        }
    }
}

EIE_CUDA_CODE(code_groups, code_groups, struct code_groups_arguments);
