#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/run/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define VERB "run"

static const char help_text[] =
    "eie run: images through a whole network, from pixels to classes\n\n"
    "usage: eie run NETWORK IMAGE... [OPTIONS]\n"
    "       eie run NETWORK --save FILE [OPTIONS]\n\n"
    "NETWORK is a file of weights (.safetensors, .npz, the published SqueezeNet's .net) or of\n"
    "layers (eie compress, eie run --save). IMAGE is .ppm, .pgm, .npy or drawn:SEED; PNG and JPEG\n"
    "go through ./run classify.\n\n"
    "  --graph G       the order of the layers: squeezenet (default), or a file like\n"
    "                  data/graphs/*.json\n"
    "  --classes FILE  the classes' names, one a line\n"
    "  --top N         classes that are printed (default 5)\n"
    "  --float         float32 with the weights as they are, instead of integer kernels\n"
    "  --kernel NAME   the exact kernel (default: the first of a list that runs here)\n"
    "  --plugin FILE   also the kernels of this shared object, for --kernel\n"
    "  --bound E       a layer whose outputs on drawn images are further than E from those of the\n"
    "                  weights as they are becomes the sum of two (default 0.06)\n"
    "  --draws N       images that are drawn for that and for the scales (default 4)\n"
    "  --requantize    cluster and scale again, where the file has layers\n"
    "  --save FILE     the layers of 4 bits, as a layer file\n"
    "  --columns       with --save and one image: the layers' sample inputs are those of all\n"
    "                  positions of the image (eie bench --batch positions)\n"
    "  --threads N     default: all cores\n"
    "  --block N       output positions at a time (default 64; floats 256)\n"
    "  --repeat N      of each image; the least times are stated\n"
    "  --json FILE     all of it, and every class's score\n\n"
    "example: eie run compressed_SqueezeNet.net cat.ppm --classes names.txt\n";

struct request {
    struct eie_run_options options;
    const char *json;
};

/* Returns -1 to go on, or the exit code. */
static int parse_number(const char *name, const char *text, uint64_t most, uint32_t *number)
{
    uint64_t value = 0;
    if (!eie_parse_uint(text, 1, most, &value))
        return eie_command_usage(VERB, "%s %s is not a number from 1 to %u", name, text,
                                 (unsigned)most);
    *number = (uint32_t)value;
    return -1;
}

static int parse_bound(const char *text, double *bound)
{
    char *end;
    *bound = strtod(text, &end);
    if (end != text && !*end && *bound >= 0 && *bound <= 1e6) return -1;
    return eie_command_usage(VERB, "--bound %s is not a number from 0 up", text);
}

static int parse_option(int option, const char *text, struct request *request)
{
    struct eie_run_options *options = &request->options;
    if (option == 'g') options->graph = text;
    if (option == 'c') options->classes = text;
    if (option == 'k') options->kernel = text;
    if (option == 's') options->save = text;
    if (option == 'j') request->json = text;
    if (option == 'f') options->in_float = true;
    if (option == 'C') options->columns = true;
    if (option == 'a') options->requantize = true;
    if (option == 'p') return eie_command_plugin(text);
    if (option == 'b') return parse_bound(text, &options->bound);
    if (option == 't') return parse_number("--top", text, 65536, &options->top);
    if (option == 'd') return parse_number("--draws", text, 256, &options->draws);
    if (option == 'T') return parse_number("--threads", text, 4096, &options->threads);
    if (option == 'B') return parse_number("--block", text, 65536, &options->block);
    if (option == 'r') return parse_number("--repeat", text, 1000000, &options->repeats);
    return -1;
}

/* Returns -1 to go on, or the exit code. */
static int check(const struct request *request)
{
    const struct eie_run_options *options = &request->options;
    if (!options->network) return eie_command_usage(VERB, "needs a network");
    if (!options->image_count && !options->save)
        return eie_command_usage(VERB, "needs an image, or --save FILE");
    if (options->in_float && (options->kernel || options->save || options->requantize))
        return eie_command_usage(VERB,
                                 "--float goes with none of --kernel, --save and --requantize");
    if (options->columns && (!options->save || options->image_count != 1))
        return eie_command_usage(VERB, "--columns goes with --save FILE and one image");
    return eie_command_claim(request->json);
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option known[] = {
        {"graph", required_argument, NULL, 'g'},
        {"classes", required_argument, NULL, 'c'},
        {"top", required_argument, NULL, 't'},
        {"float", no_argument, NULL, 'f'},
        {"kernel", required_argument, NULL, 'k'},
        {"bound", required_argument, NULL, 'b'},
        {"draws", required_argument, NULL, 'd'},
        {"requantize", no_argument, NULL, 'a'},
        {"save", required_argument, NULL, 's'},
        {"columns", no_argument, NULL, 'C'},
        {"threads", required_argument, NULL, 'T'},
        {"block", required_argument, NULL, 'B'},
        {"repeat", required_argument, NULL, 'r'},
        {"json", required_argument, NULL, 'j'},
        {"plugin", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct eie_run_options *options = &request->options;
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') {
            fputs(help_text, stdout);
            return 0;
        }
        const int code = parse_option(option, optarg, request);
        if (code >= 0) return code;
    }
    if (optind < argc) options->network = argv[optind++];
    options->images = (const char *const *)argv + optind;
    options->image_count = (uint32_t)(argc - optind);
    return check(request);
}

int eie_command_run(int argc, char **argv)
{
    struct request request = {
        .options = {
            .graph = "squeezenet", .bound = EIE_RUN_BOUND, .draws = 4, .repeats = 1, .top = 5}};
    struct eie_error error;
    json_t *result = NULL;
    const int code = parse(argc, argv, &request);
    if (code >= 0) return code;
    enum eie_status status = eie_run(&request.options, &result, &error);
    if (!status && request.json) status = eie_command_write_json(request.json, result, &error);
    if (!status) eie_run_print(result);
    json_decref(result);
    return status ? eie_command_fail(status, &error) : 0;
}
