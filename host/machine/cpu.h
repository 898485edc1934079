/* What this processor can run: CPUID and XGETBV, on aarch64 what the system says (AT_HWCAP), less
 * what EIE_ISA_MASK takes away. */
#ifndef EIE_HOST_MACHINE_CPU_H
#define EIE_HOST_MACHINE_CPU_H

#include "host/base/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum eie_cpu_feature {
    EIE_CPU_AVX2 = 1 << 0,       /* x86-64-v3: AVX2, FMA, BMI1, BMI2, F16C, LZCNT, MOVBE */
    EIE_CPU_AVX512 = 1 << 1,     /* F, CD, BW, DQ, VL */
    EIE_CPU_AVX512VBMI = 1 << 2, /* VBMI, VBMI2 */
    EIE_CPU_VNNI = 1 << 3,       /* AVX512_VNNI */
    EIE_CPU_BF16 = 1 << 4,       /* AVX512_BF16 */
    EIE_CPU_AMX = 1 << 5,        /* AMX_TILE, AMX_INT8, AMX_BF16, and the kernel's permission */
    EIE_CPU_NEON = 1 << 6,       /* aarch64: Advanced SIMD */
    EIE_CPU_AVXVNNI = 1 << 7     /* AVX_VNNI: dot products of bytes without AVX-512 */
};

/* Features usable here. EIE_ISA_MASK is a comma list of features to take away (avx2, avxvnni,
 * avx512, avx512vbmi, vnni, bf16, amx, neon); taking one takes all that need it. EIE_USAGE on an
 * unknown word. */
EIE_MUST_USE enum eie_status eie_cpu_features(uint32_t *features, struct eie_error *error);

/* EIE_OK, or EIE_UNSUPPORTED with the reason: the processor lacks it, or EIE_ISA_MASK took it. */
EIE_MUST_USE enum eie_status eie_cpu_require(uint32_t features, struct eie_error *error);

/* Comma list of the names of `features`, or "none". */
void eie_cpu_feature_names(uint32_t features, char *text, unsigned size);

/* The processor's own name, on aarch64 its numbers (MIDR_EL1); "unknown" where it has none. */
void eie_cpu_name(char *text, unsigned size);

#ifdef __cplusplus
}
#endif

#endif
