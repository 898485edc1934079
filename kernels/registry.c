#include "host/cpu.h"
#include "kernels/kernel.h"

#include <string.h>

const struct eie_kernel *eie_kernel_find(const char *name)
{
    for (uint32_t i = 0; i < eie_kernel_count; i++)
        if (!strcmp(eie_kernels[i]->name, name)) return eie_kernels[i];
    return NULL;
}

enum eie_status eie_kernel_probe(const struct eie_kernel *kernel, const struct eie_device *device,
                                 struct eie_error *error)
{
    if (kernel->abi != EIE_KERNEL_ABI)
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s: built for interface %u, this is %u",
                        kernel->name, kernel->abi, EIE_KERNEL_ABI);
    if (kernel->device_kind != device->kind)
        return eie_fail(error, EIE_UNSUPPORTED, "kernel %s does not run on device %s", kernel->name,
                        device->name);
    enum eie_status status = eie_cpu_require(kernel->cpu_features, error);
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
    return kernel->supports(problem, plan_bytes, error);
}
