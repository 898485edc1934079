/* Statuses and messages: every function that can fail returns an eie_status, which must be used,
 * and takes a `struct eie_error *` last, which may be NULL. Libraries never print and never exit.
 */
#ifndef EIE_HOST_BASE_ERROR_H
#define EIE_HOST_BASE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define EIE_MUST_USE __attribute__((warn_unused_result))
#define EIE_PRINTF(format_index, first_index)                                                      \
    __attribute__((format(printf, format_index, first_index)))

enum eie_status {
    EIE_OK = 0,
    EIE_USAGE,       /* the caller asked for something that does not exist or makes no sense */
    EIE_INPUT,       /* data from outside is not what it claims to be */
    EIE_UNSUPPORTED, /* this kernel cannot do this problem, or not on this machine */
    EIE_MISSING,     /* a library or a device is absent; the message names it */
    EIE_MISMATCH,    /* a result differs from the reference */
    EIE_SYSTEM,      /* the machine failed: disk full, no permission, no such device */
    EIE_MEMORY       /* out of memory */
};

struct eie_error {
    char message[1024]; /* one line, no newline at the end: what, where, and what to do */
};

/* Writes the formatted message into `error` (unless it is NULL) and returns `status`. Control
 * characters that come from hostile input are replaced, so that the message stays one line. */
enum eie_status eie_fail(struct eie_error *error, enum eie_status status, const char *format, ...)
    EIE_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* the analyzer does not look into other files: tell it that a failure is never EIE_OK */
#define eie_fail(error, status, ...) ((eie_fail)((error), (status), __VA_ARGS__), (status))
#endif

/* Puts "prefix: " before the message that `error` already holds; returns `status`. */
enum eie_status eie_error_prefix(struct eie_error *error, enum eie_status status,
                                 const char *format, ...) EIE_PRINTF(3, 4);

/* The process exit code of a status: 0 good, 1 mismatch, 2 usage or bad input, 3 machine. A kernel
 * that is unsupported or whose library is missing counts as 3 where it was asked for by name. */
int eie_exit_code(enum eie_status status);

#ifdef __cplusplus
}
#endif

#endif
