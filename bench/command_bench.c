#include "bench/commands.h"
#include "bench/group.h"
#include "bench/progress.h"
#include "bench/results.h"
#include "host/command.h"
#include "host/names.h"
#include "host/suite.h"
#include "host/topology.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB           "bench"
#define LIST_MAX       64
#define SUITES_MAX     64
#define DEVICES_MAX    1024
#define BUDGET_S       60
#define MEMORY_BYTES   (UINT64_C(2) << 30)
#define OVERRUN        1.5  /* groups begin until so many times the budget */
#define OVERRUN_S      10   /* and so long, for small budgets */
#define GROUP_BUDGET_S 0.05 /* of the timed part at least; more samples than that are a luxury */

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
    "  --device NAMES    comma list of names or globs of devices, or paths of descriptions\n"
    "                    (default: all)\n"
    "  --batch LIST      inputs per call, up to the layer's samples (default 1)\n"
    "  --threads LIST    thread counts; 'all' is every core (default 1,all)\n"
    "  --cache LIST      hot: one copy, used over and over (the only mode of this version)\n"
    "  --budget TIME     seconds, or 5m, 1h: for the whole matrix (default 60)\n"
    "  --memory SIZE     for all plans alive at once (default 2G)\n"
    "  --out FILE        results as JSON (default: only the table is printed)\n"
    "  --quiet           no progress\n\n"
    "example: eie bench --suite paper --layer 'Alex-*' --threads 1 --budget 30s --out alex.json\n";

/* ---- options -------------------------------------------------------------------------------- */

struct list {
    uint32_t count, values[LIST_MAX];
};

struct options {
    const char *suites, *layers, *kernels, *devices, *out;
    struct list batches, threads;
    double budget_s;
    uint64_t memory_bytes;
    bool quiet;
    char command[1024];
};

/* Comma list of numbers, `all` standing for `all_value` (0: no such word); false when malformed. */
static bool parse_list(const char *text, uint32_t all_value, struct list *list)
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
        if (list->count == LIST_MAX) return false;
        list->values[list->count++] = (uint32_t)value;
    }
    return list->count > 0;
}

static int parse_option(int option, uint32_t cores, struct options *options)
{
    if (option == 's') options->suites = optarg;
    if (option == 'l') options->layers = optarg;
    if (option == 'k') options->kernels = optarg;
    if (option == 'd') options->devices = optarg;
    if (option == 'o') options->out = optarg;
    if (option == 'q') options->quiet = true;
    if (option == 'p') return eie_command_plugin(optarg);
    if (option == 'b' && !parse_list(optarg, 0, &options->batches))
        return eie_command_usage(VERB, "--batch %s is not a list of sizes", optarg);
    if (option == 't' && !parse_list(optarg, cores, &options->threads))
        return eie_command_usage(VERB, "--threads %s is not a list of thread counts", optarg);
    for (uint32_t i = 0; option == 't' && i < options->threads.count; i++)
        if (options->threads.values[i] > cores)
            return eie_command_usage(VERB, "--threads %s: this process may use %u cores", optarg,
                                     cores);
    if (option == 'c' && strcmp(optarg, "hot"))
        return eie_command_usage(VERB, "--cache %s: this version measures hot only", optarg);
    if (option == 'T' && !eie_parse_seconds(optarg, &options->budget_s))
        return eie_command_usage(VERB, "--budget %s is no time (try 90, 90s, 5m)", optarg);
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
        {"out", required_argument, NULL, 'o'},
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
    return -1;
}

/* ---- the matrix ----------------------------------------------------------------------------- */

struct matrix {
    const struct options *options;
    struct eie_suite suites[SUITES_MAX];
    uint32_t suite_count;
    struct eie_device *devices; /* the host, then the descriptions */
    uint32_t device_count;
    char device_names[1024]; /* of --device, paths replaced by names; "" means all */
    uint32_t groups_total, groups_done;
    struct eie_progress progress;
    struct eie_results *results;
    uint32_t rows, numbers; /* matched, with a number */
    int worst;              /* exit code so far */
    char missing[1200];     /* the first row asked for by exact name that could not run */
    char group_name[96];
};

/* 2 before 1 before 3 (design 10). */
static void worsen(struct matrix *matrix, int code)
{
    if (code == 2 || !matrix->worst || (code == 1 && matrix->worst == 3))
        matrix->worst = code ? code : matrix->worst;
}

static enum eie_status read_suites(struct matrix *matrix, struct eie_error *error)
{
    const char *given = matrix->options->suites;
    struct eie_suite_names names = {0};
    char copy[1024] = "", *rest = NULL;
    enum eie_status status = EIE_OK;
    if (given && strlen(given) >= sizeof copy)
        return eie_fail(error, EIE_USAGE, "--suite is too long");
    if (given) {
        strcpy(copy, given);
    } else {
        status = eie_suite_list(&names, error);
        for (uint32_t i = 0; i < names.count; i++) {
            const size_t used = strlen(copy);
            snprintf(copy + used, sizeof copy - used, "%s,", names.names[i]);
        }
        eie_suite_names_free(&names);
    }
    for (char *name = strtok_r(copy, ",", &rest); name && !status;
         name = strtok_r(NULL, ",", &rest)) {
        struct eie_suite *suite = &matrix->suites[matrix->suite_count];
        if (matrix->suite_count == SUITES_MAX)
            return eie_fail(error, EIE_USAGE, "more than %d suites", SUITES_MAX);
        status = eie_suite_read(name, suite, error);
        if (status) break;
        bool unwanted =
            !given && (!suite->in_default_matrix || (suite->needs_models && !eie_models_dir()));
        for (uint32_t i = 0; i < matrix->suite_count && given; i++)
            unwanted = unwanted || !strcmp(matrix->suites[i].name, suite->name);
        if (unwanted)
            eie_suite_free(suite);
        else
            matrix->suite_count++;
    }
    if (!status && !matrix->suite_count) return eie_fail(error, EIE_USAGE, "no suite is named");
    return status;
}

static bool is_path(const char *word)
{
    const size_t length = strlen(word);
    return strchr(word, '/') || (length > 5 && !strcmp(word + length - 5, ".json"));
}

/* Adds the descriptions that --device names by path, and puts their names in the place of the
 * paths. */
static enum eie_status read_device_paths(struct matrix *matrix, struct eie_error *error)
{
    char copy[sizeof matrix->device_names], *rest = NULL;
    if (!matrix->options->devices) return EIE_OK;
    if (strlen(matrix->options->devices) >= sizeof copy)
        return eie_fail(error, EIE_USAGE, "--device is too long");
    strcpy(copy, matrix->options->devices);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        const size_t used = strlen(matrix->device_names);
        const char *name = word;
        if (is_path(word)) {
            if (matrix->device_count == DEVICES_MAX)
                return eie_fail(error, EIE_USAGE, "more than %d devices", DEVICES_MAX);
            struct eie_device *device = &matrix->devices[matrix->device_count];
            enum eie_status status = eie_device_read(word, device, error);
            if (status) return status;
            for (uint32_t i = 0; i < matrix->device_count; i++)
                if (!strcmp(matrix->devices[i].name, device->name))
                    return eie_fail(error, EIE_USAGE, "%s: there is a device %s already", word,
                                    device->name);
            matrix->device_count++;
            name = device->name;
        }
        snprintf(matrix->device_names + used, sizeof matrix->device_names - used, "%s%s",
                 used ? "," : "", name);
    }
    return EIE_OK;
}

static enum eie_status read_devices(struct matrix *matrix, struct eie_error *error)
{
    struct eie_device *described;
    uint32_t count;
    enum eie_status status = eie_device_list(&described, &count, error);
    if (status) return status;
    matrix->devices = calloc(DEVICES_MAX, sizeof *matrix->devices);
    if (!matrix->devices || count >= DEVICES_MAX) {
        free(described);
        return eie_fail(error, EIE_MEMORY, "no room for %u devices", count);
    }
    status = eie_device_host(&matrix->devices[0], error);
    memcpy(matrix->devices + 1, described, count * sizeof *described);
    matrix->device_count = count + 1;
    free(described);
    return status ? status : read_device_paths(matrix, error);
}

/* Every pattern of every option must match something. */
static enum eie_status check_names(const struct matrix *matrix, struct eie_error *error)
{
    const struct options *options = matrix->options;
    const char *names[4096];
    char unmatched[256];
    unsigned count = 0;
    for (uint32_t i = 0; i < eie_kernel_count() && count < 4096; i++)
        names[count++] = eie_kernel_at(i)->name;
    if (eie_names_unmatched(options->kernels, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no kernel matches '%s' (eie list kernels)", unmatched);
    count = 0;
    for (uint32_t i = 0; i < matrix->device_count && count < 4096; i++)
        names[count++] = matrix->devices[i].name;
    if (eie_names_unmatched(matrix->device_names, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no device matches '%s' (eie list devices)", unmatched);
    count = 0;
    for (uint32_t s = 0; s < matrix->suite_count; s++)
        for (uint32_t i = 0; i < matrix->suites[s].layer_count && count < 4096; i++)
            names[count++] = matrix->suites[s].layers[i].spec.name;
    if (eie_names_unmatched(options->layers, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no layer matches '%s' (eie list layers)", unmatched);
    return EIE_OK;
}

static const char *kernels_of(const struct matrix *matrix, const struct eie_suite *suite)
{
    return matrix->options->kernels ? matrix->options->kernels : suite->default_kernels;
}

/* Does the matrix hold this kernel at this thread count? A kernel that cannot use so many threads
 * stands with the largest count that it can use, or, where the list has none, once as unsupported.
 */
static bool takes_threads(const struct eie_kernel *kernel, uint32_t threads,
                          const struct list *list)
{
    if (!kernel->max_threads) return threads == 0;
    if (!threads) return false;
    if (threads <= kernel->max_threads) return true;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->values[i] <= kernel->max_threads) return false;
    return threads == list->values[0];
}

/* Fills in kernel and device of each row of one group ([count], or NULL to count only). */
static uint32_t rows_of_group(const struct matrix *matrix, const struct eie_suite *suite,
                              uint32_t threads, struct eie_row *rows)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        const struct eie_kernel *kernel = eie_kernel_at(k);
        if (!eie_names_match(kernels_of(matrix, suite), kernel->name) ||
            (kernel->flags & EIE_KERNEL_REFERENCE && !matrix->options->kernels) ||
            !takes_threads(kernel, threads, &matrix->options->threads))
            continue;
        for (uint32_t d = 0; d < matrix->device_count; d++) {
            const struct eie_device *device = &matrix->devices[d];
            if (device->kind != kernel->device_kind ||
                !eie_names_match(matrix->device_names, device->name))
                continue;
            if (rows)
                rows[count] = (struct eie_row){
                    .kernel = kernel, .device = device, .outcome = {NAN, NAN, NAN, NULL}};
            count++;
        }
    }
    return count;
}

/* Thread counts of the groups: 0 for devices and models, then the list. */
static uint32_t group_threads(const struct matrix *matrix, uint32_t index)
{
    return index ? matrix->options->threads.values[index - 1] : 0;
}

static void count_groups(struct matrix *matrix)
{
    for (uint32_t s = 0; s < matrix->suite_count; s++) {
        const struct eie_suite *suite = &matrix->suites[s];
        uint32_t layers = 0, groups = 0;
        for (uint32_t i = 0; i < suite->layer_count; i++)
            layers += eie_names_match(matrix->options->layers, suite->layers[i].spec.name);
        for (uint32_t t = 1; t <= matrix->options->threads.count; t++)
            groups += rows_of_group(matrix, suite, group_threads(matrix, t), NULL) > 0;
        matrix->groups_total += layers * groups * matrix->options->batches.count;
    }
}

/* ---- output --------------------------------------------------------------------------------- */

static void print_head(void)
{
    printf("%-14s %-12s %-24s %-15s %5s %7s %12s %8s  %s\n", "suite", "layer", "kernel", "device",
           "batch", "threads", "us per call", "+- %", "status");
}

static void print_row(struct matrix *matrix, const struct eie_row *row)
{
    eie_progress_clear(&matrix->progress);
    printf("%-14s %-12s %-24s %-15s %5u %7u ", row->suite, row->layer, row->kernel->name,
           row->device->name, row->batch, row->threads);
    if (row->status == EIE_ROW_OK && row->threads)
        printf("%12.3f %8.2f  ok\n", row->stats.median / 1e3,
               50 * (row->stats.high - row->stats.low) / row->stats.median);
    else if (row->status == EIE_ROW_OK)
        printf("%12.3f %8s  ok, modelled\n", row->stats.median / 1e3, "");
    else
        printf("%12s %8s  %s: %s\n", "-", "", eie_row_status_name(row->status), row->reason);
    fflush(stdout);
}

static void tick(void *context, double share, const char *what)
{
    struct matrix *matrix = context;
    char text[128];
    if (what)
        snprintf(text, sizeof text, "%s %s", matrix->group_name, what);
    else
        snprintf(text, sizeof text, "%s timing", matrix->group_name);
    eie_progress_set(&matrix->progress, matrix->groups_done + share,
                     matrix->progress.terminal ? text : matrix->group_name);
}

/* ---- running -------------------------------------------------------------------------------- */

static void judge(struct matrix *matrix, const struct eie_row *row)
{
    const char *kernels = matrix->options->kernels;
    const bool by_name = kernels && eie_names_exact(kernels, row->kernel->name);
    matrix->rows++;
    matrix->numbers += row->status == EIE_ROW_OK;
    if (row->status == EIE_ROW_MISMATCH) worsen(matrix, 1);
    if (row->status == EIE_ROW_ERROR) worsen(matrix, eie_exit_code(row->error_status));
    if (by_name && (row->status == EIE_ROW_UNSUPPORTED || row->status == EIE_ROW_SKIPPED)) {
        worsen(matrix, 3);
        if (!*matrix->missing)
            snprintf(matrix->missing, sizeof matrix->missing, "%s: %s", row->kernel->name,
                     row->reason);
    }
}

static enum eie_status finish_rows(struct matrix *matrix, struct eie_row *rows, uint32_t count,
                                   struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (!status) status = eie_results_add(matrix->results, &rows[i], error);
        print_row(matrix, &rows[i]);
        judge(matrix, &rows[i]);
        eie_row_free(&rows[i]);
    }
    return status ? status : eie_results_save(matrix->results, false, error);
}

/* One layer of the matrix, or why it could not be built. */
struct target {
    const struct eie_suite *suite;
    const char *name;
    struct eie_layer *layer; /* NULL when there is none */
    struct eie_hash hash;
    enum eie_status status;
    struct eie_error error;
};

static enum eie_status start_rows(const struct matrix *matrix, const struct target *target,
                                  uint32_t batch, uint32_t threads, struct eie_row **rows,
                                  uint32_t *count, struct eie_error *error)
{
    *count = rows_of_group(matrix, target->suite, threads, NULL);
    *rows = calloc((size_t)*count + 1, sizeof **rows);
    if (!*rows) return eie_fail(error, EIE_MEMORY, "out of memory for rows");
    rows_of_group(matrix, target->suite, threads, *rows);
    for (uint32_t i = 0; i < *count; i++) {
        struct eie_row *row = &(*rows)[i];
        row->suite = target->suite->name;
        row->layer = target->name;
        row->layer_basis = target->suite->basis;
        row->hash = target->hash;
        row->batch = batch;
        row->threads = threads;
        row->cache = threads ? "hot" : "none";
        row->time_source = threads ? "wall" : "model";
        row->provenance = threads ? "measured" : "modelled";
    }
    return EIE_OK;
}

static double spent_s(const struct matrix *matrix)
{
    return eie_now_s() - matrix->progress.begin_s;
}

/* EIE_OK, or why no row of this group can have a number. */
static enum eie_status can_run(const struct matrix *matrix, const struct target *target,
                               uint32_t batch, struct eie_error *error)
{
    if (target->status) return eie_fail(error, target->status, "%s", target->error.message);
    if (batch > target->layer->sample_count)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "the layer has %u sample inputs, batch %u needs as many",
                        target->layer->sample_count, batch);
    if (spent_s(matrix) > OVERRUN * matrix->options->budget_s + OVERRUN_S)
        return eie_fail(error, EIE_MISSING, "--budget %.0f s was spent on the rows before",
                        matrix->options->budget_s);
    return EIE_OK;
}

static enum eie_status run_rows(struct matrix *matrix, const struct target *target, uint32_t batch,
                                uint32_t threads, struct eie_row *rows, uint32_t count,
                                struct eie_error *error)
{
    const uint32_t groups = matrix->groups_total - matrix->groups_done;
    const double share_s = (matrix->options->budget_s - spent_s(matrix)) / (groups ? groups : 1);
    struct eie_group group = {
        .layer = target->layer,
        .inputs = target->layer->sample_inputs,
        .batch = batch,
        .threads = threads,
        .rows = rows,
        .row_count = count,
        .budget_s = share_s > GROUP_BUDGET_S ? share_s : GROUP_BUDGET_S,
        .memory_bytes = matrix->options->memory_bytes,
        .tick = tick,
        .ticker = matrix,
    };
    return eie_group_run(&group, error);
}

static enum eie_status run_group(struct matrix *matrix, const struct target *target, uint32_t batch,
                                 uint32_t threads, struct eie_error *error)
{
    struct eie_row *rows;
    struct eie_error reason;
    uint32_t count;
    enum eie_status status = start_rows(matrix, target, batch, threads, &rows, &count, error);
    if (status) return status;
    if (threads)
        snprintf(matrix->group_name, sizeof matrix->group_name, "%s/%s, %u thread%s",
                 target->suite->name, target->name, threads, threads == 1 ? "" : "s");
    const enum eie_status why_not = can_run(matrix, target, batch, &reason);
    for (uint32_t i = 0; i < count; i++) eie_row_fail(&rows[i], why_not, &reason);
    if (!why_not && count) status = run_rows(matrix, target, batch, threads, rows, count, error);
    if (!status) status = finish_rows(matrix, rows, count, error);
    for (uint32_t i = 0; i < count; i++) eie_row_free(&rows[i]);
    free(rows);
    return status;
}

/* A layer that cannot be built still has its rows, each with the reason. */
static enum eie_status run_layer(struct matrix *matrix, const struct eie_suite *suite,
                                 uint32_t index, struct eie_error *error)
{
    struct target target = {.suite = suite, .name = suite->layers[index].spec.name};
    snprintf(matrix->group_name, sizeof matrix->group_name, "%s/%s", suite->name, target.name);
    tick(matrix, 0, "building the layer");
    target.status = eie_suite_build(suite, index, 0, &target.layer, &target.error);
    if (!target.status) target.status = eie_layer_hash(target.layer, &target.hash, &target.error);
    if (target.status) {
        eie_progress_clear(&matrix->progress);
        worsen(matrix, eie_command_fail(target.status, &target.error));
    }
    enum eie_status status = EIE_OK;
    for (uint32_t b = 0; b < matrix->options->batches.count && !status; b++) {
        for (uint32_t t = 0; t <= matrix->options->threads.count && !status; t++) {
            const uint32_t threads = group_threads(matrix, t);
            status = run_group(matrix, &target, matrix->options->batches.values[b], threads, error);
            matrix->groups_done += threads && rows_of_group(matrix, suite, threads, NULL);
        }
    }
    eie_layer_free(target.layer);
    return status;
}

static enum eie_status run_matrix(struct matrix *matrix, struct eie_error *error)
{
    enum eie_status status = read_suites(matrix, error);
    if (!status) status = read_devices(matrix, error);
    if (!status) status = check_names(matrix, error);
    if (!status)
        status = eie_results_begin(matrix->options->out, matrix->options->command, &matrix->results,
                                   error);
    if (status) return status;
    count_groups(matrix);
    eie_progress_begin(&matrix->progress, matrix->options->quiet, matrix->groups_total);
    print_head();
    for (uint32_t s = 0; s < matrix->suite_count && !status; s++)
        for (uint32_t i = 0; i < matrix->suites[s].layer_count && !status; i++)
            if (eie_names_match(matrix->options->layers, matrix->suites[s].layers[i].spec.name))
                status = run_layer(matrix, &matrix->suites[s], i, error);
    eie_progress_clear(&matrix->progress);
    return status ? status : eie_results_save(matrix->results, true, error);
}

int eie_command_bench(int argc, char **argv)
{
    const struct eie_topology *topology;
    struct eie_error error;
    enum eie_status status = eie_topology_get(&topology, &error);
    if (status) return eie_command_fail(status, &error);
    struct options options = {
        .batches = {1, {1}},
        .threads = {topology->cores > 1 ? 2 : 1, {1, topology->cores}},
        .budget_s = BUDGET_S,
        .memory_bytes = MEMORY_BYTES,
    };
    const int code = parse(argc, argv, topology->cores, &options);
    if (code >= 0) return code;
    struct matrix *matrix = calloc(1, sizeof *matrix);
    if (!matrix) return eie_command_fail(EIE_MEMORY, &(struct eie_error){"out of memory"});
    matrix->options = &options;
    status = run_matrix(matrix, &error);
    if (status) {
        worsen(matrix, eie_command_fail(status, &error));
    } else if (*matrix->missing) {
        fprintf(stderr, "eie: asked for by name, but cannot run: %s\n", matrix->missing);
    } else if (!matrix->rows && !matrix->worst) {
        worsen(matrix, eie_command_usage(VERB, "the chosen kernels, devices and thread counts "
                                               "have no row in common"));
    } else if (!matrix->numbers && !matrix->worst) {
        fprintf(stderr, "eie: %u rows were matched and none of them could run\n", matrix->rows);
        worsen(matrix, 3);
    }
    const int worst = matrix->worst;
    eie_results_free(matrix->results);
    for (uint32_t s = 0; s < matrix->suite_count; s++) eie_suite_free(&matrix->suites[s]);
    free(matrix->devices);
    free(matrix);
    return worst;
}
