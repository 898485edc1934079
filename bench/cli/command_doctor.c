#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/doctor/doctor.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/jsonset.h"
#include "host/machine/cpu.h"
#include "host/machine/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define VERB   "doctor"
#define FORMAT "eie-doctor-1"

static const char help[] =
    "eie doctor: is this machine fit to be measured?\n\n"
    "usage: eie doctor [--quick] [--budget TIME] [--root DIR] [--json] [--out FILE]\n\n"
    "Each check is good, a warning (numbers come out, and that must be known of them) or bad (it\n"
    "would spoil a run), with what was seen and, unless it is good, the command that fixes it.\n"
    "Takes some 3 s; on a busy machine some checks are not done by the end of the budget, and say\n"
    "so. Nothing is changed. Every results file has the quick part (context.eie_runs, doctor).\n\n"
    "  --quick     only what takes less than 0.2 s: no caches, quietness, devices or libraries\n"
    "  --budget TIME  for all but the quick part (default 5s)\n"
    "  --root DIR  read DIR/proc and DIR/sys, copied from another machine: only what files tell\n"
    "  --json      as JSON\n"
    "  --out FILE  as JSON into FILE, beside what is printed\n\n"
    "Exit codes: 0 nothing is bad, 3 something is, 2 usage.\n\n"
    "example: eie doctor --out machine.json\n";

struct options {
    const char *root, *out;
    bool quick, json;
    double budget_s;
};

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"quick", no_argument, NULL, 'q'},
        {"root", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"budget", required_argument, NULL, 'b'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct stat info;
    for (int option; (option = eie_command_option(argc, argv, VERB, known)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'q') options->quick = true;
        if (option == 'j') options->json = true;
        if (option == 'r') options->root = optarg;
        if (option == 'b' && !eie_parse_seconds(optarg, &options->budget_s))
            return eie_command_usage(VERB, "--budget %s is no time (try 5s, 1m)", optarg);
        if (option == 'o') options->out = optarg;
    }
    if (optind < argc) return eie_command_usage(VERB, "unexpected argument '%s'", argv[optind]);
    if (options->root && (stat(options->root, &info) || !S_ISDIR(info.st_mode)))
        return eie_command_usage(VERB, "--root %s is no folder", options->root);
    return eie_command_claim(options->out);
}

/* ---- output --------------------------------------------------------------------------------- */

static json_t *document(const struct options *options, const struct eie_checkup *checkup)
{
    char text[64];
    const time_t now = time(NULL);
    struct tm utc;
    json_t *object = json_object();
    eie_set(object, "format", FORMAT);
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    eie_set(object, "date", text);
    eie_set(object, "revision", EIE_REVISION);
    if (options->root) {
        eie_set(object, "root", options->root);
    } else {
        eie_cpu_name(text, sizeof text);
        eie_set(object, "cpu", text);
    }
    eie_set(object, "worst", eie_health_word(eie_checkup_worst(checkup)));
    json_object_set_new(object, "checks", eie_checkup_json(checkup));
    return object;
}

static enum eie_status write_file(const char *path, const json_t *object, struct eie_error *error)
{
    struct eie_output output;
    enum eie_status status = eie_output_begin(path, &output, error);
    if (status) return status;
    json_dumpf(object, output.stream, JSON_INDENT(1));
    fputc('\n', output.stream);
    return eie_output_commit(&output, error);
}

static void print_table(const struct eie_checkup *checkup)
{
    int width = 0;
    for (uint32_t i = 0; i < checkup->count; i++) {
        const int length = (int)strlen(checkup->all[i].name);
        if (length > width && length <= 32) width = length;
    }
    for (uint32_t i = 0; i < checkup->count; i++) {
        const struct eie_check *check = &checkup->all[i];
        printf("%-7s  %-*s  %s\n", eie_health_word(check->health), width, check->name, check->seen);
        if (*check->mend) printf("%-7s  %-*s  -> %s\n", "", width, "", check->mend);
    }
    const uint32_t bad = eie_checkup_count(checkup, EIE_HEALTH_BAD);
    const uint32_t warnings = eie_checkup_count(checkup, EIE_HEALTH_WARNING);
    printf("%u good, %u warning%s, %u bad%s\n", eie_checkup_count(checkup, EIE_HEALTH_GOOD),
           warnings, warnings == 1 ? "" : "s", bad, bad ? ": a run would be spoilt" : "");
}

static int tell(const struct options *options, const struct eie_checkup *checkup)
{
    struct eie_error error;
    json_t *object = document(options, checkup);
    enum eie_status status = options->out ? write_file(options->out, object, &error) : EIE_OK;
    if (!status && options->json) {
        json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!status) {
        print_table(checkup);
    }
    json_decref(object);
    if (status) return eie_command_fail(status, &error);
    return eie_checkup_worst(checkup) == EIE_HEALTH_BAD ? eie_exit_code(EIE_SYSTEM) : 0;
}

int eie_command_doctor(int argc, char **argv)
{
    struct options options = {.budget_s = EIE_DOCTOR_BUDGET_S};
    struct eie_error error;
    uint32_t features;
    int code = parse(argc, argv, &options);
    if (code >= 0) return code;
    enum eie_status status = eie_cpu_features(&features, &error); /* EIE_ISA_MASK may be wrong */
    if (!status) status = eie_pages_check(&error);
    struct eie_checkup *checkup = status ? NULL : calloc(1, sizeof *checkup);
    if (!status && !checkup) status = eie_fail(&error, EIE_MEMORY, "out of memory for checks");
    if (!status) eie_doctor_quick(options.root, checkup);
    if (!status && !options.quick && !options.root)
        status = eie_doctor_further(options.budget_s, checkup, &error);
    code = status ? eie_command_fail(status, &error) : tell(&options, checkup);
    free(checkup);
    return code;
}
