#include "kernels/registry.h"
#include "host/base/names.h"
#include "host/devices/runtime.h"
#include "host/machine/cpu.h"

#include <stdlib.h>
#include <string.h>

static const struct eie_kernel **added; /* [added_count], sorted by name */
static uint32_t added_count;

uint32_t eie_kernel_count(void)
{
    return eie_builtin_kernel_count + added_count;
}

const struct eie_kernel *eie_kernel_at(uint32_t index)
{
    return index < eie_builtin_kernel_count ? eie_builtin_kernels[index]
                                            : added[index - eie_builtin_kernel_count];
}

static int by_name(const void *left, const void *right)
{
    const struct eie_kernel *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

enum eie_status eie_kernels_add(const struct eie_kernel *const *kernels, uint32_t count,
                                struct eie_error *error)
{
    const size_t width = sizeof(const struct eie_kernel *);
    const struct eie_kernel **more = realloc(added, ((size_t)added_count + count) * width);
    if (!more) return eie_fail(error, EIE_MEMORY, "out of memory for %u kernels", count);
    memcpy(more + added_count, kernels, count * width);
    added = more;
    added_count += count;
    qsort(added, added_count, width, by_name);
    return EIE_OK;
}

const struct eie_kernel *eie_kernel_find(const char *name)
{
    for (uint32_t i = 0; i < eie_kernel_count(); i++)
        if (!strcmp(eie_kernel_at(i)->name, name)) return eie_kernel_at(i);
    return NULL;
}

bool eie_kernel_is_for(const struct eie_kernel *kernel, const struct eie_device *device)
{
    if (kernel->device_kind != device->kind) return false;
    return device->kind != EIE_DEVICE_FOUND ||
           (kernel->runtime && !strcmp(kernel->runtime, device->found.runtime->kind));
}

enum eie_status eie_kernel_probe(const struct eie_kernel *kernel, const struct eie_device *device,
                                 struct eie_error *error)
{
    if (kernel->abi != EIE_KERNEL_ABI)
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s: built for interface %u, this is %u",
                        kernel->name, kernel->abi, EIE_KERNEL_ABI);
    if (!eie_kernel_is_for(kernel, device))
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s does not run on device %s", kernel->name,
                        device->name);
    enum eie_status status = eie_runtime_probe(device, error);
    if (!status) status = eie_cpu_require(kernel->cpu_features, error);
    if (!status && kernel->probe) status = kernel->probe(device, error);
    return status;
}

enum eie_status eie_kernel_supports(const struct eie_kernel *kernel,
                                    const struct eie_problem *problem, uint64_t *plan_bytes,
                                    struct eie_error *error)
{
    *plan_bytes = 0;
    if (problem->threads > kernel->max_threads)
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s runs on at most %u threads",
                        kernel->name, kernel->max_threads);
    if (problem->batch < kernel->batch_min ||
        (kernel->batch_max && problem->batch > kernel->batch_max))
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s takes %s %u inputs a call", kernel->name,
                        problem->batch < kernel->batch_min ? "at least" : "at most",
                        problem->batch < kernel->batch_min ? kernel->batch_min : kernel->batch_max);
    return kernel->supports(problem, plan_bytes, error);
}

/* ---- what is chosen ------------------------------------------------------------------------- */

/* Of the float32 kernels of this build that are one idea by several instruction sets, the one of
 * the most features that this processor has; NULL where it has those of none. Features count by
 * their bits: a set of vectors stands behind those that it contains. */
static const struct eie_kernel *widest_of_idea(const char *idea)
{
    const struct eie_kernel *widest = NULL;
    for (uint32_t i = 0; i < eie_builtin_kernel_count; i++) {
        const struct eie_kernel *kernel = eie_builtin_kernels[i];
        if (!(kernel->flags & EIE_KERNEL_FLOAT32) || strcmp(strchr(kernel->name, '_'), idea) != 0 ||
            eie_cpu_require(kernel->cpu_features, NULL))
            continue;
        if (!widest || kernel->cpu_features > widest->cpu_features) widest = kernel;
    }
    return widest;
}

static bool is_builtin(const struct eie_kernel *kernel)
{
    uint32_t i = 0;
    while (i < eie_builtin_kernel_count && eie_builtin_kernels[i] != kernel) i++;
    return i < eie_builtin_kernel_count;
}

bool eie_kernel_in_default(const struct eie_kernel *kernel, uint32_t batch)
{
    const uint32_t skip = batch == 1 ? EIE_KERNEL_SKIP_ONE : EIE_KERNEL_SKIP_SEVERAL;
    if (kernel->flags & (skip | EIE_KERNEL_REFERENCE)) return false;
    if (batch < kernel->batch_min || (kernel->batch_max && batch > kernel->batch_max)) return false;
    if (!(kernel->flags & EIE_KERNEL_FLOAT32) || !is_builtin(kernel)) return true;
    const struct eie_kernel *widest = widest_of_idea(strchr(kernel->name, '_'));
    return !widest || widest == kernel;
}

bool eie_kernel_is_chosen(const char *patterns, const struct eie_kernel *kernel, uint32_t batch)
{
    return eie_names_match(patterns, kernel->name) ||
           (eie_names_exact(patterns, EIE_KERNELS_DEFAULT) && eie_kernel_in_default(kernel, batch));
}

bool eie_kernels_unmatched(const char *patterns, char *unmatched, unsigned size,
                           struct eie_hint *hint)
{
    enum { NAMES = 2048 };
    const char *names[NAMES] = {EIE_KERNELS_DEFAULT};
    unsigned count = 1;
    for (uint32_t i = 0; i < eie_kernel_count() && count < NAMES; i++)
        names[count++] = eie_kernel_at(i)->name;
    if (!eie_names_unmatched(patterns, names, count, unmatched, size)) return false;
    *hint = eie_names_hint(unmatched, names, count);
    return true;
}
