#include "host/machine/cpu.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each feature with those that it needs itself. */
static const struct {
    const char *name;
    uint32_t feature, needs;
} features_known[] = {
    {"avx2", EIE_CPU_AVX2, 0},
    {"avxvnni", EIE_CPU_AVXVNNI, EIE_CPU_AVX2},
    {"avx512", EIE_CPU_AVX512, EIE_CPU_AVX2},
    {"avx512vbmi", EIE_CPU_AVX512VBMI, EIE_CPU_AVX512},
    {"vnni", EIE_CPU_VNNI, EIE_CPU_AVX512},
    {"bf16", EIE_CPU_BF16, EIE_CPU_AVX512},
    {"amx", EIE_CPU_AMX, EIE_CPU_AVX512},
    {"neon", EIE_CPU_NEON, 0},
};
#define KNOWN_COUNT (sizeof features_known / sizeof features_known[0])

/* Drops every feature that needs one which is not there; one pass does, since the table is in order
 * of need. */
static uint32_t close_over_needs(uint32_t features)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if ((features_known[i].needs & features) != features_known[i].needs)
            features &= ~features_known[i].feature;
    return features;
}

/* ---- the processor -------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023 /* asm/prctl.h of Linux 5.16 and later */
#define XFEATURE_XTILEDATA  18
#define XCR0_AVX            0x06u /* SSE and AVX state are saved by the system */
#define XCR0_AVX512         0xE6u
#define XCR0_AMX            0x60000u
#define HAS(word, bits)     (((word) & (bits)) == (bits))
#define LEAF1_ECX_OSXSAVE   (1u << 27)
#define LEAF1_ECX_V3        (1u << 12 | 1u << 22 | 1u << 23 | 1u << 28 | 1u << 29)
#define LEAF81_ECX_LZCNT    (1u << 5)
#define LEAF7_EBX_V3        (1u << 3 | 1u << 5 | 1u << 8)
#define LEAF7_EBX_AVX512    (1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31)
#define LEAF7_ECX_VBMI      (1u << 1 | 1u << 6)
#define LEAF7_ECX_VNNI      (1u << 11)
#define LEAF7_EDX_AMX       (1u << 22 | 1u << 24 | 1u << 25)
#define LEAF7_1_EAX_AVXVNNI (1u << 4)
#define LEAF7_1_EAX_BF16    (1u << 5)

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux hands the tile registers out on request only; children of this process ask again. */
static bool ask_for_tiles(void)
{
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static uint32_t detect(void)
{
    uint32_t a, b, c, d, found = 0, leaf7_1_eax = 0, extended_ecx = 0, leaf1_ecx;

    if (!__get_cpuid(1, &a, &b, &leaf1_ecx, &d) || !HAS(leaf1_ecx, LEAF1_ECX_OSXSAVE)) return 0;
    const uint64_t xcr0 = read_xcr0();
    if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) extended_ecx = c;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (a >= 1) {
        uint32_t ignored_b, ignored_c, ignored_d;
        __cpuid_count(7, 1, leaf7_1_eax, ignored_b, ignored_c, ignored_d);
    }
    if (HAS(xcr0, XCR0_AVX) && HAS(leaf1_ecx, LEAF1_ECX_V3) && HAS(b, LEAF7_EBX_V3) &&
        HAS(extended_ecx, LEAF81_ECX_LZCNT))
        found |= EIE_CPU_AVX2;
    if (HAS(xcr0, XCR0_AVX512) && HAS(b, LEAF7_EBX_AVX512)) found |= EIE_CPU_AVX512;
    if (HAS(c, LEAF7_ECX_VBMI)) found |= EIE_CPU_AVX512VBMI;
    if (HAS(c, LEAF7_ECX_VNNI)) found |= EIE_CPU_VNNI;
    if (HAS(leaf7_1_eax, LEAF7_1_EAX_AVXVNNI)) found |= EIE_CPU_AVXVNNI;
    if (HAS(leaf7_1_eax, LEAF7_1_EAX_BF16)) found |= EIE_CPU_BF16;
    if (HAS(xcr0, XCR0_AMX) && HAS(d, LEAF7_EDX_AMX) && ask_for_tiles()) found |= EIE_CPU_AMX;
    return close_over_needs(found);
}

static bool read_name(char name[49])
{
    uint32_t words[12] = {0};

    for (uint32_t i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                         &words[4 * i + 3]))
            return false;
    memcpy(name, words, sizeof words);
    name[48] = '\0';
    return true;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

#define HWCAP_HAS_ASIMD (1ul << 1)  /* asm/hwcap.h */
#define HWCAP_HAS_CPUID (1ul << 11) /* the system answers for registers such as MIDR_EL1 */

static uint32_t detect(void)
{
    return getauxval(AT_HWCAP) & HWCAP_HAS_ASIMD ? EIE_CPU_NEON : 0;
}

static bool read_name(char name[49])
{
    uint64_t midr;

    if (!(getauxval(AT_HWCAP) & HWCAP_HAS_CPUID)) return false;
    __asm__("mrs %0, midr_el1" : "=r"(midr));
    snprintf(name, 49, "aarch64 implementer 0x%02x part 0x%03x r%up%u",
             (unsigned)(midr >> 24 & 0xff), (unsigned)(midr >> 4 & 0xfff),
             (unsigned)(midr >> 20 & 0xf), (unsigned)(midr & 0xf));
    return true;
}
#else
static uint32_t detect(void)
{
    return 0;
}

static bool read_name(char name[49])
{
    name[0] = '\0';
    return false;
}
#endif

static uint32_t hardware;
static void detect_once(void)
{
    hardware = detect();
}

static uint32_t hardware_features(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect_once);
    return hardware;
}

/* ---- what the user takes away --------------------------------------------------------------- */

static enum eie_status masked_features(uint32_t *masked, struct eie_error *error)
{
    const char *word = getenv("EIE_ISA_MASK");
    char known[128];

    *masked = 0;
    if (word == NULL || *word == '\0') return EIE_OK;
    while (word != NULL) {
        const size_t length = strcspn(word, ",");
        size_t i = 0;
        while (i < KNOWN_COUNT && (strlen(features_known[i].name) != length ||
                                   memcmp(features_known[i].name, word, length) != 0))
            i++;
        if (i == KNOWN_COUNT) {
            eie_cpu_feature_names(UINT32_MAX, known, sizeof known);
            return eie_fail(error, EIE_USAGE, "EIE_ISA_MASK: unknown word '%.*s', known are %s",
                            length < 64 ? (int)length : 64, word, known);
        }
        *masked |= features_known[i].feature;
        word = word[length] == ',' ? word + length + 1 : NULL;
    }
    return EIE_OK;
}

enum eie_status eie_cpu_features(uint32_t *features, struct eie_error *error)
{
    uint32_t masked;
    const enum eie_status status = masked_features(&masked, error);

    *features = status == EIE_OK ? close_over_needs(hardware_features() & ~masked) : 0;
    return status;
}

enum eie_status eie_cpu_require(uint32_t features, struct eie_error *error)
{
    uint32_t usable;
    char names[128];
    const enum eie_status status = eie_cpu_features(&usable, error);

    if (status != EIE_OK || (features & ~usable) == 0) return status;
    const uint32_t lacking = features & ~hardware_features();
    eie_cpu_feature_names(lacking != 0 ? lacking : features & ~usable, names, sizeof names);
    if (lacking != 0)
        return eie_fail(error, EIE_UNSUPPORTED, "this processor or its system lacks %s", names);
    return eie_fail(error, EIE_UNSUPPORTED, "EIE_ISA_MASK takes %s away", names);
}

void eie_cpu_feature_names(uint32_t features, char *text, unsigned size)
{
    size_t length = 0;

    if (size == 0) return;
    snprintf(text, size, "none");
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if ((features & features_known[i].feature) != 0 && length < size) {
            const int added = snprintf(text + length, size - length, "%s%s", length > 0 ? "," : "",
                                       features_known[i].name);
            length += (size_t)added;
        }
}

void eie_cpu_name(char *text, unsigned size)
{
    char name[49], *end = name;

    if (size == 0) return;
    if (!read_name(name)) name[0] = '\0';
    for (const char *c = name; *c != '\0'; c++) /* one blank between words, none around */
        if (*c != ' ' || (end > name && end[-1] != ' ')) *end++ = *c;
    while (end > name && end[-1] == ' ') end--;
    *end = '\0';
    snprintf(text, size, "%s", name[0] != '\0' ? name : "unknown");
}
