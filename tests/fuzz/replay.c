/* Feeds files, and all files of folders, to a fuzz target: the committed corpus runs as a test with
 * any compiler. Exit code 2 where there was nothing to feed. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

static unsigned replayed;

static void feed_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    FUZZ_MUST(file && !fseek(file, 0, SEEK_END));
    const long size = ftell(file);
    FUZZ_MUST(size >= 0);
    uint8_t *data = malloc((size_t)size + !size);
    rewind(file);
    FUZZ_MUST(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    replayed++;
}

static void feed(const char *path)
{
    struct stat info;
    FUZZ_MUST(!stat(path, &info));
    if (!S_ISDIR(info.st_mode)) {
        feed_file(path);
        return;
    }
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    FUZZ_MUST(count >= 0);
    for (int i = 0; i < count; i++) {
        char below[PATH_SIZE];
        snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
        if (*entries[i]->d_name != '.') {
            fprintf(stderr, "%s\n", below); /* the last line names the input that failed */
            feed_file(below);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int count, char **paths)
{
    for (int i = 1; i < count; i++) feed(paths[i]);
    printf("%u inputs replayed\n", replayed);
    return replayed ? 0 : 2;
}
