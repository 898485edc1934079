/* A warp has a tile of rows, a block the inputs that all its warps multiply with: chunks of as many
 * steps as it has warps, cut into bytes on their way into shared memory, where one chunk is used
 * while the next one is fetched. */
#include "kernels/cuda/tensor_codes.h"
#include "kernels/cuda/tiles.cuh"

/* Eight inputs of a vector: .x and .y their lower bytes, .z and .w the upper ones. */
static __device__ __forceinline__ uint4 cut(uint4 x)
{
    return uint4{cuda_bytes(x.x, x.y, 0x6420u), cuda_bytes(x.z, x.w, 0x6420u),
                 cuda_bytes(x.x, x.y, 0x7531u), cuda_bytes(x.z, x.w, 0x7531u)};
}

/* What a thread fetches of a chunk: for each word a step and a tile of inputs, of which the lane
 * has a vector and 8 columns. Where there is no such vector or step it takes another; what comes of
 * that is multiplied with codes 0, not at all, or into sums that nobody reads. */
template <uint32_t TILES>
static __device__ __forceinline__ void fetch(const struct tensor_codes_arguments &a, uint32_t part,
                                             uint32_t first_step, uint32_t warp, uint4 word[TILES])
{
    const uint32_t lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
#pragma unroll
    for (uint32_t i = 0; i < TILES; i++) {
        const uint32_t pair = i * warps + warp;
        uint32_t step = first_step + pair / TILES;
        uint32_t vector = (part * TILES + pair % TILES) * TENSOR_CODES_VECTORS + lane / 4;
        if (step >= a.steps) step = a.steps - 1;
        if (vector >= a.base.batch) vector = a.base.batch - 1;
        const int16_t *x = a.base.x + (uint64_t)vector * a.base.x_stride;
        word[i] = __ldg((const uint4 *)(const void *)x + step * 4 + lane % 4);
    }
}

template <uint32_t TILES>
static __device__ __forceinline__ void put(uint4 *chunk, uint32_t warp, const uint4 word[TILES])
{
#pragma unroll
    for (uint32_t i = 0; i < TILES; i++)
        chunk[(i * (blockDim.x / WARP) + warp) * WARP + threadIdx.x % WARP] = cut(word[i]);
}

/* A byte of each of four codes' weights: of codes below 8 where `upper` is 0, else of the others.
 */
static __device__ __forceinline__ uint32_t pick(const uint32_t table[4], uint32_t codes,
                                                uint32_t upper)
{
    return (cuda_bytes(table[2], table[3], codes) & upper) |
           (cuda_bytes(table[0], table[1], codes) & ~upper);
}

/* The bytes of eight codes: of the first four for word 0 of a tile's two, then word 1. */
static __device__ __forceinline__ void decode(const struct tensor_codes_arguments &a,
                                              uint32_t codes, uint32_t low[2], uint32_t high[2])
{
    const uint32_t odd = codes, even = codes << 4; /* so that a code's upper bit is a sign */
    const uint32_t first = cuda_bytes(odd, even, 0x9d8cu), last = cuda_bytes(odd, even, 0xbfaeu);
    const uint32_t lower = codes & 0x77777777u;
    low[0] = pick(a.low, lower, first);
    low[1] = pick(a.low, lower >> 16, last);
    high[0] = pick(a.high, lower, first);
    high[1] = pick(a.high, lower >> 16, last);
}

/* The three sums of a tile's outputs: of the products of lower bytes, of mixed ones, of upper ones.
 */
struct tensor_sums {
    uint32_t low[4], mixed[4], high[4];
};

static __device__ __forceinline__ uint32_t total(const struct tensor_sums &sum, uint32_t i)
{
    return sum.low[i] + (sum.mixed[i] << 8) + (sum.high[i] << 16);
}

/* One step. The products that add to the same sums are kept apart, as each takes a while. */
template <uint32_t TILES>
static __device__ __forceinline__ void multiply(const struct tensor_codes_arguments &a,
                                                const uint4 *x, uint2 codes,
                                                struct tensor_sums sum[TILES])
{
    constexpr uint32_t TOGETHER = TILES < 2 ? 1 : 2;
    uint32_t low[4], high[4];
    decode(a, codes.x, low, high);
    decode(a, codes.y, low + 2, high + 2);
#pragma unroll
    for (uint32_t j = 0; j < TILES; j += TOGETHER) {
        uint4 input[TOGETHER];
#pragma unroll
        for (uint32_t i = 0; i < TOGETHER; i++) input[i] = x[(j + i) * WARP];
#pragma unroll
        for (uint32_t i = 0; i < TOGETHER; i++)
            tiles_add<true, false>(sum[j + i].mixed, high, input[i].x, input[i].y);
#pragma unroll
        for (uint32_t i = 0; i < TOGETHER; i++)
            tiles_add<false, false>(sum[j + i].low, low, input[i].x, input[i].y);
#pragma unroll
        for (uint32_t i = 0; i < TOGETHER; i++)
            tiles_add<true, true>(sum[j + i].high, high, input[i].z, input[i].w);
#pragma unroll
        for (uint32_t i = 0; i < TOGETHER; i++)
            tiles_add<false, true>(sum[j + i].mixed, low, input[i].z, input[i].w);
    }
}

static __device__ __forceinline__ void fetch_codes(const uint2 *from, uint32_t left,
                                                   uint2 codes[TENSOR_CODES_AHEAD])
{
#pragma unroll
    for (uint32_t i = 0; i < TENSOR_CODES_AHEAD; i++)
        if (i < left) codes[i] = __ldg(from + i * WARP);
}

/* A sum becomes an output, if the layer and the batch have it. */
static __device__ __forceinline__ void finish(const struct tensor_codes_arguments &a, uint32_t row,
                                              uint32_t vector, uint32_t sum)
{
    if (row >= a.base.outputs || vector >= a.base.batch) return;
    const uint32_t bias = (uint32_t)__ldg(a.base.constants + 16 + row);
    a.base.y[(uint64_t)vector * a.base.outputs + row] =
        cuda_finish(sum + bias, a.base.relu, a.base.shift);
}

template <uint32_t TILES>
CUDA_KERNEL(TENSOR_CODES_THREADS)
tensor_codes(struct tensor_codes_arguments a)
{
    CUDA_SHARED(memory);
    uint4 *chunk = (uint4 *)(void *)memory;
    const uint32_t lane = threadIdx.x % WARP, warps = blockDim.x / WARP, warp = cuda_warp();
    const uint32_t tile = blockIdx.x * warps + warp;
    const uint32_t slice = blockIdx.y % a.slices, part = blockIdx.y / a.slices;
    const uint32_t first = slice * a.slice_steps, chunk_words = warps * TILES * WARP;
    const uint32_t steps = a.steps - first < a.slice_steps ? a.steps - first : a.slice_steps;
    const uint32_t mine = tile < a.row_tiles ? steps : 0; /* the same for the whole warp */
    const uint2 *from =
        (const uint2 *)a.base.copy + ((uint64_t)tile * a.steps + first) * WARP + lane;
    uint2 codes[TENSOR_CODES_AHEAD] = {};
    struct tensor_sums sum[TILES] = {};
    uint4 word[TILES];
    fetch_codes(from, mine, codes);
    fetch<TILES>(a, part, first, warp, word);
    put<TILES>(chunk, warp, word);
    __syncthreads();
    for (uint32_t base = 0; base < steps; base += warps) {
        const bool more = base + warps < steps;
        uint4 *other = chunk == (uint4 *)(void *)memory ? chunk + chunk_words : chunk - chunk_words;
        if (more) fetch<TILES>(a, part, first + base + warps, warp, word);
        for (uint32_t s = 0; s < warps && base + s < mine; s += TENSOR_CODES_AHEAD) {
            const uint32_t left = mine - base - s;
            uint2 next[TENSOR_CODES_AHEAD] = {};
            from += TENSOR_CODES_AHEAD * WARP;
            fetch_codes(from, left > TENSOR_CODES_AHEAD ? left - TENSOR_CODES_AHEAD : 0, next);
#pragma unroll
            for (uint32_t i = 0; i < TENSOR_CODES_AHEAD; i++)
                if (i < left)
                    multiply<TILES>(a, chunk + (s + i) * TILES * WARP + lane, codes[i], sum);
#pragma unroll
            for (uint32_t i = 0; i < TENSOR_CODES_AHEAD; i++) codes[i] = next[i];
        }
        if (more) put<TILES>(other, warp, word);
        __syncthreads();
        chunk = other;
    }
    uint32_t *sums = a.sums + ((uint64_t)part * a.row_tiles + tile) * TILES * 4 * WARP + lane;
    if (a.slices > 1) {
        if (mine) {
#pragma unroll
            for (uint32_t i = 0; i < TILES * 4; i++)
                cuda_add(sums + i * WARP, total(sum[i / 4], i % 4));
        }
        uint32_t *done = a.done + part * gridDim.x + blockIdx.x;
        if (!cuda_is_last(done, a.slices, (uint32_t *)(void *)memory)) return;
    }
    if (!mine) return;
#pragma unroll
    for (uint32_t i = 0; i < TILES * 4; i++) {
        uint32_t all = total(sum[i / 4], i % 4);
        if (a.slices > 1) {
            all = __ldcg(sums + i * WARP);
            sums[i * WARP] = 0;
        }
        finish(a, tile * TENSOR_CODES_ROWS + i % 4 / 2 * 8 + lane / 4,
               (part * TILES + i / 4) * TENSOR_CODES_VECTORS + lane % 4 * 2 + i % 2, all);
    }
}

EIE_CUDA_CODE(tensor_codes_1, tensor_codes<1>, struct tensor_codes_arguments);
EIE_CUDA_CODE(tensor_codes_2, tensor_codes<2>, struct tensor_codes_arguments);
EIE_CUDA_CODE(tensor_codes_4, tensor_codes<4>, struct tensor_codes_arguments);
EIE_CUDA_CODE(tensor_codes_8, tensor_codes<8>, struct tensor_codes_arguments);
