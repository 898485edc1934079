/* A block is a set of neighbouring rows and a slice of the columns: it lists the active columns of
 * the slice, and each warp takes one after the other. The 16 products of a column's input with the
 * codebook lie in the warp's registers; an entry's code picks one (a shuffle), its row takes it.
 * Where 32 of a warp's columns begin and end, and their inputs, are fetched together, a lane for
 * each, and a column's first entries before the column before it is added. */
#include "kernels/cuda/active_columns.h"
#include "kernels/cuda/columns.cuh"

static __device__ __forceinline__ void add(uint32_t *sum, uint32_t entry, uint32_t products)
{
    const uint32_t product = __shfl_sync(ALL, products, (int)(entry & 15u), 16);
    if (entry & 15u) atomicAdd(&sum[entry >> 4], product);
}

/* Up to 4 weights of the lane; 0 beyond the column's end. */
static __device__ __forceinline__ uint2 entries_at(const uint2 *entries, uint32_t at, uint32_t stop)
{
    uint2 four;
    four.x = four.y = 0;
    if (at < stop) four = __ldg(entries + at);
    return four;
}

static __device__ __forceinline__ void add_four(uint32_t *sum, uint2 four, uint32_t products)
{
    add(sum, four.x & 0xffffu, products);
    add(sum, four.x >> 16, products);
    add(sum, four.y & 0xffffu, products);
    add(sum, four.y >> 16, products);
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
    const uint32_t warps = blockDim.x / WARP;
    for (uint32_t i = cuda_warp(); i < count; i += WARP * warps) {
        const uint32_t mine = i + lane * warps, more = (count - i + warps - 1) / warps;
        const uint32_t columns = more < WARP ? more : WARP;
        uint32_t begin = 0, stop = 0;
        int32_t input = 0;
        if (mine < count) {
            const uint32_t column = shared.list[mine];
            begin = __ldg(start + column);
            stop = __ldg(start + column + 1);
            input = __ldg(x + first + column);
        }
        uint32_t at = __shfl_sync(ALL, begin, 0), end_at = __shfl_sync(ALL, stop, 0);
        uint2 four = entries_at(entries, at + lane, end_at);
        for (uint32_t c = 0; c < columns; c++) {
            const uint32_t products = (uint32_t)(weight * __shfl_sync(ALL, input, (int)c));
            const uint32_t next = c + 1 < columns ? c + 1 : c;
            const uint32_t next_at = __shfl_sync(ALL, begin, (int)next);
            const uint32_t next_end = __shfl_sync(ALL, stop, (int)next);
            const uint2 next_four = entries_at(entries, next_at + lane, next_end);
            add_four(shared.sum, four, products);
            for (at += WARP; at < end_at; at += WARP)
                add_four(shared.sum, entries_at(entries, at + lane, end_at), products);
            at = next_at;
            end_at = next_end;
            four = next_four;
        }
    }
    const uint32_t before = set * ACTIVE_COLUMNS_ROWS;
    const uint32_t rows = a.base.outputs - before < ACTIVE_COLUMNS_ROWS ? a.base.outputs - before
                                                                        : ACTIVE_COLUMNS_ROWS;
    columns_end(a, shared, vector, set, rows, before, 1);
}

EIE_CUDA_CODE(active_columns, active_columns, struct columns_arguments);
