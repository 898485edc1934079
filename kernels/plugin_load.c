#include "kernels/plugin_load.h"
#include "host/base/file.h"
#include "host/base/isolate.h"
#include "host/base/sha256.h"
#include "host/devices/runtime.h"
#include "kernels/registry.h"

#include <ctype.h>
#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (UINT64_C(1) << 30)
#define LOAD_LIMIT_S   10 /* libraries that a plug-in is linked with come from a cold disk, too */
#define NAME_MAX_BYTES 64
#define KERNELS_MAX    1024
#define REBUILD        "build it again with the headers of this version"

static struct eie_plugin_file *files; /* [file_count] */
static uint32_t file_count;

/* ---- what a plug-in states ------------------------------------------------------------------ */

#define STRUCT_NAME(name) #name,

static enum eie_status check_sizes(const struct eie_plugin *plugin, struct eie_error *error)
{
    static const uint32_t here[] = {EIE_PLUGIN_STRUCTS(EIE_PLUGIN_SIZE)};
    static const char *const names[] = {EIE_PLUGIN_STRUCTS(STRUCT_NAME)};
    const uint32_t count = sizeof here / sizeof *here;
    if (plugin->size_count != count || !plugin->sizes)
        return eie_fail(error, EIE_INPUT,
                        "states the sizes of %" PRIu32 " structs, this program of %" PRIu32
                        ": " REBUILD,
                        plugin->size_count, count);
    for (uint32_t i = 0; i < count; i++)
        if (plugin->sizes[i] != here[i])
            return eie_fail(error, EIE_INPUT,
                            "struct %s has %" PRIu32 " bytes in the plug-in and %" PRIu32
                            " in this program: " REBUILD,
                            names[i], plugin->sizes[i], here[i]);
    return EIE_OK;
}

static bool is_one_line(const char *text)
{
    if (!text || !*text) return false;
    for (; *text; text++)
        if (iscntrl((unsigned char)*text)) return false;
    return true;
}

/* FOLDER_NAME, where FOLDER is none of the program's. */
static enum eie_status check_name(const char *name, struct eie_error *error)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const size_t folder = strcspn(name, "_");
    if (name[length] || length >= NAME_MAX_BYTES || !folder || folder + 1 >= length)
        return eie_fail(error, EIE_INPUT,
                        "is no name of a kernel: take FOLDER_NAME in a-z, 0-9 and _, shorter than "
                        "%d characters",
                        NAME_MAX_BYTES);
    for (const char *const *own = eie_builtin_folders; *own; own++)
        if (strlen(*own) == folder && !strncmp(*own, name, folder))
            return eie_fail(error, EIE_INPUT,
                            "names that begin with %s_ are the program's own: take another word",
                            *own);
    if (eie_kernel_find(name)) return eie_fail(error, EIE_INPUT, "there is one of that name");
    return EIE_OK;
}

static enum eie_status check_flags(const struct eie_kernel *kernel, struct eie_error *error)
{
    const uint32_t flags = kernel->flags, own = EIE_KERNEL_REFERENCE | EIE_KERNEL_BASELINE;
    const uint32_t form = EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE,
                   skip = EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL | EIE_KERNEL_ONE_SCALE,
                   check = flags & ~form & ~skip;
    if (flags & own)
        return eie_fail(error, EIE_INPUT,
                        "flags EIE_KERNEL_REFERENCE and EIE_KERNEL_BASELINE are the program's own");
    if ((flags & form) && (!(flags & EIE_KERNEL_FLOAT32) || (flags & form) == form))
        return eie_fail(error, EIE_INPUT,
                        "one of the flags EIE_KERNEL_DENSE and EIE_KERNEL_SPARSE, and only beside "
                        "EIE_KERNEL_FLOAT32");
    if (check != EIE_KERNEL_EXACT && check != EIE_KERNEL_FLOAT32 &&
        check != EIE_KERNEL_APPROXIMATE && check != EIE_KERNEL_ESTIMATE &&
        check != (EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE))
        return eie_fail(error, EIE_INPUT,
                        "flags 0x%" PRIx32 " do not say how to check it: one of EIE_KERNEL_EXACT, "
                        "_FLOAT32, _APPROXIMATE, _ESTIMATE",
                        flags);
    return EIE_OK;
}

/* NaN is no rounding either. */
static bool is_rounding(const struct eie_rounding *rounding)
{
    return rounding->relative >= 0 && rounding->relative <= 0.5 && rounding->of_largest >= 0 &&
           rounding->of_largest <= 0.5;
}

static enum eie_status check_rounding(const struct eie_kernel *kernel, struct eie_error *error)
{
    const struct eie_rounding *weight = &kernel->weight_rounding, *input = &kernel->input_rounding;
    if (!is_rounding(weight) || !is_rounding(input))
        return eie_fail(error, EIE_INPUT,
                        "weight_rounding and input_rounding must be 0 to 0.5 in each member");
    const bool rounds = weight->relative > 0 || weight->of_largest > 0 || input->relative > 0 ||
                        input->of_largest > 0;
    if (rounds != ((kernel->flags & EIE_KERNEL_APPROXIMATE) != 0))
        return eie_fail(error, EIE_INPUT,
                        rounds
                            ? "only a kernel with flag EIE_KERNEL_APPROXIMATE rounds its operands"
                            : "flag EIE_KERNEL_APPROXIMATE: weight_rounding or input_rounding "
                              "must say how far it rounds");
    return EIE_OK;
}

static enum eie_status check_runtime(const struct eie_kernel *kernel, struct eie_error *error)
{
    char known[256] = "";
    if ((kernel->device_kind == EIE_DEVICE_FOUND) != (kernel->runtime != NULL))
        return eie_fail(error, EIE_INPUT,
                        kernel->runtime
                            ? "runtime is set, and device_kind is not EIE_DEVICE_FOUND"
                            : "device_kind is EIE_DEVICE_FOUND, and runtime is not set");
    if (!kernel->runtime || eie_runtime_find(kernel->runtime)) return EIE_OK;
    for (uint32_t i = 0; eie_runtime_at(i); i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                 eie_runtime_at(i)->kind);
    }
    return eie_fail(error, EIE_INPUT, "runtime \"%.64s\" is none of this program's: %s",
                    kernel->runtime, known);
}

static enum eie_status check_numbers(const struct eie_kernel *kernel, struct eie_error *error)
{
    if (kernel->device_kind < EIE_DEVICE_CPU || kernel->device_kind > EIE_DEVICE_EIE)
        return eie_fail(error, EIE_INPUT, "device_kind %d is none that kernels run on",
                        (int)kernel->device_kind);
    if ((kernel->device_kind == EIE_DEVICE_CPU) != (kernel->max_threads > 0))
        return eie_fail(error, EIE_INPUT,
                        "max_threads is %" PRIu32 ": at least 1 on a CPU, 0 elsewhere",
                        kernel->max_threads);
    if (kernel->batch_max && kernel->batch_max < kernel->batch_min)
        return eie_fail(error, EIE_INPUT, "batch_max %" PRIu32 " is below batch_min %" PRIu32,
                        kernel->batch_max, kernel->batch_min);
    return EIE_OK;
}

/* The first function that is missing, or NULL. */
static const char *missing_function(const struct eie_kernel *kernel)
{
    if (!kernel->supports) return "supports";
    if (!kernel->prepare) return "prepare";
    if (!kernel->load) return "load";
    if (!kernel->run) return "run";
    if (!kernel->wait) return "wait";
    if (!kernel->read && !(kernel->flags & EIE_KERNEL_ESTIMATE)) return "read";
    if (!kernel->cost) return "cost";
    return kernel->destroy ? NULL : "destroy";
}

static enum eie_status check_kernel(const struct eie_kernel *kernel, struct eie_error *error)
{
    enum eie_status status = check_name(kernel->name, error);
    if (status) return status;
    if (kernel->abi != EIE_KERNEL_ABI)
        return eie_fail(error, EIE_INPUT, "member abi is %" PRIu32 ": write EIE_KERNEL_ABI",
                        kernel->abi);
    if (!is_one_line(kernel->summary) || !is_one_line(kernel->isa))
        return eie_fail(error, EIE_INPUT, "summary and isa must be one line of text each");
    status = check_flags(kernel, error);
    if (!status) status = check_rounding(kernel, error);
    if (!status) status = check_numbers(kernel, error);
    if (!status) status = check_runtime(kernel, error);
    const char *missing = missing_function(kernel);
    if (!status && missing)
        return eie_fail(error, EIE_INPUT, "function %s is missing (NULL)", missing);
    return status;
}

enum eie_status eie_plugin_validate(const struct eie_plugin *plugin, struct eie_error *error)
{
    if (memcmp(plugin->magic, EIE_PLUGIN_MAGIC, sizeof plugin->magic) != 0)
        return eie_fail(error, EIE_INPUT,
                        "its eie_plugin is not what EIE_PLUGIN of kernels/plugin.h makes");
    if (plugin->abi != EIE_KERNEL_ABI)
        return eie_fail(error, EIE_INPUT,
                        "built for interface %" PRIu32 ", this program has %" PRIu32 ": " REBUILD,
                        plugin->abi, (uint32_t)EIE_KERNEL_ABI);
    enum eie_status status = check_sizes(plugin, error);
    if (!status &&
        (!plugin->kernels || !plugin->kernel_count || plugin->kernel_count > KERNELS_MAX))
        status = eie_fail(error, EIE_INPUT, "it holds %" PRIu32 " kernels: 1 to %d are possible",
                          plugin->kernel_count, KERNELS_MAX);
    for (uint32_t i = 0; !status && i < plugin->kernel_count; i++) {
        const struct eie_kernel *kernel = plugin->kernels[i];
        if (!kernel || !kernel->name)
            return eie_fail(error, EIE_INPUT, "kernel %" PRIu32 " is NULL or has no name", i);
        status = check_kernel(kernel, error);
        for (uint32_t k = 0; !status && k < i; k++)
            if (!strcmp(plugin->kernels[k]->name, kernel->name))
                status = eie_fail(error, EIE_INPUT, "there are two of that name");
        if (status) eie_error_prefix(error, status, "kernel %s", kernel->name);
    }
    return status;
}

/* ---- loading -------------------------------------------------------------------------------- */

static enum eie_status hash_file(const char *path, struct eie_hash *hash, struct eie_error *error)
{
    struct eie_bytes bytes;
    struct stat info;
    if (!stat(path, &info) && !S_ISREG(info.st_mode)) /* reading a pipe would wait for its writer */
        return eie_fail(error, EIE_INPUT, "%s: is no regular file, so no plug-in", path);
    enum eie_status status = eie_file_read(path, FILE_BYTES_MAX, &bytes, error);
    if (status) return status;
    if (bytes.size < SELFMAG || memcmp(bytes.data, ELFMAG, SELFMAG) != 0)
        status = eie_fail(error, EIE_INPUT,
                          "%s: is no shared object: build one with cc -shared -fPIC", path);
    else
        status = eie_sha256_of(bytes.data, bytes.size, hash, error);
    eie_bytes_free(&bytes);
    return status;
}

/* The loader's own words, less the path that they begin with. */
static enum eie_status cannot_load(const char *path, struct eie_error *error)
{
    const char *words = dlerror();
    if (!words) words = "the loader does not say why";
    const size_t length = strlen(path);
    if (!strncmp(words, path, length) && !strncmp(words + length, ": ", 2)) words += length + 2;
    const bool symbol = strstr(words, "undefined symbol") != NULL;
    return eie_fail(error, EIE_INPUT, "cannot be loaded: %s%s", words,
                    symbol ? ": link the plug-in with the library that has it (the program offers "
                             "what its installed headers declare)"
                           : "");
}

/* Loads and validates; the object stays loaded when that is good. */
static enum eie_status open_plugin(const char *real, const struct eie_plugin **plugin,
                                   struct eie_error *error)
{
    void *handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return cannot_load(real, error);
    *plugin = dlsym(handle, "eie_plugin");
    enum eie_status status = *plugin ? eie_plugin_validate(*plugin, error)
                                     : eie_fail(error, EIE_INPUT,
                                                "has no symbol eie_plugin: end its source with "
                                                "EIE_PLUGIN(&your_kernel) of kernels/plugin.h");
    if (status) dlclose(handle);
    return status;
}

struct rehearsal {
    enum eie_status status;
    struct eie_error error;
};

static void rehearse(void *context, void *shared)
{
    struct rehearsal *rehearsal = shared;
    const struct eie_plugin *plugin;
    rehearsal->status = open_plugin(context, &plugin, &rehearsal->error);
}

/* Loads it in a child first. */
static enum eie_status rehearse_load(char *real, struct eie_error *error)
{
    struct rehearsal rehearsal = {EIE_OK, {""}};
    struct eie_ending ending;
    char words[128];
    enum eie_status status =
        eie_isolate(rehearse, real, &rehearsal, sizeof rehearsal, LOAD_LIMIT_S, &ending, error);
    if (status) return status;
    if (ending.end == EIE_END_RETURNED)
        return rehearsal.status ? eie_fail(error, rehearsal.status, "%s", rehearsal.error.message)
                                : EIE_OK;
    eie_ending_text(&ending, words, sizeof words);
    return eie_fail(error, EIE_INPUT,
                    "%s while it was loaded: %s; see its constructors, and those of the libraries "
                    "that it is linked with",
                    ending.end == EIE_END_HUNG ? "hung" : "crashed", words);
}

static enum eie_status add_file(struct eie_plugin_file file, struct eie_error *error)
{
    struct eie_plugin_file *more = realloc(files, ((size_t)file_count + 1) * sizeof *more);
    if (more) files = more;
    char *path = strdup(file.path);
    if (!more || !path) {
        free(path);
        return eie_fail(error, EIE_MEMORY, "out of memory for a plug-in");
    }
    enum eie_status status =
        eie_kernels_add(file.plugin->kernels, file.plugin->kernel_count, error);
    if (status) {
        free(path);
        return status;
    }
    file.path = path;
    files[file_count++] = file;
    return EIE_OK;
}

enum eie_status eie_plugin_load(const char *path, struct eie_error *error)
{
    struct eie_plugin_file file = {.path = path};
    enum eie_status status = hash_file(path, &file.hash, error);
    if (status) return status;
    char *real = realpath(path, NULL); /* dlopen would look for a bare name elsewhere */
    if (!real) return eie_fail(error, EIE_SYSTEM, "%s: its path cannot be told", path);
    status = rehearse_load(real, error);
    if (!status) status = open_plugin(real, &file.plugin, error);
    if (!status) status = add_file(file, error);
    free(real);
    return status ? eie_error_prefix(error, status, "%s", path) : EIE_OK;
}

/* ---- the list ------------------------------------------------------------------------------- */

uint32_t eie_plugin_count(void)
{
    return file_count;
}

const struct eie_plugin_file *eie_plugin_at(uint32_t index)
{
    return &files[index];
}

const struct eie_plugin_file *eie_plugin_of(const struct eie_kernel *kernel)
{
    for (uint32_t f = 0; f < file_count; f++)
        for (uint32_t k = 0; k < files[f].plugin->kernel_count; k++)
            if (files[f].plugin->kernels[k] == kernel) return &files[f];
    return NULL;
}
