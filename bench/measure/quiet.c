#include "bench/measure/quiet.h"
#include "host/base/clock.h"
#include "host/base/jsonset.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX  256u
#define PROBE_ROUNDS 10000u /* some 20 us of dependent multiplications */
#define PROBE_SLOWER 1.20
#define PROBES_LEAST 32u /* before they say anything */
#define WAITED_SHARE 0.02
#define WAITED_LONG  500e3 /* ns: nobody wakes up that slowly on a free core */
#define TICKS_PER_S  100.0 /* of /proc/stat, on every Linux */
#define CORES_MAX    1024u

struct eie_quiet {
    struct eie_quiet_totals *totals;
    int threads[THREADS_MAX]; /* schedstat of each */
    uint32_t count;
    bool used[CORES_MAX]; /* cores that some thread may run on */
    bool any_used;        /* else none is known, and all are watched */
    int stat;
    double probe_ns, waited_ns, stat_s;
    uint64_t switches, ticks; /* ticks: of the totals */
    uint64_t ticks_before;    /* this block */
};

static volatile uint64_t sink;

static double probe(void)
{
    const double begin = eie_now_s();
    uint64_t x = 1;
    for (uint32_t i = 0; i < PROBE_ROUNDS; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        x ^= x >> 29;
    }
    sink = x;
    return 1e9 * (eie_now_s() - begin);
}

/* ---- the kernel's files --------------------------------------------------------------------- */

/* Time that the watched threads were ready to run and had no core. */
static double waited_ns(const struct eie_quiet *quiet)
{
    double all = 0;
    char text[128];
    for (uint32_t i = 0; i < quiet->count; i++) {
        uint64_t ran, waited;
        const ssize_t size = pread(quiet->threads[i], text, sizeof text - 1, 0);
        if (size <= 0) continue; /* the thread has ended */
        text[size] = 0;
        if (sscanf(text, "%" SCNu64 " %" SCNu64, &ran, &waited) == 2) all += (double)waited;
    }
    return all;
}

static uint64_t switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_nivcsw;
}

/* Stolen from the cores in use, and how many these are. On a large machine others' cores are
 * stolen from at any time. */
static uint64_t stolen_ticks(const struct eie_quiet *quiet, uint32_t *cores)
{
    char text[CORES_MAX * 64];
    uint64_t stolen = 0, one;
    uint32_t core;
    const ssize_t size = quiet->stat < 0 ? -1 : pread(quiet->stat, text, sizeof text - 1, 0);
    *cores = 0;
    if (size <= 0) return 0;
    text[size] = 0;
    char *end = strrchr(text, '\n'); /* what follows may be half a number */
    if (end) *end = 0;
    for (const char *line = strstr(text, "\ncpu"); line; line = strstr(line + 1, "\ncpu")) {
        if (sscanf(line, "\ncpu%" SCNu32 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &core, &one) != 2)
            continue;
        if (quiet->any_used && (core >= CORES_MAX || !quiet->used[core])) continue;
        stolen += one;
        ++*cores;
    }
    return stolen;
}

/* "0-1,4" after the key of a thread's status file. */
static void use_cores(struct eie_quiet *quiet, const char *path)
{
    static const char key[] = "Cpus_allowed_list:";
    char line[4096];
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, sizeof key - 1)) continue;
        for (char *at = line + sizeof key - 1, *end; *at; at = *end == ',' ? end + 1 : end) {
            const unsigned long first = strtoul(at, &end, 10);
            if (end == at) break;
            const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
            for (unsigned long c = first; c <= last && c < CORES_MAX; c++)
                quiet->used[c] = quiet->any_used = true;
        }
    }
    if (file) fclose(file);
}

static void watch_threads(struct eie_quiet *quiet, const char *proc)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/self/task", proc);
    DIR *tasks = opendir(path);
    for (const struct dirent *one; tasks && quiet->count < THREADS_MAX && (one = readdir(tasks));) {
        if (one->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/self/task/%s/schedstat", proc, one->d_name);
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) quiet->threads[quiet->count++] = file;
        snprintf(path, sizeof path, "%s/self/task/%s/status", proc, one->d_name);
        use_cores(quiet, path);
    }
    if (tasks) closedir(tasks);
}

/* ---- blocks --------------------------------------------------------------------------------- */

struct eie_quiet *eie_quiet_begin(const char *proc, struct eie_quiet_totals *totals)
{
    struct eie_quiet *quiet = calloc(1, sizeof *quiet);
    char path[PATH_MAX];
    uint32_t cores;
    if (!quiet) return NULL;
    quiet->totals = totals;
    if (!proc) proc = "/proc";
    watch_threads(quiet, proc);
    snprintf(path, sizeof path, "%s/stat", proc);
    quiet->stat = open(path, O_RDONLY | O_CLOEXEC);
    quiet->ticks = stolen_ticks(quiet, &cores);
    quiet->stat_s = eie_now_s();
    return quiet;
}

void eie_quiet_end(struct eie_quiet *quiet)
{
    if (!quiet) return;
    for (uint32_t i = 0; i < quiet->count; i++) close(quiet->threads[i]);
    if (quiet->stat >= 0) close(quiet->stat);
    free(quiet);
}

static int rising(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Sorted; how many. */
static uint32_t sorted(const struct eie_quiet_totals *totals, float *probes)
{
    const uint32_t count =
        totals->probes < EIE_QUIET_PROBES ? (uint32_t)totals->probes : EIE_QUIET_PROBES;
    memcpy(probes, totals->probe_ns, count * sizeof *probes);
    qsort(probes, count, sizeof *probes, rising);
    return count;
}

static double probes_tenth(const struct eie_quiet_totals *totals, float *probes)
{
    return probes[sorted(totals, probes) / 10];
}

void eie_quiet_keep_probe(struct eie_quiet_totals *totals, double ns)
{
    float probes[EIE_QUIET_PROBES];
    uint64_t place = totals->probes++;
    if (place >= EIE_QUIET_PROBES) { /* each of the run's probes is as likely to be among them */
        totals->drawn = totals->drawn * UINT64_C(6364136223846793005) + 1442695040888963407;
        place = (totals->drawn >> 33) % totals->probes;
    }
    if (place < EIE_QUIET_PROBES) totals->probe_ns[place] = (float)ns;
    if (totals->probes < PROBES_LEAST || totals->probes % PROBES_LEAST) return;
    totals->limit_ns = PROBE_SLOWER * probes_tenth(totals, probes);
}

void eie_quiet_before(struct eie_quiet *quiet)
{
    uint32_t cores;
    if (!quiet) return;
    quiet->ticks_before = stolen_ticks(quiet, &cores);
    quiet->waited_ns = waited_ns(quiet);
    quiet->switches = switches();
    quiet->probe_ns = probe();
}

bool eie_quiet_is_disturbed(const struct eie_quiet_seen *seen)
{
    if (seen->stolen_ticks) return true;
    if (seen->limit_ns > 0 && seen->probe_ns > seen->limit_ns) return true;
    if (seen->waited_ns <= WAITED_SHARE * seen->block_ns) return false;
    return seen->switches > 0 || seen->waited_ns > WAITED_LONG;
}

bool eie_quiet_after(struct eie_quiet *quiet, double block_ns)
{
    if (!quiet) return false;
    struct eie_quiet_totals *totals = quiet->totals;
    const double probe_ns = probe(), now_s = eie_now_s();
    uint32_t cores;
    const uint64_t ticks = stolen_ticks(quiet, &cores);
    const struct eie_quiet_seen seen = {
        .block_ns = block_ns,
        .probe_ns = fmax(quiet->probe_ns, probe_ns),
        .limit_ns = totals->limit_ns,
        .waited_ns = waited_ns(quiet) - quiet->waited_ns,
        .switches = switches() - quiet->switches,
        .stolen_ticks = ticks > quiet->ticks_before ? ticks - quiet->ticks_before : 0,
    };
    const bool disturbed = eie_quiet_is_disturbed(&seen);
    eie_quiet_keep_probe(totals, quiet->probe_ns);
    eie_quiet_keep_probe(totals, probe_ns);
    totals->blocks++;
    totals->disturbed += disturbed;
    if (ticks > quiet->ticks) totals->steal_s += (double)(ticks - quiet->ticks) / TICKS_PER_S;
    totals->seen_s += cores * (now_s - quiet->stat_s);
    quiet->ticks = ticks;
    quiet->stat_s = now_s;
    return disturbed;
}

json_t *eie_quiet_json(const struct eie_quiet_totals *totals)
{
    float probes[EIE_QUIET_PROBES];
    json_t *object = json_object();
    const uint32_t count = sorted(totals, probes);
    if (count) {
        eie_set_number(object, "probe_best_ns", probes[0]);
        eie_set_number(object, "probe_median_ns", probes[count / 2]);
    }
    eie_set_integer(object, "blocks", totals->blocks);
    if (totals->blocks)
        eie_set_number(object, "disturbed_share",
                       (double)totals->disturbed / (double)totals->blocks);
    if (totals->seen_s > 0) eie_set_number(object, "steal_share", totals->steal_s / totals->seen_s);
    return object;
}

/* ---- limits --------------------------------------------------------------------------------- */

static bool read_text(const char *root, const char *path, char *text, size_t size)
{
    char whole[2 * PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    FILE *file = fopen(whole, "re");
    if (!file) return false;
    const size_t got = fread(text, 1, size - 1, file);
    text[got] = 0;
    fclose(file);
    return got > 0;
}

static void lower(double *quota, double cores)
{
    if (cores > 0 && (!(*quota > 0) || cores < *quota)) *quota = cores;
}

static void quota_v2(const char *root, const char *folder, double *quota)
{
    char path[PATH_MAX + 64], text[128];
    double most, period;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
    if (read_text(root, path, text, sizeof text) && sscanf(text, "%lf %lf", &most, &period) == 2 &&
        period > 0)
        lower(quota, most / period);
}

static void quota_v1(const char *root, const char *folder, double *quota)
{
    static const char *const mounts[] = {"cpu", "cpu,cpuacct"};
    char path[PATH_MAX + 64], text[64];
    for (int i = 0; i < 2; i++) {
        double most = 0, period = 0;
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/cpu.cfs_quota_us", mounts[i], folder);
        if (read_text(root, path, text, sizeof text)) most = strtod(text, NULL);
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/cpu.cfs_period_us", mounts[i], folder);
        if (read_text(root, path, text, sizeof text)) period = strtod(text, NULL);
        if (most > 0 && period > 0) lower(quota, most / period);
    }
}

/* Of the group and of all above it. */
static void quotas(const char *root, const char *folder, bool second, double *quota)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", strcmp(folder, "/") ? folder : "");
    for (;;) {
        if (second)
            quota_v2(root, path, quota);
        else
            quota_v1(root, path, quota);
        char *slash = strrchr(path, '/');
        if (!slash) return;
        *slash = 0;
    }
}

static double cpu_quota(const char *root)
{
    char text[16384], *rest = NULL;
    double quota = 0;
    if (!read_text(root, "/proc/self/cgroup", text, sizeof text)) return 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *folder = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!folder) continue;
        *folder++ = 0;
        controllers++;
        if (!*controllers)
            quotas(root, folder, true, &quota);
        else if (!strcmp(controllers, "cpu") || !strncmp(controllers, "cpu,", 4) ||
                 strstr(controllers, ",cpu,") ||
                 (strlen(controllers) > 4 &&
                  !strcmp(controllers + strlen(controllers) - 4, ",cpu")))
            quotas(root, folder, false, &quota);
    }
    return quota;
}

/* "0-1,4" of the cores that this process may use. */
static int allowed(char *text, size_t size)
{
    cpu_set_t set;
    int count = 0;
    size_t used = 0;
    *text = 0;
    if (sched_getaffinity(0, sizeof set, &set)) return 0;
    for (int c = 0; c < CPU_SETSIZE; c++) {
        if (!CPU_ISSET((size_t)c, &set)) continue;
        int last = c;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, &set)) last++;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, last > c ? "%s%d-%d" : "%s%d",
                                     count ? "," : "", c, last);
        count += last - c + 1;
        c = last;
    }
    return count;
}

json_t *eie_limits_json(const char *root)
{
    char cores[512];
    json_t *object = json_object();
    const double quota = cpu_quota(root ? root : "");
    const int count = allowed(cores, sizeof cores);
    if (quota > 0) eie_set_number(object, "cpu_quota", quota);
    if (count) {
        eie_set(object, "cpuset", cores);
        eie_set_integer(object, "cores", (uint64_t)count);
    }
    return object;
}
