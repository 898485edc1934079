#include "bench/check/counted.h"
#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/measure/callgrind.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/isolate.h"
#include "host/base/jsonset.h"
#include "host/base/names.h"
#include "host/machine/cpu.h"
#include "kernels/registry.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB      "count"
#define FORMAT    "eie-count-1"
#define SUITE     "count"
#define FUNCTION  "eie_counted_call"
#define TIMEOUT_S 300
#define SEVERAL   8 /* inputs per call of kernels that are for several */
#define NAMES_MAX 1024

static const char help[] =
    "eie count: the instructions of one call, which no neighbour of this machine changes\n\n"
    "usage: eie count [OPTIONS]\n\n"
    "Counts the processor's own kernels on one thread, after a check on that very layer: by\n"
    "valgrind's callgrind where it knows the kernel's instructions (up to AVX2), else, and where\n"
    "there is no valgrind, by single steps (ptrace). Equal code gives equal counts; what counts "
    "do\n"
    "not show is how long an instruction takes. Counts of the two methods are not for "
    "comparing.\n\n"
    "  --suite NAME     a suite, or the path of a suite's JSON file (default " SUITE ": small\n"
    "                   layers; a step takes 5 to 30 us)\n"
    "  --layer NAMES    comma list of names or globs (default: all)\n"
    "  --kernel NAMES   comma list of names or globs (default: all but the oracle; not for "
    "cpu_auto\n"
    "                   and libraries, which choose their code themselves)\n"
    "  --batch N        inputs per call (default: 1, and 8 for kernels that are for several)\n"
    "  --method WORD    callgrind or step (default: as above)\n"
    "  --timeout TIME   for one count, in seconds, or 5m, 1h (default 5m)\n"
    "  --once           count nothing: one kernel, one layer, checked and called once inside the\n"
    "                   function " FUNCTION ", for a tool that counts from outside\n"
    "  --out FILE       counts as JSON (default: only the table is printed)\n\n"
    "example: eie count --kernel 'avx2_*' --layer wide\n";

enum method { METHOD_AUTO, METHOD_CALLGRIND, METHOD_STEP };
static const char *const method_words[] = {"auto", "callgrind", "step"};

struct choice {
    const char *suite, *layers, *kernels, *out;
    uint32_t batch; /* 0: not given */
    enum method method;
    double timeout_s;
    bool once;
};

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct choice *choice)
{
    static const struct option options[] = {
        {"suite", required_argument, NULL, 's'},   {"layer", required_argument, NULL, 'l'},
        {"kernel", required_argument, NULL, 'k'},  {"batch", required_argument, NULL, 'b'},
        {"method", required_argument, NULL, 'm'},  {"once", no_argument, NULL, '1'},
        {"timeout", required_argument, NULL, 'T'}, {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    uint64_t number;
    for (int option; (option = eie_command_option(argc, argv, VERB, options)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 's') choice->suite = optarg;
        if (option == 'l') choice->layers = optarg;
        if (option == 'k') choice->kernels = optarg;
        if (option == 'o') choice->out = optarg;
        if (option == '1') choice->once = true;
        if (option == 'b') {
            if (!eie_parse_uint(optarg, 1, EIE_SUITE_INPUTS_MAX, &number))
                return eie_command_usage(VERB, "--batch %s is not 1 to %u", optarg,
                                         EIE_SUITE_INPUTS_MAX);
            choice->batch = (uint32_t)number;
        }
        if (option == 'm') {
            if (!strcmp(optarg, method_words[METHOD_CALLGRIND]))
                choice->method = METHOD_CALLGRIND;
            else if (!strcmp(optarg, method_words[METHOD_STEP]))
                choice->method = METHOD_STEP;
            else
                return eie_command_usage(VERB, "--method %s is neither callgrind nor step", optarg);
        }
        if (option == 'T' && !eie_parse_seconds(optarg, &choice->timeout_s))
            return eie_command_usage(VERB, "--timeout %s is no time (try 90, 90s, 5m)", optarg);
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    return eie_command_claim(choice->out);
}

/* ---- what is counted ------------------------------------------------------------------------ */

static int check_names(const struct choice *choice, const struct eie_suite *suite)
{
    const char *names[NAMES_MAX];
    char unmatched[256];
    uint32_t count = 0;
    for (; count < suite->layer_count && count < NAMES_MAX; count++)
        names[count] = suite->layers[count].spec.name;
    if (eie_names_unmatched(choice->layers, names, count, unmatched, sizeof unmatched))
        return eie_command_usage(VERB, "no layer of suite %s matches '%s'%s", suite->name,
                                 unmatched, eie_names_hint(unmatched, names, count).text);
    for (count = 0; count < eie_kernel_count() && count < NAMES_MAX; count++)
        names[count] = eie_kernel_at(count)->name;
    if (eie_names_unmatched(choice->kernels, names, count, unmatched, sizeof unmatched))
        return eie_command_usage(VERB, "no kernel matches '%s' (eie list kernels)%s", unmatched,
                                 eie_names_hint(unmatched, names, count).text);
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        const struct eie_kernel *kernel = eie_kernel_at(i);
        const char *refusal = eie_counted_refusal(kernel);
        if (refusal && choice->kernels && eie_names_exact(choice->kernels, kernel->name))
            return eie_command_usage(VERB, "%s is not counted: %s", kernel->name, refusal);
    }
    return -1;
}

static bool takes(const struct choice *choice, const struct eie_kernel *kernel)
{
    if (eie_counted_refusal(kernel)) return false;
    if (choice->kernels && eie_names_exact(choice->kernels, kernel->name)) return true;
    return !(kernel->flags & EIE_KERNEL_REFERENCE) &&
           eie_names_match(choice->kernels, kernel->name);
}

static uint32_t batch_for(const struct choice *choice, const struct eie_kernel *kernel)
{
    if (choice->batch) return choice->batch;
    if (kernel->batch_min <= 1 && !(kernel->flags & EIE_KERNEL_SKIP_ONE)) return 1;
    return kernel->batch_min > SEVERAL ? kernel->batch_min : SEVERAL;
}

/* Valgrind's processor has AVX2. */
static enum method method_for(const struct choice *choice, const struct eie_kernel *kernel)
{
    if (choice->method != METHOD_AUTO) return choice->method;
    return !(kernel->cpu_features & ~(uint32_t)EIE_CPU_AVX2) && eie_callgrind_is_here()
               ? METHOD_CALLGRIND
               : METHOD_STEP;
}

/* ---- counting ------------------------------------------------------------------------------- */

struct job {
    const struct choice *choice;
    struct eie_counted counted;
    enum method method;
    const char *program;
};
struct found {
    enum eie_status status;
    struct eie_error error;
    uint64_t instructions;
};

static enum eie_status by_callgrind(const struct job *job, uint64_t *instructions,
                                    struct eie_error *error)
{
    char batch[16];
    snprintf(batch, sizeof batch, "%u", job->counted.batch);
    const char *const arguments[] = {job->program,
                                     VERB,
                                     "--once",
                                     "--suite",
                                     job->choice->suite,
                                     "--layer",
                                     job->counted.suite->layers[job->counted.layer].spec.name,
                                     "--kernel",
                                     job->counted.kernel->name,
                                     "--batch",
                                     batch,
                                     NULL};
    return eie_callgrind_count(arguments, FUNCTION, instructions, error);
}

static void find(void *context, void *shared)
{
    const struct job *job = context;
    struct found *found = shared;
    found->status = job->method == METHOD_STEP
                        ? eie_counted_run(&job->counted, &found->instructions, &found->error)
                        : by_callgrind(job, &found->instructions, &found->error);
}

/* Why a kernel cannot run is found without valgrind, whose processor has less. */
static enum eie_status can_run(const struct eie_counted *counted, struct eie_error *error)
{
    struct eie_device host;
    enum eie_status status = eie_device_host(&host, error);
    return status ? status : eie_kernel_probe(counted->kernel, &host, error);
}

static struct found count_one(const struct job *job)
{
    struct found found = {EIE_OK, {""}, 0};
    struct eie_ending ending = {.end = EIE_END_RETURNED};
    found.status = can_run(&job->counted, &found.error);
    if (found.status) return found;
    struct eie_error error;
    const enum eie_status status = eie_isolate(find, (void *)job, &found, sizeof found,
                                               job->choice->timeout_s, &ending, &error);
    if (status) return (struct found){status, error, 0};
    if (ending.end != EIE_END_RETURNED) {
        char words[128];
        eie_ending_text(&ending, words, sizeof words);
        found.status = eie_fail(&found.error, EIE_MISMATCH, "%s", words);
    }
    return found;
}

static const char *status_word(enum eie_status status)
{
    switch (status) {
    case EIE_OK:
        return "ok";
    case EIE_UNSUPPORTED:
        return "unsupported";
    case EIE_MISSING:
        return "skipped";
    case EIE_MISMATCH:
        return "wrong";
    default:
        return "error";
    }
}

/* ---- what becomes of it --------------------------------------------------------------------- */

struct tally {
    json_t *rows;
    uint32_t counted;
    int worst;
};

/* 2 before 1 before 3. */
static void worsen(int *worst, int code)
{
    if (code && (!*worst || code == 2 || (code == 1 && *worst == 3))) *worst = code;
}

static void keep(struct tally *tally, const struct job *job, const struct found *found,
                 const char *hash)
{
    const struct eie_counted *counted = &job->counted;
    const char *layer = counted->suite->layers[counted->layer].spec.name;
    const char *word = status_word(found->status);
    json_t *row = json_object();
    eie_set(row, "suite", counted->suite->name);
    eie_set(row, "layer", layer);
    eie_set(row, "layer_hash", hash);
    eie_set(row, "kernel", counted->kernel->name);
    eie_set_integer(row, "batch", counted->batch);
    eie_set(row, "method", method_words[job->method]);
    eie_set(row, "status", word);
    if (found->status)
        eie_set(row, "reason", found->error.message);
    else
        eie_set_integer(row, "instructions", found->instructions);
    json_array_append_new(tally->rows, row);
    printf("%-10s %-10s %-24s %5u  %-9s ", counted->suite->name, layer, counted->kernel->name,
           counted->batch, method_words[job->method]);
    if (found->status)
        printf("%14s  %s: %s\n", "-", word, found->error.message);
    else
        printf("%14llu\n", (unsigned long long)found->instructions);
    fflush(stdout);
    tally->counted += !found->status;
    const bool by_name =
        job->choice->kernels && eie_names_exact(job->choice->kernels, counted->kernel->name);
    if (found->status && (by_name || !strcmp(word, "wrong") || !strcmp(word, "error")))
        worsen(&tally->worst, eie_exit_code(found->status));
}

static enum eie_status write_counts(const struct choice *choice, json_t *rows,
                                    struct eie_error *error)
{
    struct eie_output output;
    char cpu[256];
    eie_cpu_name(cpu, sizeof cpu);
    json_t *document = json_object();
    eie_set(document, "format", FORMAT);
    eie_set(document, "eie_version", EIE_VERSION);
    eie_set(document, "eie_revision", EIE_REVISION);
    eie_set(document, "cpu", cpu);
    json_object_set(document, "rows", rows);
    enum eie_status status = eie_output_begin(choice->out, &output, error);
    if (!status) {
        if (json_dumpf(document, output.stream, JSON_INDENT(1)) || fputc('\n', output.stream) < 0) {
            eie_output_abandon(&output);
            status = eie_fail(error, EIE_SYSTEM, "%s cannot be written", choice->out);
        } else {
            status = eie_output_commit(&output, error);
        }
    }
    json_decref(document);
    return status;
}

static enum eie_status hash_of(const struct eie_suite *suite, uint32_t index, struct eie_hash *hash,
                               struct eie_error *error)
{
    struct eie_layer *layer;
    enum eie_status status = eie_suite_build(suite, index, 0, &layer, error);
    if (status) return status;
    status = eie_layer_hash(layer, hash, error);
    eie_layer_free(layer);
    return status;
}

static enum eie_status count_layer(const struct choice *choice, const struct eie_suite *suite,
                                   uint32_t layer, const char *program, struct tally *tally,
                                   struct eie_error *error)
{
    struct eie_hash hash;
    const enum eie_status status = hash_of(suite, layer, &hash, error);
    if (status) return status;
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        const struct eie_kernel *kernel = eie_kernel_at(i);
        if (!takes(choice, kernel)) continue;
        const struct job job = {choice,
                                {kernel, suite, layer, batch_for(choice, kernel)},
                                method_for(choice, kernel),
                                program};
        const struct found found = count_one(&job);
        keep(tally, &job, &found, hash.hex);
    }
    return EIE_OK;
}

static int count_all(const struct choice *choice, const struct eie_suite *suite)
{
    struct tally tally = {.rows = json_array()};
    struct eie_error error;
    char program[PATH_MAX];
    enum eie_status status = eie_program_path(program, &error);
    printf("%-10s %-10s %-24s %5s  %-9s %14s\n", "suite", "layer", "kernel", "batch", "method",
           "instructions");
    for (uint32_t i = 0; i < suite->layer_count && !status; i++)
        if (eie_names_match(choice->layers, suite->layers[i].spec.name))
            status = count_layer(choice, suite, i, program, &tally, &error);
    if (!status && choice->out) status = write_counts(choice, tally.rows, &error);
    json_decref(tally.rows);
    if (status) return eie_command_fail(status, &error);
    if (!tally.counted && !tally.worst) {
        fprintf(stderr, "eie: nothing was counted: none of the kernels can be here\n");
        return eie_exit_code(EIE_MISSING);
    }
    return tally.worst;
}

/* The call of the one kernel and layer, for a tool from outside. */
static int call_once(const struct choice *choice, const struct eie_suite *suite)
{
    struct eie_counted counted = {.suite = suite};
    struct eie_error error;
    uint32_t kernels = 0, layers = 0;
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        if (!takes(choice, eie_kernel_at(i))) continue;
        counted.kernel = eie_kernel_at(i);
        kernels++;
    }
    for (uint32_t i = 0; i < suite->layer_count; i++) {
        if (!eie_names_match(choice->layers, suite->layers[i].spec.name)) continue;
        counted.layer = i;
        layers++;
    }
    if (kernels != 1 || layers != 1)
        return eie_command_usage(VERB, "--once takes one kernel and one layer, not %u and %u",
                                 kernels, layers);
    counted.batch = batch_for(choice, counted.kernel);
    const enum eie_status status = eie_counted_run(&counted, NULL, &error);
    return status ? eie_command_fail(status, &error) : 0;
}

int eie_command_count(int argc, char **argv)
{
    struct choice choice = {.suite = SUITE, .timeout_s = TIMEOUT_S};
    struct eie_suite suite;
    struct eie_error error;
    uint32_t features;
    int code = parse(argc, argv, &choice);
    if (code >= 0) return code;
    enum eie_status status = eie_cpu_features(&features, &error); /* EIE_ISA_MASK may be wrong */
    if (!status) status = eie_suite_read(choice.suite, &suite, &error);
    if (status) return eie_command_fail(status, &error);
    code = check_names(&choice, &suite);
    if (code < 0) code = choice.once ? call_once(&choice, &suite) : count_all(&choice, &suite);
    eie_suite_free(&suite);
    return code;
}
