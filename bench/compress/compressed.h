/* What is asked of a compression, and what is known of each matrix on its way and afterwards. */
#ifndef EIE_BENCH_COMPRESS_COMPRESSED_H
#define EIE_BENCH_COMPRESS_COMPRESSED_H

#include "host/layer/layer.h"
#include "host/layer/quantize.h"
#include "host/layer/shared.h"
#include "host/layer/stored.h"
#include "host/weights/kmeans.h"
#include "host/weights/prune.h"

#include <stdbool.h>
#include <stdint.h>

#define EIE_ERROR_SAMPLES 4u /* sample inputs that output errors are taken on, at most */

struct eie_compress_options {
    const char *input, *out, *name;
    const char *tensors; /* comma list of names or globs; NULL: the only one */
    const char *inputs_file, *bias_file;
    bool no_bias; /* that the file has beside the matrix */
    enum eie_pruning pruning;
    double pruning_amount;
    uint32_t code_bits, run_bits;
    enum eie_centroids centroids;
    bool keep_codes; /* of weights that are shared already */
    uint64_t seed;
    uint32_t rounds_max, threads, pes;
    enum eie_form form;
    enum eie_activation activation;
    uint32_t samples;       /* drawn where no file is given */
    bool samples_positions; /* as many as a convolution has positions */
    double active;          /* share of drawn inputs that are not 0 */
};

/* Values that were given wider than float32, are not 0, and are 0 or denormal there. */
struct eie_below_float32 {
    uint64_t weights, inputs, biases;
};

/* Everything known of one matrix on its way. */
struct eie_compressed {
    struct eie_shared shared; /* without codes once they are in the layer */
    struct eie_layer *layer;  /* NULL where the widths are not a layer's */
    struct eie_pruned pruned;
    struct eie_kmeans kmeans;
    struct eie_quantization fixed;
    struct eie_relative relative;                 /* counts only */
    struct eie_stream_size packed[2], huffman[2]; /* codes, runs */
    uint64_t weights, nonzeros;
    enum eie_dtype input_dtype;     /* of the weights as they were given */
    struct eie_below_float32 below; /* values that float32 does not hold */
    bool values_drawn, samples_drawn;
    uint32_t sample_count, error_samples;
    double shared_squares; /* of the differences between pruned and shared weights */
    double output_squares, pruned_output_squares, shared_output_squares;
    double load_s, prune_s, share_s, encode_s;
};

#endif
