/* From float to the fixed-point numbers of a layer (docs/decisions.md). Rounds to nearest, ties to
 * even: the largest weight fraction bits at which no weight saturates; then the largest input bits
 * at which no input saturates and no final sum of the given inputs leaves int32; then the largest
 * output bits at which no output saturates and the shift stays in 0..31. */
#ifndef EIE_HOST_LAYER_QUANTIZE_H
#define EIE_HOST_LAYER_QUANTIZE_H

#include "host/layer/layer.h"

struct eie_float_layer {
    const char *name, *source, *tensor; /* as those of a layer */
    uint32_t pe_count;
    enum eie_activation activation;
    const float *codebook;         /* [16], [0] is 0 */
    struct eie_sparse_codes codes; /* inputs, outputs, positions */
    const float *bias;             /* [outputs] or NULL */
    uint32_t sample_count;         /* at least 1 */
    const float *sample_inputs;    /* [sample_count][inputs] */
    /* The files that these come from, for messages, or NULL. */
    const char *weights_file, *inputs_file, *bias_file;
};

struct eie_quantization {
    uint32_t weight_fraction_bits, input_fraction_bits, output_fraction_bits;
    uint64_t weights_lost, inputs_lost, biases_lost; /* that were not 0 and became 0 */
    double weights_relative_rms_error;               /* of the stored weights, over theirs */
    double max_abs_error;      /* of the outputs of all samples against float64 */
    double relative_rms_error; /* root mean square of the error over that of the outputs */
};

/* EIE_INPUT: a value that is not finite; weights, inputs, biases or outputs beyond what 16 bits
 * hold; weights, inputs or biases that all became 0. The message names which of them, their file
 * and the way out. */
EIE_MUST_USE enum eie_status eie_quantize(const struct eie_float_layer *layer,
                                          struct eie_layer **quantized,
                                          struct eie_quantization *report, struct eie_error *error);

#endif
