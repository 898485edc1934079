/* Libraries that are looked up when they are needed, so that a program without them still runs. */
#ifndef EIE_HOST_BASE_LIBRARY_H
#define EIE_HOST_BASE_LIBRARY_H

#include "host/base/error.h"

/* Opens the first of the NULL-terminated file names that can be had: in the folders of
 * EIE_LIBRARY_PATH, where the system looks, then in .venv/lib of the repository whose build tree
 * holds the program (`run` installs libraries from PyPI there). NVIDIA's packages keep theirs in
 * python3.N/site-packages/nvidia/PACKAGE/lib below such a folder, and scipy-openblas32 in
 * python3.N/site-packages/scipy_openblas32/lib: there too. `override` names an
 * environment variable that, when set, holds the only file to try. EIE_MISSING with the loader's
 * words. The handle is never closed. */
EIE_MUST_USE enum eie_status eie_library_open(const char *const *names, const char *override,
                                              void **handle, struct eie_error *error);

/* Takes those variables away that make libraries print (MKL_VERBOSE, ONEDNN_VERBOSE, KMP_SETTINGS,
 * ...) or write files (ONEDNN_JIT_DUMP): what they print would stand in what we print, and it costs
 * time in each call. Once, before the first library is opened and before threads are started. */
void eie_libraries_silence(void);

/* EIE_MISSING when the library has no such symbol. */
EIE_MUST_USE enum eie_status eie_library_symbol(void *handle, const char *name, void **symbol,
                                                struct eie_error *error);

/* A symbol, and the address of the pointer that takes it: to a function, or to data. */
struct eie_library_need {
    const char *name;
    void *pointer;
};

/* All of them, up to one without a name. EIE_MISSING at the first that the library lacks. */
EIE_MUST_USE enum eie_status eie_library_symbols(void *handle, const struct eie_library_need *needs,
                                                 struct eie_error *error);

#endif
