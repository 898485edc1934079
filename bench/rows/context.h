/* The context of a results file: the machine, the build, the environment, and each run that added
 * rows. */
#ifndef EIE_BENCH_ROWS_CONTEXT_H
#define EIE_BENCH_ROWS_CONTEXT_H

#include "host/base/error.h"

#include <jansson.h>

/* Google Benchmark's members and ours, with one run in "eie_runs" (its date, command, load; its
 * ceilings join as they are measured; "doctor" is what bench/doctor/doctor.h's quick part finds).
 * EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_context_make(const char *command, json_t **context,
                                              struct eie_error *error);

/* EIE_INPUT, with `path` in the message, where the context is of a newer version's file or of no
 * file of eie bench (Google Benchmark's own have a context too). */
EIE_MUST_USE enum eie_status eie_context_check_format(const json_t *context, const char *path,
                                                      struct eie_error *error);

/* The name of the first member in which two contexts tell of different machines, builds, libraries'
 * settings or plug-ins; NULL when rows of both may stand in one file. Memory is none of it: some
 * virtual machines are given more of it while they run. */
const char *eie_context_difference(const json_t *one, const json_t *other);

#endif
