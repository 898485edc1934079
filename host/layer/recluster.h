/* Re-clustering: fewer shared weights, for entries whose codes have fewer bits than a layer uses
 * (ISCA 2016, section III: 16 shared weights, of which code 0 belongs to padding). */
#ifndef EIE_HOST_LAYER_RECLUSTER_H
#define EIE_HOST_LAYER_RECLUSTER_H

#include "host/layer/layer.h"

struct eie_reclustering {
    uint32_t codes_used;       /* of the layer: 0 to 15 */
    uint32_t codes_left;       /* 2^code_bits - 1 at most */
    double relative_rms_error; /* of the weights: root mean square of the error over that of the
                                  weights */
    double largest_error;      /* of a weight, relative to the largest weight */
};

/* Codes that occur in the layer's entries. */
uint32_t eie_layer_codes_used(const struct eie_layer *layer);

/* Whether entries with codes of so many bits hold the layer as it is. */
bool eie_layer_codes_fit(const struct eie_layer *layer, uint32_t code_bits);

/* The same layer with its weights in at most 2^code_bits - 1 groups, each group's weight the
 * rounded mean of its entries: of all ways the one with the least sum of squared errors. Positions,
 * biases and samples stay. A layer whose codes fit comes back as it is, copied. code_bits is 1 or
 * more. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_layer_recluster(const struct eie_layer *layer, uint32_t code_bits,
                                                 struct eie_layer **reclustered,
                                                 struct eie_reclustering *report,
                                                 struct eie_error *error);

#endif
