#include "bench/measure/counters.h"
#include "host/base/clock.h"
#include "host/base/jsonset.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX    4096u
#define RAN_LEAST      0.01 /* a share of the time below which scaling is guessing */
#define IPC_MOST       16.0 /* no processor retires as many instructions a cycle */
#define CLOCK_MOST_GHZ 10.0
#define LOADS_MOST     32.0 /* of one instruction: a gather, and as many again for scaling's error */
#define SCALED_APART   2.0 /* parts of a whole may exceed it by so much where counters take turns */
#define CLOCK_SLACK_S  1e-3 /* the kernel's account is kept by ticks and switches */
#define OWN_ALLOWED    2    /* kernel.perf_event_paranoid up to which users count their programs */
#define WHOLE          0.9995 /* a counter that ran so much of the time ran all of it */

/* ---- events ---------------------------------------------------------------------------------- */

#define READ_MISSES(cache)                                                                         \
    (PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_READ << 8 |                              \
     PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
} events[EIE_EVENTS] = {
    [EIE_EVENT_CYCLES] = {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    [EIE_EVENT_INSTRUCTIONS] = {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    [EIE_EVENT_L1D_MISSES] = {"l1d_misses", PERF_TYPE_HW_CACHE, READ_MISSES(L1D)},
    [EIE_EVENT_LLC_MISSES] = {"llc_misses", PERF_TYPE_HW_CACHE, READ_MISSES(LL)},
    [EIE_EVENT_DTLB_MISSES] = {"dtlb_misses", PERF_TYPE_HW_CACHE, READ_MISSES(DTLB)},
    [EIE_EVENT_BRANCH_MISSES] = {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    [EIE_EVENT_FRONTEND_STALLS] = {"frontend_stalls", PERF_TYPE_HARDWARE,
                                   PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    [EIE_EVENT_BACKEND_STALLS] = {"backend_stalls", PERF_TYPE_HARDWARE,
                                  PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    [EIE_EVENT_TASK_CLOCK] = {"task_clock_ns", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
};

const char *eie_event_name(enum eie_event event)
{
    return events[event].name;
}

const char *eie_count_state_word(enum eie_count_state state)
{
    static const char *const words[] = {"",          "measured", "unavailable",  "no permission",
                                        "never ran", "vanished", "contradictory"};
    return words[state];
}

/* ---- the kernel's counters ------------------------------------------------------------------- */

static int open_once(enum eie_event event, int thread, int leader)
{
    struct perf_event_attr attributes = {
        .size = sizeof attributes,
        .type = events[event].type,
        .config = events[event].config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = 1, /* see OWN_ALLOWED */
        .exclude_hv = 1,
    };
    const long file =
        syscall(SYS_perf_event_open, &attributes, thread, -1, leader, PERF_FLAG_FD_CLOEXEC);
    return file < 0 ? -errno : (int)file;
}

/* One file a thread and event: many threads need more than the usual 1024. */
static bool allow_more_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max) return false;
    files.rlim_cur = files.rlim_max;
    return !setrlimit(RLIMIT_NOFILE, &files);
}

static int open_counter(void *context, enum eie_event event, int thread, int leader)
{
    (void)context;
    const int file = open_once(event, thread, leader);
    return file == -EMFILE && allow_more_files() ? open_once(event, thread, leader) : file;
}

static int read_counter(void *context, int counter, struct eie_reading *reading)
{
    uint64_t values[3]; /* the value, both times */
    (void)context;
    errno = EIO;
    if (read(counter, values, sizeof values) != (ssize_t)sizeof values) return errno ? errno : EIO;
    *reading = (struct eie_reading){values[0], values[1], values[2]};
    return 0;
}

static void close_counter(void *context, int counter)
{
    (void)context;
    close(counter);
}

static uint32_t list_threads(void *context, int *threads, uint32_t most)
{
    uint32_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    (void)context;
    for (const struct dirent *one; tasks && count < most && (one = readdir(tasks));)
        if (one->d_name[0] != '.') threads[count++] = atoi(one->d_name);
    if (tasks) closedir(tasks);
    return count;
}

static int read_paranoid(void *context)
{
    int level = -1;
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    (void)context;
    if (file && fscanf(file, "%d", &level) != 1) level = -1;
    if (file) fclose(file);
    return level;
}

const struct eie_counter_system eie_counter_system = {
    .open = open_counter,
    .read = read_counter,
    .close = close_counter,
    .threads = list_threads,
    .paranoid = read_paranoid,
};

/* ---- words ----------------------------------------------------------------------------------- */

static void EIE_PRINTF(3, 4)
    deny(struct eie_count *count, enum eie_count_state state, const char *format, ...)
{
    va_list arguments;
    count->state = state;
    count->per_call = count->ran_share = NAN;
    va_start(arguments, format);
    vsnprintf(count->reason, sizeof count->reason, format, arguments);
    va_end(arguments);
}

#define AGAIN "run the row again, and where it stays so do not believe this machine's counters"

static void EIE_PRINTF(4, 5) refuse(struct eie_refusal *refusal, enum eie_count_state state,
                                    const char *mend, const char *seen, ...)
{
    va_list arguments;
    refusal->state = state;
    snprintf(refusal->mend, sizeof refusal->mend, "%s", mend);
    va_start(arguments, seen);
    vsnprintf(refusal->seen, sizeof refusal->seen, seen, arguments);
    va_end(arguments);
}

static void forbid(int code, int paranoid, struct eie_refusal *refusal)
{
    char level[16];
    snprintf(level, sizeof level, "%d", paranoid);
    if (paranoid > OWN_ALLOWED)
        refuse(refusal, EIE_COUNT_NO_PERMISSION,
               "sudo sysctl kernel.perf_event_paranoid=2, or give the program CAP_PERFMON",
               "%s: kernel.perf_event_paranoid is %s", strerror(code), level);
    else
        refuse(refusal, EIE_COUNT_NO_PERMISSION,
               "in a container: --cap-add PERFMON, or a seccomp profile with perf_event_open",
               "%s, and not because of kernel.perf_event_paranoid, which is %s: a sandbox forbids "
               "perf_event_open",
               strerror(code), paranoid < 0 ? "-1 or unknown" : level);
}

void eie_counter_refusal(int code, int paranoid, struct eie_refusal *refusal)
{
    static const char virtual[] = "give the virtual machine its host's counters (QEMU: -cpu "
                                  "host,pmu=on), or measure on the machine itself";
    const enum eie_count_state none = EIE_COUNT_UNAVAILABLE;
    if (code == EACCES || code == EPERM)
        forbid(code, paranoid, refusal);
    else if (code == ENOSYS)
        refuse(refusal, none,
               "count outside of the sandbox, or give it a seccomp profile with perf_event_open",
               "this kernel, or a sandbox, has no perf_event_open");
    else if (code == EMFILE || code == ENFILE)
        refuse(refusal, none, "raise the limit (ulimit -n), or use fewer threads",
               "%s: a thread takes %d of them", strerror(code), EIE_EVENTS);
    else if (code == EBUSY)
        refuse(refusal, none, "end it (perf, a profiler)",
               "another program has the processor's counters to itself");
    else if (code == ENODATA)
        refuse(refusal, none, virtual, "the counter can be opened and stands still");
    else
        refuse(refusal, none, virtual,
               "no such counter (%s): most virtual machines have none, and no processor has all",
               strerror(code));
}

/* Why a counter could not be opened. */
static void explain(const struct eie_counter_system *system, struct eie_count *count, int code)
{
    struct eie_refusal refusal;
    eie_counter_refusal(code, system->paranoid(system->context), &refusal);
    deny(count, refusal.state, "%s: %s", refusal.seen, refusal.mend);
}

/* ---- a pass ---------------------------------------------------------------------------------- */

struct counter {
    int file; /* -1: none */
    struct eie_reading before, after;
};

struct pass {
    const struct eie_counter_system *system;
    struct eie_counts *counts;
    int *threads;                           /* [counts->threads] */
    struct counter (*counters)[EIE_EVENTS]; /* [counts->threads] */
    double span_s;                          /* from the first look to the last */
};

static bool is_open(const struct pass *pass, enum eie_event event)
{
    return pass->counts->of[event].state == EIE_COUNT_MEASURED;
}

/* An event that cannot be counted on all threads is not counted. */
static void open_thread(struct pass *pass, uint32_t thread)
{
    struct counter *counters = pass->counters[thread];
    for (int e = 0; e < EIE_EVENTS; e++) {
        struct eie_count *count = &pass->counts->of[e];
        const int leader = e == EIE_EVENT_INSTRUCTIONS ? counters[EIE_EVENT_CYCLES].file : -1;
        if (!is_open(pass, (enum eie_event)e)) continue;
        const int file = pass->system->open(pass->system->context, (enum eie_event)e,
                                            pass->threads[thread], leader);
        if (file >= 0)
            counters[e].file = file;
        else if (file != -ESRCH) /* else the thread has ended: it counts no more */
            explain(pass->system, count, -file);
    }
}

static enum eie_status open_all(struct pass *pass, struct eie_error *error)
{
    struct eie_counts *counts = pass->counts;
    pass->threads = calloc(THREADS_MAX, sizeof *pass->threads);
    counts->threads = pass->threads
                          ? pass->system->threads(pass->system->context, pass->threads, THREADS_MAX)
                          : 0;
    pass->counters = calloc((size_t)counts->threads + 1, sizeof *pass->counters);
    if (!pass->threads || !pass->counters)
        return eie_fail(error, EIE_MEMORY, "out of memory for counters");
    for (uint32_t t = 0; t < counts->threads; t++)
        for (int e = 0; e < EIE_EVENTS; e++) pass->counters[t][e].file = -1;
    for (uint32_t t = 0; t < counts->threads; t++) open_thread(pass, t);
    if (!counts->threads)
        eie_counts_refuse(counts, "the threads of this process cannot be listed: is /proc there?");
    return EIE_OK;
}

static bool any_open(const struct pass *pass)
{
    bool any = false;
    for (int e = 0; e < EIE_EVENTS; e++) any = any || is_open(pass, (enum eie_event)e);
    return any;
}

static void close_all(struct pass *pass)
{
    for (uint32_t t = 0; pass->counters && t < pass->counts->threads; t++)
        for (int e = EIE_EVENTS; e-- > 0;) /* members before their leader */
            if (pass->counters[t][e].file >= 0)
                pass->system->close(pass->system->context, pass->counters[t][e].file);
    free(pass->counters);
    free(pass->threads);
}

static void look(struct pass *pass, bool after)
{
    for (uint32_t t = 0; t < pass->counts->threads; t++)
        for (int e = 0; e < EIE_EVENTS; e++) {
            struct counter *one = &pass->counters[t][e];
            if (one->file < 0 || !is_open(pass, (enum eie_event)e)) continue;
            const int code = pass->system->read(pass->system->context, one->file,
                                                after ? &one->after : &one->before);
            if (code)
                deny(&pass->counts->of[e], EIE_COUNT_VANISHED,
                     "the counter could be opened and not be read %s the calls (%s): " AGAIN,
                     after ? "after" : "before", strerror(code));
        }
}

/* ---- what was counted ------------------------------------------------------------------------ */

static bool went_back(const struct counter *one)
{
    return one->after.value < one->before.value || one->after.ran_ns < one->before.ran_ns ||
           one->after.enabled_ns < one->before.enabled_ns;
}

/* Adds up the threads, and scales by the share of the time that the counters ran. */
static void add_up(struct pass *pass, enum eie_event event)
{
    struct eie_count *count = &pass->counts->of[event];
    double value = 0, enabled_ns = 0, ran_ns = 0;
    if (!is_open(pass, event)) return;
    for (uint32_t t = 0; t < pass->counts->threads; t++) {
        const struct counter *one = &pass->counters[t][event];
        if (one->file < 0) continue;
        if (went_back(one)) {
            deny(count, EIE_COUNT_CONTRADICTORY, "the counter went backwards: " AGAIN);
            return;
        }
        value += (double)(one->after.value - one->before.value);
        enabled_ns += (double)(one->after.enabled_ns - one->before.enabled_ns);
        ran_ns += (double)(one->after.ran_ns - one->before.ran_ns);
    }
    const double share = enabled_ns > 0 ? ran_ns / enabled_ns : 0;
    if (ran_ns > enabled_ns) {
        deny(count, EIE_COUNT_CONTRADICTORY, "the counter ran longer than it was wanted: " AGAIN);
    } else if (share < RAN_LEAST) {
        deny(count, EIE_COUNT_NEVER_RAN,
             "other users of the processor's counters left this one %s of the time: end them "
             "(perf, a profiler; sudo sysctl kernel.nmi_watchdog=0)",
             ran_ns > 0 ? "less than a hundredth" : "none");
    } else {
        count->ran_share = share;
        count->per_call = value / share / (double)pass->counts->calls;
    }
}

/* Of an event that was counted, in the whole pass; negative: it was not. */
static double total(const struct pass *pass, enum eie_event event)
{
    const struct eie_count *count = &pass->counts->of[event];
    return is_open(pass, event) ? count->per_call * (double)pass->counts->calls : -1;
}

/* No more time than all cores together have. */
static void judge_clock(struct pass *pass)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const double most_s = 1.1 * (double)(cores > 0 ? cores : 1) * pass->span_s + CLOCK_SLACK_S;
    if (1e-9 * total(pass, EIE_EVENT_TASK_CLOCK) > most_s)
        deny(&pass->counts->of[EIE_EVENT_TASK_CLOCK], EIE_COUNT_CONTRADICTORY,
             "more time than the cores had: " AGAIN);
}

static void judge_cycles(struct pass *pass)
{
    struct eie_count *cycles = &pass->counts->of[EIE_EVENT_CYCLES];
    struct eie_count *instructions = &pass->counts->of[EIE_EVENT_INSTRUCTIONS];
    const double clock_ns = total(pass, EIE_EVENT_TASK_CLOCK);
    if (clock_ns >= 0 && total(pass, EIE_EVENT_CYCLES) > CLOCK_MOST_GHZ * clock_ns)
        deny(cycles, EIE_COUNT_CONTRADICTORY,
             "%.3g cycles in %.3g s on a core: no processor is so fast: " AGAIN,
             total(pass, EIE_EVENT_CYCLES), 1e-9 * clock_ns);
    const double ticks = total(pass, EIE_EVENT_CYCLES), done = total(pass, EIE_EVENT_INSTRUCTIONS);
    const bool still = ticks == 0 || done == 0;
    if (!still && !(ticks > 0 && done > IPC_MOST * ticks)) return;
    struct eie_count *both[] = {cycles, instructions};
    for (int i = 0; i < 2; i++)
        if (both[i]->state == EIE_COUNT_MEASURED)
            deny(both[i], EIE_COUNT_CONTRADICTORY,
                 "%.3g instructions in %.3g cycles cannot be: " AGAIN, fmax(done, 0),
                 fmax(ticks, 0));
}

/* No more of an event than `most` for each of another one. */
static void judge_part(struct pass *pass, enum eie_event event, enum eie_event whole, double most)
{
    const double part = total(pass, event), of = total(pass, whole);
    if (of >= 0 && part > most * of)
        deny(&pass->counts->of[event], EIE_COUNT_CONTRADICTORY,
             "%.3g of them, and %.3g %s, cannot be: " AGAIN, part, of, events[whole].name);
}

static void judge(struct pass *pass)
{
    judge_clock(pass);
    judge_cycles(pass);
    judge_part(pass, EIE_EVENT_L1D_MISSES, EIE_EVENT_INSTRUCTIONS, LOADS_MOST);
    judge_part(pass, EIE_EVENT_LLC_MISSES, EIE_EVENT_INSTRUCTIONS, LOADS_MOST);
    judge_part(pass, EIE_EVENT_DTLB_MISSES, EIE_EVENT_INSTRUCTIONS, LOADS_MOST);
    judge_part(pass, EIE_EVENT_BRANCH_MISSES, EIE_EVENT_INSTRUCTIONS, SCALED_APART);
    judge_part(pass, EIE_EVENT_FRONTEND_STALLS, EIE_EVENT_CYCLES, SCALED_APART);
    judge_part(pass, EIE_EVENT_BACKEND_STALLS, EIE_EVENT_CYCLES, SCALED_APART);
}

static enum eie_status run_pass(struct pass *pass, eie_counters_call call, void *context,
                                struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    const double first_s = eie_now_s();
    look(pass, false);
    const double begin_s = eie_now_s();
    for (uint64_t i = 0; i < pass->counts->calls && !status; i++) status = call(context, error);
    pass->counts->window_s = eie_now_s() - begin_s;
    if (!status) look(pass, true);
    pass->span_s = eie_now_s() - first_s;
    return status;
}

enum eie_status eie_counters_count(const struct eie_counter_system *system, uint64_t calls,
                                   eie_counters_call call, void *context, struct eie_counts *counts,
                                   struct eie_error *error)
{
    struct pass pass = {.system = system ? system : &eie_counter_system, .counts = counts};
    *counts = (struct eie_counts){.calls = calls};
    for (int e = 0; e < EIE_EVENTS; e++) counts->of[e].state = EIE_COUNT_MEASURED; /* so far */
    enum eie_status status = open_all(&pass, error);
    if (!any_open(&pass)) counts->calls = 0; /* they would tell nothing */
    if (!status && counts->calls) status = run_pass(&pass, call, context, error);
    for (int e = 0; e < EIE_EVENTS && !status; e++) add_up(&pass, (enum eie_event)e);
    if (!status) judge(&pass);
    close_all(&pass);
    if (status) *counts = (struct eie_counts){0};
    return status;
}

void eie_counts_refuse(struct eie_counts *counts, const char *reason)
{
    for (int e = 0; e < EIE_EVENTS; e++) deny(&counts->of[e], EIE_COUNT_UNAVAILABLE, "%s", reason);
}

const struct eie_count *eie_counts_verdict(const struct eie_counts *counts)
{
    const struct eie_count *cycles = &counts->of[EIE_EVENT_CYCLES];
    return cycles->state == EIE_COUNT_MEASURED ? &counts->of[EIE_EVENT_INSTRUCTIONS] : cycles;
}

/* ---- in a results file ----------------------------------------------------------------------- */

static bool has(const struct eie_counts *counts, enum eie_event event)
{
    return counts->of[event].state == EIE_COUNT_MEASURED;
}

static bool same_reason(const struct eie_count *one, const struct eie_count *other)
{
    return one->state == other->state && !strcmp(one->reason, other->reason);
}

/* Events without a number for another reason than the row's own, those with one reason together. */
static json_t *without(const struct eie_counts *counts)
{
    const struct eie_count *verdict = eie_counts_verdict(counts);
    json_t *list = json_array();
    for (int e = 0; e < EIE_EVENTS; e++) {
        const struct eie_count *count = &counts->of[e];
        bool said = count->state == EIE_COUNT_MEASURED || same_reason(count, verdict);
        for (int before = 0; before < e; before++)
            said = said || same_reason(count, &counts->of[before]);
        if (said) continue;
        json_t *names = json_array(), *one = json_object();
        for (int other = e; other < EIE_EVENTS; other++)
            if (same_reason(count, &counts->of[other]))
                json_array_append_new(names, json_string(events[other].name));
        json_object_set_new(one, "events", names);
        eie_set(one, "state", eie_count_state_word(count->state));
        eie_set(one, "reason", count->reason);
        json_array_append_new(list, one);
    }
    return list;
}

static void set_verdict(const struct eie_counts *counts, json_t *row)
{
    const struct eie_count *verdict = eie_counts_verdict(counts);
    char text[sizeof verdict->reason + 128];
    eie_set(row, "eie_counters_state", eie_count_state_word(verdict->state));
    if (verdict->state == EIE_COUNT_MEASURED) return;
    snprintf(text, sizeof text, "%s%s", verdict->reason,
             !has(counts, EIE_EVENT_CYCLES) && has(counts, EIE_EVENT_TASK_CLOCK)
                 ? "; of the time on a core there is the kernel's own account (task clock)"
                 : "");
    eie_set(row, "eie_counters_reason", text);
}

static void set_derived(const struct eie_counts *counts, uint32_t batch, uint64_t nonzeros,
                        json_t *row)
{
    const double cycles = counts->of[EIE_EVENT_CYCLES].per_call;
    const double clock_ns = counts->of[EIE_EVENT_TASK_CLOCK].per_call;
    if (!has(counts, EIE_EVENT_CYCLES)) return;
    if (has(counts, EIE_EVENT_INSTRUCTIONS))
        eie_set_number(row, "eie_ipc", counts->of[EIE_EVENT_INSTRUCTIONS].per_call / cycles);
    if (nonzeros && batch)
        eie_set_number(row, "eie_cycles_per_nonzero", cycles / (double)nonzeros / batch);
    if (has(counts, EIE_EVENT_TASK_CLOCK) && clock_ns > 0)
        eie_set_number(row, "eie_counted_clock_hz", 1e9 * cycles / clock_ns);
}

void eie_counts_add_json(const struct eie_counts *counts, uint32_t batch, uint64_t nonzeros,
                         json_t *row)
{
    char key[64];
    json_t *ran = json_object(), *others = without(counts);
    if (counts->of[EIE_EVENT_CYCLES].state != EIE_COUNT_NOT_ASKED) set_verdict(counts, row);
    if (counts->calls) {
        eie_set_integer(row, "eie_counters_calls", counts->calls);
        eie_set_integer(row, "eie_counters_threads", counts->threads);
        eie_set_number(row, "eie_counters_window_s", counts->window_s);
    }
    for (int e = 0; e < EIE_EVENTS; e++) {
        const struct eie_count *count = &counts->of[e];
        if (count->state != EIE_COUNT_MEASURED) continue;
        snprintf(key, sizeof key, "eie_counted_%s", events[e].name);
        eie_set_number(row, key, count->per_call);
        if (count->ran_share < WHOLE) eie_set_number(ran, events[e].name, count->ran_share);
    }
    set_derived(counts, batch, nonzeros, row);
    if (json_object_size(ran)) json_object_set(row, "eie_counters_ran", ran);
    if (json_array_size(others)) json_object_set(row, "eie_counters_without", others);
    json_decref(ran);
    json_decref(others);
}
