/* The parts of a network of the form `network` (host/layer/network_file.h) as layers and as
 * matrices of shared floats, so that whatever reads layer files reads networks. */
#ifndef EIE_HOST_LAYER_NETWORK_LAYERS_H
#define EIE_HOST_LAYER_NETWORK_LAYERS_H

#include "host/layer/layer.h"
#include "host/layer/network_file.h"
#include "host/layer/shared.h"

#define EIE_NETWORK_PES 64 /* that the layers of a network are cut for */
#define EIE_NETWORK_SAMPLES                                                                        \
    64 /* inputs that are drawn for each, fewer where they are very long                           \
        */

/* Layer of a part: the centroids as they are stored are its codebook, the biases are rounded to the
 * accumulator's scale. Its sample inputs are drawn, from the same seed each time, so many of each
 * not being 0 as the part states (0.35 where it does not), and its source says so; where it states
 * no fixed point, input fraction bits are 8 and outputs as large as those of the samples allow.
 * EIE_INPUT, with `path` and the part: codes of more than 4 bits, more inputs than a layer of 64
 * PEs may have, a bias or fraction bits beyond 32 bits. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_layer(const struct eie_network_file *network,
                                               uint32_t part, const char *path,
                                               struct eie_layer **layer, struct eie_error *error);

/* The same without sample inputs and for `pe_count` PEs. A part that states no fixed point takes
 * that of `scale`. */
EIE_MUST_USE enum eie_status
eie_network_layer_bare(const struct eie_network_file *network, uint32_t part, const char *path,
                       uint32_t pe_count, const struct eie_network_scale *scale,
                       struct eie_layer **layer, struct eie_error *error);

/* Matrix of a part, of any width. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_shared(const struct eie_network_file *network,
                                                uint32_t part, const char *path,
                                                struct eie_shared *shared, struct eie_error *error);

#endif
