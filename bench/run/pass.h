/* One image through a graph, on the processor: convolutions in blocks of positions, each block one
 * product with as many inputs (im2col). Blocks are handed out to the threads one by one; each has a
 * plan of its own, made for one thread.
 *
 * In integers a tensor is int16 with fraction bits of its own, which are those of the layers that
 * read it and of those that write it. Outputs beyond 16 bits saturate, and are counted; final sums
 * cannot leave 32 bits: that is proved for every layer before it runs. */
#ifndef EIE_BENCH_RUN_PASS_H
#define EIE_BENCH_RUN_PASS_H

#include "bench/run/parts.h"
#include "kernels/kernel.h"

struct eie_pass;

struct eie_pass_options {
    uint32_t threads; /* 1 or more */
    uint32_t block;   /* positions at a time, at most */
};

/* By sgemm on dense float32 weights; graph and parts must live as long. The library is to compute
 * on one thread a call. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_pass_make_float(const struct eie_graph *graph,
                                                 const struct eie_parts *parts, eie_sgemm sgemm,
                                                 const struct eie_pass_options *options,
                                                 struct eie_pass **pass, struct eie_error *error);

/* By exact kernels of the processor on the parts' terms: `kernels` ([graph->conv_count]), one for
 * each convolution. EIE_INPUT: fraction bits that do not fit each other, sums that may leave 32
 * bits; EIE_UNSUPPORTED, EIE_MISSING: not this kernel, not here;
 * EIE_SYSTEM, EIE_MEMORY. `path`, for messages: where the layers come from. */
EIE_MUST_USE enum eie_status eie_pass_make_int16(const struct eie_graph *graph,
                                                 const struct eie_parts *parts, const char *path,
                                                 const struct eie_kernel *const *kernels,
                                                 const struct eie_pass_options *options,
                                                 struct eie_pass **pass, struct eie_error *error);
void eie_pass_free(struct eie_pass *pass); /* NULL is fine */

/* Where the next image is to be written: [height][width][3] (host/graph/image.h). */
float *eie_pass_input(struct eie_pass *pass);

struct eie_pass_result {
    const double *scores; /* [classes]: softmax of the averages; until the next run */
    const double *step_s; /* [step_count]: time of each */
    double total_s;       /* from the input to the scores */
    uint64_t saturated;   /* outputs of convolutions at the ends of int16 */
};

/* What a peer's library says when it fails, else EIE_OK. */
EIE_MUST_USE enum eie_status eie_pass_run(struct eie_pass *pass, struct eie_pass_result *result,
                                          struct eie_error *error);

/* The last image's tensor behind a step other than the average: [height][width][channels]. */
const float *eie_pass_tensor_float(const struct eie_pass *pass, uint32_t step);
const int16_t *eie_pass_tensor_int16(const struct eie_pass *pass, uint32_t step);

#endif
