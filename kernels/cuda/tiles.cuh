/* Products of byte tiles on the tensor cores, which the 32 threads of a warp make together: 16 rows
 * of 32 weights by 32 inputs of 8 vectors, sums modulo 2^32 (PTX ISA, mma.m16n8k32).
 *
 * Lane l, with g = l / 4 and t = l % 4, holds of the weights rows g and g + 8: words 0 and 2 are
 * row g at depths 4 t to 4 t + 3 and the same plus 16, words 1 and 3 are row g + 8; of the inputs
 * the vector g at the same depths; of the sums rows g (words 0, 1) and g + 8 (2, 3) of the vectors
 * 2 t and 2 t + 1. Which input stands at which depth is the kernel's choice, as long as it is the
 * same for both factors. */
#ifndef EIE_KERNELS_CUDA_TILES_CUH
#define EIE_KERNELS_CUDA_TILES_CUH

#include "kernels/cuda/device.cuh"

/* A quarter of the tile: 8 rows, depth 16. The lanes are those of the whole. */
#define TILES_QUARTER(types, sum0, sum1, weight, x)                                                \
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32." types                                     \
                 ".s32 {%0, %1}, {%2}, {%3}, {%0, %1};"                                            \
                 : "+r"(sum0), "+r"(sum1)                                                          \
                 : "r"(weight), "r"(x))

/* GPUs before compute capability 8.0 know the quarter only. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define TILES_WHOLE(types)                                                                         \
    do {                                                                                           \
        TILES_QUARTER(types, sum[0], sum[1], weight[0], x0);                                       \
        TILES_QUARTER(types, sum[2], sum[3], weight[1], x0);                                       \
        TILES_QUARTER(types, sum[0], sum[1], weight[2], x1);                                       \
        TILES_QUARTER(types, sum[2], sum[3], weight[3], x1);                                       \
    } while (0)
#else
#define TILES_WHOLE(types)                                                                         \
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32." types                                    \
                 ".s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"            \
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])                          \
                 : "r"(weight[0]), "r"(weight[1]), "r"(weight[2]), "r"(weight[3]), "r"(x0),        \
                   "r"(x1))
#endif

/* Adds the product of a tile whose weights and inputs are bytes with a sign or without. */
template <bool WEIGHT_SIGNED, bool X_SIGNED>
static __device__ __forceinline__ void tiles_add(uint32_t sum[4], const uint32_t weight[4],
                                                 uint32_t x0, uint32_t x1)
{
#ifdef EIE_CUDA_EMULATED
    const uint32_t x[2] = {x0, x1};
    emulated_tile(sum, weight, x, WEIGHT_SIGNED, X_SIGNED);
#else
    if (WEIGHT_SIGNED && X_SIGNED)
        TILES_WHOLE("s8.s8");
    else if (WEIGHT_SIGNED)
        TILES_WHOLE("s8.u8");
    else if (X_SIGNED)
        TILES_WHOLE("u8.s8");
    else
        TILES_WHOLE("u8.u8");
#endif
}

#endif
