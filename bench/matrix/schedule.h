/* In which order the groups of a run are visited, and which rows each visit holds. Every row first
 * gets its least samples: models, then the rows that headlines are made of on all layers, then the
 * others; then the time that is left goes to the widest intervals. */
#ifndef EIE_BENCH_MATRIX_SCHEDULE_H
#define EIE_BENCH_MATRIX_SCHEDULE_H

#include "bench/matrix/matrix.h"
#include "bench/rows/results.h"

enum eie_phase {
    EIE_PHASE_MODELS, /* which state their time */
    EIE_PHASE_LEAD,   /* float32 kernels, which are or may be references, cpu_auto, those for many
                         inputs */
    EIE_PHASE_REST,   /* whatever has no row yet */
    EIE_PHASE_AGAIN,  /* rows that contradict each other */
    EIE_PHASE_REFINE  /* rows whose interval is wider than their target */
};

struct eie_station {
    const struct eie_matrix *matrix;
    struct eie_group_key key;
    uint32_t visits; /* to refine it, in this process */
    double last_s;   /* that the last visit took; 0: none yet; infinite: no further one */
};

/* All groups of the matrices; free with free(). EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_schedule_make(const struct eie_matrix *matrices, uint32_t count,
                                               struct eie_station **stations,
                                               uint32_t *station_count, struct eie_error *error);

/* The rows of a station that a visit in this phase holds ([*count], the caller frees each and the
 * list), with what they have of earlier visits and the references marked; *count is 0 where there
 * is nothing to do. `visit` becomes the number of the visit. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_schedule_rows(const struct eie_station *station,
                                               enum eie_phase phase,
                                               const struct eie_results *results, double target,
                                               struct eie_row **rows, uint32_t *count,
                                               uint32_t *visit, struct eie_error *error);

/* How far the widest row of a station is from its target, 2 being twice as wide; 0 where none is
 * wider. */
double eie_schedule_width(const struct eie_station *station, const struct eie_results *results,
                          double target);

/* About how long the least samples of these rows take here, from their counts alone: a guess, which
 * the pace of the run corrects. `new_only`: of those without samples of earlier visits. */
double eie_schedule_guess_s(const struct eie_station *station, const struct eie_row *rows,
                            uint32_t count, bool new_only);

/* Has a row as it stands in a file a number that was measured? NULL has none. */
bool eie_schedule_is_measured(const json_t *row);

/* What contradicts itself: `say` is called with the row, the one that it
 * contradicts, and a sentence for each. */
void eie_schedule_doubts(const struct eie_results *results,
                         void (*say)(void *context, json_t *row, json_t *other,
                                     const char *sentence),
                         void *context);

#endif
