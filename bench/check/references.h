/* What every kernel must return for one layer and its first inputs: made once, used by all groups
 * of that layer and batch. */
#ifndef EIE_BENCH_CHECK_REFERENCES_H
#define EIE_BENCH_CHECK_REFERENCES_H

#include "bench/check/check.h"

struct eie_references;

/* `inputs` ([batch][inputs]) and the layer outlive them. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_references_begin(const struct eie_layer *layer,
                                                  const int16_t *inputs, uint32_t batch,
                                                  struct eie_references **references,
                                                  struct eie_error *error);
void eie_references_free(struct eie_references *references); /* NULL is fine */

/* The two sets of vectors that a plan on `device` is checked with: the inputs, and no active input
 * at all (eie_reference_make_on). EIE_INPUT when these inputs are too large for the layer;
 * EIE_UNSUPPORTED; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_references_get(struct eie_references *references,
                                                const struct eie_device *device,
                                                struct eie_check_vectors vectors[2],
                                                struct eie_error *error);

/* Further vectors, which the check does not use: the inputs turned (bench/check/audit.h), made when
 * they are first asked for. They are halved, all of them, as often as their sums leave int32. */
EIE_MUST_USE enum eie_status eie_references_fresh(struct eie_references *references,
                                                  const struct eie_device *device,
                                                  struct eie_check_vectors *fresh,
                                                  struct eie_error *error);

/* What inputs of this size must be divided by so that no sum leaves int32, wherever they stand. */
EIE_MUST_USE enum eie_status eie_references_divisor(struct eie_references *references,
                                                    int32_t *divisor, struct eie_error *error);

#endif
