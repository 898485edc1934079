/* The accelerator as a kernel: walks the compressed streams as the design stores them, so that y is
 * bit for bit that of any exact kernel, and counts EIE's cycles and reads on the way
 * (eie_cycle_model.h). A batch runs one vector after the other, as EIE does. The matrix is dealt
 * and re-encoded for the design's PEs and bits; where its codes do not fit, its weights are
 * re-clustered (host/layer/recluster.h), y is that matrix's, and the row says so. */
#include "host/devices/design.h"
#include "host/layer/numbers.h"
#include "host/layer/recluster.h"
#include "kernels/kernel.h"
#include "kernels/model/eie_cycle_model.h"
#include "kernels/model/eie_energy.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES 2    /* EIE's pointers have 16 bits (ISCA 2016, section IV) */
#define PE_COLUMNS    1024 /* so many PEs are described one by one */

struct eie_plan {
    struct eie_setup setup;
    struct eie_layer *reclustered; /* owned; NULL where the codes fit */
    const struct eie_layer *layer; /* what is computed */
    struct eie_reclustering reclustering;
    struct eie_partition partition;
    struct eie_schedule schedule;
    struct eie_cycle_design design;
    struct eie_energy_data data;
    struct eie_cycle_counts one, sum; /* of a vector, of the batch */
    uint32_t registers;               /* inputs of a pass for one PE; 0: no batching */
    uint64_t padding;          /* entries in active columns that hold no weight, all vectors */
    int16_t *inputs, *outputs; /* [batch][...] */
    uint32_t *acc;             /* [outputs] */
};

static struct eie_partition_plan partition_plan_of(const struct eie_design *design)
{
    return (struct eie_partition_plan){
        .pe_count = design->pe_count,
        .index_bits = design->index_bits,
        .rows_per_block = design->batching ? design->activation_registers_per_pe : 0,
        .with_entries = true,
    };
}

static uint32_t entries_per_line(const struct eie_design *design)
{
    return design->spmat_line_bits / (design->index_bits + design->code_bits);
}

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    const struct eie_design *design = problem->device->design;
    const struct eie_partition_plan plan = partition_plan_of(design);
    if (design->queue_depth < 2)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a queue of one slot can never move: the ring keeps one slot empty, so it "
                        "is full and empty at once (queue_depth must be 2 or more)");
    if (!entries_per_line(design))
        return eie_fail(error, EIE_UNSUPPORTED,
                        "an Spmat line of %u bits holds no entry of %u bits",
                        design->spmat_line_bits, design->index_bits + design->code_bits);
    const uint64_t bytes = eie_partition_bytes(layer, &plan);
    const uint64_t columns = (uint64_t)layer->inputs + (layer->bias != NULL);
    const uint64_t slots = design->queue_depth < columns ? design->queue_depth : columns;
    const uint64_t cycles = columns * design->empty_column_cycles * 2;
    if (bytes == UINT64_MAX || cycles > INT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "too many pointers or cycles at %u PEs",
                        design->pe_count);
    *plan_bytes =
        bytes + (slots + 16) * design->pe_count * sizeof(uint32_t) +
        2 * columns * sizeof(uint32_t) +
        (uint64_t)problem->batch * (layer->inputs + (uint64_t)layer->outputs) * sizeof(int16_t) +
        (uint64_t)layer->outputs * sizeof(uint32_t) +
        /* decoding and re-clustering */
        (uint64_t)layer->entry_count * 7 + (uint64_t)layer->pe_count * columns * 4 +
        (uint64_t)layer->sample_count * layer->inputs * sizeof(int16_t);
    return EIE_OK;
}

static void destroy(struct eie_plan *plan)
{
    if (!plan) return;
    eie_layer_free(plan->reclustered);
    eie_partition_free(&plan->partition);
    eie_schedule_free(&plan->schedule);
    eie_counts_free(&plan->one);
    eie_counts_free(&plan->sum);
    free(plan->inputs);
    free(plan->outputs);
    free(plan->acc);
    free(plan);
}

static enum eie_status cut_layer(struct eie_plan *plan, struct eie_error *error)
{
    const struct eie_design *design = plan->setup.problem.device->design;
    const struct eie_partition_plan partition_plan = partition_plan_of(design);
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(plan->layer, &codes, error);
    if (status) return status;
    status =
        eie_partition_make(&codes, plan->layer->bias, &partition_plan, &plan->partition, error);
    eie_sparse_codes_free(&codes);
    return status;
}

static enum eie_status make(struct eie_plan *plan, struct eie_error *error)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const struct eie_design *design = problem->device->design;
    enum eie_status status = EIE_OK;
    plan->layer = problem->layer;
    if (!eie_layer_codes_fit(problem->layer, design->code_bits)) {
        status = eie_layer_recluster(problem->layer, design->code_bits, &plan->reclustered,
                                     &plan->reclustering, error);
        plan->layer = plan->reclustered;
    }
    if (!status) status = eie_energy_data_read(&plan->data, error);
    if (!status) status = cut_layer(plan, error);
    plan->registers = design->batching ? design->activation_registers_per_pe : 0;
    if (!status)
        status = eie_schedule_begin(&plan->partition, plan->registers, &plan->schedule, error);
    if (!status) status = eie_counts_begin(design->pe_count, &plan->one, error);
    if (!status) status = eie_counts_begin(design->pe_count, &plan->sum, error);
    plan->inputs = calloc((size_t)problem->batch * problem->layer->inputs, sizeof(int16_t));
    plan->outputs = calloc((size_t)problem->batch * problem->layer->outputs, sizeof(int16_t));
    plan->acc = calloc(problem->layer->outputs, sizeof *plan->acc);
    if (!status && (!plan->inputs || !plan->outputs || !plan->acc))
        status = eie_fail(error, EIE_MEMORY, "out of memory for the model of layer %s",
                          problem->layer->name);
    const uint32_t words = design->activation_words_per_cycle;
    plan->design = (struct eie_cycle_design){
        .queue_depth = design->queue_depth,
        .empty_column_cycles = design->empty_column_cycles,
        .entries_per_line = entries_per_line(design),
        .keeps_line = design->spmat_lines_held,
        /* source in, destination in, destination out */
        .load_cycles = plan->registers ? 3 * ((plan->registers - 1) / words + 1) : 0,
    };
    return status;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **out,
                               struct eie_error *error)
{
    struct eie_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return eie_fail(error, EIE_MEMORY, "out of memory for a plan");
    plan->setup = *setup;
    const enum eie_status status = make(plan, error);
    if (status)
        destroy(plan);
    else
        *out = plan;
    return status;
}

static enum eie_status load(struct eie_plan *plan, const int16_t *inputs, struct eie_error *error)
{
    (void)error;
    memcpy(plan->inputs, inputs,
           (size_t)plan->setup.problem.batch * plan->layer->inputs * sizeof *inputs);
    return EIE_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

/* One column of one PE in one block. Returns its padding. */
static uint32_t walk_column(struct eie_plan *plan, uint32_t pe, uint32_t block, uint32_t j,
                            int16_t input)
{
    const struct eie_partition *partition = &plan->partition;
    const uint32_t *here = eie_partition_pointers(partition, block, j);
    uint32_t row = block * partition->rows_per_block, padding = 0; /* local */
    for (uint32_t e = here[pe]; e < here[pe + partition->stride]; e++) {
        const uint16_t entry = partition->pe_entries[pe][e];
        row += entry & 0xFF;
        if (entry >> 8) {
            uint32_t *acc = &plan->acc[(size_t)row * partition->pe_count + pe];
            *acc = eie_accumulate(*acc, plan->layer->codebook[entry >> 8], input);
        } else {
            padding++;
        }
        row++;
    }
    return padding;
}

static void multiply(struct eie_plan *plan, const int16_t *input, int16_t *output)
{
    const struct eie_layer *layer = plan->layer;
    const struct eie_partition *partition = &plan->partition;
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t i = 0; i < layer->outputs; i++)
        plan->acc[i] = layer->bias ? (uint32_t)layer->bias[i] : 0;
    for (uint32_t block = 0; block < partition->blocks; block++)
        for (uint32_t pe = 0; pe < partition->pe_count; pe++)
            for (uint32_t j = 0; j < layer->inputs; j++)
                if (input[j]) plan->padding += walk_column(plan, pe, block, j, input[j]);
    for (uint32_t i = 0; i < layer->outputs; i++)
        output[i] = eie_finish((int32_t)plan->acc[i], layer->activation, shift);
}

static void add_counts(struct eie_cycle_counts *sum, const struct eie_cycle_counts *one,
                       uint32_t pe_count)
{
    sum->cycles += one->cycles;
    sum->broadcasts += one->broadcasts;
    sum->moves += one->moves;
    sum->blocked += one->blocked;
    sum->entries += one->entries;
    sum->lines += one->lines;
    for (uint32_t k = 0; k < pe_count; k++) {
        const struct eie_pe_cycles *from = &one->pe[k];
        struct eie_pe_cycles *to = &sum->pe[k];
        to->entries += from->entries;
        to->empty += from->empty;
        to->scan += from->scan;
        to->fill += from->fill;
        to->imbalance += from->imbalance;
        to->load += from->load;
        to->full += from->full;
        to->queued += from->queued;
        to->lines += from->lines;
    }
}

static enum eie_status run(struct eie_plan *plan, uint32_t copy, struct eie_error *error)
{
    const struct eie_layer *layer = plan->layer;
    const uint32_t pes = plan->partition.pe_count;
    struct eie_pe_cycles *pe = plan->sum.pe;
    (void)copy;
    memset(pe, 0, pes * sizeof *pe);
    plan->sum = (struct eie_cycle_counts){.pe = pe};
    plan->padding = 0;
    for (uint32_t b = 0; b < plan->setup.problem.batch; b++) {
        const int16_t *input = plan->inputs + (size_t)b * layer->inputs;
        multiply(plan, input, plan->outputs + (size_t)b * layer->outputs);
        eie_schedule_fill(&plan->partition, plan->registers, input, &plan->schedule);
        enum eie_status status =
            eie_cycle_work(&plan->partition, &plan->schedule, &plan->design, &plan->one, error);
        if (!status)
            status =
                eie_cycle_time(&plan->partition, &plan->schedule, &plan->design, &plan->one, error);
        if (status) return status;
        add_counts(&plan->sum, &plan->one, pes);
    }
    return EIE_OK;
}

static double time_ns(const struct eie_plan *plan)
{
    return (double)plan->sum.cycles * 1e9 / plan->setup.problem.device->design->clock_hz;
}

static enum eie_status wait(struct eie_plan *plan, struct eie_outcome *outcome,
                            struct eie_error *error)
{
    (void)error;
    outcome->cycles = (double)plan->sum.cycles;
    outcome->device_ns = time_ns(plan);
    outcome->energy_j = plan->setup.problem.device->design->power_w * outcome->device_ns * 1e-9;
    outcome->energy_source = "constant power";
    return EIE_OK;
}

static enum eie_status read_outputs(struct eie_plan *plan, void *y, struct eie_error *error)
{
    (void)error;
    memcpy(y, plan->outputs,
           (size_t)plan->setup.problem.batch * plan->layer->outputs * sizeof(int16_t));
    return EIE_OK;
}

static uint64_t weights_taken(const struct eie_plan *plan)
{
    uint64_t bias = 0; /* its column's entries: weights and their padding */
    if (plan->partition.columns > plan->partition.inputs)
        for (uint32_t block = 0; block < plan->partition.blocks; block++) {
            const uint32_t *here =
                eie_partition_pointers(&plan->partition, block, plan->partition.inputs);
            for (uint32_t k = 0; k < plan->partition.pe_count; k++)
                bias += here[k + plan->partition.stride] - here[k];
        }
    return plan->sum.entries - bias * plan->setup.problem.batch - plan->padding;
}

static void cost(const struct eie_plan *plan, struct eie_cost *cost)
{
    const struct eie_problem *problem = &plan->setup.problem;
    const uint64_t vectors = (uint64_t)problem->batch * sizeof(int16_t);
    const uint64_t pointers =
        plan->partition.pe_count * ((uint64_t)plan->partition.blocks * plan->partition.columns + 1);
    const uint64_t entry_bits =
        problem->device->design->index_bits + problem->device->design->code_bits;
    cost->macs_useful = weights_taken(plan);
    cost->macs_padding = plan->padding;
    cost->prepared_bytes =
        (plan->partition.entries * entry_bits + 7) / 8 + pointers * POINTER_BYTES;
    cost->bytes_read = plan->sum.lines * (problem->device->design->spmat_line_bits / 8) +
                       plan->sum.broadcasts * plan->partition.pe_count * 2 * POINTER_BYTES +
                       vectors * plan->layer->inputs;
    cost->bytes_written = vectors * plan->layer->outputs;
}

/* ---- describing ----------------------------------------------------------------------------- */

/* What does not fit the design's SRAMs, with how much it would take. */
static void describe_capacity(const struct eie_plan *plan, eie_column column, void *context)
{
    const struct eie_layer *layer = plan->layer;
    const struct eie_design *design = plan->setup.problem.device->design;
    const uint64_t pes = design->pe_count;
    const uint64_t bits = design->index_bits + design->code_bits;
    const uint64_t spmat = (plan->partition.most_entries * bits + 7) / 8;
    const uint64_t pointers =
        ((uint64_t)plan->partition.blocks * plan->partition.columns + 1) * POINTER_BYTES;
    const uint64_t longer = layer->inputs > layer->outputs ? layer->inputs : layer->outputs;
    const uint64_t activations = (longer + pes - 1) / pes * sizeof(int16_t);
    const uint64_t addressed = (UINT64_C(1) << 8 * POINTER_BYTES) - 1; /* entries */
    char text[512] = "";
    const struct {
        const char *what;
        uint64_t need, has;
    } memories[] = {
        {"Spmat SRAM bytes", spmat, design->spmat_bytes_per_pe},
        {"pointer SRAM bytes", pointers, design->pointer_bytes_per_pe},
        {"activation SRAM bytes", activations, design->activation_bytes_per_pe},
        {"entries that a 16-bit pointer reaches", plan->partition.most_entries, addressed}};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        const size_t used = strlen(text);
        if (memories[i].need > memories[i].has)
            snprintf(text + used, sizeof text - used, "%sno: %s: %" PRIu64 " of %" PRIu64,
                     used ? "; " : "", memories[i].what, memories[i].need, memories[i].has);
    }
    column(context, "eie_fits_on_chip", *text ? text : "yes", 0);
    column(context, "eie_spmat_bytes_fullest_pe", NULL, (double)spmat);
    column(context, "eie_pointer_bytes_per_pe", NULL, (double)pointers);
    column(context, "eie_activation_bytes_per_pe", NULL, (double)activations);
}

static void describe_energy(const struct eie_plan *plan, eie_column column, void *context)
{
    const struct eie_design *design = plan->setup.problem.device->design;
    const struct eie_energy_table table1 = eie_energy_table1(&plan->data, design->spmat_line_bits);
    const struct eie_module_energy energy =
        eie_energy_of(&plan->sum, design->pe_count, design->lnzd_node_count, &design->energy);
    const struct eie_module_energy other =
        eie_energy_of(&plan->sum, design->pe_count, design->lnzd_node_count, &table1);
    column(context, "eie_energy_actions_j", NULL, eie_energy_sum(&energy));
    column(context, "eie_energy_spmat_j", NULL, energy.spmat);
    column(context, "eie_energy_pointer_j", NULL, energy.pointer);
    column(context, "eie_energy_queue_j", NULL, energy.queue);
    column(context, "eie_energy_arithmetic_j", NULL, energy.arithmetic);
    column(context, "eie_energy_activation_j", NULL, energy.activation);
    column(context, "eie_energy_lnzd_j", NULL, energy.lnzd);
    column(context, "eie_energy_table1_j", NULL, eie_energy_sum(&other));
    column(context, "eie_area_mm2", NULL,
           eie_area_mm2(design, design->pe_count, design->queue_depth));
}

/* One number of every PE as text: the row's columns hold text or one number. */
static void describe_pes(const struct eie_plan *plan, const char *key, size_t member,
                         eie_column column, void *context)
{
    char text[PE_COLUMNS * 21];
    size_t used = 0;
    if (plan->partition.pe_count > PE_COLUMNS) return;
    for (uint32_t k = 0; k < plan->partition.pe_count; k++) {
        uint64_t value;
        memcpy(&value, (const char *)&plan->sum.pe[k] + member, sizeof value);
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64, k ? " " : "", value);
    }
    column(context, key, text, 0);
}

static void describe_cycles(const struct eie_plan *plan, eie_column column, void *context)
{
    static const struct {
        const char *key, *pe_key;
        size_t member;
    } classes[] = {
        {"eie_pe_cycles_work", "eie_each_pe_work", offsetof(struct eie_pe_cycles, entries)},
        {"eie_pe_cycles_empty_column", "eie_each_pe_empty_column",
         offsetof(struct eie_pe_cycles, empty)},
        {"eie_pe_cycles_scan", "eie_each_pe_scan", offsetof(struct eie_pe_cycles, scan)},
        {"eie_pe_cycles_fill", "eie_each_pe_fill", offsetof(struct eie_pe_cycles, fill)},
        {"eie_pe_cycles_imbalance", "eie_each_pe_imbalance",
         offsetof(struct eie_pe_cycles, imbalance)},
        {"eie_pe_cycles_load", "eie_each_pe_load", offsetof(struct eie_pe_cycles, load)},
        {"eie_queue_full_cycles", "eie_each_pe_queue_full", offsetof(struct eie_pe_cycles, full)},
        {"eie_queued_input_cycles", "eie_each_pe_queued_input_cycles",
         offsetof(struct eie_pe_cycles, queued)},
        {"eie_spmat_line_reads", "eie_each_pe_spmat_line_reads",
         offsetof(struct eie_pe_cycles, lines)},
    };
    const double pes = plan->partition.pe_count, cycles = (double)plan->sum.cycles;
    double queued = 0;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        uint64_t sum = 0, value;
        for (uint32_t k = 0; k < plan->partition.pe_count; k++) {
            memcpy(&value, (const char *)&plan->sum.pe[k] + classes[i].member, sizeof value);
            sum += value;
        }
        if (classes[i].member == offsetof(struct eie_pe_cycles, queued)) queued = (double)sum;
        column(context, classes[i].key, NULL, (double)sum);
        describe_pes(plan, classes[i].pe_key, classes[i].member, column, context);
    }
    column(context, "eie_queue_mean_occupancy", NULL, cycles > 0 ? queued / pes / cycles : 0);
    column(context, "eie_broadcast_blocked_cycles", NULL, (double)plan->sum.blocked);
    column(context, "eie_scan_moves", NULL, (double)plan->sum.moves);
    column(context, "eie_pointer_pair_reads", NULL, (double)plan->sum.broadcasts * pes);
}

static void describe(const struct eie_plan *plan, eie_column column, void *context)
{
    const struct eie_design *design = plan->setup.problem.device->design;
    const double cycles = (double)plan->sum.cycles, pes = design->pe_count;
    const double theoretical = (double)plan->sum.entries / pes;
    const double batch = plan->setup.problem.batch;
    column(context, "eie_theoretical_cycles", NULL, theoretical);
    column(context, "eie_theoretical_ns", NULL, theoretical * 1e9 / design->clock_hz);
    column(context, "eie_load_balance", NULL, cycles > 0 ? theoretical / cycles : 1);
    column(context, "eie_entries_active", NULL, (double)plan->sum.entries);
    column(context, "eie_columns_active", NULL, (double)plan->sum.broadcasts);
    column(context, "eie_activation_sram_reads", NULL,
           batch * ((double)plan->layer->inputs * plan->partition.blocks +
                    (design->batching ? (double)plan->layer->outputs *
                                            plan->schedule.passes_capacity / plan->partition.blocks
                                      : 0)));
    column(context, "eie_activation_sram_writes", NULL,
           batch * plan->layer->outputs *
               (design->batching ? (double)plan->schedule.passes_capacity / plan->partition.blocks
                                 : 1));
    column(context, "eie_passes", NULL, plan->schedule.passes_capacity);
    column(context, "eie_index_bits", NULL, design->index_bits);
    column(context, "eie_code_bits", NULL, design->code_bits);
    if (plan->reclustered) {
        char text[160];
        snprintf(text, sizeof text,
                 "approximate: %u shared weights instead of %u, weights off by %.3g %% (rms)",
                 plan->reclustering.codes_left, plan->reclustering.codes_used,
                 100 * plan->reclustering.relative_rms_error);
        column(context, "eie_reshared", text, 0);
        column(context, "eie_reshared_relative_rms_error", NULL,
               plan->reclustering.relative_rms_error);
    }
    describe_cycles(plan, column, context);
    describe_energy(plan, column, context);
    describe_capacity(plan, column, context);
}

const struct eie_kernel eie_kernel_model_eie_cycle = {
    .abi = EIE_KERNEL_ABI,
    .name = "model_eie_cycle",
    .summary = "EIE cycle by cycle: y, cycles by class, reads, energy by module, area",
    .isa = "any",
    .device_kind = EIE_DEVICE_EIE,
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_SEVERAL,
    .max_threads = 0,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = wait,
    .read = read_outputs,
    .cost = cost,
    .describe = describe,
    .destroy = destroy,
};
