/* What device code sees of CUDA's language, for the emulator: one block runs at a time, each of its
 * threads on a stack of its own. */
#ifndef EIE_TESTS_CUDA_RUNTIME_H
#define EIE_TESTS_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};

/* The thread that runs, and its block. */
struct emulated_place {
    dim3 thread, block, block_size, grid_size;
};
extern emulated_place emulated_now;
#define threadIdx (emulated_now.thread)
#define blockIdx  (emulated_now.block)
#define blockDim  (emulated_now.block_size)
#define gridDim   (emulated_now.grid_size)

/* Queues a launch; a runtime code. */
int eie_emulate(const void *kernel_code, unsigned blocks_x, unsigned blocks_y, unsigned threads,
                unsigned shared_bytes, cudaStream_t stream, std::function<void()> kernel);
unsigned char *emulated_shared(void); /* the block's dynamic shared memory */
void emulated_barrier(void);

/* All threads of the mask bring a value; what each of the 32 brought, valid until the thread's next
 * but one warp operation. */
const uint64_t *emulated_exchange(unsigned mask, uint64_t value);

inline void __syncthreads(void)
{
    emulated_barrier();
}

inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    emulated_exchange(mask, 0);
}

template <typename T> inline T emulated_take(const uint64_t *all, unsigned lane)
{
    T value;
    std::memcpy(&value, &all[lane & 31], sizeof value);
    return value;
}

template <typename T> inline const uint64_t *emulated_give(unsigned mask, T value)
{
    static_assert(sizeof value <= 8, "shuffles take 8 bytes at most");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return emulated_exchange(mask, bits);
}

template <typename T> inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32)
{
    const unsigned base = threadIdx.x & 31 & ~(unsigned)(width - 1);
    return emulated_take<T>(emulated_give(mask, value),
                            base + ((unsigned)lane & (unsigned)(width - 1)));
}

template <typename T> inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32)
{
    const unsigned lane = threadIdx.x & 31, to = lane ^ (unsigned)bits;
    const uint64_t *all = emulated_give(mask, value);
    return emulated_take<T>(all, to / (unsigned)width > lane / (unsigned)width ? lane : to);
}

template <typename T> inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    const unsigned lane = threadIdx.x & 31;
    const uint64_t *all = emulated_give(mask, value);
    return emulated_take<T>(all, (lane & (unsigned)(width - 1)) < by ? lane : lane - by);
}

template <typename T> inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    const unsigned lane = threadIdx.x & 31;
    const uint64_t *all = emulated_give(mask, value);
    return emulated_take<T>(all, (lane & (unsigned)(width - 1)) + by < (unsigned)width ? lane + by
                                                                                       : lane);
}

inline unsigned __ballot_sync(unsigned mask, int vote)
{
    const uint64_t *all = emulated_exchange(mask, vote != 0);
    unsigned result = 0;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1) result |= (unsigned)all[i] << i;
    return result;
}

/* PTX prmt: bytes of `a` and `b`, picked by nibbles; with a nibble's upper bit, the sign of the
 * byte. */
inline unsigned emulated_bytes(unsigned a, unsigned b, unsigned picks)
{
    const uint64_t all = (uint64_t)b << 32 | a;
    unsigned result = 0;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned pick = picks >> 4 * i & 15u;
        unsigned byte = (unsigned)(all >> 8 * (pick & 7u)) & 255u;
        if (pick & 8u) byte = byte & 128u ? 255u : 0;
        result |= byte << 8 * i;
    }
    return result;
}

/* The halves of `halves`, signed, times the two lower bytes of `bytes`, signed. */
inline int __dp2a_lo(int halves, int bytes, int sum)
{
    const unsigned low = (unsigned)((int16_t)halves * (int8_t)bytes);
    const unsigned high = (unsigned)((int16_t)(halves >> 16) * (int8_t)(bytes >> 8));
    return (int)((unsigned)sum + low + high);
}

/* PTX mma.sync.m16n8k32 of bytes with a sign or without: every lane of the warp adds its four sums
 * of the product to `sum`, modulo 2^32. */
void emulated_tile(unsigned sum[4], const unsigned a[4], const unsigned b[2], bool a_signed,
                   bool b_signed);

inline int __popc(unsigned value)
{
    return __builtin_popcount(value);
}

inline int __ffs(int value)
{
    return __builtin_ffs(value);
}

template <typename T> inline T __ldg(const T *from)
{
    return *from;
}

template <typename T> inline T __ldcg(const T *from)
{
    return *from;
}

template <typename T> inline T __ldcs(const T *from)
{
    return *from;
}

/* Sums may wrap, which signed addition must not. */
inline int atomicAdd(int *at, int value)
{
    const int before = *at;
    *at = (int)((unsigned)before + (unsigned)value);
    return before;
}

inline unsigned atomicAdd(unsigned *at, unsigned value)
{
    const unsigned before = *at;
    *at = before + value;
    return before;
}

inline void __threadfence(void) {}

/* A thread that waits until *open is not 0, or for so long on the device's clock, when *late
 * becomes 1: what is queued behind it stays queued until the host waits for the device. */
void emulated_hold(const volatile uint32_t *open, volatile uint32_t *late, uint64_t most_ns);

#endif
