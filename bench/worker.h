/* The process that runs the matrix: builds layers, runs groups, and tells its supervisor. */
#ifndef EIE_BENCH_WORKER_H
#define EIE_BENCH_WORKER_H

#include "bench/matrix.h"
#include "bench/results.h"
#include "bench/watch.h"

#include <stddef.h>

struct eie_job {
    const struct eie_matrix *matrix;
    const struct eie_results *results; /* rows that stand there are not run again */
    double begin_s, budget_s;          /* of the whole matrix, on eie_now_s's clock */
    uint64_t memory_bytes;
    /* layers whose building ended a worker: [suite][layer], or NULL where there are none */
    const char *const *const *broken;
    /* the group in which a worker ended (eie_group_name): its rows are run one by one, each in a
       process of its own, so that only the guilty one is lost; "" for none */
    const char *apart;
    struct eie_watch *watch;
};

/* "SUITE/LAYER/batch:B/threads:T/cache:C" of a row as it stands in a results file. */
void eie_group_name(const json_t *row, char *name, size_t size);

/* Groups that still have rows to run; `timed`: only those whose calls are timed. */
uint32_t eie_job_groups_left(const struct eie_job *job, bool timed);

/* Runs all groups that are left and writes what comes of them to `pipe`. */
void eie_worker_run(const struct eie_job *job, int pipe);

#endif
