/* The compressed layer: one pruned, weight-shared fully-connected layer in EIE's interleaved CSC
 * form (Han et al., ISCA 2016, section III.B and Figs. 2 and 3).
 *
 * W has `outputs` rows and `inputs` columns. Row i belongs to processing element (PE) i mod
 * pe_count and is that PE's local row i div pe_count. Each PE stores its own rows column by column.
 * An entry is one byte: the high nibble is the weight's code, the low nibble the number of zeros
 * (0..15) of this PE's rows since the previous entry of the same column. Code 0 is the value 0 and
 * belongs to padding: where more than 15 zeros precede a weight, a padding entry 0x0F stands for 16
 * rows.
 *
 * A layer is valid when every position is a row of its PE, code 0 occurs only as 0x0F, and no
 * column of a PE ends in padding. So each matrix has exactly one encoding per PE count. */
#ifndef EIE_HOST_LAYER_LAYER_H
#define EIE_HOST_LAYER_LAYER_H

#include "host/base/error.h"
#include "host/base/hash.h"
#include "host/layer/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EIE_CODEBOOK_SIZE 16
#define EIE_RUN_MAX       15   /* largest zero run that an entry can hold */
#define EIE_PADDING_ENTRY 0x0F /* code 0, run 15: spans 16 rows of the PE */
#define EIE_NAME_MAX      64   /* bytes of a layer's name, the terminating 0 included */
#define EIE_OUTPUTS_MAX                                                                            \
    (UINT32_C(1) << 26) /* rows: no stored byte stands for one, so that without                    \
                           a limit a tiny file could ask for all memory */

enum eie_activation { EIE_ACTIVATION_NONE = 0, EIE_ACTIVATION_RELU = 1 };

/* Everything lies in one 64-byte-aligned allocation, freed by eie_layer_free, which is read-only
 * from the moment that it is built: whoever writes to it crashes. Arrays are contiguous, row-major
 * as written. */
struct eie_layer {
    const char *name;                    /* letters, digits, '-', '_', '.'; at most 63 bytes */
    const char *source;                  /* where it comes from, one line; never NULL */
    uint32_t inputs;                     /* columns of W, at least 1 */
    uint32_t outputs;                    /* rows of W, 1 to EIE_OUTPUTS_MAX */
    uint32_t pe_count;                   /* at least 1 */
    enum eie_activation activation;      /* applied to the accumulator before rounding */
    uint32_t weight_fraction_bits;       /* fixed-point places of the codebook */
    uint32_t input_fraction_bits;        /* of the inputs */
    uint32_t output_fraction_bits;       /* of the outputs; see eie_layer_shift */
    int16_t codebook[EIE_CODEBOOK_SIZE]; /* shared weights; [0] is 0 */
    uint32_t entry_count;                /* entries, padding included; fewer than 2^32 */
    const uint32_t *column_start;        /* [pe_count][inputs + 1], absolute entry indices */
    const uint8_t *entries;              /* [entry_count] */
    const int32_t *bias;                 /* [outputs] at the accumulator's scale, or NULL */
    uint32_t sample_count;               /* inputs that travel with the layer, may be 0 */
    const int16_t *sample_inputs;        /* [sample_count][inputs], or NULL when there are none */
    const char *tensor;       /* the name it had where it comes from; NULL: `name`, or none */
    struct eie_window window; /* of a convolution: where inputs come from; its sample inputs may be
                                 those of all positions of one image */
};

/* The same matrix without PEs: codes by column, rows ascending within a column. */
struct eie_sparse_codes {
    uint32_t inputs, outputs;
    const uint32_t *column_start; /* [inputs + 1], [0] is 0 */
    const uint32_t *row;          /* [column_start[inputs]], each below outputs */
    const uint8_t *code;          /* [column_start[inputs]], each 1..15 */
};

/* accumulator fraction bits minus output fraction bits; valid layers have 0..31 */
static inline uint32_t eie_layer_shift(const struct eie_layer *layer)
{
    return layer->weight_fraction_bits + layer->input_fraction_bits - layer->output_fraction_bits;
}

/* Number of rows that PE `pe` owns: those i < outputs with i mod pe_count == pe. */
static inline uint32_t eie_layer_local_rows(const struct eie_layer *layer, uint32_t pe)
{
    return pe < layer->outputs ? (layer->outputs - pe - 1) / layer->pe_count + 1 : 0;
}

/* Copies `parts` (whose pointers stay the caller's) into a new layer and validates every field,
 * pointer and nibble. EIE_INPUT with the place of the first fault, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_layer_create(const struct eie_layer *parts,
                                              struct eie_layer **layer, struct eie_error *error);

/* Encodes `codes` for parts->pe_count PEs, inserting padding. Takes the other fields from `parts`,
 * whose inputs, outputs, entry_count, column_start and entries are ignored. EIE_INPUT when rows are
 * not ascending or out of range or a code is 0 or above 15. */
EIE_MUST_USE enum eie_status eie_layer_encode(const struct eie_layer *parts,
                                              const struct eie_sparse_codes *codes,
                                              struct eie_layer **layer, struct eie_error *error);

/* Decodes the matrix; the arrays lie in one allocation, freed by eie_sparse_codes_free. */
EIE_MUST_USE enum eie_status eie_layer_decode(const struct eie_layer *layer,
                                              struct eie_sparse_codes *codes,
                                              struct eie_error *error);
void eie_sparse_codes_free(struct eie_sparse_codes *codes);

/* The same layer (matrix, bias, samples, name) cut for another number of PEs. */
EIE_MUST_USE enum eie_status eie_layer_reencode(const struct eie_layer *layer, uint32_t pe_count,
                                                struct eie_layer **reencoded,
                                                struct eie_error *error);

void eie_layer_free(struct eie_layer *layer); /* NULL is fine */

/* SHA-256 over inputs, outputs, pe_count, activation, weight, input and output fraction bits
 * (uint32 each), then codebook, column_start, entries, bias and sample_inputs, each preceded by its
 * length in bytes (uint64); of a convolution then the window's six numbers (uint32). All
 * little-endian. Depends on neither the file nor the layer's name. */
EIE_MUST_USE enum eie_status eie_layer_hash(const struct eie_layer *layer, struct eie_hash *hash,
                                            struct eie_error *error);

/* Counts of the stored entries. `input` ([inputs]) selects the active columns (input != 0); NULL
 * means that every column is active. Padding in a PE's column counts with that column. */
struct eie_layer_counts {
    uint64_t nonzeros, padding;               /* of the whole layer */
    uint64_t active_columns;                  /* columns with a non-zero input */
    uint64_t active_nonzeros, active_padding; /* entries in those columns */
};
void eie_layer_count(const struct eie_layer *layer, const int16_t *input,
                     struct eie_layer_counts *counts);

/* active_nonzeros and active_padding, summed over `inputs` [batch][inputs]. */
void eie_layer_count_batch(const struct eie_layer *layer, const int16_t *inputs, uint32_t batch,
                           uint64_t *nonzeros, uint64_t *padding);

/* Largest possible |final sum| for any int16 inputs; at most INT32_MAX proves that no input can
 * overflow the accumulator (docs/decisions.md, "exact integers"). */
EIE_MUST_USE enum eie_status eie_layer_sum_bound(const struct eie_layer *layer, uint64_t *bound,
                                                 struct eie_error *error);

#ifdef __cplusplus
}
#endif

#endif
