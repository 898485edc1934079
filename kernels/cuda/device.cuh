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

/* The number of the thread's warp in its block, the same for all lanes: from a shuffle, so that the
 * compiler knows it and keeps what follows from it in registers of the warp. */
static __device__ __forceinline__ uint32_t cuda_warp(void)
{
    return __shfl_sync(ALL, threadIdx.x / WARP, 0);
}

/* Four of the eight bytes of `a` (0 to 3) and `b` (4 to 7), each chosen by a nibble of the lower
 * half of `picks`: its lower three bits choose, and with the upper one the byte's sign bit is taken
 * eight times. */
static __device__ __forceinline__ uint32_t cuda_bytes(uint32_t a, uint32_t b, uint32_t picks)
{
#ifdef EIE_CUDA_EMULATED
    return emulated_bytes(a, b, picks);
#else
    uint32_t bytes;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(a), "r"(b), "r"(picks));
    return bytes;
#endif
}

/* Copies `count` words into shared memory, all of a thread's under way together: GPUs from compute
 * capability 8.0 on copy without registers in between. Afterwards a barrier must follow, before any
 * thread reads what others have copied. */
static __device__ __forceinline__ void cuda_stage(const uint4 *from, uint4 *to, uint32_t count)
{
    for (uint32_t at = threadIdx.x; at < count; at += blockDim.x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                     :
                     : "r"((uint32_t)__cvta_generic_to_shared(to + at)),
                       "l"(__cvta_generic_to_global(from + at))
                     : "memory");
#else
        to[at] = __ldg(from + at);
#endif
    }
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" : : : "memory");
#endif
}

/* Adds in the device's memory, where nobody wants what was there: no answer comes back. */
static __device__ __forceinline__ void cuda_add(uint32_t *at, uint32_t value)
{
#ifdef EIE_CUDA_EMULATED
    atomicAdd(at, value);
#else
    asm volatile("red.relaxed.gpu.global.add.u32 [%0], %1;"
                 :
                 : "l"(__cvta_generic_to_global(at)), "r"(value)
                 : "memory");
#endif
}

/* What the thread has written, and the block before a barrier, is seen before what it writes
 * afterwards; and what it has read before what it reads afterwards. */
static __device__ __forceinline__ void cuda_fence(void)
{
#ifdef EIE_CUDA_EMULATED
    __threadfence();
#else
    asm volatile("fence.acq_rel.gpu;" : : : "memory");
#endif
}

/* For blocks that add to the same sums in memory, `blocks` of them: true in the one that comes
 * last, in all of its threads, and then all have added. `done` is 0 before the first and after the
 * last; `word` lies in shared memory, for the block to use. A barrier. */
static __device__ __forceinline__ bool cuda_is_last(uint32_t *done, uint32_t blocks, uint32_t *word)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        cuda_fence(); /* what the block has added comes before its sign */
        *word = atomicAdd(done, 1u) == blocks - 1;
        if (*word) *done = 0;
        cuda_fence(); /* and others' signs before their sums are read */
    }
    __syncthreads();
    return *word != 0;
}

/* Adds within groups of `lanes` neighbours, a power of two; every lane has the sum. */
static __device__ __forceinline__ uint32_t cuda_sum(uint32_t value, uint32_t lanes)
{
    for (uint32_t by = lanes / 2; by; by /= 2) value += __shfl_xor_sync(ALL, value, (int)by);
    return value;
}

#endif
