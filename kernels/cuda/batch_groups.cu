/* A block holds 2 to 16 vectors of the batch in shared memory, all values of an input side by side;
 * a warp has a row (groups.h). A lane owns two of the vectors, and the lanes that own the same two
 * share the row's groups. */
#include "kernels/cuda/batch_groups.h"
#include "kernels/cuda/groups.cuh"

#define CHUNK 8u /* values of a load */

static __device__ __forceinline__ uint4 chunk_at(const struct batch_groups_arguments &a,
                                                 uint32_t vector, uint32_t chunk)
{
    if (vector >= a.base.batch) return uint4{0, 0, 0, 0};
    const int16_t *x = a.base.x + (uint64_t)vector * a.base.x_stride;
    return __ldg((const uint4 *)(const void *)x + chunk);
}

static __device__ __forceinline__ uint32_t word_of(uint4 all, uint32_t i)
{
    const uint32_t low = i & 1 ? all.y : all.x, high = i & 1 ? all.w : all.z;
    return i & 2 ? high : low;
}

/* [x_stride][pairs] words of two values. Neighbouring threads have neighbouring pairs, then chunks,
 * and begin at different values of theirs: so they seldom meet in a bank. */
static __device__ __forceinline__ void stage(const struct batch_groups_arguments &a, uint32_t first,
                                             uint32_t *x)
{
    const uint32_t pair = threadIdx.x & ((1u << a.bits) - 1);
    const uint32_t step = blockDim.x >> a.bits, chunks = a.base.x_stride / CHUNK;
#pragma unroll 2
    for (uint32_t chunk = threadIdx.x >> a.bits; chunk < chunks; chunk += step) {
        const uint4 one = chunk_at(a, first + 2 * pair, chunk);
        const uint4 two = chunk_at(a, first + 2 * pair + 1, chunk);
#pragma unroll
        for (uint32_t i = 0; i < CHUNK; i++) {
            const uint32_t at = (i + chunk) % CHUNK;
            const uint32_t low = word_of(one, at / 2), high = word_of(two, at / 2);
            x[((chunk * CHUNK + at) << a.bits) + pair] =
                at & 1 ? low >> 16 | (high & 0xffff0000u) : (low & 0xffffu) | high << 16;
        }
    }
}

/* The lane's two sums of four inputs, times the weight of their code. `x` begins at the lane's
 * pair. */
static __device__ __forceinline__ void add(const uint32_t *x, uint32_t bits, uint2 group,
                                           int32_t weight, uint32_t sum[2])
{
    const uint32_t shared = groups_weight(group, weight);
    const uint32_t word[4] = {x[(group.x >> 1 & 0x7fffu) << bits], x[(group.x >> 17) << bits],
                              x[(group.y >> 1 & 0x7fffu) << bits], x[(group.y >> 17) << bits]};
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
    const uint32_t pairs = 1u << a.bits, parts = WARP >> a.bits;
    const uint32_t lane = threadIdx.x % WARP, pair = lane & (pairs - 1), part = lane >> a.bits;
    const uint32_t first = blockIdx.y * 2 * pairs, warps = blockDim.x / WARP * gridDim.x;
    const uint32_t *row_of = groups_rows(a.tasks, a.base.copy);
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    stage(a, first, x);
    __syncthreads();
    for (uint32_t task = cuda_warp() * gridDim.x + blockIdx.x; task < a.tasks.count;
         task += warps) {
        uint32_t steps, sum[2] = {0, 0};
        const uint2 *from = (const uint2 *)a.base.copy + part;
        from += (uint64_t)groups_find(a.tasks, task, steps) * parts;
        const uint32_t row = __ldg(row_of + task);
        const uint32_t bias = (uint32_t)__ldg(a.base.constants + 16 + row);
        for (uint32_t step = 0; step < steps; step += BATCH_GROUPS_AHEAD) {
            uint2 group[BATCH_GROUPS_AHEAD] = {};
#pragma unroll
            for (uint32_t i = 0; i < BATCH_GROUPS_AHEAD; i++)
                if (step + i < steps) group[i] = __ldg(from + (step + i) * parts);
#pragma unroll
            for (uint32_t i = 0; i < BATCH_GROUPS_AHEAD; i++)
                if (step + i < steps) add(x + pair, a.bits, group[i], weight, sum);
        }
        for (int k = 0; k < 2; k++) {
            for (uint32_t by = WARP / 2; by >= pairs; by /= 2)
                sum[k] += __shfl_xor_sync(ALL, sum[k], (int)by);
            const uint32_t vector = first + 2 * pair + (uint32_t)k;
            if (!part && vector < a.base.batch)
                a.base.y[(uint64_t)vector * a.base.outputs + row] =
                    cuda_finish(sum[k] + bias, a.base.relu, a.base.shift);
        }
    }
}

EIE_CUDA_CODE(batch_groups, batch_groups, struct batch_groups_arguments);
