#include "host/machine/settings.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES 65536u
#define SHOWN      40u /* characters of garbage */
#define CPUS       "/sys/devices/system/cpu"
#define CACHES     32u
#define LEVEL_MOST 9

/* ---- files ---------------------------------------------------------------------------------- */

static void whole_path(const char *root, const char *path, char *whole, size_t size)
{
    snprintf(whole, size, "%s%s", root ? root : "", path);
}

/* The file's beginning, with a 0 behind it; -1 and errno. A pipe that nobody writes to is empty. */
static ssize_t read_bytes(const char *root, const char *path, char *text, size_t size)
{
    char whole[2 * PATH_MAX];
    size_t used = 0;
    ssize_t got = 1;
    whole_path(root, path, whole, sizeof whole);
    const int file = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    text[0] = 0;
    if (file < 0) return -1;
    while (used + 1 < size && (got = read(file, text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    const int fault = errno;
    close(file);
    text[used] = 0;
    errno = fault;
    return got < 0 ? -1 : (ssize_t)used;
}

/* What stands there in so many bytes, fit to be shown. */
static void garbage(struct eie_setting *setting, const char *bytes, size_t count)
{
    size_t used = 0;
    for (; used < count && used < SHOWN && bytes[used] != '\n'; used++)
        setting->text[used] = isprint((unsigned char)bytes[used]) ? bytes[used] : '?';
    snprintf(setting->text + used, sizeof setting->text - used, "%s",
             used < count && bytes[used] != '\n' ? "..." : "");
    setting->state = EIE_SETTING_GARBAGE;
}

static void begin(struct eie_setting *setting, const char *path)
{
    *setting = (struct eie_setting){.state = EIE_SETTING_ABSENT};
    snprintf(setting->path, sizeof setting->path, "%s", path);
}

static void not_read(struct eie_setting *setting)
{
    if (errno == ENOENT || errno == ENOTDIR) return;
    setting->state = EIE_SETTING_LOCKED;
    snprintf(setting->text, sizeof setting->text, "%s", strerror(errno));
}

/* A file of several lines; -1 where there is none, and *setting says why. */
static ssize_t read_lines(const char *root, const char *path, struct eie_setting *setting,
                          char text[FILE_BYTES])
{
    begin(setting, path);
    const ssize_t count = read_bytes(root, path, text, FILE_BYTES);
    if (count < 0) not_read(setting);
    if (count >= 0 && (size_t)count == strlen(text)) return count;
    if (count >= 0) garbage(setting, text, (size_t)count);
    return -1;
}

static void known(struct eie_setting *setting, const char *text)
{
    const size_t whole = strlen(text), most = sizeof setting->text - 1;
    const size_t length = whole < most ? whole : most;
    setting->state = EIE_SETTING_KNOWN;
    memcpy(setting->text, text, length);
    setting->text[length] = 0;
}

void eie_setting_read(const char *root, const char *path, struct eie_setting *setting)
{
    char bytes[sizeof setting->text + 1];
    begin(setting, path);
    const ssize_t count = read_bytes(root, path, bytes, sizeof bytes);
    if (count < 0) {
        not_read(setting);
        return;
    }
    size_t length = (size_t)count;
    while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == ' ')) length--;
    bool good = length > 0 && length < sizeof setting->text;
    for (size_t i = 0; i < length; i++) good = good && isprint((unsigned char)bytes[i]);
    if (!good) {
        garbage(setting, bytes, (size_t)count);
        return;
    }
    bytes[length] = 0;
    known(setting, bytes);
}

/* Makes garbage of a text that was taken for a value. */
static void refuse(struct eie_setting *setting)
{
    char text[sizeof setting->text];
    memcpy(text, setting->text, sizeof text);
    garbage(setting, text, strlen(text));
}

void eie_setting_number(const char *root, const char *path, long low, long high,
                        struct eie_setting *setting, long *value)
{
    char *end;
    *value = 0;
    eie_setting_read(root, path, setting);
    if (setting->state != EIE_SETTING_KNOWN) return;
    errno = 0;
    const long number = strtol(setting->text, &end, 10);
    if (errno || end == setting->text || *end || isspace((unsigned char)setting->text[0]) ||
        number < low || number > high)
        refuse(setting);
    else
        *value = number;
}

/* The words for 0 and 1. */
static void read_switch(const char *root, const char *path, const char *const words[2],
                        struct eie_setting *setting)
{
    long value;
    eie_setting_number(root, path, 0, 1, setting, &value);
    if (setting->state == EIE_SETTING_KNOWN) known(setting, words[value]);
}

/* ---- the clock ------------------------------------------------------------------------------ */

static const char *const governors[] = {"performance", "powersave", "powersave (lowest clock)",
                                        "ondemand",    "schedutil", "conservative",
                                        "userspace"};
enum { GOVERNORS = sizeof governors / sizeof *governors, POWERSAVE = 1, LOWEST = 2 };

/* Drivers whose `powersave` leaves the clock to the processor. */
static bool is_active_driver(const char *root, const char *cpu)
{
    static const char *const active[] = {"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"};
    char path[160];
    struct eie_setting driver;
    snprintf(path, sizeof path, CPUS "/%.40s/cpufreq/scaling_driver", cpu);
    eie_setting_read(root, path, &driver);
    for (size_t i = 0; i < sizeof active / sizeof *active; i++)
        if (driver.state == EIE_SETTING_KNOWN && !strcmp(driver.text, active[i])) return true;
    return false;
}

static bool is_cpu_folder(const char *name)
{
    if (strncmp(name, "cpu", 3) || !name[3] || strlen(name) > 9) return false;
    return strspn(name + 3, "0123456789") == strlen(name + 3);
}

/* Joins the governor of one CPU; false where it has none, or no good one. */
static bool add_governor(const char *root, const char *cpu, bool found[GOVERNORS],
                         struct eie_setting *setting)
{
    char path[160];
    struct eie_setting one;
    snprintf(path, sizeof path, CPUS "/%.40s/cpufreq/scaling_governor", cpu);
    eie_setting_read(root, path, &one);
    if (one.state == EIE_SETTING_ABSENT)
        return true; /* some CPUs have none, such as one that is off */
    for (int i = 0; one.state == EIE_SETTING_KNOWN && i < GOVERNORS; i++) {
        if (i == LOWEST || strcmp(one.text, governors[i]) != 0) continue;
        found[i == POWERSAVE && !is_active_driver(root, cpu) ? LOWEST : i] = true;
        return true;
    }
    if (one.state == EIE_SETTING_KNOWN) refuse(&one);
    *setting = one;
    return false;
}

void eie_setting_governor(const char *root, struct eie_setting *setting)
{
    char whole[2 * PATH_MAX];
    bool found[GOVERNORS] = {false}, good = true;
    begin(setting, CPUS "/cpu0/cpufreq/scaling_governor");
    whole_path(root, CPUS, whole, sizeof whole);
    DIR *folder = opendir(whole);
    for (const struct dirent *one; folder && good && (one = readdir(folder));)
        if (is_cpu_folder(one->d_name)) good = add_governor(root, one->d_name, found, setting);
    if (folder) closedir(folder);
    size_t used = 0;
    for (int i = 0; good && i < GOVERNORS; i++) {
        if (!found[i]) continue;
        used += (size_t)snprintf(setting->text + used, sizeof setting->text - used, "%s%s",
                                 used ? ", " : "", governors[i]);
        setting->state = EIE_SETTING_KNOWN;
    }
}

void eie_setting_turbo(const char *root, struct eie_setting *setting, const char **off)
{
    static const char *const on_at_0[] = {"on", "off"}, *const on_at_1[] = {"off", "on"};
    *off = "1";
    read_switch(root, CPUS "/intel_pstate/no_turbo", on_at_0, setting);
    if (setting->state != EIE_SETTING_ABSENT) return;
    *off = "0";
    read_switch(root, CPUS "/cpufreq/boost", on_at_1, setting);
}

/* ---- the machine ---------------------------------------------------------------------------- */

void eie_setting_smt(const char *root, struct eie_setting *setting)
{
    static const char *const words[] = {"off", "on"};
    read_switch(root, CPUS "/smt/active", words, setting);
}

/* Is `word` one of the words of a line, which blanks divide? */
static bool has_word(const char *line, const char *word)
{
    const size_t length = strlen(word), end = strcspn(line, "\n");
    for (size_t at = 0; at < end;) {
        const size_t here = strcspn(line + at, " \t\n");
        if (here == length && !memcmp(line + at, word, length)) return true;
        at += here + 1;
    }
    return false;
}

void eie_setting_virtual(const char *root, struct eie_setting *setting)
{
    char text[FILE_BYTES];
    struct eie_setting dmi;
    if (read_lines(root, "/proc/cpuinfo", setting, text) < 0) return;
    const char *flags = strstr(text, "\nflags");
    if (!flags) flags = strstr(text, "\nFeatures");
    if (!flags) {
        garbage(setting, text, strlen(text));
        return;
    }
    const bool said = has_word(flags + 1, "hypervisor");
    eie_setting_read(root, "/sys/hypervisor/type", &dmi); /* where processors have no word for it */
    known(setting, said || dmi.state == EIE_SETTING_KNOWN ? "yes" : "no");
}

void eie_setting_huge_pages(const char *root, struct eie_setting *setting)
{
    static const char *const words[] = {"always", "madvise", "never"};
    eie_setting_read(root, "/sys/kernel/mm/transparent_hugepage/enabled", setting);
    if (setting->state != EIE_SETTING_KNOWN) return;
    for (int i = 0; i < 3; i++) {
        char chosen[16];
        snprintf(chosen, sizeof chosen, "[%s]", words[i]);
        if (!has_word(setting->text, chosen)) continue;
        known(setting, words[i]);
        return;
    }
    refuse(setting);
}

/* ---- CPUs ----------------------------------------------------------------------------------- */

bool eie_cpu_list_parse(const char *text, struct eie_cpu_list *list)
{
    *list = (struct eie_cpu_list){0};
    for (const char *at = text;;) {
        char *end;
        if (!isdigit((unsigned char)*at)) return false;
        const unsigned long first = strtoul(at, &end, 10);
        unsigned long last = first;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1])) return false;
            last = strtoul(end + 1, &end, 10);
        }
        if (last < first || last >= EIE_SETTING_CPUS) return false;
        for (unsigned long cpu = first; cpu <= last; cpu++) {
            list->count += !list->has[cpu];
            list->has[cpu] = true;
        }
        if (!*end) return true;
        if (*end != ',') return false;
        at = end + 1;
    }
}

static void take_list(struct eie_setting *setting, struct eie_cpu_list *list)
{
    *list = (struct eie_cpu_list){0};
    if (setting->state != EIE_SETTING_KNOWN || eie_cpu_list_parse(setting->text, list)) return;
    *list = (struct eie_cpu_list){0};
    refuse(setting);
}

void eie_setting_online(const char *root, struct eie_setting *setting, struct eie_cpu_list *list)
{
    eie_setting_read(root, CPUS "/online", setting);
    take_list(setting, list);
}

void eie_setting_allowed(const char *root, struct eie_setting *setting, struct eie_cpu_list *list)
{
    static const char key[] = "\nCpus_allowed_list:";
    char text[FILE_BYTES];
    *list = (struct eie_cpu_list){0};
    if (read_lines(root, "/proc/self/status", setting, text) < 0) return;
    char *at = strstr(text, key);
    if (!at) {
        garbage(setting, text, strlen(text));
        return;
    }
    at += sizeof key - 1;
    at += strspn(at, " \t");
    at[strcspn(at, "\n")] = 0;
    if (strlen(at) >= sizeof setting->text) { /* a long list is one all the same */
        known(setting, "a long list");
        if (!eie_cpu_list_parse(at, list)) garbage(setting, at, strlen(at));
        return;
    }
    known(setting, at);
    take_list(setting, list);
}

/* ---- load ----------------------------------------------------------------------------------- */

/* A number that is no less than 0, with its end at one of `ends`. */
static bool take_share(const char *text, const char *ends, double *number)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    *number = strtod(text, &end);
    return isfinite(*number) && *number >= 0 && *number < 1e9 && strchr(ends, *end);
}

void eie_setting_load(const char *root, struct eie_setting *setting, double *mean)
{
    *mean = NAN;
    eie_setting_read(root, "/proc/loadavg", setting);
    if (setting->state == EIE_SETTING_KNOWN && !take_share(setting->text, " ", mean)) {
        *mean = NAN;
        refuse(setting);
    }
}

void eie_setting_pressure(const char *root, struct eie_setting *setting, double *share)
{
    static const char key[] = "some avg10=";
    char text[FILE_BYTES];
    *share = NAN;
    if (read_lines(root, "/proc/pressure/cpu", setting, text) < 0) return;
    if (strncmp(text, key, sizeof key - 1) || !take_share(text + sizeof key - 1, " ", share) ||
        *share > 100) {
        *share = NAN;
        garbage(setting, text, strlen(text));
        return;
    }
    *share /= 100;
    text[strcspn(text, "\n")] = 0;
    known(setting, text);
}

void eie_setting_stolen(const char *root, struct eie_setting *setting, double *share)
{
    enum { STEAL = 7, KINDS = 8 }; /* guests' time is part of user's */
    char text[FILE_BYTES], *at = text + 4;
    uint64_t all = 0, stolen = 0;
    *share = NAN;
    if (read_lines(root, "/proc/stat", setting, text) < 0) return;
    bool good = !strncmp(text, "cpu ", 4);
    for (int i = 0; i < KINDS && good; i++) {
        at += strspn(at, " ");
        good = isdigit((unsigned char)*at);
        const uint64_t ticks = good ? strtoull(at, &at, 10) : 0;
        good = good && ticks < UINT64_MAX / 16;
        all += ticks;
        if (i == STEAL) stolen = ticks;
    }
    if (!good || !all) {
        garbage(setting, text, strlen(text));
        return;
    }
    *share = (double)stolen / (double)all;
    known(setting, "cpu");
}

/* ---- the last cache ------------------------------------------------------------------------- */

/* "266240K"; 0 where it is no size. */
static uint64_t size_of(const char *text)
{
    static const char units[] = "KMG";
    char *end;
    if (!isdigit((unsigned char)*text)) return 0;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (errno || number > UINT64_MAX >> 34 || !unit || end[1]) return 0;
    return (uint64_t)number << 10 * (unit - units + 1);
}

/* One of a CPU's caches; false where there is none of that number. `wrong` is set where it holds
 * garbage. */
static bool read_cache(const char *root, unsigned index, struct eie_last_cache *cache,
                       struct eie_setting *wrong, struct eie_setting *shared)
{
    char path[160];
    struct eie_setting kind, size;
    long level;
    snprintf(path, sizeof path, CPUS "/cpu0/cache/index%u/level", index);
    eie_setting_number(root, path, 1, LEVEL_MOST, wrong, &level);
    if (wrong->state != EIE_SETTING_KNOWN) return wrong->state != EIE_SETTING_ABSENT;
    snprintf(path, sizeof path, CPUS "/cpu0/cache/index%u/type", index);
    eie_setting_read(root, path, &kind);
    cache->level = 0;
    if (!strcmp(kind.text, "Instruction")) return true;
    snprintf(path, sizeof path, CPUS "/cpu0/cache/index%u/size", index);
    eie_setting_read(root, path, &size);
    cache->bytes = size.state == EIE_SETTING_KNOWN ? size_of(size.text) : 0;
    if (!cache->bytes) {
        if (size.state == EIE_SETTING_KNOWN) refuse(&size);
        *wrong = size;
        return true;
    }
    snprintf(path, sizeof path, CPUS "/cpu0/cache/index%u/shared_cpu_list", index);
    eie_setting_read(root, path, shared);
    take_list(shared, &cache->shared);
    if (shared->state != EIE_SETTING_KNOWN) *wrong = *shared;
    cache->level = (uint32_t)level;
    return true;
}

void eie_setting_last_cache(const char *root, struct eie_setting *setting,
                            struct eie_last_cache *cache)
{
    *cache = (struct eie_last_cache){0};
    begin(setting, CPUS "/cpu0/cache/index0/level");
    for (unsigned index = 0; index < CACHES; index++) {
        struct eie_last_cache one = {0};
        struct eie_setting wrong, shared;
        if (!read_cache(root, index, &one, &wrong, &shared)) return;
        if (wrong.state != EIE_SETTING_KNOWN) {
            *setting = wrong;
            if (wrong.state == EIE_SETTING_ABSENT) setting->state = EIE_SETTING_GARBAGE;
            *cache = (struct eie_last_cache){0};
            return;
        }
        if (one.level <= cache->level) continue;
        *cache = one;
        *setting = shared;
    }
}

/* The group's folder below resctrl, "" for the one of all others. */
static void cache_group(const char *root, char *group, size_t size)
{
    struct eie_setting setting;
    char text[FILE_BYTES];
    group[0] = 0;
    if (read_lines(root, "/proc/self/cpu_resctrl_groups", &setting, text) < 0) return;
    if (strncmp(text, "res:/", 5)) return;
    text[strcspn(text, "\n")] = 0;
    if (text[5] && !strstr(text, "..")) snprintf(group, size, "/%.90s", text + 5);
}

static int ones(uint64_t mask)
{
    return __builtin_popcountll(mask);
}

/* Of "L3:0=7ff;1=3": the fewest ones; 0 where it is anything else. */
static int fewest(const char *line)
{
    int least = 0;
    for (const char *at = line;;) {
        char *end;
        at = strchr(at, '=');
        if (!at || !isxdigit((unsigned char)at[1])) return 0;
        const int count = ones(strtoull(at + 1, &end, 16));
        if (!count) return 0;
        if (!least || count < least) least = count;
        if (*end != ';') return *end && *end != '\n' ? 0 : least;
        at = end;
    }
}

void eie_setting_cache_share(const char *root, struct eie_setting *setting, double *share)
{
    char path[160], group[96], text[FILE_BYTES], *end = NULL;
    struct eie_setting full;
    *share = NAN;
    cache_group(root, group, sizeof group);
    snprintf(path, sizeof path, "/sys/fs/resctrl%s/schemata", group);
    if (read_lines(root, path, setting, text) < 0) return;
    const char *line = strstr(text, "L3:");
    eie_setting_read(root, "/sys/fs/resctrl/info/L3/cbm_mask", &full);
    const uint64_t mask = full.state == EIE_SETTING_KNOWN && isxdigit((unsigned char)*full.text)
                              ? strtoull(full.text, &end, 16)
                              : 0;
    const int least = line ? fewest(line) : 0;
    if (!line && full.state == EIE_SETTING_ABSENT) { /* memory bandwidth alone is divided */
        begin(setting, path);
        return;
    }
    if (!mask || *end || !least || least > ones(mask)) {
        garbage(setting, line ? line : text, strlen(line ? line : text));
        return;
    }
    *share = (double)least / ones(mask);
    snprintf(setting->text, sizeof setting->text, "%.*s", (int)strcspn(line, "\n"), line);
    setting->state = EIE_SETTING_KNOWN;
}
