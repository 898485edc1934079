#include "bench/measure/callgrind.h"
#include "host/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM       "valgrind"
#define COUNTS        "counts"
#define SAID          "said"
#define PATH_BYTES    4096
#define COUNTS_MAX    (64u << 20)
#define ARGUMENTS_MAX 64
#define EXIT_NOT      127 /* of a child that could not become another program */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

bool eie_callgrind_is_here(void)
{
#ifdef SANITIZED
    return false;
#else
    const char *folders = getenv("PATH");
    char path[PATH_BYTES];
    while (folders && *folders) {
        const size_t length = strcspn(folders, ":");
        const int size = snprintf(path, sizeof path, "%.*s/" PROGRAM, (int)length, folders);
        if (length && size < (int)sizeof path && access(path, X_OK) == 0) return true;
        folders += length + (folders[length] == ':');
    }
    return false;
#endif
}

/* A folder of its own for the files of one run. */
struct place {
    char folder[PATH_BYTES], counts[PATH_BYTES + 16], said[PATH_BYTES + 16];
};

static enum eie_status place_make(struct place *place, struct eie_error *error)
{
    const char *above = getenv("TMPDIR");
    if (!above || !*above) above = "/tmp";
    const int size = snprintf(place->folder, sizeof place->folder, "%s/eie-count-XXXXXX", above);
    if (size >= (int)sizeof place->folder || !mkdtemp(place->folder))
        return eie_fail(error, EIE_SYSTEM, "no folder of its own below %s: %s", above,
                        strerror(errno));
    snprintf(place->counts, sizeof place->counts, "%s/" COUNTS, place->folder);
    snprintf(place->said, sizeof place->said, "%s/" SAID, place->folder);
    return EIE_OK;
}

static void place_remove(const struct place *place)
{
    unlink(place->counts);
    unlink(place->said);
    rmdir(place->folder);
}

_Noreturn static void become(const struct place *place, const char *const *arguments,
                             const char *function, pid_t parent)
{
    char out[PATH_BYTES + 64], toggle[256];
    const char *words[ARGUMENTS_MAX] = {PROGRAM, "-q",  "--tool=callgrind", "--collect-atstart=no",
                                        out,     toggle};
    size_t count = 6;
    const int said = open(place->said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int null = open("/dev/null", O_WRONLY);
    /* a % in callgrind's file names begins a pattern; TMPDIR may have one */
    int at = snprintf(out, sizeof out, "--callgrind-out-file=");
    for (const char *c = place->counts; *c && at < (int)sizeof out - 3; c++) {
        if (*c == '%') out[at++] = '%';
        out[at++] = *c;
    }
    out[at] = 0;
    snprintf(toggle, sizeof toggle, "--toggle-collect=%s", function);
    while (*arguments && count < ARGUMENTS_MAX - 1) words[count++] = *arguments++;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || said < 0 || null < 0 ||
        *arguments)
        _exit(EXIT_NOT);
    dup2(null, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    execvp(PROGRAM, (char *const *)(void *)words);
    _exit(EXIT_NOT);
}

/* The last line that the program said; "" for none. */
static void last_line(const char *path, char *line, size_t size)
{
    struct eie_bytes bytes;
    *line = 0;
    if (eie_file_read(path, COUNTS_MAX, &bytes, NULL)) return;
    char *text = (char *)bytes.data;
    size_t end = bytes.size;
    while (end && (text[end - 1] == '\n')) text[--end] = 0;
    const char *begin = strrchr(text, '\n');
    snprintf(line, size, "%s", begin ? begin + 1 : text);
    eie_bytes_free(&bytes);
}

/* The file's line "totals: N" says what was collected of all. */
static enum eie_status read_total(const char *path, uint64_t *total, struct eie_error *error)
{
    struct eie_bytes bytes;
    enum eie_status status = eie_file_read(path, COUNTS_MAX, &bytes, error);
    if (status) return status;
    const char *line = strstr((const char *)bytes.data, "\ntotals: ");
    *total = line ? strtoull(line + strlen("\ntotals: "), NULL, 10) : 0;
    eie_bytes_free(&bytes);
    return EIE_OK;
}

enum eie_status eie_callgrind_count(const char *const *arguments, const char *function,
                                    uint64_t *instructions, struct eie_error *error)
{
    struct place place;
    char line[512];
    int code = 0;
    if (!eie_callgrind_is_here())
        return eie_fail(error, EIE_MISSING,
                        "no valgrind here, or none for a build with a sanitizer");
    enum eie_status status = place_make(&place, error);
    if (status) return status;
    const pid_t parent = getpid(), child = fork();
    if (child == 0) become(&place, arguments, function, parent);
    if (child < 0) {
        place_remove(&place);
        return eie_fail(error, EIE_SYSTEM, "no process for valgrind: %s", strerror(errno));
    }
    while (waitpid(child, &code, 0) < 0 && errno == EINTR) continue;
    last_line(place.said, line, sizeof line);
    if (!WIFEXITED(code) || WEXITSTATUS(code) != 0)
        status = eie_fail(error, EIE_SYSTEM, "under valgrind: %s",
                          *line ? line : "ended without a word");
    else
        status = read_total(place.counts, instructions, error);
    if (!status && !*instructions)
        status = eie_fail(error, EIE_SYSTEM, "valgrind saw no call of %s", function);
    place_remove(&place);
    return status;
}
