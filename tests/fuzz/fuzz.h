/* What the fuzz targets share. A target's own rules are checked with FUZZ_MUST, which ends the
 * process in a way that both libFuzzer and the replay notice. */
#ifndef EIE_TESTS_FUZZ_FUZZ_H
#define EIE_TESTS_FUZZ_FUZZ_H

#include "host/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Input from outside is refused as such, with a message of one line. */
static inline void fuzz_refused(enum eie_status status, const struct eie_error *error)
{
    FUZZ_MUST(status == EIE_INPUT);
    FUZZ_MUST(error->message[0] && !strchr(error->message, '\n'));
}

static char fuzz_folder[512], fuzz_path[560];

static inline void fuzz_remove(void)
{
    unlink(fuzz_path);
    rmdir(fuzz_folder);
}

/* The bytes as a file NAME in a folder that goes at exit; the same path at every call. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    if (!*fuzz_folder) {
        const char *base = getenv("TMPDIR");
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/eie-fuzz-XXXXXX",
                 base && *base ? base : P_tmpdir);
        FUZZ_MUST(mkdtemp(fuzz_folder));
        snprintf(fuzz_path, sizeof fuzz_path, "%s/%s", fuzz_folder, name);
        atexit(fuzz_remove);
    }
    FILE *file = fopen(fuzz_path, "wb");
    FUZZ_MUST(file && (!size || fwrite(data, size, 1, file) == 1));
    FUZZ_MUST(!fclose(file));
    return fuzz_path;
}

#endif
