#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/explore/explore_write.h"
#include "bench/matrix/progress.h"
#include "host/base/file.h"
#include "host/base/names.h"
#include "host/devices/design.h"
#include "host/machine/threads.h"
#include "host/machine/topology.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB          "explore"
#define SUITE         "paper-matched"
#define DEVICE        "eie-64pe-45nm"
#define POINTS_MAX    10000000
#define MEMORY_BYTES  (UINT64_C(4) << 30)
#define SUITES_MAX    16
#define LAYERS_MAX    4096u
#define POINT_SECONDS 12e-6 /* to write one, and its share of a design */

static const char help[] =
    "eie explore: sweeps of the accelerator model over designs; cycles are exact\n\n"
    "usage: eie explore [OPTIONS]\n\n"
    "  --suite NAMES       comma list of suites or paths (default " SUITE ")\n"
    "  --layer NAMES       comma list of names or globs (default: all)\n"
    "  --device NAME       description of everything that is not swept (default " DEVICE ")\n"
    "  --samples N         sample inputs of each layer that are run, times are of all of them; "
    "'all'\n"
    "                      (default 1, the first)\n"
    "  --pes LIST          processing elements\n"
    "  --groups LIST       groups of so many PEs in all, each with all weights, that take one "
    "sample\n"
    "                      each at a time (of a convolution: one position)\n"
    "  --queue LIST        slots of the activation queue, 2 or more\n"
    "  --line LIST         bits of an Spmat line\n"
    "  --index LIST        bits of a zero run, 2 to 8\n"
    "  --code LIST         bits of a weight's code, 2 to 8; where a layer uses more codes, its\n"
    "                      weights are re-clustered and its points are approximate\n"
    "  --clock LIST        hertz; 800M, 1.2G\n"
    "  --technology LIST   own, paper:NM (the paper's projection), stillmaker-baas:NM\n"
    "  --precision         also the numerical error of the outputs in float32 and in 32, 16 and "
    "8-bit\n"
    "                      fixed point (JSON only)\n"
    "  --threads N         default: all cores\n"
    "  --out FILE          all points: FILE.csv as CSV, else JSON with the designs' means and the\n"
    "                      Pareto front; FILE.part is the journal while the sweep goes on\n"
    "  --resume            continue a sweep that was interrupted, from its journal\n"
    "  --dry-run           print the number of points and the estimate, run nothing\n"
    "  --quiet             no progress, no table\n\n"
    "A LIST is 1,2,4 or 2..256*2 (times two) or 2..8 (in steps of one). Without an option, the\n"
    "device's own value is taken.\n\n"
    "example: eie explore --pes 16..256*2 --queue 2..64*2 --line 64,128 --out sweep.json\n";

struct options {
    const char *suites, *layers, *device, *out;
    const char *pes, *groups, *queue, *line, *index, *code, *clock, *technology;
    uint64_t threads, samples; /* samples: 0: all */
    bool resume, dry_run, quiet, precision;
    char command[1024];
};

/* ---- options -------------------------------------------------------------------------------- */

/* A positive number with K, M or G behind it. */
static bool parse_value(const char *text, double *value)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    *value = strtod(text, &end);
    static const char units[] = "KMG";
    const char *unit = strchr(units, *end);
    if (*end && (!unit || end[1])) return false;
    if (*end) *value *= pow(1000, (double)(unit - units) + 1);
    return isfinite(*value);
}

static bool add_value(struct eie_sweep_list *list, double value)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->values[i] == value) return true;
    if (list->count == EIE_SWEEP_MAX) return false;
    list->values[list->count++] = value;
    return true;
}

/* A..B or A..B*F. */
static bool add_range(struct eie_sweep_list *list, char *word, char *dots)
{
    double from, to, factor = 0;
    char *star = strchr(dots, '*');
    *dots = 0;
    if (star) *star = 0;
    if (!parse_value(word, &from) || !parse_value(dots + 2, &to) || from > to) return false;
    if (star && (!parse_value(star + 1, &factor) || factor <= 1)) return false;
    if (star && from <= 0) return false;
    while (from <= to) {
        const double next = star ? from * factor : from + 1;
        if (!add_value(list, from)) return false;
        if (!(next > from)) return false; /* a step that is lost in the number's precision */
        from = next;
    }
    return true;
}

static bool parse_list(const char *text, double own, struct eie_sweep_list *list)
{
    char copy[1024], *rest = NULL;
    list->count = 0;
    if (!text) return add_value(list, own);
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *dots = strstr(word, "..");
        double value;
        if (dots ? !add_range(list, word, dots)
                 : !parse_value(word, &value) || !add_value(list, value))
            return false;
    }
    return list->count > 0;
}

static bool parse_technologies(const char *text, struct eie_sweep *sweep)
{
    char copy[1024], *rest = NULL;
    sweep->technologies[0] = (struct eie_technology){EIE_TECHNOLOGY_OWN, 0};
    sweep->technology_count = 1;
    if (!text) return true;
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    sweep->technology_count = 0;
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        struct eie_technology *technology = &sweep->technologies[sweep->technology_count];
        char *colon = strchr(word, ':');
        if (sweep->technology_count == EIE_SWEEP_MAX) return false;
        if (colon) *colon = 0;
        technology->nm = 0;
        if (!strcmp(word, "own") && !colon)
            technology->rule = EIE_TECHNOLOGY_OWN;
        else if (!strcmp(word, "paper"))
            technology->rule = EIE_TECHNOLOGY_PAPER;
        else if (!strcmp(word, "stillmaker-baas"))
            technology->rule = EIE_TECHNOLOGY_STILLMAKER;
        else
            return false;
        if (technology->rule != EIE_TECHNOLOGY_OWN &&
            (!colon || !parse_value(colon + 1, &technology->nm) || technology->nm < 0.1 ||
             technology->nm > 1e5))
            return false;
        sweep->technology_count++;
    }
    return sweep->technology_count > 0;
}

static bool parse_samples(const char *text, uint64_t *samples)
{
    *samples = 0;
    return !strcmp(text, "all") || eie_parse_uint(text, 1, UINT32_MAX, samples);
}

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"suite", required_argument, NULL, 's'},   {"layer", required_argument, NULL, 'l'},
        {"device", required_argument, NULL, 'd'},  {"pes", required_argument, NULL, 'p'},
        {"queue", required_argument, NULL, 'q'},   {"line", required_argument, NULL, 'w'},
        {"index", required_argument, NULL, 'i'},   {"code", required_argument, NULL, 'c'},
        {"clock", required_argument, NULL, 'f'},   {"technology", required_argument, NULL, 'T'},
        {"threads", required_argument, NULL, 't'}, {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},        {"dry-run", no_argument, NULL, 'n'},
        {"precision", no_argument, NULL, 'P'},     {"quiet", no_argument, NULL, 'Q'},
        {"groups", required_argument, NULL, 'g'},  {"samples", required_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    eie_command_line(argc, argv, options->command, sizeof options->command);
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 's') options->suites = optarg;
        if (option == 'l') options->layers = optarg;
        if (option == 'd') options->device = optarg;
        if (option == 'p') options->pes = optarg;
        if (option == 'g') options->groups = optarg;
        if (option == 'q') options->queue = optarg;
        if (option == 'w') options->line = optarg;
        if (option == 'i') options->index = optarg;
        if (option == 'c') options->code = optarg;
        if (option == 'f') options->clock = optarg;
        if (option == 'T') options->technology = optarg;
        if (option == 'o') options->out = optarg;
        if (option == 'r') options->resume = true;
        if (option == 'n') options->dry_run = true;
        if (option == 'Q') options->quiet = true;
        if (option == 'P') options->precision = true;
        if (option == 't' && !eie_parse_uint(optarg, 1, 4096, &options->threads))
            return eie_command_usage(VERB, "--threads %s is not 1 to 4096", optarg);
        if (option == 'S' && !parse_samples(optarg, &options->samples))
            return eie_command_usage(VERB, "--samples %s is neither a number nor 'all'", optarg);
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (options->resume && !options->out)
        return eie_command_usage(VERB, "--resume needs the file of the sweep: --out FILE");
    return options->dry_run ? -1 : eie_command_claim(options->out);
}

static int parse_lists(const struct options *options, struct eie_sweep *sweep)
{
    const struct eie_design *design = sweep->device->design;
    const struct {
        const char *name, *text;
        double own;
        struct eie_sweep_list *list;
    } lists[] = {
        {"pes", options->pes, design->pe_count, &sweep->pes},
        {"groups", options->groups, 1, &sweep->groups},
        {"queue", options->queue, design->queue_depth, &sweep->depths},
        {"line", options->line, design->spmat_line_bits, &sweep->lines},
        {"index", options->index, design->index_bits, &sweep->index_bits},
        {"code", options->code, design->code_bits, &sweep->code_bits},
        {"clock", options->clock, design->clock_hz, &sweep->clocks},
    };
    sweep->samples = (uint32_t)options->samples;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!parse_list(lists[i].text, lists[i].own, lists[i].list))
            return eie_command_usage(VERB, "--%s %s is not a list of 1 to %d numbers",
                                     lists[i].name, lists[i].text, EIE_SWEEP_MAX);
    if (!parse_technologies(options->technology, sweep))
        return eie_command_usage(VERB, "--technology %s: own, paper:NM or stillmaker-baas:NM",
                                 options->technology);
    return -1;
}

/* ---- the sweep ------------------------------------------------------------------------------ */

struct exploration {
    struct options options;
    struct eie_device device;
    struct eie_sweep sweep;
    struct eie_energy_data data;
    struct eie_suite suites[SUITES_MAX];
    uint32_t suite_count;
    uint32_t wanted_count; /* layers */
    struct {
        uint32_t suite, layer;
    } * wanted;
    struct eie_sweep_run run;
    struct eie_output_lock lock;
    struct eie_journal journal;
    struct eie_progress progress;
    pthread_mutex_t mutex; /* of all below */
    double done, total;    /* in estimated seconds */
    uint32_t next;
    enum eie_status status;
    struct eie_error error;
};

static enum eie_status read_suites(struct exploration *all, struct eie_error *error)
{
    char copy[4096], *rest = NULL;
    const char *names = all->options.suites ? all->options.suites : SUITE;
    enum eie_status status = EIE_OK;
    if (strlen(names) >= sizeof copy) return eie_fail(error, EIE_USAGE, "--suite is too long");
    strcpy(copy, names);
    for (char *word = strtok_r(copy, ",", &rest); word && !status;
         word = strtok_r(NULL, ",", &rest)) {
        if (all->suite_count == SUITES_MAX)
            return eie_fail(error, EIE_USAGE, "--suite: at most %d suites", SUITES_MAX);
        status = eie_suite_read(word, &all->suites[all->suite_count], error);
        all->suite_count += !status;
    }
    return status;
}

static enum eie_status choose_layers(struct exploration *all, struct eie_error *error)
{
    const char *names[LAYERS_MAX];
    char unmatched[256];
    unsigned count = 0;
    for (uint32_t s = 0; s < all->suite_count; s++) {
        for (uint32_t other = 0; other < s; other++)
            if (!strcmp(all->suites[s].name, all->suites[other].name))
                return eie_fail(error, EIE_USAGE, "--suite: two suites called %s",
                                all->suites[s].name);
        if (all->suites[s].layer_count > LAYERS_MAX - count)
            return eie_fail(error, EIE_USAGE, "--suite: more than %u layers", LAYERS_MAX);
        for (uint32_t l = 0; l < all->suites[s].layer_count; l++)
            names[count++] = all->suites[s].layers[l].spec.name;
    }
    if (eie_names_unmatched(all->options.layers, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no layer matches '%s' (eie list layers)%s", unmatched,
                        eie_names_hint(unmatched, names, count).text);
    all->wanted = calloc(count + 1, sizeof *all->wanted);
    if (!all->wanted) return eie_fail(error, EIE_MEMORY, "out of memory for %u layers", count);
    for (uint32_t s = 0; s < all->suite_count; s++) {
        for (uint32_t l = 0; l < all->suites[s].layer_count; l++) {
            if (!eie_names_match(all->options.layers, all->suites[s].layers[l].spec.name)) continue;
            all->wanted[all->wanted_count].suite = s;
            all->wanted[all->wanted_count++].layer = l;
        }
    }
    return all->wanted_count ? EIE_OK : eie_fail(error, EIE_USAGE, "--suite: no layer to explore");
}

static double unit_seconds(const struct exploration *all, uint32_t wanted, double pes)
{
    const struct eie_suite *suite = &all->suites[all->wanted[wanted].suite];
    return eie_unit_seconds(&all->sweep, &suite->layers[all->wanted[wanted].layer], (uint32_t)pes);
}

static double layer_seconds(const struct exploration *all, uint32_t wanted)
{
    const struct eie_suite *suite = &all->suites[all->wanted[wanted].suite];
    const struct eie_layer_spec *spec = &suite->layers[all->wanted[wanted].layer].spec;
    return 0.05 + 9e-9 * (double)spec->inputs * spec->outputs; /* to draw it */
}

static double estimate_seconds(const struct exploration *all)
{
    double seconds = 0;
    for (uint32_t w = 0; w < all->wanted_count; w++) {
        seconds += layer_seconds(all, w);
        for (uint32_t p = 0; p < all->sweep.pes.count; p++)
            seconds += all->sweep.index_bits.count * all->sweep.groups.count *
                       unit_seconds(all, w, all->sweep.pes.values[p]);
    }
    return seconds;
}

/* The number of points and how long they may take, before anything is done. */
static enum eie_status announce(struct exploration *all, struct eie_error *error)
{
    const uint64_t designs = eie_sweep_designs(&all->sweep);
    const double points = (double)designs * all->wanted_count;
    all->total = estimate_seconds(all);
    const double seconds = all->total / (double)all->options.threads + points * POINT_SECONDS;
    if (points > POINTS_MAX)
        return eie_fail(error, EIE_USAGE,
                        "%.0f points (%" PRIu64
                        " designs x %u layers) are more than %d: narrow the lists",
                        points, designs, all->wanted_count, POINTS_MAX);
    if (!all->options.quiet || all->options.dry_run)
        fprintf(all->options.dry_run ? stdout : stderr,
                "%.0f points: %" PRIu64 " designs x %u layers; about %.0f s on %" PRIu64
                " threads, %.0f MB in the file\n",
                points, designs, all->wanted_count, ceil(seconds), all->options.threads,
                ceil(points * 1.7e-3));
    return EIE_OK;
}

/* Before anything is run: can the file be written, and is no journal in the way? */
static enum eie_status try_output(struct exploration *all, struct eie_error *error)
{
    struct eie_output probe;
    if (!all->options.out) return EIE_OK;
    eie_output_sweep(all->options.out);
    enum eie_status status = eie_output_lock_take(all->options.out, &all->lock, error);
    if (!status) status = eie_output_begin(all->options.out, &probe, error);
    if (status) return status;
    const bool direct = !probe.temporary; /* a pipe or a device: nothing to go on with */
    eie_output_abandon(&probe);
    if (direct && all->options.resume)
        return eie_fail(error, EIE_USAGE, "--resume needs a regular file, and %s is none",
                        all->options.out);
    return direct || all->options.resume ? EIE_OK : eie_journal_absent(all->options.out, error);
}

/* ---- over threads --------------------------------------------------------------------------- */

static void failed(struct exploration *all, enum eie_status status, const struct eie_error *error)
{
    pthread_mutex_lock(&all->mutex);
    if (!all->status) {
        all->status = status;
        all->error = *error;
    }
    pthread_mutex_unlock(&all->mutex);
}

/* The next index below `count`, or UINT32_MAX when there is none or something failed. */
static uint32_t next_of(struct exploration *all, uint32_t count)
{
    pthread_mutex_lock(&all->mutex);
    const uint32_t index = all->status || all->next >= count ? UINT32_MAX : all->next++;
    pthread_mutex_unlock(&all->mutex);
    return index;
}

static void finished(struct exploration *all, double seconds, const char *what)
{
    pthread_mutex_lock(&all->mutex);
    all->done += seconds;
    eie_progress_set(&all->progress, all->done, what);
    pthread_mutex_unlock(&all->mutex);
}

static void make_layers(void *context, uint32_t worker)
{
    struct exploration *all = context;
    (void)worker;
    for (uint32_t i; (i = next_of(all, all->wanted_count)) != UINT32_MAX;) {
        struct eie_error error;
        enum eie_status status =
            eie_sweep_layer_make(&all->suites[all->wanted[i].suite], all->wanted[i].layer,
                                 &all->sweep, &all->run.layers[i], &error);
        if (!status && all->run.precision)
            status = eie_precision_of(all->run.layers[i].layer, all->run.precision[i], &error);
        if (status)
            failed(all, status, &error);
        else
            finished(all, layer_seconds(all, i), "layers");
    }
}

static void run_units(void *context, uint32_t worker)
{
    struct exploration *all = context;
    (void)worker;
    for (uint32_t i; (i = next_of(all, all->run.unit_count)) != UINT32_MAX;) {
        struct eie_unit *unit = &all->run.units[i];
        const struct eie_sweep_layer *layer = &all->run.layers[unit->layer];
        struct eie_error error;
        enum eie_status status = EIE_OK;
        if (!unit->done) {
            status = eie_unit_run(&all->sweep, layer, unit, &error);
            pthread_mutex_lock(&all->mutex);
            if (!status) status = eie_journal_add(&all->journal, &all->run, unit, &error);
            pthread_mutex_unlock(&all->mutex);
        }
        if (status)
            failed(all, status, &error);
        else
            finished(all, unit_seconds(all, unit->layer, unit->pes), layer->layer->name);
    }
}

static enum eie_status over_threads(struct exploration *all, eie_pool_work work,
                                    struct eie_error *error)
{
    struct eie_pool *pool;
    enum eie_status status = eie_pool_get((uint32_t)all->options.threads, &pool, error);
    if (status) return status;
    all->next = 0;
    eie_pool_run(pool, work, all);
    if (all->status) *error = all->error;
    return all->status;
}

static enum eie_status make_units(struct exploration *all, struct eie_error *error)
{
    const struct eie_sweep *sweep = &all->sweep;
    struct eie_sweep_run *run = &all->run;
    const uint32_t widths = sweep->index_bits.count;
    const uint32_t each = sweep->pes.count * sweep->groups.count * widths;
    uint64_t largest = 1;
    run->units = calloc((size_t)each * run->layer_count, sizeof *run->units);
    if (!run->units) return eie_fail(error, EIE_MEMORY, "out of memory for the units");
    for (uint32_t l = 0; l < run->layer_count; l++) {
        for (uint32_t u = 0; u < each; u++) {
            struct eie_unit *unit = &run->units[run->unit_count++];
            unit->layer = l;
            unit->pes = (uint32_t)sweep->pes.values[u / widths / sweep->groups.count];
            unit->groups = (uint32_t)sweep->groups.values[u / widths % sweep->groups.count];
            unit->index_bits = (uint32_t)sweep->index_bits.values[u % widths];
            eie_unit_lines(sweep, unit);
            const uint64_t bytes = eie_unit_bytes(sweep, &run->layers[l], unit);
            if (bytes > MEMORY_BYTES)
                return eie_fail(error, EIE_USAGE,
                                "layer %s on %u PEs needs %.0f MiB: fewer PEs or a shallower queue",
                                run->layers[l].layer->name, unit->pes, (double)bytes / 0x1p20);
            if (bytes > largest) largest = bytes;
        }
    }
    if (all->options.threads > MEMORY_BYTES / largest)
        all->options.threads = MEMORY_BYTES / largest;
    return EIE_OK;
}

static void warn_capacity(const struct exploration *all)
{
    for (uint32_t u = 0; u < all->run.unit_count; u++) {
        const struct eie_unit *unit = &all->run.units[u];
        const struct eie_choice choice = {0};
        const struct eie_design *design = all->device.design;
        struct eie_point point;
        if (unit->pes != design->pe_count || unit->groups > 1 ||
            unit->index_bits != design->index_bits)
            continue;
        eie_point_make(&all->sweep, &all->data, &all->run.layers[unit->layer], unit, &choice,
                       &point);
        if (!point.fits)
            fprintf(stderr,
                    "eie: warning: layer %s does not fit the published PE: Spmat %" PRIu64
                    " of %" PRIu64 " bytes, pointers %" PRIu64 " of %" PRIu64
                    ", activations %" PRIu64 " of %" PRIu64 "\n",
                    all->run.layers[unit->layer].layer->name, point.spmat_bytes,
                    design->spmat_bytes_per_pe, point.pointer_bytes, design->pointer_bytes_per_pe,
                    point.activation_bytes, design->activation_bytes_per_pe);
    }
    for (uint32_t l = 0; l < all->run.layer_count; l++)
        for (uint32_t bits = 0; bits < 9; bits++) {
            const struct eie_reclustering *reclustering = &all->run.layers[l].reclustering[bits];
            if (!reclustering->codes_used) continue;
            fprintf(stderr,
                    "eie: layer %s with %u-bit codes is approximate: %u shared weights instead of "
                    "%u, weights off by %.3g %% (rms)\n",
                    all->run.layers[l].layer->name, bits, reclustering->codes_left,
                    reclustering->codes_used, 100 * reclustering->relative_rms_error);
        }
}

static enum eie_status explore(struct exploration *all, struct eie_error *error)
{
    uint32_t taken = 0;
    struct eie_sweep_run *run = &all->run;
    enum eie_status status = all->options.dry_run ? EIE_OK : try_output(all, error);
    if (!status) status = announce(all, error);
    if (status || all->options.dry_run) return status;
    run->layers = calloc(all->wanted_count, sizeof *run->layers);
    if (!run->layers) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    run->layer_count = all->wanted_count;
    if (all->options.precision) {
        run->precision = calloc(all->wanted_count, sizeof *run->precision);
        if (!run->precision) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    }
    eie_progress_begin(&all->progress, all->options.quiet, all->total);
    status = over_threads(all, make_layers, error);
    if (!status) status = make_units(all, error);
    if (!status && all->options.out)
        status = eie_journal_begin(run, all->options.out, all->options.resume, &all->journal,
                                   &taken, error);
    if (taken && !all->options.quiet)
        fprintf(stderr, "%u of %u units are in %s\n", taken, run->unit_count, all->journal.path);
    if (!status) status = over_threads(all, run_units, error);
    eie_progress_clear(&all->progress);
    if (status) return status;
    if (!all->options.quiet) warn_capacity(all);
    if (all->options.out) status = eie_sweep_write(run, all->options.out, error);
    if (!status) eie_journal_end(&all->journal, true);
    return !status && !all->options.quiet ? eie_sweep_print(run, error) : status;
}

static enum eie_status begin(struct exploration *all, struct eie_error *error)
{
    const struct eie_topology *topology;
    const char *name = all->options.device ? all->options.device : DEVICE;
    enum eie_status status = eie_device_read(name, &all->device, error);
    if (!status && all->device.kind != EIE_DEVICE_EIE)
        status = eie_fail(error, EIE_USAGE, "--device %s: is no EIE design", name);
    if (!status) status = eie_energy_data_read(&all->data, error);
    if (!status) status = eie_topology_get(&topology, error);
    if (!status && !all->options.threads) all->options.threads = topology->cores;
    all->sweep.device = &all->device;
    return status;
}

int eie_command_explore(int argc, char **argv)
{
    struct exploration *all = calloc(1, sizeof *all);
    struct eie_error error = {"out of memory"};
    if (!all) return eie_command_fail(EIE_MEMORY, &error);
    pthread_mutex_init(&all->mutex, NULL);
    all->lock.file = -1;
    all->run = (struct eie_sweep_run){
        .sweep = &all->sweep, .data = &all->data, .command = all->options.command};
    all->options.samples = 1;
    int code = parse(argc, argv, &all->options);
    enum eie_status status = code < 0 ? begin(all, &error) : EIE_OK;
    if (code < 0 && !status) code = parse_lists(&all->options, &all->sweep);
    if (code < 0 && !status) status = eie_sweep_check(&all->sweep, &all->data, &error);
    if (code < 0 && !status) status = read_suites(all, &error);
    if (code < 0 && !status) status = choose_layers(all, &error);
    if (code < 0 && !status) status = explore(all, &error);
    if (status) code = eie_command_fail(status, &error);
    eie_journal_end(&all->journal, false);
    eie_output_lock_leave(&all->lock);
    for (uint32_t l = 0; all->run.layers && l < all->run.layer_count; l++)
        eie_sweep_layer_free(&all->run.layers[l]);
    for (uint32_t s = 0; s < all->suite_count; s++) eie_suite_free(&all->suites[s]);
    free(all->run.layers);
    free(all->run.units);
    free(all->run.precision);
    free(all->wanted);
    pthread_mutex_destroy(&all->mutex);
    free(all);
    return code < 0 ? 0 : code;
}
