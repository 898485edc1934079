/* What device code of several kernels shares. */
#ifndef EIE_KERNELS_CUDA_DEVICE_CUH
#define EIE_KERNELS_CUDA_DEVICE_CUH

#include "host/devices/cuda_code.h"

#define WARP 32u
#define ALL  0xffffffffu /* lanes */

/* The block's dynamic shared memory. */
#ifdef EIE_CUDA_EMULATED
#define CUDA_SHARED(name) unsigned char *const name = emulated_shared()
#else
#define CUDA_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

/* Kernels of one launch a call may ask for registers by the block's size. */
#define CUDA_KERNEL(threads) static __global__ void __launch_bounds__(threads)

/* From a row's sum to its output (host/layer/numbers.h): activation, rounding half up, saturation.
 */
static __device__ __forceinline__ int16_t cuda_finish(uint32_t sum, uint32_t relu, uint32_t shift)
{
    int32_t value = (int32_t)sum;
    if (relu && value < 0) value = 0;
    if (shift) {
        value >>= shift - 1; /* then (v + 1) >> 1 without leaving int32 */
        value = (value >> 1) + (value & 1);
    }
    return (int16_t)(value < -32768 ? -32768 : value > 32767 ? 32767 : value);
}

/* Adds within groups of `lanes` neighbours, a power of two; every lane has the sum. */
static __device__ __forceinline__ uint32_t cuda_sum(uint32_t value, uint32_t lanes)
{
    for (uint32_t by = lanes / 2; by; by /= 2) value += __shfl_xor_sync(ALL, value, (int)by);
    return value;
}

#endif
