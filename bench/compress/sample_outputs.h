/* Sample inputs of a matrix that is compressed, and what its stages change of the outputs for the
 * first of them. */
#ifndef EIE_BENCH_COMPRESS_SAMPLE_OUTPUTS_H
#define EIE_BENCH_COMPRESS_SAMPLE_OUTPUTS_H

#include "bench/compress/compressed.h"
#include "host/machine/threads.h"
#include "host/weights/weight_file.h"

/* A matrix [rows][columns] of a file with one tensor of numbers; a single dimension is one row.
 * `what`: the option that names it, for messages. EIE_INPUT, EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_side_file_load(const char *path, uint32_t columns,
                                                const char *what, struct eie_weights *side,
                                                struct eie_error *error);

struct eie_sample_outputs {
    struct eie_pool *pool;
    uint32_t outputs, inputs, threads;
    uint32_t sample_count, error_samples; /* of all; of those that errors are taken on */
    uint64_t below_float32;               /* of all (host/weights/weights.h) */
    float *samples;                       /* [sample_count][inputs] */
    float *first;           /* [EIE_ERROR_SAMPLES][inputs], zeros beyond the real ones */
    double *dense, *result; /* [outputs][EIE_ERROR_SAMPLES] */
};

/* Reads or draws the samples of matrix `name` as the options say; `positions`: of the convolution,
 * 0: unknown. EIE_USAGE where these are asked for and unknown; EIE_INPUT, EIE_SYSTEM, EIE_MEMORY.
 * To be freed, whatever the status. */
EIE_MUST_USE enum eie_status eie_sample_outputs_begin(const struct eie_compress_options *options,
                                                      const char *name, uint32_t positions,
                                                      struct eie_pool *pool, uint32_t outputs,
                                                      uint32_t inputs,
                                                      struct eie_sample_outputs *sampled,
                                                      struct eie_error *error);
void eie_sample_outputs_free(struct eie_sample_outputs *sampled);

/* Outputs of floats [outputs][inputs], or of shared weights where that is NULL. */
void eie_sample_outputs_multiply(const struct eie_sample_outputs *sampled,
                                 const struct eie_values *values, const struct eie_shared *shared,
                                 double *result);

/* Sum of squares of y - reference, or of y where that is NULL. */
double eie_sample_outputs_difference(const struct eie_sample_outputs *sampled, const double *y,
                                     const double *reference);

#endif
