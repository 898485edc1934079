/* Sample inputs of a matrix that is compressed, and what its stages change of the outputs for the
 * first EIE_ERROR_SAMPLES of them.
 *
 *     begin -> multiply (dense, pruned, shared) -> difference -> free
 */
#ifndef EIE_BENCH_COMPRESS_SAMPLE_OUTPUTS_H
#define EIE_BENCH_COMPRESS_SAMPLE_OUTPUTS_H

#include "bench/compress/compressed.h"
#include "host/machine/threads.h"
#include "host/weights/weight_file.h"

/* A matrix [rows][columns], dense, of a file with one tensor of numbers; a single dimension is one
 * row. `what`: the option that names it, for messages. `side` is the caller's to free. EIE_INPUT:
 * no such file, several tensors, rows of another length; EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_side_file_load(const char *path, uint32_t columns,
                                                const char *what, struct eie_weights *side,
                                                struct eie_error *error);

/* Owns its four arrays; the pool is the caller's. */
struct eie_sample_outputs {
    struct eie_pool *pool; /* of `threads` workers */
    uint32_t outputs, inputs, threads;
    uint32_t sample_count, error_samples; /* of all; of those that errors are taken on */
    uint64_t below_float32;               /* of all (host/weights/weights.h) */
    float *samples;                       /* [sample_count][inputs] */
    float *first;   /* [EIE_ERROR_SAMPLES][inputs], zeros beyond the real ones */
    double *dense;  /* [outputs][EIE_ERROR_SAMPLES]: room for the reference outputs, */
    double *result; /* and for those of a later stage; both for the caller to fill */
};

/* Reads or draws the samples of matrix `name` as the options say: drawn ones are uniform over
 * 1/65536 to 1 where they are active, and depend on the seed and the name alone. `positions`: of
 * the convolution, 0: unknown. EIE_USAGE where these are asked for and unknown; EIE_INPUT,
 * EIE_SYSTEM, EIE_MEMORY. To be freed, whatever the status. */
EIE_MUST_USE enum eie_status eie_sample_outputs_begin(const struct eie_compress_options *options,
                                                      const char *name, uint32_t positions,
                                                      struct eie_pool *pool, uint32_t outputs,
                                                      uint32_t inputs,
                                                      struct eie_sample_outputs *sampled,
                                                      struct eie_error *error);
void eie_sample_outputs_free(struct eie_sample_outputs *sampled);

/* Outputs for the first samples, in float64, to result[outputs][EIE_ERROR_SAMPLES]: of `values`, a
 * matrix of floats of the same size, or where that is NULL of `shared`. Columns of the result for
 * samples beyond error_samples are 0. `shared` may not be NULL. */
void eie_sample_outputs_multiply(const struct eie_sample_outputs *sampled,
                                 const struct eie_values *values, const struct eie_shared *shared,
                                 double *result);

/* Sum of squares of y - reference, or of y where that is NULL; both [outputs][EIE_ERROR_SAMPLES].
 */
double eie_sample_outputs_difference(const struct eie_sample_outputs *sampled, const double *y,
                                     const double *reference);

#endif
