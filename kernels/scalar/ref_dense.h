/* The oracle's decoder, for references beside the kernel itself. */
#ifndef EIE_KERNELS_SCALAR_REF_DENSE_H
#define EIE_KERNELS_SCALAR_REF_DENSE_H

#include "host/layer/layer.h"

/* Writes the layer's codes into `dense` (uint8 [outputs][inputs], zeroed by the caller; 0 where the
 * weight is pruned). Shares no code with host/layer/layer.c. */
void eie_ref_decode(const struct eie_layer *layer, uint8_t *dense);

#endif
