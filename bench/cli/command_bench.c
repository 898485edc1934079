#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/doctor/checkup.h"
#include "bench/matrix/supervisor.h"
#include "bench/measure/devices.h"
#include "host/base/names.h"
#include "host/machine/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB         "bench"
#define BUDGET_S     60
#define MEMORY_BYTES (UINT64_C(2) << 30)
#define TIMEOUT_S    300
#define MATRICES_MAX 16
#define TARGET       0.02
#define TARGET_LEAST 0.0001

static const char help[] =
    "eie bench: check kernels on each layer, then time them\n\n"
    "usage: eie bench [OPTIONS]\n\n"
    "  --suite NAMES     comma list of suites, or the path of a suite's JSON file, or a layer by "
    "its\n"
    "                    shape and densities, shape:4096x1000-w0.18-a0.35 (default: the\n"
    "                    default matrix: paper, paper-matched for the models, and real where\n"
    "                    EIE_MODELS names a folder)\n"
    "  --plugin FILE     also the kernels of this shared object; may be given several times\n"
    "  --layer NAMES     comma list of names or globs (default: all)\n"
    "  --kernel NAMES    comma list of names or globs, or the word 'default': all kernels for the\n"
    "                    row's batch but those whose flags leave them out (eie list kernels); "
    "when\n"
    "                    not given, what the suite names, but not the oracle\n"
    "  --device NAMES    comma list of names or globs of devices (%s), or\n"
    "                    paths of descriptions (default: all)\n"
    "  --batch LIST      inputs per call (default 1), 'positions': those of a whole image for "
    "each\n"
    "                    convolution; beyond the layer's samples further ones are\n"
    "                    drawn, up to 1024, but for layers of files and real ones\n"
    "  --threads LIST    thread counts; 'all' is every core (default 1,all); devices of\n"
    "                    a runtime (%s) have none\n"
    "  --cache LIST      hot: one copy, used over and over; llc: rotated copies that only the\n"
    "                    last-level cache holds; dram: rotated copies that no cache holds\n"
    "                    (default hot,llc); devices of a runtime have hot, and beside it dram\n"
    "                    where it is asked for and their driver states a cache\n"
    "  --budget TIME     seconds, or 5m, 1h: for the whole matrix (default 60); every row gets "
    "its\n"
    "                    least samples, however long that takes; 'least': no more than these\n"
    "  --memory SIZE     for all plans alive at once; groups that need more are split (default "
    "2G)\n"
    "  --timeout TIME    a kernel that gives no sign of life for so long is stopped, and its row\n"
    "                    is an error (default 5m)\n"
    "  --target PERCENT  how wide half a row's 95 %% interval may be: time that is left goes to "
    "wider\n"
    "                    ones (default 2)\n"
    "  --counters        also count, in a pass of its own after a row's samples, what its calls "
    "cost\n"
    "                    the processor: cycles, instructions, misses of caches and branches, "
    "stalls;\n"
    "                    where there are no counters the row says why\n"
    "  --power WATTS     what a meter at the wall shows while this runs: rows of the processor "
    "then have\n"
    "                    energy too, power x time, marked assumed; measured energy is kept with "
    "it\n"
    "  --also            a further matrix in the same run: --suite, --layer, --kernel, --device,\n"
    "                    --batch, --threads and --cache start over after it\n"
    "  --out FILE        results as JSON (default: only the table is printed)\n"
    "  --resume          continue the results file of --out: its rows stay, the rest is run\n"
    "  --quiet           no progress\n\n"
    "example: eie bench --suite paper --layer 'Alex-*' --threads 1 --budget 30s --out alex.json\n";

static void print_help(void)
{
    char globs[EIE_RUNTIMES_TEXT_MAX], titles[EIE_RUNTIMES_TEXT_MAX];
    eie_runtime_globs(globs);
    eie_runtime_titles(titles);
    printf(help, globs, titles);
}

/* ---- options -------------------------------------------------------------------------------- */

struct options {
    struct eie_matrix_options matrices[MATRICES_MAX];
    uint32_t matrix_count;
    const char *out;
    double budget_s, timeout_s, target, power_w;
    uint64_t memory_bytes;
    bool quiet, resume, counters;
    bool caches_named; /* else the default */
    char command[1024];
};

/* Comma list of numbers, the word `all` standing for `all_value`; false when malformed. */
static bool parse_list(const char *text, const char *all, uint32_t all_value, struct eie_list *list)
{
    char copy[512], *rest = NULL;
    list->count = 0;
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint64_t value;
        if (!strcmp(word, all))
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

/* What a matrix is where nothing is said. */
static int begin_matrix(struct options *options, uint32_t cores)
{
    if (options->matrix_count == MATRICES_MAX)
        return eie_command_usage(VERB, "--also: more than %d matrices", MATRICES_MAX);
    options->matrices[options->matrix_count++] =
        (struct eie_matrix_options){.batches = {1, {1}},
                                    .threads = {cores > 1 ? 2 : 1, {1, cores}},
                                    .caches = {2, {EIE_CACHE_HOT, EIE_CACHE_LLC}}};
    return -1;
}

static bool parse_target(const char *text, double *target)
{
    char *end;
    *target = strtod(text, &end) / 100;
    if (*end == '%') end++;
    return end != text && !*end && *target >= TARGET_LEAST && *target <= 1;
}

static int parse_option(int option, uint32_t cores, struct options *options)
{
    struct eie_matrix_options *matrix = &options->matrices[options->matrix_count - 1];
    if (option == 'A') {
        eie_command_again("slkdbtc");
        return begin_matrix(options, cores);
    }
    if (option == 's') matrix->suites = optarg;
    if (option == 'l') matrix->layers = optarg;
    if (option == 'k') matrix->kernels = optarg;
    if (option == 'd') matrix->devices = optarg;
    if (option == 'o') options->out = optarg;
    if (option == 'q') options->quiet = true;
    if (option == 'r') options->resume = true;
    if (option == 'C') options->counters = true;
    if (option == 'c') options->caches_named = true;
    if (option == 'p') return eie_command_plugin(optarg);
    if (option == 'b' && !parse_list(optarg, "positions", EIE_BATCH_POSITIONS, &matrix->batches))
        return eie_command_usage(VERB, "--batch %s is not a list of sizes", optarg);
    if (option == 't' && !parse_list(optarg, "all", cores, &matrix->threads))
        return eie_command_usage(VERB, "--threads %s is not a list of thread counts", optarg);
    for (uint32_t i = 0; option == 't' && i < matrix->threads.count; i++)
        if (matrix->threads.values[i] > cores)
            return eie_command_usage(VERB, "--threads %s: this process may use %u core%s", optarg,
                                     cores, cores == 1 ? "" : "s");
    if (option == 'c' && !parse_caches(optarg, &matrix->caches))
        return eie_command_usage(VERB, "--cache %s is not a list of hot, llc, dram", optarg);
    if (option == 'T' && !parse_budget(optarg, &options->budget_s))
        return eie_command_usage(VERB, "--budget %s is no time (try 90, 90s, 5m, or least)",
                                 optarg);
    if (option == 'x' && !eie_parse_seconds(optarg, &options->timeout_s))
        return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
    if (option == 'W' && !parse_target(optarg, &options->target))
        return eie_command_usage(VERB, "--target %s is no percentage (try 2)", optarg);
    if (option == 'P' && !eie_parse_watts(optarg, &options->power_w))
        return eie_command_usage(VERB, "--power %s is no power (try 85, 85W)", optarg);
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
        {"target", required_argument, NULL, 'W'},
        {"counters", no_argument, NULL, 'C'},
        {"power", required_argument, NULL, 'P'},
        {"also", no_argument, NULL, 'A'},
        {"memory", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 'x'},
        {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    eie_command_line(argc, argv, options->command, sizeof options->command);
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return print_help(), 0;
        const int code = parse_option(option, cores, options);
        if (code >= 0) return code;
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (options->resume && !options->out)
        return eie_command_usage(VERB, "--resume needs the results file: --out FILE");
    return eie_command_claim(options->out);
}

/* ---- what becomes of it --------------------------------------------------------------------- */

struct outcome {
    const struct options *options;
    struct eie_supervision *supervision;
    const struct eie_matrix *matrices;
    struct eie_error stale;      /* an old row that must not be mixed with new ones; "" for none */
    uint32_t old, rows, numbers; /* that stood there already; matched; with a number */
    int worst;                   /* exit code so far */
    json_t *codes;               /* of the rows that came in this run, by name */
    json_t *judged;              /* names of rows: a row may stand in two matrices */
    json_t *with_numbers;        /* names of kernels that have any */
    json_t *missing;             /* rows asked for by exact name that could not run: name, reason */
    uint32_t uncounted;          /* rows whose cycles or instructions could not be counted */
    struct eie_error why_not;    /* of the first of them */
};

/* 2 before 1 before 3. */
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

/* "; 3.42 cycles a weight, IPC 1.98", the word for why there is none, or "" where nobody asked. */
static const char *counter_words(const json_t *row, char *text, size_t size)
{
    const char *state = text_of(row, "eie_counters_state");
    *text = 0;
    if (!strcmp(state, "measured"))
        snprintf(text, size, "; %.3g cycles a weight, IPC %.3g",
                 number_of(row, "eie_cycles_per_nonzero"), number_of(row, "eie_ipc"));
    else if (*state)
        snprintf(text, size, "; counters: %s", state);
    return text;
}

static void print_row(const json_t *row)
{
    char counted[128];
    const char *status = text_of(row, "eie_status"), *reason = text_of(row, "eie_reason");
    const double median_ns = number_of(row, "eie_median_ns");
    printf("%-14s %-12s %-24s %-15s %5.0f %7.0f %-5s ", text_of(row, "eie_suite"),
           text_of(row, "eie_layer"), text_of(row, "eie_kernel"), text_of(row, "eie_device"),
           number_of(row, "eie_batch"), number_of(row, "eie_threads"), text_of(row, "eie_cache"));
    const char *clock = text_of(row, "eie_time_source");
    if (strcmp(status, "ok") != 0)
        printf("%12s %8s  %s: %s\n", "-", "", status, reason);
    else if (strcmp(clock, "model") != 0)
        printf("%12.3f %8.2f  ok%s%s\n", median_ns / 1e3,
               50 * (number_of(row, "eie_ci95_high_ns") - number_of(row, "eie_ci95_low_ns")) /
                   median_ns,
               !strcmp(clock, "device")  ? ", device's clock"
               : !strcmp(clock, "chain") ? ", device's clock, in a chain"
                                         : "",
               counter_words(row, counted, sizeof counted));
    else
        print_model_row(row, median_ns);
    fflush(stdout);
}

static void note_counters(struct outcome *outcome, const json_t *row)
{
    const char *state = text_of(row, "eie_counters_state");
    if (!*state || !strcmp(state, "measured")) return;
    if (outcome->uncounted++) return;
    eie_fail(&outcome->why_not, EIE_MISSING, "%s: %s", state, text_of(row, "eie_counters_reason"));
}

static void say_counters(const struct outcome *outcome)
{
    if (outcome->uncounted)
        printf("counters of %u row%s are not there, of the first: %s\n", outcome->uncounted,
               outcome->uncounted == 1 ? "" : "s", outcome->why_not.message);
}

static void judge(struct outcome *outcome, const struct eie_matrix *matrix, const json_t *row,
                  int code)
{
    const char *status = text_of(row, "eie_status"), *kernel = text_of(row, "eie_kernel");
    const char *kernels = matrix->options->kernels;
    outcome->rows++;
    outcome->numbers += !strcmp(status, "ok");
    worsen(outcome, code);
    if (!strcmp(status, "ok")) json_object_set_new(outcome->with_numbers, kernel, json_true());
    if (!kernels || !eie_names_exact(kernels, kernel)) return;
    if (!strcmp(text_of(row, "eie_time_source"), "chain")) return; /* its plan has other rows */
    if (!strcmp(status, "unsupported") || !strcmp(status, "skipped"))
        json_array_append_new(
            outcome->missing,
            json_pack("[O, O, O, O, b]", json_object_get(row, "eie_kernel"),
                      json_object_get(row, "eie_reason"), json_object_get(row, "eie_cache"),
                      json_object_get(row, "eie_device"),
                      eie_runtime_of_name(text_of(row, "eie_device")) &&
                          !eie_names_exact(matrix->options->devices, text_of(row, "eie_device"))));
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
        const bool elsewhere = json_is_true(json_array_get(one, 4));
        if (elsewhere && json_object_get(outcome->with_numbers, kernel)) continue;
        if (llc_named || strcmp(cache, eie_cache_name(EIE_CACHE_LLC)) != 0 ||
            !json_object_get(outcome->with_numbers, kernel))
            return one;
    }
    return NULL;
}

/* It may come again, with more samples. */
static void on_row(void *context, const json_t *row, int code)
{
    struct outcome *outcome = context;
    json_object_set_new(outcome->codes, text_of(row, "name"), json_integer(code));
}

/* Was the row made with another description of its device than the one of that name now? */
static bool is_stale(const struct eie_matrix *matrix, const json_t *row)
{
    for (uint32_t i = 0; i < matrix->device_count; i++)
        if (!strcmp(matrix->devices[i].name, text_of(row, "eie_device")))
            return strcmp(matrix->devices[i].hash.hex, text_of(row, "eie_device_hash")) != 0;
    return false;
}

/* A row that stood in the file already. */
static void on_old_row(void *context, json_t *row)
{
    struct outcome *outcome = context;
    for (uint32_t m = 0; m < outcome->options->matrix_count; m++)
        if (is_stale(&outcome->matrices[m], row))
            eie_fail(&outcome->stale, EIE_INPUT,
                     "%s: %s was made with another description of %s: name another --out",
                     outcome->options->out, text_of(row, "name"), text_of(row, "eie_device"));
    outcome->old++;
    if (!strcmp(text_of(row, "eie_status"), "mismatch"))
        worsen(outcome, eie_exit_code(EIE_MISMATCH));
}

struct judging {
    struct outcome *outcome;
    const struct eie_matrix *matrix;
    const struct eie_results *results;
};

static void judge_row(struct outcome *outcome, const struct eie_matrix *matrix, const json_t *row)
{
    const char *name = text_of(row, "name");
    const json_t *code = json_object_get(outcome->codes, name);
    if (!row || json_object_get(outcome->judged, name)) return;
    json_object_set_new(outcome->judged, name, json_true());
    if (code) print_row(row);
    if (code) note_counters(outcome, row);
    judge(outcome, matrix, row, (int)json_integer_value(code));
}

/* Prints what came of the group's rows in this run, and judges all. */
static bool judge_group(void *context, const struct eie_group_key *key)
{
    const struct judging *judging = context;
    const uint32_t count = eie_matrix_rows(judging->matrix, key, NULL);
    struct eie_row *rows = calloc((size_t)count + 1, sizeof *rows);
    char name[512];
    if (rows) eie_matrix_rows(judging->matrix, key, rows);
    for (uint32_t i = 0; rows && i < count; i++) {
        eie_row_name(&rows[i], name, sizeof name);
        judge_row(judging->outcome, judging->matrix, eie_results_row(judging->results, name));
    }
    free(rows);
    return true;
}

static void judge_all(struct outcome *outcome, const struct eie_results *results)
{
    print_head();
    for (uint32_t m = 0; m < outcome->options->matrix_count; m++) {
        struct judging judging = {outcome, &outcome->matrices[m], results};
        eie_matrix_each_group(judging.matrix, judge_group, &judging);
    }
    say_counters(outcome);
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

/* A run whose budget is shorter than what it must do at least says so before it starts. */
static enum eie_status say_least(const struct options *options, const struct eie_job *job,
                                 struct eie_error *error)
{
    double least_s;
    uint32_t rows;
    enum eie_status status = eie_job_least(job, &least_s, &rows, error);
    if (status || options->quiet || !(options->budget_s > 0) || least_s <= options->budget_s)
        return status;
    fprintf(stderr,
            "eie: the least samples of %u rows take about %d:%02d min (a guess), longer than "
            "--budget %.0f s: none is left out\n",
            rows, (int)least_s / 60, (int)least_s % 60, options->budget_s);
    return EIE_OK;
}

/* What would spoil the run, before it begins; all else that a quick look found stands in the file.
 */
static void say_bad(const struct options *options, const struct eie_results *results)
{
    const json_t *checks = json_object_get(eie_results_run(results), "doctor");
    for (size_t i = 0; i < json_array_size(checks) && !options->quiet; i++) {
        const json_t *check = json_array_get(checks, i);
        if (!strcmp(text_of(check, "state"), eie_health_word(EIE_HEALTH_BAD)))
            fprintf(stderr, "eie: %s; to mend it: %s (eie doctor)\n", text_of(check, "seen"),
                    text_of(check, "mend"));
    }
}

static enum eie_status supervise(const struct options *options, struct outcome *outcome,
                                 struct eie_results *results, struct eie_error *error)
{
    struct eie_supervision supervision = {
        .job = {.matrices = outcome->matrices,
                .matrix_count = options->matrix_count,
                .results = results,
                .budget_s = options->budget_s,
                .target = options->target,
                .counters = options->counters,
                .memory_bytes = options->memory_bytes,
                .assumed_power_w = options->power_w},
        .results = results,
        .timeout_s = options->timeout_s,
        .quiet = options->quiet,
        .on_row = on_row,
        .on_complaint = on_complaint,
        .context = outcome,
    };
    outcome->supervision = &supervision;
    for (uint32_t m = 0; m < options->matrix_count; m++) {
        const struct eie_found_devices *found = &outcome->matrices[m].found;
        for (uint32_t i = 0; i < found->count; i++)
            set_device(results, &found->all[i].device, json_incref(found->all[i].facts));
    }
    eie_results_each(results, on_old_row, outcome);
    if (*outcome->stale.message) return eie_fail(error, EIE_INPUT, "%s", outcome->stale.message);
    if (outcome->old) printf("%u rows stand in %s already\n", outcome->old, options->out);
    fflush(stdout);
    enum eie_status status = say_least(options, &supervision.job, error);
    if (!status) say_bad(options, results);
    if (!status) status = eie_supervise(&supervision, error);
    judge_all(outcome, results);
    outcome->supervision = NULL;
    return status;
}

static enum eie_status run(const struct options *options, struct outcome *outcome,
                           struct eie_error *error)
{
    struct eie_matrix matrices[MATRICES_MAX] = {0};
    struct eie_results *results = NULL;
    enum eie_status status = EIE_OK;
    json_t *suites = json_object();
    uint32_t begun = 0;
    while (begun < options->matrix_count && !status) {
        struct eie_matrix *matrix = &matrices[begun];
        status = eie_matrix_begin(&options->matrices[begun], matrix, error);
        if (status) break;
        begun++;
        for (uint32_t i = 0; i < matrix->suite_count && !status; i++) {
            const struct eie_suite *suite = &matrix->suites[i];
            const char *hash = json_string_value(json_object_get(suites, suite->name));
            if (hash && strcmp(hash, suite->hash.hex) != 0)
                status = eie_fail(error, EIE_USAGE, "--suite: two different suites are called %s",
                                  suite->name);
            json_object_set_new(suites, suite->name, json_string(suite->hash.hex));
        }
    }
    outcome->matrices = matrices;
    if (!status) {
        status = eie_results_begin(options->out, options->command, options->resume,
                                   json_incref(suites), &results, error);
        if (!status) status = supervise(options, outcome, results, error);
    }
    outcome->matrices = NULL;
    eie_results_free(results);
    json_decref(suites);
    for (uint32_t m = 0; m < begun; m++) eie_matrix_end(&matrices[m]);
    return status;
}

int eie_command_bench(int argc, char **argv)
{
    const struct eie_topology *topology;
    struct eie_error error;
    enum eie_status status = eie_topology_get(&topology, &error);
    if (status) return eie_command_fail(status, &error);
    struct options options = {
        .budget_s = BUDGET_S,
        .memory_bytes = MEMORY_BYTES,
        .timeout_s = TIMEOUT_S,
        .target = TARGET,
    };
    begin_matrix(&options, topology->cores);
    const int code = parse(argc, argv, topology->cores, &options);
    if (code >= 0) return code;
    struct outcome outcome = {.options = &options,
                              .codes = json_object(),
                              .judged = json_object(),
                              .with_numbers = json_object(),
                              .missing = json_array()};
    status = run(&options, &outcome, &error);
    if (status)
        worsen(&outcome, eie_command_fail(status, &error));
    else
        say_outcome(&outcome);
    json_decref(outcome.codes);
    json_decref(outcome.judged);
    json_decref(outcome.with_numbers);
    json_decref(outcome.missing);
    return outcome.worst;
}
