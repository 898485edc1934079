/* Time as the process spends it, in the place of the C library's: on CLOCK_MONOTONIC, what others
 * take of the processors does not count, and whoever sleeps has slept at once. Linked into a
 * program, or preloaded. */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic long long slept_ns = 1000000000; /* no time at all is suspect */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const clockid_t asked = clock == CLOCK_MONOTONIC ? CLOCK_PROCESS_CPUTIME_ID : clock;
    const int code = (int)syscall(SYS_clock_gettime, asked, now);
    if (code || clock != CLOCK_MONOTONIC) return code;
    const long long ns = now->tv_nsec + slept_ns;
    now->tv_sec += (time_t)(ns / 1000000000);
    now->tv_nsec = (long)(ns % 1000000000);
    return 0;
}

int nanosleep(const struct timespec *asked, struct timespec *left)
{
    (void)left;
    slept_ns += asked->tv_sec * 1000000000LL + asked->tv_nsec;
    return 0;
}
