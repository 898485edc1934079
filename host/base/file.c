#include "host/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ALIGNMENT      64u
#define SWEEP_AGE_S    60
#define FIRST_CAPACITY 65536u /* where the size is not known beforehand */
#define PIPE_WAIT_MS   5000   /* for the first writer of a named pipe */

/* What to do about an errno value, beside the system's own words for it. */
static const char *advice(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
        return ": free some space or name another folder";
    case EFBIG:
        return ": raise the limit (ulimit -f)";
    case EACCES:
    case EPERM:
        return ": change the permissions or name another place";
    case EROFS:
        return ": name another folder";
    case ENOENT:
    case ENOTDIR:
        return ": check the spelling, create the folder first";
    case EMFILE:
    case ENFILE:
        return ": raise the limit (ulimit -n)";
    default:
        return "";
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum eie_status read_failed(const char *path, int code, struct eie_error *error)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return eie_fail(error, EIE_INPUT, "%s: %s: check the spelling", path, strerror(code));
    case EISDIR:
        return eie_fail(error, EIE_INPUT, "%s: is a folder, not a file", path);
    case ENXIO:
        return eie_fail(error, EIE_INPUT, "%s: is not a file that can be read", path);
    default:
        return eie_fail(error, EIE_SYSTEM, "%s: cannot be read: %s%s", path, strerror(code),
                        advice(code));
    }
}

/* Room for `capacity` bytes and a 0 behind them; moves what is there. */
static bool grow(struct eie_bytes *bytes, size_t capacity)
{
    if (capacity >= SIZE_MAX - ALIGNMENT) return false;
    uint8_t *larger = aligned_alloc(ALIGNMENT, (capacity / ALIGNMENT + 1) * ALIGNMENT);
    if (larger == NULL) return false;
    if (bytes->size > 0) memcpy(larger, bytes->data, bytes->size);
    free(bytes->data);
    bytes->data = larger;
    return true;
}

static size_t physical_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX;
}

/* Whether a read that found nothing in a pipe is to be tried again. One that nobody writes to would
 * be waited for without an end, so it is opened without waiting: the first writer has a moment to
 * come, and what that one writes is waited for as everywhere. */
static bool pipe_goes_on(int file, bool has_writer, bool *waited)
{
    struct pollfd event = {file, POLLIN, 0};
    if (!has_writer && *waited) return false;
    while (poll(&event, 1, has_writer ? -1 : PIPE_WAIT_MS) < 0 && errno == EINTR) continue;
    *waited = true;
    return true;
}

/* What may be read of this kind of file; `info` is its. EIE_INPUT for what is none or never ends.
 */
static enum eie_status check_kind(const char *path, int file, const struct stat *info,
                                  size_t *limit, struct eie_error *error)
{
    const size_t memory = physical_memory();
    if (S_ISDIR(info->st_mode)) return read_failed(path, EISDIR, error);
    if (S_ISREG(info->st_mode)) {
        if ((uint64_t)info->st_size > memory && (uint64_t)info->st_size <= *limit)
            return eie_fail(error, EIE_INPUT, "%s: %llu bytes are more than this machine's memory",
                            path, (unsigned long long)info->st_size);
        return EIE_OK;
    }
    const size_t most = memory / 4 < EIE_PIPE_MAX ? memory / 4 : EIE_PIPE_MAX;
    if (*limit > most) *limit = most;
    if (S_ISCHR(info->st_mode) && !isatty(file)) *limit = 0; /* /dev/null is an empty file */
    return S_ISBLK(info->st_mode) ? eie_fail(error, EIE_INPUT, "%s: is a device, not a file", path)
                                  : EIE_OK;
}

static enum eie_status too_large(const char *path, const struct stat *info, size_t limit,
                                 struct eie_error *error)
{
    if (S_ISCHR(info->st_mode) && limit == 0)
        return eie_fail(error, EIE_INPUT, "%s: is a device, not a file", path);
    return eie_fail(error, EIE_INPUT, "%s: larger than the %zu bytes that may be read here%s", path,
                    limit, S_ISREG(info->st_mode) ? "" : ": write it to a file first");
}

enum eie_status eie_file_read(const char *path, size_t limit, struct eie_bytes *bytes,
                              struct eie_error *error)
{
    enum eie_status status;
    struct stat info;
    int file;

    *bytes = (struct eie_bytes){0};
    do file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (file < 0 && errno == EINTR);
    if (file < 0) return read_failed(path, errno, error);
    status = fstat(file, &info) != 0 ? read_failed(path, errno, error)
                                     : check_kind(path, file, &info, &limit, error);
    if (status != EIE_OK) goto end;

    /* One byte more than the limit, to see that there is more; sizes only are hints: a file may
     * grow while it is read, and those of /proc say 0. */
    const size_t most = limit < SIZE_MAX ? limit + 1 : limit;
    const bool sized = S_ISREG(info.st_mode) && info.st_size > 0;
    const bool is_pipe = S_ISFIFO(info.st_mode);
    bool waited = false;
    size_t capacity = sized ? (size_t)info.st_size + 1 : FIRST_CAPACITY;
    if (capacity > most) capacity = most;
    for (bool more = !(sized && (uint64_t)info.st_size > limit); more;) {
        if (bytes->size == capacity) capacity = capacity > most / 2 ? most : 2 * capacity;
        if ((bytes->data == NULL || bytes->size > 0) && !grow(bytes, capacity)) {
            status = eie_fail(error, EIE_MEMORY, "%s: out of memory for %zu bytes", path, capacity);
            goto end;
        }
        while (bytes->size < capacity && more) {
            const ssize_t got = read(file, bytes->data + bytes->size, capacity - bytes->size);
            const bool blocked = got < 0 && errno == EAGAIN;
            if ((blocked || (got == 0 && is_pipe && bytes->size == 0)) &&
                pipe_goes_on(file, blocked, &waited))
                continue;
            if (got < 0 && errno != EINTR) {
                status = read_failed(path, errno, error);
                goto end;
            }
            if (got > 0) bytes->size += (size_t)got;
            more = got != 0;
        }
        if (bytes->size > limit) break;
    }
    if (bytes->size > limit || bytes->data == NULL) {
        status = too_large(path, &info, limit, error);
        goto end;
    }
    if (is_pipe && bytes->size == 0) {
        status = eie_fail(error, EIE_INPUT, "%s: is a pipe that nobody writes to", path);
        goto end;
    }
    bytes->data[bytes->size] = 0;
end:
    close(file);
    if (status != EIE_OK) eie_bytes_free(bytes);
    return status;
}

void eie_bytes_free(struct eie_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct eie_bytes){0};
}

/* ---- temporaries under way ------------------------------------------------------------------ */

/* A signal's handler reads the table in the midst of anything: slots are static, and only their
 * states change hands. */
enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_SET };
static struct slot {
    _Atomic int state;
    pid_t owner; /* a child that inherited the table has no file in it */
    char path[PATH_MAX];
} slots[16];

static bool slot_move(struct slot *slot, int from, int to)
{
    return atomic_compare_exchange_strong(&slot->state, &from, to);
}

static struct slot *slot_take(void)
{
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (slot_move(&slots[i], SLOT_FREE, SLOT_BUSY)) {
            slots[i].owner = getpid();
            return &slots[i];
        }
    return NULL;
}

static void slot_leave(struct slot *slot, int to)
{
    const int code = errno;
    while (!slot_move(slot, SLOT_SET, to)) sched_yield(); /* a handler on another thread is at it */
    errno = code;
}

static void slot_release(char *temporary)
{
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (temporary == slots[i].path) slot_leave(&slots[i], SLOT_FREE);
}

void eie_output_unlink_pending(void)
{
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (slot_move(&slots[i], SLOT_SET, SLOT_BUSY)) {
            if (slots[i].owner == getpid()) unlink(slots[i].path);
            atomic_store(&slots[i].state, SLOT_SET);
        }
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum eie_status write_failed(const char *path, int code, struct eie_error *error)
{
    return eie_fail(error, EIE_SYSTEM, "%s: cannot be written: %s%s", path, strerror(code),
                    advice(code));
}

/* Creates a file of a new name in the folder of output->path, with the mode that umask leaves. The
 * name does not depend on the target's, which may be as long as names can be. */
static int create_temporary(struct eie_output *output)
{
    static _Atomic unsigned counter;
    const char *slash = strrchr(output->path, '/');
    const int folder = slash == NULL ? 0 : (int)(slash + 1 - output->path);
    struct slot *slot = slot_take();
    int file = -1;

    if (slot == NULL) {
        errno = EMFILE;
        return -1;
    }
    do {
        const int length = snprintf(slot->path, sizeof slot->path, "%.*s.eie-%ld-%u.tmp", folder,
                                    output->path, (long)getpid(), atomic_fetch_add(&counter, 1));
        if (length < 0 || (size_t)length >= sizeof slot->path) {
            errno = ENAMETOOLONG;
            break;
        }
        atomic_store(&slot->state, SLOT_SET); /* before: a signal may come right behind open */
        file = open(slot->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0) slot_leave(slot, SLOT_BUSY);
    } while (file < 0 && (errno == EEXIST || errno == EINTR));
    if (file >= 0)
        output->temporary = slot->path;
    else
        atomic_store(&slot->state, SLOT_FREE);
    return file;
}

/* What standard output was before a document took it. */
static int claimed = -1;
static char *claimed_path;

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The names of standard output lead to standard error meanwhile. */
static bool leads_to_claimed(const char *path, const struct stat *info)
{
    static const char *const names[] = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
    struct stat own;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(path, names[i]) == 0) return true;
    return strcmp(path, claimed_path) == 0 || (fstat(claimed, &own) == 0 && same_file(info, &own));
}

enum eie_status eie_output_claim(const char *path, struct eie_error *error)
{
    struct stat named, own, empty;
    if (path == NULL || stat(path, &named) != 0) return EIE_OK;
    if (claimed >= 0) {
        if (!leads_to_claimed(path, &named)) return EIE_OK;
        return eie_fail(error, EIE_USAGE, "%s: standard output takes only one document", path);
    }
    if (fstat(STDOUT_FILENO, &own) != 0 || !same_file(&named, &own)) return EIE_OK;
    if (stat("/dev/null", &empty) == 0 && same_file(&named, &empty)) return EIE_OK;
    fflush(stdout);
    claimed_path = strdup(path);
    claimed = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (claimed_path == NULL || claimed < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return write_failed(path, errno, error);
    return EIE_OK;
}

bool eie_output_claimed(void)
{
    return claimed >= 0;
}

/* A descriptor to write `path` directly. The process's own standard output or error is continued
 * where it stands, not reopened: it may be a regular file, or a socket. -1 and errno 0: no need
 * to, the path is free or names a regular file. */
static int open_direct(const char *path, const struct stat *info)
{
    if (claimed >= 0 && leads_to_claimed(path, info)) return fcntl(claimed, F_DUPFD_CLOEXEC, 3);
    for (int standard = STDOUT_FILENO; standard <= STDERR_FILENO; standard++) {
        struct stat own;
        if (fstat(standard, &own) == 0 && same_file(&own, info)) {
            if (standard == STDOUT_FILENO) fflush(stdout);
            return fcntl(standard, F_DUPFD_CLOEXEC, 3);
        }
    }
    errno = 0;
    return S_ISREG(info->st_mode) ? -1 : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

bool eie_output_is_direct(const char *path)
{
    struct stat info, own;
    if (stat(path, &info) != 0) return false;
    if (!S_ISREG(info.st_mode) || (claimed >= 0 && leads_to_claimed(path, &info))) return true;
    for (int standard = STDOUT_FILENO; standard <= STDERR_FILENO; standard++)
        if (fstat(standard, &own) == 0 && same_file(&own, &info)) return true;
    return false;
}

enum eie_status eie_output_begin(const char *path, struct eie_output *output,
                                 struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    const size_t length = strlen(path);
    struct stat info;
    int file = -1;

    *output = (struct eie_output){0};
    if (length == 0) return eie_fail(error, EIE_USAGE, "the name of the file to write is empty");
    const bool exists = stat(path, &info) == 0;
    if (path[length - 1] == '/' || (exists && S_ISDIR(info.st_mode)))
        return eie_fail(error, EIE_USAGE, "%s: is a folder: name a file in it", path);

    if (!exists && errno != ENOENT) return write_failed(path, errno, error);

    errno = 0;
    if (exists) file = open_direct(path, &info);
    const bool direct = file >= 0;
    if (!direct && errno != 0) {
        status = write_failed(path, errno, error);
        goto end;
    }
    /* Through links: the file is replaced, the link that leads to it stays. */
    output->path = exists && !direct ? realpath(path, NULL) : strdup(path);
    if (output->path == NULL || (exists && !direct && access(path, W_OK) != 0)) {
        status = write_failed(path, errno, error);
        goto end;
    }
    if (!direct) file = create_temporary(output);
    if (file < 0 || (output->stream = fdopen(file, "w")) == NULL)
        status = write_failed(path, errno, error);
end:
    if (status != EIE_OK) {
        if (file >= 0) close(file);
        eie_output_abandon(output);
    }
    return status;
}

/* Everything to the disk, then the stream closed; 0 or the errno of the first failure. */
static int finish_stream(const struct eie_output *output)
{
    int code = 0;

    errno = 0;
    if (fflush(output->stream) != 0)
        code = errno;
    else if (ferror(output->stream)) /* an earlier write; its errno is gone, but another tells */
        code = output->temporary != NULL && write(fileno(output->stream), "", 1) < 0 ? errno : EIO;
    else if (output->temporary != NULL && fsync(fileno(output->stream)) != 0 && errno != EINVAL)
        code = errno;
    if (fclose(output->stream) != 0 && code == 0) code = errno;
    return code;
}

enum eie_status eie_output_commit(struct eie_output *output, struct eie_error *error)
{
    enum eie_status status = EIE_OK;

    if (output->stream == NULL)
        return eie_fail(error, EIE_SYSTEM, "an output was committed that is not open");
    int code = finish_stream(output);
    output->stream = NULL;
    if (code == 0 && output->temporary != NULL && rename(output->temporary, output->path) != 0)
        code = errno;
    if (code != 0)
        status = write_failed(output->path, code, error);
    else if (output->temporary != NULL) {
        slot_release(output->temporary);
        output->temporary = NULL;
    }
    eie_output_abandon(output);
    return status;
}

void eie_output_abandon(struct eie_output *output)
{
    if (output->stream != NULL) fclose(output->stream);
    if (output->temporary != NULL) {
        unlink(output->temporary);
        slot_release(output->temporary);
    }
    free(output->path);
    *output = (struct eie_output){0};
}

/* ---- locks ---------------------------------------------------------------------------------- */

/* The lock of "folder/name" is "folder/.name.lock"; of a link, that of its target. */
static bool lock_path(const char *path, char *lock)
{
    char target[PATH_MAX];
    if (realpath(path, target) == NULL &&
        (size_t)snprintf(target, sizeof target, "%s", path) >= sizeof target)
        return false;
    const char *slash = strrchr(target, '/');
    const int folder = slash == NULL ? 0 : (int)(slash + 1 - target);
    return (size_t)snprintf(lock, PATH_MAX, "%.*s.%.200s.lock", folder, target, target + folder) <
           PATH_MAX;
}

#define DYING_S 10 /* children of a process that was killed end a moment after it */

/* The process that a lock names; 0: nobody. */
static long holder_of(int file)
{
    char text[32] = "";
    return pread(file, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static bool is_gone(long process)
{
    return process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

/* False with `holder` where another process has it; true with *file -1 where there can be no lock,
 * errno saying why. A lock that its holder removed in between is made again. */
static bool try_lock(const char *path, int *file, long *holder)
{
    const struct timespec moment = {0, 20000000};
    struct stat here, there;
    for (int waits = 0;;) {
        *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (*file < 0) return true;
        if (flock(*file, LOCK_EX | LOCK_NB) == 0) {
            if (fstat(*file, &here) == 0 && stat(path, &there) == 0 && same_file(&here, &there))
                return true;
        } else {
            const bool taken = errno == EWOULDBLOCK;
            *holder = holder_of(*file);
            if (!taken || !is_gone(*holder) || waits++ == DYING_S * 50) {
                if (!taken) unlink(path); /* no locks here: nothing is left behind */
                close(*file);
                *file = -1;
                errno = 0;
                return !taken;
            }
            nanosleep(&moment, NULL);
        }
        close(*file);
    }
}

enum eie_status eie_output_lock_take(const char *path, struct eie_output_lock *lock,
                                     struct eie_error *error)
{
    struct stat info;
    long holder = 0;
    *lock = (struct eie_output_lock){-1, NULL};
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) return EIE_OK;
    struct slot *slot = slot_take();
    if (slot == NULL) return write_failed(path, EMFILE, error);
    errno = ENAMETOOLONG;
    const bool mine = !lock_path(path, slot->path) || try_lock(slot->path, &lock->file, &holder);
    if (lock->file >= 0) {
        atomic_store(&slot->state, SLOT_SET);
        lock->path = slot->path;
        if (ftruncate(lock->file, 0) == 0) dprintf(lock->file, "%ld\n", (long)getpid());
        return EIE_OK;
    }
    const int code = errno;
    atomic_store(&slot->state, SLOT_FREE);
    if (mine) return code == 0 ? EIE_OK : write_failed(path, code, error);
    return eie_fail(error, EIE_SYSTEM,
                    "%s: is being written by process %ld: wait for it, or name another file", path,
                    holder);
}

void eie_output_lock_leave(struct eie_output_lock *lock)
{
    if (lock->file < 0) return;
    unlink(lock->path);
    slot_release(lock->path);
    close(lock->file);
    *lock = (struct eie_output_lock){-1, NULL};
}

/* ---- leftovers ------------------------------------------------------------------------------ */

static void sweep_one(int folder, const char *name)
{
    struct stat info;
    char *end = NULL;

    if (strncmp(name, ".eie-", 5) != 0) return;
    const long process = strtol(name + 5, &end, 10);
    const char *rest = end != NULL && *end == '-' ? end + 1 + strspn(end + 1, "0123456789") : "";
    if (process <= 0 || strcmp(rest, ".tmp") != 0) return;
    if (kill((pid_t)process, 0) == 0 || errno != ESRCH) return;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode) ||
        time(NULL) - info.st_mtime < SWEEP_AGE_S)
        return;
    unlinkat(folder, name, 0);
}

void eie_output_sweep(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 0 : (int)(slash + 1 - path);

    if ((size_t)length >= sizeof folder) return;
    snprintf(folder, sizeof folder, "%.*s", length, path);
    DIR *entries = opendir(length > 0 ? folder : ".");
    if (entries == NULL) return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        sweep_one(dirfd(entries), entry->d_name);
    closedir(entries);
}

/* ---- the program and its data --------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

enum eie_status eie_program_path(char *path, struct eie_error *error)
{
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (length > 0) {
        path[length] = '\0';
        return EIE_OK;
    }
    const char *name = (const char *)getauxval(AT_EXECFN); /* as execve was given it */
    if (name != NULL && realpath(name, path) != NULL) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "the program's own file is not known: is /proc mounted?");
}

/* Fills `found` (PATH_MAX bytes). */
static enum eie_status find_data(char *found, struct eie_error *error)
{
    static const char *const places[] = {"data", "../share/eiebench/data", "../../data"};
    const char *named = getenv("EIE_DATA_DIR");
    char program[PATH_MAX], place[PATH_MAX + 64];

    if (named != NULL && named[0] != '\0') {
        if (is_folder(named) && realpath(named, found) != NULL) return EIE_OK;
        return eie_fail(error, EIE_INPUT, "EIE_DATA_DIR: %s: no such folder", named);
    }
    const enum eie_status status = eie_program_path(program, error);
    if (status != EIE_OK) return status;
    char *slash = strrchr(program, '/');
    if (slash != NULL) *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(place, sizeof place, "%s/%s", program, places[i]);
        if (is_folder(place) && realpath(place, found) != NULL) return EIE_OK;
    }
    return eie_fail(
        error, EIE_INPUT,
        "no data folder beside the program: set EIE_DATA_DIR to the repository's data/");
}

enum eie_status eie_data_dir(const char **path, struct eie_error *error)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char found[PATH_MAX];
    static bool is_found;

    pthread_mutex_lock(&lock);
    const enum eie_status status = is_found ? EIE_OK : find_data(found, error);
    is_found = status == EIE_OK;
    pthread_mutex_unlock(&lock);
    *path = status == EIE_OK ? found : NULL;
    return status;
}
