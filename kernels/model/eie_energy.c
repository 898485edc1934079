#include "kernels/model/eie_energy.h"
#include "host/base/file.h"
#include "host/base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double eie_energy_sum(const struct eie_module_energy *energy)
{
    return energy->spmat + energy->pointer + energy->queue + energy->arithmetic +
           energy->activation + energy->lnzd;
}

struct eie_module_energy eie_energy_of(const struct eie_cycle_counts *counts, uint32_t pe_count,
                                       uint32_t lnzd_nodes, const struct eie_energy_table *table)
{
    const double takes = (double)counts->broadcasts * pe_count, entries = (double)counts->entries;
    return (struct eie_module_energy){
        .spmat = 1e-12 * (double)counts->lines * table->spmat_row_read_pj,
        .pointer = 1e-12 * takes * table->pointer_pair_read_pj,
        .queue = 1e-12 * takes * table->queue_pop_pj,
        .arithmetic = 1e-12 * entries * table->entry_arithmetic_pj,
        .activation = 1e-12 * entries * table->entry_activation_pj,
        .lnzd = 1e-12 * (double)counts->cycles * lnzd_nodes * table->lnzd_node_cycle_pj,
    };
}

uint32_t eie_lnzd_nodes(uint32_t pe_count)
{
    uint32_t nodes = 0, level = pe_count;
    do {
        level = level / 4 + (level % 4 != 0);
        nodes += level;
    } while (level > 1);
    return nodes;
}

double eie_area_mm2(const struct eie_design *design, uint32_t pe_count, uint32_t queue_depth)
{
    const double queue = design->pe_areas.queue_um2;
    const double pe = design->pe_area_um2 - queue + queue * queue_depth / design->queue_depth;
    const uint32_t nodes =
        pe_count == design->pe_count ? design->lnzd_node_count : eie_lnzd_nodes(pe_count);
    return 1e-6 * (pe * pe_count + design->lnzd_node_area_um2 * nodes);
}

/* ---- data/energy ----------------------------------------------------------------------------- */

#define NUMBER_MAX 1e6
#define PATH_SIZE  4096

static enum eie_status open_file(const char *name, struct eie_json_file *file,
                                 struct eie_error *error)
{
    char path[PATH_SIZE];
    const char *data;
    enum eie_status status = eie_data_dir(&data, error);
    if (status) return status;
    snprintf(path, sizeof path, "%s/energy/%s", data, name);
    return eie_json_read(path, file, error);
}

static enum eie_status read_numbers(const struct eie_json_file *file, const json_t *object,
                                    const char *key, uint32_t limit, double *values,
                                    uint32_t *count, struct eie_error *error)
{
    const json_t *array;
    enum eie_status status = eie_json_array(file, object, key, &array, error);
    if (status) return status;
    const size_t size = json_array_size(array);
    if (size < 2 || size > limit || (*count && size != *count))
        return eie_json_fail_at(file, object, key, error, "%zu numbers do not fit here", size);
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value) || !(fabs(json_number_value(value)) <= NUMBER_MAX))
            return eie_json_fail_at(file, object, key, error, "must be numbers");
        values[i] = json_number_value(value);
    }
    *count = (uint32_t)size;
    return EIE_OK;
}

static enum eie_status read_table1(struct eie_energy_data *data, struct eie_error *error)
{
    struct eie_json_file file;
    enum eie_status status = open_file("table1.json", &file, error);
    if (status) return status;
    const struct {
        const char *key;
        double *place;
    } numbers[] = {{"sram_read_32b_pj", &data->table1.sram_read_pj},
                   {"integer_multiply_32b_pj", &data->table1.multiply_pj},
                   {"integer_add_32b_pj", &data->table1.add_pj}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = eie_json_number(&file, file.root, numbers[i].key, 0, NUMBER_MAX, numbers[i].place,
                                 error);
    eie_json_free(&file);
    return status;
}

static enum eie_status read_widths(struct eie_energy_data *data, struct eie_error *error)
{
    struct eie_json_file file;
    enum eie_status status = open_file("sram_width.json", &file, error);
    if (status) return status;
    uint32_t *count = &data->width.count;
    *count = 0;
    status = read_numbers(&file, file.root, "width_bits", EIE_WIDTHS_MAX, data->width.bits, count,
                          error);
    if (!status)
        status = read_numbers(&file, file.root, "left_pj", EIE_WIDTHS_MAX, data->width.left_pj,
                              count, error);
    if (!status)
        status = read_numbers(&file, file.root, "right_pj", EIE_WIDTHS_MAX, data->width.right_pj,
                              count, error);
    eie_json_free(&file);
    return status;
}

static double polynomial(double d3, double d2, double d1, double d0, double x)
{
    return ((d3 * x + d2) * x + d1) * x + d0;
}

static enum eie_status read_nodes(struct eie_energy_data *data, struct eie_error *error)
{
    static const char *const keys[] = {"nodes_nm", "area", "supply_v", "d3", "d2",
                                       "d1",       "d0",   "e2",       "e1", "e0"};
    enum { NM, AREA, V, D3, D2, D1, D0, E2, E1, E0, KEYS };
    double values[KEYS][EIE_NODES_MAX];
    struct eie_json_file file;
    const json_t *rule;
    enum eie_status status = open_file("technology.json", &file, error);
    if (status) return status;
    status = eie_json_object(&file, file.root, "stillmaker-baas", &rule, error);
    data->node.count = 0;
    for (size_t k = 0; k < KEYS && !status; k++)
        status =
            read_numbers(&file, rule, keys[k], EIE_NODES_MAX, values[k], &data->node.count, error);
    for (uint32_t i = 0; i < data->node.count && !status; i++) {
        data->node.nm[i] = values[NM][i];
        data->node.area[i] = values[AREA][i];
        data->node.delay[i] =
            polynomial(values[D3][i], values[D2][i], values[D1][i], values[D0][i], values[V][i]);
        data->node.energy[i] =
            polynomial(0, values[E2][i], values[E1][i], values[E0][i], values[V][i]);
    }
    eie_json_free(&file);
    return status;
}

enum eie_status eie_energy_data_read(struct eie_energy_data *data, struct eie_error *error)
{
    *data = (struct eie_energy_data){0};
    enum eie_status status = read_table1(data, error);
    if (!status) status = read_widths(data, error);
    return status ? status : read_nodes(data, error);
}

struct eie_energy_table eie_energy_table1(const struct eie_energy_data *data, uint32_t line_bits)
{
    return (struct eie_energy_table){
        .spmat_row_read_pj = data->table1.sram_read_pj * line_bits / 32,
        .pointer_pair_read_pj = data->table1.sram_read_pj,
        .entry_arithmetic_pj = data->table1.multiply_pj + data->table1.add_pj,
    };
}

/* y at x, the logarithms of both interpolated between the points; NaN outside. */
static double interpolate(const double *xs, const double *ys, uint32_t count, double x)
{
    for (uint32_t i = 0; i < count; i++)
        if (xs[i] == x) return ys[i];
    for (uint32_t i = 0; i + 1 < count; i++) {
        if ((xs[i] < x) == (xs[i + 1] < x)) continue;
        const double share = log(x / xs[i]) / log(xs[i + 1] / xs[i]);
        return ys[i] * pow(ys[i + 1] / ys[i], share);
    }
    return NAN;
}

double eie_width_factor(const struct eie_energy_data *data, bool right_panel, double from,
                        double bits)
{
    const double *pj = right_panel ? data->width.right_pj : data->width.left_pj;
    if (from == bits) return 1;
    return interpolate(data->width.bits, pj, data->width.count, bits) /
           interpolate(data->width.bits, pj, data->width.count, from);
}

struct eie_scaling eie_scaling_of(const struct eie_energy_data *data, enum eie_scaling_rule rule,
                                  double from_nm, double to_nm)
{
    const double ratio = to_nm / from_nm;
    if (rule == EIE_SCALING_PAPER) return (struct eie_scaling){ratio * ratio, ratio, ratio};
    const double *nm = data->node.nm;
    const uint32_t n = data->node.count;
    return (struct eie_scaling){
        interpolate(nm, data->node.area, n, to_nm) / interpolate(nm, data->node.area, n, from_nm),
        interpolate(nm, data->node.delay, n, to_nm) / interpolate(nm, data->node.delay, n, from_nm),
        interpolate(nm, data->node.energy, n, to_nm) /
            interpolate(nm, data->node.energy, n, from_nm),
    };
}
