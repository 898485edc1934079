/* Between host/devices/cuda.c and host/devices/cuda_ceilings.c. */
#ifndef EIE_HOST_DEVICES_CUDA_PARTS_H
#define EIE_HOST_DEVICES_CUDA_PARTS_H

#include "host/base/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eie_cuda;
struct eie_cuda_ceilings;
EIE_MUST_USE enum eie_status eie_cuda_measure(struct eie_cuda *cuda,
                                              struct eie_cuda_ceilings *ceilings,
                                              struct eie_error *error);

/* cuda_loops.cu: reads [words] of 16 bytes, `rounds` times; `sink` takes one word if their sum has
 * a value that it never has. With words 0 it does nothing. */
struct eie_cuda_reads {
    const void *data;
    uint64_t words;
    uint32_t rounds;
    void *sink;
};
struct eie_cuda_code;
extern const struct eie_cuda_code eie_cuda_code_reads;

/* The same file: one thread waits until *open is not 0, or for so long by the device's clock; then
 * *late becomes 1. Both lie in the host's memory. */
struct eie_cuda_hold {
    const volatile uint32_t *open;
    volatile uint32_t *late;
    uint64_t most_ns;
};
extern const struct eie_cuda_code eie_cuda_code_hold;

#ifdef __cplusplus
}
#endif

#endif
