/* What every kernel must return for one layer and its first inputs: made once, used by all groups
 * of that layer and batch. */
#ifndef EIE_BENCH_REFERENCES_H
#define EIE_BENCH_REFERENCES_H

#include "bench/check.h"

struct eie_references;

/* `inputs` ([batch][inputs]) and the layer outlive them. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_references_begin(const struct eie_layer *layer,
                                                  const int16_t *inputs, uint32_t batch,
                                                  struct eie_references **references,
                                                  struct eie_error *error);
void eie_references_free(struct eie_references *references); /* NULL is fine */

/* The two sets of vectors that a plan is checked with: the inputs, and no active input at all. The
 * counts depend on how the rows are dealt: those of `pe_count` PEs. EIE_INPUT when these inputs are
 * too large for the layer; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_references_get(struct eie_references *references,
                                                uint32_t pe_count,
                                                struct eie_check_vectors vectors[2],
                                                struct eie_error *error);

#endif
