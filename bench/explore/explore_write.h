/* The files of a sweep: what is written at the end (JSON or CSV), and the journal of finished units
 * from which an interrupted sweep continues. */
#ifndef EIE_BENCH_EXPLORE_EXPLORE_WRITE_H
#define EIE_BENCH_EXPLORE_EXPLORE_WRITE_H

#include "bench/explore/explore.h"
#include "bench/explore/precision.h"

#include <stdio.h>

/* All that a sweep has at its end. The caller's: nothing here is copied or freed. */
struct eie_sweep_run {
    const struct eie_sweep *sweep;
    const struct eie_energy_data *data;
    const char *command; /* the command line, for the file */
    uint32_t layer_count;
    struct eie_sweep_layer *layers; /* [layer_count] */
    uint32_t unit_count;
    struct eie_unit *units; /* [unit_count], a layer's one after the other; done when written */
    struct eie_precision (*precision)[EIE_ARITHMETICS]; /* of each layer, or NULL */
};

/* Writes all points and all designs, whole: CSV where `path` ends in ".csv" (points only), else
 * JSON. Designs carry the geometric means over the layers and whether they lie on the Pareto front
 * of time, energy and area. EIE_SYSTEM, EIE_MEMORY; on failure no file is
 * left. */
EIE_MUST_USE enum eie_status eie_sweep_write(const struct eie_sweep_run *run, const char *path,
                                             struct eie_error *error);

/* Prints the designs on the front by the left panel's energies, fastest first, on standard output.
 * EIE_MEMORY. */
enum eie_status eie_sweep_print(const struct eie_sweep_run *run, struct eie_error *error);

/* The journal beside `path`: "PATH.part". One line of JSON for the sweep, one for each unit, with
 * its hash. A line that breaks off, where the sweep was killed, is dropped by the next one. One
 * thread at a time. */
struct eie_journal {
    char path[4096];
    FILE *file; /* NULL: no journal is kept, and the functions below do nothing */
};

/* Keeps none where `path` is no regular file. With `resume`, units of a journal that is there and
 * belongs to this device and these layers are taken over (`done`, counted in *taken) and it is
 * continued; without, one that is there is EIE_SYSTEM (eie_journal_absent says it better).
 * EIE_INPUT when it is of another device or no journal; EIE_USAGE for a path that is too long;
 * EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_journal_begin(struct eie_sweep_run *run, const char *path,
                                               bool resume, struct eie_journal *journal,
                                               uint32_t *taken, struct eie_error *error);
/* EIE_USAGE where one is there that is not empty; an empty one is removed. */
EIE_MUST_USE enum eie_status eie_journal_absent(const char *path, struct eie_error *error);
/* Appends a finished unit and flushes. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_journal_add(struct eie_journal *journal,
                                             const struct eie_sweep_run *run,
                                             const struct eie_unit *unit, struct eie_error *error);
/* Closes it; with `remove_it` the file goes too. Twice is fine. */
void eie_journal_end(struct eie_journal *journal, bool remove_it);

#endif
