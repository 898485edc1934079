#include "bench/cli/command.h"

#include "host/base/file.h"
#include "kernels/registry.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int eie_command_fail(enum eie_status status, const struct eie_error *error)
{
    fflush(stdout);
    fprintf(stderr, "eie: %s\n", error->message);
    return eie_exit_code(status);
}

int eie_command_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    char message[512];
    struct eie_error error;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    eie_fail(&error, EIE_USAGE, "%s", message);
    fflush(stdout);
    fprintf(stderr, "eie %s: %s; try eie %s --help\n", verb, error.message, verb);
    return eie_exit_code(EIE_USAGE);
}

/* The word that getopt_long has just refused. It has moved past it, unless it stands amid short
 * options. */
static void refused(char **argv, const struct option *options, char *text, size_t size)
{
    bool is_long = !optopt; /* 0: an unknown long one; known: --json=1, which takes no value */
    for (const struct option *o = options; o->name; o++)
        is_long = is_long || (o->val == optopt && !strncmp(argv[optind - 1], "--", 2));
    if (is_long)
        snprintf(text, size, "%s", argv[optind - 1]);
    else
        snprintf(text, size, "-%c", optopt);
}

/* Options with a value that have come, by their value. */
static bool given[256];

void eie_command_again(const char *values)
{
    for (; *values; values++) given[(unsigned char)*values] = false;
}

/* May the option come (again)? */
static bool may_come(const struct option *options, int found)
{
    const struct option *option = options;
    while (option->name && option->val != found) option++;
    if (!option->name || option->has_arg != required_argument || found < 0 || found > 255)
        return true;
    const bool before = given[found] && strcmp(option->name, "plugin") != 0;
    given[found] = true;
    return !before;
}

static const char *name_of(const struct option *options, int value)
{
    while (options->val != value) options++;
    return options->name;
}

int eie_command_claim(const char *path)
{
    struct eie_error error;
    const enum eie_status status = eie_output_claim(path, &error);
    return status ? eie_command_fail(status, &error) : -1;
}

int eie_command_option(int argc, char **argv, const char *verb, const struct option *options)
{
    char letters[128] = ":"; /* a missing argument comes back as ':' */
    for (const struct option *o = options; o->name; o++) {
        if (o->val <= 0 || o->val > 255) continue;
        const size_t used = strlen(letters);
        snprintf(letters + used, sizeof letters - used, "%c%s", o->val,
                 o->has_arg == required_argument ? ":" : "");
    }
    opterr = 0;
    const int found = getopt_long(argc, argv, letters, options, NULL);
    if (found == ':') {
        eie_command_usage(verb, "option %s needs a value", argv[optind - 1]);
        return '?';
    }
    if (found == '?') {
        char text[256];
        refused(argv, options, text, sizeof text);
        eie_command_usage(verb, "unknown option %s", text);
    }
    if (found > 0 && !may_come(options, found)) {
        eie_command_usage(verb, "option --%s was given twice", name_of(options, found));
        return '?';
    }
    return found;
}

bool eie_parse_uint(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && !*end && *value >= low && *value <= high;
}

/* A finite positive number and the text behind it. */
static bool parse_number(const char *text, double *number, char **end)
{
    if ((*text < '0' || *text > '9') && *text != '.') return false;
    *number = strtod(text, end);
    return *end != text && isfinite(*number) && *number > 0;
}

bool eie_parse_seconds(const char *text, double *seconds)
{
    char *end;
    if (!parse_number(text, seconds, &end)) return false;
    if (!strcmp(end, "m"))
        *seconds *= 60;
    else if (!strcmp(end, "h"))
        *seconds *= 3600;
    else if (*end && strcmp(end, "s"))
        return false;
    return *seconds <= 1e6;
}

bool eie_parse_watts(const char *text, double *watts)
{
    char *end;
    if (!parse_number(text, watts, &end)) return false;
    while (*end == ' ') end++;
    return (!*end || !strcmp(end, "W")) && *watts > 0 && *watts <= 1e5;
}

bool eie_parse_share(const char *text, double *share)
{
    char *end;
    return parse_number(text, share, &end) && !*end && *share <= 1;
}

bool eie_parse_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    double number;
    if (!parse_number(text, &number, &end)) return false;
    if (*end) {
        const char *unit = strchr(units, *end);
        if (!unit || end[1]) return false;
        number *= pow(1024, (double)(unit - units) + 1);
    }
    *bytes = (uint64_t)number;
    return number < 0x1p60;
}

void eie_command_line(int argc, char **argv, char *line, size_t size)
{
    snprintf(line, size, "eie");
    for (int i = 0; i < argc; i++) {
        const size_t used = strlen(line);
        snprintf(line + used, size - used, " %s", argv[i]);
    }
}

int eie_command_kernels(const char *verb, const char *text, char *kernels, size_t size)
{
    struct eie_hint hint;
    char unmatched[256];
    if (strlen(text) >= size) return eie_command_usage(verb, "--kernel: the list is too long");
    if (eie_kernels_unmatched(text, unmatched, sizeof unmatched, &hint))
        return eie_command_usage(verb, "no kernel matches '%s' (eie list kernels)%s", unmatched,
                                 hint.text);
    strcpy(kernels, text);
    return -1;
}

enum eie_status eie_command_write_json(const char *path, const json_t *result,
                                       struct eie_error *error)
{
    struct eie_output output;
    const enum eie_status status = eie_output_begin(path, &output, error);
    if (status) return status;
    json_dumpf(result, output.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    fputc('\n', output.stream);
    return eie_output_commit(&output, error);
}
