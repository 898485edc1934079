#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/map/advice.h"
#include "bench/rows/context.h"
#include "host/base/names.h"
#include "host/machine/topology.h"
#include "kernels/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB         "advise"
#define MEMORY_BYTES (UINT64_C(2) << 30)
#define TIMEOUT_S    300
#define TARGET       0.05
#define BUSY         0.5 /* share of disturbed samples from which on times say little */
#define FAR_SIZE     1.5 /* times the weights of a map's layer from which on that is said */
#define FAR_WEIGHTS  4   /* times between two densities of a map */

static const char help[] =
    "eie advise: which kernel for one layer, how much faster than dense, from which density on\n\n"
    "usage: eie advise --inputs N --outputs M --weights SHARE [OPTIONS]\n"
    "       eie advise LAYER.safetensors [OPTIONS]\n\n"
    "  --inputs N           columns of the weight matrix\n"
    "  --outputs M          rows\n"
    "  --weights SHARE      of the weights that are not 0: above 0, at most 1\n"
    "  --activations SHARE  of the inputs that are not 0 (default 1)\n"
    "  LAYER.safetensors    a layer of eie compress, with its own inputs; --layer NAME where the\n"
    "                       file holds several\n"
    "  --batch N            inputs per call (default 1)\n"
    "  --threads N          or 'all', every core (default)\n"
    "  --cache MODE         hot, llc or dram, as of eie bench (default hot)\n"
    "  --kernel NAMES       who competes (default: as of eie map)\n"
    "  --map FILE           read it off a map of eie map; nothing is measured, and --threads and\n"
    "                       --cache are the map's\n"
    "  --memory SIZE        for all plans alive at once (default 2G)\n"
    "  --timeout TIME       a kernel that gives no sign of life for so long is stopped (default "
    "5m)\n"
    "  --out FILE           what was measured, as results of eie bench\n"
    "  --json               the advice as JSON\n"
    "  --quiet              no progress\n\n"
    "It takes some seconds, for the largest layers half a minute; with --map none.\n\n"
    "example: eie advise --inputs 4096 --outputs 4096 --weights 0.18 --activations 0.35\n";

/* ---- options -------------------------------------------------------------------------------- */

struct options {
    struct eie_point point;
    struct eie_candidates candidates;
    const char *file, *layer, *map, *out;
    bool as_json, here; /* `here`: something was said that a map has of its own */
    char kernels[EIE_MAP_KERNELS_MAX], command[1024], name[EIE_NAME_MAX]; /* name: of the layer */
};

static int parse_shape(int option, struct options *options)
{
    struct eie_shape *shape = &options->point.shape;
    uint64_t number;
    if (option == 'i') {
        if (!eie_parse_uint(optarg, 1, UINT32_MAX, &number))
            return eie_command_usage(VERB, "--inputs %s is not 1 to 2^32 - 1", optarg);
        shape->inputs = (uint32_t)number;
    }
    if (option == 'O') {
        if (!eie_parse_uint(optarg, 1, EIE_OUTPUTS_MAX, &number))
            return eie_command_usage(VERB, "--outputs %s is not 1 to 2^26", optarg);
        shape->outputs = (uint32_t)number;
    }
    if (option == 'b') {
        if (!eie_parse_uint(optarg, 1, EIE_SUITE_INPUTS_MAX, &number))
            return eie_command_usage(VERB, "--batch %s is not 1 to %u", optarg,
                                     EIE_SUITE_INPUTS_MAX);
        options->point.batch = (uint32_t)number;
    }
    if (option == 'w' && !eie_parse_share(optarg, &shape->weights))
        return eie_command_usage(VERB, "--weights %s is no share above 0, to 1", optarg);
    if (option == 'a' && !eie_parse_share(optarg, &shape->activations))
        return eie_command_usage(VERB, "--activations %s is no share above 0, to 1", optarg);
    return -1;
}

static int parse_option(int option, uint32_t cores, struct options *options)
{
    struct eie_candidates *candidates = &options->candidates;
    uint64_t threads = cores;
    if (option == 'l') options->layer = optarg;
    if (option == 'M') options->map = optarg;
    if (option == 'o') options->out = optarg;
    if (option == 'j') options->as_json = true;
    if (option == 'q') candidates->quiet = true;
    if (strchr("tckmo", option)) options->here = true;
    if (option == 'p') return eie_command_plugin(optarg);
    if (option == 'k')
        return eie_command_kernels(VERB, optarg, options->kernels, sizeof options->kernels);
    if (option == 't') {
        if (strcmp(optarg, "all") != 0 && !eie_parse_uint(optarg, 1, cores, &threads))
            return eie_command_usage(VERB, "--threads %s is not 1 to %u, nor 'all'", optarg, cores);
        candidates->threads = (uint32_t)threads;
    }
    if (option == 'c' && !eie_cache_parse(optarg, &candidates->cache))
        return eie_command_usage(VERB, "--cache %s is none of hot, llc, dram", optarg);
    if (option == 'x' && !eie_parse_seconds(optarg, &candidates->timeout_s))
        return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
    if (option == 'm' && !eie_parse_bytes(optarg, &candidates->memory_bytes))
        return eie_command_usage(VERB, "--memory %s is no size (try 512M, 2G)", optarg);
    return parse_shape(option, options);
}

static bool is_layer_file(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(name);
    return length >= sizeof ending && !strcmp(name + length - (sizeof ending - 1), ending);
}

/* What contradicts itself, or is missing. */
static int check_options(struct options *options)
{
    struct eie_shape *shape = &options->point.shape;
    const bool shaped = shape->inputs || shape->outputs || shape->weights > 0;
    if (options->file && (shaped || shape->activations > 0))
        return eie_command_usage(VERB,
                                 "%s has its own shape and inputs: leave --inputs, "
                                 "--outputs, --weights and --activations out",
                                 options->file);
    if (options->file && !is_layer_file(options->file))
        return eie_command_usage(VERB, "'%s' is no layer file (.safetensors)", options->file);
    if (options->layer && !options->file)
        return eie_command_usage(VERB, "--layer is for a layer file");
    if (options->map && options->here)
        return eie_command_usage(VERB, "--map measures nothing: leave --threads, --cache, "
                                       "--kernel, --memory and --out out");
    if (!options->file && (!shape->inputs || !shape->outputs || !(shape->weights > 0)))
        return eie_command_usage(VERB, "needs --inputs, --outputs and --weights, or a layer file");
    if (!options->file && !(shape->activations > 0)) shape->activations = 1;
    shape->weights = eie_shape_density(shape->weights);
    shape->activations = eie_shape_density(shape->activations);
    return -1;
}

static int parse(int argc, char **argv, uint32_t cores, struct options *options)
{
    static const struct option known[] = {
        {"inputs", required_argument, NULL, 'i'},  {"outputs", required_argument, NULL, 'O'},
        {"weights", required_argument, NULL, 'w'}, {"activations", required_argument, NULL, 'a'},
        {"layer", required_argument, NULL, 'l'},   {"batch", required_argument, NULL, 'b'},
        {"threads", required_argument, NULL, 't'}, {"cache", required_argument, NULL, 'c'},
        {"kernel", required_argument, NULL, 'k'},  {"plugin", required_argument, NULL, 'p'},
        {"map", required_argument, NULL, 'M'},     {"memory", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 'x'}, {"out", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},          {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    eie_command_line(argc, argv, options->command, sizeof options->command);
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        const int code = parse_option(option, cores, options);
        if (code >= 0) return code;
    }
    if (optind < argc) options->file = argv[optind++];
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (!*options->kernels) eie_candidates_default(options->kernels);
    const int code = check_options(options);
    return code >= 0 ? code : eie_command_claim(options->out);
}

/* ---- the layer file ------------------------------------------------------------------------- */

/* The file's layer as a point, and its name. */
static enum eie_status take_layer(struct options *options, const struct eie_suite *suite,
                                  struct eie_error *error)
{
    uint32_t found = 0, count = 0;
    for (uint32_t i = 0; i < suite->layer_count; i++) {
        if (options->layer && strcmp(options->layer, suite->layers[i].spec.name) != 0) continue;
        found = i;
        count++;
    }
    if (options->layer && !count)
        return eie_fail(error, EIE_USAGE, "%s: holds no layer '%s' (eie layer info)", options->file,
                        options->layer);
    if (count > 1)
        return eie_fail(error, EIE_USAGE, "%s: holds %u layers: name one, --layer %s",
                        options->file, count, suite->layers[0].spec.name);
    const struct eie_layer_spec *spec = &suite->layers[found].spec;
    struct eie_shape *shape = &options->point.shape;
    if (!spec->sample_count || !spec->active_inputs || !spec->nonzeros_active)
        return eie_fail(
            error, EIE_INPUT,
            "%s: %s holds no %s: give its shape, --inputs %u --outputs %u --weights ...",
            options->file, spec->name,
            spec->nonzeros_active ? "input that is not 0" : "weight that is not 0", spec->inputs,
            spec->outputs);
    if (spec->sample_count < options->point.batch)
        return eie_fail(error, EIE_USAGE, "%s: %s holds %u inputs, --batch %u needs as many",
                        options->file, spec->name, spec->sample_count, options->point.batch);
    shape->inputs = spec->inputs;
    shape->outputs = spec->outputs;
    shape->weights =
        eie_shape_density((double)spec->nonzeros_active / ((double)spec->inputs * spec->outputs));
    shape->activations = eie_shape_density((double)spec->active_inputs / spec->inputs);
    snprintf(options->name, sizeof options->name, "%s", spec->name); /* the suite goes */
    options->layer = options->name;
    return options->map ? EIE_OK : eie_candidates_fit(&options->candidates, shape, error);
}

/* ---- what is said --------------------------------------------------------------------------- */

static const char *one_or_more(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void print_head(const struct options *options, const struct eie_advice *advice,
                       uint32_t threads, const char *cache)
{
    const struct eie_point *point = &advice->point;
    if (options->layer) printf("%s: ", options->layer);
    printf("%u inputs, %u outputs, %.3g %% of the weights and %.3g %% of the inputs are not 0; "
           "batch %u, %u thread%s, cache %s\n",
           point->shape.inputs, point->shape.outputs, 100 * point->shape.weights,
           100 * point->shape.activations, point->batch, threads, one_or_more(threads), cache);
    printf("%s\n\n", advice->basis);
}

static void print_choice(const struct eie_advice *advice)
{
    enum eie_family second;
    const enum eie_family best = eie_advice_best(advice, &second);
    const struct eie_offer *offer = &advice->offers[best];
    const struct eie_offer *dense = &advice->offers[EIE_FAMILY_DENSE];
    printf("take %s: %s, %.4g us a call", eie_family_name(best), offer->kernel, offer->ns / 1e3);
    if (best != EIE_FAMILY_DENSE && isfinite(dense->ns))
        printf(", %.3g times as fast as dense float32 (%s; %.3g to %.3g times by their intervals)",
               dense->ns / offer->ns, dense->kernel, dense->low_ns / offer->high_ns,
               dense->high_ns / offer->low_ns);
    putchar('\n');
    if (*offer->remark) printf("it %s\n", offer->remark);
    if (second != EIE_FAMILIES && eie_advice_is_close(advice, best, second))
        printf("%s (%s) is so close that another run may turn them round\n",
               eie_family_name(second), advice->offers[second].kernel);
}

static void print_table(const struct eie_advice *advice)
{
    const double dense_ns = advice->offers[EIE_FAMILY_DENSE].ns;
    printf("\n%-15s %-38s %12s %7s %12s %12s\n", "form", "fastest kernel", "us a call", "+- %",
           "times dense", "weights KiB");
    for (int f = 0; f < EIE_FAMILIES; f++) {
        const struct eie_offer *offer = &advice->offers[f];
        printf("%-15s ", eie_family_name((enum eie_family)f));
        if (isnan(offer->ns)) {
            printf("%-38s %12s %7s %12s %12s\n", "none here", "-", "-", "-", "-");
            continue;
        }
        printf("%-38s %12.3f %7.1f %12.3g %12.5g%s%s\n", offer->kernel, offer->ns / 1e3,
               50 * (offer->high_ns - offer->low_ns) / offer->ns, dense_ns / offer->ns,
               offer->weight_bytes / 1024, *offer->remark ? "  " : "", offer->remark);
    }
}

/* "at 10 %", "from 10 % to 30 %"; "": none */
static void describe_tie(const struct eie_break_even *edge, char *text, size_t size)
{
    *text = 0;
    if (isnan(edge->tie_from)) return;
    if (edge->tie_from == edge->tie_to)
        snprintf(text, size, "at %.3g %%", 100 * edge->tie_from);
    else
        snprintf(text, size, "from %.3g %% to %.3g %%", 100 * edge->tie_from, 100 * edge->tie_to);
}

static void print_break_even(const char *form, const struct eie_break_even *edge)
{
    const double pays = 100 * edge->pays_at, not_at = 100 * edge->not_at;
    char tie[80];
    describe_tie(edge, tie, sizeof tie);
    if (isnan(pays) && isnan(not_at) && *tie)
        printf("%s and dense float32 tie %s, and nothing else was looked at\n", form, tie);
    else if (isnan(pays) && isnan(not_at))
        printf("%s: not known here from which density on it pays, one of the two sides has no "
               "time\n",
               form);
    else if (isnan(not_at))
        printf("%s was faster than dense float32 up to a density of %.3g %%, the highest %s", form,
               pays, *tie ? "at which there was no tie" : "that was looked at");
    else if (isnan(pays))
        printf("%s was not faster than dense float32 at a density of %.3g %%, the lowest %s", form,
               not_at, *tie ? "at which there was no tie" : "that was looked at");
    else
        printf("%s pays up to a density of the weights between %.3g %% (faster than dense float32) "
               "and %.3g %% (slower)",
               form, pays, not_at);
    if (isnan(pays) && isnan(not_at)) return;
    if (*tie) printf("; a tie %s", tie);
    putchar('\n');
}

static void print_break_evens(const struct eie_advice *advice)
{
    putchar('\n');
    print_break_even("leaving weights out (sparse float32 or compressed)", &advice->leaving);
    print_break_even("sparse float32 alone", &advice->sparse);
    printf("a tie: less than %g times apart, or 95 %% intervals that meet; another run may turn it "
           "round\n",
           EIE_TIE_TIMES);
    puts("compressed: 16 shared weights, 16-bit fixed point, as ./run compress makes it; at 100 % "
         "it still skips inputs that are 0");
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *offer_json(enum eie_family family, const struct eie_offer *offer, bool measured)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "form", eie_family_name(family),
                     "kernel", offer->kernel, "us", number(offer->ns / 1e3), "low_us",
                     number(offer->low_ns / 1e3), "high_us", number(offer->high_ns / 1e3),
                     "weight_bytes", number(offer->weight_bytes), "remark", offer->remark,
                     "provenance",
                     family == EIE_FAMILY_EIE ? "modelled"
                     : measured               ? "measured"
                                              : "derived");
}

static void print_json(const struct eie_advice *advice, bool measured, uint32_t threads,
                       const char *cache, const char *warning)
{
    enum eie_family second;
    const enum eie_family best = eie_advice_best(advice, &second);
    const struct eie_point *point = &advice->point;
    json_t *offers = json_array();
    for (int f = 0; f < EIE_FAMILIES; f++)
        if (isfinite(advice->offers[f].ns))
            json_array_append_new(offers,
                                  offer_json((enum eie_family)f, &advice->offers[f], measured));
    json_t *object = json_pack(
        "{s:I, s:I, s:f, s:f, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:s}",
        "inputs", (json_int_t)point->shape.inputs, "outputs", (json_int_t)point->shape.outputs,
        "weights", point->shape.weights, "activations", point->shape.activations, "batch",
        (json_int_t)point->batch, "threads", (json_int_t)threads, "cache", cache, "basis",
        advice->basis, "best", eie_family_name(best), "offers", offers, "pays_at",
        number(advice->leaving.pays_at), "not_at", number(advice->leaving.not_at), "tie_from",
        number(advice->leaving.tie_from), "tie_to", number(advice->leaving.tie_to),
        "sparse_pays_at", number(advice->sparse.pays_at), "sparse_not_at",
        number(advice->sparse.not_at), "sparse_tie_from", number(advice->sparse.tie_from),
        "sparse_tie_to", number(advice->sparse.tie_to), "warning", warning);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    putchar('\n');
    json_decref(object);
}

/* Times of a machine on which others are at work. */
static void warn_if_busy(const struct eie_advice *advice, char *text, size_t size)
{
    const double share = eie_advice_disturbed(advice);
    if (share < BUSY) return;
    const size_t used = strlen(text);
    snprintf(
        text + used, size - used,
        "%sothers were at work: up to %.0f %% of a kernel's samples were disturbed, and a quiet "
        "machine may say something else",
        used ? "; " : "", 100 * share);
}

/* Times of a map that stand for a layer far from its points. */
static void warn_if_far(const struct eie_advice *advice, char *text, size_t size)
{
    const double times = fmax(advice->times_size, 1 / advice->times_size);
    size_t used = strlen(text);
    if (times >= FAR_SIZE)
        used += (size_t)snprintf(
            text + used, size - used,
            "%sthe map's layer has %.3g times %s weights: times went in proportion, which caches "
            "and what a call costs do not",
            used ? "; " : "", times, advice->times_size > 1 ? "fewer" : "as many");
    if (advice->times_weights > FAR_WEIGHTS && used < size)
        used += (size_t)snprintf(
            text + used, size - used,
            "%sthe densities of weights that were read between lie %.3g times apart",
            used ? "; " : "", advice->times_weights);
    if ((times >= FAR_SIZE || advice->times_weights > FAR_WEIGHTS) && used < size)
        snprintf(text + used, size - used, " (without --map the layer is measured)");
}

/* `warning` (size bytes) is what is known against the map, or "". */
static void print(const struct options *options, const struct eie_advice *advice, uint32_t threads,
                  const char *cache, char *warning, size_t size)
{
    warn_if_far(advice, warning, size);
    warn_if_busy(advice, warning, size);
    if (*warning) fprintf(stderr, "eie: warning: %s\n", warning);
    if (options->as_json) {
        print_json(advice, !options->map, threads, cache, warning);
        return;
    }
    print_head(options, advice, threads, cache);
    print_choice(advice);
    print_table(advice);
    print_break_evens(advice);
}

/* ---- both ways ------------------------------------------------------------------------------ */

static void warn_if_foreign(const struct options *options, const struct eie_map_file *file,
                            char *text, size_t size)
{
    json_t *here;
    struct eie_error error;
    char difference[400];
    *text = 0;
    if (eie_context_make(options->command, &here, &error)) return;
    if (eie_map_file_is_foreign(file, here, difference, sizeof difference))
        snprintf(text, size, "the map is of another machine: %s", difference);
    json_decref(here);
}

static enum eie_status read_map(const struct options *options, struct eie_error *error)
{
    struct eie_map_file file;
    struct eie_advice advice;
    char warning[1280];
    enum eie_status status = eie_map_file_read(options->map, &file, error);
    if (status) return status;
    status = eie_advice_read(&file, &options->point, &advice, error);
    if (status) eie_error_prefix(error, status, "%s", options->map);
    if (!status) {
        warn_if_foreign(options, &file, warning, sizeof warning);
        print(options, &advice, file.threads, file.cache, warning, sizeof warning);
    }
    eie_map_file_free(&file);
    return status;
}

static void on_row(void *context, const json_t *row, int code)
{
    int *worst = context;
    const char *reason = json_string_value(json_object_get(row, "eie_reason"));
    if (code != eie_exit_code(EIE_MISMATCH)) return;
    const char *kernel = json_string_value(json_object_get(row, "eie_kernel"));
    fprintf(stderr, "eie: %s: %s\n", kernel ? kernel : "a kernel", reason ? reason : "a mismatch");
    *worst = code;
}

static void on_complaint(void *context, const char *message, int code)
{
    int *worst = context;
    fprintf(stderr, "eie: %s\n", message);
    if (code) *worst = code;
}

/* `suite` (taken over) holds the file's layer; NULL: one by its shape. */
static enum eie_status measure(struct options *options, struct eie_suite *suite,
                               struct eie_error *error)
{
    struct eie_results *results = NULL;
    struct eie_suite shapes;
    struct eie_advice advice;
    char warning[768] = "";
    enum eie_status status = eie_suite_of_shapes(NULL, 0, &shapes, error);
    json_t *suites = json_object();
    if (!status) {
        json_object_set_new(suites, shapes.name, json_string(shapes.hash.hex));
        eie_suite_free(&shapes);
        if (suite) json_object_set_new(suites, suite->name, json_string(suite->hash.hex));
        status = eie_results_begin(options->out, options->command, false, suites, &results, error);
    } else {
        json_decref(suites);
    }
    if (status) {
        if (suite) eie_suite_free(suite);
        return status;
    }
    status = eie_advice_measure(&options->candidates, suite, options->file, options->layer,
                                &options->point, results, &advice, error);
    if (!status)
        print(options, &advice, options->candidates.threads,
              eie_cache_name(options->candidates.cache), warning, sizeof warning);
    eie_results_free(results);
    return status;
}

static enum eie_status advise(struct options *options, struct eie_error *error)
{
    struct eie_suite suite;
    if (!options->file) {
        const enum eie_status status =
            options->map ? eie_shape_check(&options->point.shape, error)
                         : eie_candidates_fit(&options->candidates, &options->point.shape, error);
        if (status) return status;
        return options->map ? read_map(options, error) : measure(options, NULL, error);
    }
    enum eie_status status = eie_suite_read(options->file, &suite, error);
    if (status) return status;
    status = take_layer(options, &suite, error);
    if (!status && !options->map) return measure(options, &suite, error);
    eie_suite_free(&suite);
    return status ? status : read_map(options, error);
}

int eie_command_advise(int argc, char **argv)
{
    const struct eie_topology *topology;
    struct eie_error error;
    int worst = 0;
    enum eie_status status = eie_topology_get(&topology, &error);
    if (status) return eie_command_fail(status, &error);
    struct options options = {.point = {.batch = 1},
                              .candidates = {.threads = topology->cores,
                                             .cache = EIE_CACHE_HOT,
                                             .memory_bytes = MEMORY_BYTES,
                                             .target = TARGET,
                                             .timeout_s = TIMEOUT_S,
                                             .on_row = on_row,
                                             .on_complaint = on_complaint,
                                             .context = &worst}};
    const int code = parse(argc, argv, topology->cores, &options);
    if (code >= 0) return code;
    options.candidates.kernels = options.kernels;
    status = advise(&options, &error);
    return status ? eie_command_fail(status, &error) : worst;
}
