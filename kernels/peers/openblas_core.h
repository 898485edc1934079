/* Which of its code paths (core types) an OpenBLAS shall run: its own choice, unless that lies
 * below what CPUID offers; then, of its own and of those that CPUID allows, the one whose sgemv and
 * sgemm take the least time, by the product of both, and sum up right. Each is tried in a process
 * of its own, on one thread: a path that crashes, hangs or computes wrong is out, and nothing else.
 * A path must be 5 % faster than the ones before it in the list to be taken.
 *
 * Tried once for a process and all that it forks, before or later. */
#ifndef EIE_KERNELS_PEERS_OPENBLAS_CORE_H
#define EIE_KERNELS_PEERS_OPENBLAS_CORE_H

#include "kernels/peers/openblas_library.h"

/* EIE_OK, or why the library cannot be loaded. */
enum eie_status openblas_choose(const struct openblas *blas, struct openblas_choice *choice,
                                struct eie_error *error);

/* "SkylakeX", "SkylakeX (set; detected Prescott)", "Haswell (preset)". */
void openblas_core_text(const struct openblas_choice *choice, const char *core, char *text,
                        size_t size);

/* Is the code path one of SSE where the processor has AVX2? Then says so in `text`, beginning with
 * "weak path: ", and names the variable that asked for it. */
bool openblas_core_weakness(const struct openblas_choice *choice, const char *core, char *text,
                            size_t size);

#endif
