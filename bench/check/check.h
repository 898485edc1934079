/* Checking before timing: no number is printed for a kernel that was not checked on that
 * very layer in that very process. The reference decodes the layer with the oracle's decoder
 * (kernels/scalar/ref_dense.h), which shares nothing with host/layer/layer.c, and sums in int64;
 * only the final rounding (eie_finish, tested on its own) is the one that kernels use too. */
#ifndef EIE_BENCH_CHECK_CHECK_H
#define EIE_BENCH_CHECK_CHECK_H

#include "bench/rows/reproducer.h"
#include "kernels/kernel.h"

/* Expected results of one layer for `batch` inputs, from the dense oracle's decoder. The arrays are
 * read-only once they are made, so that no kernel changes what it is held against. */
struct eie_reference {
    uint32_t batch;
    uint32_t inputs, outputs;
    int16_t *y;              /* [batch][outputs] exact outputs */
    double *sum;             /* [batch][outputs] W a without bias: exact integers */
    double *magnitude;       /* [batch][outputs] sum of |w a| */
    uint32_t *products;      /* [batch][outputs] products that are not 0 */
    double *weights;         /* [batch][outputs] sum of |w| over these products */
    double *values;          /* [batch][outputs] sum of |a| over these products */
    double *largest_input;   /* [batch] largest |a| */
    double largest_of_all;   /* of these */
    double largest_weight;   /* of the codebook */
    uint32_t shift;          /* from a sum to y */
    uint64_t macs_useful;    /* weight stored and input non-zero, all inputs */
    uint64_t weights_useful; /* of columns where one of the inputs or more is not 0 */
    uint64_t active_padding; /* padding entries in active columns, all inputs, at pe_count PEs */
};

/* `inputs` is [batch][inputs]; pe_count 0 means the layer's own. EIE_INPUT when a final sum leaves
 * int32 for one of these inputs, with the first such output. */
EIE_MUST_USE enum eie_status eie_reference_make(const struct eie_layer *layer,
                                                const int16_t *inputs, uint32_t batch,
                                                uint32_t pe_count, struct eie_reference *reference,
                                                struct eie_error *error);
void eie_reference_free(struct eie_reference *reference);

/* What a kernel on `device` must return: on an EIE design the rows are dealt to its PEs, and where
 * its codes do not hold the layer's (host/layer/recluster.h) the weights are the reclustered ones.
 * There EIE_UNSUPPORTED when a final sum leaves int32, which the layer itself does not do. */
EIE_MUST_USE enum eie_status eie_reference_make_on(const struct eie_device *device,
                                                   const struct eie_layer *layer,
                                                   const int16_t *inputs, uint32_t batch,
                                                   struct eie_reference *reference,
                                                   struct eie_error *error);

/* Compares y (int16, or float for a FLOAT32 kernel) with the reference; EIE_MISMATCH names the
 * first bad output, what came and what was expected. `median_relative_error` may be NULL.
 *
 * An EXACT kernel must agree bit for bit. The sums of a FLOAT32 kernel may be off by
 * 2 g(k) sum |w a|, k being the products that are not 0 and g(k) = k u / (1 - k u), u = 2^-24. An
 * APPROXIMATE one has rounded its operands, by at most dw = rw |w| + tw and da = ra |a| + ta, so
 * that its sum may be off by (with ONE_SCALE ta is of the batch's largest |a|)
 *
 *     sum (|w| da + |a| dw + dw da)  <=  (rw + ra + rw ra) sum |w a| + (1 + rw) ta sum |w|
 *                                        + (1 + ra) tw sum |a| + k tw ta
 *
 * (sums over those products) and by the float bound of what it has added up then; and y by that
 * in units of y and one more, for the rounding that may go the other way. */
EIE_MUST_USE enum eie_status eie_compare(const struct eie_kernel *kernel,
                                         const struct eie_reference *reference, const void *y,
                                         double *median_relative_error, struct eie_error *error);

/* Inputs [batch][inputs] and what must come out. */
struct eie_check_vectors {
    const int16_t *inputs;
    const struct eie_reference *reference;
};

/* Each of the copies `first` to `first` + `copies` - 1: loads the second vectors and runs them,
 * then the first ones, twice, then the second ones again, so that no result can be left from
 * before; reads into poisoned outputs between guards and compares each time; holds the kernel's
 * counts against the reference's, bytes against the least that any form of the layer must read.
 * Afterwards the first vectors are loaded and, but for models, not run: the outputs are still the
 * second ones'.
 * EIE_MISMATCH or what the kernel returned. */
EIE_MUST_USE enum eie_status eie_check_plan(const struct eie_kernel *kernel, struct eie_plan *plan,
                                            uint32_t first, uint32_t copies,
                                            const struct eie_check_vectors vectors[2],
                                            double *median_relative_error, struct eie_error *error);

/* EIE_MISMATCH when one copy of the plan is said to have more bytes than `plan_bytes`, which the
 * kernel said that the whole plan would hold: there would be too few copies for a cache mode.
 * Weights in float32 that another plan holds already (kernels/float_weights.h) may be left out of
 * that. */
EIE_MUST_USE enum eie_status eie_check_prepared(const struct eie_kernel *kernel,
                                                const struct eie_layer *layer,
                                                const struct eie_cost *cost, uint64_t plan_bytes,
                                                struct eie_error *error);

/* In short, for plans that are checked again after timing (bench/check/audit.h): both vectors once,
 * and the counts with copy 0. Ends as eie_check_plan. */
EIE_MUST_USE enum eie_status eie_check_copy(const struct eie_kernel *kernel, struct eie_plan *plan,
                                            uint32_t copy,
                                            const struct eie_check_vectors vectors[2],
                                            double *median_relative_error, struct eie_error *error);

/* Reads and compares once more what the last run left: after timing. */
EIE_MUST_USE enum eie_status eie_check_outputs(const struct eie_kernel *kernel,
                                               struct eie_plan *plan,
                                               const struct eie_reference *reference,
                                               double *median_relative_error,
                                               struct eie_error *error);

/* `eie check`: fixed nasty cases (eie_check_fixed_cases of them), then random ones. Stops at the
 * first failure, whose message ends in the command that reproduces it. */
struct eie_check_options {
    uint64_t seed;
    uint32_t random_cases; /* beside the fixed ones */
    int64_t only_case;     /* -1: all */
    uint32_t threads;      /* 0: 1, 2, 3 and all cores */
};
struct eie_check_count {
    uint32_t ran, threaded, unsupported; /* threaded: of those that ran, with several threads */
    /* The command that runs the probe, then each case, again, or the one that failed; "" when all
     * went well. It is there before the kernel is called, for one that crashes. */
    struct eie_reproducer reproducer;
};
EIE_MUST_USE enum eie_status eie_check_kernel(const struct eie_kernel *kernel,
                                              const struct eie_device *device,
                                              const struct eie_check_options *options,
                                              struct eie_check_count *count,
                                              struct eie_error *error);
uint32_t eie_check_fixed_cases(void);
uint32_t eie_check_case_batches(uint32_t index); /* that case `index` is run with */

#endif
