/* Measures points of a map: layers made by their shape, or one layer of a suite, through the
 * matrix as `eie bench` runs it, with the same preparation, checks and clock. */
#ifndef EIE_BENCH_MAP_CANDIDATES_H
#define EIE_BENCH_MAP_CANDIDATES_H

#include "bench/map/verdict.h"
#include "bench/matrix/supervisor.h"

#define EIE_MAP_KERNELS_MAX 1024
#define EIE_MAP_DESIGN      "eie-64pe-45nm" /* the published chip (data/devices) */

/* What all points of a map have in common; strings are not owned. */
struct eie_candidates {
    uint32_t threads;
    enum eie_cache cache;
    const char *kernels; /* names and globs, as of eie bench --kernel */
    uint64_t memory_bytes;
    double target; /* relative half width of the intervals that left_s is for; 0: the least only */
    double timeout_s; /* that a kernel may be silent */
    bool quiet;
    const volatile sig_atomic_t *stop; /* as in struct eie_supervision */
    void (*on_row)(void *context, const json_t *row, int code);
    void (*on_complaint)(void *context, const char *message, int code);
    void *context;
};

/* Who competes where nothing is said: of the default selection the float32 kernels that are dense
 * or sparse, libraries' and this project's; oneDNN's int8; cpu_auto, which tries our exact kernels
 * and takes the fastest; and EIE's closed form. `text` has EIE_MAP_KERNELS_MAX bytes. */
void eie_candidates_default(char *text);

/* EIE_USAGE where the layer's dense float32 matrix alone is larger than memory_bytes. */
EIE_MUST_USE enum eie_status eie_candidates_fit(const struct eie_candidates *candidates,
                                                const struct eie_shape *shape,
                                                struct eie_error *error);

/* Measures what the points lack in `results`, each kernel's least samples, and where there is a
 * target continues with the widest intervals for `left_s` in all; else that only says how long the
 * whole run may still take, for its progress. What fails stands in the rows. Returned: as
 * eie_suite_of_shapes, eie_matrix_begin, eie_supervise. */
EIE_MUST_USE enum eie_status eie_candidates_measure(const struct eie_candidates *candidates,
                                                    const struct eie_point *points, uint32_t count,
                                                    double left_s, struct eie_results *results,
                                                    struct eie_error *error);

/* The same for one layer of a suite, which is taken over; `word` is the suite's on a command line.
 */
EIE_MUST_USE enum eie_status
eie_candidates_measure_layer(const struct eie_candidates *candidates, struct eie_suite *suite,
                             const char *word, const char *layer, uint32_t batch, double left_s,
                             struct eie_results *results, struct eie_error *error);

#endif
