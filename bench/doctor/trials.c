#include "bench/doctor/trials.h"
#include "bench/measure/counters.h"
#include "host/base/clock.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUGE_PAGES   2u /* that are asked for */
#define LOOKS        1000u
#define BLOCKS       80u
#define BLOCK_S      0.005
#define LINE         64u
#define SETS_MAX     16u
#define SET_MOST     (UINT64_C(512) << 20)
#define SET_LEAST    (UINT64_C(4) << 20) /* where the private caches are not known */
#define FREE_SHARE   4u
#define READS        4000u
#define FILLED       (UINT64_C(4) << 20) /* bytes between two looks at the time */
#define TRIES        16
#define ROUNDS       2
#define FAR_NEAR     1.4 /* less between the first and the last set: no end of a cache was seen */
#define QUIET_SHARE  0.05
#define NOISY_SHARE  0.5
#define STOLEN_SHARE 0.1
#define UNSTEADY     1.2
#define MULTIPLIER   UINT64_C(0x5851f42d4c957f2d)
#define INCREMENT    UINT64_C(0x14057b7ef767814f)

/* ---- quick ---------------------------------------------------------------------------------- */

const char *eie_try_binding(void)
{
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask)) return NULL; /* more CPUs than it has room for */
    return sched_setaffinity(0, sizeof mask, &mask) ? strerror(errno) : NULL;
}

double eie_try_huge_pages(void)
{
    struct eie_area area;
    const size_t bytes = HUGE_PAGES * EIE_HUGE_PAGE_BYTES;
    if (!eie_area_make(bytes, &area)) return NAN;
    memset(area.memory, 1, bytes);
    eie_pages_begin();
    eie_pages_note(area.memory, bytes);
    const double share = eie_pages_huge_share();
    eie_pages_begin();
    eie_area_free(&area);
    return share;
}

int eie_try_counters(void)
{
    const struct eie_counter_system *system = &eie_counter_system;
    struct eie_reading reading = {0};
    const int counter = system->open(system->context, EIE_EVENT_CYCLES, gettid(), -1);
    if (counter < 0) return -counter;
    const int fault = system->read(system->context, counter, &reading);
    system->close(system->context, counter);
    return !fault && !reading.value ? ENODATA : fault; /* a counter that stands still */
}

void eie_try_timer(struct eie_timer *timer)
{
    double least_s = INFINITY, step_s = INFINITY;
    for (int turn = 0; turn < 3; turn++) {
        const double begin = eie_now_s();
        double before = begin, now = begin;
        for (uint32_t i = 0; i < LOOKS; i++) {
            now = eie_now_s();
            if (now > before) step_s = fmin(step_s, now - before);
            before = now;
        }
        least_s = fmin(least_s, (now - begin) / LOOKS);
    }
    *timer = (struct eie_timer){.cost_ns = 1e9 * least_s, .step_ns = 1e9 * step_s};
}

/* ---- caches --------------------------------------------------------------------------------- */

/* As far as that is allowed: check `pinning` says where it is not. */
static void bind(uint32_t core)
{
    if (eie_bind_thread(core, NULL)) return;
}

static volatile uint64_t sink;

/* Reads one line after the other at places that look random, of which the next is known only once
 * the one before has come: each line holds a 0 that is added to the place. Goes on from *place; all
 * lines of a power of two come in turn (Hull and Dobell's theorem). */
static double chase_ns(const uint64_t *lines, uint64_t count, uint64_t *place)
{
    const double begin = eie_now_s();
    uint64_t at = *place;
    for (uint32_t i = 0; i < READS; i++) {
        const uint64_t line = at >> 20 & (count - 1);
        at = at * MULTIPLIER + INCREMENT + lines[line * (LINE / sizeof *lines)];
    }
    sink = *place = at;
    return 1e9 * (eie_now_s() - begin) / READS;
}

/* In the order in which prefetching helps: brings what a cache takes into it. */
static void read_through(const uint64_t *lines, uint64_t count)
{
    uint64_t all = 0;
    for (uint64_t i = 0; i < count; i++) all += lines[i * (LINE / sizeof *lines)];
    sink = all;
}

/* The least of many short tries: a longer one is interrupted where others are at work. */
static double read_set_ns(uint64_t bytes, const struct eie_area *area)
{
    const uint64_t *lines = area->memory;
    double least = INFINITY;
    uint64_t place = 1;
    for (int round = 0; round < ROUNDS; round++) {
        read_through(lines, bytes / LINE);
        for (int i = 0; i < TRIES; i++) least = fmin(least, chase_ns(lines, bytes / LINE, &place));
    }
    return least;
}

void eie_cache_reach_of(const struct eie_cache_reading *readings, uint32_t count,
                        struct eie_cache_reach *reach)
{
    *reach = (struct eie_cache_reach){0};
    if (count < 2) return;
    reach->looked_bytes = readings[count - 1].bytes;
    reach->near_ns = readings[0].ns;
    reach->far_ns = readings[count - 1].ns;
    const bool seen = reach->far_ns > FAR_NEAR * reach->near_ns;
    const double limit = seen ? sqrt(reach->near_ns * reach->far_ns) : INFINITY;
    for (uint32_t i = 0; i < count && readings[i].ns < limit; i++)
        reach->had_bytes = readings[i].bytes;
}

static uint64_t power_of_two(uint64_t least)
{
    uint64_t power = LINE;
    while (power < least) power *= 2;
    return power;
}

/* Gives the area pages of its own, not the one of zeros, as far as the deadline allows; false where
 * that is not to the end. */
static bool fill(const struct eie_area *area, uint64_t bytes, double deadline_s)
{
    for (uint64_t at = 0; at < bytes; at += FILLED) {
        const uint64_t here = bytes - at < FILLED ? bytes - at : FILLED;
        if (eie_now_s() > deadline_s) return false;
        memset((char *)area->memory + at, 1, here);
        memset((char *)area->memory + at, 0, here);
    }
    return true;
}

void eie_try_caches(double deadline_s, struct eie_cache_reach *reach, bool *late)
{
    struct eie_cache_reading readings[SETS_MAX];
    struct eie_area area;
    uint32_t count = 0;
    const uint64_t private_bytes = eie_private_bytes(1), last = eie_cache_bytes(3, 1);
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t spare = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * page / FREE_SHARE;
    const uint64_t first = power_of_two(private_bytes ? 2 * private_bytes : SET_LEAST);
    uint64_t most = power_of_two(2 * last);
    *reach = (struct eie_cache_reach){0};
    *late = false;
    if (most > SET_MOST) most = SET_MOST;
    while (most > spare) most /= 2;
    if (!last || first >= most || !eie_area_make(most, &area)) return;
    *late = !fill(&area, most, deadline_s);
    bind(0); /* on another core the sets would have to be fetched again */
    for (uint64_t bytes = first; bytes <= most && count < SETS_MAX && !*late; bytes *= 2) {
        *late = eie_now_s() > deadline_s;
        if (!*late)
            readings[count++] = (struct eie_cache_reading){bytes, read_set_ns(bytes, &area)};
    }
    bind(EIE_BIND_ANY);
    eie_area_free(&area);
    if (!*late) eie_cache_reach_of(readings, count, reach);
}

/* ---- quietness ------------------------------------------------------------------------------ */

void eie_try_quiet(double deadline_s, struct eie_quiet_totals *totals)
{
    const struct eie_topology *topology;
    const uint32_t known = eie_topology_get(&topology, NULL) ? 1 : topology->cores;
    const uint32_t cores = known ? known : 1;
    struct eie_quiet *quiet = eie_quiet_begin(NULL, totals);
    for (uint32_t i = 0; i < BLOCKS && (i < cores || eie_now_s() < deadline_s); i++) {
        bind(i % cores);
        eie_quiet_before(quiet);
        const double begin = eie_now_s();
        double now = begin;
        while (now - begin < BLOCK_S) now = eie_now_s();
        eie_quiet_after(quiet, 1e9 * (now - begin));
    }
    bind(EIE_BIND_ANY);
    eie_quiet_end(quiet);
}

void eie_check_quiet(const struct eie_quiet_totals *totals, struct eie_checkup *checkup)
{
    static const char name[] = "quietness";
    json_t *seen = eie_quiet_json(totals);
    const double share = json_number_value(json_object_get(seen, "disturbed_share"));
    const double stolen = json_number_value(json_object_get(seen, "steal_share"));
    const double best = json_number_value(json_object_get(seen, "probe_best_ns"));
    const double middle = json_number_value(json_object_get(seen, "probe_median_ns"));
    const double ratio = best > 0 ? middle / best : 1;
    const enum eie_health health = share > NOISY_SHARE || stolen > STOLEN_SHARE ? EIE_HEALTH_BAD
                                   : share > QUIET_SHARE || ratio > UNSTEADY    ? EIE_HEALTH_WARNING
                                                                                : EIE_HEALTH_GOOD;
    json_decref(seen);
    if (!totals->blocks)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, "mount -t proc proc /proc",
                        "unknown: nothing could be watched");
    else
        eie_checkup_add(
            checkup, name, health,
            "ps -eo pcpu,pid,comm --sort=-pcpu | head; else wait for a quieter hour, or "
            "count instructions (./run count)",
            "%.0f %% of %llu blocks of 5 ms were disturbed, %.1f %% of the cores' time "
            "went to others, a loop in registers takes %.2f times its best",
            100 * share, (unsigned long long)totals->blocks, 100 * stolen, ratio);
}
