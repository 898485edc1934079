#include "bench/commands.h"
#include "bench/device_json.h"
#include "bench/supervisor.h"
#include "host/command.h"
#include "host/names.h"
#include "host/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB         "bench"
#define BUDGET_S     60
#define MEMORY_BYTES (UINT64_C(2) << 30)
#define TIMEOUT_S    300

static const char help[] =
    "eie bench: check kernels on each layer, then time them\n\n"
    "usage: eie bench [OPTIONS]\n\n"
    "  --suite NAMES     comma list of suites, or the path of a suite's JSON file (default: the\n"
    "                    default matrix: paper, paper-matched for the models, and real where\n"
    "                    EIE_MODELS names a folder)\n"
    "  --plugin FILE     also the kernels of this shared object; may be given several times\n"
    "  --layer NAMES     comma list of names or globs (default: all)\n"
    "  --kernel NAMES    comma list of names or globs (default: what the suite names, but not the\n"
    "                    oracle)\n"
    "  --device NAMES    comma list of names or globs of devices (opencl:*, cuda:*), or paths of\n"
    "                    descriptions (default: all)\n"
    "  --batch LIST      inputs per call, up to the layer's samples (default 1)\n"
    "  --threads LIST    thread counts; 'all' is every core (default 1,all); OpenCL and CUDA\n"
    "                    devices have none, and cache mode hot only\n"
    "  --cache LIST      hot: one copy, used over and over; llc: rotated copies that only the\n"
    "                    last-level cache holds; dram: rotated copies that no cache holds\n"
    "                    (default hot,llc)\n"
    "  --budget TIME     seconds, or 5m, 1h: for the whole matrix (default 60); every row gets "
    "its\n"
    "                    least samples, however long that takes; 'least': no more than these\n"
    "  --memory SIZE     for all plans alive at once; groups that need more are split (default "
    "2G)\n"
    "  --timeout TIME    a kernel that gives no sign of life for so long is stopped, and its row\n"
    "                    is an error (default 5m)\n"
    "  --out FILE        results as JSON (default: only the table is printed)\n"
    "  --resume          go on with the results file of --out: its rows stay, the rest is run\n"
    "  --quiet           no progress\n\n"
    "example: eie bench --suite paper --layer 'Alex-*' --threads 1 --budget 30s --out alex.json\n";

/* ---- options -------------------------------------------------------------------------------- */

struct options {
    struct eie_matrix_options matrix;
    const char *out;
    double budget_s, timeout_s;
    uint64_t memory_bytes;
    bool quiet, resume;
    bool caches_named; /* else the default */
    char command[1024];
};

/* Comma list of numbers, `all` standing for `all_value` (0: no such word); false when malformed. */
static bool parse_list(const char *text, uint32_t all_value, struct eie_list *list)
{
    char copy[512], *rest = NULL;
    list->count = 0;
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint64_t value;
        if (all_value && !strcmp(word, "all"))
            value = all_value;
        else if (!eie_parse_uint(word, 1, 65536, &value))
            return false;
        bool known = false;
        for (uint32_t i = 0; i < list->count; i++) known = known || list->values[i] == value;
        if (known) continue;
        if (list->count == EIE_LIST_MAX) return false;
        list->values[list->count++] = (uint32_t)value;
    }
    return list->count > 0;
}

/* Comma list of cache modes. */
static bool parse_caches(const char *text, struct eie_list *list)
{
    char copy[64], *rest = NULL;
    list->count = 0;
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        enum eie_cache cache;
        bool known = false;
        if (!eie_cache_parse(word, &cache)) return false;
        for (uint32_t i = 0; i < list->count; i++) known = known || list->values[i] == cache;
        if (!known) list->values[list->count++] = cache;
    }
    return list->count > 0;
}

/* A time, or `least`: no more than the least samples of each row. */
static bool parse_budget(const char *text, double *seconds)
{
    if (strcmp(text, "least") != 0) return eie_parse_seconds(text, seconds);
    *seconds = 0;
    return true;
}

static int parse_option(int option, uint32_t cores, struct options *options)
{
    struct eie_matrix_options *matrix = &options->matrix;
    if (option == 's') matrix->suites = optarg;
    if (option == 'l') matrix->layers = optarg;
    if (option == 'k') matrix->kernels = optarg;
    if (option == 'd') matrix->devices = optarg;
    if (option == 'o') options->out = optarg;
    if (option == 'q') options->quiet = true;
    if (option == 'r') options->resume = true;
    if (option == 'c') options->caches_named = true;
    if (option == 'p') return eie_command_plugin(optarg);
    if (option == 'b' && !parse_list(optarg, 0, &matrix->batches))
        return eie_command_usage(VERB, "--batch %s is not a list of sizes", optarg);
    if (option == 't' && !parse_list(optarg, cores, &matrix->threads))
        return eie_command_usage(VERB, "--threads %s is not a list of thread counts", optarg);
    for (uint32_t i = 0; option == 't' && i < matrix->threads.count; i++)
        if (matrix->threads.values[i] > cores)
            return eie_command_usage(VERB, "--threads %s: this process may use %u cores", optarg,
                                     cores);
    if (option == 'c' && !parse_caches(optarg, &matrix->caches))
        return eie_command_usage(VERB, "--cache %s is not a list of hot, llc, dram", optarg);
    if (option == 'T' && !parse_budget(optarg, &options->budget_s))
        return eie_command_usage(VERB, "--budget %s is no time (try 90, 90s, 5m, or least)",
                                 optarg);
    if (option == 'x' && !eie_parse_seconds(optarg, &options->timeout_s))
        return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
    if (option == 'm' && !eie_parse_bytes(optarg, &options->memory_bytes))
        return eie_command_usage(VERB, "--memory %s is no size (try 512M, 2G)", optarg);
    return -1;
}

static int parse(int argc, char **argv, uint32_t cores, struct options *options)
{
    static const struct option known[] = {
        {"suite", required_argument, NULL, 's'},
        {"plugin", required_argument, NULL, 'p'}, /* loaded at once */
        {"layer", required_argument, NULL, 'l'},
        {"kernel", required_argument, NULL, 'k'},
        {"device", required_argument, NULL, 'd'},
        {"batch", required_argument, NULL, 'b'},
        {"threads", required_argument, NULL, 't'},
        {"cache", required_argument, NULL, 'c'},
        {"budget", required_argument, NULL, 'T'},
        {"memory", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 'x'},
        {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    snprintf(options->command, sizeof options->command, "eie");
    for (int i = 0; i < argc; i++) {
        const size_t used = strlen(options->command);
        snprintf(options->command + used, sizeof options->command - used, " %s", argv[i]);
    }
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        const int code = parse_option(option, cores, options);
        if (code >= 0) return code;
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (options->resume && !options->out)
        return eie_command_usage(VERB, "--resume needs the results file: --out FILE");
    return -1;
}

/* ---- what becomes of it --------------------------------------------------------------------- */

struct outcome {
    const struct options *options;
    struct eie_supervision *supervision;
    const struct eie_matrix *matrix;
    struct eie_error stale; /* an old row that must not stand beside new ones; "" for none */
    uint32_t rows, numbers; /* matched, with a number */
    int worst;              /* exit code so far */
    json_t *with_numbers;   /* names of kernels that have any */
    json_t *missing;        /* rows asked for by exact name that could not run: name, reason */
};

/* 2 before 1 before 3 (design 10). */
static void worsen(struct outcome *outcome, int code)
{
    if (code == 2 || !outcome->worst || (code == 1 && outcome->worst == 3))
        outcome->worst = code ? code : outcome->worst;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void print_head(void)
{
    printf("%-14s %-12s %-24s %-15s %5s %7s %-5s %12s %8s  %s\n", "suite", "layer", "kernel",
           "device", "batch", "threads", "cache", "us per call", "+- %", "status");
}

/* With what a reader must know: another matrix, a layer beyond the design's memories. */
static void print_model_row(const json_t *row, double median_ns)
{
    const char *reshared = text_of(row, "eie_reshared"), *fits = text_of(row, "eie_fits_on_chip");
    printf("%12.3f %8s  ok, %s%s%s%s%s\n", median_ns / 1e3, "", text_of(row, "eie_provenance"),
           *reshared ? "; " : "", reshared,
           strncmp(fits, "no", 2) ? "" : "; warning: does not fit the design: ",
           strncmp(fits, "no", 2) ? "" : fits);
}

static void print_row(const json_t *row)
{
    const char *status = text_of(row, "eie_status"), *reason = text_of(row, "eie_reason");
    const double median_ns = number_of(row, "eie_median_ns");
    printf("%-14s %-12s %-24s %-15s %5.0f %7.0f %-5s ", text_of(row, "eie_suite"),
           text_of(row, "eie_layer"), text_of(row, "eie_kernel"), text_of(row, "eie_device"),
           number_of(row, "eie_batch"), number_of(row, "eie_threads"), text_of(row, "eie_cache"));
    const char *clock = text_of(row, "eie_time_source");
    if (strcmp(status, "ok") != 0)
        printf("%12s %8s  %s: %s\n", "-", "", status, reason);
    else if (strcmp(clock, "model") != 0)
        printf("%12.3f %8.2f  ok%s\n", median_ns / 1e3,
               50 * (number_of(row, "eie_ci95_high_ns") - number_of(row, "eie_ci95_low_ns")) /
                   median_ns,
               strcmp(clock, "device") ? "" : ", device's clock");
    else
        print_model_row(row, median_ns);
    fflush(stdout);
}

static void judge(struct outcome *outcome, const json_t *row, int code)
{
    const char *status = text_of(row, "eie_status"), *kernel = text_of(row, "eie_kernel");
    const char *kernels = outcome->options->matrix.kernels;
    outcome->rows++;
    outcome->numbers += !strcmp(status, "ok");
    worsen(outcome, code);
    if (!strcmp(status, "ok")) json_object_set_new(outcome->with_numbers, kernel, json_true());
    if (!kernels || !eie_names_exact(kernels, kernel)) return;
    if (!strcmp(status, "unsupported") || !strcmp(status, "skipped"))
        json_array_append_new(outcome->missing,
                              json_pack("[O, O, O, O]", json_object_get(row, "eie_kernel"),
                                        json_object_get(row, "eie_reason"),
                                        json_object_get(row, "eie_cache"),
                                        json_object_get(row, "eie_device")));
}

/* The first row asked for by name that could not run. A cache mode that this machine's caches
 * cannot have was asked for only where --cache names it, and so is a device where another one ran
 * the kernel. */
static const json_t *first_missing(const struct outcome *outcome)
{
    const bool llc_named = outcome->options->caches_named;
    for (size_t i = 0; i < json_array_size(outcome->missing); i++) {
        const json_t *one = json_array_get(outcome->missing, i);
        const char *cache = json_string_value(json_array_get(one, 2));
        const char *kernel = json_string_value(json_array_get(one, 0));
        const char *device = json_string_value(json_array_get(one, 3));
        const char *devices = outcome->options->matrix.devices;
        if (eie_places_name(device) && !eie_names_exact(devices, device) &&
            json_object_get(outcome->with_numbers, kernel))
            continue;
        if (llc_named || strcmp(cache, eie_cache_name(EIE_CACHE_LLC)) != 0 ||
            !json_object_get(outcome->with_numbers, kernel))
            return one;
    }
    return NULL;
}

static void on_row(void *context, const json_t *row, int code)
{
    struct outcome *outcome = context;
    eie_progress_clear(&outcome->supervision->progress);
    print_row(row);
    judge(outcome, row, code);
}

/* Was the row made with another description of its device than the one of that name now? */
static bool is_stale(const struct eie_matrix *matrix, const json_t *row)
{
    for (uint32_t i = 0; i < matrix->device_count; i++)
        if (!strcmp(matrix->devices[i].name, text_of(row, "eie_device")))
            return strcmp(matrix->devices[i].hash.hex, text_of(row, "eie_device_hash")) != 0;
    return false;
}

/* A row that stood in the file already: judged, not printed again. */
static void on_old_row(void *context, const json_t *row)
{
    struct outcome *outcome = context;
    if (is_stale(outcome->matrix, row))
        eie_fail(&outcome->stale, EIE_INPUT,
                 "%s: %s was made with another description of %s: name another --out",
                 outcome->options->out, text_of(row, "name"), text_of(row, "eie_device"));
    judge(context, row,
          strcmp(text_of(row, "eie_status"), "mismatch") ? 0 : eie_exit_code(EIE_MISMATCH));
}

static void on_complaint(void *context, const char *message, int code)
{
    struct outcome *outcome = context;
    eie_progress_clear(&outcome->supervision->progress);
    fprintf(stderr, "eie: %s\n", message);
    worsen(outcome, code);
}

static void say_outcome(struct outcome *outcome)
{
    const json_t *missing = first_missing(outcome);
    if (missing) {
        worsen(outcome, eie_exit_code(EIE_MISSING));
        fprintf(stderr, "eie: asked for by name, but cannot run: %s: %s\n",
                json_string_value(json_array_get(missing, 0)),
                json_string_value(json_array_get(missing, 1)));
    } else if (!outcome->rows && !outcome->worst) {
        worsen(outcome, eie_command_usage(VERB, "the chosen kernels, devices and thread counts "
                                                "have no row in common"));
    } else if (!outcome->numbers && !outcome->worst) {
        fprintf(stderr, "eie: %u rows were matched and none of them could run\n", outcome->rows);
        worsen(outcome, eie_exit_code(EIE_MISSING));
    }
}

/* Takes over the reference of `facts`. */
static void set_device(struct eie_results *results, const struct eie_device *device, json_t *facts)
{
    json_t *board = eie_board_json(device);
    if (board) json_object_set_new(facts, "board", board);
    eie_results_set_device(results, device->name, facts);
}

static enum eie_status run(const struct options *options, struct outcome *outcome,
                           struct eie_error *error)
{
    struct eie_matrix matrix;
    struct eie_results *results = NULL;
    enum eie_status status = eie_matrix_begin(&options->matrix, &matrix, error);
    if (status) return status;
    json_t *suites = json_object();
    for (uint32_t i = 0; i < matrix.suite_count; i++)
        json_object_set_new(suites, matrix.suites[i].name, json_string(matrix.suites[i].hash.hex));
    status =
        eie_results_begin(options->out, options->command, options->resume, suites, &results, error);
    if (!status) {
        struct eie_supervision supervision = {
            .job = {.matrix = &matrix,
                    .budget_s = options->budget_s,
                    .memory_bytes = options->memory_bytes},
            .results = results,
            .timeout_s = options->timeout_s,
            .quiet = options->quiet,
            .on_row = on_row,
            .on_complaint = on_complaint,
            .context = outcome,
        };
        outcome->supervision = &supervision;
        outcome->matrix = &matrix;
        for (uint32_t i = 0; i < matrix.places.count; i++)
            set_device(results, &matrix.places.all[i].device,
                       json_incref(matrix.places.all[i].facts));
        eie_results_each(results, on_old_row, outcome);
        if (*outcome->stale.message)
            status = eie_fail(error, EIE_INPUT, "%s", outcome->stale.message);
        if (!status && outcome->rows)
            printf("%u rows stand in %s already\n", outcome->rows, options->out);
        if (!status) print_head();
        if (!status) status = eie_supervise(&supervision, error);
    }
    eie_results_free(results);
    eie_matrix_end(&matrix);
    return status;
}

int eie_command_bench(int argc, char **argv)
{
    const struct eie_topology *topology;
    struct eie_error error;
    enum eie_status status = eie_topology_get(&topology, &error);
    if (status) return eie_command_fail(status, &error);
    struct options options = {
        .matrix = {.batches = {1, {1}},
                   .threads = {topology->cores > 1 ? 2 : 1, {1, topology->cores}},
                   .caches = {2, {EIE_CACHE_HOT, EIE_CACHE_LLC}}},
        .budget_s = BUDGET_S,
        .memory_bytes = MEMORY_BYTES,
        .timeout_s = TIMEOUT_S,
    };
    const int code = parse(argc, argv, topology->cores, &options);
    if (code >= 0) return code;
    struct outcome outcome = {
        .options = &options, .with_numbers = json_object(), .missing = json_array()};
    status = run(&options, &outcome, &error);
    if (status)
        worsen(&outcome, eie_command_fail(status, &error));
    else
        say_outcome(&outcome);
    json_decref(outcome.with_numbers);
    json_decref(outcome.missing);
    return outcome.worst;
}
