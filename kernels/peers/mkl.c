#include "kernels/peers/mkl.h"
#include "host/base/library.h"
#include "host/base/names.h"
#include "host/machine/cpu.h"
#include "kernels/peers/openmp.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct {
    void *handle;
    void (*set_threads)(int);
    int (*get_threads)(void);
    int (*set_domain)(int threads, int domain); /* NULL in versions that lack it */
    int (*get_domain)(int domain);
    void (*set_dynamic)(int);
    int (*set_interface)(int);
    void (*version_text)(char *text, int size);
    char version[200], core[32];
    const struct layer *layer; /* the one that it has loaded, NULL when that is not known */
    struct openmp openmp;      /* of its threading layer; looked up when a plan wants threads */
} mkl;

/* Threading layers, and the library that each needs: MKL itself ends the process without it. */
static const struct layer {
    const char *name, *file, *runtime; /* of MKL, behind "libmkl_"; runtime NULL: none */
    bool openmp;
} layers[] = {{"GNU", "gnu_thread", "libgomp.so.1", true},
              {"INTEL", "intel_thread", "libiomp5.so", true},
              {"SEQUENTIAL", "sequential", NULL, false},
              {"TBB", "tbb_thread", "libtbb.so.12", false}};
enum { LAYERS = sizeof layers / sizeof *layers };

#define LAYER_VARIABLE "MKL_THREADING_LAYER"

/* Its runtime in *handle, NULL where it has none. */
static enum eie_status find_layer(const struct layer **layer, void **handle,
                                  struct eie_error *error)
{
    const char *names[LAYERS], *wanted = getenv(LAYER_VARIABLE);
    *layer = NULL;
    *handle = NULL;
    for (size_t i = 0; i < LAYERS; i++) {
        names[i] = layers[i].name;
        if (!strcasecmp(wanted, names[i])) *layer = &layers[i];
    }
    if (!*layer)
        return eie_fail(error, EIE_MISSING,
                        LAYER_VARIABLE "=%s: MKL is used with GNU, INTEL, SEQUENTIAL or TBB%s",
                        wanted, eie_names_hint(wanted, names, LAYERS).text);
    if (!(*layer)->runtime) return EIE_OK;
    *handle = dlopen((*layer)->runtime, RTLD_NOW | RTLD_LOCAL);
    if (*handle) return EIE_OK;
    return eie_fail(error, EIE_MISSING,
                    LAYER_VARIABLE "=%s needs %s, which cannot be loaded: install it, or unset it",
                    wanted, (*layer)->runtime);
}

/* A domain's own number (MKL_DOMAIN_NUM_THREADS) goes before the one of all. */
enum { DOMAIN_ALL = 0, DOMAIN_BLAS = 1 };

static void set_threads(int threads)
{
    mkl.set_threads(threads);
    if (mkl.set_domain) mkl.set_domain(threads, DOMAIN_ALL);
    if (mkl.set_domain) mkl.set_domain(threads, DOMAIN_BLAS);
}

static int get_threads(void)
{
    return mkl.get_domain ? mkl.get_domain(DOMAIN_BLAS) : mkl.get_threads();
}

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
    static const struct eie_library_need domains[] = {
        {"MKL_Domain_Set_Num_Threads", &mkl.set_domain},
        {"MKL_Domain_Get_Max_Threads", &mkl.get_domain},
        {NULL, NULL},
    };
    enum { INT32_INTERFACE = 0 };
    const struct layer *layer;
    void *runtime;
    const char *wanted = getenv(LAYER_VARIABLE);
    openmp_sleep_soon();
    /* one OpenMP for all libraries of the process */
    if (!wanted || !*wanted) setenv(LAYER_VARIABLE, "GNU", 1);
    enum eie_status status = eie_library_open(names, "EIE_MKL", &mkl.handle, error);
    if (!status) status = eie_library_symbols(mkl.handle, needs, error);
    if (!status) status = find_layer(&layer, &runtime, error);
    if (!status && eie_library_symbols(mkl.handle, domains, NULL)) {
        mkl.set_domain = NULL;
        mkl.get_domain = NULL;
    }
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
    if (get_threads() != threads) set_threads(threads);
}

/* The threading layer is loaded at a first call, and with it the runtime that does the work. */
static enum eie_status find_openmp(struct eie_error *error)
{
    const struct layer *layer;
    void *runtime;
    enum eie_status status = find_layer(&layer, &runtime, error);
    if (status) return status;
    if (!layer->openmp)
        return eie_fail(error, EIE_UNSUPPORTED,
                        LAYER_VARIABLE "=%s: how many threads it has cannot be asked", layer->name);
    return openmp_find(runtime, &mkl.openmp, error);
}

enum eie_status mkl_take_threads(uint32_t threads, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    set_threads((int)threads);
    const int taken = get_threads();
    if (taken != (int)threads)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "this MKL (" LAYER_VARIABLE "=%s) uses %d thread%s where %u %s asked for",
                        getenv(LAYER_VARIABLE), taken, taken == 1 ? "" : "s", threads,
                        threads == 1 ? "is" : "are");
    if (threads == 1) return EIE_OK;
    if (!mkl.openmp.parallel) status = find_openmp(error);
    return status ? status : openmp_take_threads(&mkl.openmp, threads, error);
}

/* Libraries with the processor's code and of the threading layer are loaded at the first call:
 * libmkl_CORE.so, libmkl_gnu_thread.so. */
static int find_parts(struct dl_phdr_info *info, size_t size, void *nothing)
{
    static const char *const cores[] = {"def", "mc3", "avx2", "avx512", "avx10"};
    const char *name = strrchr(info->dlpi_name, '/');
    (void)size;
    (void)nothing;
    if (!name || strncmp(name, "/libmkl_", 8)) return 0;
    name += 8;
    const size_t length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        if (length == strlen(cores[i]) && !strncmp(name, cores[i], length))
            snprintf(mkl.core, sizeof mkl.core, "%s", cores[i]);
    for (size_t i = 0; i < LAYERS; i++)
        if (length == strlen(layers[i].file) && !strncmp(name, layers[i].file, length))
            mkl.layer = &layers[i];
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

/* Where another library has brought a runtime along, MKL takes that one. */
static bool other_layer(char *text, size_t size)
{
    const char *wanted = getenv(LAYER_VARIABLE);
    if (!mkl.layer || !wanted || !strcasecmp(wanted, mkl.layer->name)) return false;
    snprintf(text, size, "threads are those of MKL's layer %s, " LAYER_VARIABLE "=%s is not heeded",
             mkl.layer->name, wanted);
    return true;
}

void mkl_describe(const struct eie_plan *plan, eie_column column, void *context)
{
    char note[128];
    (void)plan;
    column(context, "eie_library", mkl.version, 0);
    if (!mkl.core[0]) dl_iterate_phdr(find_parts, NULL);
    column(context, "eie_library_core", mkl.core[0] ? mkl.core : "unknown", 0);
    if (weakness(note, sizeof note) || other_layer(note, sizeof note))
        column(context, "eie_library_note", note, 0);
}
