/* Runs a function in a child process, so that a crash, an exit or a hang costs the child alone. */
#ifndef EIE_HOST_BASE_ISOLATE_H
#define EIE_HOST_BASE_ISOLATE_H

#include "host/base/error.h"

#include <stddef.h>

/* How an isolated function ended. */
enum eie_end {
    EIE_END_RETURNED, /* it came to its end */
    EIE_END_SIGNAL,   /* a signal ended its process: `number` */
    EIE_END_EXIT,     /* it ended its process before its own end: exit code `number`. An exit(0) in
                         a library is one, and so is what a sanitizer finds */
    EIE_END_HUNG      /* it was still at it after `limit_s` and was killed */
};

struct eie_ending {
    enum eie_end end;
    int number;
    double limit_s;
};

/* Runs in the child. What it leaves in `shared` is what the caller gets back; all else that it
 * changes is gone with the child. */
typedef void (*eie_isolated)(void *context, void *shared);

/* Forks, calls function(context, shared) in the child and waits for it, at most `limit_s` seconds.
 * The child sees the `size` bytes at `shared` as they are now; afterwards the caller finds there
 * what the child wrote, up to the moment when it crashed or was killed. Static strings keep their
 * addresses; other pointers into what the child allocated mean nothing to the caller.
 *
 * The child is a copy of the calling thread alone: it must get a thread pool of its own
 * (eie_pool_get does so). Output that waits in stdio's buffers is written before; what the child
 * prints, a library perhaps, goes to standard error. Ctrl-C ends both.
 * The child dies with the thread that called. In a build with AddressSanitizer, what leaks in the
 * child of a process with one thread is found at its end, and is EIE_END_EXIT.
 *
 * EIE_OK with *ending filled in, however the child ended; EIE_SYSTEM or EIE_MEMORY when there was
 * no child. */
EIE_MUST_USE enum eie_status eie_isolate(eie_isolated function, void *context, void *shared,
                                         size_t size, double limit_s, struct eie_ending *ending,
                                         struct eie_error *error);

/* "SIGSEGV (Segmentation fault)", "ended the process with exit code 0", "still busy after 300 s";
 * "returned" for one that did. */
void eie_ending_text(const struct eie_ending *ending, char *text, size_t size);

#endif
