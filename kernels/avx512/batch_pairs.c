/* Many inputs at once, exact: pairs of weights against pairs of inputs by vpdpwssd, two products
 * and a sum a lane, modulo 2^32 (kernels/avx512/batch_columns.h). */
#include "host/machine/cpu.h"
#include "kernels/avx512/batch_columns_work.h"

#define VNNI __attribute__((target("avx512vnni")))

VNNI BATCH_INLINE __m512i keep(__m512i inputs)
{
    return inputs;
}

VNNI BATCH_INLINE __m512i add(__m512i sums, __m512i weights, __m512i both)
{
    return _mm512_dpwssd_epi32(sums, weights, both);
}

VNNI BATCH_INLINE __m512i finish(__m512i sums, __m512i bias)
{
    return _mm512_add_epi32(sums, bias);
}

VNNI static void work(void *plan, uint32_t worker)
{
    static const struct batch_arithmetic arithmetic = {keep, add, finish};
    batch_work(plan, worker, &arithmetic);
}

static void fill_weights(const struct eie_layer *layer, uint32_t weights[256])
{
    for (uint32_t both = 0; both < 256; both++)
        weights[both] = (uint16_t)layer->codebook[both % 16] |
                        (uint32_t)(uint16_t)layer->codebook[both / 16] << 16;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **plan,
                               struct eie_error *error)
{
    static const struct batch_form form = {fill_weights, work};
    return batch_prepare(setup, &form, plan, error);
}

const struct eie_kernel eie_kernel_avx512_batch_pairs = {
    .abi = EIE_KERNEL_ABI,
    .name = "avx512_batch_pairs",
    .summary = "many inputs at once: pairs of weights broadcast against 64 inputs, by vpdpwssd",
    .isa = "avx512,vnni",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_AVX512 | EIE_CPU_VNNI,
    .batch_min = 2,
    .supports = batch_supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = batch_run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = batch_cost,
    .destroy = batch_destroy,
};
