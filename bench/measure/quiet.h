/* Counters beside each block of calls that tell whether something else was at work: a loop that
 * needs nothing but registers, the time that threads of this process waited for a core, the time
 * that a hypervisor gave to others. They alone say that a block was disturbed, never its own time.
 */
#ifndef EIE_BENCH_MEASURE_QUIET_H
#define EIE_BENCH_MEASURE_QUIET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define EIE_QUIET_PROBES 512u

/* Of a whole run: plain, so that it can lie in memory that processes share. Zeroed is the
 * beginning. */
struct eie_quiet_totals {
    float probe_ns[EIE_QUIET_PROBES]; /* a sample of the run's */
    uint64_t probes, blocks, disturbed, drawn;
    double limit_ns;        /* a probe that takes longer disturbs; 0: too few were taken */
    double steal_s, seen_s; /* stolen, and of how many seconds of a core */
};

struct eie_quiet;

/* The threads that the process has now are watched. `proc` is where the kernel's files are, NULL
 * for /proc: what cannot be read there disturbs nothing. NULL when out of memory, which all
 * functions below take. */
struct eie_quiet *eie_quiet_begin(const char *proc, struct eie_quiet_totals *totals);
void eie_quiet_end(struct eie_quiet *quiet);

/* Right before and right after a block; the second says whether it was disturbed: a probe took 20 %
 * more than the run's tenth percentile; a thread waited for a core more than 2 % of the block,
 * having been taken off one, or long; the hypervisor took time of a core that one of the threads
 * may run on. About 70 us both. */
void eie_quiet_before(struct eie_quiet *quiet);
bool eie_quiet_after(struct eie_quiet *quiet, double block_ns);

/* A probe of the run; the limit is 1.2 times the tenth percentile of a sample of all of them. */
void eie_quiet_keep_probe(struct eie_quiet_totals *totals, double ns);

/* The rule alone. */
struct eie_quiet_seen {
    double block_ns, probe_ns, limit_ns; /* the slower probe; limit 0: none */
    double waited_ns;                    /* of all threads */
    uint64_t switches;                   /* away from a core that the thread did not give up */
    uint64_t stolen_ticks;
};
bool eie_quiet_is_disturbed(const struct eie_quiet_seen *seen);

/* {"probe_best_ns", "probe_median_ns", "blocks", "disturbed_share", "steal_share"}; without what is
 * not known. */
json_t *eie_quiet_json(const struct eie_quiet_totals *totals);

/* What a CPU quota (cgroup v1 or v2, the tightest up to the root) and the allowed cores leave:
 * {"cpu_quota": 0.5, "cpuset": "0-1", "cores": 2}, cpu_quota in cores, absent where there is none.
 * `root` is put before all paths, NULL for none. */
json_t *eie_limits_json(const char *root);

#endif
