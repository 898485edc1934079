/* Libraries that bring OpenMP workers. */
#ifndef EIE_KERNELS_PEERS_OPENMP_H
#define EIE_KERNELS_PEERS_OPENMP_H

#include "host/base/error.h"

#include <stdint.h>

/* To be called before a library with OpenMP is loaded: its workers shall sleep soon after a call
 * (within some 50 us, as those of host/machine/threads.h, or a millisecond where no less can be
 * asked for), or they take a core from the next kernel of the group. A user's own settings stand.
 */
void openmp_sleep_soon(void);

/* What is used of a runtime. GNU's has it all, and Intel's and LLVM's offer the same names. */
struct openmp {
    void (*set_threads)(int);
    void (*set_dynamic)(int);
    int (*team)(void);
    int (*worker)(void);
    void (*parallel)(void (*work)(void *), void *context, unsigned threads, unsigned flags);
    void (*barrier)(void);
};

/* The runtime that the calls of the library `handle` reach. EIE_MISSING when there is none. */
enum eie_status openmp_find(void *handle, struct openmp *openmp, struct eie_error *error);

/* Makes teams of that size from the calling thread, and asks one how large it is.
 * EIE_UNSUPPORTED when it is smaller, with the variable that sets the limit where one does. */
enum eie_status openmp_take_threads(const struct openmp *openmp, uint32_t threads,
                                    struct eie_error *error);

#endif
