#include "bench/measure/loops.h"
#include "host/base/random.h"
#include "host/machine/cpu.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- reading -------------------------------------------------------------------------------- */

/* Vectors as the compiler has them: each function below is compiled for its own instruction set, so
 * that a vector is one register there. */
typedef uint64_t vector16 __attribute__((vector_size(16), may_alias));
typedef uint64_t vector32 __attribute__((vector_size(32), may_alias));
typedef uint64_t vector64 __attribute__((vector_size(64), may_alias));

#define AHEAD 2048 /* bytes that are prefetched before they are read */

#define TARGET(features)     __attribute__((target(features)))
#define PREFETCH_ON(pointer) __builtin_prefetch(pointer)
#define PREFETCH_OFF(pointer)

/* `streams` places of the data are read in turn, 256 bytes at each. */
#define READ_LOOP(function, attribute, vector, streams, prefetch)                                  \
    attribute static uint64_t function(const uint8_t *data, size_t bytes)                          \
    {                                                                                              \
        enum { LANES = sizeof(vector) / sizeof(uint64_t), STEP = 256 / sizeof(vector) };           \
        vector a = {0}, b = {0}, c = {0}, d = {0};                                                 \
        const size_t part = bytes / (streams);                                                     \
        uint64_t all = 0;                                                                          \
        for (size_t at = 0; at < part; at += 256) {                                                \
            for (size_t s = 0; s < (streams); s++) {                                               \
                const uint8_t *from = data + s * part + at;                                        \
                const vector *v = (const vector *)(const void *)from;                              \
                prefetch(from + AHEAD);                                                            \
                prefetch(from + AHEAD + 64);                                                       \
                prefetch(from + AHEAD + 128);                                                      \
                prefetch(from + AHEAD + 192);                                                      \
                for (int i = 0; i < STEP; i += 4) {                                                \
                    a |= v[i], b |= v[i + 1];                                                      \
                    c |= v[i + 2], d |= v[i + 3];                                                  \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        a |= b | c | d;                                                                            \
        for (int i = 0; i < LANES; i++) all += a[i];                                               \
        return all;                                                                                \
    }

#define READ_LOOPS(isa, attribute, vector)                                                         \
    READ_LOOP(isa##_1, attribute, vector, 1, PREFETCH_OFF)                                         \
    READ_LOOP(isa##_1_prefetch, attribute, vector, 1, PREFETCH_ON)                                 \
    READ_LOOP(isa##_4, attribute, vector, 4, PREFETCH_OFF)                                         \
    READ_LOOP(isa##_4_prefetch, attribute, vector, 4, PREFETCH_ON)

#define LIST_READ_LOOPS(isa, words)                                                                \
    {words, isa##_1}, {words ", prefetch", isa##_1_prefetch}, {words ", 4 streams", isa##_4},      \
    {                                                                                              \
        words ", 4 streams, prefetch", isa##_4_prefetch                                            \
    }

READ_LOOPS(plain, , vector16)
static const struct eie_read_loop plain_loops[] = {LIST_READ_LOOPS(plain, "16-byte loads")};

#if defined(__x86_64__)
READ_LOOPS(avx2, TARGET("avx2"), vector32)
READ_LOOPS(avx512, TARGET("avx512f"), vector64)
static const struct eie_read_loop avx2_loops[] = {LIST_READ_LOOPS(avx2, "avx2")};
static const struct eie_read_loop avx512_loops[] = {LIST_READ_LOOPS(avx512, "avx512")};
#endif

#define ADD(loops, count, more)                                                                    \
    (memcpy((loops) + (count), (more), sizeof(more)),                                              \
     (count) += (uint32_t)(sizeof(more) / sizeof *(more)))

uint32_t eie_read_loops(struct eie_read_loop *loops)
{
    uint32_t count = 0;
    ADD(loops, count, plain_loops);
#if defined(__x86_64__)
    /* what the processor has, whatever EIE_ISA_MASK takes from our kernels: libraries use it */
    if (__builtin_cpu_supports("avx2")) ADD(loops, count, avx2_loops);
    if (__builtin_cpu_supports("avx512f")) ADD(loops, count, avx512_loops);
#endif
    return count;
}

/* ---- multiplying ---------------------------------------------------------------------------- */

#define CHAINS 12 /* independent sums: latency times throughput of the slowest of these */

static volatile uint32_t factor_bits = 0x3f800001u; /* the compiler must not know the operands */

/* The empty assembly keeps each sum in a register, and each product in the loop. */
#define STEP_ONE(sum, step, place)                                                                 \
    sum = step(sum, x);                                                                            \
    __asm__ volatile("" : place(sum), place(x));

/* `step` updates one sum. They are written out, since an array of sums would live in memory. */
#define MAC_LOOP(function, attribute, type, zero, splat, step, first_bits, place)                  \
    attribute static uint64_t function(uint64_t rounds)                                            \
    {                                                                                              \
        type x = splat((int)factor_bits);                                                          \
        type a = zero(), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a,     \
             l = a;                                                                                \
        for (uint64_t round = 0; round < rounds; round++) {                                        \
            STEP_ONE(a, step, place)                                                               \
            STEP_ONE(b, step, place)                                                               \
            STEP_ONE(c, step, place)                                                               \
            STEP_ONE(d, step, place)                                                               \
            STEP_ONE(e, step, place)                                                               \
            STEP_ONE(f, step, place)                                                               \
            STEP_ONE(g, step, place)                                                               \
            STEP_ONE(h, step, place)                                                               \
            STEP_ONE(i, step, place)                                                               \
            STEP_ONE(j, step, place) STEP_ONE(k, step, place) STEP_ONE(l, step, place)             \
        }                                                                                          \
        return (uint64_t)first_bits(a) + (uint64_t)first_bits(b) + (uint64_t)first_bits(c) +       \
               (uint64_t)first_bits(d) + (uint64_t)first_bits(e) + (uint64_t)first_bits(f) +       \
               (uint64_t)first_bits(g) + (uint64_t)first_bits(h) + (uint64_t)first_bits(i) +       \
               (uint64_t)first_bits(j) + (uint64_t)first_bits(k) + (uint64_t)first_bits(l);        \
    }

/* Portable: for other processors, and so that there always is one. */
#define ZERO()               0
#define SCALAR_INT(b)        ((uint32_t)(b)&0x7fffu)
#define SCALAR_FLOAT(b)      ((float)(b)*0x1p-30f)
#define MULTIPLY_ADD(sum, x) ((sum) + (x) * (x))
#define ITSELF(v)            (v)
#if defined(__x86_64__)
#define FLOAT_PLACE "+x"
#elif defined(__aarch64__)
#define FLOAT_PLACE "+w"
#else
#define FLOAT_PLACE "+m"
#endif

MAC_LOOP(plain_int16, , uint32_t, ZERO, SCALAR_INT, MULTIPLY_ADD, ITSELF, "+r")
MAC_LOOP(plain_float32, , float, ZERO, SCALAR_FLOAT, MULTIPLY_ADD, ITSELF, FLOAT_PLACE)

#if defined(__x86_64__)
#define FIRST_256(v)       (uint32_t) _mm256_extract_epi32(v, 0)
#define FIRST_512(v)       (uint32_t) _mm_cvtsi128_si32(_mm512_castsi512_si128(v))
#define FIRST_256_FLOAT(v) FIRST_256(_mm256_castps_si256(v))
#define FIRST_512_FLOAT(v) FIRST_512(_mm512_castps_si512(v))
#define SPLAT_256_FLOAT(b) _mm256_castsi256_ps(_mm256_set1_epi32(b))
#define SPLAT_512_FLOAT(b) _mm512_castsi512_ps(_mm512_set1_epi32(b))

#define MADD_256(sum, x)   _mm256_add_epi32(sum, _mm256_madd_epi16(x, x))
#define MADD_512(sum, x)   _mm512_add_epi32(sum, _mm512_madd_epi16(x, x))
#define DPWSSD_512(sum, x) _mm512_dpwssd_epi32(sum, x, x)
#define DPBUSD_512(sum, x) _mm512_dpbusd_epi32(sum, x, x)
#define FMA_256(sum, x)    _mm256_fmadd_ps(x, x, sum)
#define FMA_512(sum, x)    _mm512_fmadd_ps(x, x, sum)

MAC_LOOP(madd_256, TARGET("avx2"), __m256i, _mm256_setzero_si256, _mm256_set1_epi32, MADD_256,
         FIRST_256, "+v")
MAC_LOOP(madd_512, TARGET("avx512f,avx512bw"), __m512i, _mm512_setzero_si512, _mm512_set1_epi32,
         MADD_512, FIRST_512, "+v")
MAC_LOOP(dpwssd_512, TARGET("avx512f,avx512vnni"), __m512i, _mm512_setzero_si512, _mm512_set1_epi32,
         DPWSSD_512, FIRST_512, "+v")
MAC_LOOP(dpbusd_512, TARGET("avx512f,avx512vnni"), __m512i, _mm512_setzero_si512, _mm512_set1_epi32,
         DPBUSD_512, FIRST_512, "+v")
MAC_LOOP(fma_256, TARGET("avx2,fma"), __m256, _mm256_setzero_ps, SPLAT_256_FLOAT, FMA_256,
         FIRST_256_FLOAT, "+v")
MAC_LOOP(fma_512, TARGET("avx512f"), __m512, _mm512_setzero_ps, SPLAT_512_FLOAT, FMA_512,
         FIRST_512_FLOAT, "+v")

/* Matrix units: 16 rows of 64 bytes a tile; a product of two adds 16 x 16 sums of 64 products. */
#define TILE_BYTES   1024
#define TILE_ROWS    16
#define TILE_MACS    (16 * 16 * 64)
#define TILE_CHAINS  4
#define TILES        8
#define TILE_PALETTE 1

struct tile_config { /* as the processor reads it */
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

TARGET("amx-tile,amx-int8") static uint64_t tile_int8(uint64_t rounds)
{
    struct tile_config config = {.palette = TILE_PALETTE};
    uint8_t bytes[TILE_BYTES];
    int32_t sums[TILE_BYTES / sizeof(int32_t)];
    for (int t = 0; t < TILES; t++) {
        config.row_bytes[t] = TILE_BYTES / TILE_ROWS;
        config.rows[t] = TILE_ROWS;
    }
    memset(bytes, (int)(factor_bits & 3), sizeof bytes);
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, bytes, TILE_BYTES / TILE_ROWS);
    _tile_loadd(5, bytes, TILE_BYTES / TILE_ROWS);
    _tile_loadd(6, bytes, TILE_BYTES / TILE_ROWS);
    _tile_loadd(7, bytes, TILE_BYTES / TILE_ROWS);
    for (uint64_t round = 0; round < rounds; round++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, TILE_BYTES / TILE_ROWS);
    _tile_release();
    return (uint64_t)(uint32_t)sums[0];
}

static bool has_tiles(void)
{
    uint32_t features;
    struct eie_error error;
    return eie_cpu_features(&features, &error) == EIE_OK && features & EIE_CPU_AMX;
}
#endif

uint32_t eie_mac_loops(struct eie_mac_loop *loops)
{
    uint32_t count = 0;
    loops[count++] = (struct eie_mac_loop){"scalar multiply", "int16", CHAINS, plain_int16};
    loops[count++] = (struct eie_mac_loop){"scalar multiply", "float32", CHAINS, plain_float32};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        loops[count++] = (struct eie_mac_loop){"vpmaddwd ymm", "int16", 16 * CHAINS, madd_256};
        if (__builtin_cpu_supports("fma"))
            loops[count++] = (struct eie_mac_loop){"vfmadd ymm", "float32", 8 * CHAINS, fma_256};
    }
    if (__builtin_cpu_supports("avx512f")) {
        loops[count++] = (struct eie_mac_loop){"vfmadd zmm", "float32", 16 * CHAINS, fma_512};
        if (__builtin_cpu_supports("avx512bw"))
            loops[count++] = (struct eie_mac_loop){"vpmaddwd zmm", "int16", 32 * CHAINS, madd_512};
        if (__builtin_cpu_supports("avx512vnni")) {
            loops[count++] =
                (struct eie_mac_loop){"vpdpwssd zmm", "int16", 32 * CHAINS, dpwssd_512};
            loops[count++] = (struct eie_mac_loop){"vpdpbusd zmm", "int8", 64 * CHAINS, dpbusd_512};
        }
    }
    if (has_tiles())
        loops[count++] =
            (struct eie_mac_loop){"tdpbssd tmm", "int8", TILE_CHAINS * TILE_MACS, tile_int8};
#endif
    return count;
}

/* ---- adding where the data say ----------------------------------------------------------------
 */

#define GROUP 16u /* places that differ */

void eie_add_places(uint16_t places[EIE_ADD_PLACES])
{
    struct eie_random random;
    eie_random_seed(&random, 1);
    for (uint32_t i = 0; i < EIE_ADD_PLACES; i++) {
        uint32_t other = i - i % GROUP;
        places[i] = (uint16_t)eie_random_below(&random, EIE_ADD_SUMS);
        while (other < i && places[other] != places[i]) other++;
        i -= other < i; /* once more */
    }
}

static uint64_t add_one_by_one(uint32_t *sums, const uint16_t *places, uint64_t rounds)
{
    const uint32_t x = factor_bits;
    for (uint64_t round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < EIE_ADD_PLACES; i++) sums[places[i]] += x;
    return sums[0];
}

/* Loads are what limits: four places come as one word. */
static uint64_t add_by_words(uint32_t *sums, const uint16_t *places, uint64_t rounds)
{
    const uint32_t x = factor_bits;
    for (uint64_t round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < EIE_ADD_PLACES; i += 8) {
            uint64_t word[2];
            memcpy(word, places + i, sizeof word);
            for (uint32_t k = 0; k < 4; k++) sums[word[0] >> 16 * k & 0xffff] += x;
            for (uint32_t k = 0; k < 4; k++) sums[word[1] >> 16 * k & 0xffff] += x;
        }
    return sums[0];
}

#if defined(__x86_64__)
TARGET("avx512f")
static uint64_t add_16(uint32_t *sums, const uint16_t *places, uint64_t rounds)
{
    const __m512i x = _mm512_set1_epi32((int)factor_bits);
    for (uint64_t round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < EIE_ADD_PLACES; i += GROUP) {
            const __m512i at =
                _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(places + i)));
            const __m512i sum = _mm512_i32gather_epi32(at, sums, 4);
            _mm512_i32scatter_epi32(sums, at, _mm512_add_epi32(sum, x), 4);
        }
    return sums[0];
}
#endif

uint32_t eie_add_loops(struct eie_add_loop *loops)
{
    uint32_t count = 0;
    loops[count++] = (struct eie_add_loop){"place by place", add_one_by_one};
    loops[count++] = (struct eie_add_loop){"4 places a word", add_by_words};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        loops[count++] = (struct eie_add_loop){"vpgatherdd, vpscatterdd zmm", add_16};
#endif
    return count;
}
