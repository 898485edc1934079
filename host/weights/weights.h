/* A matrix of float32 weights, row-major [outputs][inputs], wherever it comes from
 * (host/weights/weight_file.h). What a file has as coordinates stays so. A tensor of more
 * dimensions is flattened behind its first (a convolution [out][in][height][width] has in x height
 * x width inputs), one of a single dimension is one row. */
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

/* `values`, `place` and `name` belong to it. */
struct eie_weights {
    char *name;
    uint32_t outputs, inputs;
    uint32_t rank; /* the shape before flattening */
    uint64_t shape[EIE_TENSOR_RANK_MAX];
    float *values;   /* [outputs][inputs], or [place_count]; finite */
    uint32_t *place; /* NULL, or [place_count], ascending: row x inputs + column of each value, all
                        others being 0 */
    size_t place_count;
    bool values_drawn;      /* from the seed, not from the file */
    uint64_t below_float32; /* values that are not 0 in the file, but 0 or denormal in float32 */
};

void eie_weights_free(struct eie_weights *weights);

/* Entries of a matrix under way, in any order. */
struct eie_coordinates {
    uint32_t *place;
    double *value;
    size_t count;
};
/* Room for `count` entries, of which none is there yet. EIE_INPUT: more than this machine has;
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_coordinates_begin(const char *where, uint64_t count,
                                                   struct eie_coordinates *entries,
                                                   struct eie_error *error);
void eie_coordinates_free(struct eie_coordinates *entries);
/* Sorts by place and makes one entry of those of one place: their sum in the order given, or with
 * `first_counts` the first. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_coordinates_merge(const char *where, bool first_counts,
                                                   struct eie_coordinates *entries,
                                                   struct eie_error *error);
/* Merged entries become the weights' values; they are taken over whatever the status. */
EIE_MUST_USE enum eie_status eie_weights_take(const char *where, struct eie_coordinates *entries,
                                              struct eie_weights *weights, struct eie_error *error);
/* Places make way for all zeros. EIE_INPUT, EIE_MEMORY as eie_weights_allocate. */
EIE_MUST_USE enum eie_status eie_weights_fill(const char *where, struct eie_weights *weights,
                                              struct eie_error *error);

/* [outputs][inputs] of a shape. EIE_INPUT: no dimension, one of 0, too large. */
EIE_MUST_USE enum eie_status eie_weights_flatten(const char *where, uint32_t rank,
                                                 const uint64_t *shape, uint64_t limit,
                                                 uint32_t *outputs, uint32_t *inputs,
                                                 struct eie_error *error);

/* "96 x 3 x 7 x 7", cut to the room. */
void eie_weights_shape_text(uint32_t rank, const uint64_t *shape, char *text, size_t size);

/* Memory for outputs x inputs values, 0 where `zeros` says so. EIE_INPUT: more than this machine
 * has, which a few bytes of a file can ask for; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_weights_allocate(const char *where, bool zeros,
                                                  struct eie_weights *weights,
                                                  struct eie_error *error);

/* EIE_INPUT with the place of the first value that is not finite. */
EIE_MUST_USE enum eie_status eie_weights_check_finite(const char *where,
                                                      const struct eie_weights *weights,
                                                      struct eie_error *error);

/* Whether a number of a wider type is not 0 and less than a normal float32. */
static inline bool eie_weights_below_float32(double given)
{
    return given != 0 && fabs(given) < (double)FLT_MIN;
}

/* EIE_INPUT where all values that are not 0 are below what float32 holds. */
EIE_MUST_USE enum eie_status eie_weights_check_small(const char *where,
                                                     const struct eie_weights *weights,
                                                     struct eie_error *error);

/* A drawn weight: the sum of eight uniform 16-bit numbers, which is close to normal, mean 0,
 * standard deviation 0.01; never 0. */
struct eie_random;
float eie_weights_draw(struct eie_random *random);

#endif
