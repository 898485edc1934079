#include "host/base/library.h"
#include "host/base/file.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Without the words "verbose" of its list. */
static void silence_affinity(void)
{
    static const char name[] = "KMP_AFFINITY";
    const char *value = getenv(name);
    char *words = value != NULL ? strdup(value) : NULL;
    char *kept = value != NULL ? calloc(1, strlen(value) + 1) : NULL;
    if (words != NULL && kept != NULL) {
        char *rest = NULL;
        for (char *word = strtok_r(words, ",", &rest); word != NULL;
             word = strtok_r(NULL, ",", &rest)) {
            if (strcasecmp(word, "verbose") == 0) continue;
            if (kept[0] != '\0') strcat(kept, ",");
            strcat(kept, word);
        }
        if (kept[0] != '\0')
            setenv(name, kept, 1);
        else
            unsetenv(name);
    }
    free(words);
    free(kept);
}

void eie_libraries_silence(void)
{
    static const char *const loud[] = {
        "MKL_VERBOSE",        "ONEDNN_VERBOSE",       "DNNL_VERBOSE",      "ONEDNN_JIT_DUMP",
        "DNNL_JIT_DUMP",      "ONEDNN_JIT_PROFILE",   "DNNL_JIT_PROFILE",  "OPENBLAS_VERBOSE",
        "OMP_DISPLAY_ENV",    "OMP_DISPLAY_AFFINITY", "KMP_SETTINGS",      "KMP_VERSION",
        "CUBLAS_LOGINFO_DBG", "CUBLASLT_LOG_LEVEL",   "CUBLASLT_LOG_MASK", "CUSPARSE_LOG_LEVEL",
        "CUSPARSE_LOG_MASK"};
    for (size_t i = 0; i < sizeof loud / sizeof *loud; i++) unsetenv(loud[i]);
    silence_affinity();
}

/* Tries all names in a folder. Where a file is there but does not load, that is the reason to show.
 */
static void *open_in_folder(const char *folder, const char *const *names, char *reason, size_t size)
{
    char path[PATH_MAX];

    for (const char *const *name = names; *name != NULL; name++) {
        const int length = snprintf(path, sizeof path, "%s/%s", folder, *name);
        if (length < 0 || (size_t)length >= sizeof path || access(path, F_OK) != 0) continue;
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle != NULL) return handle;
        const char *words = dlerror();
        if (reason[0] == '\0' && words != NULL) snprintf(reason, size, "%s", words);
    }
    return NULL;
}

/* Packages that keep libraries below Python's folder: NVIDIA's have a folder each, or one for all.
 */
static void *open_in_packages(const char *folder, const char *const *names, char *reason,
                              size_t size)
{
    static const char *const packages[] = {"nvidia/*/lib", "scipy_openblas32/lib"};
    char pattern[PATH_MAX];
    void *handle = NULL;
    for (size_t p = 0; p < sizeof packages / sizeof *packages && handle == NULL; p++) {
        glob_t found;
        const int length =
            snprintf(pattern, sizeof pattern, "%s/python3*/site-packages/%s", folder, packages[p]);
        if (length < 0 || (size_t)length >= sizeof pattern) return NULL;
        if (glob(pattern, 0, NULL, &found) != 0) continue;
        for (size_t i = 0; i < found.gl_pathc && handle == NULL; i++)
            handle = open_in_folder(found.gl_pathv[i], names, reason, size);
        globfree(&found);
    }
    return handle;
}

/* In the colon-separated `folders`, each with the packages in it. */
static void *open_in_folders(const char *folders, const char *const *names, char *reason,
                             size_t size)
{
    char folder[PATH_MAX];
    void *handle = NULL;

    while (handle == NULL && folders != NULL && *folders != '\0') {
        const char *end = strchrnul(folders, ':');
        const int length = snprintf(folder, sizeof folder, "%.*s", (int)(end - folders), folders);
        if (length > 0 && (size_t)length < sizeof folder) {
            handle = open_in_folder(folder, names, reason, size);
            if (handle == NULL) handle = open_in_packages(folder, names, reason, size);
        }
        folders = *end == ':' ? end + 1 : NULL;
    }
    return handle;
}

static void *open_plain(const char *const *names, char *reason, size_t size)
{
    for (const char *const *name = names; *name != NULL; name++) {
        void *handle = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
        if (handle != NULL) return handle;
        const char *words = dlerror();
        if (reason[0] == '\0' && words != NULL) snprintf(reason, size, "%s", words);
    }
    return NULL;
}

/* The folder of libraries from PyPI, two folders above a build tree's own program,
 * build/PRESET/eie. A program that was installed or copied elsewhere has no business in its
 * neighbours' .venv. */
static const char *beside_program(char *folder, size_t size)
{
    char program[PATH_MAX], cache[PATH_MAX + 16];
    struct eie_error unknown;
    if (eie_program_path(program, &unknown) != EIE_OK) return NULL;
    char *slash = strrchr(program, '/');
    if (slash != NULL) *slash = '\0';
    snprintf(cache, sizeof cache, "%s/CMakeCache.txt", program);
    if (access(cache, F_OK) != 0) return NULL;
    const int written = snprintf(folder, size, "%s/../../.venv/lib", program);
    return written > 0 && (size_t)written < size ? folder : NULL;
}

enum eie_status eie_library_open(const char *const *names, const char *override, void **handle,
                                 struct eie_error *error)
{
    const char *only = override != NULL ? getenv(override) : NULL;
    const char *const single[] = {only, NULL};
    char reason[512] = "", folder[PATH_MAX];

    if (only != NULL && only[0] != '\0') {
        *handle = open_plain(single, reason, sizeof reason);
        if (*handle != NULL) return EIE_OK;
        return eie_fail(error, EIE_MISSING, "library given by %s cannot be loaded: %s", override,
                        reason);
    }
    *handle = open_in_folders(getenv("EIE_LIBRARY_PATH"), names, reason, sizeof reason);
    if (*handle == NULL) *handle = open_plain(names, reason, sizeof reason);
    if (*handle == NULL)
        *handle =
            open_in_folders(beside_program(folder, sizeof folder), names, reason, sizeof reason);
    if (*handle != NULL) return EIE_OK;
    return eie_fail(error, EIE_MISSING, "library cannot be loaded: %s; install it%s%s%s",
                    reason[0] != '\0' ? reason : "no name given",
                    override != NULL ? " or set " : "", override != NULL ? override : "",
                    " or name its folder in EIE_LIBRARY_PATH");
}

enum eie_status eie_library_symbol(void *handle, const char *name, void **symbol,
                                   struct eie_error *error)
{
    dlerror();
    *symbol = dlsym(handle, name);
    if (*symbol != NULL) return EIE_OK;
    const char *words = dlerror();
    return eie_fail(error, EIE_MISSING, "library has no %s: %s", name,
                    words != NULL ? words : "the symbol is null");
}

enum eie_status eie_library_symbols(void *handle, const struct eie_library_need *needs,
                                    struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (; needs->name != NULL && status == EIE_OK; needs++) {
        void *found;
        status = eie_library_symbol(handle, needs->name, &found, error);
        /* dlsym hands out object pointers; POSIX guarantees that they hold functions */
        if (status == EIE_OK) memcpy(needs->pointer, &found, sizeof found);
    }
    return status;
}
