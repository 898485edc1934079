/* A matrix of float32 weights, row-major [outputs][inputs], wherever it comes from
 * (host/weights/weight_file.h). What a file has as coordinates stays so. A tensor of more
 * dimensions is flattened behind its first (a convolution [out][in][height][width] has in x height
 * x width inputs), one of a single dimension is one row.
 *
 * Functions that take `where` begin their messages with it: file and tensor. None of them keeps
 * it, nor is anything here shared between threads. */
#ifndef EIE_HOST_WEIGHTS_WEIGHTS_H
#define EIE_HOST_WEIGHTS_WEIGHTS_H

#include "host/base/error.h"
#include "host/layer/safetensors.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EIE_WEIGHTS_MAX (UINT32_MAX - 1u) /* elements of one matrix */

/* One matrix. All zeros is an empty one; eie_weights_free frees what it owns: name, values, place.
 */
struct eie_weights {
    char *name;               /* of the tensor, or NULL */
    uint32_t outputs, inputs; /* rows and columns, outputs x inputs at most EIE_WEIGHTS_MAX */
    uint32_t rank;            /* the shape before flattening, in elements */
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    float *values;   /* [outputs][inputs], or [place_count]; finite */
    uint32_t *place; /* NULL, or [place_count], ascending: row x inputs + column of each value, all
                        others being 0 */
    size_t place_count;
    bool values_drawn;      /* from the seed, not from the file */
    uint64_t below_float32; /* values that are not 0 in the file, but 0 or denormal in float32 */
};

void eie_weights_free(struct eie_weights *weights); /* leaves zeros; twice is fine */

/* ---- matrices given by coordinates ---------------------------------------------------------- */

/* Entries of a matrix while a reader collects them, in any order: begin, append up to the room
 * asked for, merge, take. */
struct eie_coordinates {
    uint32_t *place; /* [count]: row x inputs + column, below 2^32 */
    double *value;   /* [count], as the file has it */
    size_t count;    /* entries so far; the reader adds to it */
};

/* Room for `count` entries, of which none is there yet. EIE_INPUT: more than this machine has;
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_coordinates_begin(const char *where, uint64_t count,
                                                   struct eie_coordinates *entries,
                                                   struct eie_error *error);
void eie_coordinates_free(struct eie_coordinates *entries); /* leaves zeros */

/* Sorts by place and makes one entry of those of one place: their sum in the order given, or with
 * `first_counts` the first. Needs as much memory again where they are not in order. EIE_INPUT,
 * EIE_MEMORY as above. */
EIE_MUST_USE enum eie_status eie_coordinates_merge(const char *where, bool first_counts,
                                                   struct eie_coordinates *entries,
                                                   struct eie_error *error);
/* Merged entries become the weights' place and values, rounded to float32, and count towards
 * below_float32; outputs, inputs and the rest stay as the reader set them. Whether the values are
 * finite is not checked. The entries are taken over whatever the status. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_weights_take(const char *where, struct eie_coordinates *entries,
                                              struct eie_weights *weights, struct eie_error *error);
/* From coordinates to [outputs][inputs] with all its zeros; nothing to do where it is dense. On
 * failure the weights are as they were. EIE_INPUT, EIE_MEMORY as eie_weights_allocate. */
EIE_MUST_USE enum eie_status eie_weights_fill(const char *where, struct eie_weights *weights,
                                              struct eie_error *error);

/* ---- shapes, memory, checks ----------------------------------------------------------------- */

/* Rows and columns of a shape[rank]. EIE_INPUT: no dimension, one of 0, more than 2^26 outputs, or
 * more than `limit` elements (EIE_WEIGHTS_MAX at most). */
EIE_MUST_USE enum eie_status eie_weights_flatten(const char *where, uint32_t rank,
                                                 const uint64_t *shape, uint64_t limit,
                                                 uint32_t *outputs, uint32_t *inputs,
                                                 struct eie_error *error);

/* "96 x 3 x 7 x 7" in text[size], cut to the room; "" for rank 0. */
void eie_weights_shape_text(uint32_t rank, const uint64_t *shape, char *text, size_t size);

/* Memory for weights->values, outputs x inputs of them: all 0 with `zeros`, else 64-byte aligned
 * and not initialised. EIE_INPUT: more than this machine has, which a few bytes of a file can ask
 * for; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_weights_allocate(const char *where, bool zeros,
                                                  struct eie_weights *weights,
                                                  struct eie_error *error);

/* EIE_INPUT with row and column of the first value that is NaN or infinite. */
EIE_MUST_USE enum eie_status eie_weights_check_finite(const char *where,
                                                      const struct eie_weights *weights,
                                                      struct eie_error *error);

/* Whether a number of a wider type is not 0 and less than a normal float32. */
static inline bool eie_weights_below_float32(double given)
{
    return given != 0 && fabs(given) < (double)FLT_MIN;
}

/* EIE_INPUT where all values that are not 0 in the file are below a normal float32: nothing would
 * be left to compress. Some may be; the ledger counts them. */
EIE_MUST_USE enum eie_status eie_weights_check_small(const char *where,
                                                     const struct eie_weights *weights,
                                                     struct eie_error *error);

/* ---- drawn weights -------------------------------------------------------------------------- */

/* One weight: the sum of eight uniform 16-bit numbers, which is close to normal, mean 0, standard
 * deviation 0.01, at most 4.9 deviations from it; never 0. Takes two numbers of the sequence. */
struct eie_random;
float eie_weights_draw(struct eie_random *random);

#endif
