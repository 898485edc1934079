/* What the ceilings of a device are measured with, and what holds its stream. */
#include "host/devices/cuda_code.h"
#include "host/devices/cuda_parts.h"

#define AHEAD 4 /* words of a thread that are under way together */

static __global__ void reads(struct eie_cuda_reads a)
{
    const uint64_t step = (uint64_t)gridDim.x * blockDim.x;
    const uint64_t first = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const uint4 *data = (const uint4 *)a.data;
    unsigned all = 0;
    for (unsigned round = 0; a.words && round < a.rounds; round++) {
        uint64_t at = first;
        for (; at + (AHEAD - 1) * step < a.words; at += AHEAD * step) {
            uint4 word[AHEAD];
#pragma unroll
            for (int i = 0; i < AHEAD; i++) word[i] = __ldcg(data + at + i * step);
#pragma unroll
            for (int i = 0; i < AHEAD; i++) all |= word[i].x | word[i].y | word[i].z | word[i].w;
        }
        for (; at < a.words; at += step) {
            const uint4 word = __ldcg(data + at);
            all |= word.x | word.y | word.z | word.w;
        }
    }
    if (all == 0x9e3779b9u) *(unsigned *)a.sink = all; /* the data are zeros */
}

EIE_CUDA_CODE(reads, reads, struct eie_cuda_reads);

#ifdef EIE_CUDA_EMULATED
#define wait_for_host emulated_hold /* its threads do not run beside the host */
#else
static __device__ __forceinline__ uint64_t nanoseconds(void)
{
    uint64_t ns;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(ns));
    return ns;
}

static __device__ __forceinline__ void wait_for_host(const volatile uint32_t *open,
                                                     volatile uint32_t *late, uint64_t most_ns)
{
    const uint64_t begin = nanoseconds();
    while (!*open)
        if (nanoseconds() - begin > most_ns) {
            *late = 1;
            break;
        }
}
#endif

static __global__ void hold(struct eie_cuda_hold a)
{
    wait_for_host(a.open, a.late, a.most_ns);
}

EIE_CUDA_CODE(hold, hold, struct eie_cuda_hold);
