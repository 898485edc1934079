#include "kernels/peers/onednn.h"
#include "host/base/library.h"
#include "host/machine/cpu.h"

#include <stdio.h>
#include <stdlib.h>

#define VERSION  2
#define AVX2     0x07
#define VARIABLE "DNNL_MAX_CPU_ISA"

struct version {
    int major, minor, patch;
};

/* As its header has them; a larger one holds the bits of the smaller. */
static const struct {
    int bits;
    const char *name;
} isas[] = {{0x3e7, "avx512_core_amx"},
            {0xe7, "avx512_core_bf16"},
            {0x67, "avx512_core_vnni"},
            {0x27, "avx512_core"},
            {0x0f, "avx2_vnni"},
            {0x07, "avx2"},
            {0x03, "avx"},
            {0x01, "sse41"},
            {0x00, "unknown"}};

static enum eie_status load(struct onednn *onednn, struct eie_error *error)
{
    static const char *const names[] = {"libdnnl.so.2", NULL};
    const struct version *(*version)(void);
    const struct eie_library_need needs[] = {{"dnnl_version", &version}, {NULL, NULL}};
    const struct eie_library_need more[] = {{"dnnl_get_effective_cpu_isa", &onednn->isa},
                                            {NULL, NULL}};
    size_t i = 0;
    openmp_sleep_soon();
    enum eie_status status = eie_library_open(names, "EIE_ONEDNN", &onednn->handle, error);
    if (!status) status = eie_library_symbols(onednn->handle, needs, error);
    if (status) return status;
    if (version()->major != VERSION)
        return eie_fail(error, EIE_MISSING, "this oneDNN is version %d; version %d is known here",
                        version()->major, VERSION);
    status = eie_library_symbols(onednn->handle, more, error);
    if (!status) status = openmp_find(onednn->handle, &onednn->openmp, error);
    if (status) return status;
    snprintf(onednn->version, sizeof onednn->version, "oneDNN %d.%d.%d", version()->major,
             version()->minor, version()->patch);
    while ((onednn->isa() & isas[i].bits) != isas[i].bits) i++;
    onednn->isa_name = isas[i].name;
    return EIE_OK;
}

enum eie_status onednn_load(const struct onednn **onednn, struct eie_error *error)
{
    static struct onednn loaded;
    enum eie_status status = loaded.isa_name ? EIE_OK : load(&loaded, error);
    *onednn = status ? NULL : &loaded;
    return status;
}

bool onednn_weakness(const struct onednn *onednn, char *text, size_t size)
{
    const char *asked = getenv(VARIABLE);
    uint32_t features;
    if ((onednn->isa() & AVX2) == AVX2 || eie_cpu_features(&features, NULL) ||
        !(features & EIE_CPU_AVX2))
        return false;
    snprintf(text, size, "weak path: %s%s%s lies below what the processor offers, %s",
             asked ? VARIABLE "=" : "", asked ? asked : "oneDNN's ", asked ? "" : onednn->isa_name,
             features & EIE_CPU_AVX512 ? "AVX-512" : "AVX2");
    return true;
}
