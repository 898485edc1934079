/* A block holds 2 to 16 vectors of the batch in shared memory, all values of an input side by side;
 * a warp has a row (groups.h). A lane owns two of the vectors, and the lanes that own the same two
 * share the row's groups. */
#include "kernels/cuda/batch_groups.h"
#include "kernels/cuda/device.cuh"

static __device__ __forceinline__ int32_t input_at(const struct batch_groups_arguments &a,
                                                   uint32_t vector, uint32_t column)
{
    if (vector >= a.base.batch) return 0;
    return __ldg(a.base.x + (uint64_t)vector * a.base.x_stride + column);
}

/* [x_stride][pairs] words of two values. Neighbouring threads read neighbouring columns. */
static __device__ __forceinline__ void stage(const struct batch_groups_arguments &a, uint32_t first,
                                             uint32_t *x)
{
    const uint32_t all = a.base.x_stride * a.pairs;
    for (uint32_t i = threadIdx.x; i < all; i += blockDim.x) {
        const uint32_t pair = i / a.base.x_stride, column = i % a.base.x_stride;
        const uint32_t low = (uint32_t)input_at(a, first + 2 * pair, column) & 0xffffu;
        const uint32_t high = (uint32_t)input_at(a, first + 2 * pair + 1, column) << 16;
        x[column * a.pairs + pair] = low | high;
    }
}

static __device__ __forceinline__ uint64_t find_task(const struct batch_groups_arguments &a,
                                                     uint32_t task, uint32_t &steps)
{
    uint32_t c = 0;
    while (c + 1 < a.class_count && task >= a.classes[c].end_task) c++;
    steps = a.classes[c].steps;
    return a.classes[c].first_step + (uint64_t)(task - a.classes[c].first_task) * steps;
}

/* The lane's two sums of four inputs, times the weight of their code. `x` begins at the lane's
 * pair. */
static __device__ __forceinline__ void add(const uint32_t *x, uint32_t pairs, uint2 group,
                                           int32_t weight, uint32_t sum[2])
{
    const uint32_t bits = (group.x & 0x10001u) | (group.y & 0x10001u) << 1;
    const uint32_t shared =
        (uint32_t)__shfl_sync(ALL, weight, (int)((bits | bits >> 14) & 15u), 16);
    const uint32_t word[4] = {x[(group.x >> 1 & 0x7fffu) * pairs], x[(group.x >> 17) * pairs],
                              x[(group.y >> 1 & 0x7fffu) * pairs], x[(group.y >> 17) * pairs]};
    int32_t low = 0, high = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        low += (int16_t)(word[i] & 0xffffu);
        high += (int32_t)word[i] >> 16;
    }
    sum[0] += (uint32_t)low * shared;
    sum[1] += (uint32_t)high * shared;
}

CUDA_KERNEL(BATCH_GROUPS_THREADS) batch_groups(struct batch_groups_arguments a)
{
    CUDA_SHARED(memory);
    uint32_t *x = (uint32_t *)(void *)memory;
    const uint32_t lane = threadIdx.x % WARP, pair = lane % a.pairs, part = lane / a.pairs;
    const uint32_t parts = WARP / a.pairs, first = blockIdx.y * 2 * a.pairs;
    const uint32_t warps = blockDim.x / WARP * gridDim.x, none = a.base.inputs << 1;
    const uint32_t *row_of = (const uint32_t *)(const void *)((const char *)a.base.copy + a.row_at);
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    stage(a, first, x);
    __syncthreads();
    for (uint32_t task = threadIdx.x / WARP * gridDim.x + blockIdx.x; task < a.tasks;
         task += warps) {
        uint32_t steps, sum[2] = {0, 0};
        const uint2 *from = (const uint2 *)a.base.copy + find_task(a, task, steps) * parts + part;
        const uint32_t row = __ldg(row_of + task);
        for (uint32_t step = 0; step < steps; step += BATCH_GROUPS_AHEAD) {
            uint2 group[BATCH_GROUPS_AHEAD];
#pragma unroll
            for (uint32_t i = 0; i < BATCH_GROUPS_AHEAD; i++) {
                group[i].x = group[i].y = none | none << 16;
                if (step + i < steps) group[i] = __ldg(from + (uint64_t)(step + i) * parts);
            }
#pragma unroll
            for (uint32_t i = 0; i < BATCH_GROUPS_AHEAD; i++)
                add(x + pair, a.pairs, group[i], weight, sum);
        }
        const uint32_t bias = (uint32_t)__ldg(a.base.constants + 16 + row);
        for (int k = 0; k < 2; k++) {
            for (uint32_t by = WARP / 2; by >= a.pairs; by /= 2)
                sum[k] += __shfl_xor_sync(ALL, sum[k], (int)by);
            const uint32_t vector = first + 2 * pair + (uint32_t)k;
            if (!part && vector < a.base.batch)
                a.base.y[(uint64_t)vector * a.base.outputs + row] =
                    cuda_finish(sum[k] + bias, a.base.relu, a.base.shift);
        }
    }
}

EIE_CUDA_CODE(batch_groups, batch_groups, struct batch_groups_arguments);
