#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/train/test_network.h"
#include "bench/train/train.h"
#include "host/base/clock.h"
#include "host/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB       "train"
#define PROGRESS_S 5 /* between lines */

static const char help_text[] =
    "eie train: Deep Compression whole: a network trained, pruned, shared and stored\n\n"
    "usage: eie train NETWORK --data DIR -o FILE [OPTIONS]\n"
    "       eie train [NETWORK] --test FILE --data DIR [--kernel NAMES] [--ledger FILE]\n\n"
    "NETWORK is lenet-300-100, lenet-5, lenet-5-4x4-plain and others of data/networks, or a file\n"
    "like those. DIR holds MNIST's four files (train-images-idx3-ubyte, ... or with .gz); without\n"
    "--data EIE_MNIST names it.\n\n"
    "  -o, --out FILE      the stored network (a safetensors file); with several seeds -SEED "
    "stands\n"
    "                      before its ending. FILE.checkpoint lies next to it until all seeds are\n"
    "                      done and the ledger is written\n"
    "  --recipe R          best (default), paper, eie, dsd, short, small, or a file like\n"
    "                      data/recipes/*.json\n"
    "  --kept S[,S...]     in place of the recipe's shares of weights kept: one, or one a layer\n"
    "  --bits N[,N...]     in place of its bits of a code, 2 to 8, likewise\n"
    "  --begin-with FILE   the -o FILE of another training of these seeds, whose checkpoints were\n"
    "                      kept: phases that both recipes begin with are taken from there\n"
    "  --keep-checkpoints  leave them there, for --begin-with\n"
    "  --seeds A..B        one or several (default 1); a seed gives one result on the same "
    "library\n"
    "                      core and number of threads\n"
    "  --jobs N            seeds at a time, a process each (default: cores / threads)\n"
    "  --threads N         of OpenBLAS, for each seed (default 1)\n"
    "  --resume            continue from the checkpoints\n"
    "  --no-test           leave the test set closed: to choose a recipe by the validation error\n"
    "  --ledger FILE       every phase, layer and byte as JSON; with --test its result\n"
    "  --test FILE         the error of a stored network on the test set, by floats and by the\n"
    "                      integer kernels; trains nothing. NETWORK is needed for files without a\n"
    "                      network's name: those of floats (recipe dsd)\n"
    "  --kernel NAMES      with --test: comma list of names or globs (default: all)\n\n"
    "The error is that of the file, read back from disk, on the test set, which is opened once a\n"
    "seed, after its last phase; choices are made on images set apart from the training set.\n\n"
    "example: eie train lenet-300-100 --data mnist --recipe best --seeds 1..5 -o net.safetensors\n";

struct request {
    struct eie_train_options options;
    const char *ledger, *test, *kernels;
    bool trains; /* an option that only makes sense there */
    bool keep_checkpoints;
};

/* "5" or "1..5". */
static bool parse_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    const char *dots = strstr(text, "..");
    char begin[32];
    if (!dots) {
        if (!eie_parse_uint(text, 0, INT64_MAX, first)) return false;
        *last = *first;
        return true;
    }
    if ((size_t)(dots - text) >= sizeof begin) return false;
    snprintf(begin, sizeof begin, "%.*s", (int)(dots - text), text);
    return eie_parse_uint(begin, 0, INT64_MAX, first) &&
           eie_parse_uint(dots + 2, 0, INT64_MAX, last) && *first <= *last && *last - *first < 1000;
}

/* Returns -1 to go on, or the exit code. */
static int parse_number(const char *name, const char *text, uint32_t *number)
{
    uint64_t value = 0;
    if (!eie_parse_uint(text, 1, 256, &value))
        return eie_command_usage(VERB, "%s %s is not a number from 1 to 256", name, text);
    *number = (uint32_t)value;
    return -1;
}

/* --kept or --bits: one number, or one a layer. Returns -1 to go on, or the exit code. */
static int parse_change(int option, const char *text, struct eie_recipe_changes *changes)
{
    uint32_t *count = option == 'K' ? &changes->kept_count : &changes->bits_count;
    for (const char *rest = text; rest; *count += 1) {
        const char *comma = strchr(rest, ',');
        const int length = comma ? (int)(comma - rest) : (int)strlen(rest);
        char one[32] = "";
        uint64_t bits = 0;
        if (*count == EIE_NODES_MAX)
            return eie_command_usage(VERB, "%s has more than %d numbers",
                                     option == 'K' ? "--kept" : "--bits", EIE_NODES_MAX);
        if ((size_t)length < sizeof one) snprintf(one, sizeof one, "%.*s", length, rest);
        if (option == 'K' && !eie_parse_share(one, &changes->kept[*count]))
            return eie_command_usage(
                VERB, "--kept %s is no share above 0 and at most 1, nor a comma list of them",
                text);
        if (option == 'B' && !eie_parse_uint(one, 2, 8, &bits))
            return eie_command_usage(
                VERB, "--bits %s is no whole number from 2 to 8, nor a comma list of them", text);
        changes->bits[*count] = option == 'B' ? (uint32_t)bits : changes->bits[*count];
        rest = comma ? comma + 1 : NULL;
    }
    return -1;
}

static int parse_option(int option, const char *text, struct request *request)
{
    struct eie_train_options *options = &request->options;
    request->trains = request->trains || !strchr("dtkl", option);
    if (option == 'o') options->out = text;
    if (option == 'd') options->data = text;
    if (option == 'R') options->recipe = text;
    if (option == 'l') request->ledger = text;
    if (option == 't') request->test = text;
    if (option == 'k') request->kernels = text;
    if (option == 'r') options->resume = true;
    if (option == 'n') options->no_test = true;
    if (option == 'b') options->begin_with = text;
    if (option == 'c') request->keep_checkpoints = true;
    if (strchr("KB", option)) return parse_change(option, text, &options->changes);
    if (option == 'T') return parse_number("--threads", text, &options->threads);
    if (option == 'J') return parse_number("--jobs", text, &options->jobs);
    if (option == 's' && !parse_seeds(text, &options->first_seed, &options->last_seed))
        return eie_command_usage(VERB,
                                 "--seeds %s is neither a number nor A..B with A at most B, at "
                                 "most 1000 of them",
                                 text);
    return -1;
}

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct request *request)
{
    static const struct option known[] = {
        {"out", required_argument, NULL, 'o'},
        {"data", required_argument, NULL, 'd'},
        {"recipe", required_argument, NULL, 'R'},
        {"kept", required_argument, NULL, 'K'},
        {"bits", required_argument, NULL, 'B'},
        {"begin-with", required_argument, NULL, 'b'},
        {"keep-checkpoints", no_argument, NULL, 'c'},
        {"seeds", required_argument, NULL, 's'},
        {"threads", required_argument, NULL, 'T'},
        {"jobs", required_argument, NULL, 'J'},
        {"resume", no_argument, NULL, 'r'},
        {"no-test", no_argument, NULL, 'n'},
        {"ledger", required_argument, NULL, 'l'},
        {"test", required_argument, NULL, 't'},
        {"kernel", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct eie_train_options *options = &request->options;
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
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (request->test) {
        if (request->trains)
            return eie_command_usage(
                VERB, "--test FILE takes --data, --kernel and --ledger alone beside it");
        return eie_command_claim(request->ledger);
    }
    if (request->kernels) return eie_command_usage(VERB, "--kernel goes with --test FILE");
    if (!options->network) return eie_command_usage(VERB, "needs a network, or --test FILE");
    if (!options->out) return eie_command_usage(VERB, "needs -o FILE");
    return eie_command_claim(request->ledger);
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

/* Before hours are spent: can it be written? */
static enum eie_status check_ledger(const char *path, struct eie_error *error)
{
    struct eie_output output;
    const enum eie_status status = eie_output_begin(path, &output, error);
    if (!status) eie_output_abandon(&output);
    return status;
}

/* A line now and then of a test that takes minutes, none of one that takes seconds. */
struct progress {
    double begin_s, said_s;
};

static void say_progress(void *its, uint32_t done, uint32_t all)
{
    struct progress *progress = its;
    const double now_s = eie_now_s(), used_s = now_s - progress->begin_s;
    if (done == all || now_s - progress->said_s < PROGRESS_S) return;
    progress->said_s = now_s;
    fprintf(stderr, "%u of %u images, ETA %.0f s\n", done, all, used_s / done * (all - done));
}

static int test(const struct request *request)
{
    struct progress progress = {eie_now_s(), eie_now_s()};
    const struct eie_test_options options = {.file = request->test,
                                             .network = request->options.network,
                                             .data = request->options.data,
                                             .kernels = request->kernels,
                                             .progress = say_progress,
                                             .progress_its = &progress};
    struct eie_error error, second;
    json_t *result = NULL;
    enum eie_status status = EIE_OK, written = EIE_OK;
    if (request->ledger) status = check_ledger(request->ledger, &error);
    if (!status) status = eie_test_network(&options, &result, &error);
    if (result) eie_test_network_print(result);
    if (result && request->ledger) written = write_ledger(request->ledger, result, &second);
    json_decref(result);
    if (status) return eie_command_fail(status, &error);
    return written ? eie_command_fail(written, &second) : 0;
}

int eie_command_train(int argc, char **argv)
{
    struct request request = {
        .options = {.recipe = "best", .first_seed = 1, .last_seed = 1, .threads = 1}};
    struct eie_error error;
    json_t *ledger = NULL;
    enum eie_status status = EIE_OK;
    const int code = parse(argc, argv, &request);
    if (code >= 0) return code;
    if (request.test) return test(&request);
    if (request.ledger) status = check_ledger(request.ledger, &error);
    if (!status) status = eie_train(&request.options, &ledger, &error);
    if (!status && request.ledger) status = write_ledger(request.ledger, ledger, &error);
    if (!status) eie_train_print(ledger);
    if (!status && !request.keep_checkpoints) status = eie_train_finish(&request.options, &error);
    json_decref(ledger);
    return status ? eie_command_fail(status, &error) : 0;
}
