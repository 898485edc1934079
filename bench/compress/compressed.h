/* What is asked of a compression, and what is known of each matrix on its way and afterwards: the
 * numbers of the ledger (bench/compress/compress.h). */
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

/* The options of `eie compress`, in range already. Strings are the caller's and outlive the
 * compression. */
struct eie_compress_options {
    const char *input;       /* a file, or what host/weights/weight_file.h takes for one */
    const char *out;         /* the file to write */
    const char *name;        /* of the layer; NULL: the tensor's */
    const char *tensors;     /* comma list of names or globs; NULL: the only one */
    const char *inputs_file; /* sample inputs [samples][inputs]; NULL: they are drawn */
    const char *bias_file;   /* one row [outputs]; NULL: the bias that the input has, if any */
    bool no_bias;            /* not even that one */
    enum eie_pruning pruning;
    double pruning_amount;        /* a density, or a threshold in standard deviations (prune.h) */
    uint32_t code_bits, run_bits; /* of an entry: 2 to 8 each; a layer for kernels needs 4 and 4 */
    enum eie_centroids centroids;
    bool keep_codes;     /* weights that are shared already stay as they are */
    uint64_t seed;       /* of random centroids, drawn weights and drawn inputs */
    uint32_t rounds_max; /* of k-means */
    uint32_t threads;    /* 1 or more */
    uint32_t pes;        /* that the layer is laid out for */
    enum eie_form form;  /* of the file: plain, packed, Huffman-coded (stored.h) */
    enum eie_activation activation;
    uint32_t samples;       /* drawn where no file is given, at least 1 */
    bool samples_positions; /* as many as a convolution has positions */
    double active;          /* share of drawn inputs that are not 0 */
};

/* Values that were given wider than float32, are not 0, and are 0 or denormal there. */
struct eie_below_float32 {
    uint64_t weights, inputs, biases;
};

/* Everything known of one matrix on its way. Owns `shared` and `layer`; eie_compressed_free frees
 * them. All zeros is one of which nothing is known yet. Squares are sums over all elements, for the
 * ledger's relative errors; of outputs, over the first error_samples sample inputs, in float64. */
struct eie_compressed {
    struct eie_shared shared; /* without codes once they are in the layer */
    struct eie_layer *layer;  /* NULL where the widths are not a layer's */
    struct eie_pruned pruned;
    struct eie_kmeans kmeans;
    struct eie_quantization fixed;
    struct eie_relative relative;                 /* counts only */
    struct eie_stream_size packed[2], huffman[2]; /* codes, runs */
    uint64_t weights, nonzeros;       /* elements of the matrix; those that are not 0 in the end */
    enum eie_dtype input_dtype;       /* of the weights as they were given */
    struct eie_below_float32 below;   /* values that float32 does not hold */
    bool values_drawn, samples_drawn; /* not the user's: weights, sample inputs */
    uint32_t sample_count, error_samples;
    double shared_squares; /* of the differences between pruned and shared weights */
    double output_squares; /* of the outputs of the weights as they were given */
    double pruned_output_squares, shared_output_squares; /* of what these differ from them */
    double load_s, prune_s, share_s, encode_s;           /* seconds of each stage */
};

#endif
