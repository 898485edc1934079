#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/run/winograd.h"
#include "host/base/file.h"

#include <stdio.h>

#define VERB "winograd"

static const char help_text[] =
    "eie winograd: what Winograd's F(2x2, 3x3) would do to the products of a network, counted\n\n"
    "usage: eie winograd NETWORK IMAGE [OPTIONS]\n\n"
    "NETWORK and IMAGE are those of eie run. For each convolution of 3 x 3 in steps of 1: its\n"
    "multiplications with dense and with pruned weights, with and without those by inputs of 0, "
    "and\n"
    "how many times fewer they are once filters and tiles are transformed. Nothing is timed.\n\n"
    "  --graph G    as eie run\n"
    "  --json FILE  all counts\n\n"
    "example: eie winograd compressed_SqueezeNet.net cat.ppm --json winograd.json\n";

int eie_command_winograd(int argc, char **argv)
{
    static const struct option known[] = {
        {"graph", required_argument, NULL, 'g'},
        {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct eie_winograd_options options = {.graph = "squeezenet", .threads = 1};
    const char *json = NULL;
    struct eie_error error;
    json_t *result;
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help_text, stdout), 0;
        if (option == 'g') options.graph = optarg;
        if (option == 'j') json = optarg;
    }
    if (argc - optind != 2) return eie_command_usage(VERB, "needs a network and an image");
    options.network = argv[optind];
    options.image = argv[optind + 1];
    const int code = eie_command_claim(json);
    if (code >= 0) return code;
    enum eie_status status = eie_winograd_run(&options, &result, &error);
    if (!status && json) status = eie_command_write_json(json, result, &error);
    if (!status) eie_winograd_print(result);
    json_decref(result);
    return status ? eie_command_fail(status, &error) : 0;
}
