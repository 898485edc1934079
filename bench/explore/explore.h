/* Sweeps of the accelerator model over designs (eie explore). What the queues and the streams
 * decide is simulated once for each layer, number of PEs, index width and depth; clock, line width
 * and technology only multiply. */
#ifndef EIE_BENCH_EXPLORE_EXPLORE_H
#define EIE_BENCH_EXPLORE_EXPLORE_H

#include "host/devices/device.h"
#include "host/layer/reshare.h"
#include "host/layer/suite.h"
#include "kernels/model/eie_energy.h"

#define EIE_SWEEP_MAX 64  /* values of one parameter */
#define EIE_LINES_MAX 448 /* pairs of line width and code bits */

struct eie_sweep_list {
    uint32_t count;
    double values[EIE_SWEEP_MAX];
};

enum eie_technology_rule { EIE_TECHNOLOGY_OWN, EIE_TECHNOLOGY_PAPER, EIE_TECHNOLOGY_STILLMAKER };

struct eie_technology {
    enum eie_technology_rule rule;
    double nm;
};

struct eie_sweep {
    const struct eie_device *device; /* all that is not swept */
    struct eie_sweep_list pes, groups, depths, lines, index_bits, code_bits, clocks;
    uint32_t samples; /* of each layer that are run; 0: all */
    uint32_t technology_count;
    struct eie_technology technologies[EIE_SWEEP_MAX];
};

/* Designs of a sweep; points are these times the layers. */
uint64_t eie_sweep_designs(const struct eie_sweep *sweep);

/* Checks all values against what a device description may hold; EIE_USAGE with the first that is
 * impossible, and why (a queue of one slot, a line that holds no entry, ...). */
EIE_MUST_USE enum eie_status eie_sweep_check(const struct eie_sweep *sweep,
                                             const struct eie_energy_data *data,
                                             struct eie_error *error);

/* One layer of the sweep. */
struct eie_sweep_layer {
    const struct eie_suite *suite;
    uint32_t index; /* in the suite */
    struct eie_hash hash;
    struct eie_layer *layer;
    struct eie_sparse_codes codes;
    uint32_t samples; /* that are run */
    uint64_t weights; /* non-zeros and biases in the active columns of these */
    uint64_t all_weights;
    struct eie_resharing resharing[9]; /* by code bits, where they do not hold the layer */
};

EIE_MUST_USE enum eie_status eie_sweep_layer_make(const struct eie_suite *suite, uint32_t index,
                                                  const struct eie_sweep *sweep,
                                                  struct eie_sweep_layer *layer,
                                                  struct eie_error *error);
void eie_sweep_layer_free(struct eie_sweep_layer *layer);

/* What is simulated at one depth; sums over PEs. */
struct eie_depth_counts {
    uint64_t cycles, blocked, scan, fill, imbalance, load, queued;
};

/* One layer on one number of PEs at one index width: a unit of work. The PEs may be parted into
 * groups, each with a control unit and all weights of its own, which take one sample each at a time
 * (of a convolution: one position), in turn: group g the samples g, g + groups, ... Counts are of
 * all samples, cycles those of the group that is busy the longest. */
struct eie_unit {
    uint32_t layer;                   /* of the sweep's layers */
    uint32_t pes, groups, index_bits; /* pes: of all groups together */
    uint32_t samples;
    bool done;
    uint64_t entries, empty, broadcasts, moves; /* in active columns */
    uint64_t most_entries, stored_entries;      /* of one PE, of all: the whole layer */
    uint64_t slowest_pe;                        /* cycles of the busiest PE's work */
    uint32_t passes, blocks, columns;
    struct eie_depth_counts depth[EIE_SWEEP_MAX]; /* as the sweep's depths */
    uint32_t line_count;
    uint32_t entries_per_line[EIE_LINES_MAX]; /* distinct, of all pairs of line and code bits */
    uint64_t lines[EIE_LINES_MAX];
};

/* PEs of one group. */
static inline uint32_t eie_unit_own(const struct eie_unit *unit)
{
    return unit->pes / unit->groups;
}

/* Simulates a unit for all depths and lines. */
EIE_MUST_USE enum eie_status eie_unit_run(const struct eie_sweep *sweep,
                                          const struct eie_sweep_layer *layer,
                                          struct eie_unit *unit, struct eie_error *error);

/* Entries per line that the unit must know, for all lines and code bits of the sweep. */
void eie_unit_lines(const struct eie_sweep *sweep, struct eie_unit *unit);

/* Bytes that one unit's run needs, about; and how long it takes, in seconds, roughly. */
uint64_t eie_unit_bytes(const struct eie_sweep *sweep, const struct eie_sweep_layer *layer,
                        const struct eie_unit *unit);
double eie_unit_seconds(const struct eie_sweep *sweep, const struct eie_suite_layer *layer,
                        uint32_t pes);

/* One point: indices into the sweep's lists. */
struct eie_choice {
    uint32_t depth, line, code, clock, technology;
};

struct eie_point {
    double time_ns, theoretical_ns, area_mm2;
    uint32_t code_bits;
    uint64_t lines;
    struct eie_module_energy left, right, table1; /* Fig. 9's panels; NaN where they end */
    double constant_power_j;
    double clock_hz;
    uint64_t spmat_bytes, pointer_bytes, activation_bytes; /* of the fullest PE */
    uint64_t all_spmat_bytes; /* of all PEs: each group has all weights */
    bool fits;
};

void eie_point_make(const struct eie_sweep *sweep, const struct eie_energy_data *data,
                    const struct eie_sweep_layer *layer, const struct eie_unit *unit,
                    const struct eie_choice *choice, struct eie_point *point);

#endif
