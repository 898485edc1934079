/* Sweeps of the accelerator model over designs (eie explore): Figs. 8 (queue depth), 9 (line width)
 * and 11 (PEs) of ISCA 2016 for any layer, and what the paper leaves fixed. The rules of the cycle
 * model are in kernels/model/eie_cycle_model.h.
 *
 *   sweep   lists of values; their product, without the impossible, is the designs
 *   unit    one layer on one number of PEs, groups and one index width: simulated once for all
 * queue depths and all numbers of entries in a line; the unit of work, and of the journal point one
 * layer on one design. Clock, line width, code width and technology only multiply what its unit
 * counted
 *
 * A sweep and its layers are read-only while units run; different units may run on different
 * threads at the same time. Functions that return nothing cannot fail and check nothing: what
 * eie_sweep_check let pass is valid. */
#ifndef EIE_BENCH_EXPLORE_EXPLORE_H
#define EIE_BENCH_EXPLORE_EXPLORE_H

#include "host/devices/device.h"
#include "host/layer/recluster.h"
#include "host/layer/suite.h"
#include "kernels/model/eie_energy.h"

#define EIE_SWEEP_MAX 64  /* values of one parameter */
#define EIE_LINES_MAX 448 /* pairs of line width and code bits */

/* The values of one parameter, in the order given; at least one. */
struct eie_sweep_list {
    uint32_t count;
    double values[EIE_SWEEP_MAX];
};

/* How area, delay and energy go from the design's own technology to another one: not at all, as the
 * paper goes from 45 to 28 nm, or by Stillmaker and Baas, Integration 2017
 * (kernels/model/eie_energy.h). */
enum eie_technology_rule { EIE_TECHNOLOGY_OWN, EIE_TECHNOLOGY_PAPER, EIE_TECHNOLOGY_STILLMAKER };

struct eie_technology {
    enum eie_technology_rule rule;
    double nm; /* without meaning where the rule is OWN */
};

/* The caller's; `device` has a design and outlives it. */
struct eie_sweep {
    const struct eie_device *device;   /* all that is not swept */
    struct eie_sweep_list pes, groups; /* PEs of all groups together; groups divide them */
    struct eie_sweep_list depths;      /* slots of a queue, 2 or more (one stays empty) */
    struct eie_sweep_list lines;       /* bits of an Spmat line, a multiple of 8 */
    struct eie_sweep_list index_bits, code_bits; /* of an entry: 2 to 8 each */
    struct eie_sweep_list clocks;                /* Hz */
    uint32_t samples; /* of each layer that are run, its first ones; 0: all */
    uint32_t technology_count;
    struct eie_technology technologies[EIE_SWEEP_MAX];
};

/* Designs of a sweep, at most 64^8; points are these times the layers. */
uint64_t eie_sweep_designs(const struct eie_sweep *sweep);

/* Checks all values against what a device description may hold; EIE_USAGE with the first that is
 * impossible, and why (a queue of one slot, a line that holds no entry, ...). */
EIE_MUST_USE enum eie_status eie_sweep_check(const struct eie_sweep *sweep,
                                             const struct eie_energy_data *data,
                                             struct eie_error *error);

/* One layer of the sweep. The suite outlives it; the rest it owns. */
struct eie_sweep_layer {
    const struct eie_suite *suite;
    uint32_t index; /* in the suite */
    struct eie_hash hash;
    struct eie_layer *layer; /* NULL once freed */
    struct eie_sparse_codes codes;
    uint32_t samples;     /* that are run */
    uint64_t weights;     /* non-zero weights in the active columns of these samples, added up, and
                             for each sample the biases that are not 0 */
    uint64_t all_weights; /* non-zero weights and biases of the whole layer, once */
    struct eie_reclustering reclustering[9]; /* [code bits]: what narrower codes would change, where
                                          they do not hold the layer as it is; else zeros */
};

/* Builds or imports layer `index` of the suite, hashes and decodes it. EIE_USAGE: it has fewer
 * samples than the sweep runs, or fewer run than there are groups; EIE_INPUT: it has none at all;
 * EIE_MEMORY, and what eie_suite_build returns. On failure there is nothing to free. */
EIE_MUST_USE enum eie_status eie_sweep_layer_make(const struct eie_suite *suite, uint32_t index,
                                                  const struct eie_sweep *sweep,
                                                  struct eie_sweep_layer *layer,
                                                  struct eie_error *error);
void eie_sweep_layer_free(struct eie_sweep_layer *layer);

/* What is simulated at one queue depth, in cycles (kernels/model/eie_cycle_counts.h has the
 * classes). */
struct eie_depth_counts {
    uint64_t cycles;                      /* of the whole, all samples */
    uint64_t blocked;                     /* in which a broadcast waited for a full queue */
    uint64_t scan, fill, imbalance, load; /* summed over all PEs: the PE had no work, by reason */
    uint64_t queued;                      /* inputs in queues, summed over PEs and cycles */
};

/* One layer on one number of PEs at one index width: a unit of work. The PEs may be parted into
 * groups, each with a control unit and all weights of its own, which take one sample each at a time
 * (of a convolution: one position), in turn: group g the samples g, g + groups, ... Counts are of
 * all samples, cycles those of the group that is busy the longest. */
struct eie_unit {
    uint32_t layer;                   /* of the sweep's layers */
    uint32_t pes, groups, index_bits; /* pes: of all groups together */
    uint32_t samples;                 /* that were run */
    bool done;                        /* all below is filled in */
    uint64_t entries; /* worked on, padding included: all PEs, active columns of all samples */
    uint64_t empty;   /* cycles of all PEs on columns without an entry of theirs */
    uint64_t broadcasts, moves;            /* inputs sent; rows of inputs left without one */
    uint64_t most_entries, stored_entries; /* of one PE, of one whole group: the whole layer */
    uint64_t slowest_pe;                   /* cycles of the busiest PE's work, all samples */
    uint32_t passes, blocks, columns; /* passes over the inputs; blocks of rows and columns (the
                                         bias is one more) that the layer is split into */
    struct eie_depth_counts depth[EIE_SWEEP_MAX]; /* as the sweep's depths */
    uint32_t line_count;
    uint32_t entries_per_line[EIE_LINES_MAX]; /* distinct, of all pairs of line and code bits */
    uint64_t lines[EIE_LINES_MAX]; /* Spmat lines read by all PEs with so many entries each */
};

/* PEs of one group. */
static inline uint32_t eie_unit_own(const struct eie_unit *unit)
{
    return unit->pes / unit->groups;
}

/* Simulates a unit, whose `layer`, `pes`, `groups`, `index_bits` and lines are set, for all depths
 * and lines. `layer` is the sweep's layer of that number. EIE_INPUT: more cycles than are counted
 * in one pass; EIE_UNSUPPORTED: 2^31 entries or more; EIE_MEMORY. On failure `done` stays false. */
EIE_MUST_USE enum eie_status eie_unit_run(const struct eie_sweep *sweep,
                                          const struct eie_sweep_layer *layer,
                                          struct eie_unit *unit, struct eie_error *error);

/* Entries per line that the unit must know, for all lines and code bits of the sweep. */
void eie_unit_lines(const struct eie_sweep *sweep, struct eie_unit *unit);

/* Bytes that a unit's run takes, about, UINT64_MAX where they are too many to tell; and how many
 * seconds on one thread, roughly, for a progress line and for the order of units. */
uint64_t eie_unit_bytes(const struct eie_sweep *sweep, const struct eie_sweep_layer *layer,
                        const struct eie_unit *unit);
double eie_unit_seconds(const struct eie_sweep *sweep, const struct eie_suite_layer *layer,
                        uint32_t pes);

/* One point: indices into the sweep's lists. */
struct eie_choice {
    uint32_t depth, line, code, clock, technology;
};

/* Modelled; everything is of all samples that were run together. */
struct eie_point {
    double time_ns;        /* the unit's cycles at this clock */
    double theoretical_ns; /* entries spread evenly over all PEs, one a cycle */
    double area_mm2;       /* of all groups, in the target technology */
    uint32_t code_bits;
    uint64_t lines;                               /* Spmat lines that are read */
    struct eie_module_energy left, right, table1; /* joules, by the energy of a line as in Fig. 9's
                                                     panels (NaN beyond their widths), or Table I */
    double constant_power_j; /* joules, were the power of Table II drawn all the time */
    double clock_hz;         /* in the target technology: the swept clock over the delay's factor */
    uint64_t spmat_bytes, pointer_bytes, activation_bytes; /* of the fullest PE */
    uint64_t all_spmat_bytes; /* of all PEs: each group has all weights */
    bool fits;                /* in the memories of the design's PE, with pointers of 16 bits */
};

/* Fills the point; `unit` is done and one of `layer`'s. */
void eie_point_make(const struct eie_sweep *sweep, const struct eie_energy_data *data,
                    const struct eie_sweep_layer *layer, const struct eie_unit *unit,
                    const struct eie_choice *choice, struct eie_point *point);

#endif
