/* The library oneMKL, the paper's own baselines, looked up when it is needed (EIE_MKL names a
 * libmkl_rt to use instead). It chooses its code by the processor: on one that is not Intel's that
 * may be a slower one; the rows say which (eie_library_core). */
#ifndef EIE_KERNELS_PEERS_MKL_H
#define EIE_KERNELS_PEERS_MKL_H

#include "kernels/float_plan.h"

/* Loads the library and finds `name` in it: `function` is the address of a function pointer. */
enum eie_status mkl_probe(const char *name, void *function, struct eie_error *error);

/* Makes the library use the plan's number of threads: another kernel may have changed it. */
void mkl_use_threads(const struct eie_plan *plan);

/* The same for a plan to be; EIE_UNSUPPORTED when the library does not take that number. */
enum eie_status mkl_take_threads(uint32_t threads, struct eie_error *error);

/* Stands in the kernels' tables. */
void mkl_describe(const struct eie_plan *plan, eie_column column, void *context);

#endif
