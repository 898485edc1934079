/* As code_groups.cu, with the codes apart from the columns (groups.h): what is decoded of a group
 * is one shift. A chunk is fetched while the one before is multiplied; what a task has behind its
 * chunks comes with the first one. */
#include "kernels/cuda/code_groups.h"
#include "kernels/cuda/groups.cuh"

#define BEHIND (CUDA_CHUNK_STEPS - 1)

struct chunk {
    uint4 first, last; /* columns of two steps each */
    uint32_t codes;
};

/* What a lane has of a task. */
struct task {
    uint32_t chunks, behind; /* steps behind the chunks */
    const uint4 *from;       /* its columns of the first chunk */
    const uint16_t *codes;
};

static __device__ __forceinline__ struct task find(const struct code_groups_arguments &a,
                                                   uint32_t number)
{
    const uint32_t lane = threadIdx.x % WARP;
    uint32_t c = 0;
    while (c + 1 < a.tasks.class_count && number >= a.tasks.classes[c].end_task) c++;
    const struct cuda_class &of = a.tasks.classes[c];
    const uint32_t chunks = of.steps / CUDA_CHUNK_STEPS, behind = of.steps % CUDA_CHUNK_STEPS;
    const uint32_t units = chunks * CUDA_CHUNK_UNITS + behind * CUDA_STEP_UNITS;
    const char *at = (const char *)a.base.copy +
                     (uint64_t)(of.first_step + (number - of.first_task) * units) * 64;
    return {chunks, behind, (const uint4 *)(const void *)at + lane,
            (const uint16_t *)(const void *)(at + CUDA_CHUNK_STEPS * WARP * sizeof(uint2)) + lane};
}

static __device__ __forceinline__ struct chunk fetch(const struct task &task, uint32_t number)
{
    const uint4 *from = task.from + number * (CUDA_CHUNK_UNITS * 64 / sizeof(uint4));
    const uint16_t *codes = task.codes + number * (CUDA_CHUNK_UNITS * 64 / sizeof(uint16_t));
    return {__ldg(from), __ldg(from + WARP), __ldg(codes)};
}

static __device__ __forceinline__ void fetch_behind(const struct task &task, uint2 group[BEHIND])
{
    const uint32_t lane = threadIdx.x % WARP;
    const uint4 *end = task.from - lane + task.chunks * (CUDA_CHUNK_UNITS * 64 / sizeof(uint4));
    const uint2 *from = (const uint2 *)(const void *)end + lane;
#pragma unroll
    for (uint32_t i = 0; i < BEHIND; i++)
        if (i < task.behind) group[i] = __ldg(from + i * WARP);
}

/* Only the lower four bits of what the shuffle is given choose a lane of 16. */
static __device__ __forceinline__ uint32_t weight_of(uint32_t codes, int32_t weight)
{
    return (uint32_t)__shfl_sync(ALL, weight, (int)codes, 16);
}

static __device__ __forceinline__ uint32_t product(const unsigned char *x,
                                                   const struct chunk &chunk, int32_t weight)
{
    return (uint32_t)groups_inputs(x, chunk.first.x, chunk.first.y) *
               weight_of(chunk.codes, weight) +
           (uint32_t)groups_inputs(x, chunk.first.z, chunk.first.w) *
               weight_of(chunk.codes >> 4, weight) +
           (uint32_t)groups_inputs(x, chunk.last.x, chunk.last.y) *
               weight_of(chunk.codes >> 8, weight) +
           (uint32_t)groups_inputs(x, chunk.last.z, chunk.last.w) *
               weight_of(chunk.codes >> 12, weight);
}

CUDA_KERNEL(CODE_GROUPS_THREADS) code_chunks(struct code_groups_arguments a)
{
    CUDA_SHARED(x);
    const uint32_t lane = threadIdx.x % WARP, warps = blockDim.x / WARP * gridDim.x;
    const uint32_t lanes = 1u << a.lane_bits, rows = WARP >> a.lane_bits;
    const uint32_t *row_of = groups_rows(a.tasks, a.base.copy) + (lane >> a.lane_bits);
    uint32_t number = cuda_warp() * gridDim.x + blockIdx.x, row = CUDA_NO_ROW;
    struct task task = {};
    struct chunk chunk = {};
    uint2 behind[BEHIND] = {};
    if (number < a.tasks.count) {
        task = find(a, number);
        if (task.chunks) chunk = fetch(task, 0);
        fetch_behind(task, behind);
        row = __ldg(row_of + number * rows);
    }
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    cuda_stage((const uint4 *)(const void *)(a.base.x + (uint64_t)blockIdx.y * a.base.x_stride),
               (uint4 *)(void *)x, a.base.x_stride / 8);
    __syncthreads();
    while (number < a.tasks.count) {
        const int32_t bias = row != CUDA_NO_ROW ? __ldg(a.base.constants + 16 + row) : 0;
        uint32_t sum = 0;
        for (uint32_t done = 1; done <= task.chunks; done++) {
            struct chunk next = {};
            if (done < task.chunks) next = fetch(task, done);
            sum += product(x, chunk, weight);
            chunk = next;
        }
#pragma unroll
        for (uint32_t i = 0; i < BEHIND; i++)
            if (i < task.behind) sum += groups_product(x, behind[i], weight);
        sum = cuda_sum(sum, lanes);
        if (row != CUDA_NO_ROW && !(lane & (lanes - 1)))
            a.base.y[(uint64_t)blockIdx.y * a.base.outputs + row] =
                cuda_finish(sum + (uint32_t)bias, a.base.relu, a.base.shift);
        number += warps;
        if (number < a.tasks.count) {
            task = find(a, number);
            if (task.chunks) chunk = fetch(task, 0);
            fetch_behind(task, behind);
            row = __ldg(row_of + number * rows);
        }
    }
}

EIE_CUDA_CODE(code_chunks, code_chunks, struct code_groups_arguments);
