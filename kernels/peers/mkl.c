#include "kernels/peers/mkl.h"
#include "host/base/library.h"
#include "host/machine/cpu.h"
#include "kernels/peers/openmp.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct {
    void *handle;
    void (*set_threads)(int);
    int (*get_threads)(void);
    void (*set_dynamic)(int);
    int (*set_interface)(int);
    void (*version_text)(char *text, int size);
    char version[200], core[32];
    struct openmp openmp; /* of its threading layer; looked up when a plan wants threads */
} mkl;

static enum eie_status load_library(struct eie_error *error)
{
    static const char *const names[] = {"libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so", NULL};
    static const struct eie_library_need needs[] = {
        {"MKL_Set_Num_Threads", &mkl.set_threads},
        {"MKL_Get_Max_Threads", &mkl.get_threads},
        {"MKL_Set_Dynamic", &mkl.set_dynamic},
        {"MKL_Set_Interface_Layer", &mkl.set_interface},
        {"MKL_Get_Version_String", &mkl.version_text},
        {NULL, NULL},
    };
    enum { INT32_INTERFACE = 0 };
    openmp_sleep_soon();
    setenv("MKL_THREADING_LAYER", "GNU", 0); /* one OpenMP for all libraries of the process */
    enum eie_status status = eie_library_open(names, "EIE_MKL", &mkl.handle, error);
    if (!status) status = eie_library_symbols(mkl.handle, needs, error);
    if (!status && mkl.set_interface(INT32_INTERFACE) != INT32_INTERFACE)
        status = eie_fail(error, EIE_MISSING,
                          "MKL is set to 64-bit integers (MKL_INTERFACE_LAYER): it cannot be used");
    if (status) {
        mkl.handle = NULL;
        return status;
    }
    mkl.set_dynamic(0);
    mkl.version_text(mkl.version, sizeof mkl.version - 1);
    mkl.version[strcspn(mkl.version, "\r\n")] = 0;
    return EIE_OK;
}

enum eie_status mkl_probe(const char *name, void *function, struct eie_error *error)
{
    const struct eie_library_need need[] = {{name, function}, {NULL, NULL}};
    enum eie_status status = mkl.handle ? EIE_OK : load_library(error);
    return status ? status : eie_library_symbols(mkl.handle, need, error);
}

void mkl_use_threads(const struct eie_plan *plan)
{
    const int threads = (int)((const struct float_plan *)plan)->base.setup.problem.threads;
    if (mkl.get_threads() != threads) mkl.set_threads(threads);
}

/* The threading layer is loaded at a first call, and with it the runtime that does the work. */
static enum eie_status find_openmp(struct eie_error *error)
{
    const char *layer = getenv("MKL_THREADING_LAYER");
    const char *name = !layer || !strcasecmp(layer, "INTEL") ? "libiomp5.so"
                       : !strcasecmp(layer, "GNU")           ? "libgomp.so.1"
                                                             : NULL;
    if (!name)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "MKL_THREADING_LAYER=%s: how many threads it has cannot be asked", layer);
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return eie_fail(error, EIE_UNSUPPORTED, "MKL's %s cannot be loaded", name);
    return openmp_find(handle, &mkl.openmp, error);
}

enum eie_status mkl_take_threads(uint32_t threads, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    mkl.set_threads((int)threads);
    if (mkl.get_threads() != (int)threads)
        return eie_fail(error, EIE_UNSUPPORTED, "this MKL uses %d threads where %u are asked for",
                        mkl.get_threads(), threads);
    if (threads == 1) return EIE_OK;
    if (!mkl.openmp.parallel) status = find_openmp(error);
    return status ? status : openmp_take_threads(&mkl.openmp, threads, error);
}

/* The library with the processor's code is loaded at the first call: libmkl_CORE.so. */
static int find_core(struct dl_phdr_info *info, size_t size, void *core)
{
    static const char *const cores[] = {"def", "mc3", "avx2", "avx512", "avx10"};
    const char *name = strrchr(info->dlpi_name, '/');
    (void)size;
    if (!name || strncmp(name, "/libmkl_", 8)) return 0;
    name += 8;
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
        const size_t length = strlen(cores[i]);
        if (strncmp(name, cores[i], length) || name[length] != '.') continue;
        snprintf(core, sizeof mkl.core, "%s", cores[i]);
        return 1;
    }
    return 0;
}

/* Other makers' processors get code below what they offer, and no setting makes MKL take more. */
static bool weakness(char *text, size_t size)
{
    uint32_t features;
    if (strcmp(mkl.core, "def") && strcmp(mkl.core, "mc3")) return false;
    if (eie_cpu_features(&features, NULL) || !(features & EIE_CPU_AVX2)) return false;
    snprintf(text, size, "weak path: MKL's %s lies below what the processor offers, %s", mkl.core,
             features & EIE_CPU_AVX512 ? "AVX-512" : "AVX2");
    return true;
}

void mkl_describe(const struct eie_plan *plan, eie_column column, void *context)
{
    char note[128];
    (void)plan;
    column(context, "eie_library", mkl.version, 0);
    if (!mkl.core[0]) dl_iterate_phdr(find_core, mkl.core);
    column(context, "eie_library_core", mkl.core[0] ? mkl.core : "unknown", 0);
    if (weakness(note, sizeof note)) column(context, "eie_library_note", note, 0);
}
