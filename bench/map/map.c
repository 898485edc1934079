#include "bench/map/map.h"
#include "bench/map/refine.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "1"

/* A point takes about so long here, until the run shows its own pace: a start, and for each place
 * of the matrix, and each product of a place. Only their proportions matter. */
#define POINT_S   0.8
#define PLACE_S   1.2e-7
#define PRODUCT_S 4e-9

/* ---- the grid ------------------------------------------------------------------------------- */

static uint64_t grid_points(const struct eie_grid *grid)
{
    return (uint64_t)grid->size_count * grid->weight_count * grid->activation_count *
           grid->batch_count;
}

static struct eie_point point_at(const struct eie_grid *grid, uint32_t index)
{
    struct eie_point point;
    point.batch = grid->batches[index % grid->batch_count];
    index /= grid->batch_count;
    point.shape.activations = grid->activations[index % grid->activation_count];
    index /= grid->activation_count;
    point.shape.weights = grid->weights[index % grid->weight_count];
    index /= grid->weight_count;
    point.shape.inputs = grid->sizes[index].inputs;
    point.shape.outputs = grid->sizes[index].outputs;
    return point;
}

enum eie_status eie_map_check(const struct eie_map *map, struct eie_error *error)
{
    const uint64_t count = grid_points(&map->grid);
    enum eie_status status = EIE_OK;
    if (!count || count > EIE_POINTS_MAX)
        return eie_fail(error, EIE_USAGE, "a grid has 1 to %d points, not %llu", EIE_POINTS_MAX,
                        (unsigned long long)count);
    for (uint32_t i = 0; i < count && !status; i++) {
        const struct eie_point point = point_at(&map->grid, i);
        status = eie_candidates_fit(&map->candidates, &point.shape, error);
    }
    return status;
}

static bool add_density(double list[EIE_GRID_MAX], uint32_t *count, double density)
{
    const double rounded = eie_shape_density(density);
    if (!(rounded > 0 && rounded <= 1)) return false;
    for (uint32_t i = 0; i < *count; i++)
        if (list[i] == rounded) return true;
    if (*count == EIE_GRID_MAX) return false;
    list[(*count)++] = rounded;
    return true;
}

bool eie_grid_add_weights(struct eie_grid *grid, double density)
{
    return add_density(grid->weights, &grid->weight_count, density);
}

bool eie_grid_add_activations(struct eie_grid *grid, double density)
{
    return add_density(grid->activations, &grid->activation_count, density);
}

bool eie_grid_add_size(struct eie_grid *grid, uint64_t inputs, uint64_t outputs)
{
    if (inputs < 1 || inputs > UINT32_MAX || outputs < 1 || outputs > EIE_OUTPUTS_MAX) return false;
    for (uint32_t i = 0; i < grid->size_count; i++)
        if (grid->sizes[i].inputs == inputs && grid->sizes[i].outputs == outputs) return true;
    if (grid->size_count == EIE_GRID_MAX) return false;
    grid->sizes[grid->size_count].inputs = (uint32_t)inputs;
    grid->sizes[grid->size_count++].outputs = (uint32_t)outputs;
    return true;
}

bool eie_grid_add_batch(struct eie_grid *grid, uint64_t batch)
{
    if (batch < 1 || batch > EIE_SUITE_INPUTS_MAX) return false;
    for (uint32_t i = 0; i < grid->batch_count; i++)
        if (grid->batches[i] == batch) return true;
    if (grid->batch_count == EIE_GRID_MAX) return false;
    grid->batches[grid->batch_count++] = (uint32_t)batch;
    return true;
}

/* ---- what a file says of its map ------------------------------------------------------------ */

json_t *eie_map_json(const struct eie_map *map)
{
    const struct eie_grid *grid = &map->grid;
    json_t *sizes = json_array(), *weights = json_array(), *activations = json_array(),
           *batches = json_array();
    for (uint32_t i = 0; i < grid->size_count; i++)
        json_array_append_new(sizes, json_pack("[I, I]", (json_int_t)grid->sizes[i].inputs,
                                               (json_int_t)grid->sizes[i].outputs));
    for (uint32_t i = 0; i < grid->weight_count; i++)
        json_array_append_new(weights, json_real(grid->weights[i]));
    for (uint32_t i = 0; i < grid->activation_count; i++)
        json_array_append_new(activations, json_real(grid->activations[i]));
    for (uint32_t i = 0; i < grid->batch_count; i++)
        json_array_append_new(batches, json_integer(grid->batches[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:s, s:s, s:s, s:f}", "format", FORMAT,
                     "sizes", sizes, "weights", weights, "activations", activations, "batches",
                     batches, "threads", (int)map->candidates.threads, "cache",
                     eie_cache_name(map->candidates.cache), "kernels", map->candidates.kernels,
                     "design", EIE_MAP_DESIGN, "closest", map->closest);
}

static uint64_t whole(const json_t *value)
{
    const json_int_t number = json_integer_value(value);
    return number > 0 ? (uint64_t)number : 0;
}

/* Joins what the lists say; false where one cannot be, or there are too many. */
static bool take_grid(struct eie_grid *grid, const json_t *said)
{
    const json_t *sizes = json_object_get(said, "sizes"),
                 *weights = json_object_get(said, "weights"),
                 *activations = json_object_get(said, "activations"),
                 *batches = json_object_get(said, "batches");
    bool good = true;
    for (size_t i = 0; i < json_array_size(sizes) && good; i++) {
        const json_t *pair = json_array_get(sizes, i);
        good =
            eie_grid_add_size(grid, whole(json_array_get(pair, 0)), whole(json_array_get(pair, 1)));
    }
    for (size_t i = 0; i < json_array_size(weights) && good; i++)
        good = eie_grid_add_weights(grid, json_number_value(json_array_get(weights, i)));
    for (size_t i = 0; i < json_array_size(activations) && good; i++)
        good = eie_grid_add_activations(grid, json_number_value(json_array_get(activations, i)));
    for (size_t i = 0; i < json_array_size(batches) && good; i++)
        good = eie_grid_add_batch(grid, whole(json_array_get(batches, i)));
    return good;
}

static bool says(const json_t *said, const char *key, const char *text)
{
    const char *found = json_string_value(json_object_get(said, key));
    return found && !strcmp(found, text);
}

enum eie_status eie_map_take_up(struct eie_map *map, const json_t *said, struct eie_error *error)
{
    const char *other = NULL;
    if (!json_is_object(said)) return eie_fail(error, EIE_INPUT, "is no map of eie map");
    if (!says(said, "format", FORMAT))
        return eie_fail(error, EIE_INPUT, "its map has another format than '" FORMAT "'");
    if (!says(said, "cache", eie_cache_name(map->candidates.cache))) other = "--cache";
    if (!says(said, "kernels", map->candidates.kernels)) other = "--kernel";
    if (!says(said, "design", EIE_MAP_DESIGN)) other = "its design of EIE";
    if (json_integer_value(json_object_get(said, "threads")) != map->candidates.threads)
        other = "--threads";
    if (other)
        return eie_fail(error, EIE_USAGE, "holds a map in which %s differs: name another --out",
                        other);
    struct eie_grid its = {0};
    if (!take_grid(&its, said) || !grid_points(&its))
        return eie_fail(error, EIE_INPUT, "its grid of sizes, densities and batches cannot be");
    if (!take_grid(&map->grid, said))
        return eie_fail(error, EIE_USAGE,
                        "its grid and the lists that are given have more than %d "
                        "of a kind together",
                        EIE_GRID_MAX);
    return EIE_OK;
}

/* ---- points --------------------------------------------------------------------------------- */

struct points {
    struct eie_point *all; /* [count] */
    uint32_t count, room;
};

static enum eie_status add_point(struct points *points, const struct eie_point *point,
                                 struct eie_error *error)
{
    for (uint32_t i = 0; i < points->count; i++)
        if (eie_point_equal(&points->all[i], point)) return EIE_OK;
    if (points->count == points->room) {
        const uint32_t room = 2 * points->room + 256;
        struct eie_point *grown = realloc(points->all, room * sizeof *grown);
        if (!grown) return eie_fail(error, EIE_MEMORY, "out of memory for points");
        points->all = grown;
        points->room = room;
    }
    points->all[points->count++] = *point;
    return EIE_OK;
}

struct reading {
    const struct eie_map *map;
    struct eie_verdicts *verdicts;
    enum eie_status status;
    struct eie_error *error;
};

static void read_row(void *context, json_t *row)
{
    struct reading *reading = context;
    if (reading->status) return;
    reading->status =
        eie_verdicts_take(reading->verdicts, row, reading->map->candidates.threads,
                          eie_cache_name(reading->map->candidates.cache), reading->error);
}

enum eie_status eie_map_verdicts(const struct eie_map *map, const struct eie_results *results,
                                 struct eie_verdicts *verdicts, struct eie_error *error)
{
    struct reading reading = {map, verdicts, EIE_OK, error};
    *verdicts = (struct eie_verdicts){0};
    eie_results_each(results, read_row, &reading);
    if (reading.status) eie_verdicts_free(verdicts);
    return reading.status;
}

/* ---- the run -------------------------------------------------------------------------------- */

struct run {
    const struct eie_map *map;
    struct eie_results *results;
    struct points tried;
    double begin_s, spent_s, guessed_s; /* spent on points, and what was guessed for them */
};

static double guess_s(const struct eie_point *point)
{
    const double places = (double)point->shape.inputs * point->shape.outputs;
    return POINT_S + places * (PLACE_S + point->batch * PRODUCT_S);
}

static double left_s(const struct run *run)
{
    return run->map->budget_s - (eie_now_s() - run->begin_s);
}

static enum eie_status measure(struct run *run, const struct points *points,
                               struct eie_error *error)
{
    const double begin_s = eie_now_s();
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < points->count && !status; i++)
        status = add_point(&run->tried, &points->all[i], error);
    if (!status)
        status = eie_candidates_measure(&run->map->candidates, points->all, points->count,
                                        fmax(0, left_s(run)), run->results, error);
    for (uint32_t i = 0; i < points->count; i++) run->guessed_s += guess_s(&points->all[i]);
    run->spent_s += eie_now_s() - begin_s;
    return status;
}

/* The grid, and whatever the results hold already: it may have been interrupted. */
static enum eie_status measure_grid(struct run *run, struct eie_error *error)
{
    const struct eie_grid *grid = &run->map->grid;
    struct eie_verdicts there;
    struct points points = {0};
    double known_s = 0;
    enum eie_status status = eie_map_verdicts(run->map, run->results, &there, error);
    for (uint32_t i = 0; i < grid_points(grid) && !status; i++) {
        const struct eie_point point = point_at(grid, i);
        status = add_point(&points, &point, error);
    }
    for (uint32_t i = 0; i < there.count && !status; i++) {
        status = add_point(&points, &there.all[i].point, error);
        if (eie_verdict_winner(&there.all[i]) != EIE_FAMILIES)
            known_s += guess_s(&there.all[i].point);
    }
    if (!status) status = measure(run, &points, error);
    run->guessed_s -= known_s; /* these took no time */
    eie_verdicts_free(&there);
    free(points.all);
    return status;
}

/* As many of the proposals as there is time for, by the pace so far. */
static enum eie_status afford(const struct run *run, const struct eie_point *proposals,
                              uint32_t count, struct points *points, struct eie_error *error)
{
    const double pace = run->guessed_s > POINT_S ? run->spent_s / run->guessed_s : 1;
    double left = left_s(run);
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < count && !status; i++) {
        const double needed = pace * guess_s(&proposals[i]);
        if (needed > left) continue;
        left -= needed;
        status = add_point(points, &proposals[i], error);
    }
    return status;
}

/* One round of refining; *left is what was proposed and not measured. */
static enum eie_status refine(struct run *run, bool *again, uint32_t *left, struct eie_error *error)
{
    struct eie_verdicts verdicts;
    struct eie_point *proposals = NULL;
    struct points points = {0};
    uint32_t count = 0;
    enum eie_status status = eie_map_verdicts(run->map, run->results, &verdicts, error);
    if (!status)
        status = eie_map_refine(&verdicts, run->map->closest, run->tried.all, run->tried.count,
                                &proposals, &count, error);
    if (!status) status = afford(run, proposals, count, &points, error);
    if (!status && points.count) status = measure(run, &points, error);
    *again = points.count > 0;
    *left = count - points.count;
    free(proposals);
    free(points.all);
    eie_verdicts_free(&verdicts);
    return status;
}

static enum eie_status count_points(const struct run *run, struct eie_map_outcome *outcome,
                                    struct eie_error *error)
{
    struct eie_verdicts verdicts;
    enum eie_status status = eie_map_verdicts(run->map, run->results, &verdicts, error);
    if (status) return status;
    const uint32_t grid = (uint32_t)grid_points(&run->map->grid);
    for (uint32_t i = 0; i < verdicts.count; i++)
        outcome->points += eie_verdict_winner(&verdicts.all[i]) != EIE_FAMILIES;
    outcome->without = run->tried.count - outcome->points;
    outcome->refined = run->tried.count > grid ? run->tried.count - grid : 0;
    eie_verdicts_free(&verdicts);
    return EIE_OK;
}

enum eie_status eie_map_run(const struct eie_map *map, struct eie_results *results,
                            struct eie_map_outcome *outcome, struct eie_error *error)
{
    struct run run = {.map = map, .results = results, .begin_s = eie_now_s()};
    bool again = true;
    *outcome = (struct eie_map_outcome){0};
    eie_results_set(results, "eie_map", eie_map_json(map));
    enum eie_status status = measure_grid(&run, error);
    while (again && !status) status = refine(&run, &again, &outcome->left, error);
    struct eie_error second; /* what stopped the run counts */
    const enum eie_status counted = count_points(&run, outcome, status ? &second : error);
    free(run.tried.all);
    return status ? status : counted;
}
