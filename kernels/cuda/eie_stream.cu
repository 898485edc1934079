/* A block is a PE and a slice of the columns: it lists the slice's active columns, and each thread
 * walks along one of them, entry by entry, adding to the PE's accumulators in shared memory. */
#include "kernels/cuda/columns.cuh"

CUDA_KERNEL(COLUMNS_THREADS) eie_stream(struct columns_arguments a)
{
    CUDA_SHARED(memory);
    const uint32_t pe = blockIdx.x, slice = blockIdx.y % a.slices, vector = blockIdx.y / a.slices;
    const uint32_t first = slice * a.slice_columns;
    const uint32_t end =
        a.base.inputs - first < a.slice_columns ? a.base.inputs : first + a.slice_columns;
    const uint32_t *start =
        (const uint32_t *)a.base.copy + (uint64_t)pe * (a.base.inputs + 1u) + first;
    const uint8_t *entries = (const uint8_t *)a.base.copy + a.entries_at;
    const int16_t *x = a.base.x + (uint64_t)vector * a.base.x_stride;
    const struct columns_shared shared = columns_begin(a, memory);
    columns_compact(shared, x, first, end);
    for (uint32_t i = threadIdx.x; i < shared.numbers[0]; i += blockDim.x) {
        const uint32_t column = shared.list[i];
        const int32_t input = __ldg(x + first + column);
        const uint32_t stop = __ldg(start + column + 1);
        uint32_t row = 0; /* of the PE; behind the entry before */
        for (uint32_t e = __ldg(start + column); e < stop; e++) {
            const uint32_t entry = __ldg(entries + e);
            row += entry & 15u;
            if (entry >> 4)
                atomicAdd(&shared.sum[row],
                          (uint32_t)(__ldg(a.base.constants + (entry >> 4)) * input));
            row++;
        }
    }
    const uint32_t rows = pe < a.base.outputs ? (a.base.outputs - pe - 1) / a.sets + 1 : 0;
    columns_end(a, shared, vector, pe, rows, pe, a.sets);
}

EIE_CUDA_CODE(eie_stream, eie_stream, struct columns_arguments);
