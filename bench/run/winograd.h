/* What Winograd's convolution F(2x2, 3x3) would do to the products of a layer (Lavin and Gray, CVPR
 * 2016; EIE's section on flexibility says that it runs as 16 products of matrix and vector a tile).
 * An analysis: nothing is computed in this way here.
 *
 * Filters g become U = G g G', 4 x 4, inputs V = B' d B of tiles of 4 x 4 that lie 2 apart, and
 * each tile of 2 x 2 outputs takes 16 products U V for each pair of channels instead of 36. What
 * was pruned and what a ReLU left out is 0 in g and d, and seldom in U and V. Additions of the
 * transforms are not counted. */
#ifndef EIE_BENCH_RUN_WINOGRAD_H
#define EIE_BENCH_RUN_WINOGRAD_H

#include "host/graph/graph.h"

#include <jansson.h>

/* Multiplications for one image. */
struct eie_products {
    uint64_t dense;        /* all */
    uint64_t pruned;       /* by weights that are not 0 */
    uint64_t dense_active; /* by inputs that are not 0 */
    uint64_t active;       /* by both: EIE's */
};

struct eie_winograd {
    uint64_t tiles;
    struct eie_products direct, winograd;
    uint64_t weights, transformed;           /* that are not 0, of 9 and of 16 a pair of channels */
    uint32_t values, transformed_values;     /* how many different ones, without 0 */
    double active_share, transformed_active; /* of the inputs of all positions, of all tiles' V */
};

/* Whether a step is what F(2x2, 3x3) is for. */
static inline bool eie_winograd_fits(const struct eie_step *step)
{
    return step->kind == EIE_STEP_CONV && step->kernel == 3 && step->stride == 1;
}

/* `weights` [outputs][inputs] and the step's input [height][width][channels], of a step that fits.
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_winograd_count(const struct eie_step *step, const float *weights,
                                                const float *input, struct eie_winograd *counts,
                                                struct eie_error *error);

struct eie_winograd_options {
    const char *network, *image; /* as `eie run` takes them */
    const char *graph;
    uint32_t threads;
};

/* Runs the image in float32 and counts every such step. *result is a new object
 * (results/README.md). EIE_INPUT where the graph has none; as eie_run. */
EIE_MUST_USE enum eie_status eie_winograd_run(const struct eie_winograd_options *options,
                                              json_t **result, struct eie_error *error);
void eie_winograd_print(const json_t *result);

#endif
