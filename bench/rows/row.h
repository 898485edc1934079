/* One row of the benchmark matrix: its key, what became of it, and its numbers. */
#ifndef EIE_BENCH_ROWS_ROW_H
#define EIE_BENCH_ROWS_ROW_H

#include "bench/measure/ceilings.h"
#include "bench/measure/counters.h"
#include "bench/measure/energy.h"
#include "bench/measure/samples.h"
#include "bench/rows/reproducer.h"
#include "kernels/kernel.h"

#include <jansson.h>
#include <stdbool.h>

enum eie_row_status {
    EIE_ROW_OK,
    EIE_ROW_UNSUPPORTED, /* the kernel cannot do this problem, or not on this machine */
    EIE_ROW_SKIPPED,     /* a library or device is absent, or memory too small */
    EIE_ROW_MISMATCH,    /* the outputs are wrong: no number */
    EIE_ROW_SUSPECT,     /* the number contradicts a measured ceiling */
    EIE_ROW_ERROR        /* the kernel or the machine failed */
};

/* Facts of the layer and the inputs, the same for every kernel. */
struct eie_work_facts {
    uint32_t inputs, outputs;
    uint32_t positions;                 /* of a convolution: inputs for one image; else 0 */
    uint64_t nonzeros, entries;         /* of the whole layer; entries with padding */
    uint64_t active_inputs;             /* that are not 0, summed over the batch */
    int16_t least_input, largest_input; /* of the batch: do they fit 8 bits? */
};

struct eie_row {
    /* key */
    const char *suite, *layer, *cache, *time_source; /* not owned */
    const struct eie_kernel *kernel;
    const struct eie_device *device;
    struct eie_hash hash;
    uint32_t batch, threads;
    /* outcome */
    enum eie_row_status status;
    enum eie_status error_status; /* what the kernel returned, where status is not ok */
    char reason[1024 + EIE_REPRODUCER_MAX];
    struct eie_reproducer reproducer; /* the command that repeats the row */
    /* numbers; NaN or 0 where there are none */
    const char *layer_basis, *provenance;
    struct eie_work_facts facts;
    struct eie_samples samples; /* of this visit and the ones before */
    struct eie_stats stats;     /* of those that count: nanoseconds per call, whole batch */
    double cpu_ns;       /* CPU time per call, all threads: the mean over all samples, since the
                            system adds up other threads' time only now and then */
    double target;       /* for the relative half width of the median's interval; 0: none */
    const char *chosen;  /* by a kernel that chooses, in earlier visits; not owned; or NULL */
    bool is_reference;   /* in every visit of its group: ratios are formed within a visit */
    uint64_t copy_bytes; /* of one copy, as another row of this run found it; 0: not known */
    uint32_t copies;
    int64_t calls; /* per sample */
    double prepare_ns, relative_error;
    double huge_share; /* of the copies' bytes, what lies in huge pages; NaN: not known */
    struct eie_cost cost;
    struct eie_outcome outcome;
    struct eie_energy energy;     /* of devices that have a meter, or were found at run time */
    double assumed_power_w;       /* of the machine, by its user's meter (--power); 0: not known */
    struct eie_counts counts;     /* of the last visit, where they are asked for */
    struct eie_roofline roofline; /* the least time by the ceilings that were measured */
    double launch_ns;             /* of no work, on this row's clock; 0 or NaN: not measured */
    const char *resident;         /* of a device whose caches are known, else NULL */
    bool apart;                   /* run alone, after a kernel of its group ended the process */
    json_t *columns;              /* what the kernel describes, an object; owned */
};

/* On a device that was found at run time a kernel has several clocks, and a row for each of one
 * plan: how many. */
static inline uint32_t eie_row_clocks(const struct eie_row *row)
{
    return row->device->kind != EIE_DEVICE_FOUND ? 1 : row->kernel->pass ? EIE_CLOCKS : 2;
}

/* A row's time source: "wall", "device", "chain"; and its clock, that of a model too. */
const char *eie_clock_name(enum eie_clock clock);
enum eie_clock eie_row_clock(const struct eie_row *row);

/* Rows of one group that differ in their clock only. */
static inline bool eie_row_same_plan(const struct eie_row *one, const struct eie_row *other)
{
    return one->kernel == other->kernel && one->device == other->device;
}

void eie_row_free(struct eie_row *row);

/* Adds the samples of a row as it stands in a results file; EIE_INPUT when it contradicts itself.
 */
EIE_MUST_USE enum eie_status eie_row_take(struct eie_row *row, const json_t *earlier,
                                          struct eie_error *error);

const char *eie_row_status_name(enum eie_row_status status);

/* Sets status and reason from what a function returned; EIE_OK leaves the row as it is. */
void eie_row_fail(struct eie_row *row, enum eie_status status, const struct eie_error *error);

/* The stable name: suite/layer/kernel/device/batch:B/threads:T/cache:C/time:S. */
void eie_row_name(const struct eie_row *row, char *name, unsigned size);

/* The row as it stands in a results file (results/README.md); NULL when out of memory. */
json_t *eie_row_json(const struct eie_row *row);

#endif
