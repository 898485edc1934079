#include "host/base/isolate.h"
#include "host/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FINDS_LEAKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FINDS_LEAKS 1
#endif
#endif
#ifdef FINDS_LEAKS
#include <sanitizer/lsan_interface.h>
#include <sys/stat.h>

/* The sanitizer takes what only the parent's other threads hold for lost: those are not there in
 * the child. /proc/self/task has two links, and one for each thread. */
static bool can_find_leaks(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

static void find_leaks(void)
{
    __lsan_do_leak_check();
}
#else
static bool can_find_leaks(void)
{
    return false;
}

static void find_leaks(void) {}
#endif

#define POLL_S                                                                                     \
    0.1 /* how late the end of a child is seen that lent its end of the pipe to others             \
         */

/* Memory of both processes. */
struct border {
    _Atomic bool returned;
    bool finds_leaks;
    alignas(64) unsigned char bytes[];
};

_Noreturn static void be_child(eie_isolated function, void *context, struct border *border,
                               pid_t parent)
{
    /* A handler of the parent's would take away files that are the parent's. */
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (signal(ends[i], SIG_DFL) == SIG_IGN) signal(ends[i], SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    function(context, border->bytes);
    fflush(stdout);
    fflush(stderr);
    if (border->finds_leaks) find_leaks();
    atomic_store(&border->returned, true);
    _exit(0); /* what waits at exit is the parent's */
}

/* Waits for the child; true when it had to be killed. The pipe's other end is the child's: it says
 * at once when that is gone. */
static bool await(pid_t child, int pipe, double limit_s, int *code, bool *lost)
{
    const double end_s = eie_now_s() + limit_s;
    struct pollfd poller = {.fd = pipe, .events = POLLIN};
    for (;;) {
        const pid_t got = waitpid(child, code, WNOHANG);
        *lost = got < 0 && errno != EINTR;
        if (got == child || *lost) return false;
        const double left_s = end_s - eie_now_s();
        if (left_s <= 0) break;
        const double wait_s = poller.fd < 0 ? 0.001 : left_s < POLL_S ? left_s : POLL_S;
        if (poll(&poller, 1, (int)(1000 * wait_s) + 1) > 0) poller.fd = -1;
    }
    kill(child, SIGKILL);
    while (waitpid(child, code, 0) < 0 && errno == EINTR) continue;
    return true;
}

static struct eie_ending judge(const struct border *border, bool hung, int code, double limit_s)
{
    struct eie_ending ending = {.end = EIE_END_RETURNED, .limit_s = limit_s};
    if (hung) {
        ending.end = EIE_END_HUNG;
    } else if (WIFSIGNALED(code)) {
        ending.end = EIE_END_SIGNAL;
        ending.number = WTERMSIG(code);
    } else if (WEXITSTATUS(code) != 0 || !atomic_load(&border->returned)) {
        ending.end = EIE_END_EXIT;
        ending.number = WEXITSTATUS(code);
    }
    return ending;
}

enum eie_status eie_isolate(eie_isolated function, void *context, void *shared, size_t size,
                            double limit_s, struct eie_ending *ending, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    int pipe[2] = {-1, -1}, code = 0;
    bool lost = false;
    struct border *border = mmap(NULL, sizeof *border + size, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (border == MAP_FAILED)
        return eie_fail(error, EIE_MEMORY, "out of memory for a process of its own");
    if (size > 0) memcpy(border->bytes, shared, size);
    if (pipe2(pipe, O_CLOEXEC) != 0) {
        status =
            eie_fail(error, EIE_SYSTEM, "no pipe to a process of its own: %s", strerror(errno));
        goto end;
    }
    border->finds_leaks = can_find_leaks();
    fflush(NULL); /* else the child could print it a second time */
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
        close(pipe[0]);
        be_child(function, context, border, parent);
    }
    if (child < 0) {
        status = eie_fail(error, EIE_SYSTEM, "no process of its own: %s", strerror(errno));
        goto end;
    }
    close(pipe[1]);
    pipe[1] = -1;
    const bool hung = await(child, pipe[0], limit_s, &code, &lost);
    if (lost) {
        status =
            eie_fail(error, EIE_SYSTEM, "how a process ended cannot be told (is SIGCHLD ignored?)");
        goto end;
    }
    if (size > 0) memcpy(shared, border->bytes, size);
    *ending = judge(border, hung, code, limit_s);
end:
    for (int i = 0; i < 2; i++)
        if (pipe[i] >= 0) close(pipe[i]);
    munmap(border, sizeof *border + size);
    return status;
}

void eie_ending_text(const struct eie_ending *ending, char *text, size_t size)
{
    switch (ending->end) {
    case EIE_END_RETURNED:
        snprintf(text, size, "returned");
        break;
    case EIE_END_SIGNAL: {
        const char *name = sigabbrev_np(ending->number), *words = sigdescr_np(ending->number);
        if (name != NULL && words != NULL)
            snprintf(text, size, "SIG%s (%s)", name, words);
        else
            snprintf(text, size, "signal %d", ending->number);
        break;
    }
    case EIE_END_EXIT:
        snprintf(text, size, "ended the process with exit code %d", ending->number);
        break;
    case EIE_END_HUNG:
        snprintf(text, size, "still busy after %g s", ending->limit_s);
        break;
    }
}
