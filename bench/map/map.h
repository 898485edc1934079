/* The break-even map: a grid of weight density, activation density, size and batch, measured, and
 * refined where the winner changes or leaving weights out ceases to pay. A map's file is a results
 * file whose context has "eie_map" (results/README.md). */
#ifndef EIE_BENCH_MAP_MAP_H
#define EIE_BENCH_MAP_MAP_H

#include "bench/map/candidates.h"

#define EIE_GRID_MAX   16   /* sizes, densities of a kind, batches */
#define EIE_POINTS_MAX 4096 /* of a grid */

struct eie_grid {
    uint32_t size_count, weight_count, activation_count, batch_count;
    struct {
        uint32_t inputs, outputs;
    } sizes[EIE_GRID_MAX];
    double weights[EIE_GRID_MAX], activations[EIE_GRID_MAX];
    uint32_t batches[EIE_GRID_MAX];
};

/* Adds one where it is not there yet; false: it cannot be one, or there are EIE_GRID_MAX. */
bool eie_grid_add_size(struct eie_grid *grid, uint64_t inputs, uint64_t outputs);
bool eie_grid_add_weights(struct eie_grid *grid, double density);
bool eie_grid_add_activations(struct eie_grid *grid, double density);
bool eie_grid_add_batch(struct eie_grid *grid, uint64_t batch);

struct eie_map {
    struct eie_grid grid;
    struct eie_candidates candidates;
    double budget_s; /* for the whole run; the grid is measured however long it takes */
    double closest; /* densities of neighbours are not brought nearer than so many times; above 1 */
};

/* Every point must be one that can be made and measured here. EIE_USAGE. */
EIE_MUST_USE enum eie_status eie_map_check(const struct eie_map *map, struct eie_error *error);

/* Takes up what a file's context says of its map: its grid joins map->grid. EIE_INPUT: no map, or
 * none that was written here; EIE_USAGE: another cache mode, number of threads or choice of
 * kernels, or a grid that would be too large. */
EIE_MUST_USE enum eie_status eie_map_take_up(struct eie_map *map, const json_t *said,
                                             struct eie_error *error);

/* What stands in context.eie_map; NULL when out of memory. */
json_t *eie_map_json(const struct eie_map *map);

/* What a run came to. */
struct eie_map_outcome {
    uint32_t points, refined; /* with a winner: all, and those that are not of the grid */
    uint32_t without;         /* points where nothing could be measured */
    uint32_t left;            /* places between winners for which the time did not suffice */
};

/* Measures what `results` lack of the grid and of the points that they hold already, then refines
 * until nothing is left or the budget is spent. As eie_candidates_measure. */
EIE_MUST_USE enum eie_status eie_map_run(const struct eie_map *map, struct eie_results *results,
                                         struct eie_map_outcome *outcome, struct eie_error *error);

/* The verdicts of all points in a list of rows. As eie_verdicts_take. */
EIE_MUST_USE enum eie_status eie_map_verdicts(const struct eie_map *map,
                                              const struct eie_results *results,
                                              struct eie_verdicts *verdicts,
                                              struct eie_error *error);

#endif
