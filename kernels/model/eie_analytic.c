/* The analytical model of EIE as a kernel: counts one layer's work on a design and states time,
 * energy and area by the formulas of eie_formula.h. Has no y. A layer partitioned for another
 * number of PEs is repartitioned for the design's. Batch runs one vector after the other, as EIE
 * does. */
#include "host/devices/design.h"
#include "kernels/kernel.h"
#include "kernels/model/eie_formula.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES 2 /* EIE's pointers have 16 bits (ISCA 2016, section IV) */

struct eie_plan {
    struct eie_setup setup;
    struct eie_layer *recut;       /* owned; NULL when the layer's own PE count is the design's */
    const struct eie_layer *layer; /* what is counted */
    int16_t *inputs;               /* [batch][inputs] */
    struct eie_estimate sum;       /* over the batch; load balance of the whole */
    double entries, padding, columns, line_reads;
};

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    const struct eie_design *design = problem->device->design;
    const uint64_t pes = design->pe_count;
    if (design->index_bits != 4 || design->code_bits != 4 || design->batching ||
        design->empty_column_cycles != 1 || !design->spmat_lines_held)
        return eie_fail(
            error, EIE_UNSUPPORTED,
            "the closed form knows entries of 4 + 4 bits, one cycle for an empty column, "
            "a line that is kept and no batching; model_eie_cycle takes the others");
    if (pes * ((uint64_t)layer->inputs + 1) > UINT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "too many pointers at %u PEs", (unsigned)pes);
    *plan_bytes = (uint64_t)problem->batch * layer->inputs * sizeof(int16_t);
    if (pes != layer->pe_count)
        *plan_bytes += pes * ((uint64_t)layer->inputs + 1) * sizeof(uint32_t) +
                       2 * (uint64_t)layer->entry_count +
                       (uint64_t)layer->sample_count * layer->inputs * sizeof(int16_t);
    return EIE_OK;
}

static void destroy(struct eie_plan *plan)
{
    if (!plan) return;
    eie_layer_free(plan->recut);
    free(plan->inputs);
    free(plan);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **out,
                               struct eie_error *error)
{
    const struct eie_problem *problem = &setup->problem;
    const struct eie_layer *layer = problem->layer;
    enum eie_status status = EIE_OK;
    struct eie_plan *plan = calloc(1, sizeof *plan);
    if (plan) plan->inputs = calloc((size_t)problem->batch * layer->inputs, sizeof(int16_t));
    if (!plan || !plan->inputs) {
        destroy(plan);
        return eie_fail(error, EIE_MEMORY, "out of memory for the model of layer %s", layer->name);
    }
    plan->setup = *setup;
    plan->layer = layer;
    if (problem->device->design->pe_count != layer->pe_count) {
        status = eie_layer_reencode(layer, problem->device->design->pe_count, &plan->recut, error);
        plan->layer = plan->recut;
    }
    if (status) {
        destroy(plan);
        return status;
    }
    *out = plan;
    return EIE_OK;
}

static enum eie_status load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{
    (void)error;
    memcpy(plan->inputs, inputs,
           (size_t)plan->setup.problem.batch * plan->layer->inputs * sizeof *inputs);
    return EIE_OK;
}

static void add(struct eie_estimate *sum, const struct eie_estimate *one)
{
    sum->theoretical_cycles += one->theoretical_cycles;
    sum->expected_cycles += one->expected_cycles;
    sum->theoretical_ns += one->theoretical_ns;
    sum->expected_ns += one->expected_ns;
    sum->energy_constant_power_j += one->energy_constant_power_j;
    sum->energy_actions_j += one->energy_actions_j;
    sum->area_mm2 = one->area_mm2;
    sum->load_balance =
        sum->expected_cycles > 0 ? sum->theoretical_cycles / sum->expected_cycles : 1;
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const struct eie_design *design = problem->device->design;
    (void)copy;
    plan->sum = (struct eie_estimate){0};
    plan->entries = plan->padding = plan->columns = plan->line_reads = 0;
    for (uint32_t b = 0; b < problem->batch; b++) {
        struct eie_estimate estimate;
        struct eie_work work;
        enum eie_status status =
            eie_work_count(plan->layer, plan->inputs + (size_t)b * plan->layer->inputs,
                           design->spmat_line_bits, &work, error);
        if (status) return status;
        eie_estimate_design(&work, design, &estimate);
        add(&plan->sum, &estimate);
        plan->entries += work.entries;
        plan->padding += work.padding;
        plan->columns += work.columns;
        plan->line_reads += work.line_reads;
        eie_work_free(&work);
    }
    return EIE_OK;
}

static enum eie_status wait(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    (void)error;
    outcome->device_ns = plan->sum.expected_ns;
    outcome->cycles = plan->sum.expected_cycles;
    outcome->energy_j = plan->sum.energy_constant_power_j;
    outcome->energy_source = "constant power";
    return EIE_OK;
}

static void cost(const struct eie_plan *plan, struct eie_cost *cost)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const uint64_t vectors = (uint64_t)problem->batch * sizeof(int16_t);
    const uint64_t line_bytes = problem->device->design->spmat_line_bits / 8;
    const uint64_t pointers = (uint64_t)plan->layer->pe_count * ((uint64_t)plan->layer->inputs + 1);
    cost->macs_useful = (uint64_t)(plan->entries - plan->padding);
    cost->macs_padding = (uint64_t)plan->padding;
    cost->prepared_bytes = plan->layer->entry_count + pointers * POINTER_BYTES;
    cost->bytes_read = (uint64_t)plan->line_reads * line_bytes +
                       (uint64_t)plan->columns * plan->layer->pe_count * 4 +
                       vectors * plan->layer->inputs;
    cost->bytes_written = vectors * plan->layer->outputs;
}

/* Does the layer fit the design's SRAMs? The published times assume that it does. */
static void describe_capacity(const struct eie_plan *plan, eie_column column, void *context)
{
    const struct eie_layer *layer = plan->layer;
    const struct eie_design *design = plan->setup.problem.device->design;
    const uint64_t pointers = ((uint64_t)layer->inputs + 1) * POINTER_BYTES;
    const uint64_t longer = layer->inputs > layer->outputs ? layer->inputs : layer->outputs;
    const uint64_t activations = (longer + layer->pe_count - 1) / layer->pe_count * sizeof(int16_t);
    uint64_t entries = 0;
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t *start = layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1);
        if (start[layer->inputs] - start[0] > entries) entries = start[layer->inputs] - start[0];
    }
    char text[256];
    snprintf(text, sizeof text, "%s%s%s",
             entries > design->spmat_bytes_per_pe ? "no: Spmat SRAM; " : "",
             pointers > design->pointer_bytes_per_pe ? "no: pointer SRAM; " : "",
             activations > design->activation_bytes_per_pe ? "no: activation SRAM; " : "");
    const size_t length = strlen(text);
    if (length) text[length - 2] = 0;
    column(context, "eie_fits_on_chip", length ? text : "yes", 0);
    column(context, "eie_spmat_bytes_fullest_pe", NULL, (double)entries);
    column(context, "eie_pointer_bytes_per_pe", NULL, (double)pointers);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    const struct eie_estimate *sum = &plan->sum;
    column(context, "eie_theoretical_cycles", NULL, sum->theoretical_cycles);
    column(context, "eie_theoretical_ns", NULL, sum->theoretical_ns);
    column(context, "eie_load_balance", NULL, sum->load_balance);
    column(context, "eie_entries_active", NULL, plan->entries);
    column(context, "eie_columns_active", NULL, plan->columns);
    column(context, "eie_spmat_line_reads", NULL, plan->line_reads);
    column(context, "eie_energy_actions_j", NULL, sum->energy_actions_j);
    column(context, "eie_area_mm2", NULL, sum->area_mm2);
    column(context, "eie_device_hash", plan->setup.problem.device->hash.hex, 0);
    describe_capacity(plan, column, context);
}

const struct eie_kernel eie_kernel_model_eie_analytic = {
    .abi = EIE_KERNEL_ABI,
    .name = "model_eie_analytic",
    .summary = "EIE's time, energy and area from counts, in closed form",
    .isa = "any",
    .device_kind = EIE_DEVICE_EIE,
    .flags = EIE_KERNEL_ESTIMATE | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = wait,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
