/* From dense weights to a file of ours, stage by stage, and the ledger of what each stage takes. */
#ifndef EIE_BENCH_COMPRESS_COMPRESS_H
#define EIE_BENCH_COMPRESS_COMPRESS_H

#include "host/layer/layer.h"
#include "host/layer/quantize.h"
#include "host/layer/shared.h"
#include "host/layer/stored.h"
#include "host/weights/kmeans.h"
#include "host/weights/prune.h"
#include "host/weights/weights.h"

#include <jansson.h>

#define EIE_ERROR_SAMPLES 4u /* sample inputs that output errors are taken on, at most */

struct eie_compress_options {
    const char *input, *out, *name;
    const char *tensors; /* comma list of names or globs; NULL: the only one */
    const char *inputs_file, *bias_file;
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
    bool values_drawn, samples_drawn;
    uint32_t sample_count, error_samples;
    double shared_squares; /* of the differences between pruned and shared weights */
    double output_squares, pruned_output_squares, shared_output_squares;
    double load_s, prune_s, share_s, encode_s;
};

/* Compresses all named tensors; *count of them, to be freed by eie_compressed_free. The file is
 * written, or none is left. */
EIE_MUST_USE enum eie_status eie_compress(const struct eie_compress_options *options,
                                          struct eie_compressed **items, uint32_t *count,
                                          struct eie_error *error);
void eie_compressed_free(struct eie_compressed *items, uint32_t count);

/* The ledger as JSON (results/README.md); reads the parts of the file back from its header and
 * makes sure that they add up to its size: EIE_MISMATCH. */
EIE_MUST_USE enum eie_status eie_compress_ledger(const struct eie_compress_options *options,
                                                 const struct eie_compressed *items, uint32_t count,
                                                 json_t **ledger, struct eie_error *error);
void eie_compress_print(const json_t *ledger);

/* Parts of a safetensors file as {"name": bytes}; EIE_MISMATCH when they are not its size. */
EIE_MUST_USE enum eie_status eie_file_parts(const char *path, json_t **parts, uint64_t *size,
                                            struct eie_error *error);

#endif
