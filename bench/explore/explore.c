#include "bench/explore/explore.h"
#include "host/devices/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES 2

static const struct eie_design *design_of(const struct eie_sweep *sweep)
{
    return sweep->device->design;
}

uint64_t eie_sweep_designs(const struct eie_sweep *sweep)
{
    const uint64_t counts[] = {sweep->pes.count,    sweep->groups.count,     sweep->depths.count,
                               sweep->lines.count,  sweep->index_bits.count, sweep->code_bits.count,
                               sweep->clocks.count, sweep->technology_count};
    uint64_t product = 1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) product *= counts[i];
    return product; /* 64^8 = 2^48 */
}

/* ---- checking ------------------------------------------------------------------------------- */

static enum eie_status check_list(const struct eie_sweep_list *list, const char *option, double low,
                                  double high, bool whole, struct eie_error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const double value = list->values[i];
        if (!(value >= low && value <= high) || (whole && value != floor(value)))
            return eie_fail(error, EIE_USAGE, "--%s %.10g is not %s%.10g to %.10g", option, value,
                            whole ? "a whole number of " : "", low, high);
    }
    return EIE_OK;
}

static enum eie_status check_lines(const struct eie_sweep *sweep, struct eie_error *error)
{
    for (uint32_t l = 0; l < sweep->lines.count; l++) {
        if (fmod(sweep->lines.values[l], 8) != 0)
            return eie_fail(error, EIE_USAGE, "--line %.10g is not a multiple of 8",
                            sweep->lines.values[l]);
        for (uint32_t x = 0; x < sweep->index_bits.count; x++)
            for (uint32_t c = 0; c < sweep->code_bits.count; c++)
                if (sweep->lines.values[l] <
                    sweep->index_bits.values[x] + sweep->code_bits.values[c])
                    return eie_fail(error, EIE_USAGE,
                                    "--line %.10g holds no entry of %.10g + %.10g bits",
                                    sweep->lines.values[l], sweep->index_bits.values[x],
                                    sweep->code_bits.values[c]);
    }
    return EIE_OK;
}

static enum eie_status check_groups(const struct eie_sweep *sweep, struct eie_error *error)
{
    for (uint32_t g = 0; g < sweep->groups.count; g++)
        for (uint32_t p = 0; p < sweep->pes.count; p++)
            if (fmod(sweep->pes.values[p], sweep->groups.values[g]) != 0)
                return eie_fail(error, EIE_USAGE, "--groups %.10g does not divide %.10g PEs",
                                sweep->groups.values[g], sweep->pes.values[p]);
    return EIE_OK;
}

enum eie_status eie_sweep_check(const struct eie_sweep *sweep, const struct eie_energy_data *data,
                                struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < sweep->depths.count && !status; i++)
        if (sweep->depths.values[i] == 1)
            status = eie_fail(error, EIE_USAGE,
                              "--queue 1: a ring of one slot is full and empty at once, so that "
                              "nothing ever moves; give it 2 or more");
    if (!status) status = check_list(&sweep->pes, "pes", 1, 65536, true, error);
    if (!status) status = check_list(&sweep->groups, "groups", 1, 65536, true, error);
    if (!status) status = check_groups(sweep, error);
    if (!status) status = check_list(&sweep->depths, "queue", 2, 1 << 20, true, error);
    if (!status) status = check_list(&sweep->lines, "line", 8, 65536, true, error);
    if (!status) status = check_list(&sweep->index_bits, "index", 2, 8, true, error);
    if (!status) status = check_list(&sweep->code_bits, "code", 2, 8, true, error);
    if (!status) status = check_list(&sweep->clocks, "clock", 1e3, 1e12, false, error);
    if (!status) status = check_lines(sweep, error);
    for (uint32_t t = 0; t < sweep->technology_count && !status; t++) {
        const struct eie_technology *technology = &sweep->technologies[t];
        if (technology->rule == EIE_TECHNOLOGY_STILLMAKER &&
            !isfinite(eie_scaling_of(data, EIE_SCALING_STILLMAKER_BAAS,
                                     design_of(sweep)->technology_nm, technology->nm)
                          .area))
            status = eie_fail(error, EIE_USAGE,
                              "--technology stillmaker-baas:%.10g: its nodes go from %.10g to "
                              "%.10g nm, and the design has %.10g",
                              technology->nm, data->node.nm[0], data->node.nm[data->node.count - 1],
                              design_of(sweep)->technology_nm);
    }
    return status;
}

/* ---- layers --------------------------------------------------------------------------------- */

static void count_weights(struct eie_sweep_layer *layer)
{
    const struct eie_sparse_codes *codes = &layer->codes;
    const int16_t *input = layer->layer->sample_inputs;
    for (uint32_t s = 0; s < layer->samples; s++, input += codes->inputs)
        for (uint32_t j = 0; j < codes->inputs; j++)
            if (input[j]) layer->weights += codes->column_start[j + 1] - codes->column_start[j];
    layer->all_weights = codes->column_start[codes->inputs];
    for (uint32_t i = 0; layer->layer->bias && i < codes->outputs; i++)
        if (layer->layer->bias[i]) layer->weights += layer->samples, layer->all_weights++;
}

static enum eie_status count_samples(const struct eie_sweep *sweep, struct eie_sweep_layer *layer,
                                     struct eie_error *error)
{
    const uint32_t there = layer->layer->sample_count;
    layer->samples = sweep->samples ? sweep->samples : there;
    if (layer->samples > there)
        return eie_fail(error, EIE_USAGE, "--samples %u: layer %s has %u", layer->samples,
                        layer->layer->name, there);
    for (uint32_t g = 0; g < sweep->groups.count; g++)
        if (sweep->groups.values[g] > layer->samples)
            return eie_fail(error, EIE_USAGE,
                            "--groups %.10g take as many samples at once, and %u of layer %s are "
                            "run: --samples",
                            sweep->groups.values[g], layer->samples, layer->layer->name);
    return EIE_OK;
}

enum eie_status eie_sweep_layer_make(const struct eie_suite *suite, uint32_t index,
                                     const struct eie_sweep *sweep, struct eie_sweep_layer *layer,
                                     struct eie_error *error)
{
    *layer = (struct eie_sweep_layer){.suite = suite, .index = index};
    enum eie_status status = eie_suite_build(suite, index, 0, &layer->layer, error);
    if (status) return status;
    if (!layer->layer->sample_count)
        status = eie_fail(error, EIE_INPUT, "layer %s has no sample input", layer->layer->name);
    if (!status) status = count_samples(sweep, layer, error);
    if (!status) status = eie_layer_hash(layer->layer, &layer->hash, error);
    if (!status) status = eie_layer_decode(layer->layer, &layer->codes, error);
    if (!status) count_weights(layer);
    for (uint32_t c = 0; c < sweep->code_bits.count && !status; c++) {
        const uint32_t bits = (uint32_t)sweep->code_bits.values[c];
        struct eie_layer *reclustered;
        if (eie_layer_codes_fit(layer->layer, bits)) continue;
        status = eie_layer_recluster(layer->layer, bits, &reclustered, &layer->reclustering[bits],
                                     error);
        if (!status) eie_layer_free(reclustered);
    }
    if (status) eie_sweep_layer_free(layer);
    return status;
}

void eie_sweep_layer_free(struct eie_sweep_layer *layer)
{
    eie_sparse_codes_free(&layer->codes);
    eie_layer_free(layer->layer);
    layer->layer = NULL;
}

/* ---- units ---------------------------------------------------------------------------------- */

void eie_unit_lines(const struct eie_sweep *sweep, struct eie_unit *unit)
{
    unit->line_count = 0;
    for (uint32_t l = 0; l < sweep->lines.count; l++) {
        for (uint32_t c = 0; c < sweep->code_bits.count; c++) {
            const uint32_t entries = (uint32_t)sweep->lines.values[l] /
                                     (unit->index_bits + (uint32_t)sweep->code_bits.values[c]);
            uint32_t at = 0;
            while (at < unit->line_count && unit->entries_per_line[at] != entries) at++;
            if (at == unit->line_count && at < EIE_LINES_MAX)
                unit->entries_per_line[unit->line_count++] = entries;
        }
    }
}

static uint32_t registers_of(const struct eie_design *design)
{
    return design->batching ? design->activation_registers_per_pe : 0;
}

static struct eie_partition_plan plan_of(const struct eie_sweep *sweep, const struct eie_unit *unit)
{
    return (struct eie_partition_plan){.pe_count = eie_unit_own(unit),
                                       .index_bits = unit->index_bits,
                                       .rows_per_block = registers_of(design_of(sweep))};
}

/* What is added up while the samples go to the groups. */
struct tally {
    uint64_t *pe;     /* [groups][own]: cycles of a PE's work */
    uint64_t *cycles; /* [depths][groups] */
};

static void add_depth(const struct eie_cycle_counts *counts, uint32_t own, uint64_t *cycles,
                      struct eie_depth_counts *depth)
{
    *cycles += counts->cycles;
    depth->blocked += counts->blocked;
    for (uint32_t k = 0; k < own; k++) {
        depth->scan += counts->pe[k].scan;
        depth->fill += counts->pe[k].fill;
        depth->imbalance += counts->pe[k].imbalance;
        depth->load += counts->pe[k].load;
        depth->queued += counts->pe[k].queued;
    }
}

static void add_work(const struct eie_cycle_counts *counts, uint32_t own, uint64_t *pe,
                     struct eie_unit *unit)
{
    unit->entries += counts->entries;
    unit->broadcasts += counts->broadcasts;
    unit->moves += counts->moves;
    for (uint32_t k = 0; k < own; k++) {
        unit->empty += counts->pe[k].empty;
        pe[k] += counts->pe[k].entries + counts->pe[k].empty;
        if (pe[k] > unit->slowest_pe) unit->slowest_pe = pe[k];
    }
}

/* One sample on its group. */
static enum eie_status run_sample(const struct eie_sweep *sweep,
                                  const struct eie_partition *partition,
                                  const struct eie_schedule *schedule, uint32_t group,
                                  struct eie_cycle_counts *counts, const struct tally *tally,
                                  struct eie_unit *unit, struct eie_error *error)
{
    const struct eie_design *design = design_of(sweep);
    const uint32_t registers = registers_of(design), own = eie_unit_own(unit);
    struct eie_cycle_design cycles = {
        .empty_column_cycles = design->empty_column_cycles,
        .keeps_line = design->spmat_lines_held,
        .load_cycles =
            registers ? 3 * ((registers - 1) / design->activation_words_per_cycle + 1) : 0,
    };
    enum eie_status status = EIE_OK;
    for (uint32_t l = 0; l < unit->line_count && !status; l++) {
        cycles.entries_per_line = unit->entries_per_line[l];
        status = eie_cycle_work(partition, schedule, &cycles, counts, error);
        unit->lines[l] += counts->lines;
    }
    if (!status) add_work(counts, own, tally->pe + (size_t)group * own, unit);
    for (uint32_t d = 0; d < sweep->depths.count && !status; d++) {
        cycles.queue_depth = (uint32_t)sweep->depths.values[d];
        status = eie_cycle_time(partition, schedule, &cycles, counts, error);
        if (!status)
            add_depth(counts, own, &tally->cycles[(size_t)d * unit->groups + group],
                      &unit->depth[d]);
    }
    return status;
}

/* The longest group's cycles; the others wait for it. */
static void finish_depths(const struct eie_sweep *sweep, const struct tally *tally,
                          struct eie_unit *unit)
{
    for (uint32_t d = 0; d < sweep->depths.count; d++) {
        const uint64_t *cycles = tally->cycles + (size_t)d * unit->groups;
        struct eie_depth_counts *depth = &unit->depth[d];
        for (uint32_t g = 0; g < unit->groups; g++)
            if (cycles[g] > depth->cycles) depth->cycles = cycles[g];
        for (uint32_t g = 0; g < unit->groups; g++)
            depth->imbalance += (depth->cycles - cycles[g]) * eie_unit_own(unit);
    }
}

static enum eie_status run_partition(const struct eie_sweep *sweep,
                                     const struct eie_sweep_layer *layer,
                                     const struct eie_partition *partition, struct eie_unit *unit,
                                     struct eie_error *error)
{
    const uint32_t registers = registers_of(design_of(sweep)), inputs = layer->codes.inputs;
    const struct tally tally = {
        calloc(unit->pes, sizeof(uint64_t)),
        calloc((size_t)sweep->depths.count * unit->groups, sizeof(uint64_t))};
    struct eie_cycle_counts counts = {0};
    struct eie_schedule schedule = {0};
    enum eie_status status = tally.pe && tally.cycles
                                 ? eie_counts_begin(eie_unit_own(unit), &counts, error)
                                 : eie_fail(error, EIE_MEMORY, "out of memory for a unit");
    if (!status) status = eie_schedule_begin(partition, registers, &schedule, error);
    for (uint32_t s = 0; s < layer->samples && !status; s++) {
        eie_schedule_fill(partition, registers, layer->layer->sample_inputs + (size_t)s * inputs,
                          &schedule);
        unit->passes = schedule.pass_count;
        status =
            run_sample(sweep, partition, &schedule, s % unit->groups, &counts, &tally, unit, error);
    }
    if (!status) finish_depths(sweep, &tally, unit);
    eie_schedule_free(&schedule);
    eie_counts_free(&counts);
    free(tally.pe);
    free(tally.cycles);
    return status;
}

enum eie_status eie_unit_run(const struct eie_sweep *sweep, const struct eie_sweep_layer *layer,
                             struct eie_unit *unit, struct eie_error *error)
{
    const struct eie_partition_plan plan = plan_of(sweep, unit);
    struct eie_partition partition;
    enum eie_status status =
        eie_partition_make(&layer->codes, layer->layer->bias, &plan, &partition, error);
    if (status) return status;
    if ((uint64_t)partition.columns * design_of(sweep)->empty_column_cycles * 2 > INT32_MAX)
        status = eie_fail(error, EIE_INPUT, "layer %s: too many cycles for one pass",
                          layer->layer->name);
    unit->samples = layer->samples;
    unit->most_entries = partition.most_entries;
    unit->stored_entries = partition.entries;
    unit->blocks = partition.blocks;
    unit->columns = partition.columns;
    if (!status) status = run_partition(sweep, layer, &partition, unit, error);
    eie_partition_free(&partition);
    unit->done = !status;
    return status;
}

uint64_t eie_unit_bytes(const struct eie_sweep *sweep, const struct eie_sweep_layer *layer,
                        const struct eie_unit *unit)
{
    const struct eie_partition_plan plan = plan_of(sweep, unit);
    const uint64_t partition = eie_partition_bytes(layer->layer, &plan);
    double depth = 0;
    for (uint32_t d = 0; d < sweep->depths.count; d++) depth = fmax(depth, sweep->depths.values[d]);
    const uint64_t slots = depth < layer->codes.inputs ? (uint64_t)depth : layer->codes.inputs;
    const uint64_t lanes =
        (slots + 16) * (eie_unit_own(unit) + EIE_PARTITION_LANES) * sizeof(uint32_t);
    return partition > UINT64_MAX - lanes ? UINT64_MAX : partition + lanes;
}

double eie_unit_seconds(const struct eie_sweep *sweep, const struct eie_suite_layer *layer,
                        uint32_t pes)
{
    const struct eie_layer_spec *spec = &layer->spec;
    const double columns = spec->active_inputs ? spec->active_inputs : 1000;
    const double weights = spec->inputs ? (double)(spec->nonzeros_active + spec->nonzeros_inactive)
                                        : 1e6; /* imported: unknown before it is read */
    const double lanes = fmax(pes, EIE_PARTITION_LANES);
    const double runs = (double)sweep->depths.count + (double)sweep->lines.count;
    const double samples = sweep->samples ? sweep->samples : spec->sample_count;
    return 8e-9 * weights + lanes * (1.5e-9 * spec->inputs + 0.4e-9 * columns * runs * samples);
}

/* ---- points --------------------------------------------------------------------------------- */

static void energies(const struct eie_sweep *sweep, const struct eie_energy_data *data,
                     const struct eie_unit *unit, const struct eie_choice *choice, double scale,
                     struct eie_point *point)
{
    const struct eie_design *design = design_of(sweep);
    const double bits = sweep->lines.values[choice->line];
    const struct eie_cycle_counts counts = {.cycles = unit->depth[choice->depth].cycles,
                                            .broadcasts = unit->broadcasts,
                                            .entries = unit->entries,
                                            .lines = point->lines};
    const uint32_t own = eie_unit_own(unit);
    const uint32_t nodes =
        (own == design->pe_count ? design->lnzd_node_count : eie_lnzd_nodes(own)) * unit->groups;
    struct eie_energy_table table = design->energy;
    table.pointer_pair_read_pj *= scale;
    table.queue_pop_pj *= scale;
    table.entry_arithmetic_pj *= scale;
    table.entry_activation_pj *= scale;
    table.lnzd_node_cycle_pj *= scale;
    for (int right = 0; right < 2; right++) {
        table.spmat_row_read_pj = design->energy.spmat_row_read_pj * scale *
                                  eie_width_factor(data, right, design->spmat_line_bits, bits);
        *(right ? &point->right : &point->left) = eie_energy_of(&counts, own, nodes, &table);
    }
    const struct eie_energy_table table1 = eie_energy_table1(data, (uint32_t)bits);
    point->table1 = eie_energy_of(&counts, own, nodes, &table1);
}

void eie_point_make(const struct eie_sweep *sweep, const struct eie_energy_data *data,
                    const struct eie_sweep_layer *layer, const struct eie_unit *unit,
                    const struct eie_choice *choice, struct eie_point *point)
{
    const struct eie_design *design = design_of(sweep);
    const struct eie_technology *technology = &sweep->technologies[choice->technology];
    struct eie_scaling scaling = {1, 1, 1};
    if (technology->rule != EIE_TECHNOLOGY_OWN)
        scaling =
            eie_scaling_of(data,
                           technology->rule == EIE_TECHNOLOGY_PAPER ? EIE_SCALING_PAPER
                                                                    : EIE_SCALING_STILLMAKER_BAAS,
                           design->technology_nm, technology->nm);
    const uint32_t code_bits = (uint32_t)sweep->code_bits.values[choice->code];
    const uint32_t bits = unit->index_bits + code_bits;
    const uint32_t per_line = (uint32_t)sweep->lines.values[choice->line] / bits;
    const uint32_t depth = (uint32_t)sweep->depths.values[choice->depth];
    *point = (struct eie_point){.code_bits = code_bits,
                                .clock_hz = sweep->clocks.values[choice->clock] / scaling.delay};
    for (uint32_t l = 0; l < unit->line_count; l++)
        if (unit->entries_per_line[l] == per_line) point->lines = unit->lines[l];
    const double cycle_ns = 1e9 / point->clock_hz;
    point->time_ns = (double)unit->depth[choice->depth].cycles * cycle_ns;
    point->theoretical_ns = (double)unit->entries / unit->pes * cycle_ns;
    point->area_mm2 = unit->groups * eie_area_mm2(design, eie_unit_own(unit), depth) * scaling.area;
    energies(sweep, data, unit, choice, scaling.energy, point);
    /* the power of a PE goes with the clock and with the energy of an action */
    point->constant_power_j = design->power_w * unit->pes / design->pe_count *
                              (point->clock_hz / design->clock_hz) * scaling.energy *
                              point->time_ns * 1e-9;
    const uint64_t longer =
        layer->codes.inputs > layer->codes.outputs ? layer->codes.inputs : layer->codes.outputs;
    point->spmat_bytes = (unit->most_entries * bits + 7) / 8;
    point->all_spmat_bytes = (unit->groups * unit->stored_entries * bits + 7) / 8;
    point->pointer_bytes = ((uint64_t)unit->blocks * unit->columns + 1) * POINTER_BYTES;
    point->activation_bytes = (longer - 1) / eie_unit_own(unit) * sizeof(int16_t) + sizeof(int16_t);
    point->fits = point->spmat_bytes <= design->spmat_bytes_per_pe &&
                  point->pointer_bytes <= design->pointer_bytes_per_pe &&
                  point->activation_bytes <= design->activation_bytes_per_pe &&
                  unit->most_entries <= UINT16_MAX;
}
