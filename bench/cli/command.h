/* What the verbs of `eie` share: options, numbers, messages. */
#ifndef EIE_BENCH_CLI_COMMAND_H
#define EIE_BENCH_CLI_COMMAND_H

#include "host/base/error.h"

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints "eie: message" on stderr, one line, and returns the status's exit code. */
int eie_command_fail(enum eie_status status, const struct eie_error *error);

/* Prints "eie VERB: message; try eie VERB --help" and returns 2. */
int eie_command_usage(const char *verb, const char *format, ...) EIE_PRINTF(2, 3);

/* getopt_long with our messages: the next option's value, -1 at the end, '?' after a fault that has
 * been reported. Every long option has the value of a letter or a number above 255.
 * One with a value that comes twice is a fault (but --plugin): the first would be lost in silence.
 */
int eie_command_option(int argc, char **argv, const char *verb, const struct option *options);

/* Options that start over: those of `values` may come again (bench --also). */
void eie_command_again(const char *values);

/* "eie" and the words behind it, cut at `size`: what a results file says that it was made by. */
void eie_command_line(int argc, char **argv, char *line, size_t size);

/* A list of kernels' names and patterns for --kernel, taken over into `kernels`. -1, or an exit
 * code after a fault that has been reported: too long, or a part that no kernel matches. */
int eie_command_kernels(const char *verb, const char *text, char *kernels, size_t size);

/* Standard output is left to the document that is written to `path`, where that is its name (NULL
 * is fine). -1, or an exit code after a fault that has been reported. */
int eie_command_claim(const char *path);

/* A document as it goes into a file of its own, whole or not at all. EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_command_write_json(const char *path, const json_t *result,
                                                    struct eie_error *error);

/* Whole decimal numbers; false when the text is anything else or out of range. */
bool eie_parse_uint(const char *text, uint64_t low, uint64_t high, uint64_t *value);

/* "90", "90s", "5m", "1.5h" as seconds; false otherwise. */
bool eie_parse_seconds(const char *text, double *seconds);

/* "85", "85W", "85.5 W" as watts, above 0 and at most 100 kW; false otherwise. */
bool eie_parse_watts(const char *text, double *watts);

/* A share above 0 and at most 1; false otherwise. */
bool eie_parse_share(const char *text, double *share);

/* "512M", "2G", "1048576" as bytes; false otherwise. */
bool eie_parse_bytes(const char *text, uint64_t *bytes);

int eie_command_layer(int argc, char **argv); /* eie layer gen | import | info | dump | verify */

#endif
