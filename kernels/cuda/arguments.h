/* What every CUDA kernel is given. Pointers are the device's. */
#ifndef EIE_KERNELS_CUDA_ARGUMENTS_H
#define EIE_KERNELS_CUDA_ARGUMENTS_H

#include "host/devices/cuda.h"

struct cuda_arguments {
    const void *copy;         /* the prepared weights */
    const int16_t *x;         /* [batch][x_stride], zeros behind the inputs */
    int16_t *y;               /* [batch][outputs] */
    const int32_t *constants; /* codebook [16], bias [outputs] */
    uint32_t x_stride, inputs, outputs, batch, shift;
    uint32_t relu; /* 1 or 0 */
};

#endif
