/* The library oneDNN, looked up when it is needed (EIE_ONEDNN names another file to use instead),
 * in version 2 and built with OpenMP. */
#ifndef EIE_KERNELS_PEERS_ONEDNN_H
#define EIE_KERNELS_PEERS_ONEDNN_H

#include "kernels/kernel.h"
#include "kernels/peers/openmp.h"

struct onednn {
    void *handle;
    struct openmp openmp;
    char version[64];     /* "oneDNN 2.6.3" */
    int (*isa)(void);     /* a set of bits */
    const char *isa_name; /* of those that it uses here */
};

/* Was it told to do without AVX2 where the processor has it? Then says so in `text`, beginning with
 * "weak path: ". */
bool onednn_weakness(const struct onednn *onednn, char *text, size_t size);

/* Loads the library once. */
enum eie_status onednn_load(const struct onednn **onednn, struct eie_error *error);

#endif
