#include "bench/rows/row.h"
#include "host/base/jsonset.h"
#include "host/machine/topology.h"
#include "kernels/plugin_load.h"

#include <math.h>

/* A design whose codes do not hold the layer computes another matrix, exactly (eie_reshared). */
static uint32_t flags_on(const struct eie_row *row)
{
    const uint32_t flags = row->kernel->flags;
    return row->columns && json_object_get(row->columns, "eie_reshared")
               ? (flags & ~(uint32_t)EIE_KERNEL_EXACT) | EIE_KERNEL_APPROXIMATE
               : flags;
}

static json_t *flags_of(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {EIE_KERNEL_EXACT, "exact"},
        {EIE_KERNEL_FLOAT32, "float32"},
        {EIE_KERNEL_APPROXIMATE, "approximate"},
        {EIE_KERNEL_ESTIMATE, "estimate"},
        {EIE_KERNEL_REFERENCE, "reference"},
        {EIE_KERNEL_BASELINE, "baseline"},
        {EIE_KERNEL_DENSE, "dense"},
        {EIE_KERNEL_SPARSE, "sparse"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (flags & words[i].flag) json_array_append_new(list, json_string(words[i].word));
    return list;
}

static void add_facts(json_t *object, const struct eie_work_facts *facts)
{
    eie_set_integer(object, "eie_inputs", facts->inputs);
    eie_set_integer(object, "eie_outputs", facts->outputs);
    if (facts->positions) eie_set_integer(object, "eie_positions", facts->positions);
    eie_set_integer(object, "eie_nonzeros", facts->nonzeros);
    eie_set_integer(object, "eie_entries", facts->entries);
    eie_set_integer(object, "eie_active_inputs", facts->active_inputs);
    json_object_set_new(object, "eie_least_input", json_integer(facts->least_input));
    json_object_set_new(object, "eie_largest_input", json_integer(facts->largest_input));
}

static json_t *key_of(const struct eie_row *row)
{
    char name[512];
    json_t *object = json_object();
    eie_row_name(row, name, sizeof name);
    eie_set(object, "name", name);
    eie_set(object, "run_name", name);
    eie_set(object, "run_type", "iteration");
    eie_set(object, "eie_suite", row->suite);
    eie_set(object, "eie_layer", row->layer);
    eie_set(object, "eie_layer_hash", row->hash.hex);
    eie_set(object, "eie_layer_basis", row->layer_basis);
    eie_set(object, "eie_kernel", row->kernel->name);
    json_object_set_new(object, "eie_flags", flags_of(flags_on(row)));
    if (eie_plugin_of(row->kernel)) eie_set(object, "eie_plugin", eie_plugin_of(row->kernel)->path);
    eie_set(object, "eie_device", row->device->name);
    eie_set_integer(object, "eie_batch", row->batch);
    eie_set_integer(object, "eie_threads", row->threads);
    eie_set_integer(object, "threads", row->threads ? row->threads : 1);
    eie_set(object, "eie_cache", row->cache);
    eie_set(object, "eie_time_source", row->time_source);
    eie_set(object, "eie_status", eie_row_status_name(row->status));
    eie_set(object, "eie_reason", row->reason);
    eie_set(object, "eie_provenance", row->provenance);
    eie_set(object, "eie_again", row->reproducer.line);
    if (*row->device->hash.hex) eie_set(object, "eie_device_hash", row->device->hash.hex);
    if (row->facts.inputs) add_facts(object, &row->facts);
    return object;
}

static void add_parts(json_t *object, const struct eie_energy *energy)
{
    json_t *parts = json_object();
    for (uint32_t i = 0; i < energy->part_count; i++) {
        const struct eie_meter_part *part = &energy->parts[i];
        json_t *one = json_object();
        eie_set(one, "state", eie_energy_state_word(part->state));
        eie_set_number(one, "j", part->joules);
        if (part->state != EIE_ENERGY_MEASURED)
            eie_set(one, "reason", part->reason);
        else
            eie_set_integer(one, "wraps", part->wraps);
        json_object_set_new(parts, part->name, one);
    }
    json_object_set_new(object, "eie_energy_domains", parts);
}

/* Of one input vector, where the energy was measured, else where a power was given for it. */
static void add_inferences(json_t *object, const struct eie_row *row)
{
    const bool measured = row->energy.state == EIE_ENERGY_MEASURED;
    double joules = row->energy.call_j;
    if (row->assumed_power_w > 0) {
        const double assumed_j = row->assumed_power_w * 1e-9 * row->stats.median;
        eie_set_number(object, "eie_assumed_power_w", row->assumed_power_w);
        eie_set_number(object, "eie_assumed_energy_j", assumed_j);
        if (!measured) joules = assumed_j;
    }
    if (!(measured || row->assumed_power_w > 0) || !(joules > 0)) return;
    eie_set_number(object, "eie_inference_j", joules / row->batch);
    eie_set_number(object, "eie_inferences_per_j", row->batch / joules);
    eie_set(object, "eie_energy_provenance", measured ? "measured" : "assumed");
}

static void add_measured(json_t *object, const struct eie_energy *energy)
{
    eie_set_integer(object, "eie_energy_calls", energy->calls);
    eie_set(object, "eie_energy_idle", "not drawn off");
    const double above_j = energy->call_j * (1 - energy->idle_power_w / energy->power_w);
    if (above_j > 0) eie_set_number(object, "eie_energy_above_idle_j", above_j);
    if (energy->part_count) add_parts(object, energy);
}

/* What became of the measuring; its number is eie_energy_j. */
static void add_energy(json_t *object, const struct eie_energy *energy)
{
    if (energy->state == EIE_ENERGY_NOT_ASKED) return;
    eie_set(object, "eie_energy_state", eie_energy_state_word(energy->state));
    if (*energy->reason) eie_set(object, "eie_energy_reason", energy->reason);
    eie_set_number(object, "eie_energy_window_s", energy->window_s);
    eie_set_number(object, "eie_energy_update_s", energy->update_s);
    eie_set_number(object, "eie_energy_relative_error", energy->relative_error);
    eie_set_number(object, "eie_power_w", energy->power_w);
    eie_set_number(object, "eie_idle_power_w", energy->idle_power_w);
    if (energy->state == EIE_ENERGY_MEASURED) add_measured(object, energy);
    if (energy->state != EIE_ENERGY_MEASURED && !(energy->board.sm_clock_hz > 0)) return;
    eie_set_number(object, "eie_board_sm_clock_hz", energy->board.sm_clock_hz);
    eie_set_number(object, "eie_board_temperature_c", energy->board.temperature_c);
    if (*energy->board.throttle) eie_set(object, "eie_board_throttle", energy->board.throttle);
}

static void add_numbers(json_t *object, const struct eie_row *row)
{
    json_object_set_new(object, "iterations", json_integer(row->calls));
    eie_set_integer(object, "repetitions", row->samples.count);
    eie_set_number(object, "real_time", row->stats.median);
    eie_set_number(object, "cpu_time", row->cpu_ns);
    eie_set(object, "time_unit", "ns");
    eie_set_number(object, "eie_median_ns", row->stats.median);
    eie_set_number(object, "eie_min_ns", row->stats.minimum);
    eie_set_number(object, "eie_max_ns", row->stats.maximum);
    eie_set_number(object, "eie_mad_ns", row->stats.mad);
    eie_set_number(object, "eie_ci95_low_ns", row->stats.low);
    eie_set_number(object, "eie_ci95_high_ns", row->stats.high);
    eie_samples_add_json(&row->samples, object);
    if (row->target > 0) eie_set_number(object, "eie_target", row->target);
    eie_set_number(object, "eie_prepare_ns", row->prepare_ns);
    eie_set_integer(object, "eie_macs_useful", row->cost.macs_useful);
    eie_set_integer(object, "eie_macs_padding", row->cost.macs_padding);
    if (row->cost.adds) eie_set_integer(object, "eie_adds", row->cost.adds);
    eie_set_integer(object, "eie_bytes", row->cost.bytes_read + row->cost.bytes_written);
    eie_set_integer(object, "eie_prepared_bytes", row->cost.prepared_bytes);
    eie_set(object, "eie_resident",
            row->resident  ? row->resident
            : row->threads ? eie_resident(row->cost.prepared_bytes * row->copies, row->threads)
                           : "none");
    eie_set_integer(object, "eie_copies", row->copies);
    if (row->threads) eie_set_number(object, "eie_huge_share", row->huge_share);
    if (row->roofline.ns > 0) {
        eie_set_number(object, "eie_floor_ns", row->roofline.ns);
        eie_set(object, "eie_floor_bound", row->roofline.bound);
        eie_set_number(object, "eie_floor_share", row->roofline.ns / row->stats.median);
    }
    if (row->launch_ns > 0) eie_set_number(object, "eie_launch_ns", row->launch_ns);
    if (row->apart) json_object_set_new(object, "eie_apart", json_true());
    if (row->kernel->flags & (EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE))
        eie_set_number(object, "eie_median_relative_error", row->relative_error);
    eie_set_number(object, "eie_cycles", row->outcome.cycles);
    eie_set_number(object, "eie_energy_j", row->outcome.energy_j);
    if (row->outcome.energy_source)
        eie_set(object, "eie_energy_source", row->outcome.energy_source);
    add_energy(object, &row->energy);
    add_inferences(object, row);
    eie_counts_add_json(&row->counts, row->batch, row->facts.nonzeros, object);
    if (row->columns) json_object_update_missing(object, row->columns);
}

json_t *eie_row_json(const struct eie_row *row)
{
    json_t *object = key_of(row);
    if (row->status == EIE_ROW_OK || row->status == EIE_ROW_SUSPECT) add_numbers(object, row);
    return object;
}
