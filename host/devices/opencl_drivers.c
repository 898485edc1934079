#include "host/devices/opencl_drivers.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define VENDORS_FOLDER   "/etc/OpenCL/vendors"
#define VENDORS_VARIABLE "OCL_ICD_VENDORS"
#define POCL             "Portable Computing Language"
#define CACHE_BYTES      (1u << 20) /* less free than this, and pocl's linker fails */

/* ---- drivers -------------------------------------------------------------------------------- */

/* The first line as the loader takes it: all of it but the line feed. `error` is errno, 0 where it
 * was read. */
static size_t first_line(const char *path, char *line, size_t size, int *error)
{
    FILE *file = fopen(path, "re");
    *error = file ? 0 : errno;
    const size_t length = file ? fread(line, 1, size - 1, file) : 0;
    if (file && ferror(file)) *error = errno;
    if (file) fclose(file);
    line[length] = 0;
    char *end = memchr(line, '\n', length);
    if (!end) return length;
    *end = 0;
    return (size_t)(end - line) + 1;
}

/* What keeps the loader from a library whose name looks right; NULL when it is not the line. */
static const char *fault_of_line(const char *line, size_t length)
{
    const size_t size = strlen(line);
    if (!length) return "is empty: it must name a library";
    if (!strncmp(line, "\xff\xfe", 2) || !strncmp(line, "\xfe\xff", 2) || size + 1 < length)
        return "is no plain text (UTF-16?): the loader reads plain text alone";
    if (!strncmp(line, "\xef\xbb\xbf", 3))
        return "begins with a byte-order mark, which the loader takes for a part of the library's "
               "name: save it without";
    if (!line[strspn(line, " \t\r\n")])
        return "names no library in its first line, the only one that the loader reads";
    if (line[size - 1] == '\r')
        return "ends its line in CRLF, and the loader takes the CR for a part of the library's "
               "name: sed -i 's/\\r$//' it";
    if (strchr(" \t", line[0]) || strchr(" \t", line[size - 1]))
        return "has blanks around the library's name, which the loader takes for a part of it: "
               "remove them";
    return NULL;
}

static void try_driver(struct eie_listing *listing, const char *path, const char *name)
{
    char library[512], why[256], word[64];
    int error;
    const size_t length = first_line(path, library, sizeof library, &error);
    void *handle = length && *library ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : NULL;
    const char *words = handle || !*library ? NULL : dlerror();
    const char *fault = handle ? NULL : fault_of_line(library, length);
    if (handle &&
        (dlsym(handle, "clIcdGetPlatformIDsKHR") || dlsym(handle, "clGetExtensionFunctionAddress")))
        return;
    if (handle)
        snprintf(why, sizeof why, "%.120s, which %.100s names, is no OpenCL driver", library, path);
    else if (error)
        snprintf(why, sizeof why, "%.150s cannot be read: %s", path, strerror(error));
    else if (fault)
        snprintf(why, sizeof why, "%.130s %s", path, fault);
    else
        snprintf(why, sizeof why, "the driver of %.110s cannot be loaded: %.110s", path,
                 words ? words : library);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "."), name);
    eie_listing_add_absent(listing, word, why);
}

static bool is_driver_file(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".icd");
}

/* How many driver files a folder has, each tried. */
static uint32_t try_folder(struct eie_listing *listing, const char *folder)
{
    struct dirent **names;
    uint32_t tried = 0;
    const int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (is_driver_file(names[i]->d_name)) {
            try_driver(listing, path, names[i]->d_name);
            tried++;
        }
        free(names[i]);
    }
    if (count >= 0) free(names);
    return tried;
}

void eie_opencl_try_drivers(struct eie_listing *listing)
{
    const char *given = getenv(VENDORS_VARIABLE); /* a folder, or one file */
    const bool own = given && *given;
    const char *place = own ? given : VENDORS_FOLDER, *slash = strrchr(place, '/');
    struct stat info;
    char why[256];
    const bool there = !stat(place, &info), folder = there && S_ISDIR(info.st_mode);
    if (folder)
        try_folder(listing, place);
    else if (is_driver_file(place) && there)
        try_driver(listing, place, slash ? slash + 1 : place);
    if (listing->count) return;
    snprintf(why, sizeof why, "OpenCL: no driver is registered: %s%.100s %s%s",
             own ? VENDORS_VARIABLE "=" : "", place,
             folder  ? "has no file that ends in .icd"
             : there ? "is neither a folder nor a file that ends in .icd"
                     : "is not there",
             own ? "" : " (pocl-opencl-icd brings one for the processor)");
    eie_listing_add_absent(listing, "none", why);
}

/* ---- pocl's cache --------------------------------------------------------------------------- */

/* As pocl looks for it; false where the name is too long for it. */
static bool cache_folder(char *folder, size_t size)
{
    const char *own = getenv("POCL_CACHE_DIR"), *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length;
    if (own)
        length = snprintf(folder, size, "%s", own);
    else if (base && *base)
        length = snprintf(folder, size, "%s/pocl/kcache", base);
    else if (home)
        length = snprintf(folder, size, "%s/.cache/pocl/kcache", home);
    else
        length = snprintf(folder, size, "/tmp/pocl/kcache");
    return length > 0 && (size_t)length < size;
}

/* With everything above it; 0 or errno. */
static int make_folder(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/", folder);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return errno;
        *slash = '/';
    }
    return 0;
}

/* 0, or errno of what keeps files from being made there. */
static int try_to_write(const char *folder)
{
    char path[PATH_MAX + 16];
    struct statvfs disk;
    const int missing = make_folder(folder);
    if (missing) return missing;
    snprintf(path, sizeof path, "%s/eie-XXXXXX", folder);
    const int file = mkstemp(path);
    if (file < 0) return errno;
    const bool full = !fstatvfs(file, &disk) && disk.f_bavail * disk.f_frsize < CACHE_BYTES;
    close(file);
    unlink(path);
    return full ? ENOSPC : 0;
}

bool eie_pocl_cache_fault(const char *platform, char *why, size_t size)
{
    char folder[PATH_MAX - 64];
    if (strcmp(platform, POCL) || !cache_folder(folder, sizeof folder)) return false;
    const int code = try_to_write(folder);
    if (!code) return false;
    snprintf(why, size,
             "OpenCL: pocl cannot make its cache in %.120s (%s): set POCL_CACHE_DIR to a folder "
             "that can be written",
             folder, strerror(code));
    return true;
}
