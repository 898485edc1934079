/* What kernels/float_dense_body.h and float_csr_body.h are made of, in AVX-512. Each instruction
 * set has the same:
 *
 *     VECTOR, LANES          the type, and its floats (a power of 2)
 *     ZERO()                 all 0
 *     LOAD(p), STORE(p, v)   anywhere
 *     LOAD_SOME(p, n)        the first n < LANES, zeros behind; reads no more
 *     BROADCAST(f)           a float in all lanes
 *     GATHER(x, index)       x[index[0..LANES-1]], int32_t indices
 *     GATHER_SOME(x, index, n)
 *     MULTIPLY_ADD(a, b, c)  a b + c
 *     ADD_LANES(v)           their sum, a float */
#ifndef EIE_KERNELS_AVX512_FLOAT_VECTORS_H
#define EIE_KERNELS_AVX512_FLOAT_VECTORS_H

#include <immintrin.h>
#include <stdint.h>

#define VECTOR                   __m512
#define LANES                    16u
#define ZERO()                   _mm512_setzero_ps()
#define LOAD(p)                  _mm512_loadu_ps(p)
#define STORE(p, v)              _mm512_storeu_ps(p, v)
#define LOAD_SOME(p, n)          _mm512_maskz_loadu_ps(first_lanes(n), p)
#define BROADCAST(f)             _mm512_set1_ps(f)
#define GATHER(x, index)         _mm512_i32gather_ps(_mm512_loadu_si512(index), x, 4)
#define GATHER_SOME(x, index, n) gather_some(x, index, n)
#define MULTIPLY_ADD(a, b, c)    _mm512_fmadd_ps(a, b, c)
#define ADD_LANES(v)             _mm512_reduce_add_ps(v)

static inline __mmask16 first_lanes(uint32_t count)
{
    return (__mmask16)((1u << count) - 1);
}

static inline __m512 gather_some(const float *x, const int32_t *index, uint32_t count)
{
    const __mmask16 mask = first_lanes(count);
    const __m512i at = _mm512_maskz_loadu_epi32(mask, index);
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, at, x, 4);
}

#endif
