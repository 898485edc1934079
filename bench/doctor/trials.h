/* What only an attempt tells about this machine. Each says what it costs. */
#ifndef EIE_BENCH_DOCTOR_TRIALS_H
#define EIE_BENCH_DOCTOR_TRIALS_H

#include "bench/doctor/checkup.h"
#include "bench/doctor/system.h"
#include "bench/measure/quiet.h"

#include <stdint.h>

/* Microseconds: may threads be bound? NULL, or why not (static). The mask stays as it is. */
const char *eie_try_binding(void);

/* A few ms: asks for huge pages; the share that came, 0 to 1, NaN where it cannot be told. */
double eie_try_huge_pages(void);

/* Microseconds: opens a counter of the calling thread's cycles; 0 or errno. */
int eie_try_counters(void);

/* Below a ms. */
void eie_try_timer(struct eie_timer *timer);

/* About a second: reads from sets of twice the private caches up to twice the last cache, as far as
 * a quarter of the free memory and half a GiB go. All 0 where that is not even two sets, or where
 * `deadline_s` (eie_now_s) has come before the last one: *late. */
void eie_try_caches(double deadline_s, struct eie_cache_reach *reach, bool *late);

/* How a set of `bytes` was read, in ns a read: what eie_try_caches makes of these. Sets double. */
struct eie_cache_reading {
    uint64_t bytes;
    double ns;
};
void eie_cache_reach_of(const struct eie_cache_reading *readings, uint32_t count,
                        struct eie_cache_reach *reach);

/* 0.4 s: blocks of 5 ms on each core in turn, watched as those of a run are; fewer where
 * `deadline_s` comes before, but one for each core. */
void eie_try_quiet(double deadline_s, struct eie_quiet_totals *totals);

void eie_check_quiet(const struct eie_quiet_totals *totals, struct eie_checkup *checkup);

#endif
