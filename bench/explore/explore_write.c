#include "bench/explore/explore_write.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/jsonset.h"
#include "host/base/sha256.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT         "eie-explore-1"
#define JOURNAL_FORMAT "eie-explore-journal-3"
#define JOURNAL_PATH   4096

/* ---- going through points ------------------------------------------------------------------- */

static const char *rule_name(enum eie_technology_rule rule)
{
    static const char *const names[] = {"own", "paper", "stillmaker-baas"};
    return names[rule];
}

static void technology_text(const struct eie_sweep_run *run, uint32_t index, char *text,
                            size_t size)
{
    const struct eie_technology *technology = &run->sweep->technologies[index];
    if (technology->rule == EIE_TECHNOLOGY_OWN)
        snprintf(text, size, "own");
    else
        snprintf(text, size, "%s:%g", rule_name(technology->rule), technology->nm);
}

/* Designs of one kind of unit (PEs, groups, index bits), in order. */
static uint64_t choices(const struct eie_sweep *sweep)
{
    return (uint64_t)sweep->depths.count * sweep->lines.count * sweep->code_bits.count *
           sweep->clocks.count * sweep->technology_count;
}

static struct eie_choice choice_at(const struct eie_sweep *sweep, uint64_t index)
{
    struct eie_choice choice;
    choice.technology = (uint32_t)(index % sweep->technology_count);
    index /= sweep->technology_count;
    choice.clock = (uint32_t)(index % sweep->clocks.count);
    index /= sweep->clocks.count;
    choice.code = (uint32_t)(index % sweep->code_bits.count);
    index /= sweep->code_bits.count;
    choice.line = (uint32_t)(index % sweep->lines.count);
    choice.depth = (uint32_t)(index / sweep->lines.count);
    return choice;
}

/* ---- one point ------------------------------------------------------------------------------ */

static void set_modules(json_t *row, const struct eie_point *point)
{
    eie_set_number(row, "energy_spmat_left_j", point->left.spmat);
    eie_set_number(row, "energy_spmat_right_j", point->right.spmat);
    eie_set_number(row, "energy_pointer_j", point->right.pointer);
    eie_set_number(row, "energy_queue_j", point->right.queue);
    eie_set_number(row, "energy_arithmetic_j", point->right.arithmetic);
    eie_set_number(row, "energy_activation_j", point->right.activation);
    eie_set_number(row, "energy_lnzd_j", point->right.lnzd);
    eie_set_number(row, "energy_left_j", eie_energy_sum(&point->left));
    eie_set_number(row, "energy_right_j", eie_energy_sum(&point->right));
    eie_set_number(row, "energy_table1_j", eie_energy_sum(&point->table1));
    eie_set_number(row, "energy_constant_power_j", point->constant_power_j);
}

static void set_design(const struct eie_sweep_run *run, json_t *row, const struct eie_unit *unit,
                       const struct eie_choice *choice)
{
    const struct eie_sweep *sweep = run->sweep;
    char technology[64];
    technology_text(run, choice->technology, technology, sizeof technology);
    eie_set_integer(row, "pes", unit->pes);
    eie_set_integer(row, "groups", unit->groups);
    eie_set_integer(row, "queue_depth", (uint64_t)sweep->depths.values[choice->depth]);
    eie_set_integer(row, "line_bits", (uint64_t)sweep->lines.values[choice->line]);
    eie_set_integer(row, "index_bits", unit->index_bits);
    eie_set_integer(row, "code_bits", (uint64_t)sweep->code_bits.values[choice->code]);
    eie_set_number(row, "clock_hz", sweep->clocks.values[choice->clock]);
    eie_set(row, "technology", technology);
}

static void set_cycles(json_t *row, const struct eie_sweep_layer *layer,
                       const struct eie_unit *unit, const struct eie_depth_counts *depth)
{
    const double theoretical = (double)unit->entries / unit->pes, cycles = (double)depth->cycles;
    eie_set_integer(row, "cycles", depth->cycles);
    eie_set_number(row, "theoretical_cycles", theoretical);
    eie_set_number(row, "load_balance", cycles > 0 ? theoretical / cycles : 1);
    eie_set_integer(row, "busiest_pe_cycles", unit->slowest_pe);
    eie_set_integer(row, "entries", unit->entries);
    eie_set_integer(row, "weights", layer->weights);
    eie_set_number(row, "real_work",
                   unit->entries ? (double)layer->weights / (double)unit->entries : 1);
    eie_set_integer(row, "broadcasts", unit->broadcasts);
    eie_set_integer(row, "moves", unit->moves);
    eie_set_integer(row, "blocked_cycles", depth->blocked);
    eie_set_integer(row, "pe_cycles_work", unit->entries);
    eie_set_integer(row, "pe_cycles_empty_column", unit->empty);
    eie_set_integer(row, "pe_cycles_scan", depth->scan);
    eie_set_integer(row, "pe_cycles_fill", depth->fill);
    eie_set_integer(row, "pe_cycles_imbalance", depth->imbalance);
    eie_set_integer(row, "pe_cycles_load", depth->load);
    eie_set_number(row, "queue_mean_occupancy",
                   cycles > 0 ? (double)depth->queued / unit->pes / cycles : 0);
}

static json_t *point_json(const struct eie_sweep_run *run, const struct eie_unit *unit,
                          const struct eie_choice *choice, const struct eie_point *point)
{
    const struct eie_sweep_layer *layer = &run->layers[unit->layer];
    const struct eie_reclustering *reclustering = &layer->reclustering[point->code_bits];
    json_t *row = json_object();
    eie_set(row, "suite", layer->suite->name);
    eie_set(row, "layer", layer->layer->name);
    eie_set(row, "layer_basis", layer->suite->basis);
    set_design(run, row, unit, choice);
    eie_set_integer(row, "samples", unit->samples);
    eie_set_number(row, "effective_clock_hz", point->clock_hz);
    eie_set_number(row, "time_us", point->time_ns / 1e3);
    eie_set_number(row, "theoretical_us", point->theoretical_ns / 1e3);
    set_cycles(row, layer, unit, &unit->depth[choice->depth]);
    eie_set_integer(row, "spmat_line_reads", point->lines);
    eie_set_integer(row, "pointer_pair_reads", unit->broadcasts * eie_unit_own(unit));
    set_modules(row, point);
    eie_set_number(row, "area_mm2", point->area_mm2);
    eie_set_integer(row, "spmat_bytes_fullest_pe", point->spmat_bytes);
    eie_set_integer(row, "spmat_bytes_all_pes", point->all_spmat_bytes);
    eie_set_integer(row, "pointer_bytes_per_pe", point->pointer_bytes);
    eie_set_integer(row, "activation_bytes_per_pe", point->activation_bytes);
    json_object_set_new(row, "fits", json_boolean(point->fits));
    json_object_set_new(row, "approximate", json_boolean(reclustering->codes_used > 0));
    eie_set_number(row, "reshared_relative_rms_error", reclustering->relative_rms_error);
    return row;
}

/* ---- designs -------------------------------------------------------------------------------- */

enum { LEFT, RIGHT, POWER, ENERGIES };

struct design {
    const struct eie_unit *unit; /* of the first layer: the same PEs in all */
    struct eie_choice choice;
    double time_us, area_mm2, energy_j[ENERGIES]; /* geometric means over the layers */
    double load_balance;
    uint32_t fits, approximate; /* layers */
    bool front[ENERGIES];
};

static const struct eie_unit *unit_of(const struct eie_sweep_run *run, uint32_t layer,
                                      uint32_t pair)
{
    return &run->units[(size_t)layer * (run->unit_count / run->layer_count) + pair];
}

static void mean_design(const struct eie_sweep_run *run, uint32_t pair, struct design *design)
{
    double sums[ENERGIES + 2] = {0};
    for (uint32_t i = 0; i < run->layer_count; i++) {
        const struct eie_unit *unit = unit_of(run, i, pair);
        struct eie_point point;
        eie_point_make(run->sweep, run->data, &run->layers[i], unit, &design->choice, &point);
        const double values[ENERGIES + 2] = {
            eie_energy_sum(&point.left), eie_energy_sum(&point.right), point.constant_power_j,
            point.time_ns / 1e3, point.theoretical_ns / point.time_ns};
        for (int v = 0; v < ENERGIES + 2; v++) sums[v] += log(values[v]) / run->layer_count;
        design->area_mm2 = point.area_mm2;
        design->fits += point.fits;
        design->approximate += run->layers[i].reclustering[point.code_bits].codes_used > 0;
    }
    for (int e = 0; e < ENERGIES; e++) design->energy_j[e] = exp(sums[e]);
    design->time_us = exp(sums[ENERGIES]);
    design->load_balance = exp(sums[ENERGIES + 1]);
}

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_time(const void *left, const void *right)
{
    const struct design *a = *(struct design *const *)left, *b = *(struct design *const *)right;
    const int time = compare(a->time_us, b->time_us);
    return time ? time : compare(a->area_mm2, b->area_mm2);
}

/* A design that is not approximate and that none other beats or equals in time, energy and area
 * while being better in one. */
static void find_front(struct design *const *sorted, uint64_t count, int energy,
                       const struct design **front)
{
    uint64_t held = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct design *design = sorted[i];
        bool beaten = design->approximate || !isfinite(design->energy_j[energy]);
        /* those before are no slower */
        for (uint64_t f = 0; f < held && !beaten; f++)
            beaten = front[f]->energy_j[energy] <= design->energy_j[energy] &&
                     front[f]->area_mm2 <= design->area_mm2 &&
                     (front[f]->energy_j[energy] < design->energy_j[energy] ||
                      front[f]->area_mm2 < design->area_mm2 || front[f]->time_us < design->time_us);
        design->front[energy] = !beaten;
        if (!beaten) front[held++] = design;
    }
    /* of equal times the later ones may beat the earlier */
    for (uint64_t a = 0; a + 1 < held; a++)
        for (uint64_t b = a + 1; b < held && front[b]->time_us <= front[a]->time_us; b++)
            if (front[b]->energy_j[energy] <= front[a]->energy_j[energy] &&
                front[b]->area_mm2 <= front[a]->area_mm2 &&
                (front[b]->energy_j[energy] < front[a]->energy_j[energy] ||
                 front[b]->area_mm2 < front[a]->area_mm2))
                ((struct design *)(uintptr_t)front[a])->front[energy] = false;
}

static enum eie_status make_designs(const struct eie_sweep_run *run, struct design **designs,
                                    struct design ***sorted, uint64_t *count,
                                    struct eie_error *error)
{
    const uint64_t each = choices(run->sweep), pairs = run->unit_count / run->layer_count;
    *count = each * pairs;
    *designs = calloc(*count + 1, sizeof **designs);
    *sorted = calloc(*count + 1, sizeof(struct design *));
    const struct design **front = calloc(*count + 1, sizeof(struct design *));
    if (!*designs || !*sorted || !front) {
        free(*designs);
        free(*sorted);
        free(front);
        return eie_fail(error, EIE_MEMORY, "out of memory for %" PRIu64 " designs", *count);
    }
    for (uint64_t d = 0; d < *count; d++) {
        const uint32_t pair = (uint32_t)(d / each);
        (*sorted)[d] = &(*designs)[d];
        (*designs)[d] =
            (struct design){.unit = &run->units[pair], .choice = choice_at(run->sweep, d % each)};
        mean_design(run, pair, &(*designs)[d]);
    }
    qsort(*sorted, *count, sizeof(struct design *), by_time);
    for (int e = 0; e < ENERGIES; e++) find_front(*sorted, *count, e, front);
    free(front);
    return EIE_OK;
}

static json_t *design_json(const struct eie_sweep_run *run, const struct design *design)
{
    static const char *const energies[] = {"energy_left_j", "energy_right_j",
                                           "energy_constant_power_j"};
    static const char *const fronts[] = {"pareto_left", "pareto_right", "pareto_constant_power"};
    json_t *row = json_object();
    set_design(run, row, design->unit, &design->choice);
    eie_set_number(row, "time_us", design->time_us);
    eie_set_number(row, "load_balance", design->load_balance);
    eie_set_number(row, "area_mm2", design->area_mm2);
    for (int e = 0; e < ENERGIES; e++) eie_set_number(row, energies[e], design->energy_j[e]);
    for (int e = 0; e < ENERGIES; e++)
        json_object_set_new(row, fronts[e], json_boolean(design->front[e]));
    eie_set_integer(row, "layers", run->layer_count);
    eie_set_integer(row, "layers_that_fit", design->fits);
    eie_set_integer(row, "layers_approximate", design->approximate);
    return row;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_csv_value(FILE *out, const json_t *value)
{
    if (json_is_string(value))
        fprintf(out, "%s", json_string_value(value)); /* names: no comma, no quote */
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        fprintf(out, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_real(value))
        fprintf(out, "%.9g", json_real_value(value));
}

/* The columns are the first point's keys and those that a number may be missing from. */
static void write_csv_row(FILE *out, const json_t *row, const json_t *columns)
{
    size_t index;
    json_t *column;
    json_array_foreach(columns, index, column)
    {
        if (index) fputc(',', out);
        write_csv_value(out, json_object_get(row, json_string_value(column)));
    }
    fputc('\n', out);
}

static const char *const may_lack[] = {"energy_spmat_left_j", "energy_spmat_right_j",
                                       "energy_left_j", "energy_right_j"};

static json_t *columns_of(json_t *row)
{
    json_t *columns = json_array(), *value;
    const char *key;
    json_object_foreach(row, key, value) json_array_append_new(columns, json_string(key));
    for (size_t i = 0; i < sizeof may_lack / sizeof *may_lack; i++)
        if (!json_object_get(row, may_lack[i]))
            json_array_append_new(columns, json_string(may_lack[i]));
    return columns;
}

static void write_csv_head(FILE *out, const json_t *columns)
{
    size_t index;
    json_t *column;
    json_array_foreach(columns, index, column)
        fprintf(out, "%s%s", index ? "," : "", json_string_value(column));
    fputc('\n', out);
}

static void write_points(const struct eie_sweep_run *run, FILE *out, bool csv)
{
    const uint64_t each = choices(run->sweep);
    json_t *columns = NULL;
    bool first = true;
    for (uint32_t u = 0; u < run->unit_count; u++) {
        for (uint64_t c = 0; c < each; c++) {
            const struct eie_choice choice = choice_at(run->sweep, c);
            struct eie_point point;
            eie_point_make(run->sweep, run->data, &run->layers[run->units[u].layer], &run->units[u],
                           &choice, &point);
            json_t *row = point_json(run, &run->units[u], &choice, &point);
            if (csv) {
                if (first) columns = columns_of(row);
                if (first) write_csv_head(out, columns);
                write_csv_row(out, row, columns);
            } else {
                fputs(first ? "\n  " : ",\n  ", out);
                json_dumpf(row, out, JSON_COMPACT | JSON_REAL_PRECISION(10));
            }
            json_decref(row);
            first = false;
        }
    }
    json_decref(columns);
}

static void write_head(const struct eie_sweep_run *run, FILE *out)
{
    json_t *head = json_object();
    const char *key;
    json_t *value;
    eie_set(head, "format", FORMAT);
    eie_set(head, "command", run->command);
    eie_set(head, "eie_version", EIE_VERSION);
    eie_set(head, "eie_revision", EIE_REVISION);
    eie_set(head, "device", run->sweep->device->name);
    eie_set(head, "device_hash", run->sweep->device->hash.hex);
    eie_set(head, "provenance", "simulated");
    fputs("{", out);
    json_object_foreach(head, key, value)
    {
        fprintf(out, "\n \"%s\": ", key);
        json_dumpf(value, out, JSON_ENCODE_ANY);
        fputc(',', out);
    }
    json_decref(head);
    fputs("\n \"points\": [", out);
}

static enum eie_status write_designs(const struct eie_sweep_run *run, FILE *out,
                                     struct eie_error *error)
{
    struct design *designs, **sorted;
    uint64_t count;
    enum eie_status status = make_designs(run, &designs, &sorted, &count, error);
    if (status) return status;
    fputs("\n ],\n \"designs\": [", out);
    for (uint64_t d = 0; d < count; d++) {
        json_t *row = design_json(run, &designs[d]);
        fputs(d ? ",\n  " : "\n  ", out);
        json_dumpf(row, out, JSON_COMPACT | JSON_REAL_PRECISION(10));
        json_decref(row);
    }
    fputs("\n ]", out);
    free(designs);
    free(sorted);
    return EIE_OK;
}

static void write_precision(const struct eie_sweep_run *run, FILE *out)
{
    fputs(",\n \"precision\": [", out);
    for (uint32_t l = 0; l < run->layer_count; l++) {
        for (int a = 0; a < EIE_ARITHMETICS; a++) {
            const struct eie_precision *found = &run->precision[l][a];
            json_t *row = json_object();
            eie_set(row, "suite", run->layers[l].suite->name);
            eie_set(row, "layer", run->layers[l].layer->name);
            eie_set(row, "arithmetic", found->arithmetic);
            eie_set_number(row, "relative_rms_error", found->relative_rms_error);
            eie_set_number(row, "largest_error", found->largest_error);
            fputs(l || a ? ",\n  " : "\n  ", out);
            json_dumpf(row, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
            json_decref(row);
        }
    }
    fputs("\n ]", out);
}

enum eie_status eie_sweep_write(const struct eie_sweep_run *run, const char *path,
                                struct eie_error *error)
{
    const size_t length = strlen(path);
    const bool csv = length > 4 && !strcmp(path + length - 4, ".csv");
    struct eie_output output;
    enum eie_status status = eie_output_begin(path, &output, error);
    if (status) return status;
    if (!csv) write_head(run, output.stream);
    write_points(run, output.stream, csv);
    if (!csv) status = write_designs(run, output.stream, error);
    if (!csv && run->precision) write_precision(run, output.stream);
    if (!csv) fputs("\n}\n", output.stream);
    if (!status) return eie_output_commit(&output, error);
    eie_output_abandon(&output);
    return status;
}

#define PRINTED_MAX 40

enum eie_status eie_sweep_print(const struct eie_sweep_run *run, struct eie_error *error)
{
    struct design *designs, **sorted;
    uint64_t count, front = 0, printed = 0;
    enum eie_status status = make_designs(run, &designs, &sorted, &count, error);
    if (status) return status;
    for (uint64_t d = 0; d < count; d++) front += designs[d].front[LEFT];
    printf("%" PRIu64
           " designs, geometric means over %u layers; on the Pareto front of time, energy and "
           "area: %" PRIu64 "\n%6s %6s %6s %5s %4s %9s %-20s %10s %8s %10s %10s %9s %5s\n",
           count, run->layer_count, front, "PEs", "queue", "line", "index", "code", "MHz",
           "technology", "us", "balance", "uJ (left)", "uJ (right)", "mm2", "fits");
    for (uint64_t d = 0; d < count && printed < PRINTED_MAX; d++) {
        const struct design *design = sorted[d];
        const struct eie_unit *unit = design->unit;
        char technology[64], pes[32];
        if (!design->front[LEFT]) continue;
        if (unit->groups > 1)
            snprintf(pes, sizeof pes, "%ux%u", unit->groups, eie_unit_own(unit));
        else
            snprintf(pes, sizeof pes, "%u", unit->pes);
        technology_text(run, design->choice.technology, technology, sizeof technology);
        printf("%6s %6.0f %6.0f %5u %4.0f %9.4g %-20s %10.4g %7.1f%% %10.4g %10.4g %9.4g %u/%u\n",
               pes, run->sweep->depths.values[design->choice.depth],
               run->sweep->lines.values[design->choice.line], unit->index_bits,
               run->sweep->code_bits.values[design->choice.code],
               run->sweep->clocks.values[design->choice.clock] / 1e6, technology, design->time_us,
               100 * design->load_balance, design->energy_j[LEFT] * 1e6,
               design->energy_j[RIGHT] * 1e6, design->area_mm2, design->fits, run->layer_count);
        printed++;
    }
    if (printed < front) printf("and %" PRIu64 " more: --out FILE.json\n", front - printed);
    free(designs);
    free(sorted);
    return EIE_OK;
}

/* ---- journal -------------------------------------------------------------------------------- */

static json_t *journal_head(const struct eie_sweep_run *run)
{
    return json_pack("{s:s, s:s, s:s}", "format", JOURNAL_FORMAT, "device_hash",
                     run->sweep->device->hash.hex, "eie_revision", EIE_REVISION);
}

static json_t *integers(const uint64_t *values, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)values[i]));
    return list;
}

static json_t *unit_json(const struct eie_sweep_run *run, const struct eie_unit *unit)
{
    json_t *row = json_object(), *depths = json_array(), *lines = json_array();
    eie_set(row, "layer_hash", run->layers[unit->layer].hash.hex);
    const uint64_t facts[] = {
        unit->pes,    unit->index_bits,   unit->entries,        unit->empty,      unit->broadcasts,
        unit->moves,  unit->most_entries, unit->stored_entries, unit->slowest_pe, unit->passes,
        unit->blocks, unit->columns,      unit->groups,         unit->samples};
    json_object_set_new(row, "facts", integers(facts, sizeof facts / sizeof *facts));
    for (uint32_t d = 0; d < run->sweep->depths.count; d++) {
        const struct eie_depth_counts *c = &unit->depth[d];
        const uint64_t values[] = {(uint64_t)run->sweep->depths.values[d],
                                   c->cycles,
                                   c->blocked,
                                   c->scan,
                                   c->fill,
                                   c->imbalance,
                                   c->load,
                                   c->queued};
        json_array_append_new(depths, integers(values, sizeof values / sizeof *values));
    }
    for (uint32_t l = 0; l < unit->line_count; l++) {
        const uint64_t values[] = {unit->entries_per_line[l], unit->lines[l]};
        json_array_append_new(lines, integers(values, 2));
    }
    json_object_set_new(row, "depths", depths);
    json_object_set_new(row, "lines", lines);
    return row;
}

static bool read_integers(const json_t *list, uint64_t *values, size_t count)
{
    if (!json_is_array(list) || json_array_size(list) != count) return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
        values[i] = (uint64_t)json_integer_value(value);
    }
    return true;
}

static bool take_depths(const struct eie_sweep_run *run, const json_t *list, struct eie_unit *unit)
{
    uint32_t found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        uint64_t v[8];
        if (!read_integers(json_array_get(list, i), v, 8)) return false;
        for (uint32_t d = 0; d < run->sweep->depths.count; d++) {
            if ((uint64_t)run->sweep->depths.values[d] != v[0] || unit->depth[d].cycles || !v[1])
                continue;
            unit->depth[d] = (struct eie_depth_counts){v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
            found++;
        }
    }
    return found == run->sweep->depths.count;
}

static bool take_lines(const json_t *list, struct eie_unit *unit)
{
    uint32_t found = 0;
    bool known[EIE_LINES_MAX] = {false};
    for (size_t i = 0; i < json_array_size(list); i++) {
        uint64_t v[2];
        if (!read_integers(json_array_get(list, i), v, 2)) return false;
        for (uint32_t l = 0; l < unit->line_count; l++) {
            if (unit->entries_per_line[l] != v[0] || known[l]) continue;
            known[l] = true;
            unit->lines[l] = v[1];
            found++;
        }
    }
    return found == unit->line_count;
}

/* What a line of the journal must say of itself: the start of its SHA-256. */
static enum eie_status line_hash(const json_t *row, struct eie_hash *hash, struct eie_error *error)
{
    char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text) return eie_fail(error, EIE_MEMORY, "out of memory for the journal");
    const enum eie_status status = eie_sha256_of(text, strlen(text), hash, error);
    free(text);
    return status;
}

static bool is_whole(json_t *row)
{
    struct eie_hash hash;
    struct eie_error error;
    json_t *stated = json_incref(json_object_get(row, "sha256"));
    json_object_del(row, "sha256");
    const bool whole = json_is_string(stated) && !line_hash(row, &hash, &error) &&
                       !strcmp(json_string_value(stated), hash.hex);
    json_decref(stated);
    return whole;
}

/* A unit of the journal that this sweep needs as it is there. */
static bool take_unit(struct eie_sweep_run *run, const json_t *row)
{
    const char *hash = json_string_value(json_object_get(row, "layer_hash"));
    uint64_t v[14];
    if (!hash || !read_integers(json_object_get(row, "facts"), v, 14)) return false;
    for (uint32_t u = 0; u < run->unit_count; u++) {
        struct eie_unit *unit = &run->units[u], taken = *unit;
        if (unit->done || strcmp(run->layers[unit->layer].hash.hex, hash) || unit->pes != v[0] ||
            unit->index_bits != v[1] || unit->groups != v[12] ||
            run->layers[unit->layer].samples != v[13])
            continue;
        taken.entries = v[2];
        taken.empty = v[3];
        taken.broadcasts = v[4];
        taken.moves = v[5];
        taken.most_entries = v[6];
        taken.stored_entries = v[7];
        taken.slowest_pe = v[8];
        taken.passes = (uint32_t)v[9];
        taken.blocks = (uint32_t)v[10];
        taken.columns = (uint32_t)v[11];
        taken.samples = (uint32_t)v[13];
        if (!take_depths(run, json_object_get(row, "depths"), &taken) ||
            !take_lines(json_object_get(row, "lines"), &taken))
            return false;
        taken.done = true;
        *unit = taken;
        return true;
    }
    return false;
}

/* A line that breaks off was being written when the sweep ended: the rest does not count. *end is
 * where the whole lines end. */
static enum eie_status take_journal(struct eie_sweep_run *run, FILE *file, const char *path,
                                    uint32_t *taken, long *end, struct eie_error *error)
{
    char *line = NULL;
    size_t size = 0;
    bool head = true;
    uint64_t number = 0;
    enum eie_status status = EIE_OK;
    for (ssize_t length; !status && (length = getline(&line, &size, file)) > 0;) {
        json_t *row = line[length - 1] == '\n' ? json_loadb(line, (size_t)length, 0, NULL) : NULL;
        number++;
        if (head) {
            json_t *wanted = journal_head(run);
            if (!row || !json_equal(row, wanted))
                status =
                    eie_fail(error, EIE_INPUT,
                             "%s: not the journal of a sweep on this device description by this "
                             "revision of eie: delete it or name another --out",
                             path);
            json_decref(wanted);
        } else if (line[length - 1] == '\n' && !(row && is_whole(row))) {
            status = eie_fail(error, EIE_INPUT,
                              "%s: line %" PRIu64 " is damaged: delete it and what follows", path,
                              number);
        } else if (row) {
            *taken += take_unit(run, row);
        }
        if (!row) break;
        head = false;
        *end = ftell(file);
        json_decref(row);
    }
    free(line);
    return status;
}

static enum eie_status name_journal(const char *path, char name[JOURNAL_PATH],
                                    struct eie_error *error)
{
    return snprintf(name, JOURNAL_PATH, "%s.part", path) < JOURNAL_PATH
               ? EIE_OK
               : eie_fail(error, EIE_USAGE, "--out: the path is too long");
}

enum eie_status eie_journal_absent(const char *path, struct eie_error *error)
{
    char name[JOURNAL_PATH];
    const enum eie_status status = name_journal(path, name, error);
    struct stat info;
    if (status || stat(name, &info)) return status;
    if (!info.st_size && S_ISREG(info.st_mode) && !unlink(name)) return EIE_OK;
    return eie_fail(
        error, EIE_USAGE,
        "%s is left from a sweep that was interrupted: go on with --resume, or delete it", name);
}

enum eie_status eie_journal_begin(struct eie_sweep_run *run, const char *path, bool resume,
                                  struct eie_journal *journal, uint32_t *taken,
                                  struct eie_error *error)
{
    *journal = (struct eie_journal){.file = NULL};
    *taken = 0;
    struct stat info;
    if (eie_output_claimed() || (!stat(path, &info) && !S_ISREG(info.st_mode))) return EIE_OK;
    const enum eie_status named = name_journal(path, journal->path, error);
    if (named) return named;
    long end = 0;
    FILE *old = resume ? fopen(journal->path, "r+") : NULL;
    if (old) {
        const enum eie_status status = take_journal(run, old, journal->path, taken, &end, error);
        if (status || fseek(old, end, SEEK_SET) || ftruncate(fileno(old), end)) {
            fclose(old);
            return status ? status
                          : eie_fail(error, EIE_SYSTEM, "%s: %s", journal->path, strerror(errno));
        }
        journal->file = old;
        if (end) return EIE_OK;
    } else {
        journal->file = fopen(journal->path, "wx"); /* not over that of another sweep */
    }
    if (!journal->file)
        return eie_fail(error, EIE_SYSTEM, "%s: cannot be written: %s", journal->path,
                        strerror(errno));
    json_t *head = journal_head(run);
    json_dumpf(head, journal->file, JSON_COMPACT);
    json_decref(head);
    if (fputc('\n', journal->file) != EOF && !fflush(journal->file)) return EIE_OK;
    const int code = errno;
    eie_journal_end(journal, true); /* nothing is in it that could be gone on with */
    return eie_fail(error, EIE_SYSTEM, "%s: cannot be written: %s", journal->path, strerror(code));
}

enum eie_status eie_journal_add(struct eie_journal *journal, const struct eie_sweep_run *run,
                                const struct eie_unit *unit, struct eie_error *error)
{
    if (!journal->file) return EIE_OK;
    struct eie_hash hash;
    json_t *row = unit_json(run, unit);
    const enum eie_status status = line_hash(row, &hash, error);
    if (status) {
        json_decref(row);
        return status;
    }
    eie_set(row, "sha256", hash.hex);
    const bool failed = json_dumpf(row, journal->file, JSON_COMPACT) ||
                        fputc('\n', journal->file) == EOF || fflush(journal->file);
    json_decref(row);
    return failed ? eie_fail(error, EIE_SYSTEM, "%s: cannot be written: %s", journal->path,
                             strerror(errno))
                  : EIE_OK;
}

void eie_journal_end(struct eie_journal *journal, bool remove_it)
{
    if (!journal->file) return;
    fclose(journal->file);
    journal->file = NULL;
    if (remove_it) unlink(journal->path);
}
