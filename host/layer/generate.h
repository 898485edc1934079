/* Generated layers: the same on every machine (docs/decisions.md). Exactly the stated number of
 * non-zeros at uniformly drawn positions (selection sampling, Knuth's algorithm S), codes uniform
 * over 1..15, an exact number of active inputs in each of the samples, magnitudes scaled so that no
 * final sum leaves int32.
 *
 * Streams are drawn from seeds named "<layer>/<purpose>", so that changing one leaves the others.
 */
#ifndef EIE_HOST_LAYER_GENERATE_H
#define EIE_HOST_LAYER_GENERATE_H

#include "host/layer/layer.h"

#include <stdbool.h>

/* What the active inputs of a sample are drawn from, uniformly and never 0: magnitudes of 15 bits
 * (1..32767), or the values of an 8-bit type: 1..255 as after ReLU, or -128..127 without 0. All
 * three draw the same positions. */
enum eie_input_type { EIE_INPUT_16_BITS = 0, EIE_INPUT_U8, EIE_INPUT_S8 };

struct eie_layer_spec {
    char name[EIE_NAME_MAX];
    uint64_t seed;
    uint32_t inputs, outputs;
    enum eie_activation activation;
    uint32_t active_inputs; /* non-zero inputs of every sample */
    /* Non-zeros in the columns that sample 0 makes active, and in the others. Where `split` is
     * false, only the sum counts and positions are uniform over the whole matrix. */
    bool split;
    uint64_t nonzeros_active, nonzeros_inactive;
    /* How uneven the rows are, only where `split` is true: row i has u_i times the mean number of
     * non-zeros, u being 1 + z permille / 1000 within 1/8..4, and z the sum of twelve uniform
     * numbers less 6 (near normal, variance 1). 0: all rows alike. */
    uint32_t row_unevenness_permille;
    bool is_signed; /* 16-bit inputs with random signs; else non-negative, as after ReLU */
    enum eie_input_type input_type;
    uint32_t sample_count; /* 64 in the suites */
    struct eie_window
        window;         /* of a convolution's layer; its samples are no image's all the same */
    const char *source; /* for the layer; NULL: a stated default */
};

/* EIE_USAGE when the numbers contradict each other (more non-zeros than places, 8-bit inputs with
 * is_signed, ...); EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_generate(const struct eie_layer_spec *spec, uint32_t pe_count,
                                          struct eie_layer **layer, struct eie_error *error);

/* The first `count` samples ([count][inputs]) of a layer that eie_generate made of this
 * specification: its own, and behind them those that would have been drawn next, of the same
 * scale. One of these whose sums leave int32 is halved, alone, until they do not. The layer and its
 * hash stay as they are. EIE_USAGE where a sample's sums do not fit at any scale; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_generate_samples(const struct eie_layer_spec *spec,
                                                  const struct eie_layer *layer, uint32_t count,
                                                  int16_t *samples, struct eie_error *error);

#endif
