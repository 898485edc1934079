/* Whole files: read into memory with a limit, written under a temporary name and renamed, so that a
 * reader never sees half a file and a failed write leaves what was there. */
#ifndef EIE_HOST_BASE_FILE_H
#define EIE_HOST_BASE_FILE_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct eie_bytes {
    uint8_t *data; /* 64-byte aligned, one 0 byte behind the end; NULL when not read */
    size_t size;
};

#define EIE_PIPE_MAX (UINT64_C(1) << 31) /* bytes; or a quarter of the memory, if that is less */

/* Reads `path` whole. EIE_INPUT: no such file, a folder, a device, a pipe that nobody writes to,
 * larger than `limit` bytes, or than EIE_PIPE_MAX what is no regular file, or than the memory what
 * is one; EIE_SYSTEM: no permission or a read error; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_file_read(const char *path, size_t limit, struct eie_bytes *bytes,
                                           struct eie_error *error);
void eie_bytes_free(struct eie_bytes *bytes);

/* Begin, write to ->stream, then commit or abandon exactly once. A path that names something other
 * than a regular file (/dev/stdout, a pipe) is written directly, and so is the process's own
 * standard output or error; of a symbolic link the target is replaced. EIE_USAGE: an empty path, a
 * folder; EIE_SYSTEM on any other failure: no permission, no such folder, disk full; after a failed
 * commit nothing is left behind. At most 16 outputs are under way at a time. */
struct eie_output {
    FILE *stream;
    char *path, *temporary; /* temporary: NULL when written directly */
};
EIE_MUST_USE enum eie_status eie_output_begin(const char *path, struct eie_output *output,
                                              struct eie_error *error);
EIE_MUST_USE enum eie_status eie_output_commit(struct eie_output *output, struct eie_error *error);
void eie_output_abandon(struct eie_output *output); /* after a failed or finished commit: no-op */

/* Where `path` (NULL is fine) is the process's own standard output, its document is to be alone
 * there: from here on all that is printed on standard output goes to standard error, and outputs of
 * this very path go where standard output led. To be called before anything is printed. EIE_USAGE
 * where another path has taken standard output already. */
EIE_MUST_USE enum eie_status eie_output_claim(const char *path, struct eie_error *error);
bool eie_output_claimed(void);

/* Whether outputs of this path are written directly, so that what is there afterwards need not be
 * the document alone, or cannot be read. */
bool eie_output_is_direct(const char *path);

/* For a file that is written over and over: only one process at a time has the lock beside it, and
 * no longer than it lives. EIE_SYSTEM, naming the process that has it. Where the file system has no
 * locks, or `path` is no regular file, there is none. */
struct eie_output_lock {
    int file;   /* -1: none */
    char *path; /* of the lock itself */
};
EIE_MUST_USE enum eie_status eie_output_lock_take(const char *path, struct eie_output_lock *lock,
                                                  struct eie_error *error);
void eie_output_lock_leave(struct eie_output_lock *lock); /* {-1, NULL} is fine */

/* Removes the temporary files and the locks that are in use; for a handler of SIGINT or SIGTERM
 * (calls only unlink). */
void eie_output_unlink_pending(void);

/* Removes what outputs of processes that were killed left in the folder of `path`: temporary files
 * whose process is gone. A process on another machine that writes into the same folder looks gone,
 * so only files older than a minute count. */
void eie_output_sweep(const char *path);

/* The program's own file, as an absolute path; also where /proc is not mounted, while the process
 * is in the folder where it began. `path` has PATH_MAX bytes. EIE_SYSTEM when it cannot be told. */
EIE_MUST_USE enum eie_status eie_program_path(char *path, struct eie_error *error);

/* Folder of the program's plain data (suites, devices, tables): $EIE_DATA_DIR, else data/ beside
 * the executable, else ../share/eiebench/data, else ../../data (a build tree). The string lives
 * until the process ends. EIE_INPUT when none of them is there. */
EIE_MUST_USE enum eie_status eie_data_dir(const char **path, struct eie_error *error);

#endif
