#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "host/base/names.h"
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "kernels/model/eie_formula.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB "estimate"

static const char help[] =
    "eie estimate: EIE's time, energy and area for a layer of any size, without its matrix\n\n"
    "usage: eie estimate --inputs N --outputs M --weights DENSITY --activations DENSITY "
    "[OPTIONS]\n\n"
    "  --inputs N             columns of the weight matrix\n"
    "  --outputs M            rows\n"
    "  --weights DENSITY      share of non-zero weights, 0 to 1, at uniformly random positions\n"
    "  --activations DENSITY  share of non-zero inputs, 0 to 1\n"
    "  --device NAMES         comma list of names or globs of EIE designs, or paths of\n"
    "                        descriptions (default: all)\n"
    "  --json                 as JSON\n\n"
    "The closed form of kernels/model/eie_formula.h; nothing in it is fitted.\n\n"
    "example: eie estimate --inputs 4096 --outputs 4096 --weights 0.09 --activations 0.353\n";

struct shape {
    uint64_t inputs, outputs;
    double weights, activations; /* negative while not given */
    const char *devices;
    bool as_json;
};

static bool parse_density(const char *text, double *density)
{
    char *end;
    *density = strtod(text, &end);
    return end != text && !*end && *density >= 0 && *density <= 1;
}

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct shape *shape)
{
    static const struct option known[] = {
        {"inputs", required_argument, NULL, 'i'},  {"outputs", required_argument, NULL, 'o'},
        {"weights", required_argument, NULL, 'w'}, {"activations", required_argument, NULL, 'a'},
        {"device", required_argument, NULL, 'd'},  {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'd') shape->devices = optarg;
        if (option == 'j') shape->as_json = true;
        if (option == 'i' && !eie_parse_uint(optarg, 1, UINT32_MAX, &shape->inputs))
            return eie_command_usage(VERB, "--inputs %s is not 1 to 2^32 - 1", optarg);
        if (option == 'o' && !eie_parse_uint(optarg, 1, EIE_OUTPUTS_MAX, &shape->outputs))
            return eie_command_usage(VERB, "--outputs %s is not 1 to 2^26", optarg);
        if (option == 'w' && !parse_density(optarg, &shape->weights))
            return eie_command_usage(VERB, "--weights %s is not 0 to 1", optarg);
        if (option == 'a' && !parse_density(optarg, &shape->activations))
            return eie_command_usage(VERB, "--activations %s is not 0 to 1", optarg);
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (!shape->inputs || !shape->outputs || shape->weights < 0 || shape->activations < 0)
        return eie_command_usage(VERB, "needs --inputs, --outputs, --weights and --activations");
    return -1;
}

static enum eie_status estimate(const struct shape *shape, const struct eie_device *device,
                                json_t *list, struct eie_error *error)
{
    const struct eie_design *design = device->design;
    struct eie_estimate result;
    struct eie_work work;
    enum eie_status status = eie_work_expect((uint32_t)shape->inputs, (uint32_t)shape->outputs,
                                             shape->weights, shape->activations, design->pe_count,
                                             design->spmat_line_bits, &work, error);
    if (status) return status;
    eie_estimate_design(&work, design, &result);
    json_t *row = json_pack(
        "{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "device", device->name,
        "theoretical_us", result.theoretical_ns / 1e3, "expected_us", result.expected_ns / 1e3,
        "load_balance", result.expected_cycles > 0 ? result.load_balance : 1.0, "entries",
        work.entries, "padding", work.padding, "energy_constant_power_uj",
        result.energy_constant_power_j * 1e6, "energy_actions_uj", result.energy_actions_j * 1e6,
        "area_mm2", result.area_mm2, "provenance", "modelled");
    eie_work_free(&work);
    if (!row || json_array_append_new(list, row))
        return eie_fail(error, EIE_MEMORY, "out of memory for estimates");
    return EIE_OK;
}

static void print_table(const json_t *list)
{
    static const char *const columns[] = {
        "theoretical_us",           "expected_us",       "load_balance", "entries", "padding",
        "energy_constant_power_uj", "energy_actions_uj", "area_mm2"};
    size_t index;
    json_t *row;
    printf("%-18s", "device");
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) printf("  %s", columns[c]);
    printf("  (modelled)\n");
    json_array_foreach(list, index, row)
    {
        printf("%-18s", json_string_value(json_object_get(row, "device")));
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            printf("  %*.5g", (int)strlen(columns[c]),
                   json_real_value(json_object_get(row, columns[c])));
        putchar('\n');
    }
}

static bool is_path(const char *word)
{
    const size_t length = strlen(word);
    return strchr(word, '/') || (length > 5 && !strcmp(word + length - 5, ".json"));
}

static enum eie_status unmatched_fails(const char *word, const struct eie_device *devices,
                                       uint32_t count, struct eie_error *error)
{
    const char *names[256];
    unsigned known = 0;
    for (uint32_t i = 0; i < count && known < 256; i++)
        if (devices[i].kind == EIE_DEVICE_EIE) names[known++] = devices[i].name;
    return eie_fail(error, EIE_USAGE, "no EIE design matches '%s' (eie list devices)%s", word,
                    eie_names_hint(word, names, known).text);
}

/* One word of --device: a name or glob of the known designs, or the path of a description. */
static enum eie_status estimate_word(const struct shape *shape, const char *word,
                                     const struct eie_device *devices, uint32_t count, json_t *list,
                                     struct eie_error *error)
{
    struct eie_device own;
    enum eie_status status = EIE_OK;
    uint32_t matched = 0;
    if (is_path(word)) {
        status = eie_device_read(word, &own, error);
        if (!status && own.kind != EIE_DEVICE_EIE)
            status = eie_fail(error, EIE_USAGE, "--device %s: is no EIE design", word);
        return status ? status : estimate(shape, &own, list, error);
    }
    for (uint32_t i = 0; i < count && !status; i++) {
        if (devices[i].kind != EIE_DEVICE_EIE || !eie_names_match(word, devices[i].name)) continue;
        matched++;
        status = estimate(shape, &devices[i], list, error);
    }
    return status || matched ? status : unmatched_fails(word, devices, count, error);
}

int eie_command_estimate(int argc, char **argv)
{
    struct shape shape = {.weights = -1, .activations = -1};
    struct eie_device *devices;
    uint32_t count;
    struct eie_error error;
    const int code = parse(argc, argv, &shape);
    if (code >= 0) return code;
    enum eie_status status = eie_device_list(&devices, &count, &error);
    if (status) return eie_command_fail(status, &error);
    json_t *list = json_array();
    char words[4096], *rest = NULL;
    if (snprintf(words, sizeof words, "%s", shape.devices ? shape.devices : "*") >=
        (int)sizeof words)
        status = eie_fail(&error, EIE_USAGE, "--device: the list is too long");
    for (char *word = strtok_r(words, ",", &rest); word && !status;
         word = strtok_r(NULL, ",", &rest))
        status = estimate_word(&shape, word, devices, count, list, &error);
    if (!status && shape.as_json) {
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
        putchar('\n');
    } else if (!status) {
        print_table(list);
    }
    json_decref(list);
    free(devices);
    return status ? eie_command_fail(status, &error) : 0;
}
