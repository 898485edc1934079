/* For files of device code, NAME.cu: what they include, and how they export a kernel. Two compilers
 * read them: nvcc for GPUs, and the host's own where the tests run them without one
 * (tests/cuda/README.md), so that a kernel is started by EIE_CUDA_CODE only. */
#ifndef EIE_HOST_DEVICES_CUDA_CODE_H
#define EIE_HOST_DEVICES_CUDA_CODE_H

#include "host/devices/cuda.h"

#include <cuda_runtime.h>

/* Exports the kernel `kernel(struct type arguments)` as eie_cuda_code_NAME. */
#ifdef EIE_CUDA_EMULATED
#define EIE_CUDA_ENQUEUE(kernel, launch, arguments)                                                \
    eie_emulate((const void *)kernel, launch->blocks[0], launch->blocks[1], launch->threads,       \
                launch->shared_bytes, launch->stream, [=]() { kernel(arguments); })
#else
#define EIE_CUDA_ENQUEUE(kernel, launch, arguments)                                                \
    ([&]() {                                                                                       \
        void *all[] = {(void *)&arguments};                                                        \
        return (int)cudaLaunchKernel(                                                              \
            (const void *)kernel, dim3(launch->blocks[0], launch->blocks[1]),                      \
            dim3(launch->threads), all, launch->shared_bytes, launch->stream);                     \
    }())
#endif

#define EIE_CUDA_CODE(name, kernel, type)                                                          \
    static int launch_##name(const struct eie_cuda_launch *launch, const void *opaque)             \
    {                                                                                              \
        const type arguments = *(const type *)opaque;                                              \
        return EIE_CUDA_ENQUEUE(kernel, launch, arguments);                                        \
    }                                                                                              \
    static int allow_##name(uint32_t shared_bytes)                                                 \
    {                                                                                              \
        const cudaError_t code = cudaFuncSetAttribute(                                             \
            (const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes); \
        if (code) return (int)code;                                                                \
        return (int)cudaFuncSetAttribute((const void *)kernel,                                     \
                                         cudaFuncAttributePreferredSharedMemoryCarveout,           \
                                         cudaSharedmemCarveoutMaxShared);                          \
    }                                                                                              \
    static int resident_##name(uint32_t threads, uint32_t shared_bytes, int *blocks)               \
    {                                                                                              \
        return (int)cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, (const void *)kernel,    \
                                                                  (int)threads, shared_bytes);     \
    }                                                                                              \
    extern "C" const struct eie_cuda_code eie_cuda_code_##name = {#name, launch_##name,            \
                                                                  allow_##name, resident_##name}

#endif
