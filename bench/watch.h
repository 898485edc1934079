/* What the supervisor can see of its worker: memory that both processes share, and the lines that
 * the worker writes into a pipe, one JSON object each:
 *
 *   {"layer": "SUITE/LAYER", "suite": 0, "index": 3}    the layer is about to be built
 *   {"begin": [ROW, ...]}          a group begins: its rows, with their keys only
 *   {"row": ROW, "code": 0}        what became of one of them, and its exit code
 *   {"end": CEILINGS}              the group is finished
 *   {"complaint": "...", "code": 2}  a line for the user
 *   {"stop": "...", "status": 7}   the matrix cannot go on
 *   {"done": true}                 the matrix is finished
 *   {"done": false}                this worker is: the next one goes on
 *
 * A worker that ends without one of the last three has crashed: then `row` says in whose code. */
#ifndef EIE_BENCH_WATCH_H
#define EIE_BENCH_WATCH_H

#include "bench/ceilings.h"
#include "bench/matrix.h"

#include <stdatomic.h>
#include <stdint.h>

struct eie_watch {
    _Atomic uint64_t beats;    /* moves whenever the worker does something new */
    _Atomic uint32_t row;      /* of the group under way, whose kernel's code runs; EIE_NO_ROW */
    const char *_Atomic doing; /* what for: a constant of this program, the same in both */
    _Atomic uint32_t groups_done, permille;     /* progress: of the group under way */
    char group[256], step[64];                  /* names for the progress line */
    struct eie_ceilings ceilings[EIE_LIST_MAX]; /* one for each thread count of the list: here, so
                                                   that the next worker need not measure again */
};

#endif
