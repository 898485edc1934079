/* The analytical model of EIE as plain functions: time, energy and area of a design from counts, or
 * in closed form from a layer's shape and densities with no matrix at all (ISCA 2016, sections IV
 * and VI; Table IV "theoretical" and "actual"; Fig. 8). */
#ifndef EIE_KERNELS_MODEL_EIE_FORMULA_H
#define EIE_KERNELS_MODEL_EIE_FORMULA_H

#include "host/devices/design.h"
#include "host/layer/layer.h"

#include <stdint.h>

/* Work of one product. Mean and variance of a PE's cycles per broadcast column, where a column
 * costs max(1, entries in this PE) cycles: an empty one costs a bubble. */
struct eie_work {
    uint32_t pe_count;
    double columns;          /* broadcast columns: non-zero inputs */
    double broadcast_cycles; /* least cycles of the broadcast: one per column, and one to leave each
                                row of pe_count inputs whose last input is 0 */
    double entries;          /* entries in those columns, padding included, all PEs */
    double padding;          /* of them padding */
    double line_reads;       /* reads of Spmat lines, all PEs; a line is kept across columns */
    double *mean, *variance; /* [pe_count], owned by the work */
};

struct eie_estimate {
    double theoretical_cycles; /* entries / pe_count: perfect balance (Table IV) */
    double expected_cycles;    /* with finite queues, see eie_estimate_design */
    double load_balance;       /* theoretical / expected (Fig. 8) */
    double theoretical_ns, expected_ns;
    double
        energy_constant_power_j; /* published power times expected time: the paper's convention */
    double energy_actions_j;     /* action counts times the device's energy table */
    double area_mm2;             /* PEs and LNZD nodes added up */
};

/* Counts the work of one input vector ([inputs]) on the layer as it is partitioned. */
EIE_MUST_USE enum eie_status eie_work_count(const struct eie_layer *layer, const int16_t *input,
                                            uint32_t spmat_line_bits, struct eie_work *work,
                                            struct eie_error *error);

/* The expected work of a uniformly random layer of any size, without a matrix. Densities in 0..1.
 * Means and variances of a column are exact; how far the PEs' totals differ (expected normal order
 * statistics) and line_reads are approximations, stated in the body. */
EIE_MUST_USE enum eie_status eie_work_expect(uint32_t inputs, uint32_t outputs,
                                             double weight_density, double activation_density,
                                             uint32_t pe_count, uint32_t spmat_line_bits,
                                             struct eie_work *work, struct eie_error *error);
void eie_work_free(struct eie_work *work);

/* One column of one PE with `rows` local rows, each non-zero with probability `density`. */
struct eie_column_moments {
    double entries, padding;      /* means */
    double cycles, cycles_square; /* means of max(1, entries) and of its square */
};
EIE_MUST_USE enum eie_status eie_column_moments(uint32_t rows, double density,
                                                struct eie_column_moments *moments,
                                                struct eie_error *error);

/* Time, energy and area. Expected cycles with finite queues, a heuristic in closed form: while the
 * broadcast advances by c cycles a column, the lag of PE k behind it is a random walk with drift
 * m_k - c and variance v_k a column, reflected at 0 (an empty queue); its stationary tail falls as
 * exp(-2 (c - m_k) lag / v_k). The broadcast stops as soon as any queue is full, at a lag of D m_k
 * cycles, D being the usable queue slots (depth - 1: a ring; at least 1). Taken is the c at which
 * the expected number of PEs at their limit is one:  sum_k exp(-2 (c - m_k) D m_k / v_k) = 1.  For
 * equal PEs that is c = m + v ln N / (2 D m). Nothing is fitted.
 *
 * Against a simulation of the same queues it errs by 0 to 3 % at depth 8 and by more at shallow
 * ones (NT-We: 8 % at depth 4, 21 % at depth 2; tests/unit/test_formula.c). Against Table IV's
 * actual times it is low on all nine layers of suite paper-matched (1 to 14 %), since real rows are
 * less even than drawn ones (results/NOTES.md). */
void eie_estimate_design(const struct eie_work *work, const struct eie_design *design,
                         struct eie_estimate *estimate);

#endif
