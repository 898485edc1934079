#include "bench/results.h"
#include "bench/gbench.h"
#include "generated/revision.h"
#include "host/cpu.h"
#include "host/file.h"
#include "host/topology.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#define FORMAT        "1"
#define REAL_DIGITS   10
#define GOVERNOR_FILE "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
#define RAPL_FILE     "/sys/class/powercap/intel-rapl:0/energy_uj"

struct eie_results {
    char *path;
    bool direct; /* not a regular file: written once */
    json_t *context, *benchmarks, *missing, *names;
};

/* ---- context -------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, const char *value)
{
    json_t *text = json_string(value); /* a path on the command line need not be UTF-8 */
    json_object_set_new(object, key, text ? text : json_string("(not UTF-8)"));
}

static void set_number(json_t *object, const char *key, double value)
{
    if (isfinite(value)) json_object_set_new(object, key, json_real(value));
}

static void set_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

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

/* This version reads no energy counter; it says which of the reasons holds here (design 8). */
static const char *host_energy(void)
{
    FILE *file = fopen(RAPL_FILE, "r");
    if (file) {
        fclose(file);
        return "unavailable: this version does not read the machine's energy counter (RAPL)";
    }
    return errno == EACCES || errno == EPERM
               ? "no permission: " RAPL_FILE " may be read by root only"
               : "unavailable: the machine shows no energy counter (no " RAPL_FILE ")";
}

static void add_google_context(json_t *context)
{
    struct eie_gbench_context google;
    char date[64];
    const time_t now = time(NULL);
    struct tm local;
    eie_gbench_get_context(&google);
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", &local);
    memmove(date + 23, date + 22, 3); /* +0100 becomes +01:00 */
    date[22] = ':';
    set(context, "date", date);
    set(context, "host_name", google.host_name);
    set(context, "executable", "eie");
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
    set(context, "library_build_type", strcmp(EIE_BUILD_TYPE, "Debug") ? "release" : "debug");
    set(context, "eie_google_benchmark", google.version);
}

static enum eie_status add_own_context(json_t *context, const char *command,
                                       struct eie_error *error)
{
    const struct eie_topology *topology;
    uint32_t features;
    char text[512];
    enum eie_status status = eie_topology_get(&topology, error);
    if (!status) status = eie_cpu_features(&features, error);
    if (status) return status;
    set(context, "eie_format", FORMAT);
    set(context, "eie_version", EIE_VERSION);
    set(context, "eie_revision", EIE_REVISION);
    set(context, "eie_compiler", EIE_COMPILER);
    set(context, "eie_compiler_flags", EIE_FLAGS);
    set(context, "eie_build_type", EIE_BUILD_TYPE);
    set(context, "eie_command", command);
    eie_cpu_name(text, sizeof text);
    set(context, "eie_cpu_name", text);
    eie_cpu_feature_names(features, text, sizeof text);
    set(context, "eie_cpu_features", text);
    set(context, "eie_isa_mask", getenv("EIE_ISA_MASK") ? getenv("EIE_ISA_MASK") : "");
    operating_system(text, sizeof text);
    set(context, "eie_operating_system", text);
    first_line(GOVERNOR_FILE, text, sizeof text);
    set(context, "eie_governor", text);
    first_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    set(context, "eie_transparent_huge_pages", text);
    set(context, "eie_host_energy", host_energy());
    set_integer(context, "eie_cores", topology->cores);
    set_integer(context, "eie_hardware_threads", topology->hardware_threads);
    set_integer(context, "eie_numa_nodes", topology->numa_nodes);
    set_integer(context, "eie_l1d_bytes", topology->l1d_bytes);
    set_integer(context, "eie_l2_bytes", topology->l2_bytes);
    set_integer(context, "eie_l3_bytes", topology->l3_bytes);
    set_integer(context, "eie_memory_bytes", topology->memory_bytes);
    return EIE_OK;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static json_t *flags_of(const struct eie_kernel *kernel)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {EIE_KERNEL_EXACT, "exact"},
        {EIE_KERNEL_FLOAT32, "float32"},
        {EIE_KERNEL_APPROXIMATE, "approximate"},
        {EIE_KERNEL_ESTIMATE, "estimate"},
        {EIE_KERNEL_REFERENCE, "reference"},
        {EIE_KERNEL_BASELINE, "baseline"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kernel->flags & words[i].flag) json_array_append_new(list, json_string(words[i].word));
    return list;
}

static json_t *key_of(const struct eie_row *row, const char *name)
{
    json_t *object = json_object();
    set(object, "name", name);
    set(object, "run_name", name);
    set(object, "run_type", "iteration");
    set(object, "eie_suite", row->suite);
    set(object, "eie_layer", row->layer);
    set(object, "eie_layer_hash", row->hash.hex);
    set(object, "eie_layer_basis", row->layer_basis);
    set(object, "eie_kernel", row->kernel->name);
    json_object_set_new(object, "eie_flags", flags_of(row->kernel));
    set(object, "eie_device", row->device->name);
    set_integer(object, "eie_batch", row->batch);
    set_integer(object, "eie_threads", row->threads);
    set_integer(object, "threads", row->threads ? row->threads : 1);
    set(object, "eie_cache", row->cache);
    set(object, "eie_time_source", row->time_source);
    set(object, "eie_status", eie_row_status_name(row->status));
    set(object, "eie_reason", row->reason);
    set(object, "eie_provenance", row->provenance);
    return object;
}

static void add_numbers(json_t *object, const struct eie_row *row)
{
    json_object_set_new(object, "iterations", json_integer(row->calls));
    set_integer(object, "repetitions", row->sample_count);
    set_number(object, "real_time", row->stats.median);
    set_number(object, "cpu_time", row->cpu_ns);
    set(object, "time_unit", "ns");
    set_number(object, "eie_median_ns", row->stats.median);
    set_number(object, "eie_min_ns", row->stats.minimum);
    set_number(object, "eie_max_ns", row->stats.maximum);
    set_number(object, "eie_mad_ns", row->stats.mad);
    set_number(object, "eie_ci95_low_ns", row->stats.low);
    set_number(object, "eie_ci95_high_ns", row->stats.high);
    json_t *samples = json_array();
    for (uint32_t i = 0; i < row->sample_count; i++)
        json_array_append_new(samples, json_real(row->samples_ns[i]));
    json_object_set_new(object, "eie_samples_ns", samples);
    set_number(object, "eie_prepare_ns", row->prepare_ns);
    set_integer(object, "eie_macs_useful", row->cost.macs_useful);
    set_integer(object, "eie_macs_padding", row->cost.macs_padding);
    set_integer(object, "eie_bytes", row->cost.bytes_read + row->cost.bytes_written);
    set_integer(object, "eie_prepared_bytes", row->cost.prepared_bytes);
    set(object, "eie_resident",
        row->threads ? eie_resident(row->cost.prepared_bytes, row->threads) : "none");
    if (row->kernel->flags & (EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE))
        set_number(object, "eie_median_relative_error", row->relative_error);
    set_number(object, "eie_cycles", row->outcome.cycles);
    set_number(object, "eie_energy_j", row->outcome.energy_j);
    if (row->outcome.energy_source) set(object, "eie_energy_source", row->outcome.energy_source);
    if (row->columns) json_object_update_missing(object, row->columns);
}

enum eie_status eie_results_add(struct eie_results *results, const struct eie_row *row,
                                struct eie_error *error)
{
    char name[512];
    eie_row_name(row, name, sizeof name);
    if (json_object_get(results->names, name))
        return eie_fail(error, EIE_USAGE, "two rows have the key %s", name);
    json_t *object = key_of(row, name);
    if (row->status == EIE_ROW_OK || row->status == EIE_ROW_SUSPECT) add_numbers(object, row);
    json_t *list = row->status == EIE_ROW_OK ? results->benchmarks : results->missing;
    if (json_object_set_new(results->names, name, json_true()) ||
        json_array_append_new(list, object))
        return eie_fail(error, EIE_MEMORY, "out of memory for results");
    return EIE_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

enum eie_status eie_results_begin(const char *path, const char *command,
                                  struct eie_results **results, struct eie_error *error)
{
    struct eie_results *made = calloc(1, sizeof *made);
    enum eie_status status = EIE_MEMORY;
    if (!made) return eie_fail(error, status, "out of memory for results");
    made->path = path ? strdup(path) : NULL;
    made->context = json_object();
    made->benchmarks = json_array();
    made->missing = json_array();
    made->names = json_object();
    if ((path && !made->path) || !made->context || !made->benchmarks || !made->missing ||
        !made->names) {
        eie_fail(error, status, "out of memory for results");
        goto fail;
    }
    add_google_context(made->context);
    status = add_own_context(made->context, command, error);
    struct stat info;
    made->direct = path && !stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    if (!status && path && !made->direct) {
        struct eie_output probe; /* can a file be made there at all? */
        status = eie_output_begin(path, &probe, error);
        if (!status) eie_output_abandon(&probe);
    }
    if (!status) {
        *results = made;
        return EIE_OK;
    }
fail:
    eie_results_free(made);
    return status;
}

enum eie_status eie_results_save(struct eie_results *results, bool last, struct eie_error *error)
{
    struct eie_output output;
    if (!results->path || (results->direct && !last)) return EIE_OK;
    enum eie_status status = eie_output_begin(results->path, &output, error);
    if (status) return status;
    json_t *root = json_pack("{s:O, s:O, s:O}", "context", results->context, "benchmarks",
                             results->benchmarks, "eie_missing", results->missing);
    if (root) json_dumpf(root, output.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(REAL_DIGITS));
    fputc('\n', output.stream); /* a failed write shows in the stream, which commit looks at */
    json_decref(root);
    if (root) return eie_output_commit(&output, error);
    eie_output_abandon(&output);
    return eie_fail(error, EIE_MEMORY, "out of memory for results");
}

void eie_results_free(struct eie_results *results)
{
    if (!results) return;
    json_decref(results->context);
    json_decref(results->benchmarks);
    json_decref(results->missing);
    json_decref(results->names);
    free(results->path);
    free(results);
}
