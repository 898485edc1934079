/* The process that runs the matrix: builds layers, runs groups, and tells its supervisor. */
#ifndef EIE_BENCH_MATRIX_WORKER_H
#define EIE_BENCH_MATRIX_WORKER_H

#include "bench/matrix/schedule.h"
#include "bench/matrix/watch.h"

#include <stddef.h>

struct eie_job {
    const struct eie_matrix *matrices; /* [matrix_count] what is to be run, in this order */
    uint32_t matrix_count;
    struct eie_results *results; /* rows that stand there are not run again but to refine them; the
                                    worker has a copy of its own, which it keeps up to date */
    double begin_s, budget_s;    /* of the whole run, on eie_now_s's clock */
    double target;               /* relative half width of the intervals; 0: the least only */
    bool counters;               /* bench/measure/counters.h, of every row of the processor */
    uint64_t memory_bytes;
    double assumed_power_w; /* by a meter of its user, of this machine at work; 0: not known */
    bool at_once; /* each group in one visit, layer by layer: no round for some rows first */
    const json_t *broken; /* layers whose building ended a worker: SUITE/LAYER and why */
    /* groups in which a worker ended, as the keys of an object (eie_group_name): the rows that they
       lack are run one by one, each in a process of its own, so that only the guilty one is lost;
       what they have is left as it is */
    const json_t *apart;
    struct eie_watch *watch;
};

/* "SUITE/LAYER/batch:B/threads:T/cache:C" of a row as it stands in a results file. */
void eie_group_name(const json_t *row, char *name, size_t size);

/* About how long the least samples of all rows that are still to come take, and how many rows these
 * are. */
EIE_MUST_USE enum eie_status eie_job_least(const struct eie_job *job, double *least_s,
                                           uint32_t *rows, struct eie_error *error);

/* Runs what is left and writes what comes of it to `pipe`. */
void eie_worker_run(const struct eie_job *job, int pipe);

#endif
