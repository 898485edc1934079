/* Google Benchmark behind C: it runs the loops of one group of kernels, randomly interleaved, and
 * hands the raw repetitions back. Everything it knows about the machine comes as
 * eie_gbench_context. */
#ifndef EIE_BENCH_MEASURE_GBENCH_H
#define EIE_BENCH_MEASURE_GBENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Prepares the next block, untimed (warms the copy up); returns false to give up on this kernel:
 * then neither is called again, and the samples taken before stay. */
typedef bool (*eie_gbench_warm)(void *context);
/* Runs `calls` calls and returns the nanoseconds that they took, or a negative number on failure:
 * that block is no sample (nor is one of 0, NaN or infinity). Further blocks run all the same. */
typedef double (*eie_gbench_block)(void *context, int64_t calls);

struct eie_gbench_case {
    const char *name;
    int64_t calls;       /* per block: one sample is one block */
    int32_t repetitions; /* blocks */
    bool process_cpu;    /* CPU time of all threads rather than the caller's */
    eie_gbench_warm warm;
    eie_gbench_block block;
    void *context;
    /* filled in: [repetitions] nanoseconds per call, in the order taken, owned by the caller */
    double *sample_ns;
    double *sample_cpu_ns;
    int32_t samples;
};

/* Runs all cases interleaved; returns false when Google Benchmark refused (reason in `reason`). Not
 * reentrant. `tick` is called after every block (progress); it may be NULL. */
bool eie_gbench_run(struct eie_gbench_case *cases, int32_t count, void (*tick)(void *),
                    void *ticker, char *reason, unsigned reason_size);

struct eie_gbench_cache {
    char type[16];
    int level, size, num_sharing;
};
struct eie_gbench_context {
    char host_name[256];
    int num_cpus, mhz_per_cpu;
    int cpu_scaling_enabled; /* 0, 1, or -1 for unknown */
    struct eie_gbench_cache caches[16];
    int cache_count;
    double load_avg[3];
    int load_count;
    char version[32];
};
/* False where Google Benchmark would end the process with words of its own, and why: it needs two
 * files at once, and what each cache in /sys says of itself. */
bool eie_gbench_get_context(struct eie_gbench_context *context, char *reason, unsigned reason_size);

#ifdef __cplusplus
}
#endif

#endif
