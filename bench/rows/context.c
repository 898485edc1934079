#include "bench/rows/context.h"
#include "bench/doctor/doctor.h"
#include "bench/measure/devices.h"
#include "bench/measure/gbench.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/jsonset.h"
#include "host/base/names.h"
#include "host/base/sha256.h"
#include "host/machine/cpu.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"
#include "kernels/plugin_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define FORMAT        "1"
#define GOVERNOR_FILE "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
#define BINARY_LIMIT  ((size_t)1 << 30)

static void first_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, (int)size, file)) snprintf(text, size, "unknown");
    text[strcspn(text, "\n")] = 0;
    if (file) fclose(file);
}

static void operating_system(char *text, size_t size)
{
    struct utsname name;
    char line[256], pretty[256] = "";
    FILE *file = fopen("/etc/os-release", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "PRETTY_NAME=\"%255[^\"]", pretty) == 1) break;
    if (file) fclose(file);
    if (uname(&name)) name.release[0] = 0;
    snprintf(text, size, "%s, Linux %s", *pretty ? pretty : "unknown", name.release);
}

static void add_date(json_t *context)
{
    char date[64];
    const time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", &local);
    memmove(date + 23, date + 22, 3); /* +0100 becomes +01:00 */
    date[22] = ':';
    eie_set(context, "date", date);
}

static enum eie_status add_google_context(json_t *context, struct eie_error *error)
{
    struct eie_gbench_context google;
    char reason[256];
    if (!eie_gbench_get_context(&google, reason, sizeof reason))
        return eie_fail(error, EIE_SYSTEM, "the machine cannot be described: %s", reason);
    eie_set(context, "host_name", google.host_name);
    eie_set(context, "executable", "eie");
    json_object_set_new(context, "num_cpus", json_integer(google.num_cpus));
    json_object_set_new(context, "mhz_per_cpu", json_integer(google.mhz_per_cpu));
    json_object_set_new(context, "cpu_scaling_enabled",
                        json_boolean(google.cpu_scaling_enabled > 0));
    json_t *caches = json_array();
    for (int i = 0; i < google.cache_count; i++) {
        const struct eie_gbench_cache *cache = &google.caches[i];
        json_array_append_new(caches, json_pack("{s:s, s:i, s:i, s:i}", "type", cache->type,
                                                "level", cache->level, "size", cache->size,
                                                "num_sharing", cache->num_sharing));
    }
    json_object_set_new(context, "caches", caches);
    json_t *load = json_array();
    for (int i = 0; i < google.load_count; i++)
        json_array_append_new(load, json_real(google.load_avg[i]));
    json_object_set_new(context, "load_avg", load);
    /* of this program: what timed the loops is compiled into it */
    eie_set(context, "library_build_type", strcmp(EIE_BUILD_TYPE, "Debug") ? "release" : "debug");
    eie_set(context, "eie_google_benchmark", google.version);
    return EIE_OK;
}

/* Variables that can change what is measured. Folders of data are none of them: the layers' hashes
 * tell what came from there. */
static void add_environment(json_t *context)
{
    static const char *const prefixes[] = {
        "EIE_",         "OPENBLAS_", "GOTO_",          "BLIS_", "OMP_",    "GOMP_",
        "KMP_",         "MKL_",      "TBB_",           "DNNL_", "ONEDNN_", "GB_",
        "POCL_",        "OCL_",      "CLBLAST_",       "CUDA_", "CUBLAS_", "CUSPARSE_",
        "NVIDIA_TF32_", "MALLOC_",   "GLIBC_TUNABLES", "LD_"};
    static const char *const unwanted[] = {
        "EIE_MODELS=", "EIE_MNIST=", "EIE_DATA_DIR=", "EIE_BINARY=", "CUDA_HOME=", "CUDA_PATH="};
    json_t *kept = json_object();
    for (char **word = environ; *word; word++) {
        bool wanted = false;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
            wanted = wanted || !strncmp(*word, prefixes[i], strlen(prefixes[i]));
        for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
            wanted = wanted && strncmp(*word, unwanted[i], strlen(unwanted[i])) != 0;
        const char *equals = strchr(*word, '=');
        char key[128];
        if (!wanted || !equals || (size_t)(equals - *word) >= sizeof key) continue;
        snprintf(key, sizeof key, "%.*s", (int)(equals - *word), *word);
        eie_set(kept, key, equals + 1);
    }
    json_object_set_new(context, "eie_environment", kept);
}

/* The program itself: two builds of one revision differ here when they differ at all. */
static enum eie_status add_binary(json_t *context, struct eie_error *error)
{
    struct eie_bytes bytes;
    struct eie_hash hash;
    enum eie_status status = eie_file_read("/proc/self/exe", BINARY_LIMIT, &bytes, error);
    if (status) return status;
    status = eie_sha256_of(bytes.data, bytes.size, &hash, error);
    eie_bytes_free(&bytes);
    if (!status) eie_set(context, "eie_binary_sha256", hash.hex);
    return status;
}

static void add_plugins(json_t *context)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < eie_plugin_count(); i++) {
        json_t *one = json_object();
        eie_set(one, "path", eie_plugin_at(i)->path);
        eie_set(one, "sha256", eie_plugin_at(i)->hash.hex);
        json_array_append_new(list, one);
    }
    json_object_set_new(context, "eie_plugins", list);
}

static enum eie_status add_own_context(json_t *context, struct eie_error *error)
{
    const struct eie_topology *topology;
    uint32_t features;
    struct eie_device host;
    char text[640];
    enum eie_status status = eie_topology_get(&topology, error);
    if (!status) status = eie_cpu_features(&features, error);
    if (!status) status = eie_device_host(&host, error);
    if (!status) status = eie_pages_check(error);
    if (status) return status;
    eie_set(context, "eie_format", FORMAT);
    eie_set(context, "eie_version", EIE_VERSION);
    eie_set(context, "eie_revision", EIE_REVISION);
    eie_set(context, "eie_compiler", EIE_COMPILER);
    eie_set(context, "eie_compiler_flags", EIE_FLAGS);
    eie_set(context, "eie_build_type", EIE_BUILD_TYPE);
    eie_cpu_name(text, sizeof text);
    eie_set(context, "eie_cpu_name", text);
    eie_cpu_feature_names(features, text, sizeof text);
    eie_set(context, "eie_cpu_features", text);
    eie_set(context, "eie_isa_mask", getenv("EIE_ISA_MASK") ? getenv("EIE_ISA_MASK") : "");
    operating_system(text, sizeof text);
    eie_set(context, "eie_operating_system", text);
    first_line(GOVERNOR_FILE, text, sizeof text);
    eie_set(context, "eie_governor", text);
    first_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    eie_set(context, "eie_transparent_huge_pages", text);
    eie_set(context, "eie_huge_pages", eie_pages_wanted() ? "yes" : "no");
    eie_device_energy_words(&host, text, sizeof text);
    eie_set(context, "eie_host_energy", text);
    eie_set_integer(context, "eie_cores", topology->cores);
    eie_set_integer(context, "eie_hardware_threads", topology->hardware_threads);
    eie_set_integer(context, "eie_numa_nodes", topology->numa_nodes);
    eie_set_integer(context, "eie_l1d_bytes", topology->l1d_bytes);
    eie_set_integer(context, "eie_l2_bytes", topology->l2_bytes);
    eie_set_integer(context, "eie_l3_bytes", topology->l3_bytes);
    eie_set_integer(context, "eie_memory_bytes", topology->memory_bytes);
    return EIE_OK;
}

static json_t *quick_checks(void)
{
    struct eie_checkup *checkup = calloc(1, sizeof *checkup);
    if (!checkup) return json_array();
    eie_doctor_quick(NULL, checkup);
    json_t *list = eie_checkup_json(checkup);
    free(checkup);
    return list;
}

/* What belongs to one run stands at the top for Google Benchmark's readers, who know one run a
 * file, and again in the list. */
static void add_run(json_t *context)
{
    static const char *const of_run[] = {"date", "eie_command", "load_avg"};
    json_t *run = json_object();
    for (size_t i = 0; i < sizeof of_run / sizeof *of_run; i++)
        json_object_set(run, of_run[i] + (strncmp(of_run[i], "eie_", 4) ? 0 : 4),
                        json_object_get(context, of_run[i]));
    json_object_set_new(run, "eie_ceilings", json_array());
    json_object_set_new(run, "eie_peaks", json_array());
    json_object_set_new(run, "eie_adds", json_array());
    json_object_set_new(run, "eie_pool", json_array());
    json_object_set_new(run, "eie_device_ceilings", json_object());
    json_object_set_new(run, "doctor", quick_checks());
    json_object_set_new(context, "eie_runs", json_pack("[o]", run));
}

enum eie_status eie_context_make(const char *command, json_t **context, struct eie_error *error)
{
    if (access("/proc/self/task", R_OK)) /* threads are bound by it, and the machine described */
        return eie_fail(error, EIE_SYSTEM,
                        "/proc is not mounted, without which nothing can be measured: "
                        "mount -t proc proc /proc");
    json_t *made = json_object();
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for results");
    add_date(made);
    enum eie_status status = add_google_context(made, error);
    eie_set(made, "eie_command", command);
    if (!status) status = add_own_context(made, error);
    if (!status) status = add_binary(made, error);
    if (status) {
        json_decref(made);
        return status;
    }
    add_environment(made);
    add_plugins(made);
    add_run(made);
    *context = made;
    return EIE_OK;
}

enum eie_status eie_context_check_format(const json_t *context, const char *path,
                                         struct eie_error *error)
{
    const char *format = json_string_value(json_object_get(context, "eie_format"));
    if (format && !strcmp(format, FORMAT)) return EIE_OK;
    if (eie_names_newer(format, FORMAT))
        return eie_fail(error, EIE_INPUT,
                        "%s: written by a newer version of eie bench: context.eie_format is '%s', "
                        "this one reads '%s'",
                        path, format, FORMAT);
    return eie_fail(error, EIE_INPUT,
                    "%s: not a results file of eie bench: context.eie_format is %s%s%s, not '%s'",
                    path, format ? "'" : "", format ? format : "missing or no string",
                    format ? "'" : "", FORMAT);
}

const char *eie_context_difference(const json_t *one, const json_t *other)
{
    static const char *const same[] = {"eie_format",
                                       "eie_cpu_name",
                                       "host_name",
                                       "eie_cores",
                                       "eie_hardware_threads",
                                       "eie_numa_nodes",
                                       "eie_l1d_bytes",
                                       "eie_l2_bytes",
                                       "eie_l3_bytes",
                                       "eie_operating_system",
                                       "eie_cpu_features",
                                       "eie_isa_mask",
                                       "eie_governor",
                                       "eie_transparent_huge_pages",
                                       "eie_version",
                                       "eie_revision",
                                       "eie_compiler",
                                       "eie_build_type",
                                       "eie_compiler_flags",
                                       "eie_binary_sha256",
                                       "eie_environment",
                                       "eie_google_benchmark",
                                       "eie_plugins",
                                       "eie_huge_pages"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const json_t *a = json_object_get(one, same[i]), *b = json_object_get(other, same[i]);
        if (a || b)
            if (!a || !b || !json_equal(a, b)) return same[i];
    }
    return NULL;
}
