#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/map/map.h"
#include "host/base/names.h"
#include "host/machine/topology.h"
#include "kernels/registry.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB         "map"
#define BUDGET_S     240
#define MEMORY_BYTES (UINT64_C(2) << 30)
#define TIMEOUT_S    300
#define CLOSEST      1.25

static const char help[] =
    "eie map: where dense, sparse and compressed kernels win on this machine\n\n"
    "usage: eie map --out FILE [OPTIONS]\n\n"
    "  --sizes LIST       sizes of the layers: N (N inputs and N outputs) or INPUTSxOUTPUTS\n"
    "                     (default 256,1024,4096)\n"
    "  --weights LIST     shares of the weights that are not 0 (default 0.01,0.03,0.1,0.3,1)\n"
    "  --activations LIST shares of the inputs that are not 0 (default 0.1,0.3,1)\n"
    "  --batch LIST       inputs per call (default 1,64)\n"
    "  --threads N        or 'all', every core (default)\n"
    "  --cache MODE       hot, llc or dram, as of eie bench (default hot)\n"
    "  --kernel NAMES     who competes: comma list of names or globs (default: cpu_auto, the "
    "dense\n"
    "                     and sparse float32 kernels of libraries and our own, oneDNN's int8, and\n"
    "                     EIE's closed form)\n"
    "  --budget TIME      seconds, or 5m, 1h (default 4m): each point of the grid is measured,\n"
    "                     however long that takes; what is left goes to points between neighbours\n"
    "                     with different winners, until their densities are within 1.25 times;\n"
    "                     'least': the grid only\n"
    "  --memory SIZE      for all plans alive at once (default 2G)\n"
    "  --timeout TIME     a kernel that gives no sign of life for so long is stopped (default 5m)\n"
    "  --out FILE         the map: results as JSON\n"
    "  --resume           continue the map in FILE; its grid stays, and lists that are given "
    "join\n"
    "                     it. Ctrl-C ends a run and keeps what is measured\n"
    "  --quiet            no progress\n\n"
    "./run map draws it.\n\n"
    "example: eie map --sizes 1024 --budget 1m --out map.json\n";

/* ---- options -------------------------------------------------------------------------------- */

struct options {
    struct eie_map map;
    const char *out;
    bool resume;
    char kernels[EIE_MAP_KERNELS_MAX], command[1024];
};

/* Calls `take` for each word of a comma list; false where there is none, or one is refused. */
static bool each_word(const char *text, bool (*take)(struct eie_grid *grid, const char *word),
                      struct eie_grid *grid)
{
    char copy[512] = "", *rest = NULL;
    bool good = strlen(text) < sizeof copy && *text;
    if (good) strcpy(copy, text);
    for (char *word = strtok_r(copy, ",", &rest); word && good; word = strtok_r(NULL, ",", &rest))
        good = take(grid, word);
    return good;
}

static bool take_size(struct eie_grid *grid, const char *word)
{
    uint64_t inputs, outputs;
    char first[32];
    const char *times = strchr(word, 'x');
    const size_t length = times ? (size_t)(times - word) : strlen(word);
    if (length >= sizeof first) return false;
    memcpy(first, word, length);
    first[length] = 0;
    return eie_parse_uint(first, 1, UINT32_MAX, &inputs) &&
           eie_parse_uint(times ? times + 1 : first, 1, EIE_OUTPUTS_MAX, &outputs) &&
           eie_grid_add_size(grid, inputs, outputs);
}

static bool take_weights(struct eie_grid *grid, const char *word)
{
    double share;
    return eie_parse_share(word, &share) && eie_grid_add_weights(grid, share);
}

static bool take_activations(struct eie_grid *grid, const char *word)
{
    double share;
    return eie_parse_share(word, &share) && eie_grid_add_activations(grid, share);
}

static bool take_batch(struct eie_grid *grid, const char *word)
{
    uint64_t batch;
    return eie_parse_uint(word, 1, EIE_SUITE_INPUTS_MAX, &batch) && eie_grid_add_batch(grid, batch);
}

/* The grid where a list is not given. */
static void fill_grid(struct options *options)
{
    struct eie_grid *grid = &options->map.grid;
    if (!grid->size_count) each_word("256,1024,4096", take_size, grid);
    if (!grid->weight_count) each_word("0.01,0.03,0.1,0.3,1", take_weights, grid);
    if (!grid->activation_count) each_word("0.1,0.3,1", take_activations, grid);
    if (!grid->batch_count) each_word("1,64", take_batch, grid);
}

static bool parse_budget(const char *text, double *seconds)
{
    if (strcmp(text, "least") != 0) return eie_parse_seconds(text, seconds);
    *seconds = 0;
    return true;
}

static bool parse_threads(const char *text, uint32_t cores, uint32_t *threads)
{
    uint64_t value = cores;
    const bool good = !strcmp(text, "all") || eie_parse_uint(text, 1, cores, &value);
    *threads = (uint32_t)value;
    return good;
}

static int parse_grid(int option, struct options *options)
{
    struct eie_grid *grid = &options->map.grid;
    if (option == 's' && !each_word(optarg, take_size, grid))
        return eie_command_usage(VERB,
                                 "--sizes %s is no list of up to %d sizes (try 1024,4096x1000)",
                                 optarg, EIE_GRID_MAX);
    if (option == 'w' && !each_word(optarg, take_weights, grid))
        return eie_command_usage(VERB, "--weights %s is no list of up to %d shares above 0, to 1",
                                 optarg, EIE_GRID_MAX);
    if (option == 'a' && !each_word(optarg, take_activations, grid))
        return eie_command_usage(VERB,
                                 "--activations %s is no list of up to %d shares above 0, to 1",
                                 optarg, EIE_GRID_MAX);
    if (option == 'b' && !each_word(optarg, take_batch, grid))
        return eie_command_usage(VERB, "--batch %s is no list of up to %d numbers from 1 to %u",
                                 optarg, EIE_GRID_MAX, EIE_SUITE_INPUTS_MAX);
    return -1;
}

static int parse_option(int option, uint32_t cores, struct options *options)
{
    struct eie_candidates *candidates = &options->map.candidates;
    if (option == 'o') options->out = optarg;
    if (option == 'q') candidates->quiet = true;
    if (option == 'r') options->resume = true;
    if (option == 'p') return eie_command_plugin(optarg);
    if (option == 'k')
        return eie_command_kernels(VERB, optarg, options->kernels, sizeof options->kernels);
    if (option == 't' && !parse_threads(optarg, cores, &candidates->threads))
        return eie_command_usage(VERB, "--threads %s is not 1 to %u, nor 'all'", optarg, cores);
    if (option == 'c' && !eie_cache_parse(optarg, &candidates->cache))
        return eie_command_usage(VERB, "--cache %s is none of hot, llc, dram", optarg);
    if (option == 'T' && !parse_budget(optarg, &options->map.budget_s))
        return eie_command_usage(VERB, "--budget %s is no time (try 90, 90s, 5m, or least)",
                                 optarg);
    if (option == 'x' && !eie_parse_seconds(optarg, &candidates->timeout_s))
        return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
    if (option == 'm' && !eie_parse_bytes(optarg, &candidates->memory_bytes))
        return eie_command_usage(VERB, "--memory %s is no size (try 512M, 2G)", optarg);
    return parse_grid(option, options);
}

static int parse(int argc, char **argv, uint32_t cores, struct options *options)
{
    static const struct option known[] = {
        {"sizes", required_argument, NULL, 's'},
        {"weights", required_argument, NULL, 'w'},
        {"activations", required_argument, NULL, 'a'},
        {"batch", required_argument, NULL, 'b'},
        {"threads", required_argument, NULL, 't'},
        {"cache", required_argument, NULL, 'c'},
        {"kernel", required_argument, NULL, 'k'},
        {"plugin", required_argument, NULL, 'p'},
        {"budget", required_argument, NULL, 'T'},
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
        if (option == 'h') return fputs(help, stdout), 0;
        const int code = parse_option(option, cores, options);
        if (code >= 0) return code;
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (!options->out) return eie_command_usage(VERB, "needs a file for the map: --out FILE");
    if (!*options->kernels) eie_candidates_default(options->kernels);
    return eie_command_claim(options->out);
}

/* ---- signals -------------------------------------------------------------------------------- */

static volatile sig_atomic_t came; /* the signal that ends the run */

/* The first one ends the run in good order, the second as is custom. */
static void note(int number)
{
    came = number;
    signal(number, SIG_DFL);
}

static void note_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (signal(numbers[i], note) == SIG_IGN) signal(numbers[i], SIG_IGN);
}

/* ---- the run -------------------------------------------------------------------------------- */

struct events {
    int worst; /* exit code of rows and complaints so far */
};

/* 2 before 1 before 3. */
static void worsen(struct events *events, int code)
{
    if (code == 2 || !events->worst || (code == 1 && events->worst == 3))
        events->worst = code ? code : events->worst;
}

/* A library that fails at a point costs its own row, which says so; wrong results are said here. */
static void on_row(void *context, const json_t *row, int code)
{
    if (code != eie_exit_code(EIE_MISMATCH)) return;
    const char *reason = json_string_value(json_object_get(row, "eie_reason"));
    const char *kernel = json_string_value(json_object_get(row, "eie_kernel"));
    fprintf(stderr, "eie: %s: %s\n", kernel ? kernel : "a kernel", reason ? reason : "a mismatch");
    worsen(context, code);
}

static void on_complaint(void *context, const char *message, int code)
{
    fprintf(stderr, "eie: %s\n", message);
    worsen(context, code);
}

/* Rows of an earlier run too: what is wrong stays wrong. */
static void judge_row(void *context, json_t *row)
{
    const char *status = json_string_value(json_object_get(row, "eie_status"));
    if (status && !strcmp(status, "mismatch")) worsen(context, eie_exit_code(EIE_MISMATCH));
}

/* The map in the file, which is to be gone on with. */
static enum eie_status take_up(struct options *options, const struct eie_results *results,
                               struct eie_error *error)
{
    const json_t *said = eie_results_get(results, "eie_map");
    const enum eie_status status =
        said ? eie_map_take_up(&options->map, said, error)
             : eie_fail(error, EIE_INPUT, "holds results, but no map: name another --out");
    return status ? eie_error_prefix(error, status, "%s", options->out) : EIE_OK;
}

static void say(const struct options *options, const struct eie_map_outcome *outcome)
{
    printf("%u points in %s, %u of them refined", outcome->points, options->out, outcome->refined);
    if (outcome->without) printf("; nothing could be measured at %u", outcome->without);
    if (outcome->left)
        printf("; %u more between different winners would take longer than --budget: --resume "
               "goes on",
               outcome->left);
    putchar('\n');
}

static enum eie_status run(struct options *options, struct eie_map_outcome *outcome,
                           struct eie_error *error)
{
    struct eie_results *results = NULL;
    struct eie_suite suite;
    enum eie_status status = eie_suite_of_shapes(NULL, 0, &suite, error);
    if (status) return status;
    json_t *suites = json_pack("{s:s}", suite.name, suite.hash.hex);
    eie_suite_free(&suite);
    status =
        eie_results_begin(options->out, options->command, options->resume, suites, &results, error);
    if (status) return status;
    const bool is_old = json_array_size(eie_results_get(results, "eie_runs")) > 0;
    if (is_old) status = take_up(options, results, error);
    fill_grid(options);
    if (!status) status = eie_map_check(&options->map, error);
    if (!status) status = eie_map_run(&options->map, results, outcome, error);
    eie_results_each(results, judge_row, options->map.candidates.context);
    eie_results_free(results);
    return status;
}

int eie_command_map(int argc, char **argv)
{
    const struct eie_topology *topology;
    struct eie_error error;
    struct eie_map_outcome outcome = {0};
    struct events events = {0};
    enum eie_status status = eie_topology_get(&topology, &error);
    if (status) return eie_command_fail(status, &error);
    struct options options = {.map = {.budget_s = BUDGET_S,
                                      .closest = CLOSEST,
                                      .candidates = {.threads = topology->cores,
                                                     .cache = EIE_CACHE_HOT,
                                                     .memory_bytes = MEMORY_BYTES,
                                                     .timeout_s = TIMEOUT_S,
                                                     .stop = &came,
                                                     .on_row = on_row,
                                                     .on_complaint = on_complaint,
                                                     .context = &events}}};
    const int code = parse(argc, argv, topology->cores, &options);
    if (code >= 0) return code;
    options.map.candidates.kernels = options.kernels;
    note_signals();
    status = run(&options, &outcome, &error);
    if (came) {
        fprintf(stderr, "eie: interrupted; what was measured is in %s: --resume goes on\n",
                options.out);
        fflush(stdout);
        signal((int)came, SIG_DFL);
        raise((int)came);
    }
    if (status) {
        worsen(&events, eie_command_fail(status, &error));
        return events.worst;
    }
    say(&options, &outcome);
    if (!outcome.points && !events.worst) {
        fputs("eie: nothing could be measured at any point\n", stderr);
        return eie_exit_code(EIE_MISSING);
    }
    return events.worst;
}
