#include "bench/cli/command.h"
#include "host/base/file.h"
#include "host/base/names.h"
#include "host/layer/import_dump.h"
#include "host/layer/layer_file.h"
#include "host/layer/numbers.h"
#include "host/layer/suite.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERB      "layer"
#define PES       64
#define CLOCK_MHZ 800.0 /* EIE's clock (ISCA 2016, section VI), for cycles as microseconds */

static const char help[] =
    "eie layer: generate, import, inspect and verify compressed layers\n\n"
    "usage: eie layer gen SUITE[/LAYER] -o FILE [--pes N]\n"
    "       eie layer import [FOLDER] -o FILE [--name NAME] [--outputs N]\n"
    "       eie layer info FILE|SUITE[/LAYER] [--pes N] [--json]\n"
    "       eie layer dump FILE|SUITE/LAYER [--pes N] [--pe K] [--column J]\n"
    "       eie layer verify FILE|SUITE[/LAYER]\n\n"
    "  gen      write generated (or real) layers of a suite to one file\n"
    "  import   read the dump of the EIE authors' simulator (default: alexnet-fc8-dump in the\n"
    "           folder EIE_MODELS) and scale it to 16-bit fixed point\n"
    "  info     shape, densities, counts, fraction bits, what was done, hash\n"
    "  dump     the entries as CSV: PE, column, row, code, run, weight\n"
    "  verify   validate a file, or compare a suite's layers with the hashes in data/suites\n\n"
    "  -o FILE      where to write (safetensors)\n"
    "  --pes N      partition the rows for N processing elements\n"
    "  --pe K       only PE K          --column J   only column J\n"
    "  --name NAME  name of the imported layer    --outputs N  its rows (the dump does not say)\n\n"
    "example: eie layer gen paper/Alex-7 -o alex7.safetensors && eie layer info "
    "alex7.safetensors\n";

struct options {
    const char *what, *target, *out, *name;
    uint32_t pes; /* 0: as it is */
    uint32_t outputs;
    int64_t pe, column; /* -1: all */
    bool as_json;
};

/* ---- targets: a file, or a suite with or without a layer's name ------------------------------ */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && !strcmp(text + length - end_length, end);
}

static bool is_file(const char *target)
{
    if (ends_in(target, ".json")) return false;
    return ends_in(target, ".safetensors") || !access(target, F_OK);
}

static enum eie_status recut(struct eie_layer **layer, uint32_t pes, struct eie_error *error)
{
    struct eie_layer *old = *layer;
    if (!pes || old->pe_count == pes) return EIE_OK;
    enum eie_status status = eie_layer_reencode(old, pes, layer, error);
    if (!status) eie_layer_free(old);
    return status;
}

/* Suite and layer name of "SUITE", "SUITE/LAYER" or "path/suite.json". */
static void split_target(const char *target, char suite[1024], const char **layer)
{
    const char *slash = ends_in(target, ".json") ? NULL : strrchr(target, '/');
    const size_t length = slash ? (size_t)(slash - target) : strlen(target);
    *layer = slash ? slash + 1 : "*";
    snprintf(suite, 1024, "%.*s", (int)length, target);
}

static enum eie_status no_layer(const struct eie_suite *suite, const char *pattern,
                                struct eie_error *error)
{
    struct eie_hint hint = {""};
    const char **names = calloc(suite->layer_count, sizeof *names);
    if (names) {
        for (uint32_t i = 0; i < suite->layer_count; i++) names[i] = suite->layers[i].spec.name;
        hint = eie_names_hint(pattern, names, suite->layer_count);
    }
    free(names);
    return eie_fail(error, EIE_USAGE, "suite %s has no layer '%s' (eie list layers)%s", suite->name,
                    pattern, hint.text);
}

static enum eie_status open_suite(const struct options *options, struct eie_layer_set *set,
                                  struct eie_suite *suite, struct eie_error *error)
{
    char name[1024];
    const char *pattern;
    split_target(options->target, name, &pattern);
    enum eie_status status = eie_suite_read(name, suite, error);
    if (status) return status;
    set->layers = calloc(suite->layer_count, sizeof(struct eie_layer *));
    if (!set->layers) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    for (uint32_t i = 0; i < suite->layer_count && !status; i++) {
        if (!eie_names_match(pattern, suite->layers[i].spec.name)) continue;
        status = eie_suite_build(suite, i, options->pes, &set->layers[set->count], error);
        set->count += !status;
    }
    if (!status && !set->count) status = no_layer(suite, pattern, error);
    return status;
}

/* `suite` has no layers where the target is a file. */
static enum eie_status open_target(const struct options *options, struct eie_layer_set *set,
                                   struct eie_suite *suite, struct eie_error *error)
{
    *set = (struct eie_layer_set){0};
    *suite = (struct eie_suite){0};
    enum eie_status status;
    if (!is_file(options->target)) {
        status = open_suite(options, set, suite, error);
    } else {
        status = eie_layer_file_read(options->target, set, error);
        for (uint32_t i = 0; i < set->count && !status; i++)
            status = recut(&set->layers[i], options->pes, error);
    }
    if (status) {
        eie_layer_set_free(set);
        eie_suite_free(suite);
    }
    return status;
}

static enum eie_status write_set(const char *path, const struct eie_layer_set *set,
                                 struct eie_error *error)
{
    enum eie_status status =
        eie_layer_file_write(path, (const struct eie_layer *const *)set->layers, set->count, error);
    for (uint32_t i = 0; i < set->count && !status; i++)
        printf("%s: layer %s, %u x %u, %u entries at %u PEs\n", path, set->layers[i]->name,
               set->layers[i]->outputs, set->layers[i]->inputs, set->layers[i]->entry_count,
               set->layers[i]->pe_count);
    return status;
}

/* ---- gen, import ---------------------------------------------------------------------------- */

static enum eie_status generate(const struct options *options, struct eie_error *error)
{
    struct eie_layer_set set;
    struct eie_suite suite;
    enum eie_status status = open_target(options, &set, &suite, error);
    if (status) return status;
    status = write_set(options->out, &set, error);
    eie_layer_set_free(&set);
    eie_suite_free(&suite);
    return status;
}

static void print_quantization(const struct eie_quantization *report)
{
    printf("fixed point: %u weight, %u input, %u output fraction bits\n"
           "inputs that became 0: %" PRIu64 ", weights: %" PRIu64 " (relative error %.3g)\n"
           "error against float64: largest %.3g, root mean square %.3g of the outputs'\n",
           report->weight_fraction_bits, report->input_fraction_bits, report->output_fraction_bits,
           report->inputs_lost, report->weights_lost, report->weights_relative_rms_error,
           report->max_abs_error, report->relative_rms_error);
}

static enum eie_status import(const struct options *options, struct eie_error *error)
{
    char folder[4096];
    struct eie_quantization report;
    struct eie_layer *layer;
    if (options->target)
        snprintf(folder, sizeof folder, "%s", options->target);
    else if (eie_models_dir())
        snprintf(folder, sizeof folder, "%s/alexnet-fc8-dump", eie_models_dir());
    else
        return eie_fail(error, EIE_USAGE,
                        "name the dump's folder, or set EIE_MODELS to the folder that holds "
                        "alexnet-fc8-dump");
    enum eie_status status =
        eie_import_dump(folder, options->name, options->outputs, &layer, &report, error);
    if (status) return status;
    status = recut(&layer, options->pes, error);
    const struct eie_layer_set set = {1, &layer};
    if (!status) status = write_set(options->out, &set, error);
    if (!status) print_quantization(&report);
    eie_layer_free(layer);
    return status;
}

/* ---- info ----------------------------------------------------------------------------------- */

static void set_share(json_t *object, const char *key, double part, double whole)
{
    json_object_set_new(object, key, json_real(whole > 0 ? part / whole : 0));
}

/* Stored weights whose value is 0: too small for 16 bits when the layer was made. */
static uint64_t zero_weights(const struct eie_layer *layer)
{
    uint64_t zeros = 0;
    for (uint32_t e = 0; e < layer->entry_count; e++) {
        const unsigned code = layer->entries[e] >> 4;
        zeros += code && !layer->codebook[code];
    }
    return zeros;
}

/* Of all sample inputs: do they fit 8 bits? */
static int least_input(const struct eie_layer *layer)
{
    int least = INT16_MAX;
    for (size_t i = 0; i < (size_t)layer->sample_count * layer->inputs; i++)
        if (layer->sample_inputs[i] < least) least = layer->sample_inputs[i];
    return least;
}

static int largest_input(const struct eie_layer *layer)
{
    int largest = INT16_MIN;
    for (size_t i = 0; i < (size_t)layer->sample_count * layer->inputs; i++)
        if (layer->sample_inputs[i] > largest) largest = layer->sample_inputs[i];
    return largest;
}

static enum eie_status describe(const struct eie_layer *layer, json_t **described,
                                struct eie_error *error)
{
    struct eie_layer_counts counts;
    struct eie_hash hash;
    uint64_t bound;
    enum eie_status status = eie_layer_hash(layer, &hash, error);
    if (!status) status = eie_layer_sum_bound(layer, &bound, error);
    if (status) return status;
    eie_layer_count(layer, layer->sample_inputs, &counts);
    const double columns = layer->inputs, rows = layer->outputs;
    const double active = (double)counts.active_columns;
    const uint64_t active_entries = counts.active_nonzeros + counts.active_padding;
    json_t *o =
        json_pack("{s:s, s:I, s:I, s:I, s:s, s:I, s:I}", "name", layer->name, "inputs",
                  (json_int_t)layer->inputs, "outputs", (json_int_t)layer->outputs, "pe_count",
                  (json_int_t)layer->pe_count, "activation",
                  layer->activation == EIE_ACTIVATION_RELU ? "relu" : "none", "nonzeros",
                  (json_int_t)counts.nonzeros, "padding_entries", (json_int_t)counts.padding);
    set_share(o, "weight_density", (double)counts.nonzeros, columns * rows);
    if (zero_weights(layer))
        json_object_set_new(o, "nonzeros_of_value_0",
                            json_integer((json_int_t)zero_weights(layer)));
    json_object_set_new(o, "sample_inputs", json_integer(layer->sample_count));
    if (layer->sample_inputs) {
        json_object_update_new(
            o, json_pack("{s:i, s:i, s:I, s:I, s:I}", "least_input", least_input(layer),
                         "largest_input", largest_input(layer), "active_inputs",
                         (json_int_t)counts.active_columns, "entries_in_active_columns",
                         (json_int_t)active_entries, "nonzeros_in_active_columns",
                         (json_int_t)counts.active_nonzeros));
        set_share(o, "activation_density", active, columns);
        set_share(o, "weight_density_of_active_columns", (double)counts.active_nonzeros,
                  active * rows);
        set_share(o, "weight_density_of_inactive_columns",
                  (double)(counts.nonzeros - counts.active_nonzeros), (columns - active) * rows);
        const double cycles = (double)active_entries / layer->pe_count;
        json_object_set_new(o, "theoretical_cycles", json_real(cycles));
        json_object_set_new(o, "theoretical_us_at_800_mhz", json_real(cycles / CLOCK_MHZ));
    }
    json_object_update_new(o,
                           json_pack("{s:I, s:I, s:I, s:s, s:s, s:s}", "weight_fraction_bits",
                                     (json_int_t)layer->weight_fraction_bits, "input_fraction_bits",
                                     (json_int_t)layer->input_fraction_bits, "output_fraction_bits",
                                     (json_int_t)layer->output_fraction_bits, "int32_sums",
                                     bound <= INT32_MAX ? "proven for every input"
                                                        : "checked for each input by the reference",
                                     "source", layer->source, "hash", hash.hex));
    if (layer->tensor) json_object_set_new(o, "tensor", json_string(layer->tensor));
    *described = o;
    return EIE_OK;
}

static void print_object(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_string(value))
            printf("  %-36s %s\n", key, json_string_value(value));
        else if (json_is_integer(value))
            printf("  %-36s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        else
            printf("  %-36s %.6g\n", key, json_real_value(value));
    }
    putchar('\n');
}

static enum eie_status info(const struct options *options, struct eie_error *error)
{
    struct eie_layer_set set;
    struct eie_suite suite;
    enum eie_status status = open_target(options, &set, &suite, error);
    if (status) return status;
    json_t *list = json_array();
    for (uint32_t i = 0; i < set.count && !status; i++) {
        json_t *object;
        status = describe(set.layers[i], &object, error);
        if (status) break;
        if (!options->as_json) print_object(object);
        json_array_append_new(list, object);
    }
    if (!status && options->as_json) {
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
        putchar('\n');
    }
    json_decref(list);
    eie_layer_set_free(&set);
    eie_suite_free(&suite);
    return status;
}

/* ---- dump ----------------------------------------------------------------------------------- */

static void dump_layer(const struct eie_layer *layer, const struct options *options)
{
    for (uint32_t pe = 0; pe < layer->pe_count; pe++) {
        const uint32_t *start = layer->column_start + (size_t)pe * ((size_t)layer->inputs + 1);
        if (options->pe >= 0 && pe != options->pe) continue;
        for (uint32_t j = 0; j < layer->inputs; j++) {
            uint64_t local = 0;
            if (options->column >= 0 && j != options->column) continue;
            for (uint32_t e = start[j]; e < start[j + 1]; e++) {
                const unsigned code = layer->entries[e] >> 4, run = layer->entries[e] & 15u;
                local += run;
                printf("%u,%u,%" PRIu64 ",%u,%u,%.9g\n", pe, j, local * layer->pe_count + pe, code,
                       run, ldexp(layer->codebook[code], -(int)layer->weight_fraction_bits));
                local++;
            }
        }
    }
}

static enum eie_status dump(const struct options *options, struct eie_error *error)
{
    struct eie_layer_set set;
    struct eie_suite suite;
    enum eie_status status = open_target(options, &set, &suite, error);
    if (status) return status;
    for (uint32_t i = 0; i < set.count && !status; i++) {
        const struct eie_layer *layer = set.layers[i];
        if (options->pe >= layer->pe_count || options->column >= layer->inputs)
            status = eie_fail(error, EIE_USAGE, "layer %s has PEs 0..%u and columns 0..%u",
                              layer->name, layer->pe_count - 1, layer->inputs - 1);
    }
    if (!status) printf("pe,column,row,code,run,weight\n");
    for (uint32_t i = 0; i < set.count && !status; i++) dump_layer(set.layers[i], options);
    eie_layer_set_free(&set);
    eie_suite_free(&suite);
    return status;
}

/* ---- verify --------------------------------------------------------------------------------- */

/* A layer of a suite against the manifest; a suite of the user's own need not stand there. */
static enum eie_status verify_hash(const struct eie_suite *suite, const struct eie_layer *layer,
                                   bool own, struct eie_error *error)
{
    struct eie_hash hash;
    const char *stated = NULL;
    enum eie_status status = eie_layer_hash(layer, &hash, error);
    if (!status && suite->layer_count)
        status = eie_suite_manifest(suite->name, layer->name, &stated, error);
    if (status) return status;
    const bool same = stated && !strcmp(stated, hash.hex);
    printf("%-14s %s  %s\n", layer->name, hash.hex,
           !suite->layer_count ? "valid"
           : own && !stated    ? "valid, not in the manifest"
           : same              ? "as in the manifest"
           : stated            ? "DIFFERS from the manifest"
                               : "MISSING from the manifest");
    if (!suite->layer_count || same || (own && !stated)) return EIE_OK;
    return eie_fail(error, EIE_MISMATCH, "layer %s is not what data/suites/manifest.json states",
                    layer->name);
}

static enum eie_status verify(const struct options *options, struct eie_error *error)
{
    struct eie_layer_set set;
    struct eie_suite suite;
    if (options->pes)
        return eie_fail(error, EIE_USAGE,
                        "verify takes no --pes: hashes are of layers as they are");
    enum eie_status status = open_target(options, &set, &suite, error), verdict = EIE_OK;
    if (status) return status;
    for (uint32_t i = 0; i < set.count && (!status || status == EIE_MISMATCH); i++) {
        status = verify_hash(&suite, set.layers[i], ends_in(options->target, ".json"), error);
        if (status) verdict = status;
    }
    eie_layer_set_free(&set);
    eie_suite_free(&suite);
    return verdict;
}

/* ---- options -------------------------------------------------------------------------------- */

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"out", required_argument, NULL, 'o'},
        {"pes", required_argument, NULL, 'N'},
        {"name", required_argument, NULL, 'n'},
        {"outputs", required_argument, NULL, 'O'},
        {"pe", required_argument, NULL, 'p'},
        {"column", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    uint64_t number = 0;
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'o') options->out = optarg;
        if (option == 'n') options->name = optarg;
        if (option == 'j') options->as_json = true;
        if (strchr("NOpc", option) && !eie_parse_uint(optarg, 0, 0xFFFFFF, &number))
            return eie_command_usage(VERB, "'%s' is not a number below 2^24", optarg);
        if ((option == 'N' || option == 'O') && !number)
            return eie_command_usage(VERB, "a layer has at least one PE and one output");
        if (option == 'N') options->pes = (uint32_t)number;
        if (option == 'O') options->outputs = (uint32_t)number;
        if (option == 'p') options->pe = (int64_t)number;
        if (option == 'c') options->column = (int64_t)number;
    }
    if (optind < argc) options->what = argv[optind++];
    if (optind < argc) options->target = argv[optind++];
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    return eie_command_claim(options->out);
}

int eie_command_layer(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum eie_status (*run)(const struct options *options, struct eie_error *error);
        bool writes, needs_target;
    } actions[] = {
        {"gen", generate, true, true}, {"import", import, true, false}, {"info", info, false, true},
        {"dump", dump, false, true},   {"verify", verify, false, true},
    };
    struct options options = {.name = "alexnet-fc8", .outputs = 1000, .pe = -1, .column = -1};
    struct eie_error error;
    const int code = parse(argc, argv, &options);
    if (code >= 0) return code;
    for (size_t i = 0; options.what && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, options.what)) continue;
        if (actions[i].needs_target && !options.target)
            return eie_command_usage(VERB, "%s needs a file or a suite", options.what);
        if (actions[i].writes && !options.out)
            return eie_command_usage(VERB, "%s needs -o FILE", options.what);
        enum eie_status status = actions[i].run(&options, &error);
        return status ? eie_command_fail(status, &error) : 0;
    }
    return eie_command_usage(VERB,
                             options.what ? "'%s' is none of gen, import, info, dump, verify"
                                          : "name one of gen, import, info, dump, verify%s",
                             options.what ? options.what : "");
}
