#include "bench/measure/ceilings.h"
#include "bench/measure/loops.h"
#include "host/base/clock.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES         5
#define READ_S        0.5e-3 /* one try reads at least so long: passes are added until it does */
#define MAC_ROUNDS    UINT64_C(20000)
#define ADD_ROUNDS    UINT64_C(25)
#define EMPTY_RUNS    1000u
#define BARRIERS      1000u
#define L1_UNKNOWN    (16u << 10) /* fits every first-level cache of today */
#define L3_UNKNOWN    (UINT64_C(256) << 20)
#define FREE_SHARE    4     /* of the free memory, at most one of so many parts is taken */
#define LINE_SET      1024u /* working sets are multiples of this */
#define DRAM_LEAST    (UINT64_C(64) << 20)
#define DRAM_MOST     (UINT64_C(1) << 30)
#define DRAM_CACHES   3 /* last-level caches that the working set for DRAM exceeds */
#define PRIVATE_TIMES 4 /* of the private caches, for the shared one */
#define PAGE          4096u
#define LOWER         0.95 /* what several threads reach of one's, or it is a contradiction */

static const char *const level_names[EIE_LEVELS] = {"l1", "l2", "l3", "dram"};
static const char *const operation_names[EIE_OPERATIONS] = {"int16", "int8", "float32"};

/* ---- working sets --------------------------------------------------------------------------- */

/* Bytes a thread for each level; 0: the machine shows no such level, or it does not show against
 * the one before. */
static void working_sets(uint32_t threads, uint64_t memory_bytes, uint64_t sets[EIE_LEVELS])
{
    const struct eie_topology *t;
    memset(sets, 0, EIE_LEVELS * sizeof *sets);
    if (eie_topology_get(&t, NULL)) return;
    const uint64_t private_bytes = eie_private_bytes(threads);
    const uint64_t l2 = eie_cache_bytes(2, threads), l3 = eie_cache_bytes(3, threads);
    uint64_t last = l3 ? l3 : private_bytes, dram = DRAM_CACHES * last;
    if (dram < DRAM_LEAST) dram = DRAM_LEAST;
    if (dram > DRAM_MOST) dram = DRAM_MOST > 2 * last ? DRAM_MOST : 2 * last;
    sets[EIE_L1] = t->l1d_bytes ? t->l1d_bytes / 4 * 3 : L1_UNKNOWN;
    if (l2) sets[EIE_L2] = l2 / 2 / threads;
    if (l3 && l3 / 2 > private_bytes) {
        const uint64_t wanted = PRIVATE_TIMES * private_bytes;
        sets[EIE_L3] = (wanted < l3 / 2 ? wanted : l3 / 2) / threads;
    }
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t spare = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * page / FREE_SHARE;
    if (dram <= memory_bytes && dram <= spare) sets[EIE_DRAM] = dram / threads;
    for (int level = 0; level < EIE_LEVELS; level++) sets[level] -= sets[level] % LINE_SET;
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct reading {
    struct eie_pool *pool;
    uint8_t *data; /* [threads][stride] */
    size_t stride, bytes;
    uint32_t passes;
    uint64_t (*read)(const uint8_t *data, size_t bytes);
    uint64_t (*multiply)(uint64_t rounds);
    uint64_t rounds;
    struct adding *adding; /* [threads] */
    uint64_t (*add)(uint32_t *sums, const uint16_t *places, uint64_t rounds);
};

/* A thread's own: sums and places are whole pages. */
struct adding {
    uint32_t sums[EIE_ADD_SUMS];
    uint16_t places[EIE_ADD_PLACES];
};

static volatile uint64_t sink; /* results must be wanted by someone */

static void touch(void *context, uint32_t worker)
{
    const struct reading *r = context;
    memset(r->data + worker * r->stride, 1, r->stride);
}

static void read_part(void *context, uint32_t worker)
{
    const struct reading *r = context;
    uint64_t all = 0;
    for (uint32_t i = 0; i < r->passes; i++) all += r->read(r->data + worker * r->stride, r->bytes);
    sink = all;
}

static void multiply_part(void *context, uint32_t worker)
{
    const struct reading *r = context;
    (void)worker;
    sink = r->multiply(r->rounds);
}

static void begin_adding(void *context, uint32_t worker)
{
    const struct reading *r = context;
    memset(&r->adding[worker], 0, sizeof r->adding[worker]);
    eie_add_places(r->adding[worker].places);
}

static void add_part(void *context, uint32_t worker)
{
    const struct reading *r = context;
    sink = r->add(r->adding[worker].sums, r->adding[worker].places, r->rounds);
}

static double run_s(struct reading *r, eie_pool_work work)
{
    const double begin = eie_now_s();
    eie_pool_run(r->pool, work, r);
    return eie_now_s() - begin;
}

static void keep(struct eie_ceiling *ceiling, double per_s, uint64_t bytes, const char *loop)
{
    if (per_s > ceiling->per_s) *ceiling = (struct eie_ceiling){per_s, bytes, loop};
}

/* Where memory is the limit, only the widest loads are tried: a pass takes long, and their width
 * does not matter. */
static void measure_level(struct reading *r, uint32_t threads, bool widest,
                          struct eie_ceiling *ceiling)
{
    struct eie_read_loop loops[EIE_READ_LOOPS_MAX];
    const uint32_t count = eie_read_loops(loops);
    for (uint32_t i = widest ? count - EIE_READ_LOOPS_WIDTH : 0; i < count; i++) {
        r->read = loops[i].run;
        r->passes = 1;
        run_s(r, read_part);
        while (run_s(r, read_part) < READ_S && r->passes < 1u << 20) r->passes *= 2;
        double least = INFINITY;
        for (int k = 0; k < TRIES; k++) least = fmin(least, run_s(r, read_part));
        keep(ceiling, (double)r->passes * (double)r->bytes * threads / least, r->bytes * threads,
             loops[i].name);
    }
}

static void measure_macs(struct reading *r, uint32_t threads, struct eie_ceilings *ceilings)
{
    struct eie_mac_loop loops[EIE_MAC_LOOPS_MAX];
    const uint32_t count = eie_mac_loops(loops);
    for (uint32_t i = 0; i < count; i++) {
        r->multiply = loops[i].run;
        r->rounds = MAC_ROUNDS;
        double least = INFINITY;
        for (int k = 0; k < TRIES; k++) least = fmin(least, run_s(r, multiply_part));
        for (int o = 0; o < EIE_OPERATIONS; o++)
            if (!strcmp(operation_names[o], loops[i].operation))
                keep(&ceilings->macs[o], (double)r->rounds * loops[i].macs * threads / least, 0,
                     loops[i].name);
    }
}

static void measure_adds(struct reading *r, uint32_t threads, struct eie_ceilings *ceilings)
{
    struct eie_add_loop loops[EIE_ADD_LOOPS_MAX];
    const uint32_t count = eie_add_loops(loops);
    r->rounds = ADD_ROUNDS;
    eie_pool_run(r->pool, begin_adding, r);
    for (uint32_t i = 0; i < count; i++) {
        r->add = loops[i].run;
        double least = INFINITY;
        for (int k = 0; k < TRIES; k++) least = fmin(least, run_s(r, add_part));
        keep(&ceilings->adds, (double)r->rounds * EIE_ADD_PLACES * threads / least,
             sizeof r->adding->sums, loops[i].name);
    }
}

static void nothing(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
}

static void wait_often(void *context, uint32_t worker)
{
    const struct reading *r = context;
    for (uint32_t i = 0; i < BARRIERS; i++) eie_pool_barrier(r->pool, worker);
}

static void keep_least(double *least_ns, double ns)
{
    if (!(*least_ns > 0) || ns < *least_ns) *least_ns = ns;
}

static void measure_pool(struct reading *r, struct eie_ceilings *ceilings)
{
    for (int k = 0; k < TRIES; k++) {
        const double begin = eie_now_s();
        for (uint32_t i = 0; i < EMPTY_RUNS; i++) eie_pool_run(r->pool, nothing, NULL);
        keep_least(&ceilings->run_ns, 1e9 * (eie_now_s() - begin) / EMPTY_RUNS);
        keep_least(&ceilings->barrier_ns, 1e9 * run_s(r, wait_often) / BARRIERS);
    }
}

/* Memory for the largest set; sets that it does not hold are dropped. NULL: none at all. */
static uint8_t *allocate(uint32_t threads, uint64_t sets[EIE_LEVELS], size_t *stride)
{
    const size_t huge = EIE_HUGE_PAGE_BYTES;
    for (int level = EIE_LEVELS - 1; level >= 0; level--) {
        if (!sets[level]) continue;
        *stride = (sets[level] + huge - 1) / huge * huge;
        uint8_t *data = aligned_alloc(huge, *stride * threads);
        if (data) return data;
        sets[level] = 0;
    }
    return NULL;
}

static enum eie_status measure_levels(struct eie_pool *pool, uint64_t memory_bytes, uint32_t which,
                                      struct eie_ceilings *now, struct eie_error *error)
{
    struct reading r = {.pool = pool};
    uint64_t sets[EIE_LEVELS];
    working_sets(now->threads, memory_bytes, sets);
    for (int level = 0; level < EIE_LEVELS; level++)
        if (!(which & EIE_CEILING_OF(level))) sets[level] = 0;
    r.data = allocate(now->threads, sets, &r.stride);
    if (!r.data) return eie_fail(error, EIE_MEMORY, "out of memory to measure the ceilings");
    eie_pages_advise(r.data, r.stride * now->threads);
    eie_pool_run(pool, touch, &r);
    for (int level = 0; level < EIE_LEVELS; level++) {
        r.bytes = sets[level];
        if (r.bytes) measure_level(&r, now->threads, level == EIE_DRAM, &now->read[level]);
    }
    free(r.data);
    return EIE_OK;
}

enum eie_status eie_ceilings_measure(struct eie_pool *pool, uint64_t memory_bytes, uint32_t which,
                                     struct eie_ceilings *ceilings, struct eie_error *error)
{
    struct eie_ceilings now = *ceilings; /* whole or not at all: a process may end in between */
    struct reading r = {.pool = pool};
    const uint32_t levels = which & ~EIE_CEILING_REST;
    ceilings->attempts++;
    now.attempts = 0;
    now.threads = eie_pool_threads(pool);
    now.measured |= which;
    enum eie_status status =
        levels ? measure_levels(pool, memory_bytes, levels, &now, error) : EIE_OK;
    if (status) return status;
    if (which & EIE_CEILING_REST) {
        r.adding = eie_pages_zeroed(PAGE, now.threads * sizeof *r.adding);
        if (!r.adding) return eie_fail(error, EIE_MEMORY, "out of memory to measure the ceilings");
        measure_macs(&r, now.threads, &now);
        measure_adds(&r, now.threads, &now);
        measure_pool(&r, &now);
        free(r.adding);
    }
    *ceilings = now;
    return EIE_OK;
}

static bool is_lower(const char *name, const struct eie_ceiling *one,
                     const struct eie_ceiling *several, uint32_t threads, char *text, size_t size)
{
    if (!(one->per_s > 0) || !(several->per_s > 0) || several->per_s >= LOWER * one->per_s)
        return false;
    snprintf(text, size, "ceiling %s: %.3g G/s on %u threads, %.3g G/s on one", name,
             several->per_s / 1e9, threads, one->per_s / 1e9);
    return true;
}

bool eie_ceilings_doubt(const struct eie_ceilings *one, const struct eie_ceilings *several,
                        char *text, size_t size)
{
    for (int level = 0; level < EIE_LEVELS; level++)
        if (is_lower(level_names[level], &one->read[level], &several->read[level], several->threads,
                     text, size))
            return true;
    for (int o = 0; o < EIE_OPERATIONS; o++)
        if (is_lower(operation_names[o], &one->macs[o], &several->macs[o], several->threads, text,
                     size))
            return true;
    return is_lower("adds", &one->adds, &several->adds, several->threads, text, size);
}

/* ---- the bound ------------------------------------------------------------------------------ */

static double arithmetic_s(const struct eie_ceilings *ceilings, const struct eie_demand *demand)
{
    double per_s = ceilings->macs[EIE_FLOAT32].per_s;
    if (!demand->float32) /* exact products can be put together from any integers */
        per_s = fmax(ceilings->macs[EIE_INT16].per_s, ceilings->macs[EIE_INT8].per_s);
    return per_s > 0 ? (double)demand->macs / per_s : 0;
}

/* Bytes of one level that `threads` cores reach. */
static double holds(int level, uint32_t threads)
{
    const uint64_t bytes = level < EIE_DRAM ? eie_cache_bytes((uint32_t)level + 1, threads) : 0;
    if (level == EIE_DRAM) return INFINITY;
    return level == EIE_L3 && !bytes ? (double)L3_UNKNOWN : (double)bytes;
}

uint32_t eie_ceilings_for(uint32_t threads, const struct eie_demand *demand)
{
    double left = (double)(demand->footprint > demand->bytes ? demand->footprint : demand->bytes);
    uint32_t which = EIE_CEILING_REST;
    for (int level = 0; level < EIE_LEVELS && left > 0; level++) {
        which |= EIE_CEILING_OF(level);
        left -= fmin(left, holds(level, threads));
    }
    return which;
}

struct eie_roofline eie_roofline_over(const struct eie_reach *levels, uint32_t count,
                                      const struct eie_demand *demand)
{
    struct eie_roofline roofline = {0, "none"};
    const double footprint =
        (double)(demand->footprint > demand->bytes ? demand->footprint : demand->bytes);
    double left = footprint, most = 0, reading_s = 0, per_s = 0;
    const char *name = "none";
    for (uint32_t level = 0; level < count && left > 0; level++) {
        if (levels[level].per_s > 0) {
            per_s = levels[level].per_s;
            name = levels[level].name;
        }
        const double here = fmin(left, levels[level].holds_bytes);
        left -= here;
        if (!(per_s > 0)) continue;
        const double spent = here / footprint * (double)demand->bytes / per_s;
        reading_s += spent;
        if (spent > most) {
            most = spent;
            roofline.bound = name;
        }
    }
    roofline.ns = 1e9 * reading_s;
    return roofline;
}

struct eie_roofline eie_roofline_of(const struct eie_ceilings *ceilings,
                                    const struct eie_demand *demand)
{
    struct eie_reach levels[EIE_LEVELS];
    if (!ceilings->threads) return (struct eie_roofline){0, "none"};
    for (int level = 0; level < EIE_LEVELS; level++)
        levels[level] = (struct eie_reach){level_names[level], holds(level, ceilings->threads),
                                           ceilings->read[level].per_s};
    struct eie_roofline roofline = eie_roofline_over(levels, EIE_LEVELS, demand);
    const double multiplying_ns = 1e9 * arithmetic_s(ceilings, demand);
    if (multiplying_ns > roofline.ns)
        roofline = (struct eie_roofline){multiplying_ns, "arithmetic"};
    const double adding_ns =
        ceilings->adds.per_s > 0 ? 1e9 * (double)demand->adds / ceilings->adds.per_s : 0;
    if (adding_ns > roofline.ns) roofline = (struct eie_roofline){adding_ns, "adds"};
    return roofline;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

void eie_ceilings_add_json(const struct eie_ceilings *ceilings, json_t *lists)
{
    json_t *reads = json_object_get(lists, "eie_ceilings");
    json_t *peaks = json_object_get(lists, "eie_peaks");
    json_t *adds = json_object_get(lists, "eie_adds");
    json_t *costs = json_object_get(lists, "eie_pool");
    if (!reads) json_object_set_new(lists, "eie_ceilings", reads = json_array());
    if (!peaks) json_object_set_new(lists, "eie_peaks", peaks = json_array());
    if (!adds) json_object_set_new(lists, "eie_adds", adds = json_array());
    if (!costs) json_object_set_new(lists, "eie_pool", costs = json_array());
    if (ceilings->adds.per_s > 0)
        json_array_append_new(adds, json_pack("{s:I, s:f, s:I, s:s}", "threads",
                                              (json_int_t)ceilings->threads, "adds_per_s",
                                              ceilings->adds.per_s, "working_set_bytes",
                                              (json_int_t)ceilings->adds.working_set_bytes, "loop",
                                              ceilings->adds.loop));
    if (ceilings->run_ns > 0)
        json_array_append_new(
            costs, json_pack("{s:I, s:f, s:f}", "threads", (json_int_t)ceilings->threads, "run_ns",
                             ceilings->run_ns, "barrier_ns", ceilings->barrier_ns));
    for (int level = 0; level < EIE_LEVELS; level++) {
        const struct eie_ceiling *one = &ceilings->read[level];
        if (one->per_s > 0)
            json_array_append_new(
                reads, json_pack("{s:I, s:s, s:f, s:I, s:s}", "threads",
                                 (json_int_t)ceilings->threads, "level", level_names[level],
                                 "bytes_per_s", one->per_s, "working_set_bytes",
                                 (json_int_t)one->working_set_bytes, "loop", one->loop));
    }
    for (int o = 0; o < EIE_OPERATIONS; o++) {
        const struct eie_ceiling *one = &ceilings->macs[o];
        if (one->per_s > 0)
            json_array_append_new(peaks, json_pack("{s:I, s:s, s:f, s:s}", "threads",
                                                   (json_int_t)ceilings->threads, "operation",
                                                   operation_names[o], "macs_per_s", one->per_s,
                                                   "loop", one->loop));
    }
}
