/* What the processor's own counters say of a row's calls: cycles, instructions, and what explains a
 * kernel. They are the kernel's (perf_event_open(2)), of each thread that the process has and of
 * those that these start meanwhile, in user mode only; they are read before and after a pass of
 * calls of its own, of which no timed sample is (results/README.md). */
#ifndef EIE_BENCH_MEASURE_COUNTERS_H
#define EIE_BENCH_MEASURE_COUNTERS_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdint.h>

enum eie_event {
    EIE_EVENT_CYCLES,
    EIE_EVENT_INSTRUCTIONS,
    EIE_EVENT_L1D_MISSES,  /* loads that the first-level data cache did not hold */
    EIE_EVENT_LLC_MISSES,  /* loads that the last level did not hold */
    EIE_EVENT_DTLB_MISSES, /* loads whose page the translation buffers did not hold */
    EIE_EVENT_BRANCH_MISSES,
    EIE_EVENT_FRONTEND_STALLS, /* cycles without an instruction to issue */
    EIE_EVENT_BACKEND_STALLS,  /* cycles in which none could be taken on */
    EIE_EVENT_TASK_CLOCK,      /* nanoseconds on a core: the kernel's own account, no counter of the
                                  processor; virtual machines have it too */
    EIE_EVENTS
};

/* What was not counted is never a zero: five words say why there is no number. */
enum eie_count_state {
    EIE_COUNT_NOT_ASKED,
    EIE_COUNT_MEASURED,
    EIE_COUNT_UNAVAILABLE,   /* no such counter: most virtual machines, some processors */
    EIE_COUNT_NO_PERMISSION, /* the system or a sandbox forbids it */
    EIE_COUNT_NEVER_RAN,     /* other users of the counters left it no time, or next to none */
    EIE_COUNT_VANISHED,      /* it could be opened, and then not be read */
    EIE_COUNT_CONTRADICTORY  /* it went backwards, or states what no processor can do */
};

/* "measured", "unavailable", "no permission", "never ran", "vanished", "contradictory"; "" for not
 * asked. */
const char *eie_count_state_word(enum eie_count_state state);

/* As in the keys of a results file: "cycles", "l1d_misses", ... */
const char *eie_event_name(enum eie_event event);

struct eie_count {
    enum eie_count_state state;
    double per_call;  /* of all threads, whole batch; scaled where it did not run all the time; NaN
                         unless measured */
    double ran_share; /* of the time that the threads ran, how much the counter did; NaN unless
                         measured */
    char reason[400]; /* why there is no number, and what to do; "" when measured */
};

/* Zeroed: nobody asked. */
struct eie_counts {
    struct eie_count of[EIE_EVENTS];
    uint64_t calls;   /* 0 where no event could be counted at all */
    uint32_t threads; /* of the process when the pass began */
    double window_s;  /* of the calls, looks at the counters not among it */
};

/* One look at a counter. */
struct eie_reading {
    uint64_t value;
    uint64_t enabled_ns, ran_ns; /* it was wanted, and a counter of the processor was its own */
};

/* Where counters come from; tests make up others. */
struct eie_counter_system {
    void *context;

    /* A counter of one thread of this process and of all that it starts, running from now on: 0 or
     * more, or an errno, negative. `leader`: a counter of the same thread that is to run at the
     * same times, or -1. */
    int (*open)(void *context, enum eie_event event, int thread, int leader);

    /* 0, or an errno; EIO where nothing comes. */
    int (*read)(void *context, int counter, struct eie_reading *reading);

    void (*close)(void *context, int counter);

    /* The threads of this process, at most `most`; how many. */
    uint32_t (*threads)(void *context, int *threads, uint32_t most);

    /* kernel.perf_event_paranoid; -1 where it is -1 or cannot be read. */
    int (*paranoid)(void *context);
};

extern const struct eie_counter_system eie_counter_system; /* the kernel's */

/* One call, waited for. */
typedef enum eie_status (*eie_counters_call)(void *context, struct eie_error *error);

/* Why a counter cannot be had, for whoever tries: the word, what was seen, and what to do. */
struct eie_refusal {
    enum eie_count_state state;
    char seen[192], mend[192];
};

/* `code`: the errno of opening it, ENODATA where it was opened and stands still; `paranoid` as in
 * struct eie_counter_system. */
void eie_counter_refusal(int code, int paranoid, struct eie_refusal *refusal);

/* Counts `calls` calls (at least 1; none is made where nothing can be counted); threads of a pool
 * or a library that the process has already are counted with it, and so is their waiting. `system`
 * NULL is the kernel's. What `call` returns when it fails, or EIE_MEMORY; else EIE_OK and *counts,
 * whose states say what came of each event.
 */
EIE_MUST_USE enum eie_status eie_counters_count(const struct eie_counter_system *system,
                                                uint64_t calls, eie_counters_call call,
                                                void *context, struct eie_counts *counts,
                                                struct eie_error *error);

/* All events are unavailable, for this reason. */
void eie_counts_refuse(struct eie_counts *counts, const char *reason);

/* Of a row as a whole: the first of cycles and instructions that has no number, else cycles. */
const struct eie_count *eie_counts_verdict(const struct eie_counts *counts);

/* eie_counters_*, eie_counted_* and what is derived of them (results/README.md); nothing where
 * nobody asked. `nonzeros`: of the layer; 0: not known. */
void eie_counts_add_json(const struct eie_counts *counts, uint32_t batch, uint64_t nonzeros,
                         json_t *row);

#endif
