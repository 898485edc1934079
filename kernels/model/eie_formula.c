#include "kernels/model/eie_formula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN_ROWS     16    /* rows that one padding entry spans */
#define TAIL_MASS    1e-15 /* zero runs less likely than this are one state */
#define BITS_OF_BYTE 8

static enum eie_status work_begin(uint32_t pe_count, struct eie_work *work, struct eie_error *error)
{
    *work = (struct eie_work){.pe_count = pe_count};
    work->mean = calloc((size_t)pe_count * 2, sizeof *work->mean);
    if (!work->mean) return eie_fail(error, EIE_MEMORY, "out of memory for %u PEs", pe_count);
    work->variance = work->mean + pe_count;
    return EIE_OK;
}

void eie_work_free(struct eie_work *work)
{
    free(work->mean);
    work->mean = work->variance = NULL;
}

/* ---- counted -------------------------------------------------------------------------------- */

static double broadcast_cycles(const struct eie_layer *layer, const int16_t *input)
{
    uint64_t cycles = 0;
    for (uint32_t j = 0; j < layer->inputs; j++) {
        const bool row_end = (j + 1) % layer->pe_count == 0 || j + 1 == layer->inputs;
        cycles += input[j] != 0 || row_end;
    }
    return (double)cycles;
}

static void count_pe(const struct eie_layer *layer, const int16_t *input, uint32_t pe,
                     uint32_t line_entries, struct eie_work *work)
{
    const uint32_t *start = layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1);
    uint64_t columns = 0, cycles = 0, squares = 0, entries = 0, padding = 0, lines = 0;
    uint32_t held_line = UINT32_MAX;
    for (uint32_t j = 0; j < layer->inputs; j++) {
        if (!input[j]) continue;
        const uint64_t n = start[j + 1] - start[j], cost = n ? n : 1;
        columns++;
        entries += n;
        cycles += cost;
        squares += cost * cost;
        for (uint32_t e = start[j]; e < start[j + 1]; e++) {
            const uint32_t line = (e - start[0]) / line_entries;
            padding += layer->entries[e] == EIE_PADDING_ENTRY;
            lines += line != held_line;
            held_line = line;
        }
    }
    work->entries += (double)entries;
    work->padding += (double)padding;
    work->line_reads += (double)lines;
    if (!columns) return;
    work->mean[pe] = (double)cycles / (double)columns;
    work->variance[pe] = (double)squares / (double)columns - work->mean[pe] * work->mean[pe];
}

enum eie_status eie_work_count(const struct eie_layer *layer, const int16_t *input,
                               uint32_t spmat_line_bits, struct eie_work *work,
                               struct eie_error *error)
{
    enum eie_status status = work_begin(layer->pe_count, work, error);
    if (status) return status;
    for (uint32_t j = 0; j < layer->inputs; j++) work->columns += input[j] != 0;
    work->broadcast_cycles = broadcast_cycles(layer, input);
    for (uint32_t pe = 0; pe < layer->pe_count; pe++)
        count_pe(layer, input, pe, spmat_line_bits / BITS_OF_BYTE, work);
    return EIE_OK;
}

/* ---- expected, in closed form --------------------------------------------------------------- */

/* Walks down the rows with the zero run z since the last weight as state, carrying for each z its
 * probability p, and the first and second moment a, b of the entries so far. A weight after z zeros
 * adds 1 + z / 16 entries. */
enum eie_status eie_column_moments(uint32_t rows, double density,
                                   struct eie_column_moments *moments, struct eie_error *error)
{
    *moments = (struct eie_column_moments){.cycles = 1, .cycles_square = 1};
    if (!rows || density <= 0) return EIE_OK;
    double longest = density < 1 ? ceil(log(TAIL_MASS) / log1p(-density)) : 1;
    const uint32_t states = longest < rows ? (uint32_t)longest + 1 : rows + 1;
    double *p = calloc((size_t)states * 3, sizeof *p), *a = p + states, *b = a + states;
    if (!p) return eie_fail(error, EIE_MEMORY, "out of memory for %u rows", rows);
    p[0] = 1;
    for (uint32_t r = 0; r < rows; r++) {
        double p0 = 0, a0 = 0, b0 = 0;
        for (uint32_t z = states; z-- > 0;) {
            const double add = 1 + z / RUN_ROWS;
            p0 += density * p[z];
            a0 += density * (a[z] + add * p[z]);
            b0 += density * (b[z] + 2 * add * a[z] + add * add * p[z]);
            if (z + 1 < states) {
                p[z + 1] = (1 - density) * p[z];
                a[z + 1] = (1 - density) * a[z];
                b[z + 1] = (1 - density) * b[z];
            }
        }
        p[0] = p0;
        a[0] = a0;
        b[0] = b0;
    }
    double mean = 0, square = 0;
    for (uint32_t z = 0; z < states; z++) {
        mean += a[z];
        square += b[z];
    }
    free(p);
    const double empty = pow(1 - density, rows); /* max(1, n) adds 1 where n is 0 */
    moments->entries = mean;
    moments->padding = rows > RUN_ROWS ? mean - rows * density : 0;
    moments->cycles = mean + empty;
    moments->cycles_square = square + empty;
    return EIE_OK;
}

/* Standard normal quantile by bisection. */
static double normal_quantile(double probability)
{
    double low = -40, high = 40;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if (0.5 * erfc(-middle / sqrt(2)) < probability)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

enum eie_status eie_work_expect(uint32_t inputs, uint32_t outputs, double weight_density,
                                double activation_density, uint32_t pe_count,
                                uint32_t spmat_line_bits, struct eie_work *work,
                                struct eie_error *error)
{
    if (!inputs || !outputs || !pe_count || !(weight_density >= 0 && weight_density <= 1) ||
        !(activation_density >= 0 && activation_density <= 1))
        return eie_fail(error, EIE_USAGE,
                        "a shape needs sizes of at least 1 and densities in 0..1");
    struct eie_column_moments few, many; /* PEs have one of two row counts */
    const uint32_t rows = outputs / pe_count, fuller = outputs % pe_count;
    enum eie_status status = eie_column_moments(rows, weight_density, &few, error);
    if (!status) status = eie_column_moments(rows + 1, weight_density, &many, error);
    if (!status) status = work_begin(pe_count, work, error);
    if (status) return status;

    const double scan_rows = ceil((double)inputs / pe_count);
    const double line_entries = (double)spmat_line_bits / BITS_OF_BYTE;
    work->columns = activation_density * inputs;
    work->broadcast_cycles = work->columns + scan_rows * (1 - activation_density);
    for (uint32_t pe = 0; pe < pe_count; pe++) {
        const struct eie_column_moments *m = pe < fuller ? &many : &few;
        const double variance = m->cycles_square - m->cycles * m->cycles;
        /* how far this PE's total lies from the mean: expected normal order statistic (Blom 1958);
           PEs of one kind are interchangeable, so any order will do */
        const uint32_t kind = pe < fuller ? fuller : pe_count - fuller;
        const uint32_t rank = pe < fuller ? pe : pe - fuller;
        const double deviate = normal_quantile((rank + 0.625) / (kind + 0.25));
        work->mean[pe] =
            m->cycles + (work->columns >= 1 ? deviate * sqrt(variance / work->columns) : 0);
        work->variance[pe] = variance;
        work->entries += work->columns * m->entries;
        work->padding += work->columns * m->padding;
        /* A line of L entries spans 1 + (L - 1) / n columns of n entries; it is read when one of
           them is active. */
        if (m->entries > 0)
            work->line_reads +=
                inputs * m->entries / line_entries *
                (1 - pow(1 - activation_density, 1 + (line_entries - 1) / m->entries));
    }
    return EIE_OK;
}

/* ---- time, energy, area --------------------------------------------------------------------- */

/* Expected number of PEs at the limit of their queue when a column takes `c` cycles. */
static double blocked(const struct eie_work *work, double c, double slots)
{
    double sum = 0;
    for (uint32_t pe = 0; pe < work->pe_count; pe++) {
        const double slack = c - work->mean[pe];
        if (work->variance[pe] > 0)
            sum += exp(-2 * slack * slots * work->mean[pe] / work->variance[pe]);
        else
            sum += slack < 0;
    }
    return sum;
}

static double cycles_per_column(const struct eie_work *work, double slots)
{
    double low = 0, widest = 0;
    for (uint32_t pe = 0; pe < work->pe_count; pe++) {
        low = fmax(low, work->mean[pe]);
        widest = fmax(widest, work->variance[pe]);
    }
    double high = low + widest * (1 + log(work->pe_count)) + 1;
    for (int i = 0; i < 200; i++) {
        const double middle = (low + high) / 2;
        if (blocked(work, middle, slots) > 1)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void eie_estimate_design(const struct eie_work *work, const struct eie_design *design,
                         struct eie_estimate *estimate)
{
    const double slots = design->queue_depth > 1 ? design->queue_depth - 1 : 1;
    const double pes = design->pe_count, cycle_ns = 1e9 / design->clock_hz;
    const struct eie_energy_table *energy = &design->energy;
    *estimate = (struct eie_estimate){0};
    estimate->theoretical_cycles = work->entries / pes;
    estimate->expected_cycles =
        work->columns > 0
            ? fmax(cycles_per_column(work, slots) * work->columns, work->broadcast_cycles)
            : work->broadcast_cycles;
    estimate->load_balance = estimate->theoretical_cycles / estimate->expected_cycles;
    estimate->theoretical_ns = estimate->theoretical_cycles * cycle_ns;
    estimate->expected_ns = estimate->expected_cycles * cycle_ns;
    estimate->energy_constant_power_j = design->power_w * estimate->expected_ns * 1e-9;
    const double pj =
        work->line_reads * energy->spmat_row_read_pj +
        work->columns * pes * (energy->pointer_pair_read_pj + energy->queue_pop_pj) +
        work->entries * (energy->entry_arithmetic_pj + energy->entry_activation_pj) +
        estimate->expected_cycles * design->lnzd_node_count * energy->lnzd_node_cycle_pj;
    estimate->energy_actions_j = pj * 1e-12;
    estimate->area_mm2 =
        (pes * design->pe_area_um2 + design->lnzd_node_count * design->lnzd_node_area_um2) * 1e-6;
}
