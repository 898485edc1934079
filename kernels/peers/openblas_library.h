/* The functions of an OpenBLAS, looked up when they are needed, and which of its code paths it was
 * told to run. */
#ifndef EIE_KERNELS_PEERS_OPENBLAS_LIBRARY_H
#define EIE_KERNELS_PEERS_OPENBLAS_LIBRARY_H

#include "kernels/float_plan.h"
#include "kernels/peers/openmp.h"

struct openblas_choice {
    bool known;        /* the rest is filled in */
    char set[24];      /* to be set in OPENBLAS_CORETYPE for loading; "" to leave it as it is */
    char detected[24]; /* the library's own choice; "" where the user has set another */
    char tried[256];   /* all paths with their times over the fastest's, or what came of them; ""
                          where none was tried */
};

struct openblas {
    const char *names[3], *override, *prefix; /* of files; EIE_...; of functions */
    void *handle;
    void (*set_threads)(int);
    int (*get_threads)(void);
    char *(*config)(void);
    char *(*core)(void);
    cblas_sgemv sgemv;
    cblas_sgemm sgemm;
    struct openmp openmp; /* where it was built with it, else all NULL */
    struct openblas_choice choice;
};

extern struct openblas openblas_system; /* EIE_OPENBLAS names another file to use instead */
extern struct openblas openblas_scipy;  /* EIE_SCIPY_OPENBLAS */

/* Loads it as it is: what openblas_probe (kernels/peers/openblas.h) does once the code path is
 * chosen. Without cblas_sgemv or cblas_sgemm that function is NULL. */
enum eie_status openblas_load(struct openblas *blas, struct eie_error *error);

/* Looks up one more function, without the prefix in its name. EIE_MISSING. */
enum eie_status openblas_find(const struct openblas *blas, const char *name, void *function,
                              struct eie_error *error);

#endif
