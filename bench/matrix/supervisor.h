/* Runs a matrix in a process of its own and keeps what comes of it. A kernel that ends the process
 * (a crash, exit) or does not come back costs its own row: the row says so, and a new process goes
 * on with the rest. This process runs no kernel; it writes the results file after each group. */
#ifndef EIE_BENCH_MATRIX_SUPERVISOR_H
#define EIE_BENCH_MATRIX_SUPERVISOR_H

#include "bench/matrix/progress.h"
#include "bench/matrix/worker.h"

#include <signal.h>

struct eie_supervision {
    struct eie_job job;          /* results, begin_s, broken and watch are set here */
    struct eie_results *results; /* after eie_results_begin */
    double timeout_s;            /* that a kernel may be silent */
    struct eie_progress progress;
    json_t *doubts; /* sentences on the run as a whole; set here */
    bool quiet;
    /* NULL, or where a handler of signals says that the run is to end: EIE_SYSTEM, the rows so far
       are in the file */
    const volatile sig_atomic_t *stop;
    /* each row as it comes, with its exit code; and lines for the user */
    void (*on_row)(void *context, const json_t *row, int code);
    void (*on_complaint)(void *context, const char *message, int code);
    void *context;
};

/* Failures go into rows; returned is what stops the whole matrix: the results file cannot be
 * written, no process can be started, what the worker says. */
EIE_MUST_USE enum eie_status eie_supervise(struct eie_supervision *supervision,
                                           struct eie_error *error);

#endif
