/* Libraries that bring OpenMP workers. */
#ifndef EIE_KERNELS_PEERS_OPENMP_H
#define EIE_KERNELS_PEERS_OPENMP_H

/* To be called before a library with OpenMP is loaded: its workers shall sleep soon after a call
 * (within some 50 us, as those of host/threads.h), or they take a core from the next kernel of the
 * group. A user's own settings stand. */
void openmp_sleep_soon(void);

#endif
