/* Reading with a limit, writing whole or not at all. */
#include "host/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX / 2];

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/eie-test-XXXXXX", base != NULL ? base : P_tmpdir);
    return mkdtemp(folder) != NULL && chmod(folder, 0755) == 0 ? 0 : -1;
}

/* Number of files in the folder; deletes them when asked to. */
static int count_files(bool remove_them)
{
    DIR *entries = opendir(folder);
    int count = 0;
    if (entries == NULL) return -1;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        count++;
        if (remove_them) remove(in_folder(entry->d_name));
    }
    closedir(entries);
    return count;
}

static int clear_folder(void **state)
{
    (void)state;
    return count_files(true) >= 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *text)
{
    struct eie_bytes bytes;
    struct eie_error error;
    assert_int_equal(eie_file_read(path, 1000, &bytes, &error), EIE_OK);
    assert_string_equal((const char *)bytes.data, text);
    assert_int_equal(bytes.size, strlen(text));
    eie_bytes_free(&bytes);
}

/* Runs `body` in a child that is not root; its result is the child's exit code. */
static int without_rights(int (*body)(void))
{
    int code = -1;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(100);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    return WIFEXITED(code) ? WEXITSTATUS(code) : 101;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void read_whole(void **state)
{
    struct eie_bytes bytes;
    struct eie_error error;
    (void)state;
    put(in_folder("a"), "hello");
    for (size_t limit = 0; limit < 8; limit++) {
        const enum eie_status status = eie_file_read(in_folder("a"), limit, &bytes, &error);
        assert_int_equal(status, limit < 5 ? EIE_INPUT : EIE_OK);
        if (status == EIE_OK) {
            assert_int_equal(bytes.size, 5);
            assert_int_equal((uintptr_t)bytes.data % 64, 0);
            assert_string_equal((const char *)bytes.data, "hello");
        } else {
            assert_null(bytes.data);
            assert_non_null(strstr(error.message, "larger"));
        }
        eie_bytes_free(&bytes);
    }
    assert_int_equal(eie_file_read(in_folder("a"), SIZE_MAX, &bytes, &error), EIE_OK);
    eie_bytes_free(&bytes);
    put(in_folder("empty"), "");
    assert_int_equal(eie_file_read(in_folder("empty"), 0, &bytes, &error), EIE_OK);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(bytes.data[0], 0);
    eie_bytes_free(&bytes);
    eie_bytes_free(&bytes);
}

static void read_missing_and_folder(void **state)
{
    struct eie_bytes bytes;
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_file_read(in_folder("none"), 10, &bytes, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "none"));
    assert_int_equal(eie_file_read("", 10, &bytes, NULL), EIE_INPUT);
    assert_int_equal(eie_file_read(folder, 10, &bytes, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "folder"));
    put(in_folder("a"), "x");
    assert_int_equal(eie_file_read(in_folder("a/b"), 10, &bytes, &error), EIE_INPUT);
    assert_int_equal(symlink("loop", in_folder("loop")), 0);
    assert_int_equal(eie_file_read(in_folder("loop"), 10, &bytes, &error), EIE_INPUT);
    assert_null(bytes.data);
}

static void read_device(void **state)
{
    struct eie_bytes bytes;
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_file_read("/dev/zero", 1000000, &bytes, &error), EIE_INPUT);
    assert_null(bytes.data);
    assert_int_equal(eie_file_read("/dev/zero", SIZE_MAX, &bytes, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "device"));
    assert_int_equal(eie_file_read("/dev/null", 10, &bytes, &error), EIE_OK);
    assert_int_equal(bytes.size, 0);
    eie_bytes_free(&bytes);
    /* its size is said to be 0 */
    assert_int_equal(eie_file_read("/proc/self/status", 100000, &bytes, &error), EIE_OK);
    assert_true(bytes.size > 100);
    eie_bytes_free(&bytes);
}

#define PIPED 300000
static void *feed(void *path)
{
    char block[1000];
    FILE *file = fopen(path, "w");
    memset(block, 'p', sizeof block);
    for (int i = 0; file != NULL && i < PIPED / 1000; i++) fwrite(block, 1, sizeof block, file);
    if (file != NULL) fclose(file);
    return NULL;
}

static void read_fifo(void **state)
{
    struct eie_bytes bytes;
    struct eie_error error;
    char path[PATH_MAX];
    pthread_t feeder;
    (void)state;
    snprintf(path, sizeof path, "%s", in_folder("fifo"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&feeder, NULL, feed, path), 0);
    assert_int_equal(eie_file_read(path, PIPED, &bytes, &error), EIE_OK);
    pthread_join(feeder, NULL);
    assert_int_equal(bytes.size, PIPED);
    for (size_t i = 0; i < PIPED; i++) assert_int_equal(bytes.data[i], 'p');
    eie_bytes_free(&bytes);
}

static void read_pipe_without_writer(void **state)
{
    struct eie_bytes bytes;
    struct eie_error error;
    (void)state;
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(eie_file_read(in_folder("fifo"), SIZE_MAX, &bytes, &error), EIE_INPUT);
    assert_non_null(strstr(error.message, "nobody writes"));
    assert_null(bytes.data);
}

static int read_secret(void)
{
    struct eie_bytes bytes;
    struct eie_error error;
    if (eie_file_read(in_folder("secret"), 10, &bytes, &error) != EIE_SYSTEM) return 1;
    return strstr(error.message, "ermission") != NULL ? 0 : 2;
}

static void read_without_permission(void **state)
{
    (void)state;
    put(in_folder("secret"), "x");
    assert_int_equal(chmod(in_folder("secret"), 0), 0);
    assert_int_equal(without_rights(read_secret), 0);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_and_replace(void **state)
{
    struct eie_output output;
    struct eie_error error;
    struct stat info;
    (void)state;
    const mode_t before = umask(027);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(eie_output_begin(in_folder("a"), &output, &error), EIE_OK);
        fprintf(output.stream, "round %d", round);
        if (round == 1) assert_content(in_folder("a"), "round 0");
        assert_int_equal(eie_output_commit(&output, &error), EIE_OK);
        assert_content(in_folder("a"), round == 0 ? "round 0" : "round 1");
        eie_output_abandon(&output);
        assert_int_equal(count_files(false), 1);
    }
    umask(before);
    assert_int_equal(stat(in_folder("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(eie_output_commit(&output, &error), EIE_SYSTEM);
}

static void write_abandoned(void **state)
{
    struct eie_output output;
    struct eie_error error;
    (void)state;
    put(in_folder("a"), "old");
    assert_int_equal(eie_output_begin(in_folder("a"), &output, &error), EIE_OK);
    fputs("new", output.stream);
    eie_output_abandon(&output);
    eie_output_abandon(&output);
    assert_content(in_folder("a"), "old");
    assert_int_equal(count_files(false), 1);
}

static void write_through_link(void **state)
{
    struct eie_output output;
    struct eie_error error;
    struct stat info;
    char target[PATH_MAX];
    (void)state;
    snprintf(target, sizeof target, "%s", in_folder("target"));
    put(target, "old");
    assert_int_equal(symlink("target", in_folder("link")), 0);
    assert_int_equal(eie_output_begin(in_folder("link"), &output, &error), EIE_OK);
    fputs("new", output.stream);
    assert_int_equal(eie_output_commit(&output, &error), EIE_OK);
    assert_content(target, "new");
    assert_int_equal(lstat(in_folder("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void write_nowhere(void **state)
{
    struct eie_output output;
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_output_begin("", &output, &error), EIE_USAGE);
    assert_int_equal(eie_output_begin(folder, &output, &error), EIE_USAGE);
    assert_int_equal(eie_output_begin(in_folder("new/"), &output, &error), EIE_USAGE);
    assert_int_equal(eie_output_begin(in_folder("no/file"), &output, &error), EIE_SYSTEM);
    assert_non_null(strstr(error.message, "folder"));
    eie_output_abandon(&output);
    assert_int_equal(count_files(false), 0);
}

static int write_forbidden(void)
{
    struct eie_output output;
    struct eie_error error;
    if (eie_output_begin(in_folder("new"), &output, &error) != EIE_SYSTEM) return 1;
    if (strstr(error.message, "ermission") == NULL) return 2;
    return eie_output_begin(in_folder("old"), &output, NULL) == EIE_SYSTEM ? 0 : 3;
}

static void write_without_permission(void **state)
{
    (void)state;
    put(in_folder("old"), "old");
    assert_int_equal(chmod(in_folder("old"), 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(without_rights(write_forbidden), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_content(in_folder("old"), "old");
    assert_int_equal(count_files(false), 1);
}

static void write_to_full_device(void **state)
{
    static char block[100000];
    struct eie_output output;
    struct eie_error error;
    (void)state;
    for (size_t size = 1; size <= sizeof block; size *= 100000) {
        assert_int_equal(eie_output_begin("/dev/full", &output, &error), EIE_OK);
        assert_null(output.temporary);
        fwrite(block, 1, size, output.stream);
        error.message[0] = '\0';
        assert_int_equal(eie_output_commit(&output, &error), EIE_SYSTEM);
        assert_non_null(strstr(error.message, "/dev/full"));
        if (size == 1) assert_non_null(strstr(error.message, "free some space"));
    }
    struct stat info;
    assert_int_equal(stat("/dev/full", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* In a child, since the limit cannot be trusted to come off again. */
static int write_beyond_limit(void)
{
    static char block[100000];
    const struct rlimit limit = {10000, 10000};
    struct eie_output output;
    struct eie_error error;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    if (eie_output_begin(in_folder("old"), &output, &error) != EIE_OK) return 2;
    fwrite(block, 1, sizeof block, output.stream);
    if (eie_output_commit(&output, &error) != EIE_SYSTEM) return 3;
    return strstr(error.message, "ulimit") != NULL ? 0 : 4;
}

static void write_to_full_disk(void **state)
{
    (void)state;
    put(in_folder("old"), "old");
    assert_int_equal(chmod(in_folder("old"), 0666), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(without_rights(write_beyond_limit), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_content(in_folder("old"), "old");
    assert_int_equal(count_files(false), 1);
}

/* Standard output that is a regular file is continued, not replaced. */
static int write_to_stdout(void)
{
    struct eie_output output;
    struct eie_error error;
    if (freopen(in_folder("out"), "w", stdout) == NULL) return 1;
    printf("before ");
    if (eie_output_begin("/dev/stdout", &output, &error) != EIE_OK) return 2;
    fprintf(output.stream, "within ");
    if (output.temporary != NULL || eie_output_commit(&output, &error) != EIE_OK) return 3;
    printf("after");
    return fflush(stdout) == 0 ? 0 : 4;
}

static void write_to_redirected_stdout(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(without_rights(write_to_stdout), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_content(in_folder("out"), "before within after");
}

static void write_to_pipe(void **state)
{
    struct eie_output output;
    struct eie_error error;
    char path[64], text[8] = "";
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    assert_int_equal(eie_output_begin(path, &output, &error), EIE_OK);
    assert_null(output.temporary);
    fputs("piped", output.stream);
    assert_int_equal(eie_output_commit(&output, &error), EIE_OK);
    assert_int_equal(read(ends[0], text, sizeof text), 5);
    assert_string_equal(text, "piped");
    close(ends[0]);
    close(ends[1]);
}

static void unlink_pending(void **state)
{
    struct eie_output first, second;
    struct eie_error error;
    (void)state;
    assert_int_equal(eie_output_begin(in_folder("a"), &first, &error), EIE_OK);
    assert_int_equal(eie_output_begin(in_folder("b"), &second, &error), EIE_OK);
    assert_int_equal(count_files(false), 2);
    eie_output_unlink_pending();
    assert_int_equal(count_files(false), 0);
    eie_output_abandon(&first);
    assert_int_equal(eie_output_commit(&second, &error), EIE_SYSTEM);
    assert_int_equal(eie_output_begin(in_folder("a"), &first, &error), EIE_OK);
    assert_int_equal(eie_output_commit(&first, &error), EIE_OK);
    eie_output_unlink_pending();
    assert_content(in_folder("a"), "");
}

static void many_outputs(void **state)
{
    struct eie_output outputs[17];
    struct eie_error error;
    char name[32];
    (void)state;
    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(eie_output_begin(in_folder(name), &outputs[i], &error),
                         i < 16 ? EIE_OK : EIE_SYSTEM);
    }
    for (int i = 0; i < 17; i++) eie_output_abandon(&outputs[i]);
    assert_int_equal(count_files(false), 0);
}

static void own_program(void **state)
{
    struct eie_error error;
    char path[PATH_MAX];
    (void)state;
    assert_int_equal(eie_program_path(path, &error), EIE_OK);
    assert_int_equal(path[0], '/');
    assert_string_equal(strrchr(path, '/'), "/test_file");
}

static void data_folder(void **state)
{
    struct eie_error error;
    const char *path;
    char expected[PATH_MAX];
    (void)state;
    assert_int_equal(setenv("EIE_DATA_DIR", in_folder("none"), 1), 0);
    assert_int_equal(eie_data_dir(&path, &error), EIE_INPUT);
    assert_null(path);
    assert_non_null(strstr(error.message, "EIE_DATA_DIR"));
    assert_int_equal(setenv("EIE_DATA_DIR", folder, 1), 0);
    assert_int_equal(eie_data_dir(&path, &error), EIE_OK);
    assert_non_null(realpath(folder, expected));
    assert_string_equal(path, expected);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, clear_folder)
    const struct CMUnitTest tests[] = {
        TEST(read_whole),
        TEST(read_missing_and_folder),
        TEST(read_device),
        TEST(read_fifo),
        TEST(read_pipe_without_writer),
        TEST(read_without_permission),
        TEST(write_and_replace),
        TEST(write_abandoned),
        TEST(write_through_link),
        TEST(write_nowhere),
        TEST(write_without_permission),
        TEST(write_to_full_device),
        TEST(write_to_full_disk),
        TEST(write_to_redirected_stdout),
        TEST(write_to_pipe),
        TEST(unlink_pending),
        TEST(many_outputs),
        TEST(own_program),
        TEST(data_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
