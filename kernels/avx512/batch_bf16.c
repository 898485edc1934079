/* Many inputs at once in bfloat16 (kernels/avx512/batch_columns.h): weights and inputs are rounded
 * to 8 bits of mantissa and multiplied by vdpbf16ps, which adds in float32. Approximate, and it
 * says how far it rounds; beside avx512_batch_pairs it shows what exactness costs. A sum with its
 * bias is rounded to an integer before activation and shift, and saturates, as sums of rounded
 * operands may leave int32. */
#include "host/machine/cpu.h"
#include "kernels/avx512/batch_columns_work.h"

#define BF16 __attribute__((target("avx512bf16")))

#define ROUNDING 0x1p-8 /* to nearest, of a number with 8 bits */

BF16 BATCH_INLINE __m512i round_inputs(__m512i inputs)
{
    const __m256i low = _mm512_castsi512_si256(inputs), high = _mm512_extracti64x4_epi64(inputs, 1);
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(high)),
                                        _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(low)));
}

BF16 BATCH_INLINE __m512i add(__m512i sums, __m512i weights, __m512i both)
{
    return _mm512_castps_si512(
        _mm512_dpbf16_ps(_mm512_castsi512_ps(sums), (__m512bh)weights, (__m512bh)both));
}

/* Eight sums and biases to integers; the conversion answers the least integer to whatever is too
 * small, so that only what is too large is clamped. */
BATCH_INLINE __m256i finish_half(__m256i sums, __m256i bias)
{
    const __m512d sum =
        _mm512_add_pd(_mm512_cvtps_pd(_mm256_castsi256_ps(sums)), _mm512_cvtepi32_pd(bias));
    return _mm512_cvtpd_epi32(_mm512_min_pd(sum, _mm512_set1_pd(INT32_MAX)));
}

/* In doubles, which hold both: the sum alone may leave int32 where the bias brings it back. */
BF16 BATCH_INLINE __m512i finish(__m512i sums, __m512i bias)
{
    const __m256i low = finish_half(_mm512_castsi512_si256(sums), _mm512_castsi512_si256(bias));
    const __m256i high =
        finish_half(_mm512_extracti64x4_epi64(sums, 1), _mm512_extracti64x4_epi64(bias, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

BF16 static void work(void *plan, uint32_t worker)
{
    static const struct batch_arithmetic arithmetic = {round_inputs, add, finish};
    batch_work(plan, worker, &arithmetic);
}

BF16 static void fill_weights(const struct eie_layer *layer, uint32_t weights[256])
{
    uint16_t rounded[2 * EIE_CODEBOOK_SIZE];
    const __m512i codebook =
        _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)layer->codebook));
    _mm512_storeu_si512(rounded, round_inputs(codebook));
    for (uint32_t both = 0; both < 256; both++)
        weights[both] = rounded[both % 16] | (uint32_t)rounded[both / 16] << 16;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct batch_form form = {fill_weights, work};
    return batch_prepare(setup, &form, plan, error);
}

const struct eie_kernel eie_kernel_avx512_batch_bf16 = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_batch_bf16",
    .summary = "many inputs at once in bfloat16 by vdpbf16ps: rounds weights and inputs",
    .isa = "avx512,bf16",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_APPROXIMATE,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_BF16,
    .batch_min = 2,
    .weight_rounding = {ROUNDING, 0},
    .input_rounding = {ROUNDING, 0},
    .supports = batch_supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = batch_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = batch_cost,
    .destroy = batch_destroy,
};
