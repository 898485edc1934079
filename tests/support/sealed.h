/* That memory is read-only: a child process writes to it and must die of that. */
#ifndef EIE_TESTS_SUPPORT_SEALED_H
#define EIE_TESTS_SUPPORT_SEALED_H

#include "host/base/isolate.h"
#include "tests/support/test.h"

#include <signal.h>

static inline void test_spoil(void *context, void *shared)
{
    volatile char *byte = context;
    (void)shared;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would exit instead */
    *byte = (char)(*byte ^ 1);
}

static inline struct eie_ending test_ending_of_write(const void *byte)
{
    struct eie_ending ending;
    struct eie_error error;
    char nothing = 0;
    assert_good(eie_isolate(test_spoil, (void *)(uintptr_t)byte, &nothing, 1, 100, &ending, &error),
                error);
    return ending;
}

/* The first and the last byte of `size`, which is not 0. */
static inline void assert_read_only(const void *bytes, size_t size)
{
    assert_non_null(bytes);
    const char *ends[] = {bytes, (const char *)bytes + size - 1};
    for (int i = 0; i < 2; i++) {
        const struct eie_ending ending = test_ending_of_write(ends[i]);
        if (ending.end != EIE_END_SIGNAL || ending.number != SIGSEGV)
            fail_msg("writing to byte %zu ended with %d, %d", i ? size - 1 : 0, (int)ending.end,
                     ending.number);
    }
}

#endif
