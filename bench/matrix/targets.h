/* The layers of a matrix while it runs: built once, kept with the references of their batches as
 * long as there is room for them. */
#ifndef EIE_BENCH_MATRIX_TARGETS_H
#define EIE_BENCH_MATRIX_TARGETS_H

#include "bench/check/references.h"
#include "bench/rows/row.h"
#include "host/layer/suite.h"

/* A layer, or why there is none. */
struct eie_target {
    const struct eie_suite *suite;
    uint32_t index;
    char name[2 * EIE_NAME_MAX]; /* SUITE/LAYER */
    struct eie_layer *layer;     /* NULL where it could not be built */
    struct eie_hash hash;
    struct eie_layer_counts counts;
    enum eie_status status;
    struct eie_error error;
};

struct eie_targets;

/* Layers are given up from the one that was asked for the longest ago while all take more than
 * `room_bytes`; the last one stays. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_targets_begin(uint64_t room_bytes, struct eie_targets **targets,
                                               struct eie_error *error);
void eie_targets_free(struct eie_targets *targets); /* NULL is fine */

/* The layer if it is there already, else NULL. Two suites of one name and hash are the same. */
const struct eie_target *eie_targets_find(struct eie_targets *targets,
                                          const struct eie_suite *suite, uint32_t index);

/* Builds it; `broken` (or NULL) says why it cannot be. A layer that cannot be built is a target
 * with a status. Only EIE_MEMORY is returned. Targets found before may be gone. */
EIE_MUST_USE enum eie_status eie_targets_build(struct eie_targets *targets,
                                               const struct eie_suite *suite, uint32_t index,
                                               const char *broken, const struct eie_target **found,
                                               struct eie_error *error);

/* The first `batch` inputs of the layer (eie_suite_inputs; they live as long as the target), the
 * references and the facts of these. EIE_UNSUPPORTED where there are fewer; as
 * eie_references_begin. */
EIE_MUST_USE enum eie_status
eie_targets_references(struct eie_targets *targets, const struct eie_target *target, uint32_t batch,
                       const int16_t **inputs, struct eie_references **references,
                       struct eie_work_facts *facts, struct eie_error *error);

#endif
