/* The analytical model of EIE as plain functions: time, energy and area of a design from counts, or
 * in closed form from a layer's shape and densities with no matrix at all (ISCA 2016, sections IV
 * and VI; Table IV "theoretical" and "actual"; Fig. 8). */
#ifndef EIE_KERNELS_MODEL_EIE_FORMULA_H
#define EIE_KERNELS_MODEL_EIE_FORMULA_H

#include "host/device.h"

#include <stdint.h>

/* Work of one product on `pe_count` PEs. Mean and variance of a PE's cycles per broadcast column,
 * where a column costs max(1, entries in this PE) cycles. */
struct eie_work {
    uint32_t pe_count;
    double columns;          /* broadcast columns: non-zero inputs */
    double scan_rows;        /* rows of pe_count inputs that the broadcast walks over */
    double entries;          /* entries in those columns, padding included, all PEs */
    double padding;          /* of them padding */
    double line_reads;       /* reads of Spmat lines, all PEs */
    double *mean, *variance; /* [pe_count], owned by the work */
};

struct eie_estimate {
    double theoretical_cycles; /* entries / pe_count: perfect balance (Table IV) */
    double expected_cycles;    /* with finite queues: see eie_estimate_time */
    double load_balance;       /* theoretical / expected */
    double theoretical_ns, expected_ns;
    double energy_constant_power_j; /* published power times expected time: the paper's convention */
    double energy_actions_j;        /* action counts times the device's energy table */
    double area_mm2;                /* PEs and LNZD nodes added up from the parts */
};

/* Counts the work of one input vector on the layer as it is cut (layer->pe_count PEs). */
EIE_MUST_USE enum eie_status eie_work_count(const struct eie_layer *layer, const int16_t *input,
                                            uint32_t spmat_line_bits, struct eie_work *work,
                                            struct eie_error *error);

/* The expected work of a uniformly random layer: no matrix needed, any size. Densities in 0..1. */
EIE_MUST_USE enum eie_status eie_work_expect(double inputs, double outputs, double weight_density,
                                             double activation_density, uint32_t pe_count,
                                             uint32_t spmat_line_bits, struct eie_work *work,
                                             struct eie_error *error);
void eie_work_free(struct eie_work *work);

/* Mean padding entries and entries of one column of one PE with `rows` local rows at density p. */
void eie_expected_column(double rows, double p, double *entries, double *padding);

void eie_estimate_design(const struct eie_work *work, const struct eie_design *design,
                         struct eie_estimate *estimate);

#endif
