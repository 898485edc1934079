/* What kernels/float_dense_body.h and float_csr_body.h are made of, in AVX2 (each name is explained
 * in kernels/avx512/float_vectors.h). */
#ifndef EIE_KERNELS_AVX2_FLOAT_VECTORS_H
#define EIE_KERNELS_AVX2_FLOAT_VECTORS_H

#include <immintrin.h>
#include <stdint.h>

#define VECTOR                   __m256
#define LANES                    8u
#define ZERO()                   _mm256_setzero_ps()
#define LOAD(p)                  _mm256_loadu_ps(p)
#define STORE(p, v)              _mm256_storeu_ps(p, v)
#define LOAD_SOME(p, n)          _mm256_maskload_ps(p, first_lanes(n))
#define BROADCAST(f)             _mm256_set1_ps(f)
#define GATHER(x, index)         _mm256_i32gather_ps(x, _mm256_loadu_si256((const __m256i_u *)(index)), 4)
#define GATHER_SOME(x, index, n) gather_some(x, index, n)
#define MULTIPLY_ADD(a, b, c)    _mm256_fmadd_ps(a, b, c)
#define ADD_LANES(v)             add_lanes(v)

static inline __m256i first_lanes(uint32_t count)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

static inline __m256 gather_some(const float *x, const int32_t *index, uint32_t count)
{
    const __m256i mask = first_lanes(count), at = _mm256_maskload_epi32(index, mask);
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), x, at, _mm256_castsi256_ps(mask), 4);
}

static inline float add_lanes(__m256 v)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
