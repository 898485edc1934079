/* The form `network`: all weights of a trained network in one small safetensors file, for where the
 * bytes of the whole file are what counts (Deep Compression, ICLR 2016, section 4). Forms plain,
 * packed and huffman (host/layer/layer_file.h, host/layer/stored.h) have some 600 bytes of header a
 * layer; this one has 120 in all.
 *
 * The file has the metadata eie.form "network" and one tensor, U8, whose name is the network's
 * (data/networks/NAME.json is its topology). Of its bytes the first four are 'E', 'N', the version
 * (1) and the number of parts (1 to 64); the last four are the first four of the SHA-256 of all
 * before them. Between them stands one stream of bits, each byte from its lowest bit up, filled up
 * with 0 to whole bytes. A field of several bits has its lowest first. A `number` is groups of 4
 * bits, three of it, the lowest first, and one that says whether another group follows. Part by
 * part:
 *
 * - name: 5 bits: length, 1 to 31; 7 bits a character: letters, digits, '-', '_', '.'
 * - outputs, inputs: a number each
 * - code_bits: 3 bits: code_bits - 1, code_bits being 2 to 8
 * - flags: 1 bit: ReLU follows; 1 bit: int16 arithmetic is stated, as 5 bits input fraction bits,
 *   6 bits output fraction bits, 8 bits share of inputs that are not 0, in 255ths
 * - centroids: code_bits bits: how many, 1 or more; 5 bits: fraction bits f, 0 to 30; 16 bits
 *   each: signed integers c for c / 2^f. These are the codebook of the layer as it is.
 * - rows: 2 bits: 0 all are live; 1 a bit for each, 1 being live; 2 lengths of dead and live
 *   stretches in turn, the dead one first, each a number, until all are counted. In dead ones
 *   there is no weight.
 * - columns: the same; or 3: live are the live rows of the part before, of which there are as
 *   many as here columns
 * - bias: 2 bits: 0 none, 1 of all outputs, 2 of live rows, the others' being 0; unless none: 5
 *   bits fraction bits f, 0 to 30; 4 bits w, 1 to 15; w + 1 bits each: signed integers b for b /
 *   2^f
 * - weights: number: how many are not 0
 * - streams, unless no weight: 1 bit: 0 row by row, 1 column by column; 3 bits: s; 4 bits: t; 2
 *   bits: m; 8 bits: a, 1 to 255; if m is 3 number: d; the tables; the weights
 * - tables: for runs one, or two if t is not 0, of symbols 0 to a; for codes one, two or three,
 *   as m is 0, 1 or 2, or 3, of symbols 1 to the number of centroids. A table is the length of
 *   each symbol's Huffman code, 0 to 11, 0 where it has none: bit 0, as the last before that was
 *   not 0 (in the beginning 4); bits 1 0, one more than that; 1 1 0, one less; 1 1 1 and 4 bits,
 *   this length. Codes are canonical (host/layer/huffman.h), in the stream with their first bit
 *   first. A sole symbol has length 1 and takes a bit of 0.
 * - a weight: its run, the number of zeros since the weight before, over live places (live rows
 *   by live columns, in the order stated; the others are left out). Symbol a stands for a * 2^s
 *   zeros, and more of the run follows; a smaller symbol q, with s bits behind it, r, ends it
 *   with q * 2^s + r. Then its code. The second table of runs is taken where the run before (at
 *   first 0) was 2^(t-1) or more; that of codes where the last weight in the stream (m 1), or in
 *   the same row (m 2), was above 0 (at first not). With m 3 the first weight counts that stands
 *   in the same row 1, d, d - 1 or d + 1 columns before (d being the length of an image's row,
 *   say): the first table where there is none, the second where it is above 0, else the third.
 *
 * Symbols of runs and the bits behind them are Huffman's: of a geometric distribution within 2^s
 * neighbours the code is flat. */
#ifndef EIE_HOST_LAYER_NETWORK_FILE_H
#define EIE_HOST_LAYER_NETWORK_FILE_H

#include "host/base/error.h"
#include "host/base/file.h"
#include "host/layer/layer.h"
#include "host/layer/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

#define EIE_NETWORK_PARTS_MAX  64
#define EIE_NETWORK_PLACES_MAX (UINT64_C(1) << 26) /* outputs x inputs of all parts */
/* No byte stands for a place without a weight: a file may ask for so many places a byte of it. */
#define EIE_NETWORK_PLACES_PER_BYTE UINT64_C(4096)

/* What int16 arithmetic needs to know of a part beside its weights; see eie_layer. */
struct eie_network_scale {
    bool stated;                   /* false: the others are 0 */
    uint32_t input_fraction_bits;  /* 0..31 */
    uint32_t output_fraction_bits; /* 0..62; together with the weights' a shift of 0..31 */
    double active_share;           /* of inputs that are not 0, 0..1, in 255ths once stored */
};

/* A fully-connected or convolutional layer; the pointers are the caller's, or of a network that was
 * read the network's. */
struct eie_network_part {
    char name[32];          /* letters, digits, '-', '_', '.'; differs from the others' */
    uint32_t outputs;       /* 1 and more */
    uint32_t inputs;        /* of a convolution: input channels x kernel rows x kernel columns */
    uint32_t code_bits;     /* 2..8 */
    bool relu;              /* follows this part */
    const uint8_t *codes;   /* [outputs][inputs]: 0 no weight, else index of its centroid */
    const float *centroids; /* [2^code_bits], [0] is 0; -32768 to 32767 */
    const float *bias;      /* [outputs], or NULL */
    uint32_t bias_bits;     /* of each in the file: 2..16; 0: 16 */
    struct eie_network_scale scale;
    uint32_t weight_fraction_bits; /* when read: of the centroids; ignored when written */
};

struct eie_network_file {
    char name[EIE_NAME_MAX]; /* letters, digits, '-', '_', '.' */
    uint32_t part_count;     /* 1 to EIE_NETWORK_PARTS_MAX */
    struct eie_network_part *parts;
};

/* Where the bits of a file are. */
struct eie_network_sizes {
    uint64_t weights;     /* that are not 0 */
    uint64_t fillers;     /* symbols of runs that a weight needs beyond its first */
    uint64_t header_bits; /* names, sizes, flags; of the file all that belongs to no part */
    uint64_t table_bits;  /* code lengths */
    uint64_t code_bits;   /* codes of all weights */
    uint64_t run_bits;    /* runs of all weights; which rows and columns are live */
    uint64_t centroid_bits, bias_bits;
};

/* Writes the file or leaves none. Centroids and biases are rounded to nearest in the fraction bits
 * at which the largest still fits. Of all ways to store a part that the layout has, one of the
 * smallest that were tried is taken, so that equal parts give equal bytes. `sizes` (or NULL):
 * [part_count + 1], the last is what belongs to no part; the six numbers of bits of them all add up
 * to the bytes of the file. EIE_USAGE: what the struct does not allow, with the part's name.
 * EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_file_write(const char *path,
                                                    const struct eie_network_file *network,
                                                    struct eie_network_sizes *sizes,
                                                    struct eie_error *error);

/* Fraction bits in which the centroids of a part are written, -1 where there are none in which they
 * fit: what a scale is reckoned with. */
int eie_network_centroid_bits(const float *centroids, uint32_t count);

/* Reads and validates everything; owns what it fills, to be freed. centroids have all 2^code_bits,
 * 0 where the file has none. `sizes` (or NULL) gets [part_count + 1], to be freed with free().
 * EIE_INPUT with the place, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_file_read(const char *path,
                                                   struct eie_network_file *network,
                                                   struct eie_network_sizes **sizes,
                                                   struct eie_error *error);
EIE_MUST_USE enum eie_status eie_network_file_parse(struct eie_bytes *bytes, /* taken over */
                                                    const char *path,
                                                    struct eie_network_file *network,
                                                    struct eie_network_sizes **sizes,
                                                    struct eie_error *error);
/* Of a safetensors file that is open: is it one, and the same as above. */
bool eie_network_file_is(const struct eie_safetensors *file);
EIE_MUST_USE enum eie_status eie_network_file_of(const struct eie_safetensors *file,
                                                 const char *path, struct eie_network_file *network,
                                                 struct eie_network_sizes **sizes,
                                                 struct eie_error *error);
void eie_network_file_free(struct eie_network_file *network);

/* Sums them up, in bytes that need not be whole; returns the bytes of the file. */
struct eie_network_bytes {
    double header, tables, codes, runs, centroids, biases;
};
double eie_network_file_sizes(const struct eie_network_sizes *sizes, uint32_t part_count,
                              struct eie_network_bytes *bytes);

#endif
