/* From counts to energy and area: by module, by other tables, for other SRAM widths and other
 * technologies. The other numbers are data: data/energy. */
#ifndef EIE_KERNELS_MODEL_EIE_ENERGY_H
#define EIE_KERNELS_MODEL_EIE_ENERGY_H

#include "host/devices/design.h"
#include "kernels/model/eie_cycle_model.h"

/* Joules by module, as Table II has the modules. */
struct eie_module_energy {
    double spmat, pointer, queue, arithmetic, activation, lnzd;
};

double eie_energy_sum(const struct eie_module_energy *energy);

/* Counts times the table: lines, pointer pairs and queue pops (one of each for each broadcast and
 * PE), entries, and LNZD nodes x cycles. */
struct eie_module_energy eie_energy_of(const struct eie_cycle_counts *counts, uint32_t pe_count,
                                       uint32_t lnzd_nodes, const struct eie_energy_table *table);

/* Nodes of the quadtree over so many PEs (ISCA 2016, section IV: one node for four): 21 for 64. */
uint32_t eie_lnzd_nodes(uint32_t pe_count);

/* Square millimetres: PEs and nodes; the queue's area goes with its depth (assumed: Table II's is
 * of `design`'s own depth), all other modules are what the description says. */
double eie_area_mm2(const struct eie_design *design, uint32_t pe_count, uint32_t queue_depth);

/* ---- data/energy ----------------------------------------------------------------------------- */

#define EIE_WIDTHS_MAX 16
#define EIE_NODES_MAX  16

struct eie_energy_data {
    struct {
        double sram_read_pj, multiply_pj, add_pj;
    } table1;
    struct {
        uint32_t count;
        double bits[EIE_WIDTHS_MAX], left_pj[EIE_WIDTHS_MAX], right_pj[EIE_WIDTHS_MAX];
    } width;
    struct {
        uint32_t count;
        double nm[EIE_NODES_MAX], area[EIE_NODES_MAX], delay[EIE_NODES_MAX], energy[EIE_NODES_MAX];
    } node; /* at nominal supply; descending */
};

/* Reads the files of data/energy. EIE_INPUT with file and line. */
EIE_MUST_USE enum eie_status eie_energy_data_read(struct eie_energy_data *data,
                                                  struct eie_error *error);

/* Table I as an energy table for lines of that width; what Table I lacks is 0. */
struct eie_energy_table eie_energy_table1(const struct eie_energy_data *data, uint32_t line_bits);

/* Energy of a line of `bits` over that of one of `from` bits by a panel of Fig. 9; NaN beyond the
 * widths drawn. */
double eie_width_factor(const struct eie_energy_data *data, bool right_panel, double from,
                        double bits);

/* Factors from one technology to another, new over old. */
struct eie_scaling {
    double area, delay, energy;
};
enum eie_scaling_rule { EIE_SCALING_PAPER, EIE_SCALING_STILLMAKER_BAAS };

/* NaN beyond the nodes that the rule has (Stillmaker and Baas: 45 to 7 nm). */
struct eie_scaling eie_scaling_of(const struct eie_energy_data *data, enum eie_scaling_rule rule,
                                  double from_nm, double to_nm);

#endif
