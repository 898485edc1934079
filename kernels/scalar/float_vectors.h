/* What kernels/float_dense_body.h and float_csr_body.h are made of (each name is explained in
 * kernels/avx512/float_vectors.h), for every machine: four floats, by the compiler's own vectors.
 */
#ifndef EIE_KERNELS_SCALAR_FLOAT_VECTORS_H
#define EIE_KERNELS_SCALAR_FLOAT_VECTORS_H

#include <stdint.h>
#include <string.h>

typedef float eie_four_floats __attribute__((vector_size(16)));

#define VECTOR                   eie_four_floats
#define LANES                    4u
#define ZERO()                   ((eie_four_floats){0, 0, 0, 0})
#define LOAD(p)                  load(p)
#define STORE(p, v)              store(p, v)
#define LOAD_SOME(p, n)          load_some(p, n)
#define BROADCAST(f)             broadcast(f)
#define GATHER(x, index)         gather_some(x, index, 4)
#define GATHER_SOME(x, index, n) gather_some(x, index, n)
#define MULTIPLY_ADD(a, b, c)    ((a) * (b) + (c))
#define ADD_LANES(v)             add_lanes(v)

static inline eie_four_floats load(const float *p)
{
    eie_four_floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, eie_four_floats v)
{
    memcpy(p, &v, sizeof v);
}

static inline eie_four_floats load_some(const float *p, uint32_t count)
{
    return (eie_four_floats){count > 0 ? p[0] : 0, count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, 0};
}

static inline eie_four_floats broadcast(float f)
{
    return (eie_four_floats){f, f, f, f};
}

static inline eie_four_floats gather_some(const float *x, const int32_t *index, uint32_t count)
{
    return (eie_four_floats){count > 0 ? x[index[0]] : 0, count > 1 ? x[index[1]] : 0,
                             count > 2 ? x[index[2]] : 0, count > 3 ? x[index[3]] : 0};
}

static inline float add_lanes(eie_four_floats v)
{
    return v[0] + v[2] + (v[1] + v[3]);
}

#endif
