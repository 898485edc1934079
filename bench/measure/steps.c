#include "bench/measure/steps.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK     SIGUSR1 /* the child raises it before each part and after the last */
#define EXIT_NOT 127     /* of a child that nobody may trace */

enum { PARTS = 3 }; /* the first binds what is bound late, the second is what marks cost */

static void nothing(void *context)
{
    (void)context;
}

_Noreturn static void be_traced(void (*work)(void *context), void *context)
{
    void (*const volatile parts[PARTS])(void *) = {nothing, nothing, work};
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(EXIT_NOT);
    raise(SIGSTOP);
    for (int i = 0; i < PARTS; i++) {
        raise(MARK);
        parts[i](context);
    }
    raise(MARK);
    _exit(0);
}

/* Waits until the child stops; the signal, or 0 where there is no child any more. */
static int await_stop(pid_t child, int *code)
{
    while (waitpid(child, code, 0) < 0)
        if (errno != EINTR) return *code = 0;
    return WIFSTOPPED(*code) ? WSTOPSIG(*code) : 0;
}

static enum eie_status ended(int code, struct eie_error *error)
{
    if (WIFSTOPPED(code))
        return eie_fail(error, EIE_SYSTEM, "the call was ended by signal %d (%s)", WSTOPSIG(code),
                        strsignal(WSTOPSIG(code)));
    if (WIFEXITED(code) && WEXITSTATUS(code) == EXIT_NOT)
        return eie_fail(error, EIE_MISSING, "this process may not trace another (ptrace)");
    return eie_fail(error, EIE_SYSTEM, "the call ended its process");
}

/* Goes through the parts; `steps` of each. Parts before the second are not stepped through. */
static enum eie_status step_through(pid_t child, uint64_t steps[PARTS], struct eie_error *error)
{
    int code, signal, part = -1;
    signal = await_stop(child, &code);
    if (signal != SIGSTOP) return ended(code, error);
    if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL) != 0)
        return eie_fail(error, EIE_MISSING, "this process may not trace another (ptrace: %s)",
                        strerror(errno));
    while (part < PARTS) {
        const bool counts = part > 0;
        if (ptrace(counts ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL) != 0)
            return eie_fail(error, EIE_MISSING, "no single steps here (ptrace: %s)",
                            strerror(errno));
        signal = await_stop(child, &code);
        if (signal == MARK)
            part++;
        else if (counts && signal == SIGTRAP)
            steps[part]++;
        else
            return ended(code, error);
    }
    return EIE_OK;
}

enum eie_status eie_steps_count(void (*work)(void *context), void *context, uint64_t *steps,
                                struct eie_error *error)
{
    uint64_t of_part[PARTS] = {0};
    int code;
    const pid_t child = fork();
    if (child == 0) be_traced(work, context);
    if (child < 0) return eie_fail(error, EIE_SYSTEM, "no process of its own: %s", strerror(errno));
    const enum eie_status status = step_through(child, of_part, error);
    kill(child, SIGKILL);
    while (waitpid(child, &code, 0) < 0 && errno == EINTR) continue;
    if (status) return status;
    if (of_part[2] < of_part[1])
        return eie_fail(error, EIE_SYSTEM, "fewer steps than none were counted");
    *steps = of_part[2] - of_part[1];
    return EIE_OK;
}
