/* A block is a set of neighbouring rows and a slice of the columns: it lists the active columns of
 * the slice, and each warp takes one after the other. The 16 products of a column's input with the
 * codebook lie in the warp's registers; an entry's code picks one (a shuffle), its row takes it. */
#include "kernels/cuda/active_columns.h"
#include "kernels/cuda/columns.cuh"

static __device__ __forceinline__ void add(uint32_t *sum, uint32_t entry, uint32_t products)
{
    const uint32_t product = __shfl_sync(ALL, products, (int)(entry & 15u), 16);
    if (entry & 15u) atomicAdd(&sum[entry >> 4], product);
}

CUDA_KERNEL(COLUMNS_THREADS) active_columns(struct columns_arguments a)
{
    CUDA_SHARED(memory);
    const uint32_t set = blockIdx.x, slice = blockIdx.y % a.slices, vector = blockIdx.y / a.slices;
    const uint32_t first = slice * a.slice_columns, lane = threadIdx.x % WARP;
    const uint32_t end =
        a.base.inputs - first < a.slice_columns ? a.base.inputs : first + a.slice_columns;
    const uint32_t *start =
        (const uint32_t *)a.base.copy + (uint64_t)set * (a.base.inputs + 1u) + first;
    const uint2 *entries = (const uint2 *)(const void *)((const char *)a.base.copy + a.entries_at);
    const int16_t *x = a.base.x + (uint64_t)vector * a.base.x_stride;
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    const struct columns_shared shared = columns_begin(a, memory);
    columns_compact(shared, x, first, end);
    const uint32_t count = shared.numbers[0];
    for (uint32_t i = threadIdx.x / WARP; i < count; i += blockDim.x / WARP) {
        const uint32_t column = shared.list[i];
        const uint32_t products = (uint32_t)(weight * __ldg(x + first + column));
        const uint32_t begin = __ldg(start + column), stop = __ldg(start + column + 1);
        for (uint32_t e = begin; e < stop; e += WARP) {
            uint2 four;
            four.x = four.y = 0;
            if (e + lane < stop) four = __ldg(entries + e + lane);
            add(shared.sum, four.x & 0xffffu, products);
            add(shared.sum, four.x >> 16, products);
            add(shared.sum, four.y & 0xffffu, products);
            add(shared.sum, four.y >> 16, products);
        }
    }
    const uint32_t before = set * ACTIVE_COLUMNS_ROWS;
    const uint32_t rows = a.base.outputs - before < ACTIVE_COLUMNS_ROWS ? a.base.outputs - before
                                                                        : ACTIVE_COLUMNS_ROWS;
    columns_end(a, shared, vector, set, rows, before, 1);
}

EIE_CUDA_CODE(active_columns, active_columns, struct columns_arguments);
