/* The files of a sweep: what is written at the end (JSON or CSV), and the journal of finished units
 * that an interrupted sweep goes on with. */
#ifndef EIE_BENCH_EXPLORE_EXPLORE_WRITE_H
#define EIE_BENCH_EXPLORE_EXPLORE_WRITE_H

#include "bench/explore/explore.h"
#include "bench/explore/precision.h"

#include <stdio.h>

struct eie_sweep_run {
    const struct eie_sweep *sweep;
    const struct eie_energy_data *data;
    const char *command;
    uint32_t layer_count;
    struct eie_sweep_layer *layers;
    uint32_t unit_count;
    struct eie_unit *units;                             /* all of one layer side by side */
    struct eie_precision (*precision)[EIE_ARITHMETICS]; /* of each layer, or NULL */
};

/* Writes all points and all designs, whole: CSV where `path` ends in ".csv" (points only), else
 * JSON. Designs carry the geometric means over the layers and whether they lie on the Pareto front
 * of time, energy and area. */
EIE_MUST_USE enum eie_status eie_sweep_write(const struct eie_sweep_run *run, const char *path,
                                             struct eie_error *error);

/* Prints the designs on the front by the left panel's energies, fastest first. */
enum eie_status eie_sweep_print(const struct eie_sweep_run *run, struct eie_error *error);

/* The journal beside `path`: "PATH.part". One line of JSON for the sweep, one for each unit. */
struct eie_journal {
    char path[4096];
    FILE *file;
};

/* With `resume`, units of a journal that is there and belongs to this device and these layers are
 * taken over (`done`, counted in *taken) and it is continued; without, one that is there is an
 * error: EIE_USAGE. EIE_INPUT when it is of another device or no journal. */
EIE_MUST_USE enum eie_status eie_journal_begin(struct eie_sweep_run *run, const char *path,
                                               bool resume, struct eie_journal *journal,
                                               uint32_t *taken, struct eie_error *error);
/* EIE_USAGE where there is one. */
EIE_MUST_USE enum eie_status eie_journal_absent(const char *path, struct eie_error *error);
EIE_MUST_USE enum eie_status eie_journal_add(struct eie_journal *journal,
                                             const struct eie_sweep_run *run,
                                             const struct eie_unit *unit, struct eie_error *error);
void eie_journal_end(struct eie_journal *journal, bool remove_it);

#endif
