/* Any bytes as the files of /proc and /sys that are read for how a machine is set up: each of them
 * holds the input. Whatever it is, each check has a word. */
#include "bench/doctor/doctor.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <ftw.h>
#include <sys/stat.h>

#define CPU "/sys/devices/system/cpu"

static const char *const files[] = {
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/stat",
    "/proc/pressure/cpu",
    "/proc/self/status",
    "/proc/self/cgroup",
    "/proc/self/cpu_resctrl_groups",
    "/proc/sys/kernel/perf_event_paranoid",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/fs/cgroup/cpu.max",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
    "/sys/fs/resctrl/schemata",
    "/sys/fs/resctrl/info/L3/cbm_mask",
    CPU "/online",
    CPU "/smt/active",
    CPU "/cpufreq/boost",
    CPU "/cpu0/cpufreq/scaling_governor",
    CPU "/cpu0/cpufreq/scaling_driver",
    CPU "/cpu0/cache/index0/shared_cpu_list",
    CPU "/cpu0/cache/index0/size",
    CPU "/cpu0/cache/index0/type",
    CPU "/cpu0/cache/index0/level",
};
enum { FILES = sizeof files / sizeof *files, CACHE = 20 }; /* where those of the cache begin */

static char root[512];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void remove_tree(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(int which, const uint8_t *data, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", root, files[which]);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    FUZZ_MUST(file && (!size || fwrite(data, size, 1, file) == 1));
    FUZZ_MUST(!fclose(file));
}

static void look(void)
{
    static struct eie_checkup checkup;
    checkup.count = 0;
    eie_doctor_quick(root, &checkup);
    FUZZ_MUST(checkup.count == 10);
    for (uint32_t i = 0; i < checkup.count; i++) {
        const struct eie_check *check = &checkup.all[i];
        FUZZ_MUST(*check->seen && !*check->mend == (check->health == EIE_HEALTH_GOOD));
        for (const char *at = check->seen; *at; at++) FUZZ_MUST(isprint((unsigned char)*at));
        for (const char *at = check->mend; *at; at++) FUZZ_MUST(isprint((unsigned char)*at));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*root) {
        const char *base = getenv("TMPDIR");
        snprintf(root, sizeof root, "%s/eie-fuzz-XXXXXX", base && *base ? base : P_tmpdir);
        FUZZ_MUST(mkdtemp(root));
        atexit(remove_tree);
    }
    for (int i = 0; i < FILES; i++) write_file(i, data, size);
    look();
    /* the cache's other files are asked for where the first ones are good */
    write_file(FILES - 1, (const uint8_t *)"3\n", 2);
    look();
    write_file(CACHE + 1, (const uint8_t *)"8192K\n", 6);
    look();
    return 0;
}
