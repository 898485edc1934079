/* open() for trees of powercap that were made by hand: before a file `energy_uj` is opened that has
 * a file `watts` beside it, it is rewritten, as a counter that has counted so many watts since
 * CLOCK_MONOTONIC began, from the microjoules in `start` (0 where there is none), modulo
 * `max_energy_range_uj`. Linked into a program, or preloaded. */
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int plain_open(const char *path, int flags, int mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* NaN where there is no such file beside. */
static double number_beside(const char *path, const char *name)
{
    char beside[512], text[64] = "";
    const char *folder = strrchr(path, '/');
    snprintf(beside, sizeof beside, "%.*s/%s", (int)(folder - path), path, name);
    const int file = plain_open(beside, O_RDONLY, 0);
    if (file < 0) return NAN;
    const ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    return got > 0 ? strtod(text, NULL) : NAN;
}

static void drive(const char *path)
{
    char text[32];
    struct timespec now;
    const double watts = number_beside(path, "watts"), start = number_beside(path, "start");
    const double range = number_beside(path, "max_energy_range_uj");
    if (isnan(watts) || clock_gettime(CLOCK_MONOTONIC, &now)) return;
    double uj =
        (isnan(start) ? 0 : start) + watts * ((double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3);
    if (range > 0) uj = fmod(uj, range);
    const int file = plain_open(path, O_WRONLY | O_TRUNC, 0);
    if (file < 0) return;
    const int size = snprintf(text, sizeof text, "%.0f\n", floor(uj));
    if (write(file, text, (size_t)size) != size) abort();
    close(file);
}

static int driven_open(const char *path, int flags, int mode)
{
    static const char name[] = "/energy_uj";
    const size_t length = strlen(path);
    if (length >= sizeof name && !strcmp(path + length - strlen(name), name)) drive(path);
    return plain_open(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return driven_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return driven_open(path, flags, mode);
}
