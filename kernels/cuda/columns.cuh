/* What the kernels share that go along the columns of active inputs: finding these, as the paper's
 * leading-non-zero detection does, and adding up what blocks found for the same rows. */
#ifndef EIE_KERNELS_CUDA_COLUMNS_CUH
#define EIE_KERNELS_CUDA_COLUMNS_CUH

#include "kernels/cuda/columns.h"
#include "kernels/cuda/device.cuh"

/* A block's shared memory. */
struct columns_shared {
    uint32_t *sum;     /* [rows] */
    uint16_t *list;    /* [slice_columns] active columns, from the slice's first */
    uint32_t *numbers; /* [0]: length of the list; [1]: this block is the last of its rows */
};

static __device__ __forceinline__ struct columns_shared
columns_begin(const struct columns_arguments &a, unsigned char *memory)
{
    struct columns_shared shared;
    shared.numbers = (uint32_t *)(void *)memory;
    shared.sum = shared.numbers + COLUMNS_NUMBERS;
    shared.list = (uint16_t *)(void *)(shared.sum + a.rows_most);
    for (uint32_t i = threadIdx.x; i < a.rows_most; i += blockDim.x) shared.sum[i] = 0;
    if (threadIdx.x < COLUMNS_NUMBERS) shared.numbers[threadIdx.x] = 0;
    __syncthreads();
    return shared;
}

/* Fills the list with the columns first to end - 1 whose input is not 0, in no certain order. */
static __device__ __forceinline__ void
columns_compact(const struct columns_shared &shared, const int16_t *x, uint32_t first, uint32_t end)
{
    const uint32_t lane = threadIdx.x % WARP;
    for (uint32_t base = first + threadIdx.x / WARP * WARP; base < end; base += blockDim.x) {
        const bool active = base + lane < end && __ldg(x + base + lane) != 0;
        const uint32_t all = __ballot_sync(ALL, active);
        uint32_t at = 0;
        if (lane == 0 && all) at = atomicAdd(&shared.numbers[0], (uint32_t)__popc(all));
        at = __shfl_sync(ALL, at, 0);
        if (active)
            shared.list[at + (uint32_t)__popc(all & ((1u << lane) - 1))] =
                (uint16_t)(base + lane - first);
    }
    __syncthreads();
}

/* Adds the block's sums to those of the other slices of the same rows; the last of them makes the
 * outputs and leaves zeros for the next call. Local row r is row first + r * step. */
static __device__ __forceinline__ void columns_end(const struct columns_arguments &a,
                                                   const struct columns_shared &shared,
                                                   uint32_t vector, uint32_t set, uint32_t rows,
                                                   uint32_t first, uint32_t step)
{
    uint32_t *sums = a.sums + (uint64_t)vector * a.base.outputs;
    int16_t *y = a.base.y + (uint64_t)vector * a.base.outputs;
    const int32_t *bias = a.base.constants + 16;
    __syncthreads();
    if (a.slices > 1) {
        for (uint32_t r = threadIdx.x; r < rows; r += blockDim.x)
            if (shared.sum[r]) cuda_add(&sums[first + r * step], shared.sum[r]);
        uint32_t *done = a.done + (uint64_t)vector * a.sets + set;
        if (!cuda_is_last(done, a.slices, &shared.numbers[1])) return;
    }
    for (uint32_t r = threadIdx.x; r < rows; r += blockDim.x) {
        const uint32_t row = first + r * step;
        const uint32_t sum = a.slices > 1 ? __ldcg(&sums[row]) : shared.sum[r];
        if (a.slices > 1) sums[row] = 0;
        y[row] = cuda_finish(sum + (uint32_t)__ldg(bias + row), a.base.relu, a.base.shift);
    }
}

#endif
