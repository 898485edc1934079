#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/compress/huffman_speed.h"
#include "host/base/file.h"
#include "host/base/names.h"
#include "host/layer/layer_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB "expand"

static const char help[] =
    "eie expand: from a compressed file back to dense float32 matrices\n\n"
    "usage: eie expand FILE -o OUT.npy|OUT.safetensors [--layer NAMES]\n"
    "       eie expand FILE --measure [--json]\n\n"
    "  -o OUT         .npy for one matrix, in its shape before flattening; .safetensors for all,\n"
    "                 with their bias\n"
    "  --layer NAMES  comma list of names or globs (default: all)\n"
    "  --measure      how fast the Huffman streams of the same codes with 4-bit runs decode, in\n"
    "                 GB of output a second on one core, and zstd's on the same bytes\n"
    "  --json         as JSON\n\n"
    "example: eie expand layer.safetensors -o weights.npy\n";

struct options {
    const char *path, *out, *layers;
    bool measure, as_json;
};

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && !strcmp(text + length - end_length, end);
}

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"out", required_argument, NULL, 'o'}, {"layer", required_argument, NULL, 'l'},
        {"measure", no_argument, NULL, 'm'},   {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},      {0},
    };
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'o') options->out = optarg;
        if (option == 'l') options->layers = optarg;
        if (option == 'm') options->measure = true;
        if (option == 'j') options->as_json = true;
    }
    if (optind < argc) options->path = argv[optind++];
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (!options->path) return eie_command_usage(VERB, "needs a compressed file");
    if (!options->out == !options->measure)
        return eie_command_usage(VERB, "needs either -o FILE or --measure");
    if (options->out && !ends_in(options->out, ".npy") && !ends_in(options->out, ".safetensors"))
        return eie_command_usage(VERB, "-o %s ends neither in .npy nor in .safetensors",
                                 options->out);
    return eie_command_claim(options->out);
}

static enum eie_status write_npy(const char *path, const struct eie_shared *matrix,
                                 const float *floats, struct eie_error *error)
{
    char shape[256] = "", header[512];
    struct eie_output output;
    for (uint32_t d = 0; d < matrix->rank; d++) {
        const size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%llu, ", (unsigned long long)matrix->shape[d]);
    }
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }",
             shape);
    const size_t length = (10 + strlen(header) + 1 + 63) / 64 * 64 - 10;
    enum eie_status status = eie_output_begin(path, &output, error);
    if (status) return status;
    fprintf(output.stream, "\x93NUMPY%c%c%c%c%-*s\n", 1, 0, (int)(length & 255), (int)(length >> 8),
            (int)length - 1, header);
    fwrite(floats, sizeof *floats, (size_t)matrix->outputs * matrix->inputs, output.stream);
    return eie_output_commit(&output, error);
}

static enum eie_status write_safetensors(const char *path, const struct eie_shared **matrices,
                                         float **floats, uint32_t count, struct eie_error *error)
{
    struct eie_tensor *tensors = calloc(2 * (size_t)count, sizeof *tensors);
    char(*names)[EIE_NAME_MAX + 8] = calloc(count, sizeof *names);
    uint32_t written = 0;
    enum eie_status status = EIE_OK;
    if (!tensors || !names) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            const struct eie_shared *matrix = matrices[i];
            struct eie_tensor *tensor = &tensors[written++];
            *tensor = (struct eie_tensor){.name = matrix->name,
                                          .dtype = EIE_F32,
                                          .rank = matrix->rank,
                                          .data = floats[i],
                                          .size = (uint64_t)matrix->outputs * matrix->inputs *
                                                  sizeof(float)};
            memcpy(tensor->shape, matrix->shape, sizeof tensor->shape);
            if (!matrix->bias) continue;
            snprintf(names[i], sizeof names[i], "%s.bias", matrix->name);
            tensors[written++] = (struct eie_tensor){
                names[i],          EIE_F32,      1,
                {matrix->outputs}, matrix->bias, matrix->outputs * sizeof(float)};
        }
        status = eie_safetensors_write(path, tensors, written, NULL, NULL, error);
    }
    free(tensors);
    free(names);
    return status;
}

/* "", or what is to be known of weights that are stored and yet 0. */
static void describe_zeros(const struct eie_shared *matrix, const float *floats, char text[96])
{
    const size_t count = (size_t)matrix->outputs * matrix->inputs;
    const uint64_t stored = eie_shared_nonzeros(matrix);
    uint64_t left = 0;
    for (size_t i = 0; i < count; i++) left += floats[i] != 0.0f;
    *text = 0;
    if (!left)
        snprintf(text, 96, ", all weights are 0");
    else if (left < stored)
        snprintf(text, 96, ", %llu of %llu stored weights are 0",
                 (unsigned long long)(stored - left), (unsigned long long)stored);
}

static enum eie_status expand(const struct options *options, const struct eie_shared **matrices,
                              uint32_t count, struct eie_error *error)
{
    float **floats = calloc((size_t)count + 1, sizeof *floats);
    enum eie_status status = EIE_OK;
    const bool npy = options->out && ends_in(options->out, ".npy");
    if (!floats) return eie_fail(error, EIE_MEMORY, "out of memory");
    if (npy && count > 1)
        status = eie_fail(error, EIE_USAGE,
                          "%s holds %u matrices, an .npy takes one: name it with --layer, or write "
                          "a .safetensors",
                          options->path, count);
    for (uint32_t i = 0; i < count && !status; i++) {
        floats[i] = malloc((size_t)matrices[i]->outputs * matrices[i]->inputs * sizeof(float));
        if (floats[i])
            eie_shared_expand(matrices[i], floats[i]);
        else
            status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory for %u x %u floats",
                              matrices[i]->name, matrices[i]->outputs, matrices[i]->inputs);
    }
    if (!status)
        status = npy ? write_npy(options->out, matrices[0], floats[0], error)
                     : write_safetensors(options->out, matrices, floats, count, error);
    for (uint32_t i = 0; i < count && !status; i++) {
        char zeros[96];
        describe_zeros(matrices[i], floats[i], zeros);
        printf("%s: %s, %u x %u%s\n", options->out, matrices[i]->name, matrices[i]->outputs,
               matrices[i]->inputs, zeros);
    }
    for (uint32_t i = 0; i < count; i++) free(floats[i]);
    free(floats);
    return status;
}

int eie_command_expand(int argc, char **argv)
{
    struct options options = {0};
    struct eie_shared_set set;
    struct eie_error error;
    uint32_t count = 0;
    const int code = parse(argc, argv, &options);
    if (code >= 0) return code;
    enum eie_status status = eie_shared_file_read(options.path, &set, &error);
    if (status) return eie_command_fail(status, &error);
    const struct eie_shared **matrices = calloc(set.count, sizeof(struct eie_shared *));
    if (!matrices) status = eie_fail(&error, EIE_MEMORY, "out of memory");
    const char **names = calloc(set.count, sizeof(char *));
    char unmatched[256];
    if (!names && !status) status = eie_fail(&error, EIE_MEMORY, "out of memory");
    for (uint32_t i = 0; i < set.count && !status; i++) {
        names[i] = set.matrices[i].name;
        if (eie_names_match(options.layers, names[i])) matrices[count++] = &set.matrices[i];
    }
    if (!status &&
        eie_names_unmatched(options.layers, names, set.count, unmatched, sizeof unmatched))
        status = eie_fail(&error, EIE_USAGE, "%s: no layer matches '%s'%s", options.path, unmatched,
                          eie_names_hint(unmatched, names, set.count).text);
    free(names);
    if (!status && !count) status = eie_fail(&error, EIE_INPUT, "%s: holds no layer", options.path);
    if (!status)
        status = options.measure ? eie_huffman_speed(matrices, count, options.as_json, &error)
                                 : expand(&options, matrices, count, &error);
    free(matrices);
    eie_shared_set_free(&set);
    return status ? eie_command_fail(status, &error) : 0;
}
