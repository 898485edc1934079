/* What the supervisor can see of its worker: memory that both processes share, and the lines that
 * the worker writes into a pipe, one JSON object each:
 *
 *   {"layer": "SUITE/LAYER"}       the layer is about to be built
 *   {"begin": [ROW, ...]}          a visit begins: its rows, with their keys only
 *   {"row": ROW, "code": 0}        what became of one of them, and its exit code
 *   {"end": CEILINGS}              the visit is finished
 *   {"doubt": "NAME", "text": "..."}  a row contradicts another one
 *   {"doubt_of_run": "..."}        the run contradicts itself
 *   {"complaint": "...", "code": 2}  a line for the user
 *   {"stop": "...", "status": 7}   the matrix cannot go on
 *   {"done": true}                 the matrix is finished
 *   {"done": false}                this worker is: the next one goes on
 *
 * A worker that ends without one of the last three has crashed: then `row` says in whose code. */
#ifndef EIE_BENCH_MATRIX_WATCH_H
#define EIE_BENCH_MATRIX_WATCH_H

#include "bench/matrix/matrix.h"
#include "bench/measure/ceilings.h"
#include "bench/measure/quiet.h"

#include <stdatomic.h>
#include <stdint.h>

#define EIE_SPENT_MAX 32u

/* Where a run's time goes: seconds by what the worker was at. */
struct eie_spent {
    const char *what; /* a constant of this program; NULL: free */
    double s;
};

struct eie_watch {
    _Atomic uint64_t beats;    /* moves whenever the worker does something new */
    _Atomic uint32_t row;      /* of the group under way, whose kernel's code runs; EIE_NO_ROW */
    const char *_Atomic doing; /* what for: a constant of this program, the same in both */
    _Atomic uint32_t permille; /* progress: of the time that this run is to take */
    _Atomic int32_t left_ds;   /* tenths of seconds that are left of it; negative: unknown */
    char group[256], step[64]; /* names for the progress line */
    struct {
        uint32_t threads; /* 0: free */
        struct eie_ceilings ceilings;
    } ceilings[EIE_LIST_MAX]; /* here, so that the next worker need not measure again */
    struct eie_quiet_totals quiet;
    struct eie_spent spent[EIE_SPENT_MAX]; /* the last one takes what finds no place */
};

#endif
