#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/compress/compress.h"
#include "host/base/file.h"
#include "host/machine/topology.h"
#include "host/weights/weight_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB "compress"

static const char help_begin[] =
    "eie compress: from dense weights to the compressed layer, with a ledger of every stage\n\n"
    "usage: eie compress INPUT -o FILE [OPTIONS]\n\n"
    "INPUT is one of these. Tensors of more than two dimensions are flattened behind the "
    "first.\n\n";

static const char help_end[] =
    "\n"
    "  --tensor NAMES      comma list of names or globs, where the file holds several matrices; "
    "'*':\n"
    "                      all matrices of floats, what is left out is listed\n"
    "  --density D         prune: keep the largest D x all weights, D from 0 to 1\n"
    "  --threshold Q       prune: keep magnitudes from Q x the standard deviation on\n"
    "  --bits N            bits of a shared weight's code, 2 to 8 (4: a layer for kernels)\n"
    "  --run-bits N        bits of a run of zeros, 2 to 8 (4: a layer for kernels)\n"
    "  --centroids START   linear (default), density or random first centroids of k-means\n"
    "  --rounds N          at most so many rounds of k-means (default 1000)\n"
    "  --keep-codes        a network's or the published SqueezeNet's codes, no re-clustering\n"
    "  --form FORM         plain (default: EIE's layer), packed, or huffman (storage)\n"
    "  --inputs FILE       sample inputs that travel with the layer, one a row\n"
    "  --samples N         drawn sample inputs instead (default 64); 'positions': as many as a\n"
    "                      convolution of the published SqueezeNet has\n"
    "  --active D          share of a drawn input that is not 0 (default 0.35)\n"
    "  --bias FILE         bias, one number for each output, in place of the file's own\n"
    "  --no-bias           no bias, even where the file has X.bias for X.weight\n"
    "  --activation NAME   none (default) or relu\n"
    "  --pes N             processing elements (default 64)\n"
    "  --name NAME         the layer's name (default: the tensor's, or the file's)\n"
    "  --seed S            of everything that is drawn (default 1)\n"
    "  --threads N         (default: all cores); the result does not depend on it\n"
    "  --ledger FILE       the ledger as JSON\n"
    "  --json              the ledger as JSON instead of the table\n\n"
    "example: eie compress weights.npy --density 0.1 -o layer.safetensors\n";

static int print_help(void)
{
    fputs(help_begin, stdout);
    for (size_t i = 0; eie_weight_readers[i]; i++)
        printf("  %-24s%s\n", eie_weight_readers[i]->input, eie_weight_readers[i]->about);
    fputs(help_end, stdout);
    return 0;
}

struct request {
    struct eie_compress_options options;
    const char *ledger;
    bool as_json;
};

static bool parse_share(const char *text, double high, double *value)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.') return false;
    *value = strtod(text, &end);
    return !*end && *value >= 0 && *value <= high;
}

static bool parse_word(const char *text, const char *const *words, int *which)
{
    for (*which = 0; words[*which]; ++*which)
        if (!strcmp(words[*which], text)) return true;
    return false;
}

/* Options with a number; returns -1 to go on, or the exit code. */
static int parse_number(int option, const char *text, struct eie_compress_options *options)
{
    static const struct {
        int option;
        const char *name;
        uint64_t low, high;
    } known[] = {{'b', "--bits", 2, 8},         {'r', "--run-bits", 2, 8},
                 {'R', "--rounds", 1, 1000000}, {'S', "--samples", 1, 65536},
                 {'N', "--pes", 1, 65536},      {'s', "--seed", 0, INT64_MAX},
                 {'T', "--threads", 1, 256}};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].option == option && !eie_parse_uint(text, known[i].low, known[i].high, &value))
            return eie_command_usage(VERB, "%s %s is not a number from %llu to %llu", known[i].name,
                                     text, (unsigned long long)known[i].low,
                                     (unsigned long long)known[i].high);
    if (option == 'b') options->code_bits = (uint32_t)value;
    if (option == 'r') options->run_bits = (uint32_t)value;
    if (option == 'R') options->rounds_max = (uint32_t)value;
    if (option == 'S') options->samples = (uint32_t)value;
    if (option == 'N') options->pes = (uint32_t)value;
    if (option == 's') options->seed = value;
    if (option == 'T') options->threads = (uint32_t)value;
    return -1;
}

static int parse_choice(int option, const char *text, struct eie_compress_options *options)
{
    static const char *const starts[] = {"linear", "density", "random", NULL};
    static const char *const forms[] = {"plain", "packed", "huffman", NULL};
    static const char *const activations[] = {"none", "relu", NULL};
    int which;
    if (option == 'c') {
        if (!parse_word(text, starts, &which))
            return eie_command_usage(VERB, "--centroids '%s' is none of linear, density, random",
                                     text);
        options->centroids = (enum eie_centroids)which;
    }
    if (option == 'f') {
        if (!parse_word(text, forms, &which))
            return eie_command_usage(VERB, "--form '%s' is none of plain, packed, huffman", text);
        options->form = (enum eie_form)which;
    }
    if (option == 'A') {
        if (!parse_word(text, activations, &which))
            return eie_command_usage(VERB, "--activation '%s' is neither none nor relu", text);
        options->activation = (enum eie_activation)which;
    }
    if (option == 'd' || option == 't') {
        if (options->pruning != EIE_PRUNE_NONE)
            return eie_command_usage(VERB, "--density and --threshold: one of them, once");
        options->pruning = option == 'd' ? EIE_PRUNE_DENSITY : EIE_PRUNE_THRESHOLD;
        if (!parse_share(text, option == 'd' ? 1 : 1e6, &options->pruning_amount))
            return eie_command_usage(VERB,
                                     option == 'd' ? "--density %s is not 0 to 1"
                                                   : "--threshold %s is not 0 to 1e6",
                                     text);
    }
    if (option == 'a' && !parse_share(text, 1, &options->active))
        return eie_command_usage(VERB, "--active %s is not 0 to 1", text);
    return -1;
}

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct request *request)
{
    static const struct option known[] = {
        {"out", required_argument, NULL, 'o'},
        {"tensor", required_argument, NULL, 'n'},
        {"density", required_argument, NULL, 'd'},
        {"threshold", required_argument, NULL, 't'},
        {"bits", required_argument, NULL, 'b'},
        {"run-bits", required_argument, NULL, 'r'},
        {"centroids", required_argument, NULL, 'c'},
        {"rounds", required_argument, NULL, 'R'},
        {"keep-codes", no_argument, NULL, 'k'},
        {"form", required_argument, NULL, 'f'},
        {"inputs", required_argument, NULL, 'i'},
        {"samples", required_argument, NULL, 'S'},
        {"active", required_argument, NULL, 'a'},
        {"bias", required_argument, NULL, 'B'},
        {"no-bias", no_argument, NULL, 'z'},
        {"activation", required_argument, NULL, 'A'},
        {"pes", required_argument, NULL, 'N'},
        {"name", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 's'},
        {"threads", required_argument, NULL, 'T'},
        {"ledger", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct eie_compress_options *options = &request->options;
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        int code = -1;
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return print_help();
        if (option == 'o') options->out = optarg;
        if (option == 'n') options->tensors = optarg;
        if (option == 'i') options->inputs_file = optarg;
        if (option == 'B') options->bias_file = optarg;
        if (option == 'm') options->name = optarg;
        if (option == 'l') request->ledger = optarg;
        if (option == 'k') options->keep_codes = true;
        if (option == 'z') options->no_bias = true;
        if (option == 'j') request->as_json = true;
        if (option == 'S' && !strcmp(optarg, "positions"))
            options->samples_positions = true;
        else if (strchr("brRSNsT", option))
            code = parse_number(option, optarg, options);
        if (strchr("cfAdta", option)) code = parse_choice(option, optarg, options);
        if (code >= 0) return code;
    }
    if (optind < argc) options->input = argv[optind++];
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (!options->input) return eie_command_usage(VERB, "needs a file of weights");
    if (!options->out) return eie_command_usage(VERB, "needs -o FILE");
    if (options->bias_file && options->no_bias)
        return eie_command_usage(VERB, "--bias and --no-bias: one of them");
    if (options->keep_codes) {
        if (options->pruning != EIE_PRUNE_NONE)
            return eie_command_usage(VERB, "--keep-codes prunes nothing");
        options->code_bits = 8;
    }
    if (options->form == EIE_FORM_PLAIN && (options->code_bits != 4 || options->run_bits != 4))
        return eie_command_usage(
            VERB,
            "a plain layer has 4-bit codes and 4-bit runs; with %u and %u take "
            "--form packed or --form huffman",
            options->code_bits, options->run_bits);
    int code = eie_command_claim(options->out);
    if (code < 0) code = eie_command_claim(request->ledger);
    if (code < 0 && request->as_json && eie_output_claimed())
        code = eie_command_usage(VERB, "--json: standard output takes only one document");
    return code;
}

static enum eie_status write_ledger(const char *path, const json_t *ledger, struct eie_error *error)
{
    struct eie_output output;
    enum eie_status status = eie_output_begin(path, &output, error);
    if (status) return status;
    json_dumpf(ledger, output.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    fputc('\n', output.stream);
    return eie_output_commit(&output, error);
}

/* Names of tensors come from outside. */
static void print_notes(const char *notes)
{
    for (const char *c = notes; *c; c++) {
        if (c == notes || c[-1] == '\n') fputs("eie: ", stderr);
        fputc(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7F) ? *c : '?', stderr);
    }
}

int eie_command_compress(int argc, char **argv)
{
    struct request request = {.options = {.code_bits = 4,
                                          .run_bits = 4,
                                          .seed = 1,
                                          .rounds_max = 1000,
                                          .pes = 64,
                                          .samples = 64,
                                          .active = 0.35}};
    const struct eie_topology *topology;
    struct eie_compressed *items = NULL;
    struct eie_file_parts parts = {0};
    struct eie_error error;
    uint32_t count = 0;
    char *notes = NULL;
    json_t *ledger = NULL;
    const int code = parse(argc, argv, &request);
    if (code >= 0) return code;
    enum eie_status status = eie_topology_get(&topology, &error);
    if (!status && !request.options.threads) request.options.threads = topology->cores;
    if (!status) status = eie_compress(&request.options, &items, &count, &parts, &notes, &error);
    if (!status && notes) print_notes(notes);
    free(notes);
    if (!status)
        status = eie_compress_ledger(&request.options, items, count, &parts, &ledger, &error);
    if (!status && request.ledger) status = write_ledger(request.ledger, ledger, &error);
    if (!status && request.as_json) {
        json_dumpf(ledger, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
        putchar('\n');
    } else if (!status) {
        eie_compress_print(ledger);
    }
    json_decref(ledger);
    json_decref(parts.sizes);
    eie_compressed_free(items, count);
    return status ? eie_command_fail(status, &error) : 0;
}
