/* Whether a pass did what the layers say: no classes and no times are stated of kernels that were
 * not held against the oracle's decoder on the very layers in the very process. */
#ifndef EIE_BENCH_RUN_VERIFY_H
#define EIE_BENCH_RUN_VERIFY_H

#include "bench/run/pass.h"

#define EIE_VERIFY_POSITIONS 4u /* of each convolution, the first and the last among them */

/* Of the last image in integers: all outputs of each convolution at some positions, recomputed by
 * host/layer/numbers.h from the tensor that it read. EIE_MISMATCH names the first bad one;
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_pass_verify(const struct eie_graph *graph,
                                             const struct eie_parts *parts,
                                             const struct eie_pass *pass, struct eie_error *error);

#endif
