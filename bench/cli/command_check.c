#include "bench/check/check.h"
#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/measure/devices.h"
#include "host/base/isolate.h"
#include "host/base/names.h"
#include "host/machine/cpu.h"
#include "host/machine/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB          "check"
#define DEFAULT_SEED  1
#define DEFAULT_CASES 32
#define TIMEOUT_S     300
#define MODEL_DEVICE  "eie-64pe-45nm"
#define NAMES_MAX     1024

static const char help[] =
    "eie check: check kernels on fixed nasty cases and random ones; times nothing\n\n"
    "usage: eie check [OPTIONS]\n\n"
    "Each kernel is checked in a process of its own, so that one which crashes (CRASHED) or never\n"
    "ends (HUNG) costs its own line only. A failure prints the command that shows it again.\n\n"
    "  --plugin FILE    also the kernels of this shared object; may be given several times\n"
    "  --kernel NAMES   comma list of names or globs (default: all)\n"
    "  --cases N        random cases beside the fixed ones (default 32)\n"
    "  --seed S         seed of all cases (default 1)\n"
    "  --case I         only case I\n"
    "  --threads T      only T threads (default: 1, 2, 3 and all cores)\n"
    "  --device NAME    the accelerator models' (default " MODEL_DEVICE "); or a comma list of\n"
    "                   names or globs of devices found here (%s): only their\n"
    "                   kernels, and only there (default: on all)\n"
    "  --timeout TIME   for one kernel, in seconds, or 5m, 1h (default 300)\n\n"
    "example: eie check --kernel 'scalar_*' --cases 200 --seed 7\n";

static void print_help(void)
{
    char globs[EIE_RUNTIMES_TEXT_MAX];
    eie_runtime_globs(globs);
    printf(help, globs);
}

struct choice {
    const char *kernels, *device;
    const char *found_names; /* of devices found at run time, where --device has such, else NULL */
    struct eie_check_options options;
    double timeout_s;
};

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct choice *choice)
{
    static const struct option options[] = {
        {"kernel", required_argument, NULL, 'k'},  {"cases", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},    {"case", required_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 't'}, {"device", required_argument, NULL, 'd'},
        {"plugin", required_argument, NULL, 'p'},  {"timeout", required_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    uint64_t number;
    for (int option; (option = eie_command_option(argc, argv, VERB, options)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return print_help(), 0;
        if (option == 'k') choice->kernels = optarg;
        if (option == 'd') choice->device = optarg;
        if (option == 'T' && !eie_parse_seconds(optarg, &choice->timeout_s))
            return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
        if (option == 'p') {
            const int code = eie_command_plugin(optarg);
            if (code >= 0) return code;
        }
        if (option == 's') {
            if (!eie_parse_uint(optarg, 0, UINT64_MAX, &choice->options.seed))
                return eie_command_usage(VERB, "--seed %s is not a number", optarg);
        }
        if (option == 'n') {
            if (!eie_parse_uint(optarg, 0, 1000000, &number))
                return eie_command_usage(VERB, "--cases %s is not 0 to 1000000", optarg);
            choice->options.random_cases = (uint32_t)number;
        }
        if (option == 'c') {
            if (!eie_parse_uint(optarg, 0, 2000000, &number))
                return eie_command_usage(VERB, "--case %s is not a case's number", optarg);
            choice->options.only_case = (int64_t)number;
        }
        if (option == 't') {
            if (!eie_parse_uint(optarg, 1, 1024, &number))
                return eie_command_usage(VERB, "--threads %s is not 1 to 1024", optarg);
            choice->options.threads = (uint32_t)number;
        }
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    return -1;
}

static int asked_by_name(const struct eie_kernel *kernel, const char *reason)
{
    fflush(stdout);
    fprintf(stderr, "eie: asked for by name, but cannot run: %s: %s\n", kernel->name, reason);
    return eie_exit_code(EIE_MISSING);
}

/* One kernel's check, in a process of its own. */
struct job {
    const struct eie_kernel *kernel;
    const struct eie_device *device;
    const struct eie_check_options *options;
};
struct found {
    enum eie_status status;
    struct eie_error error;
    struct eie_check_count count;
};

static void find(void *context, void *shared)
{
    const struct job *job = context;
    struct found *found = shared;
    found->status =
        eie_check_kernel(job->kernel, job->device, job->options, &found->count, &found->error);
}

static int print_crash(const struct eie_kernel *kernel, const struct eie_ending *ending,
                       const char *reproducer)
{
    char words[128];
    eie_ending_text(ending, words, sizeof words);
    printf("%-28s %-11s %s; again: %s\n", kernel->name,
           ending->end == EIE_END_HUNG ? "HUNG" : "CRASHED", words, reproducer);
    return eie_exit_code(EIE_MISMATCH);
}

/* Checks one kernel on a device and prints its line; returns its exit code. `by_name`: it must run
 * there. */
static int check_one(const struct eie_kernel *kernel, const struct choice *choice,
                     const struct eie_device *device, bool by_name, uint32_t *checked)
{
    struct job job = {kernel, device, &choice->options};
    struct found found = {.status = EIE_OK};
    struct eie_ending ending;
    struct eie_error error;
    enum eie_status status =
        eie_isolate(find, &job, &found, sizeof found, choice->timeout_s, &ending, &error);
    if (status) return eie_command_fail(status, &error);
    if (ending.end != EIE_END_RETURNED)
        return print_crash(kernel, &ending, found.count.reproducer.line);
    const struct eie_check_count count = found.count;
    error = found.error;
    status = found.status;
    if (status == EIE_UNSUPPORTED || status == EIE_MISSING) {
        printf("%-28s %-11s %s\n", kernel->name, status == EIE_MISSING ? "skipped" : "unsupported",
               error.message);
        return by_name ? asked_by_name(kernel, error.message) : 0;
    }
    if (status) {
        printf("%-28s %-11s %s\n", kernel->name, status == EIE_MISMATCH ? "MISMATCH" : "ERROR",
               error.message);
        return eie_exit_code(status);
    }
    *checked += count.ran;
    char threaded[48] = "";
    if (kernel->max_threads > 1)
        snprintf(threaded, sizeof threaded, " (%u with several threads)", count.threaded);
    char refused[48] = ""; /* other batches than its own, layers beyond its limits */
    if (count.unsupported) snprintf(refused, sizeof refused, ", %u unsupported", count.unsupported);
    printf("%-28s %-11s %u runs%s%s on %s%s\n", kernel->name, count.ran ? "ok" : "unsupported",
           count.ran, threaded,
           kernel->flags & EIE_KERNEL_EXACT         ? ", bit for bit"
           : kernel->flags & EIE_KERNEL_ESTIMATE    ? ", counts"
           : kernel->flags & EIE_KERNEL_APPROXIMATE ? ", within the bound of its rounding"
                                                    : ", within the float32 bound",
           device->name, refused);
    return count.ran || !by_name ? 0 : asked_by_name(kernel, "no case suits it");
}

/* 2 before 1 before 3. */
static void worsen(int *worst, int code)
{
    if (code && (!*worst || code == 2 || (code == 1 && *worst == 3))) *worst = code;
}

/* What kernels are checked on. */
struct devices {
    struct eie_device host, model;
    struct eie_found_devices found;
};

/* Every pattern must match a device that was found. */
static enum eie_status check_names(const char *patterns, const struct eie_found_devices *found,
                                   struct eie_error *error)
{
    const char *names[NAMES_MAX];
    char unmatched[256];
    uint32_t count = 0;
    for (; count < found->count && count < NAMES_MAX; count++)
        names[count] = found->all[count].device.name;
    if (eie_names_unmatched(patterns, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no device matches '%s' (eie list devices)%s", unmatched,
                        eie_names_hint(unmatched, names, count).text);
    return EIE_OK;
}

static enum eie_status find_devices(struct choice *choice, struct devices *devices,
                                    struct eie_error *error)
{
    uint32_t features, runtimes = 0;
    if (!strchr(choice->device, '/') && !strstr(choice->device, ".json") &&
        strpbrk(choice->device, ":*?["))
        choice->found_names = choice->device; /* names of descriptions have none of these */
    for (uint32_t i = 0; i < eie_kernel_count(); i++)
        if (eie_names_match(choice->kernels, eie_kernel_at(i)->name))
            runtimes |= eie_runtimes_for(eie_kernel_at(i));
    const bool model_named = !choice->found_names && strcmp(choice->device, "cpu") != 0;
    enum eie_status status = eie_device_host(&devices->host, error);
    if (!status)
        status =
            eie_device_read(model_named ? choice->device : MODEL_DEVICE, &devices->model, error);
    if (!status) status = eie_cpu_features(&features, error); /* EIE_ISA_MASK may be wrong */
    if (!status) status = eie_pages_check(error);
    if (!status) status = eie_devices_find(runtimes, choice->found_names, &devices->found, error);
    return status ? status : check_names(choice->found_names, &devices->found, error);
}

/* Is the device for this kernel, and chosen? */
static bool takes_device(const struct eie_kernel *kernel, const struct choice *choice,
                         const struct eie_found_device *one)
{
    return eie_kernel_is_for(kernel, &one->device) &&
           eie_names_match(choice->found_names, one->device.name);
}

static uint32_t count_devices(const struct eie_kernel *kernel, const struct choice *choice,
                              const struct eie_found_devices *found)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++)
        count += takes_device(kernel, choice, &found->all[i]);
    return count;
}

/* On every device that the kernel is for; returns the exit code. */
static int check_everywhere(const struct eie_kernel *kernel, const struct choice *choice,
                            const struct devices *devices, uint32_t *checked)
{
    const bool by_name = choice->kernels && eie_names_exact(choice->kernels, kernel->name);
    const uint32_t before = *checked;
    int worst = 0;
    if (kernel->device_kind == EIE_DEVICE_EIE)
        return check_one(kernel, choice, &devices->model, by_name, checked);
    if (kernel->device_kind != EIE_DEVICE_FOUND)
        return check_one(kernel, choice, &devices->host, by_name, checked);
    const uint32_t matched = count_devices(kernel, choice, &devices->found);
    for (uint32_t i = 0; i < devices->found.count; i++) {
        const struct eie_found_device *one = &devices->found.all[i];
        const bool named = matched == 1 || /* or among several, by its own name */
                           eie_names_exact(choice->found_names, one->device.name);
        if (takes_device(kernel, choice, one))
            worsen(&worst, check_one(kernel, choice, &one->device, by_name && named, checked));
    }
    if (by_name && !worst && *checked == before)
        worst = asked_by_name(kernel, "no device could run it");
    return worst;
}

int eie_command_check(int argc, char **argv)
{
    struct choice choice = {
        .device = MODEL_DEVICE,
        .timeout_s = TIMEOUT_S,
        .options = {.seed = DEFAULT_SEED, .random_cases = DEFAULT_CASES, .only_case = -1}};
    struct devices devices = {.found = {NULL, 0}};
    const char *names[NAMES_MAX];
    char unmatched[256];
    struct eie_error error;
    int code = parse(argc, argv, &choice), worst = 0;
    if (code >= 0) return code;
    for (uint32_t i = 0; i < eie_kernel_count() && i < NAMES_MAX; i++)
        names[i] = eie_kernel_at(i)->name;
    if (eie_names_unmatched(choice.kernels, names, eie_kernel_count(), unmatched, sizeof unmatched))
        return eie_command_usage(VERB, "no kernel matches '%s' (eie list kernels)%s", unmatched,
                                 eie_names_hint(unmatched, names, eie_kernel_count()).text);
    enum eie_status status = find_devices(&choice, &devices, &error);
    if (status) {
        eie_devices_free(&devices.found);
        return eie_command_fail(status, &error);
    }
    uint32_t checked = 0, matched = 0;
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        const struct eie_kernel *kernel = eie_kernel_at(i);
        if (!eie_names_match(choice.kernels, kernel->name) ||
            (choice.found_names && !count_devices(kernel, &choice, &devices.found)))
            continue;
        matched++;
        worsen(&worst, check_everywhere(kernel, &choice, &devices, &checked));
        fflush(stdout);
    }
    eie_devices_free(&devices.found);
    printf("%u kernels, %u runs compared with the dense oracle, seed %llu\n", matched, checked,
           (unsigned long long)choice.options.seed);
    if (!worst && !checked) {
        fprintf(stderr, "eie: nothing was checked: none of the kernels can run here\n");
        worst = eie_exit_code(EIE_MISSING);
    }
    return worst;
}
