/* What the unit tests share: cmocka with what it needs before it, checks of a status together with
 * its message, a folder of its own for a test's files. */
#ifndef EIE_TESTS_SUPPORT_TEST_H
#define EIE_TESTS_SUPPORT_TEST_H

#include "host/base/error.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_COUNT(array) (sizeof(array) / sizeof *(array))

/* The call succeeds, else its message is the test's failure. `call` writes into `error`. */
#define assert_good(call, error)                                                                   \
    do {                                                                                           \
        const enum eie_status test_status = (call);                                                \
        if (test_status != EIE_OK) fail_msg("status %d: %s", (int)test_status, (error).message);   \
    } while (0)

/* The call fails with that status and a message that holds `part`. */
#define assert_bad(call, wanted, error, part)                                                      \
    do {                                                                                           \
        (error).message[0] = '\0';                                                                 \
        const enum eie_status test_status = (call);                                                \
        if (test_status != (wanted) || !strstr((error).message, (part)))                           \
            fail_msg("status %d, wanted %d with \"%s\"; message: %s", (int)test_status,            \
                     (int)(wanted), (part), (error).message);                                      \
    } while (0)

/* ---- files ----------------------------------------------------------------------------------- */

struct test_folder {
    char path[512];
};

static inline void test_folder_make(struct test_folder *folder)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/eie-test-XXXXXX",
             base && *base ? base : P_tmpdir);
    if (!mkdtemp(folder->path)) fail_msg("%s: cannot be made", folder->path);
}

/* Path of a file in the folder; the string lives until the fourth call after this one. */
static inline const char *test_path(const struct test_folder *folder, const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof *paths, "%s/%s", folder->path, name);
    return path;
}

static inline void test_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file) fail_msg("%s: cannot be written", path);
    if (size) assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The whole file, to be freed; a 0 byte stands behind it. */
static inline uint8_t *test_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: cannot be read", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long length = ftell(file);
    assert_true(length >= 0);
    rewind(file);
    uint8_t *bytes = calloc((size_t)length + 1, 1);
    assert_non_null(bytes);
    *size = fread(bytes, 1, (size_t)length, file);
    assert_int_equal(*size, length);
    fclose(file);
    return bytes;
}

/* Files and folders directly in `path`. */
static inline unsigned test_entries(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) fail_msg("%s: cannot be listed", path);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(folder);
    return count;
}

static inline int test_remove_one(const char *path, const struct stat *info, int kind,
                                  struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static inline void test_folder_remove(const struct test_folder *folder)
{
    nftw(folder->path, test_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
