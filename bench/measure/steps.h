/* Instructions counted one by one: the processor's single step, as a debugger uses it (ptrace).
 * Slow (some 5 to 30 us an instruction), but it knows every instruction that the processor knows,
 * and no neighbour disturbs it. */
#ifndef EIE_BENCH_MEASURE_STEPS_H
#define EIE_BENCH_MEASURE_STEPS_H

#include "host/base/error.h"

#include <stdint.h>

/* Forks, calls work(context) once in the child, which is a copy of the calling thread alone, and
 * counts the steps that it takes, less those of a function that does nothing. What work changes is
 * gone with the child. A repeated string instruction counts once for every repetition. What is to
 * be bound or loaded at a first call should have been before: call work once.
 *
 * EIE_MISSING where this process may not trace (a sandbox); EIE_SYSTEM, with the signal's name,
 * where work did not come to its end. Takes as long as it takes: within eie_isolate, which ends the
 * child as well. */
EIE_MUST_USE enum eie_status eie_steps_count(void (*work)(void *context), void *context,
                                             uint64_t *steps, struct eie_error *error);

#endif
