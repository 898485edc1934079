/* As batch_groups.cu, and a lane owns four of the vectors: their values of an input are one load of
 * 8 bytes. Of a word of two values dp2a adds the one and leaves the other. */
#include "kernels/cuda/batch_groups.h"
#include "kernels/cuda/groups.cuh"

#define CHUNK  8u /* values of a load */
#define LOWER  0x0001
#define HIGHER 0x0100

static __device__ __forceinline__ uint4 chunk_at(const struct batch_groups_arguments &a,
                                                 uint32_t vector, uint32_t chunk)
{
    const bool there =
        vector < a.base.batch; /* another vector does as well: nobody reads its sums */
    const int16_t *x = a.base.x + (uint64_t)(there ? vector : 0) * a.base.x_stride;
    return __ldg((const uint4 *)(const void *)x + chunk);
}

/* Two values of four vectors: of the one and of the other input. */
static __device__ __forceinline__ void put(uint2 *x, uint32_t one, uint32_t other, uint32_t a,
                                           uint32_t b, uint32_t c, uint32_t d)
{
    x[one] = uint2{cuda_bytes(a, b, 0x5410u), cuda_bytes(c, d, 0x5410u)};
    x[other] = uint2{cuda_bytes(a, b, 0x7632u), cuda_bytes(c, d, 0x7632u)};
}

/* [x_stride][quads], inputs where cuda_groups_turned has them. Neighbouring threads have
 * neighbouring quads, then chunks. */
template <uint32_t BITS>
static __device__ __forceinline__ void stage(const struct batch_groups_arguments &a, uint32_t first,
                                             uint2 *x)
{
    const uint32_t quad = threadIdx.x & ((1u << BITS) - 1), vector = first + 4 * quad;
    const uint32_t step = blockDim.x >> BITS, chunks = a.base.x_stride / CHUNK;
    for (uint32_t chunk = threadIdx.x >> BITS; chunk < chunks; chunk += step) {
        const uint4 p = chunk_at(a, vector, chunk), q = chunk_at(a, vector + 1, chunk);
        const uint4 r = chunk_at(a, vector + 2, chunk), s = chunk_at(a, vector + 3, chunk);
        uint2 *to = x + quad;
        const uint32_t begin = chunk * CHUNK + chunk % CHUNK; /* of value 0; ^ i is that of i */
        put(to, begin << BITS, (begin ^ 1) << BITS, p.x, q.x, r.x, s.x);
        put(to, (begin ^ 2) << BITS, (begin ^ 3) << BITS, p.y, q.y, r.y, s.y);
        put(to, (begin ^ 4) << BITS, (begin ^ 5) << BITS, p.z, q.z, r.z, s.z);
        put(to, (begin ^ 6) << BITS, (begin ^ 7) << BITS, p.w, q.w, r.w, s.w);
    }
}

/* The lane's four sums of four inputs, times the weight of their code. `x` begins at the lane's
 * quad. */
template <uint32_t BITS>
static __device__ __forceinline__ void add(const uint2 *x, uint2 group, int32_t weight,
                                           uint32_t sum[4])
{
    const uint32_t shared = groups_weight(group, weight);
    const uint2 word[4] = {x[(group.x >> 1 & 0x7fffu) << BITS], x[group.x >> 17 << BITS],
                           x[(group.y >> 1 & 0x7fffu) << BITS], x[group.y >> 17 << BITS]};
    int32_t four[4] = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        four[0] = __dp2a_lo((int)word[i].x, LOWER, four[0]);
        four[1] = __dp2a_lo((int)word[i].x, HIGHER, four[1]);
        four[2] = __dp2a_lo((int)word[i].y, LOWER, four[2]);
        four[3] = __dp2a_lo((int)word[i].y, HIGHER, four[3]);
    }
#pragma unroll
    for (int k = 0; k < 4; k++) sum[k] += (uint32_t)four[k] * shared;
}

/* Up to BATCH_QUADS_AHEAD groups of the lane, of the `left` that there are. */
static __device__ __forceinline__ void fetch(const uint2 *from, uint32_t parts, uint32_t left,
                                             uint2 group[BATCH_QUADS_AHEAD])
{
#pragma unroll
    for (uint32_t i = 0; i < BATCH_QUADS_AHEAD; i++)
        if (i < left) group[i] = __ldg(from + i * parts);
}

template <uint32_t BITS>
CUDA_KERNEL(BATCH_GROUPS_THREADS)
batch_quads(struct batch_groups_arguments a)
{
    CUDA_SHARED(memory);
    uint2 *x = (uint2 *)(void *)memory;
    const uint32_t quads = 1u << BITS, parts = WARP >> BITS;
    const uint32_t lane = threadIdx.x % WARP, quad = lane & (quads - 1), part = lane >> BITS;
    const uint32_t first = blockIdx.y * 4 * quads, warps = blockDim.x / WARP * gridDim.x;
    const uint32_t *row_of = groups_rows(a.tasks, a.base.copy);
    const int32_t weight = __ldg(a.base.constants + lane % 16);
    stage<BITS>(a, first, x);
    __syncthreads();
    for (uint32_t task = cuda_warp() * gridDim.x + blockIdx.x; task < a.tasks.count;
         task += warps) {
        uint32_t steps, sum[4] = {0, 0, 0, 0};
        uint2 group[BATCH_QUADS_AHEAD] = {};
        const uint2 *from = (const uint2 *)a.base.copy + part;
        from += (uint64_t)groups_find(a.tasks, task, steps) * parts;
        fetch(from, parts, steps, group);
        const uint32_t row = __ldg(row_of + task);
        const uint32_t bias = (uint32_t)__ldg(a.base.constants + 16 + row);
        for (uint32_t step = 0; step < steps; step += BATCH_QUADS_AHEAD) {
            uint2 next[BATCH_QUADS_AHEAD] = {};
            const uint32_t left = steps - step;
            from += BATCH_QUADS_AHEAD * parts;
            fetch(from, parts, left > BATCH_QUADS_AHEAD ? left - BATCH_QUADS_AHEAD : 0, next);
            if (left >= BATCH_QUADS_AHEAD) { /* the same for all lanes */
#pragma unroll
                for (uint32_t i = 0; i < BATCH_QUADS_AHEAD; i++)
                    add<BITS>(x + quad, group[i], weight, sum);
            } else {
#pragma unroll
                for (uint32_t i = 0; i + 1 < BATCH_QUADS_AHEAD; i++)
                    if (i < left) add<BITS>(x + quad, group[i], weight, sum);
            }
#pragma unroll
            for (uint32_t i = 0; i < BATCH_QUADS_AHEAD; i++) group[i] = next[i];
        }
#pragma unroll
        for (uint32_t k = 0; k < 4; k++) {
            for (uint32_t by = WARP / 2; by >= quads; by /= 2)
                sum[k] += __shfl_xor_sync(ALL, sum[k], (int)by);
            const uint32_t vector = first + 4 * quad + k;
            if (!part && vector < a.base.batch)
                a.base.y[(uint64_t)vector * a.base.outputs + row] =
                    cuda_finish(sum[k] + bias, a.base.relu, a.base.shift);
        }
    }
}

EIE_CUDA_CODE(batch_quads_1, batch_quads<0>, struct batch_groups_arguments);
EIE_CUDA_CODE(batch_quads_2, batch_quads<1>, struct batch_groups_arguments);
EIE_CUDA_CODE(batch_quads_4, batch_quads<2>, struct batch_groups_arguments);
EIE_CUDA_CODE(batch_quads_8, batch_quads<3>, struct batch_groups_arguments);
EIE_CUDA_CODE(batch_quads_16, batch_quads<4>, struct batch_groups_arguments);
