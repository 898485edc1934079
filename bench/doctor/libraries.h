/* Which code the libraries run that kernels are held against: a baseline that runs code of an old
 * processor makes every ratio over it too large. */
#ifndef EIE_BENCH_DOCTOR_LIBRARIES_H
#define EIE_BENCH_DOCTOR_LIBRARIES_H

#include "bench/doctor/checkup.h"
#include "kernels/kernel.h"

/* What a kernel's plan says of its library (results/README.md); "" where it says nothing. */
struct eie_library_said {
    enum eie_status status; /* of loading, preparing and one call */
    char reason[256];       /* where that is not EIE_OK */
    char library[200], core[128], note[256];
};

/* One check for each library that a kernel of the processor looks up, "library FOLDER_LIBRARY": it
 * is loaded and multiplies once, in a process of its own. Takes a second or two where all are
 * there. Those that are not done at `deadline_s` (eie_now_s) are "not measured". EIE_MEMORY,
 * EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_check_libraries(double deadline_s, struct eie_checkup *checkup,
                                                 struct eie_error *error);

/* The judgement alone. */
void eie_check_library(const char *name, const struct eie_library_said *said,
                       struct eie_checkup *checkup);

#endif
