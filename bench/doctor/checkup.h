/* What a look at the machine found: a list of checks, each good, a warning or bad. */
#ifndef EIE_BENCH_DOCTOR_CHECKUP_H
#define EIE_BENCH_DOCTOR_CHECKUP_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum eie_health {
    EIE_HEALTH_GOOD,
    EIE_HEALTH_WARNING, /* numbers come out, and something about them must be known */
    EIE_HEALTH_BAD      /* would spoil a run, or the rows that the check names */
};

struct eie_check {
    char name[96]; /* "governor", "library peers_mkl", "device NAME" */
    enum eie_health health;
    char seen[640]; /* one line */
    char mend[320]; /* the command that mends it, or what to do where none can; "" where good */
};

#define EIE_CHECKS_MAX 96u

/* Zeroed is an empty one. What does not fit any more is left out. */
struct eie_checkup {
    uint32_t count;
    struct eie_check all[EIE_CHECKS_MAX];
};

/* Adds a check; `mend` is "" where it is good. Control characters are replaced. */
void eie_checkup_add(struct eie_checkup *checkup, const char *name, enum eie_health health,
                     const char *mend, const char *format, ...) EIE_PRINTF(5, 6);

/* A warning: its share of the time was over before it was done. */
void eie_checkup_add_late(struct eie_checkup *checkup, const char *name);

/* "good", "warning", "bad". */
const char *eie_health_word(enum eie_health health);

/* The worst of all; good where there is none. */
enum eie_health eie_checkup_worst(const struct eie_checkup *checkup);

uint32_t eie_checkup_count(const struct eie_checkup *checkup, enum eie_health health);

/* [{"check", "state", "seen", "mend"}], without "mend" where it is good. */
json_t *eie_checkup_json(const struct eie_checkup *checkup);

#endif
