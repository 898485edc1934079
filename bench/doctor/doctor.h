/* Is this machine fit to be measured, and what must be known of it? `eie doctor` asks all of it,
 * every results file has the quick part (context.eie_runs, doctor). */
#ifndef EIE_BENCH_DOCTOR_DOCTOR_H
#define EIE_BENCH_DOCTOR_DOCTOR_H

#include "bench/doctor/checkup.h"

/* What costs less than 0.2 s in all, and says nothing bad only because others are at work at this
 * moment. `root` stands before the paths of the files that are read; where it is not NULL the
 * machine is another one, and nothing is tried on this one. */
void eie_doctor_quick(const char *root, struct eie_checkup *checkup);

/* The rest, some 3 s on a quiet machine: the caches that are had, quietness, devices, libraries. Of
 * `budget_s` each has a share; one whose share is over before it is done is "not measured", a
 * warning. Beyond the budget goes at most what has begun: one set of memory that is read, one block
 * a core, the search for devices. EIE_SYSTEM, EIE_MEMORY. */
#define EIE_DOCTOR_BUDGET_S 5.0
EIE_MUST_USE enum eie_status eie_doctor_further(double budget_s, struct eie_checkup *checkup,
                                                struct eie_error *error);

/* Energy: "measured: ...", "no permission: ...", as eie_device_energy_words has it. */
void eie_check_energy(const char *words, struct eie_checkup *checkup);

/* Instruction sets that are left: all features of the processor, and those left by EIE_ISA_MASK. */
void eie_check_instructions(const char *mask, struct eie_checkup *checkup);

#endif
