/* The checks that read files alone: how the system is set up. All take the root that stands before
 * the files' paths (host/machine/settings.h), NULL for this machine, and add one check. */
#ifndef EIE_BENCH_DOCTOR_SYSTEM_H
#define EIE_BENCH_DOCTOR_SYSTEM_H

#include "bench/doctor/checkup.h"

#include <math.h>

/* A virtual machine has no say in its clock, and its caches are shared with others. */
bool eie_is_virtual(const char *root);

void eie_check_virtual(const char *root, struct eie_checkup *checkup);
void eie_check_governor(const char *root, struct eie_checkup *checkup);
void eie_check_turbo(const char *root, struct eie_checkup *checkup);
void eie_check_smt(const char *root, struct eie_checkup *checkup);
void eie_check_load(const char *root, struct eie_checkup *checkup);

/* Cores that a mask, a cpuset and a quota leave. `why_not` says why threads cannot be bound; NULL
 * where they can, or nobody tried. */
void eie_check_pinning(const char *root, const char *why_not, struct eie_checkup *checkup);

/* `huge_share` of an area that asked for huge pages, 0 to 1; NaN: nobody tried. */
void eie_check_huge_pages(const char *root, double huge_share, struct eie_checkup *checkup);

/* What came of an attempt to count cycles: 0 or errno; -1: nobody tried. */
void eie_check_counters(const char *root, int tried, struct eie_checkup *checkup);

/* How the clock that times calls does. */
struct eie_timer {
    double cost_ns; /* of one look; NaN: nobody looked */
    double step_ns; /* the least difference between two looks that was not 0 */
};
void eie_check_timer(const char *root, const struct eie_timer *timer, struct eie_checkup *checkup);

/* Reads from ever larger sets, each place known only once the one before has been read. */
struct eie_cache_reach {
    uint64_t had_bytes;     /* the largest set that was still near; 0: nobody looked */
    uint64_t looked_bytes;  /* the largest set of all */
    double near_ns, far_ns; /* of a read in the smallest and in the largest */
};
/* `reach` NULL, or with nothing measured: by the system's word alone. */
void eie_check_caches(const char *root, const struct eie_cache_reach *reach,
                      struct eie_checkup *checkup);

#endif
