/* Instructions counted by valgrind's tool callgrind: it runs a program on a processor of its own
 * making, which has AVX2 and nothing beyond, at some fiftieth of the speed. */
#ifndef EIE_BENCH_MEASURE_CALLGRIND_H
#define EIE_BENCH_MEASURE_CALLGRIND_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Is there a valgrind on PATH, and is this no build with a sanitizer (which valgrind cannot run)?
 */
bool eie_callgrind_is_here(void);

/* Runs arguments[0] (a path; the list ends in NULL) under callgrind and counts the instructions
 * within `function` and all that it calls. What the program prints on standard output is lost; what
 * it prints on standard error stands in the message where it fails. EIE_MISSING: no valgrind;
 * EIE_SYSTEM: it failed, or the function was never called. */
EIE_MUST_USE enum eie_status eie_callgrind_count(const char *const *arguments, const char *function,
                                                 uint64_t *instructions, struct eie_error *error);

#endif
